/* SPDX-License-Identifier: ISC */
/* UTF-8: every code point is encoded and known, and what is none is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/utf8.h"

static size_t
encode(uint32_t c, uint8_t *p)
{
	size_t	 n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;

	for (i = n; i > 1; i--, c >>= 6)
		p[i - 1] = (uint8_t)(0x80 | (c & 0x3f));
	p[0] = (uint8_t)(n == 1 ? c : (0xf00 >> n & 0xff) | c);
	return (n);
}

static void
every_one(void **state)
{
	uint8_t		 p[4];
	uint32_t	 c;
	size_t		 n;

	(void)state;
	for (c = 0; c < 0x110100; c++) {
		n = encode(c, p);
		assert_int_equal(utf8_length(p, n), (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : n);
		if (n > 1)
			assert_int_equal(utf8_length(p, n - 1), 0);
	}
}

static void
none(void **state)
{
	static const char *const	 bad[] = { "\x80", "\xbf\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80",
	    "\xff", "\xc3""a", "\xe2\x82""a", "\xf0\x9f\x98""a" };
	size_t				 i;

	(void)state;
	assert_int_equal(utf8_length("", 0), 0);
	assert_int_equal(utf8_length("", 1), 1);	/* NUL is ASCII */
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utf8_length(bad[i], strlen(bad[i])), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(every_one),
		cmocka_unit_test(none),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
