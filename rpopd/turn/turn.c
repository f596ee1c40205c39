/* SPDX-License-Identifier: ISC */
/* What every room may know of the daemon's life. */
#include "turn.h"

int	 turn_stopping, turn_failed;
int64_t	 turn_started;
