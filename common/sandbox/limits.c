/* SPDX-License-Identifier: ISC */
/* Resource limits, hard and soft, for each role. */
#include <sys/types.h>
#include <sys/time.h>
#include <sys/resource.h>

#include "common/compat.h"
#include "common/log.h"
#include "sandbox.h"

#define BIT(role)	(1U << (role))
#define FORKS		(BIT(SANDBOX_SESSION) | BIT(SANDBOX_OAUTH) | BIT(SANDBOX_SENDER) | BIT(SANDBOX_AUTH) | \
			 BIT(SANDBOX_MAILBOX) | BIT(SANDBOX_POP) | BIT(SANDBOX_WEB))
#define TEMPLATES	(BIT(SANDBOX_TEMPLATE) | BIT(SANDBOX_LISTENER))
#define CHILDREN	(BIT(SANDBOX_DIALER) | TEMPLATES | BIT(SANDBOX_DELIVERER) | BIT(SANDBOX_SIGNER) | FORKS)
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
	{ RLIMIT_NPROC, 0, CHILDREN & ~TEMPLATES, 0 },
	/* Only the deliverer writes files, and the process of a mailbox its index: names of a million messages. */
	{ RLIMIT_FSIZE, 0, CHILDREN & ~(BIT(SANDBOX_DELIVERER) | BIT(SANDBOX_MAILBOX)), 0 },
	{ RLIMIT_FSIZE, 512 * MB, BIT(SANDBOX_MAILBOX), 0 },
	/* A session has seven descriptors, the others have fewer, and one certificate is opened at a time. */
	{ RLIMIT_NOFILE, 32, FORKS & ~BIT(SANDBOX_MAILBOX), 1 },
	/* Few are open; Linux counts those that are on their way to some session, of all processes of this user together. */
	{ RLIMIT_NOFILE, 16384, BIT(SANDBOX_MAILBOX), 1 },
	/* Ten minutes of computing decrypt hundreds of gigabytes; a loop ends here. */
	{ RLIMIT_CPU, 600, BIT(SANDBOX_SESSION) | BIT(SANDBOX_OAUTH), 1 },
	/* A connection takes a hundred messages, of 2 GB at most, each of which is read twice. */
	{ RLIMIT_CPU, 7200, BIT(SANDBOX_SENDER), 1 },
	/* A session of popd lasts a day at most. */
	{ RLIMIT_CPU, 7200, BIT(SANDBOX_POP), 1 },
	/* A million messages, whose names do not say their sizes, are read once, and as often as their files change. */
	{ RLIMIT_CPU, 7200, BIT(SANDBOX_MAILBOX), 1 },
	/* One password: the dearest hash that fits into memory takes two seconds. */
	{ RLIMIT_CPU, 10, BIT(SANDBOX_AUTH), 1 },
	/* A request has half a minute. */
	{ RLIMIT_CPU, 30, BIT(SANDBOX_WEB), 1 },
	/* All buffers are bounded; this limits what libraries may be made to allocate: yescrypt takes 16 MB, or 128 MB at cost 8. */
	{ RLIMIT_AS, 256 * MB, FORKS & ~BIT(SANDBOX_MAILBOX), 0 },
	/* A million names of 250 octets, and what sorts them. */
	{ RLIMIT_AS, 512 * MB, BIT(SANDBOX_MAILBOX), 0 },
};

/*
 * Sets the limits of a role; a limit that is lower already stays.  A template gets those only that its forks have as well, which
 * could not raise them; any other process gives its own role twice.
 */
void
limits_set(enum sandbox_role role, enum sandbox_role forks)
{
	struct rlimit	 rl;
	size_t		 i;

	for (i = 0; i < nitems(limits); i++) {
		if ((limits[i].roles & BIT(role)) == 0 || (limits[i].roles & BIT(forks)) == 0 ||
		    (SANDBOX_SANITIZED && !limits[i].sanitizer))
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
