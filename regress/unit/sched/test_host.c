/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sched/schedworld.c rpopd/config rpopd/poll rpopd/poll/plan rpopd/sched rpopd/turn */
/* libs: -levent_core */
/* Hosts that fail: one try a delay however many records wait, others untouched; the ceiling of sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedworld.h"

#define DEAD	150		/* records 0..149 are on one host, the rest on another */

static struct host	*dead, *live;

static int
setup(void **state)
{
	size_t	 i;

	world_setup(state);
	world_host(0, DEAD, "dead.example.net");
	world_host(DEAD, NTASKS - DEAD, "live.example.net");
	dead = sched_tasks[0].host;
	live = sched_tasks[DEAD].host;
	for (i = 0; i < NTASKS; i++)
		sched_add(&sched_tasks[i], now - 1000 + (int64_t)i);
	return (0);
}

static size_t
began(const struct host *h, size_t since)
{
	size_t	 i, n = 0;

	for (i = since; i < nstarted; i++)
		n += started[i]->host == h;
	return (n);
}

static size_t
waiting(const struct host *h)
{
	size_t	 i, n = 0;

	for (i = 0; i < NTASKS; i++)
		n += sched_tasks[i].share != NULL && sched_tasks[i].host == h;
	return (n);
}

/* The only session of a host that is under way. */
static struct task *
trying(const struct host *h)
{
	struct session	*s;
	struct task	*t = NULL;

	SESSION_FOREACH(s)
		if (s->run.host == h) {
			assert_null(t);
			t = s->run.task;
		}
	assert_non_null(t);
	return (t);
}

/* One session goes ahead at a host that was never tried; when it has logged in, the others follow. */
static void
test_first(void **state)
{
	(void)state;
	sched_run(NULL);
	assert_int_equal(nstarted, 2);
	assert_ptr_equal(trying(live), &sched_tasks[DEAD]);
	world_login(trying(live));
	sched_run(NULL);
	assert_int_equal(began(live, 0), NTASKS - DEAD);
	assert_int_equal(began(dead, 0), 1);
	world_later(11000);			/* the first one is slow: it does not keep the others for ever */
	sched_run(NULL);
	assert_int_equal(began(dead, 0), DEAD);
}

/* 150 records of a dead host: one try at the start and one after each delay, by another record each time; the delay doubles. */
static void
test_dead(void **state)
{
	struct task	*t, *last = NULL;
	int64_t		 delay = 300000;
	size_t		 i, n;

	(void)state;
	sched_run(NULL);
	world_login(trying(live));
	for (i = 0; i < 8; i++) {
		t = trying(dead);
		assert_ptr_not_equal(t, last);
		last = t;
		world_end(t, STAGE_CONNECT, WHY_REFUSED);
		assert_int_equal(dead->state, HOST_DELAYED);
		assert_int_equal(waiting(dead) + 1, DEAD);
		assert_in_range(dead->until - now, delay, delay * 21 / 20);
		n = nstarted;
		sched_run(NULL);
		world_later(delay - 1);
		sched_run(NULL);
		assert_int_equal(began(dead, n), 0);
		world_later(delay / 20 + 1);
		sched_run(NULL);
		assert_int_equal(began(dead, n), 1);
		if (delay < 16 * 300000)
			delay *= 2;
	}
	for (i = 0; i < DEAD; i++) {
		assert_int_equal(sched_tasks[i].rs.failures, 0);
		assert_int_equal(sched_tasks[i].polled, i < 8);
	}
	assert_int_equal(began(live, 0), NTASKS - DEAD);
}

/* It answers again: all that wait are polled, as many at a time as the host may have, in the order of their due times. */
static void
test_back(void **state)
{
	size_t	 i, n;

	(void)state;
	config.settings.host_sessions = 4;
	sched_run(NULL);
	world_end(trying(dead), STAGE_GREETING, WHY_TIMEOUT);
	world_later(320000);
	sched_run(NULL);
	n = nstarted - 1;
	assert_int_equal(began(dead, 0), 2);
	world_login(trying(dead));
	sched_run(NULL);
	assert_int_equal(dead->sessions, 4);
	while (began(dead, 0) < DEAD) {
		world_end(started[n], STAGE_QUIT, WHY_NONE);
		n++;
		sched_run(NULL);
		assert_true(dead->sessions <= 4);
	}
	for (i = n + 1; i < nstarted; i++)
		assert_true(started[i] > started[i - 1] || started[i]->host != dead || started[i - 1]->host != dead);
	assert_int_equal(dead->failures, 0);
}

/* Sessions that run when the host fails are left alone, and neither shorten nor prolong its delay. */
static void
test_running(void **state)
{
	int64_t	 until;

	(void)state;
	dead->state = HOST_OPEN;
	config.settings.host_sessions = 5;
	sched_run(NULL);
	world_login(started[0]);
	world_later(1000);
	world_end(&sched_tasks[4], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_int_equal(dead->sessions, 5);
	world_later(1000);
	world_end(trying(live), STAGE_QUIT, WHY_NONE);
	world_end(&sched_tasks[5], STAGE_CONNECT, WHY_REFUSED);
	assert_int_equal(dead->state, HOST_DELAYED);
	until = dead->until;
	world_end(&sched_tasks[1], STAGE_RETR, WHY_CLOSED);	/* the record's */
	assert_int_equal(sched_tasks[1].rs.failures, 1);
	session_of(sched_tasks[2].run)->run.begun = now;
	world_end(&sched_tasks[2], STAGE_CONNECT, WHY_REFUSED);
	assert_int_equal(sched_tasks[2].rs.failures, 0);
	world_login(&sched_tasks[3]);
	world_end(&sched_tasks[3], STAGE_QUIT, WHY_NONE);
	assert_int_equal(dead->state, HOST_DELAYED);
	assert_int_equal(dead->failures, 1);
	assert_true(dead->until == until);
}

/* What is the host's failure, and what is the record's. */
static void
test_whose(void **state)
{
	static const struct { enum fetch_stage stage; enum fail_why why; int hosts, counts; } cases[] = {
		{ STAGE_CONNECT, WHY_DNS_TEMP, 1, 0 }, { STAGE_CONNECT, WHY_DNS_PERM, 1, 0 }, { STAGE_CONNECT, WHY_UNREACHABLE, 1, 0 },
		{ STAGE_CONNECT, WHY_TIMEOUT, 1, 0 }, { STAGE_TLS, WHY_TIMEOUT, 1, 0 }, { STAGE_TLS, WHY_CLOSED, 1, 0 },
		{ STAGE_GREETING, WHY_CLOSED, 1, 0 }, { STAGE_GREETING, WHY_PROTO, 1, 0 }, { STAGE_GREETING, WHY_BUSY, 1, 0 },
		{ STAGE_GREETING, WHY_SERVER_TEMP, 1, 0 }, { STAGE_GREETING, WHY_SERVER_PERM, 1, 0 }, { STAGE_CAPA, WHY_PROTO, 1, 0 },
		{ STAGE_TLS, WHY_TLS, 0, 1 }, { STAGE_TLS, WHY_PROTO, 0, 1 }, { STAGE_LOGIN, WHY_AUTH, 0, 1 },
		{ STAGE_LOGIN, WHY_BUSY, 0, 0 }, { STAGE_LOGIN, WHY_TIMEOUT, 0, 1 }, { STAGE_LOGIN, WHY_ALERT, 0, 0 },
		{ STAGE_RETR, WHY_CLOSED, 0, 1 }, { STAGE_CONNECT, WHY_LOCAL_TEMP, 0, 1 }, { STAGE_CONNECT, WHY_CONFIG, 0, 1 },
		{ STAGE_CONNECT, WHY_SELF, 0, 1 }, { STAGE_CONNECT, WHY_POLICY, 0, 1 }, { STAGE_CONNECT, WHY_STOPPED, 0, 0 },
		{ STAGE_TOKEN, WHY_TOKEN_TEMP, 0, 0 }, { STAGE_TOKEN, WHY_TOKEN_PERM, 0, 1 }, { STAGE_LIST, WHY_RENUMBERED, 0, 1 }
	};
	struct task	*t = &sched_tasks[0];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		dead->state = HOST_OPEN;
		dead->failures = 0;
		dead->good = 0;
		host_place(dead);
		t->rs.failures = 0;
		t->polled = 0;
		sched_add(t, 0);
		sched_run(NULL);
		world_later(1);
		world_end(t, cases[i].stage, cases[i].why);
		if (dead->state != (cases[i].hosts ? HOST_DELAYED : HOST_OPEN) || t->rs.failures != (uint32_t)cases[i].counts)
			fail_msg("%s at %s", fail_why_str(cases[i].why), fetch_stage_str(cases[i].stage));
	}
}

/* While the host is tried again, a failure that is not its own decides nothing: the next record tries. */
static void
test_no_verdict(void **state)
{
	struct task	*t;

	(void)state;
	sched_run(NULL);
	world_end(trying(dead), STAGE_CONNECT, WHY_TIMEOUT);
	world_later(320000);
	sched_run(NULL);
	t = trying(dead);
	world_end(t, STAGE_CONNECT, WHY_LOCAL_TEMP);
	assert_int_equal(dead->state, HOST_TRYING);
	sched_run(NULL);
	assert_ptr_not_equal(trying(dead), t);
	world_end(trying(dead), STAGE_LOGIN, WHY_AUTH);		/* a refusal is an answer */
	assert_int_equal(dead->state, HOST_OPEN);
}

/* A record that times out at a host where others log in is its own problem: it does not stop them, again and again. */
static void
test_odd_record(void **state)
{
	struct task	*odd = &sched_tasks[0], *good = &sched_tasks[1];
	int		 i;

	(void)state;
	dead->state = HOST_OPEN;
	sched_run(NULL);
	world_later(1000);
	world_login(good);
	world_later(1000);
	world_end(odd, STAGE_GREETING, WHY_TIMEOUT);
	assert_int_equal(dead->state, HOST_OPEN);
	assert_int_equal(odd->rs.failures, 1);
	assert_in_range(odd->due - now, 599000, 631000);
	world_later(1);
	while (sched_nruns > 0)
		world_end(TAILQ_FIRST(&sched_runs)->task, STAGE_QUIT, WHY_NONE);
	for (i = 0; i < 3; i++) {		/* fast failures, with a login of another between them */
		world_later(1000);
		sched_add(odd, 0);
		sched_run(NULL);
		world_end(odd, STAGE_CONNECT, WHY_UNREACHABLE);
		assert_int_equal(dead->state, HOST_OPEN);
		world_later(1000);
		sched_add(good, 0);
		sched_run(NULL);
		world_login(good);
		world_end(good, STAGE_QUIT, WHY_NONE);
	}
	/* A host that says that it is full rests at once, with all its records. */
	sched_add(odd, 0);
	sched_run(NULL);
	world_end(odd, STAGE_GREETING, WHY_BUSY);
	assert_int_equal(dead->state, HOST_DELAYED);
}

/*
 * poll-now interrupts a delay, for one try, and the record that was asked for makes it.  If it fails the delay goes on as it was: who
 * polls by hand again and again does not put off the next try of the daemon's own, and when that fails the delay doubles.
 */
static void
test_poll_now(void **state)
{
	struct poll_answer	 a;
	int64_t			 until;
	int			 i;

	(void)state;
	records[77].owner = "carl@example.org";
	sched_run(NULL);
	world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
	sched_run(NULL);
	until = dead->until;
	for (i = 0; i < 5; i++) {
		world_later(1000);
		sched_poll("carl@example.org", &a);
		assert_int_equal(a.matched, 1);
		sched_run(NULL);
		assert_ptr_equal(trying(dead), &sched_tasks[77]);
		world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
		assert_int_equal(dead->state, HOST_DELAYED);
		assert_int_equal(dead->failures, 1);
		assert_true(dead->until == until);
		sched_run(NULL);
		assert_int_equal(dead->sessions, 0);
	}
	world_later(until - now);
	sched_run(NULL);
	world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
	assert_int_equal(dead->failures, 2);
	assert_in_range(dead->until - now, 600000, 630000);
	sched_run(NULL);
	sched_poll("all", &a);
	sched_run(NULL);
	(void)trying(dead);
}

/* -1 does not wait for a host: what is left of its records is left out. */
static void
test_once(void **state)
{
	size_t	 i;

	(void)state;
	options.once = 1;
	sched_run(NULL);
	world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
	sched_run(NULL);
	for (i = 0; i < DEAD; i++) {
		assert_true(sched_tasks[i].polled);
		assert_true(sched_tasks[i].due == INT64_MAX);
	}
	assert_int_equal(began(dead, 0), 1);
}

/* The status says that a record waits for its host, and until when; its own past is untouched. */
static void
test_status(void **state)
{
	int64_t	 next;

	(void)state;
	sched_run(NULL);
	assert_string_equal(sched_state(&sched_tasks[0], &next), "dialing");
	assert_string_equal(sched_state(&sched_tasks[1], &next), "queued");
	world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
	sched_run(NULL);
	assert_string_equal(sched_state(&sched_tasks[1], &next), "host-delay");
	assert_in_range(next, wall + 300, wall + 316);
	assert_string_equal(sched_state(&sched_tasks[0], &next), "host-delay");
	assert_int_equal(sched_tasks[1].rs.failures, 0);
	sched_add(&sched_tasks[2], now + 10000);
	assert_string_equal(sched_state(&sched_tasks[2], &next), "idle");
	assert_in_range(next, wall + 300, wall + 316);
}

/* Hosts that no record names are forgotten, with their delays; those of the others stay. */
static void
test_sweep(void **state)
{
	struct host	*h;

	(void)state;
	sched_run(NULL);
	world_end(trying(dead), STAGE_CONNECT, WHY_REFUSED);
	h = host_get("dead.example.net", 110);
	assert_ptr_not_equal(h, dead);
	host_sweep();
	assert_ptr_equal(host_get("dead.example.net", 995), dead);
	assert_int_equal(dead->state, HOST_DELAYED);
	assert_true(dead->sleeps);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_first, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_dead, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_back, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_running, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_whose, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_no_verdict, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_odd_record, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_poll_now, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_once, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, world_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
