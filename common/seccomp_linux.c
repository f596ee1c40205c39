/* SPDX-License-Identifier: ISC */
/*
 * System-call filters.  What no rule names kills the process, so that a violation is seen; a few calls that libraries try and can
 * do without get an errno.  A session's filter is put on top of its template's and must be part of it.
 */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "compat.h"
#include "log.h"
#include "sandbox.h"

#define D	(1U << SANDBOX_DIALER)
#define T	(1U << SANDBOX_TEMPLATE)
#define S	(1U << SANDBOX_SESSION)
#define V	(1U << SANDBOX_DELIVERER)
#define O	(1U << SANDBOX_OAUTH)
#define N	(1U << SANDBOX_SENDER)		/* to next hops */
#define C	(1U << SANDBOX_CTL)
#define ALL	(D | T | S | V | O | N | C)

/* Argument checks.  The upper half of a register that holds an int is not defined. */
#define INT_IS(arg, value)	{ (arg), SCMP_CMP_MASKED_EQ, 0xffffffffU, (value) }
#define BITS_OFF(arg, bits)	{ (arg), SCMP_CMP_MASKED_EQ, (bits), 0 }
#define IS_NULL(arg)		{ (arg), SCMP_CMP_EQ, 0, 0 }

#define SOCK_TYPE(type)		{ 1, SCMP_CMP_MASKED_EQ, 0xfU, (type) }
#define NEW_NAMESPACE		(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
				    CLONE_NEWNET)

struct sysrule {
	int			 nr;
	unsigned int		 roles;
	struct scmp_arg_cmp	 arg[2];	/* op 0: no check */
};

static const struct sysrule allowed[] = {
	/* open descriptors */
	{ SCMP_SYS(read), ALL, { { 0 } } },
	{ SCMP_SYS(write), ALL, { { 0 } } },
	{ SCMP_SYS(readv), ALL, { { 0 } } },
	{ SCMP_SYS(writev), ALL, { { 0 } } },
	{ SCMP_SYS(close), ALL, { { 0 } } },
	{ SCMP_SYS(close_range), ALL, { { 0 } } },	/* closefrom(3) */
	{ SCMP_SYS(lseek), ALL, { { 0 } } },		/* stdio */
	{ SCMP_SYS(fstat), ALL, { { 0 } } },
	{ SCMP_SYS(newfstatat), ALL, { { 0 } } },	/* fstat(3) of glibc; by name it reaches the empty root only */
	{ SCMP_SYS(fcntl), ALL, { INT_IS(1, F_GETFL) } },
	{ SCMP_SYS(fcntl), ALL, { INT_IS(1, F_SETFL) } },
	{ SCMP_SYS(fcntl), ALL, { INT_IS(1, F_GETFD) } },
	{ SCMP_SYS(fcntl), ALL, { INT_IS(1, F_SETFD) } },

	/* channels, pipes and sockets that are already connected */
	{ SCMP_SYS(recvmsg), ALL, { { 0 } } },
	{ SCMP_SYS(sendmsg), ALL, { { 0 } } },
	{ SCMP_SYS(recvfrom), D, { { 0 } } },
	{ SCMP_SYS(sendto), D, { IS_NULL(4) } },	/* no address: send(2), no fast-open connect */
	{ SCMP_SYS(shutdown), T | S, { { 0 } } },
	{ SCMP_SYS(getsockopt), D | T | S, { { 0 } } },

	/* event loop: libevent, whose base is made before the lock-in, and poll(2) */
	{ SCMP_SYS(poll), ALL, { { 0 } } },
	{ SCMP_SYS(ppoll), ALL, { { 0 } } },
	{ SCMP_SYS(epoll_wait), ALL, { { 0 } } },
	{ SCMP_SYS(epoll_pwait), ALL, { { 0 } } },
	{ SCMP_SYS(epoll_ctl), ALL, { { 0 } } },

	/* memory, never executable */
	{ SCMP_SYS(brk), ALL, { { 0 } } },
	{ SCMP_SYS(mmap), ALL, { BITS_OFF(2, PROT_EXEC) } },
	{ SCMP_SYS(mprotect), ALL, { BITS_OFF(2, PROT_EXEC) } },
	{ SCMP_SYS(munmap), ALL, { { 0 } } },
	{ SCMP_SYS(mremap), ALL, { { 0 } } },
	{ SCMP_SYS(madvise), ALL, { { 0 } } },
	{ SCMP_SYS(futex), ALL, { { 0 } } },

	/* time, randomness, who am I; sysinfo is qsort(3), rlimits are read by sysconf(3) */
	{ SCMP_SYS(clock_gettime), ALL, { { 0 } } },
	{ SCMP_SYS(gettimeofday), ALL, { { 0 } } },
	{ SCMP_SYS(time), ALL, { { 0 } } },
	{ SCMP_SYS(getrandom), ALL, { { 0 } } },
	{ SCMP_SYS(getpid), ALL, { { 0 } } },
	{ SCMP_SYS(getppid), ALL, { { 0 } } },
	{ SCMP_SYS(gettid), ALL, { { 0 } } },
	{ SCMP_SYS(getuid), ALL, { { 0 } } },
	{ SCMP_SYS(geteuid), ALL, { { 0 } } },
	{ SCMP_SYS(getgid), ALL, { { 0 } } },
	{ SCMP_SYS(getegid), ALL, { { 0 } } },
	{ SCMP_SYS(sysinfo), ALL, { { 0 } } },
	{ SCMP_SYS(getrlimit), ALL, { { 0 } } },
	{ SCMP_SYS(prlimit64), ALL, { INT_IS(0, 0), IS_NULL(2) } },

	/* signals to itself are in seccomp_self() */
	{ SCMP_SYS(rt_sigaction), ALL, { { 0 } } },
	{ SCMP_SYS(rt_sigprocmask), ALL, { { 0 } } },
	{ SCMP_SYS(rt_sigreturn), ALL, { { 0 } } },
	{ SCMP_SYS(restart_syscall), ALL, { { 0 } } },
	{ SCMP_SYS(exit), ALL, { { 0 } } },
	{ SCMP_SYS(exit_group), ALL, { { 0 } } },

	/* dialer: UDP to name servers, TCP to mail servers; no other family, type or listening */
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET), SOCK_TYPE(SOCK_STREAM) } },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET), SOCK_TYPE(SOCK_DGRAM) } },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET6), SOCK_TYPE(SOCK_STREAM) } },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET6), SOCK_TYPE(SOCK_DGRAM) } },
	{ SCMP_SYS(connect), D, { { 0 } } },
	{ SCMP_SYS(bind), D, { { 0 } } },		/* source address, and is an address our own? */
	{ SCMP_SYS(getsockname), D, { { 0 } } },
	{ SCMP_SYS(getpeername), D, { { 0 } } },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, SOL_SOCKET) } },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, IPPROTO_TCP) } },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, IPPROTO_IPV6) } },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, IPPROTO_IP), INT_IS(2, IP_BIND_ADDRESS_NO_PORT) } },

	/* template: forks sessions, waits for them, ends them */
	{ SCMP_SYS(clone), T, { BITS_OFF(0, CLONE_VM | CLONE_FILES | CLONE_THREAD | NEW_NAMESPACE) } },
	{ SCMP_SYS(set_robust_list), T, { { 0 } } },	/* first thing a fork of glibc does */
	{ SCMP_SYS(wait4), T, { { 0 } } },
	{ SCMP_SYS(waitid), T, { { 0 } } },
	{ SCMP_SYS(kill), T, { { 0 } } },
	{ SCMP_SYS(tgkill), T, { { 0 } } },		/* abort(3) in a fork, whose pid is not known here */

	/* what the fork needs to become a session: channel in place, attributes, narrower limits and filter */
	{ SCMP_SYS(prctl), T, { INT_IS(0, PR_SET_NO_NEW_PRIVS) } },
	{ SCMP_SYS(prctl), T, { INT_IS(0, PR_SET_DUMPABLE) } },
	{ SCMP_SYS(prctl), T, { INT_IS(0, PR_SET_PDEATHSIG) } },
	{ SCMP_SYS(capget), T, { { 0 } } },
	{ SCMP_SYS(setrlimit), T, { { 0 } } },
	{ SCMP_SYS(prlimit64), T, { INT_IS(0, 0) } },
	{ SCMP_SYS(seccomp), T, { { 0 } } },
	{ SCMP_SYS(dup2), T, { { 0 } } },
	{ SCMP_SYS(dup3), T, { { 0 } } },

	/* template, session, oauth, sender: certificates, opened by name when needed */
	{ SCMP_SYS(openat), T | S | O | N, { BITS_OFF(2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND) } },
	{ SCMP_SYS(open), T | S | O | N, { BITS_OFF(1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND) } },
	{ SCMP_SYS(stat), T | S | O | N, { { 0 } } },
	{ SCMP_SYS(lstat), T | S | O | N, { { 0 } } },

	/* session: the watchdog behind its clocks, alarm(3) */
	{ SCMP_SYS(alarm), T | S, { { 0 } } },
	{ SCMP_SYS(setitimer), T | S, { { 0 } } },

	/* deliverer: files and directories below the mail root */
	{ SCMP_SYS(openat), V, { { 0 } } },
	{ SCMP_SYS(open), V, { { 0 } } },
	{ SCMP_SYS(stat), V, { { 0 } } },
	{ SCMP_SYS(lstat), V, { { 0 } } },
	{ SCMP_SYS(getdents64), V, { { 0 } } },
	{ SCMP_SYS(linkat), V, { { 0 } } },
	{ SCMP_SYS(renameat), V, { { 0 } } },
	{ SCMP_SYS(renameat2), V, { { 0 } } },
	{ SCMP_SYS(unlinkat), V, { { 0 } } },
	{ SCMP_SYS(mkdirat), V, { { 0 } } },

	/* deliverer: content and its way to the disk */
	{ SCMP_SYS(ftruncate), V, { { 0 } } },
	{ SCMP_SYS(fsync), V, { { 0 } } },
	{ SCMP_SYS(fdatasync), V, { { 0 } } },
	{ SCMP_SYS(sync_file_range), V, { { 0 } } },
	/* many fsyncs at a time; the context is made before the lock-in, and what can be submitted is reading, writing, syncing and
	   polling open descriptors, all of which is allowed anyway */
	{ SCMP_SYS(io_submit), V, { { 0 } } },
	{ SCMP_SYS(io_getevents), V, { { 0 } } },
};

static const struct refusal {
	int		 nr;
	unsigned int	 roles;
	int		 error;
} refused[] = {
	/* libraries look for configuration that is not there */
	{ SCMP_SYS(open), D, ENOENT },
	{ SCMP_SYS(openat), D, ENOENT },
	{ SCMP_SYS(stat), D, ENOENT },
	{ SCMP_SYS(lstat), D, ENOENT },
	{ SCMP_SYS(statx), ALL, ENOENT },
	{ SCMP_SYS(access), ALL, ENOENT },
	{ SCMP_SYS(faccessat), ALL, ENOENT },
	{ SCMP_SYS(faccessat2), ALL, ENOENT },
	{ SCMP_SYS(readlink), ALL, ENOENT },
	{ SCMP_SYS(readlinkat), ALL, ENOENT },
	/* stdio asks whether it writes to a terminal */
	{ SCMP_SYS(ioctl), ALL, ENOTTY },
	/* its flags cannot be checked; libc falls back to clone */
	{ SCMP_SYS(clone3), T, ENOSYS },
};

static void	 seccomp_rule(scmp_filter_ctx, uint32_t, int, unsigned int, const struct scmp_arg_cmp *);
static void	 seccomp_tables(scmp_filter_ctx, enum sandbox_role);
static void	 seccomp_self(scmp_filter_ctx, enum sandbox_role);
static scmp_filter_ctx	 seccomp_build(enum sandbox_role);
static void	 seccomp_compile(void);

/* The session's filter, compiled once in the template: building it anew in each fork would cost as much as the fork. */
static struct sock_fprog	 session_program;

/* A call this architecture does not have is passed over. */
static void
seccomp_rule(scmp_filter_ctx ctx, uint32_t action, int nr, unsigned int nargs, const struct scmp_arg_cmp *arg)
{
	int	 error;

	if (nr < 0)
		return;
	if ((error = seccomp_rule_add_array(ctx, action, nr, nargs, arg)) != 0)
		fatalx("seccomp rule for call %d: %s", nr, strerror(-error));
}

static void
seccomp_tables(scmp_filter_ctx ctx, enum sandbox_role role)
{
	const struct sysrule	*r;
	unsigned int		 nargs;
	size_t			 i;

	for (i = 0; i < nitems(allowed); i++) {
		r = &allowed[i];
		if ((r->roles & (1U << role)) == 0)
			continue;
		for (nargs = 0; nargs < nitems(r->arg) && r->arg[nargs].op != 0; nargs++)
			continue;
		seccomp_rule(ctx, SCMP_ACT_ALLOW, r->nr, nargs, r->arg);
	}
	for (i = 0; i < nitems(refused); i++) {
		if (refused[i].roles & (1U << role))
			seccomp_rule(ctx, SCMP_ACT_ERRNO((uint32_t)refused[i].error), refused[i].nr, 0, NULL);
	}
}

/* raise(3) and abort(3): signals to nobody else.  A session's filter is compiled before its pid is known; it dies either way. */
static void
seccomp_self(scmp_filter_ctx ctx, enum sandbox_role role)
{
	struct scmp_arg_cmp	 self = INT_IS(0, (scmp_datum_t)getpid());

	if (role != SANDBOX_TEMPLATE && role != SANDBOX_SESSION)
		seccomp_rule(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);
}

/* The library refuses foreign architectures, x32 included. */
static scmp_filter_ctx
seccomp_build(enum sandbox_role role)
{
	scmp_filter_ctx	 ctx;
	int		 error;

	if ((ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)) == NULL)
		fatalx("seccomp_init");
	if ((error = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0 ||
	    (error = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1)) != 0)
		fatalx("seccomp attribute: %s", strerror(-error));
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);	/* binary tree; a slower filter does as well */
	seccomp_tables(ctx, role);
	seccomp_self(ctx, role);
	return (ctx);
}

/* The library exports to a descriptor only; a program fits into a pipe's buffer many times. */
static void
seccomp_compile(void)
{
	static struct sock_filter	 code[1024];
	scmp_filter_ctx			 ctx = seccomp_build(SANDBOX_SESSION);
	ssize_t				 n;
	int				 fd[2], error;

	if (pipe(fd) == -1)
		fatal("pipe");
	if ((error = seccomp_export_bpf(ctx, fd[1])) != 0)
		fatalx("seccomp_export_bpf: %s", strerror(-error));
	if ((n = read(fd[0], code, sizeof(code))) <= 0 || n == sizeof(code) || n % sizeof(code[0]) != 0)
		fatalx("seccomp program of a session: %zd octets", n);
	session_program.len = n / sizeof(code[0]);
	session_program.filter = code;
	close(fd[0]);
	close(fd[1]);
	seccomp_release(ctx);
}

void
seccomp_enter(enum sandbox_role role)
{
	scmp_filter_ctx	 ctx;
	int		 error;

	if (role == SANDBOX_SESSION) {
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &session_program) == -1)
			fatal("seccomp");
		return;
	}
	if (role == SANDBOX_TEMPLATE)
		seccomp_compile();
	ctx = seccomp_build(role);
	if ((error = seccomp_load(ctx)) != 0)
		fatalx("seccomp: %s", strerror(-error));
	seccomp_release(ctx);
}
