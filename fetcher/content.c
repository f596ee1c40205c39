/* SPDX-License-Identifier: ISC */
/*
 * What the digest of a message is made of: its octets, without the fields of its header in which a store keeps notes of its own.  A
 * store that works on a mailbox file writes such fields at any time, for instance behind the first retrieval; the message with them
 * is the message without them.  No other field is left out: two messages that differ in any other octet are two.
 *
 * The header ends with the first line that is no field (RFC 5322 section 2.2), the empty one or another.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "common/compat.h"
#include "pop3.h"

static int	 content_name(struct content *, uint8_t);
static int	 content_line(struct content *, const uint8_t *, size_t);
static int	 content_is_note(const char *);

/* A message begins with the next octet.  md is the caller's, who has initialised it. */
void
content_begin(struct content *c, EVP_MD_CTX *md)
{
	c->md = md;
	c->state = CONTENT_BOL;
	c->namelen = 0;
	c->left_out = 0;
}

/* Takes octets of the message.  0, or -1: the digest failed. */
int
content_feed(struct content *c, const uint8_t *p, size_t len)
{
	int	 n;

	while (len > 0) {
		if (c->state == CONTENT_BODY)
			return (EVP_DigestUpdate(c->md, p, len) == 1 ? 0 : -1);
		if (c->state == CONTENT_LINE)
			n = content_line(c, p, len);
		else
			n = content_name(c, *p);
		if (n == -1)
			return (-1);
		p += n;
		len -= n;
	}
	return (0);
}

/* The message is complete; a line that has ended within a name counts, too.  0, or -1: the digest failed. */
int
content_end(struct content *c)
{
	size_t	 n = c->namelen;

	c->namelen = 0;
	return (EVP_DigestUpdate(c->md, c->name, n) == 1 ? 0 : -1);
}

/* Takes an octet at the begin of a line, or of a name.  Returns the number of octets taken, 0 or 1; or -1. */
static int
content_name(struct content *c, uint8_t octet)
{
	if (c->state == CONTENT_BOL && (octet == ' ' || octet == '\t')) {
		c->state = CONTENT_LINE;	/* a blank continues the field */
		return (0);
	}
	c->state = CONTENT_NAME;
	if (octet > 32 && octet < 127 && octet != ':' && c->namelen < CONTENT_NAME_MAX) {
		c->name[c->namelen++] = (char)octet;
		return (1);
	}
	c->name[c->namelen] = '\0';
	c->left_out = octet == ':' && content_is_note(c->name);
	c->state = octet == ':' || c->namelen == CONTENT_NAME_MAX ? CONTENT_LINE : CONTENT_BODY;
	if (!c->left_out && EVP_DigestUpdate(c->md, c->name, c->namelen) != 1)
		return (-1);
	c->namelen = 0;
	return (0);
}

/* Takes the rest of a line, with its end.  Returns the number of octets taken, or -1. */
static int
content_line(struct content *c, const uint8_t *p, size_t len)
{
	const uint8_t	*lf = memchr(p, '\n', len);
	size_t		 n = lf == NULL ? len : (size_t)(lf - p) + 1;

	if (!c->left_out && EVP_DigestUpdate(c->md, p, n) != 1)
		return (-1);
	if (lf != NULL)
		c->state = CONTENT_BOL;
	return ((int)n);
}

static int
content_is_note(const char *name)
{
	static const char	*const notes[] = { "content-length", "lines", "status", "x-imap", "x-imapbase", "x-keywords", "x-status",
	    "x-uid", "x-uidl" };
	size_t			 i;

	for (i = 0; i < nitems(notes); i++)
		if (strcasecmp(name, notes[i]) == 0)
			return (1);
	return (0);
}
