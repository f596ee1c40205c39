/* SPDX-License-Identifier: ISC */
/* Access tokens: how sessions get theirs, and how they are got. */
#ifndef TOKEN_H
#define TOKEN_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/proto.h"

struct client;
struct ctl_login;
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

/* --- login.c: a refresh token from zero, by the device grant of RFC 8628 --- */

struct login_calls {
	void	(*told)(struct client *, const struct ctl_login *);
	/*
	 * Put the token into the record of rpopd.db, and this into force: 0; with a sentence 1, not now, or -1, it cannot be.  Nothing is
	 * half stored.
	 */
	int	(*store)(const struct record *, const uint8_t *token, size_t, char *err, size_t errsize);
	void	(*ended)(struct client *, const struct record *, int ok, const char *text);
};
int	 login_start(const struct login_calls *, struct client *, const char *name, char *err, size_t errsize);
void	 login_abandon(struct client *);
void	 login_stop(void);			/* the daemon ends */

/* --- command.c --- */

int	 command_reaped(pid_t, int status);
void	 command_shutdown(void);

#endif
