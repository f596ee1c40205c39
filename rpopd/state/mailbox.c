/* SPDX-License-Identifier: ISC */
/* state.db: remote mailboxes, and what is kept for the record that polls one. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "state_int.h"

static enum db	 mailbox_get(const struct record *, int64_t *, int *);
static void	 mailbox_is_back(const struct record *, int64_t);

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

/*
 * The mailbox of a record's account, name, host, port and login; *removed: no record named it until now.  DB_OK, DB_NONE,
 * DB_FAILED.
 */
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
	if (n == 0)
		return;
	log_info("%s/%s: what was known of this mailbox when its record was removed counts again: %lld message%s; to get "
	    "them once more: rpopctl forget %s/%s", r->owner, r->name, (long long)n, PLURAL(n), r->owner, r->name);
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

/* Called after every poll, so without an fsync: a power failure costs some history. */
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

enum db
state_renumber_get(int64_t mailbox, enum renumber *what)
{
	int64_t	 n;
	enum db	 result;

	*what = RENUMBER_NOT;
	if ((result = state_number(Q_RENUMBER_GET, mailbox, &n)) == DB_OK)
		*what = (enum renumber)n;
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
	/* The administrator asks for what was delivered once more, so copies that were delivered until now do not count. */
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

/* Binds the name of a record's mailbox: ?1 to ?5.  0 or -1. */
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
