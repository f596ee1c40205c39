/* SPDX-License-Identifier: ISC */
/*
 * Landlock, by system call: what a role may do with files, network and other processes, as far as the running kernel knows it.  The
 * numbers are the kernel's ABI, which headers of distributions lag behind.
 */
#include <sys/types.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

#define LL_CREATE	444		/* system calls: the same on every architecture */
#define LL_ADD		445
#define LL_RESTRICT	446
#define LL_VERSION	1U		/* landlock_create_ruleset(2): tell the ABI */
#define LL_PATH_BENEATH	1
#define LL_NET_PORT	2		/* ABI 4 */

#define LL_WRITE_FILE	(1ULL << 1)
#define LL_READ_FILE	(1ULL << 2)
#define LL_READ_DIR	(1ULL << 3)
#define LL_REMOVE_FILE	(1ULL << 5)
#define LL_MAKE_DIR	(1ULL << 7)
#define LL_MAKE_REG	(1ULL << 8)
#define LL_ABI1		((1ULL << 13) - 1)
#define LL_REFER	(1ULL << 13)	/* ABI 2: link and rename between directories */
#define LL_TRUNCATE	(1ULL << 14)	/* ABI 3 */
#define LL_IOCTL_DEV	(1ULL << 15)	/* ABI 5 */

#define LL_BIND_TCP	(1ULL << 0)	/* ABI 4 */
#define LL_CONNECT_TCP	(1ULL << 1)

#define LL_SCOPE_UNIX	(1ULL << 0)	/* ABI 6: abstract sockets outside, */
#define LL_SCOPE_SIGNAL	(1ULL << 1)	/* signals to processes outside */

#define LL_READ		(LL_READ_FILE | LL_READ_DIR)

struct ll_ruleset {
	uint64_t	 fs;
	uint64_t	 net;
	uint64_t	 scoped;
};

struct ll_path {
	uint64_t	 allowed;
	int32_t		 fd;
} __attribute__((__packed__));

struct ll_port {
	uint64_t	 allowed;
	uint64_t	 port;
};

/* What each role is allowed; everything else that the kernel knows is refused.  A fork has its template's rules. */
static const struct ll_role {
	int		 min_abi;	/* a kernel with an older ABI gets no rules */
	const char	*path;		/* NULL: no file */
	uint64_t	 fs;		/* allowed at and below path */
	uint64_t	 net;
	int		 bind;		/* 1: sockets may be bound to an address, with a port of the kernel's choice */
} ll_roles[] = {
	[SANDBOX_DIALER] = { 1, NULL, 0, LL_CONNECT_TCP, 1 },
	[SANDBOX_TEMPLATE] = { 1, "/certs", LL_READ, 0, 0 },
	/* Without REFER the kernel refuses every link to another directory, by which mail is delivered. */
	[SANDBOX_DELIVERER] = { 2, "/", LL_READ | LL_WRITE_FILE | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_REFER |
	    LL_TRUNCATE, 0, 0 },
	/* Of the template; each fork narrows itself to one directory, where it renames between two. */
	[SANDBOX_MAILBOX] = { 2, "/", LL_READ | LL_WRITE_FILE | LL_REMOVE_FILE | LL_MAKE_REG | LL_REFER, 0, 0 },
	[SANDBOX_LISTENER] = { 1, NULL, 0, 0, 0 },
	[SANDBOX_SIGNER] = { 1, NULL, 0, 0, 0 },
	[SANDBOX_CTL] = { 1, NULL, 0, 0, 0 },
};

static uint64_t	 ll_known_fs(int);
static void	 ll_allow(int, const char *, uint64_t);
static void	 ll_allow_fd(int, int, uint64_t);

/* The rights to files that a kernel of this ABI can refuse. */
static uint64_t
ll_known_fs(int abi)
{
	uint64_t	 fs = LL_ABI1;

	if (abi >= 2)
		fs |= LL_REFER;
	if (abi >= 3)
		fs |= LL_TRUNCATE;
	if (abi >= 5)
		fs |= LL_IOCTL_DEV;
	return (fs);
}

/* Adds the rule of a path; one that does not exist needs none. */
static void
ll_allow(int ruleset, const char *path, uint64_t rights)
{
	int	 fd;

	if ((fd = open(path, O_PATH | O_CLOEXEC)) == -1) {
		if (errno != ENOENT)
			fatal("%s", path);
		return;
	}
	ll_allow_fd(ruleset, fd, rights);
	close(fd);
}

static void
ll_allow_fd(int ruleset, int fd, uint64_t rights)
{
	struct ll_path	 rule;

	memset(&rule, 0, sizeof(rule));
	rule.allowed = rights;
	rule.fd = fd;
	if (syscall(LL_ADD, ruleset, LL_PATH_BENEATH, &rule, 0) == -1)
		fatal("landlock rule");
}

/* One more layer of rules, of files only: what the role may do with files, at and below an open directory.  -1: nowhere. */
void
landlock_narrow(enum sandbox_role role, int dir)
{
	const struct ll_role	*r = &ll_roles[role];
	struct ll_ruleset	 set;
	long			 abi;
	int			 fd;

	/* The template has told why there is no Landlock. */
	if ((abi = syscall(LL_CREATE, NULL, 0, LL_VERSION)) < r->min_abi)
		return;
	memset(&set, 0, sizeof(set));
	set.fs = ll_known_fs((int)abi);
	if ((fd = (int)syscall(LL_CREATE, &set, sizeof(set), 0)) == -1)
		fatal("landlock");
	if (dir != -1)
		ll_allow_fd(fd, dir, r->fs & set.fs);
	if (syscall(LL_RESTRICT, fd, 0) == -1)
		fatal("landlock restrict");
	close(fd);
}

void
landlock_enter(enum sandbox_role role)
{
	const struct ll_role	*r = &ll_roles[role];
	struct ll_ruleset	 set;
	struct ll_port		 any = { LL_BIND_TCP, 0 };
	long			 abi;
	int			 fd;

	if ((abi = syscall(LL_CREATE, NULL, 0, LL_VERSION)) < r->min_abi) {
		if (role != SANDBOX_CTL)
			log_warnx("this kernel's Landlock cannot be used (ABI %ld)", abi);
		return;
	}
	memset(&set, 0, sizeof(set));
	set.fs = ll_known_fs((int)abi);
	if (abi >= 4)
		set.net = (LL_BIND_TCP | LL_CONNECT_TCP) & ~r->net;
	if (abi >= 6)
		set.scoped = LL_SCOPE_UNIX | LL_SCOPE_SIGNAL;
	/* A struct larger than the kernel's will do as long as the octets that the kernel does not know are zero. */
	if ((fd = (int)syscall(LL_CREATE, &set, sizeof(set), 0)) == -1)
		fatal("landlock");
	if (r->path != NULL)
		ll_allow(fd, r->path, r->fs & set.fs);
	if (r->bind && abi >= 4 && syscall(LL_ADD, fd, LL_NET_PORT, &any, 0) == -1)
		fatal("landlock rule for bind");
	if (syscall(LL_RESTRICT, fd, 0) == -1)
		fatal("landlock restrict");
	close(fd);
}
