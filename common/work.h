/* SPDX-License-Identifier: ISC */
/*
 * A template whose forks do one piece of work each: a poll(2) loop over the fork's channel to the master, one connected socket or
 * a channel to one more process, and one clock.  A fork exits at the end of its work, so nothing but secrets and the peer's goodbye
 * needs care.
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
	enum sandbox_role	 role;		/* what a fork is narrowed to */
	int			 owner_ok;	/* as struct template has it */
	const struct rule	*rules;		/* of what the master says to a fork; handlers get arg NULL */
	size_t			 nrules;
	void			(*warm)(void);	/* in the template, as struct template has it */
	void			(*ready)(void);	/* the socket is ready for the events that work_wait() named */
	void			(*late)(void);	/* the time given to work_wait() is over; another one is to be set */
};

/*
 * The program's whole life.  A master that is gone ends a fork, one that breaks the rules does with a log line.
 */
void	 work_main(const struct work *, int argc, char *argv[]) __dead;

/* What is waited for from now on: events (of poll(2)) on fd, -1: none; monotonic ms, WORK_NEVER: no clock. */
void	 work_wait(int fd, short events, int64_t until);

/*
 * A channel to one more process, once in a fork's life; fd does not block.  Its messages go by these rules, with arg
 * NULL.  gone(why) is called outside of any handler when the peer has closed its end (NULL) or broke the rules (a sentence);
 * nothing more is heard of it then.
 */
void	 work_peer(int fd, const struct rule *, size_t nrules, void (*gone)(const char *why));
void	 work_peer_send(uint32_t type, int fd, const void *, size_t);	/* at once where possible; fd, or -1, goes along */
uint32_t work_peer_queued(void);	/* messages that the peer has not taken yet */

/*
 * Gives a message that is head octets, the first of which are a uint32_t id, and further octets to take(), as id and these octets.
 * Returns what that returns, or -1.
 */
int	 work_part(struct imsg *, size_t head, int (*take)(uint32_t, const void *, size_t));

void	 work_send(uint32_t type, const void *, size_t);	/* sends to the master, at once where possible */
void	 work_end(void) __dead;		/* exits when master and peer have all that was sent, or do not take it */

#endif
