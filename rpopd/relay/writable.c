/* SPDX-License-Identifier: ISC */
/*
 * Nothing goes out that cannot be written down: mail is handed on only after a write of this life of the daemon to state.db has
 * succeeded, and after one that failed, only when one succeeds again.  Otherwise a store that cannot be written and a daemon that
 * is restarted would send the same message each time.
 */
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/state/state.h"
#include "relay.h"

#define PROOF_PAUSE	1000	/* ms until the next try; doubles */
#define PROOF_MAX	30000

static void	 proof_later(void);
static void	 proof_again(int, short, void *);

static int		 proven, ever;
static int64_t		 pause;		/* ms; 0: the last try succeeded, or there was none */
static int64_t		 next;		/* monotonic ms */
static struct event	 timer;

int
proof_ready(void)
{
	int	 error;

	if (proven)
		return (1);
	if (clock_msec() < next) {
		proof_later();
		return (0);
	}
	if ((error = state_relay_prove(!ever, time(NULL))) == 0) {
		if (pause != 0)
			log_info("state.db: can be written again, mail is handed on");
		proven = ever = 1;
		pause = 0;
		return (1);
	}
	if (pause == 0)
		log_warnx("state.db: %s; nothing is handed on meanwhile",
		    error == 1 ? "locked by another process" : "cannot be written");
	pause = pause == 0 ? PROOF_PAUSE : pause * 2 > PROOF_MAX ? PROOF_MAX : pause * 2;
	next = clock_msec() + pause;
	proof_later();
	return (0);
}

/* Once more when it is time; a timer that is early comes again. */
static void
proof_later(void)
{
	struct timeval	 tv;
	int64_t		 msec = next - clock_msec();

	if (!event_initialized(&timer))
		evtimer_set(&timer, proof_again, NULL);
	if (evtimer_pending(&timer, NULL))
		return;
	tv.tv_sec = msec / 1000;
	tv.tv_usec = msec % 1000 * 1000;
	evtimer_add(&timer, &tv);
}

void
proof_lost(void)
{
	proven = 0;
}

int
proof_failed(void)
{
	return (pause != 0);
}

static void
proof_again(int fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	(void)arg;
	relay_run();
}
