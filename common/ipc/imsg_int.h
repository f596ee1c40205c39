/* SPDX-License-Identifier: ISC */
/* What imsg.c, imsg_io.c and ibuf.c share and nobody else needs. */
#ifndef IMSG_INT_H
#define IMSG_INT_H

#include "imsg.h"

#define IMSG_FD_MARK	0x80000000U	/* in imsg_hdr.len on the wire */
#define IMSG_READSIZE	65536		/* bytes asked for in one recvmsg(2) */
#define IMSG_READFDS	8		/* descriptors received and not yet claimed by a message */
#define IMSG_IOVS	64		/* messages in one sendmsg(2) */
#define IMSG_ALLOW_FD	1		/* imsgbuf.flags */

/*
 * A read buffer, shared by the channel and the messages whose payload lies in it.  The channel writes into it only while it
 * is the sole owner, so a message stays valid however long it is kept.
 */
struct ibuf_chunk {
	size_t	 refs;
	size_t	 size;
	uint8_t	 data[];
};

/* A received descriptor belongs to a marked message that begins at a stream offset within [start, end). */
struct msgbuf_fd {
	uint64_t	 start;
	uint64_t	 end;
	int		 fd;
};

struct msgbuf {
	TAILQ_HEAD(, ibuf)	 out;
	uint32_t		 queued;
	struct ibuf_chunk	*chunk;
	size_t			 rpos;		/* unread bytes in chunk: rpos to wpos */
	size_t			 wpos;
	uint64_t		 offset;	/* stream offset of rpos */
	struct msgbuf_fd	 fds[IMSG_READFDS];
	size_t			 nfds;
};

struct ibuf_chunk	*ibuf_chunk_new(size_t);
void			 ibuf_chunk_unref(struct ibuf_chunk *);
void			 msgbuf_rest(struct msgbuf *);
int			 msgbuf_fd_claim(struct msgbuf *, int marked);

#endif
