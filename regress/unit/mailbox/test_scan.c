/* SPDX-License-Identifier: ISC */
/* links: mailbox/name.c mailbox/list.c mailbox/index.c mailbox/stream.c mailbox/scan.c */
/* libs: -lmd */
/*
 * Directories read into a list: whatever others rename, remove and deliver between two readings, and whatever the index says of the
 * order of the last one, each file is listed once, under its name, in the order of the deliveries.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/compat.h"
#include "mailbox/mailbox.h"

#define FILES	1200		/* at most; more than are searched one at a time when all are elsewhere */

static char		 top[] = "/tmp/rpscan.XXXXXX";
static struct box	 box;
static uint32_t		 serial;

/* What there is: names in either directory. */
static struct file {
	int	 which;
	char	 name[80];
} files[FILES];
static uint32_t	 nfiles;

static int
begin(void **state __unused)
{
	memset(&box, 0, sizeof(box));
	if (mkdtemp(top) == NULL || (box.dir = open(top, O_RDONLY | O_DIRECTORY)) == -1 || mkdirat(box.dir, "new", 0700) == -1 ||
	    mkdirat(box.dir, "cur", 0700) == -1)
		return (-1);
	box.fd[BOX_NEW] = openat(box.dir, "new", O_RDONLY | O_DIRECTORY);
	box.fd[BOX_CUR] = openat(box.dir, "cur", O_RDONLY | O_DIRECTORY);
	return (box.fd[BOX_NEW] == -1 || box.fd[BOX_CUR] == -1 ? -1 : 0);
}

static void
forget(uint32_t i)
{
	assert_int_equal(unlinkat(box.fd[files[i].which], files[i].name, 0), 0);
	files[i] = files[--nfiles];
}

/* No file, and no list. */
static int
clean(void **state __unused)
{
	while (nfiles > 0)
		forget(0);
	list_free(&box.list);
	memset(&box.snapshot, 0, sizeof(box.snapshot));
	return (0);
}

static int
end(void **state __unused)
{
	unlinkat(box.dir, INDEX_NAME, 0);
	unlinkat(box.dir, "new", AT_REMOVEDIR);
	unlinkat(box.dir, "cur", AT_REMOVEDIR);
	return (rmdir(top));
}

static void
deliver(void)
{
	struct file	*f = &files[nfiles++];
	int		 fd;

	assert_true(nfiles <= FILES);
	f->which = BOX_NEW;
	snprintf(f->name, sizeof(f->name), "%u.M%uP1.host%u", 1700000000 + arc4random_uniform(50), arc4random_uniform(1000000), serial++);
	fd = openat(box.fd[BOX_NEW], f->name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
}

/* Other flags, in cur/. */
static void
flag(uint32_t i)
{
	struct file	 f = files[i];

	f.which = BOX_CUR;
	f.name[strcspn(f.name, ":")] = '\0';
	strlcat(f.name, arc4random_uniform(2) ? ":2,S" : ":2,FS", sizeof(f.name));
	assert_int_equal(renameat(box.fd[files[i].which], files[i].name, box.fd[BOX_CUR], f.name), 0);
	files[i] = f;
}

/* The directories' last change is so long ago that a reading counts. */
static void
settle(void)
{
	const struct timespec	 old[2] = { { 1700000000, 0 }, { 1700000000, 0 } };

	assert_int_equal(futimens(box.fd[BOX_NEW], old), 0);
	assert_int_equal(futimens(box.fd[BOX_CUR], old), 0);
}

static int
file_cmp(const void *a, const void *b)
{
	const char	*x = ((const struct file *)a)->name, *y = ((const struct file *)b)->name;
	uint64_t	 t = name_time(x, strlen(x)), u = name_time(y, strlen(y));

	return (t != u ? (t < u ? -1 : 1) : name_order(x, strlen(x), y, strlen(y)));
}

/* The list is what there is, in order. */
static void
agrees(void)
{
	const struct message	*m;
	uint32_t		 i;

	qsort(files, nfiles, sizeof(files[0]), file_cmp);
	assert_int_equal(box.list.n, nfiles);
	for (i = 0; i < nfiles; i++) {
		m = &box.list.v[i];
		assert_string_equal(list_name(&box.list, m), files[i].name);
		assert_int_equal(m->len, strlen(files[i].name));
		assert_int_equal((m->flags & MESSAGE_CUR) != 0, files[i].which == BOX_CUR);
	}
	assert_true(list_ordered(&box.list));
}

/* The next opening, which has only what the index says. */
static void
reopen(void)
{
	assert_int_equal(index_write(box.dir, &box.list, &box.snapshot), 0);
	list_free(&box.list);
	assert_int_equal(index_read(box.dir, &box.list, &box.snapshot), 0);
}

static void
again(void)
{
	settle();
	assert_int_equal(scan_all(&box), 0);
	agrees();
	reopen();
	agrees();
}

/* Few changes, many, everything else; one after the other, each from the index of the one before. */
static void
test_changes(void **state __unused)
{
	static const uint32_t	 how_many[] = { 0, 1, 3, 40, 400, 1000 };
	uint32_t		 round, i, n;

	again();
	for (round = 0; round < 150; round++) {
		n = how_many[arc4random_uniform(nitems(how_many))];
		for (i = 0; i < n; i++) {
			if (nfiles == 0 || (arc4random_uniform(3) == 0 && nfiles < FILES))
				deliver();
			else if (arc4random_uniform(4) == 0)
				forget(arc4random_uniform(nfiles));
			else
				flag(arc4random_uniform(nfiles));
		}
		again();
	}
	while (nfiles < FILES)
		deliver();
	again();
	for (i = 0; i < nfiles; i++)
		flag(i);
	again();
}

/* Places are hints: whatever they say, nothing is missing, twice, or somebody else's. */
static void
test_wrong_places(void **state __unused)
{
	uint32_t	 round, i;

	while (nfiles < 300)
		deliver();
	again();
	for (round = 0; round < 60; round++) {
		for (i = 0; i < box.list.n; i++)
			box.list.v[i].place = round % 4 == 0 ? 7 : round % 4 == 1 ? arc4random() : round % 4 == 2 ? PLACE_NONE :
			    arc4random_uniform(box.list.n);
		reopen();
		flag(arc4random_uniform(nfiles));
		forget(arc4random_uniform(nfiles));
		deliver();
		again();
	}
}

/* An index whose messages are not in their order, or that has one twice, as another program might write it: put right. */
static void
test_unordered(void **state __unused)
{
	struct message	 m;
	uint32_t	 round, i, k;

	while (nfiles < 300)
		deliver();
	again();
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 5; i++) {
			k = arc4random_uniform(box.list.n);
			m = box.list.v[k];
			box.list.v[k] = box.list.v[round % box.list.n];
			box.list.v[round % box.list.n] = m;
		}
		reopen();
		deliver();
		settle();
		assert_int_equal(scan_all(&box), 0);
		agrees();
	}
}

/* A file that has moved is found again, and only the one that is gone is gone. */
static void
test_again(void **state __unused)
{
	uint32_t	 i, n;
	int		 tries = 0;

	while (nfiles < 300)
		deliver();
	again();
	n = box.list.n;
	flag(10);
	flag(11);
	settle();
	errno = ENOENT;
	assert_int_equal(scan_again(&box, &box.list.v[10], &tries), 1);
	assert_string_equal(list_name(&box.list, &box.list.v[10]), files[10].name);
	assert_int_equal(unlinkat(box.fd[files[20].which], files[20].name, 0), 0);
	settle();
	tries = 0;
	errno = ENOENT;
	assert_int_equal(scan_again(&box, &box.list.v[20], &tries), 0);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(box.list.n, n);
	for (i = 0; i < n; i++)
		assert_int_equal((box.list.v[i].flags & MESSAGE_GONE) != 0, i == 20);
	files[20] = files[--nfiles];
	list_keep(&box.list, MESSAGE_GONE, 0);
	reopen();
	again();
}

/* One name in both directories is one message, which is where it was found last. */
static void
test_in_both(void **state __unused)
{
	struct file	 f;
	int		 fd;

	while (nfiles < 10)
		deliver();
	again();
	f = files[3];
	f.which = BOX_CUR;
	fd = openat(box.fd[BOX_CUR], f.name, O_WRONLY | O_CREAT, 0600);
	close(fd);
	settle();
	assert_int_equal(scan_all(&box), 0);
	assert_int_equal(unlinkat(box.fd[files[3].which], files[3].name, 0), 0);
	files[3] = f;
	agrees();
	again();
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_teardown(test_changes, clean), cmocka_unit_test_teardown(test_wrong_places, clean),
		cmocka_unit_test_teardown(test_unordered, clean), cmocka_unit_test_teardown(test_again, clean),
		cmocka_unit_test_teardown(test_in_both, clean)
	};

	return (cmocka_run_group_tests(tests, begin, end));
}
