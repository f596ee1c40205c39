/* SPDX-License-Identifier: ISC */
/*
 * The lexer of fdm(1): words, numbers, strings in single or double quotes, $macro, %macro, $(command), %(command), # comments.
 * ${macro} and escapes count in double quotes.  Commands are not run: they make a value that is not known.
 */
#include <ctype.h>
#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "fdm_lex.h"

#define WORD_MAX	127
#define DIGITS_MAX	30
#define VALUE_MAX	16384		/* octets of a string; macros in macros would make any length of it */
#define MACROS_MAX	1000

/* Words, and what a synonym stands for. */
static const struct word {
	const char	*name, *meant;
} words[] = {
	{ "B", "bytes" }, { "G", "gigabytes" }, { "GB", "gigabytes" }, { "K", "kilobytes" }, { "KB", "kilobytes" }, { "M", "megabytes" },
	{ "MB", "megabytes" }, { "account", NULL }, { "accounts", NULL }, { "action", NULL }, { "actions", NULL }, { "add-header", NULL },
	{ "add-to-cache", NULL }, { "age", NULL }, { "all", NULL }, { "allow-multiple", NULL }, { "and", NULL }, { "any-name", NULL },
	{ "any-size", NULL }, { "any-type", NULL }, { "append", NULL }, { "attachment", NULL }, { "b", "bytes" }, { "body", NULL },
	{ "byte", "bytes" }, { "bytes", NULL }, { "cache", NULL }, { "case", NULL }, { "command-user", NULL }, { "compress", NULL },
	{ "continue", NULL }, { "count", NULL }, { "day", "days" }, { "days", NULL }, { "default-user", NULL },
	{ "delete-oversized", NULL }, { "disabled", NULL }, { "domain", NULL }, { "dotlock", NULL }, { "drop", NULL }, { "exec", NULL },
	{ "expire", NULL }, { "fcntl", NULL }, { "file-group", NULL }, { "file-umask", NULL }, { "flock", NULL }, { "folder", NULL },
	{ "folders", NULL }, { "from", NULL }, { "g", "gigabytes" }, { "gb", "gigabytes" }, { "gigabyte", "gigabytes" },
	{ "gigabytes", NULL }, { "group", NULL }, { "groups", NULL }, { "header", NULL }, { "headers", NULL }, { "hour", "hours" },
	{ "hours", NULL }, { "ignore-errors", NULL }, { "imap", NULL }, { "imaps", NULL }, { "in", NULL }, { "in-cache", NULL },
	{ "insecure", NULL }, { "invalid", NULL }, { "k", "kilobytes" }, { "kb", "kilobytes" }, { "keep", NULL }, { "key", NULL },
	{ "kilobyte", "kilobytes" }, { "kilobytes", NULL }, { "lmtp", NULL }, { "lock-file", NULL }, { "lock-timeout", NULL },
	{ "lock-type", "lock-types" }, { "lock-types", NULL }, { "lock-wait", NULL }, { "lookup-order", NULL }, { "m", "megabytes" },
	{ "maildir", NULL }, { "maildirs", NULL }, { "match", NULL }, { "matched", NULL }, { "maximum-size", NULL }, { "mb", "megabytes" },
	{ "mbox", NULL }, { "mboxes", NULL }, { "megabyte", "megabytes" }, { "megabytes", NULL }, { "minute", "minutes" },
	{ "minutes", NULL }, { "month", "months" }, { "months", NULL }, { "new-only", NULL }, { "nntp", NULL }, { "nntps", NULL },
	{ "no-apop", NULL }, { "no-cram-md5", NULL }, { "no-create", NULL }, { "no-login", NULL }, { "no-plain", NULL },
	{ "no-received", NULL }, { "no-tls1", NULL }, { "no-uidl", NULL }, { "no-verify", NULL }, { "none", NULL }, { "not", NULL },
	{ "oauthbearer", NULL }, { "old-only", NULL }, { "or", NULL }, { "parallel-accounts", NULL }, { "pass", NULL }, { "passwd", NULL },
	{ "pipe", NULL }, { "pop3", NULL }, { "pop3s", NULL }, { "port", NULL }, { "proxy", NULL }, { "purge-after", NULL },
	{ "queue-high", NULL }, { "queue-low", NULL }, { "remove-from-cache", NULL }, { "remove-header", NULL },
	{ "remove-headers", NULL }, { "returns", NULL }, { "rewrite", NULL }, { "second", "seconds" }, { "seconds", NULL },
	{ "server", NULL }, { "set", NULL }, { "size", NULL }, { "smtp", NULL }, { "starttls", NULL }, { "stdin", NULL },
	{ "stdout", NULL }, { "string", NULL }, { "strip-characters", NULL }, { "tag", NULL }, { "tagged", NULL }, { "timeout", NULL },
	{ "to", NULL }, { "to-cache", "add-to-cache" }, { "total-size", NULL }, { "unmatched", NULL }, { "unmatched-mail", NULL },
	{ "user", NULL }, { "users", NULL }, { "value", NULL }, { "verify-certificates", NULL }, { "week", "weeks" }, { "weeks", NULL },
	{ "write", NULL }, { "xoauth2", NULL }, { "year", "years" }, { "years", NULL },
};

/* Signs, longer ones first. */
static const char *const	 signs[] = { "==", "!=", "=", "!", "~", "+", "(", ")", ",", "<", ">", "{", "}", "*" };

static int	 lex(struct fdm_lexer *);
static void	 blanks(struct fdm_lexer *);
static int	 get(struct fdm_lexer *);
static int	 lex_word(struct fdm_lexer *);
static int	 lex_ifdef(struct fdm_lexer *, int);
static int	 lex_include(struct fdm_lexer *);
static int	 lex_number(struct fdm_lexer *);
static int	 lex_dollar(struct fdm_lexer *);
static int	 lex_name(struct fdm_lexer *, char *, int);
static int	 lex_command(struct fdm_lexer *, struct fdm_value *);
static int	 lex_string(struct fdm_lexer *, struct fdm_value *, int);
static int	 lex_escape(struct fdm_lexer *, struct fdm_value *, unsigned int);
static int	 lex_expand(struct fdm_lexer *, struct fdm_value *, int);
static int	 word_cmp(const void *, const void *);
static int	 name_char(int);

int
fdm_next(struct fdm_lexer *lx)
{
	do {
		fdm_value_free(&lx->token.value);
		if (lex(lx) == -1)
			return (-1);
	} while (lx->skip && lx->token.kind != FDM_END);
	if (lx->token.kind == FDM_END && lx->ifdef > 0)
		return (import_fail(lx->imp, lx->line, "an endif is missing"));
	return (0);
}

void
fdm_free(struct fdm_lexer *lx)
{
	size_t	 i;

	fdm_value_free(&lx->token.value);
	for (i = 0; i < lx->nmacros; i++)
		fdm_value_free(&lx->macros[i].value);
	free(lx->macros);
}

const char *
fdm_text(const struct fdm_token *t)
{
	static const char *const	 kinds[] = { [FDM_END] = "the end of the file", [FDM_NUMBER] = "a number", [FDM_STRING] = "a string",
	    [FDM_STRMACRO] = "a macro", [FDM_NUMMACRO] = "a macro", [FDM_STRCOMMAND] = "a command", [FDM_NUMCOMMAND] = "a command",
	    [FDM_NONE] = "ifdef or endif", [FDM_INCLUDE] = "include" };

	return (t->kind == FDM_WORD || t->kind == FDM_SIGN ? t->word : kinds[t->kind]);
}

static int
lex(struct fdm_lexer *lx)
{
	struct fdm_token	*t = &lx->token;
	size_t			 i, len, left;
	int			 c;

	blanks(lx);
	t->line = lx->line;
	if ((left = (size_t)(lx->end - lx->at)) == 0) {
		t->kind = FDM_END;
		return (0);
	}
	c = (unsigned char)*lx->at;
	if (c == '"' || c == '\'') {
		lx->at++;
		t->kind = FDM_STRING;
		return (lex_string(lx, &t->value, c));
	}
	if (c == '$' || c == '%')
		return (lex_dollar(lx));
	for (i = 0; i < nitems(signs); i++)
		if (len = strlen(signs[i]), len <= left && memcmp(lx->at, signs[i], len) == 0) {
			lx->at += len;
			t->kind = FDM_SIGN;
			t->word = signs[i];
			return (0);
		}
	if (isdigit(c))
		return (lex_number(lx));
	if (name_char(c))
		return (lex_word(lx));
	return (import_fail(lx->imp, lx->line, "the character %c begins nothing that fdm knows", c));
}

/* White space and comments. */
static void
blanks(struct fdm_lexer *lx)
{
	while (lx->at < lx->end && strchr(" \t\n#", *lx->at) != NULL)
		if (*lx->at == '#')
			while (lx->at < lx->end && *lx->at != '\n')
				lx->at++;
		else
			get(lx);
}

/* The next octet, or -1. */
static int
get(struct fdm_lexer *lx)
{
	if (lx->at == lx->end)
		return (-1);
	if (*lx->at == '\n')
		lx->line++;
	return ((unsigned char)*lx->at++);
}

static int
name_char(int c)
{
	return (c > 0 && c < 0x80 && (isalnum(c) || c == '-' || c == '_'));
}

static int
lex_word(struct fdm_lexer *lx)
{
	char			 name[WORD_MAX + 1];
	const struct word	*w;
	size_t			 len = 0;

	while (lx->at < lx->end && name_char((unsigned char)*lx->at)) {
		if (len == WORD_MAX)
			return (import_fail(lx->imp, lx->line, "this word is longer than %d characters", WORD_MAX));
		name[len++] = *lx->at++;
	}
	name[len] = '\0';
	if (strcmp(name, "ifdef") == 0 || strcmp(name, "ifndef") == 0)
		return (lex_ifdef(lx, name[2] == 'n'));
	if (strcmp(name, "endif") == 0) {
		if (lx->ifdef == 0)
			return (import_fail(lx->imp, lx->line, "this endif has no ifdef"));
		if (--lx->ifdef == 0)
			lx->skip = 0;
		lx->token.kind = FDM_NONE;
		return (0);
	}
	if (strcmp(name, "include") == 0)
		return (lex_include(lx));
	if ((w = bsearch(name, words, nitems(words), sizeof(words[0]), word_cmp)) == NULL)
		return (import_fail(lx->imp, lx->line, "fdm has no word %s", name));
	lx->token.kind = FDM_WORD;
	lx->token.word = w->meant == NULL ? w->name : w->meant;
	return (0);
}

static int
word_cmp(const void *name, const void *w)
{
	return (strcmp(name, ((const struct word *)w)->name));
}

/* Everything up to the endif of the outermost one is skipped, or nothing. */
static int
lex_ifdef(struct fdm_lexer *lx, int negated)
{
	char	 name[FDM_NAME_MAX + 1];
	int	 c;

	blanks(lx);
	if ((c = get(lx)) != '$' && c != '%')
		return (import_fail(lx->imp, lx->line, "a macro is missing behind ifdef or ifndef"));
	if (lex_name(lx, name, c) == -1)
		return (-1);
	if ((fdm_macro_find(lx, name) != NULL) == negated)
		lx->skip = 1;
	lx->ifdef++;
	lx->token.kind = FDM_NONE;
	return (0);
}

static int
lex_include(struct fdm_lexer *lx)
{
	int	 c;

	blanks(lx);
	if ((c = get(lx)) != '"' && c != '\'')
		return (import_fail(lx->imp, lx->line, "the name of a file in quotes is missing behind include"));
	if (!lx->skip)
		lx->included = 1;
	lx->token.kind = FDM_INCLUDE;
	return (lex_string(lx, &lx->token.value, c));
}

static int
lex_number(struct fdm_lexer *lx)
{
	char		 digits[DIGITS_MAX + 1];
	const char	*errstr;
	size_t		 len = 0;

	while (lx->at < lx->end && isdigit((unsigned char)*lx->at)) {
		if (len == DIGITS_MAX)
			return (import_fail(lx->imp, lx->line, "this number is longer than %d digits", DIGITS_MAX));
		digits[len++] = *lx->at++;
	}
	digits[len] = '\0';
	lx->token.kind = FDM_NUMBER;
	lx->token.number = strtonum(digits, 0, INT64_MAX, &errstr);
	return (errstr == NULL ? 0 : import_fail(lx->imp, lx->line, "number %s is %s", digits, errstr));
}

/* $name, ${name}, $(command), and with % for numbers. */
static int
lex_dollar(struct fdm_lexer *lx)
{
	char	 name[FDM_NAME_MAX + 1];
	int	 type = get(lx);

	if (lx->at < lx->end && *lx->at == '(') {
		lx->at++;
		lx->token.kind = type == '$' ? FDM_STRCOMMAND : FDM_NUMCOMMAND;
		return (lex_command(lx, &lx->token.value));
	}
	if (lex_name(lx, name, type) == -1)
		return (-1);
	lx->token.kind = type == '$' ? FDM_STRMACRO : FDM_NUMMACRO;
	return (fdm_value_add(lx, &lx->token.value, name, strlen(name)));
}

/* A macro's name behind its type, which is a part of it; braces around the rest are not. */
static int
lex_name(struct fdm_lexer *lx, char *name, int type)
{
	size_t	 len = 0;
	int	 braces = lx->at < lx->end && *lx->at == '{';

	lx->at += braces;
	name[len++] = (char)type;
	while (lx->at < lx->end && name_char((unsigned char)*lx->at) && (len > 1 || isalnum((unsigned char)*lx->at))) {
		if (len == FDM_NAME_MAX)
			return (import_fail(lx->imp, lx->line, "the name of a macro is longer than %d characters", FDM_NAME_MAX));
		name[len++] = *lx->at++;
	}
	name[len] = '\0';
	if (len == 1)
		return (import_fail(lx->imp, lx->line, "the name of a macro is missing behind %s", name));
	if (braces && (lx->at == lx->end || *lx->at++ != '}'))
		return (import_fail(lx->imp, lx->line, "the } is missing behind %s", name));
	return (0);
}

/* Up to its closing bracket; strings in it are put together as strings are. */
static int
lex_command(struct fdm_lexer *lx, struct fdm_value *v)
{
	unsigned int	 line = lx->line;
	int		 c, nesting = 0;
	char		 octet;

	if (fdm_value_add(lx, v, "", 0) == -1)
		return (-1);
	while ((c = get(lx)) != -1) {
		if (c == ')' && nesting-- == 0)
			return (v->len > 0 ? 0 : import_fail(lx->imp, line, "there is no command in the brackets"));
		nesting += c == '(';
		octet = (char)c;
		if (fdm_value_add(lx, v, &octet, 1) == -1)
			return (-1);
		if ((c == '"' || c == '\'') && (lex_string(lx, v, c) == -1 || fdm_value_add(lx, v, &octet, 1) == -1))
			return (-1);
	}
	return (import_fail(lx->imp, line, "the ) is missing behind this command"));
}

/* Behind the opening quote, up to the closing one. */
static int
lex_string(struct fdm_lexer *lx, struct fdm_value *v, int quote)
{
	unsigned int	 line = lx->line;
	int		 c;
	char		 octet;

	if (fdm_value_add(lx, v, "", 0) == -1)
		return (-1);
	while ((c = get(lx)) != quote) {
		if (c == -1)
			return (import_fail(lx->imp, line, "the %c is missing behind the string that begins here", quote));
		if (quote == '"' && c == '\\') {
			if (lex_escape(lx, v, line) == -1)
				return (-1);
			continue;
		}
		if (quote == '"' && (c == '$' || c == '%') && lx->at < lx->end && *lx->at == '{') {
			if (lex_expand(lx, v, c) == -1)
				return (-1);
			continue;
		}
		octet = (char)c;
		if (fdm_value_add(lx, v, &octet, 1) == -1)
			return (-1);
	}
	return (0);
}

static int
lex_escape(struct fdm_lexer *lx, struct fdm_value *v, unsigned int line)
{
	int	 c = get(lx);
	char	 octet;

	if (c == -1)
		return (import_fail(lx->imp, line, "the \" is missing behind the string that begins here"));
	octet = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : (char)c;
	return (fdm_value_add(lx, v, &octet, 1));
}

/* ${name} in a string: nothing, if there is no such macro. */
static int
lex_expand(struct fdm_lexer *lx, struct fdm_value *v, int type)
{
	char			 name[FDM_NAME_MAX + 1], digits[24];
	const struct fdm_macro	*m;

	if (lex_name(lx, name, type) == -1)
		return (-1);
	if ((m = fdm_macro_find(lx, name)) == NULL) {
		if (lx->included)
			fdm_value_unknown(v, "the macro %s, which may be in the file that is included", name);
		return (0);
	}
	if (m->value.unknown != NULL)
		fdm_value_unknown(v, "%s", m->value.unknown);
	if (type == '$')
		return (fdm_value_add(lx, v, m->value.text == NULL ? "" : m->value.text, m->value.len));
	snprintf(digits, sizeof(digits), "%" PRId64, m->number);
	return (fdm_value_add(lx, v, digits, strlen(digits)));
}

/* The one that was set last. */
const struct fdm_macro *
fdm_macro_find(const struct fdm_lexer *lx, const char *name)
{
	size_t	 i;

	for (i = lx->nmacros; i > 0; i--)
		if (strcmp(lx->macros[i - 1].name, name) == 0)
			return (&lx->macros[i - 1]);
	return (NULL);
}

int
fdm_macro_set(struct fdm_lexer *lx, unsigned int line, const char *name, int64_t number, struct fdm_value *v)
{
	struct fdm_macro	*m;

	if (lx->nmacros == MACROS_MAX)
		return (import_fail(lx->imp, line, "these are more than %d macros", MACROS_MAX));
	if ((lx->macros = array_grow(lx->macros, lx->nmacros, sizeof(*m))) == NULL)
		err(1, NULL);
	m = &lx->macros[lx->nmacros++];
	strlcpy(m->name, name, sizeof(m->name));
	m->number = number;
	m->value = *v;
	memset(v, 0, sizeof(*v));
	return (0);
}

int
fdm_value_add(struct fdm_lexer *lx, struct fdm_value *v, const char *octets, size_t len)
{
	char	*bigger;
	size_t	 size;

	if (len > VALUE_MAX - v->len)
		return (import_fail(lx->imp, lx->line, "this string is longer than %d octets", VALUE_MAX));
	if (v->text == NULL || v->len + len >= v->size) {
		size = (v->len + len + 16) * 2;
		if ((bigger = calloc(1, size)) == NULL)
			err(1, NULL);
		if (v->text != NULL)
			memcpy(bigger, v->text, v->len);
		freezero(v->text, v->size);
		v->text = bigger;
		v->size = size;
	}
	memcpy(v->text + v->len, octets, len);
	v->len += len;
	v->text[v->len] = '\0';
	return (0);
}

/* The first reason stands. */
void
fdm_value_unknown(struct fdm_value *v, const char *fmt, ...)
{
	va_list	 ap;

	if (v->unknown != NULL)
		return;
	va_start(ap, fmt);
	if (vasprintf(&v->unknown, fmt, ap) == -1)
		err(1, NULL);
	va_end(ap);
}

void
fdm_value_free(struct fdm_value *v)
{
	freezero(v->text, v->size);
	free(v->unknown);
	memset(v, 0, sizeof(*v));
}
