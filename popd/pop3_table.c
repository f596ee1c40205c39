/* SPDX-License-Identifier: ISC */
/* The commands (RFC 1939, 2449, 2595, 5034, 6856): where they are allowed and what they take; how arguments are read. */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "popd.h"

#define NUMBER_DIGITS	10
#define NUMBER_MAX	9999999999LL
#define SUBTAG_MAX	8	/* octets between two hyphens of a language (RFC 4647 section 2.1) */

#define AUTHORIZATION	(1u << POP_AUTHORIZATION)
#define TRANSACTION	(1u << POP_TRANSACTION)

static int	 range(const uint8_t *, size_t);
static int	 number(const uint8_t *, size_t, uint64_t *);

const struct command	 pop3_commands[] = {
	{ "APOP", AUTHORIZATION, "*", 1, pop3_apop, "APOP name digest" },
	{ "AUTH", AUTHORIZATION, "?*", 1, pop3_auth, "AUTH [mechanism [response]]" },
	{ "CAPA", AUTHORIZATION | TRANSACTION, "", 0, pop3_capa, "CAPA" },
	{ "DELE", TRANSACTION, "m", 0, pop3_dele, "DELE message" },
	{ "LANG", AUTHORIZATION | TRANSACTION, "?t", 0, pop3_lang, "LANG [language]" },
	{ "LIST", TRANSACTION, "?m", 0, pop3_list, "LIST [message]" },
	{ "NOOP", TRANSACTION, "", 0, pop3_noop, "NOOP" },
	{ "PASS", AUTHORIZATION, "*", 1, pop3_pass, "PASS password" },
	{ "QUIT", AUTHORIZATION | TRANSACTION, "", 0, pop3_quit, "QUIT" },
	{ "RETR", TRANSACTION, "m", 0, pop3_retr, "RETR message" },
	{ "RSET", TRANSACTION, "", 0, pop3_rset, "RSET" },
	{ "STAT", TRANSACTION, "", 0, pop3_stat, "STAT" },
	{ "STLS", AUTHORIZATION, "", 0, pop3_stls, "STLS" },
	{ "TOP", TRANSACTION, "ml", 0, pop3_top, "TOP message lines" },
	{ "UIDL", TRANSACTION, "?m", 0, pop3_uidl, "UIDL [message]" },
	{ "USER", AUTHORIZATION, "*", 0, pop3_user, "USER name" },
	{ "UTF8", AUTHORIZATION, "", 0, pop3_utf8, "UTF8" },
	{ "XTND", TRANSACTION, "*", 0, pop3_xtnd, "XTND XMIT" }
};
const size_t	 pop3_ncommands = nitems(pop3_commands);

/* The command that a line is, and how long its verb is; NULL: none. */
const struct command *
pop3_find(const uint8_t *line, size_t len, size_t *verblen)
{
	const uint8_t	*space = memchr(line, ' ', len);
	size_t		 i;

	*verblen = space == NULL ? len : (size_t)(space - line);
	for (i = 0; i < pop3_ncommands; i++)
		if (strlen(pop3_commands[i].verb) == *verblen &&
		    strncasecmp(pop3_commands[i].verb, (const char *)line, *verblen) == 0)
			return (&pop3_commands[i]);
	return (NULL);
}

/*
 * Reads the arguments: so many octets behind the verb, the first of which is the space between them.  0, or -1: they are not what
 * the command takes.
 */
int
pop3_args(const struct command *c, uint8_t *p, size_t len, struct args *a)
{
	const char	*takes = c->takes;
	int		 optional = takes[0] == '?';
	size_t		 n;

	memset(a, 0, sizeof(*a));
	takes += optional;
	if (*takes == '*' || *takes == 't') {
		a->rest = len > 1 ? p + 1 : NULL;
		a->restlen = len > 1 ? len - 1 : 0;
		a->n = a->restlen > 0;
		if (*takes == 't' && a->n > 0 && !range(a->rest, a->restlen))
			return (-1);
		return (a->n > 0 || optional ? 0 : -1);
	}
	while (len > 0 && p[len - 1] == ' ')
		len--;
	if (len == 0 && optional)
		return (0);
	for (; *takes != '\0'; takes++) {
		if (len == 0)
			return (-1);
		p++;
		len--;
		for (n = 0; n < len && p[n] != ' '; n++)
			continue;
		if (number(p, n, *takes == 'm' ? &a->msgno : &a->lines) == -1)
			return (-1);
		a->n++;
		p += n;
		len -= n;
	}
	return (len == 0 ? 0 : -1);
}

/* 1: this is a basic language range (RFC 4647 section 2.1). */
static int
range(const uint8_t *p, size_t n)
{
	size_t	 i, len = 0;
	int	 first = 1;

	if (n == 1 && *p == '*')
		return (1);
	for (i = 0; i < n; i++) {
		if (p[i] == '-' && len > 0) {
			len = 0;
			first = 0;
		} else if (((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'z') || (!first && p[i] >= '0' && p[i] <= '9'))
			len++;
		else
			return (0);
		if (len > SUBTAG_MAX)
			return (0);
	}
	return (len > 0);
}

/* A number is digits, at most NUMBER_DIGITS, and none of them is a zero that could be left out.  0 or -1. */
static int
number(const uint8_t *p, size_t len, uint64_t *value)
{
	char		 digits[NUMBER_DIGITS + 1];
	const char	*errstr;
	size_t		 i;

	if (len == 0 || len > NUMBER_DIGITS || (p[0] == '0' && len > 1))
		return (-1);
	for (i = 0; i < len; i++)
		if (p[i] < '0' || p[i] > '9')
			return (-1);
	memcpy(digits, p, len);
	digits[len] = '\0';
	*value = (uint64_t)strtonum(digits, 0, NUMBER_MAX, &errstr);
	return (errstr == NULL ? 0 : -1);
}

/* How many octets a line may have that begins so. */
size_t
pop3_limit(const uint8_t *line, size_t len)
{
	if (len >= 5 && strncasecmp((const char *)line, "AUTH ", 5) == 0)
		return (LINE_MAX_SASL);
	if (len >= 5 && strncasecmp((const char *)line, "PASS ", 5) == 0)
		return (LINE_MAX_PASS);
	return (LINE_MAX_COMMAND);
}
