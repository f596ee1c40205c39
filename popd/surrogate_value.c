/* SPDX-License-Identifier: ISC */
/*
 * Values that have a syntax: lists of addresses (RFC 5322 section 3.4), and types with parameters (RFC 2045 section 5.1).  A value
 * is one line here, which is altered where it lies: a quoted string gets shorter without its quotes and backslashes.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "surrogate.h"

#define PARAMS_MAX	64		/* parameters of a field that are looked at */
#define PARAM_OCTETS	240		/* of a parameter's value that is encoded */

static size_t	 token_end(const uint8_t *, size_t, size_t);
static size_t	 part_end(const uint8_t *, size_t, size_t, const char *);
static size_t	 unquote(uint8_t *, const uint8_t *, size_t);
static void	 trim(uint8_t **, size_t *);
static void	 address(struct coder *, uint8_t *, size_t, int);
static void	 address_alone(struct coder *, uint8_t *, size_t, int);
static void	 address_shown(struct coder *, uint8_t *, size_t, int);
static void	 phrase(struct coder *, uint8_t *, size_t);
static void	 comment(struct coder *, uint8_t *, size_t);
static size_t	 phrase_word(const uint8_t *, size_t, size_t);
static size_t	 phrase_group(uint8_t *, size_t, size_t, int, size_t *, size_t *);
static void	 param(struct coder *, uint8_t *, size_t, const uint8_t *, size_t);
static int	 param_again(const uint8_t *, size_t, const uint8_t *, size_t);

/* Where what begins at i ends: a quoted string, a comment, what is in brackets, or one octet. */
static size_t
token_end(const uint8_t *p, size_t n, size_t i)
{
	uint8_t	 open = p[i++], end;
	size_t	 depth = 1;

	switch (open) {
	case '"':
	case '(':
	case '[':
	case '<':
		end = open == '(' ? ')' : open == '[' ? ']' : open == '<' ? '>' : '"';
		break;
	default:
		return (i);
	}
	while (i < n && depth > 0) {
		if (p[i] == '\\' && i + 1 < n)
			i++;
		else if (open == '<' && p[i] == '"') {
			i = token_end(p, n, i);
			continue;
		} else if (p[i] == end)
			depth--;
		else if (open == '(' && p[i] == '(')
			depth++;
		i++;
	}
	return (i);
}

/* The first of these octets from i on that is not part of a longer token; n: there is none. */
static size_t
part_end(const uint8_t *p, size_t n, size_t i, const char *octets)
{
	while (i < n && (p[i] == '\0' || strchr(octets, p[i]) == NULL))
		i = token_end(p, n, i);
	return (i);
}

/* Copies what a quoted string or a comment has between its ends, to where it is at the latest.  Returns its length. */
static size_t
unquote(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t	 i, len = 0, end = n > 1 && (p[n - 1] == '"' || p[n - 1] == ')') ? n - 1 : n;

	for (i = 1; i < end; i++) {
		if (p[i] == '\\' && i + 1 < end)
			i++;
		to[len++] = p[i];
	}
	return (len);
}

static void
trim(uint8_t **p, size_t *n)
{
	size_t	 blank = coder_blank(*p, *n);

	*p += blank;
	*n -= blank;
	while (*n > 0 && ((*p)[*n - 1] == ' ' || (*p)[*n - 1] == '\t'))
		(*n)--;
}

/* A list of addresses, in which there may be groups; path: what Return-Path has, which takes no display name. */
void
surrogate_address(struct coder *c, uint8_t *p, size_t n, int path)
{
	uint8_t	*part;
	size_t	 i, end, len;

	for (i = 0; i < n; i = end + 1) {
		end = part_end(p, n, i, ",:;");
		part = p + i;
		len = end - i;
		trim(&part, &len);
		c->coded = 0;
		if (coder_ascii(part, len))
			coder_words(c, part, len);
		else if (end < n && p[end] == ':')
			phrase(c, part, len);
		else
			address(c, part, len, path);
		if (end < n) {
			c->gap = 0;
			coder_octets(c, p + end, 1);
			c->gap = 1;
		}
	}
}

/* An address that has octets beyond ASCII somewhere. */
static void
address(struct coder *c, uint8_t *p, size_t n, int path)
{
	size_t	 from = part_end(p, n, 0, "<"), to, i;

	if (from == n) {
		address_alone(c, p, n, path);
		return;
	}
	to = token_end(p, n, from);
	if (!path)
		phrase(c, p, from);
	c->gap = 1;
	if (coder_ascii(p + from, to - from))
		coder_words(c, p + from, to - from);
	else {
		i = p[to - 1] == '>' ? to - 1 : to;
		address_shown(c, p + from + 1, i - from - 1, path);
	}
	for (i = to; i < n; i = to) {
		to = token_end(p, n, i);
		if (p[i] == '(')
			comment(c, p + i, to - i);
	}
}

/* An address without angle brackets; a display name may be a comment behind it. */
static void
address_alone(struct coder *c, uint8_t *p, size_t n, int path)
{
	size_t	 from = n, to = 0, i, end;

	for (i = 0; i < n; i = end) {
		end = token_end(p, n, i);
		if (p[i] == '(' || p[i] == ' ' || p[i] == '\t')
			continue;
		from = from == n ? i : from;
		to = end;
	}
	for (i = 0; i < from; i = end) {
		end = token_end(p, n, i);
		if (p[i] == '(')
			comment(c, p + i, end - i);
	}
	if (from < to && coder_ascii(p + from, to - from))
		coder_words(c, p + from, to - from);
	else if (from < to)
		address_shown(c, p + from, to - from, path);
	for (i = to; i < n && from < n; i = end) {
		end = token_end(p, n, i);
		if (p[i] == '(')
			comment(c, p + i, end - i);
	}
}

/* One that is nobody's in the place of an address (RFC 6858 section 2.1), with that as the last words of its display name. */
static void
address_shown(struct coder *c, uint8_t *p, size_t n, int path)
{
	if (!path && n > 0) {
		if (c->coded) {
			p[-1] = ' ';
			p--;
			n++;
		}
		coder_encode(c, "", p, n);
		c->gap = 1;
	}
	coder_word(c, SURROGATE_ADDRESS_TEXT, sizeof(SURROGATE_ADDRESS_TEXT) - 1);
}

/* A display name, or the name of a group: words, quoted strings, comments. */
static void
phrase(struct coder *c, uint8_t *p, size_t n)
{
	size_t	 i, end, from, len;

	for (i = 0; i < n; i = end) {
		if (p[i] == ' ' || p[i] == '\t') {
			c->gap = 1;
			end = i + 1;
			continue;
		}
		end = phrase_word(p, n, i);
		if (p[i] == '(')
			comment(c, p + i, end - i);
		else if (coder_ascii(p + i, end - i))
			coder_words(c, p + i, end - i);
		else {
			end = phrase_group(p, n, i, c->coded, &from, &len);
			c->gap = 1;
			coder_encode(c, "", p + from, len);
			c->gap = 1;
		}
	}
}

/* Where a word of a phrase ends: a quoted string, a comment, or what is up to one of these or a blank. */
static size_t
phrase_word(const uint8_t *p, size_t n, size_t i)
{
	size_t	 end = token_end(p, n, i);

	if (p[i] != '"' && p[i] != '(')
		end = part_end(p, n, end, " \t\"(");
	return (end);
}

/*
 * Puts words beyond ASCII that follow each other, from the one at i on, where they can be encoded together: *len octets from *from
 * on.  coded: right ahead of them is an encoded-word.  Returns where the last of them ends.
 */
static size_t
phrase_group(uint8_t *p, size_t n, size_t i, int coded, size_t *from, size_t *len)
{
	size_t	 at = i, end, next, after;

	*from = i;
	if (coded && i > 0 && (p[i - 1] == ' ' || p[i - 1] == '\t')) {
		*from = i - 1;
		p[i - 1] = ' ';
	}
	for (;;) {
		end = phrase_word(p, n, i);
		if (p[i] == '"')
			at += unquote(p + at, p + i, end - i);
		else {
			memmove(p + at, p + i, end - i);
			at += end - i;
		}
		next = end + coder_blank(p + end, n - end);
		if (next == n || next == end || p[next] == '(')
			break;
		after = phrase_word(p, n, next);
		if (coder_ascii(p + next, after - next)) {
			if (coder_is_word(p + next, after - next))
				p[at++] = ' ';
			break;
		}
		p[at++] = ' ';
		i = next;
	}
	*len = at - *from;
	return (end);
}

/* Its text is encoded as a whole, if there is something beyond ASCII. */
static void
comment(struct coder *c, uint8_t *p, size_t n)
{
	c->gap = 1;
	if (coder_ascii(p, n))
		coder_words(c, p, n);
	else {
		coder_encode(c, "(", p, unquote(p, p, n));
		coder_octets(c, ")", 1);
	}
	c->coded = 0;
	c->gap = 1;
}

/* How many octets of a value are ahead of its parameters. */
size_t
surrogate_bare(const uint8_t *p, size_t n)
{
	return (part_end(p, n, 0, ";"));
}

void
surrogate_mime(struct coder *c, uint8_t *p, size_t n)
{
	uint8_t		*part;
	size_t		 i = surrogate_bare(p, n), end, len;
	unsigned int	 params;

	coder_words(c, p, i);
	for (params = 0; i < n; i = end, params++) {
		end = part_end(p, n, i + 1, ";");
		part = p + i + 1;
		len = end - i - 1;
		trim(&part, &len);
		if (len > 0 && coder_ascii(part, len)) {
			c->gap = 0;
			coder_octets(c, ";", 1);
			c->gap = 1;
			coder_words(c, part, len);
		} else if (len > 0 && params < PARAMS_MAX)
			param(c, part, len, p, n);
	}
}

/*
 * A parameter beyond ASCII of a field that is n octets at all: with its value encoded (RFC 2231 section 4), or not at all (RFC 6858
 * section 2.2), where it is no parameter, is encoded already, is there in that form, too, or is long.
 */
static void
param(struct coder *c, uint8_t *p, size_t len, const uint8_t *all, size_t n)
{
	char	 text[PARAM_OCTETS * 4 + 16];
	uint8_t	*equals = memchr(p, '=', len), *value;
	size_t	 name, i, k, valuelen;

	if (equals == NULL)
		return;
	name = (size_t)(equals - p);
	while (name > 0 && (p[name - 1] == ' ' || p[name - 1] == '\t'))
		name--;
	for (i = 0; i < name; i++)
		if (p[i] <= ' ' || p[i] >= 0x7f || strchr("*'%\"()<>@,;:\\/[]?", p[i]) != NULL)
			return;
	value = equals + 1;
	valuelen = len - (size_t)(value - p);
	trim(&value, &valuelen);
	if (name == 0 || name > PARAM_OCTETS || valuelen == 0 || param_again(p, name, all, n))
		return;
	if (*value == '"')
		valuelen = unquote(value, value, token_end(value, valuelen, 0));
	if (valuelen > PARAM_OCTETS)
		return;
	k = (size_t)snprintf(text, sizeof(text), "%.*s*=UTF-8''", (int)name, (const char *)p);
	for (i = 0; i < valuelen; i++)
		k += (size_t)snprintf(text + k, sizeof(text) - k, (value[i] >= '0' && value[i] <= '9') || (value[i] >= 'A' &&
		    value[i] <= 'Z') || (value[i] >= 'a' && value[i] <= 'z') || value[i] == '.' || value[i] == '-' ? "%c" : "%%%02X",
		    value[i]);
	c->gap = 0;
	coder_octets(c, ";", 1);
	c->gap = 1;
	coder_word(c, text, k);
}

/* 1: the field has a parameter of that name, which has so many octets, in an encoded form. */
static int
param_again(const uint8_t *p, size_t name, const uint8_t *all, size_t n)
{
	size_t	 i, end, blank;

	for (i = surrogate_bare(all, n); i < n; i = end) {
		end = part_end(all, n, i + 1, ";");
		blank = coder_blank(all + i + 1, end - i - 1) + i + 1;
		if (end - blank > name && all[blank + name] == '*' &&
		    strncasecmp((const char *)all + blank, (const char *)p, name) == 0)
			return (1);
	}
	return (0);
}
