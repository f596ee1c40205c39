/* SPDX-License-Identifier: ISC */
/* links: regress/unit/edit/editrig.c rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Changes that say which row they are for, by what it was when it was seen; and who is of the web page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sha2.h>

#include "common/compat.h"
#include "editrig.h"

#define MEANWHILE	": somebody has changed it meanwhile: look at it again"

struct seen {
	const char	*column, *value;	/* of the row that is looked for */
	int		 n;
	uint8_t		 digest[PROTO_DIGEST_LEN];
};

static void
take(void *arg, const uint8_t *row, size_t len)
{
	struct seen	*s = arg;
	struct cell	 c;
	SHA2_CTX	 ctx;
	const uint8_t	*p = row;
	size_t		 left = len;
	int		 found = 0;

	while (cell_next(&p, &left, &c) == 1)
		found |= strcmp(c.column, s->column) == 0 && c.len == strlen(s->value) && memcmp(c.value, s->value, c.len) == 0;
	if (!found)
		return;
	s->n++;
	SHA256Init(&ctx);
	SHA256Update(&ctx, row, len);
	SHA256Final(s->digest, &ctx);
}

/* The digest of the only row of the table with this value, as it is listed. */
static void
see(const char *table, const char *column, const char *value, uint8_t digest[PROTO_DIGEST_LEN])
{
	struct rows_place	 place = { .nkeys = 0 };
	struct seen		 s = { .column = column, .value = value };
	char			 err[256] = "";

	assert_int_not_equal(edit_rows(&root, table, NULL, 0, &place, 1000, take, &s, err, sizeof(err)), -1);
	rows_begin(&place);
	assert_int_equal(s.n, 1);
	memcpy(digest, s.digest, PROTO_DIGEST_LEN);
}

/* The last change of the batch is for that row only. */
static void
guard(const uint8_t digest[PROTO_DIGEST_LEN])
{
	batch.changes[batch.n - 1].guarded = 1;
	memcpy(batch.changes[batch.n - 1].was, digest, PROTO_DIGEST_LEN);
}

static void
test_set(void **state)
{
	uint8_t	 was[PROTO_DIGEST_LEN], is[PROTO_DIGEST_LEN];

	(void)state;
	see("rpop", "account", ANNA, was);
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "period", "3000", NULL);
	guard(was);
	rig_done(&root, "1 record changed");
	see("rpop", "account", ANNA, is);
	assert_memory_not_equal(was, is, sizeof(was));
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "period", "3100", NULL);
	guard(was);
	rig_refused(&root, ANNA "/isp" MEANWHILE);
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", ANNA, "name", "isp", NULL);
	guard(was);
	rig_refused(&root, ANNA "/isp" MEANWHILE);
	/* With what it is now, under another name, too. */
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "name", "other", NULL);
	guard(is);
	rig_done(&root, "1 record changed");
	see("rpop", "account", ANNA, is);
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", ANNA, "name", "other", NULL);
	guard(is);
	rig_done(&root, "1 record removed");
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "other", "period", "3000", NULL);
	guard(is);
	rig_refused(&root, "there is no such record");
}

/* An administrator's edit counts, though it is not in force yet; so does each column, to NULL and from it. */
static void
test_edited(void **state)
{
	static const char *const	 edits[] = {
		"UPDATE rpop SET period = period + 1 WHERE account = '" ANNA "'", "UPDATE rpop SET leave = 1 - leave WHERE account = '" ANNA "'",
		"UPDATE rpop SET mailbox = 'Lists' WHERE account = '" ANNA "'", "UPDATE rpop SET mailbox = NULL WHERE account = '" ANNA "'",
		"UPDATE rpop SET password = NULL, period = NULL WHERE account = '" ANNA "'", "UPDATE rpop SET password = 'x' WHERE account = '" ANNA "'",
	};
	uint8_t				 was[PROTO_DIGEST_LEN];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(edits); i++) {
		rig_reload();
		see("rpop", "account", ANNA, was);
		rig_sql(edits[i]);
		rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "max_size", "77777", NULL);
		guard(was);
		rig_refused(&root, MEANWHILE);
	}
	/* Another password in the place of one is not seen, and another row does not count. */
	rig_reload();
	see("rpop", "account", ANNA, was);
	rig_sql("UPDATE rpop SET password = 'y' WHERE account = '" ANNA "'");
	rig_sql("UPDATE rpop SET period = 4711 WHERE account = '" CARL "'");
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "max_size", "77777", NULL);
	guard(was);
	rig_done(&root, "1 record changed");
}

/* Rows of every kind have in the store the digest that they are listed with. */
static void
test_tables(void **state)
{
	uint8_t	 was[PROTO_DIGEST_LEN];

	(void)state;
	see("settings", "mail_root", "/var/spool/rpopd", was);
	rig_put(CHANGE_SET, "settings", 0, "processors", "7", NULL);
	guard(was);
	rig_done(&root, "changed");
	rig_put(CHANGE_SET, "settings", 0, "processors", "8", NULL);
	guard(was);
	rig_refused(&root, "settings" MEANWHILE);
	see("account", "address", ANNA, was);
	rig_put(CHANGE_SET, "account", 1, "address", ANNA, "max_records", "7", NULL);
	guard(was);
	rig_done(&root, "1 account changed");
	rig_put(CHANGE_SET, "account", 1, "address", ANNA, "max_records", "8", NULL);
	guard(was);
	rig_refused(&root, ANNA MEANWHILE);
	rig_put(CHANGE_ADD, "domain", 1, "name", "new.example", NULL);
	rig_done(&root, "1 domain added");
	see("domain", "name", "new.example", was);
	rig_put(CHANGE_REMOVE, "domain", 1, "name", "new.example", NULL);
	guard(was);
	rig_done(&root, "1 domain removed");
}

/* One change too late, and none of the batch is done. */
static void
test_batch(void **state)
{
	uint8_t	 was[PROTO_DIGEST_LEN];

	(void)state;
	see("rpop", "account", ANNA, was);
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "period", "3000", NULL);
	guard(was);
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "max_size", "77777", NULL);
	guard(was);
	rig_refused(&root, MEANWHILE);
}

static void
test_heads(void **state)
{
	struct ctl_change	 m = { .act = CHANGE_SET, .table = "domain", .guarded = 1 };
	struct batch		 b = { .n = 0 };
	enum change_act		 act;

	(void)state;
	for (act = CHANGE_ADD; act < CHANGE_MAX; act++) {
		m.act = act;
		assert_int_equal(batch_add(&b, &m, (const uint8_t *)"", 0), act == CHANGE_SET || act == CHANGE_REMOVE ? 0 : -1);
	}
	m.guarded = 2;
	assert_int_equal(batch_add(&b, &m, (const uint8_t *)"", 0), -1);
	batch_free(&b);
}

/* Of the web page, who somebody is follows from the account, and is what it is at that moment. */
static void
test_who(void **state)
{
	struct who		 who;
	struct who_rights	 r;
	char			 named[400];

	(void)state;
	rig_sql("INSERT OR IGNORE INTO server_admin (account) VALUES ('" BERT "'); UPDATE account SET can_modify_rpop = 1, max_records = 3,"
	    " min_period = NULL WHERE address = '" BERT "'; INSERT OR REPLACE INTO domain_admin (account, domain) VALUES ('" ANNA "',"
	    " 'example.com')");
	rig_reload();
	who_web(&who, BERT);
	assert_true(who.user && !who.root && !who.watcher && who.server_admin);
	assert_string_equal(who.account, BERT);
	assert_string_equal(who_named(&who, named, sizeof(named)), BERT " (web page)");
	assert_int_equal(who_rights(BERT, &r), 0);
	assert_true(r.server_admin && r.domain_admin && r.modify && r.max_records == 3 && r.min_period == 600);
	assert_int_equal(who_rights(ANNA, &r), 0);
	assert_true(!r.server_admin && r.domain_admin);
	assert_int_equal(who_rights(CARL, &r), 0);
	assert_true(!r.server_admin && !r.domain_admin);
	who.proved = 1;
	rig_sql("DELETE FROM server_admin WHERE account = '" BERT "'");
	rig_reload();
	who_again(&who);
	assert_true(who.user && !who.server_admin && !who.proved);
	assert_string_equal(who.account, BERT);
	who_web(&who, "nobody@example.org");
	assert_string_equal(who.account, "");
	assert_int_equal(who_rights("nobody@example.org", &r), -1);
	rig_put(CHANGE_SET, "settings", 0, "processors", "7", NULL);
	rig_refused(&who, "no account here is yours");
}

int
main(void)
{
#define RIGGED(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
	const struct CMUnitTest	 tests[] = {
		RIGGED(test_set),
		RIGGED(test_edited),
		RIGGED(test_tables),
		RIGGED(test_batch),
		RIGGED(test_heads),
		RIGGED(test_who),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
