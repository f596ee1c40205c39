/* SPDX-License-Identifier: ISC */
/*
 * What a record's limits make of a plan: max_size, session_messages and session_octets.  A session takes the oldest messages first
 * and those that made sessions fail last; it always takes one.
 *
 *	a message to be retrieved, and its row in `oversize`	what happens
 *	over max_size, no row					left alone, row SKIPPED, notice; headers_only: as the next one
 *	over max_size, SKIPPED					left alone; headers_only: its header is delivered, row HEADER, or
 *								REFUSED and notice
 *	over max_size, HEADER, wanted				its header is delivered to those whose file is missing here, see
 *								state/body.c
 *	over max_size, HEADER or REFUSED			left alone
 *	over max_size, WAITING, wanted				retrieved: it was taken when it was not over max_size
 *	not over max_size (any more)				retrieved; the row goes with the commit
 *	over session_messages or session_octets			left for the next session, which follows at once
 */
#include <stdio.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define SIZES_BELOW	1000	/* unique-ids known: below, LIST rides along with UIDL and saves a round trip */
#define NAMED_SIZES	20	/* that a notice lists */

static void	 quota_big(struct session *, struct message *);
static int	 quota_fits(struct session *, struct message *, uint64_t *);

/* The limits of a record, at the beginning of a session. */
void
quota_set(struct quota *q, const struct record *rec)
{
	q->max_size = rec->max_size;
	q->session_messages = rec->session_messages;
	q->session_octets = rec->session_octets;
	q->leave_days = rec->leave_days;
	q->headers_only = rec->headers_only;
	q->mark_first = rec->mark_first;
	q->account = rec->account;
}

/* What a session is asked to find out: sizes, unique-ids to probe; and whether it proves each message. */
void
quota_start(struct session *s, struct msg_fetch_start *m)
{
	int64_t	 known;

	if (s->trial != NULL) {
		m->want_sizes = 1;
		return;
	}
	/* A unique-id proves nothing without its size; where everything that is known was deleted, that matters to nobody. */
	m->want_sizes = s->leave || s->quota.max_size != 0 || s->quota.session_octets != 0 ||
	    state_seen_count(s->mailbox, SIZES_BELOW, &known) != DB_OK || known < SIZES_BELOW ||
	    state_seen_open(s->mailbox) != DB_NONE;
	/* What fails before its proof is retrieved again: over a bad line there must be progress all the same. */
	m->prove_each = s->run.task->rs.error[0] != '\0';
	m->max_size = s->quota.max_size;
	m->probes = s->probes = spot_start(s->run.task, m->probe);
}

/* What a message's row in `oversize` says, if it is still about this message. */
void
quota_row(struct message *m, const struct seen_row *row)
{
	m->oversize = plan_reused(m, row->oversize_size, row->irregular_gone) ? OVERSIZE_NONE : row->oversize;
	/* Its header was delivered, and somebody has not got it. */
	if (row->wanted && m->oversize == OVERSIZE_HEADER)
		m->oversize = OVERSIZE_SKIPPED;
}

/* A step: which of the messages that are to be retrieved or deleted this session takes. */
enum plan_result
quota_apply(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint64_t	 octets = 0;
	uint32_t	 i;
	int		 alone;

	for (i = 1; i <= p->count && s->quota.max_size != 0; i++) {
		m = &p->msgs[i];
		/* A size that the server did not tell is no reason; nor is it one for what was taken and is wanted again. */
		if (m->size > s->quota.max_size && !m->wanted && (m->action == ACTION_RETR || m->action == ACTION_RETR_ALONE))
			quota_big(s, m);
	}
	for (alone = 0; alone <= 1; alone++)
		for (i = 1; i <= p->count; i++) {
			m = &p->msgs[i];
			if (m->action == ACTION_NONE || (m->action == ACTION_RETR_ALONE) != alone)
				continue;
			if (!quota_fits(s, m, &octets)) {
				m->action = ACTION_NONE;
				continue;
			}
			if (m->action == ACTION_DELE)
				p->delete++;
			else
				p->retrieve++;
			m->state = MESSAGE_PLANNED;
		}
	return (PLAN_NEXT);
}

/* A message over max_size. */
static void
quota_big(struct session *s, struct message *m)
{
	/* A header is delivered once, and what is remembered of it is the unique-id. */
	if (s->quota.headers_only && m->uid_len != 0 && m->action == ACTION_RETR && m->oversize < OVERSIZE_HEADER) {
		m->action = ACTION_HEADERS;
		return;
	}
	m->action = ACTION_NONE;
	s->plan.big++;
	if (m->uid_len != 0 && m->oversize == OVERSIZE_NONE && !s->quota.headers_only)
		quota_remember(s, m, OVERSIZE_SKIPPED);
}

/* 1: this session takes the message, beside those that it takes already, which have so many octets; 0: a later one does. */
static int
quota_fits(struct session *s, struct message *m, uint64_t *octets)
{
	struct plan	*p = &s->plan;
	uint32_t	 size = m->action == ACTION_HEADERS ? 0 : m->size;

	if (m->action == ACTION_DELE)
		return (1);
	if ((s->quota.session_messages != 0 && p->retrieve >= s->quota.session_messages) ||
	    (s->quota.session_octets != 0 && p->retrieve > 0 && *octets + size > s->quota.session_octets)) {
		p->cut++;
		return (0);
	}
	if (m->suspect && !suspect_take(s)) {
		p->postponed++;
		return (0);
	}
	*octets += size;
	return (1);
}

/* What is done about a message over max_size is to be recorded, and the owner is told then. */
void
quota_remember(struct session *s, const struct message *m, enum oversize what)
{
	struct listing_change	*c;

	if ((c = plan_change_message(&s->plan, m, CHANGE_OVERSIZE)) != NULL)
		c->oversize = what;
}

/* A step: of the changes that are recorded now, the messages over max_size are told in one log line and one notice to the owner. */
enum plan_result
quota_tell(struct session *s)
{
	const struct plan	*p = &s->plan;
	char			 sizes[NAMED_SIZES * 12] = "", subject[PROTO_RECORD_SIZE + 320];
	size_t			 i;
	uint32_t		 n = 0;
	int			 len = 0;

	for (i = 0; i < p->work.done; i++)
		if (p->changes[i].what == CHANGE_OVERSIZE && n++ < NAMED_SIZES)
			len += snprintf(sizes + len, sizeof(sizes) - len, "%s%u", n == 1 ? "" : ", ", p->changes[i].size);
	if (n == 0)
		return (PLAN_NEXT);
	log_info("%s: %s: %u message%s over max_size (%u octets) %s left on the server: %s%s octets", s->label, s->where, n,
	    PLURAL(n), s->quota.max_size, n == 1 ? "is" : "are", sizes, n > NAMED_SIZES ? ", ..." : "");
	snprintf(subject, sizeof(subject), "%s: %u message%s too large: %s", s->label, n, n == 1 ? " is" : "s are", sizes);
	notice_send(s->quota.account, s->label, subject,
	    "%u message%s at %s larger than the limit of %u octets, not retrieved, and left there.\n\n"
	    "Size in octets: %s%s\n", n, PLURAL(n), s->where, s->quota.max_size, sizes, n > NAMED_SIZES ? ", ..." : "");
	return (PLAN_NEXT);
}
