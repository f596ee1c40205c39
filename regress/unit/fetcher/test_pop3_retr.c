/* SPDX-License-Identifier: ISC */
/* links: regress/unit/fetcher/pop3_script.c fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* The protocol engine behind the listing: plan, window, verdicts, DELE, QUIT. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "fetcher/pop3.h"
#include "pop3_script.h"

static void
test_pipelined(void **state __unused)
{
	for (seg = 0; seg < 4; seg++) {
		begin(TLS_MODE_TLS, 0, 1, "tanstaaf");
		SAY("+OK hello\r\n");
		SENT("CAPA\r\n");
		SAY("+OK list\r\nTOP\r\nPIPELINING\r\n.\r\n");
		SENT("USER mrose\r\nPASS tanstaaf\r\n");
		SAY("+OK\r\n+OK\r\n");
		SENT("STAT\r\nLIST\r\nUIDL\r\n");
		SAY("+OK 2 320\r\n+OK\r\n1 120\r\n2 200\r\n.\r\n+OK\r\n1 a\r\n2  b\r\n.\r\n");
		EVENTS("stat 2 320 1\nuid 1 a\nuid 2 b\nlisted 2 1\n");
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 2, ACTION_RETR), 0);
		assert_int_equal(pop3_plan_end(p, 2), 0);
		SENT("RETR 1\r\nRETR 2\r\nLIST 2\r\n");
		SAY("+OK\r\nx\r\n..\r\n.\r\n+OK\r\n.\r\n+OK 2 200\r\n");
		EVENTS("begin 1 120\ndata 6\nend 1 6\nbegin 2 200\nend 2 0\n");
		SENT("");
		assert_int_equal(pop3_verdict(p, 2, VERDICT_DELE), 0);
		SENT("");
		assert_int_equal(pop3_verdict(p, 1, VERDICT_DELE), 0);
		SENT("DELE 2\r\nDELE 1\r\nQUIT\r\n");
		SAY("+OK\r\n-ERR no\r\n");
		EVENTS("deleted 2\ndenied 1 no\n");
		SAY("+OK bye\r\nanything at all");
		assert_int_equal(p->state, POP3_DONE);
		assert_int_equal(p->quit_ok, 1);
		assert_int_equal(p->retrieved, 2);
		assert_int_equal(p->deleted, 1);
		assert_int_equal(p->fetched, 6);
		pop3_closed(p, "gone");
		assert_int_equal(p->state, POP3_DONE);
	}
	seg = 0;
}

static void
test_lockstep(void **state __unused)
{
	for (seg = 0; seg < 3; seg++) {
		to_plan(0, 3);
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 2, ACTION_DELE), 0);
		assert_int_equal(pop3_plan_end(p, 3), 0);
		SENT("RETR 1\r\n");
		SAY("-ERR vanished\r\n");
		SENT("RETR 3\r\n");
		SAY("+OK\r\nabc\r\n.\r\n");
		EVENTS("skipped 1 vanished\nbegin 3 0\ndata 5\nend 3 5\n");
		SENT("LIST 3\r\n");
		SAY("+OK 3 100\r\n");
		SENT("");
		assert_int_equal(pop3_verdict(p, 3, VERDICT_DELE), 0);
		SENT("DELE 3\r\n");
		SAY("+OK\r\n");
		SENT("DELE 2\r\n");
		SAY("+OK\r\n");
		SENT("QUIT\r\n");
		SAY("-ERR some messages not removed\r\n");
		assert_int_equal(p->state, POP3_DONE);
		assert_int_equal(p->quit_ok, 0);
	}
	seg = 0;
}

static unsigned int
count_lines(const char *text)
{
	unsigned int	 n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return (n);
}

static char	 pending[65536];		/* commands not answered */

/* Takes what the engine sends; the number of commands. */
static unsigned int
take(void)
{
	const char	*text = sent();

	strlcat(pending, text, sizeof(pending));
	return (count_lines(text));
}

/* Answers the oldest one. */
static void
answer(void)
{
	char	 line[64], *nl = strchr(pending, '\n');

	assert_non_null(nl);
	if (strncmp(pending, "RETR ", 5) == 0)
		SAY("+OK\r\n.\r\n");
	else {
		assert_int_equal(strncmp(pending, "LIST ", 5), 0);
		snprintf(line, sizeof(line), "+OK %.*s 100\r\n", (int)(nl - 1 - (pending + 5)), pending + 5);
		SAY(line);
	}
	memmove(pending, nl + 1, strlen(nl + 1) + 1);
}

/* Never more than the window, seldom less than half of it, and each 64 messages a proof that all is in step. */
static void
test_window(void **state __unused)
{
	unsigned int	 i, out, in = 0, first, last;

	to_plan(1, 300);
	plan_for(1, 300, ACTION_RETR);
	pending[0] = '\0';
	out = take();
	assert_int_equal(out, WINDOW_COUNT);
	while (in < 305) {
		answer();
		in++;
		i = take();
		out += i;
		assert_true(out - in <= WINDOW_COUNT + 1);
		assert_true(i == 0 || i >= WINDOW_COUNT / 2 || out == 305);	/* few segments */
		assert_true(out == 305 || out - in > 0);
		if (in == 100) {
			pop3_unproven(p, &first, &last);
			assert_int_equal(first, 65);
			assert_true(last >= 99);
		}
		events[0] = '\0';
	}
	assert_int_equal(out, 305);	/* LIST 64, 128, 192, 256, 300 */
	assert_int_equal(p->state, POP3_ALONE);
	pop3_unproven(p, &first, &last);
	assert_int_equal(first, 0);
}

/* A megabyte in flight, but always one message. */
static void
test_window_octets(void **state __unused)
{
	begin(TLS_MODE_TLS, 0, 1, "x");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	(void)sent();
	SAY("+OK 4 4\r\n+OK\r\n1 700000\r\n2 300000\r\n3 99000000\r\n4 1\r\n.\r\n+OK\r\n.\r\n");
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 2, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 3, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 4, ACTION_RETR), 0);
	assert_int_equal(pop3_plan_end(p, 4), 0);
	SENT("RETR 1\r\nRETR 2\r\n");
	SAY("+OK\r\n.\r\n");
	SENT("");
	SAY("+OK\r\n.\r\n");
	SENT("RETR 3\r\n");
	SAY("+OK\r\n.\r\n");
	SENT("RETR 4\r\nLIST 4\r\n");
}

static void
test_stop(void **state __unused)
{
	unsigned int	 i;

	to_plan(1, 200);
	for (i = 1; i <= 199; i++)
		assert_int_equal(pop3_plan(p, i, i < 190 ? ACTION_RETR : ACTION_RETR_ALONE), 0);
	assert_int_equal(pop3_plan(p, 200, ACTION_DELE), 0);
	assert_int_equal(pop3_plan_end(p, 200), 0);
	assert_int_equal(count_lines(sent()), WINDOW_COUNT);
	pop3_stop(p);
	SENT("LIST 127\r\n");		/* what came in has to be in step all the same */
	for (i = 1; i < WINDOW_COUNT; i++) {
		SAY("+OK\r\n.\r\n");
		if (i == CHECK_EVERY)
			SAY("+OK 64 7\r\n");
		SENT("");
	}
	SAY("+OK 127 7\r\n");
	for (i = 1; i < WINDOW_COUNT; i++) {
		SENT("");
		assert_int_equal(pop3_verdict(p, i, i == 7 ? VERDICT_DELE : VERDICT_KEEP), 0);
	}
	SENT("DELE 200\r\nDELE 7\r\nQUIT\r\n");
}

/* Told before there is a plan. */
static void
test_stop_early(void **state __unused)
{
	to_plan(1, 3);
	pop3_stop(p);
	SENT("QUIT\r\n");
	begin(TLS_MODE_TLS, 0, 0, "x");
	pop3_stop(p);
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	(void)sent();
	SAY("+OK 0 0\r\n+OK\r\n.\r\n");
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	SENT("QUIT\r\n");
}

static void
test_alone(void **state __unused)
{
	to_plan(1, 4);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR_ALONE), 0);
	assert_int_equal(pop3_plan(p, 2, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 4, ACTION_RETR_ALONE), 0);
	assert_int_equal(pop3_plan_end(p, 3), 0);
	SENT("RETR 2\r\nLIST 2\r\n");
	SAY("+OK\r\n.\r\n+OK 2 0\r\n");
	SENT("");
	assert_int_equal(pop3_verdict(p, 2, VERDICT_KEEP), 0);
	SENT("RETR 1\r\n");
	SAY("+OK\r\n.\r\n");
	SENT("");
	assert_int_equal(pop3_verdict(p, 1, VERDICT_DELE), 0);
	SENT("RETR 4\r\nLIST 4\r\n");
	SAY("+OK\r\nx");
	assert_int_equal(pop3_verdict(p, 4, VERDICT_DELE), -1);	/* not complete */
	assert_int_equal(pop3_verdict(p, 4, VERDICT_KEEP), 0);	/* refused on the way */
	SAY("\r\n.\r\n");
	SENT("");
	SAY("+OK 4 120\r\n");
	SENT("DELE 1\r\nQUIT\r\n");
}

static void
test_master_rules(void **state __unused)
{
	to_plan(1, 3);
	assert_int_equal(pop3_plan(p, 0, ACTION_RETR), -1);
	assert_int_equal(pop3_plan(p, 4, ACTION_RETR), -1);
	assert_int_equal(pop3_plan(p, 1, 0), -1);
	assert_int_equal(pop3_plan(p, 1, ACTION_FINGERPRINT + 1), -1);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 1, ACTION_DELE), -1);
	assert_int_equal(pop3_plan_end(p, 2), -1);
	assert_int_equal(pop3_plan_end(p, 1), 0);
	assert_int_equal(pop3_plan(p, 2, ACTION_RETR), -1);
	assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), -1);
	(void)sent();
	SAY("+OK\r\n.\r\n");
	assert_int_equal(pop3_verdict(p, 1, 3), -1);
	assert_int_equal(pop3_verdict(p, 2, VERDICT_KEEP), -1);
	assert_int_equal(pop3_verdict(p, 4, VERDICT_KEEP), -1);
	assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), 0);
	assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), -1);
}

static void
test_closed(void **state __unused)
{
	to_plan(1, 1);
	assert_int_equal(pop3_plan(p, 1, ACTION_DELE), 0);
	assert_int_equal(pop3_plan_end(p, 1), 0);
	(void)sent();
	SAY("+OK\r\n");
	EVENTS("deleted 1\n");
	pop3_closed(p, "gone");
	failed(WHY_CLOSED, STAGE_QUIT);
	to_plan(1, 1);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan_end(p, 1), 0);
	(void)sent();
	SAY("+OK\r\nx\r\n.\r");
	pop3_closed(p, "gone");
	EVENTS("begin 1 0\n");
	failed(WHY_CLOSED, STAGE_RETR);
}

/* RSET behind the last message and ahead of our own deletions; none where no message was asked for. */
static void
test_rset(void **state __unused)
{
	static const char *const	 replies[] = { "+OK\r\n", "-ERR what?\r\n" };
	size_t				 i;

	for (i = 0; i < nitems(replies); i++) {
		to_plan(1, 3);
		reset_too();
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_DELE), 0);
		assert_int_equal(pop3_plan_end(p, 2), 0);
		SENT("RETR 1\r\nLIST 1\r\n");
		SAY("+OK\r\nx\r\n.\r\n+OK 1 100\r\n");
		SENT("");
		assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), 0);
		SENT("RSET\r\nDELE 3\r\nQUIT\r\n");
		SAY(replies[i]);
		SAY("+OK\r\n+OK\r\n");
		assert_int_equal(p->state, POP3_DONE);
		assert_int_equal(p->deleted, 1);
	}
	to_plan(0, 2);
	reset_too();
	plan_for(1, 1, ACTION_RETR);
	SENT("RETR 1\r\n");
	SAY("-ERR no\r\n");
	SENT("RSET\r\n");
	SAY("+OK\r\n");
	SENT("QUIT\r\n");
	to_plan(0, 2);
	reset_too();
	plan_for(1, 1, ACTION_DELE);
	SENT("DELE 1\r\n");
}

/* As to_plan(), for one message whose size LIST tells. */
static void
to_sizes(const char *size)
{
	char	 line[64];

	begin(TLS_MODE_TLS, 0, 1, "tanstaaf");
	SAY("+OK hello\r\n");
	SENT("CAPA\r\n");
	SAY(CAPA_NONE);
	SENT("USER mrose\r\n");
	SAY("+OK\r\n");
	SENT("PASS tanstaaf\r\n");
	SAY("+OK in\r\n");
	SENT("STAT\r\n");
	SAY("+OK 1 100\r\n");
	SENT("LIST\r\n");
	snprintf(line, sizeof(line), "+OK\r\n1 %s\r\n.\r\n", size);
	SAY(line);
	SENT("UIDL\r\n");
	SAY("+OK\r\n1 a\r\n.\r\n");
}

/* max_size is for whole messages, and not for one that is wanted in any case; each begins with a cap of its own. */
static void
test_max_size(void **state __unused)
{
	static const char	 body[] = "+OK\r\nSubject: longer than that\r\n\r\nx\r\n.\r\n";
	static const struct {
		const char	*size, *last, *over;
	} t[] = {
		{ "1",	"+OK\r\nab\r\ncd\r\n.\r\n",	"+OK\r\nab\r\ncde\r\n.\r\n" },
		{ "4",	"+OK\r\nab\r\ncd\r\n.\r\n",	"+OK\r\nab\r\ncde\r\n.\r\n" },
		{ "5",	"+OK\r\nab\r\n.\r\n",		"+OK\r\nabc\r\n.\r\n" },
		{ "0",	"+OK\r\nab\r\n.\r\n",		"+OK\r\nabc\r\n.\r\n" }
	};
	size_t			 i;

	for (seg = 0; seg < 9; seg++) {
		to_plan(0, 4);
		limit_to(16);
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR | ACTION_ANY_SIZE), 0);
		assert_int_equal(pop3_plan(p, 2, ACTION_HEADERS), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_RETR_ALONE | ACTION_ANY_SIZE), 0);
		assert_int_equal(pop3_plan(p, 4, ACTION_RETR_ALONE), 0);
		assert_int_equal(pop3_plan_end(p, 4), 0);
		SENT("RETR 1\r\n");
		SAY(body);
		SENT("TOP 2 0\r\n");
		SAY(body);
		SENT("LIST 2\r\n");
		SAY("+OK 2 100\r\n");
		assert_int_equal(p->retrieved, 2);
		assert_int_equal(pop3_verdict(p, 1, VERDICT_KEEP), 0);
		assert_int_equal(pop3_verdict(p, 2, VERDICT_KEEP), 0);
		SENT("RETR 3\r\n");
		SAY(body);
		assert_int_equal(pop3_verdict(p, 3, VERDICT_KEEP), 0);
		SENT("RETR 4\r\n");
		assert_int_equal(say(body), -1);
		failed(WHY_PROTO, STAGE_RETR);
		assert_string_equal(p->text, "message 4 is larger than max_size (16 octets), whatever the server's listing says: raise max_size, or "
		    "delete the message there");
	}
	seg = 0;
	to_plan(0, 1);
	limit_to(4);
	plan_for(1, 1, ACTION_RETR);
	SENT("RETR 1\r\n");
	SAY("+OK\r\nxy\r\n.\r\n");			/* as many as it may have */
	assert_int_equal(p->retrieved, 1);
	for (seg = 0; seg < 9; seg++)		/* LIST says that it fits, or not, or nothing: as many, and one more */
		for (i = 0; i < nitems(t); i++) {
			to_sizes(t[i].size);
			limit_to(4);
			plan_for(1, 1, ACTION_RETR);
			SENT("RETR 1\r\n");
			assert_int_equal(say(t[i].last), 0);
			assert_int_equal(p->retrieved, 1);
			to_sizes(t[i].size);
			limit_to(4);
			plan_for(1, 1, ACTION_RETR);
			SENT("RETR 1\r\n");
			assert_int_equal(say(t[i].over), -1);
			failed(WHY_PROTO, STAGE_RETR);
		}
	seg = 0;
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_lockstep),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_octets),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_early),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_master_rules),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_rset),
		cmocka_unit_test(test_max_size)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
