/* SPDX-License-Identifier: ISC */
/*
 * TLS as a server, and the octets of a connection with or without it.  The contexts that the listener makes, which sessions
 * inherit, have certificates and no private key: sign.c has the signer use that.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

/* libtls has it, and no header: the private key's place is taken by the public one of the certificate. */
void	 tls_config_use_fake_private_key(struct tls_config *);

#include "common/log.h"
#include "common/tlswarm.h"
#include "popd.h"

static ssize_t	 conn_tls(struct conn *, ssize_t, short *);
static ssize_t	 conn_clear(ssize_t, short *, short);

/* Ahead of the lock-in: the libraries read their files.  A failure is fatal. */
void
tls_warm(void)
{
	if (tls_init() == -1)
		fatalx("tls_init failed");
	tlswarm();		/* with a key of its own, which the signer's methods would not sign with */
	sign_warm();
	cert_warm();
}

/*
 * A context for all connections of a listener: TLS 1.2 and 1.3, and libtls's own choice of everything else, which has no
 * renegotiation, no compression and no tickets.  The chain is in PEM, and the key that the signer has is named by keyid; a client
 * may ask for another one of certs.  NULL: they do not fit, and err says why.
 */
struct tls *
tls_context(const uint8_t *chain, size_t len, const uint8_t keyid[PROTO_KEYID_LEN], struct certs *certs, char *err, size_t size)
{
	struct tls_config	*config = tls_config_new();
	struct tls		*tls = tls_server();
	const char		*why = NULL;
	uint8_t			 own[PROTO_KEYID_LEN];

	if (config == NULL || tls == NULL)
		why = "out of memory";
	else if (tls_config_set_protocols(config, TLS_PROTOCOL_TLSv1_2 | TLS_PROTOCOL_TLSv1_3) == -1 ||
	    tls_config_set_keypair_mem(config, chain, len, NULL, 0) == -1)
		why = tls_config_error(config);
	else if (sign_keyid(chain, len, own) == -1)
		why = "the certificate cannot be read";
	else if (memcmp(own, keyid, sizeof(own)) != 0)
		why = "the key is not that of the certificate";
	else {
		tls_config_use_fake_private_key(config);
		if (tls_configure(tls, config) == -1)
			why = tls_error(tls);
	}
	if (why != NULL)
		snprintf(err, size, "%s", why);
	tls_config_free(config);
	if (why == NULL) {
		certs_follow(certs);
		return (tls);
	}
	tls_free(tls);
	return (NULL);
}

/* The connection begins to be one with TLS: conn_handshake() is to follow.  0 or -1. */
int
conn_secure(struct conn *c, struct tls *context)
{
	c->reads = POLLIN;
	return (tls_accept_socket(context, &c->tls, c->fd));
}

/* Goes on with the handshake.  1: it is over; 0: it waits for c->reads; -1: it failed, and err says why. */
int
conn_handshake(struct conn *c, char *err, size_t size)
{
	int	 n = tls_handshake(c->tls);

	if (n == 0) {
		c->reads = POLLIN;
		c->writes = POLLOUT;
		return (1);
	}
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		c->reads = n == TLS_WANT_POLLIN ? POLLIN : POLLOUT;
		return (0);
	}
	snprintf(err, size, "%s", tls_error(c->tls) == NULL ? "unknown" : tls_error(c->tls));
	return (-1);
}

/* Returns octets that were read, 0 at their end, CONN_LATER or CONN_BROKEN. */
ssize_t
conn_read(struct conn *c, void *data, size_t len)
{
	ssize_t	 n;

	if (c->tls != NULL)
		n = conn_tls(c, tls_read(c->tls, data, len), &c->reads);
	else
		n = conn_clear(read(c->fd, data, len), &c->reads, POLLIN);
	if (n > 0)
		c->in += (uint64_t)n;
	return (n);
}

/* Returns octets that were written, CONN_LATER or CONN_BROKEN.  What follows it has the same octets at its beginning. */
ssize_t
conn_write(struct conn *c, const void *data, size_t len)
{
	ssize_t	 n;

	if (c->tls != NULL)
		n = conn_tls(c, tls_write(c->tls, data, len), &c->writes);
	else
		n = conn_clear(write(c->fd, data, len), &c->writes, POLLOUT);
	if (n > 0)
		c->out += (uint64_t)n;
	return (n);
}

/* What a call of libtls came to; *waits is what the next one waits for. */
static ssize_t
conn_tls(struct conn *c, ssize_t n, short *waits)
{
	*waits = waits == &c->reads ? POLLIN : POLLOUT;
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		*waits = n == TLS_WANT_POLLIN ? POLLIN : POLLOUT;
		return (CONN_LATER);
	}
	return (n < 0 ? CONN_BROKEN : n);
}

/* The same of a system call. */
static ssize_t
conn_clear(ssize_t n, short *waits, short event)
{
	*waits = event;
	if (n != -1)
		return (n);
	return (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? CONN_LATER : CONN_BROKEN);
}

/* What the handshake came to. */
void
conn_secured(const struct conn *c, struct msg_pop_secure *m)
{
	const char	*version = tls_conn_version(c->tls), *cipher = tls_conn_cipher(c->tls);

	memset(m, 0, sizeof(*m));
	strlcpy(m->version, version == NULL ? "" : version, sizeof(m->version));
	strlcpy(m->cipher, cipher == NULL ? "" : cipher, sizeof(m->cipher));
}

/* Nothing is sent any more; TLS says so to the client, if there is room at once. */
void
conn_goodbye(struct conn *c)
{
	if (c->tls != NULL)
		(void)tls_close(c->tls);
	(void)shutdown(c->fd, SHUT_WR);
}
