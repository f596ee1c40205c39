/* SPDX-License-Identifier: ISC */
/* links: regress/unit/deliverer/deciderig.c deliverer */
/* Who gets a message by rows of every kind and the columns of a record; what comes back is stopped. */
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

/* Rows of every kind, percent and bang forms, details, next hops, in special mode. */
static void
routed(void **state)
{
	static const struct sample	 samples[] = {
		{ "X-Real-To: anna\n\n", "anna", NULL, "" },
		{ "X-Real-To: bo\n\n", "bo@example.org>7", NULL, "" },
		{ "X-Real-To: Bo+x\n\n", "bo+x@example.org>7(Bo+x@example.org)", NULL, "" },
		/* one account, one message: its own address before one with a detail, else the first */
		{ "X-Real-To: bo, bo+x\n\n", "bo@example.org>7", NULL, "" },
		{ "X-Real-To: bo+x, anna, Bo\n\n", "bo@example.org>7(Bo@example.org) anna", NULL, "" },
		{ "X-Real-To: bo+x, BO+X, bo+y\n\n", "bo+x@example.org>7", NULL, "" },
		{ "X-Real-To: bo+x\nX-Real-To: BO@example.net\n\n", "bo@example.org>7(BO@example.net)", NULL, "" },
		{ "X-Real-To: all\n\n", "anna carl away@example.net>9(all@example.org)", NULL, "" },
		{ "X-Real-To: all, anna, carl\n\n", "anna carl away@example.net>9(all@example.org)", NULL, "" },
		{ "X-Real-To: bsd, carl\n\n", "carl/.Lists.bsd carl", NULL, "" },
		{ "X-Real-To: gone\n\n", "!gone@example.org=moved away", NULL, "" },
		{ "X-Real-To: Gone, anna\n\n", "!Gone@example.org=moved away anna", NULL, "" },
		{ "X-Real-To: trap\n\n", "-~trap@example.org", NULL, "" },
		{ "X-Real-To: trap, anna\n\n", "anna", NULL, "" },
		{ "X-Real-To: trap, nobody\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: anna@example.net\n\n", "anna", NULL, "" },
		{ "X-Real-To: nobody@example.net\n\n", "~postmaster", "unknown here", "" },
		/* what no row has changed goes on as it came */
		{ "X-Real-To: John.Doe@Old.Example\n\n", "John.Doe@old.example>8", NULL, "" },
		{ "X-Real-To: \"john doe\"@old.example\n\n", "\"john doe\"@old.example>8", NULL, "" },
		/* percent and bang forms, where the domain's row allows them */
		{ "X-Real-To: anna%example.net@example.org\n\n", "anna", NULL, "" },
		{ "X-Real-To: Jo%OLD.example@example.org\n\n", "Jo@old.example>8(Jo%OLD.example@example.org)", NULL, "" },
		{ "X-Real-To: example.net!anna@example.org\n\n", "anna", NULL, "" },
		{ "X-Real-To: old.example!example.org!x@example.org\n\n",
		    "example.org!x@old.example>8(old.example!example.org!x@example.org)", NULL, "" },
		{ "X-Real-To: anna%example.org%example.org\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna%elsewhere.example@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: anna%example.org@example.net\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: %example.org@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: anna%@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: !anna@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "X-Real-To: a%example.org%example.org%example.org%example.org%example.org%example.org%example.org%example.org"
		    "%example.org%example.org\n\n", "~postmaster", "unknown here", "" }
	};

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	check(samples, nitems(samples));
	load(0);
}

/* What would not fit into a command of SMTP, quoted, goes to the postmaster: no address is ever cut. */
static void
too_long(void **state)
{
	char	 text[1024];
	size_t	 n, i;

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	for (n = 150; n <= 250; n += 50) {
		strlcpy(text, "X-Real-To: anna, \"", sizeof(text));
		for (i = 0; i < n; i++)
			strlcat(text, "\\\"", sizeof(text));
		strlcat(text, "\"@old.example\n\n", sizeof(text));
		assert_int_equal(decide(text, strlen(text)), 0);
		assert_int_equal(to.places.n, 2);
		assert_string_equal(to.places.list[0].dest, "example.org/anna");
		if (n == 150)
			assert_int_equal(strlen(to.places.list[1].dest), 2 * n + strlen("\"\"@old.example"));
		else
			assert_string_equal(to.places.list[1].dest, "example.org/postmaster");
		recipients_free(&to);
	}
	load(0);
}

/* The address that led to a Maildir is known if it is not the account's own one. */
static void
originals(void **state)
{
	static const char	 text[] = "X-Real-To: bsd@example.org, ANNA@example.org\n\n";

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	assert_int_equal(decide(text, sizeof(text) - 1), 0);
	assert_int_equal(to.places.n, 2);
	assert_string_equal(to.places.list[0].dest, "example.org/carl/.Lists.bsd");
	assert_string_equal(to.places.list[0].original, "bsd@example.org");
	assert_string_equal(to.places.list[1].dest, "example.org/anna");
	assert_null(to.places.list[1].original);
	recipients_free(&to);
	load(0);
}

/* In `*` mode only accounts here get a message, by whatever row, and never anything else. */
static void
star_routed(void **state)
{
	static const struct sample	 samples[] = {
		{ "To: anna@example.org, bo@example.org\n\n", "~anna ~bo@example.org>7", NULL, "" },
		{ "To: all@example.org\n\n", "~anna ~carl", NULL, "" },
		{ "To: bsd@example.org\n\n", "~carl/.Lists.bsd", NULL, "" },
		{ "To: x@old.example, anna@example.org\n\n", "~anna", NULL, "" },
		{ "To: x@old.example\n\n", "~postmaster", "belongs to an account", "" },
		{ "To: gone@example.org, trap@example.org\n\n", "~postmaster", "belongs to an account", "" },
		{ "To: x%old.example@example.org\n\n", "~postmaster", "belongs to an account", "" },
		{ "To: anna%example.net@example.org\n\n", "~anna", NULL, "" },
		{ "To: anna%example.org@example.net\n\n", "~postmaster", "belongs to an account", "" }
	};
	static const struct sample	 net_only[] = {
		{ "To: anna@example.org, carl@example.net\n\n", "~carl", NULL, "" },
		{ "To: anna@example.org\n\n", "~postmaster", "belongs to an account", "" }
	};

	(void)state;
	load_routes();
	mode(DIST_STAR, "");
	check(samples, nitems(samples));
	strlcpy(session.domains, "old.example example.net", sizeof(session.domains));
	check(net_only, nitems(net_only));
	load(0);
}

/* A record takes mail for several domains and for nothing outside of them; what the provider puts before local parts goes. */
static void
record_columns(void **state)
{
	static const struct sample	 domained[] = {
		{ "X-Real-To: anna@example.net, x@old.example\n\n", "anna x@old.example>8", NULL, "" },
		{ "X-Real-To: anna@EXAMPLE.net\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna\n\n", "anna", NULL, "" },
		{ "X-Real-To: anna@example.org\n\n", "~postmaster", "not in the record's domains", "" },
		{ "X-Real-To: anna@example.org, carl@example.net\n\n", "carl ~postmaster", "not in the record's domains", "" },
		{ "X-Real-To: anna%example.org\n\n", "~postmaster", "not in the record's domains", "" },
		{ "X-Real-To: anna@ample.net\n\n", "~postmaster", "not in the record's domains", "" }
	};
	static const struct sample	 prefixed[] = {
		{ "Delivered-To: mbox-anna@example.org\n\n", "anna", NULL, "" },
		{ "Delivered-To: MBOX-carl\n\n", "carl", NULL, "" },
		{ "Delivered-To: carl\n\n", "carl", NULL, "" },
		{ "Delivered-To: mbox-@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "Delivered-To: mbox-mbox-anna@example.org\n\n", "~postmaster", "unknown here", "" },
		{ "Delivered-To: mbox-anna%example.net@example.org\n\n", "anna", NULL, "" },
		{ "Delivered-To: mbox-bo+x@example.org\n\n", "bo+x@example.org>7", NULL, "" },
		{ "Delivered-To: mbox-sales@example.org\n\n", "anna", NULL, "" }
	};

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	strlcpy(session.domains, "example.net old.example", sizeof(session.domains));
	check(domained, nitems(domained));
	mode(DIST_FIELD, "Delivered-To");
	strlcpy(session.strip_prefix, "mbox-", sizeof(session.strip_prefix));
	check(prefixed, nitems(prefixed));
	load(0);
}

/* An ordered list of names; the one in a certain place. */
static void
names(void **state)
{
	static const struct sample	 listed[] = {
		{ "X-B: anna\n\n", "anna", NULL, "" },
		{ "X-B: anna\nX-A: carl\n\n", "carl", NULL, "" },
		{ "x-b: anna\nx-a: carl\nX-A: anna\n\n", "carl anna", NULL, "" },
		{ "X-A:\nX-B: anna\n\n", "~postmaster", "no address in the X-A field", "" },
		{ "X-A: nobody\nX-B: anna\n\n", "~postmaster", "recipient in the X-A field is unknown", "" },
		{ "X-C: anna\n\n", "anna", NULL, "" },
		{ "To: anna@example.org\n\n", "~postmaster", "there is no X-A X-B X-C field", "" }
	};
	static const struct sample	 second[] = {
		{ "X-A: anna\nX-B: bo\nX-A: carl\nX-A: anna\n\n", "carl", NULL, "" },
		{ "X-A: anna\nX-B: anna\nX-B: carl\n\n", "carl", NULL, "" },
		{ "X-A: anna\nX-B: anna\n\n", "~postmaster", "there is no X-A X-B X-C field", "" }
	};

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-A X-B X-C");
	check(listed, nitems(listed));
	session.special_nth = 2;
	check(second, nitems(second));
	load(0);
}

/* The address behind "for" in what the provider wrote: only where no field gives one, never below the trusted hop, never in doubt. */
static void
received_for(void **state)
{
#define BY	"by mx.provider.example (Postfix) with ESMTP id 4A"
	static const struct sample	 samples[] = {
		{ "Received: from a (b [192.0.2.7])\n\t" BY "\n\tfor <anna@example.org>; x\n\n", "anna", NULL, "" },
		{ "Received: from a " BY " for anna@example.org; x\n\n", "anna", NULL, "" },
		{ "Received: from a by mx.provider.example. for <Anna@Example.ORG> (y) with SMTP; x\n\n", "anna", NULL, "" },
		{ "Received: from a " BY " for <mbox-anna@example.org>\n\n", "anna", NULL, "" },
		{ "Received: from a " BY " for <gone@example.org>; x\n\n", "!gone@example.org=moved away", NULL, "" },
		{ "Received: from a " BY " for <nobody@example.org>; x\n\n", "~postmaster", "in the Received field is unknown here", "" },
		{ "X-Real-To: carl\nReceived: from a " BY " for <anna@example.org>; x\n\n", "carl", NULL, "" },
		{ "X-Real-To:\nReceived: from a " BY " for <anna@example.org>; x\n\n", "anna", NULL, "" },
		{ "X-Real-To: a b\nReceived: from a " BY " for <anna@example.org>; x\n\n", "~postmaster", "cannot be understood", "" },
		{ "X-Real-To: nobody\nReceived: from a " BY " for <anna@example.org>; x\n\n", "~postmaster", "unknown here", "" },
		/* the hop's own first, then upwards, never downwards */
		{ "Received: from mx by in.provider.example for <carl@example.org>; x\nReceived: from a " BY " for <anna@example.org>; x\n\n",
		    "anna", NULL, "" },
		{ "Received: from mx by in.provider.example for <carl@example.org>; x\nReceived: from a " BY "; x\n\n", "carl", NULL, "" },
		{ "Received: from a " BY "; x\nX-Real-To: carl\nReceived: from a " BY " for <anna@example.org>; x\n\n", "~postmaster",
		    "no X-Real-To field stands above", "" },
		{ "Received: from a " BY "; x\nReceived: from b by other.example for <anna@example.org>; x\n\n", "~postmaster",
		    "there is no X-Real-To field", "" },
		{ "Received: from b by other.example for <anna@example.org>; x\n\n", "~postmaster", "there is no Received field by", "" },
		/* several, or none that is sure */
		{ "Received: from a " BY " for <anna@example.org> <carl@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <anna@example.org>, <carl@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <anna@example.org> for <carl@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <anna@@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <anna>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for anna; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <anna@example.org\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " (for <anna@example.org>); x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a " BY " for <>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		/* what a sender says his name is */
		{ "Received: from for <anna@example.org> (b) " BY "; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from for <anna@example.org> (b) " BY " for <carl@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from by mx.provider.example for <anna@example.org>; (b) " BY "; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from by mx.provider.example for <anna@example.org> ( (b) " BY "; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from by mx.provider.example for <anna@example.org> \" (b) " BY "; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from by mx.provider.example for <anna@example.org> < (b) " BY "; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from by by mx.provider.example for <anna@example.org>; x\n\n", "~postmaster", "no X-Real-To field", "" },
		{ "Received: from a (" BY " for <anna@example.org>); x\n\n", "~postmaster", "no X-Real-To field", "" }
	};
	static const struct sample	 off[] = {
		{ "Received: from a " BY " for <anna@example.org>; x\n\n", "~postmaster", "there is no X-Real-To field", "" }
	};

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	strlcpy(session.trusted_hop, "mx.provider.example", sizeof(session.trusted_hop));
	strlcpy(session.strip_prefix, "mbox-", sizeof(session.strip_prefix));
	check(off, nitems(off));
	session.received_for = 1;
	check(samples, nitems(samples));
	load(0);
#undef BY
}

/* The archive gets each message once, and not what goes straight into a folder. */
static void
archive(void **state)
{
	static const struct sample	 fields[] = {
		{ "X-Real-To: anna, bo\n\n", "anna bo@example.org>7 ~carl/.Archive", NULL, "" },
		{ "X-Real-To: archive\n\n", "carl/.Archive", NULL, "" },
		{ "X-Real-To: nobody\n\n", "~postmaster ~carl/.Archive", "unknown", "" },
		{ "X-Real-To: gone\n\n", "!gone@example.org=moved away", NULL, "" },
		{ "X-Real-To: trap\n\n", "-~trap@example.org", NULL, "" }
	};
	static const struct sample	 owned[] = { { "\n", "~bo@example.org>7 ~carl/.Archive", NULL, "" } };
	static const struct sample	 folder[] = { { "\n", "~bo/.Lists.x", NULL, "" } };

	(void)state;
	memset(&start, 0, sizeof(start));
	start.hop_limit = 20;
	strlcpy(start.archive, "archive@example.org", sizeof(start.archive));
	load_table(0, 1);
	mode(DIST_FIELD, "X-Real-To");
	check(fields, nitems(fields));
	mode(DIST_OWNER, "");
	check(owned, nitems(owned));
	strlcpy(session.mailbox, "Lists/x", sizeof(session.mailbox));
	check(folder, nitems(folder));
	load(0);
}

static size_t
hops(char *text, size_t size, int n, const char *rest)
{
	size_t	 len = 0;

	while (n-- > 0)
		len += snprintf(text + len, size - len, "Received: from a by b%d;\n x\n", n);
	return (len + snprintf(text + len, size - len, "%s", rest));
}

/* What goes round and round is kept in quarantine, and goes nowhere. */
static void
loops(void **state)
{
	char			 text[8192], ours[MARK_SIZE];
	struct sample		 s = { text, "anna", NULL, "" };
	static const struct {
		const char	*fmt, *to;
		int		 stopped;
	}	 marks[] = {
		{ "X-Rpopd-Mark: %s\nX-Real-To: anna\nMessage-ID: <a@b>\nSubject: x\n\n", "?~example.org/anna", 1 },
		{ "Subject:  x \nX-Real-To: anna\nReceived: x\nx-rpopd-mark:%s \nMessage-ID:\n\t<a@b>\n\n", "?~example.org/anna", 1 },
		{ "X-Rpopd-Mark: 00\nX-Rpopd-Mark: %s\nX-Real-To: gone, trap, all\nMessage-ID: <a@b>\nSubject: x\n\n", "", 1 },
		{ "X-Rpopd-Mark: %s\nX-Real-To: gone\nMessage-ID: <a@b>\nSubject: x\n\n", "?~example.org/postmaster", 1 },
		{ "X-Rpopd-Mark: %sx\nX-Real-To: anna\nMessage-ID: <a@b>\nSubject: x\n\n", "anna", 0 },
		{ "X-Rpopd-Mark: %s\nX-Real-To: anna\nMessage-ID: <a@c>\nSubject: x\n\n", "anna", 0 },
		{ "X-Rpopd-Mark: %s\nX-Real-To: anna\nMessage-ID: <a@b>\nSubject: Re: x\n\n", "anna", 0 },
		{ "X-Rpopd-Mark: %s\nResent-To: anna\nX-Real-To: anna\nMessage-ID: <a@b>\nSubject: x\n\n", "anna", 0 },
		{ "X-Real-To: anna\nMessage-ID: <a@b>\nSubject: x\n\nX-Rpopd-Mark: %s\n", "anna", 0 }
	};
	size_t			 i;

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	hops(text, sizeof(text), 20, "X-Real-To: anna\n\n");
	check(&s, 1);
	decide(text, hops(text, sizeof(text), 21, "X-Real-To: anna, bo\n\n"));
	assert_true(to.loop && !to.fallback && to.places.n == 2);
	assert_true(to.places.list[0].kind == RCPT_QUARANTINE && to.places.list[0].nexthop == 0);
	assert_true(to.places.list[1].kind == RCPT_QUARANTINE && to.places.list[1].nexthop == 7);
	assert_string_equal(to.places.list[0].dest, "example.org/anna");
	assert_string_equal(to.places.list[1].dest, "bo@example.org");
	assert_string_equal(to.places.list[1].reason, to.reason);
	assert_non_null(strstr(to.reason, "more than 20 Received"));
	recipients_free(&to);
	/* our own mark: for this message and this mailbox only */
	session.mailbox_id = 5;
	decide("Message-ID: <a@b>\nSubject: x\n\n", 31);
	strlcpy(ours, to.mark, sizeof(ours));
	assert_int_equal(strlen(ours), 64);
	recipients_free(&to);
	for (i = 0; i < nitems(marks); i++) {
		snprintf(text, sizeof(text), marks[i].fmt, ours);
		assert_int_equal(decide(text, strlen(text)), 0);
		if (to.loop != marks[i].stopped || (to.loop && strstr(to.reason, "retrieved from the same") == NULL))
			fail_msg("`%s': %d, `%s'", text, to.loop, to.reason);
		recipients_free(&to);
	}
	session.mailbox_id = 6;
	snprintf(text, sizeof(text), marks[0].fmt, ours);
	decide(text, strlen(text));
	assert_true(!to.loop && strlen(to.mark) == 64 && strcmp(to.mark, ours) != 0);
	recipients_free(&to);
	/* without a mailbox there is no mark, and none counts */
	session.mailbox_id = 0;
	decide("X-Rpopd-Mark:\nX-Real-To: anna\n\n", 33);
	assert_true(!to.loop && to.mark[0] == '\0');
	recipients_free(&to);
	load(0);
}

/* Lines of printable ASCII, never too long. */
static void
noted(void **state)
{
	static char	 text[HEADER_MAX];
	const uint8_t	*p;
	size_t		 i, len;

	(void)state;
	load_routes();
	mode(DIST_FIELD, "X-Real-To");
	decide("X-Real-To: Bo+x, \xc3\xbcx, gone\n\n", 31);
	p = buf_data(&to.note);
	assert_non_null(memmem(p, buf_len(&to.note), "1 of the fields X-Real-To count", 31));
	assert_non_null(memmem(p, buf_len(&to.note), "bo+x@example.org: an account", 28));
	assert_non_null(memmem(p, buf_len(&to.note), "rejects: moved away", 19));
	assert_non_null(memmem(p, buf_len(&to.note), "unknown here", 12));
	for (i = 0; i < buf_len(&to.note); i++)
		assert_true(p[i] == '\n' || (p[i] >= ' ' && p[i] <= '~'));
	recipients_free(&to);
	mode(DIST_STAR, "");
	decide("To: anna@example.org, b\xf6@example.org\nCc:  x y\\ , \"z\n\n", 54);
	assert_true(to.fallback && to.places.n == 2);
	assert_non_null(memmem(buf_data(&to.note), buf_len(&to.note), "cannot be read: b\\366@example.org\n", 34));
	assert_non_null(memmem(buf_data(&to.note), buf_len(&to.note), "cannot be read: x y\\\\\n", 22));
	assert_non_null(memmem(buf_data(&to.note), buf_len(&to.note), "cannot be read: \"z\n", 19));
	assert_non_null(memmem(buf_data(&to.note), buf_len(&to.note), "0 addresses are not of accounts here, 3 cannot be read\n", 55));
	recipients_free(&to);
	memset(text, 'x', 60000);
	memcpy(text, "To: \xff", 5);
	memcpy(text + 60000, "\n\n", 2);
	decide(text, 60002);
	assert_in_range(buf_len(&to.note), 100, 600);
	recipients_free(&to);
	mode(DIST_FIELD, "X-Real-To");
	len = crowd(text, sizeof(text), "X-Real-To", 1000);
	decide(text, len);
	assert_in_range(buf_len(&to.note), PROTO_NOTE_SIZE / 2, PROTO_NOTE_SIZE - 1);
	assert_int_equal(buf_data(&to.note)[buf_len(&to.note) - 1], '\n');
	recipients_free(&to);
	load(0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(routed), cmocka_unit_test(too_long), cmocka_unit_test(originals), cmocka_unit_test(star_routed), cmocka_unit_test(record_columns), cmocka_unit_test(names), cmocka_unit_test(received_for),
		cmocka_unit_test(archive), cmocka_unit_test(loops), cmocka_unit_test(noted)
	};

	return (cmocka_run_group_tests(tests, setup, NULL));
}
