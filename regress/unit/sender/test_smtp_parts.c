/* SPDX-License-Identifier: ISC */
/* links: sender */
/* libs: -lgsasl */
/* Replies, status codes, offers; addresses as commands have them, xtext. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sender/sender.h"

/* In memory of its own, so that an octet behind the end is noticed. */
static int
line(struct smtp_reply *r, const char *text)
{
	size_t		 len = strlen(text), textlen;
	uint8_t		*p = malloc(len + 1);
	const uint8_t	*rest;
	int		 n;

	assert_non_null(p);
	memcpy(p, text, len);
	p = realloc(p, len > 0 ? len : 1);
	n = smtp_reply_line(r, p, len, &rest, &textlen);
	free(p);
	return (n);
}

static void
test_reply(void **state)
{
	static const struct {
		const char	*line, *status, *text;
	} rows[] = {
		{ "250", "2.0.0", "" },
		{ "250 ", "2.0.0", "" },
		{ "250 ok", "2.0.0", "ok" },
		{ "550 5.1.1 no", "5.1.1", "no" },
		{ "550 5.1.1", "5.1.1", "" },
		{ "550 5.123.456 no", "5.123.456", "no" },
		{ "550 5.1234.1 no", "5.0.0", "5.1234.1 no" },
		{ "550 5.1.1no", "5.0.0", "5.1.1no" },
		{ "550 5.1. no", "5.0.0", "5.1. no" },
		{ "550 4.1.1 no", "5.0.0", "4.1.1 no" },	/* not of its class */
		{ "550 5.1", "5.0.0", "5.1" },
		{ "421 bye", "4.3.2", "bye" },
		{ "452 full", "4.3.1", "full" },
		{ "552 4.3.1 big", "5.3.4", "4.3.1 big" },
		{ "535 no", "5.7.8", "no" },
	};
	static const char *const bad[] = { "", "2", "25", "2x0 ok", "150 ok", "650 ok", "250_ok", "-250", " 250 ok", "250\tok", "999" };
	struct smtp_reply	 r;
	char			 status[STATUS_SIZE];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		memset(&r, 0, sizeof(r));
		assert_int_equal(line(&r, rows[i].line), 1);
		smtp_reply_status(&r, status, sizeof(status));
		assert_string_equal(status, rows[i].status);
		assert_int_equal(r.len, strlen(rows[i].text));
		assert_memory_equal(r.text, rows[i].text, r.len);
	}
	for (i = 0; i < nitems(bad); i++) {
		memset(&r, 0, sizeof(r));
		assert_int_equal(line(&r, bad[i]), -1);
	}
}

static void
test_reply_lines(void **state)
{
	struct smtp_reply	 r;
	int			 i;

	(void)state;
	memset(&r, 0, sizeof(r));
	assert_int_equal(line(&r, "550-5.1.1 no"), 0);
	assert_int_equal(line(&r, "550-5.1.1 such"), 0);
	assert_int_equal(line(&r, "550 5.7.1 user"), 1);
	assert_string_equal(r.status, "5.1.1");
	assert_int_equal(r.len, strlen("no such user"));
	assert_memory_equal(r.text, "no such user", r.len);
	/* one code only */
	memset(&r, 0, sizeof(r));
	assert_int_equal(line(&r, "250-a"), 0);
	assert_int_equal(line(&r, "251 b"), -1);
	/* text is kept up to a bound */
	memset(&r, 0, sizeof(r));
	for (i = 0; i < REPLY_LINES_MAX; i++)
		assert_int_equal(line(&r, "250-0123456789"), 0);
	assert_int_equal(r.len, REPLY_TEXT_MAX);
	assert_int_equal(line(&r, "250 x"), -1);
}

static void
test_offer(void **state)
{
	static const struct {
		const char	*line;
		uint32_t	 caps, mechs;
		uint64_t	 size;
	} rows[] = {
		{ "PIPELINING", CAP_PIPELINING, 0, 0 },
		{ "pipelining", CAP_PIPELINING, 0, 0 },
		{ "PIPELININGX", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "SIZE", CAP_SIZE, 0, 0 },
		{ "SIZE 1000", CAP_SIZE, 0, 1000 },
		{ "SIZE  999999999999999999", CAP_SIZE, 0, 999999999999999999ULL },
		{ "SIZE 9999999999999999999", CAP_SIZE, 0, 0 },
		{ "SIZE 10x", CAP_SIZE, 0, 0 },
		{ "AUTH", CAP_AUTH, 0, 0 },
		{ "AUTH GSSAPI plain Login", CAP_AUTH, 1U << AUTH_PLAIN | 1U << AUTH_LOGIN, 0 },
		{ "AUTH=SCRAM-SHA-256 SCRAM-SHA-1", CAP_AUTH, 1U << AUTH_SCRAM_SHA_256 | 1U << AUTH_SCRAM_SHA_1, 0 },
		{ "XCLIENT NAME ADDR", CAP_XCLIENT, 0, 0 },
		{ "XCLIENT NAME", 0, 0, 0 },
		{ "8BITMIME", CAP_8BITMIME, 0, 0 },
		{ "SMTPUTF8", CAP_SMTPUTF8, 0, 0 },
	};
	struct smtp_offer	 o;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		memset(&o, 0, sizeof(o));
		smtp_offer_line(&o, (const uint8_t *)rows[i].line, strlen(rows[i].line));
		assert_int_equal(o.caps, rows[i].caps);
		assert_int_equal(o.mechs, rows[i].mechs);
		assert_true(o.size == rows[i].size);
	}
}

static void
test_path(void **state)
{
	static const struct {
		const char	*address, *path;	/* NULL: none */
		enum smtp_path	 kind;
	} rows[] = {
		{ "a@b", "a@b", PATH_ASCII },
		{ "a+b.c=d@e.f", "a+b.c=d@e.f", PATH_ASCII },
		{ "a..b.@c", "a..b.@c", PATH_ASCII },
		{ "a b@c", "\"a b\"@c", PATH_ASCII },
		{ "\"a b\"@c", "\"a b\"@c", PATH_ASCII },
		{ "\"a\\\"b\"@c", "\"a\\\"b\"@c", PATH_ASCII },
		{ "a\"b@c", "\"a\\\"b\"@c", PATH_ASCII },
		{ "\"a\\\"@c", "\"\\\"a\\\\\\\"\"@c", PATH_ASCII },
		{ "a>b@c", "\"a>b\"@c", PATH_ASCII },
		{ "a@b@c", "\"a@b\"@c", PATH_ASCII },
		{ "\"a@b\"@c", "\"a@b\"@c", PATH_ASCII },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]", PATH_ASCII },
		{ "\xc3\xa4@b", "\xc3\xa4@b", PATH_UTF8 },
		{ "a@\xc3\xa4", "a@\xc3\xa4", PATH_UTF8 },
		{ "\xf0\x9f\x98\x80 x@b", "\"\xf0\x9f\x98\x80 x\"@b", PATH_UTF8 },
		{ "", NULL, PATH_BAD },
		{ "a", NULL, PATH_BAD },
		{ "@b", NULL, PATH_BAD },
		{ "a@", NULL, PATH_BAD },
		{ "a@b> X", NULL, PATH_BAD },
		{ "a@b\r\nDATA", NULL, PATH_BAD },
		{ "a\r\nb@c", NULL, PATH_BAD },
		{ "a\tb@c", NULL, PATH_BAD },
		{ "\xc3@b", NULL, PATH_BAD },
		{ "\xc0\xaf@b", NULL, PATH_BAD },
		{ "\xed\xa0\x80@b", NULL, PATH_BAD },
		{ "a\x7f@b", NULL, PATH_BAD },
	};
	char	 path[PATH_SIZE], small[6];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(smtp_path(rows[i].address, path, sizeof(path)), rows[i].kind);
		if (rows[i].path != NULL)
			assert_string_equal(path, rows[i].path);
	}
	assert_int_equal(smtp_path("abcd@e", small, sizeof(small)), PATH_BAD);
}

static void
test_xtext(void **state)
{
	char	 out[32], small[16];

	(void)state;
	assert_int_equal(smtp_xtext("a+b=c d~", out, sizeof(out)), 0);
	assert_string_equal(out, "a+2Bb+3Dc+20d~");
	assert_int_equal(smtp_xtext("\x01", out, sizeof(out)), 0);
	assert_string_equal(out, "+01");
	assert_int_equal(smtp_xtext("\xc3\xa4", out, sizeof(out)), -1);
	assert_int_equal(smtp_xtext("0123456789012", small, sizeof(small)), 0);
	assert_int_equal(smtp_xtext("01234567890123", small, sizeof(small)), -1);
}

static void
test_client(void **state)
{
	char	 out[64];

	(void)state;
	assert_int_equal(smtp_client("192.0.2.1", out, sizeof(out)), 0);
	assert_string_equal(out, "192.0.2.1");
	assert_int_equal(smtp_client("2001:db8::1", out, sizeof(out)), 0);
	assert_string_equal(out, "IPV6:2001:db8::1");
	assert_int_equal(smtp_client("", out, sizeof(out)), 0);
	assert_string_equal(out, "[UNAVAILABLE]");
	assert_int_equal(smtp_client("a b", out, sizeof(out)), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_reply),
		cmocka_unit_test(test_reply_lines),
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_xtext),
		cmocka_unit_test(test_client),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
