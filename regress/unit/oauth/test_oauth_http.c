/* SPDX-License-Identifier: ISC */
/* links: oauth */
/* A response in every framing, whole and octet by octet; and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oauth/oauth.h"

#define OK	"HTTP/1.1 200 OK\r\n"

/* Feeds in pieces of seg; eof: then the end.  The last result. */
static int
feed(struct http *h, const char *data, size_t len, size_t seg, int eof)
{
	size_t	 off, n;
	int	 got = 0;

	http_init(h);
	for (off = 0; off < len && got == 0; off += n) {
		n = len - off < seg ? len - off : seg;
		got = http_feed(h, (const uint8_t *)data + off, n);
	}
	return (got == 0 && eof ? http_eof(h) : got);
}

static void
good(const char *data, int status, const char *body, int eof)
{
	static const size_t	 segs[] = { 1, 2, 7, 100000 };
	struct http		 h;
	size_t			 i;

	for (i = 0; i < nitems(segs); i++) {
		assert_int_equal(feed(&h, data, strlen(data), segs[i], eof), 1);
		assert_int_equal(h.status, status);
		assert_int_equal(buf_len(&h.body), strlen(body));
		if (body[0] != '\0')
			assert_memory_equal(buf_data(&h.body), body, strlen(body));
		http_free(&h);
	}
}

static void
bad(const char *data, size_t len, const char *error)
{
	struct http	 h;

	assert_int_equal(feed(&h, data, len, 1, 1), -1);
	assert_non_null(strstr(h.error, error));
	assert_int_equal(http_feed(&h, (const uint8_t *)"x", 1), -1);	/* and stays so */
	http_free(&h);
	assert_int_equal(feed(&h, data, len, len, 1), -1);
	assert_non_null(strstr(h.error, error));
	http_free(&h);
}

#define BAD(data, error)	bad((data), strlen(data), (error))

static void
test_framings(void **state)
{
	(void)state;
	good(OK "Content-Length: 5\r\n\r\nhello", 200, "hello", 0);
	good(OK "content-length:5 \t\r\n\r\nhello, and what is not ours", 200, "hello", 0);
	good(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0);
	good(OK "Content-Length: 0\r\n\r\n", 200, "", 0);
	good(OK "\r\nuntil the end", 200, "until the end", 1);
	good("HTTP/1.0 200\n\nwith LF only", 200, "with LF only", 1);
	good(OK "Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n \r\n5 \r\nworld\r\n000\r\nA: b\r\n\r\n", 200, "hello world", 0);
	good(OK "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", 200, "01234567890123456789", 0);
	good("HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 400 Bad\r\n"
	    "Content-Length: 2\r\n\r\n{}", 400, "{}", 0);
	good("HTTP/1.1 204 No\r\n\r\n", 204, "", 0);
	good("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", 304, "", 0);
	good(OK "Content-Encoding: identity\r\nA:\r\nContent-Length: 1\r\n\r\nx", 200, "x", 0);
}

static void
test_broken(void **state)
{
	(void)state;
	BAD("+OK POP3\r\n", "no HTTP/1");
	BAD("HTTP/2 200\r\n", "no HTTP/1");
	BAD("HTTP/1.1 2000 x\r\n", "no HTTP/1");
	BAD("HTTP/1.1 20\r\n", "no HTTP/1");
	BAD("HTTP/1.1 600 x\r\n", "no HTTP/1");
	BAD("HTTP/1.1 -20 x\r\n", "no HTTP/1");
	BAD("\r\n", "no HTTP/1");
	BAD("HTTP/1.1 101 Switching\r\n", "another protocol");
	BAD(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", "two different");
	BAD(OK "Content-Length: 5, 5\r\n\r\n", "malformed");
	BAD(OK "Content-Length: 5 6\r\n\r\n", "malformed");
	BAD(OK "Content-Length: +5\r\n\r\n", "malformed");
	BAD(OK "Content-Length: \r\n\r\n", "malformed");
	BAD(OK "Content-Length: 0x5\r\n\r\n", "malformed");
	BAD(OK "Content-Length: 65537\r\n\r\n", "too long");
	BAD(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "both");
	BAD(OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "coding");
	BAD(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "coding");
	BAD(OK "Content-Encoding: gzip\r\n\r\n", "encoded");
	BAD(OK "A: b\r\n Content-Length: 5\r\n\r\n", "malformed header");
	BAD(OK "Content-Length : 5\r\n\r\n", "malformed header");
	BAD(OK ": 5\r\n\r\n", "malformed header");
	BAD(OK "no colon\r\n\r\n", "malformed header");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\ng\r\n", "chunk size");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\n\r\n", "chunk size");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "chunk size");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\n1x\r\n", "chunk size");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "longer than it says");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffffffff\r\n", "too long");
	BAD(OK "Transfer-Encoding: chunked\r\n\r\n10001\r\n", "too long");
	bad(OK "A: \0\r\n", sizeof(OK "A: \0\r\n") - 1, "NUL");
}

static void
test_cut(void **state)
{
	static const char	 whole[] = OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
	struct http		 h;
	size_t			 n;

	(void)state;
	for (n = 0; n < sizeof(whole) - 1; n++) {
		assert_int_equal(feed(&h, whole, n, 3, 1), -1);
		assert_non_null(strstr(h.error, "ended before"));
		http_free(&h);
	}
	BAD(OK "Content-Length: 5\r\n\r\nhell", "ended before");
}

static void
test_caps(void **state)
{
	static char	 data[200000];
	size_t		 n;

	(void)state;
	n = (size_t)snprintf(data, sizeof(data), OK "A: ");
	memset(data + n, 'b', HTTP_LINE_MAX);
	bad(data, n + HTTP_LINE_MAX, "line of the response is too long");
	n = (size_t)snprintf(data, sizeof(data), OK);
	while (n < HTTP_HEADER_MAX + 100)
		n += (size_t)snprintf(data + n, sizeof(data) - n, "A: b\r\n");
	bad(data, n, "header is too long");
	n = (size_t)snprintf(data, sizeof(data), OK "\r\n");
	memset(data + n, 'b', HTTP_BODY_MAX + 1);
	bad(data, n + HTTP_BODY_MAX + 1, "response is too long");
	/* chunks of one octet: their sizes are no body, and counted */
	n = (size_t)snprintf(data, sizeof(data), OK "Transfer-Encoding: chunked\r\n\r\n");
	while (n < sizeof(data) - 10)
		n += (size_t)snprintf(data + n, sizeof(data) - n, "1\r\nx\r\n");
	bad(data, n, "header is too long");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_framings),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_caps),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
