/* SPDX-License-Identifier: ISC */
/* Section [options] of a getmailrc, and what the SSL retrievers have for TLS. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hex.h"
#include "getmail_int.h"

#define MAX_SIZE	2147483647LL		/* the most that the columns take */
#define MAX_MESSAGES	1000000LL
#define MAX_OCTETS	1000000000000LL
#define MAX_DAYS	36500LL
#define PIN_DIGITS	64
#define PINS_MAX	8
#define CIPHERS		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:+!@=,_ -"

enum kind {
	KIND_BOOL, KIND_NUMBER, KIND_TEXT
};

enum option {
	READ_ALL, DELETE, DELETE_AFTER, DELETE_BIGGER, MAX_MESSAGE, SESSION_MESSAGES, SESSION_OCTETS, REST
};

/* Every option; what REST says is told where the option is set, and not to its idle value. */
static const struct known {
	const char		*name;
	enum kind		 kind;
	enum option		 option;
	int64_t			 idle;
	enum import_weight	 weight;
	const char		*text;
} known[] = {
	{ "read_all", KIND_BOOL, READ_ALL, 1, IMPORT_NOTE, NULL }, { "delete", KIND_BOOL, DELETE, 0, IMPORT_NOTE, NULL },
	{ "delete_after", KIND_NUMBER, DELETE_AFTER, 0, IMPORT_NOTE, NULL },
	{ "delete_bigger_than", KIND_NUMBER, DELETE_BIGGER, 0, IMPORT_NOTE, NULL },
	{ "max_message_size", KIND_NUMBER, MAX_MESSAGE, 0, IMPORT_NOTE, NULL },
	{ "max_messages_per_session", KIND_NUMBER, SESSION_MESSAGES, 0, IMPORT_NOTE, NULL },
	{ "max_bytes_per_session", KIND_NUMBER, SESSION_OCTETS, 0, IMPORT_NOTE, NULL },
	{ "delivered_to", KIND_BOOL, REST, 1, IMPORT_NOTE, "delivered_to: rpopd writes its own trace fields" },
	{ "received", KIND_BOOL, REST, 1, IMPORT_NOTE, "received: rpopd writes its own trace field" },
	{ "message_log", KIND_TEXT, REST, 0, IMPORT_NOTE, "message_log: rpopd logs to syslog, as much as settings.log_level says" },
	{ "message_log_verbose", KIND_BOOL, REST, 0, IMPORT_NOTE, "message_log_verbose: settings.log_level says how much is logged" },
	{ "message_log_syslog", KIND_BOOL, REST, 1, IMPORT_NOTE, NULL }, { "verbose", KIND_NUMBER, REST, 1, IMPORT_NOTE, NULL },
	{ "fingerprint", KIND_BOOL, REST, 0, IMPORT_NOTE, "fingerprint: rpopctl try shows the certificate's" },
	{ "use_netrc", KIND_BOOL, REST, 0, IMPORT_NOTE, NULL }, { "netrc_file", KIND_TEXT, REST, 0, IMPORT_NOTE, NULL },
	{ "skip_imap_fetch_size", KIND_BOOL, REST, 0, IMPORT_NOTE, NULL }, { "to_oldmail_on_each_mail", KIND_BOOL, REST, 0, IMPORT_NOTE,
	    NULL },
};

struct values {
	int64_t			 number[REST];
	unsigned int		 line[REST];
};

static int	 option_read(struct getmail *, struct values *, const struct known *, const struct ini_option *);
static void	 options_leave(struct getmail *, const struct values *);
static void	 options_limits(struct getmail *, const struct values *);
static int	 tls_pins(struct getmail *, const struct ini_section *);
static void	 tls_files(struct getmail *, const struct ini_section *);
static void	 tls_version(struct getmail *, const struct ini_section *);

/* [DEFAULT] counts for options alone, and only where there is a section [options]. */
int
getmail_options(struct getmail *gm)
{
	const struct ini_section	*s = ini_section(gm->ini, "options"), *defaults = ini_section(gm->ini, "DEFAULT");
	const struct ini_option		*o;
	struct values			 v = { .number = { [READ_ALL] = 1 } };
	size_t				 i;

	for (i = 0; s != NULL && i < nitems(known); i++) {
		if ((o = ini_option(s, known[i].name)) == NULL && (o = ini_option(defaults, known[i].name)) == NULL)
			continue;
		if (option_read(gm, &v, &known[i], o) == -1)
			return (-1);
	}
	options_leave(gm, &v);
	options_limits(gm, &v);
	return (0);
}

static int
option_read(struct getmail *gm, struct values *v, const struct known *k, const struct ini_option *o)
{
	int64_t	 n = 1;

	if (k->kind == KIND_BOOL && (n = getmail_bool(o->value)) == -1)
		return (import_fail(gm->imp, o->line, "%s must be true or false, not %s", k->name, o->value));
	if (k->kind == KIND_NUMBER && python_int(o->value, &n) == -1)
		return (import_fail(gm->imp, o->line, "%s must be a number, not %s", k->name, o->value));
	if (k->option != REST) {
		v->number[k->option] = n;
		v->line[k->option] = o->line;
	} else if (k->text != NULL && n != k->idle)
		import_note(gm->imp, gm->record, k->weight, o->line, NULL, "%s", k->text);
	return (0);
}

static void
options_leave(struct getmail *gm, const struct values *v)
{
	int64_t	 days = v->number[DELETE_AFTER];

	import_set_number(gm->record, "leave", !v->number[DELETE]);
	if (v->number[READ_ALL] && !v->number[DELETE])
		import_note(gm->imp, gm->record, IMPORT_NOTE, v->line[READ_ALL], NULL, "getmail retrieves everything anew each time "
		    "(read_all); rpopd retrieves each message once, and leaves it on the server");
	if (v->number[DELETE] && days != 0)
		import_note(gm->imp, gm->record, IMPORT_NOTE, v->line[DELETE_AFTER], NULL, "delete_after does not count, because delete is on");
	else if (days < 0)
		import_note(gm->imp, gm->record, IMPORT_LOST, v->line[DELETE_AFTER], NULL, "delete_after is below 0; messages are left on the "
		    "server");
	else
		field_limit(gm->imp, gm->record, v->line[DELETE_AFTER], "leave_days", days, MAX_DAYS);
	if (v->number[DELETE_BIGGER] != 0)
		import_note(gm->imp, gm->record, IMPORT_LOST, v->line[DELETE_BIGGER], NULL, "delete_bigger_than: rpopd deletes by leave and "
		    "leave_days, not by size");
}

static void
options_limits(struct getmail *gm, const struct values *v)
{
	static const struct {
		enum option	 option;
		const char	*column;
		int64_t		 max;
	} limits[] = { { MAX_MESSAGE, "max_size", MAX_SIZE }, { SESSION_MESSAGES, "session_messages", MAX_MESSAGES },
	    { SESSION_OCTETS, "session_octets", MAX_OCTETS } };
	size_t	 i;

	for (i = 0; i < nitems(limits); i++)
		if (v->number[limits[i].option] < 0)
			import_note(gm->imp, gm->record, IMPORT_QUESTION, v->line[limits[i].option], limits[i].column, "a limit below 0 lets getmail "
			    "retrieve nothing, or one message; how much may it be");
		else
			field_limit(gm->imp, gm->record, v->line[limits[i].option], limits[i].column, v->number[limits[i].option],
			    limits[i].max);
}

int
getmail_tls(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*ca = ini_option(s, "ca_certs"), *ciphers = ini_option(s, "ssl_ciphers");
	const struct ini_option	*name = ini_option(s, "ssl_cert_hostname");

	if (ca != NULL)
		field_ca(gm->imp, gm->record, ca->line, ca->value);
	if (tls_pins(gm, s) == -1)
		return (-1);
	if (ca == NULL && import_get(gm->record, "tls_pins") == NULL)
		import_note(gm->imp, gm->record, IMPORT_NOTE, s->line, NULL, "getmail does not check the server's certificate, because there "
		    "is no ca_certs; rpopd does, and one that is self-signed needs tls_pins or ca_file");
	tls_files(gm, s);
	tls_version(gm, s);
	if (ciphers != NULL && ciphers->len > 0) {
		if (ciphers->len <= 500 && strspn(ciphers->value, CIPHERS) == ciphers->len)
			import_set_text(gm->record, "tls_ciphers", ciphers->value);
		else
			import_note(gm->imp, gm->record, IMPORT_LOST, ciphers->line, NULL, "ssl_ciphers is no cipher list that tls_ciphers takes");
	}
	if (name != NULL && name->len > 0)
		import_set_text(gm->record, "tls_name", name->value);
	return (0);
}

/* Sums of SHA-256, with colons or without. */
static int
tls_pins(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*o = ini_option(s, "ssl_fingerprints");
	struct python		 v;
	char			 pins[PINS_MAX * (PIN_DIGITS + 1)], *p = pins;
	size_t			 i, k, digits;
	enum python_result	 result;

	if (o == NULL)
		return (0);
	if ((result = getmail_tuple(gm, o, &v)) == PYTHON_BAD)
		return (-1);
	if (result == PYTHON_CODE) {
		import_note(gm->imp, gm->record, IMPORT_LOST, o->line, NULL, "ssl_fingerprints is Python that would have to be run; set "
		    "tls_pins");
		return (0);
	}
	for (i = 0; i < v.nitems && i < PINS_MAX; i++) {
		const char	*digit = v.items[i].kind == PYTHON_STRING ? v.items[i].string : "";

		if (i > 0)
			*p++ = ' ';
		for (k = digits = 0; digit[k] != '\0' && digits <= PIN_DIGITS; k++)
			if (digit[k] != ':' && digits++ < PIN_DIGITS)
				*p++ = (char)tolower((unsigned char)(hex_digit(digit[k]) == -1 ? 'x' : digit[k]));
		if (digits != PIN_DIGITS || memchr(p - PIN_DIGITS, 'x', PIN_DIGITS) != NULL) {
			python_free(&v);
			return (import_fail(gm->imp, o->line, "each of ssl_fingerprints must be the SHA-256 sum of a certificate, 64 hexadecimal "
			    "digits"));
		}
	}
	if (v.nitems > PINS_MAX)
		import_note(gm->imp, gm->record, IMPORT_LOST, o->line, NULL, "tls_pins has room for %d sums, and there are more", PINS_MAX);
	if (v.nitems > 0)
		import_set(gm->record, "tls_pins", pins, (size_t)(p - pins));
	python_free(&v);
	return (0);
}

static void
tls_files(struct getmail *gm, const struct ini_section *s)
{
	const struct ini_option	*cert = ini_option(s, "certfile"), *key = ini_option(s, "keyfile");

	if (cert == NULL && key == NULL)
		return;
	if (cert == NULL || key == NULL)
		import_note(gm->imp, gm->record, IMPORT_LOST, cert == NULL ? key->line : cert->line, NULL, "certfile and keyfile belong "
		    "together, and there is one of them");
	else if (field_file(gm->imp, gm->record, cert->line, "tls_cert", cert->value) &&
	    !field_file(gm->imp, gm->record, key->line, "tls_key", key->value))
		import_set(gm->record, "tls_cert", NULL, 0);
}

/* getmail takes that version alone. */
static void
tls_version(struct getmail *gm, const struct ini_section *s)
{
	static const struct {
		const char	*name, *min;
	} versions[] = { { "tlsv1", "1.0" }, { "tlsv1_1", "1.1" }, { "tlsv1_2", "1.2" } };
	const struct ini_option	*o = ini_option(s, "ssl_version");
	size_t			 i;

	if (o == NULL || strcasecmp(o->value, "sslv23") == 0)
		return;
	for (i = 0; i < nitems(versions) && strcasecmp(o->value, versions[i].name) != 0; i++)
		continue;
	if (i == nitems(versions))
		import_note(gm->imp, gm->record, IMPORT_LOST, o->line, NULL, "rpopd knows no ssl_version %s; tls_min has the oldest one that is "
		    "accepted", o->value);
	else {
		import_set_text(gm->record, "tls_min", versions[i].min);
		import_note(gm->imp, gm->record, IMPORT_NOTE, o->line, NULL, "ssl_version is the oldest one that is accepted, in tls_min; newer "
		    "ones are better, and accepted, too");
	}
}
