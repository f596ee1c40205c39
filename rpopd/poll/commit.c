/* SPDX-License-Identifier: ISC */
/*
 * The decision.  Receipts arrive in batches that are durable in the deliverer's spool; one transaction makes a batch count; only
 * then is the deliverer told to move the files into place and the fetchers given leave to DELE.  What becomes of each recipient
 * is decided in state/rcpt.c; recipients that are handed on have a table of states of their own, in state/relay.c.
 *
 *	state of a message			after a crash here
 *	receipt not committed			spool file is removed, server still has it, retrieved again
 *	committed, RECEIPT_COMMITTED not sent	pending row is replayed: renamed into place; listed again: proven, deleted
 *	renamed, RECEIPT_SETTLED not sent	pending row is replayed: link gone, done
 *	settled, rows not dropped yet		the same
 *	leave to DELE given or not		seen row says DELETING: the next session proves that it is the same
 *						message and deletes, see plan.c
 *
 * submit.c has the states of a message that a client of popd sends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "poll.h"

struct member {				/* who a receipt belongs to, besides what the store needs */
	uint32_t	 session, msgno, fallback, unfound;
	uint32_t	 due;		/* recipients still to come */
	uint32_t	 note_due;	/* before them */
};

struct batch {
	TAILQ_ENTRY(batch)	 entry;
	uint32_t		 id;
	struct receipt		*receipts;
	struct member		*members;
	size_t			 n;
	uint32_t		 rcpts;
	int64_t			 first, last;	/* pending rows, once committed */
};
TAILQ_HEAD(batches, batch);

static int		 commit_sent(const struct msg_receipt *);
static size_t		 commit_header_key(const struct plan *, const struct message *, uint8_t *);
static int		 commit_rcpt_sane(const struct msg_rcpt *, const struct receipt *);
static int		 commit_rcpt_right(const struct msg_rcpt *, const struct member *);
static int		 commit_link_sane(const char *, const struct member *, uint32_t);
static struct batch	*commit_open(void);
static void		 commit_free(struct batch *);
static void		 commit_try(void);
static void		 commit_excuse(struct batch *);
static void		 commit_retry(void *);
static void		 commit_answer(struct batch *);
static const char	*commit_label(const struct member *);
static void		 commit_member(const struct receipt *, const struct member *);
static void		 commit_relays(const struct receipt *, const struct member *);
static void		 commit_flush(void *);
static void		 commit_later(struct timer *, void (*)(void *), int);

static struct batch	*filling;	/* receipts coming in */
static struct batches	 waiting = TAILQ_HEAD_INITIALIZER(waiting);	/* complete, not committed */
static struct batches	 unsettled = TAILQ_HEAD_INITIALIZER(unsettled);	/* committed, renames not durable */
static struct timer	 retry, flush;
static int		 backoff;	/* s until the next try, 0 = the store works */
static int		 settles;	/* dropped with the next commit, or by the flush timer */
static uint32_t		 last_batch;

/*
 * IMSG_RECEIPT: a message is durable in the spool.  0, or -1: it was never planned, or has a receipt already, or there is no
 * memory.
 */
int
commit_receipt(const struct msg_receipt *m)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct session	*s;
	struct message	*msg;
	struct receipt	*r;
	struct batch	*b;

	if (submit_by_id(m->session) != NULL)
		return (commit_sent(m));
	if ((s = session_by_id(m->session)) == NULL || m->msgno == 0 || m->msgno > s->plan.count ||
	    m->recipients == 0 || m->recipients > PROTO_RCPT_MAX || m->noted > 1 || m->unfound > 1)
		return (-1);
	msg = &s->plan.msgs[m->msgno];
	if ((msg->action != ACTION_RETR && msg->action != ACTION_RETR_ALONE && msg->action != ACTION_HEADERS) ||
	    msg->state != MESSAGE_PLANNED || (b = commit_open()) == NULL || m->recipients > PROTO_BATCH_RCPTS - b->rcpts)
		return (-1);
	b->rcpts += m->recipients;
	r = &b->receipts[b->n];
	memset(r, 0, sizeof(*r));
	r->header = msg->action == ACTION_HEADERS;
	if ((r->rcpts = calloc(m->recipients, sizeof(*r->rcpts) + 1)) == NULL ||
	    (!s->leave && !r->header && plan_note(&s->plan, msg, m->fingerprint) == -1) || (r->uidlen = r->header ?
	    commit_header_key(&s->plan, msg, r->uid) : plan_key(&s->plan, m->msgno, m->digest,
	    memcmp(m->fingerprint, none, sizeof(none)) != 0, r->uid)) == 0) {
		free(r->rcpts);
		return (-1);
	}
	r->verdicts = (uint8_t *)(r->rcpts + m->recipients);
	r->mailbox = s->mailbox;
	r->octets = m->octets;
	memcpy(r->digest, m->digest, sizeof(r->digest));
	memcpy(r->fingerprint, m->fingerprint, sizeof(r->fingerprint));
	memcpy(r->identity, m->identity, sizeof(r->identity));
	strlcpy(r->msgid, m->msgid, sizeof(r->msgid));
	strlcpy(r->sender, m->sender, sizeof(r->sender));
	r->state = s->leave ? SEEN_KEPT : SEEN_DELETING;
	r->again = msg->expired ? SEEN_DELETING : r->state;
	r->size = msg->size;
	r->unproven = s->epoch;
	if ((r->since = time(NULL)) < s->epoch)
		r->since = s->epoch;
	b->members[b->n] = (struct member){ m->session, m->msgno, m->fallback != 0, m->unfound, m->recipients, m->noted };
	b->n++;
	msg->state = MESSAGE_RECEIVED;
	return (0);
}

/* The receipt of a message that a client of popd has sent.  0 or -1, as commit_receipt(). */
static int
commit_sent(const struct msg_receipt *m)
{
	struct receipt	*r;
	struct batch	*b;

	if (m->recipients == 0 || m->recipients > PROTO_RCPT_MAX || m->noted != 1 || (b = commit_open()) == NULL ||
	    m->recipients > PROTO_BATCH_RCPTS - b->rcpts)
		return (-1);
	r = &b->receipts[b->n];
	memset(r, 0, sizeof(*r));
	if ((r->rcpts = calloc(m->recipients, sizeof(*r->rcpts) + 1)) == NULL)
		return (-1);
	r->verdicts = (uint8_t *)(r->rcpts + m->recipients);
	if (submit_receipt(submit_by_id(m->session), m, r) == -1) {
		free(r->rcpts);
		return (-1);
	}
	b->rcpts += m->recipients;
	b->members[b->n] = (struct member){ m->session, m->msgno, 0, 0, m->recipients, m->noted };
	b->n++;
	return (0);
}

/* IMSG_RECEIPT_NOTE: why the last receipt's recipients are what they are.  0, or -1: no note was due, or there is no memory. */
int
commit_note(const struct msg_receipt_note *note)
{
	struct msg_receipt_note	*copy;

	if (filling == NULL || filling->n == 0 || !filling->members[filling->n - 1].note_due ||
	    (copy = malloc(sizeof(*copy))) == NULL)
		return (-1);
	*copy = *note;
	filling->receipts[filling->n - 1].note = copy;
	filling->members[filling->n - 1].note_due = 0;
	return (0);
}

/* IMSG_RECEIPT_RCPT: a recipient of the last receipt.  0, or -1: none was due, or it is none. */
int
commit_rcpt(const struct msg_rcpt *rcpt)
{
	struct receipt	*r;
	struct member	*m;

	if (filling == NULL || filling->n == 0)
		return (-1);
	r = &filling->receipts[filling->n - 1];
	m = &filling->members[filling->n - 1];
	if (m->due == 0 || m->note_due || !commit_rcpt_sane(rcpt, r) || !commit_link_sane(rcpt->link, m, r->nrcpt) ||
	    !commit_rcpt_right(rcpt, m))
		return (-1);
	r->rcpts[r->nrcpt++] = *rcpt;
	m->due--;
	return (0);
}

/* 1: the recipient has what the row of its kind needs; 0: not so. */
static int
commit_rcpt_sane(const struct msg_rcpt *rcpt, const struct receipt *r)
{
	if (rcpt->kind < RCPT_MAILDIR || rcpt->kind > RCPT_DISCARD || rcpt->notify > NOTIFY_FAILURE || rcpt->named > 1)
		return (0);
	if (rcpt->kind == RCPT_DISCARD)
		return (1);
	if (rcpt->dest[0] == '\0' || (rcpt->kind == RCPT_RELAY && rcpt->nexthop == 0))
		return (0);
	if (rcpt->kind == RCPT_MAILDIR)
		return (1);
	return (r->note != NULL && ((rcpt->kind == RCPT_QUARANTINE && rcpt->nexthop == 0) ||
	    strlen(rcpt->dest) < PROTO_ADDR_SIZE));
}

/*
 * 1: the routing table gives this recipient for the session's record, as it is now or was when the session began; 0: it does
 * not.
 */
static int
commit_rcpt_right(const struct msg_rcpt *rcpt, const struct member *m)
{
	const struct session	*s = session_by_id(m->session);
	const struct submission	*sent = submit_by_id(m->session);
	const struct origin	*origin = s != NULL ? &s->origin : NULL;
	struct routing		*routing = s != NULL ? s->routing : NULL;
	char			 dest[PROTO_DEST_SIZE * 4];

	if (sent != NULL)
		origin = submit_origin(sent, &routing);
	if (routing == NULL)
		return (0);
	if (decide_rcpt(routing->decider, origin, rcpt) || decide_rcpt(config_routing->decider, origin, rcpt))
		return (1);
	log_warnx("%s: message %u: the deliverer says that it goes to %s (%s %u), which neither the record nor a row of table route says: "
	    "nothing of this is delivered, the message stays on the server; look for the cause, the deliverer may be in other hands",
	    sent != NULL ? submit_label(sent) : s->label, m->msgno,
	    log_vis(dest, sizeof(dest), rcpt->dest, strlen(rcpt->dest)), rcpt->kind == RCPT_RELAY ? "next hop" : "kind",
	    rcpt->kind == RCPT_RELAY ? rcpt->nexthop : rcpt->kind);
	return (0);
}

/*
 * 1: link is a name as the deliverer's spool.c makes it, of this recipient of this message, so that no other row can have it;
 * 0: not so.
 */
static int
commit_link_sane(const char *link, const struct member *m, uint32_t rcpt)
{
	static const char	 ends[] = ".MPS";
	char			 rest[48];
	size_t			 i, len;

	for (i = 0; i < sizeof(ends) - 1; i++) {
		len = i == 1 ? 0 : strspn(link, "0123456789");
		if ((i != 1 && len == 0) || link[len] != ends[i])
			return (0);
		link += len + 1;
	}
	snprintf(rest, sizeof(rest), "%uN%uR%u.", m->session, m->msgno, rcpt);
	return (strncmp(link, rest, strlen(rest)) == 0 && strchr(link, '/') == NULL);
}

/*
 * IMSG_RECEIPT_BATCH: a batch is complete.  It is committed, behind those that wait already.  0, or -1: its count or number is
 * wrong.
 */
int
commit_batch(const struct msg_receipt_batch *m)
{
	struct batch	*b = filling;

	if (b == NULL || b->n != m->count || b->n == 0 || b->members[b->n - 1].due != 0 || m->batch != last_batch + 1)
		return (-1);
	last_batch = b->id = m->batch;
	filling = NULL;
	TAILQ_INSERT_TAIL(&waiting, b, entry);
	HOOK("master.receipts");
	if (backoff == 0)
		commit_try();
	return (0);
}

/* The link of this pending row, which spool_move() was asked for, is in its Maildir, durably: the row may go. */
void
commit_moved(int64_t pending)
{
	if (state_settle(pending, pending) == -1)
		log_warnx("state.db: pending row of a moved message stays until the next start");
	settles = 1;
	commit_later(&flush, commit_flush, 1);
}

/*
 * The renames of a batch are durable: its pending rows may go, and a daemon that waited for nothing else ends.  -1: no such
 * batch.
 */
int
commit_settled(uint32_t id)
{
	struct batch	*b;

	TAILQ_FOREACH(b, &unsettled, entry)
		if (b->id == id)
			break;
	if (b == NULL)
		return (-1);
	TAILQ_REMOVE(&unsettled, b, entry);
	if (b->first != 0 && state_settle(b->first, b->last) == -1)
		log_warnx("state.db: pending rows of a finished batch stay until the next start");
	commit_free(b);
	HOOK("master.settled");
	settles = 1;
	commit_later(&flush, commit_flush, 1);
	turn_soon();
	return (0);
}

/*
 * The deliverer died: what was not committed is void (its spool files are removed when it is back), what was is replayed from
 * the store.
 */
void
commit_died(struct child *deliverer)
{
	struct batch	*b;

	(void)deliverer;
	if (filling != NULL)
		commit_free(filling);
	filling = NULL;
	while ((b = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, b, entry);
		commit_free(b);
	}
	while ((b = TAILQ_FIRST(&unsettled)) != NULL) {
		TAILQ_REMOVE(&unsettled, b, entry);
		commit_free(b);
	}
	last_batch = 0;
}

int
commit_blocked(void)
{
	return (backoff != 0);
}

/* How many receipts have no final place yet. */
uint32_t
commit_pending(void)
{
	struct batch	*b;
	uint32_t	 n = 0;

	TAILQ_FOREACH(b, &waiting, entry)
		n += b->n;
	TAILQ_FOREACH(b, &unsettled, entry)
		n += b->n;
	return (n);
}

/*
 * The key by which a message is known of which the header alone was retrieved: its unique-id, since it has no digest.  Returns
 * its length.
 */
static size_t
commit_header_key(const struct plan *p, const struct message *m, uint8_t *key)
{
	memcpy(key, plan_uid(p, m), m->uid_len);
	return (m->uid_len);
}

static struct batch *
commit_open(void)
{
	struct receipt	*r;
	struct member	*m;

	if (filling == NULL && (filling = calloc(1, sizeof(*filling))) == NULL)
		return (NULL);
	if (filling->n > 0 && filling->members[filling->n - 1].due != 0)
		return (NULL);
	if (filling->n == PROTO_BATCH_MAX)
		return (NULL);
	if ((r = array_grow(filling->receipts, filling->n, sizeof(*r))) != NULL)
		filling->receipts = r;
	if ((m = array_grow(filling->members, filling->n, sizeof(*m))) != NULL)
		filling->members = m;
	if (r == NULL || m == NULL)
		return (NULL);
	return (filling);
}

static void
commit_free(struct batch *b)
{
	size_t	 i;

	for (i = 0; i < b->n; i++) {
		free(b->receipts[i].rcpts);
		free(b->receipts[i].note);
	}
	free(b->receipts);
	free(b->members);
	free(b);
}

/* Commit what waits, in order.  A store that is locked or full keeps everything waiting: no rename, no DELE meanwhile. */
static void
commit_try(void)
{
	struct batch	*b;
	enum db		 result = DB_OK;
	int		 hidden;

	while ((b = TAILQ_FIRST(&waiting)) != NULL) {
		HOOK("master.commit_before");
		if ((hidden = !mailroot_right()) || (result = state_commit(b->receipts, b->n, &b->first, &b->last)) != DB_OK) {
			if (backoff == 0 && !hidden)
				log_warnx("state.db: %s; %zu received message%s, nothing is deleted meanwhile",
				    result == DB_BUSY ? "locked by another process" : "cannot commit", b->n,
				    b->n == 1 ? " waits" : "s wait");
			backoff = backoff == 0 ? 1 : backoff >= 16 ? 30 : backoff * 2;
			if (backoff > 1)
				commit_excuse(b);
			commit_later(&retry, commit_retry, backoff);
			return;
		}
		HOOK("master.commit_after");
		settles = 0;
		TAILQ_REMOVE(&waiting, b, entry);
		TAILQ_INSERT_TAIL(&unsettled, b, entry);
		commit_answer(b);
		prune_daily();
	}
	if (backoff != 0) {
		log_info("state.db: commits work again");
		turn_soon();
	}
	backoff = 0;
}

/*
 * The sessions of a batch that has to wait longer: they end, keeping its messages on the server.  When the batch is committed
 * after all, its rows make the next session delete them.  Who sends a message hears that it is not taken, and then it is not.
 */
static void
commit_excuse(struct batch *b)
{
	struct session	*s;
	struct message	*m;
	size_t		 i;

	for (i = 0; i < b->n; i++) {
		if (b->receipts[i].mailbox == 0 && !b->receipts[i].is_void) {
			b->receipts[i].is_void = 1;
			submit_excuse(submit_by_id(b->members[i].session), mailroot_trouble());
		}
		if ((s = session_by_id(b->members[i].session)) == NULL)
			continue;
		m = &s->plan.msgs[b->members[i].msgno];
		if (m->state != MESSAGE_RECEIVED)
			continue;
		m->state = MESSAGE_REFUSED;
		session_verdict(s, b->members[i].msgno, VERDICT_KEEP);
		session_refused(s, WHY_LOCAL_TEMP, *mailroot_trouble() != '\0' ? mailroot_trouble() :
		    "state.db cannot be written; the messages stay on the server");
	}
}

static void
commit_retry(void *arg)
{
	(void)arg;
	commit_try();
}

/* The batch is committed: the deliverer, the sessions and the queue of next hops hear of it. */
static void
commit_answer(struct batch *b)
{
	struct {
		struct msg_receipt_committed	 head;
		uint8_t			 verdicts[PROTO_BATCH_RCPTS];
	} reply;
	struct child	*d = child_of[ROLE_DELIVERER];
	size_t		 i;

	reply.head = (struct msg_receipt_committed){ b->id, 0 };
	for (i = 0; i < b->n; i++) {
		memcpy(reply.verdicts + reply.head.count, b->receipts[i].verdicts, b->receipts[i].nrcpt);
		reply.head.count += b->receipts[i].nrcpt;
	}
	mailroot_tell();
	if (d != NULL)
		link_send(&d->link, IMSG_RECEIPT_COMMITTED, -1, &reply, sizeof(reply.head) + reply.head.count);
	HOOK("master.committed_sent");
	for (i = 0; i < b->n; i++) {
		if (!b->receipts[i].is_void)
			handled_log(commit_label(&b->members[i]), &b->receipts[i]);
		commit_member(&b->receipts[i], &b->members[i]);
		if (b->receipts[i].relay != 0)
			commit_relays(&b->receipts[i], &b->members[i]);
		else if (b->receipts[i].attached > 0)
			relay_attached(&b->receipts[i]);
	}
	HOOK("master.verdict_sent");
}

/* Who brought a message, for the log; NULL: that is not known any more. */
static const char *
commit_label(const struct member *m)
{
	const struct session	*s = session_by_id(m->session);
	const struct submission	*sent = submit_by_id(m->session);

	return (s != NULL ? s->label : sent != NULL ? submit_label(sent) : NULL);
}

/* A receipt is committed: its session counts it, and says what is to become of the message on the server. */
static void
commit_member(const struct receipt *r, const struct member *m)
{
	struct session	*s;
	struct message	*msg;

	if (r->mailbox == 0 && !r->is_void && submit_by_id(m->session) != NULL)
		submit_committed(submit_by_id(m->session));
	if ((s = session_by_id(m->session)) == NULL)
		return;
	msg = &s->plan.msgs[m->msgno];
	if (msg->state != MESSAGE_RECEIVED)
		return;			/* excused meanwhile */
	msg->state = MESSAGE_COMMITTED;
	s->committed++;
	progress_answered(s, msg);
	s->found |= !m->unfound;
	s->unfound = m->unfound ? s->unfound + 1 : 0;
	s->copies += r->copies > 0;
	if (r->verdict == COMMIT_DISCARD) {
		s->dropped += r->dropped;
		s->discarded += r->copies == 0 && !r->dropped;
		s->octets += r->octets;
	} else {
		s->retrieved++;
		s->octets += r->octets;
		s->fallback += m->fallback;
	}
	msg->waiting = r->waiting && !r->header;
	if (!r->known)
		msg->expired = 0;	/* another message, and not yet left here for long */
	if ((s->leave && !msg->expired) || r->header || (msg->waiting && r->relay == 0))	/* no relay rows of its own: it was taken earlier */
		session_verdict(s, m->msgno, VERDICT_KEEP);
	else if (!msg->waiting)
		session_verdict(s, m->msgno, VERDICT_DELE);
}

/* The rows of a message's recipients that are handed on; the verdict of its session waits for those that may soon be final. */
static void
commit_relays(const struct receipt *r, const struct member *m)
{
	struct session		*s = session_by_id(m->session);
	struct relay_row	*rows;
	int64_t			 id = r->relay;
	uint32_t		 i;
	size_t			 n = 0;

	if ((rows = calloc(r->nrcpt, sizeof(*rows))) == NULL)
		fatal("relay rows");
	for (i = 0; i < r->nrcpt; i++)
		if (r->verdicts[i] == COMMIT_DELIVER && r->rcpts[i].kind != RCPT_MAILDIR && r->rcpts[i].kind != RCPT_DISCARD &&
		    rcpt_relay_row(&rows[n], r, &r->rcpts[i]) == 0)
			rows[n++].id = id++;
	for (i = 0; i < n && s != NULL; i++)
		if (rows[i].state == RELAY_QUARANTINED) {
			s->quarantined++;
			strlcpy(s->quarantine_text, rows[i].status, sizeof(s->quarantine_text));
			break;
		}
	if (s != NULL && !s->leave && s->plan.msgs[m->msgno].waiting && s->plan.msgs[m->msgno].state == MESSAGE_COMMITTED)
		defer_verdict(s, m->msgno, rows, n);
	relay_committed(rows, n);
	free(rows);
}

static void
commit_flush(void *arg)
{
	(void)arg;
	HOOK("master.flush");
	if (settles && state_flush() == DB_OK)
		settles = 0;
	turn_soon();
}

/* Let the timer call fn in so many seconds, unless it is armed already. */
static void
commit_later(struct timer *t, void (*fn)(void *), int seconds)
{
	if (timer_armed(t))
		return;
	timer_init(t, fn, NULL);
	timer_in(t, seconds * 1000);
}
