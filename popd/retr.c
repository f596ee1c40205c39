/* SPDX-License-Identifier: ISC */
/*
 * From the octets of a message's file to those of a reply to RETR or TOP (RFC 1939 section 3): an LF that no CR is ahead of
 * becomes CRLF, a dot at a line's beginning gets another one ahead of it, and at the end the last line is ended, if it is not, and
 * a line with a dot follows.  All other octets stay as they are, a CR alone among them.
 *
 * The converter works on whole stretches of lines, and can stop and go on at any octet of what it reads and writes.
 */
#include <sys/types.h>

#include <string.h>

#include "popd.h"

static size_t	 stretch(struct retr *, const uint8_t *, size_t, uint8_t *, size_t *);
static void	 line_over(struct retr *);

/* A message begins.  top: only its header, the empty line and so many lines of its body are wanted. */
void
retr_begin(struct retr *r, int top, uint64_t lines)
{
	memset(r, 0, sizeof(*r));
	r->top = top;
	r->lines = lines;
}

/*
 * Converts what it can of n octets into room octets at out, at least RETR_ROOM.  Returns how many it has read, and in *made how
 * many it has written.  With TOP it may have enough, which retr_enough() says: then nothing is read any more.
 */
size_t
retr_convert(struct retr *r, const uint8_t *in, size_t n, uint8_t *out, size_t room, size_t *made)
{
	size_t	 read = 0, wrote = 0, k, m;

	while (read < n && room - wrote >= RETR_ROOM && !r->enough) {
		m = n - read;
		if (m > room - wrote - (RETR_ROOM - 1))
			m = room - wrote - (RETR_ROOM - 1);
		read += stretch(r, in + read, m, out + wrote, &k);
		wrote += k;
	}
	*made = wrote;
	return (read);
}

/*
 * Converts octets of one line, its end included if it is among them: n octets are looked at, and n + 2 may be written, as *made
 * says. Returns how many were read.
 */
static size_t
stretch(struct retr *r, const uint8_t *in, size_t n, uint8_t *out, size_t *made)
{
	const uint8_t	*lf = memchr(in, '\n', n);
	uint8_t		*p = out;
	size_t		 len = lf == NULL ? n : (size_t)(lf - in);
	int		 cr;

	if (r->column == 0 && in[0] == '.') {
		*p++ = '.';
		r->stuffed++;
	}
	memcpy(p, in, len);
	p += len;
	cr = len > 0 ? in[len - 1] == '\r' : r->cr;
	if (lf == NULL) {
		r->column += len;
		r->cr = cr;
	} else {
		if (!cr)
			*p++ = '\r';
		*p++ = '\n';
		r->column += len - (cr ? 1 : 0);
		line_over(r);
		len++;
	}
	*made = (size_t)(p - out);
	r->octets += *made;
	return (len);
}

/* A line has ended; column is how many octets it has without its end.  The empty one ends the header. */
static void
line_over(struct retr *r)
{
	int	 empty = r->column == 0;

	r->column = 0;
	r->cr = 0;
	if (!r->top)
		return;
	if (r->body && r->lines > 0)
		r->lines--;
	if (empty)
		r->body = 1;
	if (r->body && r->lines == 0)
		r->enough = 1;
}

/*
 * The file has ended, or there is enough of it: writes the end of the reply to out, which has room for RETR_END octets.  Returns
 * how many.
 */
size_t
retr_end(struct retr *r, uint8_t *out)
{
	uint8_t	*p = out;

	if (r->column > 0) {
		*p++ = '\r';
		*p++ = '\n';
		line_over(r);
	}
	if (r->top && !r->body) {		/* the header has no end: it gets one */
		*p++ = '\r';
		*p++ = '\n';
	}
	r->octets += (uint64_t)(p - out);
	memcpy(p, ".\r\n", 3);
	return ((size_t)(p - out) + 3);
}

/* How many octets of a reply so many of a file are, as retr_octets() counts them; the last line may lack its end. */
uint64_t
retr_size(const uint8_t *p, size_t n)
{
	const uint8_t	*lf, *at = p, *end = p + n;
	uint64_t	 size = n;

	for (; at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL; at = lf + 1)
		if (lf == p || lf[-1] != '\r')
			size++;
	return (n > 0 && p[n - 1] != '\n' ? size + 2 : size);
}

/* With TOP: everything that is wanted has gone out. */
int
retr_enough(const struct retr *r)
{
	return (r->enough);
}

/* Octets of the message that were written, without the dots that were added. */
uint64_t
retr_octets(const struct retr *r)
{
	return (r->octets - r->stuffed);
}
