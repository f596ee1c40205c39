/* SPDX-License-Identifier: ISC */
/* A fetchmailrc, as fetchmail 6.4.37 reads it. */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fetchmail_int.h"

static int	 parse(struct import *, const char *, size_t);
static int	 make_records(struct fm_file *);
static void	 count_users(struct fm_file *);
static int	 entry_cmp(const void *, const void *);

const struct import_format	 import_fetchmail = { "fetchmail", parse, fm_seen, fm_netrc };

static int
parse(struct import *imp, const char *octets, size_t len)
{
	struct fm_file	 f;
	int		 error;

	if (field_text(imp, octets, len) == -1)
		return (-1);
	memset(&f, 0, sizeof(f));
	fm_lex_init(&f.lex, imp, octets, len);
	error = fm_parse(&f) == -1 || fm_defaults(&f) == -1 || make_records(&f) == -1 ? -1 : 0;
	free(f.entries);
	fm_lex_free(&f.lex);
	return (error);
}

static int
make_records(struct fm_file *f)
{
	size_t	 i;

	count_users(f);
	for (i = 0; i < f->n; i++)
		if (fm_record(f, &f->entries[i]) == -1)
			return (-1);
	fm_notes_file(f);
	return (0);
}

/* Entries of one name count together: their records need more than that name. */
static void
count_users(struct fm_file *f)
{
	struct fm_entry	**order;
	size_t		 i, k;

	if (f->n == 0)
		return;
	if ((order = reallocarray(NULL, f->n, sizeof(struct fm_entry *))) == NULL)
		err(1, NULL);
	for (i = 0; i < f->n; i++)
		order[i] = &f->entries[i];
	qsort(order, f->n, sizeof(struct fm_entry *), entry_cmp);
	for (i = 0; i < f->n; i = k) {
		for (k = i + 1; k < f->n && strcmp(order[i]->name, order[k]->name) == 0; k++)
			order[k]->several = 1;
		order[i]->several = k > i + 1;
	}
	free(order);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct fm_entry *const	*x = a, *const *y = b;

	return (strcmp((*x)->name, (*y)->name));
}
