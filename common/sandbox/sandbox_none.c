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
	limits_set(role);
	if (role != SANDBOX_CTL)
		log_warnx("this system offers no sandbox");
}

void
sandbox_template(enum sandbox_role forks __unused, int no_seccomp)
{
	sandbox_enter(SANDBOX_TEMPLATE, no_seccomp);
}

void
sandbox_fork(enum sandbox_role role, int no_seccomp __unused)
{
	limits_set(role);
}
