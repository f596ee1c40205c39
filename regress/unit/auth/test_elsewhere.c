/* SPDX-License-Identifier: ISC */
/* links: rpopd/auth */
/* libs: -levent_core */
/*
 * Passwords that somebody else verifies: whose word counts, what an auth process may say, and when those who asked are told.  The
 * test is the clock, the auth processes, Dovecot and the programs.
 */
#include "authworld.h"

#define ALL	(1u << AUTH_USER | 1u << AUTH_PLAIN | 1u << AUTH_LOGIN | 1u << AUTH_SCRAM_SHA_256)
#define FLOOR	3000	/* ms that no takes at least */

static struct { int told; enum auth_answer answer; int64_t at; } owners[64];
static size_t	 nowners;

static void
done(void *arg, enum auth_answer answer)
{
	size_t	 i = (size_t)(uintptr_t)arg;

	owners[i].told++;
	owners[i].answer = answer;
	owners[i].at = now;
}

/* Anna's account is the only one. */
static int
find(void *arg, const struct msg_auth_lookup *l, char *address, size_t size)
{
	(void)arg;
	strlcpy(address, l->account, size);
	return (strcmp(address, "anna@example.org") != 0);
}

static void login_done(void *arg, const struct auth_login_result *r) { done(arg, r->answer); }
static const struct auth_login_calls	 calls = { find, login_done };

/* A check; returns its number, which is that of its owner and, with its turn, of its process. */
static size_t
asks(const char *account, const char *password)
{
	auth_check(account, password, strlen(password), done, (void *)(uintptr_t)nowners);
	return (nowners++);
}

/* A login from there, which has said who it is. */
static size_t
logs_in(const char *peer, uint32_t mech, const char *account)
{
	struct auth_login_want	 want = { 7, ALL, peer, "pop.example.org", "", 0 };
	struct msg_auth_lookup	 m;
	struct ibuf		*buf = ibuf_open(sizeof(m));
	struct imsg		 imsg = { .hdr = { .type = IMSG_AUTH_LOOKUP, .len = IMSG_HEADER_SIZE + sizeof(m) }, .buf = buf };
	char			 err[256];
	int			 fd;

	assert_non_null(auth_login(&want, &calls, (void *)(uintptr_t)nowners, &fd));
	close(fd);
	memset(&m, 0, sizeof(m));
	m.id = workers[nworkers - 1].w.id;
	m.mech = mech;
	strlcpy(m.account, account, sizeof(m.account));
	ibuf_add(buf, &m, sizeof(m));
	imsg.data = ibuf_data(buf);
	assert_int_equal(rules_dispatch(attempt_rules, attempt_nrules, 0, &workers[nworkers - 1].w, &imsg, err, sizeof(err)), 0);
	ibuf_free(buf);
	return (nowners++);
}

static int
says(size_t i, const struct rule *rules, size_t n, uint32_t type, const void *m, size_t len)
{
	struct ibuf	*buf = ibuf_open(len);
	struct imsg	 imsg = { .hdr = { .type = type, .len = (uint32_t)(IMSG_HEADER_SIZE + len) }, .buf = buf };
	char		 err[256];
	int		 rv;

	ibuf_add(buf, m, len);
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(rules, n, 0, &workers[i].w, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

/* The process of a check says this. */
static int
verdict(size_t i, uint32_t v)
{
	struct msg_auth_done	 m = { workers[i].w.id, v };

	return (says(i, auth_rules, auth_nrules, IMSG_AUTH_DONE, &m, sizeof(m)));
}

/* The process of a login does. */
static int
result(size_t i, uint32_t v)
{
	struct msg_auth_result	 m;

	memset(&m, 0, sizeof(m));
	m.id = workers[i].w.id;
	m.verdict = v;
	m.mech = AUTH_USER;
	return (says(i, attempt_rules, attempt_nrules, IMSG_AUTH_RESULT, &m, sizeof(m)));
}

/* Program i ends. */
static void
ends(size_t i, enum auth_verdict v)
{
	programs[i].ended(programs[i].arg, v, v == AUTH_VERDICT_LATER ? "pop_auth: the program is ill" : NULL);
}

static int
setup(void **state)
{
	struct route_account	 anna = { .id = 1, .dir = "example.org/anna" };

	world_begin(state);
	memset(owners, 0, sizeof(owners));
	nowners = 0;
	config.routes = route_new(1, 0, 0, '\0');
	assert_int_equal(route_account_add(config.routes, &anna), 0);
	stored = NULL;		/* what the store has is not asked for */
	store_locked = 1;
	source = AUTH_SOURCE_DOVECOT;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	auth_shutdown();
	route_free(config.routes);
	return (0);
}

/* --- tests --- */

/* What goes to the process, and what becomes of yes and no; no password stays. */
static void
test_dovecot(void **state)
{
	size_t	 i, begun;

	(void)state;
	i = asks("anna@example.org", "right");
	pass(0);
	assert_int_equal(workers[i].sources, 1);
	assert_int_equal(workers[i].source.source, AUTH_SOURCE_DOVECOT);
	assert_string_equal(workers[i].source.user, "anna@example.org");
	assert_string_equal(workers[i].source.client, "");
	assert_int_equal(workers[i].vlen, 0);
	assert_memory_equal(workers[i].password, "right", 5);
	assert_int_equal(verdict(i, AUTH_VERDICT_YES), 0);
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_YES);
	i = logs_in("192.0.2.7", AUTH_USER, "anna@example.org");
	pass(0);
	assert_string_equal(workers[i].source.client, "192.0.2.7");
	begun = (size_t)now;
	assert_int_equal(workers[i].verifiers, 0);
	pass(100);
	assert_int_equal(result(i, AUTH_VERDICT_NO), 0);
	pass(20000);
	assert_int_equal(owners[i].told, 1);
	assert_int_equal(owners[i].answer, AUTH_NO);
	assert_int_equal(owners[i].at, begun + FLOOR + 2000);
}

/* Whatever Dovecot says of a name that is no account's here: no, when it would be no of an account's. */
static void
test_unknown(void **state)
{
	static const struct { const char *name; uint32_t verdict; int64_t ms; } cases[] = {
		{ "anna@example.org", AUTH_VERDICT_NO, 2000 }, { "stranger@example.org", AUTH_VERDICT_YES, 0 },
		{ "nobody@example.org", AUTH_VERDICT_NO, 1 }, { "someone@example.org", AUTH_VERDICT_NO, 2500 }, { "", AUTH_VERDICT_NO, 0 },
	};
	size_t	 i, k;
	int64_t	 begun;

	(void)state;
	for (k = 0; k < nitems(cases); k++) {
		i = logs_in("127.0.0.1", AUTH_USER, cases[k].name);
		pass(0);
		begun = now;
		assert_string_equal(asked_about, *cases[k].name == '\0' ? "nobody@invalid" : cases[k].name);
		pass(cases[k].ms);
		assert_int_equal(result(i, cases[k].verdict), 0);
		pass(60000);
		assert_int_equal(owners[i].answer, AUTH_NO);
		assert_int_equal(owners[i].at - begun, FLOOR + 2000);
	}
	i = asks("stranger@example.org", "right");
	pass(0);
	assert_int_equal(verdict(nworkers - 1, AUTH_VERDICT_YES), 0);
	pass(60000);
	assert_int_equal(owners[i].answer, AUTH_NO);
}

/* A wrong one counts as the store's do. */
static void
test_delays(void **state)
{
	static const int64_t	 delays[] = { 2000, 4000, 8000, 15000, 15000 };
	int64_t			 begun;
	size_t			 i, k;

	(void)state;
	for (k = 0; k < nitems(delays); k++) {
		i = asks("anna@example.org", "wrong");
		pass(0);
		begun = now;
		assert_int_equal(verdict(i, AUTH_VERDICT_NO), 0);
		pass(delays[k] + FLOOR);
		assert_int_equal(owners[i].at - begun, delays[k] + FLOOR);
	}
}

/* Who guesses is refused, and where the account is known from is not. */
static void
test_blocked(void **state)
{
	size_t	 i, k;

	(void)state;
	i = logs_in("198.51.100.9", AUTH_USER, "anna@example.org");
	pass(0);
	assert_int_equal(result(i, AUTH_VERDICT_YES), 0);
	pass(0);
	for (k = 0; k < 20; k++) {
		assert_int_equal(auth_blocked("192.0.2.7"), 0);
		i = logs_in("192.0.2.7", AUTH_USER, "anna@example.org");
		pass(0);
		assert_int_equal(result(i, AUTH_VERDICT_NO), 0);
		pass(15000 + FLOOR);
		assert_int_equal(owners[i].answer, AUTH_NO);
	}
	assert_int_equal(auth_blocked("192.0.2.7"), 1);
	i = logs_in("198.51.100.9", AUTH_USER, "anna@example.org");
	pass(0);
	assert_int_equal(workers[i].sources, 1);
	assert_int_equal(result(i, AUTH_VERDICT_YES), 0);
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_YES);
}

/* Who gives no answer now, or cannot be asked, is no wrong password: it is told at once, and delays nobody. */
static void
test_later(void **state)
{
	size_t	 i;

	(void)state;
	i = asks("anna@example.org", "x");
	pass(0);
	assert_int_equal(verdict(i, AUTH_VERDICT_LATER), 0);
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	assert_true(*source_trouble);
	unasked = 1;
	i = asks("anna@example.org", "x");
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	assert_int_equal(workers[i].sources, 0);
	assert_true(workers[i].left);
	i = logs_in("192.0.2.7", AUTH_USER, "anna@example.org");
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	unasked = 0;
	i = logs_in("192.0.2.7", AUTH_USER, "anna@example.org");
	pass(0);
	assert_int_equal(result(i, AUTH_VERDICT_YES), 0);
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_YES);
	assert_string_equal(source_trouble, "");
}

/* The process dies with the password: nobody is logged in, and to let it die is no way to guess faster. */
static void
test_died(void **state)
{
	size_t	 i;

	(void)state;
	source = AUTH_SOURCE_PROGRAM;
	i = asks("anna@example.org", "x");
	pass(0);
	workers[i].w.died(workers[i].w.arg);
	pass(1000);
	assert_int_equal(owners[i].told, 0);
	assert_int_equal(nleft, 1);
	pass(10000);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	assert_int_equal(guard_due(guard_use("anna@example.org", NULL)) > 0, 1);
}

/* A program's end is the answer, once its process has said that it has the password; in either order. */
static void
test_program(void **state)
{
	static const struct { enum auth_verdict end; enum auth_answer answer; } cases[] = {
		{ AUTH_VERDICT_YES, AUTH_YES }, { AUTH_VERDICT_LATER, AUTH_LATER }, { AUTH_VERDICT_NO, AUTH_NO },
	};
	size_t	 i, k, first;

	(void)state;
	source = AUTH_SOURCE_PROGRAM;
	for (first = 0; first < 2; first++)
		for (k = 0; k < nitems(cases); k++) {
			i = asks("anna@example.org", "x");
			pass(0);
			assert_string_equal(asked_about, "anna@example.org");
			assert_string_equal(workers[i].source.user, "");
			if (first)
				ends(i, cases[k].end);
			pass(1);
			assert_int_equal(owners[i].told, 0);
			assert_int_equal(verdict(i, AUTH_VERDICT_WRITTEN), 0);
			assert_true(workers[i].left);
			if (!first) {
				pass(1);
				assert_int_equal(owners[i].told, 0);
				ends(i, cases[k].end);
			}
			pass(30000);
			assert_int_equal(owners[i].told, 1);
			assert_int_equal(owners[i].answer, cases[k].answer);
			pass(600000);
		}
	/* It is not an account's: no. */
	i = asks("stranger@example.org", "x");
	pass(0);
	assert_int_equal(verdict(i, AUTH_VERDICT_WRITTEN), 0);
	ends(i, AUTH_VERDICT_YES);
	pass(30000);
	assert_int_equal(owners[i].answer, AUTH_NO);
}

/* What neither may say: a process in bad hands is none that a program is asked by, and has no proof, nor a password for one. */
static void
test_liar(void **state)
{
	static const uint32_t	 never[] = { AUTH_VERDICT_BROKEN, AUTH_VERDICT_MALFORMED, AUTH_VERDICT_GONE, 7, UINT32_MAX };
	struct { struct msg_auth_part part; char password[5]; } given = { { 0, 0 }, "right" };
	size_t			 i, k;

	(void)state;
	i = logs_in("127.0.0.1", AUTH_USER, "anna@example.org");
	pass(0);
	for (k = 0; k < nitems(never); k++)
		assert_int_equal(result(i, never[k]), -1);
	assert_int_equal(result(i, AUTH_VERDICT_WRITTEN), -1);
	given.part.id = workers[i].w.id;
	assert_int_equal(says(i, attempt_rules, attempt_nrules, IMSG_AUTH_GIVEN, &given, sizeof(given.part) + 5), -1);
	assert_int_equal(result(i, AUTH_VERDICT_YES), 0);
	pass(0);
	assert_int_equal(nworkers, i + 1);		/* nobody proves it */
	source = AUTH_SOURCE_PROGRAM;
	i = logs_in("127.0.0.1", AUTH_USER, "anna@example.org");
	pass(0);
	assert_int_equal(result(i, AUTH_VERDICT_YES), -1);
	assert_int_equal(result(i, AUTH_VERDICT_NO), -1);
	assert_int_equal(result(i, AUTH_VERDICT_WRITTEN), 0);
	pass(0);
	assert_int_equal(owners[i].told, 0);
	ends(0, AUTH_VERDICT_YES);
	pass(0);
	assert_int_equal(owners[i].answer, AUTH_YES);
	/* With the store, nobody else's answers are known. */
	source = AUTH_SOURCE_STORE;
	store_locked = 0;
	stored = "{PLAIN}right";
	i = asks("anna@example.org", "right");
	pass(0);
	assert_int_equal(verdict(i, AUTH_VERDICT_LATER), -1);
	assert_int_equal(verdict(i, AUTH_VERDICT_WRITTEN), -1);
}

/* Neither the process nor the program ends: the daemon does not wait for ever. */
static void
test_silent(void **state)
{
	size_t	 i;

	(void)state;
	i = asks("anna@example.org", "x");
	pass(60000);
	assert_true(workers[i].killed);
	assert_int_equal(owners[i].told, 0);
	workers[i].w.died(workers[i].w.arg);
	pass(30000);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	pass(700000);
	source = AUTH_SOURCE_PROGRAM;
	i = asks("anna@example.org", "x");
	pass(0);
	assert_int_equal(verdict(i, AUTH_VERDICT_WRITTEN), 0);
	pass(60000);
	assert_int_equal(owners[i].answer, AUTH_LATER);
	assert_int_equal(nleft, 1);
	assert_non_null(strstr(logged, "does not end"));
}

/* Who asked leaves: a wrong password counts all the same. */
static void
test_cancelled(void **state)
{
	struct auth	*a;

	(void)state;
	a = auth_check("anna@example.org", "x", 1, done, NULL);
	pass(0);
	auth_cancel(a);
	assert_int_equal(verdict(0, AUTH_VERDICT_NO), 0);
	pass(0);
	assert_int_equal(owners[0].told, 0);
	assert_true(guard_due(guard_use("anna@example.org", NULL)) > now);
}

/* More wait for somebody else than could compute; more than 32 do not. */
static void
test_many(void **state)
{
	char	 name[32];
	size_t	 i, n = 0;

	(void)state;
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%zu@example.org", i);
		asks(name, "x");
	}
	pass(0);
	for (i = 0; i < nworkers; i++)
		n += (size_t)workers[i].sources;
	assert_int_equal(n, 32);
}

/* A login that began with the store's verifier does not end with it. */
static void
test_changed(void **state)
{
	uint32_t	 id;
	size_t		 i;

	(void)state;
	source = AUTH_SOURCE_STORE;
	store_locked = 0;
	stored = "{PLAIN}right";
	i = logs_in("127.0.0.1", AUTH_SCRAM_SHA_256, "anna@example.org");
	assert_int_equal(workers[i].verifiers, 1);
	source = AUTH_SOURCE_DOVECOT;
	id = workers[i].w.id;
	assert_int_equal(says(i, attempt_rules, attempt_nrules, IMSG_AUTH_ASK, &id, sizeof(id)), 0);
	pass(0);
	assert_int_equal(workers[i].turns, 0);
	assert_int_equal(owners[i].answer, AUTH_LATER);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_dovecot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_died, setup, teardown),
		cmocka_unit_test_setup_teardown(test_program, setup, teardown),
		cmocka_unit_test_setup_teardown(test_liar, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
