/* SPDX-License-Identifier: ISC */
/*
 * state.db: remote mailboxes and the records that poll them.  What becomes of a mailbox at a load:
 *
 *	a record names it	removed		its row and its state
 *	yes			NULL		stay
 *	yes			a time		stay, removed becomes NULL: the record is back
 *	no			NULL		stay, removed is now
 *	no			in the future	stay, removed is now: the clock was wrong
 *	no			a time		stay until keep_state_days are over and no session runs on it, then go
 *	(rows without a mailbox)		go, unless a session runs on it
 *
 * All of it but the rows is one transaction: killed before its commit, the next load does the same.  The rows of a mailbox that has
 * gone have none any more; they go behind it in slices, those of table seen last, and what a crash leaves goes at the next load.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "state_int.h"

struct ids {				/* of mailboxes */
	int64_t	*list;
	size_t	 n;
};

struct prune {
	struct ids	 used, running;	/* sorted */
	struct ids	 known;		/* every mailbox, sorted */
	struct ids	 back, removed;	/* to be marked */
	struct ids	 gone;		/* to be dropped */
};

static enum db	 mailbox_get(const struct record *, int64_t *, int *);
static void	 mailbox_is_back(const struct record *, int64_t);
static int	 prune_look(struct prune *, int64_t);
static int	 prune_row(struct prune *, int64_t, int, int64_t, int64_t);
static int	 prune_orphans(struct prune *, enum state_sql);
static enum db	 prune_write(const struct prune *, int64_t);
static enum db	 purge_slice(int64_t);
static int	 prune_mark(const struct ids *, enum state_sql, int64_t);
static int	 ids_copy(struct ids *, const int64_t *, size_t);
static int	 ids_add(struct ids *, int64_t);
static int	 ids_have(const struct ids *, int64_t);
static int	 id_cmp(const void *, const void *);

static int64_t	 keep;			/* s, see state_keep_set() */
static struct ids left;			/* mailboxes that have gone, and may have rows left */

void
state_keep_set(int64_t seconds)
{
	keep = seconds;
}

int64_t
state_keep(void)
{
	return (keep);
}

enum db
state_mailbox(const struct record *r, int64_t *id)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 removed = 0, failed;

	if ((result = mailbox_get(r, id, &removed)) == DB_OK && removed)
		mailbox_is_back(r, *id);
	if (result != DB_NONE)
		return (result);
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_MAILBOX_ADD)) == NULL || mailbox_bind(st, r) == -1 ||
	    sqlite3_bind_int64(st, 6, time(NULL)) != SQLITE_OK || state_step(st) == -1;
	if (!failed)
		*id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (state_end(failed));
}

/* The mailbox of a record's account, name, host, port and login; *removed: no record named it until now.  DB_OK, DB_NONE, DB_FAILED. */
static enum db
mailbox_get(const struct record *r, int64_t *id, int *removed)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_GET)) == NULL || mailbox_bind(st, r) == -1)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		*removed = sqlite3_column_int(st, 1);
	} else if (rc != SQLITE_DONE) {
		state_failed("mailbox");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : DB_NONE);
}

/* Tells the administrator that a record which had been removed is back, and that its messages are known. */
static void
mailbox_is_back(const struct record *r, int64_t id)
{
	int64_t	 n = 0;

	state_seen_count(id, INT32_MAX, &n);
	log_info("%s/%s: what was known of this mailbox when its record was removed counts again: %lld messages; to get "
	    "them once more: rpopctl forget %s/%s", r->owner, r->name, (long long)n, r->owner, r->name);
}

enum db
state_listed(int64_t mailbox)
{
	int64_t	 listed = 0;
	enum db	 result;

	if ((result = state_number(Q_MAILBOX_LISTED, mailbox, &listed)) != DB_OK)
		return (result);
	return (listed ? DB_OK : DB_NONE);
}

enum db
state_record_get(int64_t mailbox, struct record_state *rs)
{
	sqlite3_stmt	*st;
	const char	*error;
	int		 rc;

	memset(rs, 0, sizeof(*rs));
	if ((st = state_query(Q_RECORD_GET)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		rs->last_success = sqlite3_column_int64(st, 0);
		rs->last_attempt = sqlite3_column_int64(st, 1);
		rs->failures = sqlite3_column_int64(st, 2);
		rs->messages = sqlite3_column_int64(st, 3);
		rs->octets = sqlite3_column_int64(st, 4);
		rs->polls = sqlite3_column_int64(st, 5);
		rs->failing = sqlite3_column_int64(st, 7);
		rs->no_capa = sqlite3_column_int64(st, 8);
		rs->retrieved = sqlite3_column_int64(st, 9);
		rs->vanished = sqlite3_column_int64(st, 10);
		if ((error = (const char *)sqlite3_column_text(st, 6)) != NULL)
			strlcpy(rs->error, error, sizeof(rs->error));
	} else if (rc != SQLITE_DONE) {
		state_failed("record");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

/* After every poll, so without an fsync: a power failure costs some history. */
enum db
state_record_put(int64_t mailbox, const struct record_state *rs)
{
	const int64_t	 numbers[] = { mailbox, rs->last_success, rs->last_attempt, rs->failures, (int64_t)rs->messages,
	    (int64_t)rs->octets, (int64_t)rs->polls, rs->failing, rs->no_capa, rs->retrieved, rs->vanished };
	sqlite3_stmt	*st;
	enum db		 result;
	size_t		 i;
	int		 failed;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_RECORD_PUT)) == NULL;
	for (i = 0; i < nitems(numbers) && !failed; i++)
		failed = sqlite3_bind_int64(st, (int)i + 1, numbers[i]) != SQLITE_OK;
	return (state_end(failed || sqlite3_bind_text(st, 12, rs->error, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1));
}

enum db
state_unfound_get(int64_t mailbox, const struct record *r, struct unfound *u)
{
	char		 special[UNFOUND_KEY_SIZE];
	sqlite3_stmt	*st;
	int		 rc;

	memset(u, 0, sizeof(*u));
	if (r->mode != DIST_FIELD)
		return (DB_OK);
	if ((st = state_query(Q_UNFOUND_GET)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, state_unfound_key(r, special, sizeof(special)), -1, SQLITE_STATIC) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		u->messages = sqlite3_column_int64(st, 0);
		u->told = sqlite3_column_int(st, 1);
	} else if (rc != SQLITE_DONE) {
		state_failed("unfound");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

enum db
state_unfound_put(int64_t mailbox, const struct record *r, const struct unfound *u)
{
	char		 special[UNFOUND_KEY_SIZE];
	sqlite3_stmt	*st;
	enum db		 result;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	if (u->messages == 0)
		return (state_end(state_run(Q_UNFOUND_DROP, mailbox) == -1));
	return (state_end((st = state_query(Q_UNFOUND_PUT)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, state_unfound_key(r, special, sizeof(special)), -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 3, u->messages) != SQLITE_OK || sqlite3_bind_int(st, 4, u->told) != SQLITE_OK ||
	    state_step(st) == -1));
}

/* What is looked for: when that changes, counting begins anew. */
const char *
state_unfound_key(const struct record *r, char *buf, size_t size)
{
	strlcpy(buf, r->special, size);
	if (r->trusted_hop[0] != '\0') {
		strlcat(buf, " ", size);
		strlcat(buf, r->trusted_hop, size);
	}
	return (buf);
}

/* The table at the top.  Pending and relay rows stay in any case: what was decided is delivered. */
enum db
state_prune(const int64_t *used, size_t n, const int64_t *running, size_t nrunning)
{
	struct prune	 p;
	int64_t		 now = time(NULL);
	enum db		 result = DB_FAILED;

	memset(&p, 0, sizeof(p));
	if (ids_copy(&p.used, used, n) == 0 && ids_copy(&p.running, running, nrunning) == 0 && prune_look(&p, now) == 0 &&
	    prune_orphans(&p, Q_SEEN_NEXT) == 0 && prune_orphans(&p, Q_SUSPECT_NEXT) == 0)
		result = p.back.n + p.removed.n + p.gone.n == 0 ? DB_OK : prune_write(&p, now);
	free(left.list);
	memset(&left, 0, sizeof(left));
	if (result == DB_OK && p.gone.n > 0) {
		left = p.gone;
		memset(&p.gone, 0, sizeof(p.gone));
		result = state_prune_slice();
	}
	free(p.used.list);
	free(p.running.list);
	free(p.known.list);
	free(p.back.list);
	free(p.removed.list);
	free(p.gone.list);
	return (result);
}

enum db
state_prune_slice(void)
{
	enum db	 result = DB_OK;

	while (left.n > 0 && result == DB_OK)
		if ((result = purge_slice(left.list[left.n - 1])) == DB_OK)
			left.n--;
	return (result);
}

/* Removes rows of a mailbox in one transaction.  DB_OK: none is left; DB_MORE, DB_BUSY, DB_FAILED. */
static enum db
purge_slice(int64_t mailbox)
{
	static const enum state_sql	 purges[] = { Q_PRINT_PURGE, Q_SUSPECT_PURGE, Q_OVERSIZE_PURGE, Q_SEEN_PURGE };
	sqlite3_stmt			*st;
	enum db				 result;
	size_t				 i;
	int				 failed = 0, n = STATE_PAGE;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < nitems(purges) && n > 0 && !failed; i++) {
		failed = (st = state_query(purges[i])) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
		    sqlite3_bind_int(st, 2, n) != SQLITE_OK || state_step(st) == -1;
		n -= failed ? 0 : state_changes();
	}
	HOOK("state.purge");
	result = state_end(failed);
	return (result != DB_OK ? result : n <= 0 ? DB_MORE : DB_OK);
}

enum db
state_renumber_get(int64_t mailbox, enum renumber *what)
{
	int64_t	 answer;
	enum db	 result;

	*what = RENUMBER_NOT;
	if ((result = state_number(Q_RENUMBER_GET, mailbox, &answer)) == DB_OK)
		*what = answer == 0 ? RENUMBER_RETRIEVE : answer == 1 ? RENUMBER_SEEN : RENUMBER_ASKED;
	return (result == DB_NONE ? DB_OK : result);
}

enum db
state_renumber_since(int64_t mailbox, int64_t *since)
{
	enum db	 result;

	*since = 0;
	result = state_number(Q_RENUMBER_SINCE, mailbox, since);
	return (result == DB_NONE ? DB_OK : result);
}

/* NOT: the pause is over; ASKED: it begins, known and unknown say why; else the administrator has decided. */
enum db
state_renumber_put(int64_t mailbox, enum renumber what, uint32_t known, uint32_t unknown, int64_t now)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed = 1;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	if (what == RENUMBER_NOT)
		return (state_end(state_run(Q_RENUMBER_DROP, mailbox) == -1));
	/* What was delivered is asked for once more, so copies of it do not count. */
	if (what == RENUMBER_RETRIEVE && ((st = state_query(Q_MAILBOX_FORGET)) == NULL ||
	    sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK || sqlite3_bind_int64(st, 2, now) != SQLITE_OK || state_step(st) == -1))
		return (state_end(1));
	if ((st = state_query(what == RENUMBER_ASKED ? Q_RENUMBER_PUT : Q_RENUMBER_ANSWER)) != NULL &&
	    sqlite3_bind_int64(st, 1, mailbox) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 2, what == RENUMBER_ASKED ? now : what == RENUMBER_SEEN) == SQLITE_OK &&
	    (what != RENUMBER_ASKED || (sqlite3_bind_int64(st, 3, known) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 4, unknown) == SQLITE_OK)))
		failed = state_step(st) == -1;
	return (state_end(failed));
}

int
mailbox_bind(sqlite3_stmt *st, const struct record *r)
{
	if (sqlite3_bind_text(st, 1, r->owner, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, r->host, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_bind_int(st, 4, r->port) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 5, r->user, (int)strlen(r->user), SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

static int
prune_look(struct prune *p, int64_t now)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_LIST)) == NULL)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (prune_row(p, sqlite3_column_int64(st, 0), sqlite3_column_type(st, 1) != SQLITE_NULL, sqlite3_column_int64(st, 1),
		    now) == -1)
			break;
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("prune");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
prune_row(struct prune *p, int64_t id, int removed, int64_t since, int64_t now)
{
	if (ids_add(&p->known, id) == -1)
		return (-1);
	if (ids_have(&p->used, id))
		return (removed ? ids_add(&p->back, id) : 0);
	if (keep == 0 && !ids_have(&p->running, id))
		return (ids_add(&p->gone, id));
	if (!removed || (since > now && clock_plausible(now)))
		return (ids_add(&p->removed, id));
	return (now - since >= keep && !ids_have(&p->running, id) ? ids_add(&p->gone, id) : 0);
}

/* From one mailbox id to the next by the index, not row by row. */
static int
prune_orphans(struct prune *p, enum state_sql q)
{
	int64_t	 id = 0;

	for (;;) {
		if (state_number(q, id, &id) != DB_OK)
			return (-1);
		if (id == 0)
			return (0);
		if (!ids_have(&p->known, id) && !ids_have(&p->running, id) && ids_add(&p->gone, id) == -1)
			return (-1);
	}
}

static enum db
prune_write(const struct prune *p, int64_t now)
{
	static const enum state_sql	 drops[] = { Q_UNPROVEN_DROP, Q_RENUMBER_DROP, Q_RECORD_DROP, Q_UNFOUND_DROP, Q_MAILBOX_DROP };
	enum db				 result;
	size_t				 i, j;
	int				 failed;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = prune_mark(&p->back, Q_MAILBOX_BACK, now) == -1 || prune_mark(&p->removed, Q_MAILBOX_REMOVED, now) == -1;
	for (i = 0; i < p->gone.n && !failed; i++)
		for (j = 0; j < nitems(drops) && !failed; j++)
			failed = state_run(drops[j], p->gone.list[i]) == -1;
	HOOK("state.prune");
	return (state_end(failed));
}

/* ?2 is the time, in a statement that has one. */
static int
prune_mark(const struct ids *ids, enum state_sql q, int64_t now)
{
	sqlite3_stmt	*st;
	size_t		 i;

	for (i = 0; i < ids->n; i++)
		if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, ids->list[i]) != SQLITE_OK ||
		    (sqlite3_bind_parameter_count(st) == 2 && sqlite3_bind_int64(st, 2, now) != SQLITE_OK) || state_step(st) == -1)
			return (-1);
	return (0);
}

static int
ids_copy(struct ids *ids, const int64_t *list, size_t n)
{
	if ((ids->list = calloc(n + 1, sizeof(*list))) == NULL)
		return (-1);
	if (n > 0)
		memcpy(ids->list, list, n * sizeof(*list));
	qsort(ids->list, n, sizeof(*list), id_cmp);
	ids->n = n;
	return (0);
}

/* At the end; the room doubles whenever it is used up. */
static int
ids_add(struct ids *ids, int64_t id)
{
	int64_t	*p = ids->list;

	if ((ids->n & (ids->n - 1)) == 0) {
		if ((p = reallocarray(ids->list, ids->n == 0 ? 1 : ids->n * 2, sizeof(*p))) == NULL)
			return (-1);
		ids->list = p;
	}
	p[ids->n++] = id;
	return (0);
}

static int
ids_have(const struct ids *ids, int64_t id)
{
	return (ids->n > 0 && bsearch(&id, ids->list, ids->n, sizeof(id), id_cmp) != NULL);
}

static int
id_cmp(const void *a, const void *b)
{
	int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}
