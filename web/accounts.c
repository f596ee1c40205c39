/* SPDX-License-Identifier: ISC */
/*
 * Accounts, for who administers them: a list with the way to each one's records, and for administrators of the server a page of
 * each, where its password is set, where its user is let keep records, and where it is removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records.h"

#define ACCOUNTS_SHOWN	500	/* on one page */
#define ACCOUNTS_PATH	"/admin/accounts"

static void	 accounts_list(struct visit *, const char *);
static void	 accounts_find(struct visit *, const char *);
static void	 accounts_table(struct visit *, const struct table *, const char *);
static void	 accounts_row(struct visit *, const struct table *, size_t);
static void	 accounts_add_form(struct visit *, const char *);
static void	 accounts_one(struct visit *, const char *, const char *);
static void	 account_facts(struct visit *, const struct table *, const char *);
static void	 account_forms(struct visit *, const struct table *, const char *);
static void	 account_form(struct visit *, const struct table *, const char *, const char *);
static void	 account_login(struct visit *, const struct table *, size_t);
static void	 field_begin(struct visit *, const char *, const char *, const char *);
static int	 account_add(struct visit *, const char *, char *, size_t);
static int	 account_reset(struct visit *, const char *, char *, size_t);
static int	 account_keeps(struct visit *, const char *, char *, size_t);
static int	 account_remove(struct visit *, const char *, char *, size_t);
static int	 account_change(struct visit *, enum change_act, const char *, const char *, const char *, char *, size_t);
static void	 accounts_went(struct visit *, const char *, const char *);

/* What can be done with an account: each a button, whose name is this. */
static const struct {
	const char	*button, *done;		/* done: what is told of it then */
	int		(*act)(struct visit *, const char *, char *, size_t);
	int		 list;			/* it is done on the page that lists all, and otherwise on the account's; 2: it leads there */
} acts[] = {
	{ "add",	"The account is added.",		account_add,	1 },
	{ "reset",	"The account has its new password.",	account_reset,	0 },
	{ "modify",	"The account is changed.",		account_keeps,	0 },
	{ "remove",	"The account is removed.",		account_remove,	2 },
};

void
show_accounts(struct visit *v)
{
	const char	*account = form_get(&v->req.query, "account");

	if (account == NULL || *account == '\0')
		accounts_list(v, NULL);
	else
		accounts_one(v, account, NULL);
}

void
change_accounts(struct visit *v)
{
	const char	*account = form_get(&v->req.form, "account");
	char		 err[RECORD_ERROR_SIZE] = "Nothing was to be done.";
	size_t		 i;

	for (i = 0; i < nitems(acts) && form_get(&v->req.form, acts[i].button) == NULL; i++)
		continue;
	if (i < nitems(acts) && acts[i].list == 1)
		account = form_get(&v->req.form, "address");
	if (i < nitems(acts) && (account == NULL || *account == '\0'))
		strlcpy(err, "The account's address is missing.", sizeof(err));
	else if (i < nitems(acts) && acts[i].act(v, account, err, sizeof(err)) == 0) {
		accounts_went(v, acts[i].list == 2 ? NULL : account, acts[i].done);
		return;
	}
	v->answer.status = 422;
	if (i == nitems(acts) || acts[i].list == 1 || account == NULL || *account == '\0')
		accounts_list(v, err);
	else
		accounts_one(v, account, err);
}

/* All accounts that the visitor administers, or those that he looks for.  wrong: what is with the one that he wanted to add. */
static void
accounts_list(struct visit *v, const char *wrong)
{
	struct table	*t;
	const char	*find = v->req.method == METHOD_GET ? form_get(&v->req.query, "find") : NULL;
	int		 server = (v->me.rights & WEB_SERVER_ADMIN) != 0;

	if ((t = table_get(v, "account", NULL, 0)) == NULL) {
		page_error(v, 503, v->said);
		return;
	}
	page_begin(v, "Accounts");
	if (table_rows(t) == 0)
		page_note(v, "hint", server ? "There is no account yet. Add the first one below; then make its records, which say where its "
		    "mail is fetched." : "There is no account in your domains. An administrator of the server adds them.");
	else {
		accounts_find(v, find);
		accounts_table(v, t, find == NULL ? "" : find);
	}
	table_free(t);
	if (server)
		accounts_add_form(v, wrong);
	else if (wrong != NULL)
		page_note(v, "bad", wrong);
	page_end(v);
}

static void
accounts_find(struct visit *v, const char *find)
{
	struct answer	*a = &v->answer;

	put(a, "<form method=\"get\" action=\"");
	put_path(a, &v->req, ACCOUNTS_PATH);
	put(a, "\">\n<div class=\"fields narrow\"><div class=\"field\"><label for=\"find\">Part of the address</label> "
	    "<input type=\"search\" id=\"find\" name=\"find\" autocapitalize=\"none\" spellcheck=\"false\" value=\"");
	text(a, find == NULL ? "" : find);
	put(a, "\"></div></div>\n<p class=\"buttons\"><button class=\"second\" type=\"submit\">Find</button></p>\n</form>\n");
}

static void
accounts_table(struct visit *v, const struct table *t, const char *find)
{
	struct answer	*a = &v->answer;
	const char	*address;
	size_t		 i, found = 0;

	put(a, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Accounts\">\n<table>\n"
	    "<thead><tr><th scope=\"col\">Account</th><th scope=\"col\">Records</th><th scope=\"col\">Password</th><th scope=\"col\">User keeps records</th>"
	    "<th scope=\"col\">Last login</th></tr></thead>\n<tbody>\n");
	for (i = 0; i < table_rows(t); i++)
		if ((address = table_value(t, i, "address")) != NULL && strstr(address, find) != NULL && found++ < ACCOUNTS_SHOWN)
			accounts_row(v, t, i);
	if (found == 0)
		put(a, "<tr><td colspan=\"5\">No account has that in its address.</td></tr>\n");
	put(a, "</tbody>\n</table>\n</div>\n");
	if (found > ACCOUNTS_SHOWN)
		putf(a, "<p class=\"dim\">These are %d of %zu accounts; look for a part of the address to see others.</p>\n", ACCOUNTS_SHOWN,
		    found);
}

static void
accounts_row(struct visit *v, const struct table *t, size_t row)
{
	struct answer	*a = &v->answer;
	const char	*address = table_value(t, row, "address"), *keeps = table_value(t, row, "can_modify_rpop");
	int		 server = (v->me.rights & WEB_SERVER_ADMIN) != 0;

	put(a, "<tr><td class=\"long\">");
	if (server) {
		put(a, "<a href=\"");
		record_query(v, ACCOUNTS_PATH, address, NULL);
		/* One's own account is named, too. */
		if (strcmp(address, v->me.account) == 0) {
			put(a, "?account=");
			record_encoded(a, address);
		}
		put(a, "\">");
	}
	text(a, address);
	put(a, server ? "</a></td><td class=\"act\"><a href=\"" : "</td><td class=\"act\"><a href=\"");
	record_query(v, strcmp(address, v->me.account) == 0 ? "/records" : "/admin/records", address, NULL);
	put(a, "\" aria-label=\"Records of ");
	text(a, address);
	put(a, "\">Records</a></td><td>");
	put(a, table_secret(t, row, "password") ? "set" : "none");
	put(a, keeps != NULL && strcmp(keeps, "1") == 0 ? "</td><td>yes</td><td>" : "</td><td>no</td><td>");
	account_login(v, t, row);
	put(a, "</td></tr>\n");
}

/* When the account was last logged in to with a mail program, and from where. */
static void
account_login(struct visit *v, const struct table *t, size_t row)
{
	const char	*at = table_value(t, row, "last_login"), *client = table_value(t, row, "last_client"), *wrong;
	int64_t		 when = at == NULL ? 0 : strtonum(at, 1, INT64_MAX, &wrong);

	if (when == 0) {
		put(&v->answer, "none is known");
		return;
	}
	text_time(&v->answer, when);
	if (client != NULL) {
		put(&v->answer, " from ");
		text(&v->answer, client);
	}
}

/* wrong: what is with the account that was to be added; NULL: there was none.  What was typed is kept, but the password. */
static void
accounts_add_form(struct visit *v, const char *wrong)
{
	struct answer	*a = &v->answer;
	const char	*address = wrong == NULL ? NULL : form_get(&v->req.form, "address");

	put(a, "<h2>Add an account</h2>\n");
	page_form(v, ACCOUNTS_PATH);
	put(a, "<div class=\"fields narrow\">\n");
	field_begin(v, "address", "Address", wrong);
	put(a, " type=\"text\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" required value=\"");
	text(a, address == NULL ? "" : address);
	put(a, "\">");
	if (wrong != NULL) {
		put(a, "\n<p class=\"error\" id=\"error\">");
		text(a, wrong);
		put(a, "</p>");
	}
	put(a, "</div>\n");
	field_begin(v, "password", "Password (may be set later)", NULL);
	put(a, " type=\"password\" autocomplete=\"new-password\"></div>\n");
	field_begin(v, "again", "Password, again", NULL);
	put(a, " type=\"password\" autocomplete=\"new-password\"></div>\n");
	field_begin(v, "can_modify_rpop", "Its user keeps its records himself", NULL);
	put(a, " type=\"checkbox\" value=\"1\"");
	put(a, wrong != NULL && form_get(&v->req.form, "can_modify_rpop") != NULL ? " checked></div>\n" : "></div>\n");
	put(a, "</div>\n<p class=\"buttons\"><button type=\"submit\" name=\"add\" value=\"1\">Add account</button></p>\n</form>\n");
}

/* A field's label, and the field up to its type. */
static void
field_begin(struct visit *v, const char *name, const char *label, const char *wrong)
{
	struct answer	*a = &v->answer;

	put(a, "<div class=\"field\"><label for=\"");
	put(a, name);
	put(a, "\">");
	put(a, label);
	put(a, "</label> <input id=\"");
	put(a, name);
	put(a, "\" name=\"");
	put(a, name);
	put(a, wrong != NULL ? "\" aria-invalid=\"true\" aria-describedby=\"error\"" : "\"");
}

/* The page of one account.  wrong: why what was wanted was not done. */
static void
accounts_one(struct visit *v, const char *account, const char *wrong)
{
	struct pair	 address = { "address", account };
	struct table	*t;

	if ((t = table_get(v, "account", &address, 1)) == NULL) {
		page_error(v, 503, v->said);
		return;
	}
	if (table_rows(t) != 1) {
		table_free(t);
		page_error(v, 404, "There is no such account, or it is none that you administer.");
		return;
	}
	page_begin(v, "Account");
	if (wrong != NULL)
		page_note(v, "bad", wrong);
	account_facts(v, t, account);
	if (v->me.rights & WEB_SERVER_ADMIN)
		account_forms(v, t, account);
	else
		page_note(v, "hint", "Administrators of the server change accounts; you keep the records.");
	put(&v->answer, "<p><a href=\"");
	put_path(&v->answer, &v->req, ACCOUNTS_PATH);
	put(&v->answer, "\">All accounts</a></p>\n");
	page_end(v);
	table_free(t);
}

static void
account_facts(struct visit *v, const struct table *t, const char *account)
{
	struct answer	*a = &v->answer;

	put(a, "<dl class=\"facts\">\n<dt>Address</dt><dd>");
	text(a, account);
	put(a, "</dd>\n<dt>Records</dt><dd><a href=\"");
	record_query(v, strcmp(account, v->me.account) == 0 ? "/records" : "/admin/records", account, NULL);
	put(a, "\">where its mail is fetched</a></dd>\n<dt>Password</dt><dd>");
	put(a, table_secret(t, 0, "password") ? "set" : "none");
	put(a, "</dd>\n<dt>Last login</dt><dd>");
	account_login(v, t, 0);
	put(a, "</dd>\n</dl>\n");
}

static void
account_forms(struct visit *v, const struct table *t, const char *account)
{
	struct answer	*a = &v->answer;
	const char	*keeps = table_value(t, 0, "can_modify_rpop");

	account_form(v, t, account, "Set its password");
	field_begin(v, "password", "New password", NULL);
	put(a, " type=\"password\" autocomplete=\"new-password\" required></div>\n");
	field_begin(v, "again", "New password, again", NULL);
	put(a, " type=\"password\" autocomplete=\"new-password\" required></div>\n</div>\n<p class=\"buttons\">"
	    "<button type=\"submit\" name=\"reset\" value=\"1\">Set password</button></p>\n</form>\n");

	account_form(v, t, account, "Its records");
	field_begin(v, "can_modify_rpop", "Its user keeps them himself", NULL);
	put(a, " type=\"checkbox\" value=\"1\"");
	put(a, keeps != NULL && strcmp(keeps, "1") == 0 ? " checked" : "");
	put(a, "></div>\n</div>\n<p class=\"buttons\"><button type=\"submit\" name=\"modify\" value=\"1\">Update</button></p>\n</form>\n");

	account_form(v, t, account, "Remove it");
	field_begin(v, "sure", "Yes, remove this account; its mail stays on the disk", NULL);
	put(a, " type=\"checkbox\" value=\"1\" required></div>\n</div>\n<p class=\"buttons\">"
	    "<button class=\"danger\" type=\"submit\" name=\"remove\" value=\"1\">Remove account</button></p>\n</form>\n");
}

/* A form about the account as it is now, up to its first field. */
static void
account_form(struct visit *v, const struct table *t, const char *account, const char *title)
{
	struct answer	*a = &v->answer;

	put(a, "<h2>");
	put(a, title);
	put(a, "</h2>\n");
	page_form(v, ACCOUNTS_PATH);
	put(a, "<input type=\"hidden\" name=\"account\" value=\"");
	text(a, account);
	put(a, "\"><input type=\"hidden\" name=\"was\" value=\"");
	text(a, table_hash(t, 0));
	put(a, "\">\n<div class=\"fields narrow\">\n");
}

/* A new account brings its domain with it. */
static int
account_add(struct visit *v, const char *address, char *err, size_t errsize)
{
	const char	*password = form_get(&v->req.form, "password"), *at = strrchr(address, '@'), *wrong = NULL;
	char		 verifier[VERIFIER_MAX + 1];
	struct pair	 domain = { "name", at == NULL ? "" : at + 1 }, pairs[3];
	size_t		 n = 0;
	int		 rv = -1;

	pairs[n++] = (struct pair){ "address", address };
	pairs[n++] = (struct pair){ "can_modify_rpop", form_get(&v->req.form, "can_modify_rpop") != NULL ? "1" : "0" };
	if (password != NULL && *password != '\0') {
		wrong = password_made(password, form_get(&v->req.form, "again"), verifier);
		pairs[n++] = (struct pair){ "password", verifier };
	}
	if (wrong == NULL && (*domain.value == '\0' || at == address))
		wrong = "An account is named by its address: a name, @, and a domain.";
	if (wrong != NULL)
		strlcpy(err, wrong, errsize);
	else if (table_change(v, CHANGE_NEED, "domain", &domain, 1, 1, NULL, 1) == -1 ||
	    table_change(v, CHANGE_ADD, "account", pairs, n, 1, NULL, 0) == -1)
		strlcpy(err, v->said, errsize);
	else
		rv = 0;
	explicit_bzero(verifier, sizeof(verifier));
	return (rv);
}

static int
account_reset(struct visit *v, const char *account, char *err, size_t errsize)
{
	char		 verifier[VERIFIER_MAX + 1];
	const char	*wrong = password_made(form_get(&v->req.form, "password"), form_get(&v->req.form, "again"), verifier);
	int		 rv = -1;

	if (wrong != NULL)
		strlcpy(err, wrong, errsize);
	else
		rv = account_change(v, CHANGE_SET, account, "password", verifier, err, errsize);
	explicit_bzero(verifier, sizeof(verifier));
	return (rv);
}

static int
account_keeps(struct visit *v, const char *account, char *err, size_t errsize)
{
	return (account_change(v, CHANGE_SET, account, "can_modify_rpop", form_get(&v->req.form, "can_modify_rpop") != NULL ? "1" : "0",
	    err, errsize));
}

static int
account_remove(struct visit *v, const char *account, char *err, size_t errsize)
{
	if (form_get(&v->req.form, "sure") != NULL)
		return (account_change(v, CHANGE_REMOVE, account, NULL, NULL, err, errsize));
	strlcpy(err, "Nothing was removed: say that you are sure.", errsize);
	return (-1);
}

/* One column of the account is changed, or (column NULL) the account removed, if it is as its page has shown it.  0, or -1, err. */
static int
account_change(struct visit *v, enum change_act act, const char *account, const char *column, const char *value, char *err,
    size_t errsize)
{
	struct pair	 pairs[2] = { { "address", account }, { column, value } };
	const char	*was = form_get(&v->req.form, "was");

	if (was == NULL || strlen(was) != RECORD_HASH_DIGITS)
		strlcpy(err, "The form does not say which state of this account it is about; load the page again.", errsize);
	else if (table_change(v, act, "account", pairs, column == NULL ? 1 : 2, 1, was, 0) == -1)
		strlcpy(err, v->said, errsize);
	else
		return (0);
	return (-1);
}

/* Goes on to the page of the account, or to the list (NULL), where it is told what was done. */
static void
accounts_went(struct visit *v, const char *account, const char *done)
{
	char	 path[sizeof(v->answer.location)];

	if (account == NULL || record_address(ACCOUNTS_PATH, account, path, sizeof(path) - sizeof(v->req.base)) == 0)
		strlcpy(path, ACCOUNTS_PATH, sizeof(path));
	strlcpy(v->said, done, sizeof(v->said));
	answer_see(&v->answer, &v->req, path);
}
