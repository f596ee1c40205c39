/* SPDX-License-Identifier: ISC */
/* links: rpopd/control */
/* libs: -levent_core */
/* Seen unique-ids from rpopctl: what is written, what is refused with a sentence, and what breaks the rules. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control_int.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"

struct task			*sched_tasks;
size_t				 sched_ntasks;
struct runs			 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);

static struct client		*const me = (struct client *)&sched_runs;	/* never looked into */
static struct imsgbuf		 a, b;
static int			 allowed, replied, spots, durable;
static enum db			 written;
static char			 said[PROTO_TEXT_SIZE * 2], uids_written[256];

int
client_allowed(struct client *c, struct imsg *imsg, int root)
{
	(void)imsg;
	assert_ptr_equal(c, me);
	assert_true(root);
	return (allowed);
}

void
client_reply(struct client *c, int ok, const char *text)
{
	assert_ptr_equal(c, me);
	replied = ok ? 1 : -1;
	strlcpy(said, text, sizeof(said));
}

int
config_where(const char *domain, enum tls_mode tls, char *host, size_t size, uint16_t *port)
{
	strlcpy(host, domain, size);
	*port = tls == TLS_MODE_TLS ? 995 : 110;
	return (strchr(domain, '/') == NULL);
}

enum db
state_mailbox(const struct record *r, int64_t *id)
{
	assert_string_equal(r->owner, "anna@example.org");
	assert_string_equal(r->host, "pop.example.net");
	assert_string_equal(r->user, "anna");
	assert_int_equal(r->port, 110);
	*id = 7;
	return (DB_OK);
}

enum db
state_import_seen(int64_t mailbox, const struct state_uid *uids, size_t n, int64_t now, int last)
{
	size_t	 i;

	assert_int_equal(mailbox, 7);
	assert_true(now > 0);
	durable = last;
	uids_written[0] = '\0';
	for (i = 0; i < n && written == DB_OK && i < 4; i++)
		snprintf(uids_written + strlen(uids_written), 80, "%.*s ", (int)uids[i].len, (const char *)uids[i].uid);
	return (written);
}

void
spot_forget(struct task *t)
{
	assert_int_equal(t->mailbox, 7);
	spots++;
}

void
counts_forget(struct task *t)
{
	assert_int_equal(t->mailbox, 7);
}

static int
setup(void **state)
{
	int	 sock[2];

	(void)state;
	allowed = 1;
	replied = spots = durable = 0;
	written = DB_OK;
	sched_ntasks = 0;
	TAILQ_INIT(&sched_runs);
	return (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sock) == -1 || imsgbuf_init(&a, sock[0]) == -1 ||
	    imsgbuf_init(&b, sock[1]) == -1 ? -1 : 0);
}

static int
teardown(void **state)
{
	(void)state;
	imsgbuf_clear(&a);
	imsgbuf_clear(&b);
	close(a.fd);
	close(b.fd);
	return (0);
}

/* What the handler says of a message with these octets behind its struct. */
static int
ask(const struct ctl_seen *m, const void *octets, size_t len)
{
	uint8_t		 buf[sizeof(*m) + PROTO_SEEN_OCTETS];
	struct imsg	 imsg;
	int		 rv;

	memcpy(buf, m, sizeof(*m));
	memcpy(buf + sizeof(*m), octets, len);
	assert_int_equal(imsg_compose(&a, IMSG_CTL_SEEN, message_version(), 0, -1, buf, sizeof(*m) + len), 1);
	assert_int_equal(imsgbuf_flush(&a), 0);
	assert_int_equal(imsgbuf_read(&b), 1);
	assert_int_equal(imsgbuf_get(&b, &imsg), 1);
	rv = seen_rules[0].handler(me, &imsg);
	imsg_free(&imsg);
	return (rv);
}

static struct ctl_seen
request(void)
{
	return ((struct ctl_seen){ .tls = TLS_MODE_STLS, .account = "anna@example.org", .name = "isp", .domain = "pop.example.net",
	    .auth_name = "anna" });
}

static void
test_written(void **state)
{
	struct ctl_seen	 m = request();
	struct task	 t[2] = { { .mailbox = 6 }, { .mailbox = 7 } };

	(void)state;
	sched_tasks = t;
	sched_ntasks = 2;
	assert_int_equal(ask(&m, "\003one\005t!~wo", 10), 0);
	assert_int_equal(replied, 1);
	assert_string_equal(uids_written, "one t!~wo ");
	assert_int_equal(durable, 0);
	assert_int_equal(spots, 1);
	m.last = 1;
	assert_int_equal(ask(&m, "", 0), 0);
	assert_int_equal(durable, 1);
	assert_string_equal(said, "0 unique-ids count as delivered");
}

static void
test_refused(void **state)
{
	static struct session	 session = { .mailbox = 7 };
	struct ctl_seen		 m = request();

	(void)state;
	strlcpy(m.domain, "https://pop.example.net", sizeof(m.domain));
	assert_int_equal(ask(&m, "\001a", 2), 0);
	assert_int_equal(replied, -1);
	assert_non_null(strstr(said, "domain"));
	m = request();
	written = DB_BUSY;
	assert_int_equal(ask(&m, "\001a", 2), 0);
	assert_non_null(strstr(said, "cannot be written now"));
	written = DB_OK;
	TAILQ_INSERT_TAIL(&sched_runs, &session.run, entry);
	assert_int_equal(ask(&m, "\001a", 2), 0);
	assert_non_null(strstr(said, "a session of this record is running"));
	replied = 0;
	allowed = 0;
	assert_int_equal(ask(&m, "\001a", 2), 0);
	assert_int_equal(replied, 0);
}

static void
test_rules(void **state)
{
	static const struct {
		const char	*octets;
		size_t		 len;
	}		 bad[] = { { "\001", 1 }, { "\002a", 2 }, { "\000", 1 }, { "\001 ", 2 }, { "\001\177", 2 }, { "\001a\002b", 4 } };
	char		 many[2 * (PROTO_SEEN_MAX + 1)], longer[72];
	struct ctl_seen	 m = request();
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(bad); i++)
		assert_int_equal(ask(&m, bad[i].octets, bad[i].len), -1);
	memset(longer, 'x', sizeof(longer));
	longer[0] = 71;
	assert_int_equal(ask(&m, longer, 72), -1);
	longer[0] = 70;
	assert_int_equal(ask(&m, longer, 71), 0);
	for (i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? 'x' : 1;
	assert_int_equal(ask(&m, many, sizeof(many)), -1);
	assert_int_equal(ask(&m, many, sizeof(many) - 2), 0);
	m.last = 2;
	assert_int_equal(ask(&m, "", 0), -1);
	m = request();
	m.tls = 0;
	assert_int_equal(ask(&m, "", 0), -1);
	m = request();
	memset(m.name, 'n', sizeof(m.name));
	assert_int_equal(ask(&m, "", 0), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
