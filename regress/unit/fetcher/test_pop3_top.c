/* SPDX-License-Identifier: ISC */
/* links: regress/unit/fetcher/pop3_script.c fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* The protocol engine: probes in place of a listing, headers and fingerprints by TOP. */
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

#define HEADER	"+OK\r\nReceived: x; x\r\n\r\n.\r\n"

/* Logged in, nothing answered yet of what comes behind.  In lock-step, STAT is asked. */
static void
to_stat(int pipe, int sizes, uint32_t a, uint32_t b, uint32_t c)
{
	begin(TLS_MODE_TLS, 0, sizes, "x");
	probe_for(a, b, c);
	SAY("+OK\r\n");
	(void)sent();
	SAY(pipe ? CAPA_PIPE : CAPA_NONE);
	if (pipe)
		return;
	(void)sent();
	SAY("+OK\r\n");
	(void)sent();
	SAY("+OK\r\n");
	SENT("STAT\r\n");
}

static void
test_headers(void **state __unused)
{
	for (seg = 0; seg < 3; seg++) {
		to_plan(1, 3);
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 2, ACTION_HEADERS), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_HEADERS), 0);
		assert_int_equal(pop3_plan_end(p, 3), 0);
		SENT("RETR 1\r\nTOP 2 0\r\nTOP 3 0\r\nLIST 3\r\n");
		SAY("+OK\r\nSubject: a\r\n\r\nx\r\n.\r\n"
		    "+OK\r\nSubject: b\r\n\r\nbody\r\nall the same\r\n.\r\n-ERR no TOP\r\n+OK 3 9\r\n");
		EVENTS("begin 1 0\ndata 17\nend 1 17\nbegin 2 0 header\ndata 14\nend 2 14\nskipped 3 no TOP\n");
		SENT("");
		assert_int_equal(pop3_verdict(p, 2, VERDICT_KEEP), 0);
		assert_int_equal(pop3_verdict(p, 1, VERDICT_DELE), 0);
		SENT("DELE 1\r\nQUIT\r\n");
	}
	seg = 0;
}

/* Fingerprints first, then the master plans again; what the first plan had besides is done after the second. */
static void
test_fingerprints(void **state __unused)
{
	for (seg = 0; seg < 3; seg++) {
		to_plan(1, 4);
		assert_int_equal(pop3_plan(p, 1, ACTION_FINGERPRINT), 0);
		assert_int_equal(pop3_plan(p, 2, ACTION_FINGERPRINT), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_FINGERPRINT), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_RETR), -1);
		assert_int_equal(pop3_plan(p, 4, ACTION_RETR), 0);
		assert_int_equal(pop3_plan_end(p, 4), 0);
		SENT("TOP 1 0\r\nTOP 2 0\r\nTOP 3 0\r\nLIST 3\r\n");
		SAY(HEADER "-ERR gone\r\n+OK\r\nRECEIVED:  x; x \r\nStatus: RO\r\n\r\nand a body\r\n.\r\n");
		EVENTS("fingerprint 1\nfingerprint 3 same\n");	/* a refusal is told when all is in step */
		assert_int_equal(p->state, POP3_FINGERPRINT);
		SAY("+OK 3 100\r\n");
		EVENTS("skipped 2 gone\nfingerprinted\n");
		assert_int_equal(p->state, POP3_PLAN);
		SENT("");
		assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
		assert_int_equal(pop3_plan(p, 3, ACTION_DELE), 0);
		assert_int_equal(pop3_plan_end(p, 3), -1);
		assert_int_equal(pop3_plan_end(p, 2), 0);
		SENT("RETR 1\r\nRETR 4\r\nLIST 4\r\n");
		SAY("-ERR\r\n-ERR\r\n-ERR\r\n");
		SENT("DELE 3\r\nQUIT\r\n");
	}
	seg = 0;
}

/* As often as the master likes; in lock-step; and stopped. */
static void
test_fingerprints_again(void **state __unused)
{
	to_plan(0, 3);
	plan_for(1, 2, ACTION_FINGERPRINT);
	SENT("TOP 1 0\r\n");
	SAY("+OK\r\nno header here\r\n.\r\n");
	SENT("TOP 2 0\r\n");
	assert_int_equal(pop3_blame(p), 2);
	SAY(HEADER);
	SENT("LIST 2\r\n");
	SAY("+OK 2 7\r\n");
	EVENTS("fingerprint 1 none\nfingerprint 2\nfingerprinted\n");
	plan_for(2, 3, ACTION_FINGERPRINT);
	SENT("TOP 2 0\r\n");
	SAY(HEADER);
	SENT("TOP 3 0\r\n");
	SAY("-ERR gone\r\n");
	SENT("LIST 3\r\n");
	SAY("-ERR gone\r\n");
	SENT("STAT\r\n");		/* nothing was retrieved that LIST could name */
	EVENTS("fingerprint 2 same\n");
	SAY("+OK 3 300\r\n");
	EVENTS("skipped 3 gone\nfingerprinted\n");
	plan_for(1, 2, ACTION_FINGERPRINT);
	SENT("TOP 1 0\r\n");
	pop3_stop(p);
	SAY(HEADER);
	SENT("LIST 1\r\n");
	SAY("+OK 1 7\r\n");
	SENT("QUIT\r\n");
	assert_int_equal(p->retrieved, 0);
}

static void
test_fingerprints_out_of_step(void **state __unused)
{
	to_plan(1, 2);
	plan_for(1, 2, ACTION_FINGERPRINT);
	(void)sent();
	SAY(HEADER HEADER);
	assert_int_equal(say(HEADER), -1);
	failed(WHY_PROTO, STAGE_LIST);
	assert_int_equal(pop3_confused(p), 1);
}

static void
test_probes(void **state __unused)
{
	to_stat(1, 1, 1, 50, 99);
	SENT("USER mrose\r\nPASS x\r\n");
	SAY("+OK\r\n+OK\r\n");
	SENT("STAT\r\nUIDL 1\r\nUIDL 50\r\nUIDL 99\r\n");
	SAY("+OK 99 9900\r\n");
	EVENTS("");
	SAY("+OK 1 a\r\n-ERR gone\r\n+OK 99  z \r\n");
	EVENTS("stat 99 9900 1\nuid 1 a\nuid 99 z\nlisted 2 3\n");
	assert_int_equal(p->state, POP3_PLAN);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), -1);
	assert_int_equal(pop3_plan_end(p, 0), 0);
	SENT("QUIT\r\n");
	to_stat(0, 1, 1, 50, 99);
	SAY("+OK 60 6000\r\n");
	SENT("UIDL 1\r\n");
	SAY("+OK 1\r\n");			/* no unique-id, but an answer */
	SENT("UIDL 50\r\n");
	SAY("+OK 50 m\r\n");
	EVENTS("stat 60 6000 1\nuid 50 m\nlisted 2 3\n");
	pop3_stop(p);
	SENT("QUIT\r\n");
}

/* Not enough: the listing, as if nobody had probed. */
static void
test_probes_then_list(void **state __unused)
{
	int	 sizes;

	for (sizes = 0; sizes < 2; sizes++) {
		to_stat(1, sizes, 1, 2, 0);
		(void)sent();
		SAY("+OK\r\n+OK\r\n");
		(void)sent();
		SAY("+OK 2 300\r\n+OK 1 a\r\n+OK 2 b\r\n");
		EVENTS("stat 2 300 1\nuid 1 a\nuid 2 b\nlisted 2 3\n");
		assert_int_equal(pop3_list(p), 0);
		assert_int_equal(pop3_list(p), -1);
		if (sizes) {
			SENT("LIST\r\nUIDL\r\n");
			SAY("+OK\r\n1 100\r\n2 200\r\n.\r\n");
		} else
			SENT("UIDL\r\n");
		SAY("+OK\r\n1 a\r\n2 c\r\n.\r\n");
		EVENTS("uid 1 a\nuid 2 c\nlisted 2 1\n");
		assert_int_equal(pop3_list(p), -1);
		plan_for(1, 2, ACTION_RETR);
		SENT("RETR 1\r\nRETR 2\r\nLIST 2\r\n");
	}
	to_stat(0, 1, 1, 0, 0);
	SAY("+OK 1 100\r\n");
	SENT("UIDL 1\r\n");
	SAY("+OK 1 a\r\n");
	SENT("");
	assert_int_equal(pop3_list(p), 0);
	SENT("LIST\r\n");
	SAY("-ERR\r\n");
	SENT("UIDL\r\n");
	SAY("-ERR not any more\r\n");
	EVENTS("stat 1 100 1\nuid 1 a\nlisted 1 3\nlisted 0 0\n");
	assert_int_equal(p->state, POP3_PLAN);
}

/* No probe has an answer: it has to be the listing anyway, so it is asked for at once. */
static void
test_probes_useless(void **state __unused)
{
	to_stat(0, 1, 7, 8, 0);
	SAY("+OK 6 600\r\n");
	SENT("LIST\r\n");
	SAY("-ERR\r\n");
	SENT("UIDL\r\n");
	SAY("-ERR\r\n");
	EVENTS("stat 6 600 0\nlisted 0 0\n");
	to_stat(0, 1, 7, 0, 0);
	SAY("+OK 0 0\r\n");
	SENT("UIDL\r\n");
	SAY("+OK\r\n.\r\n");
	EVENTS("stat 0 0 1\nlisted 0 1\n");
	to_stat(1, 0, 1, 8, 0);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	(void)sent();
	SAY("+OK 6 600\r\n-ERR\r\n");
	SENT("");
	SAY("+OK 8 more than there are\r\n");
	SENT("UIDL\r\n");
	SAY("+OK\r\n.\r\n");
	EVENTS("stat 6 600 1\nlisted 0 0\n");
}

/* An answer for another number is the answer to something else; a whole listing is none to a probe. */
static void
test_probes_out_of_step(void **state __unused)
{
	static const char	*const answers[] = { "+OK 2 b\r\n", "+OK\r\n", "+OK 3 messages\r\n", "1 a\r\n" };
	size_t			 i;

	for (i = 0; i < nitems(answers); i++) {
		to_stat(1, 0, 1, 2, 0);
		(void)sent();
		SAY("+OK\r\n+OK\r\n");
		(void)sent();
		SAY("+OK 6 600\r\n");
		assert_int_equal(say(answers[i]), -1);
		failed(WHY_PROTO, STAGE_LIST);
		assert_int_equal(pop3_confused(p), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_fingerprints),
		cmocka_unit_test(test_fingerprints_again),
		cmocka_unit_test(test_fingerprints_out_of_step),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_probes_then_list),
		cmocka_unit_test(test_probes_useless),
		cmocka_unit_test(test_probes_out_of_step)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
