/* SPDX-License-Identifier: ISC */
/*
 * The syntax of Python's RawConfigParser: "[section]", "name = value" or "name: value", lines that are indented deeper than the
 * first one of their value continue it, lines that begin with # or ; are comments, an empty line may stand in a value.  Nothing is
 * replaced in values, and no comment begins in the middle of a line.
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "ini.h"

#define SECTIONS_MAX	1000
#define OPTIONS_MAX	1000		/* of a section */
#define DEFAULT		"DEFAULT"	/* the section that may come again */

/* A line without its end. */
struct line {
	unsigned int	 number;
	const char	*text;		/* without white space at both ends */
	size_t		 len;
	size_t		 indent;
};

struct reader {
	struct import		*imp;
	struct ini		*ini;
	struct ini_section	*section;	/* that the lines belong to; NULL ahead of the first one */
	struct ini_option	*option;	/* that a deeper line continues */
	size_t			 indent;	/* of what began last */
};

static const char	*line_next(struct line *, const char *, const char *);
static int		 space(int);
static int		 line_read(struct reader *, const struct line *);
static int		 section_begin(struct reader *, const struct line *, size_t);
static int		 option_begin(struct reader *, const struct line *);
static void		 value_add(struct ini_option *, const char *, size_t);
static void		 value_trim(struct ini_option *);
static char		*text(const char *, size_t);

int
ini_read(struct import *imp, struct ini *ini, const char *octets, size_t len)
{
	struct reader		 rd = { .imp = imp, .ini = ini };
	struct line		 line = { .number = 0 };
	const char		*p = octets, *end = octets + len;
	struct ini_section	*s;
	size_t			 i, k;

	while (p < end) {
		p = line_next(&line, p, end);
		if (line_read(&rd, &line) == -1)
			return (-1);
	}
	for (k = 0; k < ini->nsections; k++)
		for (s = &ini->sections[k], i = 0; i < s->noptions; i++)
			value_trim(&s->options[i]);
	return (0);
}

void
ini_free(struct ini *ini)
{
	struct ini_section	*s;
	size_t			 i, k;

	for (k = 0; k < ini->nsections; k++) {
		s = &ini->sections[k];
		for (i = 0; i < s->noptions; i++) {
			free(s->options[i].name);
			freezero(s->options[i].value, s->options[i].size);
		}
		free(s->options);
		free(s->name);
	}
	free(ini->sections);
	memset(ini, 0, sizeof(*ini));
}

const struct ini_section *
ini_section(const struct ini *ini, const char *name)
{
	size_t	 i;

	for (i = 0; i < ini->nsections; i++)
		if (strcmp(ini->sections[i].name, name) == 0)
			return (&ini->sections[i]);
	return (NULL);
}

const struct ini_option *
ini_option(const struct ini_section *s, const char *name)
{
	size_t	 i;

	for (i = 0; s != NULL && i < s->noptions; i++)
		if (strcmp(s->options[i].name, name) == 0)
			return (&s->options[i]);
	return (NULL);
}

/* The line at p, which ends with LF, CR or both; returns where the next one begins. */
static const char *
line_next(struct line *line, const char *p, const char *end)
{
	const char	*eol = p, *from = p;

	line->number++;
	while (eol < end && *eol != '\n' && *eol != '\r')
		eol++;
	while (from < eol && space(*from))
		from++;
	line->indent = (size_t)(from - p);
	line->text = from;
	p = eol;
	while (eol > from && space(eol[-1]))
		eol--;
	line->len = (size_t)(eol - from);
	if (p < end && *p == '\r' && p + 1 < end && p[1] == '\n')
		p++;
	return (p < end ? p + 1 : end);
}

/* What Python takes for white space, of the octets below 128. */
static int
space(int c)
{
	return (c == ' ' || (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x1f));
}

static int
line_read(struct reader *rd, const struct line *line)
{
	size_t	 close;

	if (line->len == 0) {
		if (rd->option != NULL)
			value_add(rd->option, "\n", 1);
		return (0);
	}
	if (line->text[0] == '#' || line->text[0] == ';')
		return (0);
	if (rd->option != NULL && line->indent > rd->indent) {
		value_add(rd->option, "\n", 1);
		value_add(rd->option, line->text, line->len);
		return (0);
	}
	rd->indent = line->indent;
	for (close = line->len; close > 0 && line->text[close - 1] != ']'; close--)
		continue;
	if (line->text[0] == '[' && close > 2)
		return (section_begin(rd, line, close - 2));
	if (rd->section == NULL)
		return (import_fail(rd->imp, line->number, "a section such as [retriever] comes first"));
	return (option_begin(rd, line));
}

static int
section_begin(struct reader *rd, const struct line *line, size_t len)
{
	struct ini		*ini = rd->ini;
	struct ini_section	*s;
	char			*name = text(line->text + 1, len);
	size_t			 i;

	rd->option = NULL;
	for (i = 0; i < ini->nsections && strcmp(ini->sections[i].name, name) != 0; i++)
		continue;
	if (i < ini->nsections) {
		rd->section = &ini->sections[i];
		if (strcmp(name, DEFAULT) != 0)
			import_fail(rd->imp, line->number, "there are two sections [%s], the other one in line %u", name, ini->sections[i].line);
		free(name);
		return (rd->imp->error == NULL ? 0 : -1);
	}
	if (ini->nsections == SECTIONS_MAX) {
		free(name);
		return (import_fail(rd->imp, line->number, "these are more than %d sections", SECTIONS_MAX));
	}
	if ((ini->sections = array_grow(ini->sections, ini->nsections, sizeof(*s))) == NULL)
		err(1, NULL);
	s = &ini->sections[ini->nsections++];
	memset(s, 0, sizeof(*s));
	s->line = line->number;
	s->name = name;
	rd->section = s;
	return (0);
}

static int
option_begin(struct reader *rd, const struct line *line)
{
	struct ini_section	*s = rd->section;
	struct ini_option	*o;
	char			*name, *p;
	size_t			 at, len, i;

	for (at = 0; at < line->len && line->text[at] != '=' && line->text[at] != ':'; at++)
		continue;
	for (len = at; len > 0 && space(line->text[len - 1]); len--)
		continue;
	if (at == line->len || len == 0)
		return (import_fail(rd->imp, line->number, "this is neither a section in brackets nor an option and its value with = or : "
		    "between them"));
	name = text(line->text, len);
	for (p = name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	for (i = 0; i < s->noptions && strcmp(s->options[i].name, name) != 0; i++)
		continue;
	if (i < s->noptions || s->noptions == OPTIONS_MAX) {
		if (i < s->noptions)
			import_fail(rd->imp, line->number, "%s stands twice in section [%s], the other time in line %u", name, s->name,
			    s->options[i].line);
		else
			import_fail(rd->imp, line->number, "these are more than %d options in section [%s]", OPTIONS_MAX, s->name);
		free(name);
		return (-1);
	}
	if ((s->options = array_grow(s->options, s->noptions, sizeof(*o))) == NULL)
		err(1, NULL);
	o = rd->option = &s->options[s->noptions++];
	memset(o, 0, sizeof(*o));
	o->line = line->number;
	o->name = name;
	for (at++; at < line->len && space(line->text[at]); at++)
		continue;
	value_add(o, line->text + at, line->len - at);
	return (0);
}

/* What a value has outgrown is wiped. */
static void
value_add(struct ini_option *o, const char *octets, size_t len)
{
	char	*bigger;
	size_t	 size;

	if (o->len + len >= o->size) {
		size = (o->len + len + 32) * 2;
		if ((bigger = calloc(1, size)) == NULL)
			err(1, NULL);
		if (o->value != NULL)
			memcpy(bigger, o->value, o->len);
		freezero(o->value, o->size);
		o->value = bigger;
		o->size = size;
	}
	memcpy(o->value + o->len, octets, len);
	o->len += len;
	o->value[o->len] = '\0';
}

static void
value_trim(struct ini_option *o)
{
	while (o->len > 0 && space(o->value[o->len - 1]))
		o->value[--o->len] = '\0';
}

static char *
text(const char *octets, size_t len)
{
	char	*p;

	if ((p = strndup(octets, len)) == NULL)
		err(1, NULL);
	return (p);
}
