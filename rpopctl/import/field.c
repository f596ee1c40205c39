/* SPDX-License-Identifier: ISC */
/* Columns of table rpop, from what other retrievers write into their files. */
#include <sys/param.h>

#include <ctype.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "import_int.h"
#include "netrc.h"

#define NAME_MAX_OCTETS	127		/* of column name */
#define PATH_MAX_OCTETS	1023		/* of a column for a file */
#define LOCAL_MAX	64		/* of a local part */

#define PORT_POP3	110
#define PORT_POP3S	995

/* What a name of an account is made of. */
#define LOCAL_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789._+=&'-"
#define HOST_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define DOMAIN_CHARS	"abcdefghijklmnopqrstuvwxyz0123456789.-"

/* Files that systems keep their trusted certificates in. */
static const char *const	 bundles[] = { "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/usr/local/share/certs/ca-root-nss.crt" };

/* Directories below which a user's mail lies under his name. */
static const char *const	 homes[] = { "/home/", "/var/mail/", "/var/spool/mail/", "/usr/home/", "/Users/" };
/* Below these it is DOMAIN/USER. */
static const char *const	 domains[] = { "/var/vmail/", "/var/mail/vhosts/", "/home/vmail/", "/srv/vmail/", "/srv/mail/" };

/* Words of a command line behind which the recipient stands. */
static const char *const	 flags[] = { "-d", "-a", "--" };

static int	 asked(const struct import_record *, const char *);
static const struct netrc_entry	*only_login(const struct netrc *, const char *);
static int	 local_ok(const char *, size_t);
static int	 host_ok(const char *);
static int	 name_taken(const struct import *, const struct import_record *, const char *);
static const char *below(const char *, const char *const *, size_t);
static int	 path_owner(struct import_record *, const char *);
static void	 path_folder(struct import_record *, const char *);
static int	 path_ok(const char *);

const char *
field_octets(struct import *imp, const char *octets, size_t len)
{
	const char	*nul, *p;
	unsigned int	 line = 1;

	if (len == 0)
		return ("");
	if ((nul = memchr(octets, '\0', len)) == NULL)
		return (octets);
	for (p = octets; p < nul; p++)
		line += *p == '\n';
	import_fail(imp, line, "there is an octet 0 in this line, so this is no text file");
	return (NULL);
}

int
field_text(struct import *imp, const char *octets, size_t len)
{
	return (field_octets(imp, octets, len) == NULL ? -1 : 0);
}

struct import_record *
field_record(struct import *imp, unsigned int line)
{
	if (imp->nrecords < IMPORT_RECORDS_MAX)
		return (import_record_add(imp, line));
	import_fail(imp, line, "this is more than %d mailboxes; divide the file", IMPORT_RECORDS_MAX);
	return (NULL);
}

void
field_name(struct import *imp, struct import_record *r, const char *text)
{
	char	 name[NAME_MAX_OCTETS + 1];
	size_t	 i, len, n;

	strlcpy(name, text, sizeof(name) - 8);		/* room for a number */
	for (i = 0; name[i] != '\0'; i++)
		if (iscntrl((unsigned char)name[i]))
			name[i] = '?';
	while (i > 0 && i == sizeof(name) - 9 && (name[i - 1] & 0xc0) == 0x80)
		name[--i] = '\0';			/* no character is cut in two */
	if (i == 0)
		strlcpy(name, "mailbox", sizeof(name));
	len = strlen(name);
	for (n = imp->nrecords; name_taken(imp, r, name); n++)
		snprintf(name + len, sizeof(name) - len, " %zu", n);
	import_set_text(r, "name", name);
}

void
field_host(struct import *imp, struct import_record *r, unsigned int line, const char *host, unsigned int port)
{
	const struct import_cell	*tls = import_get(r, "tls");
	char				 text[IMPORT_HOST_MAX], tail[16] = "";
	size_t				 len = strlen(host);

	if (port == (tls != NULL && strcmp(tls->value, "tls") == 0 ? PORT_POP3S : PORT_POP3))
		port = 0;
	if (port != 0)
		snprintf(tail, sizeof(tail), ":%u", port);
	if (r->server == NULL && (r->server = strdup(host)) == NULL)
		err(1, NULL);
	if (len > 1 && len < sizeof(text) && host[len - 1] == '.')
		len--;					/* the root, which a name has anyway */
	strlcpy(text, host, MIN(len + 1, sizeof(text)));
	if (len > 253 || !host_ok(text))
		import_note(imp, r, IMPORT_QUESTION, line, "domain", "the server %s is no host name or address that can be looked up",
		    host);
	else if (strchr(text, ':') != NULL && text[0] != '[') {
		char	 bracketed[IMPORT_HOST_MAX + 20];

		snprintf(bracketed, sizeof(bracketed), "[%s]%s", text, tail);
		import_set_text(r, "domain", bracketed);
	} else {
		strlcat(text, tail, sizeof(text));
		import_set_text(r, "domain", text);
	}
}

unsigned int
field_port(const struct import_record *r)
{
	const struct import_cell	*domain = import_get(r, "domain"), *tls = import_get(r, "tls");
	const char			*port;

	if (domain == NULL || domain->value == NULL)
		return (0);
	port = strrchr(domain->value, ':');
	if (domain->value[0] == '[')
		port = strstr(domain->value, "]:") == NULL ? NULL : port;
	if (port != NULL)
		return ((unsigned int)strtonum(port + 1, 1, 65535, NULL));
	return (tls != NULL && strcmp(tls->value, "tls") == 0 ? PORT_POP3S : PORT_POP3);
}

int
field_netrc(struct import *imp, const char *octets, size_t len)
{
	struct netrc			 netrc;
	struct import_record		*r;
	const struct import_cell	*user;
	const struct netrc_entry	*entry;
	const char			*password;
	size_t				 i;

	if ((octets = field_octets(imp, octets, len)) == NULL)
		return (-1);
	netrc_read(&netrc, octets, len);
	for (i = 0; i < imp->nrecords; i++) {
		r = &imp->records[i];
		if (r->server == NULL || import_get(r, "password") != NULL || !asked(r, "password"))
			continue;
		entry = NULL;
		if ((user = import_get(r, "auth_name")) != NULL && user->value == NULL)
			continue;		/* it is asked for, too */
		if (user != NULL)
			password = netrc_password(&netrc, r->server, user->value);
		else
			password = (entry = only_login(&netrc, r->server)) == NULL ? NULL : entry->password;
		if (password == NULL)
			continue;
		import_set_text(r, "password", password);
		import_answer(r, "password");
		if (entry != NULL) {
			import_set_text(r, "auth_name", entry->login);
			import_answer(r, "auth_name");
		}
	}
	netrc_free(&netrc);
	return (0);
}

/* In lower case, as accounts are. */
int
field_owner(struct import_record *r, const char *text)
{
	char	 owner[LOCAL_MAX + 256];
	char	*at;
	size_t	 i, len;

	if (strlcpy(owner, text, sizeof(owner)) >= sizeof(owner))
		return (0);
	for (i = 0; owner[i] != '\0'; i++)
		owner[i] = (char)tolower((unsigned char)owner[i]);
	at = strchr(owner, '@');
	len = at == NULL ? i : (size_t)(at - owner);
	if (!local_ok(owner, len) || (at != NULL && (at[1] == '\0' || at[1 + strspn(at + 1, DOMAIN_CHARS)] != '\0')))
		return (0);
	import_set_text(r, "account", owner);
	return (1);
}

int
field_owner_path(struct import *imp, struct import_record *r, unsigned int line, const char *path)
{
	const struct import_cell	*c;

	if (!path_owner(r, path))
		return (0);
	path_folder(r, path);
	c = import_get(r, "account");
	import_note(imp, r, IMPORT_NOTE, line, NULL, "the owner is %s, because mail went to %s; rpopd delivers into the owner's Maildir "
	    "below settings.mail_root, or to the owner's next hop", c->value, path);
	return (1);
}

/* The word behind -d, -a or --, as in 'procmail -d anna'. */
int
field_owner_command(struct import *imp, struct import_record *r, unsigned int line, const char *command)
{
	char		 word[LOCAL_MAX + 256], before[LOCAL_MAX + 256] = "";
	const char	*p = command;
	size_t		 len, i;

	for (;; p += len) {
		p += strspn(p, " \t");
		if ((len = strcspn(p, " \t")) == 0)
			return (0);
		strlcpy(word, p, MIN(len + 1, sizeof(word)));
		for (i = 0; i < nitems(flags) && strcmp(before, flags[i]) != 0; i++)
			continue;
		if (i < nitems(flags) && field_owner(r, word)) {
			import_note(imp, r, IMPORT_NOTE, line, NULL, "the owner is %s, because that is the recipient in the command %s", word,
			    command);
			return (1);
		}
		strlcpy(before, word, sizeof(before));
	}
}

int
field_file(struct import *imp, struct import_record *r, unsigned int line, const char *column, const char *path)
{
	if (path_ok(path)) {
		import_set_text(r, column, path);
		return (1);
	}
	import_note(imp, r, IMPORT_LOST, line, NULL, "%s must be an absolute path without .., which %s is not; set it in the record",
	    column, path);
	return (0);
}

void
field_ca(struct import *imp, struct import_record *r, unsigned int line, const char *path)
{
	size_t	 i;

	for (i = 0; i < nitems(bundles); i++)
		if (strcmp(path, bundles[i]) == 0) {
			import_note(imp, r, IMPORT_NOTE, line, NULL, "%s is what the system trusts, which rpopd looks up in settings.ca_dir",
			    path);
			return;
		}
	field_file(imp, r, line, "ca_file", path);
}

void
field_limit(struct import *imp, struct import_record *r, unsigned int line, const char *column, int64_t value, int64_t max)
{
	if (value > max)
		import_note(imp, r, IMPORT_NOTE, line, NULL, "%s is %" PRId64 ", the most that rpopd has, in place of %" PRId64, column, max,
		    value);
	if (value > 0)
		import_set_number(r, column, MIN(value, max));
}

static int
asked(const struct import_record *r, const char *column)
{
	size_t	 i;

	for (i = 0; i < r->nnotes; i++)
		if (r->notes[i].weight == IMPORT_QUESTION && strcmp(r->notes[i].column, column) == 0)
			return (1);
	return (0);
}

/* The one login that the machine has; NULL: it has none, or several. */
static const struct netrc_entry *
only_login(const struct netrc *netrc, const char *machine)
{
	const struct netrc_entry	*found = NULL;
	size_t				 i;

	for (i = 0; i < netrc->n; i++)
		if (strcmp(netrc->entries[i].machine, machine) == 0) {
			if (found != NULL)
				return (NULL);
			found = &netrc->entries[i];
		}
	return (found);
}

static int
local_ok(const char *s, size_t len)
{
	size_t	 i;

	if (len == 0 || len > LOCAL_MAX || s[0] == '.' || s[0] == '-' || s[len - 1] == '.')
		return (0);
	for (i = 0; i < len; i++)
		if (strchr(LOCAL_CHARS, s[i]) == NULL || (i > 0 && s[i] == '.' && s[i - 1] == '.'))
			return (0);
	return (1);
}

static int
host_ok(const char *s)
{
	size_t	 len = strlen(s);

	if (s[0] == '[')
		return (len > 3 && strchr(s, ':') != NULL && strspn(s + 1, "0123456789abcdefABCDEF:.") == len - 2 && s[len - 1] == ']');
	if (strchr(s, ':') != NULL)
		return (strspn(s, "0123456789abcdefABCDEF:.") == len && strchr(strchr(s, ':') + 1, ':') != NULL);
	return (len > 0 && strspn(s, HOST_CHARS) == len && s[0] != '.' && s[0] != '-' && s[len - 1] != '.' && strstr(s, "..") == NULL);
}

static int
name_taken(const struct import *imp, const struct import_record *r, const char *name)
{
	const struct import_cell	*c;
	size_t				 i;

	for (i = 0; i < imp->nrecords; i++)
		if (&imp->records[i] != r && (c = import_get(&imp->records[i], "name")) != NULL && strcmp(c->value, name) == 0)
			return (1);
	return (0);
}

/* What of the path lies below one of these directories; NULL: nothing. */
static const char *
below(const char *path, const char *const *dirs, size_t n)
{
	size_t	 i, len;

	for (i = 0; i < n; i++)
		if (len = strlen(dirs[i]), strncmp(path, dirs[i], len) == 0 && path[len] != '\0')
			return (path + len);
	return (NULL);
}

static int
path_owner(struct import_record *r, const char *path)
{
	char		 owner[512];
	const char	*rest;
	size_t		 domain, user;

	if ((rest = below(path, domains, nitems(domains))) != NULL) {
		domain = strcspn(rest, "/");
		user = rest[domain] == '/' ? strcspn(rest + domain + 1, "/") : 0;
		if (user > 0 && memchr(rest, '.', domain) != NULL && domain + user + 2 <= sizeof(owner)) {
			snprintf(owner, sizeof(owner), "%.*s@%.*s", (int)user, rest + domain + 1, (int)domain, rest);
			return (field_owner(r, owner));
		}
		return (0);
	}
	if (path[0] == '~')
		rest = path + 1;
	else if ((rest = below(path, homes, nitems(homes))) == NULL)
		return (0);
	user = strcspn(rest, "/");
	if (user == 0 || user >= sizeof(owner))
		return (0);
	strlcpy(owner, rest, user + 1);
	return (field_owner(r, owner));
}

/* A Maildir++ folder is column mailbox: .Lists.bsd is Lists/bsd. */
static void
path_folder(struct import_record *r, const char *path)
{
	char	 folder[128], *p;
	size_t	 len = strlen(path), at;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (at = len; at > 0 && path[at - 1] != '/'; at--)
		continue;
	if (at == 0 || path[at] != '.' || len - at < 2 || len - at > sizeof(folder))
		return;
	strlcpy(folder, path + at + 1, len - at);
	for (p = folder; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			return;
		else if (*p == '.')
			*p = '/';
	if (folder[0] != '/' && p[-1] != '/' && strstr(folder, "//") == NULL)
		import_set_text(r, "mailbox", folder);
}

static int
path_ok(const char *path)
{
	const char	*p;
	size_t		 len = strlen(path);

	if (path[0] != '/' || len < 2 || len > PATH_MAX_OCTETS)
		return (0);
	for (p = path; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p) || (p[0] == '/' && p[1] == '.' && p[2] == '.' && (p[3] == '/' || p[3] == '\0')))
			return (0);
	return (1);
}
