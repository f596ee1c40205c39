/* SPDX-License-Identifier: ISC */
/* What the accounts of an fdm.conf become in table rpop, and what is told about the rest of the file. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "fdm_int.h"

#define MAX_MESSAGES	1000000LL		/* of column session_messages */

static int	 usable(struct fdm *, const struct fdm_account *);
static int	 record(struct fdm *, const struct fdm_account *);
static void	 record_server(struct fdm *, struct import_record *, const struct fdm_account *);
static void	 record_login(struct fdm *, struct import_record *, const struct fdm_account *);
static void	 record_secret(struct fdm *, struct import_record *, const struct fdm_value *, unsigned int, const char *, const char
    *);
static void	 record_tls(struct fdm *, struct import_record *, const struct fdm_account *);
static void	 record_messages(struct fdm *, struct import_record *, const struct fdm_account *);
static void	 record_owner(struct fdm *, struct import_record *, const struct fdm_account *);
static int	 port_number(const struct fdm_account *);
static void	 rest(struct fdm *);

int
fdm_records(struct fdm *f)
{
	size_t	 i;

	for (i = 0; i < f->naccounts; i++)
		if (usable(f, &f->accounts[i]) && record(f, &f->accounts[i]) == -1)
			return (-1);
	rest(f);
	return (0);
}

static int
usable(struct fdm *f, const struct fdm_account *a)
{
	const char	*name = a->name.unknown == NULL ? a->name.text : "without a name that is known";

	if (a->lost != NULL) {
		import_note(f->lx.imp, NULL, IMPORT_LOST, a->line, NULL, "account %s has its mail from %s; rpopd retrieves by POP3 from a server",
		    name, a->lost);
		return (0);
	}
	if (a->only != FDM_OLD)
		return (1);
	import_note(f->lx.imp, NULL, IMPORT_LOST, a->line, NULL, "account %s retrieves old messages only, which rpopd does not: leave and "
	    "leave_days of the record for the new ones say what becomes of them", name);
	return (0);
}

static int
record(struct fdm *f, const struct fdm_account *a)
{
	struct import_record	*r = field_record(f->lx.imp, a->line);

	if (r == NULL)
		return (-1);
	if (a->name.unknown == NULL)
		field_name(f->lx.imp, r, a->name.text);
	else {
		field_name(f->lx.imp, r, "account");
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "the name of the account is not known: it has %s", a->name.unknown);
	}
	record_server(f, r, a);
	record_login(f, r, a);
	record_messages(f, r, a);
	record_owner(f, r, a);
	field_check(f->lx.imp, r);
	return (0);
}

static void
record_server(struct fdm *f, struct import_record *r, const struct fdm_account *a)
{
	int	 port = port_number(a);

	import_set_text(r, "tls", a->tls ? "tls" : a->starttls ? "stls" : "none");
	if (a->tls || a->starttls)
		record_tls(f, r, a);
	else
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "pop3 without starttls: everything goes in clear; tls = 'tls' or 'stls' is "
		    "better where the server has it");
	if (a->host.unknown != NULL || a->port.unknown != NULL)
		import_note(f->lx.imp, r, IMPORT_QUESTION, a->host_line, "domain", "the server has %s",
		    a->host.unknown != NULL ? a->host.unknown : a->port.unknown);
	else if (port == -1)
		import_note(f->lx.imp, r, IMPORT_QUESTION, a->host_line, "domain", "the port of %s is the service %s; which number is that",
		    a->host.text, a->port.text);
	else
		field_host(f->lx.imp, r, a->host_line, a->host.text, (unsigned int)port);
}

/* 0: none is given; -1: it is a service that is not POP3. */
static int
port_number(const struct fdm_account *a)
{
	const char	*errstr;
	int		 port;

	if (a->port.text == NULL)
		return (0);
	if (strcmp(a->port.text, "pop3") == 0 || strcmp(a->port.text, "pop-3") == 0)
		return (110);
	if (strcmp(a->port.text, "pop3s") == 0)
		return (995);
	port = (int)strtonum(a->port.text, 1, 65535, &errstr);
	return (errstr == NULL ? port : -1);
}

static void
record_tls(struct fdm *f, struct import_record *r, const struct fdm_account *a)
{
	if (a->insecure) {
		import_set_text(r, "tls_min", "1.0");
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "insecure: tls_min is 1.0, which is broken; NULL is better if the server "
		    "can do TLS 1.2");
	}
	if (!a->verify)
		import_note(f->lx.imp, r, IMPORT_LOST, a->line, NULL, "no-verify: rpopd checks the certificate; one that is self-signed needs "
		    "tls_pins or ca_file");
	else if (!f->verify)
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "without 'set verify-certificates' fdm does not check the certificate; "
		    "rpopd does, and one that is self-signed needs tls_pins or ca_file");
}

/* fdm uses APOP wherever the greeting allows it, which it never sees behind STLS. */
static void
record_login(struct fdm *f, struct import_record *r, const struct fdm_account *a)
{
	record_secret(f, r, &a->user, a->user.text == NULL ? a->line : a->user_line, "auth_name", "user");
	record_secret(f, r, &a->pass, a->pass.text == NULL ? a->line : a->pass_line, "password", "password");
	if (a->apop && !a->starttls)
		import_set_number(r, "apop", 1);
}

static void
record_secret(struct fdm *f, struct import_record *r, const struct fdm_value *v, unsigned int line, const char *column, const char
    *what)
{
	if (v->unknown != NULL)
		import_note(f->lx.imp, r, IMPORT_QUESTION, line, column, "the %s has %s", what, v->unknown);
	else if (v->text != NULL)
		import_set(r, column, v->text, v->len);
	else
		import_note(f->lx.imp, r, IMPORT_QUESTION, line, column, "the account has no %s; fdm has it from ~/.netrc", what);
}

static void
record_messages(struct fdm *f, struct import_record *r, const struct fdm_account *a)
{
	int	 leave = a->keep || f->keep_line != 0;

	import_set_number(r, "leave", leave);
	if (!a->keep && leave)
		import_note(f->lx.imp, r, IMPORT_NOTE, f->keep_line, NULL, "fdm keeps some messages on the server, by a rule; rpopd leaves all "
		    "of them there, or none, and leave is 1 to be on the safe side");
	if (leave && a->only == FDM_ALL)
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "without 'new-only' fdm retrieves everything anew each time; rpopd "
		    "retrieves each message once");
	if (!a->uidl && leave)
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "no-uidl: with leave = 1 the server must have UIDL");
	if (a->cache.text != NULL && a->cache.unknown == NULL && (r->label = strdup(a->cache.text)) == NULL)
		err(1, NULL);
	if (r->label != NULL)
		import_note(f->lx.imp, r, IMPORT_NOTE, a->cache_line, NULL, "import the file %s, too, or what is left on the server is retrieved "
		    "once more", a->cache.text);
	field_limit(f->lx.imp, r, f->max_size_line, "max_size", f->max_size, INT32_MAX);
	field_limit(f->lx.imp, r, f->purge_after_line, "session_messages", f->purge_after, MAX_MESSAGES);
	if (a->disabled) {
		import_set(r, "period", NULL, 0);
		import_note(f->lx.imp, r, IMPORT_NOTE, a->line, NULL, "the account is disabled, and so is the record: period is NULL");
	}
}

/* Its users, or the default user. */
static void
record_owner(struct fdm *f, struct import_record *r, const struct fdm_account *a)
{
	const struct fdm_value	*v = a->owners > 0 ? &a->owner : &f->default_user;
	unsigned int		 line = a->owners > 0 ? a->owner_line : f->default_user_line;

	if (a->owners > 1)
		import_note(f->lx.imp, r, IMPORT_LOST, line, NULL, "%zu users get the mail; the first one owns the record, and a row of table "
		    "route for each further one makes copies", a->owners);
	if (line == 0)
		import_note(f->lx.imp, r, IMPORT_QUESTION, a->line, "account", "the account has no users, and there is no default-user: whose "
		    "mail is it");
	else if (v->unknown != NULL)
		import_note(f->lx.imp, r, IMPORT_QUESTION, line, "account", "the user has %s", v->unknown);
	else if (!field_owner(r, v->text))
		import_note(f->lx.imp, r, IMPORT_QUESTION, line, "account", "%s is no name that an account can have: whose mail is it", v->text);
}

static void
rest(struct fdm *f)
{
	struct import	*imp = f->lx.imp;

	if (f->actions > 0)
		import_note(imp, NULL, IMPORT_LOST, f->actions_line, NULL, "%zu action%s from here on: rpopd runs no programs for messages; it "
		    "delivers into Maildirs, or to next hops by LMTP or SMTP, where Sieve can filter", f->actions, PLURAL(f->actions));
	if (f->rules > 0)
		import_note(imp, NULL, IMPORT_LOST, f->rules_line, NULL, "%zu match rule%s from here on: rpopd goes by the owner of the "
		    "record, or with column special by the recipient; tables account and route say where that is", f->rules, PLURAL(f->rules));
	if (f->caches > 0)
		import_note(imp, NULL, IMPORT_LOST, f->caches_line, NULL, "%zu cache%s for rules: rpopd knows copies by column suppress",
		    f->caches, PLURAL(f->caches));
}
