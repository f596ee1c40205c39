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

/* Two ordered cursors, merged: most mailboxes have no suspect, and the long one stays a plain scan. */
struct merge {
	sqlite3_stmt	*seen, *suspect;
	int		 seen_rc, suspect_rc;
};

static int	 bind_mailbox(sqlite3_stmt *, const struct record *);
static void	 merge_row(const struct merge *, int, struct seen_row *);
static int	 merge_compare(const struct merge *);
static int64_t	 seen_number(enum state_sql, int64_t);
static int	 change_one(int64_t, const struct listing_change *, int64_t);
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

int
state_seen(int64_t mailbox, int (*cb)(void *, const struct seen_row *), void *arg)
{
	struct merge	 m;
	struct seen_row	 row;
	int		 cmp, stop = 0;

	if ((m.seen = state_query(Q_SEEN_LIST)) == NULL || (m.suspect = state_query(Q_SUSPECT_LIST)) == NULL ||
	    sqlite3_bind_int64(m.seen, 1, mailbox) != SQLITE_OK || sqlite3_bind_int64(m.suspect, 1, mailbox) != SQLITE_OK)
		return (-1);
	m.suspect_rc = sqlite3_step(m.suspect);
	m.seen_rc = sqlite3_step(m.seen);
	while (!stop && (m.seen_rc == SQLITE_ROW || m.suspect_rc == SQLITE_ROW)) {
		cmp = merge_compare(&m);
		merge_row(&m, cmp, &row);
		stop = cb(arg, &row);
		if (cmp <= 0)
			m.seen_rc = sqlite3_step(m.seen);
		if (cmp >= 0)
			m.suspect_rc = sqlite3_step(m.suspect);
	}
	if (!stop && (m.seen_rc != SQLITE_DONE || m.suspect_rc != SQLITE_DONE)) {
		state_failed("seen");
		return (-1);
	}
	sqlite3_reset(m.seen);
	sqlite3_reset(m.suspect);
	return (0);
}

int64_t
state_seen_count(int64_t mailbox)
{
	return (seen_number(Q_SEEN_COUNT, mailbox));
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
	    sqlite3_bind_int64(st, 3, time(NULL)) == SQLITE_OK && sqlite3_bind_text(st, 4, reason, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW) {
		deaths = sqlite3_column_int(st, 0);
		failed = state_step(st) == -1;
	}
	return (state_end(failed) == 0 ? deaths : -1);
}

int
state_suspect_clear(int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	sqlite3_stmt	*st;
	int		 rv;

	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	st = state_query(Q_SUSPECT_CLEAR);
	return (state_end(st == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1 || state_step(st) == -1));
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

/* Which cursor has the smaller unique-id: < 0 seen, > 0 suspect, 0 both; an ended one is last. */
static int
merge_compare(const struct merge *m)
{
	size_t	 a, b;
	int	 cmp;

	if (m->suspect_rc != SQLITE_ROW)
		return (-1);
	if (m->seen_rc != SQLITE_ROW)
		return (1);
	a = sqlite3_column_bytes(m->seen, 0);
	b = sqlite3_column_bytes(m->suspect, 0);
	cmp = memcmp(sqlite3_column_blob(m->seen, 0), sqlite3_column_blob(m->suspect, 0), a < b ? a : b);
	return (cmp != 0 ? cmp : a < b ? -1 : a > b);
}

static void
merge_row(const struct merge *m, int cmp, struct seen_row *row)
{
	sqlite3_stmt	*st = cmp <= 0 ? m->seen : m->suspect;

	row->uid = sqlite3_column_blob(st, 0);
	row->uidlen = sqlite3_column_bytes(st, 0);
	row->state = cmp <= 0 ? (enum seen_state)sqlite3_column_int(m->seen, 1) : SEEN_NEVER;
	row->gone = sqlite3_column_int64(st, 2);
	row->deaths = cmp >= 0 ? sqlite3_column_int(m->suspect, 1) : 0;
	row->aside = row->deaths >= PLAN_DEATHS;
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

	if ((size_t)c->what >= nitems(queries))
		return (-1);
	if ((n = change_run(queries[c->what].seen, mailbox, c, c->what == CHANGE_STATE ? (int64_t)c->state : now)) == -1)
		return (-1);
	if (queries[c->what].suspect == Q_MAX || (n > 0 && c->what != CHANGE_FORGET))
		return (0);
	return (change_run(queries[c->what].suspect, mailbox, c, now) == -1 ? -1 : 0);
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
	int64_t	*p = *gone;

	if ((*ngone & (*ngone - 1)) == 0) {
		if ((p = reallocarray(p, *ngone == 0 ? 1 : *ngone * 2, sizeof(*p))) == NULL)
			return (-1);
		*gone = p;
	}
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

static int
id_cmp(const void *a, const void *b)
{
	int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}
