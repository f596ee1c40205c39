/* SPDX-License-Identifier: ISC */
/* libs: -ltls -lcrypto */
/* A process's handshakes with itself go through, every time, and leave nothing behind. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <tls.h>

#include "common/log.h"
#include "common/tlswarm.h"

static int	 lines;

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	print_message("%s\n", text);
	lines++;
}

static void
warm(void **state)
{
	int	 i;

	(void)state;
	assert_int_equal(tls_init(), 0);
	log_init("test", 1, LOG_LEVEL_ALL);
	log_setsink(sink);
	for (i = 0; i < 20; i++)
		tlswarm();
	assert_int_equal(lines, 0);		/* a failure is logged */
	assert_int_equal(ERR_peek_error(), 0);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(warm) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
