/* SPDX-License-Identifier: ISC */
/* Pieces of pages.  What is foreign cannot be anything but text: what could begin or end something else is escaped. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/utf8.h"
#include "web.h"

static void	 add(struct answer *, const void *, size_t);
static const char	*entity(const char *, size_t);

static void
add(struct answer *a, const void *data, size_t len)
{
	if (buf_add(&a->body, data, len) == -1)
		a->full = 1;
}

void
put(struct answer *a, const char *literal)
{
	add(a, literal, strlen(literal));
}

void
putf(struct answer *a, const char *fmt, ...)
{
	va_list	 ap;
	char	 buf[1024];
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		a->full = 1;
	else
		add(a, buf, (size_t)n);
}

void
text(struct answer *a, const char *s)
{
	text_len(a, s, strlen(s));
}

void
text_len(struct answer *a, const char *s, size_t len)
{
	const char	*other;
	size_t		 i, n, plain = 0;

	for (i = 0; i < len; i += n) {
		n = utf8_length(s + i, len - i);
		other = entity(s + i, n);
		n = n == 0 ? 1 : n;
		if (other == NULL)
			continue;
		add(a, s + plain, i - plain);
		put(a, other);
		plain = i + n;
	}
	add(a, s + plain, len - plain);
}

/*
 * What is put in the place of a character of n octets; NULL: itself.  What is no UTF-8, n 0, and control characters but tabs and
 * ends of lines are shown as the character that stands for such things.
 */
static const char *
entity(const char *s, size_t n)
{
	static const struct { char c; const char *name; }	 entities[] = {
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" }, { '\t', NULL },
		{ '\n', NULL }, { '\r', NULL }
	};
	unsigned char	 c = (unsigned char)s[0];
	size_t		 i;

	for (i = 0; n == 1 && i < nitems(entities); i++)
		if (entities[i].c == s[0])
			return (entities[i].name);
	return (n == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[1] < 0xa0) ? "\xef\xbf\xbd" : NULL);
}

void
text_time(struct answer *a, int64_t epoch)
{
	time_t		 t = (time_t)epoch;
	struct tm	 utc, local;
	char		 exact[32], shown[32];

	if (epoch <= 0 || gmtime_r(&t, &utc) == NULL || localtime_r(&t, &local) == NULL ||
	    strftime(exact, sizeof(exact), "%Y-%m-%dT%H:%M:%SZ", &utc) == 0 ||
	    strftime(shown, sizeof(shown), "%Y-%m-%d %H:%M", &local) == 0) {
		put(a, "never");
		return;
	}
	put(a, "<time datetime=\"");
	text(a, exact);
	put(a, "\">");
	text(a, shown);
	put(a, "</time>");
}

void
put_path(struct answer *a, const struct request *r, const char *path)
{
	text(a, r->base);
	text(a, path);
}
