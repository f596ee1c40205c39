/* SPDX-License-Identifier: ISC */
/* links: rpopctl/import */
/* libs: -lsqlite3 */
/*
 * Configuration files and files of seen unique-ids of mpop, getmail, fdm and fetchmail: an error has a sentence, and a record that
 * nothing has to be asked about is one that the store takes.  Input: format (1 octet), a configuration file, and behind an octet 1 a
 * file of seen unique-ids.
 */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "rpopctl/import/import.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const struct import_format *const	 formats[] = { &import_mpop, &import_getmail, &import_fdm,
    &import_fetchmail };
static sqlite3					*db;

static void
run(const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
}

static void
store(void)
{
	static char	 schema[262144];
	FILE		*f = fopen("etc/rpopd.sql", "r");

	if (f == NULL || fread(schema, 1, sizeof(schema) - 1, f) == 0 || sqlite3_open(":memory:", &db) != SQLITE_OK)
		abort();
	fclose(f);
	run(schema);
	run("INSERT INTO domain (name) VALUES ('example.org'); INSERT INTO account (name, domain) VALUES ('postmaster', 'example.org');"
	    "UPDATE settings SET main_domain = 'example.org'");
}

static int
asked(const struct import_record *r)
{
	size_t	 i;

	for (i = 0; i < r->nnotes; i++)
		if (r->notes[i].weight == IMPORT_QUESTION)
			return (1);
	return (0);
}

/* Domains are an administrator's to insert ahead of the record. */
static void
insert_domains(const struct import_record *r)
{
	const struct import_cell	*c = import_get(r, "domains");
	const char			*p;
	char				*sql;
	size_t				 len;

	for (p = c == NULL || c->value == NULL ? "" : c->value; *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		sql = sqlite3_mprintf("INSERT OR IGNORE INTO domain (name) VALUES ('%.*q')", (int)len, p);
		run(sql);
		sqlite3_free(sql);
	}
}

static void
insert(const struct import_record *r)
{
	char		 sql[2048] = "INSERT INTO rpop (", values[256] = "";
	sqlite3_stmt	*stmt;
	size_t		 i;

	for (i = 0; i < r->ncells; i++) {
		strlcat(sql, r->cells[i].column, sizeof(sql));
		strlcat(sql, i + 1 < r->ncells ? ", " : ") VALUES (", sizeof(sql));
		strlcat(values, i + 1 < r->ncells ? "?, " : "?)", sizeof(values));
	}
	strlcat(sql, values, sizeof(sql));
	insert_domains(r);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		abort();
	for (i = 0; i < r->ncells; i++)
		if (strcmp(r->cells[i].column, "account") == 0)
			sqlite3_bind_text(stmt, (int)i + 1, "postmaster@example.org", -1, SQLITE_STATIC);
		else if (r->cells[i].value != NULL)
			sqlite3_bind_text(stmt, (int)i + 1, r->cells[i].value, (int)r->cells[i].len, SQLITE_STATIC);
	if (sqlite3_step(stmt) != SQLITE_DONE) {
		fprintf(stderr, "%s\n", sqlite3_errmsg(db));
		for (i = 0; i < r->ncells; i++)
			fprintf(stderr, "%s=%s\n", r->cells[i].column, r->cells[i].value);
		abort();
	}
	sqlite3_finalize(stmt);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct import_format	*format;
	struct import			 imp;
	const char			*text, *seen;
	size_t				 i, n;
	int				 status;

	if (db == NULL)
		store();
	if (len == 0)
		return (0);
	format = formats[data[0] % nitems(formats)];
	text = (const char *)data + 1;
	seen = memchr(text, 1, len - 1);
	n = seen == NULL ? len - 1 : (size_t)(seen - text);
	import_init(&imp);
	status = format->parse(&imp, text, n);
	if (status == 0 && seen != NULL)
		status = format->seen(&imp, "seen", seen + 1, len - 2 - n);
	if ((status == -1) != (imp.error != NULL) || (imp.error != NULL && *imp.error == '\0'))
		abort();
	run("BEGIN");
	for (i = 0; i < imp.nrecords && status == 0; i++)
		if (!asked(&imp.records[i]))
			insert(&imp.records[i]);
	run("ROLLBACK");
	import_free(&imp);
	return (0);
}
