/* SPDX-License-Identifier: ISC */
/* Statements about the row of a change: made, bound, run, and why the store has refused one. */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/utf8.h"
#include "edit_int.h"

/* A statement in the store or the image, for kept_done(), of a text that is freed here; NULL and a sentence. */
sqlite3_stmt *
statement_new(struct doing *d, sqlite3 *db, char *sql, char *err, size_t errsize)
{
	sqlite3_stmt	*st = NULL;

	if (sql == NULL)
		snprintf(err, errsize, "out of memory");
	else if ((st = kept_get(d->kept, db, sql)) == NULL)
		statement_refused(d, err, errsize);
	sqlite3_free(sql);
	return (st);
}

/* Runs it to its end, which has no rows.  0, or -1 and a sentence. */
int
statement_step(struct doing *d, sqlite3_stmt *st, char *err, size_t errsize)
{
	if (sqlite3_step(st) == SQLITE_DONE)
		return (0);
	statement_refused(d, err, errsize);
	return (-1);
}

/* The condition that names rows: its parameters are the cells of the key, by the names of their columns. */
char *
statement_where(const struct keyed *k)
{
	sqlite3_str	*where = sqlite3_str_new(NULL);
	size_t		 i;

	for (i = 0; i < k->n; i++)
		sqlite3_str_appendf(where, "%s%s IS :%s", i == 0 ? "" : " AND ", k->cells[i].column, k->cells[i].column);
	if (i == 0)
		sqlite3_str_appendf(where, "1");
	return (sqlite3_str_finish(where));
}

/* Binds the parameters of statement_where(). */
void
statement_key(sqlite3_stmt *st, void *arg)
{
	const struct keyed	*k = arg;
	char			 name[CELL_COLUMN_SIZE + 1];
	size_t			 i;

	for (i = 0; i < k->n; i++) {
		snprintf(name, sizeof(name), ":%s", k->cells[i].column);
		if (k->cells[i].kind != CELL_NULL)
			sqlite3_bind_text(st, sqlite3_bind_parameter_index(st, name), (const char *)k->cells[i].value, k->cells[i].len,
			    SQLITE_STATIC);
	}
}

/* Binds the value of a cell as its column wants it.  0, or -1 and a sentence. */
int
statement_bind(struct doing *d, sqlite3_stmt *st, int at, const struct cell *c, char *err, size_t errsize)
{
	const struct edit_column	*col = table_column(d->columns, d->ncolumns, c->column);
	const char			*error;
	char				 digits[24], shown[128];
	long long			 number;
	int				 rc;

	if (c->kind == CELL_NULL)
		rc = sqlite3_bind_null(st, at);
	else if (col->type == TYPE_NUMBER) {
		snprintf(digits, sizeof(digits), "%.*s", (int)(c->len < sizeof(digits) ? c->len : sizeof(digits) - 1), (const char *)c->value);
		number = strtonum(digits, INT64_MIN, INT64_MAX, &error);
		if (c->len == 0 || c->len >= sizeof(digits) || strlen(digits) != c->len || error != NULL) {
			snprintf(err, errsize, "%s: %s must be a whole number, and not '%s'", d->key, c->column,
			    log_vis(shown, sizeof(shown), c->value, c->len));
			return (-1);
		}
		rc = sqlite3_bind_int64(st, at, number);
	} else if (c->kind == CELL_BLOB || (col->type == TYPE_SECRET && !utf8_valid(c->value, c->len)))
		rc = sqlite3_bind_blob(st, at, c->len == 0 ? (const void *)"" : c->value, c->len, SQLITE_STATIC);
	else if (memchr(c->value, '\0', c->len) != NULL || !utf8_valid(c->value, c->len)) {
		snprintf(err, errsize, "%s: %s must be text in UTF-8", d->key, c->column);
		return (-1);
	} else
		rc = sqlite3_bind_text(st, at, (const char *)c->value, c->len, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		return (0);
	snprintf(err, errsize, "%s: %s is too long", d->key, c->column);
	return (-1);
}

/* Why the store has refused the statement: the sentence of its constraint or trigger, as it is. */
void
statement_refused(struct doing *d, char *err, size_t errsize)
{
	static const char	 check[] = "CHECK constraint failed: ", null[] = "NOT NULL constraint failed: ";
	const char		*text = sqlite3_errmsg(d->store);
	char			 reason[PROTO_TEXT_SIZE * 2];

	switch (sqlite3_extended_errcode(d->store)) {
	case SQLITE_CONSTRAINT_CHECK:
		if (strncmp(text, check, sizeof(check) - 1) == 0)
			text += sizeof(check) - 1;
		break;
	case SQLITE_CONSTRAINT_NOTNULL:
		if (strncmp(text, null, sizeof(null) - 1) != 0)
			break;
		snprintf(err, errsize, "%s: %s must be given", d->key, text + sizeof(null) - 1);
		return;
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
		snprintf(err, errsize, "%s: there is such a %s already (%s)", d->key, d->table->one, text);
		return;
	case SQLITE_CONSTRAINT_TRIGGER:
		break;
	default:
		sql_reason(d->store, "rpopd.db", reason, sizeof(reason));
		snprintf(err, errsize, "%s: %s", d->key, reason);
		return;
	}
	statement_say(d, text, err, errsize);
}

/*
 * A sentence about the change's row.  Where a table has one row only, the row's name is the table's, with which sentences of the schema
 * begin.
 */
void
statement_say(const struct doing *d, const char *text, char *err, size_t errsize)
{
	if (d->table->keys[0] == NULL && strncmp(text, d->table->name, strlen(d->table->name)) == 0)
		strlcpy(err, text, errsize);
	else
		snprintf(err, errsize, "%s: %s", d->key, text);
}
