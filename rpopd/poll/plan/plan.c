/* SPDX-License-Identifier: ISC */
/*
 * From a listing to a plan: which messages to retrieve, which only to delete, which to leave alone.
 *
 * What a listed unique-id's row in `seen` says (DESIGN: the commit rule, point 6), if the listed size is the row's, or one of them
 * is not known, and the row was never absent from a complete listing:
 *
 *	row		leave = 1			leave = 0
 *	none		retrieve			retrieve
 *	KEPT		leave alone			prove, delete (delivered before)
 *	DELETING	leave alone			prove, delete
 *	DENIED		leave alone			prove, delete (the refusal was reported)
 *	these three,	prove, delete, DELETING first	-
 *	leave_days old
 *	MARKED		leave alone			leave alone (nobody has it)
 *	WAITING		leave alone			leave alone (not everybody has it; it becomes KEPT or DELETING)
 *	WAITING, wanted	retrieve and compare		retrieve and compare (its file is missing here; see state/body.c)
 *	DELETED		retrieve and compare		retrieve and compare
 *
 * A server may give a unique-id to another message.  With another size, or back after an absence, a row is one of these:
 *
 *	row			another size		absent once, the same size
 *	KEPT, DELETING, DENIED	displaced		prove, then as above
 *	WAITING			displaced		prove, then as above
 *	MARKED			retrieve		many that are back prove each other, see proof.c; else retrieve
 *	DELETED			retrieve and compare	retrieve and compare
 *	suspect			no suspect		no suspect
 *	oversize		not yet reported	not yet reported; a header that was delivered is not delivered again
 *
 *	proof			what follows				what a crash leaves behind
 *	TOP: its fingerprint	delete, or leave alone; row no longer	nothing
 *				absent, DELETING
 *	another one		displaced				nothing
 *	none to be had, never	retrieve and compare; the same: row	committed: DELETING, proven again;
 *	absent			KEPT or DELETING, delete		else nothing
 *	none to be had, absent	displaced				nothing
 *	displaced		row known by digest only, with all	retrieved and compared by the next session
 *				that refers to it (CHANGE_DOUBT);
 *				retrieve and compare
 *
 * Nobody proves what was retrieved in the same session.  The fingerprint of what a session was to delete is kept if the deletion is
 * not confirmed (CHANGE_PRINT in plan_end()); without it the message is retrieved and compared.
 *
 * What is to be retrieved, and its rows in `suspect` and `oversize`:
 *
 *	suspect: deaths < 3, failures < 5	last, nothing else in flight; after deaths with the daemon's one token
 *	suspect: more (aside)			leave alone; of failures: tried once a day, last (refusal.c, too)
 *	over max_size, no row			leave alone, row SKIPPED, report; headers: deliver the header, row HEADER
 *	over max_size, SKIPPED			leave alone; headers: deliver the header, row HEADER, or REFUSED and report
 *	over max_size, HEADER, wanted		deliver the header to those whose file is missing here; see state/body.c
 *	over max_size, HEADER or REFUSED	leave alone
 *	over max_size, WAITING, wanted		retrieve: it was taken when it was not
 *	not over max_size (any more)		retrieve; the row goes with the commit
 *	over session_messages, session_octets	left for the next session, which follows at once
 *
 * A message without a trustworthy unique-id (bad, listed twice, missing, or the server has no UIDL) is retrieved and known by its
 * digest; orphan.c says how a message is recognised when the listing is better or worse than the last time.
 * A row whose unique-id is absent from complete listings FORGET_SECONDS apart is dropped (must 20) if we deleted its message; others
 * are after keep_state_days, so that a mailbox that was empty for days and is back brings nothing twice.
 *
 * An answer does not say to what.  What a session committed under unique-ids is unproven until it is over:
 *
 *	the session's end		its rows
 *	all answers in step		stand
 *	failed, some came in unproven	those few are known by digest only from now on (CHANGE_DOUBT), the others stand
 *	answers mixed up		all are known by digest only (state_unprove)
 *	not known: fetcher or master	likewise; by the next plan_make() at the latest
 *	died
 *
 * All of this is done in slices, between which the event loop runs.  Nobody else changes rows of this mailbox's messages meanwhile but
 * for next hops' answers, which name a row by key and digest.  The fetcher is not heard.
 *
 *	killed, or abandoned since the	what is there
 *	session failed, between slices
 *	of state_unprove_slice()	the mailbox is unproven: the next plan_make() goes on
 *	of the walk, of look-ups	nothing was written
 *	of the changes			some changes, each right by itself; nothing was retrieved or deleted yet that needs the others
 *	of marks (first_poll)		not listed: the next session marks the rest
 *	of the end's changes		still unproven: the next plan_make() is strict
 *
 * Known by digest only: the unique-id has no row, so the message is retrieved again and compared, see orphan.c.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "plan.h"

static plan_step	 plan_unproven, plan_listed, plan_settled, plan_known, plan_ready;
static int	 plan_start(struct session *, enum listing, int);
static int	 plan_row(void *, const struct seen_row *);
static void	 plan_absent(struct session *, const struct seen_row *);
static void	 plan_act(struct session *, struct message *, const struct seen_row *);
static int	 plan_expired(struct session *, const struct seen_row *);
static void	 plan_odd(struct session *, struct message *, const struct seen_row *);
static int	 plan_reused(const struct message *, uint32_t, int64_t);
static int	 plan_taken(void *, const uint8_t *, size_t);
static void	 plan_keep_print(struct session *, uint32_t);
static size_t	 plan_adopt(struct plan *, struct message *, const struct orphan *, uint8_t *);
static void	 plan_prove_all(struct session *);
static int	 plan_doubtful(const struct session *, uint32_t);
static void	 plan_rekey(struct session *, uint32_t);

/*
 * Decide about every message.  READY: the plan stands and is recorded; ASK: fingerprints are wanted first, proof_decide() or
 * renumber_decide() goes on; PAUSED: nothing is to be done, the session has its reason; FAILED: store or memory; MORE: plan_go_on().
 */
enum plan_result
plan_make(struct session *s, enum listing listing, int has_uidl)
{
	struct plan_work	*w = &s->plan.work;

	memset(w, 0, sizeof(*w));
	w->listing = listing;
	w->has_uidl = has_uidl;
	return (plan_unproven(s));
}

static enum plan_result
plan_unproven(struct session *s)
{
	struct plan_work	*w = &s->plan.work;

	switch (state_unprove_slice(s->mailbox, &w->unprove)) {
	case DB_OK:
		break;
	case DB_MORE:
		return (plan_more(s, plan_unproven));
	default:
		return (PLAN_FAILED);
	}
	if (w->unprove.n > 0)
		log_info("%s: the last session ended without a word: %u message%s compared with what was delivered", s->label,
		    w->unprove.n, w->unprove.n == 1 ? " is" : "s are");
	return (plan_listed(s));
}

static enum plan_result
plan_listed(struct session *s)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;

	if (state_renumber_since(s->mailbox, &w->recent) != DB_OK || plan_start(s, w->listing, w->has_uidl) == -1)
		return (PLAN_FAILED);
	w->now = time(NULL);
	if ((w->keep = state_keep()) < FORGET_SECONDS)
		w->keep = FORGET_SECONDS;
	w->recent = (w->recent == 0 ? w->now : w->recent) - FORGET_SECONDS;
	p->complete = w->listing == LISTING_COMPLETE && p->untrusted == 0;
	return (quota_first(s));
}

enum plan_result
plan_walk(struct session *s)
{
	struct plan	*p = &s->plan;
	enum db		 result;
	uint32_t	 i;

	if ((result = state_seen_slice(s->mailbox, &p->work.at, plan_row, s)) == DB_FAILED || p->failed)
		return (PLAN_FAILED);
	if (result == DB_MORE)
		return (plan_more(s, plan_walk));
	for (i = 1; i <= p->count; i++)
		p->unknown += p->msgs[i].uid_len != 0 && !p->msgs[i].known;
	return (renumber_check(s));
}

enum plan_result
plan_prove(struct session *s)
{
	proof_marks(s);
	s->plan.work.next = 1;
	return (proof_ask(s));
}

/* Rows of displaced messages are known by digest only before anything is retrieved. */
enum plan_result
plan_settle(struct session *s)
{
	proof_apply(s);
	plan_doubts(&s->plan);
	return (plan_finish(s, plan_settled));
}

/* What was displaced has other keys now. */
static enum plan_result
plan_settled(struct session *s)
{
	return (s->plan.displaced > 0 || s->plan.renumbered ? plan_orphans(s, plan_known) : plan_known(s));
}

static enum plan_result
plan_known(struct session *s)
{
	return (plan_prepare(s, s->plan.untrusted + s->plan.derived + s->plan.renumbered > 0, plan_ready));
}

static enum plan_result
plan_ready(struct session *s)
{
	(void)s;
	HOOK("master.proven");
	return (PLAN_READY);
}

void
plan_doubts(struct plan *p)
{
	struct message	*m;
	uint32_t	 i;

	for (i = 1; i <= p->count && p->displaced > 0; i++) {
		m = &p->msgs[i];
		if (!m->displaced || !SEEN_HAS_DIGEST(m->row))
			continue;
		plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_DOUBT);
		p->must = 1;
	}
}

static int
plan_start(struct session *s, enum listing listing, int has_uidl)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	for (i = 1; i <= p->count && listing == LISTING_CONFUSED; i++) {
		p->msgs[i].uid_len = 0;
		p->msgs[i].named = 1;
	}
	if (plan_index(p) == -1)
		return (-1);
	p->made = 1;
	p->unnamed = has_uidl ? p->beyond : 0;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		m->state = MESSAGE_LISTED;
		m->action = PLAN_RETR;
		m->row = SEEN_NEVER;
		p->derived += m->uid_len != 0 && orphan_derived(plan_uid(p, m), m->uid_len);
		if (m->uid_len != 0)
			continue;
		m->compare = 1;
		p->untrusted++;
		/* A STAT that promises what UIDL does not name: some of it is tried, in each session. */
		if (!m->named && has_uidl && ++p->unnamed > UNNAMED_MAX + p->beyond)
			m->action = 0;
	}
	return (0);
}

static int
plan_row(void *arg, const struct seen_row *row)
{
	struct session	*s = arg;
	struct plan	*p = &s->plan;
	uint32_t	 n = 0;

	if (row->uidlen <= PROTO_UID_MAX)
		n = plan_find(p, row->uid, row->uidlen);
	vanish_row(s, row, n != 0);
	if (n == 0) {
		plan_absent(s, row);
		return (p->failed);
	}
	plan_act(s, &p->msgs[n], row);
	if (!p->msgs[n].displaced) {
		p->present += SEEN_IS_LEFT(row->state);
		p->met += SEEN_IS_THERE(row->state);
	} else
		p->absent += SEEN_IS_LEFT(row->state) && row->gone == 0;
	return (p->failed);
}

static void
plan_absent(struct session *s, const struct seen_row *row)
{
	struct plan		*p = &s->plan;
	const struct plan_work	*w = &p->work;
	struct listing_change	*c = NULL;

	if (row->uidlen <= PROTO_UID_MAX && (row->gone == 0 || row->gone > w->recent)) {
		p->absent += SEEN_IS_LEFT(row->state);
		p->missed += SEEN_IS_THERE(row->state);
	}
	if (SEEN_HAS_DIGEST(row->state) &&
	    (p->untrusted + p->derived > 0 || row->uidlen > PROTO_UID_MAX || orphan_derived(row->uid, row->uidlen)) &&
	    orphan_add(&p->orphans, row->uid, row->uidlen) == NULL)
		p->failed = 1;
	/* A row keyed by digest is never listed: it is gone unless its message is met, and forgotten only once deleted. */
	if (!p->complete && (row->uidlen <= PROTO_UID_MAX || row->state != SEEN_DELETED))
		return;
	/* An absence that lies in the future was noted by a clock that was ahead: it begins now. */
	if (row->gone == 0 || (row->gone > w->now && clock_plausible(w->now)))
		c = plan_change(p, row->uid, row->uidlen, CHANGE_GONE);
	else if (w->now - row->gone >= (row->state == SEEN_DELETED ||
	    row->wanted ||
	    (row->state == SEEN_NEVER && row->oversize != OVERSIZE_HEADER) ? FORGET_SECONDS : w->keep))
		c = plan_change(p, row->uid, row->uidlen, CHANGE_FORGET);
	if (c != NULL)
		c->state = row->state;
}

/* The tables at the top of this file. */
static void
plan_act(struct session *s, struct message *m, const struct seen_row *row)
{
	m->known = row->state != SEEN_NEVER;
	m->row = row->state;
	m->back = row->gone != 0;
	switch (row->state) {
	case SEEN_DELETING:
	case SEEN_DENIED:
	case SEEN_KEPT:
		m->denied = row->state == SEEN_DENIED;
		m->expired = s->leave && plan_expired(s, row);
		proof_row(s, m, row, !s->leave || m->expired);
		break;
	case SEEN_MARKED:
	case SEEN_WAITING:
		proof_row(s, m, row, 0);
		if (row->wanted)
			proof_want_body(&s->plan, m);
		break;
	case SEEN_DELETED:
		m->compare = 1;
		break;
	case SEEN_NEVER:
		break;
	}
	plan_odd(s, m, row);
}

/* Left on the server for leave_days. */
static int
plan_expired(struct session *s, const struct seen_row *row)
{
	const struct plan_work	*w = &s->plan.work;

	/* A clock that was ahead must not keep it there for ever, nor one that begins in the past delete it early. */
	if (row->since > w->now) {
		if (s->quota.leave_days != 0 && clock_plausible(w->now))
			plan_change(&s->plan, row->uid, row->uidlen, CHANGE_SINCE);
		return (0);
	}
	if (s->plan.oldest == 0 || row->since < s->plan.oldest)
		s->plan.oldest = row->since;
	return (s->quota.leave_days != 0 && w->now - row->since >= (int64_t)s->quota.leave_days * 86400);
}

/* It would be retrieved, now or when it cannot be proven, but something happened the last time, if it was the same message. */
static void
plan_odd(struct session *s, struct message *m, const struct seen_row *row)
{
	int64_t	 ago = s->plan.work.now - row->failed;

	m->oversize = plan_reused(m, row->oversize_size, row->odd_gone) ? OVERSIZE_NONE : row->oversize;
	if (row->wanted && m->oversize == OVERSIZE_HEADER)
		m->oversize = OVERSIZE_SKIPPED;		/* somebody has not got it */
	if (row->deaths + row->failures == 0)
		return;
	if (plan_reused(m, row->suspect_size, row->odd_gone)) {
		plan_change(&s->plan, row->uid, row->uidlen, CHANGE_CLEAR);
		return;
	}
	if (m->proof == PROOF_DELE || m->proof == PROOF_KEEP)
		s->plan.no_top = 1;
	else if (m->action == 0)
		return;
	if (row->deaths >= PLAN_DEATHS || (row->failures >= PLAN_FAILURES && ago >= 0 && ago < PLAN_RETRY)) {
		m->action = 0;
		m->proof = PROOF_NONE;
		s->aside++;
		return;
	}
	m->action = PLAN_RETR_ALONE;
	m->suspect = row->deaths > 0;
	m->failures = row->failures < UINT8_MAX ? row->failures : UINT8_MAX;
	m->ago = ago < 0 || ago > UINT32_MAX ? UINT32_MAX : ago;
}

/* What is remembered of a unique-id is of another message: its size is another one, or it was absent meanwhile. */
static int
plan_reused(const struct message *m, uint32_t size, int64_t gone)
{
	return (gone != 0 || (size != 0 && m->size != 0 && size != m->size));
}

/*
 * The key of a message in `seen`, kept with the message from now on: its unique-id, or "sha256:<hex>:<n>" for the n-th message
 * with this digest in this session; tells: its header tells it from all others.  key has room for STATE_KEY_MAX octets.  Returns the
 * length, or 0 on memory shortage.
 */
size_t
plan_key(struct plan *p, uint32_t msgno, const uint8_t *digest, int tells, uint8_t *key)
{
	struct message	*m = &p->msgs[msgno];
	struct orphan	*o;
	uint32_t	 last = 0;
	size_t		 len = m->uid_len;

	if (p->orphans.n > 0 && !(len != 0 && m->compare) && (o = orphan_claim(&p->orphans, digest, len == 0 ? ORPHAN_BY_UID :
	    p->asked > 0 || (p->renumbered && tells) || orphan_derived(plan_uid(p, m), len) ? ORPHAN_BY_UID | ORPHAN_BY_DIGEST :
	    ORPHAN_BY_DIGEST)) != NULL)
		return (plan_adopt(p, m, o, key));
	if (len == 0) {
		if ((len = digest_key_free(key, digest, &last, plan_taken, p)) == 0 || plan_store(p, m, key, len) == -1)
			return (0);
		plan_hash(p, msgno);
	}
	memcpy(key, plan_uid(p, m), len);
	return (len);
}

static int
plan_taken(void *p, const uint8_t *key, size_t len)
{
	return (plan_find(p, key, len) != 0);
}

/* The message is the one of an orphaned row, see orphan.c.  As plan_key(). */
static size_t
plan_adopt(struct plan *p, struct message *m, const struct orphan *o, uint8_t *key)
{
	struct message	 was = *m;

	if (plan_store(p, m, o->uid, o->uidlen) == -1)
		return (0);
	if (was.uid_len != 0) {		/* it has a unique-id of its own, which its row gets at the end of the session */
		m->rekey = m->uid_off + 1;
		m->rekey_len = m->uid_len;
		m->uid_off = was.uid_off;
		m->uid_len = was.uid_len;
	}
	if (key != NULL)
		memcpy(key, o->uid, o->uidlen);
	return (o->uidlen);
}

/* It is left alone, and its row follows it. */
int
plan_match(struct plan *p, uint32_t msgno, const struct orphan *o)
{
	struct message	*m = &p->msgs[msgno];

	m->action = 0;
	m->matched = 1;
	return (plan_adopt(p, m, o, NULL) == 0 ? -1 : 0);
}

/*
 * The end of a session: every DELE that was answered +OK took effect (quit_ok), so its unique-id means something new from now
 * on; refusals are remembered, and recognised messages get their unique-id.  DB_OK; DB_BUSY: the store is locked, call plan_record()
 * later (a session ends only then); DB_MORE: call it again; DB_FAILED: not recorded, and the next session deletes once more or compares.
 */
enum db
plan_confirm(struct session *s, int quit_ok)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	struct message		*m;
	uint32_t		 i;

	/* A plan that is still being made will not be carried out. */
	p->work.step = NULL;
	p->work.done = 0;
	p->nchanges = 0;
	p->confirmed = quit_ok;
	if (s->outcome == OUTCOME_CONFUSED || !p->made)
		return (DB_OK);
	for (i = 1; i <= p->count && !p->failed; i++) {
		m = &p->msgs[i];
		plan_rekey(s, i);
		if (m->action == PLAN_HEADERS && m->state == MESSAGE_SKIPPED)
			quota_remember(s, m, OVERSIZE_REFUSED);
		if (m->uid_len == 0 || !((m->state == MESSAGE_DELETED && quit_ok) || m->denied == 2))
			continue;
		if ((c = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_STATE)) != NULL)
			c->state = m->denied == 2 ? SEEN_DENIED : SEEN_DELETED;
	}
	refusal_confirm(s);
	return (p->failed ? DB_FAILED : plan_record(s));
}

static int
plan_doubtful(const struct session *s, uint32_t msgno)
{
	return (s->doubt_first != 0 && msgno >= s->doubt_first && msgno <= s->doubt_last);
}

/* The row of a message that was recognised gets its unique-id, once the message is committed and beyond doubt. */
static void
plan_rekey(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	struct message		*m = &p->msgs[msgno];
	struct listing_change	*c;

	if (m->rekey == 0 || plan_doubtful(s, msgno) || (m->state < MESSAGE_COMMITTED && !m->matched))
		return;
	if ((c = plan_change(p, p->arena + m->rekey - 1, m->rekey_len, CHANGE_KEY)) == NULL)
		return;
	memcpy(c->to, plan_uid(p, m), m->uid_len);
	c->tolen = m->uid_len;
	m->rekey = 0;
	/* The size that it has under its new unique-id: with the old one the next listing would make another message of it. */
	if (m->size != 0 && (c = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_SIZE)) != NULL)
		c->size = m->size;
}

/* As plan_confirm(). */
enum db
plan_record(struct session *s)
{
	struct plan	*p = &s->plan;
	enum db		 result = DB_OK;

	if (p->work.done < p->nchanges)
		result = state_change_slice(s->mailbox, p->changes, p->nchanges, time(NULL), &p->work.done);
	s->unrecorded = result == DB_BUSY || result == DB_MORE;
	if (result == DB_FAILED)
		log_warnx("%s: state.db: deletions not recorded, the next session repeats them", s->label);
	if (result == DB_OK) {
		quota_report(s);
		refusal_report(s);
	}
	return (result);
}

/*
 * No receipt of this session is to come any more: what it committed stands or not, see the table at the top.  If the store is
 * locked, the next plan_make() is strict.  The proof comes last: before that, everything of this session is in doubt.
 */
enum db
plan_end(struct session *s)
{
	struct plan_work	*w = &s->plan.work;

	if (!s->committed)
		return (DB_OK);
	if (w->end == PLAN_OPEN) {
		HOOK("master.proving");
		plan_prove_all(s);
	}
	if (w->end == PLAN_RECORDING) {
		if (s->plan.failed)
			return (DB_OK);
		return (state_change_slice(s->mailbox, s->plan.changes, s->plan.nchanges, time(NULL), &w->done) == DB_MORE ?
		    DB_MORE : DB_OK);
	}
	switch (state_unprove_slice(s->mailbox, &w->unprove)) {
	case DB_MORE:
		return (DB_MORE);
	case DB_OK:
		if (w->unprove.n > 0)
			log_warnx("%s: %s: %u message%s of this session %s retrieved again and compared with what was delivered",
			    s->label, s->where, w->unprove.n, PLURAL(w->unprove.n), w->unprove.n == 1 ? "is" : "are");
		break;
	default:
		break;
	}
	return (DB_OK);
}

/* What stands is written down, if the answers were in step. */
static void
plan_prove_all(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	if (s->outcome != OUTCOME_IN_STEP) {
		memset(&p->work.unprove, 0, sizeof(p->work.unprove));
		p->work.end = PLAN_UNPROVING;
		return;
	}
	p->nchanges = p->work.done = 0;
	p->failed = 0;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		plan_rekey(s, i);
		if (plan_doubtful(s, i) && m->state == MESSAGE_COMMITTED && m->uid_len != 0 && m->uid_len <= PROTO_UID_MAX &&
		    m->rekey == 0 && m->action != PLAN_HEADERS)
			plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_DOUBT);
		else
			plan_keep_print(s, i);
	}
	plan_change(p, NULL, 0, CHANGE_PROVEN);
	p->work.end = PLAN_RECORDING;
}

/* Remember what a message that is to be deleted is recognised by, should it not come to that. */
int
plan_note(struct plan *p, struct message *m, const uint8_t *fingerprint)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct message		 at;

	if (memcmp(fingerprint, none, sizeof(none)) == 0)
		return (0);
	if (plan_store(p, &at, fingerprint, PROTO_DIGEST_LEN) == -1)
		return (-1);
	m->print = at.uid_off + 1;
	return (0);
}

/* It did not: DELE or QUIT had no good answer.  What is known by digest only is retrieved in any case. */
static void
plan_keep_print(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	struct message		*m = &p->msgs[msgno];
	struct listing_change	*c;

	if (m->print == 0 || (m->state != MESSAGE_COMMITTED && (m->state != MESSAGE_DELETED || p->confirmed)) || m->rekey != 0 ||
	    m->uid_len == 0 || m->uid_len > PROTO_UID_MAX ||
	    (c = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_PRINT)) == NULL)
		return;
	memcpy(c->to, p->arena + m->print - 1, PROTO_DIGEST_LEN);
	c->tolen = PROTO_DIGEST_LEN;
}
