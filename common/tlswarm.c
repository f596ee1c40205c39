/* SPDX-License-Identifier: ISC */
/* Handshakes of a template with itself, so that its forks find the libraries of TLS as after a first one. */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <tls.h>

#include "compat.h"
#include "log.h"
#include "tlswarm.h"

#define PIPE_SIZE	32768	/* octets, more than a flight of a handshake has */
#define ROUNDS		16	/* turns of both ends, of which a handshake takes four */
#define NAME		"localhost"
#define LIFETIME	3600	/* s, of the certificate */

struct half {			/* what one end has written and the other one has not read */
	uint8_t	 data[PIPE_SIZE];
	size_t	 off, len;
};

struct end {
	struct half	*in, *out;
};

struct pem {
	uint8_t	*data;
	size_t	 len;
};

static int	 warm_certificate(struct pem *, struct pem *);
static int	 warm_sign(X509 *, EVP_PKEY *);
static int	 warm_pem(BIO *, struct pem *);
static int	 warm_handshake(const struct pem *, const struct pem *, uint32_t protocol);
static struct tls	*warm_context(struct tls *, const struct pem *, const struct pem *, uint32_t protocol);
static int	 warm_talk(struct tls *, struct tls *);
static int	 warm_octet(struct tls *, struct tls *);
static ssize_t	 warm_read(struct tls *, void *, size_t, void *);
static ssize_t	 warm_write(struct tls *, const void *, size_t, void *);

void
tlswarm(void)
{
	struct pem	 cert = { NULL, 0 }, key = { NULL, 0 };

	if (warm_certificate(&cert, &key) == -1 || warm_handshake(&cert, &key, TLS_PROTOCOL_TLSv1_3) == -1 ||
	    warm_handshake(&cert, &key, TLS_PROTOCOL_TLSv1_2) == -1)
		log_debug("TLS is not warm: each process makes its own start");
	ERR_clear_error();
	OPENSSL_free(cert.data);
	OPENSSL_clear_free(key.data, key.len);
}

/* A key on P-256 and its own certificate, in PEM and the caller's to free.  0 or -1. */
static int
warm_certificate(struct pem *cert, struct pem *key)
{
	EVP_PKEY	*pkey = EVP_EC_gen("P-256");
	X509		*x = X509_new();
	BIO		*text = BIO_new(BIO_s_mem());
	int		 r = -1;

	if (pkey != NULL && x != NULL && text != NULL && warm_sign(x, pkey) && PEM_write_bio_X509(text, x) == 1 &&
	    warm_pem(text, cert) == 0 && PEM_write_bio_PKCS8PrivateKey(text, pkey, NULL, NULL, 0, NULL, NULL) == 1)
		r = warm_pem(text, key);
	BIO_free(text);
	X509_free(x);
	EVP_PKEY_free(pkey);
	return (r);
}

/* 1: x is a certificate of the key for itself. */
static int
warm_sign(X509 *x, EVP_PKEY *pkey)
{
	X509_NAME	*name = X509_get_subject_name(x);

	return (X509_set_version(x, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL && X509_gmtime_adj(X509_getm_notAfter(x), LIFETIME) != NULL &&
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)NAME, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, pkey) == 1 && X509_sign(x, pkey, EVP_sha256()) > 0);
}

/* Takes what was written to the BIO, which is empty afterwards.  0 or -1. */
static int
warm_pem(BIO *text, struct pem *pem)
{
	char	*p;
	long	 len = BIO_get_mem_data(text, &p);

	if (len <= 0 || (pem->data = OPENSSL_memdup(p, (size_t)len)) == NULL)
		return (-1);
	pem->len = (size_t)len;
	return (BIO_reset(text) == 1 ? 0 : -1);
}

/* A connection of this process with itself.  0 or -1. */
static int
warm_handshake(const struct pem *cert, const struct pem *key, uint32_t protocol)
{
	static struct half	 up, down;
	struct end		 client_end = { &down, &up }, server_end = { &up, &down };
	struct tls		*context = warm_context(tls_server(), cert, key, protocol);
	struct tls		*client = warm_context(tls_client(), cert, NULL, protocol), *server = NULL;
	int			 r = -1;

	memset(&up, 0, sizeof(up));
	memset(&down, 0, sizeof(down));
	if (context != NULL && client != NULL && tls_accept_cbs(context, &server, warm_read, warm_write, &server_end) == 0 &&
	    tls_connect_cbs(client, warm_read, warm_write, &client_end, NAME) == 0)
		r = warm_talk(client, server);
	if (r == -1)
		log_debug("TLS with itself: %s, %s", server == NULL || tls_error(server) == NULL ? "-" : tls_error(server),
		    client == NULL || tls_error(client) == NULL ? "-" : tls_error(client));
	tls_free(server);
	tls_free(client);
	tls_free(context);
	return (r);
}

/* Makes a context of tls: a server's with a key, a client's without.  It goes if that fails, and NULL is returned. */
static struct tls *
warm_context(struct tls *tls, const struct pem *cert, const struct pem *key, uint32_t protocol)
{
	struct tls_config	*config = tls_config_new();
	int			 ok = tls != NULL && config != NULL && tls_config_set_protocols(config, protocol) == 0;

	if (ok && key != NULL)
		ok = tls_config_set_keypair_mem(config, cert->data, cert->len, key->data, key->len) == 0;
	else if (ok) {
		ok = tls_config_set_ca_mem(config, cert->data, cert->len) == 0;
		tls_config_insecure_noverifyname(config);
	}
	ok = ok && tls_configure(tls, config) == 0;
	tls_config_free(config);
	if (ok)
		return (tls);
	tls_free(tls);
	return (NULL);
}

/* A handshake, and an octet in each direction.  0 or -1. */
static int
warm_talk(struct tls *client, struct tls *server)
{
	int	 i, c = TLS_WANT_POLLIN, s = TLS_WANT_POLLIN;

	for (i = 0; i < ROUNDS && (c != 0 || s != 0); i++) {
		if (c != 0 && (c = tls_handshake(client)) == -1)
			return (-1);
		if (s != 0 && (s = tls_handshake(server)) == -1)
			return (-1);
	}
	return (c == 0 && s == 0 ? warm_octet(client, server) | warm_octet(server, client) : -1);
}

/* An octet from one end to the other one, which may have to read what else was sent ahead of it: tickets.  0 or -1. */
static int
warm_octet(struct tls *from, struct tls *to)
{
	ssize_t	 n = TLS_WANT_POLLIN;
	char	 octet = 'x';
	int	 i;

	if (tls_write(from, &octet, sizeof(octet)) != sizeof(octet))
		return (-1);
	for (i = 0; i < ROUNDS && n == TLS_WANT_POLLIN; i++)
		n = tls_read(to, &octet, sizeof(octet));
	return (n == sizeof(octet) ? 0 : -1);
}

static ssize_t
warm_read(struct tls *tls __unused, void *data, size_t len, void *arg)
{
	struct half	*in = ((struct end *)arg)->in;

	if (len > in->len - in->off)
		len = in->len - in->off;
	if (len == 0)
		return (TLS_WANT_POLLIN);
	memcpy(data, in->data + in->off, len);
	in->off += len;
	if (in->off == in->len)
		in->off = in->len = 0;
	return ((ssize_t)len);
}

static ssize_t
warm_write(struct tls *tls __unused, const void *data, size_t len, void *arg)
{
	struct half	*out = ((struct end *)arg)->out;

	if (len > sizeof(out->data) - out->len)
		return (-1);
	memcpy(out->data + out->len, data, len);
	out->len += len;
	return ((ssize_t)len);
}
