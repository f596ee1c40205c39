/* SPDX-License-Identifier: ISC */
/*
 * From a listing to a plan: which messages to retrieve, which only to delete, which to leave alone.
 *
 * What a listed unique-id's row in `seen` says, if the listed size is the row's, or one of them is not known, and the row was never
 * absent from a complete listing:
 *
 *	row		leave = 1			leave = 0
 *	none		retrieve			retrieve
 *	KEPT		leave alone			prove, delete (delivered before)
 *	DELETING	leave alone			prove, delete
 *	DENIED		leave alone			prove, delete (the refusal was reported)
 *	these three,	prove, delete, DELETING first	-
 *	leave_days old
 *	MARKED		leave alone			leave alone (nobody has it, or another retriever delivered it, see state/import.c)
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
 * Known by digest only: the unique-id has no row, so the message is retrieved again and compared, see orphan.c.  Nobody proves what
 * was retrieved in the same session.  The fingerprint of what a session was to delete is kept if the deletion is not confirmed, see
 * end.c; without it the message is retrieved and compared.
 *
 * Messages that are to be retrieved may be suspects, see suspect.c, or exceed the record's limits, see quota.c.
 *
 * A message without a trustworthy unique-id (bad, listed twice, missing, or the server has no UIDL) is retrieved and known by its
 * digest; orphan.c says how a message is recognised when the listing is better or worse than the last time.
 *
 * The row of a message that the server has deleted for us is dropped when it was absent from complete listings FORGET_SECONDS
 * apart; other rows are when keep_state_days are over, so that a mailbox that was empty for days and is back brings nothing twice.
 *
 * All of this is done in slices, between which the event loop runs.  Nobody else changes rows of this mailbox's messages meanwhile
 * but for next hops' answers, which name a row by key and digest.  The fetcher is not heard.
 *
 *	killed, or abandoned since the	what is there
 *	session failed, between slices
 *	of state_unprove_slice()	the mailbox is unproven: the next plan_make() goes on
 *	of the walk, of look-ups	nothing was written
 *	of the changes			some changes, each right by itself; nothing that needs the others was retrieved or deleted
 *	of marks (first_poll)		not listed: the next session marks the rest
 */
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

static plan_step	 plan_unprove, plan_begin, plan_walk, plan_recollect, plan_digests, plan_ready;
static int	 plan_messages(struct plan *, enum listing, int);
static int	 plan_row(void *, const struct seen_row *);
static void	 plan_absent(struct session *, const struct seen_row *);
static void	 plan_act(struct session *, struct message *, const struct seen_row *);
static int	 plan_expired(struct session *, const struct seen_row *);
static int	 plan_brought(const struct session *, const struct seen_row *);

/* How a listing becomes a plan, one step after the other; step.c says how they follow each other. */
static plan_step	*const plan_steps[] = {
	plan_unprove,	/* what the last session left unproven is known by digest only */
	plan_begin,	/* every message of the listing is to be retrieved, unless a row says otherwise */
	first_listing,	/* a new mailbox may be the former one, or only be marked */
	plan_walk,	/* every row has its say */
	renumber_check,	/* the server may have given its messages new unique-ids */
	proof_marks,	/* marked messages that are back prove each other */
	proof_ask,	/* other messages have to be proven by their headers: the fetcher is asked */
	proof_decide,	/* its answers are compared */
	proof_settle,	/* what has no proof is retrieved and compared */
	quota_apply,	/* the record's limits */
	plan_learn,	/* what the listing taught is recorded */
	quota_tell,	/* messages over max_size are reported */
	plan_recollect,	/* rows that may be those of messages under other keys */
	plan_digests,	/* and what these messages are recognised by */
	plan_ready,
	NULL
};

/* Decides about every message of a listing that is in.  Behind PLAN_MORE and PLAN_ASK plan_go_on() is to be called. */
enum plan_result
plan_make(struct session *s, enum listing listing, int has_uidl)
{
	struct plan_work	*w = &s->plan.work;

	memset(w, 0, sizeof(*w));
	w->listing = listing;
	w->has_uidl = has_uidl;
	return (plan_run(s, plan_steps));
}

/* A step: if the last session has ended without saying whether its answers were in step, what it committed is in doubt. */
static enum plan_result
plan_unprove(struct session *s)
{
	struct unprove	*u = &s->plan.work.unprove;

	switch (state_unprove_slice(s->mailbox, u)) {
	case DB_OK:
		break;
	case DB_MORE:
		return (PLAN_MORE);
	default:
		return (PLAN_FAILED);
	}
	if (u->n > 0)
		log_info("%s: the last session ended without a word: %u message%s compared with what was delivered", s->label,
		    u->n, u->n == 1 ? " is" : "s are");
	return (PLAN_NEXT);
}

/* A step: every message has a unique-id that can be found, or none, and is to be retrieved. */
static enum plan_result
plan_begin(struct session *s)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;

	if (state_renumber_since(s->mailbox, &w->recent) != DB_OK || plan_messages(p, w->listing, w->has_uidl) == -1)
		return (PLAN_FAILED);
	w->now = time(NULL);
	if ((w->keep = state_keep()) < FORGET_SECONDS)
		w->keep = FORGET_SECONDS;
	w->recent = (w->recent == 0 ? w->now : w->recent) - FORGET_SECONDS;
	p->complete = w->listing == LISTING_COMPLETE && p->untrusted == 0;
	return (PLAN_NEXT);
}

static int
plan_messages(struct plan *p, enum listing listing, int has_uidl)
{
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
		m->action = ACTION_RETR;
		m->row = SEEN_NEVER;
		p->derived += m->uid_len != 0 && orphan_derived(plan_uid(p, m), m->uid_len);
		if (m->uid_len != 0)
			continue;
		m->compare = 1;
		p->untrusted++;
		/* A STAT that promises what UIDL does not name: some of it is tried, in each session. */
		if (!m->named && has_uidl && ++p->unnamed > UNNAMED_MAX + p->beyond)
			m->action = ACTION_NONE;
	}
	return (0);
}

/* A step: all rows of the mailbox, listed or not. */
static enum plan_result
plan_walk(struct session *s)
{
	struct plan	*p = &s->plan;
	enum db		 result;
	uint32_t	 i;

	if ((result = state_seen_slice(s->mailbox, &p->work.at, plan_row, s)) == DB_FAILED || p->failed)
		return (PLAN_FAILED);
	if (result == DB_MORE)
		return (PLAN_MORE);
	for (i = 1; i <= p->count; i++)
		p->unknown += p->msgs[i].uid_len != 0 && !p->msgs[i].known;
	return (PLAN_NEXT);
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

/* A row whose unique-id is not listed: its message is missing, gone, or to be forgotten, and may be one under another unique-id. */
static void
plan_absent(struct session *s, const struct seen_row *row)
{
	struct plan		*p = &s->plan;
	const struct plan_work	*w = &p->work;
	struct listing_change	*c = NULL;

	if (row->uidlen <= PROTO_UID_MAX && (row->gone == 0 || row->gone > w->recent) && !plan_brought(s, row)) {
		p->absent += SEEN_IS_LEFT(row->state);
		p->missed += SEEN_IS_THERE(row->state);
	}
	if (SEEN_HAS_DIGEST(row->state) &&
	    (p->untrusted + p->derived > 0 || row->uidlen > PROTO_UID_MAX || orphan_derived(row->uid, row->uidlen)) &&
	    orphan_add(&p->orphans, row->uid, row->uidlen) == NULL)
		p->failed = 1;
	/* A row keyed by a digest is never listed: it is gone unless its message is met, and forgotten once that is deleted. */
	if (!p->complete && (row->uidlen <= PROTO_UID_MAX || row->state != SEEN_DELETED))
		return;
	/* An absence that lies in the future was noted by a clock that was ahead: it begins now. */
	if (row->gone == 0 || (row->gone > w->now && clock_plausible(w->now)))
		c = plan_change(p, row->uid, row->uidlen, CHANGE_GONE);
	else if (w->now - row->gone >= (row->state == SEEN_DELETED || row->wanted ||
	    (row->state == SEEN_NEVER && row->oversize != OVERSIZE_HEADER) ? FORGET_SECONDS : w->keep))
		c = plan_change(p, row->uid, row->uidlen, CHANGE_FORGET);
	if (c != NULL)
		c->state = row->state;
}

/*
 * 1: the row says only that another retriever has seen the message, which has never been listed here, in a mailbox whose messages
 * are deleted: that retriever has deleted it, most likely, so that it is not missing.
 */
static int
plan_brought(const struct session *s, const struct seen_row *row)
{
	return (!s->leave && row->state == SEEN_MARKED && row->listed == 0);
}

/* The row of a listed message: the first two tables at the top of this file. */
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
	quota_row(m, row);
	suspect_row(s, m, row);
}

/* 1: the message was left on the server for leave_days. */
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

/*
 * A step: the walk has collected orphans already; they are collected anew if rows have got other keys since, or are wanted in
 * number.
 */
static enum plan_result
plan_recollect(struct session *s)
{
	return (s->plan.displaced > 0 || s->plan.renumbered ? orphan_collect(s) : PLAN_NEXT);
}

/* A step: orphans have their digests. */
static enum plan_result
plan_digests(struct session *s)
{
	return (orphan_digests(s, s->plan.untrusted + s->plan.derived + s->plan.renumbered > 0));
}

static enum plan_result
plan_ready(struct session *s)
{
	(void)s;
	HOOK("master.proven");
	return (PLAN_READY);
}
