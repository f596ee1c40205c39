/* SPDX-License-Identifier: ISC */
/*
 * Tokens of structured fields (RFC 5322): atoms, quoted strings, domain literals, specials; white space, folds and comments are
 * skipped.  Every octet is looked at once.  Something irregular inside of a quoted string, comment or literal does not change where
 * that ends, and only sets bad or rough, so that nothing in it can become a token of its own.
 */
#include <string.h>

#include "common/compat.h"
#include "common/utf8.h"
#include "mailaddr_lex.h"

#define LEX_NEST	100	/* comments in comments; more make the field doubtful */

#define ATEXT	0x01
#define BLANK	0x02		/* space, tab */
#define BREAK	0x04		/* CR, LF: a part of a fold only */
#define SPECIAL	0x08		/* a token of its own */
#define HIGH	0x10		/* UTF-8 */
#define DTEXT	0x20		/* address literals as in use: letters, digits, '.', ':', '-' */
#define COMMENT	0x40		/* '(' */

static void		 lex_blank(struct lex *);
static void		 lex_comment(struct lex *);
static void		 lex_atom(struct lex *);
static void		 lex_quoted(struct lex *);
static void		 lex_literal(struct lex *);
static void		 lex_special(struct lex *);
static void		 lex_junk(struct lex *);
static void		 lex_text(struct lex *);
static int		 lex_class(int);
static size_t		 lex_fold(const struct lex *);
static size_t		 lex_utf8(const uint8_t *, const uint8_t *);

void
lex_init(struct lex *lx, const uint8_t *p, size_t len)
{
	memset(lx, 0, sizeof(*lx));
	lx->p = p;
	lx->end = len > 0 ? p + len : p;
	lex_next(lx);
}

void
lex_next(struct lex *lx)
{
	int	 class;

	lx->before = lx->p;
	lex_blank(lx);
	lx->start = lx->p;
	lx->rough = 0;			/* in a comment it does not count */
	if (lx->p == lx->end) {
		lx->tok = LEX_END;
		return;
	}
	lx->c = *lx->p;
	class = lex_class(lx->c);
	if (class & (ATEXT | HIGH))
		lex_atom(lx);
	else if (lx->c == '"')
		lex_quoted(lx);
	else if (lx->c == '[')
		lex_literal(lx);
	else if (class & SPECIAL)
		lex_special(lx);
	else
		lex_junk(lx);
}

int
lex_gap(const struct lex *lx)
{
	return (lx->start != lx->before);
}

int
lex_is(const struct lex *lx, int c)
{
	return (lx->tok == LEX_SPECIAL && lx->c == c);
}

int
lex_ends(const struct lex *lx)
{
	if (lx->tok == LEX_END)
		return (1);
	return (lx->angles == 0 && (lex_is(lx, ',') || lex_is(lx, ';')));
}

void
lex_clear(struct lex *lx)
{
	lx->bad = 0;
}

int
lex_atext(int c)
{
	return ((lex_class(c) & (ATEXT | HIGH)) != 0);
}

/* Skips white space, folds and comments. */
static void
lex_blank(struct lex *lx)
{
	size_t	 n;
	int	 class;

	while (lx->p < lx->end && ((class = lex_class(*lx->p)) & (BLANK | BREAK | COMMENT))) {
		if (class & BLANK)
			lx->p++;
		else if (class & COMMENT)
			lex_comment(lx);
		else if ((n = lex_fold(lx)) > 0)
			lx->p += n;
		else
			return;
	}
}

/* Skips a comment with all comments in it; one without an end goes on to the end of the field. */
static void
lex_comment(struct lex *lx)
{
	size_t	 depth = 0;

	while (lx->p < lx->end) {
		if (*lx->p == '(') {
			lx->p++;
			if (++depth > LEX_NEST)
				lx->bad = 1;
		} else if (*lx->p == ')') {
			lx->p++;
			if (--depth == 0)
				return;
		} else
			lex_text(lx);
	}
	lx->bad = 1;
}

static void
lex_atom(struct lex *lx)
{
	size_t	 n;
	int	 class;

	lx->tok = LEX_ATOM;
	lx->s = lx->p;
	while (lx->p < lx->end) {
		class = lex_class(*lx->p);
		if (class & ATEXT)
			lx->p++;
		else if (!(class & HIGH))
			break;
		else if ((n = lex_utf8(lx->p, lx->end)) > 0)
			lx->p += n;
		else {
			lx->p++;
			lx->rough = 1;
		}
	}
	lx->n = lx->p - lx->s;
}

static void
lex_quoted(struct lex *lx)
{
	lx->tok = LEX_QUOTED;
	lx->s = ++lx->p;
	while (lx->p < lx->end && *lx->p != '"')
		lex_text(lx);
	lx->n = lx->p - lx->s;
	if (lx->p < lx->end)
		lx->p++;
	else
		lx->bad = 1;
}

/* Reads "[...]", of which only octets of address literals are taken, without blanks and folds at its ends. */
static void
lex_literal(struct lex *lx)
{
	lx->tok = LEX_LITERAL;
	lx->p++;
	while (lx->p < lx->end && ((lex_class(*lx->p) & BLANK) || lex_fold(lx) > 0))
		lex_text(lx);
	lx->s = lx->p;
	while (lx->p < lx->end && (lex_class(*lx->p) & DTEXT))
		lx->p++;
	lx->n = lx->p - lx->s;
	while (lx->p < lx->end && *lx->p != ']') {
		if (!(lex_class(*lx->p) & BLANK) && lex_fold(lx) == 0)
			lx->rough = 1;
		lex_text(lx);
	}
	if (lx->p < lx->end)
		lx->p++;
	else
		lx->bad = 1;
	if (lx->n == 0)
		lx->rough = 1;
}

static void
lex_special(struct lex *lx)
{
	lx->tok = LEX_SPECIAL;
	lx->p++;
	if (lx->c == '<')
		lx->angles++;
	else if (lx->c == '>' && lx->angles > 0)
		lx->angles--;
}

/*
 * Takes an octet that is no token of the grammar.  Names of people have unpaired brackets and backslashes in them; but a backslash
 * ahead of a special may be meant to quote that, which makes the field doubtful.
 */
static void
lex_junk(struct lex *lx)
{
	lx->tok = LEX_JUNK;
	lx->p++;
	if (lx->c == '\\')
		lx->bad |= lx->p == lx->end || !(lex_class(*lx->p) & (ATEXT | HIGH | BLANK));
	else if (lx->c != ')' && lx->c != ']')
		lx->bad = 1;
}

/* Steps over a character of a quoted string, comment or literal: an escaped pair, a fold, UTF-8, or an octet. */
static void
lex_text(struct lex *lx)
{
	size_t	 n;

	if (*lx->p == '\\') {
		lx->p++;
		if (lx->p == lx->end || (lex_class(*lx->p) & BREAK)) {
			lx->bad = 1;
			return;
		}
	} else if ((n = lex_fold(lx)) > 0) {
		lx->p += n;
		return;
	}
	if (lex_class(*lx->p) & HIGH) {
		if ((n = lex_utf8(lx->p, lx->end)) > 0) {
			lx->p += n;
			return;
		}
		lx->rough = 1;
	} else if ((*lx->p < ' ' && *lx->p != '\t') || *lx->p == 0x7f)
		lx->bad = 1;
	lx->p++;
}

static int
lex_class(int c)
{
	static const uint8_t	 class[128] = {
		['\t'] = BLANK, [' '] = BLANK, ['\n'] = BREAK, ['\r'] = BREAK,
		['('] = COMMENT, ['<'] = SPECIAL, ['>'] = SPECIAL, ['@'] = SPECIAL, [','] = SPECIAL, [';'] = SPECIAL,
		[':'] = SPECIAL | DTEXT, ['.'] = SPECIAL | DTEXT, ['-'] = ATEXT | DTEXT,
		['0' ... '9'] = ATEXT | DTEXT, ['A' ... 'Z'] = ATEXT | DTEXT, ['a' ... 'z'] = ATEXT | DTEXT,
		['!'] = ATEXT, ['#'] = ATEXT, ['$'] = ATEXT, ['%'] = ATEXT, ['&'] = ATEXT, ['\''] = ATEXT, ['*'] = ATEXT,
		['+'] = ATEXT, ['/'] = ATEXT, ['='] = ATEXT, ['?'] = ATEXT, ['^'] = ATEXT, ['_'] = ATEXT, ['`'] = ATEXT,
		['{'] = ATEXT, ['|'] = ATEXT, ['}'] = ATEXT, ['~'] = ATEXT
	};

	return (c < 128 ? class[c] : HIGH);
}

/* The length of the line end at p if it is part of a fold or the last one of the field, else 0. */
static size_t
lex_fold(const struct lex *lx)
{
	size_t	 n = 0, left = lx->end - lx->p;

	if (left > 0 && lx->p[0] == '\r')
		n++;
	if (left <= n || lx->p[n] != '\n')
		return (0);
	n++;
	if (left > n && !(lex_class(lx->p[n]) & BLANK))
		return (0);
	return (n);
}

/* The length of the UTF-8 sequence at p beyond ASCII, else 0.  The control characters U+0080 to U+009F count as not well-formed. */
static size_t
lex_utf8(const uint8_t *p, const uint8_t *end)
{
	if (p[0] < 0x80 || (p[0] == 0xc2 && end - p > 1 && p[1] < 0xa0))
		return (0);
	return (utf8_length(p, (size_t)(end - p)));
}
