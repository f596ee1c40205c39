/* SPDX-License-Identifier: ISC */
/* libs: -lgsasl */
/* The lines of a SASL exchange: where the initial response goes, what a challenge that means nothing does, when it is given up. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/sasl/sasl_line.h"

#define PLAIN	"AGZyZWQAc2VjcmV0"	/* NUL fred NUL secret */

static struct sasl_line	 l;
static struct auth_mask	 mask;

static int
setup(void **state)
{
	(void)state;
	sasl_warm();
	memset(&l, 0, sizeof(l));
	assert_int_equal(auth_mask_init(&mask, "other", 5), 0);
	sasl_line_init(&l, &mask, "server");
	l.cred.user = "fred";
	l.cred.host = "x.example";
	l.cred.secret = (const uint8_t *)"secret";
	l.cred.len = 6;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	sasl_line_end(&l);
	return (0);
}

/* What add() appends is this line. */
static void
line(int (*add)(struct sasl_line *, struct buf *), const char *want)
{
	struct buf	 out;

	buf_init(&out, 1024);
	assert_int_equal(add(&l, &out), 0);
	assert_int_equal(buf_len(&out), strlen(want));
	assert_memory_equal(buf_data(&out), want, strlen(want));
	buf_free(&out);
}

static void
on_the_line(void **state)
{
	const size_t	 len = strlen("AUTH PLAIN " PLAIN "\r\n");
	char		 text[64];

	(void)state;
	assert_int_equal(sasl_line_begin(&l, AUTH_PLAIN, len), 0);
	assert_int_equal(l.on_line, 1);
	line(sasl_line_auth, "AUTH PLAIN " PLAIN "\r\n");
	assert_string_equal(auth_mask_text(&mask, text, sizeof(text), (const uint8_t *)"x " PLAIN, 18), "x ****************");
	/* one octet less, and it waits for the first challenge, whatever that is */
	assert_int_equal(sasl_line_begin(&l, AUTH_PLAIN, len - 1), 0);
	assert_int_equal(l.on_line, 0);
	line(sasl_line_auth, "AUTH PLAIN\r\n");
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"go ahead", 8), 0);
	line(sasl_line_response, PLAIN "\r\n");
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"", 0), -1);
	assert_int_equal(l.exchange.why, WHY_PROTO);
}

/* An initial response of no octets is "=". */
static void
empty(void **state)
{
	(void)state;
	l.cred.user = "";
	assert_int_equal(sasl_line_begin(&l, AUTH_EXTERNAL, 255), 0);
	line(sasl_line_auth, "AUTH EXTERNAL =\r\n");
}

/* A server that asks although the response stood on the AUTH line gets it again only if that is wanted. */
static void
passed_over(void **state)
{
	(void)state;
	assert_int_equal(sasl_line_begin(&l, AUTH_PLAIN, 255), 0);
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"", 0), -1);
	l.lenient = 1;
	assert_int_equal(sasl_line_begin(&l, AUTH_PLAIN, 255), 0);
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"", 0), 0);
	line(sasl_line_response, PLAIN "\r\n");
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"", 0), -1);
}

static void
given_up(void **state)
{
	int	 i;

	(void)state;
	assert_int_equal(sasl_line_begin(&l, AUTH_LOGIN, 255), 0);
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"*", 1), -1);
	assert_string_equal(l.exchange.text, "the server's challenge is not base64");
	l.peer = "next hop";
	assert_int_equal(sasl_line_begin(&l, AUTH_LOGIN, 255), 0);
	assert_int_equal(sasl_line_challenge(&l, NULL, 512), -1);
	assert_string_equal(l.exchange.text, "the next hop's challenge is not base64");
	assert_int_equal(sasl_line_begin(&l, AUTH_LOGIN, 255), 0);
	for (i = 0; i < SASL_ROUNDS; i++)
		(void)sasl_line_challenge(&l, (const uint8_t *)"", 0);
	assert_int_equal(sasl_line_challenge(&l, (const uint8_t *)"", 0), -1);
	assert_string_equal(l.exchange.text, "the next hop's questions do not end");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(on_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(empty, setup, teardown),
		cmocka_unit_test_setup_teardown(passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(given_up, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
