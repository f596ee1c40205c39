/* SPDX-License-Identifier: ISC */
/* Return-Path, the two ways to write an address, and a megabyte of everything that ever made a parser quadratic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/mail/mailaddr.h"

static int
count_one(void *arg, const struct mailaddr *a, const uint8_t *text, size_t len)
{
	(void)text;
	(void)len;
	if (a == NULL)
		return (0);
	(*(int *)arg)++;
	assert_string_equal(a->domain, "example.org");
	return (0);
}

/* One megabyte of anything is worked off, and gives nothing.  (Quadratic code would not come back.) */
static void
floods(void **state)
{
	static const char *const	 floods[] = {
		";", ",", "(", ")", "<", ">", "\"", "\\", "@", ":", ".", "[", "]", "a:", "<@", "<@a,", "\"\\", "(\\", "a ", "a.",
		"()", "<>", "\x80", "\xc3", "\xe2\x82", "a:;", "<(", "\"(\"<", "\r\n ", "\r"
	};
	const size_t	 size = 1 << 20;
	uint8_t		*p;
	size_t		 i, k, n;
	int		 found = 0;

	(void)state;
	p = malloc(size);
	assert_non_null(p);
	for (i = 0; i < nitems(floods); i++) {
		n = strlen(floods[i]);
		for (k = 0; k < size; k++)
			p[k] = floods[i][k % n];
		assert_int_equal(mailaddr_list(p, size, 0, count_one, &found, NULL), 0);
	}
	free(p);
}

static void
many(void **state)
{
	const int	 count = 100000;
	char		*text;
	size_t		 len = 0;
	int		 i, n = 0;

	(void)state;
	text = malloc(count * 40);
	assert_non_null(text);
	for (i = 0; i < count; i++)
		len += snprintf(text + len, 40, "\"U, %d\" <u%d@example.org>,\r\n ", i, i);
	assert_int_equal(mailaddr_list((uint8_t *)text, len, 0, count_one, &n, NULL), count);
	assert_int_equal(n, count);
	free(text);
}

static void
paths(void **state)
{
	static const struct {
		const char	*text;
		size_t		 len;
		int		 result;
		const char	*want;
	}	 samples[] = {
#define P(text, result, want)	{ text, sizeof(text) - 1, result, want }
		P("<>", 0, ""),
		P(" < > ", 0, ""),
		P("<(x)>", 0, ""),
		P("<>\r\n", 0, ""),
		P("(null) <>", 0, ""),
		P("<a@b>", 1, "a@b"),
		P(" <A@B.Org>\r\n", 1, "A@b.org"),
		P("a@b", 1, "a@b"),
		P("<@x,@y:a@b>", 1, "a@b"),
		P("<\"a b\"@c>", 1, "\"a b\"@c"),
		P("<SRS0=abcd=EF=example.org=a@b>", 1, "SRS0=abcd=EF=example.org=a@b"),
		P("", -1, ""),
		P("a", -1, ""),
		P("<a>", -1, ""),
		P("<MAILER-DAEMON>", -1, ""),
		P("<a@b", -1, ""),
		P("a@b>", -1, ""),
		P("<", -1, ""),
		P("<<>>", -1, ""),
		P("<>x", -1, ""),
		P("<> <a@b>", -1, ""),
		P("Anna <a@b>", -1, ""),
		P("<a@b>, <c@d>", -1, ""),
		P("a@b,", -1, ""),
		P("a@b@c", -1, ""),
		P("<a@b>c@d", -1, ""),
		P("<a@b\0>", -1, ""),
		P("<a@b>\0", -1, ""),
		P("<a@b\r\nRCPT TO:<c@d>", -1, ""),
		P("<a@b\xff>", -1, ""),
		P("<a@b> (x", -1, ""),
		P("x: a@b;", -1, "")
	};
	struct mailaddr	 a;
	char		 buf[1024];
	size_t		 i;
	int		 n;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		n = mailaddr_path((const uint8_t *)samples[i].text, samples[i].len, &a);
		if (n != samples[i].result)
			fail_msg("path %zu `%s': %d", i, samples[i].text, n);
		if (n == 1) {
			assert_true(mailaddr_format(&a, buf, sizeof(buf)) > 0);
			assert_string_equal(buf, samples[i].want);
		}
	}
}

static void
formats(void **state)
{
	struct mailaddr	 a = { "a\"b", "c" };
	char		 buf[16];

	(void)state;
	assert_int_equal(mailaddr_format(&a, buf, sizeof(buf)), 8);
	assert_string_equal(buf, "\"a\\\"b\"@c");
	assert_int_equal(mailaddr_format(&a, buf, 9), 8);
	assert_int_equal(mailaddr_format(&a, buf, 8), -1);
	assert_int_equal(mailaddr_format(&a, buf, 1), -1);
	assert_int_equal(mailaddr_format(&a, buf, 0), -1);
}

static void
keys(void **state)
{
	struct mailaddr	 a = { "Anna.LEE", "example.org" }, b = { "Bo B", "" }, u = { "\xc3\x9c" "A", "x" };
	char		 buf[32];

	(void)state;
	assert_int_equal(mailaddr_key(&a, "other", buf, sizeof(buf)), 20);
	assert_string_equal(buf, "anna.lee@example.org");
	assert_int_equal(mailaddr_key(&b, "Example.NET", buf, sizeof(buf)), 16);
	assert_string_equal(buf, "bo b@example.net");
	assert_int_equal(mailaddr_key(&b, NULL, buf, sizeof(buf)), -1);
	assert_int_equal(mailaddr_key(&b, "", buf, sizeof(buf)), -1);
	assert_int_equal(mailaddr_key(&u, NULL, buf, sizeof(buf)), 5);
	assert_string_equal(buf, "\xc3\x9c" "a@x");
	assert_int_equal(mailaddr_key(&a, NULL, buf, 20), -1);
	assert_int_equal(mailaddr_key(&a, NULL, buf, 21), 20);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(floods), cmocka_unit_test(many), cmocka_unit_test(paths), cmocka_unit_test(formats),
		cmocka_unit_test(keys)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
