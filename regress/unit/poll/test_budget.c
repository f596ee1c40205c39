/* SPDX-License-Identifier: ISC */
/* links: rpopd/poll */
/* The budget of listed messages: whom it lets go on, who ends, and that everybody has a turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched_int.h"

#define NSESSIONS	40
#define HALF		(BUDGET_MESSAGES / 2)
#define MINUTE		60000

struct runs		 sched_runs = TAILQ_HEAD_INITIALIZER(sched_runs);
uint32_t		 sched_nruns;
struct config		*config_running;
struct routing		*config_routing;
int64_t			 config_loaded;
uint64_t		 config_loaded_version;
char			 config_load_error[PROTO_TEXT_SIZE];
static struct session	 s[NSESSIONS];
static struct host	 hosts[NSESSIONS];
static int64_t		 now = 1000;

int64_t
clock_msec(void)
{
	return (now);
}

/* Sessions of owners and with hosts of their own; none of them is running. */
static int
setup(void **state)
{
	size_t	 i;

	(void)state;
	TAILQ_INIT(&sched_runs);
	memset(s, 0, sizeof(s));
	for (i = 0; i < NSESSIONS; i++) {
		s[i].mailbox = s[i].quota.account = (uint32_t)i + 1;
		s[i].run.host = &hosts[i];
	}
	now += 100 * MINUTE;
	return (0);
}

static void
begin(size_t i, uint32_t stat)
{
	s[i].plan.count = stat;
	s[i].budget = 0;
	TAILQ_INSERT_TAIL(&sched_runs, &s[i].run, entry);
}

static void
end(size_t i)
{
	TAILQ_REMOVE(&sched_runs, &s[i].run, entry);
}

/* As the frames of a listing come in.  1: all of it. */
static int
list(size_t i, uint32_t messages)
{
	uint32_t	 n;

	for (n = 0; n < messages; n += 1000)
		if (!budget_take(&s[i], n))
			return (0);
	if (!budget_take(&s[i], messages))
		return (0);
	budget_listed(&s[i]);
	return (1);
}

static uint64_t
sum(void)
{
	const struct session	*o;
	uint64_t		 n = 0;

	SESSION_FOREACH(o)
		n += o->budget;
	return (n);
}

static void
test_sum(void **state)
{
	size_t	 i, in = 0;

	(void)state;
	for (i = 0; i < NSESSIONS; i++) {
		begin(i, 300000);
		if (list(i, 300000))
			in++;
		else
			end(i);
	}
	assert_int_equal(in, BUDGET_MESSAGES / 300000);
	assert_true(sum() <= BUDGET_MESSAGES);
	/* few messages never wait */
	begin(30, 1000000);
	assert_int_equal(list(30, BUDGET_SMALL), 1);
	assert_int_equal(budget_take(&s[30], HALF), 0);
}

/* What STAT says takes nothing; what is listed does. */
static void
test_claims(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < NSESSIONS - 1; i++) {
		begin(i, PROTO_MSGS_MAX);
		assert_int_equal(list(i, 1000), 1);
	}
	begin(i, PROTO_MSGS_MAX);
	assert_int_equal(list(i, PROTO_MSGS_MAX), 1);
}

/* Several sessions of one owner, or with one host, have half of it; one has what it needs. */
static void
test_halves(void **state)
{
	(void)state;
	s[1].quota.account = s[0].quota.account;
	s[2].run.host = s[0].run.host;
	begin(0, HALF - 100000);
	assert_int_equal(list(0, HALF - 100000), 1);
	begin(1, 200000);
	assert_int_equal(list(1, 200000), 0);
	end(1);
	begin(2, 200000);
	assert_int_equal(list(2, 200000), 0);
	end(2);
	end(0);
	now += 11 * MINUTE;
	begin(3, HALF);
	assert_int_equal(list(3, HALF), 1);
	begin(4, HALF);
	assert_int_equal(list(4, HALF), 1);
	begin(5, 10000);
	assert_int_equal(list(5, 10000), 0);
}

/* The largest mailbox gets its turn, although smaller ones come without end. */
static void
test_turn(void **state)
{
	size_t	 i, next = 20;
	int	 rounds, in = 0;

	(void)state;
	for (i = 1; i < 20; i++) {
		begin(i, 100000);
		assert_int_equal(list(i, 100000), 1);
	}
	for (rounds = 0; rounds < 30 && !in; rounds++, now += MINUTE / 4) {
		begin(0, PROTO_MSGS_MAX);
		if (!(in = list(0, PROTO_MSGS_MAX)))
			end(0);
		if (!in && rounds < 19) {
			end(1 + (size_t)rounds);		/* one of the smaller ones ends, another one wants its place */
			if (next < NSESSIONS) {
				begin(next, 100000);
				if (!list(next, 100000))
					end(next);
				next++;
			}
		}
	}
	assert_int_equal(in, 1);
	assert_true(rounds <= 12);
	assert_true(sum() <= BUDGET_MESSAGES);
}

/* Whoever does not come back keeps the others out for ten minutes, and from half of it at most. */
static void
test_lost(void **state)
{
	(void)state;
	begin(1, HALF);
	assert_int_equal(list(1, HALF), 1);
	begin(2, HALF);
	assert_int_equal(list(2, HALF), 1);
	begin(0, PROTO_MSGS_MAX);
	assert_int_equal(list(0, 10000), 0);
	end(0);
	end(1);
	end(2);
	begin(3, HALF);
	assert_int_equal(list(3, HALF), 1);
	begin(4, 10000);
	assert_int_equal(list(4, 10000), 0);
	end(4);
	now += 10 * MINUTE;
	begin(4, 10000);
	assert_int_equal(list(4, 10000), 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_sum, setup),
		cmocka_unit_test_setup(test_claims, setup),
		cmocka_unit_test_setup(test_halves, setup),
		cmocka_unit_test_setup(test_turn, setup),
		cmocka_unit_test_setup(test_lost, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
