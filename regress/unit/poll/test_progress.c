/* SPDX-License-Identifier: ISC */
/* links: rpopd/poll */
/* How far a session is, and how long the rest takes: nothing is told that was not measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"
#include "rpopd/poll/poll.h"

#define UNKNOWN		UINT32_MAX
#define BEGUN		1000000		/* ms */

struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t		 sched_nruns;
struct config		*config_running;
struct routing		*config_routing;
static struct progress	 p;
static int64_t		 now;

int64_t
clock_msec(void)
{
	return (now);
}

/* So many messages of so many octets come, one each msec. */
static void
come(uint32_t messages, uint64_t octets, int64_t msec)
{
	while (messages-- > 0) {
		now += msec;
		progress_add(&p, now, octets);
	}
}

static int
setup(void **state __unused)
{
	now = BEGUN;
	memset(&p, 0, sizeof(p));
	return (0);
}

/* No estimate without a plan, ahead of the first message, of a few seconds, and when all is there. */
static void
no_basis(void **state __unused)
{
	assert_int_equal(progress_left(&p, now), UNKNOWN);
	progress_begin(&p, now, 10, 1000);
	assert_int_equal(progress_left(&p, now), UNKNOWN);
	assert_int_equal(progress_left(&p, now + 60000), UNKNOWN);
	come(4, 100, 1000);
	assert_int_equal(progress_left(&p, now), UNKNOWN);
	come(1, 100, 1000);
	assert_int_equal(progress_left(&p, now), 6);
	come(5, 100, 1000);
	assert_int_equal(p.done, 10);
	assert_int_equal(progress_left(&p, now), UNKNOWN);
	come(1, 100, 1000);
	assert_int_equal(p.done, 10);
}

/* By octets, where the server told all sizes: the large message comes last. */
static void
by_octets(void **state __unused)
{
	progress_begin(&p, now, 11, 10 * 100 + 9000);
	come(10, 100, 1000);
	assert_int_equal(progress_left(&p, now), 91);
	progress_begin(&p, now, 11, 0);
	come(10, 100, 1000);
	assert_int_equal(progress_left(&p, now), 2);
}

/* Sizes that were too small, and messages of which only headers are wanted: messages are counted then. */
static void
octets_are_none(void **state __unused)
{
	progress_begin(&p, now, 20, 100);
	come(10, 100, 1000);
	assert_int_equal(progress_left(&p, now), 11);
	progress_begin(&p, now, 20, 5000);
	come(10, 0, 1000);
	assert_int_equal(progress_left(&p, now), 11);
}

/* The rate is that of the last half minute, whatever was before. */
static void
last_while(void **state __unused)
{
	progress_begin(&p, now, 100000, 0);
	come(10000, 0, 10);
	assert_in_range(progress_left(&p, now), 880, 920);
	come(60, 0, 1000);
	assert_in_range(progress_left(&p, now), 85000, 95000);
	come(4000, 0, 10);
	assert_in_range(progress_left(&p, now), 800, 900);
}

/* A server that stands still takes longer and longer. */
static void
stalled(void **state __unused)
{
	uint32_t	 left;

	progress_begin(&p, now, 100, 0);
	come(20, 0, 1000);
	left = progress_left(&p, now);
	assert_int_equal(left, 81);
	assert_in_range(progress_left(&p, now + 20000), left + 70, left + 90);
	assert_in_range(progress_left(&p, now + INT32_MAX), 1, UNKNOWN - 1);
}

/* What is planned of a session: messages to be retrieved, with their sizes; and what is told of it. */
static void
of_a_session(void **state __unused)
{
	static struct session	 s;
	struct message		 msgs[6] = {
		[1] = { .state = MESSAGE_PLANNED, .action = ACTION_RETR, .size = 500 },
		[2] = { .state = MESSAGE_PLANNED, .action = ACTION_DELE, .size = 70 },
		[3] = { .state = MESSAGE_LISTED, .size = 7000 },
		[4] = { .state = MESSAGE_PLANNED, .action = ACTION_HEADERS, .size = 90000 },
		[5] = { .state = MESSAGE_PLANNED, .action = ACTION_RETR_ALONE, .size = 1500 }
	};
	struct ctl_record	 m;

	memset(&m, 0, sizeof(m));
	progress_tell(NULL, &m);
	assert_int_equal(m.planned, 0);
	assert_int_equal(m.seconds_left, UNKNOWN);
	s.plan.msgs = msgs;
	s.plan.count = 5;
	progress_planned(&s);
	now += 5000;
	progress_answered(&s, &msgs[1]);
	s.octets = 444;
	progress_tell(&s.run, &m);
	assert_int_equal(m.planned, 3);
	assert_int_equal(m.fetched, 1);
	assert_int_equal(m.planned_octets, 2000);
	assert_int_equal(m.fetched_octets, 500);
	assert_int_equal(m.seconds_left, 16);
	msgs[5].size = 0;
	progress_planned(&s);
	progress_tell(&s.run, &m);
	assert_int_equal(m.planned_octets, 0);
	assert_int_equal(m.fetched, 0);
	assert_int_equal(m.fetched_octets, 444);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(no_basis, setup),
		cmocka_unit_test_setup(by_octets, setup),
		cmocka_unit_test_setup(octets_are_none, setup),
		cmocka_unit_test_setup(last_while, setup),
		cmocka_unit_test_setup(stalled, setup),
		cmocka_unit_test_setup(of_a_session, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
