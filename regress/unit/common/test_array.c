/* SPDX-License-Identifier: ISC */
/* Arrays that grow, and the search in those that are in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/array.h"

static int
number_cmp(const void *key, const void *element)
{
	const int	*a = key, *b = element;

	return (*a < *b ? -1 : *a > *b);
}

/* Elements stay what they are, and there is room for each before it is written (a sanitizer sees when not). */
static void
grow(void **state)
{
	int	*list = NULL, *p;
	int	 i, n;

	(void)state;
	for (n = 0; n < 5000; n++) {
		p = array_grow(list, (size_t)n, sizeof(*list));
		assert_non_null(p);
		list = p;
		list[n] = n;
	}
	for (i = 0; i < n; i++)
		assert_int_equal(list[i], i);
	/* begun anew in the same memory */
	for (n = 0; n < 40; n++) {
		p = array_grow(list, (size_t)n, sizeof(*list));
		assert_non_null(p);
		list = p;
		list[n] = -n;
	}
	for (i = 0; i < n; i++)
		assert_int_equal(list[i], -i);
	free(list);
}

/* A sanitizer, too, answers a size that overflows with NULL. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return ("allocator_may_return_null=1");
}

static void
too_large(void **state)
{
	int	*list = malloc(sizeof(*list));

	(void)state;
	assert_null(array_grow(list, SIZE_MAX / 4 + 1, sizeof(*list)));
	*list = 1;
	free(list);
}

static void
search(void **state)
{
	static const int	 list[] = { 1, 3, 3, 3, 7 };
	static const size_t	 want[] = { 0, 0, 1, 1, 4, 4, 4, 4, 5 };
	int			 key;

	(void)state;
	for (key = 0; key < 9; key++)
		assert_int_equal(array_search(&key, list, 5, sizeof(list[0]), number_cmp), want[key]);
	assert_int_equal(array_search(&key, NULL, 0, sizeof(list[0]), number_cmp), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(grow),
		cmocka_unit_test(too_large),
		cmocka_unit_test(search),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
