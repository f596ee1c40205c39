/* SPDX-License-Identifier: ISC */
/* A master without processes for the scheduler's tests: records, a clock to be set, sessions that begin and end when told. */
#ifndef SCHEDWORLD_H
#define SCHEDWORLD_H

#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched_int.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"

#define NTASKS	200

extern struct config	 config;
extern struct record	 records[NTASKS];
extern struct window	 windows[8];
extern struct task	*started[NTASKS * 20];
extern size_t		 nstarted;
extern int64_t		 now;		/* monotonic ms */
extern int64_t		 wall;		/* epoch */
extern const struct sched_calls	 world_calls;
extern const char	*trouble;	/* what room is missing; "": none */
extern int		 ready;		/* 0: no session can start */
extern char		 notice[2048];	/* the last one sent: account, record, text */
extern size_t		 nnotices;

int	 world_setup(void **);		/* 200 records of one host, period 600, processors 1000, 1000 sessions a host */
int	 world_teardown(void **);
void	 world_later(int64_t msec);	/* both clocks go on */
void	 world_login(struct task *);	/* its session is in */
void	 world_end(struct task *, enum fetch_stage, enum fail_why);	/* its session ends */
void	 world_host(size_t first, size_t n, const char *host);	/* these records are of that host */
void	 world_gates(void);		/* config.windows and the names have changed */

#endif
