/* SPDX-License-Identifier: ISC */
/* links: web/status.c regress/unit/web/adminrig.c regress/unit/web/htmlcheck.c */
/* The page of the daemon's state: what stands first, what is told of records, to whom. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adminrig.h"
#include "common/log.h"

#define STATUS	"/admin/status"

static struct ctl_daemon	 d;

/* A daemon where everything works. */
static void
well(void)
{
	rig_begin(STATUS, 0);
	memset(&d, 0, sizeof(d));
	d.started = 1000;
	d.loaded = 2000;
	d.records = 2;
	d.enabled = 1;
	d.processors = 100;
	d.log_level = LOG_LEVEL_PROBLEMS;
	strlcpy(d.version, "9.9", sizeof(d.version));
}

static void
told(void)
{
	rig_item(IMSG_CTL_STATUS, IMSG_CTL_DAEMON, &d, sizeof(d), -1);
}

static struct ctl_record
record(const char *account, const char *name)
{
	struct ctl_record	 r;

	memset(&r, 0, sizeof(r));
	strlcpy(r.account, account, sizeof(r.account));
	strlcpy(r.name, name, sizeof(r.name));
	strlcpy(r.host, "pop.example.net", sizeof(r.host));
	strlcpy(r.mode, "owner", sizeof(r.mode));
	strlcpy(r.state, "idle", sizeof(r.state));
	r.port = 995;
	r.tls = TLS_MODE_TLS;
	r.last_success = 3000;
	r.next_poll = 4000;
	r.messages = 55;
	r.kept = 6;
	return (r);
}

static void
add(uint32_t request, const struct ctl_record *r)
{
	rig_item(request, IMSG_CTL_RECORD, r, sizeof(*r), -1);
}

/* Whether one string is ahead of another. */
static void
ahead(const char *a, const char *b)
{
	rig_has(a);
	rig_has(b);
	assert_true(strstr(rig_page(), a) < strstr(rig_page(), b));
}

static void
test_well(void **state)
{
	struct ctl_record	 r = record("anna+x@example.org", "first");

	(void)state;
	well();
	told();
	add(IMSG_CTL_STATUS, &r);
	show_status(&rig);
	assert_int_equal(rig.answer.status, 200);
	assert_int_equal(rig_nasked, 1);
	rig_valid();
	rig_has("<p class=\"note good\">The daemon works.</p>");
	assert_int_equal(rig_count("class=\"note"), 1);
	rig_lacks("class=\"box\"");
	rig_lacks("want a look");
	rig_lacks("Mail programs");
	rig_has("<dt>Held</dt><dd>nothing</dd>");
	rig_has("<dt>Records</dt><dd>2, 1 of them enabled</dd>");
	rig_has(", log level problems</dd>");
	rig_has("<h2 id=\"fine\">Records (1)</h2>");
	rig_has("<tr><td class=\"long\"><a href=\"/mail/admin/records?account=anna%2Bx@example.org\">"
	    "anna+x@example.org/first</a></td><td><time datetime=\"x\">@3000</time></td><td><time datetime=\"x\">@4000</time></td>"
	    "<td>pop.example.net</td><td class=\"num\">55</td><td class=\"num\">6</td></tr>");
}

/* Each kind of trouble is a sentence ahead of everything else. */
static void
test_trouble(void **state)
{
	static const char *const	 sentences[] = {
		"Nothing is polled: the mail root is gone", "Nothing is polled: processors is 0.", "Maildir of anna: read-only",
		"Logins fail: no process", "The last reload was refused: rpop: bad row",
		"Some sockets for mail programs do not work.",
		"Listener *:110: address in use", "Listener *:995: no certificate", "Files of the spool belong to nobody",
		"rpopd.db was changed since it was loaded"
	};
	size_t	 i;

	(void)state;
	well();
	strlcpy(d.mail_root_error, "the mail root is gone", sizeof(d.mail_root_error));
	d.processors = 0;
	d.blocked_maildirs = 1;
	strlcpy(d.blocked_maildir, "Maildir of anna: read-only", sizeof(d.blocked_maildir));
	strlcpy(d.password_error, "no process", sizeof(d.password_error));
	strlcpy(d.load_error, "rpop: bad row", sizeof(d.load_error));
	d.not_listening = 1;
	strlcpy(d.listener_trouble, "*:110: address in use\n*:995: no certificate\n", sizeof(d.listener_trouble));
	d.unknown_files = 1;
	d.config_changed = 1;
	d.waiting = 11;
	d.quarantined = 12;
	d.aside = 13;
	d.suspects = 15;
	d.reports = 14;
	d.oversize = 16;
	told();
	show_status(&rig);
	rig_valid();
	for (i = 0; i < nitems(sentences); i++)
		ahead(sentences[i], "<h2>Daemon</h2>");
	assert_int_equal(rig_count("class=\"note"), nitems(sentences));
	rig_lacks("The daemon works");
	rig_has("<a href=\"/mail/admin/queue\">11 waiting for a next hop</a>, "
	    "<a href=\"/mail/admin/queue\">14 with a report that is due</a>, "
	    "<a href=\"/mail/admin/quarantine\">12 in quarantine</a>, "
	    "<a href=\"/mail/admin/quarantine\">13 set aside</a>, "
	    "2 at which a session failed, 16 over the size that is retrieved");
	rig_has("There are no records.");
}

/* Records that failed stand ahead of the others. */
static void
test_records(void **state)
{
	struct ctl_record	 r = record("anna@example.org", "good");

	(void)state;
	well();
	told();
	add(IMSG_CTL_STATUS, &r);
	strlcpy(r.name, "bad", sizeof(r.name));
	strlcpy(r.last_error, "the password is wrong", sizeof(r.last_error));
	strlcpy(r.state, "host-delay", sizeof(r.state));
	r.failures = 3;
	r.port = 1995;
	add(IMSG_CTL_STATUS, &r);
	r = record("anna@example.org", "lost");
	r.aside = 2;
	r.refused = 1;
	r.unfound = 20;
	strlcpy(r.mode, "X-Real-To", sizeof(r.mode));
	strlcpy(r.state, "retr", sizeof(r.state));
	r.planned = 50;
	r.fetched = 7;
	add(IMSG_CTL_STATUS, &r);
	r = record("anna@example.org", "new");
	r.last_success = 0;
	r.tls = TLS_MODE_NONE;
	r.port = 110;
	add(IMSG_CTL_STATUS, &r);
	show_status(&rig);
	rig_valid();
	rig_has("<h2>Records that want a look (2)</h2>");
	rig_has("<h2 id=\"fine\">Other records (2)</h2>");
	ahead("anna@example.org/bad<", "<h2>Daemon</h2>");
	ahead("<h2>Daemon</h2>", "anna@example.org/good<");
	assert_int_equal(rig_count("<section class=\"box\">"), 2);
	rig_has("<dt>Host</dt><dd>pop.example.net:1995</dd>");
	rig_has("<dt>Next</dt><dd>host-delay <span class=\"dim\">(its host failed, and is tried again)</span> ");
	rig_has("<span class=\"ill\">failed</span>: the password is wrong, 3 failures in a row</dd>");
	rig_has("<dt>Next</dt><dd>retr<br>7 of 50 messages</dd>");
	rig_has(", 1 not given by the server, 2 set aside, the last 20 messages have no field X-Real-To</dd>");
	rig_has("<td>never</td>");
	rig_lacks("pop.example.net:110");
}

static void
test_many(void **state)
{
	struct ctl_record	 r;
	char			 name[32];
	int			 i;

	(void)state;
	well();
	told();
	for (i = 0; i < 1200; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		r = record("anna@example.org", name);
		if (i % 2 == 0)
			strlcpy(r.last_error, "no", sizeof(r.last_error));
		add(IMSG_CTL_STATUS, &r);
	}
	show_status(&rig);
	rig_valid();
	rig_has("Records that want a look (600)");
	assert_int_equal(rig_count("<p>And 100 more, "), 2);
	assert_int_equal(rig_count("<section class=\"box\">"), 500);
}

/* Sessions of mail programs, what they did, and a daemon that does not tell them. */
static void
test_readers(void **state)
{
	struct ctl_reader	 m;
	int			 refused;

	(void)state;
	for (refused = 0; refused < 2; refused++) {
		well();
		d.readers = 2;
		d.readers_most = 100;
		d.listening = 3;
		d.connections = 7;
		d.logins = 5;
		d.read_octets = 1234567;
		d.turned_blocked = 9;
		told();
		memset(&m, 0, sizeof(m));
		m.since = 5000;
		strlcpy(m.state, "greeted", sizeof(m.state));
		strlcpy(m.client, "192.0.2.1", sizeof(m.client));
		rig_item(IMSG_CTL_WHO, IMSG_CTL_READER, &m, sizeof(m), -1);
		m.tls = 1;
		strlcpy(m.account, HOSTILE, sizeof(m.account));
		strlcpy(m.mailbox, "INBOX", sizeof(m.mailbox));
		strlcpy(m.tls_version, "TLSv1.3", sizeof(m.tls_version));
		rig_item(IMSG_CTL_WHO, IMSG_CTL_READER, &m, sizeof(m), -1);
		if (refused)
			rig_refuse(IMSG_CTL_WHO, "nobody may ask for that");
		show_status(&rig);
		assert_int_equal(rig.answer.status, 200);
		rig_valid();
		rig_has("<dt>Mail programs</dt><dd>2 of at most 100, 0 at once so far, sockets 3</dd>");
		rig_has("messages 0, 1.2 MB; looked at 0");
		rig_has("of an address 0, for failed logins 9</dd>");
		if (refused) {
			rig_lacks("192.0.2.1");
			rig_lacks("nobody may ask");
			continue;
		}
		rig_has("<h2 id=\"readers\">Mail programs (2)</h2>");
		rig_has("<td>nobody yet</td><td>greeted</td><td>192.0.2.1</td><td>in clear</td>");
		rig_has("<td>" HOSTILE_TEXT "</td><td>INBOX</td><td>192.0.2.1</td><td>TLSv1.3 </td>");
	}
}

/* Whatever a session says of itself is text. */
static void
test_readers_hostile(void **state)
{
	struct ctl_reader	 m;

	(void)state;
	well();
	d.readers = 1;
	told();
	memset(&m, 0, sizeof(m));
	strlcpy(m.account, HOSTILE, sizeof(m.account));
	strlcpy(m.mailbox, HOSTILE, sizeof(m.mailbox));
	strlcpy(m.client, HOSTILE, sizeof(m.client));
	strlcpy(m.tls_version, "<i>\"&", sizeof(m.tls_version));
	strlcpy(m.cipher, HOSTILE, sizeof(m.cipher));
	rig_item(IMSG_CTL_WHO, IMSG_CTL_READER, &m, sizeof(m), -1);
	m.mailbox[0] = '\0';
	strlcpy(m.state, "<i>\"&", sizeof(m.state));
	rig_item(IMSG_CTL_WHO, IMSG_CTL_READER, &m, sizeof(m), -1);
	show_status(&rig);
	rig_valid();
	rig_lacks("<script");
	rig_has("<td>&lt;i&gt;&quot;&amp;</td><td>" HOSTILE_TEXT "</td>");
	rig_has("<td>&lt;i&gt;&quot;&amp; " HOSTILE_TEXT "</td>");
}

/* An administrator of a domain gets the records of its accounts, asked for each account once. */
static void
test_domain(void **state)
{
	struct ctl_record	 r = record("bob@example.org", "second");
	struct ctl_name		 m;

	(void)state;
	rig_begin(STATUS, 0);
	rig.me.rights = WEB_DOMAIN_ADMIN;
	rig_row("rpop", "account", "anna@example.org", "name", "a", NULL);
	rig_row("rpop", "account", "anna@example.org", "name", "b", NULL);
	rig_row("rpop", "account", "bob@example.org", "name", "second", NULL);
	add(IMSG_CTL_ACCOUNT, &r);
	show_status(&rig);
	assert_int_equal(rig.answer.status, 200);
	rig_valid();
	assert_int_equal(rig_nasked, 2);
	assert_int_equal(rig_asked[1].type, IMSG_CTL_ACCOUNT);
	memcpy(&m, rig_asked[1].data, sizeof(m));
	assert_string_equal(m.name, "bob@example.org");
	rig_has("bob@example.org/second");
	rig_lacks("Daemon");
	rig_lacks("works");
}

static void
test_refused(void **state)
{
	struct ctl_record	 r;

	(void)state;
	well();
	rig_refuse(IMSG_CTL_STATUS, HOSTILE);
	show_status(&rig);
	assert_int_equal(rig.answer.status, 503);
	rig_valid();
	rig_has("<p class=\"note bad\">" HOSTILE_TEXT "</p>");
	rig_lacks("works");
	/* What is no string. */
	well();
	memset(d.version, 'a', sizeof(d.version));
	told();
	show_status(&rig);
	assert_int_equal(rig.answer.status, 503);
	well();
	told();
	r = record("anna@example.org", "x");
	memset(r.last_error, 'a', sizeof(r.last_error));
	add(IMSG_CTL_STATUS, &r);
	show_status(&rig);
	assert_int_equal(rig.answer.status, 503);
}

static void
test_hostile(void **state)
{
	struct ctl_record	 r = record("a" HOSTILE "%@example.org", HOSTILE);

	(void)state;
	well();
	strlcpy(d.version, "<b>&", sizeof(d.version));
	strlcpy(d.load_error, HOSTILE, sizeof(d.load_error));
	strlcpy(d.mail_root_error, HOSTILE, sizeof(d.mail_root_error));
	strlcpy(d.password_error, HOSTILE, sizeof(d.password_error));
	strlcpy(d.listener_trouble, HOSTILE "\n" HOSTILE, sizeof(d.listener_trouble));
	d.blocked_maildirs = 2;
	memset(d.blocked_maildir, '<', sizeof(d.blocked_maildir) - 1);
	told();
	strlcpy(r.host, HOSTILE, sizeof(r.host));
	strlcpy(r.mode, HOSTILE, sizeof(r.mode));
	strlcpy(r.state, "<i>\"&", sizeof(r.state));
	strlcpy(r.last_error, HOSTILE, sizeof(r.last_error));
	r.unfound = 99;
	add(IMSG_CTL_STATUS, &r);
	show_status(&rig);
	rig_valid();
	rig_lacks("<script");
	rig_has("account=a%22%27%3E%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26amp%3B%3Cb%25@example.org\">");
	rig_has("Listener " HOSTILE_TEXT);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_well), cmocka_unit_test(test_trouble), cmocka_unit_test(test_records),
		cmocka_unit_test(test_many), cmocka_unit_test(test_readers), cmocka_unit_test(test_readers_hostile),
		cmocka_unit_test(test_domain), cmocka_unit_test(test_refused), cmocka_unit_test(test_hostile)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
