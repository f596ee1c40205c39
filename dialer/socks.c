/* SPDX-License-Identifier: ISC */
/*
 * The client's half of SOCKS5 (RFC 1928): no login, CONNECT to a numeric address.  No I/O: octets in, octets out, and a verdict on
 * whatever comes in.  What follows the last answer is the mail server's and must stay in the socket: socks_want() says how much may
 * be read.
 */
#include <string.h>

#include "dialer.h"

#define SOCKS_VERSION	5
#define SOCKS_NOAUTH	0
#define SOCKS_NOMETHOD	0xff
#define SOCKS_CONNECT	1
#define SOCKS_V4	1
#define SOCKS_NAME	3
#define SOCKS_V6	4
#define SOCKS_HEAD	5	/* octets of a reply up to the first one of its address, which may be a length */

static void	 socks_request(struct socks *);
static int	 socks_reply(struct socks *);

/* What the numbers of a reply mean (RFC 1928 section 6). */
static const enum attempt_error socks_replies[] = { ATTEMPT_NONE, SOCKS_FAILED, SOCKS_DENIED, SOCKS_NET, SOCKS_HOST,
	SOCKS_REFUSED, SOCKS_EXPIRED, SOCKS_COMMAND, SOCKS_FAMILY };

void
socks_init(struct socks *s, const struct address *to)
{
	memset(s, 0, sizeof(*s));
	s->to = *to;
	s->buf[0] = SOCKS_VERSION;
	s->buf[1] = 1;
	s->buf[2] = SOCKS_NOAUTH;
	s->len = 3;
}

/* How many octets the answer lacks for the next step.  0: buf is to be sent. */
size_t
socks_want(const struct socks *s)
{
	return (s->need > s->len ? s->need - s->len : 0);
}

/*
 * Takes what was read, at most socks_want() octets; none: buf was sent, and an answer is due.  Returns 1: connected; 0: go on, and
 * send buf if socks_want() is 0; negative: an enum attempt_error.
 */
int
socks_input(struct socks *s, const uint8_t *data, size_t len)
{
	if (len == 0) {
		s->len = 0;
		s->need = s->replying ? SOCKS_HEAD : 2;
		return (0);
	}
	if (len > socks_want(s))
		return (SOCKS_GARBAGE);
	memcpy(s->buf + s->len, data, len);
	s->len += len;
	if (s->buf[0] != SOCKS_VERSION)
		return (SOCKS_GARBAGE);
	if (s->replying && s->len >= 2 && s->buf[1] != 0)
		return (s->buf[1] < nitems(socks_replies) ? socks_replies[s->buf[1]] : SOCKS_FAILED);
	if (s->len < s->need)
		return (0);
	if (s->replying)
		return (socks_reply(s));
	if (s->buf[1] != SOCKS_NOAUTH)
		return (s->buf[1] == SOCKS_NOMETHOD ? SOCKS_LOGIN : SOCKS_GARBAGE);
	socks_request(s);
	return (0);
}

static void
socks_request(struct socks *s)
{
	size_t	 n = s->to.u.sa.sa_family == AF_INET6 ? 16 : 4;

	s->buf[0] = SOCKS_VERSION;
	s->buf[1] = SOCKS_CONNECT;
	s->buf[2] = 0;
	s->buf[3] = n == 16 ? SOCKS_V6 : SOCKS_V4;
	memcpy(s->buf + 4, address_octets(&s->to), n);
	memcpy(s->buf + 4 + n, n == 16 ? &s->to.u.v6.sin6_port : &s->to.u.v4.sin_port, 2);
	s->len = n + 6;
	s->need = 0;
	s->replying = 1;
}

/* Takes the answer to CONNECT.  All of it has to be read, and the kind of its address says how many octets that is. */
static int
socks_reply(struct socks *s)
{
	if (s->need > SOCKS_HEAD)
		return (1);
	switch (s->buf[3]) {
	case SOCKS_V4:
		s->need = 4 + 4 + 2;
		break;
	case SOCKS_V6:
		s->need = 4 + 16 + 2;
		break;
	case SOCKS_NAME:
		s->need = 4 + 1 + s->buf[4] + 2;
		break;
	default:
		return (SOCKS_GARBAGE);
	}
	return (0);
}
