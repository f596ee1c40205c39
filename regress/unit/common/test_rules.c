/* SPDX-License-Identifier: ISC */
/* Rule tables: what is let through, what ends the peer's work and with which sentence; the names on the wire. */
#include <sys/types.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/imsg.h"
#include "common/ipc/proto_ctl.h"
#include "common/ipc/rules.h"

static struct imsgbuf	 a, b;
static int		 sock[2], taken;
static uint32_t		 state_now;
static char		 err[200];

static int
take(void *arg, struct imsg *imsg)
{
	uint32_t	 v;

	(void)arg;
	if (rules_payload(imsg, &v) == -1 || v == 666)
		return (-1);
	state_now = v;
	taken++;
	return (0);
}

static int
take_any(void *arg, struct imsg *imsg)
{
	(void)imsg;
	(*(int *)arg)++;
	return (0);
}

static const struct rule rules[] = {
	{ IMSG_READY,		1U << 0,	take },
	{ IMSG_READY,		1U << 2,	take_any },
	{ IMSG_FETCH_SECRET,	RULES_ANY,	take_any },
	{ IMSG_FETCH_CA,	RULES_ANY,	take_any },
	{ IMSG_FETCH_SOCKET,	RULES_ANY,	take_any },
	{ IMSG_CTL_LINE,	RULES_ANY,	take_any },
};

static int
setup(void **state)
{
	(void)state;
	taken = 0;
	state_now = 0;
	err[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sock) == -1 || imsgbuf_init(&a, sock[0]) == -1 ||
	    imsgbuf_init(&b, sock[1]) == -1)
		return (-1);
	imsgbuf_allow_fdpass(&a);
	imsgbuf_allow_fdpass(&b);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	imsgbuf_clear(&a);
	imsgbuf_clear(&b);
	close(sock[0]);
	close(sock[1]);
	return (0);
}

static int
run(uint32_t type, int fd, const void *data, size_t len)
{
	imsg_compose(&a, type, 0, 0, fd, data, len);
	imsgbuf_write(&a);
	return (rules_read(&b, NULL, rules, nitems(rules), &state_now, &taken, err, sizeof(err)));
}

static void
test_states(void **state)
{
	uint32_t	 v = 2;
	int		 i;

	(void)state;
	assert_int_equal(rules_read(&b, NULL, rules, nitems(rules), &state_now, &taken, err, sizeof(err)), 1);
	/* one read, two messages: the first changes the state, another rule of the same type takes the second */
	imsg_compose(&a, IMSG_READY, 0, 0, -1, &v, 4);
	assert_int_equal(run(IMSG_READY, -1, &v, 4), 1);
	assert_int_equal(taken, 2);
	for (i = 1; i < 100; i += 31) {
		state_now = (uint32_t)i;
		assert_int_equal(run(IMSG_READY, -1, &v, 4), -1);
		assert_non_null(strstr(err, "READY: not allowed in state"));
	}
	state_now = 77;
	assert_int_equal(run(IMSG_FETCH_CA, -1, "x", 1), 1);		/* RULES_ANY is any state at all */
	assert_int_equal(taken, 3);
}

/* What messages.h says of a type: a fixed length, a range, nothing. */
static void
test_lengths(void **state)
{
	static char	 buf[16001];

	(void)state;
	assert_int_equal(run(IMSG_FETCH_CA, -1, buf, 0), -1);
	assert_string_equal(err, "FETCH_CA: length 0, not 1 to 16000");
	assert_int_equal(run(IMSG_FETCH_CA, -1, buf, 16001), -1);
	assert_string_equal(err, "FETCH_CA: length 16001, not 1 to 16000");
	assert_int_equal(run(IMSG_FETCH_CA, -1, buf, 16000), 1);
	assert_int_equal(run(IMSG_FETCH_SECRET, -1, buf, 0), 1);
	assert_int_equal(run(IMSG_READY, -1, buf, 3), -1);
	assert_string_equal(err, "READY: length 3, not 4 to 4");
	assert_int_equal(run(IMSG_FETCH_SOCKET, open("/dev/null", O_RDONLY), buf, 1), -1);
	assert_string_equal(err, "FETCH_SOCKET: length 1, not 0 to 0");
	assert_int_equal(taken, 2);
}

static void
test_unknown(void **state)
{
	(void)state;
	assert_int_equal(run(IMSG_RECEIPT_SETTLED, -1, NULL, 0), -1);
	assert_non_null(strstr(err, "RECEIPT_SETTLED"));
	assert_int_equal(run(4000000000U, -1, NULL, 0), -1);
	assert_string_equal(err, "unknown (4000000000): not allowed from this peer");
	assert_int_equal(run(0, -1, NULL, 0), -1);
	assert_int_equal(taken, 0);
}

static void
test_handler_refuses(void **state)
{
	uint32_t	 v = 666;

	(void)state;
	assert_int_equal(run(IMSG_READY, -1, &v, 4), -1);
	assert_non_null(strstr(err, "READY"));
	assert_null(strstr(err, "666"));	/* no payload in the log */
	assert_int_equal(taken, 0);
}

/* Present where due, absent where not, closed when the handler left it. */
static void
test_descriptors(void **state)
{
	static struct ctl_text	 text;
	int			 next, probe;

	(void)state;
	assert_true((next = open("/dev/null", O_RDONLY)) != -1);
	close(next);
	assert_int_equal(run(IMSG_FETCH_SOCKET, -1, NULL, 0), -1);
	assert_string_equal(err, "FETCH_SOCKET: descriptor missing");
	assert_int_equal(run(IMSG_FETCH_CA, open("/dev/null", O_RDONLY), "x", 1), -1);
	assert_string_equal(err, "FETCH_CA: unexpected descriptor");
	assert_int_equal(run(IMSG_FETCH_SOCKET, open("/dev/null", O_RDONLY), NULL, 0), 1);
	assert_int_equal(run(IMSG_CTL_LINE, open("/dev/null", O_RDONLY), &text, sizeof(text)), 1);
	assert_int_equal(run(IMSG_CTL_LINE, -1, &text, sizeof(text)), 1);
	assert_int_equal(taken, 3);
	assert_int_equal(probe = open("/dev/null", O_RDONLY), next);
	close(probe);
}

static void
test_stream(void **state)
{
	struct imsg_hdr	 hdr = { IMSG_LOG, 3, 0, 0 };

	(void)state;
	assert_int_equal(write(sock[0], &hdr, sizeof(hdr)), sizeof(hdr));
	assert_int_equal(rules_read(&b, NULL, rules, nitems(rules), &state_now, &taken, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "broken stream"));
	shutdown(sock[1], SHUT_WR);
	assert_int_equal(rules_read(&a, NULL, rules, nitems(rules), &state_now, &taken, err, sizeof(err)), 0);
}

/* Every number has a name, and no number is out of range. */
static void
test_names(void **state)
{
	uint32_t	 i, j;

	(void)state;
	for (i = IMSG_NONE + 1; i < IMSG_MAX; i++) {
		assert_string_not_equal(message_name(i), "unknown");
		assert_true(message_kind(i)->min <= message_kind(i)->max);
		assert_true(message_kind(i)->max <= MAX_IMSGSIZE - IMSG_HEADER_SIZE);
		for (j = IMSG_NONE + 1; j < i; j++)
			assert_string_not_equal(message_name(i), message_name(j));
	}
	for (i = 0; i < WHY_MAX; i++)
		assert_string_not_equal(fail_why_str(i), "unknown");
	for (i = 0; i < STAGE_MAX; i++)
		assert_string_not_equal(fetch_stage_str(i), "unknown");
	assert_null(message_kind(IMSG_NONE));
	assert_string_equal(message_name(IMSG_MAX), "unknown");
	assert_string_equal(message_name(UINT32_MAX), "unknown");
	assert_string_equal(fail_why_str(WHY_MAX), "unknown");
	assert_string_equal(fetch_stage_str(STAGE_MAX), "unknown");
	assert_string_equal(tls_mode_str(0), "unknown");
	assert_string_equal(tls_mode_str(TLS_MODE_STLS), "stls");
	assert_int_equal(proto_str("ab", 3), 1);
	assert_int_equal(proto_str("ab", 2), 0);
	assert_int_equal(proto_client("", 1), 1);
	assert_int_equal(proto_client("192.0.2.7", 10), 1);
	assert_int_equal(proto_client("192.0.2.7", 9), 0);
	assert_int_equal(proto_client("2001:db8::1", 12), 1);
	assert_int_equal(proto_client("192.0.2.7 NAME=x", 17), 0);
	assert_int_equal(proto_client("mx.example", 11), 0);
}

/* The version of the list of messages is the same whenever it is asked for, and no number that a peer sends by default. */
static void
test_version(void **state)
{
	uint32_t	 version = message_version();

	(void)state;
	assert_int_not_equal(version, 0);
	assert_int_equal(message_version(), version);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_states, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_handler_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream, setup, teardown),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_version),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
