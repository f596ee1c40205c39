/* SPDX-License-Identifier: ISC */
/* Monotonic time; the wall clock is for file names, headers and the log only. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	 clock_msec(void);	/* CLOCK_MONOTONIC in milliseconds */

/*
 * Whether the wall clock may be right.  It cannot be on a machine that begins at 1970 or at its system's release, until a time
 * server has answered; nothing that lies in the future of such a clock is corrected.
 */
#define CLOCK_FLOOR	1735689600	/* 2025-01-01, epoch */
#define clock_plausible(now)	((now) >= CLOCK_FLOOR)

#endif
