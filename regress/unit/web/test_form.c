/* SPDX-License-Identifier: ISC */
/* links: web/form.c */
/* Names and values of forms: what they mean, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web/web.h"

static int
parse(struct form *f, const char *s)
{
	return (form_parse(f, (const uint8_t *)s, strlen(s)));
}

static void
test_values(void **arg)
{
	struct form	 f;

	(void)arg;
	assert_int_equal(parse(&f, "b=2&a=x+y%20z%2B&&c&=n&d=&a=second&%63e=%c3%A4&e=a=b&"), 0);
	assert_int_equal(f.n, 8);
	assert_string_equal(form_get(&f, "a"), "x y z+");
	assert_string_equal(form_get(&f, "b"), "2");
	assert_string_equal(form_get(&f, "c"), "");
	assert_string_equal(form_get(&f, ""), "n");
	assert_string_equal(form_get(&f, "d"), "");
	assert_string_equal(form_get(&f, "ce"), "\xc3\xa4");
	assert_string_equal(form_get(&f, "e"), "a=b");
	assert_null(form_get(&f, "A"));
	assert_null(form_get(&f, "f"));
	form_free(&f);
	assert_null(form_get(&f, "a"));
}

static void
test_rows(void **arg)
{
	struct form	 f;

	(void)arg;
	assert_int_equal(parse(&f, "name.1=b&name.0=a&name.10=c&name=d&name.01=e"), 0);
	assert_string_equal(form_row(&f, 0, "name"), "a");
	assert_string_equal(form_row(&f, 1, "name"), "b");
	assert_string_equal(form_row(&f, 10, "name"), "c");
	assert_null(form_row(&f, 2, "name"));
	assert_null(form_row(&f, SIZE_MAX, "name"));
	assert_null(form_row(&f, 0, "a-name-that-is-longer-than-any-column-of-any-table-of-the-store-is"));
	form_free(&f);
}

static void
test_nothing(void **arg)
{
	struct form	 f;

	(void)arg;
	assert_int_equal(parse(&f, ""), 0);
	assert_int_equal(f.n, 0);
	form_free(&f);
	assert_int_equal(parse(&f, "&&&"), 0);
	assert_int_equal(f.n, 0);
	form_free(&f);
}

static void
test_refused(void **arg)
{
	static const char *const	 bad[] = {
		"a=%", "a=%4", "a=%4&b", "a=%g0", "a=%0g", "a=%00", "%00", "%=a", "a=%ff", "a=\xff", "a=%c3", "a=%c3&%a4=", "a=%ed%a0%80",
		"ok=1&a=%c0%80"
	};
	struct form			 f;
	size_t				 i;

	(void)arg;
	for (i = 0; i < nitems(bad); i++) {
		assert_int_equal(parse(&f, bad[i]), -1);
		assert_true(f.n == 0 && f.v == NULL && f.octets == NULL);
	}
	assert_int_equal(form_parse(&f, (const uint8_t *)"a\0b=c", 5), -1);
}

/* As many names as there may be are all found, in whatever order they came. */
static void
test_many(void **arg)
{
	struct form	 f;
	char		*all = malloc(FIELDS_MAX * 16 + 16), value[16];
	size_t		 i, n = 0;

	(void)arg;
	assert_non_null(all);
	for (i = 0; i < FIELDS_MAX; i++)
		n += (size_t)sprintf(all + n, "x.%zu=%zu&", (i * 7919) % FIELDS_MAX, (i * 7919) % FIELDS_MAX);
	assert_int_equal(form_parse(&f, (uint8_t *)all, n), 0);
	assert_int_equal(f.n, FIELDS_MAX);
	for (i = 0; i < FIELDS_MAX; i++) {
		snprintf(value, sizeof(value), "%zu", i);
		assert_string_equal(form_row(&f, i, "x"), value);
	}
	form_free(&f);
	n += (size_t)sprintf(all + n, "y");
	assert_int_equal(form_parse(&f, (uint8_t *)all, n), -1);
	free(all);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_rows), cmocka_unit_test(test_nothing), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
