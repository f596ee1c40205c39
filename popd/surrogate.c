/* SPDX-License-Identifier: ISC */
/*
 * The header of a message for a client that did not say UTF8 (RFC 6856 section 2.1): what RFC 6858 makes of one with UTF-8 in it.
 *
 *	addresses	one beyond ASCII is replaced by one that is nobody's, and shown in its display name; display names
 *			and comments become encoded-words
 *	types		a parameter beyond ASCII is encoded (RFC 2231), or left out
 *	for programs	they are left out, if they are beyond ASCII
 *	all others	words beyond ASCII become encoded-words (RFC 2047)
 *
 * A field that is ASCII, or has octets that are no UTF-8, stays as it is, and so does all that is behind the header.  A header ends
 * with the empty line, or ahead of the first line that is no field.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/utf8.h"
#include "surrogate.h"

static size_t	 line_end(const uint8_t *, size_t, size_t);
static size_t	 field_name(const uint8_t *, size_t);
static size_t	 unfold(uint8_t *, const uint8_t *, size_t);
static int	 field_make(struct buf *, const uint8_t *, size_t, size_t, uint8_t *);

static const struct {
	const char		*name;
	enum surrogate_kind	 kind;
} fields[] = {
	{ "ARC-Authentication-Results", SURROGATE_PROGRAM }, { "ARC-Message-Signature", SURROGATE_PROGRAM },
	{ "ARC-Seal", SURROGATE_PROGRAM }, { "Authentication-Results", SURROGATE_PROGRAM }, { "Bcc", SURROGATE_ADDRESS },
	{ "Cc", SURROGATE_ADDRESS }, { "Content-Disposition", SURROGATE_MIME }, { "Content-ID", SURROGATE_PROGRAM },
	{ "Content-Transfer-Encoding", SURROGATE_PROGRAM }, { "Content-Type", SURROGATE_MIME }, { "Date", SURROGATE_PROGRAM },
	{ "Disposition-Notification-To", SURROGATE_PROGRAM }, { "DKIM-Signature", SURROGATE_PROGRAM },
	{ "From", SURROGATE_ADDRESS },
	{ "In-Reply-To", SURROGATE_PROGRAM }, { "List-Archive", SURROGATE_PROGRAM }, { "List-Help", SURROGATE_PROGRAM },
	{ "List-ID", SURROGATE_PROGRAM }, { "List-Owner", SURROGATE_PROGRAM }, { "List-Post", SURROGATE_PROGRAM },
	{ "List-Subscribe", SURROGATE_PROGRAM }, { "List-Unsubscribe", SURROGATE_PROGRAM }, { "Message-ID", SURROGATE_PROGRAM },
	{ "MIME-Version", SURROGATE_PROGRAM }, { "Received", SURROGATE_PROGRAM }, { "Received-SPF", SURROGATE_PROGRAM },
	{ "References", SURROGATE_PROGRAM }, { "Reply-To", SURROGATE_ADDRESS }, { "Resent-Bcc", SURROGATE_ADDRESS },
	{ "Resent-Cc", SURROGATE_ADDRESS }, { "Resent-Date", SURROGATE_PROGRAM }, { "Resent-From", SURROGATE_ADDRESS },
	{ "Resent-Message-ID", SURROGATE_PROGRAM }, { "Resent-Reply-To", SURROGATE_ADDRESS },
	{ "Resent-Sender", SURROGATE_ADDRESS }, { "Resent-To", SURROGATE_ADDRESS }, { "Return-Path", SURROGATE_PATH },
	{ "Sender", SURROGATE_ADDRESS }, { "To", SURROGATE_ADDRESS }
};

/* Where the line that begins at i ends, its LF included. */
static size_t
line_end(const uint8_t *p, size_t n, size_t i)
{
	const uint8_t	*lf = memchr(p + i, '\n', n - i);

	return (lf == NULL ? n : (size_t)(lf - p) + 1);
}

/* The length of the name that a field begins with, up to its colon; 0: this line begins no field (RFC 5322 section 3.6.8). */
static size_t
field_name(const uint8_t *p, size_t n)
{
	size_t	 i = 0, len;

	while (i < n && p[i] > ' ' && p[i] < 0x7f && p[i] != ':')
		i++;
	len = i;
	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return (len > 0 && i < n && p[i] == ':' ? i : 0);
}

/*
 * What the first n octets of a message have for a header; all: there are no more.  SURROGATE_NEEDED: its first *len octets are a
 * header, with a field in UTF-8; behind them nothing is to be changed.  SURROGATE_NONE: there is nothing to be changed.
 * SURROGATE_MORE: the header does not end among these octets.
 */
enum surrogate_look
surrogate_look(const uint8_t *p, size_t n, int all, size_t *len)
{
	size_t	 i, end;

	for (i = 0; i < n; i = end) {
		end = line_end(p, n, i);
		if (p[i] == '\n' || (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n'))
			break;
		if (i > 0 && (p[i] == ' ' || p[i] == '\t'))
			continue;
		if ((p[end - 1] == '\n' || all) && field_name(p + i, end - i) == 0)
			break;
	}
	if (i >= n && !all)
		return (SURROGATE_MORE);
	*len = i < n ? i : n;
	return (coder_ascii(p, *len) ? SURROGATE_NONE : SURROGATE_NEEDED);
}

/* Appends the surrogate of a header, of so many octets.  0, or -1: there is no memory, or no room in the buffer. */
int
surrogate_make(struct buf *b, const uint8_t *p, size_t len)
{
	uint8_t	*text;
	size_t	 i, end, name;
	int	 rc = 0;

	if ((text = malloc(len + 1)) == NULL)
		return (-1);
	for (i = 0; i < len && rc == 0; i = end) {
		end = line_end(p, len, i);
		while (end < len && (p[end] == ' ' || p[end] == '\t'))
			end = line_end(p, len, end);
		name = field_name(p + i, end - i);
		if (name == 0 || coder_ascii(p + i, end - i) || !utf8_valid(p + i, end - i))
			rc = buf_add(b, p + i, end - i);
		else
			rc = field_make(b, p + i, end - i, name, text);
	}
	free(text);
	return (rc);
}

/* Appends what becomes of a field; text has room for the field. */
static int
field_make(struct buf *b, const uint8_t *p, size_t len, size_t name, uint8_t *text)
{
	struct coder		 c = { .out = b, .gap = 1 };
	enum surrogate_kind	 kind = SURROGATE_TEXT;
	size_t			 i, n, bare = name;

	while (bare > 0 && (p[bare - 1] == ' ' || p[bare - 1] == '\t'))
		bare--;
	for (i = 0; i < nitems(fields); i++)
		if (strlen(fields[i].name) == bare && strncasecmp(fields[i].name, (const char *)p, bare) == 0)
			kind = fields[i].kind;
	n = unfold(text, p + name + 1, len - name - 1);
	if (kind == SURROGATE_PROGRAM || (kind == SURROGATE_MIME && !coder_ascii(text, surrogate_bare(text, n))))
		return (0);
	coder_octets(&c, p, name + 1);
	switch (kind) {
	case SURROGATE_ADDRESS:
	case SURROGATE_PATH:
		surrogate_address(&c, text, n, kind == SURROGATE_PATH);
		break;
	case SURROGATE_MIME:
		surrogate_mime(&c, text, n);
		break;
	default:
		coder_text(&c, text, n);
		break;
	}
	coder_octets(&c, (const uint8_t *)"\r\n", 2);
	return (c.failed ? -1 : 0);
}

/* Copies a field's value without line ends, and without blanks around it.  Returns how many octets are left. */
static size_t
unfold(uint8_t *text, const uint8_t *p, size_t len)
{
	size_t	 i, n = 0;

	for (i = 0; i < len; i++) {
		if (p[i] == '\n' || (p[i] == '\r' && i + 1 < len && p[i + 1] == '\n'))
			continue;
		if (n > 0 || (p[i] != ' ' && p[i] != '\t'))
			text[n++] = p[i];
	}
	while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	return (n);
}
