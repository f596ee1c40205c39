/* SPDX-License-Identifier: ISC */
/* What a template does for the memory of its forks: no hole is left that they would use, and whole pages go back. */
#include <sys/types.h>
#include <sys/mman.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/heap.h"
#include "common/sandbox/sandbox.h"

#if defined(__GLIBC__) && !SANDBOX_SANITIZED
#include <malloc.h>
#define SETTLES
#endif

#define BLOCKS	2000

/* Allocations of all sizes, every other one of which goes, leave holes; what is allocated afterwards is in none of them. */
static void
holes_are_filled(void **state)
{
	static char	*block[BLOCKS];
	uintptr_t	 last = 0;
	size_t		 i;
	char		*p;

	(void)state;
	if (SANDBOX_SANITIZED)
		skip();			/* a sanitizer has a malloc(3) of its own */
	for (i = 0; i < BLOCKS; i++) {
		assert_non_null(block[i] = malloc(16 + i % 40 * i % 5000));
		if ((uintptr_t)block[i] > last)
			last = (uintptr_t)block[i];
	}
	for (i = 0; i < BLOCKS; i += 2)
		free(block[i]);
	heap_settle();
#ifdef SETTLES
	for (i = 0; i < 200; i++) {
		assert_non_null(p = malloc(16 + i * 37 % 3000));
		assert_true((uintptr_t)p > last);
	}
#else
	(void)p;
#endif
}

/* It may be done again and again: a heap that does not grow by itself does not grow by it. */
static void
settled_often(void **state)
{
#ifdef SETTLES
	struct mallinfo2	 before, after;
	int			 i;

	for (i = 0; i < 3; i++)
		heap_settle();
	before = mallinfo2();
	for (i = 0; i < 100; i++)
		heap_settle();
	after = mallinfo2();
	assert_true(after.uordblks <= before.uordblks);
	assert_true(after.arena <= before.arena);
#endif
	(void)state;
}

/* Only whole pages inside of the buffer go: what is beside it stays as it is. */
static void
pages_are_released(void **state)
{
	size_t	 page = (size_t)sysconf(_SC_PAGESIZE), i, zeroes = 0;
	uint8_t	*p = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 'x', 8 * page);
	heap_release(p + page / 2, 4 * page);
	for (i = 0; i < 8 * page; i++)
		if (p[i] == 0) {
			zeroes++;
			assert_in_range(i, page, 4 * page - 1);
		} else
			assert_int_equal(p[i], 'x');
	assert_int_equal(zeroes, 3 * page);
	heap_release(p + 5 * page + 1, page - 1);
	heap_release(p + 6 * page + 1, 1);
	heap_release(p + 7 * page, 0);
	for (i = 5 * page; i < 8 * page; i++)
		assert_int_equal(p[i], 'x');
	munmap(p, 8 * page);
}

/* What is in use stays. */
static void
trimmed(void **state)
{
	char	*p = malloc(100000), *q = malloc(100000);

	(void)state;
	assert_non_null(p);
	assert_non_null(q);
	memset(q, 'q', 100000);
	free(p);
	heap_trim();
	assert_int_equal(q[0], 'q');
	assert_int_equal(q[99999], 'q');
	free(q);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(holes_are_filled),
		cmocka_unit_test(settled_often),
		cmocka_unit_test(pages_are_released),
		cmocka_unit_test(trimmed)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
