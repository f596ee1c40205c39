/* SPDX-License-Identifier: ISC */
/* budget.c: how many messages all sessions together have listed. */
#ifndef BUDGET_H
#define BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto.h"

#define BUDGET_MESSAGES		(2 * PROTO_MSGS_MAX)
#define BUDGET_SMALL		4096	/* a session of no more than that never waits, and does not count */

struct session;
int	 budget_take(struct session *, uint32_t messages);
void	 budget_listed(const struct session *);
void	 budget_reason(const struct session *, char *, size_t);

#endif
