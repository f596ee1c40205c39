/* SPDX-License-Identifier: ISC */
/*
 * An HTTP/1 response to one POST: strict where framing is concerned, deaf to everything else.  Interim (1xx) responses are passed
 * over; a redirect is a status like any other.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/hex.h"
#include "oauth.h"

static int	 http_wrong(struct http *, const char *);
static int	 http_line(struct http *, const uint8_t **, size_t *);
static int	 http_body(struct http *, const uint8_t **, size_t *);
static int	 http_status(struct http *);
static int	 http_field(struct http *);
static int	 http_length(struct http *, const char *);
static int	 http_fields_end(struct http *);
static int	 http_chunk_size(struct http *);
static int	 http_trailer(struct http *);
static int	 http_no_body(const struct http *);

void
http_init(struct http *h)
{
	memset(h, 0, sizeof(*h));
	buf_init(&h->body, HTTP_BODY_MAX);
}

void
http_free(struct http *h)
{
	buf_free(&h->body);
	explicit_bzero(h, sizeof(*h));
}

static int
http_wrong(struct http *h, const char *error)
{
	h->error = error;
	return (-1);
}

/* What follows the end of the response is not looked at, as the connection is closed then. */
int
http_feed(struct http *h, const uint8_t *p, size_t len)
{
	int	 n;

	if (h->error != NULL)
		return (-1);
	while (h->state != HTTP_DONE && len > 0) {
		if (h->state == HTTP_LENGTH || h->state == HTTP_CHUNK || h->state == HTTP_CLOSE)
			n = http_body(h, &p, &len);
		else
			n = http_line(h, &p, &len);
		if (n == -1)
			return (-1);
	}
	return (h->state == HTTP_DONE);
}

int
http_eof(struct http *h)
{
	if (h->error != NULL)
		return (-1);
	if (h->state == HTTP_CLOSE)
		h->state = HTTP_DONE;
	if (h->state == HTTP_DONE)
		return (1);
	return (http_wrong(h, "the connection ended before the response did"));
}

/* Takes octets up to the next line end, and gives a whole line to the function of the state.  0 or -1. */
static int
http_line(struct http *h, const uint8_t **p, size_t *len)
{
	static int	(*const parse[])(struct http *) = {
		[HTTP_STATUS] = http_status,
		[HTTP_FIELDS] = http_field,
		[HTTP_CHUNK_SIZE] = http_chunk_size,
		[HTTP_CHUNK_END] = http_chunk_size,
		[HTTP_TRAILER] = http_trailer
	};
	uint8_t	 c;

	while (*len > 0) {
		c = *(*p)++;
		(*len)--;
		if (++h->overhead > HTTP_HEADER_MAX)
			return (http_wrong(h, "the response's header is too long"));
		if (c != '\n') {
			if (c == '\0')
				return (http_wrong(h, "NUL in the response's header"));
			if (h->linelen == sizeof(h->line) - 1)
				return (http_wrong(h, "a header line of the response is too long"));
			h->line[h->linelen++] = (char)c;
			continue;
		}
		if (h->linelen > 0 && h->line[h->linelen - 1] == '\r')
			h->linelen--;
		h->line[h->linelen] = '\0';
		h->linelen = 0;
		return (parse[h->state](h));
	}
	return (0);
}

static int
http_body(struct http *h, const uint8_t **p, size_t *len)
{
	size_t	 n = *len;

	if (h->state != HTTP_CLOSE && n > h->left)
		n = h->left;
	if (buf_add(&h->body, *p, n) == -1)
		return (http_wrong(h, "the response is too long"));
	*p += n;
	*len -= n;
	if (h->state == HTTP_CLOSE || (h->left -= n) > 0)
		return (0);
	h->state = h->state == HTTP_LENGTH ? HTTP_DONE : HTTP_CHUNK_END;
	return (0);
}

/* The status line, "HTTP/1.1 200 OK". */
static int
http_status(struct http *h)
{
	const char	*p = h->line;

	if (strncmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') || p[8] != ' ' || p[9] < '1' || p[9] > '5' ||
	    p[10] < '0' || p[10] > '9' || p[11] < '0' || p[11] > '9' || (p[12] != '\0' && p[12] != ' '))
		return (http_wrong(h, "this is no HTTP/1 response"));
	h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	if (h->status == 101)
		return (http_wrong(h, "the server wants another protocol"));
	h->chunked = h->has_length = 0;
	h->left = 0;
	h->state = HTTP_FIELDS;
	return (0);
}

/*
 * A header field, of which only the framing ones matter.  A folded line could hide a field from one reader and show it to another.
 */
static int
http_field(struct http *h)
{
	char	*value, *end;

	if (h->line[0] == '\0')
		return (http_fields_end(h));
	if (h->line[0] == ' ' || h->line[0] == '\t' || (value = strchr(h->line, ':')) == NULL || value == h->line ||
	    value[-1] == ' ' || value[-1] == '\t')
		return (http_wrong(h, "a malformed header field in the response"));
	*value++ = '\0';
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	if (strcasecmp(h->line, "Content-Length") == 0)
		return (http_length(h, value));
	if (strcasecmp(h->line, "Transfer-Encoding") == 0) {
		if (h->chunked || strcasecmp(value, "chunked") != 0)
			return (http_wrong(h, "a transfer coding other than chunked"));
		h->chunked = 1;
	} else if (strcasecmp(h->line, "Content-Encoding") == 0 && strcasecmp(value, "identity") != 0)
		return (http_wrong(h, "the response is encoded, which was not asked for"));
	return (0);
}

static int
http_length(struct http *h, const char *value)
{
	const char	*error;
	size_t		 n;

	if (value[0] < '0' || value[0] > '9')
		return (http_wrong(h, "a malformed Content-Length"));
	n = (size_t)strtonum(value, 0, HTTP_BODY_MAX, &error);
	if (error != NULL)
		return (http_wrong(h, "the response is too long, or its Content-Length malformed"));
	if (h->has_length && n != h->left)
		return (http_wrong(h, "two different Content-Length"));
	h->has_length = 1;
	h->left = n;
	return (0);
}

static int
http_no_body(const struct http *h)
{
	return (h->status == 204 || h->status == 304 || (!h->chunked && h->has_length && h->left == 0));
}

static int
http_fields_end(struct http *h)
{
	if (h->chunked && h->has_length)
		return (http_wrong(h, "both Content-Length and Transfer-Encoding"));
	if (h->status < 200)
		h->state = HTTP_STATUS;
	else if (http_no_body(h))
		h->state = HTTP_DONE;
	else if (h->chunked)
		h->state = HTTP_CHUNK_SIZE;
	else
		h->state = h->has_length ? HTTP_LENGTH : HTTP_CLOSE;
	return (0);
}

/* The line ahead of a chunk, hexadecimal digits and perhaps an extension; or the empty line behind a chunk. */
static int
http_chunk_size(struct http *h)
{
	const char	*p = h->line;
	size_t		 n = 0, digits = strspn(p, "0123456789abcdefABCDEF");

	if (h->state == HTTP_CHUNK_END) {
		if (p[0] != '\0')
			return (http_wrong(h, "a chunk is longer than it says"));
		h->state = HTTP_CHUNK_SIZE;
		return (0);
	}
	if (digits == 0 || (p[digits] != '\0' && strchr("; \t", p[digits]) == NULL))
		return (http_wrong(h, "a malformed chunk size"));
	for (; digits > 0; p++, digits--) {
		n = n * 16 + (size_t)hex_digit(*p);
		if (n > HTTP_BODY_MAX)
			return (http_wrong(h, "the response is too long"));
	}
	h->left = n;
	h->state = n == 0 ? HTTP_TRAILER : HTTP_CHUNK;
	return (0);
}

static int
http_trailer(struct http *h)
{
	if (h->line[0] == '\0')
		h->state = HTTP_DONE;
	return (0);
}
