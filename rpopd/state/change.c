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
static int	 change_refused(int64_t, const struct listing_change *, int64_t);
static int	 change_fingerprint(int64_t, const struct listing_change *);

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
	HOOK("master.state_change");
	return (state_end(failed));
}

/*
 * Each slice is a transaction of its own.  Only the last one waits for the disk: the write-ahead log keeps the order, so
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
	HOOK("master.state_change");
	if ((result = state_end(failed)) != DB_OK)
		return (result);
	*done = end;
	HOOK("master.state_slice");
	return (end < n ? DB_MORE : DB_OK);
}

/* STATE_DURABLE or STATE_LAZY: whether a power failure may take these changes back, because the next listing teaches them again. */
static int
change_durable(const struct listing_change *changes, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (changes[i].what != CHANGE_LISTED && changes[i].what != CHANGE_PROVEN && changes[i].what != CHANGE_FINGERPRINT)
			return (STATE_DURABLE);
	return (STATE_LAZY);
}

/* One change, inside a transaction.  0 or -1. */
static int
change_one(int64_t mailbox, const struct listing_change *c, int64_t now)
{
	static const enum state_sql	 rows[][4] = {
		[CHANGE_GONE] = { Q_SEEN_GONE, Q_SUSPECT_GONE, Q_OVERSIZE_GONE, Q_MAX },
		[CHANGE_BACK] = { Q_SEEN_BACK, Q_SUSPECT_BACK, Q_OVERSIZE_BACK, Q_MAX },
		[CHANGE_FORGET] = { Q_SEEN_FORGET, Q_SUSPECT_CLEAR, Q_OVERSIZE_CLEAR, Q_FINGERPRINT_FORGET },
		[CHANGE_STATE] = { Q_SEEN_STATE, Q_MAX },
		[CHANGE_SINCE] = { Q_SEEN_SINCE, Q_MAX },
		[CHANGE_MARK] = { Q_SEEN_MARK, Q_FINGERPRINT_FORGET, Q_MAX },
		[CHANGE_SIZE] = { Q_SEEN_SIZE, Q_MAX },
		[CHANGE_CLEAR] = { Q_SUSPECT_CLEAR, Q_MAX }
	};
	size_t	 i;

	switch (c->what) {
	case CHANGE_KEY:
		return (change_adopt(mailbox, c));
	case CHANGE_OVERSIZE:
		return (oversize_put(mailbox, c->uid, c->uidlen, c->oversize, c->size, now, NULL));
	case CHANGE_REFUSED:
		return (change_refused(mailbox, c, now));
	case CHANGE_DOUBT:
		return (doubt_message(mailbox, c->uid, c->uidlen));
	case CHANGE_FINGERPRINT:
		return (change_fingerprint(mailbox, c));
	case CHANGE_LISTED:
		return (state_run_pair(Q_MAILBOX_LIST_IT, mailbox, now));
	case CHANGE_EMPTY:
		return (state_run_pair(Q_MAILBOX_EMPTY, mailbox, now));
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

/*
 * Runs one statement of a change: value is ?3 if the statement has a third parameter, the change's size ?4 if it has a fourth.  0
 * or -1.
 */
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
change_fingerprint(int64_t mailbox, const struct listing_change *c)
{
	sqlite3_stmt	*st;

	if (c->tolen != PROTO_DIGEST_LEN || (st = state_query(Q_FINGERPRINT_PUT)) == NULL ||
	    state_bind_uid(st, mailbox, c->uid, c->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, c->to, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * A message that was known by another key gets its unique-id as key.  Under that unique-id it came through the deliverer, so what
 * tables suspect and oversize say of it is over.  0 or -1.
 */
static int
change_adopt(int64_t mailbox, const struct listing_change *c)
{
	struct listing_change	 to = { .uidlen = c->tolen };

	memcpy(to.uid, c->to, c->tolen);
	if (doubt_rekey(mailbox, c->uid, c->uidlen, c->to, c->tolen) == -1 ||
	    change_run(Q_SUSPECT_CLEAR, mailbox, &to, 0) == -1)
		return (-1);
	return (change_run(Q_OVERSIZE_CLEAR, mailbox, &to, 0));
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
