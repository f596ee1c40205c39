/* SPDX-License-Identifier: ISC */
/* SipHash-2-4: a hash of which nobody without the key can tell which strings have one value. */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY_LEN	16

/* The same value on every machine, so that it may be stored. */
uint64_t	 siphash(const uint8_t key[SIPHASH_KEY_LEN], const void *, size_t);

#endif
