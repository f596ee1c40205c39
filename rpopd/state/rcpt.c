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
 * With all of them DISCARD the message is.  A message is committed once, and its own copy rows are written after every recipient is
 * decided: a copy row that is found is another message's.  Two recipients of one message that have a key in common, such as one
 * address at two next hops, both get it.
 */
#include <sys/types.h>

#include <sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "state_int.h"

#define RESULTS_SIZE	4096		/* of handled.results at first */
#define RESULT_SIZE	(PROTO_DEST_SIZE + PROTO_ADDR_SIZE + 2 * PROTO_TEXT_SIZE + 64)	/* of one line */
#define ORIGIN_SIZE	(4 * (PROTO_RECORD_SIZE + STATE_KEY_MAX) + 64)

struct results {			/* what rpopctl find and explain will say: a line for each recipient, as far as they fit */
	char	 text[RESULTS_SIZE + 32];	/* with room for how many were omitted */
	size_t	 len;
	uint32_t omitted;
	char	 origin[ORIGIN_SIZE];	/* the message that the last copy named here is a copy of */
};

static int	 rcpt_one(struct receipt *, const struct msg_rcpt *, const uint8_t *, int64_t *, int64_t *);
static void	 rcpt_key(const struct receipt *, const struct msg_rcpt *, uint8_t [PROTO_COPY_LEN]);
static void	 rcpt_key_by_way(const struct receipt *, const struct msg_rcpt *, uint8_t [PROTO_COPY_LEN]);
static int	 rcpt_copy(const struct receipt *, const struct msg_rcpt *, char *, size_t);
static void	 rcpt_origin(sqlite3_stmt *, char *, size_t);
static int	 rcpt_remember(const struct receipt *);
static int	 rcpt_relay(struct receipt *, const struct msg_rcpt *);
static void	 rcpt_result(struct results *, const struct msg_rcpt *, int, const char *);
static void	 rcpt_say(struct results *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
static int	 rcpt_wait(const struct receipt *);

/*
 * Decides about each recipient of a message that is new, inside a transaction; fills verdicts, relay, waiting, copies and dropped,
 * and verdict becomes DISCARD if it is that for all.  *first and *last are the range of pending ids so far.  0 or -1.
 */
int
rcpt_commit(struct receipt *r, int64_t *first, int64_t *last)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	static struct results	 results;
	char			 origin[ORIGIN_SIZE];
	uint8_t			 key[PROTO_COPY_LEN];
	int			 unified = memcmp(r->identity, none, sizeof(none)) != 0, discard, copy;
	uint32_t		 i, discarded = 0;

	memset(&results, 0, sizeof(results));
	for (i = 0; i < r->nrcpt; i++) {
		discard = r->rcpts[i].kind == RCPT_DISCARD;
		copy = !discard && unified ? rcpt_copy(r, &r->rcpts[i], origin, sizeof(origin)) : 0;
		rcpt_key(r, &r->rcpts[i], key);
		if (copy == -1 || (!discard && !copy && rcpt_one(r, &r->rcpts[i], unified ? key : NULL, first, last) == -1))
			return (-1);
		r->verdicts[i] = discard || copy ? COMMIT_DISCARD : COMMIT_DELIVER;
		r->copies += copy;
		discarded += discard || copy;
		rcpt_result(&results, &r->rcpts[i], copy, origin);
	}
	if (discarded == r->nrcpt) {
		r->verdict = COMMIT_DISCARD;
		r->dropped = r->copies == 0;
	}
	if ((unified && rcpt_remember(r) == -1) || (r->waiting && !r->header && r->mailbox != 0 && rcpt_wait(r) == -1))
		return (-1);
	if (results.omitted > 0)
		snprintf(results.text + results.len, sizeof(results.text) - results.len, "and %u more\n", results.omitted);
	return (history_add(r, results.text));
}

/* The row of a recipient, in pending or relay.  0 or -1. */
static int
rcpt_one(struct receipt *r, const struct msg_rcpt *rcpt, const uint8_t *copy, int64_t *first, int64_t *last)
{
	if (rcpt->kind != RCPT_MAILDIR)
		return (rcpt_relay(r, rcpt));
	if (pending_insert(r->mailbox, r, rcpt->link, rcpt->dest, copy, last) == -1)
		return (-1);
	if (*first == 0)
		*first = *last;
	return (0);
}

/* The key in table copy of a message and a recipient who has got it. */
static void
rcpt_key(const struct receipt *r, const struct msg_rcpt *rcpt, uint8_t key[PROTO_COPY_LEN])
{
	static const uint8_t	 none[PROTO_COPY_LEN];

	if (memcmp(rcpt->copy, none, sizeof(none)) != 0)
		memcpy(key, rcpt->copy, PROTO_COPY_LEN);
	else
		rcpt_key_by_way(r, rcpt, key);
}

/*
 * The key by the place that the message goes to: that of a Maildir or of an address that is no account's; in rows of schema 2, of
 * everybody.
 */
static void
rcpt_key_by_way(const struct receipt *r, const struct msg_rcpt *rcpt, uint8_t key[PROTO_COPY_LEN])
{
	uint8_t	 digest[SHA256_DIGEST_LENGTH], kind = rcpt->kind;
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, r->identity, sizeof(r->identity));
	SHA256Update(&ctx, &kind, sizeof(kind));
	SHA256Update(&ctx, (const uint8_t *)rcpt->dest, strlen(rcpt->dest));
	SHA256Final(digest, &ctx);
	memcpy(key, digest, PROTO_COPY_LEN);
}

/* Whether a recipient has got the message before: 1, and origin names that message in words; 0; or -1. */
static int
rcpt_copy(const struct receipt *r, const struct msg_rcpt *rcpt, char *origin, size_t size)
{
	uint8_t		 key[PROTO_COPY_LEN], old[PROTO_COPY_LEN];
	sqlite3_stmt	*st;
	int		 rc;

	rcpt_key(r, rcpt, key);
	rcpt_key_by_way(r, rcpt, old);
	if ((st = state_query(Q_COPY_GET)) == NULL || sqlite3_bind_blob(st, 1, key, sizeof(key), SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, r->mailbox) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 3, old, sizeof(old), SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		rcpt_origin(st, origin, size);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1);
}

/* Names a message in words that rpopctl explain understands: record or number of the mailbox, unique-id, time. */
static void
rcpt_origin(sqlite3_stmt *st, char *origin, size_t size)
{
	const char	*record = (const char *)sqlite3_column_text(st, 2), *when = (const char *)sqlite3_column_text(st, 3);
	const void	*uid = sqlite3_column_blob(st, 1);
	char		 name[4 * PROTO_RECORD_SIZE], id[4 * STATE_KEY_MAX + 1];

	if (when == NULL)
		when = "?";
	if (uid == NULL) {
		snprintf(origin, size, "taken %s", when);
		return;
	}
	if (record != NULL)
		log_vis(name, sizeof(name), record, strlen(record));
	else
		snprintf(name, sizeof(name), "mailbox %lld", (long long)sqlite3_column_int64(st, 0));
	log_vis(id, sizeof(id), uid, sqlite3_column_bytes(st, 1));
	snprintf(origin, size, "taken %s as %s of %s", when, id, name);
}

/* Notes in table copy who has got the message from now on.  0 or -1. */
static int
rcpt_remember(const struct receipt *r)
{
	uint8_t		 key[PROTO_COPY_LEN];
	sqlite3_stmt	*st;
	uint32_t	 i;

	for (i = 0; i < r->nrcpt; i++) {
		if (r->verdicts[i] != COMMIT_DELIVER)
			continue;
		rcpt_key(r, &r->rcpts[i], key);
		if ((st = state_query(Q_COPY_ADD)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
		    sqlite3_bind_blob(st, 3, key, sizeof(key), SQLITE_STATIC) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 4, r->since) != SQLITE_OK || state_step(st) == -1)
			return (-1);
	}
	return (0);
}

/* The row in relay of a recipient.  0 or -1. */
static int
rcpt_relay(struct receipt *r, const struct msg_rcpt *rcpt)
{
	struct relay_row	 row;
	int64_t			 id;

	if (rcpt_relay_row(&row, r, rcpt) == -1 || relay_insert(&row, &id) == -1)
		return (-1);
	if (row.state == RELAY_QUARANTINED && held_add() == -1)
		return (-1);
	if (r->relay == 0)
		r->relay = id;
	if (row.state != RELAY_QUARANTINED)
		r->waiting = 1;
	return (0);
}

int
rcpt_relay_row(struct relay_row *row, const struct receipt *r, const struct msg_rcpt *rcpt)
{
	if (r->note == NULL || r->uidlen > sizeof(row->uid))
		return (-1);
	memset(row, 0, sizeof(*row));
	row->mailbox = r->mailbox;
	memcpy(row->uid, r->uid, r->uidlen);
	row->uidlen = r->uidlen;
	memcpy(row->digest, r->digest, sizeof(row->digest));
	row->has_digest = r->mailbox != 0;
	row->nexthop = rcpt->nexthop;
	row->notify = (enum notify)rcpt->notify;
	row->after = r->header ? SEEN_KEPT : r->state;
	row->arrived = row->next = r->since;
	row->body = BODY_HERE;		/* the receipt says so */
	strlcpy(row->link, rcpt->link, sizeof(row->link));
	strlcpy(row->dest, rcpt->dest, sizeof(row->dest));
	strlcpy(row->original, rcpt->original, sizeof(row->original));
	strlcpy(row->sender, r->sender, sizeof(row->sender));
	strlcpy(row->client, r->note->client, sizeof(row->client));
	if (rcpt->kind != RCPT_RELAY)
		strlcpy(row->status, rcpt->reason, sizeof(row->status));
	row->state = rcpt->kind == RCPT_RELAY ? RELAY_WAITING :
	    rcpt->kind == RCPT_REJECT && row->notify == NOTIFY_FAILURE && row->sender[0] != '\0' ? RELAY_FAILED : RELAY_QUARANTINED;
	return (0);
}

/* The message waits until its recipients are final.  0 or -1. */
static int
rcpt_wait(const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_SEEN_STATE)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, SEEN_WAITING) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * Says what became of a recipient.  copy: he had the message before, as the one that origin names, which is said once for
 * neighbours.
 */
static void
rcpt_result(struct results *to, const struct msg_rcpt *rcpt, int copy, const char *origin)
{
	char	 line[RESULT_SIZE];

	if (copy && strcmp(to->origin, origin) != 0) {
		strlcpy(to->origin, origin, sizeof(to->origin));
		rcpt_say(to, "a copy of the message %s\n", origin);
	}
	state_rcpt_result(rcpt, copy ? COMMIT_DISCARD : COMMIT_DELIVER, line, sizeof(line));
	rcpt_say(to, "%s\n", line);
}

void
state_rcpt_result(const struct msg_rcpt *rcpt, enum commit_verdict verdict, char *line, size_t size)
{
	static const char *const	 words[] = { [RCPT_MAILDIR] = "delivered", [RCPT_RELAY] = "waiting",
	    [RCPT_QUARANTINE] = "quarantined", [RCPT_REJECT] = "rejected", [RCPT_DISCARD] = "discarded" };
	int				 copy = verdict == COMMIT_DISCARD && rcpt->kind != RCPT_DISCARD;
	char				 hop[PROTO_TEXT_SIZE];

	hop[0] = '\0';
	if (rcpt->kind == RCPT_RELAY && !copy)
		hop_at(rcpt->nexthop, "at", hop, sizeof(hop));
	snprintf(line, size, "%s %s%s%s%s%s%s", copy ? "copy suppressed" : words[rcpt->kind], rcpt->dest,
	    rcpt->original[0] != '\0' ? " as " : "", rcpt->original, hop,
	    !copy && rcpt->kind > RCPT_RELAY && rcpt->reason[0] != '\0' ? ": " : "", !copy && rcpt->kind > RCPT_RELAY ? rcpt->reason : "");
}

/* Adds a line as a whole; one that does not fit is counted as omitted, and so are all that follow. */
static void
rcpt_say(struct results *to, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(to->text + to->len, RESULTS_SIZE - to->len, fmt, ap);
	va_end(ap);
	if (to->omitted == 0 && n > 0 && (size_t)n < RESULTS_SIZE - to->len) {
		to->len += n;
		return;
	}
	to->text[to->len] = '\0';
	to->omitted++;
}
