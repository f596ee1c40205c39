/* SPDX-License-Identifier: ISC */
/*
 * Who gave a message to the provider, by the Received field of the trusted hop, for XCLIENT:
 *
 *	from HELO (mail.sender.example [192.0.2.7]) (other comments) by HOP ...
 *
 * The sender writes HELO, and may write a part of other comments.  Only this form counts, and a field that can be read in more than
 * one way says nothing: whatever the sender puts in, what the provider has written is there as well, ahead of the "by" of HOP.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "deliverer.h"

#define LITERAL_SIZE	(sizeof("IPv6:") + INET6_ADDRSTRLEN)

static const uint8_t	*client_blanks(const uint8_t *, const uint8_t *);
static const uint8_t	*client_name(const uint8_t *, const uint8_t *);
static const uint8_t	*client_comment(const uint8_t *, const uint8_t *);
static int	 client_doubtful(const uint8_t *, const uint8_t *);
static const uint8_t	*client_literal(const uint8_t *, const uint8_t *);
static int	 client_address(const uint8_t *, const uint8_t *, char *);
static int	 client_isglobal(uint32_t);
static int	 client_isblank(int);

/* Reads the field's body at p.  client becomes a numeric address, or empty: none is certain. */
void
client_find(const uint8_t *p, size_t len, const char *hop, char client[PROTO_CLIENT_SIZE])
{
	const uint8_t	*by, *comment, *q;
	char		 text[PROTO_CLIENT_SIZE];
	ssize_t		 at;

	client[0] = '\0';
	if ((at = envelope_by(p, len, hop)) == -1 || envelope_by(p + at + 2, len - at - 2, hop) != -1)
		return;
	by = p + at;
	q = client_blanks(p, by);
	if (by - q < 5 || strncasecmp((const char *)q, "from", 4) != 0 || !client_isblank(q[4]))
		return;
	if ((comment = client_name(client_blanks(q + 4, by), by)) == NULL || (q = client_comment(comment, by)) == NULL ||
	    client_address(comment, q, text) == -1)
		return;
	while ((comment = client_blanks(q, by)) < by)
		if ((q = client_comment(comment, by)) == NULL || client_doubtful(comment, q))
			return;
	strlcpy(client, text, PROTO_CLIENT_SIZE);
}

static const uint8_t *
client_blanks(const uint8_t *p, const uint8_t *end)
{
	while (p < end && client_isblank(*p))
		p++;
	return (p);
}

/* Steps over the name that the sender gives himself, one word, and blanks; NULL: there is something else. */
static const uint8_t *
client_name(const uint8_t *p, const uint8_t *end)
{
	const uint8_t	*start = p;

	while (p < end && *p > ' ' && *p < 0x7f && strchr("()\"\\", *p) == NULL)
		p++;
	return (p > start && p < end && client_isblank(*p) ? client_blanks(p, end) : NULL);
}

/* Steps over the comment that begins at p; NULL: there is none, or it has no end, or something in it could hide the end. */
static const uint8_t *
client_comment(const uint8_t *p, const uint8_t *end)
{
	int	 depth = 0;

	for (; p < end; p++) {
		if (*p == '(')
			depth++;
		else if (depth == 0 || *p == '\\' || *p == 0x7f || (*p < ' ' && !client_isblank(*p)))
			return (NULL);
		else if (*p == ')' && --depth == 0)
			return (p + 1);
	}
	return (NULL);
}

/* Whether another comment could be the provider's word on who it was, as other servers write that: with brackets, or one word. */
static int
client_doubtful(const uint8_t *p, const uint8_t *end)
{
	if (memchr(p, '[', end - p) != NULL)
		return (1);
	for (p++; p < end - 1 && (envelope_ishost(*p) || *p == ':'); p++)
		continue;
	return (p == end - 1);
}

/*
 * Finds the '[' of a comment that begins with an address, or with a host's name and an address; NULL: it does not.  A name has a
 * dot, or is "unknown": another word in its place means that the sender has written what follows, as in "(HELO [192.0.2.7])".
 */
static const uint8_t *
client_literal(const uint8_t *p, const uint8_t *end)
{
	const uint8_t	*name = p = client_blanks(p + 1, end), *blank;

	while (p < end && envelope_ishost(*p))
		p++;
	blank = p;
	p = client_blanks(p, end);
	if (p == end || *p != '[')
		return (NULL);
	if (blank == name)
		return (p);
	if (p == blank || (memchr(name, '.', blank - name) == NULL &&
	    (blank - name != 7 || strncasecmp((const char *)name, "unknown", 7) != 0)))
		return (NULL);
	return (p);
}

/*
 * Writes the address of the comment anew.  0, or -1: it is none.  One of the provider's own network does not count: to the next hop
 * it would be somebody else, perhaps a host that is trusted there.
 */
static int
client_address(const uint8_t *p, const uint8_t *end, char *client)
{
	const uint8_t	*close;
	char		 text[LITERAL_SIZE];
	struct in6_addr	 in6;
	struct in_addr	 in;
	int		 tag;

	if ((p = client_literal(p, end)) == NULL)
		return (-1);
	p++;
	if ((close = memchr(p, ']', end - p)) == NULL || (size_t)(close - p) >= sizeof(text) || memchr(p, '[', end - p) != NULL ||
	    (close[1] != ')' && close[1] != ':' && !client_isblank(close[1])))
		return (-1);
	memcpy(text, p, close - p);
	text[close - p] = '\0';
	tag = strncasecmp(text, "IPv6:", 5) == 0 ? 5 : 0;
	if (tag == 0 && inet_pton(AF_INET, text, &in) == 1)
		return (client_isglobal(ntohl(in.s_addr)) &&
		    inet_ntop(AF_INET, &in, client, PROTO_CLIENT_SIZE) != NULL ? 0 : -1);
	if (inet_pton(AF_INET6, text + tag, &in6) != 1 || (in6.s6_addr[0] & 0xe0) != 0x20)	/* 2000::/3 */
		return (-1);
	return (inet_ntop(AF_INET6, &in6, client, PROTO_CLIENT_SIZE) != NULL ? 0 : -1);
}

static int
client_isglobal(uint32_t a)
{
	static const struct {
		uint32_t	 net, mask;
	}	 others[] = {
		{ 0x00000000, 0xff000000 },	/* 0.0.0.0/8 */
		{ 0x0a000000, 0xff000000 },	/* 10.0.0.0/8 */
		{ 0x64400000, 0xffc00000 },	/* 100.64.0.0/10 */
		{ 0x7f000000, 0xff000000 },	/* 127.0.0.0/8 */
		{ 0xa9fe0000, 0xffff0000 },	/* 169.254.0.0/16 */
		{ 0xac100000, 0xfff00000 },	/* 172.16.0.0/12 */
		{ 0xc0a80000, 0xffff0000 },	/* 192.168.0.0/16 */
		{ 0xe0000000, 0xe0000000 }	/* 224.0.0.0/3 */
	};
	size_t	 i;

	for (i = 0; i < nitems(others); i++)
		if ((a & others[i].mask) == others[i].net)
			return (0);
	return (1);
}

static int
client_isblank(int c)
{
	return (c == ' ' || c == '\t' || c == '\r');
}
