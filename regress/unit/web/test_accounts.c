/* SPDX-License-Identifier: ISC */
/* links: regress/unit/web/world.c web/accounts.c web/password.c web/records.c web/record_row.c web/record_change.c web/html.c web/form.c web/answer.c web/fcgi.c */
/* The pages of accounts: who sees what, and what is asked of the daemon. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "web/web.h"
#include "world.h"

#define ANNA	"anna@example.org"
#define PM	"postmaster@example.org"

static int
setup(void **state __unused)
{
	world_reset(PM, WEB_SERVER_ADMIN | WEB_MODIFY | WEB_PASSWORD);
	world_row("account", "address", ANNA, "!password", "x", "can_modify_rpop", "1", "last_login", "1000000000", "last_client",
	    "2001:db8::1", NULL);
	world_row("account", "address", PM, "password", NULL, "can_modify_rpop", "0", NULL);
	return (0);
}

static const char *
post(const char *body)
{
	const char	*p;

	world_log[0] = '\0';
	p = world_post(change_accounts, "/admin/accounts", body);
	if (world_v.answer.status != 303)
		free(page_skeleton());
	return (p);
}

static void
one(void)
{
	(void)world_get(show_accounts, "/admin/accounts", "account=anna%40example.org");
	assert_int_equal(world_v.answer.status, 200);
	free(page_skeleton());
}

/* Each account with the way to its records, what it has, and its page; a part of the address finds it. */
static void
test_list(void **state __unused)
{
	const char	*page = world_get(show_accounts, "/admin/accounts", "");

	free(page_skeleton());
	assert_non_null(strstr(page, "<a href=\"/admin/accounts?account=anna%40example.org\">" ANNA "</a>"));
	assert_non_null(strstr(page, "<a href=\"/admin/accounts?account=postmaster%40example.org\">" PM "</a>"));
	assert_non_null(strstr(page, "<a href=\"/admin/records?account=anna%40example.org\" aria-label=\"Records of " ANNA "\">Records</a></td>"
	    "<td>set</td><td>yes</td><td><time datetime=\"2001-09-09T01:46:40Z\">"));
	assert_non_null(strstr(page, " from 2001:db8::1"));
	assert_non_null(strstr(page, "<a href=\"/records\" aria-label=\"Records of " PM "\">Records</a></td><td>none</td><td>no</td>"));
	page = world_get(show_accounts, "/admin/accounts", "find=ann");
	assert_non_null(strstr(page, ANNA));
	assert_null(strstr(page, PM));
	page = world_get(show_accounts, "/admin/accounts", "find=%3Cb%3E");
	free(page_skeleton());
	assert_non_null(strstr(page, "No account has that"));
	assert_non_null(strstr(page, "value=\"&lt;b&gt;\""));
}

/* A domain's administrator sees his domains' accounts and gets to their records; nothing else of them can be changed there. */
static void
test_domain_admin(void **state __unused)
{
	const char	*page;

	world_v.me.rights = WEB_DOMAIN_ADMIN;
	page = world_get(show_accounts, "/admin/accounts", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "/admin/records?account=anna%40example.org"));
	assert_null(strstr(page, "/admin/accounts?account"));
	assert_null(page_value("add", "value"));
	page = world_get(show_accounts, "/admin/accounts", "account=" ANNA);
	free(page_skeleton());
	assert_int_equal(page_count("form", NULL), 0);
	assert_non_null(strstr(page, "Administrators of the server change accounts"));
	world_refuse("account", "only an administrator of the server may do that");
	(void)post("add=1&address=new%40example.org");
	assert_int_equal(world_v.answer.status, 503);	/* nor is there a list */
	world_reset("dora@example.org", WEB_DOMAIN_ADMIN);
	page = world_get(show_accounts, "/admin/accounts", "");
	assert_non_null(strstr(page, "There is no account in your domains"));
}

/* A new account brings its domain; with a password, its verifier. */
static void
test_add(void **state __unused)
{
	const char	*page;
	char		*is;

	(void)world_get(show_accounts, "/admin/accounts", "");
	(void)post(page_submit("add", "address", "new@example.com", "can_modify_rpop", "1", NULL));
	assert_string_equal(world_log, "NEED domain name=example.com +\nADD account address=new@example.com, can_modify_rpop=1\n");
	assert_int_equal(world_v.answer.status, 303);
	assert_string_equal(world_v.answer.location, "/admin/accounts?account=new%40example.com");
	assert_string_equal(world_v.said, "The account is added.");
	(void)world_get(show_accounts, "/admin/accounts", "");
	(void)post(page_submit("add", "address", "new@example.com", "password", "s3cret", "again", "s3cret", NULL));
	assert_non_null(strstr(world_log, "ADD account address=new@example.com, can_modify_rpop=0, password=$y$"));
	(void)world_get(show_accounts, "/admin/accounts", "");
	page = post(page_submit("add", "address", "new@<b>", "password", "s3cret", "again", "other", "can_modify_rpop", "1", NULL));
	assert_string_equal(world_log, "ROWS account\n");
	assert_int_equal(world_v.answer.status, 422);
	assert_non_null(strstr(page, "not typed twice"));
	assert_null(strstr(page, "s3cret"));
	is = page_value("address", "value");
	assert_string_equal(is, "new@<b>");
	free(is);
	is = page_value("can_modify_rpop", "checked");
	assert_non_null(is);
	free(is);
	assert_non_null(strstr(post("add=1&address=new"), "An account is named by its address"));
	assert_non_null(strstr(post("add=1&address=%40x"), "An account is named by its address"));
	assert_non_null(strstr(post("add=1"), "address is missing"));
	assert_non_null(strstr(post(""), "Nothing was to be done"));
	world_refuse("ADD account", "account: a name is in lower case");
	page = post("add=1&address=New%40example.org");
	assert_int_equal(world_v.answer.status, 422);
	assert_non_null(strstr(page, "<p class=\"error\" id=\"error\">account: a name is in lower case"));
}

/* What is done with an account is done with the one that its page has shown, as that was. */
static void
test_one(void **state __unused)
{
	const char	*page;
	char		*form;

	one();
	(void)post(page_submit("reset", "password", "s3cret", "again", "s3cret", NULL));
	assert_non_null(strstr(world_log, "SET account address=" ANNA ", password=$y$"));
	assert_int_equal(world_v.answer.status, 303);
	assert_string_equal(world_v.answer.location, "/admin/accounts?account=anna%40example.org");
	one();
	page = post(page_submit("reset", "password", "s3cret", "again", "s3Cret", NULL));
	assert_string_equal(world_log, "ROWS account\n");
	assert_int_equal(world_v.answer.status, 422);
	assert_null(strstr(page, "s3cret"));
	one();
	(void)post(page_submit("modify", "can_modify_rpop", "", NULL));
	assert_string_equal(world_log, "SET account address=" ANNA ", can_modify_rpop=0\n");
	one();
	page = post(page_submit("remove", NULL));
	assert_string_equal(world_log, "ROWS account\n");
	assert_non_null(strstr(page, "say that you are sure"));
	one();
	form = strdup(page_submit("remove", "sure", "1", NULL));
	(void)post(form);
	assert_string_equal(world_log, "REMOVE account address=" ANNA "\n");
	assert_string_equal(world_v.answer.location, "/admin/accounts");
	world_set(0, "can_modify_rpop", "0");
	page = post(form);
	assert_int_equal(world_v.answer.status, 422);
	assert_non_null(strstr(page, "somebody has changed it meanwhile"));
	free(form);
	assert_non_null(strstr(post("remove=1&sure=1&account=" ANNA), "which state of this account"));
	(void)world_get(show_accounts, "/admin/accounts", "account=nobody%40example.org");
	assert_int_equal(world_v.answer.status, 404);
}

/* The first account of an installation; more than one page of them. */
static void
test_numbers(void **state __unused)
{
	const char	*page;
	char		 address[64];
	int		 i;

	world_reset(PM, WEB_SERVER_ADMIN);
	page = world_get(show_accounts, "/admin/accounts", "");
	free(page_skeleton());
	assert_non_null(strstr(page, "There is no account yet. Add the first one below"));
	for (i = 0; i < 600; i++) {
		snprintf(address, sizeof(address), "user%03d@example.org", i);
		world_row("account", "address", address, "can_modify_rpop", "0", NULL);
	}
	page = world_get(show_accounts, "/admin/accounts", "");
	assert_non_null(strstr(page, "user499@"));
	assert_null(strstr(page, "user500@"));
	assert_non_null(strstr(page, "These are 500 of 600 accounts"));
	assert_non_null(strstr(world_get(show_accounts, "/admin/accounts", "find=user59"), "user599@"));
}

/* What somebody has named an account, or come from, is text. */
static void
test_hostile(void **state __unused)
{
	static const char *const	 hostile[] = { "a&b'c@example.org", "<script>@x", "\"><img src=x>@x", "</td></table>@x", "a+=&@x", "\377@x" };
	char				*is, *first = NULL;
	size_t				 i;

	for (i = 0; i < nitems(hostile); i++) {
		world_reset(PM, WEB_SERVER_ADMIN);
		world_row("account", "address", hostile[i], "!password", hostile[i], "can_modify_rpop", hostile[i], "last_login", "1000000000",
		    "last_client", hostile[i], NULL);
		(void)world_get(show_accounts, "/admin/accounts", "");
		is = page_skeleton();
		if (first == NULL)
			first = strdup(is);
		assert_string_equal(is, first);
		free(is);
	}
	free(first);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_list, setup),
		cmocka_unit_test_setup(test_domain_admin, setup),
		cmocka_unit_test_setup(test_add, setup),
		cmocka_unit_test_setup(test_one, setup),
		cmocka_unit_test_setup(test_numbers, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
