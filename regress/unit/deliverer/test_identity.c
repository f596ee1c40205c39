/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* What is the same message, and the mark made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer/deliverer.h"

#define BASE	"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nSubject: x y\n\nbody\n"

/* Identity of a message fed in pieces of this size. */
static void
identify(const char *text, size_t piece, int headers, uint8_t digest[PROTO_DIGEST_LEN])
{
	struct header	 h;
	size_t		 at = 0, n, len = strlen(text);
	ssize_t		 used;

	header_init(&h, DIST_FIELD, "X-Real-To");
	while (at < len) {
		n = len - at < piece ? len - at : piece;
		used = h.done ? 0 : header_feed(&h, (const uint8_t *)text + at, n);
		assert_true(used >= 0);
		if (h.done && n > (size_t)used)
			identity_body(&h.identity, (const uint8_t *)text + at + used, n - used);
		at += n;
	}
	assert_int_equal(header_finish(&h), 0);
	identity_final(&h.identity, headers, digest);
	header_free(&h);
}

static int
same(const char *a, const char *b)
{
	uint8_t	 x[PROTO_DIGEST_LEN], y[PROTO_DIGEST_LEN];

	identify(a, SIZE_MAX, 0, x);
	identify(b, SIZE_MAX, 0, y);
	return (memcmp(x, y, sizeof(x)) == 0);
}

static void
copies(void **state)
{
	static const char *const	 texts[] = {
		"Received: from a by b\nReturn-Path: <x@y>\nX-Real-To: anna\nDelivered-To: z\nX-Spam-Score: 3\n" BASE,
		"message-id:<a@b> \nDATE : d\nFrom:\tf\nTo:\n t\nSubject: x\n\t  y\n\nbody\n",
		"Subject: x y\nTo: t\nBcc: q\nFrom: f\nDate: d\nMessage-ID: <a@b>\n\nbody\n",
		"X-Rpopd-Mark: 00\nX-Rpopd-Reason: r\n" BASE
	};
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(texts); i++)
		if (!same(BASE, texts[i]))
			fail_msg("`%s'", texts[i]);
}

static void
others(void **state)
{
	static const char *const	 texts[] = {
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nSubject: x y\n\nbody\n\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nSubject: x y\n\nBody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nSubject: xy\n\nbody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nSubject: x Y\n\nbody\n",
		"Message-ID: <a@c>\nDate: d\nFrom: f\nTo: t\nSubject: x y\n\nbody\n",
		"Message-ID: <a@b>\nDate: e\nFrom: f\nTo: t\nSubject: x y\n\nbody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: g\nTo: t\nSubject: x y\n\nbody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: u\nSubject: x y\n\nbody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nCc: t\nSubject: x y\n\nbody\n",
		"Message-ID: <a@b>\nDate: d\nFrom: f\nTo: t\nTo:\nSubject: x y\n\nbody\n",
		"Date: d\nFrom: f\nTo: t\nSubject: x y\n\nbody\n",
		"Sender: s\n" BASE, "Reply-To: s\n" BASE, "Cc: s\n" BASE, "In-Reply-To: s\n" BASE, "References: s\n" BASE,
		"List-Id: s\n" BASE, "Resent-From: s\n" BASE, "Resent-X: s\n" BASE, "Content-Type: text/html\n" BASE,
		"Content-Transfer-Encoding: base64\n" BASE,
		"no field\n" BASE
	};
	size_t				 i, k;

	(void)state;
	for (i = 0; i < nitems(texts); i++) {
		if (same(BASE, texts[i]))
			fail_msg("`%s'", texts[i]);
		for (k = 0; k < i; k++)
			assert_false(same(texts[i], texts[k]));
	}
	assert_false(same("Resent-To: a\nResent-Cc: b\n\n", "Resent-Cc: b\nResent-To: a\n\n"));
	assert_false(same("Subject: a\nSubject: b\n\n", "Subject: b\nSubject: a\n\n"));
	assert_false(same("Subject: a\n\nSubject: b\n", "Subject: a\nSubject: b\n\n"));
}

/* However the octets are cut, also within the line that ends the header by being no field. */
static void
cuts(void **state)
{
	static const char *const	 texts[] = {
		BASE, "Subject: a\r\n  b\r\nno field\r\nbody\r\n", "Subject", "", "Subject: x\r\r\n\r\n", "A: b\r\nSubject"
	};
	uint8_t				 x[PROTO_DIGEST_LEN], y[PROTO_DIGEST_LEN];
	size_t				 i, piece;

	(void)state;
	for (i = 0; i < nitems(texts); i++) {
		identify(texts[i], SIZE_MAX, 0, x);
		for (piece = 1; piece < 30; piece++) {
			identify(texts[i], piece, 0, y);
			if (memcmp(x, y, sizeof(x)) != 0)
				fail_msg("`%s' in pieces of %zu", texts[i], piece);
		}
		identify(texts[i], SIZE_MAX, 1, y);
		assert_memory_not_equal(x, y, sizeof(x));
	}
}

/* The Message-ID as people see it and a search finds it, in pieces of each size. */
static void
msgid(const char *text, size_t len, const char *want)
{
	struct header	 h;
	char		 got[PROTO_MSGID_SIZE];
	size_t		 piece, at;

	for (piece = len; piece > 0; piece = piece > 50 ? piece / 2 : piece - 1) {
		header_init(&h, DIST_OWNER, "");
		for (at = 0; at < len; at += piece)
			assert_true(header_feed(&h, (const uint8_t *)text + at, len - at < piece ? len - at : piece) >= 0);
		identity_msgid(&h.identity, got, sizeof(got));
		header_free(&h);
		assert_string_equal(got, want);
	}
}

static void
msgids(void **state)
{
	static const struct {
		const char	*text;
		size_t		 len;
		const char	*want;
	}	 rows[] = {
#define ROW(text, want)	{ text, sizeof(text) - 1, want }
		ROW("Message-ID: <a@b>\r\n\r\n", "a@b"),
		ROW("MESSAGE-id:\r\n\t<a@b>  \r\n\r\n", "a@b"),
		ROW("Message-ID: <a@b> (c) <d@e>\r\nMessage-ID: <f@g>\r\n\r\n", "a@b"),
		ROW("Message-ID: a@b \r\n\r\n", "a@b"),
		ROW("Message-ID: <a\r\n b@ c\r\n\r\n", "ab@c"),
		ROW("Message-ID: <>\r\n\r\n", ""),
		ROW("Message-ID:\r\n\r\n", ""),
		ROW("Subject: <a@b>\r\n\r\n", ""),
		ROW("Message-ID: <\033]0;x\007\0\\\377@b>\r\n\r\n", "\\033]0;x\\a\\000\\\\\\377@b"),
	};
	static char	 text[10100], want[PROTO_MSGID_SIZE];
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		msgid(rows[i].text, rows[i].len, rows[i].want);
	/* 10,000 octets: what log_vis() shows of them; of escapes, what there is room for. */
	snprintf(text, sizeof(text), "Message-ID: <%0*d>\r\n\r\n", 10000, 0);
	memset(want, '0', LOG_VIS_MAX);
	msgid(text, strlen(text), want);
	memset(text + 13, 0x1b, 10000);
	for (i = 0; i + 4 < sizeof(want); i += 4)
		memcpy(want + i, "\\033", 5);
	msgid(text, strlen(text), want);
}

/* Values that another implementation (Python's hmac and hashlib) came to. */
static void
known(void **state)
{
	static const char	 text[] = "Received: by x\nMessage-ID: <a@b>\nResent-To: z\nSubject:  x\n y \n\n";
	uint8_t			 key[PROTO_DIGEST_LEN], digest[PROTO_DIGEST_LEN];
	struct header		 h;
	char			 mark[MARK_SIZE], hex[MARK_SIZE];
	size_t			 i;

	(void)state;
	header_init(&h, DIST_OWNER, "");
	assert_true(header_feed(&h, (const uint8_t *)text, sizeof(text) - 1) > 0);
	identity_header(&h.identity, digest);
	for (i = 0; i < sizeof(digest); i++) {
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
		key[i] = i;
	}
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_string_equal(hex, "a9e0c261e607c79ed9a9df1ca1eacb15e187ac99ded1f116ce32f143f66a0daf");
	mark_make(key, 5, &h.identity, mark);
	assert_string_equal(mark, "394f9f7fcf902714fc4b93e44c551bd989685309ae4f40c1467856c8b38596e9");
#endif
	mark_make(key, 0, &h.identity, mark);
	assert_string_equal(mark, "");
	memset(key, 0, sizeof(key));
	mark_make(key, 5, &h.identity, mark);
	assert_string_equal(mark, "");
	header_free(&h);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(copies), cmocka_unit_test(others), cmocka_unit_test(cuts), cmocka_unit_test(known),
		cmocka_unit_test(msgids)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
