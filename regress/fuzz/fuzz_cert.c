/* SPDX-License-Identifier: ISC */
/* links: popd/cert.c */
/* libs: -lssl -lcrypto */
/*
 * The name that a client of popd asks for: whatever it says, the certificate that it gets has that name, or one with an asterisk in
 * the place of its first label.  Input: the name.  With an octet of 0 in front it is a certificate in PEM, which is read or refused.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "popd/popd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Of a handshake, and there is none here. */
void sign_key(const EVP_PKEY *key, const uint8_t keyid[PROTO_KEYID_LEN]) { (void)key; (void)keyid; }

static const char *const names[] = { "own.example", "*.own.example", "a.example", "b.example", "*.example", "*.b.example", "xn--a.example" };

static struct certs	*all;
static const struct cert *certs[nitems(names)];

/* A certificate with one name, the first of which is the listener's own. */
static void
add(uint32_t id, EVP_PKEY *pkey)
{
	uint8_t		 keyid[PROTO_KEYID_LEN] = { (uint8_t)id };
	char		 san[64] = "DNS:", err[256], *pem;
	X509		*x = X509_new();
	X509_EXTENSION	*ext;
	BIO		*bio = BIO_new(BIO_s_mem());
	struct cert	*c;
	long		 len;

	strlcat(san, names[id], sizeof(san));
	if (x == NULL || bio == NULL || (ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san)) == NULL ||
	    X509_set_version(x, 2) != 1 || X509_gmtime_adj(X509_getm_notBefore(x), 0) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(x), 86400) == NULL || X509_set_pubkey(x, pkey) != 1 || X509_add_ext(x, ext, -1) != 1 ||
	    X509_sign(x, pkey, EVP_sha256()) <= 0 || PEM_write_bio_X509(bio, x) != 1)
		abort();
	len = BIO_get_mem_data(bio, &pem);
	if ((c = cert_new(id, pem, (size_t)len, keyid, err, sizeof(err))) == NULL)
		abort();
	certs[id] = c;
	if (id == 0)
		certs_own(all, c);
	else if (certs_add(all, c) == -1)
		abort();
	X509_EXTENSION_free(ext);
	X509_free(x);
	BIO_free(bio);
}

static void
begin(void)
{
	EVP_PKEY	*pkey = EVP_EC_gen("P-256");
	uint32_t	 id;

	if (pkey == NULL)
		abort();
	all = certs_new();
	for (id = 0; id < nitems(names); id++)
		add(id, pkey);
	EVP_PKEY_free(pkey);
}

/* Whose name it is, found with a look at each. */
static const struct cert *
due(const char *asked)
{
	const char	*dot = strchr(asked, '.');
	size_t		 i;

	for (i = 0; i < nitems(names); i++)
		if (strcasecmp(names[i], asked) == 0)
			return (certs[i]);
	for (i = 0; i < nitems(names) && dot != NULL && dot > asked; i++)
		if (names[i][0] == '*' && strcasecmp(names[i] + 1, dot) == 0)
			return (certs[i]);
	return (NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t		 keyid[PROTO_KEYID_LEN] = { 0 };
	char		*asked, err[256] = "";
	struct cert	*c;

	if (all == NULL)
		begin();
	if (len > 0 && p[0] == 0) {
		if ((c = cert_new(9, p + 1, len - 1, keyid, err, sizeof(err))) == NULL && err[0] == '\0')
			abort();
		cert_free(c);
		return (0);
	}
	if ((asked = malloc(len + 1)) == NULL)
		abort();
	memcpy(asked, p, len);
	asked[len] = '\0';
	if (certs_find(all, asked) != (strlen(asked) > 253 ? NULL : due(asked)))
		abort();
	free(asked);
	return (0);
}
