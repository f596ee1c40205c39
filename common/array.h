/* SPDX-License-Identifier: ISC */
/* Arrays that grow by one element at a time, and arrays in order. */
#ifndef ARRAY_H
#define ARRAY_H

#include <stddef.h>

void	*array_grow(void *, size_t n, size_t size);
size_t	 array_search(const void *key, const void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));

#endif
