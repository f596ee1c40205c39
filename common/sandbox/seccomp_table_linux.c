/* SPDX-License-Identifier: ISC */
/*
 * Which system calls a role may make, with which flags, options, commands and protocols: what is not used is not allowed, down to
 * single values.  "make syscalls" prints this table, "make trace" compares it with what the tests do.  Pointers cannot be looked
 * at, so nothing here depends on what they point to.
 */
#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <asm/termbits.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/random.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "common/compat.h"
#include "sandbox.h"
#include "seccomp_int.h"

#define D	(1U << SANDBOX_DIALER)
#define T	(1U << SANDBOX_TEMPLATE)
#define S	(1U << SANDBOX_SESSION)
#define V	(1U << SANDBOX_DELIVERER)
#define O	(1U << SANDBOX_OAUTH)		/* a fork of its template */
#define N	(1U << SANDBOX_SENDER)		/* a fork of its template, with a connection to a next hop */
#define H	(1U << SANDBOX_AUTH)		/* a fork of its template, with a password */
#define X	(1U << SANDBOX_MAILBOX)		/* a fork of its template, in one Maildir */
#define L	(1U << SANDBOX_LISTENER)	/* a template, too */
#define P	(1U << SANDBOX_POP)		/* a fork of its template, with the connection of a client */
#define W	(1U << SANDBOX_WEB)		/* a fork of its template, with a connection of the web server's */
#define K	(1U << SANDBOX_SIGNER)
#define C	(1U << SANDBOX_CTL)
#define TL	(T | L)
#define ALL	(D | TL | S | V | O | N | H | X | P | W | K | C)

/*
 * Argument checks.  INT: the kernel takes 32 bits, and the upper half of such a register is not defined.  LONG: it takes all 64.
 * IS: this value; IN: these bits or fewer of them, no other.
 */
#define INT_IS(arg, value)	{ (arg), SCMP_CMP_MASKED_EQ, 0xffffffffU, (uint32_t)(value) }
#define INT_IN(arg, bits)	{ (arg), SCMP_CMP_MASKED_EQ, 0xffffffffU & ~(uint32_t)(bits), 0 }
#define INT_SELF(arg)		INT_IS((arg), SECCOMP_SELF)
#define LONG_IS(arg, value)	{ (arg), SCMP_CMP_EQ, (value), 0 }
#define LONG_IN(arg, bits)	{ (arg), SCMP_CMP_MASKED_EQ, ~(uint64_t)(bits), 0 }
#define LONG_TO(arg, most)	{ (arg), SCMP_CMP_LE, (most), 0 }
#define NO_CHECK		{ 0, 0, 0, 0 }

#define SOCK_TYPE(type)		{ 1, SCMP_CMP_MASKED_EQ, 0xffffffffU & ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC), (type) }
#define DATA			(PROT_READ | PROT_WRITE)
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE	1
#endif
#define ROBUST_HEAD		24	/* octets of struct robust_list_head */
#define SYNC_PARALLEL		32	/* deliverer/sync_linux.c */

/* Reasons why a call is allowed that no test makes. */
#define ABORT		"abort(3) and what the C library says before it"
#define ARCH		"architectures that have no older call of its kind"
#define ARENA		"malloc(3) when brk(2) finds no room"
#define BIG		"malloc(3) of more than 128 KiB, and its end"
#define CLOCK		"where the kernel cannot give the time without a call"
#define CONTINUED	"a wait that goes on after SIGSTOP and SIGCONT"
#define LAST		"last words when the channel to the master is broken, or full at an exit"
#define LIBC		"glibc before 2.33"
#define RANDOM		"arc4random(3), anew after so many octets"
#define TERMIOS2	"glibc from 2.42 on"
#define SORT		"qsort(3) of more than 1,024 octets, which asks for the memory there is"

const struct sysrule	 seccomp_allowed[] = {
	/* open descriptors */
	{ SCMP_SYS(read), ALL & ~(D | L | H | K), { NO_CHECK }, NULL },		/* rpopctl: a message it is handed, open */
	{ SCMP_SYS(write), TL | S | V | O | N | H | X | P | W | C, { NO_CHECK }, NULL },
	{ SCMP_SYS(write), D | K, { NO_CHECK }, LAST },
	{ SCMP_SYS(writev), ALL, { NO_CHECK }, ABORT },
	{ SCMP_SYS(close), ALL & ~C, { NO_CHECK }, NULL },
	{ SCMP_SYS(close), C, { NO_CHECK }, "a descriptor that came and was not asked for" },
	{ SCMP_SYS(close_range), TL, { INT_IS(2, 0) }, NULL },		/* closefrom(3) */
	{ SCMP_SYS(pread64), X | P, { NO_CHECK }, NULL },
	{ SCMP_SYS(lseek), V | N, { INT_IS(2, SEEK_SET) }, NULL },
	{ SCMP_SYS(lseek), N, { INT_IS(2, SEEK_CUR) }, NULL },
	{ SCMP_SYS(lseek), T | S | O, { INT_IS(2, SEEK_CUR) }, "fclose(3) of a file that was not read to its end" },
	{ SCMP_SYS(newfstatat), S | V | O | N | X, { INT_IS(3, AT_EMPTY_PATH) }, NULL },	/* fstat(3) */
	{ SCMP_SYS(newfstatat), TL | D | K, { INT_IS(3, AT_EMPTY_PATH) }, LAST },
	{ SCMP_SYS(fstat), ALL & ~C, { NO_CHECK }, LIBC },
	{ SCMP_SYS(fcntl), D | V | X | K, { INT_IS(1, F_GETFL) }, NULL },
	{ SCMP_SYS(fcntl), D | TL | V | O | N | X | P | W | K, { INT_IS(1, F_SETFL), INT_IN(2, O_RDWR | O_NONBLOCK) }, NULL },
	{ SCMP_SYS(fcntl), D | V | X, { INT_IS(1, F_SETFD), INT_IS(2, FD_CLOEXEC) }, NULL },

	/* channels, pipes and sockets that are already connected; with no flag could a connection be made */
	{ SCMP_SYS(recvmsg), ALL, { INT_IS(2, MSG_CMSG_CLOEXEC) }, NULL },
	{ SCMP_SYS(sendmsg), ALL, { INT_IS(2, MSG_NOSIGNAL) }, NULL },

	/* event loop: libevent, whose base is made before the lock-in, and poll(2) */
	{ SCMP_SYS(poll), S | O | N | H | X | P | W | C, { NO_CHECK }, NULL },
	{ SCMP_SYS(poll), D | TL | V | K, { NO_CHECK }, LAST },
	{ SCMP_SYS(ppoll), ALL, { NO_CHECK }, ARCH },
	{ SCMP_SYS(epoll_wait), D | TL | V | K, { NO_CHECK }, NULL },
	{ SCMP_SYS(epoll_pwait), D | TL | V | K, { NO_CHECK }, ARCH },
	{ SCMP_SYS(epoll_ctl), D | TL | V | K, { NO_CHECK }, NULL },

	/* memory: private, of no file, never executable */
	{ SCMP_SYS(brk), S | V | O | N | H | X | P | W | K, { NO_CHECK }, NULL },
	{ SCMP_SYS(brk), D | TL | C, { NO_CHECK }, "malloc(3), when there are many sessions, lookups or answers" },
	{ SCMP_SYS(mmap), S | V | N | H | X | P | W | C, { LONG_IN(2, DATA), LONG_IS(3, MAP_PRIVATE | MAP_ANONYMOUS) }, NULL },
	{ SCMP_SYS(mmap), D | TL | O | K, { LONG_IN(2, DATA), LONG_IS(3, MAP_PRIVATE | MAP_ANONYMOUS) }, BIG },
	{ SCMP_SYS(munmap), V | H | X | C, { NO_CHECK }, NULL },
	{ SCMP_SYS(munmap), ALL & ~(V | H | X | C), { NO_CHECK }, BIG },
	{ SCMP_SYS(mremap), ALL, { LONG_IS(3, MREMAP_MAYMOVE) }, BIG },
	{ SCMP_SYS(mmap), ALL, { LONG_IN(2, DATA), LONG_IS(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE) }, ARENA },
	{ SCMP_SYS(mprotect), ALL, { LONG_IN(2, DATA) }, ARENA },
	{ SCMP_SYS(madvise), ALL, { INT_IS(2, MADV_DONTNEED) }, ARENA },
	{ SCMP_SYS(futex), ALL, { INT_IS(1, FUTEX_WAKE_PRIVATE) }, "pthread_once(3) in libraries" },

	/* time, randomness, the process's own numbers */
	{ SCMP_SYS(clock_gettime), ALL, { NO_CHECK }, CLOCK },
	{ SCMP_SYS(gettimeofday), ALL, { NO_CHECK }, CLOCK },
	{ SCMP_SYS(time), ALL, { NO_CHECK }, CLOCK },
	{ SCMP_SYS(getrandom), S | O | N | H | X | P | W | C, { INT_IN(2, GRND_NONBLOCK) }, NULL },
	{ SCMP_SYS(getrandom), D | TL | V | K, { INT_IN(2, GRND_NONBLOCK) }, RANDOM },
	{ SCMP_SYS(getpid), TL | S | V | O | N | H | X | P | W | K, { NO_CHECK }, NULL },
	{ SCMP_SYS(getpid), D | C, { NO_CHECK }, ABORT },
	{ SCMP_SYS(gettid), ALL, { NO_CHECK }, ABORT },
	{ SCMP_SYS(getppid), ALL & ~C, { NO_CHECK }, NULL },
	{ SCMP_SYS(geteuid), V | X, { NO_CHECK }, NULL },
	{ SCMP_SYS(getuid), C, { NO_CHECK }, NULL },		/* whether root asks, who needs no old password */
	{ SCMP_SYS(sysinfo), C | W, { NO_CHECK }, NULL },	/* qsort(3) */
	{ SCMP_SYS(sysinfo), S | V | O | N | X, { NO_CHECK }, SORT },
	{ SCMP_SYS(prlimit64), V, { INT_IS(0, 0), LONG_IS(2, 0) }, NULL },

	/* signals, to itself only */
	{ SCMP_SYS(rt_sigaction), TL | V | C, { NO_CHECK }, NULL },
	{ SCMP_SYS(rt_sigaction), ALL & ~(TL | V | C), { NO_CHECK }, ABORT },
	{ SCMP_SYS(rt_sigprocmask), TL, { NO_CHECK }, NULL },
	{ SCMP_SYS(rt_sigprocmask), ALL & ~TL, { NO_CHECK }, ABORT },
	{ SCMP_SYS(rt_sigreturn), TL | C, { NO_CHECK }, NULL },
	{ SCMP_SYS(rt_sigreturn), ALL & ~(TL | C), { NO_CHECK }, ABORT },
	{ SCMP_SYS(tgkill), ALL, { INT_SELF(0) }, ABORT },
	{ SCMP_SYS(restart_syscall), ALL, { NO_CHECK }, CONTINUED },
	{ SCMP_SYS(exit_group), ALL, { NO_CHECK }, NULL },

	/* dialer: UDP to name servers, TCP to mail servers; no other family, type or protocol, and no listening */
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET), SOCK_TYPE(SOCK_STREAM), INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET), SOCK_TYPE(SOCK_DGRAM), INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET6), SOCK_TYPE(SOCK_STREAM), INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(socket), D, { INT_IS(0, AF_INET6), SOCK_TYPE(SOCK_DGRAM), INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(connect), D, { NO_CHECK }, NULL },
	{ SCMP_SYS(bind), D, { NO_CHECK }, NULL },		/* the source address; and whether an address is this machine's */
	{ SCMP_SYS(getsockname), D, { NO_CHECK }, NULL },
	{ SCMP_SYS(getpeername), D, { NO_CHECK }, NULL },
	{ SCMP_SYS(getsockopt), D, { INT_IS(1, SOL_SOCKET), INT_IS(2, SO_ERROR) }, NULL },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, SOL_SOCKET), INT_IS(2, SO_KEEPALIVE) }, NULL },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, IPPROTO_TCP), INT_IS(2, TCP_NODELAY) }, NULL },
	{ SCMP_SYS(setsockopt), D, { INT_IS(1, IPPROTO_IP), INT_IS(2, IP_BIND_ADDRESS_NO_PORT) }, NULL },
	{ SCMP_SYS(recvfrom), D, { INT_IS(3, 0) }, NULL },
	{ SCMP_SYS(sendto), D, { INT_IS(3, MSG_NOSIGNAL), LONG_IS(4, 0) }, NULL },	/* send(2), without an address */

	/* template: forks, waits for its forks, ends them */
	{ SCMP_SYS(clone), TL, { LONG_IS(0, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD), LONG_IS(1, 0) }, NULL },
	{ SCMP_SYS(set_robust_list), TL, { LONG_IS(1, ROBUST_HEAD) }, NULL },	/* the first call of a fork of glibc */
	{ SCMP_SYS(wait4), TL, { INT_IS(2, WNOHANG), LONG_IS(3, 0) }, NULL },
	{ SCMP_SYS(kill), TL, { INT_IS(1, SIGKILL) }, NULL },
	{ SCMP_SYS(tgkill), TL, { INT_IS(2, SIGABRT) }, ABORT },		/* in a fork, whose pid is not known here */
#ifdef RPOPD_HOOKS
	{ SCMP_SYS(tgkill), TL, { NO_CHECK }, "kill points in a fork" },
#endif

	/* a fork's own lock-in: its channel, attributes, narrower limits and filter */
	{ SCMP_SYS(prctl), TL, { INT_IS(0, PR_SET_NO_NEW_PRIVS), LONG_IS(1, 1) }, NULL },
	{ SCMP_SYS(prctl), TL, { INT_IS(0, PR_SET_DUMPABLE), LONG_IS(1, 0) }, NULL },
	{ SCMP_SYS(prctl), TL, { INT_IS(0, PR_SET_PDEATHSIG), LONG_IS(1, SIGKILL) }, NULL },
	{ SCMP_SYS(capget), TL, { NO_CHECK }, NULL },
	{ SCMP_SYS(prlimit64), TL, { INT_IS(0, 0) }, NULL },
	{ SCMP_SYS(seccomp), TL, { INT_IS(0, SECCOMP_SET_MODE_FILTER), INT_IS(1, 0) }, NULL },
	{ SCMP_SYS(dup2), TL, { INT_IS(1, 3) }, NULL },
	{ SCMP_SYS(dup3), TL, { INT_IS(1, 3), INT_IS(2, 0) }, ARCH },
	{ SCMP_SYS(dup2), L, { INT_IS(1, 4) }, NULL },		/* the connection */
	{ SCMP_SYS(dup3), L, { INT_IS(1, 4), INT_IS(2, 0) }, ARCH },

	/* listener: connections come in on sockets that listen already, and never go out */
	{ SCMP_SYS(accept4), L, { INT_IS(3, SOCK_NONBLOCK | SOCK_CLOEXEC) }, NULL },
	{ SCMP_SYS(getsockname), L, { NO_CHECK }, NULL },
	{ SCMP_SYS(setsockopt), L, { INT_IS(1, IPPROTO_TCP), INT_IS(2, TCP_NODELAY) }, NULL },
	{ SCMP_SYS(setsockopt), L, { INT_IS(1, SOL_SOCKET), INT_IS(2, SO_KEEPALIVE) }, NULL },
	{ SCMP_SYS(socketpair), L, { INT_IS(0, AF_UNIX), SOCK_TYPE(SOCK_STREAM), INT_IS(2, 0) }, NULL },

	/* a session of popd: the end of what it sends */
	{ SCMP_SYS(shutdown), P, { INT_IS(1, SHUT_WR) }, NULL },

	/* session, oauth, sender: certificates, opened by name when needed */
	{ SCMP_SYS(openat), S | O | N, { INT_IN(2, O_CLOEXEC) }, NULL },
	{ SCMP_SYS(newfstatat), S | O | N, { INT_IS(3, 0) }, NULL },
	{ SCMP_SYS(stat), S | O | N, { NO_CHECK }, LIBC },

	/* session, and a request at the web page: the watchdog behind its clocks, alarm(3) */
	{ SCMP_SYS(alarm), S | W, { NO_CHECK }, NULL },
	{ SCMP_SYS(setitimer), S | W, { INT_IS(0, ITIMER_REAL) }, ARCH },

	/* rpopctl: whether standard input is a terminal, its echo off and on; nothing is put into its input, nothing else is asked */
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCGETS) }, NULL },
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCSETSF) }, NULL },
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCSETS) }, NULL },
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDOUT_FILENO), INT_IS(1, TIOCGWINSZ) }, NULL },	/* the size of its terminal, anew */
#ifdef TCGETS2
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCGETS2) }, TERMIOS2 },
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCSETSF2) }, TERMIOS2 },
	{ SCMP_SYS(ioctl), C, { INT_IS(0, STDIN_FILENO), INT_IS(1, TCSETS2) }, TERMIOS2 },
#endif

	/* deliverer: files and directories below the mail root, never through a symbolic link, its own user's only */
	{ SCMP_SYS(openat), V, { INT_IN(2, O_WRONLY | O_CREAT | O_EXCL | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
	    INT_IN(3, 0600) }, NULL },
	{ SCMP_SYS(newfstatat), V, { INT_IS(3, AT_SYMLINK_NOFOLLOW) }, NULL },
	{ SCMP_SYS(getdents64), V, { NO_CHECK }, NULL },
	{ SCMP_SYS(linkat), V, { INT_IS(4, 0) }, NULL },
	{ SCMP_SYS(renameat), V, { NO_CHECK }, NULL },
	{ SCMP_SYS(renameat2), V | X, { INT_IS(4, 0) }, ARCH },
	{ SCMP_SYS(unlinkat), V, { INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(mkdirat), V, { INT_IS(2, 0700) }, NULL },

	/* mailbox: rules for one Maildir and no other, which can take away only; then its directories, messages and index */
	{ SCMP_SYS(landlock_create_ruleset), X, { NO_CHECK }, NULL },
	{ SCMP_SYS(landlock_add_rule), X, { NO_CHECK }, NULL },
	{ SCMP_SYS(landlock_restrict_self), X, { NO_CHECK }, NULL },
	{ SCMP_SYS(openat), X, { INT_IN(2, O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) }, NULL },
	{ SCMP_SYS(openat), X, { INT_IS(2, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC), INT_IS(3, 0600) }, NULL },
	{ SCMP_SYS(newfstatat), X, { INT_IS(3, AT_SYMLINK_NOFOLLOW) }, NULL },
	{ SCMP_SYS(getdents64), X, { NO_CHECK }, NULL },
	{ SCMP_SYS(renameat), X, { NO_CHECK }, NULL },		/* the index */
	{ SCMP_SYS(renameat2), X, { INT_IS(4, RENAME_NOREPLACE) }, NULL },
	{ SCMP_SYS(unlinkat), X, { INT_IS(2, 0) }, NULL },
	{ SCMP_SYS(fsync), X, { NO_CHECK }, NULL },

	/* deliverer: content and its way to the disk */
	{ SCMP_SYS(fsync), V, { NO_CHECK }, NULL },
	{ SCMP_SYS(sync_file_range), V, { INT_IS(3, SYNC_FILE_RANGE_WRITE) }, NULL },
	{ SCMP_SYS(sync_file_range), V, { INT_IS(3, SYNC_FILE_RANGE_WAIT_BEFORE) }, NULL },
	/* many fsyncs at a time; the context is made before the lock-in, and what can be submitted is reading, writing, syncing and
	   polling open descriptors, all of which is allowed anyway */
	{ SCMP_SYS(io_submit), V, { LONG_TO(1, SYNC_PARALLEL) }, NULL },
	{ SCMP_SYS(io_getevents), V, { LONG_IS(1, 1), LONG_TO(2, SYNC_PARALLEL), LONG_IS(4, 0) }, NULL },
};
const size_t	 seccomp_nallowed = nitems(seccomp_allowed);

const struct refusal	 seccomp_refused[] = {
	/* libraries look for configuration that is not there */
	{ SCMP_SYS(open), D | V, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(openat), D, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(stat), D, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(lstat), D, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(statx), ALL, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(access), ALL, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(faccessat), ALL, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(faccessat2), ALL, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(readlink), ALL, ENOENT, { NO_CHECK } },
	{ SCMP_SYS(readlinkat), ALL, ENOENT, { NO_CHECK } },
	/* stdio asks whether it writes to a terminal */
	{ SCMP_SYS(ioctl), ALL & ~C, ENOTTY, { NO_CHECK } },
	/* yescrypt asks for large pages first where it needs much memory, and does without */
	{ SCMP_SYS(mmap), H | W, ENOMEM, { LONG_IN(2, DATA), LONG_IS(3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB) } },
	/* its flags cannot be checked; libc falls back to clone */
	{ SCMP_SYS(clone3), TL, ENOSYS, { NO_CHECK } },
	/* later versions of c-ares would like a quicker TCP and do without */
	{ SCMP_SYS(setsockopt), D, ENOPROTOOPT, { INT_IS(1, IPPROTO_TCP), INT_IS(2, TCP_FASTOPEN_CONNECT) } },
};
const size_t	 seccomp_nrefused = nitems(seccomp_refused);
