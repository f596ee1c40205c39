/* SPDX-License-Identifier: ISC */
/*
 * What a record's limits make of a plan: max_size, session_messages and session_octets, first_poll; and messages at which sessions
 * fail.  The tables are in plan.c.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "former.h"
#include "plan.h"

#define SIZES_BELOW	1000		/* unique-ids known: below, LIST rides along with UIDL and saves a round trip */
#define UNMARKED	10	/* messages without a trusted unique-id, or a hundredth, are no reason not to mark the others */
#define NAMED_SIZES	20	/* that a report lists */

static plan_step	 quota_mark, quota_marked;
static enum plan_result quota_former(struct session *, enum listing, int, int *, int *);
static void	 quota_big(struct session *, struct message *);
static int	 quota_fits(struct session *, struct message *, uint64_t *);
static void	 quota_act(struct plan *, struct message *);

struct session	*suspect_holder;

void
quota_set(struct quota *l, const struct record *rec)
{
	l->max_size = rec->max_size;
	l->session_messages = rec->session_messages;
	l->session_octets = rec->session_octets;
	l->leave_days = rec->leave_days;
	l->headers_only = rec->headers_only;
	l->mark_first = rec->mark_first;
	l->account = rec->account;
}

/* What a session is asked to find out. */
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
	    state_seen_count(s->mailbox, SIZES_BELOW, &known) != DB_OK || known < SIZES_BELOW || state_seen_open(s->mailbox) != DB_NONE;
	/* What fails before its proof is retrieved again: over a bad line there must be progress all the same. */
	m->prove_each = s->task->rs.error[0] != '\0';
	m->max_size = s->quota.max_size;
	m->probes = s->probes = spot_start(s->task, m->probe);
}

/* The record is not served now: nothing is to be done, but the session ends in good order. */
void
quota_pause(struct session *s, enum fail_why why, const char *fmt, ...)
{
	va_list	 ap;

	if (s->why != WHY_NONE)
		return;
	s->why = why;
	s->stage = STAGE_LIST;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
}

/*
 * The first listing of a mailbox that says of every message what it is, if its record wants what is there to count as delivered:
 * all of it is marked, before there is a plan; until the last is, the mailbox counts as not listed, and the next session marks all that is
 * there then.  Messages whose unique-id is not to be trusted cannot be marked and are retrieved.  A listing with gaps marks nothing, and
 * nothing is retrieved.
 */
enum plan_result
quota_first(struct session *s)
{
	struct plan		*p = &s->plan;
	enum db			 listed;
	int			 mark, settled;

	if ((listed = state_listed(s->mailbox)) == DB_FAILED)
		return (PLAN_FAILED);
	if (listed == DB_OK)
		return (plan_walk(s));
	switch (quota_former(s, p->work.listing, p->work.has_uidl, &mark, &settled)) {
	case PLAN_READY:
		break;
	case PLAN_ASK:
		return (plan_walk(s));
	case PLAN_MORE:
		return (plan_more(s, quota_first));
	default:
		return (s->why == WHY_NONE ? PLAN_FAILED : PLAN_PAUSED);
	}
	if (mark)
		return (quota_mark(s));
	if (p->complete)
		plan_change(p, NULL, 0, settled ? CHANGE_LISTED : CHANGE_EMPTY);
	return (plan_walk(s));
}

static enum plan_result
quota_mark(struct session *s)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	uint32_t		 i;
	int			 gaps;

	gaps = p->lines < p->count + p->beyond || (p->untrusted > UNMARKED && p->untrusted > p->count / 100);
	if (!p->work.has_uidl || p->work.listing == LISTING_CONFUSED || gaps) {
		quota_pause(s, WHY_PROTO, "first_poll is 'mark', but the server's listing has gaps or contradicts itself: nothing "
		    "is marked or retrieved");
		return (PLAN_PAUSED);
	}
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].uid_len != 0 &&
		    (c = plan_change(p, plan_uid(p, &p->msgs[i]), p->msgs[i].uid_len, CHANGE_MARK)) != NULL)
			c->size = p->msgs[i].size;
	plan_change(p, NULL, 0, CHANGE_LISTED);
	HOOK("master.marking");
	return (plan_save(s, quota_marked));
}

static enum plan_result
quota_marked(struct session *s)
{
	struct plan	*p = &s->plan;

	HOOK("master.marked");
	log_info("%s: %s: first poll: %zu message%s marked as seen and not retrieved; should it have been polled before "
	    "(state.db restored to an earlier day?): rpopctl forget %s", s->label, s->where, p->nchanges - 1, PLURAL(p->nchanges - 1),
	    s->label);
	p->nchanges = 0;
	return (plan_walk(s));
}

/*
 * A new mailbox may be one that a record has left, see former.c.  READY: it is not; *mark: what is listed counts as delivered;
 * *settled: the next listing will prove no more than this one, which may be empty.  ASK: it is, and it has been listed before.  MORE: call
 * again.
 */
static enum plan_result
quota_former(struct session *s, enum listing listing, int has_uidl, int *mark, int *settled)
{
	enum former_past	 past = PAST_NONE;

	if (has_uidl && listing != LISTING_CONFUSED)
		switch (former_find(s, &past)) {
		case 3:
			return (PLAN_MORE);
		case -1:
			return (PLAN_FAILED);
		case 1:
			return (PLAN_ASK);
		case 2:
			quota_pause(s, WHY_LOCAL_TEMP, "a session with the mailbox that this record had before is still ending; next time");
			return (PLAN_PAUSED);
		}
	*settled = past == PAST_NONE || s->plan.count > 0;
	*mark = s->quota.mark_first && past != PAST_POLLED && (s->task == NULL || s->task->rs.last_success == 0);
	if (s->quota.mark_first && !*mark)
		log_info("%s: %s: first_poll is for a record that was never polled, and this one was, perhaps under another name: nothing "
		    "is marked", s->label, s->where);
	return (PLAN_READY);
}

/* Messages over max_size.  A size that the server did not tell is no reason; nor is it one for what was taken and is wanted again. */
void
quota_oversize(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint32_t	 i;

	if (s->quota.max_size == 0)
		return;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->size > s->quota.max_size && !m->wanted && (m->action == PLAN_RETR || m->action == PLAN_RETR_ALONE))
			quota_big(s, m);
	}
}

static void
quota_big(struct session *s, struct message *m)
{
	/* A header is delivered once, and what is remembered of it is the unique-id. */
	if (s->quota.headers_only && m->uid_len != 0 && m->action == PLAN_RETR && m->oversize < OVERSIZE_HEADER) {
		m->action = PLAN_HEADERS;
		return;
	}
	m->action = 0;
	s->plan.big++;
	if (m->uid_len != 0 && m->oversize == OVERSIZE_NONE && !s->quota.headers_only)
		quota_remember(s, m, OVERSIZE_SKIPPED);
}

/* It is reported when that is recorded. */
void
quota_remember(struct session *s, const struct message *m, enum oversize what)
{
	struct listing_change	*c;

	if ((c = plan_change(&s->plan, plan_uid(&s->plan, m), m->uid_len, CHANGE_OVERSIZE)) == NULL)
		return;
	c->oversize = what;
	c->size = m->size;
}

/* Those of the changes recorded just now that were news, in one line and one message to the owner. */
void
quota_report(struct session *s)
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
		return;
	log_info("%s: %s: %u message%s over max_size (%u octets) %s left on the server: %s%s octets", s->label, s->where, n, PLURAL(n),
	    s->quota.max_size, n == 1 ? "is" : "are", sizes, n > NAMED_SIZES ? ", ..." : "");
	snprintf(subject, sizeof(subject), "%s: %u message%s too large: %s", s->label, n, n == 1 ? " is" : "s are", sizes);
	notice_send(s->quota.account, s->label, subject,
	    "%u message%s at %s larger than the limit of %u octets, not retrieved, and left there.\n\n"
	    "Size in octets: %s%s\n", n, PLURAL(n), s->where, s->quota.max_size, sizes, n > NAMED_SIZES ? ", ..." : "");
}

/*
 * Suspects travel alone, and only with the token: one suspect in flight in the whole daemon, so that a death has one cause.  A
 * session takes the oldest messages first and those that made sessions fail last; it always takes one.
 */
void
quota_count(struct session *s)
{
	struct plan	*p = &s->plan;
	struct message	*m;
	uint64_t	 octets = 0;
	uint32_t	 i;
	int		 alone;

	for (alone = 0; alone <= 1; alone++)
		for (i = 1; i <= p->count; i++) {
			m = &p->msgs[i];
			if (m->action == 0 || (m->action == PLAN_RETR_ALONE) != alone)
				continue;
			if (quota_fits(s, m, &octets))
				quota_act(p, m);
			else
				m->action = 0;
		}
}

static int
quota_fits(struct session *s, struct message *m, uint64_t *octets)
{
	struct plan	*p = &s->plan;

	if (m->action == PLAN_DELE)
		return (1);
	if ((s->quota.session_messages != 0 && p->retrieve >= s->quota.session_messages) ||
	    (s->quota.session_octets != 0 && p->retrieve > 0 &&
	    *octets + (m->action == PLAN_HEADERS ? 0 : m->size) > s->quota.session_octets)) {
		p->cut++;
		return (0);
	}
	if (m->suspect) {
		if (suspect_holder == NULL)
			suspect_holder = s;
		if (suspect_holder != s) {
			p->postponed++;
			return (0);
		}
	}
	*octets += m->action == PLAN_HEADERS ? 0 : m->size;
	return (1);
}

static void
quota_act(struct plan *p, struct message *m)
{
	if (m->action == PLAN_DELE)
		p->delete++;
	else
		p->retrieve++;
	m->state = MESSAGE_PLANNED;
}

/*
 * The connection was lost, or the protocol, while this message was coming in: it is counted.  One that has failed before and
 * came last now hides no other's failure: everything else was retrieved, so the poll was good.
 */
void
quota_failure(struct session *s, uint32_t msgno, const char *reason)
{
	struct plan	*p = &s->plan;
	struct message	*m = &p->msgs[msgno];
	char		 text[PROTO_UID_MAX * 4 + 1], subject[PROTO_RECORD_SIZE + 320];
	uint32_t	 i, n;

	if (m->uid_len == 0 || m->state != MESSAGE_PLANNED || m->action == PLAN_DELE ||
	    state_failure(s->mailbox, plan_uid(p, m), m->uid_len, m->size, reason, &n) != DB_OK)
		return;
	log_vis(text, sizeof(text), plan_uid(p, m), m->uid_len);
	if (n == PLAN_FAILURES) {
		log_warnx("%s: %s: message %s set aside: %u sessions failed at it (%s); it stays on the server and is tried again "
		    "once a day", s->label, s->where, text, n, reason);
		snprintf(subject, sizeof(subject), "%s: message %s cannot be retrieved", s->label, text);
		notice_send(s->quota.account, s->label, subject,
		    "%u sessions with %s failed while one message was being retrieved.\nIt stays there and is tried again once a "
		    "day.\n\nIts unique-id: %s\nIts size in octets: %u\nWhat happened: %s\n", n, s->where, text, m->size, reason);
	} else
		log_debug("%s: message %s: failure %u: %s", s->label, text, n, reason);
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].state == MESSAGE_PLANNED && p->msgs[i].action != PLAN_DELE && p->msgs[i].action != PLAN_RETR_ALONE)
			return;
	s->excused = m->action == PLAN_RETR_ALONE;
}
