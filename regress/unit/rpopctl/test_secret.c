/* SPDX-License-Identifier: ISC */
/* links: rpopctl rpopctl/import */
/* A secret from standard input, and from a terminal that shows nothing of it, asked for behind rpopctl's lock-in. */
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <setjmp.h>

#include <cmocka.h>

#include "common/compat.h"
#include "common/sandbox/sandbox.h"
#include "rpopctl/rpopctl.h"

#define PROMPT	"Password: "
#define AGAIN	"Once more, Password: "

static char		 shown[8192];		/* what the terminal showed */
static size_t		 nshown;
static char		 got[SECRET_MAX + 1];	/* the secret, or the sentence, of the last program */

/* Standard input is a pipe with these octets in it, and its end. */
static void
input(const void *data, size_t len)
{
	int	 fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], data, len), (ssize_t)len);
	close(fd[1]);
	assert_int_equal(dup2(fd[0], STDIN_FILENO), STDIN_FILENO);
	close(fd[0]);
}

/* What secret_read() says of these octets. */
static const char *
said(const void *data, size_t len)
{
	static char	 buf[SECRET_MAX + 1];
	const char	*wrong;

	memset(buf, 'x', sizeof(buf));
	input(data, len);
	wrong = secret_read(PROMPT, buf, sizeof(buf), 1);
	if (wrong != NULL)
		assert_string_equal(buf, "");
	return (wrong != NULL ? wrong : buf);
}

static void
test_lines(void **state __unused)
{
	static char	 most[SECRET_MAX + 2];

	assert_string_equal(said("s3cret\n", 7), "s3cret");
	assert_string_equal(said("s3cret", 6), "s3cret");
	assert_string_equal(said(" a b\t\n", 6), " a b\t");
	assert_string_equal(said("\303\244\377\001\n", 5), "\303\244\377\001");
	memset(most, 'm', sizeof(most));
	assert_int_equal(strlen(said(most, SECRET_MAX)), SECRET_MAX);
	assert_string_equal(said(most, SECRET_MAX + 1), "the secret is longer than 1024 octets");
	assert_string_equal(said("", 0), "standard input ended before the secret came; give it one line");
	assert_string_equal(said("\n", 1), "the secret is empty; nothing was changed");
	assert_non_null(strstr(said("a\0b\n", 4), "a NUL or a carriage return"));
	assert_non_null(strstr(said("ab\r\n", 4), "a NUL or a carriage return"));
	close(STDIN_FILENO);
	assert_non_null(strstr(secret_read(PROMPT, most, sizeof(most), 0), "standard input: Bad file descriptor"));
	assert_int_equal(open("/dev/null", O_RDONLY), STDIN_FILENO);
}

/* A smaller buffer has room for less, and says how much. */
static void
test_room(void **state __unused)
{
	char	 buf[9] = "yyyyyyyy";

	input("12345678\n123456789\n", 19);
	assert_null(secret_read(PROMPT, buf, 8 + 1, 0));
	assert_string_equal(buf, "12345678");
	assert_string_equal(secret_read(PROMPT, buf, 8 + 1, 0), "the secret is longer than 8 octets");
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 9);
}

/* The next secret is the next line, whatever came in one piece. */
static void
test_one_after_another(void **state __unused)
{
	char	 buf[64];

	input("old\nnew\n", 8);
	assert_null(secret_read(PROMPT, buf, sizeof(buf), 0));
	assert_string_equal(buf, "old");
	assert_null(secret_read(PROMPT, buf, sizeof(buf), 1));
	assert_string_equal(buf, "new");
	assert_non_null(secret_read(PROMPT, buf, sizeof(buf), 1));
}

/* A program on a terminal of its own, locked in as rpopctl is, which asks twice and says on a pipe what it was told. */
static pid_t
terminal(int *tty, int *out)
{
	char		 buf[SECRET_MAX + 1];
	const char	*wrong;
	pid_t		 pid;
	int		 fd[2];

	assert_int_equal(pipe(fd), 0);
	nshown = 0;
	memset(shown, 0, sizeof(shown));
	if ((pid = forkpty(tty, NULL, NULL, NULL)) == 0) {
		sandbox_enter(SANDBOX_CTL, 0);
		wrong = secret_read(PROMPT, buf, sizeof(buf), 1);
		if (write(fd[1], wrong != NULL ? wrong : buf, strlen(wrong != NULL ? wrong : buf)) == -1)
			_exit(2);
		_exit(wrong != NULL);
	}
	assert_true(pid > 0);
	close(fd[1]);
	*out = fd[0];
	return (pid);
}

/* Waits until the terminal has shown these words, as often as that. */
static void
until_shown(int tty, const char *words, int times)
{
	const char	*p = shown;
	ssize_t		 n;
	int		 i = 0;

	for (;;) {
		while (i < times && (p = strstr(p, words)) != NULL) {
			p += strlen(words);
			i++;
		}
		if (i >= times)
			return;
		p = shown;
		i = 0;
		assert_true((n = read(tty, shown + nshown, sizeof(shown) - nshown - 1)) > 0);
		nshown += (size_t)n;
	}
}

static void
type(int tty, const char *text)
{
	assert_int_equal(write(tty, text, strlen(text)), (ssize_t)strlen(text));
}

/* The end of the program: its status, with what it said in got, and the terminal with its echo. */
static int
ended(pid_t pid, int tty, int out)
{
	struct termios	 t;
	ssize_t		 n;
	int		 status;

	memset(got, 0, sizeof(got));
	assert_true((n = read(out, got, sizeof(got) - 1)) >= 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(tcgetattr(tty, &t), 0);
	assert_true((t.c_lflag & ECHO) != 0);
	while ((n = read(tty, shown + nshown, sizeof(shown) - nshown - 1)) > 0)
		nshown += (size_t)n;
	close(tty);
	close(out);
	return (status);
}

static void
test_terminal(void **state __unused)
{
	pid_t	 pid;
	int	 tty, out;

	pid = terminal(&tty, &out);
	until_shown(tty, PROMPT, 1);
	type(tty, "s3cret\n");
	until_shown(tty, AGAIN, 1);
	type(tty, "s3cret\n");
	assert_int_equal(ended(pid, tty, out), 0);
	assert_string_equal(got, "s3cret");
	assert_null(strstr(shown, "s3cret"));
	assert_string_equal(shown, PROMPT "\r\n" AGAIN "\r\n");

	pid = terminal(&tty, &out);
	until_shown(tty, PROMPT, 1);
	type(tty, "s3cret\n");
	until_shown(tty, AGAIN, 1);
	type(tty, "s3crat\n");
	assert_int_equal(WEXITSTATUS(ended(pid, tty, out)), 1);
	assert_string_equal(got, "the two that were typed differ; nothing was changed");
	assert_null(strstr(shown, "s3cr"));

	pid = terminal(&tty, &out);
	until_shown(tty, PROMPT, 1);
	type(tty, "\n");
	assert_int_equal(WEXITSTATUS(ended(pid, tty, out)), 1);
	assert_string_equal(got, "the secret is empty; nothing was changed");
}

/* Who interrupts gets the echo back, and the signal does what it always does; who stops and goes on is asked again, without echo. */
static void
test_signals(void **state __unused)
{
	static const int	 signo[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
	pid_t			 pid;
	size_t			 i;
	int			 tty, out, status;

	for (i = 0; i < nitems(signo); i++) {
		pid = terminal(&tty, &out);
		until_shown(tty, PROMPT, 1);
		type(tty, "s3c");
		if (signo[i] == SIGINT)
			type(tty, "\003");
		else
			kill(pid, signo[i]);
		status = ended(pid, tty, out);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signo[i]);
		assert_string_equal(got, "");
		assert_null(strstr(shown, "s3c"));
	}
	pid = terminal(&tty, &out);
	until_shown(tty, PROMPT, 1);
	type(tty, "gone\032");		/* ^Z */
	until_shown(tty, PROMPT, 2);
	type(tty, "s3cret\n");
	until_shown(tty, AGAIN, 1);
	type(tty, "s3cret\n");
	assert_int_equal(ended(pid, tty, out), 0);
	assert_string_equal(got, "s3cret");
	assert_null(strstr(shown, "s3c"));
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_one_after_another),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_signals)
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
