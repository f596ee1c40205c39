/* SPDX-License-Identifier: ISC */
/*
 * A secret that the user types, or that a program says on standard input; never an argument, which process lists and histories
 * show.
 *
 * It is asked for behind the lock-in, so everything here works on standard input as it was open before.  readpassphrase(3) would
 * open /dev/tty, and leaves the echo on where it is told to read standard input.
 */
#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "common/compat.h"
#include "rpopctl.h"

static void		 prompt_say(const char *);
static int		 echo_off(void);
static void		 echo_back(int);
static ssize_t		 line_read(char *, size_t);
static const char	*line_check(const char *, ssize_t, size_t);
static const char	*secret_ask(const char *, char *, size_t);

/* The signals that may end or stop the program while the echo is off. */
static const int	 signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

static struct sigaction	 signals_before[nitems(signals)];
static struct termios	 echoing, silent;		/* the terminal as it was, and while a secret is typed */
static const char	*prompt_shown;

/* Shows the prompt at the terminal that is standard input; where that is open for reading only, on standard error. */
static void
prompt_say(const char *text)
{
	size_t	 len = strlen(text);

	if (write(STDIN_FILENO, text, len) == -1 && write(STDERR_FILENO, text, len) == -1)
		return;		/* the user sees no prompt, and may type all the same */
}

/*
 * Gives the terminal back before a signal does what it would have done.  One that stopped the program has the prompt shown again
 * when it goes on.  Everything called here is async-signal-safe.
 */
static void
echo_back(int signo)
{
	struct sigaction	 again;
	int			 saved = errno;

	(void)tcsetattr(STDIN_FILENO, TCSANOW, &echoing);
	sigaction(signo, NULL, &again);
	signal(signo, SIG_DFL);
	raise(signo);
	sigaction(signo, &again, NULL);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	prompt_say(prompt_shown);
	errno = saved;
}

/* Turns the echo off.  What was typed ahead is dropped: it was on the screen.  0, or -1: standard input is no terminal. */
static int
echo_off(void)
{
	struct sigaction	 sa = { .sa_handler = echo_back, .sa_flags = SA_RESTART | SA_NODEFER };
	size_t			 i;

	if (tcgetattr(STDIN_FILENO, &echoing) == -1)
		return (-1);
	silent = echoing;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	sigemptyset(&sa.sa_mask);
	for (i = 0; i < nitems(signals); i++) {
		sigaction(signals[i], NULL, &signals_before[i]);
		if (signals_before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
	return (0);
}

/*
 * Reads a line, an octet at a time, so that the next one is there for who asks next.  Returns its length without the line feed, of
 * which no more than size octets are kept; -1: error; -2: the input had ended.
 */
static ssize_t
line_read(char *buf, size_t size)
{
	size_t	 len = 0;
	ssize_t	 n;
	char	 c;

	while ((n = read(STDIN_FILENO, &c, 1)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 || c == '\n')
			break;
		if (len < size)
			buf[len] = c;
		len++;
	}
	c = '\0';
	explicit_bzero(&c, sizeof(c));
	if (n == -1)
		return (-1);
	return (n == 0 && len == 0 ? -2 : (ssize_t)len);
}

/* NULL, or what is wrong with a line that line_read() returned len for. */
static const char *
line_check(const char *line, ssize_t len, size_t max)
{
	static char	 sentence[128];

	if (len == -1) {
		snprintf(sentence, sizeof(sentence), "standard input: %s", strerror(errno));
		return (sentence);
	}
	if (len == -2)
		return ("standard input ended before the secret came; give it one line");
	if (len == 0)
		return ("the secret is empty; nothing was changed");
	if ((size_t)len > max) {
		snprintf(sentence, sizeof(sentence), "the secret is longer than %zu octets", max);
		return (sentence);
	}
	if (memchr(line, '\0', (size_t)len) != NULL || memchr(line, '\r', (size_t)len) != NULL)
		return ("the secret has a NUL or a carriage return in it, which no protocol can carry; is this a file with CRLF line ends?");
	return (NULL);
}

/* Asks once.  NULL with the secret, which ends with a NUL, in buf; or a sentence. */
static const char *
secret_ask(const char *prompt, char *buf, size_t size)
{
	const char	*wrong;
	ssize_t		 len;
	size_t		 i;
	int		 terminal;

	prompt_shown = prompt;
	if ((terminal = echo_off() == 0))
		prompt_say(prompt);
	len = line_read(buf, size - 1);
	wrong = line_check(buf, len, size - 1);		/* ahead of what may set errno */
	if (terminal) {
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &echoing);
		for (i = 0; i < nitems(signals); i++)
			sigaction(signals[i], &signals_before[i], NULL);
		prompt_say("\n");
	}
	buf[wrong == NULL ? len : 0] = '\0';
	return (wrong);
}

/*
 * Asks for a secret at the terminal, without echo, and with twice once more, to be sure of what was typed; or takes the next line
 * of standard input where that is no terminal.  NULL with the secret, a string of 1 to SECRET_MAX octets and fewer than size, in
 * buf, or a sentence, with nothing in buf.
 */
const char *
secret_read(const char *prompt, char *buf, size_t size, int twice)
{
	char		 again[SECRET_MAX + 1], prompt_again[256];
	const char	*wrong;

	if (size > sizeof(again))
		size = sizeof(again);
	wrong = secret_ask(prompt, buf, size);
	if (wrong == NULL && twice && isatty(STDIN_FILENO)) {
		snprintf(prompt_again, sizeof(prompt_again), "Once more, %s", prompt);
		wrong = secret_ask(prompt_again, again, size);
		if (wrong == NULL && strcmp(buf, again) != 0)
			wrong = "the two that were typed differ; nothing was changed";
		explicit_bzero(again, sizeof(again));
	}
	if (wrong != NULL)
		explicit_bzero(buf, size);
	return (wrong);
}
