/* SPDX-License-Identifier: ISC */
/*
 * The grammar of a fetchmailrc:
 *
 *	file:		{ set | server }
 *	set:		"set" ["no"] option [["="] value]
 *	server:		("poll" | "skip") NAME | "defaults", options of the server, then options of one user, or users, or nothing
 *	user:		"user" (NAME ["there"] | names "here"), options of the user
 *	names:		NAME ["=" NAME], once or more; behind "is" and "to", with "here" or without
 *
 * Words without a meaning, such as "and" and commas, are the lexer's.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "fetchmail_int.h"

#define DEFAULTS	"defaults"	/* what fetchmail calls that entry, and any entry of that name */
#define SHOWN_MAX	40		/* octets of a word in an error */

static int	 fail(struct fm_file *, const char *);
static int	 fail_value(struct fm_file *, const char *);
static int	 expect(struct fm_file *, enum fm_token, const char *);
static int	 next_is(struct fm_file *, enum fm_side);
static int	 set(struct fm_file *);
static int	 server(struct fm_file *);
static int	 users(struct fm_file *, struct fm_entry *);
static int	 user(struct fm_file *, struct fm_entry *);
static int	 options(struct fm_file *, struct fm_entry *, enum fm_side);
static int	 add(struct fm_file *, const struct fm_entry *);
static int	 option(struct fm_file *, struct fm_value *, enum fm_side);
static int	 argument(struct fm_file *, struct fm_value *, enum fm_option);
static int	 envelope(struct fm_file *, struct fm_value *);
static int	 service(struct fm_file *, struct fm_value *);
static int	 list(struct fm_file *, struct fm_value *);
static int	 numbers(struct fm_file *);
static int	 local(struct fm_file *, struct fm_value *, enum fm_option);
static int	 names(struct fm_file *, struct fm_value *, const char *, unsigned int);
static void	 name_add(struct fm_file *, struct fm_value *, const char *, const char *, unsigned int);

int
fm_parse(struct fm_file *f)
{
	int	 error = fm_lex(&f->lex);

	while (error == 0 && f->lex.token != FM_END)
		if (f->lex.token == FM_SET)
			error = set(f);
		else if (f->lex.token == FM_POLL || f->lex.token == FM_SKIP || f->lex.token == FM_DEFAULTS)
			error = server(f);
		else
			error = fail(f, "it is no option that fits, and an entry begins with poll, skip, defaults or set");
	return (error);
}

int
fm_defaults(struct fm_file *f)
{
	struct fm_value	*from, *to;
	size_t		 i;
	int		 o;

	for (i = 1; i < f->n; i++)
		if (strcmp(f->entries[i].name, DEFAULTS) == 0)
			return (import_fail(f->lex.imp, f->entries[i].line,
			    "only the first entry can be defaults, and it has one user at most"));
	if (f->n == 0 || strcmp(f->entries[0].name, DEFAULTS) != 0)
		return (0);
	for (i = 1; i < f->n; i++)
		for (o = 0; o < FM_OPTIONS; o++) {
			from = &f->entries[0].values[o];
			to = &f->entries[i].values[o];
			if (from->line == 0 || to->line != 0 || fm_rules[o].alone)
				continue;
			*to = *from;
			to->inherited = 1;
		}
	f->n--;
	memmove(f->entries, f->entries + 1, f->n * sizeof(*f->entries));
	return (0);
}

/* The word that was read last cannot stand there. */
static int
fail(struct fm_file *f, const char *why)
{
	const struct fm_lexer	*lex = &f->lex;

	if (lex->word == f->behind_password && lex->token <= FM_NUMBER && lex->token != FM_END)
		return (import_fail(lex->imp, lex->word_line, "the word behind the password cannot stand here: %s; a password with "
		    "a blank or one of = ; : , in it needs quotes", why));
	return (import_fail(lex->imp, lex->word_line, "%.*s%s%s cannot stand here: %s",
	    (int)(lex->len < SHOWN_MAX ? lex->len : SHOWN_MAX), lex->word, lex->len > SHOWN_MAX ? "..." : "",
	    lex->token > FM_EQUALS ? ", a word of fetchmail's language," : "", why));
}

/* Likewise, where a value is due, which the word would be in quotes. */
static int
fail_value(struct fm_file *f, const char *due)
{
	char	 why[160];

	snprintf(why, sizeof(why), "%s%s", due, f->lex.token > FM_EQUALS ? "; to be a value it needs quotes" : "");
	return (fail(f, why));
}

static int
expect(struct fm_file *f, enum fm_token token, const char *due)
{
	if (fm_lex(&f->lex) == -1)
		return (-1);
	return (f->lex.token == token ? 0 : fail_value(f, due));
}

/* Whether the word that was read last is an option of that side, or "no" ahead of one; -1 with an error. */
static int
next_is(struct fm_file *f, enum fm_side side)
{
	struct fm_lexer	 ahead = f->lex;

	if (ahead.token == FM_NO) {
		if (fm_lex(&ahead) == -1)
			return (-1);
		f->lex.chunks = ahead.chunks;
	}
	return (ahead.token == FM_OPTION && (fm_rules[ahead.value].sides & side) != 0);
}

static int
set(struct fm_file *f)
{
	int	 fits;

	if (fm_lex(&f->lex) == -1 || (fits = next_is(f, FM_OF_ALL)) == -1)
		return (-1);
	if (!fits)
		return (fail(f, "behind set stands an option such as daemon or postmaster"));
	return (option(f, f->all, FM_OF_ALL));
}

static int
server(struct fm_file *f)
{
	struct fm_entry	*e;
	int		 error = 0;

	if ((e = calloc(1, sizeof(*e))) == NULL)
		err(1, NULL);
	e->line = f->lex.word_line;
	e->skip = f->lex.token == FM_SKIP;
	e->name = DEFAULTS;
	if (f->lex.token != FM_DEFAULTS) {
		error = expect(f, FM_STRING, "behind poll and skip stands the name of a server, in quotes if it is a number");
		e->name = f->lex.text;
	}
	if (error == 0 && (error = fm_lex(&f->lex)) == 0 && (error = options(f, e, FM_OF_SERVER)) == 0)
		error = users(f, e);
	free(e);
	return (error);
}

/* The users of a server, each an entry; options without a user are those of one that is not named. */
static int
users(struct fm_file *f, struct fm_entry *e)
{
	int	 several = f->lex.token == FM_OPTION && f->lex.value == FM_USER, fits;

	if (!several && (options(f, e, FM_OF_USER) == -1 || add(f, e) == -1))
		return (-1);
	while (f->lex.token == FM_OPTION && f->lex.value == FM_USER) {
		if (!several)
			return (fail(f, "the user comes ahead of the options that are the user's"));
		if (user(f, e) == -1)
			return (-1);
	}
	if ((fits = next_is(f, FM_OF_SERVER)) == 1)
		return (fail(f, "it is an option of the server, and these come ahead of all users and their options"));
	return (fits);
}

static int
user(struct fm_file *f, struct fm_entry *e)
{
	struct fm_value	*v = e->values;
	const char	*text;
	unsigned int	 line = f->lex.word_line;
	int		 o;

	for (o = 0; o < FM_OPTIONS; o++)
		if (fm_rules[o].sides & FM_OF_USER)
			memset(&v[o], 0, sizeof(v[o]));
	if (expect(f, FM_STRING, "behind user stands a name") == -1)
		return (-1);
	text = f->lex.text;
	if (fm_lex(&f->lex) == -1)
		return (-1);
	if (f->lex.token == FM_HERE || f->lex.token == FM_EQUALS || f->lex.token == FM_STRING) {
		if (names(f, v, text, line) == -1)
			return (-1);
		if (f->lex.token != FM_HERE)
			return (fail(f, "several names behind user are local ones, and here stands behind them"));
	} else {
		v[FM_USER].text = text;
		v[FM_USER].line = line;
	}
	if ((f->lex.token == FM_HERE || f->lex.token == FM_THERE) && fm_lex(&f->lex) == -1)
		return (-1);
	e->line = line;
	return (options(f, e, FM_OF_USER) == -1 ? -1 : add(f, e));
}

/* All options of that side that follow. */
static int
options(struct fm_file *f, struct fm_entry *e, enum fm_side side)
{
	int	 fits;

	while ((fits = next_is(f, side)) == 1 && (f->lex.token != FM_OPTION || f->lex.value != FM_USER))
		if (option(f, e->values, side) == -1)
			return (-1);
	return (fits == -1 ? -1 : 0);
}

static int
add(struct fm_file *f, const struct fm_entry *e)
{
	struct fm_entry	*entries;

	if (f->n > IMPORT_RECORDS_MAX)
		return (import_fail(f->lex.imp, e->line, "this is more than %d mailboxes; divide the file", IMPORT_RECORDS_MAX));
	if ((entries = array_grow(f->entries, f->n, sizeof(*entries))) == NULL)
		err(1, NULL);
	f->entries = entries;
	f->entries[f->n++] = *e;
	return (0);
}

/* An option, the word that was read last or the one behind "no", and its value; then the next word. */
static int
option(struct fm_file *f, struct fm_value *values, enum fm_side side)
{
	unsigned int	 line = f->lex.word_line;
	enum fm_option	 o;
	int		 no = f->lex.token == FM_NO;

	if (no && fm_lex(&f->lex) == -1)
		return (-1);
	o = (enum fm_option)f->lex.value;
	if (o == FM_IS || o == FM_TO)
		return (no ? fail(f, "it is no switch that no could turn off") : local(f, values, o));
	if (no && o == FM_ENVELOPE) {
		values[o].text = NULL;
		values[o].line = line;
		return (fm_lex(&f->lex));
	}
	if (fm_rules[o].argument == FM_ARG_SWITCH || fm_rules[o].argument == FM_ARG_MARK) {
		if (no && fm_rules[o].argument == FM_ARG_MARK)
			return (fail(f, "it is no switch that no could turn off"));
		values[o].number = !no;
		values[o].line = line;
		return (fm_lex(&f->lex));
	}
	if (no)
		return (fail(f, "it is no switch that no could turn off"));
	if (fm_lex(&f->lex) == -1 || (side == FM_OF_ALL && f->lex.token == FM_EQUALS && fm_lex(&f->lex) == -1))
		return (-1);
	if (o == FM_PORT && f->lex.token != FM_NUMBER)
		return (fail_value(f, "a port is due, a number without quotes"));
	if (o == FM_PORT)
		o = FM_SERVICE;
	values[o].line = line;
	if (argument(f, values, o) == -1)
		return (-1);
	if (o == FM_PASSWORD || o == FM_ESMTPPASSWORD)
		f->behind_password = f->lex.word;
	if ((o == FM_INTERVAL || o == FM_TIMEOUT || o == FM_AUTH) && values[o].number == 0)
		values[o].line = 0;		/* which is what fetchmail takes for none */
	return (0);
}

/* The value of option o begins with the word that was read last. */
static int
argument(struct fm_file *f, struct fm_value *values, enum fm_option o)
{
	static const struct {
		enum fm_token	 token;
		const char	*due;
	} kinds[] = {
		[FM_ARG_TEXT] = { FM_STRING, "a text is due, in quotes if it is a number" },
		[FM_ARG_NUMBER] = { FM_NUMBER, "a number is due, without quotes and without = ahead of it" },
		[FM_ARG_PROTOCOL] = { FM_PROTOCOL_WORD, "a protocol is due, such as pop3 or POP3" },
		[FM_ARG_AUTH] = { FM_AUTH_WORD, "a way to log in is due, such as password or any" },
		[FM_ARG_HEADER] = { FM_HEADER_WORD, "accept or reject is due" },
	};
	enum fm_argument	 kind = fm_rules[o].argument;

	if (kind == FM_ARG_LIST)
		return (list(f, &values[o]));
	if (kind == FM_ARG_NUMBERS)
		return (numbers(f));
	if (kind == FM_ARG_ENVELOPE)
		return (envelope(f, values));
	if (kind == FM_ARG_SERVICE)
		return (service(f, &values[o]));
	if (f->lex.token != kinds[kind].token)
		return (fail_value(f, kinds[kind].due));
	values[o].text = f->lex.text;
	values[o].number = f->lex.value;
	return (fm_lex(&f->lex));
}

/* How many fields are skipped, and the field's name. */
static int
envelope(struct fm_file *f, struct fm_value *values)
{
	struct fm_value	*skip = &values[FM_ENVELOPE_SKIP];

	skip->number = f->lex.token == FM_NUMBER ? f->lex.value : 0;
	skip->line = skip->number > 0 ? values[FM_ENVELOPE].line : 0;
	if (f->lex.token == FM_NUMBER && fm_lex(&f->lex) == -1)
		return (-1);
	if (f->lex.token != FM_STRING)
		return (fail_value(f, "the name of a header field is due"));
	values[FM_ENVELOPE].text = f->lex.text;
	return (fm_lex(&f->lex));
}

static int
service(struct fm_file *f, struct fm_value *v)
{
	char	*digits;

	if (f->lex.token == FM_NUMBER) {
		digits = fm_alloc(&f->lex, 16);
		snprintf(digits, 16, "%d", f->lex.value);
		v->text = digits;
	} else if (f->lex.token == FM_STRING)
		v->text = f->lex.text;
	else
		return (fail_value(f, "a port or the name of a service is due"));
	return (fm_lex(&f->lex));
}

static int
list(struct fm_file *f, struct fm_value *v)
{
	if (f->lex.token != FM_STRING)
		return (fail_value(f, "a name is due, or several"));
	do {
		name_add(f, v, f->lex.text, NULL, v->line);
		if (fm_lex(&f->lex) == -1)
			return (-1);
	} while (f->lex.token == FM_STRING);
	return (0);
}

static int
numbers(struct fm_file *f)
{
	if (f->lex.token != FM_NUMBER)
		return (fail_value(f, "a number is due, or several"));
	do
		if (fm_lex(&f->lex) == -1)
			return (-1);
	while (f->lex.token == FM_NUMBER);
	return (0);
}

/* What stands behind "is" and "to": local names, or with "there" a name at the server. */
static int
local(struct fm_file *f, struct fm_value *values, enum fm_option o)
{
	const char	*text;
	unsigned int	 line = f->lex.word_line;

	if (expect(f, FM_STRING, "behind is and to stands a name") == -1)
		return (-1);
	text = f->lex.text;
	if (fm_lex(&f->lex) == -1)
		return (-1);
	if (o == FM_IS && f->lex.token == FM_THERE) {
		values[FM_USER].text = text;
		values[FM_USER].line = line;
		return (fm_lex(&f->lex));
	}
	if (names(f, values, text, line) == -1)
		return (-1);
	return (f->lex.token == FM_HERE ? fm_lex(&f->lex) : 0);
}

/* Local names, the first of which has been read. */
static int
names(struct fm_file *f, struct fm_value *values, const char *text, unsigned int line)
{
	const char	*to;

	for (;;) {
		to = NULL;
		if (f->lex.token == FM_EQUALS) {
			if (expect(f, FM_STRING, "behind = stands a name") == -1)
				return (-1);
			to = f->lex.text;
			if (fm_lex(&f->lex) == -1)
				return (-1);
		}
		if (to == NULL && strcmp(text, "*") == 0) {
			values[FM_WILDCARD].number = 1;
			values[FM_WILDCARD].line = line;
		} else
			name_add(f, &values[FM_IS], text, to, line);
		if (f->lex.token != FM_STRING)
			return (0);
		text = f->lex.text;
		if (fm_lex(&f->lex) == -1)
			return (-1);
	}
}

static void
name_add(struct fm_file *f, struct fm_value *v, const char *text, const char *to, unsigned int line)
{
	struct fm_name	*name = fm_alloc(&f->lex, sizeof(*name));

	name->text = text;
	name->to = to;
	if (v->names == NULL)
		v->names = name;
	else
		v->last->next = name;
	v->last = name;
	v->line = line;
}
