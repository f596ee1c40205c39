/* SPDX-License-Identifier: ISC */
/* libs: -levent_core */
/* Links in one loop: whoever asks without end leaves the others their turns; a descriptor waits until it may be on its way. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/link.h"
#include "common/ipc/proto.h"

#define ASKED	2000	/* messages that are in the socket of the busy peer from the beginning */
#define NOBODY	65534
#define TURNS	3	/* answers to the busy peer, at most, until somebody else is heard */

static struct event_base	*base;
static struct link		 busy, other;
static struct imsgbuf		 busy_peer, other_peer;
static int			 answered, heard_at, downs;

static void
down(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	downs++;
}

static void
open_link(struct link *l, struct imsgbuf *peer, const struct rule *rules, size_t nrules)
{
	int	 sp[2], size = 1048576;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_int_equal(setsockopt(sp[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	assert_int_equal(link_open(l, sp[0], rules, nrules, l, down), 0);
	assert_int_equal(imsgbuf_init(peer, sp[1]), 0);
}

static void
ask(struct imsgbuf *peer)
{
	uint32_t	 value = 1;

	assert_int_equal(imsg_compose(peer, IMSG_READY, 0, 0, -1, &value, sizeof(value)), 1);
}

/* A request of the busy peer, which takes the answers that it has; at the first one somebody else says something. */
static int
take_busy(void *arg, struct imsg *imsg)
{
	uint32_t	 value;
	uint8_t		 taken[4096];

	if (rules_payload(imsg, &value) == -1)
		return (-1);
	while (read(busy_peer.fd, taken, sizeof(taken)) > 0)
		continue;
	if (answered++ == 0) {
		ask(&other_peer);
		assert_int_equal(imsgbuf_flush(&other_peer), 0);
	}
	assert_int_equal(link_send(arg, IMSG_READY, -1, &value, sizeof(value)), 0);
	if (answered == ASKED)
		event_base_loopbreak(base);
	return (0);
}

static int
take_other(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	heard_at = answered;
	return (0);
}

static const struct rule	 busy_rules[] = { { IMSG_READY, RULES_ANY, take_busy } };
static const struct rule	 other_rules[] = { { IMSG_READY, RULES_ANY, take_other } };

static int
setup(void **state)
{
	(void)state;
	assert_non_null(base = event_init());
	open_link(&busy, &busy_peer, busy_rules, nitems(busy_rules));
	open_link(&other, &other_peer, other_rules, nitems(other_rules));
	answered = heard_at = downs = 0;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	link_close(&busy);
	link_close(&other);
	close(busy_peer.fd);
	imsgbuf_clear(&busy_peer);
	close(other_peer.fd);
	imsgbuf_clear(&other_peer);
	event_base_free(base);
	return (0);
}

/* Whatever a polite link finds in its buffer or socket is taken message by message, and others are heard in between. */
static void
test_turns(void **state)
{
	int	 i;

	(void)state;
	busy.polite = 1;
	for (i = 0; i < ASKED; i++)
		ask(&busy_peer);
	assert_int_equal(imsgbuf_write(&busy_peer), 0);
	event_base_dispatch(base);
	assert_int_equal(answered, ASKED);
	assert_int_equal(downs, 0);
	assert_in_range(heard_at, 1, TURNS);
}

#ifdef __linux__

/* As many descriptors are on their way, in a channel of their own, as one more may not be of a user without privileges. */
static void
crowd(struct imsgbuf *full, int sp[2])
{
	struct rlimit	 rl;
	int		 i;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = 32;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rl), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_int_equal(imsgbuf_init(full, sp[0]), 0);
	imsgbuf_allow_fdpass(full);
	for (i = 0; i < 40; i++) {
		assert_int_equal(imsg_compose(full, IMSG_READY, 0, 0, dup(sp[0]), NULL, 0), 1);
		assert_int_equal(imsgbuf_write(full), 0);
	}
}

/* The link stays as it is, and its messages pass, in their order, when there is room. */
static void
test_crowded(void **state)
{
	struct imsgbuf	 full;
	struct imsg	 imsg;
	uint32_t	 value = 1;
	int		 sp[2], i, n, root = geteuid() == 0;

	(void)state;
	crowd(&full, sp);
	if (root)
		assert_int_equal(seteuid(NOBODY), 0);
	imsgbuf_allow_fdpass(&other_peer);
	assert_int_equal(link_send(&other, IMSG_READY, dup(sp[0]), &value, sizeof(value)), 0);
	assert_int_equal(link_send(&other, IMSG_READY, -1, &value, sizeof(value)), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(downs, 0);
	assert_int_equal(link_queued(&other), 2);
	imsgbuf_clear(&full);
	close(sp[0]);
	close(sp[1]);
	while (link_queued(&other) > 0 && downs == 0)
		event_base_loop(base, EVLOOP_ONCE);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(downs, 0);
	for (i = 0; i < 2; i++) {
		while ((n = imsgbuf_get(&other_peer, &imsg)) == 0)
			assert_int_equal(imsgbuf_read(&other_peer), 1);
		assert_int_equal(n, 1);
		assert_int_equal(ibuf_fd_avail(imsg.buf), i == 0);
		imsg_free(&imsg);
	}
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __linux__
		cmocka_unit_test_setup_teardown(test_crowded, setup, teardown),
#endif
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
