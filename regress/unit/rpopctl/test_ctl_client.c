/* SPDX-License-Identifier: ISC */
/* links: rpopctl */
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
	struct request	 req = { .type = type };

	req.lines = type == IMSG_CTL_ROUTE;
	req.listing = type == IMSG_CTL_STATUS || type == IMSG_CTL_ACCOUNT;
	if (type == IMSG_CTL_ACCOUNT || type == IMSG_CTL_POLL || type == IMSG_CTL_TRY) {
		req.len = sizeof(req.u.name);
		strlcpy(req.u.name.name, "anna@example.org", sizeof(req.u.name.name));
	}
	shutdown(daemon_end.fd, SHUT_WR);
	memset(rep, 0, sizeof(*rep));
	*error = '\0';
	return (client_request(client_fd, &req, rep, error, sizeof(error)));
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
	answer(IMSG_CTL_DAEMON, PROTO_VERSION, &st, sizeof(st));
	for (i = 0; i < 65; i++) {
		r.port = i;
		answer(IMSG_CTL_RECORD, PROTO_VERSION, &r, sizeof(r));
	}
	answer(IMSG_CTL_END, PROTO_VERSION, NULL, 0);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(rep.has_status, 1);
	assert_int_equal(rep.status.records, 100);
	assert_int_equal(rep.nrecords, 65);
	for (i = 0; i < 65; i++)
		assert_int_equal(rep.records[i].port, i);
	free(rep.records);

	assert_int_equal(imsgbuf_read(&daemon_end), 1);
	assert_int_equal(imsgbuf_get(&daemon_end, &imsg), 1);
	assert_int_equal(imsg_get_type(&imsg), IMSG_CTL_STATUS);
	assert_int_equal(imsg_get_id(&imsg), PROTO_VERSION);
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

	answer(IMSG_CTL_FAIL, PROTO_VERSION, &text, sizeof(text));
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

	answer(IMSG_CTL_OK, PROTO_VERSION, &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), 0);
	assert_int_equal(rep.ok, 1);
}

static void
lines(void **state __unused)
{
	struct ctl_text	 text = { .text = "first" };
	struct reply	 rep;

	answer(IMSG_CTL_LINE, PROTO_VERSION, &text, sizeof(text));
	strlcpy(text.text, "second", sizeof(text.text));
	answer(IMSG_CTL_LINE, PROTO_VERSION, &text, sizeof(text));
	answer(IMSG_CTL_END, PROTO_VERSION, NULL, 0);
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(rep.nlines, 2);
	assert_string_equal(rep.lines[0].text, "first");
	assert_string_equal(rep.lines[1].text, "second");
	free(rep.lines);
}

/* Not where another answer is due, not unterminated, and nothing else in their place. */
static void
lines_unexpected(void **state __unused)
{
	struct ctl_text	 text = { .text = "x" };
	struct reply	 rep;

	answer(IMSG_CTL_LINE, PROTO_VERSION, &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_RELOAD, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
}

static void
lines_unterminated(void **state __unused)
{
	struct ctl_text	 text;
	struct reply	 rep;

	memset(&text, 'x', sizeof(text));
	answer(IMSG_CTL_LINE, PROTO_VERSION, &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), -1);
}

static void
lines_not_ok(void **state __unused)
{
	struct ctl_text	 text = { .text = "done" };
	struct reply	 rep;

	answer(IMSG_CTL_OK, PROTO_VERSION, &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_ROUTE, &rep), -1);
}

static void
other_version(void **state __unused)
{
	struct reply	 rep;

	answer(IMSG_CTL_DAEMON, PROTO_VERSION + 1, "longer", 6);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, "speaks version 4 of the control protocol"));
}

static void
cut_short(void **state __unused)
{
	struct ctl_daemon	 st = { .records = 1 };
	struct reply		 rep;

	answer(IMSG_CTL_DAEMON, PROTO_VERSION, &st, sizeof(st));
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, "before its answer was complete"));
}

/* As many as there are, then the last word. */
static void
tried(void **state __unused)
{
	struct ctl_text		 text = { .text = "100 messages" };
	struct ctl_tried	 m = { .state = "new", .uid = "abc", .text = "to here\n" };
	struct reply		 rep;
	int			 size = 1 << 20;

	setsockopt(daemon_end.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (m.msgno = 1; m.msgno <= 70; m.msgno++)
		answer(IMSG_CTL_TRIED, PROTO_VERSION, &m, sizeof(m));
	answer(IMSG_CTL_OK, PROTO_VERSION, &text, sizeof(text));
	assert_int_equal(ask(IMSG_CTL_TRY, &rep), 0);
	assert_int_equal(rep.ok, 1);
	assert_int_equal(rep.ntried, 70);
	assert_int_equal(rep.tried[69].msgno, 70);
	assert_string_equal(rep.tried[69].uid, "abc");
	free(rep.tried);
}

static void
tried_unasked(void **state __unused)
{
	struct ctl_tried	 m = { .state = "new" };
	struct reply		 rep;

	answer(IMSG_CTL_TRIED, PROTO_VERSION, &m, sizeof(m));
	assert_int_equal(ask(IMSG_CTL_POLL, &rep), -1);
}

static void
tried_unterminated(void **state __unused)
{
	struct ctl_tried	 m = { .state = "new" };
	struct reply		 rep;

	memset(m.text, 'x', sizeof(m.text));
	answer(IMSG_CTL_TRIED, PROTO_VERSION, &m, sizeof(m));
	assert_int_equal(ask(IMSG_CTL_TRY, &rep), -1);
	free(rep.tried);
}

/* Connection refused by closing it: what was said before can still be read. */
static void
closed_with_reason(void **state __unused)
{
	struct ctl_text	 text = { .text = "too many clients" };
	struct reply	 rep;

	answer(IMSG_CTL_FAIL, PROTO_VERSION, &text, sizeof(text));
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

	answer(IMSG_CTL_DAEMON, PROTO_VERSION, &st, sizeof(st) - 1);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
}

static void
unterminated_string(void **state __unused)
{
	struct ctl_record	 r = { .port = 995 };
	struct reply		 rep;

	memset(r.host, 'x', sizeof(r.host));
	answer(IMSG_CTL_RECORD, PROTO_VERSION, &r, sizeof(r));
	assert_int_equal(ask(IMSG_CTL_ACCOUNT, &rep), -1);
	assert_non_null(strstr(error, "unexpected answer"));
	free(rep.records);
}

static void
unexpected_types(void **state __unused)
{
	struct ctl_text	 text = { .text = "" };
	struct reply	 rep;

	answer(IMSG_CTL_OK, PROTO_VERSION, &text, sizeof(text));	/* to a listing */
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
}

static void
end_without_status(void **state __unused)
{
	struct reply	 rep;

	answer(IMSG_CTL_END, PROTO_VERSION, NULL, 0);
	assert_int_equal(ask(IMSG_CTL_STATUS, &rep), -1);
}

static void
foreign_type(void **state __unused)
{
	struct reply	 rep;

	answer(IMSG_FETCH_SECRET, PROTO_VERSION, "x", 1);
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
