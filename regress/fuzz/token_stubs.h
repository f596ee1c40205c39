/* SPDX-License-Identifier: ISC */
/* One record with an OAuth client, one session of it, one child that is dialer and oauth's template, one process of that. */
#include "rpopd/rpopd.h"

extern struct child	 stub_child;
extern uint32_t		 stub_id;	/* of the last request */
extern struct worker	*stub_worker;	/* that carries it out; NULL: none was started */
struct session	*stub_session(void);
void		 stub_end(struct session *);
