/* SPDX-License-Identifier: ISC */
/*
 * What the client sends, cut into lines.  A line that is too long is swallowed whole, so that its rest is never taken for a
 * command.
 */
#include <sys/types.h>

#include <string.h>

#include "popd.h"

static void	 line_compact(struct lines *);
static void	 line_drop(struct lines *, size_t);

/* Room for more octets of the client; at least one, as long as the caller takes out lines until there is none. */
uint8_t *
line_space(struct lines *l, size_t *have)
{
	line_compact(l);
	*have = sizeof(l->buf) - l->len;
	return (l->buf + l->len);
}

void
line_added(struct lines *l, size_t n)
{
	l->len += n;
}

/*
 * Takes the next line, which ends in LF or CRLF.  limit() says how many octets it may have, its end included, by what it begins
 * with; that is less than the buffer has.  LINE_GOOD: *line and *len are the line without its end, valid until the next call that
 * adds octets; line_wipe() is for one that has a secret.  LINE_LONG, LINE_NUL: there was a line, and nothing is left of it.
 */
enum line_kind
line_next(struct lines *l, size_t (*limit)(const uint8_t *, size_t), uint8_t **line, size_t *len)
{
	uint8_t	*start = l->buf + l->off, *end;
	size_t	 left = l->len - l->off, n;

	if (left == 0)
		return (LINE_NONE);
	end = memchr(start, '\n', left);
	n = end == NULL ? left : (size_t)(end - start) + 1;
	if (l->swallow || n > limit(start, n)) {
		line_drop(l, n);
		l->swallow = end == NULL;
		return (end == NULL ? LINE_NONE : LINE_LONG);
	}
	if (end == NULL)
		return (LINE_NONE);
	if (memchr(start, '\0', n) != NULL) {
		line_drop(l, n);
		return (LINE_NUL);
	}
	l->off += n;
	*line = start;
	*len = n >= 2 && start[n - 2] == '\r' ? n - 2 : n - 1;
	return (LINE_GOOD);
}

/* Wipes a line that line_next() gave. */
void
line_wipe(uint8_t *line, size_t len)
{
	explicit_bzero(line, len);
}

/* Forgets and wipes everything that was read.  Returns how many octets of it were waiting. */
size_t
line_clear(struct lines *l)
{
	size_t	 n = l->len - l->off;

	explicit_bzero(l->buf, l->len);
	l->off = l->len = 0;
	l->swallow = 0;
	return (n);
}

int
line_waiting(const struct lines *l)
{
	return (l->len > l->off);
}

/* Moves what waits to the front, and wipes the place where it was. */
static void
line_compact(struct lines *l)
{
	size_t	 n = l->len - l->off;

	if (l->off == 0)
		return;
	memmove(l->buf, l->buf + l->off, n);
	explicit_bzero(l->buf + n, l->len - n);
	l->off = 0;
	l->len = n;
}

/* The next n octets are not wanted, and may be of a secret. */
static void
line_drop(struct lines *l, size_t n)
{
	explicit_bzero(l->buf + l->off, n);
	l->off += n;
}
