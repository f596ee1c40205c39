/* SPDX-License-Identifier: ISC */
/* links: rpopd/turn */
/* libs: -levent_core */
/* The master's rounds: one for however many wishes, none without a wish, and at the first of the times that were told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event.h>

#include "common/clock.h"
#include "rpopd/turn/turn.h"

static unsigned	 rounds, wishes;
static int64_t	 then;

static void
one_round(void)
{
	rounds++;
	if (wishes > 0) {
		wishes--;
		turn_soon();
	}
	if (then != 0)
		turn_at(then);
	then = 0;
}

/* What the loop does now; the next round is not waited for. */
static void
loop(int times)
{
	while (times-- > 0)
		event_loop(EVLOOP_NONBLOCK);
}

static int
setup(void **state)
{
	static int	 once;

	(void)state;
	if (!once++)
		event_init();
	turn_init(one_round);
	rounds = wishes = 0;
	then = 0;
	return (0);
}

static void
test_soon(void **state)
{
	(void)state;
	loop(3);
	assert_int_equal(rounds, 0);
	turn_soon();
	turn_soon();
	turn_at(0);
	turn_at(clock_msec() + 5000);
	assert_int_equal(rounds, 0);		/* not on the caller's stack */
	loop(3);
	assert_int_equal(rounds, 1);		/* one for all of them, and the time that was told before it is forgotten */
}

/* A round may wish for another one, which comes in another turn of the event loop. */
static void
test_again(void **state)
{
	(void)state;
	wishes = 2;
	turn_soon();
	event_loop(EVLOOP_ONCE);
	assert_int_equal(rounds, 1);
	event_loop(EVLOOP_ONCE);
	assert_int_equal(rounds, 2);
	loop(5);
	assert_int_equal(rounds, 3);
}

static void
test_times(void **state)
{
	int64_t	 start = clock_msec();

	(void)state;
	then = start + 60;			/* the round tells its next time */
	turn_at(INT64_MAX);
	turn_at(start + 100000);
	turn_at(start + 30);
	turn_at(start + 90);
	event_loop(EVLOOP_ONCE);
	assert_int_equal(rounds, 1);
	assert_in_range(clock_msec() - start, 29, 59);
	event_loop(EVLOOP_ONCE);
	assert_int_equal(rounds, 2);
	assert_in_range(clock_msec() - start, 59, 5000);
	loop(3);
	assert_int_equal(rounds, 2);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_soon, setup),
		cmocka_unit_test_setup(test_again, setup),
		cmocka_unit_test_setup(test_times, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
