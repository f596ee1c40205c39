/* SPDX-License-Identifier: ISC */
/*
 * The statements and transactions of state.db, for the other files of this room.
 *
 * What must survive a power failure is committed with synchronous=FULL; the rest (status of records, ids of mailboxes) with
 * NORMAL, which costs no fsync, and becomes durable with the next FULL commit: the write-ahead log keeps the order.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

#define QUERY_SIZE	4096

static sqlite3		*db;
static const char	*name;		/* of the file, for sentences */
static int		 dead;		/* corrupt: nothing is read or written any more */
static int		 complained;	/* the error last logged, 0 after a success */
static int		 full;		/* synchronous is FULL now */
static sqlite3_stmt	*queries[Q_MAX];

/*
 * Prepares every statement on a connection whose synchronous is FULL and whose schema is the present one.  0, or -1: the connection
 * has the error.  The connection and the name remain the caller's.
 */
int
transaction_open(sqlite3 *conn, const char *path)
{
	char	 text[QUERY_SIZE];
	size_t	 i;

	db = conn;
	name = path;
	dead = 0;
	full = 1;
	for (i = 0; i < Q_MAX; i++) {
		query_text((enum state_sql)i, text, sizeof(text));
		if (sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &queries[i], NULL) != SQLITE_OK)
			return (-1);
	}
	return (0);
}

void
transaction_close(void)
{
	size_t	 i;

	for (i = 0; i < Q_MAX; i++) {
		sqlite3_finalize(queries[i]);
		queries[i] = NULL;
	}
	db = NULL;
}

/* Whether the store is open, and not corrupt. */
int
transaction_possible(void)
{
	return (db != NULL && !dead);
}

/* A statement, reset and ready for its parameters; NULL: the store is not open, or corrupt. */
sqlite3_stmt *
state_query(enum state_sql q)
{
	if (dead || queries[q] == NULL)
		return (NULL);
	HOOK_WORK(1);
	sqlite3_reset(queries[q]);
	return (queries[q]);
}

/* Runs a statement to its end, whatever rows it has, and resets it.  0, or -1: the connection has the error. */
int
state_step(sqlite3_stmt *st)
{
	int	 rc;

	do
		rc = sqlite3_step(st);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE)
		return (-1);
	sqlite3_reset(st);
	return (0);
}

/* How many rows the last statement changed. */
int
state_changes(void)
{
	return (sqlite3_changes(db));
}

/* Begins a transaction; durable: STATE_DURABLE or STATE_LAZY.  DB_OK, DB_BUSY, DB_FAILED. */
enum db
state_begin(int durable)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_BEGIN)) == NULL)
		return (DB_FAILED);
	if (full != durable) {
		if (sql_exec(db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL") == -1)
			return (state_failed("begin"));
		full = durable;
	}
	return (state_step(st) == -1 ? state_failed("begin") : DB_OK);
}

/* Commits the transaction, or rolls it back if it has failed.  DB_OK, DB_BUSY, DB_FAILED; nothing happened unless DB_OK. */
enum db
state_end(int failed)
{
	sqlite3_stmt	*st;

	if (failed || (full && root_count() == -1) || (st = state_query(Q_COMMIT)) == NULL || state_step(st) == -1)
		return (state_failed("commit"));
	complained = 0;
	if (full)
		root_counted();
	return (DB_OK);
}

/*
 * Logs the connection's last error, once while it stays the same, resets all statements, and rolls back the transaction, if there
 * is one. doing: what failed, for the log.  DB_BUSY or DB_FAILED.
 */
enum db
state_failed(const char *doing)
{
	char	 err[1024];
	int	 rc = sqlite3_errcode(db) & 0xff;
	size_t	 i;

	sql_reason(db, name, err, sizeof(err));
	for (i = 0; i < Q_MAX; i++)
		sqlite3_reset(queries[i]);
	if (!sqlite3_get_autocommit(db) && state_step(queries[Q_ROLLBACK]) == -1)
		log_warnx("%s: rollback failed", name);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		dead = 1;
	if (rc != complained)
		log_warnx("%s (%s)%s", err, doing,
		    dead ? "; nothing is retrieved until this is repaired and rpopd restarted" : "");
	complained = rc;
	return (rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? DB_BUSY : DB_FAILED);
}

/* Binds a message's key: ?1 the mailbox, ?2 the unique-id.  0 or -1. */
int
state_bind_uid(sqlite3_stmt *st, int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	if (sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 2, uid, (int)uidlen, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

/* Runs a statement whose only parameter is a number, most often a mailbox.  0 or -1. */
int
state_run(enum state_sql q, int64_t mailbox)
{
	sqlite3_stmt	*st;

	return ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ? -1 : state_step(st));
}

/* Runs a statement whose ?1 and ?2 are numbers.  0 or -1. */
int
state_run_pair(enum state_sql q, int64_t first, int64_t second)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, first) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, second) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * Every link that a SELECT gives, as it is in the store; what is longer than a link can be is none.  cb returns 0 to go on, and must not
 * call the store.  DB_OK or DB_FAILED.
 */
enum db
state_links(enum state_sql q, int (*cb)(void *, const char *), void *arg)
{
	sqlite3_stmt	*st;
	const char	*link;
	int		 rc = SQLITE_ERROR, stop = 0;

	if ((st = state_query(q)) == NULL)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW)
		if ((link = (const char *)sqlite3_column_text(st, 0)) != NULL && strlen(link) < PROTO_LINK_SIZE)
			stop = cb(arg, link);
	if (!stop && rc != SQLITE_DONE) {
		state_failed("links");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

/* The first column of the first row of a statement whose ?1 is a number.  DB_OK, DB_NONE: no row, DB_FAILED. */
enum db
state_number(enum state_sql q, int64_t mailbox, int64_t *n)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*n = sqlite3_column_int64(st, 0);
	else if (rc != SQLITE_DONE) {
		state_failed("read");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : DB_NONE);
}
