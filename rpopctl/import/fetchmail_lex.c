/* SPDX-License-Identifier: ISC */
/*
 * The words of a fetchmailrc.  Of what a word could be, the longest wins, as fetchmail's lexer has it:
 *
 *	"..." or '...'		text, over line ends as well
 *	[^=;:, \t\r\n]+		a word of the language, a number, or text; where a name is due it is text in any case
 *	#...\n, \\\n, \n	nothing
 *
 * so that "a\"b" and "ab"c are bare words, their quotes included, and a # begins a comment only at the beginning of a word, and
 * only if its line has an end.
 */
#include <err.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fetchmail_int.h"

#define BLANKS		" \t\r"
#define SILENT		";:,"		/* punctuation without a meaning */
#define NOT_BARE	"=;:, \t\r\n"

struct fm_chunk {
	struct fm_chunk	*next;
	size_t		 size;		/* of data */
	_Alignas(max_align_t) char	 data[];
};

static size_t	 quoted_length(const struct fm_lexer *);
static size_t	 line_end_length(struct fm_lexer *);
static void	 take(struct fm_lexer *, size_t);
static int	 bare(struct fm_lexer *);
static int	 is_number(const char *, size_t);
static int	 number(struct fm_lexer *);
static int	 text(struct fm_lexer *, const char *, size_t);
static const char *escape(const char *, const char *, int *);

void
fm_lex_init(struct fm_lexer *lex, struct import *imp, const char *octets, size_t len)
{
	memset(lex, 0, sizeof(*lex));
	lex->imp = imp;
	lex->at = octets;
	lex->end = octets + len;
	lex->line = 1;
}

void
fm_lex_free(struct fm_lexer *lex)
{
	struct fm_chunk	*c;

	while ((c = lex->chunks) != NULL) {
		lex->chunks = c->next;
		freezero(c, sizeof(*c) + c->size);
	}
}

void *
fm_alloc(struct fm_lexer *lex, size_t size)
{
	struct fm_chunk	*c;

	if ((c = calloc(1, sizeof(*c) + size)) == NULL)
		err(1, NULL);
	c->size = size;
	c->next = lex->chunks;
	lex->chunks = c;
	return (c->data);
}

int
fm_lex(struct fm_lexer *lex)
{
	size_t	 quoted, line, len;

	for (;;) {
		if (lex->at == lex->end) {
			lex->token = FM_END;
			lex->word = "the end of the file";
			lex->len = strlen(lex->word);
			lex->word_line = lex->line;
			return (0);
		}
		lex->word = lex->at;
		lex->word_line = lex->line;
		if (strchr(BLANKS SILENT, *lex->at) != NULL) {
			lex->at++;
			continue;
		}
		if (*lex->at == '=') {
			take(lex, 1);
			lex->token = FM_EQUALS;
			lex->state = FM_NAME;
			return (0);
		}
		for (len = 0; lex->at + len < lex->end && strchr(NOT_BARE, lex->at[len]) == NULL; len++)
			continue;
		quoted = quoted_length(lex);
		line = line_end_length(lex);
		if (line > len && line > quoted) {
			take(lex, line);
			continue;
		}
		if (quoted >= len && quoted > 0) {
			take(lex, quoted);
			lex->state = FM_PLAIN;
			return (text(lex, lex->word + 1, quoted - 2));
		}
		take(lex, len);
		if (bare(lex) == -1)
			return (-1);
		if (lex->token != FM_NOISE)
			return (0);
	}
}

/* Of a text in quotes that begins here, with both quotes; 0: there is none. */
static size_t
quoted_length(const struct fm_lexer *lex)
{
	const char	*end;

	if (*lex->at != '"' && *lex->at != '\'')
		return (0);
	end = memchr(lex->at + 1, *lex->at, (size_t)(lex->end - lex->at) - 1);
	return (end == NULL ? 0 : (size_t)(end - lex->at) + 1);
}

/* Of a comment and a line end, or a line end alone, with the backslash ahead of it. */
static size_t
line_end_length(struct fm_lexer *lex)
{
	const char	*end;
	size_t		 left = (size_t)(lex->end - lex->at);

	if (*lex->at == '\n')
		return (1);
	if (*lex->at == '\\')
		return (left > 1 && lex->at[1] == '\n' ? 2 : 0);
	if (*lex->at != '#' || (lex->last_line != NULL && lex->at >= lex->last_line))
		return (0);
	if ((end = memchr(lex->at, '\n', left)) != NULL)
		return ((size_t)(end - lex->at) + 1);
	lex->last_line = lex->at;
	return (0);
}

/* The next len octets are the word. */
static void
take(struct fm_lexer *lex, size_t len)
{
	const char	*p = lex->at;

	lex->len = len;
	lex->at += len;
	while ((p = memchr(p, '\n', (size_t)(lex->at - p))) != NULL) {
		lex->line++;
		p++;
	}
}

/* What a word without quotes is. */
static int
bare(struct fm_lexer *lex)
{
	const struct fm_word	*word;
	enum fm_state		 state = lex->state;

	if (state != FM_NAME && (word = fm_word(lex->word, lex->len)) != NULL) {
		if (word->token == FM_NO_OPTION) {
			lex->at = lex->word + 2;		/* the option itself is the next word */
			lex->len = 2;
			lex->token = FM_NO;
			return (0);
		}
		if (word->value == FM_PASSWORD && word->token == FM_OPTION && state == FM_AUTHTYPE) {
			if (strcmp(word->name, "password") != 0)
				return (text(lex, lex->word, lex->len));
			lex->token = FM_AUTH_WORD;
			lex->value = FM_AUTH_PASSWORD;
			lex->state = FM_PLAIN;
			return (0);
		}
		lex->token = word->token;
		lex->value = word->value;
		if (word->token == FM_AUTH_WORD || word->state != FM_PLAIN)
			lex->state = word->state;
		return (0);
	}
	if (state == FM_NAME)
		lex->state = FM_PLAIN;
	else if (is_number(lex->word, lex->len))
		return (number(lex));
	return (text(lex, lex->word, lex->len));
}

static int
is_number(const char *word, size_t len)
{
	size_t	 i = word[0] == '-';

	if (i == len)
		return (0);
	while (i < len && word[i] >= '0' && word[i] <= '9')
		i++;
	return (i == len);
}

static int
number(struct fm_lexer *lex)
{
	char		 digits[32];
	const char	*bad = "too long";

	if (lex->len < sizeof(digits)) {
		memcpy(digits, lex->word, lex->len);
		digits[lex->len] = '\0';
		lex->value = (int)strtonum(digits, INT_MIN, INT_MAX, &bad);
	}
	if (bad != NULL)
		return (import_fail(lex->imp, lex->word_line, "the number %.*s is beyond what fetchmail can hold, %d",
		    (int)(lex->len < 40 ? lex->len : 40), lex->word, INT_MAX));
	lex->token = FM_NUMBER;
	return (0);
}

/* A text of len octets, its escapes undone.  An octet 0 among them ends it, as it does for fetchmail. */
static int
text(struct fm_lexer *lex, const char *raw, size_t len)
{
	const char	*end = raw + len;
	char		*to;
	int		 octet;

	lex->text = to = fm_alloc(lex, len + 1);
	lex->token = FM_STRING;
	while (raw < end) {
		if (*raw != '\\')
			octet = (unsigned char)*raw++;
		else
			raw = escape(raw + 1, end, &octet);
		if (octet == 0)
			break;
		if (octet > 0)
			*to++ = (char)octet;
	}
	*to = '\0';
	return (0);
}

/*
 * What stands behind a backslash: its octet, or -1 where there is none, and where it ends.  \x takes two hexadecimal digits, \0 two
 * octal ones, another digit is the first of three decimal ones.
 */
static const char *
escape(const char *p, const char *end, int *octet)
{
	static const char	 hex[] = "0123456789abcdef";
	const char		*digit;
	int			 base = 10, n = 0, value = 0;

	*octet = -1;
	if (p == end || *p == '\n')
		return (p == end ? p : p + 1);
	if (*p == 'x' || *p == 'X') {
		base = 16;
		p++;
		n = 1;
	} else if (*p == '0')
		base = 8;
	else if (*p < '1' || *p > '9') {
		*octet = *p == 'n' ? '\n' : *p == 't' ? '\t' : *p == 'b' ? '\b' : *p == 'r' ? '\r' : (unsigned char)*p;
		return (p + 1);
	}
	for (; p < end && n < 3; p++, n++) {
		digit = memchr(hex, *p >= 'A' && *p <= 'F' ? *p + ('a' - 'A') : *p, (size_t)base);
		if (digit == NULL)
			break;
		value = value * base + (int)(digit - hex);
	}
	*octet = value & 0xff;
	return (p);
}
