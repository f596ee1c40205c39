/* SPDX-License-Identifier: ISC */
/* state.db: what listings and finished sessions teach about messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

static int	 change_durable(const struct listing_change *, size_t);
static int	 change_one(int64_t, const struct listing_change *, int64_t);
static int	 change_run(enum state_sql, int64_t, const struct listing_change *, int64_t);
static int	 change_adopt(int64_t, const struct listing_change *);
static int	 change_oversize(int64_t, const struct listing_change *, int64_t);
static int	 change_refused(int64_t, const struct listing_change *, int64_t);
static int	 change_doubt(int64_t, const struct listing_change *);
static int	 change_listed(enum state_sql, int64_t, int64_t);
static int	 change_print(int64_t, const struct listing_change *);
static enum db	 count_one(enum state_sql, int64_t, const uint8_t *, size_t, uint32_t, const char *, uint32_t *);

enum db
state_change(int64_t mailbox, const struct listing_change *changes, size_t n, int64_t now)
{
	enum db	 result;
	size_t	 i;
	int	 failed = 0;

	if ((result = state_begin(change_durable(changes, n))) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		failed = change_one(mailbox, &changes[i], now) == -1;
	HOOK("state.change");
	return (state_end(failed));
}

/*
 * One of the slices, in a transaction of its own.  Only the last one waits for the disk: the write-ahead log keeps the order, so
 * what is durable before that is a beginning of the list.
 *
 *	killed			what is there at the next start
 *	in a slice		the slices before it, or some of them after a power failure: as if the list had been that long
 *	after the last		everything
 */
enum db
state_change_slice(int64_t mailbox, const struct listing_change *changes, size_t n, int64_t now, size_t *done)
{
	size_t	 i, end = n - *done > STATE_SLICE ? *done + STATE_SLICE : n;
	enum db	 result;
	int	 failed = 0;

	if ((result = state_begin(end < n ? STATE_LAZY : change_durable(changes, n))) != DB_OK)
		return (result);
	for (i = *done; i < end && !failed; i++)
		failed = change_one(mailbox, &changes[i], now) == -1;
	HOOK("state.change");
	if ((result = state_end(failed)) != DB_OK)
		return (result);
	*done = end;
	HOOK("state.slice");
	return (end < n ? DB_MORE : DB_OK);
}

static int
change_durable(const struct listing_change *changes, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (changes[i].what != CHANGE_LISTED && changes[i].what != CHANGE_PROVEN && changes[i].what != CHANGE_PRINT)
			return (STATE_DURABLE);
	return (STATE_LAZY);
}

enum db
state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *deaths)
{
	return (count_one(Q_SUSPECT_ADD, mailbox, uid, uidlen, size, reason, deaths));
}

enum db
state_failure(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *failures)
{
	return (count_one(Q_FAILURE_ADD, mailbox, uid, uidlen, size, reason, failures));
}

static int
change_one(int64_t mailbox, const struct listing_change *c, int64_t now)
{
	static const enum state_sql	 rows[][4] = {
		[CHANGE_GONE] = { Q_SEEN_GONE, Q_SUSPECT_GONE, Q_OVERSIZE_GONE, Q_MAX },
		[CHANGE_BACK] = { Q_SEEN_BACK, Q_SUSPECT_BACK, Q_OVERSIZE_BACK, Q_MAX },
		[CHANGE_FORGET] = { Q_SEEN_FORGET, Q_SUSPECT_CLEAR, Q_OVERSIZE_CLEAR, Q_PRINT_FORGET },
		[CHANGE_STATE] = { Q_SEEN_STATE, Q_MAX },
		[CHANGE_SINCE] = { Q_SEEN_SINCE, Q_MAX },
		[CHANGE_MARK] = { Q_SEEN_MARK, Q_PRINT_FORGET, Q_MAX },
		[CHANGE_SIZE] = { Q_SEEN_SIZE, Q_MAX },
		[CHANGE_CLEAR] = { Q_SUSPECT_CLEAR, Q_MAX }
	};
	size_t	 i;

	switch (c->what) {
	case CHANGE_KEY:
		return (change_adopt(mailbox, c));
	case CHANGE_OVERSIZE:
		return (change_oversize(mailbox, c, now));
	case CHANGE_REFUSED:
		return (change_refused(mailbox, c, now));
	case CHANGE_DOUBT:
		return (change_doubt(mailbox, c));
	case CHANGE_PRINT:
		return (change_print(mailbox, c));
	case CHANGE_LISTED:
		return (change_listed(Q_MAILBOX_LIST_IT, mailbox, now));
	case CHANGE_EMPTY:
		return (change_listed(Q_MAILBOX_EMPTY, mailbox, now));
	case CHANGE_PROVEN:
		return (state_run(Q_UNPROVEN_DROP, mailbox));
	default:
		break;
	}
	if ((size_t)c->what >= nitems(rows))
		return (-1);
	for (i = 0; i < nitems(rows[0]) && rows[c->what][i] != Q_MAX; i++)
		if (change_run(rows[c->what][i], mailbox, c,
		    c->what == CHANGE_STATE ? (int64_t)c->state : c->what == CHANGE_SIZE ? (int64_t)c->size : now) == -1)
			return (-1);
	return (0);
}

/* value is ?3 where the statement has one, the size ?4. */
static int
change_run(enum state_sql q, int64_t mailbox, const struct listing_change *c, int64_t value)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    (sqlite3_bind_parameter_count(st) >= 3 && sqlite3_bind_int64(st, 3, value) != SQLITE_OK) ||
	    (sqlite3_bind_parameter_count(st) >= 4 && sqlite3_bind_int64(st, 4, c->size) != SQLITE_OK))
		return (-1);
	return (state_step(st));
}

static int
change_print(int64_t mailbox, const struct listing_change *c)
{
	sqlite3_stmt	*st;

	if (c->tolen != PROTO_DIGEST_LEN || (st = state_query(Q_PRINT_PUT)) == NULL ||
	    state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, c->to, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* The row gets its unique-id; under that the message came through, so it is no suspect. */
static int
change_adopt(int64_t mailbox, const struct listing_change *c)
{
	struct listing_change	 to = { .uidlen = c->tolen };

	memcpy(to.uid, c->to, c->tolen);
	if (change_keys(mailbox, c->uid, c->uidlen, c->to, c->tolen) == -1 ||
	    change_run(Q_SUSPECT_CLEAR, mailbox, &to, 0) == -1)
		return (-1);
	return (change_run(Q_OVERSIZE_CLEAR, mailbox, &to, 0));
}

static int
change_oversize(int64_t mailbox, const struct listing_change *c, int64_t now)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_OVERSIZE_PUT)) == NULL || state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, c->oversize) != SQLITE_OK || sqlite3_bind_int64(st, 4, c->size) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 5, now) != SQLITE_OK || sqlite3_bind_null(st, 6) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

static int
change_refused(int64_t mailbox, const struct listing_change *c, int64_t now)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_REFUSAL_ADD)) == NULL || state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    sqlite3_bind_int64(st, 3, now) != SQLITE_OK ||
	    sqlite3_bind_text(st, 4, c->reason != NULL ? c->reason : "", -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 5, c->size) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

static int
change_doubt(int64_t mailbox, const struct listing_change *c)
{
	return (change_doubted(mailbox, c->uid, c->uidlen));
}

static int
change_listed(enum state_sql q, int64_t mailbox, int64_t now)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, now) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* One more death or failure of a message, as the statement counts; *n is how many there are now. */
static enum db
count_one(enum state_sql q, int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *n)
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
