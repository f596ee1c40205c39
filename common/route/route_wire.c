/* SPDX-License-Identifier: ISC */
/* Rows of the routing table in messages: struct msg_route_row, then address, target, folder and text, each with its NUL. */
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto_deliverer.h"
#include "route.h"

#define STRINGS	4

size_t
route_rows_pack(const struct route_table *t, uint32_t *next, void *frame, size_t size)
{
	struct msg_route_row	 head;
	struct route_row	 r;
	const char		*s[STRINGS];
	uint8_t			*p = frame;
	size_t			 len[STRINGS], sum, used = 0, i;

	for (; route_row_get(t, *next, &r) == 0; (*next)++) {
		s[0] = r.address;
		s[1] = r.target;
		s[2] = r.folder;
		s[3] = r.text;
		sum = sizeof(head);
		for (i = 0; i < STRINGS; i++)
			sum += len[i] = strlen(s[i]) + 1;
		if (sum > size - used)
			break;
		head.len = sum;
		head.action = r.action;
		head.nexthop = r.nexthop;
		memcpy(p + used, &head, sizeof(head));
		used += sizeof(head);
		for (i = 0; i < STRINGS; i++) {
			memcpy(p + used, s[i], len[i]);
			used += len[i];
		}
	}
	return (used);
}

int
route_rows_unpack(struct route_table *t, const void *frame, size_t len)
{
	struct msg_route_row	 head;
	struct route_row	 r;
	const char		*s[STRINGS], *p = frame, *end, *nul;
	size_t			 i;

	for (; len > 0; len -= head.len, p += head.len) {
		if (len < sizeof(head))
			return (-1);
		memcpy(&head, p, sizeof(head));
		if (head.len < sizeof(head) || head.len > len)
			return (-1);
		end = p + head.len;
		nul = p + sizeof(head);
		for (i = 0; i < STRINGS; i++, nul++) {
			s[i] = nul;
			if ((nul = memchr(nul, '\0', end - nul)) == NULL)
				return (-1);
		}
		if (nul != end)
			return (-1);
		r.address = s[0];
		r.target = s[1];
		r.folder = s[2];
		r.text = s[3];
		r.action = head.action;
		r.nexthop = head.nexthop;
		if (route_row_add(t, &r) == -1)
			return (-1);
	}
	return (0);
}
