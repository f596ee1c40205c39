/* SPDX-License-Identifier: ISC */
/* Which octets are UTF-8. */
#include <stdint.h>

#include "compat.h"
#include "utf8.h"

/*
 * The length of the well-formed UTF-8 sequence that len octets begin with, 1 for ASCII; 0: there is none.  It is the shortest form,
 * no surrogate, and not beyond U+10FFFF (RFC 3629 section 4).
 */
size_t
utf8_length(const void *text, size_t len)
{
	static const struct {
		uint8_t	 lowest, highest;	/* of the first octet */
		uint8_t	 low, high;		/* of the second */
		uint8_t	 length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 }
	};
	const uint8_t	*p = text;
	size_t		 i, k;

	if (len == 0 || p[0] < 0x80)
		return (len == 0 ? 0 : 1);
	for (i = 0; i < nitems(forms); i++)
		if (p[0] >= forms[i].lowest && p[0] <= forms[i].highest)
			break;
	if (i == nitems(forms) || len < forms[i].length || p[1] < forms[i].low || p[1] > forms[i].high)
		return (0);
	for (k = 2; k < forms[i].length; k++)
		if ((p[k] & 0xc0) != 0x80)
			return (0);
	return (forms[i].length);
}

/* 1: these octets are UTF-8 from the first to the last; 0: they are not. */
int
utf8_valid(const void *text, size_t len)
{
	const uint8_t	*p = text;
	size_t		 n;

	for (; len > 0; p += n, len -= n)
		if ((n = utf8_length(p, len)) == 0)
			return (0);
	return (1);
}
