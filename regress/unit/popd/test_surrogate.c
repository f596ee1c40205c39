/* SPDX-License-Identifier: ISC */
/* links: popd/surrogate.c popd/surrogate_value.c popd/coder.c */
/* A header in UTF-8 for a client that did not say UTF8: fields of each kind, and every way to cut a header off. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/utf8.h"
#include "popd/surrogate.h"

#define NOBODY	"<invalid@internationalized-address.invalid>"
#define O	"\xc3\xb6"		/* o with two dots */

static struct buf	 out;

static const struct {
	const char	*in, *want;
} samples[] = {
	/* text */
	{ "Subject: " O "\n", "Subject: =?UTF-8?B?w7Y=?=\r\n" },
	{ "Subject:" O "\n", "Subject: =?UTF-8?B?w7Y=?=\r\n" },
	{ "Subject : " O "\n", "Subject : =?UTF-8?B?w7Y=?=\r\n" },
	{ "subject: a\n b" O " c\n", "subject: a =?UTF-8?B?YsO2?= c\r\n" },
	{ "X-Any: words that stay, and sch" O "ne W" O "rter\n", "X-Any: words that stay, and =?UTF-8?B?c2Now7ZuZSBXw7ZydGVy?=\r\n" },
	{ "Subject: =?x?q?a?= " O " =?x?q?b?= c\n", "Subject: =?x?q?a?= =?UTF-8?Q?_=C3=B6_?= =?x?q?b?= c\r\n" },
	{ "Subject: ?_=" O "abcdefghijk\n", "Subject: =?UTF-8?B?P189w7ZhYmNkZWZnaGlqaw==?=\r\n" },
	{ "X: ?_=" O "abcdefghijklmnopqrstuvwxyz0123456\n", "X: =?UTF-8?Q?=3F=5F=3D=C3=B6abcdefghijklmnopqrstuvwxyz0123456?=\r\n" },
	/* addresses */
	{ "From: J" O " <j@x>\n", "From: =?UTF-8?B?SsO2?= <j@x>\r\n" },
	{ "From: \"J" O ", \\\"x\\\"\" B. <j@x>\n", "From: =?UTF-8?B?SsO2LCAieCI=?= B. <j@x>\r\n" },
	{ "From: \"a, b\" \"" O "\" <j@x>, k@x\n", "From: \"a, b\" =?UTF-8?B?w7Y=?= <j@x>, k@x\r\n" },
	{ "From: =?x?q?a?= " O " <j@x>\n", "From: =?x?q?a?= =?UTF-8?B?IMO2?= <j@x>\r\n" },
	{ "From: j" O "@x\n", "From: =?UTF-8?B?asO2QHg=?= " NOBODY "\r\n" },
	{ "From: j@" O ".org, k@x\n", "From: =?UTF-8?B?akDDti5vcmc=?= " NOBODY ",\r\n k@x\r\n" },
	{ "From: A <j" O "@x>\n", "From: A =?UTF-8?B?asO2QHg=?= " NOBODY "\r\n" },
	{ "From: <j" O "@x>\n", "From: =?UTF-8?B?asO2QHg=?= " NOBODY "\r\n" },
	{ "From: " O " <j" O "@x>\n", "From: =?UTF-8?B?w7Y=?= =?UTF-8?B?IGrDtkB4?=\r\n " NOBODY "\r\n" },
	{ "From: j@x (" O " \\) (a))\n", "From: j@x (=?UTF-8?B?w7YgKSAoYSk=?=)\r\n" },
	{ "From: (" O ") j@x\n", "From: (=?UTF-8?B?w7Y=?=) j@x\r\n" },
	{ "To: " O ": a@x, b" O "@x; (c)\n", "To: =?UTF-8?B?w7Y=?=: a@x, =?UTF-8?B?YsO2QHg=?=\r\n " NOBODY "; (c)\r\n" },
	{ "To: \"" O " <j@x>\n", "To: =?UTF-8?B?IsO2IDxqQHg+?= " NOBODY "\r\n" },
	{ "Return-Path: <j" O "@x>\n", "Return-Path: " NOBODY "\r\n" },
	{ "Resent-To: j" O "@x\n", "Resent-To: =?UTF-8?B?asO2QHg=?= " NOBODY "\r\n" },
	/* parameters */
	{ "Content-Type: a/b; name=" O "\n", "Content-Type: a/b; name*=UTF-8''%C3%B6\r\n" },
	{ "Content-Type: a/b; name=\"a \\\"" O "\"; c=d;\n", "Content-Type: a/b; name*=UTF-8''a%20%22%C3%B6; c=d\r\n" },
	{ "Content-Disposition: inline; filename=" O "; FileName*=UTF-8''x\n", "Content-Disposition: inline; FileName*=UTF-8''x\r\n" },
	{ "Content-Type: a/b; " O "=c; d*=" O "; e\n", "Content-Type: a/b; e\r\n" },
	{ "Content-Type: " O "\n", "" },
	/* fields that programs read */
	{ "Received: from " O " by x\nDate: " O "\nMessage-ID: <" O "@x>\nSubject: a\n", "Subject: a\n" },
	/* what stays */
	{ "Subject: a\n\t b\r\nFrom: \xe4 <j@x>\nX: " O "\xff\nTo: a@b\n", NULL },
	{ "Subject: a\n", NULL }
};

/* The surrogate of a header. */
static void
make(const void *p, size_t n)
{
	buf_init(&out, SURROGATE_MAX);
	assert_int_equal(surrogate_make(&out, p, n), 0);
}

static void
test_samples(void **state __unused)
{
	const char	*want;
	size_t		 i, len;

	for (i = 0; i < nitems(samples); i++) {
		want = samples[i].want == NULL ? samples[i].in : samples[i].want;
		make(samples[i].in, strlen(samples[i].in));
		if (buf_len(&out) != strlen(want) || (*want != '\0' && memcmp(buf_data(&out), want, strlen(want)) != 0))
			fail_msg("%s is %.*s, not %s", samples[i].in, (int)buf_len(&out), (char *)buf_data(&out), want);
		buf_free(&out);
		len = 0;
		assert_int_equal(surrogate_look((const uint8_t *)samples[i].in, strlen(samples[i].in), 1, &len),
		    coder_ascii((const uint8_t *)samples[i].in, strlen(samples[i].in)) ? SURROGATE_NONE : SURROGATE_NEEDED);
		assert_int_equal(len, strlen(samples[i].in));
	}
}

static void
test_look(void **state __unused)
{
	static const struct {
		const char		*text;
		size_t			 header;
		enum surrogate_look	 look;
	} looks[] = {
		{ "A: b\n\n" O, 5, SURROGATE_NONE }, { "A: " O "\n\n" O, 6, SURROGATE_NEEDED }, { "A: " O "\r\n\r\n", 7, SURROGATE_NEEDED },
		{ "\n" O, 0, SURROGATE_NONE }, { "\r\n" O, 0, SURROGATE_NONE }, { O ": a\n\n", 0, SURROGATE_NONE },
		{ "no field " O "\nA: " O "\n\n", 0, SURROGATE_NONE }, { " A: " O "\n\n", 0, SURROGATE_NONE },
		{ "A: " O "\nno field " O "\n\n", 6, SURROGATE_NEEDED }, { "A: " O "\n " O "\n\n", 10, SURROGATE_NEEDED },
		{ "A : " O "\n: " O "\n", 7, SURROGATE_NEEDED }, { "A B: " O "\n", 0, SURROGATE_NONE }, { "A: \xff\n\n", 5, SURROGATE_NEEDED }
	};
	size_t	 i, k, n, len;

	for (i = 0; i < nitems(looks); i++) {
		n = strlen(looks[i].text);
		assert_int_equal(surrogate_look((const uint8_t *)looks[i].text, n, 1, &len), looks[i].look);
		assert_int_equal(len, looks[i].header);
		/* With less of the message there is the same answer, or none. */
		for (k = 0; k < n; k++)
			if (surrogate_look((const uint8_t *)looks[i].text, k, 0, &len) != SURROGATE_MORE)
				assert_int_equal(len, looks[i].header);
			else if (k > looks[i].header && memchr(looks[i].text + looks[i].header, '\n', k - looks[i].header) != NULL)
				fail_msg("%s: not found with %zu octets", looks[i].text, k);
	}
}

/*
 * Cut off at each octet, a header has a surrogate that is ASCII, if it is UTF-8, with the same fields in lines that are not long.
 */
static void
test_cut(void **state __unused)
{
	static const char	 text[] = "From: \"J" O " \\\"x\" (" O " (b)) <j" O "@x>, k: (a) l" O "@x (" O "), m@x;\r\n"
				    "Subject: a " O " =?x?q?c?= " O "d \xe6\x97\xa5\xe6\x9c\xac " O " the end of a long line, of some words\n"
				    "Content-Type: a/b (c); d=\"e\\\"" O ";f\"; g=h; i=" O "\n\tj\nReceived: " O "\nReply-To: " O ": \"\" " O ",;\n";
	const uint8_t		*p;
	size_t			 k, i, n, from, line, fields;

	for (from = 0; from < sizeof(text) - 1; from++) {
		if (from > 0 && text[from - 1] != '\n')
			continue;
		for (k = from; k < sizeof(text); k++) {
			make(text + from, k - from);
			p = buf_data(&out);
			n = buf_len(&out);
			if (utf8_valid(text + from, k - from))
				assert_true(coder_ascii(p, n));
			for (i = line = fields = 0; i < n; i++) {
				if (line++ == 0 && p[i] != ' ' && p[i] != '\t')
					fields++;
				assert_true(line <= 128);
				line = p[i] == '\n' ? 0 : line;
			}
			assert_true(fields <= 5);
			buf_free(&out);
		}
	}
}

/* What a syntax has to be ended, and is not. */
static void
test_unended(void **state __unused)
{
	static const char *const	 opens[] = { "\"", "(", "<", "[", "\\", "\"\\", "(\\", "((", "<\"", "(\"", "[<", ",", ":", ";", ";;", "=",
					    "=?", "?=", "a=\"", "a*", "a=", "<>", "\"\"", "()", "" };
	static const char *const	 names[] = { "From", "Return-Path", "Subject", "Content-Type", "To" };
	char				 text[128];
	size_t				 i, k, m, n;

	for (i = 0; i < nitems(opens); i++)
		for (k = 0; k < nitems(opens); k++)
			for (m = 0; m < nitems(names); m++)
				for (n = 0; n < 8; n++) {
					snprintf(text, sizeof(text), "%s: %s%s%s%s%s%s", names[m], n & 1 ? O : "", opens[i], n & 2 ? " " : "",
					    n & 4 ? O : "", opens[k], O);
					make(text, strlen(text));
					assert_true(coder_ascii(buf_data(&out), buf_len(&out)));
					assert_true(buf_len(&out) == 0 || buf_data(&out)[buf_len(&out) - 1] == '\n');
					buf_free(&out);
				}
}

/* Long values, and one whose surrogate would be too long. */
static void
test_long(void **state __unused)
{
	size_t	 i, line;
	char	*text = malloc(SURROGATE_LOOK);

	assert_non_null(text);
	for (i = strlen(strcpy(text, "Subject: ")); i + 4 < 60000; i += 3)
		memcpy(text + i, "\xe6\x97\xa5", 3);
	make(text, i);
	for (i = line = 0; i < buf_len(&out); i++) {
		line = buf_data(&out)[i] == '\n' ? 0 : line + 1;
		assert_true(line <= 77);
	}
	buf_free(&out);
	for (i = strlen(strcpy(text, "To: ")); i + 4 < 60000; i += 3)
		memcpy(text + i, O ",", 3);
	buf_init(&out, SURROGATE_MAX);
	assert_int_equal(surrogate_make(&out, (uint8_t *)text, i), -1);
	buf_free(&out);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_look),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_unended),
		cmocka_unit_test(test_long),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
