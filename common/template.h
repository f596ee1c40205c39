/* SPDX-License-Identifier: ISC */
/*
 * A template: a child of the master's that is locked in and warm, forks a process for each piece of work, and tells how each ended.
 * It holds no secret and parses no octet from the network: what a fork works with comes over the fork's own channel to the master.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <sys/types.h>

#include "compat.h"
#include "common/sandbox/sandbox.h"

struct template {
	enum sandbox_role	 forks;		/* what forks are narrowed to */
	void			(*warm)(void);	/* makes what all forks share, ahead of the lock-in, while there is a file system */
	/*
	 * A fork's whole life, on PROC_FD as its channel to the master, non-blocking.  It has no other descriptor above standard
	 * error, logs nowhere yet, and is to narrow itself by sandbox_fork() and to end with its parent, the template.
	 */
	void			(*run)(pid_t parent, int no_seccomp) __dead;
};

/* The template's whole life, which ends with the master's.  The master chooses what is forked, and how many forks there are. */
void	 template_main(const struct template *, int argc, char *argv[]) __dead;

#endif
