/* SPDX-License-Identifier: ISC */
/* links: signer/key.c */
/* libs: -lcrypto */
/* Keys of the signer: which are kept, by which name, what is signed with them and for whom, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/compat.h"
#include "signer/signer.h"

struct pair {
	EVP_PKEY	*pkey;
	char		*pem;
	size_t		 len;
	uint8_t		 keyid[PROTO_KEYID_LEN];	/* computed here */
};

static uint8_t	 digest[PROTO_TBS_MAX + 8];

static void
pair_pem(struct pair *p, EVP_PKEY *pkey)
{
	unsigned char	*der = NULL;
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*data;
	long		 len;
	int		 n;

	memset(p, 0, sizeof(*p));
	p->pkey = pkey;
	assert_non_null(pkey);
	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &data);
	p->len = (size_t)len;
	p->pem = malloc(p->len);
	memcpy(p->pem, data, p->len);
	BIO_free(bio);
	n = i2d_PUBKEY(pkey, &der);
	assert_true(n > 0);
	EVP_Digest(der, (size_t)n, p->keyid, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
}

static void
pair_free(struct pair *p)
{
	EVP_PKEY_free(p->pkey);
	free(p->pem);
}

static size_t
ask(uint32_t listener, const struct pair *p, uint32_t scheme, size_t len, uint8_t *signature)
{
	struct msg_sign	 m;

	memset(&m, 0, sizeof(m));
	m.scheme = scheme;
	memcpy(m.keyid, p->keyid, sizeof(m.keyid));
	return (key_sign(listener, &m, digest, len, signature));
}

/* Whether it is a signature of this digest, by this key, with the padding and salt that TLS wants. */
static int
right(const struct pair *p, uint32_t scheme, size_t len, const uint8_t *signature, size_t n)
{
	const EVP_MD	*md = len == 32 ? EVP_sha256() : len == 48 ? EVP_sha384() : EVP_sha512();
	EVP_PKEY_CTX	*ctx = EVP_PKEY_CTX_new(p->pkey, NULL);
	int		 ok;

	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	if (scheme != SIGN_ECDSA)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, scheme == SIGN_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md), 1);
	if (scheme == SIGN_PSS)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	ok = EVP_PKEY_verify(ctx, signature, n, digest, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return (ok);
}

static void
signatures(void **state)
{
	static const char *const	 curves[] = { "P-256", "P-384", "P-521" };
	static const size_t		 lens[] = { 32, 48, 64 };
	struct pair			 p;
	uint8_t				 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	uint32_t			 scheme;
	char				 err[256];
	size_t				 i, l, n;

	(void)state;
	for (i = 0; i < nitems(curves) + 2; i++) {
		pair_pem(&p, i < nitems(curves) ? EVP_EC_gen(curves[i]) : EVP_RSA_gen(i == nitems(curves) ? 2048 : 3072));
		assert_int_equal(key_keep(7, 3, p.pem, p.len, keyid, err, sizeof(err)), 0);
		assert_memory_equal(keyid, p.keyid, sizeof(keyid));
		for (scheme = 0; scheme <= SIGN_SCHEME_MAX; scheme++)
			for (l = 0; l < nitems(lens); l++) {
				n = ask(3, &p, scheme, lens[l], signature);
				if (scheme == SIGN_SCHEME_MAX || (scheme == SIGN_ECDSA) != (i < nitems(curves))) {
					assert_int_equal(n, 0);
					continue;
				}
				assert_true(n > 0);
				assert_true(right(&p, scheme, lens[l], signature, n));
				digest[0] ^= 1;
				assert_false(right(&p, scheme, lens[l], signature, n));
			}
		key_forget(7);
		assert_int_equal(ask(3, &p, i < nitems(curves) ? SIGN_ECDSA : SIGN_PSS, 32, signature), 0);
		pair_free(&p);
	}
}

/* What has another length than a digest of TLS is not signed: no block that somebody has padded himself, above all. */
static void
lengths(void **state)
{
	struct pair	 ec, rsa;
	uint8_t		 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	char		 err[256];
	size_t		 len;

	(void)state;
	pair_pem(&ec, EVP_EC_gen("P-256"));
	pair_pem(&rsa, EVP_RSA_gen(2048));
	assert_int_equal(key_keep(1, 1, ec.pem, ec.len, keyid, err, sizeof(err)), 0);
	assert_int_equal(key_keep(2, 1, rsa.pem, rsa.len, keyid, err, sizeof(err)), 0);
	for (len = 0; len <= PROTO_TBS_MAX; len++) {
		int	 good = len == 32 || len == 48 || len == 64;

		assert_int_equal(ask(1, &ec, SIGN_ECDSA, len, signature) > 0, good);
		assert_int_equal(ask(1, &rsa, SIGN_PKCS1, len, signature) > 0, good);
		assert_int_equal(ask(1, &rsa, SIGN_PSS, len, signature) > 0, good);
	}
	key_forget(1);
	key_forget(2);
	pair_free(&ec);
	pair_free(&rsa);
}

/* A listener's sessions have its own keys used, all of them, and no others. */
static void
whose(void **state)
{
	struct pair	 a, b;
	uint8_t		 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	char		 err[256];

	(void)state;
	pair_pem(&a, EVP_EC_gen("P-256"));
	pair_pem(&b, EVP_EC_gen("P-256"));
	assert_int_equal(key_keep(1, 10, a.pem, a.len, keyid, err, sizeof(err)), 0);
	assert_int_equal(key_keep(2, 20, b.pem, b.len, keyid, err, sizeof(err)), 0);
	assert_true(ask(10, &a, SIGN_ECDSA, 32, signature) > 0);
	assert_true(ask(20, &b, SIGN_ECDSA, 32, signature) > 0);
	assert_int_equal(ask(20, &a, SIGN_ECDSA, 32, signature), 0);
	assert_int_equal(ask(10, &b, SIGN_ECDSA, 32, signature), 0);
	assert_int_equal(ask(0, &a, SIGN_ECDSA, 32, signature), 0);
	assert_int_equal(key_keep(3, 10, b.pem, b.len, keyid, err, sizeof(err)), 0);
	assert_true(ask(10, &a, SIGN_ECDSA, 32, signature) > 0);
	assert_true(ask(10, &b, SIGN_ECDSA, 32, signature) > 0);
	key_forget(2);
	assert_int_equal(ask(20, &b, SIGN_ECDSA, 32, signature), 0);
	assert_true(ask(10, &b, SIGN_ECDSA, 32, signature) > 0);
	/* Another one of that number takes its place. */
	assert_int_equal(key_keep(1, 10, b.pem, b.len, keyid, err, sizeof(err)), 0);
	assert_int_equal(ask(10, &a, SIGN_ECDSA, 32, signature), 0);
	key_forget(1);
	key_forget(3);
	key_forget(4);
	pair_free(&a);
	pair_free(&b);
}

/* Many keys of a few listeners, that come and go: each signs for its own listener while it is there, and for no other. */
static void
many(void **state)
{
	struct pair	 p[6];
	uint32_t	 owner[40] = { 0 }, which[40], id, l;
	uint8_t		 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	unsigned int	 seed = 3, i, round;
	char		 err[256];
	int		 due;

	(void)state;
	for (i = 0; i < nitems(p); i++)
		pair_pem(&p[i], EVP_EC_gen("P-256"));
	for (round = 0; round < 600; round++) {
		id = 1 + (uint32_t)rand_r(&seed) % (nitems(owner) - 1);
		if (owner[id] != 0 && rand_r(&seed) % 2) {
			key_forget(id);
			owner[id] = 0;
		} else {
			owner[id] = 1 + (uint32_t)rand_r(&seed) % 3;
			which[id] = (uint32_t)rand_r(&seed) % nitems(p);
			assert_int_equal(key_keep(id, owner[id], p[which[id]].pem, p[which[id]].len, keyid, err, sizeof(err)), 0);
		}
		i = (unsigned int)rand_r(&seed) % nitems(p);
		for (l = 0; l <= 4; l++) {
			for (due = 0, id = 1; id < nitems(owner); id++)
				due |= owner[id] == l && l != 0 && which[id] == i;
			assert_int_equal(ask(l, &p[i], SIGN_ECDSA, 32, signature) > 0, due);
		}
	}
	for (id = 1; id < nitems(owner); id++)
		key_forget(id);
	for (i = 0; i < nitems(p); i++)
		pair_free(&p[i]);
}

static void
refused(void **state)
{
	static const char	 nonsense[] = "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n";
	struct pair		 p;
	uint8_t			 keyid[PROTO_KEYID_LEN];
	char			 err[256];
	size_t			 cut;
	uint32_t		 id;

	(void)state;
	assert_int_equal(key_keep(1, 1, nonsense, sizeof(nonsense) - 1, keyid, err, sizeof(err)), -1);
	assert_string_equal(err, "the key is no private key in PEM that can be read");
	assert_int_equal(key_keep(1, 1, "", 0, keyid, err, sizeof(err)), -1);
	pair_pem(&p, EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	assert_int_equal(key_keep(1, 1, p.pem, p.len, keyid, err, sizeof(err)), -1);
	assert_string_equal(err, "the key is neither of RSA nor of EC");
	pair_free(&p);
	pair_pem(&p, EVP_EC_gen("P-256"));
	for (cut = 0; cut < p.len - sizeof("-----END PRIVATE KEY-----"); cut++)
		assert_int_equal(key_keep(1, 1, p.pem, cut, keyid, err, sizeof(err)), -1);
	for (id = 1; id <= PROTO_KEYS_MAX; id++)
		assert_int_equal(key_keep(id, 1, p.pem, p.len, keyid, err, sizeof(err)), 0);
	assert_int_equal(key_keep(id, 1, p.pem, p.len, keyid, err, sizeof(err)), -1);
	assert_string_equal(err, "there are too many keys");
	assert_int_equal(key_keep(5, 1, p.pem, p.len, keyid, err, sizeof(err)), 0);
	for (id = 1; id <= PROTO_KEYS_MAX; id++)
		key_forget(id);
	pair_free(&p);
}

/* What is done ahead of the lock-in leaves nothing behind. */
static void
warm(void **state)
{
	struct pair	 p;
	uint8_t		 keyid[PROTO_KEYID_LEN], signature[PROTO_SIGNATURE_MAX];
	char		 err[256];

	(void)state;
	key_warm();
	pair_pem(&p, EVP_EC_gen("P-256"));
	assert_int_equal(key_keep(1, 1, p.pem, p.len, keyid, err, sizeof(err)), 0);
	assert_true(ask(1, &p, SIGN_ECDSA, 32, signature) > 0);
	key_forget(1);
	pair_free(&p);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(signatures),
		cmocka_unit_test(lengths),
		cmocka_unit_test(whose),
		cmocka_unit_test(many),
		cmocka_unit_test(refused),
		cmocka_unit_test(warm)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
