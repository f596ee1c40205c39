/* SPDX-License-Identifier: ISC */
/* Ask the running rpopd for its state or for an action, over its control socket. */
#include <sys/types.h>
#include <sys/ioctl.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox/sandbox.h"
#include "rpopctl.h"

#define SOCKET_PATH	RPOPD_RUNDIR "/rpopd.sock"

static int		 terminal_width(void);
static int		 finish(const struct out *, const struct request *, const struct reply *, int);
static void __dead	 usage(void);

int
main(int argc, char *argv[])
{
	static char	 outbuf[BUFSIZ];
	struct request	 req;
	struct reply	 rep = { .fd = -1 };
	struct out	 o = { .fp = stdout };
	const char	*path = SOCKET_PATH;
	char		 error[512];
	int		 ch, fd, json = 0;

	while ((ch = getopt(argc, argv, "hjs:V")) != -1) {
		switch (ch) {
		case 'h':
			command_usage(stdout);
			return (0);
		case 'j':
			json = 1;
			break;
		case 's':
			path = optarg;
			break;
		case 'V':
			puts("rpopctl " RPOPD_VERSION);
			return (0);
		default:
			usage();
		}
	}
	if (command_parse(argc - optind, argv + optind, &req, error, sizeof(error)) == -1)
		errx(1, "%s; rpopctl -h lists the commands", error);

	/* What needs the file system or the terminal comes before the sandbox. */
	log_init("rpopctl", 1, LOG_LEVEL_PROBLEMS);
	tzset();
	o.now = time(NULL);
	o.width = terminal_width();
	setvbuf(stdout, outbuf, _IOFBF, sizeof(outbuf));
	signal(SIGPIPE, SIG_IGN);
	if ((fd = client_connect(path, error, sizeof(error))) == -1)
		errx(1, "%s", error);
	sandbox_enter(SANDBOX_CTL, 0);

	if (client_request(fd, &req, &rep, error, sizeof(error)) == -1)
		errx(1, "%s", error);
	return (finish(&o, &req, &rep, json));
}

/* Print the answer; returns the exit status. */
static int
finish(const struct out *o, const struct request *req, const struct reply *rep, int json)
{
	char	 text[sizeof(rep->text.text) * 4];
	int	 unknown = req->type == IMSG_CTL_ACCOUNT && rep->ok && reply_items(rep, IMSG_CTL_RECORD)->n == 0;

	if (rep->ok && rep->fd != -1) {
		if (print_mail(o, rep->fd) == -1)
			err(1, "message");
	} else if (json)
		json_reply(o->fp, req, rep);
	else if (unknown)
		warnx("%s: no such account, or it has no records", text_vis(text, sizeof(text), req->u.name.name));
	else
		print_reply(o, req, rep);
	if (!rep->ok && !json) {
		fflush(o->fp);
		warnx("%s", text_vis(text, sizeof(text), rep->text.text));
	}
	if (fflush(o->fp) == EOF || ferror(o->fp)) {
		if (errno != EPIPE)
			warn("standard output");
		return (1);
	}
	return (rep->ok && !unknown ? 0 : 1);
}

/* Columns of the terminal on standard output; 0 if there is none. */
static int
terminal_width(void)
{
	struct winsize	 ws;

	if (!isatty(STDOUT_FILENO))
		return (0);
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == -1 || ws.ws_col < 20)
		return (80);
	return (ws.ws_col);
}

static void __dead
usage(void)
{
	fprintf(stderr, "usage: rpopctl [-hjV] [-s socket] [command [argument ...]]\nrpopctl -h lists the commands\n");
	exit(1);
}
