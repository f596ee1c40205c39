/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lmd */
/* What a message is recognised by: same header, same fingerprint, whatever the segmentation, the server, the migration. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sha2.h>

#include "common/compat.h"
#include "fetcher/pop3.h"

static struct fingerprint	 fp;

static void
take(const void *text, size_t len, size_t seg, uint8_t *fingerprint)
{
	const uint8_t	*p = text;
	size_t		 n;

	fingerprint_begin(&fp);
	for (; len > 0; p += n, len -= n) {
		n = seg < len ? seg : len;
		fingerprint_feed(&fp, p, n);
	}
	assert_int_equal(fingerprint_finish(&fp, fingerprint), 0);
}

static int
same(const char *a, const char *b)
{
	uint8_t	 x[PROTO_DIGEST_LEN], y[PROTO_DIGEST_LEN];

	take(a, strlen(a), SIZE_MAX, x);
	take(b, strlen(b), SIZE_MAX, y);
	return (memcmp(x, y, sizeof(x)) == 0);
}

static int
none(const char *text)
{
	static const uint8_t	 zero[PROTO_DIGEST_LEN];
	uint8_t			 x[PROTO_DIGEST_LEN];

	take(text, strlen(text), 1, x);
	return (memcmp(x, zero, sizeof(x)) == 0);
}

static const char	 mail[] =
    "Received: from b by c\r\n\tfor <d>; Mon, 1 Jan 2024 00:00:01 +0000\r\n"
    "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    "From: Anna <anna@example.org>\r\n"
    "Subject: one\r\n two\r\n"
    "X-Empty:\r\n"
    "Message-ID: <1@example.org>\r\n"
    "\r\n"
    "Not: a field\r\n";

/* What is hashed, octet for octet: fingerprints are stored, so this must not change. */
static void
test_form(void **state __unused)
{
	static const char	 fields[] = "from:Anna <anna@example.org>\nsubject:one two\nx-empty:\nmessage-id:<1@example.org>\n";
	static const char	 trace[] = "received:from a by b; Mon, 1 Jan 2024 00:00:00 +0000\n";
	uint8_t			 got[PROTO_DIGEST_LEN], want[PROTO_DIGEST_LEN];
	SHA2_CTX		 ctx;
	size_t			 seg;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)trace, sizeof(trace) - 1);
	SHA256Final(want, &ctx);
	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)fields, sizeof(fields) - 1);
	SHA256Update(&ctx, want, sizeof(want));
	SHA256Final(want, &ctx);
	for (seg = 1; seg <= sizeof(mail); seg++) {
		take(mail, sizeof(mail) - 1, seg, got);
		assert_memory_equal(got, want, sizeof(want));
	}
}

/* Every cut into two. */
static void
test_segments(void **state __unused)
{
	uint8_t	 got[PROTO_DIGEST_LEN], want[PROTO_DIGEST_LEN];
	size_t	 i;

	take(mail, sizeof(mail) - 1, SIZE_MAX, want);
	for (i = 0; i < sizeof(mail); i++) {
		fingerprint_begin(&fp);
		fingerprint_feed(&fp, (const uint8_t *)mail, i);
		fingerprint_feed(&fp, (const uint8_t *)mail + i, sizeof(mail) - 1 - i);
		assert_int_equal(fingerprint_finish(&fp, got), 0);
		assert_memory_equal(got, want, sizeof(want));
	}
}

static void
test_equal(void **state __unused)
{
	static const char	*const t[][2] = {
		{ "Subject: a b\r\n\r\n",	"subject:a\tb \r\n\r\n" },
		{ "Subject: a b\r\n\r\n",	"SUBJECT: \r\n  a\r\n\t \r\n b\r\n\r\n" },
		{ "Subject: a b\r\n\r\n",	"Subject : a b\n\nbody" },
		{ "Subject: a b\r\n\r\n",	"Subject: a b" },
		{ "Subject: a b\r\n\r\n",	"Subject: a b\r\n\r\nbody: x\r\n" },
		{ "Subject: a b\r\n\r\n",	"Subject: a b\r\r\n\r\r\n" },
		{ "Subject: a b\r\n\r\n",	"From a@b Mon Jan  1 00:00:00 2024\r\nSubject: a b\r\n\r\n" },
		{ "Subject: a b\r\n\r\n",	">From a@b\r\nSubject: a b\r\n\r\n" },
		{ "Subject: a b\r\n\r\n",	"Subject: a b\r\nno field: this is text\r\n\r\n" },
		{ "Subject: a b\r\n\r\n",	"Status: RO\r\nSubject: a b\r\nX-UID: 7\r\n folded\r\nX-Keywords:\r\n\r\n" },
		{ "Subject: a b\r\n\r\n",
		    "Return-Path: <>\r\nDelivered-To: x\r\nX-Mozilla-Status2: 0\r\nContent-Length: 5\r\nSubject: a b\r\n\r\n" },
		{ "Received: x\r\nA: b\r\n\r\n",
		    "Received: new\r\n\tone\r\nDelivered-To: z\r\nReceived: x\r\nA: b\r\n\r\n" }
	};
	size_t	 i;

	for (i = 0; i < nitems(t); i++)
		if (!same(t[i][0], t[i][1]))
			fail_msg("%s", t[i][1]);
}

static void
test_different(void **state __unused)
{
	static const char	*const t[] = {
		"Subject: a b\r\n\r\n", "Subject: a c\r\n\r\n", "Subject: ab\r\n\r\n", "Subject: A b\r\n\r\n", "Subjects: a b\r\n\r\n",
		"Subject: a b\r\nSubject: a b\r\n\r\n", "Subject:\r\n\r\n", "Subject: a b\r\nTo: x\r\n\r\n", "To: x\r\nSubject: a b\r\n\r\n",
		"Received: a b\r\n\r\n", "Received: a c\r\n\r\n", "Received: a b\r\nSubject: a b\r\n\r\n",
		"Received: a c\r\nSubject: a b\r\n\r\n", "X-Status-Of: a b\r\n\r\n", "Subject: a\r\n b\r\n c\r\n\r\n", "From: a b\r\n\r\n"
	};
	size_t	 i, j;

	for (i = 0; i < nitems(t); i++)
		for (j = 0; j < i; j++)
			if (same(t[i], t[j]))
				fail_msg("%s and %s", t[i], t[j]);
}

static void
test_none(void **state __unused)
{
	static char	 name[FINGERPRINT_NAME_MAX + 8];

	assert_true(none(""));
	assert_true(none("\r\n"));
	assert_true(none("\r\nSubject: in the body\r\n"));
	assert_true(none("Hello there,\r\nSubject: x\r\n"));
	assert_true(none(" folded: nothing\r\nSubject: x\r\n\r\n"));
	assert_true(none(": x\r\nSubject: x\r\n\r\n"));
	assert_true(none("Status: RO\r\nX-UIDL: 7\r\n\r\n"));
	assert_true(none("From a@b\r\nFrom a@b\r\nSubject: x\r\n\r\n"));
	assert_true(none("\x80: x\r\n\r\n"));
	memset(name, 'n', FINGERPRINT_NAME_MAX);
	strlcpy(name + FINGERPRINT_NAME_MAX, ":\r\n", 4);
	assert_false(none(name));
	strlcpy(name + FINGERPRINT_NAME_MAX, "n:\r\n", 5);
	assert_true(none(name));
}

/* A field without end, a header without end: constant memory, and what lies behind the cap counts no more. */
static void
test_long(void **state __unused)
{
	static uint8_t	 text[400000];
	uint8_t		 a[PROTO_DIGEST_LEN], b[PROTO_DIGEST_LEN];

	memset(text, 'x', sizeof(text));
	memcpy(text, "A: ", 3);
	take(text, sizeof(text), SIZE_MAX, a);
	take(text, sizeof(text), 777, b);
	assert_memory_equal(a, b, sizeof(a));
	text[262144] = 'y';
	take(text, sizeof(text), 16000, b);
	assert_memory_equal(a, b, sizeof(a));
	text[262143] = 'y';
	take(text, sizeof(text), 16000, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void
drop(void *arg __unused, const uint8_t *p __unused, size_t len __unused)
{
}

/* RETR and TOP n 0, the latter as servers answer it. */
static void
test_retr_and_top(void **state __unused)
{
	static const char	 retr[] = "Received: a; b\r\n..C: d\r\n e\r\n\r\nbody\r\n..\r\n.\r\n",
				 top[] = "Received: a; b\r\n..C: d\r\n e\r\n\r\n.\r\n",
				 bare[] = "Received: a; b\r\n..C: d\r\n e\r\n.\r\n";
	static struct stream	 s;
	const char		*t[] = { retr, top, bare, retr };
	uint8_t			 digest[PROTO_DIGEST_LEN], fingerprint[4][PROTO_DIGEST_LEN];
	size_t			 i;

	assert_int_equal(stream_init(&s, drop, NULL), 0);
	for (i = 0; i < nitems(t); i++) {
		assert_int_equal(stream_begin(&s, i == 0 ? STREAM_WHOLE : STREAM_FINGERPRINT), 0);
		assert_int_equal(stream_feed(&s, (const uint8_t *)t[i], strlen(t[i])), strlen(t[i]));
		assert_int_equal(stream_finish(&s, digest, fingerprint[i]), 0);
		assert_memory_equal(fingerprint[i], fingerprint[0], sizeof(fingerprint[0]));
		assert_int_not_equal(fingerprint[i][0] | fingerprint[i][1] | fingerprint[i][2], 0);
	}
	stream_free(&s);
}

static int
tells(const char *header)
{
	uint8_t	 fingerprint[PROTO_DIGEST_LEN];

	take(header, strlen(header), 1, fingerprint);
	return (fingerprint_tells(&fp));
}

/* What a device writes each time alike is no proof of anything, and a stream gives no fingerprint of it. */
static void
test_tells(void **state __unused)
{
	static const char	 alarm[] = "From: d@example.net\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nfire\r\n.\r\n";
	static const uint8_t	 zero[PROTO_DIGEST_LEN];
	static struct stream	 s;
	uint8_t			 digest[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];

	assert_true(tells(mail));
	assert_true(tells("Received: from a\r\n\tby b;\r\n\tMon, 1 Jan 2024 00:00:00 +0000\r\n\r\n"));
	assert_true(tells("Date: x\r\nMESSAGE-ID:\r\n <y>"));
	assert_true(tells("Received: from a by b\r\nReceived: from c by d; x\r\n\r\n"));
	assert_false(tells("Received: from a by b; x\r\nReceived: from c by d\r\n\r\n"));	/* the last one counts */
	assert_false(tells("Received: from a by b\r\nSubject: a; b\r\n\r\n"));
	assert_false(tells("Date: x\r\nFrom: a; b\r\n\r\nMessage-ID: <y>\r\n"));
	assert_false(tells("Date:\r\nMessage-ID: <y>\r\n\r\n"));
	assert_false(tells("Date: x\r\nMessage-ID: \r\n\r\n"));
	assert_false(tells(""));
	assert_int_equal(stream_init(&s, drop, NULL), 0);
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	assert_int_equal(stream_feed(&s, (const uint8_t *)alarm, strlen(alarm)), strlen(alarm));
	assert_int_equal(stream_finish(&s, digest, fingerprint), 0);
	assert_memory_equal(fingerprint, zero, sizeof(zero));
	stream_free(&s);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_different),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_retr_and_top),
		cmocka_unit_test(test_tells)
	};

	if (fingerprint_init(&fp) == -1)
		return (1);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
