/* SPDX-License-Identifier: ISC */
/*
 * Programs of settings.pop_auth, with the interface of checkpassword: the name, the password and a timestamp come on descriptor 3,
 * each with a NUL behind it, and the exit status is the answer.  Each runs as an unprivileged user, without a shell, an environment
 * or any other descriptor of ours, with a keeper (rpopd/token/keeper.c) that kills what it leaves behind.  The name is written into
 * the pipe here; the password is written behind it by the process that has it.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/timer.h"
#include "rpopd/token/token.h"
#include "auth_int.h"

#define PROGRAM_SECONDS	30
#define EXIT_WRONG	1
#define EXIT_TEMPORARY	111

struct program {
	LIST_ENTRY(program)	 entry;
	pid_t			 pid;		/* its keeper's */
	int			 late;		/* it was told to end */
	struct timer		 clock;
	program_ended		*ended;		/* NULL: nobody waits for it */
	void			*arg;
};

static const struct command_names	 names = { "pop_auth", "pop_auth_user" };
static LIST_HEAD(, program)		 programs = LIST_HEAD_INITIALIZER(programs);

static void	 program_late(void *);
static enum auth_verdict program_verdict(const struct program *, int, char *, size_t);

/* Whether such a program could be started: 0, or -1 with a sentence. */
int
program_check(const char *line, const char *user, char *err, size_t errsize)
{
	char	 copy[COMMAND_LINE], *argv[COMMAND_WORDS + 1];

	strlcpy(copy, line, sizeof(copy));
	return (command_prepare(&names, copy, user, argv, err, errsize) == NULL ? -1 : 0);
}

/*
 * Start it for a login by this name.  *fd is the writing end of its pipe, which does not block, and the caller's.  ended(arg, ...)
 * is called once, from the event loop, unless program_leave() comes first: YES, NO, or LATER with a sentence.  NULL: it was not
 * started, and a sentence is in err.
 */
struct program *
program_start(const char *line, const char *user, const char *name, program_ended *ended, void *arg, int *fd, char *err,
    size_t errsize)
{
	const struct passwd	*pw;
	struct program		*p;
	char			 copy[COMMAND_LINE], *argv[COMMAND_WORDS + 1];
	int			 in[2];
	struct keeper_fds	 fds = { -1, -1, -1 };

	strlcpy(copy, line, sizeof(copy));
	if ((pw = command_prepare(&names, copy, user, argv, err, errsize)) == NULL)
		return (NULL);
	if (pipe2(in, O_CLOEXEC) == -1) {
		snprintf(err, errsize, "pop_auth: %s", strerror(errno));
		return (NULL);
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("program");
	fds.third = in[0];
	if (fcntl(in[1], F_SETFL, O_NONBLOCK) == -1 || write(in[1], name, strlen(name) + 1) == -1 ||
	    (p->pid = keeper_start(argv, pw, &fds)) == -1) {
		snprintf(err, errsize, "pop_auth: %s", strerror(errno));
		close(in[0]);
		close(in[1]);
		free(p);
		return (NULL);
	}
	close(in[0]);
	*fd = in[1];
	p->ended = ended;
	p->arg = arg;
	timer_init(&p->clock, program_late, p);
	timer_in(&p->clock, PROGRAM_SECONDS * 1000);
	LIST_INSERT_HEAD(&programs, p, entry);
	return (p);
}

/* Nobody waits for it any more: it is to end. */
void
program_leave(struct program *p)
{
	p->ended = NULL;
	kill(p->pid, SIGTERM);
}

static void
program_late(void *arg)
{
	struct program	*p = arg;

	p->late = 1;
	kill(p->pid, SIGTERM);
}

int
auth_reaped(pid_t pid, int status)
{
	struct program		*p;
	enum auth_verdict	 verdict;
	char			 why[PROTO_TEXT_SIZE];

	LIST_FOREACH(p, &programs, entry)
		if (p->pid == pid)
			break;
	if (p == NULL)
		return (0);
	LIST_REMOVE(p, entry);
	timer_stop(&p->clock);
	verdict = program_verdict(p, status, why, sizeof(why));
	if (p->ended != NULL)
		p->ended(p->arg, verdict, verdict == AUTH_VERDICT_LATER ? why : NULL);
	free(p);
	return (1);
}

/* What its end says; why: the sentence about LATER. */
static enum auth_verdict
program_verdict(const struct program *p, int status, char *why, size_t size)
{
	char	 text[96];
	int	 code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (p->late)
		snprintf(why, size, "pop_auth: the program did not end within %d seconds", PROGRAM_SECONDS);
	else if (code == 0 || code == EXIT_WRONG)
		return (code == 0 ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
	else
		snprintf(why, size, "pop_auth: the program %s: %s", code == EXIT_TEMPORARY ? "cannot tell now" :
		    code == 127 ? "could not be executed, or says so" : "ended as none does that verifies passwords",
		    proc_status_str(status, text, sizeof(text)));
	return (AUTH_VERDICT_LATER);
}

/* The daemon ends: all are told to, and nobody waits for them. */
void
program_free_all(void)
{
	struct program	*p;

	while ((p = LIST_FIRST(&programs)) != NULL) {
		kill(p->pid, SIGTERM);
		timer_stop(&p->clock);
		LIST_REMOVE(p, entry);
		free(p);
	}
}
