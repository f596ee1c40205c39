/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* The header parser: octet by octet it must come to the same as all at once.  The first octet of the input chooses the mode. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deliverer/deliverer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
run(struct header *h, int mode, const uint8_t *p, size_t len, size_t piece)
{
	size_t	 at = 0, n;
	ssize_t	 used;

	header_init(h, mode, "X-Real-To");
	for (; !h->done && at < len; at += used) {
		n = len - at < piece ? len - at : piece;
		if ((used = header_feed(h, p + at, n)) < 0 || (size_t)used > n || (!h->done && (size_t)used != n))
			abort();
	}
	if (!h->done && header_finish(h) == -1)
		abort();
	return (at);
}

static int
differs(const uint8_t *p, const uint8_t *q, size_t n)
{
	return (n > 0 && memcmp(p, q, n) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct header	 a, b;
	size_t		 i, ra, rb, extra;

	if (len == 0)
		return (0);
	ra = run(&a, DIST_OWNER + data[0] % 3, data + 1, len - 1, SIZE_MAX);
	rb = run(&b, DIST_OWNER + data[0] % 3, data + 1, len - 1, 1);
	/* Of a line that is no field, b has taken the start; it stands at the end of kept. */
	extra = rb - ra;
	if (rb < ra || a.nfields != b.nfields || a.toobig != b.toobig || buf_len(&b.kept) > len ||
	    buf_len(&a.bodies) != buf_len(&b.bodies) || buf_len(&a.kept) + extra != buf_len(&b.kept) ||
	    differs(buf_data(&a.bodies), buf_data(&b.bodies), buf_len(&a.bodies)) ||
	    differs(buf_data(&a.kept), buf_data(&b.kept), buf_len(&a.kept)) ||
	    (extra > 0 && differs(buf_data(&b.kept) + buf_len(&a.kept), data + 1 + ra, extra)))
		abort();
	for (i = 0; i < a.nfields; i++)
		if (a.fields[i].kind != b.fields[i].kind || a.fields[i].off != b.fields[i].off ||
		    a.fields[i].len != b.fields[i].len || a.fields[i].off + a.fields[i].len > buf_len(&a.bodies))
			abort();
	header_free(&a);
	header_free(&b);
	return (0);
}
