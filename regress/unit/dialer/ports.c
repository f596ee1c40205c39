/* SPDX-License-Identifier: ISC */
/* See ports.h.  No packet leaves the machine. */
#include <sys/socket.h>

#include <err.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dialer/dialer.h"
#include "ports.h"

#define PORTS_MAX	16
#define KNOCKS		4	/* connections that fill an accept queue of length 0 */

static struct {
	int	 fd;
	int	 knock[KNOCKS];
} ports[PORTS_MAX];

static int	 nports;

uint16_t	 port;

int
lowest_fd(void)
{
	int	 fd = dup(0);

	if (fd == -1)
		err(1, "dup");
	close(fd);
	return (fd);
}

void
port_behave(const char *address, enum port_mode mode)
{
	struct address	 a;
	socklen_t	 len = sizeof(a.u);
	int		 fd, i, one = 1;

	if (nports == PORTS_MAX || !address_parse(address, &a))
		errx(1, "%s", address);
	address_setport(&a, port);
	if ((fd = socket(a.u.sa.sa_family, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 || bind(fd, &a.u.sa, a.len) == -1 ||
	    getsockname(fd, &a.u.sa, &len) == -1 || (mode != REFUSE && listen(fd, mode == LISTEN ? 64 : 0) == -1))
		err(1, "%s", address);
	port = ntohs(a.u.sa.sa_family == AF_INET6 ? a.u.v6.sin6_port : a.u.v4.sin_port);
	memset(&ports[nports], -1, sizeof(ports[nports]));
	ports[nports].fd = fd;
	/* A full accept queue: the kernel drops what comes next. */
	for (i = 0; mode == SWALLOW && i < KNOCKS; i++) {
		if ((fd = socket(a.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0)) == -1)
			err(1, "socket");
		(void)!connect(fd, &a.u.sa, a.len);
		ports[nports].knock[i] = fd;
	}
	nports++;
}

void
port_drain(int n)
{
	int	 fd, i;

	for (i = 0; i < KNOCKS; i++) {
		close(ports[n].knock[i]);
		ports[n].knock[i] = -1;
	}
	if (fcntl(ports[n].fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
	while ((fd = accept(ports[n].fd, NULL, NULL)) != -1)
		close(fd);
}

void
ports_close(void)
{
	int	 i;

	for (; nports > 0; nports--) {
		close(ports[nports - 1].fd);
		for (i = 0; i < KNOCKS; i++)
			close(ports[nports - 1].knock[i]);
	}
	port = 0;
}
