/* SPDX-License-Identifier: ISC */
/*
 * state.db: messages that something is irregular about: suspects, at which the deliverer died or sessions failed, and messages over
 * max_size, which have a row in table oversize.
 */
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "state_int.h"

static enum db	 suspect_count(enum state_sql, int64_t, const uint8_t *, size_t, uint32_t, const char *, uint32_t *);

enum db
state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *deaths)
{
	return (suspect_count(Q_SUSPECT_ADD, mailbox, uid, uidlen, size, reason, deaths));
}

enum db
state_failure(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *failures)
{
	return (suspect_count(Q_FAILURE_ADD, mailbox, uid, uidlen, size, reason, failures));
}

/* One more death or failure of a message, as the statement counts; *n is how many there are now. */
static enum db
suspect_count(enum state_sql q, int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *n)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed = 1;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	if ((st = state_query(q)) != NULL && state_bind_uid(st, mailbox, uid, uidlen) == 0 &&
	    sqlite3_bind_int64(st, 3, time(NULL)) == SQLITE_OK &&
	    sqlite3_bind_text(st, 4, reason, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 5, size) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
		*n = sqlite3_column_int64(st, 0);
		failed = state_step(st) == -1;
	}
	return (state_end(failed));
}

/*
 * Notes inside a transaction what was done about a message over max_size.  digest: of its header, if that was delivered, or NULL.
 * 0 or -1.
 */
int
oversize_put(int64_t mailbox, const uint8_t *uid, size_t uidlen, enum oversize state, uint32_t size, int64_t since,
    const uint8_t *digest)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_OVERSIZE_PUT)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, state) != SQLITE_OK || sqlite3_bind_int64(st, 4, size) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 5, since) != SQLITE_OK ||
	    (digest == NULL ? sqlite3_bind_null(st, 6) : sqlite3_bind_blob(st, 6, digest, PROTO_DIGEST_LEN, SQLITE_STATIC)) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

enum db
state_set_aside(int (*cb)(void *, const struct set_aside_row *), void *arg)
{
	struct set_aside_row	 row;
	sqlite3_stmt		*st;
	const char		*reason;
	int			 rc = SQLITE_ERROR, stop = 0, len;

	if ((st = state_query(Q_SET_ASIDE_LIST)) == NULL)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		memset(&row, 0, sizeof(row));
		row.mailbox = sqlite3_column_int64(st, 0);
		row.since = sqlite3_column_int64(st, 2);
		if ((len = sqlite3_column_bytes(st, 1)) < 1 || (size_t)len > sizeof(row.uid))
			continue;
		row.uidlen = len;
		memcpy(row.uid, sqlite3_column_blob(st, 1), len);
		if ((reason = (const char *)sqlite3_column_text(st, 3)) != NULL)
			strlcpy(row.reason, reason, sizeof(row.reason));
		stop = cb(arg, &row);
	}
	sqlite3_reset(st);
	if (!stop && rc != SQLITE_DONE) {
		state_failed("suspect");
		return (DB_FAILED);
	}
	return (DB_OK);
}

enum db
state_sums(struct state_sums *s)
{
	sqlite3_stmt	*st;

	memset(s, 0, sizeof(*s));
	if ((st = state_query(Q_IRREGULAR_SUMS)) == NULL)
		return (DB_FAILED);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("suspect");
		return (DB_FAILED);
	}
	s->suspects = sqlite3_column_int64(st, 0);
	s->set_aside = sqlite3_column_int64(st, 1);
	s->oversize = sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return (DB_OK);
}
