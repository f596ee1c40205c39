/* SPDX-License-Identifier: ISC */
/* What all pages have: a head, the navigation of those that are for whoever looks, an end. */
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "common/hmac.h"
#include "web.h"

#define SEAL_LEN	16		/* octets of the mark by which a sentence is known to be ours */

static void	 page_head(struct visit *, const char *);
static void	 page_navigation(struct visit *);
static int	 page_here(const struct visit *, const char *);
static void	 page_brought(struct visit *);
static void	 seal_make(const struct visit *, const char *, char hex[2 * SEAL_LEN + 1]);
static size_t	 url_encode(char *, size_t, const char *);

void
page_begin(struct visit *v, const char *title)
{
	struct answer	*a = &v->answer;

	page_head(v, title);
	put(a, "<body>\n<a class=\"skip\" href=\"#main\">To the content</a>\n<header class=\"top\"><p class=\"brand\">");
	text(a, v->me.host[0] == '\0' ? "Mail server" : v->me.host);
	put(a, "</p>\n");
	if (v->me.entry == WEB_ENTERED)
		page_navigation(v);
	put(a, "</header>\n<main id=\"main\">\n<h1>");
	text(a, title);
	put(a, "</h1>\n");
	if (v->me.entry == WEB_ENTERED)
		page_brought(v);
}

static void
page_head(struct visit *v, const char *title)
{
	struct answer	*a = &v->answer;

	put(a, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
	text(a, title);
	if (v->me.host[0] != '\0') {
		put(a, " - ");
		text(a, v->me.host);
	}
	put(a, "</title>\n<link rel=\"stylesheet\" href=\"");
	put_path(a, &v->req, "/style.css");
	put(a, "\">\n</head>\n");
}

/* The pages that whoever looks may see, and the way out. */
static void
page_navigation(struct visit *v)
{
	const struct page	*p;
	struct answer		*a = &v->answer;

	put(a, "<nav aria-label=\"Pages\"><ul>\n");
	for (p = v->pages; p < v->pages + v->npages; p++) {
		if (p->title == NULL || (p->rights != 0 && (p->rights & v->me.rights) == 0))
			continue;
		put(a, "<li><a href=\"");
		put_path(a, &v->req, p->path);
		put(a, page_here(v, p->path) ? "\" aria-current=\"page\">" : "\">");
		text(a, p->title);
		put(a, "</a></li>\n");
	}
	put(a, "</ul></nav>\n<div class=\"leave\"><span>");
	text(a, v->me.account);
	put(a, "</span>");
	page_form(v, "/logout");
	put(a, "<button class=\"second\">Log out</button></form></div>\n");
}

/* Whether the page that is looked at is this one, or one below it. */
static int
page_here(const struct visit *v, const char *path)
{
	size_t	 n = strlen(path);

	return (strncmp(v->req.path, path, n) == 0 && (v->req.path[n] == '\0' || v->req.path[n] == '/'));
}

void
page_end(struct visit *v)
{
	put(&v->answer, "</main>\n</body>\n</html>\n");
}

void
page_form(struct visit *v, const char *path)
{
	char	 hex[2 * PROTO_TOKEN_LEN + 1];

	hex_encode(hex, v->me.form, sizeof(v->me.form));
	hex[sizeof(hex) - 1] = '\0';
	put(&v->answer, "<form method=\"post\" action=\"");
	put_path(&v->answer, &v->req, path);
	put(&v->answer, "\"><input type=\"hidden\" name=\"form\" value=\"");
	put(&v->answer, hex);
	put(&v->answer, "\">");
}

void
page_note(struct visit *v, const char *kind, const char *what)
{
	put(&v->answer, "<p class=\"note ");
	text(&v->answer, kind);
	put(&v->answer, strcmp(kind, "bad") == 0 ? "\" role=\"alert\">" : "\" role=\"status\">");
	text(&v->answer, what);
	put(&v->answer, "</p>\n");
}

void
page_error(struct visit *v, int status, const char *what)
{
	answer_begin(&v->answer);
	v->answer.status = status;
	page_begin(v, "That did not work");
	page_note(v, "bad", what);
	put(&v->answer, "<p><a href=\"");
	put_path(&v->answer, &v->req, "/");
	put(&v->answer, "\">To the start</a></p>\n");
	page_end(v);
}

/*
 * The page that a redirection leads to says what was done.  The sentence is in its address, with a mark that only this session's
 * pages can make, so that nobody can have us say something by a link.
 */
void
page_said(struct visit *v)
{
	struct answer	*a = &v->answer;
	char		 said[3 * sizeof(v->said)], seal[2 * SEAL_LEN + 1], all[sizeof(a->location)];

	if (a->status != 303 || v->said[0] == '\0' || v->me.entry != WEB_ENTERED)
		return;
	seal_make(v, v->said, seal);
	if (url_encode(said, sizeof(said), v->said) >= sizeof(said) || (size_t)snprintf(all, sizeof(all), "%s%csaid=%s&seal=%s",
	    a->location, strchr(a->location, '?') == NULL ? '?' : '&', said, seal) >= sizeof(all))
		return;
	strlcpy(a->location, all, sizeof(a->location));
}

static void
page_brought(struct visit *v)
{
	const char	*said = form_get(&v->req.query, "said"), *seal = form_get(&v->req.query, "seal");
	char		 due[2 * SEAL_LEN + 1];

	if (said == NULL || seal == NULL || v->req.method != METHOD_GET)
		return;
	seal_make(v, said, due);
	if (strlen(seal) == sizeof(due) - 1 && hmac_same(seal, due, sizeof(due) - 1))
		page_note(v, "good", said);
}

static void
seal_make(const struct visit *v, const char *said, char hex[2 * SEAL_LEN + 1])
{
	uint8_t	 mac[HMAC_LEN];

	hmac_sha256(v->me.form, sizeof(v->me.form), said, strlen(said), mac);
	hex_encode(hex, mac, SEAL_LEN);
	hex[2 * SEAL_LEN] = '\0';
}

/* Encodes text for an address.  Octets that it takes; size or more: it did not fit. */
static size_t
url_encode(char *dst, size_t size, const char *src)
{
	static const char	 plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
	size_t			 n = 0;

	for (; *src != '\0' && n + 4 <= size; src++) {
		if (strchr(plain, *src) != NULL) {
			dst[n++] = *src;
			continue;
		}
		dst[n++] = '%';
		hex_encode(dst + n, src, 1);
		n += 2;
	}
	dst[n] = '\0';
	return (*src == '\0' ? n : size);
}
