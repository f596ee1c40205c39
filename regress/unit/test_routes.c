/* SPDX-License-Identifier: ISC */
/* links: deliverer/routes.c common/proto.c */
/* The routing table: what it refuses, when it takes over, and how long an old one lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../common/compat.h"
#include "../../deliverer/deliverer.h"

static struct msg_route_start	 start;

static int
begin(uint32_t generation, uint32_t accounts, uint32_t addresses, uint32_t postmaster)
{
	memset(&start, 0, sizeof(start));
	start.generation = generation;
	start.accounts = accounts;
	start.addresses = addresses;
	start.postmaster = postmaster;
	strlcpy(start.hostname, "mx.example.org", sizeof(start.hostname));
	return (routes_start(&start));
}

static int
account(uint32_t id, const char *dir)
{
	struct msg_route_account	 m;

	memset(&m, 0, sizeof(m));
	m.account = id;
	strlcpy(m.dir, dir, sizeof(m.dir));
	return (routes_account(&m));
}

static int
address(uint32_t id, const char *text)
{
	struct msg_route_address	 m;

	memset(&m, 0, sizeof(m));
	m.account = id;
	strlcpy(m.address, text, sizeof(m.address));
	return (routes_address(&m));
}

static void
load(uint32_t generation, const char *domain)
{
	char	 text[128];

	assert_int_equal(begin(generation, 2, 3, 7), 0);
	snprintf(text, sizeof(text), "%s/postmaster", domain);
	assert_int_equal(account(7, text), 0);
	snprintf(text, sizeof(text), "%s/anna", domain);
	assert_int_equal(account(8, text), 0);
	snprintf(text, sizeof(text), "anna@%s", domain);
	assert_int_equal(address(8, text), 0);
	snprintf(text, sizeof(text), "a@%s", domain);
	assert_int_equal(address(8, text), 0);
	snprintf(text, sizeof(text), "postmaster@%s", domain);
	assert_int_equal(address(7, text), 0);
	assert_int_equal(routes_end(&start), 0);
}

/* Runs first: nothing is loaded yet. */
static void
empty(void **state)
{
	(void)state;
	assert_null(routes_lookup("a@b"));
	assert_null(routes_by_id(1));
	assert_null(routes_postmaster());
	assert_string_equal(routes_hostname(), "");
	assert_null(routes_hold());
	routes_release(NULL);
	assert_int_equal(account(1, "a/b"), -1);
	assert_int_equal(address(1, "a@b"), -1);
	assert_int_equal(routes_end(&start), -1);
}

static void
lookup(void **state)
{
	(void)state;
	load(1, "example.org");
	assert_int_equal(routes_lookup("anna@example.org")->id, 8);
	assert_ptr_equal(routes_lookup("anna@example.org"), routes_lookup("a@example.org"));
	assert_string_equal(routes_lookup("a@example.org")->dir, "example.org/anna");
	assert_null(routes_lookup("anna@example.or"));
	assert_null(routes_lookup("anna@example.orgg"));
	assert_null(routes_lookup(""));
	assert_int_equal(routes_by_id(7)->id, 7);
	assert_null(routes_by_id(0));
	assert_null(routes_by_id(9));
	assert_int_equal(routes_postmaster()->id, 7);
	assert_string_equal(routes_hostname(), "mx.example.org");
}

static void
swap(void **state)
{
	struct routes		*held;
	const struct account	*old;

	(void)state;
	load(1, "example.org");
	held = routes_hold();
	old = routes_lookup("anna@example.org");
	assert_int_equal(begin(2, 1, 0, 9), 0);
	assert_int_equal(account(9, "example.net/x"), 0);
	assert_non_null(routes_lookup("anna@example.org"));
	assert_null(routes_by_id(9));
	assert_int_equal(routes_end(&start), 0);
	assert_null(routes_lookup("anna@example.org"));
	assert_null(routes_by_id(8));
	assert_int_equal(routes_postmaster()->id, 9);
	/* still there for a message that was routed before */
	assert_string_equal(old->dir, "example.org/anna");
	routes_release(held);
}

static void
directories(void **state)
{
	static const char *const	 refused[] = {
		"", "/", "a", "a/", "/a", "/a/b", "a//b", "a/b/", "a/b/c", "..", "../a", "a/..", "./a", "a/.", "a/../b", "a/..b",
		".a/b", "a/.b", "a/b\n", "a\x01/b", "a/b\x7f", "\x1b[1m/b", "spool/new", "spool/", "//"
	};
	static const char *const	 taken[] = {
		"a/b", "example.org/anna.lee", "a/b..c", "a/b@c", "spooler/x", "a/spool", "\xc3\xbc/\xc3\xb8"
	};
	size_t	 i;

	(void)state;
	load(1, "example.org");
	for (i = 0; i < nitems(refused); i++) {
		assert_int_equal(begin(2, 1, 0, 1), 0);
		if (account(1, refused[i]) != -1)
			fail_msg("`%s' was taken", refused[i]);
	}
	for (i = 0; i < nitems(taken); i++) {
		assert_int_equal(begin(2, 1, 0, 1), 0);
		if (account(1, taken[i]) != 0)
			fail_msg("`%s' was refused", taken[i]);
	}
	assert_int_equal(routes_by_id(8)->id, 8);
}

static void
unterminated(void **state)
{
	struct msg_route_account	 a;
	struct msg_route_address	 m;

	(void)state;
	assert_int_equal(begin(2, 1, 1, 1), 0);
	memset(&a, 'a', sizeof(a));
	assert_int_equal(routes_account(&a), -1);
	assert_int_equal(begin(2, 1, 1, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	memset(&m, 'a', sizeof(m));
	m.account = 1;
	m.address[3] = '@';
	assert_int_equal(routes_address(&m), -1);
	memset(start.hostname, 'a', sizeof(start.hostname));
	assert_int_equal(routes_start(&start), -1);
}

static void
addresses(void **state)
{
	static const char *const	 refused[] = { "", "a", "@", "a@", "@b", "A@b", "a@B", "a@b\n", "\x01@b", "a@b\x7f" };
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(refused); i++) {
		assert_int_equal(begin(2, 1, 1, 1), 0);
		assert_int_equal(account(1, "a/b"), 0);
		if (address(1, refused[i]) != -1)
			fail_msg("`%s' was taken", refused[i]);
		/* and the table with it is spoilt */
		assert_int_equal(routes_end(&start), -1);
	}
	assert_int_equal(begin(2, 2, 2, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(account(2, "a/c"), 0);
	assert_int_equal(address(1, "x@y"), 0);
	assert_int_equal(address(2, "x@y"), -1);
	assert_int_equal(begin(2, 1, 2, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(address(1, "\"x y\"@z"), 0);
	assert_int_equal(address(1, "\"x y\"@z"), 0);
	assert_int_equal(routes_end(&start), 0);
	assert_int_equal(routes_lookup("\"x y\"@z")->id, 1);
}

static void
nonsense(void **state)
{
	static const char *const	 hosts[] = { "", ".a", "a b", "a\n", "a(b)", "\xc3\xb8" };
	size_t	 i;

	(void)state;
	load(1, "example.org");
	assert_int_equal(begin(2, UINT32_MAX, 0, 1), -1);
	assert_int_equal(begin(2, 1, UINT32_MAX, 1), -1);
	for (i = 0; i < nitems(hosts); i++) {
		memset(&start, 0, sizeof(start));
		start.accounts = start.postmaster = 1;
		strlcpy(start.hostname, hosts[i], sizeof(start.hostname));
		assert_int_equal(routes_start(&start), -1);
	}
	/* more than announced, less than announced, twice the same, number nought, unknown account */
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(account(2, "a/c"), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(address(1, "a@b"), -1);
	assert_int_equal(begin(2, 2, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 1, 1, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 2, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(account(1, "a/c"), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(0, "a/b"), -1);
	assert_int_equal(begin(2, 1, 1, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(address(2, "a@b"), -1);
	/* postmaster without an account; another generation at the end; no beginning */
	assert_int_equal(begin(2, 1, 0, 5), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	start.generation = 3;
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(routes_lookup("anna@example.org")->id, 8);
}

/* A fresh installation: no accounts, no postmaster. */
static void
bare_table(void **state)
{
	(void)state;
	assert_int_equal(begin(2, 0, 0, 1), 0);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 0, 0, 0), 0);
	assert_int_equal(account(1, "a/b"), -1);
	assert_int_equal(begin(2, 0, 0, 0), 0);
	assert_int_equal(routes_end(&start), 0);
	assert_null(routes_postmaster());
	assert_null(routes_by_id(1));
	assert_null(routes_lookup("a@b"));
	assert_string_equal(routes_hostname(), "mx.example.org");
}

static void
large(void **state)
{
	const uint32_t	 count = 100000;
	char		 text[64];
	uint32_t	 i;

	(void)state;
	assert_int_equal(begin(2, count, count, 1), 0);
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "example.org/user%u", i);
		assert_int_equal(account(i, text), 0);
	}
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "user%u@example.org", i);
		assert_int_equal(address(i, text), 0);
	}
	assert_int_equal(routes_end(&start), 0);
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "user%u@example.org", i);
		assert_int_equal(routes_lookup(text)->id, i);
		assert_int_equal(routes_by_id(i)->id, i);
	}
	assert_null(routes_lookup("user0@example.org"));
	snprintf(text, sizeof(text), "example.org/user%u", count);
	assert_string_equal(routes_by_id(count)->dir, text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(lookup), cmocka_unit_test(swap), cmocka_unit_test(directories),
		cmocka_unit_test(unterminated), cmocka_unit_test(addresses), cmocka_unit_test(nonsense),
		cmocka_unit_test(bare_table), cmocka_unit_test(large)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
