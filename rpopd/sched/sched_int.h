/* SPDX-License-Identifier: ISC */
/* What the files of the schedule share. */
#ifndef SCHED_INT_H
#define SCHED_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "sched.h"

/* --- sched.c --- */

extern const struct sched_calls	*sched_calls;

void		 sched_skip(struct task *, const char *reason);	/* -1: not in this run */
int64_t		 sched_jitter(int64_t msec);

/* --- gate.c --- */

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
int		 gate_open(struct gate *);		/* 1: it is now; NULL always is */
uint32_t	 gate_pause(struct gate *);		/* s between two polls of a record, at least */
int64_t		 gate_opens(const struct gate *, int64_t at);	/* as schedule_opens() */
void		 gate_tick(void);			/* let go what is permitted now, stop dials that no longer are */
int64_t		 gate_due(void);			/* monotonic ms of the next gate_tick(); INT64_MAX: never */

/* --- host.c --- */

RB_HEAD(shares, share);
enum lane { LANE_QUICK, LANE_SLOW, LANE_MAX };	/* see share.c */

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
	struct share		*offered[LANE_MAX];	/* the first of waiting; NULL: the host may have no more sessions */
	struct heap_item	 item;
	int			 sleeps;	/* it is among those that host_wake() looks at */
	uint32_t		 sessions, failures;	/* open; tries that failed in a row */
	struct run		*probe;		/* NEW, TRYING: the one session that goes ahead; NULL: none does */
	int64_t			 until;		/* monotonic ms: DELAYED, TRYING what it was, and NEW with a probe */
	int			 asked;		/* TRYING: poll-now has interrupted the delay, which lasts until `until` */
	int64_t			 good;		/* when it was last seen to be there, monotonic ms; 0: never */
	int64_t			 failed;	/* when the first of the failures was; monotonic ms */
};

struct host	*host_get(const char *name, uint16_t port);
void		 host_sweep(void);			/* after a reload: forget those that nothing uses */
void		 host_place(struct host *);		/* its state, its waiting tasks or the ceiling has changed */
void		 host_begin(struct run *);		/* a session of the schedule was started */
void		 host_retry(struct host *);		/* poll-now: a delay is interrupted for a try */
void		 host_wake(int64_t now);		/* end the delays that are over */
int64_t		 host_due(void);			/* monotonic ms of the next end of a delay; INT64_MAX: none */

/* --- share.c: fair shares of the processors --- */

void		 share_put(struct task *);		/* due: it waits, in no queue so far */
void		 share_take(struct task *);		/* it waits no longer */
struct task	*share_next(void);			/* of the tasks that may start, the one whose turn it is; NULL: none */
struct task	*share_any(const struct host *);	/* of those that wait for this host; NULL: none does */
void		 share_offer(struct host *, int may);	/* the host may have one more session, or not */
void		 share_begin(struct run *);		/* the session counts as its owner's */
void		 share_end(struct run *);		/* it does not any more */
void		 share_watch(int64_t now, int wanted);	/* end what stalls while somebody could begin but for a processor */
int64_t		 share_alarm(void);			/* monotonic ms of the next share_watch(); INT64_MAX: never */

/* --- retry.c --- */

int		 retry_blames_host(enum fetch_stage, enum fail_why);	/* 1: the failure is the host's, not the record's */
int64_t		 retry_period(const struct task *);	/* s between polls, as the server and the record want it */
int		 retry_reached(enum fetch_stage, enum fail_why);	/* 1: the failure shows that the host is there */

#endif
