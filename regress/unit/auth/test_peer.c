/* SPDX-License-Identifier: ISC */
/* links: rpopd/auth */
/* libs: -levent_core */
/* Addresses that guess, and passwords that were right: no clock but the test's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "rpopd/auth/auth_int.h"

static int64_t	 now;
static char	 logged[4096];

int64_t clock_msec(void) { return (now); }

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
	strlcat(logged, "\n", sizeof(logged));
}

static int
setup(void **state)
{
	(void)state;
	log_setsink(sink);
	now = 1000000;
	logged[0] = '\0';
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	peer_free_all();
	proof_free_all();
	known_free_all();
	return (0);
}

/* A login from there is verified, and is wrong or right.  The delay. */
static int64_t
tries(const char *address, int wrong)
{
	struct peer	*p = peer_use(address);
	int64_t		 delay;

	assert_non_null(p);
	if (peer_due(p) > now)
		now = peer_due(p);
	peer_begin(p);
	assert_int_equal(peer_due(p), INT64_MAX);
	delay = peer_done(p, wrong);
	assert_int_equal(peer_due(p), wrong ? now + delay : peer_due(p));
	peer_release(p);
	return (delay);
}

/* 2, 4, 8, 15, 15 s; a right one in between takes nothing back, ten minutes do. */
static void
test_delays(void **state)
{
	static const int64_t	 delays[] = { 2000, 4000, 8000, 15000, 15000, 15000 };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(delays); i++) {
		assert_int_equal(tries("192.0.2.1", 1), delays[i]);
		assert_int_equal(tries("192.0.2.1", 0), 0);
		assert_int_equal(tries("192.0.2.2", 0), 0);
	}
	assert_int_equal(tries("192.0.2.2", 1), 2000);
	assert_int_equal(tries("192.0.3.1", 1), 2000);
	now += 15000 + 600000;
	assert_int_equal(tries("192.0.2.1", 1), 2000);
}

/* One address in its forms is one; a /64 is one client; what is no address is none of theirs. */
static void
test_forms(void **state)
{
	(void)state;
	assert_int_equal(tries("192.0.2.1", 1), 2000);
	assert_int_equal(tries("::ffff:192.0.2.1", 1), 4000);
	assert_int_equal(tries("2001:db8::1", 1), 2000);
	assert_int_equal(tries("2001:db8:0:0:ffff::2", 1), 4000);
	assert_int_equal(tries("2001:db8:0:1::1", 1), 2000);
	assert_int_equal(tries("fe80::1%eth0", 1), 2000);
	assert_int_equal(tries("fe80::2%lo", 1), 4000);
	assert_int_equal(tries("", 1), 2000);
	assert_int_equal(tries("elsewhere", 1), 4000);
}

/* Twenty within ten minutes block the network for ten minutes, which is said once; nineteen do not, nor do slow ones. */
static void
test_blocked(void **state)
{
	char	 address[64];
	int	 i;

	(void)state;
	for (i = 0; i < 19; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		assert_int_equal(tries(address, 1), 2000);
	}
	assert_false(auth_blocked("192.0.2.7"));
	assert_int_equal(tries("192.0.2.200", 0), 0);
	assert_false(auth_blocked("192.0.2.7"));
	(void)tries("192.0.2.200", 1);
	assert_true(auth_blocked("192.0.2.7"));
	assert_true(auth_blocked("::ffff:192.0.2.255"));
	assert_false(auth_blocked("192.0.3.7"));
	assert_string_equal(logged, "logins from 192.0.2.0/24: 20 failed within 10 minutes; connections from there are refused for 10 "
	    "minutes\n");
	for (i = 0; i < 25; i++)
		(void)tries(i % 2 ? "192.0.2.3" : "192.0.2.4", 1);
	assert_ptr_equal(strchr(logged, '\n') + 1, logged + strlen(logged));
	now += 600000;
	assert_false(auth_blocked("192.0.2.7"));
	/* Twenty in all, but never twenty within ten minutes. */
	for (i = 0; i < 60; i++) {
		(void)tries("198.51.100.1", 1);
		now += 32000;
		assert_false(auth_blocked("198.51.100.1"));
	}
	for (i = 0; i < 20; i++)
		(void)tries("2001:db8::1", 1);
	assert_true(auth_blocked("2001:db8::ffff"));
	assert_false(auth_blocked("2001:db8:0:1::1"));
	assert_non_null(strstr(logged, "logins from 2001:db8::/64: 20 failed"));
}

/* As many addresses as may come are remembered within bounds; those in use and those blocked are kept. */
static void
test_many(void **state)
{
	char		 address[64];
	struct peer	*used = peer_use("192.0.2.1");
	int		 i;

	(void)state;
	for (i = 0; i < 20; i++)
		(void)tries("203.0.113.1", 1);
	for (i = 0; i < 10000; i++) {
		snprintf(address, sizeof(address), "10.%d.%d.1", i / 256, i % 256);
		assert_int_equal(tries(address, 1), 2000);
	}
	assert_true(auth_blocked("203.0.113.1"));
	peer_begin(used);
	assert_int_equal(peer_done(used, 1), 2000);
	peer_release(used);
	assert_int_equal(tries("192.0.2.1", 1), 4000);
}

/* An account is known from its last eight places, each for two weeks; all accounts have a bounded number. */
static void
test_known(void **state)
{
	char	 address[64], account[64];
	int	 i;

	(void)state;
	for (i = 0; i < 9; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		assert_false(known_has("anna@example.org", address));
		known_add("anna@example.org", address);
		known_add("anna@example.org", "2001:db8::1");
		assert_true(known_has("anna@example.org", address));
		assert_false(known_has("bert@example.org", address));
		now++;
	}
	assert_true(known_has("anna@example.org", "2001:db8::ffff:1"));
	assert_false(known_has("anna@example.org", "2001:db8:0:1::1"));
	for (i = 0; i < 9; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		assert_int_equal(known_has("anna@example.org", address), i >= 2);
	}
	now += INT64_C(1209600000) - 1;
	known_add("anna@example.org", "192.0.2.3");
	now++;
	assert_false(known_has("anna@example.org", "192.0.2.4"));
	assert_true(known_has("anna@example.org", "::ffff:192.0.2.3"));
	for (i = 0; i < 17000; i++) {
		snprintf(account, sizeof(account), "u%d@example.org", i);
		known_add(account, "192.0.2.1");
	}
	assert_false(known_has("anna@example.org", "192.0.2.3"));
	assert_false(known_has("u600@example.org", "192.0.2.1"));
	assert_true(known_has("u700@example.org", "192.0.2.1"));
}

/* --- proofs --- */

static const uint8_t	 right[PROTO_DIGEST_LEN] = { 1, 2, 3 };

/* The proof of an account's password by this verifier is asked for: 1, and the key and proof that were kept, or 0 and a key. */
static int
knows(const char *account, const char *verifier, uint8_t key[PROTO_DIGEST_LEN])
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct msg_auth_verifier m;

	memset(&m, 0, sizeof(m));
	proof_get(account, verifier, strlen(verifier), &m);
	assert_memory_not_equal(m.key, none, sizeof(none));
	if (m.has_proof && key != NULL)
		assert_memory_equal(m.key, key, sizeof(m.key));
	else if (key != NULL)
		memcpy(key, m.key, sizeof(m.key));
	assert_memory_equal(m.proof, m.has_proof ? right : none, sizeof(none));
	return ((int)m.has_proof);
}

static void
keep(const char *account, const char *verifier)
{
	uint8_t	 key[PROTO_DIGEST_LEN];

	assert_false(knows(account, verifier, key));
	proof_keep(account, verifier, strlen(verifier), key, right);
	assert_true(knows(account, verifier, key));
}

/* Bound to account and verifier; a changed password is none, also when it is changed back; an hour ends it. */
static void
test_proofs(void **state)
{
	uint8_t	 a[PROTO_DIGEST_LEN], b[PROTO_DIGEST_LEN];

	(void)state;
	assert_false(knows("anna@example.org", "$5$x", a));
	assert_false(knows("anna@example.org", "$5$x", b));
	assert_memory_not_equal(a, b, sizeof(a));	/* each login has a key of its own until one was right */
	keep("anna@example.org", "$5$x");
	assert_false(knows("bert@example.org", "$5$x", NULL));
	assert_false(knows("anna@example.org", "$5$y", NULL));
	assert_false(knows("anna@example.org", "$5$x", NULL));
	keep("anna@example.org", "$5$x");
	now += 3599999;
	assert_true(knows("anna@example.org", "$5$x", NULL));
	now++;
	assert_false(knows("anna@example.org", "$5$x", NULL));
	keep("anna@example.org", "$5$x");
	proof_free_all();
	assert_false(knows("anna@example.org", "$5$x", NULL));
}

static void
test_proofs_most(void **state)
{
	char	 account[64];
	int	 i, n = 0;

	(void)state;
	for (i = 0; i < 1500; i++) {
		snprintf(account, sizeof(account), "u%d@example.org", i);
		keep(account, "$5$x");
	}
	for (i = 0; i < 1500; i++) {
		snprintf(account, sizeof(account), "u%d@example.org", i);
		n += knows(account, "$5$x", NULL);
		assert_int_equal(n, i < 500 ? 0 : i - 499);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_delays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proofs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proofs_most, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
