/* SPDX-License-Identifier: ISC */
/*
 * Spot checks in place of a whole listing.  A mailbox of many messages that were all delivered and are left on the server is asked
 * for its size and for a few unique-ids; if all of it is as it was at the last whole listing, nothing can be new: a message more or
 * less changes the number, another message the octets.
 *
 * What a spot check cannot see (a message replaced by one of exactly the same size in the same place) is seen by the next whole
 * listing, an hour or SPOT_POLLS polls later at most; nothing is lost or delivered twice meanwhile.  The listing is whole, too,
 * after a failure, a reload or a restart, when something waits for another try, and when leave_days is up for a message.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "rpopd/sched/sched.h"
#include "plan_int.h"

#define SPOT_MESSAGES	1000	/* fewer messages are listed as fast */
#define SPOT_POLLS	20	/* spot checks between two whole listings, at most */
#define SPOT_MSEC	(3600 * 1000)	/* likewise, ms */

struct spots {			/* what a task's mailbox looked like at the last whole listing */
	uint32_t	 count;		/* messages, by STAT */
	uint64_t	 octets;	/* likewise */
	int64_t		 until;		/* monotonic ms: then the listing is whole again */
	int64_t		 expires;	/* epoch: leave_days is up for the oldest message */
	uint32_t	 polls;		/* spot checks still allowed */
	uint32_t	 n;
	struct spot {
		uint32_t	 msgno;
		uint8_t		 len, uid[PROTO_UID_MAX];
	}		 spot[PROTO_PROBES];	/* ascending */
};

static int	 spot_quiet(const struct session *);
static uint32_t	 spot_choose(uint32_t, uint32_t *);
static int	 spot_order(const void *, const void *);

/* The next listing of a task's mailbox is whole. */
void
spot_forget(struct task *t)
{
	free(t->spots);
	t->spots = NULL;
}

/*
 * The message numbers whose unique-ids the next session asks for, into probe, which has room for PROTO_PROBES.  Returns how many;
 * 0: it asks for a whole listing.
 */
uint32_t
spot_start(struct task *t, uint32_t *probe)
{
	struct spots	*sp = t->spots;
	uint32_t	 i;

	if (sp == NULL)
		return (0);
	if (!t->rec->leave || sp->polls == 0 || clock_msec() >= sp->until || time(NULL) >= sp->expires) {
		spot_forget(t);
		return (0);
	}
	sp->polls--;
	for (i = 0; i < sp->n; i++)
		probe[i] = sp->spot[i].msgno;
	return (sp->n);
}

/* Judges the answers to the probes.  1: the mailbox is as it was; 0: a whole listing is needed. */
int
spot_same(const struct session *s)
{
	const struct spots	*sp = s->run.task == NULL ? NULL : s->run.task->spots;
	const struct message	*m;
	uint32_t		 i;

	if (sp == NULL || s->plan.count != sp->count || s->stat_octets != sp->octets)
		return (0);
	for (i = 0; i < sp->n; i++) {
		m = &s->plan.msgs[sp->spot[i].msgno];
		if (m->uid_len != sp->spot[i].len || memcmp(plan_uid(&s->plan, m), sp->spot[i].uid, m->uid_len) != 0)
			return (0);
	}
	return (1);
}

/* A session is over: what its whole listing saw may do for the next sessions. */
void
spot_remember(struct session *s)
{
	struct task	*t = s->run.task;
	struct spots	*sp;
	uint32_t	 numbers[PROTO_PROBES], i;
	const struct message *m;

	if (t == NULL || (s->probed && s->why == WHY_NONE && s->done))
		return;
	spot_forget(t);
	if (!spot_quiet(s) || (sp = calloc(1, sizeof(*sp))) == NULL)
		return;
	sp->count = s->plan.count;
	sp->octets = s->stat_octets;
	sp->until = clock_msec() + SPOT_MSEC;
	sp->expires = s->quota.leave_days == 0 ? INT64_MAX :
	    (s->plan.oldest == 0 ? s->epoch : s->plan.oldest) + (int64_t)s->quota.leave_days * 86400;
	sp->polls = SPOT_POLLS;
	sp->n = spot_choose(sp->count, numbers);
	for (i = 0; i < sp->n; i++) {
		m = &s->plan.msgs[numbers[i]];
		sp->spot[i].msgno = numbers[i];
		sp->spot[i].len = m->uid_len;
		memcpy(sp->spot[i].uid, plan_uid(&s->plan, m), m->uid_len);
	}
	t->spots = sp;
}

/* 1: the session had a whole listing and a good end, and no message waits for anything. */
static int
spot_quiet(const struct session *s)
{
	const struct plan	*p = &s->plan;
	uint32_t		 i;

	if (s->why != WHY_NONE || !s->done || s->excused || !s->leave || s->probed || !p->complete || p->count < SPOT_MESSAGES ||
	    p->delete + p->cut + p->postponed + s->set_aside + s->deleted > 0)
		return (0);
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].uid_len == 0 || (p->msgs[i].state != MESSAGE_LISTED && p->msgs[i].state != MESSAGE_COMMITTED))
			return (0);
	return (1);
}

/* Chooses PROTO_PROBES message numbers, ascending: the first, the last two, and others by chance.  Returns how many. */
static uint32_t
spot_choose(uint32_t count, uint32_t *numbers)
{
	uint32_t	 n = 0, i, number;

	numbers[n++] = 1;
	numbers[n++] = count - 1;
	numbers[n++] = count;
	while (n < PROTO_PROBES) {
		number = 2 + arc4random_uniform(count - 3);
		for (i = 0; i < n && numbers[i] != number; i++)
			;
		if (i == n)
			numbers[n++] = number;
	}
	qsort(numbers, n, sizeof(*numbers), spot_order);
	return (n);
}

static int
spot_order(const void *a, const void *b)
{
	uint32_t	 x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return ((x > y) - (x < y));
}
