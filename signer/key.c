/* SPDX-License-Identifier: ISC */
/*
 * The private keys, and what is signed with them.  A session names a key by the digest of its public half, which the certificate
 * has, and may have those of its own listener used.  It sends a digest and the scheme; padding and randomness are made here, so
 * that what comes out is a signature of TLS's kinds, whatever comes in, and never the bare operation of a key.
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/log.h"
#include "signer.h"

#define RSA_BITS_MAX	(PROTO_SIGNATURE_MAX * 8)

struct key {
	uint32_t	 id;
	uint32_t	 listener;
	uint8_t		 keyid[PROTO_KEYID_LEN];
	int		 rsa;
	EVP_PKEY	*pkey;
};

/* The digests of TLS 1.2 and 1.3 (RFC 8446 section 4.2.3), by their length. */
static const struct {
	size_t		 len;
	const EVP_MD	*(*md)(void);
} digests[] = {
	{ 32, EVP_sha256 }, { 48, EVP_sha384 }, { 64, EVP_sha512 }
};

static const int	 paddings[SIGN_SCHEME_MAX] = { [SIGN_PKCS1] = RSA_PKCS1_PADDING, [SIGN_PSS] = RSA_PKCS1_PSS_PADDING };

static int		 key_order(const void *, const void *);
static int		 key_name(const EVP_PKEY *, uint8_t [PROTO_KEYID_LEN]);
static const char	*key_fault(EVP_PKEY *);
static const EVP_MD	*digest_of(size_t);
static int		 no_passphrase(char *, int, int, void *);

static struct key	 keys[PROTO_KEYS_MAX];	/* by listener and name, so that it takes no longer to find one of many */
static size_t		 nkeys;

/* Ahead of the lock-in: what the library loads when a key is made, used, and named for the first time.  A failure is fatal. */
void
key_warm(void)
{
	static const struct { const char *type; uint32_t scheme; }	 kinds[] = { { "EC", SIGN_ECDSA }, { "RSA", SIGN_PSS },
	    { "RSA", SIGN_PKCS1 } };
	struct msg_sign	 m;
	uint8_t		 digest[PROTO_TBS_MAX] = { 0 }, signature[PROTO_SIGNATURE_MAX];
	EVP_PKEY	*pkey;
	BIO		*bio;
	char		*pem, err[PROTO_TEXT_SIZE];
	size_t		 i;
	long		 len;

	for (i = 0; i < nitems(kinds); i++) {
		memset(&m, 0, sizeof(m));
		m.scheme = kinds[i].scheme;
		pkey = m.scheme == SIGN_ECDSA ? EVP_EC_gen("P-256") : EVP_RSA_gen(1024);	/* used for nothing else */
		if (pkey == NULL || (bio = BIO_new(BIO_s_secmem())) == NULL ||
		    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1 || (len = BIO_get_mem_data(bio, &pem)) <= 0)
			fatalx("no key can be made");
		if (key_keep(1, 1, pem, (size_t)len, m.keyid, err, sizeof(err)) == -1)
			fatalx("a key cannot be kept: %s", err);
		if (key_sign(1, &m, digest, 32, signature) == 0)
			fatalx("nothing can be signed with a key of %s", kinds[i].type);
		key_forget(1);
		BIO_free(bio);
		EVP_PKEY_free(pkey);
	}
}

/*
 * Keeps a key, in PEM, for the sessions of a listener; one of the same id is forgotten.  0, and its name in keyid; or -1: it does
 * not do, and err says why.
 */
int
key_keep(uint32_t id, uint32_t listener, const void *pem, size_t len, uint8_t keyid[PROTO_KEYID_LEN], char *err, size_t size)
{
	EVP_PKEY	*pkey = NULL;
	const char	*why = NULL;
	struct key	 k;
	BIO		*bio;
	size_t		 i;

	key_forget(id);
	if (nkeys == nitems(keys))
		why = "there are too many keys";
	else if (len > INT32_MAX || (bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		why = "out of memory";
	else {
		if ((pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL)) == NULL)
			why = "the key is no private key in PEM that can be read";
		else if ((why = key_fault(pkey)) == NULL && key_name(pkey, keyid) == -1)
			why = "the key has no public half";
		BIO_free(bio);
	}
	ERR_clear_error();
	if (why != NULL) {
		snprintf(err, size, "%s", why);
		EVP_PKEY_free(pkey);
		return (-1);
	}
	k.id = id;
	k.listener = listener;
	k.rsa = EVP_PKEY_is_a(pkey, "RSA");
	k.pkey = pkey;
	memcpy(k.keyid, keyid, sizeof(k.keyid));
	i = array_search(&k, keys, nkeys, sizeof(k), key_order);
	memmove(keys + i + 1, keys + i, (nkeys++ - i) * sizeof(k));
	keys[i] = k;
	return (0);
}

/* What is wrong with the kind of a key; NULL: nothing. */
static const char *
key_fault(EVP_PKEY *pkey)
{
	if (EVP_PKEY_is_a(pkey, "EC"))
		return (EVP_PKEY_get_size(pkey) > PROTO_SIGNATURE_MAX ? "the key is too large" : NULL);
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return ("the key is neither of RSA nor of EC");
	return (EVP_PKEY_get_bits(pkey) > RSA_BITS_MAX ? "the key has more than 8192 bits" : NULL);
}

/* The library wipes what a key consists of. */
void
key_forget(uint32_t id)
{
	size_t	 i;

	for (i = 0; i < nkeys; i++)
		if (keys[i].id == id) {
			EVP_PKEY_free(keys[i].pkey);
			memmove(keys + i, keys + i + 1, (--nkeys - i) * sizeof(keys[0]));
			return;
		}
}

/*
 * Signs a digest for a session of a listener.  Returns octets of the signature; 0: the listener has no such key, the scheme is not
 * one for it, or the digest is none.
 */
size_t
key_sign(uint32_t listener, const struct msg_sign *m, const uint8_t *digest, size_t len, uint8_t signature[PROTO_SIGNATURE_MAX])
{
	const EVP_MD	*md = digest_of(len);
	const struct key *k;
	struct key	 wanted;
	EVP_PKEY_CTX	*ctx;
	size_t		 n = PROTO_SIGNATURE_MAX;
	int		 ok;

	wanted.listener = listener;
	memcpy(wanted.keyid, m->keyid, sizeof(wanted.keyid));
	k = keys + array_search(&wanted, keys, nkeys, sizeof(*k), key_order);
	if (k == keys + nkeys || key_order(&wanted, k) != 0 || md == NULL || m->scheme >= SIGN_SCHEME_MAX ||
	    k->rsa != (m->scheme != SIGN_ECDSA))
		return (0);
	if ((ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k->pkey, NULL)) == NULL)
		return (0);
	ok = EVP_PKEY_sign_init(ctx) == 1;
	ok = ok && (!k->rsa || EVP_PKEY_CTX_set_rsa_padding(ctx, paddings[m->scheme]) == 1);
	ok = ok && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
	ok = ok && (m->scheme != SIGN_PSS || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
	ok = ok && EVP_PKEY_sign(ctx, signature, &n, digest, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return (ok ? n : 0);
}

/* Keys that are one in this are one key, which was given twice. */
static int
key_order(const void *a, const void *b)
{
	const struct key	*x = a, *y = b;

	if (x->listener != y->listener)
		return (x->listener < y->listener ? -1 : 1);
	return (memcmp(x->keyid, y->keyid, sizeof(x->keyid)));
}

static const EVP_MD *
digest_of(size_t len)
{
	size_t	 i;

	for (i = 0; i < nitems(digests); i++)
		if (digests[i].len == len)
			return (digests[i].md());
	return (NULL);
}

/* The name of a key, as its certificate tells it.  0 or -1. */
static int
key_name(const EVP_PKEY *pkey, uint8_t keyid[PROTO_KEYID_LEN])
{
	unsigned char	*der = NULL;
	int		 len = i2d_PUBKEY(pkey, &der), ok;

	ok = len > 0 && EVP_Digest(der, (size_t)len, keyid, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return (ok ? 0 : -1);
}

/* Nobody is there to type one. */
static int
no_passphrase(char *buf __unused, int size __unused, int writing __unused, void *arg __unused)
{
	return (-1);
}
