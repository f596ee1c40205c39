/* SPDX-License-Identifier: ISC */
/*
 * Logins at identity providers: a refresh token from zero, by the device grant of RFC 8628.  The provider gives a code, which a
 * person enters at its page; meanwhile it is asked, at the pace that it wants, whether that has been done.
 *
 *	ASKING		a device code is asked for
 *	WAITING		the person has address and code; the provider is asked next when the clock says
 *	POLLING		the provider is asked
 *	STORING		it has granted, and the token cannot be stored yet: tried again when the clock says
 *
 * What is durable when this process is killed at a kill point, in this order:
 *
 *	master.login_granted	nothing: the token is lost, and the login is to be made again
 *	master.login_forgotten	nothing but that what state.db knew of this very token, if the record had it already, is gone: it
 *				is good again
 *	master.login_stored	the token is in rpopd.db, and the next poll begins with it
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "token_int.h"

#define LOGINS_MAX	4	/* at once */
#define LOGIN_TOTAL	1800	/* s, of a whole login at most */
#define SLOW_DOWN	5	/* s more between two questions, RFC 8628 section 3.5 */
#define PAUSE_MAX	120	/* s between two questions while the provider cannot be reached */
#define STORE_RETRY	1	/* s */
#define STORE_PATIENCE	60	/* s in which the stores must be open to writing once */

enum login_state { LOGIN_ASKING, LOGIN_WAITING, LOGIN_POLLING, LOGIN_STORING };

struct device_login {
	LIST_ENTRY(device_login)	 entry;
	enum login_state	 state;
	const struct login_calls *calls;
	struct client		*client;	/* who waits for it */
	struct routing		*routing;	/* holds rec */
	const struct record	*rec;
	struct token_request	*request;	/* ASKING, POLLING */
	struct timer		 clock;
	int64_t			 end;		/* monotonic ms */
	uint32_t		 interval;	/* s, that the provider wants between two questions */
	uint32_t		 pause;		/* s, until the next one: longer while it cannot be reached */
	struct ctl_login	 said;		/* to the client */
	uint8_t			*code;		/* device code; NULL: none yet */
	size_t			 code_len;
	uint8_t			*refresh;	/* granted, and not stored yet; NULL: none */
	size_t			 refresh_len;
};

static const struct record *login_record(const char *, char *, size_t);
static int	 login_possible(const struct record *, char *, size_t);
static int	 login_ask(struct device_login *, enum token_ask, enum fail_why *, char *, size_t);
static void	 login_device(void *, const struct msg_token_device *, const uint8_t *, size_t);
static void	 login_clock(void *);
static void	 login_poll(struct device_login *);
static void	 login_pending(void *, int);
static void	 login_wait(struct device_login *, const char *);
static void	 login_refused(void *, enum fail_why, const char *);
static void	 login_unanswered(void *, enum fail_why, const char *);
static void	 login_explain(const struct device_login *, const char *, char *, size_t);
static void	 login_refresh(void *, const uint8_t *, size_t);
static void	 login_granted(void *, const struct msg_token_granted *, const uint8_t *, size_t);
static void	 login_store(struct device_login *);
static int	 login_write(struct device_login *, char *, size_t);
static uint8_t	*login_copy(const uint8_t *, size_t);
static void	 login_end(struct device_login *, int, const char *);
static void	 login_free(struct device_login *);

static const struct request_calls	 asking = { .device = login_device, .failed = login_refused };
static const struct request_calls	 polling = { .rotated = login_refresh, .granted = login_granted, .failed = login_unanswered,
					    .pending = login_pending };

static LIST_HEAD(, device_login)	 logins = LIST_HEAD_INITIALIZER(logins);

/*
 * Begin the login of the record account/record for a client.  0: how it gets on comes by the calls, which are the caller's and must
 * last, and the last of them is ended(); -1 with a sentence: it cannot be.
 */
int
login_start(const struct login_calls *calls, struct client *c, const char *name, char *err, size_t errsize)
{
	const struct record	*rec;
	struct device_login		*l;
	enum fail_why		 why;

	if ((rec = login_record(name, err, errsize)) == NULL || login_possible(rec, err, errsize) == -1)
		return (-1);
	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal("login");
	l->calls = calls;
	l->client = c;
	l->routing = routing_hold(config_routing);
	l->rec = rec;
	LIST_INSERT_HEAD(&logins, l, entry);
	if (login_ask(l, TOKEN_DEVICE, &why, err, errsize) == 0)
		return (0);
	login_free(l);
	return (-1);
}

/* The record account/record, if no login of it is under way; or NULL with a sentence. */
static const struct record *
login_record(const char *name, char *err, size_t errsize)
{
	const struct record	*rec = NULL;
	const struct device_login	*l;
	size_t			 i, n = 0;

	for (i = 0; i < sched_ntasks && strchr(name, '/') != NULL; i++)
		if (sched_named(&sched_tasks[i], name))
			rec = sched_tasks[i].rec;
	if (rec == NULL) {
		snprintf(err, errsize, "no such record is loaded; name it as account/record, and if it is new: rpopctl reload");
		return (NULL);
	}
	LIST_FOREACH(l, &logins, entry) {
		n++;
		if (strcmp(l->rec->owner, rec->owner) == 0 && strcmp(l->rec->name, rec->name) == 0) {
			snprintf(err, errsize, "a login of this record is under way already");
			return (NULL);
		}
	}
	if (n < LOGINS_MAX && !turn_stopping)
		return (rec);
	snprintf(err, errsize, turn_stopping ? "the daemon is stopping" : "%d logins are under way; try again when one is over",
	    LOGINS_MAX);
	return (NULL);
}

/* 0: the record's client knows the device grant; -1 with a sentence. */
static int
login_possible(const struct record *rec, char *err, size_t errsize)
{
	const struct oauth_row	*client = rec->client;
	char			 name[PROTO_TEXT_SIZE];

	if (client == NULL) {
		snprintf(err, errsize, "the record has no oauth_client; set it in rpopd.db, then: rpopctl reload");
		return (-1);
	}
	log_vis(name, sizeof(name), client->name, strlen(client->name));
	if (client->client_credentials)
		snprintf(err, errsize, "oauth_client %s logs in by client_credentials, which takes no refresh token", name);
	else if (client->device_host[0] == '\0')
		snprintf(err, errsize, "oauth_client %s has no device_url, see rpopd.db(5); set it, then: rpopctl reload", name);
	else
		return (0);
	return (-1);
}

/* Ask the provider for a device code, or whether it is granted.  0, or -1 with a sentence, and why if that is not WHY_CONFIG. */
static int
login_ask(struct device_login *l, enum token_ask ask, enum fail_why *why, char *err, size_t errsize)
{
	static struct grant_secret	 secret;
	struct request_what		 what = { .client = l->rec->client, .ask = ask, .credential = l->code,
					    .credential_len = l->code_len, .secret = secret.client };

	*why = WHY_CONFIG;
	if (config_grant_client(options.store, l->rec, &secret, err, errsize) == -1)
		return (-1);
	what.secret_len = secret.client_len;
	l->request = request_make(&what, ask == TOKEN_DEVICE ? &asking : &polling, l, why, err, errsize);
	explicit_bzero(&secret, sizeof(secret));
	if (l->request == NULL)
		return (-1);
	l->state = ask == TOKEN_DEVICE ? LOGIN_ASKING : LOGIN_POLLING;
	return (0);
}

/* There is a device code: the client hears what the person is to do. */
static void
login_device(void *arg, const struct msg_token_device *m, const uint8_t *code, size_t len)
{
	struct device_login	*l = arg;
	uint32_t	 total = m->lifetime < LOGIN_TOTAL ? m->lifetime : LOGIN_TOTAL;

	l->request = NULL;
	l->code = login_copy(code, len);
	l->code_len = len;
	l->end = clock_msec() + total * 1000LL;
	l->interval = l->pause = m->interval;
	l->said.ends = time(NULL) + total;
	strlcpy(l->said.uri, m->uri, sizeof(l->said.uri));
	strlcpy(l->said.uri_complete, m->uri_complete, sizeof(l->said.uri_complete));
	strlcpy(l->said.user_code, m->user_code, sizeof(l->said.user_code));
	login_wait(l, "");
}

/* Wait until the provider may be asked again, and tell the client so; trouble: what is in the way, empty: nothing. */
static void
login_wait(struct device_login *l, const char *trouble)
{
	int64_t	 left = l->end - clock_msec();

	l->state = LOGIN_WAITING;
	l->said.interval = l->pause;
	strlcpy(l->said.trouble, trouble, sizeof(l->said.trouble));
	timer_init(&l->clock, login_clock, l);
	timer_in(&l->clock, l->pause * 1000LL < left ? l->pause * 1000LL : left > 0 ? left : 0);
	l->calls->told(l->client, &l->said);
}

/* The provider is asked again, the time is over, or the token is to be stored once more. */
static void
login_clock(void *arg)
{
	struct device_login	*l = arg;

	if (l->state == LOGIN_STORING)
		login_store(l);
	else if (clock_msec() >= l->end)
		login_end(l, 0, "nobody has agreed at the provider in time, and the code has expired; try again");
	else
		login_poll(l);
}

static void
login_poll(struct device_login *l)
{
	char		 err[PROTO_TEXT_SIZE];
	enum fail_why	 why;

	l->said.asked++;
	if (login_ask(l, TOKEN_BY_DEVICE, &why, err, sizeof(err)) == -1) {
		if (why == WHY_TOKEN_TEMP)
			login_unanswered(l, why, err);
		else
			login_end(l, 0, err);
	}
}

/* The person has not decided yet. */
static void
login_pending(void *arg, int slow_down)
{
	struct device_login	*l = arg;

	l->request = NULL;
	if (slow_down)
		l->interval += SLOW_DOWN;
	l->pause = l->interval;
	login_wait(l, "");
}

/* There is no device code. */
static void
login_refused(void *arg, enum fail_why why __unused, const char *text)
{
	struct device_login	*l = arg;
	char		 sentence[PROTO_TEXT_SIZE * 2];

	l->request = NULL;
	login_explain(l, text, sentence, sizeof(sentence));
	login_end(l, 0, sentence);
}

/* The provider does not grant, or there is no answer: then it is asked less often (RFC 8628 section 3.5). */
static void
login_unanswered(void *arg, enum fail_why why, const char *text)
{
	struct device_login	*l = arg;

	l->request = NULL;
	if (why == WHY_TOKEN_PERM) {
		login_refused(l, why, text);
		return;
	}
	if ((l->pause *= 2) > PAUSE_MAX)
		l->pause = l->interval > PAUSE_MAX ? l->interval : PAUSE_MAX;
	login_wait(l, text);
}

/* What a provider's error means for this login, and what to do; text begins with the error code. */
static void
login_explain(const struct device_login *l, const char *text, char *sentence, size_t size)
{
	static const struct {
		const char	*code, *meaning;
	} words[] = {
		{ "access_denied", "the login was refused at the provider; nothing is stored" },
		{ "authorization_declined", "the login was refused at the provider; nothing is stored" },
		{ "expired_token", "nobody has agreed at the provider in time, and the code has expired; try again" },
		{ "bad_verification_code", "the provider does not know its own code any more; try again" },
		{ "invalid_grant", "the code is void: the answer to an earlier question may have been lost; try again" },
		{ "no_refresh_token", "the provider has granted access without a refresh token: scope does not ask for one "
		    "(Microsoft calls that offline_access)" },
		{ "invalid_client", "correct client_id and client_secret" },
		{ "unauthorized_client", "the provider does not let this client log in with a device code: permit that in its "
		    "registration, or correct client_id" },
		{ "invalid_scope", "correct scope" }, { "unsupported_grant_type", "the provider has no device logins at token_url" }
	};
	char	 name[PROTO_TEXT_SIZE];
	size_t	 i, len;

	log_vis(name, sizeof(name), l->rec->client->name, strlen(l->rec->client->name));
	for (i = 0; i < nitems(words); i++) {
		len = strlen(words[i].code);
		if (strncmp(text, words[i].code, len) == 0 && (text[len] == '\0' || text[len] == ':'))
			break;
	}
	if (i < nitems(words))
		snprintf(sentence, size, "%s (oauth_client %.100s: %.240s)", words[i].meaning, name, text);
	else
		snprintf(sentence, size, "the provider of oauth_client %.100s gives no login: %.240s", name, text);
}

/* A refresh token, ahead of the access token that comes with it. */
static void
login_refresh(void *arg, const uint8_t *refresh, size_t len)
{
	struct device_login	*l = arg;

	freezero(l->refresh, l->refresh_len);
	l->refresh = login_copy(refresh, len);
	l->refresh_len = len;
}

/* It is granted.  The access token is not kept: the next poll gets one of its own, and shows that the refresh token is good. */
static void
login_granted(void *arg, const struct msg_token_granted *m __unused, const uint8_t *access __unused, size_t len __unused)
{
	struct device_login	*l = arg;

	l->request = NULL;
	if (l->refresh == NULL) {
		login_refused(l, WHY_TOKEN_PERM, "no_refresh_token");
		return;
	}
	l->state = LOGIN_STORING;
	l->end = clock_msec() + STORE_PATIENCE * 1000;
	HOOK("master.login_granted");
	login_store(l);
}

/* Store the token; if that is not possible now, the client hears why, and it is tried again for a while. */
static void
login_store(struct device_login *l)
{
	char	 err[PROTO_TEXT_SIZE], sentence[PROTO_TEXT_SIZE * 2];
	int	 rv;

	if ((rv = login_write(l, err, sizeof(err))) == 0) {
		HOOK("master.login_stored");
		snprintf(sentence, sizeof(sentence), "the refresh token of %.200s/%.100s is stored", l->rec->owner, l->rec->name);
		login_end(l, 1, sentence);
	} else if (rv == 1 && clock_msec() < l->end) {
		strlcpy(l->said.trouble, err, sizeof(l->said.trouble));
		l->said.interval = STORE_RETRY;
		timer_init(&l->clock, login_clock, l);
		timer_in(&l->clock, STORE_RETRY * 1000);
		l->calls->told(l->client, &l->said);
	} else {
		snprintf(sentence, sizeof(sentence), "the provider has granted, but the token cannot be stored, and is lost: %s", err);
		login_end(l, 0, sentence);
	}
}

/*
 * What state.db has of a token that the provider has given before, its end perhaps, goes first: a kill in between leaves the record
 * with that very token.  0; with a sentence 1: not now, -1: it cannot be.
 */
static int
login_write(struct device_login *l, char *err, size_t errsize)
{
	uint8_t	 origin[PROTO_DIGEST_LEN];
	int	 rv;

	config_origin(l->refresh, l->refresh_len, origin);
	if (state_token_forget(origin) != DB_OK) {
		snprintf(err, errsize, "state.db cannot be written");
		return (1);
	}
	HOOK("master.login_forgotten");
	if ((rv = l->calls->store(l->rec, l->refresh, l->refresh_len, err, errsize)) != 0)
		return (rv);
	token_begin_anew(origin);
	token_reload();			/* what the record's old token has become is forgotten, if no other record has it */
	return (0);
}

static uint8_t *
login_copy(const uint8_t *p, size_t len)
{
	uint8_t	*copy;

	if ((copy = malloc(len)) == NULL)
		fatal("login");
	memcpy(copy, p, len);
	return (copy);
}

/* The client hears how the login ended. */
static void
login_end(struct device_login *l, int ok, const char *text)
{
	log_info("%s/%s: login at %s: %s", l->rec->owner, l->rec->name, l->rec->client->device_host, text);
	l->calls->ended(l->client, l->rec, ok, text);
	login_free(l);
}

/* The client has left: its login ends, and nothing is stored. */
void
login_abandon(struct client *c)
{
	struct device_login	*l, *next;

	LIST_FOREACH_SAFE(l, &logins, entry, next)
		if (l->client == c) {
			log_info("%s/%s: login given up", l->rec->owner, l->rec->name);
			login_free(l);
		}
}

/* The daemon ends, and does not wait for people. */
void
login_stop(void)
{
	struct device_login	*l;

	while ((l = LIST_FIRST(&logins)) != NULL)
		login_end(l, 0, "rpopd is stopping; nothing is stored");
}

static void
login_free(struct device_login *l)
{
	timer_stop(&l->clock);
	if (l->request != NULL)
		request_free(l->request);
	freezero(l->code, l->code_len);
	freezero(l->refresh, l->refresh_len);
	routing_release(l->routing);
	LIST_REMOVE(l, entry);
	freezero(l, sizeof(*l));
}
