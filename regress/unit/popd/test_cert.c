/* SPDX-License-Identifier: ISC */
/* links: popd/cert.c */
/* libs: -lssl -lcrypto */
/* Certificates by their names: which one is found, compared with a search that looks at each; which names count; what is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "popd/popd.h"

#define DAY	86400

static EVP_PKEY	*pkey;

/* Of a handshake, and there is none here. */
void sign_key(const EVP_PKEY *key, const uint8_t keyid[PROTO_KEYID_LEN]) { (void)key; (void)keyid; }

/* A certificate in PEM with these names, separated by commas, that is valid for so many days. */
static char *
pem(const char *names, int days, size_t *len)
{
	X509		*x = X509_new();
	X509_EXTENSION	*ext;
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*data, *copy;
	long		 n;

	if (pkey == NULL)
		assert_non_null(pkey = EVP_EC_gen("P-256"));
	assert_int_equal(X509_set_version(x, 2), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -DAY));
	assert_non_null(X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL));
	assert_int_equal(X509_set_pubkey(x, pkey), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"common.example",
	    -1, -1, 0), 1);
	if (*names != '\0') {
		assert_non_null(ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names));
		assert_int_equal(X509_add_ext(x, ext, -1), 1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(x, pkey, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	n = BIO_get_mem_data(bio, &data);
	assert_non_null(copy = malloc((size_t)n));
	memcpy(copy, data, (size_t)n);
	*len = (size_t)n;
	BIO_free(bio);
	X509_free(x);
	return (copy);
}

static struct cert *
cert(uint32_t id, const char *names, int days)
{
	uint8_t		 keyid[PROTO_KEYID_LEN] = { (uint8_t)id };
	struct cert	*c;
	char		*text, err[256] = "";
	size_t		 len;

	text = pem(names, days, &len);
	assert_non_null(c = cert_new(id, text, len, keyid, err, sizeof(err)));
	assert_string_equal(err, "");
	free(text);
	return (c);
}

static const struct cert *
find(const struct certs *all, const char *name)
{
	return (certs_find(all, name));
}

static void
names(void **state)
{
	struct certs		*all = certs_new();
	struct cert		*own = cert(0, "DNS:own.example,DNS:*.both.example", 10), *a = cert(1, "DNS:A.Example,IP:192.0.2.1,DNS:b.example", 10),
				*b = cert(2, "DNS:*.example,DNS:*.both.example,DNS:w*.c.example,DNS:*.*.d.example,DNS:*,DNS:*.", 10);
	char			 longest[300];

	(void)state;
	assert_null(find(all, "own.example"));
	certs_own(all, own);
	assert_int_equal(certs_add(all, a), 0);
	assert_int_equal(certs_add(all, b), 0);
	assert_ptr_equal(find(all, "own.example"), own);
	assert_ptr_equal(find(all, "OWN.example"), own);
	assert_ptr_equal(find(all, "a.example"), a);
	assert_ptr_equal(find(all, "B.EXAMPLE"), a);
	assert_ptr_equal(find(all, "c.example"), b);
	assert_ptr_equal(find(all, "x.both.example"), own);
	assert_null(find(all, "x.c.example"));
	assert_null(find(all, "wx.c.example"));
	assert_null(find(all, "w*.c.example"));
	assert_null(find(all, "*.*.d.example"));
	assert_null(find(all, "x.y.d.example"));
	assert_null(find(all, "common.example.org"));
	assert_null(find(all, "192.0.2.1"));
	assert_null(find(all, "example"));
	assert_null(find(all, ""));
	assert_null(find(all, "."));
	assert_null(find(all, ".example"));
	memset(longest, 'x', sizeof(longest));
	strlcpy(longest + 253 - 8, ".example", 9);
	assert_ptr_equal(find(all, longest), b);
	memset(longest, 'x', sizeof(longest));
	strlcpy(longest + 254 - 8, ".example", 9);
	assert_null(find(all, longest));
	/* Without the listener's own: its names are unknown, and others come to the front. */
	certs_own(all, NULL);
	assert_ptr_equal(find(all, "own.example"), b);
	assert_ptr_equal(find(all, "x.both.example"), b);
	assert_int_equal(certs_remove(all, 2), 1);
	assert_int_equal(certs_remove(all, 2), 0);
	assert_null(find(all, "own.example"));
	assert_ptr_equal(find(all, "a.example"), a);
	assert_ptr_equal(certs_has(all, 1), a);
	assert_null(certs_has(all, 2));
	certs_free(all);
}

/* Of those with the same name the one counts that is valid longest, whichever came first; then what the keys are called. */
static void
twice(void **state)
{
	static const int	 orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
	static const int	 days[] = { 5, 50, 50 };
	struct certs		*all;
	const struct cert	*found;
	size_t			 i, k;

	(void)state;
	for (i = 0; i < nitems(orders); i++) {
		all = certs_new();
		for (k = 0; k < 3; k++)
			assert_int_equal(certs_add(all, cert((uint32_t)orders[i][k] + 1, "DNS:a.example,DNS:a.example", days[orders[i][k]])), 0);
		assert_non_null(found = find(all, "a.example"));
		/* The two of fifty days were made in the same second, or not. */
		assert_true(found == certs_has(all, 2) || found == certs_has(all, 3));
		certs_own(all, cert(0, "DNS:a.example", 1));
		assert_ptr_equal(find(all, "a.example"), certs_has(all, 0));
		certs_free(all);
	}
}

static void
expiry(void **state)
{
	struct cert	*old = cert(1, "DNS:a.example", -1), *older = cert(2, "DNS:a.example", -9), *now = cert(3, "DNS:a.example", 9);
	char		 err[256] = "";

	(void)state;
	assert_true(cert_until(now) > (int64_t)time(NULL) + 8 * DAY && cert_until(now) <= (int64_t)time(NULL) + 9 * DAY);
	assert_true(cert_until(old) < (int64_t)time(NULL));
	assert_int_equal(cert_worse(old, NULL, err, sizeof(err)), 0);
	assert_int_equal(cert_worse(older, old, err, sizeof(err)), 0);
	assert_int_equal(cert_worse(now, old, err, sizeof(err)), 0);
	assert_string_equal(err, "");
	assert_int_equal(cert_worse(old, now, err, sizeof(err)), 1);
	assert_int_equal(strncmp(err, "the certificate has expired on 20", 33), 0);
	cert_free(old);
	cert_free(older);
	cert_free(now);
}

/* What is no certificate, and one cut anywhere; one without names can be the listener's own only. */
static void
unreadable(void **state)
{
	uint8_t		 keyid[PROTO_KEYID_LEN] = { 0 };
	struct cert	*c;
	char		*text, err[256];
	size_t		 len, cut;

	(void)state;
	text = pem("", 5, &len);
	for (cut = 0; cut < len - sizeof("-----END CERTIFICATE-----"); cut++) {
		err[0] = '\0';
		assert_null(cert_new(1, text, cut, keyid, err, sizeof(err)));
		assert_string_equal(err, "the certificate cannot be read");
	}
	assert_non_null(c = cert_new(1, text, len, keyid, err, sizeof(err)));
	assert_int_equal(cert_named(c), 0);
	cert_free(c);
	free(text);
	c = cert(1, "DNS:a.example", 5);
	assert_int_equal(cert_named(c), 1);
	cert_free(c);
	cert_free(NULL);
	certs_free(NULL);
}

/* Whether a name of a certificate means a name that is asked for, one after the other. */
static int
means(const char *name, const char *asked)
{
	const char	*dot;

	if (strncmp(name, "*.", 2) != 0)
		return (strcasecmp(name, asked) == 0);
	return ((dot = strchr(asked, '.')) != NULL && dot > asked && strcasecmp(name + 1, dot) == 0);
}

/* Certificates that come and go, with few names: found is what a look at each of them finds. */
static void
random_names(void **state)
{
	static const char *const labels[] = { "a", "B", "*", "c" };
	static const char *const asks[] = { "a", "b", "c", "A" };
	struct certs		*all = certs_new();
	char			 name[12][2][32], asked[32], san[96];
	int			 there[12] = { 0 }, i, k, round, exact, wild;
	const struct cert	*found;
	unsigned int		 seed = 5, id;

	(void)state;
	for (round = 0; round < 3000; round++) {
		id = (unsigned int)rand_r(&seed) % 12;
		if (there[id] && rand_r(&seed) % 2) {
			if (id == 0)
				certs_own(all, NULL);
			else
				assert_int_equal(certs_remove(all, id), 1);
			there[id] = 0;
		} else {
			for (k = 0; k < 2; k++)
				snprintf(name[id][k], sizeof(name[id][k]), "%s.%s.x", labels[rand_r(&seed) % 4], asks[rand_r(&seed) % 4]);
			snprintf(san, sizeof(san), "DNS:%s,DNS:%s", name[id][0], name[id][1]);
			if (id == 0)
				certs_own(all, cert(0, san, 5));
			else
				assert_int_equal(certs_add(all, cert(id, san, 5)), 0);
			there[id] = 1;
		}
		snprintf(asked, sizeof(asked), "%s.%s.x", asks[rand_r(&seed) % 4], asks[rand_r(&seed) % 4]);
		found = find(all, asked);
		exact = wild = 0;
		for (i = 0; i < 12; i++)
			for (k = 0; there[i] && k < 2; k++)
				*(name[i][k][0] == '*' ? &wild : &exact) |= means(name[i][k], asked) ? 1 << i : 0;
		if (exact == 0)
			exact = wild;
		if (exact == 0) {
			assert_null(found);
			continue;
		}
		assert_non_null(found);
		for (i = 0; certs_has(all, (uint32_t)i) != found; i++)
			assert_true(i < 11);
		assert_true(exact & 1 << i);
		if (exact & 1)
			assert_int_equal(i, 0);
	}
	certs_free(all);
}

static void
bounds(void **state)
{
	struct certs	*all = certs_new();
	struct cert	*last;
	uint32_t	 id;

	(void)state;
	for (id = 1; id <= 2 * PROTO_CERTIFICATES_MAX; id++)
		assert_int_equal(certs_add(all, cert(id, "DNS:a.example", 5)), 0);
	assert_int_equal(certs_add(all, last = cert(id, "DNS:last.example", 5)), -1);
	cert_free(last);
	assert_null(find(all, "last.example"));
	assert_int_equal(certs_add(all, last = cert(7, "DNS:last.example", 5)), 0);
	assert_ptr_equal(find(all, "last.example"), last);
	certs_free(all);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(twice),
		cmocka_unit_test(expiry),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(random_names),
		cmocka_unit_test(bounds)
	};

	cert_warm();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
