/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/master_stubs.c rpopd/config rpopd/control rpopd/delivery rpopd/poll rpopd/poll/plan rpopd/relay rpopd/sched rpopd/state rpopd/turn */
/* libs: -levent_core */
/* Garbage on the control socket closes that client, never more (CVE-2025-62875).  Needs root, for the socket's group. */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched_int.h"
#include "rpopd/turn/turn.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char	 dir[] = "/tmp/rpfuzz.XXXXXX";

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static int
reload(char *err, size_t errsize)
{
	strlcpy(err, "no", errsize);
	return (-1);
}

static void
stop(void)
{
}

static void
one_round(void)
{
	session_run();
	relay_run();
	sched_run(NULL);
}

static void
setup(void)
{
	static const struct control_calls calls = { .reload = reload, .stop = stop };
	static struct config	 config = { .settings = { .processors = 1, .delay_failed_accounts = 300, .schedule = "" } };
	static struct record	 rec = { .owner = "a@b", .name = "c", .host = "h", .user = "u", .period = 600, .mode = DIST_OWNER,
				    .schedule = "" };
	static struct task	 task = { .rec = &rec, .due = INT64_MAX };
	char			 err[256];

	log_setsink(quiet);
	event_init();
	turn_init(one_round);
	sched_init(&session_calls);
	TAILQ_INIT(&sched_runs);
	config_running = &config;
	sched_tasks = &task;
	sched_ntasks = 1;
	task.host = host_get("h", 995);
	turn_stopping = 1;		/* poll-now starts nothing */
	if (mkdtemp(dir) == NULL || control_listen(dir, &calls, err, sizeof(err)) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static int		 ready;
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd, i;

	if (!ready++)
		setup();
	strlcpy(sun.sun_path, dir, sizeof(sun.sun_path));
	strlcat(sun.sun_path, "/rpopd.sock", sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		abort();
	(void)!write(fd, p, len);
	for (i = 0; i < 4; i++)
		event_loop(EVLOOP_NONBLOCK);
	close(fd);
	for (i = 0; i < 3; i++)
		event_loop(EVLOOP_NONBLOCK);
	ask_died(NULL);
	return (0);
}
