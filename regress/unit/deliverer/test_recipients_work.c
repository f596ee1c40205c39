/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/deciderig.c deliverer */
/* What one message can make the deliverer do, counted: rows of table route that are used, slots of a set that are looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "deciderig.h"

#define TARGETS		1900
#define HEADER_SIZE	250000

static char	 text[HEADER_SIZE + 400];

/* The alias all@example.org with TARGETS accounts behind it; any address of far.example goes to a next hop. */
static void
load_alias(void)
{
	struct msg_route_start	 m;
	struct msg_route_account a;
	struct msg_route_domain	 d;
	struct route_table	*table;
	struct route_row	 row;
	char			 target[64];
	uint8_t			 frame[PROTO_FRAME_MAX];
	uint32_t		 i, next = 0;
	size_t			 len;

	memset(&m, 0, sizeof(m));
	m.accounts = TARGETS + 1;
	m.domains = 1;
	m.rows = TARGETS + 1;
	m.postmaster = 1;
	m.detail = '+';
	strlcpy(m.hostname, "mx.example.org", sizeof(m.hostname));
	assert_int_equal(routes_start(&m), 0);
	for (i = 0; i <= TARGETS; i++) {
		memset(&a, 0, sizeof(a));
		a.account = i + 1;
		snprintf(a.dir, sizeof(a.dir), "example.org/%s%u", i == 0 ? "postmaster" : "u", i);
		assert_int_equal(routes_account(&a), 0);
	}
	memset(&d, 0, sizeof(d));
	strlcpy(d.name, "example.org", sizeof(d.name));
	assert_int_equal(routes_domain(&d), 0);
	assert_non_null(table = route_new(0, 0, m.rows, 0));
	for (i = 0; i <= TARGETS; i++) {
		memset(&row, 0, sizeof(row));
		row.address = i == 0 ? "*@far.example" : "all@example.org";
		row.folder = row.text = "";
		row.target = "";
		row.action = ROUTE_DELIVER;
		if (i > 0) {
			snprintf(target, sizeof(target), "u%u@example.org", i);
			row.target = target;
		} else
			row.nexthop = 7;
		assert_int_equal(route_row_add(table, &row), 0);
	}
	while ((len = route_rows_pack(table, &next, frame, sizeof(frame))) > 0)
		assert_int_equal(routes_rows(frame, len), 0);
	route_free(table);
	assert_int_equal(routes_end(&m), 0);
}

static int
setup(void **state)
{
	(void)state;
	load_alias();
	return (0);
}

/* A field that is as long as it may be: address after address, each written by fmt from its number. */
static size_t
fill(const char *field, const char *fmt)
{
	char		 address[300];
	size_t		 len = snprintf(text, sizeof(text), "%s: ", field);
	uint32_t	 i;

	for (i = 0; len < HEADER_SIZE; i++) {
		snprintf(address, sizeof(address), fmt, i);
		len += snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? "," : "", address);
	}
	return (len + snprintf(text + len, sizeof(text) - len, "\n\n"));
}

static void
same_alias(void **state)
{
	(void)state;
	mode(DIST_STAR, "");
	assert_int_equal(decide(text, fill("To", "all@example.org")), 0);
	assert_int_equal(to.places.n, TARGETS);
	assert_false(to.fallback);
	assert_int_equal(to.rows, TARGETS);
	recipients_free(&to);
	mode(DIST_FIELD, "X-To");
	assert_int_equal(decide(text, fill("X-To", "all@example.org")), 0);
	assert_int_equal(to.places.n, TARGETS);
	assert_int_equal(to.rows, TARGETS);
	recipients_free(&to);
}

/* Other addresses that lead to the same accounts: the rows are used up, and the postmaster has the message, with the reason. */
static void
same_alias_by_other_names(void **state)
{
	static const char *const	 modes[] = { "To", "X-To" };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(modes); i++) {
		mode(i == 0 ? DIST_STAR : DIST_FIELD, i == 0 ? "" : "X-To");
		assert_int_equal(decide(text, fill(modes[i], "all+%u@example.org")), 0);
		assert_int_equal(to.rows, RECIPIENTS_ROWS);
		assert_true(to.fallback);
		assert_non_null(strstr(to.reason, "rows of table route"));
		assert_int_equal(to.places.n, 1);
		assert_string_equal(to.places.list[0].dest, "example.org/postmaster0");
		recipients_free(&to);
	}
}

/* Nobody knows them: told once each, up to a number, and the others counted; each costs a few slots, not a list. */
static void
unknown(void **state)
{
	(void)state;
	mode(DIST_FIELD, "X-To");
	assert_int_equal(decide(text, fill("X-To", "%x@no.example")), 0);
	assert_int_equal(to.rows, 0);
	assert_int_equal(to.missed.n, MISSED_MAX);
	assert_true(to.missed.more > 10000);
	assert_true(to.missed.set.probes < 4 * (to.missed.n + (uint64_t)to.missed.more));
	recipients_free(&to);
	/* one that is named again is no further one */
	assert_int_equal(decide(text, fill("X-To", "nobody@no.example")), 0);
	assert_int_equal(to.missed.n, 1);
	assert_int_equal(to.missed.more, 0);
	recipients_free(&to);
}

/* An address once in its own letters and once in others: a next hop may tell them apart. */
static void
letters(void **state)
{
	static const char	 header[] = "X-To: Bob@far.example, bob@far.example, Bob@FAR.example\n\n";

	(void)state;
	mode(DIST_FIELD, "X-To");
	assert_int_equal(decide(header, sizeof(header) - 1), 0);
	assert_int_equal(to.places.n, 2);
	assert_string_equal(to.places.list[0].dest, "Bob@far.example");
	assert_string_equal(to.places.list[1].dest, "bob@far.example");
	recipients_free(&to);
}

/* An address without a domain is in the record's domains by definition, the same one with it may not be. */
static void
bare(void **state)
{
	static const char	 header[] = "X-To: u1@example.org, u1\n\n";

	(void)state;
	mode(DIST_FIELD, "X-To");
	strlcpy(session.domains, "other.example", sizeof(session.domains));
	assert_int_equal(decide(header, sizeof(header) - 1), 0);
	assert_int_equal(to.places.n, 2);
	assert_string_equal(to.places.list[0].dest, "example.org/u1");
	assert_string_equal(to.places.list[1].dest, "example.org/postmaster0");
	recipients_free(&to);
}

static void
sets(void **state)
{
	struct strset	 set;
	char		 s[32];
	uint32_t	 i, n = 100000;
	int		 len;

	(void)state;
	memset(&set, 0, sizeof(set));
	assert_int_equal(strset_has(&set, "", 0), 0);
	for (i = 0; i < n; i++) {
		len = snprintf(s, sizeof(s), "%08x", i * 0x10000);
		assert_int_equal(strset_add(&set, s, len), i < 0x10000);
	}
	assert_int_equal(set.n, 0x10000);
	assert_true(set.probes < 8 * (uint64_t)n);
	assert_int_equal(strset_add(&set, "", 0), 1);
	assert_int_equal(strset_add(&set, "", 0), 0);
	assert_int_equal(strset_add(&set, "a\0b", 3), 1);
	assert_int_equal(strset_has(&set, "a\0c", 3), 0);
	strset_free(&set);
	assert_int_equal(set.n, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(same_alias), cmocka_unit_test(same_alias_by_other_names), cmocka_unit_test(unknown),
		cmocka_unit_test(letters), cmocka_unit_test(bare), cmocka_unit_test(sets)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
