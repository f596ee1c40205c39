/* SPDX-License-Identifier: ISC */
/* TLS with a next hop: certificate, name and time are verified and TLS 1.2 is the least, which are libtls's defaults. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>

#include <tls.h>

#include "common/log.h"
#include "common/tlserror.h"
#include "sender.h"

#define CA_PATH	"/certs"	/* below our root */

static struct tls_config	*config_new(const struct buf *);

static struct tls	*warm_tls;	/* with the system's CAs; never connected by the template: each fork uses its own copy */

/* Libraries read their files and the certificate store is chosen while there is a file system. */
void
jobtls_init(void)
{
	struct tls_config	*trusted;

	if (tls_init() == -1 || (trusted = config_new(NULL)) == NULL || (warm_tls = tls_client()) == NULL)
		fatalx("tls_init failed");
	if (tls_configure(warm_tls, trusted) == -1)
		fatalx("tls_configure: %s", tls_error(warm_tls));
	tls_config_free(trusted);	/* the context holds a reference */
}

/* NULL: no memory, or no certificate in ca. */
static struct tls_config *
config_new(const struct buf *ca)
{
	struct tls_config	*config;

	if ((config = tls_config_new()) == NULL)
		return (NULL);
	if ((ca == NULL ? tls_config_set_ca_path(config, CA_PATH) :
	    tls_config_set_ca_mem(config, ca->base + ca->off, ca->len)) == -1) {
		tls_config_free(config);
		return (NULL);
	}
	return (config);
}

/* A context for this connection, before the handshake, once in a process's life; NULL and a text on failure. */
struct tls *
jobtls_open(const struct msg_send_start *start, const struct buf *ca, int fd, char *text, size_t size)
{
	struct tls_config	*own = NULL;
	struct tls		*tls = start->own_ca ? tls_client() : warm_tls;
	unsigned int		 has = HAS_NEXTHOP | (start->own_ca ? HAS_CA : 0);

	if (tls == NULL || (start->own_ca && (own = config_new(ca)) == NULL)) {
		snprintf(text, size, "TLS cannot be set up; is ca_file a file of PEM certificates?");
		return (NULL);
	}
	if ((own != NULL && tls_configure(tls, own) == -1) || tls_connect_socket(tls, fd, start->tls_name) == -1) {
		(void)tlserror_explain(has, tls_error(tls), text, size);
		return (NULL);
	}
	return (tls);
}
