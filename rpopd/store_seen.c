/* SPDX-License-Identifier: ISC */
/* state.db: what is known of remote mailboxes, their messages, and the records that poll them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "store.h"
#include "store_sql.h"

struct suspect {
	uint8_t		 uid[PROTO_UID_MAX + 10];
	size_t		 uidlen;
	uint32_t	 deaths;
	int64_t		 gone;
	int		 met;		/* it has a seen row too */
};

static struct walk {			/* one state_seen() */
	int		(*cb)(void *, const struct seen_row *);
	void		*arg;
	struct suspect	*suspects;	/* ordered */
	size_t		 nsuspects;
	int		 stop;
}	 walk;

static int	 bind_mailbox(sqlite3_stmt *, const struct record *);
static int	 walk_suspects(int64_t);
static void	 walk_row(sqlite3_context *, int, sqlite3_value **);
static void	 walk_end(sqlite3_context *);
static struct suspect *walk_find(const uint8_t *, size_t);
static void	 walk_call(struct seen_row *, const struct suspect *);
static void	*doubled(void *, size_t, size_t);
static int64_t	 seen_number(enum state_sql, int64_t);
static int	 change_one(int64_t, const struct listing_change *, int64_t);
static int	 change_key(int64_t, const struct listing_change *);
static int	 change_run(enum state_sql, int64_t, const struct listing_change *, int64_t);
static int	 prune_ids(const int64_t *, size_t, int64_t **, size_t *);
static int	 prune_orphans(enum state_sql, const int64_t *, size_t, int64_t **, size_t *);
static int	 prune_add(int64_t **, size_t *, int64_t);
static int	 prune_drop(enum state_sql, int64_t);
static int	 id_cmp(const void *, const void *);

int64_t
state_mailbox(const struct record *r)
{
	sqlite3_stmt	*st;
	int64_t		 id = -1;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_GET)) == NULL || bind_mailbox(st, r) == -1)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		state_failed("mailbox");
		return (-1);
	}
	sqlite3_reset(st);
	if (id != -1)
		return (id);
	if (state_begin(STATE_LAZY) != 0)
		return (-1);
	if ((st = state_query(Q_MAILBOX_ADD)) != NULL && bind_mailbox(st, r) == 0 && state_step(st) == 0)
		id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (state_end(id == -1) == 0 ? id : -1);
}

/*
 * The rows are visited by an aggregate function of ours inside the statement, which costs two thirds of stepping from row to row.
 * Suspects are few and are met from memory.
 */
int
state_seen(int64_t mailbox, int (*cb)(void *, const struct seen_row *), void *arg)
{
	struct seen_row	 row;
	sqlite3_stmt	*st;
	size_t		 i;
	int		 rv = -1;

	memset(&walk, 0, sizeof(walk));
	walk.cb = cb;
	walk.arg = arg;
	if (walk_suspects(mailbox) == 0 && (st = state_query(Q_SEEN_VISIT)) != NULL &&
	    sqlite3_bind_int64(st, 1, mailbox) == SQLITE_OK) {
		if ((rv = state_step(st)) == -1)
			state_failed("seen");
		for (i = 0; i < walk.nsuspects && rv == 0; i++)
			if (!walk.suspects[i].met) {
				row.uid = walk.suspects[i].uid;
				row.uidlen = walk.suspects[i].uidlen;
				row.state = SEEN_NEVER;
				row.gone = walk.suspects[i].gone;
				walk_call(&row, &walk.suspects[i]);
			}
	}
	free(walk.suspects);
	walk.suspects = NULL;
	return (rv);
}

/* Makes the function of Q_SEEN_VISIT known to a connection. */
int
seen_register(sqlite3 *db)
{
	return (sqlite3_create_function_v2(db, "visit", 3, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, NULL, walk_row, walk_end,
	    NULL) == SQLITE_OK ? 0 : -1);
}

int64_t
state_seen_count(int64_t mailbox)
{
	return (seen_number(Q_SEEN_COUNT, mailbox));
}

int
state_digest(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint8_t *digest)
{
	sqlite3_stmt	*st;
	int		 found;

	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (-1);
	if ((found = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN))
		memcpy(digest, sqlite3_column_blob(st, 1), PROTO_DIGEST_LEN);
	sqlite3_reset(st);
	return (found ? 0 : -1);
}

int
state_change(int64_t mailbox, const struct listing_change *changes, size_t n, int64_t now)
{
	size_t	 i;
	int	 rv, failed = 0;

	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	for (i = 0; i < n && !failed; i++)
		failed = change_one(mailbox, &changes[i], now) == -1;
	return (state_end(failed));
}

int
state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, const char *reason)
{
	sqlite3_stmt	*st;
	int		 deaths = -1, failed = 1;

	if (state_begin(STATE_DURABLE) != 0)
		return (-1);
	if ((st = state_query(Q_SUSPECT_ADD)) != NULL && state_bind_uid(st, mailbox, uid, uidlen) == 0 &&
	    sqlite3_bind_int64(st, 3, time(NULL)) == SQLITE_OK &&
	    sqlite3_bind_text(st, 4, reason, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		deaths = sqlite3_column_int(st, 0);
		failed = state_step(st) == -1;
	}
	return (state_end(failed) == 0 ? deaths : -1);
}

/* All zero if the record was never polled. */
int
state_record_get(int64_t mailbox, struct record_state *rs)
{
	sqlite3_stmt	*st;
	const char	*error;
	int		 rc;

	memset(rs, 0, sizeof(*rs));
	if ((st = state_query(Q_RECORD_GET)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		rs->last_success = sqlite3_column_int64(st, 0);
		rs->last_attempt = sqlite3_column_int64(st, 1);
		rs->failures = sqlite3_column_int64(st, 2);
		rs->messages = sqlite3_column_int64(st, 3);
		rs->octets = sqlite3_column_int64(st, 4);
		rs->polls = sqlite3_column_int64(st, 5);
		if ((error = (const char *)sqlite3_column_text(st, 6)) != NULL)
			strlcpy(rs->error, error, sizeof(rs->error));
	} else if (rc != SQLITE_DONE) {
		state_failed("record");
		return (-1);
	}
	sqlite3_reset(st);
	return (0);
}

/* After every poll, so without an fsync: a power failure costs some history. */
int
state_record_put(int64_t mailbox, const struct record_state *rs)
{
	const int64_t	 numbers[] = { mailbox, rs->last_success, rs->last_attempt, rs->failures, (int64_t)rs->messages,
	    (int64_t)rs->octets, (int64_t)rs->polls };
	sqlite3_stmt	*st;
	int		 rv, failed;
	size_t		 i;

	if ((rv = state_begin(STATE_LAZY)) != 0)
		return (rv);
	failed = (st = state_query(Q_RECORD_PUT)) == NULL;
	for (i = 0; i < nitems(numbers) && !failed; i++)
		failed = sqlite3_bind_int64(st, (int)i + 1, numbers[i]) != SQLITE_OK;
	return (state_end(failed || sqlite3_bind_text(st, 8, rs->error, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1));
}

int
state_counts(int64_t mailbox, struct mailbox_counts *c)
{
	sqlite3_stmt	*seen, *suspect;

	memset(c, 0, sizeof(*c));
	if ((seen = state_query(Q_SEEN_COUNTS)) == NULL || (suspect = state_query(Q_SUSPECT_COUNTS)) == NULL ||
	    sqlite3_bind_int64(seen, 1, mailbox) != SQLITE_OK || sqlite3_bind_int64(suspect, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_int(suspect, 2, PLAN_DEATHS) != SQLITE_OK)
		return (-1);
	if (sqlite3_step(seen) != SQLITE_ROW || sqlite3_step(suspect) != SQLITE_ROW) {
		state_failed("counts");
		return (-1);
	}
	c->undeleted = sqlite3_column_int64(seen, 0);
	c->kept = sqlite3_column_int64(seen, 1);
	c->suspects = sqlite3_column_int64(suspect, 0);
	c->aside = sqlite3_column_int64(suspect, 1);
	sqlite3_reset(seen);
	sqlite3_reset(suspect);
	return (0);
}

/*
 * Rows of mailboxes that are not among ids go, also such as a session of a removed record left behind.  Pending rows stay: what
 * was decided is delivered.
 */
int
state_prune(const int64_t *ids, size_t n)
{
	static const enum state_sql	 drops[] = { Q_SEEN_PURGE, Q_SUSPECT_PURGE, Q_RECORD_DROP, Q_MAILBOX_DROP };
	int64_t				*sorted, *gone = NULL;
	size_t				 ngone = 0, i, j;
	int				 rv, failed;

	if ((sorted = calloc(n + 1, sizeof(*sorted))) == NULL)
		return (-1);
	if (n > 0)
		memcpy(sorted, ids, n * sizeof(*ids));
	qsort(sorted, n, sizeof(*sorted), id_cmp);
	failed = prune_ids(sorted, n, &gone, &ngone) == -1 || prune_orphans(Q_SEEN_NEXT, sorted, n, &gone, &ngone) == -1 ||
	    prune_orphans(Q_SUSPECT_NEXT, sorted, n, &gone, &ngone) == -1;
	free(sorted);
	if (failed || ngone == 0) {
		free(gone);
		return (failed ? -1 : 0);
	}
	if ((rv = state_begin(STATE_DURABLE)) == 0) {
		for (i = 0; i < ngone && !failed; i++)
			for (j = 0; j < nitems(drops) && !failed; j++)
				failed = prune_drop(drops[j], gone[i]) == -1;
		rv = state_end(failed);
	}
	free(gone);
	return (rv);
}

static int
bind_mailbox(sqlite3_stmt *st, const struct record *r)
{
	if (sqlite3_bind_text(st, 1, r->owner, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, r->host, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_bind_int(st, 4, r->port) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 5, r->user, (int)strlen(r->user), SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

static int
walk_suspects(int64_t mailbox)
{
	struct suspect	*p;
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_SUSPECT_LIST)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((p = doubled(walk.suspects, walk.nsuspects, sizeof(*p))) == NULL)
			break;
		walk.suspects = p;
		p += walk.nsuspects;
		memset(p, 0, sizeof(*p));
		if ((p->uidlen = sqlite3_column_bytes(st, 0)) == 0 || p->uidlen > sizeof(p->uid))
			continue;
		memcpy(p->uid, sqlite3_column_blob(st, 0), p->uidlen);
		p->deaths = sqlite3_column_int(st, 1);
		p->gone = sqlite3_column_int64(st, 2);
		walk.nsuspects++;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("suspects");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* visit(uid, state, gone) */
static void
walk_row(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct seen_row	 row;
	struct suspect	*suspect = NULL;

	(void)ctx;
	(void)argc;
	if (walk.stop || (row.uid = sqlite3_value_blob(argv[0])) == NULL)
		return;
	row.uidlen = sqlite3_value_bytes(argv[0]);
	row.state = (enum seen_state)sqlite3_value_int(argv[1]);
	row.gone = sqlite3_value_int64(argv[2]);
	if (walk.nsuspects > 0 && (suspect = walk_find(row.uid, row.uidlen)) != NULL)
		suspect->met = 1;
	walk_call(&row, suspect);
}

static void
walk_end(sqlite3_context *ctx)
{
	sqlite3_result_null(ctx);
}

static struct suspect *
walk_find(const uint8_t *uid, size_t len)
{
	struct suspect	*s;
	size_t		 low = 0, high = walk.nsuspects, mid;
	int		 cmp;

	while (low < high) {
		s = &walk.suspects[mid = low + (high - low) / 2];
		cmp = memcmp(uid, s->uid, len < s->uidlen ? len : s->uidlen);
		if (cmp == 0 && len == s->uidlen)
			return (s);
		if (cmp < 0 || (cmp == 0 && len < s->uidlen))
			high = mid;
		else
			low = mid + 1;
	}
	return (NULL);
}

static void
walk_call(struct seen_row *row, const struct suspect *suspect)
{
	row->deaths = suspect == NULL ? 0 : suspect->deaths;
	row->aside = row->deaths >= PLAN_DEATHS;
	if (!walk.stop)
		walk.stop = walk.cb(walk.arg, row);
}

static int64_t
seen_number(enum state_sql q, int64_t mailbox)
{
	sqlite3_stmt	*st;
	int64_t		 n;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("seen");
		return (-1);
	}
	n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return (n);
}

static int
change_one(int64_t mailbox, const struct listing_change *c, int64_t now)
{
	static const struct {
		enum state_sql	 seen, suspect;
	}	 queries[] = {
		[CHANGE_GONE] = { Q_SEEN_GONE, Q_SUSPECT_GONE },
		[CHANGE_BACK] = { Q_SEEN_BACK, Q_SUSPECT_BACK },
		[CHANGE_FORGET] = { Q_SEEN_FORGET, Q_SUSPECT_CLEAR },
		[CHANGE_STATE] = { Q_SEEN_STATE, Q_MAX }
	};
	int	 n;

	if (c->what == CHANGE_KEY)
		return (change_key(mailbox, c));
	if ((size_t)c->what >= nitems(queries))
		return (-1);
	if ((n = change_run(queries[c->what].seen, mailbox, c, c->what == CHANGE_STATE ? (int64_t)c->state : now)) == -1)
		return (-1);
	if (queries[c->what].suspect == Q_MAX || (n > 0 && c->what != CHANGE_FORGET))
		return (0);
	return (change_run(queries[c->what].suspect, mailbox, c, now) == -1 ? -1 : 0);
}

static int
change_key(int64_t mailbox, const struct listing_change *c)
{
	sqlite3_stmt	*st;

	return ((st = state_query(Q_SEEN_KEY)) == NULL || state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, c->to, c->tolen, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1 ? -1 : 0);
}

/* value is ?3 where the statement has one.  Rows changed, or -1. */
static int
change_run(enum state_sql q, int64_t mailbox, const struct listing_change *c, int64_t value)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    (sqlite3_bind_parameter_count(st) >= 3 && sqlite3_bind_int64(st, 3, value) != SQLITE_OK) || state_step(st) == -1)
		return (-1);
	return (sqlite3_changes(sqlite3_db_handle(st)));
}

/* Mailboxes that no record uses. */
static int
prune_ids(const int64_t *used, size_t n, int64_t **gone, size_t *ngone)
{
	sqlite3_stmt	*st;
	int64_t		 id;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_LIST)) == NULL)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		id = sqlite3_column_int64(st, 0);
		if (bsearch(&id, used, n, sizeof(id), id_cmp) == NULL && prune_add(gone, ngone, id) == -1)
			break;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("prune");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* From one mailbox id to the next by the index, not row by row. */
static int
prune_orphans(enum state_sql q, const int64_t *used, size_t n, int64_t **gone, size_t *ngone)
{
	int64_t	 id = 0;

	for (;;) {
		if ((id = seen_number(q, id)) == -1)
			return (-1);
		if (id == 0)
			return (0);
		if (bsearch(&id, used, n, sizeof(id), id_cmp) == NULL && prune_add(gone, ngone, id) == -1)
			return (-1);
	}
}

static int
prune_add(int64_t **gone, size_t *ngone, int64_t id)
{
	int64_t	*p;

	if ((p = doubled(*gone, *ngone, sizeof(*p))) == NULL)
		return (-1);
	*gone = p;
	p[(*ngone)++] = id;
	return (0);
}

static int
prune_drop(enum state_sql q, int64_t mailbox)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* Room for one more element behind n; the size doubles whenever n is a power of two. */
static void *
doubled(void *p, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return (p);
	return (reallocarray(p, n == 0 ? 1 : n * 2, size));
}

static int
id_cmp(const void *a, const void *b)
{
	int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}
