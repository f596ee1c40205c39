/* SPDX-License-Identifier: ISC */
/* Cells of rows of rpopd.db on a channel. */
#include <string.h>

#include "cells.h"

#define CELL_HEAD	4

size_t
cell_pack(uint8_t *p, size_t room, const struct cell *c)
{
	size_t		 name = strnlen(c->column, sizeof(c->column));
	uint16_t	 len = (uint16_t)c->len;

	if (name == 0 || name >= sizeof(c->column) || c->len > CELL_VALUE_MAX || CELL_HEAD + name + c->len > room)
		return (0);
	p[0] = (uint8_t)c->kind;
	p[1] = (uint8_t)name;
	memcpy(p + 2, &len, sizeof(len));
	memcpy(p + CELL_HEAD, c->column, name);
	if (c->len > 0)
		memcpy(p + CELL_HEAD + name, c->value, c->len);
	return (CELL_HEAD + name + c->len);
}

int
cell_next(const uint8_t **p, size_t *len, struct cell *c)
{
	const uint8_t	*at = *p;
	uint16_t	 value;
	size_t		 name;

	if (*len == 0)
		return (0);
	if (*len < CELL_HEAD || at[0] > CELL_SECRET)
		return (-1);
	name = at[1];
	memcpy(&value, at + 2, sizeof(value));
	if (name == 0 || name >= sizeof(c->column) || value > CELL_VALUE_MAX || *len - CELL_HEAD < name + value)
		return (-1);
	c->kind = at[0];
	memcpy(c->column, at + CELL_HEAD, name);
	c->column[name] = '\0';
	if (strspn(c->column, "abcdefghijklmnopqrstuvwxyz0123456789_") != name ||
	    ((c->kind == CELL_NULL || c->kind == CELL_SECRET) && value != 0))
		return (-1);
	c->value = at + CELL_HEAD + name;
	c->len = value;
	*p = c->value + value;
	*len -= CELL_HEAD + name + value;
	return (1);
}
