/* SPDX-License-Identifier: ISC */
/* The routing table: where addresses lead, in which order they are looked up, and what is found wrong with a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/ipc/proto_deliverer.h"
#include "common/route/route.h"

static struct route_table	*table;
static char			 told[65536];	/* places or complaints, each with a newline */
static int			 ntold;

static int
place(void *arg, const struct route_place *p)
{
	char	 line[1024] = "";

	(void)arg;
	switch (p->what) {
	case PLACE_ACCOUNT:
		assert_false(p->alien);
		snprintf(line, sizeof(line), "%s%s%s%s%s\n", p->account->dir, p->folder[0] != '\0' ? " in " : "", p->folder,
		    p->account->nexthop != 0 ? " by " : "", p->account->nexthop != 0 ? p->address : "");
		break;
	case PLACE_NEXTHOP:
		snprintf(line, sizeof(line), "%u:%s\n", p->nexthop, p->address);
		break;
	case PLACE_REJECT:
		snprintf(line, sizeof(line), "reject %s\n", p->text);
		break;
	case PLACE_DISCARD:
		snprintf(line, sizeof(line), "discard\n");
		break;
	}
	assert_true(p->what == PLACE_ACCOUNT || p->alien);
	strlcat(told, line, sizeof(told));
	ntold++;
	return (0);
}

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	strlcat(told, sentence, sizeof(told));
	strlcat(told, "\n", sizeof(told));
}

static void
begin(uint32_t rows, int detail)
{
	static const char *const	 dirs[] = { "a.org/anna", "a.org/bert", "b.org/carl", "a.org/dora+eva", "c.org/lmtp" };
	static const char *const	 domains[] = { "a.org", "b.org", "c.org", "old.org" };
	struct route_account		 a;
	uint32_t			 i;

	route_free(table);
	assert_non_null(table = route_new(nitems(dirs), nitems(domains), rows, detail));
	for (i = 0; i < nitems(dirs); i++) {
		a.id = i + 1;
		a.nexthop = i == 4 ? 9 : 0;
		a.dir = dirs[i];
		a.unified = 0;
		assert_int_equal(route_account_add(table, &a), 0);
	}
	for (i = 0; i < nitems(domains); i++)
		assert_int_equal(route_domain_add(table, domains[i], i == 1), 0);
}

static int
row(const char *address, const char *target)
{
	const struct route_row	 r = { address, target, "", "", ROUTE_DELIVER, 0 };

	return (route_row_add(table, &r));
}

static int
relay(const char *address, const char *target, uint32_t nexthop)
{
	const struct route_row	 r = { address, target, "", "", ROUTE_DELIVER, nexthop };

	return (route_row_add(table, &r));
}

#define leads(key, places)	lead(key, places, __LINE__)

static void
lead(const char *key, const char *places, int line)
{
	int	 n;

	told[0] = '\0';
	ntold = 0;
	n = route_lookup(table, key, place, NULL, NULL);
	if (strcmp(told, places) != 0)
		fail_msg("line %d: %s leads to `%s', wanted `%s'", line, key, told, places);
	assert_int_equal(n, ntold);
}

static void
sound(const char *complaints)
{
	told[0] = '\0';
	(void)route_check(table, complain, NULL);
	assert_string_equal(told, complaints);
}

static void
order(void **state)
{
	(void)state;
	begin(6, '+');
	assert_int_equal(row("sales@a.org", "anna@a.org"), 0);
	assert_int_equal(row("*@a.org", "carl@b.org"), 0);
	assert_int_equal(row("list+owner@a.org", "bert@a.org"), 0);
	assert_int_equal(row("list@a.org", "anna@a.org"), 0);
	assert_int_equal(row("+@b.org", "bert@a.org"), 0);
	assert_true(route_complete(table) == 0);
	assert_int_equal(row("all@b.org", "nobody@a.org"), 0);
	assert_true(route_complete(table));
	leads("anna@a.org", "a.org/anna\n");
	leads("anna+x@a.org", "a.org/anna\n");
	leads("anna+x+y@a.org", "a.org/anna\n");
	assert_true(route_is_named(table, "anna@a.org") && route_is_named(table, "anna+x@a.org"));
	assert_true(route_is_named(table, "sales@a.org") && route_is_named(table, "list+owner@a.org"));
	assert_false(route_is_named(table, "who@a.org") || route_is_named(table, "who+x@a.org"));
	assert_false(route_is_named(table, "x@b.org"));
	leads("sales@a.org", "a.org/anna\n");
	leads("sales+x@a.org", "a.org/anna\n");
	/* an account with the detail's character in its name, and what has a detail behind it */
	leads("dora+eva@a.org", "a.org/dora+eva\n");
	leads("dora+eva+x@a.org", "a.org/dora+eva\n");
	leads("dora@a.org", "b.org/carl\n");
	leads("dora+x@a.org", "b.org/carl\n");
	/* the shortest detail first */
	leads("list+owner@a.org", "a.org/bert\n");
	leads("list+owner+x@a.org", "a.org/bert\n");
	leads("list+x@a.org", "a.org/anna\n");
	leads("anybody@a.org", "b.org/carl\n");
	leads("*@a.org", "b.org/carl\n");
	leads("all@b.org", "b.org/carl\n");
	leads("nobody@b.org", "");
	leads("nobody@nowhere.org", "");
	leads("+@b.org", "a.org/bert\n");
	leads("+x@b.org", "");
	leads("anna", "");
	leads("", "");
	leads("@", "");
	sound("");
	begin(1, 0);
	assert_int_equal(row("*@b.org", "anna@a.org"), 0);
	leads("anna+x@a.org", "");
	leads("carl+x@b.org", "a.org/anna\n");
}

static void
several(void **state)
{
	const struct route_row	 folder = { "team@a.org", "bert@a.org", "Lists/bsd", "", ROUTE_DELIVER, 0 };
	const struct route_row	 reject = { "gone@a.org", "", "", "moved away", ROUTE_REJECT, 0 };
	const struct route_row	 discard = { "noise@a.org", "", "", "", ROUTE_DISCARD, 0 };
	const struct route_row	 target = { "noise@a.org", "anna@a.org", "", "", ROUTE_DISCARD, 0 };
	const struct route_row	 deep = { "x@a.org", "sub@a.org", "Lists", "", ROUTE_DELIVER, 0 };

	(void)state;
	begin(9, '+');
	assert_int_equal(row("team@a.org", "anna@a.org"), 0);
	assert_int_equal(row("team@a.org", "sub@a.org"), 0);
	assert_int_equal(row("sub@a.org", "anna@a.org"), 0);
	assert_int_equal(row("sub@a.org", "carl@b.org"), 0);
	assert_int_equal(route_row_add(table, &folder), 0);
	assert_int_equal(route_row_add(table, &reject), 0);
	assert_int_equal(route_row_add(table, &discard), 0);
	assert_int_equal(row("sub@a.org", "gone@a.org"), 0);
	assert_int_equal(route_row_add(table, &target), -1);
	leads("team@a.org", "a.org/anna\nb.org/carl\nreject moved away\na.org/bert in Lists/bsd\n");
	leads("gone@a.org", "reject moved away\n");
	leads("noise+x@a.org", "discard\n");
	sound("");
	assert_int_equal(route_row_add(table, &deep), 0);
	sound("route x@a.org: folder is for a target that is an account, which sub@a.org is not\n");
	leads("x@a.org", "");
	assert_int_equal(row("y@a.org", "anna@a.org"), -1);	/* more than announced */
}

/* What is handed on keeps its address unless a target says otherwise. */
static void
nexthops(void **state)
{
	(void)state;
	begin(8, '+');
	assert_int_equal(relay("*@old.org", "", 7), 0);
	assert_int_equal(relay("*@b.org", "*@elsewhere.net", 8), 0);
	assert_int_equal(relay("out@a.org", "some.body@elsewhere.net", 7), 0);
	assert_int_equal(relay("out@a.org", "some.body@elsewhere.net", 8), 0);
	assert_int_equal(relay("out@a.org", "some.body@elsewhere.net", 7), 0);
	assert_int_equal(row("away@a.org", "x@old.org"), 0);
	assert_int_equal(row("l@a.org", "lmtp@c.org"), 0);
	assert_int_equal(row("m@a.org", "lmtp+sub@c.org"), 0);
	leads("who+ever@old.org", "7:who+ever@old.org\n");
	leads("carl@b.org", "b.org/carl\n");
	leads("other@b.org", "8:other@elsewhere.net\n");
	leads("out@a.org", "7:some.body@elsewhere.net\n8:some.body@elsewhere.net\n");
	leads("away@a.org", "7:x@old.org\n");
	leads("lmtp@c.org", "c.org/lmtp by lmtp@c.org\n");
	leads("lmtp+sub@c.org", "c.org/lmtp by lmtp+sub@c.org\n");
	leads("l+x@a.org", "c.org/lmtp by lmtp@c.org\n");
	leads("m@a.org", "c.org/lmtp by lmtp+sub@c.org\n");
	sound("");
}

static void
patterns(void **state)
{
	(void)state;
	begin(3, '+');
	assert_int_equal(row("*@old.org", "*@b.org"), 0);
	assert_int_equal(row("*@b.org", "*@a.org"), 0);
	assert_int_equal(row("boss@b.org", "bert@a.org"), 0);
	leads("anna@old.org", "a.org/anna\n");
	leads("anna+detail@old.org", "a.org/anna\n");
	leads("boss@old.org", "a.org/bert\n");
	leads("carl@old.org", "b.org/carl\n");
	leads("nobody@old.org", "");
	sound("");
	assert_int_equal(row("x@a.org", "*@b.org"), -1);
}

static void
loops(void **state)
{
	(void)state;
	begin(3, '+');
	assert_int_equal(row("x@a.org", "y@a.org"), 0);
	assert_int_equal(row("y@a.org", "z@a.org"), 0);
	assert_int_equal(row("z@a.org", "x@a.org"), 0);
	sound("route x@a.org: a loop: x@a.org -> y@a.org -> z@a.org -> x@a.org\n");
	assert_int_equal(route_lookup(table, "x@a.org", NULL, NULL, NULL), -1);
	begin(2, '+');
	assert_int_equal(row("x@a.org", "x@a.org"), 0);
	assert_int_equal(row("y@a.org", "x@a.org"), 0);
	sound("route x@a.org: a loop: x@a.org -> x@a.org\n");
	begin(2, '+');
	assert_int_equal(row("*@a.org", "*@b.org"), 0);
	assert_int_equal(row("*@b.org", "*@a.org"), 0);
	sound("route *@a.org: a loop: *@a.org -> *@b.org -> *@a.org\n");
	/* only for one address, by a pattern */
	begin(2, '+');
	assert_int_equal(row("*@a.org", "*@b.org"), 0);
	assert_int_equal(row("x@b.org", "x@a.org"), 0);
	sound("route x@b.org: a loop: x@b.org -> x@a.org -> x@b.org\n");
	/* by a detail */
	begin(1, '+');
	assert_int_equal(row("x@a.org", "x+1@a.org"), 0);
	sound("route x+1@a.org: a loop: x+1@a.org -> x+1@a.org\n");
	/* one of two ways out leads round */
	begin(3, '+');
	assert_int_equal(row("x@a.org", "anna@a.org"), 0);
	assert_int_equal(row("x@a.org", "y@a.org"), 0);
	assert_int_equal(row("y@a.org", "x@a.org"), 0);
	sound("route x@a.org: a loop: x@a.org -> y@a.org -> x@a.org\n");
	/* two ways to one place are no loop */
	begin(4, '+');
	assert_int_equal(row("x@a.org", "y@a.org"), 0);
	assert_int_equal(row("x@a.org", "z@a.org"), 0);
	assert_int_equal(row("y@a.org", "anna@a.org"), 0);
	assert_int_equal(row("z@a.org", "anna@a.org"), 0);
	sound("");
	leads("x@a.org", "a.org/anna\n");
}

/* A rewritten address that has become too long is not forgotten beside the other places. */
static void
too_long(void **state)
{
	char	 key[PROTO_ADDR_SIZE], target[PROTO_ADDR_SIZE] = "*@";

	(void)state;
	begin(2, 0);
	memset(target + 2, 'd', 200);
	assert_int_equal(row("*@old.org", "anna@a.org"), 0);
	assert_int_equal(relay("*@old.org", target, 9), 0);
	snprintf(key, sizeof(key), "%0*d@old.org", 200, 0);
	told[0] = '\0';
	assert_int_equal(route_lookup(table, key, place, NULL, NULL), -1);
	assert_string_equal(told, "a.org/anna\n");
	assert_int_equal(route_lookup(table, key + 100, place, NULL, NULL), 2);
}

static void
nowhere(void **state)
{
#define LEADS_NOWHERE	"leads nowhere: make it an account or an address of table route, or name a nexthop\n"
	(void)state;
	begin(5, '+');
	assert_int_equal(row("x@a.org", "nobody@a.org"), 0);
	assert_int_equal(row("y@a.org", "anna@a.org"), 0);
	assert_int_equal(row("y@a.org", "anna@elsewhere.net"), 0);
	assert_int_equal(row("*@b.org", "*@c.org"), 0);
	assert_int_equal(row("z@a.org", "nobody@b.org"), 0);
	sound("route x@a.org: target nobody@a.org " LEADS_NOWHERE "route y@a.org: target anna@elsewhere.net " LEADS_NOWHERE
	    "route z@a.org: target nobody@b.org " LEADS_NOWHERE);
	begin(2, '+');
	assert_int_equal(row("*@b.org", "*@c.org"), 0);
	assert_int_equal(row("*@c.org", "*@elsewhere.net"), 0);
	sound("route *@c.org: the domain of target *@elsewhere.net is not in table domain; insert it there, or name a nexthop\n");
	begin(2, 0);
	assert_int_equal(row("x@a.org", "y@a.org"), 0);
	assert_int_equal(row("y@a.org", "anna+x@a.org"), 0);
	sound("route y@a.org: target anna+x@a.org " LEADS_NOWHERE);
}

/* Deep and wide tables are refused, and end a lookup that nobody refused. */
static void
bounds(void **state)
{
	char	 from[32], to[32];
	int	 i;

	(void)state;
	for (i = 0; i < 2; i++) {
		int	 n, top = ROUTE_DEPTH + i;

		begin(top, '+');
		for (n = 1; n < top; n++) {
			snprintf(from, sizeof(from), "x%d@a.org", i == 0 ? n : top - n);
			snprintf(to, sizeof(to), "x%d@a.org", (i == 0 ? n : top - n) + 1);
			assert_int_equal(row(from, to), 0);
		}
		snprintf(from, sizeof(from), "x%d@a.org", top);
		assert_int_equal(row(from, "anna@a.org"), 0);
		sound(i == 0 ? "" : "route x1@a.org: more than 16 rows follow one another until there is a place\n");
		told[0] = '\0';
		assert_int_equal(route_lookup(table, "x1@a.org", place, NULL, NULL), i == 0 ? 1 : -1);
	}
	begin(ROUTE_WIDTH + 1, '+');
	for (i = 0; i < ROUTE_WIDTH; i++) {
		snprintf(to, sizeof(to), "anna+%d@a.org", i);
		assert_int_equal(row("all@a.org", to), 0);
	}
	sound("");
	leads("all@a.org", "a.org/anna\n");
	assert_int_equal(row("all@a.org", "anna+more@a.org"), 0);
	sound("route all@a.org: more than 2000 rows lead on from here\n");
	assert_int_equal(route_lookup(table, "all@a.org", NULL, NULL, NULL), -1);
	/* 2^15 ways through eight rows each way are walked once, and told of */
	begin(32, '+');
	for (i = 0; i < 32; i++) {
		snprintf(from, sizeof(from), "x%d@a.org", i / 2);
		snprintf(to, sizeof(to), "x%d%s@a.org", i / 2 + 1, i & 1 ? "+d" : "");
		assert_int_equal(row(from, i / 2 == 15 ? "anna@a.org" : to), 0);
	}
	told[0] = '\0';
	assert_true(route_check(table, complain, NULL) > 0);
	assert_non_null(strstr(told, "more than 2000 rows lead on from here"));
	assert_int_equal(route_lookup(table, "x0@a.org", NULL, NULL, NULL), -1);
}

static int
stop(void *arg, const struct route_place *p)
{
	(void)p;
	return (++*(int *)arg == 2);
}

static void
trail(void **state)
{
	const struct route_row	 reject = { "z@a.org", "", "", "no", ROUTE_REJECT, 0 };
	const struct route_row	 folder = { "x@b.org", "anna@a.org", "Lists", "", ROUTE_DELIVER, 0 };
	struct buf		 b;
	int			 n = 0;

	(void)state;
	begin(6, '+');
	assert_int_equal(row("*@old.org", "*@b.org"), 0);
	assert_int_equal(route_row_add(table, &folder), 0);
	assert_int_equal(row("x@b.org", "anna+d@a.org"), 0);
	assert_int_equal(relay("x@b.org", "\xc3\xbc@elsewhere.net", 7), 0);
	assert_int_equal(row("x@b.org", "z@a.org"), 0);
	assert_int_equal(route_row_add(table, &reject), 0);
	buf_init(&b, 4096);
	assert_int_equal(route_lookup(table, "x+1@old.org", NULL, NULL, &b), 4);
	assert_int_equal(buf_add(&b, "", 1), 0);
	assert_string_equal(buf_data(&b), "x+1@old.org: row *@old.org -> *@b.org\n"
	    "x+1@b.org: row x@b.org -> anna@a.org, folder Lists\n"
	    "x+1@b.org: row x@b.org -> anna+d@a.org\n"
	    "anna+d@a.org: an account, without its detail\n"
	    "x+1@b.org: row x@b.org -> \\303\\274@elsewhere.net\n"
	    "x+1@b.org: handed on to next hop #7\n"
	    "x+1@b.org: row x@b.org -> z@a.org\n"
	    "z@a.org: row z@a.org rejects: no\n");
	buf_free(&b);
	/* too small a buffer is no reason to find less */
	buf_init(&b, 50);
	assert_int_equal(route_lookup(table, "x@old.org", NULL, NULL, &b), 4);
	assert_int_equal(buf_len(&b), strlen("x@old.org: row *@old.org -> *@b.org\n"));
	buf_free(&b);
	/* and the caller may have enough */
	assert_int_equal(route_lookup(table, "x@b.org", stop, &n, NULL), 2);
	assert_int_equal(n, 2);
}

static void
wire(void **state)
{
	const struct route_row	 rows[] = {
		{ "x@a.org", "anna@a.org", "Lists/bsd", "", ROUTE_DELIVER, 0 },
		{ "y@a.org", "", "", "no such user", ROUTE_REJECT, 0 },
		{ "*@b.org", "", "", "", ROUTE_DELIVER, 4294967295U },
		{ "z@a.org", "", "", "", ROUTE_DISCARD, 0 }
	};
	struct route_table	*copy;
	struct route_row	 r;
	uint8_t			 frame[128];
	uint32_t		 next = 0, i;
	size_t			 len, frames = 0;

	(void)state;
	begin(nitems(rows), '+');
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(route_row_add(table, &rows[i]), 0);
	assert_non_null(copy = route_new(0, 0, nitems(rows), 0));
	while ((len = route_rows_pack(table, &next, frame, 80)) > 0) {
		assert_true(len <= 80);
		assert_int_equal(route_rows_unpack(copy, frame, len), 0);
		frames++;
	}
	assert_int_equal(frames, 2);
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(route_row_get(copy, i, &r), 0);
		assert_string_equal(r.address, rows[i].address);
		assert_string_equal(r.target, rows[i].target);
		assert_string_equal(r.folder, rows[i].folder);
		assert_string_equal(r.text, rows[i].text);
		assert_int_equal(r.action, rows[i].action);
		assert_int_equal(r.nexthop, rows[i].nexthop);
	}
	assert_int_equal(route_row_get(copy, i, &r), -1);
	route_free(copy);
	/* cut anywhere, it is refused */
	next = 0;
	len = route_rows_pack(table, &next, frame, sizeof(frame));
	for (i = 1; i < len; i++) {
		assert_non_null(copy = route_new(0, 0, nitems(rows), 0));
		if (i != sizeof(struct msg_route_row) + sizeof("x@a.org") + sizeof("anna@a.org") + sizeof("Lists/bsd") + 1 &&
		    route_rows_unpack(copy, frame, i) == 0) {
			uint32_t	 a, d, n;

			route_counts(copy, &a, &d, &n);
			assert_true(n == 2 || n == 3);	/* at the end of a row */
		}
		route_free(copy);
	}
}

/* What a table does not take: the schema's rules, once more. */
static void
refused(void **state)
{
	static const struct route_row	 bad[] = {
		{ "x@a.org", "", "", "", ROUTE_DELIVER, 0 }, { "x@a.org", "y@a.org", "", "", 0, 0 }, { "x@a.org", "y@a.org", "", "", 4, 0 },
		{ "x@a.org", "y@a.org", "", "t", ROUTE_DELIVER, 0 }, { "x@a.org", "", "L", "", ROUTE_DELIVER, 1 },
		{ "x@a.org", "y@a.org", "L", "", ROUTE_DELIVER, 1 }, { "*@a.org", "*@b.org", "L", "", ROUTE_DELIVER, 0 },
		{ "x@a.org", "y@a.org", "L\n", "", ROUTE_DELIVER, 0 }, { "x@a.org", "y@a.org", "", "", ROUTE_REJECT, 0 },
		{ "x@a.org", "", "", "", ROUTE_REJECT, 1 }, { "x@a.org", "", "L", "", ROUTE_REJECT, 0 },
		{ "x@a.org", "", "", "\x80", ROUTE_REJECT, 0 }, { "x@a.org", "", "", "t", ROUTE_DISCARD, 0 },
		{ "anna@a.org", "bert@a.org", "", "", ROUTE_DELIVER, 0 }, { "x", "anna@a.org", "", "", ROUTE_DELIVER, 0 },
		{ "X@a.org", "anna@a.org", "", "", ROUTE_DELIVER, 0 }
	};
	struct route_account	 a = { 9, 0, "b.org/new", 0 };
	size_t			 i;

	(void)state;
	begin(1, '+');
	for (i = 0; i < nitems(bad); i++)
		if (route_row_add(table, &bad[i]) != -1)
			fail_msg("row %zu was taken", i);
	assert_int_equal(route_account_add(table, &a), -1);	/* more than announced */
	assert_int_equal(route_domain_add(table, "d.org", 0), -1);
	assert_null(route_new(ROUTE_MAX + 1, 0, 0, 0));
	assert_null(route_new(0, ROUTE_MAX + 1, 0, 0));
	assert_null(route_new(0, 0, ROUTE_MAX + 1, 0));
	assert_null(route_new(0, 0, 0, '@'));
	assert_int_equal(row("x@a.org", "anna@a.org"), 0);
	leads("x@a.org", "a.org/anna\n");
	assert_true(route_source_routes(table, "b.org"));
	assert_false(route_source_routes(table, "a.org"));
	assert_false(route_source_routes(table, "d.org"));
	assert_true(route_is_local(table, "old.org"));
	assert_true(route_memory(table) > 1000);
}

static int
teardown(void **state)
{
	(void)state;
	route_free(table);
	table = NULL;
	return (0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(order), cmocka_unit_test(several), cmocka_unit_test(nexthops), cmocka_unit_test(patterns),
		cmocka_unit_test(loops), cmocka_unit_test(too_long), cmocka_unit_test(nowhere), cmocka_unit_test(bounds), cmocka_unit_test(trail),
		cmocka_unit_test(wire), cmocka_unit_test(refused)
	};

	return (cmocka_run_group_tests(tests, NULL, teardown));
}
