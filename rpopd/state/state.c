/* SPDX-License-Identifier: ISC */
/* state.db is opened, created, verified, brought up to date and closed; and numbers of sessions are reserved in it. */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/db/db.h"
#include "state_int.h"

#define APPLICATION_ID	0x72706f73	/* "rpos" */
#define BUSY_STATE	250		/* ms: the daemon must not stand still for somebody's open transaction */
#define SESSION_RANGE	1000		/* session numbers reserved in one write */
#define SESSION_UNRESERVED	16	/* handed out until the next attempt while that fails */
#ifndef WAL_PAGES
#define WAL_PAGES	"4000"		/* written back when the log is that long */
#endif

static int	 state_exists(const char *, char *, size_t);
static int	 state_verify(int64_t *, char *, size_t);
static enum db	 session_reserve(void);

static sqlite3		*db;
static char		 name[PATH_MAX];
static uint32_t		 next_session, sessions_left;

int
state_open(const char *path, char *err, size_t errsize)
{
	int64_t	 id, version;

	if (strlcpy(name, path, sizeof(name)) >= sizeof(name)) {
		snprintf(err, errsize, "%s: path too long", path);
		return (-1);
	}
	switch (state_exists(path, err, errsize)) {
	case -1:
		return (-1);
	case 0:
		if (sql_create(path, state_schema, err, errsize) == -1)
			return (-1);
	}
	if ((db = sql_open(path, 0, BUSY_STATE, err, errsize)) == NULL)
		return (-1);
	if (state_verify(&version, err, errsize) == -1) {
		state_close();
		return (-1);
	}
	if (sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = " WAL_PAGES
	    "; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -2048; PRAGMA secure_delete = OFF") == -1 ||
	    migrate(db, path, version) == -1 || seen_register(db) == -1 || alert_register(db) == -1 || transaction_open(db, name) == -1 || root_load(db) == -1 ||
	    history_load(db) == -1 || sql_number(db, "SELECT value FROM meta WHERE key = 'session'", &id) == -1) {
		sql_reason(db, path, err, errsize);
		state_close();
		return (-1);
	}
	next_session = (uint32_t)id;
	return (0);
}

void
state_close(void)
{
	transaction_close();
	if (db != NULL && sqlite3_close(db) != SQLITE_OK)
		log_warnx("%s: not closed", name);
	db = NULL;
	pending_forget();
	sessions_left = 0;
}

uint32_t
state_next_session(void)
{
	if (!transaction_possible())
		return (0);
	if (sessions_left == 0)
		sessions_left = session_reserve() == DB_OK ? SESSION_RANGE : SESSION_UNRESERVED;
	sessions_left--;
	return (next_session++);
}

enum db
state_mark(uint8_t *key)
{
	sqlite3_stmt	*st;
	enum db		 result = DB_FAILED;

	if ((st = state_query(Q_MARK_GET)) == NULL)
		return (DB_FAILED);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == PROTO_DIGEST_LEN) {
		memcpy(key, sqlite3_column_blob(st, 0), PROTO_DIGEST_LEN);
		result = DB_OK;
	}
	sqlite3_reset(st);
	return (result);
}

/*
 * 1, or 0 for a first start, or -1: there are remains of a store that was lost.  Beginning with an empty one would retrieve
 * everything left on the servers again, so that takes an administrator's decision.
 */
static int
state_exists(const char *path, char *err, size_t errsize)
{
	struct stat	 st;
	char		 wal[PATH_MAX];

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_size > 0)
			return (1);
		snprintf(err, errsize, "%s: is empty, its contents are lost; restore a backup, or remove it to start afresh: "
		    "then every message left on a server is retrieved again", path);
		return (-1);
	}
	if (errno != ENOENT) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return (-1);
	}
	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (lstat(wal, &st) == -1)
		return (0);
	snprintf(err, errsize, "%s: is missing, but %s exists; restore both, or remove the latter to start afresh: then every "
	    "message left on a server is retrieved again", path, wal);
	return (-1);
}

/* Whether the store is one of rpopd, undamaged, and of a schema that is known.  0, or -1 with a sentence in err. */
static int
state_verify(int64_t *version, char *err, size_t errsize)
{
	sqlite3_stmt	*st = NULL;
	const char	*text;
	int64_t		 id;
	int		 rv = -1;

	if (sql_number(db, "PRAGMA application_id", &id) == -1 || sql_number(db, "PRAGMA user_version", version) == -1)
		sql_reason(db, name, err, errsize);
	else if (id != APPLICATION_ID)
		snprintf(err, errsize, "%s: is not rpopd's state", name);
	else if (*version < 1 || *version > STATE_SCHEMA)
		snprintf(err, errsize, "%s: has schema version %lld, this rpopd knows versions 1 to %d", name, (long long)*version,
		    STATE_SCHEMA);
	else if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW ||
	    (text = (const char *)sqlite3_column_text(st, 0)) == NULL)
		sql_reason(db, name, err, errsize);
	else if (strcmp(text, "ok") != 0)
		snprintf(err, errsize, "%s: damaged (%s); restore a backup, or try sqlite3's .recover", name, text);
	else
		rv = 0;
	sqlite3_finalize(st);
	return (rv);
}

/* Reserves numbers from next_session on; before they run out, from 1 on again.  DB_OK, DB_BUSY, DB_FAILED. */
static enum db
session_reserve(void)
{
	sqlite3_stmt	*st;
	enum db		 result;

	if (next_session == 0 || next_session > UINT32_MAX - 2 * SESSION_RANGE)
		next_session = 1;
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	st = state_query(Q_SESSION_PUT);
	return (state_end(st == NULL || sqlite3_bind_int64(st, 1, (int64_t)next_session + SESSION_RANGE) != SQLITE_OK ||
	    state_step(st) == -1));
}
