/* SPDX-License-Identifier: ISC */
/* links: rpopctl rpopctl/import */
/* rpopctl's command line, texts, table and JSON. */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "rpopctl/rpopctl.h"

#define NOW	1700000000	/* 2023-11-14 22:13:20 UTC */

static char	*output;
static size_t	 outputlen;

static FILE *
capture(void)
{
	free(output);
	output = NULL;
	return (open_memstream(&output, &outputlen));
}

static int
parse(struct request *req, char *err, ...)
{
	static char	*argv[8];		/* the request points to it */
	int	 argc = 0;
	va_list	 ap;

	va_start(ap, err);
	while ((argv[argc] = va_arg(ap, char *)) != NULL)
		argc++;
	va_end(ap);
	return (command_parse(argc, argv, req, err, 512));
}

/* n messages of a kind are in the reply. */
static void
put(struct reply *rep, uint32_t type, void *v, size_t n)
{
	struct items	*items = (struct items *)(uintptr_t)reply_items(rep, type);

	items->v = v;
	items->n = n;
}

/* What people, or with json programs, get to see of an answer is in output. */
static void
show(const struct request *req, const struct reply *rep, int width, int json)
{
	struct out	 o = { .fp = capture(), .width = width, .now = NOW };

	if (json)
		json_reply(o.fp, req, rep);
	else
		print_reply(&o, req, rep);
	fclose(o.fp);
}

static void
commands_by_prefix(void **state __unused)
{
	struct request	 req;
	char		 err[512];

	assert_int_equal(parse(&req, err, NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_STATUS);
	assert_int_equal(req.listing, 1);
	assert_int_equal(req.len, 0);
	assert_int_equal(parse(&req, err, "sta", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_STATUS);
	assert_int_equal(parse(&req, err, "sto", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_STOP);
	assert_int_equal(req.listing, 0);
	assert_int_equal(parse(&req, err, "rel", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_RELOAD);
	assert_int_equal(parse(&req, err, "ren", "s", "anna@example.org/work", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_RENUMBER);
	assert_int_equal(req.len, sizeof(req.u.renumber));
	assert_int_equal(req.u.renumber.seen, 1);
	assert_string_equal(req.u.renumber.name, "anna@example.org/work");
	assert_int_equal(parse(&req, err, "ren", "r", "anna@example.org/work", NULL), 0);
	assert_int_equal(req.u.renumber.seen, 0);
	assert_int_equal(parse(&req, err, "lo", "a", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_LOG_LEVEL);
	assert_int_equal(req.len, sizeof(uint32_t));
	assert_int_equal(req.u.level, LOG_LEVEL_ALL);
	assert_int_equal(parse(&req, err, "log", "crashes", NULL), 0);
	assert_int_equal(req.u.level, LOG_LEVEL_CRASHES);
	assert_int_equal(parse(&req, err, "log", "verbose", NULL), -1);
	assert_int_equal(parse(&req, err, "sh", "a", "anna@example.org", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_ACCOUNT);
	assert_int_equal(req.len, sizeof(struct ctl_name));
	assert_string_equal(req.u.name.name, "anna@example.org");
	assert_int_equal(parse(&req, err, "po", "all", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_POLL);
	assert_string_equal(req.u.name.name, "all");
}

static void
commands_refused(void **state __unused)
{
	struct request	 req;
	char		 err[512], longname[PROTO_RECORD_SIZE + 1];

	assert_int_equal(parse(&req, err, "st", NULL), -1);
	assert_string_equal(err, "st: could be status, stop");
	assert_int_equal(parse(&req, err, "s", NULL), -1);
	assert_string_equal(err, "s: could be schedule, setting, show, status, stop");
	assert_int_equal(parse(&req, err, "", NULL), -1);
	assert_int_equal(parse(&req, err, "stopp", NULL), -1);
	assert_string_equal(err, "stopp: unknown command; one of access, account, administrator, alert, backup, certificate, client, domain, explain, "
	    "export, find, forget, import, init, listener, log, nexthop, oauth, poll, providers, quarantine, queue, record, reload, "
	    "renumbered, route, schedule, "
	    "setting, show, "
	    "status, stop, top, try, who");
	assert_int_equal(parse(&req, err, "a\033[2J", NULL), -1);
	assert_null(strchr(err, '\033'));
	assert_int_equal(parse(&req, err, "show", NULL), -1);
	assert_string_equal(err, "show: what? one of account");
	assert_int_equal(parse(&req, err, "poll", NULL), -1);
	assert_string_equal(err, "poll: NAME|all missing");
	assert_int_equal(parse(&req, err, "poll", "", NULL), -1);
	assert_int_equal(parse(&req, err, "poll", "all", "now", NULL), -1);
	assert_string_equal(err, "poll: too many arguments");
	memset(longname, 'a', sizeof(longname) - 1);
	longname[sizeof(longname) - 1] = '\0';
	assert_int_equal(parse(&req, err, "poll", longname, NULL), -1);
	longname[sizeof(longname) - 2] = '\0';
	assert_int_equal(parse(&req, err, "poll", longname, NULL), 0);
}

/* -j and -s count wherever they stand, an argument may look like an option behind "--", and an option that is none is an error. */
static void
commands_options(void **state __unused)
{
	char		*words[] = { "explain", "-j", "--", "anna@example.org/isp", "-s", NULL }, *missing[] = { "status", "-s", NULL };
	char		*behind[] = { "explain", "anna@example.org/isp", "-s", "/run/sock", "--", "-j", NULL };
	struct request	 req;
	const char	*path = "usual";
	char		 err[512];
	int		 argc = 5, json = 0;

	assert_int_equal(command_options(&argc, words, &json, &path), 0);
	assert_int_equal(argc, 4);
	assert_int_equal(json, 1);
	assert_string_equal(path, "usual");
	assert_int_equal(command_parse(argc, words, &req, err, sizeof(err)), 0);
	assert_string_equal(req.u.explain.name, "anna@example.org/isp");
	assert_string_equal(req.u.explain.uid, "-s");

	argc = 6;
	json = 0;
	assert_int_equal(command_options(&argc, behind, &json, &path), 0);
	assert_int_equal(json, 0);
	assert_string_equal(path, "/run/sock");
	assert_int_equal(command_parse(argc, behind, &req, err, sizeof(err)), 0);
	assert_string_equal(req.u.explain.name, "anna@example.org/isp");
	assert_string_equal(req.u.explain.uid, "-j");

	argc = 2;
	assert_int_equal(command_options(&argc, missing, &json, &path), -1);
	assert_int_equal(parse(&req, err, "route", "-x", NULL), -1);
	assert_string_equal(err, "route: no option -x; '--' goes ahead of an argument that begins with '-'");
	assert_int_equal(parse(&req, err, "route", "-", NULL), 0);
}

/* A command that is one request without options makes its requests itself with one; what is behind "--" is none. */
static void
commands_of_their_own(void **state __unused)
{
	struct request	 req;
	char		 err[512];

	assert_int_equal(parse(&req, err, "stat", "--failing", NULL), 0);
	assert_true(req.run == failing_run);
	assert_int_equal(req.argc, 2);
	assert_string_equal(req.argv[0], "stat");
	assert_string_equal(req.argv[1], "--failing");
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	assert_null(req.run);
	assert_int_equal(parse(&req, err, "status", "--", "--failing", NULL), -1);
	assert_string_equal(err, "status: too many arguments");
}

/* Messages are shown as they are in a file, and without what a terminal would obey: ESC, and CSI in one octet or as UTF-8. */
static void
message_shown(void **state __unused)
{
	static const char	 mail[] = "A: b\r\n\n\tx\033[2J\233[2J\302\233[2J\177";
	struct out		 o = { .width = 0 };
	int			 fds[2], width;

	for (width = 0; width <= 80; width += 80) {
		assert_int_equal(pipe(fds), 0);
		assert_int_equal(write(fds[1], mail, sizeof(mail) - 1), sizeof(mail) - 1);
		close(fds[1]);
		o.fp = capture();
		o.width = width;
		assert_int_equal(print_mail(&o, fds[0]), 0);
		fclose(o.fp);
		close(fds[0]);
		assert_string_equal(output, width == 0 ? mail : "A: b?\n\n\tx?[2J?[2J??[2J?");
	}
}

/* JSON of a message that comes in parts of n octets: lines of any length, empty ones, characters across parts, half a character. */
static void
message_in_json(void **state __unused)
{
	static const char	 mail[] = "A: \"b\"\r\n\n\xc3\xa4\xf0\x9f\x93\xac\x1b\xc3\n\xe2\x82\xac \xf0\x9f\n-\xc3";
	FILE			*fp;
	size_t			 n, i;
	int			 fds[2];

	for (n = 1; n <= sizeof(mail); n++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
		for (i = 0; i < sizeof(mail) - 1; i += n)
			assert_true(write(fds[1], mail + i, i + n < sizeof(mail) - 1 ? n : sizeof(mail) - 1 - i) > 0);
		close(fds[1]);
		fp = capture();
		assert_int_equal(json_mail(fp, fds[0]), 0);
		fclose(fp);
		close(fds[0]);
		assert_string_equal(output, "{\"ok\":true,\"lines\":[\"A: \\\"b\\\"\\u000d\",\"\",\"\xc3\xa4\xf0\x9f\x93\xac\\u001b\\ufffd\","
		    "\"\xe2\x82\xac \\ufffd\\ufffd\",\"-\\ufffd\"]}\n");
	}
	assert_int_equal(pipe(fds), 0);
	close(fds[1]);
	fp = capture();
	assert_int_equal(json_mail(fp, fds[0]), 0);
	assert_int_equal(json_mail(fp, fds[1]), -1);
	fclose(fp);
	close(fds[0]);
	assert_memory_equal(output, "{\"ok\":true,\"lines\":[]}\n", 23);
}

/* Whatever lies on the stack. */
static void
queue_in_json(void **state __unused)
{
	struct ctl_queued	 row = { .id = 7, .mailbox = 3, .arrived = NOW, .next = NOW + 60, .uid = "u1", .nexthop = "hop",
	    .recipient = "anna@example.org", .status = "4.2.0 \"later\"" };
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	volatile char		 dirt[4096];
	char			 err[512];
	size_t			 i;

	for (i = 0; i < sizeof(dirt); i++)
		dirt[i] = i % 3 == 0 ? '\0' : 'd';
	assert_int_equal(parse(&req, err, "queue", NULL), 0);
	put(&rep, IMSG_CTL_QUEUED, &row, 1);
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"queue\":[{\"id\":7,\"mailbox\":3,\"tries\":0,\"file\":\"\",\"uid\":\"u1\","
	    "\"state\":\"waiting\","
	    "\"record\":\"\",\"nexthop\":\"hop\",\"recipient\":\"anna@example.org\",\"sender\":\"\",\"status\":\"4.2.0 \\\"later\\\"\","
	    "\"arrived\":\"2023-11-14T22:13:20Z\",\"next\":\"2023-11-14T22:14:20Z\"}]}\n");
}

/* What waits, what is in quarantine, what is set aside on its server or in the spool; and nothing at all. */
static void
queue_of_everything(void **state __unused)
{
	struct ctl_queued	 rows[] = {
		{ .id = 7, .mailbox = 3, .arrived = NOW - 7200, .next = NOW + 60, .tries = 1, .record = "anna@example.org/isp",
		    .uid = "u1", .nexthop = "hop", .recipient = "anna@example.org", .sender = "bert@example.net",
		    .status = "4.2.0 \033 later" },
		{ .id = 8, .state = 1, .arrived = NOW - 60, .tries = 2, .recipient = "x\302\2332J", .uid = "u2" },
		{ .id = 9, .state = QUEUE_WANTED, .recipient = "anna@example.org", .uid = "u3" },
		{ .mailbox = 3, .state = 1, .arrived = NOW - 60, .record = "anna@example.org/isp", .uid = "u4",
		    .status = "three failures" },
		{ .state = 1, .arrived = NOW - 60, .file = "1700000000.M1" }
	};
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	assert_int_equal(parse(&req, err, "quarantine", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "empty\n");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"queue\":[]}\n");
	put(&rep, IMSG_CTL_QUEUED, rows, nitems(rows));
	show(&req, &rep, 0, 0);
	assert_string_equal(output,
	    "7  waiting  anna@example.org  by hop\n"
	    "        from <bert@example.net>, 2 h ago, anna@example.org/isp, tried 1 time, next in 60 s\n"
	    "        4.2.0 \\033 later\n"
	    "8  quarantined  x\\302\\2332J\n"
	    "        from <>, 60 s ago, tried 2 times\n"
	    "9  wanted  anna@example.org\n"
	    "        from <>, never\n"
	    "3-u4  set aside on its server\n"
	    "        60 s ago, anna@example.org/isp\n"
	    "        three failures\n"
	    "aside/1700000000.M1  in the spool, not known to state.db, 60 s ago\n");
	show(&req, &rep, 0, 1);
	assert_non_null(strstr(output, "{\"id\":null,\"mailbox\":3,\"tries\":0,\"file\":\"\",\"uid\":\"u4\",\"state\":\"aside\","));
	assert_non_null(strstr(output, "\"file\":\"1700000000.M1\",\"uid\":\"\",\"state\":\"unknown\",\"record\":\"\","));
	assert_non_null(strstr(output, "\"arrived\":null,\"next\":null}"));
}

static void
json_is(const char *s, size_t len, const char *expected)
{
	FILE	*fp = capture();

	json_string(fp, s, len);
	fclose(fp);
	assert_string_equal(output, expected);
}

static void
json_escapes(void **state __unused)
{
	json_is("plain", 5, "\"plain\"");
	json_is("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	json_is("\n\t\033\x7f", 4, "\"\\u000a\\u0009\\u001b\\u007f\"");
	json_is("\0x", 2, "\"\\u0000x\"");
	json_is("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\xac", 15, "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\xac\"");
	json_is("\xc2\x9b" "2J", 4, "\"\\u009b2J\"");		/* C1 control: CSI */
	json_is("\xff\xfe", 2, "\"\\ufffd\\ufffd\"");
	json_is("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");		/* overlong */
	json_is("\xe0\x9f\xbf", 3, "\"\\ufffd\\ufffd\\ufffd\"");
	json_is("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");	/* surrogate */
	json_is("\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	json_is("\xe2\x82", 2, "\"\\ufffd\\ufffd\"");		/* cut short */
	json_is("\xe2\x82" "a", 3, "\"\\ufffd\\ufffda\"");
}

static void
times(void **state __unused)
{
	char	 b[64];

	assert_string_equal(text_span(b, sizeof(b), 99), "99 s");
	assert_string_equal(text_span(b, sizeof(b), 100), "1 min");
	assert_string_equal(text_span(b, sizeof(b), 3600), "60 min");
	assert_string_equal(text_span(b, sizeof(b), 6000), "1 h");
	assert_string_equal(text_span(b, sizeof(b), 48 * 3600), "2 days");
	assert_string_equal(text_span(b, sizeof(b), -5), "0 s");
	assert_string_equal(text_ago(b, sizeof(b), NOW, 0), "never");
	assert_string_equal(text_ago(b, sizeof(b), NOW, NOW - 30), "30 s ago");
	assert_string_equal(text_ago(b, sizeof(b), NOW, NOW + 30), "just now");
	assert_string_equal(text_until(b, sizeof(b), NOW, 0), "-");
	assert_string_equal(text_until(b, sizeof(b), NOW, NOW), "now");
	assert_string_equal(text_until(b, sizeof(b), NOW, NOW + 35), "in 35 s");
	assert_string_equal(text_utc(b, sizeof(b), NOW), "2023-11-14T22:13:20Z");
	assert_string_equal(text_utc(b, sizeof(b), INT64_MAX), "?");
	assert_string_equal(text_utc(b, sizeof(b), INT64_MIN), "?");
	assert_string_equal(text_local(b, sizeof(b), NOW), "2023-11-14 23:13:20");
	assert_string_equal(text_local(b, sizeof(b), 0), "never");
	assert_string_equal(text_local(b, sizeof(b), INT64_MAX), "?");
}

static void
sizes_and_cuts(void **state __unused)
{
	char	 b[64];

	assert_string_equal(text_number(b, sizeof(b), 0), "0");
	assert_string_equal(text_number(b, sizeof(b), 999), "999");
	assert_string_equal(text_number(b, sizeof(b), 1204), "1,204");
	assert_string_equal(text_number(b, sizeof(b), UINT64_MAX), "18,446,744,073,709,551,615");
	assert_string_equal(text_octets(b, sizeof(b), 999), "999 octets");
	assert_string_equal(text_octets(b, sizeof(b), 1000), "1.0 kB");
	assert_string_equal(text_octets(b, sizeof(b), 999999), "1.0 MB");
	assert_string_equal(text_octets(b, sizeof(b), UINT64_MAX), "18446.7 PB");
	strlcpy(b, "abcdefghij", sizeof(b));
	assert_string_equal(text_cut(b, 0), "abcdefghij");
	assert_string_equal(text_cut(b, 10), "abcdefghij");
	assert_string_equal(text_cut(b, 9), "abcdef...");
	assert_string_equal(text_cut(b, 4), "abcd");
	/* encoded once is encoded twice; nothing a terminal obeys gets through */
	assert_string_equal(text_vis(b, sizeof(b), "a\033[2J\n\x9b\\033"), "a\\033[2J\\012\\233\\033");
	assert_string_equal(text_vis(b, sizeof(b), "a\\033[2J\\012"), "a\\033[2J\\012");
	assert_string_equal(text_vis(b, 4, "abcdef"), "abc");
}

static void
wrapping(void **state __unused)
{
	struct out	 o = { .width = 24 };

	o.fp = capture();
	print_wrapped(&o, "one two three four five six seven", 4);
	fclose(o.fp);
	assert_string_equal(output, "one two three four\n    five six seven\n");
	o.fp = capture();
	print_wrapped(&o, "abcdefghijklmnopqrstuvwxyz", 4);
	fclose(o.fp);
	assert_string_equal(output, "abcdefghijklmnopqrst\n    uvwxyz\n");
	o.width = 0;
	o.fp = capture();
	print_wrapped(&o, "one two three four five six seven", 4);
	fclose(o.fp);
	assert_string_equal(output, "one two three four five six seven\n");
}

static void
sample(struct ctl_daemon *st, struct ctl_record *r)
{
	memset(st, 0, sizeof(*st));
	st->started = NOW - 7200;
	st->loaded = NOW - 7200;
	st->records = 2;
	st->enabled = 2;
	st->processors = 10;
	st->log_level = LOG_LEVEL_PROBLEMS;
	st->config_changed = 1;
	strlcpy(st->version, "0.1", sizeof(st->version));
	memset(r, 0, 2 * sizeof(*r));
	strlcpy(r[0].account, "anna@example.org", sizeof(r[0].account));
	strlcpy(r[0].name, "isp", sizeof(r[0].name));
	strlcpy(r[0].host, "pop.example.net", sizeof(r[0].host));
	strlcpy(r[0].user, "anna", sizeof(r[0].user));
	strlcpy(r[0].mode, "owner", sizeof(r[0].mode));
	strlcpy(r[0].state, "idle", sizeof(r[0].state));
	r[0].port = 995;
	r[0].tls = TLS_MODE_TLS;
	r[0].enabled = r[0].leave = 1;
	r[0].period = 300;
	r[0].last_success = r[0].last_attempt = NOW - 120;
	r[0].next_poll = NOW + 35;
	r[0].expire = r[0].seconds_left = UINT32_MAX;
	r[0].messages = 42;
	r[0].kept = 7;
	r[1] = r[0];
	strlcpy(r[1].name, "domain", sizeof(r[1].name));
	strlcpy(r[1].mode, "X-Real-To", sizeof(r[1].mode));
	strlcpy(r[1].last_error, "login refused: \033]0;no\007 such user", sizeof(r[1].last_error));
	r[1].port = 1110;
	r[1].tls = TLS_MODE_STLS;
	r[1].failures = 3;
}

static void
table(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	put(&rep, IMSG_CTL_RECORD, r, 2);
	assert_int_equal(parse(&req, err, NULL), 0);
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "rpopd 0.1, up 2 h since 2023-11-14 21:13:20, log level problems\n"));
	assert_non_null(strstr(output, "rpopctl reload"));
	assert_non_null(strstr(output,
	    "RECORD                   HOST                  NEXT     MSGS  KEPT  LAST\n"
	    "anna@example.org/isp     pop.example.net       in 35 s    42     7  2 min ago\n"));
	assert_non_null(strstr(output, "pop.example.net:1110"));
	assert_non_null(strstr(output, "failed 3x: login refused: \\033]0;no\\007 such user\n"));
	assert_null(strchr(output, '\033'));
}

/* Everything that the daemon may say of itself. */
static void
daemon_in_trouble(void **state __unused)
{
	struct ctl_daemon	 st;
	struct ctl_record	 r[2];
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	st.sessions = 3;
	st.processors = 0;
	st.pending = 1;
	st.waiting = 2;
	st.reports = 3;
	st.quarantined = 4;
	st.aside = 5;
	st.suspects = 11;
	st.oversize = 7;
	st.blocked_maildirs = 2;
	st.unknown_files = 1;
	strlcpy(st.load_error, "rpop: \033 wrong", sizeof(st.load_error));
	strlcpy(st.mail_root_error, "state.db is older than the mail root", sizeof(st.mail_root_error));
	strlcpy(st.blocked_maildir, "example.org/anna: no room", sizeof(st.blocked_maildir));
	strlcpy(st.password_error, "pop_auth: /x: no \033 socket", sizeof(st.password_error));
	show(&req, &rep, 0, 0);
	assert_string_equal(output,
	    "rpopd 0.1, up 2 h since 2023-11-14 21:13:20, log level problems\n"
	    "records 2, enabled 2, loaded 2023-11-14 21:13:20\n"
	    "sessions 3 of at most 0, deliveries pending 1\n"
	    "2 waiting for a next hop, 3 reports due, 4 in quarantine, 5 set aside, 6 suspects, 7 oversize\n"
	    "note: 'rpopctl quarantine' lists what could not be delivered and what is set aside\n"
	    "note: logins fail: pop_auth: /x: no \\033 socket\n"
	    "note: processors is 0, nothing is polled\n"
	    "note: rpopd.db was changed since it was loaded; 'rpopctl reload' puts the changes in force\n"
	    "note: the last reload was refused: rpop: \\033 wrong\n"
	    "note: nothing is polled: state.db is older than the mail root\n"
	    "note: example.org/anna: no room (and other places, see the log)\n"
	    "note: 1 file of the spool not known to state.db and set aside: see 'rpopctl quarantine'\n");
	show(&req, &rep, 0, 1);
	assert_non_null(strstr(output, "\"pending\":1,\"waiting\":2,"
	    "\"quarantined\":4,\"reports\":3,\"aside\":5,\"suspects\":11,\"oversize\":7,"));
	assert_non_null(strstr(output, "\"blocked_maildirs\":2,"
	    "\"blocked_maildir\":\"example.org/anna: no room\",\"unknown_files\":1,"));
	assert_non_null(strstr(output, "\"log_level\":\"problems\"},\"records\":[]}\n"));
}

/* Mail programs: nothing where there are none; what was done, once something was; what is in the way of listeners. */
static void
daemon_with_readers(void **state __unused)
{
	struct ctl_daemon	 st;
	struct ctl_record	 r[2];
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	st.config_changed = 0;
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_null(strstr(output, "mail programs"));
	st.readers_most = 100;
	st.listening = 1;
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "mail programs 0 of at most 100, 0 at once so far, 1 socket\n"));
	assert_null(strstr(output, "since the start"));
	st.readers = 3;
	st.readers_peak = 17;
	st.listening = st.not_listening = 2;
	st.connections = 5000000000;
	st.logins = 1;
	st.logins_wrong = 2;
	st.logins_limited = 3;
	st.logins_failed = 4;
	st.read_messages = 5;
	st.read_octets = 4200000;
	st.read_looked = 6;
	st.read_deleted = 7;
	st.turned_channels = 8;
	st.turned_listener = 9;
	st.turned_address = 10;
	st.turned_blocked = 11;
	strlcpy(st.listener_trouble, "*/995: no \033 key\n192.0.2.1/110: cannot listen\n", sizeof(st.listener_trouble));
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output,
	    "mail programs 3 of at most 100, 17 at once so far, 2 sockets\n"
	    "since the start 5000000000 connections, 1 login; refused 2 for the password, 3 for a limit of the account, 4 for trouble\n"
	    "handed out 5 messages, 4.2 MB; 6 looked at, 7 deleted\n"
	    "sent away 8 for too many in all, 9 of a listener, 10 of an address, 11 for failed logins\n"
	    "note: 2 of the sockets for mail programs do not work\n"
	    "note: listener */995: no \\033 key\n"
	    "note: listener 192.0.2.1/110: cannot listen\n"));
	show(&req, &rep, 0, 1);
	assert_non_null(strstr(output, "\"listener_trouble\":[\"*/995: no \\u001b key\",\"192.0.2.1/110: cannot listen\"],"
	    "\"readers_peak\":17,\"connections\":5000000000,"));
}

static void
table_fits_terminal(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			*line, *rest, err[512];
	int			 width;

	sample(&st, r);
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	put(&rep, IMSG_CTL_RECORD, r, 2);
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	memset(r[0].name, 'n', 200);
	r[1].aside = 2;
	r[1].unfound = 19;
	memset(r[1].last_error + strlen(r[1].last_error), 'e', 150);
	for (width = 20; width < 200; width += 20) {
		show(&req, &rep, width, 0);
		assert_true(width < 80 || strstr(output, "in 35 s    42     7  2 min ago\n") != NULL);
		assert_true(width < 80 || strstr(output, "in 35 s    42     7  failed 3x, 2 set aside\n") != NULL);
		assert_null(strstr(output, "field missing"));
		for (rest = strstr(output, "\n\n"); (line = strsep(&rest, "\n")) != NULL; )
			assert_true(strlen(line) <= (size_t)width);
	}
}

static void
account_page(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_RECORD, r, 2);
	assert_int_equal(parse(&req, err, "show", "account", "anna@example.org", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "to anna@example.org, left on the server\n"));
	assert_non_null(strstr(output, "to the addresses in X-Real-To, left on the server\n"));
	assert_non_null(strstr(output, "3 in a row"));
	assert_non_null(strstr(output, "2023-11-14 23:11:20 (2 min ago)"));
	assert_null(strchr(output, '\033'));
}

/* Every line that a record's page can have. */
static void
account_page_full(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_RECORD, &r[1], 1);
	assert_int_equal(parse(&req, err, "show", "account", "anna@example.org/domain", NULL), 0);
	r[1].leave = 0;
	r[1].login_delay = 900;
	r[1].expire = 1;
	r[1].polls = 9;
	r[1].octets = 123456;
	r[1].waiting = 2;
	r[1].quarantined = 3;
	r[1].undeleted = 4;
	r[1].suspects = 5;
	r[1].refused = 6;
	r[1].aside = 7;
	r[1].unfound = 20;
	strlcpy(r[1].last_error, "login refused", sizeof(r[1].last_error));
	strlcpy(r[1].origin, "pop.example.com, proven", sizeof(r[1].origin));
	show(&req, &rep, 0, 0);
	assert_string_equal(output,
	    "anna@example.org/domain\n"
	    "    server         pop.example.net, port 1110, stls, login anna\n"
	    "    messages       to the addresses in X-Real-To, deleted after delivery\n"
	    "    state          idle, every 5 min\n"
	    "    state from     pop.example.com, proven\n"
	    "    server wants   15 min between logins\n"
	    "    server keeps   messages for 1 day\n"
	    "    last success   2023-11-14 23:11:20 (2 min ago)\n"
	    "    last failure   2023-11-14 23:11:20 (2 min ago, 3 in a row): login refused\n"
	    "    next poll      2023-11-14 23:13:55 (in 35 s)\n"
	    "    so far         polls 9, messages 42, 123.5 kB\n"
	    "    kept           7 delivered and left on the server\n"
	    "    waiting        2 taken, not yet with every recipient\n"
	    "    quarantine     3 in quarantine here, not delivered: see rpopctl quarantine\n"
	    "    undeleted      4 delivered, deletion not yet confirmed by the server\n"
	    "    suspects       5 at which a session failed or the deliverer died, tried again one at a time\n"
	    "    refused        6 of them not given by the server, see view suspects in rpopd.db(5)\n"
	    "    set aside      7 left on the server because that happened repeatedly, see rpopd.db(5)\n"
	    "    field missing  none of the last 20 messages has a field X-Real-To that counts, see special in rpopd.db(5)\n");
	show(&req, &rep, 60, 0);
	assert_non_null(strstr(output, "    field missing  none of the last 20 messages has a field\n"
	    "                   X-Real-To that counts,"));
	show(&req, &rep, 0, 1);
	assert_non_null(strstr(output, "\"expire\":1,\"polls\":9,\"asked\":0,\"answered\":0,\"messages\":42,\"octets\":123456,"
	    "\"kept\":7,\"undeleted\":4,\"waiting\":2,"
	    "\"quarantined\":3,\"suspects\":5,\"aside\":7,\"unfound\":20,\"refused\":6,"
	    "\"origin\":\"pop.example.com, proven\",\"planned\":0,\"fetched\":0,\"planned_octets\":null,\"fetched_octets\":0,\"seconds_left\":null}]}\n"));
}

/* Why a record that is due is not polled, and what its server wants. */
static void
waiting(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_RECORD, r, 2);
	assert_int_equal(parse(&req, err, "show", "account", "anna@example.org", NULL), 0);
	strlcpy(r[0].state, "host-delay", sizeof(r[0].state));
	r[0].login_delay = 900;
	r[0].expire = 14;
	strlcpy(r[1].state, "window", sizeof(r[1].state));
	r[1].failures = r[1].expire = 0;
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "host-delay (its host failed; one of its records tries again), every 5 min\n"));
	assert_non_null(strstr(output, "window (its schedule does not permit polling now), every 5 min\n"));
	assert_non_null(strstr(output, "server wants   15 min between logins\n"));
	assert_non_null(strstr(output, "server keeps   messages for 14 days\n"));
	assert_non_null(strstr(output, "server keeps   nothing that was retrieved\n"));
	assert_non_null(strstr(output, "(2 min ago): login refused"));
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	r[1].next_poll = 0;
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "  host-delay in 35 s  "));
	assert_non_null(strstr(output, "  window              "));
}

/* How far a session is, for people and for programs, with what is known. */
static void
progress(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512], line[128];

	sample(&st, r);
	assert_string_equal(text_progress(line, sizeof(line), r), "");
	r[0].planned = 8000;
	r[0].fetched = 1204;
	r[0].fetched_octets = 35000000;
	assert_string_equal(text_progress(line, sizeof(line), r), "1,204 of 8,000 messages, 35.0 MB");
	r[0].planned_octets = 240000000;
	r[0].seconds_left = 40;
	r[1].planned = 1;
	strlcpy(r[0].state, "fetching", sizeof(r[0].state));
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	put(&rep, IMSG_CTL_RECORD, r, 2);
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "  2 min ago, now 1,204 of 8,000 messages, 35.0 MB of 240.0 MB, 40 s left\n"));
	assert_non_null(strstr(output, "  failed 3x, now 0 of 1 messages, 0 octets: login refused"));
	show(&req, &rep, 80, 0);
	assert_non_null(strstr(output, "  2 min ago\n    1,204 of 8,000 messages, 35.0 MB of 240.0 MB, 40 s left\n"));
	assert_non_null(strstr(output, "  failed 3x\n    0 of 1 messages, 0 octets\n    login refused"));
	assert_int_equal(parse(&req, err, "show", "account", "anna@example.org", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_non_null(strstr(output, "    state          fetching, every 5 min\n"
	    "    progress       1,204 of 8,000 messages, 35.0 MB of 240.0 MB, 40 s left\n"));
	show(&req, &rep, 0, 1);
	assert_non_null(strstr(output, "\"planned\":8000,\"fetched\":1204,\"planned_octets\":240000000,"
	    "\"fetched_octets\":35000000,\"seconds_left\":40}"));
}

static void
lines_of_text(void **state __unused)
{
	struct ctl_text	 lines[] = { { .text = "a: row a -> b" }, { .text = "=> account \033[2J" } };
	struct reply	 rep = { .ok = 1 };
	struct request	 req;
	char		 err[512];

	assert_int_equal(parse(&req, err, "ro", "anna@example.org", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_ROUTE);
	assert_int_equal(req.listing, 1);
	put(&rep, IMSG_CTL_LINE, lines, 2);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "a: row a -> b\n=> account \\033[2J\n");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"lines\":[\"a: row a -> b\",\"=> account \\u001b[2J\"]}\n");
}

static void
json_object(void **state __unused)
{
	struct ctl_record	 r[2];
	struct ctl_daemon	 st;
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	sample(&st, r);
	put(&rep, IMSG_CTL_DAEMON, &st, 1);
	put(&rep, IMSG_CTL_RECORD, r, 1);
	assert_int_equal(parse(&req, err, "status", NULL), 0);
	r[0].last_success = 0;
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"daemon\":{\"version\":\"0.1\",\"started\":\"2023-11-14T20:13:20Z\","
	    "\"loaded\":\"2023-11-14T20:13:20Z\",\"config_changed\":true,\"load_error\":null,\"records\":2,\"enabled\":2,"
	    "\"sessions\":0,\"processors\":10,\"pending\":0,\"waiting\":0,\"quarantined\":0,"
	    "\"reports\":0,\"aside\":0,\"suspects\":0,\"oversize\":0,\"mail_root_error\":null,"
	    "\"blocked_maildirs\":0,\"blocked_maildir\":null,\"unknown_files\":0,\"readers\":0,\"readers_most\":0,\"listening\":0,"
	    "\"not_listening\":0,\"listener_trouble\":[],\"readers_peak\":0,\"connections\":0,\"turned_channels\":0,"
	    "\"turned_listener\":0,\"turned_address\":0,\"turned_blocked\":0,\"logins\":0,\"logins_wrong\":0,\"logins_limited\":0,"
	    "\"logins_failed\":0,\"read_messages\":0,\"read_looked\":0,\"read_deleted\":0,\"read_octets\":0,\"password_error\":null,\"log_level\":\"problems\"},"
	    "\"records\":[{\"account\":\"anna@example.org\","
	    "\"name\":\"isp\",\"host\":\"pop.example.net\",\"port\":995,\"tls\":\"tls\",\"user\":\"anna\",\"mode\":\"owner\","
	    "\"leave\":true,\"enabled\":true,\"period\":300,\"state\":\"idle\",\"last_success\":null,"
	    "\"last_attempt\":\"2023-11-14T22:11:20Z\",\"last_error\":null,\"failures\":0,\"failing_since\":null,"
	    "\"next_poll\":\"2023-11-14T22:13:55Z\",\"login_delay\":0,\"expire\":null,\"polls\":0,\"asked\":0,\"answered\":0,\"messages\":42,\"octets\":0,\"kept\":7,\"undeleted\":0,\"waiting\":0,"
	    "\"quarantined\":0,\"suspects\":0,\"aside\":0,\"unfound\":0,\"refused\":0,\"origin\":null,"
	    "\"planned\":0,\"fetched\":0,\"planned_octets\":null,\"fetched_octets\":0,\"seconds_left\":null}]}\n");

	rep.ok = 0;
	strlcpy(rep.text.text, "no such record", sizeof(rep.text.text));
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":false,\"text\":\"no such record\"}\n");
}

/* Each message of a trial: a person gets lines, a program strings.  What is known is told though the trial fails. */
static void
tried(void **state __unused)
{
	struct ctl_tried	 m[2] = {
		{ 2, 4096, "new", "would be retrieved", "a\"b", "by X-Real-To\nto example.org/anna\n" },
		{ 12, 0, "unnamed", "no unique-id to trust", "", "" }
	};
	struct reply		 rep = { .ok = 1 };
	struct request		 req;
	char			 err[512];

	assert_int_equal(parse(&req, err, "try", "anna@example.org/isp", NULL), 0);
	assert_int_equal(req.type, IMSG_CTL_TRY);
	assert_string_equal(req.u.name.name, "anna@example.org/isp");
	strlcpy(rep.text.text, "2 messages", sizeof(rep.text.text));
	put(&rep, IMSG_CTL_TRIED, m, 2);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "     2       4.1 kB  new        a\"b\n        would be retrieved\n        by X-Real-To\n"
	    "        to example.org/anna\n    12            ?  unnamed    -\n        no unique-id to trust\n2 messages\n");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"text\":\"2 messages\",\"messages\":[{\"number\":2,\"size\":4096,"
	    "\"uid\":\"a\\\"b\",\"state\":\"new\",\"what\":\"would be retrieved\",\"why\":[\"by X-Real-To\",\"to example.org/anna\"]},"
	    "{\"number\":12,\"size\":null,\"uid\":null,\"state\":\"unnamed\",\"what\":\"no unique-id to trust\",\"why\":[]}],\"fields\":[]}\n");
	rep.ok = 0;
	strlcpy(rep.text.text, "no TOP", sizeof(rep.text.text));
	put(&rep, IMSG_CTL_TRIED, m, 1);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "     2       4.1 kB  new        a\"b\n        would be retrieved\n        by X-Real-To\n"
	    "        to example.org/anna\n");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":false,\"text\":\"no TOP\",\"messages\":[{\"number\":2,\"size\":4096,"
	    "\"uid\":\"a\\\"b\",\"state\":\"new\",\"what\":\"would be retrieved\",\"why\":[\"by X-Real-To\",\"to example.org/anna\"]}],\"fields\":[]}\n");
}

/* Which fields with envelope recipients the messages have: one sentence, with the remedy where the record's are in none. */
static void
envelope(void **state __unused)
{
	struct ctl_envelope	 m[3] = {
		{ 1, 5, 3, 3, "X-Real-To" }, { 0, 5, 2, 0, "Delivered-To" }, { 0, 5, 1, 0, "Received (for)" }
	};
	struct reply		 rep = { .ok = 1, .text = { .text = "5 messages" } };
	struct request		 req;
	char			 err[512];

	assert_int_equal(parse(&req, err, "try", "anna@example.org/isp", NULL), 0);
	put(&rep, IMSG_CTL_ENVELOPE, m, 2);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "X-Real-To was in 3 of 5 messages looked at\n5 messages\n");
	put(&rep, IMSG_CTL_ENVELOPE, m, 2);
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"text\":\"5 messages\",\"messages\":[],\"fields\":["
	    "{\"name\":\"X-Real-To\",\"special\":true,\"looked\":5,\"messages\":3,\"counted\":3},"
	    "{\"name\":\"Delivered-To\",\"special\":false,\"looked\":5,\"messages\":2,\"counted\":0}]}\n");
	m[0].counted = 1;
	put(&rep, IMSG_CTL_ENVELOPE, m, 1);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "X-Real-To was in 3 of 5 messages looked at, and counts in 1 only: see trusted_hop and special_nth "
	    "in rpopd.db(5)\n5 messages\n");
	m[0].counted = 5;
	put(&rep, IMSG_CTL_ENVELOPE, m, 1);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "X-Real-To was in 3 of 5 messages looked at; the address behind \"for\" in Received counts in 2\n"
	    "5 messages\n");
	m[0] = (struct ctl_envelope){ 1, 1, 0, 0, "X-Real-To X-Envelope-To" };
	put(&rep, IMSG_CTL_ENVELOPE, m, 3);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "X-Real-To or X-Envelope-To was in 0 of 1 message looked at; these may be the provider's, see special "
	    "in rpopd.db(5): Delivered-To in 2, Received (for) in 1\n5 messages\n");
	put(&rep, IMSG_CTL_ENVELOPE, m, 1);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "X-Real-To or X-Envelope-To was in 0 of 1 message looked at; nor was any other field that providers "
	    "are known to keep envelope recipients in\n5 messages\n");
}

/* A sentence is all that most commands are answered with. */
static void
sentence(void **state __unused)
{
	struct reply	 rep = { .ok = 1, .text = { .text = "3 records will be polled now" } };
	struct request	 req;
	char		 err[512];

	assert_int_equal(parse(&req, err, "poll", "all", NULL), 0);
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "3 records will be polled now\n");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"text\":\"3 records will be polled now\"}\n");
	rep.text.text[0] = '\0';
	show(&req, &rep, 0, 0);
	assert_string_equal(output, "");
	show(&req, &rep, 0, 1);
	assert_string_equal(output, "{\"ok\":true,\"text\":null}\n");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(commands_by_prefix),
		cmocka_unit_test(commands_refused),
		cmocka_unit_test(commands_options),
		cmocka_unit_test(commands_of_their_own),
		cmocka_unit_test(message_shown),
		cmocka_unit_test(message_in_json),
		cmocka_unit_test(queue_in_json),
		cmocka_unit_test(queue_of_everything),
		cmocka_unit_test(json_escapes),
		cmocka_unit_test(times),
		cmocka_unit_test(sizes_and_cuts),
		cmocka_unit_test(wrapping),
		cmocka_unit_test(table),
		cmocka_unit_test(daemon_in_trouble),
		cmocka_unit_test(daemon_with_readers),
		cmocka_unit_test(table_fits_terminal),
		cmocka_unit_test(account_page),
		cmocka_unit_test(account_page_full),
		cmocka_unit_test(waiting),
		cmocka_unit_test(progress),
		cmocka_unit_test(lines_of_text),
		cmocka_unit_test(json_object),
		cmocka_unit_test(tried),
		cmocka_unit_test(envelope),
		cmocka_unit_test(sentence),
	};
	int			 failed;

	setenv("TZ", "UTC-1", 1);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(output);
	return (failed != 0);
}
