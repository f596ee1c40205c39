/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* The deliverer's routing table: what it refuses, when it takes over, and how long an old one lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

static struct msg_route_start	 start;

static int
begin(uint32_t generation, uint32_t accounts, uint32_t rows, uint32_t postmaster)
{
	memset(&start, 0, sizeof(start));
	start.generation = generation;
	start.accounts = accounts;
	start.rows = rows;
	start.postmaster = postmaster;
	start.hop_limit = 50;
	memset(start.mark, 'm', sizeof(start.mark));
	strlcpy(start.archive, "all@example.org", sizeof(start.archive));
	strlcpy(start.hostname, "mx.example.org", sizeof(start.hostname));
	return (routes_start(&start));
}

static int
account(uint32_t id, const char *dir)
{
	struct msg_route_account	 m;

	memset(&m, 0, sizeof(m));
	m.account = id;
	m.nexthop = id * 10;
	strlcpy(m.dir, dir, sizeof(m.dir));
	return (routes_account(&m));
}

/* One row as it travels. */
static int
alias(const char *address, const char *target)
{
	struct msg_route_row	 head = { 0, ROUTE_DELIVER, 0 };
	uint8_t			 frame[512];
	size_t			 n = sizeof(head);

	n += strlcpy((char *)frame + n, address, sizeof(frame) - n) + 1;
	n += strlcpy((char *)frame + n, target, sizeof(frame) - n) + 1;
	frame[n++] = '\0';
	frame[n++] = '\0';
	head.len = n;
	memcpy(frame, &head, sizeof(head));
	return (routes_rows(frame, n));
}

static int
keep_account(void *arg, const struct route_place *p)
{
	*(const struct route_account **)arg = p->account;
	return (0);
}

static const struct route_account *
lookup(const char *key)
{
	const struct route_account	*a = NULL;

	(void)route_lookup(routes_table(), key, keep_account, &a, NULL);
	return (a);
}

static void
load(uint32_t generation, const char *domain)
{
	struct msg_route_domain	 d;
	char			 text[2][128];

	assert_int_equal(begin(generation, 2, 1, 7), 0);
	start.domains = 1;
	assert_int_equal(routes_start(&start), 0);
	snprintf(text[0], sizeof(text[0]), "%s/postmaster", domain);
	assert_int_equal(account(7, text[0]), 0);
	snprintf(text[0], sizeof(text[0]), "%s/anna", domain);
	assert_int_equal(account(8, text[0]), 0);
	memset(&d, 0, sizeof(d));
	strlcpy(d.name, domain, sizeof(d.name));
	d.source_routes = 1;
	assert_int_equal(routes_domain(&d), 0);
	snprintf(text[0], sizeof(text[0]), "a@%s", domain);
	snprintf(text[1], sizeof(text[1]), "anna@%s", domain);
	assert_int_equal(alias(text[0], text[1]), 0);
	assert_int_equal(routes_end(&start), 0);
}

/* Runs first: nothing is loaded yet. */
static void
empty(void **state)
{
	struct msg_route_domain	 d;

	(void)state;
	assert_null(routes_table());
	assert_null(routes_by_id(1));
	assert_null(routes_postmaster());
	assert_null(routes_mark());
	assert_string_equal(routes_hostname(), "");
	assert_string_equal(routes_archive(), "");
	memset(&d, 'd', sizeof(d));
	assert_int_equal(account(1, "a/b"), -1);
	assert_int_equal(routes_domain(&d), -1);
	assert_int_equal(alias("a@b", "b@c"), -1);
	assert_int_equal(routes_end(&start), -1);
}

static void
loaded(void **state)
{
	(void)state;
	load(1, "example.org");
	assert_int_equal(lookup("anna@example.org")->id, 8);
	assert_int_equal(lookup("anna@example.org")->nexthop, 80);
	assert_ptr_equal(lookup("anna@example.org"), lookup("a@example.org"));
	assert_string_equal(lookup("a@example.org")->dir, "example.org/anna");
	assert_null(lookup("anna@example.or"));
	assert_null(lookup("anna@example.orgg"));
	assert_null(lookup(""));
	assert_int_equal(routes_by_id(7)->id, 7);
	assert_null(routes_by_id(0));
	assert_null(routes_by_id(9));
	assert_int_equal(routes_postmaster()->id, 7);
	assert_string_equal(routes_hostname(), "mx.example.org");
	assert_string_equal(routes_archive(), "all@example.org");
	assert_int_equal(routes_hop_limit(), 50);
	assert_int_equal(routes_mark()[31], 'm');
	assert_true(route_is_local(routes_table(), "example.org"));
	assert_true(route_source_routes(routes_table(), "example.org"));
	assert_false(route_is_local(routes_table(), "example.net"));
}

static void
swap(void **state)
{
	(void)state;
	load(1, "example.org");
	assert_int_equal(begin(2, 1, 0, 9), 0);
	assert_int_equal(account(9, "example.net/x"), 0);
	assert_non_null(lookup("anna@example.org"));
	assert_null(routes_by_id(9));
	assert_int_equal(routes_end(&start), 0);
	assert_null(lookup("anna@example.org"));
	assert_null(routes_by_id(8));
	assert_int_equal(routes_postmaster()->id, 9);
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
	struct msg_route_domain		 d;

	(void)state;
	assert_int_equal(begin(2, 1, 1, 1), 0);
	memset(&a, 'a', sizeof(a));
	assert_int_equal(routes_account(&a), -1);
	assert_int_equal(begin(2, 1, 1, 1), 0);
	start.domains = 1;
	assert_int_equal(routes_start(&start), 0);
	memset(&d, 'a', sizeof(d));
	assert_int_equal(routes_domain(&d), -1);
	memset(start.archive, 'a', sizeof(start.archive));
	assert_int_equal(routes_start(&start), -1);
	assert_int_equal(begin(2, 1, 1, 1), 0);
	memset(start.hostname, 'a', sizeof(start.hostname));
	assert_int_equal(routes_start(&start), -1);
}

static void
addresses(void **state)
{
	static const char *const	 refused[] = { "", "a", "@", "a@", "@b", "A@b", "a@B", "a@b\n", "\x01@b", "a@b\x7f" };
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(refused) * 2; i++) {
		assert_int_equal(begin(2, 1, 1, 1), 0);
		assert_int_equal(account(1, "a/b"), 0);
		if (alias(i & 1 ? refused[i / 2] : "x@y", i & 1 ? "b@a" : refused[i / 2]) != -1)
			fail_msg("`%s' was taken", refused[i / 2]);
		/* and the table with it is spoilt */
		assert_int_equal(routes_end(&start), -1);
	}
	/* an account's own address takes no rows */
	assert_int_equal(begin(2, 1, 1, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(alias("b@a", "x@y"), -1);
	assert_int_equal(begin(2, 1, 2, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(alias("\"x y\"@z", "b@a"), 0);
	assert_int_equal(alias("\"x y\"@z", "b@a"), 0);
	assert_int_equal(routes_end(&start), 0);
	assert_int_equal(lookup("\"x y\"@z")->id, 1);
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
	/* more than announced, less than announced, twice the same, number nought, one address for two */
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(account(2, "a/c"), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(alias("a@b", "b@a"), -1);
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
	assert_int_equal(begin(2, 2, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(account(2, "a/b"), -1);
	/* postmaster without an account; another generation at the end; no beginning */
	assert_int_equal(begin(2, 1, 0, 5), 0);
	assert_int_equal(account(1, "a/b"), 0);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	start.generation = 3;
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(begin(2, 1, 0, 1), 0);
	assert_int_equal(account(1, "a/b"), 0);
	start.mark[0]++;
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(routes_end(&start), -1);
	assert_int_equal(lookup("anna@example.org")->id, 8);
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
	assert_null(lookup("a@b"));
	assert_string_equal(routes_hostname(), "mx.example.org");
}

static void
large(void **state)
{
	const uint32_t	 count = 100000;
	char		 text[64], target[64];
	uint32_t	 i;

	(void)state;
	assert_int_equal(begin(2, count, count, 1), 0);
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "example.org/user%u", i);
		assert_int_equal(account(i, text), 0);
	}
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "alias%u@example.org", i);
		snprintf(target, sizeof(target), "user%u@example.org", i);
		assert_int_equal(alias(text, target), 0);
	}
	assert_int_equal(routes_end(&start), 0);
	for (i = 1; i <= count; i++) {
		snprintf(text, sizeof(text), "alias%u@example.org", i);
		assert_int_equal(lookup(text)->id, i);
		assert_int_equal(routes_by_id(i)->id, i);
	}
	assert_null(lookup("user0@example.org"));
	snprintf(text, sizeof(text), "example.org/user%u", count);
	assert_string_equal(routes_by_id(count)->dir, text);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(empty), cmocka_unit_test(loaded), cmocka_unit_test(swap), cmocka_unit_test(directories),
		cmocka_unit_test(unterminated), cmocka_unit_test(addresses), cmocka_unit_test(nonsense),
		cmocka_unit_test(bare_table), cmocka_unit_test(large)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
