/* SPDX-License-Identifier: ISC */
/* links: popd/retr.c */
/*
 * From a message's file to a reply: every way to cut what is read and what there is room for, compared with a converter by octets.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "popd/popd.h"

static uint8_t	 want[8192], got[8192];

/* An octet after the other, as RFC 1939 has it.  Returns the reply's length; *octets is without dots that were added. */
static size_t
slowly(const char *in, size_t n, int top, uint64_t lines, uint64_t *octets)
{
	size_t	 i, at = 0, start = 0, stuffed = 0;
	int	 body = 0;

	for (i = 0; i < n; i++) {
		if (at == start && in[i] == '.') {
			want[at++] = '.';
			stuffed++;
		}
		if (in[i] == '\n' && (at == start || want[at - 1] != '\r'))
			want[at++] = '\r';
		want[at++] = (uint8_t)in[i];
		if (in[i] != '\n')
			continue;
		if (top && body && lines > 0)
			lines--;
		if (at - start == 2)
			body = 1;
		start = at;
		if (top && body && lines == 0)
			break;
	}
	if (at > start) {
		want[at++] = '\r';
		want[at++] = '\n';
	}
	if (top && !body) {
		want[at++] = '\r';
		want[at++] = '\n';
	}
	*octets = at - stuffed;
	memcpy(want + at, ".\r\n", 3);
	return (at + 3);
}

/* The same by the converter, which gets so many octets at a time and has so much room. */
static size_t
converted(const char *in, size_t n, int top, uint64_t lines, size_t piece, size_t room, uint64_t *octets)
{
	struct retr	 r;
	size_t		 at = 0, i = 0, made, k, read;

	retr_begin(&r, top, lines);
	while (i < n && !retr_enough(&r)) {
		k = n - i < piece ? n - i : piece;
		read = retr_convert(&r, (const uint8_t *)in + i, k, got + at, room, &made);
		assert_true(read <= k && made <= room);
		assert_true(read > 0);
		i += read;
		at += made;
	}
	at += retr_end(&r, got + at);
	*octets = retr_octets(&r);
	return (at);
}

static void
compare(const char *in, size_t n, int top, uint64_t lines)
{
	uint64_t	 octets, due;
	size_t		 len = slowly(in, n, top, lines, &due), piece, room;

	if (!top)
		assert_int_equal(retr_size((const uint8_t *)in, n), due);
	for (piece = 1; piece <= n + 1; piece++)
		for (room = RETR_ROOM; room <= RETR_ROOM + n + 2; room++) {
			assert_int_equal(converted(in, n, top, lines, piece, room, &octets), len);
			assert_memory_equal(got, want, len);
			assert_int_equal(octets, due);
		}
}

/* All texts of up to six octets of the four that matter, with RETR and TOP. */
static void
test_all(void **state __unused)
{
	static const char	 alphabet[] = "\r\n.x";
	char			 text[6];
	size_t			 n, i;
	uint32_t		 number, all;

	for (n = 0; n <= sizeof(text); n++) {
		for (all = 1, i = 0; i < n; i++)
			all *= 4;
		for (number = 0; number < all; number++) {
			for (i = 0; i < n; i++)
				text[i] = alphabet[number >> (2 * i) & 3];
			compare(text, n, 0, 0);
			compare(text, n, 1, 0);
			compare(text, n, 1, 1);
			compare(text, n, 1, 2);
		}
	}
}

static void
test_samples(void **state __unused)
{
	static const char	*samples[] = { "Subject: x\n\nbody\n.\n..\nend", "a: b\r\n\r\n.dot\r\n\r\r\n", "no body\n", "\nbody only",
	    "a\rb\r\nc\n\r", "....\n....", "a: b\n\n\n\n\n" };
	size_t			 i;
	uint64_t		 lines;

	for (i = 0; i < nitems(samples); i++) {
		compare(samples[i], strlen(samples[i]), 0, 0);
		for (lines = 0; lines < 6; lines++)
			compare(samples[i], strlen(samples[i]), 1, lines);
		compare(samples[i], strlen(samples[i]), 1, UINT64_MAX);
	}
	compare("a\0b\n\0", 5, 0, 0);
}

/* Less room than it needs, and it does nothing. */
static void
test_room(void **state __unused)
{
	struct retr	 r;
	size_t		 made, room;

	for (room = 0; room < RETR_ROOM; room++) {
		retr_begin(&r, 0, 0);
		assert_int_equal(retr_convert(&r, (const uint8_t *)".\n", 2, got, room, &made), 0);
		assert_int_equal(made, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_room)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
