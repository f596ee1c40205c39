/* SPDX-License-Identifier: ISC */
/*
 * When a record is polled.  A task waits in one heap at a time:
 *
 *	later		for its time
 *	gate held	it was due, and the activity schedule does not permit polling (S6)
 *	a share		it is due, and waits for a processor, for one of its host's sessions, or for a host that failed (S15)
 */
#ifndef SCHED_H
#define SCHED_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

struct counts;
struct session;
struct share;
struct spots;
struct statvfs;
struct task;

/* heap.c: a binary heap of what has an item in it; least key first. */
struct heap_item {
	int64_t			  key;
	size_t			  slot;		/* heap.c's */
};

struct heap {
	struct heap_item	**items;
	size_t			  n, size;
};

#define heap_of(item, type, member)	((type *)(void *)((char *)(item) - offsetof(type, member)))

void		 heap_put(struct heap *, struct heap_item *, int64_t key);
void		 heap_take(struct heap *, struct heap_item *);	/* must be in it */
struct heap_item *heap_top(const struct heap *);		/* NULL: empty */
void		 heap_free(struct heap *);			/* must be empty */

/* gate.c: the schedule of records that have the same one. */
struct gate {
	SLIST_ENTRY(gate)	 entry;
	const char		*name;		/* column schedule, in the config */
	struct schedule		 schedule;
	struct heap		 held;
	int			 open;		/* from checked until change (epoch) */
	int64_t			 checked, change;
};

void		 gate_reload(void);			/* a new config: new gates; the old ones stay until gate_sweep() */
void		 gate_sweep(void);
struct gate	*gate_get(const char *schedule);	/* NULL: always open */
int		 gate_open(struct gate *);		/* NULL is */
uint32_t	 gate_pause(struct gate *);
int64_t		 gate_opens(const struct gate *, int64_t at);	/* as schedule_opens() */
void		 gate_tick(void);			/* let go what is permitted now, stop dials that no longer are */
int64_t		 gate_due(void);			/* monotonic ms of the next gate_tick(); INT64_MAX: never */

RB_HEAD(shares, share);
enum lane { LANE_QUICK, LANE_SLOW, LANE_MAX };	/* see share.c */

/* host.c: a name and a port. */
enum host_state {
	HOST_NEW,	/* never tried: one session goes ahead, the others follow after it, or after a while */
	HOST_OPEN,
	HOST_DELAYED,	/* failed: nothing until `until` */
	HOST_TRYING	/* failed: one session finds out */
};

struct host {
	RB_ENTRY(host)		 entry;
	char			 name[PROTO_HOST_SIZE];
	uint16_t		 port;
	uint16_t		 used;		/* by a record of this config */
	enum host_state		 state;
	struct heap		 waiting[LANE_MAX];	/* shares, see share.c */
	struct shares		 shares;	/* the same, by owner */
	struct share		*offered[LANE_MAX];	/* the first of waiting, if it may have one more session; NULL: it may not */
	struct heap_item	 item;
	int			 sleeps;	/* among those that host_wake() looks at */
	uint32_t		 sessions, failures;	/* open; tries that failed in a row */
	struct session		*probe;		/* NEW, TRYING: the one that is under way */
	int64_t			 until;		/* monotonic ms: DELAYED, TRYING what it was, and NEW with a probe */
	int			 asked;		/* TRYING: because poll-now asked for it, before until */
	int64_t			 good;		/* last login, 0 = none */
	int64_t			 failed;	/* first of the failures */
};

struct host	*host_get(const char *name, uint16_t port);
void		 host_sweep(void);			/* after a reload: forget those that nothing uses */
void		 host_place(struct host *);		/* its waiting tasks, or the ceiling, changed */
void		 host_begin(struct session *);		/* it was started */
void		 host_login(struct session *);		/* it is in */
/* The end of a session: 1 if its record is to wait for the host, 0 if how it ended is the record's own matter. */
int		 host_result(struct session *);
int		 host_full(const struct host *);		/* 1: as many sessions as may be */
/* One more session beside the schedule: it counts, but how it ends says nothing about the host. */
void		 host_join(struct session *, struct host *);
void		 host_leave(struct session *);
void		 host_retry(struct host *);		/* asked to poll: a delay is interrupted for a try */
void		 host_wake(int64_t now);		/* end the delays that are over */
int64_t		 host_due(void);			/* when the next one is */

/* share.c: fair shares of the processors. */
void		 share_put(struct task *);		/* due: it waits, in no queue so far */
void		 share_take(struct task *);		/* and does no longer */
struct task	*share_next(void);			/* of the tasks that may start, the one whose turn it is; NULL: none */
struct task	*share_any(const struct host *);	/* of those that wait for this host; NULL: none does */
void		 share_offer(struct host *, int may);
void		 share_begin(struct session *);		/* the session counts as its owner's */
void		 share_end(struct session *);
void		 share_watch(int64_t now, int wanted);	/* end what stalls while somebody could begin but for a processor */
int64_t		 share_alarm(void);			/* monotonic ms of the next share_watch(); INT64_MAX: never */

/* space.c: is there room for what a session brings? */
int		 space_missing(const struct statvfs *, uint32_t min_free, int was, char *text, size_t size);
int		 space_enough(void);			/* 1: a session may begin */
const char	*space_trouble(void);			/* what room is missing, and the remedy; "": there is room */

/* retry.c: how long until the next poll. */
int		 retry_blames_host(enum fetch_stage, enum fail_why);
int		 retry_reached(enum fetch_stage, enum fail_why);	/* 1: the failure shows that the host is there */
int		 retry_counts(enum fail_why);		/* 1: a failure of the record's own */
int64_t		 retry_delay(const struct task *);	/* s from the last attempt to the next one */
int64_t		 retry_period(const struct task *);	/* s between polls, as the server and the record want it */
void		 retry_learn(struct task *, enum fail_why, uint32_t login_delay);

/* A record at run time; survives reloads as long as the record names the same remote mailbox. */
struct task {
	const struct record	*rec;
	int64_t			 mailbox;
	struct record_state	 rs;
	struct unfound		 unfound;
	struct session		*session;
	struct host		*host;
	struct gate		*gate;		/* NULL: always open */
	struct heap		*queue;		/* it waits in, NULL: none; see sched.h */
	struct share		*share;		/* whose queue that is; NULL: it is another one */
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
	uint32_t		 uidl_refused;	/* polls in a row in which it was */
	int			 derived;	/* its server has unique-ids that break the rules: told */
	int			 slow;		/* no session has succeeded since one stalled: see share.c */
	int			 polled;	/* in this life of the daemon */
	int			 again;		/* poll-now came during a session */
	int			 renewed;	/* a refused access token was replaced; no login has succeeded since */
	int			 capa_retry;	/* the next poll is the last one once more, without CAPA */
	int64_t			 capa_failed;	/* when that was of no use, 0: it was never; monotonic ms */
	enum fail_why		 why;		/* of the last poll */
	struct spots		*spots;		/* spot.c; NULL: the next listing is whole */
	struct counts		*counts;	/* counts.c; NULL: never looked at */
};
extern struct task	*sched_tasks;		/* of every record; sched.c */
extern size_t		 sched_ntasks;

/* sched.c */
void	 sched_init(void);
void	 sched_add(struct task *, int64_t due);	/* or move */
void	 sched_remove(struct task *);
void	 sched_run(void);			/* in each round: start what is due while processors are free */
void	 sched_next(struct task *);		/* after a poll or at load: compute due from state */
int	 sched_named(const struct task *, const char *name);
void	 sched_skip(struct task *, const char *reason);	/* -1: not in this run */
int64_t	 sched_jitter(int64_t msec);
const char *sched_state(const struct task *, int64_t *next);

struct poll_answer {			/* to poll-now */
	uint32_t	 matched;		/* all of them; the rest now, or after the running poll */
	uint32_t	 early;			/* that their server wants polled later ... */
	uint32_t	 closed;		/* that the schedule does not permit now ... */
	int64_t		 wait, opens;		/* ... in s; ... until epoch or SCHEDULE_NEVER; the first of them */
};
void	 sched_poll(const char *name, struct poll_answer *);	/* "all", account, account/record */
int	 sched_permits(struct task *, char *err, size_t errsize);

#endif
