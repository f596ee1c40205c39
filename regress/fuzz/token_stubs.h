/* SPDX-License-Identifier: ISC */
/* One record with an OAuth client, one session of it, one child that is dialer and oauth's template, one process of that. */
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/rpopd.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token_int.h"
#include "rpopd/turn/turn.h"

extern struct child	 stub_child;
extern uint32_t		 stub_id;	/* of the last request */
extern struct worker	*stub_worker;	/* that carries it out; NULL: none was started */
extern void	(*stub_dialed)(void *, const struct dialed *);	/* of the last dial, */
extern void	*stub_grant;	/* and its argument */
int		 stub_request(void);	/* 0: a request that takes every answer, and checks it, is under way */
void		 stub_request_free(void);	/* if it still is */
struct session	*stub_session(void);
void		 stub_end(struct session *);
