/* SPDX-License-Identifier: ISC */
/* links: regress/unit/plan/planrig.c rpopd/poll/plan rpopd/state */
/* From a listing and the seen rows to a plan: every row of the first table in plan.c, and the session's end, see end.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planrig.h"

static void
test_actions(void **state)
{
	static const struct {
		enum seen_state	 seen;
		int		 leave, action, compare;
	} t[] = {
		{ SEEN_KEPT, 1, 0, 0 }, { SEEN_KEPT, 0, ACTION_DELE, 0 },
		{ SEEN_DELETING, 1, 0, 0 }, { SEEN_DELETING, 0, ACTION_DELE, 0 },
		{ SEEN_DENIED, 1, 0, 0 }, { SEEN_DENIED, 0, ACTION_DELE, 0 },
		{ SEEN_DELETED, 1, ACTION_RETR, 1 }, { SEEN_DELETED, 0, ACTION_RETR, 1 },
	};
	struct session	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		begin(&s, 2, t[i].leave);
		list(&s, 1, "old");
		list(&s, 2, "new");
		s.has_top = 1;
		row("old", t[i].seen, 0, 0, 0);
		assert_int_equal(plan_make(&s, 1, 1), t[i].action == ACTION_DELE ? PLAN_ASK : PLAN_READY);
		if (t[i].action == ACTION_DELE)
			assert_int_equal(prove(&s, 0), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, t[i].action);
		assert_int_equal(s.plan.msgs[1].compare, t[i].compare);
		assert_int_equal(s.plan.msgs[2].action, ACTION_RETR);
		assert_int_equal(s.plan.msgs[2].compare, 0);
		assert_int_equal(nchanges, 0);
		plan_free(&s.plan);
	}
}

static void
test_opaque_uids(void **state)
{
	static const char *const uids[] = { "1", "01", "1.0", "1e3", "AbC", "abc" };
	struct session	 s;
	size_t		 i;

	(void)state;
	begin(&s, nitems(uids), 1);
	for (i = 0; i < nitems(uids); i++)
		list(&s, i + 1, uids[i]);
	row("abc", SEEN_KEPT, 0, 0, 0);
	row("1", SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	for (i = 0; i < nitems(uids); i++)
		assert_int_equal(s.plan.msgs[i + 1].action, i == 0 || i == 5 ? 0 : ACTION_RETR);
	plan_free(&s.plan);
}

/* A number listed twice, or one unique-id for two numbers: such messages have no key, and are retrieved and compared by digest. */
static void
test_untrusted(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN] = { 0xab }, key[PROTO_UID_MAX + 10], again[PROTO_UID_MAX + 10];
	size_t		 len;

	(void)state;
	begin(&s, 5, 0);
	list(&s, 1, "twin");
	list(&s, 2, "twin");
	list(&s, 3, "x");
	list(&s, 3, "y");
	list(&s, 4, "fine");
	row("twin", SEEN_DELETING, 0, 0, 0);
	row("x", SEEN_DELETING, 0, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	assert_int_equal(s.plan.untrusted, 4);
	for (len = 1; len <= 5; len++) {
		assert_int_equal(s.plan.msgs[len].action, ACTION_RETR);
		assert_int_equal(s.plan.msgs[len].compare, len != 4);
	}
	len = plan_key(&s.plan, 1, digest, 1, key);
	assert_int_equal(len, 73);
	assert_memory_equal(key, "sha256:ab00", 11);
	assert_memory_equal(key + 71, ":1", 2);
	assert_int_equal(plan_key(&s.plan, 2, digest, 1, again), 73);
	assert_memory_equal(again + 71, ":2", 2);
	assert_int_equal(plan_key(&s.plan, 1, digest, 1, again), 73);	/* kept with the message */
	assert_memory_equal(key, again, 73);
	assert_int_equal(plan_key(&s.plan, 4, digest, 1, key), 4);
	assert_memory_equal(key, "fine", 4);
	plan_free(&s.plan);
}

/* A WAITING message is left alone, also where everything else is deleted, and is recognised by its digest like a delivered one. */
static void
test_waiting(void **state)
{
	struct session	 s;
	int		 leave;

	(void)state;
	for (leave = 0; leave <= 1; leave++) {
		begin(&s, 3, leave);
		s.has_top = 1;
		s.quota.leave_days = leave;
		list(&s, 1, "waits");
		list(&s, 2, "kept");
		list(&s, 3, "back");
		row("waits", SEEN_WAITING, 0, 0, 0);
		row("kept", SEEN_KEPT, 0, 0, 0)->since = time(NULL);
		row("back", SEEN_WAITING, 5, 0, 0);
		assert_int_equal(plan_make(&s, 1, 1), PLAN_ASK);
		assert_int_equal(prove(&s, 0), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, 0);
		assert_int_equal(s.plan.msgs[2].action, leave ? 0 : ACTION_DELE);
		assert_int_equal(s.plan.msgs[3].action, 0);
		assert_int_equal(s.plan.present, 3);
		assert_non_null(changed("back", CHANGE_BACK));
		plan_free(&s.plan);
	}
	begin(&s, 1, 0);
	list(&s, 1, "bad");
	list(&s, 1, "worse");
	row("waits", SEEN_WAITING, 0, 0, 0);
	row("marked", SEEN_MARKED, 0, 0, 0);
	memset(digests[0].digest, 7, PROTO_DIGEST_LEN);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	assert_int_equal(s.plan.orphans.n, 1);
	plan_free(&s.plan);
}

static void
test_gone(void **state)
{
	struct session	 s;
	int64_t		 now = time(NULL);

	(void)state;
	begin(&s, 1, 1);
	s.has_top = 1;
	list(&s, 1, "back");
	row("back", SEEN_KEPT, now - 10, 0, 0);
	row("first", SEEN_KEPT, 0, 0, 0);
	row("hour", SEEN_KEPT, now - 3600, 0, 0);
	row("day", SEEN_DELETED, now - FORGET_SECONDS - 1, 0, 0);
	row("kept", SEEN_KEPT, now - FORGET_SECONDS - 1, 0, 0);
	row("lost", SEEN_DELETING, now - FORGET_SECONDS - 1, 0, 0);
	row("month", SEEN_KEPT, now - KEEP_SECONDS - 1, 0, 0);
	row("ahead", SEEN_KEPT, now + 4000LL * 86400, 0, 0);	/* by a clock that was wrong */
	row("odd", SEEN_NEVER, now - FORGET_SECONDS - 1, 1, 0);
	row("header", SEEN_NEVER, now - FORGET_SECONDS - 1, 0, 0)->oversize = OVERSIZE_HEADER;
	assert_int_equal(plan_make(&s, 1, 1), PLAN_ASK);
	assert_int_equal(prove(&s, 0), PLAN_READY);
	assert_int_equal(nchanges, 6);
	assert_non_null(changed("back", CHANGE_BACK));
	assert_non_null(changed("ahead", CHANGE_GONE));
	assert_non_null(changed("first", CHANGE_GONE));
	assert_non_null(changed("day", CHANGE_FORGET));		/* we deleted it; what others delete is kept in mind longer */
	assert_non_null(changed("month", CHANGE_FORGET));
	assert_non_null(changed("odd", CHANGE_FORGET));
	plan_free(&s.plan);
}

/* A listing that was cut makes no row gone that it does not name. */
static void
test_incomplete_listing(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 3, 1);
	list(&s, 1, "a");
	row("a", SEEN_KEPT, 0, 0, 0);
	row("b", SEEN_KEPT, 0, 0, 0);
	row("c", SEEN_KEPT, 1, 0, 0);
	assert_int_equal(plan_make(&s, 0, 1), 0);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

static void
test_suspects(void **state)
{
	struct session	 s, other;

	(void)state;
	begin(&s, 3, 0);
	list(&s, 1, "poison");
	list(&s, 2, "aside");
	list(&s, 3, "ok");
	row("poison", SEEN_NEVER, 0, 2, 0);
	row("aside", SEEN_NEVER, 0, 3, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR_ALONE);
	assert_int_equal(s.plan.msgs[2].action, 0);
	assert_int_equal(s.plan.msgs[3].action, ACTION_RETR);
	assert_int_equal(s.set_aside, 1);
	assert_true(suspect_holds(&s));
	plan_free(&s.plan);

	begin(&other, 1, 0);
	suspect_take(&elsewhere);	/* another session has a suspect in flight: this one is not taken now */
	list(&other, 1, "poison");
	row("poison", SEEN_NEVER, 0, 1, 0);
	assert_int_equal(plan_make(&other, 1, 1), 0);
	assert_int_equal(other.plan.msgs[1].action, 0);
	plan_free(&other.plan);
}

static void
test_confirm(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 3, 0);
	list(&s, 1, "a");
	list(&s, 2, "b");
	list(&s, 3, "c");
	assert_int_equal(plan_make(&s, 1, 1), 0);
	s.plan.msgs[1].state = MESSAGE_DELETED;
	s.plan.msgs[2].state = MESSAGE_COMMITTED;
	s.plan.msgs[2].denied = 2;
	s.plan.msgs[3].state = MESSAGE_COMMITTED;
	plan_confirm(&s, 0);
	assert_int_equal(nchanges, 1);
	assert_memory_equal(changes[0].uid, "b", 1);
	assert_int_equal(changes[0].state, SEEN_DENIED);
	plan_confirm(&s, 1);
	assert_int_equal(nchanges, 2);
	assert_int_equal(changes[0].state, SEEN_DELETED);
	assert_memory_equal(changes[0].uid, "a", 1);
	plan_free(&s.plan);
}

static void
test_range(void **state)
{
	struct session	 s;
	uint8_t		 uid[PROTO_UID_MAX + 1] = { 'x' };

	(void)state;
	begin(&s, 1, 0);
	assert_int_equal(plan_add(&s.plan, 0, uid, 1), -1);
	assert_int_equal(plan_add(&s.plan, 2, uid, 1), -1);
	assert_int_equal(plan_add(&s.plan, UINT32_MAX, uid, 1), -1);
	assert_int_equal(plan_add(&s.plan, 1, uid, 0), -1);
	assert_int_equal(plan_add(&s.plan, 1, uid, sizeof(uid)), -1);
	plan_free(&s.plan);
}

/* A listing that names less than the last one: what is retrieved without a unique-id is recognised by its digest. */
static void
test_recognised_without_uid(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN], key[PROTO_UID_MAX + 10];

	(void)state;
	begin(&s, 3, 1);
	list(&s, 1, "x-listed");
	row("x-listed", SEEN_KEPT, 0, 0, 0);
	row("y-missing", SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	assert_int_equal(nchanges, 0);			/* nothing counts as gone */
	assert_int_equal(s.plan.msgs[2].action, ACTION_RETR);
	memset(digest, 'y', sizeof(digest));
	assert_int_equal(plan_key(&s.plan, 2, digest, 1, key), 9);
	assert_memory_equal(key, "y-missing", 9);
	assert_int_equal(plan_key(&s.plan, 3, digest, 1, key), 73);	/* claimed once only */
	plan_free(&s.plan);

	begin(&s, 1, 1);				/* a listed row's digest proves nothing: that message is elsewhere */
	row("x-other", SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	memset(digest, 'z', sizeof(digest));
	assert_int_equal(plan_key(&s.plan, 1, digest, 1, key), 73);
	plan_free(&s.plan);
}

/* A message that was delivered under its digest, and is listed with a unique-id now, is recognised; its row gets the unique-id. */
static void
test_recognised_with_uid(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN], key[PROTO_UID_MAX + 10];
	char		 old[74] = "sha256:";
	int		 i;

	(void)state;
	for (i = 0; i < 32; i++)
		memcpy(old + 7 + 2 * i, "7a", 2);
	memcpy(old + 71, ":1", 3);
	begin(&s, 1, 1);
	list(&s, 1, "new");
	row(old, SEEN_KEPT, 0, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	nchanges = 0;
	memset(digest, 'z', sizeof(digest));
	assert_int_equal(plan_key(&s.plan, 1, digest, 1, key), 73);
	assert_memory_equal(key, old, 73);
	s.plan.msgs[1].state = MESSAGE_COMMITTED;
	assert_int_equal(plan_confirm(&s, 1), 0);
	assert_int_equal(nchanges, 1);
	assert_int_equal(changes[0].what, CHANGE_KEY);
	assert_memory_equal(changes[0].uid, old, 73);
	assert_int_equal(changes[0].tolen, 3);
	assert_memory_equal(changes[0].to, "new", 3);
	plan_free(&s.plan);
}

/* If STAT promises a million messages and UIDL names two, UNNAMED_MAX of the others are tried. */
static void
test_unnamed(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 100000, 0);
	list(&s, 1, "a");
	list(&s, 2, "b");
	assert_int_equal(plan_make(&s, 0, 1), 0);
	assert_int_equal(s.plan.retrieve, UNNAMED_MAX + 2);
	plan_free(&s.plan);
	begin(&s, 100000, 0);				/* no UIDL at all is another matter */
	assert_int_equal(plan_make(&s, 0, 0), 0);
	assert_non_null(plan_uid(&s.plan, &s.plan.msgs[1]));	/* of no octets */
	assert_int_equal(s.plan.retrieve, 100000);
	plan_free(&s.plan);
}

/* Messages behind the last one that UIDL names take no room, and are counted all the same. */
static void
test_trimmed(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 1000000, 0);
	list(&s, 1, "a");
	list(&s, 5000, "b");
	assert_int_equal(s.plan.nnamed, 2);
	plan_trim(&s.plan);
	assert_int_equal(s.plan.count, 5000);
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), 0);
	assert_int_equal(s.plan.retrieve, UNNAMED_MAX + 2);
	assert_int_equal(s.plan.unnamed, 1000000 - 2);
	plan_free(&s.plan);
	begin(&s, 1000000, 0);
	plan_trim(&s.plan);
	assert_int_equal(s.plan.count, UNNAMED_MAX);
	assert_int_equal(plan_make(&s, LISTING_CONFUSED, 1), 0);
	assert_int_equal(s.plan.retrieve, UNNAMED_MAX);
	plan_free(&s.plan);
	begin(&s, UNNAMED_MAX, 0);			/* few enough */
	plan_trim(&s.plan);
	assert_int_equal(s.plan.count, UNNAMED_MAX);
	assert_int_equal(s.plan.beyond, 0);
	plan_free(&s.plan);
}

/* A listing with numbers that cannot be: none of its unique-ids is believed, and no row is gone. */
static void
test_confused(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 2, 0);
	list(&s, 1, "a");
	list(&s, 2, "b");
	row("a", SEEN_DELETING, 0, 0, 0);
	row("z", SEEN_KEPT, 1, 0, 0);
	assert_int_equal(plan_make(&s, LISTING_CONFUSED, 1), 0);
	assert_int_equal(s.plan.untrusted, 2);
	assert_int_equal(s.plan.retrieve, 2);
	assert_int_equal(s.plan.delete, 0);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

/* A deletion that was not confirmed, of a unique-id that was absent meanwhile: it may mean another message now. */
static void
test_reused_unconfirmed(void **state)
{
	struct session	 s;

	(void)state;
	begin(&s, 1, 0);
	list(&s, 1, "u");
	row("u", SEEN_DELETING, time(NULL) - 100, 0, 0);
	assert_int_equal(plan_make(&s, 1, 1), 0);
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
	assert_non_null(changed("u", CHANGE_DOUBT));
	plan_free(&s.plan);
}

/* The end of a session that committed messages: rows that stand, and rows that are known by digest only from now on. */
static void
test_proof(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN], key[STATE_KEY_MAX + 1] = { 0 };
	int		 i;

	(void)state;
	memset(digest, 'z', sizeof(digest));
	digest_key(key, digest, 1);
	for (i = 0; i < 4; i++) {
		begin(&s, 4, 1);
		list(&s, 1, "a");
		list(&s, 2, "b");
		list(&s, 3, "c");
		list(&s, 4, "d");
		row((char *)key, SEEN_KEPT, 0, 0, 0);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(unproves, 1);
		assert_int_equal(plan_key(&s.plan, 2, digest, 1, key), 73);	/* recognised */
		s.plan.msgs[1].state = s.plan.msgs[2].state = s.plan.msgs[3].state = MESSAGE_COMMITTED;
		s.committed = i != 3;
		s.sync = i == 2 ? SYNC_UNKNOWN : SYNC_KEPT;
		s.doubt_first = i == 1 ? 2 : 0;
		s.doubt_last = i == 1 ? 4 : 0;
		nchanges = 0;
		plan_end(&s);
		assert_int_equal(unproves, i == 2 ? 2 : 1);
		if (i < 2)
			assert_non_null(changed("", CHANGE_PROVEN));
		else
			assert_int_equal(nchanges, 0);
		if (i == 0) {
			assert_int_equal(nchanges, 2);
			assert_non_null(changed((char *)key, CHANGE_KEY));
		}
		if (i == 1) {
			assert_int_equal(nchanges, 2);
			assert_non_null(changed("c", CHANGE_DOUBT));
			assert_null(changed((char *)key, CHANGE_KEY));
		}
		plan_free(&s.plan);
	}
}

/* Listings in the order of the rows need no table; any other order finds the same. */
static void
test_order(void **state)
{
	static char	 uids[500][16];
	struct session	 s;
	int		 i, order;

	(void)state;
	for (order = 0; order < 3; order++) {
		begin(&s, 500, 1);
		for (i = 0; i < 500; i++) {
			snprintf(uids[i], sizeof(uids[i]), "%05d", order == 0 ? i : order == 1 ? 499 - i : i * 337 % 500);
			list(&s, i + 1, uids[i]);
		}
		assert_int_equal(plan_index(&s.plan), 0);
		assert_int_equal(s.plan.ascending, order == 0);
		for (i = 0; i < 500; i++)
			assert_int_equal(plan_find(&s.plan, uids[i], 5), i + 1);
		for (i = 499; i >= 0; i--)
			assert_int_equal(plan_find(&s.plan, uids[i], 5), i + 1);
		assert_int_equal(plan_find(&s.plan, "0000", 4), 0);
		assert_int_equal(plan_find(&s.plan, "000000", 6), 0);
		assert_int_equal(plan_find(&s.plan, "99999", 5), 0);
		plan_free(&s.plan);
	}
}

/*
 * What another retriever has seen is left alone, deletions or not, and its size is learned.  In a mailbox that is emptied, what is
 * missing was deleted there; in one that keeps its messages, a mass of missing ones makes the unique-ids doubtful.
 */
static void
test_brought(void **state)
{
	static char	 uids[70][8];
	struct session	 s;
	int		 leave;
	uint32_t	 i;

	(void)state;
	for (leave = 0; leave <= 1; leave++) {
		begin(&s, 2, leave);
		s.has_top = 1;
		list(&s, 1, "theirs");
		list(&s, 2, "new");
		s.plan.msgs[1].size = 4321;
		row("theirs", SEEN_MARKED, 0, 0, 0)->listed = 0;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_NONE);
		assert_int_equal(s.plan.msgs[2].action, ACTION_RETR);
		assert_non_null(changed("theirs", CHANGE_SIZE));
		plan_free(&s.plan);

		begin(&s, 40, leave);
		for (i = 0; i < nitems(uids); i++)
			snprintf(uids[i], sizeof(uids[i]), "u%05u", i);
		for (i = 1; i <= 40; i++)
			list(&s, i, uids[i - 1]);
		for (i = 40; i < 70; i++)
			row(uids[i], SEEN_MARKED, 0, 0, 0)->listed = 0;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), leave ? PLAN_PAUSED : PLAN_READY);
		for (i = 1; i <= 40 && !leave; i++)
			assert_int_equal(s.plan.msgs[i].action, ACTION_RETR);
		plan_free(&s.plan);
	}
}

static int
group(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_opaque_uids),
		cmocka_unit_test(test_untrusted),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_incomplete_listing),
		cmocka_unit_test(test_suspects),
		cmocka_unit_test(test_confirm),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_recognised_without_uid),
		cmocka_unit_test(test_recognised_with_uid),
		cmocka_unit_test(test_unnamed),
		cmocka_unit_test(test_confused),
		cmocka_unit_test(test_trimmed),
		cmocka_unit_test(test_reused_unconfirmed),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_brought),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
main(void)
{
	return (whole_and_sliced(group));
}
