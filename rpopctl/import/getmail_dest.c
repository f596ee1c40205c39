/* SPDX-License-Identifier: ISC */
/*
 * Where getmail delivers to, which tells whose mail it is: section [destination], and sections that it names.  Messages of a
 * multidrop mailbox are the recipients' in table account, so there it is told only what takes the place of what.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "getmail_int.h"

#define DEPTH_MAX	8		/* of destinations that name others */
#define NOTES_MAX	100		/* of destinations of one kind */

struct type;

struct walk {
	struct getmail	*gm;
	int		 owned;		/* whose the mail is, is known */
	int		 depth;
	int		 notes;
};

static const struct type	*type_find(const char *);
static int	 section(struct walk *, const struct ini_section *);
static void	 path(struct walk *, unsigned int, const char *);
static int	 named(struct walk *, const struct ini_option *, const char *);
static int	 maildir(struct walk *, const struct ini_section *, const struct type *);
static int	 program(struct walk *, const struct ini_section *, const struct type *);
static int	 lmtp(struct walk *, const struct ini_section *, const struct type *);
static int	 multiple(struct walk *, const struct ini_section *, const struct type *);
static int	 sorter(struct walk *, const struct ini_section *, const struct type *);
static int	 sorter_locals(struct walk *, const struct ini_option *);
static void	 owner(struct walk *, const struct ini_section *);
static void	 lost(struct walk *, unsigned int, const char *);

static const struct type {
	const char	*name;
	int		(*read)(struct walk *, const struct ini_section *, const struct type *);
	const char	*required;
	const char	*lost;
} types[] = {
	{ "Maildir", maildir, "path", NULL },
	{ "Mboxrd", maildir, "path", "Mboxrd: rpopd stores messages in Maildirs, not in mbox files" },
	{ "MDA_external", program, "path", "MDA_external: rpopd runs no program for a message; it has Maildirs, and next hops by LMTP "
	    "or SMTP" },
	{ "MDA_qmaillocal", program, NULL, "MDA_qmaillocal: rpopd runs no program for a message; a next hop by SMTP takes its place" },
	{ "MDA_lmtp", lmtp, "host", NULL },
	{ "MultiDestination", multiple, "destinations", "MultiDestination: one owner gets the mail; a row of table route for each further "
	    "target makes copies" },
	{ "MultiSorter", sorter, "default", NULL },
	{ "MultiGuesser", sorter, "default", NULL },
};

int
getmail_destination(struct getmail *gm)
{
	const struct ini_section	*s = ini_section(gm->ini, "destination");
	struct walk			 w = { .gm = gm, .owned = gm->multidrop };
	const struct ini_option		*type = ini_option(s, "type");

	if (s == NULL)
		return (import_fail(gm->imp, 0, "there is no section [destination], which says where mail goes to"));
	if (section(&w, s) == -1)
		return (-1);
	if (!w.owned)
		import_note(gm->imp, gm->record, IMPORT_QUESTION, s->line, "account", "[destination], a %s, does not tell whose mail this is",
		    type->value);
	return (0);
}

static const struct type *
type_find(const char *name)
{
	size_t	 i;

	for (i = 0; i < nitems(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return (&types[i]);
	return (NULL);
}

static int
section(struct walk *w, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "type");
	const struct type	*type;
	int			 result;

	if (o == NULL)
		return (import_fail(w->gm->imp, s->line, "section [%s] has no type", s->name));
	if ((type = type_find(o->value)) == NULL)
		return (import_fail(w->gm->imp, o->line, "getmail has no destination %s", o->value));
	if (type->required != NULL && ini_option(s, type->required) == NULL)
		return (import_fail(w->gm->imp, s->line, "section [%s] has no %s, which a %s needs", s->name, type->required, type->name));
	if (++w->depth > DEPTH_MAX)
		return (import_fail(w->gm->imp, s->line, "section [%s] leads to itself, or is more than %d destinations deep", s->name,
		    DEPTH_MAX));
	if (type->lost != NULL)
		lost(w, o->line, type->lost);
	result = type->read(w, s, type);
	w->depth--;
	return (result);
}

static void
lost(struct walk *w, unsigned int line, const char *text)
{
	if (w->notes++ < NOTES_MAX)
		import_note(w->gm->imp, w->gm->record, IMPORT_LOST, line, NULL, "%s", text);
}

/* The first one that names somebody. */
static void
path(struct walk *w, unsigned int line, const char *text)
{
	if (!w->owned)
		w->owned = field_owner_path(w->gm->imp, w->gm->record, line, text);
}

/* user = NAME: the system user who delivers. */
static void
owner(struct walk *w, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "user");

	if (o == NULL || w->owned || !field_owner(w->gm->record, o->value))
		return;
	w->owned = 1;
	import_note(w->gm->imp, w->gm->record, IMPORT_NOTE, o->line, NULL, "the owner is %s, because getmail delivers as that user",
	    import_get(w->gm->record, "account")->value);
}

/* A destination by its path, or by the name of its section in brackets. */
static int
named(struct walk *w, const struct ini_option *o, const char *text)
{
	char				 name[256];
	const struct ini_section	*s;
	size_t				 len = strlen(text);

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		snprintf(name, sizeof(name), "%.*s", (int)(len - 2), text + 1);
		if ((s = ini_section(w->gm->ini, name)) == NULL)
			return (import_fail(w->gm->imp, o->line, "%s names a section %s that is not there", o->name, text));
		return (section(w, s));
	}
	if (text[0] != '/' && text[0] != '.' && text[0] != '~' && text[0] != '$')
		return (import_fail(w->gm->imp, o->line, "%s in %s is neither a path nor a section in brackets", text, o->name));
	path(w, o->line, text);
	return (0);
}

static int
maildir(struct walk *w, const struct ini_section *s, const struct type *type)
{
	const struct ini_option	*o = ini_option(s, "path");

	(void)type;
	owner(w, s);
	path(w, o->line, o->value);
	return (0);
}

/* Its user, or the recipient in its arguments. */
static int
program(struct walk *w, const struct ini_section *s, const struct type *type)
{
	const struct ini_option	*o = ini_option(s, "arguments");
	struct python		 v;
	char			 command[1024] = "";
	size_t			 i;
	enum python_result	 result;

	(void)type;
	owner(w, s);
	if (o == NULL || w->owned)
		return (0);
	if ((result = getmail_tuple(w->gm, o, &v)) != PYTHON_OK)
		return (result == PYTHON_BAD ? -1 : 0);
	for (i = 0; i < v.nitems; i++)
		if (v.items[i].kind == PYTHON_STRING) {
			strlcat(command, v.items[i].string, sizeof(command));
			strlcat(command, " ", sizeof(command));
		}
	python_free(&v);
	w->owned = field_owner_command(w->gm->imp, w->gm->record, o->line, command);
	return (0);
}

static int
lmtp(struct walk *w, const struct ini_section *s, const struct type *type)
{
	const struct ini_option	*host = ini_option(s, "host"), *port = ini_option(s, "port"), *to = ini_option(s, "override");

	(void)type;
	if (w->notes++ < NOTES_MAX)
		import_note(w->gm->imp, w->gm->record, IMPORT_LOST, host->line, NULL, "MDA_lmtp: rpopd hands mail on to a row of table "
		    "nexthop; make one with protocol lmtp and address %s%s%s, and name it in column nexthop of the account", host->value,
		    port == NULL ? "" : ":", port == NULL ? "" : port->value);
	if (to != NULL && !w->owned && field_owner(w->gm->record, to->value))
		w->owned = 1;
	return (0);
}

static int
multiple(struct walk *w, const struct ini_section *s, const struct type *type)
{
	const struct ini_option	*o = ini_option(s, "destinations");
	struct python		 v;
	size_t			 i;
	enum python_result	 result;
	int			 status = 0;

	(void)type;
	if ((result = getmail_tuple(w->gm, o, &v)) != PYTHON_OK)
		return (result == PYTHON_BAD ? -1 : 0);
	if (v.nitems == 0)
		status = import_fail(w->gm->imp, o->line, "destinations names none");
	for (i = 0; i < v.nitems && i < NOTES_MAX && status == 0; i++)
		status = v.items[i].kind == PYTHON_STRING ? named(w, o, v.items[i].string) :
		    import_fail(w->gm->imp, o->line, "destinations must be a tuple of strings");
	python_free(&v);
	return (status);
}

/* MultiSorter goes by the envelope, MultiGuesser by the header; both are what a record with special does. */
static int
sorter(struct walk *w, const struct ini_section *s, const struct type *type)
{
	const struct ini_option	*o = ini_option(s, "locals");
	int			 owned = w->owned, result;

	if (!w->gm->multidrop && !w->owned) {
		import_set_text(w->gm->record, "account", "postmaster");
		if (strcmp(type->name, "MultiGuesser") == 0) {
			import_set_text(w->gm->record, "special", "*");
			import_note(w->gm->imp, w->gm->record, IMPORT_NOTE, ini_option(s, "type")->line, NULL, "MultiGuesser looks at Delivered-To, "
			    "Envelope-To and such first, then at To and Cc, as special '*' does; name the provider's field in special if it "
			    "writes one");
		} else
			import_note(w->gm->imp, w->gm->record, IMPORT_QUESTION, ini_option(s, "type")->line, "special", "MultiSorter needs the "
			    "recipient, which %s does not know; which field of the header has it", w->gm->type);
	}
	w->owned = 1;
	if (w->gm->multidrop || owned == 0)
		import_note(w->gm->imp, w->gm->record, IMPORT_NOTE, ini_option(s, "default")->line, NULL, "what is for nobody goes to the "
		    "postmaster of settings.main_domain, in the place of default, %s", ini_option(s, "default")->value);
	result = named(w, ini_option(s, "default"), ini_option(s, "default")->value);
	return (result == -1 || o == NULL ? result : sorter_locals(w, o));
}

/* One pair, or a tuple of pairs: a pattern and where its mail goes. */
static int
sorter_locals(struct walk *w, const struct ini_option *o)
{
	struct python		 v;
	const struct python	*pair;
	size_t			 i, n;
	enum python_result	 result;
	int			 status = 0, one;

	if ((result = getmail_tuple(w->gm, o, &v)) == PYTHON_BAD)
		return (-1);
	if (result == PYTHON_CODE) {
		lost(w, o->line, "locals is Python that would have to be run; who gets what is in tables account and route");
		return (0);
	}
	one = v.nitems == 2 && v.items[0].kind == PYTHON_STRING && v.items[1].kind == PYTHON_STRING;
	n = one ? 1 : v.nitems;
	for (i = 0; i < n && status == 0; i++) {
		pair = one ? &v : &v.items[i];
		if (pair->kind != PYTHON_TUPLE || pair->nitems != 2 || pair->items[0].kind != PYTHON_STRING ||
		    pair->items[1].kind != PYTHON_STRING) {
			status = import_fail(w->gm->imp, o->line, "locals must be pairs of a pattern and a destination, both strings");
			break;
		}
		if (w->notes++ < NOTES_MAX)
			import_note(w->gm->imp, w->gm->record, IMPORT_LOST, o->line, NULL, "mail for %s went to %s; make an account, or a row of table "
			    "route, for each address that this means", pair->items[0].string, pair->items[1].string);
		status = named(w, o, pair->items[1].string);
	}
	python_free(&v);
	return (status);
}
