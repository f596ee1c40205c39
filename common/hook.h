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

#define HOOK(point)		hook_reach(point)		/* point: "process.step" */
#define HOOK_OPTIONS		"F:K:P:"			/* for getopt(3) */
#define HOOK_OPTION(ch, arg)	hook_option((ch), (arg))	/* 1: the option is one of these */
#define HOOK_PROBE(forks, no_seccomp)	hook_probe((forks), (no_seccomp))
#define HOOK_SOCKET(fd, id)	hook_socket((fd), (id))
#define HOOK_ACTING(what)	hook_acting(what)
#define HOOK_DEST(dest, size)	hook_dest((dest), (size))
#define HOOK_TRESPASS(dir)	hook_trespass(dir)
#define HOOK_WORK(n)		hook_work(n)		/* n units of work were done */
#define HOOK_TURN()		hook_turn()		/* the event loop begins a turn */
#define HOOK_REPORT()		hook_report()		/* log how much work was done in the longest turn */

/*
 * "point[:n[:signal]]": when the point is reached for the nth time (default 1), the process gets the signal kill (default), abrt,
 * segv, term or stop; or, with flood, it writes 20000 log lines, as a process in bad hands might.
 */
void	 hook_set(const char *spec);
void	 hook_reach(const char *point);
int	 hook_option(int ch, const char *arg);
void	 fault_set(const char *spec);		/* fault.c: -F */
/*
 * Whether -P act:what was given.  With "others" an oauth process answers other requests, and a sender process tells of other
 * sessions, ahead of their own; with "again" a session of popd asks twice for the signer.
 */
int	 hook_acting(const char *what);
void	 hook_probe(enum sandbox_role forks, int no_seccomp);	/* if -P was given, tries that and exits */

/* Changes what a dialer hands over, and for whom, as -P act:what says: linger, listening, udp, unix, pipe, blocking (probe.c). */
void	 hook_socket(int *fd, uint32_t *id);

/* Changes where a deliverer says that a message goes, as -P act:what says: stranger, outside, neighbour (probe.c). */
void	 hook_dest(char *dest, size_t);

/*
 * With -P act:trespass a process that is about to lock itself into a directory keeps a descriptor of its root (dir -1), and then
 * tries what it must not be able to do outside of that directory, each with a log line (probe.c).
 */
void	 hook_trespass(int dir);

/* Work is counted, so that a test can tell how much of it there was between two turns without looking at a clock. */
void	 hook_work(uint64_t);
void	 hook_turn(void);
void	 hook_report(void);

/* Tries one forbidden thing, and exits: 42 if it succeeded, 0 if it was refused, 3 if the name is unknown (probe.c). */
void	 sandbox_probe(const char *what) __attribute__((__noreturn__));

#else

#define HOOK(point)		do { } while (0)
#define HOOK_OPTIONS		""
#define HOOK_OPTION(ch, arg)	0
#define HOOK_PROBE(forks, no_seccomp)	do { } while (0)
#define HOOK_SOCKET(fd, id)	do { } while (0)
#define HOOK_ACTING(what)	0
#define HOOK_DEST(dest, size)	do { } while (0)
#define HOOK_TRESPASS(dir)	do { } while (0)
#define HOOK_WORK(n)		do { } while (0)
#define HOOK_TURN()		do { } while (0)
#define HOOK_REPORT()		do { } while (0)

#endif

#endif
