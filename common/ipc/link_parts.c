/* SPDX-License-Identifier: ISC */
/* Octets that go to a peer behind a head, in as many messages as they need. */
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "link.h"
#include "proto.h"

void
link_send_part(struct link *l, uint32_t type, const void *head, size_t headlen, const void *octets, size_t len)
{
	uint8_t	 data[LINK_HEAD_MAX + PROTO_FRAME_MAX];

	if (headlen > LINK_HEAD_MAX || len > PROTO_FRAME_MAX)
		fatalx("a part of %zu and %zu octets", headlen, len);
	if (headlen > 0)
		memcpy(data, head, headlen);
	if (len > 0)
		memcpy(data + headlen, octets, len);
	link_send(l, type, -1, data, headlen + len);
	explicit_bzero(data, headlen + len);
}

void
link_send_parts(struct link *l, uint32_t type, const void *head, size_t headlen, const void *octets, size_t len)
{
	size_t	 off, n;

	for (off = 0; off < len; off += n) {
		n = len - off < PROTO_FRAME_MAX ? len - off : PROTO_FRAME_MAX;
		link_send_part(l, type, head, headlen, (const uint8_t *)octets + off, n);
	}
}
