/* SPDX-License-Identifier: ISC */
/*
 * Access tokens for sessions: from memory while they are good, else by one request per grant, whoever waits for it.  Never at
 * every poll: a provider that is asked too often locks the account.
 */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "token_int.h"

#define MARGIN		60	/* s before its end that a token is renewed, or */
#define MARGIN_PART	10	/* that part of its life */
#define STORE_RETRY	1	/* s */
#define STORING		"state.db cannot be written; the new refresh token waits in memory"

static int	 token_oauth(struct token_user *, enum fail_why *, char *, size_t);
static int	 token_request(struct grant *, const struct record *, const struct grant_secret *, const struct token_row *,
		    enum fail_why *, char *, size_t);
static void	 token_refreshed(void *, const struct msg_token_granted *, const uint8_t *, size_t);
static void	 token_issued(void *, const struct msg_token_granted *, const uint8_t *, size_t);
static void	 token_unanswered(void *, enum fail_why, const char *);
static int	 token_program(struct token_user *, char *, size_t);
static void	 token_program_done(void *, const struct command_result *);
static void	 token_program_key(const struct record *, uint8_t *);
static struct grant *token_grant(const uint8_t *);
static void	 token_join(struct token_user *, struct grant *);
static int	 token_fresh(const struct grant *);
static void	 token_rotated(void *, const uint8_t *, size_t);
static void	 token_granted(struct grant *, const uint8_t *, size_t, uint32_t);
static void	 token_failed(struct grant *, enum fail_why, const char *);
static int	 token_suspended(const struct grant_secret *, const struct token_row *, char *, size_t);
static void	 token_wake(struct grant *);
static void	 token_fail_waiting(struct grant *, enum fail_why, const char *);
static const char *token_remedy(const char *);
static void	 token_notice(const struct run *, const char *);
static int	 token_store(struct grant *);
static void	 token_clock(struct grant *, uint32_t);
static void	 token_timeout(void *);
static void	 token_drop(struct grant *);
static void	 token_release(struct grant *);
static int	 token_keep(void *, const uint8_t *);

struct kept {
	uint8_t	(*keys)[PROTO_DIGEST_LEN];
	size_t	 n;
};

/* Of a grant's requests, by its refresh token or by the client's own credentials: then there is no refresh token. */
static const struct request_calls	 by_refresh = { .rotated = token_rotated, .granted = token_refreshed, .failed = token_unanswered };
static const struct request_calls	 by_client = { .granted = token_issued, .failed = token_unanswered };

struct grants	 grants = LIST_HEAD_INITIALIZER(grants);
static void	(*token_none)(struct run *, enum fail_why, const char *);

/* failed is called of a session for which there is no token: it fails. */
void
token_init(void (*failed)(struct run *, enum fail_why, const char *))
{
	token_none = failed;
}

int
token_wanted(const struct record *rec)
{
	return (rec->client != NULL || rec->token_command[0] != '\0');
}

/*
 * A token for the session of a run, which becomes a user of its record's grant: 1, it is there; 0, the session waits until a
 * round finds that u->waits is 0, or until it has failed; -1, it has failed.
 */
int
token_get(struct token_user *u, struct run *r)
{
	enum fail_why	 why = WHY_CONFIG;
	char		 err[PROTO_TEXT_SIZE];
	int		 n;

	u->run = r;
	if (r->task->rec->client != NULL)
		n = token_oauth(u, &why, err, sizeof(err));
	else
		n = token_program(u, err, sizeof(err));
	if (n == -1)
		token_none(r, why, err);
	else if (n == 1)
		u->serial = u->grant->serial;
	u->waits = n == 0;
	return (n);
}

/*
 * From an oauth process, unless the grant has a token that is fresh: 1, it has; 0, a request is under way; -1 with a sentence,
 * and why if that is not WHY_CONFIG.
 */
static int
token_oauth(struct token_user *u, enum fail_why *why, char *err, size_t errsize)
{
	static struct grant_secret	 secret;
	static struct token_row		 row;
	struct grant			*g;
	int				 n = -1;

	if (config_grant(options.store, u->run->task->rec, &secret, err, errsize) == -1)
		return (-1);
	if (state_token_get(secret.origin, &row) == DB_FAILED) {
		*why = WHY_LOCAL_TEMP;
		snprintf(err, errsize, "state.db cannot be read");
	} else if (token_suspended(&secret, &row, err, errsize))
		*why = WHY_TOKEN_PERM;
	else {
		token_join(u, g = token_grant(secret.origin));
		if (g->state == GRANT_IDLE && memcmp(g->cause, secret.cause, sizeof(g->cause)) != 0) {
			token_drop(g);		/* of another client or scope */
			memcpy(g->cause, secret.cause, sizeof(g->cause));
		}
		if (token_fresh(g))
			n = 1;
		else if (g->state == GRANT_STORING) {
			*why = WHY_LOCAL_TEMP;
			snprintf(err, errsize, STORING);
		} else if (g->state != GRANT_IDLE || token_request(g, u->run->task->rec, &secret, &row, why, err, errsize) == 0)
			n = 0;
	}
	explicit_bzero(&secret, sizeof(secret));
	explicit_bzero(&row, sizeof(row));
	return (n);
}

/* A request for the grant, with the refresh token that holds now.  0, or -1: as request_make(). */
static int
token_request(struct grant *g, const struct record *rec, const struct grant_secret *secret, const struct token_row *row,
    enum fail_why *why, char *err, size_t errsize)
{
	int			 own = rec->client->client_credentials, rotated = row->refresh_len > 0;
	struct request_what	 what = { .client = rec->client, .ask = own ? TOKEN_BY_CLIENT : TOKEN_BY_REFRESH,
				    .secret = secret->client, .secret_len = secret->client_len,
				    .credential = rotated ? row->refresh : secret->refresh,
				    .credential_len = rotated ? row->refresh_len : secret->refresh_len };

	if ((g->request = request_make(&what, own ? &by_client : &by_refresh, g, why, err, errsize)) == NULL)
		return (-1);
	g->state = GRANT_REQUEST;
	token_clock(g, 0);
	return (0);
}

/* An access token by a refresh token. */
static void
token_refreshed(void *arg, const struct msg_token_granted *m, const uint8_t *access, size_t len)
{
	if (m->refresh_lifetime > 0)
		expiry_said(arg, m->refresh_lifetime);
	token_issued(arg, m, access, len);
}

static void
token_issued(void *arg, const struct msg_token_granted *m, const uint8_t *access, size_t len)
{
	struct grant	*g = arg;

	g->request = NULL;
	token_granted(g, access, len, m->lifetime);
}

static void
token_unanswered(void *arg, enum fail_why why, const char *text)
{
	struct grant	*g = arg;

	g->request = NULL;
	token_failed(g, why, text);
}

/* From the record's token_command, likewise: 0, the program runs. */
static int
token_program(struct token_user *u, char *err, size_t errsize)
{
	const struct record	*rec = u->run->task->rec;
	struct grant		*g;
	uint8_t			 key[PROTO_DIGEST_LEN];

	if (rec->self_service) {
		snprintf(err, errsize, "token_command is not for self-service records, whose owners could name any program");
		return (-1);
	}
	token_program_key(rec, key);
	token_join(u, g = token_grant(key));
	if (token_fresh(g))
		return (1);
	if (g->state != GRANT_IDLE)
		return (0);
	if ((g->command = command_start(rec->token_command, rec->token_user, token_program_done, g, err, errsize)) == NULL)
		return (-1);
	g->state = GRANT_COMMAND;
	token_clock(g, 0);
	log_debug("%s: token_command started", u->run->label);
	return (0);
}

static void
token_program_done(void *arg, const struct command_result *r)
{
	struct grant	*g = arg;

	g->command = NULL;
	if (r->token != NULL)
		token_granted(g, r->token, r->len, r->lifetime);
	else
		token_failed(g, WHY_TOKEN_TEMP, r->text);
}

/* The key of the grant that all records with the same command and user share. */
static void
token_program_key(const struct record *rec, uint8_t *key)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)rec->token_user, strlen(rec->token_user) + 1);
	SHA256Update(&ctx, (const uint8_t *)rec->token_command, strlen(rec->token_command));
	SHA256Final(key, &ctx);
}

/* 1 with a sentence: the provider has refused this grant, and record and client are the same as then, so no request is made. */
static int
token_suspended(const struct grant_secret *secret, const struct token_row *row, char *err, size_t errsize)
{
	if (row->suspended[0] == '\0' || memcmp(row->cause, secret->cause, sizeof(row->cause)) != 0)
		return (0);
	strlcpy(err, row->suspended, errsize);
	return (1);
}

/* The grant with this key, which is made if there is none. */
static struct grant *
token_grant(const uint8_t *key)
{
	struct grant	*g;

	LIST_FOREACH(g, &grants, entry)
		if (memcmp(g->key, key, sizeof(g->key)) == 0)
			return (g);
	if ((g = calloc(1, sizeof(*g))) == NULL)
		fatal("grant");
	memcpy(g->key, key, sizeof(g->key));
	TAILQ_INIT(&g->users);
	LIST_INSERT_HEAD(&grants, g, entry);
	return (g);
}

static void
token_join(struct token_user *u, struct grant *g)
{
	u->grant = g;
	TAILQ_INSERT_TAIL(&g->users, u, entry);
}

/* The session ends. */
void
token_leave(struct token_user *u)
{
	struct grant	*g = u->grant;

	if (g == NULL)
		return;
	u->grant = NULL;
	TAILQ_REMOVE(&g->users, u, entry);
	token_release(g);
}

/* 1: the grant has an access token that need not be renewed yet. */
static int
token_fresh(const struct grant *g)
{
	return (g->state == GRANT_IDLE && g->access != NULL && clock_msec() < g->refresh_at);
}

/* The access token into secret, of PROTO_TOKEN_MAX octets.  Its length, or -1: it was withdrawn since the session got it. */
ssize_t
token_copy(const struct token_user *u, uint8_t *secret)
{
	const struct grant	*g = u->grant;

	if (g == NULL || g->access == NULL || g->access_len > PROTO_TOKEN_MAX)
		return (-1);
	memcpy(secret, g->access, g->access_len);
	return ((ssize_t)g->access_len);
}

/*
 * A session of the record has ended as why says, stopping: it was told to.  1: its access token was refused, and one more login
 * is due with a new one; 0: not so, or that was tried already and no login has succeeded since.
 */
int
token_refused(struct token_user *u, struct task *t, enum fail_why why, int stopping)
{
	struct grant	*g = u->grant;
	int		 due;

	if (why == WHY_NONE)
		t->renewed = 0;
	if (g == NULL || why != WHY_AUTH || t->renewed)
		return (0);
	t->renewed = 1;
	due = !u->is_new && !stopping && !turn_stopping;
	if (due && g->state == GRANT_IDLE && g->serial == u->serial)
		token_drop(g);
	return (due);
}

/* There is a token: the sessions that wait for it go on in the next round. */
static void
token_wake(struct grant *g)
{
	struct token_user	*u;

	TAILQ_FOREACH(u, &g->users, entry) {
		if (!u->waits)
			continue;
		u->waits = 0;
		u->is_new = 1;
		u->serial = g->serial;
	}
	turn_soon();
}

/*
 * The provider has given the grant a new refresh token.  It is stored before anything else happens, since the old one may be
 * void already.
 */
static void
token_rotated(void *arg, const uint8_t *refresh, size_t len)
{
	struct grant	*g = arg;

	freezero(g->rotated, g->rotated_len);
	if ((g->rotated = malloc(len)) == NULL)
		fatal("refresh token");
	memcpy(g->rotated, refresh, len);
	g->rotated_len = len;
	HOOK("master.token_answer");
	token_store(g);
}

/* 0: the grant's new refresh token is stored, or it has none; -1: it cannot be stored now, and is kept in memory. */
static int
token_store(struct grant *g)
{
	if (g->rotated == NULL)
		return (0);
	if (state_token_rotate(g->key, g->rotated, g->rotated_len) != DB_OK)
		return (-1);
	freezero(g->rotated, g->rotated_len);
	g->rotated = NULL;
	g->rotated_len = 0;
	HOOK("master.token_stored");
	return (0);
}

/* A request or a program has brought an access token; lifetime in s, 0: not known. */
static void
token_granted(struct grant *g, const uint8_t *access, size_t len, uint32_t lifetime)
{
	int64_t	 now = clock_msec(), life = lifetime == 0 ? TOKEN_LIFETIME : lifetime;
	int64_t	 margin = life / MARGIN_PART > MARGIN ? life / MARGIN_PART : MARGIN;

	token_drop(g);
	if ((g->access = malloc(len)) == NULL)
		fatal("access token");
	memcpy(g->access, access, len);
	g->access_len = len;
	g->serial++;
	g->expires_at = now + life * 1000;
	g->refresh_at = g->expires_at - margin * 1000;
	log_debug("access token for %lld s", (long long)life);
	if (token_store(g) == -1) {
		g->state = GRANT_STORING;
		token_clock(g, STORE_RETRY);
		token_fail_waiting(g, WHY_LOCAL_TEMP, STORING);
		return;
	}
	g->state = GRANT_IDLE;
	token_clock(g, (uint32_t)life);
	token_wake(g);
}

/* A request or a program has brought no token.  Those that wait fail, unless the old token lasts for a while. */
static void
token_failed(struct grant *g, enum fail_why why, const char *reason)
{
	char	 text[PROTO_TEXT_SIZE];
	int64_t	 now = clock_msec();

	if (why == WHY_TOKEN_PERM) {
		snprintf(text, sizeof(text), "%.160s: %s", reason, token_remedy(reason));
		reason = text;
		if (state_token_suspend(g->key, g->cause, text) != DB_OK)
			log_warnx("state.db: a grant that was refused cannot be noted; it will be asked for again");
		token_drop(g);
	}
	g->state = g->rotated == NULL ? GRANT_IDLE : GRANT_STORING;
	if (g->state == GRANT_IDLE && g->access != NULL && now < g->expires_at) {
		/* The one we have is still good for a while. */
		g->refresh_at = now + MARGIN * 1000 < g->expires_at ? now + MARGIN * 1000 : g->expires_at;
		token_clock(g, (uint32_t)((g->expires_at - now) / 1000 + 1));
		log_info("access token: %s; the old one is used while it lasts", reason);
		token_wake(g);
		return;
	}
	token_clock(g, g->state == GRANT_STORING ? STORE_RETRY : 0);
	token_fail_waiting(g, why, reason);
	token_release(g);
}

/* What to do about a grant that was refused; reason begins with the error code of RFC 6749 section 5.2. */
static const char *
token_remedy(const char *reason)
{
	if (strncmp(reason, "invalid_grant", 13) == 0 || strncmp(reason, "interaction_required", 20) == 0 ||
	    strncmp(reason, "consent_required", 16) == 0)
		return ("get a new refresh token and store it in the record");
	return ("correct the row in oauth_client");
}

/* There is no token: the sessions that wait for it fail. */
static void
token_fail_waiting(struct grant *g, enum fail_why why, const char *text)
{
	struct token_user	*u, *next;

	TAILQ_FOREACH_SAFE(u, &g->users, entry, next) {
		if (!u->waits)
			continue;
		u->waits = 0;
		if (why == WHY_TOKEN_PERM && u->run->task != NULL)
			token_notice(u->run, text);
		token_none(u->run, why, text);
	}
	turn_soon();
}

/* The owner of the record hears once that its mail does not come any more, since no more requests are made. */
static void
token_notice(const struct run *r, const char *text)
{
	const struct record	*rec = r->task->rec;
	char			 subject[PROTO_TEXT_SIZE];

	snprintf(subject, sizeof(subject), "No more mail from %.100s: the login was withdrawn", rec->host);
	notice_send(rec->account, r->label, subject, "The record %s cannot log in to %s any more.\nThe identity provider says:\n\n"
	    "%s\n\nNothing is fetched until this is done; no mail is lost meanwhile, unless the server removes it.\n", r->label,
	    rec->host, text);
}

/* In so many seconds something is due for the grant, see token_timeout(); 0: nothing is. */
static void
token_clock(struct grant *g, uint32_t seconds)
{
	timer_init(&g->clock, token_timeout, g);
	if (seconds > 0)
		timer_in(&g->clock, seconds * 1000LL);
}

/* An access token is at its end, or a new refresh token is to be stored once more. */
static void
token_timeout(void *arg)
{
	struct grant	*g = arg;

	if (g->state == GRANT_IDLE)
		token_drop(g);
	else if (token_store(g) == -1) {
		token_clock(g, STORE_RETRY);
		return;
	} else {
		log_info("state.db: the new refresh token is stored");
		g->state = GRANT_IDLE;
		token_clock(g, g->access != NULL ? (uint32_t)((g->expires_at - clock_msec()) / 1000 + 1) : 0);
		turn_soon();
	}
	token_release(g);
}

/* The access token is not to be used any more. */
static void
token_drop(struct grant *g)
{
	freezero(g->access, g->access_len);
	g->access = NULL;
	g->access_len = 0;
}

/* The grant is freed if nobody uses it and nothing is in it. */
static void
token_release(struct grant *g)
{
	if (!TAILQ_EMPTY(&g->users) || g->state != GRANT_IDLE || g->access != NULL)
		return;
	token_clock(g, 0);
	LIST_REMOVE(g, entry);
	freezero(g, sizeof(*g));
}

/* The administrator's refresh token with this digest is good again, whatever has come of it: it is used for the next request. */
void
token_begin_anew(const uint8_t *origin)
{
	struct grant	*g, *next;

	LIST_FOREACH_SAFE(g, &grants, entry, next) {
		if (memcmp(g->key, origin, sizeof(g->key)) != 0)
			continue;
		freezero(g->rotated, g->rotated_len);
		g->rotated = NULL;
		g->rotated_len = 0;
		token_drop(g);
		if (g->state == GRANT_STORING)
			g->state = GRANT_IDLE;
		token_clock(g, 0);
		token_release(g);
	}
}

/* One more key that a record of the store names. */
static int
token_keep(void *arg, const uint8_t *key)
{
	struct kept	*k = arg;
	void		*p;

	if ((p = array_grow(k->keys, k->n, sizeof(*k->keys))) == NULL)
		return (-1);
	k->keys = p;
	memcpy(k->keys[k->n++], key, PROTO_DIGEST_LEN);
	return (0);
}

/* A store was loaded: what belongs to no record any more is forgotten, here and in state.db. */
void
token_reload(void)
{
	struct kept	 k = { NULL, 0 };
	struct grant	*g, *next;
	uint8_t		 key[PROTO_DIGEST_LEN];
	size_t		 i;

	if (config_origins(options.store, token_keep, &k) == -1 || state_token_prune(k.keys, k.n) != DB_OK)
		log_debug("refresh tokens of removed records stay until the next load");
	for (i = 0; i < config_running->nrecords; i++) {
		if (config_running->records[i].token_command[0] == '\0')
			continue;
		token_program_key(&config_running->records[i], key);
		token_keep(&k, key);
	}
	LIST_FOREACH_SAFE(g, &grants, entry, next) {
		for (i = 0; i < k.n && memcmp(k.keys[i], g->key, sizeof(g->key)) != 0; i++)
			continue;
		if (i < k.n || g->state != GRANT_IDLE)
			continue;
		token_drop(g);
		token_release(g);
	}
	free(k.keys);
}

/* The daemon ends: the last chance of what is not stored. */
void
token_shutdown(void)
{
	struct grant	*g;

	LIST_FOREACH(g, &grants, entry)
		if (token_store(g) == -1)
			log_warnx("state.db: a new refresh token could not be stored and is lost; its record may need another one");
}

/* 1: an answer is due that must not be lost, or a new refresh token is in memory only. */
int
token_busy(void)
{
	struct grant	*g;

	LIST_FOREACH(g, &grants, entry)
		if (g->state == GRANT_STORING || (g->state == GRANT_REQUEST && g->request->state != REQUEST_QUEUED))
			return (1);
	return (0);
}
