/* SPDX-License-Identifier: ISC */
/* links: regress/unit/plan/planrig.c rpopd/poll/plan rpopd/state */
/* The guard against renumbered mailboxes: every row of the table in renumber.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planrig.h"

static char	 olds[3000][12], news[3000][12];

/*
 * A session with so many known rows, the first `same` of which are listed under their old names, and count messages in all.  Row i
 * has fingerprint i.
 */
static void
moved(struct session *s, uint32_t known, uint32_t same, uint32_t count)
{
	uint32_t	 i;

	begin(s, count, 1);
	s->has_top = 1;
	for (i = 1; i <= known; i++) {
		snprintf(olds[i], sizeof(olds[i]), "old%05u", i);
		row(olds[i], SEEN_KEPT, 0, 0, 0);
		memset(digests[i - 1].digest, 0, PROTO_DIGEST_LEN);
		memcpy(digests[i - 1].digest, &i, sizeof(i));
		memset(digests[i - 1].fingerprint, 0, PROTO_DIGEST_LEN);
		memcpy(digests[i - 1].fingerprint + 4, &i, sizeof(i));
		digests[i - 1].size = 10000;
	}
	for (i = 1; i <= count; i++) {
		snprintf(news[i], sizeof(news[i]), "new%05u", i);
		list(s, i, i <= same ? olds[i] : news[i]);
	}
}

/* The server shows the header of message msgno, which is that of row number which; 0: of no row. */
static void
answer(struct session *s, uint32_t msgno, uint32_t which)
{
	struct message_fingerprint *f = &s->plan.fingerprints[s->plan.nfingerprints++];

	assert_int_equal(s->plan.msgs[msgno].action, ACTION_FINGERPRINT);
	memset(f, 0, sizeof(*f));
	f->msgno = msgno;
	memcpy(f->digest + 4, &which, sizeof(which));
	f->digest[31] = which == 0;
}

static uint32_t
planned(const struct session *s, int action)
{
	uint32_t	 i, n = 0;

	for (i = 1; i <= s->plan.count; i++)
		n += s->plan.msgs[i].action == action;
	return (n);
}

/* What a mass is: 20 missing rows, nine tenths of all, and half as many strangers; of a few, nine tenths and one stranger. */
static void
test_suspicion(void **state)
{
	static const struct {
		uint32_t	 known, same, count;
		int		 ask, few;
	} t[] = {
		{ 20, 0, 20, 1, 0 }, { 19, 0, 19, 0, 1 }, { 20, 0, 10, 1, 0 }, { 20, 0, 9, 0, 1 }, { 100, 10, 110, 1, 0 },
		{ 100, 11, 111, 0, 0 }, { 1, 0, 1, 0, 1 }, { 10, 1, 11, 0, 1 }, { 9, 1, 10, 0, 0 }, { 3, 0, 100, 0, 1 },
		{ 0, 0, 100, 0, 0 }, { 100, 100, 1000, 0, 0 }, { 100, 0, 0, 0, 0 }
	};
	struct session	 s;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(t); i++) {
		moved(&s, t[i].known, t[i].same, t[i].count);
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), t[i].ask ? PLAN_ASK : PLAN_READY);
		assert_int_equal(planned(&s, ACTION_FINGERPRINT), t[i].ask ? t[i].count - t[i].same : 0);
		assert_int_equal(s.plan.renumbered, t[i].few);
		assert_int_equal(nchanges == 0, t[i].ask || t[i].known == t[i].same);	/* nothing is gone yet */
		plan_free(&s.plan);
	}
	moved(&s, 100, 0, 100);				/* a listing that was cut proves nothing */
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), PLAN_READY);
	plan_free(&s.plan);
}

static void
test_migration(void **state)
{
	struct session			 s;
	const struct listing_change	*c;
	uint32_t			 i;

	(void)state;
	moved(&s, 2000, 0, 2005);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 2005; i >= 1; i--)
		answer(&s, i, i <= 2000 ? 2001 - i : 0);	/* the other way round; five are new */
	assert_int_equal(answered(&s), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 5);
	assert_int_equal(planned(&s, 0), 2000);
	s.sync = SYNC_KEPT;
	assert_int_equal(plan_confirm(&s, 1), 0);
	assert_int_equal(nchanges, 2000);
	c = changed("old00001", CHANGE_KEY);
	assert_non_null(c);
	assert_int_equal(c->tolen, 8);
	assert_memory_equal(c->to, "new02000", 8);
	assert_int_equal(notices, 0);
	plan_free(&s.plan);
}

/* Messages that were matched on the word of a session whose answers were mixed up: nothing is recorded. */
static void
test_migration_confused(void **state)
{
	struct session	 s;
	uint32_t	 i;

	(void)state;
	moved(&s, 20, 0, 20);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 20; i++)
		answer(&s, i, i);
	assert_int_equal(answered(&s), PLAN_READY);
	nchanges = 0;
	s.sync = SYNC_LOST;
	assert_int_equal(plan_confirm(&s, 0), 0);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

/* More strangers than a tenth: the record pauses, also behind a restart, and its owner is told once. */
static void
test_pause(void **state)
{
	struct session	 s;
	uint32_t	 i;

	(void)state;
	moved(&s, 300, 0, 300);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 300; i++)
		answer(&s, i, i <= 270 ? i : 0);
	assert_int_equal(answered(&s), PLAN_READY);		/* 30 of 300 */
	plan_free(&s.plan);

	moved(&s, 300, 0, 300);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 300; i++)
		answer(&s, i, i <= 269 ? i : 0);
	assert_int_equal(answered(&s), PLAN_PAUSED);
	assert_int_equal(s.why, WHY_RENUMBERED);
	assert_non_null(strstr(s.error, "300 known ones are missing, 300 unknown ones are there"));
	assert_int_equal(renumbered, RENUMBER_ASKED);
	assert_int_equal(notices, 1);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);

	moved(&s, 300, 0, 300);						/* the next poll: at once, in silence */
	renumbered = RENUMBER_ASKED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_PAUSED);
	assert_int_equal(notices, 0);
	plan_free(&s.plan);
	moved(&s, 300, 0, 5);						/* also if somebody deletes the most of it */
	renumbered = RENUMBER_ASKED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_PAUSED);
	assert_int_equal(nchanges, 0);
	plan_free(&s.plan);
}

/*
 * With an envelope field a header does not say for whom a message is: messages that match are retrieved, and known by their
 * digests.
 */
static void
test_envelope_field(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN] = { 0 }, key[STATE_KEY_MAX];
	uint32_t	 n = 1;

	(void)state;
	moved(&s, 30, 0, 30);
	s.origin.personal = 0;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (n = 1; n <= 30; n++)
		answer(&s, n, n);
	assert_int_equal(answered(&s), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 30);
	n = 1;
	memcpy(digest, &n, sizeof(n));
	assert_int_equal(plan_key(&s.plan, 1, digest, 1, key), 8);
	assert_memory_equal(key, olds[1], 8);
	memset(digest, 0xee, sizeof(digest));
	assert_int_equal(plan_key(&s.plan, 2, digest, 1, key), 8);
	assert_memory_equal(key, news[2], 8);
	plan_free(&s.plan);
}

/*
 * A few missing rows: unknown messages are retrieved and known by their digests, but one whose header is like others' is new;
 * nobody is asked.
 */
static void
test_few(void **state)
{
	static const enum seen_state	 states[] = { SEEN_KEPT, SEEN_DELETING, SEEN_DENIED };
	struct session			 s;
	uint8_t				 digest[PROTO_DIGEST_LEN], key[STATE_KEY_MAX];
	size_t				 i;
	uint32_t			 n;

	(void)state;
	for (i = 0; i < nitems(states); i++) {
		moved(&s, 3, 0, 5);
		for (n = 1; n <= 3; n++)
			rows[n - 1].state = states[i];
		assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
		assert_int_equal(planned(&s, ACTION_RETR), 5);
		for (n = 1; n <= 4; n++) {
			memset(digest, 0, sizeof(digest));
			memcpy(digest, &n, sizeof(n));
			assert_int_equal(plan_key(&s.plan, n, digest, n != 2, key), 8);
			assert_memory_equal(key, n == 1 || n == 3 ? olds[n] : news[n], 8);
			s.plan.msgs[n].state = MESSAGE_COMMITTED;
		}
		s.plan.msgs[1].size = 77;
		s.sync = SYNC_KEPT;
		assert_int_equal(plan_confirm(&s, 1), 0);
		assert_memory_equal(changed("old00001", CHANGE_KEY)->to, "new00001", 8);
		assert_int_equal(changed("new00001", CHANGE_SIZE)->size, 77);
		assert_null(changed("old00002", CHANGE_KEY));
		assert_memory_equal(changed("old00003", CHANGE_KEY)->to, "new00003", 8);
		assert_int_equal(notices, 0);
		plan_free(&s.plan);
	}
}

static void
test_nothing_to_compare(void **state)
{
	struct session	 s;
	size_t		 i;

	(void)state;
	moved(&s, 100, 0, 100);
	s.has_top = 0;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_PAUSED);
	assert_int_equal(notices, 1);
	plan_free(&s.plan);
	moved(&s, 100, 0, 100);
	for (i = 0; i < 100; i++)
		memset(digests[i].fingerprint, 0, PROTO_DIGEST_LEN);	/* from before the upgrade */
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_PAUSED);
	plan_free(&s.plan);
}

static void
test_old_ones_back(void **state)
{
	struct session	 s;

	(void)state;
	moved(&s, 100, 100, 101);
	renumbered = RENUMBER_ASKED;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(renumbered, RENUMBER_NOT);
	assert_int_equal(planned(&s, ACTION_RETR), 1);
	plan_free(&s.plan);
}

static void
test_answers(void **state)
{
	struct session	 s;

	(void)state;
	moved(&s, 100, 0, 100);
	renumbered = RENUMBER_SEEN;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, 0), 100);
	assert_non_null(changed("new00100", CHANGE_MARK));
	assert_int_equal(renumbered, RENUMBER_NOT);
	plan_free(&s.plan);

	moved(&s, 100, 0, 100);
	renumbered = RENUMBER_RETRIEVE;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 100);
	assert_non_null(changed("old00100", CHANGE_FORGET));	/* so that the next session does not ask again */
	assert_int_equal(renumbered, RENUMBER_NOT);
	plan_free(&s.plan);

	moved(&s, 100, 0, 100);
	renumbered = RENUMBER_RETRIEVE;				/* wait for a listing that is whole */
	assert_int_equal(plan_make(&s, LISTING_PARTIAL, 1), PLAN_PAUSED);
	assert_int_equal(renumbered, RENUMBER_RETRIEVE);
	plan_free(&s.plan);

	moved(&s, 100, 0, 100);
	renumbered = RENUMBER_SEEN;
	change_result = DB_BUSY;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_FAILED);
	assert_int_equal(renumbered, RENUMBER_SEEN);
	plan_free(&s.plan);
}

/* Two messages that look alike and one row: nobody can say which, so both are retrieved and compared. */
static void
test_ambiguous(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN] = { 20 }, key[STATE_KEY_MAX];
	uint32_t	 i;

	(void)state;
	moved(&s, 20, 0, 21);
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 21; i++)
		answer(&s, i, i <= 20 ? i : 20);
	assert_int_equal(answered(&s), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 2);
	assert_int_equal(s.plan.msgs[20].action, ACTION_RETR);
	assert_int_equal(s.plan.msgs[21].action, ACTION_RETR);
	assert_int_equal(plan_key(&s.plan, 21, digest, 1, key), 8);	/* it is the known one */
	assert_memory_equal(key, "old00020", 8);
	digest[0] = 19;							/* that row is taken: no second message may have it */
	assert_int_equal(plan_key(&s.plan, 20, digest, 1, key), 8);
	assert_memory_equal(key, "new00020", 8);
	plan_free(&s.plan);
}

/* The same header, but by far another size: not the same message. */
static void
test_sizes(void **state)
{
	struct session	 s;
	uint32_t	 i;

	(void)state;
	moved(&s, 20, 0, 20);
	s.plan.msgs[1].size = 11024;
	s.plan.msgs[2].size = 8975;
	s.plan.msgs[3].size = 9000;
	s.plan.msgs[4].size = 20000;
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 20; i++)
		answer(&s, i, i);
	assert_int_equal(answered(&s), PLAN_READY);
	assert_int_equal(s.plan.msgs[1].action, 0);
	assert_int_equal(s.plan.msgs[2].action, ACTION_RETR);
	assert_int_equal(s.plan.msgs[3].action, 0);
	assert_int_equal(s.plan.msgs[4].action, ACTION_RETR);
	plan_free(&s.plan);
}

/* Rows of messages that were only marked have nothing to be recognised by, and equal no digest. */
static void
test_marked_rows(void **state)
{
	struct session	 s;
	uint8_t		 digest[PROTO_DIGEST_LEN] = { 0 }, key[STATE_KEY_MAX];
	uint32_t	 i;

	(void)state;
	moved(&s, 25, 0, 25);
	for (i = 0; i < 5; i++) {
		rows[i].state = SEEN_MARKED;
		memset(&digests[i], 0, sizeof(digests[i]));
	}
	assert_int_equal(plan_make(&s, LISTING_COMPLETE, 1), PLAN_ASK);
	for (i = 1; i <= 25; i++)
		answer(&s, i, i);
	assert_int_equal(answered(&s), PLAN_READY);
	assert_int_equal(planned(&s, ACTION_RETR), 5);
	assert_int_equal(plan_key(&s.plan, 1, digest, 1, key), 8);
	assert_memory_equal(key, "new00001", 8);
	plan_free(&s.plan);
}

static int
group(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_suspicion),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_migration_confused),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_envelope_field),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_nothing_to_compare),
		cmocka_unit_test(test_old_ones_back),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_marked_rows),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}

int
main(void)
{
	return (whole_and_sliced(group));
}
