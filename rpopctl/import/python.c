/* SPDX-License-Identifier: ISC */
/*
 * What eval() makes of literals, sums, differences and products of integers included:
 *
 *	list	sum, or sums with commas between them, which make a tuple
 *	sum	product { + product | - product }
 *	product	atom { * atom }
 *	atom	number, strings, None, True, False, - atom, + atom, ( list ), [ list ]
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hex.h"
#include "python.h"

#define DEPTH_MAX	20		/* of brackets */

struct reader {
	const char	*at;
	int		 brackets;	/* that are open: line ends are white space in them */
	int		 depth;
	int		 code;		/* a name was met */
};

static int	 list(struct reader *, struct python *, char);
static int	 sum(struct reader *, struct python *);
static int	 product(struct reader *, struct python *);
static int	 calculate(struct python *, char, struct python *);
static int	 atom(struct reader *, struct python *);
static int	 bracket(struct reader *, struct python *);
static int	 number(struct reader *, struct python *);
static int	 name(struct reader *, struct python *);
static int	 strings(struct reader *, struct python *);
static size_t	 prefix(const char *, int *);
static int	 string(struct reader *, struct python *, int);
static int	 escape(struct reader *, struct python *);
static int	 code_point(struct reader *, struct python *, int);
static void	 add(struct python *, const void *, size_t);
static char	 next(struct reader *);

enum python_result
python_read(struct python *v, const char *text)
{
	struct reader	 rd = { .at = text + strspn(text, " \t") };

	memset(v, 0, sizeof(*v));
	if (list(&rd, v, '\0') == 0 && next(&rd) == '\0')
		return (PYTHON_OK);
	return (rd.code ? PYTHON_CODE : PYTHON_BAD);
}

void
python_free(struct python *v)
{
	size_t	 i;

	for (i = 0; i < v->nitems; i++)
		python_free(&v->items[i]);
	free(v->items);
	freezero(v->string, v->size);
	memset(v, 0, sizeof(*v));
}

int
python_int(const char *s, int64_t *n)
{
	int	 negative;

	while (isspace((unsigned char)*s))
		s++;
	negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (!isdigit((unsigned char)*s))
		return (-1);
	for (*n = 0; isdigit((unsigned char)*s) || (*s == '_' && isdigit((unsigned char)s[1])); s++)
		if (*s != '_' && (__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, *s - '0', n)))
			*n = INT64_MAX / 10;		/* large anyway */
	while (isspace((unsigned char)*s))
		s++;
	if (negative)
		*n = -*n;
	return (*s == '\0' ? 0 : -1);
}

/* Up to that closing bracket, which is left there, or the end. */
static int
list(struct reader *rd, struct python *v, char close)
{
	struct python	 item, first = { .kind = PYTHON_NONE };

	if (next(rd) == close && close != '\0') {
		v->kind = PYTHON_TUPLE;
		return (0);
	}
	if (sum(rd, v) == -1)
		return (-1);
	if (next(rd) != ',')
		return (0);
	first = *v;
	memset(v, 0, sizeof(*v));
	v->kind = PYTHON_TUPLE;
	item = first;
	for (;;) {
		if ((v->items = array_grow(v->items, v->nitems, sizeof(item))) == NULL)
			err(1, NULL);
		v->items[v->nitems++] = item;
		if (next(rd) != ',')
			return (0);
		rd->at++;
		if (next(rd) == close)
			return (0);
		memset(&item, 0, sizeof(item));
		if (sum(rd, &item) == -1) {
			python_free(&item);
			return (-1);
		}
	}
}

static int
sum(struct reader *rd, struct python *v)
{
	struct python	 right;
	char		 op;
	int		 result;

	if (product(rd, v) == -1)
		return (-1);
	while ((op = next(rd)) == '+' || op == '-') {
		rd->at++;
		memset(&right, 0, sizeof(right));
		result = product(rd, &right) == -1 ? -1 : calculate(v, op, &right);
		python_free(&right);
		if (result == -1)
			return (-1);
	}
	return (0);
}

static int
product(struct reader *rd, struct python *v)
{
	struct python	 right;
	int		 result;

	if (atom(rd, v) == -1)
		return (-1);
	while (next(rd) == '*' && rd->at[1] != '*') {
		rd->at++;
		memset(&right, 0, sizeof(right));
		result = atom(rd, &right) == -1 ? -1 : calculate(v, '*', &right);
		python_free(&right);
		if (result == -1)
			return (-1);
	}
	return (0);
}

/* Of integers; two strings may be added, too. */
static int
calculate(struct python *v, char op, struct python *right)
{
	if (op == '+' && v->kind == PYTHON_STRING && right->kind == PYTHON_STRING) {
		add(v, right->string, right->len);
		return (0);
	}
	if (v->kind != PYTHON_NUMBER || right->kind != PYTHON_NUMBER)
		return (-1);
	if (op == '+')
		return (__builtin_add_overflow(v->number, right->number, &v->number) ? -1 : 0);
	if (op == '-')
		return (__builtin_sub_overflow(v->number, right->number, &v->number) ? -1 : 0);
	return (__builtin_mul_overflow(v->number, right->number, &v->number) ? -1 : 0);
}

static int
atom(struct reader *rd, struct python *v)
{
	char	 c = next(rd);
	int	 raw, result;

	if (c == '(' || c == '[')
		return (bracket(rd, v));
	if (c == '-' || c == '+') {
		rd->at++;
		if (++rd->depth > DEPTH_MAX)
			return (-1);
		result = atom(rd, v);
		rd->depth--;
		if (result == -1 || v->kind != PYTHON_NUMBER || v->number == INT64_MIN)
			return (-1);
		if (c == '-')
			v->number = -v->number;
		return (0);
	}
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)rd->at[1])))
		return (number(rd, v));
	if (c == '"' || c == '\'' || prefix(rd->at, &raw) > 0)
		return (strings(rd, v));
	if (isalpha((unsigned char)c) || c == '_' || (c & 0x80) != 0)
		return (name(rd, v));
	return (-1);
}

/* A list is no tuple, and nothing that getmail takes; what is in it is read all the same. */
static int
bracket(struct reader *rd, struct python *v)
{
	char	 close = *rd->at++ == '(' ? ')' : ']';
	int	 result;

	if (++rd->depth > DEPTH_MAX)
		return (-1);
	rd->brackets++;
	result = list(rd, v, close);
	if (result == 0 && next(rd) != close)
		result = -1;
	if (result == 0)
		rd->at++;
	rd->brackets--;
	rd->depth--;
	if (result == 0 && close == ']') {
		python_free(v);
		v->kind = PYTHON_NONE;
	}
	return (result);
}

static int
number(struct reader *rd, struct python *v)
{
	char		 digits[64], *end;
	size_t		 i, n = 0;
	int		 base = 10, real = 0;
	long long	 value;

	for (i = 0; isalnum((unsigned char)rd->at[i]) || rd->at[i] == '_' || rd->at[i] == '.'; i++) {
		if (rd->at[i] == '_' && !isalnum((unsigned char)rd->at[i + 1]))
			return (-1);
		if (rd->at[i] != '_' && n < sizeof(digits) - 1)
			digits[n++] = rd->at[i];
	}
	digits[n] = '\0';
	rd->at += i;
	v->kind = PYTHON_NUMBER;
	if (digits[0] == '0' && n > 2 && strchr("xXoObB", digits[1]) != NULL)
		base = strchr("xX", digits[1]) != NULL ? 16 : strchr("oO", digits[1]) != NULL ? 8 : 2;
	else
		real = strpbrk(digits, ".eE") != NULL;
	if (real) {
		double	 d = strtod(digits, &end);

		if (*end != '\0' || d > 1e15)
			return (-1);
		v->number = (int64_t)d;
		return (0);
	}
	if (base == 10 && digits[0] == '0' && strspn(digits, "0") != n)
		return (-1);			/* 0110 is no number */
	errno = 0;
	value = strtoll(digits + (base == 10 ? 0 : 2), &end, base);
	v->number = value;
	return (*end == '\0' && errno == 0 && n < sizeof(digits) - 1 ? 0 : -1);
}

static int
name(struct reader *rd, struct python *v)
{
	static const struct {
		const char		*name;
		enum python_kind	 kind;
		int64_t			 number;
	} known[] = { { "None", PYTHON_NONE, 0 }, { "True", PYTHON_NUMBER, 1 }, { "False", PYTHON_NUMBER, 0 } };
	size_t	 len = 0, i;

	while (isalnum((unsigned char)rd->at[len]) || rd->at[len] == '_' || (rd->at[len] & 0x80) != 0)
		len++;
	for (i = 0; i < nitems(known); i++)
		if (strlen(known[i].name) == len && strncmp(rd->at, known[i].name, len) == 0) {
			rd->at += len;
			v->kind = known[i].kind;
			v->number = known[i].number;
			return (0);
		}
	rd->code = 1;
	return (-1);
}

/* Strings that follow each other are one. */
static int
strings(struct reader *rd, struct python *v)
{
	size_t	 len;
	int	 raw;

	v->kind = PYTHON_STRING;
	add(v, "", 0);
	for (;;) {
		raw = 0;
		if (next(rd) == '"' || *rd->at == '\'')
			len = 0;
		else if ((len = prefix(rd->at, &raw)) == 0)
			return (0);
		rd->at += len;
		if (string(rd, v, raw) == -1)
			return (-1);
	}
}

/* Letters ahead of a string, of which r changes what is in it.  b and f are left: whoever needs them has more than literals. */
static size_t
prefix(const char *p, int *raw)
{
	*raw = *p == 'r' || *p == 'R';
	return ((*raw || *p == 'u' || *p == 'U') && (p[1] == '"' || p[1] == '\'') ? 1 : 0);
}

static int
string(struct reader *rd, struct python *v, int raw)
{
	char	 quote = *rd->at;
	int	 triple = rd->at[1] == quote && rd->at[2] == quote;

	rd->at += triple ? 3 : 1;
	for (;;) {
		if (*rd->at == '\0' || (*rd->at == '\n' && !triple))
			return (-1);
		if (*rd->at == quote && (!triple || (rd->at[1] == quote && rd->at[2] == quote))) {
			rd->at += triple ? 3 : 1;
			return (0);
		}
		if (*rd->at != '\\')
			add(v, rd->at++, 1);
		else if (rd->at[1] == '\0')
			return (-1);
		else if (raw) {
			add(v, rd->at, 2);
			rd->at += 2;
		} else if (escape(rd, v) == -1)
			return (-1);
	}
}

static int
escape(struct reader *rd, struct python *v)
{
	static const char	 letters[] = "\n\\'\"abfnrtv", meant[] = "\0\\'\"\a\b\f\n\r\t\v";
	const char		*p;
	unsigned int		 octal = 0;
	char			 utf8[2];
	int			 i;

	rd->at++;
	if ((p = strchr(letters, *rd->at)) != NULL) {
		if (*rd->at != '\n')
			add(v, &meant[p - letters], 1);
		rd->at++;
		return (0);
	}
	if (*rd->at == 'x' || *rd->at == 'u' || *rd->at == 'U')
		return (code_point(rd, v, *rd->at == 'x' ? 2 : *rd->at == 'u' ? 4 : 8));
	if (*rd->at == 'N') {
		rd->code = 1;				/* by its name */
		return (-1);
	}
	if (*rd->at < '0' || *rd->at > '7') {
		add(v, "\\", 1);			/* no escape: the backslash stays */
		return (0);
	}
	for (i = 0; i < 3 && *rd->at >= '0' && *rd->at <= '7'; i++)
		octal = octal * 8 + (unsigned int)(*rd->at++ - '0');
	utf8[0] = (char)(octal < 0x80 ? octal : 0xc0 | octal >> 6);
	utf8[1] = (char)(0x80 | (octal & 0x3f));
	if (octal == 0)
		return (-1);
	add(v, utf8, octal < 0x80 ? 1 : 2);
	return (0);
}

static int
code_point(struct reader *rd, struct python *v, int digits)
{
	uint32_t	 c = 0;
	char		 utf8[4];
	size_t		 n, i;
	int		 digit;

	for (rd->at++; digits > 0; digits--) {
		if ((digit = hex_digit((unsigned char)*rd->at)) == -1)
			return (-1);
		c = c << 4 | (uint32_t)digit;
		rd->at++;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return (-1);
	n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (i = n; i > 1; i--, c >>= 6)
		utf8[i - 1] = (char)(0x80 | (c & 0x3f));
	utf8[0] = (char)(n == 1 ? c : (0xf00 >> n & 0xff) | c);
	add(v, utf8, n);
	return (0);
}

static void
add(struct python *v, const void *octets, size_t len)
{
	char	*bigger;
	size_t	 size;

	if (v->string == NULL || v->len + len >= v->size) {
		size = (v->len + len + 16) * 2;
		if ((bigger = calloc(1, size)) == NULL)
			err(1, NULL);
		if (v->string != NULL)
			memcpy(bigger, v->string, v->len);
		freezero(v->string, v->size);		/* what it has outgrown is wiped */
		v->string = bigger;
		v->size = size;
	}
	memcpy(v->string + v->len, octets, len);
	v->len += len;
	v->string[v->len] = '\0';
}

/* The octet that is next, behind white space and comments. */
static char
next(struct reader *rd)
{
	for (;; rd->at++)
		if (*rd->at == '#')
			rd->at += strcspn(rd->at, "\n") - 1;
		else if (rd->at[0] == '\\' && rd->at[1] == '\n')
			rd->at++;
		else if (*rd->at != ' ' && *rd->at != '\t' && *rd->at != '\f' && (*rd->at != '\n' || rd->brackets == 0))
			return (*rd->at);
}
