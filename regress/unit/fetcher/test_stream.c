/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lmd */
/* Dot-unstuffing: the end of a message, whatever the segmentation, frames and digest. */
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

static uint8_t	 got[200000];
static size_t	 ngot, nframes, biggest;

static void
collect(void *arg __unused, const uint8_t *p, size_t len)
{
	assert_true(len > 0 && len <= PROTO_DATA_MAX);
	assert_true(ngot + len <= sizeof(got));
	memcpy(got + ngot, p, len);
	ngot += len;
	nframes++;
	if (len > biggest)
		biggest = len;
}

/* in through the stream in segments of seg octets, the first one of first; returns the octets taken, checks digest and sum. */
static size_t
run(const uint8_t *in, size_t len, size_t first, size_t seg, int *done)
{
	static struct stream	 s;
	uint8_t			 digest[PROTO_DIGEST_LEN], want[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];
	SHA2_CTX		 ctx;
	size_t			 n, off = 0;
	ssize_t			 r;

	ngot = nframes = biggest = 0;
	assert_int_equal(stream_init(&s, collect, NULL), 0);
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	for (n = first; off < len && !stream_done(&s); n = seg) {
		if (n > len - off)
			n = len - off;
		r = stream_feed(&s, in + off, n);
		assert_true(r >= 0 && (size_t)r <= n);
		assert_true(stream_done(&s) || (size_t)r == n);
		off += (size_t)r;
	}
	if ((*done = stream_done(&s))) {
		assert_int_equal(stream_finish(&s, digest, fingerprint), 0);
		SHA256Init(&ctx);
		SHA256Update(&ctx, got, ngot);
		SHA256Final(want, &ctx);
		assert_memory_equal(digest, want, sizeof(want));
		assert_int_equal(s.octets, ngot);
	}
	stream_free(&s);
	return (off);
}

static const struct sample {
	const char	*in, *out;
	size_t		 rest;		/* octets behind the end */
	int		 done;
} samples[] = {
	{ ".\r\n",			"",			0, 1 },
	{ "a\r\n.\r\n",			"a\r\n",		0, 1 },
	{ "a\r\n.\r\n+OK next",		"a\r\n",		8, 1 },
	{ "\r\n.\r\n.\r\n",		"\r\n",			3, 1 },
	{ "..\r\n.\r\n",		".\r\n",		0, 1 },
	{ "...\r\n.\r\n",		"..\r\n",		0, 1 },
	{ ".x\r\n.\r\n",		"x\r\n",		0, 1 },
	{ "a\r\n..b\r\n.\r\n",		"a\r\n.b\r\n",		0, 1 },
	{ "a..b\r\n.\r\n",		"a..b\r\n",		0, 1 },
	{ "a\n.\nb\r\n.\r\n",		"a\n.\nb\r\n",		0, 1 },
	{ "a\n.\r\nb\r\n.\r\n",		"a\n.\r\nb\r\n",	0, 1 },
	{ "a\r.\rb\r\n.\r\n",		"a\r.\rb\r\n",		0, 1 },
	{ "a\r.\r\nb\r\n.\r\n",		"a\r.\r\nb\r\n",	0, 1 },
	{ "a\r\n.\nb\r\n.\r\n",		"a\r\n\nb\r\n",		0, 1 },
	{ "a\r\n.\rb\r\n.\r\n",		"a\r\n\rb\r\n",		0, 1 },
	{ "a\r\n.\r\r\n.\r\n",		"a\r\n\r\r\n",		0, 1 },
	{ "a\r\r\n.\r\n",		"a\r\r\n",		0, 1 },
	{ "a\r\n.\r.\r\n.\r\n",		"a\r\n\r.\r\n",		0, 1 },
	{ "\n.\r\n.\r\n",		"\n.\r\n",		0, 1 },
	{ "a\r\n.",			NULL,			0, 0 },
	{ "a\r\n.\r",			NULL,			0, 0 },
	{ "a.\r\n",			NULL,			0, 0 },
	{ "a\n.\n",			NULL,			0, 0 },
	{ "",				NULL,			0, 0 }
};

static void
check(const struct sample *t, size_t first, size_t seg)
{
	size_t	 len = strlen(t->in);
	int	 done;

	assert_int_equal(run((const uint8_t *)t->in, len, first, seg, &done), len - t->rest);
	assert_int_equal(done, t->done);
	if (done) {
		assert_int_equal(ngot, strlen(t->out));
		assert_memory_equal(got, t->out, ngot);
	}
}

static void
test_samples(void **state __unused)
{
	size_t	 i, first, seg;

	for (i = 0; i < nitems(samples); i++)
		for (first = 1; first <= strlen(samples[i].in) + 1; first++)
			for (seg = 1; seg <= strlen(samples[i].in) + 1; seg++)
				check(&samples[i], first, seg);
}

/* Every string of up to nine octets over the four that matter, one-shot against octet by octet. */
static void
test_exhaustive(void **state __unused)
{
	static const char	 alphabet[4] = ".\r\nx";
	uint8_t			 in[9], keep[9];
	uint32_t		 v, max;
	size_t			 len, i, nkeep, off;
	int			 done, again;

	for (len = 1; len <= sizeof(in); len++) {
		max = 1U << (2 * len);
		for (v = 0; v < max; v++) {
			for (i = 0; i < len; i++)
				in[i] = (uint8_t)alphabet[(v >> (2 * i)) & 3];
			off = run(in, len, len, len, &done);
			memcpy(keep, got, ngot);
			nkeep = ngot;
			if (done)	/* the end is CRLF . CRLF, or a first line of a dot alone */
				assert_true(off >= 3 && memcmp(in + off - 3, ".\r\n", 3) == 0 &&
				    (off == 3 || (off >= 5 && memcmp(in + off - 5, "\r\n", 2) == 0)));
			assert_int_equal(run(in, len, 1, 1, &again), off);
			assert_int_equal(again, done);
			if (done) {
				assert_int_equal(ngot, nkeep);
				assert_memory_equal(got, keep, nkeep);
			}
		}
	}
}

static void
test_frames(void **state __unused)
{
	static uint8_t	 in[100000];
	size_t		 i, n;
	int		 done;

	for (n = 0; n + 62 <= sizeof(in) - 3; n += 62) {
		memset(in + n, 'a' + (int)(n / 62 % 26), 60);
		memcpy(in + n + 60, "\r\n", 2);
	}
	memcpy(in + n, ".\r\n", 3);
	for (i = 1; i < 50000; i = i * 3 + 1) {
		assert_int_equal(run(in, n + 3, i, i, &done), n + 3);
		assert_int_equal(done, 1);
		assert_int_equal(ngot, n);
		assert_memory_equal(got, in, n);
		assert_int_equal(nframes, (n + PROTO_DATA_MAX - 1) / PROTO_DATA_MAX);
		assert_int_equal(biggest, PROTO_DATA_MAX);
	}
}

static void
test_cap(void **state __unused)
{
	static struct stream	 s;
	uint8_t			 line[100];

	memset(line, 'a', sizeof(line));
	ngot = 0;
	assert_int_equal(stream_init(&s, collect, NULL), 0);
	s.max = 250;
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	assert_int_equal(stream_feed(&s, line, sizeof(line)), sizeof(line));
	assert_int_equal(stream_feed(&s, line, sizeof(line)), sizeof(line));
	assert_int_equal(stream_feed(&s, line, sizeof(line)), -1);
	stream_free(&s);
}

/* One context, many messages. */
static void
test_reuse(void **state __unused)
{
	static struct stream	 s;
	uint8_t			 a[PROTO_DIGEST_LEN], b[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];

	ngot = 0;
	assert_int_equal(stream_init(&s, collect, NULL), 0);
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	assert_int_equal(stream_feed(&s, (const uint8_t *)"x\r\n.\r\n", 6), 6);
	assert_int_equal(stream_finish(&s, a, fingerprint), 0);
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	assert_false(stream_done(&s));
	assert_int_equal(stream_feed(&s, (const uint8_t *)"x\r\n.\r\n", 6), 6);
	assert_int_equal(stream_finish(&s, b, fingerprint), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(s.octets, 3);
	stream_free(&s);
}

/* The digest of a message that is fed in pieces of so many octets. */
static void
digest_of(const char *text, size_t piece, uint8_t *digest)
{
	static struct stream	 s;
	uint8_t			 fingerprint[PROTO_DIGEST_LEN];
	size_t			 len = strlen(text), n, at;

	ngot = 0;
	assert_int_equal(stream_init(&s, collect, NULL), 0);
	assert_int_equal(stream_begin(&s, STREAM_WHOLE), 0);
	for (at = 0; at < len; at += n) {
		n = len - at < piece ? len - at : piece;
		assert_int_equal(stream_feed(&s, (const uint8_t *)text + at, n), n);
	}
	assert_true(stream_done(&s));
	assert_int_equal(stream_finish(&s, digest, fingerprint), 0);
	stream_free(&s);
}

/* What a store notes in the header is no part of the message; everything else is, and the body is whatever it looks like. */
static void
test_store_notes(void **state __unused)
{
	static const char	*const same[] = { "Subject: s\r\nTo: a\r\n\r\nbody\r\n.\r\n",
	    "Subject: s\r\nSTATUS: RO\r\nTo: a\r\nX-UID: 7\r\n\r\nbody\r\n.\r\n",
	    "Content-Length: 6\r\nSubject: s\r\nX-Keywords: a\r\n\tb\r\nTo: a\r\n\r\nbody\r\n.\r\n" };
	static const char	*const other[] = { "Subject: s\r\nTo: a\r\n\r\nStatus: RO\r\nbody\r\n.\r\n",
	    "Subject: s\r\nDelivered-To: b\r\nTo: a\r\n\r\nbody\r\n.\r\n", "Subject: s\r\nStatusx: RO\r\nTo: a\r\n\r\nbody\r\n.\r\n",
	    "Subject: s\r\nTo: a\r\n\r\nbody \r\n.\r\n", "no field\r\nStatus: RO\r\n.\r\n", "no field\r\n.\r\n", "Status\r\n.\r\n" };
	uint8_t			 first[PROTO_DIGEST_LEN], d[nitems(other)][PROTO_DIGEST_LEN], again[PROTO_DIGEST_LEN];
	size_t			 i, j;

	digest_of(same[0], 1000, first);
	for (i = 0; i < nitems(same); i++)
		for (j = 1; j < 9; j++) {
			digest_of(same[i], j, again);
			assert_memory_equal(again, first, sizeof(first));
		}
	for (i = 0; i < nitems(other); i++) {
		digest_of(other[i], 3, d[i]);
		assert_memory_not_equal(d[i], first, sizeof(first));
		for (j = 0; j < i; j++)
			assert_memory_not_equal(d[i], d[j], sizeof(first));
	}
}

/* TOP n 0 from a server that sends the body, too: nothing behind the empty line, or nothing at all. */
static void
test_header_only(void **state __unused)
{
	static const char	 in[] = "A: b\r\n..c: \r\n\r\nbody\r\n\r\nmore\r\n.\r\n+OK";
	static const char	 header[] = "A: b\r\n.c: \r\n\r\n";
	static struct stream	 s;
	uint8_t			 digest[PROTO_DIGEST_LEN], want[PROTO_DIGEST_LEN], fingerprint[3][PROTO_DIGEST_LEN];
	SHA2_CTX		 ctx;
	size_t			 seg, off, n;
	int			 mode;

	assert_int_equal(stream_init(&s, collect, NULL), 0);
	for (seg = 1; seg < sizeof(in); seg++) {
		for (mode = STREAM_WHOLE; mode <= STREAM_FINGERPRINT; mode++) {
			ngot = 0;
			assert_int_equal(stream_begin(&s, mode), 0);
			for (off = 0; !stream_done(&s); off += n) {
				n = seg < sizeof(in) - 1 - off ? seg : sizeof(in) - 1 - off;
				n = (size_t)stream_feed(&s, (const uint8_t *)in + off, n);
			}
			assert_int_equal(off, sizeof(in) - 1 - 3);
			assert_int_equal(stream_finish(&s, digest, fingerprint[mode]), 0);
			if (mode == STREAM_HEADER) {
				assert_int_equal(ngot, sizeof(header) - 1);
				assert_int_equal(s.octets, ngot);
				assert_memory_equal(got, header, ngot);
				SHA256Init(&ctx);
				SHA256Update(&ctx, got, ngot);
				SHA256Final(want, &ctx);
				assert_memory_equal(digest, want, sizeof(want));
			} else
				assert_int_equal(ngot > 0, mode == STREAM_WHOLE);
		}
		assert_memory_equal(fingerprint[0], fingerprint[1], sizeof(fingerprint[0]));
		assert_memory_equal(fingerprint[0], fingerprint[2], sizeof(fingerprint[0]));
	}
	s.max = 100;
	assert_int_equal(stream_begin(&s, STREAM_FINGERPRINT), 0);
	assert_int_equal(stream_feed(&s, (const uint8_t *)"\r\n", 2), 2);
	for (n = 0; n < 98; n++)
		assert_int_equal(stream_feed(&s, (const uint8_t *)"x", 1), 1);
	assert_int_equal(stream_feed(&s, (const uint8_t *)"x", 1), -1);
	stream_free(&s);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_exhaustive),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_store_notes),
		cmocka_unit_test(test_header_only)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
