/* SPDX-License-Identifier: ISC */
/*
 * When a record is polled.  A task waits in one heap at a time:
 *
 *	later		for its time
 *	gate held	it was due, and the activity schedule does not permit polling
 *	a share		it is due, and waits for a processor, for one of its host's sessions, or for a host that failed
 *
 * Of sessions the schedule knows runs only; it begins, stops and ends them by the calls that the room above gives to sched_init().
 */
#ifndef SCHED_H
#define SCHED_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/heap.h"
#include "rpopd/state/state.h"

struct counts;
struct gate;
struct host;
struct owner;
struct share;
struct spots;
struct statvfs;
struct task;

/*
 * A session as the schedule sees it.  It lies in the session's own structure, and is in sched_runs from sched_begin() to
 * sched_end().
 */
struct run {
	TAILQ_ENTRY(run)	 entry;
	struct task		*task;		/* NULL: its record was removed meanwhile */
	struct host		*host;		/* where it counts; NULL: no longer */
	struct owner		*owner;		/* for whom it counts, while host is set; see share.c */
	const char		*label;		/* account/record, for logs */
	int			 trial;		/* 1: it only looks, and brings nothing */
	uint32_t		 asked;		/* requests of its task when it began: they are served by it */
	int64_t			 begun;		/* monotonic ms */
	int64_t			 progress;	/* likewise: when it last got anywhere */
};
TAILQ_HEAD(runs, run);

/*
 * How far a run is:
 *
 *	WAITING		it has no connection yet
 *	ACTIVE		its server has something to do for it
 *	HELD		it waits for this process, not for its server
 *	LEAVING		all that it was to bring is here, and there was something; the deletions and QUIT are left
 *	ENDING		it was told to stop, or is over
 */
enum run_phase { RUN_WAITING, RUN_ACTIVE, RUN_HELD, RUN_LEAVING, RUN_ENDING };

struct sched_calls {
	int		(*start)(struct task *);	/* 0: the task has a run now; -1: not now, a round follows when it can */
	void		(*stop)(struct run *);			/* it is to finish its current message and QUIT */
	void		(*cut)(struct run *, const char *why);	/* it ends at once, to make room for others */
	enum run_phase	(*phase)(const struct run *);
	const char	*(*state)(const struct run *);		/* a word for the status */
};

/* A record at run time; survives reloads as long as the record names the same remote mailbox. */
struct task {
	const struct record	*rec;
	int64_t			 mailbox;
	struct record_state	 rs;
	struct unfound		 unfound;
	struct run		*run;		/* NULL: no session of it is under way */
	struct host		*host;
	struct gate		*gate;		/* NULL: always open */
	struct heap		*queue;		/* the heap in which it waits, as above; NULL: none */
	struct share		*share;		/* whose heap that is; NULL: it is another one */
	struct heap_item	 item;
	int64_t			 due;		/* monotonic ms; INT64_MAX = never */
	int64_t			 ended;		/* the last poll, if polled; monotonic ms */
	int64_t			 tried;		/* the last trial (try.c) ended, 0 = none; monotonic ms */
	int64_t			 host_failed;	/* when the last poll failed at its host, 0: it did not */
	uint32_t		 period;	/* rec->period; outlives rec at a reload */
	uint32_t		 login_delay;	/* s the server wants between logins, 0 = none known */
	uint32_t		 expire;	/* days the server keeps messages, as msg_fetch_stat */
	uint32_t		 tries;		/* in a row that ended for the same reason */
	uint32_t		 unnamed;	/* messages that no listing names, beyond what one session tries: told */
	uint32_t		 refusals;	/* polls in a row that met refusals of messages without a unique-id */
	uint32_t		 uidl_refused;	/* polls in a row in which UIDL was */
	int			 derived;	/* its server has unique-ids that break the rules: told */
	int			 slow;		/* no session has succeeded since one stalled: see share.c */
	int			 polled;	/* in this life of the daemon */
	int			 again;		/* poll-now came during a session */
	uint32_t		 asked, answered;	/* poll-now: so many came; of these, what the last one asked for is over */
	int			 renewed;	/* a refused access token was replaced; no login has succeeded since */
	int			 capa_retry;	/* the next poll is the last one once more, without CAPA */
	int64_t			 capa_failed;	/* when a poll without CAPA was of no use, monotonic ms; 0: never */
	enum fail_why		 why;		/* how the last poll failed */
	struct spots		*spots;		/* spot.c; NULL: the next listing is whole */
	struct counts		*counts;	/* counts.c; NULL: never looked at */
};

/* --- sched.c --- */

extern struct task	*sched_tasks;		/* of every record */
extern size_t		 sched_ntasks;
extern struct runs	 sched_runs;		/* of every session, in the order in which they began */
extern uint32_t		 sched_nruns;

void	 sched_init(const struct sched_calls *);
void	 sched_run(const char *why);
void	 sched_begin(struct run *, struct task *);	/* of start(), or of a trial */
void	 sched_end(struct run *);
void	 sched_stop(void);			/* the daemon ends: every run is told to stop */
void	 sched_add(struct task *, int64_t due);	/* or move */
void	 sched_remove(struct task *);
void	 sched_next(struct task *);		/* after a poll or at load: compute due from state */
int	 sched_named(const struct task *, const char *name);
int	 sched_busy(const struct task *);	/* 1: a session of it is under way, or it is due and may have one */
const char *sched_state(const struct task *, int64_t *next);

struct poll_answer {			/* to poll-now */
	uint32_t	 matched;		/* all of them; the rest now, or after the running poll */
	uint32_t	 early;			/* that their server wants polled later ... */
	uint32_t	 closed;		/* that the schedule does not permit now ... */
	int64_t		 wait, opens;		/* ... in s; ... until epoch or SCHEDULE_NEVER; the first of them */
};
void	 sched_poll(const char *name, struct poll_answer *);	/* "all", account, account/record */
int	 sched_permits(struct task *, char *err, size_t errsize);

/* --- adopt.c --- */

void	 sched_adopt(struct task *, size_t, void (*gone)(struct task *));

/* --- host.c: a name and a port --- */

void		 host_login(struct run *);		/* the session has logged in */
int		 host_result(struct run *, enum fetch_stage, enum fail_why);
int		 host_full(const struct host *);	/* 1: there are as many sessions with it as may be */
void		 host_join(struct run *, struct host *);	/* a trial begins */
void		 host_leave(struct run *);		/* it is over */

/* --- space.c: is there room for what a session brings? --- */

int		 space_missing(const struct statvfs *, uint32_t min_free, int was, char *text, size_t size);
int		 space_enough(void);			/* 1: a session may begin */
const char	*space_trouble(void);			/* what room is missing, and the remedy; "": there is room */

/* --- retry.c: how long until the next poll --- */

int		 retry_counts(enum fail_why);		/* 1: a failure of the record's own */
int64_t		 retry_delay(const struct task *);	/* s from the last attempt to the next one */
void		 retry_learn(struct task *, enum fail_why, uint32_t login_delay);

#endif
