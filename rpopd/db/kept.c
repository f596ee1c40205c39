/* SPDX-License-Identifier: ISC */
/*
 * Statements of a piece of work that does the same few things for many rows, whose texts are made as it goes: one that was there
 * already is used again.  To parse a text, with every CHECK and trigger of the schema that it touches, takes many times as long as to
 * do for one row what it says.
 */
#include <stdlib.h>
#include <string.h>

#include "db.h"

#define KEPT_MAX	64	/* many more than are in use at a time */

struct kept {
	sqlite3_stmt	*st[KEPT_MAX];		/* the one that was used last is the first */
	size_t		 n;
};

struct kept *
kept_new(void)
{
	return (calloc(1, sizeof(struct kept)));
}

sqlite3_stmt *
kept_get(struct kept *k, sqlite3 *db, const char *sql)
{
	sqlite3_stmt	*st = NULL;
	size_t		 i;

	for (i = 0; i < k->n && (sqlite3_db_handle(k->st[i]) != db || strcmp(sqlite3_sql(k->st[i]), sql) != 0); i++)
		continue;
	if (i < k->n)
		st = k->st[i];
	else if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
		return (NULL);
	else if (k->n < KEPT_MAX)
		k->n++;
	else
		sqlite3_finalize(k->st[--i]);
	memmove(&k->st[1], &k->st[0], i * sizeof(k->st[0]));
	return (k->st[0] = st);
}

int
kept_done(sqlite3_stmt *st)
{
	int	 rc = sqlite3_reset(st);

	if (st != NULL)
		(void)sqlite3_clear_bindings(st);
	return (rc);
}

void
kept_free(struct kept *k)
{
	if (k == NULL)
		return;
	while (k->n > 0)
		sqlite3_finalize(k->st[--k->n]);
	free(k);
}
