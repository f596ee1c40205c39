/* SPDX-License-Identifier: ISC */
/*
 * A session: one poll, or one trial, as the master sees it.  poll/ leads it from the dial to the last receipt; plan/ decides what
 * becomes of the messages that it lists.
 */
#ifndef SESSION_H
#define SESSION_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/link.h"
#include "common/ipc/proto_fetcher.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "rpopd/token/token.h"
#include "plan.h"

struct trial;

/* What the fetcher says at the end of a session about the server's answers. */
enum sync {
	SYNC_UNKNOWN,			/* nothing yet, or it died before it could */
	SYNC_KEPT,			/* each was the answer to its command */
	SYNC_LOST			/* they were mixed up: no answer says to what it is */
};

enum session_state { SESSION_TOKEN, SESSION_DIALING, SESSION_STARTING, SESSION_LISTING, SESSION_MATCHING, SESSION_FETCHING,
	SESSION_CLOSING };

#define PROGRESS_MARKS	16

/* How far the retrieval of a plan is: progress.c. */
struct progress {
	uint32_t		 planned, done;	/* messages; done: committed, or not to be had */
	uint64_t		 planned_octets, octets;	/* of these, by LIST; planned_octets 0: not known of every one */
	struct progress_mark {
		int64_t		 msec;		/* monotonic */
		uint32_t	 done;
		uint64_t	 octets;
	}			 marks[PROGRESS_MARKS];	/* a ring */
	uint32_t		 nmarks;	/* that were made so far */
};

struct session {
	struct run		 run;
	uint32_t		 id;
	enum session_state	 state;
	struct trial		*trial;		/* it only tries, see try.c; NULL: a poll */
	int64_t			 mailbox;
	struct dial		*dial;		/* under way */
	struct child		*template;
	struct link		 link;		/* to the fetcher session */
	struct timer		 timer;		/* the master's own clock on it */
	struct plan		 plan;
	struct progress		 progress;	/* of the plan */
	int64_t			 epoch;		/* when it began, by the wall clock */
	uint32_t		 leave;
	struct quota		 quota;
	enum dist_mode		 mode;
	struct origin		 origin;	/* whose mail it brings */
	struct routing		*routing;	/* as it was when the deliverer was told; NULL: it was not yet */
	char			 label[PROTO_RECORD_SIZE];
	char			 where[PROTO_HOST_SIZE + 64];	/* host:port (address) */
	int			 fd;		/* connected, waiting for the deliverer's routing table; -1: none */
	char			 address[48];	/* numeric, of the server */
	struct token_user	 token;		/* if its record logs in with an access token */
	int			 forked, exited;	/* template side */
	int			 opened, closed;	/* deliverer side */
	int			 orphaned;	/* its deliverer died */
	int			 stopping;
	int			 no_capa;	/* it does without CAPA, see capa.c */
	int			 has_uidl, has_top;	/* the server has these commands */
	uint64_t		 stat_octets;	/* by STAT */
	uint32_t		 budget;	/* messages that budget.c has given it */
	uint32_t		 probes;	/* unique-ids that are asked for one by one; 0: the listing is whole */
	int			 probed;	/* these were enough: nothing is listed, see spot.c */
	uint32_t		 login_delay;	/* s, that came with a failure; 0: the server named none */
	int			 unrecorded;	/* plan_record() is to be called again */
	int			 working;	/* slices are left over of the plan, of plan_record(), or of plan_end() */
	enum { SESSION_RUNS, SESSION_ENDING, SESSION_ENDED } ending;	/* ENDING: plan_end() has begun; ENDED: it is done */
	int			 done;		/* QUIT was answered */
	int			 excused;	/* it failed at a message that had failed before, and at nothing else */
	enum sync		 sync;
	uint32_t		 doubt_first, doubt_last;	/* messages that came in unproven at the end; 0: none */
	enum fail_why		 why;		/* the first failure; WHY_NONE: there was none */
	enum fetch_stage	 stage;		/* where that was */
	char			 error[PROTO_TEXT_SIZE];	/* and its sentence */
	uint32_t		 unfound;	/* messages in a row, up to the last one, without any of the special fields */
	char			 looked_for[UNFOUND_KEY_SIZE];	/* these fields */
	int			 found;		/* some message had one of the fields */
	/* messages: what came of them, for the line in the log and the record's totals */
	uint32_t		 committed, retrieved, deleted, fallback, discarded, copies, dropped;
	uint32_t		 set_aside;	/* left alone, see suspect.c */
	uint32_t		 quarantined;	/* for some recipient at least */
	char			 quarantine_text[PROTO_TEXT_SIZE];	/* why the last one of these was */
	uint32_t		 denied;	/* DELE was refused for the first time */
	uint32_t		 denied_first;	/* the number of one of these, and the server's words about it */
	char			 denied_text[PROTO_TEXT_SIZE];
	uint32_t		 refused;	/* RETR was refused, see refusal.c */
	uint32_t		 refused_counted;	/* of these, refusals that count as failures */
	uint64_t		 octets;	/* of messages that were committed */
	char			 quit_text[PROTO_TEXT_SIZE];	/* the server's words where QUIT was refused */
	struct log_budget	 log;		/* of the fetcher's log lines */
	uint8_t			 frame[PROTO_FRAME_MAX];	/* verdicts that are to be sent */
	size_t			 frame_len;
};

/* The session of a run, since every run is a session's; NULL: that of none. */
static inline struct session *
session_of(struct run *r)
{
	return (r == NULL ? NULL : heap_of(r, struct session, run));
}

/*
 * 1: all that the session was to retrieve is answered for, and there was something: the deletions and QUIT are left, or on their
 * way.
 */
static inline int
session_leaving(const struct session *s)
{
	return (s->state == SESSION_FETCHING && s->committed + s->plan.delete > 0 &&
	    s->committed + s->plan.refusals >= s->plan.retrieve);
}

/* All sessions, in the order in which they began; with the second one, s may be freed in the loop. */
#define SESSION_FOREACH(s)							\
	for ((s) = session_of(TAILQ_FIRST(&sched_runs)); (s) != NULL; (s) = session_of(TAILQ_NEXT(&(s)->run, entry)))
#define SESSION_FOREACH_SAFE(s, next)						\
	for ((s) = session_of(TAILQ_FIRST(&sched_runs));			\
	    (s) != NULL && ((next) = session_of(TAILQ_NEXT(&(s)->run, entry)), 1); (s) = (next))

#endif
