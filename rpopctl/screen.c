/* SPDX-License-Identifier: ISC */
/*
 * The terminal of a command that goes on for a while, and the signals that end it.  A handler sets a flag; whoever waits in
 * screen_wait() sees it at once, and at the latest when the time that he waits for is over.  The terminal is as it was whenever the
 * program ends or is stopped.  Everything here works behind the lock-in.
 */
#include <sys/types.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "common/compat.h"
#include "rpopctl.h"

#define COLUMNS_LEAST	20
#define COLUMNS_USUAL	80	/* of a terminal that does not know its size */
#define ROWS_USUAL	24

static void	 screen_caught(int);
static void	 screen_stop(void);

static const int	 ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

static volatile sig_atomic_t	 ended, stopped;
static struct termios		 before, keys;		/* the terminal as it was, and as it is while keys are read */
static int			 open_now;

/* The size of the terminal on standard output; both are 0 if there is none. */
void
screen_size(int *rows, int *columns)
{
	struct winsize	 ws;

	*rows = *columns = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1)
		return;
	*rows = ws.ws_row == 0 ? ROWS_USUAL : ws.ws_row;
	*columns = ws.ws_col < COLUMNS_LEAST ? COLUMNS_USUAL : ws.ws_col;
}

/* Signals that would end the program are kept for screen_signal() from now on. */
void
screen_signals(void)
{
	struct sigaction	 sa = { .sa_handler = screen_caught }, old;
	size_t			 i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < nitems(ends); i++)
		if (sigaction(ends[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(ends[i], &sa, NULL);
}

/* The signal that has come; 0: none has. */
int
screen_signal(void)
{
	return (ended);
}

/* The program ends of the signal, as it would have without screen_signals().  Returns the exit status if it does not. */
int
screen_die(int signo)
{
	signal(signo, SIG_DFL);
	raise(signo);
	return (1);
}

static void
screen_caught(int signo)
{
	if (signo == SIGTSTP)
		stopped = 1;
	else if (signo != SIGWINCH)
		ended = signo;
}

/*
 * Keys come one by one and are not echoed from now on, if standard input is a terminal.  Another size of the terminal ends a
 * screen_wait(), and while the program is stopped the terminal is as it was.
 */
void
screen_open(void)
{
	struct sigaction	 sa = { .sa_handler = screen_caught };

	screen_signals();
	sigemptyset(&sa.sa_mask);
	sigaction(SIGWINCH, &sa, NULL);
	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return;
	sigaction(SIGTSTP, &sa, NULL);
	keys = before;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	open_now = tcsetattr(STDIN_FILENO, TCSANOW, &keys) == 0;
}

/* The terminal is as it was; keys that nobody read are dropped. */
void
screen_close(void)
{
	if (open_now)
		(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	open_now = 0;
}

/* The program stops, as SIGTSTP wants it to, and has its keys again when it goes on. */
static void
screen_stop(void)
{
	struct sigaction	 sa = { .sa_handler = screen_caught };

	stopped = 0;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	(void)screen_die(SIGTSTP);
	sigemptyset(&sa.sa_mask);
	sigaction(SIGTSTP, &sa, NULL);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

/*
 * Waits for so many milliseconds, or until there is a signal, another size, or a key between screen_open() and screen_close().
 * Returns the key; 0: none; -1: the terminal is gone.
 */
int
screen_wait(int msec)
{
	struct pollfd	 pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char	 key;
	ssize_t		 n;

	if (ended != 0)
		return (0);
	n = poll(&pfd, open_now, msec);
	if (stopped)
		screen_stop();
	if (n <= 0 || !open_now)
		return (0);
	n = read(STDIN_FILENO, &key, 1);
	return (n == 1 ? key : n == -1 && errno == EINTR ? 0 : -1);
}
