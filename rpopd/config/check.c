/* SPDX-License-Identifier: ISC */
/*
 * What a field of rpopd.db may hold.  The schema says the same in CHECK constraints, but those can be switched off; this is the
 * daemon's own judgement.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <arpa/inet.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto.h"
#include "config_int.h"

#define DOMAIN_MAX	253
#define LOCAL_MAX	64
#define PATH_LIMIT	1023
#define SOCKET_PATH	104	/* octets of a socket's path, NUL included, that every system has room for */

#define LOWER	"abcdefghijklmnopqrstuvwxyz"
#define UPPER	"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	"0123456789"
#define HEX	DIGITS "abcdefABCDEF"

static int	 check_chars(const char *, const char *, size_t);
static int	 check_families(const char *, int *, int *);
static int	 check_port(const char *, uint16_t *);

/* Field names that belong to the message itself: taking them out would damage it, or they are handled elsewhere. */
static const char *const	 kept_fields[] = {
	"To", "Cc", "Bcc", "Return-Path", "Received", "From", "Sender", "Reply-To", "Date", "Subject", "Message-ID", "In-Reply-To",
	"References", "MIME-Version", "DKIM-Signature", "Comments", "Keywords", "Authentication-Results", "Received-SPF",
	"Mail-Followup-To", "Errors-To", "Return-Receipt-To", "Disposition-Notification-To"
};
static const char *const	 kept_kinds[] = { "Content-", "Resent-", "List-", "ARC-", "X-Rpopd-" };

/* A directory of this name lies below the mail root, beside "spool", which is the daemon's own. */
int
check_domain(const char *s)
{
	size_t	 i;

	if (!check_chars(s, LOWER DIGITS ".-", DOMAIN_MAX) || strcmp(s, "spool") == 0)
		return (0);
	for (i = 0; s[i] != '\0'; i++) {
		if ((i == 0 || s[i - 1] == '.') && (s[i] == '.' || s[i] == '-'))
			return (0);
		if ((s[i] == '.' || s[i] == '-') && s[i + 1] == '\0')
			return (0);
		if (s[i] == '-' && s[i + 1] == '.')
			return (0);
	}
	return (1);
}

int
check_local(const char *s)
{
	return (check_chars(s, LOWER DIGITS "._+=&'-", LOCAL_MAX) && s[0] != '.' && s[0] != '-' && s[strlen(s) - 1] != '.' &&
	    strstr(s, "..") == NULL);
}

int
check_address(const char *s)
{
	const char	*at = strrchr(s, '@');
	size_t		 i;

	if (at == NULL || at == s || (size_t)(at - s) > LOCAL_MAX || !check_domain(at + 1))
		return (0);
	for (i = 0; s[i] != '\0'; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || (s[i] >= 'A' && s[i] <= 'Z'))
			return (0);
	return (1);
}

int
check_mailbox(const char *s)
{
	return (check_address(s) && s[0] != '*');
}

int
check_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return (0);
	return (1);
}

int
check_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return (0);
	return (1);
}

int
check_path(const char *s)
{
	const char	*p;

	if (s[0] != '/' || s[1] == '\0' || strlen(s) > PATH_LIMIT || !check_printable(s))
		return (0);
	for (p = s; (p = strstr(p, "/..")) != NULL; p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return (0);
	return (1);
}

int
check_command(const char *s)
{
	return (check_path(s) && strstr(s, "  ") == NULL);
}

/* What settings.pop_auth may be.  A socket's path fits into struct sockaddr_un. */
int
check_pop_auth(const char *s)
{
	if (*s == '/')
		return (check_path(s) && strlen(s) < SOCKET_PATH);
	if (strncmp(s, POP_AUTH_PROGRAM, sizeof(POP_AUTH_PROGRAM) - 1) == 0)
		return (check_command(s + sizeof(POP_AUTH_PROGRAM) - 1));
	return (strcmp(s, "store") == 0);
}

int
check_hostname(const char *s)
{
	return (check_chars(s, LOWER UPPER DIGITS "._-", DOMAIN_MAX) && s[0] != '.' && s[0] != '-' && s[strlen(s) - 1] != '.' &&
	    strstr(s, "..") == NULL);
}

/* host, host:port, [v6] or [v6]:port.  The host comes out in lower case and without brackets; the port is 0 if there is none. */
int
check_hostport(const char *s, char *host, size_t hostsize, uint16_t *port)
{
	struct in6_addr	 v6;
	const char	*end, *from = s;
	size_t		 i, len;

	*port = 0;
	if (*s == '[') {
		from++;
		if ((end = strchr(from, ']')) == NULL)
			return (0);
		s = end + 1;
	} else
		s = end = strchr(s, ':') != NULL ? strchr(s, ':') : s + strlen(s);
	if ((len = end - from) == 0 || len >= hostsize || (*s != '\0' && (*s != ':' || !check_port(s + 1, port))))
		return (0);
	for (i = 0; i < len; i++)
		host[i] = from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i];
	host[len] = '\0';
	return (*end == ']' ? inet_pton(AF_INET6, host, &v6) == 1 : check_hostname(host));
}

/* Name servers as c-ares takes them: "ip[:port]", "[v6]:port" or "v6", separated by commas. */
int
check_nameservers(const char *s)
{
	char		 copy[256], host[PROTO_HOST_SIZE], *next = copy, *one;
	struct in6_addr	 v6;
	struct in_addr	 v4;
	uint16_t	 port;

	if (*s == '\0' || strlcpy(copy, s, sizeof(copy)) >= sizeof(copy))
		return (0);
	while ((one = strsep(&next, ",")) != NULL) {
		if (inet_pton(AF_INET6, one, &v6) == 1)
			continue;
		if (!check_hostport(one, host, sizeof(host), &port) || (*one != '[' && inet_pton(AF_INET, host, &v4) != 1))
			return (0);
	}
	return (1);
}

int
check_addresses(const char *s)
{
	int	 v4, v6;

	return (check_families(s, &v4, &v6));
}

int
check_source(const char *s)
{
	int	 v4, v6;

	return (check_families(s, &v4, &v6) && v4 <= 1 && v6 <= 1);
}

int
check_socks(const char *s)
{
	char		 host[PROTO_HOST_SIZE];
	struct in_addr	 v4;
	uint16_t	 port;

	return (check_hostport(s, host, sizeof(host), &port) && port != 0 && (*s == '[' || inet_pton(AF_INET, host, &v4) == 1));
}

/* What popd listens on. */
int
check_listen(const char *s)
{
	return (strcmp(s, "*") == 0 || (strchr(s, ',') == NULL && check_addresses(s)));
}

int
check_ciphers(const char *s)
{
	return (check_chars(s, LOWER UPPER DIGITS ":+!@=,_ -", PROTO_CIPHERS_SIZE - 12));
}

/* What a certificate may be for: a host name, or a numeric address. */
int
check_tls_name(const char *s)
{
	struct in6_addr	 v6;

	return (check_hostname(s) || inet_pton(AF_INET6, s, &v6) == 1);
}

/* A Maildir++ folder, levels separated by / or a dot; none empty, so neither ".." nor a leading slash. */
int
check_folder(const char *s)
{
	size_t	 i;

	if (*s == '\0' || strlen(s) >= PROTO_MAILBOX_SIZE || !check_printable(s))
		return (0);
	for (i = 0; s[i] != '\0'; i++)
		if ((s[i] == '/' || s[i] == '.') && (i == 0 || s[i + 1] == '\0' || s[i + 1] == '/' || s[i + 1] == '.'))
			return (0);
	return (1);
}

/* Names of header fields are ftext (RFC 5322 section 3.6.8). */
int
check_field(const char *s)
{
	size_t	 i, len;

	if (strlen(s) >= PROTO_SPECIAL_SIZE)
		return (0);
	if (strcmp(s, "*") == 0)
		return (1);
	for (;; s += len + 1) {
		len = strcspn(s, " ");
		if (len == 0 || len >= PROTO_FIELD_SIZE || (len == 1 && *s == '*'))
			return (0);
		for (i = 0; i < nitems(kept_fields); i++)
			if (strlen(kept_fields[i]) == len && strncasecmp(s, kept_fields[i], len) == 0)
				return (0);
		for (i = 0; i < nitems(kept_kinds); i++)
			if (strncasecmp(s, kept_kinds[i], strlen(kept_kinds[i])) == 0)
				return (0);
		for (i = 0; i < len; i++)
			if (s[i] < '!' || s[i] > '~' || s[i] == ':')
				return (0);
		if (s[len] == '\0')
			return (1);
	}
}

int
check_unified_field(const char *s)
{
	return (strpbrk(s, " *") == NULL && check_field(s));
}

int
check_prefix(const char *s)
{
	size_t	 i;

	for (i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] > '~' || s[i] == '@')
			return (0);
	return (i > 0 && i < PROTO_PREFIX_SIZE);
}

/* A directory with at least one name as openssl-rehash(1) makes them: eight hexadecimal digits, a dot, a number. */
int
check_ca_dir(const char *path)
{
	struct dirent	*de;
	DIR		*dir;
	int		 found = 0;

	if ((dir = opendir(path)) == NULL)
		return (0);
	while (!found && (de = readdir(dir)) != NULL)
		found = strspn(de->d_name, HEX) == 8 && de->d_name[8] == '.' && de->d_name[9] != '\0' &&
		    strspn(de->d_name + 9, DIGITS) == strlen(de->d_name + 9);
	closedir(dir);
	return (found);
}

/* Numeric addresses separated by commas, and how many there are of each family. */
static int
check_families(const char *s, int *v4, int *v6)
{
	char		 copy[SOURCE_SIZE], *next = copy, *one;
	struct in6_addr	 any;

	*v4 = *v6 = 0;
	if (*s == '\0' || strlcpy(copy, s, sizeof(copy)) >= sizeof(copy))
		return (0);
	while ((one = strsep(&next, ",")) != NULL) {
		if (inet_pton(AF_INET6, one, &any) == 1)
			++*v6;
		else if (inet_pton(AF_INET, one, &any) == 1)
			++*v4;
		else
			return (0);
	}
	return (1);
}

static int
check_chars(const char *s, const char *allowed, size_t max)
{
	size_t	 len = strlen(s);

	return (len > 0 && len <= max && strspn(s, allowed) == len);
}

static int
check_port(const char *s, uint16_t *port)
{
	const char	*errstr;

	if (!check_chars(s, DIGITS, 5) || *s == '0')
		return (0);
	*port = strtonum(s, 1, 65535, &errstr);
	return (errstr == NULL);
}
