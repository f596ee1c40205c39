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

struct config;
struct session;
struct share;
struct task;
struct window;

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

/*
 * schedule.c: minutes of the week, in local time, in which polling is permitted.  What counts is what a clock on the wall shows:
 * an hour that is left out in spring permits nothing, one that comes twice in autumn permits twice.
 */
#define SCHEDULE_NEVER		INT64_MAX
#define SCHEDULE_MINUTES	(7 * 24 * 60)

struct schedule {
	uint8_t			 minutes[SCHEDULE_MINUTES / 8];
	const struct window	*windows[2];	/* of both names, in the config */
	size_t			 n[2];
};

/* "" permits everything; two names permit what both do. */
void		 schedule_init(struct schedule *, const struct config *, const char *, const char *);
/* The first second (epoch) from `at` on that is permitted, or is not; SCHEDULE_NEVER: none. */
int64_t		 schedule_opens(const struct schedule *, int64_t at);
int64_t		 schedule_closes(const struct schedule *, int64_t at);
/* Least seconds between two polls of a record, in the windows that permit `at`; 0 if none does. */
uint32_t	 schedule_pause(const struct schedule *, int64_t at);

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

/* retry.c: how long until the next poll. */
int		 retry_blames_host(enum fetch_stage, enum fail_why);
int		 retry_reached(enum fetch_stage, enum fail_why);	/* 1: the failure shows that the host is there */
int		 retry_counts(enum fail_why);		/* 1: a failure of the record's own */
int64_t		 retry_delay(const struct task *);	/* s from the last attempt to the next one */
int64_t		 retry_period(const struct task *);	/* s between polls, as the server and the record want it */
void		 retry_learn(struct task *, enum fail_why, uint32_t login_delay);

#endif
