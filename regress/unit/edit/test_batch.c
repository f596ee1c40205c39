/* SPDX-License-Identifier: ISC */
/* links: rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Batches of changes as clients send them: how many, how much, and what is no change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "rpopd/edit/edit.h"

static struct batch	 batch;
static uint8_t		 octets[PROTO_FRAME_MAX];
static size_t		 used;

static void
put(const char *column, enum cell_kind kind, const char *value)
{
	struct cell	 c = { .kind = kind, .value = (const uint8_t *)value, .len = strlen(value) };

	strlcpy(c.column, column, sizeof(c.column));
	used += cell_pack(octets + used, sizeof(octets) - used, &c);
}

static int
add(uint32_t act, uint32_t nkeys)
{
	struct ctl_change	 m = { .act = act, .nkeys = nkeys, .table = "rpop" };
	size_t			 len = used;

	used = 0;
	return (batch_add(&batch, &m, octets, len));
}

static int
empty(void **state)
{
	(void)state;
	batch_free(&batch);
	assert_int_equal(batch.n, 0);
	assert_int_equal(batch.octets, 0);
	assert_null(batch.changes);
	used = 0;
	return (0);
}

static void
heads(void **state)
{
	struct ctl_change	 m = { .act = CHANGE_ADD };

	(void)state;
	assert_int_equal(add(CHANGE_MAX, 0), -1);
	assert_int_equal(add(UINT32_MAX, 0), -1);
	assert_int_equal(add(CHANGE_ADD, 1), -1);
	assert_int_equal(add(CHANGE_ADD, UINT32_MAX), -1);
	memset(m.table, 'a', sizeof(m.table));
	assert_int_equal(batch_add(&batch, &m, octets, 0), -1);
	assert_int_equal(add(CHANGE_ADD, 0), 0);
}

static void
twice(void **state)
{
	(void)state;
	put("name", CELL_TEXT, "a");
	put("name", CELL_TEXT, "b");
	assert_int_equal(add(CHANGE_SET, 1), 0);	/* a new name */
	assert_int_equal(batch.changes[0].ncells, 2);
	assert_int_equal(batch.changes[0].nkeys, 1);
	put("name", CELL_TEXT, "a");
	put("name", CELL_TEXT, "b");
	assert_int_equal(add(CHANGE_SET, 2), -1);
	batch_free(&batch);
	put("name", CELL_TEXT, "a");
	put("name", CELL_TEXT, "b");
	put("name", CELL_TEXT, "c");
	assert_int_equal(add(CHANGE_SET, 1), -1);
	batch_free(&batch);
	put("name", CELL_TEXT, "a");
	put("name", CELL_TEXT, "b");
	assert_int_equal(add(CHANGE_ADD, 1), -1);
	batch_free(&batch);
	put("name", CELL_TEXT, "a");
	put("name", CELL_NULL, "");
	assert_int_equal(add(CHANGE_REMOVE, 1), -1);
	batch_free(&batch);
	put("password", CELL_SECRET, "");		/* goes the other way only */
	assert_int_equal(add(CHANGE_ADD, 0), -1);
}

static void
limits(void **state)
{
	char	 name[CELL_COLUMN_SIZE];
	size_t	 i;

	(void)state;
	for (i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		put(name, CELL_TEXT, "");
	}
	assert_int_equal(add(CHANGE_ADD, 64), 0);
	for (i = 0; i < 65; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		put(name, CELL_TEXT, "");
	}
	assert_int_equal(add(CHANGE_ADD, 64), -1);
	batch_free(&batch);
	for (i = 0; i < BATCH_CHANGES; i++)
		assert_int_equal(add(CHANGE_ADD, 0), 0);
	assert_int_equal(add(CHANGE_ADD, 0), -1);
}

static void
octets_of_all(void **state)
{
	static char	 value[CELL_VALUE_MAX];

	(void)state;
	memset(value, 'a', sizeof(value) - 1);
	for (;;) {
		put("v", CELL_TEXT, value);
		if (BATCH_OCTETS - batch.octets < used)
			break;
		assert_int_equal(add(CHANGE_ADD, 0), 0);
	}
	assert_int_equal(add(CHANGE_ADD, 0), -1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(heads, empty),
		cmocka_unit_test_teardown(twice, empty),
		cmocka_unit_test_teardown(limits, empty),
		cmocka_unit_test_teardown(octets_of_all, empty),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
