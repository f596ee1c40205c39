/* SPDX-License-Identifier: ISC */
/* A child's main program: from its command line over the lock-in to the event loop, with a channel to the master. */
#ifndef PROC_MAIN_H
#define PROC_MAIN_H

#include <sys/types.h>

#include "common/ipc/link.h"
#include "compat.h"
#include "proc.h"

struct process {
	enum sandbox_role	 role;
	enum sandbox_role	 forks;		/* of a template: what its forks are narrowed to */
	int			 owner_ok;	/* the root may belong to the process's own user, see proc_lock_in() */
	const struct rule	*rules;		/* of what the master says; handlers get arg NULL */
	size_t			 nrules;
	void			(*prepare)(const struct proc_conf *);	/* ahead of the lock-in, with privileges and files */
	void			(*begin)(const struct proc_conf *);	/* behind it, ahead of the first message; may be NULL */
};

extern struct link	 proc_master;	/* the channel to the master */

/*
 * The child's whole life.  It ends with the master, whose end of the channel is then gone; a master that breaks the rules ends it
 * with a log line.
 */
void	 proc_main(const struct process *, int argc, char *argv[]) __dead;

#endif
