/* SPDX-License-Identifier: ISC */
/*
 * The fetcher: a locked-in template forks one POP3 session per poll.  Protocol code does no I/O (pop3.h); session.c owns the
 * descriptors, conn.c the transport.
 */
#ifndef FETCHER_H
#define FETCHER_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/imsg.h"
#include "common/ipc/proto_fetcher.h"
#include "common/ipc/proto_pipe.h"
#include "common/tlserror.h"
#include "pop3.h"

#define CONN_AGAIN	(-2)
#define OUTQ_FRAMES	1024
struct tls;

struct pem {			/* octets of a file that the master has read */
	uint8_t		*data;		/* PROTO_PEM_MAX octets are allocated */
	size_t		 len;
};

/* conn.c: one connected socket, plain or TLS, non-blocking. */
struct conn {
	int		 fd;
	int		 shaken;	/* 0: a handshake is due */
	struct tls	*tls;		/* NULL: plain */
	char		 version[16];	/* of TLS, behind the handshake; empty: none */
	const struct msg_fetch_start *start;	/* NULL as long as there is no TLS */
	unsigned int	 has;		/* enum tls_has */
	short		 rpoll, wpoll;	/* what a read or a write that returned CONN_AGAIN waits for, of poll(2) */
	enum fail_why	 why;		/* why the last call failed; text says so */
	char		 text[PROTO_TEXT_SIZE];
};

void	 conn_warm(void);
void	 conn_init(struct conn *, int);
int	 conn_upgrade(struct conn *, const struct msg_fetch_start *, struct pem *);
int	 conn_handshake(struct conn *);
ssize_t	 conn_read(struct conn *, void *, size_t);
ssize_t	 conn_write(struct conn *, const void *, size_t);
void	 conn_bye(struct conn *);

/* tlsconf.c: TLS as a record wants it. */
#define TLSCONF_ALPN	"pop3"

struct tls	*tlsconf_special(const struct msg_fetch_start *, const struct pem *, int, char *, size_t);
unsigned int	 tlsconf_has(const struct msg_fetch_start *, const struct pem *);
int		 tlsconf_pinned(const struct msg_fetch_start *, const char *, char *, size_t);

/* outq.c: an imsg channel that knows how many octets wait in it. */
struct outq {
	struct imsgbuf	 ibuf;
	int		 fd;		/* -1: closed */
	int		 broken;	/* 1: the peer is gone, or there was no memory */
	int		 full;		/* 1: too much is queued; it stays so until much less is */
	size_t		 octets;
	uint32_t	 first, n;	/* the part of sizes, a ring, that is in use */
	uint16_t	 sizes[OUTQ_FRAMES];
};

int	 outq_init(struct outq *, int);
void	 outq_send(struct outq *, enum imsg_type, const void *, size_t);
void	 outq_write(struct outq *);
int	 outq_empty(const struct outq *);
void	 outq_close(struct outq *);

struct frame {			/* a message of small records, under construction */
	enum imsg_type	 type;
	size_t		 len;
	uint8_t		 data[PROTO_FRAME_MAX];
};

enum session_state { SESSION_SOCKET, SESSION_PIPE, SESSION_START, SESSION_SECRET, SESSION_LISTING, SESSION_PLAN, SESSION_RUN,
	SESSION_OVER };

/* session.c: one session; events.c: what the engine finds out, as messages. */
struct session {
	struct outq		 master, pipe;
	struct conn		 conn;
	struct pop3		 pop3;
	struct msg_fetch_start	 start;
	struct pem		 pem[PEM_MAX];	/* the record's files, until TLS is set up */
	uint32_t		 state;		/* of the channel to the master */
	int			 socket;
	int			 running;	/* 1: pop3 is in use */
	uint32_t		 begun;		/* number of the message whose end the deliverer has not got, 0 = none */
	int64_t			 deadline;	/* by clock_msec(), like the other times here */
	int64_t			 heard;		/* when the last octet came from the server, or nothing was due from it */
	int64_t			 rate_start;
	uint64_t		 rate_octets, rate_reply;
	int64_t			 told;		/* when the master was last told of progress */
	uint64_t		 told_octets, told_reply;	/* octets since then; number of the reply then */
	struct frame		 uids, fingerprints, deleted;
	enum fetch_stage	 stage;
	enum fail_why		 why;
	char			 text[PROTO_TEXT_SIZE];
};

void	 session_run(pid_t, int) __attribute__((__noreturn__));
int	 session_begin(struct session *, const void *, size_t);
int	 session_read(struct session *, char *, size_t);
int	 session_fail(struct session *, enum fetch_stage, enum fail_why, const char *, ...)
	    __attribute__((__format__(printf, 4, 5)));
enum fetch_stage	 session_stage(const struct session *);
void	 events_flush(struct session *);
extern const struct pop3_ops	 events_ops;

#endif
