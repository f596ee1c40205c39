/* SPDX-License-Identifier: ISC */
/* Cells: what is packed is taken out again, and nothing is taken out of what is cut, lies about its length or has another name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/cells.h"

static struct cell
cell(const char *column, enum cell_kind kind, const void *value, size_t len)
{
	struct cell	 c = { .kind = kind, .value = value, .len = len };

	strlcpy(c.column, column, sizeof(c.column));
	return (c);
}

/* What cell_next() says of exactly these octets, so that a memory checker sees an octet too many. */
static int
next(const void *octets, size_t len, struct cell *c)
{
	uint8_t		*copy = malloc(len + 1);
	const uint8_t	*p = copy + 1;
	size_t		 left = len;
	int		 rv;

	assert_non_null(copy);
	memcpy(copy + 1, octets, len);
	rv = cell_next(&p, &left, c);
	if (rv != 1) {
		assert_ptr_equal(p, copy + 1);
		assert_int_equal(left, len);
	} else
		assert_ptr_equal(p + left, copy + 1 + len);
	free(copy);
	return (rv);
}

static void
kinds(void **state)
{
	static const char	 value[] = "12\0\xff";
	uint8_t			 packed[256];
	const uint8_t		*p = packed;
	struct cell		 in, c;
	size_t			 len = 0;
	int			 kind;

	(void)state;
	for (kind = CELL_NULL; kind <= CELL_SECRET; kind++) {
		in = cell("abcdefghijklmnopqrstuvwxyz_0123", kind, value, kind == CELL_NULL || kind == CELL_SECRET ? 0 : 4);
		len += cell_pack(packed + len, sizeof(packed) - len, &in);
	}
	for (kind = CELL_NULL; kind <= CELL_SECRET; kind++) {
		assert_int_equal(cell_next(&p, &len, &c), 1);
		assert_int_equal(c.kind, kind);
		assert_string_equal(c.column, "abcdefghijklmnopqrstuvwxyz_0123");
		assert_int_equal(c.len, kind == CELL_NULL || kind == CELL_SECRET ? 0 : 4);
		assert_memory_equal(c.value, value, c.len);
	}
	assert_int_equal(cell_next(&p, &len, &c), 0);
	packed[0] = CELL_SECRET + 1;
	assert_int_equal(next(packed, 40, &c), -1);
	packed[0] = 0xff;
	assert_int_equal(next(packed, 40, &c), -1);
}

/* A cell that is cut anywhere is none, and neither is one that has more than there is. */
static void
truncated(void **state)
{
	uint8_t		 packed[64];
	struct cell	 in = cell("period", CELL_TEXT, "600", 3), c;
	size_t		 n, len = cell_pack(packed, sizeof(packed), &in);
	uint16_t	 lie;

	(void)state;
	assert_int_equal(len, 4 + 6 + 3);
	for (n = 1; n < len; n++)
		assert_int_equal(next(packed, n, &c), -1);
	assert_int_equal(next(packed, len, &c), 1);
	for (n = 0; n < 256; n++) {
		packed[1] = (uint8_t)n;		/* its value would be in the name, or the name in its value */
		if (n > 9 || n == 0)
			assert_int_equal(next(packed, len, &c), -1);
	}
	packed[1] = 6;
	for (n = 4; n <= UINT16_MAX; n++) {
		lie = (uint16_t)n;
		memcpy(packed + 2, &lie, sizeof(lie));
		assert_int_equal(next(packed, len, &c), -1);
	}
}

static void
values(void **state)
{
	static uint8_t	 value[CELL_VALUE_MAX + 1], packed[CELL_VALUE_MAX + 64];
	struct cell	 in = cell("v", CELL_BLOB, value, CELL_VALUE_MAX), c;
	uint16_t	 len = CELL_VALUE_MAX + 1;
	size_t		 n;

	(void)state;
	assert_int_equal(n = cell_pack(packed, sizeof(packed), &in), 4 + 1 + CELL_VALUE_MAX);
	assert_int_equal(cell_pack(packed, n, &in), n);
	assert_int_equal(cell_pack(packed, n - 1, &in), 0);
	assert_int_equal(next(packed, n, &c), 1);
	memcpy(packed + 2, &len, sizeof(len));
	assert_int_equal(next(packed, n + 1, &c), -1);
	in.len = CELL_VALUE_MAX + 1;
	assert_int_equal(cell_pack(packed, sizeof(packed), &in), 0);
	/* NULL and a secret have no value. */
	in = cell("v", CELL_TEXT, "x", 1);
	n = cell_pack(packed, sizeof(packed), &in);
	packed[0] = CELL_NULL;
	assert_int_equal(next(packed, n, &c), -1);
	packed[0] = CELL_SECRET;
	assert_int_equal(next(packed, n, &c), -1);
}

/* A name is put into statements: it has letters, digits and _ only, and ends where it says. */
static void
names(void **state)
{
	uint8_t		 packed[64];
	struct cell	 in = cell("ab", CELL_TEXT, "", 0), c;
	size_t		 n = cell_pack(packed, sizeof(packed), &in);
	int		 i;

	(void)state;
	for (i = 0; i < 256; i++) {
		packed[5] = (uint8_t)i;
		assert_int_equal(next(packed, n, &c), (i >= 'a' && i <= 'z') || (i >= '0' && i <= '9') || i == '_' ? 1 : -1);
	}
	memset(in.column, 'a', sizeof(in.column));	/* without its NUL */
	assert_int_equal(cell_pack(packed, sizeof(packed), &in), 0);
	in.column[0] = '\0';
	assert_int_equal(cell_pack(packed, sizeof(packed), &in), 0);
	memset(packed, 'a', sizeof(packed));
	memcpy(packed, "\2\40\0\0", 4);			/* 32 octets */
	assert_int_equal(next(packed, 36, &c), -1);
	packed[1] = 31;
	assert_int_equal(next(packed, 35, &c), 1);
	assert_int_equal(strlen(c.column), 31);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(truncated),
		cmocka_unit_test(values),
		cmocka_unit_test(names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
