/* SPDX-License-Identifier: ISC */
/* Names and values as a browser sends them: application/x-www-form-urlencoded, in UTF-8, without a NUL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/utf8.h"
#include "web.h"

#define NAME_SIZE	64		/* of a row's field, with the number */

static size_t	 form_count(const uint8_t *, size_t);
static int	 form_decode(char **, const uint8_t *, size_t);
static int	 field_cmp(const void *, const void *);

/*
 * What is decoded is never longer than what it came of, so that one piece of memory has all of it: where "=" and "&" were, there
 * are the NULs.  A name without "=" has its own NUL for a value.
 */
int
form_parse(struct form *f, const uint8_t *p, size_t len)
{
	const uint8_t	*end = p + len, *amp, *eq;
	size_t		 n = form_count(p, len);
	char		*at;

	memset(f, 0, sizeof(*f));
	if (n == 0)
		return (0);
	if (n > FIELDS_MAX || (f->v = calloc(n, sizeof(*f->v))) == NULL)
		return (-1);
	f->len = len + 1;
	if ((at = f->octets = calloc(1, f->len)) == NULL)
		goto fail;
	for (; p < end; p = amp + 1) {
		if ((amp = memchr(p, '&', (size_t)(end - p))) == NULL)
			amp = end;
		if (amp == p)
			continue;
		if ((eq = memchr(p, '=', (size_t)(amp - p))) == NULL)
			eq = amp;
		f->v[f->n].name = at;
		if (form_decode(&at, p, (size_t)(eq - p)) == -1)
			goto fail;
		f->v[f->n].value = eq == amp ? at - 1 : at;
		if (eq != amp && form_decode(&at, eq + 1, (size_t)(amp - eq - 1)) == -1)
			goto fail;
		f->n++;
	}
	if (heapsort(f->v, f->n, sizeof(*f->v), field_cmp) == 0)
		return (0);
fail:
	form_free(f);
	return (-1);
}

static size_t
form_count(const uint8_t *p, size_t len)
{
	size_t	 i, n = 0;

	for (i = 0; i < len; i++)
		n += p[i] != '&' && (i == 0 || p[i - 1] == '&');
	return (n);
}

/* Decodes these octets to *at, a NUL behind them, and moves *at behind that.  0, or -1: they cannot be meant so. */
static int
form_decode(char **at, const uint8_t *p, size_t len)
{
	const uint8_t	*end = p + len;
	char		*q = *at;

	for (; p < end; p++, q++) {
		if (*p == '+')
			*q = ' ';
		else if (*p != '%')
			*q = (char)*p;
		else {
			if (end - p < 3 || hex_digit(p[1]) == -1 || hex_digit(p[2]) == -1)
				return (-1);
			*q = (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
			p += 2;
		}
		if (*q == '\0')
			return (-1);
	}
	if (!utf8_valid(*at, (size_t)(q - *at)))
		return (-1);
	*q++ = '\0';
	*at = q;
	return (0);
}

/* By name; what has the same one stays as it came. */
static int
field_cmp(const void *a, const void *b)
{
	const struct field	*x = a, *y = b;
	int			 rv = strcmp(x->name, y->name);

	return (rv != 0 ? rv : (x->name > y->name) - (x->name < y->name));
}

const char *
form_get(const struct form *f, const char *name)
{
	size_t	 low = 0, high = f->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (strcmp(f->v[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (low < f->n && strcmp(f->v[low].name, name) == 0 ? f->v[low].value : NULL);
}

const char *
form_row(const struct form *f, size_t row, const char *name)
{
	char	 full[NAME_SIZE];
	int	 n = snprintf(full, sizeof(full), "%s.%zu", name, row);

	return (n < 0 || (size_t)n >= sizeof(full) ? NULL : form_get(f, full));
}

void
form_free(struct form *f)
{
	freezero(f->octets, f->len);
	freezero(f->v, f->n * sizeof(*f->v));
	memset(f, 0, sizeof(*f));
}
