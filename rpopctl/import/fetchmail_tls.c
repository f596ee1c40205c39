/* SPDX-License-Identifier: ISC */
/*
 * TLS of an entry.  What fetchmail 6.4.37 does over POP3, as tried with every word of sslproto:
 *
 *	ssl			TLS from the first octet
 *	sslproto ''		none, whatever else is said
 *	sslproto with a word	STLS, required
 *	sslproto not given	STLS, required; with "no sslcertck" and without sslfingerprint it is used where the server offers it
 *	protocol APOP		as ssl says, and never STLS
 */
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "fetchmail_int.h"

#define NAME_MAX_OCTETS	253
#define CA_PATH		"/etc/ssl/certs"	/* what settings.ca_dir is by itself */

static const struct proto {
	const char	*word;
	const char	*min;		/* column tls_min; NULL: rpopd's own least, 1.2 */
	const char	*note;
} protos[] = {
	{ "auto", NULL, NULL },
	{ "ssl23", NULL, NULL },
	{ "tls1+", NULL, NULL },
	{ "tls1.2+", "1.2", NULL },
	{ "tls1.3+", "1.3", NULL },
	{ "tls1.3", "1.3", NULL },
	{ "tls1.2", "1.2", "TLS 1.3 is used as well where the server has it" },
	{ "tls1.1+", NULL, "TLS 1.1 is broken, so 1.2 is the least; for a server that has nothing newer set tls_min to 1.1" },
	{ "tls1.1", NULL, "TLS 1.1 is broken, so 1.2 is the least; for a server that has nothing newer set tls_min to 1.1" },
	{ "tls1", NULL, "TLS 1.0 is broken, so 1.2 is the least; for a server that has nothing newer set tls_min to 1.0" },
	{ "ssl3", NULL, "rpopd does not have SSLv3; TLS 1.2 is the least" },
	{ "ssl3+", NULL, "rpopd does not have SSLv3; TLS 1.2 is the least" },
};

static const char *mode(const struct fm_entry *);
static void	 question(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 version(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 peer(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 certificate(struct fm_file *, struct fm_entry *, struct import_record *);
static int	 path(struct fm_file *, struct import_record *, const struct fm_value *, const char *, const char *);

void
fm_tls(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const char	*tls = mode(e);

	if (tls == NULL) {
		question(f, e, r);
		return;
	}
	import_set_text(r, "tls", tls);
	if (strcmp(tls, "none") == 0) {
		import_note(f->lex.imp, r, IMPORT_NOTE, e->line, NULL, "the connection is in clear text, password and mail "
		    "included, as it was; set tls to tls or stls if the server has it");
		return;
	}
	version(f, e, r);
	peer(f, e, r);
	certificate(f, e, r);
}

/* Column tls; NULL: it depends on the server. */
static const char *
mode(const struct fm_entry *e)
{
	const struct fm_value	*proto = fm_get(e, FM_PROTOCOL), *words = fm_get(e, FM_SSLPROTO);

	if (fm_on(e, FM_SSL, 0))
		return ("tls");
	if (proto->line != 0 && proto->number == FM_PROTO_APOP)
		return ("none");
	if (words->line != 0)
		return (words->text[0] != '\0' ? "stls" : "none");
	return (fm_on(e, FM_SSLCERTCK, 1) || fm_get(e, FM_SSLFINGERPRINT)->line != 0 ? "stls" : NULL);
}

static void
question(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	static const enum fm_option	 files[] = { FM_SSLCERTFILE, FM_SSLCERT, FM_SSLKEY };
	const struct fm_value		*v;
	size_t				 i;

	import_note(f->lex.imp, r, IMPORT_QUESTION, fm_get(e, FM_SSLCERTCK)->line, "tls", "fetchmail uses STLS if the server "
	    "offers it, and clear text if not, which anybody on the way can decide; tls is stls or none");
	for (i = 0; i < nitems(files); i++)
		if ((v = fm_get(e, files[i]))->line != 0)
			import_note(f->lex.imp, r, IMPORT_LOST, v->line, NULL, "%s is not carried over; with tls stls set %s",
			    v->text, files[i] == FM_SSLCERTFILE ? "ca_file" : "tls_cert and tls_key");
}

static void
version(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*v = fm_get(e, FM_SSLPROTO);
	size_t			 i;

	if (v->line == 0 || v->text[0] == '\0')
		return;
	for (i = 0; i < nitems(protos) && strcasecmp(v->text, protos[i].word) != 0; i++)
		continue;
	if (i == nitems(protos)) {
		import_note(f->lex.imp, r, IMPORT_NOTE, v->line, NULL, "sslproto %s is no word that fetchmail knows; TLS 1.2 is "
		    "the least", v->text);
		return;
	}
	if (protos[i].min != NULL)
		import_set_text(r, "tls_min", protos[i].min);
	if (protos[i].note != NULL)
		import_note(f->lex.imp, r, IMPORT_NOTE, v->line, NULL, "sslproto %s: %s", protos[i].word, protos[i].note);
}

/* Whose certificate it must be. */
static void
peer(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*name = fm_get(e, FM_SSLCOMMONNAME), *file = fm_get(e, FM_SSLCERTFILE);
	const struct fm_value	*dir = fm_get(e, FM_SSLCERTPATH);
	const struct fm_value	*print = fm_get(e, FM_SSLFINGERPRINT), *check = fm_get(e, FM_SSLCERTCK);
	struct import		*imp = f->lex.imp;
	size_t			 len;

	if (name->line != 0) {
		len = strspn(name->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-");
		if (len > 0 && len <= NAME_MAX_OCTETS && name->text[len] == '\0')
			import_set_text(r, "tls_name", name->text);
		else
			import_note(imp, r, IMPORT_LOST, name->line, NULL, "sslcommonname %s is no host name; tls_name takes the "
			    "name or address that the server's certificate has as an alternative name", name->text);
	}
	if (file->line != 0 && path(f, r, file, "sslcertfile", "ca_file"))
		field_ca(imp, r, file->line, file->text);
	if (dir->line != 0 && strcmp(dir->text, CA_PATH) != 0)
		import_note(imp, r, IMPORT_LOST, dir->line, NULL, "sslcertpath: trusted certificates are those of the record's "
		    "ca_file, or in settings.ca_dir, one directory for all records");
	if (print->line != 0)
		import_note(imp, r, IMPORT_LOST, print->line, NULL, "sslfingerprint is an MD5 sum, which nothing should rely on; "
		    "tls_pins takes the SHA-256 sum that openssl x509 -noout -fingerprint -sha256 prints, without colons");
	if (check->line != 0 && !check->number)
		import_note(imp, r, IMPORT_LOST, check->line, NULL, "no sslcertck: rpopd verifies every certificate; one that is "
		    "self-signed, expired or made for another name is accepted by its SHA-256 sum in tls_pins");
}

/* Our own; one file may hold certificate and key. */
static void
certificate(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*cert = fm_get(e, FM_SSLCERT), *key = fm_get(e, FM_SSLKEY);
	int			 good;

	if (cert->line == 0 && key->line == 0)
		return;
	if (cert->line == 0)
		cert = key;
	if (key->line == 0)
		key = cert;
	good = path(f, r, cert, "sslcert", "tls_cert");
	if (!path(f, r, key, "sslkey", "tls_key") || !good)
		return;
	if (!field_file(f->lex.imp, r, cert->line, "tls_cert", cert->text) ||
	    !field_file(f->lex.imp, r, key->line, "tls_key", key->text)) {
		import_set(r, "tls_cert", NULL, 0);
		import_set(r, "tls_key", NULL, 0);
		return;
	}
	import_note(f->lex.imp, r, IMPORT_NOTE, cert->line, NULL, "sslcert: fetchmail takes the user's name from the certificate; "
	    "here it is auth_name");
}

/* A file's name that is not absolute depends on where the fetchmailrc lies, which is not known here. */
static int
path(struct fm_file *f, struct import_record *r, const struct fm_value *v, const char *option, const char *column)
{
	if (v->text[0] == '/')
		return (1);
	import_note(f->lex.imp, r, IMPORT_QUESTION, v->line, column, "%s %s is a name relative to the directory of the "
	    "fetchmailrc; %s is the absolute path", option, v->text, column);
	return (0);
}
