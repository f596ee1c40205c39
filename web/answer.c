/* SPDX-License-Identifier: ISC */
/* What goes back: a status, header fields that are the same for every page, and the page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web.h"

#define ANSWER_MAX	16777216	/* octets of a page: 1,000 records take four million */
#define HEAD_SIZE	4096

static const char	*answer_reason(int);
static int		 answer_head(const struct answer *, char *, size_t);

static const struct { int status; const char *reason; }	 reasons[] = {
	{ 200, "OK" }, { 303, "See Other" }, { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
	{ 405, "Method Not Allowed" }, { 409, "Conflict" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
	{ 501, "Not Implemented" }, { 503, "Service Unavailable" }
};

void
answer_begin(struct answer *a)
{
	buf_free(&a->body);
	memset(a, 0, sizeof(*a));
	a->status = 200;
	a->type = "text/html; charset=utf-8";
	buf_init(&a->body, ANSWER_MAX);
}

void
answer_see(struct answer *a, const struct request *r, const char *path)
{
	buf_free(&a->body);
	buf_init(&a->body, ANSWER_MAX);
	a->status = 303;
	if ((size_t)snprintf(a->location, sizeof(a->location), "%s%s", r->base, path) >= sizeof(a->location))
		a->full = 1;
}

/* The web server gets all of it, or the connection ends and it says so by itself. */
void
answer_send(struct answer *a, const struct request *r, int fd, uint16_t id)
{
	static const char	 sorry[] = "This page cannot be made: there is too much to show, or no memory.\n";
	struct buf		 whole;
	char			 head[HEAD_SIZE];
	int			 n;

	if (a->full) {
		buf_free(&a->body);
		buf_init(&a->body, ANSWER_MAX);
		a->status = 500;
		a->type = "text/plain; charset=utf-8";
		a->location[0] = '\0';
		(void)buf_add(&a->body, sorry, sizeof(sorry) - 1);
	}
	n = answer_head(a, head, sizeof(head));
	buf_init(&whole, HEAD_SIZE + ANSWER_MAX);
	if (n > 0 && buf_add(&whole, head, (size_t)n) == 0 &&
	    (r->head || buf_len(&a->body) == 0 || buf_add(&whole, buf_data(&a->body), buf_len(&a->body)) == 0))
		(void)fcgi_write(fd, id, buf_data(&whole), buf_len(&whole));
	buf_free(&whole);
	explicit_bzero(head, sizeof(head));
}

/* All header fields.  Octets, or -1: they do not fit. */
static int
answer_head(const struct answer *a, char *head, size_t size)
{
	int	 n;

	n = snprintf(head, size, "Status: %d %s\r\n"
	    "Content-Type: %s\r\n"
	    "Content-Length: %zu\r\n"
	    "Content-Security-Policy: default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
	    "base-uri 'none'\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Referrer-Policy: no-referrer\r\n"
	    "Cache-Control: %s\r\n"
	    "%s%s%s%s%s%s%s\r\n", a->status, answer_reason(a->status), a->type, buf_len(&a->body),
	    a->kept ? "public, max-age=3600" : "no-store",
	    a->location[0] != '\0' ? "Location: " : "", a->location, a->location[0] != '\0' ? "\r\n" : "",
	    a->cookie[0] != '\0' ? "Set-Cookie: " : "", a->cookie, a->cookie[0] != '\0' ? "\r\n" : "",
	    a->status == 405 ? "Allow: GET, HEAD, POST\r\n" : "");
	return (n < 0 || (size_t)n >= size ? -1 : n);
}

static const char *
answer_reason(int status)
{
	size_t	 i;

	for (i = 0; i < nitems(reasons); i++)
		if (reasons[i].status == status)
			return (reasons[i].reason);
	return ("Other");
}
