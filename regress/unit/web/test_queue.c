/* SPDX-License-Identifier: ISC */
/* links: web/queue.c web/quarantine.c regress/unit/web/adminrig.c regress/unit/web/htmlcheck.c */
/* The pages of the queue and of the quarantine: what is shown, what is asked for, and that a message is nothing but text. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adminrig.h"
#include "web/queue.h"

#define QUEUE		"/admin/queue"
#define QUARANTINE	"/admin/quarantine"
#define MESSAGE		"/admin/quarantine/message"

/* A recipient that waits. */
static struct ctl_queued
waiting(int64_t id, const char *hop)
{
	struct ctl_queued	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.mailbox = 3;
	m.arrived = 1000 + id;
	m.next = 2000 - id;
	m.state = QUEUE_WAITING;
	m.tries = 2;
	strlcpy(m.record, "anna@example.org/first", sizeof(m.record));
	strlcpy(m.uid, "uid1", sizeof(m.uid));
	strlcpy(m.nexthop, hop, sizeof(m.nexthop));
	strlcpy(m.recipient, "anna@example.org", sizeof(m.recipient));
	strlcpy(m.sender, "bob@example.net", sizeof(m.sender));
	strlcpy(m.status, "450 later", sizeof(m.status));
	return (m);
}

static void
queued(uint32_t request, const struct ctl_queued *m)
{
	rig_item(request, IMSG_CTL_QUEUED, m, sizeof(*m), -1);
}

/* The last request, which is one about the quarantine. */
static struct ctl_quarantine
asked(enum quarantine_act act)
{
	struct ctl_quarantine	 m;
	struct asked		*a = &rig_asked[rig_nasked - 1];

	assert_true(rig_nasked > 0);
	assert_int_equal(a->type, IMSG_CTL_QUARANTINE);
	assert_int_equal(a->len, sizeof(m));
	memcpy(&m, a->data, sizeof(m));
	assert_int_equal(m.act, act);
	assert_int_equal(m.reserved, 0);
	return (m);
}

static void
test_queue(void **state)
{
	struct ctl_queued	 m;

	(void)state;
	rig_begin(QUEUE, 0);
	m = waiting(7, "hub");
	queued(IMSG_CTL_QUEUE, &m);
	m = waiting(8, "hub");
	queued(IMSG_CTL_QUEUE, &m);
	m = waiting(9, "relay");
	queued(IMSG_CTL_QUEUE, &m);
	m.state = QUEUE_QUARANTINED;
	queued(IMSG_CTL_QUEUE, &m);
	m.state = QUEUE_LOST;
	queued(IMSG_CTL_QUEUE, &m);
	m.state = 77;
	queued(IMSG_CTL_QUEUE, &m);
	show_queue(&rig);
	assert_int_equal(rig.answer.status, 200);
	rig_valid();
	rig_has("Recipients that wait for a next hop: 5.");
	rig_has("<tr><td>hub</td><td class=\"num\">2</td><td class=\"act\">");
	rig_has("</td><td><time datetime=\"x\">@1992</time></td></tr>");
	rig_has("<tr><td>relay</td><td class=\"num\">1</td>");
	rig_has("<input type=\"hidden\" name=\"retry\" value=\"hub\">"
	    "<button type=\"submit\" class=\"second\" aria-label=\"Try all now: hub\">");
	rig_has("<input type=\"hidden\" name=\"retry\" value=\"7\">");
	rig_has("name=\"retry\" value=\"all\"");
	rig_has("<dt>Recipient</dt><dd>anna@example.org</dd>\n<dt>From</dt><dd>bob@example.net</dd>\n");
	rig_has("<dd>waits for hub, tries 2, next <time datetime=\"x\">@1993</time></dd>\n<dt>Why</dt><dd>450 later</dd>");
	rig_has("nobody has the message any more");
	rig_has("in a state that is not known here");
	rig_has("<a href=\"/mail/admin/quarantine\">In quarantine: 1</a>");
	rig_has("<form method=\"get\" action=\"/mail/admin/quarantine/message\"><input type=\"hidden\" name=\"id\" value=\"7\">");
	assert_int_equal(rig_count("Show</button>"), 3);
	assert_int_equal(rig_count("Try now</button>"), 3);
}

static void
test_queue_empty(void **state)
{
	(void)state;
	rig_begin(QUEUE, 0);
	show_queue(&rig);
	rig_valid();
	rig_has("Nothing waits for a next hop.");
	rig_lacks("<table");
	rig_begin(QUEUE, 0);
	rig_refuse(IMSG_CTL_QUEUE, "state.db cannot be read now; try again");
	show_queue(&rig);
	rig_valid();
	assert_int_equal(rig.answer.status, 503);
	rig_has("state.db cannot be read now; try again");
}

/* Very many are counted. */
static void
test_queue_many(void **state)
{
	struct ctl_queued	 m;
	char			 hop[32];
	int			 i;

	(void)state;
	rig_begin(QUEUE, 0);
	for (i = 1; i <= QUEUED_SHOWN + 23; i++) {
		snprintf(hop, sizeof(hop), "hop%d", i);
		m = waiting(i, hop);
		queued(IMSG_CTL_QUEUE, &m);
	}
	show_queue(&rig);
	rig_valid();
	rig_has("wait for a next hop: 523.");
	rig_has("<p>And 23 more, which <code>rpopctl queue</code> lists.</p>");
	assert_int_equal(rig_count("Try now</button>"), QUEUED_SHOWN);
	assert_int_equal(rig_count("Try all now</button>"), 100);
}

static void
test_retry(void **state)
{
	struct ctl_name	 m;
	static char	 long_name[600];

	(void)state;
	rig_begin(QUEUE, 1);
	rig_ok("3 deliveries are tried now");
	rig_field("retry", "hub");
	change_queue(&rig);
	assert_int_equal(rig.answer.status, 303);
	assert_string_equal(rig.answer.location, "/mail/admin/queue");
	assert_string_equal(rig.said, "3 deliveries are tried now");
	assert_int_equal(rig_nasked, 1);
	assert_int_equal(rig_asked[0].type, IMSG_CTL_RETRY);
	memcpy(&m, rig_asked[0].data, sizeof(m));
	assert_string_equal(m.name, "hub");

	rig_begin(QUEUE, 1);
	rig_refuse(IMSG_CTL_RETRY, HOSTILE ": does not wait");
	rig_field("retry", HOSTILE);
	change_queue(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_valid();
	rig_has("<p class=\"note bad\">" HOSTILE_TEXT ": does not wait</p>");

	memset(long_name, 'a', sizeof(long_name) - 1);
	rig_begin(QUEUE, 1);
	rig_field("retry", long_name);
	change_queue(&rig);
	assert_int_equal(rig.answer.status, 400);
	rig_begin(QUEUE, 1);
	change_queue(&rig);
	assert_int_equal(rig.answer.status, 400);
	assert_int_equal(rig_nasked, 0);
}

/* One of each kind that there may be in quarantine. */
static void
three(const char *string)
{
	struct ctl_queued	 m = waiting(12, "");

	m.state = QUEUE_QUARANTINED;
	strlcpy(m.status, string, sizeof(m.status));
	strlcpy(m.sender, string, sizeof(m.sender));
	strlcpy(m.recipient, string, sizeof(m.recipient));
	strlcpy(m.record, string, sizeof(m.record));
	queued(IMSG_CTL_QUARANTINE, &m);
	m.id = 0;
	strlcpy(m.uid, string, sizeof(m.uid));
	queued(IMSG_CTL_QUARANTINE, &m);
	memset(&m, 0, sizeof(m));
	m.state = QUEUE_QUARANTINED;
	strlcpy(m.file, string, sizeof(m.file));
	queued(IMSG_CTL_QUARANTINE, &m);
}

static void
test_quarantine(void **state)
{
	(void)state;
	rig_begin(QUARANTINE, 0);
	three("a.b");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 200);
	rig_valid();
	asked(QUARANTINE_LIST);
	rig_has("<dt>Number</dt><dd>12</dd>");
	rig_has("<dt>Number</dt><dd>3-a.b</dd>\n<dt>What</dt><dd>a message that is still on its server");
	rig_has("<dt>Number</dt><dd>aside/a.b</dd>\n<dt>What</dt><dd>a file of the spool that belongs to nobody");
	assert_int_equal(rig_count("Show</button>"), 2);
	assert_int_equal(rig_count("Drop</button>"), 3);
	assert_int_equal(rig_count("Release</button>"), 3);
	assert_int_equal(rig_count(" name=\"to\""), 3);
	/* Nothing is dropped by a button that is pressed here. */
	assert_int_equal(rig_count("<form method=\"get\" action=\"/mail/admin/quarantine\">"
	    "<input type=\"hidden\" name=\"drop\""), 4);
	assert_int_equal(rig_count("name=\"drop\""), 4);
	rig_has("<input type=\"hidden\" name=\"release\" value=\"3-a.b\">");
}

/* Who does not administer the server looks. */
static void
test_quarantine_domain(void **state)
{
	(void)state;
	rig_begin(QUARANTINE, 0);
	rig.me.rights = WEB_DOMAIN_ADMIN;
	three("a.b");
	show_quarantine(&rig);
	rig_valid();
	rig_has("<dt>Number</dt><dd>12</dd>");
	rig_lacks("<button");
}

static void
test_quarantine_empty(void **state)
{
	(void)state;
	rig_begin(QUARANTINE, 0);
	show_quarantine(&rig);
	rig_valid();
	rig_has("Nothing is in quarantine.");
	rig_begin(QUARANTINE, 0);
	rig_refuse(IMSG_CTL_QUARANTINE, "not now");
	show_quarantine(&rig);
	rig_valid();
	assert_int_equal(rig.answer.status, 503);
	rig_has("not now");
}

static void
test_hostile(void **state)
{
	struct ctl_queued	 m;

	(void)state;
	rig_begin(QUARANTINE, 0);
	three(HOSTILE);
	show_quarantine(&rig);
	rig_valid();
	rig_lacks("<script");
	rig_has("name=\"release\" value=\"aside/" HOSTILE_TEXT "\">");
	rig_has("<dt>From</dt><dd>" HOSTILE_TEXT "</dd>");
	rig_has("<dt>Record</dt><dd>" HOSTILE_TEXT "</dd>");
	rig_has("<section class=\"box\" aria-label=\"aside/" HOSTILE_TEXT "\">");
	rig_begin(QUEUE, 0);
	m = waiting(1, HOSTILE);
	strlcpy(m.status, HOSTILE, sizeof(m.status));
	queued(IMSG_CTL_QUEUE, &m);
	show_queue(&rig);
	rig_valid();
	rig_lacks("<script");
	rig_has("name=\"retry\" value=\"" HOSTILE_TEXT "\">");
	/* What is no string at all. */
	rig_begin(QUEUE, 0);
	memset(m.status, 'a', sizeof(m.status));
	queued(IMSG_CTL_QUEUE, &m);
	show_queue(&rig);
	rig_valid();
	assert_int_equal(rig.answer.status, 503);
	rig_begin(QUEUE, 0);
	rig_item(IMSG_CTL_QUEUE, IMSG_CTL_LINE, &m, sizeof(struct ctl_text), -1);
	show_queue(&rig);
	assert_int_equal(rig.answer.status, 503);
}

static void
test_release(void **state)
{
	struct ctl_quarantine	 m;

	(void)state;
	rig_begin(QUARANTINE, 1);
	rig_ok("12: delivered");
	rig_field("release", "12");
	rig_field("to", "");
	change_quarantine(&rig);
	assert_int_equal(rig.answer.status, 303);
	assert_string_equal(rig.answer.location, "/mail/admin/quarantine");
	assert_string_equal(rig.said, "12: delivered");
	m = asked(QUARANTINE_RELEASE);
	assert_int_equal(m.id, 12);
	assert_int_equal(m.mailbox, 0);
	assert_string_equal(m.to, "");

	rig_begin(QUARANTINE, 1);
	rig_field("release", "3-u-i-d");
	rig_field("to", " carl@example.org ");
	change_quarantine(&rig);
	m = asked(QUARANTINE_RELEASE);
	assert_int_equal(m.id, 0);
	assert_int_equal(m.mailbox, 3);
	assert_string_equal(m.uid, "u-i-d");
	assert_string_equal(m.to, "carl@example.org");

	rig_begin(QUARANTINE, 1);
	rig_field("release", "aside/a-b");
	change_quarantine(&rig);
	m = asked(QUARANTINE_RELEASE);
	assert_int_equal(m.id, 0);
	assert_int_equal(m.mailbox, 0);
	assert_string_equal(m.file, "a-b");

	rig_begin(QUARANTINE, 1);
	rig_field("release", "all");
	change_quarantine(&rig);
	m = asked(QUARANTINE_RELEASE);
	assert_int_equal(m.id, 0);
	assert_int_equal(m.mailbox, 0);
	assert_string_equal(m.file, "");
}

static void
test_drop(void **state)
{
	struct ctl_quarantine	 m;

	(void)state;
	rig_begin(QUARANTINE, 0);
	rig_field("drop", "12");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_int_equal(rig_nasked, 0);
	rig_valid();
	rig_has("The message 12 is removed for good.");
	rig_has("<form method=\"post\" action=\"/mail/admin/quarantine\">");
	rig_has("<input type=\"hidden\" name=\"drop\" value=\"12\">");
	rig_has("<a class=\"button\" href=\"/mail/admin/quarantine\">Keep it</a>");

	rig_begin(QUARANTINE, 1);
	rig_field("drop", "12");
	change_quarantine(&rig);
	assert_int_equal(rig.answer.status, 303);
	m = asked(QUARANTINE_DROP);
	assert_int_equal(m.id, 12);

	rig_begin(QUARANTINE, 0);
	rig_field("drop", "3-" HOSTILE);
	show_quarantine(&rig);
	rig_valid();
	rig_has("The message 3-" HOSTILE_TEXT " is not retrieved any more");
	rig_begin(QUARANTINE, 0);
	rig_field("drop", "aside/" HOSTILE);
	show_quarantine(&rig);
	rig_valid();
	rig_has("The message aside/" HOSTILE_TEXT " is removed for good.");
	rig_begin(QUARANTINE, 0);
	rig_field("drop", "all");
	show_quarantine(&rig);
	rig_valid();
	rig_has("Everything in quarantine is removed for good");
}

/* What names nothing asks for nothing: above all not for everything. */
static void
test_names(void **state)
{
	static const char *const	 wrong[] = { "", "0", "-1", "1x", " ", "x-1", "0-u", "3-", "aside/",
	    "99999999999999999999", "al", "all ", "1 2" };
	static char			 name[400];
	struct ctl_quarantine		 m;
	size_t				 i;

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	memcpy(name, "aside/", 6);
	for (i = 0; i <= nitems(wrong); i++) {
		memset(&m, 0, sizeof(m));
		assert_int_equal(queued_parse(i < nitems(wrong) ? wrong[i] : name, &m), -1);
		rig_begin(QUARANTINE, 1);
		rig_field(i % 2 ? "drop" : "release", i < nitems(wrong) ? wrong[i] : name);
		change_quarantine(&rig);
		assert_int_equal(rig.answer.status, 422);
		rig_has("There is nothing of that number.");
		rig_valid();
		asked(QUARANTINE_LIST);
		assert_int_equal(rig_nasked, 1);
		rig_begin(QUARANTINE, 0);
		rig_field("drop", i < nitems(wrong) ? wrong[i] : name);
		show_quarantine(&rig);
		assert_int_equal(rig.answer.status, 404);
		rig_begin(MESSAGE, 0);
		rig_field("id", i < nitems(wrong) ? wrong[i] : name);
		show_quarantine(&rig);
		assert_int_equal(rig.answer.status, 404);
		assert_int_equal(rig_nasked, 0);
	}
	rig_begin(QUARANTINE, 1);
	rig_field("drop", "1");
	rig_field("release", "1");
	change_quarantine(&rig);
	assert_int_equal(rig.answer.status, 400);
	rig_begin(QUARANTINE, 1);
	change_quarantine(&rig);
	assert_int_equal(rig.answer.status, 400);
	rig_begin(QUARANTINE, 1);
	rig_field("release", "1");
	rig_field("to", name);
	change_quarantine(&rig);
	assert_int_equal(rig.answer.status, 422);
	rig_has("That is no address: it is too long.");
	assert_int_equal(rig_nasked, 1);
	rig_begin(MESSAGE, 0);
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 404);
	/* Neither all of them at once nor one on its server can be shown. */
	rig_begin(MESSAGE, 0);
	rig_field("id", "all");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 404);
	rig_begin(MESSAGE, 0);
	rig_field("id", "3-uid");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 404);
	assert_int_equal(rig_nasked, 0);
}

/* A message of so many octets behind the text, as the daemon hands it out. */
static void
message(const char *mail, size_t more)
{
	struct ctl_text	 line;
	char		 name[] = "/tmp/test_queue.XXXXXX", block[4096];
	size_t		 n;
	int		 fd = mkstemp(name);

	assert_true(fd != -1);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(fd, mail, strlen(mail)), strlen(mail));
	memset(block, 'x', sizeof(block));
	for (; more > 0; more -= n) {
		n = more < sizeof(block) ? more : sizeof(block);
		assert_int_equal(write(fd, block, n), n);
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	memset(&line, 0, sizeof(line));
	rig_begin(MESSAGE, 0);
	rig_field("id", "12");
	rig_item(IMSG_CTL_QUARANTINE, IMSG_CTL_LINE, &line, sizeof(line), fd);
	show_quarantine(&rig);
}

static void
test_message(void **state)
{
	static const char		 rest[] = "\n[The message is longer than that; rpopctl quarantine show has all of it.]\n";
	static const size_t		 fits[] = { 0, 1, 16382, 16383, 1048575, 1048574 };
	static const size_t		 over[] = { 1048576, 1048577, 1100000, 5000000 };
	struct ctl_quarantine		 m;
	size_t				 i;

	(void)state;
	message("From: a\r\n\r\n<script>alert(1)</script>\033[2J\tx\177\n", 0);
	assert_int_equal(rig.answer.status, 200);
	assert_string_equal(rig.answer.type, "text/plain; charset=utf-8");
	assert_string_equal(rig_page(), "From: a\r\n\r\n<script>alert(1)</script>?[2J\tx?\n");
	m = asked(QUARANTINE_SHOW);
	assert_int_equal(m.id, 12);
	for (i = 0; i < nitems(fits); i++) {
		message("y", fits[i]);
		assert_int_equal(buf_len(&rig.answer.body), fits[i] + 1);
		rig_lacks("longer than that");
		assert_int_equal(rig.answer.full, 0);
	}
	for (i = 0; i < nitems(over); i++) {
		message("y", over[i]);
		assert_int_equal(buf_len(&rig.answer.body), 1048576 + strlen(rest));
		rig_has(rest);
	}
}

static void
test_message_gone(void **state)
{
	struct ctl_text	 line;

	(void)state;
	rig_begin(MESSAGE, 0);
	rig_field("id", "12");
	rig_refuse(IMSG_CTL_QUARANTINE, "12: no such message in the queue or the quarantine");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 404);
	assert_string_equal(rig.answer.type, "text/html; charset=utf-8");
	rig_has("12: no such message");
	memset(&line, 0, sizeof(line));
	rig_begin(MESSAGE, 0);
	rig_field("id", "12");
	rig_item(IMSG_CTL_QUARANTINE, IMSG_CTL_LINE, &line, sizeof(line), -1);
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 503);
	rig_begin(MESSAGE, 0);
	rig_field("id", "12");
	show_quarantine(&rig);
	assert_int_equal(rig.answer.status, 503);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_queue), cmocka_unit_test(test_queue_empty), cmocka_unit_test(test_queue_many),
		cmocka_unit_test(test_retry), cmocka_unit_test(test_quarantine), cmocka_unit_test(test_quarantine_domain),
		cmocka_unit_test(test_quarantine_empty), cmocka_unit_test(test_hostile), cmocka_unit_test(test_release),
		cmocka_unit_test(test_drop), cmocka_unit_test(test_names), cmocka_unit_test(test_message),
		cmocka_unit_test(test_message_gone)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
