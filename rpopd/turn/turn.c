/* SPDX-License-Identifier: ISC */
/*
 * When the master's next round is.  A round is one call of the function that main() registers; it looks after everything that
 * may have something to do, and costs little where there is nothing.  Handlers of events do not call it, they say turn_soon():
 * then one round follows from the event loop, however many handlers have asked for it.
 *
 * At the end of a round nothing is left of the times that were told before it: whoever has something to do later tells its time
 * in each round.
 */
#include "common/clock.h"
#include "common/timer.h"
#include "turn.h"

#define ROUND_MAX	3600000		/* ms until the next round at the latest, if there is to be one */

static void	 turn_run(void *);

int			 turn_stopping, turn_failed;
int64_t			 turn_started;
static void		(*turn_round)(void);
static struct timer	 timer;
static int64_t		 next = INT64_MAX;	/* monotonic ms, as told to turn_at() */

/* Rounds are calls of round(), from the event loop. */
void
turn_init(void (*round)(void))
{
	turn_round = round;
	timer_init(&timer, turn_run, NULL);
}

/* A round follows at once, after the events that are handled now. */
void
turn_soon(void)
{
	turn_at(0);
}

/* A round follows at this time, monotonic ms, unless there is one before it; INT64_MAX: at no time. */
void
turn_at(int64_t due)
{
	int64_t	 wait;

	if (due >= next)
		return;
	next = due;
	wait = due - clock_msec();
	timer_in(&timer, wait > ROUND_MAX ? ROUND_MAX : wait);
}

static void
turn_run(void *arg)
{
	(void)arg;
	next = INT64_MAX;
	turn_round();
}
