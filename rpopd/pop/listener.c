/* SPDX-License-Identifier: ISC */
/* The listeners and their further certificates: which there are to be, how they are found, and what is told of them. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "pop_int.h"

static void	 listener_further(struct listener *);
static const char *listener_wrong(const struct listener *);
static const char *listen_off(void);
static struct listener *listener_new(const struct listener_row *, int, struct listener *, const char *);
static struct listener *listener_of(const struct listener_row *, int, const struct listener *, const char *);

struct listeners	 listeners = TAILQ_HEAD_INITIALIZER(listeners);

static uint32_t		 last_id;

/* Each row has its listeners, of both families for '*', and each of these has its further certificates. */
void
listener_rows(void)
{
	static const int		 families[] = { AF_INET, AF_INET6 };
	const struct config		*c = config_running;
	const struct listener_row	*row;
	struct listener			*l;
	size_t				 i;

	for (row = c->listeners; row < c->listeners + c->nlisteners; row++)
		for (i = 0; i < nitems(families); i++) {
			if (strcmp(row->address, "*") != 0 && (strchr(row->address, ':') != NULL) != (families[i] == AF_INET6))
				continue;
			if ((l = listener_of(row, families[i], NULL, NULL)) == NULL)
				l = listener_new(row, families[i], NULL, NULL);
			l->row = row;
			listener_further(l);
		}
}

static void
listener_further(struct listener *of)
{
	const struct config		*c = config_running;
	const struct certificate_row	*further;
	struct listener			*l;

	for (further = c->certificates; further < c->certificates + c->ncertificates; further++) {
		if (further->port != of->port || strcmp(further->address, of->address) != 0)
			continue;
		if ((l = listener_of(of->row, of->family, of, further->cert)) == NULL)
			l = listener_new(of->row, of->family, of, further->cert);
		l->row = of->row;
		l->further = further;
	}
}

static struct listener *
listener_new(const struct listener_row *row, int family, struct listener *of, const char *cert)
{
	struct listener	*l;
	char		 shown[PROTO_TEXT_SIZE];

	if ((l = calloc(1, sizeof(*l))) == NULL || (cert != NULL && (l->cert = strdup(cert)) == NULL))
		fatal("listener");
	if (++last_id == 0)
		last_id = 1;
	l->id = last_id;
	l->of = of;
	l->family = family;
	l->port = row->port;
	l->fd = -1;
	strlcpy(l->address, row->address, sizeof(l->address));
	*shown = '\0';
	if (cert != NULL)
		log_vis(shown, sizeof(shown), cert, strlen(cert));
	snprintf(l->name, sizeof(l->name), "%s/%u%s%s", l->address, l->port, cert == NULL ? "" : " ", shown);
	TAILQ_INSERT_TAIL(&listeners, l, entry);
	return (l);
}

/* What was there before of a row, or of a further certificate of a listener. */
static struct listener *
listener_of(const struct listener_row *row, int family, const struct listener *of, const char *cert)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry)
		if (l->port == row->port && l->family == family && strcmp(l->address, row->address) == 0 && l->of == of &&
		    (of == NULL || strcmp(l->cert, cert) == 0))
			return (l);
	return (NULL);
}

struct listener *
listener_find(uint32_t id)
{
	struct listener	*l;

	TAILQ_FOREACH(l, &listeners, entry)
		if (l->id == id)
			return (l);
	return (NULL);
}

int
listen_is_tls(uint32_t id)
{
	struct listener	*l = listener_find(id);

	return (l != NULL && l->force.tls);
}

uint32_t
listen_channels(uint32_t id)
{
	struct listener	*l = listener_find(id);

	return (l == NULL ? 0 : l->row->channels);
}

/* What is wrong with a listener, in words that are the next call's; NULL: nothing. */
static const char *
listener_wrong(const struct listener *l)
{
	static char	 text[PROTO_TEXT_SIZE];

	if (l->trouble[0] != '\0')
		return (l->trouble);
	return (l->taken && pair_expired(&l->force, text, sizeof(text)) ? text : NULL);
}

/* Why no row has a listener; NULL: they have. */
static const char *
listen_off(void)
{
	return (config_running->nlisteners > 0 && config_running->settings.pop_channels == 0 ?
	    "settings.pop_channels is 0: nothing listens" : NULL);
}

/* What is in the way of a row, which may have two listeners; NULL: nothing. */
const char *
pop_trouble(const char *address, uint16_t port, const char *cert)
{
	const struct listener	*l;
	const char		*text;

	TAILQ_FOREACH(l, &listeners, entry)
		if (l->port == port && strcmp(l->address, address) == 0 && strcmp(l->of == NULL ? "" : l->cert, cert) == 0 &&
		    (text = listener_wrong(l)) != NULL)
			return (text);
	return (listen_off());
}

/* Sockets that listen, those that do not, and what is in their way. */
void
listen_sums(struct ctl_daemon *m)
{
	const struct listener	*l;
	const char		*text;
	char			 line[sizeof(l->trouble) + sizeof(l->name) + 4];
	int			 works;

	if ((text = listen_off()) != NULL)
		snprintf(m->listener_trouble, sizeof(m->listener_trouble), "all: %s\n", text);
	TAILQ_FOREACH(l, &listeners, entry) {
		works = l->trouble[0] == '\0' || l->expired;
		m->listening += l->fd != -1 && works;
		m->not_listening += l->of == NULL && !works;
		if ((text = listener_wrong(l)) == NULL)
			continue;
		snprintf(line, sizeof(line), "%s: %s\n", l->name, text);
		if (strlen(m->listener_trouble) + strlen(line) < sizeof(m->listener_trouble))
			strlcat(m->listener_trouble, line, sizeof(m->listener_trouble));
	}
}
