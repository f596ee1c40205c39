/* SPDX-License-Identifier: ISC */
/* Access tokens: how sessions get theirs, and how they are got. */
#ifndef TOKEN_H
#define TOKEN_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/proto.h"

struct grant;
struct record;
struct run;
struct task;

/* A session whose record logs in with an access token; the session has it among its own data, as zeroes at first. */
struct token_user {
	TAILQ_ENTRY(token_user)	 entry;		/* among its grant's */
	struct grant		*grant;		/* where its access token comes from; NULL: the session has a password */
	struct run		*run;		/* the session's */
	uint32_t		 serial;	/* of the access token that it got */
	int			 waits;		/* 1: it is to get one; the session clears it when it does not wait any more */
	int			 is_new;	/* 1: its token was got for it, not before */
};

void	 token_init(void (*failed)(struct run *, enum fail_why, const char *text));
int	 token_wanted(const struct record *);	/* 1: the record logs in with an access token */
int	 token_get(struct token_user *, struct run *);
ssize_t	 token_copy(const struct token_user *, uint8_t *secret);
void	 token_leave(struct token_user *);
int	 token_refused(struct token_user *, struct task *, enum fail_why, int stopping);
void	 token_reload(void);
int	 token_busy(void);
void	 token_shutdown(void);
void	 request_run(void);			/* in each round: start what is queued, as far as there is room */

/* --- command.c --- */

int	 command_reaped(pid_t, int status);
void	 command_shutdown(void);

#endif
