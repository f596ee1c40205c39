/* SPDX-License-Identifier: ISC */
/* rpopctl export: records as another program has them.  What that cannot say is told on standard error, or in the JSON object. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/cells.h"
#include "import/communigate.h"
#include "rpopctl.h"

struct export_words {			/* of the command line */
	const char	*account;		/* NULL: all of them */
	int		 passwords;
};

static int	 export_words(int, char *[], struct export_words *);
static int	 export_records(struct session *, const struct export_words *, struct import *);
static int	 export_password(struct session *, struct import_record *, const char *, const char *);
static void	 export_passwords_take(void *, const uint8_t *, size_t);
static void	 export_tell(const struct import *);
static void	 export_json(FILE *, const struct import *, const char *, size_t);

int
export_run(struct session *s)
{
	struct export_words	 words;
	struct import		 imp;
	char			*text = NULL;
	size_t			 size = 0;
	int			 status = 1;
	FILE			*fp;

	if (s->argc == 2 && strcmp(s->argv[1], "sql") == 0)
		return (export_sql(s));
	if (s->argc == 2 && strcmp(s->argv[1], "json") == 0)
		return (export_object(s));
	if (export_words(s->argc, s->argv, &words) == -1)
		return (1);
	import_init(&imp);
	if (export_records(s, &words, &imp) == 0) {
		if ((fp = open_memstream(&text, &size)) == NULL)
			err(1, NULL);
		communigate_write(fp, &imp, words.account != NULL);
		fclose(fp);
		if (s->json)
			export_json(s->o->fp, &imp, text, size);
		else {
			fwrite(text, 1, size, s->o->fp);
			fflush(s->o->fp);
			export_tell(&imp);
		}
		status = fflush(s->o->fp) == EOF || ferror(s->o->fp);
		freezero(text, size);
	}
	import_free(&imp);
	return (status);
}

/* communigate, an account perhaps, and --passwords.  0, or -1: why not was said. */
static int
export_words(int argc, char *argv[], struct export_words *words)
{
	char	 shown[64];
	int	 i, known = 0;

	memset(words, 0, sizeof(*words));
	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], "--passwords") == 0)
			words->passwords = 1;
		else if (argv[i][0] == '-') {
			warnx("export: no option %s; there is --passwords", text_vis(shown, sizeof(shown), argv[i]));
			return (-1);
		} else if (!known && strcmp(argv[i], "communigate") == 0)
			known = 1;
		else if (!known) {
			warnx("export: no format %s; there are communigate, and sql and json without further words", text_vis(shown, sizeof(shown), argv[i]));
			return (-1);
		} else if (words->account == NULL)
			words->account = argv[i];
		else {
			warnx("export: too many arguments");
			return (-1);
		}
	if (!known)
		warnx("export: FORMAT missing; there are communigate, sql and json");
	return (known ? 0 : -1);
}

/* Every record that is in force, or those of one account.  0, or -1: why not was said. */
static int
export_records(struct session *s, const struct export_words *words, struct import *imp)
{
	const char *const	 of[][2] = { { "account", words->account }, { NULL, NULL } };
	struct import_record	*r;
	struct rows		*rows;
	size_t			 i, k;
	int			 rv = 0;

	if (rows_get(s, "rpop", words->account == NULL ? NULL : of, &rows) == -1)
		return (-1);
	if (rows_number(rows) == 0 && words->account != NULL) {
		warnx("%s: no such account, or it has no records", words->account);
		rv = -1;
	}
	for (i = 0; i < rows_number(rows) && rv == 0; i++) {
		r = import_record_add(imp, 0);
		for (k = 0; communigate_columns[k] != NULL; k++)
			if (rows_value(rows, i, communigate_columns[k]) != NULL)
				import_set_text(r, communigate_columns[k], rows_value(rows, i, communigate_columns[k]));
		if (rows_secret(rows, i, "password") && words->passwords)
			rv = export_password(s, r, rows_value(rows, i, "account"), rows_value(rows, i, "name"));
		else if (rows_secret(rows, i, "password"))
			import_note(imp, r, IMPORT_LOST, 0, NULL, "password: is not written without --passwords");
		else
			import_note(imp, r, IMPORT_LOST, 0, NULL,
			    "password: the record has none, and CommuniGate logs in with one only");
	}
	rows_free(rows);
	return (rv);
}

/* 0, or -1: why not was said. */
static int
export_password(struct session *s, struct import_record *r, const char *account, const char *name)
{
	struct request	 req = { .type = IMSG_CTL_SECRET, .listing = 1, .row = export_passwords_take, .row_arg = r };
	struct reply	 rep;
	int		 ok;

	req.len = sizeof(req.u.name);
	snprintf(req.u.name.name, sizeof(req.u.name.name), "%s/%s", account, name);
	if (session_ask(s, &req, &rep) == -1)
		return (-1);
	if (!(ok = rep.ok))
		(void)session_answer(s, &req, &rep);
	reply_free(&rep);
	return (ok ? 0 : -1);
}

/* The one cell of the answer. */
static void
export_passwords_take(void *arg, const uint8_t *octets, size_t len)
{
	struct cell	 c;

	if (cell_next(&octets, &len, &c) == 1)
		import_set(arg, "password", (const char *)c.value, c.len);
}

/* What is not in the text, for people. */
static void
export_tell(const struct import *imp)
{
	const struct import_record	*r;
	size_t				 i;

	for (r = imp->records; r < imp->records + imp->nrecords; r++)
		for (i = 0; i < r->nnotes; i++)
			warnx("%s/%s: %s", import_get(r, "account")->value, import_get(r, "name")->value, r->notes[i].text);
}

/* One object: the text, and what is not in it. */
static void
export_json(FILE *fp, const struct import *imp, const char *text, size_t size)
{
	const struct import_cell	*c;
	const char			*between = "";
	size_t				 i, k;

	fputs("{\"ok\":true,\"dictionary\":", fp);
	json_string(fp, text, size);
	fputs(",\"lost\":[", fp);
	for (i = 0; i < imp->nrecords; i++)
		for (k = 0; k < imp->records[i].nnotes; k++) {
			c = import_get(&imp->records[i], "account");
			fprintf(fp, "%s{\"account\":", between);
			json_string(fp, c->value, c->len);
			c = import_get(&imp->records[i], "name");
			fputs(",\"name\":", fp);
			json_string(fp, c->value, c->len);
			fputs(",\"text\":", fp);
			json_string(fp, imp->records[i].notes[k].text, strlen(imp->records[i].notes[k].text));
			putc('}', fp);
			between = ",";
		}
	fputs("]}\n", fp);
}
