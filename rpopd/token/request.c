/* SPDX-License-Identifier: ISC */
/*
 * One token request: dialed by the dialer, carried out by an oauth process of its own.  Once the provider has been asked it is
 * not called off, whoever has stopped waiting: the answer may hold a refresh token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ipc/proto_dialer.h"
#include "common/ipc/proto_oauth.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "token_int.h"

#define DIAL_TIMEOUT	30	/* s */
#define QUEUE_TIMEOUT	60	/* s until there must be a turn */
#define SLOW_FAILURE	5000	/* ms after which a failure stands for the endpoint, not for the request */
#define SLOW_PAUSE	60000	/* ms that an endpoint like that is left alone */
#define ASK_TIMEOUT	45	/* s; the oauth process has a shorter clock of its own */

struct token_request {
	TAILQ_ENTRY(token_request) entry;
	struct grant		*grant;
	uint32_t		 id;
	struct dial		*dial;		/* DIALING */
	struct worker		*worker;	/* ASKED */
	struct msg_token_start	 start;
	int64_t			 begun;		/* monotonic ms, of the dial */
	struct pem		 ca;
	uint8_t			 refresh[PROTO_TOKEN_MAX], client[PROTO_SECRET_MAX];
	size_t			 refresh_len, client_len;
};

/* A token endpoint that does not answer: it would hold up a session for every record that needs it, one after the other. */
struct endpoint {
	LIST_ENTRY(endpoint)	 entry;
	char			 host[PROTO_HOST_SIZE];
	uint16_t		 port;
	int64_t			 until;		/* monotonic ms */
	char			 text[PROTO_TEXT_SIZE];
};

static struct endpoint *endpoint_find(const char *, uint16_t);
static void	 endpoint_slow(const struct token_request *, const char *);
static void	 request_dial(struct grant *);
static void	 request_dialed(void *, const struct dialed *);
static void	 request_send(struct grant *, struct child *, int);
static void	 request_died(void *);
static void	 request_fail(struct grant *, const char *);

static TAILQ_HEAD(, token_request)	 requests = TAILQ_HEAD_INITIALIZER(requests);	/* as they came */
static LIST_HEAD(, endpoint)		 endpoints = LIST_HEAD_INITIALIZER(endpoints);

/* What is known against a token endpoint; NULL: nothing is.  Knowledge that is too old is dropped on the way. */
static struct endpoint *
endpoint_find(const char *host, uint16_t port)
{
	struct endpoint	*e, *next, *found = NULL;
	int64_t		 now = clock_msec();

	LIST_FOREACH_SAFE(e, &endpoints, entry, next) {
		if (e->until <= now) {
			LIST_REMOVE(e, entry);
			free(e);
		} else if (e->port == port && strcmp(e->host, host) == 0)
			found = e;
	}
	return (found);
}

/* A request has failed as text says.  If that took long, its endpoint is left alone for a while. */
static void
endpoint_slow(const struct token_request *r, const char *text)
{
	struct endpoint	*e = endpoint_find(r->start.host, r->start.port);

	if (clock_msec() - r->begun < SLOW_FAILURE)
		return;
	if (e == NULL) {
		if ((e = calloc(1, sizeof(*e))) == NULL)
			fatal("endpoint");
		LIST_INSERT_HEAD(&endpoints, e, entry);
	}
	strlcpy(e->host, r->start.host, sizeof(e->host));
	e->port = r->start.port;
	e->until = clock_msec() + SLOW_PAUSE;
	strlcpy(e->text, text, sizeof(e->text));
}

/*
 * Queue a request for the grant.  Everything that it needs is copied, since the record may be gone when its turn comes.  0, or
 * -1 with a sentence, and why if that is not WHY_CONFIG.
 */
int
request_make(struct grant *g, const struct record *rec, const struct grant_secret *secret, const struct token_row *row,
    enum fail_why *why, char *err, size_t errsize)
{
	const struct oauth_row	*client = rec->client;
	struct token_request	*r;
	struct endpoint		*e;

	if ((e = endpoint_find(client->host, client->port)) != NULL) {
		*why = WHY_TOKEN_TEMP;
		strlcpy(err, e->text, errsize);
		return (-1);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("token request");
	if (client->ca_file[0] != '\0' && pem_read(PEM_CA, client->ca_file, &r->ca, err, errsize) == -1) {
		free(r);
		return (-1);
	}
	r->start.client_credentials = client->client_credentials;
	r->start.own_ca = r->ca.len > 0;
	r->start.port = client->port;
	strlcpy(r->start.host, client->host, sizeof(r->start.host));
	strlcpy(r->start.path, client->path, sizeof(r->start.path));
	strlcpy(r->start.client_id, client->client_id, sizeof(r->start.client_id));
	strlcpy(r->start.scope, client->scope, sizeof(r->start.scope));
	r->refresh_len = row->refresh_len > 0 ? row->refresh_len : secret->refresh_len;
	memcpy(r->refresh, row->refresh_len > 0 ? row->refresh : secret->refresh, r->refresh_len);
	r->client_len = secret->client_len;
	memcpy(r->client, secret->client, r->client_len);
	r->grant = g;
	TAILQ_INSERT_TAIL(&requests, r, entry);
	g->request = r;
	g->state = GRANT_QUEUED;
	token_clock(g, QUEUE_TIMEOUT);
	turn_soon();
	return (0);
}

/* In each round: requests that wait for their turn are begun, as far as there is room and the children are ready. */
void
request_run(void)
{
	struct token_request	*r;
	size_t			 running = 0, queued = 0;

	TAILQ_FOREACH(r, &requests, entry)
		*(r->grant->state == GRANT_QUEUED ? &queued : &running) += 1;
	if (turn_stopping || queued == 0 || running >= TOKEN_REQUESTS)
		return;
	refresh_children(0);
	if (child_current(ROLE_DIALER) == NULL || worker_template(ROLE_OAUTH) == NULL)
		return;
	TAILQ_FOREACH(r, &requests, entry)
		if (r->grant->state == GRANT_QUEUED && running < TOKEN_REQUESTS) {
			request_dial(r->grant);
			running++;
		}
}

/* It is the turn of the grant's request: the dialer is asked for a connection to the token endpoint. */
static void
request_dial(struct grant *g)
{
	struct token_request	*r = g->request;

	r->id = r->start.id = state_next_session();
	r->begun = clock_msec();
	g->state = GRANT_DIALING;
	token_clock(g, DIAL_TIMEOUT);
	/* The endpoint may have an address of this machine: it is the administrator's choice, and no mail comes from there. */
	r->dial = dial_start(r->id, r->start.host, r->start.port, DIAL_SELF, config_running->settings.source, request_dialed, g);
	log_debug("token request %u: dialing %s:%u", r->id, r->start.host, r->start.port);
}

/* The dial for a grant's request has ended. */
static void
request_dialed(void *arg, const struct dialed *how)
{
	struct grant	*g = arg;
	struct child	*oauth = worker_template(ROLE_OAUTH);
	char		 why[PROTO_TEXT_SIZE];

	g->request->dial = NULL;
	if (how->fd != -1 && oauth != NULL) {
		request_send(g, oauth, how->fd);
		return;
	}
	if (how->fd != -1) {
		close(how->fd);
		request_fail(g, "the oauth process is not running");
		return;
	}
	snprintf(why, sizeof(why), "%.100s: %.140s", g->request->start.host, how->text);
	request_fail(g, how->died ? how->text : why);
}

/*
 * Give an oauth process of its own the connected socket, the request and its secrets.  The secrets are wiped here, and in the
 * message queue when they are written.
 */
static void
request_send(struct grant *g, struct child *oauth, int fd)
{
	struct token_request	*r = g->request;
	struct msg_token_part	 part = { r->id, 0 };
	struct link		*l;
	char			 label[PROTO_TEXT_SIZE];

	snprintf(label, sizeof(label), "token request %u, %.200s", r->id, r->start.host);
	if ((r->worker = worker_start(oauth, r->id, label, oauth_rules, oauth_nrules, request_died, g)) == NULL) {
		close(fd);
		request_fail(g, "no channel for the oauth process");
		return;
	}
	g->state = GRANT_ASKED;
	token_clock(g, ASK_TIMEOUT);
	l = &r->worker->link;
	link_send(l, IMSG_TOKEN_START, fd, &r->start, sizeof(r->start));
	link_send_parts(l, IMSG_TOKEN_CA, &part, sizeof(part), r->ca.data, r->ca.len);
	link_send_part(l, IMSG_TOKEN_CLIENT, &part, sizeof(part), r->client, r->client_len);
	link_send_part(l, IMSG_TOKEN_REFRESH, &part, sizeof(part), r->refresh, r->refresh_len);
	explicit_bzero(r->client, sizeof(r->client));
	explicit_bzero(r->refresh, sizeof(r->refresh));
}

/* The oauth process of a grant has died, and with it this request alone. */
static void
request_died(void *arg)
{
	request_fail(arg, "the oauth process died");
}

/* The grant whose request, of this number, the process carries out; NULL: it carries out none, or another one. */
struct grant *
request_grant(const struct worker *w, uint32_t id)
{
	struct grant	*g = w->arg;

	return (g != NULL && g->state == GRANT_ASKED && g->request->worker == w && g->request->id == id ? g : NULL);
}

/* 1: the request is made with a refresh token, so that the answer may bring a new one. */
int
request_refreshes(const struct grant *g)
{
	return (!g->request->start.client_credentials);
}

static void
request_fail(struct grant *g, const char *text)
{
	request_failed(g, WHY_TOKEN_TEMP, text);
}

/* The request is over without an answer, or its answer was a refusal: whoever waits for the grant hears so. */
void
request_failed(struct grant *g, enum fail_why why, const char *text)
{
	if (why == WHY_TOKEN_TEMP && g->state != GRANT_QUEUED)
		endpoint_slow(g->request, text);
	request_free(g);
	token_failed(g, why, text);
}

/* The request takes too long.  An oauth process that does not do its work is killed: it is not to be trusted any more. */
void
request_timeout(struct grant *g)
{
	struct token_request	*r = g->request;
	char			 why[PROTO_TEXT_SIZE];

	if (g->state == GRANT_ASKED) {
		log_warnx("%s: its oauth process does not answer and is killed", r->worker->label);
		worker_kill(r->worker);
		return;			/* its end will be noticed */
	}
	if (g->state == GRANT_QUEUED) {
		request_fail(g, "the oauth process is not ready");
		return;
	}
	snprintf(why, sizeof(why), "%.200s: no connection within %d seconds", r->start.host, DIAL_TIMEOUT);
	request_fail(g, why);
}

/* The request is over, and its secrets are wiped.  Its process, if it has one, is left to itself. */
void
request_free(struct grant *g)
{
	struct token_request	*r = g->request;

	if (r->dial != NULL)
		dial_cancel(r->dial);
	if (r->worker != NULL)
		worker_leave(r->worker);
	pem_free(&r->ca);
	TAILQ_REMOVE(&requests, r, entry);
	freezero(r, sizeof(*r));
	g->request = NULL;
	turn_soon();			/* the next one may begin */
}
