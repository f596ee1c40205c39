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
	/* Everything comes over the channel. */
	[SANDBOX_AUTH] = { NULL, NULL, "stdio recvfd" },
	/* unveil: to one directory, when it is known.  cpath: rename and unlink; wpath: the index. */
	[SANDBOX_MAILBOX] = { NULL, "rwc", "stdio rpath wpath cpath recvfd sendfd unveil" },
	/* inet: accept(2) on sockets that listen already.  proc: fork and kill.  sendfd: the sessions' channels. */
	[SANDBOX_LISTENER] = { NULL, NULL, "stdio inet recvfd sendfd proc" },
	/* recvfd: channels, and messages, open for reading. */
	[SANDBOX_POP] = { NULL, NULL, "stdio recvfd" },
	/* recvfd: channels, and a message of the quarantine, open for reading. */
	[SANDBOX_WEB] = { NULL, NULL, "stdio recvfd" },
	/* recvfd: the sessions' channels. */
	[SANDBOX_SIGNER] = { NULL, NULL, "stdio recvfd" },
	/* The master starts programs as root, and has nothing to give up. */
	[SANDBOX_MASTER] = { NULL, NULL, NULL },
	/* tty: the echo of a terminal that is open already. */
	[SANDBOX_CTL] = { NULL, NULL, "stdio tty" },
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

	limits_set(role, role);
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
sandbox_template(enum sandbox_role role, enum sandbox_role forks, int no_seccomp)
{
	if (forks != SANDBOX_MAILBOX) {
		sandbox_enter(role, no_seccomp);
		return;
	}
	/* Its forks unveil one directory each, so that nothing is locked here. */
	limits_set(SANDBOX_TEMPLATE, forks);
	if (pledge("stdio rpath wpath cpath recvfd sendfd proc unveil", NULL) == -1)
		fatal("pledge");
}

/* A fork runs under its template's unveil(2), which is locked but in the template of mailboxes. */
void
sandbox_fork(enum sandbox_role role, int no_seccomp __unused)
{
	limits_set(role, role);
	if (pledge(promises[role].promises, NULL) == -1)
		fatal("pledge");
}

void
sandbox_narrow(enum sandbox_role role, int dir, const char *path)
{
	if (dir != -1 && unveil(path, promises[role].permissions) == -1)
		fatal("unveil %s", path);
	if (unveil(NULL, NULL) == -1)
		fatal("unveil");
	if (pledge(dir == -1 ? "stdio recvfd sendfd" : "stdio rpath wpath cpath recvfd sendfd", NULL) == -1)
		fatal("pledge");
}
