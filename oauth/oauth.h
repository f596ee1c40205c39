/* SPDX-License-Identifier: ISC */
/*
 * Tokens and device codes, asked for at identity providers.  One request is one POST over TLS on a socket that is connected already,
 * in a process of its own, which a template forks.  It stores nothing, and ends with the answer.
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
#define OAUTH_IDLE		15		/* s without an octet from the provider */
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
	size_t		 left;			/* octets that the body or the chunk lacks */
	size_t		 overhead;		/* octets that are not body */
	size_t		 linelen;
	char		 line[HTTP_LINE_MAX];
	struct buf	 body;
	const char	*error;			/* NULL, or what is wrong with the response */
};

void	 http_init(struct http *);
void	 http_free(struct http *);			/* wipes */
int	 http_feed(struct http *, const uint8_t *, size_t);	/* takes octets: 1 complete, 0 more is needed, -1 broken */
int	 http_eof(struct http *);			/* the peer sends no more: 1 complete, -1 broken */

/* --- form.c: one request --- */

struct form {				/* strings as the configuration has them; secrets are octets */
	const char	*host, *path, *client_id, *scope;
	uint16_t	 port;
	enum token_ask	 ask;
	const uint8_t	*secret, *credential;	/* the client's; a refresh token or a device code */
	size_t		 secret_len, credential_len;
};

int	 form_build(const struct form *, struct buf *);	/* appends the request; 0, or -1: too long or no memory */

/* --- json.c: what an answer says (RFC 6749 sections 5.1 and 5.2, RFC 8628 section 3.2) --- */

struct answer {
	char		 access[PROTO_TOKEN_MAX + 1];
	char		 refresh[PROTO_TOKEN_MAX + 1];	/* empty: none */
	uint32_t	 lifetime;		/* s, 0 = not said */
	uint32_t	 refresh_lifetime;	/* s, 0 = not said, or not in a way that is understood */
	char		 error[64];		/* error code of RFC 6749 and in its alphabet; empty: none */
	char		 description[PROTO_TEXT_SIZE];	/* as the provider wrote it */
	const char	*wrong;			/* why the answer cannot be used */
};

#define DEVICE_INTERVAL		5		/* s, where the provider says nothing */
#define DEVICE_INTERVAL_MAX	300		/* more than that is refused */

struct device {
	char		 code[PROTO_TOKEN_MAX + 1];
	struct msg_token_device m;		/* all but the id */
	const char	*wrong;			/* why the answer cannot be used */
};

void	 json_init(void);			/* once, before the lock-in */
int	 json_granted(const void *, size_t, struct answer *);	/* reads the body of a 200: 0, or -1 and wrong */
int	 json_refused(const void *, size_t, struct answer *);	/* reads one of another status: 0 and error, or -1 and wrong */
int	 json_device(const void *, size_t, struct device *);	/* reads one to TOKEN_DEVICE: 0, or -1 and wrong */

/* --- request.c --- */

void	 request_init(void);			/* in the template, ahead of the lock-in */
int	 request_begin(const struct msg_token_start *, int fd);	/* fd is consumed; 0, or -1: there is a request already */
/* Parts of the request; with the last one it is made.  0, or -1: not now, or not of this request. */
int	 request_ca(uint32_t id, const void *, size_t);
int	 request_client(uint32_t id, const void *, size_t);
int	 request_go(uint32_t id, const void *credential, size_t);
void	 request_ready(void);
void	 request_late(void);

/* --- oauth.c --- */

/* Tell the master the answer; the process is to end then. */
void	 oauth_granted(uint32_t id, const struct answer *, int rotated);
void	 oauth_device(uint32_t id, struct device *);
void	 oauth_pending(uint32_t id, int slow_down);
void	 oauth_failed(uint32_t id, enum fail_why, const char *text);	/* text is encoded already */

#endif
