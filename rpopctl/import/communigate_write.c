/* SPDX-License-Identifier: ISC */
/* From records of table rpop to CommuniGate's dictionaries; communigate.c has the way back, and the table of keys. */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "communigate.h"
#include "dictionary.h"

static void	 record_write(FILE *, struct import *, struct import_record *, int);
static void	 write_key(FILE *, const char *, const char *, size_t, int);
static void	 record_lost(struct import *, struct import_record *);
static void	 tls_lost(struct import *, struct import_record *);
static const char *value_of(const struct import_record *, const char *);
static int	 said(const char *);

#define SAID	11		/* so many of the columns have a key */
const char *const	 communigate_columns[] = { "account", "name", "domain", "auth_name", "password", "period", "mailbox",
    "special",
    "leave", "apop", "tls",
    "special_nth", "trusted_hop", "strip_prefix", "received_for", "domains", "suppress", "local_domain", "auth", "oauth_client",
    "refresh_token", "token_command", "token_user", "tls_min", "tls_ciphers", "tls_name", "tls_pins", "ca_file", "tls_cert",
    "tls_key",
    "schedule", "max_size", "oversize", "session_messages", "session_octets", "leave_days", "first_poll", "self_service", "rset",
    NULL };

/* What columns without a key are, unless somebody has set them; all others are NULL then. */
static const struct {
	const char	*column, *value;
}	 defaults[] = {
	{ "received_for", "0" }, { "suppress", "1" }, { "auth", "auto" }, { "oversize", "skip" }, { "first_poll", "retrieve" },
	{ "self_service", "0" }, { "rset", "0" },
};

void
communigate_write(FILE *fp, struct import *imp, int one)
{
	const char	*account, *before = NULL;
	size_t		 i;

	fputs("{\n", fp);
	for (i = 0; i < imp->nrecords; i++) {
		account = value_of(&imp->records[i], "account");
		if (!one && (before == NULL || strcmp(before, account) != 0)) {
			fputs(before == NULL ? "  " : "  };\n  ", fp);
			dictionary_write(fp, account, strlen(account));
			fputs(" = {\n", fp);
			before = account;
		}
		record_write(fp, imp, &imp->records[i], one ? 2 : 4);
	}
	fputs(before == NULL ? "}\n" : "  };\n}\n", fp);
}

/* One record, indented by so many columns. */
static void
record_write(FILE *fp, struct import *imp, struct import_record *r, int indent)
{
	static const struct {
		const char	*key, *column;
	}			 texts[] = { { "domain", "domain" }, { "authName", "auth_name" }, { "password", "password" },
				    { "mailbox", "mailbox" }, { "special", "special" } };
	static const struct {
		const char	*key, *column, *no;
	}			 flags[] = { { "leave", "leave", "0" }, { "APOP", "apop", "0" }, { "TLS", "tls", "none" } };
	const struct import_cell *c;
	char			 period[32];
	size_t			 i;

	fprintf(fp, "%*s", indent, "");
	c = import_get(r, "name");
	dictionary_write(fp, c->value, c->len);
	fputs(" = {\n", fp);
	for (i = 0; i < nitems(texts); i++)
		if ((c = import_get(r, texts[i].column)) != NULL && c->value != NULL)
			write_key(fp, texts[i].key, c->value, c->len, indent + 2);
	snprintf(period, sizeof(period), "%ss", value_of(r, "period") != NULL ? value_of(r, "period") : "1000000000");
	write_key(fp, "period", period, strlen(period), indent + 2);
	for (i = 0; i < nitems(flags); i++)
		if ((c = import_get(r, flags[i].column)) != NULL && c->value != NULL && strcmp(c->value, flags[i].no) != 0)
			write_key(fp, flags[i].key, "YES", 3, indent + 2);
	fprintf(fp, "%*s};\n", indent, "");
	tls_lost(imp, r);
	record_lost(imp, r);
}

static void
write_key(FILE *fp, const char *key, const char *value, size_t len, int indent)
{
	fprintf(fp, "%*s%s = ", indent, "", key);
	dictionary_write(fp, value, len);
	fputs(";\n", fp);
}

/* TLS that begins on the plain port is not sayable; TLS from the first octet fails there, which is better than none. */
static void
tls_lost(struct import *imp, struct import_record *r)
{
	const char	*tls = value_of(r, "tls");

	if (tls != NULL && strcmp(tls, "stls") == 0)
		import_note(imp, r, IMPORT_LOST, 0, NULL, "tls = stls: CommuniGate has TLS from the first octet on, which is "
		    "written, or none; "
		    "look whether the server has that, on port 995 as a rule");
}

/* Names every column that is as somebody has set it, and that a dictionary has no key for. */
static void
record_lost(struct import *imp, struct import_record *r)
{
	const char	*usual;
	size_t		 i, k, n = r->ncells;

	for (i = 0; i < n; i++) {
		if (r->cells[i].value == NULL || said(r->cells[i].column))
			continue;
		for (k = 0, usual = NULL; k < nitems(defaults) && usual == NULL; k++)
			if (strcmp(defaults[k].column, r->cells[i].column) == 0)
				usual = defaults[k].value;
		if (usual == NULL || strcmp(usual, r->cells[i].value) != 0)
			import_note(imp, r, IMPORT_LOST, 0, NULL, "%s: a dictionary has no key for it", r->cells[i].column);
	}
}

static int
said(const char *column)
{
	size_t	 i;

	for (i = 0; i < SAID && strcmp(communigate_columns[i], column) != 0; i++)
		continue;
	return (i < SAID);
}

/* NULL: the store's, or the column is not there. */
static const char *
value_of(const struct import_record *r, const char *column)
{
	const struct import_cell	*c = import_get(r, column);

	return (c == NULL ? NULL : c->value);
}
