/* SPDX-License-Identifier: ISC */
/* Addresses as SMTP writes them (RFC 5321 section 4.1.2, RFC 6531), parameters' values (RFC 3461), and XCLIENT's. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/utf8.h"
#include "sender.h"

static int	 text_kind(const char *, size_t);
static int	 local_is_atom(const char *, size_t);
static int	 local_is_quoted(const char *, size_t);
static int	 local_quote(const char *, size_t, char *, size_t);

/* What a string is: PATH_ASCII, PATH_UTF8, or PATH_BAD, with control characters or octets that are not UTF-8. */
static int
text_kind(const char *s, size_t len)
{
	const uint8_t	*p = (const uint8_t *)s;
	size_t		 n;
	int		 kind = PATH_ASCII;

	for (; len > 0; p += n, len -= n) {
		n = 1;
		if (*p < 0x20 || *p == 0x7f)
			return (PATH_BAD);
		if (*p < 0x80)
			continue;
		if ((n = utf8_length(p, len)) == 0)
			return (PATH_BAD);
		kind = PATH_UTF8;
	}
	return (kind);
}

/* Whether a local part may go without quotes.  Dots may stand anywhere: providers have such mailboxes. */
static int
local_is_atom(const char *s, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		if (strchr(" \"(),:;<>@[\\]", s[i]) != NULL)
			return (0);
	return (1);
}

static int
local_is_quoted(const char *s, size_t len)
{
	size_t	 i;

	if (len < 2 || s[0] != '"' || s[len - 1] != '"')
		return (0);
	for (i = 1; i < len - 1; i++) {
		if (s[i] == '"')
			return (0);
		if (s[i] == '\\' && ++i == len - 1)
			return (0);
	}
	return (1);
}

/* Writes a local part with quotes.  0, or -1: there is no room. */
static int
local_quote(const char *s, size_t len, char *dst, size_t size)
{
	size_t	 i, n = 0;

	if (size < 2 * len + 3)
		return (-1);
	dst[n++] = '"';
	for (i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			dst[n++] = '\\';
		dst[n++] = s[i];
	}
	dst[n++] = '"';
	dst[n] = '\0';
	return (0);
}

/*
 * Writes "local@domain" as it goes between the brackets of a command, the local part in quotes where it needs them.  Nothing that
 * could end the path or the line gets through.  Returns what the path is; PATH_BAD also where there is no room.
 */
enum smtp_path
smtp_path(const char *address, char *dst, size_t size)
{
	const char	*at = strrchr(address, '@');
	char		 local[PATH_SIZE];
	size_t		 n, domain;
	int		 kind = text_kind(address, strlen(address));

	if (kind == PATH_BAD || at == NULL || at == address)
		return (PATH_BAD);
	n = (size_t)(at - address);
	domain = strlen(at + 1);
	if (domain == 0 || strcspn(at + 1, " \"(),;<>\\") != domain)
		return (PATH_BAD);
	if (local_is_atom(address, n) || local_is_quoted(address, n)) {
		if (strlcpy(dst, address, size) >= size)
			return (PATH_BAD);
	} else if (local_quote(address, n, local, sizeof(local)) == -1 ||
	    (size_t)snprintf(dst, size, "%s%s", local, at) >= size)
		return (PATH_BAD);
	return (kind);
}

/* Writes a string as xtext (RFC 3461 section 4).  0, or -1: it is not ASCII, or there is no room. */
int
smtp_xtext(const char *s, char *dst, size_t size)
{
	size_t	 n = 0;

	for (; *s != '\0'; s++) {
		if ((unsigned char)*s > 0x7e || size - n < 4)
			return (-1);
		if (*s > ' ' && *s != '+' && *s != '=')
			dst[n++] = *s;
		else
			n += (size_t)snprintf(dst + n, size - n, "+%02X", (unsigned int)*s);
	}
	dst[n] = '\0';
	return (0);
}

/* Writes the value of XCLIENT's ADDR for a numeric address, or for an empty string.  0, or -1: it is no address. */
int
smtp_client(const char *address, char *dst, size_t size)
{
	if (address[0] == '\0')
		return (strlcpy(dst, "[UNAVAILABLE]", size) < size ? 0 : -1);
	if (address[strspn(address, "0123456789abcdefABCDEF.:")] != '\0')
		return (-1);
	return ((size_t)snprintf(dst, size, "%s%s", strchr(address, ':') != NULL ? "IPV6:" : "", address) < size ? 0 : -1);
}
