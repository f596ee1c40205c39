/* SPDX-License-Identifier: ISC */
/* The deliverer's start: locked in below the mail root before the first message is taken from anybody. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/ipc/imsg.h"
#include "common/log.h"
#include "common/proc.h"
#include "deliverer.h"

static void	 deliverer_signals(void);
static void	 deliverer_descriptors(void);

int
main(int argc, char *argv[])
{
	struct proc_conf	 conf;
	uint32_t		 version = PROTO_VERSION;
	int			 rootfd;

	proc_getopts(&conf, argc, argv);
	log_init("deliverer", 0, conf.level);
	deliverer_descriptors();
	event_init();
	sync_init();
	master_open(PROC_FD);
	proc_log_to(master_ibuf());
	proc_lock_in(&conf, SANDBOX_DELIVERER, 1);
	deliverer_signals();

	if ((rootfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("mail root");
	if (spool_open(rootfd) == -1)
		fatalx("no usable spool in the mail root");
	spool_outside(conf.root, conf.user);
	maildir_init(rootfd);
	maildir_on_place(master_place);
	batch_init();
	recover_init();
	master_send(IMSG_READY, &version, sizeof(version));
	event_dispatch();
	fatalx("event loop ended");
}

/* What proc_lock_in() left: the end of the channel is what ends this process, and a file too long shows as an error. */
static void
deliverer_signals(void)
{
	static const int	 ignored[] = { SIGTERM, SIGXFSZ, SIGUSR1, SIGUSR2 };
	size_t			 i;

	for (i = 0; i < nitems(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/* A batch keeps a file open per message: take what the hard limit allows, up to what is ever useful. */
static void
deliverer_descriptors(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= 4096)
		return;
	rl.rlim_cur = rl.rlim_max < 4096 ? rl.rlim_max : 4096;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}
