/* SPDX-License-Identifier: ISC */
/*
 * The fetcher template: locked in and warm, it forks one session per poll and reports how each ended.  It holds no secret and
 * parses no octet from the network.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/wait.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/compat.h"
#include "../common/hook.h"
#include "../common/link.h"
#include "../common/log.h"
#include "../common/proc.h"
#include "fetcher.h"

struct child {
	LIST_ENTRY(child)	 entry;
	uint32_t		 session;
	pid_t			 pid;
};

static void	 master_down(void *, const char *) __dead;
static int	 session_fork(void *, struct imsg *);
static int	 session_kill(void *, struct imsg *);
static void	 child_run(int, pid_t) __dead;
static struct child	*child_find(uint32_t);
static void	 children_reap(int, short, void *);
static void	 exit_report(uint32_t, int);

static LIST_HEAD(, child)	 children = LIST_HEAD_INITIALIZER(children);
static struct link		 master;
static struct proc_conf		 conf;

static const struct rule	 master_rules[] = {
	{ IMSG_SESSION_FORK,	sizeof(uint32_t), sizeof(uint32_t), 1, RULES_ANY, session_fork },
	{ IMSG_SESSION_KILL,	sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, session_kill },
	{ IMSG_LOG_LEVEL,		sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, proc_log_level }
};

int
main(int argc, char *argv[])
{
	struct event	 sigchld;
	uint32_t	 version = PROTO_VERSION;

	proc_getopts(&conf, argc, argv);
	log_init("fetcher", 1, conf.level);
	event_init();
	if (link_open(&master, PROC_FD, master_rules, nitems(master_rules), NULL, master_down) == -1)
		fatal("channel");
	proc_log_to(&master.ibuf);
	conn_warm();
	sasl_warm();
	proc_lock_in(&conf, SANDBOX_TEMPLATE, 0);
	signal_set(&sigchld, SIGCHLD, children_reap, NULL);
	signal_add(&sigchld, NULL);
	if (link_send(&master, IMSG_READY, -1, &version, sizeof(version)) == -1)
		fatal("channel");
	event_dispatch();
	return (1);
}

/* Without a master there is nothing to do; the sessions go with us. */
static void
master_down(void *arg __unused, const char *why)
{
	_exit(why == NULL ? 0 : 1);
}

static int
session_fork(void *arg __unused, struct imsg *imsg)
{
	struct child	*child;
	sigset_t	 all, old;
	uint32_t	 session;
	pid_t		 parent = getpid();
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &session) == -1 || child_find(session) != NULL) {
		close(fd);
		return (-1);
	}
	if ((child = calloc(1, sizeof(*child))) == NULL)
		fatal(NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	HOOK("template.fork");
	if ((child->pid = fork()) == 0)
		child_run(fd, parent);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close(fd);
	if (child->pid == -1) {
		log_warn("fork");
		free(child);
		exit_report(session, W_EXITCODE(1, 0));
		return (0);
	}
	child->session = session;
	LIST_INSERT_HEAD(&children, child, entry);
	return (0);
}

/* One that has ended already is no error: its SESSION_EXIT is on its way. */
static int
session_kill(void *arg __unused, struct imsg *imsg)
{
	struct child	*child;
	uint32_t	 session;

	if (rules_payload(imsg, &session) == -1)
		return (-1);
	if ((child = child_find(session)) != NULL && kill(child->pid, SIGKILL) == -1)
		log_warn("kill");
	return (0);
}

/* The session's process, with all signals blocked: keeps its channel and nothing else. */
static void
child_run(int fd, pid_t parent)
{
	sigset_t	 none;

	proc_log_to(NULL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 || dup2(fd, PROC_FD) == -1)
		_exit(1);
	closefrom(PROC_FD + 1);
	session_run(PROC_FD, parent, conf.no_seccomp);
}

static struct child *
child_find(uint32_t session)
{
	struct child	*child;

	LIST_FOREACH(child, &children, entry)
		if (child->session == session)
			return (child);
	return (NULL);
}

static void
children_reap(int sig __unused, short events __unused, void *arg __unused)
{
	struct child	*child;
	pid_t		 pid;
	int		 status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		LIST_FOREACH(child, &children, entry)
			if (child->pid == pid)
				break;
		if (child == NULL)
			continue;
		LIST_REMOVE(child, entry);
		exit_report(child->session, status);
		free(child);
	}
}

static void
exit_report(uint32_t session, int status)
{
	struct msg_session_exit	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = session;
	msg.signaled = WIFSIGNALED(status);
	msg.code = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (link_send(&master, IMSG_SESSION_EXIT, -1, &msg, sizeof(msg)) == -1)
		_exit(1);
}
