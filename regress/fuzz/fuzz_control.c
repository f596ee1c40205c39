/* SPDX-License-Identifier: ISC */
/* links: regress/fuzz/master_stubs.c rpopd/config rpopd/control rpopd/delivery rpopd/poll rpopd/poll/plan rpopd/relay rpopd/sched rpopd/state rpopd/turn */
/* libs: -levent_core */
/*
 * Garbage on the control socket closes that client, never more (CVE-2025-62875).  Needs root, for the socket's group.
 *
 * Input: mode (1 octet).  A multiple of 4: the rest is sent as it is.  Else it is requests of type (1), length (2), payload, whose
 * headers are made here, so that a new message or another size leaves the corpus useful: type counts from IMSG_CTL_STATUS, and its
 * bit TYPE_FITS brings the payload to the length that messages.h has.  MODE_DIED: the deliverer dies while the client is there.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "common/ipc/proto.h"
#include "common/log.h"
#include "common/route/route.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched_int.h"
#include "rpopd/turn/turn.h"

#define MODE_HEADERS	3
#define MODE_DIED	4
#define TYPE_FITS	0x80

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
				    .mailbox = "", .schedule = "" };
	static struct task	 task = { .rec = &rec, .mailbox = 1, .due = INT64_MAX };
	static const struct route_account account = { .id = 1, .dir = "b/a" };
	char			 err[256];

	log_setsink(quiet);
	signal(SIGPIPE, SIG_IGN);
	event_init();
	turn_init(one_round);
	sched_init(&session_calls);
	TAILQ_INIT(&sched_runs);
	if ((config.routes = route_new(1, 1, 0, 0)) == NULL || route_account_add(config.routes, &account) == -1 ||
	    route_domain_add(config.routes, "b", 0) == -1)
		abort();
	config_running = &config;
	sched_tasks = &task;
	sched_ntasks = 1;
	task.host = host_get("h", 995);
	turn_stopping = 1;		/* poll-now starts nothing */
	if (mkdtemp(dir) == NULL || control_listen(dir, &calls, err, sizeof(err)) == -1)
		abort();
}

/* The requests that the input is made of, each in a write of its own, as a client sends them. */
static void
send_requests(int fd, const uint8_t *p, size_t len)
{
	const struct message_kind	*m;
	struct imsg_hdr			 hdr = { .peerid = message_version() };
	uint8_t				 buf[IMSG_HEADER_SIZE + UINT16_MAX];
	size_t				 n, size;

	for (; len >= 3; p += n, len -= n) {
		hdr.type = IMSG_CTL_STATUS + (p[0] & ~TYPE_FITS) % (IMSG_MAX - IMSG_CTL_STATUS);
		m = message_kind(hdr.type);
		size = n = p[1] | (size_t)p[2] << 8;
		if (p[0] & TYPE_FITS)
			size = n < m->min ? m->min : n > m->max ? m->max : n;
		p += 3;
		len -= 3;
		n = n < len ? n : len;
		hdr.len = IMSG_HEADER_SIZE + size;
		memset(buf, 0, sizeof(hdr) + size);
		memcpy(buf, &hdr, sizeof(hdr));
		memcpy(buf + sizeof(hdr), p, n < size ? n : size);
		if (write(fd, buf, hdr.len) != (ssize_t)hdr.len)
			return;
		event_loop(EVLOOP_NONBLOCK);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static int		 ready;
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd, i, mode;

	if (!ready++)
		setup();
	strlcpy(sun.sun_path, dir, sizeof(sun.sun_path));
	strlcat(sun.sun_path, "/rpopd.sock", sizeof(sun.sun_path));
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		abort();
	mode = len > 0 ? *p : 0;
	if (mode & MODE_HEADERS)
		send_requests(fd, p + 1, len - 1);
	else if (len > 0)
		(void)!write(fd, p + 1, len - 1);
	for (i = 0; i < 4; i++) {
		event_loop(EVLOOP_NONBLOCK);
		if (i == 1 && mode & MODE_DIED) {
			spool_died(NULL);
			ask_died(NULL);
		}
	}
	close(fd);
	for (i = 0; i < 3; i++)
		event_loop(EVLOOP_NONBLOCK);
	spool_died(NULL);
	ask_died(NULL);
	return (0);
}
