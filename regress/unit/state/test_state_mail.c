/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: where it comes from, and what it knows of messages besides whether they were seen. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "staterig.h"

static int
counted(int64_t mailbox, struct mailbox_counts *c)
{
	struct state_place	 at;

	memset(&at, 0, sizeof(at));
	memset(c, 0, sizeof(*c));
	return (state_counts(mailbox, &at, c));
}

#define VERSION_1	"regress/data/state-1.sql"
#define VERSION_2	"regress/data/state-2.sql"
#define VERSION_3	"regress/data/state-3.sql"
#define VERSION_4	"regress/data/state-4.sql"

static char		 dir[] = "/tmp/rpmail.XXXXXX", path[64], err[1024];
static struct msg_rcpt	 rcpt = { .kind = RCPT_MAILDIR, .link = "1.M2P3S4N5R0.mx", .dest = "example.org/anna" };
static uint8_t		 verdicts[1];
static int64_t		 mbox;

static void
quiet(enum log_level level, const char *text)
{
	(void)level;
	(void)text;
}

static int
scratch(void **state)
{
	(void)state;
	umask(077);
	log_setsink(quiet);
	strlcpy(dir, "/tmp/rpmail.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	return (0);
}

static int64_t
mailbox(const char *name)
{
	struct record	 r = { .owner = "anna@example.org", .name = name, .host = "pop.example.net", .port = 995, .user = "anna" };

	return (mailbox_id(&r));
}

static int
setup(void **state)
{
	scratch(state);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	return ((mbox = mailbox("work")) > 0 ? 0 : -1);
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

static enum commit_verdict
commit(const char *uid, int digest, int64_t since, int64_t unproven, uint8_t header)
{
	struct receipt	 r = { .mailbox = mbox, .uidlen = strlen(uid), .octets = 100, .state = SEEN_KEPT, .since = since,
	    .unproven = unproven, .header = header, .size = 5000, .nrcpt = 1, .rcpts = &rcpt,
	    .verdicts = verdicts };
	int64_t		 first, last;

	memcpy(r.uid, uid, r.uidlen);
	memset(r.digest, digest, sizeof(r.digest));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	return (r.verdict);
}

static int
change(const char *uid, int what, int64_t now)
{
	struct listing_change	 c = { .uidlen = strlen(uid), .what = what, .oversize = OVERSIZE_SKIPPED, .size = 7000 };

	memcpy(c.uid, uid, c.uidlen);
	return (state_change(mbox, &c, 1, now));
}

/* uid:state:since, digest keys as "sha256:" and the digest's first octet and n. */
static int
collect(void *arg, const struct seen_row *row)
{
	char	*out = arg, one[128];

	if (row->uidlen > PROTO_UID_MAX)
		snprintf(one, sizeof(one), "sha256:%.2s%.*s:%d:%lld ", row->uid + 7, (int)row->uidlen - 71, row->uid + 71, row->state,
		    (long long)row->since);
	else
		snprintf(one, sizeof(one), "%.*s:%d:%lld ", (int)row->uidlen, row->uid, row->state, (long long)row->since);
	if (row->oversize != OVERSIZE_NONE)
		snprintf(one + strlen(one) - 1, 8, ":o%c ", '0' + (char)row->oversize);
	if (row->gone != 0)
		snprintf(one + strlen(one) - 1, 8, ":gone ");
	strlcat(out, one, 1024);
	return (0);
}

static void
assert_seen(const char *wanted)
{
	char	 got[1024] = "";

	assert_int_equal(seen_each(mbox, collect, got), DB_OK);
	assert_string_equal(got, wanted);
}

/* sqlite3(1) with a file or a text. */
static void
shell(const char *sql)
{
	char	 cmd[2048];

	snprintf(cmd, sizeof(cmd), "sqlite3 -bail '%s' %s", path, sql);
	assert_int_equal(system(cmd), 0);
}

static void
version_1(void)
{
	shell("<" VERSION_1);
	shell("\"PRAGMA journal_mode = WAL; INSERT INTO mailbox (id, account, record, host, port, login) VALUES"
	    " (5, 'anna@example.org', 'work', 'pop.example.net', 995, CAST('anna' AS BLOB)),"
	    " (6, 'anna@example.org', 'idle', 'pop.example.net', 995, CAST('anna' AS BLOB)),"
	    " (7, 'anna@example.org', 'never', 'pop.example.net', 995, CAST('anna' AS BLOB));"
	    "INSERT INTO record_state VALUES (6, 1000, 1000, 0, 5, 5, 5, ''), (7, 0, 1000, 3, 0, 0, 3, 'refused');"
	    "INSERT INTO seen VALUES (5, CAST('b' AS BLOB), 1, NULL, 10, CAST('0123456789abcdef0123456789abcdef' AS BLOB)),"
	    " (5, CAST('a' AS BLOB), 0, 77, 10, CAST('1123456789abcdef0123456789abcdef' AS BLOB));"
	    "INSERT INTO suspect VALUES (5, CAST('s' AS BLOB), 2, NULL, 99, 'died');"
	    "INSERT INTO pending VALUES (44, 5, CAST('a' AS BLOB), 'l', 'd'); DELETE FROM pending;"
	    "UPDATE meta SET value = 4001\" >/dev/null");
}

static void
check_migrated(void)
{
	struct mailbox_counts	 counts;
	char			 want[128];
	int64_t			 first, last, now = time(NULL);
	struct receipt		 r = { .mailbox = 5, .uid = "n", .uidlen = 1, .state = SEEN_KEPT, .nrcpt = 1, .rcpts = &rcpt,
	    .verdicts = verdicts };
	sqlite3			*db;
	sqlite3_stmt		*st;

	assert_int_equal(mbox = mailbox("work"), 5);
	assert_true(state_next_session() >= 4001);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT min(since), max(since), (SELECT group_concat(name, ' ') FROM"
	    " (SELECT name FROM sqlite_schema WHERE name GLOB '*_1' AND name NOT GLOB 'sqlite*')),"
	    " (SELECT count(*) FROM messages), (SELECT count(*) FROM suspects), (SELECT count(*) FROM mailboxes) FROM seen", -1, &st,
	    NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_in_range(sqlite3_column_int64(st, 0), now - 600, now);
	assert_null(sqlite3_column_text(st, 2));
	snprintf(want, sizeof(want), "a:0:%lld:gone b:1:%lld s:6:0 ", (long long)sqlite3_column_int64(st, 0),
	    (long long)sqlite3_column_int64(st, 1));
	assert_int_equal(sqlite3_column_int(st, 3), 2);
	assert_int_equal(sqlite3_column_int(st, 4), 1);
	assert_int_equal(sqlite3_column_int(st, 5), 3);
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_seen(want);
	assert_int_equal(counted(5, &counts), 0);
	assert_int_equal(counts.suspects, 1);
	assert_int_equal(state_listed(5), DB_OK);
	assert_int_equal(state_listed(6), DB_OK);		/* polled with success once: nothing found there now is old mail */
	assert_int_equal(state_listed(7), DB_NONE);
	assert_true(mailbox("new") > 7);
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_true(first > 44);			/* ids are never used again */
}

static void
test_migrate(void **state)
{
	(void)state;
	version_1();
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	check_migrated();
	state_close();
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	assert_int_equal(state_listed(5), DB_OK);
}

/* What schema 2 knew of messages is known in this one. */
static void
test_migrate_2(void **state)
{
	struct mailbox_counts	 counts;

	(void)state;
	shell("<" VERSION_2);
	shell("\"INSERT INTO mailbox (id, account, record, host, port, login, listed) VALUES (5, 'anna@example.org', 'work', 'pop.example.net', 995, CAST('anna' AS BLOB), 9);"
	    "INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256) VALUES"
	    " (5, CAST('a' AS BLOB), 0, 77, 1000, 10, CAST('1123456789abcdef0123456789abcdef' AS BLOB)),"
	    " (5, CAST('b' AS BLOB), 1, NULL, 2000, 10, CAST('0123456789abcdef0123456789abcdef' AS BLOB));"
	    "INSERT INTO suspect VALUES (5, CAST('s' AS BLOB), 2, 0, NULL, 99, 'died');"
	    "INSERT INTO oversize VALUES (5, CAST('o' AS BLOB), 1, NULL, 4000, 99);"
	    "INSERT INTO copy VALUES (zeroblob(16), 1000);"
	    "UPDATE meta SET value = 4001\"");
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	assert_int_equal(mbox = mailbox("work"), 5);
	assert_true(state_next_session() >= 4001);
	assert_seen("a:0:1000:gone b:1:2000 o:6:0:o1 s:6:0 ");
	assert_int_equal(counted(5, &counts), 0);
	assert_int_equal(counts.suspects, 1);
	shell("\"SELECT count(*) || ifnull(max(mailbox), '-') || ifnull(max(uid), '-') || max(since) FROM copy\""
	    " | grep -qx -e 1--1000");
}

/* The fingerprints of schema 3, which had another name there, are those of this one. */
static void
test_migrate_3(void **state)
{
	uint8_t	 fingerprint[PROTO_DIGEST_LEN];

	(void)state;
	shell("<" VERSION_3);
	shell("\"INSERT INTO mailbox (id, account, record, host, port, login, listed) VALUES (5, 'anna@example.org', 'work', 'pop.example.net', 995, CAST('anna' AS BLOB), 9);"
	    "INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256) VALUES"
	    " (5, CAST('b' AS BLOB), 1, NULL, 2000, 10, CAST('0123456789abcdef0123456789abcdef' AS BLOB));"
	    "INSERT INTO print (mailbox, uid, fingerprint) VALUES (5, CAST('b' AS BLOB), CAST('fedcba9876543210fedcba9876543210' AS BLOB));"
	    "UPDATE meta SET value = 4001\"");
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	assert_int_equal(mbox = mailbox("work"), 5);
	assert_seen("b:1:2000 ");
	assert_int_equal(state_fingerprint(5, (const uint8_t *)"b", 1, fingerprint), DB_OK);
	assert_memory_equal(fingerprint, "fedcba9876543210fedcba9876543210", sizeof(fingerprint));
	shell("\"SELECT count(*) FROM mailboxes\" | grep -qx 1");
}

/* What became of messages by schemas 2, 3 and 4 is told by this one; those of them that are in seen have their size. */
static void
test_migrate_handled(void **state)
{
	static const char *const	 versions[] = { "<" VERSION_2, "<" VERSION_3, "<" VERSION_4 };
	struct explanation		 e;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(versions); i++) {
		unlink(path);
		shell(versions[i]);
		shell("\"INSERT INTO handled VALUES (5, CAST('b' AS BLOB), 2000, 's@example.net', 'why', 'delivered'),"
		    " (5, CAST('a' AS BLOB), 3000, '', 'because', 'waiting');"
		    "INSERT INTO seen (mailbox, uid, state, gone, since, size, sha256) VALUES"
		    " (5, CAST('b' AS BLOB), 1, NULL, 2000, 10, CAST('0123456789abcdef0123456789abcdef' AS BLOB));\"");
		if (state_open(path, err, sizeof(err)) == -1)
			fail_msg("%s", err);
		assert_int_equal(state_explain(5, (const uint8_t *)"b", 1, &e), DB_OK);
		assert_int_equal(e.handled, 2000);
		assert_string_equal(e.sender, "s@example.net");
		assert_string_equal(e.note, "why");
		assert_string_equal(e.results, "delivered");
		assert_string_equal(e.msgid, "");
		explanation_free(&e);
		shell("\"SELECT group_concat(id || ':' || since || ':' || size, ' ') FROM history\""
		    " | grep -qx '1:1970-01-01 00:33:20:10 2:1970-01-01 00:50:00:0'");
		shell("\"SELECT count(*) FROM sqlite_schema WHERE name GLOB 'handled_[0-9]'\" | grep -qx 0");
		state_close();
	}
}

/* A future schema, and one that was never: neither is touched. */
static void
test_migrate_not(void **state)
{
	(void)state;
	version_1();
	shell("'PRAGMA user_version = 0'");
	assert_int_equal(state_open(path, err, sizeof(err)), -1);
	assert_non_null(strstr(err, "has schema version 0"));
}

/* The time of delivery is that of the first one: the same message again does not make it younger, another one does. */
static void
test_since(void **state)
{
	(void)state;
	assert_int_equal(commit("a", 1, 1000, 1000, 0), COMMIT_DELIVER);
	assert_int_equal(commit("a", 1, 2000, 2000, 0), COMMIT_DISCARD);
	assert_int_equal(commit("b", 1, 2000, 2000, 0), COMMIT_DELIVER);
	assert_seen("a:0:1000 b:0:2000 ");
	assert_int_equal(commit("a", 2, 3000, 3000, 0), COMMIT_DELIVER);
	assert_seen("a:0:3000 b:0:2000 ");
	assert_int_equal(change("b", CHANGE_SINCE, 1500), 0);
	assert_seen("a:0:3000 b:0:1500 ");
}

/* Marked: a row whose digest equals none; an existing row is left as it is. */
static void
test_marked(void **state)
{
	struct mailbox_counts	 c;

	(void)state;
	assert_int_equal(commit("a", 1, 1000, 1000, 0), COMMIT_DELIVER);
	assert_int_equal(change("a", CHANGE_MARK, 2000), 0);
	assert_int_equal(change("m", CHANGE_MARK, 2000), 0);
	assert_seen("a:0:1000 m:4:2000 ");
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.kept, 2);
	assert_int_equal(commit("m", 0, 3000, 3000, 0), COMMIT_DELIVER);	/* a digest of zeros is not the unknown one */
	assert_int_equal(state_listed(mbox), DB_NONE);
	assert_int_equal(change("", CHANGE_LISTED, 4000), 0);
	assert_int_equal(state_listed(mbox), DB_OK);
}

static void
test_oversize(void **state)
{
	struct mailbox_counts	 c;

	(void)state;
	assert_int_equal(change("big", CHANGE_OVERSIZE, 1000), 0);
	assert_seen("big:6:0:o1 ");
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(commit("big", 9, 2000, 2000, 1), COMMIT_DELIVER);	/* its header: no seen row */
	assert_seen("big:6:0:o2 ");
	assert_int_equal(pending_count(), 1);
	assert_int_equal(commit("big", 9, 2000, 2000, 1), COMMIT_DISCARD);	/* once */
	assert_int_equal(pending_count(), 1);
	assert_int_equal(change("big", CHANGE_GONE, 3000), 0);
	assert_seen("big:6:0:o2:gone ");
	assert_int_equal(change("big", CHANGE_BACK, 3000), 0);
	assert_int_equal(commit("big", 1, 4000, 4000, 0), COMMIT_DELIVER);	/* whole, another time */
	assert_seen("big:0:4000 ");
	assert_int_equal(change("more", CHANGE_OVERSIZE, 1000), 0);
	assert_int_equal(change("more", CHANGE_FORGET, 1000), 0);
	assert_seen("big:0:4000 ");
}

/* A message that makes sessions fail, and one that kills the deliverer, are counted apart, until they come through. */
static void
test_failures(void **state)
{
	struct mailbox_counts	 c;
	int			 i;

	(void)state;
	for (i = 1; i < SUSPECT_FAILURES; i++)
		assert_int_equal(failure(mbox, "f"), i);
	assert_int_equal(suspect(mbox, "f"), 1);
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.suspects, 1);
	assert_int_equal(c.set_aside, 0);
	assert_int_equal(failure(mbox, "f"), SUSPECT_FAILURES);
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.set_aside, 1);
	assert_int_equal(commit("f", 1, 1000, 1000, 0), COMMIT_DELIVER);
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.suspects, 0);
}

/* What a session committed, and nothing else, is known by digest only once the session is known not to have been in step. */
static void
test_unprove(void **state)
{
	struct listing_change	 proven = { .what = CHANGE_PROVEN };
	uint32_t		 n;

	(void)state;
	assert_int_equal(commit("old", 1, 1000, 1000, 0), COMMIT_DELIVER);
	assert_int_equal(state_change(mbox, &proven, 1, 0), DB_OK);
	n = unprove(mbox);
	assert_int_equal(n, 0);				/* in step */
	assert_int_equal(commit("new1", 0x2a, 2000, 2000, 0), COMMIT_DELIVER);
	assert_int_equal(commit("new2", 0x3b, 2100, 2000, 0), COMMIT_DELIVER);
	assert_int_equal(commit("twin", 0x3b, 2100, 2000, 0), COMMIT_DELIVER);
	assert_int_equal(change("marked", CHANGE_MARK, 2100), 0);
	state_close();					/* and nobody knows */
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	n = unprove(mbox);
	assert_int_equal(n, 3);
	assert_seen("marked:4:2100 old:0:1000 sha256:2a:1:0:2000 sha256:3b:1:0:2100 sha256:3b:2:0:2100 ");
	n = unprove(mbox);
	assert_int_equal(n, 0);
}

/* The beginning of the first session in doubt counts, also when others follow. */
static void
test_unprove_two(void **state)
{
	uint32_t	 n;

	(void)state;
	commit("a", 1, 1000, 1000, 0);
	commit("b", 2, 2000, 2000, 0);
	n = unprove(mbox);
	assert_int_equal(n, 2);
}

static void
test_renumbered(void **state)
{
	(void)state;
	assert_int_equal(renumbered(mbox), RENUMBER_NOT);
	assert_int_equal(state_renumber_put(mbox, RENUMBER_SEEN, 0, 0, 0), DB_OK);	/* nobody asked */
	assert_int_equal(renumbered(mbox), RENUMBER_NOT);
	assert_int_equal(state_renumber_put(mbox, RENUMBER_ASKED, 100, 90, 1000), DB_OK);
	assert_int_equal(renumbered(mbox), RENUMBER_ASKED);
	assert_int_equal(state_renumber_put(mbox, RENUMBER_RETRIEVE, 0, 0, 0), DB_OK);
	assert_int_equal(renumbered(mbox), RENUMBER_RETRIEVE);
	assert_int_equal(state_renumber_put(mbox, RENUMBER_SEEN, 0, 0, 0), DB_OK);
	state_close();
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	assert_int_equal(renumbered(mbox), RENUMBER_SEEN);
	assert_int_equal(state_renumber_put(mbox, RENUMBER_NOT, 0, 0, 0), DB_OK);
	assert_int_equal(renumbered(mbox), RENUMBER_NOT);
}

/* A removed record takes everything with it. */
static void
test_prune(void **state)
{
	int64_t	 keep = mailbox("keep");
	char	 cmd[512];

	(void)state;
	commit("a", 1, 1000, 1000, 0);
	change("big", CHANGE_OVERSIZE, 1000);
	failure(mbox, "f");
	state_renumber_put(mbox, RENUMBER_ASKED, 1, 1, 1);
	assert_int_equal(state_prune(&keep, 1, NULL, 0), DB_OK);
	snprintf(cmd, sizeof(cmd), "test $(sqlite3 '%s' 'SELECT (SELECT count(*) FROM seen) + (SELECT count(*) FROM fingerprint) +"
	    " (SELECT count(*) FROM unproven) + (SELECT count(*) FROM suspect) + (SELECT count(*) FROM oversize) +"
	    " (SELECT count(*) FROM renumbered) + (SELECT count(*) FROM mailbox)') = 1", path);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_migrate, scratch, teardown),
		cmocka_unit_test_setup_teardown(test_migrate_2, scratch, teardown),
		cmocka_unit_test_setup_teardown(test_migrate_3, scratch, teardown),
		cmocka_unit_test_setup_teardown(test_migrate_handled, scratch, teardown),
		cmocka_unit_test_setup_teardown(test_migrate_not, scratch, teardown),
		cmocka_unit_test_setup_teardown(test_since, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oversize, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unprove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unprove_two, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renumbered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
