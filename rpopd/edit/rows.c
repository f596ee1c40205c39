/* SPDX-License-Identifier: ISC */
/* Rows of rpopd.db as they are in force, for who may see them: of secrets only that there is one. */
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "edit_int.h"

static char	*rows_select(const struct edit_table *, const struct edit_column *, int, const char *, const struct cell *, size_t,
		    const struct rows_place *);
static const char *rows_key(const struct edit_table *, const struct edit_column *, int, size_t, char *, size_t);
static void	 rows_bind(sqlite3_stmt *, const struct who *, const struct cell *, size_t, const struct rows_place *, size_t);
static void	 rows_move(struct rows_place *, sqlite3_stmt *, const struct edit_table *, const struct edit_column *, int);

ssize_t
edit_rows(const struct who *who, const char *name, const struct cell *cells, size_t ncells, struct rows_place *place, size_t max,
    void (*take)(void *, const uint8_t *, size_t), void *arg, char *err, size_t errsize)
{
	struct edit_column	 columns[COLUMNS_MAX];
	const struct edit_table	*t;
	const char		*seen;
	sqlite3_stmt		*st = NULL;
	uint8_t			 packed[PROTO_FRAME_MAX];
	char			*sql;
	size_t			 i, len;
	ssize_t			 n = 0;
	int			 ncolumns;

	if (config_image == NULL || (t = table_find(name)) == NULL || (ncolumns = table_columns(t, columns)) == -1) {
		snprintf(err, errsize, config_image == NULL ? "the daemon is being started; try again" : "there is no such table");
		return (-1);
	}
	for (i = 0; i < ncells; i++)
		if (table_column(columns, ncolumns, cells[i].column) == NULL) {
			snprintf(err, errsize, "%s has no %s", t->name, cells[i].column);
			return (-1);
		}
	if ((seen = rights_seen(who, t)) == NULL) {
		snprintf(err, errsize, who->account[0] == '\0' ? WHO_NOBODY : "only administrators may see that");
		return (-1);
	}
	sql = rows_select(t, columns, ncolumns, seen, cells, ncells, place);
	if (sql == NULL || sqlite3_prepare_v2(image_db(config_image), sql, -1, &st, NULL) != SQLITE_OK) {
		sql_reason(image_db(config_image), t->name, err, errsize);
		sqlite3_free(sql);
		return (-1);
	}
	sqlite3_free(sql);
	rows_bind(st, who, cells, ncells, place, max);
	for (; sqlite3_step(st) == SQLITE_ROW; n++) {
		if ((len = row_pack(st, columns, ncolumns, packed, sizeof(packed))) > 0)
			take(arg, packed, len);
		if ((size_t)n + 1 == max)
			rows_move(place, st, t, columns, ncolumns);
	}
	sqlite3_finalize(st);
	return (n);
}

void
rows_begin(struct rows_place *place)
{
	while (place->nkeys > 0)
		sqlite3_value_free(place->key[--place->nkeys]);
}

/* The SELECT of the rows, by their key; sqlite3_free().  NULL: no memory. */
static char *
rows_select(const struct edit_table *t, const struct edit_column *columns, int ncolumns, const char *seen, const struct cell *cells,
    size_t ncells, const struct rows_place *place)
{
	sqlite3_str	*sql = sqlite3_str_new(NULL);
	char		 key[CELL_COLUMN_SIZE + 16];
	size_t		 i;

	sqlite3_str_appendf(sql, "SELECT * FROM %s WHERE %s", t->name, seen);
	for (i = 0; i < ncells; i++)
		sqlite3_str_appendf(sql, " AND %s IS :%s", cells[i].column, cells[i].column);
	for (i = 0; i < place->nkeys; i++)
		sqlite3_str_appendf(sql, "%s%s", i == 0 ? " AND (" : ", ", rows_key(t, columns, ncolumns, i, key, sizeof(key)));
	for (i = 0; i < place->nkeys; i++)
		sqlite3_str_appendf(sql, "%s:behind%d", i == 0 ? ") > (" : ", ", (int)i);
	sqlite3_str_appendf(sql, place->nkeys == 0 ? "" : ")");
	for (i = 0; i < KEYS_MAX && t->keys[i] != NULL; i++)
		sqlite3_str_appendf(sql, "%s%s", i == 0 ? " ORDER BY " : ", ", rows_key(t, columns, ncolumns, i, key, sizeof(key)));
	sqlite3_str_appendf(sql, " LIMIT :max");
	return (sqlite3_str_finish(sql));
}

/* The ith column of the key as it is compared, which NULL cannot be; no other value is empty where that is permitted. */
static const char *
rows_key(const struct edit_table *t, const struct edit_column *columns, int ncolumns, size_t i, char *text, size_t size)
{
	snprintf(text, size, table_column(columns, ncolumns, t->keys[i])->null ? "ifnull(%s, '')" : "%s", t->keys[i]);
	return (text);
}

static void
rows_bind(sqlite3_stmt *st, const struct who *who, const struct cell *cells, size_t ncells, const struct rows_place *place, size_t max)
{
	char	 param[CELL_COLUMN_SIZE + 1];
	size_t	 i;
	int	 at;

	for (i = 0; i < ncells; i++) {
		snprintf(param, sizeof(param), ":%s", cells[i].column);
		if (cells[i].kind != CELL_NULL)
			sqlite3_bind_text(st, sqlite3_bind_parameter_index(st, param), (const char *)cells[i].value, cells[i].len,
			    SQLITE_STATIC);
	}
	for (i = 0; i < place->nkeys; i++) {
		snprintf(param, sizeof(param), ":behind%zu", i);
		at = sqlite3_bind_parameter_index(st, param);
		if (sqlite3_value_type(place->key[i]) == SQLITE_NULL)
			sqlite3_bind_text(st, at, "", 0, SQLITE_STATIC);
		else
			sqlite3_bind_value(st, at, place->key[i]);
	}
	sqlite3_bind_text(st, sqlite3_bind_parameter_index(st, ":who"), who->account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, sqlite3_bind_parameter_index(st, ":max"), max);
}

/* The place is that of the row that the statement is at. */
static void
rows_move(struct rows_place *place, sqlite3_stmt *st, const struct edit_table *t, const struct edit_column *columns, int ncolumns)
{
	size_t	 i;

	rows_begin(place);
	for (i = 0; i < KEYS_MAX && t->keys[i] != NULL; i++) {
		place->key[i] = sqlite3_value_dup(sqlite3_column_value(st, table_column(columns, ncolumns, t->keys[i]) - columns));
		if (place->key[i] == NULL)
			fatal("rows");
		place->nkeys++;
	}
}

size_t
row_pack(sqlite3_stmt *st, const struct edit_column *columns, int ncolumns, uint8_t *packed, size_t size)
{
	struct cell	 c;
	size_t		 used = 0, n;
	int		 i;

	for (i = 0; i < ncolumns && i < sqlite3_column_count(st); i++) {
		memset(&c, 0, sizeof(c));
		strlcpy(c.column, columns[i].name, sizeof(c.column));
		if (sqlite3_column_type(st, i) == SQLITE_NULL)
			c.kind = CELL_NULL;
		else if (columns[i].type == TYPE_SECRET)
			c.kind = CELL_SECRET;
		else {
			c.kind = sqlite3_column_type(st, i) == SQLITE_INTEGER ? CELL_NUMBER : CELL_TEXT;
			c.value = sqlite3_column_text(st, i);
			c.len = sqlite3_column_bytes(st, i);
		}
		if ((n = cell_pack(packed + used, size - used, &c)) == 0)
			return (0);
		used += n;
	}
	return (used);
}
