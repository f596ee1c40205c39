/* SPDX-License-Identifier: ISC */
/* links: web/alerts.c regress/unit/web/adminrig.c regress/unit/web/htmlcheck.c */
/* The page of alerts: what is listed, made, removed and refused. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adminrig.h"

#define ALERTS	"/admin/alerts"

static void
alert(int64_t id, int64_t told, const char *account, const char *string)
{
	struct ctl_alerted	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.made = 1000;
	m.told = told;
	strlcpy(m.account, account, sizeof(m.account));
	strlcpy(m.text, string, sizeof(m.text));
	rig_item(IMSG_CTL_ALERTS, IMSG_CTL_ALERTED, &m, sizeof(m), -1);
}

/* The first request, which makes or removes one. */
static struct ctl_alert
asked(void)
{
	struct ctl_alert	 m;

	assert_true(rig_nasked > 0);
	assert_int_equal(rig_asked[0].type, IMSG_CTL_ALERT);
	assert_int_equal(rig_asked[0].len, sizeof(m));
	memcpy(&m, rig_asked[0].data, sizeof(m));
	return (m);
}

static void
test_list(void **state)
{
	struct ctl_name	 m;
	int		 i;

	(void)state;
	rig_begin(ALERTS, 0);
	alert(7, 0, "anna@example.org", "the server moves");
	alert(8, 2000, HOSTILE "@example.org", HOSTILE);
	show_alerts(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_int_equal(rig_nasked, 1);
	assert_int_equal(rig_asked[0].type, IMSG_CTL_ALERTS);
	memcpy(&m, rig_asked[0].data, sizeof(m));
	assert_string_equal(m.name, "");
	rig_valid();
	rig_has("<p>the server moves</p>\n<p class=\"dim\">for anna@example.org, made <time datetime=\"x\">@1000</time>, "
	    "not told yet</p>");
	rig_has("<p>" HOSTILE_TEXT "</p>\n<p class=\"dim\">for " HOSTILE_TEXT "@example.org, made "
	    "<time datetime=\"x\">@1000</time>, told <time datetime=\"x\">@2000</time></p>");
	rig_has("name=\"remove\" value=\"7\" aria-label=\"Remove alert 7\">Remove</button>");
	rig_has("name=\"account\"");
	rig_has("maxlength=\"498\"");

	rig_begin(ALERTS, 0);
	show_alerts(&rig);
	rig_valid();
	rig_has("<p>None.</p>");
	rig_begin(ALERTS, 0);
	for (i = 1; i < 520; i++)
		alert(i, 0, "anna@example.org", "x");
	show_alerts(&rig);
	rig_valid();
	assert_int_equal(rig_count("Remove</button>"), 500);
	rig_has("And 19 more, ");
}

static void
test_make(void **state)
{
	struct ctl_alert	 m;

	(void)state;
	rig_begin(ALERTS, 1);
	rig_ok("anna@example.org: is told at the next login (alert 7)");
	rig_field("account", " Anna@example.org ");
	rig_field("text", "the server moves");
	change_alerts(&rig);
	assert_int_equal(rig.answer.status, 303);
	assert_string_equal(rig.answer.location, "/mail/admin/alerts");
	assert_string_equal(rig.said, "anna@example.org: is told at the next login (alert 7)");
	m = asked();
	assert_int_equal(m.remove, 0);
	assert_int_equal(m.id, 0);
	assert_string_equal(m.account, "Anna@example.org");
	assert_string_equal(m.text, "the server moves");
}

static void
test_remove(void **state)
{
	static const char *const	 wrong[] = { "", "0", "-3", "x", "1 ", "99999999999999999999" };
	struct ctl_alert		 m;
	size_t				 i;

	(void)state;
	rig_begin(ALERTS, 1);
	rig_field("remove", "7");
	change_alerts(&rig);
	assert_int_equal(rig.answer.status, 303);
	m = asked();
	assert_int_equal(m.remove, 1);
	assert_int_equal(m.id, 7);
	assert_string_equal(m.account, "");
	for (i = 0; i < nitems(wrong); i++) {
		rig_begin(ALERTS, 1);
		rig_field("remove", wrong[i]);
		change_alerts(&rig);
		assert_int_equal(rig.answer.status, 422);
		assert_int_equal(rig_nasked, 1);
		assert_int_equal(rig_asked[0].type, IMSG_CTL_ALERTS);
	}
}

/* What is refused is shown again, with what was typed. */
static void
test_refused(void **state)
{
	static char	 long_text[600], long_account[400];

	(void)state;
	rig_begin(ALERTS, 1);
	alert(7, 0, "anna@example.org", "the server moves");
	rig_refuse(IMSG_CTL_ALERT, HOSTILE ": no such account");
	rig_field("account", HOSTILE);
	rig_field("text", HOSTILE);
	change_alerts(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_valid();
	rig_has("<p class=\"note bad\">" HOSTILE_TEXT ": no such account</p>");
	assert_int_equal(rig_count("value=\"" HOSTILE_TEXT "\""), 2);
	rig_has("the server moves");

	memset(long_text, 'a', sizeof(long_text) - 1);
	memset(long_account, 'a', sizeof(long_account) - 1);
	rig_begin(ALERTS, 1);
	rig_field("account", "anna@example.org");
	rig_field("text", long_text);
	change_alerts(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_has("The text is too long");
	rig_has(long_text);
	rig_begin(ALERTS, 1);
	rig_field("account", long_account);
	rig_field("text", "x");
	change_alerts(&rig);
	rig_has("That is no address of an account");
	rig_begin(ALERTS, 1);
	rig_field("account", "  ");
	rig_field("text", "x");
	change_alerts(&rig);
	rig_has("its address is missing");
	rig_begin(ALERTS, 1);
	rig_field("account", "anna@example.org");
	change_alerts(&rig);
	rig_has("The alert has no text.");
	assert_int_equal(rig_nasked, 1);
	rig_begin(ALERTS, 0);
	rig_refuse(IMSG_CTL_ALERTS, "state.db cannot be read now; try again");
	show_alerts(&rig);
	assert_int_equal(rig.answer.status, 503);
	rig_has("state.db cannot be read now; try again");
	rig_valid();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_list), cmocka_unit_test(test_make), cmocka_unit_test(test_remove),
		cmocka_unit_test(test_refused)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
