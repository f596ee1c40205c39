/* SPDX-License-Identifier: ISC */
/* The transport: a connected, non-blocking socket, plain or under TLS with the peer verified before it is used. */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/tlsclient.h"
#include "fetcher.h"

static ssize_t	 tls_result(struct conn *, ssize_t, short *);

/* In a template, ahead of the lock-in: makes what is the same in each session. */
void
conn_warm(void)
{
	tlsclient_warm(TLSCONF_ALPN);
	if (stream_sha256() == NULL)
		fatalx("no SHA-256");
}

void
conn_init(struct conn *c, int fd)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
	c->shaken = 1;
	c->rpoll = POLLIN;
	c->wpoll = POLLOUT;
}

/*
 * Puts TLS on the connection, as the record wants it; once in a process's life.  The files in pem are wiped.  0, or -1: c->why,
 * c->text.
 */
int
conn_upgrade(struct conn *c, const struct msg_fetch_start *start, struct pem *pem)
{
	int	 i;

	c->why = WHY_CONFIG;
	snprintf(c->text, sizeof(c->text), "no TLS context");
	if (c->start != NULL)
		return (-1);
	c->start = start;
	c->has = tlsconf_has(start, pem);
	if (c->has != 0)
		c->tls = tlsconf_special(start, pem, c->fd, c->text, sizeof(c->text));
	else
		c->tls = tlsclient_connect(NULL, c->fd, start->tls_name, 0, c->text, sizeof(c->text));
	for (i = 0; i < PEM_MAX; i++)
		freezero(pem[i].data, pem[i].len);
	memset(pem, 0, PEM_MAX * sizeof(*pem));
	c->shaken = 0;
	return (c->tls == NULL ? -1 : 0);
}

/* Goes on with the handshake.  0: verified TLS is up; CONN_AGAIN: wait for c->rpoll; -1: c->why, c->text. */
int
conn_handshake(struct conn *c)
{
	ssize_t	 n;

	if ((n = tls_result(c, tls_handshake(c->tls), &c->rpoll)) == CONN_AGAIN)
		return (CONN_AGAIN);
	c->why = WHY_TLS;
	if (n == -1 || tlsconf_pinned(c->start, tls_peer_cert_hash(c->tls), c->text, sizeof(c->text)) == -1)
		return (-1);
	log_debug("%s %s", tls_conn_version(c->tls), tls_conn_cipher(c->tls));
	strlcpy(c->version, tls_conn_version(c->tls), sizeof(c->version));
	c->shaken = 1;
	c->rpoll = POLLIN;
	return (0);
}

/*
 * Reads.  Returns the number of octets; CONN_AGAIN: wait for c->rpoll; -1: the connection is over, and c->text says how.  len is at
 * least a TLS record (16384), so that nothing readable stays behind unnoticed by poll(2).
 */
ssize_t
conn_read(struct conn *c, void *data, size_t len)
{
	ssize_t	 n;

	if (c->tls != NULL)
		n = tls_result(c, tls_read(c->tls, data, len), &c->rpoll);
	else if ((n = read(c->fd, data, len)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return (CONN_AGAIN);
		c->why = WHY_CLOSED;
		snprintf(c->text, sizeof(c->text), "connection lost: %s", strerror(errno));
	}
	if (n == 0) {
		c->why = WHY_CLOSED;
		snprintf(c->text, sizeof(c->text), "the server closed the connection");
		return (-1);
	}
	return (n);
}

/* Writes.  Returns the number of octets; CONN_AGAIN: wait for c->wpoll; -1: c->why, c->text. */
ssize_t
conn_write(struct conn *c, const void *data, size_t len)
{
	ssize_t	 n;

	if (c->tls != NULL) {
		if ((n = tls_result(c, tls_write(c->tls, data, len), &c->wpoll)) != 0)
			return (n);
		c->why = WHY_CLOSED;	/* the peer has sent an alert: nothing can be written any more */
		snprintf(c->text, sizeof(c->text), "the server closed the connection");
		return (-1);
	}
	if ((n = write(c->fd, data, len)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return (CONN_AGAIN);
		c->why = WHY_CLOSED;
		snprintf(c->text, sizeof(c->text), "connection lost: %s", strerror(errno));
	}
	return (n);
}

/* Sends a close_notify, where there is TLS, and does not wait for the peer's. */
void
conn_bye(struct conn *c)
{
	if (c->tls != NULL && c->shaken)
		(void)tls_close(c->tls);
}

static ssize_t
tls_result(struct conn *c, ssize_t n, short *events)
{
	unsigned int	 has;
	short		 waits;

	if (n >= 0)
		return (n);
	if ((waits = tlsclient_waits(n)) != 0) {
		*events = waits;
		return (CONN_AGAIN);
	}
	has = c->has | (c->shaken ? HAS_SHAKEN : 0);
	c->why = tlserror_explain(has, tls_error(c->tls), c->text, sizeof(c->text)) ? WHY_TLS : WHY_CLOSED;
	return (-1);
}
