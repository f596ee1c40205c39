/* SPDX-License-Identifier: ISC */
/*
 * The cache of an account of fdm(1), which is one account's alone: lines of the length of a unique-id, a space and the unique-id.
 * The length counts, not the end of the line.  The record has the name of its cache as its label.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto.h"
#include "fdm_int.h"

#define DIGITS_MAX	9

static int	 alike(const char *, const char *);
static int	 seen_best(struct import *, const char *, int *);
static int	 seen_uid(struct import *, const char *, int, const char **, const char *, unsigned int *);
static int	 belongs(const struct import *, const struct import_record *, const char *, int);
static int	 space(int);

int
fdm_seen(struct import *imp, const char *path, const char *octets, size_t len)
{
	const char	*p, *end;
	unsigned int	 line = 1;
	int		 best;

	if ((p = field_octets(imp, octets, len)) == NULL)
		return (-1);
	end = p + len;
	if (imp->nrecords == 0)
		return (0);
	if (seen_best(imp, path, &best) == -1)
		return (-1);
	for (;;) {
		for (; p < end && space(*p); p++)
			line += *p == '\n';
		if (p == end)
			return (0);
		if (seen_uid(imp, path, best, &p, end, &line) == -1)
			return (-1);
	}
}

/* How well the name of the file fits to what the accounts say; there must be one that it fits best. */
static int
seen_best(struct import *imp, const char *path, int *best)
{
	const struct import_record	*r, *first = NULL;
	size_t				 i;
	int				 n;

	*best = 0;
	if (imp->nrecords == 1)
		return (0);
	for (i = 0; i < imp->nrecords; i++) {
		r = &imp->records[i];
		if (r->label == NULL || (n = alike(path, r->label)) < *best || n == 0)
			continue;
		if (n == *best && strcmp(first->label, r->label) != 0)
			return (import_fail(imp, 0, "the file may be that of the account in line %u and of the one in line %u; give it the name that "
			    "it has there, %s or %s", first->line, r->line, first->label, r->label));
		*best = n;
		first = r;
	}
	return (*best > 0 ? 0 : import_fail(imp, 0, "no account has a cache with the name of this file"));
}

/* The number of names, from the end of both paths on, that are the same. */
static int
alike(const char *a, const char *b)
{
	size_t	 i = strlen(a), k = strlen(b);
	int	 n = 0;

	for (; i > 0 && k > 0 && a[i - 1] == b[k - 1]; i--, k--)
		n += a[i - 1] == '/';
	if ((i == 0 || a[i - 1] == '/') && (k == 0 || b[k - 1] == '/') && (i == 0 || k == 0 || a[i - 1] == b[k - 1]))
		n++;
	return (n);
}

static int
belongs(const struct import *imp, const struct import_record *r, const char *path, int best)
{
	return (imp->nrecords == 1 || (r->label != NULL && alike(path, r->label) == best));
}

static int
seen_uid(struct import *imp, const char *path, int best, const char **p, const char *end, unsigned int *line)
{
	char	 digits[DIGITS_MAX + 1];
	size_t	 n, len, i;

	for (n = 0; *p < end && **p >= '0' && **p <= '9' && n < DIGITS_MAX; n++)
		digits[n] = *(*p)++;
	digits[n] = '\0';
	len = (size_t)strtonum(digits, 0, PROTO_UID_MAX, NULL);
	if (len == 0 || *p == end || !space(**p))
		return (import_fail(imp, *line, "a line is the length of a unique-id, 1 to %d, a space and the unique-id", PROTO_UID_MAX));
	while (*p < end && space(**p))
		*line += *(*p)++ == '\n';
	if ((size_t)(end - *p) < len)
		return (import_fail(imp, *line, "the file ends in the middle of a unique-id"));
	for (i = 0; i < imp->nrecords; i++)
		if (belongs(imp, &imp->records[i], path, best))
			import_seen(&imp->records[i], *p, len);
	*p += len;
	return (0);
}

static int
space(int c)
{
	return (c == ' ' || (c >= 0x09 && c <= 0x0d));
}
