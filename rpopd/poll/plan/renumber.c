/* SPDX-License-Identifier: ISC */
/*
 * A server that has given its messages new unique-ids (after a move to another system, say) looks like one where all mail was
 * replaced.  Before everything is retrieved a second time, the unknown messages are compared with the missing ones by a
 * fingerprint of their headers, for which the fetcher asks with TOP.
 *
 *	row of `renumbered`	the listing			what happens
 *	none			as ever				the plan
 *	none			complete, a mass all new	fingerprints; few strangers: matched ones are left alone, the others
 *								are retrieved and compared; many, or no TOP: row ASKED, pause
 *	none			complete, a few all new		the plan; what is retrieved is compared by its digest
 *	ASKED			most of the old ones are back	row dropped, the plan
 *	ASKED			anything else			pause
 *	RETRIEVE		complete			the missing rows are forgotten, row dropped, the plan
 *	SEEN			complete			unknown messages are marked, row dropped, the plan
 *	RETRIEVE, SEEN		not complete			pause
 *
 * Messages that were to be deleted, without the server's word that they were, count among the few: a server that refuses deletions
 * and counts anew in each session would have everything delivered at each poll.  A header is not enough where nobody is asked: a
 * provider's copies of one message for several recipients have the same one.
 *
 * In a pause nothing is retrieved or deleted, and no row is gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/hook.h"
#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define GUARD_ROWS	20	/* fewer known messages are no mass */
#define STRANGERS	20	/* unmatched messages, or a tenth of the unknown ones: they are new mail */

static plan_step	 renumber_collect, renumber_fingerprints, renumber_ask, renumber_decide, renumber_doubted, renumber_adopt,
	    renumber_digests, renumber_ready, renumber_forget, renumber_recorded, renumber_over;
static enum plan_result renumber_seen(struct session *);
static enum plan_result renumber_retrieve(struct session *);
static int	 renumber_suspected(const struct plan *);
static int	 renumber_back(const struct plan *);
static int	 renumber_few(const struct plan *);
static enum plan_result renumber_pause(struct session *, uint32_t);
static int	 renumber_row(void *, const struct seen_row *);
static int	 renumber_match(struct session *, uint32_t *, int);
static size_t	 renumber_group(const struct plan *, size_t, const struct orphans *, size_t *);
static int	 renumber_order(const void *, const void *);
static int	 renumber_orphan_order(const void *, const void *);

/* Headers are compared: of those that are recognised, rows follow them. */
static plan_step	*const compare_steps[] = { renumber_collect, renumber_fingerprints, renumber_ask, renumber_decide, NULL };
/* Displaced rows make room first for those that get their unique-ids. */
static plan_step	*const doubt_steps[] = { plan_save, renumber_doubted, renumber_collect, renumber_fingerprints,
	renumber_adopt, NULL };
static plan_step	*const adopt_steps[] = { renumber_digests, quota_apply, plan_learn, quota_tell, renumber_ready, NULL };
/* The administrator has answered: missing rows are forgotten; in any case the answer is obeyed before it is dropped. */
static plan_step	*const retrieve_steps[] = { renumber_collect, renumber_forget, NULL };
static plan_step	*const answer_steps[] = { plan_save, renumber_recorded, orphan_collect, renumber_over, NULL };

/* A step, when all rows were walked: goes on with the plan, compares headers, pauses, or does as the administrator has answered. */
enum plan_result
renumber_check(struct session *s)
{
	struct plan	*p = &s->plan;
	enum renumber	 paused;
	int		 suspected = p->complete && renumber_suspected(p);

	if (state_renumber_get(s->mailbox, &paused) != DB_OK)
		return (PLAN_FAILED);
	switch (paused) {
	case RENUMBER_NOT:
		if (suspected) {
			plan_keep_missing(p);
			return (plan_branch(s, compare_steps));
		}
		if (!(p->renumbered = renumber_few(p)) && p->complete)
			vanish_judge(s);
		return (PLAN_NEXT);
	case RENUMBER_ASKED:
		if (!renumber_back(p))
			return (renumber_pause(s, 0));
		if (state_renumber_put(s->mailbox, RENUMBER_NOT, 0, 0, 0) != DB_OK)
			return (PLAN_FAILED);
		log_info("%s: %s: the old unique-ids are back: polled as before", s->label, s->where);
		return (PLAN_NEXT);
	default:
		if (!p->complete)
			return (renumber_pause(s, 0));
		return (paused == RENUMBER_SEEN ? renumber_seen(s) : renumber_retrieve(s));
	}
}

/* 1: nearly all known messages are missing, a mass of them, and about as many are there that nobody knows. */
static int
renumber_suspected(const struct plan *p)
{
	return (p->absent >= GUARD_ROWS && (uint64_t)p->absent * 10 >= ((uint64_t)p->absent + p->present) * 9 &&
	    (uint64_t)p->unknown * 2 >= p->absent);
}

/* 1: nearly all known messages are missing, too few of them to be a mass, and others are there. */
static int
renumber_few(const struct plan *p)
{
	return (p->complete && p->missed > 0 && (uint64_t)p->missed * 10 >= ((uint64_t)p->missed + p->met) * 9 && p->unknown > 0);
}

/* 1: nearly all known messages are there. */
static int
renumber_back(const struct plan *p)
{
	return ((uint64_t)p->present * 10 >= ((uint64_t)p->absent + p->present) * 9);
}

/*
 * Nothing is done until the administrator answers; matched: messages that were recognised.  The owner is told the reason once by
 * notice, and it is in the record's status with every poll.
 */
static enum plan_result
renumber_pause(struct session *s, uint32_t matched)
{
	struct plan	*p = &s->plan;
	enum renumber	 known;
	char		 subject[PROTO_RECORD_SIZE + 64];

	plan_pause(s, WHY_RENUMBERED, "paused: the server has renumbered its messages: %u known ones are missing, %u unknown ones "
	    "are there; run: rpopctl renumbered retrieve|seen %s", p->absent, p->unknown, s->label);
	p->nchanges = 0;
	if (state_renumber_get(s->mailbox, &known) != DB_OK || known != RENUMBER_NOT)
		return (PLAN_PAUSED);
	if (state_renumber_put(s->mailbox, RENUMBER_ASKED, p->absent, p->unknown, time(NULL)) != DB_OK)
		return (PLAN_FAILED);
	HOOK("master.paused");
	snprintf(subject, sizeof(subject), "%s: paused, the server has renumbered its messages", s->label);
	notice_send(s->quota.account, s->label, subject,
	    "%s was moved or has lost its numbering: of the messages retrieved before\n%u are missing, and %u unknown ones are "
	    "there; %u of these were recognised.\nNothing is retrieved until the administrator decides:\n\n"
	    "  rpopctl renumbered retrieve %s\n    retrieves all unknown messages, also those that were delivered before;\n"
	    "  rpopctl renumbered seen %s\n    counts them as delivered and leaves them on the server.\n", s->where, p->absent,
	    p->unknown, matched, s->label, s->label);
	return (PLAN_PAUSED);
}

/*
 * The administrator has answered "seen": unknown messages count as delivered.  A session that is killed meanwhile leaves some of
 * them marked and the answer in place, and the next session goes on.
 */
static enum plan_result
renumber_seen(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	proof_doubt(p);
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->uid_len == 0 || m->known)
			continue;
		plan_change_message(p, m, CHANGE_MARK);
		m->action = ACTION_NONE;
	}
	return (plan_branch(s, answer_steps));
}

/* The administrator has answered "retrieve": the missing rows are forgotten.  What still waits for a next hop must not be. */
static enum plan_result
renumber_retrieve(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	plan_keep_missing(p);
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].displaced && p->msgs[i].row == SEEN_WAITING)
			plan_change_message(p, &p->msgs[i], CHANGE_DOUBT);
	return (plan_branch(s, retrieve_steps));
}

/* A step: the rows that renumber_collect() has found are forgotten, but for those that are known by a digest. */
static enum plan_result
renumber_forget(struct session *s)
{
	struct plan	*p = &s->plan;
	size_t		 n;

	for (n = 0; n < p->orphans.n; n++)
		if (p->orphans.list[n].uidlen <= PROTO_UID_MAX)
			plan_change(p, p->orphans.list[n].uid, p->orphans.list[n].uidlen, CHANGE_FORGET);
	return (plan_branch(s, answer_steps));
}

/* A step: what the answer says is recorded.  Displaced messages have no row any more. */
static enum plan_result
renumber_recorded(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	HOOK("master.answered");
	p->nchanges = 0;
	for (i = 1; i <= p->count; i++)
		p->msgs[i].displaced = 0;
	p->displaced = 0;
	return (PLAN_NEXT);
}

/* A step: the answer is dropped, and the plan goes on. */
static enum plan_result
renumber_over(struct session *s)
{
	enum renumber	 answer;

	if (state_renumber_get(s->mailbox, &answer) != DB_OK || state_renumber_put(s->mailbox, RENUMBER_NOT, 0, 0, 0) != DB_OK)
		return (PLAN_FAILED);
	log_info("%s: %s: renumbered messages %s", s->label, s->where,
	    answer == RENUMBER_SEEN ? "are marked as seen" : "are retrieved again");
	return (PLAN_NEXT);
}

/*
 * A step: orphans are the rows of messages that were left on the server and are missing or displaced, and those keyed by a digest.
 */
static enum plan_result
renumber_collect(struct session *s)
{
	return (orphan_walk(s, renumber_row));
}

static int
renumber_row(void *arg, const struct seen_row *row)
{
	struct session	*s = arg;
	struct plan	*p = &s->plan;
	uint32_t	 n;

	if (row->uidlen > PROTO_UID_MAX ? !SEEN_HAS_DIGEST(row->state) : !SEEN_IS_LEFT(row->state) ||
	    ((n = plan_find(p, row->uid, row->uidlen)) != 0 && !p->msgs[n].displaced))
		return (0);
	if (orphan_add(&p->orphans, row->uid, row->uidlen) == NULL)
		p->failed = 1;
	return (p->failed);
}

/* A step: what each orphan's message may be recognised by is looked up. */
static enum plan_result
renumber_fingerprints(struct session *s)
{
	struct orphans	*o = &s->plan.orphans;
	struct orphan	*e;
	size_t		 end = o->n - o->done > STATE_PAGE ? o->done + STATE_PAGE : o->n;

	for (; o->done < end; o->done++) {
		e = &o->list[o->done];
		if (state_seen_digests(s->mailbox, e->uid, e->uidlen, &e->seen) != DB_OK)
			return (PLAN_FAILED);
	}
	return (o->done < o->n ? PLAN_MORE : PLAN_NEXT);
}

/* A step: the fetcher is asked for the fingerprints of all unknown messages, if anything can be recognised by them. */
static enum plan_result
renumber_ask(struct session *s)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct plan		*p = &s->plan;
	struct message		*m;
	size_t			 i, useful = 0;

	for (i = 0; i < p->orphans.n; i++)
		useful += memcmp(p->orphans.list[i].seen.fingerprint, none, sizeof(none)) != 0;
	log_info("%s: %s: %u known messages are missing, %u unknown ones are there: %s", s->label, s->where, p->absent, p->unknown,
	    useful > 0 && s->has_top ? "comparing headers" : "headers cannot be compared");
	if (useful == 0 || !s->has_top)
		return (renumber_pause(s, 0));
	if ((p->fingerprints = calloc(p->unknown, sizeof(*p->fingerprints))) == NULL)
		return (PLAN_FAILED);
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		m->action = m->uid_len != 0 && !m->known ? ACTION_FINGERPRINT : ACTION_NONE;
		m->state = m->action != ACTION_NONE ? MESSAGE_PLANNED : MESSAGE_LISTED;
		p->asked += m->action != ACTION_NONE;
	}
	return (PLAN_ASK);
}

/* A step: every fingerprint that was asked for is in, or was refused.  Few strangers are new mail, many are a reason to pause. */
static enum plan_result
renumber_decide(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 matched = 0, strangers;

	if (renumber_match(s, &matched, 0) == -1)
		return (PLAN_FAILED);
	strangers = p->asked - matched;
	if (strangers > STRANGERS && strangers > p->asked / 10)
		return (renumber_pause(s, matched));
	if (p->displaced == 0)
		return (renumber_adopt(s));
	proof_doubt(p);
	return (plan_branch(s, doubt_steps));
}

/* A step: displaced rows are known by digest only now. */
static enum plan_result
renumber_doubted(struct session *s)
{
	s->plan.nchanges = 0;
	return (PLAN_NEXT);
}

/*
 * A step: recognised messages are left alone, and their rows follow them; others are retrieved and compared.
 *
 * Of a unified record with an envelope field, a header says what a message is, not for whom: stores write that field, so it is no
 * part of the fingerprint, and a provider's copy for another recipient has the same one.  All its messages are retrieved and
 * compared.
 */
static enum plan_result
renumber_adopt(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 matched = 0, i;
	int		 enough = s->origin.personal || s->origin.accounts_only;

	if (renumber_match(s, &matched, enough) == -1)
		return (PLAN_FAILED);
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		m->state = MESSAGE_LISTED;
		m->proof = PROOF_NONE;		/* what else wants one is left for the next session */
		if (m->action == ACTION_FINGERPRINT)
			m->action = ACTION_RETR;
	}
	if (enough)
		log_info("%s: %s: %u renumbered message%s recognised by %s, %u %s retrieved", s->label, s->where, matched,
		    PLURAL(matched), matched == 1 ? "its header" : "their headers", p->asked - matched,
		    p->asked - matched == 1 ? "is" : "are");
	else
		log_info("%s: %s: %u renumbered message%s retrieved and compared with what was delivered", s->label, s->where,
		    p->asked, p->asked == 1 ? " is" : "s are");
	if (matched == 0)
		vanish_judge(s);
	return (plan_branch(s, adopt_steps));
}

/* A step: what is retrieved is compared with all orphans that were not recognised. */
static enum plan_result
renumber_digests(struct session *s)
{
	return (orphan_digests(s, 1));
}

/* A step, the last one: what the plan's own steps would do behind this is done, or left for the next session. */
static enum plan_result
renumber_ready(struct session *s)
{
	(void)s;
	return (PLAN_READY);
}

/*
 * Messages and missing rows of one fingerprint, and about the same size, are paired in order; where there are more messages than
 * rows nobody can say which of them are known, so that none of these is.  *matched: how many pairs there are.  With adopt they are
 * messages recognised, see orphan_match(); without they are only counted.  0, or -1: there is no memory.
 */
static int
renumber_match(struct session *s, uint32_t *matched, int adopt)
{
	struct plan	*p = &s->plan;
	struct orphans	*o = &p->orphans;
	size_t		 i, j, n, rows, at = 0, k;

	*matched = 0;
	if (p->nfingerprints > 1)
		qsort(p->fingerprints, p->nfingerprints, sizeof(*p->fingerprints), renumber_order);
	if (o->n > 1)
		qsort(o->list, o->n, sizeof(*o->list), renumber_orphan_order);
	for (i = 0; i < p->nfingerprints; i += n) {
		for (n = 1; i + n < p->nfingerprints &&
		    memcmp(p->fingerprints[i].digest, p->fingerprints[i + n].digest, PROTO_DIGEST_LEN) == 0; n++)
			;
		rows = renumber_group(p, i, o, &at);
		if (n > rows)
			continue;
		for (j = 0, k = at; j < n; j++) {
			while (k < at + rows && !plan_alike(p->msgs[p->fingerprints[i + j].msgno].size, o->list[k].seen.size))
				k++;
			if (k == at + rows)
				break;
			if (adopt && orphan_match(p, p->fingerprints[i + j].msgno, &o->list[k]) == -1)
				return (-1);
			o->list[k++].claimed = adopt;
			(*matched)++;
		}
	}
	return (0);
}

/* How many orphans have the fingerprint of fingerprints[i].  *at: the first of them, searched from *at on. */
static size_t
renumber_group(const struct plan *p, size_t i, const struct orphans *o, size_t *at)
{
	size_t	 n = 0;

	while (*at < o->n && memcmp(o->list[*at].seen.fingerprint, p->fingerprints[i].digest, PROTO_DIGEST_LEN) < 0)
		(*at)++;
	while (*at + n < o->n && memcmp(o->list[*at + n].seen.fingerprint, p->fingerprints[i].digest, PROTO_DIGEST_LEN) == 0)
		n++;
	return (n);
}

static int
renumber_order(const void *a, const void *b)
{
	const struct message_fingerprint	*x = a, *y = b;
	int					 n = memcmp(x->digest, y->digest, PROTO_DIGEST_LEN);

	return (n != 0 ? n : (x->msgno > y->msgno) - (x->msgno < y->msgno));
}

static int
renumber_orphan_order(const void *a, const void *b)
{
	return (memcmp(((const struct orphan *)a)->seen.fingerprint, ((const struct orphan *)b)->seen.fingerprint,
	    PROTO_DIGEST_LEN));
}
