/* SPDX-License-Identifier: ISC */
/* links: rpopd/delivery */
/* libs: -levent_core */
/* The master's half of a notice: what is sent, which way it goes, how often, and what becomes of it when a step fails. */
#include <sys/socket.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ipc/imsg.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery_int.h"
#include "rpopd/relay/relay.h"
#include "rpopd/rpopd.h"
#include "rpopd/state/state.h"

#define LINK	"1700000000.M1P2S0N1R0.host"

struct config		*config_running;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
struct child		*child_of[ROLE_MAX];
int			 turn_stopping, turn_failed;
int64_t			 turn_started;

static struct config	 config;
static struct child	 child;
static struct imsgbuf	 peer;
static int64_t		 now = 5, told_at;
static int		 was_told;
static enum db		 store;			/* answer of state_noticed() */
static char		 last[1100], about[600], removed[PROTO_LINK_SIZE];
static struct relay_row	 added;
static int64_t		 held;
static uint32_t		 nadded;
static unsigned		 wishes;		/* for a round */

int64_t
clock_msec(void)
{
	return (now);
}

struct child *
child_current(enum role role)
{
	assert_int_equal(role, ROLE_DELIVERER);
	return (child.ready ? &child : NULL);
}

enum db
state_told(const char *address, const char *what, int64_t *at)
{
	snprintf(about, sizeof(about), "%.100s %.400s", address, what);
	*at = told_at;
	return (was_told ? DB_OK : DB_NONE);
}

enum db
state_noticed(const char *address, const char *what, int64_t n, struct relay_row *row)
{
	snprintf(about, sizeof(about), "%.100s %.400s", address, what);
	held = n;
	row->id = store == DB_OK && row->nexthop != 0 ? 9 : 0;
	return (store);
}

static void
queued(const struct relay_row *row)
{
	added = *row;
	nadded++;
}

void
spool_remove(const char *link)
{
	strlcpy(removed, link, sizeof(removed));
}

void
turn_soon(void)
{
	wishes++;
}

static void
down(void *arg, const char *why)
{
	(void)arg;
	(void)why;
}

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcpy(last, text, sizeof(last));
}

/* Accounts 1 and 2 have Maildirs, the mail of 3 is handed on. */
static int
setup(void **state)
{
	static const char	*dirs[] = { "example.org/postmaster", "example.org/anna", "example.org/bert" };
	struct route_account	 a;
	uint32_t		 i;
	int			 fd[2];

	(void)state;
	log_setsink(sink);
	memset(&child, 0, sizeof(child));
	child.ready = 1;
	notice_start(queued);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(link_open(&child.link, fd[0], NULL, 0, NULL, down), 0);
	assert_int_equal(imsgbuf_init(&peer, fd[1]), 0);
	config_running = &config;
	config.settings.postmaster = 1;
	assert_non_null(config.routes = route_new(3, 1, 0, '+'));
	for (i = 0; i < 3; i++) {
		a = (struct route_account){ i + 1, i == 2 ? 4 : 0, dirs[i], 0 };
		assert_int_equal(route_account_add(config.routes, &a), 0);
	}
	assert_int_equal(route_domain_add(config.routes, "example.org", 0), 0);
	store = DB_OK;
	was_told = 0;
	nadded = 0;
	last[0] = removed[0] = '\0';
	now += 2 * 86400000;			/* what earlier tests wrote is forgotten */
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	link_close(&child.link);
	imsgbuf_clear(&peer);
	close(peer.fd);
	route_free(config.routes);
	return (notice_busy());
}

/* What arrives; 0: nothing. */
static int
got(struct msg_notice *m)
{
	struct imsg	 imsg;

	while (wishes > 0) {
		wishes = 0;
		notice_run();
	}
	event_loop(EVLOOP_NONBLOCK);
	event_loop(EVLOOP_NONBLOCK);
	if (imsgbuf_get(&peer, &imsg) != 1 && (imsgbuf_read(&peer) != 1 || imsgbuf_get(&peer, &imsg) != 1))
		return (0);
	assert_int_equal(imsg_get_type(&imsg), IMSG_NOTICE_MAKE);
	assert_int_equal(imsg_get_data(&imsg, m, sizeof(*m)), 0);
	imsg_free(&imsg);
	return (1);
}

static int
answer(uint32_t id, uint32_t error, const char *link)
{
	struct msg_notice_made	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.error = error;
	strlcpy(m.link, link, sizeof(m.link));
	return (notice_made(&m));
}

/* Everything that is waiting goes into Maildirs; the number of them. */
static int
all(struct msg_notice *m)
{
	int	 n;

	for (n = 0; got(m); n++)
		assert_int_equal(answer(m->id, 0, ""), 0);
	return (n);
}

static void
test_sent(void **state)
{
	struct msg_notice	 m;

	(void)state;
	notice_send(2, "anna@example.org/isp", "Subject\nBcc: x", "%s\n%u \033[m\n", "one", 2);
	assert_int_equal(notice_busy(), 1);
	assert_int_equal(got(&m), 1);
	assert_int_equal(m.account, 2);
	assert_int_equal(m.held, 0);
	assert_string_equal(m.record, "anna@example.org/isp");
	assert_string_equal(m.subject, "Subject?Bcc: x");
	assert_string_equal(m.text, "one\n2 ?[m\n");
	assert_string_equal(last, "");
	assert_int_equal(notice_busy(), 1);
	assert_int_equal(answer(m.id, 0, ""), 0);
	assert_string_equal(last, "anna@example.org/isp: notice sent: Subject?Bcc: x");
	assert_string_equal(about, "anna@example.org Subject?Bcc: x");
	assert_int_equal(nadded, 0);
	notice_send(2, NULL, "long", "%2000d", 1);
	assert_int_equal(all(&m), 1);
	assert_int_equal(strlen(m.text), sizeof(m.text) - 1);
}

/* The way mail for the account goes: as a row that nobody hears of. */
static void
test_handed_on(void **state)
{
	struct msg_notice	 m;

	(void)state;
	notice_send(3, NULL, "on", "x");
	assert_int_equal(got(&m), 1);
	assert_int_equal(m.held, 1);
	assert_int_equal(answer(m.id + 1, 0, LINK), -1);
	assert_int_equal(answer(m.id, 0, ""), -1);
	assert_int_equal(answer(m.id, 0, "1700000000.M1P2S5N1R0.host"), -1);
	assert_int_equal(answer(m.id, 0, "1700000000.M1P2S0N1R1.host"), -1);
	assert_int_equal(answer(m.id, 0, LINK "/x"), -1);
	assert_int_equal(nadded, 0);
	assert_int_equal(answer(m.id, 0, LINK), 0);
	assert_int_equal(nadded, 1);
	assert_int_equal(added.id, 9);
	assert_int_equal(added.nexthop, 4);
	assert_int_equal(added.notify, NOTIFY_NEVER);
	assert_int_equal(added.uidlen, 0);
	assert_string_equal(added.sender, "");
	assert_string_equal(added.dest, "bert@example.org");
	assert_string_equal(added.link, LINK);
	assert_int_equal(answer(m.id, 0, LINK), -1);
}

/* Once a day for each account and subject, whatever the text. */
static void
test_rate(void **state)
{
	struct msg_notice	 m;
	char			 subject[32];
	uint32_t		 i;

	(void)state;
	notice_send(1, NULL, "a", "x");
	assert_int_equal(all(&m), 1);
	notice_send(1, NULL, "a", "y");
	assert_int_equal(all(&m), 0);
	notice_send(2, NULL, "a", "x");
	notice_send(1, NULL, "b", "x");
	assert_int_equal(all(&m), 2);
	now += 86399999;
	notice_send(1, NULL, "a", "x");
	assert_int_equal(all(&m), 0);
	now++;
	notice_send(1, NULL, "a", "x");
	notice_send(1, NULL, "a", "x");
	assert_int_equal(all(&m), 1);
	/* Many of them push the oldest out, not the youngest. */
	for (i = 0; i < 1024; i++) {
		snprintf(subject, sizeof(subject), "s%u", i);
		notice_send(2, NULL, subject, "x");
		assert_int_equal(all(&m), 1);
	}
	notice_send(2, NULL, "s1023", "x");
	assert_int_equal(all(&m), 0);
	notice_send(1, NULL, "a", "x");
	assert_int_equal(all(&m), 1);
}

/* The store remembers what this life of the daemon does not; a time that is still to come is no reason to be silent. */
static void
test_restart(void **state)
{
	struct msg_notice	 m;

	(void)state;
	was_told = 1;
	told_at = time(NULL) - 86000;
	notice_send(1, NULL, "r1", "x");
	assert_int_equal(all(&m), 0);
	told_at = time(NULL) - 86400;
	notice_send(1, NULL, "r2", "x");
	assert_int_equal(all(&m), 1);
	told_at = time(NULL) + 1000;
	notice_send(1, NULL, "r3", "x");
	assert_int_equal(all(&m), 1);
}

/* A deliverer that is not there is waited for; one that dies twice of the same notice has no third one. */
static void
test_deliverer(void **state)
{
	struct msg_notice	 m;

	(void)state;
	child.ready = 0;
	notice_send(1, "r", "later", "x");
	assert_int_equal(got(&m), 0);
	assert_int_equal(notice_busy(), 0);
	child.ready = 1;
	turn_soon();			/* it is there, or it has the routing table of a reload */
	assert_int_equal(got(&m), 1);
	notice_died(&child);
	turn_soon();
	assert_int_equal(got(&m), 1);
	notice_died(&child);
	assert_string_equal(last, "r: notice not sent: later: the deliverer died");
	assert_int_equal(all(&m), 0);
	notice_send(0, NULL, "nobody", "x");
	assert_string_equal(last, "notice not sent: nobody: there is no postmaster to read it");
	notice_send(77, NULL, "gone", "x");
	assert_int_equal(all(&m), 0);
	assert_string_equal(last, "notice not sent: gone: the account is gone");
}

/* What cannot be made is a line of the log; what cannot be committed is made again later, and nothing is left of the first one. */
static void
test_trouble(void **state)
{
	struct msg_notice	 m;

	(void)state;
	notice_send(1, NULL, "full", "x");
	assert_int_equal(got(&m), 1);
	assert_int_equal(answer(m.id, ENOSPC, ""), 0);
	assert_string_equal(last, "notice not sent: full: No space left on device");
	notice_send(3, NULL, "locked", "x");
	assert_int_equal(got(&m), 1);
	store = DB_BUSY;
	assert_int_equal(answer(m.id, 0, LINK), 0);
	assert_string_equal(removed, LINK);
	assert_int_equal(nadded, 0);
	assert_int_equal(notice_busy(), 0);		/* it has a rest */
	store = DB_OK;
	child.ready = 0;
	notice_died(&child);
	child.ready = 1;
	turn_soon();						/* the rest goes on */
	assert_int_equal(got(&m), 0);
}

/* The limit of what is said about the quarantine is the caller's; how much it tells of goes with it. */
static void
test_held(void **state)
{
	struct msg_notice	 m;

	(void)state;
	notice_held(config_running->settings.postmaster, 12, "Mail in quarantine", "x");
	assert_int_equal(got(&m), 1);
	assert_int_equal(m.account, 1);
	assert_int_equal(answer(m.id, 0, ""), 0);
	assert_int_equal(held, 12);
	assert_string_equal(about, "postmaster@example.org " NOTICE_HELD);
	config.settings.postmaster = 0;
	notice_held(config_running->settings.postmaster, 1, "Mail in quarantine", "x");
	assert_string_equal(last, "notice not sent: Mail in quarantine: there is no postmaster to read it");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_sent), T(test_handed_on), T(test_rate), T(test_restart), T(test_deliverer), T(test_held), T(test_trouble),
	};

	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
