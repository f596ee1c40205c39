/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* The SOCKS5 client's octets: what it sends, how much it may read, what every answer means, in any segmentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dialer/dialer.h"

static void
begin(struct socks *s, const char *to)
{
	struct address	 a;

	assert_true(address_parse_port(to, &a));
	socks_init(s, &a);
	assert_int_equal(s->len, 3);
	assert_memory_equal(s->buf, "\5\1\0", 3);
	assert_int_equal(socks_want(s), 0);
	assert_int_equal(socks_input(s, NULL, 0), 0);
	assert_int_equal(socks_want(s), 2);
}

/* Answers of the server up to a verdict, never more than wanted at once, step octets at most; *used: how many were taken. */
static int
answer(struct socks *s, const void *data, size_t len, size_t step, size_t *used)
{
	const uint8_t	*p = data;
	size_t		 n;
	int		 rv;

	for (*used = 0; *used < len; *used += n) {
		if ((n = socks_want(s)) == 0)
			return (0);
		n = n > step ? step : n;
		n = n > len - *used ? len - *used : n;
		if ((rv = socks_input(s, p + *used, n)) != 0) {
			*used += n;
			return (rv);
		}
	}
	return (0);
}

static void
request(struct socks *s, size_t step)
{
	size_t	 used;

	assert_int_equal(answer(s, "\5\0", 2, step, &used), 0);
	assert_int_equal(used, 2);
	assert_int_equal(socks_want(s), 0);
}

static void
test_request(void **state)
{
	struct socks	 s;

	(void)state;
	begin(&s, "192.0.2.1:995");
	request(&s, 2);
	assert_int_equal(s.len, 10);
	assert_memory_equal(s.buf, "\5\1\0\1\300\0\2\1\3\343", 10);
	begin(&s, "[2001:db8::1]:110");
	request(&s, 1);
	assert_int_equal(s.len, 22);
	assert_memory_equal(s.buf, "\5\1\0\4\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1\0\156", 22);
}

/* The greeting of the mail server is right behind: not one octet of it is taken. */
static void
test_accepted(void **state)
{
	static const struct {
		size_t	 len;
		char	 data[32];
	} replies[] = {
		{ 10, "\5\0\0\1\1\2\3\4\5\6+OK" },
		{ 22, "\5\0\0\4aaaabbbbccccdddd\5\6+OK" },
		{ 7 + 4, "\5\0\0\3\4name\5\6+OK" },
		{ 7, "\5\0\0\3\0\5\6+OK" }
	};
	struct socks	 s;
	size_t		 i, step, used;

	(void)state;
	for (i = 0; i < nitems(replies); i++)
		for (step = 1; step <= 32; step++) {
			begin(&s, "192.0.2.1:995");
			request(&s, step);
			assert_int_equal(socks_input(&s, NULL, 0), 0);
			assert_int_equal(answer(&s, replies[i].data, replies[i].len + 3, step, &used), 1);
			assert_int_equal(used, replies[i].len);
		}
}

static void
test_longest_name(void **state)
{
	struct socks	 s;
	uint8_t		 reply[7 + 255] = { 5, 0, 0, 3, 255 };
	size_t		 used;

	(void)state;
	begin(&s, "192.0.2.1:995");
	request(&s, 2);
	socks_input(&s, NULL, 0);
	assert_int_equal(answer(&s, reply, sizeof(reply), 300, &used), 1);
	assert_int_equal(used, sizeof(reply));
}

static void
test_refused(void **state)
{
	static const struct {
		int	 code, error;
	} cases[] = { { 1, SOCKS_FAILED }, { 2, SOCKS_DENIED }, { 3, SOCKS_NET }, { 4, SOCKS_HOST }, { 5, SOCKS_REFUSED },
	    { 6, SOCKS_EXPIRED }, { 7, SOCKS_COMMAND }, { 8, SOCKS_FAMILY }, { 9, SOCKS_FAILED }, { 255, SOCKS_FAILED } };
	struct socks	 s;
	uint8_t		 reply[10] = { 5, 0, 0, 1 };
	size_t		 i, used;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		begin(&s, "192.0.2.1:995");
		request(&s, 2);
		socks_input(&s, NULL, 0);
		reply[1] = (uint8_t)cases[i].code;
		assert_int_equal(answer(&s, reply, sizeof(reply), 10, &used), cases[i].error);
	}
}

static void
test_garbage(void **state)
{
	static const struct {
		const char	*method, *reply;
		int		 error;
	} cases[] = {
		{ "\5\377", NULL, SOCKS_LOGIN },
		{ "\5\2", NULL, SOCKS_GARBAGE },
		{ "\4\0", NULL, SOCKS_GARBAGE },
		{ "+OK hello", NULL, SOCKS_GARBAGE },
		{ "HTTP/1.1 400", NULL, SOCKS_GARBAGE },
		{ "\5\0", "\4\0\0\1aaaaaa", SOCKS_GARBAGE },
		{ "\5\0", "\5\0\0\2aaaaaa", SOCKS_GARBAGE },
		{ "\5\0", "\5\0\0\0aaaaaa", SOCKS_GARBAGE }
	};
	struct socks	 s;
	size_t		 i, used;
	int		 rv;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		begin(&s, "192.0.2.1:995");
		rv = answer(&s, cases[i].method, strlen(cases[i].method) < 2 ? 2 : strlen(cases[i].method), 1, &used);
		if (cases[i].reply != NULL) {
			assert_int_equal(rv, 0);
			socks_input(&s, NULL, 0);
			rv = answer(&s, cases[i].reply, 10, 10, &used);
		}
		assert_int_equal(rv, cases[i].error);
	}
	/* More than was asked for. */
	begin(&s, "192.0.2.1:995");
	assert_int_equal(socks_input(&s, (const uint8_t *)"\5\0+", 3), SOCKS_GARBAGE);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_garbage),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
