/* SPDX-License-Identifier: ISC */
/* Starting child programs, locking a process in, and the log lines of children. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "compat.h"
#include "hook.h"
#include "common/ipc/imsg.h"
#include "log.h"
#include "proc.h"
#include "common/ipc/proto.h"

#define PROC_LOG_QUEUE	1024	/* messages waiting on the channel above which log lines are dropped */
#define PROC_LOG_WAIT	1000	/* ms that exit(3) waits for log lines to be written */

static void	 proc_signals(void);
static void	 proc_child(const char *, char *const [], int, int) __dead;
static void	 proc_stdio(int);
static char	**proc_environ(void);
static void	 proc_usage(const char *) __dead;
static void	 proc_timezone(void);
static void	 proc_chroot(const char *, const struct passwd *, int);
static void	 proc_drop(const struct passwd *);
static void	 proc_log_send(enum log_level, const char *);
static void	 proc_log_sink(enum log_level, const char *);
static void	 proc_log_exit(void);

static struct imsgbuf	*proc_log_channel;
static uint32_t		 proc_log_lost;

/* Gives every signal its default action, and blocks none. */
static void
proc_signals(void)
{
	sigset_t	 set;
	int		 sig;

	for (sig = 1; sig < NSIG; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL);
	}
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* All signals stay blocked over the fork, so that no handler of the master's runs in the child. */
pid_t
proc_start(const char *path, char *const argv[], int debug, int *fd)
{
	sigset_t	 all, old;
	pid_t		 pid;
	int		 sp[2], save_errno;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sp) == -1)
		return (-1);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	if ((pid = fork()) == 0)
		proc_child(path, argv, debug, sp[1]);
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(sp[1]);
	if (pid == -1) {
		close(sp[0]);
		errno = save_errno;
		return (-1);
	}
	*fd = sp[0];
	return (pid);
}

/* The child's side of the fork: executes the program, or exits with 127. */
static void
proc_child(const char *path, char *const argv[], int debug, int fd)
{
	if (fd != PROC_FD) {
		if (dup2(fd, PROC_FD) == -1)
			_exit(127);
	} else if (fcntl(fd, F_SETFD, 0) == -1)
		_exit(127);
	proc_stdio(debug);
	closefrom(PROC_FD + 1);
	proc_signals();
	execve(path, argv, proc_environ());
	_exit(127);
}

static void
proc_stdio(int debug)
{
	int	 fd, i;

	if ((fd = open("/dev/null", O_RDWR)) == -1)
		_exit(127);
	for (i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
		if (debug && i == STDERR_FILENO && fcntl(i, F_GETFD) != -1)
			continue;
		if (fd != i && dup2(fd, i) == -1)
			_exit(127);
	}
}

/* The environment of a child: the time zone, and what test tools read. */
static char **
proc_environ(void)
{
	static const char *const	 names[] = { "TZ=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=" };
	static char			*env[nitems(names) + 1];
	size_t				 i, n = 0;
	char				**p;

	for (p = environ; p != NULL && *p != NULL && n < nitems(names); p++) {
		for (i = 0; i < nitems(names); i++) {
			if (strncmp(*p, names[i], strlen(names[i])) == 0) {
				env[n++] = *p;
				break;
			}
		}
	}
	return (env);
}

static void
proc_usage(const char *progname)
{
	fprintf(stderr, "usage: %s -c root -u user [-S] [-a arg] [-v level]; started by rpopd(8)\n", progname);
	exit(1);
}

void
proc_getopts(struct proc_conf *conf, int argc, char *argv[])
{
	const char	*p;
	int		 ch;

	memset(conf, 0, sizeof(*conf));
	conf->level = LOG_LEVEL_PROBLEMS;
	conf->progname = argc > 0 ? argv[0] : "child";
	if ((p = strrchr(conf->progname, '/')) != NULL)
		conf->progname = p + 1;
	while ((ch = getopt(argc, argv, "a:c:u:v:S" HOOK_OPTIONS)) != -1) {
		if (ch == 'a')
			conf->arg = optarg;
		else if (ch == 'c')
			conf->root = optarg;
		else if (ch == 'u')
			conf->user = optarg;
		else if (ch == 'v')
			conf->level = log_level_parse(optarg);
		else if (ch == 'S')
			conf->no_seccomp = 1;
		else if (!HOOK_OPTION(ch, optarg))
			proc_usage(conf->progname);
	}
	if (optind != argc || conf->root == NULL || conf->user == NULL || conf->level == 0)
		proc_usage(conf->progname);
}

void
proc_lock_in(const struct proc_conf *conf, enum sandbox_role role, int owner_ok)
{
	struct passwd	*pw;
	pid_t		 parent = getppid();

	proc_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);		/* write(2) returns an error then */
	/* A terminal sends these to the whole process group; the master decides, and the channel is closed. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	umask(077);
	if (geteuid() != 0)
		fatalx("%s: must be started as root", conf->progname);
	if ((pw = getpwnam(conf->user)) == NULL)
		fatalx("unknown user %s", conf->user);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		fatalx("user %s is privileged", conf->user);
	proc_timezone();
	proc_chroot(conf->root, pw, owner_ok);
	sandbox_prepare();
	proc_drop(pw);
	if (role == SANDBOX_TEMPLATE || role == SANDBOX_LISTENER)
		sandbox_template(role, conf->forks, conf->no_seccomp);
	else
		sandbox_enter(role, conf->no_seccomp);
	/* The master may have gone before the parent-death signal was armed; had it gone earlier, the channel would be closed. */
	if (getppid() != parent)
		fatalx("parent process is gone");
	HOOK_PROBE(conf->forks, conf->no_seccomp);
}

/*
 * Loads the zone file while it can be reached.  With TZ unset the C library looks for it again at each localtime(3) and falls
 * back to UTC inside the new root, so name it.
 */
static void
proc_timezone(void)
{
	time_t	 now = time(NULL);

	if (getenv("TZ") == NULL && setenv("TZ", ":/etc/localtime", 1) == -1)
		fatal("setenv");
	tzset();
	(void)localtime(&now);
}

/* Makes a directory the root, after a check of the open directory, not of its name. */
static void
proc_chroot(const char *root, const struct passwd *pw, int owner_ok)
{
	struct stat	 st;
	int		 fd;

	if ((fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1)
		fatal("%s", root);
	if (st.st_uid != 0 && !(owner_ok && st.st_uid == pw->pw_uid))
		fatalx("%s: owned by uid %u", root, (unsigned int)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fatalx("%s: writable by group or others", root);
	if (fchdir(fd) == -1 || chroot(".") == -1 || chdir("/") == -1)
		fatal("chroot %s", root);
	close(fd);
}

static void
proc_drop(const struct passwd *pw)
{
	uid_t	 uid[3];
	gid_t	 gid[3], groups[2];
	int	 i;

	if (setgroups(1, &pw->pw_gid) == -1 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
		fatal("cannot become %s", pw->pw_name);
	if (getresuid(&uid[0], &uid[1], &uid[2]) == -1 || getresgid(&gid[0], &gid[1], &gid[2]) == -1)
		fatal("getresuid");
	for (i = 0; i < 3; i++) {
		if (uid[i] != pw->pw_uid || gid[i] != pw->pw_gid)
			fatalx("user or group did not change");
	}
	if (getgroups(2, groups) != 1 || groups[0] != pw->pw_gid)
		fatalx("supplementary groups did not change");
	if (setuid(0) != -1 || seteuid(0) != -1)
		fatalx("privileges can be regained");
}

void
proc_log_to(struct imsgbuf *channel)
{
	static int	 registered;

	proc_log_channel = channel;
	proc_log_lost = 0;
	if (channel != NULL && !registered && atexit(proc_log_exit) == 0)
		registered = 1;
	log_setsink(channel == NULL ? NULL : proc_log_sink);
}

/* Queues a log line, or counts it as lost. */
static void
proc_log_send(enum log_level level, const char *text)
{
	struct msg_log	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.level = level;
	strlcpy(msg.text, text, sizeof(msg.text));
	if (imsgbuf_queuelen(proc_log_channel) >= PROC_LOG_QUEUE ||
	    imsg_compose(proc_log_channel, IMSG_LOG, 0, 0, -1, &msg, sizeof(msg)) == -1)
		proc_log_lost++;
}

int
proc_log_level(void *arg, struct imsg *imsg)
{
	uint32_t	 level;

	(void)arg;
	if (imsg_get_data(imsg, &level, sizeof(level)) == -1 || level < LOG_LEVEL_CRASHES || level > LOG_LEVEL_ALL)
		return (-1);
	log_setlevel(level);
	return (0);
}

/* The log's sink: sends a line to the master.  The event loop sees a write error. */
static void
proc_log_sink(enum log_level level, const char *text)
{
	char		 note[64];
	uint32_t	 lost = proc_log_lost;

	if (proc_log_channel->w == NULL) {
		fprintf(stderr, "%s\n", text);		/* the channel itself is broken: the last words */
		return;
	}
	if (lost > 0 && imsgbuf_queuelen(proc_log_channel) < PROC_LOG_QUEUE) {
		proc_log_lost = 0;
		snprintf(note, sizeof(note), "%u log lines were lost", lost);
		proc_log_send(level, note);
	}
	proc_log_send(level, text);
	(void)imsgbuf_write(proc_log_channel);
}

static void
proc_log_exit(void)
{
	struct pollfd	 pfd;
	int64_t		 left, deadline = clock_msec() + PROC_LOG_WAIT;

	while (proc_log_channel != NULL && imsgbuf_queuelen(proc_log_channel) > 0) {
		if (imsgbuf_write(proc_log_channel) == -1 || imsgbuf_queuelen(proc_log_channel) == 0)
			return;
		if ((left = deadline - clock_msec()) <= 0)
			return;
		pfd.fd = proc_log_channel->fd;
		pfd.events = POLLOUT;
		if (poll(&pfd, 1, (int)left) == -1 && errno != EINTR)
			return;
	}
}

const char *
proc_status_str(int status, char *buf, size_t size)
{
	if (WIFEXITED(status))
		snprintf(buf, size, "exit %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "status 0x%x", (unsigned int)status);
	return (buf);
}
