/* SPDX-License-Identifier: ISC */
/* links: regress/unit/edit/editrig.c rpopd/edit rpopd/config rpopd/db */
/* libs: -lsqlite3 */
/* Batches of changes: all or nothing, in the store and in force alike, whatever they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/compat.h"
#include "editrig.h"

static void
test_names(void **state)
{
	(void)state;
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "name", "a/b%s 'c' \"d\"; DROP TABLE rpop", NULL);
	rig_done(&root, "1 record changed: name isp -> ");
	rig_is("SELECT name FROM rpop WHERE account = '" ANNA "'", "a/b%s 'c' \"d\"; DROP TABLE rpop\n");
	rig_in_force("SELECT name FROM rpop WHERE account = '" ANNA "'", "a/b%s 'c' \"d\"; DROP TABLE rpop\n");
	rig_put(CHANGE_REMOVE, "rpop", 2, "account", ANNA, "name", "a/b%s 'c' \"d\"; DROP TABLE rpop", NULL);
	rig_done(&root, "1 record removed");
}

/* Words of SQL, and columns and tables that are none, are names that there are not. */
static void
test_injected(void **state)
{
	static const char *const	 words[] = { "select", "rowid", "_rowid_", "oid", "id", "1", "null", "address", "host", "new", "old", "as" };
	static const char *const	 tables[] = { "", "sqlite_schema", "accounts", "administrators", "rpop--", "rpop;", "RPOP", "main.rpop" };
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(words); i++) {
		rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", words[i], "1", NULL);
		rig_refused(&root, ANNA "/isp");
		rig_put(CHANGE_ADD, "rpop", 2, "account", ANNA, "name", "new", words[i], "1", NULL);
		rig_refused(&root, ANNA "/new");
		rig_put(CHANGE_REMOVE, "rpop", 2, "account", ANNA, words[i], "isp", NULL);
		rig_refused(&root, "not part of what names a row");
		rig_put(CHANGE_SET, "settings", 1, words[i], "1", "processors", "3", NULL);
		rig_refused(&root, "not part of what names a row");
	}
	for (i = 0; i < nitems(tables); i++) {
		rig_put(CHANGE_SET, tables[i], 1, "name", "a", "name", "b", NULL);
		rig_refused(&root, "there is no such table");
	}
	rig_put(CHANGE_SET, "rpop", 2, "name", "isp", "account", ANNA, "period", "60", NULL);
	rig_refused(&root, "not part of what names a row");
	rig_put(CHANGE_SET, "rpop", 1, "account", ANNA, "period", "60", NULL);
	rig_refused(&root, "name is missing");
	rig_put(CHANGE_REMOVE, "rpop", 0, NULL);
	rig_refused(&root, "account is missing");
}

static void
test_values(void **state)
{
	static const char *const	 numbers[] = { "1x", "60 ", "0x3c", "6e1", "99999999999999999999", "999999999999999999999999999" };
	static char	 lots[CELL_VALUE_MAX];
	size_t		 i;

	(void)state;
	memset(lots, 'a', sizeof(lots));
	for (i = 0; i < nitems(numbers); i++) {
		rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "period", numbers[i], NULL);
		rig_refused(&root, ANNA "/isp: period must be a whole number");
	}
	for (i = 0; i < 3; i++) {
		rig_cell("account", CELL_TEXT, ANNA, strlen(ANNA));
		rig_cell("name", CELL_TEXT, "isp", 3);
		rig_cell("mailbox", i == 0 ? CELL_BLOB : CELL_TEXT, i == 1 ? "a\0b" : "\xff", i == 1 ? 3 : 1);
		assert_int_equal(rig_add(CHANGE_SET, "rpop", 2), 0);
		rig_refused(&root, ANNA "/isp");
	}
	for (i = 0; i < 2; i++) {
		rig_cell("account", CELL_TEXT, ANNA, strlen(ANNA));
		rig_cell("name", CELL_TEXT, "isp", 3);
		rig_cell(i == 0 ? "password" : "mailbox", i == 0 ? CELL_BLOB : CELL_TEXT, lots, sizeof(lots));
		assert_int_equal(rig_add(CHANGE_SET, "rpop", 2), 0);
		rig_refused(&root, ANNA "/isp: rpop");
		rig_cell("account", i == 0 ? CELL_NULL : CELL_TEXT, lots, i == 0 ? 0 : sizeof(lots));
		rig_cell("name", i == 0 ? CELL_NULL : CELL_BLOB, lots, i == 0 ? 0 : sizeof(lots));
		assert_int_equal(rig_add(i == 0 ? CHANGE_ADD : CHANGE_SET, "rpop", 2), 0);
		rig_refused(&root, "");
	}
	/* A password may be any octets, and is what was given. */
	rig_cell("account", CELL_TEXT, ANNA, strlen(ANNA));
	rig_cell("name", CELL_TEXT, "isp", 3);
	rig_cell("password", CELL_TEXT, "\xe4\xf6", 2);
	assert_int_equal(rig_add(CHANGE_SET, "rpop", 2), 0);
	rig_done(&root, "password changed");
	rig_is("SELECT typeof(password), hex(password) FROM rpop WHERE account = '" ANNA "'", "blob|E4F6\n");
}

/* A refusal in a batch takes back what came ahead of it. */
static void
test_all_or_nothing(void **state)
{
	int	 i;

	(void)state;
	for (i = 0; i < 50; i++) {
		rig_put(CHANGE_NEED, "domain", 1, "name", "example.net", NULL);
		rig_put(CHANGE_SET, "settings", 0, "processors", "9", NULL);
		rig_put(CHANGE_REMOVE, "rpop", 2, "account", ANNA, "name", "isp", NULL);
		rig_put(CHANGE_SET, "rpop", 2, "account", CARL, "name", "isp", "period", "9", NULL);
		rig_refused(&root, "period must be 10..31536000 seconds");
	}
}

/* Who edits the store meanwhile: what he did comes into force by his reload, and no other row's. */
static void
test_renamed_partly(void **state)
{
	(void)state;
	rig_put(CHANGE_ADD, "route", 4, "address", "a@example.org", "target", ANNA, "nexthop", "", "folder", "", NULL);
	rig_put(CHANGE_ADD, "route", 4, "address", "b@example.org", "target", BERT, "nexthop", "", "folder", "", NULL);
	rig_done(&root, "2 routes added");
	rig_put(CHANGE_SET, "route", 1, "address", "a@example.org", "address", "b@example.org", NULL);
	rig_done(&root, "1 route changed: address a@example.org -> b@example.org");
	rig_in_force("SELECT address, target FROM route ORDER BY target", "b@example.org|" ANNA "\nb@example.org|" BERT "\n");
	rig_put(CHANGE_ADD, "schedule", 3, "name", "s", "days", "1", "begins", "08:00", NULL);
	rig_put(CHANGE_ADD, "schedule", 3, "name", "t", "days", "1", "begins", "09:00", NULL);
	rig_done(&root, "2 windows added");
	rig_put(CHANGE_SET, "schedule", 1, "name", "s", "name", "t", "pause", "60", NULL);
	rig_done(&root, "1 window changed: name s -> t, pause 0 -> 60");
	rig_in_force("SELECT name, begins, pause FROM schedule ORDER BY begins", "t|08:00|60\nt|09:00|0\n");
}

static void
test_renamed_account(void **state)
{
	(void)state;
	rig_put(CHANGE_NEED, "account", 1, "address", "dora@example.org", NULL);
	rig_done(&root, "1 account added");
	rig_put(CHANGE_SET, "account", 1, "address", "dora@example.org", "name", "dorothea", NULL);
	rig_done(&root, "1 account changed: name dora -> dorothea");
	rig_in_force("SELECT address FROM account WHERE name LIKE 'dor%'", "dorothea@example.org\n");
}

/* What is in the store already, but not in force, comes into force when it is asked for. */
static void
test_not_in_force(void **state)
{
	(void)state;
	rig_sql("UPDATE rpop SET period = 300 WHERE account = '" ANNA "'; UPDATE settings SET processors = 7");
	rig_put(CHANGE_SET, "rpop", 2, "account", ANNA, "name", "isp", "period", "300", NULL);
	rig_done(&root, "");
	rig_in_force("SELECT period FROM rpop WHERE account = '" ANNA "'", "300\n");
	rig_in_force("SELECT processors FROM settings", "100\n");
	assert_int_not_equal(config_loaded_version, config_version(options.store));
	rig_sql("INSERT INTO domain (name) VALUES ('example.net')");
	rig_put(CHANGE_NEED, "domain", 1, "name", "example.net", NULL);
	rig_done(&root, "");
	rig_in_force("SELECT name FROM domain WHERE name = 'example.net'", "example.net\n");
}

/* --- at random --- */

static unsigned int	 seed;

static const char *
pick(const char *const *words, size_t n)
{
	return (words[rand_r(&seed) % n]);
}
#define PICK(words)	pick(words, nitems(words))

struct choice {
	const char	*table;
	size_t		 nkeys;
	const char	*columns[6];
	const char	*values[6][5];
};
static const struct choice	 choices[] = {
	{ "rpop", 2, { "account", "name", "domain", "auth_name", "period", "mailbox" }, { { ANNA, BERT, CARL, PM, "x@y" },
	    { "a", "b/c", "d'e", "f%s", "isp" }, { "h.example", "g.example", "h.example:995", "h.example", "no host" },
	    { "u", "v", "u", "v", "" }, { "60", "600", "", "9", "x" }, { "Lists", "", "Lists/bsd", "a..b", "Lists" } } },
	{ "account", 1, { "address", "max_records", "min_period", "unix_user", "nexthop" }, { { "dora@example.org", "emil@example.com",
	    "fritz@example.org", ANNA, "nobody" }, { "1", "2", "", "-1", "x" }, { "60", "", "70", "5", "80" },
	    { "dora", "", "emil", "root", "" }, { "", "", "hop", "none", "" } } },
	{ "domain", 1, { "name" }, { { "example.net", "example.edu", "example.com", "bad domain", "example.int" } } },
	{ "route", 4, { "address", "target", "nexthop", "folder", "text" }, { { "s@example.org", "t@example.org", "u@example.com", ANNA,
	    "*@example.net" }, { ANNA, CARL, "dora@example.org", "", "s@example.org" }, { "", "", "hop", "", "" }, { "", "", "Lists", "", "" },
	    { "", "", "", "", "x" } } },
	{ "nexthop", 1, { "name", "address", "protocol", "port" }, { { "hop", "hop2", "hop", "hop2", "hop3" },
	    { "mx.example.net", "127.0.0.1", "mx.example.net", "", "bad host" }, { "lmtp", "smtp", "smtp", "smtp", "x" },
	    { "25", "24", "", "0", "26" } } },
	{ "schedule", 3, { "name", "days", "begins", "ends", "pause" }, { { "s", "t", "s", "t", "u" }, { "1", "12", "7", "8", "1" },
	    { "08:00", "09:00", "10:00", "08:00", "25:00" }, { "18:00", "24:00", "07:00", "08:00", "x" }, { "0", "60", "1", "-1", "" } } },
	{ "oauth_client", 1, { "name", "token_url", "client_id", "scope" }, { { "c", "d", "c", "d", "e" }, { "https://h.example/t",
	    "https://g.example/t", "https://h.example/t", "http://h", "" }, { "i", "j", "i", "j", "" }, { "s", "", "t", "", "s" } } },
	{ "server_admin", 1, { "account" }, { { ANNA, BERT, "dora@example.org", PM, "x@y" } } },
	{ "domain_admin", 2, { "account", "domain", "can_modify_rpop" }, { { ANNA, BERT, "dora@example.org", PM, "x@y" },
	    { "example.org", "example.com", "example.net", "x", "example.com" }, { "0", "1", "0", "2", "" } } },
	{ "listener", 2, { "address", "port", "tls", "channels" }, { { "*", "::1", "127.0.0.1", "*", "localhost" },
	    { "110", "1110", "110", "0", "110" }, { "none", "none", "none", "none", "stls" }, { "1", "5", "100", "0", "x" } } },
	{ "certificate", 3, { "address", "port", "cert", "key" }, { { "127.0.0.1", "*", "::1", "127.0.0.1", "localhost" },
	    { "995", "995", "995", "110", "x" }, { "/a", "/b", "/c", "relative", "/a/../b" }, { "/ka", "/kb", "", "k", "/kc" } } },
	{ "acl", 3, { "owner", "folder", "who", "rights" }, { { ANNA, BERT, "dora@example.org", PM, "x@y" },
	    { "INBOX", "Lists", "INBOX", "Lists/bsd", "inbox" }, { ANNA, "anyone", "*@example.com", "*@y", BERT },
	    { "r", "lrst", "rs", "rr", "" } } },
	{ "settings", 0, { "processors", "delay_failed_accounts", "log_level", "nexthop" }, { { "5", "6", "7", "-1", "x" },
	    { "60", "70", "80", "x", "300" }, { "low", "problems", "all", "x", "low" }, { "", "hop", "", "hop2", "" } } },
};

static void
put_random(void)
{
	const struct choice	*c = &choices[rand_r(&seed) % nitems(choices)];
	const char		*value;
	enum change_act		 act = rand_r(&seed) % CHANGE_MAX;
	size_t			 i, n;

	for (n = 0; n < nitems(c->columns) && c->columns[n] != NULL; n++)
		continue;
	for (i = 0; i < n; i++)
		if (i < c->nkeys || (act != CHANGE_REMOVE && (act <= CHANGE_NEED || rand_r(&seed) % 2))) {
			value = PICK(c->values[i]);
			rig_cell(c->columns[i], *value == '\0' ? CELL_NULL : CELL_TEXT, value, strlen(value));
		}
	for (i = 0; act == CHANGE_SET && i < c->nkeys; i++)
		if (rand_r(&seed) % 4 == 0) {
			value = PICK(c->values[i]);
			rig_cell(c->columns[i], *value == '\0' ? CELL_NULL : CELL_TEXT, value, strlen(value));
		}
	assert_int_equal(rig_add(act, c->table, c->nkeys), 0);
}

static void
complain(void *arg, const char *sentence)
{
	(void)arg;
	fail_msg("what was taken does not load: %s", sentence);
}

/* What is in force is what a load of the store gives, after each of many batches, and a batch that is refused leaves nothing. */
static void
test_random(void **state)
{
	struct config	*c;
	char		*before, *store, *image, *loaded;
	int		 i, k, rv, taken = 0, rounds = getenv("ROUNDS") == NULL ? 200 : atoi(getenv("ROUNDS"));

	(void)state;
	seed = getenv("SEED") == NULL ? 1 : (unsigned int)atoi(getenv("SEED"));
	store = rig_store();
	image = rig_image();
	for (i = 0; i < rounds; i++) {
		before = store;
		for (k = rand_r(&seed) % 3; k >= 0; k--)
			put_random();
		rv = rig_run(&root);
		assert_true(rv == 0 || rv == -1);
		if (strstr(text, "not in force") != NULL || strstr(text, "cannot be read") != NULL || *text == '\0')
			fail_msg("%d: %s", i, text);
		taken += rv == 0;
		store = rig_store();
		loaded = rig_image();
		if (rv == -1) {
			assert_string_equal(store, before);
			assert_string_equal(loaded, image);
		}
		free(before);
		free(image);
		assert_non_null(c = image_load(config_image, options.store, complain, NULL));
		config_free(c);
		rig_reload();
		assert_string_equal(image = rig_image(), loaded);
		free(loaded);
	}
	free(store);
	free(image);
	print_message("%d batches of %d were taken\n", taken, rounds);
	assert_true(taken > rounds / 20);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_names, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_injected, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_values, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_renamed_partly, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_renamed_account, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_not_in_force, rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(test_random, rig_setup, rig_teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
