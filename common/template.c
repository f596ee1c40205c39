/* SPDX-License-Identifier: ISC */
/* A template's program: it forks a process for each piece of work, and tells how each has ended. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"
#include "hook.h"
#include "log.h"
#include "proc_main.h"
#include "common/ipc/proto.h"
#include "template.h"

#define TEMPLATE_RULES	8	/* of a template's own, at most */

struct forked {
	LIST_ENTRY(forked)	 entry;
	uint32_t		 id;		/* the master's name for it */
	pid_t			 pid;
};

static void	 template_prepare(const struct proc_conf *);
static void	 template_begin(const struct proc_conf *);
static const struct rule	*template_rules(size_t *);
static int	 fork_start(void *, struct imsg *);
static int	 fork_kill(void *, struct imsg *);
static int	 fork_new(uint32_t, int, int);
static void	 fork_run(int, int, pid_t) __dead;
static struct forked	*fork_find(uint32_t);
static void	 forks_reap(int, short, void *);
static void	 fork_exited(uint32_t, int);

static LIST_HEAD(, forked)	 forks = LIST_HEAD_INITIALIZER(forks);
static const struct template	*self;
static int			 no_seccomp;

/* IMSG_FORK is the first: a template that finds its work by itself does not take it. */
static const struct rule	 master_rules[] = {
	{ IMSG_FORK,		RULES_ANY,	fork_start },
	{ IMSG_FORK_KILL,	RULES_ANY,	fork_kill },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

void
template_main(const struct template *t, int argc, char *argv[])
{
	struct process	 process = {
		.role = t->role,
		.forks = t->forks,
		.owner_ok = t->owner_ok,
		.prepare = template_prepare,
		.begin = template_begin
	};

	self = t;
	process.rules = template_rules(&process.nrules);
	proc_main(&process, argc, argv);
}

/* What the master may say: what every template hears, and the rules of its own. */
static const struct rule *
template_rules(size_t *n)
{
	static struct rule	 rules[TEMPLATE_RULES + nitems(master_rules)];
	size_t			 i, first = self->role == SANDBOX_LISTENER ? 1 : 0;

	if (self->nrules > TEMPLATE_RULES)
		fatalx("a template has %zu rules of its own", self->nrules);
	*n = 0;
	for (i = first; i < nitems(master_rules); i++)
		rules[(*n)++] = master_rules[i];
	for (i = 0; i < self->nrules; i++)
		rules[(*n)++] = self->rules[i];
	return (rules);
}

static void
template_prepare(const struct proc_conf *conf)
{
	no_seccomp = conf->no_seccomp;
	self->warm();
}

static void
template_begin(const struct proc_conf *conf __unused)
{
	static struct event	 sigchld;

	signal_set(&sigchld, SIGCHLD, forks_reap, NULL);
	signal_add(&sigchld, NULL);
	if (self->begin != NULL)
		self->begin();
	heap_settle();
}

static int
fork_start(void *arg __unused, struct imsg *imsg)
{
	uint32_t	 id;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &id) == -1 || fork_find(id) != NULL) {
		close(fd);
		return (-1);
	}
	if (fork_new(id, fd, -1) == -1)
		fork_exited(id, W_EXITCODE(1, 0));
	close(fd);
	return (0);
}

uint32_t
template_fork(int keep, int *channel)
{
	static uint32_t	 last;
	int		 sp[2];

	do {
		last++;
	} while (last == 0 || fork_find(last) != NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sp) == -1) {
		log_warn("socketpair");
		return (0);
	}
	if (fork_new(last, sp[1], keep) == -1) {
		close(sp[0]);
		close(sp[1]);
		return (0);
	}
	close(sp[1]);
	*channel = sp[0];
	return (last);
}

/* Forks, and writes down who that is.  Both descriptors stay the caller's.  0, or -1, which is logged. */
static int
fork_new(uint32_t id, int fd, int keep)
{
	struct forked	*f;
	sigset_t	 all, old;
	pid_t		 parent = getpid();

	if ((f = calloc(1, sizeof(*f))) == NULL)
		fatal(NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	HOOK("template.fork");
	if ((f->pid = fork()) == 0)
		fork_run(fd, keep, parent);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (f->pid == -1) {
		log_warn("fork");
		free(f);
		return (-1);
	}
	f->id = id;
	LIST_INSERT_HEAD(&forks, f, entry);
	return (0);
}

/* The master wants a fork killed.  It may have ended already, and its FORK_EXIT may be on its way. */
static int
fork_kill(void *arg __unused, struct imsg *imsg)
{
	struct forked	*f;
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1)
		return (-1);
	if ((f = fork_find(id)) != NULL && kill(f->pid, SIGKILL) == -1)
		log_warn("kill");
	return (0);
}

/* The fork's side, with all signals blocked: it keeps its channel to the master, what it was to keep besides, and nothing else. */
static void
fork_run(int fd, int keep, pid_t parent)
{
	sigset_t	 none;

	proc_log_to(NULL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 || dup2(fd, PROC_FD) == -1 || (keep != -1 && dup2(keep, TEMPLATE_FD) == -1))
		_exit(1);
	closefrom(keep == -1 ? PROC_FD + 1 : TEMPLATE_FD + 1);
	self->run(parent, no_seccomp);
}

static struct forked *
fork_find(uint32_t id)
{
	struct forked	*f;

	LIST_FOREACH(f, &forks, entry)
		if (f->id == id)
			return (f);
	return (NULL);
}

static void
forks_reap(int sig __unused, short events __unused, void *arg __unused)
{
	struct forked	*f;
	pid_t		 pid;
	int		 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		LIST_FOREACH(f, &forks, entry)
			if (f->pid == pid)
				break;
		if (f == NULL)
			continue;
		LIST_REMOVE(f, entry);
		fork_exited(f->id, status);
		if (self->ended != NULL)
			self->ended(f->id);
		free(f);
	}
}

static void
fork_exited(uint32_t id, int status)
{
	struct msg_fork_exit	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.id = id;
	msg.signaled = WIFSIGNALED(status);
	msg.code = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (link_send(&proc_master, IMSG_FORK_EXIT, -1, &msg, sizeof(msg)) == -1)
		_exit(1);
}
