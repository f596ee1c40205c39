/* SPDX-License-Identifier: ISC */
/* One-shot timers of the event loop, in milliseconds. */
#include <time.h>

#include "log.h"
#include "timer.h"

static int64_t	timer_clock(void);
static void	timer_add(struct timer *, int64_t);
static void	timer_fired(int, short, void *);

/* Let a timer call cb(arg).  It is all zeroes, or was initialized before; it is disarmed then. */
void
timer_init(struct timer *t, void (*cb)(void *), void *arg)
{
	timer_stop(t);
	t->cb = cb;
	t->arg = arg;
	evtimer_set(&t->ev, timer_fired, t);
}

/*
 * Run the timer in ms milliseconds, or at the next turn of the event loop if that is not in the future; an armed timer is set anew.
 * The timer never runs before clock_msec() has come so far: what compares that clock with a time of its own finds the time reached.
 */
void
timer_in(struct timer *t, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	t->due = timer_clock() + ms;
	timer_add(t, ms);
}

/* The clock of clock_msec(), which a test may stand still. */
static int64_t
timer_clock(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000LL + ts.tv_nsec / 1000000);
}

static void
timer_add(struct timer *t, int64_t ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	if (evtimer_add(&t->ev, &tv) == -1)
		fatal("evtimer_add");
}

/* Disarm the timer.  It may be disarmed already, or never have been initialized. */
void
timer_stop(struct timer *t)
{
	if (t->cb != NULL)
		evtimer_del(&t->ev);
}

/* Whether the timer is going to run. */
int
timer_armed(const struct timer *t)
{
	return (t->cb != NULL && evtimer_pending(&t->ev, NULL) != 0);
}

/*
 * libevent counts with a clock that stands still for a tick of the kernel (CLOCK_MONOTONIC_COARSE, 4 ms), so that a turn of the event
 * loop that something else has caused may find a timer due that is not.
 */
static void
timer_fired(int fd, short what, void *arg)
{
	struct timer	*t = arg;
	int64_t		 left = t->due - timer_clock();

	(void)fd;
	(void)what;
	if (left > 0)
		timer_add(t, left);
	else
		t->cb(t->arg);
}
