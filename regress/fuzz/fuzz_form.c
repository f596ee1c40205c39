/* SPDX-License-Identifier: ISC */
/* links: web/form.c web/html.c */
/*
 * What a browser sends as a form: names and values are UTF-8 without a NUL, each name is found, in order, and encoded again the form
 * is the same.  What is shown of it has no mark in it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/utf8.h"
#include "web/web.h"

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static size_t
encode(char *out, const char *s)
{
	char	*p = out;

	for (; *s != '\0'; s++) {
		*p++ = '%';
		hex_encode(p, s, 1);
		p += 2;
	}
	return ((size_t)(p - out));
}

static void
check(const struct form *f)
{
	size_t	 i;

	for (i = 0; i < f->n; i++) {
		if (!utf8_valid(f->v[i].name, strlen(f->v[i].name)) || !utf8_valid(f->v[i].value, strlen(f->v[i].value)))
			abort();
		if (i > 0 && strcmp(f->v[i - 1].name, f->v[i].name) > 0)
			abort();
		if ((i == 0 || strcmp(f->v[i - 1].name, f->v[i].name) != 0) && form_get(f, f->v[i].name) != f->v[i].value)
			abort();
	}
}

static void
shown(const char *s)
{
	struct answer	 a;

	memset(&a, 0, sizeof(a));
	buf_init(&a.body, 1000000);
	text(&a, s);
	if (a.full || buf_len(&a.body) < strlen(s) || memchr(buf_data(&a.body), '<', buf_len(&a.body)) != NULL ||
	    memchr(buf_data(&a.body), '>', buf_len(&a.body)) != NULL || memchr(buf_data(&a.body), '"', buf_len(&a.body)) != NULL ||
	    !utf8_valid(buf_data(&a.body), buf_len(&a.body)))
		abort();
	buf_free(&a.body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct form	 f, g;
	char		*again, *raw;
	size_t		 i, n = 0;

	if (len > 4096)
		return (0);
	if ((raw = calloc(1, len + 1)) == NULL || (again = malloc(3 * len + 4 * len + 16)) == NULL)
		abort();
	memcpy(raw, p, len);
	if (raw[0] != '\0')
		shown(raw);
	if (form_parse(&f, p, len) == 0) {
		check(&f);
		for (i = 0; i < f.n; i++) {
			n += encode(again + n, f.v[i].name);
			again[n++] = '=';
			n += encode(again + n, f.v[i].value);
			again[n++] = '&';
		}
		if (form_parse(&g, (uint8_t *)again, n) == -1 || g.n != f.n)
			abort();
		for (i = 0; i < f.n; i++)
			if (strcmp(f.v[i].name, g.v[i].name) != 0 || strcmp(f.v[i].value, g.v[i].value) != 0)
				abort();
		form_free(&g);
	} else if (f.n != 0 || f.v != NULL)
		abort();
	form_free(&f);
	free(again);
	free(raw);
	return (0);
}
