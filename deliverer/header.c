/* SPDX-License-Identifier: ISC */
/*
 * A push parser for message headers, and the kinds of fields.  A line ends in LF, and a CR ahead of that belongs to the line end;
 * every other octet is content, be it NUL, bare CR or 8-bit.  Only the begin of a line up to the colon is held back, so that memory
 * is bounded and the cuts between two calls do not show.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/mail/envfield.h"
#include "deliverer.h"

#define ANY_MODE	(1 << DIST_OWNER | 1 << DIST_FIELD | 1 << DIST_STAR | 1 << DIST_SUBMIT)
#define NAME_LEN_MAX	998	/* octets up to the colon: no line is longer (RFC 5322 section 2.1.1) */

enum state {
	AT_LINE,		/* at the start of a line */
	AT_CR,			/* behind a CR at the start of a line */
	IN_NAME,		/* in what may be a field name */
	IN_BLANK,		/* in the blanks between name and colon (obsolete syntax) */
	IN_BODY			/* behind the colon, or in a continuation or mbox line */
};

enum name { NAME_MORE, NAME_FIELD, NAME_EMPTY, NAME_NONE };

static int		 header_take(struct header *, const uint8_t *, size_t, size_t *);
static int		 header_start(struct header *, const uint8_t *, size_t, size_t *);
static enum name	 header_scan(struct header *, const uint8_t *, size_t, size_t *);
static enum name	 header_step(struct header *, int);
static int		 header_field(struct header *, const uint8_t *, size_t);
static int		 field_is(const uint8_t *, size_t, const char *, size_t);
static int		 header_open(struct header *, enum field_kind, uint32_t);
static int		 header_nofield(struct header *, const uint8_t *, size_t *);
static int		 header_body(struct header *, const uint8_t *, size_t, size_t *);
static int		 header_copy(struct header *, const void *, size_t);
static int		 header_flush(struct header *, int body);
static void		 header_measure(struct header *);
static void		 header_overflow(struct header *);
static int		 header_ismbox(struct header *, const uint8_t *, size_t);

void
header_init(struct header *h, enum dist_mode mode, const char *special)
{
	memset(h, 0, sizeof(*h));
	h->mode = mode;
	if (mode == DIST_FIELD && strlcpy(h->special, special, sizeof(h->special)) >= sizeof(h->special))
		h->special[0] = '\0';
	identity_init(&h->identity);
	buf_init(&h->kept, SIZE_MAX);		/* bounded by what the caller gives and takes */
	buf_init(&h->bodies, HEADER_MAX);
	buf_init(&h->line, NAME_LEN_MAX + 1);	/* the colon included */
	h->state = AT_LINE;
	h->first = 1;
}

void
header_free(struct header *h)
{
	buf_free(&h->kept);
	buf_free(&h->bodies);
	buf_free(&h->line);
	free(h->fields);
	memset(h, 0, sizeof(*h));
}

ssize_t
header_feed(struct header *h, const uint8_t *p, size_t len)
{
	size_t	 room, n = 0, used;

	if (!h->toobig) {
		room = HEADER_MAX - h->seen;
		if (header_take(h, p, len < room ? len : room, &n) == -1)
			return (-1);
		h->seen += n;
		if (h->done || n == len)
			return (n);
		header_overflow(h);
	}
	if (header_take(h, p + n, len - n, &used) == -1)
		return (-1);
	return (n + used);
}

int
header_finish(struct header *h)
{
	if (h->done)
		return (0);
	if (h->cr && header_copy(h, "\r", 1) == -1)
		return (-1);
	if (header_flush(h, 1) == -1)
		return (-1);
	header_measure(h);
	h->cr = 0;
	h->done = 1;
	return (0);
}

/* Takes octets until they or the header end; *used is how many were taken.  0, or -1: no memory. */
static int
header_take(struct header *h, const uint8_t *p, size_t len, size_t *used)
{
	size_t	 n;
	int	 error;

	for (*used = 0; *used < len && !h->done; *used += n) {
		if (h->state == IN_BODY)
			error = header_body(h, p + *used, len - *used, &n);
		else
			error = header_start(h, p + *used, len - *used, &n);
		if (error)
			return (-1);
	}
	return (0);
}

/* Takes octets at the begin of a line, where it shows what the line is. */
static int
header_start(struct header *h, const uint8_t *p, size_t len, size_t *n)
{
	if (h->state == AT_LINE && (*p == ' ' || *p == '\t')) {
		h->first = 0;
		h->state = IN_BODY;		/* a blank continues the field, if there is one */
		*n = 0;
		return (0);
	}
	switch (header_scan(h, p, len, n)) {
	case NAME_FIELD:
		return (header_field(h, p, *n));
	case NAME_EMPTY:
		h->done = 1;
		buf_consume(&h->line, buf_len(&h->line));
		return (buf_add(&h->kept, "\n", 1));
	case NAME_NONE:
		return (header_nofield(h, p, n));
	case NAME_MORE:
	default:
		return (buf_add(&h->line, p, *n));
	}
}

/* Takes octets of what may be a name; *n is how many were taken, for NAME_NONE those ahead of the one that decided. */
static enum name
header_scan(struct header *h, const uint8_t *p, size_t len, size_t *n)
{
	enum name	 what;
	size_t		 i, room = NAME_LEN_MAX - buf_len(&h->line);

	for (i = 0; i < len; i++) {
		what = header_step(h, p[i]);
		if (what == NAME_MORE && i == room)
			what = NAME_NONE;
		if (what != NAME_MORE) {
			*n = what == NAME_NONE ? i : i + 1;
			return (what);
		}
	}
	*n = len;
	return (NAME_MORE);
}

static enum name
header_step(struct header *h, int c)
{
	if (h->state == AT_CR || h->state == AT_LINE) {
		if (c == '\n')
			return (NAME_EMPTY);
		if (h->state == AT_CR || c == ':')
			return (NAME_NONE);
		h->state = c == '\r' ? AT_CR : IN_NAME;
		if (h->state == AT_CR)
			return (NAME_MORE);
	}
	if (c == ':')
		return (NAME_FIELD);
	if (c == ' ' || c == '\t') {
		h->state = IN_BLANK;
		return (NAME_MORE);
	}
	return (h->state == IN_NAME && c > ' ' && c < 0x7f ? NAME_MORE : NAME_NONE);
}

/* A field begins.  The last n octets of "Name:" are at p, those ahead of them in h->line. */
static int
header_field(struct header *h, const uint8_t *p, size_t n)
{
	enum field_kind	 kind;
	uint32_t	 name;
	size_t		 len = n;
	int		 likely;

	if (buf_len(&h->line) > 0) {
		if (buf_add(&h->line, p, n) == -1)
			return (-1);
		p = buf_data(&h->line);
		len = n = buf_len(&h->line);
	}
	do
		len--;
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'));
	kind = field_kind(h, p, len, &name);
	if (h->mode == DIST_FIELD && kind == FIELD_OTHER && (likely = envfield_find(p, len)) != -1)
		h->likely |= 1U << likely;
	identity_field(&h->identity, p, len);
	h->first = 0;
	h->dropping = kind == FIELD_RETURN_PATH || kind == FIELD_SPECIAL || (kind == FIELD_BCC && h->mode == DIST_SUBMIT);
	h->collecting = 0;
	h->state = IN_BODY;
	if (kind == FIELD_RECEIVED) {
		h->hops++;
		if (h->mode == DIST_OWNER)
			kind = FIELD_OTHER;
	}
	if (kind != FIELD_OTHER && header_open(h, kind, name) == -1)
		return (-1);
	if (!h->dropping && buf_add(&h->kept, p, n) == -1)
		return (-1);
	buf_consume(&h->line, buf_len(&h->line));
	return (0);
}

static int
header_open(struct header *h, enum field_kind kind, uint32_t name)
{
	struct field	*fields;

	if (h->nfields == HEADER_FIELDS)
		header_overflow(h);
	if (h->toobig)
		return (0);
	if ((fields = array_grow(h->fields, h->nfields, sizeof(*fields))) == NULL)
		return (-1);
	h->fields = fields;
	h->fields[h->nfields].kind = kind;
	h->fields[h->nfields].name = name;
	h->fields[h->nfields].off = buf_len(&h->bodies);
	h->fields[h->nfields].len = 0;
	h->nfields++;
	h->collecting = 1;
	return (0);
}

/*
 * The line is no field: the one that begins a message in an mbox file is passed over, on top of the header; any other is the body's
 * first.  *n octets at p were looked at; it is set to the number of those that are taken.
 */
static int
header_nofield(struct header *h, const uint8_t *p, size_t *n)
{
	if (header_ismbox(h, p, *n)) {
		h->state = IN_BODY;
		if (header_flush(h, 0) == -1 || buf_add(&h->kept, p, *n) == -1)
			return (-1);
	} else {
		h->done = 1;
		*n = 0;
		if (header_flush(h, 1) == -1)
			return (-1);
	}
	h->first = 0;
	return (0);
}

/* Takes octets of a field's body, or of another line that is kept, up to the end of the line. */
static int
header_body(struct header *h, const uint8_t *p, size_t len, size_t *n)
{
	const uint8_t	*lf;
	size_t		 end;

	lf = memchr(p, '\n', len);
	end = lf != NULL ? (size_t)(lf - p) : len;
	*n = lf != NULL ? end + 1 : len;
	if (end > 0) {
		if (h->cr && header_copy(h, "\r", 1) == -1)
			return (-1);
		h->cr = p[end - 1] == '\r';
		if (header_copy(h, p, h->cr ? end - 1 : end) == -1)
			return (-1);
	}
	if (lf != NULL) {
		h->cr = 0;
		h->state = AT_LINE;
		header_measure(h);
		if (!h->dropping && buf_add(&h->kept, "\n", 1) == -1)
			return (-1);
	}
	return (0);
}

static int
header_copy(struct header *h, const void *p, size_t len)
{
	if (len == 0)
		return (0);
	if (!h->dropping && buf_add(&h->kept, p, len) == -1)
		return (-1);
	identity_text(&h->identity, p, len);
	if (h->collecting && buf_add(&h->bodies, p, len) == -1)
		return (-1);
	return (0);
}

/* The octets that were held back are no name of a field; body: the body begins with them. */
static int
header_flush(struct header *h, int body)
{
	size_t	 len = buf_len(&h->line);

	if (body && len > 0)
		identity_body(&h->identity, buf_data(&h->line), len);
	if (len > 0 && buf_add(&h->kept, buf_data(&h->line), len) == -1)
		return (-1);
	buf_consume(&h->line, len);
	return (0);
}

static void
header_measure(struct header *h)
{
	struct field	*f;

	if (h->collecting) {
		f = &h->fields[h->nfields - 1];
		f->len = buf_len(&h->bodies) - f->off;
	}
}

/* Stops collecting fields; the last one, which may not be at its end, does not count. */
static void
header_overflow(struct header *h)
{
	if (h->collecting)
		h->nfields--;
	h->collecting = 0;
	h->toobig = 1;
}

const uint8_t *
header_text(const struct header *h, const struct field *f)
{
	return (f->len == 0 ? (const uint8_t *)"" : h->bodies.base + h->bodies.off + f->off);
}

/* Whether this is the first line of the message, and begins with "From " or ">From ". */
static int
header_ismbox(struct header *h, const uint8_t *p, size_t n)
{
	char	 start[6];
	size_t	 i, held = buf_len(&h->line);

	if (!h->first)
		return (0);
	memset(start, 0, sizeof(start));
	for (i = 0; i < sizeof(start) && i < held + n; i++)
		start[i] = i < held ? buf_data(&h->line)[i] : p[i - held];
	return (memcmp(start, "From ", 5) == 0 || memcmp(start, ">From ", 6) == 0);
}

/* The kind of a field by its name; for FIELD_SPECIAL *name is which name of the list it has, from 0. */
enum field_kind
field_kind(const struct header *h, const uint8_t *p, size_t len, uint32_t *name)
{
	static const struct {
		const char	*name;
		size_t		 len;
		enum field_kind	 kind;
		uint32_t	 modes;		/* the modes in which it is that: bits by enum dist_mode */
	}	 kinds[] = {
		{ "Received", 8, FIELD_RECEIVED, ANY_MODE },
		{ "Return-Path", 11, FIELD_RETURN_PATH, ANY_MODE },
		{ MARK_FIELD, sizeof(MARK_FIELD) - 1, FIELD_MARK, ANY_MODE },
		{ "To", 2, FIELD_TO, 1 << DIST_STAR | 1 << DIST_SUBMIT },
		{ "Cc", 2, FIELD_CC, 1 << DIST_STAR | 1 << DIST_SUBMIT },
		{ "Bcc", 3, FIELD_BCC, 1 << DIST_STAR | 1 << DIST_SUBMIT },
		{ "From", 4, FIELD_FROM, 1 << DIST_SUBMIT },
		{ "Sender", 6, FIELD_SENDER, 1 << DIST_SUBMIT }
	};
	const char	*word;
	size_t		 i, n;

	*name = 0;
	for (word = h->special; *word != '\0'; word += n + (word[n] == ' ')) {
		n = strcspn(word, " ");
		if (len > 0 && field_is(p, len, word, n))
			return (FIELD_SPECIAL);
		++*name;
	}
	*name = 0;
	for (i = 0; i < nitems(kinds); i++)
		if (kinds[i].modes & 1U << h->mode && field_is(p, len, kinds[i].name, kinds[i].len))
			return (kinds[i].kind);
	if (h->mode == DIST_SUBMIT && len > 7 && strncasecmp((const char *)p, "Resent-", 7) == 0)
		return (FIELD_RESENT);
	return (FIELD_OTHER);
}

static int
field_is(const uint8_t *p, size_t len, const char *name, size_t namelen)
{
	return (len == namelen && strncasecmp((const char *)p, name, len) == 0);
}

/*
 * Whether an element of an address list stands for nobody: empty brackets, or what mail programs write in place of recipients that
 * they do not tell, with or without the colon of a group.
 */
int
field_nobody(const uint8_t *p, size_t len)
{
	static const char *const	 words[] = {
		"undisclosed", "unlisted-recipients", "unlisted recipients", "recipient list", "no to-header", "no recipients"
	};
	size_t	 i, n;

	if (len > 0 && memchr(p, '@', len) != NULL)
		return (0);
	while (len > 0 && strchr(" \t<>\"'([", *p) != NULL && *p != '\0') {
		p++;
		len--;
	}
	for (i = 0; i < nitems(words); i++) {
		n = strlen(words[i]);
		if (len >= n && strncasecmp((const char *)p, words[i], n) == 0)
			return (1);
	}
	return (len == 0);
}
