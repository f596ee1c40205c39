/* SPDX-License-Identifier: ISC */
/* links: rpopd/sched.c common/log.c */
/* libs: -levent_core */
/* The schedule: order, the ceiling of sessions, back-off, poll now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../common/clock.h"
#include "../../rpopd/rpopd.h"

#define NTASKS	200

struct rpopd		 master;

static struct config	 config;
static struct record	 records[NTASKS];
static struct task	*started[NTASKS * 2];
static size_t		 nstarted;
static int64_t		 now = 1000000;
static int		 ready = 1;

int64_t
clock_msec(void)
{
	return (now);
}

int
session_start(struct task *t)
{
	if (!ready)
		return (-1);
	started[nstarted++] = t;
	master.nsessions++;
	return (0);
}

int
commit_blocked(void)
{
	return (0);
}

void
rpopd_maybe_exit(void)
{
}

static int
setup(void **state)
{
	size_t	 i;

	(void)state;
	memset(&master, 0, sizeof(master));
	master.config = &config;
	config.settings.processors = 1000;
	config.settings.delay_failed_accounts = 300;
	master.tasks = calloc(NTASKS, sizeof(*master.tasks));
	master.ntasks = NTASKS;
	for (i = 0; i < NTASKS; i++) {
		records[i].owner = i % 2 == 0 ? "anna@example.org" : "bert@example.org";
		records[i].name = i < 2 ? "isp" : "other";
		records[i].period = 600;
		master.tasks[i].rec = &records[i];
		master.tasks[i].slot = SIZE_MAX;
		master.tasks[i].due = INT64_MAX;
	}
	nstarted = 0;
	ready = 1;
	sched_init();
	return (0);
}

static int
teardown(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NTASKS; i++)
		sched_remove(&master.tasks[i]);
	free(master.tasks);
	return (0);
}

static void
test_order(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NTASKS; i++)
		sched_add(&master.tasks[i], now - (int64_t)(i * 7919 % NTASKS));
	for (i = 0; i < NTASKS; i += 3)
		sched_remove(&master.tasks[i]);
	sched_run();
	assert_int_equal(nstarted, NTASKS - (NTASKS + 2) / 3);
	for (i = 1; i < nstarted; i++)
		assert_true(((started[i - 1] - master.tasks) * 7919 % NTASKS) > ((started[i] - master.tasks) * 7919 % NTASKS));
}

static void
test_future_waits(void **state)
{
	(void)state;
	sched_add(&master.tasks[0], now + 1);
	sched_run();
	assert_int_equal(nstarted, 0);
	now += 1;
	sched_run();
	assert_int_equal(nstarted, 1);
}

static void
test_processors(void **state)
{
	size_t	 i;

	(void)state;
	config.settings.processors = 3;
	for (i = 0; i < 10; i++)
		sched_add(&master.tasks[i], now);
	sched_run();
	assert_int_equal(nstarted, 3);
	master.nsessions--;
	sched_run();
	assert_int_equal(nstarted, 4);
	config.settings.processors = 0;
	master.nsessions = 0;
	sched_run();
	assert_int_equal(nstarted, 4);
}

/* A child that is not ready costs nobody a turn. */
static void
test_not_ready(void **state)
{
	(void)state;
	ready = 0;
	sched_add(&master.tasks[0], now);
	sched_run();
	assert_int_equal(nstarted, 0);
	ready = 1;
	sched_run();
	assert_int_equal(nstarted, 1);
}

/* Milliseconds until the next poll, after n failures in a row just now. */
static int64_t
delay_after(struct task *t, uint32_t failures, enum fail_why why)
{
	t->polled = 1;
	t->why = why;
	t->rs.failures = failures;
	t->rs.last_attempt = time(NULL);
	sched_next(t);
	return (t->due - now);
}

static void
test_backoff(void **state)
{
	struct task	*t = &master.tasks[0];

	(void)state;
	assert_in_range(delay_after(t, 0, WHY_NONE), 599000, 631000);
	assert_in_range(delay_after(t, 1, WHY_AUTH), 599000, 631000);	/* 300 s is shorter than the period */
	assert_in_range(delay_after(t, 3, WHY_AUTH), 1199000, 1261000);
	assert_in_range(delay_after(t, 5, WHY_AUTH), 4799000, 5041000);
	assert_in_range(delay_after(t, 500, WHY_AUTH), 4799000, 5041000);
	assert_in_range(delay_after(t, 500, WHY_BUSY), 59000, 64000);
}

/* A failing record is not hammered by restarts; a clock that was set back does not freeze it. */
static void
test_restart(void **state)
{
	struct task	*t = &master.tasks[0];

	(void)state;
	t->rs.failures = 3;
	t->rs.last_attempt = time(NULL) - 1000;
	sched_next(t);
	assert_in_range(t->due - now, 198000, 212000);
	t->rs.last_attempt = time(NULL) + 100000;
	sched_next(t);
	assert_in_range(t->due - now, 1199000, 1261000);
	t->rs.failures = 0;
	sched_next(t);
	assert_true(t->due - now < 600000);
}

static void
test_disabled(void **state)
{
	(void)state;
	records[0].period = 0;
	sched_next(&master.tasks[0]);
	assert_true(master.tasks[0].due == INT64_MAX);
	assert_int_equal(sched_poll("anna@example.org/isp"), 0);
}

static void
test_poll_now(void **state)
{
	(void)state;
	assert_int_equal(sched_poll("anna@example.org/isp"), 1);
	assert_int_equal(sched_poll("Bert@Example.org"), NTASKS / 2);
	assert_int_equal(sched_poll("anna@example.org/none"), 0);
	assert_int_equal(sched_poll("anna@example.orgg"), 0);
	assert_int_equal(sched_poll("all"), NTASKS);
	sched_run();
	assert_int_equal(nstarted, NTASKS);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_future_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backoff, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poll_now, setup, teardown),
	};

	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
