/* SPDX-License-Identifier: ISC */
/* The tables of rpopd.db that are edited through the daemon, and their columns, which the schema itself names. */
#include <string.h>

#include "common/compat.h"
#include "rpopd/config/config.h"
#include "edit_int.h"

static size_t	 distance(const char *, const char *);

static const struct edit_table	 tables[] = {
	{ "rpop",		"record",	{ "account", "name" },				2, 0 },
	{ "account",		"account",	{ "address" },					1, 1 },
	{ "domain",		"domain",	{ "name" },					1, 1 },
	{ "route",		"route",	{ "address", "target", "nexthop", "folder" },	1, 1 },
	{ "nexthop",		"nexthop",	{ "name" },					1, 1 },
	{ "schedule",		"window",	{ "name", "days", "begins" },			1, 1 },
	{ "oauth_client",	"client",	{ "name" },					1, 1 },
	{ "server_admin",	"administrator", { "account" },					1, 0 },
	{ "domain_admin",	"administrator", { "account", "domain" },			2, 0 },
	{ "listener",		"listener",	{ "address", "port" },				2, 1 },
	{ "certificate",	"certificate",	{ "address", "port", "cert" },			3, 1 },
	{ "acl",		"right",	{ "owner", "folder", "who" },			3, 1 },
	{ "settings",		"setting",	{ NULL },					0, 1 }
};

const struct edit_table *
table_find(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems(tables); i++)
		if (strcmp(tables[i].name, name) == 0)
			return (&tables[i]);
	return (NULL);
}

int
table_columns(const struct edit_table *t, struct edit_column *columns)
{
	struct edit_column	*c;
	sqlite3_stmt		*st;
	int			 n = 0;

	if (sqlite3_prepare_v2(image_db(config_image), "SELECT name, type, hidden > 0 OR name = 'id', NOT \"notnull\""
	    " FROM pragma_table_xinfo(?1)", -1, &st, NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_text(st, 1, t->name, -1, SQLITE_STATIC);
	while (sqlite3_step(st) == SQLITE_ROW && n < COLUMNS_MAX) {
		c = &columns[n++];
		strlcpy(c->name, (const char *)sqlite3_column_text(st, 0), sizeof(c->name));
		c->type = strcmp((const char *)sqlite3_column_text(st, 1), "ANY") == 0 ? TYPE_SECRET :
		    strcmp((const char *)sqlite3_column_text(st, 1), "INTEGER") == 0 ? TYPE_NUMBER : TYPE_TEXT;
		c->computed = sqlite3_column_int(st, 2);
		c->null = sqlite3_column_int(st, 3);
	}
	return (sqlite3_finalize(st) == SQLITE_OK ? n : -1);
}

const struct edit_column *
table_column(const struct edit_column *columns, int n, const char *name)
{
	int	 i;

	for (i = 0; i < n; i++)
		if (strcmp(columns[i].name, name) == 0)
			return (&columns[i]);
	return (NULL);
}

const char *
table_meant(const struct edit_column *columns, int n, const char *word)
{
	static const struct {
		const char	*word, *column;
	} others[] = {			/* what other programs call it */
		{ "host", "domain" }, { "server", "domain" }, { "port", "domain" }, { "user", "auth_name" }, { "username", "auth_name" },
		{ "login", "auth_name" }, { "interval", "period" }, { "folder", "mailbox" }, { "keep", "leave" }, { "ssl", "tls" }
	};
	const char	*found = NULL;
	size_t		 d, best = strlen(word) / 3 + 2, k;
	int		 i;

	for (k = 0; k < nitems(others); k++)
		if (strcmp(others[k].word, word) == 0 && table_column(columns, n, others[k].column) != NULL)
			return (others[k].column);

	for (i = 0; i < n; i++)
		if (!columns[i].computed && (d = distance(columns[i].name, word)) < best) {
			best = d;
			found = columns[i].name;
		}
	return (found);
}

const struct cell *
change_cell(const struct change *c, const char *column)
{
	size_t	 i;

	for (i = c->ncells; i > 0; i--)
		if (strcmp(c->cells[i - 1].column, column) == 0)
			return (&c->cells[i - 1]);
	return (NULL);
}

/* Letters that are to be added, removed or replaced to make one word of the other (Levenshtein). */
static size_t
distance(const char *a, const char *b)
{
	size_t	 row[CELL_COLUMN_SIZE + 1], i, j, left, above, least;

	for (j = 0; j <= strlen(b) && j < nitems(row); j++)
		row[j] = j;
	for (i = 1; i <= strlen(a); i++) {
		above = row[0];
		row[0] = i;
		for (j = 1; j <= strlen(b) && j < nitems(row); j++) {
			left = row[j - 1] + 1;
			least = above + (a[i - 1] != b[j - 1]);
			above = row[j];
			if (above + 1 < least)
				least = above + 1;
			row[j] = left < least ? left : least;
		}
	}
	return (row[strlen(b) < nitems(row) ? strlen(b) : nitems(row) - 1]);
}
