/* SPDX-License-Identifier: ISC */
/* OpenBSD: unveil(2) and pledge(2). */
#include <stddef.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

static const struct promise {
	const char	*path;		/* the only path that is visible; NULL: none is */
	const char	*permissions;
	const char	*promises;
} promises[] = {
	/* The dialer resolves and connects by itself, and hands sockets over. */
	[SANDBOX_DIALER] = { NULL, NULL, "stdio inet sendfd" },
	/* proc: fork and kill.  Certificates are read on demand. */
	[SANDBOX_TEMPLATE] = { "/certs", "r", "stdio rpath recvfd proc" },
	/* recvfd: socket and pipe come over the channel; certificates are read on demand. */
	[SANDBOX_SESSION] = { "/certs", "r", "stdio rpath recvfd" },
	/* cpath: link, rename, unlink, mkdir. */
	[SANDBOX_DELIVERER] = { "/", "rwc", "stdio rpath wpath cpath fattr recvfd" },
	/* recvfd: connected sockets.  Certificates are read on demand. */
	[SANDBOX_OAUTH] = { "/certs", "r", "stdio rpath recvfd" },
	/* recvfd: connected sockets, and messages, open for reading.  Certificates are read on demand. */
	[SANDBOX_SENDER] = { "/certs", "r", "stdio rpath recvfd" },
	/* The master starts programs as root, and has nothing to give up. */
	[SANDBOX_MASTER] = { NULL, NULL, NULL },
	[SANDBOX_CTL] = { NULL, NULL, "stdio" },
};

void
sandbox_prepare(void)
{
}

int
sandbox_no_new_privs(void)
{
	return (0);
}

void
sandbox_enter(enum sandbox_role role, int no_seccomp __unused)
{
	const struct promise	*p = &promises[role];

	limits_set(role);
	if (p->promises == NULL)
		return;
	if (p->path != NULL) {
		if (unveil(p->path, p->permissions) == -1 || unveil(NULL, NULL) == -1)
			fatal("unveil %s", p->path);
	}
	if (pledge(p->promises, NULL) == -1)
		fatal("pledge");
}

void
sandbox_template(enum sandbox_role forks __unused, int no_seccomp)
{
	sandbox_enter(SANDBOX_TEMPLATE, no_seccomp);
}

/* A fork runs under its template's unveil(2), which is locked. */
void
sandbox_fork(enum sandbox_role role, int no_seccomp __unused)
{
	limits_set(role);
	if (pledge(promises[role].promises, NULL) == -1)
		fatal("pledge");
}
