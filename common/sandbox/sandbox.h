/* SPDX-License-Identifier: ISC */
/*
 * Sandboxes, by a file for each system: sandbox_linux.c (rlimits, Landlock, seccomp), sandbox_openbsd.c (pledge, unveil),
 * sandbox_none.c (rlimits).  They come last in the lock-in, after the change of root and user.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

/*
 * The address sanitizer maps terabytes, opens /proc and forks for its leak check at exit, which no useful filter or memory
 * limit permits: such builds, never shipped, go without them.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED	1
#endif
#endif
#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED	0
#endif

enum sandbox_role {
	SANDBOX_DIALER,
	SANDBOX_TEMPLATE,	/* may fork, wait, kill; reads /certs */
	SANDBOX_SESSION,	/* a session of the fetcher: a fork of a template */
	SANDBOX_DELIVERER,
	SANDBOX_OAUTH,		/* a token request: a fork of a template */
	SANDBOX_SENDER,		/* a connection to a next hop: a fork of a template */
	SANDBOX_AUTH,		/* a password that is verified: a fork of a template */
	SANDBOX_LISTENER,	/* popd, web: a template that accepts connections and forks a process for each */
	SANDBOX_POP,		/* a session of popd: a fork of the listener */
	SANDBOX_MAILBOX,	/* one mailbox: a fork of a template whose root is the mail root */
	SANDBOX_WEB,		/* a request at the web page: a fork of the listener */
	SANDBOX_SIGNER,		/* the private keys of popd's listeners */
	SANDBOX_MASTER,		/* ahead of the start of children, which lack what is taken away here */
	SANDBOX_CTL
};

/*
 * Lock the calling process in for its role.  no_seccomp leaves the system-call filter out.  Missing Landlock is a warning,
 * any other failure is fatal.
 */
void	 sandbox_enter(enum sandbox_role, int no_seccomp);

/* Lock in a template, whose forks are to be narrowed to another role, and such a fork, which has its template's file rules. */
void	 sandbox_template(enum sandbox_role, enum sandbox_role forks, int no_seccomp);
void	 sandbox_fork(enum sandbox_role, int no_seccomp);

/*
 * In such a fork that works in one directory below its root, SANDBOX_MAILBOX: from now on there is no file but those at and
 * below it.  The directory is open, and its path is from the root; -1: there is none, and no file at all.
 */
void	 sandbox_narrow(enum sandbox_role, int dir, const char *path);

/* Give up what only root can give up, right before the change of user.  A failure is fatal. */
void	 sandbox_prepare(void);

/* Between fork and exec of somebody else's program: let it gain no privilege.  0 or -1; 0 on systems that have no such thing. */
int	 sandbox_no_new_privs(void);

/* limits.c: resource limits of a role, for sandbox_enter(). */
void	 limits_set(enum sandbox_role, enum sandbox_role forks);

/* Linux: landlock_linux.c, seccomp_linux.c and seccomp_master_linux.c, for sandbox_enter(). */
void	 landlock_enter(enum sandbox_role);
void	 landlock_narrow(enum sandbox_role, int dir);
void	 seccomp_enter(enum sandbox_role);
void	 seccomp_template(enum sandbox_role forks);
void	 seccomp_fork(void);
void	 seccomp_master(void);

#endif
