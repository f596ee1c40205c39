/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* What a sender writes under the provider's trace never makes a field count; it is the same message however its octets are cut. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deliverer/deliverer.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char	 top[] = "X-B: genuine\nReceived: from x by mx.example (y)\n\twith ESMTP; z\nX-End: x\n";

static void
take(struct header *h, const char *special, const uint8_t *p, size_t len, size_t piece)
{
	size_t	 at = 0, n;
	ssize_t	 used;

	header_init(h, DIST_FIELD, special);
	used = header_feed(h, (const uint8_t *)top, sizeof(top) - 1);
	for (; !h->done && at < len; at += used) {
		n = len - at < piece ? len - at : piece;
		if ((used = header_feed(h, p + at, n)) < 0)
			abort();
	}
	if (at < len)
		identity_body(&h->identity, p + at, len - at);
	if (header_finish(h) == -1)
		abort();
}

/* What is behind "for" is none of the sender's below the hop; of a hop's field that he writes himself it is inside of the field. */
static void
behind_for(struct msg_session_open *open, const struct header *h, const struct envelope *e)
{
	struct envelope	 other;
	const uint8_t	*text, *p;
	size_t		 len;

	if (open->trusted_hop[0] != '\0' && envelope_for(open, h, e, &text, &len) != 0)
		abort();
	strcpy(open->trusted_hop, "mx.other");
	envelope_choose(open, h, &other);
	if (envelope_for(open, h, &other, &text, &len) != 1)
		return;
	p = header_text(h, &h->fields[other.limit]);
	if (text < p || len > h->fields[other.limit].len || (size_t)(text - p) > h->fields[other.limit].len - len || len == 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct msg_session_open	 open;
	struct header			 h, g;
	struct envelope			 e;
	uint8_t				 a[PROTO_DIGEST_LEN], b[PROTO_DIGEST_LEN];

	if (len < 2)
		return (0);
	strcpy(open.special, data[0] & 1 ? "X-A X-B" : "X-B X-A");
	strcpy(open.trusted_hop, data[0] & 2 ? "" : "mx.example");
	open.special_nth = data[1] % 4;
	take(&h, open.special, data + 2, len - 2, SIZE_MAX);
	take(&g, open.special, data + 2, len - 2, 1);
	envelope_choose(&open, &h, &e);
	if ((e.found && (e.first >= e.limit || e.limit > h.nfields || h.fields[e.first].kind != FIELD_SPECIAL)) ||
	    (open.trusted_hop[0] != '\0' && (e.limit != 1 || e.found != (open.special_nth < 2) || (e.found && e.first != 0))))
		abort();
	behind_for(&open, &h, &e);
	identity_final(&h.identity, 0, a);
	identity_final(&g.identity, 0, b);
	if (memcmp(a, b, sizeof(a)) != 0 || h.hops != g.hops || mark_found(&h, "0") != mark_found(&g, "0"))
		abort();
	header_free(&h);
	header_free(&g);
	return (0);
}
