/* SPDX-License-Identifier: ISC */
/* links: deliverer */
/* The header parser: what is kept, removed and collected, the same however the octets are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "deliverer/deliverer.h"

struct sample {
	enum dist_mode	 mode;
	const char	*special;
	const char	*text;
	size_t		 len;
	const char	*out;		/* what is kept, then what was not consumed */
	size_t		 outlen;
	const char	*fields;	/* kind's letter and body of each, in [] */
};

#define OWNER	DIST_OWNER, ""
#define STAR	DIST_STAR, ""
#define REALTO	DIST_FIELD, "X-Real-To"
#define FIELD(name)	DIST_FIELD, name
#define S(mode, text, out, fields)	{ mode, text, sizeof(text) - 1, out, sizeof(out) - 1, fields }

static const struct sample samples[] = {
	/* line ends */
	S(OWNER, "", "", ""),
	S(OWNER, "\r\n", "\n", ""),
	S(OWNER, "\n", "\n", ""),
	S(OWNER, "\r\nbody\r\n", "\nbody\r\n", ""),
	S(OWNER, "A: b\r\n\r\nbody\r\n", "A: b\n\nbody\r\n", ""),
	S(OWNER, "A: b\n\nbody", "A: b\n\nbody", ""),
	S(OWNER, "A: b\nC: d\r\n\nbody", "A: b\nC: d\n\nbody", ""),
	S(OWNER, "A: b\r\r\n\r\n", "A: b\r\n\n", ""),
	S(OWNER, "A: b\rc\r\n\r\n", "A: b\rc\n\n", ""),
	S(OWNER, "A: \r\r\rc\r\n\r\n", "A: \r\r\rc\n\n", ""),
	S(OWNER, "A: b\r", "A: b\r", ""),
	S(OWNER, "A: b", "A: b", ""),
	S(OWNER, "A: b\r\n", "A: b\n", ""),
	S(OWNER, "A:\r\n\r\n", "A:\n\n", ""),
	S(OWNER, "A:\0\xff\x80\x1b\r\n\0\r\n", "A:\0\xff\x80\x1b\n\0\r\n", ""),
	S(OWNER, "A: b\r\n\r\n\r\n\r\n", "A: b\n\n\r\n\r\n", ""),
	S(OWNER, "A: b\r\n\r", "A: b\n\r", ""),
	S(OWNER, "A: b\r\n\rX\r\n", "A: b\n\rX\r\n", ""),
	S(OWNER, "A: b\r\n\r\r\n", "A: b\n\r\r\n", ""),
	/* what is no field is body */
	S(OWNER, "garbage\r\nReturn-Path: <a@b>\r\n", "garbage\r\nReturn-Path: <a@b>\r\n", ""),
	S(OWNER, "garbage", "garbage", ""),
	S(OWNER, "A: b\r\ngarbage\r\nReturn-Path: <a@b>\r\n", "A: b\ngarbage\r\nReturn-Path: <a@b>\r\n", ""),
	S(OWNER, "A: b\r\nno field: here\r\n", "A: b\nno field: here\r\n", ""),
	S(OWNER, "A: b\r\n: x\r\n", "A: b\n: x\r\n", ""),
	S(OWNER, "A: b\r\nA\0B: x\r\n", "A: b\nA\0B: x\r\n", ""),
	S(OWNER, "A: b\r\n\xc3\xb8: x\r\n", "A: b\n\xc3\xb8: x\r\n", ""),
	S(OWNER, "A: b\r\n\x7f: x\r\n", "A: b\n\x7f: x\r\n", ""),
	S(OWNER, "A: b\r\nReturn-Path\r\n: <a@b>\r\n", "A: b\nReturn-Path\r\n: <a@b>\r\n", ""),
	S(OWNER, "A: b\r\nReturn-Path", "A: b\nReturn-Path", ""),
	/* a line from an mbox, on top only */
	S(OWNER, "From a@b Mon Jan  1 00:00:00 2024\r\nReturn-Path: <a@b>\r\nA: b\r\n\r\nx",
	    "From a@b Mon Jan  1 00:00:00 2024\nA: b\n\nx", "R[ <a@b>]"),
	S(OWNER, ">From a@b Mon Jan 1\nA: b\r\n\r\n", ">From a@b Mon Jan 1\nA: b\n\n", ""),
	S(OWNER, "From \r\nA: b\r\n\r\n", "From \nA: b\n\n", ""),
	S(OWNER, "From \r\n\r\n", "From \n\n", ""),
	S(OWNER, "From x\r\n y\r\nReturn-Path: <a>\r\n\r\n", "From x\n y\n\n", "R[ <a>]"),
	S(OWNER, "From x\r\nFrom y\r\nReturn-Path: <a@b>\r\n", "From x\nFrom y\r\nReturn-Path: <a@b>\r\n", ""),
	S(OWNER, "A: b\r\nFrom x\r\nReturn-Path: <a@b>\r\n", "A: b\nFrom x\r\nReturn-Path: <a@b>\r\n", ""),
	S(OWNER, "From", "From", ""),
	S(OWNER, "From ", "From ", ""),
	S(OWNER, "From\tx\r\nReturn-Path: <a@b>\r\n", "From\tx\r\nReturn-Path: <a@b>\r\n", ""),
	S(OWNER, "From : a@b\r\nReturn-Path: <c@d>\r\n\r\n", "From : a@b\n\n", "R[ <c@d>]"),
	S(OWNER, "Fromage x\r\nReturn-Path: <a@b>\r\n", "Fromage x\r\nReturn-Path: <a@b>\r\n", ""),
	/* blanks on top belong to no field */
	S(OWNER, " x\r\nA: b\r\n\r\n", " x\nA: b\n\n", ""),
	S(OWNER, "\tReturn-Path: <a@b>\r\nReturn-Path: <c@d>\r\n\r\n", "\tReturn-Path: <a@b>\n\n", "R[ <c@d>]"),
	S(OWNER, " \r\n\r\n", " \n\n", ""),
	/* Return-Path goes, every instance, in any letter case, with its continuation lines */
	S(OWNER, "Return-Path: <a@b>\r\nA: b\r\n\r\n", "A: b\n\n", "R[ <a@b>]"),
	S(OWNER, "rETURN-pATH:<a@b>\r\nA: b\r\nRETURN-PATH:\r\n <c@d>\r\n\r\nReturn-Path: x",
	    "A: b\n\nReturn-Path: x", "R[<a@b>]R[ <c@d>]"),
	S(OWNER, "Return-Path:\r\n <a@b>\r\n\t(x)\r\nA: b\r\n c\r\n\r\n", "A: b\n c\n\n", "R[ <a@b>\t(x)]"),
	S(OWNER, "Return-Path \t : <a@b>\r\n\r\n", "\n", "R[ <a@b>]"),
	S(OWNER, "Return-Path:\r\n\r\n", "\n", "R[]"),
	S(OWNER, "Return-Path: <a@b>", "", "R[ <a@b>]"),
	S(OWNER, "Return-Path: <a@b>\r", "", "R[ <a@b>\r]"),
	S(OWNER, "Return-Path: <a@b>\r\n \r\n \r\nA: b\r\n\r\n", "A: b\n\n", "R[ <a@b>  ]"),
	S(OWNER, "Return-Path: <a@b>\r\n\r\n folded?\r\n", "\n folded?\r\n", "R[ <a@b>]"),
	S(OWNER, "Return-Paths: <a@b>\r\nReturn-Pat: x\r\nXReturn-Path: y\r\n\r\n",
	    "Return-Paths: <a@b>\nReturn-Pat: x\nXReturn-Path: y\n\n", ""),
	S(OWNER, "Return-Path: a\0b\rc\r\n\r\n", "\n", "R[ a0b\rc]"),
	/* nobody else's fields are collected or removed in owner mode */
	S(OWNER, "To: a@b\r\nX-Real-To: c@d\r\nBcc: e@f\r\n\r\n", "To: a@b\nX-Real-To: c@d\nBcc: e@f\n\n", ""),
	/* the special field */
	S(REALTO, "X-Real-To: a@b\r\nTo: c@d\r\nx-real-TO: e@f,\r\n g@h\r\nA: b\r\n\r\n",
	    "To: c@d\nA: b\n\n", "S[ a@b]S[ e@f, g@h]"),
	S(REALTO, "X-Real-To : a@b\r\n\r\n", "\n", "S[ a@b]"),
	S(REALTO, "Return-Path: <>\r\nX-Real-To: a\r\n b\r\nReceived: x\r\n y\r\n\r\n", "Received: x\n y\n\n", "R[ <>]S[ a b]H[ x y]"),
	/* several names, all of them removed; letters tell which by its number */
	S(FIELD("X-A X-Real-To X-B"), "X-B: a\r\nx-real-to: b\r\n c\r\nX-AB: d\r\nX: e\r\nX-A: f\r\n\r\n", "X-AB: d\nX: e\n\n",
	    "S2[ a]S1[ b c]S[ f]"),
	S(FIELD("X-A X-A"), "X-A: a\r\n\r\n", "\n", "S[ a]"),
	S(REALTO, "rECEIVED : x\r\nX-Real-To: a\r\nReceived: y\r\nReceiveds: z\r\n\r\n", "rECEIVED : x\nReceived: y\nReceiveds: z\n\n",
	    "H[ x]S[ a]H[ y]"),
	/* our mark, kept in the message; Received fields in other modes are only counted */
	S(OWNER, "X-Rpopd-Mark: a\r\nReceived: x\r\nx-rpopd-mark: b\r\n\r\n", "X-Rpopd-Mark: a\nReceived: x\nx-rpopd-mark: b\n\n",
	    "M[ a]M[ b]"),
	S(STAR, "X-Rpopd-Mark: a\r\nTo: x\r\n\r\n", "X-Rpopd-Mark: a\nTo: x\n\n", "M[ a]T[ x]"),
	S(REALTO, "X-Real-To: a@b\n \n\t\nA: b\n\n", "A: b\n\n", "S[ a@b \t]"),
	S(REALTO, "X-Real-To\r\n: a@b\r\n", "X-Real-To\r\n: a@b\r\n", ""),
	S(REALTO, "A: b\r\n X-Real-To: a@b\r\n\r\n", "A: b\n X-Real-To: a@b\n\n", ""),
	S(REALTO, "A: b\rX-Real-To: a@b\r\n\r\n", "A: b\rX-Real-To: a@b\n\n", ""),
	S(FIELD("To"), "To: a@b\r\nCc: c@d\r\n\r\n", "Cc: c@d\n\n", "S[ a@b]"),
	S(FIELD("bcc"), "To: a@b\r\nBcc: c@d\r\n\r\n", "To: a@b\n\n", "S[ c@d]"),
	S(FIELD(""), "To: a@b\r\n\r\n", "To: a@b\n\n", ""),
	/* To, Cc and Bcc: collected, kept */
	S(STAR, "To: a@b,\r\n c@d\r\nCC: e@f\r\nbcc:\r\n g@h\r\nTo : i@j\r\n\r\n",
	    "To: a@b,\n c@d\nCC: e@f\nbcc:\n g@h\nTo : i@j\n\n", "T[ a@b, c@d]C[ e@f]B[ g@h]T[ i@j]"),
	S(STAR, "Return-Path: <x@y>\r\nToo: a\r\nT: b\r\nResent-To: c\r\nTo: d\r\n\r\n", "Too: a\nT: b\nResent-To: c\nTo: d\n\n",
	    "R[ <x@y>]T[ d]"),
	S(STAR, "To: a\r\n\r\nTo: b\r\n", "To: a\n\nTo: b\r\n", "T[ a]")
};

struct result {
	uint8_t	 out[4096];
	size_t	 outlen;
	char	 fields[4096];
};

static void
result_field(struct result *r, struct header *h, const struct field *f)
{
	static const char	 letters[] = "?RSTCBHM";
	size_t			 i, n = strlen(r->fields);

	r->fields[n++] = letters[f->kind];
	if (f->name > 0)
		r->fields[n++] = '0' + f->name;
	r->fields[n++] = '[';
	for (i = 0; i < f->len; i++, n++)
		if ((r->fields[n] = buf_data(&h->bodies)[f->off + i]) == '\0')
			r->fields[n] = '0';
	r->fields[n++] = ']';
	r->fields[n] = '\0';
}

/* Feed in pieces, each in an allocation of its size; next tells how long each is. */
static void
feed(const struct sample *s, struct result *r, size_t (*next)(size_t at))
{
	struct header	 h;
	uint8_t		*piece;
	size_t		 i, n, at = 0;
	ssize_t		 used;

	memset(r, 0, sizeof(*r));
	header_init(&h, s->mode, s->special);
	while (!h.done && at < s->len) {
		n = next(at);
		if (n > s->len - at)
			n = s->len - at;
		piece = malloc(n);
		assert_non_null(piece);
		memcpy(piece, s->text + at, n);
		used = header_feed(&h, piece, n);
		free(piece);
		assert_true(used >= 0 && (size_t)used <= n);
		assert_true(h.done || (size_t)used == n);
		at += used;
	}
	if (!h.done)
		assert_int_equal(header_finish(&h), 0);
	assert_true(h.done);
	assert_false(h.toobig);
	assert_int_equal(header_feed(&h, (const uint8_t *)"x", 1), 0);
	r->outlen = buf_len(&h.kept);
	if (r->outlen > 0)
		memcpy(r->out, buf_data(&h.kept), r->outlen);
	memcpy(r->out + r->outlen, s->text + at, s->len - at);
	r->outlen += s->len - at;
	for (i = 0; i < h.nfields; i++)
		result_field(r, &h, &h.fields[i]);
	header_free(&h);
}

static size_t	 cut;

static size_t
next_all(size_t at)
{
	(void)at;
	return (SIZE_MAX);
}

static size_t
next_one(size_t at)
{
	(void)at;
	return (1);
}

static size_t
next_cut(size_t at)
{
	return (at < cut ? cut - at : SIZE_MAX);
}

static size_t
next_random(size_t at)
{
	(void)at;
	return (1 + random() % 7);
}

static void
check(const struct sample *s, size_t (*next)(size_t))
{
	struct result	 r;

	feed(s, &r, next);
	if (r.outlen != s->outlen || memcmp(r.out, s->out, r.outlen) != 0)
		fail_msg("`%s' (cut %zu): gave `%.*s', expected `%s'", s->text, cut, (int)r.outlen, (char *)r.out, s->out);
	if (strcmp(r.fields, s->fields) != 0)
		fail_msg("`%s' (cut %zu): fields `%s', expected `%s'", s->text, cut, r.fields, s->fields);
}

static void
at_once(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++)
		check(&samples[i], next_all);
}

static void
octet_by_octet(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++)
		check(&samples[i], next_one);
}

static void
every_cut(void **state)
{
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(samples); i++)
		for (cut = 1; cut < samples[i].len; cut++)
			check(&samples[i], next_cut);
	cut = 0;
}

/* In every mode, however they are cut, and beyond what is collected. */
static void
hops(void **state)
{
	static const char	 text[] = "Received: a\r\n x\r\nReceive: b\r\nRECEIVED\t: c\r\n Received: d\r\nReceived: e\r\n\r\n"
	    "Received: f\r\n";
	struct header		 h;
	size_t			 i;
	int			 m;

	(void)state;
	for (m = DIST_OWNER; m <= DIST_STAR; m++) {
		header_init(&h, m, "X-Real-To");
		for (i = 0; i < sizeof(text) - 1 && !h.done; i++)
			assert_int_equal(header_feed(&h, (const uint8_t *)text + i, 1), 1);
		assert_int_equal(h.hops, 3);
		header_free(&h);
		header_init(&h, m, "X-Real-To");
		for (i = 0; i < HEADER_FIELDS + 100; i++)
			assert_int_equal(header_feed(&h, (const uint8_t *)"Received: x\r\n", 13), 13);
		assert_int_equal(h.hops, HEADER_FIELDS + 100);
		assert_int_equal(h.toobig, m != DIST_OWNER);
		header_free(&h);
	}
}

static void
random_cuts(void **state)
{
	size_t	 i;
	int	 k;

	(void)state;
	srandom(1);
	for (i = 0; i < nitems(samples); i++)
		for (k = 0; k < 100; k++)
			check(&samples[i], next_random);
}

/* A name may have 998 octets, with blanks; a longer one is none. */
static void
long_names(void **state)
{
	struct sample	 s = { .mode = DIST_OWNER, .special = "", .fields = "" };
	char		 text[1200], out[1200];
	int		 n;

	(void)state;
	for (n = 997; n <= 1000; n++) {
		memset(text, 'x', sizeof(text));
		memset(text + 900, ' ', sizeof(text) - 900);
		memcpy(text + n, ": y\r\n\r\n", 8);
		s.text = text;
		s.len = n + 7;
		memcpy(out, text, sizeof(out));
		s.out = out;
		s.outlen = s.len;
		if (n <= 998) {
			memcpy(out + n, ": y\n\n", 6);
			s.outlen = n + 5;
		}
		check(&s, next_all);
		check(&s, next_one);
		check(&s, next_random);
	}
}

/* Past HEADER_MAX: told so, nothing more is collected, removal goes on. */
static void
too_big(void **state)
{
	static const char	 removed[] = "X-Real-To: a@b\r\n", kept[] = "Subject: x\r\n";
	const size_t		 pieces[] = { 1, 7, 4096, SIZE_MAX };
	struct header		 h;
	uint8_t			*text;
	size_t			 i, n, at, len = 0, dropped = 0, out, size = HEADER_MAX + 100000;

	(void)state;
	text = malloc(size + 1024);
	assert_non_null(text);
	while (len < size) {
		memcpy(text + len, removed, sizeof(removed));
		len += sizeof(removed) - 1;
		memset(text + len, 'y', 500);		/* keep the number of fields below the other limit */
		memcpy(text + len, "Y:", 2);
		memcpy(text + len + 498, "\r\n", 2);
		len += 500;
		memcpy(text + len, kept, sizeof(kept));
		len += sizeof(kept) - 1;
		dropped++;
	}
	memcpy(text + len, "\r\nbody", 6);
	for (i = 0; i < nitems(pieces); i++) {
		header_init(&h, DIST_FIELD, "X-Real-To");
		for (at = out = 0; !h.done; at += n) {
			n = pieces[i] < len + 6 - at ? pieces[i] : len + 6 - at;
			n = header_feed(&h, text + at, n);
			assert_int_equal(h.toobig, at + n > HEADER_MAX);
			if (buf_len(&h.kept) > 0)
				assert_null(memmem(buf_data(&h.kept), buf_len(&h.kept), "X-Real", 6));
			if (h.toobig) {
				out += buf_len(&h.kept);
				buf_consume(&h.kept, buf_len(&h.kept));
			}
		}
		assert_int_equal(at, len + 2);
		assert_int_equal(out, len - dropped * (sizeof(removed) - 1 + 2) + 1);
		assert_int_equal(h.nfields, HEADER_MAX / 528 + (HEADER_MAX % 528 > 16));
		header_free(&h);
	}
	free(text);
}

/* A field that was cut by the limit might have gone on: it does not count. */
static void
too_big_field(void **state)
{
	static const char	 top[] = "Return-Path: <a@b>\nTo: ";
	const size_t		 pieces[] = { 1, 4096, SIZE_MAX };
	struct header		 h;
	uint8_t			*text;
	size_t			 i, at, n, len = HEADER_MAX + 1;

	(void)state;
	text = malloc(len);
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, top, sizeof(top) - 1);
	for (i = 0; i < nitems(pieces); i++) {
		header_init(&h, DIST_STAR, "");
		for (at = 0; at < len; at += n) {
			n = pieces[i] < len - at ? pieces[i] : len - at;
			assert_int_equal(header_feed(&h, text + at, n), n);
		}
		assert_true(h.toobig && !h.done);
		assert_int_equal(h.nfields, 1);
		assert_int_equal(h.fields[0].kind, FIELD_RETURN_PATH);
		assert_int_equal(buf_len(&h.kept), len - 19);
		header_free(&h);
	}
	free(text);
}

static void
too_many_fields(void **state)
{
	struct header	 h;
	int		 i;

	(void)state;
	header_init(&h, DIST_STAR, "");
	for (i = 0; i < HEADER_FIELDS; i++) {
		assert_false(h.toobig);
		assert_int_equal(header_feed(&h, (const uint8_t *)"To:a\r\n", 6), 6);
	}
	assert_false(h.toobig);
	assert_int_equal(header_feed(&h, (const uint8_t *)"To:b\r\nReturn-Path: <a@b>\r\n\r\n", 28), 28);
	assert_true(h.toobig);
	assert_true(h.done);
	assert_int_equal(buf_len(&h.kept), (HEADER_FIELDS + 1) * 5 + 1);
	assert_true(h.nfields <= HEADER_FIELDS);
	header_free(&h);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(at_once), cmocka_unit_test(octet_by_octet), cmocka_unit_test(every_cut),
		cmocka_unit_test(hops), cmocka_unit_test(random_cuts), cmocka_unit_test(long_names), cmocka_unit_test(too_big),
		cmocka_unit_test(too_big_field), cmocka_unit_test(too_many_fields)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
