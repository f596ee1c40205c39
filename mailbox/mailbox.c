/* SPDX-License-Identifier: ISC */
/*
 * The mailbox program: a template that forks a process for each mailbox that is opened, and that process's channel to the master.
 */
#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/proc.h"
#include "common/work.h"
#include "mailbox.h"

static void	 mailbox_warm(void);
static int	 box_start(void *, struct imsg *);

static const struct rule	 master_rules[] = {
	{ IMSG_BOX_START,	RULES_ANY,	box_start },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

/* The mail root belongs to the user that the Maildirs belong to. */
static const struct work	 mailbox = {
	.role = SANDBOX_MAILBOX,
	.owner_ok = 1,
	.rules = master_rules,
	.nrules = nitems(master_rules),
	.warm = mailbox_warm,
	.ready = session_ready,
	.late = session_late
};

int
main(int argc, char *argv[])
{
	work_main(&mailbox, argc, argv);
}

/* No library does anything the first time that it could not do later. */
static void
mailbox_warm(void)
{
}

/* The first message, once. */
static int
box_start(void *arg __unused, struct imsg *imsg)
{
	static int		 started;
	struct msg_box_start	 start;
	int			 fd;

	if (started || rules_payload(imsg, &start) == -1 || !proto_str(start.dir, sizeof(start.dir)) ||
	    !proto_str(start.field, sizeof(start.field)) || !proto_str(start.address, sizeof(start.address)) ||
	    (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	started = 1;
	session_begin(&start, fd);
	return (0);
}
