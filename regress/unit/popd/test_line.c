/* SPDX-License-Identifier: ISC */
/* links: popd/line.c popd/pop3_table.c */
/* Lines of a client's, whatever the pieces they come in: what is a line, what is swallowed, what is left in memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>

#include <cmocka.h>

#include "popd/popd.h"

/* Commands are not run here. */
#define NO_COMMAND(name)	void name(struct session *s, const struct args *a) { (void)s; (void)a; }
NO_COMMAND(pop3_apop)
NO_COMMAND(pop3_auth)
NO_COMMAND(pop3_capa)
NO_COMMAND(pop3_dele)
NO_COMMAND(pop3_lang)
NO_COMMAND(pop3_list)
NO_COMMAND(pop3_noop)
NO_COMMAND(pop3_pass)
NO_COMMAND(pop3_quit)
NO_COMMAND(pop3_retr)
NO_COMMAND(pop3_rset)
NO_COMMAND(pop3_stat)
NO_COMMAND(pop3_stls)
NO_COMMAND(pop3_top)
NO_COMMAND(pop3_uidl)
NO_COMMAND(pop3_user)
NO_COMMAND(pop3_utf8)
NO_COMMAND(pop3_xtnd)

static struct lines	 in;
static char		 told[262144];

/* Gives octets to the reader, so many at a time, and writes down what comes of them: lines in brackets, "long", "NUL". */
static const char *
read_all(const void *data, size_t len, size_t piece)
{
	const uint8_t	*p = data;
	uint8_t		*line, *space;
	size_t		 have, n, linelen, at = 0;
	enum line_kind	 kind;

	memset(&in, 0, sizeof(in));
	told[0] = '\0';
	while (len > 0) {
		space = line_space(&in, &have);
		assert_true(have > 0);
		n = len < piece ? len : piece;
		if (n > have)
			n = have;
		memcpy(space, p, n);
		line_added(&in, n);
		p += n;
		len -= n;
		while ((kind = line_next(&in, pop3_limit, &line, &linelen)) != LINE_NONE) {
			if (kind == LINE_GOOD) {
				at += (size_t)snprintf(told + at, sizeof(told) - at, "[%.*s]", (int)linelen, (const char *)line);
				line_wipe(line, linelen);
			} else
				at += (size_t)snprintf(told + at, sizeof(told) - at, kind == LINE_LONG ? "long" : "NUL");
		}
	}
	return (told);
}

static void
test_lines(void **state __unused)
{
	static const struct {
		const char	*text;
		size_t		 len;
		const char	*lines;
	} samples[] = {
#define SAMPLE(text, lines)	{ text, sizeof(text) - 1, lines }
		SAMPLE("", ""), SAMPLE("NOOP", ""), SAMPLE("NOOP\n", "[NOOP]"), SAMPLE("NOOP\r\n", "[NOOP]"), SAMPLE("\r\n", "[]"),
		SAMPLE("\n", "[]"), SAMPLE("\r\r\n", "[\r]"), SAMPLE("a\rb\r\n", "[a\rb]"), SAMPLE("a\nb\r\nc", "[a][b]"),
		SAMPLE("a\0b\r\nc\n", "NUL[c]"), SAMPLE("\0\n\0\n", "NULNUL"), SAMPLE("\n\n\n", "[][][]"), SAMPLE("a\r", ""),
	};
	size_t	 i, piece;

	for (i = 0; i < nitems(samples); i++)
		for (piece = 1; piece < 8; piece++)
			assert_string_equal(read_all(samples[i].text, samples[i].len, piece), samples[i].lines);
}

/* The longest line of each kind, and one octet more, with and without CR, between two others; in pieces of many sizes. */
static void
test_limits(void **state __unused)
{
	static const struct {
		const char	*head;
		size_t		 limit;
	} kinds[] = { { "", 255 }, { "USER ", 255 }, { "PASS ", 1031 }, { "pass ", 1031 }, { "AUTH ", 12288 }, { "aUtH ", 12288 },
	    { "AUTH\t", 255 }, { "XPASS ", 255 } };
	static char	 data[20000], want[20000];
	size_t		 i, n, body, piece, len;
	int		 crlf;

	for (i = 0; i < nitems(kinds); i++)
		for (crlf = 0; crlf < 2; crlf++)
			for (n = kinds[i].limit - 1; n <= kinds[i].limit + 1; n++)
				for (piece = 1; piece < 20000; piece = piece * 3 + 1) {
					body = n - 1 - (size_t)crlf - strlen(kinds[i].head);
					len = (size_t)snprintf(data, sizeof(data), "a\n%s%0*d%s\nb\n", kinds[i].head, (int)body, 7,
					    crlf ? "\r" : "");
					if (n <= kinds[i].limit)
						snprintf(want, sizeof(want), "[a][%s%0*d][b]", kinds[i].head, (int)body, 7);
					else
						strcpy(want, "[a]long[b]");
					assert_string_equal(read_all(data, len, piece), want);
				}
}

/* A megabyte is one line; what looks like a command in it is none. */
static void
test_swallowed(void **state __unused)
{
	size_t	 len = 1000000, piece;
	char	*data = malloc(len);

	assert_non_null(data);
	memset(data, 'x', len);
	memcpy(data + len - 10, "QUIT\nNOOP\n", 10);
	memset(data + 100, '\0', 100);
	for (piece = 1; piece < len; piece = piece * 7 + 1)
		assert_string_equal(read_all(data, len, piece), "long[NOOP]");
	free(data);
}

/* What was taken and wiped, dropped or cleared is nowhere in the buffer. */
static void
test_wiped(void **state __unused)
{
	static const char	 text[] = "PASS hunter2\r\nNOOP\r\n";
	size_t			 piece;

	for (piece = 1; piece < sizeof(text); piece++) {
		read_all(text, sizeof(text) - 1, piece);
		assert_null(memmem(in.buf, sizeof(in.buf), "hunter2", 7));
	}
	read_all("hunter2\0\nhunter2", 16, 100);
	assert_int_equal(line_clear(&in), 7);
	assert_null(memmem(in.buf, sizeof(in.buf), "hunter2", 7));
	assert_false(line_waiting(&in));
}

/* --- the table of commands --- */

/* What comes of a line: "verb n msgno lines", "verb rest", "verb bad", "none". */
static const char *
parsed(const char *text)
{
	static char		 out[512];
	const struct command	*c;
	struct args		 a;
	uint8_t			 line[512];
	size_t			 len = strlen(text), verb;

	memcpy(line, text, len);
	if ((c = pop3_find(line, len, &verb)) == NULL)
		return ("none");
	if (pop3_args(c, line + verb, len - verb, &a) == -1)
		snprintf(out, sizeof(out), "%s bad", c->verb);
	else if (strchr(c->takes, '*') != NULL)
		snprintf(out, sizeof(out), "%s <%.*s>", c->verb, (int)a.restlen, a.rest == NULL ? "" : (const char *)a.rest);
	else
		snprintf(out, sizeof(out), "%s %u %llu %llu", c->verb, a.n, (unsigned long long)a.msgno, (unsigned long long)a.lines);
	return (out);
}

static void
test_arguments(void **state __unused)
{
	static const struct { const char *line, *parsed; } samples[] = {
		{ "", "none" }, { " ", "none" }, { "NOP", "none" }, { "NOOPS", "none" }, { " NOOP", "none" }, { "NOOP\t", "none" },
		{ "NOOP", "NOOP 0 0 0" }, { "noop", "NOOP 0 0 0" }, { "NOOP ", "NOOP 0 0 0" }, { "NOOP x", "NOOP bad" },
		{ "LIST", "LIST 0 0 0" }, { "LIST 1", "LIST 1 1 0" }, { "LIST 1 ", "LIST 1 1 0" }, { "LIST  1", "LIST bad" },
		{ "LIST 0", "LIST 1 0 0" }, { "LIST 01", "LIST bad" }, { "LIST 00", "LIST bad" }, { "LIST -1", "LIST bad" },
		{ "LIST +1", "LIST bad" }, { "LIST 1x", "LIST bad" }, { "LIST x1", "LIST bad" }, { "LIST 1.", "LIST bad" },
		{ "LIST 4294967295", "LIST 1 4294967295 0" }, { "LIST 4294967297", "LIST 1 4294967297 0" },
		{ "LIST 9999999999", "LIST 1 9999999999 0" }, { "LIST 10000000000", "LIST bad" }, { "LIST 1\t", "LIST bad" },
		{ "LIST 1 2", "LIST bad" }, { "RETR", "RETR bad" }, { "RETR ", "RETR bad" }, { "RETR 7", "RETR 1 7 0" },
		{ "DELE 7", "DELE 1 7 0" }, { "DELE seven", "DELE bad" }, { "UIDL 7", "UIDL 1 7 0" }, { "TOP", "TOP bad" },
		{ "TOP 1", "TOP bad" }, { "TOP 1 ", "TOP bad" }, { "TOP 1 0", "TOP 2 1 0" }, { "TOP 1 2147483648", "TOP 2 1 2147483648" },
		{ "TOP 1 2 3", "TOP bad" }, { "TOP 1  2", "TOP bad" }, { "TOP 1 -2", "TOP bad" }, { "TOP 1 18446744073709551616", "TOP bad" },
		{ "USER", "USER bad" }, { "USER ", "USER bad" }, { "USER  ", "USER < >" }, { "USER a b ", "USER <a b >" },
		{ "PASS  x", "PASS < x>" }, { "AUTH", "AUTH <>" }, { "AUTH ", "AUTH <>" }, { "AUTH PLAIN =", "AUTH <PLAIN =>" },
		{ "APOP a b", "APOP <a b>" }, { "APOP", "APOP bad" }, { "LAST", "none" },
		{ "XTND XMIT", "XTND <XMIT>" }, { "XTND", "XTND bad" },
	};
	size_t	 i;

	for (i = 0; i < nitems(samples); i++)
		assert_string_equal(parsed(samples[i].line), samples[i].parsed);
}

/* Every command is in some state, and is usable there as its usage says. */
static void
test_table(void **state __unused)
{
	size_t	 i, verb;

	assert_int_equal(pop3_ncommands, 18);
	for (i = 0; i < pop3_ncommands; i++) {
		assert_int_not_equal(pop3_commands[i].states, 0);
		assert_int_equal(strncmp(pop3_commands[i].usage, pop3_commands[i].verb, strlen(pop3_commands[i].verb)), 0);
		assert_ptr_equal(pop3_find((const uint8_t *)pop3_commands[i].verb, strlen(pop3_commands[i].verb), &verb),
		    &pop3_commands[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_swallowed),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_table)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
