/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/master_stubs.c rpopd/control.c rpopd/control_ask.c rpopd/control_try.c rpopd/control_wait.c rpopd/sched.c rpopd/gate.c rpopd/heap.c rpopd/host.c rpopd/share.c rpopd/retry.c rpopd/schedule.c rpopd/session.c rpopd/session_open.c rpopd/session_tls.c rpopd/pem.c rpopd/plan.c rpopd/plan_step.c rpopd/plan_uid.c rpopd/proof.c rpopd/quota.c rpopd/spot.c rpopd/renumber.c rpopd/digest_key.c rpopd/orphan.c rpopd/commit.c rpopd/try.c rpopd/report.c rpopd/link_fetcher.c rpopd/budget.c rpopd/link_deliverer.c common/link.c common/rules.c common/imsg.c common/imsg_io.c common/ibuf.c common/proto.c common/log.c common/clock.c common/hook.c common/route.c common/route_walk.c common/route_wire.c common/buf.c rpopd/commit_defer.c rpopd/spool.c rpopd/relay.c rpopd/ask.c rpopd/explain.c rpopd/control_queue.c rpopd/quarantine.c rpopd/relay_job.c rpopd/relay_login.c rpopd/relay_result.c rpopd/relay_body.c rpopd/relay_proof.c rpopd/relay_move.c rpopd/relay_dsn.c rpopd/replay.c rpopd/place.c rpopd/refusal.c rpopd/vanish.c rpopd/capa.c common/strset.c */
/* libs: -levent_core */
/* Garbage on the control socket closes that client, never more (CVE-2025-62875).  Needs root, for the socket's group. */
#include <sys/socket.h>
#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/log.h"
#include "../../rpopd/rpopd.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char	 dir[] = "/tmp/rpfuzz.XXXXXX";

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static void
setup(void)
{
	static struct config	 config = { .settings = { .processors = 1, .delay_failed_accounts = 300, .schedule = "" } };
	static struct record	 rec = { .owner = "a@b", .name = "c", .host = "h", .user = "u", .period = 600, .mode = DIST_OWNER,
				    .schedule = "" };
	static struct task	 task = { .rec = &rec, .due = INT64_MAX };
	char			 err[256];

	log_setsink(quiet);
	event_init();
	sched_init();
	TAILQ_INIT(&master.sessions);
	master.config = &config;
	master.tasks = &task;
	master.ntasks = 1;
	task.host = host_get("h", 995);
	master.stopping = 1;		/* poll-now starts nothing */
	if (mkdtemp(dir) == NULL || control_listen(dir, err, sizeof(err)) == -1)
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
	ask_reset();
	return (0);
}
