/* SPDX-License-Identifier: ISC */
/* links: fetcher */
/* libs: -lcrypto -lgsasl -lmd */
/* The conversation in the log: what is said of each command, and what is not. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/log.h"
#include "fetcher/pop3.h"

static char	 last[1100];
static int	 lines;

static void
sink(enum log_level level, const char *text)
{
	assert_int_equal(level, LOG_LEVEL_LOW);
	strlcpy(last, text, sizeof(last));
	lines++;
}

static void
sent(const char *verb, uint32_t msgno, const char *expect)
{
	pop3_trace_sent(verb, msgno);
	assert_string_equal(last, expect);
}

static void
test_sent(void **state __unused)
{
	log_setsink(sink);
	log_setlevel(LOG_LEVEL_LOW);
	sent("CAPA", 0, "> CAPA");
	sent("RETR", 4294967295U, "> RETR 4294967295");
	sent("DELE", 1, "> DELE 1");
	sent("USER", 0, "> USER ****");
	sent("PASS", 0, "> PASS ****");
	sent("APOP", 0, "> APOP ****");
	sent("AUTH", 0, "> AUTH ****");
	sent("XNEW", 0, "> XNEW ****");
	sent("", 0, "> ****");
	log_setsink(NULL);
}

static void
got(const struct pop3 *p, const char *line, const char *expect)
{
	pop3_trace_got(p, (const uint8_t *)line, strlen(line));
	assert_string_equal(last, expect);
}

static void
test_got(void **state __unused)
{
	struct pop3	*p = calloc(1, sizeof(*p));

	assert_int_equal(auth_mask_init(&p->mask, "s3cret-word", 11), 0);
	log_setsink(sink);
	log_setlevel(LOG_LEVEL_LOW);
	got(p, "+OK ready", "< +OK ready");
	got(p, "-ERR wrong password s3cret-word\033[2J", "< -ERR wrong password ***********\\033[2J");
	got(p, "+ PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+", "< + ****");
	got(p, "+", "< + ****");
	got(p, "+ok lower", "< + ****");
	got(p, "", "< ");
	/* Nothing is worked out below the level. */
	lines = 0;
	log_setlevel(LOG_LEVEL_PROBLEMS);
	pop3_trace_got(p, (const uint8_t *)"+OK", 3);
	pop3_trace_sent("CAPA", 0);
	assert_int_equal(lines, 0);
	log_setsink(NULL);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_sent),
		cmocka_unit_test(test_got),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
