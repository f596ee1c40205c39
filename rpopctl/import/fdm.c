/* SPDX-License-Identifier: ISC */
/*
 * fdm.conf, the configuration of fdm(1) in version 1.9: statements, of which those that begin with "account" become records, and
 * "set" says something about all of them.  Nothing of the file is run, and no other file is read.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "fdm_int.h"

static int	 statements(struct fdm *);
static int	 statement(struct fdm *);
static int	 macro(struct fdm *);
static int	 cache(struct fdm *);
static int	 set(struct fdm *);
static int	 set_value(struct fdm *, int);
static int	 set_size(struct fdm *);
static int	 set_purge(struct fdm *);
static int	 set_user(struct fdm *);
static int	 set_unmatched(struct fdm *);
static int	 set_locks(struct fdm *);

/* What may be behind "set": how it is read, and what is told of it. */
enum operand {
	OPERAND_NONE, OPERAND_STRING, OPERAND_NUMBER, OPERAND_TIME, OPERAND_GROUP, OPERAND_MASK, OPERAND_LOOKUP, OPERAND_LOCKS,
	OPERAND_SIZE, OPERAND_PURGE, OPERAND_USER, OPERAND_UNMATCHED, OPERAND_VERIFY
};

static const struct setting {
	const char		*word;
	enum operand		 operand;
	enum import_weight	 weight;
	const char		*text;		/* NULL: there is nothing to say */
} settings[] = {
	{ "maximum-size", OPERAND_SIZE, IMPORT_NOTE, NULL }, { "purge-after", OPERAND_PURGE, IMPORT_NOTE, NULL },
	{ "default-user", OPERAND_USER, IMPORT_NOTE, NULL }, { "verify-certificates", OPERAND_VERIFY, IMPORT_NOTE, NULL },
	{ "unmatched-mail", OPERAND_UNMATCHED, IMPORT_NOTE, NULL },
	{ "delete-oversized", OPERAND_NONE, IMPORT_LOST, "delete-oversized: rpopd deletes nothing that nobody has got; what is too "
	    "large stays on the server" },
	{ "proxy", OPERAND_STRING, IMPORT_LOST, "proxy: rpopd has one for all records, in settings.socks" },
	{ "timeout", OPERAND_TIME, IMPORT_NOTE, "timeout: rpopd has one for all records, in settings.idle_timeout" },
	{ "parallel-accounts", OPERAND_NUMBER, IMPORT_NOTE, "parallel-accounts: how many sessions there are at a time is "
	    "settings.processors" },
	{ "no-received", OPERAND_NONE, IMPORT_NOTE, "no-received: rpopd writes its own trace field into each message" },
	{ "command-user", OPERAND_STRING, IMPORT_NOTE, NULL }, { "strip-characters", OPERAND_STRING, IMPORT_NOTE, NULL },
	{ "lock-types", OPERAND_LOCKS, IMPORT_NOTE, NULL }, { "lock-file", OPERAND_STRING, IMPORT_NOTE, NULL },
	{ "lock-wait", OPERAND_NONE, IMPORT_NOTE, NULL }, { "lock-timeout", OPERAND_TIME, IMPORT_NOTE, NULL },
	{ "ignore-errors", OPERAND_NONE, IMPORT_NOTE, NULL }, { "allow-multiple", OPERAND_NONE, IMPORT_NOTE, NULL },
	{ "queue-high", OPERAND_NUMBER, IMPORT_NOTE, NULL }, { "queue-low", OPERAND_NUMBER, IMPORT_NOTE, NULL },
	{ "no-create", OPERAND_NONE, IMPORT_NOTE, NULL }, { "file-group", OPERAND_GROUP, IMPORT_NOTE, NULL },
	{ "file-umask", OPERAND_MASK, IMPORT_NOTE, NULL }, { "lookup-order", OPERAND_LOOKUP, IMPORT_NOTE, NULL },
};

static int
fdm_parse(struct import *imp, const char *octets, size_t len)
{
	struct fdm	 f = { .lx = { .imp = imp, .line = 1 } };
	size_t		 i;
	int		 result = -1;

	if ((f.lx.at = field_octets(imp, octets, len)) == NULL)
		return (-1);
	f.lx.end = f.lx.at + len;
	if (statements(&f) == 0)
		result = fdm_records(&f);
	for (i = 0; i < f.naccounts; i++)
		fdm_account_free(&f.accounts[i]);
	free(f.accounts);
	fdm_value_free(&f.default_user);
	fdm_free(&f.lx);
	return (result);
}

const struct import_format	 import_fdm = { "fdm", fdm_parse, fdm_seen, field_netrc };

static int
statements(struct fdm *f)
{
	if (fdm_next(&f->lx) == -1)
		return (-1);
	while (f->lx.token.kind != FDM_END)
		if (statement(f) == -1)
			return (-1);
	if (f->open > 0)
		return (import_fail(f->lx.imp, f->lx.line, "the } of a match is missing"));
	return (0);
}

static int
statement(struct fdm *f)
{
	static const struct {
		const char	*word;
		int		(*read)(struct fdm *);
	} words[] = { { "account", fdm_account }, { "action", fdm_action }, { "match", fdm_match }, { "set", set }, { "cache", cache },
	    { "}", fdm_close } };
	struct fdm_token	*t = &f->lx.token;
	size_t			 i;

	if (t->kind == FDM_STRMACRO || t->kind == FDM_NUMMACRO)
		return (macro(f));
	if (t->kind == FDM_INCLUDE && f->includes++ < 100)
		import_note(f->lx.imp, NULL, IMPORT_LOST, t->line, NULL, "the file %s is not read; import it, too, if there are accounts in it, "
		    "and see to the macros that it has", t->value.text);
	if (t->kind == FDM_INCLUDE || t->kind == FDM_NONE)
		return (fdm_next(&f->lx));
	for (i = 0; i < nitems(words); i++)
		if (fdm_is(f, words[i].word))
			return (fdm_next(&f->lx) == -1 ? -1 : words[i].read(f));
	return (fdm_unexpected(f, "account, action, match, set, cache or a macro"));
}

/*
 * $name = strings, or %name = number.  As in fdm, what a string's value ends at, which may be an ifdef, is read before the macro is
 * there, and what follows a number is read with it.
 */
static int
macro(struct fdm *f)
{
	char			 name[FDM_NAME_MAX + 1];
	unsigned int		 line = f->lx.token.line;
	int			 number = f->lx.token.kind == FDM_NUMMACRO, result;
	struct fdm_value	 v = { .text = NULL };
	struct fdm_number	 n = { .n = 0 };

	strlcpy(name, f->lx.token.value.text, sizeof(name));
	if (fdm_next(&f->lx) == -1 || fdm_want(f, "=") == -1)
		return (-1);
	result = number ? fdm_number_here(f, &n) : fdm_string(f, &v);
	if (result == 0 && n.unknown)
		fdm_value_unknown(&v, "a number that a command gives, which is not run here");
	if (result == 0)
		result = fdm_macro_set(&f->lx, line, name, n.n, &v);
	fdm_value_free(&v);
	return (result == 0 && number ? fdm_next(&f->lx) : result);
}

/* cache PATH [expire TIME] */
static int
cache(struct fdm *f)
{
	struct fdm_value	 v = { .text = NULL };
	struct fdm_number	 n;
	int			 result;

	if (f->caches++ == 0)
		f->caches_line = f->lx.token.line;
	result = fdm_replaced(f, &v);
	fdm_value_free(&v);
	if (result == -1 || !fdm_is(f, "expire"))
		return (result);
	return (fdm_next(&f->lx) == -1 ? -1 : fdm_time(f, &n));
}

static int
set(struct fdm *f)
{
	unsigned int	 line = f->lx.token.line;
	size_t		 i;

	for (i = 0; i < nitems(settings) && !fdm_is(f, settings[i].word); i++)
		continue;
	if (i == nitems(settings))
		return (fdm_unexpected(f, "something that can be set"));
	if (fdm_next(&f->lx) == -1 || set_value(f, (int)i) == -1)
		return (-1);
	if (settings[i].text != NULL)
		import_note(f->lx.imp, NULL, settings[i].weight, line, NULL, "%s", settings[i].text);
	return (0);
}

static int
set_value(struct fdm *f, int i)
{
	struct fdm_value	 v = { .text = NULL };
	struct fdm_number	 n;
	int			 result;

	switch (settings[i].operand) {
	case OPERAND_NONE:
		return (0);
	case OPERAND_VERIFY:
		f->verify = 1;
		return (0);
	case OPERAND_GROUP:
	case OPERAND_MASK:
		if (fdm_is(f, "user"))
			return (fdm_next(&f->lx));
		if (fdm_number_next(f) || settings[i].operand == OPERAND_MASK)
			return (fdm_number(f, &n));
		/* FALLTHROUGH */
	case OPERAND_STRING:
		result = fdm_string(f, &v);
		fdm_value_free(&v);
		return (result);
	case OPERAND_NUMBER:
		return (fdm_number(f, &n));
	case OPERAND_TIME:
		return (fdm_time(f, &n));
	case OPERAND_LOOKUP:
		do {
			if (fdm_want(f, "passwd") == -1)
				return (-1);
		} while (fdm_is(f, "passwd"));
		return (0);
	case OPERAND_LOCKS:
		return (set_locks(f));
	case OPERAND_SIZE:
		return (set_size(f));
	case OPERAND_PURGE:
		return (set_purge(f));
	case OPERAND_USER:
		return (set_user(f));
	case OPERAND_UNMATCHED:
		return (set_unmatched(f));
	}
	return (-1);
}

static int
set_size(struct fdm *f)
{
	struct fdm_number	 n;

	f->max_size_line = f->lx.token.line;
	if (fdm_size(f, &n) == -1)
		return (-1);
	if (!n.unknown && (n.n == 0 || n.n > 1073741824))
		return (import_fail(f->lx.imp, f->max_size_line, "maximum-size is 1 octet to 1 gigabyte"));
	f->max_size = n.unknown ? 0 : n.n;
	if (n.unknown)
		import_note(f->lx.imp, NULL, IMPORT_LOST, f->max_size_line, NULL, "maximum-size comes from a command that is not run here; "
		    "max_size takes it");
	return (0);
}

static int
set_purge(struct fdm *f)
{
	struct fdm_number	 n;

	f->purge_after_line = f->lx.token.line;
	f->purge_after = 0;
	if (fdm_is(f, "none"))
		return (fdm_next(&f->lx));
	if (fdm_number(f, &n) == -1)
		return (-1);
	if (!n.unknown && (n.n == 0 || n.n > UINT32_MAX))
		return (import_fail(f->lx.imp, f->purge_after_line, "purge-after is a number from 1 on, or none"));
	f->purge_after = n.unknown ? 0 : n.n;
	return (0);
}

/* The first one counts. */
static int
set_user(struct fdm *f)
{
	struct fdm_value	 v = { .text = NULL };
	unsigned int		 line = f->lx.token.line;
	int			 result = fdm_string(f, &v);

	if (result == 0 && f->default_user_line == 0) {
		f->default_user = v;
		f->default_user_line = line;
		return (0);
	}
	fdm_value_free(&v);
	return (result);
}

static int
set_unmatched(struct fdm *f)
{
	if (fdm_is(f, "keep")) {
		if (f->keep_line == 0)
			f->keep_line = f->lx.token.line;
	} else if (!fdm_is(f, "drop"))
		return (fdm_unexpected(f, "keep or drop"));
	return (fdm_next(&f->lx));
}

static int
set_locks(struct fdm *f)
{
	int	 n;

	if (fdm_is(f, "none"))
		return (fdm_next(&f->lx));
	for (n = 0; fdm_is(f, "fcntl") || fdm_is(f, "flock") || fdm_is(f, "dotlock"); n++)
		if (fdm_next(&f->lx) == -1)
			return (-1);
	return (n > 0 ? 0 : fdm_unexpected(f, "fcntl, flock, dotlock or none"));
}
