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
 * What was to be deleted, without the server's word that it was, counts among the few: a server that refuses deletions and counts
 * anew in each session would have everything delivered at each poll.  A header is not enough where nobody is asked: a provider's
 * copies of one message for several recipients have the same one.
 *
 * In a pause nothing is retrieved or deleted, and nothing is gone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/hook.h"
#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "plan.h"

#define GUARD_ROWS	20	/* fewer known messages are no mass */
#define STRANGERS	20	/* unmatched messages, or a tenth of the unknown ones: they are new mail */
#define SIZE_SLACK	1024	/* octets, or a tenth of the size, that a move may change */

static plan_step	 renumber_ask, renumber_asking, renumber_print, renumber_seen, renumber_retrieve, renumber_forget, renumber_recorded,
	    renumber_over, renumber_doubted, renumber_adopt, renumber_prepared, renumber_ready;
static int	 renumber_suspected(const struct plan *);
static int	 renumber_back(const struct plan *);
static int	 renumber_few(const struct plan *);
static void	 renumber_hold(struct plan *);
static enum plan_result renumber_pause(struct session *, uint32_t);
static int	 renumber_collect(void *, const struct seen_row *);
static int	 renumber_match(struct session *, uint32_t *, int);
static enum plan_result renumber_orphans(struct session *, plan_step *);
static size_t	 renumber_group(const struct plan *, size_t, const struct orphans *, size_t *);
static int	 print_order(const void *, const void *);
static int	 orphan_order(const void *, const void *);

/* The rows were walked.  Go on, or ASK for the fingerprints of p->asked messages, then renumber_decide(). */
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
		if (suspected)
			return (renumber_ask(s));
		if (!(p->renumbered = renumber_few(p)) && p->complete)
			vanish_judge(s);
		return (plan_prove(s));
	case RENUMBER_ASKED:
		if (!renumber_back(p))
			return (renumber_pause(s, 0));
		if (state_renumber_put(s->mailbox, RENUMBER_NOT, 0, 0, 0) != DB_OK)
			return (PLAN_FAILED);
		log_info("%s: %s: the old unique-ids are back: polled as before", s->label, s->where);
		return (plan_prove(s));
	default:
		if (!p->complete)
			return (renumber_pause(s, 0));
		return (paused == RENUMBER_SEEN ? renumber_seen(s) : renumber_retrieve(s));
	}
}

/* Nearly all of what is known is missing, and about as much is there that nobody knows. */
static int
renumber_suspected(const struct plan *p)
{
	return (p->absent >= GUARD_ROWS && (uint64_t)p->absent * 10 >= ((uint64_t)p->absent + p->present) * 9 &&
	    (uint64_t)p->unknown * 2 >= p->absent);
}

/* Likewise, but too few of them to be a mass. */
static int
renumber_few(const struct plan *p)
{
	return (p->complete && p->missed > 0 && (uint64_t)p->missed * 10 >= ((uint64_t)p->missed + p->met) * 9 && p->unknown > 0);
}

static int
renumber_back(const struct plan *p)
{
	return ((uint64_t)p->present * 10 >= ((uint64_t)p->absent + p->present) * 9);
}

/* What is missing may only have another name. */
static void
renumber_hold(struct plan *p)
{
	size_t	 i, kept = 0;

	for (i = 0; i < p->nchanges; i++)
		if (p->changes[i].what != CHANGE_GONE && p->changes[i].what != CHANGE_FORGET)
			p->changes[kept++] = p->changes[i];
	p->nchanges = kept;
}

/* Nothing is done; the reason is told once by notice, and with every poll in the record's status. */
static enum plan_result
renumber_pause(struct session *s, uint32_t matched)
{
	struct plan	*p = &s->plan;
	enum renumber	 known;
	char		 subject[PROTO_RECORD_SIZE + 64];

	quota_pause(s, WHY_RENUMBERED, "paused: the server has renumbered its messages: %u known ones are missing, %u unknown ones "
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

/* The administrator has spoken: what is unknown counts as delivered.  Killed in between: the next session goes on. */
static enum plan_result
renumber_seen(struct session *s)
{
	struct plan		*p = &s->plan;
	struct listing_change	*change;
	struct message		*m;
	uint32_t		 i;

	plan_doubts(p);
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->uid_len == 0 || m->known)
			continue;
		if ((change = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_MARK)) != NULL)
			change->size = m->size;
		m->action = 0;
	}
	return (plan_save(s, renumber_recorded));
}

/* Or it is retrieved: the missing rows are forgotten. */
static enum plan_result
renumber_retrieve(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	renumber_hold(p);
	/* What still waits for a next hop must not be forgotten. */
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].displaced && p->msgs[i].row == SEEN_WAITING)
			plan_change(p, plan_uid(p, &p->msgs[i]), p->msgs[i].uid_len, CHANGE_DOUBT);
	return (renumber_orphans(s, renumber_forget));
}

static enum plan_result
renumber_forget(struct session *s)
{
	struct plan	*p = &s->plan;
	size_t		 n;

	for (n = 0; n < p->orphans.n; n++)
		if (p->orphans.list[n].uidlen <= PROTO_UID_MAX)
			plan_change(p, p->orphans.list[n].uid, p->orphans.list[n].uidlen, CHANGE_FORGET);
	return (plan_save(s, renumber_recorded));
}

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
	return (plan_orphans(s, renumber_over));
}

static enum plan_result
renumber_over(struct session *s)
{
	enum renumber	 answer;

	if (state_renumber_get(s->mailbox, &answer) != DB_OK || state_renumber_put(s->mailbox, RENUMBER_NOT, 0, 0, 0) != DB_OK)
		return (PLAN_FAILED);
	log_info("%s: %s: renumbered messages %s", s->label, s->where,
	    answer == RENUMBER_SEEN ? "are marked as seen" : "are retrieved again");
	return (plan_prove(s));
}

/* Ask for the fingerprints of what is unknown, if anything can be recognised by them. */
static enum plan_result
renumber_ask(struct session *s)
{
	renumber_hold(&s->plan);
	return (renumber_orphans(s, renumber_asking));
}

static enum plan_result
renumber_asking(struct session *s)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct plan		*p = &s->plan;
	size_t			 i, useful = 0;

	for (i = 0; i < p->orphans.n; i++)
		useful += memcmp(p->orphans.list[i].print.fingerprint, none, sizeof(none)) != 0;
	log_info("%s: %s: %u known messages are missing, %u unknown ones are there: %s", s->label, s->where, p->absent, p->unknown,
	    useful > 0 && s->has_top ? "comparing headers" : "headers cannot be compared");
	if (useful == 0 || !s->has_top)
		return (renumber_pause(s, 0));
	if ((p->prints = calloc(p->unknown, sizeof(*p->prints))) == NULL)
		return (PLAN_FAILED);
	for (i = 1; i <= p->count; i++) {
		p->msgs[i].action = p->msgs[i].uid_len != 0 && !p->msgs[i].known ? PLAN_FINGERPRINT : 0;
		p->msgs[i].state = p->msgs[i].action != 0 ? MESSAGE_PLANNED : MESSAGE_LISTED;
		p->asked += p->msgs[i].action != 0;
	}
	return (PLAN_ASK);
}

/* With what their messages may be recognised by. */
static enum plan_result
renumber_orphans(struct session *s, plan_step *then)
{
	s->plan.work.found = then;
	return (plan_collect(s, renumber_collect, renumber_print));
}

static enum plan_result
renumber_print(struct session *s)
{
	struct orphans	*o = &s->plan.orphans;
	struct orphan	*e;
	size_t		 end = o->n - o->done > STATE_PAGE ? o->done + STATE_PAGE : o->n;

	for (; o->done < end; o->done++) {
		e = &o->list[o->done];
		if (state_print(s->mailbox, e->uid, e->uidlen, &e->print) != DB_OK)
			return (PLAN_FAILED);
	}
	return (o->done < o->n ? plan_more(s, renumber_print) : s->plan.work.found(s));
}

/* A row of a message that was left on the server and is missing or displaced, or one known by digest: it becomes an orphan. */
static int
renumber_collect(void *arg, const struct seen_row *row)
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

/* Every fingerprint asked for is in, or was refused.  As renumber_check(), without ASK. */
enum plan_result
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
	/* Displaced rows make room for those that get their unique-ids. */
	plan_doubts(p);
	return (plan_save(s, renumber_doubted));
}

static enum plan_result
renumber_doubted(struct session *s)
{
	s->plan.nchanges = 0;
	return (renumber_orphans(s, renumber_adopt));
}

/*
 * Of a unified record with an envelope field, a header says what a message is, not for whom: stores write that field, so it is no part
 * of the fingerprint, and a provider's copy for another recipient has the same one.  Its messages are retrieved and compared.
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
		if (m->action == PLAN_FINGERPRINT)
			m->action = PLAN_RETR;
	}
	if (enough)
		log_info("%s: %s: %u renumbered message%s recognised by %s, %u %s retrieved", s->label, s->where, matched,
		    PLURAL(matched), matched == 1 ? "its header" : "their headers", p->asked - matched,
		    p->asked - matched == 1 ? "is" : "are");
	else
		log_info("%s: %s: %u renumbered message%s retrieved and compared with what was delivered", s->label, s->where, p->asked,
		    p->asked == 1 ? " is" : "s are");
	if (matched == 0)
		vanish_judge(s);
	return (plan_prepare(s, 1, renumber_prepared));
}

static enum plan_result
renumber_prepared(struct session *s)
{
	return (plan_finish(s, renumber_ready));
}

static enum plan_result
renumber_ready(struct session *s)
{
	(void)s;
	return (PLAN_READY);
}

/*
 * Messages and missing rows of one fingerprint (and about the same size) are paired in order; where there are more messages than
 * rows nobody can say which of them are known, so these are retrieved and compared.  Without adopt they are only counted.
 */
static int
renumber_match(struct session *s, uint32_t *matched, int adopt)
{
	struct plan	*p = &s->plan;
	struct orphans	*o = &p->orphans;
	size_t		 i, j, n, rows, at = 0, k;

	*matched = 0;
	if (p->nprints > 1)
		qsort(p->prints, p->nprints, sizeof(*p->prints), print_order);
	if (o->n > 1)
		qsort(o->list, o->n, sizeof(*o->list), orphan_order);
	for (i = 0; i < p->nprints; i += n) {
		for (n = 1; i + n < p->nprints && memcmp(p->prints[i].digest, p->prints[i + n].digest, PROTO_DIGEST_LEN) == 0; n++)
			;
		rows = renumber_group(p, i, o, &at);
		if (n > rows)
			continue;
		for (j = 0, k = at; j < n; j++) {
			while (k < at + rows && !renumber_size(p->msgs[p->prints[i + j].msgno].size, o->list[k].print.size))
				k++;
			if (k == at + rows)
				break;
			if (adopt && plan_match(p, p->prints[i + j].msgno, &o->list[k]) == -1)
				return (-1);
			o->list[k++].claimed = adopt;
			(*matched)++;
		}
	}
	return (0);
}

/* How many rows have the fingerprint of prints[i]; *at: the first of them, searched from *at on. */
static size_t
renumber_group(const struct plan *p, size_t i, const struct orphans *o, size_t *at)
{
	size_t	 n = 0;

	while (*at < o->n && memcmp(o->list[*at].print.fingerprint, p->prints[i].digest, PROTO_DIGEST_LEN) < 0)
		(*at)++;
	while (*at + n < o->n && memcmp(o->list[*at + n].print.fingerprint, p->prints[i].digest, PROTO_DIGEST_LEN) == 0)
		n++;
	return (n);
}

/* One of them is not known, or they are about the same. */
int
renumber_size(uint64_t a, uint64_t b)
{
	uint64_t	 diff = a > b ? a - b : b - a, slack = (a > b ? a : b) / 10;

	return (a == 0 || b == 0 || diff <= (slack > SIZE_SLACK ? slack : SIZE_SLACK));
}

static int
print_order(const void *a, const void *b)
{
	const struct fingerprint	*x = a, *y = b;
	int				 n = memcmp(x->digest, y->digest, PROTO_DIGEST_LEN);

	return (n != 0 ? n : (x->msgno > y->msgno) - (x->msgno < y->msgno));
}

static int
orphan_order(const void *a, const void *b)
{
	return (memcmp(((const struct orphan *)a)->print.fingerprint, ((const struct orphan *)b)->print.fingerprint,
	    PROTO_DIGEST_LEN));
}
