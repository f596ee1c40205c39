/* SPDX-License-Identifier: ISC */
/*
 * imsg: framed messages with optional descriptor passing over a UNIX socket.  Names, argument order and return values are those
 * of OpenBSD 7.8's <imsg.h>; there the system's own libutil is used and this file is left out of the build.
 */
#ifndef IMSG_H
#define IMSG_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
#define MAX_IMSGSIZE		16384

struct msgbuf;
struct imsgbuf;
struct ibuf_chunk;

/* Bytes rpos to wpos are unread.  Callers use the functions only; the struct is complete so that it can live on the stack. */
struct ibuf {
	TAILQ_ENTRY(ibuf)	 entry;
	uint8_t			*base;
	size_t			 size;		/* allocated */
	size_t			 max;		/* may grow to this; 0: read-only */
	size_t			 wpos;
	size_t			 rpos;
	int			 fd;		/* rides along, or -1 */
	struct ibuf_chunk	*chunk;		/* base points into this shared read buffer, or NULL */
};

struct imsg_hdr {
	uint32_t	 type;
	uint32_t	 len;		/* header included; IMSG_FD_MARK set when a descriptor rides along */
	uint32_t	 peerid;
	uint32_t	 pid;
};

struct imsg {
	struct imsg_hdr	 hdr;
	void		*data;
	struct ibuf	*buf;
};

struct imsgbuf {
	struct msgbuf	*w;
	pid_t		 pid;
	uint32_t	 maxsize;
	int		 fd;
	int		 flags;
};

/* buffers */
struct ibuf	*ibuf_open(size_t);
struct ibuf	*ibuf_dynamic(size_t, size_t);
int		 ibuf_add(struct ibuf *, const void *, size_t);
int		 ibuf_add_n8(struct ibuf *, uint64_t);
int		 ibuf_add_n16(struct ibuf *, uint64_t);
int		 ibuf_add_n32(struct ibuf *, uint64_t);
int		 ibuf_add_n64(struct ibuf *, uint64_t);
int		 ibuf_add_zero(struct ibuf *, size_t);
int		 ibuf_add_strbuf(struct ibuf *, const char *, size_t);
void		*ibuf_reserve(struct ibuf *, size_t);	/* uninitialised: fill all of it */
void		*ibuf_data(const struct ibuf *);
size_t		 ibuf_size(const struct ibuf *);
size_t		 ibuf_left(const struct ibuf *);
int		 ibuf_get(struct ibuf *, void *, size_t);
int		 ibuf_get_n8(struct ibuf *, uint8_t *);
int		 ibuf_get_n16(struct ibuf *, uint16_t *);
int		 ibuf_get_n32(struct ibuf *, uint32_t *);
int		 ibuf_get_n64(struct ibuf *, uint64_t *);
int		 ibuf_get_strbuf(struct ibuf *, char *, size_t);
int		 ibuf_skip(struct ibuf *, size_t);
void		 ibuf_free(struct ibuf *);		/* wipes */
int		 ibuf_fd_avail(struct ibuf *);
int		 ibuf_fd_get(struct ibuf *);
void		 ibuf_fd_set(struct ibuf *, int);

/* channels */
int		 imsgbuf_init(struct imsgbuf *, int);
void		 imsgbuf_allow_fdpass(struct imsgbuf *);
int		 imsgbuf_set_maxsize(struct imsgbuf *, uint32_t);
int		 imsgbuf_read(struct imsgbuf *);	/* 1 ok (also EAGAIN), 0 closed, -1 error */
int		 imsgbuf_get(struct imsgbuf *, struct imsg *);	/* 1 message, 0 none complete, -1 broken stream */
int		 imsgbuf_write(struct imsgbuf *);	/* 0 (also EAGAIN), -1 error; writes all it can */
int		 imsgbuf_flush(struct imsgbuf *);	/* blocking descriptors only */
void		 imsgbuf_clear(struct imsgbuf *);	/* does not close the descriptor */
uint32_t	 imsgbuf_queuelen(struct imsgbuf *);	/* messages not yet written */

/* messages */
int		 imsg_compose(struct imsgbuf *, uint32_t, uint32_t, pid_t, int, const void *, size_t);
int		 imsg_composev(struct imsgbuf *, uint32_t, uint32_t, pid_t, int, const struct iovec *, int);
struct ibuf	*imsg_create(struct imsgbuf *, uint32_t, uint32_t, pid_t, size_t);
int		 imsg_add(struct ibuf *, const void *, size_t);
void		 imsg_close(struct imsgbuf *, struct ibuf *);
void		 imsg_free(struct imsg *);
int		 imsg_forward(struct imsgbuf *, struct imsg *);
uint32_t	 imsg_get_type(struct imsg *);
uint32_t	 imsg_get_id(struct imsg *);
size_t		 imsg_get_len(struct imsg *);
int		 imsg_get_fd(struct imsg *);		/* -1 if none; the caller owns it */
int		 imsg_get_data(struct imsg *, void *, size_t);	/* exact length, else -1 and EBADMSG */
int		 imsg_get_ibuf(struct imsg *, struct ibuf *);

#endif
