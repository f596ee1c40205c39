/* SPDX-License-Identifier: ISC */
/* A set of octet strings that senders and servers choose. */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "strset.h"

#define STRSET_SLOTS	16		/* slots of a new set, of which no more than half are used */
#define STRSET_OCTETS	256		/* octets allocated for a new set */

static struct strset_slot	*strset_find(struct strset *, uint64_t, const void *, size_t);
static int	 strset_grow(struct strset *);
static int	 strset_room(struct strset *, size_t);
static uint64_t	 strset_mix(uint64_t, uint64_t);

int
strset_add(struct strset *set, const void *p, size_t len)
{
	struct strset_slot	*slot;
	uint64_t		 hash = strset_hash(p, len);

	if (set->nslots > 0 && strset_find(set, hash, p, len)->off != 0)
		return (0);
	if ((2 * set->n >= set->nslots && strset_grow(set) == -1) || strset_room(set, len) == -1)
		return (-1);
	slot = strset_find(set, hash, p, len);
	slot->hash = hash;
	slot->off = set->used + 1;
	slot->len = len;
	if (len > 0)
		memcpy(set->octets + set->used, p, len);
	set->used += len;
	set->n++;
	return (1);
}

int
strset_has(struct strset *set, const void *p, size_t len)
{
	return (set->nslots > 0 && strset_find(set, strset_hash(p, len), p, len)->off != 0);
}

void
strset_free(struct strset *set)
{
	free(set->slots);
	free(set->octets);
	memset(set, 0, sizeof(*set));
}

/* The slot that has this string, or the free one where it is to be put. */
static struct strset_slot *
strset_find(struct strset *set, uint64_t hash, const void *p, size_t len)
{
	struct strset_slot	*slot;
	size_t			 i;

	for (i = hash & (set->nslots - 1);; i = (i + 1) & (set->nslots - 1)) {
		slot = &set->slots[i];
		set->probes++;
		if (slot->off == 0 || (slot->hash == hash && slot->len == len &&
		    (len == 0 || memcmp(set->octets + slot->off - 1, p, len) == 0)))
			return (slot);
	}
}

/* Doubles the slots.  0, or -1: no memory, and the set is as it was. */
static int
strset_grow(struct strset *set)
{
	struct strset_slot	*old = set->slots, *slots;
	size_t			 nold = set->nslots, n = nold == 0 ? STRSET_SLOTS : nold * 2, i, at;

	if ((slots = calloc(n, sizeof(*slots))) == NULL)
		return (-1);
	for (i = 0; i < nold; i++) {
		if (old[i].off == 0)
			continue;
		for (at = old[i].hash & (n - 1); slots[at].off != 0; at = (at + 1) & (n - 1))
			;
		slots[at] = old[i];
	}
	free(old);
	set->slots = slots;
	set->nslots = n;
	return (0);
}

static int
strset_room(struct strset *set, size_t len)
{
	size_t	 size = set->size == 0 ? STRSET_OCTETS : set->size;
	char	*octets;

	while (size - set->used < len) {
		if (size > SIZE_MAX / 2)
			return (-1);
		size *= 2;
	}
	if (size == set->size)
		return (0);
	if ((octets = realloc(set->octets, size)) == NULL)
		return (-1);
	set->octets = octets;
	set->size = size;
	return (0);
}

/* Hashes eight octets at a time; nobody can tell without the secret which strings have one hash. */
uint64_t
strset_hash(const void *data, size_t len)
{
	static uint64_t	 secret[2];
	const uint8_t	*p = data;
	uint64_t	 h, word;

	if (secret[0] == 0) {
		arc4random_buf(secret, sizeof(secret));
		secret[0] |= 1;
		secret[1] |= 1;
	}
	for (h = secret[0] ^ len; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = strset_mix(h ^ word, secret[1]);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, p, len);
	return (strset_mix(h ^ word, secret[1]));
}

/* Both halves of the product of 128 bits, combined. */
static uint64_t
strset_mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128	 r = (unsigned __int128)a * b;

	return ((uint64_t)r ^ (uint64_t)(r >> 64));
#else
	uint64_t	 ah = a >> 32, al = (uint32_t)a, bh = b >> 32, bl = (uint32_t)b;
	uint64_t	 mid = ah * bl + (al * bl >> 32), mid2 = al * bh + (uint32_t)mid;

	return ((a * b) ^ (ah * bh + (mid >> 32) + (mid2 >> 32)));
#endif
}
