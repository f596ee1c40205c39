/* SPDX-License-Identifier: ISC */
/* links: rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/*
 * What the daemon takes of rpopd.db, what the schema permits, and what the manual says of it are one: each column is in all three,
 * with the same range and the same default.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "rpopd/config/config_int.h"

static const struct table *const	 tables[] = { &settings_table, &nexthop_table, &oauth_table, &rights_table, &rpop_table,
	&listener_table, &certificate_table, &acl_table };
static sqlite3				*db;
static char				 manual[131072];

static void
slurp(const char *name, char *text, size_t size)
{
	const char	*build = getenv("RPOPD_BUILD");
	char		 path[1024];
	FILE		*f;

	snprintf(path, sizeof(path), "%s%s%s", build == NULL ? "" : build, build == NULL ? "" : "/../", name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("%s: cannot be read; run in the top directory", path);
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* The first column of the first row, as text; NULL: NULL, or no row. */
static const char *
answer(const char *fmt, ...)
{
	static char	 texts[4][65536];
	static size_t	 next;
	sqlite3_stmt	*st;
	char		*sql, *text = NULL;
	va_list		 ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&sql, fmt, ap) != -1);
	va_end(ap);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL) {
		text = texts[next++ % nitems(texts)];
		strlcpy(text, (const char *)sqlite3_column_text(st, 0), sizeof(texts[0]));
	}
	sqlite3_finalize(st);
	free(sql);
	return (text);
}

static int
setup(void **state)
{
	static char	 schema[131072];

	(void)state;
	slurp("etc/rpopd.sql", schema, sizeof(schema));
	slurp("rpopd/rpopd.db.5", manual, sizeof(manual));
	if (sqlite3_open(":memory:", &db) != SQLITE_OK || sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	return (sqlite3_close(db));
}

/* A column of a table and a column of the schema are one. */
static void
test_names(void **state)
{
	const char	*name;
	size_t		 i, k;
	int		 n;

	(void)state;
	assert_int_equal(atoi(answer("PRAGMA user_version")), CONFIG_SCHEMA);
	for (i = 0; i < nitems(tables); i++) {
		for (k = 0; k < tables[i]->ncolumns; k++) {
			name = tables[i]->columns[k].name;
			if (answer("SELECT name FROM pragma_table_info('%s') WHERE name = '%s'", tables[i]->name, name) == NULL)
				fail_msg("%s.%s is not in the schema", tables[i]->name, name);
		}
		for (n = 0; (name = answer("SELECT name FROM pragma_table_info('%s') LIMIT 1 OFFSET %d", tables[i]->name, n)) != NULL; n++) {
			for (k = 0; k < tables[i]->ncolumns && strcmp(tables[i]->columns[k].name, name) != 0; k++)
				continue;
			if (k == tables[i]->ncolumns && strcmp(name, "id") != 0)
				fail_msg("%s.%s of the schema is not loaded", tables[i]->name, name);
		}
	}
}

static void
want(const struct table *t, const char *what)
{
	if (strstr(answer("SELECT sql FROM sqlite_schema WHERE name = '%s'", t->name), what) == NULL)
		fail_msg("table %s of the schema has no '%s'", t->name, what);
}

/* A number's range, a word's list, and whether a column may be NULL, are those of the schema; a text may be as long at least. */
static void
test_ranges(void **state)
{
	const struct column	*c;
	const struct word	*w;
	const char		*sql, *p;
	char			 text[256];
	size_t			 i, k;

	(void)state;
	for (i = 0; i < nitems(tables); i++)
		for (k = 0; k < tables[i]->ncolumns; k++) {
			c = &tables[i]->columns[k];
			if (strcmp(c->name, "id") != 0 && (atoi(answer("SELECT \"notnull\" FROM pragma_table_info('%s') WHERE name = '%s'",
			    tables[i]->name, c->name)) != 0) == (c->null != 0))
				fail_msg("%s.%s: NULL is permitted by one, not by the other", tables[i]->name, c->name);
			if (c->kind == COLUMN_NUMBER && c->min == 0 && c->max == 1)
				snprintf(text, sizeof(text), "%s IN (0, 1)", c->name);
			else if (c->kind == COLUMN_NUMBER)
				snprintf(text, sizeof(text), "%s BETWEEN %lld AND %lld", c->name, (long long)c->min, (long long)c->max);
			else if (c->kind == COLUMN_WORD) {
				snprintf(text, sizeof(text), "%s IN (", c->name);
				sql = answer("SELECT sql FROM sqlite_schema WHERE name = '%s'", tables[i]->name);
				if ((p = strstr(sql, text)) == NULL)
					fail_msg("%s.%s: the schema has no list of words", tables[i]->name, c->name);
				for (w = c->words; w->text != NULL; w++) {
					snprintf(text, sizeof(text), "'%s'", w->text);
					if (strstr(p, text) == NULL || strstr(p, text) > strchr(p, ')'))
						fail_msg("%s.%s: '%s' is no word of the schema", tables[i]->name, c->name, w->text);
				}
				snprintf(text, sizeof(text), "%s IN (", c->name);
			} else if (c->kind == COLUMN_SECRET)
				snprintf(text, sizeof(text), "length(CAST(%s AS BLOB)) BETWEEN 1 AND %lld", c->name, (long long)c->max);
			else {
				sql = answer("SELECT sql FROM sqlite_schema WHERE name = '%s'", tables[i]->name);
				snprintf(text, sizeof(text), "length(CAST(%s AS BLOB)) ", c->name);
				if ((p = strstr(sql, text)) != NULL && (p = strpbrk(p + strlen(text), "0123456789")) != NULL &&
				    strncmp(p, "1 AND ", 6) == 0)
					p += 6;
				if (p != NULL && atoll(p) > c->max)
					fail_msg("%s.%s: the schema permits %lld octets", tables[i]->name, c->name, atoll(p));
				continue;
			}
			want(tables[i], text);
		}
}

/* What the manual says of a column, without its macros: from its .It to the next, or to the end of the list. */
static const char *
described(const char *table, const char *column)
{
	static char	 text[16384];
	char		 head[128], line[4096], *from, *to, *p, *word;
	size_t		 len;

	snprintf(head, sizeof(head), "\n.Ss %s\n", table);
	if ((from = strstr(manual, head)) == NULL)
		fail_msg("the manual has no section on table %s", table);
	if ((to = strstr(from + 1, "\n.Ss ")) == NULL)
		to = manual + strlen(manual);
	for (p = from + 1; p < to; p += len + 1) {
		len = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, p);
		if (strncmp(line, ".It Va ", 7) != 0)
			continue;
		for (word = strtok(line + 7, " ,"); word != NULL && strcmp(word, column) != 0; word = strtok(NULL, " ,"))
			continue;
		if (word != NULL)
			break;
	}
	if (p >= to)
		return (NULL);
	text[0] = '\0';
	for (p += len + 1; p < to && strncmp(p, ".It Va ", 7) != 0; p += len + 1) {
		len = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)len, p);
		for (word = line; *word == '.' && word[1] != '\0'; word += strcspn(word, " "), word += *word == ' ')
			continue;
		strlcat(text, word, sizeof(text));
		strlcat(text, " ", sizeof(text));
	}
	return (text);
}

static int
says(const char *text, const char *fmt, ...)
{
	char	 what[256];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return (strstr(text, what) != NULL);
}

/* The manual has each column, a number's range, and the default. */
static void
test_manual(void **state)
{
	const struct column	*c;
	const char		*text, *value;
	char			 plain[64];
	size_t			 i, k, faults = 0;

	(void)state;
	for (i = 0; i < nitems(tables); i++)
		for (k = 0; k < tables[i]->ncolumns; k++) {
			c = &tables[i]->columns[k];
			if ((text = described(tables[i]->name, c->name)) == NULL) {
				print_error("%s.%s is not in the manual\n", tables[i]->name, c->name);
				faults++;
				continue;
			}
			if (strcmp(c->name, "id") == 0)
				continue;
			if (c->kind == COLUMN_NUMBER && c->max != 1 && !says(text, "%lld to %lld", (long long)c->min, (long long)c->max)) {
				print_error("%s.%s: '%lld to %lld' is not in the manual\n", tables[i]->name, c->name, (long long)c->min,
				    (long long)c->max);
				faults++;
			}
			value = answer("SELECT dflt_value FROM pragma_table_info('%s') WHERE name = '%s'", tables[i]->name, c->name);
			if (value == NULL || strcmp(value, "NULL") == 0)
				continue;
			snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(value + (*value == '\''), "'"), value + (*value == '\''));
			if (!says(text, "efault %s", plain) && !says(text, "%s (the default)", plain) && !says(text, "%s The default", plain) &&
			    !(strcmp(plain, "auto") == 0 && says(text, "The default"))) {
				print_error("%s.%s: the default %s is not in the manual\n", tables[i]->name, c->name, plain);
				faults++;
			}
		}
	assert_int_equal(faults, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_manual)
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
