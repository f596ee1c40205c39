/* SPDX-License-Identifier: ISC */
/*
 * Calls that fail once, in test builds: the linker puts a function of this file before each of the C library's (--wrap), which
 * fails without asking the kernel.  That works under a system-call filter, too, where a debugger's injected error would end the
 * process.  "-F call:n[:errno]": the nth call of that name fails, counted over a process and its forks; "db_write" is a write of
 * SQLite's.
 */
#ifdef RPOPD_HOOKS

#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "hook.h"
#include "log.h"

/* In memory that forks share, so that one fork of many fails and not each of them. */
struct fault {
	char		 call[24];	/* empty: none */
	uint32_t	 left;
	int		 error;
};

/* Only the rpopd program has SQLite. */
#pragma weak sqlite3_vfs_find

static ssize_t	 db_write(int, const void *, size_t);
static ssize_t	 db_pwrite(int, const void *, size_t, off_t);

static struct fault	*fault;

/* Takes "call[:n[:errno]]" of the command line; anything else ends the program. */
void
fault_set(const char *spec)
{
	const char	*errstr = NULL;
	char		 buf[64], *p = buf, *call, *n, *number;

	if (strlcpy(buf, spec, sizeof(buf)) >= sizeof(buf))
		errx(1, "fault too long");
	call = strsep(&p, ":");
	n = strsep(&p, ":");
	number = strsep(&p, ":");
	fault = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fault == MAP_FAILED)
		err(1, "mmap");
	fault->left = n == NULL ? 1 : (uint32_t)strtonum(n, 1, UINT32_MAX, &errstr);
	if (errstr == NULL)
		fault->error = number == NULL ? EIO : (int)strtonum(number, 1, 4095, &errstr);
	if (errstr != NULL || strlcpy(fault->call, call, sizeof(fault->call)) >= sizeof(fault->call))
		errx(1, "not a fault: %s", spec);
}

/* Whether this call is the one that fails; errno is set then, and a line that the tests look for is logged. */
static int
fault_due(const char *call)
{
	int	 error;

	if (fault == NULL || strcmp(fault->call, call) != 0 || --fault->left > 0)
		return (0);
	error = fault->error;
	fault->call[0] = '\0';
	log_warnx("fault: %s fails: %s", call, strerror(error));
	errno = error;
	return (1);
}

static ssize_t
db_write(int fd, const void *data, size_t len)
{
	return (fault_due("db_write") ? -1 : write(fd, data, len));
}

static ssize_t
db_pwrite(int fd, const void *data, size_t len, off_t off)
{
	return (fault_due("db_write") ? -1 : pwrite(fd, data, len, off));
}

/* Puts a function of this file in place of SQLite's write, which is possible once SQLite is set up. */
int	 __real_sqlite3_open_v2(const char *, sqlite3 **, int, const char *) __attribute__((__weak__));
int	 __wrap_sqlite3_open_v2(const char *, sqlite3 **, int, const char *);

int
__wrap_sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *name)
{
	static const struct {
		const char		*name;
		sqlite3_syscall_ptr	 call;
	} calls[] = {
		{ "write", (sqlite3_syscall_ptr)db_write }, { "pwrite", (sqlite3_syscall_ptr)db_pwrite },
		{ "pwrite64", (sqlite3_syscall_ptr)db_pwrite }
	};
	sqlite3_vfs	*vfs;
	size_t		 i;

	if (fault != NULL && strcmp(fault->call, "db_write") == 0 && (vfs = sqlite3_vfs_find(NULL)) != NULL)
		for (i = 0; i < nitems(calls); i++)
			(void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
	return (__real_sqlite3_open_v2(path, db, flags, name));
}

#define FAULT(type, failed, name, params, args)		\
	type	 __real_##name params;			\
	type	 __wrap_##name params;			\
	type						\
	__wrap_##name params				\
	{						\
		return (fault_due(#name) ? (failed) : __real_##name args); \
	}

FAULT(ssize_t, -1, read, (int fd, void *p, size_t n), (fd, p, n))
FAULT(ssize_t, -1, write, (int fd, const void *p, size_t n), (fd, p, n))
FAULT(ssize_t, -1, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
FAULT(ssize_t, -1, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
FAULT(ssize_t, -1, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
FAULT(int, -1, fsync, (int fd), (fd))
FAULT(int, -1, linkat, (int a, const char *p, int b, const char *q, int flags), (a, p, b, q, flags))
FAULT(int, -1, renameat, (int a, const char *p, int b, const char *q), (a, p, b, q))
FAULT(int, -1, unlinkat, (int a, const char *p, int flags), (a, p, flags))
FAULT(int, -1, mkdirat, (int a, const char *p, mode_t mode), (a, p, mode))
FAULT(int, -1, fstat, (int fd, struct stat *st), (fd, st))
FAULT(int, -1, fstatat, (int a, const char *p, struct stat *st, int flags), (a, p, st, flags))
#pragma weak __real_sync_file_range	/* only Linux has this call */
FAULT(int, -1, sync_file_range, (int fd, off_t off, off_t n, unsigned int flags), (fd, off, n, flags))
FAULT(off_t, -1, lseek, (int fd, off_t off, int whence), (fd, off, whence))
FAULT(struct dirent *, NULL, readdir, (DIR *d), (d))
FAULT(DIR *, NULL, fdopendir, (int fd), (fd))
FAULT(int, -1, poll, (struct pollfd *p, nfds_t n, int msec), (p, n, msec))
FAULT(pid_t, -1, fork, (void), ())
FAULT(int, -1, pipe2, (int *fd, int flags), (fd, flags))
FAULT(int, -1, socketpair, (int a, int b, int c, int *fd), (a, b, c, fd))
FAULT(int, -1, socket, (int a, int b, int c), (a, b, c))
FAULT(int, -1, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))
FAULT(int, -1, setsockopt, (int fd, int a, int b, const void *p, socklen_t len), (fd, a, b, p, len))
FAULT(int, -1, dup2, (int a, int b), (a, b))
FAULT(void *, NULL, malloc, (size_t n), (n))
FAULT(void *, NULL, calloc, (size_t a, size_t b), (a, b))
FAULT(void *, NULL, realloc, (void *p, size_t n), (p, n))

/* openat(2) has one argument more, the mode, if it is to make a file. */
int	 __real_openat(int, const char *, int, ...);
int	 __wrap_openat(int, const char *, int, ...);

int
__wrap_openat(int fd, const char *path, int flags, ...)
{
	va_list	 ap;
	mode_t	 mode = 0;

	va_start(ap, flags);
	if (flags & O_CREAT)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return (fault_due("openat") ? -1 : __real_openat(fd, path, flags, mode));
}

#endif
