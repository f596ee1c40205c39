/* SPDX-License-Identifier: ISC */
/* links: web/html.c web/answer.c web/fcgi.c */
/* What is foreign is text, whatever is in it; what goes out has one set of header fields. */
#include <sys/types.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "web/web.h"

#define OTHER	"\xef\xbf\xbd"

static struct answer	 a;
static struct request	 req;

static const char *
body(void)
{
	assert_int_equal(buf_add(&a.body, "", 1), 0);
	return ((const char *)buf_data(&a.body));
}

static void
shows(const char *s, const char *due)
{
	answer_begin(&a);
	text(&a, s);
	assert_string_equal(body(), due);
}

static void
test_text(void **arg)
{
	(void)arg;
	shows("", "");
	shows("plain \xc3\xa4\n\t", "plain \xc3\xa4\n\t");
	shows("<a href=\"x\" b='y'>&amp;", "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
	shows("\x01" "a\x1b[31m\x7f", OTHER "a" OTHER "[31m" OTHER);
	shows("\xff" "a\xc3", OTHER "a" OTHER);
	shows("\xc3<", OTHER "&lt;");
	shows("\xe2\x82<", OTHER OTHER "&lt;");
	shows("\xc2\x85 \xc2\xa0", OTHER " \xc2\xa0");
	answer_begin(&a);
	text_len(&a, "a\0b<", 4);
	assert_string_equal(body(), "a" OTHER "b&lt;");
}

/* No octet can make of text anything else: of all pairs of octets none has a mark in what it becomes. */
static void
test_pairs(void **arg)
{
	const char	*p;
	char		 s[3] = "";
	int		 i, k;

	(void)arg;
	for (i = 1; i < 256; i++)
		for (k = 1; k < 256; k++) {
			s[0] = (char)i;
			s[1] = (char)k;
			answer_begin(&a);
			text(&a, s);
			p = body();
			assert_null(strpbrk(p, "<>\"'"));
			for (; (p = strchr(p, '&')) != NULL; p++)
				assert_non_null(strchr(p, ';'));
		}
}

static void
test_others(void **arg)
{
	(void)arg;
	setenv("TZ", "UTC-2", 1);
	tzset();
	answer_begin(&a);
	text_time(&a, 1735689600);
	assert_string_equal(body(), "<time datetime=\"2025-01-01T00:00:00Z\">2025-01-01 02:00</time>");
	answer_begin(&a);
	text_time(&a, 0);
	assert_string_equal(body(), "never");
	strlcpy(req.base, "/m", sizeof(req.base));
	answer_begin(&a);
	put(&a, "<b>");
	putf(&a, "%d%%", 7);
	put_path(&a, &req, "/x?a=b&c");
	assert_string_equal(body(), "<b>7%/m/x?a=b&amp;c");
}

static const char *
sent(void)
{
	static char	 got[65536];
	ssize_t		 n;
	int		 sp[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	answer_send(&a, &req, sp[0], 1);
	close(sp[0]);
	assert_true((n = read(sp[1], got, sizeof(got) - 1)) > 24);
	close(sp[1]);
	got[n - 24] = '\0';		/* two ends */
	return (got + 8);
}

static void
test_send(void **arg)
{
	const char	*p;

	(void)arg;
	answer_begin(&a);
	put(&a, "page");
	p = sent();
	assert_true(strncmp(p, "Status: 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 4\r\n", 74) == 0);
	assert_non_null(strstr(p, "\r\nCache-Control: no-store\r\n\r\npage"));
	answer_begin(&a);
	put(&a, "page");
	answer_see(&a, &req, "/records");
	strlcpy(a.cookie, "x=y", sizeof(a.cookie));
	p = sent();
	assert_true(strncmp(p, "Status: 303 See Other\r\n", 23) == 0);
	assert_non_null(strstr(p, "\r\nLocation: /m/records\r\nSet-Cookie: x=y\r\n\r\n"));
	assert_null(strstr(p, "page"));
	answer_begin(&a);
	a.kept = 1;
	req.head = 1;
	put(&a, "page");
	p = sent();
	assert_non_null(strstr(p, "Content-Length: 4\r\n"));
	assert_non_null(strstr(p, "Cache-Control: public, max-age=3600\r\n\r\n"));
	assert_null(strstr(p, "page"));
	req.head = 0;
}

/* A page for which there is no room is not sent in part. */
static void
test_full(void **arg)
{
	static char	 piece[65536];
	const char	*p;
	int		 i;

	(void)arg;
	memset(piece, 'x', sizeof(piece) - 1);
	answer_begin(&a);
	for (i = 0; i < 300; i++)
		put(&a, piece);
	assert_true(a.full);
	p = sent();
	assert_true(strncmp(p, "Status: 500 ", 12) == 0 && strstr(p, "text/plain") != NULL && strstr(p, "xxxx") == NULL);
	answer_begin(&a);
	putf(&a, "%2000d", 1);
	assert_true(a.full);
	memset(piece, 'x', sizeof(piece) - 1);
	answer_begin(&a);
	answer_see(&a, &req, piece);
	assert_true(a.full);
	assert_true(strncmp(sent(), "Status: 500 ", 12) == 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_pairs), cmocka_unit_test(test_others), cmocka_unit_test(test_send),
		cmocka_unit_test(test_full)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
