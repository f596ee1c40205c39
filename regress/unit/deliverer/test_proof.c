/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* Which equal messages are copies of each other, and which are not. */
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

#define ID	"Message-ID: <a@b.example>\n"
#define DATE	"Date: Fri, 01 Mar 2024 12:00:00 +0000\n"
#define TEXT	"From: ups@b.example\nSubject: on battery\n\nUPS is on battery.\n"
#define TOP(n)	"Received: from mx by store" n " id " n "; Fri, 1 Mar 2024 12:00:0" n " +0000\n"
#define HOP(n)	"Received: from relay by mx.example id " n ";\n\tFri, 1 Mar 2024 12:00:0" n " +0000\n"
#define LOW(n)	"Received: from ups by relay id " n "; Fri, 1 Mar 2024 11:59:0" n " +0000 (UTC)\n"

static struct msg_session_open	 session;

static int
setup(void **state)
{
	(void)state;
	memset(&session, 0, sizeof(session));
	return (0);
}

/* 1: it can be told from others, and digest is what its copies share. */
static int
prove(enum dist_mode mode, const char *text, uint8_t digest[PROTO_DIGEST_LEN])
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct header		 h;
	ssize_t			 n;

	header_init(&h, mode, "X-Real-To");
	assert_true((n = header_feed(&h, (const uint8_t *)text, strlen(text))) >= 0);
	assert_int_equal(header_finish(&h), 0);
	if ((size_t)n < strlen(text))
		identity_body(&h.identity, (const uint8_t *)text + n, strlen(text) - n);
	proof_identity(&session, &h, 0, digest);
	header_free(&h);
	return (memcmp(digest, none, sizeof(none)) != 0);
}

static int
copies(const char *a, const char *b)
{
	uint8_t	 x[PROTO_DIGEST_LEN], y[PROTO_DIGEST_LEN], z[PROTO_DIGEST_LEN];

	assert_int_equal(prove(DIST_STAR, a, z), prove(DIST_FIELD, a, x));
	assert_memory_equal(x, z, sizeof(x));
	return (prove(DIST_FIELD, a, x) && prove(DIST_FIELD, b, y) && memcmp(x, y, sizeof(x)) == 0);
}

/* With one Message-ID and one Date the way does not matter. */
static void
named(void **state)
{
	uint8_t		 x[PROTO_DIGEST_LEN], y[PROTO_DIGEST_LEN];
	struct header	 h;

	(void)state;
	assert_true(copies(TOP("1") ID DATE TEXT, TOP("2") LOW("1") ID DATE TEXT));
	assert_true(copies(ID DATE TEXT, "X-Real-To: anna\n" DATE ID TEXT));
	assert_false(copies(ID DATE TEXT, ID "Date: Fri, 01 Mar 2024 12:00:01 +0000\n" TEXT));
	/* What was remembered before proof was asked for stays good. */
	prove(DIST_FIELD, ID DATE TEXT, x);
	header_init(&h, DIST_FIELD, "");
	assert_true(header_feed(&h, (const uint8_t *)ID DATE TEXT, sizeof(ID DATE TEXT) - 1 - strlen("UPS is on battery.\n")) > 0);
	identity_body(&h.identity, (const uint8_t *)"UPS is on battery.\n", strlen("UPS is on battery.\n"));
	identity_final(&h.identity, 0, y);
	header_free(&h);
	assert_memory_equal(x, y, sizeof(x));
}

/* Without them each is news, unless the trace says that it is the same delivery. */
static void
unnamed(void **state)
{
	static const char *const	 heads[] = {
		"", ID, DATE, ID ID DATE, ID DATE DATE, "Message-ID:\n" DATE, "Message-ID: <>\n" DATE, "Message-ID: <1>\n" DATE,
		"Message-ID: <@>\n" DATE, "Message-ID: alarm\n" DATE, "Message-ID: <a@b> <c@d>\n" DATE, "Message-ID: <a b@c>\n" DATE,
		ID "Date:\n", ID "Date: now\n", ID "Date: Thu, 01 Jan 1970 03:12:44 +0000\n", ID "Date: Sat, 1 Jan 2000 00:00:12 +0000\n",
		ID "Date: Fri, 01 Mar 2124 12:00:00 +0000\n"
	};
	char				 a[1024], b[1024];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(heads); i++) {
		snprintf(a, sizeof(a), TOP("1") "%s" TEXT, heads[i]);
		if (copies(a, a))
			fail_msg("`%s': a copy", heads[i]);
		snprintf(a, sizeof(a), "%s" TEXT, heads[i]);
		if (copies(a, a))
			fail_msg("`%s' without a trace: a copy", heads[i]);
		snprintf(a, sizeof(a), TOP("1") LOW("1") "%s" TEXT, heads[i]);
		snprintf(b, sizeof(b), TOP("2") "Received:  from ups by\n\trelay id 1; Fri, 1 Mar 2024 11:59:01 +0000 (UTC)\n%s" TEXT,
		    heads[i]);
		if (!copies(a, b))
			fail_msg("`%s' with one trace: no copy", heads[i]);
		snprintf(b, sizeof(b), TOP("1") LOW("2") "%s" TEXT, heads[i]);
		if (copies(a, b))
			fail_msg("`%s' with two traces: a copy", heads[i]);
		snprintf(b, sizeof(b), TOP("1") LOW("1") LOW("1") "%s" TEXT, heads[i]);
		if (copies(a, b))
			fail_msg("`%s' with a longer trace: a copy", heads[i]);
		snprintf(b, sizeof(b), TOP("1") LOW("1") "%s" TEXT "more\n", heads[i]);
		if (copies(a, b))
			fail_msg("`%s' with another body: a copy", heads[i]);
	}
	/* A trace that a device writes itself, always the same. */
	assert_false(copies(TOP("1") "Received: from ups by localhost\n" TEXT, TOP("1") "Received: from ups by localhost\n" TEXT));
	assert_false(copies(TOP("1") "Received: from ups by x; Thu, 1 Jan 1970 00:00:00 +0000\n" TEXT,
	    TOP("1") "Received: from ups by x; Thu, 1 Jan 1970 00:00:00 +0000\n" TEXT));
	/* A trace does not make a message with a name out of one without. */
	assert_false(copies(TOP("1") LOW("1") TEXT, ID DATE TEXT));
}

/* Where the provider's own trace ends is known with a trusted hop. */
static void
trusted(void **state)
{
	(void)state;
	assert_false(copies(TOP("1") HOP("1") LOW("1") TEXT, TOP("2") HOP("2") LOW("1") TEXT));
	strlcpy(session.trusted_hop, "mx.example", sizeof(session.trusted_hop));
	assert_true(copies(TOP("1") HOP("1") LOW("1") TEXT, TOP("2") HOP("2") LOW("1") TEXT));
	assert_false(copies(TOP("1") HOP("1") LOW("1") TEXT, TOP("2") HOP("2") LOW("2") TEXT));
	assert_false(copies(TOP("1") HOP("1") TEXT, TOP("2") HOP("1") TEXT));
	assert_false(copies(TOP("1") LOW("1") TEXT, TOP("2") LOW("1") TEXT));	/* it did not come that way */
	assert_true(copies(TOP("1") HOP("1") ID DATE TEXT, TOP("2") ID DATE TEXT));
}

/* Fields that were not all kept prove nothing. */
static void
too_big(void **state)
{
	char	*text = malloc(HEADER_MAX + 1024);
	uint8_t	 digest[PROTO_DIGEST_LEN];
	size_t	 len;

	(void)state;
	assert_non_null(text);
	len = strlcpy(text, TOP("1") LOW("1") "X: ", HEADER_MAX);
	memset(text + len, 'x', HEADER_MAX);
	strlcpy(text + len + HEADER_MAX, "\n\nbody\n", 100);
	assert_false(prove(DIST_FIELD, text, digest));
	len = strlcpy(text, TOP("1") LOW("1") ID "X: ", HEADER_MAX);
	memset(text + len, 'x', HEADER_MAX);
	strlcpy(text + len + HEADER_MAX, "\n" DATE "\nbody\n", 100);
	assert_true(prove(DIST_FIELD, text, digest));
	free(text);
}

static void
ids(void **state)
{
	static const char *const	 good[] = {
		"<a@b>", " <a@b> ", "<a@b>\t(added by x@y)", "(c)<a@b>", "a@b", "<0123456789ABCDEF>", "0123456789abcdef", "<a@b@c>",
		"<\xc3\xbc@b>", "<a@[192.0.2.1]>"
	}, *const			 bad[] = {
		"", " ", "<", ">", "<>", "<a@b", "a@b>", "<@b>", "<a@>", "@", "<0123456789ABCDE>", "<a b@c>", "<a@b>x", "<a@b><a@b>",
		"a@b c@d", "<a@\x01" "b>", "(a@b)", "<a(x)@b>"
	};
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		if (!proof_id((const uint8_t *)good[i], strlen(good[i])))
			fail_msg("`%s'", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (proof_id((const uint8_t *)bad[i], strlen(bad[i])))
			fail_msg("`%s'", bad[i]);
	assert_false(proof_id((const uint8_t *)"<a@b>\0", 6));
}

static void
dates(void **state)
{
	static const char *const	 good[] = {
		"Fri, 01 Mar 2024 12:00:00 +0000", "1 Mar 2024 12:00 +0100", "fri,1 mar 2024 12:00:00 GMT", " Fri, 1 Mar 2024 12:00:60 Z ",
		"Fri, 1 Mar 2024 12:00:00 -0800 (PST)", "Fri (x), 1 (y(z)) Mar 24 12 : 00 : 00 EST", "1 Mar 99 12:00:00 UT", "31 Dec 1990 23:59 -0000",
		"1 Jan 2024 01:00:00 +0000", "2 Jan 2024 00:00:00 +0000", "1 Feb 2024 00:00:00 +0000", "28 Nov 2027 00:00 MEST", "1 Mar 124 01:00 X"
	}, *const			 bad[] = {
		"", "x", "Fri", "Fri,", "Fri 1 Mar 2024 12:00:00 +0000", "Foo, 1 Mar 2024 12:00:00 +0000", "Friday, 1 Mar 2024 12:00:00 +0000",
		"0 Mar 2024 12:00:00 +0000", "32 Mar 2024 12:00:00 +0000", "1 Mrz 2024 12:00:00 +0000", "1 Mar 2024", "1 Mar 2024 12:00:00",
		"1 Mar 2024 24:00:00 +0000", "1 Mar 2024 12:60:00 +0000", "1 Mar 2024 12:00:61 +0000", "1 Mar 2024 12:00:00 +00000",
		"1 Mar 2024 12:00:00 +000", "1 Mar 2024 12:00:00 +0000 x", "1 Mar 2024 120:00:00 +0000", "1 Mar 20244 12:00:00 +0000",
		"1 Mar 4 12:00:00 +0000", "1 Jan 1970 12:00:00 +0000", "31 Dec 1989 12:00:00 +0000", "1 Jan 2024 00:59:59 +0000",
		"1 Mar 2028 12:00:00 +0000", "2024-03-01 12:00:00 +0000", "1 Mar 2024 12:00:00 ABCDEF"
	};
	time_t				 now = 1795880000;	/* November 2026 */
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		if (!proof_date((const uint8_t *)good[i], strlen(good[i]), now))
			fail_msg("`%s'", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (proof_date((const uint8_t *)bad[i], strlen(bad[i]), now))
			fail_msg("`%s'", bad[i]);
}

/* Texts too long to be kept are none. */
static void
long_texts(void **state)
{
	char	 text[4096];
	uint8_t	 digest[PROTO_DIGEST_LEN];

	(void)state;
	snprintf(text, sizeof(text), "Message-ID: <%0900d@b>\n" DATE TEXT, 7);
	assert_true(prove(DIST_FIELD, text, digest));
	snprintf(text, sizeof(text), "Message-ID: <%01100d@b>\n" DATE TEXT, 7);
	assert_false(prove(DIST_FIELD, text, digest));
	snprintf(text, sizeof(text), ID "Date: Fri, 01 Mar 2024 12:00:00 +0000 (%01100d)\n" TEXT, 7);
	assert_false(prove(DIST_FIELD, text, digest));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(named, setup), cmocka_unit_test_setup(unnamed, setup), cmocka_unit_test_setup(trusted, setup),
		cmocka_unit_test_setup(too_big, setup), cmocka_unit_test(ids), cmocka_unit_test(dates),
		cmocka_unit_test_setup(long_texts, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
