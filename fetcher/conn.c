/* SPDX-License-Identifier: ISC */
/* The transport: a connected, non-blocking socket, plain or under TLS with the peer's certificate and name verified. */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "fetcher.h"

#define CONN_CA_PATH	"/certs"	/* below the template's root */

static ssize_t	 tls_result(struct conn *, ssize_t, short *);
static void	 tls_explain(struct conn *, const char *);

static struct tls	*warm_tls;	/* configured, never connected by the template: each child uses its own copy */

/*
 * Template, before lock-in: everything about TLS that is the same in each session.  Verification of certificate, name and time is
 * libtls's default and is not touched.  Fatal on failure.
 */
void
conn_warm(void)
{
	struct tls_config	*config;

	if (tls_init() == -1 || (config = tls_config_new()) == NULL || (warm_tls = tls_client()) == NULL)
		fatalx("tls_init failed");
	if (tls_config_set_ca_path(config, CONN_CA_PATH) == -1 || tls_config_set_protocols(config, TLS_PROTOCOLS_DEFAULT) == -1 ||
	    tls_config_set_alpn(config, "pop3") == -1)
		fatalx("tls_config: %s", tls_config_error(config));
	if (tls_configure(warm_tls, config) == -1)
		fatalx("tls_configure: %s", tls_error(warm_tls));
	tls_config_free(config);	/* the context holds a reference */
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

/* TLS from here on; once in a process's life.  host is what the certificate must be for.  0 or -1. */
int
conn_upgrade(struct conn *c, const char *host)
{
	if (warm_tls == NULL || c->tls != NULL) {
		snprintf(c->text, sizeof(c->text), "no TLS context");
		return (-1);
	}
	c->tls = warm_tls;
	warm_tls = NULL;
	c->shaken = 0;
	if (tls_connect_socket(c->tls, c->fd, host) == -1) {
		tls_explain(c, tls_error(c->tls));
		return (-1);
	}
	return (0);
}

/* 0: verified TLS is up; CONN_AGAIN (wait for c->rpoll); -1. */
int
conn_handshake(struct conn *c)
{
	ssize_t	 n;

	if ((n = tls_result(c, tls_handshake(c->tls), &c->rpoll)) == 0) {
		c->shaken = 1;
		c->rpoll = POLLIN;
	}
	return ((int)n);
}

/*
 * Octets read; CONN_AGAIN; -1: the connection is over, in whatever way, and c->text says how.  len of at least one TLS record
 * (16384), so that nothing readable stays behind unnoticed by poll(2).
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
		snprintf(c->text, sizeof(c->text), "connection lost: %s", strerror(errno));
	}
	if (n == 0) {
		snprintf(c->text, sizeof(c->text), "the server closed the connection");
		return (-1);
	}
	return (n);
}

/* Octets written; CONN_AGAIN; -1. */
ssize_t
conn_write(struct conn *c, const void *data, size_t len)
{
	ssize_t	 n;

	if (c->tls != NULL)
		return (tls_result(c, tls_write(c->tls, data, len), &c->wpoll));
	if ((n = write(c->fd, data, len)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			return (CONN_AGAIN);
		snprintf(c->text, sizeof(c->text), "connection lost: %s", strerror(errno));
	}
	return (n);
}

/* Says goodbye, once, without waiting for an answer. */
void
conn_bye(struct conn *c)
{
	if (c->tls != NULL && c->shaken)
		(void)tls_close(c->tls);
}

static ssize_t
tls_result(struct conn *c, ssize_t n, short *events)
{
	if (n >= 0)
		return (n);
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		*events = n == TLS_WANT_POLLIN ? POLLIN : POLLOUT;
		return (CONN_AGAIN);
	}
	tls_explain(c, tls_error(c->tls));
	return (-1);
}

/* The library's sentence and, where it is clear, what can be done about it. */
static void
tls_explain(struct conn *c, const char *error)
{
	static const struct {
		const char	*part, *remedy;
	} remedies[] = {
		{ "not present in server certificate",	"poll the server by a name that its certificate carries" },
		{ "unable to get local issuer",		"put the issuing CA's certificate among the trusted ones" },
		{ "self signed certificate",		"put the signer's certificate among the trusted ones" },
		{ "self-signed certificate",		"put the signer's certificate among the trusted ones" },
		{ "certificate has expired",		"the server needs a new certificate, unless our clock is wrong" },
		{ "not yet valid",			"is our clock right?" },
		{ "wrong version number",		"this is not TLS; is the port right?" },
		{ "unsupported protocol",		"the server is too old for TLS 1.2" }
	};
	char	 text[PROTO_TEXT_SIZE];
	size_t	 i;

	if (error == NULL)
		error = "unknown error";
	log_vis(text, sizeof(text), error, strlen(error));
	for (i = 0; i < nitems(remedies) && strstr(error, remedies[i].part) == NULL; i++)
		;
	if (i < nitems(remedies))
		(void)snprintf(c->text, sizeof(c->text), "TLS: %.150s (%s)", text, remedies[i].remedy);
	else
		(void)snprintf(c->text, sizeof(c->text), "TLS: %.240s", text);
}
