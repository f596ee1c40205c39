/* SPDX-License-Identifier: ISC */
/*
 * state.db: rows of tables relay and pending whose file is missing from the spool, and rows of relay that are on their way to a
 * next hop.
 *
 * Nothing is final whose body exists nowhere.  Whatever a row says, its message is safe here only while its file is: a disk that
 * was lost, a restored backup or a repaired file system can take it.
 *
 *	body of a row		seen row	after a crash here
 *	HERE			WAITING, or	looked for at the start, and before the row becomes final
 *				row.after
 *	missing, not committed	the same	missed again at the start
 *	WANTED			WAITING		the next session retrieves the message, compares, and delivers nothing but these
 *	retrieved, not		WAITING		the links are nobody's; retrieved again
 *	committed
 *	HERE by another link	WAITING, or	the row is due; the link is held
 *				row.after
 *	WANTED, and the server	none, DELETED	found so by the next sweep
 *	has it no longer
 *	LOST			none, DELETED	told; the row stays until it is dropped, or its file is found at a start
 *
 * A pending row whose file is missing becomes a row of relay.  Its destination is a Maildir, and what it waits for is the file:
 *
 *	missing pending row	seen row	after a crash here
 *	not committed		as it was	missed again at the start
 *	WANTED			WAITING		as a row of relay; a message that was deleted waits, too, should it be listed again
 *	HERE			WAITING		found at the start: moved
 *	moved to pending	row.after, or	the pending row is replayed
 *				WAITING
 *
 * A header that was delivered alone has no seen row: while a relay row of that header is wanted, the message's row in oversize
 * does not keep the header from being asked for again.
 *
 *	row on its way		after a crash here
 *	sent not committed	it is not sent
 *	sent, no result		in doubt: counted by the first write of the next life, then sent again
 *	result committed	as the result says
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

struct wanted {				/* rows of one message, in the order of their ids */
	struct relay_row	*rows;
	size_t			 n;
};

static int	 wanted_add(void *, const struct relay_row *);
static int64_t	 attach_choose(const struct receipt *, const struct relay_row *);
static int	 missing_want(int64_t, const char *);
static int	 attach_one(struct receipt *, const struct relay_row *, uint32_t);

enum db
state_relay_orphans(int (*cb)(void *, const struct relay_row *), void *arg)
{
	return (relay_rows(state_query(Q_RELAY_ORPHANS), cb, arg));
}

enum db
state_relay_sent(const int64_t *ids, size_t n, int64_t now)
{
	sqlite3_stmt	*st;
	enum db		 result;
	size_t		 i;
	int		 failed = 0;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		failed = (st = state_query(Q_RELAY_SENT)) == NULL || sqlite3_bind_int64(st, 1, ids[i]) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, now) != SQLITE_OK || state_step(st) == -1;
	HOOK("master.queue_sending");
	result = state_end(failed);
	HOOK("master.queue_sent");
	return (result);
}

enum db
state_relay_prove(int first, int64_t now)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed = 0;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	if (first)
		failed = (st = state_query(Q_DOUBT_COUNT)) == NULL || state_step(st) == -1 ||
		    (st = state_query(Q_DOUBT_CLEAR)) == NULL || state_step(st) == -1;
	HOOK("master.queue_proof");
	return (state_end(failed || state_run(Q_PROOF_PUT, now) == -1));
}

/*
 * Gives recipients of a message that was taken before, and whose files are missing, links of this receipt, which has the same
 * content: those that were made for them, if there are such.  With fewer links than rows the rest stays wanted: each session helps
 * one at least.  Inside a transaction; fills attached, waiting and verdicts.  0 or -1.
 */
int
body_attach(struct receipt *r)
{
	struct wanted	 w = { NULL, 0 };
	sqlite3_stmt	*st;
	int64_t		 link;
	size_t		 i;
	int		 failed, last = 0;

	r->attached = 0;
	if ((st = state_query(Q_RELAY_WANTED)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, r->digest, sizeof(r->digest), SQLITE_STATIC) != SQLITE_OK ||
	    relay_rows(st, wanted_add, &w) != DB_OK) {
		free(w.rows);
		return (-1);
	}
	failed = w.n > 0 && w.rows == NULL;
	for (i = 0; i < w.n && !failed; i++)
		if ((link = attach_choose(r, &w.rows[i])) != -1)
			failed = attach_one(r, &w.rows[i], link) == -1;
	if (!failed && r->attached > 0) {
		HOOK("master.queue_attach");
		failed = relay_final(&w.rows[0], &last) == -1;
		r->waiting = !last;
	}
	free(w.rows);
	return (failed ? -1 : 0);
}

/* A callback that collects rows; without memory, n is 1 and rows is NULL. */
static int
wanted_add(void *arg, const struct relay_row *row)
{
	struct wanted		*w = arg;
	struct relay_row	*p;

	if ((p = array_grow(w->rows, w->n, sizeof(*p))) == NULL) {
		free(w->rows);
		w->rows = NULL;
		w->n = 1;
		return (1);
	}
	w->rows = p;
	w->rows[w->n++] = *row;
	return (0);
}

/*
 * The number of a link of the receipt that no row has got yet, best that of the same recipient, and of another one if its file names
 * no addresses; -1: there is none.
 */
static int64_t
attach_choose(const struct receipt *r, const struct relay_row *row)
{
	int64_t		 any = -1;
	uint32_t	 i;

	for (i = 0; i < r->nrcpt; i++) {
		if (r->verdicts[i] == COMMIT_HOLD)
			continue;
		if (r->rcpts[i].nexthop == row->nexthop && strcmp(r->rcpts[i].dest, row->dest) == 0)
			return (i);
		if (any == -1 && !r->rcpts[i].named)
			any = i;
	}
	return (any);
}

/* A wanted row gets a link of the receipt, which is held from now on.  0 or -1. */
static int
attach_one(struct receipt *r, const struct relay_row *row, uint32_t link)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_ATTACH)) == NULL || sqlite3_bind_int64(st, 1, row->id) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, r->rcpts[link].link, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 3, r->since) != SQLITE_OK || state_step(st) == -1 ||
	    relay_note(row, "retrieved again for", row->dest, NULL) == -1)
		return (-1);
	r->verdicts[link] = COMMIT_HOLD;
	r->attached++;
	return (0);
}

/*
 * The recipient of a pending row without its file has not got the message, and nobody else's case is changed by that: the row
 * becomes one of table relay that is wanted, with the Maildir as destination.
 */
enum db
state_pending_missing(int64_t id, const char *link, const char *status)
{
	struct relay_row	 row;
	sqlite3_stmt		*st;
	const char		*dest;
	enum db			 result;
	int			 failed, rc, found = 0;

	memset(&row, 0, sizeof(row));
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_PENDING_ROW)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, link, -1, SQLITE_STATIC) != SQLITE_OK;
	if (!failed && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		found = 1;
		id = sqlite3_column_int64(st, 0);
		row.mailbox = sqlite3_column_int64(st, 1);
		row.uidlen = sqlite3_column_bytes(st, 2);
		dest = (const char *)sqlite3_column_text(st, 3);
		failed = row.uidlen > sizeof(row.uid) || dest == NULL || strlcpy(row.dest, dest, sizeof(row.dest)) >= sizeof(row.dest);
		if (!failed && row.uidlen > 0)
			memcpy(row.uid, sqlite3_column_blob(st, 2), row.uidlen);
		sqlite3_reset(st);
	} else if (!failed)
		failed = rc != SQLITE_DONE;
	if (!failed && found && row.uidlen > 0)
		failed = missing_want(id, status) == -1 || relay_note(&row, "wanted again", row.dest, status) == -1;
	if (!failed && found)
		failed = (st = state_query(Q_PENDING_DROP)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, id) != SQLITE_OK || state_step(st) == -1;
	HOOK("master.state_missing");
	result = state_end(failed);
	return (result == DB_OK && !found ? DB_NONE : result);
}

/* The pending row becomes a wanted row of relay, and its message waits.  0 or -1. */
static int
missing_want(int64_t id, const char *status)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_MISSED)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, time(NULL)) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, status, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1)
		return (-1);
	return (state_run(Q_SEEN_MISSED, id));
}
