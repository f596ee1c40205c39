/* SPDX-License-Identifier: ISC */
/* links: regress/unit/dialer/fakedns.c regress/unit/dialer/ports.c dialer */
/* libs: -lcares -levent_core */
/* RFC 8305 against ports that listen, refuse and swallow, all on loopback.  Delays that must not count are set to minutes. */
#include <sys/resource.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialer/dialer.h"
#include "fakedns.h"
#include "ports.h"

#define NEVER	600000		/* ms: the watchdog comes first */

static struct {
	uint32_t	 id;
	int		 done, fd;
	char		 address[48];
	enum fail_why	 why;
	char		 text[PROTO_TEXT_SIZE];
} result;

static const char	*server, *sources[PROTO_SOURCES_MAX], *socks;
static uint16_t		 flags;
static int		 freefd;

void
dialer_connected(uint32_t id, int fd, const char *address)
{
	result.id = id;
	result.fd = fd;
	strlcpy(result.address, address, sizeof(result.address));
	result.done++;
}

void
dialer_failed(uint32_t id, enum fail_why why, const char *text)
{
	result.id = id;
	result.why = why;
	assert_true(strlcpy(result.text, text, sizeof(result.text)) < sizeof(result.text));
	result.done++;
}

static void
start(const char *host, uint32_t timeout)
{
	static uint32_t	 id = 100;
	struct msg_dial	 m;
	size_t		 i;

	memset(&m, 0, sizeof(m));
	memset(&result, 0, sizeof(result));
	result.fd = -1;
	freefd = lowest_fd();
	m.id = ++id;
	m.timeout = timeout;
	m.port = port;
	m.flags = flags;
	for (i = 0; i < nitems(sources) && sources[i] != NULL; i++)
		strlcpy(m.source[i], sources[i], sizeof(m.source[i]));
	strlcpy(m.socks, socks, sizeof(m.socks));
	strlcpy(m.host, host, sizeof(m.host));
	dial_start(&m);
}

static void
dial(const char *host, uint32_t timeout)
{
	start(host, timeout);
	while (!result.done)
		event_loop(EVLOOP_ONCE);
	assert_int_equal(result.done, 1);
	assert_false(dial_exists(result.id));
}

/* Connected to address, and every other descriptor of the job is closed. */
static void
assert_connected(const char *address)
{
	char	 one;

	if (result.fd == -1)
		fail_msg("%s", result.text);
	assert_string_equal(result.address, address);
	assert_int_equal(recv(result.fd, &one, 1, MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
	close(result.fd);
	dns_fini();		/* its sockets are not what is counted here */
	assert_int_equal(lowest_fd(), freefd);
	dns_init(server, 5000);
}

static void	 assert_failed(enum fail_why, const char *, ...) __attribute__((__format__(printf, 2, 3)));

static void
assert_failed(enum fail_why why, const char *format, ...)
{
	char	 expect[512];
	va_list	 ap;

	va_start(ap, format);
	vsnprintf(expect, sizeof(expect), format, ap);
	va_end(ap);
	assert_int_equal(result.fd, -1);
	assert_string_equal(result.text, expect);
	assert_int_equal(result.why, why);
}

static int
setup(void **state)
{
	(void)state;
	dial_times.resolution_delay = dial_times.attempt_delay = dial_times.attempt = NEVER;
	negative_clear();
	memset(sources, 0, sizeof(sources));
	socks = "";
	flags = DIAL_SELF;
	server = fakedns_start();
	dns_init(server, 5000);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	dial_cancel_all();
	dns_fini();
	hosts_free();
	ports_close();
	fakedns_stop();
	return (0);
}

static void
assert_option(int fd, int level, int option)
{
	int		 on = 0;
	socklen_t	 len = sizeof(on);

	assert_int_equal(getsockopt(fd, level, option, &on, &len), 0);
	assert_true(on);
}

static void
test_literal(void **state)
{
	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	dial("127.0.0.1", NEVER);
	assert_int_not_equal(result.fd, -1);
	assert_true(fcntl(result.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(result.fd, F_GETFD) & FD_CLOEXEC);
	assert_option(result.fd, IPPROTO_TCP, TCP_NODELAY);
	assert_option(result.fd, SOL_SOCKET, SO_KEEPALIVE);
	assert_connected("127.0.0.1");
	dial("[::1]", NEVER);
	assert_connected("::1");
	assert_int_equal(fakedns_stat->queries, 0);
}

static void
test_prefers_v6(void **state)
{
	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	dial("localhost", NEVER);
	assert_connected("::1");
	dial_times.resolution_delay = 5000;
	dial("both.test", NEVER);
	assert_connected("::1");
}

/* A refused address starts the next one at once. */
static void
test_refused_then_next(void **state)
{
	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", REFUSE);
	dial("localhost", NEVER);
	assert_connected("127.0.0.1");
}

/* A silent address gives up its head start only; its socket is closed when the other wins. */
static void
test_black_hole_then_next(void **state)
{
	(void)state;
	dial_times.attempt_delay = 30;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", SWALLOW);
	dial("localhost", NEVER);
	assert_connected("127.0.0.1");
}

/* The first address may still win while the second one is being tried. */
static void
test_slow_first_wins(void **state)
{
	(void)state;
	dial_times.attempt_delay = 30;
	port_behave("::1", SWALLOW);
	port_behave("127.0.0.1", SWALLOW);
	start("localhost", NEVER);
	/* Both are under way when the queue of the first has room again. */
	while (lowest_fd() < freefd + 2)
		event_loop(EVLOOP_ONCE);
	port_drain(0);
	while (!result.done)
		event_loop(EVLOOP_ONCE);	/* until the kernel knocks again */
	assert_string_equal(result.address, "::1");
	close(result.fd);
}

/* No AAAA, or a late one: A waits the resolution delay, no longer. */
static void
test_aaaa_missing(void **state)
{
	static const char	*names[] = { "a.test", "never.test", "late.test", "halfbad.test" };
	size_t			 i;

	(void)state;
	dial_times.resolution_delay = 30;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	for (i = 0; i < nitems(names); i++) {
		dial(names[i], NEVER);
		assert_connected("127.0.0.1");
	}
}

/* AAAA within the resolution delay is used first. */
static void
test_aaaa_in_time(void **state)
{
	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	start("late.test", NEVER);
	while (fakedns_stat->queries < 2)
		event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
	fakedns_release();
	while (!result.done)
		event_loop(EVLOOP_ONCE);
	assert_connected("::1");
}

/* AAAA never waits for A; if it fails, A is waited for. */
static void
test_a_late(void **state)
{
	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	dial("latea.test", NEVER);
	assert_connected("::1");
	teardown(state);
	setup(state);
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", REFUSE);
	start("latea.test", NEVER);
	while (fakedns_stat->queries < 2)
		event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK);
	fakedns_release();
	while (!result.done)
		event_loop(EVLOOP_ONCE);
	assert_connected("127.0.0.1");
}

/* Families in turn, the resolver's order within each; every address and its error is in the text. */
static void
test_interleaved(void **state)
{
	static const char	 hosts[] = "127.0.0.2 x\n127.0.0.3 x\n127.0.0.4 x\n127.0.0.5 x\n::1 x\n::1 x\n";

	(void)state;
	port_behave("127.0.0.2", REFUSE);
	port_behave("127.0.0.3", REFUSE);
	port_behave("127.0.0.4", REFUSE);
	port_behave("127.0.0.5", REFUSE);
	port_behave("::1", REFUSE);
	hosts_parse(hosts, sizeof(hosts) - 1);
	dial("x", NEVER);
	assert_failed(WHY_REFUSED, "connect to x:%u: ::1: Connection refused; 127.0.0.2: Connection refused; ::1: Connection refused; "
	    "127.0.0.3: Connection refused; 127.0.0.4: Connection refused; and 1 more (check port and server)", port);
	assert_int_equal(lowest_fd(), freefd);
}

static void
test_refused_text(void **state)
{
	(void)state;
	dial_times.resolution_delay = 5000;
	port_behave("127.0.0.1", REFUSE);
	port_behave("::1", REFUSE);
	dial("::1", NEVER);
	assert_failed(WHY_REFUSED, "connect to [::1]:%u: ::1: Connection refused (check port and server)", port);
	dial("[::1]", NEVER);
	assert_failed(WHY_REFUSED, "connect to [::1]:%u: ::1: Connection refused (check port and server)", port);
	dial("both.test", NEVER);
	assert_failed(WHY_REFUSED, "connect to both.test:%u: ::1: Connection refused; 127.0.0.1: Connection refused "
	    "(check port and server)", port);
	/* What DNS did not say may be the better half. */
	dial("halfbad.test", NEVER);
	assert_failed(WHY_REFUSED, "connect to halfbad.test:%u: 127.0.0.1: Connection refused; AAAA: no name server gave a usable "
	    "answer (check port and server)", port);
}

static void
test_attempt_deadline(void **state)
{
	(void)state;
	dial_times.attempt = 50;
	port_behave("127.0.0.1", SWALLOW);
	port_behave("::1", REFUSE);
	dial("localhost", NEVER);
	assert_failed(WHY_TIMEOUT, "connect to localhost:%u: ::1: Connection refused; 127.0.0.1: Connection timed out "
	    "(a firewall may be in between)", port);
	assert_int_equal(lowest_fd(), freefd);
}

static void
test_total_deadline(void **state)
{
	(void)state;
	port_behave("127.0.0.1", SWALLOW);
	dial("127.0.0.1", 1100);
	assert_failed(WHY_TIMEOUT, "connect to 127.0.0.1:%u: 127.0.0.1: Connection timed out; gave up after 1 s "
	    "(a firewall may be in between)", port);
	dial("silent.test", 1100);
	assert_failed(WHY_DNS_TEMP, "look up silent.test:%u: the name servers took too long; gave up after 1 s "
	    "(check the name servers in resolv.conf)", port);
}

static void
test_lookup_text(void **state)
{
	char	 name[300];

	(void)state;
	port = 995;
	dial("nx.test", NEVER);
	assert_failed(WHY_DNS_PERM, "look up nx.test:995: no such host (check the host's name)");
	dial("nx.test", NEVER);		/* known already, which is no news to anybody */
	assert_failed(WHY_DNS_PERM, "look up nx.test:995: no such host (check the host's name)");
	dial("servfail.test", NEVER);
	assert_failed(WHY_DNS_TEMP, "look up servfail.test:995: no name server gave a usable answer "
	    "(check the name servers in resolv.conf)");
	dial("192.0.2.300", NEVER);
	assert_failed(WHY_CONFIG, "look up 192.0.2.300:995: neither an address nor a host name (check the record's host)");
	dial("0.0.0.0", NEVER);
	assert_failed(WHY_CONFIG, "look up 0.0.0.0:995: not an address a server can have (check the record's host)");
	dial("a\033[2J\nb", NEVER);
	assert_int_equal(result.why, WHY_CONFIG);
	assert_null(strpbrk(result.text, "\033\n"));
	memset(name, 1, sizeof(name));
	name[PROTO_HOST_SIZE - 1] = '\0';
	dial(name, NEVER);
	assert_int_equal(result.why, WHY_CONFIG);
	assert_non_null(strstr(result.text, "neither an address nor a host name (check the record's host)"));
}

static void
test_cancel(void **state)
{
	(void)state;
	port_behave("127.0.0.1", SWALLOW);
	start("127.0.0.1", NEVER);
	event_loop(EVLOOP_NONBLOCK);
	assert_int_not_equal(lowest_fd(), freefd);
	dial_cancel(1);		/* nobody's: nothing happens */
	assert_int_not_equal(lowest_fd(), freefd);
	dial_cancel_all();
	assert_int_equal(lowest_fd(), freefd);
	start("silent.test", NEVER);
	dial_cancel_all();
	event_loop(EVLOOP_NONBLOCK);
	assert_int_equal(result.done, 0);
}

static void
test_too_many(void **state)
{
	int	 i;

	(void)state;
	port_behave("127.0.0.1", LISTEN);
	for (i = 0; i < DIALER_JOBS_MAX; i++)
		start("silent.test", NEVER);
	assert_int_equal(result.done, 0);
	start("127.0.0.1", NEVER);
	assert_failed(WHY_LOCAL_TEMP, "too many connections are being made at once");
	dial_cancel_all();
	/* The abandoned lookups are still there, and there is room for more. */
	start("127.0.0.1", NEVER);
	while (!result.done)
		event_loop(EVLOOP_ONCE);
	assert_string_equal(result.address, "127.0.0.1");
	close(result.fd);
}

static void
test_no_descriptor(void **state)
{
	struct rlimit	 old, none;

	(void)state;
	port_behave("127.0.0.1", LISTEN);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)lowest_fd();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	memset(&result, 0, sizeof(result));
	result.fd = -1;
	dial_start(&(struct msg_dial){ .id = 7, .flags = DIAL_SELF, .timeout = NEVER, .port = port, .host = "127.0.0.1" });
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_failed(WHY_LOCAL_TEMP, "connect to 127.0.0.1:%u: 127.0.0.1: Too many open files (this machine is short of resources)",
	    port);
	assert_int_equal(result.done, 1);
}

/* Per family the first source that can be bound to; a family without one is not tried. */
static void
test_source(void **state)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);

	(void)state;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	sources[0] = "127.0.0.9";
	dial("localhost", NEVER);
	assert_int_equal(getsockname(result.fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(ntohl(sin.sin_addr.s_addr), 0x7f000009);
	assert_connected("127.0.0.1");
	sources[1] = "::1";
	dial("localhost", NEVER);
	assert_connected("::1");
	sources[0] = "192.0.2.9";
	sources[1] = "127.0.0.8";
	sources[2] = "127.0.0.7";
	len = sizeof(sin);
	dial("localhost", NEVER);
	assert_int_equal(getsockname(result.fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(ntohl(sin.sin_addr.s_addr), 0x7f000008);
	assert_connected("127.0.0.1");
}

static void
test_source_missing(void **state)
{
	(void)state;
	dial_times.resolution_delay = 5000;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	sources[0] = "127.0.0.9";
	dial("[::1]", NEVER);
	assert_failed(WHY_CONFIG, "no address of [::1] can be reached from source_address 127.0.0.9 (it has addresses of the other "
	    "family only)");
	dial("aaaa.test", NEVER);
	assert_failed(WHY_CONFIG, "no address of aaaa.test can be reached from source_address 127.0.0.9 (it has addresses of the "
	    "other family only)");
	sources[0] = "192.0.2.9";
	dial("both.test", NEVER);
	assert_failed(WHY_CONFIG, "connect from 192.0.2.9: Cannot assign requested address (correct settings.source_address or "
	    "domain.address)");
	sources[0] = "example.org";
	dial("both.test", NEVER);
	assert_failed(WHY_CONFIG, "settings.source_address, domain.address or settings.socks is not numeric");
}

/* This machine's own addresses are not polled unless that is allowed: in every spelling, and by every way to a number. */
static void
test_self(void **state)
{
	static const char	*hosts[] = { "127.0.0.1", "[::1]", "::ffff:127.0.0.1", "127.9.8.7", "localhost", "both.test", "me.example" };
	static const char	 text[] = "127.0.0.1 me.example\n127.0.0.1 mixed.example\n::1 mixed.example\n";
	size_t			 i;

	(void)state;
	dial_times.resolution_delay = 5000;
	flags = 0;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	hosts_parse(text, sizeof(text) - 1);
	for (i = 0; i < nitems(hosts); i++) {
		dial(hosts[i], NEVER);
		assert_int_equal(result.fd, -1);
		assert_int_equal(result.why, WHY_SELF);
		if (strstr(result.text, "; set settings.self_poll = 1 to poll it") == NULL)
			fail_msg("%s", result.text);
	}
	assert_failed(WHY_SELF, "me.example is this machine (127.0.0.1); set settings.self_poll = 1 to poll it");
	flags = DIAL_SELF;
	dial("::ffff:127.0.0.1", NEVER);
	assert_connected("127.0.0.1");
}

/* Whatever is refused, found or not: one text, and nobody was knocked at. */
static void
test_public(void **state)
{
	static const char	*hosts[] = { "127.0.0.1", "10.1.2.3", "[fe80::1]", "0.0.0.0", "::", "::ffff:10.0.0.1", "224.0.0.1",
	    "both.test", "nx.test", "empty.test", "block.test", "servfail.test", "localhost", "127.1", "a b", "nx.test" };
	size_t			 i;

	(void)state;
	dial_times.resolution_delay = 5000;
	port_behave("127.0.0.1", LISTEN);
	port_behave("::1", LISTEN);
	for (flags = DIAL_PUBLIC; flags <= (DIAL_PUBLIC | DIAL_SELF); flags++)
		for (i = 0; i < nitems(hosts); i++) {
			dial(hosts[i], NEVER);
			assert_failed(WHY_POLICY, "the host cannot be used");
		}
	flags = DIAL_PUBLIC;
	dial("silent.test", 300);
	assert_failed(WHY_POLICY, "the host cannot be used");
}

/* Of a mixed answer only the public address is tried and told of.  From 127.0.0.9 nothing leaves this machine. */
static void
test_public_mixed(void **state)
{
	static const char	 text[] = "10.0.0.1 mixed.example\n8.8.8.8 mixed.example\n::1 mixed.example\n";

	(void)state;
	port_behave("127.0.0.1", LISTEN);
	hosts_parse(text, sizeof(text) - 1);
	flags = DIAL_PUBLIC;
	sources[0] = "127.0.0.9";
	dial("mixed.example", 1000);
	assert_int_equal(result.fd, -1);
	assert_non_null(strstr(result.text, "8.8.8.8"));
	assert_null(strstr(result.text, "10.0.0.1"));
	assert_null(strstr(result.text, "::1"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup_teardown(test_literal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefers_v6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_then_next, setup, teardown),
		cmocka_unit_test_setup_teardown(test_black_hole_then_next, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_first_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aaaa_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aaaa_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_late, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interleaved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_attempt_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_total_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lookup_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_self, setup, teardown),
		cmocka_unit_test_setup_teardown(test_public, setup, teardown),
		cmocka_unit_test_setup_teardown(test_public_mixed, setup, teardown),
	};

	alarm(120);
	event_init();
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
