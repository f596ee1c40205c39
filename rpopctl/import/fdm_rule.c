/* SPDX-License-Identifier: ISC */
/*
 * Statements "action" and "match" of an fdm.conf.  They become nothing, since rpopd asks the routing table whose a message is; they
 * are read so that what follows them is understood, and an error in them is found.
 */
#include <string.h>

#include "common/compat.h"
#include "fdm_int.h"

/*
 * What follows a word, a letter for each part: s a string, l strings in braces or one, n a number, z a size, < one of < >, ? one of
 * < > == !=, a an age, r what a program returns, k and o the words key and to, H a server.  What may be missing: v the word value,
 * V value, U user, F from, T to, P folder, each with a string; C compress, L a login, N the flags of IMAP.
 */
struct form {
	const char	*word;
	const char	*parts;
};

static const struct form	 items[] = {
	{ "exec", "s" }, { "pipe", "s" }, { "rewrite", "s" }, { "write", "s" }, { "append", "s" }, { "maildir", "s" },
	{ "remove-header", "l" }, { "remove-headers", "l" }, { "add-header", "svs" }, { "mbox", "sC" }, { "imap", "HLPN" }, { "imaps",
	    "HLPN" },
	{ "smtp", "HFT" }, { "lmtp", "HFT" }, { "stdout", "" }, { "tag", "sV" }, { "add-to-cache", "sks" }, { "remove-from-cache", "sks" },
	{ "action", "l" }, { "actions", "l" }, { "drop", "" }, { "keep", "" },
};

static const struct form	 matches[] = {
	{ "all", "" }, { "account", "l" }, { "accounts", "l" }, { "exec", "sUr" }, { "pipe", "sUr" }, { "tagged", "s" }, { "size", "<z" },
	{ "string", "sos" }, { "in-cache", "sks" }, { "matched", "" }, { "unmatched", "" }, { "age", "a" },
};

static const struct form	 attachments[] = {
	{ "count", "?n" }, { "total-size", "<z" }, { "any-size", "<z" }, { "any-type", "s" }, { "any-name", "s" },
};

static int	 action_list(struct fdm *);
static int	 action_item(struct fdm *);
static int	 match_item(struct fdm *);
static int	 match_text(struct fdm *);
static int	 perform(struct fdm *);
static int	 form(struct fdm *, const struct form *, size_t, const char *);
static int	 part(struct fdm *, char);
static int	 optional(struct fdm *, const char *, int);
static int	 skip_string(struct fdm *);
static int	 skip_strings(struct fdm *);
static int	 returns(struct fdm *);
static int	 age(struct fdm *);
static int	 server(struct fdm *, int);
static int	 any(struct fdm *, const char *const *, size_t, const char *);

/* action NAME [users] ITEM, or { ITEM ... } */
int
fdm_action(struct fdm *f)
{
	if (f->actions++ == 0)
		f->actions_line = f->lx.token.line;
	if (skip_string(f) == -1)
		return (-1);
	if ((fdm_is(f, "user") || fdm_is(f, "users")) && (fdm_next(&f->lx) == -1 || skip_strings(f) == -1))
		return (-1);
	return (fdm_is(f, "{") ? action_list(f) : action_item(f));
}

static int
action_list(struct fdm *f)
{
	if (fdm_want(f, "{") == -1)
		return (-1);
	do {
		if (action_item(f) == -1)
			return (-1);
	} while (!fdm_is(f, "}"));
	return (fdm_next(&f->lx));
}

static int
action_item(struct fdm *f)
{
	if (fdm_is(f, "keep") && f->keep_line == 0)
		f->keep_line = f->lx.token.line;
	return (form(f, items, nitems(items), "what an action does, such as maildir or drop"));
}

/* match ITEM { and | or ITEM } PERFORM */
int
fdm_match(struct fdm *f)
{
	int	 more;

	if (f->rules++ == 0)
		f->rules_line = f->lx.token.line;
	do {
		if (optional(f, "not", 0) == -1 || match_item(f) == -1)
			return (-1);
		if ((more = fdm_take(f, "and")) == 0)
			more = fdm_take(f, "or");
	} while (more == 1);
	return (more == -1 ? -1 : perform(f));
}

static int
match_item(struct fdm *f)
{
	if (fdm_is(f, "case") || fdm_string_next(f))
		return (match_text(f));
	if (fdm_is(f, "attachment"))
		return (fdm_next(&f->lx) == -1 ? -1 : form(f, attachments, nitems(attachments), "what of an attachment is meant"));
	return (form(f, matches, nitems(matches), "what a message is matched with"));
}

/* [case] PATTERN [in all | headers | body] */
static int
match_text(struct fdm *f)
{
	static const char *const	 areas[] = { "all", "headers", "body" };

	if (optional(f, "case", 0) == -1 || skip_string(f) == -1)
		return (-1);
	if (!fdm_is(f, "in"))
		return (0);
	return (fdm_next(&f->lx) == -1 ? -1 : any(f, areas, nitems(areas), "all, headers or body"));
}

/* [users] action ..., or { and rules of their own. */
static int
perform(struct fdm *f)
{
	if (fdm_is(f, "{")) {
		f->open++;
		return (fdm_next(&f->lx));
	}
	if ((fdm_is(f, "user") || fdm_is(f, "users")) && (fdm_next(&f->lx) == -1 || skip_strings(f) == -1))
		return (-1);
	if (!fdm_is(f, "action") && !fdm_is(f, "actions"))
		return (fdm_unexpected(f, "action"));
	if (fdm_next(&f->lx) == -1)
		return (-1);
	if (fdm_is(f, "{")) {
		if (fdm_next(&f->lx) == -1)
			return (-1);
		do {
			if ((fdm_string_next(f) ? skip_string(f) : action_item(f)) == -1)
				return (-1);
		} while (!fdm_is(f, "}"));
		if (fdm_next(&f->lx) == -1)
			return (-1);
	} else if ((fdm_string_next(f) ? skip_string(f) : action_item(f)) == -1)
		return (-1);
	return (optional(f, "continue", 0));
}

int
fdm_close(struct fdm *f)
{
	if (f->open-- == 0)
		return (import_fail(f->lx.imp, f->lx.token.line, "the { of a } above this is missing"));
	return (0);
}

static int
form(struct fdm *f, const struct form *forms, size_t n, const char *wanted)
{
	const char	*p;
	size_t		 i;

	for (i = 0; i < n && !fdm_is(f, forms[i].word); i++)
		continue;
	if (i == n)
		return (fdm_unexpected(f, wanted));
	if (fdm_next(&f->lx) == -1)
		return (-1);
	for (p = forms[i].parts; *p != '\0'; p++)
		if (part(f, *p) == -1)
			return (-1);
	return (0);
}

static int
part(struct fdm *f, char letter)
{
	static const char *const	 comparisons[] = { "<", ">", "==", "!=" };
	struct fdm_number		 number;

	switch (letter) {
	case 's':
		return (skip_string(f));
	case 'l':
		return (skip_strings(f));
	case 'n':
		return (fdm_number(f, &number));
	case 'z':
		return (fdm_size(f, &number));
	case '<':
		return (any(f, comparisons, 2, "< or >"));
	case '?':
		return (any(f, comparisons, 4, "<, >, == or !="));
	case 'a':
		return (age(f));
	case 'r':
		return (returns(f));
	case 'k':
		return (fdm_want(f, "key"));
	case 'o':
		return (fdm_want(f, "to") == -1 ? -1 : optional(f, "case", 0));
	case 'v':
		return (optional(f, "value", 0));
	case 'V':
		return (optional(f, "value", 1));
	case 'U':
		return (optional(f, "user", 1));
	case 'F':
		return (optional(f, "from", 1));
	case 'T':
		return (optional(f, "to", 1));
	case 'C':
		return (optional(f, "compress", 0));
	case 'P':
		return (fdm_is(f, "folders") ? optional(f, "folders", 1) : optional(f, "folder", 1));
	case 'H':
	case 'L':
		return (server(f, letter == 'L'));
	default:
		if (optional(f, "no-verify", 0) == -1 || optional(f, "no-cram-md5", 0) == -1 || optional(f, "no-login", 0) == -1 ||
		    optional(f, "starttls", 0) == -1)
			return (-1);
		return (optional(f, "insecure", 0));
	}
}

/* A word that may be there, and the string behind it. */
static int
optional(struct fdm *f, const char *word, int string)
{
	int	 taken = fdm_take(f, word);

	return (taken == 1 && string ? skip_string(f) : taken == -1 ? -1 : 0);
}

static int
any(struct fdm *f, const char *const *words, size_t n, const char *wanted)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		if (fdm_is(f, words[i]))
			return (fdm_next(&f->lx));
	return (fdm_unexpected(f, wanted));
}

static int
skip_string(struct fdm *f)
{
	struct fdm_value	 v = { .text = NULL };
	int			 result = fdm_string(f, &v);

	fdm_value_free(&v);
	return (result);
}

static int
skip_strings(struct fdm *f)
{
	struct fdm_value	 v = { .text = NULL };
	size_t			 n;
	int			 result = fdm_strings(f, &v, &n);

	fdm_value_free(&v);
	return (result);
}

/* The server, or the login there, of an action. */
static int
server(struct fdm *f, int login)
{
	struct fdm_account	 a = { .line = 0 };
	int			 result = login ? fdm_login(f, &a) : fdm_server(f, &a);

	fdm_account_free(&a);
	return (result);
}

/* returns ( [number] , [pattern] ) */
static int
returns(struct fdm *f)
{
	struct fdm_number	 code;
	int			 some = 0;

	if (fdm_want(f, "returns") == -1 || fdm_want(f, "(") == -1)
		return (-1);
	if (fdm_number_next(f)) {
		some = 1;
		if (fdm_number(f, &code) == -1)
			return (-1);
		if (!code.unknown && code.n > 255)
			return (import_fail(f->lx.imp, f->lx.token.line, "a program returns 0 to 255"));
	}
	if (fdm_want(f, ",") == -1)
		return (-1);
	if (fdm_is(f, "case") || fdm_string_next(f)) {
		some = 1;
		if (optional(f, "case", 0) == -1 || skip_string(f) == -1)
			return (-1);
	}
	if (!some)
		return (fdm_unexpected(f, "a number or a pattern"));
	return (fdm_want(f, ")"));
}

static int
age(struct fdm *f)
{
	struct fdm_number	 time;

	if (fdm_is(f, "invalid"))
		return (fdm_next(&f->lx));
	return (part(f, '<') == -1 ? -1 : fdm_time(f, &time));
}
