/* SPDX-License-Identifier: ISC */
/* A template with another malloc(3) than the C library's, whose addresses become lower: it takes no more memory than has holes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/heap.h"
#include "common/sandbox/sandbox.h"

#define ARENA	67108864
#define RESERVE	1048576		/* octets for what the test itself needs behind a failure */
#define MOST	16777216

#if !SANDBOX_SANITIZED		/* a sanitizer has one already */

/* Each block has its size ahead of it; nothing is used twice. */
static _Alignas(16) uint8_t	 arena[ARENA];
static size_t			 left = ARENA, reserve;

void *
malloc(size_t size)
{
	size_t	 need = 16 + (size + 15) / 16 * 16;

	if (size > ARENA || left < need + reserve)
		return (NULL);
	left -= need;
	memcpy(arena + left, &size, sizeof(size));
	return (arena + left + 16);
}

void
free(void *p)
{
	(void)p;
}

void *
calloc(size_t n, size_t size)
{
	return (size != 0 && n > ARENA / size ? NULL : malloc(n * size));	/* nothing was written there before */
}

void *
realloc(void *p, size_t size)
{
	void	*q = malloc(size);
	size_t	 old;

	if (p == NULL || q == NULL)
		return (q);
	memcpy(&old, (uint8_t *)p - 16, sizeof(old));
	return (memcpy(q, p, old < size ? old : size));
}

static void
bounded(void **state)
{
	size_t	 before = left;

	(void)state;
	reserve = RESERVE;
	heap_settle();
	reserve = 0;
	assert_true(before - left < MOST);
}

#else

static void
bounded(void **state)
{
	(void)state;
	heap_settle();
}

#endif

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(bounded) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
