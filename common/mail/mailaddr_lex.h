/* SPDX-License-Identifier: ISC */
/* Tokens of structured fields (RFC 5322), for mailaddr.c only. */
#ifndef MAILADDR_LEX_H
#define MAILADDR_LEX_H

#include <stddef.h>
#include <stdint.h>

enum lex_token {
	LEX_END,
	LEX_ATOM,	/* s, n: the octets */
	LEX_QUOTED,	/* s, n: between the quotes, still escaped and folded */
	LEX_LITERAL,	/* s, n: between the brackets */
	LEX_SPECIAL,	/* c: one of < > @ , ; : . */
	LEX_JUNK	/* c: an octet that has no place outside of quotes and comments */
};

struct lex {
	const uint8_t	*p, *end;	/* the octets that are left */
	const uint8_t	*before;	/* where the token ahead of the current one has ended */
	const uint8_t	*start;		/* where the current token begins, behind blanks and comments */
	const uint8_t	*s;
	size_t		 n;
	size_t		 angles;	/* number of open '<' */
	enum lex_token	 tok;		/* the current token */
	int		 c;
	/* 1: the current token has octets that will do for a name only: they are no UTF-8, or no literal's */
	int		 rough;
	/* 1: doubtful since the last lex_clear(): a control octet, something without an end, a backslash ahead of a special */
	int		 bad;
};

void	 lex_init(struct lex *, const uint8_t *, size_t);	/* the first token is current */
void	 lex_next(struct lex *);
int	 lex_gap(const struct lex *);			/* 1: blanks or comments stand before the current token */
int	 lex_is(const struct lex *, int c);		/* 1: the current token is this special */
int	 lex_ends(const struct lex *);			/* 1: the end, or a comma or semicolon outside of angle brackets */
void	 lex_clear(struct lex *);
int	 lex_atext(int c);				/* 1: may stand in an atom, octets over 0x7f included */

#endif
