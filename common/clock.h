/* SPDX-License-Identifier: ISC */
/* Monotonic time; the wall clock is for file names, headers and the log only. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	 clock_msec(void);	/* CLOCK_MONOTONIC in milliseconds */

#endif
