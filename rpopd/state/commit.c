/* SPDX-License-Identifier: ISC */
/* state.db: the decision about a batch of messages, in one transaction. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

static int	 commit_one(struct receipt *, int64_t *, int64_t *);
static int	 commit_sent(struct receipt *, int64_t *, int64_t *);
static int	 commit_seen(struct receipt *);
static int	 commit_known(struct receipt *);
static int	 commit_write(enum state_sql, const struct receipt *);
static int	 commit_fingerprint(const struct receipt *);
static int	 commit_header(struct receipt *);
static int	 commit_unproven(const struct receipt *);
static int	 commit_clear(enum state_sql, const struct receipt *);
static int	 commit_look(void);

static int	 any_suspects, any_oversize;	/* in this transaction */

enum db
state_commit(struct receipt *receipts, size_t n, int64_t *first, int64_t *last)
{
	int64_t	 mailbox = 0;
	enum db	 result;
	size_t	 i;
	int	 failed;

	*first = *last = 0;
	HOOK("master.state_commit_before");
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = commit_look() == -1 || pending_drop_settled() == -1;
	for (i = 0; i < n && !failed; i++) {
		failed = (receipts[i].mailbox != mailbox && receipts[i].mailbox != 0 && commit_unproven(&receipts[i]) == -1) ||
		    commit_one(&receipts[i], first, last) == -1;
		mailbox = receipts[i].mailbox;
	}
	HOOK("master.state_commit_open");
	if ((result = state_end(failed)) != DB_OK) {
		*first = *last = 0;
		return (result);
	}
	HOOK("master.state_commit_done");
	pending_dropped();
	return (DB_OK);
}

/* One message of a batch: its row in seen says whether it is new; what is new gets rows for its recipients.  0 or -1. */
static int
commit_one(struct receipt *r, int64_t *first, int64_t *last)
{
	r->relay = 0;
	r->waiting = r->known = 0;
	r->copies = 0;
	r->dropped = 0;
	r->attached = 0;
	r->known = 0;
	if (r->mailbox == 0)
		return (commit_sent(r, first, last));
	if ((r->header ? commit_header(r) : commit_seen(r)) == -1)
		return (-1);
	if (r->verdict == COMMIT_DISCARD) {
		memset(r->verdicts, COMMIT_DISCARD, r->nrcpt);
		if (body_attach(r) == -1)
			return (-1);
	} else if (rcpt_commit(r, first, last) == -1)
		return (-1);
	return (r->header ? 0 : commit_fingerprint(r));
}

/* A message that was sent here, by a client of popd: it is on no server, and nothing is known of it.  0 or -1. */
static int
commit_sent(struct receipt *r, int64_t *first, int64_t *last)
{
	r->verdict = r->is_void ? COMMIT_DISCARD : COMMIT_DELIVER;
	if (!r->is_void)
		return (rcpt_commit(r, first, last));
	memset(r->verdicts, COMMIT_DISCARD, r->nrcpt);
	return (0);
}

/* The receipt's row in seen; verdict says whether the message is new.  0 or -1. */
static int
commit_seen(struct receipt *r)
{
	r->verdict = COMMIT_DELIVER;
	if (commit_write(Q_SEEN_INSERT, r) == -1 || (state_changes() == 0 && commit_known(r) == -1))
		return (-1);
	/* The message went through the deliverer, so it was not the one that the deliverer died of. */
	if (any_suspects && commit_clear(Q_SUSPECT_CLEAR, r) == -1)
		return (-1);
	return (any_oversize ? commit_clear(Q_OVERSIZE_CLEAR, r) : 0);
}

/*
 * What becomes of a receipt whose key has a row already.  If the row's message has the same digest, the server ignored DELE, or
 * the message was retrieved twice: nothing is delivered.  If not, the server gave the unique-id to another message, which RFC 1939
 * section 7 allows after a deletion; and if recipients of the first message still wait, its row lives on with its digest as key.
 *
 * A key that is a digest is the same for an equal message that came later.  The receipt is of such a one if the first message was
 * deleted for certain, or was deleted and is missing from a session since.  0 or -1.
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
		return (doubt_message(r->mailbox, r->uid, r->uidlen) == -1 ? -1 : commit_write(Q_SEEN_INSERT, r));
	return (commit_clear(Q_FINGERPRINT_FORGET, r) == -1 ? -1 : commit_write(Q_SEEN_REPLACE, r));
}

/* Runs a statement that writes the receipt's row in seen.  0 or -1. */
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

/*
 * Keeps the fingerprint of a message that stays on the server.  One that this session deletes will not be there to be recognised;
 * if the deletion fails, CHANGE_FINGERPRINT makes up for it.  0 or -1.
 */
static int
commit_fingerprint(const struct receipt *r)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	sqlite3_stmt		*st;

	if ((r->state != SEEN_KEPT && !r->waiting) || memcmp(r->fingerprint, none, sizeof(none)) == 0)
		return (0);
	if ((st = state_query(Q_FINGERPRINT_PUT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_blob(st, 3, r->fingerprint, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * Notes that the header of a message over max_size was delivered, once for each unique-id and message; verdict says whether it is
 * new.  0 or -1.
 */
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
	if (oversize_put(r->mailbox, r->uid, r->uidlen, OVERSIZE_HEADER, r->size, r->since, r->digest) == -1)
		return (-1);
	return (any_suspects ? commit_clear(Q_SUSPECT_CLEAR, r) : 0);
}

/*
 * The mailbox is unproven from the first receipt of a session on: until the session is over, nobody knows whether the server's
 * answers are in step.
 */
static int
commit_unproven(const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_UNPROVEN_PUT)) == NULL || sqlite3_bind_int64(st, 1, r->mailbox) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, r->unproven) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* The receipt's row in suspect, oversize or fingerprint goes.  0 or -1. */
static int
commit_clear(enum state_sql q, const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1)
		return (-1);
	return (state_step(st));
}

/* Looks whether tables suspect and oversize have any rows: both are nearly always empty.  0 or -1. */
static int
commit_look(void)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_IRREGULAR_ANY)) == NULL || sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	any_suspects = sqlite3_column_int(st, 0);
	any_oversize = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
	return (0);
}
