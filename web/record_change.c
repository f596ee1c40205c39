/* SPDX-License-Identifier: ISC */
/*
 * What a row of the form of records wants: a new record, another state of the one that it was, or its end.  Each row is a change of
 * its own, for the state of the record that its visitor has seen and for no other one.
 */
#include <stdlib.h>
#include <string.h>

#include "records.h"

#define PAIRS_MAX	16

struct row_change {			/* of one row, as it is put together */
	struct pair	 pairs[PAIRS_MAX];
	size_t		 n;
};

static int	 record_edited(const struct visit *, size_t, int);
static enum record_done record_new(struct records *, size_t, char *, size_t);
static enum record_done record_set(struct records *, size_t, size_t, char *, size_t);
static void	 record_differs(const struct records *, size_t, size_t, struct row_change *);
static void	 change_add(struct row_change *, const char *, const char *);
static void	 change_text(const struct records *, size_t, size_t, struct row_change *, const char *, int);
static int	 change_period(const char *, const char **);
static int	 change_send(struct records *, enum change_act, struct row_change *, const char *, char *, size_t);

/* What was typed into a field of a row; what did not come is "". */
const char *
record_typed(const struct visit *v, size_t n, const char *column)
{
	const char	*value = form_row(&v->req.form, n, column);

	return (value == NULL ? "" : value);
}

/* The row of the table that has the name, looked for from a place on; -1: none has. */
ssize_t
record_find(const struct records *p, const char *name, size_t from)
{
	size_t	 i, at, n = table_rows(p->rows);

	for (i = 0; i < n; i++) {
		at = (from + i) % n;
		if (strcmp(table_value(p->rows, at, "name"), name) == 0)
			return ((ssize_t)at);
	}
	return (-1);
}

/* 0: the row came back as it was shown, so that nobody wants anything of it. */
static int
record_edited(const struct visit *v, size_t n, int special)
{
	const char	*values[RECORD_FIELDS];
	char		 digest[RECORD_HASH_DIGITS + 1];

	values[RECORD_NAME] = record_typed(v, n, "name");
	values[RECORD_PERIOD] = record_typed(v, n, "period");
	values[RECORD_AUTH_NAME] = record_typed(v, n, "auth_name");
	values[RECORD_DOMAIN] = record_typed(v, n, "domain");
	values[RECORD_LEAVE] = *record_typed(v, n, "leave") != '\0' ? "1" : "";
	values[RECORD_APOP] = *record_typed(v, n, "apop") != '\0' ? "1" : "";
	values[RECORD_TLS] = record_typed(v, n, "tls");
	values[RECORD_FOLDER] = record_typed(v, n, special ? "special" : "mailbox");
	record_digest(values, digest);
	return (*record_typed(v, n, "password") != '\0' || strcmp(digest, record_typed(v, n, "shown")) != 0);
}

/* Does what the form's nth row wants.  *at: where the last one was in the table, and is then. */
enum record_done
record_take(struct records *p, size_t n, size_t *at, char *err, size_t errsize)
{
	const char	*name = record_typed(p->v, n, "row");
	ssize_t		 row;

	if (!record_edited(p->v, n, p->special))
		return (RECORD_SAME);
	if (*name == '\0')
		return (record_new(p, n, err, errsize));
	if ((row = record_find(p, name, *at)) == -1) {
		if (strcmp(record_typed(p->v, n, "period"), "never") == 0)
			return (RECORD_SAME);
		strlcpy(err, "This record is not there any more: somebody has removed it, or given it another name. Update makes it anew",
		    errsize);
		return (RECORD_REFUSED);
	}
	*at = row + 1;
	return (record_set(p, n, row, err, errsize));
}

/* The row for a new record; one in which nothing was typed wants nothing. */
static enum record_done
record_new(struct records *p, size_t n, char *err, size_t errsize)
{
	static const char *const	 texts[] = { "name", "auth_name", "domain", "password", "mailbox", "special" };
	struct row_change		 c = { .n = 0 };
	const char			*period;
	size_t				 i;

	for (i = 0; i < nitems(texts) && *record_typed(p->v, n, texts[i]) == '\0'; i++)
		continue;
	if (i == nitems(texts))
		return (RECORD_SAME);
	if (*record_typed(p->v, n, "name") == '\0')
		strlcpy(err, "The new record needs a name", errsize);
	else if (change_period(record_typed(p->v, n, "period"), &period) == -1 || (period != NULL && (*period == '\0' ||
	    strcmp(period, "never") == 0)))
		strlcpy(err, "Choose how often the new record is polled", errsize);
	else {
		change_add(&c, "account", p->account);
		change_add(&c, "name", record_typed(p->v, n, "name"));
		for (i = 1; i < nitems(texts); i++)
			if (*record_typed(p->v, n, texts[i]) != '\0')
				change_add(&c, texts[i], record_typed(p->v, n, texts[i]));
		change_add(&c, "period", period);
		change_add(&c, "leave", *record_typed(p->v, n, "leave") != '\0' ? "1" : "0");
		change_add(&c, "apop", *record_typed(p->v, n, "apop") != '\0' ? "1" : "0");
		change_add(&c, "tls", *record_typed(p->v, n, "tls") != '\0' ? record_typed(p->v, n, "tls") : "tls");
		if (change_send(p, CHANGE_ADD, &c, NULL, err, errsize) == 0)
			return (RECORD_ADDED);
	}
	return (RECORD_REFUSED);
}

/* The nth row of the form and its record, which is this row of the table. */
static enum record_done
record_set(struct records *p, size_t n, size_t row, char *err, size_t errsize)
{
	struct row_change	 c = { .n = 0 };
	const char		*was = record_typed(p->v, n, "was"), *period;

	if (strlen(was) != RECORD_HASH_DIGITS) {
		strlcpy(err, "The form does not say which state of this record it is about; load the page again", errsize);
		return (RECORD_REFUSED);
	}
	if (change_period(record_typed(p->v, n, "period"), &period) == -1) {
		strlcpy(err, "Choose how often the record is polled", errsize);
		return (RECORD_REFUSED);
	}
	change_add(&c, "account", p->account);
	change_add(&c, "name", table_value(p->rows, row, "name"));
	if (period != NULL && strcmp(period, "never") == 0)
		return (change_send(p, CHANGE_REMOVE, &c, was, err, errsize) == 0 ? RECORD_REMOVED : RECORD_REFUSED);
	record_differs(p, n, row, &c);
	if (c.n == 2)
		return (RECORD_SAME);
	return (change_send(p, CHANGE_SET, &c, was, err, errsize) == 0 ? RECORD_CHANGED : RECORD_REFUSED);
}

/* Adds the columns that are to be others than they are. */
static void
record_differs(const struct records *p, size_t n, size_t row, struct row_change *c)
{
	static const char *const	 ticks[] = { "leave", "apop" };
	const char			*typed = form_row(&p->v->req.form, n, "period"), *period, *is, *want;
	size_t				 i;

	is = table_value(p->rows, row, "period");
	/* A list of periods that has "" keeps a period that is not in it. */
	if (typed != NULL && *typed != '\0' && change_period(typed, &period) == 0 &&
	    (is == NULL || period == NULL ? is != period : strcmp(is, period) != 0))
		change_add(c, "period", period);
	change_text(p, n, row, c, "name", 0);
	change_text(p, n, row, c, "auth_name", 0);
	change_text(p, n, row, c, "domain", 0);
	change_text(p, n, row, c, "tls", 0);
	change_text(p, n, row, c, p->special ? "special" : "mailbox", 1);
	for (i = 0; i < nitems(ticks); i++) {
		want = *record_typed(p->v, n, ticks[i]) != '\0' ? "1" : "0";
		if ((is = table_value(p->rows, row, ticks[i])) != NULL && strcmp(is, want) == 0)
			continue;
		change_add(c, ticks[i], want);
		/* Days after which what was left is deleted mean nothing where nothing is left. */
		if (i == 0 && *want == '0' && table_value(p->rows, row, "leave_days") != NULL)
			change_add(c, "leave_days", NULL);
	}
	if (*record_typed(p->v, n, "password") != '\0')
		change_add(c, "password", record_typed(p->v, n, "password"));
}

static void
change_add(struct row_change *c, const char *column, const char *value)
{
	if (c->n < nitems(c->pairs))
		c->pairs[c->n++] = (struct pair){ column, value };
}

/* Adds a column of text if it is to be another one; a field that did not come stays.  null: nothing typed is the store's NULL. */
static void
change_text(const struct records *p, size_t n, size_t row, struct row_change *c, const char *column, int null)
{
	const char	*typed = form_row(&p->v->req.form, n, column), *is = table_value(p->rows, row, column);

	if (typed != NULL && strcmp(typed, is == NULL ? "" : is) != 0)
		change_add(c, column, null && *typed == '\0' ? NULL : typed);
}

/* A period as it was chosen: 0 with its value for the store, NULL for "disabled", or with "never" or ""; -1: it is none. */
static int
change_period(const char *typed, const char **period)
{
	const char	*wrong = NULL;

	*period = typed;
	if (strcmp(typed, "disabled") == 0)
		*period = NULL;
	else if (*typed != '\0' && strcmp(typed, "never") != 0) {
		/* A number the schema judges. */
		(void)strtonum(typed, 0, UINT32_MAX, &wrong);
		if (strspn(typed, "0123456789") != strlen(typed))
			wrong = "invalid";
	}
	return (wrong == NULL ? 0 : -1);
}

/* 0; or -1 and the daemon's sentence. */
static int
change_send(struct records *p, enum change_act act, struct row_change *c, const char *was, char *err, size_t errsize)
{
	if (table_change(p->v, act, "rpop", c->pairs, c->n, 2, was, 0) == 0)
		return (0);
	strlcpy(err, p->v->said, errsize);
	return (-1);
}
