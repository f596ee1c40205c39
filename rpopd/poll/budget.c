/* SPDX-License-Identifier: ISC */
/*
 * One budget of listed messages over all sessions: each costs the master about a hundred octets as long as its session runs.
 *  What counts is what a listing has named, not what STAT says.  A session for which too little is left ends, and its record is
 * polled again within a minute; a session of few messages never waits.
 *
 *	who holds it				has at most
 *	all sessions				BUDGET_MESSAGES
 *	the sessions of one owner, or with one
 *	host, if there are several		half of it
 *	one session				what one mailbox may have, half of it: alone it fits
 *
 * No mailbox is left out for ever: the first that was refused has its messages kept free, as many as STAT said, until its
 * listing is complete, or for BUDGET_KEEP.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/sched/sched.h"
#include "poll.h"

#define BUDGET_STEP	4096		/* messages that a session takes at a time */
#define BUDGET_KEEP	(600 * 1000)	/* ms */

static uint32_t	 budget_of(const struct session *);

/* The session that was refused first, for which messages are kept free; mailbox 0: there is none. */
static struct {
	int64_t		 mailbox, until;	/* monotonic ms */
	uint32_t	 account, messages;
	const struct host *host;
} first;

/* So many messages of this session are listed now.  1: they fit, 0: they do not, and the session is to end. */
int
budget_take(struct session *s, uint32_t messages)
{
	const struct session	*o;
	uint64_t		 want = ((uint64_t)messages + BUDGET_STEP - 1) / BUDGET_STEP * BUDGET_STEP;
	uint64_t		 all = 0, owner = 0, host = 0;
	uint32_t		 n;
	int			 served = 0;

	if (messages <= s->budget)
		return (1);
	if (want > PROTO_MSGS_MAX && messages <= PROTO_MSGS_MAX)
		want = PROTO_MSGS_MAX;
	if (first.mailbox != 0 && clock_msec() >= first.until)
		first.mailbox = 0;
	SESSION_FOREACH(o) {
		if (o == s)
			continue;
		n = budget_of(o);
		if (o->mailbox == first.mailbox) {
			served = 1;
			n = n > first.messages ? n : first.messages;
		}
		all += n;
		owner += o->quota.account == s->quota.account ? n : 0;
		host += o->run.host != NULL && o->run.host == s->run.host ? n : 0;
	}
	if (first.mailbox != 0 && first.mailbox != s->mailbox && !served) {
		all += first.messages;
		owner += first.account == s->quota.account ? first.messages : 0;
		host += first.host == s->run.host ? first.messages : 0;
	}
	if (want <= BUDGET_SMALL || (all + want <= BUDGET_MESSAGES && (owner == 0 || owner + want <= BUDGET_MESSAGES / 2) &&
	    (host == 0 || host + want <= BUDGET_MESSAGES / 2))) {
		s->budget = (uint32_t)want;
		return (1);
	}
	if (first.mailbox == 0) {
		first.mailbox = s->mailbox;
		first.account = s->quota.account;
		first.host = s->run.host;
		first.messages = s->plan.count;
		first.until = clock_msec() + BUDGET_KEEP;
	}
	return (0);
}

/* How many messages the session has of the budget; few do not count. */
static uint32_t
budget_of(const struct session *s)
{
	return (s->budget > BUDGET_SMALL ? s->budget : 0);
}

/* The session's listing is complete: nothing needs to be kept free for its mailbox any more. */
void
budget_listed(const struct session *s)
{
	if (first.mailbox == s->mailbox)
		first.mailbox = 0;
}

/* Why the session ends, in words, which stay the same as long as its mailbox does. */
void
budget_reason(const struct session *s, char *text, size_t size)
{
	snprintf(text, size, "there is no room for its %u messages beside those that other sessions have listed (%u at once, half of them "
	    "of one owner or host): it is polled again within a minute", s->plan.count, BUDGET_MESSAGES);
}
