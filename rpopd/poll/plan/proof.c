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
#include "rpopd/state/state.h"
#include "plan_int.h"

#define MARKS	8		/* messages of as many different sizes are proof enough */

static int	 proof_size(struct message *, const struct seen_row *);
static void	 proof_displace(struct plan *, struct message *);
static int	 proof_want(struct session *, uint32_t);
static const struct message_fingerprint *proof_wanted(const struct plan *, uint32_t);
static void	 proof_given(struct session *, struct message *);
static void	 proof_missing(struct session *, struct message *);
static int	 proof_order(const void *, const void *);

/*
 * The row of a listed message that may be left alone, or deleted with dele: the row is displaced, or it is known what has to be
 * proven before it counts.
 */
void
proof_row(struct session *s, struct message *m, const struct seen_row *row, int dele)
{
	if (!proof_size(m, row)) {
		proof_displace(&s->plan, m);
		return;
	}
	m->action = ACTION_NONE;
	if (row->state == SEEN_MARKED)
		m->proof = row->gone == 0 ? PROOF_NONE : row->listed > 0 ? PROOF_MARK : PROOF_KEEP;
	else
		m->proof = dele ? PROOF_DELE : row->gone != 0 ? PROOF_KEEP : PROOF_NONE;
	if (m->proof == PROOF_NONE && m->learn)
		plan_change_message(&s->plan, m, CHANGE_SIZE);
}

/*
 * 1: what is known of the message's size and the row's agrees.  A row from before listed sizes were kept knows the octets that
 * came, which are about as many.
 */
static int
proof_size(struct message *m, const struct seen_row *row)
{
	if (m->size == 0)
		return (1);
	if (row->listed > 0)
		return (m->size == row->listed);
	m->learn = 1;
	return (plan_alike(m->size, (uint64_t)-row->listed));
}

/*
 * The message is not the one of the row under its unique-id; whether it is that of another row, its digest shows when it is
 * retrieved.
 */
static void
proof_displace(struct plan *p, struct message *m)
{
	if (m->action != ACTION_RETR_ALONE)
		m->action = ACTION_RETR;
	m->proof = PROOF_NONE;
	m->displaced = 1;
	m->known = m->denied = 0;
	p->displaced++;
}

/* A message waits, and its file is missing here: it is retrieved in any case, and that is the proof. */
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
	m->action = ACTION_RETR;
	m->compare = 1;
}

/*
 * A step: marked messages that are back after an absence are proven, all of them, if they have many different sizes and nearly all
 * marked messages that are back have the sizes of their rows.  Else all are displaced.
 */
enum plan_result
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
			proof_given(s, m);
		else
			proof_displace(p, m);
	}
	return (PLAN_NEXT);
}

/*
 * A step: the fetcher is asked for the fingerprint of each message that is to be proven and whose row has one (PLAN_ASK), if there
 * are any and the server has TOP.  Rows are looked up by their keys, so many in a slice: as a rule few of many messages are to be
 * proven.
 */
enum plan_result
proof_ask(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	*i = &p->work.next, n = 0, looks = 0;

	if (!s->has_top || p->no_top)
		return (PLAN_NEXT);
	if (!p->work.again) {
		for (*i = 1; *i <= p->count; ++*i)
			n += p->msgs[*i].proof != PROOF_NONE;
		if (n == 0)
			return (PLAN_NEXT);
		if ((p->wanted = calloc(n, sizeof(*p->wanted))) == NULL)
			return (PLAN_FAILED);
		*i = 1;
	}
	for (; *i <= p->count; ++*i) {
		if (p->msgs[*i].proof == PROOF_NONE)
			continue;
		if (looks++ == STATE_PAGE)
			return (PLAN_MORE);
		if (proof_want(s, *i) == -1)
			return (PLAN_FAILED);
	}
	if (p->nwanted == 0)
		return (PLAN_NEXT);
	if ((p->fingerprints = calloc(p->nwanted, sizeof(*p->fingerprints))) == NULL)
		return (PLAN_FAILED);
	for (n = 0; n < p->nwanted; n++) {
		p->msgs[p->wanted[n].msgno].action = ACTION_FINGERPRINT;
		p->msgs[p->wanted[n].msgno].state = MESSAGE_PLANNED;
	}
	p->asked = p->nwanted;
	log_debug("%s: %u messages are proven by their headers", s->label, p->asked);
	return (PLAN_ASK);
}

/* Adds a message to those wanted if its row has a fingerprint.  0, or -1: the store. */
static int
proof_want(struct session *s, uint32_t msgno)
{
	struct plan			*p = &s->plan;
	const struct message		*m = &p->msgs[msgno];
	struct message_fingerprint	*f = &p->wanted[p->nwanted];

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

/* A step: every fingerprint that proof_ask() has asked for is in, or was refused, and is compared. */
enum plan_result
proof_decide(struct session *s)
{
	struct plan				*p = &s->plan;
	const struct message_fingerprint	*f, *wanted;
	struct message				*m;
	uint32_t				 i, another = 0;

	for (i = 1; i <= p->count && p->nwanted > 0; i++)
		if (p->msgs[i].action == ACTION_FINGERPRINT) {
			p->msgs[i].action = ACTION_NONE;
			p->msgs[i].state = MESSAGE_LISTED;
		}
	for (i = 0; i < p->nfingerprints && p->nwanted > 0; i++) {
		f = &p->fingerprints[i];
		m = &p->msgs[f->msgno];
		if ((wanted = proof_wanted(p, f->msgno)) != NULL && memcmp(wanted->digest, f->digest, PROTO_DIGEST_LEN) == 0) {
			proof_given(s, m);
			continue;
		}
		proof_displace(p, m);
		another++;
	}
	if (another > 0)
		log_info("%s: %s: %u known unique-id%s of other messages now, which are retrieved", s->label, s->where,
		    another, another == 1 ? " is that" : "s are those");
	return (PLAN_NEXT);
}

static const struct message_fingerprint *
proof_wanted(const struct plan *p, uint32_t msgno)
{
	struct message_fingerprint	 key = { .msgno = msgno };

	return (bsearch(&key, p->wanted, p->nwanted, sizeof(key), proof_order));
}

/*
 * A step: what has no proof so far gets none; and rows of displaced messages are known by digest only before anything is retrieved.
 */
enum plan_result
proof_settle(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;

	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].proof != PROOF_NONE)
			proof_missing(s, &p->msgs[i]);
	proof_doubt(p);
	return (PLAN_NEXT);
}

/* The rows of all displaced messages are to be known by digest only. */
void
proof_doubt(struct plan *p)
{
	struct message	*m;
	uint32_t	 i;

	for (i = 1; i <= p->count && p->displaced > 0; i++) {
		m = &p->msgs[i];
		if (!m->displaced || !SEEN_HAS_DIGEST(m->row))
			continue;
		plan_change_message(p, m, CHANGE_DOUBT);
		p->must = 1;
	}
}

/* A message is proven to be the one of its row: it is deleted, or left alone. */
static void
proof_given(struct session *s, struct message *m)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	int			 dele = m->proof == PROOF_DELE;

	m->proof = PROOF_NONE;
	m->action = dele ? ACTION_DELE : ACTION_NONE;
	if (m->back)
		plan_change_message(p, m, CHANGE_BACK);
	if (m->learn && !dele)
		plan_change_message(p, m, CHANGE_SIZE);
	/* That it is to be deleted is written down before DELE is sent, and holds even if leave_days grows. */
	if (m->expired && m->row == SEEN_KEPT && (c = plan_change_message(p, m, CHANGE_STATE)) != NULL) {
		c->state = SEEN_DELETING;
		p->must = 1;
	}
}

/*
 * There is no proof to be had that a message is the one of its row: it is retrieved and compared with that row; if the row was
 * absent or waits for a recipient, the row is displaced.
 */
static void
proof_missing(struct session *s, struct message *m)
{
	if (m->back || m->row == SEEN_WAITING) {
		proof_displace(&s->plan, m);
		return;
	}
	m->proof = PROOF_NONE;
	if (m->action != ACTION_RETR_ALONE)
		m->action = ACTION_RETR;
	m->compare = 1;
}

static int
proof_order(const void *a, const void *b)
{
	uint32_t	 x = ((const struct message_fingerprint *)a)->msgno, y = ((const struct message_fingerprint *)b)->msgno;

	return ((x > y) - (x < y));
}
