/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 -DRPOPD_HOOKS */
/* state.db: who gets a message, who has it already, and what becomes of those it is handed on for. */
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
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
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "staterig.h"

#define RCPTS	6

static char		 dir[] = "/tmp/rprelay.XXXXXX", path[64], err[1024];
static const char	*deadly;		/* kill point */
static struct msg_rcpt	 rcpts[RCPTS];
static struct msg_receipt_note	 note;
static const char	*sender;
static uint8_t		 verdicts[RCPTS];
static uint32_t		 serial;
static int64_t		 mbox;

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

static int
counted(int64_t mailbox, struct mailbox_counts *c)
{
	struct state_place	 at;

	memset(&at, 0, sizeof(at));
	memset(c, 0, sizeof(*c));
	return (state_counts(mailbox, &at, c));
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
	setenv("TZ", "UTC", 1);
	tzset();
	log_setsink(quiet);
	deadly = NULL;
	serial = 0;
	strlcpy(dir, "/tmp/rprelay.XXXXXX", sizeof(dir));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if (state_open(path, err, sizeof(err)) == -1)
		fail_msg("%s", err);
	memset(&note, 0, sizeof(note));
	sender = "sender@example.net";
	strlcpy(note.client, "192.0.2.7", sizeof(note.client));
	strlcpy(note.note, "field X-Real-To\nrule anna\n", sizeof(note.note));
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

/* The answer to a question, its rows joined by spaces. */
static const char *
ask(const char *sql)
{
	static char	 text[4096];
	sqlite3_stmt	*st;
	sqlite3		*db;

	text[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		if (text[0] != '\0')
			strlcat(text, " ", sizeof(text));
		strlcat(text, sqlite3_column_text(st, 0) == NULL ? "-" : (const char *)sqlite3_column_text(st, 0), sizeof(text));
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (text);
}

static void
tell(const char *sql)
{
	sqlite3	*db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

#define RELAYS	"SELECT printf('%s>%d:%d:%d:%s', dest, nexthop, state, after, status) FROM relay ORDER BY id"
#define SEEN	"SELECT printf('%s:%d', CAST(uid AS TEXT), state) FROM seen ORDER BY uid"

static void
rcpt(uint32_t i, enum rcpt_kind kind, const char *dest)
{
	memset(&rcpts[i], 0, sizeof(rcpts[i]));
	rcpts[i].kind = kind;
	rcpts[i].nexthop = kind == RCPT_RELAY ? 7 : 0;
	rcpts[i].notify = NOTIFY_FAILURE;
	strlcpy(rcpts[i].dest, dest, sizeof(rcpts[i].dest));
	if (kind == RCPT_QUARANTINE || kind == RCPT_REJECT)
		strlcpy(rcpts[i].reason, kind == RCPT_REJECT ? "no" : "loop", sizeof(rcpts[i].reason));
}

/* The first n of rcpts; identity 0: none. */
static struct receipt
commit(const char *uid, int digest, int identity, enum seen_state st, uint32_t n)
{
	struct receipt	 r;
	int64_t		 first, last;
	uint32_t	 i;

	serial++;
	for (i = 0; i < n; i++)
		snprintf(rcpts[i].link, sizeof(rcpts[i].link), "1.M2P3S4N%uR%u.mx", serial, i);
	memset(&r, 0, sizeof(r));
	r.mailbox = mbox;
	r.uidlen = strlen(uid);
	memcpy(r.uid, uid, r.uidlen);
	r.octets = 100;
	memset(r.digest, digest, sizeof(r.digest));
	memset(r.identity, identity, sizeof(r.identity));
	r.since = r.unproven = 5000;
	r.state = r.again = st;
	r.nrcpt = n;
	r.rcpts = rcpts;
	r.note = &note;
	strlcpy(r.sender, sender, sizeof(r.sender));
	r.verdicts = verdicts;
	memset(verdicts, 0, sizeof(verdicts));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	return (r);
}

/* Two recipients at a next hop, ids 1 and 2. */
static void
two(void)
{
	rcpt(0, RCPT_RELAY, "anna@example.com");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	assert_int_equal(commit("a", 1, 0, SEEN_DELETING, 2).relay, 1);
}

static struct relay_change
change(int64_t id, int what, const char *status, const char *dest)
{
	struct relay_change	 c = { .id = id, .what = what, .next = 6000, .status = status, .dest = dest, .nexthop = 9 };

	assert_int_equal(state_relay_change(&c, 1), DB_OK);
	return (c);
}

static void
test_kinds(void **state)
{
	struct receipt	 r;

	(void)state;
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	rcpt(2, RCPT_QUARANTINE, "example.org/info");
	rcpt(3, RCPT_REJECT, "gone@example.org");
	rcpt(4, RCPT_DISCARD, "trash@example.org");
	r = commit("a", 1, 0, SEEN_DELETING, 5);
	assert_int_equal(r.verdict, COMMIT_DELIVER);
	assert_int_equal(r.waiting, 1);
	assert_int_equal(r.relay, 1);
	assert_int_equal(verdicts[3], COMMIT_DELIVER);
	assert_int_equal(verdicts[4], COMMIT_DISCARD);
	assert_string_equal(ask(RELAYS), "bert@example.com>7:0:1: example.org/info>0:1:1:loop gone@example.org>0:2:1:no");
	assert_string_equal(ask("SELECT dest FROM pending"), "example.org/anna");
	assert_string_equal(ask(SEEN), "a:5");
	assert_string_equal(ask("SELECT results FROM handled"), "delivered example.org/anna\nwaiting bert@example.com\n"
	    "quarantined example.org/info: loop\nrejected gone@example.org: no\ndiscarded trash@example.org\n");
	assert_string_equal(ask("SELECT sender || note FROM handled"), "sender@example.netfield X-Real-To\nrule anna\n");
}

/* Quarantined is final; a rejection that nobody is to hear of is quarantined. */
static void
test_final_at_once(void **state)
{
	struct receipt	 r;

	(void)state;
	rcpt(0, RCPT_QUARANTINE, "example.org/info");
	r = commit("q", 1, 0, SEEN_DELETING, 1);
	assert_int_equal(r.waiting, 0);
	assert_true(r.relay > 0);
	sender = "";
	rcpt(0, RCPT_REJECT, "gone@example.org");
	assert_int_equal(commit("r", 2, 0, SEEN_KEPT, 1).waiting, 0);
	rcpt(0, RCPT_DISCARD, "trash@example.org");
	assert_int_equal(commit("s", 3, 0, SEEN_DELETING, 1).verdict, COMMIT_DISCARD);
	assert_string_equal(ask(SEEN), "q:1 r:0 s:1");
	assert_string_equal(ask(RELAYS), "example.org/info>0:1:1:loop gone@example.org>0:1:0:no");
}

/* A recipient that cannot be told about is no reason to lose the batch half way: it is refused as a whole. */
static void
test_no_note(void **state)
{
	struct receipt	 r = { .mailbox = mbox, .uid = "a", .uidlen = 1, .nrcpt = 2, .rcpts = rcpts, .verdicts = verdicts };
	int64_t		 first, last;

	(void)state;
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_FAILED);
	assert_string_equal(ask("SELECT count(*) FROM seen UNION ALL SELECT count(*) FROM pending"), "0 0");
}

/* Three copies for three recipients are one for each, over restarts; what is another message is another. */
static void
test_copies(void **state)
{
	struct receipt	 r;
	uint32_t	 i;
	int		 copy, sum = 0;

	(void)state;
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	rcpt(1, RCPT_MAILDIR, "example.org/bert");
	rcpt(2, RCPT_RELAY, "info@example.com");
	for (copy = 0; copy < 3; copy++) {
		char	 uid[] = { 'a' + (char)copy, '\0' };

		r = commit(uid, copy, 0x55, SEEN_DELETING, 3);
		assert_int_equal(r.verdict, copy == 0 ? COMMIT_DELIVER : COMMIT_DISCARD);
		assert_int_equal(r.waiting, copy == 0);
		for (i = 0; i < 3; i++)
			sum += verdicts[i] == COMMIT_DELIVER;
		reopen();
	}
	assert_int_equal(sum, 3);
	assert_string_equal(ask(SEEN), "a:5 b:1 c:1");
	assert_string_equal(ask("SELECT results FROM handled WHERE uid = x'63'"),
	    "a copy of the message taken 1970-01-01 01:23:20 as a of anna@example.org/work\n"
	    "copy suppressed example.org/anna\ncopy suppressed example.org/bert\ncopy suppressed info@example.com\n");
	/* One more recipient gets it, the others do not. */
	rcpt(1, RCPT_MAILDIR, "example.org/carla");
	r = commit("d", 9, 0x55, SEEN_DELETING, 2);
	assert_int_equal(r.verdict, COMMIT_DELIVER);
	assert_int_equal(verdicts[0], COMMIT_DISCARD);
	assert_int_equal(verdicts[1], COMMIT_DELIVER);
	assert_int_equal(r.copies, 1);
	assert_string_equal(ask("SELECT results FROM handled WHERE uid = x'64'"), "a copy of the message taken 1970-01-01 01:23:20 as a"
	    " of anna@example.org/work\ncopy suppressed example.org/anna\ndelivered example.org/carla\n");
	assert_int_equal(commit("e", 10, 0x56, SEEN_DELETING, 2).verdict, COMMIT_DELIVER);
	assert_int_equal(verdicts[0], COMMIT_DELIVER);
	assert_int_equal(commit("f", 11, 0, SEEN_DELETING, 2).verdict, COMMIT_DELIVER);
	assert_int_equal(commit("g", 12, 0, SEEN_DELETING, 2).verdict, COMMIT_DELIVER);
	assert_int_equal(verdicts[0], COMMIT_DELIVER);
}

/* What an account has got it has got, by whatever way; rows of schema 2, which know the way only, count for that way. */
static void
test_ways(void **state)
{
	struct receipt	 r;

	(void)state;
	rcpt(0, RCPT_RELAY, "anna@example.org");
	memset(rcpts[0].copy, 0x77, sizeof(rcpts[0].copy));
	assert_int_equal(commit("a", 1, 0x55, SEEN_DELETING, 1).copies, 0);
	assert_string_equal(ask("SELECT hex(key) FROM copy"), "77777777777777777777777777777777");
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	memset(rcpts[0].copy, 0x77, sizeof(rcpts[0].copy));
	assert_int_equal(commit("b", 2, 0x55, SEEN_DELETING, 1).copies, 1);
	tell("DELETE FROM copy");
	rcpt(0, RCPT_RELAY, "anna@example.org");
	commit("c", 3, 0x55, SEEN_DELETING, 1);
	memset(rcpts[0].copy, 0x77, sizeof(rcpts[0].copy));
	assert_int_equal(commit("d", 4, 0x55, SEEN_DELETING, 1).copies, 0);	/* an address at a next hop, and an account */
	tell("DELETE FROM copy WHERE hex(key) LIKE '77%'; UPDATE copy SET mailbox = NULL, uid = NULL");
	r = commit("e", 5, 0x55, SEEN_DELETING, 1);
	assert_int_equal(r.copies, 1);
	assert_string_equal(ask("SELECT results FROM handled WHERE uid = x'65'"),
	    "a copy of the message taken 1970-01-01 01:23:20\ncopy suppressed anna@example.org\n");
}

/* One address at two next hops is two recipients of one message, both of whom have it when another copy comes. */
static void
test_two_hops(void **state)
{
	struct receipt	 r;

	(void)state;
	rcpt(0, RCPT_RELAY, "info@example.com");
	rcpt(1, RCPT_RELAY, "info@example.com");
	rcpts[1].nexthop = 8;
	r = commit("a", 1, 0x55, SEEN_DELETING, 2);
	assert_int_equal(r.copies, 0);
	assert_string_equal(ask(RELAYS), "info@example.com>7:0:1: info@example.com>8:0:1:");
	r = commit("b", 2, 0x55, SEEN_DELETING, 2);
	assert_int_equal(r.verdict, COMMIT_DISCARD);
	assert_int_equal(r.copies, 2);
	assert_string_equal(ask("SELECT count(*) FROM relay"), "2");
}

/* What the table discards is no copy of anything. */
static void
test_dropped(void **state)
{
	struct receipt	 r;

	(void)state;
	rcpt(0, RCPT_DISCARD, "trash@example.org");
	r = commit("a", 1, 0x55, SEEN_DELETING, 1);
	assert_int_equal(r.verdict, COMMIT_DISCARD);
	assert_int_equal(r.dropped, 1);
	assert_int_equal(r.copies, 0);
	r = commit("b", 2, 0x55, SEEN_DELETING, 1);
	assert_int_equal(r.dropped, 1);
	r = commit("b", 2, 0x55, SEEN_DELETING, 1);		/* retrieved again */
	assert_int_equal(r.verdict, COMMIT_DISCARD);
	assert_int_equal(r.dropped + r.copies, 0);
}

/* More recipients than fit into the note: whole lines, and how many are missing. */
static void
test_many_results(void **state)
{
	struct msg_rcpt	*many = calloc(200, sizeof(*many));
	uint8_t		 got[200];
	struct receipt	 r = { .mailbox = mbox, .uid = "m", .uidlen = 1, .state = SEEN_KEPT, .nrcpt = 200, .rcpts = many,
	    .verdicts = got, .note = &note, .since = 5000, .unproven = 5000 };
	int64_t		 first, last;
	uint32_t	 i;

	(void)state;
	assert_non_null(many);
	for (i = 0; i < 200; i++) {
		many[i].kind = RCPT_MAILDIR;
		snprintf(many[i].link, sizeof(many[i].link), "1.M2P3S4N1R%u.mx", i);
		snprintf(many[i].dest, sizeof(many[i].dest), "example.org/a-name-that-needs-room-%03u", i);
	}
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	free(many);
	assert_string_equal(ask("SELECT substr(results, -12) FROM handled"), "nd 117 more\n");
	assert_string_equal(ask("SELECT length(results) - length(replace(results, char(10), '')) FROM handled"), "84");
}

static void
test_done(void **state)
{
	(void)state;
	two();
	assert_int_equal(change(1, RELAY_DONE, "250 ok", NULL).last, 0);
	assert_string_equal(ask(SEEN), "a:5");
	assert_int_equal(change(1, RELAY_DONE, NULL, NULL).last, 0);		/* is gone already */
	assert_int_equal(change(2, RELAY_DONE, NULL, NULL).last, 1);
	assert_string_equal(ask(SEEN), "a:1");
	assert_int_equal(relay_count(), 0);
	assert_string_equal(ask("SELECT printf('%d:%d:%d:%d:%d', nexthop, accepted, refused, retried, in_doubt) FROM relay_count"),
	    "7:2:0:0:0");
	assert_string_equal(ask("SELECT results FROM handled"), "waiting anna@example.com\nwaiting bert@example.com\n"
	    "accepted anna@example.com: 250 ok\naccepted bert@example.com\n");
}

static void
test_again(void **state)
{
	struct relay_change	 c = { .id = 1, .what = RELAY_AGAIN, .next = 8000, .doubt = 1 };
	struct relay_row	 row;

	(void)state;
	two();
	assert_int_equal(change(1, RELAY_AGAIN, "451 later", NULL).last, 0);
	assert_int_equal(state_relay_change(&c, 1), DB_OK);
	assert_int_equal(state_relay_get(1, &row), DB_OK);
	assert_int_equal(row.tries, 2);
	assert_int_equal(row.next, 8000);
	assert_int_equal(row.arrived, 5000);
	assert_string_equal(row.status, "451 later");
	assert_string_equal(row.sender, "sender@example.net");
	assert_string_equal(row.link, "1.M2P3S4N1R0.mx");
	assert_int_equal(row.after, SEEN_DELETING);
	assert_int_equal(state_relay_get(3, &row), DB_NONE);
	assert_string_equal(ask("SELECT printf('%d:%d', retried, in_doubt) FROM relay_count"), "2:1");
	assert_string_equal(ask(SEEN), "a:5");
}

/* Quarantined: safely here.  Set free: handed on again, which the server's copy does not wait for. */
static void
test_quarantine(void **state)
{
	struct relay_row	 row;
	int64_t			 now = time(NULL);

	(void)state;
	two();
	change(1, RELAY_DONE, NULL, NULL);
	assert_int_equal(change(2, RELAY_HOLD, "550 no", NULL).last, 1);
	assert_string_equal(ask(SEEN), "a:1");
	assert_string_equal(ask(RELAYS), "bert@example.com>7:1:1:550 no");
	change(2, RELAY_RELEASE, "set free", NULL);
	assert_int_equal(state_relay_get(2, &row), DB_OK);
	assert_int_equal(row.state, RELAY_WAITING);
	assert_in_range(row.next, now, now + 60);
	assert_in_range(row.arrived, now, now + 60);
	assert_int_equal(row.nexthop, 7);
	assert_string_equal(row.client, "192.0.2.7");
	change(2, RELAY_HOLD, NULL, NULL);
	change(2, RELAY_RELEASE, NULL, "carla@example.net");
	assert_string_equal(ask(RELAYS), "carla@example.net>9:0:1:set free");
	change(2, RELAY_HOLD, NULL, NULL);
	change(2, RELAY_DONE, NULL, NULL);			/* dropped: nobody has accepted it */
	assert_string_equal(ask("SELECT printf('%d:%d:%d', nexthop, accepted, refused) FROM relay_count ORDER BY nexthop"),
	    "7:1:2 9:0:1");
	assert_string_equal(ask("SELECT count(*) FROM relay"), "0");
}

static void
test_move(void **state)
{
	struct relay_change	 c;

	(void)state;
	rcpt(0, RCPT_QUARANTINE, "example.org/anna");
	commit("a", 1, 0, SEEN_KEPT, 1);
	rcpt(0, RCPT_RELAY, "bert@example.com");
	commit("b", 2, 0, SEEN_KEPT, 1);
	c = change(1, RELAY_MOVE, NULL, NULL);
	assert_int_equal(c.last, 1);
	assert_true(c.pending > 0);
	c = change(2, RELAY_MOVE, NULL, "example.org/bert");
	assert_int_equal(c.last, 1);
	assert_string_equal(ask("SELECT dest || '=' || link FROM pending"),
	    "example.org/anna=1.M2P3S4N1R0.mx example.org/bert=1.M2P3S4N2R0.mx");
	assert_int_equal(relay_count(), 0);
	assert_string_equal(ask(SEEN), "a:0 b:0");
	assert_int_equal(state_settle(c.pending, c.pending), 0);
	assert_int_equal(state_flush(), DB_OK);
	assert_string_equal(ask("SELECT dest FROM pending"), "example.org/anna");
}

/* A failure waits for its report; the report waits for nobody's message. */
static void
test_report(void **state)
{
	struct relay_report	 r = { .link = "1.M2P3S0N9R0.mx", .dest = "sender@example.net", .sender = "sender@example.net",
				    .about = "1.M2P3S4N1", .nexthop = 3 };
	const int64_t		 one = 1, two_of_them[] = { 1, 2 };
	struct relay_row	 row;
	int64_t			 made;

	(void)state;
	two();
	assert_int_equal(change(1, RELAY_FAIL, "550 no", NULL).last, 0);
	assert_int_equal(change(2, RELAY_FAIL, "550 no", NULL).last, 0);
	assert_string_equal(ask(SEEN), "a:5");
	assert_int_equal(state_relay_reported(&one, 1, &r, &made), DB_OK);
	assert_int_equal(state_relay_get(made, &row), DB_OK);
	assert_int_equal(row.nexthop, 3);
	assert_int_equal(row.notify, NOTIFY_NEVER);
	assert_string_equal(row.sender, "");
	assert_string_equal(row.dest, "sender@example.net");
	assert_int_equal(row.uidlen, 0);
	assert_string_equal(ask(SEEN), "a:5");
	r.link = "1.M2P3S0N10R0.mx";
	r.dest = "example.org/postmaster";
	r.nexthop = 0;
	assert_int_equal(state_told("sender@example.net", "1.M2P3S4N1", &made), DB_OK);
	assert_int_equal(state_relay_reported(two_of_them, 2, &r, &made), DB_OK);	/* the first is gone */
	assert_string_equal(ask(SEEN), "a:1");
	assert_string_equal(ask("SELECT dest FROM pending"), "example.org/postmaster");
	assert_int_equal(state_relay_reported(two_of_them, 2, &r, &made), DB_NONE);
	assert_int_equal(change(row.id, RELAY_DONE, NULL, NULL).last, 0);
	assert_int_equal(relay_count(), 0);
}

/*
 * The message again while it waits: discarded, and it goes on waiting.  Another one under its unique-id does not wait for it, and what
 * the next hop says of the first one is said of that one only.
 */
static void
test_known(void **state)
{
	struct receipt	 r;

	(void)state;
	two();
	r = commit("a", 1, 0, SEEN_DELETING, 2);
	assert_int_equal(r.verdict, COMMIT_DISCARD);
	assert_int_equal(r.waiting, 1);
	assert_int_equal(r.relay, 0);
	assert_int_equal(verdicts[0], COMMIT_DISCARD);
	assert_int_equal(verdicts[1], COMMIT_DISCARD);
	assert_int_equal(relay_count(), 2);
	assert_string_equal(ask(SEEN), "a:5");
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	assert_int_equal(commit("a", 2, 0, SEEN_KEPT, 1).verdict, COMMIT_DELIVER);
	assert_string_equal(ask(SEEN), "a:0 sha256:0101010101010101010101010101010101010101010101010101010101010101:1:5");
	assert_string_equal(ask("SELECT DISTINCT substr(uid, 1, 9) FROM relay"), "sha256:01");
	change(1, RELAY_DONE, NULL, NULL);
	change(2, RELAY_DONE, NULL, NULL);
	assert_string_equal(ask(SEEN), "a:0 sha256:0101010101010101010101010101010101010101010101010101010101010101:1:1");
}

/* What is known of a message follows it to another key. */
static void
test_key(void **state)
{
	struct listing_change	 c = { .uid = "a", .uidlen = 1, .what = CHANGE_KEY, .to = "b", .tolen = 1 };
	struct mailbox_counts	 counts;
	uint32_t		 n;

	(void)state;
	two();
	assert_int_equal(counted(mbox, &counts), 0);
	assert_int_equal(counts.waiting, 1);
	assert_int_equal(counts.kept + counts.undeleted, 0);
	assert_string_equal(ask("SELECT waiting FROM mailboxes"), "1");
	assert_int_equal(state_change(mbox, &c, 1, 6000), DB_OK);
	assert_string_equal(ask("SELECT DISTINCT CAST(uid AS TEXT) FROM relay UNION ALL SELECT CAST(uid AS TEXT) FROM handled"), "b b");
	n = unprove(mbox);
	assert_int_equal(n, 1);
	change(1, RELAY_DONE, NULL, NULL);
	assert_string_equal(ask("SELECT state FROM seen"), "5");
	change(2, RELAY_DONE, NULL, NULL);
	assert_string_equal(ask("SELECT state || ':' || (length(uid) > 70) FROM seen"), "1:1");
}

/* The header of a message over max_size: it has no seen row that could wait. */
static void
test_header(void **state)
{
	struct receipt	 r = { .mailbox = mbox, .uid = "h", .uidlen = 1, .state = SEEN_DELETING, .header = 1, .size = 9, .nrcpt = 1,
	    .rcpts = rcpts, .verdicts = verdicts, .note = &note };
	int64_t		 first, last;

	(void)state;
	rcpt(0, RCPT_RELAY, "anna@example.com");
	strlcpy(rcpts[0].link, "1.M2P3S4N5R0.mx", sizeof(rcpts[0].link));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	assert_string_equal(ask(RELAYS), "anna@example.com>7:0:0:");
	assert_string_equal(ask(SEEN), "");
	assert_int_equal(change(1, RELAY_DONE, NULL, NULL).last, 1);
	assert_string_equal(ask(SEEN), "");
}

static int
links(void *arg, const struct relay_row *row)
{
	strlcat(arg, row->link, 256);
	strlcat(arg, " ", 256);
	return (0);
}

/* Rows outlive their record: what was taken is handed on. */
static void
test_record_gone(void **state)
{
	char	 got[256] = "";

	(void)state;
	two();
	assert_int_equal(state_prune(NULL, 0, NULL, 0), DB_OK);
	assert_string_equal(ask(SEEN), "");
	assert_int_equal(state_relay_each(links, got), DB_OK);
	assert_string_equal(got, "1.M2P3S4N1R0.mx 1.M2P3S4N1R1.mx ");
	got[0] = '\0';
	assert_int_equal(state_relay_of(mbox, (const uint8_t *)"b", 1, links, got), DB_OK);
	assert_string_equal(got, "");
	assert_int_equal(change(1, RELAY_DONE, NULL, NULL).last, 0);
	assert_int_equal(change(2, RELAY_DONE, NULL, NULL).last, 1);
	assert_string_equal(ask(SEEN), "");
}

static void
test_prune(void **state)
{
	int64_t	 now = 100 * 86400;

	(void)state;
	tell("INSERT INTO copy (key, since) VALUES (zeroblob(16), 69 * 86400), (randomblob(16), 71 * 86400)");
	assert_int_equal(state_prune_old(now), DB_OK);
	assert_string_equal(ask("SELECT since / 86400 FROM copy"), "71");
	tell("UPDATE copy SET since = 0");
	assert_int_equal(state_prune_old(now + 3600), DB_OK);			/* once a day */
	assert_string_equal(ask("SELECT count(*) FROM copy"), "1");
	assert_int_equal(state_prune_old(now + 86400), DB_OK);
	assert_string_equal(ask("SELECT count(*) FROM copy"), "0");
}

/* What was written to whom: with the row of a notice that is handed on, in one transaction; forgotten after some days. */
static void
test_told(void **state)
{
	struct relay_row	 row;
	int64_t			 at = 0;

	(void)state;
	memset(&row, 0, sizeof(row));
	strlcpy(row.dest, "anna@example.org", sizeof(row.dest));
	strlcpy(row.link, "1.M2P3S0N1R0.mx", sizeof(row.link));
	assert_int_equal(state_told("anna@example.org", "x", &at), DB_NONE);
	assert_int_equal(state_noticed("anna@example.org", "x", 0, &row), DB_OK);
	assert_int_equal(row.id, 0);
	assert_int_equal(relay_count(), 0);
	row.nexthop = 3;
	assert_int_equal(state_noticed("anna@example.org", "y", 0, &row), DB_OK);
	assert_int_not_equal(row.id, 0);
	assert_string_equal(ask("SELECT nexthop || mailbox || length(uid) || sender || dest FROM relay"), "300anna@example.org");
	assert_int_equal(state_told("anna@example.org", "y", &at), DB_OK);
	assert_true(at > 1600000000);
	assert_int_equal(state_told("bert@example.org", "y", &at), DB_NONE);
	assert_int_equal(state_noticed("anna@example.org", "z", 0, &row), DB_FAILED);	/* that link has a row */
	assert_int_equal(state_told("anna@example.org", "z", &at), DB_NONE);
	assert_int_equal(state_prune_old(at + 86400), DB_OK);
	assert_int_equal(state_told("anna@example.org", "y", &at), DB_OK);
	assert_int_equal(state_prune_old(at + 3 * 86400), DB_OK);
	assert_int_equal(state_told("anna@example.org", "y", &at), DB_NONE);
}

static int
held(void *arg, const struct held_row *row)
{
	char	 line[128];

	snprintf(line, sizeof(line), "%lld: %lld of %lld, %.20s; ", (long long)row->id, (long long)row->count, (long long)row->all, row->status);
	strlcat(arg, line, 512);
	return (0);
}

/* How much came into quarantine since the postmaster was told; what we wrote ourselves does not count. */
static void
test_held(void **state)
{
	char			 got[512] = "";
	struct relay_row	 row;
	int64_t			 fresh;

	(void)state;
	assert_int_equal(state_held(&fresh), DB_OK);
	assert_int_equal(fresh, 0);
	rcpt(0, RCPT_QUARANTINE, "example.org/info");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	rcpt(2, RCPT_RELAY, "carl@example.com");
	commit("a", 1, 0, SEEN_DELETING, 3);
	assert_int_equal(state_held(&fresh), DB_OK);
	assert_int_equal(fresh, 1);
	change(2, RELAY_HOLD, "5.1.1 no", NULL);
	change(3, RELAY_HOLD, "5.1.1 never", NULL);
	memset(&row, 0, sizeof(row));
	row.nexthop = 3;
	strlcpy(row.link, "1.M2P3S0N1R0.mx", sizeof(row.link));
	assert_int_equal(state_noticed("postmaster@example.org", "held", 2, &row), DB_OK);
	change(row.id, RELAY_HOLD, "5.7.1 no notices", NULL);
	assert_int_equal(state_held(&fresh), DB_OK);
	assert_int_equal(fresh, 1);
	assert_int_equal(state_held_each(HELD_BY_NEXTHOP, held, got), DB_OK);
	assert_non_null(strstr(got, ": 2 of 3, 5.1.1 never; "));
	assert_non_null(strstr(got, "0: 1 of 3, "));
	assert_int_equal(state_noticed("postmaster@example.org", "held", 5, &(struct relay_row){ .nexthop = 0 }), DB_OK);
	assert_int_equal(state_held(&fresh), DB_OK);
	assert_int_equal(fresh, 0);
}

static void
test_locked(void **state)
{
	struct relay_change	 c = { .id = 1, .what = RELAY_DONE };
	sqlite3			*db;

	(void)state;
	two();
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(state_relay_change(&c, 1), DB_BUSY);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(relay_count(), 2);
	assert_int_equal(state_relay_change(&c, 1), DB_OK);
	assert_int_equal(relay_count(), 1);
}

/* Another process does it, and dies at a point. */
static void
dies(const char *point, void (*what)(void))
{
	pid_t	 pid;
	int	 status;

	state_close();
	if ((pid = fork()) == 0) {
		if (state_open(path, err, sizeof(err)) == -1)
			_exit(2);
		deadly = point;
		what();
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(state_open(path, err, sizeof(err)), 0);
}

static void
all_kinds(void)
{
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	rcpt(2, RCPT_QUARANTINE, "example.org/info");
	rcpt(3, RCPT_REJECT, "gone@example.org");
	commit("a", 1, 0x55, SEEN_DELETING, 4);
}

/* The table of state/rcpt.c: all or nothing, and what was not committed is committed the next time. */
static void
test_killed_commit(void **state)
{
	(void)state;
	dies("master.state_commit_open", all_kinds);
	assert_string_equal(ask("SELECT count(*) FROM seen UNION ALL SELECT count(*) FROM relay UNION ALL SELECT count(*) FROM copy"
	    " UNION ALL SELECT count(*) FROM handled UNION ALL SELECT count(*) FROM pending UNION ALL SELECT count(*) FROM found"),
	    "0 0 0 0 0 0");
	dies("master.state_commit_done", all_kinds);
	assert_string_equal(ask("SELECT count(*) FROM seen UNION ALL SELECT count(*) FROM relay UNION ALL SELECT count(*) FROM copy"
	    " UNION ALL SELECT count(*) FROM handled UNION ALL SELECT count(*) FROM pending UNION ALL SELECT count(*) FROM found"),
	    "1 3 4 1 1 5");
	all_kinds();
	assert_int_equal(verdicts[0], COMMIT_DISCARD);
	assert_string_equal(ask("SELECT count(*) FROM relay UNION ALL SELECT count(*) FROM pending"), "3 1");
}

static void kill_done(void) { change(1, RELAY_DONE, NULL, NULL); }
static void kill_last(void) { change(2, RELAY_DONE, NULL, NULL); }
static void kill_hold(void) { change(1, RELAY_HOLD, "why", NULL); }
static void kill_move(void) { change(1, RELAY_MOVE, NULL, "example.org/anna"); }
static void kill_fail(void) { change(1, RELAY_FAIL, "why", NULL); }

static void
kill_report(void)
{
	struct relay_report	 r = { .link = "1.M2P3S0N9R0.mx", .dest = "sender@example.net", .sender = "sender@example.net",
				    .about = "1.M2P3S4N1", .nexthop = 3 };
	const int64_t		 id = 1;
	int64_t			 made;

	state_relay_reported(&id, 1, &r, &made);
}

#define BODIES	"SELECT printf('%s:%d:%d:%s', dest, body, after, substr(link, 9)) FROM relay ORDER BY id"

/* A missing file makes the message wanted, whatever it was before; the same message brings it back, for whoever wants it only. */
static void
test_wanted(void **state)
{
	struct receipt	 r;

	(void)state;
	two();
	change(2, RELAY_HOLD, "held", NULL);
	assert_int_equal(change(1, RELAY_DONE, "250 ok", NULL).last, 1);
	assert_string_equal(ask(SEEN), "a:1");
	assert_int_equal(change(2, RELAY_WANT, "missing", NULL).last, 0);
	assert_string_equal(ask(SEEN), "a:5");
	assert_string_equal(ask("SELECT body FROM relay"), "0");
	/* Its routes have changed meanwhile: any link will do. */
	rcpt(0, RCPT_MAILDIR, "example.org/anna");
	rcpt(1, RCPT_RELAY, "carl@example.com");
	r = commit("a", 1, 0, SEEN_DELETING, 2);
	assert_int_equal(r.verdict, COMMIT_DISCARD);
	assert_int_equal(r.attached, 1);
	assert_int_equal(r.waiting, 0);
	assert_int_equal(verdicts[0], COMMIT_HOLD);
	assert_int_equal(verdicts[1], COMMIT_DISCARD);
	assert_string_equal(ask(SEEN), "a:1");
	assert_string_equal(ask(BODIES), "bert@example.com:1:1:N2R0.mx");
	assert_string_equal(ask("SELECT count(*) FROM pending"), "0");
	/* And once more nobody wants it. */
	assert_int_equal(commit("a", 1, 0, SEEN_DELETING, 2).attached, 0);
}

/* Those who wait get the links that were made for them; what one message has too few of, the next one brings. */
static void
test_attach_choice(void **state)
{
	struct receipt	 r;

	(void)state;
	two();
	change(1, RELAY_WANT, "missing", NULL);
	change(2, RELAY_WANT, "missing", NULL);
	rcpt(0, RCPT_RELAY, "bert@example.com");
	r = commit("a", 1, 0, SEEN_DELETING, 1);
	assert_int_equal(r.attached, 1);
	assert_int_equal(r.waiting, 1);
	assert_string_equal(ask(BODIES), "anna@example.com:1:1:N2R0.mx bert@example.com:0:1:N1R1.mx");
	rcpt(0, RCPT_RELAY, "carl@example.com");
	rcpt(1, RCPT_RELAY, "bert@example.com");
	r = commit("a", 1, 0, SEEN_DELETING, 2);
	assert_int_equal(verdicts[0], COMMIT_DISCARD);
	assert_int_equal(verdicts[1], COMMIT_HOLD);
	assert_string_equal(ask(BODIES), "anna@example.com:1:1:N2R0.mx bert@example.com:1:1:N3R1.mx");
	assert_string_equal(ask(SEEN), "a:5");
}

static int
count_orphan(void *arg, const struct relay_row *row)
{
	(void)row;
	(*(int *)arg)++;
	return (0);
}

/* Wanted, and the server has it no longer: lost, which is final; found when the file is there again. */
static void
test_lost(void **state)
{
	int	 n = 0;

	(void)state;
	two();
	change(1, RELAY_WANT, "missing", NULL);
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 0);
	change(2, RELAY_DONE, "250 ok", NULL);
	assert_string_equal(ask(SEEN), "a:5");
	tell("UPDATE seen SET state = 3");
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 1);
	assert_int_equal(change(1, RELAY_LOST, "lost", NULL).last, 1);
	n = 0;
	assert_int_equal(state_relay_orphans(count_orphan, &n), DB_OK);
	assert_int_equal(n, 0);
	assert_string_equal(ask("SELECT body FROM relay"), "2");
	change(1, RELAY_FOUND, "", NULL);
	assert_string_equal(ask("SELECT body FROM relay"), "1");
}

#define COUNTS	"SELECT printf('%d:%d', nexthop, in_doubt) FROM relay_count ORDER BY nexthop"

/* What was on its way when a life ended is in doubt, once; a result ends it. */
static void
test_sent(void **state)
{
	static const int64_t	 ids[] = { 1, 2 };

	(void)state;
	two();
	assert_int_equal(state_relay_sent(ids, 2, 7000), DB_OK);
	change(2, RELAY_AGAIN, "451", NULL);
	assert_string_equal(ask("SELECT sent FROM relay ORDER BY id"), "7000 0");
	assert_int_equal(state_relay_prove(0, 7001), DB_OK);	/* in the middle of a life nothing is in doubt */
	assert_string_equal(ask(COUNTS), "7:0");
	reopen();
	assert_int_equal(state_relay_prove(1, 7002), DB_OK);
	assert_string_equal(ask(COUNTS), "7:1");
	assert_string_equal(ask("SELECT sent FROM relay ORDER BY id"), "0 0");
	assert_int_equal(state_relay_prove(1, 7003), DB_OK);
	assert_string_equal(ask(COUNTS), "7:1");
}

static int
add_id(void *arg, const struct relay_row *row)
{
	*(int64_t *)arg = *(int64_t *)arg * 10 + row->id;
	return (0);
}

static int
count_link(void *arg, const char *link)
{
	assert_memory_equal(link, "1.M2P3S4N", 9);
	(*(int *)arg)++;
	return (0);
}

/* A row that cannot be right stops nobody, and its file stays. */
static void
test_bad_row(void **state)
{
	int64_t	 ids = 0;
	int	 links = 0;

	(void)state;
	two();
	tell("UPDATE relay SET dest = printf('%.*c', 2000, 'x') WHERE id = 1");
	assert_int_equal(state_relay_each(add_id, &ids), DB_OK);
	assert_int_equal(ids, 2);
	assert_int_equal(state_relay_links(count_link, &links), DB_OK);
	assert_int_equal(links, 2);
	change(2, RELAY_DONE, "250 ok", NULL);
	assert_string_equal(ask(SEEN), "a:5");			/* its message is not final */
}

/* The table of state/relay.c, line by line. */
static void
test_killed_change(void **state)
{
	static const char	 both[] = "anna@example.com>7:0:1: bert@example.com>7:0:1:";

	(void)state;
	two();
	dies("master.queue_before", kill_done);
	assert_string_equal(ask(RELAYS), both);
	dies("master.queue_change", kill_done);
	assert_string_equal(ask(RELAYS), both);
	dies("master.queue_change", kill_move);
	assert_string_equal(ask(RELAYS), both);
	assert_string_equal(ask("SELECT count(*) FROM pending"), "0");
	dies("master.queue_change", kill_hold);
	assert_string_equal(ask(RELAYS), both);
	assert_string_equal(ask(SEEN), "a:5");
	dies("master.queue_changed", kill_fail);
	assert_string_equal(ask(RELAYS), "anna@example.com>7:2:1:why bert@example.com>7:0:1:");
	dies("master.queue_report", kill_report);
	assert_string_equal(ask(RELAYS), "anna@example.com>7:2:1:why bert@example.com>7:0:1:");
	dies("master.queue_reported", kill_report);
	assert_string_equal(ask(RELAYS), "bert@example.com>7:0:1: sender@example.net>3:0:0:");
	assert_string_equal(ask(SEEN), "a:5");
	dies("master.queue_change", kill_last);
	assert_string_equal(ask(SEEN), "a:5");
	dies("master.queue_changed", kill_last);
	assert_string_equal(ask(RELAYS), "sender@example.net>3:0:0:");
	assert_string_equal(ask(SEEN), "a:1");
}

static void
test_killed_final(void **state)
{
	(void)state;
	two();
	dies("master.queue_changed", kill_hold);
	assert_string_equal(ask(SEEN), "a:5");
	dies("master.queue_changed", kill_move);
	assert_string_equal(ask(SEEN), "a:5");
	assert_string_equal(ask("SELECT dest FROM pending"), "example.org/anna");
	dies("master.queue_changed", kill_last);
	assert_string_equal(ask(SEEN), "a:1");
}

int
main(void)
{
#define RUN(test)	cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest	 tests[] = {
		RUN(test_kinds), RUN(test_final_at_once), RUN(test_no_note), RUN(test_copies), RUN(test_ways), RUN(test_two_hops), RUN(test_dropped),
		RUN(test_many_results), RUN(test_done), RUN(test_again),
		RUN(test_quarantine), RUN(test_move), RUN(test_report), RUN(test_known), RUN(test_key), RUN(test_header),
		RUN(test_record_gone), RUN(test_prune), RUN(test_told), RUN(test_held),
		RUN(test_locked), RUN(test_killed_commit), RUN(test_killed_change),
		RUN(test_killed_final), RUN(test_wanted), RUN(test_attach_choice), RUN(test_lost), RUN(test_sent), RUN(test_bad_row),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
