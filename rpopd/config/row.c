/* SPDX-License-Identifier: ISC */
/*
 * Row by row judgement of rpopd.db: a field is taken, or its row is named together with the remedy.  Loaders of rows use these
 * functions; column.c has what a table of columns takes off their hands.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "config_int.h"

void
load_bad(struct load *ld, const char *fmt, ...)
{
	char	 text[2048];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ld->bad++;
	ld->complain(ld->arg, text);
}

void
load_unsound(struct load *ld, const char *fmt, ...)
{
	char	 text[2048];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ld->c->unsound++;
	ld->complain(ld->arg, text);
}

void
load_bad_value(struct load *ld, sqlite3_stmt *st, int col, const char *rule)
{
	char		 value[1024] = "";
	const void	*p = sqlite3_column_blob(st, col);

	if (p != NULL)
		log_vis(value, sizeof(value), p, sqlite3_column_bytes(st, col));
	load_bad(ld, "%s: %s is '%s', %s", ld->row, sqlite3_column_name(st, col), value, rule);
}

/* "table key" or "table key1/key2"; an account's keys are joined by "@". */
void
load_row_name(struct load *ld, const char *table, sqlite3_stmt *st, int key, int key2)
{
	size_t		 n = strlcpy(ld->row, table, sizeof(ld->row));
	const void	*p;

	ld->row[n++] = ' ';
	ld->row[n] = '\0';
	if ((p = sqlite3_column_blob(st, key)) != NULL)
		log_vis(ld->row + n, 512, p, sqlite3_column_bytes(st, key));
	if (key2 == -1)
		return;
	n = strlcat(ld->row, strcmp(table, "account") == 0 ? "@" : "/", sizeof(ld->row));
	if ((p = sqlite3_column_blob(st, key2)) != NULL)
		log_vis(ld->row + n, 512, p, sqlite3_column_bytes(st, key2));
}

const char *
load_text(struct load *ld, sqlite3_stmt *st, int col, size_t size)
{
	const char	*p = load_peek(ld, st, col, size);

	return (p == NULL ? NULL : arena_add(&ld->c->arena, p, strlen(p)));
}

const char *
load_peek(struct load *ld, sqlite3_stmt *st, int col, size_t size)
{
	const char	*p;
	size_t		 len;

	if (load_null(st, col))
		return ("");
	if (sqlite3_column_type(st, col) != SQLITE_TEXT) {
		load_bad_value(ld, st, col, "must be text in quotes");
		return ("");
	}
	p = (const char *)sqlite3_column_text(st, col);
	len = sqlite3_column_bytes(st, col);
	if (p == NULL)
		return (NULL);
	if (len >= size || memchr(p, '\0', len) != NULL) {
		load_bad(ld, "%s: %s must be at most %zu octets without NUL", ld->row, sqlite3_column_name(st, col), size - 1);
		return ("");
	}
	return (p);
}

uint32_t
load_number(struct load *ld, sqlite3_stmt *st, int col, int64_t min, int64_t max)
{
	return (load_number64(ld, st, col, min, max));
}

int64_t
load_number64(struct load *ld, sqlite3_stmt *st, int col, int64_t min, int64_t max)
{
	int64_t	 n = sqlite3_column_int64(st, col);
	char	 rule[80];

	if (sqlite3_column_type(st, col) == SQLITE_INTEGER && n >= min && n <= max)
		return (n);
	snprintf(rule, sizeof(rule), "must be a number, %lld to %lld", (long long)min, (long long)max);
	load_bad_value(ld, st, col, rule);
	return (min);
}

int
load_null(sqlite3_stmt *st, int col)
{
	return (sqlite3_column_type(st, col) == SQLITE_NULL);
}
