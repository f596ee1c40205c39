/* SPDX-License-Identifier: ISC */
/*
 * A session: one poll, or one trial, as the master sees it.  poll/ leads it from the dial to the last receipt; plan/ decides what becomes
 * of the messages that it lists.
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

/* What is known of a session's answers: nothing; they were those to the commands; they were mixed up. */
enum sync { SYNC_UNKNOWN, SYNC_KEPT, SYNC_LOST };

enum session_state { SESSION_TOKEN, SESSION_DIALING, SESSION_STARTING, SESSION_LISTING, SESSION_MATCHING, SESSION_FETCHING,
	SESSION_CLOSING };

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
	int			 no_capa;	/* see capa.c */
	int			 has_uidl, has_top;
	uint64_t		 stat_octets;
	uint32_t		 budget;	/* messages that budget.c has given it */
	uint32_t		 probes;	/* asked for; 0: the listing is whole */
	int			 probed;	/* and they were enough */
	uint32_t		 login_delay;	/* s, that came with a failure; 0 = none said */
	int			 unrecorded;	/* plan_record() is due again */
	int			 working;	/* slices are left over: of the plan, of plan_record(), or of plan_end() */
	enum { SESSION_RUNS, SESSION_ENDING, SESSION_ENDED } ending;	/* it is over, plan_end() has begun, it has ended */
	int			 done;
	int			 excused;	/* it failed at a message that had failed before, and at nothing else */
	uint32_t		 committed;	/* messages */
	enum sync		 sync;
	uint32_t		 doubt_first, doubt_last;	/* in step, but these came in unproven at the end; 0: none */
	enum fail_why		 why;		/* first failure, WHY_NONE */
	enum fetch_stage	 stage;
	char			 error[PROTO_TEXT_SIZE];
	uint32_t		 unfound;	/* messages in a row, the last one included, without any of the special fields */
	char			 looked_for[UNFOUND_KEY_SIZE];
	int			 found;		/* one before them had one */
	uint32_t		 retrieved, deleted, fallback, discarded, copies, dropped, aside;
	uint32_t		 quarantined;	/* messages, for some recipient at least */
	char			 quarantine_text[PROTO_TEXT_SIZE];	/* why the last one was */
	uint32_t		 denied, denied_first;	/* DELE was, for the first time, of so many; one of them, and why */
	char			 denied_text[PROTO_TEXT_SIZE];
	char			 quit_text[PROTO_TEXT_SIZE];	/* the server's words where QUIT was refused */
	struct log_budget	 log;
	uint32_t		 refused, refused_counted;	/* RETR was; of these, see refusal.c */
	uint64_t		 octets;
	/* verdict frame under construction */
	uint8_t			 frame[PROTO_FRAME_MAX];
	size_t			 frame_len;
};

/* The session of a run, since every run is a session's; NULL: that of none. */
static inline struct session *
session_of(struct run *r)
{
	return (r == NULL ? NULL : heap_of(r, struct session, run));
}

/* 1: all that the session was to retrieve is answered for, and there was something: the deletions and QUIT are left, or on their way. */
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
