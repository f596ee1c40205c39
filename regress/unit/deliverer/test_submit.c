/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/deciderig.c deliverer */
/* What a client of popd sends: who may have written it, who gets it, what is added, and what is refused as a whole. */
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

#define FROM	"From: Anna <anna@example.org>\n"

static int
setup(void **state)
{
	(void)state;
	load_routes();
	mode(DIST_SUBMIT, "");
	session.account = 2;
	session.nexthop = 6;
	session.recipients = 5;
	return (0);
}

static void
test_places(void **state)
{
	static const struct sample	 samples[] = {
		{ FROM "To: carl@example.org\n\n", "carl", NULL, "anna@example.org" },
		{ FROM "To: x@far.example\n\n", "x@far.example>6", NULL, "anna@example.org" },
		{ FROM "To: X@Far.EXAMPLE\n\n", "X@far.example>6", NULL, "anna@example.org" },
		{ FROM "To: bo@example.org\nCc: Carl <carl@example.org>, y@far.example\nBcc: x@far.example, carl@example.org\n\n",
		    "bo@example.org>7 carl y@far.example>6 x@far.example>6", NULL, "anna@example.org" },
		{ FROM "Bcc: x@far.example\n\n", "x@far.example>6", NULL, "anna@example.org" },
		{ FROM "To: undisclosed-recipients:;\nBcc: x@far.example\n\n", "x@far.example>6", NULL, "anna@example.org" },
		{ FROM "To: friends: x@far.example, carl@example.org;\n\n", "x@far.example>6 carl", NULL, "anna@example.org" },
		{ FROM "To: all@example.org\n\n", "anna carl away@example.net>9(all@example.org)", NULL, "anna@example.org" },
		{ FROM "To: any@old.example\n\n", "any@old.example>8", NULL, "anna@example.org" },
		{ FROM "To: trap@example.org\n\n", "-~trap@example.org", NULL, "anna@example.org" },
		{ FROM "To: trap@example.org, carl@example.org\n\n", "carl", NULL, "anna@example.org" },
		/* An alias of hers, a detail, somebody who writes for her. */
		{ "From: sales@example.org\nTo: carl@example.org\n\n", "carl", NULL, "anna@example.org" },
		{ "From: anna+shop@example.org\nTo: carl@example.org\n\n", "carl", NULL, "anna@example.org" },
		{ "From: Anna@Example.NET, sales@example.org\nSender: anna@example.org\nTo: carl@example.org\n\n", "carl", NULL,
		    "anna@example.org" },
		/* Neither what the provider would have written nor another reverse-path counts. */
		{ "Return-Path: <x@far.example>\n" FROM "To: carl@example.org\nX-Real-To: bo@example.org\n\n", "carl", NULL,
		    "anna@example.org" }
	};

	(void)state;
	check(samples, nitems(samples));
}

static void
test_refused(void **state)
{
	static const struct {
		const char	*header, *why;
	}	 samples[] = {
		{ "To: carl@example.org\n\n", "there is no From field" },
		{ FROM FROM "To: carl@example.org\n\n", "there are several From fields" },
		{ FROM "Sender: anna@example.org\nSender: anna@example.org\nTo: carl@example.org\n\n",
		    "there are several Sender fields" },
		{ "From: carl@example.org\nTo: carl@example.org\n\n", "the address in From is not one of yours: carl@example.org" },
		{ "From: x@far.example\nTo: carl@example.org\n\n", "the address in From is not one of yours: x@far.example" },
		{ "From: anna@example.org, carl@example.org\nTo: carl@example.org\n\n",
		    "the address in From is not one of yours: carl@example.org" },
		{ FROM "Sender: carl@example.org\nTo: carl@example.org\n\n",
		    "the address in Sender is not one of yours: carl@example.org" },
		{ "From: all@example.org\nTo: carl@example.org\n\n", "the address in From is not one of yours: all@example.org" },
		{ "From: nobody@example.org\nTo: carl@example.org\n\n",
		    "the address in From is not one of yours: nobody@example.org" },
		{ "From: anna\nTo: carl@example.org\n\n", "there is something in From that is no address: anna" },
		{ "From: friends:;\nTo: carl@example.org\n\n", "there is no address in From" },
		{ FROM "\n", "there is no recipient in To, Cc or Bcc" },
		{ FROM "To: friends:;\n\n", "there is no recipient in To, Cc or Bcc" },
		{ FROM "To: carl\n\n", "there is something in To, Cc or Bcc that is no address: carl" },
		{ FROM "To: carl@example.org\nCc: <x y>\n\n", "there is something in To, Cc or Bcc that is no address: <x y>" },
		{ FROM "To: carl@example.org, nobody@example.org, x@far.example\n\n",
		    "no such recipient here: nobody@example.org" },
		{ FROM "Bcc: gone@example.org\n\n", "gone@example.org: moved away" },
		{ FROM "Resent-To: carl@example.org\nTo: carl@example.org\n\n",
		    "a message with Resent fields is not sent from here" },
		{ FROM "To: a@far.example, b@far.example, c@far.example, d@far.example, e@far.example, f@far.example\n\n",
		    "there are more than 5 recipients" }
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++) {
		assert_int_equal(decide(samples[i].header, strlen(samples[i].header)), 0);
		if (strcmp(to.refusal, samples[i].why) != 0)
			fail_msg("`%s': `%s', expected `%s'", samples[i].header, to.refusal, samples[i].why);
		recipients_free(&to);
	}
}

/* An address elsewhere that is there five times is one; the next hop must be known; hops are counted. */
static void
test_limits(void **state)
{
	static const char	 same[] = FROM "To: a@far.example, A@far.example, a@FAR.example, a@far.example, a@far.example,\n"
				    " a@far.example, a@far.example\n\n";
	char			 hops[2048];
	size_t			 n;
	int			 i;

	(void)state;
	assert_int_equal(decide(same, strlen(same)), 0);
	assert_string_equal(to.refusal, "");
	recipients_free(&to);
	session.nexthop = 0;
	assert_int_equal(decide(same, strlen(same)), 0);
	assert_string_equal(to.refusal, "no such recipient here: a@far.example");
	recipients_free(&to);
	session.nexthop = 6;
	n = strlcpy(hops, FROM "To: carl@example.org\n", sizeof(hops));
	for (i = 0; i < 21; i++)
		n += snprintf(hops + n, sizeof(hops) - n, "Received: by x; now\n");
	snprintf(hops + n, sizeof(hops) - n, "\n");
	assert_int_equal(decide(hops, strlen(hops)), 0);
	assert_string_equal(to.refusal, "there are more than 20 Received fields");
	recipients_free(&to);
	session.account = 99;
	assert_int_equal(decide(same, strlen(same)), -1);
	recipients_free(&to);
}

/* Date and Message-ID are added where they are missing, Bcc is taken out; what was written stays. */
static void
test_complete(void **state)
{
	static const char	 bare[] = "Bcc: carl@example.org,\n x@far.example\n" FROM
				    "to: bo@example.org\nBCC : y@far.example\nSubject: s\n\n";
	static const char	 whole[] = FROM "To: carl@example.org\n"
				    "Date: Mon, 30 Nov 2026 10:00:00 +0000\nmessage-id: <m@x>\n\n";
	struct header		 h;
	struct buf		 top;

	(void)state;
	header_init(&h, DIST_SUBMIT, "");
	assert_true(header_feed(&h, (const uint8_t *)bare, strlen(bare)) > 0);
	assert_int_equal(buf_len(&h.kept), strlen(FROM "to: bo@example.org\nSubject: s\n\n"));
	assert_memory_equal(buf_data(&h.kept), FROM "to: bo@example.org\nSubject: s\n\n", buf_len(&h.kept));
	assert_int_equal(recipients_decide(&session, &h, &to), 0);
	assert_string_equal(to.refusal, "");
	assert_int_equal(to.places.n, 4);
	assert_string_equal(to.date, prologue_date());
	assert_non_null(strstr(to.msgid, ".S12@mx.example.org"));
	buf_init(&top, SIZE_MAX);
	assert_int_equal(prologue_write(&session, 1, &to, 0, NULL, &top), 0);
	assert_int_equal(buf_add(&top, "", 1), 0);
	assert_int_equal(strncmp((const char *)buf_data(&top), "Return-Path: <anna@example.org>\nReceived: from ", 47), 0);
	assert_non_null(strstr((const char *)buf_data(&top), "\nDate: "));
	assert_non_null(strstr((const char *)buf_data(&top), "\nMessage-ID: <"));
	assert_null(strstr((const char *)buf_data(&top), MARK_FIELD));
	buf_free(&top);
	recipients_free(&to);
	header_free(&h);
	assert_int_equal(decide(whole, strlen(whole)), 0);
	assert_string_equal(to.date, "");
	assert_string_equal(to.msgid, "");
	recipients_free(&to);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_places, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_complete, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
