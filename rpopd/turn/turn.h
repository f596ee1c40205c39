/* SPDX-License-Identifier: ISC */
/* The master's rounds, and what every room may know of the daemon's life; turn.c. */
#ifndef TURN_H
#define TURN_H

#include <stdint.h>

#define TURN_STOP_SECONDS	30	/* a stop waits this long for running sessions */

extern int	 turn_stopping;		/* 1: the daemon was told to stop; nothing new is begun */
extern int	 turn_failed;		/* 1: a run of rpopd -1 has failed at something, and its exit status says so */
extern int64_t	 turn_started;		/* epoch, when the daemon had read its stores */

void	 turn_init(void (*round)(void));	/* what a round is; before the first call of the others */
void	 turn_soon(void);			/* something has happened that a round has to look at */
void	 turn_at(int64_t due);			/* monotonic ms; INT64_MAX: never */

#endif
