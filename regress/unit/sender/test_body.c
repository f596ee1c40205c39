/* SPDX-License-Identifier: ISC */
/* links: sender */
/* A message's way into DATA, octet by octet: line ends, dots, counts, whatever the segmentation. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sender/sender.h"

static const struct {
	const char	*in, *out;	/* out without the final dot */
} samples[] = {
	{ "", "" },
	{ "a\n", "a\r\n" },
	{ "a\r\n", "a\r\n" },
	{ "a", "a\r\n" },
	{ "\n", "\r\n" },
	{ "\r\n", "\r\n" },
	{ "\r", "\r\n" },
	{ "\r\r", "\r\n\r\n" },
	{ "\r\r\n", "\r\n\r\n" },
	{ "\n\r", "\r\n\r\n" },
	{ "\n\n", "\r\n\r\n" },
	{ "\r\n\n", "\r\n\r\n" },
	{ "a\rb", "a\r\nb\r\n" },
	{ ".", "..\r\n" },
	{ ".\n", "..\r\n" },
	{ "..\n", "...\r\n" },
	{ ".a\n.\nb", "..a\r\n..\r\nb\r\n" },
	{ "a.b\n", "a.b\r\n" },
	/* every way to end a message that some server has taken for one */
	{ "a\n.\nMAIL FROM:<x>\n", "a\r\n..\r\nMAIL FROM:<x>\r\n" },
	{ "a\r\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n" },
	{ "a\n.\r\nMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\r\n.\nMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\r.\rMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\r.\r\nMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\r\n.\rMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\n.\rMAIL", "a\r\n..\r\nMAIL\r\n" },
	{ "a\r\n\r.\r\nMAIL", "a\r\n\r\n..\r\nMAIL\r\n" },
	{ "a\r\n\r.\r\r\nMAIL", "a\r\n\r\n..\r\n\r\nMAIL\r\n" },
};

/* Fed in pieces of seg; counted, too. */
static void
check(const char *in, size_t len, const char *out, size_t outlen, size_t seg)
{
	struct body	 b, count;
	struct buf	 buf;
	size_t		 off, n, dots = 0, i;

	buf_init(&buf, 65536);
	body_begin(&b);
	body_begin(&count);
	for (off = 0; off < len; off += n) {
		n = len - off < seg ? len - off : seg;
		assert_int_equal(body_feed(&b, (const uint8_t *)in + off, n, &buf), 0);
		assert_int_equal(body_feed(&count, (const uint8_t *)in + off, n, NULL), 0);
	}
	assert_int_equal(body_end(&b, &buf), 0);
	assert_int_equal(body_end(&count, NULL), 0);
	assert_int_equal(buf_len(&buf), outlen + 3);
	assert_memory_equal(buf_data(&buf), out, outlen);
	assert_memory_equal(buf_data(&buf) + outlen, ".\r\n", 3);
	for (i = 0; i < outlen; i++)
		dots += out[i] == '.' && (i == 0 || out[i - 1] == '\n');
	assert_int_equal(b.octets, outlen - dots);
	assert_int_equal(count.octets, b.octets);
	buf_free(&buf);
}

static void
test_samples(void **state)
{
	size_t	 i, seg;

	(void)state;
	for (i = 0; i < nitems(samples); i++)
		for (seg = 1; seg < 20; seg++)
			check(samples[i].in, strlen(samples[i].in), samples[i].out, strlen(samples[i].out), seg);
}

/* Every sequence of eight octets out of CR, LF, dot and a letter: CRLF only, and no end but ours. */
static void
test_every_sequence(void **state)
{
	static const char	 alphabet[] = "\r\n.a";
	struct body		 b;
	struct buf		 buf;
	char			 in[8];
	const uint8_t		*p;
	uint32_t		 i, v;
	size_t			 n, k, ends;

	(void)state;
	buf_init(&buf, 65536);
	for (i = 0; i < 1U << 16; i++) {
		for (v = i, n = 0; n < sizeof(in); n++, v >>= 2)
			in[n] = alphabet[v & 3];
		buf_consume(&buf, buf_len(&buf));
		body_begin(&b);
		assert_int_equal(body_feed(&b, (const uint8_t *)in, sizeof(in), &buf), 0);
		assert_int_equal(body_end(&b, &buf), 0);
		p = buf_data(&buf);
		n = buf_len(&buf);
		for (k = ends = 0; k < n; k++) {
			assert_int_equal(p[k] == '\n', k > 0 && p[k - 1] == '\r');
			assert_true(p[k] != '\r' || (k + 1 < n && p[k + 1] == '\n'));
			ends += k >= 4 && memcmp(p + k - 4, "\r\n.\r\n", 5) == 0;
		}
		assert_int_equal(ends, 1);
		assert_memory_equal(p + n - 5, "\r\n.\r\n", 5);
	}
	buf_free(&buf);
}

static void
test_octets(void **state)
{
	char	 in[256], out[512];
	size_t	 i, n = 0;

	(void)state;
	for (i = 0; i < sizeof(in); i++) {
		in[i] = (char)i;
		if (i == '\r' || i == '\n')
			n += (size_t)(memcpy(out + n, "\r\n", 2) != NULL) * 2;
		else
			out[n++] = (char)i;
	}
	memcpy(out + n, "\r\n", 2);
	check(in, sizeof(in), out, n + 2, 5);
}

static void
test_eight_bit(void **state)
{
	struct body	 b;

	(void)state;
	body_begin(&b);
	(void)body_feed(&b, (const uint8_t *)"a\x7f\n", 3, NULL);
	assert_int_equal(b.eight_bit, 0);
	(void)body_feed(&b, (const uint8_t *)"a\x80\n", 3, NULL);
	assert_int_equal(b.eight_bit, 1);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_every_sequence),
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_eight_bit),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
