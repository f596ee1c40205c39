/* SPDX-License-Identifier: ISC */
/* What an account of an mpoprc becomes in table rpop. */
#include <sys/param.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "mpop_int.h"

#define MAX_SIZE	2147483647LL	/* of column max_size */
#define PIN_DIGITS	64

static int	 usable(struct import *, const struct mpop_account *);
static int	 on(const struct mpop_account *, enum mpop_command, int);
static void	 record_owner(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_server(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_tls(struct import *, struct import_record *, const struct mpop_account *);
static int	 record_pins(struct import *, struct import_record *, const struct mpop_value *);
static void	 record_certificate(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_login(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_mechanism(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_password(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_messages(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_seen(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_sizes(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_rest(struct import *, struct import_record *, const struct mpop_account *);
static void	 record_eval(struct import *, struct import_record *, const struct mpop_account *);

/* What is told of a command that was given an argument other than idle, and becomes no column. */
static const struct rest {
	enum mpop_command	 command;
	const char		*idle;
	enum import_weight	 weight;
	const char		*text;
} rest[] = {
	{ MPOP_FILTER, NULL, IMPORT_LOST, "filter: rpopd runs no program for a message; a next hop with Sieve can filter" },
	{ MPOP_PROXY_HOST, NULL, IMPORT_LOST, "proxy_host and proxy_port: rpopd has one proxy for all records, in settings.socks" },
	{ MPOP_SOURCE_IP, NULL, IMPORT_LOST, "source_ip: rpopd has one for all records, in settings.source_address" },
	{ MPOP_TIMEOUT, "180", IMPORT_NOTE, "timeout: rpopd has one for all records, in settings.idle_timeout" },
	{ MPOP_PIPELINING, "auto", IMPORT_NOTE, "pipelining: rpopd pipelines where the server says that it can" },
	{ MPOP_RECEIVED_HEADER, "on", IMPORT_NOTE, "received_header off: rpopd writes its own trace field into each message" },
};

static const struct rest	 tls_rest[] = {
	{ MPOP_TLS_CRL_FILE, NULL, IMPORT_LOST, "tls_crl_file: rpopd looks at no lists of revoked certificates" },
	{ MPOP_TLS_MIN_DH_PRIME_BITS, NULL, IMPORT_LOST, "tls_min_dh_prime_bits: OpenSSL has limits of its own" },
	{ MPOP_TLS_PRIORITIES, NULL, IMPORT_LOST, "tls_priorities: rpopd has columns tls_min and tls_ciphers" },
	{ MPOP_TLS_CERTCHECK, "on", IMPORT_LOST, "tls_certcheck off: rpopd checks the certificate; one that is self-signed needs tls_pins "
	    "or ca_file" },
};

static void	 tell(struct import *, struct import_record *, const struct mpop_account *, const struct rest *, size_t);

int
mpop_record(struct import *imp, const struct mpop_account *a)
{
	struct import_record	*r;

	if (!usable(imp, a))
		return (0);
	if ((r = field_record(imp, a->line)) == NULL)
		return (-1);
	field_name(imp, r, a->id);
	record_server(imp, r, a);
	record_login(imp, r, a);
	record_messages(imp, r, a);
	record_owner(imp, r, a);
	record_rest(imp, r, a);
	field_check(imp, r);
	return (0);
}

static const char *
text(const struct mpop_account *a, enum mpop_command command)
{
	return (a->values[command].text);
}

static unsigned int
line(const struct mpop_account *a, enum mpop_command command)
{
	return (a->values[command].line == 0 ? a->line : a->values[command].line);
}

/* An account without a server is there for others to copy from. */
static int
usable(struct import *imp, const struct mpop_account *a)
{
	if (text(a, MPOP_SOCKET) != NULL) {
		import_note(imp, NULL, IMPORT_LOST, line(a, MPOP_SOCKET), NULL, "account %s has its server behind the socket %s; rpopd "
		    "connects by TCP only", a->id, text(a, MPOP_SOCKET));
		return (0);
	}
	if (text(a, MPOP_HOST) != NULL || text(a, MPOP_EVAL) != NULL)
		return (1);
	import_note(imp, NULL, IMPORT_NOTE, a->line, NULL, "account %s has no host, so it becomes no record", a->id);
	return (0);
}

static int
on(const struct mpop_account *a, enum mpop_command command, int otherwise)
{
	return (text(a, command) == NULL ? otherwise : strcmp(text(a, command), "on") == 0);
}

static void
record_server(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	unsigned int	 port;

	if (!on(a, MPOP_TLS, 0)) {
		import_set_text(r, "tls", "none");
		import_note(imp, r, IMPORT_NOTE, line(a, MPOP_TLS), NULL, "mpop uses no TLS here unless it is told to: everything goes in "
		    "clear; tls = 'tls' or 'stls' is better where the server has it");
	} else {
		import_set_text(r, "tls", on(a, MPOP_TLS_STARTTLS, 1) ? "stls" : "tls");
		record_tls(imp, r, a);
	}
	port = text(a, MPOP_PORT) == NULL ? 0 : (unsigned int)mpop_number(text(a, MPOP_PORT));
	if (port == 0 && on(a, MPOP_TLS, 0) && !on(a, MPOP_TLS_STARTTLS, 1))
		port = 995;
	if (text(a, MPOP_HOST) != NULL)
		field_host(imp, r, line(a, MPOP_HOST), text(a, MPOP_HOST), port);
}

static void
record_tls(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const struct mpop_value	*trust = &a->values[MPOP_TLS_TRUST_FILE];

	if (text(a, MPOP_TLS_HOST_OVERRIDE) != NULL)
		import_set_text(r, "tls_name", text(a, MPOP_TLS_HOST_OVERRIDE));
	record_certificate(imp, r, a);
	tell(imp, r, a, tls_rest, nitems(tls_rest));
	if (!on(a, MPOP_TLS_CERTCHECK, 1) || record_pins(imp, r, &a->values[MPOP_TLS_FINGERPRINT]))
		return;					/* no CA counts for mpop then */
	if (trust->text != NULL && strcmp(trust->text, "system") != 0)
		field_ca(imp, r, trust->line, trust->text);
	else if (trust->text == NULL && trust->own)
		import_note(imp, r, IMPORT_NOTE, trust->line, NULL, "tls_trust_file without an argument: rpopd trusts what is in "
		    "settings.ca_dir, unless the record has tls_pins or ca_file");
}

/* Whether mpop goes by a fingerprint alone. */
static int
record_pins(struct import *imp, struct import_record *r, const struct mpop_value *v)
{
	char	 pin[PIN_DIGITS + 1], *p = pin;
	size_t	 i;

	if (v->text == NULL)
		return (0);
	if (strlen(v->text) != 32 * 3 - 1) {
		import_note(imp, r, IMPORT_LOST, v->line, NULL, "tls_fingerprint is no SHA-256 sum; put the certificate's into tls_pins, or "
		    "rpopd goes by the CAs in settings.ca_dir");
		return (1);
	}
	for (i = 0; v->text[i] != '\0'; i++)
		if (i % 3 != 2)
			*p++ = (char)tolower((unsigned char)v->text[i]);
	*p = '\0';
	import_set_text(r, "tls_pins", pin);
	return (1);
}

static void
record_certificate(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*cert = text(a, MPOP_TLS_CERT_FILE), *key = text(a, MPOP_TLS_KEY_FILE);

	if (cert == NULL && key == NULL)
		return;
	if (cert == NULL || key == NULL)
		import_note(imp, r, IMPORT_LOST, line(a, cert == NULL ? MPOP_TLS_KEY_FILE : MPOP_TLS_CERT_FILE), NULL,
		    "tls_cert_file and tls_key_file belong together, and there is one of them");
	else if (cert[0] != '/' || key[0] != '/')
		import_note(imp, r, IMPORT_LOST, line(a, MPOP_TLS_CERT_FILE), NULL, "tls_cert and tls_key must be absolute paths, which %s "
		    "and %s are not; set them in the record", cert, key);
	else if (field_file(imp, r, line(a, MPOP_TLS_CERT_FILE), "tls_cert", cert) &&
	    !field_file(imp, r, line(a, MPOP_TLS_KEY_FILE), "tls_key", key))
		import_set(r, "tls_cert", NULL, 0);
}

static void
record_login(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*user = text(a, MPOP_USER), *domain = text(a, MPOP_NTLMDOMAIN), *auth = text(a, MPOP_AUTH);
	char		 name[1024];

	record_mechanism(imp, r, a);
	record_password(imp, r, a);
	if (user == NULL) {
		if (text(a, MPOP_EVAL) == NULL)
			import_note(imp, r, IMPORT_QUESTION, a->line, "auth_name", "account %s has no user to log in as", a->id);
	} else if (domain != NULL && auth != NULL && strcmp(auth, "ntlm") == 0) {
		snprintf(name, sizeof(name), "%s@%s", user, domain);
		import_set_text(r, "auth_name", name);
	} else {
		import_set_text(r, "auth_name", user);
		if (domain != NULL)
			import_note(imp, r, IMPORT_NOTE, line(a, MPOP_NTLMDOMAIN), NULL, "ntlmdomain counts with auth 'ntlm' only, behind an @ "
			    "in auth_name");
	}
}

/* mpop sends no password in clear unless it is told the mechanism. */
static void
record_mechanism(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*auth = text(a, MPOP_AUTH);
	unsigned int	 at = line(a, MPOP_AUTH);
	int		 clear = !on(a, MPOP_TLS, 0);

	if (auth == NULL || strcmp(auth, "on") == 0) {
		if (!clear)
			return;
		import_set_text(r, "auth", "scram-sha-256");
		import_note(imp, r, IMPORT_NOTE, at, NULL, "without TLS mpop logs in by SCRAM only, which keeps the password secret, and so does "
		    "the record; a server that has SCRAM-SHA-1 alone needs auth = 'scram-sha-1'");
	} else if (strcmp(auth, "digest-md5") == 0 || strcmp(auth, "gssapi") == 0) {
		import_note(imp, r, clear ? IMPORT_QUESTION : IMPORT_LOST, at, clear ? "auth" : NULL, "rpopd does not know the mechanism %s; "
		    "auth has those that it knows%s", auth, clear ? ", of which auto may send the password in clear" : "");
	} else if (strcmp(auth, "external") == 0 && import_get(r, "tls_cert") == NULL)
		import_note(imp, r, IMPORT_QUESTION, at, "tls_cert", "auth external needs a certificate and its key, tls_cert and tls_key");
	else
		import_set_text(r, "auth", auth);
}

static void
record_password(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*auth = text(a, MPOP_AUTH), *command = text(a, MPOP_PASSWORDEVAL);

	if (auth != NULL && strcmp(auth, "external") == 0)
		return;
	if (auth != NULL && (strcmp(auth, "oauthbearer") == 0 || strcmp(auth, "xoauth2") == 0)) {
		import_note(imp, r, IMPORT_QUESTION, line(a, MPOP_AUTH), "token_command", "auth %s needs a program that prints an access token, "
		    "or an oauth_client%s%s", auth, command == NULL ? "" : "; mpop runs by its shell: ", command == NULL ? "" : command);
		return;
	}
	if (text(a, MPOP_PASSWORD) != NULL)
		import_set_text(r, "password", text(a, MPOP_PASSWORD));
	else if (command != NULL)
		import_note(imp, r, IMPORT_QUESTION, line(a, MPOP_PASSWORDEVAL), "password", "mpop has the password from a command, which is not "
		    "run here: %s", command);
	else if (text(a, MPOP_EVAL) == NULL)
		import_note(imp, r, IMPORT_QUESTION, a->line, "password", "account %s has no password; mpop looks for it in the keyring and in "
		    "~/.netrc, or asks", a->id);
}

static void
record_messages(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	int	 keep = on(a, MPOP_KEEP, 0);

	import_set_number(r, "leave", keep);
	if (!on(a, MPOP_ONLY_NEW, 1))
		import_note(imp, r, IMPORT_NOTE, line(a, MPOP_ONLY_NEW), NULL, "only_new off: rpopd retrieves each message once, whatever is "
		    "left on the server");
	record_sizes(imp, r, a);
	if (keep && text(a, MPOP_USER) != NULL && text(a, MPOP_HOST) != NULL)
		record_seen(imp, r, a);
}

/* The file of unique-ids, as mpop makes its name. */
static void
record_seen(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*p = text(a, MPOP_UIDLS_FILE) == NULL ? "~/.mpop_uidls/%U_at_%H" : text(a, MPOP_UIDLS_FILE);
	char		 path[2048] = "", octet[2] = "";

	for (; *p != '\0'; p++)
		if (*p == '%' && (p[1] == 'U' || p[1] == 'H'))
			strlcat(path, text(a, *++p == 'U' ? MPOP_USER : MPOP_HOST), sizeof(path));
		else {
			octet[0] = *p;
			strlcat(path, octet, sizeof(path));
		}
	import_note(imp, r, IMPORT_NOTE, line(a, MPOP_UIDLS_FILE), NULL, "import the file %s, too, or what is left on the server is "
	    "retrieved once more", path);
}

/* A message of that size, or above, is not retrieved. */
static void
record_sizes(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*kill = text(a, MPOP_KILLSIZE), *skip = text(a, MPOP_SKIPSIZE);
	int64_t		 killed = kill == NULL || strcmp(kill, "off") == 0 ? -1 : mpop_size(kill);
	int64_t		 skipped = skip == NULL || strcmp(skip, "off") == 0 ? -1 : mpop_size(skip), limit;

	if (killed < 0 && skipped < 0)
		return;
	limit = killed < 0 ? skipped : skipped < 0 ? killed : MIN(killed, skipped);
	if (killed >= 0 && !on(a, MPOP_KEEP, 0))
		import_note(imp, r, IMPORT_LOST, line(a, MPOP_KILLSIZE), NULL, "killsize: rpopd deletes nothing that nobody has got; what is too "
		    "large stays on the server, by max_size");
	if (limit < 2)
		import_note(imp, r, IMPORT_QUESTION, line(a, killed == limit ? MPOP_KILLSIZE : MPOP_SKIPSIZE), "max_size", "with this mpop "
		    "retrieves no message at all; how many octets may a message have");
	else if (limit - 1 <= MAX_SIZE)
		import_set_number(r, "max_size", limit - 1);
}

static void
record_owner(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	const char	*delivery = text(a, MPOP_DELIVERY), *to;
	char		 path[512], method[16];
	size_t		 len;
	unsigned int	 at = line(a, MPOP_DELIVERY);

	if (delivery == NULL) {
		import_note(imp, r, IMPORT_QUESTION, a->line, "account", "account %s has no delivery, which would tell whose mail this is",
		    a->id);
		return;
	}
	len = strcspn(delivery, " \t");
	snprintf(method, sizeof(method), "%.*s", (int)len, delivery);
	to = delivery + len + strspn(delivery + len, " \t");
	strlcpy(path, to + (*to == '"'), sizeof(path));
	if (*to == '"' && (len = strlen(path)) > 0 && path[len - 1] == '"')
		path[len - 1] = '\0';
	if (strcmp(method, "mda") == 0)
		import_note(imp, r, IMPORT_LOST, at, NULL, "delivery mda: rpopd runs no program for a message; it has Maildirs, and next hops by "
		    "LMTP or SMTP");
	else if (strcmp(method, "exchange") == 0)
		import_note(imp, r, IMPORT_LOST, at, NULL, "delivery exchange: rpopd has no pickup directory; a next hop by SMTP takes its "
		    "place");
	else if (strcmp(method, "mbox") == 0)
		import_note(imp, r, IMPORT_LOST, at, NULL, "delivery mbox: rpopd stores messages in Maildirs, not in mbox files");
	if (strcmp(method, "mda") == 0 ? !field_owner_command(imp, r, at, path) : !field_owner_path(imp, r, at, path))
		import_note(imp, r, IMPORT_QUESTION, at, "account", "delivery %s does not tell whose mail this is", delivery);
}

static void
record_rest(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	tell(imp, r, a, rest, nitems(rest));
	if (!on(a, MPOP_TLS, 0) && (text(a, MPOP_TLS_FINGERPRINT) != NULL || text(a, MPOP_TLS_TRUST_FILE) != NULL ||
	    text(a, MPOP_TLS_CERT_FILE) != NULL))
		import_note(imp, r, IMPORT_NOTE, line(a, MPOP_TLS), NULL, "settings for TLS do not count, because tls is off");
	record_eval(imp, r, a);
}

static void
tell(struct import *imp, struct import_record *r, const struct mpop_account *a, const struct rest *told, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (text(a, told[i].command) != NULL && (told[i].idle == NULL || strcmp(text(a, told[i].command), told[i].idle) != 0))
			import_note(imp, r, told[i].weight, line(a, told[i].command), NULL, "%s", told[i].text);
}

/* A line that a program writes may set anything: what is not set without it is asked for. */
static void
record_eval(struct import *imp, struct import_record *r, const struct mpop_account *a)
{
	static const struct {
		const char		*column;
		enum mpop_command	 command;
	} asked[] = { { "domain", MPOP_HOST }, { "auth_name", MPOP_USER }, { "password", MPOP_PASSWORD }, { "tls", MPOP_TLS } };
	const char	*command = text(a, MPOP_EVAL);
	size_t		 i;
	int		 any = 0;

	if (command == NULL)
		return;
	for (i = 0; i < nitems(asked); i++) {
		if (text(a, asked[i].command) != NULL || (asked[i].command == MPOP_PASSWORD && text(a, MPOP_PASSWORDEVAL) != NULL))
			continue;
		any = 1;
		import_note(imp, r, IMPORT_QUESTION, line(a, MPOP_EVAL), asked[i].column, "%s may be in the line that a command writes, which is "
		    "not run here: %s", asked[i].column, command);
	}
	if (!any)
		import_note(imp, r, IMPORT_LOST, line(a, MPOP_EVAL), NULL, "a command writes a line of the file, and is not run here: %s",
		    command);
}
