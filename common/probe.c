/* SPDX-License-Identifier: ISC */
/* What a locked-in process must not be able to do, one attempt each: evidence for the sandbox tests. */
#ifdef RPOPD_HOOKS

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "hook.h"

#define PROBE_ALLOWED	42
#define PROBE_REFUSED	0
#define PROBE_UNKNOWN	3

#define PROBE_SOCKET(name, family, type)	\
	static int				\
	probe_##name(void)			\
	{					\
		return (socket((family), (type), 0)); \
	}

/* For calls whose wrapper differs between systems or libraries. */
#define PROBE_SYSCALL(name, ...)		\
	static int				\
	probe_##name(void)			\
	{					\
		return ((int)syscall(__VA_ARGS__)); \
	}

#define X32_GETPID	(0x40000000L + 39)

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

static int
probe_open_passwd(void)
{
	return (open("/etc/passwd", O_RDONLY));
}

/* Where the role's root is writable by its user, this is its work (the deliverer's). */
static int
probe_open_write(void)
{
	return (open("/probe", O_WRONLY | O_CREAT, 0600));
}

/* A directory held open from before would be a way out of the root. */
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

/* Served is nobody: not even with a port of the kernel's choice. */
static int
probe_listen(void)
{
	int	 fd;

	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		return (-1);
	return (listen(fd, 1));
}

/* The attempt counts, not whether somebody answers. */
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
};

/* "list" prints the names on standard error, for the tests' table. */
void
sandbox_probe(const char *what)
{
	size_t	 i;

	for (i = 0; i < nitems(probes); i++) {
		if (strcmp(what, "list") == 0)
			fprintf(stderr, "%s\n", probes[i].name);
		else if (strcmp(what, probes[i].name) == 0)
			_exit(probes[i].try() == -1 ? PROBE_REFUSED : PROBE_ALLOWED);
	}
	_exit(strcmp(what, "list") == 0 ? 0 : PROBE_UNKNOWN);
}

#endif
