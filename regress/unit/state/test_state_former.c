/* SPDX-License-Identifier: ISC */
/* links: rpopd/db rpopd/state */
/* libs: -lsqlite3 */
/* state.db: mailboxes that records have left, a record that begins anew, and times that a wrong clock has left behind. */
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

#define DAY	86400

static char	 dir[32], path[64], answer[4096];
static int64_t	 was, is;		/* mailboxes */

static struct record
record(const char *name, uint16_t port)
{
	return ((struct record){ .owner = "anna@example.org", .name = name, .host = "pop.example.net", .port = port, .user = "anna" });
}

static int64_t
mailbox(const char *name, uint16_t port)
{
	struct record	 r = record(name, port);

	return (mailbox_id(&r));
}

static int
row_text(void *arg, int n, char **values, char **names)
{
	int	 i;

	(void)arg;
	(void)names;
	for (i = 0; i < n; i++) {
		strlcat(answer, values[i] == NULL ? "-" : values[i], sizeof(answer));
		strlcat(answer, i + 1 < n ? "," : " ", sizeof(answer));
	}
	return (0);
}

/* Every value of the answer. */
static const char *
ask(const char *sql)
{
	sqlite3	*db;

	answer[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, row_text, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	return (answer);
}

static int
setup(void **state)
{
	char	 err[512];

	(void)state;
	umask(077);
	strlcpy(dir, "/tmp/rpformer.XXXXXX", sizeof(dir));
	if (mkdtemp(dir) == NULL)
		return (-1);
	snprintf(path, sizeof(path), "%s/state.db", dir);
	state_keep_set(0);
	if (state_open(path, err, sizeof(err)) == -1)
		return (-1);
	was = mailbox("isp", 110);
	return (was > 0 ? 0 : -1);
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

/* A row of each kind for a mailbox, and its seen row. */
static void
fill(int64_t id, const char *uid, int state)
{
	char	 sql[2048];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO seen (mailbox, uid, state, since, size, sha256) VALUES (%1$lld, CAST('%2$s' AS BLOB), %3$d, 5, 1000,"
	    "    CAST(substr('%2$s' || '________________________________', 1, 32) AS BLOB));"
	    "INSERT INTO fingerprint (mailbox, uid, fingerprint) VALUES (%1$lld, CAST('%2$s' AS BLOB), zeroblob(32));"
	    "INSERT INTO pending (mailbox, uid, link, dest) VALUES (%1$lld, CAST('%2$s' AS BLOB), 'l', 'd');"
	    "INSERT INTO relay (mailbox, uid, link, nexthop, dest, original, sender, client, notify, after, state, arrived, next, tries,"
	    "    status) VALUES (%1$lld, CAST('%2$s' AS BLOB), '%1$lld%2$s', 1, 'd', '', '', '', 0, 0, 0, 5, 5, 0, '');"
	    "INSERT INTO handled (mailbox, uid, since, size, msgid, sender, note, results) VALUES (%1$lld, CAST('%2$s' AS BLOB), 5, 1, '', '', '', '');"
	    "INSERT INTO suspect (mailbox, uid, deaths, failures, since, reason) VALUES (%1$lld, CAST('%2$s' AS BLOB), 0, 1, 5, '');"
	    "INSERT INTO oversize (mailbox, uid, state, size, since) VALUES (%1$lld, CAST('%2$s' AS BLOB), 1, 5, 5)",
	    (long long)id, uid, state);
	ask(sql);
}

/* Every table that is keyed by mailbox, also one that somebody adds later, has nothing of this mailbox any more. */
static void
assert_nothing_of(int64_t id)
{
	char	 sql[160], tables[2048], *p = tables, *name;

	strlcpy(tables, ask("SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
	    " AND c.name = 'mailbox'"), sizeof(tables));
	assert_non_null(strstr(tables, "seen"));
	while ((name = strsep(&p, " ")) != NULL) {
		if (*name == '\0')
			continue;
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE mailbox = %lld", name, (long long)id);
		if (strcmp(ask(sql), "0 ") != 0)
			fail_msg("%s still has rows of mailbox %lld", name, (long long)id);
	}
}

static int
first_former(void *arg, const struct former *f)
{
	*(struct former *)arg = *f;
	return (1);
}

/* The record moves to another port: its mailbox is former. */
static struct former
moved(void)
{
	struct former	 f;

	memset(&f, 0, sizeof(f));
	state_keep_set(30 * DAY);
	is = mailbox("isp", 995);
	assert_int_equal(state_prune(&is, 1, NULL, 0), DB_OK);
	assert_int_equal(state_formers(is, first_former, &f), DB_OK);
	assert_int_equal(f.id, was);
	assert_int_equal(f.port, 110);
	assert_string_equal(f.login, "anna");
	assert_string_equal(f.record, "isp");
	assert_int_equal(f.replaced, 1);
	return (f);
}

static void
test_adopt(void **state)
{
	struct former	 f;
	struct record	 r = record("isp", 995);
	char		 origin[128];

	(void)state;
	fill(was, "a", SEEN_KEPT);
	fill(was, "b", SEEN_KEPT);
	f = moved();
	fill(is, "b", SEEN_DELETING);		/* this is newer */
	fill(is, "c", SEEN_KEPT);
	ask("INSERT INTO unproven VALUES (2, 5); INSERT INTO renumbered VALUES (2, 5, 5, 5, NULL)");
	assert_int_equal(state_former_adopt(&f, is, &r, 0, "somewhere", 77), DB_OK);
	assert_nothing_of(is);
	assert_string_equal(ask("SELECT CAST(uid AS TEXT), state FROM seen ORDER BY uid"), "a,0 b,1 c,0 ");
	assert_string_equal(ask("SELECT id, port, removed, origin, listed FROM mailbox"), "1,995,-,somewhere,77 ");
	assert_string_equal(ask("SELECT count(*) FROM relay WHERE mailbox = 1"), "4 ");
	assert_int_equal(mailbox("isp", 995), was);
	assert_int_equal(state_origin(was, origin, sizeof(origin)), DB_OK);
	assert_string_equal(origin, "somewhere");
}

/* In doubt nothing is hidden by a unique-id: what was delivered is compared, what was marked is new. */
static void
test_doubt(void **state)
{
	struct former	 f;
	struct record	 r = record("isp", 995);

	(void)state;
	fill(was, "a", SEEN_KEPT);
	fill(was, "b", SEEN_DELETING);
	fill(was, "c", SEEN_DENIED);
	fill(was, "m", SEEN_MARKED);
	fill(was, "w", SEEN_WAITING);
	f = moved();
	assert_int_equal(state_former_adopt(&f, is, &r, 1, "perhaps", 77), DB_OK);
	assert_string_equal(ask("SELECT CAST(uid AS TEXT), state FROM seen WHERE length(uid) = 1"), "a,3 b,3 c,3 ");
	assert_string_equal(ask("SELECT substr(uid, 1, 7), state FROM seen WHERE length(uid) > 1"), "sha256:,5 ");
	assert_string_equal(ask("SELECT count(*) FROM relay WHERE uid = (SELECT uid FROM seen WHERE state = 5)"), "1 ");
}

static void
count(void *arg, const struct former_message *m)
{
	snprintf((char *)arg + strlen(arg), 32, "%.*s:%lld%s ", (int)m->uidlen, (const char *)m->uid, (long long)m->size,
	    m->gone ? " gone" : "");
}

static void
test_rows(void **state)
{
	char	 got[256] = "";

	(void)state;
	fill(was, "a", SEEN_KEPT);
	fill(was, "d", SEEN_DELETED);
	fill(was, "g", SEEN_KEPT);
	fill(was, "w", SEEN_WAITING);
	ask("UPDATE seen SET gone = 5 WHERE uid = x'67'");
	assert_int_equal(state_former_rows(was, count, got), DB_OK);
	assert_string_equal(got, "a:1000 g:1000 gone w:1000 ");
}

/* State outlives its record for a time, and counts again when that is back. */
static void
test_kept(void **state)
{
	int64_t	 other = mailbox("other", 110);

	(void)state;
	state_keep_set(30 * DAY);
	fill(was, "a", SEEN_KEPT);
	assert_int_equal(state_prune(&other, 1, NULL, 0), DB_OK);
	assert_string_equal(ask("SELECT count(*) FROM seen"), "1 ");
	assert_string_equal(ask("SELECT id FROM mailbox WHERE removed IS NOT NULL"), "1 ");
	assert_int_equal(mailbox("isp", 110), was);
	assert_int_equal(state_prune(&was, 1, NULL, 0), DB_OK);
	assert_string_equal(ask("SELECT id FROM mailbox WHERE removed IS NOT NULL"), "2 ");
	assert_int_equal(state_prune(&other, 1, NULL, 0), DB_OK);
	ask("UPDATE mailbox SET removed = removed - 30 * 86400 + 60 WHERE id = 1");
	assert_int_equal(state_prune(&other, 1, NULL, 0), DB_OK);
	assert_string_equal(ask("SELECT count(*) FROM seen"), "1 ");
	ask("UPDATE mailbox SET removed = removed - 60 WHERE id = 1");
	assert_int_equal(state_prune(&other, 1, &was, 1), DB_OK);		/* a session is ending there */
	assert_string_equal(ask("SELECT count(*) FROM seen"), "1 ");
	assert_int_equal(state_prune(&other, 1, NULL, 0), DB_OK);
	assert_string_equal(ask("SELECT id FROM mailbox"), "2 ");
	assert_string_equal(ask("SELECT count(*) FROM seen"), "0 ");
	assert_string_equal(ask("SELECT count(*) FROM relay"), "1 ");	/* what was taken is handed on */
}

/* When it was removed is in the future: then it was now. */
static void
test_kept_ahead(void **state)
{
	(void)state;
	state_keep_set(30 * DAY);
	assert_int_equal(state_prune(NULL, 0, NULL, 0), DB_OK);
	ask("UPDATE mailbox SET removed = removed + 5000 * 86400");
	assert_int_equal(state_prune(NULL, 0, NULL, 0), DB_OK);
	assert_string_equal(ask("SELECT removed <= CAST(strftime('%s', 'now') AS INTEGER) FROM mailbox"), "1 ");
}

static int
copy(int64_t id, const char *uid, int64_t since)
{
	struct msg_rcpt	 rcpt = { .link = "l", .dest = "example.org/anna", .kind = RCPT_MAILDIR };
	uint8_t		 verdict;
	struct receipt	 r = { .mailbox = id, .uidlen = strlen(uid), .octets = 5, .since = since, .state = SEEN_KEPT, .nrcpt = 1,
	    .rcpts = &rcpt, .verdicts = &verdict };
	int64_t		 first, last;

	memcpy(r.uid, uid, strlen(uid));
	memset(r.digest, uid[0], sizeof(r.digest));
	memset(r.identity, 1, sizeof(r.identity));
	assert_int_equal(state_commit(&r, 1, &first, &last), DB_OK);
	return (r.verdict == COMMIT_DELIVER);
}

/* Everything comes once more, once; copies of other records stay what they are. */
static void
test_forget(void **state)
{
	struct forgotten	 n;
	int64_t			 now = time(NULL), other = mailbox("other", 110);

	(void)state;
	assert_int_equal(copy(was, "x", now), 1);
	assert_int_equal(copy(was, "y", now), 0);
	assert_int_equal(copy(other, "x", now), 0);
	fill(was, "w", SEEN_WAITING);
	fill(was, "m", SEEN_MARKED);
	fill(was, "d", SEEN_DELETED);
	fill(other, "o", SEEN_KEPT);
	ask("UPDATE suspect SET deaths = 3 WHERE uid = x'6d'; INSERT INTO renumbered VALUES (1, 5, 5, 5, NULL)");
	assert_int_equal(state_forget("anna@example.org", "isp", now, &n), DB_OK);
	assert_int_equal(n.mailboxes, 1);
	assert_int_equal(n.messages, 3);		/* x, y, m: d is not there any more */
	assert_int_equal(n.waiting, 1);
	assert_string_equal(ask("SELECT CAST(uid AS TEXT) FROM seen WHERE mailbox = 1"), "w ");
	assert_string_equal(ask("SELECT CAST(uid AS TEXT) FROM fingerprint WHERE mailbox = 1"), "w ");
	assert_string_equal(ask("SELECT CAST(uid AS TEXT) FROM suspect WHERE mailbox = 1"), "m ");	/* it kills */
	assert_string_equal(ask("SELECT count(*) FROM oversize WHERE mailbox = 1"), "0 ");
	assert_string_equal(ask("SELECT count(*) FROM renumbered"), "0 ");
	assert_string_equal(ask("SELECT count(*) FROM seen WHERE mailbox = 2"), "2 ");
	assert_int_equal(state_listed(was), DB_OK);		/* nothing is marked by first_poll */
	assert_int_equal(copy(other, "z", now), 0);
	assert_int_equal(copy(was, "x", now), 1);	/* within the same second */
	assert_int_equal(copy(was, "y", now), 0);
	assert_int_equal(copy(other, "v", now), 0);
	is = mailbox("isp", 995);			/* what was asked for of the record holds wherever it points */
	assert_string_equal(ask("SELECT forgotten IS NOT NULL FROM mailbox WHERE id = 3"), "1 ");
	assert_int_equal(state_forget("anna@example.org", "none", now, &n), DB_OK);
	assert_int_equal(n.mailboxes, 0);
}

/* A removed record can be told to begin anew before it is back. */
static void
test_forget_removed(void **state)
{
	struct forgotten	 n;

	(void)state;
	state_keep_set(30 * DAY);
	fill(was, "a", SEEN_KEPT);
	assert_int_equal(state_prune(NULL, 0, NULL, 0), DB_OK);
	assert_int_equal(state_forget("anna@example.org", "isp", time(NULL), &n), DB_OK);
	assert_int_equal(n.mailboxes, 1);
	assert_int_equal(n.messages, 1);
	assert_string_equal(ask("SELECT count(*) FROM seen"), "0 ");
}

/* The administrator's answer to a renumbered mailbox is a wish for everything, too. */
static void
test_renumbered(void **state)
{
	int64_t	 now = time(NULL);

	(void)state;
	assert_int_equal(copy(was, "x", now), 1);
	assert_int_equal(state_renumber_put(was, RENUMBER_ASKED, 1, 1, now), DB_OK);
	assert_int_equal(copy(was, "y", now), 0);
	assert_int_equal(state_renumber_put(was, RENUMBER_RETRIEVE, 0, 0, now), DB_OK);
	assert_int_equal(copy(was, "z", now), 1);
}

/* The first absence lies in the future: it is now. */
static void
test_gone_ahead(void **state)
{
	struct listing_change	 c = { .uidlen = 1, .what = CHANGE_GONE };

	(void)state;
	c.uid[0] = 'a';
	fill(was, "a", SEEN_KEPT);
	ask("UPDATE seen SET gone = 9999999999; UPDATE suspect SET gone = 9999999999; UPDATE oversize SET gone = 50");
	assert_int_equal(state_change(was, &c, 1, 77), DB_OK);
	assert_string_equal(ask("SELECT gone FROM seen UNION ALL SELECT gone FROM suspect UNION ALL SELECT gone FROM oversize"), "77 77 50 ");
}

static void
test_clamp(void **state)
{
	char	 sql[1024];
	int64_t	 now = time(NULL);

	(void)state;
	fill(was, "a", SEEN_KEPT);
	ask("UPDATE relay SET arrived = 9999999999, next = 9999999999; UPDATE handled SET since = 9999999999;"
	    "UPDATE suspect SET since = 9999999999, gone = 9999999999; UPDATE oversize SET since = 9999999999, gone = 9999999999;"
	    "UPDATE mailbox SET listed = 9999999999, removed = 9999999999, created = 9999999999;"
	    "INSERT INTO copy (key, since) VALUES (zeroblob(16), 9999999999); INSERT INTO unproven VALUES (1, 9999999999);"
	    "INSERT INTO renumbered VALUES (1, 9999999999, 5, 5, NULL); INSERT INTO meta VALUES ('pruned', 9999999999);"
	    "INSERT INTO token (origin, since, ends, said) VALUES (zeroblob(32), 9999999999, 9999999999, 9999999999);"
	    "INSERT INTO record_state (mailbox, last_success, last_attempt, failures, messages, octets, polls, error, failing, no_capa,"
	    " retrieved) VALUES (1, 9999999999, 9999999999, 1, 1, 1, 1, '', 9999999999, 9999999999, 9999999999)");
	assert_int_equal(state_clamp(1000000000), DB_OK);		/* a clock that begins at some old time corrects nothing */
	assert_string_equal(ask("SELECT next FROM relay"), "9999999999 ");
	assert_int_equal(state_clamp(now), DB_OK);
	snprintf(sql, sizeof(sql), "SELECT max(t) <= %lld FROM (SELECT max(arrived, next) AS t FROM relay UNION SELECT since FROM handled"
	    " UNION SELECT max(since, gone) FROM suspect UNION SELECT max(since, gone) FROM oversize"
	    " UNION SELECT max(listed, removed, created) FROM mailbox UNION SELECT since FROM copy UNION SELECT since FROM unproven"
	    " UNION SELECT since FROM renumbered UNION SELECT value FROM meta WHERE key = 'pruned'"
	    " UNION SELECT max(since, ends, said) FROM token"
	    " UNION SELECT max(last_success, last_attempt, failing, no_capa, retrieved) FROM record_state)",
	    (long long)now);
	assert_string_equal(ask(sql), "1 ");
	snprintf(sql, sizeof(sql), "UPDATE relay SET next = %lld", (long long)now + 7200);
	ask(sql);
	assert_int_equal(state_clamp(now), DB_OK);
	snprintf(sql, sizeof(sql), "SELECT next - %lld FROM relay", (long long)now);
	assert_string_equal(ask(sql), "7200 ");			/* it is to wait */
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_adopt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renumbered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clamp, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
