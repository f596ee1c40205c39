/* SPDX-License-Identifier: ISC */
/* A binary heap of items that lie in what they stand for, least key first; heap.c.  It begins as zeroes. */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_item {
	int64_t			  key;
	size_t			  slot;		/* heap.c's */
};

struct heap {
	struct heap_item	**items;
	size_t			  n;
};

/* The structure of the type whose member an item is. */
#define heap_of(item, type, member)	((type *)(void *)((char *)(item) - offsetof(type, member)))

void		 heap_put(struct heap *, struct heap_item *, int64_t key);
void		 heap_take(struct heap *, struct heap_item *);	/* must be in it */
struct heap_item *heap_top(const struct heap *);		/* NULL: empty */
void		 heap_free(struct heap *);			/* must be empty */

#endif
