/* SPDX-License-Identifier: ISC */
/* state.db: the decision about a batch of messages, and the deliveries that follow from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

struct range {
	int64_t	 first, last;
};

static int	 commit_one(struct receipt *, int64_t *, int64_t *);
static int	 commit_seen(struct receipt *);
static int	 commit_known(struct receipt *);
static int	 commit_write(enum state_sql, const struct receipt *);
static int	 commit_insert(struct receipt *);
static int	 commit_print(const struct receipt *);
static int	 commit_header(struct receipt *);
static int	 commit_unproven(const struct receipt *);
static int	 commit_clear(enum state_sql, const struct receipt *);
static int	 commit_settled(void);
static int	 commit_look(void);

static struct range	*settled;
static size_t		 nsettled, settled_size;
static int		 any_suspects, any_oversize;	/* in this transaction */

enum db
state_commit(struct receipt *receipts, size_t n, int64_t *first, int64_t *last)
{
	int64_t	 mailbox = 0;
	enum db	 result;
	size_t	 i;
	int	 failed;

	*first = *last = 0;
	HOOK("commit-before");
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = commit_look() == -1 || commit_settled() == -1;
	for (i = 0; i < n && !failed; i++) {
		failed = (receipts[i].mailbox != mailbox && commit_unproven(&receipts[i]) == -1) ||
		    commit_one(&receipts[i], first, last) == -1;
		mailbox = receipts[i].mailbox;
	}
	HOOK("commit-open");
	if ((result = state_end(failed)) != DB_OK) {
		*first = *last = 0;
		return (result);
	}
	HOOK("commit-done");
	nsettled = 0;
	return (DB_OK);
}

int
state_settle(int64_t first, int64_t last)
{
	struct range	*p;
	size_t		 size;

	if (nsettled > 0 && settled[nsettled - 1].last < first && settled[nsettled - 1].last == first - 1) {
		settled[nsettled - 1].last = last;
		return (0);
	}
	if (nsettled == settled_size) {
		size = settled_size == 0 ? 16 : settled_size * 2;
		if ((p = reallocarray(settled, size, sizeof(*p))) == NULL)
			return (-1);
		settled = p;
		settled_size = size;
	}
	settled[nsettled].first = first;
	settled[nsettled++].last = last;
	return (0);
}

/* Not durable by itself: a replayed row whose link is gone does no harm. */
enum db
state_flush(void)
{
	enum db	 result;

	if (nsettled == 0)
		return (DB_OK);
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	if ((result = state_end(commit_settled() == -1)) == DB_OK)
		nsettled = 0;
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

/* One message: its seen row says whether it is new; what is new gets rows for its recipients. */
static int
commit_one(struct receipt *r, int64_t *first, int64_t *last)
{
	r->relay = 0;
	r->waiting = r->known = 0;
	r->copies = 0;
	r->dropped = 0;
	r->attached = 0;
	if ((r->header ? commit_header(r) : commit_seen(r)) == -1)
		return (-1);
	if (r->verdict == COMMIT_DISCARD) {
		memset(r->verdicts, COMMIT_DISCARD, r->nrcpt);
		if (relay_attach(r) == -1)
			return (-1);
	} else if (rcpt_commit(r, first, last) == -1)
		return (-1);
	return (r->header ? 0 : commit_print(r));
}

static int
commit_seen(struct receipt *r)
{
	r->verdict = COMMIT_DELIVER;
	if (commit_insert(r) == -1)
		return (-1);
	/* It went through the deliverer, so it was not what killed it. */
	if (any_suspects && commit_clear(Q_SUSPECT_CLEAR, r) == -1)
		return (-1);
	return (any_oversize ? commit_clear(Q_OVERSIZE_CLEAR, r) : 0);
}

static int
commit_insert(struct receipt *r)
{
	return (commit_write(Q_SEEN_INSERT, r) == -1 || (state_changes() == 0 && commit_known(r) == -1) ? -1 : 0);
}

/*
 * The key has a row.  The same message: the server ignored DELE, or it was retrieved twice; nothing is delivered.  Another one: the
 * server gave the unique-id again, which RFC 1939 section 7 allows after a deletion.  If recipients of the first one still wait,
 * its row lives on by its digest.
 *
 * A key that is a digest says the same of an equal message that came later.  It is another one if the first was deleted for
 * certain, or deleted and missing from a session since.
 */
static int
commit_known(struct receipt *r)
{
	sqlite3_stmt	*st;
	const void	*digest;
	int		 state, same, later;

	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	digest = sqlite3_column_blob(st, 1);
	state = sqlite3_column_int(st, 2);
	same = digest != NULL && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN && state != SEEN_MARKED &&
	    memcmp(digest, r->digest, PROTO_DIGEST_LEN) == 0;
	later = r->uidlen > PROTO_UID_MAX &&
	    (state == SEEN_DELETED || (state == SEEN_DELETING && sqlite3_column_type(st, 3) != SQLITE_NULL));
	sqlite3_reset(st);
	if (same && !later) {
		r->verdict = COMMIT_DISCARD;
		r->known = 1;
		r->waiting = state == SEEN_WAITING;
		return (commit_write(Q_SEEN_AGAIN, r));
	}
	if (state == SEEN_WAITING)
		return (change_doubted(r->mailbox, r->uid, r->uidlen) == -1 ? -1 : commit_write(Q_SEEN_INSERT, r));
	return (commit_clear(Q_PRINT_FORGET, r) == -1 ? -1 : commit_write(Q_SEEN_REPLACE, r));
}

static int
commit_write(enum state_sql q, const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, q == Q_SEEN_AGAIN ? r->again : r->state) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 7, r->size) != SQLITE_OK)
		return (-1);
	if (q != Q_SEEN_AGAIN && (sqlite3_bind_int64(st, 4, (int64_t)r->octets) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 5, r->digest, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 6, r->since) != SQLITE_OK))
		return (-1);
	return (state_step(st));
}

/* What this session deletes will not be there to be recognised; if it does not come to that, plan_end() makes up for it. */
static int
commit_print(const struct receipt *r)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	sqlite3_stmt		*st;

	if ((r->state != SEEN_KEPT && !r->waiting) || memcmp(r->fingerprint, none, sizeof(none)) == 0)
		return (0);
	if ((st = state_query(Q_PRINT_PUT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, r->fingerprint, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* The header of a message over max_size, once for each unique-id and message. */
static int
commit_header(struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_OVERSIZE_GET)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1)
		return (-1);
	r->verdict = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == OVERSIZE_HEADER &&
	    sqlite3_column_int64(st, 2) == r->size &&
	    (sqlite3_column_bytes(st, 1) != PROTO_DIGEST_LEN ||
	    memcmp(sqlite3_column_blob(st, 1), r->digest, PROTO_DIGEST_LEN) == 0) ? COMMIT_DISCARD : COMMIT_DELIVER;
	sqlite3_reset(st);
	if ((st = state_query(Q_OVERSIZE_PUT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, OVERSIZE_HEADER) != SQLITE_OK || sqlite3_bind_int64(st, 4, r->size) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 5, r->since) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 6, r->digest, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1)
		return (-1);
	return (any_suspects ? commit_clear(Q_SUSPECT_CLEAR, r) : 0);
}

/* The first of a session: until it is over, nobody knows whether the server's answers are in step. */
static int
commit_unproven(const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_UNPROVEN_PUT)) == NULL || sqlite3_bind_int64(st, 1, r->mailbox) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, r->unproven) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

static int
commit_clear(enum state_sql q, const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1)
		return (-1);
	return (state_step(st));
}

static int
commit_settled(void)
{
	sqlite3_stmt	*st;
	size_t		 i;

	for (i = 0; i < nsettled; i++)
		if ((st = state_query(Q_PENDING_DROP)) == NULL || sqlite3_bind_int64(st, 1, settled[i].first) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, settled[i].last) != SQLITE_OK || state_step(st) == -1)
			return (-1);
	return (0);
}

/* Both tables are nearly always empty. */
static int
commit_look(void)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_ODD_ANY)) == NULL || sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	any_suspects = sqlite3_column_int(st, 0);
	any_oversize = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
	return (0);
}

/* The store is closed: what is queued is settled by the replay of the next start. */
void
commit_forget(void)
{
	free(settled);
	settled = NULL;
	nsettled = settled_size = 0;
}
