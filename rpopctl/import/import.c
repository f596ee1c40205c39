/* SPDX-License-Identifier: ISC */
/* Filling and freeing of what a parser makes of a file. */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/ipc/proto.h"
#include "common/log.h"
#include "import.h"

static void	*grow(void *, size_t, size_t);
static char	*copy(const char *, size_t);
static char	*sentence(const char *, va_list) __attribute__((__format__(printf, 1, 0)));
static void	 notes_free(struct import_note *, size_t);

void
import_init(struct import *imp)
{
	memset(imp, 0, sizeof(*imp));
}

void
import_free(struct import *imp)
{
	struct import_record	*r;
	size_t			 i, n;

	for (n = 0; n < imp->nrecords; n++) {
		r = &imp->records[n];
		for (i = 0; i < r->ncells; i++)
			freezero(r->cells[i].value, r->cells[i].len);
		for (i = 0; i < r->nseen; i++)
			free(r->seen[i].uid);
		notes_free(r->notes, r->nnotes);
		free(r->label);
		free(r->server);
		free(r->cells);
		free(r->seen);
	}
	notes_free(imp->notes, imp->nnotes);
	free(imp->records);
	free(imp->error);
	import_init(imp);
}

struct import_record *
import_record_add(struct import *imp, unsigned int line)
{
	struct import_record	*r;

	imp->records = grow(imp->records, imp->nrecords, sizeof(*r));
	r = &imp->records[imp->nrecords++];
	memset(r, 0, sizeof(*r));
	r->line = line;
	return (r);
}

void
import_set(struct import_record *r, const char *column, const char *value, size_t len)
{
	struct import_cell	*c;
	size_t			 i;

	for (i = 0; i < r->ncells && strcmp(r->cells[i].column, column) != 0; i++)
		continue;
	if (i == r->ncells) {
		r->cells = grow(r->cells, r->ncells, sizeof(*c));
		r->ncells++;
	} else
		freezero(r->cells[i].value, r->cells[i].len);
	c = &r->cells[i];
	c->column = column;
	c->value = value == NULL ? NULL : copy(value, len);
	c->len = value == NULL ? 0 : len;
}

void
import_set_text(struct import_record *r, const char *column, const char *value)
{
	import_set(r, column, value, value == NULL ? 0 : strlen(value));
}

void
import_set_number(struct import_record *r, const char *column, int64_t number)
{
	char	 text[24];

	import_set(r, column, text, snprintf(text, sizeof(text), "%lld", (long long)number));
}

const struct import_cell *
import_get(const struct import_record *r, const char *column)
{
	size_t	 i;

	for (i = 0; i < r->ncells; i++)
		if (strcmp(r->cells[i].column, column) == 0)
			return (&r->cells[i]);
	return (NULL);
}

void
import_note(struct import *imp, struct import_record *r, enum import_weight weight, unsigned int line, const char *column,
    const char *fmt, ...)
{
	struct import_note	**notes = r == NULL ? &imp->notes : &r->notes, *note;
	size_t			*n = r == NULL ? &imp->nnotes : &r->nnotes;
	va_list			 ap;

	*notes = grow(*notes, *n, sizeof(*note));
	note = &(*notes)[(*n)++];
	note->weight = weight;
	note->line = line;
	note->column = column;
	va_start(ap, fmt);
	note->text = sentence(fmt, ap);
	va_end(ap);
}

void
import_answer(struct import_record *r, const char *column)
{
	size_t	 i, n = 0;

	for (i = 0; i < r->nnotes; i++)
		if (r->notes[i].weight == IMPORT_QUESTION && strcmp(r->notes[i].column, column) == 0)
			free(r->notes[i].text);
		else
			r->notes[n++] = r->notes[i];
	r->nnotes = n;
}

void
import_seen(struct import_record *r, const char *uid, size_t len)
{
	size_t	 i;

	for (i = 0; i < len && uid[i] > 0x20 && uid[i] < 0x7f; i++)
		continue;
	if (len == 0 || len > PROTO_UID_MAX || i < len)
		return;
	r->seen = grow(r->seen, r->nseen, sizeof(*r->seen));
	r->seen[r->nseen].uid = copy(uid, len);
	r->seen[r->nseen++].len = len;
}

int
import_fail(struct import *imp, unsigned int line, const char *fmt, ...)
{
	va_list	 ap;

	if (imp->error != NULL)
		return (-1);
	imp->error_line = line;
	va_start(ap, fmt);
	imp->error = sentence(fmt, ap);
	va_end(ap);
	return (-1);
}

/* Room for one element more behind n of them. */
static void *
grow(void *v, size_t n, size_t size)
{
	if ((v = array_grow(v, n, size)) == NULL)
		err(1, NULL);
	return (v);
}

static char *
copy(const char *octets, size_t len)
{
	char	*p;

	if ((p = malloc(len + 1)) == NULL)
		err(1, NULL);
	memcpy(p, octets, len);
	p[len] = '\0';
	return (p);
}

/* What fmt makes, vis-encoded as it goes to a terminal. */
static char *
sentence(const char *fmt, va_list ap)
{
	char	*text, *shown;
	size_t	 at, len, size, used = 0;

	if (vasprintf(&text, fmt, ap) == -1)
		err(1, NULL);
	len = strlen(text);
	size = len * 4 + 1;
	if ((shown = calloc(size, 1)) == NULL)
		err(1, NULL);
	for (at = 0; at < len; at += LOG_VIS_MAX) {
		log_vis(shown + used, size - used, text + at, len - at);
		used += strlen(shown + used);
	}
	free(text);
	return (shown);
}

static void
notes_free(struct import_note *notes, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		free(notes[i].text);
	free(notes);
}
