/* SPDX-License-Identifier: ISC */
/* links: regress/unit/plan/planrig.c rpopd/poll/plan rpopd/state */
/*
 * What a record's limits make of a plan, the first poll, and messages at which sessions fail: the tables in quota.c, first.c and
 * suspect.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planrig.h"

#define DAY	86400

static void
many(struct session *s, uint32_t count, uint32_t size)
{
	static char	 uids[64][8];
	uint32_t	 i;

	begin(s, count, 1);
	s->has_top = 1;
	row_listed = size;
	for (i = 1; i <= count; i++) {
		snprintf(uids[i], sizeof(uids[i]), "u%02u", i);
		list(s, i, uids[i]);
		s->plan.msgs[i].size = size;
	}
}

static uint32_t
planned(const struct session *s, int action)
{
	uint32_t	 i, n = 0;

	for (i = 1; i <= s->plan.count; i++)
		n += s->plan.msgs[i].action == action;
	return (n);
}

static void
test_skip(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 4, 100);
	s.quota.max_size = 1000;
	s.plan.msgs[2].size = 1001;
	s.plan.msgs[3].size = 1000;
	s.plan.msgs[4].size = 0;			/* the server did not say */
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 3);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_non_null(changed("u02", CHANGE_OVERSIZE));
	assert_int_equal(changed("u02", CHANGE_OVERSIZE)->size, 1001);
	assert_int_equal(changed("u02", CHANGE_OVERSIZE)->oversize, OVERSIZE_SKIPPED);
	assert_int_equal(notices, 1);
	assert_non_null(strstr(notice, "1001"));
	plan_free(&s.plan);

	many(&s, 4, 100);				/* the next time it is no news */
	s.quota.max_size = 1000;
	s.plan.msgs[2].size = 1001;
	row("u02", SEEN_NEVER, 0, 0, 0)->oversize = OVERSIZE_SKIPPED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_int_equal(nchanges, 0);
	assert_int_equal(notices, 0);
	plan_free(&s.plan);

	many(&s, 4, 100);				/* the limit was raised */
	s.quota.max_size = 2000;
	s.plan.msgs[2].size = 1001;
	row("u02", SEEN_NEVER, 0, 0, 0)->oversize = OVERSIZE_SKIPPED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 4);
	plan_free(&s.plan);

	many(&s, 4, 100);				/* it is gone, and forgotten like any other */
	row("other", SEEN_NEVER, 0, 0, 0)->oversize = OVERSIZE_SKIPPED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_non_null(changed("other", CHANGE_GONE));
	plan_free(&s.plan);
}

static void
test_skip_locked(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 2, 5000);
	s.quota.max_size = 1000;
	change_result = DB_BUSY;					/* not recorded: reported the next time */
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, 0), 2);
	assert_int_equal(notices, 0);
	plan_free(&s.plan);
}

static void
test_headers(void **state)
{
	static const struct {
		enum oversize	 was;
		int		 action;
	} t[] = { { OVERSIZE_NONE, ACTION_HEADERS }, { OVERSIZE_SKIPPED, ACTION_HEADERS }, { OVERSIZE_HEADER, 0 },
	    { OVERSIZE_REFUSED, 0 } };
	struct session	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		many(&s, 3, 100);
		s.quota.max_size = 1000;
		s.quota.headers_only = 1;
		s.plan.msgs[2].size = 5000;
		if (t[i].was != OVERSIZE_NONE)
			row("u02", SEEN_NEVER, 0, 0, 0)->oversize = t[i].was;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[2].action, t[i].action);
		assert_int_equal(nchanges, 0);
		assert_int_equal(notices, 0);
		plan_free(&s.plan);
	}
}

/* A header that the server refuses is recorded at the end of the session, reported then, and not asked for again. */
static void
test_headers_refused(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 1, 5000);
	s.quota.max_size = 1000;
	s.quota.headers_only = 1;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	s.plan.msgs[1].state = MESSAGE_SKIPPED;
	s.sync = SYNC_KEPT;
	assert_int_equal(plan_confirm(&s, 1), 0);
	assert_non_null(changed("u01", CHANGE_OVERSIZE));
	assert_int_equal(changed("u01", CHANGE_OVERSIZE)->oversize, OVERSIZE_REFUSED);
	assert_int_equal(notices, 1);
	plan_free(&s.plan);
}

/* A message over max_size without a unique-id cannot be remembered: it is skipped, also where headers are wanted. */
static void
test_big_without_uid(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 1, 0);
	s.plan.msgs[1].size = 5000;
	s.quota.max_size = 1000;
	s.quota.headers_only = 1;
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 0), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, 0);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

static void
test_session_messages(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 10, 100);
	s.leave = 0;
	s.quota.session_messages = 3;
	row("u01", SEEN_DELETING, 0, 0, 0);
	row("u09", SEEN_DELETING, 0, 0, 0);
	row("u02", SEEN_NEVER, 0, 0, 1);		/* a session failed at it: it comes last */
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	assert_int_equal(prove(&s, 0), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_DELE), 2);	/* not limited */
	assert_int_equal(planned(&s, ACTION_RETR), 3);
	assert_int_equal(s.plan.msgs[3].action, ACTION_RETR);
	assert_int_equal(s.plan.msgs[5].action, ACTION_RETR);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_int_equal(s.plan.cut, 5);
	plan_free(&s.plan);
}

static void
test_session_octets(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 5, 100);
	s.quota.session_octets = 250;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 2);
	assert_int_equal(s.plan.cut, 3);
	plan_free(&s.plan);

	many(&s, 5, 100);				/* one message may pass it, or it would never be retrieved */
	s.quota.session_octets = 50;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 1);
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
	plan_free(&s.plan);
}

/* The message of a row that is known by digest only may be among those left for later: the row is not gone. */
static void
test_cut_keeps_digests(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN] = { 0x77 }, key[STATE_KEY_MAX + 1] = { 0 };

	(void)state;
	digest_key(key, digest, 1);
	many(&s, 2, 100);
	s.quota.session_messages = 1;
	row((char *)key, SEEN_KEPT, 0, 0, 0);
	row("zz", SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(nchanges, 1);
	assert_non_null(changed("zz", CHANGE_GONE));
	plan_free(&s.plan);

	many(&s, 2, 100);				/* all are known: now it is */
	row("u01", SEEN_KEPT, 0, 0, 0);
	row("u02", SEEN_KEPT, 0, 0, 0);
	row((char *)key, SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_non_null(changed((char *)key, CHANGE_GONE));
	plan_free(&s.plan);
}

static void
test_leave_days(void **state)
{
	struct session	 s;
	int64_t		 now = time(NULL);

	(void)state;
	many(&s, 8, 100);
	s.quota.leave_days = 30;
	row("u01", SEEN_KEPT, 0, 0, 0)->since = now - 31 * DAY;
	row("u02", SEEN_KEPT, 0, 0, 0)->since = now - 29 * DAY;
	row("u03", SEEN_DELETING, 0, 0, 0)->since = now - 31 * DAY;	/* the last session did not confirm it */
	row("u04", SEEN_DENIED, 0, 0, 0)->since = now - 31 * DAY;
	row("u05", SEEN_MARKED, 0, 0, 0)->since = now - 31 * DAY;	/* nobody has it */
	row("u06", SEEN_KEPT, 0, 0, 0)->since = now + 1000 * DAY;	/* the clock was wrong then */
	row("u07", SEEN_NEVER, 0, 0, 0)->oversize = OVERSIZE_SKIPPED;
	s.plan.msgs[7].size = 5000;
	s.quota.max_size = 1000;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	assert_int_equal(nchanges, 0);
	assert_int_equal(prove(&s, 0), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, ACTION_DELE);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_int_equal(s.plan.msgs[3].action, ACTION_DELE);
	assert_int_equal(s.plan.msgs[4].action, ACTION_DELE);
	assert_int_equal(s.plan.msgs[5].action, 0);
	assert_int_equal(s.plan.msgs[6].action, 0);
	assert_int_equal(s.plan.msgs[7].action, 0);
	assert_int_equal(s.plan.msgs[8].action, ACTION_RETR);
	assert_int_equal(nchanges, 2);
	assert_int_equal(changed("u01", CHANGE_STATE)->state, SEEN_DELETING);
	assert_non_null(changed("u06", CHANGE_SINCE));
	plan_free(&s.plan);

	many(&s, 1, 100);				/* no DELE before the row says so */
	s.quota.leave_days = 30;
	row("u01", SEEN_KEPT, 0, 0, 0)->since = now - 31 * DAY;
	change_result = DB_BUSY;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	assert_int_equal(prove(&s, 0), PLAN_FAILED);
	plan_free(&s.plan);
}

static void
test_mark(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 3, 100);
	s.plan.lines = 3;
	listed = 0;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(nchanges, 4);
	assert_non_null(changed("u02", CHANGE_MARK));
	assert_non_null(changed("", CHANGE_LISTED));
	plan_free(&s.plan);

	many(&s, 3, 100);				/* a bad unique-id: that message is retrieved, the others are marked */
	s.plan.msgs[2].uid_len = 0;
	s.plan.lines = 3;
	listed = 0;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), PLAN_READY);
	assert_int_equal(nchanges, 3);
	assert_null(changed("u02", CHANGE_MARK));
	assert_int_equal(s.plan.msgs[2].action, ACTION_RETR);
	plan_free(&s.plan);

	many(&s, 3, 100);				/* the record was polled before, as another mailbox */
	s.plan.lines = 3;
	listed = 0;
	past = PAST_POLLED;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_null(changed("u02", CHANGE_MARK));
	assert_non_null(changed("", CHANGE_LISTED));
	assert_int_equal(planned(&s, ACTION_RETR), 3);
	plan_free(&s.plan);

	many(&s, 3, 100);				/* and this is that one */
	s.plan.lines = 3;
	listed = 0;
	former_rv = FOUND_ONE;
	s.quota.mark_first = 1;
	row("u01", SEEN_MARKED, 0, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(nchanges, 0);
	assert_int_equal(planned(&s, ACTION_RETR), 2);
	plan_free(&s.plan);

	many(&s, 3, 100);				/* a session is still ending there */
	s.plan.lines = 3;
	listed = 0;
	former_rv = FOUND_BUSY;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_PAUSED);
	assert_int_equal(s.why, WHY_LOCAL_TEMP);
	plan_free(&s.plan);

	many(&s, 0, 0);					/* nothing is listed, and a mailbox waits for its proof */
	listed = 0;
	past = PAST_KIN;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_null(changed("", CHANGE_LISTED));
	assert_non_null(changed("", CHANGE_EMPTY));
	plan_free(&s.plan);

	many(&s, 3, 100);				/* later polls are like any other */
	s.quota.mark_first = 1;
	row("u01", SEEN_MARKED, 0, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(nchanges, 0);
	assert_int_equal(planned(&s, ACTION_RETR), 2);
	plan_free(&s.plan);

	many(&s, 3, 100);
	s.plan.lines = 3;
	listed = 0;
	s.quota.mark_first = 1;
	change_result = DB_FAILED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_FAILED);
	plan_free(&s.plan);
}

/*
 * A first listing with a gap may have been cut: nothing is marked, and messages that it does not name are not retrieved by the
 * thousand.
 */
static void
test_mark_not(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 3, 1);
	list(&s, 1, "a");
	listed = 0;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), PLAN_PAUSED);
	assert_int_equal(s.why, WHY_PROTO);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);

	many(&s, 2, 100);
	s.plan.lines = 2;
	listed = 0;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_CONFUSED, 1), PLAN_PAUSED);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);

	many(&s, 40, 100);				/* as many lines as messages, but most of them garbage */
	s.plan.lines = 40;
	while (s.plan.untrusted++ < 11)
		s.plan.msgs[s.plan.untrusted].uid_len = 0;
	s.plan.untrusted = 0;
	listed = 0;
	s.quota.mark_first = 1;
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), PLAN_PAUSED);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

/* A marked message is not deleted when leave = 0: nobody has it. */
static void
test_marked_is_not_deleted(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 1, 100);
	s.leave = 0;
	row("u01", SEEN_MARKED, 0, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, 0);
	plan_free(&s.plan);
}

/* The first listing of any record is noted, so that 'mark' set later marks nothing. */
static void
test_listed(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 1, 100);
	listed = 0;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_non_null(changed("", CHANGE_LISTED));
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
	plan_free(&s.plan);
}

static void
test_failures_planned(void **state)
{
	struct session	 s;

	(void)state;
	many(&s, 5, 100);
	row("u01", SEEN_NEVER, 0, 0, 1);
	row("u02", SEEN_NEVER, 0, 0, SUSPECT_FAILURES);				/* a minute ago */
	row("u03", SEEN_NEVER, 0, 0, SUSPECT_FAILURES)->failed = time(NULL) - DAY - 1;
	row("u04", SEEN_NEVER, 0, 0, SUSPECT_FAILURES)->failed = time(NULL) + 99 * DAY;	/* a wrong clock */
	suspect_take(&elsewhere);			/* of no concern: only of suspects of a death there must not be two */
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR_ALONE);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_int_equal(s.plan.msgs[3].action, ACTION_RETR_ALONE);
	assert_int_equal(s.plan.msgs[4].action, ACTION_RETR_ALONE);
	assert_int_equal(s.plan.msgs[5].action, ACTION_RETR);
	assert_int_equal(s.set_aside, 1);
	plan_free(&s.plan);
}

/* A failure is counted each time; if everything else came in, the poll was good. */
static void
test_failure(void **state)
{
	struct session	 s;
	int		 i;

	(void)state;
	many(&s, 3, 100);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	s.plan.msgs[1].state = MESSAGE_COMMITTED;
	suspect_failure(&s, 2, "cut");
	assert_int_equal(failures, 1);
	assert_false(s.excused);			/* the first time, and another one was still to come */
	suspect_failure(&s, 1, "cut");			/* that one was through */
	assert_int_equal(failures, 1);
	plan_free(&s.plan);

	many(&s, 3, 100);
	row("u02", SEEN_NEVER, 0, 0, 1);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	s.plan.msgs[1].state = s.plan.msgs[3].state = MESSAGE_COMMITTED;
	for (i = 1; i < SUSPECT_FAILURES; i++)
		suspect_failure(&s, 2, "cut");
	assert_true(s.excused);
	assert_int_equal(notices, 0);
	suspect_failure(&s, 2, "cut");
	assert_int_equal(notices, 1);			/* set aside: its owner is told, once */
	assert_non_null(strstr(notice, "u02"));
	suspect_failure(&s, 2, "cut");
	assert_int_equal(notices, 1);
	plan_free(&s.plan);
}

static int
group(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_skip_locked),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_headers_refused),
		cmocka_unit_test(test_big_without_uid),
		cmocka_unit_test(test_session_messages),
		cmocka_unit_test(test_session_octets),
		cmocka_unit_test(test_cut_keeps_digests),
		cmocka_unit_test(test_leave_days),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_mark_not),
		cmocka_unit_test(test_marked_is_not_deleted),
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_failures_planned),
		cmocka_unit_test(test_failure),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
main(void)
{
	return (whole_and_sliced(group));
}
