/* SPDX-License-Identifier: ISC */
/* The start of every child that lives as long as the master. */
#include <sys/types.h>

#include <event.h>
#include <unistd.h>

#include "common/ipc/proto.h"
#include "log.h"
#include "proc_main.h"

static void	 proc_down(void *, const char *) __dead;

struct link	 proc_master;

void
proc_main(const struct process *p, int argc, char *argv[])
{
	struct proc_conf	 conf;
	uint32_t		 version = message_version();

	proc_getopts(&conf, argc, argv);
	conf.forks = p->forks;
	log_init(conf.progname, 1, conf.level);
	if (event_init() == NULL)
		fatalx("event_init");
	if (link_open(&proc_master, PROC_FD, p->rules, p->nrules, NULL, proc_down) == -1)
		fatal("channel to the master");
	proc_log_to(&proc_master.ibuf);
	p->prepare(&conf);
	proc_lock_in(&conf, p->role, p->owner_ok);
	if (p->begin != NULL)
		p->begin(&conf);
	if (link_send(&proc_master, IMSG_READY, -1, &version, sizeof(version)) == -1)
		fatal("channel to the master");
	event_dispatch();
	fatalx("the event loop ended");
}

/* Without a master there is nothing to do, and forks end with their template.  A master that breaks the rules is worse. */
static void
proc_down(void *arg __unused, const char *why)
{
	if (why != NULL)
		fatalx("channel to the master: %s", why);
	_exit(0);
}
