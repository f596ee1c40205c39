/* SPDX-License-Identifier: ISC */
/*
 * A set of octet strings that senders and servers choose.  They are hashed with a secret of this process, so that nobody can make
 * strings of one slot, and a string costs the same whatever is in the set.
 */
#ifndef STRSET_H
#define STRSET_H

#include <stddef.h>
#include <stdint.h>

struct strset_slot {
	uint64_t	 hash;
	size_t		 off, len;	/* where the string is in octets, counted from 1; off 0: the slot is free */
};

struct strset {
	struct strset_slot *slots;
	size_t		 n, nslots;	/* number of strings; of slots, a power of two */
	char		*octets;
	size_t		 used, size;	/* octets in use; allocated */
	uint64_t	 probes;	/* number of slots that were looked at since the set began, for tests */
};

/* A zeroed struct is an empty set. */
int		 strset_add(struct strset *, const void *, size_t);	/* 1: it is new; 0: it was there; -1: no memory */
int		 strset_has(struct strset *, const void *, size_t);	/* 1: it is in the set, 0: not */
void		 strset_free(struct strset *);				/* the set is empty afterwards */
uint64_t	 strset_hash(const void *, size_t);			/* the hash of a set, for other tables of this process */

#endif
