/* SPDX-License-Identifier: ISC */
/* rpopctl import: what would be done, for people, and for programs.  A secret is "set", never shown. */
#include <stdio.h>
#include <string.h>

#include "intake.h"

#define LINE	2048

static void	 show_record(const struct out *, const struct intake *, size_t);
static void	 show_columns(const struct out *, const struct intake *, size_t);
static void	 show_notes(const struct out *, const struct import_note *, size_t, int);
static void	 show_leaving(const struct out *, const struct intake *);
static void	 show_end(const struct out *, const struct intake *);
static void	 json_record(FILE *, const struct intake *, size_t);
static void	 json_notes(FILE *, const struct import_note *, size_t);
static void	 json_text(FILE *, const char *);
static int	 secret(const char *);
static const char *label(const struct import_record *, char *, size_t);

void
intake_show(struct session *s, const struct intake *in)
{
	const struct out	*o = s->o;
	size_t			 i;

	for (i = 0; i < in->imp.nrecords; i++)
		show_record(o, in, i);
	show_notes(o, in->imp.notes, in->imp.nnotes, 0);
	show_leaving(o, in);
	if (!in->apply)
		show_end(o, in);
}

/* A record, its columns, and what is to be known about it. */
static void
show_record(const struct out *o, const struct intake *in, size_t i)
{
	const struct import_record	*r = &in->imp.records[i];
	char				 name[512];
	ssize_t				 row = in->plans[i].row;

	fprintf(o->fp, "%s%s\n", label(r, name, sizeof(name)), row == -1 ? "" : in->replace ? ", which is there, is changed" :
	    " is there already; --replace changes it");
	show_columns(o, in, i);
	if (r->nseen > 0)
		fprintf(o->fp, "    %zu unique-id%s seen: %s as delivered\n", r->nseen, r->nseen == 1 ? "" : "s",
		    r->nseen == 1 ? "it counts" : "they count");
	show_notes(o, r->notes, r->nnotes, 4);
}

/* Columns that are set; of a record that is there, what they are in place of. */
static void
show_columns(const struct out *o, const struct intake *in, size_t i)
{
	const struct import_record	*r = &in->imp.records[i];
	const char			*was;
	char				 value[LINE], before[LINE];
	size_t				 k;
	ssize_t				 row = in->replace ? in->plans[i].row : -1;

	for (k = 0; k < r->ncells; k++) {
		if (strcmp(r->cells[k].column, "account") == 0 || strcmp(r->cells[k].column, "name") == 0)
			continue;
		was = row == -1 ? NULL : rows_value(in->rows, (size_t)row, r->cells[k].column);
		if (r->cells[k].value == NULL && was == NULL)
			continue;
		text_vis(value, sizeof(value), secret(r->cells[k].column) ? "set" : r->cells[k].value == NULL ? "NULL" :
		    r->cells[k].value);
		if (row == -1 || secret(r->cells[k].column))
			fprintf(o->fp, "    %s=%s\n", r->cells[k].column, value);
		else if (was == NULL || r->cells[k].value == NULL || strcmp(was, r->cells[k].value) != 0)
			fprintf(o->fp, "    %s=%s, was %s\n", r->cells[k].column, value,
			    was == NULL ? "NULL" : text_vis(before, sizeof(before), was));
	}
	if (in->plans[i].ask)
		fprintf(o->fp, "    password is asked for with --apply\n");
}

static void
show_notes(const struct out *o, const struct import_note *notes, size_t n, int indent)
{
	static const char *const	 weights[] = { "note", "not carried over", "question" };
	char				 line[LINE], where[32];
	size_t				 k;
	int				 question;

	for (k = 0; k < n; k++) {
		/* The password is asked for, or there already, which was said. */
		if ((question = notes[k].weight == IMPORT_QUESTION) && strcmp(notes[k].column, "password") == 0)
			continue;
		*where = '\0';
		if (notes[k].line > 0)
			snprintf(where, sizeof(where), "line %u: ", notes[k].line);
		snprintf(line, sizeof(line), "%s: %s%s%s%s%s", weights[notes[k].weight], where, notes[k].text,
		    question ? "; answer " : "", question ? notes[k].column : "", question ? "=VALUE" : "");
		fprintf(o->fp, "%*s", indent, "");
		print_wrapped(o, line, indent + 4);
	}
}

static void
show_leaving(const struct out *o, const struct intake *in)
{
	char	 account[512], name[512];
	size_t	 i;

	for (i = 0; i < in->nleaving; i++)
		fprintf(o->fp, "%s/%s is removed\n", text_vis(account, sizeof(account), rows_value(in->rows, in->leaving[i],
		    "account")),
		    text_vis(name, sizeof(name), rows_value(in->rows, in->leaving[i], "name")));
}

/* What came of it without --apply. */
static void
show_end(const struct out *o, const struct intake *in)
{
	size_t	 blocked = intake_blocked(in);

	if (blocked > 0)
		print_wrapped(o, "Nothing is changed. Something above is open: add answers, column=VALUE for every record or "
		    "RECORD:column=VALUE for one, and --replace for records that are there already.", 0);
	else if (in->imp.nrecords + in->nleaving > 0)
		print_wrapped(o, "Nothing is changed; with --apply it is done.", 0);
}

/* One object.  ok 0: text says why nothing was done. */
void
intake_json(struct session *s, const struct intake *in, int ok, const char *text)
{
	FILE	*fp = s->o->fp;
	size_t	 i;

	fprintf(fp, "{\"ok\":%s,\"applied\":%s,\"text\":", ok ? "true" : "false", ok && in->apply ? "true" : "false");
	json_text(fp, text);
	fprintf(fp, ",\"open\":%zu,\"line\":", intake_blocked(in));
	if (in->imp.error != NULL && in->imp.error_line > 0)
		fprintf(fp, "%u", in->imp.error_line);
	else
		fputs("null", fp);
	fputs(",\"imported\":[", fp);
	for (i = 0; in->plans != NULL && i < in->imp.nrecords; i++) {
		fputs(i > 0 ? "," : "", fp);
		json_record(fp, in, i);
	}
	fputs("],\"notes\":", fp);
	json_notes(fp, in->imp.notes, in->imp.nnotes);
	fputs(",\"removed\":[", fp);
	for (i = 0; i < in->nleaving; i++) {
		fputs(i > 0 ? ",{\"account\":" : "{\"account\":", fp);
		json_text(fp, rows_value(in->rows, in->leaving[i], "account"));
		fputs(",\"name\":", fp);
		json_text(fp, rows_value(in->rows, in->leaving[i], "name"));
		putc('}', fp);
	}
	fputs("]}\n", fp);
}

static void
json_record(FILE *fp, const struct intake *in, size_t i)
{
	const struct import_record	*r = &in->imp.records[i];
	size_t				 k;

	fprintf(fp, "{\"line\":%u,\"exists\":%s,\"ask\":%s,\"seen\":%zu,\"columns\":{", r->line,
	    in->plans[i].row == -1 ? "false" : "true", in->plans[i].ask ? "true" : "false", r->nseen);
	for (k = 0; k < r->ncells; k++) {
		fprintf(fp, "%s\"%s\":", k > 0 ? "," : "", r->cells[k].column);
		if (r->cells[k].value == NULL)
			fputs("null", fp);
		else if (secret(r->cells[k].column))
			fputs("\"set\"", fp);
		else
			json_string(fp, r->cells[k].value, r->cells[k].len);
	}
	fputs("},\"notes\":", fp);
	json_notes(fp, r->notes, r->nnotes);
	putc('}', fp);
}

static void
json_notes(FILE *fp, const struct import_note *notes, size_t n)
{
	static const char *const	 weights[] = { "note", "lost", "question" };
	size_t				 i;

	putc('[', fp);
	for (i = 0; i < n; i++) {
		fprintf(fp, "%s{\"weight\":\"%s\",\"line\":%u,\"column\":", i > 0 ? "," : "", weights[notes[i].weight],
		    notes[i].line);
		json_text(fp, notes[i].column);
		fputs(",\"text\":", fp);
		json_text(fp, notes[i].text);
		putc('}', fp);
	}
	putc(']', fp);
}

/* A string, or null. */
static void
json_text(FILE *fp, const char *text)
{
	if (text == NULL)
		fputs("null", fp);
	else
		json_string(fp, text, strlen(text));
}

static int
secret(const char *column)
{
	return (strcmp(column, "password") == 0 || strcmp(column, "refresh_token") == 0);
}

/* account/name, or what is known of it. */
static const char *
label(const struct import_record *r, char *text, size_t size)
{
	const char	*account = intake_value(r, "account"), *name = intake_value(r, "name");
	char		 plain[512];

	snprintf(plain, sizeof(plain), "%.200s/%.200s", account == NULL ? "?" : account, name == NULL ? "?" : name);
	return (text_vis(text, size, plain));
}
