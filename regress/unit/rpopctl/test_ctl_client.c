/* SPDX-License-Identifier: ISC */
/* links: rpopctl rpopctl/import */
/* rpopctl's side of the control protocol, against answers good and bad. */
#include <sys/socket.h>

#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/ipc/imsg.h"
#include "rpopctl/rpopctl.h"

static struct imsgbuf	 daemon_end;
static int		 client_fd;
static char		 error[512];

static int
setup(void **state __unused)
{
	int	 pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, PF_UNSPEC, pair) == -1)
		return (-1);
	client_fd = pair[0];
	return (imsgbuf_init(&daemon_end, pair[1]));
}

static int
teardown(void **state __unused)
{
	imsgbuf_clear(&daemon_end);
	close(client_fd);
	if (daemon_end.fd != -1)
		close(daemon_end.fd);
	return (0);
}

static void
answer(uint32_t type, uint32_t version, const void *data, size_t len)
{
	assert_int_not_equal(imsg_compose(&daemon_end, type, version, 0, -1, data, len), -1);
	assert_int_equal(imsgbuf_flush(&daemon_end), 0);
}

/* What the daemon has to say is said and over; the client asks. */
static int
ask(uint32_t type, struct reply *rep)
{
	static struct { uint32_t type; int words; char *word[3]; } commands[] = {
		{ IMSG_CTL_STATUS, 1, { "status" } },
		{ IMSG_CTL_ACCOUNT, 3, { "show", "account", "anna@example.org" } },
		{ IMSG_CTL_POLL, 2, { "poll", "anna@example.org" } },
		{ IMSG_CTL_TRY, 2, { "try", "anna@example.org" } },
		{ IMSG_CTL_ROUTE, 2, { "route", "anna@example.org" } },
		{ IMSG_CTL_QUEUE, 1, { "queue" } },
		{ IMSG_CTL_RELOAD, 1, { "reload" } }
	};
	struct request	 req;
	size_t		 i;

	for (i = 0; commands[i].type != type; i++)
		assert_true(i + 1 < nitems(commands));
	assert_int_equal(command_parse(commands[i].words, commands[i].word, &req, error, sizeof(error)), 0);
	assert_int_equal(req.type, type);
	shutdown(daemon_end.fd, SHUT_WR);
	memset(rep, 0, sizeof(*rep));
	rep->fd = -1;
	*error = '\0';
	return (client_request(client_fd, &req, rep, error, sizeof(error)));
}

/* How many messages of a kind are in the reply. */
static size_t
got(const struct reply *rep, uint32_t type)
{
	return (reply_items(rep, type)->n);
}

/* One of them. */
static const void *
item(const struct reply *rep, uint32_t type, size_t i)
{
	return ((const char *)reply_items(rep, type)->v + i * reply_kind(type)->size);
}

static void
listing(void **state __unused)
{
	struct ctl_daemon	 st = { .records = 100, .version = "0.1" };
	struct ctl_record	 r = { .account = "anna@example.org" };
	struct reply		 rep;
	struct imsg		 imsg;
	uint32_t		 i;
	int			 size = 1 << 20;

	setsockopt(daemon_end.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	answer(IMSG_CTL_DAEMON, message_version(), &st, sizeof(st));
	for (i = 0; i < 65; i++) {
		r.port = i;
		answer(IMSG_CTL_RECORD, message_version(), &r, sizeof(r));
	}
	answer(IMSG_CTL_END, message_version(), NULL, 0);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(got(&rep, IMSG_CTL_DAEMON), 1);
	assert_int_equal(((const struct ctl_daemon *)item(&rep, IMSG_CTL_DAEMON, 0))->records, 100);
	assert_int_equal(got(&rep, IMSG_CTL_RECORD), 65);
	for (i = 0; i < 65; i++)
		assert_int_equal(((const struct ctl_record *)item(&rep, IMSG_CTL_RECORD, i))->port, i);
	reply_free(&rep);

	assert_int_equal(imsgbuf_read(&daemon_end), 1);
	assert_int_equal(imsgbuf_get(&daemon_end, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), IMSG_CTL_STATUS);
	assert_int_equal(imsg_get_id(&imsg), message_version());
	assert_int_equal(imsg_get_len(&imsg), 0);
	imsg_free(&imsg);
}

static void
action(void **state __unused)
{
	struct ctl_text	 text = { .text = "no such record" };
	struct reply	 rep;
	struct imsg	 imsg;
	struct ctl_name	 name;

	answer(IMSG_CTL_FAIL, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_POLL, &rep), 0);
	assert_int_equal(rep.ok, 0);
	assert_string_equal(rep.text.text, "no such record");
	assert_int_equal(imsgbuf_read(&daemon_end), 1);
	assert_int_equal(imsgbuf_get(&daemon_end, &imsg), 1);
	assert_int_equal(imsg_get_data(&imsg, &name, sizeof(name)), 0);
	assert_string_equal(name.name, "anna@example.org");
	imsg_free(&imsg);
}

static void
action_ok(void **state __unused)
{
	struct ctl_text	 text = { .text = "" };
	struct reply	 rep;

	answer(IMSG_CTL_OK, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), 0);
	assert_int_equal(rep.ok, 1);
}

static void
lines(void **state __unused)
{
	struct ctl_text	 text = { .text = "first" };
	struct reply	 rep;

	answer(IMSG_CTL_LINE, message_version(), &text, sizeof(text));
	strlcpy(text.text, "second", sizeof(text.text));
	answer(IMSG_CTL_LINE, message_version(), &text, sizeof(text));
	answer(IMSG_CTL_END, message_version(), NULL, 0);
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(got(&rep, IMSG_CTL_LINE), 2);
	assert_string_equal(((const struct ctl_text *)item(&rep, IMSG_CTL_LINE, 0))->text, "first");
	assert_string_equal(((const struct ctl_text *)item(&rep, IMSG_CTL_LINE, 1))->text, "second");
	reply_free(&rep);
}

/* Not where another answer is due, not unterminated, and nothing else in their place. */
static void
lines_unexpected(void **state __unused)
{
	struct ctl_text	 text = { .text = "x" };
	struct reply	 rep;

	answer(IMSG_CTL_LINE, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
	reply_free(&rep);
}

static void
lines_unterminated(void **state __unused)
{
	struct ctl_text	 text;
	struct reply	 rep;

	memset(&text, 'x', sizeof(text));
	answer(IMSG_CTL_LINE, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), -1);
	reply_free(&rep);
}

static void
lines_not_ok(void **state __unused)
{
	struct ctl_text	 text = { .text = "done" };
	struct reply	 rep;

	answer(IMSG_CTL_OK, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), -1);
}

static void
other_version(void **state __unused)
{
	struct reply	 rep;
	char		 sentence[80];

	snprintf(sentence, sizeof(sentence), "speaks version %u of the control protocol", message_version() + 1);
	answer(IMSG_CTL_DAEMON, message_version() + 1, "longer", 6);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, sentence));
}

static void
cut_short(void **state __unused)
{
	struct ctl_daemon	 st = { .records = 1 };
	struct reply		 rep;

	answer(IMSG_CTL_DAEMON, message_version(), &st, sizeof(st));
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, "before its answer was complete"));
	reply_free(&rep);
}

/* As many as there are, in any order, then the last word; afterwards they are in the order of their numbers. */
static void
tried(void **state __unused)
{
	struct ctl_text		 text = { .text = "100 messages" };
	struct ctl_tried	 m = { .state = "new", .uid = "abc", .why = "to here\n" };
	struct reply		 rep;
	int			 size = 1 << 20;

	setsockopt(daemon_end.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (m.number = 70; m.number >= 1; m.number--)
		answer(IMSG_CTL_TRIED, message_version(), &m, sizeof(m));
	answer(IMSG_CTL_OK, message_version(), &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_TRY, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(got(&rep, IMSG_CTL_TRIED), 70);
	assert_int_equal(((const struct ctl_tried *)item(&rep, IMSG_CTL_TRIED, 69))->number, 70);
	assert_string_equal(((const struct ctl_tried *)item(&rep, IMSG_CTL_TRIED, 69))->uid, "abc");
	reply_free(&rep);
}

static void
tried_unasked(void **state __unused)
{
	struct ctl_tried	 m = { .state = "new" };
	struct reply		 rep;

	answer(IMSG_CTL_TRIED, message_version(), &m, sizeof(m));
	assert_int_equal(ask(IMSG_CTL_POLL, &rep), -1);
	reply_free(&rep);
}

static void
tried_unterminated(void **state __unused)
{
	struct ctl_tried	 m = { .state = "new" };
	struct reply		 rep;

	memset(m.why, 'x', sizeof(m.why));
	answer(IMSG_CTL_TRIED, message_version(), &m, sizeof(m));
	assert_int_equal(ask(IMSG_CTL_TRY, &rep), -1);
	reply_free(&rep);
}

/* Connection refused by closing it: what was said before can still be read. */
static void
closed_with_reason(void **state __unused)
{
	struct ctl_text	 text = { .text = "too many clients" };
	struct reply	 rep;

	answer(IMSG_CTL_FAIL, message_version(), &text, sizeof(text));
	close(daemon_end.fd);
	daemon_end.fd = -1;
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), 0);
	assert_int_equal(rep.ok, 0);
	assert_string_equal(rep.text.text, "too many clients");
}

static void
wrong_length(void **state __unused)
{
	struct ctl_daemon	 st = { .records = 1 };
	struct reply		 rep;

	answer(IMSG_CTL_DAEMON, message_version(), &st, sizeof(st) - 1);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
}

static void
unterminated_string(void **state __unused)
{
	struct ctl_record	 r = { .port = 995 };
	struct reply		 rep;

	memset(r.host, 'x', sizeof(r.host));
	answer(IMSG_CTL_RECORD, message_version(), &r, sizeof(r));
	assert_int_equal(ask(IMSG_CTL_ACCOUNT, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
	reply_free(&rep);
}

static void
unexpected_types(void **state __unused)
{
	struct ctl_text	 text = { .text = "" };
	struct reply	 rep;

	answer(IMSG_CTL_OK, message_version(), &text, sizeof(text));	/* to a listing */
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	reply_free(&rep);
}

static void
end_without_status(void **state __unused)
{
	struct reply	 rep;

	answer(IMSG_CTL_END, message_version(), NULL, 0);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
}

static void
second_status(void **state __unused)
{
	struct ctl_daemon	 st = { .records = 1 };
	struct reply		 rep;

	answer(IMSG_CTL_DAEMON, message_version(), &st, sizeof(st));
	answer(IMSG_CTL_DAEMON, message_version(), &st, sizeof(st));
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	reply_free(&rep);
}

/* A state that has no name. */
static void
queue_state(void **state __unused)
{
	struct ctl_queued	 m = { .id = 1, .state = QUEUE_LOST };
	struct reply		 rep;

	answer(IMSG_CTL_QUEUED, message_version(), &m, sizeof(m));
	m.state++;
	answer(IMSG_CTL_QUEUED, message_version(), &m, sizeof(m));
	assert_int_equal(ask(IMSG_CTL_QUEUE, &rep), -1);
	assert_int_equal(got(&rep, IMSG_CTL_QUEUED), 1);
	reply_free(&rep);
}

static void
foreign_type(void **state __unused)
{
	struct reply	 rep;

	answer(IMSG_FETCH_SECRET, message_version(), "x", 1);
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), -1);
}

static void
garbage(void **state __unused)
{
	struct reply	 rep;

	assert_int_equal(write(daemon_end.fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_int_not_equal(*error, '\0');
}

static void
no_daemon(void **state __unused)
{
	char	 path[300];

	assert_int_equal(client_connect("/nonexistent/rpopd.sock", error, sizeof(error)), -1);
	assert_non_null(strstr(error, "rpopd is not running"));
	assert_non_null(strstr(error, "/nonexistent/rpopd.sock"));
	memset(path, '/', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(client_connect(path, error, sizeof(error)), -1);
	assert_non_null(strstr(error, "too long"));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(listing),
		TEST(action),
		TEST(action_ok),
		TEST(lines),
		TEST(lines_unexpected),
		TEST(lines_unterminated),
		TEST(lines_not_ok),
		TEST(other_version),
		TEST(cut_short),
		TEST(closed_with_reason),
		TEST(wrong_length),
		TEST(unterminated_string),
		TEST(unexpected_types),
		TEST(end_without_status),
		TEST(second_status),
		TEST(queue_state),
		TEST(foreign_type),
		TEST(tried),
		TEST(tried_unasked),
		TEST(tried_unterminated),
		TEST(garbage),
		cmocka_unit_test(no_daemon),
	};

	signal(SIGPIPE, SIG_IGN);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
