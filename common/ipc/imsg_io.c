/* SPDX-License-Identifier: ISC */
/* imsg: reading from and writing to the socket, descriptors included. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"
#include "imsg_int.h"

union imsg_control {
	struct cmsghdr	 hdr;
	uint8_t		 buf[CMSG_SPACE(sizeof(int))];
};

static struct ibuf_chunk	*spare;	/* a read buffer that nobody owns just now: the next one that is wanted */

static int	 msgbuf_room(struct imsgbuf *);
static int	 msgbuf_received(struct imsgbuf *, struct msghdr *, size_t);
static int	 msgbuf_fds(struct msgbuf *, struct cmsghdr *, uint64_t, uint64_t);
static void	 msgbuf_drain(struct msgbuf *, size_t);
static ssize_t	 msgbuf_send(struct imsgbuf *);

/* A read buffer of size bytes with one owner.  NULL: no memory. */
struct ibuf_chunk *
ibuf_chunk_new(size_t size)
{
	struct ibuf_chunk	*chunk = spare;

	if (chunk != NULL && chunk->size == size) {
		spare = NULL;
		chunk->refs = 1;
		return (chunk);
	}
	if ((chunk = malloc(sizeof(*chunk) + size)) == NULL)
		return (NULL);
	chunk->refs = 1;
	chunk->size = size;
	return (chunk);
}

/* Give up a share in a read buffer.  Every owner wipes its own bytes, so nothing is left to wipe here. */
void
ibuf_chunk_unref(struct ibuf_chunk *chunk)
{
	if (--chunk->refs > 0)
		return;
	if (spare == NULL && chunk->size == IMSG_READSIZE)
		spare = chunk;
	else
		free(chunk);
}

/* A channel that has nothing unread, and waits, does without a read buffer. */
void
msgbuf_rest(struct msgbuf *w)
{
	if (w->chunk == NULL || w->rpos < w->wpos)
		return;
	ibuf_chunk_unref(w->chunk);
	w->chunk = NULL;
	w->rpos = w->wpos = 0;
}

/*
 * Make the read buffer the channel's alone and move an incomplete message to its front, so that the longest message fits.  Only
 * that rest is copied, and its old place wiped; a buffer that messages still point into is left to them.  0, or -1: no memory.
 */
static int
msgbuf_room(struct imsgbuf *imsgbuf)
{
	struct msgbuf		*w = imsgbuf->w;
	struct ibuf_chunk	*old = w->chunk, *chunk = old;
	size_t			 rest = w->wpos - w->rpos;
	size_t			 size = imsgbuf->maxsize > IMSG_READSIZE ? imsgbuf->maxsize : IMSG_READSIZE;

	if (old == NULL || old->refs > 1 || old->size < size) {
		if (old != NULL && old->size > size)
			size = old->size;
		if ((chunk = ibuf_chunk_new(size)) == NULL)
			return (-1);
	}
	if (rest > 0 && (chunk != old || w->rpos > 0)) {
		memmove(chunk->data, old->data + w->rpos, rest);
		if (chunk != old)
			explicit_bzero(old->data + w->rpos, rest);
		else if (w->rpos >= rest)
			explicit_bzero(old->data + w->rpos, rest);
		else
			explicit_bzero(old->data + rest, w->rpos);
	}
	if (chunk != old && old != NULL)
		ibuf_chunk_unref(old);
	w->chunk = chunk;
	w->rpos = 0;
	w->wpos = rest;
	return (0);
}

/*
 * Call recvmsg(2) once.  A full buffer (messages that nobody took out) is left alone and counts as success.  A peer that died
 * without having read everything shows as ECONNRESET once all that it sent is read: that is its end, too.
 */
int
imsgbuf_read(struct imsgbuf *imsgbuf)
{
	struct msgbuf		*w = imsgbuf->w;
	union imsg_control	 control;
	struct iovec		 iov;
	struct msghdr		 msg;
	ssize_t			 n;

	if (msgbuf_room(imsgbuf) == -1)
		return (-1);
	if (w->wpos == w->chunk->size)
		return (1);
	memset(&msg, 0, sizeof(msg));
	iov.iov_base = w->chunk->data + w->wpos;
	iov.iov_len = w->chunk->size - w->wpos;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (imsgbuf->flags & IMSG_ALLOW_FD) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	while ((n = recvmsg(imsgbuf->fd, &msg, MSG_CMSG_CLOEXEC)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return (1);
		if (errno == ECONNRESET)
			return (0);
		if (errno != EINTR)
			return (-1);
	}
	return (msgbuf_received(imsgbuf, &msg, (size_t)n));
}

/* Book n received bytes and the descriptors that came with them.  1, 0: the end, or -1 and EBADMSG. */
static int
msgbuf_received(struct imsgbuf *imsgbuf, struct msghdr *msg, size_t n)
{
	struct msgbuf	*w = imsgbuf->w;
	struct cmsghdr	*cmsg;
	uint64_t	 start = w->offset + (w->wpos - w->rpos);
	int		 bad = 0;

	w->wpos += n;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS && msgbuf_fds(w, cmsg, start, start + n) == -1)
			bad = 1;
	}
	/* Truncated: a descriptor where none is allowed, more than one, or no room in the table. */
	if (bad || (msg->msg_flags & MSG_CTRUNC) != 0) {
		errno = EBADMSG;
		return (-1);
	}
	return (n > 0);
}

/* Take over every descriptor of the control message.  One that there is no room for is closed, and -1 returned. */
static int
msgbuf_fds(struct msgbuf *w, struct cmsghdr *cmsg, uint64_t start, uint64_t end)
{
	size_t	 i, count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int	 fd, ret = 0;

	for (i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
		if (i > 0 || w->nfds == IMSG_READFDS || start == end) {
			close(fd);
			ret = -1;
			continue;
		}
		w->fds[w->nfds].fd = fd;
		w->fds[w->nfds].start = start;
		w->fds[w->nfds++].end = end;
	}
	return (ret);
}

/*
 * The descriptor of the message at the read position.  -1: none is due and none is there; -2 and EBADMSG: the two do not agree.
 * The kernel delivers a descriptor together with the first byte of its sendmsg(2), and a sender starts a new sendmsg(2) for
 * every message with a descriptor, so one that an earlier stretch of the stream brought and no message claimed is a lie.
 */
int
msgbuf_fd_claim(struct msgbuf *w, int marked)
{
	int	 fd;

	if (w->nfds > 0 && w->fds[0].end <= w->offset)
		goto bad;
	if (!marked)
		return (-1);
	if (w->nfds == 0 || w->fds[0].start > w->offset)
		goto bad;
	fd = w->fds[0].fd;
	w->nfds--;
	memmove(&w->fds[0], &w->fds[1], w->nfds * sizeof(w->fds[0]));
	return (fd);
bad:
	errno = EBADMSG;
	return (-2);
}

/* Call sendmsg(2) once with as many messages as fit; one with a descriptor goes only at the front. */
static ssize_t
msgbuf_send(struct imsgbuf *imsgbuf)
{
	union imsg_control	 control;
	struct iovec		 iov[IMSG_IOVS];
	struct msghdr		 msg;
	struct ibuf		*buf, *first = TAILQ_FIRST(&imsgbuf->w->out);
	size_t			 n = 0;

	memset(&msg, 0, sizeof(msg));
	TAILQ_FOREACH(buf, &imsgbuf->w->out, entry) {
		if (n == IMSG_IOVS || (n > 0 && buf->fd != -1))
			break;
		iov[n].iov_base = ibuf_data(buf);
		iov[n++].iov_len = ibuf_size(buf);
	}
	msg.msg_iov = iov;
	msg.msg_iovlen = n;
	if (first->fd != -1) {
		if ((imsgbuf->flags & IMSG_ALLOW_FD) == 0) {
			errno = EINVAL;
			return (-1);
		}
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.hdr.cmsg_len = CMSG_LEN(sizeof(int));
		control.hdr.cmsg_level = SOL_SOCKET;
		control.hdr.cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(&control.hdr), &first->fd, sizeof(int));
	}
	return (sendmsg(imsgbuf->fd, &msg, MSG_NOSIGNAL));
}

/* Take n sent bytes off the queue; the descriptor of the first message went with its first byte. */
static void
msgbuf_drain(struct msgbuf *w, size_t n)
{
	struct ibuf	*buf;
	size_t		 len;

	if (n > 0)
		ibuf_fd_set(TAILQ_FIRST(&w->out), -1);
	while (n > 0 && (buf = TAILQ_FIRST(&w->out)) != NULL) {
		len = ibuf_size(buf);
		if (n < len) {
			buf->rpos += n;
			return;
		}
		n -= len;
		TAILQ_REMOVE(&w->out, buf, entry);
		w->queued--;
		ibuf_free(buf);
	}
}

/* Write as much of the queue as the socket takes.  0, or -1 and errno. */
int
imsgbuf_write(struct imsgbuf *imsgbuf)
{
	ssize_t	 n;

	while (imsgbuf->w->queued > 0) {
		if ((n = msgbuf_send(imsgbuf)) == -1) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
				return (0);
			return (-1);
		}
		msgbuf_drain(imsgbuf->w, (size_t)n);
	}
	return (0);
}

/* Write the whole queue.  On a non-blocking descriptor it waits for room, however long.  0, or -1 and errno. */
int
imsgbuf_flush(struct imsgbuf *imsgbuf)
{
	struct pollfd	 pfd;

	for (;;) {
		if (imsgbuf_write(imsgbuf) == -1)
			return (-1);
		if (imsgbuf_queuelen(imsgbuf) == 0)
			return (0);
		pfd.fd = imsgbuf->fd;
		pfd.events = POLLOUT;
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return (-1);
	}
}
