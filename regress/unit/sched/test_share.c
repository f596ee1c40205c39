/* SPDX-License-Identifier: ISC */
/* links: regress/unit/sched/schedworld.c rpopd/config rpopd/poll rpopd/poll/plan rpopd/sched rpopd/turn */
/* libs: -levent_core */
/* Fair shares: whose turn it is when more records are due than sessions may run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedworld.h"

#define MANY	150		/* records 0..149 are of one owner, the others of one owner each */

/* The hosts are known already, so that none waits for a first login. */
static void
hosts(size_t first, size_t n, size_t each)
{
	char	 name[32];
	size_t	 i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "h%zu.example.net", (first + i) / each);
		world_host(first + i, 1, name);
		sched_tasks[first + i].host->state = HOST_OPEN;
	}
}

static int
setup(void **state)
{
	size_t	 i;

	world_setup(state);
	for (i = 0; i < NTASKS; i++)
		records[i].account = i < MANY ? 7 : (uint32_t)i;
	hosts(0, NTASKS, 1);
	config.settings.processors = 10;
	return (0);
}

static size_t
running(uint32_t account)
{
	struct session	*s;
	size_t		 n = 0;

	SESSION_FOREACH(s)
		n += s->run.task->rec->account == account;
	return (n);
}

/* An owner with very many records that are due first has all processors while nobody else wants any, and the last turn afterwards. */
static void
test_owners(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < MANY; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	sched_run(NULL);
	assert_int_equal(running(7), 10);
	for (i = MANY; i < NTASKS; i++)
		sched_add(&sched_tasks[i], now - NTASKS + (int64_t)i);
	sched_run(NULL);
	for (i = 0; i < 9; i++) {		/* each processor that becomes free is for one of the others */
		world_end(started[i], STAGE_QUIT, WHY_NONE);
		sched_run(NULL);
		assert_int_equal(sched_nruns, 10);
		assert_ptr_equal(started[nstarted - 1], &sched_tasks[MANY + i]);
	}
	for (; i < 50; i++) {			/* he is one owner among many, who has been waiting for longer */
		world_end(started[i], STAGE_QUIT, WHY_NONE);
		sched_run(NULL);
		assert_int_equal(running(7), 1);
	}
	assert_ptr_equal(started[19], &sched_tasks[10]);
}

/* Two owners who both want more than there is have half each, whoever came first. */
static void
test_halves(void **state)
{
	size_t	 i;

	(void)state;
	for (i = MANY; i < NTASKS; i++)
		records[i].account = 8;
	for (i = 0; i < NTASKS; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	sched_run(NULL);
	assert_int_equal(running(7), 5);
	assert_int_equal(running(8), 5);
	for (i = 0; i < 60; i++) {
		world_end(started[i], STAGE_QUIT, WHY_NONE);
		sched_run(NULL);
		assert_in_range(running(7), 4, 6);
		assert_int_equal(sched_nruns, 10);
	}
}

/* At a host with one session at a time, too: that of the owner who has none elsewhere comes first, whatever he gets meanwhile. */
static void
test_rivals(void **state)
{
	size_t	 i;

	(void)state;
	config.settings.host_sessions = 1;
	config.settings.processors = 1000;
	hosts(0, 100, 50);			/* the first owner's: 50 at each of two */
	hosts(MANY, 50, 50);			/* the others are at a third one, and then at the first two */
	world_host(MANY, 50, "h0.example.net");
	for (i = 0; i < 50; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	for (i = 100; i < MANY; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	sched_run(NULL);
	assert_int_equal(running(7), 51);	/* one at h0, 50 at hosts of their own */
	for (i = MANY; i < NTASKS; i++)
		sched_add(&sched_tasks[i], now - NTASKS + (int64_t)i);
	sched_run(NULL);
	assert_int_equal(nstarted, 51);
	world_end(&sched_tasks[0], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_ptr_equal(started[51], &sched_tasks[MANY]);
	/* The first owner has nothing elsewhere any more, and his record at h0 has been due for longer. */
	for (i = 100; i < MANY; i++)
		world_end(&sched_tasks[i], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	world_end(&sched_tasks[MANY], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_ptr_equal(started[52], &sched_tasks[1]);
}

/* Of one owner's records those go first whose host has fewer sessions, then those due for longer. */
static void
test_hosts(void **state)
{
	size_t	 i;

	(void)state;
	hosts(0, 100, 50);
	config.settings.processors = 4;
	for (i = 0; i < 100; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	sched_run(NULL);
	assert_ptr_equal(started[0], &sched_tasks[0]);
	assert_ptr_equal(started[1], &sched_tasks[50]);
	assert_ptr_equal(started[2], &sched_tasks[1]);
	assert_ptr_equal(started[3], &sched_tasks[51]);
}

/* What was asked for by hand goes first among its owner's, and not before everybody else's for that. */
static void
test_by_hand(void **state)
{
	struct poll_answer	 a;
	size_t			 i;

	(void)state;
	config.settings.processors = 2;
	for (i = 0; i < NTASKS; i++)
		records[i].owner = i < MANY ? "anna@example.org" : "bert@example.org";
	for (i = 0; i < MANY; i++)
		records[i].name = i == 77 ? "wanted" : "other";
	for (i = 0; i < MANY; i++)
		sched_add(&sched_tasks[i], now - 100000 + (int64_t)i);
	sched_run(NULL);
	sched_poll("anna@example.org/wanted", &a);
	sched_add(&sched_tasks[MANY], now);
	sched_run(NULL);
	world_end(started[0], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_ptr_equal(started[2], &sched_tasks[MANY]);
	world_end(started[1], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_ptr_equal(started[3], &sched_tasks[77]);
}

/* At random, against the rule by counting. */
static void
test_model(void **state)
{
	struct task	*t, *best;
	uint32_t	 seed = 1;
	size_t		 i, round, n;

	(void)state;
	config.settings.host_sessions = 3;
	for (i = 0; i < NTASKS; i++)
		records[i].account = (uint32_t)(i * 7919 % 23);
	hosts(0, NTASKS, 17);
	config.settings.processors = 0;
	for (round = 0; round < 3000; round++) {
		seed = seed * 1103515245 + 12345;
		t = &sched_tasks[(seed >> 16) % NTASKS];
		if (t->run != NULL) {
			world_end(t, STAGE_QUIT, WHY_NONE);
			sched_remove(t);
		} else if (seed >> 30 == 0)
			sched_remove(t);
		else
			sched_add(t, now - 100000 + (seed >> 8) % 9973);
		sched_run(NULL);			/* nothing may begin: what is due is in its queue */
		for (best = NULL, i = 0; i < NTASKS; i++) {
			t = &sched_tasks[i];
			if (t->share == NULL || host_full(t->host))
				continue;
			if (best == NULL || running(t->rec->account) < running(best->rec->account) ||
			    (running(t->rec->account) == running(best->rec->account) && (t->host->sessions < best->host->sessions ||
			    (t->host->sessions == best->host->sessions && t->due < best->due))))
				best = t;
		}
		t = share_next();
		assert_int_equal(t == NULL, best == NULL);
		if (best == NULL)
			continue;
		assert_int_equal(running(t->rec->account), running(best->rec->account));
		assert_int_equal(t->host->sessions, best->host->sessions);
		assert_true(t->due == best->due);
		if (round % 3 != 0)
			continue;
		n = nstarted;
		config.settings.processors = sched_nruns + 1;
		sched_run(NULL);
		config.settings.processors = 0;
		assert_int_equal(nstarted, n + 1);
		assert_ptr_equal(started[n], t);
	}
}

/* How many sessions of the records from first on, and how many of these are being ended. */
static size_t
sessions(size_t first, size_t n, size_t *ended)
{
	size_t	 i, count = 0;

	for (*ended = 0, i = first; i < first + n; i++) {
		count += sched_tasks[i].run != NULL;
		*ended += sched_tasks[i].run != NULL && session_of(sched_tasks[i].run)->state == SESSION_CLOSING;
	}
	return (count);
}

/* 10 s without progress while others wait: what is over half of the processors ends, those first that got nowhere for the longest. */
static void
test_stall(void **state)
{
	size_t	 i, ended;

	(void)state;
	for (i = 0; i < 10; i++) {
		sched_add(&sched_tasks[i], now);
		sched_run(NULL);
		world_later(100);
	}
	world_later(100000);
	sched_run(NULL);
	sessions(0, 10, &ended);
	assert_int_equal(ended, 0);		/* nobody waits: nobody is in the way */
	for (i = 0; i < 8; i++)
		session_of(sched_tasks[i].run)->run.progress = now + (int64_t)i;
	world_later(1000);
	for (i = MANY; i < MANY + 10; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	sessions(0, 10, &ended);
	assert_int_equal(ended, 0);		/* two stall */
	assert_true(share_alarm() == now + 9000);
	world_later(8999);
	sched_run(NULL);
	sessions(0, 10, &ended);
	assert_int_equal(ended, 0);
	world_later(100);
	sched_run(NULL);
	assert_int_equal(sessions(0, 10, &ended), 10);
	assert_int_equal(ended, 5);		/* and now all of them */
	for (i = 0; i < 10; i++)
		if ((session_of(sched_tasks[i].run)->state == SESSION_CLOSING) != (i < 3 || i >= 8))
			fail_msg("record %zu", i);
	assert_int_equal(session_of(sched_tasks[8].run)->why, WHY_CROWDED);
	assert_string_equal(session_of(sched_tasks[8].run)->error,
	    "ended: 110 s without progress while others waited for a processor; see settings.processors");
	for (i = 0; i < 10; i++)
		if (session_of(sched_tasks[i].run)->state == SESSION_CLOSING)
			world_end(&sched_tasks[i], STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_int_equal(sessions(MANY, 10, &ended), 5);
	assert_int_equal(sched_tasks[8].rs.failures, 0);
	assert_int_equal(sched_tasks[8].host->state, HOST_OPEN);
	assert_in_range(sched_tasks[8].due - now, 599000, 631000);
	assert_int_equal(sched_tasks[8].slow, 1);
}

/* A session that has brought everything, or has only DELE to send, is not ended for the sake of others; but it counts. */
static void
test_stall_leaving(void **state)
{
	struct session	*s;
	size_t		 i, ended;

	(void)state;
	for (i = 0; i < 10; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	for (i = 0; i < 9; i++) {
		s = session_of(sched_tasks[i].run);
		s->state = SESSION_FETCHING;
		if (i < 3) {
			s->plan.retrieve = 3;
			s->plan.refusals = 1;
			s->committed = 2;
		} else if (i < 6)
			s->plan.delete = 1;
		else if (i == 6) {
			s->plan.retrieve = 2;	/* one is missing */
			s->committed = 1;
		} else if (i == 7) {
			s->plan.retrieve = 1;	/* likewise */
			s->plan.delete = 1;
		}				/* 8: nothing was there */
	}
	sched_add(&sched_tasks[MANY], now);
	world_later(100000);
	sched_run(NULL);
	sessions(0, 6, &ended);
	assert_int_equal(ended, 0);
	sessions(6, 4, &ended);
	assert_int_equal(ended, 4);
}

/* With no processors at all nobody may begin, whoever ends: sessions that stall are left to their own clocks. */
static void
test_stall_in_vain(void **state)
{
	size_t	 i, ended;

	(void)state;
	for (i = 0; i < 10; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	config.settings.processors = 0;
	sched_add(&sched_tasks[MANY], now);
	world_later(100000);
	sched_run(NULL);
	assert_int_equal(sessions(0, 10, &ended), 10);
	assert_int_equal(ended, 0);
	assert_true(share_alarm() == INT64_MAX);
	config.settings.processors = 10;
	sched_run(NULL);
	sessions(0, 10, &ended);
	assert_int_equal(ended, 5);
}

/* Records that stalled have half of the processors, are not ended there, and leave it when a session of theirs succeeds. */
static void
test_slow_lane(void **state)
{
	size_t	 i, ended;
	int64_t	 next;

	(void)state;
	for (i = 0; i < 20; i++) {
		sched_tasks[i].slow = 1;
		sched_add(&sched_tasks[i], now - 1000 + (int64_t)i);
	}
	sched_run(NULL);
	assert_int_equal(sessions(0, 20, &ended), 5);		/* nobody else is there, and their place is kept */
	assert_string_equal(sched_state(&sched_tasks[19], &next), "queued-slow");
	for (i = MANY; i < MANY + 10; i++)
		sched_add(&sched_tasks[i], now);
	sched_run(NULL);
	assert_int_equal(sessions(MANY, 10, &ended), 5);
	world_later(170000);
	sched_run(NULL);
	assert_int_equal(sessions(0, 20, &ended), 5);
	assert_int_equal(ended, 0);
	sessions(MANY, 10, &ended);
	assert_int_equal(ended, 5);				/* the half is theirs: who stalls in the quick lane gets nothing of it */
	world_end(&sched_tasks[0], STAGE_LOGIN, WHY_TIMEOUT);
	world_end(&sched_tasks[1], STAGE_QUIT, WHY_NONE);
	world_end(&sched_tasks[2], STAGE_LOGIN, WHY_AUTH);
	assert_int_equal(sched_tasks[0].slow, 1);
	assert_int_equal(sched_tasks[1].slow, 0);
	assert_int_equal(sched_tasks[2].slow, 1);
	sched_run(NULL);
	assert_int_equal(sessions(0, 20, &ended), 2);		/* an owner with two waits for those with none, until he has none */
	world_end(&sched_tasks[3], STAGE_LOGIN, WHY_TIMEOUT);
	world_end(&sched_tasks[4], STAGE_LOGIN, WHY_TIMEOUT);
	sched_run(NULL);
	assert_ptr_equal(started[nstarted - 2], &sched_tasks[5]);
	/* A single processor is for both lanes. */
	config.settings.processors = 1;
	while (sched_nruns > 0)
		world_end(TAILQ_FIRST(&sched_runs)->task, STAGE_QUIT, WHY_NONE);
	sched_run(NULL);
	assert_int_equal(sched_nruns, 1);
}

/*
 * 60 records whose servers stall behind the password, one whose server takes a minute to open the mailbox, and 100 that work, with ten
 * processors: once all have been tried, those that work wait for no longer than a session may stall, and the slow one gets its mail.
 */
static void
test_story(void **state)
{
	struct session	*s, *next;
	size_t		 i, second, served = 0, cut = 0, worked = 0;
	int64_t		 age, first = 0, longest = 0;

	(void)state;
	for (i = 0; i < NTASKS; i++) {
		records[i].account = (uint32_t)i;
		records[i].period = 300;
		if (i <= 60 || i >= 100)
			sched_add(&sched_tasks[i], now);
	}
	for (second = 0; second < 3600; second++) {
		sched_run(NULL);
		world_later(1000);
		SESSION_FOREACH_SAFE(s, next) {
			i = (size_t)(s->run.task - sched_tasks);
			age = now - s->run.begun;
			if (s->state == SESSION_CLOSING) {
				cut += i == 60;
				world_end(s->run.task, STAGE_LOGIN, WHY_NONE);
			} else if (i < 60 && age >= 180000)
				world_end(s->run.task, STAGE_LOGIN, WHY_TIMEOUT);
			else if (i >= 100 || (i == 60 && age >= 60000)) {
				served += i == 60;
				worked += i >= 100;
				world_end(s->run.task, STAGE_QUIT, WHY_NONE);
			}
		}
		if (second == 300) {
			first = longest;
			longest = 0;
		}
		for (i = 100; i < NTASKS; i++)
			if (sched_tasks[i].share != NULL && now - sched_tasks[i].due > longest)
				longest = now - sched_tasks[i].due;
	}
	assert_in_range(first, 0, 13 * 12000);		/* five of the 61 end every ten seconds, and are known then */
	assert_in_range(longest, 0, 12000);
	assert_true(worked > 1000);
	assert_true(served > 0);
	assert_true(cut <= served + 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_owners, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_halves, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_rivals, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_hosts, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_by_hand, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_model, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_stall, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_stall_leaving, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_stall_in_vain, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_slow_lane, setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_story, setup, world_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
