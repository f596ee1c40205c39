/* SPDX-License-Identifier: ISC */
/* Statement "account" of an fdm.conf.  Its words have one order. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "fdm_int.h"

static int	 account_read(struct fdm *, struct fdm_account *);
static int	 account_name(struct fdm *, struct fdm_account *);
static int	 account_source(struct fdm *, struct fdm_account *);
static int	 pop3(struct fdm *, struct fdm_account *, int);
static int	 pop3_only(struct fdm *, struct fdm_account *);
static int	 imap(struct fdm *, struct fdm_account *, int);
static int	 nntp(struct fdm *, struct fdm_account *);
static int	 files(struct fdm *, struct fdm_account *);
static int	 flag(struct fdm *, const char *, int *, int);
static int	 some(struct fdm *, struct fdm_value *, const char *);

int
fdm_account(struct fdm *f)
{
	struct fdm_account	 a = { .line = f->lx.token.line, .verify = 1, .apop = 1, .uidl = 1 };

	if (account_read(f, &a) == -1 || f->naccounts == IMPORT_RECORDS_MAX) {
		if (f->naccounts == IMPORT_RECORDS_MAX)
			import_fail(f->lx.imp, a.line, "these are more than %d accounts; divide the file", IMPORT_RECORDS_MAX);
		fdm_account_free(&a);
		return (-1);
	}
	if ((f->accounts = array_grow(f->accounts, f->naccounts, sizeof(a))) == NULL)
		err(1, NULL);
	f->accounts[f->naccounts++] = a;
	return (0);
}

void
fdm_account_free(struct fdm_account *a)
{
	fdm_value_free(&a->name);
	fdm_value_free(&a->host);
	fdm_value_free(&a->port);
	fdm_value_free(&a->user);
	fdm_value_free(&a->pass);
	fdm_value_free(&a->cache);
	fdm_value_free(&a->owner);
}

/* account NAME [disabled] [users] SOURCE [keep] */
static int
account_read(struct fdm *f, struct fdm_account *a)
{
	if (account_name(f, a) == -1 || flag(f, "disabled", &a->disabled, 1) == -1)
		return (-1);
	if (fdm_is(f, "user") || fdm_is(f, "users")) {
		a->owner_line = f->lx.token.line;
		if (fdm_next(&f->lx) == -1 || fdm_strings(f, &a->owner, &a->owners) == -1)
			return (-1);
	}
	if (account_source(f, a) == -1)
		return (-1);
	return (flag(f, "keep", &a->keep, 1));
}

static int
account_name(struct fdm *f, struct fdm_account *a)
{
	size_t	 i;

	if (fdm_replaced(f, &a->name) == -1)
		return (-1);
	if (a->name.unknown != NULL)
		return (0);
	if (a->name.len == 0 || a->name.len > FDM_NAME_MAX)
		return (import_fail(f->lx.imp, a->line, "the name of an account has 1 to %d characters", FDM_NAME_MAX));
	for (i = 0; i < f->naccounts; i++)
		if (f->accounts[i].name.unknown == NULL && strcmp(f->accounts[i].name.text, a->name.text) == 0)
			return (import_fail(f->lx.imp, a->line, "there are two accounts with the name %s, the other one in line %u",
			    a->name.text, f->accounts[i].line));
	return (0);
}

static int
account_source(struct fdm *f, struct fdm_account *a)
{
	int	 tls = fdm_is(f, "pop3s") || fdm_is(f, "imaps");

	if (fdm_is(f, "pop3") || fdm_is(f, "pop3s"))
		return (fdm_next(&f->lx) == -1 ? -1 : pop3(f, a, tls));
	if (fdm_is(f, "imap") || fdm_is(f, "imaps")) {
		a->lost = "IMAP";
		return (fdm_next(&f->lx) == -1 ? -1 : imap(f, a, tls));
	}
	if (fdm_is(f, "nntp") || fdm_is(f, "nntps")) {
		a->lost = "NNTP";
		return (fdm_next(&f->lx) == -1 ? -1 : nntp(f, a));
	}
	if (fdm_is(f, "stdin")) {
		a->lost = "standard input";
		return (fdm_next(&f->lx));
	}
	if (fdm_is(f, "maildir") || fdm_is(f, "maildirs") || fdm_is(f, "mbox") || fdm_is(f, "mboxes")) {
		a->lost = "files of this machine";
		return (fdm_next(&f->lx) == -1 ? -1 : files(f, a));
	}
	return (fdm_unexpected(f, "pop3, pop3s or another source of mail"));
}

static int
pop3(struct fdm *f, struct fdm_account *a, int tls)
{
	struct fdm_value	 command = { .text = NULL };
	int			 result, pipe;

	a->tls = tls;
	if (!tls && (pipe = fdm_take(f, "pipe")) != 0) {
		a->lost = "POP3 over the pipe of a program";
		result = pipe == -1 ? -1 : some(f, &command, "command");
		fdm_value_free(&command);
		if (result == -1)
			return (-1);
		if (!fdm_is(f, "user"))
			return (fdm_unexpected(f, "user"));
		if (fdm_login(f, a) == -1)
			return (-1);
		if (a->pass.text == NULL)
			return (fdm_unexpected(f, "pass"));
		return (pop3_only(f, a) == -1 ? -1 : flag(f, "no-apop", &a->apop, 0));
	}
	if (fdm_server(f, a) == -1 || fdm_login(f, a) == -1 || pop3_only(f, a) == -1 || flag(f, "no-apop", &a->apop, 0) == -1 ||
	    flag(f, "no-verify", &a->verify, 0) == -1 || flag(f, "no-uidl", &a->uidl, 0) == -1 || flag(f, "no-tls1", &a->insecure, 0) ==
	    -1 ||
	    flag(f, "starttls", &a->starttls, 1) == -1 || flag(f, "insecure", &a->insecure, 1) == -1)
		return (-1);
	if (tls && a->starttls)
		return (import_fail(f->lx.imp, a->line, "pop3s and starttls exclude each other"));
	return (0);
}

/* new-only cache PATH, or old-only cache PATH */
static int
pop3_only(struct fdm *f, struct fdm_account *a)
{
	if (!fdm_is(f, "new-only") && !fdm_is(f, "old-only"))
		return (0);
	a->only = fdm_is(f, "new-only") ? FDM_NEW : FDM_OLD;
	if (fdm_next(&f->lx) == -1 || fdm_want(f, "cache") == -1)
		return (-1);
	a->cache_line = f->lx.token.line;
	return (fdm_replaced(f, &a->cache));
}

static int
imap(struct fdm *f, struct fdm_account *a, int tls)
{
	static const char *const	 flags[] = { "no-verify", "no-plain", "no-cram-md5", "no-login", "xoauth2", "oauthbearer", "starttls",
	    "insecure" };
	struct fdm_value		 v = { .text = NULL };
	size_t				 i, n;
	int				 result, ignored, pipe = 0;

	if (!tls && (pipe = fdm_take(f, "pipe")) == 1) {
		result = some(f, &v, "command");
		fdm_value_free(&v);
		if (result == -1 || fdm_login(f, a) == -1)
			return (-1);
	} else if (pipe == -1 || fdm_server(f, a) == -1 || fdm_login(f, a) == -1)
		return (-1);
	if (fdm_is(f, "folder") || fdm_is(f, "folders")) {
		result = fdm_next(&f->lx) == -1 ? -1 : fdm_strings(f, &v, &n);
		fdm_value_free(&v);
		if (result == -1)
			return (-1);
	}
	if ((fdm_is(f, "new-only") || fdm_is(f, "old-only")) && fdm_next(&f->lx) == -1)
		return (-1);
	for (i = 0; i < nitems(flags) && !pipe; i++)
		if (flag(f, flags[i], &ignored, 1) == -1)
			return (-1);
	return (0);
}

static int
nntp(struct fdm *f, struct fdm_account *a)
{
	struct fdm_value	 v = { .text = NULL };
	size_t			 n;
	int			 result, ignored;

	if (fdm_server(f, a) == -1 || fdm_login(f, a) == -1)
		return (-1);
	if (!fdm_is(f, "group") && !fdm_is(f, "groups"))
		return (fdm_unexpected(f, "group"));
	result = fdm_next(&f->lx) == -1 ? -1 : fdm_strings(f, &v, &n);
	fdm_value_free(&v);
	if (result == -1 || fdm_want(f, "cache") == -1)
		return (-1);
	result = some(f, &v, "cache");
	fdm_value_free(&v);
	if (result == -1 || flag(f, "no-verify", &ignored, 1) == -1)
		return (-1);
	return (flag(f, "insecure", &ignored, 1));
}

static int
files(struct fdm *f, struct fdm_account *a)
{
	struct fdm_value	 v = { .text = NULL };
	size_t			 n;
	int			 result;

	(void)a;
	result = fdm_strings(f, &v, &n);
	fdm_value_free(&v);
	return (result);
}

/* server HOST [port PORT] */
int
fdm_server(struct fdm *f, struct fdm_account *a)
{
	struct fdm_number	 port;
	char			 digits[24];

	if (fdm_want(f, "server") == -1)
		return (-1);
	a->host_line = f->lx.token.line;
	if (some(f, &a->host, "host") == -1)
		return (-1);
	if (!fdm_is(f, "port"))
		return (0);
	if (fdm_next(&f->lx) == -1)
		return (-1);
	if (!fdm_number_next(f))
		return (some(f, &a->port, "port"));
	if (fdm_number(f, &port) == -1)
		return (-1);
	if (!port.unknown && (port.n < 1 || port.n > 65535))
		return (import_fail(f->lx.imp, a->host_line, "a port is a number from 1 to 65535"));
	if (port.unknown)
		fdm_value_unknown(&a->port, "a command that is not run here, or a macro that is elsewhere");
	snprintf(digits, sizeof(digits), "%lld", (long long)port.n);
	return (fdm_value_add(&f->lx, &a->port, digits, strlen(digits)));
}

/* [user USER] [pass PASSWORD]; what is missing is in ~/.netrc. */
int
fdm_login(struct fdm *f, struct fdm_account *a)
{
	int	 taken;

	if ((taken = fdm_take(f, "user")) == 1) {
		a->user_line = f->lx.token.line;
		taken = some(f, &a->user, "user");
	}
	if (taken == -1)
		return (-1);
	if ((taken = fdm_take(f, "pass")) == 1) {
		a->pass_line = f->lx.token.line;
		taken = some(f, &a->pass, "password");
	}
	return (taken == -1 ? -1 : 0);
}

static int
flag(struct fdm *f, const char *word, int *value, int set)
{
	int	 taken = fdm_take(f, word);

	if (taken == 1)
		*value = set;
	return (taken == -1 ? -1 : 0);
}

/* A string that is not empty, of the length that a column may have. */
static int
some(struct fdm *f, struct fdm_value *v, const char *what)
{
	unsigned int	 line = f->lx.token.line;

	if (fdm_replaced(f, v) == -1)
		return (-1);
	if (v->len == 0 && v->unknown == NULL)
		return (import_fail(f->lx.imp, line, "the %s is empty", what));
	if (v->len > 2048)
		return (import_fail(f->lx.imp, line, "the %s is longer than 2048 octets", what));
	return (0);
}
