/* SPDX-License-Identifier: ISC */
/*
 * Tables of columns: the SELECT of a table is made of one, and a row is taken and judged by it.  What concerns several columns,
 * and what no kind of column says, is judged by the table's own file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "config_int.h"

static void	 column_store(void *, const struct column *, int64_t);
static int	 column_text(struct load *, sqlite3_stmt *, int, const struct column *, char *);
static void	 column_number(struct load *, sqlite3_stmt *, int, const struct column *, char *);
static void	 column_word(struct load *, sqlite3_stmt *, int, const struct column *, char *);

const struct word	 tls_words[] = { { "tls", TLS_MODE_TLS }, { "stls", TLS_MODE_STLS }, { "none", TLS_MODE_NONE }, { NULL, 0 } };

/*
 * The SELECT of a table, every column in its place; malloc(3).  NULL: no memory.  A secret does not leave the store: enum
 * secret_fault stands in its place, or NULL.  In place of a next hop's name stands its id, or the name if there is none.
 */
char *
table_select(const struct table *t)
{
	const struct column	*c;
	char			*sql = NULL;
	size_t			 i, size;
	FILE			*f;

	if ((f = open_memstream(&sql, &size)) == NULL)
		return (NULL);
	for (i = 0; i < t->ncolumns; i++) {
		c = &t->columns[i];
		fputs(i == 0 ? "SELECT " : ", ", f);
		if (c->kind == COLUMN_SECRET)
			fprintf(f, "CASE WHEN %1$s IS NULL THEN NULL WHEN typeof(%1$s) NOT IN ('text', 'blob') THEN %2$d"
			    " WHEN length(CAST(%1$s AS BLOB)) NOT BETWEEN 1 AND %3$lld THEN %4$d"
			    " WHEN instr(CAST(%1$s AS BLOB), x'0d') + instr(CAST(%1$s AS BLOB), x'0a') + instr(CAST(%1$s AS BLOB), x'00') > 0"
			    " THEN %5$d ELSE %6$d END AS %1$s", c->name, SECRET_TYPE, (long long)c->max, SECRET_LENGTH, SECRET_BREAKS,
			    SECRET_GOOD);
		else if (c->kind == COLUMN_NEXTHOP)
			fprintf(f, "ifnull((SELECT n.id FROM nexthop n WHERE n.name = %1$s.%2$s), CAST(%2$s AS TEXT)) AS %2$s",
			    t->name, c->name);
		else
			fputs(c->name, f);
	}
	fprintf(f, " FROM %s%s", t->name, t->order);
	if (fclose(f) == EOF) {
		free(sql);
		return (NULL);
	}
	return (sql);
}

/*
 * Takes what the SELECT of a table has for a row.  The members of columns that are NULL, or that cannot be right, are "" and 0;
 * what cannot be right is complained of.  0, or -1: no memory.
 */
int
table_load(struct load *ld, sqlite3_stmt *st, const struct table *t, void *row)
{
	const struct column	*c;
	size_t			 i;

	for (i = 0; i < t->ncolumns; i++) {
		c = &t->columns[i];
		switch (c->kind) {
		case COLUMN_TEXT:
		case COLUMN_BUFFER:
			if (column_text(ld, st, (int)i, c, row) == -1)
				return (-1);
			break;
		case COLUMN_NUMBER:
			column_number(ld, st, (int)i, c, row);
			break;
		case COLUMN_WORD:
			column_word(ld, st, (int)i, c, row);
			break;
		case COLUMN_NEXTHOP:
			column_store(row, c, load_nexthop_id(ld, st, (int)i));
			break;
		case COLUMN_SECRET:
		case COLUMN_OTHER:
			break;
		}
	}
	return (0);
}

/* The number that stands for a word, or -1. */
int
word_number(const struct word *words, const char *text)
{
	for (; words->text != NULL; words++)
		if (strcmp(words->text, text) == 0)
			return (words->number);
	return (-1);
}

/*
 * The id of a next hop in the place of its name, 0 for NULL.  A name without an id is complained of.
 */
uint32_t
load_nexthop_id(struct load *ld, sqlite3_stmt *st, int col)
{
	if (load_null(st, col))
		return (0);
	if (sqlite3_column_type(st, col) == SQLITE_INTEGER)
		return (load_number(ld, st, col, 1, UINT32_MAX));
	load_bad_value(ld, st, col, "which is not in table nexthop; insert it there");
	return (0);
}

/* The member is a pointer to text that lives as long as the configuration, or the text itself. */
static int
column_text(struct load *ld, sqlite3_stmt *st, int col, const struct column *c, char *row)
{
	const char	*text;
	int		 pointer = c->kind == COLUMN_TEXT;

	if ((text = pointer ? load_text(ld, st, col, c->max + 1) : load_peek(ld, st, col, c->max + 1)) == NULL)
		return (-1);
	if (pointer)
		memcpy(row + c->offset, &text, sizeof(text));
	else
		strlcpy(row + c->offset, text, c->size);
	if (c->check != NULL && !(c->null && load_null(st, col)) && !c->check(text))
		load_bad_value(ld, st, col, c->rule);
	return (0);
}

static void
column_number(struct load *ld, sqlite3_stmt *st, int col, const struct column *c, char *row)
{
	if (!(c->null && load_null(st, col)))
		column_store(row, c, load_number64(ld, st, col, c->min, c->max));
}

/* Only text is a word, and all of it: a word with a NUL and more behind it is none. */
static void
column_word(struct load *ld, sqlite3_stmt *st, int col, const struct column *c, char *row)
{
	const char	*text;
	int		 number = -1;

	if (c->null && load_null(st, col))
		return;
	if (sqlite3_column_type(st, col) == SQLITE_TEXT && (text = (const char *)sqlite3_column_text(st, col)) != NULL &&
	    strlen(text) == (size_t)sqlite3_column_bytes(st, col))
		number = word_number(c->words, text);
	if (number == -1)
		load_bad_value(ld, st, col, c->rule);
	else
		column_store(row, c, number);
}

/* An integer or enum of 1, 2, 4 or 8 octets; 0 octets: there is no member. */
static void
column_store(void *row, const struct column *c, int64_t n)
{
	char		*at = (char *)row + c->offset;
	uint8_t		 n8 = (uint8_t)n;
	uint16_t	 n16 = (uint16_t)n;
	uint32_t	 n32 = (uint32_t)n;

	switch (c->size) {
	case 1:
		memcpy(at, &n8, sizeof(n8));
		break;
	case 2:
		memcpy(at, &n16, sizeof(n16));
		break;
	case 4:
		memcpy(at, &n32, sizeof(n32));
		break;
	case 8:
		memcpy(at, &n, sizeof(n));
		break;
	default:
		break;
	}
}
