/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sched/schedworld.c rpopd/config rpopd/poll rpopd/poll/plan rpopd/sched rpopd/turn */
/* libs: -levent_core */
/* The schedule: order, the ceiling of sessions, back-off, poll now, windows, the servers' wishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "schedworld.h"

static void
test_order(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NTASKS; i++)
		sched_add(&sched_tasks[i], now - (int64_t)(i * 7919 % NTASKS));
	for (i = 0; i < NTASKS; i += 3)
		sched_remove(&sched_tasks[i]);
	sched_run(NULL);
	assert_int_equal(nstarted, NTASKS - (NTASKS + 2) / 3);
	for (i = 1; i < nstarted; i++)
		assert_true(((started[i - 1] - sched_tasks) * 7919 % NTASKS) > ((started[i] - sched_tasks) * 7919 % NTASKS));
}

static void
test_future_waits(void **state)
{
	(void)state;
	sched_add(&sched_tasks[0], now + 1);
	sched_run(NULL);
	assert_int_equal(nstarted, 0);
	now += 1;
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
}

static void
test_processors(void **state)
{
	size_t	 i;

	(void)state;
	config.settings.processors = 3;
	for (i = 0; i < 10; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 3);
	world_end(started[0], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_int_equal(nstarted, 4);
	config.settings.processors = 0;
	while (sched_nruns > 0)
		world_end(TAILQ_FIRST(&sched_runs)->task, STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_int_equal(nstarted, 4);
}

/* A child that is not ready costs nobody a turn. */
static void
test_not_ready(void **state)
{
	(void)state;
	ready = 0;
	sched_add(&sched_tasks[0], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 0);
	ready = 1;
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
}

/* Without room on the disk nothing begins, and the status says so; what waited goes on by itself.  -1 leaves it out, and has failed. */
static void
test_no_room(void **state)
{
	int64_t	 next;

	(void)state;
	trouble = "no room";
	sched_add(&sched_tasks[0], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 0);
	assert_string_equal(sched_state(&sched_tasks[0], &next), "disk-full");
	trouble = "";
	assert_string_equal(sched_state(&sched_tasks[0], &next), "queued");
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
	assert_int_equal(turn_failed, 0);
	trouble = "no room";
	options.once = 1;
	sched_add(&sched_tasks[1], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
	assert_true(sched_tasks[1].polled && sched_tasks[1].due == INT64_MAX);
	assert_int_equal(turn_failed, 1);
}

/* Milliseconds until the next poll, after n failures in a row just now. */
static int64_t
delay_after(struct task *t, uint32_t failures, enum fail_why why)
{
	t->polled = 1;
	t->why = why;
	t->rs.failures = failures;
	t->rs.last_attempt = wall;
	sched_next(t);
	return (t->due - now);
}

static void
test_backoff(void **state)
{
	struct task	*t = &sched_tasks[0];

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
	struct task	*t = &sched_tasks[0];

	(void)state;
	t->rs.failures = 3;
	t->rs.last_attempt = wall - 1000;
	sched_next(t);
	assert_in_range(t->due - now, 198000, 212000);
	t->rs.last_attempt = wall + 100000;
	sched_next(t);
	assert_in_range(t->due - now, 1199000, 1261000);
	t->rs.failures = 0;
	sched_next(t);
	assert_true(t->due - now < 600000);
}

static uint32_t
poll_now(const char *name)
{
	struct poll_answer	 a;

	sched_poll(name, &a);
	return (a.matched);
}

static void
test_disabled(void **state)
{
	(void)state;
	records[0].period = 0;
	sched_next(&sched_tasks[0]);
	assert_true(sched_tasks[0].due == INT64_MAX);
	assert_int_equal(poll_now("anna@example.org/isp"), 0);
}

static void
test_poll_now(void **state)
{
	(void)state;
	assert_int_equal(poll_now("anna@example.org/isp"), 1);
	assert_int_equal(poll_now("Bert@Example.org"), NTASKS / 2);
	assert_int_equal(poll_now("anna@example.org/none"), 0);
	assert_int_equal(poll_now("anna@example.orgg"), 0);
	assert_int_equal(poll_now("all"), NTASKS);
	sched_run(NULL);
	assert_int_equal(nstarted, NTASKS);
}

/* Each reason has its own delay: sooner than the period, later, growing or not. */
static void
test_reasons(void **state)
{
	static const struct { enum fail_why why; uint32_t failures, tries; int64_t low; } cases[] = {
		{ WHY_BUSY, 0, 1, 60 }, { WHY_BUSY, 0, 6, 60 }, { WHY_BUSY, 0, 7, 120 }, { WHY_BUSY, 0, 100, 600 },
		{ WHY_SERVER_TEMP, 0, 1, 60 }, { WHY_SERVER_TEMP, 0, 4, 240 }, { WHY_SERVER_TEMP, 0, 50, 600 },
		{ WHY_SERVER_PERM, 1, 1, 3600 }, { WHY_SERVER_PERM, 9, 9, 14400 }, { WHY_ALERT, 0, 1, 300 }, { WHY_ALERT, 0, 20, 300 },
		{ WHY_AUTH, 1, 1, 600 }, { WHY_AUTH, 4, 1, 2400 }, { WHY_CONFIG, 5, 5, 4800 }, { WHY_POLICY, 9, 9, 4800 },
		{ WHY_CLOSED, 3, 1, 1200 }, { WHY_LOCAL_TEMP, 9, 9, 1200 }, { WHY_TOKEN_TEMP, 0, 3, 120 },
		{ WHY_TOKEN_PERM, 1, 1, 21600 }, { WHY_TOKEN_PERM, 9, 9, 21600 }, { WHY_RENUMBERED, 9, 9, 600 }
	};
	struct task	*t = &sched_tasks[0];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		t->tries = cases[i].tries;
		assert_in_range(delay_after(t, cases[i].failures, cases[i].why) + 1, cases[i].low * 1000, cases[i].low * 1050 + 1);
	}
	records[0].period = 20;			/* a short period is kept where the delay may be short, not where it must be long */
	t->tries = 1;
	assert_in_range(delay_after(t, 0, WHY_BUSY), 20000, 21000);
	assert_in_range(delay_after(t, 0, WHY_ALERT), 20000, 21000);
	assert_in_range(delay_after(t, 1, WHY_AUTH), 300000, 315000);
}

/* LOGIN-DELAY is obeyed by periods, by poll-now and by a poll asked for during a poll; "too soon" teaches it. */
static void
test_login_delay(void **state)
{
	struct task		*t = &sched_tasks[0];
	struct poll_answer	 a;

	(void)state;
	sched_add(t, now);
	sched_run(NULL);
	retry_learn(t, WHY_NONE, 900);
	world_end(t, STAGE_QUIT, WHY_NONE);
	assert_in_range(t->due - now, 900000, 945000);
	world_later(10000);
	sched_poll("anna@example.org/isp", &a);
	assert_int_equal(a.matched, 1);
	assert_int_equal(a.early, 1);
	assert_int_equal(a.wait, 890);
	world_later(889999);
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
	world_later(1);
	sched_run(NULL);
	assert_int_equal(nstarted, 2);
	session_of(t->run)->login_delay = 900;
	world_end(t, STAGE_LOGIN, WHY_TOO_SOON);	/* it was obeyed, and is not enough */
	assert_int_equal(t->rs.failures, 0);
	assert_int_equal(t->login_delay, 1800);
	retry_learn(t, WHY_TOO_SOON, 7200);
	assert_int_equal(t->login_delay, 7200);
	retry_learn(t, WHY_NONE, 0);		/* nothing said is nothing new */
	assert_int_equal(t->login_delay, 7200);
	retry_learn(t, WHY_NONE, UINT32_MAX);	/* no server stops a record for good */
	assert_int_equal(t->login_delay, 86400);
	retry_learn(t, WHY_NONE, 30);
	assert_in_range(delay_after(t, 0, WHY_NONE), 600000, 630000);
	t->login_delay = 0;
	retry_learn(t, WHY_TOO_SOON, 0);
	assert_in_range(delay_after(t, 0, WHY_TOO_SOON), 600000, 630000);
	records[0].period = 10;
	assert_in_range(delay_after(t, 0, WHY_TOO_SOON), 300000, 315000);
}

/* The owner gets each text once, the login is tried again soon, and nothing counts as a refused password. */
static void
test_alert(void **state)
{
	struct task	*t = &sched_tasks[0];
	int		 i;

	(void)state;
	nnotices = 0;
	for (i = 0; i < 4; i++) {
		sched_add(t, 0);
		sched_run(NULL);
		if (i == 3)
			strlcpy(session_of(t->run)->error, "other text", sizeof(session_of(t->run)->error));
		session_of(t->run)->stage = STAGE_LOGIN;
		session_of(t->run)->why = i == 3 ? WHY_ALERT : WHY_NONE;
		world_end(t, STAGE_LOGIN, WHY_ALERT);
		assert_int_equal(nnotices, i == 3 ? 2 : 1);
		assert_in_range(t->due - now, 300000, 315000);
		world_later(400000);
	}
	assert_int_equal(strncmp(notice, "7 ", 2), 0);
	assert_non_null(strstr(notice, "other text"));
	assert_int_equal(t->rs.failures, 0);
	sched_run(NULL);
	world_end(t, STAGE_QUIT, WHY_NONE);
	assert_int_equal(t->rs.error[0], '\0');
	assert_int_equal(nnotices, 2);
}

/* A server that keeps messages for n days is polled twice in that time. */
static void
test_expire(void **state)
{
	struct task	*t = &sched_tasks[0];

	(void)state;
	records[0].period = 30 * 86400;
	assert_int_equal(retry_period(t), 30 * 86400);
	t->expire = 7;
	assert_int_equal(retry_period(t), 7 * 43200);
	t->expire = 0;
	assert_int_equal(retry_period(t), 30 * 86400);
	t->expire = 1;
	t->login_delay = 50000;
	assert_int_equal(retry_period(t), 50000);
}

/* 1760000000 is Thursday, 9 October 2025, 08:53:20 UTC. */
static void
office(uint16_t begins, uint16_t ends, uint32_t pause)
{
	size_t	 i;

	setenv("TZ", "UTC", 1);
	sched_init(&world_calls);
	wall = 1760000000;
	windows[0] = (struct window){ "office", 0x1f, begins, ends, pause };
	config.nwindows = 1;
	for (i = 0; i < 10; i++)
		records[i].schedule = "office";
	world_gates();
}

/* Closed: whatever is due is held, retries and poll-now too; opening lets it go, spread. */
static void
test_window(void **state)
{
	struct poll_answer	 a;
	int64_t			 next;
	size_t			 i, first;

	(void)state;
	office(9 * 60, 17 * 60, 0);
	for (i = 0; i < 20; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 10);		/* those without a schedule */
	assert_string_equal(sched_state(&sched_tasks[0], &next), "window");
	assert_int_equal(next, 1760000400);
	sched_poll("all", &a);
	assert_int_equal(a.matched, NTASKS);
	assert_int_equal(a.closed, 10);
	assert_int_equal(a.opens, 1760000400);
	sched_run(NULL);
	for (i = 0; i < nstarted; i++)
		assert_true(started[i] >= &sched_tasks[10]);
	first = nstarted;
	world_later(399000);
	sched_run(NULL);
	assert_int_equal(nstarted, first);
	world_later(1000);
	sched_run(NULL);
	assert_true(nstarted < first + 10);
	world_later(30000);
	sched_run(NULL);
	assert_int_equal(nstarted, first + 10);
	/* It closes: what dials is stopped, what has its connection goes on. */
	session_of(sched_tasks[0].run)->state = SESSION_FETCHING;
	world_later(8 * 3600 * 1000);
	sched_run(NULL);
	assert_false(session_of(sched_tasks[0].run)->stopping);
	assert_true(session_of(sched_tasks[1].run)->stopping);
	assert_false(session_of(sched_tasks[10].run)->stopping);
	world_end(&sched_tasks[1], STAGE_CONNECT, WHY_STOPPED);
	world_end(&sched_tasks[0], STAGE_RETR, WHY_CLOSED);
	assert_string_equal(sched_state(&sched_tasks[0], &next), "idle");
	assert_int_equal(next, 1760000400 + 86400);
	sched_run(NULL);
	world_later(3600 * 1000);
	sched_run(NULL);
	assert_string_equal(sched_state(&sched_tasks[0], &next), "window");
	assert_string_equal(sched_state(&sched_tasks[1], &next), "window");
}

/* Somebody sets the wall clock while records wait, forward and back. */
static void
test_clock_set(void **state)
{
	(void)state;
	office(9 * 60, 17 * 60, 0);
	sched_add(&sched_tasks[0], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 0);
	assert_true(gate_due() <= now + 60000);
	wall += 3600;
	world_later(60000);
	sched_run(NULL);
	world_later(30000);
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
	world_end(&sched_tasks[0], STAGE_QUIT, WHY_NONE);
	wall -= 7200;
	sched_add(&sched_tasks[0], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
}

/* A window's pause is the least time between two polls in it, whoever asks. */
static void
test_pause(void **state)
{
	struct task		*t = &sched_tasks[0];
	struct poll_answer	 a;

	(void)state;
	office(0, 24 * 60, 3600);
	sched_add(t, now);
	sched_run(NULL);
	world_end(t, STAGE_QUIT, WHY_NONE);
	sched_poll("anna@example.org/isp", &a);
	assert_int_equal(a.early, 1);
	world_later(3599999);
	sched_run(NULL);
	assert_int_equal(nstarted, 1);
	world_later(1);
	sched_run(NULL);
	assert_int_equal(nstarted, 2);
}

/* -1 does not wait for a window. */
static void
test_once_closed(void **state)
{
	(void)state;
	office(9 * 60, 17 * 60, 0);
	options.once = 1;
	sched_add(&sched_tasks[0], now);
	sched_run(NULL);
	assert_int_equal(nstarted, 0);
	assert_true(sched_tasks[0].polled && sched_tasks[0].due == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_future_waits, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_processors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_no_room, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_backoff, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_restart, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_disabled, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_poll_now, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_reasons, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_login_delay, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_alert, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_expire, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_window, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_clock_set, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_pause, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_once_closed, world_setup, world_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
