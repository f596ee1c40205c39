/* SPDX-License-Identifier: ISC */
/* SipHash-2-4, as J.-P. Aumasson and D. J. Bernstein describe it (2012). */
#include <endian.h>
#include <string.h>

#include "siphash.h"

#define ROTATE(x, n)	((x) << (n) | (x) >> (64 - (n)))

static uint64_t	 siphash_word(const uint8_t *, size_t);
static void	 siphash_rounds(uint64_t [4], int);

uint64_t
siphash(const uint8_t key[SIPHASH_KEY_LEN], const void *data, size_t len)
{
	uint64_t	 k0, k1, v[4], word, last = (uint64_t)len << 56;
	const uint8_t	*p = data;

	memcpy(&k0, key, sizeof(k0));
	memcpy(&k1, key + sizeof(k0), sizeof(k1));
	k0 = le64toh(k0);
	k1 = le64toh(k1);
	v[0] = k0 ^ 0x736f6d6570736575ULL;
	v[1] = k1 ^ 0x646f72616e646f6dULL;
	v[2] = k0 ^ 0x6c7967656e657261ULL;
	v[3] = k1 ^ 0x7465646279746573ULL;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, sizeof(word));
		word = le64toh(word);
		v[3] ^= word;
		siphash_rounds(v, 2);
		v[0] ^= word;
	}
	last |= siphash_word(p, len);
	v[3] ^= last;
	siphash_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	siphash_rounds(v, 4);
	return (v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* Fewer than eight octets as a number, the first one the lowest. */
static uint64_t
siphash_word(const uint8_t *p, size_t len)
{
	uint64_t	 word = 0;

	while (len-- > 0)
		word = word << 8 | p[len];
	return (word);
}

static void
siphash_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = ROTATE(v[1], 13) ^ v[0];
		v[3] = ROTATE(v[3], 16) ^ v[2];
		v[0] = ROTATE(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = ROTATE(v[1], 17) ^ v[2];
		v[3] = ROTATE(v[3], 21) ^ v[0];
		v[2] = ROTATE(v[2], 32);
	}
}
