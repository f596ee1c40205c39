/* SPDX-License-Identifier: ISC */
/* One-shot timers of the event loop, in milliseconds. */
#include "log.h"
#include "timer.h"

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
 */
void
timer_in(struct timer *t, int64_t ms)
{
	struct timeval	 tv;

	if (ms < 0)
		ms = 0;
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

static void
timer_fired(int fd, short what, void *arg)
{
	struct timer	*t = arg;

	(void)fd;
	(void)what;
	t->cb(t->arg);
}
