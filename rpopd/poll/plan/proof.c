/* SPDX-License-Identifier: ISC */
/*
 * Whether a listed message is the one of the row under its unique-id; the tables in plan.c say what follows.
 *
 * The listed size speaks first: another one than the row's displaces the row.  Where a message is to be deleted, or its row was
 * absent from a complete listing, its header is asked for with TOP and its fingerprint compared with the row's.  All of them are
 * asked for at once; then the session has its plan.
 *
 * MARKED rows have nothing to be compared with.  Of those that are back after an absence, all together, many sizes that agree are
 * proof: by chance that does not happen.  A few that are back are new mail.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "plan.h"

#define MARKS	8		/* messages of as many sizes: proof enough */

static int	 proof_size(struct message *, const struct seen_row *);
static enum plan_result proof_wants(struct session *);
static int	 proof_want(struct session *, uint32_t);
static const struct fingerprint *proof_wanted(const struct plan *, uint32_t);
static void	 proof_one(struct session *, struct message *, int);
static int	 msgno_order(const void *, const void *);

/* The row of a listed message that may be left alone, or deleted with dele. */
void
proof_row(struct session *s, struct message *m, const struct seen_row *row, int dele)
{
	struct listing_change	*c;

	if (!proof_size(m, row)) {
		proof_displace(&s->plan, m);
		return;
	}
	m->action = 0;
	if (row->state == SEEN_MARKED)
		m->proof = row->gone == 0 ? PROOF_NONE : row->listed > 0 ? PROOF_MARK : PROOF_KEEP;
	else
		m->proof = dele ? PROOF_DELE : row->gone != 0 ? PROOF_KEEP : PROOF_NONE;
	if (m->proof == PROOF_NONE && m->learn && (c = plan_change(&s->plan, row->uid, row->uidlen, CHANGE_SIZE)) != NULL)
		c->size = m->size;
}

/* 1: what is known of both sizes agrees.  Rows from before listed sizes were kept know the octets that came, about. */
static int
proof_size(struct message *m, const struct seen_row *row)
{
	if (m->size == 0)
		return (1);
	if (row->listed > 0)
		return (m->size == row->listed);
	m->learn = 1;
	return (renumber_size(m->size, (uint64_t)-row->listed));
}

/* The message is none that has been seen, as far as this row goes; whether by another, its digest shows. */
void
proof_displace(struct plan *p, struct message *m)
{
	if (m->action != PLAN_RETR_ALONE)
		m->action = PLAN_RETR;
	m->proof = PROOF_NONE;
	m->displaced = 1;
	m->known = m->denied = 0;
	p->displaced++;
}

/* It waits, and its file is missing here: it is retrieved in any case, and that is the proof. */
void
proof_want_body(struct plan *p, struct message *m)
{
	if (m->displaced)
		return;
	m->wanted = 1;
	if (m->proof != PROOF_NONE) {
		proof_displace(p, m);
		return;
	}
	m->action = PLAN_RETR;
	m->compare = 1;
}

/* Marked messages that are back: with few exceptions of the sizes they had, and these are many. */
void
proof_marks(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 sizes[MARKS], nsizes = 0, back = 0, others = 0, i, j;

	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		others += m->displaced && m->row == SEEN_MARKED && m->back;
		if (m->proof != PROOF_MARK)
			continue;
		back++;
		for (j = 0; j < nsizes && sizes[j] != m->size; j++)
			;
		if (j == nsizes && nsizes < MARKS && m->size != 0)
			sizes[nsizes++] = m->size;
	}
	for (i = 1; i <= p->count && back > 0; i++) {
		m = &p->msgs[i];
		if (m->proof != PROOF_MARK)
			continue;
		if (nsizes == MARKS && others <= back / 10)
			proof_one(s, m, 1);
		else
			proof_displace(p, m);
	}
}

/*
 * READY: nothing is to be asked for, and the plan is settled; ASK: the fingerprints of p->asked messages, then proof_decide().
 * Rows are looked up by their keys, so many in a step: as a rule few of many messages are to be proven.
 */
enum plan_result
proof_ask(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	*i = &p->work.next, n = 0, looks = 0;

	if (!s->has_top || p->no_top)
		return (plan_settle(s));
	if (*i == 1) {
		for (; *i <= p->count; ++*i)
			n += p->msgs[*i].proof != PROOF_NONE;
		if (n == 0)
			return (plan_settle(s));
		if ((p->wanted = calloc(n, sizeof(*p->wanted))) == NULL)
			return (PLAN_FAILED);
		*i = 1;
	}
	for (; *i <= p->count; ++*i) {
		if (p->msgs[*i].proof == PROOF_NONE)
			continue;
		if (looks++ == STATE_PAGE)
			return (plan_more(s, proof_ask));
		if (proof_want(s, *i) == -1)
			return (PLAN_FAILED);
	}
	return (p->nwanted == 0 ? plan_settle(s) : proof_wants(s));
}

static enum plan_result
proof_wants(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	if ((p->prints = calloc(p->nwanted, sizeof(*p->prints))) == NULL)
		return (PLAN_FAILED);
	for (i = 0; i < p->nwanted; i++) {
		p->msgs[p->wanted[i].msgno].action = PLAN_FINGERPRINT;
		p->msgs[p->wanted[i].msgno].state = MESSAGE_PLANNED;
	}
	p->asked = p->nwanted;
	log_debug("%s: %u messages are proven by their headers", s->label, p->asked);
	return (PLAN_ASK);
}

/* 0, or -1: the store. */
static int
proof_want(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	struct message		*m = &p->msgs[msgno];
	struct fingerprint	*f = &p->wanted[p->nwanted];

	switch (state_fingerprint(s->mailbox, plan_uid(p, m), m->uid_len, f->digest)) {
	case DB_FAILED:
		return (-1);
	case DB_OK:
		f->msgno = msgno;
		p->nwanted++;
		break;
	default:
		break;
	}
	return (0);
}

/* Every answer is in, or was refused.  As proof_ask(), without ASK. */
enum plan_result
proof_decide(struct session *s)
{
	struct plan			*p = &s->plan;
	const struct fingerprint	*f;
	struct message			*m;
	uint32_t			 i, another = 0;

	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].action == PLAN_FINGERPRINT) {
			p->msgs[i].action = 0;
			p->msgs[i].state = MESSAGE_LISTED;
		}
	for (i = 0; i < p->nprints; i++) {
		m = &p->msgs[p->prints[i].msgno];
		if ((f = proof_wanted(p, p->prints[i].msgno)) != NULL &&
		    memcmp(f->digest, p->prints[i].digest, PROTO_DIGEST_LEN) == 0) {
			proof_one(s, m, 1);
			continue;
		}
		proof_displace(p, m);
		another++;
	}
	if (another > 0)
		log_info("%s: %s: %u known unique-id%s of other messages now, which are retrieved", s->label, s->where,
		    another, another == 1 ? " is that" : "s are those");
	return (plan_settle(s));
}

static const struct fingerprint *
proof_wanted(const struct plan *p, uint32_t msgno)
{
	struct fingerprint	 key = { .msgno = msgno };

	return (bsearch(&key, p->wanted, p->nwanted, sizeof(key), msgno_order));
}

/* What has no proof so far gets none: it is retrieved and compared. */
void
proof_apply(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].proof != PROOF_NONE)
			proof_one(s, &p->msgs[i], 0);
}

static void
proof_one(struct session *s, struct message *m, int proven)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	int			 dele = m->proof == PROOF_DELE;

	if (!proven && (m->back || m->row == SEEN_WAITING)) {
		proof_displace(p, m);
		return;
	}
	m->proof = PROOF_NONE;
	if (!proven) {
		if (m->action != PLAN_RETR_ALONE)
			m->action = PLAN_RETR;
		m->compare = 1;
		return;
	}
	m->action = dele ? PLAN_DELE : 0;
	if (m->back)
		plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_BACK);
	if (m->learn && !dele && (c = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_SIZE)) != NULL)
		c->size = m->size;
	/* For good, before DELE is sent. */
	if (m->expired && m->row == SEEN_KEPT && (c = plan_change(p, plan_uid(p, m), m->uid_len, CHANGE_STATE)) != NULL) {
		c->state = SEEN_DELETING;
		p->must = 1;
	}
}

static int
msgno_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct fingerprint *)a)->msgno, y = ((const struct fingerprint *)b)->msgno;

	return ((x > y) - (x < y));
}
