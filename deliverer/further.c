/* SPDX-License-Identifier: ISC */
/*
 * A further file of a message, for recipients whose lines on top are others than those of the message's own file: it is made of
 * that when it is whole, so that what comes in is written once, and a message whose recipients all see the same costs nothing
 * more.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "deliverer.h"

#define FURTHER_BUFFER	65536

struct writing {
	int		 fd;
	uint64_t	 octets, bare;
	uint8_t		 last;
};

static int	 further_fill(const struct message *, struct further *, struct writing *, const char **);
static int	 further_copy(int, uint64_t, struct writing *, struct strip *, const char **);
static int	 further_write(struct writing *, const uint8_t *, size_t);

int
further_make(struct message *m, struct further *f, const char **step)
{
	struct writing	 w;
	struct sync_item item;
	uint32_t	 nth = (uint32_t)(f - m->further) + 1;

	memset(&w, 0, sizeof(w));
	*step = "create";
	if ((f->fd = w.fd = spool_further(&m->id, nth, f->rcpt, &f->id)) == -1)
		return (-1);
	f->made = 1;
	HOOK("deliverer.further");
	if (further_fill(m, f, &w, step) == -1)
		return (-1);
	buf_free(&f->top);
	HOOK("deliverer.filled");
	*step = "rename";
	if (spool_final(&f->id, f->rcpt, w.octets, w.bare) == -1)
		return (-1);
	if (nth <= BATCH_FURTHER) {
		sync_start(f->fd, 0, (off_t)w.octets);
		return (0);
	}
	*step = "write";
	item.fd = f->fd;
	sync_files(&item, 1);
	if (close(f->fd) == -1 && item.error == 0)
		item.error = errno;
	f->fd = -1;
	errno = item.error;
	return (item.error == 0 ? 0 : -1);
}

/* Writes the lines on top, the header and the body.  0, or -1 and errno, and the step that failed. */
static int
further_fill(const struct message *m, struct further *f, struct writing *w, const char **step)
{
	struct strip	 strip;
	int		 fd, saved, error, named = m->rcpts[f->rcpt].names != NULL;

	*step = "write";
	if (further_write(w, buf_data(&f->top), buf_len(&f->top)) == -1)
		return (-1);
	*step = "read";
	if ((fd = spool_read(&m->id, 0)) == -1)
		return (-1);
	strip_init(&strip, m->field);
	if ((error = lseek(fd, (off_t)m->top, SEEK_SET) == -1) == 0)
		error = further_copy(fd, m->head - m->top, w, named ? &strip : NULL, step) == -1 ||
		    further_copy(fd, m->written - m->head, w, NULL, step) == -1;
	saved = errno;
	buf_free(&strip.held);
	close(fd);
	errno = saved;
	return (error ? -1 : 0);
}

/* Copies so many octets, those of a header without the fields that are to be stripped.  0, or -1 and errno, and the step. */
static int
further_copy(int fd, uint64_t octets, struct writing *w, struct strip *strip, const char **step)
{
	static uint8_t	 piece[FURTHER_BUFFER];
	struct buf	 kept;
	ssize_t		 n;
	int		 error = 0;

	buf_init(&kept, SIZE_MAX);
	for (; octets > 0 && !error; octets -= (uint64_t)n) {
		*step = "read";
		do
			n = read(fd, piece, octets < sizeof(piece) ? (size_t)octets : sizeof(piece));
		while (n == -1 && errno == EINTR);
		if (n == 0)
			errno = EIO;		/* it is ours, and was longer */
		if (n <= 0) {
			error = 1;
			break;
		}
		*step = "write";
		if (strip == NULL) {
			error = further_write(w, piece, (size_t)n) == -1;
			continue;
		}
		error = strip_feed(strip, piece, (size_t)n, &kept) == -1 || further_write(w, buf_data(&kept), buf_len(&kept)) == -1;
		buf_consume(&kept, buf_len(&kept));
	}
	if (!error && strip != NULL)
		error = strip_finish(strip, &kept) == -1 || further_write(w, buf_data(&kept), buf_len(&kept)) == -1;
	buf_free(&kept);
	return (error ? -1 : 0);
}

/* Writes octets, and counts them.  0, or -1 and errno. */
static int
further_write(struct writing *w, const uint8_t *p, size_t len)
{
	ssize_t	 n;

	if (len == 0)
		return (0);
	w->octets += len;
	w->bare += spool_bare(p, len, w->last);
	w->last = p[len - 1];
	for (; len > 0; p += n, len -= (size_t)n)
		if ((n = write(w->fd, p, len)) == -1) {
			if (errno != EINTR)
				return (-1);
			n = 0;
		}
	return (0);
}
