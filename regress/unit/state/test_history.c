/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 -DRPOPD_HOOKS */
/* state.db: what became of each message, and what it is found by. */
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

#define BUCKET	4096			/* as in state/history.c: it is part of what is stored */
#define NOW	(100 * 86400)

static char		 dir[64], path[96], err[1024], found[4096];
static const char	*deadly;	/* kill point */
static int64_t		 mbox;
static uint32_t		 serial;

void
hook_reach(const char *point)
{
	if (deadly != NULL && strcmp(point, deadly) == 0)
		raise(SIGKILL);
}

void
hook_work(uint64_t n)
{
	(void)n;
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

static int
setup(void **state)
{
	struct record	 r = { .owner = "anna@example.org", .name = "work", .host = "pop.example.net", .port = 995, .user = "anna" };

	(void)state;
	umask(077);
	log_setsink(quiet);
	deadly = NULL;
	serial = 0;
	strlcpy(dir, "/tmp/rphistory.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	state_history_set(30);
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

static sqlite3 *
other(void)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return (db);
}

static void
tell(const char *sql)
{
	sqlite3	*db = other();
	char	*text = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s", text);
	sqlite3_close(db);
}

static int64_t
number(const char *sql)
{
	sqlite3		*db = other();
	sqlite3_stmt	*st;
	int64_t		 n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (n);
}

/* Commits a message whose recipients are words: a directory is a Maildir, an address is at a next hop. */
static struct receipt
deliver_at(int64_t when, const char *uid, const char *msgid, const char *sender, const char *to)
{
	static struct msg_rcpt	 rcpts[8];
	static struct msg_receipt_note note = { .note = "why\n" };
	static uint8_t		 verdicts[8];
	struct receipt		 r = { .mailbox = mbox, .octets = 100, .since = when, .unproven = when, .state = SEEN_DELETING,
	    .again = SEEN_DELETING, .rcpts = rcpts, .verdicts = verdicts };
	char			 words[256], *p = words, *word;
	int64_t			 first, last;

	memset(rcpts, 0, sizeof(rcpts));
	r.uidlen = strlcpy((char *)r.uid, uid, sizeof(r.uid));
	memcpy(r.digest, &serial, sizeof(serial));
	r.digest[8] = 1;
	strlcpy(r.msgid, msgid, sizeof(r.msgid));
	strlcpy(r.sender, sender, sizeof(r.sender));
	for (strlcpy(words, to, sizeof(words)); (word = strsep(&p, " ")) != NULL; r.nrcpt++) {
		rcpts[r.nrcpt].kind = strchr(word, '/') != NULL ? RCPT_MAILDIR : RCPT_RELAY;
		rcpts[r.nrcpt].nexthop = rcpts[r.nrcpt].kind == RCPT_RELAY ? 7 : 0;
		strlcpy(rcpts[r.nrcpt].dest, word, sizeof(rcpts[r.nrcpt].dest));
		snprintf(rcpts[r.nrcpt].link, sizeof(rcpts[r.nrcpt].link), "1.M2P3S4N%uR%u.mx", serial, r.nrcpt);
		if (rcpts[r.nrcpt].kind == RCPT_RELAY)
			r.note = &note;
	}
	serial++;
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	return (r);
}

static struct receipt
deliver(const char *uid, const char *msgid, const char *sender, const char *to)
{
	return (deliver_at(NOW, uid, msgid, sender, to));
}

static void
each(void *arg, const struct history_row *row)
{
	char	 uid[80];

	++*(uint32_t *)arg;
	snprintf(uid, sizeof(uid), "%s%.*s", found[0] == '\0' ? "" : " ", (int)row->uidlen, (const char *)row->uid);
	strlcat(found, uid, sizeof(found));
}

/* The unique-ids of the messages that are found, in that order, with portions of so many. */
static const char *
find_in(struct history_search s, uint32_t portion)
{
	uint32_t	 n, all = 0, slices = 0;
	enum db		 result;

	found[0] = '\0';
	do {
		n = 0;
		result = state_history_find(&s, portion, each, &n);
		assert_true(n <= portion);
		assert_true(++slices < 10000);
		all += n;
	} while (result == DB_MORE);
	assert_int_equal(result, DB_OK);
	return (found);
}

static const char *
find(const char *any, const char *msgid, const char *sender, const char *rcpt)
{
	return (find_in((struct history_search){ .words = { any, msgid, sender, rcpt }, .until = INT64_MAX }, 2));
}

/* What a message is found by, each for itself and together, and what it is not found by. */
static void
test_words(void **state)
{
	(void)state;
	deliver("a", "One.1@Mail.example", "Sender@Example.net", "example.org/anna");
	deliver("b", "two@mail.example", "bounce+1@lists.example", "example.org/anna example.org/bert/.Lists carl@example.com");
	deliver("c", "", "", "example.com/carl");
	assert_string_equal(find("one.1@mail.example", NULL, NULL, NULL), "a");
	assert_string_equal(find(NULL, "One.1@mail.EXAMPLE", NULL, NULL), "a");
	assert_string_equal(find(NULL, "one.1@mail", NULL, NULL), "");
	assert_string_equal(find(NULL, "sender@example.net", NULL, NULL), "");
	assert_string_equal(find(NULL, NULL, "sender@example.net", NULL), "a");
	assert_string_equal(find(NULL, NULL, NULL, "sender@example.net"), "");
	assert_string_equal(find("sender@example.net", NULL, NULL, NULL), "a");
	assert_string_equal(find(NULL, NULL, NULL, "anna@example.org"), "b a");
	assert_string_equal(find(NULL, NULL, NULL, "bert@example.org"), "b");
	assert_string_equal(find(NULL, NULL, NULL, "carl@example.com"), "c b");
	assert_string_equal(find(NULL, NULL, "", NULL), "c");
	/* by domain */
	assert_string_equal(find(NULL, NULL, NULL, "@example.org"), "b a");
	assert_string_equal(find(NULL, NULL, NULL, "@EXAMPLE.com"), "c b");
	assert_string_equal(find(NULL, NULL, "@lists.example", NULL), "b");
	assert_string_equal(find("@mail.example", NULL, NULL, NULL), "b a");
	assert_string_equal(find(NULL, "@example.org", NULL, NULL), "");
	/* together */
	assert_string_equal(find(NULL, NULL, "sender@example.net", "anna@example.org"), "a");
	assert_string_equal(find(NULL, NULL, "sender@example.net", "bert@example.org"), "");
	assert_string_equal(find("bert@example.org", "two@mail.example", "@lists.example", "@example.com"), "b");
	assert_string_equal(find("@example.net", "two@mail.example", "@lists.example", "@example.com"), "");
}

static void
one(void *arg, const struct history_row *row)
{
	snprintf(arg, 512, "%lld %lld %lld %llu %.*s %s %s %s %s", (long long)row->id, (long long)row->mailbox, (long long)row->since,
	    (unsigned long long)row->size, (int)row->uidlen, (const char *)row->uid, row->msgid, row->sender, row->results, row->record);
}

/* What is told of a message; of a personal record, too; what it is called is what it was found by last. */
static void
test_told(void **state)
{
	struct history_search	 s = { .words = { "x@y" }, .until = INT64_MAX };
	struct explanation	 e;
	char			 text[512] = "";

	(void)state;
	deliver("u1", "x@y", "s@example.net", "example.org/anna/.Lists");
	assert_int_equal(state_history_find(&s, 5, one, text), DB_OK);
	assert_string_equal(text, "1 1 8640000 100 u1 x@y s@example.net delivered example.org/anna/.Lists\n anna@example.org/work");
	assert_int_equal(state_explain(mbox, (const uint8_t *)"u1", 2, &e), DB_OK);
	assert_string_equal(e.msgid, "x@y");
	assert_string_equal(e.note, "");
	assert_string_equal(e.results, "delivered example.org/anna/.Lists\n");
	explanation_free(&e);
}

/* The address that the message has is one it is found by, beside the account's. */
static void
test_original(void **state)
{
	static struct msg_rcpt	 rcpt = { .kind = RCPT_MAILDIR, .dest = "example.org/anna", .original = "sales@example.org",
	    .link = "1.M2P3S4N1R0.mx" };
	uint8_t			 verdict;
	struct receipt		 r = { .mailbox = mbox, .uid = "u", .uidlen = 1, .since = NOW, .nrcpt = 1, .rcpts = &rcpt,
	    .verdicts = &verdict };
	int64_t			 first, last;

	(void)state;
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_string_equal(find(NULL, NULL, NULL, "sales@example.org"), "u");
	assert_string_equal(find(NULL, NULL, NULL, "anna@example.org"), "u");
	assert_int_equal(number("SELECT results = 'delivered example.org/anna as sales@example.org' || char(10) FROM handled"), 1);
}

/* By day, the last one first; together with a word, too. */
static void
test_day(void **state)
{
	(void)state;
	deliver_at(10 * 86400 - 1, "a", "a@x", "s@x", "example.org/anna");
	deliver_at(10 * 86400, "b", "b@x", "s@x", "example.org/anna");
	deliver_at(11 * 86400 - 1, "c", "c@x", "s@x", "example.org/anna");
	deliver_at(10 * 86400 + 5, "d", "d@x", "s@x", "example.org/bert");	/* the clock was set back */
	deliver_at(11 * 86400, "e", "e@x", "s@x", "example.org/anna");
	assert_string_equal(find_in((struct history_search){ .since = 10 * 86400, .until = 11 * 86400 }, 1), "c d b");
	assert_string_equal(find_in((struct history_search){ .since = 10 * 86400, .until = 11 * 86400 }, 100), "c d b");
	assert_string_equal(find_in((struct history_search){ .until = INT64_MAX }, 2), "e c d b a");
	assert_string_equal(find_in((struct history_search){ .words = { NULL, NULL, NULL, "anna@example.org" }, .since = 10 * 86400,
	    .until = 11 * 86400 }, 1), "c b");
}

/* A unique-id that another message got later: each has its row; explain tells of the last one, and results are added to that. */
static void
test_reused(void **state)
{
	struct explanation	 e;

	(void)state;
	deliver("u", "first@x", "s@x", "example.org/anna");
	deliver("u", "second@x", "s@x", "carl@example.com");
	assert_string_equal(find("s@x", NULL, NULL, NULL), "u u");
	assert_int_equal(state_explain(mbox, (const uint8_t *)"u", 1, &e), DB_OK);
	assert_string_equal(e.msgid, "second@x");
	assert_string_equal(e.results, "waiting carl@example.com\n");
	explanation_free(&e);
	assert_int_equal(state_relay_change(&(struct relay_change){ .id = 1, .what = RELAY_DONE, .status = "250 ok" }, 1), DB_OK);
	assert_int_equal(number("SELECT count(*) FROM handled WHERE results GLOB '*accepted carl@example.com: 250 ok*' AND msgid ="
	    " 'second@x'"), 1);
	assert_int_equal(number("SELECT count(*) FROM handled WHERE results GLOB '*accepted*'"), 1);
}

/* What is known by digest from now on is found as before, and explained by its new key. */
static void
test_rekeyed(void **state)
{
	(void)state;
	deliver("u", "first@x", "s@x", "carl@example.com");
	deliver("u", "second@x", "s@x", "example.org/anna");
	assert_int_equal(number("SELECT count(*) FROM handled WHERE msgid = 'first@x' AND CAST(uid AS TEXT) GLOB 'sha256:*'"), 1);
	assert_string_equal(find("second@x", NULL, NULL, NULL), "u");
	assert_int_equal(strncmp(find("first@x", NULL, NULL, NULL), "sha256:", 7), 0);
}

/* The next hop's name is told. */
static void
test_hop(void **state)
{
	(void)state;
	tell("INSERT INTO hop (id, nexthop, name, address) VALUES (7, 1, 'hub', 'x')");
	deliver("u", "m@x", "s@x", "carl@example.com");
	assert_int_equal(state_relay_change(&(struct relay_change){ .id = 1, .what = RELAY_DONE, .status = "250 ok" }, 1), DB_OK);
	assert_int_equal(number("SELECT results = 'waiting carl@example.com at next hop hub' || char(10) ||"
	    " 'accepted carl@example.com by next hop hub: 250 ok' || char(10) FROM handled"), 1);
}

/* With 0 days nothing is kept, and what there is goes. */
static void
test_none(void **state)
{
	(void)state;
	deliver("a", "m@x", "s@x", "example.org/anna");
	state_history_set(0);
	deliver("b", "m@x", "s@x", "example.org/anna");
	assert_string_equal(find("m@x", NULL, NULL, NULL), "a");
	assert_int_equal(state_history_prune(NOW), DB_OK);
	assert_string_equal(find("m@x", NULL, NULL, NULL), "");
	assert_int_equal(number("SELECT count(*) FROM handled"), 0);
	assert_int_equal(number("SELECT count(*) FROM seen"), 2);
	state_history_set(1);
	deliver("c", "m@x", "s@x", "example.org/anna");
	assert_string_equal(find("m@x", NULL, NULL, NULL), "c");
	assert_string_equal(find_in((struct history_search){ .until = INT64_MAX }, 5), "c");
}

/* What is too old goes in slices, rows first, then their words; what is younger stays, and ids are not given again. */
static void
test_prune(void **state)
{
	char	 sql[1024];
	int	 slices = 0;

	(void)state;
	snprintf(sql, sizeof(sql), "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i LIMIT %d)"
	    " INSERT INTO handled SELECT x, 9, CAST('q' || x AS BLOB), x / 100, 1, '', '', '', '' FROM i;"
	    "INSERT INTO found SELECT id / %d, id * 7, id FROM handled", 2 * BUCKET + 10, BUCKET);
	tell(sql);
	reopen();
	deliver("young", "m@x", "s@x", "example.org/anna");
	assert_int_equal(number("SELECT max(id) FROM handled"), 2 * BUCKET + 11);
	while (state_history_prune(NOW) == DB_MORE) {
		slices++;
		assert_true(slices < 1000);
	}
	assert_true(slices >= 2 * BUCKET / STATE_SLICE);
	assert_int_equal(number("SELECT count(*) FROM handled"), 1);
	assert_int_equal(number("SELECT count(*) FROM found WHERE bucket < 2"), 0);
	assert_string_equal(find("m@x", NULL, NULL, NULL), "young");
	assert_int_equal(state_history_prune(NOW + 31 * 86400), DB_OK);
	assert_int_equal(number("SELECT count(*) FROM handled"), 0);
	reopen();
	deliver("next", "m@x", "s@x", "example.org/anna");
	assert_string_equal(find("m@x", NULL, NULL, NULL), "next");
	assert_int_equal(number("SELECT id FROM handled"), 2 * BUCKET + 12);
}

/* Messages of many buckets are found, the last one first, and a slice ends although nothing was found. */
static void
test_buckets(void **state)
{
	char	 sql[256], uid[8];
	int	 i;

	(void)state;
	for (i = 0; i < 5; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		deliver(uid, "m@x", "s@x", "example.org/anna");
		snprintf(sql, sizeof(sql), "INSERT INTO handled VALUES (%d, 9, x'7a', 1, 1, '', '', '', '')", (i + 1) * 100 * BUCKET);
		tell(sql);
		reopen();
	}
	assert_string_equal(find("m@x", NULL, NULL, NULL), "u4 u3 u2 u1 u0");
	assert_string_equal(find(NULL, NULL, "s@x", "@example.org"), "u4 u3 u2 u1 u0");
	assert_string_equal(find("n@x", NULL, NULL, NULL), "");
}

/* The daemon is killed at a point of doing something. */
static void
dies(const char *point, void (*doing)(void))
{
	int	 status;
	pid_t	 pid;

	state_close();
	if ((pid = fork()) == 0) {
		if (state_open(path, err, sizeof(err)) == -1)
			_exit(1);
		deadly = point;
		doing();
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
}

static void kill_deliver(void) { deliver("u", "m@x", "s@x", "example.org/anna carl@example.com"); }
static void kill_result(void) { state_relay_change(&(struct relay_change){ .id = 1, .what = RELAY_DONE, .status = "250 ok" }, 1); }
static void kill_prune(void) { while (state_history_prune(NOW + 40 * 86400) == DB_MORE) continue; }

#define COUNTS	"SELECT 100000 * (SELECT count(*) FROM seen) + 10000 * (SELECT count(*) FROM pending) +" \
		" 1000 * (SELECT count(*) FROM relay) + 100 * (SELECT count(*) FROM handled) + (SELECT count(*) FROM found)"

/* A message's row and its words are there if the message counts, and not if it does not; so is a result. */
static void
test_killed(void **state)
{
	(void)state;
	dies("master.state_commit_before", kill_deliver);
	assert_int_equal(number(COUNTS), 0);
	dies("master.state_commit_open", kill_deliver);
	assert_int_equal(number(COUNTS), 0);
	dies("master.state_commit_done", kill_deliver);
	assert_int_equal(number(COUNTS), 111104);
	assert_string_equal(find("m@x", NULL, NULL, NULL), "u");
	dies("master.queue_change", kill_result);
	assert_int_equal(number("SELECT count(*) FROM handled WHERE results GLOB '*accepted*'"), 0);
	assert_int_equal(number("SELECT count(*) FROM relay"), 1);
	dies("master.queue_changed", kill_result);
	assert_int_equal(number("SELECT count(*) FROM handled WHERE results GLOB '*accepted*'"), 1);
	assert_int_equal(number("SELECT count(*) FROM relay"), 0);
	dies("master.state_history_prune", kill_prune);
	assert_int_equal(number("SELECT count(*) FROM handled"), 1);
	assert_string_equal(find("m@x", NULL, NULL, NULL), "u");
	kill_prune();
	assert_int_equal(number("SELECT count(*) FROM handled"), 0);
	assert_string_equal(find("m@x", NULL, NULL, NULL), "");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_original, setup, teardown),
		cmocka_unit_test_setup_teardown(test_day, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekeyed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prune, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buckets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
