/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/deciderig.c deliverer */
/* Who gets a message in each mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"
#include "deciderig.h"

static int
setup(void **state)
{
	(void)state;
	load(0);
	return (0);
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
		/* all addresses of all special fields; a bare local part is of the record's domain */
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
		/* an address that is unknown or no address: the postmaster, so that nothing is lost */
		{ "X-Real-To: anna, nobody\n\n", "anna postmaster", "unknown here", "" },
		{ "X-Real-To: x@elsewhere.example\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: anna@example.org.evil.example, bo\n\n", "bo postmaster", "unknown here", "" },
		{ "X-Real-To: anna%example.org@relay.example\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: nobody, postmaster\n\n", "postmaster", "unknown here", "" },
		{ "X-Real-To: anna bo\n\n", "postmaster", "cannot be understood", "" },
		{ "X-Real-To: anna, b c\n\n", "anna postmaster", "cannot be understood", "" },
		{ "X-Real-To: anna@example.org@evil.example\n\n", "postmaster", "cannot be understood", "" },
		/* no special field, or none with an address: the postmaster, and never To or Cc */
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
		/* addresses that are nobody's here are silently ignored; the postmaster gets what cannot be read */
		{ "To: anna@example.org, x@elsewhere.example, nobody@example.org\n\n", "anna", NULL, "" },
		{ "To: junk, anna@example.org, b@c@d\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: anna@example.org\nCc: bo@example.org@x\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: anna@example.org\nBcc: <bo@example.org\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: anna@example.org, b\xf6@example.org\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: Lee, Anna <anna@example.org>\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: anna@example.org, bo\n\n", "anna postmaster", "cannot be understood", "" },
		{ "To: undisclosed bo@example.org, anna@example.org\n\n", "anna postmaster", "cannot be understood", "" },
		/* nobody is nobody */
		{ "To: undisclosed-recipients:;\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: undisclosed-recipients\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: \"Undisclosed-Recipient:;\", <Undisclosed-Recipient:;>\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: unlisted-recipients:; (no To-header on input)\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: unlisted-recipients: no To-header on input;\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: Recipient list suppressed\nCc: anna@example.org\n\n", "anna", NULL, "" },
		{ "To: <>, , team:;\nCc: anna@example.org (x)\nBcc:\n\n", "anna", NULL, "" },
		{ "To: x@elsewhere.example, y@[192.0.2.1], nobody@example.org, anna@example.org\n\n", "anna", NULL, "" },
		{ "Return-Path: <a@b>\nCc: bo@example.org\n\n", "bo", NULL, "a@b" },
		/* nobody left: the postmaster */
		{ "To: x@elsewhere.example\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: anna\n\n", "postmaster", "cannot be understood", "" },
		{ "To: \"undisclosed recipients\"\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: undisclosed-recipients:;\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: \"anna@example.org\" <x@elsewhere.example>\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: anna@example.org <x@elsewhere.example>\n\n", "postmaster", "belongs to an account here", "" },
		{ "To: anna@example.org <bo@example.org>, 'carl@example.org' <carl@example.org>\n\n", "bo carl", NULL, "" },
		{ "To: Anna @ Work <anna@example.org>\nCc: J\xfcrgen <bo@example.org>\n\n", "anna bo", NULL, "" },
		{ "To: 'anna@example.org'; <bo@example.org.>\n\n", "anna bo", NULL, "" },
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
	assert_true(alone("postmaster") && to.fallback);
	assert_non_null(strstr(to.reason, "too large"));
	assert_string_equal(to.sender, "a@b");
	recipients_free(&to);
	mode(DIST_FIELD, "X-Real-To");
	assert_int_equal(decide(text, HEADER_MAX + 100), 0);
	assert_true(alone("postmaster") && to.fallback);
	recipients_free(&to);
	mode(DIST_OWNER, "");
	assert_int_equal(decide(text, HEADER_MAX + 100), 0);
	assert_true(alone("bo") && !to.fallback);
	recipients_free(&to);
	free(text);
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
	assert_true(to.places.n == PROTO_RCPT_MAX && !to.fallback);
	assert_string_equal(to.places.list[PROTO_RCPT_MAX - 1].dest, "example.org/u2003");
	recipients_free(&to);
	len = crowd(text, sizeof(text), "To", PROTO_RCPT_MAX + 1);
	assert_int_equal(decide(text, len), 0);
	assert_true(alone("postmaster") && to.fallback);
	assert_string_equal(to.reason, "more than 2000 recipients");
	recipients_free(&to);
	mode(DIST_FIELD, "X-Real-To");
	len = crowd(text, sizeof(text), "X-Real-To", PROTO_RCPT_MAX + 1);
	assert_int_equal(decide(text, len), 0);
	assert_true(alone("postmaster") && to.fallback);
	recipients_free(&to);
	/* full, and one more is unknown: no room for the postmaster beside them */
	len = crowd(text, sizeof(text), "X-Real-To", PROTO_RCPT_MAX);
	len += snprintf(text + len - 1, sizeof(text) - len, "X-Real-To: nobody\n\n") - 1;
	assert_int_equal(decide(text, len), 0);
	assert_true(alone("postmaster") && to.fallback);
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
	assert_string_equal(to.places.list[0].dest, "example.org/carl");
	recipients_free(&to);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(owner), cmocka_unit_test(sender), cmocka_unit_test(envelope), cmocka_unit_test(star),
		cmocka_unit_test(too_big), cmocka_unit_test(cap), cmocka_unit_test(reload)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
