/* SPDX-License-Identifier: ISC */
/* An imsg channel of a session, with the count of octets queued that flow control needs. */
#include <sys/types.h>

#include <stdint.h>
#include <unistd.h>

#include "common/compat.h"
#include "fetcher.h"

#define OUTQ_HIGH	(256 * 1024)	/* octets queued above which the server is not read */
#define OUTQ_LOW	(64 * 1024)	/* octets queued below which it is read again */

static void	 outq_account(struct outq *);

/* Makes a channel of fd, which it owns, from a struct of zeroes.  0 or -1. */
int
outq_init(struct outq *q, int fd)
{
	q->fd = fd;
	return (imsgbuf_init(&q->ibuf, fd));
}

/* Queues a message.  A failure shows in q->broken, so that the protocol code need not care. */
void
outq_send(struct outq *q, enum imsg_type type, const void *data, size_t len)
{
	if (q->fd == -1 || q->broken)
		return;
	if (imsg_compose(&q->ibuf, type, 0, 0, -1, data, len) != 1) {
		q->broken = 1;
		return;
	}
	if (q->n == OUTQ_FRAMES)
		q->full = 1;	/* the octets of this message are not counted: the queue is full by their number */
	else {
		q->sizes[(q->first + q->n++) % OUTQ_FRAMES] = (uint16_t)(len + IMSG_HEADER_SIZE);
		q->octets += len + IMSG_HEADER_SIZE;
	}
	if (q->octets > OUTQ_HIGH || q->n > OUTQ_FRAMES / 2)
		q->full = 1;
}

/* Writes as much as the socket takes. */
void
outq_write(struct outq *q)
{
	if (q->fd == -1 || q->broken || imsgbuf_queuelen(&q->ibuf) == 0)
		return;
	if (imsgbuf_write(&q->ibuf) == -1)
		q->broken = 1;
	outq_account(q);
}

int
outq_empty(const struct outq *q)
{
	return (q->fd == -1 || q->broken || imsgbuf_queuelen((struct imsgbuf *)(uintptr_t)&q->ibuf) == 0);
}

void
outq_close(struct outq *q)
{
	if (q->fd == -1)
		return;
	imsgbuf_clear(&q->ibuf);
	close(q->fd);
	q->fd = -1;
}

/* Counts as written what is no longer queued. */
static void
outq_account(struct outq *q)
{
	uint32_t	 left = imsgbuf_queuelen(&q->ibuf);

	for (; q->n > left; q->n--) {
		q->octets -= q->sizes[q->first];
		q->first = (q->first + 1) % OUTQ_FRAMES;
	}
	if (q->octets < OUTQ_LOW && left < OUTQ_FRAMES / 8)
		q->full = 0;
}
