/* SPDX-License-Identifier: ISC */
/* Attempts at what a locked-in process must not be able to do, one each, for the tests of the sandbox. */
#ifdef RPOPD_HOOKS

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/proc.h"

#define PROBE_ALLOWED	42
#define PROBE_REFUSED	0
#define PROBE_UNKNOWN	3
#define PROBE_PORT	4711		/* on 127.0.0.2: a port of this machine that is not to be reached */

#define PROBE_SOCKET(name, family, type)	\
	static int				\
	probe_##name(void)			\
	{					\
		return (socket((family), (type), 0)); \
	}

/* A probe for a call whose function differs between systems or libraries. */
#define PROBE_SYSCALL(name, ...)		\
	static int				\
	probe_##name(void)			\
	{					\
		return ((int)syscall(__VA_ARGS__)); \
	}

#define X32_GETPID	(0x40000000L + 39)

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP	262
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE	2
#endif

PROBE_SOCKET(socket_inet, AF_INET, SOCK_STREAM)
PROBE_SOCKET(socket_udp, AF_INET, SOCK_DGRAM)
PROBE_SOCKET(socket_raw, AF_INET, SOCK_RAW)
PROBE_SOCKET(socket_unix, AF_UNIX, SOCK_STREAM)
PROBE_SOCKET(socket_netlink, AF_NETLINK, SOCK_RAW)
PROBE_SOCKET(socket_packet, AF_PACKET, SOCK_RAW)

PROBE_SYSCALL(ptrace_parent, SYS_ptrace, PTRACE_ATTACH, getppid(), NULL, NULL)
PROBE_SYSCALL(setuid0, SYS_setuid, 0)
PROBE_SYSCALL(setgroups, SYS_setgroups, 0, NULL)
PROBE_SYSCALL(chroot, SYS_chroot, "/")
PROBE_SYSCALL(mount, SYS_mount, "none", "/", "tmpfs", 0, NULL)
PROBE_SYSCALL(unshare, SYS_unshare, 0x10000000)		/* a user namespace */
PROBE_SYSCALL(memfd_create, SYS_memfd_create, "x", 0)
PROBE_SYSCALL(bpf, SYS_bpf, 0, NULL, 0)
PROBE_SYSCALL(userfaultfd, SYS_userfaultfd, 0)
PROBE_SYSCALL(keyctl, SYS_keyctl, 0, -3, 1)
PROBE_SYSCALL(personality, SYS_personality, 0xffffffffUL)
PROBE_SYSCALL(perf_event_open, SYS_perf_event_open, NULL, 0, -1, -1, 0)
PROBE_SYSCALL(pidfd_open, SYS_pidfd_open, getppid(), 0)
PROBE_SYSCALL(open_by_handle_at, SYS_open_by_handle_at, AT_FDCWD, NULL, 0)
PROBE_SYSCALL(init_module, SYS_init_module, NULL, 0, "")
PROBE_SYSCALL(x32, X32_GETPID)
PROBE_SYSCALL(setns, SYS_setns, -1, 0)
PROBE_SYSCALL(umount2, SYS_umount2, "/nowhere", 0)
PROBE_SYSCALL(kexec_load, SYS_kexec_load, 0, 0, NULL, 0)
PROBE_SYSCALL(clone_namespace, SYS_clone, CLONE_NEWUTS | SIGCHLD, 0, NULL, NULL, 0)
PROBE_SYSCALL(clone3, SYS_clone3, NULL, 0)
PROBE_SYSCALL(add_key, SYS_add_key, NULL, NULL, NULL, 0, 0)
PROBE_SYSCALL(settimeofday, SYS_settimeofday, NULL, NULL)
PROBE_SOCKET(socket_alg, AF_ALG, SOCK_SEQPACKET)
PROBE_SOCKET(socket_vsock, AF_VSOCK, SOCK_STREAM)

/* Calls that are allowed, with arguments that no process uses: each would succeed without the filter. */
PROBE_SYSCALL(fcntl_dupfd, SYS_fcntl, PROC_FD, F_DUPFD, 10)
PROBE_SYSCALL(fcntl_setown, SYS_fcntl, PROC_FD, F_SETOWN, getppid())
PROBE_SYSCALL(fcntl_async, SYS_fcntl, PROC_FD, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC)
PROBE_SYSCALL(fcntl_inherit, SYS_fcntl, PROC_FD, F_SETFD, 0)
PROBE_SYSCALL(mmap_shared, SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
PROBE_SYSCALL(mmap_fixed, SYS_mmap, 0x10000000UL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
PROBE_SYSCALL(mmap_growsdown, SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0)
PROBE_SYSCALL(prctl_dumpable, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)
PROBE_SYSCALL(prctl_name, SYS_prctl, PR_SET_NAME, "init", 0, 0, 0)
PROBE_SYSCALL(close_range_unshare, SYS_close_range, 200, 300, CLOSE_RANGE_UNSHARE)
PROBE_SYSCALL(kill_group, SYS_kill, 0, 0)
PROBE_SYSCALL(dup, SYS_dup, PROC_FD)
PROBE_SYSCALL(pipe2, SYS_pipe2, (int [2]){ 0, 0 }, 0)
PROBE_SYSCALL(socketpair, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, (int [2]){ 0, 0 })
PROBE_SYSCALL(epoll_create1, SYS_epoll_create1, 0)
PROBE_SYSCALL(eventfd2, SYS_eventfd2, 0, 0)
PROBE_SYSCALL(timerfd_create, SYS_timerfd_create, CLOCK_MONOTONIC, 0)
PROBE_SYSCALL(inotify_init1, SYS_inotify_init1, 0)
PROBE_SYSCALL(sched_yield, SYS_sched_yield)
PROBE_SYSCALL(uname, SYS_uname, (char [1024]){ 0 })
PROBE_SYSCALL(openat_path, SYS_openat, AT_FDCWD, "/", O_PATH)
PROBE_SYSCALL(mkdir_open, SYS_mkdirat, AT_FDCWD, "/probe-dir", 0777)

static int
probe_socket_mptcp(void)
{
	return (socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
}

/* SO_LINGER: unsent octets of such a socket hold up the process that closes it last. */
static int
probe_setsockopt_linger(void)
{
	struct linger	 linger = { 1, 3600 };

	return (setsockopt(PROC_FD, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
}

static int
probe_setsockopt_rcvbuf(void)
{
	int	 size = 1024 * 1024;

	return (setsockopt(PROC_FD, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
}

static int
probe_getsockopt_peercred(void)
{
	uint32_t	 cred[3];
	socklen_t	 len = sizeof(cred);

	return (getsockopt(PROC_FD, SOL_SOCKET, SO_PEERCRED, cred, &len));
}

static int
probe_futex_lock_pi(void)
{
	static uint32_t	 word;

	return ((int)syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
}

static int
probe_madvise_dontfork(void)
{
	static char	 page[8192] __attribute__((__aligned__(4096)));

	return (madvise(page, 4096, MADV_DONTFORK));
}

static int
probe_setitimer_prof(void)
{
	struct itimerval	 tv = { { 0, 0 }, { 3600, 0 } };

	return (setitimer(ITIMER_PROF, &tv, NULL));
}

/* CLONE_PARENT: a child that is the master's. */
static int
probe_clone_parent(void)
{
	long	 pid;

	if ((pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, NULL, NULL, 0)) == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

/*
 * The channel is a TCP socket on its way to be connected, whose peer has reset the connection; the test listens at the port that
 * comes from it.  The first call learns of the reset, the second connects anew, without connect(2).
 */
static int
probe_fastopen(int msg)
{
	struct sockaddr_in	 sin;
	struct iovec		 iov = { &sin, 1 };
	struct msghdr		 hdr;
	int			 i, n = -1;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(PROBE_PORT);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	memset(&hdr, 0, sizeof(hdr));
	hdr.msg_name = &sin;
	hdr.msg_namelen = sizeof(sin);
	hdr.msg_iov = &iov;
	hdr.msg_iovlen = 1;
	for (i = 0; i < 3; i++)
		n = (int)(msg ? sendmsg(PROC_FD, &hdr, MSG_FASTOPEN | MSG_NOSIGNAL) :
		    sendto(PROC_FD, &sin, 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&sin, sizeof(sin)));
	return (n);
}

static int
probe_sendmsg_fastopen(void)
{
	return (probe_fastopen(1));
}

static int
probe_sendto_fastopen(void)
{
	return (probe_fastopen(0));
}

static int
probe_open_passwd(void)
{
	return (open("/etc/passwd", O_RDONLY));
}

/* Writing below the root is the work of a role whose root belongs to its user, the deliverer. */
static int
probe_open_write(void)
{
	return (open("/probe", O_WRONLY | O_CREAT, 0600));
}

/* A directory that was open before the lock-in would be a way out of the root. */
static int
probe_escape(void)
{
	int	 fd;

	for (fd = 3; fd < 256; fd++) {
		if (openat(fd, "../../../../../../etc/passwd", O_RDONLY) != -1)
			return (0);
	}
	return (-1);
}

static int
probe_symlink(void)
{
	return (symlink("/etc/passwd", "/probe-link"));
}

static int
probe_mkfifo(void)
{
	return (mkfifo("/probe-fifo", 0600));
}

static int
probe_chmod(void)
{
	return (chmod("/", 0700));
}

static int
probe_bind(void)
{
	struct sockaddr_in	 sin;
	int			 fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (-1);
	return (bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
}

/* No role listens, not even at a port of the kernel's choice. */
static int
probe_listen(void)
{
	int	 fd;

	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (-1);
	return (listen(fd, 1));
}

/* The attempt counts, whether somebody answers or not. */
static int
probe_connect(void)
{
	struct sockaddr_in	 sin;
	int			 fd;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(9);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (-1);
	(void)connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	return (0);
}

static int
probe_fork(void)
{
	pid_t	 pid;

	if ((pid = fork()) == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

static int
probe_execve(void)
{
	char	 name[] = "/certs/x", *argv[] = { name, NULL };

	return (execve(name, argv, argv + 1));
}

static int
probe_kill_parent(void)
{
	return (kill(getppid(), 0));
}

static int
probe_tgkill_parent(void)
{
	return ((int)syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int
probe_mmap_exec(void)
{
	return (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static int
probe_mprotect_exec(void)
{
	void	*p;

	if ((p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
		return (-1);
	return (mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
probe_io_uring_setup(void)
{
	uint8_t	 params[256];

	memset(params, 0, sizeof(params));
	return ((int)syscall(SYS_io_uring_setup, 1, params));
}

static int
probe_process_vm_readv(void)
{
	char		 here[8];
	struct iovec	 local = { here, sizeof(here) }, remote = { here, sizeof(here) };

	return ((int)syscall(SYS_process_vm_readv, getppid(), &local, 1, &remote, 1, 0));
}

/*
 * Replaces a connection by one that is as far as can be from what the master expects.  One that lingers goes to a request that does
 * not exist, so that the master itself closes it.
 */
void
hook_socket(int *fd, uint32_t *id)
{
	static const char	 much[65536];
	struct linger		 linger = { 1, 3600 };
	int			 other[2] = { -1, -1 };

	if (hook_acting("linger")) {
		(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		while (send(*fd, much, sizeof(much), MSG_NOSIGNAL) > 0)
			continue;
		*id = UINT32_MAX;
		return;
	}
	if (hook_acting("listening")) {
		other[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)listen(other[0], 1);
	} else if (hook_acting("udp"))
		other[0] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	else if (hook_acting("unix"))
		(void)socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other);
	else if (hook_acting("pipe") && pipe2(other, O_NONBLOCK) == -1)
		abort();
	else if (hook_acting("blocking"))
		(void)fcntl(*fd, F_SETFL, 0);
	if (other[0] != -1) {
		close(*fd);
		*fd = other[0];
	}
}

/*
 * Replaces a destination: a stranger's address at the right next hop, a directory outside of the mail root, another account's
 * Maildir.
 */
void
hook_dest(char *dest, size_t size)
{
	if (hook_acting("stranger"))
		strlcpy(dest, "stranger@elsewhere.example", size);
	else if (hook_acting("outside"))
		strlcpy(dest, "../../etc/cron.d", size);
	else if (hook_acting("neighbour"))
		strlcpy(dest, "example.org/bert", size);
}

/* One line: what was tried, and what came of it. */
static void
trespass_told(const char *what, int result)
{
	log_info("trespass %s: %s", what, result == -1 ? strerror(errno) : "allowed");
}

/* The neighbour is example.org/bert, whose message is 1.b; a link to it is new/link, and 1.a is a message of this mailbox's own. */
void
hook_trespass(int dir)
{
	static int	 root = -1;
	const int	 make = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

	if (!hook_acting("trespass"))
		return;
	if (dir == -1) {
		root = open("/", O_RDONLY | O_DIRECTORY);
		return;
	}
	trespass_told("own", openat(dir, "new/1.a", O_RDONLY));
	trespass_told("absolute", open("/example.org/bert/new/1.b", O_RDONLY));
	trespass_told("dots", openat(dir, "../bert/new/1.b", O_RDONLY));
	trespass_told("parent", openat(dir, "..", O_RDONLY | O_DIRECTORY));
	trespass_told("link", openat(dir, "new/link", O_RDONLY | O_NOFOLLOW));
	trespass_told("through-link", openat(dir, "new/link", O_RDONLY));
	trespass_told("kept", openat(root, "example.org/bert/new/1.b", O_RDONLY));
	trespass_told("kept-list", openat(root, ".", O_RDONLY | O_DIRECTORY));
	trespass_told("make", openat(root, "example.org/bert/new/1.c", make, 0600));
	trespass_told("remove", unlinkat(root, "example.org/bert/new/1.b", 0));
	trespass_told("move-out", renameat(dir, "new/1.a", root, "example.org/bert/new/1.a"));
	trespass_told("move-in", renameat(root, "example.org/bert/new/1.b", dir, "new/1.b"));
}

#define PROBE(name)	{ #name, probe_##name }

static const struct probe {
	const char	*name;
	int		(*try)(void);
} probes[] = {
	PROBE(open_passwd), PROBE(open_write), PROBE(escape), PROBE(symlink), PROBE(mkfifo), PROBE(chmod),
	PROBE(socket_inet), PROBE(socket_udp), PROBE(socket_raw), PROBE(socket_unix), PROBE(socket_netlink), PROBE(socket_packet),
	PROBE(bind), PROBE(listen), PROBE(connect), PROBE(fork), PROBE(execve), PROBE(ptrace_parent), PROBE(kill_parent),
	PROBE(tgkill_parent),
	PROBE(setuid0), PROBE(setgroups), PROBE(chroot), PROBE(mount), PROBE(unshare), PROBE(mmap_exec), PROBE(mprotect_exec),
	PROBE(memfd_create), PROBE(io_uring_setup), PROBE(bpf), PROBE(userfaultfd), PROBE(keyctl), PROBE(personality),
	PROBE(perf_event_open), PROBE(pidfd_open), PROBE(open_by_handle_at), PROBE(init_module), PROBE(process_vm_readv), PROBE(x32),
	PROBE(setns), PROBE(umount2), PROBE(kexec_load), PROBE(clone_namespace), PROBE(clone3), PROBE(add_key), PROBE(settimeofday),
	PROBE(socket_alg), PROBE(socket_vsock),
	PROBE(fcntl_dupfd), PROBE(fcntl_setown), PROBE(fcntl_async), PROBE(fcntl_inherit), PROBE(mmap_shared), PROBE(mmap_fixed),
	PROBE(mmap_growsdown), PROBE(prctl_dumpable), PROBE(prctl_name), PROBE(close_range_unshare), PROBE(kill_group), PROBE(dup),
	PROBE(pipe2), PROBE(socketpair), PROBE(epoll_create1), PROBE(eventfd2), PROBE(timerfd_create), PROBE(inotify_init1),
	PROBE(sched_yield), PROBE(uname), PROBE(openat_path), PROBE(mkdir_open), PROBE(socket_mptcp),
	PROBE(setsockopt_linger), PROBE(setsockopt_rcvbuf), PROBE(getsockopt_peercred), PROBE(futex_lock_pi),
	PROBE(madvise_dontfork), PROBE(setitimer_prof), PROBE(clone_parent), PROBE(sendmsg_fastopen), PROBE(sendto_fastopen),
};

/* Runs the probe of this name; "list" prints all names on standard error, for the table of the tests. */
void
sandbox_probe(const char *what)
{
	size_t	 i;

	for (i = 0; i < nitems(probes); i++) {
		if (strcmp(what, "list") == 0)
			fprintf(stderr, "%s\n", probes[i].name);
		else if (strcmp(what, probes[i].name) == 0) {
			errno = 0;
			if (probes[i].try() != -1)
				_exit(PROBE_ALLOWED);
			fprintf(stderr, "refused: %s\n", strerror(errno));
			_exit(PROBE_REFUSED);
		}
	}
	_exit(strcmp(what, "list") == 0 ? 0 : PROBE_UNKNOWN);
}

#endif
