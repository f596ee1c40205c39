/* SPDX-License-Identifier: ISC */
/* A growing buffer of octets with a cap, consumed from the front. */
#ifndef BUF_H
#define BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t	*base;
	size_t	 off;		/* of the first octet that was not consumed */
	size_t	 len;		/* octets that were not consumed */
	size_t	 size;		/* octets allocated */
	size_t	 max;		/* the most that len may be */
};

void	 buf_init(struct buf *, size_t max);		/* an empty buffer; nothing is allocated */
void	 buf_free(struct buf *);			/* wipes (freezero) */
int	 buf_add(struct buf *, const void *, size_t);	/* appends; 0, or -1 and errno: over the cap, or no memory */
uint8_t	*buf_space(struct buf *, size_t want, size_t *have);	/* room for 1 to want octets, or NULL: at the cap, or no memory */
void	 buf_added(struct buf *, size_t);		/* so many octets were written into buf_space() */
uint8_t	*buf_data(struct buf *);
size_t	 buf_len(const struct buf *);
void	 buf_consume(struct buf *, size_t);
/*
 * Consumes the next line, which ends in LF or CRLF.  1: *line and *len are the line without its end, without a NUL, valid until the
 * buffer is changed; 0: no line is complete yet.
 */
int	 buf_line(struct buf *, uint8_t **line, size_t *len);

#endif
