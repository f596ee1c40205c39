/* SPDX-License-Identifier: ISC */
/* links: regress/unit/plan/planrig.c rpopd/poll/plan rpopd/state */
/* Spot checks: after which sessions they stand in for a listing, and what they notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planrig.h"

#define COUNT	1200

static char		 uids[COUNT + 2][8];
static struct record	 rec = { .leave = 1 };
static struct task	 task;

/* A session that listed COUNT messages, all of them delivered before, and went well. */
static void
good(struct session *s)
{
	uint32_t	 i;

	spot_forget(&task);
	task.rec = &rec;
	begin(s, COUNT, 1);
	s->run.task = &task;
	for (i = 1; i <= COUNT; i++) {
		snprintf(uids[i], sizeof(uids[i]), "u%05u", i);
		list(s, i, uids[i]);
		row(uids[i], SEEN_KEPT, 0, 0, 0);
	}
	s->stat_octets = 777;
	assert_int_equal(plan_make(s, LISTING_COMPLETE, 1), PLAN_READY);
	s->done = 1;
}

static void
test_remembered(void **state)
{
	struct session	 s;
	uint32_t	 probe[PROTO_PROBES], n, i;

	(void)state;
	good(&s);
	assert_int_equal(spot_start(&task, probe), 0);
	spot_remember(&s);
	n = spot_start(&task, probe);
	assert_int_equal(n, PROTO_PROBES);
	assert_int_equal(probe[0], 1);
	assert_int_equal(probe[n - 2], COUNT - 1);
	assert_int_equal(probe[n - 1], COUNT);
	for (i = 1; i < n; i++)
		assert_true(probe[i] > probe[i - 1]);
	for (i = 1; i < 20; i++)
		assert_int_equal(spot_start(&task, probe), PROTO_PROBES);
	assert_int_equal(spot_start(&task, probe), 0);		/* SPOT_POLLS are over */
	plan_free(&s.plan);
}

/* Behind each of these sessions the next listing is whole. */
static void
test_not_remembered(void **state)
{
	struct session	 s;
	uint32_t	 probe[PROTO_PROBES];
	int		 i;

	(void)state;
	for (i = 0; i < 12; i++) {
		good(&s);
		switch (i) {
		case 0: s.why = WHY_CLOSED; break;
		case 1: s.done = 0; break;
		case 2: s.excused = 1; break;
		case 3: s.leave = 0; break;
		case 4: s.plan.complete = 0; break;
		case 5: s.plan.cut = 1; break;
		case 6: s.plan.postponed = 1; break;
		case 7: s.set_aside = 1; break;
		case 8: s.deleted = 1; break;
		case 9: s.plan.msgs[5].state = MESSAGE_SKIPPED; break;	/* RETR refused: it is tried again */
		case 10: s.plan.msgs[5].uid_len = 0; break;
		case 11: s.plan.count = 999; break;
		}
		spot_remember(&s);
		assert_int_equal(spot_start(&task, probe), 0);
		plan_free(&s.plan);
	}
}

/* leave_days ends the spot checks in time for its first deletion. */
static void
test_expiry(void **state)
{
	struct session	 s;
	uint32_t	 probe[PROTO_PROBES];

	(void)state;
	good(&s);
	s.quota.leave_days = 2;
	s.plan.oldest = time(NULL) - 86400;
	spot_remember(&s);
	assert_int_equal(spot_start(&task, probe), PROTO_PROBES);
	s.plan.oldest = time(NULL) - 2 * 86400;
	spot_remember(&s);
	assert_int_equal(spot_start(&task, probe), 0);
	plan_free(&s.plan);
}

static void
test_noticed(void **state)
{
	struct session	 s, next;
	uint32_t	 probe[PROTO_PROBES], n, i;
	int		 what;

	(void)state;
	for (what = 0; what < 5; what++) {
		good(&s);
		spot_remember(&s);
		n = spot_start(&task, probe);
		begin(&next, COUNT, 1);
		next.run.task = &task;
		next.stat_octets = 777;
		for (i = 0; i < n; i++)
			if (!(what == 1 && i == 3))		/* one is not answered */
				list(&next, probe[i], what == 2 && i == 4 ? "other" : uids[probe[i]]);
		next.stat_octets += what == 3;
		next.plan.count -= what == 4;
		assert_int_equal(spot_same(&next), what == 0);
		/* A good session by probes changes nothing, a failed one ends it. */
		next.probed = next.done = 1;
		spot_remember(&next);
		assert_int_equal(spot_start(&task, probe), n);
		next.why = WHY_TIMEOUT;
		spot_remember(&next);
		assert_int_equal(spot_start(&task, probe), 0);
		plan_free(&s.plan);
		plan_free(&next.plan);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_remembered),
		cmocka_unit_test(test_not_remembered),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_noticed),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
