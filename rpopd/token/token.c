/* SPDX-License-Identifier: ISC */
/*
 * Access tokens for sessions: from memory while they are good, else by one request per grant, whoever waits for it.  Never at
 * every poll: a provider that is asked too often locks the account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "token.h"

#define MARGIN		60	/* s before its end that a token is renewed, or */
#define MARGIN_PART	10	/* that part of its life */
#define STORE_RETRY	1	/* s */
#define STORING		"state.db cannot be written; the new refresh token waits in memory"

static int	 token_oauth(struct session *, enum fail_why *, char *, size_t);
static int	 token_suspended(const struct grant_secret *, const struct token_row *, char *, size_t);
static int	 token_waits(const struct session *, const struct grant *);
static void	 token_wake(struct grant *);
static void	 token_fail_waiting(struct grant *, enum fail_why, const char *);
static const char *token_remedy(const char *);
static void	 token_notice(const struct session *, const char *);
static int	 token_store(struct grant *);
static void	 token_timeout(void *);
static void	 token_drop(struct grant *);
static void	 token_release(struct grant *);
static int	 token_keep(void *, const uint8_t *);

struct grants	 grants = LIST_HEAD_INITIALIZER(grants);

struct kept {
	uint8_t	(*keys)[PROTO_DIGEST_LEN];
	size_t	 n, size;
};

int
token_wanted(const struct record *rec)
{
	return (rec->client != NULL || rec->token_command[0] != '\0');
}

/* A token for this session: 1 it is there, 0 it will come or the session will fail, -1 the session has failed. */
int
token_get(struct session *s)
{
	enum fail_why	 why = WHY_CONFIG;
	char		 err[PROTO_TEXT_SIZE];
	int		 n;

	if (s->run.task->rec->client != NULL)
		n = token_oauth(s, &why, err, sizeof(err));
	else
		n = token_program(s, err, sizeof(err));
	if (n == -1)
		session_fail(s, STAGE_TOKEN, why, err);
	else if (n == 1) {
		s->token_ready = 1;
		s->token_serial = s->grant->serial;
	}
	return (n);
}

/* From an oauth process. */
static int
token_oauth(struct session *s, enum fail_why *why, char *err, size_t errsize)
{
	static struct grant_secret	 secret;
	static struct token_row		 row;
	struct grant			*g;
	int				 n = -1;

	if (config_grant(options.store, s->run.task->rec, &secret, err, errsize) == -1)
		return (-1);
	if (state_token_get(secret.origin, &row) == DB_FAILED) {
		*why = WHY_LOCAL_TEMP;
		snprintf(err, errsize, "state.db cannot be read");
	} else if (token_suspended(&secret, &row, err, errsize))
		*why = WHY_TOKEN_PERM;
	else {
		token_join(s, g = token_grant(secret.origin));
		if (g->state == GRANT_IDLE && memcmp(g->cause, secret.cause, sizeof(g->cause)) != 0) {
			token_drop(g);		/* of another client or scope */
			memcpy(g->cause, secret.cause, sizeof(g->cause));
		}
		if (token_fresh(g))
			n = 1;
		else if (g->state == GRANT_STORING) {
			*why = WHY_LOCAL_TEMP;
			snprintf(err, errsize, STORING);
		} else if (g->state != GRANT_IDLE || request_make(g, s->run.task->rec, &secret, &row, why, err, errsize) == 0)
			n = 0;
	}
	explicit_bzero(&secret, sizeof(secret));
	explicit_bzero(&row, sizeof(row));
	return (n);
}

/* No request until record or client differ from what was refused. */
static int
token_suspended(const struct grant_secret *secret, const struct token_row *row, char *err, size_t errsize)
{
	if (row->suspended[0] == '\0' || memcmp(row->cause, secret->cause, sizeof(row->cause)) != 0)
		return (0);
	strlcpy(err, row->suspended, errsize);
	return (1);
}

struct grant *
token_grant(const uint8_t *key)
{
	struct grant	*g;

	LIST_FOREACH(g, &grants, entry)
		if (memcmp(g->key, key, sizeof(g->key)) == 0)
			return (g);
	if ((g = calloc(1, sizeof(*g))) == NULL)
		fatal("grant");
	memcpy(g->key, key, sizeof(g->key));
	LIST_INSERT_HEAD(&grants, g, entry);
	return (g);
}

void
token_join(struct session *s, struct grant *g)
{
	s->grant = g;
	g->users++;
}

/* The session ends. */
void
token_leave(struct session *s)
{
	struct grant	*g = s->grant;

	if (g == NULL)
		return;
	s->grant = NULL;
	g->users--;
	token_release(g);
}

int
token_fresh(const struct grant *g)
{
	return (g->state == GRANT_IDLE && g->access != NULL && clock_msec() < g->refresh_at);
}

/* The token into secret (PROTO_TOKEN_MAX octets); its length, or -1: it was withdrawn since the session was told of it. */
ssize_t
token_copy(const struct session *s, uint8_t *secret)
{
	const struct grant	*g = s->grant;

	if (g == NULL || g->access == NULL || g->access_len > PROTO_TOKEN_MAX)
		return (-1);
	memcpy(secret, g->access, g->access_len);
	return ((ssize_t)g->access_len);
}

/*
 * The session of a record has ended: was its token refused, and is one more login with a new one due?  Once, until a login has
 * succeeded again.
 */
int
token_refused(struct session *s, struct task *t)
{
	struct grant	*g = s->grant;
	int		 due;

	if (s->why == WHY_NONE)
		t->renewed = 0;
	if (g == NULL || s->why != WHY_AUTH || t->renewed)
		return (0);
	t->renewed = 1;
	due = !s->token_new && !s->stopping && !turn_stopping;
	if (due && g->state == GRANT_IDLE && g->serial == s->token_serial)
		token_drop(g);
	return (due);
}

static int
token_waits(const struct session *s, const struct grant *g)
{
	return (s->grant == g && s->state == SESSION_TOKEN && !s->token_ready);
}

/* There is a token: its sessions go on from the event loop. */
static void
token_wake(struct grant *g)
{
	struct session	*s;

	SESSION_FOREACH(s) {
		if (!token_waits(s, g))
			continue;
		s->token_ready = s->token_new = 1;
		s->token_serial = g->serial;
	}
	turn_soon();
}

/* A new refresh token.  Stored before anything else happens: the old one may be void already. */
void
token_rotated(struct grant *g, const uint8_t *refresh, size_t len)
{
	freezero(g->rotated, g->rotated_len);
	if ((g->rotated = malloc(len)) == NULL)
		fatal("refresh token");
	memcpy(g->rotated, refresh, len);
	g->rotated_len = len;
	HOOK("master.token_answer");
	token_store(g);
}

/* 0: stored, or nothing to store. */
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

/* lifetime: s, 0 = unknown. */
void
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

/* No token: why, and for those that wait, the end. */
void
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

static const char *
token_remedy(const char *reason)
{
	if (strncmp(reason, "invalid_grant", 13) == 0 || strncmp(reason, "interaction_required", 20) == 0 ||
	    strncmp(reason, "consent_required", 16) == 0)
		return ("get a new refresh token and store it in the record");
	return ("correct the row in oauth_client");
}

static void
token_fail_waiting(struct grant *g, enum fail_why why, const char *text)
{
	struct session	*s, *next;

	SESSION_FOREACH_SAFE(s, next) {
		if (!token_waits(s, g))
			continue;
		if (why == WHY_TOKEN_PERM && s->run.task != NULL)
			token_notice(s, text);
		session_fail(s, STAGE_TOKEN, why, text);
	}
	turn_soon();
}

/* Once, since no more requests are made: to whom the mail that does not come belongs. */
static void
token_notice(const struct session *s, const char *text)
{
	const struct record	*rec = s->run.task->rec;
	char			 subject[PROTO_TEXT_SIZE];

	snprintf(subject, sizeof(subject), "No more mail from %.100s: the login was withdrawn", rec->host);
	notice_send(rec->account, s->label, subject, "The record %s cannot log in to %s any more.\nThe identity provider says:\n\n"
	    "%s\n\nNothing is fetched until this is done; no mail is lost meanwhile, unless the server removes it.\n", s->label,
	    rec->host, text);
}

void
token_clock(struct grant *g, uint32_t seconds)
{
	timer_init(&g->clock, token_timeout, g);
	if (seconds > 0)
		timer_in(&g->clock, seconds * 1000LL);
}

static void
token_timeout(void *arg)
{
	struct grant	*g = arg;

	switch (g->state) {
	case GRANT_IDLE:
		token_drop(g);
		token_release(g);
		break;
	case GRANT_STORING:
		if (token_store(g) == -1) {
			token_clock(g, STORE_RETRY);
			break;
		}
		log_info("state.db: the new refresh token is stored");
		g->state = GRANT_IDLE;
		token_clock(g, g->access != NULL ? (uint32_t)((g->expires_at - clock_msec()) / 1000 + 1) : 0);
		turn_soon();
		token_release(g);
		break;
	default:
		request_timeout(g);
	}
}

static void
token_drop(struct grant *g)
{
	freezero(g->access, g->access_len);
	g->access = NULL;
	g->access_len = 0;
}

/* Nobody needs it and nothing is in it. */
static void
token_release(struct grant *g)
{
	if (g->users > 0 || g->state != GRANT_IDLE || g->access != NULL)
		return;
	token_clock(g, 0);
	LIST_REMOVE(g, entry);
	freezero(g, sizeof(*g));
}

static int
token_keep(void *arg, const uint8_t *key)
{
	struct kept	*k = arg;
	void		*p;

	if (k->n == k->size) {
		if ((p = reallocarray(k->keys, k->size + 64, sizeof(*k->keys))) == NULL)
			return (-1);
		k->keys = p;
		k->size += 64;
	}
	memcpy(k->keys[k->n++], key, PROTO_DIGEST_LEN);
	return (0);
}

/* A store was loaded: what belongs to no record any more is forgotten, here and in state.db. */
void
token_reload(void)
{
	struct kept	 k = { NULL, 0, 0 };
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

/* An answer is due that must not be lost, or one is in memory only. */
int
token_busy(void)
{
	struct grant	*g;

	LIST_FOREACH(g, &grants, entry)
		if (g->state == GRANT_DIALING || g->state == GRANT_ASKED || g->state == GRANT_STORING)
			return (1);
	return (0);
}
