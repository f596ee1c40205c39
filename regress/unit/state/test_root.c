/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: the counter of durable transactions, links without rows, and rows without files. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "staterig.h"

static char		 dir[] = "/tmp/rproot.XXXXXX", path[64], err[1024];
static struct msg_rcpt	 rcpt;
static struct msg_receipt_note	 note;
static uint8_t		 verdict;
static int64_t		 mbox, first, last;

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static int
setup(void **state)
{
	struct record	 r = { .owner = "anna@example.org", .name = "work", .host = "pop.example.net", .port = 995, .user = "anna" };

	(void)state;
	umask(077);
	log_setsink(quiet);
	strlcpy(dir, "/tmp/rproot.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	return ((mbox = mailbox_id(&r)) > 0 ? 0 : -1);
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

static int64_t
ask(const char *sql)
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

/* One message for one recipient, of a unified record. */
static enum commit_verdict
take(const char *uid, enum rcpt_kind kind, const char *link)
{
	struct receipt	 r;

	memset(&r, 0, sizeof(r));
	memset(&rcpt, 0, sizeof(rcpt));
	rcpt.kind = kind;
	rcpt.nexthop = kind == RCPT_RELAY;
	strlcpy(rcpt.link, link, sizeof(rcpt.link));
	strlcpy(rcpt.dest, kind == RCPT_RELAY ? "anna@example.org" : "example.org/anna", sizeof(rcpt.dest));
	r.mailbox = mbox;
	r.uidlen = strlen(uid);
	memcpy(r.uid, uid, r.uidlen);
	memset(r.digest, uid[0], sizeof(r.digest));
	memset(r.identity, uid[0], sizeof(r.identity));
	r.octets = 10;
	r.since = 1700000000;
	r.state = SEEN_DELETING;
	r.nrcpt = 1;
	r.rcpts = &rcpt;
	r.verdicts = &verdict;
	r.note = &note;
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	return (r.verdict);
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
relay_of(const char *uid)
{
	char	 sql[128];

	snprintf(sql, sizeof(sql), "SELECT id FROM relay WHERE uid = CAST('%s' AS BLOB)", uid);
	return (ask(sql));
}

static void
change(int64_t id, int what)
{
	struct relay_change	 c = { .id = id };

	c.what = what;
	assert_int_equal(state_relay_change(&c, 1), DB_OK);
}

static int
count_orphan(void *arg, const struct relay_row *row)
{
	(void)row;
	(*(int *)arg)++;
	return (0);
}

static void
test_counter(void **state)
{
	struct root_state	 st;
	uint64_t		 n = state_counter();

	(void)state;
	take("a", RCPT_MAILDIR, "1.M1P1S1N1R0.h");
	assert_true(state_counter() == n + 1);
	assert_int_equal(state_settle(first, last), 0);
	assert_int_equal(state_flush(), DB_OK);				/* lazy: nothing in the mail root depends on it */
	assert_true(state_counter() == n + 1);
	assert_true((uint64_t)ask("SELECT counter FROM root") == n + 1);
	state_rooted(n + 5);						/* more than was ever told */
	take("b", RCPT_MAILDIR, "1.M1P1S1N2R0.h");
	assert_int_equal(ask("SELECT durable FROM root"), 0);
	state_rooted(n + 1);
	take("c", RCPT_MAILDIR, "1.M1P1S1N3R0.h");
	assert_true((uint64_t)ask("SELECT durable FROM root") == n + 1);
	state_close();
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
	state_root(&st);
	assert_true(st.counter == n + 3 && st.durable == n + 1 && st.joined == ROOT_NEW);
}

static void
test_joined(void **state)
{
	struct root_state	 st;
	uint8_t			 id[16] = { 7 };

	(void)state;
	assert_int_equal(state_root_joined(ROOT_TAKEN), DB_OK);
	while (state_next_session() < 5)
		;
	state_close();
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
	state_root(&st);
	assert_int_equal(st.joined, ROOT_TAKEN);
	assert_int_equal(st.life, 1);
	assert_int_equal(state_root_started(), DB_OK);
	state_root(&st);
	assert_int_equal(st.joined, ROOT_JOINED);
	assert_int_equal(ask("SELECT life FROM root"), st.session);
	assert_int_equal(state_root_declare(id, 1000), DB_OK);
	assert_int_equal(state_root_peek(path, &st, err, sizeof(err)), DB_OK);
	assert_int_equal(st.joined, ROOT_DECLARED);
	assert_true(st.counter > 1000 && st.durable == 0);
	assert_memory_equal(st.identity, id, sizeof(id));
	assert_int_equal(state_root_peek("/nowhere/state.db", &st, err, sizeof(err)), DB_NONE);
}

static int
count_link(void *arg, const char *link)
{
	assert_string_equal(link, "1.M1P1S1N1R0.h");
	++*(int *)arg;
	return (0);
}

/* A link is remembered until its removal is known to be durable, and every one that could have been sent before. */
static void
test_spent(void **state)
{
	struct relay_change	 c = { .id = 1, .what = RELAY_DONE, .status = "2.0.0" };
	uint64_t		 n;
	int			 seen = 0;

	(void)state;
	take("a", RCPT_RELAY, "1.M1P1S1N1R0.h");
	assert_int_equal(state_relay_change(&c, 1), DB_OK);
	n = state_counter();
	assert_int_equal(state_spent(count_link, &seen), DB_OK);
	assert_int_equal(seen, 1);
	assert_true((uint64_t)ask("SELECT counter FROM spent") == n);
	state_rooted(n);						/* told ahead of the removal */
	take("b", RCPT_MAILDIR, "1.M1P1S1N2R0.h");
	assert_int_equal(ask("SELECT count(*) FROM spent"), 1);
	state_rooted(n + 1);
	take("c", RCPT_MAILDIR, "1.M1P1S1N3R0.h");
	assert_int_equal(ask("SELECT count(*) FROM spent"), 0);
}

/* A file that is nowhere makes its recipient wait for the message again; that he has it is believed until it is lost for good. */
static void
test_missing(void **state)
{
	(void)state;
	take("a", RCPT_MAILDIR, "1.M1P1S1N1R0.h");
	take("b", RCPT_MAILDIR, "1.M1P1S1N2R0.h");
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N2R0.h", "why"), DB_OK);
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N2R0.h", "why"), DB_NONE);
	assert_int_equal(state_pending_missing(0, "1.M1P1S1N1R0.h", "why"), DB_OK);
	assert_int_equal(state_pending_missing(0, "1.M1P1S1N1R0.h", "why"), DB_NONE);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 5"), 2);
	assert_int_equal(ask("SELECT count(*) FROM copy"), 2);
	assert_int_equal(ask("SELECT count(*) FROM pending"), 0);
	assert_int_equal(ask("SELECT count(*) FROM relay WHERE body = 0 AND state = 0 AND nexthop = 0 AND after = 1 AND status = 'why'"
	    " AND dest = 'example.org/anna' AND length(copy) = 16 AND length(sha256) = 32"), 2);
	/* It comes again: his, and from there into his Maildir. */
	assert_int_equal(take("a", RCPT_MAILDIR, "1.M1P1S2N1R0.h"), COMMIT_DISCARD);
	assert_int_equal(verdict, COMMIT_HOLD);
	assert_int_equal(ask("SELECT count(*) FROM relay WHERE body = 1 AND link = '1.M1P1S2N1R0.h'"), 1);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 5"), 2);
	change(relay_of("a"), RELAY_MOVE);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 1"), 1);
	assert_int_equal(ask("SELECT count(*) FROM pending WHERE length(copy) = 16 AND length(sha256) = 32 AND dest = 'example.org/anna'"), 1);
	/* It does not: a copy that comes another way is one that he gets. */
	change(relay_of("b"), RELAY_LOST);
	assert_int_equal(ask("SELECT count(*) FROM copy"), 1);
}

/* The unique-id is another message's by now, or nobody's: that one is not touched, and the first is lost. */
static void
test_missing_of_another(void **state)
{
	int	 n = 0;

	(void)state;
	take("a", RCPT_MAILDIR, "1.M1P1S1N1R0.h");
	tell("UPDATE seen SET sha256 = zeroblob(32)");
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N1R0.h", "why"), DB_OK);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 1"), 1);
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 1);
	take("b", RCPT_MAILDIR, "1.M1P1S1N2R0.h");
	tell("DELETE FROM seen");
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N2R0.h", "why"), DB_OK);
	n = 0;
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 2);
}

/* Deleted, as its server said: wanted all the same, should it be listed again.  Of two that are equal nobody would know which. */
static void
test_missing_and_deleted(void **state)
{
	int	 n = 0;

	(void)state;
	take("a", RCPT_MAILDIR, "1.M1P1S1N1R0.h");
	tell("UPDATE seen SET state = 3");
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N1R0.h", "why"), DB_OK);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 5"), 1);
	assert_int_equal(ask("SELECT after FROM relay"), SEEN_DELETING);
	take("b", RCPT_MAILDIR, "1.M1P1S1N2R0.h");
	tell("UPDATE seen SET state = 3, uid = CAST('sha256:' || hex(sha256) || ':1' AS BLOB) WHERE uid = x'62';"
	    "UPDATE pending SET uid = CAST('sha256:' || hex(sha256) || ':1' AS BLOB);");
	assert_int_equal(state_pending_missing(first, "1.M1P1S1N2R0.h", "why"), DB_OK);
	assert_int_equal(ask("SELECT count(*) FROM seen WHERE state = 3"), 1);
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_counter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_missing_and_deleted, setup, teardown)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
