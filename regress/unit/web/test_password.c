/* SPDX-License-Identifier: ISC */
/* links: regress/unit/web/world.c web/password.c web/records.c web/record_row.c web/record_change.c web/html.c web/form.c web/answer.c web/fcgi.c auth/verify.c */
/* The page with which a password is changed: what is sent is the old one and the verifier of the new one, and no page has either. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "web/records.h"
#include "world.h"

#define ANNA	"anna@example.org"

static int
setup(void **state __unused)
{
	world_reset(ANNA, WEB_PASSWORD);
	return (0);
}

static const char *
post(const char *old, const char *new, const char *again)
{
	char	 body[8192];

	snprintf(body, sizeof(body), "old=%s&new=%s&again=%s", world_encoded(old), world_encoded(new), world_encoded(again));
	world_log[0] = '\0';
	return (world_post(change_password, "/password", body));
}

static void
test_page(void **state __unused)
{
	static const char *const	 fields[][2] = { { "old", "current-password" }, { "new", "new-password" }, { "again", "new-password" } };
	char				*is;
	size_t				 i;

	(void)world_get(show_password, "/password", "");
	free(page_skeleton());
	assert_string_equal(world_log, "");
	for (i = 0; i < nitems(fields); i++) {
		is = page_value(fields[i][0], "type");
		assert_string_equal(is, "password");
		free(is);
		is = page_value(fields[i][0], "autocomplete");
		assert_string_equal(is, fields[i][1]);
		free(is);
		assert_null(page_value(fields[i][0], "value"));
	}
}

static void
test_changed(void **state __unused)
{
	const char	*page = post("s3cret-old", "s3cret-new", "s3cret-new");

	assert_string_equal(world_log, "PASSWORD '' set 1 old 's3cret-old' new $y$... of 1\n");
	assert_int_equal(world_v.answer.status, 200);
	assert_int_equal(world_v.me.entry, WEB_NOBODY);	/* the session is over */
	assert_null(strstr(page, "s3cret"));
	assert_non_null(strstr(page, "Your password is changed"));
	free(page_skeleton());
}

static void
test_refused(void **state __unused)
{
	static const struct { const char *old, *new, *again, *said; int old_wrong; } wrong[] = {
		{ "", "new", "new", "Enter the password with which", 1 }, { "old", "", "", "Enter a new password", 0 },
		{ "old", "new", "", "not typed twice", 0 }, { "old", "new", "New", "not typed twice", 0 },
		{ "old", "\302\255", "\302\255", "SASLprep", 0 }, { "old", "a\302\200", "a\302\200", "SASLprep", 0 }
	};
	char		 longest[PROTO_SECRET_MAX + 2], *is;
	const char	*page;
	size_t		 i;

	for (i = 0; i < nitems(wrong); i++) {
		page = post(wrong[i].old, wrong[i].new, wrong[i].again);
		assert_string_equal(world_log, "");
		assert_int_equal(world_v.answer.status, 422);
		assert_non_null(strstr(page, wrong[i].said));
		is = page_value(wrong[i].old_wrong ? "old" : "new", "aria-invalid");
		assert_string_equal(is, "true");
		free(is);
		free(page_skeleton());
	}
	memset(longest, 'p', sizeof(longest));
	longest[PROTO_SECRET_MAX + 1] = '\0';
	assert_non_null(strstr(post("old", longest, longest), "too long"));
	assert_non_null(strstr(post(longest, "new", "new"), "Enter the password with which"));
	longest[512] = '\0';
	page = post("old", longest, longest);
	assert_non_null(strstr(page, "it may have 511 octets"));
	assert_null(strstr(page, "--scram"));
	assert_string_equal(world_log, "");
	longest[511] = '\0';
	(void)post("old", longest, longest);
	assert_int_equal(world_v.answer.status, 200);
	world_refuse("PASSWORD", "the old password is wrong; nothing was changed");
	page = post("s3cret-old", "s3cret-new", "s3cret-new");
	assert_int_equal(world_v.answer.status, 422);
	assert_int_equal(world_v.me.entry, WEB_ENTERED);
	assert_non_null(strstr(page, "the old password is wrong"));
	assert_null(strstr(page, "s3cret"));
	is = page_value("old", "aria-invalid");
	assert_string_equal(is, "true");
	free(is);
}

/* A password that is kept elsewhere is not changed here. */
static void
test_elsewhere(void **state __unused)
{
	world_v.me.rights = 0;
	assert_non_null(strstr(world_get(show_password, "/password", ""), "not kept here"));
	free(page_skeleton());
	assert_int_equal(page_count("form", NULL), 0);
	(void)post("old", "new", "new");
	assert_int_equal(world_v.answer.status, 403);
	assert_string_equal(world_log, "");
}

/* An auth process knows the password by what was made of it, however it is composed. */
static void
test_verifier(void **state __unused)
{
	char	 out[VERIFIER_MAX + 1];

	assert_null(password_made("a\314\210rger", "a\314\210rger", out));
	assert_null(verifier_wrong(out, strlen(out)));
	assert_int_equal(verify(out, strlen(out), "\303\244rger", 6), AUTH_VERDICT_YES);
	assert_int_equal(verify(out, strlen(out), "arger", 5), AUTH_VERDICT_NO);
	assert_non_null(password_made(NULL, NULL, out));
	assert_non_null(password_made("x", NULL, out));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_page, setup),
		cmocka_unit_test_setup(test_changed, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_elsewhere, setup),
		cmocka_unit_test_setup(test_verifier, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
