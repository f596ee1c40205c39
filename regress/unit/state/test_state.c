/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: the decision about a batch, what is remembered of messages, and what a locked, full or damaged store does. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
#include "rpopd/state/state_int.h"
#include "staterig.h"

static int
counted(int64_t mailbox, struct mailbox_counts *c)
{
	struct state_place	 at;

	memset(&at, 0, sizeof(at));
	memset(c, 0, sizeof(*c));
	return (state_counts(mailbox, &at, c));
}

static char		 dir[] = "/tmp/rpstate.XXXXXX";
static char		 path[64];
static char		 err[1024], logged[2048];
static struct msg_rcpt	 rcpts[3];
static uint8_t		 verdicts[3];
static int64_t		 mbox;

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
}

static int64_t
mailbox(const char *name, const char *host, uint16_t port, const char *user)
{
	struct record	 r = { .owner = "anna@example.org", .name = name, .host = host, .port = port, .user = user };

	return (mailbox_id(&r));
}

static int
setup(void **state)
{
	size_t	 i;

	(void)state;
	umask(077);
	log_setsink(sink);
	logged[0] = '\0';
	strlcpy(dir, "/tmp/rpstate.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	mbox = mailbox("work", "pop.example.net", 995, "anna");
	assert_true(mbox > 0);
	for (i = 0; i < nitems(rcpts); i++) {
		rcpts[i].kind = RCPT_MAILDIR;
		snprintf(rcpts[i].link, sizeof(rcpts[i].link), "1.M2P3S4N5R%zu.mx", i);
		snprintf(rcpts[i].dest, sizeof(rcpts[i].dest), "example.org/u%zu", i);
	}
	return (0);
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
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
}

static struct receipt
receipt(const char *uid, int digest, enum seen_state st, uint32_t nrcpt)
{
	struct receipt	 r;

	memset(&r, 0, sizeof(r));
	r.mailbox = mbox;
	r.uidlen = strlen(uid);
	memcpy(r.uid, uid, r.uidlen);
	r.octets = 100 + digest;
	memset(r.digest, digest, sizeof(r.digest));
	memset(r.fingerprint, digest ^ 0xff, sizeof(r.fingerprint));
	r.since = r.unproven = 5000;
	r.state = r.again = st;
	r.nrcpt = nrcpt;
	r.rcpts = rcpts;
	r.verdicts = verdicts;
	return (r);
}

static enum commit_verdict
commit(const char *uid, int digest, enum seen_state st)
{
	struct receipt	 r = receipt(uid, digest, st, 1);
	int64_t		 first, last;

	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_int_equal(first != 0, r.verdict == COMMIT_DELIVER);
	return (r.verdict);
}

static int
change(const char *uid, int what, enum seen_state st, int64_t now)
{
	struct listing_change	 c;

	memset(&c, 0, sizeof(c));
	c.uidlen = strlen(uid);
	memcpy(c.uid, uid, c.uidlen);
	c.what = what;
	c.state = st;
	return (state_change(mbox, &c, 1, now));
}

/* state_seen() as text: uid:state[:gGONE][:dDEATHS][:fFAILURES][:oOVERSIZE] and a space for each. */
static int
collect(void *arg, const struct seen_row *row)
{
	char	*out = arg, one[256];
	int	 len;

	len = snprintf(one, sizeof(one), "%.*s:%d", (int)row->uidlen, row->uid, row->state);
	if (row->gone != 0)
		len += snprintf(one + len, sizeof(one) - len, ":g%lld", (long long)row->gone);
	if (row->deaths != 0)
		len += snprintf(one + len, sizeof(one) - len, ":d%u", row->deaths);
	if (row->failures != 0)
		len += snprintf(one + len, sizeof(one) - len, ":f%u", row->failures);
	if (row->oversize != 0)
		len += snprintf(one + len, sizeof(one) - len, ":o%u", row->oversize);
	snprintf(one + len, sizeof(one) - len, " ");
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

static int
collect_pending(void *arg, int64_t id, const struct msg_rcpt *rcpt)
{
	char	*out = arg, one[700];

	snprintf(one, sizeof(one), "%lld %s %s|", (long long)id, rcpt->link, rcpt->dest);
	strlcat(out, one, 2048);
	return (0);
}

static sqlite3 *
other(void)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return (db);
}

static void
test_create(void **state)
{
	struct stat	 st;
	char		 new[80];

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(new, sizeof(new), "%s.new", path);
	assert_int_equal(access(new, F_OK), -1);
	reopen();
	assert_int_equal(mailbox("work", "pop.example.net", 995, "anna"), mbox);
}

/* A record that is pointed elsewhere starts afresh; ids are never used again. */
static void
test_mailbox(void **state)
{
	int64_t	 ids[5], id;
	size_t	 i, j;

	(void)state;
	ids[0] = mbox;
	ids[1] = mailbox("work", "pop.example.net", 110, "anna");
	ids[2] = mailbox("work", "pop.example.com", 995, "anna");
	ids[3] = mailbox("work", "pop.example.net", 995, "Anna");
	ids[4] = mailbox("home", "pop.example.net", 995, "anna");
	for (i = 0; i < nitems(ids); i++)
		for (j = 0; j < i; j++)
			assert_int_not_equal(ids[i], ids[j]);
	assert_int_equal(state_prune(&ids[0], 1, NULL, 0), DB_OK);
	id = mailbox("home", "pop.example.net", 995, "anna");
	assert_true(id > ids[4]);
}

static void
test_session(void **state)
{
	uint32_t	 first = state_next_session(), i, n = first;

	(void)state;
	assert_true(first > 0);
	for (i = 0; i < 2500; i++)
		assert_int_equal(state_next_session(), ++n);
	reopen();
	assert_true(state_next_session() > n);
}

static void
test_commit(void **state)
{
	struct receipt	 r[3];
	int64_t		 first, last;
	char		 got[2048] = "";
	int		 left_out;

	(void)state;
	r[0] = receipt("a", 1, SEEN_DELETING, 1);
	r[1] = receipt("b", 2, SEEN_KEPT, 3);
	r[2] = receipt("a", 1, SEEN_DELETING, 1);	/* twice in one batch: once is enough */
	assert_int_equal(state_commit(r, 3, &first, &last), DB_OK);
	assert_int_equal(r[0].verdict, COMMIT_DELIVER);
	assert_int_equal(r[1].verdict, COMMIT_DELIVER);
	assert_int_equal(r[2].verdict, COMMIT_DISCARD);
	assert_int_equal(last - first, 3);
	assert_int_equal(pending_count(), 4);
	assert_int_equal(state_pending(collect_pending, got, &left_out), DB_OK);
	assert_int_equal(left_out, 0);
	assert_string_equal(got, "1 1.M2P3S4N5R0.mx example.org/u0|2 1.M2P3S4N5R0.mx example.org/u0|"
	    "3 1.M2P3S4N5R1.mx example.org/u1|4 1.M2P3S4N5R2.mx example.org/u2|");
	assert_seen("a:1 b:0 ");
	assert_int_equal(seen_count(mbox), 2);
}

static void
test_settle(void **state)
{
	struct receipt	 r = receipt("a", 1, SEEN_DELETING, 3);
	int64_t		 first, last, again;

	(void)state;
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_int_equal(state_settle(first, last), 0);
	assert_int_equal(pending_count(), 3);		/* queued */
	r = receipt("b", 2, SEEN_DELETING, 1);
	assert_int_equal(state_commit(&r, 1, &again, &last), DB_OK);
	assert_int_equal(pending_count(), 1);
	assert_true(again > first + 2);
	assert_int_equal(state_settle(again, last), 0);
	assert_int_equal(state_flush(), DB_OK);
	assert_int_equal(pending_count(), 0);
	r = receipt("c", 3, SEEN_DELETING, 1);
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_true(first > again);				/* ids are never used again */
	reopen();
	assert_int_equal(pending_count(), 1);
}

/* A unique-id that comes back with the same content is not delivered again, with another content it is; in each state. */
static void
test_compare(void **state)
{
	static const enum seen_state	 states[] = { SEEN_KEPT, SEEN_DELETING, SEEN_DENIED, SEEN_DELETED };
	char				 uid[16];
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(states); i++) {
		snprintf(uid, sizeof(uid), "same%zu", i);
		assert_int_equal(commit(uid, 1, SEEN_KEPT), COMMIT_DELIVER);
		assert_int_equal(change(uid, CHANGE_STATE, states[i], 5), 0);
		assert_int_equal(change(uid, CHANGE_GONE, 0, 5), 0);
		assert_int_equal(commit(uid, 1, SEEN_DELETING), COMMIT_DISCARD);
		snprintf(uid, sizeof(uid), "other%zu", i);
		assert_int_equal(commit(uid, 1, SEEN_KEPT), COMMIT_DELIVER);
		assert_int_equal(change(uid, CHANGE_STATE, states[i], 5), 0);
		assert_int_equal(change(uid, CHANGE_GONE, 0, 5), 0);
		assert_int_equal(commit(uid, 2, SEEN_DELETING), COMMIT_DELIVER);
		assert_int_equal(commit(uid, 2, SEEN_KEPT), COMMIT_DISCARD);	/* the row was replaced */
	}
	assert_seen("other0:0 other1:0 other2:0 other3:0 same0:1 same1:1 same2:1 same3:1 ");
}

/* Unique-ids are octet strings, each mailbox has its own. */
static void
test_uids(void **state)
{
	static const char *const	 uids[] = { "1", "01", "1.0", "1e3", "1000", "AbC", "abc", "+1", "~" };
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(uids); i++)
		assert_int_equal(commit(uids[i], 1, SEEN_KEPT), COMMIT_DELIVER);
	assert_seen("+1:0 01:0 1:0 1.0:0 1000:0 1e3:0 AbC:0 abc:0 ~:0 ");
	mbox = mailbox("home", "pop.example.net", 995, "anna");
	assert_seen("");
	assert_int_equal(commit("1", 1, SEEN_KEPT), COMMIT_DELIVER);
}

static void
test_changes(void **state)
{
	struct mailbox_counts	 c;

	(void)state;
	commit("a", 1, SEEN_DELETING);
	commit("b", 1, SEEN_KEPT);
	assert_int_equal(change("a", CHANGE_GONE, 0, 1000), 0);
	assert_int_equal(change("a", CHANGE_GONE, 0, 2000), 0);
	assert_seen("a:1:g1000 b:0 ");
	assert_int_equal(change("a", CHANGE_BACK, 0, 3000), 0);
	assert_int_equal(change("b", CHANGE_STATE, SEEN_DENIED, 3000), 0);
	assert_seen("a:1 b:2 ");
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.undeleted, 2);
	assert_int_equal(c.kept, 0);
	assert_int_equal(change("a", CHANGE_STATE, SEEN_DELETED, 3000), 0);
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.undeleted, 1);
	assert_int_equal(change("a", CHANGE_FORGET, 0, 3000), 0);
	assert_int_equal(change("nobody", CHANGE_FORGET, 0, 3000), 0);
	reopen();
	assert_seen("b:2 ");
}

/* A row gets its unique-id; what stood under that before gives way. */
static void
test_new_key(void **state)
{
	struct listing_change	 c = { .uid = "k", .uidlen = 1, .what = CHANGE_KEY, .to = "longer", .tolen = 6 };
	struct seen_digests	 was, is;

	(void)state;
	commit("k", 7, SEEN_KEPT);
	assert_int_equal(state_seen_digests(mbox, (const uint8_t *)"k", 1, &was), DB_OK);
	assert_int_equal(state_seen_digests(mbox, (const uint8_t *)"none", 4, &is), DB_FAILED);
	assert_int_equal(state_change(mbox, &c, 1, 0), DB_OK);
	assert_int_equal(state_seen_digests(mbox, (const uint8_t *)"k", 1, &is), DB_FAILED);
	assert_int_equal(state_seen_digests(mbox, (const uint8_t *)"longer", 6, &is), DB_OK);
	assert_memory_equal(&was, &is, sizeof(is));
	assert_int_equal(is.size, 107);
	assert_int_equal(is.fingerprint[0], 7 ^ 0xff);
}

/* What is asked of one message is found without reading a table through, however much waits in it. */
static void
test_plans(void **state)
{
	sqlite3		*db;
	sqlite3_stmt	*st;
	char		 text[4096], sql[sizeof(text) + 32];
	const char	*plan;
	size_t		 i, n = 0;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (i = 0; i < Q_MAX; i++) {
		query_text(i, text, sizeof(text));
		assert_null(strchr(text, '{'));
		if (strstr(text, "WHERE mailbox = ?1 AND uid = ?2") == NULL)
			continue;
		n++;
		snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", text);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			plan = (const char *)sqlite3_column_text(st, 3);
			if (strncmp(plan, "SCAN ", 5) == 0 && strcmp(plan, "SCAN CONSTANT ROW") != 0)
				fail_msg("%s: %s", text, plan);
		}
		sqlite3_finalize(st);
	}
	assert_true(n > 20);
	sqlite3_close(db);
}

/* The first column of the first row, as text. */
static const char *
answer(sqlite3 *db, const char *sql)
{
	static char	 text[16384];
	sqlite3_stmt	*st;

	text[0] = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL)
		strlcpy(text, (const char *)sqlite3_column_text(st, 0), sizeof(text));
	sqlite3_finalize(st);
	return (text);
}

/* The schema cannot name the values of enums; what it says of them in numbers and words is the same as here. */
static void
test_schema(void **state)
{
	static const struct {
		const char	*table, *column;
		int		 first, last;
	}	 columns[] = {
		{ "seen", "state", SEEN_KEPT, SEEN_WAITING }, { "relay", "state", RELAY_WAITING, RELAY_FAILED },
		{ "relay", "body", BODY_WANTED, BODY_LOST }, { "oversize", "state", OVERSIZE_SKIPPED, OVERSIZE_REFUSED },
		{ "root", "joined", ROOT_NEW, ROOT_TAKEN }
	};
	static const struct {
		int		 value;
		const char	*sql, *word;
	}	 words[] = {
		{ SEEN_KEPT, "UPDATE seen SET state = %d", "kept" }, { SEEN_DELETING, "UPDATE seen SET state = %d", "deleting" },
		{ SEEN_DENIED, "UPDATE seen SET state = %d", "denied" }, { SEEN_DELETED, "UPDATE seen SET state = %d", "deleted" },
		{ SEEN_MARKED, "UPDATE seen SET state = %d", "marked" }, { SEEN_WAITING, "UPDATE seen SET state = %d", "waiting" },
		{ RELAY_WAITING, "UPDATE relay SET state = %d", "waiting" }, { RELAY_FAILED, "UPDATE relay SET state = %d", "failed" },
		{ RELAY_QUARANTINED, "UPDATE relay SET state = %d", "quarantined" }, { BODY_LOST, "UPDATE relay SET body = %d", "lost" },
		{ BODY_WANTED, "UPDATE relay SET body = %d", "wanted" },
		{ OVERSIZE_SKIPPED, "UPDATE oversize SET state = %d", "skipped" },
		{ OVERSIZE_HEADER, "UPDATE oversize SET state = %d", "header delivered" },
		{ OVERSIZE_REFUSED, "UPDATE oversize SET state = %d", "skipped, no header" },
		{ SUSPECT_DEATHS, "UPDATE suspect SET deaths = %d", "yes" },
		{ SUSPECT_DEATHS - 1, "UPDATE suspect SET deaths = %d", "no" },
		{ SUSPECT_FAILURES, "UPDATE suspect SET failures = %d", "yes" },
		{ SUSPECT_FAILURES - 1, "UPDATE suspect SET failures = %d", "no" }
	};
	static const char *const views[][2] = { { "seen", "SELECT state FROM messages" }, { "relay", "SELECT state FROM queue" },
		{ "oversize", "SELECT state FROM oversized" }, { "suspect", "SELECT aside FROM suspects" } };
	sqlite3		*db;
	char		 sql[256], wanted[128];
	size_t		 i, k;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(atoi(answer(db, "PRAGMA user_version")), STATE_SCHEMA);
	for (i = 0; i < nitems(columns); i++) {
		snprintf(sql, sizeof(sql), "SELECT sql FROM sqlite_schema WHERE name = '%s'", columns[i].table);
		snprintf(wanted, sizeof(wanted), "CHECK (%s BETWEEN %d AND %d)", columns[i].column, columns[i].first, columns[i].last);
		if (strstr(answer(db, sql), wanted) == NULL)
			fail_msg("table %s has no %s", columns[i].table, wanted);
	}
	for (i = 0; i < nitems(words); i++) {
		assert_int_equal(sqlite3_exec(db, "DELETE FROM seen; DELETE FROM relay; DELETE FROM oversize; DELETE FROM suspect;"
		    "INSERT INTO seen SELECT id, x'61', 0, NULL, 1, 1, 1, zeroblob(32) FROM mailbox;"
		    "INSERT INTO relay (mailbox, uid, link, nexthop, dest, original, sender, client, notify, after, state, arrived, next, tries, status)"
		    " SELECT id, x'61', 'l', 0, '', '', '', '', 0, 0, 0, 0, 0, 0, '' FROM mailbox;"
		    "INSERT INTO oversize SELECT id, x'61', 1, NULL, 1, 1, NULL FROM mailbox;"
		    "INSERT INTO suspect SELECT id, x'61', 0, 0, NULL, 1, '', 0, 0 FROM mailbox", NULL, NULL, NULL), SQLITE_OK);
		snprintf(sql, sizeof(sql), words[i].sql, words[i].value);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		for (k = 0; strncmp(words[i].sql + strlen("UPDATE "), views[k][0], strlen(views[k][0])) != 0; k++)
			continue;
		assert_string_equal(answer(db, views[k][1]), words[i].word);
	}
	sqlite3_close(db);
}

static int
stop_at_once(void *arg, const struct seen_row *row)
{
	(void)row;
	return (++*(int *)arg);
}

static void
test_suspects(void **state)
{
	struct mailbox_counts	 c;
	int			 calls = 0;

	(void)state;
	commit("b", 1, SEEN_DELETED);
	commit("bb", 1, SEEN_KEPT);
	assert_int_equal(suspect(mbox, "a"), 1);
	assert_int_equal(suspect(mbox, "b"), 1);
	assert_int_equal(suspect(mbox, "c"), 1);
	assert_int_equal(suspect(mbox, "c"), 2);
	assert_seen("b:3:d1 bb:0 a:6:d1 c:6:d2 ");
	reopen();
	assert_int_equal(suspect(mbox, "c"), 3);
	assert_seen("b:3:d1 bb:0 a:6:d1 c:6:d3 ");
	assert_int_equal(counted(mbox, &c), 0);
	assert_int_equal(c.suspects, 3);
	assert_int_equal(c.set_aside, 1);
	assert_int_equal(change("c", CHANGE_GONE, 0, 1000), 0);
	assert_seen("b:3:d1 bb:0 a:6:d1 c:6:g1000:d3 ");
	assert_int_equal(change("c", CHANGE_BACK, 0, 1000), 0);
	assert_int_equal(change("c", CHANGE_FORGET, 0, 1000), 0);
	assert_int_equal(change("a", CHANGE_FORGET, 0, 1000), 0);
	assert_int_equal(commit("b", 2, SEEN_KEPT), COMMIT_DELIVER);	/* it came through: no suspect any more */
	assert_seen("b:0 bb:0 ");
	assert_int_equal(seen_each(mbox, stop_at_once, &calls), DB_OK);
	assert_int_equal(calls, 1);
}

static void
test_record(void **state)
{
	struct record_state	 rs, got;

	(void)state;
	memset(&rs, 0, sizeof(rs));
	assert_int_equal(state_record_get(mbox, &got), DB_OK);
	assert_memory_equal(&got, &rs, sizeof(rs));
	rs.last_success = 1700000000;
	rs.last_attempt = 1700000001;
	rs.failures = 4000000000U;
	rs.messages = 1ULL << 40;
	rs.octets = 1ULL << 50;
	rs.polls = 7;
	strlcpy(rs.error, "login refused: it's wrong", sizeof(rs.error));
	assert_int_equal(state_record_put(mbox, &rs), DB_OK);
	assert_int_equal(state_record_put(mbox, &rs), DB_OK);
	reopen();
	assert_int_equal(state_record_get(mbox, &got), DB_OK);
	assert_memory_equal(&got, &rs, sizeof(rs));
}

static void
test_prune(void **state)
{
	int64_t			 keep = mbox, gone = mailbox("home", "pop.example.net", 995, "anna");
	struct record_state	 rs;
	struct receipt		 r;
	int64_t			 first, last;

	(void)state;
	memset(&rs, 0, sizeof(rs));
	rs.polls = 1;
	commit("kept", 1, SEEN_KEPT);
	mbox = gone;
	commit("gone", 1, SEEN_KEPT);
	suspect(mbox, "s");
	state_record_put(mbox, &rs);
	assert_int_equal(state_prune(&keep, 1, NULL, 0), DB_OK);
	assert_seen("");
	assert_int_equal(state_record_get(gone, &rs), DB_OK);
	assert_int_equal(rs.polls, 0);
	assert_int_equal(pending_count(), 2);	/* what was decided is delivered */
	/* A session of the removed record commits late: that works, and goes with the next prune. */
	r = receipt("late", 1, SEEN_KEPT, 1);
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_seen("late:0 ");
	assert_int_equal(state_prune(&keep, 1, NULL, 0), DB_OK);
	assert_seen("");
	mbox = keep;
	assert_seen("kept:0 ");
	assert_int_equal(state_prune(NULL, 0, NULL, 0), DB_OK);
	assert_seen("");
}

/* Locked means later: nothing happened, and the same call works when the lock is gone. */
static void
test_locked(void **state)
{
	struct receipt		 r = receipt("a", 1, SEEN_KEPT, 1);
	struct record_state	 rs;
	int64_t			 first, last;
	uint32_t		 session;
	sqlite3			*db = other();

	(void)state;
	memset(&rs, 0, sizeof(rs));
	commit("old", 1, SEEN_KEPT);
	assert_int_equal(state_settle(1, 1), 0);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_BUSY);
	assert_int_equal(first, 0);
	assert_non_null(strstr(logged, "locked by somebody's open transaction"));
	assert_int_equal(state_flush(), DB_BUSY);
	assert_int_equal(state_record_put(mbox, &rs), DB_BUSY);
	assert_int_equal(change("old", CHANGE_GONE, 0, 5), 1);
	assert_int_equal(suspect(mbox, "x"), -1);
	assert_seen("old:0 ");			/* readers go on */
	session = state_next_session();		/* and so do the numbers of sessions */
	assert_true(session > 0);
	assert_int_equal(state_next_session(), session + 1);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_int_equal(r.verdict, COMMIT_DELIVER);
	assert_int_equal(pending_count(), 1);
	/* A reader that never ends holds back neither commits nor, for ever, the log. */
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM seen", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(commit("b", 1, SEEN_KEPT), COMMIT_DELIVER);
	sqlite3_close(db);
}

/* No room: the batch did not happen, as a whole; with room again it does. */
static void
test_full(void **state)
{
	struct receipt	*r;
	struct rlimit	 old, tight;
	struct stat	 st;
	int64_t		 first, last;
	char		 wal[80], uid[32];
	size_t		 i;

	(void)state;
	commit("old", 1, SEEN_KEPT);
	assert_int_equal(state_settle(1, 1), 0);
	assert_non_null(r = calloc(2000, sizeof(*r)));
	for (i = 0; i < 2000; i++) {
		snprintf(uid, sizeof(uid), "uid%zu", i);
		r[i] = receipt(uid, (int)(i % 256), SEEN_DELETING, 3);
	}
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(stat(wal, &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight = old;
	tight.rlim_cur = st.st_size + 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	assert_int_equal(state_commit(r, 2000, &first, &last), DB_FAILED);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(first, 0);
	assert_int_equal(last, 0);
	assert_string_not_equal(logged, "");
	assert_int_equal(pending_count(), 1);
	assert_seen("old:0 ");
	assert_int_equal(state_commit(r, 2000, &first, &last), DB_OK);
	assert_int_equal(last - first + 1, 6000);
	assert_int_equal(pending_count(), 6000);
	assert_int_equal(seen_count(mbox), 2001);
	free(r);
	reopen();
	assert_int_equal(seen_count(mbox), 2001);
}

/* A process that is killed loses nothing it committed, durable or lazy. */
static void
test_killed(void **state)
{
	pid_t	 pid;
	int	 status;

	(void)state;
	state_close();
	if ((pid = fork()) == 0) {
		struct record_state	 rs = { .polls = 3 };
		struct receipt		 r = receipt("a", 1, SEEN_KEPT, 2);
		int64_t			 first, last;

		if (state_open(path, err, sizeof(err)) == 0 && state_commit(&r, 1, &first, &last) == 0 &&
		    state_record_put(mbox, &rs) == 0)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
	assert_seen("a:0 ");
	assert_int_equal(pending_count(), 2);
}

static void
refused(const char *text)
{
	assert_int_equal(state_open(path, err, sizeof(err)), -1);
	if (strstr(err, text) == NULL)
		fail_msg("wanted '%s', got: %s", text, err);
}

/* A store that is lost or damaged is an error, never a fresh start. */
static void
test_lost(void **state)
{
	struct stat	 st;
	char		 wal[80];
	int		 fd;

	(void)state;
	commit("a", 1, SEEN_KEPT);
	state_close();
	snprintf(wal, sizeof(wal), "%s-wal", path);
	assert_int_equal(chmod(path, 0644), 0);
	refused("is open to others");
	assert_int_equal(chmod(path, 0600), 0);
	assert_true((fd = open(path, O_RDWR)) != -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size / 2 / 4096 * 4096), 0);
	refused("damaged");
	assert_int_equal(pwrite(fd, "garbage garbage garbage", 23, 0), 23);
	refused("damaged");
	assert_int_equal(ftruncate(fd, 0), 0);
	refused("is empty, its contents are lost");
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_true((fd = open(wal, O_RDWR | O_CREAT, 0600)) != -1);
	close(fd);
	refused("is missing, but");
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(state_open(path, err, sizeof(err)), 0);	/* a first start again, as the administrator decided */
	assert_seen("");
}

static void
test_version(void **state)
{
	sqlite3	*db;

	(void)state;
	state_close();
	db = other();
	sqlite3_exec(db, "PRAGMA user_version = 6", NULL, NULL, NULL);
	sqlite3_close(db);
	refused("has schema version 6, this rpopd knows versions 1 to 5");
	db = other();
	sqlite3_exec(db, "PRAGMA application_id = 2", NULL, NULL, NULL);
	sqlite3_close(db);
	refused("is not rpopd's state");
}

/* Damage that shows while the daemon runs: from then on every call fails. */
static void
test_damaged_later(void **state)
{
	struct receipt	 r = receipt("zz", 1, SEEN_KEPT, 1);
	int64_t		 first, last;
	struct stat	 st;
	uint8_t		 page[4096];
	char		 uid[64], got[1024] = "";
	sqlite3		*db;
	off_t		 off;
	int		 fd, i;

	(void)state;
	for (i = 0; i < 500; i++) {
		snprintf(uid, sizeof(uid), "a-rather-long-unique-id-%d", i);
		commit(uid, 1, SEEN_KEPT);
	}
	reopen();		/* everything is in the file now, nothing in the log */
	db = other();		/* somebody's change makes our cache worthless */
	assert_int_equal(sqlite3_exec(db, "INSERT INTO meta VALUES ('x', 1)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_true((fd = open(path, O_RDWR)) != -1);
	assert_int_equal(fstat(fd, &st), 0);
	memset(page, 0xff, sizeof(page));
	for (off = 4096; off < st.st_size; off += 4096)
		assert_int_equal(pwrite(fd, page, sizeof(page), off), sizeof(page));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_FAILED);
	assert_non_null(strstr(logged, "damaged"));
	assert_non_null(strstr(logged, "nothing is retrieved until this is repaired"));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_FAILED);
	assert_int_equal(seen_each(mbox, collect, got), DB_FAILED);
	assert_int_equal(state_next_session(), DB_OK);
	assert_int_equal(pending_count(), -1);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_create, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mailbox, setup, teardown),
		cmocka_unit_test_setup_teardown(test_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_settle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_compare, setup, teardown),
		cmocka_unit_test_setup_teardown(test_uids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_suspects, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_plans, setup, teardown),
		cmocka_unit_test_setup_teardown(test_schema, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_later, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
