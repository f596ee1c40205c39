/* SPDX-License-Identifier: ISC */
/*
 * state.db: what is decided about each recipient of a message, inside the transaction that makes its batch count.
 *
 *	recipient			row			verdict		seen row of the message
 *	has a copy (same identity)	none			DISCARD		as without it
 *	discarded by a route		none			DISCARD		likewise
 *	Maildir				pending			DELIVER		KEPT or DELETING
 *	next hop			relay, waiting		DELIVER		WAITING
 *	quarantine			relay, quarantined	DELIVER		as Maildir: it is safe here
 *	reject, to be told		relay, failed		DELIVER		WAITING, until the report is made
 *	reject, nobody to tell		relay, quarantined	DELIVER		as Maildir
 *
 * With all of them DISCARD the message is.  A message is committed once, so a copy row stands for this or an earlier commit.
 */
#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "relay.h"
#include "store_sql.h"

#define RESULTS_SIZE	4096		/* of handled.results at first */
#define HANDLED_SECONDS	(14 * 86400)
#define COPY_SECONDS	(30 * 86400)

static int	 rcpt_one(struct receipt *, const struct msg_rcpt *, int64_t *, int64_t *);
static int	 rcpt_copy(const struct receipt *, const struct msg_rcpt *);
static int	 rcpt_relay(struct receipt *, const struct msg_rcpt *);
static int	 rcpt_handled(const struct receipt *);
static void	 rcpt_result(const struct msg_rcpt *, int, char *, size_t);
static int	 rcpt_wait(const struct receipt *);

/* The message is new.  Fills verdicts, relay and waiting; verdict becomes DISCARD if all are. */
int
rcpt_commit(struct receipt *r, int64_t *first, int64_t *last)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	int			 unified = memcmp(r->identity, none, sizeof(none)) != 0, discard;
	uint32_t		 i, discarded = 0;

	for (i = 0; i < r->nrcpt; i++) {
		discard = r->rcpts[i].kind == RCPT_DISCARD ? 1 : unified ? rcpt_copy(r, &r->rcpts[i]) : 0;
		if (discard == -1 || (!discard && rcpt_one(r, &r->rcpts[i], first, last) == -1))
			return (-1);
		r->verdicts[i] = discard ? COMMIT_DISCARD : COMMIT_DELIVER;
		discarded += discard;
	}
	if (discarded == r->nrcpt)
		r->verdict = COMMIT_DISCARD;
	if (r->waiting && !r->header && rcpt_wait(r) == -1)
		return (-1);
	return (r->note == NULL ? 0 : rcpt_handled(r));
}

int
rcpt_pending(int64_t mailbox, const uint8_t *uid, size_t uidlen, const char *link, const char *dest, int64_t *id)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_PENDING_INSERT)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1 ||
	    sqlite3_bind_text(st, 3, link, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 4, dest, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1)
		return (-1);
	*id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (0);
}

static int
rcpt_one(struct receipt *r, const struct msg_rcpt *rcpt, int64_t *first, int64_t *last)
{
	if (rcpt->kind != RCPT_MAILDIR)
		return (rcpt_relay(r, rcpt));
	if (rcpt_pending(r->mailbox, r->uid, r->uidlen, rcpt->link, rcpt->dest, last) == -1)
		return (-1);
	if (*first == 0)
		*first = *last;
	return (0);
}

/* 1: the recipient has got this message before, 0: it has not, but has now, -1. */
static int
rcpt_copy(const struct receipt *r, const struct msg_rcpt *rcpt)
{
	uint8_t		 digest[SHA256_DIGEST_LENGTH], kind = rcpt->kind;
	sqlite3_stmt	*st;
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, r->identity, sizeof(r->identity));
	SHA256Update(&ctx, &kind, sizeof(kind));
	SHA256Update(&ctx, (const uint8_t *)rcpt->dest, strlen(rcpt->dest));
	SHA256Final(digest, &ctx);
	if ((st = state_query(Q_COPY_ADD)) == NULL || sqlite3_bind_blob(st, 1, digest, 16, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, r->since) != SQLITE_OK || state_step(st) == -1)
		return (-1);
	return (state_changes() == 0);
}

static int
rcpt_relay(struct receipt *r, const struct msg_rcpt *rcpt)
{
	struct relay_row	 row;
	int64_t			 id;

	if (relay_row_make(&row, r, rcpt) == -1 || relay_insert(&row, &id) == -1)
		return (-1);
	if (r->relay == 0)
		r->relay = id;
	if (row.state != RELAY_QUARANTINED)
		r->waiting = 1;
	return (0);
}

/* The row that a recipient gets; its id is not known yet. */
int
relay_row_make(struct relay_row *row, const struct receipt *r, const struct msg_rcpt *rcpt)
{
	if (r->note == NULL || r->uidlen > sizeof(row->uid))
		return (-1);
	memset(row, 0, sizeof(*row));
	row->mailbox = r->mailbox;
	memcpy(row->uid, r->uid, r->uidlen);
	row->uidlen = r->uidlen;
	row->nexthop = rcpt->nexthop;
	row->notify = (enum notify)rcpt->notify;
	row->after = r->header ? SEEN_KEPT : r->state;
	row->arrived = row->next = r->since;
	strlcpy(row->link, rcpt->link, sizeof(row->link));
	strlcpy(row->dest, rcpt->dest, sizeof(row->dest));
	strlcpy(row->original, rcpt->original, sizeof(row->original));
	strlcpy(row->sender, r->note->sender, sizeof(row->sender));
	strlcpy(row->client, r->note->client, sizeof(row->client));
	if (rcpt->kind != RCPT_RELAY)
		strlcpy(row->status, rcpt->reason, sizeof(row->status));
	row->state = rcpt->kind == RCPT_RELAY ? RELAY_WAITING :
	    rcpt->kind == RCPT_REJECT && row->notify == NOTIFY_FAILURE && row->sender[0] != '\0' ? RELAY_FAILED : RELAY_QUARANTINED;
	return (0);
}

static int
rcpt_wait(const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_SEEN_STATE)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, SEEN_WAITING) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* What rpopctl explain will say. */
static int
rcpt_handled(const struct receipt *r)
{
	static char	 results[RESULTS_SIZE];
	sqlite3_stmt	*st;
	size_t		 len = 0;
	uint32_t	 i;

	results[0] = '\0';
	for (i = 0; i < r->nrcpt && len < sizeof(results) - PROTO_DEST_SIZE - PROTO_TEXT_SIZE - 64; i++) {
		rcpt_result(&r->rcpts[i], r->verdicts[i] == COMMIT_DISCARD, results + len, sizeof(results) - len);
		len += strlen(results + len);
	}
	if (i < r->nrcpt)
		snprintf(results + len, sizeof(results) - len, "and %u more\n", r->nrcpt - i);
	if ((st = state_query(Q_HANDLED_PUT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int64(st, 3, r->since) != SQLITE_OK ||
	    sqlite3_bind_text(st, 4, r->note->sender, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 5, r->note->note, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 6, results, -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

static void
rcpt_result(const struct msg_rcpt *rcpt, int discarded, char *to, size_t size)
{
	static const char *const	 words[] = { [RCPT_MAILDIR] = "delivered", [RCPT_RELAY] = "waiting",
	    [RCPT_QUARANTINE] = "quarantined", [RCPT_REJECT] = "rejected" };

	if (rcpt->kind == RCPT_DISCARD)
		snprintf(to, size, "discarded %s\n", rcpt->dest);
	else if (discarded)
		snprintf(to, size, "copy suppressed %s\n", rcpt->dest);
	else
		snprintf(to, size, "%s %s%s%s\n", words[rcpt->kind], rcpt->dest,
		    rcpt->kind != RCPT_MAILDIR && rcpt->reason[0] != '\0' ? ": " : "",
		    rcpt->kind != RCPT_MAILDIR ? rcpt->reason : "");
}

/* Lazily: rows that come back are pruned again. */
int
state_prune_old(int64_t now)
{
	int64_t	 last = 0;
	int	 rv;

	if (state_number(Q_PRUNED_GET, 0, &last) == -1)
		return (-1);
	if (now >= last && now - last < 86400)
		return (0);
	if ((rv = state_begin(STATE_LAZY)) != 0)
		return (rv);
	return (state_end(state_run(Q_COPY_PRUNE, now - COPY_SECONDS) == -1 ||
	    state_run(Q_HANDLED_PRUNE, now - HANDLED_SECONDS) == -1 || state_run(Q_PRUNED_PUT, now) == -1));
}
