/* SPDX-License-Identifier: ISC */
/* links: dialer */
/* The hosts(5) reader, and what counts as an address and as a host name. */
#include <sys/stat.h>
#include <netinet/in.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dialer/dialer.h"

static void
parse(const char *text)
{
	hosts_parse(text, strlen(text));
}

/* The addresses of name as "a b c", all of one family. */
static const char *
look(const char *name, enum family family)
{
	static char	 buf[512];
	struct address	 addr[RESOLVE_ADDRS_MAX];
	char		 numeric[ADDRESS_STRLEN];
	size_t		 i, n;

	buf[0] = '\0';
	n = hosts_lookup(name, family, addr, nitems(addr));
	for (i = 0; i < n; i++) {
		if (i > 0)
			strlcat(buf, " ", sizeof(buf));
		strlcat(buf, address_str(&addr[i], numeric, sizeof(numeric)), sizeof(buf));
	}
	return (buf);
}

static void
test_plain(void **state)
{
	(void)state;
	parse("# comment\n"
	    "192.0.2.1\tpop.example alias.example # 192.0.2.9 no.example\r\n"
	    "2001:db8::1 pop.example\n"
	    "  192.0.2.2   POP.example.  \n"
	    "192.0.2.3 last.example");
	assert_string_equal(look("pop.example", FAMILY_V4), "192.0.2.1 192.0.2.2");
	assert_string_equal(look("Pop.Example", FAMILY_V6), "2001:db8::1");
	assert_string_equal(look("alias.example", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("alias.example", FAMILY_V6), "");
	assert_string_equal(look("no.example", FAMILY_V4), "");
	assert_string_equal(look("last.example", FAMILY_V4), "192.0.2.3");
	assert_string_equal(look("example", FAMILY_V4), "");
	parse("192.0.2.7 other\n");
	assert_string_equal(look("pop.example", FAMILY_V4), "");
	assert_string_equal(look("other", FAMILY_V4), "192.0.2.7");
	hosts_free();
	assert_string_equal(look("other", FAMILY_V4), "");
}

static void
test_nonsense(void **state)
{
	static const char	 nul[] = "192.0.2.1 a\0b.example\n192.0.2.2\0 c\n192.0.2.3 fine\n";
	char			 big[700];

	(void)state;
	parse("192.0.2.1\nhost 192.0.2.1\n127.1 short\n0x7f.1 hex\nfe80::1%lo0 zone\n192.0.2.1 -ok_1 b@d .dot a..b x\n0.0.0.0 block\n"
	    ":: block6\n224.0.0.1 multi\n\n\r\n#\n");
	assert_string_equal(look("192.0.2.1", FAMILY_V4), "");
	assert_string_equal(look("short", FAMILY_V4), "");
	assert_string_equal(look("hex", FAMILY_V4), "");
	assert_string_equal(look("zone", FAMILY_V6), "");
	assert_string_equal(look("b@d", FAMILY_V4), "");
	assert_string_equal(look("a..b", FAMILY_V4), "");
	assert_string_equal(look("-ok_1", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("x", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("block", FAMILY_V4), "");
	assert_string_equal(look("block6", FAMILY_V6), "");
	assert_string_equal(look("multi", FAMILY_V4), "");
	hosts_parse(nul, sizeof(nul) - 1);
	assert_string_equal(look("a", FAMILY_V4), "");
	assert_string_equal(look("c", FAMILY_V4), "");
	assert_string_equal(look("fine", FAMILY_V4), "192.0.2.3");
	memset(big, 'a', sizeof(big));
	memcpy(big, "192.0.2.1 ", 10);
	hosts_parse(big, sizeof(big));
	memset(big, '1', sizeof(big));
	hosts_parse(big, sizeof(big));
	hosts_parse("", 0);
	assert_string_equal(look("a", FAMILY_V4), "");
	hosts_free();
}

/* More addresses than are wanted; more names than are kept. */
static void
test_limits(void **state)
{
	char	*text;
	size_t	 i, len = 0, size = 70000 * 32;

	(void)state;
	assert_non_null(text = malloc(size));
	for (i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, size - len, "192.0.2.%zu many\n", i + 1);
	hosts_parse(text, len);
	assert_string_equal(look("many", FAMILY_V4),
	    "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5 192.0.2.6 192.0.2.7 192.0.2.8");
	for (len = 0, i = 0; i < 70000; i++)
		len += (size_t)snprintf(text + len, size - len, "192.0.2.1 n%zu\n", i);
	hosts_parse(text, len);
	assert_string_equal(look("n0", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("n65535", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("n65536", FAMILY_V4), "");
	free(text);
	hosts_free();
}

static void
test_load(void **state)
{
	char	 path[] = "/tmp/test_hosts.XXXXXX";
	FILE	*f;
	int	 fd, i;

	(void)state;
	assert_int_equal(hosts_load("/nonexistent/hosts"), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_not_equal(fd = mkstemp(path), -1);
	assert_non_null(f = fdopen(fd, "w"));
	fprintf(f, "192.0.2.1 first\n");
	for (i = 0; i < 5 * 1024 * 1024 / 64; i++)
		fprintf(f, "#%62s\n", "");
	fprintf(f, "192.0.2.2 beyond\n");
	assert_int_equal(fclose(f), 0);
	assert_int_equal(hosts_load(path), 0);
	unlink(path);
	assert_string_equal(look("first", FAMILY_V4), "192.0.2.1");
	assert_string_equal(look("beyond", FAMILY_V4), "");
	hosts_free();
}

static void
test_literals(void **state)
{
	static const char	*good[] = { "192.0.2.1", "::1", "[::1]", "2001:db8::1", "[2001:db8::192.0.2.1]", "0.0.0.0" };
	static const char	*bad[] = { "", "1", "127.1", "0x7f.0.0.1", "192.0.2.256", "192.0.2.1.", "[192.0.2.1]", "[::1", "::1]",
	    "[]", "fe80::1%lo", "[fe80::1%1]", "1.2.3.4 ", " 1.2.3.4", "2130706433", "pop.example",
	    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]" };
	struct address		 a;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		if (!address_parse(good[i], &a))
			fail_msg("%s", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (address_parse(bad[i], &a))
			fail_msg("%s", bad[i]);
}

static void
test_usable(void **state)
{
	static const char	*no[] = { "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:127.0.0.1" };
	static const char	*yes[] = { "127.0.0.1", "10.0.0.1", "223.255.255.255", "::1", "fe80::1", "2001:db8::1" };
	struct address		 a;
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(no); i++)
		if (!address_parse(no[i], &a) || address_usable(&a))
			fail_msg("%s", no[i]);
	for (i = 0; i < nitems(yes); i++)
		if (!address_parse(yes[i], &a) || !address_usable(&a))
			fail_msg("%s", yes[i]);
}

static void
test_names(void **state)
{
	static const char	*good[] = { "a", "pop.example", "3com.example", "x_y.example", "a-b", "xn--bcher-kva.example", "1e100" };
	static const char	*bad[] = { "", ".", "a.", ".a", "a..b", "a b", "a/b", "a:b", "a%b", "b\303\274cher", "a\nb", "192.0.2.300",
	    "1.2.3", "127.1", "1", "a.0x7f", "0x7f.1", "a.12" };
	char			 label[130], name[300];
	size_t			 i;

	(void)state;
	for (i = 0; i < nitems(good); i++)
		if (!host_valid(good[i]))
			fail_msg("%s", good[i]);
	for (i = 0; i < nitems(bad); i++)
		if (host_valid(bad[i]))
			fail_msg("%s", bad[i]);
	memset(label, 'a', sizeof(label));
	label[63] = '\0';
	assert_true(host_valid(label));
	snprintf(name, sizeof(name), "%.63s.%.63s.%.63s.%.61s", label, label, label, label);
	assert_int_equal(strlen(name), 253);
	assert_true(host_valid(name));
	strlcat(name, "a", sizeof(name));
	assert_false(host_valid(name));
	label[63] = 'a';
	label[64] = '\0';
	assert_false(host_valid(label));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_usable),
		cmocka_unit_test(test_names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
