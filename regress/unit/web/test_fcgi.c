/* SPDX-License-Identifier: ISC */
/* links: web/fcgi.c */
/* Records of FastCGI in pieces, parameters by name, and an answer as records. */
#include <sys/types.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "web/web.h"

static struct buf	 octets;

static void
add_record(uint8_t type, uint16_t id, const void *content, size_t len, uint8_t padding)
{
	uint8_t	 head[8] = { 1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(len >> 8), (uint8_t)len, padding, 0 };

	assert_int_equal(buf_add(&octets, head, sizeof(head)), 0);
	assert_int_equal(buf_add(&octets, content, len), 0);
	assert_int_equal(buf_add(&octets, "pppppppp", padding), 0);
}

/* A request with these parameters, as they are packed, and this body. */
static void
make(const char *params, size_t len, const char *body)
{
	buf_free(&octets);
	buf_init(&octets, 1000000);
	add_record(1, 258, "\0\1\0\0\0\0\0\0", 8, 0);
	add_record(4, 258, params, len, 3);
	add_record(4, 258, "", 0, 0);
	if (*body != '\0')
		add_record(5, 258, body, strlen(body), 7);
	add_record(5, 258, "", 0, 0);
}

static int
take(struct fcgi *f, size_t piece)
{
	size_t	 i, n, len = buf_len(&octets);

	memset(f, 0, sizeof(*f));
	for (i = 0; i < len; i += n) {
		n = len - i < piece ? len - i : piece;
		if (fcgi_take(f, buf_data(&octets) + i, n) == -1)
			return (-1);
	}
	return (0);
}

static void
test_pieces(void **arg)
{
	static const char	 params[] = "\x01\x03" "abcd" "\x01\x00" "e" "\x01\x80\x00\x00\x01" "fx" "\x01\x03" "a!!!" "\x01\x03" "gx\0y";
	struct fcgi		 f;
	char			 buf[4];
	size_t			 piece;

	(void)arg;
	make(params, sizeof(params) - 1, "body");
	for (piece = 1; piece < 200; piece++) {
		assert_int_equal(take(&f, piece), 0);
		assert_true(f.whole && f.id == 258 && f.over == 0 && !f.ended && buf_len(&f.out) == 0);
		assert_int_equal(buf_len(&f.body), 4);
		assert_memory_equal(buf_data(&f.body), "body", 4);
		assert_string_equal(fcgi_param(&f, "a", buf, sizeof(buf)), "bcd");	/* the first of two */
		assert_string_equal(fcgi_param(&f, "e", buf, sizeof(buf)), "");
		assert_string_equal(fcgi_param(&f, "f", buf, sizeof(buf)), "x");
		assert_null(fcgi_param(&f, "a", buf, 3));
		assert_null(fcgi_param(&f, "g", buf, sizeof(buf)));	/* has a NUL */
		assert_null(fcgi_param(&f, "", buf, sizeof(buf)));
		assert_null(fcgi_param(&f, "ab", buf, sizeof(buf)));
		fcgi_free(&f);
	}
}

/* Each prefix of a request is not whole, and is not wrong. */
static void
test_prefixes(void **arg)
{
	struct fcgi	 f;
	size_t		 n, len;

	(void)arg;
	make("\x01\x01" "ab", 4, "x");
	len = buf_len(&octets);
	for (n = 0; n < len; n++) {
		memset(&f, 0, sizeof(f));
		assert_int_equal(fcgi_take(&f, buf_data(&octets), n), 0);
		assert_false(f.whole);
		fcgi_free(&f);
	}
}

static void
test_lengths_lie(void **arg)
{
	static const struct { const char *octets; size_t len; }	 bad[] = {
		{ "\x01", 1 }, { "\x01\x01", 2 }, { "\x01\x01" "a", 3 }, { "\x80", 1 }, { "\x80\0\0\1", 4 }, { "\x01\xff\xff\xff\xff" "a", 6 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff" "a", 9 }, { "\x01\x00" "a\x01", 4 }
	};
	struct fcgi	 f;
	size_t		 i;

	(void)arg;
	for (i = 0; i < nitems(bad); i++) {
		make(bad[i].octets, bad[i].len, "");
		assert_int_equal(take(&f, 1000), -1);
		fcgi_free(&f);
	}
}

/* What is behind a whole request is not looked at. */
static void
test_behind(void **arg)
{
	struct fcgi	 f;

	(void)arg;
	make("", 0, "");
	assert_int_equal(buf_add(&octets, "nonsense nonsense", 17), 0);
	/* Of no octets, the first record of parameters has ended them already; the second one is one too many. */
	assert_int_equal(take(&f, 1000), -1);
	fcgi_free(&f);
	make("\x01\x01" "ab", 4, "");
	assert_int_equal(buf_add(&octets, "nonsense nonsense", 17), 0);
	assert_int_equal(take(&f, 1000), 0);
	assert_true(f.whole);
	fcgi_free(&f);
}

static void
test_write(void **arg)
{
	static char	 data[100000];
	struct buf	 got;
	uint8_t		*p;
	size_t		 have, at = 0, sum = 0, len, i;
	ssize_t		 n;
	int		 sp[2];

	(void)arg;
	for (i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	assert_int_equal(fcgi_write(sp[0], 513, data, sizeof(data)), 0);
	close(sp[0]);
	buf_init(&got, 200000);
	while ((p = buf_space(&got, 65536, &have)) != NULL && (n = read(sp[1], p, have)) > 0)
		buf_added(&got, (size_t)n);
	close(sp[1]);
	p = buf_data(&got);
	for (;;) {
		assert_true(buf_len(&got) - at >= 8 && p[at] == 1 && p[at + 2] == 2 && p[at + 3] == 1);
		len = (size_t)(p[at + 4] << 8 | p[at + 5]);
		if (p[at + 1] != 6 || len == 0)
			break;
		assert_memory_equal(p + at + 8, data + sum, len);
		sum += len;
		at += 8 + len;
	}
	assert_int_equal(sum, sizeof(data));
	assert_int_equal(p[at + 1], 6);		/* the end of the stream, and that of the request */
	assert_int_equal(buf_len(&got) - at, 8 + 16);
	assert_memory_equal(p + at + 8, "\1\3\2\1\0\10\0\0\0\0\0\0\0\0\0\0", 16);
	buf_free(&got);
}

static void
test_write_to_nobody(void **arg)
{
	int	 sp[2];

	(void)arg;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sp), 0);
	close(sp[1]);
	assert_int_equal(fcgi_write(sp[0], 1, "x", 1), -1);
	close(sp[0]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_pieces), cmocka_unit_test(test_prefixes), cmocka_unit_test(test_lengths_lie),
		cmocka_unit_test(test_behind), cmocka_unit_test(test_write), cmocka_unit_test(test_write_to_nobody)
	};

	signal(SIGPIPE, SIG_IGN);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
