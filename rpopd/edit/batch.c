/* SPDX-License-Identifier: ISC */
/* Changes as a client sends them.  They may hold passwords, and are wiped. */
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "edit.h"

#define CHANGE_CELLS	64

static int	 batch_cells(struct change *, size_t);

int
batch_add(struct batch *b, const struct ctl_change *head, const uint8_t *octets, size_t len)
{
	struct change	*c;

	if (head->act >= CHANGE_MAX || head->guarded > 1 || (head->guarded && head->act != CHANGE_SET && head->act != CHANGE_REMOVE) ||
	    strnlen(head->table, sizeof(head->table)) == sizeof(head->table) || b->n == BATCH_CHANGES ||
	    len > BATCH_OCTETS - b->octets || (c = array_grow(b->changes, b->n, sizeof(*c))) == NULL)
		return (-1);
	b->changes = c;
	c += b->n;
	memset(c, 0, sizeof(*c));
	if ((c->octets = malloc(len + 1)) == NULL)
		return (-1);
	b->n++;
	b->octets += len;
	c->act = head->act;
	c->guarded = (int)head->guarded;
	memcpy(c->was, head->was, sizeof(c->was));
	strlcpy(c->table, head->table, sizeof(c->table));
	memcpy(c->octets, octets, len);
	c->len = len;
	return (batch_cells(c, head->nkeys));
}

/*
 * Takes the change's octets apart, of whose cells the first nkeys are the key; no column is there twice, but in the key of a SET
 * and among its values, which is a new name.  0 or -1.
 */
static int
batch_cells(struct change *c, size_t nkeys)
{
	struct cell	 cells[CHANGE_CELLS];
	const uint8_t	*p = c->octets;
	size_t		 i, len = c->len;
	int		 rv;

	while ((rv = c->ncells < CHANGE_CELLS ? cell_next(&p, &len, &cells[c->ncells]) : (len == 0 ? 0 : -1)) == 1) {
		if (cells[c->ncells].kind == CELL_SECRET)
			return (-1);
		for (i = c->act == CHANGE_SET && c->ncells >= nkeys ? nkeys : 0; i < c->ncells; i++)
			if (strcmp(cells[i].column, cells[c->ncells].column) == 0)
				return (-1);
		c->ncells++;
	}
	if (rv == -1 || nkeys > c->ncells || (c->cells = calloc(c->ncells + 1, sizeof(*c->cells))) == NULL)
		return (-1);
	memcpy(c->cells, cells, c->ncells * sizeof(*cells));
	c->nkeys = nkeys;
	return (0);
}

void
batch_free(struct batch *b)
{
	size_t	 i;

	for (i = 0; i < b->n; i++) {
		freezero(b->changes[i].octets, b->changes[i].len + 1);
		free(b->changes[i].cells);
	}
	free(b->changes);
	memset(b, 0, sizeof(*b));
}
