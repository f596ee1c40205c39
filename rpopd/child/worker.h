/* SPDX-License-Identifier: ISC */
/*
 * A process that a template has forked for one token request or one connection to a next hop, and the channel to it: over that
 * alone go its secrets, and its word counts for that one piece of work.  Included by rpopd.h.
 *
 *	WORKS	has an owner, who waits for what it says
 *	LEFT	its owner has what he wanted: it is to end by itself, within WORKER_GRACE
 *	LOST	it has died, or was killed because it broke the rules
 *	KILLED	likewise, because its owner wished so or its template died
 *
 * It is freed when the template has told its end and its channel is closed.
 */
#ifndef WORKER_H
#define WORKER_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event.h>
#include <stdint.h>

#include "common/ipc/link.h"
#include "common/log.h"
#include "common/ipc/proto.h"
#include "childlog.h"

struct child;

enum worker_state { WORKER_WORKS, WORKER_LEFT, WORKER_LOST, WORKER_KILLED };

struct worker {
	LIST_ENTRY(worker)	 entry;
	struct child		*template;
	uint32_t		 id;		/* what the template knows it by */
	enum worker_state	 state;
	struct link		 link;
	struct log_budget	 log;
	int			 exited;	/* and how: */
	uint32_t		 signaled, code;	/* as struct msg_fork_exit has it */
	struct event		 clock;
	void			(*died)(void *);
	void			*arg;		/* the owner; NULL: he has left */
	char			 label[PROTO_TEXT_SIZE];	/* for logs: what it works for */
};

/* The template of that role that takes one more, or NULL: it is not ready, or has too many. */
struct child	*worker_template(enum role);
/* died(arg) is called once, from the event loop, if its channel ends ahead of worker_leave().  NULL and errno: not started. */
struct worker	*worker_start(struct child *template, uint32_t id, const char *label, const struct rule *, size_t nrules,
		    void (*died)(void *), void *arg);
void		 worker_leave(struct worker *);	/* by its owner, who forgets it; from a handler of its channel, too */
void		 worker_kill(struct worker *);	/* its end follows */
int		 worker_log(void *, struct imsg *);	/* handler of IMSG_LOG */
void		 worker_log_level(uint32_t level);	/* of all */
void		 worker_template_died(const struct child *);

/* What a template says whose forks are workers. */
extern const struct rule	 worker_rules[];
extern const size_t		 worker_nrules;

#endif
