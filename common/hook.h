/* SPDX-License-Identifier: ISC */
/*
 * Kill points, sandbox probes and a count of work, for test builds (-DRPOPD_HOOKS) only; shipping builds contain none of it.  -K
 * spec names one point, see hook_set(); -P what runs sandbox_probe() at the end of the lock-in instead of the work; -P act:what
 * lets a process do its work as one that was taken over would; -F call:n[:errno] lets the nth call of that name fail.
 */
#ifndef HOOK_H
#define HOOK_H

#ifdef RPOPD_HOOKS

#include <stdint.h>

#include "common/sandbox/sandbox.h"

#define HOOK(point)		hook_reach(point)
#define HOOK_OPTIONS		"F:K:P:"			/* for getopt(3) */
#define HOOK_OPTION(ch, arg)	hook_option((ch), (arg))	/* 1: it was one of ours */
#define HOOK_PROBE(forks, no_seccomp)	hook_probe((forks), (no_seccomp))
#define HOOK_SOCKET(fd, id)	hook_socket((fd), (id))
#define HOOK_ACTING(what)	hook_acting(what)
#define HOOK_DEST(dest, size)	hook_dest((dest), (size))
#define HOOK_WORK(n)		hook_work(n)		/* n units of work, whatever they are in this program */
#define HOOK_TURN()		hook_turn()		/* the event loop has come round */
#define HOOK_REPORT()		hook_report()		/* say how much work the longest turn was */

/* "point[:n[:signal]]": at the nth time (default 1) the point is reached, raise kill (default), abrt, segv, term or stop;
 * or flood: write 20000 log lines, as a process in bad hands might. */
void	 hook_set(const char *spec);
void	 hook_reach(const char *point);
int	 hook_option(int ch, const char *arg);
void	 fault_set(const char *spec);		/* fault.c: -F */
/*
 * 1: -P act:what.  others: an oauth process answers other requests, a sender process tells of other sessions, ahead of their own.
 */
int	 hook_acting(const char *what);
void	 hook_probe(enum sandbox_role forks, int no_seccomp);	/* exits if -P was given */

/* probe.c: what a dialer hands over, and to whom, as -P act: says: linger, listening, udp, unix, pipe, blocking. */
void	 hook_socket(int *fd, uint32_t *id);

/* probe.c: where a deliverer says that a message goes, as -P act: says: stranger, outside, neighbour. */
void	 hook_dest(char *dest, size_t);

/* Work is counted, so that a test can tell how much of it there was between two turns without looking at a clock. */
void	 hook_work(uint64_t);
void	 hook_turn(void);
void	 hook_report(void);

/* probe.c: try one forbidden thing.  Exits 42 if it succeeded, 0 if it was refused, 3 if the name is unknown. */
void	 sandbox_probe(const char *what) __attribute__((__noreturn__));

#else

#define HOOK(point)		do { } while (0)
#define HOOK_OPTIONS		""
#define HOOK_OPTION(ch, arg)	0
#define HOOK_PROBE(forks, no_seccomp)	do { } while (0)
#define HOOK_SOCKET(fd, id)	do { } while (0)
#define HOOK_ACTING(what)	0
#define HOOK_DEST(dest, size)	do { } while (0)
#define HOOK_WORK(n)		do { } while (0)
#define HOOK_TURN()		do { } while (0)
#define HOOK_REPORT()		do { } while (0)

#endif

#endif
