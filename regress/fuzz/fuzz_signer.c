/* SPDX-License-Identifier: ISC */
/* links: signer/key.c */
/* libs: -lcrypto */
/*
 * Whatever a session asks of the signer: either it gets nothing, or its listener has that key, the scheme is one for it, the digest
 * is as long as one, and what comes verifies.  A key in PEM that is nonsense is refused.  Input: the first octet chooses; then the
 * listener (1 octet), a key of the two or none (1), scheme (1) and the digest; or PEM.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "signer/signer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static EVP_PKEY	*pkeys[2];			/* of EC for listener 1, of RSA for listener 2 */
static uint8_t	 keyids[2][PROTO_KEYID_LEN];

static void
begin(void)
{
	char	*pem, err[256];
	BIO	*bio;
	long	 len;
	uint32_t i;

	pkeys[0] = EVP_EC_gen("P-256");
	pkeys[1] = EVP_RSA_gen(1024);
	for (i = 0; i < 2; i++) {
		if (pkeys[i] == NULL || (bio = BIO_new(BIO_s_mem())) == NULL ||
		    PEM_write_bio_PrivateKey(bio, pkeys[i], NULL, NULL, 0, NULL, NULL) != 1)
			abort();
		len = BIO_get_mem_data(bio, &pem);
		if (key_keep(i + 1, i + 1, pem, (size_t)len, keyids[i], err, sizeof(err)) == -1)
			abort();
		BIO_free(bio);
	}
}

static int
verifies(EVP_PKEY *pkey, uint32_t scheme, const uint8_t *digest, size_t len, const uint8_t *signature, size_t n)
{
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(pkey, NULL);
	int		 ok;

	ok = EVP_PKEY_verify_init(ctx) == 1 && (scheme == SIGN_ECDSA ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, scheme == SIGN_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(ctx, len == 32 ? EVP_sha256() : len == 48 ? EVP_sha384() : EVP_sha512()) == 1 &&
	    (scheme != SIGN_PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1) &&
	    EVP_PKEY_verify(ctx, signature, n, digest, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (ok);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct msg_sign	 m;
	uint8_t		 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	char		 err[256];
	size_t		 n;
	unsigned int	 key;
	int		 due;

	if (pkeys[0] == NULL)
		begin();
	if (len < 4)
		return (0);
	if (p[0] & 1) {
		if (key_keep(3, 3, p + 1, len - 1, keyid, err, sizeof(err)) == -1 && err[0] == '\0')
			abort();
		key_forget(3);
		return (0);
	}
	key = p[2] % 3;
	memset(&m, 0, sizeof(m));
	m.scheme = p[3] % 8;
	if (key < 2)
		memcpy(m.keyid, keyids[key], sizeof(m.keyid));
	due = key < 2 && p[1] % 4 == key + 1 && (key == 0 ? m.scheme == SIGN_ECDSA : m.scheme == SIGN_PSS || m.scheme == SIGN_PKCS1) &&
	    (len - 4 == 32 || len - 4 == 48 || len - 4 == 64);
	n = key_sign(p[1] % 4, &m, p + 4, len - 4, signature);
	if ((n > 0) != due && !(due && key == 1 && m.scheme == SIGN_PSS && len - 4 == 64))	/* 1024 bits hold no such salt */
		abort();
	if (n > 0 && !verifies(pkeys[key], m.scheme, p + 4, len - 4, signature, n))
		abort();
	return (0);
}
