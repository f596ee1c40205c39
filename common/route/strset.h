/* SPDX-License-Identifier: ISC */
/*
 * A set of octet strings that senders and servers choose: hashed with a secret of this process, so that nobody can make strings
 * whose slots meet, and so that a string costs the same whatever was put in before it.
 */
#ifndef STRSET_H
#define STRSET_H

#include <stddef.h>
#include <stdint.h>

struct strset_slot {
	uint64_t	 hash;
	size_t		 off, len;	/* in octets; off counts from 1, 0: the slot is free */
};

struct strset {
	struct strset_slot *slots;
	size_t		 n, nslots;	/* strings; slots, a power of two */
	char		*octets;
	size_t		 used, size;	/* of octets */
	uint64_t	 probes;	/* slots looked at since the set is there, for tests */
};

/* A zeroed struct is an empty set. */
int		 strset_add(struct strset *, const void *, size_t);	/* 1: it is new; 0: it was there; -1: memory */
int		 strset_has(struct strset *, const void *, size_t);	/* 1, 0 */
void		 strset_free(struct strset *);				/* empty again */
uint64_t	 strset_hash(const void *, size_t);			/* the hash that it uses, for other tables of this process */

#endif
