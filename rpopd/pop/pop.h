/* SPDX-License-Identifier: ISC */
/* Mail that is read here, with POP3: the sockets that popd listens on, its sessions, their logins and mailboxes. */
#ifndef RPOPD_POP_H
#define RPOPD_POP_H

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto.h"

struct msg_pop_xmit_done;

/* What clients send: who has the deliverer takes it. */
struct submission;

struct pop_send {			/* a message that is to come */
	uint32_t	 account;	/* id of who sends */
	uint32_t	 nexthop;	/* id of the next hop for others */
	const char	*address;	/* the account's */
	const char	*peer;		/* numeric address of the client */
	int		 secure;	/* 1: under TLS */
	/* Is called once, when all is known, unless pop_calls.leave() comes first. */
	void		(*done)(void *, const struct msg_pop_xmit_done *);
	void		*arg;
};

struct pop_calls {
	/* A pipe to the deliverer: *fd is the session's end.  NULL: not now, and why, in text. */
	struct submission	*(*submit)(const struct pop_send *, int *fd, char *text, size_t size);
	void			(*leave)(struct submission *);	/* nobody waits for it any more */
};

struct ctl_daemon;
struct ctl_reader;

void	 pop_start(const struct pop_calls *);	/* before the first start of processes */
void	 pop_reload(void);		/* another configuration is in force */
void	 pop_stop(void);		/* sessions are told to end, and nothing listens any more */
int	 pop_busy(void);		/* 1: some session, or the process of its mailbox, has not ended yet */
uint32_t pop_running(void);		/* sessions */

/* --- name.c: what a name to log in with means --- */

struct route_account;
int	 name_address(const char *name, const char *local, char *address, size_t size);
void	 name_without_detail(char *address);
const struct route_account *name_account(const char *name, const char *local, char individual[PROTO_ADDR_SIZE]);

/* --- for rpopctl --- */

void	 pop_sums(struct ctl_daemon *);
/* What is in the way of the row of table listener, or with a cert that of table certificate, with this key; NULL: nothing. */
const char *pop_trouble(const char *address, uint16_t port, const char *cert);
/* When the account with this address was last logged in to, and from which address, which lives until the next round; 0: never. */
int	 pop_last_login(const char *address, int64_t *at, const char **client);
/* The sessions with somebody logged in, or about to, in a snapshot: how many, and the nth of them. */
size_t	 pop_readers(struct ctl_reader **);	/* malloc(3); 0 readers: NULL */

#endif
