/* SPDX-License-Identifier: ISC */
/* links: auth/dovecot.c auth/source.c */
/*
 * Dovecot's auth socket: what it is told, what its answers mean, however they are cut, and that a lie is no answer; and the process
 * that speaks with it, over real sockets and pipes.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "common/work.h"

#define HELLO	"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t7\nCUID\t1\nCOOKIE\tabc\nDONE\n"

#define TABS	"\t\t\t\t\t\t\t\t\t\t"

/* --- the loop --- */

static int	 waits_for = -1, answers;
static short	 events;
static int64_t	 until;
static enum auth_verdict answer;
static char	 logged[1024];

void
work_wait(int fd, short ev, int64_t end)
{
	waits_for = fd;
	events = ev;
	until = end;
}

static void
done(enum auth_verdict v)
{
	answer = v;
	answers++;
}

static void
sink(enum log_level level, const char *text)
{
	(void)level;
	strlcat(logged, text, sizeof(logged));
}

/* --- tests of the protocol --- */

/* All of it, in pieces of so many octets.  What comes behind the question is behind the first "|". */
static enum dovecot_said
hears(const char *text, size_t piece, const char **why)
{
	struct dovecot		 d;
	enum dovecot_said	 said = DOVECOT_MORE;
	size_t			 len = strcspn(text, "|"), n, i;
	int			 part;

	dovecot_begin(&d);
	for (part = 0; part < 2; part++) {
		for (i = 0; i < len && said == DOVECOT_MORE; i += n) {
			n = len - i < piece ? len - i : piece;
			said = dovecot_heard(&d, text + i, n);
		}
		if (text[len] == '\0' || said != DOVECOT_ASK)
			break;
		said = DOVECOT_MORE;
		text += len + 1;
		len = strlen(text);
	}
	*why = d.why;
	dovecot_end(&d);
	return (said);
}

static const struct { const char *text; enum dovecot_said said; const char *why; } answers_to[] = {
	{ HELLO, DOVECOT_ASK, NULL },
	{ HELLO "|OK\t1\tuser=anna@example.org\n", DOVECOT_YES, NULL },
	{ HELLO "|OK\t1\n", DOVECOT_YES, NULL },
	{ HELLO "|OK\t1\tuser=x\tnologin\treason=no\n", DOVECOT_NO, NULL },
	{ HELLO "|OK\t1\tuser=x\tnologin=y\n", DOVECOT_NO, NULL },
	{ HELLO "|OK\t1\tuser=x\tnologins=y\n", DOVECOT_YES, NULL },
	{ HELLO "|OK\t1\tuser=x\tproxy\tpass=y\n", DOVECOT_LATER, "another server" },
	{ HELLO "|OK\t1\tproxy_maybe=y\n", DOVECOT_LATER, "another server" },
	{ HELLO "|FAIL\t1\tuser=anna@example.org\n", DOVECOT_NO, NULL },
	{ HELLO "|FAIL\t1\n", DOVECOT_NO, NULL },
	{ HELLO "|FAIL\t1\tuser=x\tuser_disabled\n", DOVECOT_NO, NULL },
	{ HELLO "|FAIL\t1\tuser=temp\treason=temp x\n", DOVECOT_NO, NULL },
	{ HELLO "|FAIL\t1\tuser=x\ttemp\n", DOVECOT_LATER, "cannot tell now" },
	{ HELLO "|FAIL\t1\tcode=temp_fail\n", DOVECOT_LATER, "cannot tell now" },
	{ HELLO "|NEWS\t1\nOK\t1\n", DOVECOT_YES, NULL },
	{ HELLO "|\nOK\t1\n", DOVECOT_YES, NULL },
	{ HELLO "|OK\t1", DOVECOT_MORE, NULL },
	{ HELLO "|OK\t01\n", DOVECOT_LATER, "not asked" },
	{ HELLO "|OK\t2\n", DOVECOT_LATER, "not asked" },
	{ HELLO "|OK\n", DOVECOT_LATER, "not asked" },
	{ HELLO "|OK\t1\r\n", DOVECOT_LATER, "not asked" },
	{ HELLO "|FAIL\n", DOVECOT_LATER, "not asked" },
	{ HELLO "|CONT\t1\t\n", DOVECOT_LATER, "more than name" },
	{ HELLO "|OK\t1" TABS TABS TABS TABS TABS TABS TABS "proxy\n", DOVECOT_LATER, "too many fields" },
	{ "VERSION\t1\t1\nDONE\n", DOVECOT_LATER, "PLAIN" },
	{ "VERSION\t1\t1\nMECH\tPLAINER\nDONE\n", DOVECOT_LATER, "PLAIN" },
	{ "VERSION\t1\t1\nMECH\nMECH\tPLAIN\nDONE\n", DOVECOT_ASK, NULL },
	{ "VERSION\t2\t0\n", DOVECOT_LATER, "another version" },
	{ "VERSION\t1\n", DOVECOT_LATER, "does not begin" },
	{ "\n", DOVECOT_LATER, "does not begin" },
	{ "OK\t1\n", DOVECOT_LATER, "does not begin" },
	{ "VERSION\t1\t1\nOK\t1\n", DOVECOT_MORE, NULL },
};

/* Each answer means the same, however it is cut. */
static void
test_answers(void **state)
{
	const char	*why;
	size_t		 i, piece;

	(void)state;
	for (i = 0; i < nitems(answers_to); i++)
		for (piece = 1; piece < 200; piece++) {
			if (hears(answers_to[i].text, piece, &why) != answers_to[i].said)
				fail_msg("%zu, in pieces of %zu: %s", i, piece, answers_to[i].text);
			if (answers_to[i].why == NULL)
				assert_null(why);
			else
				assert_non_null(strstr(why, answers_to[i].why));
		}
}

/* An answer that is there ahead of the question is none. */
static void
test_ahead(void **state)
{
	struct dovecot	 d;

	(void)state;
	dovecot_begin(&d);
	assert_int_equal(dovecot_heard(&d, HELLO "OK\t1\n", sizeof(HELLO) + 4), DOVECOT_LATER);
	assert_non_null(strstr(d.why, "ahead of a question"));
	dovecot_end(&d);
}

/* No line, and no number of lines, is without an end. */
static void
test_bounds(void **state)
{
	static char	 line[DOVECOT_LINE + 2];
	struct dovecot	 d;
	size_t		 i;

	(void)state;
	memset(line, 'x', sizeof(line));
	dovecot_begin(&d);
	assert_int_equal(dovecot_heard(&d, "VERSION\t1\t1\n", 12), DOVECOT_MORE);
	line[DOVECOT_LINE] = '\n';
	assert_int_equal(dovecot_heard(&d, line, DOVECOT_LINE + 1), DOVECOT_MORE);
	assert_int_equal(dovecot_heard(&d, line, DOVECOT_LINE), DOVECOT_MORE);
	assert_int_equal(dovecot_heard(&d, "x", 1), DOVECOT_LATER);
	dovecot_end(&d);
	dovecot_begin(&d);
	assert_int_equal(dovecot_heard(&d, "VERSION\t1\t1\n", 12), DOVECOT_MORE);
	for (i = 1; i < 500; i++)
		assert_int_equal(dovecot_heard(&d, "X\n", 2), DOVECOT_MORE);
	assert_int_equal(dovecot_heard(&d, "X\n", 2), DOVECOT_LATER);
	assert_non_null(strstr(d.why, "too much"));
	dovecot_end(&d);
}

static void
test_question(void **state)
{
	struct buf	 out;
	uint8_t		 password[PROTO_SECRET_MAX];
	char		 user[PROTO_ADDR_SIZE];

	(void)state;
	buf_init(&out, DOVECOT_LINE);
	assert_int_equal(dovecot_hello(&out, 4711), 0);
	assert_int_equal(dovecot_request(&out, "anna@example.org", "192.0.2.1", "pass\tword", 9), 0);
	assert_int_equal(buf_add(&out, "", 1), 0);
	assert_string_equal(buf_data(&out), "VERSION\t1\t1\nCPID\t4711\n"
	    "AUTH\t1\tPLAIN\tservice=pop3\tsecured\tnologin\tno-penalty\trip=192.0.2.1\tresp=AGFubmFAZXhhbXBsZS5vcmcAcGFzcwl3b3Jk\n");
	buf_free(&out);
	assert_int_equal(dovecot_request(&out, "a", "", "b", 1), 0);
	assert_int_equal(buf_add(&out, "", 1), 0);
	assert_string_equal(buf_data(&out), "AUTH\t1\tPLAIN\tservice=pop3\tsecured\tnologin\tno-penalty\tresp=AGEAYg==\n");
	buf_free(&out);
	memset(password, 0xff, sizeof(password));
	memset(user, 'a', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	assert_int_equal(dovecot_request(&out, user, "2001:db8:1111:2222:3333:4444:5555:6666", password, sizeof(password)), 0);
	buf_free(&out);
}

/* --- tests of the process --- */

static int	 pair[2];

/* The process asks Dovecot, which has said this so far. */
static void
asks(const char *said, const char *password, int denied)
{
	struct msg_auth_source	 m = { .id = 7, .source = AUTH_SOURCE_DOVECOT, .user = "anna@example.org", .client = "192.0.2.1" };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	if (*said != '\0')
		assert_int_equal(write(pair[1], said, strlen(said)), strlen(said));
	source_ask(&m, pair[0], password, strlen(password), denied, done);
}

/* What Dovecot has heard; it says this then, and the process hears it. */
static void
tells(const char *said, char *heard, size_t size)
{
	ssize_t	 n = read(pair[1], heard, size - 1);

	heard[n > 0 ? n : 0] = '\0';
	if (said == NULL)
		close(pair[1]);
	else
		assert_int_equal(write(pair[1], said, strlen(said)), strlen(said));
	source_ready();
}

static int
setup(void **state)
{
	(void)state;
	log_setsink(sink);
	logged[0] = '\0';
	answers = 0;
	waits_for = -1;
	return (0);
}

static void
test_asked(void **state)
{
	char	 heard[2048];

	(void)state;
	asks("", "right", 0);
	assert_int_equal(waits_for, pair[0]);
	assert_int_equal(events, POLLIN);
	assert_true(until > clock_msec() && until <= clock_msec() + 30000);
	tells(HELLO, heard, sizeof(heard));
	assert_null(strstr(heard, "AUTH"));
	assert_int_equal(answers, 0);
	tells("OK\t1\tuser=anna\n", heard, sizeof(heard));
	assert_non_null(strstr(heard, "\tresp=AGFubmFAZXhhbXBsZS5vcmcAcmlnaHQ=\n"));
	assert_int_equal(answers, 1);
	assert_int_equal(answer, AUTH_VERDICT_YES);
	assert_int_equal(waits_for, -1);
	assert_string_equal(logged, "");
	close(pair[1]);
}

/* It is closed, or says nothing. */
static void
test_no_answer(void **state)
{
	char	 heard[2048];

	(void)state;
	asks(HELLO, "secret", 0);
	tells(NULL, heard, sizeof(heard));
	assert_int_equal(answer, AUTH_VERDICT_LATER);
	assert_non_null(strstr(logged, "closed the connection"));
	asks(HELLO, "secret", 0);
	source_late();
	assert_int_equal(answers, 2);
	assert_int_equal(answer, AUTH_VERDICT_LATER);
	assert_non_null(strstr(logged, "30 seconds"));
	assert_null(strstr(logged, "secret"));
	close(pair[1]);
}

/* Who is to be wrong is asked about with another password, and so is who has none, which some sources take for right. */
static void
test_denied(void **state)
{
	static const struct { const char *password; int denied; } cases[] = { { "right", 1 }, { "", 0 } };
	char	 heard[2048];
	size_t	 i;

	(void)state;
	for (i = 0; i < nitems(cases); i++) {
		asks(HELLO, cases[i].password, cases[i].denied);
		tells("FAIL\t1\n", heard, sizeof(heard));
		assert_non_null(strstr(heard, "\tresp=AGFubmFAZXhhbXBsZS5vcmcA"));
		assert_null(strstr(heard, "\tresp=AGFubmFAZXhhbXBsZS5vcmcAcmlnaHQ="));
		assert_null(strstr(heard, "\tresp=AGFubmFAZXhhbXBsZS5vcmcA\n"));
		assert_int_equal(answer, AUTH_VERDICT_NO);
		close(pair[1]);
	}
}

/* Password, NUL, timestamp, NUL, and the end, for a program. */
static void
test_program(void **state)
{
	struct msg_auth_source	 m = { .id = 7, .source = AUTH_SOURCE_PROGRAM };
	uint8_t			 octets[4096], longest[PROTO_SECRET_MAX];
	int			 fd[2];
	ssize_t			 n;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	source_ask(&m, fd[1], "right", 5, 0, done);
	assert_int_equal(answer, AUTH_VERDICT_WRITTEN);
	n = read(fd[0], octets, sizeof(octets));
	assert_true(n > 8);
	assert_memory_equal(octets, "right\0Y", 7);
	assert_int_equal(octets[n - 1], 0);
	assert_ptr_equal(memchr(octets + 6, '\0', sizeof(octets) - 6), octets + n - 1);
	assert_int_equal(read(fd[0], octets, sizeof(octets)), 0);
	close(fd[0]);
	/* The longest; and one with a NUL, which is another's then. */
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(pipe(fd), 0);
	source_ask(&m, fd[1], longest, sizeof(longest), 0, done);
	assert_int_equal(read(fd[0], octets, sizeof(longest) + 1), sizeof(longest) + 1);
	assert_memory_equal(octets, longest, sizeof(longest));
	close(fd[0]);
	longest[5] = '\0';
	assert_int_equal(pipe(fd), 0);
	source_ask(&m, fd[1], longest, sizeof(longest), 0, done);
	n = read(fd[0], octets, sizeof(octets));
	assert_true(n > (ssize_t)sizeof(longest));
	assert_null(memchr(octets, '\0', sizeof(longest)));
	close(fd[0]);
	/* Nobody reads. */
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	source_ask(&m, fd[1], "right", 5, 0, done);
	assert_int_equal(answer, AUTH_VERDICT_WRITTEN);
	assert_int_equal(answers, 4);
	assert_string_equal(logged, "");
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_question),
		cmocka_unit_test_setup(test_asked, setup),
		cmocka_unit_test_setup(test_no_answer, setup),
		cmocka_unit_test_setup(test_denied, setup),
		cmocka_unit_test_setup(test_program, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
