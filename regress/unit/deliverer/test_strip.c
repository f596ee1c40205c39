/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* A header without the fields of one name, however they are written and wherever the pieces are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

#define S(s)	s, sizeof(s) - 1

static const struct {
	const char	*in;
	size_t		 inlen;
	const char	*out;
	size_t		 outlen;
} cases[] = {
	{ S(""), S("") },
	{ S("\n"), S("\n") },
	{ S("A: b\n\n"), S("A: b\n\n") },
	{ S("X-For: a\nA: b\n\n"), S("A: b\n\n") },
	{ S("A: b\nx-fOR: a\n"), S("A: b\n") },
	{ S("X-For: a\n b\n\tc\nA: b\n d\n"), S("A: b\n d\n") },
	{ S("X-For:\nX-For :\nX-For\t : x\n  y\nX-For:: z\n"), S("") },
	{ S("X-Fo: 1\nX-Fort: 2\nX-For-: 3\nXX-For: 4\nX_For: 5\n"), S("X-Fo: 1\nX-Fort: 2\nX-For-: 3\nXX-For: 4\nX_For: 5\n") },
	/* what header.c has taken for the begin of the body: no field */
	{ S("A: b\nX-For"), S("A: b\nX-For") },
	{ S("A: b\nX-For \t"), S("A: b\nX-For \t") },
	{ S("A: b\nX-For x: y\n z\n"), S("A: b\nX-For x: y\n z\n") },
	{ S("A: X-For: a\nX\n-For: a\n"), S("A: X-For: a\nX\n-For: a\n") },
	{ S("A: b\n X-For: a\nX-For: c"), S("A: b\n X-For: a\n") },
	{ S("From a X-For: b\nX-For: c\r\n\r d\nB: \0\377\n"), S("From a X-For: b\n\r d\nB: \0\377\n") },
	{ S("X-For: a\r\nA: b\r\n\n"), S("A: b\r\n\n") },
	{ S("X-For: a\n\n"), S("\n") }
};

static void
feed(struct strip *s, const char *p, size_t len, struct buf *out)
{
	assert_int_equal(strip_feed(s, (const uint8_t *)p, len, out), 0);
}

/* Every way to cut a header into three pieces. */
static void
test_cuts(void **state)
{
	struct strip	 s;
	struct buf	 out;
	size_t		 i, a, b;

	(void)state;
	for (i = 0; i < nitems(cases); i++)
		for (a = 0; a <= cases[i].inlen; a++)
			for (b = a; b <= cases[i].inlen; b++) {
				buf_init(&out, SIZE_MAX);
				strip_init(&s, "X-For");
				feed(&s, cases[i].in, a, &out);
				feed(&s, cases[i].in + a, b - a, &out);
				feed(&s, cases[i].in + b, cases[i].inlen - b, &out);
				assert_int_equal(strip_finish(&s, &out), 0);
				if (buf_len(&out) != cases[i].outlen ||
				    (cases[i].outlen > 0 && memcmp(buf_data(&out), cases[i].out, cases[i].outlen) != 0))
					fail_msg("case %zu, cut at %zu and %zu: %.*s", i, a, b, (int)buf_len(&out), (char *)buf_data(&out));
				buf_free(&out);
			}
}

/* More blanks than a name may have ahead of its colon: header.c takes that for no field, and nothing of it is lost. */
static void
test_blanks(void **state)
{
	struct strip	 s;
	struct buf	 out;
	size_t		 n;

	(void)state;
	for (n = 980; n < 1010; n++) {
		buf_init(&out, SIZE_MAX);
		strip_init(&s, "X-For");
		feed(&s, "X-For", 5, &out);
		for (size_t i = 0; i < n; i++)
			feed(&s, " ", 1, &out);
		feed(&s, ": x\n", 4, &out);
		assert_int_equal(strip_finish(&s, &out), 0);
		assert_int_equal(buf_len(&out), 5 + n <= 998 ? 0 : 5 + n + 4);
		buf_free(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(test_cuts), cmocka_unit_test(test_blanks) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
