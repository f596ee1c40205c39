/* SPDX-License-Identifier: ISC */
/* A master without processes for the tests of the queue: a store in memory, a clock to be set, a sender and a deliverer that note. */
#ifndef RELAYWORLD_H
#define RELAYWORLD_H

#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/relay/relay_int.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"

#define NROWS	512

struct sent {				/* one message to a child */
	uint32_t	 type, id, mail, n;	/* id of the connection; MAIL: recipients; RCPT: its number; REPORT: recipients */
	char		 text[PROTO_DEST_SIZE];	/* RCPT: address; OPEN, REMOVE: link; START: name; DIAL: host */
};

extern struct config		 config;
extern struct nexthop_row	 nexthops[3];	/* ids 1 and 2 are dialed, 3 is a socket that is not there */
extern struct relay_row		 rows[NROWS];	/* the store; id 0: free */
extern struct child		 dialer, deliverer, sender;
extern struct sent		 sent[NROWS * 4];
extern size_t			 nsent, ngrown;	/* ngrown: quarantine_grew() */
extern size_t			 ntried;	/* rows, by world_tried() */
extern int64_t			 now, wall;	/* monotonic ms, epoch */
extern int64_t			 tick;		/* ms that pass whenever somebody looks at the clock */
extern unsigned			 nrounds;	/* of the master, which the event loop has begun */
extern int			 locked;	/* the store */
extern char			 gone[PROTO_LINK_SIZE];	/* a link whose file is not in the spool */
extern size_t			 nproofs, nsentmarks;	/* writes before something is handed on */
extern size_t			 nnotices;
extern char			 notice[2048];	/* the subject of the last */

void	 world_postmaster(uint32_t nexthop);	/* where his mail goes; 0: into a Maildir */
int	 world_setup(void **);
int	 world_teardown(void **);
void	 world_later(int64_t msec);
/* A new row of message `message`, recipient r<id>@example.org; returns its id. */
int64_t	 world_row(int message, uint32_t nexthop, enum notify, const char *sender);
void	 world_commit(int64_t first, int64_t last);	/* relay_committed() and relay_run() */
size_t	 world_count(uint32_t type);
const struct sent *world_last(uint32_t type);	/* NULL: none since world_forget() */
void	 world_forget(void);
void	 world_dialed(uint32_t id);
void	 world_dial_failed(uint32_t id, const char *text);
void	 world_opened(int error);		/* what the deliverer was asked for last */
void	 world_tried(int64_t id);		/* for relay_start() */
void	 world_connect(void);			/* the last dial succeeds, and the message is opened */
void	 world_open(void);			/* the deliverer opens what was asked for last */
void	 world_answer(const char *results);	/* for the last mail: "a" accepted, "t", "p", "d"; and SENT_MAIL */
void	 world_end(enum fail_why, int temp);	/* of the last connection */
struct worker *world_worker(uint32_t id);	/* the process of a connection */
void	 world_died(uint32_t id);		/* it has died */

#endif
