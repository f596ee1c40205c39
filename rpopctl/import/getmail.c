/* SPDX-License-Identifier: ISC */
/*
 * getmailrc, the configuration of getmail(1) in version 6: one retriever, which is one mailbox, in section [retriever].  It is read
 * as getmail does, whose values are Python in part; nothing of it is run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "getmail_int.h"

#define NOTES_MAX	100		/* of filters */

/* How a retriever knows messages and recipients. */
enum kind {
	KIND_SIMPLE, KIND_NUMBERS, KIND_MULTIDROP, KIND_SDPS, KIND_IMAP
};

static const struct retriever {
	const char	*name;
	enum kind	 kind;
	int		 tls;
} retrievers[] = {
	{ "SimplePOP3Retriever", KIND_SIMPLE, 0 }, { "SimplePOP3SSLRetriever", KIND_SIMPLE, 1 },
	{ "BrokenUIDLPOP3Retriever", KIND_NUMBERS, 0 }, { "BrokenUIDLPOP3SSLRetriever", KIND_NUMBERS, 1 },
	{ "MultidropPOP3Retriever", KIND_MULTIDROP, 0 }, { "MultidropPOP3SSLRetriever", KIND_MULTIDROP, 1 },
	{ "MultidropSDPSRetriever", KIND_SDPS, 0 },
	{ "SimpleIMAPRetriever", KIND_IMAP, 0 }, { "SimpleIMAPSSLRetriever", KIND_IMAP, 1 },
	{ "MultidropIMAPRetriever", KIND_IMAP, 0 }, { "MultidropIMAPSSLRetriever", KIND_IMAP, 1 },
};

static int	 retriever_record(struct getmail *, const struct retriever *, const struct ini_section *);
static int	 required(struct getmail *, const struct ini_section *, const char *);
static int	 number(struct getmail *, const struct ini_section *, const char *, int64_t *);
static int	 server(struct getmail *, const struct ini_section *);
static int	 login(struct getmail *, const struct ini_section *);
static int	 password(struct getmail *, const struct ini_section *);
static int	 recipients(struct getmail *, const struct retriever *, const struct ini_section *);
static void	 recipient_field(struct getmail *, const struct ini_option *, const char *, size_t, int64_t);
static int	 field_never(const char *);
static int	 parameters(struct getmail *, const struct retriever *, const struct ini_section *);
static void	 filters(struct getmail *);

static int
getmail_parse(struct import *imp, const char *octets, size_t len)
{
	struct ini			 ini = { .nsections = 0 };
	struct getmail			 gm = { .imp = imp, .ini = &ini };
	const struct ini_section	*s;
	const struct ini_option		*type;
	size_t				 i;
	int				 result = -1;

	if ((octets = field_octets(imp, octets, len)) == NULL)
		return (-1);
	if (ini_read(imp, &ini, octets, len) == 0) {
		s = ini_section(&ini, "retriever");
		type = ini_option(s, "type");
		for (i = 0; type != NULL && i < nitems(retrievers) && strcmp(type->value, retrievers[i].name) != 0; i++)
			continue;
		if (s == NULL)
			import_fail(imp, 0, "there is no section [retriever], which says where the mail is");
		else if (type == NULL)
			import_fail(imp, s->line, "section [retriever] has no type");
		else if (i == nitems(retrievers))
			import_fail(imp, type->line, "getmail has no retriever %s", type->value);
		else
			result = retriever_record(&gm, &retrievers[i], s);
	}
	ini_free(&ini);
	return (result);
}

const struct import_format	 import_getmail = { "getmail", getmail_parse, getmail_seen, field_netrc };

static int
retriever_record(struct getmail *gm, const struct retriever *rt, const struct ini_section *s)
{
	const struct import_cell	*leave;
	char				 seen[1024];

	gm->type = rt->name;
	gm->tls = rt->tls;
	gm->multidrop = rt->kind == KIND_MULTIDROP || rt->kind == KIND_SDPS;
	if (rt->kind == KIND_IMAP) {
		import_note(gm->imp, NULL, IMPORT_LOST, ini_option(s, "type")->line, NULL, "%s: rpopd retrieves by POP3 only; where the server "
		    "has POP3, too, make the record by hand", rt->name);
		return (0);
	}
	if ((gm->record = field_record(gm->imp, s->line)) == NULL || server(gm, s) == -1 || login(gm, s) == -1 ||
	    (rt->tls && getmail_tls(gm, s) == -1) || parameters(gm, rt, s) == -1 || getmail_options(gm) == -1 ||
	    recipients(gm, rt, s) == -1)
		return (-1);
	filters(gm);
	leave = import_get(gm->record, "leave");
	if (rt->kind != KIND_NUMBERS && strcmp(leave->value, "1") == 0 && import_get(gm->record, "auth_name") != NULL &&
	    import_get(gm->record, "domain") != NULL) {
		getmail_seen_name(gm->record, seen, sizeof(seen));
		import_note(gm->imp, gm->record, IMPORT_NOTE, 0, NULL, "import the file %s, too, or what is left on the server is retrieved once "
		    "more", seen);
	}
	field_check(gm->imp, gm->record);
	return (0);
}

static int
required(struct getmail *gm, const struct ini_section *s, const char *name)
{
	if (ini_option(s, name) != NULL)
		return (0);
	return (import_fail(gm->imp, s->line, "section [%s] has no %s, which getmail needs", s->name, name));
}

/* A parameter that is a number: 1, or 0 without it or if it is code, or -1 with an error. */
static int
number(struct getmail *gm, const struct ini_section *s, const char *name, int64_t *n)
{
	const struct ini_option	*o = ini_option(s, name);
	struct python		 v;
	enum python_result	 result;
	int			 given = 0;

	if (o == NULL)
		return (0);
	result = python_read(&v, o->value);
	if (result == PYTHON_OK && (v.kind == PYTHON_NUMBER || (v.kind == PYTHON_STRING && python_int(v.string, &v.number) == 0))) {
		*n = v.number;
		given = 1;
	} else if (result != PYTHON_CODE)
		given = import_fail(gm->imp, o->line, "%s must be a number", name);
	python_free(&v);
	return (given);
}

static int
server(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "server"), *user = ini_option(s, "username"), *p = ini_option(s, "port");
	char			 name[256];
	int64_t			 port = 0;
	int			 given;

	if (required(gm, s, "server") == -1 || required(gm, s, "username") == -1 || (given = number(gm, s, "port", &port)) == -1)
		return (-1);
	snprintf(name, sizeof(name), "%s@%s", user->value, o->value);
	field_name(gm->imp, gm->record, name);
	import_set_text(gm->record, "tls", gm->tls ? "tls" : "none");
	if (!gm->tls)
		import_note(gm->imp, gm->record, IMPORT_NOTE, ini_option(s, "type")->line, NULL, "%s uses no TLS: everything goes in clear, the "
		    "password included; tls = 'tls' or 'stls' is better where the server has it", gm->type);
	if (p != NULL && (!given || port < 1 || port > 65535))
		import_note(gm->imp, gm->record, IMPORT_QUESTION, p->line, "domain", "the port of %s is not a number from 1 to 65535, but %s",
		    o->value, p->value);
	else
		field_host(gm->imp, gm->record, o->line, o->value, (unsigned int)port);
	return (0);
}

static int
login(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*apop = ini_option(s, "use_apop"), *xoauth2 = ini_option(s, "use_xoauth2");
	const struct ini_option	*user = ini_option(s, "username"), *command = ini_option(s, "password_command");
	const struct ini_option	*netrc = ini_option(ini_section(gm->ini, "options"), "use_netrc");

	if (netrc != NULL && getmail_bool(netrc->value) == 1) {
		import_note(gm->imp, gm->record, IMPORT_QUESTION, netrc->line, "auth_name", "use_netrc: the user for this server is that of "
		    "~/.netrc if it names one, else %s", user->value);
		import_note(gm->imp, gm->record, IMPORT_QUESTION, netrc->line, "password", "use_netrc: the password for this server is that of "
		    "~/.netrc");
		return (0);
	}
	import_set_text(gm->record, "auth_name", user->value);
	if (apop != NULL) {
		if (getmail_bool(apop->value) == -1)
			return (import_fail(gm->imp, apop->line, "use_apop must be true or false"));
		if (getmail_bool(apop->value) == 1)
			import_set_text(gm->record, "auth", "apop");
	}
	if (xoauth2 != NULL && getmail_bool(xoauth2->value) == 1) {
		import_note(gm->imp, gm->record, IMPORT_QUESTION, xoauth2->line, "token_command", "use_xoauth2 needs a program that prints an "
		    "access token, or an oauth_client%s%s", command == NULL ? "" : "; getmail runs ", command == NULL ? "" : command->value);
		import_set_text(gm->record, "auth", "xoauth2");
		return (0);
	}
	return (password(gm, s));
}

static int
password(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "password"), *command = ini_option(s, "password_command");
	struct python		 v;
	size_t			 n = 0;

	if (command != NULL) {
		if (getmail_tuple(gm, command, &v) == PYTHON_BAD)
			return (-1);
		n = v.kind == PYTHON_TUPLE ? v.nitems : 1;
		python_free(&v);
	}
	if (o != NULL && o->len > 0)
		import_set(gm->record, "password", o->value, o->len);
	else if (o != NULL)
		import_note(gm->imp, gm->record, IMPORT_QUESTION, o->line, "password", "the password is empty, which rpopd does not send");
	else if (command != NULL && n > 0)
		import_note(gm->imp, gm->record, IMPORT_QUESTION, command->line, "password", "getmail has the password from a program, which is "
		    "not run here: %s", command->value);
	else
		import_note(gm->imp, gm->record, IMPORT_QUESTION, s->line, "password", "the file has no password; getmail looks for it in a "
		    "keyring, or asks");
	return (0);
}

/* Whose the messages are. */
static int
recipients(struct getmail *gm, const struct retriever *rt, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "envelope_recipient");
	const char		*colon;
	int64_t			 nth = 1;
	size_t			 len;

	if (gm->multidrop)
		import_set_text(gm->record, "account", "postmaster");
	if (rt->kind == KIND_SDPS)
		import_note(gm->imp, gm->record, IMPORT_QUESTION, ini_option(s, "type")->line, "special", "rpopd does not ask the server for the "
		    "envelope of a message, as SDPS does; which field of the header has the recipient");
	if (rt->kind == KIND_MULTIDROP) {
		if (required(gm, s, "envelope_recipient") == -1)
			return (-1);
		colon = strchr(o->value, ':');
		len = colon == NULL ? o->len : (size_t)(colon - o->value);
		if (colon != NULL && (python_int(colon + 1, &nth) == -1 || nth < 1))
			return (import_fail(gm->imp, o->line, "behind the colon of envelope_recipient is the number of the field, from 1 on"));
		recipient_field(gm, o, o->value, len, nth);
		if (gm->imp->error != NULL)
			return (-1);
	}
	return (getmail_destination(gm));
}

/* getmail counts from 1, and takes the first where there is no number. */
static void
recipient_field(struct getmail *gm, const struct ini_option *o, const char *p, size_t len, int64_t nth)
{
	char	 name[256];
	size_t	 i;

	for (i = 0; i < len && i < sizeof(name) - 1; i++)
		name[i] = p[i];
	name[i] = '\0';
	if (field_never(name)) {
		import_fail(gm->imp, o->line, "field %s does not say whom a message was sent to, and getmail does not take it", name);
		return;
	}
	for (i = 0; name[i] > 0x20 && name[i] < 0x7f && name[i] != ':'; i++)
		continue;
	if (i == 0 || name[i] != '\0' || i != len || nth > 100)
		import_note(gm->imp, gm->record, IMPORT_QUESTION, o->line, "special", "%s is no name of a header field with a number up to 100; "
		    "which field has the envelope recipient", o->value);
	else {
		import_set_text(gm->record, "special", name);
		import_set_number(gm->record, "special_nth", nth);
	}
}

static int
field_never(const char *name)
{
	static const char *const	 never[] = { "to", "cc", "bcc", "received", "resent-to", "resent-cc", "resent-bcc" };
	size_t				 i;

	for (i = 0; i < nitems(never); i++)
		if (strcasecmp(name, never[i]) == 0)
			return (1);
	return (0);
}

/* What else a retriever has: none of it is a column. */
static int
parameters(struct getmail *gm, const struct retriever *rt, const struct ini_section *s)
{
	static const char *const	 known[] = { "type", "configparser", "getmaildir", "timeout", "server", "port", "username", "password",
	    "password_command", "use_apop", "use_xoauth2", "delete_dup_msgids", "envelope_recipient", "keyfile", "certfile", "ca_certs",
	    "ssl_fingerprints", "ssl_version", "ssl_ciphers", "ssl_cert_hostname" };
	const struct ini_option		*o;
	int64_t				 timeout = 180;
	size_t				 i, k;
	int				 is_tls;

	if (number(gm, s, "timeout", &timeout) == -1)
		return (-1);
	if (timeout != 180)
		import_note(gm->imp, gm->record, IMPORT_NOTE, ini_option(s, "timeout")->line, NULL, "timeout: rpopd has one for all records, in "
		    "settings.idle_timeout");
	if (rt->kind == KIND_NUMBERS)
		import_note(gm->imp, gm->record, IMPORT_NOTE, ini_option(s, "type")->line, NULL, "%s does without unique-ids; rpopd needs them "
		    "for a record with leave = 1", rt->name);
	if ((o = ini_option(s, "delete_dup_msgids")) != NULL && getmail_bool(o->value) != 0)
		import_note(gm->imp, gm->record, IMPORT_LOST, o->line, NULL, "delete_dup_msgids: rpopd deletes nothing on the word of a "
		    "unique-id, and retrieves messages with the same one");
	for (i = 0; i < s->noptions; i++) {
		for (k = 0; k < nitems(known) && strcmp(known[k], s->options[i].name) != 0; k++)
			continue;
		is_tls = strstr(s->options[i].name, "file") != NULL || strncmp(s->options[i].name, "ssl_", 4) == 0 ||
		    strcmp(s->options[i].name, "ca_certs") == 0;
		if (k == nitems(known) || (is_tls && !rt->tls) ||
		    (rt->kind != KIND_MULTIDROP && strcmp(s->options[i].name, "envelope_recipient") == 0))
			import_note(gm->imp, gm->record, IMPORT_NOTE, s->options[i].line, NULL, "%s has no parameter %s, so it does not count", rt->name,
			    s->options[i].name);
	}
	return (0);
}

static void
filters(struct getmail *gm)
{
	const struct ini_section	*s;
	const struct ini_option		*path;
	size_t				 i, n = 0;

	for (i = 0; i < gm->ini->nsections && n < NOTES_MAX; i++) {
		s = &gm->ini->sections[i];
		if (strncasecmp(s->name, "filter", 6) != 0)
			continue;
		n++;
		path = ini_option(s, "path");
		import_note(gm->imp, gm->record, IMPORT_LOST, s->line, NULL, "[%s]: rpopd runs no program for a message%s%s; a next hop with "
		    "Sieve can filter", s->name, path == NULL ? "" : ", such as ", path == NULL ? "" : path->value);
	}
}

int
getmail_bool(const char *s)
{
	static const char *const	 words[][4] = { { "false", "no", "off", "0" }, { "true", "yes", "on", "1" } };
	int				 value;
	size_t				 i;

	for (value = 0; value < 2; value++)
		for (i = 0; i < 4; i++)
			if (strcasecmp(s, words[value][i]) == 0)
				return (value);
	return (-1);
}

enum python_result
getmail_tuple(struct getmail *gm, const struct ini_option *o, struct python *v)
{
	enum python_result	 result;

	if (o->len == 0) {
		memset(v, 0, sizeof(*v));
		v->kind = PYTHON_TUPLE;
		return (PYTHON_OK);
	}
	result = python_read(v, o->value);
	if (result == PYTHON_OK && v->kind == PYTHON_TUPLE)
		return (PYTHON_OK);
	if (result == PYTHON_CODE) {
		python_free(v);
		return (PYTHON_CODE);
	}
	python_free(v);
	import_fail(gm->imp, o->line, "%s must be a tuple of strings, such as (\"one\", \"two\"), or (\"one\", )", o->name);
	return (PYTHON_BAD);
}
