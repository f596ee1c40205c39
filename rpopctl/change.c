/* SPDX-License-Identifier: ISC */
/* Changes of rpopd.db on their way to the daemon. */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/ipc/cells.h"
#include "rpopctl.h"

#define CHANGE_SIZE	(sizeof(struct ctl_change) + PROTO_FRAME_MAX)

struct changes {
	struct request_part	*parts;		/* each a struct ctl_change with cells behind it, of CHANGE_SIZE octets while it grows */
	size_t			 n;
};

struct changes *
changes_new(void)
{
	struct changes	*b;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		err(1, NULL);
	return (b);
}

void
changes_add(struct changes *b, enum change_act act, const char *table, uint32_t nkeys)
{
	struct ctl_change	 head = { .act = act, .more = 1, .nkeys = nkeys };
	void			*room;

	strlcpy(head.table, table, sizeof(head.table));
	if ((b->parts = array_grow(b->parts, b->n, sizeof(*b->parts))) == NULL || (room = malloc(CHANGE_SIZE)) == NULL)
		err(1, NULL);
	memcpy(room, &head, sizeof(head));
	b->parts[b->n].data = room;
	b->parts[b->n++].len = sizeof(head);
}

/* 0, or -1: the value is too long for any column, or the change as a whole is. */
int
changes_cell(struct changes *b, const char *column, const char *value, size_t len)
{
	struct request_part	*p = &b->parts[b->n - 1];
	struct cell		 c = { .kind = value == NULL ? CELL_NULL : CELL_TEXT, .value = (const uint8_t *)value };
	size_t			 n;

	c.len = value == NULL ? 0 : len;
	if (strlcpy(c.column, column, sizeof(c.column)) >= sizeof(c.column) ||
	    (n = cell_pack((uint8_t *)(uintptr_t)p->data + p->len, CHANGE_SIZE - p->len, &c)) == 0)
		return (-1);
	p->len += n;
	return (0);
}

size_t
changes_number(const struct changes *b)
{
	return (b->n);
}

/* The last change of the batch is the request itself, with which all of them are done. */
int
changes_send(struct session *s, struct changes *b, struct reply *rep)
{
	struct request	 req = { .type = IMSG_CTL_CHANGE, .patient = 1, .parts = b->parts, .nparts = b->n - 1 };
	uint32_t	 more = 0;

	memcpy((char *)(uintptr_t)b->parts[b->n - 1].data + offsetof(struct ctl_change, more), &more, sizeof(more));
	req.data = b->parts[b->n - 1].data;
	req.len = b->parts[b->n - 1].len;
	return (session_ask(s, &req, rep));
}

void
changes_free(struct changes *b)
{
	size_t	 i;

	for (i = 0; i < b->n; i++)
		freezero((void *)(uintptr_t)b->parts[i].data, b->parts[i].len);
	free(b->parts);
	free(b);
}
