/* SPDX-License-Identifier: ISC */
#ifndef TIMER_H
#define TIMER_H

#include <sys/types.h>
#include <sys/time.h>

#include <event.h>
#include <stdint.h>

/*
 * A timer of the event loop: it runs once, cb(arg), and is then disarmed.  Its memory begins as zeroes, which is a disarmed timer;
 * timer_init() has to come before timer_in(), and may come again.  An armed timer must stay where it is in memory until it has run
 * or was stopped.
 */
struct timer {
	struct event	 ev;
	void		(*cb)(void *);
	void		*arg;
	int64_t		 due;		/* clock_msec() that it runs at, not before */
};

void	 timer_init(struct timer *, void (*cb)(void *), void *arg);
void	 timer_in(struct timer *, int64_t ms);
void	 timer_stop(struct timer *);
int	 timer_armed(const struct timer *);

#endif
