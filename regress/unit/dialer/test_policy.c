/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* Which addresses are this machine's own, and which a record written by its owner may name. */
#include <sys/socket.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialer/dialer.h"

static int
public(const char *s)
{
	struct address	 a;

	if (!address_parse(s, &a))
		fail_msg("%s", s);
	return (policy_public(&a));
}

static int
own(const char *s)
{
	struct address	 a;

	if (!address_parse(s, &a))
		fail_msg("%s", s);
	return (policy_own(&a));
}

/* First and last address of every range, in plain and in IPv6 clothes. */
static void
test_refused_v4(void **state)
{
	static const char	*no[] = { "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
	    "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255",
	    "192.0.0.0", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.0",
	    "198.19.255.255", "198.51.100.7", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255" };
	static const char	*yes[] = { "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
	    "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255",
	    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255" };
	struct in_addr		 v4;
	uint8_t			*o = (uint8_t *)&v4;
	char			 dressed[64];
	size_t			 i, k;
	int			 expect;
	const char		*s;

	(void)state;
	for (i = 0; i < nitems(no) + nitems(yes); i++) {
		expect = i >= nitems(no);
		s = expect ? yes[i - nitems(no)] : no[i];
		assert_int_equal(inet_pton(AF_INET, s, &v4), 1);
		for (k = 0; k < 4; k++) {
			if (k == 0)
				strlcpy(dressed, s, sizeof(dressed));
			else if (k == 3)
				snprintf(dressed, sizeof(dressed), "2002:%x:%x::1", o[0] << 8 | o[1], o[2] << 8 | o[3]);
			else
				snprintf(dressed, sizeof(dressed), "%s%s", k == 1 ? "::ffff:" : "64:ff9b::", s);
			if (public(dressed) != expect)
				fail_msg("%s", dressed);
		}
	}
}

static void
test_refused_v6(void **state)
{
	static const char	*no[] = { "::", "::1", "::192.0.2.1", "::8.8.8.8", "64:ff9b:1::8.8.8.8", "100::1", "1fff:ffff::1",
	    "2001::1", "2001:0:4136:e378::1", "2001:1ff:ffff::1", "2001:db8::1", "2001:db8:ffff::1", "3fff::1", "3fff:fff::1",
	    "4000::", "5f00::1", "fc00::1", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "ff02::1", "ffff::1" };
	static const char	*yes[] = { "2001:200::1", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2400:cb00::1", "2606:4700::1",
	    "2a00:1450::1", "3ffe::1", "3fff:1000::1" };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(no); i++)
		if (public(no[i]))
			fail_msg("%s", no[i]);
	for (i = 0; i < nitems(yes); i++)
		if (!public(yes[i]))
			fail_msg("%s", yes[i]);
}

static void
test_own(void **state)
{
	static const char	*yes[] = { "127.0.0.1", "127.255.255.254", "127.9.9.9", "::1", "0.0.0.0", "0.1.2.3", "::",
	    "::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:127.8.8.8" };
	static const char	*no[] = { "192.0.2.77", "8.8.8.8", "2001:db8::77", "2606:4700::1", "::ffff:8.8.8.8", "fe80::1234:1" };
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(yes); i++)
		if (own(yes[i]) != 1)
			fail_msg("%s", yes[i]);
	for (i = 0; i < nitems(no); i++)
		if (own(no[i]) != 0)
			fail_msg("%s", no[i]);
}

/* Every address of every interface, whatever this machine has. */
static void
test_own_interfaces(void **state)
{
	struct ifaddrs	*all, *i;
	struct address	 a;

	(void)state;
	assert_int_equal(getifaddrs(&all), 0);
	for (i = all; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			address_set(&a, FAMILY_V4, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr);
		else if (i->ifa_addr->sa_family == AF_INET6 &&
		    !IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr))
			address_set(&a, FAMILY_V6, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr);
		else
			continue;
		assert_int_equal(policy_own(&a), 1);
	}
	freeifaddrs(all);
}

static void
test_ports(void **state)
{
	static const char	*no[] = { "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1: 1", "::1:1080",
	    "[::1]", "[::1]:", "[127.0.0.1]:1", "localhost:1", "127.0.0.1:1x" };
	struct address		 a;
	size_t			 i;

	(void)state;
	assert_true(address_parse_port("127.0.0.1:1080", &a));
	assert_int_equal(ntohs(a.u.v4.sin_port), 1080);
	assert_true(address_parse_port("[2001:db8::1]:65535", &a));
	assert_int_equal(ntohs(a.u.v6.sin6_port), 65535);
	assert_int_equal(a.u.sa.sa_family, AF_INET6);
	for (i = 0; i < nitems(no); i++)
		if (address_parse_port(no[i], &a))
			fail_msg("%s", no[i]);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_refused_v4),
		cmocka_unit_test(test_refused_v6),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_own_interfaces),
		cmocka_unit_test(test_ports),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
