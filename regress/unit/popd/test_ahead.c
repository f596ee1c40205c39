/* SPDX-License-Identifier: ISC */
/* links: popd/ahead.c */
/* What the mailbox is asked for ahead of the client: what and how much, and what becomes of answers that nobody wants any more. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>

#include "popd/popd.h"

static struct ahead	 ahead;
static struct listing	 listing;
static uint32_t		 asked[16384], nasked, nanswered;
static int		 deleted[64];
static int		 times;		/* that the mailbox was asked for something */

int
listing_deleted(const struct listing *l, uint32_t msgno)
{
	(void)l;
	return (msgno < nitems(deleted) && deleted[msgno]);
}

static int
setup(void **state)
{
	(void)state;
	memset(&ahead, 0, sizeof(ahead));
	memset(deleted, 0, sizeof(deleted));
	nasked = nanswered = 0;
	times = 0;
	listing.n = 40;
	return (0);
}

/* The mailbox answers what it was asked for, in order, with a descriptor; at most so many times.  Returns the last descriptor. */
static int
answer(uint32_t most)
{
	struct msg_box_message	 m;
	int			 fd = -1;

	for (; most > 0 && nanswered < nasked; most--) {
		memset(&m, 0, sizeof(m));
		m.msgno = asked[nanswered++];
		m.octets = m.msgno * 100;
		assert_true((fd = open("/dev/null", O_RDONLY)) != -1);
		assert_int_equal(ahead_take(&ahead, &m, fd), 0);
	}
	return (fd);
}

/* The client wants a message, and the mailbox is asked for what is to be asked. */
static void
want(uint32_t msgno)
{
	uint32_t	 ask[AHEAD];
	size_t		 i, n = ahead_want(&ahead, &listing, msgno, ask);

	assert_true(n <= AHEAD);
	for (i = 0; i < n; i++) {
		assert_true(nasked < nitems(asked));
		asked[nasked++] = ask[i];
	}
	times += n > 0;
}

/* The client retrieves a message: it is here at once, or after so many answers more. */
static void
retrieve(uint32_t msgno)
{
	struct msg_box_message	 m;
	int			 fd;

	want(msgno);
	while (!ahead_get(&ahead, msgno, &m, &fd)) {
		assert_true(nanswered < nasked);
		answer(1);
	}
	assert_int_equal(m.msgno, msgno);
	assert_int_equal(m.octets, msgno * 100);
	assert_int_equal(close(fd), 0);
}

static int
descriptors(void)
{
	int	 fd, n = 0;

	for (fd = 3; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return (n);
}

/* A single message is asked for alone; the second in order brings those behind it, all of them in one go. */
static void
in_order(void **state)
{
	uint32_t	 i;

	(void)state;
	retrieve(1);
	assert_int_equal(nasked, 1);
	want(2);
	assert_int_equal(nasked, 1 + AHEAD);
	assert_int_equal(times, 2);
	for (i = 0; i < AHEAD; i++)
		assert_int_equal(asked[1 + i], 2 + i);
	for (i = 2; i <= 40; i++)
		retrieve(i);
	assert_int_equal(nasked, 40);		/* each of them once */
}

/* They are asked for several at a time, not one for each that the client takes. */
static void
several(void **state)
{
	uint32_t	 i;

	(void)state;
	for (i = 1; i <= 40; i++)
		retrieve(i);
	assert_true(times <= 40 / (AHEAD / 2) + 2);
}

/* What the client has deleted is not asked for. */
static void
not_deleted(void **state)
{
	uint32_t	 i;

	(void)state;
	deleted[4] = deleted[5] = 1;
	retrieve(1);
	retrieve(2);
	for (i = 0; i < nasked; i++)
		assert_true(asked[i] != 4 && asked[i] != 5);
}

/* Behind the last message there is nothing. */
static void
at_the_end(void **state)
{
	(void)state;
	retrieve(39);
	retrieve(40);
	assert_int_equal(nasked, 2);
}

/* A client that jumps gets what it wants, whatever was asked for before; no descriptor is left, and there is a bound. */
static void
jumps(void **state)
{
	uint32_t	 i, to;
	int		 before = descriptors();

	(void)state;
	srand(7);
	for (i = 0; i < 1000; i++) {
		to = (uint32_t)rand() % 40 + 1;
		retrieve(to);
		if (to < 40 && rand() % 2)
			retrieve(to + 1);
		answer((uint32_t)rand() % 4);
		assert_true(ahead.n <= nitems(ahead.messages));
		assert_true(descriptors() - before <= AHEAD);
		if (rand() % 8 == 0)
			ahead_drop(&ahead);
	}
	ahead_drop(&ahead);
	answer(UINT32_MAX);
	assert_int_equal(ahead.n, 0);
	assert_int_equal(descriptors(), before);
}

/* An answer that was not asked for, or not now, is refused, and its descriptor is the caller's. */
static void
not_asked(void **state)
{
	struct msg_box_message	 m;
	int			 fd = open("/dev/null", O_RDONLY);

	(void)state;
	memset(&m, 0, sizeof(m));
	m.msgno = 1;
	assert_int_equal(ahead_take(&ahead, &m, fd), -1);
	retrieve(1);
	want(2);
	assert_int_equal(ahead_take(&ahead, &m, fd), -1);
	m.msgno = 3;
	assert_int_equal(ahead_take(&ahead, &m, fd), -1);
	assert_int_equal(close(fd), 0);
	answer(1);
	m.msgno = 2;
	assert_int_equal(ahead_take(&ahead, &m, -1), -1);
	ahead_drop(&ahead);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test_setup(in_order, setup),
		cmocka_unit_test_setup(several, setup),
		cmocka_unit_test_setup(not_deleted, setup),
		cmocka_unit_test_setup(at_the_end, setup),
		cmocka_unit_test_setup(jumps, setup),
		cmocka_unit_test_setup(not_asked, setup)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
