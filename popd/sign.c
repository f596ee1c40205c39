/* SPDX-License-Identifier: ISC */
/*
 * The server's key, which is not here: contexts have the public half that the certificate tells, and whatever is to be signed with
 * the other goes to the signer, over a channel that a session gets for its handshake and closes behind it.  Keys of RSA and EC go
 * this way; libtls takes no others without their private half.
 *
 * OpenSSL's EVP_PKEY_METHOD is the last place where a digest is not padded yet, so that no session can have more than signatures.
 */
#define OPENSSL_SUPPRESS_DEPRECATED	/* there is no other way below a library that makes its contexts itself */

#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "popd.h"

static void	 sign_method(int);
static int	 sign_digest(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
static int	 sign_scheme(EVP_PKEY_CTX *, EVP_PKEY *);
static int	 sign_ask(const struct msg_sign *, const uint8_t *, size_t);
static void	 sign_event(short);
static int	 take_signed(void *, struct imsg *);
static int	 key_name(const X509_PUBKEY *, uint8_t [PROTO_KEYID_LEN]);
static int	 key_id(EVP_PKEY *, uint8_t [PROTO_KEYID_LEN]);

static const struct rule	 signer_rules[] = {
	{ IMSG_SIGNED,		RULES_ANY,	take_signed }
};

/* The handshake that goes on, of the one session that this process is. */
static struct {
	int		 open;
	struct imsgbuf	 ibuf;		/* the channel to the signer */
	int64_t		 until;		/* monotonic ms */
	const EVP_PKEY	*pkey;		/* of the certificate that is shown; NULL: nobody has said so */
	uint8_t		 keyid[PROTO_KEYID_LEN];	/* its name */
	int		 answered;
	size_t		 len;
	uint8_t		 signature[PROTO_SIGNATURE_MAX];
} sign;

/* Ahead of the lock-in, and of the first context.  A failure is fatal. */
void
sign_warm(void)
{
	sign_method(EVP_PKEY_RSA);
	sign_method(EVP_PKEY_EC);
}

/* What OpenSSL does with keys of a type, but for signing. */
static void
sign_method(int type)
{
	const EVP_PKEY_METHOD	*own = EVP_PKEY_meth_find(type);
	EVP_PKEY_METHOD		*method;
	int			 flags = 0;

	if (own != NULL)
		EVP_PKEY_meth_get0_info(NULL, &flags, own);
	if (own == NULL || (method = EVP_PKEY_meth_new(type, flags)) == NULL)
		fatalx("no method for keys of type %d", type);
	EVP_PKEY_meth_copy(method, own);
	EVP_PKEY_meth_set_sign(method, NULL, sign_digest);
	if (EVP_PKEY_meth_add0(method) != 1)
		fatalx("keys of type %d keep their method", type);
}

/* The name, as the signer has it, of the key to the first certificate of a chain in PEM.  0, or -1: there is none. */
int
sign_keyid(const void *chain, size_t len, uint8_t keyid[PROTO_KEYID_LEN])
{
	BIO	*bio = len > INT32_MAX ? NULL : BIO_new_mem_buf(chain, (int)len);
	X509	*cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int	 r = cert == NULL ? -1 : key_name(X509_get_X509_PUBKEY(cert), keyid);

	X509_free(cert);
	BIO_free(bio);
	ERR_clear_error();
	return (r);
}

/* The key that the handshake is signed with, and its name: to make that anew takes longer than to compare two keys. */
void
sign_key(const EVP_PKEY *pkey, const uint8_t keyid[PROTO_KEYID_LEN])
{
	sign.pkey = pkey;
	memcpy(sign.keyid, keyid, sizeof(sign.keyid));
}

/* The name of the public half of a key.  0 or -1. */
static int
key_id(EVP_PKEY *pkey, uint8_t keyid[PROTO_KEYID_LEN])
{
	X509_PUBKEY	*pub = NULL;
	int		 r;

	ERR_set_mark();			/* keys of two types are an error to OpenSSL, which a handshake must not find */
	r = sign.pkey != NULL && (sign.pkey == pkey || EVP_PKEY_eq(sign.pkey, pkey) == 1) ? 0 : -1;
	ERR_pop_to_mark();
	if (r == 0) {
		memcpy(keyid, sign.keyid, sizeof(sign.keyid));
		return (0);
	}
	r = X509_PUBKEY_set(&pub, pkey) == 1 ? key_name(pub, keyid) : -1;
	X509_PUBKEY_free(pub);
	return (r);
}

static int
key_name(const X509_PUBKEY *key, uint8_t keyid[PROTO_KEYID_LEN])
{
	unsigned char	*der = NULL;
	int		 len = key == NULL ? -1 : i2d_X509_PUBKEY(key, &der), ok;

	ok = len > 0 && EVP_Digest(der, (size_t)len, keyid, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return (ok ? 0 : -1);
}

/* The channel to the signer, for the one handshake of this session. */
void
sign_open(int fd)
{
	sign_close();
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1 || imsgbuf_init(&sign.ibuf, fd) == -1)
		fatal("channel to the signer");
	sign.open = 1;
}

/* For how long the signer is waited for: up to that time (monotonic ms). */
void
sign_until(int64_t until)
{
	sign.until = until;
}

void
sign_close(void)
{
	if (!sign.open)
		return;
	sign.open = 0;
	imsgbuf_clear(&sign.ibuf);
	close(sign.ibuf.fd);
}

/* As EVP_PKEY_sign(3) has it: 1, or 0: nothing is signed, and the handshake fails. */
static int
sign_digest(EVP_PKEY_CTX *ctx, unsigned char *signature, size_t *len, const unsigned char *digest, size_t digestlen)
{
	EVP_PKEY	*pkey = EVP_PKEY_CTX_get0_pkey(ctx);
	struct msg_sign	 m;
	size_t		 room = *len;
	int		 scheme;

	memset(&m, 0, sizeof(m));
	if (pkey == NULL || (scheme = sign_scheme(ctx, pkey)) == -1 || digestlen > PROTO_TBS_MAX)
		return (0);
	if (signature == NULL) {
		*len = (size_t)EVP_PKEY_get_size(pkey);
		return (1);
	}
	m.scheme = (uint32_t)scheme;
	if (key_id(pkey, m.keyid) == -1 || !sign_ask(&m, digest, digestlen) || sign.len > room)
		return (0);
	memcpy(signature, sign.signature, sign.len);
	*len = sign.len;
	return (1);
}

/* Which of the schemes a handshake wants: enum sign_scheme, or -1. */
static int
sign_scheme(EVP_PKEY_CTX *ctx, EVP_PKEY *pkey)
{
	int	 padding;

	if (EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC)
		return (SIGN_ECDSA);
	if (EVP_PKEY_CTX_get_rsa_padding(ctx, &padding) != 1)
		return (-1);
	return (padding == RSA_PKCS1_PADDING ? SIGN_PKCS1 : padding == RSA_PKCS1_PSS_PADDING ? SIGN_PSS : -1);
}

/* Asks the signer and waits for it.  1: sign has its answer; 0: there is none. */
static int
sign_ask(const struct msg_sign *m, const uint8_t *digest, size_t len)
{
	uint8_t		 text[sizeof(*m) + PROTO_TBS_MAX];
	struct pollfd	 pfd;
	int64_t		 left;

	memcpy(text, m, sizeof(*m));
	memcpy(text + sizeof(*m), digest, len);
	sign.answered = 0;
	sign.len = 0;
	HOOK("popd.sign");
	if (sign.open && imsg_compose(&sign.ibuf, IMSG_SIGN, 0, 0, -1, text, sizeof(*m) + len) == -1)
		fatal("channel to the signer");
	while (sign.open && !sign.answered && (left = sign.until - clock_msec()) > 0) {
		pfd.fd = sign.ibuf.fd;
		pfd.events = POLLIN | (imsgbuf_queuelen(&sign.ibuf) > 0 ? POLLOUT : 0);
		pfd.revents = 0;
		if (poll(&pfd, 1, (int)(left < INT32_MAX ? left : INT32_MAX)) == -1 && errno != EINTR && errno != EAGAIN)
			fatal("poll");
		if (pfd.revents != 0)
			sign_event(pfd.revents);
	}
	if (sign.len == 0)
		log_warnx("TLS fails: the signer %s", sign.answered ? "does not sign" : "does not answer");
	return (sign.len > 0);
}

/* The channel can be written to, or has something. */
static void
sign_event(short revents)
{
	static const uint32_t	 state = 0;
	char			 err[256];
	int			 n = 1;

	if ((revents & POLLOUT) && imsgbuf_write(&sign.ibuf) == -1)
		n = 0;
	else if (revents & ~POLLOUT)
		n = rules_read(&sign.ibuf, "the signer", signer_rules, nitems(signer_rules), &state, NULL, err, sizeof(err));
	if (n == -1)
		log_warnx("channel to the signer: %s", err);
	if (n != 1)
		sign_close();
}

/* IMSG_SIGNED */
static int
take_signed(void *arg __unused, struct imsg *imsg)
{
	size_t	 len = imsg_get_len(imsg);

	if (sign.answered || len > sizeof(sign.signature))
		return (-1);
	sign.answered = 1;
	memcpy(sign.signature, imsg->data, len);
	sign.len = len;
	return (0);
}
