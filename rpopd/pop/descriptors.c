/* SPDX-License-Identifier: ISC */
/*
 * Descriptors of the master: each session takes some, and without any the master could neither poll nor read its stores.  So there
 * are never more sessions than there are descriptors for, whatever settings.pop_channels says; that it says more is told.
 */
#include <sys/types.h>
#include <sys/resource.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "pop_int.h"

#define EACH	4	/* the channels to a session, to its auth process and to its mailbox, and an end of one on its way */
#define EACH_POLL	8	/* of a session of ours at a server: likewise, with its connection and those of next hops */
#define OTHERS	300	/* stores, listeners, processes, clients of the control socket, sessions of a popd that is replaced */

static uint32_t	 limit;		/* RLIMIT_NOFILE of this process */

/* The soft limit becomes the hard one, once, at the start. */
void
descriptors_begin(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		fatal("RLIMIT_NOFILE");
	if (rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &rl) == -1)
			log_warn("RLIMIT_NOFILE");
		if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
			fatal("RLIMIT_NOFILE");
	}
	limit = rl.rlim_cur > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)rl.rlim_cur;
}

/* What everything but sessions of popd may need. */
static uint32_t
descriptors_others(void)
{
	return (OTHERS + EACH_POLL * config_running->settings.processors);
}

/* How many sessions there may be at once: pop_channels, or fewer. */
uint32_t
descriptors_channels(void)
{
	uint32_t	 channels = config_running->settings.pop_channels, others = descriptors_others();
	uint32_t	 most = limit <= others ? 1 : (limit - others) / EACH + 1;

	return (channels < most ? channels : most);
}

/* Says so, at each load, if that is fewer. */
void
descriptors_tell(void)
{
	uint32_t	 channels = config_running->settings.pop_channels, most = descriptors_channels();

	if (config_running->nlisteners > 0 && most < channels)
		log_warnx("settings.pop_channels is %u, but this process may have %u descriptors (RLIMIT_NOFILE), which do for %u "
		    "sessions: no more are taken; set pop_channels to that, or LimitNOFILE in rpopd.service to %u or more, and "
		    "restart",
		    channels, limit, most, descriptors_others() + EACH * channels);
}
