/* SPDX-License-Identifier: ISC */
/* links: dialer/report.c dialer/address.c common/log.c */
/* The sentence about a failed dial: room, order of importance. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../dialer/dialer.h"

/* The longest name with the longest addresses leaves room for an error and the remedy. */
static void
test_long_text(void **state)
{
	struct dial_report	 r;
	struct address		 a;
	char			 name[PROTO_HOST_SIZE], text[PROTO_TEXT_SIZE];
	int			 i;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	report_init(&r, name, 65535, 3600000);
	assert_true(address_parse("2001:db8:1111:2222:3333:4444:5555:6666", &a));
	for (i = 0; i < 16; i++)
		report_address(&r, &a, ENETUNREACH);
	r.expired = 1;
	assert_int_equal(report_finish(&r, text, sizeof(text)), WHY_UNREACHABLE);
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
	struct dial_report	 r;
	struct address		 a;
	char			 text[PROTO_TEXT_SIZE];
	size_t			 i;

	(void)state;
	assert_true(address_parse("192.0.2.1", &a));
	for (i = 0; i < nitems(cases); i++) {
		report_init(&r, "x", 1, 1);
		report_address(&r, &a, cases[i].first);
		report_address(&r, &a, cases[i].second);
		assert_int_equal(report_finish(&r, text, sizeof(text)), cases[i].why);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_rank),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
