/* SPDX-License-Identifier: ISC */
/* state.db: what was written to whom about what, and what the postmaster is to be told of the quarantine. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/hook.h"
#include "state_int.h"

static int	 told_bind(enum state_sql, const char *, const char *, sqlite3_stmt **);

enum db
state_told(const char *address, const char *about, int64_t *at)
{
	sqlite3_stmt	*st;
	int		 rc;

	if (told_bind(Q_TOLD_GET, address, about, &st) == -1)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*at = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : rc == SQLITE_DONE ? DB_NONE : DB_FAILED);
}

/* Notes inside a transaction what was written to whom about what.  0 or -1. */
int
told_put(const char *address, const char *about, int64_t now)
{
	sqlite3_stmt	*st;

	return (told_bind(Q_TOLD_PUT, address, about, &st) == -1 || sqlite3_bind_int64(st, 3, now) != SQLITE_OK ||
	    state_step(st) == -1 ? -1 : 0);
}

static int
told_bind(enum state_sql q, const char *address, const char *about, sqlite3_stmt **st)
{
	return ((*st = state_query(q)) == NULL || sqlite3_bind_text(*st, 1, address, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(*st, 2, about, -1, SQLITE_STATIC) != SQLITE_OK ? -1 : 0);
}

/* A notice that lies in a Maildir already need not wait for the disk: in doubt it is written again. */
enum db
state_noticed(const char *address, const char *about, int64_t held, struct relay_row *row)
{
	enum db	 result;
	int	 failed;

	row->id = 0;
	if ((result = state_begin(row->nexthop != 0 ? STATE_DURABLE : STATE_LAZY)) != DB_OK)
		return (result);
	failed = told_put(address, about, time(NULL)) == -1 || (held > 0 && state_run(Q_HELD_ADD, -held) == -1) ||
	    (row->nexthop != 0 && relay_insert(row, &row->id) == -1);
	HOOK("master.notice_open");
	if ((result = state_end(failed)) != DB_OK)
		row->id = 0;
	HOOK("master.notice_done");
	return (result);
}

/* Counts inside a transaction that one more delivery is in quarantine.  0 or -1. */
int
held_add(void)
{
	return (state_run(Q_HELD_ADD, 1));
}

enum db
state_held(int64_t *fresh)
{
	*fresh = 0;
	return (state_number(Q_HELD_GET, 0, fresh) == DB_FAILED ? DB_FAILED : DB_OK);
}

enum db
state_held_each(enum held_by by, int (*cb)(void *, const struct held_row *), void *arg)
{
	struct held_row	 row;
	sqlite3_stmt	*st;
	const char	*status;
	int		 rc = SQLITE_ERROR, stop = 0;

	if ((st = state_query(by == HELD_BY_NEXTHOP ? Q_HELD_NEXTHOPS : Q_HELD_MAILBOXES)) == NULL)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		row.id = sqlite3_column_int64(st, 0);
		row.count = sqlite3_column_int64(st, 1);
		row.all = sqlite3_column_int64(st, 2);
		status = (const char *)sqlite3_column_text(st, 3);
		row.status = status == NULL ? "" : status;
		stop = cb(arg, &row);
	}
	if (!stop && rc != SQLITE_DONE) {
		state_failed("relay");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}
