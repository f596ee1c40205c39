/* SPDX-License-Identifier: ISC */
/* What a batch of changes did, in words: one sentence for who asked, and a line a row for the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/log.h"
#include "edit_int.h"

#define VALUE_WIDTH	64	/* of an old or new value, encoded */

static void	 told_value(char *, size_t, const char *);
static void	 told_count(char *, size_t, size_t, const struct told *, const char *);

void
told_column(struct told *t, const struct edit_column *col, const char *old, const char *new)
{
	char	 was[VALUE_WIDTH], is[VALUE_WIDTH], text[CELL_COLUMN_SIZE + 2 * VALUE_WIDTH + 8];

	told_value(was, sizeof(was), old);
	told_value(is, sizeof(is), new);
	if (col->type == TYPE_SECRET)
		snprintf(text, sizeof(text), "%s %s", col->name, new == NULL ? "removed" : old == NULL ? "set" : "changed");
	else
		snprintf(text, sizeof(text), "%s %s -> %s", col->name, was, is);
	if (t->detail[0] != '\0')
		strlcat(t->detail, ", ", sizeof(t->detail));
	strlcat(t->detail, text, sizeof(t->detail));
}

void
told_rows(struct doing *d, size_t rows)
{
	static const char *const	 done[CHANGE_MAX] = { "added", "added", "changed", "removed" };
	struct told	*t = d->told;
	char		**lines, columns[PROTO_TEXT_SIZE] = "";
	size_t		 i;

	*(d->change->act == CHANGE_REMOVE ? &t->removed : d->change->act == CHANGE_SET ? &t->changed : &t->added) += rows;
	t->mixed |= t->table != NULL && t->table != d->table;
	t->table = d->table;
	if (strcmp(d->table->name, "rpop") == 0 && strcmp(t->record, d->key) != 0) {
		t->records++;
		strlcpy(t->record, t->records == 1 ? d->key : "", sizeof(t->record));
	}
	for (i = d->change->nkeys; d->change->act <= CHANGE_NEED && i < d->change->ncells; i++) {
		strlcat(columns, i == d->change->nkeys ? "" : ", ", sizeof(columns));
		strlcat(columns, d->change->cells[i].column, sizeof(columns));
	}
	if ((lines = array_grow(t->lines, t->nlines, sizeof(*lines))) == NULL)
		fatal("changes");
	t->lines = lines;
	if (asprintf(&t->lines[t->nlines++], "%s%s%s: %s%s%s", d->table->name, d->change->nkeys == 0 ? "" : " ",
	    d->change->nkeys == 0 ? "" : d->key, done[d->change->act],
	    d->change->act == CHANGE_SET || columns[0] != '\0' ? ": " : "", d->change->act == CHANGE_SET ? t->detail : columns) == -1)
		fatal("changes");
}

void
told_sentence(const struct told *t, char *text, size_t size)
{
	*text = '\0';
	told_count(text, size, t->added, t, "added");
	told_count(text, size, t->changed, t, "changed");
	told_count(text, size, t->removed, t, "removed");
	if (*text == '\0')
		strlcpy(text, "nothing changed: it is so already", size);
	else if (t->changed == 1 && t->added + t->removed == 0) {
		strlcat(text, ": ", size);
		strlcat(text, t->detail, size);
	}
}

void
told_log(const struct told *t, const struct who *who)
{
	char	 name[PROTO_ADDR_SIZE + 32];
	size_t	 i;

	for (i = 0; i < t->nlines; i++)
		log_notice("change by %s: %s", who_named(who, name, sizeof(name)), t->lines[i]);
}

void
told_free(struct told *t)
{
	size_t	 i;

	for (i = 0; i < t->nlines; i++)
		free(t->lines[i]);
	free(t->lines);
	memset(t, 0, sizeof(*t));
}

/* A value as people see it: NULL is "none", and what is long is cut. */
static void
told_value(char *text, size_t size, const char *value)
{
	if (value == NULL || *value == '\0')
		strlcpy(text, value == NULL ? "none" : "''", size);
	else
		log_vis(text, size, value, strlen(value));
}

/* "3 records added", unless there is none. */
static void
told_count(char *text, size_t size, size_t n, const struct told *t, const char *done)
{
	char	 part[64];

	if (n == 0)
		return;
	snprintf(part, sizeof(part), "%s%zu %s%s %s", *text == '\0' ? "" : ", ", n, t->mixed ? "row" : t->table->one, PLURAL(n), done);
	strlcat(text, part, size);
}
