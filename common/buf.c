/* SPDX-License-Identifier: ISC */
/* A growing byte buffer with a cap, consumed from the front. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define BUF_FIRST	4096	/* octets of the first allocation */

static int	 buf_need(struct buf *, size_t);

void
buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

/* Wipes and frees the content; an empty buffer with the same cap stays. */
void
buf_free(struct buf *b)
{
	if (b->base != NULL)
		freezero(b->base, b->size);
	buf_init(b, b->max);
}

/*
 * Makes room for n more octets behind the content, which is moved to the front or to a larger allocation.  0, or -1 and errno:
 * ENOBUFS, that is over the cap, or ENOMEM.
 */
static int
buf_need(struct buf *b, size_t n)
{
	uint8_t	*p;
	size_t	 size;

	if (n > b->max - b->len) {
		errno = ENOBUFS;
		return (-1);
	}
	if (n <= b->size - b->off - b->len)
		return (0);
	if (n <= b->size - b->len) {
		memmove(b->base, b->base + b->off, b->len);
		b->off = 0;
		return (0);
	}
	size = b->size == 0 ? BUF_FIRST : b->size > b->max / 2 ? b->max : b->size * 2;
	if (size > b->max)
		size = b->max;
	if (size < b->len + n)
		size = b->len + n;
	if ((p = malloc(size)) == NULL)
		return (-1);
	if (b->base != NULL) {
		memcpy(p, b->base + b->off, b->len);
		freezero(b->base, b->size);
	}
	b->base = p;
	b->size = size;
	b->off = 0;
	return (0);
}

int
buf_add(struct buf *b, const void *data, size_t len)
{
	if (len == 0)
		return (0);
	if (buf_need(b, len) == -1)
		return (-1);
	memcpy(b->base + b->off + b->len, data, len);
	b->len += len;
	return (0);
}

uint8_t *
buf_space(struct buf *b, size_t want, size_t *have)
{
	if (want > b->max - b->len)
		want = b->max - b->len;
	*have = 0;
	if (want == 0) {
		errno = ENOBUFS;
		return (NULL);
	}
	if (buf_need(b, want) == -1)
		return (NULL);
	*have = want;
	return (b->base + b->off + b->len);
}

void
buf_added(struct buf *b, size_t n)
{
	if (n > b->size - b->off - b->len)
		abort();
	b->len += n;
}

uint8_t *
buf_data(struct buf *b)
{
	return (b->base == NULL ? NULL : b->base + b->off);
}

size_t
buf_len(const struct buf *b)
{
	return (b->len);
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n > b->len)
		abort();
	b->len -= n;
	b->off = b->len == 0 ? 0 : b->off + n;
}

int
buf_line(struct buf *b, uint8_t **line, size_t *len)
{
	uint8_t	*start, *end;
	size_t	 n;

	if (b->len == 0)
		return (0);
	start = b->base + b->off;
	if ((end = memchr(start, '\n', b->len)) == NULL)
		return (0);
	n = (size_t)(end - start);
	*line = start;
	*len = n > 0 && start[n - 1] == '\r' ? n - 1 : n;
	buf_consume(b, n + 1);
	return (1);
}
