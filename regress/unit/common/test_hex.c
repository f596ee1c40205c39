/* SPDX-License-Identifier: ISC */
/* Hexadecimal digits in both directions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/hex.h"

static void
every_octet(void **state)
{
	uint8_t	 octets[256], back[256];
	char	 text[513];
	int	 i;

	(void)state;
	for (i = 0; i < 256; i++)
		octets[i] = (uint8_t)i;
	text[512] = '*';
	hex_encode(text, octets, sizeof(octets));
	assert_memory_equal(text, "000102030405060708090a0b", 24);
	assert_memory_equal(text + 508, "feff*", 5);
	assert_int_equal(hex_decode(back, sizeof(back), text), 0);
	assert_memory_equal(back, octets, sizeof(octets));
}

static void
no_digits(void **state)
{
	uint8_t	 out[2];

	(void)state;
	assert_int_equal(hex_decode(out, 0, ""), 0);
	assert_int_equal(hex_decode(out, 1, ""), -1);
	assert_int_equal(hex_decode(out, 2, "abc"), -1);
	assert_int_equal(hex_decode(out, 2, "abcg"), -1);
	assert_int_equal(hex_decode(out, 2, "aBcd"), -1);
	assert_int_equal(hex_decode(out, 1, "/0"), -1);
	assert_int_equal(hex_decode(out, 1, "0:"), -1);
	assert_int_equal(hex_decode(out, 1, "\xb0\xb1"), -1);
}

static void
one_digit(void **state)
{
	static const char	 both[] = "0123456789abcdefABCDEF";
	int			 c, n = 0;

	(void)state;
	for (c = -1; c < 256; c++)
		n += hex_digit(c) != -1;
	assert_int_equal(n, sizeof(both) - 1);
	for (c = 0; c < 16; c++)
		assert_int_equal(hex_digit(both[c]), c);
	assert_int_equal(hex_digit('A'), 10);
	assert_int_equal(hex_digit('F'), 15);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(every_octet),
		cmocka_unit_test(no_digits),
		cmocka_unit_test(one_digit),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
