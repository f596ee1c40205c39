/* SPDX-License-Identifier: ISC */
/* links: sender */
/* Whatever a message holds: CRLF only, one end, and the next hop reads the same lines whatever the segmentation. */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sender/sender.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
run(struct body *b, struct buf *out, const uint8_t *p, size_t len, size_t seg)
{
	size_t	 n;

	buf_init(out, 1 << 20);
	body_begin(b);
	for (; len > 0; p += n, len -= n) {
		n = seg < len ? seg : len;
		if (body_feed(b, p, n, out) == -1)
			abort();
	}
	if (body_end(b, out) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct body	 a, b;
	struct buf	 x, y;
	const uint8_t	*p;
	size_t		 i, n, ends = 0, dots = 0;

	if (len < 1 || len > 100000)
		return (0);
	run(&a, &x, data + 1, len - 1, len);
	run(&b, &y, data + 1, len - 1, (size_t)data[0] % 40 + 1);
	p = buf_data(&x);
	n = buf_len(&x);
	if (n != buf_len(&y) || memcmp(p, buf_data(&y), n) != 0 || a.octets != b.octets)
		abort();
	for (i = 0; i < n; i++) {
		if ((p[i] == '\n') != (i > 0 && p[i - 1] == '\r') || (p[i] == '\r' && i + 1 == n))
			abort();
		dots += p[i] == '.' && (i == 0 || p[i - 1] == '\n');
		ends += i >= 2 && memcmp(p + i - 2, ".\r\n", 3) == 0 && (i == 2 || p[i - 3] == '\n');
	}
	if (ends != 1 || n < 3 || memcmp(p + n - 3, ".\r\n", 3) != 0 || a.octets != n - 3 - (dots - 1))
		abort();
	buf_free(&x);
	buf_free(&y);
	return (0);
}
