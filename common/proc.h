/* SPDX-License-Identifier: ISC */
/* Starting child programs and locking a process in. */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

#include "log.h"
#include "common/sandbox/sandbox.h"

#define PROC_FD		3	/* a child's channel to the master */

/* How a child is to lock itself in; filled from its command line by proc_getopts(). */
struct proc_conf {
	const char	*progname;
	const char	*user;		/* -u: drop to this user */
	const char	*root;		/* -c: chroot here */
	const char	*arg;		/* -a: what the role needs besides: the dialer's name servers */
	enum log_level	 level;		/* -v: its name */
	int		 no_seccomp;	/* -S: everything but the system-call filter */
	enum sandbox_role forks;	/* of a template, which sets it by itself: what it forks */
};

/*
 * Master: socketpair, fork, exec of path (absolute) with channel on PROC_FD, descriptors 0 to 2 on /dev/null (2 kept when
 * debug), every other descriptor closed, default signals.  argv must end in NULL.  Returns the pid and the master's
 * non-blocking end in *fd, or -1 and errno.
 */
pid_t	 proc_start(const char *path, char *const argv[], int debug, int *fd);

/* Child: parse -a -c -u -v -S; usage error exits 1. */
void	 proc_getopts(struct proc_conf *, int argc, char *argv[]);

/*
 * Child: the whole lock-in, in this order: signals (INT, HUP, PIPE, XFSZ ignored, others default), umask 077, tzset, chroot
 * (after checking that the directory is root's and not writable by others; owner_ok: or belongs to the user itself, for the mail
 * root), bounding set dropped, setgroups/setresgid/setresuid with read-back, and sandbox_enter(): no_new_privs, dumpable off,
 * parent-death signal, file and network rules, rlimits, system-call filter.  Any failure is fatal.
 */
void	 proc_lock_in(const struct proc_conf *, enum sandbox_role, int owner_ok);

/*
 * A child's log lines go to the master over this channel, written at once if there is room, else with the queue; over a full
 * queue they are counted and dropped.  exit(3) waits up to a second to get the rest out, so a fatal() is seen.  The channel must
 * outlive the process; NULL ends it.
 */
struct imsgbuf;
struct imsg;
void	 proc_log_to(struct imsgbuf *);
int	 proc_log_level(void *, struct imsg *);	/* handler of IMSG_LOG_LEVEL, every child's */

/* Puts the words for a wait status into buf, "exit 1" or "signal 6 (Aborted)", and returns it. */
const char	*proc_status_str(int status, char *buf, size_t size);

#endif
