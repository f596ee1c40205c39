/* SPDX-License-Identifier: ISC */
/* links: regress/unit/web/world.c web/try.c web/records.c web/record_row.c web/record_change.c web/html.c web/form.c web/answer.c web/fcgi.c */
/* The page of a trial: nothing is tried before it is asked for, and what a server has sent is shown as text. */
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

static int
setup(void **state __unused)
{
	world_reset(ANNA, WEB_MODIFY);
	return (0);
}

static const char *
post(const char *body)
{
	const char	*page;

	world_log[0] = '\0';
	page = world_post(change_try, "/records/try", body);
	free(page_skeleton());
	return (page);
}

static void
test_asks(void **state __unused)
{
	const char	*page = world_get(show_try, "/records/try", "record=a%20%26%22b");
	char		*is;

	free(page_skeleton());
	assert_string_equal(world_log, "");
	assert_non_null(strstr(page, "nothing is retrieved, delivered or deleted"));
	is = page_value("record", "value");
	assert_string_equal(is, "a &\"b");
	free(is);
	assert_null(page_value("account", "value"));
	assert_non_null(strstr(page, "href=\"/records\""));
	page = world_get(show_try, "/records/try", "record=isp&account=bert%40example.org");
	assert_non_null(strstr(page, "href=\"/admin/records?account=bert%40example.org\""));
	is = page_value("account", "value");
	assert_string_equal(is, "bert@example.org");
	free(is);
	(void)world_get(show_try, "/records/try", "");
	assert_int_equal(world_v.answer.status, 404);
}

static void
test_tried(void **state __unused)
{
	struct ctl_tried	 one = { .number = 1, .size = 1234, .state = "new", .what = "would be delivered", .uid = "u<1>",
				    .why = "X-Real-To: anna\nroute: <anna>" }, two = { .number = 2, .state = "delivered" };
	struct ctl_envelope	 special = { .special = 1, .looked = 2, .messages = 2, .counted = 1, .name = "X-Real-To" },
				 other = { .looked = 2, .messages = 1, .name = "Envelope-To" };
	const char		*page;

	world_tried(&two);
	world_tried(&one);
	world_envelope(&special);
	world_envelope(&other);
	page = post("record=isp");
	assert_string_equal(world_log, "CTL_TRY " ANNA "/isp\n");
	assert_int_equal(world_v.answer.status, 200);
	assert_non_null(strstr(page, "<p class=\"note good\">it is done</p>"));
	assert_non_null(strstr(page, "<tr><td class=\"num\">1</td><td class=\"num\">1234</td><td>new</td><td class=\"long\">would be delivered"
	    "<br><span class=\"dim\">X-Real-To: anna</span><br><span class=\"dim\">route: &lt;anna&gt;</span></td>"
	    "<td class=\"long\">u&lt;1&gt;</td></tr>\n<tr><td class=\"num\">2</td><td class=\"num\">?</td><td>delivered</td>"));
	assert_non_null(strstr(page, "Special: X-Real-To was in 2 of 2 messages looked at, and an address counts in 1"));
	assert_non_null(strstr(page, "Maybe meant for Special: Envelope-To was in 1 of 2"));
}

static void
test_failed(void **state __unused)
{
	const char	*page;
	char		 body[1024] = "record=", *p;

	world_refuse("CTL_TRY", "login: -ERR <wrong> password");
	page = post("record=isp&account=bert%40example.org");
	assert_string_equal(world_log, "CTL_TRY bert@example.org/isp\n");
	assert_int_equal(world_v.answer.status, 422);
	assert_non_null(strstr(page, "<p class=\"note bad\">login: -ERR &lt;wrong&gt; password</p>"));
	p = body + strlen(body);
	memset(p, 'x', 500);
	p[500] = '\0';
	(void)post(body);
	assert_int_equal(world_v.answer.status, 404);
	assert_string_equal(world_log, "");
}

/* What a server or a sender has written changes no element of the page. */
static void
test_hostile(void **state __unused)
{
	static const char *const	 hostile[] = { "plain", "<script>", "\"><b>", "&lt;", "-->", "</td></tr></table>", "\033[2J", "\377\300", "%s%n" };
	struct ctl_tried		 t = { .number = 1 };
	struct ctl_envelope		 e = { .special = 0 };
	char				*is, *first = NULL;
	size_t				 i;

	for (i = 0; i < nitems(hostile); i++) {
		world_reset(ANNA, WEB_MODIFY);
		strlcpy(t.state, hostile[i], sizeof(t.state));
		strlcpy(t.what, hostile[i], sizeof(t.what));
		strlcpy(t.uid, hostile[i], sizeof(t.uid));
		strlcpy(t.why, hostile[i], sizeof(t.why));
		strlcpy(e.name, hostile[i], sizeof(e.name));
		world_tried(&t);
		world_envelope(&e);
		(void)post("record=isp");
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
		cmocka_unit_test_setup(test_asks, setup),
		cmocka_unit_test_setup(test_tried, setup),
		cmocka_unit_test_setup(test_failed, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
