/* SPDX-License-Identifier: ISC */
/* From the octets of a RETR or TOP reply to those of the message: dot-unstuffing, frames, digests (RFC 1939 section 3). */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/compat.h"
#include "pop3.h"

static int	 frame_add(struct stream *, const uint8_t *, size_t);
static int	 frame_flush(struct stream *);
static ssize_t	 text_feed(struct stream *, const uint8_t *, size_t);
static int	 octet_feed(struct stream *, uint8_t);

/* Makes ready a stream.  data() gets each frame, and must not keep the pointer.  0, or -1: no memory. */
int
stream_init(struct stream *s, void (*data)(void *, const uint8_t *, size_t), void *arg)
{
	s->data = data;
	s->arg = arg;
	s->state = STREAM_END;
	s->octets = 0;
	s->max = MESSAGE_MAX;
	s->used = 0;
	return ((s->md = EVP_MD_CTX_new()) == NULL || fingerprint_init(&s->fingerprint) == -1 ? -1 : 0);
}

void
stream_free(struct stream *s)
{
	EVP_MD_CTX_free(s->md);
	s->md = NULL;
	fingerprint_free(&s->fingerprint);
}

/* SHA-256, which is looked up once, in the template; sessions inherit it. */
const EVP_MD *
stream_sha256(void)
{
	static const EVP_MD	*md;

	if (md == NULL) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L && !defined(LIBRESSL_VERSION_NUMBER)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
		md = EVP_sha256();
#endif
	}
	return (md);
}

/* A message, or by TOP the header of one, begins with the next octet.  0 or -1. */
int
stream_begin(struct stream *s, enum stream_mode mode)
{
	s->state = STREAM_BOL;
	s->mode = mode;
	s->behind = 0;
	s->octets = s->taken = 0;
	s->used = 0;
	fingerprint_begin(&s->fingerprint);
	content_begin(&s->content, s->md);
	return (EVP_DigestInit_ex(s->md, stream_sha256(), NULL) == 1 ? 0 : -1);
}

/*
 * Takes octets of a reply.  Returns their number, fewer than len if the message has ended (stream_done()): the rest is of the next
 * reply.  -1: the message is over its cap.  Only CRLF ends a line: LF "." LF and CR "." CR are content.
 */
ssize_t
stream_feed(struct stream *s, const uint8_t *p, size_t len)
{
	size_t	 n = 0;
	ssize_t	 m;

	while (n < len && s->state != STREAM_END) {
		if (s->state == STREAM_TEXT) {
			if ((m = text_feed(s, p + n, len - n)) == -1)
				return (-1);
			n += (size_t)m;
		} else if (octet_feed(s, p[n++]) == -1)
			return (-1);
	}
	if (s->taken > s->max)
		return (-1);
	return ((ssize_t)n);
}

/*
 * After stream_done(): hands out the last frame, and writes the digest of the content and the fingerprint of the header, which is
 * all octets 0 if there is none, or other messages may have it as well.  0 or -1.
 */
int
stream_finish(struct stream *s, uint8_t digest[PROTO_DIGEST_LEN], uint8_t fingerprint[PROTO_DIGEST_LEN])
{
	if (frame_flush(s) == -1 || content_end(&s->content) == -1 || EVP_DigestFinal_ex(s->md, digest, NULL) != 1)
		return (-1);
	if (fingerprint_finish(&s->fingerprint, fingerprint) == -1)
		return (-1);
	if (!fingerprint_tells(&s->fingerprint))
		memset(fingerprint, 0, PROTO_DIGEST_LEN);
	return (0);
}

int
stream_done(const struct stream *s)
{
	return (s->state == STREAM_END);
}

/* Takes octets inside a line, up to the next CR and with it. */
static ssize_t
text_feed(struct stream *s, const uint8_t *p, size_t len)
{
	const uint8_t	*cr;

	if ((cr = memchr(p, '\r', len)) != NULL) {
		len = (size_t)(cr - p) + 1;
		s->state = STREAM_CR;
	}
	return (frame_add(s, p, len) == -1 ? -1 : (ssize_t)len);
}

/* Takes an octet whose meaning depends on those before it. */
static int
octet_feed(struct stream *s, uint8_t c)
{
	switch (s->state) {
	case STREAM_BOL:
		if (c == '.') {
			s->state = STREAM_DOT;
			return (0);
		}
		if (c == '\r') {
			s->state = STREAM_BOL_CR;
			return (frame_add(s, &c, 1));
		}
		break;
	case STREAM_BOL_CR:
		if (c == '\n') {
			s->state = STREAM_BOL;
			if (frame_add(s, &c, 1) == -1)
				return (-1);
			s->behind = 1;
			return (0);
		}
		break;
	case STREAM_DOT:	/* the first dot of a line is never content */
		if (c == '\r') {
			s->state = STREAM_DOT_CR;
			return (0);
		}
		break;
	case STREAM_DOT_CR:
		if (c == '\n') {
			s->state = STREAM_END;
			return (0);
		}
		if (frame_add(s, (const uint8_t *)"\r", 1) == -1)
			return (-1);
		break;
	case STREAM_CR:
		if (c == '\n') {
			s->state = STREAM_BOL;
			return (frame_add(s, &c, 1));
		}
		break;
	case STREAM_TEXT:
	case STREAM_END:
		break;
	}
	s->state = c == '\r' ? STREAM_CR : STREAM_TEXT;
	return (frame_add(s, &c, 1));
}

static int
frame_add(struct stream *s, const uint8_t *p, size_t len)
{
	size_t	 n;

	s->taken += len;
	if (s->behind && s->mode != STREAM_WHOLE)
		return (0);
	s->octets += len;
	while (len > 0) {
		if (s->used == sizeof(s->frame) && frame_flush(s) == -1)
			return (-1);
		n = sizeof(s->frame) - s->used;
		if (n > len)
			n = len;
		memcpy(s->frame + s->used, p, n);
		s->used += n;
		p += n;
		len -= n;
	}
	return (0);
}

static int
frame_flush(struct stream *s)
{
	if (s->used == 0)
		return (0);
	fingerprint_feed(&s->fingerprint, s->frame, s->used);
	if (s->mode != STREAM_FINGERPRINT) {
		if (content_feed(&s->content, s->frame, s->used) == -1)
			return (-1);
		s->data(s->arg, s->frame, s->used);
	}
	s->used = 0;
	return (0);
}
