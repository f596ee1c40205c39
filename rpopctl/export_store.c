/* SPDX-License-Identifier: ISC */
/*
 * rpopctl export sql and json: every table of rpopd.db as it is in force.  Secrets are not in it: rpopctl backup is for those.  What
 * the store does not take without a secret is written without what needs it, and told in a comment.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl.h"

struct exported {
	const char	*table, *json;
	const char	*left_out;		/* columns that the database computes, spaces around each */
	int		(*row)(struct session *, const struct rows *, size_t);	/* 1: the row is written already; NULL: nothing to do */
};

static int	 row_nexthop(struct session *, const struct rows *, size_t);
static int	 row_client(struct session *, const struct rows *, size_t);
static int	 row_record(struct session *, const struct rows *, size_t);
static int	 table_sql(struct session *, const struct exported *);
static void	 settings_sql(FILE *, const struct rows *);
static void	 routes_sql(FILE *, const struct rows *, const struct exported *);
static int	 route_waits(const struct rows *, size_t, const char *);
static void	 insert_sql(FILE *, const struct exported *, const struct rows *, size_t, const char *);
static void	 value_sql(FILE *, const struct rows *, size_t, const char *);

/* Rows refer to rows of tables ahead of theirs. */
static const struct exported	 tables[] = {
	{ "domain",		"domains",	" ", NULL },
	{ "nexthop",		"nexthops",	" password ", row_nexthop },
	{ "account",		"accounts",	" address password last_login last_client ", NULL },
	{ "server_admin",	"server_admins", " ", NULL },
	{ "domain_admin",	"domain_admins", " ", NULL },
	{ "schedule",		"windows",	" ", NULL },
	{ "settings",		"settings",	" id archive ", NULL },
	{ "route",		"routes",	" ", NULL },
	{ "oauth_client",	"clients",	" client_secret ", row_client },
	{ "listener",		"listeners",	" trouble ", NULL },
	{ "certificate",	"certificates",	" trouble ", NULL },
	{ "acl",		"acl",		" ", NULL },
	{ "rpop",		"records",	" host port_text password refresh_token ", row_record }
};

int
export_sql(struct session *s)
{
	size_t	 i;

	for (i = 0; i < nitems(tables); i++)
		if (table_sql(s, &tables[i]) == -1)
			return (1);
	fputs("COMMIT;\n", s->o->fp);
	return (session_flush(s->o));
}

int
export_object(struct session *s)
{
	struct rows	*rows;
	size_t		 i;

	for (i = 0; i < nitems(tables); i++) {
		if (rows_get(s, tables[i].table, NULL, &rows) == -1)
			return (1);
		fprintf(s->o->fp, "%s,\"%s\":", i == 0 ? "{\"ok\":true" : "", tables[i].json);
		rows_array(s->o->fp, rows);
		rows_free(rows);
	}
	fputs("}\n", s->o->fp);
	return (session_flush(s->o));
}

/* 0, or -1: why not was said. */
static int
table_sql(struct session *s, const struct exported *t)
{
	struct rows	*rows;
	size_t		 i;

	if (rows_get(s, t->table, NULL, &rows) == -1)
		return (-1);
	if (t == tables)
		fprintf(s->o->fp, "-- rpopd.db as it is in force, without passwords; for a store that rpopctl init has made without a "
		    "domain:\n-- sqlite3 -batch -bail -init /dev/null rpopd.db <FILE\nBEGIN IMMEDIATE;\n");
	if (strcmp(t->table, "settings") == 0)
		settings_sql(s->o->fp, rows);
	else if (strcmp(t->table, "route") == 0)
		routes_sql(s->o->fp, rows, t);
	else
		for (i = 0; i < rows_number(rows); i++)
			if (t->row == NULL || !t->row(s, rows, i))
				insert_sql(s->o->fp, t, rows, i, t->left_out);
	rows_free(rows);
	if (strcmp(t->table, "route") != 0)
		return (0);
	/* The archive is an address of an account or of table route, so it follows both. */
	if (rows_get(s, "settings", NULL, &rows) == -1)
		return (-1);
	if (rows_number(rows) == 1 && rows_value(rows, 0, "archive") != NULL) {
		fputs("UPDATE settings SET archive = ", s->o->fp);
		value_sql(s->o->fp, rows, 0, "archive");
		fputs(";\n", s->o->fp);
	}
	rows_free(rows);
	return (0);
}

/* The one row is there already. */
static void
settings_sql(FILE *fp, const struct rows *rows)
{
	const char	*column;
	size_t		 i, n = 0;

	for (i = 0; (column = rows_column(rows, i)) != NULL; i++) {
		if (strcmp(column, "id") == 0 || strcmp(column, "archive") == 0)
			continue;
		fprintf(fp, "%s%s = ", n++ == 0 ? "UPDATE settings SET " : ", ", column);
		value_sql(fp, rows, 0, column);
	}
	if (n > 0)
		fputs(";\n", fp);
}

/* A target that is an address of this table is written ahead of what leads to it. */
static void
routes_sql(FILE *fp, const struct rows *rows, const struct exported *t)
{
	size_t	 i, n = rows_number(rows), left = n, before;
	char	*done;

	if ((done = calloc(n + 1, 1)) == NULL)
		return;
	do {
		before = left;
		for (i = 0; i < n; i++)
			if (!done[i] && !route_waits(rows, i, done)) {
				insert_sql(fp, t, rows, i, t->left_out);
				done[i] = 1;
				left--;
			}
	} while (left > 0 && left < before);
	/* What leads round by *@domain is left: the triggers look at names only. */
	for (i = 0; i < n; i++)
		if (!done[i])
			insert_sql(fp, t, rows, i, t->left_out);
	free(done);
}

/* 1: a row with the target's address is not written yet. */
static int
route_waits(const struct rows *rows, size_t row, const char *done)
{
	const char	*target = rows_value(rows, row, "target"), *address;
	size_t		 i;

	if (target == NULL || rows_value(rows, row, "nexthop") != NULL)
		return (0);
	for (i = 0; i < rows_number(rows); i++)
		if (!done[i] && i != row && (address = rows_value(rows, i, "address")) != NULL && strcmp(address, target) == 0)
			return (1);
	return (0);
}

/* A next hop that logs in does so with a password only. */
static int
row_nexthop(struct session *s, const struct rows *rows, size_t row)
{
	if (!rows_secret(rows, row, "password"))
		return (0);
	fputs("-- this next hop logs in: set auth_name and password of it again, auth_name was ", s->o->fp);
	value_sql(s->o->fp, rows, row, "auth_name");
	putc('\n', s->o->fp);
	insert_sql(s->o->fp, &tables[1], rows, row, " password auth_name ");
	return (1);
}

/* A client with a grant of its own is nothing without its secret. */
static int
row_client(struct session *s, const struct rows *rows, size_t row)
{
	const char	*grant = rows_value(rows, row, "grant_type");

	if (!rows_secret(rows, row, "client_secret"))
		return (0);
	fputs("-- this client has a client_secret: rpopctl client password sets it again\n", s->o->fp);
	if (grant == NULL || strcmp(grant, "client_credentials") != 0)
		return (0);
	insert_sql(s->o->fp, &tables[8], rows, row, " client_secret grant_type ");
	fputs("-- grant_type was client_credentials, which is set with the secret\n", s->o->fp);
	return (1);
}

/* A record that cannot log in is disabled. */
static int
row_record(struct session *s, const struct rows *rows, size_t row)
{
	int	 client = rows_value(rows, row, "oauth_client") != NULL;

	if (rows_value(rows, row, "period") == NULL || (!client && !rows_secret(rows, row, "password")))
		return (0);
	fprintf(s->o->fp, "-- disabled until its %s is set again; period was %s\n", client ? "client's secret or refresh_token" : "password",
	    rows_value(rows, row, "period"));
	insert_sql(s->o->fp, &tables[nitems(tables) - 1], rows, row, NULL);
	return (1);
}

/* An INSERT of the row, without these columns; NULL: without the table's, and with period NULL. */
static void
insert_sql(FILE *fp, const struct exported *t, const struct rows *rows, size_t row, const char *without)
{
	const char	*column, *left_out = without == NULL ? t->left_out : without;
	char		 name[64];
	size_t		 i, n, pass;

	fprintf(fp, "INSERT INTO %s (", t->table);
	for (pass = 0; pass < 2; pass++) {
		for (i = n = 0; (column = rows_column(rows, i)) != NULL; i++) {
			snprintf(name, sizeof(name), " %s ", column);
			if (strstr(left_out, name) != NULL)
				continue;
			fputs(n++ == 0 ? "" : ", ", fp);
			if (pass == 0)
				fputs(column, fp);
			else if (without == NULL && strcmp(column, "period") == 0)
				fputs("NULL", fp);
			else
				value_sql(fp, rows, row, column);
		}
		fputs(pass == 0 ? ") VALUES (" : ");\n", fp);
	}
}

/* A value as SQL has it. */
static void
value_sql(FILE *fp, const struct rows *rows, size_t row, const char *column)
{
	const char	*p = rows_value(rows, row, column);

	if (p == NULL || !rows_quoted(rows, row, column)) {
		fputs(p == NULL ? "NULL" : p, fp);
		return;
	}
	putc('\'', fp);
	for (; *p != '\0'; p++) {
		if (*p == '\'')
			putc('\'', fp);
		putc(*p, fp);
	}
	putc('\'', fp);
}
