/* SPDX-License-Identifier: ISC */
/* libs: -levent_core */
/* Timers: order, setting anew, stopping, never early, and what is all zeroes. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/timer.h"

static struct event_base	*base;
static struct timer		 early, late;
static char			 order[16];
static int64_t			 due;
static int			 runs;

static void
note(void *arg)
{
	strlcat(order, arg, sizeof(order));
}

/* Run again from its own callback: twice in all. */
static void
note_again(void *arg)
{
	note(arg);
	if (strlen(order) < 2)
		timer_in(&early, 1);
}

static int
setup(void **state)
{
	(void)state;
	base = event_init();
	memset(&early, 0, sizeof(early));
	memset(&late, 0, sizeof(late));
	order[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	event_base_free(base);
	return 0;
}

static void
zeroed(void **state)
{
	(void)state;
	assert_false(timer_armed(&early));
	timer_stop(&early);
	timer_init(&early, note, "a");
	assert_false(timer_armed(&early));
	timer_stop(&early);
}

static void
in_order(void **state)
{
	(void)state;
	timer_init(&early, note, "a");
	timer_init(&late, note, "b");
	timer_in(&late, 30);
	timer_in(&early, -5);
	assert_true(timer_armed(&early));
	event_dispatch();
	assert_string_equal(order, "ab");
	assert_false(timer_armed(&early));
	assert_false(timer_armed(&late));
}

static void
set_anew_and_stopped(void **state)
{
	(void)state;
	timer_init(&early, note_again, "a");
	timer_init(&late, note, "b");
	timer_in(&early, 3600 * 1000);
	timer_in(&early, 1);
	timer_in(&late, 3600 * 1000);
	timer_stop(&late);
	assert_false(timer_armed(&late));
	event_dispatch();
	assert_string_equal(order, "aa");
}

/* Set again until it has run 300 times, at no fixed distance from the kernel's ticks. */
static void
note_due(void *arg)
{
	const struct timespec	 pause = { .tv_nsec = 700 * 1000 };

	(void)arg;
	assert_true(clock_msec() >= due);
	if (++runs < 300) {
		nanosleep(&pause, NULL);
		due = clock_msec() + 3;
		timer_in(&late, 3);
	}
}

/* What turns the event loop meanwhile. */
static void
turn(void *arg)
{
	(void)arg;
	if (runs < 300)
		timer_in(&early, 1);
}

static void
never_early(void **state)
{
	(void)state;
	runs = 0;
	timer_init(&early, turn, NULL);
	timer_init(&late, note_due, NULL);
	timer_in(&early, 0);
	timer_in(&late, 0);
	due = 0;
	event_dispatch();
	assert_int_equal(runs, 300);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(zeroed, setup, teardown),
		cmocka_unit_test_setup_teardown(in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(set_anew_and_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(never_early, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
