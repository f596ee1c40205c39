/* SPDX-License-Identifier: ISC */
/*
 * Access tokens, asked for at identity providers.  One request is one POST over TLS on a socket that is connected already, in a
 * process of its own, which a template forks.  It stores nothing, and ends with the answer.
 */
#ifndef OAUTH_H
#define OAUTH_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compat.h"
#include "common/ipc/proto_oauth.h"

#define OAUTH_TOTAL		30		/* s from the socket to the answer */
#define OAUTH_IDLE		15		/* s without an octet */
#define OAUTH_REQUEST_MAX	(64 * 1024)	/* octets of a request: every octet of a token may become three */

struct tls_config;

/* --- http.c: one response, RFC 9112.  Octets in, state out; no I/O. --- */

#define HTTP_HEADER_MAX		16384		/* status line, header fields, trailer, chunk sizes: all that is not body */
#define HTTP_LINE_MAX		8192
#define HTTP_BODY_MAX		65536

enum http_state { HTTP_STATUS, HTTP_FIELDS, HTTP_LENGTH, HTTP_CHUNK_SIZE, HTTP_CHUNK, HTTP_CHUNK_END, HTTP_TRAILER, HTTP_CLOSE,
	HTTP_DONE };

struct http {
	enum http_state	 state;
	int		 status;		/* three digits */
	int		 chunked, has_length;
	size_t		 left;			/* of the body or the chunk */
	size_t		 overhead;		/* octets that are not body */
	size_t		 linelen;
	char		 line[HTTP_LINE_MAX];
	struct buf	 body;
	const char	*error;			/* what is wrong with it */
};

void	 http_init(struct http *);
void	 http_free(struct http *);			/* wipes */
int	 http_feed(struct http *, const uint8_t *, size_t);	/* 1 complete, 0 more is needed, -1 broken */
int	 http_eof(struct http *);			/* the peer is done: 1 complete, -1 broken */

/* --- form.c: one request --- */

struct form {				/* strings are the sender's; secrets are octets */
	const char	*host, *path, *client_id, *scope;
	uint16_t	 port;
	int		 client_credentials;
	const uint8_t	*secret, *refresh;
	size_t		 secret_len, refresh_len;
};

int	 form_build(const struct form *, struct buf *);	/* the whole request; 0, or -1: too long or no memory */

/* --- json.c: what an answer says (RFC 6749 sections 5.1 and 5.2) --- */

struct answer {
	char		 access[PROTO_TOKEN_MAX + 1];
	char		 refresh[PROTO_TOKEN_MAX + 1];	/* empty: none */
	uint32_t	 lifetime;		/* s, 0 = not said */
	uint32_t	 refresh_lifetime;	/* likewise; what cannot be understood was not said */
	char		 error[64];		/* RFC's error code, empty: none; of its alphabet only */
	char		 description[PROTO_TEXT_SIZE];	/* raw */
	const char	*wrong;			/* why it cannot be used */
};

void	 json_init(void);			/* once, before the lock-in */
int	 json_granted(const void *, size_t, struct answer *);	/* of a 200; 0, or -1 and wrong */
int	 json_refused(const void *, size_t, struct answer *);	/* of another status; 0: error is set; -1 and wrong */

/* --- request.c --- */

void	 request_init(void);			/* in the template */
int	 request_begin(const struct msg_token_start *, int fd);	/* fd is consumed; 0, or -1: it has begun already */
/* 0, or -1: not now, or not of this request. */
int	 request_ca(uint32_t id, const void *, size_t);
int	 request_client(uint32_t id, const void *, size_t);
int	 request_go(uint32_t id, const void *refresh, size_t);
void	 request_ready(void);
void	 request_late(void);

/* --- oauth.c --- */

/* The answer; the process is to end behind it. */
void	 oauth_granted(uint32_t id, const struct answer *, int rotated);
void	 oauth_failed(uint32_t id, enum fail_why, const char *text);	/* text is encoded already */

#endif
