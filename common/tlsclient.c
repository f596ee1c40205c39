/* SPDX-License-Identifier: ISC */
/* TLS contexts for one connection each. */
#include <sys/types.h>

#include <poll.h>
#include <stdio.h>

#include <tls.h>

#include "log.h"
#include "tlsclient.h"
#include "tlserror.h"
#include "tlswarm.h"

#define CA_PATH		"/certs"	/* the trusted certificates, below the root of a template */

static struct tls	*warm;		/* with the trusted CAs; a template never connects it */

/*
 * In a template, ahead of the lock-in: the libraries read their files, and the context with the trusted CAs is made.  alpn (RFC
 * 7301) is offered to servers; NULL: nothing is.  A failure is fatal.
 */
void
tlsclient_warm(const char *alpn)
{
	struct tls_config	*config;

	if (tls_init() == -1 || (config = tlsclient_config(0, NULL, 0, alpn)) == NULL || (warm = tls_client()) == NULL)
		fatalx("tls_init failed");
	if (tls_configure(warm, config) == -1)
		fatalx("tls_configure: %s", tls_error(warm));
	tlswarm();
	tls_config_free(config);	/* the context holds a reference */
}

/*
 * A configuration of the caller's own.  With own_ca the len octets of certificates in PEM at ca stand in place of the trusted CAs.
 * NULL: no memory, or there are no such octets.
 */
struct tls_config *
tlsclient_config(int own_ca, const void *ca, size_t len, const char *alpn)
{
	struct tls_config	*config;

	if ((own_ca && len == 0) || (config = tls_config_new()) == NULL)
		return (NULL);
	if ((own_ca ? tls_config_set_ca_mem(config, ca, len) : tls_config_set_ca_path(config, CA_PATH)) == -1 ||
	    (alpn != NULL && tls_config_set_alpn(config, alpn) == -1)) {
		tls_config_free(config);
		return (NULL);
	}
	return (config);
}

/*
 * A context for the connection fd to a server that has a certificate for name, ahead of the handshake: once in a process's life.
 * own is consumed, its keys are wiped; NULL: the template's context is used.  has (enum tls_has) is what the connection was asked
 * to be.  NULL on failure, and text says why.
 */
struct tls *
tlsclient_connect(struct tls_config *own, int fd, const char *name, unsigned int has, char *text, size_t size)
{
	struct tls	*tls = own == NULL ? warm : tls_client();
	int		 r = -1;

	if (tls == NULL)
		snprintf(text, size, "out of memory");
	else if ((own != NULL && tls_configure(tls, own) == -1) || tls_connect_socket(tls, fd, name) == -1)
		(void)tlserror_explain(has, tls_error(tls), text, size);
	else
		r = 0;
	if (own != NULL) {
		tls_config_clear_keys(own);	/* not before the connect: libtls loads them only there */
		tls_config_free(own);
	}
	if (r == 0)
		return (tls);
	if (own != NULL)
		tls_free(tls);
	return (NULL);
}

/* What a call of libtls that came back with n waits for, in the words of poll(2); 0: it does not wait. */
short
tlsclient_waits(ssize_t n)
{
	return (n == TLS_WANT_POLLIN ? POLLIN : n == TLS_WANT_POLLOUT ? POLLOUT : 0);
}
