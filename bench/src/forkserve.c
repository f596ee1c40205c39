/*
 * forkserve PORT CMD...: accept connections on 127.0.0.1 and run CMD for each, with the connection as its standard input and output.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct sockaddr_in	 sin;
	int			 s, c, one = 1;

	if (argc < 3)
		errx(1, "usage: forkserve port cmd ...");
	signal(SIGCHLD, SIG_IGN);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((unsigned short)atoi(argv[1]));
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if ((s = socket(AF_INET, SOCK_STREAM, 0)) == -1 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
	    bind(s, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(s, 128) == -1)
		err(1, "port %s", argv[1]);
	for (;;) {
		if ((c = accept(s, NULL, NULL)) == -1)
			continue;
		switch (fork()) {
		case 0:
			signal(SIGCHLD, SIG_DFL);
			if (dup2(c, 0) == -1 || dup2(c, 1) == -1)
				_exit(1);
			close(c);
			close(s);
			execv(argv[2], argv + 2);
			_exit(127);
		default:
			close(c);
		}
	}
}
