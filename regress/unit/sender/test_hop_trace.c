/* SPDX-License-Identifier: ISC */
/* links: sender */
/* libs: */
/* Which fields do not go to a next hop, however the octets come in; and that nothing else is lost. */
#include <sys/types.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sender/sender.h"

/* What is left, fed in pieces of so many octets. */
static void
expect(const char *in, const char *left, size_t piece, int keep)
{
	struct trace	 t;
	uint8_t		 out[4096];
	size_t		 len = strlen(in), i, n = 0;

	trace_begin(&t, keep);
	for (i = 0; i < len; i += piece)
		n += trace_feed(&t, (const uint8_t *)in + i, len - i < piece ? len - i : piece, out + n);
	n += trace_end(&t, out + n);
	out[n] = '\0';
	if (strcmp((char *)out, left) != 0)
		fail_msg("in pieces of %zu: \"%s\" leaves \"%s\", not \"%s\"", piece, in, out, left);
}

static void
leaves(const char *in, const char *left)
{
	size_t	 piece;

	for (piece = 1; piece < strlen(in) + 2; piece++) {
		expect(in, left, piece, 0);
		expect(in, in, piece, 1);
	}
}

static void
test_fields(void **state)
{
	(void)state;
	leaves("A: 1\nDelivered-To: anna@example.org\nB: 2\n\nbody\n", "A: 1\nB: 2\n\nbody\n");
	leaves("DELIVERED-TO:x\n\ty\n z\nA: 1\n\n", "A: 1\n\n");
	leaves("A: 1\r\nDelivered-To: x\r\n y\r\nB: 2\r\n\r\nb\r\n", "A: 1\r\nB: 2\r\n\r\nb\r\n");
	leaves("Delivered-To \t: x\nA: 1\n\n", "A: 1\n\n");
	leaves("Delivered-To: x\nDelivered-To: y\n\n", "\n");
	leaves("A: 1\nDelivered-To: x", "A: 1\n");
	leaves("", "");
	/* body.c makes a line end of a bare CR. */
	leaves("A: 1\rDelivered-To: x\rB: 2\n\n", "A: 1\rB: 2\n\n");
	leaves("From anna Mon Mar  1 12:00:00 2024\nDelivered-To: x\nA: 1\n\n", "From anna Mon Mar  1 12:00:00 2024\nA: 1\n\n");
	leaves(">From anna\nDelivered-To: x\nA: 1\n\n", ">From anna\nA: 1\n\n");
}

/* Other fields, and everything behind the header, whatever it looks like. */
static void
test_kept(void **state)
{
	static const char *const kept[] = {
		"A: 1\n\nDelivered-To: x\n",
		"\nDelivered-To: x\n",
		"\r\nDelivered-To: x\r\n",
		"this is no field\nDelivered-To: x\n",
		"A: 1\nno field: at all\nDelivered-To: x\n",
		": x\nDelivered-To: y\n",
		"Delivered-To\nDelivered-To: x\n",
		"Delivered-Too: x\nX-Delivered-To: y\nDelivered-T: z\nDelivered-To-: w\n\n",
		"X-Original-To: x\nEnvelope-To: y\nX-Loop: z\nReceived: w\n Delivered-To: v\n\n",
		"Deliv", "Delivered-To", "Delivered-To ", "From ",
		" Delivered-To: x\nA: 1\n\n",
		"XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX: 1\n\nDelivered-To: x\n",
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(kept); i++)
		leaves(kept[i], kept[i]);
}

/* A name is not held back for ever. */
static void
test_blanks(void **state)
{
	char	 in[512] = "Delivered-To";

	(void)state;
	memset(in + strlen(in), ' ', 200);
	strlcat(in, ": x\nA: 1\n\n", sizeof(in));
	leaves(in, in);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_fields), cmocka_unit_test(test_kept), cmocka_unit_test(test_blanks),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
