/* SPDX-License-Identifier: ISC */
/* Monotonic time. */
#include <time.h>

#include "clock.h"
#include "log.h"

int64_t
clock_msec(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts) == -1)
		fatal("clock_gettime");
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
