/* SPDX-License-Identifier: ISC */
/*
 * Whom the mail of an entry is for.  With one local name it is that user's; with several, or "*", it is distributed by what its
 * header says, which here is a record with special of the postmaster.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "fetchmail_int.h"

#define DOMAINS_MAX	1000		/* octets of column domains */
#define DOMAIN_NAME_MAX	253
#define PREFIX_MAX	63
#define NTH_MAX		100
#define SHOWN_NAMES	10		/* names in a note */
#define TRIED_NAMES	256		/* of a list that become domains */

struct domains {
	char	 text[DOMAINS_MAX + 1];
	size_t	 n;
};

static void	 single(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 distributed(struct fm_file *, struct fm_entry *, struct import_record *);
static int	 field(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 field_details(struct fm_file *, struct fm_entry *, struct import_record *);
static int	 field_name_ok(const char *);
static void	 domains(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 domains_add(struct fm_file *, struct import_record *, struct domains *, const struct fm_value *);
static int	 domain_ok(char *, size_t, const char *);
static void	 names(struct fm_file *, struct fm_entry *, struct import_record *);

int
fm_distributes(const struct fm_entry *e)
{
	const struct fm_name	*first = fm_get(e, FM_IS)->names;

	return (fm_get(e, FM_WILDCARD)->line != 0 || (first != NULL && first->next != NULL));
}

void
fm_owner(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	if (fm_distributes(e))
		distributed(f, e, r);
	else
		single(f, e, r);
}

/* Fetchmail hands the left one of a pair of names to the next hop, and completes or replaces what has no domain. */
static void
single(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_name	*name = fm_get(e, FM_IS)->names;
	const struct fm_value	*smtpname = fm_get(e, FM_SMTPNAME), *domain = fm_get(e, FM_SMTPADDRESS), *mda = fm_get(e, FM_MDA);
	struct import		*imp = f->lex.imp;
	unsigned int		 line = name != NULL ? fm_get(e, FM_IS)->line : e->line;
	char			 owner[320], host[DOMAIN_NAME_MAX + 1];
	int			 plain = name != NULL && strchr(name->text, '@') == NULL && mda->line == 0;

	if (name == NULL && (mda->line == 0 || !field_owner_command(imp, r, mda->line, mda->text))) {
		import_note(imp, r, IMPORT_QUESTION, line, "account", "the entry does not say whose mail it is, so it goes to "
		    "whoever runs fetchmail; account is the owner's address");
		return;
	}
	if (name == NULL)
		return;
	if (name->to != NULL && strcmp(name->to, name->text) != 0)
		import_note(imp, r, IMPORT_NOTE, line, NULL, "%s=%s alone: fetchmail delivers to %s, and so does this record",
		    name->text, name->to, name->text);
	if (plain && smtpname->line != 0)
		snprintf(owner, sizeof(owner), "%s", smtpname->text);
	else if (plain && domain->line != 0 && domain_ok(host, sizeof(host), domain->text) && strcmp(host, "localhost") != 0)
		snprintf(owner, sizeof(owner), "%s@%s", name->text, host);
	else
		snprintf(owner, sizeof(owner), "%s", name->text);
	if (!field_owner(r, owner))
		import_note(imp, r, IMPORT_QUESTION, line, "account", "%s is no name that an account can have; account is the "
		    "owner's address", owner);
}

static void
distributed(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	import_set_text(r, "account", "postmaster");
	if (field(f, e, r))
		field_details(f, e, r);
	domains(f, e, r);
	names(f, e, r);
}

/* Column special; whether it is the name of a field. */
static int
field(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*v = fm_get(e, FM_ENVELOPE), *proto = fm_get(e, FM_PROTOCOL);
	struct import		*imp = f->lex.imp;
	char			 name[256];
	size_t			 len;

	if (proto->line != 0 && proto->number == FM_PROTO_SDPS) {
		import_note(imp, r, IMPORT_QUESTION, proto->line, "special", "SDPS tells the recipients by a command that rpopd "
		    "does not have; special is the field of the header that has them, or *");
		return (0);
	}
	if (v->line != 0 && v->text != NULL && strncasecmp(v->text, "Received", 8) != 0) {
		len = strcspn(v->text, ":");
		while (len > 0 && (v->text[len - 1] == ' ' || v->text[len - 1] == '\t'))
			len--;
		snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), v->text);
		if (strcasecmp(name, "To") != 0 && strcasecmp(name, "Cc") != 0 && strcasecmp(name, "Bcc") != 0) {
			if (len < sizeof(name) && field_name_ok(name)) {
				import_set_text(r, "special", name);
				return (1);
			}
			import_note(imp, r, IMPORT_QUESTION, v->line, "special", "envelope %s is no field that a provider keeps "
			    "the recipients in; special is that field's name, or * for To, Cc and Bcc", v->text);
			return (0);
		}
	}
	import_set_text(r, "special", "*");
	if (v->line != 0 && v->text == NULL)
		return (0);
	import_note(imp, r, IMPORT_NOTE, v->line != 0 ? v->line : e->line, NULL, "no field of the provider is named, so To, Cc and "
	    "Bcc decide, and mail of lists and of blind copies finds nobody; name the provider's field in special, or for what "
	    "Received has behind for: special, received_for and trusted_hop");
	return (0);
}

/* Fetchmail looks at one field of the name, behind those that are skipped. */
static void
field_details(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*skip = fm_get(e, FM_ENVELOPE_SKIP), *prefix = fm_get(e, FM_QVIRTUAL);
	struct import		*imp = f->lex.imp;
	const char		*p;
	int			 n = skip->line != 0 && skip->number > 0 ? skip->number : 0;

	if (n < NTH_MAX)
		import_set_number(r, "special_nth", n + 1);
	else
		import_note(imp, r, IMPORT_QUESTION, skip->line, "special_nth", "envelope skips %d fields, and special_nth is %d "
		    "at most", n, NTH_MAX);
	if (prefix->line == 0 || prefix->text[0] == '\0')
		return;
	for (p = prefix->text; *p > 0x20 && *p < 0x7f && *p != '@'; p++)
		continue;
	if (*p == '\0' && p - prefix->text <= PREFIX_MAX)
		import_set_text(r, "strip_prefix", prefix->text);
	else
		import_note(imp, r, IMPORT_QUESTION, prefix->line, "strip_prefix", "qvirtual %s is not 1 to %d printable "
		    "characters without @", prefix->text, PREFIX_MAX);
}

/* Whether the name is that of a field (RFC 5322 section 2.2), and not one that special does not take. */
static int
field_name_ok(const char *name)
{
	const char	*p;

	for (p = name; *p > 0x20 && *p < 0x7f && *p != ':' && *p != '*'; p++)
		continue;
	return (*p == '\0' && p != name && field_special(name));
}

/* Column domains: what is passed on as it stands, and what names of the server stand for. */
static void
domains(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	struct domains	 d = { .n = 0 };

	domains_add(f, r, &d, fm_get(e, FM_LOCALDOMAINS));
	domains_add(f, r, &d, fm_get(e, FM_AKA));
	if (d.n == 0)
		return;
	import_set_text(r, "domains", d.text);
	import_note(f->lex.imp, r, IMPORT_NOTE, e->line, NULL, "localdomains and aka became domains: each must be in table domain, "
	    "and domains below them, which fetchmail takes as well, are to be named there one by one");
}

static void
domains_add(struct fm_file *f, struct import_record *r, struct domains *d, const struct fm_value *v)
{
	const struct fm_name	*name;
	char			 host[DOMAIN_NAME_MAX + 1], among[DOMAINS_MAX + 3], word[DOMAIN_NAME_MAX + 3];
	int			 lost = 0, tried = 0;

	for (name = v->line != 0 ? v->names : NULL; name != NULL; name = name->next) {
		if (tried++ < TRIED_NAMES && domain_ok(host, sizeof(host), name->text)) {
			snprintf(among, sizeof(among), " %s ", d->text);
			snprintf(word, sizeof(word), " %s ", host);
			if (strstr(among, word) != NULL)
				continue;
			if (strlen(d->text) + strlen(host) + 1 <= DOMAINS_MAX) {
				if (d->n++ > 0)
					strlcat(d->text, " ", sizeof(d->text));
				strlcat(d->text, host, sizeof(d->text));
				continue;
			}
		}
		if (lost++ == 0)
			import_note(f->lex.imp, r, IMPORT_LOST, v->line, NULL, "%s is not in domains, because it is no domain's "
			    "name or there are too many; that column has %d octets, and NULL stands for all domains here",
			    name->text, DOMAINS_MAX);
		if (tried > TRIED_NAMES)
			break;
	}
}

/* The name of a domain in lower case, as table domain has it. */
static int
domain_ok(char *host, size_t size, const char *text)
{
	size_t	 i;

	if (strlcpy(host, text, size) >= size || text[0] == '\0' || strcasecmp(text, "spool") == 0)
		return (0);
	for (i = 0; host[i] != '\0'; i++) {
		host[i] = (char)tolower((unsigned char)host[i]);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", host[i]) == NULL)
			return (0);
	}
	return (host[0] != '.' && host[0] != '-' && host[i - 1] != '.' && host[i - 1] != '-' && strstr(host, "..") == NULL &&
	    strstr(host, ".-") == NULL && strstr(host, "-.") == NULL);
}

/* The names themselves are accounts and rows of table route. */
static void
names(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*v = fm_get(e, FM_IS);
	const struct fm_name	*name = v->line != 0 ? v->names : NULL;
	char			 text[1024] = "", one[160];
	int			 pairs = 0, n;

	for (n = 0; name != NULL && n < SHOWN_NAMES; name = name->next, n++) {
		pairs += name->to != NULL;
		snprintf(one, sizeof(one), "%s%.60s%s%.60s", n > 0 ? ", " : "", name->text, name->to != NULL ? "=" : "",
		    name->to != NULL ? name->to : "");
		strlcat(text, one, sizeof(text));
	}
	for (; name != NULL && !pairs && n < TRIED_NAMES; name = name->next, n++)
		pairs += name->to != NULL;
	if (n == 0)
		return;
	import_note(f->lex.imp, r, pairs ? IMPORT_LOST : IMPORT_NOTE, v->line, NULL, "the names %s%s are not part of the record: "
	    "every account, and every address of table route, is found%s", text, name != NULL || n > SHOWN_NAMES ? ", ..." : "",
	    pairs ? "; NAME=USER becomes a row there, with address NAME@domain and target USER@domain" : "");
}
