/* SPDX-License-Identifier: ISC */
/* links: web/page.c web/pages.c web/html.c web/answer.c web/form.c web/fcgi.c */
/* What all pages have: navigation by rights, forms with what they bring back, sentences that a redirection brings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web/web.h"

#define NO_PAGE(name)	void name(struct visit *v) { (void)v; }
NO_PAGE(show_login)
NO_PAGE(change_login)
NO_PAGE(change_logout)
NO_PAGE(show_style)
NO_PAGE(show_records)
NO_PAGE(change_records)
NO_PAGE(show_try)
NO_PAGE(change_try)
NO_PAGE(change_poll)
NO_PAGE(show_password)
NO_PAGE(change_password)
NO_PAGE(show_accounts)
NO_PAGE(change_accounts)
NO_PAGE(show_settings)
NO_PAGE(change_settings)
NO_PAGE(show_status)
NO_PAGE(show_queue)
NO_PAGE(change_queue)
NO_PAGE(show_quarantine)
NO_PAGE(change_quarantine)
NO_PAGE(show_alerts)
NO_PAGE(change_alerts)

static struct visit	 v;

static void
enter(uint32_t rights)
{
	buf_free(&v.answer.body);
	form_free(&v.req.query);
	memset(&v, 0, sizeof(v));
	v.pages = pages;
	v.npages = npages;
	answer_begin(&v.answer);
	v.me.entry = WEB_ENTERED;
	v.me.rights = rights;
	memset(v.me.form, 0xab, sizeof(v.me.form));
	strlcpy(v.me.account, "anna@example.org", sizeof(v.me.account));
	strlcpy(v.me.host, "mail.example.org", sizeof(v.me.host));
	strlcpy(v.req.base, "/m", sizeof(v.req.base));
	strlcpy(v.req.path, "/records", sizeof(v.req.path));
}

static const char *
page(void)
{
	buf_free(&v.answer.body);
	answer_begin(&v.answer);
	page_begin(&v, "Your <records>");
	page_end(&v);
	assert_int_equal(buf_add(&v.answer.body, "", 1), 0);
	return ((const char *)buf_data(&v.answer.body));
}

static void
test_navigation(void **arg)
{
	const char	*p;

	(void)arg;
	enter(0);
	p = page();
	assert_non_null(strstr(p, "<a href=\"/m/records\" aria-current=\"page\">Records</a>"));
	assert_non_null(strstr(p, "<h1>Your &lt;records&gt;</h1>"));
	assert_non_null(strstr(p, "<form method=\"post\" action=\"/m/logout\"><input type=\"hidden\" name=\"form\" value=\"abababab"));
	assert_null(strstr(p, "/m/password"));
	assert_null(strstr(p, "/m/admin"));
	enter(WEB_PASSWORD | WEB_DOMAIN_ADMIN);
	strlcpy(v.req.path, "/records/try", sizeof(v.req.path));
	p = page();
	assert_non_null(strstr(p, "<a href=\"/m/records\" aria-current"));
	assert_non_null(strstr(p, "<a href=\"/m/password\">"));
	assert_non_null(strstr(p, "<a href=\"/m/admin/accounts\">"));
	assert_null(strstr(p, "/m/admin/status"));
	enter(WEB_SERVER_ADMIN);
	assert_non_null(strstr(page(), "<a href=\"/m/admin/status\">"));
	v.me.entry = WEB_NOBODY;
	p = page();
	assert_true(strstr(p, "<nav") == NULL && strstr(p, "/logout") == NULL);
}

/* Follows the redirection of the answer; what the page says then. */
static const char *
follow(void)
{
	const char	*q = strchr(v.answer.location, '?');

	form_free(&v.req.query);
	if (q != NULL)
		assert_int_equal(form_parse(&v.req.query, (const uint8_t *)q + 1, strlen(q + 1)), 0);
	v.said[0] = '\0';
	return (page());
}

static void
said(const char *sentence, const char *path)
{
	buf_free(&v.answer.body);
	answer_begin(&v.answer);
	answer_see(&v.answer, &v.req, path);
	strlcpy(v.said, sentence, sizeof(v.said));
	page_said(&v);
}

static void
test_said(void **arg)
{
	char	 longest[sizeof(v.said)];

	(void)arg;
	enter(0);
	said("caf\xc3\xa9/one & <two>: 100% done", "/records");
	assert_int_equal(strncmp(v.answer.location, "/m/records?said=", 16), 0);
	assert_non_null(strstr(follow(), "<p class=\"note good\" role=\"status\">caf\xc3\xa9/one &amp; &lt;two&gt;: 100% done</p>"));
	said("done", "/admin/records?account=a%40b");
	assert_int_equal(strncmp(v.answer.location, "/m/admin/records?account=a%40b&said=done&seal=", 46), 0);
	assert_non_null(strstr(follow(), ">done</p>"));
	memset(longest, '%', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	said(longest, "/records");
	assert_true(strlen(v.answer.location) < sizeof(v.answer.location) && !v.answer.full);
	assert_non_null(strstr(follow(), longest));
	said("", "/records");
	assert_string_equal(v.answer.location, "/m/records");
	assert_null(strstr(follow(), "note"));
}

/* A sentence of another session, another sentence, and one that comes by a form are not shown. */
static void
test_not_said(void **arg)
{
	(void)arg;
	enter(0);
	said("done", "/records");
	v.me.form[31] ^= 1;
	assert_null(strstr(follow(), "done"));
	said("done", "/records");
	assert_non_null(strstr(follow(), "done"));
	said("done", "/records");
	memcpy(strstr(v.answer.location, "done"), "gone", 4);
	assert_null(strstr(follow(), "gone"));
	said("done", "/records");
	v.req.method = METHOD_POST;
	assert_null(strstr(follow(), "done"));
	v.req.method = METHOD_GET;
	said("done", "/records");
	strlcpy(v.said, "", sizeof(v.said));
	v.me.entry = WEB_NOBODY;
	assert_null(strstr(follow(), "done"));
}

static void
test_error(void **arg)
{
	(void)arg;
	enter(0);
	put(&v.answer, "half a page");
	page_error(&v, 403, "not <you>");
	assert_int_equal(buf_add(&v.answer.body, "", 1), 0);
	assert_int_equal(v.answer.status, 403);
	assert_null(strstr((char *)buf_data(&v.answer.body), "half a page"));
	assert_non_null(strstr((char *)buf_data(&v.answer.body), "<p class=\"note bad\" role=\"alert\">not &lt;you&gt;</p>"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_navigation), cmocka_unit_test(test_said), cmocka_unit_test(test_not_said), cmocka_unit_test(test_error)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
