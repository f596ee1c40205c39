/* SPDX-License-Identifier: ISC */
/* rpopctl import: the administrator's answers, which records are there already, and what is open. */
#include <ctype.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "intake.h"

static int	 answer_record(struct import_record *, const struct intake_answer *);
static void	 owner_complete(struct import_record *, const char *);
static int	 named(const struct import_record *, const char *);
static ssize_t	 row_find(const struct rows *, const struct import_record *);
static int	 row_leaves(const struct intake *, size_t);
static int	 password_stays(const struct intake *, const struct import_record *, size_t);
static void	 questions_count(struct intake *, size_t);

int
intake_answers(struct intake *in, const char *main_domain, char *error, size_t size)
{
	char	 shown[256];
	size_t	 i, k;

	if ((in->plans = calloc(in->imp.nrecords + 1, sizeof(*in->plans))) == NULL)
		err(1, NULL);
	for (k = 0; k < in->nanswers; k++) {
		for (i = 0; i < in->imp.nrecords; i++)
			if (answer_record(&in->imp.records[i], &in->answers[k]))
				in->answers[k].used = 1;
		if (!in->answers[k].used && in->answers[k].record != NULL) {
			snprintf(error, size, "import: %.200s is no record of this file; without --apply it shows them",
			    text_vis(shown, sizeof(shown), in->answers[k].record));
			return (-1);
		}
	}
	for (i = 0; i < in->imp.nrecords; i++)
		owner_complete(&in->imp.records[i], main_domain);
	return (0);
}

/* 1: the record takes the answer. */
static int
answer_record(struct import_record *r, const struct intake_answer *a)
{
	if (a->record != NULL && !named(r, a->record))
		return (0);
	import_set_text(r, a->column, a->value);
	import_answer(r, a->column);
	/* Whoever says where a token comes from has said that there is no password. */
	if (strcmp(a->column, "token_command") == 0 || strcmp(a->column, "oauth_client") == 0)
		import_answer(r, "password");
	return (1);
}

/* 1: the record has this name, or is this account/name. */
static int
named(const struct import_record *r, const char *name)
{
	const char	*account = intake_value(r, "account"), *own = intake_value(r, "name");
	size_t		 len = account == NULL ? 0 : strlen(account);

	if (own == NULL)
		return (0);
	return (strcmp(own, name) == 0 ||
	    (len > 0 && strncmp(name, account, len) == 0 && name[len] == '/' && strcmp(own, name + len + 1) == 0));
}

/* An owner in lower case, as accounts are, and with a domain; without main_domain it stays without one. */
static void
owner_complete(struct import_record *r, const char *main_domain)
{
	const char	*account = intake_value(r, "account");
	char		 address[PROTO_ADDR_SIZE], *p;

	if (account == NULL || strlcpy(address, account, sizeof(address)) >= sizeof(address))
		return;
	if (strchr(address, '@') == NULL && main_domain != NULL) {
		strlcat(address, "@", sizeof(address));
		if (strlcat(address, main_domain, sizeof(address)) >= sizeof(address))
			return;
	}
	for (p = address; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	import_set_text(r, "account", address);
}

/* Finds the records that are there already, those that leave, and what is open. */
void
intake_judge(struct intake *in)
{
	size_t	 i, *p;

	for (i = 0; i < in->imp.nrecords; i++) {
		in->plans[i].row = row_find(in->rows, &in->imp.records[i]);
		questions_count(in, i);
	}
	for (i = 0; in->replace_all && i < rows_number(in->rows); i++) {
		if (!row_leaves(in, i))
			continue;
		if ((p = array_grow(in->leaving, in->nleaving, sizeof(*p))) == NULL)
			err(1, NULL);
		in->leaving = p;
		in->leaving[in->nleaving++] = i;
	}
}

static ssize_t
row_find(const struct rows *rows, const struct import_record *r)
{
	const char	*account = intake_value(r, "account"), *name = intake_value(r, "name");
	size_t		 i;

	for (i = 0; account != NULL && name != NULL && i < rows_number(rows); i++)
		if (strcmp(rows_value(rows, i, "account"), account) == 0 && strcmp(rows_value(rows, i, "name"), name) == 0)
			return ((ssize_t)i);
	return (-1);
}

/* 1: the row is of an account that the file has records of, and none of them. */
static int
row_leaves(const struct intake *in, size_t row)
{
	const char	*account;
	size_t		 i;
	int		 of_account = 0;

	for (i = 0; i < in->imp.nrecords; i++) {
		if (in->plans[i].row == (ssize_t)row)
			return (0);
		account = intake_value(&in->imp.records[i], "account");
		of_account |= account != NULL && strcmp(rows_value(in->rows, row, "account"), account) == 0;
	}
	return (of_account);
}

/* 1: the record that is there has a password, and it is for the same server and login as before. */
static int
password_stays(const struct intake *in, const struct import_record *r, size_t row)
{
	static const char *const	 columns[] = { "domain", "auth_name", "tls" };
	const char			*was, *is;
	size_t				 i;

	for (i = 0; i < nitems(columns); i++) {
		was = rows_value(in->rows, row, columns[i]);
		is = intake_value(r, columns[i]);
		if (is != NULL && (was == NULL || strcmp(was, is) != 0))
			return (0);
	}
	return (rows_secret(in->rows, row, "password"));
}

/* A password that is missing is asked for with --apply, unless the record has one already. */
static void
questions_count(struct intake *in, size_t i)
{
	const struct import_record	*r = &in->imp.records[i];
	struct intake_plan		*p = &in->plans[i];
	const char			*account = intake_value(r, "account");
	size_t				 k;

	for (k = 0; k < r->nnotes; k++)
		if (r->notes[k].weight != IMPORT_QUESTION)
			continue;
		else if (strcmp(r->notes[k].column, "password") == 0)
			p->ask = 1;
		else
			p->open++;
	if (p->row != -1 && in->replace && password_stays(in, r, (size_t)p->row))
		p->ask = 0;
	if (account == NULL || strchr(account, '@') == NULL)
		p->open += p->open == 0;
}

size_t
intake_blocked(const struct intake *in)
{
	size_t	 i, n = 0;

	for (i = 0; i < in->imp.nrecords; i++)
		n += in->plans[i].open > 0 || (in->plans[i].row != -1 && !in->replace);
	return (n);
}

const char *
intake_value(const struct import_record *r, const char *column)
{
	const struct import_cell	*c = import_get(r, column);

	return (c == NULL ? NULL : c->value);
}
