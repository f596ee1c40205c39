/* SPDX-License-Identifier: ISC */
/* links: rpopd/config */
/* What a deliverer may say of a recipient: every row of the table in decide.c, and what a lie would need. */
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
#include "rpopd/config/config.h"

static struct route_table	*table;
static struct decider		*decider;

static const struct route_row	 rows[] = {
	{ "sales@a.org", "carl@far.example", "", "", ROUTE_DELIVER, 3 },	/* an address elsewhere by a next hop */
	{ "*@old.org", "*@b.org", "", "", ROUTE_DELIVER, 0 },
	{ "*@b.org", "", "", "", ROUTE_DELIVER, 4 },				/* unknown users go on unchanged */
	{ "*@c.org", "*@far.example", "", "", ROUTE_DELIVER, 5 },
	{ "lists@a.org", "anna@a.org", "Lists/Two", "", ROUTE_DELIVER, 0 },
	{ "hop-list@a.org", "lmtp@a.org", "INBOX", "", ROUTE_DELIVER, 0 },
	{ "bad@a.org", "", "", "go away", ROUTE_REJECT, 0 },
	{ "void@a.org", "", "", "", ROUTE_DISCARD, 0 },
	{ "team@a.org", "anna@a.org", "", "", ROUTE_DELIVER, 0 },
	{ "team@a.org", "bad@a.org", "", "", ROUTE_DELIVER, 0 },
	{ "keep@a.org", "bert@a.org", "Archive", "", ROUTE_DELIVER, 0 },
};

static int
setup(void **state)
{
	static const char *const	 dirs[] = { "a.org/anna", "a.org/bert", "a.org/lmtp" };
	static const char *const	 domains[] = { "a.org", "b.org", "c.org", "old.org" };
	struct route_account		 a;
	uint32_t			 i;

	(void)state;
	assert_non_null(table = route_new(nitems(dirs), nitems(domains), nitems(rows), '+'));
	for (i = 0; i < nitems(dirs); i++) {
		a = (struct route_account){ i + 1, i == 2 ? 9 : 0, dirs[i], 0 };
		assert_int_equal(route_account_add(table, &a), 0);
	}
	for (i = 0; i < nitems(domains); i++)
		assert_int_equal(route_domain_add(table, domains[i], 0), 0);
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(route_row_add(table, &rows[i]), 0);
	assert_true(route_complete(table));
	assert_non_null(decider = decide_new(table, "keep@a.org"));
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	decide_free(decider);
	route_free(table);
	return (0);
}

static int
permits(const struct origin *o, enum rcpt_kind kind, uint32_t nexthop, const char *dest)
{
	struct msg_rcpt	 r;

	memset(&r, 0, sizeof(r));
	r.kind = kind;
	r.nexthop = nexthop;
	strlcpy(r.dest, dest, sizeof(r.dest));
	return (decide_rcpt(decider, o, &r));
}

/* What nobody may say, whatever the record. */
static void
assert_lies(const struct origin *o)
{
	static const char *const	 dirs[] = { "../../etc/cron.d", "/etc/cron.d", "a.org/anna/../../..", "a.org/anna/.Lists.Two/x",
	    "a.org", "a.org/", "/anna", "", "a.org/nobody", "far.example/anna", "a.org/anna/Lists", "a.org/anna/.Other",
	    "a.org/anna/.", "spool/x", "a.org/annax", "a.org/ann", "a.org/bert/.Archive/", "a.org/bert/.Archive.Two",
	    "a.org/lmtp/.INBOX", "A.ORG/anna/x" };
	size_t				 i;

	for (i = 0; i < nitems(dirs); i++) {
		assert_false(permits(o, RCPT_MAILDIR, 0, dirs[i]));
		assert_false(permits(o, RCPT_QUARANTINE, 0, dirs[i]));
		assert_false(permits(o, RCPT_RELAY, 3, dirs[i]));
	}
	assert_false(permits(o, RCPT_RELAY, 3, "stranger@evil.example"));	/* the smarthost */
	assert_false(permits(o, RCPT_QUARANTINE, 3, "stranger@evil.example"));
	assert_false(permits(o, RCPT_RELAY, 9, "stranger@evil.example"));
	assert_false(permits(o, RCPT_RELAY, 4, "x@a.org"));
	assert_false(permits(o, RCPT_RELAY, 4, "x@old.org"));
	assert_false(permits(o, RCPT_RELAY, 3, "*@b.org"));
	assert_false(permits(o, RCPT_RELAY, 4, "carl@far.example"));		/* another next hop's */
	assert_false(permits(o, RCPT_RELAY, 9, "anna@a.org"));
	assert_false(permits(o, RCPT_RELAY, 3, "@"));
	assert_false(permits(o, RCPT_RELAY, 3, "\"@far.example"));
	assert_false(permits(o, RCPT_REJECT, 0, "anna@a.org"));
	assert_false(permits(o, RCPT_DISCARD, 0, "anna@a.org"));
	assert_false(permits(o, RCPT_DISCARD, 0, ""));
	assert_false(permits(o, RCPT_DISCARD, 0, "bad@a.org"));
}

static void
test_personal(void **state)
{
	struct origin	 anna = { .account = 1, .personal = 1 }, lmtp = { .account = 3, .personal = 1 };
	struct origin	 gone = { .account = 7, .personal = 1 };

	(void)state;
	assert_lies(&anna);
	assert_lies(&lmtp);
	assert_lies(&gone);
	assert_true(permits(&anna, RCPT_MAILDIR, 0, "a.org/anna"));
	assert_true(permits(&anna, RCPT_QUARANTINE, 0, "a.org/anna"));
	assert_false(permits(&anna, RCPT_MAILDIR, 0, "a.org/bert"));
	assert_false(permits(&anna, RCPT_MAILDIR, 0, "a.org/anna/.Lists.Two"));
	assert_false(permits(&anna, RCPT_RELAY, 3, "carl@far.example"));
	assert_false(permits(&anna, RCPT_REJECT, 0, "bad@a.org"));
	assert_false(permits(&anna, RCPT_DISCARD, 0, "void@a.org"));
	assert_true(permits(&anna, RCPT_MAILDIR, 0, "a.org/bert/.Archive"));	/* the archive's */
	strlcpy(anna.folder, "Work/New", sizeof(anna.folder));
	assert_true(permits(&anna, RCPT_MAILDIR, 0, "a.org/anna/.Work.New"));
	assert_false(permits(&anna, RCPT_MAILDIR, 0, "a.org/anna"));
	strlcpy(anna.folder, "inbox", sizeof(anna.folder));
	assert_true(permits(&anna, RCPT_MAILDIR, 0, "a.org/anna"));
	assert_true(permits(&lmtp, RCPT_RELAY, 9, "lmtp@a.org"));
	assert_true(permits(&lmtp, RCPT_QUARANTINE, 9, "lmtp@a.org"));
	assert_false(permits(&lmtp, RCPT_RELAY, 4, "lmtp@a.org"));
	assert_false(permits(&lmtp, RCPT_RELAY, 9, "lmtp+x@a.org"));
	assert_false(permits(&lmtp, RCPT_MAILDIR, 0, "a.org/lmtp"));
	strlcpy(lmtp.folder, "Lists", sizeof(lmtp.folder));
	assert_true(permits(&lmtp, RCPT_MAILDIR, 0, "a.org/lmtp/.Lists"));
	assert_false(permits(&gone, RCPT_MAILDIR, 0, "a.org/anna"));
}

static void
test_unified(void **state)
{
	struct origin	 field = { .account = 1 }, star = { .account = 1, .accounts_only = 1 };

	(void)state;
	assert_lies(&field);
	assert_lies(&star);
	assert_true(permits(&field, RCPT_MAILDIR, 0, "a.org/anna"));
	assert_true(permits(&star, RCPT_MAILDIR, 0, "a.org/bert"));
	assert_true(permits(&field, RCPT_MAILDIR, 0, "a.org/anna/.Lists.Two"));
	assert_true(permits(&star, RCPT_MAILDIR, 0, "a.org/anna/.Lists.Two"));
	assert_true(permits(&field, RCPT_MAILDIR, 0, "a.org/lmtp"));		/* since a row says INBOX */
	assert_true(permits(&field, RCPT_RELAY, 9, "lmtp@a.org"));
	assert_true(permits(&star, RCPT_RELAY, 9, "lmtp+detail@a.org"));
	assert_true(permits(&field, RCPT_RELAY, 3, "Carl@Far.Example"));
	assert_false(permits(&star, RCPT_RELAY, 3, "carl@far.example"));
	assert_true(permits(&field, RCPT_RELAY, 4, "Anybody@b.org"));
	assert_true(permits(&field, RCPT_RELAY, 4, "\"any body\"@b.org"));
	assert_true(permits(&field, RCPT_QUARANTINE, 4, "anybody@b.org"));
	assert_false(permits(&star, RCPT_RELAY, 4, "anybody@b.org"));
	assert_true(permits(&field, RCPT_RELAY, 5, "whoever@far.example"));
	assert_false(permits(&field, RCPT_RELAY, 5, "whoever@c.org"));
	assert_true(permits(&field, RCPT_REJECT, 0, "Bad@a.org"));
	assert_true(permits(&field, RCPT_REJECT, 0, "team@a.org"));
	assert_false(permits(&star, RCPT_REJECT, 0, "bad@a.org"));
	assert_true(permits(&field, RCPT_DISCARD, 0, "void@a.org"));
	assert_false(permits(&star, RCPT_DISCARD, 0, "void@a.org"));
	assert_false(permits(&field, RCPT_DISCARD, 0, "anybody@b.org"));
}

/* What somebody sends goes where the table says, and elsewhere by the one next hop for that. */
static void
test_sent(void **state)
{
	struct origin	 sent = { .account = 1, .nexthop = 6 };

	(void)state;
	assert_lies(&sent);
	assert_true(permits(&sent, RCPT_MAILDIR, 0, "a.org/bert"));
	assert_true(permits(&sent, RCPT_RELAY, 4, "anybody@b.org"));
	assert_true(permits(&sent, RCPT_RELAY, 6, "stranger@evil.example"));
	assert_true(permits(&sent, RCPT_QUARANTINE, 6, "\"a stranger\"@Evil.example"));
	assert_false(permits(&sent, RCPT_RELAY, 6, "anna@a.org"));
	assert_false(permits(&sent, RCPT_RELAY, 6, "nobody@old.org"));
	assert_false(permits(&sent, RCPT_RELAY, 6, "stranger"));
	sent.nexthop = 0;
	assert_false(permits(&sent, RCPT_RELAY, 6, "stranger@evil.example"));
	assert_false(permits(&sent, RCPT_RELAY, 0, "stranger@evil.example"));
}

/* Rows of a table that may be another one by now. */
static void
test_form(void **state)
{
	(void)state;
	assert_true(decide_form("a.org/anna"));
	assert_true(decide_form("gone.example/x y/.Lists.Two"));
	assert_false(decide_form("../../etc/cron.d"));
	assert_false(decide_form("a.org/../etc"));
	assert_false(decide_form("/etc/cron.d"));
	assert_false(decide_form("a.org/anna/"));
	assert_false(decide_form("a.org//anna"));
	assert_false(decide_form("a.org/."));
	assert_false(decide_form("a.org/anna/.x/y"));
	assert_false(decide_form("spool"));
	assert_false(decide_form("spool/aside"));
	assert_false(decide_form("spool/x/.y"));
	assert_true(decide_form("spool.example/anna"));
	assert_false(decide_form(""));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_personal),
		cmocka_unit_test(test_unified),
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_form),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
