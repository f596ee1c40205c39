/* SPDX-License-Identifier: ISC */
/* A growing byte buffer with a cap, consumed from the front.  Bytes are (pointer, length), never C strings. */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t	*base;
	size_t	 off;		/* first unread byte */
	size_t	 len;		/* unread bytes */
	size_t	 size;		/* allocated */
	size_t	 max;		/* cap on len */
};

void	 buf_init(struct buf *, size_t max);
void	 buf_free(struct buf *);			/* wipes (freezero) */
int	 buf_add(struct buf *, const void *, size_t);	/* 0, or -1: over the cap or no memory (errno) */
uint8_t	*buf_space(struct buf *, size_t want, size_t *have);	/* room for read(2): >= 1 byte up to want, or NULL at the cap */
void	 buf_added(struct buf *, size_t);		/* bytes written into buf_space() */
uint8_t	*buf_data(struct buf *);
size_t	 buf_len(const struct buf *);
void	 buf_consume(struct buf *, size_t);
/*
 * The next line ending in LF, CR before it stripped: returns 1 and sets *line, *len (not NUL-terminated, valid until the next
 * call that changes the buffer; consumes it), 0 if no complete line is there yet.
 */
int	 buf_line(struct buf *, uint8_t **line, size_t *len);

#endif
