/* SPDX-License-Identifier: ISC */
/* links: mailbox */
/* libs: -lmd -levent_core */
/* The octets of a file and those on the wire, counted octet by octet by another hand; and readings of directories. */
#include <sys/types.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
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

static int
scratch(void)
{
	char	 path[] = "/tmp/rpoctets.XXXXXX";
	int	 fd = mkstemp(path);

	assert_true(fd != -1);
	unlink(path);
	return (fd);
}

/* As RFC 1939 has lines: CR LF behind each, and behind what is left at the end. */
static uint64_t
slow(const uint8_t *p, size_t len)
{
	uint64_t	 n = 0;
	size_t		 i;

	for (i = 0; i < len; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			n++;
		n++;
	}
	return (len > 0 && p[len - 1] != '\n' ? n + 2 : n);
}

static void
check(int fd, const uint8_t *p, size_t len)
{
	uint64_t	 file, wire;

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, p, len, 0), (ssize_t)len);
	assert_int_equal(octets_count(fd, &file, &wire), 0);
	assert_int_equal(file, len);
	assert_int_equal(wire, slow(p, len));
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

/* All strings of up to six octets of those that matter; then around the end of a block. */
static void
test_count(void **state __unused)
{
	static const uint8_t	 letters[] = { '\r', '\n', 'x', '\0' };
	static uint8_t		 big[3 * 65536 + 3];
	uint8_t			 s[6];
	uint32_t		 i, k, len;
	int			 fd = scratch();

	for (len = 0; len <= 6; len++)
		for (i = 0; i < 1U << (2 * len); i++) {
			for (k = 0; k < len; k++)
				s[k] = letters[i >> (2 * k) & 3];
			check(fd, s, len);
		}
	for (i = 0; i < 64; i++) {
		memset(big, 'y', sizeof(big));
		for (k = 0; k < 3; k++) {
			big[65535 - 1 + k] = letters[i >> (2 * k) & 3];
			big[2 * 65536 - 2 + k] = letters[i >> (2 * k) & 3];
		}
		check(fd, big, sizeof(big));
		check(fd, big, 65536);
		check(fd, big, 65537);
		check(fd, big, 2 * 65536);
	}
	for (i = 0; i < 20; i++) {
		for (k = 0; k < sizeof(big); k++)
			big[k] = letters[arc4random_uniform(4)];
		check(fd, big, sizeof(big) - i);
	}
	close(fd);
}

static char	 top[] = "/tmp/rpscan.XXXXXX";

static void
put(int dir, const char *sub, const char *name)
{
	char	 path[512];

	snprintf(path, sizeof(path), "%s/%s", sub, name);
	close(openat(dir, path, O_WRONLY | O_CREAT, 0600));
}

static uint32_t
count(int dir, struct list *l, struct snapshot *s)
{
	struct box	 b;
	uint32_t	 n;

	memset(&b, 0, sizeof(b));
	b.dir = dir;
	b.fd[BOX_NEW] = openat(dir, "new", O_RDONLY | O_DIRECTORY);
	b.fd[BOX_CUR] = openat(dir, "cur", O_RDONLY | O_DIRECTORY);
	b.list = *l;
	b.snapshot = *s;
	assert_int_equal(scan_all(&b), 0);
	*l = b.list;
	*s = b.snapshot;
	n = b.list.n;
	close(b.fd[BOX_NEW]);
	close(b.fd[BOX_CUR]);
	return (n);
}

/* A reading that may have missed something proves nothing later: a change in the same tick of the clock would not show. */
static void
test_snapshot(void **state __unused)
{
	const struct timespec	 old[2] = { { 1600000000, 5 }, { 1600000000, 5 } };
	struct box		 b;
	struct snapshot		 s;
	struct list		 l;
	int			 dir;

	assert_non_null(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY);
	mkdirat(dir, "new", 0700);
	mkdirat(dir, "cur", 0700);
	put(dir, "new", "2.b");
	put(dir, "new", "1.a");
	put(dir, "cur", "1.a:2,S");
	memset(&l, 0, sizeof(l));
	memset(&s, 0, sizeof(s));
	assert_int_equal(count(dir, &l, &s), 2);
	assert_string_equal(list_name(&l, &l.v[0]), "1.a:2,S");
	memset(&b, 0, sizeof(b));
	b.fd[BOX_NEW] = openat(dir, "new", O_RDONLY | O_DIRECTORY);
	b.fd[BOX_CUR] = openat(dir, "cur", O_RDONLY | O_DIRECTORY);
	b.snapshot = s;
	assert_false(scan_current(&b));		/* changed less than two seconds ago */
	assert_int_equal(futimens(b.fd[BOX_NEW], old), 0);
	assert_int_equal(futimens(b.fd[BOX_CUR], old), 0);
	assert_int_equal(count(dir, &l, &s), 2);
	b.snapshot = s;
	assert_true(scan_current(&b));
	b.snapshot.mtime[BOX_NEW]++;
	assert_false(scan_current(&b));
	b.snapshot.mtime[BOX_NEW]--;
	b.snapshot.at = b.snapshot.mtime[BOX_CUR] + 1999999999;
	assert_false(scan_current(&b));		/* taken too early */
	b.snapshot.at++;
	assert_true(scan_current(&b));
	b.snapshot.at = 0;
	assert_false(scan_current(&b));
	/* What is gone is gone, what is new is there, what was renamed is known. */
	unlinkat(b.fd[BOX_NEW], "2.b", 0);
	renameat(b.fd[BOX_CUR], "1.a:2,S", b.fd[BOX_CUR], "1.a:2,FS");
	unlinkat(b.fd[BOX_NEW], "1.a", 0);
	put(dir, "new", "0.c");
	l.v[0].octets = 77;
	assert_int_equal(count(dir, &l, &s), 2);
	assert_string_equal(list_name(&l, &l.v[0]), "0.c");
	assert_string_equal(list_name(&l, &l.v[1]), "1.a:2,FS");
	assert_int_equal(l.v[1].octets, 77);
	list_free(&l);
	unlinkat(b.fd[BOX_CUR], "1.a:2,FS", 0);
	unlinkat(b.fd[BOX_NEW], "0.c", 0);
	close(b.fd[BOX_NEW]);
	close(b.fd[BOX_CUR]);
	unlinkat(dir, "new", AT_REMOVEDIR);
	unlinkat(dir, "cur", AT_REMOVEDIR);
	close(dir);
	rmdir(top);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = { cmocka_unit_test(test_count), cmocka_unit_test(test_snapshot) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
