/* SPDX-License-Identifier: ISC */
/* links: mailbox/name.c mailbox/list.c mailbox/index.c mailbox/stream.c */
/* libs: -lmd */
/* The index: what is written is read, what is damaged is not, whatever the damage is. */
#include <sys/types.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "mailbox/mailbox.h"

static char	 top[] = "/tmp/rpindex.XXXXXX";
static int	 dir = -1;

static const struct snapshot	 times = { { 1700000000123456789, 1700000001000000000 }, 1700000009000000001, 1700000010,
    1700600000 };

static int
begin(void **state __unused)
{
	if (mkdtemp(top) == NULL || (dir = open(top, O_RDONLY | O_DIRECTORY)) == -1)
		return (-1);
	return (0);
}

static int
end(void **state __unused)
{
	unlinkat(dir, INDEX_NAME, 0);
	unlinkat(dir, INDEX_TEMPORARY, 0);
	close(dir);
	return (rmdir(top));
}

/* n messages of all kinds of numbers. */
static void
fill(struct list *l, uint32_t n)
{
	struct message	*m;
	char		 name[NAME_LEN_MAX + 1];
	uint32_t	 i;
	int		 len;

	memset(l, 0, sizeof(*l));
	strlcpy(l->field, "X-Real-To", sizeof(l->field));
	for (i = 0; i < n; i++) {
		len = snprintf(name, sizeof(name), "%u.M%uP1.host%0*u%s", 1700000000 + i, i, (int)(i % 200), 0, i % 2 ? ":2,S" : "");
		assert_non_null(m = list_add(l, name, (size_t)len));
		m->more = i * 3;
		m->octets = (uint64_t)i * 1000003 + m->more;
		m->place = i % 7 ? i * 11 % n : PLACE_NONE;
		if (i % 4 == 0)
			assert_int_equal(list_address(l, &l->v[i], "anna@client1.example,bert@x", i % 8 == 0 ? 27 : 0), 0);
		m->flags |= MESSAGE_FOUND | MESSAGE_SEEN | (i % 2 ? MESSAGE_CUR : 0) | (i % 3 ? MESSAGE_SIZED : 0) | (i % 5 ? 0 : MESSAGE_COUNTED);
	}
}

static void
same(const struct list *a, const struct list *b)
{
	uint32_t	 i;

	assert_int_equal(a->n, b->n);
	assert_string_equal(a->field, b->field);
	for (i = 0; i < a->n; i++) {
		assert_int_equal(a->v[i].octets, b->v[i].octets);
		assert_int_equal(a->v[i].more, b->v[i].more);
		assert_int_equal(a->v[i].place, b->v[i].place);
		assert_int_equal(a->v[i].flags & MESSAGE_KEPT, b->v[i].flags);
		assert_int_equal(a->v[i].len, b->v[i].len);
		assert_string_equal(list_name(a, &a->v[i]), list_name(b, &b->v[i]));
		if (a->v[i].flags & MESSAGE_FOR)
			assert_string_equal(a->names + a->v[i].addresses, b->names + b->v[i].addresses);
	}
}

static void
test_round_trip(void **state __unused)
{
	static const uint32_t	 counts[] = { 0, 1, 2, 3, 100, 450, 5000, 30000 };
	struct snapshot		 got;
	struct list		 a, b;
	size_t			 i;

	for (i = 0; i < nitems(counts); i++) {
		fill(&a, counts[i]);
		assert_int_equal(index_write(dir, &a, &times), 0);
		memset(&b, 0, sizeof(b));
		assert_int_equal(index_read(dir, &b, &got), 0);
		assert_memory_equal(&got, &times, sizeof(got));
		same(&a, &b);
		list_free(&a);
		list_free(&b);
	}
	assert_int_equal(faccessat(dir, INDEX_TEMPORARY, F_OK, 0), -1);
}

/* What is gone is not written. */
static void
test_gone(void **state __unused)
{
	struct snapshot	 got;
	struct list	 a, b;
	uint32_t	 i;

	fill(&a, 50);
	for (i = 0; i < a.n; i += 2)
		a.v[i].flags |= MESSAGE_GONE;
	assert_int_equal(index_write(dir, &a, &times), 0);
	list_keep(&a, MESSAGE_GONE, 0);
	memset(&b, 0, sizeof(b));
	assert_int_equal(index_read(dir, &b, &got), 0);
	same(&a, &b);
	list_free(&a);
	list_free(&b);
}

static size_t
load(uint8_t *p, size_t size)
{
	ssize_t	 n;
	int	 fd = openat(dir, INDEX_NAME, O_RDONLY);

	n = read(fd, p, size);
	close(fd);
	assert_true(n > 0 && (size_t)n < size);
	return ((size_t)n);
}

static void
store(const uint8_t *p, size_t len)
{
	int	 fd = openat(dir, INDEX_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, p, len), (ssize_t)len);
	close(fd);
}

static void
refused(void)
{
	struct snapshot	 got;
	struct list	 l;

	memset(&l, 0, sizeof(l));
	assert_int_equal(index_read(dir, &l, &got), -1);
	assert_int_equal(l.n, 0);
	assert_null(l.v);
	assert_null(l.names);
}

static uint8_t	 good[200000], bad[200000];

static void
test_truncations(void **state __unused)
{
	struct list	 l;
	size_t		 len, i;

	fill(&l, 60);
	assert_int_equal(index_write(dir, &l, &times), 0);
	list_free(&l);
	len = load(good, sizeof(good));
	for (i = 0; i < len; i++) {
		store(good, i);
		refused();
	}
	memcpy(bad, good, len);
	bad[len] = 0;
	store(bad, len + 1);
	refused();
}

/* Octets changed, swapped, cut out, doubled: 20,000 times. */
static void
test_mutations(void **state __unused)
{
	struct snapshot	 got;
	struct list	 l, b;
	size_t		 len, n, at, cut;
	uint32_t	 round, k;

	fill(&l, 40);
	assert_int_equal(index_write(dir, &l, &times), 0);
	len = load(good, sizeof(good));
	for (round = 0; round < 20000; round++) {
		memcpy(bad, good, len);
		n = len;
		if (round % 4 != 3) {
			for (k = arc4random_uniform(3) + 1; k > 0; k--)
				bad[round % 2 ? arc4random_uniform(48) : arc4random_uniform((uint32_t)len)] ^= (uint8_t)(1U << arc4random_uniform(8));
		} else {
			at = arc4random_uniform((uint32_t)len);
			cut = arc4random_uniform((uint32_t)(len - at)) + 1;
			memmove(bad + at, bad + at + cut, len - at - cut);
			n -= round % 8 == 7 ? cut : 0;
		}
		if (n == len && memcmp(bad, good, len) == 0)
			continue;
		store(bad, n);
		refused();
	}
	store(good, len);
	memset(&b, 0, sizeof(b));
	assert_int_equal(index_read(dir, &b, &got), 0);
	same(&l, &b);
	list_free(&l);
	list_free(&b);
}

/* Not even if the checksum is right: names that lead elsewhere, or are none. */
static void
test_forged(void **state __unused)
{
	static const char *const	 names[] = { ".x", "../x", "a/b", ":2,S", "a\0b" };
	struct list			 l;
	size_t				 i;

	for (i = 0; i < nitems(names); i++) {
		fill(&l, 3);
		assert_non_null(list_add(&l, names[i], i == 4 ? 3 : strlen(names[i])));
		assert_int_equal(index_write(dir, &l, &times), 0);
		list_free(&l);
		refused();
	}
	fill(&l, 3);
	l.v[1].octets = 0;
	l.v[1].more = 1;
	assert_int_equal(index_write(dir, &l, &times), 0);
	list_free(&l);
	refused();
}

/* A link, another kind of file, another's: none of them is read. */
static void
test_not_ours(void **state __unused)
{
	struct list	 l;

	fill(&l, 3);
	assert_int_equal(index_write(dir, &l, &times), 0);
	assert_int_equal(renameat(dir, INDEX_NAME, dir, "moved"), 0);
	assert_int_equal(symlinkat("moved", dir, INDEX_NAME), 0);
	refused();
	assert_int_equal(unlinkat(dir, INDEX_NAME, 0), 0);
	assert_int_equal(mkfifoat(dir, INDEX_NAME, 0600), 0);
	refused();
	assert_int_equal(unlinkat(dir, INDEX_NAME, 0), 0);
	assert_int_equal(mkdirat(dir, INDEX_NAME, 0700), 0);
	refused();
	assert_int_equal(index_write(dir, &l, &times), -1);
	assert_int_equal(unlinkat(dir, INDEX_NAME, AT_REMOVEDIR), 0);
	if (geteuid() == 0) {
		assert_int_equal(renameat(dir, "moved", dir, INDEX_NAME), 0);
		assert_int_equal(fchownat(dir, INDEX_NAME, 12345, 12345, 0), 0);
		refused();
		assert_int_equal(index_write(dir, &l, &times), 0);
	} else
		assert_int_equal(unlinkat(dir, "moved", 0), 0);
	list_free(&l);
}

/* Another process's temporary file is left to it, an old one is nobody's. */
static void
test_temporary(void **state __unused)
{
	const struct timespec	 old[2] = { { 1, 0 }, { 1, 0 } }, future[2] = { { 4000000000, 0 }, { 4000000000, 0 } };
	struct list		 l;
	int			 fd;

	fill(&l, 3);
	fd = openat(dir, INDEX_TEMPORARY, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(index_write(dir, &l, &times), -1);
	assert_int_equal(faccessat(dir, INDEX_TEMPORARY, F_OK, 0), 0);
	assert_int_equal(futimens(fd, old), 0);
	assert_int_equal(index_write(dir, &l, &times), 0);
	close(fd);
	fd = openat(dir, INDEX_TEMPORARY, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(futimens(fd, future), 0);
	assert_int_equal(index_write(dir, &l, &times), 0);
	close(fd);
	list_free(&l);
}

/* No room: the old one stays, and nothing beside it. */
static void
test_no_room(void **state __unused)
{
	struct snapshot	 got;
	struct list	 l, b;
	struct rlimit	 rl, none;

	fill(&l, 3);
	assert_int_equal(index_write(dir, &l, &times), 0);
	getrlimit(RLIMIT_FSIZE, &rl);
	none = rl;
	none.rlim_cur = 100;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	l.n = 2;
	assert_int_equal(index_write(dir, &l, &times), -1);
	setrlimit(RLIMIT_FSIZE, &rl);
	assert_int_equal(faccessat(dir, INDEX_TEMPORARY, F_OK, 0), -1);
	memset(&b, 0, sizeof(b));
	assert_int_equal(index_read(dir, &b, &got), 0);
	assert_int_equal(b.n, 3);
	list_free(&l);
	list_free(&b);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_gone), cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_mutations), cmocka_unit_test(test_forged), cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_temporary), cmocka_unit_test(test_no_room)
	};

	return (cmocka_run_group_tests(tests, begin, end));
}
