/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* The sentence about a failed dial: room, order of importance. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dialer/dialer.h"

/* The longest name with the longest addresses leaves room for an error and the remedy. */
static void
test_long_text(void **state)
{
	struct dial_failure	 r;
	struct address		 a;
	char			 name[PROTO_HOST_SIZE], text[PROTO_TEXT_SIZE];
	int			 i;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	failure_init(&r, name, 65535, 3600000);
	assert_true(address_parse("2001:db8:1111:2222:3333:4444:5555:6666", &a));
	for (i = 0; i < 16; i++)
		failure_address(&r, &a, ENETUNREACH, 0);
	r.expired = 1;
	assert_int_equal(failure_finish(&r, text, sizeof(text)), WHY_UNREACHABLE);
	assert_true(strlen(text) < sizeof(text) - 1);
	assert_non_null(strstr(text, ": 2001:db8:1111:2222:3333:4444:5555:6666: Network is unreachable; and 15 more; "
	    "gave up after 3600 s (check this machine's network)"));
}

/* Of several failures the most telling one names the whole. */
static void
test_rank(void **state)
{
	static const struct {
		int		 first, second;
		enum fail_why	 why;
	} cases[] = {
		{ ENETUNREACH, ECONNREFUSED, WHY_REFUSED },
		{ ECONNREFUSED, EHOSTUNREACH, WHY_REFUSED },
		{ ETIMEDOUT, ECONNREFUSED, WHY_TIMEOUT },
		{ EAFNOSUPPORT, EACCES, WHY_UNREACHABLE },
		{ EMFILE, ETIMEDOUT, WHY_LOCAL_TEMP }
	};
	struct dial_failure	 r;
	struct address		 a;
	char			 text[PROTO_TEXT_SIZE];
	size_t			 i;

	(void)state;
	assert_true(address_parse("192.0.2.1", &a));
	for (i = 0; i < nitems(cases); i++) {
		failure_init(&r, "x", 1, 1);
		failure_address(&r, &a, cases[i].first, 0);
		failure_address(&r, &a, cases[i].second, 0);
		assert_int_equal(failure_finish(&r, text, sizeof(text)), cases[i].why);
	}
}

/* Whose failure it was, and what a SOCKS server's answers mean. */
static void
test_proxy(void **state)
{
	static const struct {
		int		 error, proxy;
		enum fail_why	 why;
		const char	*text;
	} cases[] = {
		{ ECONNREFUSED, 0, WHY_REFUSED, "192.0.2.1: Connection refused (" },
		{ ECONNREFUSED, 1, WHY_UNREACHABLE, "192.0.2.1: SOCKS server: Connection refused (" },
		{ ETIMEDOUT, 1, WHY_UNREACHABLE, "192.0.2.1: SOCKS server: Connection timed out (" },
		{ EMFILE, 1, WHY_LOCAL_TEMP, "192.0.2.1: SOCKS server: Too many open files (" },
		{ SOCKS_REFUSED, 0, WHY_REFUSED, "192.0.2.1: Connection refused, says the SOCKS server (" },
		{ SOCKS_DENIED, 0, WHY_CONFIG, "192.0.2.1: the SOCKS server does not allow it (" },
		{ SOCKS_LOGIN, 1, WHY_CONFIG, "192.0.2.1: the SOCKS server wants a login (" },
	};
	struct dial_failure	 r;
	struct address		 a;
	char			 text[PROTO_TEXT_SIZE];
	size_t			 i;

	(void)state;
	assert_true(address_parse("192.0.2.1", &a));
	for (i = 0; i < nitems(cases); i++) {
		failure_init(&r, "x", 1, 1);
		failure_address(&r, &a, cases[i].error, cases[i].proxy);
		assert_int_equal(failure_finish(&r, text, sizeof(text)), cases[i].why);
		if (strstr(text, cases[i].text) == NULL)
			fail_msg("%s", text);
	}
}

/* Many source addresses and a long name still make a whole sentence. */
static void
test_untried(void **state)
{
	struct dial_failure	 r;
	struct address		 a;
	struct path		 path;
	char			 name[PROTO_HOST_SIZE], text[PROTO_TEXT_SIZE];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memset(&path, 0, sizeof(path));
	for (path.nsource = 0; path.nsource < PROTO_SOURCES_MAX; path.nsource++)
		assert_true(address_parse("2001:db8:1111:2222:3333:4444:5555:6666", &path.source[path.nsource]));
	failure_init(&r, name, 1, 1);
	assert_int_equal(failure_untried(&r, text, sizeof(text)), WHY_NONE);
	failure_source(&r, &path, ATTEMPT_FAMILY, 0);
	assert_int_equal(failure_untried(&r, text, sizeof(text)), WHY_CONFIG);
	assert_non_null(strstr(text, "6666, ... (it has addresses of the other family only)"));
	failure_source(&r, &path, ATTEMPT_SOURCE, EADDRNOTAVAIL);
	assert_int_equal(failure_untried(&r, text, sizeof(text)), WHY_CONFIG);
	assert_non_null(strstr(text, "Cannot assign requested address (correct settings.source_address or domain.address)"));
	assert_true(address_parse("127.0.0.1", &a));
	failure_self(&r, &a);
	assert_int_equal(failure_untried(&r, text, sizeof(text)), WHY_SELF);
	assert_non_null(strstr(text, " is this machine (127.0.0.1); set settings.self_poll = 1 to poll it"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_untried),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
