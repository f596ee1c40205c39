/* SPDX-License-Identifier: ISC */
/*
 * Clients of the control socket.  One that sends garbage is closed, never more (CVE-2025-62875).  A client asks one thing at a
 * time; it is not heard while answers are queued for it, and closed when it neither asks nor takes its answers.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "control_int.h"

#define CLIENTS_MAX	16	/* of the control socket */
#define CLIENTS_OTHERS	10	/* of them for others than root */
#define CLIENTS_USERS	64	/* of the users' socket */
#define CLIENTS_USER	4	/* of them of one system user */
#define CLIENTS_WEB	128	/* of the web page */
#define CLIENTS_ACCOUNT	8	/* of them of one account */
#define CLIENT_IDLE	20000	/* ms without a request, or without taking anything of an answer */

static int	 client_many(const struct who *);
static void	 client_count(const struct client *, int);
static void	 client_clock(void *);
static void	 client_down(void *, const char *);
static void	 client_sweep(void *);

static LIST_HEAD(, client)	 clients = LIST_HEAD_INITIALIZER(clients);
static int			 nclients, nothers, nusers, nweb;
static struct timer		 sweep;

/*
 * A client on the connected socket fd, which is consumed; rules: what it may ask.  There may be too many: then the socket is
 * closed.
 */
void
client_new(int fd, const struct who *who, const struct rule *rules, size_t nrules)
{
	struct client	*c;

	if (client_many(who) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->who = *who;
	if (link_open(&c->link, fd, rules, nrules, c, client_down) == -1) {
		free(c);
		return;
	}
	c->link.polite = 1;
	timer_init(&c->clock, client_clock, c);
	timer_in(&c->clock, CLIENT_IDLE);
	LIST_INSERT_HEAD(&clients, c, entry);
	client_count(c, 1);
}

/* 1: there are as many clients of this kind as may be. */
static int
client_many(const struct who *who)
{
	struct client	*c;
	int		 own = 0;

	if (!who->user)
		return (nclients >= CLIENTS_MAX || (!who->root && nothers >= CLIENTS_OTHERS));
	LIST_FOREACH(c, &clients, entry)
		own += c->who.user && c->who.uid == who->uid && strcmp(c->who.web, who->web) == 0;
	if (who->web[0] != '\0')
		return (nweb >= CLIENTS_WEB || own >= CLIENTS_ACCOUNT);
	return (nusers >= CLIENTS_USERS || own >= CLIENTS_USER);
}

/* One client more, or -1. */
static void
client_count(const struct client *c, int n)
{
	if (c->who.web[0] != '\0')
		nweb += n;
	else if (c->who.user)
		nusers += n;
	else {
		nclients += n;
		nothers += c->who.root ? 0 : n;
	}
}

/* Whose turn is it?  A client that waits for the daemon, for a trial for example, may do so. */
static void
client_clock(void *arg)
{
	struct client	*c = arg;
	uint32_t	 queued = link_queued(&c->link);

	if (c->gone)
		return;
	if (c->asked == c->requests && queued == c->queued && (queued > 0 || !c->busy)) {
		link_close(&c->link);
		client_down(c, queued > 0 ? "it does not take its answers" : "it asks for nothing");
		return;
	}
	c->requests = c->asked;
	c->queued = queued;
	timer_in(&c->clock, CLIENT_IDLE);
}

/* The channel is at its end.  The client is freed from the event loop, since a handler of its link may be on the stack. */
static void
client_down(void *arg, const char *why)
{
	struct client	*c = arg;
	void		(*left)(struct client *) = c->left;

	if (why != NULL)
		log_debug("control client closed: %s", why);
	c->gone = 1;
	client_done(c);
	if (left != NULL)
		left(c);
	timer_init(&sweep, client_sweep, NULL);
	timer_in(&sweep, 0);
}

static void
client_sweep(void *arg)
{
	struct client	*c, *next;

	(void)arg;
	LIST_FOREACH_SAFE(c, &clients, entry, next) {
		if (!c->gone)
			continue;
		LIST_REMOVE(c, entry);
		timer_stop(&c->listing.go_on);
		timer_stop(&c->clock);
		client_count(c, -1);
		link_close(&c->link);
		edit_left(c);
		password_left(c);
		free(c);
	}
}

/*
 * Whether the client's request is carried out: it has the same protocol version, asks one thing at a time, and is root where
 * something changes; the rules of the users' socket have nothing that users may not ask, each for himself.  1, or 0: the reply is
 * out.
 */
int
client_allowed(struct client *c, struct imsg *imsg, int root)
{
	c->asked++;
	if (c->busy) {
		client_reply(c, 0, "one request at a time");
		return (0);
	}
	if (imsg_get_id(imsg) != message_version()) {
		client_reply(c, 0, "rpopctl and rpopd are of different versions: restart rpopd after an upgrade");
		return (0);
	}
	if (root && !c->who.root && !c->who.user) {
		client_reply(c, 0, "only root may do that");
		return (0);
	}
	return (1);
}

/* A message to the client. */
void
client_send(struct client *c, uint32_t type, const void *data, size_t len)
{
	link_send_id(&c->link, type, message_version(), data, len);
}

/* The whole answer: it was done (ok 1) or not, and a sentence. */
void
client_reply(struct client *c, int ok, const char *text)
{
	struct ctl_text	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, text, sizeof(m.text));
	client_send(c, ok ? IMSG_CTL_OK : IMSG_CTL_FAIL, &m, sizeof(m));
}

/*
 * An answer in parts has begun: the client may wait until client_done().  drained(c) is called whenever everything that was
 * sent to the client was taken; left(c) is called once if the client leaves ahead of client_done().  Either may be NULL.
 */
void
client_busy(struct client *c, void (*drained)(void *), void (*left)(struct client *))
{
	c->busy = 1;
	c->left = left;
	c->link.drained = drained;
}

/* The answer is complete, or the last part of it follows. */
void
client_done(struct client *c)
{
	c->busy = 0;
	c->left = NULL;
	c->link.drained = NULL;
}

/* A line of an answer. */
void
client_line(struct client *c, const char *text)
{
	struct ctl_text	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, text, sizeof(m.text));
	client_send(c, IMSG_CTL_LINE, &m, sizeof(m));
}

/* The end of an answer in parts; failure: why it is not complete, NULL: it is. */
void
client_end(struct client *c, const char *failure)
{
	client_done(c);
	if (failure != NULL)
		client_reply(c, 0, failure);
	else
		client_send(c, IMSG_CTL_END, NULL, 0);
}
