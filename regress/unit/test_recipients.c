/* SPDX-License-Identifier: ISC */
/* links: deliverer/recipients.c deliverer/places.c deliverer/prologue.c deliverer/envelope.c deliverer/mark.c deliverer/routes.c deliverer/header.c deliverer/field.c deliverer/identity.c common/mailaddr.c common/mailaddr_lex.c common/buf.c common/proto.c common/route.c common/route_walk.c common/route_wire.c common/log.c */
/* Who gets a message in each mode, and the lines put on top of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../common/compat.h"
#include "../../deliverer/deliverer.h"

struct sample {
	const char	*header;
	const char	*to;		/* local parts of the accounts' directories, one blank between */
	const char	*reason;	/* part of it; NULL: no fallback */
	const char	*sender;
};

static const char *const	 people[] = { "postmaster", "anna", "bo", "carl" };	/* ids 1 to 4 */

static struct msg_session_open	 session;
static struct recipients	 to;

static void
mode(enum dist_mode m, const char *special)
{
	memset(&session, 0, sizeof(session));
	session.session = 12;
	session.mode = m;
	session.account = 3;
	session.tls = TLS_MODE_TLS;
	strlcpy(session.special, special, sizeof(session.special));
	strlcpy(session.domain, "Example.org", sizeof(session.domain));
	strlcpy(session.host, "pop.example.net", sizeof(session.host));
	strlcpy(session.address, "192.0.2.1", sizeof(session.address));
}

/* people, one alias, and as many further accounts as wanted */
static void
load(uint32_t more)
{
	struct msg_route_start		 start;
	struct msg_route_account	 account;
	struct route_table		*rows;
	const struct route_row		 alias = { "sales@example.org", "anna@example.org", "", "", ROUTE_DELIVER, 0 };
	uint8_t				 frame[1024];
	uint32_t			 i, next = 0;
	size_t				 len;

	memset(&start, 0, sizeof(start));
	memset(&account, 0, sizeof(account));
	start.accounts = nitems(people) + more;
	start.rows = 1;
	start.postmaster = 1;
	strlcpy(start.hostname, "mx.example.org", sizeof(start.hostname));
	assert_int_equal(routes_start(&start), 0);
	for (i = 0; i < start.accounts; i++) {
		account.account = i + 1;
		if (i < nitems(people))
			snprintf(account.dir, sizeof(account.dir), "example.org/%s", people[i]);
		else
			snprintf(account.dir, sizeof(account.dir), "example.org/u%u", i);
		assert_int_equal(routes_account(&account), 0);
	}
	assert_non_null(rows = route_new(0, 0, 1, 0));
	assert_int_equal(route_row_add(rows, &alias), 0);
	assert_int_not_equal(len = route_rows_pack(rows, &next, frame, sizeof(frame)), 0);
	route_free(rows);
	assert_int_equal(routes_rows(frame, len), 0);
	assert_int_equal(routes_end(&start), 0);
}

static int
setup(void **state)
{
	(void)state;
	load(0);
	return (0);
}

static int
decide(const char *text, size_t len)
{
	struct header	 h;
	int		 n;

	header_init(&h, session.mode, session.special);
	assert_true(header_feed(&h, (const uint8_t *)text, len) >= 0);
	assert_int_equal(header_finish(&h), 0);
	n = recipients_decide(&session, &h, &to);
	header_free(&h);
	return (n);
}

static void
check(const struct sample *s, size_t n)
{
	char	 names[512];
	size_t	 i, k;

	for (i = 0; i < n; i++) {
		assert_int_equal(decide(s[i].header, strlen(s[i].header)), 0);
		names[0] = '\0';
		for (k = 0; k < to.n; k++) {
			strlcat(names, k > 0 ? " " : "", sizeof(names));
			strlcat(names, strchr(to.list[k]->dir, '/') + 1, sizeof(names));
		}
		if (strcmp(names, s[i].to) != 0)
			fail_msg("`%s': to `%s', expected `%s'", s[i].header, names, s[i].to);
		if (to.fallback != (s[i].reason != NULL) || (to.fallback && strstr(to.reason, s[i].reason) == NULL))
			fail_msg("`%s': reason `%s', expected `%s'", s[i].header, to.reason,
			    s[i].reason != NULL ? s[i].reason : "");
		assert_string_equal(to.sender, s[i].sender);
		recipients_free(&to);
	}
}

static void
owner(void **state)
{
	static const struct sample	 samples[] = {
		{ "", "bo", NULL, "" },
		{ "To: anna@example.org\nX-Real-To: carl\n\n", "bo", NULL, "" },
		{ "Return-Path: <a@b.example>\n\n", "bo", NULL, "a@b.example" },
		{ "no header", "bo", NULL, "" }
	};

	(void)state;
	mode(DIST_OWNER, "");
	check(samples, nitems(samples));
	/* the owner is gone: refused, never to somebody else */
	session.account = 99;
	assert_int_equal(decide("\n", 1), -1);
	recipients_free(&to);
}

static void
sender(void **state)
{
	static const struct sample	 samples[] = {
		{ "Return-Path: <>\n\n", "bo", NULL, "" },
		{ "Return-Path: <>\nReturn-Path: <a@b>\n\n", "bo", NULL, "" },
		{ "Return-Path: <a@b>\nReturn-Path: <c@d>\n\n", "bo", NULL, "a@b" },
		{ "Return-Path: junk\nReturn-Path: <c@d>\n\n", "bo", NULL, "c@d" },
		{ "Return-Path:\nReturn-Path: <MAILER-DAEMON>\n\n", "bo", NULL, "" },
		{ "Return-Path: a@b\n\n", "bo", NULL, "a@b" },
		{ "Return-Path:\n <\"a \\\" b\"@B.Example>\n\n", "bo", NULL, "\"a \\\" b\"@b.example" },
		{ "Return-Path: <@x:a@b>\n\n", "bo", NULL, "a@b" },
		{ "Return-Path: <a@b>\rX-Injected: y\n\n", "bo", NULL, "" },
		{ "Return-Path: <a@b>\n X-Injected: y\n\n", "bo", NULL, "" },
		{ "From: a@b\n\n", "bo", NULL, "" }
	};

	(void)state;
	mode(DIST_OWNER, "");
	check(samples, nitems(samples));
}

static void
envelope(void **state)
{
	static const struct sample	 samples[] = {
		/* S43, S46, S78 */
		{ "X-Real-To: anna@example.org\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna\n\n", "anna", NULL, "" },
		{ "X-Real-To: <anna>\n\n", "anna", NULL, "" },
		{ "X-Real-To: ANNA@EXAMPLE.ORG\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna, bo@example.org\nReturn-Path: <a@b>\nx-real-to: carl\n\n", "anna bo carl", NULL, "a@b" },
		{ "X-Real-To: anna\nX-Real-To: anna\nX-Real-To: sales@example.org, Anna\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna,\n bo\nTo: carl@example.org\n\n", "anna bo", NULL, "" },
		{ "X-Real-To: \"anna\"@example.org\n\n", "anna", NULL, "" },
		{ "X-Real-To: <@relay.example:anna@example.org>\n\n", "anna", NULL, "" },
		{ "X-Real-To: postmaster\n\n", "postmaster", NULL, "" },
		/* H4: nothing may be lost */
		{ "X-Real-To: anna, nobody\n\n", "anna postmaster", "unknown here", "" },
		{ "X-Real-To: x@elsewhere.example\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: anna@example.org.evil.example, bo\n\n", "bo postmaster", "unknown here", "" },
		{ "X-Real-To: anna%example.org@relay.example\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: nobody, postmaster\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: anna bo\n\n", "postmaster", "cannot be understood", "" },
		{ "X-Real-To: anna, b c\n\n", "anna postmaster", "cannot be understood", "" },
		{ "X-Real-To: anna@example.org@evil.example\n\n", "postmaster", "cannot be understood", "" },
		/* H3: never To or Cc */
		{ "To: anna@example.org\nCc: bo@example.org\n\n", "postmaster", "no X-Real-To field", "" },
		{ "X-Real-To:\nTo: anna@example.org\n\n", "postmaster", "no address in the X-Real-To field", "" },
		{ "X-Real-To: x:;\nTo: anna@example.org\n\n", "postmaster", "no address", "" },
		{ "X-Real-To: <>\nTo: anna@example.org\n\n", "postmaster", "cannot be understood", "" },
		{ "To: anna@example.org\n\nX-Real-To: anna\n", "postmaster", "no X-Real-To field", "" },
		{ "", "postmaster", "no X-Real-To field", "" }
	};
	static const struct sample	 named_to[] = {
		{ "To: anna\nCc: bo@example.org\n\n", "anna", NULL, "" }
	};

	(void)state;
	mode(DIST_FIELD, "X-Real-To");
	check(samples, nitems(samples));
	mode(DIST_FIELD, "To");
	check(named_to, nitems(named_to));
}

static void
star(void **state)
{
	static const struct sample	 samples[] = {
		{ "To: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: anna@example.org, Bo <bo@example.org>\nCc: carl@example.org\n\n", "anna bo carl", NULL, "" },
		{ "Bcc: carl@example.org\nTo: anna@example.org\n\n", "carl anna", NULL, "" },
		{ "To: anna@example.org\nTo: sales@example.org\nTo: ANNA@Example.ORG\n\n", "anna", NULL, "" },
		{ "To: team: anna@example.org,\n \"Bo, B.\" <bo@example.org> (x);, carl@example.org\n\n",
		    "anna bo carl", NULL, "" },
		/* S48, S49 */
		{ "To: anna@example.org, x@elsewhere.example, nobody@example.org\n\n", "anna", NULL, "" },
		{ "To: junk, anna@example.org, b@c@d\n\n", "anna", NULL, "" },
		{ "Return-Path: <a@b>\nCc: bo@example.org\n\n", "bo", NULL, "a@b" },
		/* S51 */
		{ "To: x@elsewhere.example\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: anna\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: undisclosed-recipients:;\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: \"anna@example.org\" <x@elsewhere.example>\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: anna@example.org <x@elsewhere.example>\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: x@y (anna@example.org)\n\n", "postmaster", "belongs to an account here", "" },
		{ "Subject: x\n\n", "postmaster", "no To, Cc or Bcc", "" },
		{ "X-Real-To: anna\nResent-To: anna@example.org\n\n", "postmaster", "no To, Cc or Bcc", "" },
		{ "\nTo: anna@example.org\n", "postmaster", "no To, Cc or Bcc", "" }
	};

	(void)state;
	mode(DIST_STAR, "");
	check(samples, nitems(samples));
}

static void
too_big(void **state)
{
	char	*text;
	size_t	 len;

	(void)state;
	text = malloc(HEADER_MAX + 100);
	assert_non_null(text);
	memset(text, 'x', HEADER_MAX + 100);
	len = strlcpy(text, "Return-Path: <a@b>\nTo: anna@example.org\nX-Real-To: anna\nX:", HEADER_MAX);
	text[len] = 'x';
	mode(DIST_STAR, "");
	assert_int_equal(decide(text, HEADER_MAX + 100), 0);
	assert_true(to.n == 1 && to.list[0]->id == 1 && to.fallback);
	assert_non_null(strstr(to.reason, "too large"));
	assert_string_equal(to.sender, "a@b");
	recipients_free(&to);
	mode(DIST_FIELD, "X-Real-To");
	assert_int_equal(decide(text, HEADER_MAX + 100), 0);
	assert_true(to.n == 1 && to.list[0]->id == 1 && to.fallback);
	recipients_free(&to);
	mode(DIST_OWNER, "");
	assert_int_equal(decide(text, HEADER_MAX + 100), 0);
	assert_true(to.n == 1 && to.list[0]->id == 3 && !to.fallback);
	recipients_free(&to);
	free(text);
}

static size_t
crowd(char *text, size_t size, const char *field, uint32_t n)
{
	size_t		 len;
	uint32_t	 i;

	len = snprintf(text, size, "%s: ", field);
	for (i = 0; i < n; i++)
		len += snprintf(text + len, size - len, "%su%u@example.org", i > 0 ? ",\n " : "", (uint32_t)nitems(people) + i);
	return (len + snprintf(text + len, size - len, "\n\n"));
}

static void
cap(void **state)
{
	static char	 text[HEADER_MAX];
	size_t		 len;

	(void)state;
	load(PROTO_RCPT_MAX + 1);
	mode(DIST_STAR, "");
	len = crowd(text, sizeof(text), "To", PROTO_RCPT_MAX);
	assert_int_equal(decide(text, len), 0);
	assert_true(to.n == PROTO_RCPT_MAX && !to.fallback);
	assert_string_equal(to.list[PROTO_RCPT_MAX - 1]->dir, "example.org/u2003");
	recipients_free(&to);
	len = crowd(text, sizeof(text), "To", PROTO_RCPT_MAX + 1);
	assert_int_equal(decide(text, len), 0);
	assert_true(to.n == 1 && to.list[0]->id == 1 && to.fallback);
	assert_string_equal(to.reason, "more than 2000 recipients");
	recipients_free(&to);
	mode(DIST_FIELD, "X-Real-To");
	len = crowd(text, sizeof(text), "X-Real-To", PROTO_RCPT_MAX + 1);
	assert_int_equal(decide(text, len), 0);
	assert_true(to.n == 1 && to.list[0]->id == 1 && to.fallback);
	recipients_free(&to);
	/* full, and one more is unknown: no room for the postmaster beside them */
	len = crowd(text, sizeof(text), "X-Real-To", PROTO_RCPT_MAX);
	len += snprintf(text + len - 1, sizeof(text) - len, "X-Real-To: nobody\n\n") - 1;
	assert_int_equal(decide(text, len), 0);
	assert_true(to.n == 1 && to.list[0]->id == 1 && to.fallback);
	assert_non_null(strstr(to.reason, "unknown here"));
	recipients_free(&to);
	load(0);
}

/* A new table while a message is under way. */
static void
reload(void **state)
{
	(void)state;
	mode(DIST_STAR, "");
	assert_int_equal(decide("To: carl@example.org\n\n", 22), 0);
	load(10);
	assert_string_equal(to.list[0]->dir, "example.org/carl");
	recipients_free(&to);
}

static void
prologue(uint32_t msgno, char *text, size_t size)
{
	struct buf	 out;

	buf_init(&out, 65536);
	assert_int_equal(recipients_prologue(&session, msgno, &to, &out), 0);
	assert_true(buf_len(&out) < size);
	memcpy(text, buf_data(&out), buf_len(&out));
	text[buf_len(&out)] = '\0';
	buf_free(&out);
}

static void
on_top(void **state)
{
	static const char	 want[] = "Return-Path: <a@b>\nReceived: from pop.example.net (pop.example.net [192.0.2.1])\n"
	    "\tby mx.example.org (rpopd) with POP3S id S12N7;\n\t";
	char			 text[4096], *date;
	struct tm		 tm;
	time_t			 now = time(NULL), then;

	(void)state;
	setenv("TZ", "XXX-09:30", 1);
	tzset();
	mode(DIST_STAR, "");
	assert_int_equal(decide("Return-Path: <a@b>\nTo: anna@example.org\n\n", 42), 0);
	prologue(7, text, sizeof(text));
	assert_int_equal(strncmp(text, want, strlen(want)), 0);
	date = text + strlen(want);
	memset(&tm, 0, sizeof(tm));
	assert_string_equal(strptime(date, "%a, %d %b %Y %H:%M:%S", &tm), " +0930\n");
	then = timegm(&tm) - (9 * 60 + 30) * 60;
	assert_true(then >= now && then <= now + 60);
	recipients_free(&to);

	session.tls = TLS_MODE_NONE;
	strlcpy(session.address, "2001:db8::1", sizeof(session.address));
	assert_int_equal(decide("To: nobody@example.org\n\n", 24), 0);
	prologue(4000000, text, sizeof(text));
	assert_non_null(strstr(text, "Return-Path: <>\nReceived: from pop.example.net (pop.example.net [IPv6:2001:db8::1])\n"));
	assert_non_null(strstr(text, " with POP3 id S12N4000000;\n"));
	assert_non_null(strstr(text, "\nX-Rpopd-Reason: no address in To, Cc or Bcc belongs to an account here\n"));
	recipients_free(&to);
}

/* Only a name that is one, and an address that is one. */
static void
polled_host(void **state)
{
	static const struct {
		const char	*host, *address, *want;
	}	 samples[] = {
		{ "pop.example.net", "192.0.2.1", "from pop.example.net (pop.example.net [192.0.2.1])\n\tby" },
		{ "pop.example.net", "", "from pop.example.net\n\tby" },
		{ "192.0.2.1", "192.0.2.1", "from [192.0.2.1] ([192.0.2.1])\n\tby" },
		{ "2001:db8::1", "2001:db8::1", "from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\n\tby" },
		{ "a\nb", "192.0.2.1", "from [192.0.2.1] ([192.0.2.1])\n\tby" },
		{ "a b", "c\nd", "from unknown\n\tby" },
		{ "pop.example.net", "1.2.3.4)\nX: y", "from pop.example.net\n\tby" }
	};
	char	 text[4096];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		mode(DIST_OWNER, "");
		strlcpy(session.host, samples[i].host, sizeof(session.host));
		strlcpy(session.address, samples[i].address, sizeof(session.address));
		assert_int_equal(decide("\n", 1), 0);
		prologue(1, text, sizeof(text));
		if (strstr(text, samples[i].want) == NULL)
			fail_msg("`%s' `%s': `%s'", samples[i].host, samples[i].address, text);
		recipients_free(&to);
	}
}

/* A field name that should never have got this far, and the longest sender. */
static void
nothing_foreign(void **state)
{
	static char	 field[1024], text[4096];
	int		 i;

	(void)state;
	mode(DIST_FIELD, "X\n\x1b\xff");
	assert_int_equal(decide("\n", 1), 0);
	assert_string_equal(to.reason, "there is no X??? field");
	recipients_free(&to);
	mode(DIST_OWNER, "");
	i = snprintf(field, sizeof(field), "Return-Path: <\"");
	memset(field + i, 'x', 2 * MAILADDR_LOCAL_MAX);
	for (; i < 15 + 2 * MAILADDR_LOCAL_MAX; i += 2)
		field[i] = field[i + 1] = '\\';
	memcpy(field + i, "\"@", 2);
	memset(field + i + 2, 'y', MAILADDR_DOMAIN_MAX);
	memcpy(field + i + 2 + MAILADDR_DOMAIN_MAX, ">\n\n", 4);
	assert_int_equal(decide(field, strlen(field)), 0);
	assert_int_equal(strlen(to.sender), 2 * MAILADDR_LOCAL_MAX + MAILADDR_DOMAIN_MAX + 3);
	prologue(1, text, sizeof(text));
	assert_non_null(strstr(text, to.sender));
	recipients_free(&to);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(owner), cmocka_unit_test(sender), cmocka_unit_test(envelope), cmocka_unit_test(star),
		cmocka_unit_test(too_big), cmocka_unit_test(cap), cmocka_unit_test(reload), cmocka_unit_test(on_top),
		cmocka_unit_test(polled_host), cmocka_unit_test(nothing_foreign)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
