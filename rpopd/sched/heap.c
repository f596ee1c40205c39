/* SPDX-License-Identifier: ISC */
/* A binary heap of items that lie in what they stand for and know their place, so that any of them can be taken out. */
#include <stdlib.h>

#include "common/array.h"
#include "common/log.h"
#include "heap.h"

static void	 heap_swap(struct heap *, size_t, size_t);
static void	 heap_up(struct heap *, size_t);
static void	 heap_down(struct heap *, size_t);

/* Put an item that is in no heap into this one. */
void
heap_put(struct heap *h, struct heap_item *item, int64_t key)
{
	if ((h->items = array_grow(h->items, h->n, sizeof(*h->items))) == NULL)
		fatal("schedule");
	item->key = key;
	item->slot = h->n;
	h->items[h->n++] = item;
	heap_up(h, item->slot);
}

/* Take an item, whichever it is, out of the heap in which it must be. */
void
heap_take(struct heap *h, struct heap_item *item)
{
	size_t	 slot = item->slot;

	if (slot >= h->n || h->items[slot] != item)
		fatalx("schedule: not in this queue");
	h->n--;
	if (slot != h->n) {
		heap_swap(h, slot, h->n);
		heap_up(h, slot);
		heap_down(h, slot);
	}
}

/* The item with the least key, which stays in the heap; NULL: the heap is empty. */
struct heap_item *
heap_top(const struct heap *h)
{
	return (h->n == 0 ? NULL : h->items[0]);
}

/* Free what an empty heap has allocated; it may be used again. */
void
heap_free(struct heap *h)
{
	if (h->n != 0)
		fatalx("schedule: queue in use");
	free(h->items);
	h->items = NULL;
}

static void
heap_swap(struct heap *h, size_t a, size_t b)
{
	struct heap_item	*item = h->items[a];

	h->items[a] = h->items[b];
	h->items[b] = item;
	h->items[a]->slot = a;
	h->items[b]->slot = b;
}

static void
heap_up(struct heap *h, size_t i)
{
	while (i > 0 && h->items[i]->key < h->items[(i - 1) / 2]->key) {
		heap_swap(h, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
}

static void
heap_down(struct heap *h, size_t i)
{
	size_t	 least, child;

	for (;;) {
		least = i;
		for (child = 2 * i + 1; child <= 2 * i + 2 && child < h->n; child++)
			if (h->items[child]->key < h->items[least]->key)
				least = child;
		if (least == i)
			return;
		heap_swap(h, i, least);
		i = least;
	}
}
