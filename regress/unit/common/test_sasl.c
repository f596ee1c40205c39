/* SPDX-License-Identifier: ISC */
/* libs: -lcrypto -lgsasl -lmd */
/* SASL exchanges without a server: what each mechanism says, and what it does not put up with. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/compat.h"
#include "common/sasl/base64.h"
#include "fetcher/pop3.h"

#define SALT	"W22ZaJ0SNY7s"

static struct sasl		 sasl;
static struct sasl_credential	 cred;
static struct buf		 out;

static void
begin(enum auth_mech mech, const char *user, const char *secret)
{
	sasl_end(&sasl);
	buf_free(&out);
	buf_init(&out, 20000);
	memset(&sasl, 0, sizeof(sasl));
	cred = (struct sasl_credential){ user, "pop.example.org", 995, (const uint8_t *)secret, strlen(secret) };
	assert_int_equal(sasl_begin(&sasl, mech, &cred), 0);
}

/* One round; the response is in out. */
static enum sasl_result
step(const char *challenge, size_t len)
{
	uint8_t			*p = malloc(len > 0 ? len : 1);
	enum sasl_result	 r;

	assert_non_null(p);
	memcpy(p, challenge, len);
	buf_consume(&out, buf_len(&out));
	r = sasl_step(&sasl, p, len, &out);
	free(p);
	return (r);
}

static void
said(const char *text, size_t len)
{
	assert_int_equal(buf_len(&out), len);
	if (len > 0)
		assert_memory_equal(buf_data(&out), text, len);
}

#define STEP(challenge, r)	assert_int_equal(step(challenge, sizeof(challenge) - 1), r)
#define SAID(text)		said(text, sizeof(text) - 1)

static void
failed(enum fail_why why, const char *part)
{
	assert_int_equal(sasl.why, why);
	assert_non_null(strstr(sasl.text, part));
}

/* Octet for octet, UTF-8 or not. */
static void
test_by_hand(void **state __unused)
{
	begin(AUTH_PLAIN, "us\xe4r", "p\xff\xc3\xa4 w");
	STEP("", SASL_LAST);
	SAID("\0us\xe4r\0p\xff\xc3\xa4 w");
	assert_true(sasl.done);
	STEP("", SASL_FAILED);
	begin(AUTH_LOGIN, "us\xe4r", "p\xff w");
	STEP("Username:", SASL_MORE);
	SAID("us\xe4r");
	assert_false(sasl.done);
	STEP("Password:", SASL_LAST);
	SAID("p\xff w");
	STEP("Again:", SASL_FAILED);
	failed(WHY_PROTO, "goes on");
	begin(AUTH_EXTERNAL, "user", "");
	STEP("", SASL_LAST);
	SAID("user");
}

static void
test_oauth(void **state __unused)
{
	begin(AUTH_XOAUTH2, "u@example.org", "ya29.token");
	STEP("", SASL_LAST);
	SAID("user=u@example.org\001auth=Bearer ya29.token\001\001");
	STEP("{\"status\":\"400\"}", SASL_MORE);
	SAID("");
	assert_false(sasl.done);
	assert_int_equal(sasl.refusallen, 16);
	STEP("", SASL_FAILED);
	begin(AUTH_OAUTHBEARER, "a=b,c", "tok");
	STEP("", SASL_LAST);
	SAID("n,a=a=3Db=2Cc,\001host=pop.example.org\001port=995\001auth=Bearer tok\001\001");
	STEP("{\"status\":\"invalid_token\"}", SASL_MORE);
	SAID("\001");
	begin(AUTH_XOAUTH2, "u\001auth=Bearer x", "tok");
	STEP("", SASL_FAILED);
	failed(WHY_CONFIG, "control");
	begin(AUTH_OAUTHBEARER, "u", "tok\001x");
	STEP("", SASL_FAILED);
	failed(WHY_CONFIG, "token");
	begin(AUTH_OAUTHBEARER, "u", "");
	STEP("", SASL_FAILED);
}

/* RFC 2195 section 2 */
static void
test_cram(void **state __unused)
{
	begin(AUTH_CRAM_MD5, "tim", "tanstaaftanstaaf");
	STEP("<1896.697170952@postoffice.reston.mci.net>", SASL_LAST);
	SAID("tim b913a602c7eda7a495b4e6e7334d3890");
}

/* The server's half of SCRAM (RFC 5802), for one user; "" where it is to lie. */
static void
scram_server(const EVP_MD *md, const char *password, const char *iterations, const char *nonce, const char *proof, char *last,
    size_t lastsize)
{
	unsigned char	 salted[64], key[64], stored[64], signature[64], sig[64], salt[9];
	char		 first[200], message[600];
	const char	*client = (const char *)buf_data(&out) + 3;
	size_t		 clientlen = buf_len(&out) - 3, n;
	unsigned int	 len = (unsigned int)EVP_MD_size(md), i;
	struct buf	 b;
	char		 bare[200];

	assert_memory_equal(buf_data(&out), "n,,n=", 5);
	(void)snprintf(bare, sizeof(bare), "%.*s", (int)clientlen, client);
	(void)snprintf(first, sizeof(first), "r=%s%s,s=%s,i=%s", nonce == NULL ? strstr(bare, ",r=") + 3 : nonce, "srv", SALT, iterations);
	if (step(first, strlen(first)) == SASL_FAILED) {
		strlcpy(last, "", lastsize);
		return;
	}
	assert_int_equal(base64_decode(salt, sizeof(salt), (const uint8_t *)SALT, 12), 9);
	PKCS5_PBKDF2_HMAC(password, -1, salt, 9, atoi(iterations), md, (int)len, salted);
	HMAC(md, salted, (int)len, (const unsigned char *)"Client Key", 10, key, NULL);
	EVP_Digest(key, len, stored, NULL, md, NULL);
	n = (size_t)((char *)memmem(buf_data(&out), buf_len(&out), ",p=", 3) - (char *)buf_data(&out));
	(void)snprintf(message, sizeof(message), "%s,%s,%.*s", bare, first, (int)n, (char *)buf_data(&out));
	HMAC(md, stored, (int)len, (unsigned char *)message, strlen(message), signature, NULL);
	assert_int_equal(base64_decode(sig, sizeof(sig), buf_data(&out) + n + 3, buf_len(&out) - n - 3), len);
	for (i = 0; i < len; i++)
		sig[i] ^= signature[i];
	EVP_Digest(sig, len, key, NULL, md, NULL);
	assert_memory_equal(key, stored, len);		/* the client knows the password */
	HMAC(md, salted, (int)len, (const unsigned char *)"Server Key", 10, key, NULL);
	HMAC(md, key, (int)len, (unsigned char *)message, strlen(message), signature, NULL);
	buf_init(&b, 200);
	assert_int_equal(base64_encode(&b, signature, len), 0);
	(void)snprintf(last, lastsize, "v=%.*s", (int)buf_len(&b), (char *)buf_data(&b));
	buf_free(&b);
	if (proof != NULL)
		strlcpy(last, proof, lastsize);
}

static void
scram(enum auth_mech mech, const EVP_MD *md, const char *user, const char *password, const char *iterations, const char *proof,
    enum sasl_result r)
{
	char	 last[200];

	begin(mech, user, password);
	STEP("", SASL_MORE);
	scram_server(md, password, iterations, NULL, proof, last, sizeof(last));
	assert_false(sasl.done);
	assert_int_equal(step(last, strlen(last)), r);
	if (r == SASL_LAST)
		SAID("");
}

static void
test_scram(void **state __unused)
{
	scram(AUTH_SCRAM_SHA_1, EVP_sha1(), "user", "pencil", "4096", NULL, SASL_LAST);
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "user", "pencil", "4096", NULL, SASL_LAST);
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "j\xc3\xb6", "p\xc3\xa4ss", "5000", NULL, SASL_LAST);
	/* a server that does not know the password, or says nothing of it */
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "user", "pencil", "4096", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", SASL_FAILED);
	failed(WHY_PROTO, "prove");
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "user", "pencil", "4096", "v=", SASL_FAILED);
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "user", "pencil", "4096", "", SASL_FAILED);
	scram(AUTH_SCRAM_SHA_256, EVP_sha256(), "user", "pencil", "4096", "e=other-error", SASL_FAILED);
}

static void
test_scram_refused(void **state __unused)
{
	static const char	*const counts[] = { "4095", "200001", "1", "0", "-4096", "99999999999", "4096x", "", "+4096", "0x2000" };
	char			 last[200];
	size_t			 i;

	for (i = 0; i < nitems(counts); i++) {
		begin(AUTH_SCRAM_SHA_256, "user", "pencil");
		STEP("", SASL_MORE);
		scram_server(EVP_sha256(), "pencil", counts[i], NULL, NULL, last, sizeof(last));
		failed(WHY_PROTO, "iteration");
	}
	begin(AUTH_SCRAM_SHA_256, "user", "pencil");	/* a nonce that is not ours */
	STEP("", SASL_MORE);
	scram_server(EVP_sha256(), "pencil", "4096", "somebodyelses", NULL, last, sizeof(last));
	failed(WHY_PROTO, "");
	begin(AUTH_SCRAM_SHA_256, "us\xff", "pencil");
	STEP("", SASL_FAILED);
	failed(WHY_CONFIG, "UTF-8");
	begin(AUTH_SCRAM_SHA_256, "user", "p\xff");
	STEP("", SASL_MORE);
	scram_server(EVP_sha256(), "pencil", "4096", NULL, NULL, last, sizeof(last));
	failed(WHY_CONFIG, "UTF-8");
	assert_true(sasl_prepared("p\xc3\xa4", 3));
	assert_false(sasl_prepared("p\xe4", 2));
}

static void
test_scram_check(void **state __unused)
{
	static const struct {
		const char	*text;
		int		 good;
	} t[] = {
		{ "r=abc,s=c2FsdA==,i=4096",		1 },
		{ "r=abc,s=c2FsdA==,i=4096,x=y",	1 },
		{ "r=abc,s=c2FsdA==,i=200000",		1 },
		{ "m=x,r=abc,s=c2FsdA==,i=4096",	0 },
		{ "r=abc,i=4096,s=c2FsdA==",		0 },
		{ "r=abc,s=c2FsdA==",			0 },
		{ "r=abc,s=c2FsdA==,",			0 },
		{ "r=abc,s=c2FsdA==,i",			0 },
		{ "r=abc,s=c2FsdA==,i=",		0 },
		{ "r=abc,",				0 },
		{ "r=abc",				0 },
		{ "r",					0 },
		{ "",					0 }
	};
	uint8_t	*p;
	size_t	 i, len;

	for (i = 0; i < nitems(t); i++) {
		len = strlen(t[i].text);
		assert_non_null(p = malloc(len + (len == 0)));
		memcpy(p, t[i].text, len);
		assert_int_equal(sasl_scram_check(p, len) == NULL, t[i].good);
		free(p);
	}
	assert_non_null(sasl_scram_check((const uint8_t *)"r=a\0,s=b,i=4096", 15));
}

static void
put(uint8_t *p, uint32_t v, int n)
{
	for (; n > 0; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

/* A challenge of len octets: target name of n octets at off, list of m at offm if flags say that there is one. */
static uint8_t *
ntlm(size_t len, uint32_t n, uint32_t off, uint32_t flags, uint32_t m, uint32_t offm)
{
	uint8_t	 full[2048] = "NTLMSSP", *p;

	put(full + 8, 2, 4);
	put(full + 12, n, 2);
	put(full + 14, n, 2);
	put(full + 16, off, 4);
	put(full + 20, flags, 4);
	memcpy(full + 24, "\x01\x23\x45\x67\x89\xab\xcd\xef", 8);
	put(full + 40, m, 2);
	put(full + 42, m, 2);
	put(full + 44, offm, 4);
	assert_non_null(p = malloc(len));
	memcpy(p, full, len);
	return (p);
}

static void
test_ntlm_check(void **state __unused)
{
	static const struct {
		size_t		 len;
		uint32_t	 n, off, flags, m, offm;
		int		 good;
	} t[] = {
		{ 32,	0, 0, 0, 0, 0,				1 },
		{ 40,	8, 32, 0x8201, 0, 0,			1 },
		{ 56,	8, 48, 0x00800201, 0, 0,		1 },
		{ 60,	8, 48, 0x00800201, 4, 56,		1 },
		{ 31,	0, 0, 0, 0, 0,				0 },
		{ 1025,	0, 0, 0, 0, 0,				0 },
		{ 40,	9, 32, 0, 0, 0,				0 },
		{ 40,	8, 33, 0, 0, 0,				0 },
		{ 40,	8, 0xfffffff8, 0, 0, 0,			0 },
		{ 40,	8, 0x7fffffff, 0, 0, 0,			0 },
		{ 40,	0xffff, 0, 0, 0, 0,			0 },
		{ 40,	8, 16, 0, 0, 0,				0 },
		{ 1024,	258, 48, 0, 0, 0,			0 },
		{ 40,	8, 32, 0x00800201, 0, 0,		0 },
		{ 60,	8, 48, 0x00800201, 5, 56,		0 },
		{ 60,	8, 48, 0x00800201, 4, 0xfffffffc,	0 },
		{ 60,	8, 48, 0x00800201, 0xffff, 48,		0 }
	};
	uint8_t	*p;
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		p = ntlm(t[i].len, t[i].n, t[i].off, t[i].flags, t[i].m, t[i].offm);
		assert_int_equal(sasl_ntlm_check(p, t[i].len) == NULL, t[i].good);
		free(p);
	}
	p = ntlm(40, 8, 32, 0, 0, 0);
	p[8] = 3;
	assert_non_null(sasl_ntlm_check(p, 40));
	p[8] = 2;
	p[0] = 'n';
	assert_non_null(sasl_ntlm_check(p, 40));
	free(p);
}

/* What the library builds from the longest names that get past us. */
static void
test_ntlm(void **state __unused)
{
	char	 user[200], challenge[1024];
	uint8_t	*p;

	begin(AUTH_NTLM, "tim", "tanstaaftanstaaf");
	STEP("", SASL_MORE);
	assert_memory_equal(buf_data(&out), "NTLMSSP\0\1\0\0\0", 12);
	p = ntlm(56, 8, 48, 0x00808201, 0, 56);
	memcpy(p + 48, "M\0A\0I\0L\0", 8);
	assert_int_equal(step((char *)p, 56), SASL_LAST);
	assert_memory_equal(buf_data(&out), "NTLMSSP\0\3\0\0\0", 12);
	assert_non_null(memmem(buf_data(&out), buf_len(&out), "M\0A\0I\0L\0", 8));
	assert_non_null(memmem(buf_data(&out), buf_len(&out), "t\0i\0m\0", 6));
	free(p);
	begin(AUTH_MSN, "tim", "tanstaaftanstaaf");
	STEP("", SASL_MORE);
	STEP("NTLMSSP", SASL_FAILED);
	failed(WHY_PROTO, "NTLM");
	memset(user, 'u', sizeof(user));
	user[128] = '\0';
	memset(challenge, 'd', sizeof(challenge));
	p = ntlm(1024, 256, 768, 0, 0, 0);
	memcpy(challenge, p, 48);
	free(p);
	begin(AUTH_NTLM, user, "tanstaaftanstaaf");
	STEP("", SASL_MORE);
	(void)step(challenge, sizeof(challenge));
	user[128] = 'u';
	user[129] = '\0';
	sasl_end(&sasl);
	memset(&sasl, 0, sizeof(sasl));
	assert_int_equal(sasl_begin(&sasl, AUTH_NTLM, &cred), -1);
	failed(WHY_CONFIG, "too long");
}

/* Trap 12: what the library can do besides cannot be reached. */
static void
test_allowed(void **state __unused)
{
	enum auth_mech	 mech;
	int		 n = 0;

	for (mech = 0; mech < AUTH_MAX + 20; mech++)
		n += sasl_supported(mech);
	assert_int_equal(n, 10);
	assert_false(sasl_is(AUTH_USER) || sasl_is(AUTH_APOP) || sasl_is(AUTH_AUTO));
	assert_string_equal(sasl_name(AUTH_SCRAM_SHA_256), "SCRAM-SHA-256");
}

static void
test_base64(void **state __unused)
{
	static const struct {
		const char	*plain, *coded;
	} t[] = {
		{ "",		"" },
		{ "f",		"Zg==" },
		{ "fo",		"Zm8=" },
		{ "foo",	"Zm9v" },
		{ "foob",	"Zm9vYg==" },
		{ "fooba",	"Zm9vYmE=" },
		{ "foobar",	"Zm9vYmFy" },
		{ "\xff\xfe\xfb",	"//77" }
	};
	static const char	*const bad[] = { "Z", "Zg", "Zg=", "=", "====", "Zg=a", "Z===", "Zm9v=", "Zm 9", "Zm9v\r\n==", "Zm9-", "*" };
	uint8_t			 dst[8];
	struct buf		 b;
	size_t			 i;

	for (i = 0; i < nitems(t); i++) {
		buf_init(&b, 100);
		assert_int_equal(base64_encode(&b, (const uint8_t *)t[i].plain, strlen(t[i].plain)), 0);
		assert_int_equal(buf_len(&b), strlen(t[i].coded));
		if (buf_len(&b) > 0)
			assert_memory_equal(buf_data(&b), t[i].coded, buf_len(&b));
		buf_free(&b);
		assert_int_equal(base64_decode(dst, strlen(t[i].plain), (const uint8_t *)t[i].coded, strlen(t[i].coded)), strlen(t[i].plain));
		assert_memory_equal(dst, t[i].plain, strlen(t[i].plain));
	}
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(base64_decode(dst, sizeof(dst), (const uint8_t *)bad[i], strlen(bad[i])), -1);
	assert_int_equal(base64_decode(dst, 5, (const uint8_t *)"Zm9vYmFy", 8), -1);
	assert_int_equal(base64_decode(dst, 8, (const uint8_t *)"Zm\0v", 4), -1);
	buf_init(&b, 7);
	assert_int_equal(base64_encode(&b, (const uint8_t *)"foobar", 6), -1);
	buf_free(&b);
}

/*
 * libgsasl 2.2.0 forgets the decoded verifier when a SCRAM server's proof is wrong; the process that logs in ends with its session.
 * The slow unwinder sees who it is.
 */
const char	*__lsan_default_suppressions(void);
const char	*__asan_default_options(void);

const char *
__lsan_default_suppressions(void)
{
	return ("leak:gsasl_base64_from\n");
}

const char *
__asan_default_options(void)
{
	return ("fast_unwind_on_malloc=0");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_oauth),
		cmocka_unit_test(test_cram),
		cmocka_unit_test(test_scram),
		cmocka_unit_test(test_scram_refused),
		cmocka_unit_test(test_scram_check),
		cmocka_unit_test(test_ntlm_check),
		cmocka_unit_test(test_ntlm),
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_base64)
	};

	sasl_warm();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
