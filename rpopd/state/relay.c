/* SPDX-License-Identifier: ISC */
/*
 * state.db: table relay, recipients that are not in a Maildir.  relay_change.c writes what becomes of them.
 *
 *	row of relay		seen row	after a crash here
 *	waiting, failed		WAITING		as it is: the link is held, the row is due, nothing is deleted
 *	waiting, sent		WAITING		in doubt: counted once, by the first write of the next life, and sent again
 *	change not committed	WAITING		the same
 *	change committed:
 *	  gone, others open	WAITING		the link is removed at the start, since it is in table spent
 *	  gone, it was the last	row.after	the same; the next session deletes
 *	  quarantined		likewise	the link is held
 *	  moved to pending	likewise	the pending row is replayed; if its file is missing then, it becomes a row here again
 *	  its report's		likewise	that one's link is held, those of the rows it is about are removed
 *
 * A row is safe here, and may be final, only while its file is in the spool (body = 1); state/body.c has the states of a row whose
 * file is missing.
 */
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "state_int.h"

static int	 relay_load(sqlite3_stmt *, struct relay_row *);
static int	 relay_text(sqlite3_stmt *, int, char *, size_t);

enum db
state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg)
{
	return (relay_rows(state_query(Q_RELAY_LIST), cb, arg));
}

/* Links as they are in the store, those of rows that cannot be right too, so that nobody takes their files for strange ones. */
enum db
state_relay_links(int (*cb)(void *, const char *), void *arg)
{
	return (state_links(Q_RELAY_LINKS, cb, arg));
}

enum db
state_relay_of(int64_t mailbox, const uint8_t *uid, size_t uidlen, int (*cb)(void *, const struct relay_row *), void *arg)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_OF)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (DB_FAILED);
	return (relay_rows(st, cb, arg));
}

enum db
state_relay_get(int64_t id, struct relay_row *row)
{
	enum db	 result;

	if ((result = relay_find(id, row)) == DB_FAILED)
		state_failed("relay");
	return (result);
}

/* Binds the digest of a row's message, or NULL, which stands for any.  0 or -1. */
int
relay_bind_digest(sqlite3_stmt *st, int place, const struct relay_row *r)
{
	return ((r->has_digest ? sqlite3_bind_blob(st, place, r->digest, sizeof(r->digest), SQLITE_STATIC) :
	    sqlite3_bind_null(st, place)) == SQLITE_OK ? 0 : -1);
}

/* Adds a row inside a transaction.  0, with its id, or -1. */
int
relay_insert(const struct relay_row *r, int64_t *id)
{
	const int64_t	 numbers[] = { r->nexthop, r->notify, r->after, r->state, r->arrived, r->next, r->tries };
	static const int columns[] = { 4, 8, 9, 10, 11, 12, 13 };
	const char	*texts[] = { r->link, r->dest, r->original, r->sender, r->status, r->client };
	static const int places[] = { 3, 5, 6, 7, 14, 15 };
	sqlite3_stmt	*st;
	size_t		 i;

	if ((st = state_query(Q_RELAY_INSERT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1)
		return (-1);
	for (i = 0; i < nitems(numbers); i++)
		if (sqlite3_bind_int64(st, columns[i], numbers[i]) != SQLITE_OK)
			return (-1);
	for (i = 0; i < nitems(texts); i++)
		if (sqlite3_bind_text(st, places[i], texts[i], -1, SQLITE_STATIC) != SQLITE_OK)
			return (-1);
	if (relay_bind_digest(st, 16, r) == -1 || state_step(st) == -1)
		return (-1);
	*id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (0);
}

/*
 * Each row of a SELECT of RELAY_COLUMNS, until cb returns something else than 0.  A row that cannot be right is told of once and
 * left alone: the others must not wait for it.  DB_OK or DB_FAILED.
 */
enum db
relay_rows(sqlite3_stmt *st, int (*cb)(void *, const struct relay_row *), void *arg)
{
	struct relay_row	 row;
	static int64_t		 told;
	int			 rc = SQLITE_ERROR, stop = 0;

	if (st == NULL)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (relay_load(st, &row) == 0)
			stop = cb(arg, &row);
		else if (sqlite3_column_int64(st, 0) > told) {
			told = sqlite3_column_int64(st, 0);
			log_warnx("state.db: relay row %lld cannot be right: it is left alone, its message stays in the spool and on "
			    "its server; correct the row or delete it", (long long)told);
		}
	}
	if (!stop && rc != SQLITE_DONE) {
		state_failed("relay");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

/* Takes a row out of a SELECT of RELAY_COLUMNS.  0, or -1: it cannot be right. */
static int
relay_load(sqlite3_stmt *st, struct relay_row *r)
{
	const void	*uid = sqlite3_column_blob(st, 2);
	int		 len = sqlite3_column_bytes(st, 2), after, state, notify, body;

	memset(r, 0, sizeof(*r));
	if (len < 0 || (size_t)len > sizeof(r->uid) || (len > 0 && uid == NULL))
		return (-1);
	if (len > 0)
		memcpy(r->uid, uid, len);
	r->uidlen = len;
	r->id = sqlite3_column_int64(st, 0);
	r->mailbox = sqlite3_column_int64(st, 1);
	r->nexthop = sqlite3_column_int64(st, 4);
	notify = sqlite3_column_int(st, 8);
	after = sqlite3_column_int(st, 9);
	state = sqlite3_column_int(st, 10);
	r->arrived = sqlite3_column_int64(st, 11);
	r->next = sqlite3_column_int64(st, 12);
	r->tries = sqlite3_column_int64(st, 13);
	body = sqlite3_column_int(st, 16);
	r->sent = sqlite3_column_int64(st, 17);
	if ((r->has_digest = sqlite3_column_bytes(st, 18) == PROTO_DIGEST_LEN))
		memcpy(r->digest, sqlite3_column_blob(st, 18), PROTO_DIGEST_LEN);
	if (body < BODY_WANTED || body > BODY_LOST || notify < NOTIFY_NEVER || notify > NOTIFY_FAILURE || after < SEEN_KEPT ||
	    after > SEEN_DELETING || state < RELAY_WAITING || state > RELAY_FAILED)
		return (-1);
	r->notify = (enum notify)notify;
	r->after = (enum seen_state)after;
	r->state = (enum relay_state)state;
	r->body = (enum relay_body)body;
	return (relay_text(st, 3, r->link, sizeof(r->link)) == -1 || relay_text(st, 5, r->dest, sizeof(r->dest)) == -1 ||
	    relay_text(st, 6, r->original, sizeof(r->original)) == -1 || relay_text(st, 7, r->sender, sizeof(r->sender)) == -1 ||
	    relay_text(st, 14, r->status, sizeof(r->status)) == -1 ||
	    relay_text(st, 15, r->client, sizeof(r->client)) == -1 ? -1 : 0);
}

static int
relay_text(sqlite3_stmt *st, int column, char *to, size_t size)
{
	const char	*text = (const char *)sqlite3_column_text(st, column);

	return (text == NULL || strlcpy(to, text, size) >= size ? -1 : 0);
}

/* A row by its id, in a transaction or on its own: DB_OK, DB_NONE, or DB_FAILED, which is not logged yet. */
enum db
relay_find(int64_t id, struct relay_row *row)
{
	sqlite3_stmt	*st;
	enum db		 result = DB_OK;
	int		 rc;

	if ((st = state_query(Q_RELAY_GET)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) != SQLITE_ROW || relay_load(st, row) == -1)
		result = rc == SQLITE_DONE ? DB_NONE : DB_FAILED;
	sqlite3_reset(st);
	return (result);
}

/* Adds a line for rpopctl explain: what became of a recipient.  0 or -1. */
int
relay_note(const struct relay_row *row, const char *word, const char *dest, const char *status)
{
	char		 line[PROTO_DEST_SIZE + PROTO_SENDER_SIZE + 2 * PROTO_TEXT_SIZE], hop[PROTO_TEXT_SIZE] = "";
	sqlite3_stmt	*st;

	if (row->uidlen == 0)
		return (0);
	if (strcmp(word, "accepted") == 0)
		hop_at(row->nexthop, "by", hop, sizeof(hop));
	snprintf(line, sizeof(line), "%s %s%s%s%s\n", word, dest, hop, status == NULL || *status == '\0' ? "" : ": ",
	    status == NULL ? "" : status);
	if ((st = state_query(Q_HANDLED_RESULT)) == NULL || state_bind_uid(st, row->mailbox, row->uid, row->uidlen) == -1 ||
	    sqlite3_bind_text(st, 3, line, -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * A row has become final, inside a transaction: if no row of its message is open any more (*last), the message becomes what
 * row->after says.  0 or -1.
 */
int
relay_final(const struct relay_row *row, int *last)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_OPEN)) == NULL || state_bind_uid(st, row->mailbox, row->uid, row->uidlen) == -1 ||
	    relay_bind_digest(st, 3, row) == -1 || sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	*last = row->uidlen > 0 && !sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	if (!*last)
		return (0);
	if ((st = state_query(Q_SEEN_FINAL)) == NULL || state_bind_uid(st, row->mailbox, row->uid, row->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, row->after) != SQLITE_OK || relay_bind_digest(st, 4, row) == -1)
		return (-1);
	return (state_step(st));
}
