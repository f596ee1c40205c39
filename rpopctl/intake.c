/* SPDX-License-Identifier: ISC */
/* rpopctl import: from the files to records, or to what would become of them. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake.h"

#define OPEN	2		/* exit status: something is to be answered first */

static int	 intake_parse(struct intake *, char *, size_t);
static int	 intake_look(struct session *, struct intake *, char *, size_t);
static int	 intake_end(struct session *, const struct intake *, int, const char *);

static struct intake	*intake;	/* of this run of the program */

/* Ahead of the sandbox: understands the words behind "import", and reads the files.  0, or -1 and a sentence. */
int
intake_ready(int argc, char *argv[], char *error, size_t size)
{
	return ((intake = intake_command(argc, argv, error, size)) == NULL ? -1 : 0);
}

/* Behind it: everything else.  Returns the exit status. */
int
intake_run(struct session *s)
{
	struct intake	*in = intake;
	char		 text[PROTO_TEXT_SIZE * 4] = "";
	int		 status;

	if (intake_parse(in, text, sizeof(text)) == -1 || intake_look(s, in, text, sizeof(text)) == -1)
		status = intake_end(s, in, 1, text);
	else {
		if (!s->json)
			intake_show(s, in);
		fflush(s->o->fp);
		if (intake_blocked(in) > 0)
			status = intake_end(s, in, OPEN, in->apply ? "something is open; nothing is changed" : "");
		else if (in->apply)
			status = intake_end(s, in, intake_apply(s, in, text, sizeof(text)) == -1, text);
		else
			status = intake_end(s, in, 0, "");
	}
	intake_free(in);
	intake = NULL;
	return (status);
}

/* 0, or -1 and a sentence that names the file, and the line if it is in one. */
static int
intake_parse(struct intake *in, char *text, size_t size)
{
	const char	*path = in->file.path;
	char		 shown[256], line[32] = "";
	size_t		 i;
	int		 rv;

	rv = in->format->parse(&in->imp, in->file.octets, in->file.len);
	for (i = 0; rv == 0 && i < in->nseen; i++) {
		path = in->seen[i].path;
		rv = in->format->seen(&in->imp, path, in->seen[i].octets, in->seen[i].len);
	}
	if (rv == 0 && in->netrc.path != NULL) {
		path = in->netrc.path;
		rv = in->format->netrc(&in->imp, in->netrc.octets, in->netrc.len);
	}
	if (rv == 0)
		return (0);
	if (in->imp.error_line > 0)
		snprintf(line, sizeof(line), "line %u: ", in->imp.error_line);
	snprintf(text, size, "%s: %s%s", text_vis(shown, sizeof(shown), path), line, in->imp.error);
	return (-1);
}

/* Answers, and how things are in the daemon.  0, or -1 and a sentence, or none: it was said. */
static int
intake_look(struct session *s, struct intake *in, char *text, size_t size)
{
	struct rows	*settings;
	int		 rv;

	if (rows_get(s, "settings", NULL, &settings) == -1)
		return (-1);
	rv = intake_answers(in, rows_number(settings) > 0 ? rows_value(settings, 0, "main_domain") : NULL, text, size);
	rows_free(settings);
	if (rv == -1 || rows_get(s, "rpop", NULL, &in->rows) == -1)
		return (-1);
	intake_judge(in);
	return (0);
}

/* Says what came of it; returns the exit status. */
static int
intake_end(struct session *s, const struct intake *in, int status, const char *text)
{
	if (s->json)
		intake_json(s, in, status == 0, text);
	else if (status == 0 && *text != '\0')
		print_wrapped(s->o, text, 0);
	else if (*text != '\0')
		warnx("import: %s", text);
	if (fflush(s->o->fp) == EOF || ferror(s->o->fp)) {
		warn("standard output");
		return (1);
	}
	return (status);
}
