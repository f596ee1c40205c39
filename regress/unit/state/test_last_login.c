/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: the last logins, whatever octets a name has, over the end of a process, and as they are put right. */
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
#define BERT	"b\"er\\t\x01\xc3\xa9'@example.org"
#define NOW	1790000000

static char	 dir[32], path[64], err[1024], told[4096];

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
	strlcpy(dir, "/tmp/rplast.XXXXXX", sizeof(dir));
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
row(void *arg, const struct login_row *r)
{
	(void)arg;
	snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s %lld %s\n", r->account, (long long)r->at, r->client);
}

static void
expect(const char *rows)
{
	state_close();
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
	told[0] = '\0';
	assert_int_equal(state_login_all(row, NULL), DB_OK);
	assert_string_equal(told, rows);
}

static void
kept_over_the_end(void **state)
{
	const struct login_row	 rows[] = { { NOW, ANNA, "192.0.2.1" }, { NOW + 1, BERT, "2001:db8::1" } };
	const struct login_row	 later = { NOW - 5, BERT, "" };

	(void)state;
	expect("");
	assert_int_equal(state_login_put(rows, 2), DB_OK);
	expect(ANNA " 1790000000 192.0.2.1\n" BERT " 1790000001 2001:db8::1\n");
	/* What came last counts, whatever the clock said. */
	assert_int_equal(state_login_put(&later, 1), DB_OK);
	expect(ANNA " 1790000000 192.0.2.1\n" BERT " 1789999995 \n");
	assert_int_equal(state_login_put(rows, 0), DB_OK);
	assert_int_equal(state_login_put(rows, STATE_SLICE + 1), DB_FAILED);
}

static int
only_bert(const char *account)
{
	return (strcmp(account, BERT) == 0);
}

static void
put_right(void **state)
{
	const struct login_row	 rows[] = { { NOW + 86401, ANNA, "192.0.2.1" }, { NOW + 86400, BERT, "192.0.2.1" } };

	(void)state;
	assert_int_equal(state_login_put(rows, 2), DB_OK);
	assert_int_equal(state_clamp(NOW), DB_OK);
	expect(ANNA " 1790000000 192.0.2.1\n" BERT " 1790086400 192.0.2.1\n");
	assert_int_equal(state_login_prune(only_bert), DB_OK);
	expect(BERT " 1790086400 192.0.2.1\n");
}

/* What somebody puts there with sqlite3(1) is no address. */
static void
foreign(void **state)
{
	sqlite3	*db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO last_login VALUES ('a@b.c', 1, 'x' || char(27)),"
	    " ('b@b.c', 2, printf('%.*c', 5000, '1'))", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	expect("a@b.c 1 \nb@b.c 2 \n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(kept_over_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(put_right, setup, teardown),
		cmocka_unit_test_setup_teardown(foreign, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
