/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import */
/*
 * A fetchmailrc, and behind lines of ==== a .fetchids and a .netrc: there is an error or there are records, each with what the store
 * wants of it or a question about that.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl/import/import.h"

#define DIVIDER		"\n====\n"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char	*whole;
static size_t		 whole_len;

/* Whether the column has neither a value nor a question. */
static int
missing(const struct import_record *r, const char *column)
{
	size_t	 i;

	if (import_get(r, column) != NULL)
		return (0);
	for (i = 0; i < r->nnotes; i++)
		if (r->notes[i].weight == IMPORT_QUESTION && strcmp(r->notes[i].column, column) == 0)
			return (0);
	return (1);
}

static void
notes(const struct import_note *v, size_t n)
{
	size_t	 i, k;

	for (i = 0; i < n; i++) {
		if ((v[i].weight == IMPORT_QUESTION) != (v[i].column != NULL) || v[i].text == NULL || v[i].text[0] == '\0')
			abort();
		for (k = 0; v[i].text[k] != '\0'; k++)
			if ((unsigned char)v[i].text[k] < 0x20 || v[i].text[k] == 0x7f)
				abort();
	}
}

static void
cell(const struct import_record *r, const struct import_cell *c, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(r->cells[i].column, c->column) == 0)
			abort();
	if (c->value == NULL) {
		if (strcmp(c->column, "period") != 0 && strncmp(c->column, "tls_", 4) != 0)
			abort();
		return;
	}
	if (strlen(c->value) != c->len || c->len == 0 || c->len > 1024 || strpbrk(c->value, "\r\n") != NULL)
		abort();
	if (strcmp(c->column, "name") == 0 && c->len > 127)
		abort();
}

static void
record(const struct import_record *r)
{
	static const char *const	 wanted[] = { "account", "domain", "auth_name", "tls", "name", "leave" };
	const struct import_cell	*period = import_get(r, "period"), *tls = import_get(r, "tls");
	const struct import_cell	*special = import_get(r, "special");
	size_t				 i;

	for (i = 0; i < nitems(wanted); i++)
		if (missing(r, wanted[i]))
			abort();
	if (period == NULL || (period->value != NULL && missing(r, "password")))
		abort();
	for (i = 0; i < r->ncells; i++)
		cell(r, &r->cells[i], i);
	if ((tls == NULL || strcmp(tls->value, "none") == 0) &&
	    (import_get(r, "tls_min") != NULL || import_get(r, "ca_file") != NULL || import_get(r, "tls_cert") != NULL))
		abort();
	if ((special == NULL || strcmp(special->value, "*") == 0) &&
	    (import_get(r, "special_nth") != NULL || import_get(r, "strip_prefix") != NULL))
		abort();
	if (special == NULL && missing(r, "special") && import_get(r, "domains") != NULL)
		abort();
	for (i = 0; i < r->nseen; i++)
		if (r->seen[i].len == 0 || memmem(whole, whole_len, r->seen[i].uid, r->seen[i].len) == NULL)
			abort();
	notes(r->notes, r->nnotes);
}

/* A copy without anything behind it. */
static char *
part(const char **p, const char *end, size_t *len)
{
	const char	*stop = memmem(*p, (size_t)(end - *p), DIVIDER, strlen(DIVIDER));
	char		*copy;

	*len = (size_t)((stop == NULL ? end : stop) - *p);
	if ((copy = malloc(*len == 0 ? 1 : *len)) == NULL)
		abort();
	memcpy(copy, *p, *len);
	*p = stop == NULL ? end : stop + strlen(DIVIDER);
	return (copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*p, *end;
	struct import	 imp;
	size_t		 len, i;
	char		*text;
	int		 error;

	p = whole = size == 0 ? "" : (const char *)data;
	whole_len = size;
	end = p + size;
	import_init(&imp);
	text = part(&p, end, &len);
	error = import_fetchmail.parse(&imp, text, len);
	free(text);
	if ((error == -1) != (imp.error != NULL) || (error == -1 && (imp.error_line == 0 || imp.error[0] == '\0')))
		abort();
	if (error == 0) {
		text = part(&p, end, &len);
		error = import_fetchmail.seen(&imp, ".fetchids", text, len);
		free(text);
		text = part(&p, end, &len);
		if (error == 0 && import_fetchmail.netrc(&imp, text, len) == -1)
			abort();
		free(text);
	}
	for (i = 0; error == 0 && i < imp.nrecords; i++)
		record(&imp.records[i]);
	if (error == 0)
		notes(imp.notes, imp.nnotes);
	import_free(&imp);
	return (0);
}
