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
	struct event	 later;		/* a polite link reads again, or a crowded one writes */
	const struct rule *rules;
	size_t		 nrules;
	uint32_t	 state;		/* of the peer, for the rule table */
	int		 open;		/* 0: closed, or never opened */
	const char	*name;		/* of the peer, for the log at LOG_LEVEL_ALL; NULL: its messages are not logged */
	int		 paused;	/* 1: nothing is read */
	int		 polite;	/* 1, set by the owner: nothing is read while something is queued for the peer */
	int		 held;		/* 1: paused because of polite */
	int		 crowded;	/* 1: too many descriptors were on their way for the one that is next */
	void		*arg;		/* of handlers, down and drained */
	/* The peer is gone (why NULL) or broke the rules (a sentence).  The link is closed already; arg's owner may free it. */
	void		(*down)(void *arg, const char *why);
	void		(*drained)(void *arg);	/* everything queued was written; may be NULL */
};

/* Take over fd, which is made non-blocking, and read from it.  0, or -1 and errno: fd is closed. */
int	 link_open(struct link *, int fd, const struct rule *, size_t nrules, void *arg, void (*down)(void *, const char *));
/* Close the link and drop what was not sent; a link that is closed already stays so. */
void	 link_close(struct link *);
/* Queue one message; fd (or -1) is consumed in every case.  0, or -1: the link is closed, or the message is too long. */
int	 link_send(struct link *, uint32_t type, int fd, const void *, size_t);
/* Queue one message without descriptor, with id in the header's peerid; it is not logged.  0 or -1, likewise. */
int	 link_send_id(struct link *, uint32_t type, uint32_t id, const void *, size_t);
/* For a process that is about to end: wait until what is queued was written, at most msec in all. */
void	 link_flush(struct link *, int msec);
/*
 * Octets behind a head, which may be of 0 octets: as one message, also of no octets, or as many as their number needs, each with
 * the head and at most PROTO_FRAME_MAX octets.  The head has at most LINK_HEAD_MAX.  What is copied on the way is wiped.
 */
#define LINK_HEAD_MAX	128
void	 link_send_part(struct link *, uint32_t type, const void *head, size_t, const void *octets, size_t);
void	 link_send_parts(struct link *, uint32_t type, const void *head, size_t, const void *octets, size_t);
/* Messages that are queued and not yet written. */
uint32_t link_queued(struct link *);
/* 1: stop reading, 0: go on. */
void	 link_pause(struct link *, int);

#endif
