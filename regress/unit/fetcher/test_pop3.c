/* SPDX-License-Identifier: ISC */
/* links: regress/unit/fetcher/pop3_script.c fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* The protocol engine up to the listing: TLS first, login, listings, and what makes it give up. */
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

static void
test_lockstep_sizes(void **state __unused)
{
	begin(TLS_MODE_NONE, 0, 1, "x");
	SAY("+OK\r\n");
	SENT("CAPA\r\n");
	SAY("+OK\r\nUIDL\r\n.\r\n");
	SENT("USER mrose\r\n");
	SAY("+OK\r\n");
	SENT("PASS x\r\n");
	SAY("+OK\r\n");
	SENT("STAT\r\n");
	SAY("+OK 1 1\r\n");
	SENT("LIST\r\n");
	SAY("-ERR no LIST today\r\n");
	SENT("UIDL\r\n");
	SAY("-ERR no UIDL ever\r\n");
	EVENTS("stat 1 1 0\nlisted 0 0\n");
	assert_int_equal(pop3_plan_end(p, 0), 0);
	SENT("QUIT\r\n");
}

static void
test_stls(void **state __unused)
{
	begin(TLS_MODE_STLS, 1, 0, "tanstaaf");
	SAY("+OK <a@b>\r\n");
	SENT("CAPA\r\n");
	SAY(CAPA_PIPE);
	SENT("STLS\r\n");
	SAY("+OK go\r\n");
	assert_int_equal(p->state, POP3_HANDSHAKE);
	SENT("");
	pop3_secured(p);
	SENT("CAPA\r\n");
	SAY("+OK\r\n.\r\n");		/* no PIPELINING any more, and the timestamp is forgotten */
	SENT("USER mrose\r\n");
}

static void
test_stls_refused(void **state __unused)
{
	begin(TLS_MODE_STLS, 0, 0, "tanstaaf");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_NONE);
	SENT("STLS\r\n");
	assert_int_equal(say("-ERR not here\r\n"), -1);
	failed(WHY_TLS, STAGE_TLS);
	assert_non_null(strstr(p->text, "not here"));
	SENT("");
}

static void
test_stls_injection(void **state __unused)
{
	begin(TLS_MODE_STLS, 0, 0, "tanstaaf");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	assert_int_equal(say("+OK\r\n+OK user\r\n"), -1);
	failed(WHY_PROTO, STAGE_TLS);
	assert_non_null(strstr(p->text, "STLS"));
	SENT("");
}

/* Whatever went wrong before: without TLS no login octet comes into being. */
static void
test_no_login_in_clear(void **state __unused)
{
	begin(TLS_MODE_TLS, 0, 0, "tanstaaf");
	p->secure = 0;
	SAY("+OK\r\n");
	(void)sent();
	assert_int_equal(say(CAPA_PIPE), -1);
	failed(WHY_TLS, STAGE_LOGIN);
	SENT("");
}

/* An answer too many, at each place where one can be. */
static void
test_stale(void **state __unused)
{
	begin(TLS_MODE_TLS, 0, 0, "x");
	assert_int_equal(say("+OK hello\r\n+OK\r\n.\r\n"), -1);
	failed(WHY_PROTO, STAGE_CAPA);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY("+OK hello\r\n");
	SENT("CAPA\r\n");
	assert_int_equal(say(CAPA_PIPE "+OK\r\n"), -1);
	failed(WHY_PROTO, STAGE_LOGIN);
	to_plan(1, 2);
	assert_int_equal(say("+OK\r\n"), -1);
	failed(WHY_PROTO, STAGE_LIST);
	to_plan(0, 2);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan(p, 2, ACTION_RETR), 0);
	assert_int_equal(pop3_plan_end(p, 2), 0);
	SENT("RETR 1\r\n");
	assert_int_equal(say("+OK\r\na\r\n.\r\n+OK\r\nb\r\n.\r\n"), -1);
	failed(WHY_PROTO, STAGE_RETR);
	to_plan(1, 2);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan_end(p, 1), 0);
	SENT("RETR 1\r\nLIST 1\r\n");
	assert_int_equal(say("+OK\r\na\r\n.\r\n+OK\r\n"), -1);
	failed(WHY_PROTO, STAGE_RETR);
	EVENTS("begin 1 0\ndata 3\nend 1 3\n");
}

/* APOP only if the record, the global switch and the greeting's timestamp all say so; the fetcher has the first two as one flag. */
static void
test_apop(void **state __unused)
{
	int	 i, flag, global, stamp;

	for (i = 0; i < 8; i++) {
		flag = i & 1;
		global = i >> 1 & 1;
		stamp = i >> 2 & 1;
		begin(TLS_MODE_NONE, flag && global, 0, "tanstaaf");
		SAY(stamp ? "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n" : "+OK POP3 server ready\r\n");
		SENT("CAPA\r\n");
		SAY(CAPA_NONE);
		if (flag && global && stamp)
			SENT("APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n");
		else
			SENT("USER mrose\r\n");
	}
	begin(TLS_MODE_TLS, 1, 0, "tanstaaf");
	SAY("+OK <a b@c>\r\n");
	(void)sent();
	SAY(CAPA_NONE);
	SENT("USER mrose\r\n");
	begin(TLS_MODE_TLS, 1, 0, "tanstaaf");
	SAY("+OK <a@c>\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	assert_memory_equal(sent(), "APOP mrose ", 11);
	assert_int_equal(say("-ERR no\r\n"), -1);
	failed(WHY_AUTH, STAGE_LOGIN);
	SENT("");
}

static void
test_login_refused(void **state __unused)
{
	static const struct {
		const char	*reply;
		enum fail_why	 why;
	} t[] = {
		{ "-ERR wrong\r\n",			WHY_AUTH },
		{ "-ERR [AUTH] wrong\r\n",		WHY_AUTH },
		{ "-ERR [SYS/PERM] wrong\r\n",		WHY_SERVER_PERM },
		{ "-ERR [IN-USE] locked\r\n",		WHY_BUSY },
		{ "-ERR [LOGIN-DELAY] slowly\r\n",	WHY_TOO_SOON },
		{ "-ERR [SYS/TEMP] later\r\n",		WHY_SERVER_TEMP },
		{ "-ERR ALERT: read this\r\n",		WHY_ALERT }
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++) {
		begin(TLS_MODE_TLS, 0, 0, "tanstaaf");
		SAY("+OK\r\n");
		(void)sent();
		SAY(CAPA_PIPE);
		(void)sent();
		SAY("+OK\r\n");
		assert_int_equal(say(t[i].reply), -1);
		failed(t[i].why, STAGE_LOGIN);
	}
	begin(TLS_MODE_TLS, 0, 0, "x");
	assert_int_equal(say("-ERR too many connections\r\n"), -1);
	failed(WHY_SERVER_TEMP, STAGE_GREETING);
	begin(TLS_MODE_TLS, 0, 0, "x");
	assert_int_equal(say("-ERR [SYS/TEMP] going down\r\n"), -1);
	failed(WHY_SERVER_TEMP, STAGE_GREETING);
}

/* The echo of the secret appears nowhere, and after the login the engine has none. */
static void
test_echo(void **state __unused)
{
	static const char	 secret[] = "hunter2hunter";
	const uint8_t		*mem;
	size_t			 i;

	begin(TLS_MODE_TLS, 0, 0, secret);
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	SENT("USER mrose\r\nPASS hunter2hunter\r\n");
	for (mem = (const uint8_t *)p, i = 0; i + sizeof(secret) - 1 <= sizeof(*p); i++)
		assert_memory_not_equal(mem + i, secret, sizeof(secret) - 1);
	SAY("+OK\r\n");
	assert_int_equal(say("-ERR mrose hunter2hunter2hunter and \x1b[hunter2hunter\r\n"), -1);
	failed(WHY_AUTH, STAGE_LOGIN);
	assert_null(strstr(p->text, "hunter"));
	assert_null(strchr(p->text, '\x1b'));
	assert_non_null(strstr(p->text, "mrose ***"));
	to_plan(0, 1);
	assert_int_equal(pop3_plan(p, 1, ACTION_RETR), 0);
	assert_int_equal(pop3_plan_end(p, 1), 0);
	(void)sent();
	SAY("-ERR say tanstaaf\r\n");
	EVENTS("skipped 1 say ********\n");
}

static void
test_bad_listing(void **state __unused)
{
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	(void)sent();
	SAY("+OK 4 400\r\n+OK\r\n");
	SAY("0 zero\r\n1 a\r\n2 b\x80\r\n2 b\r\n3 c\r\n3 d\r\n5 five\r\nnonsense\r\n99999999999999999999 x\r\n1 \x01\r\n4 d\r\n.\r\n");
	EVENTS("stat 4 400 1\nuid 1 a\nuid 2 uid:c9a1ac0c416b87fe55a85e056e716a54e5a63e548439393a4e792e5775e02c75\n"
	    "uid 2 b\nuid 3 c\nuid 3 d\n"
	    "uid 1 uid:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a\nuid 4 d\nlisted 11 2\n");
	assert_int_equal(p->state, POP3_PLAN);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	(void)sent();
	SAY("+OK 2 400\r\n+OK\r\n1 a\r\n1 b\r\n.\r\n");
	EVENTS("stat 2 400 1\nuid 1 a\nuid 1 b\nlisted 2 2\n");
}

/* What stands in the place of a unique-id breaks the rules: its digest serves, and the listing is complete. */
static void
test_derived(void **state __unused)
{
	char	 line[6000];
	size_t	 i;

	for (i = 71; i < sizeof(line) - 16; i += i < 100 || (i > REPLY_LINE_MAX - 8 && i < REPLY_LINE_MAX + 8) ? 1 : 97) {
		begin(TLS_MODE_TLS, 0, 0, "x");
		SAY("+OK\r\n");
		(void)sent();
		SAY(CAPA_PIPE);
		(void)sent();
		SAY("+OK\r\n+OK\r\n");
		(void)sent();
		SAY("+OK 3 400\r\n+OK\r\n1 a\r\n");
		memset(line, 'y', sizeof(line));
		memcpy(line, "2 ", 2);
		memcpy(line + 2 + i, "\r\n", 3);
		SAY(line);
		SAY("3 c\r\n.\r\n");
		assert_int_equal(p->state, POP3_PLAN);
		assert_int_equal(p->derived, 1);
		assert_non_null(strstr(events, "uid 1 a\nuid 2 uid:"));
		assert_non_null(strstr(events, "uid 3 c\nlisted 3 1\n"));
	}
}

static void
test_caps(void **state __unused)
{
	char	 line[REPLY_LINE_MAX + 8];
	int	 i, r;

	memset(line, 'a', sizeof(line));
	memcpy(line, "+OK ", 4);
	memcpy(line + REPLY_LINE_MAX, "\r\n", 3);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY(line);
	memcpy(line + REPLY_LINE_MAX, "a\r\n", 4);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY(line);				/* the begin of it says enough */
	SENT("CAPA\r\n");
	memset(line, '+', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	begin(TLS_MODE_TLS, 0, 0, "x");
	assert_int_equal(say(line), -1);
	failed(WHY_PROTO, STAGE_GREETING);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY("+OK\r\n");
	(void)sent();
	SAY("+OK\r\n");
	for (i = 0, r = 0; i < 1000 && r == 0; i++)
		r = say("X\r\n");
	assert_int_equal(i, LIST_SLACK + 1);
	failed(WHY_PROTO, STAGE_CAPA);
	begin(TLS_MODE_TLS, 0, 0, "x");
	SAY("+OK\r\n");
	(void)sent();
	SAY(CAPA_PIPE);
	(void)sent();
	SAY("+OK\r\n+OK\r\n");
	assert_int_equal(say("+OK 4000001 1\r\n"), -1);
	failed(WHY_PROTO, STAGE_LIST);
}

static void
test_not_pop3(void **state __unused)
{
	begin(TLS_MODE_NONE, 0, 0, "x");
	assert_int_equal(say("220 smtp.example.org ESMTP\r\n"), -1);
	failed(WHY_PROTO, STAGE_GREETING);
	begin(TLS_MODE_NONE, 0, 0, "x");
	pop3_closed(p, "gone");
	failed(WHY_CLOSED, STAGE_GREETING);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lockstep_sizes),
		cmocka_unit_test(test_stls),
		cmocka_unit_test(test_stls_refused),
		cmocka_unit_test(test_stls_injection),
		cmocka_unit_test(test_no_login_in_clear),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_apop),
		cmocka_unit_test(test_login_refused),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_bad_listing), cmocka_unit_test(test_derived),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_not_pop3)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
