/* SPDX-License-Identifier: ISC */
/* links: rpopd/notice.c common/link.c common/rules.c common/imsg.c common/imsg_io.c common/ibuf.c common/proto.c common/log.c */
/* libs: -levent_core */
/* The master's half of a notice: what is sent, what is made of it, how often. */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../common/imsg.h"
#include "../../rpopd/rpopd.h"

struct rpopd		 master;

static struct child	 child = { .ready = 1 };
static struct imsgbuf	 peer;
static int64_t		 now = 5;
static char		 last[1100];

int64_t
clock_msec(void)
{
	return (now);
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
	assert_int_equal(level, LOG_LEVEL_PROBLEMS);
	strlcpy(last, text, sizeof(last));
}

static int
setup(void **state)
{
	int	 fd[2];

	(void)state;
	log_setsink(sink);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_int_equal(link_open(&child.link, fd[0], NULL, 0, NULL, down), 0);
	assert_int_equal(imsgbuf_init(&peer, fd[1]), 0);
	master.current[ROLE_DELIVERER] = &child;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	link_close(&child.link);
	imsgbuf_clear(&peer);
	close(peer.fd);
	return (0);
}

/* What arrives; 0: nothing. */
static int
got(struct msg_notice *m)
{
	struct imsg	 imsg;
	int		 n = 0;

	event_loop(EVLOOP_NONBLOCK);
	if (imsgbuf_get(&peer, &imsg) != 1 && (imsgbuf_read(&peer) != 1 || imsgbuf_get(&peer, &imsg) != 1))
		return (0);
	assert_int_equal(imsg_get_type(&imsg), IMSG_NOTICE);
	assert_int_equal(imsg_get_data(&imsg, m, sizeof(*m)), 0);
	n = 1;
	imsg_free(&imsg);
	return (n);
}

static void
test_sent(void **state)
{
	struct msg_notice	 m;

	(void)state;
	notice_send(7, "anna@example.org/isp", "Subject\nBcc: x", "%s\n%u \033[m\n", "one", 2);
	assert_int_equal(got(&m), 1);
	assert_int_equal(m.account, 7);
	assert_string_equal(m.record, "anna@example.org/isp");
	assert_string_equal(m.subject, "Subject?Bcc: x");
	assert_string_equal(m.text, "one\n2 ?[m\n");
	assert_string_equal(last, "anna@example.org/isp: notice sent: Subject?Bcc: x");
	notice_send(7, NULL, "long", "%2000d", 1);
	assert_int_equal(got(&m), 1);
	assert_int_equal(strlen(m.text), sizeof(m.text) - 1);
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
	assert_int_equal(got(&m), 1);
	notice_send(1, NULL, "a", "y");
	assert_int_equal(got(&m), 0);
	notice_send(2, NULL, "a", "x");
	assert_int_equal(got(&m), 1);
	notice_send(1, NULL, "b", "x");
	assert_int_equal(got(&m), 1);
	now += 86399999;
	notice_send(1, NULL, "a", "x");
	assert_int_equal(got(&m), 0);
	now++;
	notice_send(1, NULL, "a", "x");
	assert_int_equal(got(&m), 1);
	notice_send(1, NULL, "a", "x");
	assert_int_equal(got(&m), 0);
	/* Many of them push the oldest out, not the youngest. */
	for (i = 0; i < 1024; i++) {
		snprintf(subject, sizeof(subject), "s%u", i);
		notice_send(3, NULL, subject, "x");
		assert_int_equal(got(&m), 1);
	}
	notice_send(3, NULL, "s1023", "x");
	assert_int_equal(got(&m), 0);
	notice_send(1, NULL, "a", "x");
	assert_int_equal(got(&m), 1);
}

/* Without a deliverer it is in the log, and not counted as sent. */
static void
test_nobody(void **state)
{
	struct msg_notice	 m;

	(void)state;
	child.ready = 0;
	notice_send(1, "r", "later", "x");
	assert_string_equal(last, "r: notice not sent: later");
	child.ready = 1;
	master.current[ROLE_DELIVERER] = NULL;
	notice_send(1, NULL, "later", "x");
	assert_string_equal(last, "notice not sent: later");
	master.current[ROLE_DELIVERER] = &child;
	notice_send(0, NULL, "later", "x");
	assert_string_equal(last, "notice not sent: later");
	assert_int_equal(got(&m), 0);
	notice_send(1, NULL, "later", "x");
	assert_int_equal(got(&m), 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_sent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
	};

	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
