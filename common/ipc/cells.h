/* SPDX-License-Identifier: ISC */
/*
 * Columns of rows of rpopd.db and their values, packed one behind the other: kind, length of the column's name, length of the
 * value in two octets of the machine's order, name, value.
 */
#ifndef CELLS_H
#define CELLS_H

#include <stddef.h>
#include <stdint.h>

#define CELL_COLUMN_SIZE	32		/* of a column's name, with its NUL */
#define CELL_VALUE_MAX		8192		/* octets of a value */

enum cell_kind {
	CELL_NULL,		/* the store's NULL: no value */
	CELL_NUMBER,		/* digits; rpopd sends it, and takes text for one where the column wants a number */
	CELL_TEXT,
	CELL_BLOB,
	CELL_SECRET		/* there is a secret, which is not told: no value */
};

struct cell {
	char		 column[CELL_COLUMN_SIZE];
	enum cell_kind	 kind;
	const uint8_t	*value;			/* len octets where the cell was packed, without a NUL */
	size_t		 len;
};

/* Packs a cell into room octets.  Octets written, or 0: there is no room, or the cell is too long. */
size_t	 cell_pack(uint8_t *, size_t room, const struct cell *);
/*
 * Takes the next cell from *len octets at *p, and moves both behind it.  1: there is one, 0: nothing is left, -1: what is there is
 * no cell.  A name consists of lower-case letters, digits and _.
 */
int	 cell_next(const uint8_t **p, size_t *len, struct cell *);

#endif
