/* SPDX-License-Identifier: ISC */
/* Login commands, and keeping the secret out of every text that comes back (RFC 1939 sections 7 and 13). */
#include <sys/types.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <md5.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "pop3.h"

static int	 mask_digest(const struct auth_mask *, const uint8_t *, uint8_t *);

/* 1: may be sent as (part of) a command argument; CR, LF and NUL could start another command. */
int
auth_clean(const void *p, size_t len)
{
	return (memchr(p, '\r', len) == NULL && memchr(p, '\n', len) == NULL && memchr(p, '\0', len) == NULL);
}

/* One line "verb argument" into out.  0, or -1: does not fit. */
int
auth_plain(struct buf *out, const char *verb, const void *arg, size_t len)
{
	return (buf_add(out, verb, strlen(verb)) == -1 || buf_add(out, " ", 1) == -1 || buf_add(out, arg, len) == -1 ||
	    buf_add(out, "\r\n", 2) == -1 ? -1 : 0);
}

/* "APOP user md5(challenge secret)"; the challenge has its brackets. */
int
auth_apop(struct buf *out, const char *user, const char *challenge, const void *secret, size_t len)
{
	static const char	 hex[] = "0123456789abcdef";
	MD5_CTX			 ctx;
	uint8_t			 digest[MD5_DIGEST_LENGTH];
	char			 text[2 * MD5_DIGEST_LENGTH];
	size_t			 i;

	MD5Init(&ctx);
	MD5Update(&ctx, (const uint8_t *)challenge, strlen(challenge));
	MD5Update(&ctx, secret, len);
	MD5Final(digest, &ctx);
	for (i = 0; i < sizeof(digest); i++) {
		text[2 * i] = hex[digest[i] >> 4];
		text[2 * i + 1] = hex[digest[i] & 15];
	}
	explicit_bzero(&ctx, sizeof(ctx));
	if (buf_add(out, "APOP ", 5) == -1 || buf_add(out, user, strlen(user)) == -1 || buf_add(out, " ", 1) == -1 ||
	    buf_add(out, text, sizeof(text)) == -1 || buf_add(out, "\r\n", 2) == -1)
		return (-1);
	return (0);
}

/*
 * The secret itself is wiped once it is on its way, but a server may echo it at any later time: what stays is a salted digest,
 * compared with each run of octets of the same length.
 */
int
auth_mask_init(struct auth_mask *m, const void *secret, size_t len)
{
	const uint8_t	*p = secret;
	size_t		 i;

	memset(m, 0, sizeof(*m));
	arc4random_buf(m->salt, sizeof(m->salt));
	m->len = len;
	for (i = 0; i < len; i++)
		m->sum += p[i];
	return (mask_digest(m, p, m->digest));
}

/* Overwrites each occurrence of the secret in text, overlapping ones too. */
void
auth_mask_apply(const struct auth_mask *m, uint8_t *text, size_t len)
{
	uint8_t		 copy[TEXT_OCTETS + PROTO_SECRET_MAX], digest[PROTO_DIGEST_LEN];
	uint32_t	 sum = 0;
	size_t		 i;

	if (m->len == 0 || m->len > len || len > sizeof(copy))
		return;
	memcpy(copy, text, len);
	for (i = 0; i < len; i++) {
		sum += copy[i];
		if (i + 1 < m->len)
			continue;
		if (i >= m->len)
			sum -= copy[i - m->len];
		if (sum != m->sum)
			continue;
		if (mask_digest(m, copy + i + 1 - m->len, digest) == -1 || memcmp(digest, m->digest, sizeof(digest)) == 0)
			memset(text + i + 1 - m->len, '*', m->len);
	}
	explicit_bzero(copy, sizeof(copy));
}

/* Remote text fit for a log line: secret masked, then cut to TEXT_OCTETS, then encoded.  Returns dst. */
char *
auth_mask_text(const struct auth_mask *m, char *dst, size_t dstsize, const uint8_t *text, size_t len)
{
	uint8_t	 tmp[TEXT_OCTETS + PROTO_SECRET_MAX];

	if (len > TEXT_OCTETS + m->len)
		len = TEXT_OCTETS + m->len;	/* an occurrence that begins in the part shown ends in here */
	memcpy(tmp, text, len);
	auth_mask_apply(m, tmp, len);
	log_vis(dst, dstsize, tmp, len < TEXT_OCTETS ? len : TEXT_OCTETS);
	explicit_bzero(tmp, sizeof(tmp));
	return (dst);
}

static int
mask_digest(const struct auth_mask *m, const uint8_t *p, uint8_t *digest)
{
	uint8_t	 tmp[sizeof(m->salt) + PROTO_SECRET_MAX];
	int	 r;

	memcpy(tmp, m->salt, sizeof(m->salt));
	memcpy(tmp + sizeof(m->salt), p, m->len);
	r = EVP_Digest(tmp, sizeof(m->salt) + m->len, digest, NULL, stream_sha256(), NULL);
	explicit_bzero(tmp, sizeof(tmp));
	return (r == 1 ? 0 : -1);
}
