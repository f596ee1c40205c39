/* SPDX-License-Identifier: ISC */
/*
 * token_command: somebody else's program, run as an unprivileged user without a shell, an environment or a terminal.  The first
 * line it prints is the access token; a number in the second is its lifetime in seconds.  It is over when the process ends: then
 * its keeper kills whatever it left behind.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "rpopd/child/child.h"
#include "token_int.h"

#define COMMAND_SECONDS	30
#define COMMAND_OUTPUT	16384
#define COMMAND_ERRORS	512		/* octets of standard error that are kept */
#define PIPE_READS	32		/* of 4096 octets: more than two pipes hold */
#define WORD_MAX	48		/* a longer word on standard error may be a token */

struct command {
	LIST_ENTRY(command)	 entry;
	pid_t			 pid;
	int			 out, err;
	struct event		 outev, errev;
	struct timer		 clock;
	uint8_t			 text[COMMAND_OUTPUT + 1];
	size_t			 len;
	char			 errors[COMMAND_ERRORS];
	size_t			 nerrors;
	const char		*killed;	/* why */
	void			(*done)(void *, const struct command_result *);
	void			*arg;
};

static int	 command_words(const char *, char *, char **, char *, size_t);
static const struct passwd *command_user(const char *, const char *, char *, size_t);
static int	 command_sound(const struct command_names *, const char *, const struct passwd *, char *, size_t);
static int	 command_pipe(int [2]);
static void	 command_readable(int, short, void *);
static ssize_t	 command_read(struct command *, int);
static void	 command_timeout(void *);
static void	 command_kill(struct command *, const char *);
static void	 command_finish(struct command *, int);
static const char *command_token(struct command *, struct command_result *);
static void	 command_complaint(const struct command *, const char *, char *, size_t);
static void	 command_free(struct command *);

static LIST_HEAD(, command)	 commands = LIST_HEAD_INITIALIZER(commands);

/*
 * Run a command line as this user ("": COMMAND_USER).  done(arg, result) is called once, from the event loop; the token in the
 * result is wiped behind that.  NULL: it was not started, and a sentence is in err.
 */
struct command *
command_start(const char *line, const char *user, void (*done)(void *, const struct command_result *), void *arg, char *err,
    size_t errsize)
{
	static const struct command_names names = { "token_command", "token_user" };
	const struct passwd	*pw;
	struct command		*c;
	char			 copy[COMMAND_LINE], *argv[COMMAND_WORDS + 1];
	int			 out[2] = { -1, -1 }, errors[2] = { -1, -1 };
	struct keeper_fds	 fds;

	if (strlcpy(copy, line, sizeof(copy)) >= sizeof(copy) ||
	    (pw = command_prepare(&names, copy, user, argv, err, errsize)) == NULL)
		return (NULL);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("command");
	if (command_pipe(out) == -1 || command_pipe(errors) == -1)
		c->pid = -1;
	else {
		fds = (struct keeper_fds){ out[1], errors[1], -1 };
		c->pid = keeper_start(argv, pw, &fds);
	}
	if (c->pid == -1)
		snprintf(err, errsize, "token_command: %s", strerror(errno));
	close(out[1]);
	close(errors[1]);
	c->out = out[0];
	c->err = errors[0];
	c->done = done;
	c->arg = arg;
	LIST_INSERT_HEAD(&commands, c, entry);
	if (c->pid == -1) {
		command_free(c);
		return (NULL);
	}
	event_set(&c->outev, c->out, EV_READ | EV_PERSIST, command_readable, c);
	event_add(&c->outev, NULL);
	event_set(&c->errev, c->err, EV_READ | EV_PERSIST, command_readable, c);
	event_add(&c->errev, NULL);
	timer_init(&c->clock, command_timeout, c);
	timer_in(&c->clock, COMMAND_SECONDS * 1000);
	return (c);
}

const struct passwd *
command_prepare(const struct command_names *names, char *line, const char *user, char **argv, char *err, size_t errsize)
{
	const struct passwd	*pw;

	if (command_words(names->line, line, argv, err, errsize) == -1 ||
	    (pw = command_user(names->user, user, err, errsize)) == NULL || command_sound(names, argv[0], pw, err, errsize) == -1)
		return (NULL);
	return (pw);
}

/* Cut a command line into words at single spaces, in place.  0, or -1 with a sentence: there are too many. */
static int
command_words(const char *name, char *line, char **argv, char *err, size_t errsize)
{
	size_t	 n = 0;

	while (line != NULL && n < COMMAND_WORDS)
		argv[n++] = strsep(&line, " ");
	argv[n] = NULL;
	if (line == NULL)
		return (0);
	snprintf(err, errsize, "%s has more than %d words", name, COMMAND_WORDS);
	return (-1);
}

/* The user of this name; NULL with a sentence: there is none, he is privileged, or he holds mail or connections. */
static const struct passwd *
command_user(const char *name, const char *user, char *err, size_t errsize)
{
	const struct passwd	*pw;

	if (user[0] == '\0')
		user = COMMAND_USER;
	if ((pw = getpwnam(user)) == NULL)
		snprintf(err, errsize, "%s %s: no such user%s", name, user, strcmp(user, COMMAND_USER) == 0 ?
		    ": create it (see rpopd.sysusers)" : "");
	else if (pw->pw_uid == 0 || pw->pw_gid == 0 || (strncmp(user, "_rpop", 5) == 0 && strcmp(user, COMMAND_USER) != 0))
		snprintf(err, errsize, "%s %s: not for this; name an unprivileged user", name, user);
	else
		return (pw);
	return (NULL);
}

/*
 * 0: the program may be run as this user, since nobody else than root and the user himself can write it; -1 with a sentence: it
 * may not.
 */
static int
command_sound(const struct command_names *names, const char *path, const struct passwd *pw, char *err, size_t errsize)
{
	struct stat	 st;
	const char	*why = NULL;
	char		 vis[128], owner[64];

	if (stat(path, &st) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0)
		why = "is no program";
	else if (st.st_uid != 0 && st.st_uid != pw->pw_uid) {
		snprintf(owner, sizeof(owner), "must belong to root or to %s", names->user);
		why = owner;
	} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		why = "can be written by others; chmod go-w";
	if (why == NULL)
		return (0);
	log_vis(vis, sizeof(vis), path, strlen(path));
	snprintf(err, errsize, "%s: %s: %s", names->line, vis, why);
	return (-1);
}

/* A pipe of which the master's end, the first, does not block.  0, or -1 with errno. */
static int
command_pipe(int fd[2])
{
	return (pipe2(fd, O_CLOEXEC) == -1 || fcntl(fd[0], F_SETFL, O_NONBLOCK) == -1 ? -1 : 0);
}

/* Standard output or standard error of the program has something, or is at its end. */
static void
command_readable(int fd, short event, void *arg)
{
	struct command	*c = arg;

	(void)event;
	if (command_read(c, fd) == 0)
		event_del(fd == c->out ? &c->outev : &c->errev);
}

/* Read once.  1: there was something; 0: the end, or an error; -1: nothing is there now. */
static ssize_t
command_read(struct command *c, int fd)
{
	uint8_t	 data[4096];
	size_t	 room, used = fd == c->out ? c->len : c->nerrors;
	ssize_t	 n;

	if ((n = read(fd, data, sizeof(data))) <= 0)
		return (n == 0 || (errno != EAGAIN && errno != EINTR) ? 0 : -1);
	room = (fd == c->out ? COMMAND_OUTPUT : sizeof(c->errors)) - used;
	if (fd == c->out && (size_t)n > room)
		command_kill(c, "printed more than 16384 octets");
	if ((size_t)n < room)
		room = (size_t)n;
	if (fd == c->out) {
		memcpy(c->text + c->len, data, room);
		c->len += room;
	} else {
		memcpy(c->errors + c->nerrors, data, room);
		c->nerrors += room;
	}
	explicit_bzero(data, sizeof(data));
	return (1);
}

static void
command_timeout(void *arg)
{
	command_kill(arg, "did not end within 30 seconds");
}

/* The program is to end: its keeper kills everything that it has started, and ends. */
static void
command_kill(struct command *c, const char *why)
{
	if (c->killed == NULL)
		c->killed = why;
	if (c->pid > 0)
		kill(c->pid, SIGTERM);
}

/* A process has been waited for.  1: it was the keeper of a command, of which the result is out now; 0: it was not. */
int
command_reaped(pid_t pid, int status)
{
	struct command	*c;

	LIST_FOREACH(c, &commands, entry)
		if (c->pid == pid)
			break;
	if (c == NULL)
		return (0);
	command_finish(c, status);
	return (1);
}

/* The daemon ends: all programs are killed, and nobody waits for them. */
void
command_shutdown(void)
{
	struct command	*c;

	LIST_FOREACH(c, &commands, entry)
		if (c->pid > 0)
			kill(c->pid, SIGTERM);
}

/* The program has ended with this status. */
static void
command_finish(struct command *c, int status)
{
	struct command_result	 r = { NULL, 0, 0, NULL };
	char			 what[96], text[PROTO_TEXT_SIZE];
	const char		*why;
	int			 i;

	/* What the pipes still hold, and no more. */
	c->pid = -1;
	for (i = 0; i < PIPE_READS && (command_read(c, c->out) == 1 || command_read(c, c->err) == 1); i++)
		continue;
	if ((why = c->killed) == NULL && status != 0)
		why = proc_status_str(status, what, sizeof(what));
	if (why == NULL)
		why = command_token(c, &r);
	if (why != NULL) {
		r.token = NULL;
		command_complaint(c, why, text, sizeof(text));
		r.text = text;
	}
	c->done(c->arg, &r);
	command_free(c);
}

/* The token, and its lifetime, from what the program has printed.  NULL, or what is wrong with the output. */
static const char *
command_token(struct command *c, struct command_result *r)
{
	char		*line = (char *)c->text, *second;
	const char	*error;
	size_t		 i;

	c->text[c->len] = '\0';
	if ((second = strchr(line, '\n')) != NULL)
		*second++ = '\0';
	line[strcspn(line, "\r")] = '\0';
	r->len = strlen(line);
	if (r->len == 0)
		return ("printed no token");
	if (r->len > PROTO_TOKEN_MAX)
		return ("printed a token of more than 8192 octets");
	for (i = 0; i < r->len; i++)
		if (line[i] < '!' || line[i] > '~')
			return ("printed a first line that is no token: only printable ASCII without spaces");
	r->token = c->text;
	if (second != NULL) {
		second[strcspn(second, "\r\n")] = '\0';
		r->lifetime = (uint32_t)strtonum(second, 1, INT32_MAX, &error);
	}
	return (NULL);
}

/*
 * A sentence about a program that has failed: why, and the first line of its standard error.  A long word there, or one that is
 * in the output as well, is left out, since it may be the token.
 */
static void
command_complaint(const struct command *c, const char *why, char *text, size_t size)
{
	char	 line[COMMAND_ERRORS + 1], said[COMMAND_ERRORS * 2] = "", vis[PROTO_TEXT_SIZE], *p = line, *word;
	size_t	 len;

	memcpy(line, c->errors, c->nerrors);
	line[c->nerrors] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	while ((word = strsep(&p, " \t=:\"'")) != NULL) {
		if ((len = strlen(word)) == 0)
			continue;
		if (len > WORD_MAX || (len >= 4 && memmem(c->text, c->len, word, len) != NULL))
			word = "...";
		if (said[0] != '\0')
			strlcat(said, " ", sizeof(said));
		strlcat(said, word, sizeof(said));
	}
	log_vis(vis, sizeof(vis), said, strlen(said));
	snprintf(text, size, "token_command: %s%s%.150s", why, vis[0] != '\0' ? ": " : "", vis);
	explicit_bzero(line, sizeof(line));
}

/* Forget a command, and wipe what its program has printed. */
static void
command_free(struct command *c)
{
	LIST_REMOVE(c, entry);
	if (event_initialized(&c->outev)) {
		event_del(&c->outev);
		event_del(&c->errev);
		timer_stop(&c->clock);
	}
	close(c->out);
	close(c->err);
	freezero(c, sizeof(*c));
}
