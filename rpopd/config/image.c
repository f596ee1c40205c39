/* SPDX-License-Identifier: ISC */
/*
 * The image: a copy of rpopd.db in memory, as it is in force.  A change that comes through the daemon is made in the store, its
 * rows are copied from there, and the image is loaded: so nothing else of the store comes into force with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "rpopd/db/db.h"
#include "config_int.h"

/*
 * What stands in place of a secret, in an expression within a string of SQL.  That of an account is a verifier of the same form, as
 * the forms there are say which mechanisms popd offers.
 */
#define IMAGE_SECRET	"''{PLAIN}*''"
#define IMAGE_CRYPT	"''$5$0$...........................................''"
#define IMAGE_SCRAM	"''{SCRAM-SHA-256}4096,AAAA,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=''"

struct image_table {			/* what copies rows of a table of the store */
	char	*name;
	char	*select, *insert;	/* the former without a condition */
};
struct image {
	sqlite3			*db;
	struct image_table	*tables;
	size_t			 ntables;
};

static int	 image_tables(struct image *, sqlite3 *);
static const struct image_table *image_table(struct image *, const char *);
static int	 image_texts(struct image *, const char *, struct image_table *);
static int	 image_insert(sqlite3_stmt *, sqlite3_stmt *);

struct image *
image_make(sqlite3 *store)
{
	struct image	*image;

	if ((image = calloc(1, sizeof(*image))) == NULL)
		return (NULL);
	/* What the store holds was judged row by row. */
	if ((image->db = sql_memory()) != NULL && sql_exec(image->db, "PRAGMA ignore_check_constraints = ON; BEGIN") == 0 &&
	    image_tables(image, store) == 0 && sql_exec(image->db, "COMMIT") == 0)
		return (image);
	image_free(image);
	return (NULL);
}

sqlite3 *
image_db(struct image *image)
{
	return (image->db);
}

int
image_copy(struct image *image, struct kept *kept, sqlite3 *store, const char *table, const char *where,
    void (*bind)(sqlite3_stmt *, void *), void *arg)
{
	const struct image_table	*t = image_table(image, table);
	sqlite3_stmt			*from = NULL, *to;
	char				*sql;
	int				 rc = SQLITE_ERROR;

	if (t == NULL || (sql = sqlite3_mprintf("%s%s%s", t->select, where == NULL ? "" : " WHERE ", where == NULL ? "" : where)) == NULL)
		return (-1);
	if ((from = kept_get(kept, store, sql)) != NULL && (to = kept_get(kept, image->db, t->insert)) != NULL) {
		if (bind != NULL)
			bind(from, arg);
		while ((rc = sqlite3_step(from)) == SQLITE_ROW && image_insert(from, to) == 0)
			continue;
		(void)kept_done(to);
	}
	(void)kept_done(from);
	sqlite3_free(sql);
	return (rc == SQLITE_DONE ? 0 : -1);
}

void
image_free(struct image *image)
{
	if (image == NULL)
		return;
	sqlite3_close(image->db);
	while (image->ntables > 0) {
		image->ntables--;
		free(image->tables[image->ntables].name);
		sqlite3_free(image->tables[image->ntables].select);
		sqlite3_free(image->tables[image->ntables].insert);
	}
	free(image->tables);
	free(image);
}

/* Makes each table of the store, copies its rows, and makes the indexes that rows are found by.  0 or -1. */
static int
image_tables(struct image *image, sqlite3 *store)
{
	struct kept	*kept;
	sqlite3_stmt	*st;
	int		 rc = SQLITE_ERROR;

	if ((kept = kept_new()) == NULL)
		return (-1);
	if (sqlite3_prepare_v2(store, "SELECT sql, name, type = 'table' FROM sqlite_schema WHERE type IN ('table', 'index') AND"
	    " name NOT GLOB 'sqlite_*' ORDER BY type = 'index'", -1, &st, NULL) == SQLITE_OK)
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			if (sql_exec(image->db, (const char *)sqlite3_column_text(st, 0)) == -1 || (sqlite3_column_int(st, 2) &&
			    image_copy(image, kept, store, (const char *)sqlite3_column_text(st, 1), NULL, NULL, NULL) == -1))
				break;
	sqlite3_finalize(st);
	kept_free(kept);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* The texts for a table, which are made once; NULL: no memory, or there is none of that name. */
static const struct image_table *
image_table(struct image *image, const char *name)
{
	struct image_table	*t;
	size_t			 i;

	for (i = 0; i < image->ntables; i++)
		if (strcmp(image->tables[i].name, name) == 0)
			return (&image->tables[i]);
	if ((t = array_grow(image->tables, image->ntables, sizeof(*t))) == NULL)
		return (NULL);
	image->tables = t;
	t += image->ntables;
	if ((t->name = strdup(name)) == NULL)
		return (NULL);
	if (image_texts(image, name, t) == -1) {
		free(t->name);
		return (NULL);
	}
	image->ntables++;
	return (t);
}

/*
 * The SELECT of a table's rows from the store, and the INSERT of one into the image, whose tables are the store's.  Computed columns
 * are computed there again.  Rows without a number of their own keep their place.  0 or -1.
 */
static int
image_texts(struct image *image, const char *table, struct image_table *t)
{
	static const char	 columns[] = "SELECT group_concat(CASE type WHEN 'ANY' THEN 'CASE WHEN ' || name || ' IS NULL THEN NULL '"
	    " || CASE ?1 WHEN 'account' THEN 'WHEN CAST(' || name || ' AS TEXT) GLOB ''$*'' THEN " IMAGE_CRYPT
	    " WHEN CAST(' || name || ' AS TEXT) GLOB ''{SCRAM-*'' THEN " IMAGE_SCRAM " ' ELSE '' END || 'ELSE " IMAGE_SECRET
	    " END' ELSE name END), group_concat(name), group_concat('?') FROM (SELECT name, type FROM"
	    " pragma_table_xinfo(?1) WHERE hidden = 0 UNION ALL SELECT 'rowid', '' FROM pragma_table_list(?1) WHERE wr = 0 AND schema = 'main'"
	    " AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE name = 'id'))";
	sqlite3_stmt		*st;

	t->select = t->insert = NULL;
	if (sqlite3_prepare_v2(image->db, columns, -1, &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_TEXT) {
		t->select = sqlite3_mprintf("SELECT %s FROM \"%w\"", sqlite3_column_text(st, 0), table);
		t->insert = sqlite3_mprintf("INSERT INTO \"%w\" (%s) VALUES (%s)", table, sqlite3_column_text(st, 1),
		    sqlite3_column_text(st, 2));
	}
	sqlite3_finalize(st);
	if (t->select != NULL && t->insert != NULL)
		return (0);
	sqlite3_free(t->select);
	sqlite3_free(t->insert);
	return (-1);
}

/* Inserts the row that from is at.  0 or -1. */
static int
image_insert(sqlite3_stmt *from, sqlite3_stmt *to)
{
	int	 i;

	for (i = 0; i < sqlite3_column_count(from); i++)
		if (sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i)) != SQLITE_OK)
			return (-1);
	i = sqlite3_step(to);
	return (sqlite3_reset(to) == SQLITE_OK && i == SQLITE_DONE ? 0 : -1);
}
