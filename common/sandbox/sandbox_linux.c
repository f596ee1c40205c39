/* SPDX-License-Identifier: ISC */
/* Linux: capabilities, process attributes, then Landlock, resource limits and the system-call filter. */
#include <sys/types.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

#define CAP_BIT(cap)	(1ULL << (cap))

/*
 * The capabilities of the master: it starts children as other users in other roots and lets them drop the rest, signals them, reads
 * and writes stores and directories whoever owns them.
 */
#define MASTER_CAPS	(CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID) | CAP_BIT(CAP_SYS_CHROOT) | CAP_BIT(CAP_KILL) | \
			    CAP_BIT(CAP_DAC_OVERRIDE) | CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_SETPCAP))

static void		 caps_bound(uint64_t);
static void		 caps_get(struct __user_cap_header_struct *, struct __user_cap_data_struct *);
static void		 caps_keep(uint64_t);
static void		 caps_check_none(void);
static void		 process_close_off(void);
static void		 child_enter(enum sandbox_role, enum sandbox_role, int);

/* Drops all capabilities but those in keep from the bounding set, up to the last one that the kernel knows. */
static void
caps_bound(uint64_t keep)
{
	int	 cap;

	for (cap = 0; cap < 64; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == -1)
			break;
		if ((keep & CAP_BIT(cap)) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			fatal("cannot drop capability %d", cap);
	}
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* The C library has no function for these calls. */
static void
caps_get(struct __user_cap_header_struct *hdr, struct __user_cap_data_struct *data)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->version = _LINUX_CAPABILITY_VERSION_3;
	if (syscall(SYS_capget, hdr, data) == -1)
		fatal("capget");
}

/* Keeps those capabilities that are wanted and that the process has. */
static void
caps_keep(uint64_t keep)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[_LINUX_CAPABILITY_U32S_3];
	size_t				 i;

	caps_get(&hdr, data);
	for (i = 0; i < nitems(data); i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &hdr, data) == -1)
		fatal("capset");
}

static void
caps_check_none(void)
{
	struct __user_cap_header_struct	 hdr;
	struct __user_cap_data_struct	 data[_LINUX_CAPABILITY_U32S_3];
	size_t				 i;

	caps_get(&hdr, data);
	for (i = 0; i < nitems(data); i++) {
		if ((data[i].permitted | data[i].effective | data[i].inheritable) != 0)
			fatalx("capabilities are left");
	}
}

/* Empties the bounding set, which only root can do. */
void
sandbox_prepare(void)
{
	caps_bound(0);
}

int
sandbox_no_new_privs(void)
{
	return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/*
 * Sets the attributes of a process, after its change of user, which resets two of them.  The sanitizer's leak check traces its own
 * process, which has to be dumpable for that.
 */
static void
process_close_off(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("no_new_privs");
	if (!SANDBOX_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("dumpable");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
		fatal("parent-death signal");
}

void
sandbox_enter(enum sandbox_role role, int no_seccomp)
{
	if (role == SANDBOX_MASTER) {
		caps_bound(MASTER_CAPS);
		caps_keep(MASTER_CAPS);
		if (!SANDBOX_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
			fatal("dumpable");
		limits_set(role, role);
		if (!no_seccomp && !SANDBOX_SANITIZED)
			seccomp_master();
		return;
	}
	if (role == SANDBOX_CTL) {
		/* rpopctl needs its connection and nothing else, whoever runs it. */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
			fatal("no_new_privs");
		if (geteuid() == 0) {
			caps_bound(0);
			caps_keep(0);
		}
		landlock_enter(role);
		limits_set(role, role);
		if (!no_seccomp && !SANDBOX_SANITIZED)
			seccomp_enter(role);
		return;
	}
	child_enter(role, role, no_seccomp);
}

/* A template whose forks work with files has file rules that leave them room; the others have rules of their own. */
static void
child_enter(enum sandbox_role role, enum sandbox_role forks, int no_seccomp)
{
	caps_check_none();
	process_close_off();
	landlock_enter(forks == SANDBOX_MAILBOX ? forks : role);
	limits_set(role, forks);
	if (SANDBOX_SANITIZED)
		return;
	if (!no_seccomp)
		seccomp_enter(role);
	else
		log_warnx("running without the system-call filter");
}

void
sandbox_template(enum sandbox_role role, enum sandbox_role forks, int no_seccomp)
{
	if (!no_seccomp && !SANDBOX_SANITIZED)
		seccomp_template(forks);
	child_enter(role, forks, no_seccomp);
}

/* A fork keeps the template's Landlock rules, and is under its filter as well as its own. */
void
sandbox_fork(enum sandbox_role role, int no_seccomp)
{
	caps_check_none();
	process_close_off();
	limits_set(role, role);
	if (!no_seccomp && !SANDBOX_SANITIZED)
		seccomp_fork();
}

void
sandbox_narrow(enum sandbox_role role, int dir, const char *path __unused)
{
	landlock_narrow(role, dir);
}
