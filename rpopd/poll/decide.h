/* SPDX-License-Identifier: ISC */
/* Whether the routing table gives what the deliverer says of a recipient. */
#ifndef DECIDE_H
#define DECIDE_H

#include <stdint.h>

#include "common/ipc/proto.h"

struct decider;
struct route_table;

struct origin {				/* the record that a message comes from, as it was when its session began */
	uint32_t	 account;	/* its owner's id */
	int		 personal;
	int		 accounts_only;	/* by To, Cc and Bcc */
	char		 folder[PROTO_MAILBOX_SIZE];	/* personal; "": normal delivery */
};

struct decider	*decide_new(const struct route_table *, const char *archive);
void		 decide_free(struct decider *);
int		 decide_rcpt(const struct decider *, const struct origin *, const struct msg_rcpt *);	/* 1: so it is, 0: not */
int		 decide_form(const char *dir);	/* 1: it may be, or may have been, a directory of some account's mail; 0: not */

/* A good load: its configuration, for as long as it is the running one or somebody holds it. */
struct config;
struct routing {
	struct config	*config;
	struct decider	*decider;
	uint32_t	 refs;
};
struct routing	*routing_new(struct config *);	/* NULL: memory; else config is its own */
struct routing	*routing_hold(struct routing *);
void		 routing_release(struct routing *);	/* NULL: nothing */

#endif
