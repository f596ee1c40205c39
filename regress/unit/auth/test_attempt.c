/* SPDX-License-Identifier: ISC */
/* links: rpopd/auth */
/* libs: -levent_core */
/*
 * Logins at popd: whose turn it is, what an auth process may say when, and what the owner is told.  The test is the clock, the auth
 * processes, and the owner.
 */
#include "authworld.h"

#define OWNERS	700
#define ALL	(1u << AUTH_USER | 1u << AUTH_APOP | 1u << AUTH_PLAIN | 1u << AUTH_LOGIN | 1u << AUTH_CRAM_MD5 | 1u << AUTH_SCRAM_SHA_256)

static struct owner {
	struct auth	*auth;
	size_t		 worker;
	int		 fd, told, find, named;
	enum auth_answer answer;
	int64_t		 at;
	char		 address[PROTO_ADDR_SIZE], text[PROTO_TEXT_SIZE];
	struct msg_auth_lookup lookup;
} owners[OWNERS];
static size_t	 nowners;

/* Accounts are named with or without their domain; one must not log in. */
static int
find(void *arg, const struct msg_auth_lookup *l, char *address, size_t size)
{
	struct owner	*o = arg;

	o->find++;
	if (strcmp(l->account, "busy") == 0)
		return (-1);
	if (*l->account == '\0')
		return (1);
	strlcpy(address, l->account, size);
	if (strchr(address, '@') == NULL)
		strlcat(address, "@example.org", size);
	return (strcmp(address, "anna@example.org") != 0 && strcmp(address, "bert@example.org") != 0);
}

static void
done(void *arg, const struct auth_login_result *r)
{
	struct owner	*o = arg;

	o->told++;
	o->answer = r->answer;
	o->at = now;
	o->named = r->lookup != NULL;
	if (r->lookup != NULL)
		o->lookup = *r->lookup;
	strlcpy(o->address, r->address, sizeof(o->address));
	strlcpy(o->text, r->text, sizeof(o->text));
}

static const struct auth_login_calls	 calls = { find, done };

/* A session from there begins a login; NULL: it cannot. */
static struct owner *
begins(const char *peer)
{
	struct auth_login_want	 want = { 7, ALL, peer, "pop.example.org", "<1@x>", 0 };
	struct owner		*o = &owners[nowners++];

	assert_true(nowners < OWNERS);
	memset(o, 0, sizeof(*o));
	o->fd = -1;
	o->worker = nworkers;
	if ((o->auth = auth_login(&want, &calls, o, &o->fd)) == NULL) {
		nowners--;
		return (NULL);
	}
	assert_true(o->fd > 2);
	close(o->fd);
	return (o);
}

/* The process of a login says this.  The result is that of rules_dispatch(). */
static int
says(const struct owner *o, uint32_t type, const void *data, size_t len)
{
	struct ibuf	*buf = ibuf_open(len);
	struct imsg	 imsg = { .hdr = { .type = type, .len = (uint32_t)(IMSG_HEADER_SIZE + len) }, .buf = buf };
	char		 err[256];
	int		 rv;

	ibuf_add(buf, data, len);
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(attempt_rules, attempt_nrules, 0, &workers[o->worker].w, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

static int
lookup(const struct owner *o, uint32_t mech, const char *account)
{
	struct msg_auth_lookup	 m;

	memset(&m, 0, sizeof(m));
	m.id = workers[o->worker].w.id;
	m.mech = mech;
	strlcpy(m.account, account, sizeof(m.account));
	strlcpy(m.mailbox, "Lists/bsd", sizeof(m.mailbox));
	return (says(o, IMSG_AUTH_LOOKUP, &m, sizeof(m)));
}

static int
number(const struct owner *o, uint32_t type)
{
	return (says(o, type, &workers[o->worker].w.id, sizeof(uint32_t)));
}

static int
result(const struct owner *o, uint32_t verdict, uint32_t mech, const char *text)
{
	struct msg_auth_result	 m;

	memset(&m, 0, sizeof(m));
	m.id = workers[o->worker].w.id;
	m.verdict = verdict;
	m.mech = mech;
	strlcpy(m.text, text, sizeof(m.text));
	return (says(o, IMSG_AUTH_RESULT, &m, sizeof(m)));
}

/* The process hands over a password that it is about to call right. */
static int
gives(const struct owner *o, const char *password)
{
	struct { struct msg_auth_part part; char password[64]; } m = { { workers[o->worker].w.id, 0 }, "" };

	strlcpy(m.password, password, sizeof(m.password));
	return (says(o, IMSG_AUTH_GIVEN, &m, sizeof(m.part) + strlen(password)));
}

/* The process that got the last password says this of it. */
static int
finds(size_t worker, uint32_t verdict)
{
	struct msg_auth_done	 m = { workers[worker].w.id, verdict };
	struct ibuf		*buf = ibuf_open(sizeof(m));
	struct imsg		 imsg = { .hdr = { .type = IMSG_AUTH_DONE, .len = IMSG_HEADER_SIZE + sizeof(m) }, .buf = buf };
	char			 err[256];
	int			 rv;

	ibuf_add(buf, &m, sizeof(m));
	imsg.data = ibuf_data(buf);
	rv = rules_dispatch(prove_rules, prove_nrules, 0, &workers[worker].w, &imsg, err, sizeof(err));
	ibuf_free(buf);
	return (rv);
}

/* A whole login by USER, up to its turn. */
static struct owner *
waits(const char *peer, const char *account)
{
	struct owner	*o = begins(peer);

	assert_non_null(o);
	assert_int_equal(workers[o->worker].logins, 1);
	assert_int_equal(lookup(o, AUTH_USER, account), 0);
	pass(0);
	return (o);
}

static int
has_turn(const struct owner *o)
{
	return (workers[o->worker].verifiers + workers[o->worker].turns > 0);
}

static int
setup(void **state)
{
	struct route_account	 carl = { .id = 1, .dir = "example.org/carl" };	/* who may not log in */

	nowners = 0;
	(void)world_begin(state);
	config.routes = route_new(1, 0, 0, '\0');
	assert_int_equal(route_account_add(config.routes, &carl), 0);
	stored = "$5$rounds=1000$NEoEDNA9Dgqq$" "0123456789012345678901234567890123456789012";
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

static void
test_yes_and_no(void **state)
{
	struct owner	*o;

	(void)state;
	o = waits("192.0.2.1", "anna");
	assert_int_equal(o->find, 1);
	assert_true(has_turn(o));
	assert_memory_equal(workers[o->worker].verifier, stored, strlen(stored));
	assert_false(workers[o->worker].known.has_proof);
	assert_int_equal(gives(o, "right"), 0);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	assert_false(o->told);			/* from the event loop only */
	pass(0);
	assert_int_equal(o->told, 1);
	assert_int_equal(nworkers, 2);
	assert_memory_equal(workers[1].password, "right", 5);
	assert_int_equal(finds(1, AUTH_VERDICT_YES), 0);
	assert_true(workers[1].left);
	assert_int_equal(o->answer, AUTH_YES);
	assert_string_equal(o->address, "anna@example.org");
	assert_string_equal(o->lookup.mailbox, "Lists/bsd");
	assert_true(workers[o->worker].left);
	/* The proof of the next one; and no turn comes too early. */
	o = waits("192.0.2.1", "anna@example.org");
	assert_true(workers[o->worker].known.has_proof);
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	pass(1999);
	assert_false(o->told);
	pass(1);
	assert_int_equal(o->answer, AUTH_NO);
	assert_non_null(strstr(logged, "POP 7: login from 192.0.2.1: wrong password of anna@example.org\n"));
	stored = "$5$rounds=1000$NEoEDNA9Dgqq$" "changed8901234567890123456789012345678901234";
	o = waits("192.0.2.1", "anna");
	assert_false(workers[o->worker].known.has_proof);
}

/*
 * A process that its client has taken over calls a false password right: that lets in this one login, and no later one.  What it
 * hands over is verified by a process of which it knows nothing.
 */
static void
test_false_proof(void **state)
{
	static const uint32_t	 finding[] = { AUTH_VERDICT_NO, AUTH_VERDICT_BROKEN };
	struct owner		*o;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(finding); i++) {
		o = waits("192.0.2.1", "anna");
		assert_int_equal(gives(o, "false"), 0);
		assert_int_equal(gives(o, "false"), -1);
		assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
		pass(0);
		assert_int_equal(o->answer, AUTH_YES);
		assert_int_equal(finds(nworkers - 1, finding[i]), 0);
		assert_int_equal(finds(nworkers - 1, AUTH_VERDICT_YES), -1);
		o = waits("192.0.2.1", "anna");
		assert_false(workers[o->worker].known.has_proof);
		assert_int_equal(result(o, AUTH_VERDICT_GONE, AUTH_USER, ""), 0);
		pass(0);
	}
	assert_non_null(strstr(logged, "said of a password of anna@example.org that it is right, and it is wrong"));
	/* One that dies of it, or says nothing, has proved nothing. */
	o = waits("192.0.2.1", "anna");
	assert_int_equal(gives(o, "false"), 0);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(60000);
	assert_true(workers[nworkers - 1].killed);
	workers[nworkers - 1].w.died(workers[nworkers - 1].w.arg);
	o = waits("192.0.2.1", "anna");
	assert_false(workers[o->worker].known.has_proof);
	/* A password that was not called right is nobody's proof; nor is any of an account that there is not. */
	assert_int_equal(gives(o, "false"), 0);
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	pass(20000);
	o = waits("192.0.2.1", "nobody");
	i = nworkers;
	assert_int_equal(gives(o, "false"), 0);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(20000);
	assert_int_equal(nworkers, i);
	/* Ahead of its turn, or with a mechanism that gives no password, it is a lie. */
	o = begins("192.0.2.1");
	assert_int_equal(gives(o, "false"), -1);
	assert_int_equal(lookup(o, AUTH_SCRAM_SHA_256, "anna"), 0);
	assert_int_equal(number(o, IMSG_AUTH_ASK), 0);
	pass(0);
	assert_int_equal(gives(o, "false"), -1);
}

/*
 * Nobody can tell a name that is no account's: the same messages, a verifier of the same form, and no, whatever the process says.
 */
static void
test_unknown(void **state)
{
	static const char *const	 names[] = { "nobody", "carl@example.org", "" };
	static const char *const	 why[] = { "192.0.2.1: wrong password: no account has this name\n",
	    "192.0.2.1: wrong password: carl@example.org may not log in, since its account.pop is 0\n", "" };
	struct owner			*o;
	size_t				 i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		o = waits("192.0.2.1", names[i]);
		assert_true(has_turn(o));
		assert_int_equal(workers[o->worker].vlen, strlen(stored));
		assert_memory_equal(workers[o->worker].verifier, stored, strlen(stored) - 43);
		assert_memory_not_equal(workers[o->worker].verifier, stored, strlen(stored));
		assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
		pass(0);
		assert_false(o->told);
		pass(15000);
		assert_int_equal(o->answer, AUTH_NO);
		assert_string_equal(o->address, "");
		assert_non_null(strstr(logged, why[i]));
		assert_null(strstr(logged, "nobody"));
	}
	o = waits("192.0.2.9", "nobody");
	assert_false(workers[o->worker].known.has_proof);
	/* SCRAM of nobody cannot be right. */
	o = begins("192.0.2.2");
	assert_int_equal(lookup(o, AUTH_SCRAM_SHA_256, "nobody2"), 0);
	assert_int_equal(number(o, IMSG_AUTH_ASK), 0);
	pass(0);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), -1);
}

/*
 * Half-finished logins hold no turn, of their account and of their address; they are verified one at a time, each behind a delay.
 */
static void
test_half_finished(void **state)
{
	struct owner	*half[5], *o;
	size_t		 i;

	(void)state;
	for (i = 0; i < nitems(half); i++) {
		half[i] = begins("192.0.2.1");
		assert_int_equal(lookup(half[i], AUTH_SCRAM_SHA_256, "anna"), 0);
		assert_int_equal(workers[half[i]->worker].verifiers, 1);	/* at once */
		(void)begins("192.0.2.1");
	}
	pass(1000);
	o = waits("192.0.2.1", "bert");
	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_GONE, AUTH_USER, ""), 0);
	o = waits("198.51.100.9", "anna");
	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_YES);
	/* All of them say at once what they guess: one is verified, one waits, the others are turned away. */
	for (i = 0; i < nitems(half); i++) {
		assert_int_equal(number(half[i], IMSG_AUTH_ASK), 0);
		assert_int_equal(number(half[i], IMSG_AUTH_ASK), -1);
	}
	pass(0);
	assert_int_equal(workers[half[0]->worker].turns, 1);
	assert_int_equal(workers[half[1]->worker].turns, 0);
	for (i = 2; i < nitems(half); i++)
		assert_int_equal(half[i]->answer, AUTH_LATER);
	/* The owner, from elsewhere, is behind those two, not behind all. */
	o = waits("198.51.100.1", "anna");
	assert_false(has_turn(o));
	assert_int_equal(result(half[0], AUTH_VERDICT_NO, AUTH_SCRAM_SHA_256, ""), 0);
	pass(1999);
	assert_int_equal(workers[half[1]->worker].turns, 0);
	pass(1);
	assert_int_equal(workers[half[1]->worker].turns, 1);
	assert_int_equal(result(half[1], AUTH_VERDICT_NO, AUTH_SCRAM_SHA_256, ""), 0);
	pass(3999);
	assert_false(has_turn(o));
	pass(1);
	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_YES);
}

/* A client that has heard that it was right and does not go on holds no turn; it is logged in when it does. */
static void
test_right(void **state)
{
	struct owner	*o, *other;

	(void)state;
	o = begins("192.0.2.1");
	assert_int_equal(number(o, IMSG_AUTH_ASK), -1);
	assert_int_equal(lookup(o, AUTH_SCRAM_SHA_256, "anna"), 0);
	assert_int_equal(lookup(o, AUTH_SCRAM_SHA_256, "anna"), -1);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), -1);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_SCRAM_SHA_256, ""), -1);
	assert_int_equal(number(o, IMSG_AUTH_ASK), 0);
	pass(0);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_SCRAM_SHA_256, ""), -1);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), 0);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), -1);
	pass(0);
	other = waits("192.0.2.1", "anna");
	assert_true(has_turn(other));
	assert_int_equal(result(other, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_SCRAM_SHA_256, ""), -1);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_SCRAM_SHA_256, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_YES);
	assert_int_equal(other->answer, AUTH_YES);
	o = begins("192.0.2.1");
	lookup(o, AUTH_SCRAM_SHA_256, "anna");
	number(o, IMSG_AUTH_ASK);
	pass(0);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), 0);
	assert_int_equal(result(o, AUTH_VERDICT_GONE, AUTH_SCRAM_SHA_256, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_GONE);
}

/* Delays of an address, whatever the accounts; twenty failures, and its network is refused. */
static void
test_address(void **state)
{
	static const int64_t	 delays[] = { 2000, 4000, 8000, 15000, 15000 };
	struct owner		*o, *other;
	char			 name[32];
	int64_t			 begun;
	size_t			 i;

	(void)state;
	for (i = 0; i < 19; i++) {
		snprintf(name, sizeof(name), "u%zu", i);
		o = waits("192.0.2.1", name);
		assert_true(has_turn(o));
		begun = now;
		assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
		other = waits("192.0.2.1", "bert");
		assert_false(has_turn(other));
		auth_cancel(other->auth);
		pass(20000);
		assert_int_equal(o->at - begun, delays[i < nitems(delays) ? i : nitems(delays) - 1]);
	}
	assert_false(auth_blocked("192.0.2.77"));
	o = waits("192.0.2.1", "last");
	result(o, AUTH_VERDICT_NO, AUTH_USER, "");
	assert_true(auth_blocked("192.0.2.77"));
	assert_null(begins("192.0.2.77"));
	assert_non_null(strstr(logged, "logins from 192.0.2.0/24: 20 failed within 10 minutes"));
	o = waits("198.51.100.1", "bert");
	assert_true(has_turn(o));
}

/* One of the account's logins from there is right. */
static void
logs_in(const char *peer, const char *account)
{
	struct owner	*o = waits(peer, account);

	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_YES);
}

/* A guess from there is wrong; returns the ms after which that is told. */
static int64_t
guesses(const char *peer, const char *account)
{
	struct owner	*o = waits(peer, account);
	int64_t		 begun = now;
	int		 i;

	for (i = 0; !has_turn(o); i++) {
		assert_true(i < 60000);
		pass(1);
	}
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	pass(60000);
	assert_int_equal(o->answer, AUTH_NO);
	return (o->at - begun);
}

/* Whoever knows the name of an account does not lock its owner out of where he is known from; elsewhere he waits as before. */
static void
test_known(void **state)
{
	struct owner	*bad, *o, *stranger;
	char		 peer[32];
	int		 i;

	(void)state;
	logs_in("198.51.100.1", "anna");
	for (i = 0; i < 4; i++) {
		snprintf(peer, sizeof(peer), "192.0.%d.1", i);
		(void)guesses(peer, "anna");
	}
	bad = waits("192.0.2.9", "anna");
	assert_true(has_turn(bad));
	assert_int_equal(result(bad, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	for (i = 0; i < 4; i++) {
		snprintf(peer, sizeof(peer), "203.0.%d.1", i);
		(void)waits(peer, "anna");
	}
	stranger = waits("203.0.113.200", "anna");
	assert_false(has_turn(stranger));
	logs_in("198.51.100.1", "anna");
	logs_in("198.51.100.1", "anna@example.org");
	o = waits("198.51.100.1", "bert");		/* who is not known from there, but has his own turn */
	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	/* His own mistakes hold him up, there. */
	o = waits("198.51.100.1", "anna");
	assert_true(has_turn(o));
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	o = waits("198.51.100.1", "anna");
	assert_false(has_turn(o));
	pass(2000);
	assert_true(has_turn(o));
}

/* One bad client of a network that translates addresses neither keeps the others out nor has their address refused. */
static void
test_same_address(void **state)
{
	struct owner	*o;
	char		 name[32];
	int		 i;

	(void)state;
	logs_in("198.51.100.1", "anna");
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		o = waits("198.51.100.1", name);
		assert_true(has_turn(o));
		assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
		logs_in("198.51.100.1", "anna");
		pass(20000);
	}
	assert_non_null(strstr(logged, "logins from 198.51.100.0/24: 20 failed"));
	assert_false(auth_blocked("198.51.100.1"));
	assert_true(auth_blocked("198.51.100.2"));
	assert_null(begins("198.51.100.2"));
	logs_in("198.51.100.1", "anna");
	/* Two weeks later nothing is known of it. */
	pass(INT64_C(1209600000));
	assert_false(auth_blocked("198.51.100.2"));
	for (i = 0; i < 20; i++) {
		o = waits("198.51.100.2", "u");
		assert_true(has_turn(o));
		assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
		pass(20000);
	}
	assert_true(auth_blocked("198.51.100.1"));
}

/* The time to an answer does not tell a neighbour which accounts are known from there. */
static void
test_known_is_not_told(void **state)
{
	static const char *const	 names[] = { "anna", "bert", "nobody" };
	int64_t				 told[nitems(names)];
	struct owner			*o;
	size_t				 i;

	for (i = 0; i < nitems(names); i++) {
		(void)teardown(state);
		(void)setup(state);
		logs_in("198.51.100.1", "anna");
		(void)guesses("192.0.2.1", names[i]);
		(void)guesses("192.0.3.1", names[i]);
		(void)guesses("198.51.100.1", "other1");
		o = waits("198.51.100.1", "other2");
		assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
		told[i] = guesses("198.51.100.1", names[i]);
		assert_int_equal(told[i], told[0]);
	}
	assert_true(told[0] > 8000);
}

/* A program on this host logs in for many: its address has neither delays nor failures, each account has its own. */
static void
test_this_host(void **state)
{
	static const char *const	 hosts[] = { "127.0.0.1", "::1", "::ffff:127.0.0.1" };
	struct owner			*o, *bad;
	char				 name[32];
	size_t				 i, n;

	(void)state;
	for (n = 0; n < nitems(hosts); n++) {
		for (i = 0; i < 25; i++) {
			snprintf(name, sizeof(name), "u%zu-%zu", n, i);
			bad = waits(hosts[n], name);
			assert_true(has_turn(bad));
			assert_int_equal(result(bad, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
		}
		assert_false(auth_blocked(hosts[n]));
		logs_in(hosts[n], "anna");
		pass(20000);
	}
	bad = waits(hosts[0], "anna");
	assert_int_equal(result(bad, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	o = waits(hosts[0], "anna");
	assert_false(has_turn(o));
	pass(2000);
	assert_int_equal(bad->answer, AUTH_NO);
	assert_true(has_turn(o));
}

/* What can be no name at all has no guard that others wait for. */
static void
test_no_name(void **state)
{
	struct owner	*o;
	char		 peer[32];
	int		 i;

	(void)state;
	for (i = 0; i < 30; i++) {
		snprintf(peer, sizeof(peer), "192.0.%d.1", i);
		o = waits(peer, "");
		assert_true(has_turn(o));
		assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	}
	pass(2000);
	assert_int_equal(o->answer, AUTH_NO);
}

/* What is no login is told at once and counts nothing; a session that has gone has tried nothing, unless it has the turn. */
static void
test_malformed_and_gone(void **state)
{
	struct owner	*o;

	(void)state;
	o = begins("192.0.2.1");
	assert_int_equal(result(o, AUTH_VERDICT_MALFORMED, 0, "this is no\nbase64"), -1);
	assert_int_equal(result(o, AUTH_VERDICT_MALFORMED, 0, "this is no base64"), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_MALFORMED);
	assert_string_equal(o->text, "this is no base64");
	assert_false(o->named);
	o = begins("192.0.2.1");
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), -1);
	assert_int_equal(result(o, AUTH_VERDICT_GONE, 0, ""), 0);
	pass(0);
	assert_int_equal(o->answer, AUTH_GONE);
	o = waits("192.0.2.1", "anna");
	assert_int_equal(result(o, AUTH_VERDICT_MALFORMED, AUTH_USER, "late"), -1);
	assert_int_equal(result(o, AUTH_VERDICT_GONE, AUTH_USER, ""), 0);
	o = waits("192.0.2.1", "anna");
	assert_true(has_turn(o));
	workers[o->worker].w.died(workers[o->worker].w.arg);	/* in its turn: that is no way to guess faster */
	pass(1999);
	assert_false(o->told);
	pass(1);
	assert_int_equal(o->answer, AUTH_LATER);
	o = begins("192.0.2.1");
	workers[o->worker].w.died(workers[o->worker].w.arg);
	pass(0);
	assert_int_equal(o->answer, AUTH_LATER);
	o = waits("192.0.2.1", "busy");
	assert_int_equal(o->answer, AUTH_LATER);
	store_locked = 1;
	o = waits("192.0.2.2", "bert");
	assert_int_equal(o->answer, AUTH_LATER);
	assert_non_null(strstr(logged, "login from 192.0.2.2: the store is in use"));
}

/* Another mechanism, number, text or order is a lie. */
static void
test_liar(void **state)
{
	struct msg_auth_lookup	 m;
	struct owner		*o = begins("192.0.2.1");

	(void)state;
	assert_int_equal(lookup(o, AUTH_SCRAM_SHA_1, "anna"), -1);
	assert_int_equal(lookup(o, AUTH_MAX, "anna"), -1);
	assert_int_equal(lookup(o, AUTH_USER, "an\nna"), -1);
	memset(&m, 0, sizeof(m));
	m.id = workers[o->worker].w.id + 1;
	m.mech = AUTH_USER;
	assert_int_equal(says(o, IMSG_AUTH_LOOKUP, &m, sizeof(m)), -1);
	m.id--;
	memset(m.owner, 'o', sizeof(m.owner));
	assert_int_equal(says(o, IMSG_AUTH_LOOKUP, &m, sizeof(m)), -1);
	assert_int_equal(o->find, 0);
	assert_int_equal(lookup(o, AUTH_PLAIN, "anna"), 0);
	pass(0);
	assert_int_equal(number(o, IMSG_AUTH_ASK), -1);
	assert_int_equal(number(o, IMSG_AUTH_RIGHT), -1);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_USER, ""), -1);
	assert_int_equal(result(o, 9, AUTH_PLAIN, ""), -1);
	assert_int_equal(says(o, IMSG_AUTH_DONE, &m, 8), -1);
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_PLAIN, ""), 0);
	assert_int_equal(result(o, AUTH_VERDICT_YES, AUTH_PLAIN, ""), -1);
	pass(2000);
	assert_int_equal(o->told, 1);
	assert_int_equal(o->answer, AUTH_NO);
}

/* There is room for so many; the oldest that waits for its client makes way, one that is being verified never does. */
static void
test_room(void **state)
{
	struct owner	*first = waits("192.0.2.1", "anna"), *second, *o = NULL;
	char		 peer[32];
	int		 i;

	(void)state;
	assert_true(has_turn(first));
	second = begins("192.0.2.2");
	for (i = 0; i < 298; i++) {
		snprintf(peer, sizeof(peer), "10.0.%d.%d", i / 200, i % 200);
		o = begins(peer);
		assert_non_null(o);
	}
	pass(0);
	assert_false(second->told);
	o = begins("192.0.2.3");
	assert_non_null(o);
	pass(0);
	assert_int_equal(second->answer, AUTH_LATER);
	assert_true(workers[second->worker].left);
	assert_false(first->told);
	assert_int_equal(result(first, AUTH_VERDICT_YES, AUTH_USER, ""), 0);
	pass(180000);
	assert_int_equal(first->answer, AUTH_YES);
	assert_int_equal(o->answer, AUTH_LATER);	/* a client that says nothing for so long */
}

/* While the template is replaced a login waits; in a store without a password there is none, until the first comes. */
static void
test_template(void **state)
{
	struct owner	*o;

	(void)state;
	template_ready = 0;
	o = begins("192.0.2.1");
	assert_non_null(o);
	pass(100);
	assert_int_equal(nworkers, 0);
	template_ready = 1;
	pass(0);
	assert_int_equal(workers[o->worker].logins, 1);
	template_ready = 0;
	o = begins("192.0.2.1");
	pass(60000);
	pass(0);
	assert_int_equal(o->answer, AUTH_LATER);
	config.nlogins = 0;
	stored = NULL;
	started = 0;
	assert_null(begins("192.0.2.1"));
	assert_int_equal(started, 0);
	stored = "{PLAIN}x";
	assert_null(begins("192.0.2.1"));
	assert_int_equal(started, 1);
	assert_non_null(begins("192.0.2.1"));
}

/* Whoever leaves is told nothing; what is being verified counts all the same. */
static void
test_cancel(void **state)
{
	struct owner	*o, *early;

	(void)state;
	early = begins("192.0.2.1");
	auth_cancel(early->auth);
	o = waits("192.0.2.1", "anna");
	auth_cancel(o->auth);
	assert_int_equal(result(o, AUTH_VERDICT_NO, AUTH_USER, ""), 0);
	pass(2000);
	assert_int_equal(o->told + early->told, 0);
	assert_true(workers[early->worker].left);
	o = waits("192.0.2.1", "anna");
	assert_true(has_turn(o));
	result(o, AUTH_VERDICT_NO, AUTH_USER, "");
	pass(3999);
	assert_false(o->told);
	pass(1);
	assert_true(o->told);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_yes_and_no, setup, teardown),
		cmocka_unit_test_setup_teardown(test_false_proof, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half_finished, setup, teardown),
		cmocka_unit_test_setup_teardown(test_right, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_known_is_not_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_this_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_malformed_and_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_liar, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_template, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
