/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648 section 4) with exact bounds. */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "common/compat.h"

static int	 base64_value(uint8_t);

static const char	 alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Appends the encoding of len octets to out.  0, or -1: it does not fit. */
int
base64_encode(struct buf *out, const uint8_t *p, size_t len)
{
	char		 four[4];
	uint32_t	 v;
	size_t		 n;

	for (; len > 0; p += n, len -= n) {
		n = len < 3 ? len : 3;
		v = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		four[0] = alphabet[v >> 18];
		four[1] = alphabet[v >> 12 & 63];
		four[2] = n > 1 ? alphabet[v >> 6 & 63] : '=';
		four[3] = n > 2 ? alphabet[v & 63] : '=';
		if (buf_add(out, four, sizeof(four)) == -1)
			return (-1);
	}
	explicit_bzero(four, sizeof(four));
	return (0);
}

/*
 * Decodes base64 with its padding into dst.  Returns the number of octets, or -1: it is no base64, or has more than size octets in
 * it.
 */
ssize_t
base64_decode(uint8_t *dst, size_t size, const uint8_t *p, size_t len)
{
	size_t	 pad = 0, n, i, j;
	int	 v[4];

	if (len % 4 != 0)
		return (-1);
	if (len > 0 && p[len - 1] == '=')
		pad = p[len - 2] == '=' ? 2 : 1;
	if (len / 4 * 3 - pad > size)
		return (-1);
	for (i = n = 0; i < len; i += 4) {
		for (j = 0; j < 4; j++) {
			v[j] = i + j >= len - pad ? 0 : base64_value(p[i + j]);
			if (v[j] == -1)
				return (-1);
		}
		dst[n++] = (uint8_t)(v[0] << 2 | v[1] >> 4);
		if (i + 2 < len - pad)
			dst[n++] = (uint8_t)(v[1] << 4 | v[2] >> 2);
		if (i + 3 < len - pad)
			dst[n++] = (uint8_t)(v[2] << 6 | v[3]);
	}
	return ((ssize_t)n);
}

static int
base64_value(uint8_t c)
{
	const char	*p;

	return (c == '\0' || (p = strchr(alphabet, c)) == NULL ? -1 : (int)(p - alphabet));
}
