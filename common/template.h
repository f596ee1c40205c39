/* SPDX-License-Identifier: ISC */
/*
 * A template: a child of the master's that is locked in and warm, forks a process for each piece of work, and tells how each ended.
 * It holds no secret and parses no octet from the network: what a fork works with comes over the fork's own channel to the master.
 * A listener is a template that accepts connections, and forks for each by itself; it holds what its listeners' TLS needs.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/rules.h"
#include "compat.h"
#include "common/sandbox/sandbox.h"

#define TEMPLATE_FD	4	/* the connection of a fork of a listener's */

struct template {
	enum sandbox_role	 role;		/* its own: SANDBOX_TEMPLATE, or _LISTENER, which forks by itself */
	enum sandbox_role	 forks;		/* what forks are narrowed to */
	int			 owner_ok;	/* the root may belong to the template's own user, see proc_lock_in() */
	void			(*warm)(void);	/* makes what all forks share, ahead of the lock-in, while there is a file system */
	/*
	 * A fork's whole life, on PROC_FD as its channel to the master, non-blocking.  It has no other descriptor above standard
	 * error, logs nowhere yet, and is to narrow itself by sandbox_fork() and to end with its parent, the template.
	 */
	void			(*run)(pid_t parent, int no_seccomp) __dead;
	void			(*begin)(void);		/* behind the lock-in; may be NULL */
	void			(*ended)(uint32_t id);	/* a fork has ended, and the master was told; may be NULL */
	const struct rule	*rules;		/* of what the master says to this template besides; handlers get arg NULL */
	size_t			 nrules;
};

/* The template's whole life, which ends with the master's.  The master chooses what is forked, and how many forks there are. */
void	 template_main(const struct template *, int argc, char *argv[]) __dead;

/*
 * Forks for the connection keep, which the fork has as TEMPLATE_FD and which stays open here.  Returns the fork's id, not 0, and in
 * *channel the master's end of its channel, which is the caller's to send; 0: there is no fork, and the log says why.
 */
uint32_t	 template_fork(int keep, int *channel);

#endif
