/* SPDX-License-Identifier: ISC */
/*
 * state.db: messages that are known by their digest only from now on, since nobody can say whether the unique-id they were
 * committed under is theirs.
 *
 *	killed					what is there at the next start
 *	in a slice, or between two		the mailbox is unproven, and some of its rows have their digests as keys: the next
 *						session goes on before anything else
 *	after the last, which proves it		every row of these has its digest as key
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "state_int.h"

struct unproven {
	uint8_t	 uid[PROTO_UID_MAX], digest[PROTO_DIGEST_LEN];
	size_t	 uidlen;
};

struct slice {
	struct unproven	 rows[STATE_SLICE];
	size_t		 n;
	int		 last;		/* no row is behind it */
};

static int	 slice_read(int64_t, int64_t, struct state_place *, struct slice *);
static int	 doubt_key(int64_t, const struct unproven *);
static int	 doubt_rekey_one(enum state_sql, int64_t, const uint8_t *, size_t, const uint8_t *, size_t);
static int	 key_taken(void *, const uint8_t *, size_t);

enum db
state_unprove_slice(int64_t mailbox, struct unprove *u)
{
	struct slice		 slice;
	struct state_place	 at = u->at;
	int64_t			 since;
	enum db			 result;
	size_t			 i;
	int			 failed = 0;

	if ((result = state_number(Q_UNPROVEN_GET, mailbox, &since)) != DB_OK)
		return (result == DB_NONE ? DB_OK : result);
	if (slice_read(mailbox, since, &at, &slice) == -1)
		return (DB_FAILED);
	if ((result = state_begin(slice.last ? STATE_DURABLE : STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < slice.n && !failed; i++)
		failed = doubt_key(mailbox, &slice.rows[i]) == -1;
	if (slice.last)
		failed = failed || state_run(Q_UNPROVEN_DROP, mailbox) == -1;
	HOOK("master.state_unprove");
	if ((result = state_end(failed)) != DB_OK)
		return (result);
	HOOK("master.state_slice");
	u->at = at;
	u->n += slice.n;
	return (slice.last ? DB_OK : DB_MORE);
}

enum db
state_unproven(int64_t mailbox)
{
	int64_t	 since;

	return (state_number(Q_UNPROVEN_GET, mailbox, &since));
}

/*
 * Reads the next rows behind *at, which moves, that were committed since the time that is in question and have a unique-id as key.
 * At most STATE_PAGE rows are visited, since most of them may be old, or have their digests as keys already.  0 or -1.
 */
static int
slice_read(int64_t mailbox, int64_t since, struct state_place *at, struct slice *slice)
{
	struct unproven	*p;
	sqlite3_stmt	*st;
	int		 rc = SQLITE_DONE, visited = 0, state;

	slice->n = 0;
	if ((st = state_query(Q_UNPROVEN_ROWS)) == NULL || state_bind_uid(st, mailbox, at->uid, at->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, STATE_PAGE) != SQLITE_OK)
		return (-1);
	while (slice->n < nitems(slice->rows) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		visited++;
		if ((at->uidlen = sqlite3_column_bytes(st, 0)) == 0 || at->uidlen > sizeof(at->uid)) {
			rc = SQLITE_CORRUPT;
			break;
		}
		memcpy(at->uid, sqlite3_column_blob(st, 0), at->uidlen);
		state = sqlite3_column_int(st, 1);
		p = &slice->rows[slice->n];
		/* A key that is a digest is longer than any unique-id. */
		if (at->uidlen > sizeof(p->uid) || sqlite3_column_int64(st, 2) < since || state == SEEN_DELETED || state == SEEN_MARKED ||
		    sqlite3_column_bytes(st, 3) != PROTO_DIGEST_LEN)
			continue;
		memcpy(p->uid, at->uid, at->uidlen);
		p->uidlen = at->uidlen;
		memcpy(p->digest, sqlite3_column_blob(st, 3), PROTO_DIGEST_LEN);
		slice->n++;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("unproven");
	sqlite3_reset(st);
	slice->last = rc == SQLITE_DONE && visited < STATE_PAGE;
	return (rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1);
}

/* A message is known by its digest only from now on, inside a transaction; nothing happens if it has no row.  0 or -1. */
int
doubt_message(int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	struct unproven	 u = { .uidlen = uidlen };
	sqlite3_stmt	*st;
	int		 rc;

	if (u.uidlen > sizeof(u.uid) || (st = state_query(Q_SEEN_GET)) == NULL ||
	    state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (-1);
	memcpy(u.uid, uid, uidlen);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN)
		memcpy(u.digest, sqlite3_column_blob(st, 1), PROTO_DIGEST_LEN);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? doubt_key(mailbox, &u) : rc == SQLITE_DONE ? 0 : -1);
}

/*
 * A message gets the first key of its digest that is free.  Equal messages come one behind the other, so the search begins where
 * the last one ended.  0 or -1.
 */
static int
doubt_key(int64_t mailbox, const struct unproven *u)
{
	static struct {
		int64_t		 mailbox;
		uint8_t		 digest[PROTO_DIGEST_LEN];
		uint32_t	 n;
	}		 last;
	uint8_t		 key[STATE_KEY_MAX];
	size_t		 len;

	if (last.mailbox != mailbox || memcmp(last.digest, u->digest, sizeof(last.digest)) != 0) {
		last.mailbox = mailbox;
		memcpy(last.digest, u->digest, sizeof(last.digest));
		last.n = 0;
	}
	len = digest_key_free(key, u->digest, &last.n, key_taken, &mailbox);
	return (len == 0 ? -1 : doubt_rekey(mailbox, u->uid, u->uidlen, key, len));
}

/* Gives a message another key in every table that knows it by its key, inside a transaction.  0 or -1. */
int
doubt_rekey(int64_t mailbox, const uint8_t *uid, size_t uidlen, const uint8_t *to, size_t tolen)
{
	static const enum state_sql	 keys[] = { Q_SEEN_KEY, Q_FINGERPRINT_KEY, Q_PENDING_KEY, Q_RELAY_KEY, Q_HANDLED_KEY };
	size_t				 i;

	for (i = 0; i < nitems(keys); i++)
		if (doubt_rekey_one(keys[i], mailbox, uid, uidlen, to, tolen) == -1)
			return (-1);
	return (0);
}

static int
doubt_rekey_one(enum state_sql q, int64_t mailbox, const uint8_t *uid, size_t uidlen, const uint8_t *to, size_t tolen)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, to, (int)tolen, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* Whether a mailbox has a message with this key: 1, 0 or -1, as digest_key_free() asks. */
static int
key_taken(void *mailbox, const uint8_t *key, size_t len)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, *(int64_t *)mailbox, key, len) == -1)
		return (-1);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1);
}
