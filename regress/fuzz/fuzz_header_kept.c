/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/*
 * What the header parser delivers has nothing left to be removed, in pieces of every size, and is never more than came in.  The
 * first two octets of the input choose the mode and the size of the pieces.
 */
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
		if ((used = header_feed(h, p + at, n)) < 0)
			abort();
	}
	if (!h->done && header_finish(h) == -1)
		abort();
	return (at);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char	 top[] = "X: y\n";	/* as the prologue: what counts as the first line only does no more */
	struct header		 a, b;
	struct buf		 out;
	size_t			 i, at;

	if (len < 2)
		return (0);
	at = run(&a, DIST_OWNER + data[0] % 3, data + 2, len - 2, 1 + data[1]);
	buf_init(&out, SIZE_MAX);
	if (buf_len(&a.kept) > at || buf_add(&out, top, sizeof(top) - 1) == -1 ||
	    (buf_len(&a.kept) > 0 && buf_add(&out, buf_data(&a.kept), buf_len(&a.kept)) == -1) ||
	    buf_add(&out, data + 2 + at, len - 2 - at) == -1)
		abort();
	/* The first line of an mbox, or a continuation of nothing, is another thing behind a field. */
	if (buf_len(&a.kept) == 0 || strchr(" \tF>", buf_data(&a.kept)[0]) == NULL) {
		run(&b, DIST_OWNER + data[0] % 3, buf_data(&out), buf_len(&out), SIZE_MAX);
		for (i = 0; i < b.nfields; i++)
			if (b.fields[i].kind == FIELD_RETURN_PATH || b.fields[i].kind == FIELD_SPECIAL)
				abort();
		header_free(&b);
	}
	header_free(&a);
	buf_free(&out);
	return (0);
}
