/* SPDX-License-Identifier: ISC */
/* What state.db need not know any longer: once a day, and for mailboxes that no record names any more at each load of the store. */
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "poll.h"

#define PRUNE_PERIOD	86400000	/* ms */

static void	 prune_go_on(enum db);
static void	 prune_slice(void *);
static void	 prune_history(void *);

static struct timer	 slice, history;

/*
 * Called after each commit, this does something once a day: times in the future, rows that are too old, and what prune_mailboxes()
 * does.
 */
void
prune_daily(void)
{
	static int64_t	 next;
	int64_t		 now = clock_msec();

	if (now < next)
		return;
	next = now + PRUNE_PERIOD;
	state_clamp(time(NULL));
	state_prune_old(time(NULL));
	prune_mailboxes();
}

/*
 * Forget the mailboxes that neither a record names nor a session works with, if their time has come, and what became of messages as
 * long ago as the settings say.
 */
void
prune_mailboxes(void)
{
	struct session	*s;
	int64_t		*ids, *running;
	size_t		 i, n = 0;

	if ((ids = calloc(sched_ntasks + sched_nruns + 1, sizeof(*ids))) == NULL)
		fatal("prune");
	for (i = 0; i < sched_ntasks; i++)
		ids[i] = sched_tasks[i].mailbox;
	running = ids + sched_ntasks;
	SESSION_FOREACH(s)
		running[n++] = s->mailbox;
	prune_go_on(state_prune(ids, sched_ntasks, running, n));
	free(ids);
	prune_history(NULL);
}

/* Rows of a large mailbox are removed in slices from the event loop.  result is state_prune()'s or state_prune_slice()'s. */
static void
prune_go_on(enum db result)
{
	if (result == DB_MORE) {
		timer_init(&slice, prune_slice, NULL);
		timer_in(&slice, 0);
	} else if (result != DB_OK)
		log_warnx("state.db: states of removed records stay until the next load");
}

static void
prune_slice(void *arg)
{
	(void)arg;
	prune_go_on(state_prune_slice());
}

/* Rows about messages that were handled long ago are removed likewise. */
static void
prune_history(void *arg)
{
	enum db	 result = state_history_prune(time(NULL));

	(void)arg;
	if (result == DB_MORE) {
		timer_init(&history, prune_history, NULL);
		timer_in(&history, 0);
	} else if (result != DB_OK)
		log_warnx("state.db: what became of old messages is remembered until the next load");
}
