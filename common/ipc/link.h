/* SPDX-License-Identifier: ISC */
/*
 * A link: one end of a channel inside a libevent loop.  Reads, dispatches by a rule table, writes when the socket takes it.
 */
#ifndef LINK_H
#define LINK_H

#include <sys/types.h>

#include <event.h>
#include <stdint.h>

#include "imsg.h"
#include "rules.h"

struct link {
	struct imsgbuf	 ibuf;
	struct event	 rev, wev;
	const struct rule *rules;
	size_t		 nrules;
	uint32_t	 state;		/* of the peer, for the rule table */
	int		 open;
	const char	*name;		/* of the peer, for the log at LOG_LEVEL_ALL; NULL: not logged */
	int		 paused;	/* not reading */
	int		 polite;	/* reads no more while something is queued for the peer; set by the owner */
	int		 held;		/* paused for that reason */
	void		*arg;
	/* The peer is gone (why NULL) or broke the rules (a sentence).  The link is closed already; arg's owner may free it. */
	void		(*down)(void *arg, const char *why);
	void		(*drained)(void *arg);	/* may be NULL: everything queued was written */
};

/* Take over fd (made non-blocking).  arg goes to handlers and down.  0, or -1 and errno (fd is closed). */
int	 link_open(struct link *, int fd, const struct rule *, size_t nrules, void *arg, void (*down)(void *, const char *));
void	 link_close(struct link *);	/* idempotent; unsent messages are dropped */
/* Queue one message; fd (or -1) is consumed in every case.  0, or -1 if the link is closed or memory is short. */
int	 link_send(struct link *, uint32_t type, int fd, const void *, size_t);
int	 link_send_id(struct link *, uint32_t type, uint32_t id, const void *, size_t);
/* Before an end of our own: waits at most msec in all until what is queued was written. */
void	 link_flush(struct link *, int msec);
uint32_t link_queued(struct link *);
void	 link_pause(struct link *, int);	/* 1: stop reading, 0: go on */

#endif
