/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 -DRPOPD_HOOKS */
/* state.db: what a mailbox of very many messages costs, counted; in slices, and what is there when one of them was the last. */
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
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "staterig.h"

#define MANY	5000		/* messages */
#define A_ROW	8		/* statements for one row, at most */
#define A_SLICE	64		/* and some for the slice */

static char		 dir[32], path[64], err[512];
static int64_t		 mbox;
static uint64_t		 worked;
static const char	*deadly;
static int		 deadly_left;

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
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static void
reopen(void)
{
	state_close();
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
}

static void
run(const char *sql)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt	*st;
	sqlite3		*db;
	int64_t		 n;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (n);
}

/* Rows of one content: old ones, and those of a session that ended without a word. */
static int
setup(void **state)
{
	char	 sql[1024];

	(void)state;
	umask(077);
	log_setsink(quiet);
	strlcpy(dir, "/tmp/rpslice.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_open(path, err, sizeof(err)) == -1 || (mbox = mailbox_id(&rec)) <= 0)
		return (-1);
	snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO seen (mailbox, uid, state, since, size, sha256) SELECT %lld, CAST(printf('%%s%%05d',"
	    " iif(i %% 2, 'a', 'x'), i) AS BLOB), 0, 1000 * (1 + (i > %d)), 55, CAST('________________________________' AS BLOB)"
	    " FROM n; INSERT INTO unproven VALUES (%lld, 2000)", 2 * MANY, (long long)mbox, MANY, (long long)mbox);
	run(sql);
	deadly = NULL;
	return (0);
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

#define KEYS	"SELECT count(*) FROM seen WHERE length(uid) > 70"

static void
assert_doubted(void)
{
	assert_int_equal(number("SELECT count(*) FROM seen"), 2 * MANY);
	assert_int_equal(number(KEYS), MANY);
	assert_int_equal(number("SELECT count(*) FROM seen WHERE length(uid) > 70 AND since = 2000"), MANY);
	assert_int_equal(number("SELECT max(CAST(substr(CAST(uid AS TEXT), 73) AS INTEGER)) FROM seen WHERE length(uid) > 70"), MANY);
	assert_int_equal(number("SELECT count(*) FROM unproven"), 0);
}

/* Equal messages cost no more than others, and no slice has more than its share. */
static void
test_unprove(void **state)
{
	struct unprove	 u;
	uint64_t	 before, all = worked;
	int		 rv, slices = 0;

	(void)state;
	memset(&u, 0, sizeof(u));
	do {
		before = worked;
		rv = state_unprove_slice(mbox, &u);
		assert_true(worked - before <= STATE_SLICE * A_ROW + A_SLICE);
		assert_int_equal(number("SELECT count(*) FROM unproven"), rv == DB_MORE);
		slices++;
	} while (rv == DB_MORE);
	assert_int_equal(rv, 0);
	assert_int_equal(u.n, MANY);
	assert_in_range(slices, MANY / STATE_SLICE, MANY / STATE_SLICE + 2 * MANY / STATE_PAGE + 4);
	assert_true(worked - all <= MANY * A_ROW + (uint64_t)slices * A_SLICE);
	assert_doubted();
}

/* Whatever slice is the last one, the next start goes on: nothing is proven by what was done so far. */
static void
test_unprove_killed(void **state)
{
	static const char *const	 points[] = { "master.state_unprove", "master.state_slice" };
	struct unprove			 u;
	pid_t				 pid;
	int				 status, i, n = 0;

	(void)state;
	for (i = 0; i < 8; i++) {
		state_close();
		if ((pid = fork()) == 0) {
			if (state_open(path, err, sizeof(err)) == -1)
				_exit(2);
			deadly = points[i % 2];
			deadly_left = 1 + i / 2;
			memset(&u, 0, sizeof(u));
			while (state_unprove_slice(mbox, &u) == DB_MORE)
				;
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		reopen();
		assert_int_equal(number("SELECT count(*) FROM unproven"), 1);
		n = number(KEYS);
		assert_true(n < MANY);
	}
	assert_true(n > 0);
	memset(&u, 0, sizeof(u));
	while ((status = state_unprove_slice(mbox, &u)) == DB_MORE)
		;
	assert_int_equal(status, 0);
	assert_doubted();
}

/* What is recorded in slices is a beginning of the list, whichever of them was the last one. */
static void
test_changes(void **state)
{
	struct listing_change	*c;
	size_t			 i, done = 0, last = 0;
	uint64_t		 before;
	int			 rv;

	(void)state;
	c = calloc(MANY, sizeof(*c));
	assert_non_null(c);
	for (i = 0; i < MANY; i++) {
		c[i].uidlen = snprintf((char *)c[i].uid, sizeof(c[i].uid), "%s%05zu", (i + 1) % 2 != 0 ? "a" : "x", i + 1);
		c[i].what = i % 3 == 0 ? CHANGE_DOUBT : CHANGE_GONE;
	}
	c[MANY - 1].what = CHANGE_PROVEN;
	do {
		before = worked;
		rv = state_change_slice(mbox, c, MANY, 77, &done);
		assert_true(done > last && done - last <= STATE_SLICE);
		assert_true(worked - before <= (done - last) * A_ROW + A_SLICE);
		last = done;
		reopen();
		assert_int_equal(number("SELECT count(*) FROM unproven"), rv == DB_MORE);
		assert_int_equal(number(KEYS), ((done < MANY ? done : MANY - 1) + 2) / 3);
	} while (rv == DB_MORE);
	assert_int_equal(rv, 0);
	assert_int_equal(done, MANY);
	free(c);
}

struct met {
	int64_t	 rows, irregular, sum;	/* sum: of the numbers at the end of the unique-ids */
};

static int
meet(void *arg, const struct seen_row *row)
{
	struct met	*m = arg;
	char		 number[6] = "";

	assert_true(row->uidlen > 5);
	memcpy(number, row->uid + row->uidlen - 5, 5);
	m->rows++;
	m->irregular += row->failures > 0 || row->oversize != OVERSIZE_NONE;
	m->sum += atoi(number);
	return (0);
}

#define EVERY	"(SELECT uid FROM seen UNION SELECT uid FROM suspect UNION SELECT uid FROM oversize)"

/* Every row once, with or without a seen row, whichever table has most of them. */
static void
test_walk(void **state)
{
	struct state_place	 at;
	struct met		 met;
	uint64_t		 before;
	int64_t			 last, rows;
	char			 sql[1024];
	int			 rv, i;

	(void)state;
	snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO suspect (mailbox, uid, deaths, failures, since, reason) SELECT %lld, CAST(printf('x%%05d', i) AS BLOB),"
	    " 0, 1, 5, '' FROM n", 2 * MANY, (long long)mbox);
	run(sql);
	snprintf(sql, sizeof(sql), "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
	    " INSERT INTO oversize (mailbox, uid, state, size, since) SELECT %lld, CAST(printf('m%%05d', i) AS BLOB), 1, 5, 5 FROM n",
	    MANY, (long long)mbox);
	run(sql);
	for (i = 0; i < 2; i++) {
		memset(&met, 0, sizeof(met));
		memset(&at, 0, sizeof(at));
		do {
			before = worked;
			last = met.rows;
			rv = state_seen_slice(mbox, &at, meet, &met);
			assert_true(worked - before <= STATE_PAGE + A_SLICE);
			assert_true(met.rows - last <= 3 * STATE_PAGE);
		} while (rv == DB_MORE);
		assert_int_equal(rv, 0);
		rows = number("SELECT count(*) FROM " EVERY);
		assert_int_equal(rows, i == 0 ? 2 * MANY + MANY + MANY : 0);
		assert_int_equal(met.rows, rows);
		assert_int_equal(met.irregular, number("SELECT (SELECT count(*) FROM suspect) + (SELECT count(*) FROM oversize)"));
		assert_int_equal(met.sum, number("SELECT total(CAST(substr(CAST(uid AS TEXT), -5) AS INTEGER)) FROM " EVERY));
		run("DELETE FROM seen; DELETE FROM suspect; DELETE FROM oversize");
	}
}

static void
test_counts(void **state)
{
	struct mailbox_counts	 c;
	struct state_place	 at;
	int			 rv, slices = 0;

	(void)state;
	memset(&c, 0, sizeof(c));
	memset(&at, 0, sizeof(at));
	do {
		rv = state_counts(mbox, &at, &c);
		slices++;
	} while (rv == DB_MORE);
	assert_int_equal(rv, 0);
	assert_int_equal(c.kept, 2 * MANY);
	assert_int_equal(slices, 2 * MANY / STATE_PAGE + 1);
}

/* A doubtful former mailbox whose messages wait for a next hop: one look at its rows, not one for each of them. */
static void
test_adopt(void **state)
{
	struct record	 now = rec;
	struct former	 f = { .id = mbox, .account = "anna@example.org", .record = "isp", .host = "pop.example.net", .port = 995,
			    .login = "anna" };
	uint64_t	 before;

	(void)state;
	run("UPDATE seen SET state = 5 WHERE CAST(substr(CAST(uid AS TEXT), 2) AS INTEGER) % 4 = 0; DELETE FROM unproven");
	now.port = 110;
	before = worked;
	assert_int_equal(state_former_adopt(&f, mailbox_id(&now), &now, 1, "x", 5), DB_OK);
	assert_true(worked - before <= MANY / 2 * A_ROW + A_SLICE);
	assert_int_equal(number(KEYS), MANY / 2);
}

/* What is known of a mailbox that has gone goes in slices, whichever of them is the last of a daemon's life. */
static void
test_purge(void **state)
{
	uint64_t	 before;
	char		 sql[512];
	int		 rv, slices = 1, killed;

	(void)state;
	snprintf(sql, sizeof(sql), "INSERT INTO fingerprint SELECT mailbox, uid, sha256 FROM seen; INSERT INTO suspect (mailbox, uid, deaths, failures,"
	    " since, reason) SELECT mailbox, uid, 0, 1, 5, '' FROM seen");
	run(sql);
	for (killed = 0; killed <= 3; killed++) {
		before = worked;
		rv = state_prune(NULL, 0, NULL, 0);
		assert_int_equal(number("SELECT count(*) FROM mailbox"), 0);
		assert_int_equal(rv, DB_MORE);
		assert_true(worked - before <= STATE_PAGE + A_SLICE);
		reopen();
	}
	do {
		before = worked;
		rv = state_prune_slice();
		assert_true(worked - before <= STATE_PAGE + A_SLICE);
		slices++;
	} while (rv == DB_MORE);
	assert_int_equal(rv, 0);
	assert_true(slices > 3 * 2 * MANY / STATE_PAGE - 4);
	assert_int_equal(number("SELECT count(*) FROM seen") + number("SELECT count(*) FROM fingerprint") + number("SELECT count(*) FROM suspect"), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_unprove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unprove_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_adopt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_purge, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
