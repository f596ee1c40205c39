/* SPDX-License-Identifier: ISC */
/*
 * Requests to identity providers: each is dialed by the dialer and carried out by an oauth process of its own.
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
static void	 request_fill(struct token_request *, const struct request_what *);
static void	 request_dial(struct token_request *);
static void	 request_dialed(void *, const struct dialed *);
static void	 request_send(struct token_request *, struct child *, int);
static void	 request_died(void *);
static void	 request_clock(struct token_request *, uint32_t);
static void	 request_late(void *);
static void	 request_fail(struct token_request *, const char *);

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
 * Queue a request.  What it needs is copied, since the asker's record may be gone when its turn comes.  NULL with a sentence, and
 * why if that is not WHY_CONFIG: there is none, and no function of calls is called.
 */
struct token_request *
request_make(const struct request_what *what, const struct request_calls *calls, void *arg, enum fail_why *why, char *err,
    size_t errsize)
{
	const struct oauth_row	*client = what->client;
	struct token_request	*r;
	struct endpoint		*e;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("token request");
	request_fill(r, what);
	if ((e = endpoint_find(r->start.host, r->start.port)) != NULL) {
		*why = WHY_TOKEN_TEMP;
		strlcpy(err, e->text, errsize);
		freezero(r, sizeof(*r));
		return (NULL);
	}
	if (client->ca_file[0] != '\0' && pem_read(PEM_CA, client->ca_file, &r->ca, err, errsize) == -1) {
		freezero(r, sizeof(*r));
		return (NULL);
	}
	r->start.own_ca = r->ca.len > 0;
	r->calls = calls;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&requests, r, entry);
	request_clock(r, QUEUE_TIMEOUT);
	turn_soon();
	return (r);
}

/* What the oauth process is to get, but for the CA file. */
static void
request_fill(struct token_request *r, const struct request_what *what)
{
	const struct oauth_row	*client = what->client;
	int			 device = what->ask == TOKEN_DEVICE;

	r->start.ask = what->ask;
	r->start.port = device ? client->device_port : client->port;
	strlcpy(r->start.host, device ? client->device_host : client->host, sizeof(r->start.host));
	strlcpy(r->start.path, device ? client->device_path : client->path, sizeof(r->start.path));
	strlcpy(r->start.client_id, client->client_id, sizeof(r->start.client_id));
	strlcpy(r->start.scope, client->scope, sizeof(r->start.scope));
	r->credential_len = what->credential_len;
	if (r->credential_len > 0)
		memcpy(r->credential, what->credential, r->credential_len);
	r->secret_len = what->secret_len;
	memcpy(r->secret, what->secret, r->secret_len);
}

/* In each round: requests that wait for their turn are begun, as far as there is room and the children are ready. */
void
request_run(void)
{
	struct token_request	*r;
	size_t			 running = 0, queued = 0;

	TAILQ_FOREACH(r, &requests, entry)
		*(r->state == REQUEST_QUEUED ? &queued : &running) += 1;
	if (turn_stopping || queued == 0 || running >= TOKEN_REQUESTS)
		return;
	refresh_children(0);
	if (child_current(ROLE_DIALER) == NULL || worker_template(ROLE_OAUTH) == NULL)
		return;
	TAILQ_FOREACH(r, &requests, entry)
		if (r->state == REQUEST_QUEUED && running < TOKEN_REQUESTS) {
			request_dial(r);
			running++;
		}
}

/* It is the request's turn: the dialer is asked for a connection to the endpoint. */
static void
request_dial(struct token_request *r)
{
	r->id = r->start.id = state_next_session();
	r->begun = clock_msec();
	r->state = REQUEST_DIALING;
	request_clock(r, DIAL_TIMEOUT);
	/* The endpoint may have an address of this machine: it is the administrator's choice, and no mail comes from there. */
	r->dial = dial_start(r->id, r->start.host, r->start.port, DIAL_SELF, config_running->settings.source, request_dialed, r);
	log_debug("token request %u: dialing %s:%u", r->id, r->start.host, r->start.port);
}

/* The dial for a request has ended. */
static void
request_dialed(void *arg, const struct dialed *how)
{
	struct token_request	*r = arg;
	struct child		*oauth = worker_template(ROLE_OAUTH);
	char			 why[PROTO_TEXT_SIZE];

	r->dial = NULL;
	if (how->fd != -1 && oauth != NULL) {
		request_send(r, oauth, how->fd);
		return;
	}
	if (how->fd != -1) {
		close(how->fd);
		request_fail(r, "the oauth process is not running");
		return;
	}
	snprintf(why, sizeof(why), "%.100s: %.140s", r->start.host, how->text);
	request_fail(r, how->died ? how->text : why);
}

/*
 * Give an oauth process of its own the connected socket, the request and its secrets.  The secrets are wiped here, and in the
 * message queue when they are written.
 */
static void
request_send(struct token_request *r, struct child *oauth, int fd)
{
	struct msg_token_part	 part = { r->id, 0 };
	struct link		*l;
	char			 label[PROTO_TEXT_SIZE];

	snprintf(label, sizeof(label), "token request %u, %.200s", r->id, r->start.host);
	if ((r->worker = worker_start(oauth, r->id, label, oauth_rules, oauth_nrules, request_died, r)) == NULL) {
		close(fd);
		request_fail(r, "no channel for the oauth process");
		return;
	}
	r->state = REQUEST_ASKED;
	request_clock(r, ASK_TIMEOUT);
	l = &r->worker->link;
	link_send(l, IMSG_TOKEN_START, fd, &r->start, sizeof(r->start));
	link_send_parts(l, IMSG_TOKEN_CA, &part, sizeof(part), r->ca.data, r->ca.len);
	link_send_part(l, IMSG_TOKEN_CLIENT, &part, sizeof(part), r->secret, r->secret_len);
	link_send_part(l, IMSG_TOKEN_CREDENTIAL, &part, sizeof(part), r->credential, r->credential_len);
	explicit_bzero(r->secret, sizeof(r->secret));
	explicit_bzero(r->credential, sizeof(r->credential));
}

/* The oauth process of a request has died, and with it this request alone. */
static void
request_died(void *arg)
{
	request_fail(arg, "the oauth process died");
}

struct token_request *
request_of(const struct worker *w, uint32_t id)
{
	struct token_request	*r = w->arg;

	return (r != NULL && r->state == REQUEST_ASKED && r->worker == w && r->id == id ? r : NULL);
}

static void
request_fail(struct token_request *r, const char *text)
{
	request_failed(r, WHY_TOKEN_TEMP, text);
}

/* The request is over without an answer, or its answer was a refusal: the asker hears so. */
void
request_failed(struct token_request *r, enum fail_why why, const char *text)
{
	const struct request_calls	*calls = r->calls;
	void				*arg = r->arg;

	if (why == WHY_TOKEN_TEMP && r->state != REQUEST_QUEUED)
		endpoint_slow(r, text);
	request_free(r);
	calls->failed(arg, why, text);
}

/* In so many seconds the request takes too long. */
static void
request_clock(struct token_request *r, uint32_t seconds)
{
	timer_init(&r->clock, request_late, r);
	timer_in(&r->clock, seconds * 1000LL);
}

/* The request takes too long.  An oauth process that does not do its work is killed: it is not to be trusted any more. */
static void
request_late(void *arg)
{
	struct token_request	*r = arg;
	char			 why[PROTO_TEXT_SIZE];

	if (r->state == REQUEST_ASKED) {
		log_warnx("%s: its oauth process does not answer and is killed", r->worker->label);
		worker_kill(r->worker);
		return;			/* its end will be noticed */
	}
	if (r->state == REQUEST_QUEUED) {
		request_fail(r, "the oauth process is not ready");
		return;
	}
	snprintf(why, sizeof(why), "%.200s: no connection within %d seconds", r->start.host, DIAL_TIMEOUT);
	request_fail(r, why);
}

/* The request's secrets are wiped.  Its process, if it has one, is left to itself, and nobody hears of its answer. */
void
request_free(struct token_request *r)
{
	timer_stop(&r->clock);
	if (r->dial != NULL)
		dial_cancel(r->dial);
	if (r->worker != NULL)
		worker_leave(r->worker);
	pem_free(&r->ca);
	TAILQ_REMOVE(&requests, r, entry);
	freezero(r, sizeof(*r));
	turn_soon();			/* the next one may begin */
}
