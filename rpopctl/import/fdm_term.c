/* SPDX-License-Identifier: ISC */
/* What statements of an fdm.conf are made of: words, strings, numbers with units. */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fdm_int.h"

struct unit {
	const char	*word;
	int64_t		 factor;
};

static const struct unit	 sizes[] = { { "bytes", 1 }, { "kilobytes", 1024 }, { "megabytes", 1048576 }, { "gigabytes", 1073741824 }
    };
static const struct unit	 times[] = { { "seconds", 1 }, { "minutes", 60 }, { "hours", 3600 }, { "days", 86400 },
    { "weeks", 604800 }, { "months", 2419200 }, { "years", 29030400 } };

static int	 string_part(struct fdm *, struct fdm_value *);
static int	 with_unit(struct fdm *, struct fdm_number *, const struct unit *, size_t);
static int	 replace(struct fdm *, struct fdm_value *);
static size_t	 replace_tag(struct fdm_value *, const char *);

int
fdm_is(const struct fdm *f, const char *word)
{
	const struct fdm_token	*t = &f->lx.token;

	return ((t->kind == FDM_WORD || t->kind == FDM_SIGN) && strcmp(t->word, word) == 0);
}

int
fdm_take(struct fdm *f, const char *word)
{
	if (!fdm_is(f, word))
		return (0);
	return (fdm_next(&f->lx) == -1 ? -1 : 1);
}

int
fdm_want(struct fdm *f, const char *word)
{
	if (!fdm_is(f, word))
		return (fdm_unexpected(f, word));
	return (fdm_next(&f->lx));
}

int
fdm_unexpected(struct fdm *f, const char *wanted)
{
	return (import_fail(f->lx.imp, f->lx.token.line, "here is %s, where fdm wants %s", fdm_text(&f->lx.token), wanted));
}

int
fdm_string_next(const struct fdm *f)
{
	enum fdm_kind	 kind = f->lx.token.kind;

	return (kind == FDM_STRING || kind == FDM_STRMACRO || kind == FDM_STRCOMMAND);
}

int
fdm_string(struct fdm *f, struct fdm_value *v)
{
	int	 more;

	do {
		if (string_part(f, v) == -1 || fdm_next(&f->lx) == -1)
			return (-1);
		more = fdm_take(f, "+");
	} while (more == 1);
	return (more);
}

static int
string_part(struct fdm *f, struct fdm_value *v)
{
	struct fdm_token	*t = &f->lx.token;
	const struct fdm_macro	*m;

	if (!fdm_string_next(f))
		return (fdm_unexpected(f, "a string"));
	if (t->kind == FDM_STRCOMMAND) {
		fdm_value_unknown(v, "a command that is not run here: %s", t->value.text);
		return (fdm_value_add(&f->lx, v, "", 0));
	}
	if (t->kind == FDM_STRING) {
		if (t->value.unknown != NULL)
			fdm_value_unknown(v, "%s", t->value.unknown);
		return (fdm_value_add(&f->lx, v, t->value.text, t->value.len));
	}
	if ((m = fdm_macro_find(&f->lx, t->value.text)) == NULL) {
		if (!f->lx.included)
			return (import_fail(f->lx.imp, t->line, "there is no macro %s; if fdm has it by -D, write it into the file", t->value.text));
		fdm_value_unknown(v, "the macro %s, which may be in the file that is included", t->value.text);
		return (fdm_value_add(&f->lx, v, "", 0));
	}
	if (m->value.unknown != NULL)
		fdm_value_unknown(v, "%s", m->value.unknown);
	return (fdm_value_add(&f->lx, v, m->value.text == NULL ? "" : m->value.text, m->value.len));
}

int
fdm_replaced(struct fdm *f, struct fdm_value *v)
{
	return (fdm_string(f, v) == -1 ? -1 : replace(f, v));
}

/* What % stands for is put in: at that point fdm knows no message and no account, so most tags are empty. */
static int
replace(struct fdm *f, struct fdm_value *v)
{
	struct fdm_value	 out = { .text = NULL };
	const char		*p;
	int			 result;

	if (v->text == NULL || strchr(v->text, '%') == NULL)
		return (0);
	out.unknown = v->unknown;
	v->unknown = NULL;
	result = fdm_value_add(&f->lx, &out, "", 0);
	for (p = v->text; *p != '\0' && result == 0; p++) {
		if (*p != '%') {
			result = fdm_value_add(&f->lx, &out, p, 1);
			continue;
		}
		if (*++p == '\0')
			break;
		if (*p == '%')
			result = fdm_value_add(&f->lx, &out, p, 1);
		else if (*p == ':') {
			if (p[1] == '\0')
				break;
			if (*++p < '0' || *p > '9')
				result = fdm_value_add(&f->lx, &out, p, 1);
		} else if (*p == '[' && strchr(p, ']') == NULL)
			result = fdm_value_add(&f->lx, &out, "%[", 2);
		else
			p += replace_tag(&out, p) - 1;
	}
	fdm_value_free(v);
	*v = out;
	return (result);
}

/* %[tag], or %h and such; how long it is. */
static size_t
replace_tag(struct fdm_value *v, const char *p)
{
	static const char *const	 tags[] = { "hostname", "hour", "minute", "second", "day", "month", "year", "year2", "dayofweek",
	    "dayofyear", "quarter", "rfc822date", "home" };
	static const char		 letters[] = "dhmyHMQSWY";
	const char			*name = p + 1;
	size_t				 len, i;

	if (*p != '[') {
		if (strchr(letters, *p) != NULL)
			fdm_value_unknown(v, "what fdm puts in for %%%c", *p);
		return (1);
	}
	if (*name == ':')
		name++;
	len = strcspn(name, "]");
	for (i = 0; i < nitems(tags); i++)
		if (strlen(tags[i]) == len && strncmp(tags[i], name, len) == 0)
			fdm_value_unknown(v, "what fdm puts in for %%[%s]", tags[i]);
	return ((size_t)(name - p) + len + 1);
}

int
fdm_strings(struct fdm *f, struct fdm_value *first, size_t *n)
{
	struct fdm_value	 v = { .text = NULL };
	int			 list = fdm_take(f, "{"), result;

	*n = 0;
	if (list == -1)
		return (-1);
	do {
		if ((result = fdm_string(f, &v)) == 0 && v.len == 0 && v.unknown == NULL)
			result = import_fail(f->lx.imp, f->lx.token.line, "the string ahead of this is empty");
		if (result == 0 && (*n)++ == 0) {
			*first = v;
			memset(&v, 0, sizeof(v));
		}
		fdm_value_free(&v);
	} while (result == 0 && list && fdm_string_next(f));
	return (result == 0 && list ? fdm_want(f, "}") : result);
}

int
fdm_number_next(const struct fdm *f)
{
	enum fdm_kind	 kind = f->lx.token.kind;

	return (kind == FDM_NUMBER || kind == FDM_NUMMACRO || kind == FDM_NUMCOMMAND);
}

int
fdm_number(struct fdm *f, struct fdm_number *number)
{
	return (fdm_number_here(f, number) == -1 ? -1 : fdm_next(&f->lx));
}

int
fdm_number_here(struct fdm *f, struct fdm_number *number)
{
	struct fdm_token	*t = &f->lx.token;
	const struct fdm_macro	*m = NULL;

	if (!fdm_number_next(f))
		return (fdm_unexpected(f, "a number"));
	if (t->kind == FDM_NUMMACRO && (m = fdm_macro_find(&f->lx, t->value.text)) == NULL && !f->lx.included)
		return (import_fail(f->lx.imp, t->line, "there is no macro %s; if fdm has it by -D, write it into the file", t->value.text));
	number->n = t->kind == FDM_NUMBER ? t->number : m != NULL ? m->number : 1;
	number->unknown = t->kind == FDM_NUMCOMMAND || (t->kind == FDM_NUMMACRO && (m == NULL || m->value.unknown != NULL));
	return (0);
}

int
fdm_size(struct fdm *f, struct fdm_number *number)
{
	return (with_unit(f, number, sizes, nitems(sizes)));
}

int
fdm_time(struct fdm *f, struct fdm_number *number)
{
	return (with_unit(f, number, times, nitems(times)));
}

static int
with_unit(struct fdm *f, struct fdm_number *number, const struct unit *units, size_t n)
{
	size_t	 i;

	if (fdm_number(f, number) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (fdm_is(f, units[i].word)) {
			if (__builtin_mul_overflow(number->n, units[i].factor, &number->n))
				return (import_fail(f->lx.imp, f->lx.token.line, "so many %s are too many", units[i].word));
			return (fdm_next(&f->lx));
		}
	return (0);
}
