/* SPDX-License-Identifier: ISC */
/* links: mailbox */
/* libs: -lmd -levent_core */
/* Whom the begin of a message is for: fields above the first Received only, whole lines only, whatever the octets are. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "mailbox/mailbox.h"

static const struct { const char *text, *addresses; } cases[] = {
	{ "To-Us: a@x\n\n", "a@x" }, { "To-Us: a@x, B@Y\r\n\r\n", "a@x,b@y" }, { "TO-US:a@x,\n\tb@y\n c@z\n\n", "a@x,b@yc@z" },
	{ "To-Us : a@x\n", "a@x" }, { "A: b\nTo-Us: a@x\nC: d\nTo-Us: b@y\n\n", "a@x,b@y" }, { "Received: x\nTo-Us: a@x\n\n", "" },
	{ "rECEIVED : x\nTo-Us: a@x\n\n", "" }, { "Received-SPF: x\nTo-Us: a@x\n\n", "a@x" }, { "\nTo-Us: a@x\n", "" }, { "\r\nTo-Us: a@x\n", "" },
	{ "To-Us: a@x", "" }, { "To-Us: a@x\nTo-Us: b@y", "a@x" }, { " To-Us: a@x\n\n", "" }, { "A: b\n To-Us: a@x\n\n", "" }, { "", "" },
	{ "To-Us a@x\n", "" }, { "To-Us2: a@x\n", "" }, { "To-Us:\n\n", "" }, { "To-Us", "" }, { "To-Us:\n a@x\n\n", "a@x" }
};

static void
test_addresses(void **state __unused)
{
	char	 got[64];
	size_t	 i, n;

	for (i = 0; i < nitems(cases); i++) {
		memset(got, 0, sizeof(got));
		n = filter_addresses((const uint8_t *)cases[i].text, strlen(cases[i].text), "To-Us", got);
		assert_string_equal(got, cases[i].addresses);
		assert_int_equal(n, strlen(cases[i].addresses));
	}
}

static void
test_match(void **state __unused)
{
	const char	*list = "a@x,,bb@yy,c@z";
	size_t		 n = strlen(list);

	assert_true(filter_match(list, n, "a@x", '+'));
	assert_true(filter_match(list, n, "bb@yy", '+'));
	assert_true(filter_match(list, n, "c@z", '+'));
	assert_false(filter_match(list, n - 1, "c@z", '+'));
	assert_false(filter_match(list, n, "b@yy", '+'));
	assert_false(filter_match(list, n, "bb@y", '+'));
	assert_false(filter_match(list, n, "a@x,", '+'));
	assert_false(filter_match(list, 0, "a@x", '+'));
	/* mail for an address with a detail is the address's own; not the other way round, nor by another character */
	list = "ab+x@y,c-d@y,+@z";
	n = strlen(list);
	assert_true(filter_match(list, n, "ab@y", '+'));
	assert_true(filter_match(list, n, "ab+x@y", '+'));
	assert_false(filter_match(list, n, "ab@y", '\0'));
	assert_false(filter_match(list, n, "a@y", '+'));
	assert_false(filter_match(list, n, "ab+x+y@y", '+'));
	assert_false(filter_match(list, n, "c@y", '+'));
	assert_true(filter_match(list, n, "c@y", '-'));
	assert_false(filter_match(list, n, "ab@z", '+'));
	/* what a sender has put into quotes is one address, whatever it looks like */
	list = "\"x,a@x,y\"@z,\"\\\",b@x\"@z,c@x";
	n = strlen(list);
	assert_false(filter_match(list, n, "a@x", '+'));
	assert_false(filter_match(list, n, "b@x", '+'));
	assert_true(filter_match(list, n, "c@x", '+'));
	assert_true(filter_match(list, n, "\"x,a@x,y\"@z", '+'));
	assert_false(filter_match("\"a@x,b@x", 8, "b@x", '+'));
}

/* No more octets come out than go in, and none that a list of addresses cannot have. */
static void
test_any(void **state __unused)
{
	static const char	 words[][12] = { "To-Us", "Received", ":", " ", "\n", "\r\n", "\t", ",", "a@x", "A@X", "\n\n", "x" };
	uint8_t			 text[300], *out;
	size_t			 len, n, i, w;
	uint32_t		 round;

	for (round = 0; round < 50000; round++) {
		for (len = 0; len + 12 < sizeof(text) && arc4random_uniform(40) > 0; len += w) {
			i = arc4random_uniform(nitems(words) + 1);
			w = i == nitems(words) ? 1 : strlen(words[i]);
			if (i == nitems(words))
				text[len] = (uint8_t)arc4random();
			else
				memcpy(text + len, words[i], w);
		}
		assert_non_null(out = malloc(len + 1));
		out[len] = 0xa5;
		n = filter_addresses(text, len, "To-Us", (char *)out);
		assert_true(n <= len && out[len] == 0xa5);
		for (i = 0; i < n; i++)
			assert_true(out[i] > ' ' && out[i] != 0x7f && (out[i] < 'A' || out[i] > 'Z'));
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_match), cmocka_unit_test(test_any)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
