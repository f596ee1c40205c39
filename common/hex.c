/* SPDX-License-Identifier: ISC */
/* Octets as hexadecimal digits; what is written has lower case letters. */
#include <stdint.h>

#include "hex.h"

static const char	 digits[] = "0123456789abcdef";

/* The value of a digit whose letter may be of either case, or -1: c is none. */
int
hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'A' && c <= 'F')
		c += 'a' - 'A';
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

/* Writes the 2 * len digits of len octets to dst, without a NUL. */
void
hex_encode(void *dst, const void *src, size_t len)
{
	const uint8_t	*p = src;
	char		*out = dst;

	while (len-- > 0) {
		*out++ = digits[*p >> 4];
		*out++ = digits[*p++ & 15];
	}
}

/* Reads len octets from 2 * len digits with lower case letters, and nothing behind the first octet that is none.  0 or -1. */
int
hex_decode(void *dst, size_t len, const void *src)
{
	const uint8_t	*p = src;
	uint8_t		*out = dst;
	size_t		 i;

	for (i = 0; i < 2 * len; i++) {
		if (hex_digit(p[i]) == -1 || (p[i] >= 'A' && p[i] <= 'F'))
			return (-1);
		out[i / 2] = (uint8_t)(i % 2 == 0 ? hex_digit(p[i]) << 4 : out[i / 2] | hex_digit(p[i]));
	}
	return (0);
}
