/* SPDX-License-Identifier: ISC */
/*
 * Messages that are committed, but have recipients at a next hop: the session that brought them waits for the first results, a
 * while, since then the message may be deleted at once instead of by the next session.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "poll.h"

#define DEFER_SECONDS	30	/* that a session waits for a first result */

struct waiter {				/* a row without a result */
	RB_ENTRY(waiter)	 entry;
	int64_t			 id;
	struct deferral		*deferral;
};

struct deferral {			/* a message */
	TAILQ_ENTRY(deferral)	 entry;
	uint32_t		 session, msgno;
	int64_t			 mailbox, until;
	uint8_t			 uid[STATE_KEY_MAX];
	size_t			 uidlen;
	size_t			 n;		/* waiters */
	size_t			 due;		/* of them, without a result */
	struct waiter		 waiters[];
};

static int	 waiter_cmp(struct waiter *, struct waiter *);
static void	 deferral_end(struct deferral *);
static void	 deferral_timeout(void *);
static void	 deferral_clock(void);

static RB_HEAD(waiters, waiter)		 waiters = RB_INITIALIZER(&waiters);
static TAILQ_HEAD(, deferral)		 deferrals = TAILQ_HEAD_INITIALIZER(deferrals);	/* oldest first */
static struct timer			 timer;

RB_PROTOTYPE_STATIC(waiters, waiter, entry, waiter_cmp)
RB_GENERATE_STATIC(waiters, waiter, entry, waiter_cmp)

/* The verdict about a message of the session waits for the first results of those of its rows that are not final. */
void
defer_verdict(const struct session *s, uint32_t msgno, const struct relay_row *rows, size_t n)
{
	struct deferral	*d;
	size_t		 i;

	if ((d = calloc(1, sizeof(*d) + n * sizeof(d->waiters[0]))) == NULL)
		fatal("deferral");
	d->session = s->id;
	d->msgno = msgno;
	d->mailbox = rows[0].mailbox;
	memcpy(d->uid, rows[0].uid, rows[0].uidlen);
	d->uidlen = rows[0].uidlen;
	d->until = clock_msec() + DEFER_SECONDS * 1000;
	for (i = 0; i < n; i++) {
		if (rows[i].state == RELAY_QUARANTINED)
			continue;
		d->waiters[d->n].id = rows[i].id;
		d->waiters[d->n].deferral = d;
		if (RB_INSERT(waiters, &waiters, &d->waiters[d->n]) == NULL)
			d->due++;
		d->n++;
	}
	TAILQ_INSERT_TAIL(&deferrals, d, entry);
	deferral_clock();
}

/* A row that is handed on has had its first result, or none is to be expected soon; somebody may wait for that. */
void
defer_tried(int64_t id)
{
	struct waiter	 key = { .id = id }, *w;

	if ((w = RB_FIND(waiters, &waiters, &key)) == NULL)
		return;
	RB_REMOVE(waiters, &waiters, w);
	w->id = 0;
	if (--w->deferral->due == 0)
		deferral_end(w->deferral);
}

/* The session waits no longer: its verdicts go out as things stand. */
void
defer_end(const struct session *s)
{
	struct deferral	*d, *next;

	TAILQ_FOREACH_SAFE(d, &deferrals, entry, next)
		if (d->session == s->id)
			deferral_end(d);
}

static int
waiter_cmp(struct waiter *a, struct waiter *b)
{
	return (a->id < b->id ? -1 : a->id > b->id);
}

/* The message's verdict goes out; its row of table seen says whether every recipient is final. */
static void
deferral_end(struct deferral *d)
{
	struct session	*s = session_by_id(d->session);
	struct message	*m = s == NULL ? NULL : &s->plan.msgs[d->msgno];
	enum seen_state	 state;
	size_t		 i;

	for (i = 0; i < d->n; i++)
		if (d->waiters[i].id != 0)
			RB_REMOVE(waiters, &waiters, &d->waiters[i]);
	TAILQ_REMOVE(&deferrals, d, entry);
	if (m != NULL && m->state == MESSAGE_COMMITTED) {
		m->waiting = state_seen_state(d->mailbox, d->uid, d->uidlen, &state) != DB_OK || state != SEEN_DELETING;
		HOOK("master.final");
		session_verdict(s, d->msgno, m->waiting ? VERDICT_KEEP : VERDICT_DELE);
	}
	free(d);
}

static void
deferral_timeout(void *arg)
{
	struct deferral	*d;

	(void)arg;
	while ((d = TAILQ_FIRST(&deferrals)) != NULL && d->until <= clock_msec())
		deferral_end(d);
	deferral_clock();
}

/* The timer runs for the oldest deferral; one that has ended meanwhile costs an early look. */
static void
deferral_clock(void)
{
	struct deferral	*d = TAILQ_FIRST(&deferrals);

	if (d == NULL || timer_armed(&timer))
		return;
	timer_init(&timer, deferral_timeout, NULL);
	timer_in(&timer, d->until - clock_msec());
}
