/* SPDX-License-Identifier: ISC */
/* Mail that is read here, with POP3: the sockets that popd listens on, its sessions, their logins and mailboxes. */
#ifndef RPOPD_POP_H
#define RPOPD_POP_H

#include <stddef.h>
#include <stdint.h>

struct ctl_daemon;
struct ctl_reader;

void	 pop_start(void);		/* before the first start of processes */
void	 pop_reload(void);		/* another configuration is in force */
void	 pop_stop(void);		/* sessions are told to end, and nothing listens any more */
int	 pop_busy(void);		/* 1: some session, or the process of its mailbox, has not ended yet */
uint32_t pop_running(void);		/* sessions */

/* --- for rpopctl --- */

void	 pop_sums(struct ctl_daemon *);
/* What is in the way of the row of table listener with this address and port; NULL: nothing. */
const char *pop_trouble(const char *address, uint16_t port);
/* When the account with this address was last logged in to, and from which address, which lives until the next round; 0: never. */
int	 pop_last_login(const char *address, int64_t *at, const char **client);
/* The sessions with somebody logged in, or about to, in a snapshot: how many, and the nth of them. */
size_t	 pop_readers(struct ctl_reader **);	/* malloc(3); 0 readers: NULL */

#endif
