/* SPDX-License-Identifier: ISC */
/* Memory of processes that are forked in great numbers: what they share with their template, and what goes back to the system. */
#ifndef HEAP_H
#define HEAP_H

#include <stddef.h>

/*
 * For a template, when it has allocated what its forks share, and as often as that changes: fills the holes of its heap, so that
 * what a fork allocates is in fresh pages beside each other.  A fork would have a copy made of every page with a hole that it uses.
 */
void	 heap_settle(void);

/* Pages of the heap that hold nothing any more go back to the system. */
void	 heap_trim(void);

/* Whole pages of a buffer whose content is not wanted any more go back to the system; they are zeroes when they are used again. */
void	 heap_release(void *, size_t);

#endif
