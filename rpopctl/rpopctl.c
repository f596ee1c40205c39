/* SPDX-License-Identifier: ISC */
/* Ask the running rpopd for its state or for an action, over its control socket. */
#include <sys/types.h>

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
#define USER_PATH	RPOPD_RUNDIR "/user.sock"

static int		 users_socket(const char *);
static void __dead	 usage(void);

/* What status is for a user: his records, all of the account that is his. */
static const struct request	 own_records = {
	.type = IMSG_CTL_ACCOUNT, .items = { IMSG_CTL_RECORD }, .listing = 1, .len = sizeof(struct ctl_name)
};

int
main(int argc, char *argv[])
{
	static char	 outbuf[BUFSIZ];
	struct request	 req;
	struct out	 o = { .fp = stdout };
	struct session	 s = { .fd = -1, .o = &o, .program = argv[0] };
	const char	*path = NULL;
	char		 error[512];
	int		 ch, rows;

	/* "+": the words of the command end the options ahead of it, with glibc, too. */
	while ((ch = getopt(argc, argv, "+hjs:V")) != -1) {
		switch (ch) {
		case 'h':
			command_usage(stdout);
			return (0);
		case 'j':
			s.json = 1;
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
	argc -= optind;
	argv += optind;
	if (command_options(&argc, argv, &s.json, &path) == -1)
		errx(1, "-s: the name of the socket is missing");
	if (command_parse(argc, argv, &req, error, sizeof(error)) == -1)
		errx(1, "%s; rpopctl -h lists the commands", error);

	/* An import has its files in memory before it may open none any more. */
	if (req.run == intake_run && intake_ready(req.argc, req.argv, error, sizeof(error)) == -1)
		errx(1, "%s", error);

	s.noun = req.noun;
	s.argc = req.argc;
	s.argv = req.argv;
	screen_size(&rows, &o.width);
	if (req.local)
		return (req.run(&s));

	/* What needs the file system or the terminal comes before the sandbox. */
	log_init("rpopctl", 1, LOG_LEVEL_PROBLEMS);
	tzset();
	o.now = time(NULL);
	setvbuf(stdout, outbuf, _IOFBF, sizeof(outbuf));
	signal(SIGPIPE, SIG_IGN);
	if (path == NULL)
		path = access(SOCKET_PATH, W_OK) == 0 || access(USER_PATH, W_OK) == -1 ? SOCKET_PATH : USER_PATH;
	if (req.type == IMSG_CTL_STATUS && users_socket(path))
		req = own_records;
	if ((s.fd = client_connect(path, error, sizeof(error))) == -1)
		errx(1, "%s", error);
	sandbox_enter(SANDBOX_CTL, 0);
	optind = 0;			/* getopt(3) begins anew */
	return (req.run != NULL ? req.run(&s) : session_request(&s, &req));
}

/* 1: this is the name of the socket at which a user sees what is his, and not the daemon. */
static int
users_socket(const char *path)
{
	const char	*base = strrchr(path, '/');

	return (strcmp(base == NULL ? path : base + 1, "user.sock") == 0);
}

static void __dead
usage(void)
{
	fprintf(stderr, "usage: rpopctl [-hjV] [-s socket] [command [argument ...]]\nrpopctl -h lists the commands\n");
	exit(1);
}
