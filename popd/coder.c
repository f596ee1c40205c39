/* SPDX-License-Identifier: ISC */
/*
 * Writing a field of a header: words, blanks between them, encoded-words (RFC 2047) in UTF-8, and a line's end ahead of a word that
 * would make the line longer than 76 octets, where there is a blank.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "common/sasl/base64.h"
#include "common/utf8.h"
#include "surrogate.h"

#define LINE_OCTETS	76		/* of a line with an encoded-word, without its end (RFC 2047 section 2) */
#define WORD_OCTETS	75		/* of an encoded-word */
#define WORD_FRAME	12		/* of those around the text */
#define WORD_LEAST	40		/* with less room an encoded-word begins a line */

static int	 q_safe(uint8_t);
static size_t	 q_octets(const uint8_t *, size_t);
static void	 word_write(struct coder *, int q, const uint8_t *, size_t);

/* 1: no octet is beyond ASCII. */
int
coder_ascii(const uint8_t *p, size_t n)
{
	uint64_t	 word, all = 0;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		all |= word;
	}
	for (; n > 0; p++, n--)
		all |= *p;
	return ((all & 0x8080808080808080ULL) == 0);
}

/* How many octets are blanks up to the first that is none. */
size_t
coder_blank(const uint8_t *p, size_t n)
{
	size_t	 i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return (i);
}

/* 1: these octets, without blanks, look as if they were an encoded-word. */
int
coder_is_word(const uint8_t *p, size_t n)
{
	return (n > 6 && memcmp(p, "=?", 2) == 0 && memcmp(p + n - 2, "?=", 2) == 0);
}

/* Octets as they are, behind what was written last. */
void
coder_octets(struct coder *c, const void *p, size_t n)
{
	if (n > 0 && buf_add(c->out, p, n) == -1)
		c->failed = 1;
	c->column += n;
}

/* A word as it is, behind the blank that is due. */
void
coder_word(struct coder *c, const void *p, size_t n)
{
	if (c->gap && c->any && c->column + 1 + n > LINE_OCTETS) {
		coder_octets(c, "\r\n", 2);
		c->column = 0;
	}
	if (c->gap)
		coder_octets(c, " ", 1);
	coder_octets(c, p, n);
	c->coded = coder_is_word(p, n);
	c->any = 1;
	c->gap = 0;
}

/* Words as they are, each behind a blank but for the first, if there is none ahead of it and none is due. */
void
coder_words(struct coder *c, const uint8_t *p, size_t n)
{
	size_t	 i, k, blank;

	for (i = 0; i < n; i = k) {
		blank = coder_blank(p + i, n - i);
		i += blank;
		for (k = i; k < n && p[k] != ' ' && p[k] != '\t'; k++)
			continue;
		c->gap = c->gap || blank > 0;
		if (k > i)
			coder_word(c, p + i, k - i);
	}
}

/* What stands for itself in the Q encoding everywhere, in a phrase, too (RFC 2047 section 5). */
static int
q_safe(uint8_t c)
{
	return ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ' ' || c == '-' || c == '/' ||
	    c == '!' || c == '*' || c == '+');
}

static size_t
q_octets(const uint8_t *p, size_t n)
{
	size_t	 i, octets = 0;

	for (i = 0; i < n; i++)
		octets += q_safe(p[i]) ? 1 : 3;
	return (octets);
}

/* Text, which is UTF-8, as encoded-words; lead, of one octet at most, is written right ahead of the first. */
void
coder_encode(struct coder *c, const char *lead, const uint8_t *p, size_t n)
{
	size_t	 i, k, used, len, cost, room, before = strlen(lead);
	int	 q = q_octets(p, n) <= (n + 2) / 3 * 4;

	for (i = 0; i < n; i += k) {
		if (c->gap && c->column + c->gap + before + WORD_LEAST > LINE_OCTETS) {
			coder_octets(c, "\r\n", 2);
			c->column = 0;
		}
		if (c->gap)
			coder_octets(c, " ", 1);
		coder_octets(c, lead, before);
		lead = "";
		before = 0;
		room = c->column + WORD_LEAST > LINE_OCTETS ? WORD_LEAST : LINE_OCTETS - c->column;
		room = (room > WORD_OCTETS ? WORD_OCTETS : room) - WORD_FRAME;
		for (k = 0, used = 0; i + k < n; k += len, used = cost) {
			if ((len = utf8_length(p + i + k, n - i - k)) == 0)
				len = 1;
			cost = q ? used + q_octets(p + i + k, len) : (k + len + 2) / 3 * 4;
			if (cost > room)
				break;
		}
		word_write(c, q, p + i, k);
		c->gap = 1;
	}
	c->gap = 0;
	c->coded = 1;
	c->any = 1;
}

/* One encoded-word. */
static void
word_write(struct coder *c, int q, const uint8_t *p, size_t n)
{
	char	 hex[4];
	size_t	 i, before;

	coder_octets(c, q ? "=?UTF-8?Q?" : "=?UTF-8?B?", WORD_FRAME - 2);
	if (!q) {
		before = buf_len(c->out);
		if (base64_encode(c->out, p, n) == -1)
			c->failed = 1;
		c->column += buf_len(c->out) - before;
	} else
		for (i = 0; i < n; i++) {
			snprintf(hex, sizeof(hex), "=%02X", p[i]);
			if (p[i] == ' ')
				coder_octets(c, "_", 1);
			else
				coder_octets(c, q_safe(p[i]) ? (const char *)p + i : hex, q_safe(p[i]) ? 1 : 3);
		}
	coder_octets(c, "?=", 2);
}

/*
 * Text without a syntax: words beyond ASCII that follow each other become encoded-words together.  Blanks between two encoded-words
 * are nothing to a reader (RFC 2047 section 6.2), so that next to one that was there already they are encoded, too.
 */
void
coder_text(struct coder *c, const uint8_t *p, size_t n)
{
	size_t	 i = 0, k, end, blank, next;
	int	 word;

	while (i < n) {
		blank = coder_blank(p + i, n - i);
		for (k = i + blank; k < n && p[k] != ' ' && p[k] != '\t'; k++)
			continue;
		if (coder_ascii(p + i, k - i)) {
			c->gap = c->gap || blank > 0;
			coder_words(c, p + i + blank, k - i - blank);
			i = k;
			continue;
		}
		for (end = next = k; next < n; end = next) {
			next += coder_blank(p + next, n - next);
			for (k = next; k < n && p[k] != ' ' && p[k] != '\t'; k++)
				continue;
			word = coder_is_word(p + next, k - next);
			if (coder_ascii(p + next, k - next)) {
				end = word ? next : end;
				break;
			}
			next = k;
		}
		if (blank > 0 && !c->coded)
			i += blank;
		c->gap = c->gap || blank > 0;
		coder_encode(c, "", p + i, end - i);
		i = end;
		c->gap = i < n;
	}
}
