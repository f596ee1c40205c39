/* SPDX-License-Identifier: ISC */
/*
 * The keeper of one program of token_command or pop_auth: a process between the master and the program, which sees to it that
 * nothing outlives the program.  The program is started as its unprivileged user; what it forks and leaves behind, in other process
 * groups and sessions as well, becomes the keeper's (PR_SET_CHILD_SUBREAPER), and is killed when the program ends, when the master
 * says so with SIGTERM, or when the master dies.  Then the keeper ends the way the program did.
 *
 * The keeper stays root's, so that the program cannot signal it; it reads nothing but the numbers of its children.  Where the
 * system knows no subreaper, only the program's process group is killed.
 */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/proc.h"
#include "token_int.h"

#define PROCESSES_OWN	512	/* of COMMAND_USER at a time */
#define PROCESSES_OTHER	4096
#define KEEPER_THIRD	3

static void	 keeper_main(char **, const struct passwd *, const struct keeper_fds *) __dead;
static int	 keeper_adopt(void);
static int	 keeper_reap(pid_t);
static void	 keeper_sweep(pid_t, int *);
static int	 keeper_kill(void);
static void	 keeper_end(int) __dead;
static void	 keeper_program(char **, const struct passwd *, const struct keeper_fds *) __dead;
static int	 keeper_stdio(const struct keeper_fds *);
static void	 keeper_limits(const struct passwd *);

/*
 * Runs argv as pw with these descriptors and no other.  The keeper's process number, or -1 with errno; SIGTERM to it ends
 * everything.  All signals stay blocked over the fork, so that no handler of the master runs in the child.
 */
pid_t
keeper_start(char **argv, const struct passwd *pw, const struct keeper_fds *fds)
{
	sigset_t	 all, old;
	pid_t		 pid;
	int		 save_errno;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	if ((pid = fork()) == 0)
		keeper_main(argv, pw, fds);
	save_errno = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = save_errno;
	return (pid);
}

/* The keeper's life: start the program, wait until it or the master ends or SIGTERM comes, kill what is left, end likewise. */
static void
keeper_main(char **argv, const struct passwd *pw, const struct keeper_fds *fds)
{
	sigset_t	 wanted;
	pid_t		 program, master_pid = getppid();
	int		 sig, status = 0;

	for (sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			(void)signal(sig, SIG_DFL);
	if (setsid() == -1 || keeper_adopt() == -1 || (program = fork()) == -1) {
		dprintf(fds->err, "%s\n", strerror(errno));
		_exit(126);
	}
	if (program == 0)
		keeper_program(argv, pw, fds);
	closefrom(0);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGTERM);
	/* A master that died before the keeper could ask to be told sends nothing. */
	if (getppid() == master_pid)
		while (sigwait(&wanted, &sig) == 0 && sig == SIGCHLD && !keeper_reap(program))
			continue;
	keeper_sweep(program, &status);
	keeper_end(status);
}

/* From now on the keeper is told of the master's death, and is the parent of whatever loses its own below it. */
static int
keeper_adopt(void)
{
#ifdef __linux__
	return (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1 || prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 ? -1 : 0);
#else
	return (0);
#endif
}

/*
 * Wait for children that have died.  1: the program has, which is not waited for, so that its number and its group's belong to
 * nobody else yet; 0: it has not.
 */
static int
keeper_reap(pid_t program)
{
	siginfo_t	 si;

	while (memset(&si, 0, sizeof(si)), waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid > 0) {
		if (si.si_pid == program)
			return (1);
		waitpid(si.si_pid, NULL, 0);
	}
	return (0);
}

/*
 * Kill until nothing is left: what a killed process leaves behind becomes a child, too.  *status is that of the program if it
 * has one.
 */
static void
keeper_sweep(pid_t program, int *status)
{
	pid_t	 pid;
	int	 st, all;

	kill(program, SIGKILL);
	kill(-program, SIGKILL);
	do {
		all = keeper_kill() == 0;
		if ((pid = waitpid(all ? -1 : program, &st, 0)) == program)
			*status = st;
	} while (pid > 0 && (all || pid != program));
}

/* Kill every child that there is.  0, or -1: the system does not say which those are. */
static int
keeper_kill(void)
{
	char		 path[64], *word = NULL;
	const char	*errstr;
	size_t		 size = 0;
	ssize_t		 len;
	pid_t		 pid;
	FILE		*f;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
	if ((f = fopen(path, "re")) == NULL)
		return (-1);
	while ((len = getdelim(&word, &size, ' ', f)) > 1) {
		word[len - 1] = '\0';
		pid = (pid_t)strtonum(word, 2, INT32_MAX, &errstr);
		if (errstr == NULL)
			kill(pid, SIGKILL);
	}
	free(word);
	fclose(f);
	return (0);
}

/* End as the program ended, so that the master's waitpid(2) shows how that was. */
static void
keeper_end(int status)
{
	struct rlimit	 none = { 0, 0 };
	sigset_t	 set;

	if (!WIFSIGNALED(status))
		_exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &none);
	sigemptyset(&set);
	sigaddset(&set, WTERMSIG(status));
	kill(getpid(), WTERMSIG(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + WTERMSIG(status));
}

/* Become the program, behind the second fork.  What goes wrong here is said on standard error, like the program's own troubles. */
static void
keeper_program(char **argv, const struct passwd *pw, const struct keeper_fds *fds)
{
	char		*environment[] = { NULL };
	sigset_t	 none;
	uid_t		 uid[3];
	gid_t		 gid[3];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() == -1 || keeper_stdio(fds) == -1)
		_exit(126);
	umask(077);
	keeper_limits(pw);
	if (setgroups(1, &pw->pw_gid) == -1 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1 || getresuid(&uid[0], &uid[1], &uid[2]) == -1 ||
	    getresgid(&gid[0], &gid[1], &gid[2]) == -1 || uid[0] != pw->pw_uid || uid[1] != pw->pw_uid || uid[2] != pw->pw_uid ||
	    gid[0] != pw->pw_gid || gid[1] != pw->pw_gid || gid[2] != pw->pw_gid || setuid(0) != -1 ||
	    sandbox_no_new_privs() == -1 ||
	    chdir("/") == -1) {
		dprintf(STDERR_FILENO, "cannot become %s\n", pw->pw_name);
		_exit(126);
	}
	execve(argv[0], argv, environment);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

/* The program's descriptors.  0 or -1. */
static int
keeper_stdio(const struct keeper_fds *fds)
{
	int	 null;

	if ((null = open("/dev/null", O_RDWR)) == -1 || dup2(fds->err == -1 ? null : fds->err, STDERR_FILENO) == -1 ||
	    dup2(fds->out == -1 ? null : fds->out, STDOUT_FILENO) == -1 || dup2(null, STDIN_FILENO) == -1)
		return (-1);
	if (fds->third == -1)
		closefrom(STDERR_FILENO + 1);
	else {
		if ((fds->third == KEEPER_THIRD ? fcntl(fds->third, F_SETFD, 0) : dup2(fds->third, KEEPER_THIRD)) == -1)
			return (-1);
		closefrom(KEEPER_THIRD + 1);
	}
	return (0);
}

/*
 * Resource limits of the program.  Its data is limited and not its address space, since the run-time systems of some languages
 * reserve far more than they use.  Processes and threads are counted for the whole user: one who has other work than this gets
 * a higher limit.
 */
static void
keeper_limits(const struct passwd *pw)
{
	const struct {
		int	 resource;
		rlim_t	 max;
	} limits[] = {
		{ RLIMIT_CPU, 10 }, { RLIMIT_DATA, 512UL * 1024 * 1024 }, { RLIMIT_NOFILE, 64 }, { RLIMIT_CORE, 0 },
		{ RLIMIT_FSIZE, 16UL * 1024 * 1024 },
		{ RLIMIT_NPROC, strcmp(pw->pw_name, COMMAND_USER) == 0 ? PROCESSES_OWN : PROCESSES_OTHER }
	};
	struct rlimit	 rl;
	size_t		 i;

	for (i = 0; i < nitems(limits); i++) {
		rl.rlim_cur = rl.rlim_max = limits[i].max;
		if (setrlimit(limits[i].resource, &rl) == -1)
			_exit(126);
	}
}
