/* SPDX-License-Identifier: ISC */
/* links: rpopd/auth */
/* libs: -levent_core */
/* Which passwords are verified when, with what, and what those who asked are told when: no clock but the test's, no process. */
#include "authworld.h"

#define TOLD	300

static struct { long who; enum auth_answer answer; int64_t at; } told[TOLD];
static size_t		 ntold;

/* The process says this of the request with this number.  The result is that of rules_dispatch(). */
static int
says(struct worker *w, uint32_t id, uint32_t verdict)
{
	struct msg_auth_done	 m = { id, verdict };
	struct ibuf		*buf = ibuf_open(sizeof(m));
	struct imsg		 imsg = { .hdr = { .type = IMSG_AUTH_DONE, .len = IMSG_HEADER_SIZE + sizeof(m) }, .buf = buf };
	char			 err[256];
	int			 rv;

	ibuf_add(buf, &m, sizeof(m));
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(auth_rules, auth_nrules, 0, w, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

static int
says_of_its_own(size_t i, uint32_t verdict)
{
	return (says(&workers[i].w, workers[i].w.id, verdict));
}

static void
done(void *arg, enum auth_answer answer)
{
	assert_true(ntold < TOLD);
	told[ntold].who = (long)arg;
	told[ntold].answer = answer;
	told[ntold++].at = now;
}

static struct auth *
asks(long who, const char *account, const char *password)
{
	return (auth_check(account, password, strlen(password), done, (void *)who));
}

static int
setup(void **state)
{
	ntold = 0;
	return (world_begin(state));
}

static int
teardown(void **state)
{
	(void)state;
	auth_shutdown();
	return (0);
}

/* --- tests --- */

static void
test_yes_and_no(void **state)
{
	(void)state;
	asks(1, "anna@example.org", "right");
	assert_int_equal(nworkers, 0);		/* not before the next round */
	pass(0);
	assert_int_equal(nworkers, 1);
	assert_int_equal(workers[0].vlen, 12);
	assert_memory_equal(workers[0].verifier, "{PLAIN}right", 12);
	assert_int_equal(workers[0].len, 5);
	assert_memory_equal(workers[0].password, "right", 5);
	assert_string_equal(workers[0].w.label, "login of anna@example.org");
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_YES), 0);
	assert_int_equal(ntold, 0);		/* from the event loop only */
	pass(0);
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].answer, AUTH_YES);
	assert_true(workers[0].left);
	assert_string_equal(logged, "");
	asks(2, "anna@example.org", "wrong");
	pass(0);
	assert_int_equal(says_of_its_own(1, AUTH_VERDICT_NO), 0);
	pass(1999);
	assert_int_equal(ntold, 1);
	pass(1);
	assert_int_equal(ntold, 2);
	assert_int_equal(told[1].answer, AUTH_NO);
	assert_non_null(strstr(logged, "login of anna@example.org: wrong password\n"));
}

/* 2, 4, 8, 15, 15 s; the right one ends that, and ten minutes do. */
static void
test_delays(void **state)
{
	static const int64_t	 delays[] = { 2000, 4000, 8000, 15000, 15000 };
	int64_t			 begun;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(delays); i++) {
		asks(1, "anna@example.org", "wrong");
		begun = now;
		pass(0);
		assert_int_equal(says_of_its_own(nworkers - 1, AUTH_VERDICT_NO), 0);
		pass(20000);
		assert_int_equal(ntold, i + 1);
		assert_int_equal(told[i].at - begun, delays[i]);
	}
	pass(600000);
	asks(1, "anna@example.org", "wrong");
	begun = now;
	pass(0);
	says_of_its_own(nworkers - 1, AUTH_VERDICT_NO);
	pass(20000);
	assert_int_equal(told[ntold - 1].at - begun, 2000);
	asks(1, "anna@example.org", "right");
	pass(0);
	says_of_its_own(nworkers - 1, AUTH_VERDICT_YES);
	asks(1, "anna@example.org", "wrong");
	begun = now;
	pass(0);
	says_of_its_own(nworkers - 1, AUTH_VERDICT_NO);
	pass(20000);
	assert_int_equal(told[ntold - 1].at - begun, 2000);
}

/* Many at once for one account gain nothing: one at a time, each behind the delay of the one before; others go on meanwhile. */
static void
test_one_at_a_time(void **state)
{
	long	 i;

	(void)state;
	for (i = 0; i < 7; i++)
		asks(i, "anna@example.org", "guess");
	asks(100, "bert@example.org", "guess");
	pass(0);
	assert_int_equal(ntold, 2);		/* the sixth and the seventh */
	assert_int_equal(told[0].answer, AUTH_LATER);
	assert_int_equal(told[0].who, 5);
	assert_int_equal(nworkers, sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1);
	says_of_its_own(0, AUTH_VERDICT_NO);
	pass(0);
	assert_int_equal(nworkers, 2);
	says_of_its_own(1, AUTH_VERDICT_NO);
	pass(1999);
	assert_int_equal(nworkers, 2);
	assert_int_equal(ntold, 2);
	pass(1);
	assert_int_equal(nworkers, 3);
	assert_int_equal(ntold, 4);
	says_of_its_own(2, AUTH_VERDICT_YES);
	pass(0);
	assert_int_equal(nworkers, 4);		/* the right one, and the next at once */
	assert_int_equal(told[4].answer, AUTH_YES);
}

/* No more processes than processors, and no more than 100 in all: whoever comes later is told so at once. */
static void
test_bounds(void **state)
{
	char	 name[32];
	size_t	 most = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	long	 i;

	(void)state;
	most = most > 8 ? 8 : most;
	for (i = 0; i < 130; i++) {
		snprintf(name, sizeof(name), "u%ld@example.org", i);
		asks(i, name, "x");
	}
	pass(0);
	assert_int_equal(nworkers, most);
	assert_int_equal(ntold, 30);
	assert_int_equal(told[0].who, 100);
	assert_int_equal(told[29].answer, AUTH_LATER);
	says_of_its_own(0, AUTH_VERDICT_NO);
	pass(0);
	assert_int_equal(nworkers, most + 1);
	pass(61000);				/* the rest is not verified within a minute, or its process is too slow */
	for (i = 0; i < (long)most; i++)
		assert_true(workers[i + 1].killed);
	assert_int_equal(ntold, 130 - most);
	assert_non_null(strstr(logged, "was not verified within 60 s"));
	assert_non_null(strstr(logged, "does not answer and is killed"));
}

/* Nobody can tell an account that does not exist: asked the same way, with a verifier as long, and answered no whatever it says. */
static void
test_unknown(void **state)
{
	char	 longest[1000];

	(void)state;
	asks(1, "nobody@example.org", "right");
	pass(0);
	assert_int_equal(workers[0].vlen, 12);
	assert_memory_equal(workers[0].verifier, "{PLAIN}\0\0\0\0\0", 12);
	assert_memory_equal(workers[0].password, "right", 5);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_YES), 0);
	pass(1999);
	assert_int_equal(ntold, 0);
	pass(1);
	assert_int_equal(told[0].answer, AUTH_NO);
	memset(longest, 'l', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	asks(2, longest, "right");
	pass(0);
	assert_int_equal(says_of_its_own(1, AUTH_VERDICT_BROKEN), 0);
	pass(2000);
	assert_int_equal(told[1].answer, AUTH_NO);
	assert_null(strstr(logged, "cannot be verified"));
}

/* No password at all in the store: no process, and the answer is no, after the delay.  The first one brings the process. */
static void
test_no_logins(void **state)
{
	(void)state;
	template_ready = 0;
	config.nlogins = 0;
	stored = NULL;
	asks(1, "anna@example.org", "right");
	pass(1999);
	assert_int_equal(ntold, 0);
	pass(1);
	assert_int_equal(told[0].answer, AUTH_NO);
	assert_int_equal(nworkers, 0);
	assert_int_equal(started, 0);
	stored = "{PLAIN}right";
	asks(2, "anna@example.org", "right");
	pass(0);
	assert_int_equal(started, 1);
	assert_int_equal(config.nlogins, 1);
	pass(100);
	assert_int_equal(started, 1);
	template_ready = 1;
	pass(0);
	assert_int_equal(nworkers, 1);
	says_of_its_own(0, AUTH_VERDICT_YES);
	pass(0);
	assert_int_equal(told[1].answer, AUTH_YES);
}

/* A process that dies has not answered; to let it die is no way around the delays. */
static void
test_died(void **state)
{
	(void)state;
	asks(1, "anna@example.org", "right");
	pass(0);
	workers[0].w.died(workers[0].w.arg);
	pass(1999);
	assert_int_equal(ntold, 0);
	pass(1);
	assert_int_equal(told[0].answer, AUTH_LATER);
	store_locked = 1;
	asks(2, "anna@example.org", "right");
	pass(0);
	assert_int_equal(told[1].answer, AUTH_LATER);
	assert_non_null(strstr(logged, "login of anna@example.org: the store is in use"));
}

/* A process answers what it was asked, once; another number, another verdict, or a second answer ends it. */
static void
test_liar(void **state)
{
	(void)state;
	asks(1, "anna@example.org", "wrong");
	asks(2, "bert@example.org", "wrong");
	pass(0);
	assert_int_equal(says(&workers[0].w, workers[0].w.id + 1, AUTH_VERDICT_YES), -1);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_BROKEN + 1), -1);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_NO), 0);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_YES), -1);
	pass(2000);
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].answer, AUTH_NO);
}

static void
test_broken(void **state)
{
	(void)state;
	asks(1, "anna@example.org", "right");
	pass(0);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_BROKEN), 0);
	pass(2000);
	assert_int_equal(told[0].answer, AUTH_NO);
	assert_non_null(strstr(logged, "login of anna@example.org: the account's password cannot be verified"));
}

/* Whoever leaves is told nothing; what he guessed counts all the same. */
static void
test_cancel(void **state)
{
	struct auth	*a;
	int64_t		 begun;

	(void)state;
	a = asks(1, "anna@example.org", "wrong");
	pass(0);
	auth_cancel(a);
	assert_int_equal(says_of_its_own(0, AUTH_VERDICT_NO), 0);
	auth_cancel(asks(2, "anna@example.org", "wrong"));
	pass(2000);
	assert_int_equal(nworkers, 1);
	asks(3, "anna@example.org", "wrong");
	begun = now;
	pass(0);
	says_of_its_own(1, AUTH_VERDICT_NO);
	pass(20000);
	assert_int_equal(ntold, 1);
	assert_int_equal(told[0].at - begun, 4000);
}

/* Octets that are no password are wrong as any, and in as many messages. */
static void
test_lengths(void **state)
{
	static char	 octets[PROTO_SECRET_MAX + 1];

	(void)state;
	auth_check("anna@example.org", octets, 0, done, NULL);
	auth_check("bert@example.org", octets, sizeof(octets), done, NULL);
	pass(0);
	says_of_its_own(0, AUTH_VERDICT_NO);
	pass(0);
	assert_int_equal(nworkers, 2);
	assert_int_equal(workers[0].len, 1);
	assert_int_equal(workers[1].len, 1);
	assert_int_equal(workers[0].password[0] | workers[1].password[0], 0);
	memset(octets, 'o', sizeof(octets));
	auth_check("carl@example.org", octets, PROTO_SECRET_MAX, done, NULL);
	says_of_its_own(1, AUTH_VERDICT_NO);
	pass(0);
	assert_int_equal(workers[2].len, PROTO_SECRET_MAX);
}

/* Names that were tried are forgotten one by one, never those that wait. */
static void
test_names(void **state)
{
	char	 name[32];
	long	 i;

	(void)state;
	stored = NULL;
	config.nlogins = 0;
	template_ready = 0;
	for (i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "u%ld@example.org", i);
		ntold = 0;
		asks(i, name, "x");
		pass(2000);
		assert_int_equal(ntold, 1);
		assert_int_equal(told[0].answer, AUTH_NO);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_yes_and_no, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_logins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_died, setup, teardown),
		cmocka_unit_test_setup_teardown(test_liar, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
