/* SPDX-License-Identifier: ISC */
/* Login commands (RFC 1939 section 7). */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include <md5.h>

#include "common/compat.h"
#include "pop3.h"

/* 1: may be sent as (part of) a command argument; CR, LF and NUL could start another command. */
int
auth_clean(const void *p, size_t len)
{
	return (memchr(p, '\r', len) == NULL && memchr(p, '\n', len) == NULL && memchr(p, '\0', len) == NULL);
}

int
auth_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7e)
			return (0);
	return (1);
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
