/* SPDX-License-Identifier: ISC */
/* The sender process's main program and its end of the channel to the master. */
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/compat.h"
#include "../common/link.h"
#include "../common/log.h"
#include "../common/proc.h"
#include "../common/proto.h"

static void	 master_down(void *, const char *) __dead;

static const struct rule	 master_rules[] = {
	{ IMSG_LOG_LEVEL, sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, proc_log_level }
};

static struct link		 master;

int
main(int argc, char *argv[])
{
	struct proc_conf	 conf;
	uint32_t		 version = PROTO_VERSION;

	proc_getopts(&conf, argc, argv);
	log_init(conf.progname, 1, conf.level);
	if (event_init() == NULL)
		fatalx("event_init");
	if (link_open(&master, PROC_FD, master_rules, nitems(master_rules), NULL, master_down) == -1)
		fatal("channel to the master");
	proc_log_to(&master.ibuf);
	proc_lock_in(&conf, SANDBOX_SENDER, 0);
	link_send(&master, IMSG_READY, -1, &version, sizeof(version));
	event_dispatch();
	fatalx("the event loop ended");
}

/* The master is gone.  What is under way is answered by nobody; a master that breaks the rules is worse. */
static void
master_down(void *arg __unused, const char *why)
{
	if (why != NULL)
		fatalx("channel to the master: %s", why);
	_exit(0);
}
