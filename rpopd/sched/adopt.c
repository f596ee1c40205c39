/* SPDX-License-Identifier: ISC */
/* A store was loaded: what survives of the tasks of the one before, which is as much as names the same remote mailbox. */
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "sched_int.h"

static void	 adopt_task(struct task *, struct task *);
static int	 adopt_order(const void *, const void *);

/*
 * These tasks, of all records of the store in force, are the schedule's from now on.  Each takes over session and schedule of
 * the one that stood for the same remote mailbox; gone() is called of each old task before it is freed, and sessions whose
 * record is gone are stopped.
 */
void
sched_adopt(struct task *tasks, size_t n, void (*gone)(struct task *))
{
	struct task	*old = sched_tasks, **order, *t, **was;
	size_t		 nold = sched_ntasks, i;

	if ((order = calloc(nold + 1, sizeof(*order))) == NULL)
		fatal("tasks");
	for (i = 0; i < nold; i++) {
		order[i] = &old[i];
		if (old[i].run != NULL)
			old[i].run->task = NULL;
	}
	qsort(order, nold, sizeof(*order), adopt_order);
	sched_tasks = tasks;
	sched_ntasks = n;
	gate_reload();
	for (i = 0; i < n; i++) {
		t = &tasks[i];
		t->host = host_get(t->rec->host, t->rec->port);
		t->gate = gate_get(t->rec->schedule);
		if ((was = bsearch(&t, order, nold, sizeof(*order), adopt_order)) != NULL)
			adopt_task(t, *was);
		else
			sched_next(t);
	}
	for (i = 0; i < nold; i++) {
		sched_remove(&old[i]);
		gone(&old[i]);
		if (old[i].run != NULL && old[i].run->task == NULL)
			sched_calls->stop(old[i].run);
	}
	gate_sweep();
	host_sweep();
	turn_soon();
	free(order);
	free(old);
}

/*
 * A task takes over from the one that stood for its mailbox.  What a reload may have put right is tried at once; everything
 * else keeps its place.  A changed password of a record that waits after refused logins is no reason to try at once: the next
 * refusal may lock the account.
 */
static void
adopt_task(struct task *t, struct task *was)
{
	int64_t	 due = was->due;

	sched_remove(was);
	t->rs = was->rs;
	t->ended = was->ended;
	t->tried = was->tried;
	t->host_failed = was->host_failed;
	t->login_delay = was->login_delay;
	t->expire = was->expire;
	t->tries = was->tries;
	t->unnamed = was->unnamed;
	t->refusals = was->refusals;
	t->uidl_refused = was->uidl_refused;
	t->derived = was->derived;
	t->slow = was->slow;
	t->polled = was->polled;
	t->capa_retry = was->capa_retry;
	t->capa_failed = was->capa_failed;
	t->why = was->why;
	t->again = was->again;
	t->asked = was->asked;
	t->answered = was->answered;
	t->renewed = was->renewed;
	if ((t->run = was->run) != NULL)
		t->run->task = t;
	else if (t->rec->period != 0 && (t->why == WHY_CONFIG || t->why == WHY_TOKEN_PERM))
		sched_add(t, clock_msec());
	else if (due != INT64_MAX && was->period == t->rec->period)
		sched_add(t, due);
	else
		sched_next(t);
}

/* Tasks by the number of their mailbox, for qsort(3) and bsearch(3). */
static int
adopt_order(const void *a, const void *b)
{
	const struct task	*x = *(struct task *const *)a, *y = *(struct task *const *)b;

	return (x->mailbox < y->mailbox ? -1 : x->mailbox > y->mailbox);
}
