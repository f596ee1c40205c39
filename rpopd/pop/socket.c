/* SPDX-License-Identifier: ISC */
/* The sockets of listeners: how one is made, and what to do if it cannot be. */
#include <sys/types.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "pop_int.h"

#define BACKLOG		128

static socklen_t socket_address(struct sockaddr_storage *, int, const char *, uint16_t);

/* A socket that listens at a port of an address, in numbers or '*' for all of the family.  -1 and errno: it cannot be made. */
int
socket_listen(int family, const char *address, uint16_t port)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = socket_address(&ss, family, address, port);
	int			 fd, on = 1, saved;

	if ((fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1 || listen(fd, BACKLOG) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	return (fd);
}

/* The address for bind(2); returns its length. */
static socklen_t
socket_address(struct sockaddr_storage *ss, int family, const char *address, uint16_t port)
{
	struct sockaddr_in6	*sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in	*sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	ss->ss_family = (sa_family_t)family;
	if (family == AF_INET6) {
		sin6->sin6_port = htons(port);
		if (*address != '*')
			(void)inet_pton(AF_INET6, address, &sin6->sin6_addr);
		return (sizeof(*sin6));
	}
	sin->sin_port = htons(port);
	if (*address != '*')
		(void)inet_pton(AF_INET, address, &sin->sin_addr);
	return (sizeof(*sin));
}

/* What an administrator can do about an error of socket_listen(). */
const char *
socket_remedy(int error)
{
	switch (error) {
	case EADDRINUSE:
		return ("another program has the port: stop that, or correct the row");
	case EADDRNOTAVAIL:
		return ("no interface of this host has the address: correct the row");
	case EACCES:
	case EPERM:
		return ("ports below 1024 need CAP_NET_BIND_SERVICE, see rpopd.service");
	default:
		return ("correct the row");
	}
}
