/* SPDX-License-Identifier: ISC */
/* One connection being made to one address, from a source address and through a SOCKS5 server where that is asked for. */
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialer.h"
#include "common/log.h"

static int	 attempt_socket(const struct path *, int family, int *error);
static int	 attempt_bind(int, const struct path *, int family);
static void	 attempt_wait(struct attempt *, short);
static int	 attempt_complete(const struct attempt *);
static void	 attempt_writable(int, short, void *);
static void	 attempt_readable(int, short, void *);
static void	 attempt_expired(void *);
static void	 attempt_say(struct attempt *);

/*
 * Begin to connect to addr and port, for at most msec milliseconds.  addr and path are the caller's and must last as long as the
 * attempt.  cb is called later, once, with 0, an errno or an enum attempt_error, and frees the attempt.  NULL: the attempt failed
 * at once, *error is what cb would have got.
 */
struct attempt *
attempt_start(const struct path *path, const struct address *addr, uint16_t port, int msec,
    void (*cb)(struct attempt *, int), void *arg, int *error)
{
	struct address	 server = *addr, to;
	struct attempt	*t;
	int		 fd;

	address_setport(&server, port);
	to = path->has_socks ? path->socks : server;
	if ((fd = attempt_socket(path, to.u.sa.sa_family, error)) == -1)
		return (NULL);
	if (connect(fd, &to.u.sa, to.len) == -1 && errno != EINPROGRESS) {
		*error = errno;
		close(fd);
		return (NULL);
	}
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal("attempt");
	t->fd = fd;
	t->addr = addr;
	t->to = to;
	t->path = path;
	t->cb = cb;
	t->arg = arg;
	t->proxy = path->has_socks;
	if (path->has_socks)
		socks_init(&t->socks, &server);
	timer_init(&t->clock, attempt_expired, t);
	timer_in(&t->clock, msec);
	event_set(&t->ev, fd, EV_WRITE, attempt_writable, t);
	attempt_wait(t, EV_WRITE);
	return (t);
}

/* Frees an attempt and closes its connection, unless the caller has taken fd and set it to -1. */
void
attempt_free(struct attempt *t)
{
	event_del(&t->ev);
	timer_stop(&t->clock);
	if (t->fd != -1)
		close(t->fd);
	free(t);
}

/* A non-blocking socket, with the options that a session is to have, bound to a source address.  -1: *error and errno say why. */
static int
attempt_socket(const struct path *path, int family, int *error)
{
	int	 fd, saved, one = 1;

	if ((fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) == -1) {
		*error = errno;
		return (-1);
	}
	*error = 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)) == -1)
		*error = errno;
	else if (path->nsource > 0)
		*error = attempt_bind(fd, path, family);
	if (*error == 0)
		return (fd);
	saved = errno;
	close(fd);
	errno = saved;
	return (-1);
}

/*
 * Binds a socket to the first source address of its family that can be bound to.  0, or an enum attempt_error, with ATTEMPT_SOURCE
 * also errno.
 */
static int
attempt_bind(int fd, const struct path *path, int family)
{
	size_t	 i;
	int	 rv = ATTEMPT_FAMILY;

#ifdef IP_BIND_ADDRESS_NO_PORT
	int	 one = 1;

	/* The kernel chooses the port when the peer is known, so that two connections from here may share one. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
#endif
	for (i = 0; i < path->nsource; i++) {
		if (path->source[i].u.sa.sa_family != family)
			continue;
		if (bind(fd, &path->source[i].u.sa, path->source[i].len) == 0)
			return (0);
		rv = ATTEMPT_SOURCE;
	}
	return (rv);
}

static void
attempt_wait(struct attempt *t, short what)
{
	event_del(&t->ev);
	event_set(&t->ev, t->fd, what, what == EV_WRITE ? attempt_writable : attempt_readable, t);
	if (event_add(&t->ev, NULL) == -1)
		fatal("event_add");
}

/*
 * Completes a connection.  0: the socket is connected, for the kernel, too; or an errno.  Until connect(2) is called once more, a
 * socket counts as one that is connecting, and when its peer then resets the connection, it can be connected to somebody else.
 */
static int
attempt_complete(const struct attempt *t)
{
	socklen_t	 len;
	int		 error;

	len = sizeof(error);
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return (errno);
	if (error == 0 && connect(t->fd, &t->to.u.sa, t->to.len) == -1 && errno != EISCONN)
		error = errno;
	return (error);
}

/* The socket is connected or has failed; a SOCKS server is then to be greeted. */
static void
attempt_writable(int fd, short what, void *arg)
{
	struct attempt	*t = arg;
	int		 error;

	(void)fd;
	(void)what;
	if ((error = attempt_complete(t)) == EALREADY || error == EINPROGRESS) {
		attempt_wait(t, EV_WRITE);
		return;
	}
	if (error == 0 && t->path->has_socks)
		attempt_say(t);
	else
		t->cb(t, error);
}

/*
 * Send what the SOCKS server is to be told.  That is short, and the server waits for it: the socket's buffer has room for all of
 * it.
 */
static void
attempt_say(struct attempt *t)
{
	if (send(t->fd, t->socks.buf, t->socks.len, MSG_NOSIGNAL) != (ssize_t)t->socks.len) {
		t->cb(t, SOCKS_CLOSED);
		return;
	}
	(void)socks_input(&t->socks, NULL, 0);
	attempt_wait(t, EV_READ);
}

/* Read the SOCKS server's answer, and not one octet more: what follows is the mail server's. */
static void
attempt_readable(int fd, short what, void *arg)
{
	struct attempt	*t = arg;
	uint8_t		 buf[SOCKS_BUFFER];
	ssize_t		 n;
	int		 rv;

	(void)what;
	if ((n = recv(fd, buf, socks_want(&t->socks), 0)) <= 0) {
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			attempt_wait(t, EV_READ);
		else
			t->cb(t, n == 0 ? SOCKS_CLOSED : errno);
		return;
	}
	if ((rv = socks_input(&t->socks, buf, (size_t)n)) != 0) {
		t->cb(t, rv == 1 ? 0 : rv);
		return;
	}
	if (socks_want(&t->socks) > 0) {
		attempt_wait(t, EV_READ);
		return;
	}
	t->proxy = 0;
	attempt_say(t);
}

static void
attempt_expired(void *arg)
{
	struct attempt	*t = arg;

	t->cb(t, ETIMEDOUT);
}
