/* SPDX-License-Identifier: ISC */
/*
 * Fields that do not go to a next hop.  A Delivered-To field says that a host has delivered the message to an address once; to
 * Postfix's local(8), virtual(8) and pipe(8), to Courier and to qmail one with the recipient's own address is proof of a loop,
 * and they bounce the message after having accepted it.  The provider's hosts write exactly that.  Exim, sendmail and Dovecot
 * count Received fields, which stay, as do X-Original-To, Envelope-To and X-Loop, by which no host decides on its own.
 *
 * A line ends where body.c ends one, so that no field is seen there that was none here.  The header ends with an empty line, or
 * ahead of a line that is no field; octets behind it pass untouched.
 */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "sender.h"

static const char	 name[] = "delivered-to";

static uint8_t	*trace_octet(struct trace *, uint8_t, uint8_t *);
static uint8_t	*trace_name(struct trace *, uint8_t, uint8_t *);
static int	 trace_is(const struct trace *, size_t);
static int	 trace_mbox(const struct trace *);
static uint8_t	*trace_flush(struct trace *, uint8_t *);
static enum trace_state	 trace_line_end(uint8_t);

void
trace_begin(struct trace *t, int keep)
{
	memset(t, 0, sizeof(*t));
	t->state = keep ? TRACE_OVER : TRACE_LINE;
}

/*
 * Takes len octets of the message.  Those that go on are put into out, which has room for len + TRACE_HELD; returns their number.
 */
size_t
trace_feed(struct trace *t, const uint8_t *p, size_t len, uint8_t *out)
{
	uint8_t	*to = out;
	size_t	 i;

	for (i = 0; i < len && t->state != TRACE_OVER; i++)
		to = trace_octet(t, p[i], to);
	memcpy(to, p + i, len - i);
	return (to + (len - i) - out);
}

/* The message is over: what was held back is put into out, TRACE_HELD octets at most; returns their number. */
size_t
trace_end(struct trace *t, uint8_t *out)
{
	return (trace_flush(t, out) - out);
}

static uint8_t *
trace_octet(struct trace *t, uint8_t c, uint8_t *out)
{
	int	 eol = c == '\n' || c == '\r';

	if (t->state == TRACE_CR) {
		t->state = TRACE_LINE;
		if (c == '\n') {
			if (!t->skip)
				*out++ = c;
			return (out);
		}
	}
	if (t->state == TRACE_LINE && c != ' ' && c != '\t') {	/* a blank continues the field */
		t->skip = 0;
		t->state = eol ? TRACE_OVER : TRACE_NAME;
	} else if (t->state == TRACE_LINE)
		t->state = TRACE_REST;
	else if (eol && t->state == TRACE_REST)
		t->state = trace_line_end(c);
	if (t->state == TRACE_NAME)
		return (trace_name(t, c, out));
	if (!t->skip)
		*out++ = c;
	return (out);
}

/*
 * An octet of a field's name, which is held back up to the colon.  Blanks ahead of the colon are obsolete, but some readers take
 * them.
 */
static uint8_t *
trace_name(struct trace *t, uint8_t c, uint8_t *out)
{
	size_t	 n = t->n;

	t->held[t->n++] = c;
	while (n > 0 && (t->held[n - 1] == ' ' || t->held[n - 1] == '\t'))
		n--;
	if (c == ':' && n > 0) {
		t->state = TRACE_REST;
		if ((t->skip = trace_is(t, n)))
			t->n = 0;
	} else if (c == ':' || (c < ' ' && c != '\t') || (n < t->n - 1 && c != ' ' && c != '\t')) {
		if (!trace_mbox(t))
			t->state = TRACE_OVER;
		else
			t->state = c == '\n' || c == '\r' ? trace_line_end(c) : TRACE_REST;
	} else if (t->n == sizeof(t->held))
		t->state = TRACE_REST;		/* the name is longer than any that matters */
	else
		return (out);
	return (trace_flush(t, out));
}

static int
trace_is(const struct trace *t, size_t n)
{
	return (n == sizeof(name) - 1 && strncasecmp((const char *)t->held, name, n) == 0);
}

/* Whether this is the line that a mailbox file has ahead of a message, "From ", which some servers leave there. */
static int
trace_mbox(const struct trace *t)
{
	size_t	 off = t->held[0] == '>';

	return (t->n >= off + 5 && memcmp(t->held + off, "From ", 5) == 0);
}

static uint8_t *
trace_flush(struct trace *t, uint8_t *out)
{
	memcpy(out, t->held, t->n);
	out += t->n;
	t->n = 0;
	return (out);
}

static enum trace_state
trace_line_end(uint8_t c)
{
	return (c == '\n' ? TRACE_LINE : TRACE_CR);
}
