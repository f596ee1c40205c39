/* SPDX-License-Identifier: ISC */
/*
 * One piece of work in a fork of a template: a poll(2) loop over its channel to the master, one connected socket and one clock.
 * The process exits at the end, so nothing but secrets and the peer's goodbye needs care.
 */
#ifndef WORK_H
#define WORK_H

#include <sys/types.h>

#include <stdint.h>

#include "compat.h"
#include "common/ipc/rules.h"
#include "common/sandbox/sandbox.h"

#define WORK_NEVER	INT64_MAX

struct work {
	const struct rule	*rules;		/* of what the master says; handlers get arg NULL */
	size_t			 nrules;
	int			 fd;		/* the socket; -1: none */
	short			 events;	/* of poll(2), that are waited for */
	int64_t			 until;		/* monotonic ms; WORK_NEVER */
	void			(*ready)(void);	/* something came of events */
	void			(*late)(void);	/* until is over; it is to set another one */
};

/*
 * The fork's whole life, as struct template has it.  A master that is gone ends it, one that breaks the rules does with a log
 * line.
 */
void	 work_run(struct work *, enum sandbox_role, pid_t parent, int no_seccomp) __dead;
void	 work_send(uint32_t type, const void *, size_t);	/* at once where possible */
void	 work_end(void) __dead;		/* when the master has all that was sent, or does not take it */

#endif
