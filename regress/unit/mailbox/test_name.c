/* SPDX-License-Identifier: ISC */
/* links: mailbox/name.c mailbox/list.c */
/* libs: -lmd */
/* What the names of files say: time, order, unique-id, octets, flags; and the list in its order. */
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
#include "mailbox/mailbox.h"

static int
order(const char *a, const char *b)
{
	uint64_t	 x = name_time(a, strlen(a)), y = name_time(b, strlen(b));

	if (x != y)
		return (x < y ? -1 : 1);
	return (name_order(a, strlen(a), b, strlen(b)));
}

static void
test_order(void **state __unused)
{
	static const char *const	 sorted[] = {
		"abc", "x.M1", "1", "1.M0P1.a", "1.M1P1.a", "1.M9P1.a", "1.M9P1.b", "1.M10P1.a", "1.M10P1.a,S=1", "1.M10P1.a,S=2:2,S", "1.M10P1.a+",
		"1.M999999P1.a", "2.M0P1.a", "2.M5.a", "10.M0P1.a", "1700000000.M1P1.a"
	};
	size_t				 i, j;

	for (i = 0; i < nitems(sorted); i++)
		for (j = 0; j < nitems(sorted); j++)
			if (i == j)
				assert_int_equal(order(sorted[i], sorted[j]), 0);
			else
				assert_true(i < j ? order(sorted[i], sorted[j]) < 0 : order(sorted[i], sorted[j]) > 0);
	/* Flags are no part of it, and a number that is too large is none. */
	assert_int_equal(order("1.M1P1.a:2,S", "1.M1P1.a:2,F"), 0);
	assert_int_equal(order("1.M1P1.a", "1.M1P1.a:2,F"), 0);
	assert_int_equal(name_time("99999999999999999999.a", 22), 0);
	assert_true(name_time("1.M1000000P1", 12) == name_time("1.M0P1", 6));
	assert_true(name_time("18446744073709551.M5P1", 22) > name_time("17592186044414.M5P1", 19));
	assert_int_equal(name_time("", 0), 0);
	assert_int_equal(name_time("1.M", 3), (uint64_t)1 << 20);
}

static const struct uid {
	const char	*name, *uid;
} uids[] = {
	{ "1700000000.M5P7S3N1R1.host,S=10,W=12:2,S", "1700000000.M5P7S3N1R1.host" },
	{ "1700000000.M5P7.host", "1700000000.M5P7.host" },
	{ "1700000000.M5P7.host:2,FS", "1700000000.M5P7.host" },
	{ "!~", "!~" },
	/* SHA-256 of what is no unique-id. */
	{ "a b,S=1:2,S", "yGh6CKpdbtIEQyj6aml6uOltw0KR6MIDSujDjm_MbWU" },
	{ "\x7f", "Ygv9qjRrCI-0mZjZLxmn6va_wvsK7gFXU5ZtoQKMtzE" },
};

static void
test_uid(void **state __unused)
{
	char	 uid[PROTO_UID_MAX + 1], other[PROTO_UID_MAX + 1], name[NAME_LEN_MAX + 1];
	size_t	 i, n;

	for (i = 0; i < nitems(uids); i++) {
		memset(uid, 0, sizeof(uid));
		n = name_uid(uids[i].name, strlen(uids[i].name), 0, uid);
		assert_int_equal(n, strlen(uid));
		assert_string_equal(uid, uids[i].uid);
	}
	/* 70 octets are one, 71 are not; the same digest whatever the flags and sizes are. */
	memset(name, 'x', sizeof(name));
	assert_int_equal(name_uid(name, 70, 0, uid), 70);
	assert_int_equal(name_uid(name, 71, 0, uid), 43);
	memcpy(name + 71, ",S=1:2,F", 8);
	assert_int_equal(name_uid(name, 79, 0, other), 43);
	assert_memory_equal(uid, other, 43);
	/* A twin has one of its own, which sizes are a part of and flags are none. */
	assert_int_equal(name_uid("a,S=1", 5, 1, uid), 43);
	assert_int_equal(name_uid("a,S=2", 5, 1, other), 43);
	assert_memory_not_equal(uid, other, 43);
	assert_int_equal(name_uid("a,S=1:2,S", 9, 1, other), 43);
	assert_memory_equal(uid, other, 43);
	/* RFC 1939 section 7, whatever the name is. */
	for (i = 0; i < 20000; i++) {
		for (n = 0; n < sizeof(name); n++)
			name[n] = (char)arc4random();
		n = name_uid(name, arc4random_uniform(NAME_LEN_MAX) + 1, (int)(i & 1), uid);
		assert_in_range(n, 1, PROTO_UID_MAX);
		while (n-- > 0)
			assert_in_range((unsigned char)uid[n], 0x21, 0x7e);
	}
}

/* The digest by another hand: base64url of SHA-256 of "abc" (FIPS 180-2, B.1). */
static void
test_uid_digest(void **state __unused)
{
	char	 uid[PROTO_UID_MAX + 1] = "";

	assert_int_equal(name_uid("abc", 3, 1, uid), 43);
	assert_string_equal(uid, "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

static void
test_sizes(void **state __unused)
{
	static const struct { const char *name; int good; uint64_t file, wire; } cases[] = {
		{ "1.a,S=10,W=12", 1, 10, 12 }, { "1.a,W=12,S=10:2,S", 1, 10, 12 }, { "1.a,S=0,W=0", 1, 0, 0 }, { "1.a,S=7,X=1,W=7", 1, 7, 7 },
		{ "1.a,S=10,W=20", 1, 10, 20 }, { "1.a,S=10,W=21", 0, 0, 0 }, { "1.a,S=10,W=9", 0, 0, 0 }, { "1.a,S=10", 0, 0, 0 },
		{ "1.a,W=10", 0, 0, 0 }, { "1.a,S=,W=1", 0, 0, 0 }, { "1.a,S=1x,W=1", 0, 0, 0 }, { "1.a,S=-1,W=1", 0, 0, 0 },
		{ "1.a,S=99999999999999999999,W=99999999999999999999", 0, 0, 0 }, { "1.a:2,S=1,W=1", 0, 0, 0 }, { "1.a,S=1,W=1.b", 0, 0, 0 },
		{ "1.a,S=5000000000,W=5000000001", 1, 5000000000ULL, 5000000001ULL }, { ",S=1,W=", 0, 0, 0 }
	};
	uint64_t	 file, wire;
	size_t		 i;

	for (i = 0; i < nitems(cases); i++) {
		assert_int_equal(name_sizes(cases[i].name, strlen(cases[i].name), &file, &wire), cases[i].good ? 0 : -1);
		if (cases[i].good) {
			assert_int_equal(file, cases[i].file);
			assert_int_equal(wire, cases[i].wire);
		}
	}
}

static void
test_flags(void **state __unused)
{
	static const struct { const char *name, *seen; int had; } cases[] = {
		{ "a", "a:2,S", 0 }, { "a:2,", "a:2,S", 0 }, { "a:2,F", "a:2,FS", 0 }, { "a:2,T", "a:2,ST", 0 }, { "a:2,FRT", "a:2,FRST", 0 },
		{ "a:2,S", "a:2,S", 1 }, { "a:2,TSF", "a:2,FST", 1 }, { "a:2,ab", "a:2,Sab", 0 }, { "a:2,F,x=S", "a:2,FS,x=S", 0 },
		{ "a,S=1,W=2:2,", "a,S=1,W=2:2,S", 0 }, { "a:1,S", "", 0 }, { "a:", "", 0 }, { "a:2", "", 0 }, { "a:3,F", "", 0 }
	};
	char		 name[NAME_LEN_MAX + 1], seen[NAME_LEN_MAX + 1];
	size_t		 i, n;

	for (i = 0; i < nitems(cases); i++) {
		n = name_set_seen(cases[i].name, strlen(cases[i].name), seen);
		seen[n] = '\0';
		assert_string_equal(seen, cases[i].seen);
		assert_int_equal(name_seen(cases[i].name, strlen(cases[i].name)), cases[i].had);
		if (n > 0) {
			assert_true(name_seen(seen, n));
			assert_int_equal(name_set_seen(seen, n, name), n);
			assert_memory_equal(name, seen, n);
		}
	}
	/* 255 octets are a name, more are none. */
	memset(name, 'x', sizeof(name));
	assert_int_equal(name_set_seen(name, 251, seen), 255);
	assert_int_equal(name_set_seen(name, 252, seen), 0);
	memcpy(name + 200, ":2,", 3);
	assert_int_equal(name_set_seen(name, 254, seen), 255);
	assert_int_equal(name_set_seen(name, 255, seen), 0);
}

/* Whatever the order of arrival, and however many were there before: the order is that of the names. */
static void
test_list(void **state __unused)
{
	struct list	 l;
	char		 name[64];
	uint32_t	 i, round, known, n;

	for (round = 0; round < 200; round++) {
		memset(&l, 0, sizeof(l));
		known = arc4random_uniform(30);
		n = known + arc4random_uniform(30);
		for (i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "%u.M%uP1.h%u%s", arc4random_uniform(5), arc4random_uniform(3), i, i % 3 == 0 ? ":2,S" : "");
			assert_non_null(list_add(&l, name, strlen(name)));
			if (i + 1 == known)
				assert_int_equal(list_sort(&l, 0), 0);
		}
		assert_int_equal(list_sort(&l, known), 0);
		assert_int_equal(l.n, n);
		for (i = 1; i < n; i++)
			assert_true(order(list_name(&l, &l.v[i - 1]), list_name(&l, &l.v[i])) < 0);
		for (i = 0; i < n; i++) {
			if (i % 2 == 0)
				l.v[i].flags = MESSAGE_GONE;
			assert_int_equal(list_rename(&l, &l.v[i], "a much longer name than it had before, of more octets", 53), 0);
			assert_int_equal(strlen(list_name(&l, &l.v[i])), 53);
			assert_int_equal(list_rename(&l, &l.v[i], "x:2,", 4), 0);
			assert_int_equal(list_base(&l, &l.v[i]), 1);
		}
		list_keep(&l, MESSAGE_GONE, 0);
		assert_int_equal(l.n, n / 2);
		list_free(&l);
	}
}

static void
test_list_bound(void **state __unused)
{
	struct list	 l;

	memset(&l, 0, sizeof(l));
	assert_int_equal(list_reserve(&l, PROTO_MSGS_MAX, 100), 0);
	l.n = PROTO_MSGS_MAX;
	assert_null(list_add(&l, "x", 1));
	list_free(&l);
	assert_int_equal(list_reserve(&l, PROTO_MSGS_MAX + 1, 0), -1);
	assert_int_equal(list_reserve(&l, 0, (size_t)UINT32_MAX + 1), -1);
	assert_null(l.v);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_uid), cmocka_unit_test(test_uid_digest), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_flags), cmocka_unit_test(test_list), cmocka_unit_test(test_list_bound)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
