/* SPDX-License-Identifier: ISC */
/* Resource limits, hard and soft, for each role. */
#include <sys/types.h>
#include <sys/time.h>
#include <sys/resource.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

#define BIT(role)	(1U << (role))
#define FORKS		(BIT(SANDBOX_SESSION) | BIT(SANDBOX_OAUTH) | BIT(SANDBOX_SENDER))
#define CHILDREN	(BIT(SANDBOX_DIALER) | BIT(SANDBOX_TEMPLATE) | BIT(SANDBOX_DELIVERER) | FORKS)
#define MB		(1024UL * 1024UL)

static const struct limit {
	int		 resource;
	rlim_t		 max;
	unsigned int	 roles;
	int		 sanitizer;	/* the limit can be set with the address sanitizer, too */
} limits[] = {
	/* Memory holds passwords and mail: never on disk. */
	{ RLIMIT_CORE, 0, CHILDREN | BIT(SANDBOX_MASTER) | BIT(SANDBOX_CTL), 1 },
	/* Only templates fork. */
	{ RLIMIT_NPROC, 0, CHILDREN & ~BIT(SANDBOX_TEMPLATE), 0 },
	/* Only the deliverer writes files. */
	{ RLIMIT_FSIZE, 0, CHILDREN & ~BIT(SANDBOX_DELIVERER), 0 },
	/* A session has seven descriptors, the others have fewer, and one certificate is opened at a time. */
	{ RLIMIT_NOFILE, 32, FORKS, 1 },
	/* Ten minutes of computing decrypt hundreds of gigabytes; a loop ends here. */
	{ RLIMIT_CPU, 600, BIT(SANDBOX_SESSION) | BIT(SANDBOX_OAUTH), 1 },
	/* A connection takes a hundred messages, of 2 GB at most, each of which is read twice. */
	{ RLIMIT_CPU, 7200, BIT(SANDBOX_SENDER), 1 },
	/* All buffers are bounded; this limits what libraries may be made to allocate. */
	{ RLIMIT_AS, 256 * MB, FORKS, 0 },
};

/* Sets the limits of a role; a limit that is lower already stays. */
void
limits_set(enum sandbox_role role)
{
	struct rlimit	 rl;
	size_t		 i;

	for (i = 0; i < nitems(limits); i++) {
		if ((limits[i].roles & BIT(role)) == 0 || (SANDBOX_SANITIZED && !limits[i].sanitizer))
			continue;
		if (getrlimit(limits[i].resource, &rl) == -1)
			fatal("getrlimit %d", limits[i].resource);
		if (rl.rlim_max > limits[i].max)
			rl.rlim_max = limits[i].max;
		if (rl.rlim_cur > rl.rlim_max)
			rl.rlim_cur = rl.rlim_max;
		if (setrlimit(limits[i].resource, &rl) == -1)
			fatal("setrlimit %d", limits[i].resource);
	}
}
