/* SPDX-License-Identifier: ISC */
/* The lines of a SASL exchange: AUTH, challenges and responses in base64. */
#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "common/compat.h"
#include "sasl_line.h"

#define RESPONSE_MAX	16000	/* octets of base64: a token, a user and a host at their longest */

static int	 line_prepare(struct sasl_line *, const uint8_t *, size_t);
static int	 line_fail(struct sasl_line *, enum fail_why, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* An owner's structure of zeroes is made ready.  mask and peer must last as long as it does. */
void
sasl_line_init(struct sasl_line *l, struct auth_mask *mask, const char *peer)
{
	l->mask = mask;
	l->peer = peer;
	buf_init(&l->response, RESPONSE_MAX);
}

/* Wipes what the exchange knows of the credential, except for the credential itself, which is the owner's. */
void
sasl_line_end(struct sasl_line *l)
{
	sasl_end(&l->exchange);
	buf_free(&l->response);
}

/*
 * Begin an exchange, a further one too.  An initial response goes on the AUTH line if that then has at most max octets, line end
 * included, and otherwise waits for the first challenge.  0: sasl_line_auth() has the command to send; -1: it cannot be begun.
 */
int
sasl_line_begin(struct sasl_line *l, enum auth_mech mech, size_t max)
{
	sasl_end(&l->exchange);
	memset(&l->exchange, 0, sizeof(l->exchange));
	l->mech = mech;
	l->rounds = l->waiting = l->on_line = 0;
	if (sasl_begin(&l->exchange, mech, &l->cred) == -1)
		return (-1);
	if (!sasl_initial(&l->exchange))
		return (0);
	if (line_prepare(l, (const uint8_t *)"", 0) == -1)
		return (-1);
	l->waiting = 1;
	l->on_line = strlen("AUTH  \r\n") + strlen(sasl_name(mech)) + buf_len(&l->response) <= max;
	return (0);
}

/* Appends the AUTH command; an empty initial response is "=".  0, or -1: it does not fit, or there is no memory. */
int
sasl_line_auth(struct sasl_line *l, struct buf *out)
{
	const char	*name = sasl_name(l->mech);

	if (buf_add(out, "AUTH ", 5) == -1 || buf_add(out, name, strlen(name)) == -1)
		return (-1);
	if (!l->on_line)
		return (buf_add(out, "\r\n", 2));
	if (buf_add(out, buf_len(&l->response) > 0 ? " " : " =", buf_len(&l->response) > 0 ? 1 : 2) == -1)
		return (-1);
	return (sasl_line_response(l, out));
}

/*
 * The server asks: text is its challenge in base64, or NULL if what it sent cannot be one.  When the client speaks first, what
 * stands in a challenge ahead of its first response means nothing.  0: sasl_line_response() has the answer; -1: the exchange is to
 * be cancelled by "*".
 */
int
sasl_line_challenge(struct sasl_line *l, const uint8_t *text, size_t len)
{
	uint8_t	 challenge[MASK_LINE_MAX];
	ssize_t	 n = 0;
	int	 again;

	if (++l->rounds > SASL_ROUNDS)
		return (line_fail(l, WHY_PROTO, "the %s's questions do not end", l->peer));
	again = l->waiting && (!l->on_line || (l->lenient && (l->exchange.done || len == 0)));
	l->waiting = 0;
	if (again)
		return (0);
	if ((l->rounds > 1 || l->on_line || !sasl_speaks_first(&l->exchange)) &&
	    (text == NULL || (n = base64_decode(challenge, sizeof(challenge), text, len)) == -1))
		return (line_fail(l, WHY_PROTO, "the %s's challenge is not base64", l->peer));
	return (line_prepare(l, challenge, (size_t)n));
}

/* Appends the line that answers a challenge.  0, or -1: it does not fit, or there is no memory. */
int
sasl_line_response(struct sasl_line *l, struct buf *out)
{
	return (buf_add(out, buf_data(&l->response), buf_len(&l->response)) == -1 ? -1 : buf_add(out, "\r\n", 2));
}

/* The mechanism's answer to a challenge becomes the next response.  0 or -1. */
static int
line_prepare(struct sasl_line *l, const uint8_t *challenge, size_t len)
{
	struct buf	 raw;
	int		 r = -1;

	buf_free(&l->response);
	buf_init(&raw, RESPONSE_MAX);
	if (sasl_step(&l->exchange, challenge, len, &raw) != SASL_FAILED) {
		if ((r = base64_encode(&l->response, buf_data(&raw), buf_len(&raw))) == -1)
			(void)line_fail(l, WHY_LOCAL_TEMP, "out of memory");
		else if (buf_len(&l->response) > 0)
			auth_mask_set(l->mask, MASK_SENT, buf_data(&l->response), buf_len(&l->response));
	}
	buf_free(&raw);		/* wipes */
	return (r);
}

/* Always -1. */
static int
line_fail(struct sasl_line *l, enum fail_why why, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->exchange.text, sizeof(l->exchange.text), fmt, ap);
	va_end(ap);
	l->exchange.why = why;
	return (-1);
}
