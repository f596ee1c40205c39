/* SPDX-License-Identifier: ISC */
/* links: web/fcgi.c web/request.c web/form.c */
/*
 * What a web server sends: records in pieces are the same as in one piece, no stream is longer than it may be, and whatever the
 * parameters are, the request that is read of them keeps its promises.  Input: size of a piece, then the octets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/web.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
take(struct fcgi *f, const uint8_t *p, size_t len, size_t piece)
{
	size_t	 n;

	memset(f, 0, sizeof(*f));
	for (; len > 0; p += n, len -= n) {
		n = len < piece ? len : piece;
		if (fcgi_take(f, p, n) == -1)
			return (-1);
		if (buf_len(&f->params) > PARAMS_MAX || buf_len(&f->body) > BODY_MAX || (f->whole && !f->body_due) || (f->body_due && !f->begun))
			abort();
	}
	return (0);
}

static int
same(struct buf *a, struct buf *b)
{
	return (buf_len(a) == buf_len(b) && (buf_len(a) == 0 || memcmp(buf_data(a), buf_data(b), buf_len(a)) == 0));
}

/* A path is one of ours or none, and nothing in a request that is taken can be anything but what it is for. */
static void
look(const struct request *r, int status)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~./";

	if (!proto_client(r->client, sizeof(r->client)) || (r->head && r->method != METHOD_GET) || r->tokens < 0 || r->tokens > 1)
		abort();
	if (status != 0) {
		if (status < 400 || status > 431)
			abort();
		return;
	}
	if (r->path[0] != '/' || (r->base[0] != '\0' && (r->base[0] != '/' || r->base[strlen(r->base) - 1] == '/')))
		abort();
	if (r->path[strspn(r->path, plain)] != '\0' || r->base[strspn(r->base, plain)] != '\0' || strstr(r->path, "//") != NULL)
		abort();
	if (r->method != METHOD_POST && r->form.n != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct request	 r;
	struct fcgi		 whole, pieces;
	char			 buf[64];
	int			 status;

	if (len < 1)
		return (0);
	if (take(&whole, p + 1, len - 1, SIZE_MAX) != take(&pieces, p + 1, len - 1, (size_t)p[0] + 1) || whole.whole != pieces.whole ||
	    whole.ended != pieces.ended || whole.over != pieces.over || whole.id != pieces.id || !same(&whole.params, &pieces.params) ||
	    !same(&whole.body, &pieces.body) || !same(&whole.out, &pieces.out))
		abort();
	if (whole.whole) {
		status = request_read(&r, &whole);
		look(&r, status);
		form_free(&r.query);
		form_free(&r.form);
	}
	if (fcgi_param(&whole, "HTTP_HOST", buf, sizeof(buf)) != NULL && strlen(buf) >= sizeof(buf))
		abort();
	fcgi_free(&whole);
	fcgi_free(&pieces);
	return (0);
}
