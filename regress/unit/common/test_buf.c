/* SPDX-License-Identifier: ISC */
/* The byte buffer: cap, growth, lines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"

static void
test_cap(void **state)
{
	struct buf	 b;
	size_t		 have;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_len(&b), 0);
	assert_null(buf_data(&b));
	assert_int_equal(buf_add(&b, "12345678", 8), 0);
	assert_int_equal(buf_add(&b, "abc", 3), -1);		/* all or nothing */
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(buf_len(&b), 8);
	assert_non_null(buf_space(&b, 100, &have));
	assert_int_equal(have, 2);
	memcpy(buf_space(&b, 100, &have), "9x", 2);
	buf_added(&b, 2);
	assert_null(buf_space(&b, 1, &have));
	assert_int_equal(have, 0);
	assert_memory_equal(buf_data(&b), "123456789x", 10);
	buf_consume(&b, 9);
	assert_int_equal(buf_add(&b, "yz", 2), 0);		/* room at the front counts */
	assert_memory_equal(buf_data(&b), "xyz", 3);
	buf_free(&b);
	assert_int_equal(buf_add(&b, "usable again", 10), 0);
	buf_free(&b);
}

static void
test_growth(void **state)
{
	struct buf	 b;
	uint8_t		 c;
	size_t		 i, taken = 0;

	(void)state;
	buf_init(&b, 1 << 20);
	for (i = 0; i < 300000; i++) {
		c = (uint8_t)(i * 7);
		assert_int_equal(buf_add(&b, &c, 1), 0);
		if (i % 3 == 0) {
			assert_int_equal(*buf_data(&b), (uint8_t)(taken * 7));
			buf_consume(&b, 1);
			taken++;
		}
	}
	assert_int_equal(buf_len(&b), 200000);
	for (i = 0; i < 200000; i++)
		assert_int_equal(buf_data(&b)[i], (uint8_t)((taken + i) * 7));
	buf_free(&b);
}

static void
test_lines(void **state)
{
	struct buf	 b;
	uint8_t		*line;
	size_t		 len;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_line(&b, &line, &len), 0);
	buf_add(&b, "one\r\n\ntwo\r\r\n\r\n\0x\nrest\r", 22);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_int_equal(len, 3);
	assert_memory_equal(line, "one", 3);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_int_equal(len, 0);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_int_equal(len, 4);				/* one CR only */
	assert_memory_equal(line, "two\r", 4);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_int_equal(len, 0);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_int_equal(len, 2);
	assert_memory_equal(line, "\0x", 2);
	assert_int_equal(buf_line(&b, &line, &len), 0);
	assert_int_equal(buf_len(&b), 5);
	buf_add(&b, "\n", 1);
	assert_int_equal(buf_line(&b, &line, &len), 1);
	assert_memory_equal(line, "rest", 4);
	assert_int_equal(buf_len(&b), 0);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_lines),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
