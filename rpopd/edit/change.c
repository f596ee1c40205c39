/* SPDX-License-Identifier: ISC */
/* One change of rpopd.db, in a transaction: the statements are made of the names of columns that the schema has. */
#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "edit_int.h"

static void	 change_own(struct doing *);
static int	 change_columns(struct doing *, char *, size_t);
static int	 change_key(struct doing *, char *, size_t);
static void	 change_new_key(struct doing *);
static int	 change_insert(struct doing *, char *, size_t);
static int	 change_set(struct doing *, char *, size_t);
static int	 change_update(struct doing *, char *, size_t);
static int	 change_delete(struct doing *, char *, size_t);
static int	 change_found(struct doing *, sqlite3 *, int64_t *, char *, size_t);
static int	 change_needed(struct doing *, char *, size_t);
static int	 change_guard(struct doing *, char *, size_t);
static int	 change_whole(struct doing *, char *, size_t);
static struct cell change_renamed(struct doing *, const struct cell *, size_t *);
static int	 change_updated(struct doing *, char **, char **, char *, size_t);
static int	 change_pending(struct doing *, char **, char *, size_t);
static char	**change_values(struct doing *, sqlite3 *, const struct keyed *, char *, size_t);
static void	 change_values_free(const struct doing *, char **);
static int	 change_image(struct doing *, struct keyed, struct keyed, char *, size_t);
static const struct cell *change_value(const struct doing *, size_t);
static size_t	 change_nvalues(const struct doing *);

int
change_do(struct doing *d, char *err, size_t errsize)
{
	static int	(*const acts[CHANGE_MAX])(struct doing *, char *, size_t) = {
		[CHANGE_ADD] = change_insert,
		[CHANGE_NEED] = change_insert,
		[CHANGE_SET] = change_set,
		[CHANGE_REMOVE] = change_delete
	};
	const struct edit_table	*last = d->table;

	if ((d->table = table_find(d->change->table)) == NULL) {
		snprintf(err, errsize, "there is no such table");
		return (-1);
	}
	/* A batch is about one table mostly. */
	if (d->table != last && (d->ncolumns = table_columns(d->table, d->columns)) == -1) {
		snprintf(err, errsize, "out of memory");
		return (-1);
	}
	d->told->detail[0] = '\0';
	d->given = (struct keyed){ d->change->cells, d->change->nkeys };
	change_own(d);
	if (change_key(d, err, errsize) == -1 || rights_change(d, err, errsize) == -1 || change_columns(d, err, errsize) == -1)
		return (-1);
	return (acts[d->change->act](d, err, errsize));
}

/* A record without an account is one of the user's own. */
static void
change_own(struct doing *d)
{
	struct cell	*c;

	for (c = d->change->cells; c < d->change->cells + d->change->ncells; c++)
		if (c->len == 0 && c->kind != CELL_NULL && strcmp(c->column, "account") == 0) {
			c->value = (const uint8_t *)d->who->account;
			c->len = strlen(d->who->account);
		}
}

/* The change's key is one, and d->key is what people call it.  0, or -1 and a sentence. */
static int
change_key(struct doing *d, char *err, size_t errsize)
{
	const struct edit_table	*t = d->table;
	const struct change	*c = d->change;
	char			 shown[PROTO_RECORD_SIZE];
	size_t			 i;

	d->key[0] = '\0';
	for (i = 0; i < c->nkeys; i++) {
		if (i == KEYS_MAX || t->keys[i] == NULL || strcmp(c->cells[i].column, t->keys[i]) != 0) {
			snprintf(err, errsize, "%s: %s is not part of what names a row", t->name, c->cells[i].column);
			return (-1);
		}
		if (i > 0 && c->cells[i].len > 0)
			strlcat(d->key, strcmp(t->name, "rpop") == 0 ? "/" : " ", sizeof(d->key));
		strlcat(d->key, log_vis(shown, sizeof(shown), c->cells[i].value, c->cells[i].len), sizeof(d->key));
	}
	if (c->nkeys == 0)
		strlcpy(d->key, t->name, sizeof(d->key));	/* there is one row, that of settings */
	if (c->nkeys >= t->exact)
		return (0);
	snprintf(err, errsize, "which %s? %s is missing", t->one, t->keys[c->nkeys]);
	return (-1);
}

/* Every column of the change is one that can be set.  0, or -1 and a sentence that says which one was meant perhaps. */
static int
change_columns(struct doing *d, char *err, size_t errsize)
{
	const struct edit_column	*col;
	const struct cell		*c;
	const char			*meant;
	char				 why[PROTO_TEXT_SIZE];
	size_t				 i;

	for (i = 0; i < change_nvalues(d); i++) {
		c = change_value(d, i);
		col = table_column(d->columns, d->ncolumns, c->column);
		if (col != NULL && (!col->computed || strcmp(c->column, "address") == 0))
			continue;
		meant = table_meant(d->columns, d->ncolumns, c->column);
		if (col != NULL)
			snprintf(err, errsize, "%s: %s is given by the database; it cannot be set", d->key, c->column);
		else {
			snprintf(why, sizeof(why), "%s has no %s%s%s%s", d->table->name, c->column,
			    meant == NULL ? "; rpopd.db(5) lists what there is" : "; did you mean ", meant == NULL ? "" : meant,
			    meant == NULL ? "" : "?");
			statement_say(d, why, err, errsize);
		}
		return (-1);
	}
	return (0);
}

/*
 * A new row is named by its whole key: by what the change gives, and NULL where a column of the key may be that and is not given.  A
 * column that has a default is left out.
 */
static void
change_new_key(struct doing *d)
{
	const struct edit_column	*col;
	const struct cell		*c;
	size_t				 i, n = 0;

	for (i = 0; i < KEYS_MAX && d->table->keys[i] != NULL; i++) {
		col = table_column(d->columns, d->ncolumns, d->table->keys[i]);
		if ((c = change_cell(d->change, d->table->keys[i])) != NULL)
			d->is[n++] = *c;
		else if (col != NULL && col->null) {
			memset(&d->is[n], 0, sizeof(d->is[n]));
			strlcpy(d->is[n].column, col->name, sizeof(d->is[n].column));
			d->is[n++].kind = CELL_NULL;
		}
	}
	d->given = (struct keyed){ d->is, n };
}

/* An account is named by its address, which the database puts together of two columns. */
static int
change_insert(struct doing *d, char *err, size_t errsize)
{
	const struct cell	*c, *at = NULL;
	struct cell		 part;
	sqlite3_stmt		*st = NULL;
	sqlite3_str		*columns = sqlite3_str_new(NULL), *marks = sqlite3_str_new(NULL);
	const uint8_t		*p;
	int64_t			 found = 0;
	size_t			 i;
	int			 k = 0, rv = -1;
	char			*names, *values;

	for (i = 0; i < change_nvalues(d); i++) {
		c = change_value(d, i);
		if (strcmp(c->column, "address") == 0 && strcmp(d->table->name, "account") == 0)
			at = c;
		sqlite3_str_appendf(columns, "%s%s", i == 0 ? "" : ", ", at == c ? "name, domain" : c->column);
		sqlite3_str_appendf(marks, "%s%s", i == 0 ? "" : ", ", at == c ? "?, ?" : "?");
	}
	names = sqlite3_str_finish(columns);
	values = sqlite3_str_finish(marks);
	change_new_key(d);
	if (change_found(d, d->store, &found, err, errsize) == 0 && (found == 0 || d->change->act == CHANGE_ADD)) {
		if (found > 0)
			snprintf(err, errsize, "%s: there is such a %s already; set changes it", d->key, d->table->one);
		else
			st = statement_new(d, d->store, sqlite3_mprintf("INSERT INTO %s (%s) VALUES (%s)", d->table->name, names, values),
			    err, errsize);
	} else if (found > 0)
		rv = change_needed(d, err, errsize);
	for (i = 0; st != NULL && i < change_nvalues(d); i++) {
		part = *change_value(d, i);
		if (at == change_value(d, i)) {
			if ((p = memchr(at->value, '@', at->len)) == NULL || p == at->value) {
				snprintf(err, errsize, "%s: an account is named by its address, local-part@domain", d->key);
				break;
			}
			strlcpy(part.column, "name", sizeof(part.column));
			part.len = p - at->value;
			if (statement_bind(d, st, ++k, &part, err, errsize) == -1)
				break;
			strlcpy(part.column, "domain", sizeof(part.column));
			part.value = p + 1;
			part.len = at->len - part.len - 1;
		}
		if (statement_bind(d, st, ++k, &part, err, errsize) == -1)
			break;
	}
	if (st != NULL && i == change_nvalues(d) && statement_step(d, st, err, errsize) == 0) {
		told_rows(d, 1);
		rv = rights_result(d, err, errsize) == -1 ? -1 : change_image(d, d->given, d->given, err, errsize);
	}
	(void)kept_done(st);
	sqlite3_free(names);
	sqlite3_free(values);
	return (rv);
}

/* The row that is needed is in the store, and now in force, too.  0, or -1 and a sentence. */
static int
change_needed(struct doing *d, char *err, size_t errsize)
{
	int64_t	 found;

	if (change_found(d, image_db(config_image), &found, err, errsize) == -1)
		return (-1);
	if (found > 0) {
		d->told->same++;
		return (0);
	}
	told_rows(d, 1);
	return (rights_result(d, err, errsize) == -1 ? -1 : change_image(d, d->given, d->given, err, errsize));
}

/* One row gets other values; what it has already, and has in force, is no change. */
static int
change_update(struct doing *d, char *err, size_t errsize)
{
	const struct keyed	 was = { d->was, d->nwhole }, is = { d->is, d->nwhole };
	sqlite3_stmt	*st = NULL;
	sqlite3_str	*set;
	char		**old = NULL, **new = NULL, *where = NULL, *values = NULL;
	size_t		 i, n = change_nvalues(d);
	int		 rv = -1;

	if (n == 0) {
		snprintf(err, errsize, "%s: nothing is to be set; say what as column=value", d->key);
		return (-1);
	}
	set = sqlite3_str_new(NULL);
	for (i = 0; i < n; i++)
		sqlite3_str_appendf(set, "%s%s = ?", i == 0 ? "" : ", ", change_value(d, i)->column);
	values = sqlite3_str_finish(set);
	where = statement_where(&was);
	if ((old = change_values(d, d->store, &was, err, errsize)) != NULL && (st = statement_new(d, d->store,
	    sqlite3_mprintf("UPDATE %s SET %s WHERE %s", d->table->name, values, where), err, errsize)) != NULL) {
		for (i = 0; i < n && statement_bind(d, st, i + 1, change_value(d, i), err, errsize) == 0; i++)
			continue;
		statement_key(st, (void *)&was);
		if (i == n && statement_step(d, st, err, errsize) == 0 && (new = change_values(d, d->store, &is, err, errsize)) != NULL)
			rv = change_updated(d, old, new, err, errsize);
	}
	change_values_free(d, old);
	change_values_free(d, new);
	(void)kept_done(st);
	sqlite3_free(values);
	sqlite3_free(where);
	return (rv);
}

/* A change of the one row that the key, or a part of one, names.  0, or -1 and a sentence. */
static int
change_set(struct doing *d, char *err, size_t errsize)
{
	int64_t	 found;

	if (change_found(d, d->store, &found, err, errsize) == -1)
		return (-1);
	if (found != 1) {
		snprintf(err, errsize, found == 0 ? "%s: there is no such %s" : "%s: is more than one %s; name it in full", d->key,
		    d->table->one);
		return (-1);
	}
	return (change_guard(d, err, errsize) == -1 || change_whole(d, err, errsize) == -1 ? -1 : change_update(d, err, errsize));
}

/* The row that the key names is still as the client saw it, if it says what that was.  0, or -1 and a sentence. */
static int
change_guard(struct doing *d, char *err, size_t errsize)
{
	sqlite3_str	*list;
	sqlite3_stmt	*st;
	SHA2_CTX	 ctx;
	uint8_t		 packed[PROTO_FRAME_MAX], digest[SHA256_DIGEST_LENGTH] = { 0 };
	char		*columns, *where;
	size_t		 len = 0;
	int		 i;

	if (!d->change->guarded)
		return (0);
	list = sqlite3_str_new(NULL);
	for (i = 0; i < d->ncolumns; i++)
		sqlite3_str_appendf(list, "%s%s", i == 0 ? "" : ", ", d->columns[i].name);
	columns = sqlite3_str_finish(list);
	where = statement_where(&d->given);
	st = statement_new(d, d->store, sqlite3_mprintf("SELECT %s FROM %s WHERE %s", columns, d->table->name, where), err, errsize);
	sqlite3_free(columns);
	sqlite3_free(where);
	if (st == NULL)
		return (-1);
	statement_key(st, &d->given);
	if (sqlite3_step(st) == SQLITE_ROW && (len = row_pack(st, d->columns, d->ncolumns, packed, sizeof(packed))) > 0) {
		SHA256Init(&ctx);
		SHA256Update(&ctx, packed, len);
		SHA256Final(digest, &ctx);
	}
	(void)kept_done(st);
	if (len > 0 && memcmp(digest, d->change->was, sizeof(digest)) == 0)
		return (0);
	snprintf(err, errsize, "%s: somebody has changed it meanwhile: look at it again", d->key);
	return (-1);
}

/*
 * Reads the whole key of the row that the given one names: other rows may have the same part of it, ahead of the change or behind
 * it.  0, or -1 and a sentence.
 */
static int
change_whole(struct doing *d, char *err, size_t errsize)
{
	sqlite3_str	*list = sqlite3_str_new(NULL);
	sqlite3_stmt	*st;
	struct cell	*c;
	char		*columns, *where = statement_where(&d->given);
	size_t		 i, used = 0;
	int		 row;

	for (d->nwhole = 0; d->nwhole < KEYS_MAX && d->table->keys[d->nwhole] != NULL; d->nwhole++)
		sqlite3_str_appendf(list, "%s, ", d->table->keys[d->nwhole]);
	sqlite3_str_appendf(list, "1");
	columns = sqlite3_str_finish(list);
	st = statement_new(d, d->store, sqlite3_mprintf("SELECT %s FROM %s WHERE %s", columns, d->table->name, where), err, errsize);
	sqlite3_free(columns);
	sqlite3_free(where);
	if (st == NULL)
		return (-1);
	statement_key(st, &d->given);
	if ((row = sqlite3_step(st) == SQLITE_ROW))
		for (i = 0; i < d->nwhole && row; i++) {
			c = &d->was[i];
			memset(c, 0, sizeof(*c));
			strlcpy(c->column, d->table->keys[i], sizeof(c->column));
			c->kind = sqlite3_column_type(st, i) == SQLITE_NULL ? CELL_NULL : CELL_TEXT;
			c->value = d->octets + used;
			if (c->kind == CELL_TEXT) {
				c->len = strlen((const char *)sqlite3_column_text(st, i));
				if ((row = c->len <= CELL_VALUE_MAX))
					memcpy(d->octets + used, sqlite3_column_text(st, i), c->len);
			}
			used += row ? c->len : 0;
		}
	(void)kept_done(st);
	if (!row)
		snprintf(err, errsize, "%s: the store cannot be read", d->key);
	for (i = 0; i < d->nwhole && row; i++)
		d->is[i] = change_renamed(d, &d->was[i], &used);
	return (row ? 0 : -1);
}

/* A cell of the key behind the change; the address of an account is put together in d->octets, of which *used are taken. */
static struct cell
change_renamed(struct doing *d, const struct cell *was, size_t *used)
{
	const struct cell	*v, *name = NULL, *domain = NULL;
	struct cell		 is = *was;
	const uint8_t		*at = memchr(was->value, '@', was->len);
	size_t			 i, user, host;

	for (i = 0; i < change_nvalues(d); i++) {
		v = change_value(d, i);
		if (strcmp(v->column, was->column) == 0)
			is = *v;
		name = strcmp(v->column, "name") == 0 ? v : name;
		domain = strcmp(v->column, "domain") == 0 ? v : domain;
	}
	if (strcmp(d->table->name, "account") != 0 || at == NULL || (name == NULL && domain == NULL))
		return (is);
	user = name == NULL ? (size_t)(at - was->value) : name->len;
	host = domain == NULL ? was->len - (at + 1 - was->value) : domain->len;
	if (user + 1 + host > sizeof(d->octets) - *used)
		return (is);
	is.value = d->octets + *used;
	is.len = user + 1 + host;
	memcpy(d->octets + *used, name == NULL ? was->value : name->value, user);
	d->octets[*used + user] = '@';
	memcpy(d->octets + *used + user + 1, domain == NULL ? at + 1 : domain->value, host);
	*used += is.len;
	return (is);
}

/* The row had old and has new, column by column.  0, or -1 and a sentence. */
static int
change_updated(struct doing *d, char **old, char **new, char *err, size_t errsize)
{
	size_t	 i, same = 0, n = change_nvalues(d);

	for (i = 0; i < n; i++)
		if (old[i] == NULL ? new[i] == NULL : new[i] != NULL && strcmp(old[i], new[i]) == 0)
			same++;
		else
			told_column(d->told, table_column(d->columns, d->ncolumns, change_value(d, i)->column), old[i], new[i]);
	if (same == n && !change_pending(d, new, err, errsize)) {
		d->told->same++;
		return (0);
	}
	told_rows(d, 1);
	return (rights_result(d, err, errsize) == -1 ? -1 : change_image(d, (struct keyed){ d->was, d->nwhole },
	    (struct keyed){ d->is, d->nwhole }, err, errsize));
}

/* 1: somebody has written these values to the store, but they are not in force yet; what they change is told.  Secrets are read anew. */
static int
change_pending(struct doing *d, char **new, char *err, size_t errsize)
{
	const struct keyed		 was = { d->was, d->nwhole };
	const struct edit_column	*col;
	char				**old = change_values(d, image_db(config_image), &was, err, errsize), *value;
	size_t				 i, n = change_nvalues(d);
	int				 pending = old == NULL;

	for (i = 0; i < n; i++) {
		col = table_column(d->columns, d->ncolumns, change_value(d, i)->column);
		value = old == NULL ? NULL : old[i];
		if ((value == NULL) == (new[i] == NULL) && (value == NULL || col->type == TYPE_SECRET || strcmp(value, new[i]) == 0))
			continue;
		told_column(d->told, col, value, new[i]);
		pending = 1;
	}
	change_values_free(d, old);
	return (pending);
}

static int
change_delete(struct doing *d, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	int64_t		 found;
	char		*where;
	int		 rv = -1;

	if (d->table->keys[0] == NULL) {
		snprintf(err, errsize, "%s are changed, and never removed", d->table->name);
		return (-1);
	}
	if (change_found(d, d->store, &found, err, errsize) == -1)
		return (-1);
	if (found == 0) {
		snprintf(err, errsize, "%s: there is no such %s", d->key, d->table->one);
		return (-1);
	}
	if (change_guard(d, err, errsize) == -1)
		return (-1);
	where = statement_where(&d->given);
	if ((st = statement_new(d, d->store, sqlite3_mprintf("DELETE FROM %s WHERE %s", d->table->name, where), err, errsize)) != NULL) {
		statement_key(st, &d->given);
		if (statement_step(d, st, err, errsize) == 0) {
			told_rows(d, found);
			rv = change_image(d, d->given, d->given, err, errsize);
		}
	}
	(void)kept_done(st);
	sqlite3_free(where);
	return (rv);
}

/* How many rows the key names in the store or the image.  0, or -1 and a sentence. */
static int
change_found(struct doing *d, sqlite3 *db, int64_t *found, char *err, size_t errsize)
{
	sqlite3_stmt	*st;
	char		*where = statement_where(&d->given);

	st = statement_new(d, db, sqlite3_mprintf("SELECT count(*) FROM %s WHERE %s", d->table->name, where), err, errsize);
	sqlite3_free(where);
	if (st == NULL)
		return (-1);
	statement_key(st, &d->given);
	*found = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	if (kept_done(st) == SQLITE_OK)
		return (0);
	statement_refused(d, err, errsize);
	return (-1);
}

/*
 * What the row that the key names in the store or the image has in the columns that are set: texts, NULL for NULL, of a secret its
 * type and digits, which are compared and not told.  They are for change_values_free(); NULL with a sentence.
 */
static char **
change_values(struct doing *d, sqlite3 *db, const struct keyed *key, char *err, size_t errsize)
{
	const struct edit_column	*col;
	sqlite3_stmt			*st;
	sqlite3_str			*list = sqlite3_str_new(NULL);
	char				*columns, *where = statement_where(key), **v = NULL;
	size_t				 i, n = change_nvalues(d);

	for (i = 0; i < n; i++) {
		col = table_column(d->columns, d->ncolumns, change_value(d, i)->column);
		if (col->type == TYPE_SECRET)
			sqlite3_str_appendf(list, "%siif(%s IS NULL, NULL, typeof(%s) || hex(%s))", i == 0 ? "" : ", ", col->name, col->name,
			    col->name);
		else
			sqlite3_str_appendf(list, "%s%s", i == 0 ? "" : ", ", col->name);
	}
	columns = sqlite3_str_finish(list);
	st = statement_new(d, db, sqlite3_mprintf("SELECT %s FROM %s WHERE %s", columns, d->table->name, where), err, errsize);
	sqlite3_free(columns);
	sqlite3_free(where);
	if (st == NULL)
		return (NULL);
	statement_key(st, (void *)key);
	if (sqlite3_step(st) == SQLITE_ROW && (v = calloc(n + 1, sizeof(*v))) != NULL)
		for (i = 0; i < n; i++)
			if (sqlite3_column_text(st, (int)i) != NULL &&
			    (v[i] = strdup((const char *)sqlite3_column_text(st, (int)i))) == NULL)
				fatal("change");
	(void)kept_done(st);
	if (v == NULL)
		snprintf(err, errsize, "%s: the store cannot be read", d->key);
	return (v);
}

static void
change_values_free(const struct doing *d, char **v)
{
	size_t	 i;

	if (v == NULL)
		return;
	for (i = 0; i < change_nvalues(d); i++)
		if (v[i] != NULL)
			freezero(v[i], strlen(v[i]));
	free(v);
}

/* The rows that had one key and have another now are in the image as the store has them.  0, or -1 and a sentence. */
static int
change_image(struct doing *d, struct keyed was, struct keyed is, char *err, size_t errsize)
{
	sqlite3_stmt	*st = NULL;
	char		*gone = statement_where(&was), *where = statement_where(&is), *sql;
	int		 rv = -1;

	if ((sql = sqlite3_mprintf("DELETE FROM %s WHERE %s", d->table->name, gone)) != NULL &&
	    (st = kept_get(d->kept, image_db(config_image), sql)) != NULL) {
		statement_key(st, &was);
		if (sqlite3_step(st) == SQLITE_DONE)
			rv = image_copy(config_image, d->kept, d->store, d->table->name, where, statement_key, &is);
	}
	(void)kept_done(st);
	sqlite3_free(sql);
	sqlite3_free(gone);
	sqlite3_free(where);
	if (rv == -1)
		snprintf(err, errsize, "%s: an edit of rpopd.db that is not in force yet stands in the way; see what it is, and reload: "
		    "rpopctl reload", d->key);
	return (rv);
}

/* The values that the row is to have: for a new one its key's, too, then the change's own, and those that rights.c forces. */
static const struct cell *
change_value(const struct doing *d, size_t i)
{
	const struct change	*c = d->change;
	size_t			 from = c->act == CHANGE_SET ? c->nkeys : 0;

	return (i < c->ncells - from ? &c->cells[from + i] : &d->forced[i - (c->ncells - from)]);
}

static size_t
change_nvalues(const struct doing *d)
{
	if (d->change->act == CHANGE_REMOVE)
		return (0);
	return (d->change->ncells - (d->change->act == CHANGE_SET ? d->change->nkeys : 0) + d->nforced);
}
