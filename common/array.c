/* SPDX-License-Identifier: ISC */
/* Growth and search of arrays. */
#include <stdint.h>
#include <stdlib.h>

#include "array.h"

#define ARRAY_FIRST	16	/* elements of the first allocation, a power of two */

/*
 * Room for one more element of that size in an array that has n of them, and had room for each of them by this function.  Returns
 * the array, perhaps in another place; NULL: no memory, and the array is as it was.
 */
void *
array_grow(void *array, size_t n, size_t size)
{
	if (array != NULL && (n < ARRAY_FIRST || (n & (n - 1)) != 0))
		return (array);
	return (reallocarray(array, n < ARRAY_FIRST ? ARRAY_FIRST : n * 2, size));
}

/*
 * The index of the first of n elements in ascending order that is not less than the key, or n.  cmp gets the key and an element, as
 * for bsearch(3).
 */
size_t
array_search(const void *key, const void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	size_t	 low = 0, high = n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (cmp(key, (const uint8_t *)base + mid * size) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (low);
}
