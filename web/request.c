/* SPDX-License-Identifier: ISC */
/*
 * What a request asks for, from the parameters that the web server has made of it.  A status of HTTP says what is wrong with one;
 * the request is as far as it was understood then, and is free of what was not.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/hex.h"
#include "web.h"

#define URI_SIZE	8192
#define COOKIES_SIZE	16384

static int	 read_method(struct request *, const struct fcgi *);
static int	 read_path(struct request *, const struct fcgi *);
static size_t	 path_base(const struct fcgi *, const char *);
static int	 path_plain(const char *);
static void	 read_https(struct request *, const struct fcgi *);
static void	 read_cross(struct request *, const struct fcgi *);
static void	 read_cookie(struct request *, const struct fcgi *);
static int	 read_body(struct request *, const struct fcgi *);
static int	 type_form(const char *);

int
request_read(struct request *r, const struct fcgi *f)
{
	char	 buf[URI_SIZE];
	int	 status, found;

	memset(r, 0, sizeof(*r));
	if ((status = read_method(r, f)) != 0 || (status = read_path(r, f)) != 0)
		return (status);
	read_https(r, f);
	read_cross(r, f);
	read_cookie(r, f);
	if (fcgi_param(f, "REMOTE_ADDR", r->client, sizeof(r->client)) == NULL || !proto_client(r->client, sizeof(r->client)))
		memset(r->client, 0, sizeof(r->client));
	if (f->over != 0)
		return (f->over);
	found = fcgi_param(f, "QUERY_STRING", buf, sizeof(buf)) != NULL;
	if (found && form_parse(&r->query, (const uint8_t *)buf, strlen(buf)) == -1)
		return (400);
	return (r->method == METHOD_POST ? read_body(r, f) : 0);
}

static int
read_method(struct request *r, const struct fcgi *f)
{
	char	 buf[16];

	r->method = METHOD_OTHER;
	if (f->over == 431)
		return (431);
	if (fcgi_param(f, "REQUEST_METHOD", buf, sizeof(buf)) == NULL)
		return (400);
	r->head = strcmp(buf, "HEAD") == 0;
	if (r->head || strcmp(buf, "GET") == 0)
		r->method = METHOD_GET;
	else if (strcmp(buf, "POST") == 0)
		r->method = METHOD_POST;
	return (0);
}

/* Base and path.  No page of ours has a name with anything in it that would have to be encoded. */
static int
read_path(struct request *r, const struct fcgi *f)
{
	char	 uri[URI_SIZE];
	size_t	 base;

	if (fcgi_param(f, "REQUEST_URI", uri, sizeof(uri)) == NULL)
		return (400);
	uri[strcspn(uri, "?#")] = '\0';
	if (!path_plain(uri))
		return (404);
	if ((base = path_base(f, uri)) >= sizeof(r->base))
		return (404);
	memcpy(r->base, uri, base);
	return (strlcpy(r->path, uri[base] == '\0' ? "/" : uri + base, sizeof(r->path)) < sizeof(r->path) ? 0 : 404);
}

/*
 * How many octets of a path are where the pages are: RPOPD_BASE if the web server is made to say it; else SCRIPT_NAME, where
 * PATH_INFO is all the rest; else none.
 */
static size_t
path_base(const struct fcgi *f, const char *uri)
{
	char	 name[URI_SIZE], info[URI_SIZE];
	size_t	 n;

	if (fcgi_param(f, "RPOPD_BASE", name, sizeof(name)) == NULL) {
		if (fcgi_param(f, "SCRIPT_NAME", name, sizeof(name)) == NULL ||
		    fcgi_param(f, "PATH_INFO", info, sizeof(info)) == NULL || info[0] != '/' ||
		    strncmp(uri, name, strlen(name)) != 0 || strcmp(uri + strlen(name), info) != 0)
			return (0);
	}
	for (n = strlen(name); n > 0 && name[n - 1] == '/'; n--)
		continue;
	return (strncmp(uri, name, n) == 0 && (uri[n] == '/' || uri[n] == '\0') ? n : 0);
}

/* Whether it is a path, without a segment that is empty or leads elsewhere. */
static int
path_plain(const char *p)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~./";

	return (p[0] == '/' && p[strspn(p, plain)] == '\0' && strstr(p, "//") == NULL && strstr(p, "/.") == NULL);
}

static void
read_https(struct request *r, const struct fcgi *f)
{
	char	 buf[16];

	if (fcgi_param(f, "HTTPS", buf, sizeof(buf)) != NULL && (strcasecmp(buf, "on") == 0 || strcmp(buf, "1") == 0))
		r->https = 1;
	if (fcgi_param(f, "REQUEST_SCHEME", buf, sizeof(buf)) != NULL && strcasecmp(buf, "https") == 0)
		r->https = 1;
}

/*
 * Sec-Fetch-Site is the browser's own word.  One that does not have it sends Origin, which is "null" for forms of pages that send
 * no referrer, as ours do, and says nothing then.
 */
static void
read_cross(struct request *r, const struct fcgi *f)
{
	char		 origin[512], host[512];
	const char	*name;

	if (fcgi_param(f, "HTTP_SEC_FETCH_SITE", origin, sizeof(origin)) != NULL && origin[0] != '\0') {
		r->cross = strcmp(origin, "same-origin") != 0 && strcmp(origin, "none") != 0;
		return;
	}
	if (fcgi_param(f, "HTTP_ORIGIN", origin, sizeof(origin)) == NULL || origin[0] == '\0' || strcmp(origin, "null") == 0)
		return;
	name = strstr(origin, "://");
	r->cross = name == NULL || fcgi_param(f, "HTTP_HOST", host, sizeof(host)) == NULL || strcasecmp(name + 3, host) != 0;
}

/* The first cookie of our name counts. */
static void
read_cookie(struct request *r, const struct fcgi *f)
{
	char		 cookies[COOKIES_SIZE];
	const char	*p;
	size_t		 n, namelen = sizeof(COOKIE_NAME) - 1;

	if (fcgi_param(f, "HTTP_COOKIE", cookies, sizeof(cookies)) == NULL)
		return;
	for (p = cookies; *p != '\0'; p += n + (p[n] == ';')) {
		p += strspn(p, " \t");
		n = strcspn(p, ";");
		if (n <= namelen || memcmp(p, COOKIE_NAME, namelen) != 0 || p[namelen] != '=')
			continue;
		r->tokens = n == namelen + 1 + 2 * sizeof(r->token) && hex_decode(r->token, sizeof(r->token), p + namelen + 1) == 0;
		if (!r->tokens)
			memset(r->token, 0, sizeof(r->token));
		break;
	}
	explicit_bzero(cookies, sizeof(cookies));
}

/* What a form brought: it has the length that the browser said, and is of the only kind that our forms are. */
static int
read_body(struct request *r, const struct fcgi *f)
{
	char		 buf[256];
	const char	*wrong;
	long long	 due;

	if (fcgi_param(f, "CONTENT_LENGTH", buf, sizeof(buf)) != NULL && buf[0] != '\0') {
		due = strtonum(buf, 0, BODY_MAX, &wrong);
		if (wrong != NULL || (size_t)due != buf_len(&f->body))
			return (400);
	}
	if (fcgi_param(f, "CONTENT_TYPE", buf, sizeof(buf)) == NULL || !type_form(buf))
		return (415);
	if (buf_len(&f->body) > 0 && form_parse(&r->form, f->body.base + f->body.off, buf_len(&f->body)) == -1)
		return (400);
	return (0);
}

static int
type_form(const char *type)
{
	static const char	 form[] = "application/x-www-form-urlencoded";
	size_t			 n = sizeof(form) - 1;

	return (strncasecmp(type, form, n) == 0 && strchr("; \t", type[n]) != NULL);
}
