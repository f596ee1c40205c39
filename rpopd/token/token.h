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
struct passwd;
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

/* --- command.c: programs of others, which unprivileged users run --- */

#define COMMAND_LINE	1024	/* octets of a line, NUL included */
#define COMMAND_WORDS	128
#define COMMAND_USER	"_rpopc"	/* unless another one is named */

struct command_names { const char *line, *user; };	/* of the columns, for sentences */

/*
 * Cuts a command line, which is altered, into argv, of COMMAND_WORDS + 1, and finds the user who is to run it; "": COMMAND_USER.
 * NULL with a sentence: it must not be run.  The result lives until the next one.
 */
const struct passwd *command_prepare(const struct command_names *, char *line, const char *user, char **argv, char *err,
	    size_t errsize);
int	 command_reaped(pid_t, int status);
void	 command_shutdown(void);

/* --- keeper.c --- */

struct keeper_fds { int out, err, third; };	/* of the program's, -1: out and err are /dev/null, 3 is closed */

pid_t	 keeper_start(char **argv, const struct passwd *, const struct keeper_fds *);

#endif
