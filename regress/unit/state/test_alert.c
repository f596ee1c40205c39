/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: alerts, in the order in which they are told, within their bounds, and over the end of a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/log.h"
#include "rpopd/state/state.h"

#define ANNA	"anna@example.org"
#define BERT	"bert@example.org"
#define NOW	1790000000

static char	 dir[32], path[64], err[1024], text[PROTO_ALERT_SIZE];
static int64_t	 skipped;

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static int
setup(void **state)
{
	(void)state;
	umask(077);
	log_setsink(quiet);
	skipped = 0;
	strlcpy(dir, "/tmp/rpalert.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	return (state_open(path, err, sizeof(err)));
}

static int
teardown(void **state)
{
	char	 cmd[128];

	(void)state;
	state_close();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd));
}

static void
reopen(void)
{
	state_close();
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
}

static void
tell(const char *sql)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static int64_t
add(const char *account, const char *what)
{
	int64_t	 id;

	assert_int_equal(state_alert_add(account, what, NOW, &id), DB_OK);
	assert_true(id > 0);
	return (id);
}

static int
passed(int64_t id)
{
	return (id == skipped);
}

/* What the next login is told; "": nothing. */
static const char *
next(const char *account, int64_t *id)
{
	enum db	 result = state_alert_next(account, passed, id, text);

	assert_true(result == DB_OK || result == DB_NONE);
	return (result == DB_OK ? text : "");
}

static void
count(void *arg, const struct alert_row *row)
{
	int	*n = arg;

	n[row->told != 0]++;
}

/* How many alerts of an account, or of all, are told or not, read in pages of this size. */
static void
expect(const char *account, size_t page, int open, int told)
{
	struct alert_row last = { .id = 0 };
	int		 n[2] = { 0, 0 };
	enum db		 result;

	while ((result = state_alert_page(account, &last, page, count, n)) == DB_MORE)
		;
	assert_int_equal(result, DB_OK);
	assert_int_equal(n[0], open);
	assert_int_equal(n[1], told);
}

static void
order(void **state)
{
	int64_t	 first = add(ANNA, "first"), second, id;

	(void)state;
	add(BERT, "other");
	second = add(ANNA, "second");
	assert_string_equal(next(ANNA, &id), "first");
	assert_int_equal(id, first);
	skipped = first;
	assert_string_equal(next(ANNA, &id), "second");
	assert_int_equal(id, second);
	skipped = 0;
	assert_int_equal(state_alert_told(&first, 1, NOW), DB_OK);
	reopen();
	assert_string_equal(next(ANNA, &id), "second");
	assert_int_equal(state_alert_told(&id, 1, NOW), DB_OK);
	assert_string_equal(next(ANNA, &id), "");
	assert_string_equal(next(BERT, &id), "other");
	assert_string_equal(next("nobody@example.org", &id), "");
	expect("", 1, 1, 2);
	expect(ANNA, 100, 0, 2);
}

/* Ids that are told together, none of them twice, and none that there is not. */
static void
together(void **state)
{
	int64_t	 ids[STATE_SLICE + 1], i;

	(void)state;
	for (i = 0; i <= STATE_SLICE; i++)
		ids[i] = INT64_MAX - i;
	for (i = 0; i < 50; i++)
		ids[i] = add(ANNA, "text");
	assert_int_equal(state_alert_told(ids, STATE_SLICE + 1, NOW), DB_FAILED);
	assert_int_equal(state_alert_told(ids, 0, NOW), DB_OK);
	expect(ANNA, 7, 50, 0);
	assert_int_equal(state_alert_told(ids, STATE_SLICE, NOW), DB_OK);
	expect(ANNA, 7, 0, 50);
}

static void
bounds(void **state)
{
	int64_t	 id, last = 0;
	int	 i, n;

	(void)state;
	for (i = 0; i < ALERTS_MAX; i++)
		last = add(ANNA, "text");
	assert_int_equal(state_alert_add(ANNA, "one too many", NOW, &id), DB_NONE);
	add(BERT, "another account's");
	expect(ANNA, 33, ALERTS_MAX, 0);
	next(ANNA, &id);
	assert_int_equal(state_alert_told(&id, 1, NOW), DB_OK);
	assert_true(add(ANNA, "there is room") > last);
	expect(ANNA, 33, ALERTS_MAX, 0);
	/* An id is never another alert's. */
	assert_int_equal(state_alert_remove(0, ANNA, &n), DB_OK);
	assert_int_equal(n, ALERTS_MAX);
	assert_true(add(ANNA, "new") > last + 2);
	expect("", 1, 2, 0);
}

static void
removed(void **state)
{
	char	 account[PROTO_ADDR_SIZE];
	int64_t	 id = add(ANNA, "text");
	int	 n;

	(void)state;
	assert_int_equal(state_alert_get(id, account), DB_OK);
	assert_string_equal(account, ANNA);
	assert_int_equal(state_alert_get(id + 1, account), DB_NONE);
	assert_int_equal(state_alert_remove(id, BERT, &n), DB_OK);
	assert_int_equal(n, 0);
	assert_int_equal(state_alert_remove(id, ANNA, &n), DB_OK);
	assert_int_equal(n, 1);
	expect("", 1, 0, 0);
}

static int
only_bert(const char *account)
{
	return (strcmp(account, BERT) == 0);
}

static void
pruned(void **state)
{
	int64_t	 id;

	(void)state;
	assert_int_equal(state_alert_prune(only_bert), DB_OK);
	add(ANNA, "one");
	add(ANNA, "two");
	add(BERT, "three");
	assert_int_equal(state_alert_prune(only_bert), DB_OK);
	expect("", 10, 1, 0);
	assert_string_equal(next(BERT, &id), "three");
	assert_int_equal(state_alert_told(&id, 1, NOW), DB_OK);
	assert_int_equal(state_prune_old(NOW + 29 * 86400), DB_OK);
	expect("", 10, 0, 1);
	assert_int_equal(state_prune_old(NOW + 31 * 86400), DB_OK);
	expect("", 10, 0, 0);
}

/* What somebody puts there with sqlite3(1) is a reply line all the same. */
static void
foreign(void **state)
{
	int64_t	 id;
	size_t	 i;

	(void)state;
	tell("INSERT INTO alert (account, text, made) VALUES ('" ANNA "', 'a' || char(13, 10) || '+OK b' || char(7), 1),"
	    " ('" ANNA "', printf('%.*c', 5000, 'x'), 99999999999)");
	next(ANNA, &id);
	for (i = 0; text[i] != '\0'; i++)
		assert_true(text[i] >= ' ' && text[i] <= '~');
	skipped = id;
	assert_int_equal(strlen(next(ANNA, &id)), PROTO_ALERT_SIZE - 1);
	assert_int_equal(state_clamp(NOW), DB_OK);
	expect("", 10, 2, 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(order, setup, teardown),
		cmocka_unit_test_setup_teardown(together, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(removed, setup, teardown),
		cmocka_unit_test_setup_teardown(pruned, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
