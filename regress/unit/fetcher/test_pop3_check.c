/* SPDX-License-Identifier: ISC */
/* links: regress/unit/fetcher/pop3_script.c fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* Answers in step with questions, before anything is deleted or called a success. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/pop3.h"
#include "pop3_script.h"

#define MSG	"+OK 120 octets\r\nA: b\r\n\r\nx\r\n.\r\n"

static void
out_of_step(enum fetch_stage stage)
{
	failed(WHY_PROTO, stage);
	assert_int_equal(pop3_confused(p), 1);
	SENT("");
}

/* One whole answer too many, there when the next command goes out: each one is taken for its neighbour's. */
static void
test_lockstep_extra(void **state __unused)
{
	for (seg = 0; seg < 3; seg++) {
		to_plan(0, 3);
		plan_for(1, 3, ACTION_RETR);
		SENT("RETR 1\r\n");
		SAY(MSG);
		SENT("RETR 2\r\n");
		SAY(MSG);		/* nobody asked for this one */
		SENT("RETR 3\r\n");
		SAY(MSG);		/* message 2 */
		SENT("LIST 3\r\n");
		assert_int_equal(say(MSG), -1);
		out_of_step(STAGE_RETR);
		assert_non_null(strstr(p->text, "out of step"));
	}
	seg = 0;
}

static void
test_pipelined_extra(void **state __unused)
{
	int	 keep;

	for (keep = 0; keep < 2; keep++) {
		to_plan(1, 3);
		plan_for(1, 3, ACTION_RETR);
		SENT("RETR 1\r\nRETR 2\r\nRETR 3\r\nLIST 3\r\n");
		SAY(MSG MSG MSG);
		assert_int_equal(pop3_verdict(p, 1, keep ? VERDICT_KEEP : VERDICT_DELE), 0);
		assert_int_equal(pop3_verdict(p, 2, keep ? VERDICT_KEEP : VERDICT_DELE), 0);
		assert_int_equal(pop3_verdict(p, 3, keep ? VERDICT_KEEP : VERDICT_DELE), 0);
		SENT("");
		assert_int_equal(say(MSG), -1);
		out_of_step(STAGE_RETR);
	}
}

/* An answer that was left out: the last RETR gets LIST's, and waits for the end of a message. */
static void
test_pipelined_missing(void **state __unused)
{
	to_plan(1, 3);
	plan_for(1, 3, ACTION_RETR);
	(void)sent();
	SAY(MSG MSG "+OK 3 120\r\n");
	assert_int_equal(p->current, 3);
	pop3_closed(p, "idle");
	failed(WHY_CLOSED, STAGE_RETR);
	assert_int_equal(pop3_confused(p), 1);
	assert_int_equal(pop3_blame(p), 3);
	/* A server that talks like this is let be. */
	to_plan(1, 2);
	plan_for(1, 2, ACTION_RETR);
	(void)sent();
	SAY("+OK 1 120\r\n.\r\n+OK 2 120\r\n.\r\n");
	assert_int_equal(pop3_confused(p), 0);
	SAY("+OK 2 120\r\n");
	assert_int_equal(p->state, POP3_ALONE);
}

/* A -ERR proves nothing: it may be another command's. */
static void
test_refused(void **state __unused)
{
	to_plan(1, 3);
	plan_for(1, 3, ACTION_RETR);
	(void)sent();
	SAY(MSG MSG "-ERR gone\r\n");
	SAY("-ERR gone\r\n");
	SENT("LIST 2\r\n");
	SAY("+OK 2 120\r\n");
	assert_int_equal(p->state, POP3_ALONE);
	assert_int_equal(pop3_confused(p), 0);

	to_plan(0, 2);			/* no LIST n here */
	plan_for(1, 2, ACTION_RETR);
	SENT("RETR 1\r\n");
	SAY(MSG);
	SENT("RETR 2\r\n");
	SAY(MSG);
	SENT("LIST 2\r\n");
	SAY("-ERR what\r\n");
	SENT("LIST 1\r\n");
	SAY("-ERR what\r\n");
	SENT("STAT\r\n");
	SAY("+OK 2 200\r\n");
	assert_int_equal(p->state, POP3_ALONE);

	to_plan(0, 2);			/* shifted by a -ERR */
	plan_for(1, 2, ACTION_RETR);
	(void)sent();
	SAY("-ERR extra\r\n");
	SENT("RETR 2\r\n");
	SAY(MSG);			/* message 1 */
	SENT("LIST 2\r\n");
	SAY("-ERR message 2 is gone\r\n");
	SENT("STAT\r\n");
	assert_int_equal(say("+OK 2 100\r\n"), -1);	/* LIST's */
	out_of_step(STAGE_RETR);

	to_plan(0, 1);
	plan_for(1, 1, ACTION_RETR);
	(void)sent();
	SAY(MSG);
	SENT("LIST 1\r\n");
	SAY("-ERR\r\n");
	SENT("STAT\r\n");
	assert_int_equal(say("-ERR\r\n"), -1);
	out_of_step(STAGE_RETR);
}

/* Nothing came in: nothing to be wrong about. */
static void
test_nothing_came(void **state __unused)
{
	to_plan(0, 2);
	plan_for(1, 2, ACTION_RETR);
	(void)sent();
	SAY("-ERR\r\n");
	SENT("RETR 2\r\n");
	SAY("-ERR\r\n");
	SENT("QUIT\r\n");
	to_plan(1, 2);
	plan_for(1, 2, ACTION_RETR);
	SENT("RETR 1\r\nRETR 2\r\nLIST 2\r\n");
	SAY("-ERR\r\n-ERR\r\n-ERR\r\n");
	SENT("QUIT\r\n");
	to_plan(1, 2);
	plan_for(1, 2, ACTION_DELE);
	SENT("DELE 2\r\nDELE 1\r\nQUIT\r\n");
}

static void
test_answers(void **state __unused)
{
	static const struct {
		const char	*text;
		int		 good;
	} t[] = {
		{ "+OK 2 120\r\n",		1 },
		{ "+OK  2  0\r\n",		1 },
		{ "+OK 2 120 octets\r\n",	1 },
		{ "+OK 1 120\r\n",		0 },
		{ "+OK 2\r\n",			0 },
		{ "+OK 2 octets\r\n",		0 },
		{ "+OK\r\n",			0 },
		{ "+OK 22 120\r\n",		0 },
		{ "A: b\r\n",			0 }
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		to_plan(1, 2);
		plan_for(1, 2, ACTION_RETR);
		(void)sent();
		SAY(MSG MSG);
		assert_int_equal(say(t[i].text), t[i].good ? 0 : -1);
		if (t[i].good)
			assert_int_equal(p->state, POP3_ALONE);
		else
			out_of_step(STAGE_RETR);
	}
}

/* Suspects are checked as well, in lock-step with a question of its own. */
static void
test_alone(void **state __unused)
{
	to_plan(0, 2);
	plan_for(1, 2, ACTION_RETR_ALONE);
	SENT("RETR 1\r\n");
	SAY(MSG);
	assert_int_equal(pop3_verdict(p, 1, VERDICT_DELE), 0);
	SENT("RETR 2\r\n");
	SAY(MSG);
	SENT("");
	assert_int_equal(pop3_verdict(p, 2, VERDICT_DELE), 0);
	SENT("LIST 2\r\n");
	SAY("+OK 2 1\r\n");
	SENT("DELE 2\r\n");
	to_plan(0, 2);
	plan_for(1, 2, ACTION_RETR_ALONE);
	(void)sent();
	SAY(MSG);
	pop3_stop(p);
	assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), 0);
	SENT("LIST 1\r\n");
	assert_int_equal(say(MSG), -1);
	out_of_step(STAGE_RETR);
}

/* A proof is good for what was asked before it, and a refused one in the middle is made up for at the end. */
static void
test_middle(void **state __unused)
{
	uint32_t	 first, last;
	unsigned int	 i, pipe;

	for (pipe = 0; pipe < 2; pipe++) {
		to_plan((int)pipe, 100);
		plan_for(1, 100, ACTION_RETR);
		for (i = 1; i <= CHECK_EVERY; i++) {
			(void)sent();
			pop3_unproven(p, &first, &last);
			assert_int_equal(first, i > 1 ? 1 : 0);
			assert_true(last == 0 || (last >= i - 1 && i > 1));
			SAY(MSG);
		}
		if (!pipe)
			SENT("LIST 64\r\n");
		SAY("+OK 64 1\r\n");
		(void)sent();
		pop3_unproven(p, &first, &last);
		assert_int_equal(first, 0);
		SAY(MSG);
		pop3_unproven(p, &first, &last);
		assert_int_equal(first, 65);
		assert_int_equal(last, pipe ? 100 : 66);
		events[0] = '\0';
	}
	to_plan(1, 100);
	plan_for(1, 100, ACTION_RETR);
	(void)sent();
	for (i = 1; i <= 100; i++) {
		SAY(MSG);
		if (i == CHECK_EVERY)
			SAY("-ERR gone\r\n");
	}
	pop3_unproven(p, &first, &last);
	assert_int_equal(first, 1);
	assert_int_equal(last, 100);
	SENT("");
	SAY("+OK 100 1\r\n");
	assert_int_equal(p->state, POP3_ALONE);
	to_plan(0, 100);
	plan_for(1, 100, ACTION_RETR);
	(void)sent();
	for (i = 1; i <= CHECK_EVERY; i++) {
		SAY(MSG);
		(void)sent();
	}
	assert_int_equal(say(MSG), -1);
	out_of_step(STAGE_RETR);
}

/* Which message to blame, and when a failure casts doubt on those before. */
static void
test_failures(void **state __unused)
{
	to_plan(1, 3);
	assert_int_equal(pop3_blame(p), 0);
	plan_for(1, 3, ACTION_RETR);
	SAY("");
	(void)sent();
	assert_int_equal(pop3_blame(p), 1);
	SAY(MSG);
	assert_int_equal(pop3_blame(p), 2);
	SAY("+OK\r\nx");
	assert_int_equal(pop3_blame(p), 2);
	pop3_closed(p, "gone");
	failed(WHY_CLOSED, STAGE_RETR);
	assert_int_equal(pop3_blame(p), 2);
	assert_int_equal(pop3_confused(p), 0);	/* a lost connection mixes nothing up */

	to_plan(1, 3);
	plan_for(1, 3, ACTION_RETR);
	(void)sent();
	SAY(MSG);
	assert_int_equal(say("Received: from\r\n"), -1);
	assert_int_equal(pop3_blame(p), 2);
	out_of_step(STAGE_RETR);

	to_plan(1, 3);
	plan_for(1, 3, ACTION_RETR);
	(void)sent();
	assert_int_equal(say("what?\r\n"), -1);
	failed(WHY_PROTO, STAGE_RETR);
	assert_int_equal(pop3_confused(p), 0);	/* nothing came in yet */

	to_plan(1, 1);
	plan_for(1, 1, ACTION_RETR);
	(void)sent();
	SAY(MSG);
	assert_int_equal(pop3_blame(p), 0);
	SAY("+OK 1 120\r\n");
	assert_int_equal(pop3_verdict(p, 1, VERDICT_DELE), 0);
	(void)sent();
	assert_int_equal(say("garbage\r\n"), -1);
	failed(WHY_PROTO, STAGE_QUIT);
	assert_int_equal(pop3_confused(p), 0);	/* proven before */
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lockstep_extra),
		cmocka_unit_test(test_pipelined_extra),
		cmocka_unit_test(test_pipelined_missing),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nothing_came),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_middle),
		cmocka_unit_test(test_failures)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
