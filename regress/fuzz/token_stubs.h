/* SPDX-License-Identifier: ISC */
/* One record with an OAuth client, one session of it, one child that is dialer and oauth process. */
#include "../../rpopd/rpopd.h"

extern struct child	 stub_child;
extern uint32_t		 stub_id;	/* of the last request */
struct session	*stub_session(void);
void		 stub_end(struct session *);
