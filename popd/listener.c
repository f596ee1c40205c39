/* SPDX-License-Identifier: ISC */
/*
 * The listeners, as the master sends them: a socket that is bound and listens already, and for those with TLS the certificate, of
 * which contexts are made once, for all sessions, and the name of its key, which the signer has.  Further certificates of a
 * listener come behind it, and stay when it is replaced.  What cannot be used changes nothing, and the master hears why.  A
 * certificate that has expired is not taken in the place of one that has not.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "common/buf.h"
#include "common/heap.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "common/work.h"
#include "popd.h"

static int	 take_limits(void *, struct imsg *);
static int	 take_chain(void *, struct imsg *);
static int	 take_listen(void *, struct imsg *);
static int	 take_certificate(void *, struct imsg *);
static int	 take_unlisten(void *, struct imsg *);
static void	 listener_tell(uint32_t, const char *, const struct cert *);
static int	 add_chain(uint32_t, const void *, size_t);
static void	 pem_free(void);
static struct tls	*listener_context(const struct msg_pop_listen *, struct certs *, struct cert **, char *, size_t);
static struct cert	*listener_cert(const struct msg_pop_certificate *, const struct listener *, char *, size_t);
static int	 pem_whole(uint32_t, size_t, char *, size_t);
static struct listener	*listener_find(uint32_t);
static void	 listener_close(struct listener *);

const struct rule	 listener_rules[] = {
	{ IMSG_POP_LIMITS,	RULES_ANY,	take_limits },
	{ IMSG_POP_CHAIN,	RULES_ANY,	take_chain },
	{ IMSG_POP_LISTEN,	RULES_ANY,	take_listen },
	{ IMSG_POP_CERTIFICATE,	RULES_ANY,	take_certificate },
	{ IMSG_POP_UNLISTEN,	RULES_ANY,	take_unlisten }
};
const size_t	 listener_nrules = nitems(listener_rules);

struct msg_pop_limits	 listener_limits;

static struct listener	 listeners[PROTO_LISTENERS_MAX];
static int		 unsettled;	/* what sessions share has changed since heap_settle(), which is dear, and takes memory each time */

/* What came of a listener's certificate, ahead of the listener itself. */
static struct {
	uint32_t	 id;
	struct buf	 chain;
} pem;

void
listener_begin(void)
{
	size_t	 i;

	for (i = 0; i < nitems(listeners); i++)
		listeners[i].fd = -1;
	buf_init(&pem.chain, PROTO_PEM_MAX);
}

/* Ahead of a fork: it shares what there is now. */
void
listener_settle(void)
{
	if (unsettled)
		heap_settle();
	unsettled = 0;
}

static int
take_limits(void *arg __unused, struct imsg *imsg)
{
	return (rules_payload(imsg, &listener_limits));
}

static int
take_chain(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_pop_part), add_chain));
}

/* That of another listener is not wanted any more. */
static int
add_chain(uint32_t id, const void *data, size_t len)
{
	if (pem.id != id)
		pem_free();
	pem.id = id;
	return (buf_add(&pem.chain, data, len));
}

static void
pem_free(void)
{
	buf_free(&pem.chain);
	pem.id = 0;
}

static int
take_listen(void *arg __unused, struct imsg *imsg)
{
	struct msg_pop_listen	 m;
	struct listener		*l;
	struct tls		*context;
	struct cert		*own = NULL;
	struct certs		*certs;
	char			 err[PROTO_TEXT_SIZE] = "";
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &m) == -1 || m.id == 0 || ((l = listener_find(m.id)) == NULL && (l = listener_find(0)) == NULL)) {
		close(fd);
		return (-1);
	}
	certs = l->certs == NULL ? certs_new() : l->certs;
	context = listener_context(&m, certs, &own, err, sizeof(err));
	pem_free();
	if (err[0] == '\0' && fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1)
		snprintf(err, sizeof(err), "the socket: %s", strerror(errno));
	listener_tell(m.id, err, own);
	if (err[0] != '\0') {
		close(fd);
		tls_free(context);
		cert_free(own);
		if (certs != l->certs)
			certs_free(certs);
		return (0);
	}
	l->certs = NULL;
	listener_close(l);
	certs_own(certs, own);
	l->certs = certs;
	l->id = m.id;
	l->tls = m.tls != 0;
	l->channels = m.channels;
	l->fd = fd;
	l->context = context;
	accept_watch(l);
	unsettled = 1;
	log_debug("POP listener %u listens%s", l->id, l->tls ? " for TLS" : context != NULL ? ", with STLS" : ", in clear only");
	return (0);
}

/* The master hears that the listener or certificate is as it was told, or, with a text, why it is as before. */
static void
listener_tell(uint32_t id, const char *err, const struct cert *taken)
{
	struct msg_pop_listening	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.refused = *err != '\0';
	m.until = m.refused || taken == NULL ? INT64_MAX : cert_until(taken);
	log_vis(m.text, sizeof(m.text), err, strlen(err));
	if (m.refused)
		log_debug("POP listener %u stays as it was: %s", id, m.text);
	if (link_send(&proc_master, IMSG_POP_LISTENING, -1, &m, sizeof(m)) == -1)
		_exit(1);
}

/* Its TLS context and certificate, both NULL for a listener without one.  Text in err: what it was sent does not do. */
static struct tls *
listener_context(const struct msg_pop_listen *m, struct certs *certs, struct cert **own, char *err, size_t size)
{
	if (m->pem == 0) {
		if (m->tls)
			strlcpy(err, "TLS needs a certificate", size);
		return (NULL);
	}
	if (!pem_whole(m->id, m->pem, err, size) ||
	    (*own = cert_new(0, buf_data(&pem.chain), m->pem, m->keyid, err, size)) == NULL ||
	    cert_worse(*own, certs_has(certs, 0), err, size))
		return (NULL);
	return (tls_context(buf_data(&pem.chain), m->pem, m->keyid, certs, err, size));
}

/* Whether as many octets of this one have come; with 0 err says so. */
static int
pem_whole(uint32_t id, size_t len, char *err, size_t size)
{
	if (pem.id == id && len > 0 && buf_len(&pem.chain) == len)
		return (1);
	strlcpy(err, "its certificate did not arrive whole", size);
	return (0);
}

static int
take_certificate(void *arg __unused, struct imsg *imsg)
{
	struct msg_pop_certificate	 m;
	struct listener			*l;
	struct cert			*c;
	char				 err[PROTO_TEXT_SIZE] = "";

	if (rules_payload(imsg, &m) == -1 || m.id == 0 || listener_find(m.id) != NULL || m.listener == 0 ||
	    (l = listener_find(m.listener)) == NULL)
		return (-1);
	c = listener_cert(&m, l, err, sizeof(err));
	pem_free();
	listener_tell(m.id, err, c);
	if (err[0] != '\0')
		cert_free(c);
	else if (certs_add(l->certs, c) == -1) {
		cert_free(c);
		return (-1);
	}
	unsettled = 1;
	return (0);
}

/* A further certificate, which a client asks for by a name.  Text in err: what was sent does not do. */
static struct cert *
listener_cert(const struct msg_pop_certificate *m, const struct listener *l, char *err, size_t size)
{
	struct cert	*c;
	uint8_t		 keyid[PROTO_KEYID_LEN];

	if (!pem_whole(m->id, m->pem, err, size) ||
	    (c = cert_new(m->id, buf_data(&pem.chain), m->pem, m->keyid, err, size)) == NULL)
		return (NULL);
	if (cert_worse(c, certs_has(l->certs, m->id), err, size))
		return (c);
	if (sign_keyid(buf_data(&pem.chain), m->pem, keyid) == -1 || memcmp(keyid, m->keyid, sizeof(keyid)) != 0)
		strlcpy(err, "the key is not that of the certificate", size);
	else if (!cert_named(c))
		strlcpy(err, "the certificate has no dNSName, by which a client could ask for it", size);
	else
		certs_try(l->certs, c, err, size);
	return (c);
}

static int
take_unlisten(void *arg __unused, struct imsg *imsg)
{
	struct listener	*l;
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1 || id == 0)
		return (-1);
	if ((l = listener_find(id)) != NULL) {
		listener_close(l);
		log_debug("POP listener %u listens no more", id);
		return (0);
	}
	for (l = listeners; l < listeners + nitems(listeners); l++)
		(void)certs_remove(l->certs, id);
	return (0);
}

/* The listener of this id; with 0 one that can be made.  NULL: there is none. */
static struct listener *
listener_find(uint32_t id)
{
	size_t	 i;

	for (i = 0; i < nitems(listeners); i++)
		if (listeners[i].id == id)
			return (&listeners[i]);
	return (NULL);
}

/* Sessions have their copies of its context and certificates, and go on. */
static void
listener_close(struct listener *l)
{
	if (l->fd != -1) {
		accept_unwatch(l);
		close(l->fd);
	}
	tls_free(l->context);
	certs_free(l->certs);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}
