/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 -DRPOPD_HOOKS */
/* state.db: what another retriever has seen, in slices, once more, and when one of the slices was the last. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "common/hook.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "staterig.h"

#define SLICES	5

static char		 dir[32], path[64], err[512], answer[1024];
static const char	*deadly;
static int		 deadly_left;
static uint64_t		 worked;
static struct record	 rec = { .owner = "anna@example.org", .name = "isp", .host = "pop.example.net", .port = 995, .user = "anna" };

void
hook_reach(const char *point)
{
	if (deadly != NULL && strcmp(point, deadly) == 0 && --deadly_left == 0)
		raise(SIGKILL);
}

void
hook_work(uint64_t n)
{
	worked += n;
}

static void
reopen(void)
{
	state_close();
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
}

/* The first row of an answer. */
static const char *
ask(const char *sql)
{
	sqlite3_stmt	*st;
	sqlite3		*db;
	int		 i;

	answer[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		for (i = 0; i < sqlite3_column_count(st); i++) {
			strlcat(answer, i > 0 ? "," : "", sizeof(answer));
			strlcat(answer, sqlite3_column_type(st, i) == SQLITE_NULL ? "-" :
			    (const char *)sqlite3_column_text(st, i), sizeof(answer));
		}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (answer);
}

static int
setup(void **state)
{
	(void)state;
	umask(077);
	strlcpy(dir, "/tmp/rpimport.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "%s/state.db", dir);
	deadly = NULL;
	return (state_open(path, err, sizeof(err)));
}

static int
teardown(void **state)
{
	char	 cmd[96];

	(void)state;
	state_close();
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd) == 0 ? 0 : -1);
}

/* Writes n unique-ids from number on. */
static enum db
import(int64_t mailbox, int number, size_t n, int64_t now, int durable)
{
	static char		 octets[STATE_SLICE][16];
	struct state_uid	 uids[STATE_SLICE];
	size_t			 i;

	assert_true(n <= STATE_SLICE);
	for (i = 0; i < n; i++) {
		snprintf(octets[i], sizeof(octets[i]), "u%06d", number + (int)i);
		uids[i] = (struct state_uid){ (const uint8_t *)octets[i], strlen(octets[i]) };
	}
	return (state_import_seen(mailbox, uids, n, now, durable));
}

/* A row says that the message counts as delivered, and nothing that a listing or a header could be compared with. */
static void
test_rows(void **state)
{
	int64_t	 mailbox = mailbox_id(&rec);

	(void)state;
	assert_int_equal(import(mailbox, 7, 1, 1000, 1), DB_OK);
	assert_string_equal(ask("SELECT CAST(uid AS TEXT), state, gone, since, listed, size, sha256 = zeroblob(32) FROM seen"),
	    "u000007,4,-,1000,-,0,1");
	assert_string_equal(ask("SELECT count(*) FROM fingerprint"), "0");
	/* No listing has been: what is said of a first one still holds. */
	assert_int_equal(state_listed(mailbox), DB_NONE);
}

/* The same once more changes nothing, neither what a listing has taught meanwhile nor what rpopd has delivered itself. */
static void
test_again(void **state)
{
	struct listing_change	 c = { .uid = "u000000", .uidlen = 7, .what = CHANGE_SIZE, .size = 500 };
	int64_t			 mailbox = mailbox_id(&rec);

	(void)state;
	assert_int_equal(import(mailbox, 0, 3, 1000, 1), DB_OK);
	assert_int_equal(state_change(mailbox, &c, 1, 2000), DB_OK);
	memcpy(c.uid, "u000001", 7);
	c.what = CHANGE_STATE;
	c.state = SEEN_DELETING;
	assert_int_equal(state_change(mailbox, &c, 1, 2000), DB_OK);
	assert_int_equal(import(mailbox, 0, 4, 3000, 1), DB_OK);
	assert_string_equal(ask("SELECT group_concat(CAST(uid AS TEXT) || ' ' || state || ' ' || ifnull(listed, '-') || ' ' || since)"
	    " FROM seen"), "u000000 4 500 1000,u000001 1 - 1000,u000002 4 - 1000,u000003 4 - 3000");
}

/* A slice costs what its unique-ids cost, however many there are. */
static void
test_many(void **state)
{
	int64_t		 mailbox = mailbox_id(&rec);
	uint64_t	 before;
	int		 i;

	(void)state;
	for (i = 0; i < 400; i++) {
		before = worked;
		assert_int_equal(import(mailbox, i * STATE_SLICE, STATE_SLICE, 1000, i == 399), DB_OK);
		assert_true(worked - before <= STATE_SLICE + 16);
	}
	assert_string_equal(ask("SELECT count(*) FROM seen"), "102400");
}

/* Killed in any slice: what is there is a beginning, and the whole, written once more, is whole. */
static void
test_killed(void **state)
{
	static const char *const	 points[] = { "master.state_import", "master.state_imported" };
	int64_t				 mailbox = mailbox_id(&rec);
	char				 beginning[32];
	pid_t				 pid;
	int				 status, i, k;

	(void)state;
	for (k = 0; k < 2 * SLICES; k++) {
		state_close();
		if ((pid = fork()) == 0) {
			if (state_open(path, err, sizeof(err)) == -1)
				_exit(2);
			deadly = points[k % 2];
			deadly_left = 1 + k / 2;
			for (i = 0; i < SLICES; i++)
				import(mailbox, i * 10, 10, 1000, i == SLICES - 1);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		reopen();
		snprintf(beginning, sizeof(beginning), "%d,%d", (k / 2 + k % 2) * 10, (k / 2 + k % 2) * 10);
		assert_string_equal(ask("SELECT count(*), ifnull(max(CAST(substr(uid, 2) AS INTEGER)) + 1, 0) FROM seen"), beginning);
	}
	for (i = 0; i < SLICES; i++)
		assert_int_equal(import(mailbox, i * 10, 10, 2000, i == SLICES - 1), DB_OK);
	assert_string_equal(ask("SELECT count(*), max(since) FROM seen"), "50,1000");
}

/*
 * A former mailbox that proves to be the record's knows more of a message than that it was seen elsewhere, and so has its say; of
 * one that it knows as deleted, or gone, it does not.
 */
static void
test_former(void **state)
{
	struct former	 f = { .port = 110 };
	struct record	 now = rec;
	int64_t		 is;
	sqlite3		*db;

	(void)state;
	now.port = 110;
	f.id = mailbox_id(&rec);
	is = mailbox_id(&now);
	assert_int_equal(import(f.id, 0, 4, 1000, 1), DB_OK);
	assert_int_equal(import(is, 0, 5, 2000, 1), DB_OK);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE seen SET state = 0 WHERE mailbox = 1 AND uid <> CAST('u000002' AS BLOB);"
	    "UPDATE seen SET state = 3 WHERE mailbox = 1 AND uid = CAST('u000001' AS BLOB);"
	    "UPDATE seen SET gone = 5 WHERE mailbox = 1 AND uid = CAST('u000003' AS BLOB)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(state_former_adopt(&f, is, &now, 0, "there", 3000), DB_OK);
	assert_string_equal(ask("SELECT group_concat(CAST(uid AS TEXT) || ' ' || state || ' ' || since) FROM seen WHERE mailbox = 1"),
	    "u000000 0 1000,u000001 4 2000,u000002 4 2000,u000003 4 2000,u000004 4 2000");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_former, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
