/* SPDX-License-Identifier: ISC */
/* links: regress/unit/dialer/fakedns.c dialer */
/* libs: -lcares -levent_core */
/* Names to addresses: what is asked of DNS, what never is, and what becomes of every kind of answer. */
#include <sys/time.h>
#include <netinet/in.h>

#include <event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "dialer/dialer.h"
#include "fakedns.h"

static int64_t		 now = 1000;
static const char	*server;
static int		 ignored;

int64_t
clock_msec(void)
{
	return (now);
}

static void
changed(void *arg)
{
	++*(int *)arg;
}

/* The lookup once both answers are there. */
static struct lookup *
look(const char *name)
{
	static int	 calls;
	struct lookup	*l;

	calls = 0;
	assert_non_null(l = resolve_start(name, changed, &calls));
	assert_int_equal(calls, 0);
	while (!resolve_done(l))
		event_loop(EVLOOP_ONCE);
	return (l);
}

static void
assert_addr(const struct answer *a, size_t i, const char *expect)
{
	char	 numeric[ADDRESS_STRLEN];

	assert_true(i < a->n);
	assert_string_equal(address_str(&a->addr[i], numeric, sizeof(numeric)), expect);
}

/* Seconds until DNS is asked for a name again; 0: at the next lookup. */
static uint32_t
held(const char *name)
{
	enum fail_why	 why;
	const char	*text;

	return (negative_get(name, &why, &text));
}

static void
assert_failed(const char *name, enum fail_why expect)
{
	struct lookup	*l = look(name);
	const char	*text = NULL;

	assert_int_equal(l->answer[FAMILY_V6].n, 0);
	assert_int_equal(l->answer[FAMILY_V4].n, 0);
	if (resolve_why(l, &text) != expect)
		fail_msg("%s: %d, %s", name, resolve_why(l, &text), text);
	assert_non_null(text);
	assert_true(strlen(text) > 0);
	resolve_end(l);
}

static int
setup(void **state)
{
	(void)state;
	server = fakedns_start();
	dns_init(server, 5000);
	negative_clear();
	return (0);
}

static int
setup_hasty(void **state)
{
	setup(state);
	dns_fini();
	dns_init(server, 100);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	dns_fini();
	hosts_free();
	fakedns_stop();
	return (0);
}

static void
test_families(void **state)
{
	struct lookup	*l;

	(void)state;
	l = look("both.test");
	assert_int_equal(l->answer[FAMILY_V6].n, 1);
	assert_int_equal(l->answer[FAMILY_V4].n, 1);
	assert_addr(&l->answer[FAMILY_V6], 0, "::1");
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
	resolve_end(l);
	/* One query of each family, none of another type. */
	assert_int_equal(fakedns_stat->a, 1);
	assert_int_equal(fakedns_stat->aaaa, 1);
	assert_int_equal(fakedns_stat->queries, 2);

	l = look("A.Test.");
	assert_string_equal(l->name, "a.test");
	assert_int_equal(l->answer[FAMILY_V6].n, 0);
	assert_int_equal(l->answer[FAMILY_V6].why, WHY_DNS_PERM);
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
	resolve_end(l);
	l = look("aaaa.test");
	assert_int_equal(l->answer[FAMILY_V4].n, 0);
	assert_addr(&l->answer[FAMILY_V6], 0, "::1");
	resolve_end(l);
	/* The resolver's order is kept. */
	l = look("many.test");
	assert_int_equal(l->answer[FAMILY_V4].n, 4);
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.2");
	assert_addr(&l->answer[FAMILY_V4], 3, "127.0.0.5");
	resolve_end(l);
}

/* The trap: c-ares asks DNS about a literal of the other family and believes the answer. */
static void
test_literals_never_asked(void **state)
{
	static const char	*names[] = { "192.0.2.1", "2001:db8::1", "[2001:db8::1]", "127.0.0.1", "::1", "[::1]",
	    "::ffff:192.0.2.1" };
	static const char	*refused[] = { "127.1", "0x7f.1", "192.0.2.300", "192.0.2", "1", "[192.0.2.1]", "[::1", "fe80::1%lo",
	    "0.0.0.0", "::", "::ffff:0.0.0.0", "255.255.255.255", "a b", "a_b..test", "", "." };
	struct lookup		*l;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(names); i++) {
		assert_non_null(l = resolve_start(names[i], changed, &ignored));
		assert_true(resolve_done(l));
		assert_int_equal(l->answer[FAMILY_V6].n + l->answer[FAMILY_V4].n, 1);
		assert_int_equal(l->answer[FAMILY_V6].n, strchr(names[i], ':') != NULL && strstr(names[i], "ffff") == NULL);
		resolve_end(l);
	}
	for (i = 0; i < nitems(refused); i++) {
		assert_non_null(l = resolve_start(refused[i], changed, &ignored));
		assert_true(resolve_done(l));
		resolve_end(l);
		assert_failed(refused[i], WHY_CONFIG);
	}
	/* The server has had the time to see a query: this one comes behind. */
	resolve_end(look("a.test"));
	assert_int_equal(fakedns_stat->queries, 2);
}

/* The trap: with c-ares' own lookup of files, localhost fails in a chroot. */
static void
test_localhost(void **state)
{
	static const char	*names[] = { "localhost", "LOCALHOST", "localhost.", "pop.localhost" };
	struct lookup		*l;
	size_t			 i;

	(void)state;
	hosts_parse("192.0.2.66 localhost\n", 21);
	for (i = 0; i < nitems(names); i++) {
		assert_non_null(l = resolve_start(names[i], changed, &ignored));
		assert_true(resolve_done(l));
		assert_int_equal(l->answer[FAMILY_V6].n, 1);
		assert_int_equal(l->answer[FAMILY_V4].n, 1);
		assert_addr(&l->answer[FAMILY_V6], 0, "::1");
		assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
		resolve_end(l);
	}
	assert_failed("notlocalhost", WHY_DNS_PERM);
	assert_int_equal(fakedns_stat->queries, 2);
}

static void
test_hosts_first(void **state)
{
	static const char	 text[] = "192.0.2.5 both.test\n";
	struct lookup		*l;

	(void)state;
	hosts_parse(text, sizeof(text) - 1);
	assert_non_null(l = resolve_start("Both.Test.", changed, &ignored));
	assert_true(resolve_done(l));
	assert_addr(&l->answer[FAMILY_V4], 0, "192.0.2.5");
	assert_int_equal(l->answer[FAMILY_V6].n, 0);
	assert_int_equal(l->answer[FAMILY_V6].why, WHY_NONE);
	resolve_end(l);
	resolve_end(look("a.test"));
	assert_int_equal(fakedns_stat->queries, 2);
}

static void
test_failures(void **state)
{
	(void)state;
	assert_failed("nx.test", WHY_DNS_PERM);
	assert_failed("empty.test", WHY_DNS_PERM);
	assert_failed("block.test", WHY_DNS_PERM);
	assert_failed("servfail.test", WHY_DNS_TEMP);
}

static void
test_no_answer(void **state)
{
	(void)state;
	assert_failed("silent.test", WHY_DNS_TEMP);
	assert_failed("garbage.test", WHY_DNS_TEMP);
	/* Two tries for each family, not more. */
	assert_true(fakedns_stat->queries <= 8);
}

/* A family that is broken does not hide the other. */
static void
test_half(void **state)
{
	struct lookup	*l;

	(void)state;
	l = look("halfbad.test");
	assert_int_equal(l->answer[FAMILY_V6].why, WHY_DNS_TEMP);
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
	resolve_end(l);
	assert_int_equal(held("halfbad.test"), 0);
}

/* The trap: libevent's resolver gives up on truncated answers. */
static void
test_truncated(void **state)
{
	struct lookup	*l;

	(void)state;
	l = look("trunc.test");
	assert_int_equal(l->answer[FAMILY_V4].n, RESOLVE_ADDRS_MAX);
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
	assert_addr(&l->answer[FAMILY_V4], 7, "127.0.0.8");
	assert_int_equal(fakedns_stat->tcp, 1);
	resolve_end(l);
}

/* A is there as soon as it is, whatever happens to AAAA. */
static void
test_late(void **state)
{
	struct lookup	*l;
	int		 calls = 0;

	(void)state;
	assert_non_null(l = resolve_start("late.test", changed, &calls));
	while (calls == 0)
		event_loop(EVLOOP_ONCE);
	assert_true(l->answer[FAMILY_V4].done);
	assert_false(l->answer[FAMILY_V6].done);
	assert_addr(&l->answer[FAMILY_V4], 0, "127.0.0.1");
	fakedns_release();
	while (calls == 1)
		event_loop(EVLOOP_ONCE);
	assert_int_equal(calls, 2);
	assert_addr(&l->answer[FAMILY_V6], 0, "::1");
	resolve_end(l);
}

/* An abandoned lookup calls nobody and counts until DNS has answered; then its place is free again. */
static void
test_abandoned(void **state)
{
	struct lookup	*l;
	char		 name[32];
	int		 i, calls = 0;

	(void)state;
	for (i = 0; i < RESOLVE_LOOKUPS_MAX; i++) {
		snprintf(name, sizeof(name), "a.x%d.test", i);
		assert_non_null(l = resolve_start(name, changed, &calls));
		resolve_end(l);
	}
	assert_null(resolve_start("a.test", changed, &calls));
	do
		event_loop(EVLOOP_ONCE);
	while ((l = resolve_start("127.0.0.1", changed, &calls)) == NULL);
	resolve_end(l);
	assert_int_equal(calls, 0);
}

/* One name, one pair of queries, however many ask and whoever of them goes away first. */
static void
test_shared(void **state)
{
	struct lookup	*l[8];
	const char	*text;
	size_t		 i;
	int		 calls[8] = { 0 };

	(void)state;
	for (i = 0; i < nitems(l); i++)
		assert_non_null(l[i] = resolve_start(i % 2 ? "late.test" : "Late.Test.", changed, &calls[i]));
	while (calls[7] == 0)
		event_loop(EVLOOP_ONCE);
	resolve_end(l[0]);	/* who asked */
	resolve_end(l[3]);
	/* Who comes between the answers gets the one that is there. */
	assert_non_null(l[3] = resolve_start("late.test", changed, &calls[3]));
	assert_addr(&l[3]->answer[FAMILY_V4], 0, "127.0.0.1");
	fakedns_release();
	while (calls[7] == 1)
		event_loop(EVLOOP_ONCE);
	assert_int_equal(calls[0], 1);
	for (i = 1; i < nitems(l); i++) {
		assert_int_equal(calls[i], 2);
		assert_true(resolve_done(l[i]));
		assert_addr(&l[i]->answer[FAMILY_V6], 0, "::1");
		assert_addr(&l[i]->answer[FAMILY_V4], 0, "127.0.0.1");
		resolve_end(l[i]);
	}
	assert_int_equal(fakedns_stat->queries, 2);
	/* A failure reaches all of them; the next one asks again. */
	l[0] = resolve_start("servfail.test", changed, &calls[0]);
	l[1] = look("servfail.test");
	assert_true(resolve_done(l[0]));
	assert_int_equal(resolve_why(l[0], &text), WHY_DNS_TEMP);
	resolve_end(l[0]);
	resolve_end(l[1]);
	resolve_end(look("late.test"));
	assert_true(fakedns_stat->queries >= 6);
}

static void
test_stopped(void **state)
{
	struct lookup	*l;
	const char	*text;
	int		 calls = 0;

	(void)state;
	assert_non_null(l = resolve_start("silent.test", changed, &calls));
	dns_fini();
	assert_int_equal(calls, 2);
	assert_true(resolve_done(l));
	assert_int_equal(resolve_why(l, &text), WHY_STOPPED);
	resolve_end(l);
	dns_init(server, 5000);
	/* Being stopped is not the name's fault. */
	assert_int_equal(held("silent.test"), 0);
}

/* Each failure in a row doubles the time during which nothing is asked; success forgets. */
static void
test_negative(void **state)
{
	static const uint32_t	 holds[] = { 5, 10, 20, 40, 80, 160, 300, 300 };
	struct lookup		*l, *second;
	const char		*text;
	unsigned int		 queries = 0;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(holds); i++) {
		/* Two at once count as one failure. */
		assert_non_null(second = resolve_start("nx.test", changed, &ignored));
		assert_int_equal(held("nx.test"), 0);
		resolve_end(look("nx.test"));
		while (!resolve_done(second))
			event_loop(EVLOOP_ONCE);
		resolve_end(second);
		queries += 2;
		assert_int_equal(fakedns_stat->queries, queries);

		now += (int64_t)holds[i] * 1000 - 1;
		assert_int_equal(held("nx.test"), 1);
		l = look("NX.test.");
		assert_int_equal(resolve_why(l, &text), WHY_DNS_PERM);
		assert_string_equal(text, "no such host");
		resolve_end(l);
		assert_int_equal(fakedns_stat->queries, queries);
		now += 1;
	}
	negative_remove("nx.test");
	negative_add("nx.test", WHY_DNS_TEMP, "x");
	assert_int_equal(held("nx.test"), 5);
	/* The name comes back. */
	negative_add("a.test", WHY_DNS_TEMP, "x");
	now += 5000;
	resolve_end(look("a.test"));
	negative_add("a.test", WHY_DNS_TEMP, "x");
	assert_int_equal(held("a.test"), 5);
}

static void
test_negative_bounded(void **state)
{
	enum fail_why	 why;
	const char	*text;
	char		 name[32];
	int		 i;

	(void)state;
	for (i = 0; i <= RESOLVE_NEGATIVE_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		negative_add(name, WHY_DNS_TEMP, "x");
	}
	assert_int_equal(negative_get("n0", &why, &text), 0);
	assert_int_equal(negative_get("n1", &why, &text), 5);
	assert_int_equal(negative_get(name, &why, &text), 5);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_families, setup, teardown),
		cmocka_unit_test_setup_teardown(test_literals_never_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_localhost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hosts_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_answer, setup_hasty, teardown),
		cmocka_unit_test_setup_teardown(test_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandoned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_negative, setup, teardown),
		cmocka_unit_test_setup_teardown(test_negative_bounded, setup, teardown),
	};

	alarm(120);
	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
