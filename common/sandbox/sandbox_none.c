/* SPDX-License-Identifier: ISC */
/* Systems without a sandbox of their own: uid, root directory and resource limits have to do. */
#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

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
	limits_set(role, role);
	if (role != SANDBOX_CTL)
		log_warnx("this system offers no sandbox");
}

void
sandbox_template(enum sandbox_role role, enum sandbox_role forks, int no_seccomp __unused)
{
	limits_set(role, forks);
	log_warnx("this system offers no sandbox");
}

void
sandbox_fork(enum sandbox_role role, int no_seccomp __unused)
{
	limits_set(role, role);
}

void
sandbox_narrow(enum sandbox_role role __unused, int dir __unused, const char *path __unused)
{
}
