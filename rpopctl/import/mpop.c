/* SPDX-License-Identifier: ISC */
/*
 * mpoprc, the configuration of mpop(1), read as mpop does: a command and its argument in each line, no escapes, double quotes
 * around an argument taken away.  Settings behind "defaults" are those of the accounts that follow; a second one adds to the first.
 */
#include <sys/types.h>

#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hex.h"
#include "mpop_int.h"

#define LINE_LENGTH	500		/* octets of a line, its end included */
#define BLANKS		" \t"

/* What the argument of a command may be. */
enum argument {
	ARG_TEXT,			/* anything; without one the setting is taken back */
	ARG_NEEDED,			/* anything, but something */
	ARG_SWITCH,			/* on, which may be left out, or off */
	ARG_AUTO,			/* likewise, or auto */
	ARG_AUTH, ARG_DELIVERY, ARG_FINGERPRINT,
	ARG_BITS,			/* a number above 0, or nothing */
	ARG_PORT, ARG_PORT_OR_NONE,
	ARG_SECONDS,			/* a number above 0, or off */
	ARG_SIZE,			/* octets, or off */
	ARG_IGNORED
};

static const struct command {
	const char		*name;
	enum mpop_command	 command;
	enum argument		 argument;
} commands[] = {
	{ "auth", MPOP_AUTH, ARG_AUTH }, { "delivery", MPOP_DELIVERY, ARG_DELIVERY }, { "eval", MPOP_EVAL, ARG_NEEDED },
	{ "filter", MPOP_FILTER, ARG_TEXT }, { "host", MPOP_HOST, ARG_NEEDED }, { "keep", MPOP_KEEP, ARG_SWITCH },
	{ "killsize", MPOP_KILLSIZE, ARG_SIZE }, { "ntlmdomain", MPOP_NTLMDOMAIN, ARG_TEXT }, { "only_new", MPOP_ONLY_NEW, ARG_SWITCH },
	{ "password", MPOP_PASSWORD, ARG_TEXT }, { "passwordeval", MPOP_PASSWORDEVAL, ARG_TEXT },
	{ "pipelining", MPOP_PIPELINING, ARG_AUTO }, { "port", MPOP_PORT, ARG_PORT }, { "proxy_host", MPOP_PROXY_HOST, ARG_TEXT },
	{ "proxy_port", MPOP_PROXY_PORT, ARG_PORT_OR_NONE }, { "received_header", MPOP_RECEIVED_HEADER, ARG_SWITCH },
	{ "skipsize", MPOP_SKIPSIZE, ARG_SIZE }, { "socket", MPOP_SOCKET, ARG_TEXT }, { "source_ip", MPOP_SOURCE_IP, ARG_TEXT },
	{ "timeout", MPOP_TIMEOUT, ARG_SECONDS }, { "tls", MPOP_TLS, ARG_SWITCH }, { "tls_cert_file", MPOP_TLS_CERT_FILE, ARG_TEXT },
	{ "tls_certcheck", MPOP_TLS_CERTCHECK, ARG_SWITCH }, { "tls_crl_file", MPOP_TLS_CRL_FILE, ARG_TEXT },
	{ "tls_fingerprint", MPOP_TLS_FINGERPRINT, ARG_FINGERPRINT }, { "tls_force_sslv3", MPOP_TLS_FORCE_SSLV3, ARG_IGNORED },
	{ "tls_host_override", MPOP_TLS_HOST_OVERRIDE, ARG_TEXT }, { "tls_key_file", MPOP_TLS_KEY_FILE, ARG_TEXT },
	{ "tls_min_dh_prime_bits", MPOP_TLS_MIN_DH_PRIME_BITS, ARG_BITS }, { "tls_priorities", MPOP_TLS_PRIORITIES, ARG_TEXT },
	{ "tls_starttls", MPOP_TLS_STARTTLS, ARG_SWITCH }, { "tls_trust_file", MPOP_TLS_TRUST_FILE, ARG_TEXT },
	{ "uidls_file", MPOP_UIDLS_FILE, ARG_NEEDED }, { "user", MPOP_USER, ARG_TEXT },
};

static const char *const	 mechanisms[] = { "user", "apop", "plain", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256",
    "gssapi", "external", "login", "ntlm", "oauthbearer", "xoauth2" };
static const char *const	 deliveries[] = { "mda", "maildir", "mbox", "exchange" };

/* A line, taken apart: pointers into a copy that holds a NUL behind each part. */
struct line {
	unsigned int	 number;
	const char	*command;
	char		*argument;
};

struct mpoprc {
	struct import		*imp;
	char			*text;		/* the file, as lines that end with NULs */
	size_t			 len;
	struct mpop_account	 defaults;
	struct mpop_account	*accounts;
	size_t			 naccounts;
	struct mpop_account	*at;		/* whose settings follow */
};

static int	 rc_parse(struct mpoprc *);
static int	 line_end(struct import *, char *, size_t, unsigned int, size_t *);
static int	 line_split(char *, struct line *);
static char	*trim(char *);
static int	 rc_line(struct mpoprc *, struct line *);
static int	 rc_account(struct mpoprc *, struct line *);
static int	 rc_parents(struct mpoprc *, struct mpop_account *, struct line *, char *);
static void	 inherit(struct mpop_account *, const struct mpop_account *);
static struct mpop_account *rc_find(struct mpoprc *, const char *);
static int	 rc_setting(struct mpoprc *, const struct line *, const struct command *);
static int	 argument_ok(enum argument, const char *);
static int	 among(const char *, const char *const *, size_t);
static int	 delivery_ok(const char *);
static int	 fingerprint_ok(const char *);

static int
mpop_parse(struct import *imp, const char *octets, size_t len)
{
	struct mpoprc	 rc = { .imp = imp, .len = len };
	size_t		 i;
	int		 result;

	if ((octets = field_octets(imp, octets, len)) == NULL)
		return (-1);
	if ((rc.text = malloc(len + 1)) == NULL)
		err(1, NULL);
	memcpy(rc.text, octets, len);
	rc.text[len] = '\0';
	result = rc_parse(&rc);
	for (i = 0; i < rc.naccounts && result == 0; i++)
		result = mpop_record(imp, &rc.accounts[i]);
	free(rc.accounts);
	freezero(rc.text, len + 1);
	return (result);
}

const struct import_format	 import_mpop = { "mpop", mpop_parse, mpop_seen, field_netrc };

static int
rc_parse(struct mpoprc *rc)
{
	struct line	 line = { .number = 0 };
	size_t		 at, next;

	for (at = 0; at < rc->len; at = next) {
		line.number++;
		if (line_end(rc->imp, rc->text + at, rc->len - at, line.number, &next) == -1)
			return (-1);
		next += at;
		if (line_split(rc->text + at, &line) && rc_line(rc, &line) == -1)
			return (-1);
	}
	return (0);
}

/* Puts a NUL in the place of a line's end; *next is where the one behind it begins. */
static int
line_end(struct import *imp, char *p, size_t left, unsigned int number, size_t *next)
{
	char	*end;

	end = memchr(p, '\n', left);
	*next = end == NULL ? left : (size_t)(end - p) + 1;
	if (*next > LINE_LENGTH || (end == NULL && *next == LINE_LENGTH))
		return (import_fail(imp, number, "the line is longer than %d characters, which mpop does not read", LINE_LENGTH - 1));
	if (end == NULL)
		return (0);				/* behind the last line there is a NUL */
	*end = '\0';
	if (end > p && end[-1] == '\r')
		end[-1] = '\0';
	return (0);
}

/* Whether there is a command. */
static int
line_split(char *p, struct line *line)
{
	char	*rest;

	p += strspn(p, BLANKS);
	if (*p == '#' || *p == '\0')
		return (0);
	rest = p + strcspn(p, BLANKS);
	if (*rest != '\0')
		*rest++ = '\0';
	line->command = p;
	line->argument = trim(rest);
	return (1);
}

/* Without blanks at both ends, and then without double quotes around it. */
static char *
trim(char *p)
{
	size_t	 len;

	p += strspn(p, BLANKS);
	for (len = strlen(p); len > 0 && strchr(BLANKS, p[len - 1]) != NULL; len--)
		continue;
	if (len > 1 && p[0] == '"' && p[len - 1] == '"') {
		p++;
		len -= 2;
	}
	p[len] = '\0';
	return (p);
}

static int
rc_line(struct mpoprc *rc, struct line *line)
{
	size_t	 i;

	if (strcmp(line->command, "defaults") == 0) {
		if (*line->argument != '\0')
			return (import_fail(rc->imp, line->number, "'defaults' stands alone, without %s behind it", line->argument));
		rc->at = &rc->defaults;
		return (0);
	}
	if (strcmp(line->command, "account") == 0)
		return (rc_account(rc, line));
	for (i = 0; i < nitems(commands) && strcmp(line->command, commands[i].name) != 0; i++)
		continue;
	if (rc->at == NULL && (i == nitems(commands) || commands[i].command != MPOP_EVAL))
		return (import_fail(rc->imp, line->number, "'account' or 'defaults' comes first, not %s", line->command));
	if (i == nitems(commands))
		return (import_fail(rc->imp, line->number, "mpop has no command %s", line->command));
	return (rc_setting(rc, line, &commands[i]));
}

/* account NAME, or account NAME : NAME, NAME */
static int
rc_account(struct mpoprc *rc, struct line *line)
{
	struct mpop_account	 a = rc->defaults;
	char			*colon, *id = line->argument;
	size_t			 i;

	for (i = 0; i < MPOP_COMMANDS; i++)
		a.values[i].own = 0;
	a.line = line->number;
	if ((colon = strchr(id, ':')) != NULL) {
		if (rc_parents(rc, &a, line, colon + 1) == -1)
			return (-1);
		*colon = '\0';
		id = trim(id);
	}
	if (*id == '\0')
		return (import_fail(rc->imp, line->number, "'account' needs a name behind it"));
	if (strchr(id, ',') != NULL)
		return (import_fail(rc->imp, line->number, "the name of an account has no comma in it, which %s has", id));
	if (rc_find(rc, id) != NULL)
		return (import_fail(rc->imp, line->number, "there are two accounts with the name %s", id));
	if (rc->naccounts == IMPORT_RECORDS_MAX)
		return (import_fail(rc->imp, line->number, "these are more than %d accounts; divide the file", IMPORT_RECORDS_MAX));
	a.id = id;
	if ((rc->accounts = array_grow(rc->accounts, rc->naccounts, sizeof(a))) == NULL)
		err(1, NULL);
	rc->accounts[rc->naccounts] = a;
	rc->at = &rc->accounts[rc->naccounts++];
	return (0);
}

static int
rc_parents(struct mpoprc *rc, struct mpop_account *a, struct line *line, char *names)
{
	struct mpop_account	*parent;
	char			*name, *comma;

	for (;; names = comma + 1) {
		if ((comma = strchr(names, ',')) != NULL)
			*comma = '\0';
		name = trim(names);
		if (*name == '\0')
			return (import_fail(rc->imp, line->number, "the name of an account is missing behind the colon"));
		if ((parent = rc_find(rc, name)) == NULL)
			return (import_fail(rc->imp, line->number, "there is no account %s above this line", name));
		inherit(a, parent);
		if (comma == NULL)
			return (0);
	}
}

/* What was set in the parent itself counts; what it has from defaults does not. */
static void
inherit(struct mpop_account *a, const struct mpop_account *parent)
{
	size_t	 i;

	for (i = 0; i < MPOP_COMMANDS; i++)
		if (parent->values[i].own)
			a->values[i] = parent->values[i];
}

static struct mpop_account *
rc_find(struct mpoprc *rc, const char *id)
{
	size_t	 i;

	for (i = 0; i < rc->naccounts; i++)
		if (strcmp(rc->accounts[i].id, id) == 0)
			return (&rc->accounts[i]);
	return (NULL);
}

static int
rc_setting(struct mpoprc *rc, const struct line *line, const struct command *command)
{
	struct mpop_value	*v;
	const char		*argument = line->argument;

	if (command->argument == ARG_IGNORED)
		return (0);
	if (!argument_ok(command->argument, argument)) {
		if (*argument == '\0')
			return (import_fail(rc->imp, line->number, "%s needs an argument", command->name));
		return (import_fail(rc->imp, line->number, "%s is no argument that %s takes", argument, command->name));
	}
	if (rc->at == NULL)
		rc->at = &rc->defaults;		/* a program writes what comes first */
	v = &rc->at->values[command->command];
	v->line = line->number;
	v->own = 1;
	if (*argument == '\0')
		v->text = command->argument == ARG_SWITCH || command->argument == ARG_AUTO ? "on" : NULL;
	else
		v->text = argument;
	return (0);
}

static int
argument_ok(enum argument kind, const char *s)
{
	int64_t	 n = mpop_number(s);

	switch (kind) {
	case ARG_NEEDED:
		return (*s != '\0');
	case ARG_AUTO:
		if (strcmp(s, "auto") == 0)
			return (1);
		/* FALLTHROUGH */
	case ARG_SWITCH:
		return (*s == '\0' || strcmp(s, "on") == 0 || strcmp(s, "off") == 0);
	case ARG_AUTH:
		return (*s == '\0' || strcmp(s, "on") == 0 || among(s, mechanisms, nitems(mechanisms)));
	case ARG_DELIVERY:
		return (delivery_ok(s));
	case ARG_FINGERPRINT:
		return (*s == '\0' || fingerprint_ok(s));
	case ARG_BITS:
		return (*s == '\0' || n >= 1);
	case ARG_PORT_OR_NONE:
		if (*s == '\0')
			return (1);
		/* FALLTHROUGH */
	case ARG_PORT:
		return (n >= 1 && n <= 65535);
	case ARG_SECONDS:
		return (strcmp(s, "off") == 0 || n >= 1);
	case ARG_SIZE:
		return (strcmp(s, "off") == 0 || mpop_size(s) >= 0);
	case ARG_TEXT:
	case ARG_IGNORED:
		break;
	}
	return (1);
}

static int
among(const char *s, const char *const *words, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (strcmp(s, words[i]) == 0)
			return (1);
	return (0);
}

/* A method, and a blank behind it. */
static int
delivery_ok(const char *s)
{
	size_t	 i, len;

	for (i = 0; i < nitems(deliveries); i++)
		if (len = strlen(deliveries[i]), strncmp(s, deliveries[i], len) == 0 && s[len] != '\0' && strchr(BLANKS, s[len]) != NULL)
			return (1);
	return (0);
}

/* 32, 20 or 16 octets, as two digits each with a colon or a space between them. */
static int
fingerprint_ok(const char *s)
{
	size_t	 i, len = strlen(s);

	if (len != 32 * 3 - 1 && len != 20 * 3 - 1 && len != 16 * 3 - 1)
		return (0);
	for (i = 0; i < len; i++)
		if (i % 3 == 2 ? s[i] != ':' && s[i] != ' ' : hex_digit(s[i]) == -1)
			return (0);
	return (1);
}

/* In any base that strtol(3) knows by itself, as mpop has it. */
int64_t
mpop_number(const char *s)
{
	char	*end;
	long	 n;

	errno = 0;
	n = strtol(s, &end, 0);
	return (end == s || *end != '\0' || errno != 0 || n < 0 || n > INT_MAX ? -1 : n);
}

int64_t
mpop_size(const char *s)
{
	char		*end;
	long long	 n;
	int		 shift = 0;

	errno = 0;
	n = strtoll(s, &end, 0);
	if (end == s || errno != 0 || n < 0)
		return (-1);
	if (strcmp(end, "k") == 0)
		shift = 10;
	else if (strcmp(end, "m") == 0)
		shift = 20;
	else if (*end != '\0')
		return (-1);
	return (n > (LLONG_MAX >> shift) ? -1 : n << shift);
}
