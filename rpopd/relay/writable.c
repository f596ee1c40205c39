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
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define WRITABLE_PAUSE	1000	/* ms until the next try; doubles */
#define WRITABLE_MAX	30000

static int		 proven;	/* writable_ready() says yes */
static int		 ever;		/* it has said so once */
static int64_t		 pause;		/* ms; 0: the last try succeeded, or there was none */
static int64_t		 next;		/* monotonic ms */

/* 1: a write of this life of the daemon has succeeded, and none has failed since, so that mail may be handed on; 0: not so. */
int
writable_ready(void)
{
	enum db	 result;

	if (proven)
		return (1);
	if (clock_msec() < next) {
		turn_at(next);
		return (0);
	}
	if ((result = state_relay_prove(!ever, time(NULL))) == DB_OK) {
		if (pause != 0)
			log_info("state.db: can be written again, mail is handed on");
		proven = ever = 1;
		pause = 0;
		return (1);
	}
	if (pause == 0)
		log_warnx("state.db: %s; nothing is handed on meanwhile",
		    result == DB_BUSY ? "locked by another process" : "cannot be written");
	pause = pause == 0 ? WRITABLE_PAUSE : pause * 2 > WRITABLE_MAX ? WRITABLE_MAX : pause * 2;
	next = clock_msec() + pause;
	turn_at(next);
	return (0);
}

/* A write has failed. */
void
writable_lost(void)
{
	proven = 0;
}

/* 1: the last try to write has failed, or state.db is left alone since then; 0: not so. */
int
writable_failed(void)
{
	return (pause != 0);
}
