/* SPDX-License-Identifier: ISC */
/* imsg: making messages, and taking them out of what was read.  The socket side is in imsg_io.c. */
#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"
#include "imsg_int.h"

static int	 imsg_header(struct imsgbuf *, struct imsg_hdr *, int *);

/* Make a channel of fd, which stays the caller's.  0, or -1 and errno. */
int
imsgbuf_init(struct imsgbuf *imsgbuf, int fd)
{
	struct msgbuf	*w;

	memset(imsgbuf, 0, sizeof(*imsgbuf));
	imsgbuf->fd = -1;
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (-1);
	TAILQ_INIT(&w->out);
	imsgbuf->w = w;
	imsgbuf->pid = getpid();
	imsgbuf->maxsize = MAX_IMSGSIZE;
	imsgbuf->fd = fd;
	return (0);
}

/* Let descriptors pass: until this is called, none can be sent, and one that is received breaks the stream. */
void
imsgbuf_allow_fdpass(struct imsgbuf *imsgbuf)
{
	imsgbuf->flags |= IMSG_ALLOW_FD;
}

/* Set the largest message, header included, in both directions.  0, or -1 and EINVAL: no room for a header, or over 1 MB. */
int
imsgbuf_set_maxsize(struct imsgbuf *imsgbuf, uint32_t max)
{
	if (max < IMSG_HEADER_SIZE || max > 1024 * 1024) {
		errno = EINVAL;
		return (-1);
	}
	imsgbuf->maxsize = max;
	return (0);
}

/* Wipe and drop everything queued and received; safe to call twice.  Messages that were taken out stay valid. */
void
imsgbuf_clear(struct imsgbuf *imsgbuf)
{
	struct msgbuf	*w = imsgbuf->w;
	struct ibuf	*buf;
	size_t		 i;

	if (w == NULL)
		return;
	while ((buf = TAILQ_FIRST(&w->out)) != NULL) {
		TAILQ_REMOVE(&w->out, buf, entry);
		ibuf_free(buf);
	}
	for (i = 0; i < w->nfds; i++)
		close(w->fds[i].fd);
	if (w->chunk != NULL) {
		explicit_bzero(w->chunk->data + w->rpos, w->wpos - w->rpos);
		ibuf_chunk_unref(w->chunk);
	}
	free(w);
	imsgbuf->w = NULL;
}

uint32_t
imsgbuf_queuelen(struct imsgbuf *imsgbuf)
{
	return (imsgbuf->w == NULL ? 0 : imsgbuf->w->queued);
}

/* Look at the header of the next message: 1 if the whole message is there, 0 if not yet, -1 if its length is a lie. */
static int
imsg_header(struct imsgbuf *imsgbuf, struct imsg_hdr *hdr, int *marked)
{
	struct msgbuf	*w = imsgbuf->w;
	size_t		 have = w->wpos - w->rpos;

	if (have < IMSG_HEADER_SIZE)
		return (0);
	memcpy(hdr, w->chunk->data + w->rpos, IMSG_HEADER_SIZE);
	*marked = (hdr->len & IMSG_FD_MARK) != 0;
	hdr->len &= ~IMSG_FD_MARK;
	if (hdr->len < IMSG_HEADER_SIZE || hdr->len > imsgbuf->maxsize) {
		errno = ERANGE;
		return (-1);
	}
	return (have >= hdr->len);
}

/*
 * Take out the next received message: 1, or 0 if none is complete.  Its payload lies in the channel's read buffer, which stays
 * alive until imsg_free().  -1: the stream cannot be used any more; errno is ERANGE (length), EBADMSG (descriptor missing or one
 * too many) or ENOMEM.
 */
int
imsgbuf_get(struct imsgbuf *imsgbuf, struct imsg *imsg)
{
	struct msgbuf	*w = imsgbuf->w;
	struct ibuf	*buf;
	int		 n, marked, fd;

	memset(imsg, 0, sizeof(*imsg));
	if ((n = imsg_header(imsgbuf, &imsg->hdr, &marked)) != 1) {
		if (n == 0)
			msgbuf_rest(w);
		return (n);
	}
	if ((fd = msgbuf_fd_claim(w, marked)) == -2)
		return (-1);
	if ((buf = calloc(1, sizeof(*buf))) == NULL) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	buf->fd = fd;
	buf->chunk = w->chunk;
	buf->chunk->refs++;
	buf->base = w->chunk->data + w->rpos + IMSG_HEADER_SIZE;
	buf->size = buf->wpos = imsg->hdr.len - IMSG_HEADER_SIZE;
	w->rpos += imsg->hdr.len;
	w->offset += imsg->hdr.len;
	imsg->buf = buf;
	imsg->data = buf->size > 0 ? buf->base : NULL;
	return (1);
}

/*
 * Queue a message: 1, or -1 and errno (ERANGE: it is too long).  fd is taken over on success only; pid 0 stands for this process.
 */
int
imsg_compose(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid, int fd, const void *data, size_t len)
{
	struct iovec	 iov;

	iov.iov_base = (void *)(uintptr_t)data;
	iov.iov_len = len;
	return (imsg_composev(imsgbuf, type, id, pid, fd, &iov, 1));
}

/* As imsg_compose(), with the payload in pieces. */
int
imsg_composev(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid, int fd, const struct iovec *iov, int iovcnt)
{
	struct ibuf	*buf;
	size_t		 len = 0;
	int		 i;

	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > imsgbuf->maxsize) {
			errno = ERANGE;
			return (-1);
		}
		len += iov[i].iov_len;
	}
	if ((buf = imsg_create(imsgbuf, type, id, pid, len)) == NULL)
		return (-1);
	for (i = 0; i < iovcnt; i++) {
		if (imsg_add(buf, iov[i].iov_base, iov[i].iov_len) == -1)
			return (-1);
	}
	ibuf_fd_set(buf, fd);
	imsg_close(imsgbuf, buf);
	return (1);
}

/* Begin a message with room for len bytes, which may grow; imsg_close() or ibuf_free() ends it.  NULL and errno. */
struct ibuf *
imsg_create(struct imsgbuf *imsgbuf, uint32_t type, uint32_t id, pid_t pid, size_t len)
{
	struct imsg_hdr	 hdr;
	struct ibuf	*buf;

	if (len > imsgbuf->maxsize - IMSG_HEADER_SIZE) {
		errno = ERANGE;
		return (NULL);
	}
	if ((buf = ibuf_dynamic(IMSG_HEADER_SIZE + len, imsgbuf->maxsize)) == NULL)
		return (NULL);
	hdr.type = type;
	hdr.len = 0;
	hdr.peerid = id;
	hdr.pid = pid != 0 ? (uint32_t)pid : (uint32_t)imsgbuf->pid;
	memcpy(ibuf_reserve(buf, IMSG_HEADER_SIZE), &hdr, IMSG_HEADER_SIZE);
	return (buf);
}

/* Append to an open message.  Returns len, or -1 with the buffer freed. */
int
imsg_add(struct ibuf *buf, const void *data, size_t len)
{
	if (ibuf_add(buf, data, len) == -1) {
		ibuf_free(buf);
		return (-1);
	}
	return ((int)len);
}

/* Queue an open message, which the channel owns from now on. */
void
imsg_close(struct imsgbuf *imsgbuf, struct ibuf *buf)
{
	uint32_t	 len = (uint32_t)ibuf_size(buf);

	if (ibuf_fd_avail(buf))
		len |= IMSG_FD_MARK;
	memcpy(buf->base + offsetof(struct imsg_hdr, len), &len, sizeof(len));
	TAILQ_INSERT_TAIL(&imsgbuf->w->out, buf, entry);
	imsgbuf->w->queued++;
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
	imsg->data = NULL;
}

/* Queue a received message unchanged, bytes that were read included; its descriptor goes along.  1, or -1 and errno. */
int
imsg_forward(struct imsgbuf *imsgbuf, struct imsg *imsg)
{
	struct ibuf	*buf;

	if ((buf = imsg_create(imsgbuf, imsg->hdr.type, imsg->hdr.peerid, (pid_t)imsg->hdr.pid, imsg->buf->wpos)) == NULL)
		return (-1);
	if (imsg_add(buf, imsg->buf->base, imsg->buf->wpos) == -1)
		return (-1);
	ibuf_fd_set(buf, ibuf_fd_get(imsg->buf));
	imsg_close(imsgbuf, buf);
	return (1);
}

uint32_t
imsg_get_type(struct imsg *imsg)
{
	return (imsg->hdr.type);
}

uint32_t
imsg_get_id(struct imsg *imsg)
{
	return (imsg->hdr.peerid);
}

/* Bytes of the payload that were not read: 0 after imsg_get_data() or imsg_get_ibuf(). */
size_t
imsg_get_len(struct imsg *imsg)
{
	return (imsg->buf == NULL ? 0 : ibuf_size(imsg->buf));
}

int
imsg_get_fd(struct imsg *imsg)
{
	return (imsg->buf == NULL ? -1 : ibuf_fd_get(imsg->buf));
}

int
imsg_get_data(struct imsg *imsg, void *data, size_t len)
{
	if (len == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (imsg_get_len(imsg) != len) {
		errno = EBADMSG;
		return (-1);
	}
	return (ibuf_get(imsg->buf, data, len));
}

/* Make buf a read-only view of the payload, valid until imsg_free() and never freed itself.  -1 and EBADMSG: there is none. */
int
imsg_get_ibuf(struct imsg *imsg, struct ibuf *buf)
{
	size_t	 len = imsg_get_len(imsg);

	if (len == 0) {
		errno = EBADMSG;
		return (-1);
	}
	memset(buf, 0, sizeof(*buf));
	buf->base = ibuf_data(imsg->buf);
	buf->size = buf->wpos = len;
	buf->fd = -1;
	return (ibuf_skip(imsg->buf, len));
}
