/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/deciderig.c deliverer */
/* The lines put on top of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "deciderig.h"

static int
setup(void **state)
{
	(void)state;
	load(0);
	return (0);
}

static void
prologue(uint32_t msgno, char *text, size_t size)
{
	struct buf	 out;

	buf_init(&out, 65536);
	assert_int_equal(prologue_write(&session, msgno, &to, 0, NULL, &out), 0);
	assert_true(buf_len(&out) < size);
	memcpy(text, buf_data(&out), buf_len(&out));
	text[buf_len(&out)] = '\0';
	buf_free(&out);
}

static void
on_top(void **state)
{
	static const char	 want[] = "Return-Path: <a@b>\nReceived: from pop.example.net (pop.example.net [192.0.2.1])\n"
	    "\tby mx.example.org (rpopd) with POP3S id S12N7;\n\t";
	char			 text[4096], *date;
	struct tm		 tm;
	time_t			 now = time(NULL), then;

	(void)state;
	setenv("TZ", "XXX-09:30", 1);
	tzset();
	mode(DIST_STAR, "");
	assert_int_equal(decide("Return-Path: <a@b>\nTo: anna@example.org\n\n", 42), 0);
	prologue(7, text, sizeof(text));
	assert_int_equal(strncmp(text, want, strlen(want)), 0);
	date = text + strlen(want);
	memset(&tm, 0, sizeof(tm));
	assert_string_equal(strptime(date, "%a, %d %b %Y %H:%M:%S", &tm), " +0930\n");
	then = timegm(&tm) - (9 * 60 + 30) * 60;
	assert_true(then >= now && then <= now + 60);
	recipients_free(&to);

	session.tls = TLS_MODE_NONE;
	strlcpy(session.address, "2001:db8::1", sizeof(session.address));
	assert_int_equal(decide("To: nobody@example.org\n\n", 24), 0);
	prologue(4000000, text, sizeof(text));
	assert_non_null(strstr(text, "Return-Path: <>\nReceived: from pop.example.net (pop.example.net [IPv6:2001:db8::1])\n"));
	assert_non_null(strstr(text, " with POP3 id S12N4000000;\n"));
	assert_non_null(strstr(text, "\nX-Rpopd-Reason: no address in To, Cc or Bcc belongs to an account here\n"));
	recipients_free(&to);
}

/* Only a name that is one, and an address that is one. */
static void
polled_host(void **state)
{
	static const struct {
		const char	*host, *address, *want;
	}	 samples[] = {
		{ "pop.example.net", "192.0.2.1", "from pop.example.net (pop.example.net [192.0.2.1])\n\tby" },
		{ "pop.example.net", "", "from pop.example.net\n\tby" },
		{ "192.0.2.1", "192.0.2.1", "from [192.0.2.1] ([192.0.2.1])\n\tby" },
		{ "2001:db8::1", "2001:db8::1", "from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\n\tby" },
		{ "a\nb", "192.0.2.1", "from [192.0.2.1] ([192.0.2.1])\n\tby" },
		{ "a b", "c\nd", "from unknown\n\tby" },
		{ "pop.example.net", "1.2.3.4)\nX: y", "from pop.example.net\n\tby" }
	};
	char	 text[4096];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		mode(DIST_OWNER, "");
		strlcpy(session.host, samples[i].host, sizeof(session.host));
		strlcpy(session.address, samples[i].address, sizeof(session.address));
		assert_int_equal(decide("\n", 1), 0);
		prologue(1, text, sizeof(text));
		if (strstr(text, samples[i].want) == NULL)
			fail_msg("`%s' `%s': `%s'", samples[i].host, samples[i].address, text);
		recipients_free(&to);
	}
}

/* A field name that should never have got this far, and the longest sender. */
static void
nothing_foreign(void **state)
{
	static char	 field[1024], text[4096];
	int		 i;

	(void)state;
	mode(DIST_FIELD, "X\n\x1b\xff");
	assert_int_equal(decide("\n", 1), 0);
	assert_string_equal(to.reason, "there is no X??? field");
	recipients_free(&to);
	mode(DIST_OWNER, "");
	i = snprintf(field, sizeof(field), "Return-Path: <\"");
	memset(field + i, 'x', 2 * MAILADDR_LOCAL_MAX);
	for (; i < 15 + 2 * MAILADDR_LOCAL_MAX; i += 2)
		field[i] = field[i + 1] = '\\';
	memcpy(field + i, "\"@", 2);
	memset(field + i + 2, 'y', MAILADDR_DOMAIN_MAX);
	memcpy(field + i + 2 + MAILADDR_DOMAIN_MAX, ">\n\n", 4);
	assert_int_equal(decide(field, strlen(field)), 0);
	assert_int_equal(strlen(to.sender), 2 * MAILADDR_LOCAL_MAX + MAILADDR_DOMAIN_MAX + 3);
	prologue(1, text, sizeof(text));
	assert_non_null(strstr(text, to.sender));
	recipients_free(&to);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(on_top), cmocka_unit_test(polled_host), cmocka_unit_test(nothing_foreign)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
