/* SPDX-License-Identifier: ISC */
/*
 * CommuniGate's dictionaries.  A bare word is letters, digits, and on the way in also what addresses and host names consist of.  In
 * quotes \" and \\ are these octets, \t, \r and \n what they are in C, \e is a line end, and three decimal digits are an octet's
 * number.  Arrays (a,b), data [base64], and what begins with #, are read over.
 */
#include <ctype.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "dictionary.h"

#define DEPTH_MAX	16		/* tables, and arrays, in each other */

#define WORD		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define WORD_TOO	"._@-"		/* in words, too, as they are read */

struct reader {				/* a text that is being read */
	struct import	*imp;
	const char	*at, *end;
	unsigned int	 line;
};

static int	 value_read(struct reader *, struct dictionary *, int);
static int	 table_read(struct reader *, struct dictionary *, int);
static int	 entry_read(struct reader *, struct dictionary_entry *, int);
static int	 keys_check(struct reader *, const struct dictionary *);
static int	 key_order(const void *, const void *);
static int	 array_read(struct reader *, int);
static int	 other_read(struct reader *);
static int	 string_read(struct reader *, char **, size_t *);
static int	 quoted_read(struct reader *, char *, size_t *);
static int	 escape_read(struct reader *);
static int	 next(struct reader *);
static int	 wants(struct reader *, char, const char *);

int
dictionary_parse(struct import *imp, const char *text, size_t len, struct dictionary *d)
{
	struct reader	 r = { imp, text, text + len, 1 };

	memset(d, 0, sizeof(*d));
	if (next(&r) != '{')
		return (import_fail(imp, r.line, "a dictionary begins with {, and this does not"));
	if (value_read(&r, d, 0) == -1)
		return (-1);
	if (next(&r) != -1)
		return (import_fail(imp, r.line, "the dictionary is at its end, and more follows"));
	return (0);
}

void
dictionary_free(struct dictionary *d)
{
	size_t	 i;

	for (i = 0; i < d->n; i++) {
		freezero(d->entries[i].key, d->entries[i].keylen);
		dictionary_free(&d->entries[i].value);
	}
	free(d->entries);
	freezero(d->octets, d->len);
	memset(d, 0, sizeof(*d));
}

/* Keys are compared without regard to case: CommuniGate writes them in one way only. */
const struct dictionary *
dictionary_get(const struct dictionary *d, const char *key)
{
	size_t	 i;

	for (i = 0; i < d->n; i++)
		if (strcasecmp(d->entries[i].key, key) == 0)
			return (&d->entries[i].value);
	return (NULL);
}

void
dictionary_write(FILE *fp, const char *octets, size_t len)
{
	size_t		 i;
	unsigned char	 c;

	for (i = 0; i < len && memchr(WORD, octets[i], sizeof(WORD) - 1) != NULL; i++)
		continue;
	if (i == len && len > 0) {
		fwrite(octets, 1, len, fp);
		return;
	}
	putc('"', fp);
	for (i = 0; i < len; i++) {
		c = (unsigned char)octets[i];
		if (c == '"' || c == '\\')
			fprintf(fp, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(fp, "\\%03u", c);
		else if (c == 0xc2 && i + 1 < len && ((unsigned char)octets[i + 1] & 0xe0) == 0x80)
			/* C1 in UTF-8, which a terminal might obey. */
			fprintf(fp, "\\%03u\\%03u", c, (unsigned char)octets[++i]);
		else
			putc(c, fp);
	}
	putc('"', fp);
}

/* What stands at the place where a value is due.  0, or -1 with an error. */
static int
value_read(struct reader *r, struct dictionary *d, int depth)
{
	int	 c = next(r);

	d->line = r->line;
	if (depth > DEPTH_MAX)
		return (import_fail(r->imp, r->line, "more than %d dictionaries or arrays are in each other here", DEPTH_MAX));
	switch (c) {
	case '{':
		d->kind = DICTIONARY_TABLE;
		return (table_read(r, d, depth));
	case '(':
		d->kind = DICTIONARY_OTHER;
		return (array_read(r, depth));
	case '[':
	case '#':
		d->kind = DICTIONARY_OTHER;
		return (other_read(r));
	default:
		d->kind = DICTIONARY_STRING;
		return (string_read(r, &d->octets, &d->len));
	}
}

/* {key=value; ...}; the semicolon behind the last one may be missing. */
static int
table_read(struct reader *r, struct dictionary *d, int depth)
{
	struct dictionary_entry	*e;
	int			 c;

	r->at++;
	while ((c = next(r)) != '}') {
		if (c == -1)
			return (import_fail(r->imp, d->line, "the dictionary that begins here has no end: its } is missing"));
		if ((e = array_grow(d->entries, d->n, sizeof(*e))) == NULL)
			err(1, NULL);
		d->entries = e;
		e += d->n++;
		memset(e, 0, sizeof(*e));
		if (entry_read(r, e, depth) == -1)
			return (-1);
		if ((c = next(r)) != '}' && c != -1 && wants(r, ';', "behind a value") == -1)
			return (-1);
	}
	r->at++;
	return (keys_check(r, d));
}

/* One entry of a table. */
static int
entry_read(struct reader *r, struct dictionary_entry *e, int depth)
{
	e->line = r->line;
	if (string_read(r, &e->key, &e->keylen) == -1 || wants(r, '=', "behind a key") == -1)
		return (-1);
	return (value_read(r, &e->value, depth + 1));
}

/* Whether a key stands in a table twice. */
static int
keys_check(struct reader *r, const struct dictionary *d)
{
	const struct dictionary_entry	**sorted;
	size_t				  i;
	int				  rv = 0;

	if (d->n < 2)
		return (0);
	if ((sorted = calloc(d->n, sizeof(*sorted))) == NULL)
		err(1, NULL);
	for (i = 0; i < d->n; i++)
		sorted[i] = &d->entries[i];
	qsort(sorted, d->n, sizeof(*sorted), key_order);
	for (i = 1; i < d->n && rv == 0; i++)
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			rv = import_fail(r->imp, sorted[i]->line, "key %s is in this dictionary twice, in line %u too",
			    sorted[i]->key,
			    sorted[i - 1]->line);
	free(sorted);
	return (rv);
}

/* By key, equal ones as they stand. */
static int
key_order(const void *a, const void *b)
{
	const struct dictionary_entry	*x = *(const struct dictionary_entry *const *)a;
	const struct dictionary_entry	*y = *(const struct dictionary_entry *const *)b;
	int				 n = strcmp(x->key, y->key);

	return (n != 0 ? n : (x > y) - (x < y));
}

static int
array_read(struct reader *r, int depth)
{
	struct dictionary	 d = { .n = 0 };
	int			 c, bad;

	r->at++;
	while ((c = next(r)) != ')') {
		if (c == -1)
			return (import_fail(r->imp, r->line, "an array has no end: its ) is missing"));
		bad = value_read(r, &d, depth + 1) == -1;
		dictionary_free(&d);
		if (bad || (next(r) != ')' && wants(r, ',', "behind a value of an array") == -1))
			return (-1);
	}
	r->at++;
	return (0);
}

/* Data, a number, a time or an address: it ends with ], or where a word does. */
static int
other_read(struct reader *r)
{
	int	 data = *r->at == '[';

	for (r->at++; r->at < r->end && (data ? *r->at != ']' : strchr(";,)}", *r->at) == NULL || *r->at == '\0'); r->at++)
		r->line += *r->at == '\n';
	if (data && r->at == r->end)
		return (import_fail(r->imp, r->line, "data has no end: its ] is missing"));
	r->at += data;
	return (0);
}

/* A word, or a string in quotes.  The string is the caller's, also with an error. */
static int
string_read(struct reader *r, char **octets, size_t *len)
{
	const char	*begin;
	size_t		 most;
	int		 c = next(r);

	begin = r->at;
	if (c == '"') {
		for (most = 0; begin + 1 + most < r->end && begin[1 + most] != '"'; most++)
			most += begin[1 + most] == '\\' && begin + 2 + most < r->end;
	} else {
		while (r->at < r->end && *r->at != '\0' && strchr(WORD WORD_TOO, *r->at) != NULL)
			r->at++;
		most = (size_t)(r->at - begin);
	}
	if ((*octets = calloc(1, most + 1)) == NULL)
		err(1, NULL);
	*len = most;
	if (c == '"')
		return (quoted_read(r, *octets, len));
	if (most == 0)
		return (import_fail(r->imp, r->line, c == -1 ? "the text ends where a string is due" :
		    "a string is due here; what is not letters and digits alone stands in quotes"));
	memcpy(*octets, begin, most);
	return (0);
}

/* Into room for *len octets, which is as many as the text has at most. */
static int
quoted_read(struct reader *r, char *octets, size_t *len)
{
	unsigned int	 line = r->line;
	size_t		 n = 0, room = *len;
	int		 c;

	for (r->at++; r->at < r->end && *r->at != '"'; octets[n++] = (char)c) {
		r->line += *r->at == '\n';
		if ((c = *r->at++) == '\\' && (c = escape_read(r)) == -1)
			return (-1);
		if (c == '\0')
			return (import_fail(r->imp, r->line, "a string with an octet 0 can be nothing of a record"));
		if (n == room)
			break;			/* never: an escape is not shorter than what it stands for */
	}
	if (r->at == r->end)
		return (import_fail(r->imp, line, "the string that begins here has no end: its quote is missing"));
	r->at++;
	explicit_bzero(octets + n, room - n);
	*len = n;
	return (0);
}

/* What stands behind a backslash: the octet that it means, or -1 with an error. */
static int
escape_read(struct reader *r)
{
	int	 c = r->at < r->end ? (unsigned char)*r->at++ : -1, number;

	switch (c) {
	case '"':
	case '\\':
		return (c);
	case 'n':
	case 'e':
		return ('\n');
	case 'r':
		return ('\r');
	case 't':
		return ('\t');
	default:
		break;
	}
	if (c != -1 && isdigit(c) && r->end - r->at >= 2 && isdigit((unsigned char)r->at[0]) && isdigit((unsigned char)r->at[1]) &&
	    (number = (c - '0') * 100 + (r->at[0] - '0') * 10 + (r->at[1] - '0')) < 256) {
		r->at += 2;
		return (number);
	}
	return (import_fail(r->imp, r->line, "what stands behind this backslash is none of \\\" \\\\ \\n \\r \\t \\e, nor three "
	    "decimal "
	    "digits of at most 255"));
}

/* The next octet that is no white space, which stays where it is; -1: the text is at its end. */
static int
next(struct reader *r)
{
	for (; r->at < r->end && isspace((unsigned char)*r->at); r->at++)
		r->line += *r->at == '\n';
	return (r->at < r->end ? (unsigned char)*r->at : -1);
}

static int
wants(struct reader *r, char c, const char *where)
{
	if (next(r) != (unsigned char)c)
		return (import_fail(r->imp, r->line, "%c is missing %s", c, where));
	r->at++;
	return (0);
}
