/* SPDX-License-Identifier: ISC */
/* links: rpopd/web */
/* Sessions of browsers: what they are known by, how long they last, and how many there are; no clock but the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/compat.h"
#include "rpopd/auth/auth.h"
#include "rpopd/config/config.h"
#include "rpopd/web/web_int.h"

#define MINUTE	60000
#define ANNA	"anna@example.org"

static struct config	 config;
struct config		*config_running = &config;
struct options		 options;
static int64_t		 now;
static int		 elsewhere, unreadable;
static const char	*gone = "", *verifier = "{PLAIN}word";

int64_t clock_msec(void) { return (now); }
int auth_elsewhere(void) { return (elsewhere); }

const struct route_account *
route_account_by_address(const struct route_table *t, const char *address)
{
	static char	 some;

	(void)t;
	return (strcmp(address, gone) == 0 ? NULL : (const void *)&some);
}

int
config_login(const char *path, const char *address, struct login *login, char *err, size_t errsize)
{
	(void)path;
	(void)address;
	memset(login, 0, sizeof(*login));
	snprintf(err, errsize, "unreadable");
	login->stand_in = *verifier == '\0';
	login->len = login->stand_in ? 9 : strlen(verifier);
	memcpy(login->verifier, login->stand_in ? "{PLAIN}xx" : verifier, login->len);
	return (unreadable ? -1 : 0);
}

static int
begin(void **state)
{
	(void)state;
	browser_end_all();
	elsewhere = unreadable = 0;
	gone = "";
	verifier = "{PLAIN}word";
	return (0);
}

static void
login(const char *account, uint8_t token[PROTO_TOKEN_LEN])
{
	uint8_t	 proof[PROTO_DIGEST_LEN];

	assert_int_equal(browser_proof(account, proof), 0);
	browser_new(account, proof, token);
}

static void
test_tokens(void **state)
{
	uint8_t		 a[PROTO_TOKEN_LEN], b[PROTO_TOKEN_LEN], none[PROTO_TOKEN_LEN], form[2][PROTO_TOKEN_LEN], name[PROTO_DIGEST_LEN];
	struct browser	*s, *t;
	int		 i;

	(void)state;
	login(ANNA, a);
	login(ANNA, b);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_non_null(s = browser_find(a));
	assert_non_null(t = browser_find(b));
	assert_ptr_not_equal(s, t);
	assert_string_equal(browser_account(s), ANNA);
	for (i = 0; i < PROTO_TOKEN_LEN * 8; i++) {
		memcpy(none, a, sizeof(none));
		none[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_null(browser_find(none));
	}
	/* Neither its name nor what its forms have is a token. */
	browser_name(s, name);
	assert_memory_not_equal(name, a, sizeof(name));
	assert_null(browser_find(name));
	browser_form(s, form[0]);
	browser_form(t, form[1]);
	assert_memory_not_equal(form[0], form[1], sizeof(form[0]));
	assert_null(browser_find(form[0]));
	assert_true(browser_form_is(s, form[0]) && !browser_form_is(s, form[1]) && !browser_form_is(s, a) && !browser_form_is(s, name));
	browser_end(name);
	browser_end(name);
	assert_null(browser_find(a));
	assert_non_null(browser_find(b));
}

static void
test_clocks(void **state)
{
	uint8_t	 a[PROTO_TOKEN_LEN], b[PROTO_TOKEN_LEN];
	int64_t	 since;

	(void)state;
	login(ANNA, a);
	now += 30 * MINUTE - 1;
	assert_non_null(browser_find(a));
	now += 30 * MINUTE;
	assert_null(browser_find(a));
	now -= 30 * MINUTE;
	assert_null(browser_find(a));
	login(ANNA, b);
	for (since = now; now - since < 480 * MINUTE - 10 * MINUTE; now += 10 * MINUTE)
		assert_non_null(browser_find(b));
	now = since + 480 * MINUTE - 1;
	assert_non_null(browser_find(b));
	now++;
	assert_null(browser_find(b));
}

static void
test_password(void **state)
{
	uint8_t	 a[PROTO_TOKEN_LEN], proof[PROTO_DIGEST_LEN];

	(void)state;
	login(ANNA, a);
	assert_non_null(browser_find(a));
	verifier = "{PLAIN}wore";
	assert_null(browser_find(a));
	verifier = "{PLAIN}word";
	assert_null(browser_find(a));		/* it has ended */
	login(ANNA, a);
	verifier = "";
	assert_int_equal(browser_proof(ANNA, proof), -1);
	assert_null(browser_find(a));
	verifier = "{PLAIN}word";
	login(ANNA, a);
	gone = ANNA;
	assert_int_equal(browser_proof(ANNA, proof), -1);
	assert_null(browser_find(a));
	gone = "";
	login(ANNA, a);
	elsewhere = 1;				/* passwords are another one's now */
	assert_null(browser_find(a));
	login(ANNA, a);
	verifier = "";
	assert_non_null(browser_find(a));
	elsewhere = 0;
	verifier = "{PLAIN}word";
	login(ANNA, a);
	unreadable = 1;
	assert_null(browser_find(a));
}

/* What a session stands on is the password ahead of the login: one that was changed while it was verified begins none that lasts. */
static void
test_changed_meanwhile(void **state)
{
	uint8_t	 proof[PROTO_DIGEST_LEN], a[PROTO_TOKEN_LEN];

	(void)state;
	assert_int_equal(browser_proof(ANNA, proof), 0);
	verifier = "{PLAIN}other";
	browser_new(ANNA, proof, a);
	assert_null(browser_find(a));
}

static void
test_many(void **state)
{
	static uint8_t	 tokens[6000][PROTO_TOKEN_LEN];
	char		 account[64];
	int		 i, n = 0;

	(void)state;
	for (i = 0; i < 11; i++) {
		login(ANNA, tokens[i]);
		assert_non_null(browser_find(tokens[0]));	/* it is used, and stays */
	}
	for (i = 0; i < 11; i++)
		n += browser_find(tokens[i]) != NULL;
	assert_int_equal(n, 10);
	assert_null(browser_find(tokens[1]));
	for (i = 0; i < 6000; i++) {
		snprintf(account, sizeof(account), "u%d@example.org", i);
		login(account, tokens[i]);
	}
	for (i = n = 0; i < 6000; i++)
		n += browser_find(tokens[i]) != NULL;
	assert_int_equal(n, 5000);
	assert_null(browser_find(tokens[999]));
	assert_non_null(browser_find(tokens[1000]));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(test_tokens, begin),
		cmocka_unit_test_setup(test_clocks, begin),
		cmocka_unit_test_setup(test_password, begin),
		cmocka_unit_test_setup(test_changed_meanwhile, begin),
		cmocka_unit_test_setup(test_many, begin),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
