/* SPDX-License-Identifier: ISC */
/* links: popd/unstuff.c */
/* What a client sends behind XTND XMIT: every text of those that matter, cut in every way, compared with a search in the whole. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "popd/popd.h"

#define LENGTH	7

static uint8_t	 made[4096];
static size_t	 nmade;
static struct unstuff	 unstuff;

/* Gives octets in pieces.  Returns how many were taken, or SIZE_MAX: the message has no end in them. */
static size_t
given(const void *text, size_t n, size_t piece, uint64_t most, int utf8)
{
	const uint8_t	*p = text;
	size_t		 i, k, used, len;

	unstuff_begin(&unstuff, most, utf8);
	nmade = 0;
	for (i = 0; i < n; i += used) {
		k = n - i < piece ? n - i : piece;
		if (unstuff_take(&unstuff, p + i, k, &used, made + nmade, &len)) {
			assert_true(used <= k && len <= k + 1);
			nmade += len;
			return (i + used);
		}
		assert_true(used == k && len <= k + 1);
		nmade += len;
	}
	return (SIZE_MAX);
}

/* All texts of up to LENGTH octets of those that matter: only CRLF "." CRLF, or "." CRLF at first, ends one. */
static void
test_all(void **state __unused)
{
	static const char	 alphabet[] = "\r\n.x";
	char			 text[LENGTH + 2] = "\r\n";
	const char		*end, *body = text + 2;
	size_t			 n, i, piece, got;
	uint32_t		 number, all;

	for (n = 0; n <= LENGTH; n++) {
		for (all = 1, i = 0; i < n; i++)
			all *= 4;
		for (number = 0; number < all; number++) {
			for (i = 0; i < n; i++)
				text[2 + i] = alphabet[number >> (2 * i) & 3];
			end = memmem(text, n + 2, "\r\n.\r\n", 5);
			for (piece = 1; piece <= n + 1; piece++) {
				got = given(body, n, piece, 1000, 0);
				if (got != (end == NULL ? SIZE_MAX : (size_t)(end - body) + 5))
					fail_msg("text %u of %zu octets in pieces of %zu: %zu", number, n, piece, got);
			}
		}
	}
}

static void
test_octets(void **state __unused)
{
	static const struct {
		const char	*in, *out;
	}	 samples[] = {
		{ ".\r\n", "" }, { "a\r\n.\r\n", "a\r\n" }, { "..\r\n.\r\n", ".\r\n" }, { "...\r\n.\r\n", "..\r\n" },
		{ ".a\r\n.\r\n", "a\r\n" }, { "a: b\r\n\r\nx.\r\n.\r\n", "a: b\r\n\r\nx.\r\n" }, { "\r\n\r\n.\r\n", "\r\n\r\n" }
	};
	size_t	 i, piece;

	for (i = 0; i < nitems(samples); i++)
		for (piece = 1; piece < 12; piece++) {
			assert_int_equal(given(samples[i].in, strlen(samples[i].in), piece, 1000, 0), strlen(samples[i].in));
			assert_int_equal(unstuff.fault, UNSTUFF_GOOD);
			assert_int_equal(nmade, strlen(samples[i].out));
			assert_memory_equal(made, samples[i].out, nmade);
			assert_int_equal(unstuff.octets, nmade);
		}
}

static void
test_faults(void **state __unused)
{
	static const struct {
		const char		*in;
		int			 utf8;
		enum unstuff_fault	 fault;
	}	 samples[] = {
		{ "a\nb\r\n.\r\n", 0, UNSTUFF_BARE }, { "a\rb\r\n.\r\n", 0, UNSTUFF_BARE }, { "a\r\r\n.\r\n", 0, UNSTUFF_BARE },
		{ "\n.\r\n.\r\n", 0, UNSTUFF_BARE }, { ".\n\r\n.\r\n", 0, UNSTUFF_BARE }, { ".\rx\r\n.\r\n", 0, UNSTUFF_BARE },
		{ "a: \xc3\xa9\r\n.\r\n", 0, UNSTUFF_EIGHT }, { "a: \xc3\xa9\r\n.\r\n", 1, UNSTUFF_GOOD },
		{ "a: \xe9\r\n.\r\n", 1, UNSTUFF_UTF8 },
		{ "a: \xc3\r\n \xa9\r\n.\r\n", 1, UNSTUFF_UTF8 }, { "a: b\r\n\r\n\xe9\r\n.\r\n", 0, UNSTUFF_GOOD },
		{ "a: b\r\n\r\n\xe9\r\n.\r\n", 1, UNSTUFF_GOOD }
	};
	size_t	 i, piece;

	for (i = 0; i < nitems(samples); i++)
		for (piece = 1; piece < 20; piece++) {
			assert_int_equal(given(samples[i].in, strlen(samples[i].in), piece, 1000, samples[i].utf8),
			    strlen(samples[i].in));
			if (unstuff.fault != samples[i].fault)
				fail_msg("sample %zu: %d", i, unstuff.fault);
		}
	assert_int_equal(given("a\0b\r\n.\r\n", 8, 3, 1000, 0), 8);
	assert_int_equal(unstuff.fault, UNSTUFF_NUL);
}

/* A line of so many octets and none more, a message of so many and none more; nothing is made behind a fault. */
static void
test_limits(void **state __unused)
{
	char	 text[UNSTUFF_LINE + 16];
	size_t	 n;

	for (n = UNSTUFF_LINE - 1; n <= UNSTUFF_LINE + 1; n++) {
		text[0] = '.';
		memset(text + 1, '.', n);
		memcpy(text + 1 + n, "\r\n.\r\n", 5);
		assert_int_equal(given(text, n + 6, 100, 10000, 1), n + 6);
		assert_int_equal(unstuff.fault, n > UNSTUFF_LINE ? UNSTUFF_LONG : UNSTUFF_GOOD);
		assert_int_equal(nmade, n > UNSTUFF_LINE ? UNSTUFF_LINE : n + 2);
	}
	for (n = 4; n <= 12; n++) {
		assert_int_equal(given("ab\r\ncd\r\n.\r\nNOOP", 15, 4, n, 0), 11);
		assert_int_equal(unstuff.fault, n < 8 ? UNSTUFF_SIZE : UNSTUFF_GOOD);
		assert_int_equal(nmade, n < 8 ? n : 8);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_limits)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
