/* SPDX-License-Identifier: ISC */
/*
 * A message as DATA wants it (RFC 5321 sections 2.3.8 and 4.5.2): each LF, CRLF and bare CR of the spool becomes CRLF, so that no
 * next hop can see an end of the message, and commands behind it, where this program sees none; a dot at the begin of a line is
 * doubled.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "sender.h"

static int	 body_line_end(struct body *, struct buf *);
static int	 body_run(struct body *, const uint8_t *, size_t, struct buf *);

void
body_begin(struct body *b)
{
	memset(b, 0, sizeof(*b));
	b->state = BODY_BOL;
}

/* Appends octets of one line, without a line end, to out; out NULL: they are counted only.  0 or -1. */
static int
body_run(struct body *b, const uint8_t *p, size_t len, struct buf *out)
{
	uint8_t	 high = 0;
	size_t	 i;

	b->octets += len;
	if (out == NULL) {
		for (i = 0; i < len; i++)
			high |= p[i];
		b->eight_bit |= high >> 7;
		return (0);
	}
	if (b->state == BODY_BOL && p[0] == '.' && buf_add(out, ".", 1) == -1)
		return (-1);
	return (buf_add(out, p, len));
}

static int
body_line_end(struct body *b, struct buf *out)
{
	b->octets += 2;
	b->state = BODY_BOL;
	return (out == NULL ? 0 : buf_add(out, "\r\n", 2));
}

/* Takes octets of the message; out has room for twice as many, or is NULL: they are counted only.  0, or -1: out is full. */
int
body_feed(struct body *b, const uint8_t *p, size_t len, struct buf *out)
{
	const uint8_t	*end = p + len;
	size_t		 n;

	while (p < end) {
		if (b->state == BODY_CR) {
			if (body_line_end(b, out) == -1)
				return (-1);
			if (*p == '\n') {
				p++;
				continue;
			}
		}
		for (n = 0; p + n < end && p[n] != '\r' && p[n] != '\n'; n++)
			;
		if (n > 0) {
			if (body_run(b, p, n, out) == -1)
				return (-1);
			b->state = BODY_TEXT;
			p += n;
		}
		if (p == end)
			break;
		if (*p++ == '\r')
			b->state = BODY_CR;
		else if (body_line_end(b, out) == -1)
			return (-1);
	}
	return (0);
}

/* The message is over: appends the last line's end, if the message has none, and the final dot.  0 or -1, as body_feed(). */
int
body_end(struct body *b, struct buf *out)
{
	if (b->state != BODY_BOL && body_line_end(b, out) == -1)
		return (-1);
	return (out == NULL ? 0 : buf_add(out, ".\r\n", 3));
}
