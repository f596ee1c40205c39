/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "importrig.h"

static const char *const	 weights[] = { "note", "lost", "question" };

static void
tell_notes(FILE *f, const char *before, const struct import_note *notes, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		fprintf(f, "%s%s %u %s%s%s\n", before, weights[notes[i].weight], notes[i].line,
		    notes[i].column == NULL ? "" : notes[i].column, notes[i].column == NULL ? "" : ": ", notes[i].text);
}

char *
told(const struct import *imp)
{
	const struct import_record	*r;
	char				*text = NULL;
	size_t				 size, i, k;
	FILE				*f = open_memstream(&text, &size);

	if (f == NULL)
		abort();
	if (imp->error != NULL)
		fprintf(f, "error %u %s\n", imp->error_line, imp->error);
	for (k = 0; k < imp->nrecords && imp->error == NULL; k++) {
		r = &imp->records[k];
		fprintf(f, "record %u\n", r->line);
		for (i = 0; i < r->ncells; i++)
			fprintf(f, "%s=%s\n", r->cells[i].column, r->cells[i].value == NULL ? "NULL" : r->cells[i].value);
		tell_notes(f, "", r->notes, r->nnotes);
		for (i = 0; i < r->nseen; i++)
			fprintf(f, "seen %s\n", r->seen[i].uid);
	}
	if (imp->error == NULL)
		tell_notes(f, "file ", imp->notes, imp->nnotes);
	fclose(f);
	return (text);
}

static char *
tell(const struct import_format *format, const char *text, size_t len, const char *path, const char *seen)
{
	struct import	 imp;
	char		*result;
	int		 status;

	import_init(&imp);
	status = format->parse(&imp, text, len);
	if (status == 0 && seen != NULL)
		status = format->seen(&imp, path, seen, strlen(seen));
	assert_int_equal(status == -1, imp.error != NULL);
	result = told(&imp);
	import_free(&imp);
	return (result);
}

char *
told_file(const struct import_format *format, const char *text)
{
	return (tell(format, text, strlen(text), NULL, NULL));
}

char *
told_seen(const struct import_format *format, const char *text, const char *path, const char *seen)
{
	return (tell(format, text, strlen(text), path, seen));
}

/* Whether a line of the text begins with this. */
static int
has_line(const char *text, const char *line)
{
	size_t	 len = strlen(line);

	for (; *text != '\0'; text += strcspn(text, "\n") + 1)
		if (strncmp(text, line, len) == 0)
			return (1);
	return (0);
}

/* Each line is there, or is not if that is wanted. */
static void
compare(const char *text, char *result, const struct told_case *want)
{
	const char	*line;
	size_t		 i;
	int		 absent;

	for (i = 0; i < sizeof(want->lines) / sizeof(want->lines[0]) && (line = want->lines[i]) != NULL; i++) {
		absent = *line == '!';
		if (has_line(result, line + absent) == absent)
			fail_msg("%s\nwant %s\nin %s", text, line, result);
	}
	free(result);
}

void
told_cases(const struct import_format *format, const struct told_case *cases, size_t n, const char *before, const char *behind)
{
	char	 text[8192];
	size_t	 i;

	for (i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%s%s", before, cases[i].text, behind);
		compare(text, told_file(format, text), &cases[i]);
	}
}

void
told_seen_cases(const struct import_format *format, const char *text, const char *path, const struct told_case *cases, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		compare(cases[i].text, told_seen(format, text, path, cases[i].text), &cases[i]);
}

void
told_broken(const struct import_format *format, const char *text)
{
	size_t	 len = strlen(text), i, k;
	char	*copy, *result;
	char	 octets[] = { '\0', '\n', '"', '\'', '\\', '(', '{', ':', ' ', 'x', '\xff' };

	for (i = 0; i <= len; i++) {
		copy = malloc(i + 1);		/* no NUL behind it that could be relied upon */
		memcpy(copy, text, i);
		result = tell(format, copy, i, NULL, NULL);
		free(result);
		free(copy);
	}
	for (i = 0; i < len; i++)
		for (k = 0; k < sizeof(octets); k++) {
			copy = strdup(text);
			copy[i] = octets[k];
			result = tell(format, copy, len, NULL, NULL);
			free(result);
			free(copy);
		}
}
