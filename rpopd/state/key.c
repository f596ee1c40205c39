/* SPDX-License-Identifier: ISC */
/* Keys of messages without a trusted unique-id: "sha256:<hex>:<n>", longer than any unique-id. */
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "state.h"

#define PREFIX		"sha256:"
#define PREFIX_LEN	(sizeof(PREFIX) - 1)
#define HEX_LEN		(2 * PROTO_DIGEST_LEN)

size_t
digest_key(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t n)
{
	char	 number[16];
	size_t	 len;

	if ((len = snprintf(number, sizeof(number), ":%u", n)) > STATE_KEY_MAX - PREFIX_LEN - HEX_LEN)
		return (0);
	memcpy(key, PREFIX, PREFIX_LEN);
	hex_encode(key + PREFIX_LEN, digest, PROTO_DIGEST_LEN);
	memcpy(key + PREFIX_LEN + HEX_LEN, number, len);
	return (PREFIX_LEN + HEX_LEN + len);
}

/*
 * Keys of one digest are used from 1 on, so the first free one lies between a number in use and a free one, found by doubling
 * steps from the last one on and then by halves: a server that sends thousands of equal messages costs two looks for each.
 */
size_t
digest_key_free(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t *last, int (*taken)(void *, const uint8_t *, size_t),
    void *arg)
{
	uint32_t	 used = 0, unused = 0, n = *last, step = 1;
	size_t		 len;
	int		 found;

	while (unused == 0 || unused - used > 1) {
		if (n <= used || (unused != 0 && n >= unused)) {
			n = unused == 0 ? used + step : used + (unused - used) / 2;
			step *= 2;
		}
		if ((len = digest_key(key, digest, n)) == 0 || (found = taken(arg, key, len)) == -1)
			return (0);
		if (found)
			used = n;
		else
			unused = n;
	}
	*last = unused;
	return (digest_key(key, digest, unused));
}

int
digest_parse(const uint8_t *key, size_t len, uint8_t digest[PROTO_DIGEST_LEN])
{
	if (len < PREFIX_LEN + HEX_LEN || memcmp(key, PREFIX, PREFIX_LEN) != 0)
		return (-1);
	return (hex_decode(digest, PROTO_DIGEST_LEN, key + PREFIX_LEN));
}
