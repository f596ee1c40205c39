/* SPDX-License-Identifier: ISC */
/*
 * state.db: table pending, deliveries to Maildirs that are decided but perhaps not yet in place.
 *
 *	a row			after a crash here
 *	is not committed	its message is not known, and comes again
 *	is committed		the replay of the next start moves the file of its link into place
 *	is settled		its file is in place, durably; until the next commit drops it, a replay finds the link gone and does no harm
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/log.h"
#include "state_int.h"

struct range {
	int64_t	 first, last;
};

static struct range	*settled;	/* ids of rows to be dropped by the next commit */
static size_t		 nsettled;

/*
 * Adds a row inside a transaction, of a receipt's message, or of something that rpopd wrote itself if r is NULL.  copy:
 * PROTO_COPY_LEN octets, the key of its row in table copy, or NULL.  0, with the row's id, or -1.
 */
int
pending_insert(int64_t mailbox, const struct receipt *r, const char *link, const char *dest, const uint8_t *copy, int64_t *id)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_PENDING_INSERT)) == NULL ||
	    state_bind_uid(st, mailbox, r == NULL ? (const uint8_t *)"" : r->uid, r == NULL ? 0 : r->uidlen) == -1 ||
	    sqlite3_bind_text(st, 3, link, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 4, dest, -1, SQLITE_STATIC) != SQLITE_OK ||
	    (copy == NULL ? sqlite3_bind_null(st, 5) : sqlite3_bind_blob(st, 5, copy, PROTO_COPY_LEN, SQLITE_STATIC)) != SQLITE_OK ||
	    (r == NULL || r->mailbox == 0 ? sqlite3_bind_null(st, 6) :
	    sqlite3_bind_blob(st, 6, r->digest, sizeof(r->digest), SQLITE_STATIC)) != SQLITE_OK ||
	    state_step(st) == -1)
		return (-1);
	*id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (0);
}

int
state_settle(int64_t first, int64_t last)
{
	struct range	*p;

	if (nsettled > 0 && settled[nsettled - 1].last < first && settled[nsettled - 1].last == first - 1) {
		settled[nsettled - 1].last = last;
		return (0);
	}
	if ((p = array_grow(settled, nsettled, sizeof(*p))) == NULL)
		return (-1);
	settled = p;
	settled[nsettled].first = first;
	settled[nsettled++].last = last;
	return (0);
}

/* Without an fsync: a replayed row whose link is gone does no harm. */
enum db
state_flush(void)
{
	enum db	 result;

	if (nsettled == 0)
		return (DB_OK);
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	if ((result = state_end(pending_drop_settled() == -1)) == DB_OK)
		pending_dropped();
	return (result);
}

enum db
state_pending(int (*cb)(void *, int64_t, const struct msg_rcpt *), void *arg, int *left_out)
{
	struct msg_rcpt	 rcpt;
	sqlite3_stmt	*st;
	const char	*link, *dest;
	int		 rc = SQLITE_ERROR, stop = 0;

	*left_out = 0;
	if ((st = state_query(Q_PENDING_LIST)) == NULL)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		link = (const char *)sqlite3_column_text(st, 1);
		dest = (const char *)sqlite3_column_text(st, 2);
		memset(&rcpt, 0, sizeof(rcpt));
		if (link == NULL || dest == NULL || strlcpy(rcpt.link, link, sizeof(rcpt.link)) >= sizeof(rcpt.link) ||
		    strlcpy(rcpt.dest, dest, sizeof(rcpt.dest)) >= sizeof(rcpt.dest)) {
			log_warnx("state.db: row %lld of pending cannot be right and is left alone", (long long)sqlite3_column_int64(st, 0));
			*left_out = 1;
			continue;
		}
		stop = cb(arg, sqlite3_column_int64(st, 0), &rcpt);
	}
	if (!stop && rc != SQLITE_DONE) {
		state_failed("pending");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

/* Drops the rows that are settled, inside a transaction; pending_dropped() follows when it is committed.  0 or -1. */
int
pending_drop_settled(void)
{
	sqlite3_stmt	*st;
	size_t		 i;

	for (i = 0; i < nsettled; i++)
		if ((st = state_query(Q_PENDING_DROP)) == NULL || sqlite3_bind_int64(st, 1, settled[i].first) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, settled[i].last) != SQLITE_OK || state_step(st) == -1)
			return (-1);
	return (0);
}

void
pending_dropped(void)
{
	nsettled = 0;
}

/* The store is closed: what is settled and was not dropped is found in place by the replay of the next start. */
void
pending_forget(void)
{
	free(settled);
	settled = NULL;
	nsettled = 0;
}
