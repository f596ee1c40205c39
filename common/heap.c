/* SPDX-License-Identifier: ISC */
/* Memory that forks share with their template until they write to it, and that they give back. */
#include <sys/types.h>
#include <sys/mman.h>

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "heap.h"
#include "common/sandbox/sandbox.h"

#if defined(__GLIBC__) && !SANDBOX_SANITIZED
#include <malloc.h>

#define FRESH		122880	/* octets that no hole has, below those that mmap(2) is asked for */
#define SIZE_STEP	16	/* between the sizes of allocations, which are all that is rounded to */
#define SMALL		1024	/* octets, above which sizes are apart by an eighth */
#define LARGEST		65536
#define HOLES_MAX	8388608	/* octets of holes that are filled, more than any template has */

static size_t	 size_below(size_t);

/*
 * What is allocated behind a block as large as that comes from the top of the heap, or from a hole: what is below the block was a
 * hole, and is kept until the next time.  Largest sizes are the first, since small ones would be cut off large holes.  Where
 * another malloc(3) is in the place of the C library's there may be no end of what is below the block.
 */
void
heap_settle(void)
{
	static struct hole {
		struct hole	*next;
	}		*holes;
	struct hole	*h;
	void		*fresh;
	size_t		 size, left = HOLES_MAX;

	while ((h = holes) != NULL) {
		holes = h->next;
		free(h);
	}
	(void)malloc_trim(0);
	if ((fresh = malloc(FRESH)) == NULL)
		return;
	for (size = LARGEST; size > 0; size = size_below(size)) {
		for (h = NULL; left >= size && (h = malloc(size)) != NULL && (uintptr_t)h < (uintptr_t)fresh; h = NULL) {
			h->next = holes;
			holes = h;
			left -= size;
		}
		free(h);
	}
	free(fresh);
}

/* The next size; 0: there is none. */
static size_t
size_below(size_t size)
{
	if (size <= SMALL)
		return (size - SIZE_STEP);
	size -= size / 8 / SIZE_STEP * SIZE_STEP;
	return (size < SMALL ? SMALL : size);
}

void
heap_trim(void)
{
	(void)malloc_trim(0);
}

#else

void
heap_settle(void)
{
}

void
heap_trim(void)
{
}

#endif

void
heap_release(void *p, size_t len)
{
	uintptr_t	 page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)p + page - 1) / page * page;
	uintptr_t	 end = ((uintptr_t)p + len) / page * page;

	if (begin < end)
		(void)madvise((char *)p + (begin - (uintptr_t)p), end - begin, MADV_DONTNEED);
}
