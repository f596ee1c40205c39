/* SPDX-License-Identifier: ISC */
/* links: regress/unit/plan/planrig.c rpopd/poll/plan rpopd/state */
/* libs: -DRPOPD_HOOKS */
/* Proofs: the rows of the second and the third table in plan.c, and of groups of marked messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/hook.h"
#include "planrig.h"

static uint64_t	 worked;

void
hook_reach(const char *point)
{
	(void)point;
}

void
hook_work(uint64_t n)
{
	worked += n;
}

static void
one(struct session *s, int leave, uint32_t size, int64_t known, enum seen_state st, int64_t gone)
{
	begin(s, 1, leave);
	s->has_top = 1;
	list(s, 1, "u");
	s->plan.msgs[1].size = size;
	row_listed = known;
	row("u", st, gone, 0, 0);
}

/*
 * A row is displaced by another size; a size that is not known proves nothing and is learned; octets that came are about as many.
 */
static void
test_sizes(void **state)
{
	static const struct {
		uint32_t	 size;
		int64_t		 known;
		int		 displaced, learned;
	} t[] = {
		{ 100, 100, 0, 0 }, { 100, 101, 1, 0 }, { 0, 100, 0, 0 }, { 100, 0, 0, 1 }, { 5000, -5100, 0, 1 },
		{ 5000, -50000, 1, 0 }, { 50000, -5000, 1, 0 }
	};
	static const enum seen_state	 states[] = { SEEN_KEPT, SEEN_DELETING, SEEN_DENIED, SEEN_WAITING, SEEN_MARKED };
	struct session			 s;
	size_t				 i, j;

	(void)state;
	for (i = 0; i < nitems(t); i++)
		for (j = 0; j < nitems(states); j++) {
			one(&s, 1, t[i].size, t[i].known, states[j], 0);
			assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
			assert_int_equal(s.plan.msgs[1].action, t[i].displaced ? ACTION_RETR : 0);
			assert_int_equal(changed("u", CHANGE_SIZE) != NULL, t[i].learned);
			assert_int_equal(changed("u", CHANGE_DOUBT) != NULL, t[i].displaced && states[j] != SEEN_MARKED);
			if (t[i].learned)
				assert_int_equal(changed("u", CHANGE_SIZE)->size, t[i].size);
			plan_free(&s.plan);
		}
}

/* A message that is to be deleted: its header proves it, shows another message, or cannot be had. */
static void
test_dele(void **state)
{
	static const enum seen_state	 states[] = { SEEN_KEPT, SEEN_DELETING, SEEN_DENIED };
	struct session			 s;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(states); i++) {
		one(&s, 0, 100, 100, states[i], 0);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
		assert_int_equal(nchanges, 0);
		assert_int_equal(prove(&s, 0), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_DELE);
		assert_int_equal(s.plan.delete, 1);
		plan_free(&s.plan);

		one(&s, 0, 100, 100, states[i], 0);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
		assert_int_equal(prove(&s, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
		assert_non_null(changed("u", CHANGE_DOUBT));
		plan_free(&s.plan);

		one(&s, 0, 100, 100, states[i], 0);	/* the server refuses TOP for it */
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
		assert_int_equal(answered(&s), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
		assert_int_equal(s.plan.msgs[1].compare, 1);
		assert_int_equal(nchanges, 0);
		plan_free(&s.plan);

		one(&s, 0, 100, 100, states[i], 0);	/* there is no TOP, or no fingerprint */
		s.has_top = i == 0;
		if (s.has_top)
			memset(digests[0].fingerprint, 0, PROTO_DIGEST_LEN);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
		assert_int_equal(s.plan.msgs[1].compare, 1);
		plan_free(&s.plan);
	}
	one(&s, 0, 100, 100, SEEN_KEPT, 0);		/* a session failed at it: TOP might be why */
	rows[0].failures = 1;
	rows[0].failed = time(NULL);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, ACTION_RETR_ALONE);
	plan_free(&s.plan);
	one(&s, 0, 100, 100, SEEN_KEPT, 0);		/* not recorded: the next session does it all */
	change_result = DB_BUSY;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	assert_int_equal(prove(&s, 1), PLAN_FAILED);
	plan_free(&s.plan);
}

/* A row that was absent once is proven, or displaced. */
static void
test_back(void **state)
{
	static const enum seen_state	 states[] = { SEEN_KEPT, SEEN_DELETING, SEEN_DENIED, SEEN_WAITING };
	struct session			 s;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(states); i++) {
		one(&s, 1, 100, 100, states[i], 5);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
		assert_int_equal(prove(&s, 0), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, 0);
		assert_non_null(changed("u", CHANGE_BACK));
		plan_free(&s.plan);

		one(&s, 1, 100, 100, states[i], 5);
		s.has_top = 0;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, ACTION_RETR);
		assert_non_null(changed("u", CHANGE_DOUBT));
		assert_null(changed("u", CHANGE_BACK));
		plan_free(&s.plan);
	}
}

static char	 uids[64][8];

/* n marked rows are back, with so many different sizes; so many others of them have another size now. */
static void
marks(struct session *s, uint32_t n, uint32_t kinds, uint32_t others)
{
	uint32_t	 i;

	begin(s, n, 1);
	for (i = 1; i <= n; i++) {
		snprintf(uids[i], sizeof(uids[i]), "m%02u", i);
		list(s, i, uids[i]);
		s->plan.msgs[i].size = 100 + i % kinds;
		row_listed = s->plan.msgs[i].size + (i <= others);
		row(uids[i], SEEN_MARKED, 5, 0, 0);
	}
}

static void
test_marks(void **state)
{
	static const struct {
		uint32_t	 n, kinds, others;
		int		 proven;
	} t[] = { { 8, 8, 0, 1 }, { 7, 7, 0, 0 }, { 40, 7, 0, 0 }, { 40, 8, 0, 1 }, { 40, 40, 3, 1 }, { 40, 40, 10, 0 } };
	struct session	 s;
	size_t		 i;
	uint32_t	 j, n;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		marks(&s, t[i].n, t[i].kinds, t[i].others);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		for (j = 1, n = 0; j <= t[i].n; j++)
			n += s.plan.msgs[j].action == ACTION_RETR;
		assert_int_equal(n, t[i].proven ? t[i].others : t[i].n);
		assert_int_equal(changed(uids[t[i].n], CHANGE_BACK) != NULL, t[i].proven);
		assert_null(changed(uids[1], CHANGE_DOUBT));
		plan_free(&s.plan);
	}
}

/* A suspect or a message over max_size that has another size, or is back after an absence, is another message. */
static void
test_odd(void **state)
{
	struct session	 s;
	int		 i;

	(void)state;
	for (i = 0; i < 3; i++) {
		one(&s, 1, 100, 0, SEEN_NEVER, i == 2 ? 5 : 0);
		rows[0].deaths = 3;
		rows[0].suspect_size = i == 1 ? 99 : 100;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, i == 0 ? 0 : ACTION_RETR);
		assert_int_equal(changed("u", CHANGE_CLEAR) != NULL, i > 0);
		plan_free(&s.plan);

		one(&s, 1, 5000, 0, SEEN_NEVER, i == 2 ? 5 : 0);
		s.quota.max_size = 1000;
		rows[0].oversize = OVERSIZE_SKIPPED;
		rows[0].oversize_size = i == 1 ? 4999 : 5000;
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(s.plan.msgs[1].action, 0);
		assert_int_equal(notices, i > 0);
		plan_free(&s.plan);
	}
}

/* All unique-ids mean other messages: a mass that is missing, for the guard against renumbering. */
static void
test_renumbered(void **state)
{
	static char	 names[64][8];
	struct session	 s;
	uint32_t	 i;

	(void)state;
	begin(&s, 30, 1);
	s.has_top = 1;
	for (i = 1; i <= 30; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", i);
		list(&s, i, names[i]);
		s.plan.msgs[i].size = 1000 + i;
		row_listed = 2000 + i;
		row(names[i], SEEN_KEPT, 0, 0, 0);
		memset(digests[i - 1].fingerprint, (int)i, PROTO_DIGEST_LEN);
	}
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	assert_null(s.plan.wanted);
	for (i = 1; i <= 30; i++) {		/* each is its neighbour */
		s.plan.fingerprints[s.plan.nfingerprints].msgno = i;
		memset(s.plan.fingerprints[s.plan.nfingerprints++].digest, (int)(i % 30) + 1, PROTO_DIGEST_LEN);
	}
	assert_int_equal(answered(&s), PLAN_READY);
	assert_non_null(changed("1", CHANGE_DOUBT));	/* before anything gets its unique-id */
	for (i = 1; i <= 30; i++)
		assert_int_equal(s.plan.msgs[i].action, 0);
	plan_free(&s.plan);
}

/* The fingerprint of a message that was to be deleted is kept if the deletion is not confirmed. */
static void
test_print(void **state)
{
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];
	struct session	 s;
	int		 i;

	(void)state;
	memset(fingerprint, 0x77, sizeof(fingerprint));
	for (i = 0; i < 3; i++) {
		begin(&s, 1, 0);
		list(&s, 1, "u");
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(plan_note(&s.plan, &s.plan.msgs[1], fingerprint), 0);
		s.plan.msgs[1].state = i == 2 ? MESSAGE_COMMITTED : MESSAGE_DELETED;
		s.committed = 1;
		s.sync = SYNC_KEPT;
		plan_confirm(&s, i != 1);
		plan_end(&s);
		assert_int_equal(changed("u", CHANGE_FINGERPRINT) != NULL, i > 0);
		if (i > 0)
			assert_memory_equal(changed("u", CHANGE_FINGERPRINT)->to, fingerprint, sizeof(fingerprint));
		plan_free(&s.plan);
	}
}

/* The first free key of many messages with one digest is found by few looks. */
static int	 looks;

static int
taken(void *used, const uint8_t *key, size_t len)
{
	char	 number[16];

	looks++;
	memcpy(number, key + 72, len - 72);
	number[len - 72] = '\0';
	return (strtonum(number, 1, UINT32_MAX, NULL) <= *(uint32_t *)used);
}

/* The right key is found whatever number the search begins with; keys one behind the other are found in two looks each. */
static void
test_keys(void **state)
{
	static const uint32_t	 t[] = { 0, 1, 2, 3, 7, 8, 100000 };
	uint8_t			 digest[PROTO_DIGEST_LEN] = { 1 }, key[STATE_KEY_MAX], want[STATE_KEY_MAX];
	uint32_t		 used, last;
	size_t			 i, j, len;

	(void)state;
	for (i = 0; i < nitems(t); i++)
		for (j = 0; j < nitems(t); j++) {
			used = t[i];
			last = t[j];
			looks = 0;
			len = digest_key_free(key, digest, &last, taken, &used);
			assert_int_equal(len, digest_key(want, digest, used + 1));
			assert_memory_equal(key, want, len);
			assert_int_equal(last, used + 1);
			assert_true(looks <= 40);
		}
	for (used = last = 0, looks = 0; used < 1000; used++)
		assert_int_not_equal(digest_key_free(key, digest, &last, taken, &used), 0);
	assert_true(looks <= 2 * 1000);
}

/* Very many equal messages whose unique-ids are new: each finds the row of one of them in a few looks. */
static void
test_equal(void **state)
{
	enum { MANY = 100000 };
	static struct session	 s;
	struct orphans		*o = &s.plan.orphans;
	struct orphan		*e;
	uint8_t			 digest[PROTO_DIGEST_LEN] = { 7 }, other[PROTO_DIGEST_LEN] = { 9 }, key[STATE_KEY_MAX];
	uint64_t		 before;
	uint32_t		 i;
	enum plan_result	 result;

	(void)state;
	for (i = 1; i <= MANY; i++) {
		e = orphan_add(o, key, digest_key(key, digest, i));
		assert_non_null(e);
		e->claimed = i == MANY;		/* it was found by other means */
	}
	assert_non_null(orphan_add(o, key, digest_key(key, other, 1)));
	while ((result = orphan_digests(&s, 0)) == PLAN_MORE)
		s.plan.work.again = 1;
	assert_int_equal(result, PLAN_NEXT);
	assert_int_equal(o->n, MANY);
	before = worked;
	for (i = 1; i < MANY; i++)
		assert_non_null(orphan_claim(o, digest, ORPHAN_BY_UID | ORPHAN_BY_DIGEST));
	assert_null(orphan_claim(o, digest, ORPHAN_BY_UID | ORPHAN_BY_DIGEST));
	assert_null(orphan_claim(o, other, ORPHAN_BY_UID));
	assert_non_null(orphan_claim(o, other, ORPHAN_BY_DIGEST));
	assert_true(worked - before < (uint64_t)MANY * 50);
	orphan_free(o);
}

/* A digest in the place of a unique-id, and a listing that is better, worse or as good the next time: the message is met again. */
static void
test_derived(void **state)
{
	static const char	 derived[] = PROTO_UID_DERIVED "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char	*row, *listed;
		int		 found;
	} t[] = {
		{ derived, "fine", 1 }, { "fine", derived, 1 }, { "fine", "other", 0 },
		{ derived, NULL, 1 }, { "fine", NULL, 1 },
		{ PROTO_UID_DERIVED "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "fine", 0 }
	};
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN], other[PROTO_DIGEST_LEN] = { 9 }, key[STATE_KEY_MAX];
	size_t		 i, len;
	int		 displaced;

	(void)state;
	for (displaced = 0; displaced <= 1; displaced++)
		for (i = 0; i < nitems(t); i++) {
			begin(&s, 3, 1);
			list(&s, 1, "kept");
			row("kept", SEEN_KEPT, displaced ? 1 : 0, 0, 0);
			if (t[i].listed != NULL)
				list(&s, 2, t[i].listed);
			list(&s, 3, "new");
			row(t[i].row, SEEN_KEPT, 0, 0, 0);
			memset(digest, t[i].row[0], sizeof(digest));
			assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
			assert_int_equal(s.plan.displaced, displaced);
			assert_int_equal(s.plan.derived, t[i].listed == derived);
			assert_int_equal(plan_key(&s.plan, 3, other, 1, key), 3);
			len = plan_key(&s.plan, 2, digest, 1, key);
			assert_int_equal(len == strlen(t[i].row) && memcmp(key, t[i].row, len) == 0, t[i].found);
			assert_int_equal(s.plan.msgs[2].rekey != 0, t[i].found && t[i].listed != NULL);
			plan_free(&s.plan);
		}
}

static int
group(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_dele),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_renumbered),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_derived),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
main(void)
{
	return (whole_and_sliced(group));
}
