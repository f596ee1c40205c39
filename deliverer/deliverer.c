/* SPDX-License-Identifier: ISC */
/* The deliverer program: it is locked in below the mail root before it takes a message from anybody. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "deliverer.h"

static void	 deliverer_prepare(const struct proc_conf *);
static void	 deliverer_begin(const struct proc_conf *);
static void	 deliverer_signals(void);
static void	 deliverer_descriptors(void);

int
main(int argc, char *argv[])
{
	const struct process	 deliverer = {
		.role = SANDBOX_DELIVERER,
		.owner_ok = 1,
		.rules = order_rules,
		.nrules = order_nrules,
		.prepare = deliverer_prepare,
		.begin = deliverer_begin
	};

	proc_main(&deliverer, argc, argv);
}

static void
deliverer_prepare(const struct proc_conf *conf __unused)
{
	deliverer_descriptors();
	sync_init();
}

/* Takes over the mail root, which is the root directory by now. */
static void
deliverer_begin(const struct proc_conf *conf)
{
	int	 rootfd;

	deliverer_signals();
	if ((rootfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		fatal("mail root");
	if (spool_open(rootfd) == -1)
		fatalx("no usable spool in the mail root");
	spool_outside(conf->root, conf->user);
	maildir_init(rootfd);
	maildir_on_place(master_place);
	batch_init();
	recover_init();
}

/*
 * Ignores the signals that proc_lock_in() has left: this process ends with its channel, and a file too long is an error of
 * write(2).
 */
static void
deliverer_signals(void)
{
	static const int	 ignored[] = { SIGTERM, SIGXFSZ, SIGUSR1, SIGUSR2 };
	size_t			 i;

	for (i = 0; i < nitems(ignored); i++)
		signal(ignored[i], SIG_IGN);
}

/*
 * Raises the limit of descriptors as far as that is useful and the hard limit allows: a batch keeps a file open for each message.
 */
static void
deliverer_descriptors(void)
{
	struct rlimit	 rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= 4096)
		return;
	rl.rlim_cur = rl.rlim_max < 4096 ? rl.rlim_max : 4096;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
}
