/* SPDX-License-Identifier: ISC */
/*
 * CommuniGate's RPOP records: the dictionary of one account, as GetAccountRPOPs gives it and as it stands under RPOP in its
 * settings; or a dictionary of such ones, by address, for several accounts.
 *
 *	key		column		absent
 *	domain		domain		a question
 *	authName	auth_name	a question
 *	password	password	a question
 *	period		period		600; 1000000000s and Disabled are NULL
 *	mailbox		mailbox		NULL; INBOX likewise
 *	special		special		NULL
 *	leave		leave		0
 *	APOP		apop		0
 *	TLS		tls		none; YES is tls
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "dictionary.h"
#include "import_int.h"

#define NAME_MAX_OCTETS	127		/* of column name */
#define PERIOD_MIN	10		/* s, of column period */
#define PERIOD_MAX	31536000
#define PERIOD_DEFAULT	600
#define PERIOD_DISABLED	1000000000	/* what CommuniGate's pages store for it */

/* One key of a record. */
struct key {
	const char	*key;
	const char	*column;
	void		(*set)(struct import *, struct import_record *, const struct key *, const struct dictionary *);
};

static int	 communigate_parse(struct import *, const char *, size_t);
static int	 accounts_make(struct import *, const struct dictionary *);
static int	 records_make(struct import *, const struct dictionary *, const char *);
static int	 record_make(struct import *, const struct dictionary_entry *, const char *);
static int	 name_ok(const struct dictionary_entry *);
static void	 record_settle(struct import *, struct import_record *, unsigned int);
static int	 of_tables(const struct dictionary *);
static int	 of_accounts(const struct dictionary *);
static void	 set_text(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static void	 set_domain(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static void	 set_period(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static void	 set_mailbox(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static void	 set_flag(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static void	 set_tls(struct import *, struct import_record *, const struct key *, const struct dictionary *);
static int64_t	 seconds(const char *);

/* tls comes ahead of domain, which has a port without it. */
static const struct key	 keys[] = {
	{ "TLS",	"tls",		set_tls },
	{ "domain",	"domain",	set_domain },
	{ "authName",	"auth_name",	set_text },
	{ "password",	"password",	set_text },
	{ "period",	"period",	set_period },
	{ "mailbox",	"mailbox",	set_mailbox },
	{ "special",	"special",	set_text },
	{ "leave",	"leave",	set_flag },
	{ "APOP",	"apop",		set_flag },
};

const struct import_format	 import_communigate = { "communigate", communigate_parse, NULL, NULL };

/* Which of the forms a text has. */
static int
communigate_parse(struct import *imp, const char *text, size_t len)
{
	const struct dictionary	*rpop;
	struct dictionary	 d;
	int			 rv = -1;

	if (dictionary_parse(imp, text, len, &d) == 0) {
		rpop = dictionary_get(&d, "RPOP");
		if (rpop != NULL && !of_tables(&d)) {
			import_note(imp, NULL, IMPORT_NOTE, 0, NULL,
			    "of these settings of an account only the %s under RPOP counts here; "
			    "the others, its own password among them, are not read", rpop->n == 1 ? "record" : "records");
			rv = records_make(imp, rpop, NULL);
		} else if (of_accounts(&d))
			rv = accounts_make(imp, &d);
		else
			rv = records_make(imp, &d, NULL);
	}
	if (rv == 0 && imp->nrecords == 0)
		import_note(imp, NULL, IMPORT_NOTE, 0, NULL, "there is no record in it");
	dictionary_free(&d);
	return (rv);
}

/* 1: every value is a table. */
static int
of_tables(const struct dictionary *d)
{
	size_t	 i;

	for (i = 0; i < d->n && d->entries[i].value.kind == DICTIONARY_TABLE; i++)
		continue;
	return (i == d->n);
}

/* 1: every key is an address, and every value a table of tables. */
static int
of_accounts(const struct dictionary *d)
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (d->entries[i].value.kind != DICTIONARY_TABLE || strchr(d->entries[i].key, '@') == NULL ||
		    !of_tables(&d->entries[i].value))
			return (0);
	return (1);
}

static int
accounts_make(struct import *imp, const struct dictionary *d)
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (records_make(imp, &d->entries[i].value, d->entries[i].key) == -1)
			return (-1);
	return (0);
}

/* The records of one account; account NULL: the text does not say whose they are.  0, or -1 with an error. */
static int
records_make(struct import *imp, const struct dictionary *d, const char *account)
{
	size_t	 i;

	if (d->kind != DICTIONARY_TABLE)
		return (import_fail(imp, d->line, "the records of an account are a dictionary, and this is something else"));
	for (i = 0; i < d->n; i++)
		if (record_make(imp, &d->entries[i], account) == -1)
			return (-1);
	return (0);
}

static int
record_make(struct import *imp, const struct dictionary_entry *e, const char *account)
{
	const struct dictionary_entry	*other;
	const struct dictionary		*value;
	struct import_record		*r;
	size_t				 i, k;

	if (e->value.kind != DICTIONARY_TABLE)
		return (import_fail(imp, e->line, "record %s is no dictionary", e->key));
	if ((r = field_record(imp, e->line)) == NULL)
		return (-1);
	if (account != NULL && !field_owner(r, account))
		import_note(imp, r, IMPORT_QUESTION, e->line, "account", "%s is no address that an account can have", account);
	else if (account == NULL)
		import_note(imp, r, IMPORT_QUESTION, e->line, "account", "the dictionary does not say whose record %s is", e->key);
	if (name_ok(e))
		import_set(r, "name", e->key, e->keylen);
	else
		field_name(imp, r, e->key);
	for (k = 0; k < nitems(keys); k++) {
		if ((value = dictionary_get(&e->value, keys[k].key)) != NULL && value->kind != DICTIONARY_STRING)
			return (import_fail(imp, value->line, "%s of record %s is no string", keys[k].key, e->key));
		keys[k].set(imp, r, &keys[k], value != NULL && value->len > 0 ? value : NULL);
	}
	for (i = 0; i < e->value.n; i++) {
		other = &e->value.entries[i];
		for (k = 0; k < nitems(keys) && strcasecmp(keys[k].key, other->key) != 0; k++)
			continue;
		if (k == nitems(keys))
			import_note(imp, r, IMPORT_LOST, other->line, NULL, "%s is no setting of a record that rpopd has",
			    other->key);
	}
	record_settle(imp, r, e->line);
	return (0);
}

/* 1: the key is a record's name as it is.  Names of one account differ, since keys do. */
static int
name_ok(const struct dictionary_entry *e)
{
	size_t	 i;

	for (i = 0; i < e->keylen && !iscntrl((unsigned char)e->key[i]); i++)
		continue;
	return (i > 0 && i == e->keylen && i <= NAME_MAX_OCTETS);
}

/* What is to be known about the record as a whole. */
static void
record_settle(struct import *imp, struct import_record *r, unsigned int line)
{
	const struct import_cell	*tls, *special, *mailbox;

	field_check(imp, r);
	tls = import_get(r, "tls");
	special = import_get(r, "special");
	mailbox = import_get(r, "mailbox");
	if (strcmp(tls->value, "none") == 0)
		import_note(imp, r, IMPORT_NOTE, line, NULL, "without TLS the password crosses the network in clear, as it did "
		    "before, unless "
		    "apop is 1; tls=tls or tls=stls protects it where the server can do that");
	if (special->value != NULL && mailbox->value != NULL) {
		import_note(imp, r, IMPORT_LOST, line, NULL, "mailbox %s: a record with special distributes its mail and has no "
		    "mailbox",
		    mailbox->value);
		import_set(r, "mailbox", NULL, 0);
	}
}

/* The value as it is; without one, a question where the store wants one, else NULL. */
static void
set_text(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	if (value != NULL)
		import_set(r, k->column, value->octets, value->len);
	else if (strcmp(k->column, "special") == 0)
		import_set(r, k->column, NULL, 0);
	else
		import_note(imp, r, IMPORT_QUESTION, r->line, k->column, "the record has no %s", k->key);
}

/* host, host:port, [v6] or [v6]:port, or an IPv6 address alone. */
static void
set_domain(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	char		 host[IMPORT_HOST_MAX];
	const char	*colon, *error = NULL;
	unsigned int	 port = 0;

	if (value == NULL) {
		set_text(imp, r, k, value);
		return;
	}
	colon = strrchr(value->octets, ':');
	if (colon != NULL && (value->octets[0] == '[' ? colon[-1] == ']' : strchr(value->octets, ':') == colon)) {
		port = (unsigned int)strtonum(colon + 1, 1, 65535, &error);
		snprintf(host, sizeof(host), "%.*s", (int)(colon - value->octets), value->octets);
	} else if (strlcpy(host, value->octets, sizeof(host)) >= sizeof(host))
		error = "too long";
	if (error != NULL)
		import_note(imp, r, IMPORT_QUESTION, value->line, k->column, "%s is no host, or host:port", value->octets);
	else
		field_host(imp, r, value->line, host, port);
}

static void
set_period(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	int64_t	 n = value == NULL ? PERIOD_DEFAULT : seconds(value->octets), had = n;

	if (n == -1) {
		import_note(imp, r, IMPORT_QUESTION, value->line, k->column,
		    "%s is no period such as 600s, 10m, 2h, 1d or Disabled",
		    value->octets);
		return;
	}
	if (n >= PERIOD_DISABLED) {
		import_set(r, k->column, NULL, 0);
		return;
	}
	n = n < PERIOD_MIN ? PERIOD_MIN : n > PERIOD_MAX ? PERIOD_MAX : n;
	if (n != had)
		import_note(imp, r, IMPORT_NOTE, value->line, NULL,
		    "period is %" PRId64 " s in place of %" PRId64 ", which rpopd does not have",
		    n, had);
	import_set_number(r, k->column, n);
}

/* Seconds of a period; PERIOD_DISABLED: never; -1: it is none. */
static int64_t
seconds(const char *text)
{
	static const struct {
		char	 suffix;
		int64_t	 unit;
	}		 units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	char		 digits[24];
	const char	*error;
	int64_t		 n, unit = 1;
	size_t		 len = strlen(text), i;

	if (strcasecmp(text, "Disabled") == 0 || strcasecmp(text, "Never") == 0)
		return (PERIOD_DISABLED);
	for (i = 0; i < nitems(units) && len > 0; i++)
		if (text[len - 1] == units[i].suffix) {
			unit = units[i].unit;
			len--;
			break;
		}
	if (len == 0 || len >= sizeof(digits) || strspn(text, "0123456789") != len)
		return (-1);
	memcpy(digits, text, len);
	digits[len] = '\0';
	n = strtonum(digits, 1, INT64_MAX / 604800, &error);
	return (error != NULL ? -1 : n * unit > PERIOD_DISABLED ? PERIOD_DISABLED : n * unit);
}

static void
set_mailbox(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	(void)imp;
	if (value == NULL || strcasecmp(value->octets, "INBOX") == 0)
		import_set(r, k->column, NULL, 0);
	else
		import_set(r, k->column, value->octets, value->len);
}

/* YES is 1; NO, and none, are 0. */
static void
set_flag(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	int	 yes = value != NULL && strcasecmp(value->octets, "YES") == 0;

	if (value != NULL && !yes && strcasecmp(value->octets, "NO") != 0)
		import_note(imp, r, IMPORT_QUESTION, value->line, k->column, "%s is %s, which is neither YES nor NO", k->key,
		    value->octets);
	else
		import_set_number(r, k->column, yes);
}

static void
set_tls(struct import *imp, struct import_record *r, const struct key *k, const struct dictionary *value)
{
	set_flag(imp, r, k, value);
	import_set_text(r, k->column, value != NULL && strcasecmp(value->octets, "YES") == 0 ? "tls" : "none");
}
