/* SPDX-License-Identifier: ISC */
/*
 * Connections: each is taken, and either becomes a session of its own process or hears that there are too many.  Not an octet of a
 * client's is read here.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/ipc/link.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "common/template.h"
#include "popd.h"

#define ACCEPT_MAX	64		/* connections that are taken before others have a turn */
#define ACCEPT_PAUSE	1000		/* ms without them, when there is no descriptor */
#define TURNED_MAX	20		/* POP_TURNED in TURNED_TIME ms */
#define TURNED_TIME	1000
#define KEY_LEN		16

static const char	 turned_line[] = "-ERR [SYS/TEMP] too many sessions, try again later\r\n";

struct client {
	LIST_ENTRY(client)	 entry;
	uint32_t		 fork;
	uint32_t		 listener;
	uint8_t			 key[KEY_LEN];	/* of an address, or of a /64 of IPv6 */
};

struct peer {
	struct sockaddr_storage	 ss;
	char			 text[PROTO_CLIENT_SIZE];
	uint32_t		 port;
	uint8_t			 key[KEY_LEN];
};

static void	 accept_ready(int, short, void *);
static void	 accept_resume(void *);
static int	 accept_one(struct listener *);
static void	 accept_taken(struct listener *, int, const struct peer *);
static void	 accept_turned(const struct listener *, int, const struct peer *, enum pop_limit);
static void	 accept_tell(void *);
static int	 accept_crowded(const struct listener *, const struct peer *, enum pop_limit *);
static void	 peer_read(struct peer *);

static LIST_HEAD(, client)	 clients = LIST_HEAD_INITIALIZER(clients);
static struct msg_pop_turned	 turned;	/* not told to the master yet */
static struct timer		 turned_later;

void
accept_watch(struct listener *l)
{
	event_set(&l->ev, l->fd, EV_READ | EV_PERSIST, accept_ready, l);
	event_add(&l->ev, NULL);
	timer_init(&l->pause, accept_resume, l);
}

void
accept_unwatch(struct listener *l)
{
	event_del(&l->ev);
	timer_stop(&l->pause);
}

static void
accept_ready(int fd __unused, short events __unused, void *arg)
{
	struct listener	*l = arg;
	int		 i;

	for (i = 0; i < ACCEPT_MAX && accept_one(l); i++)
		continue;
}

static void
accept_resume(void *arg)
{
	struct listener	*l = arg;

	event_add(&l->ev, NULL);
}

/* Takes one connection.  0: there is no other one just now. */
static int
accept_one(struct listener *l)
{
	struct peer	 peer;
	socklen_t	 len = sizeof(peer.ss);
	enum pop_limit	 limit;
	int		 fd, on = 1;

	memset(&peer, 0, sizeof(peer));
	if ((fd = accept4(l->fd, (struct sockaddr *)&peer.ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warn("POP listener %u: accept", l->id);
			event_del(&l->ev);
			timer_in(&l->pause, ACCEPT_PAUSE);
		}
		return (errno == ECONNABORTED || errno == EINTR);
	}
	peer_read(&peer);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (accept_crowded(l, &peer, &limit))
		accept_turned(l, fd, &peer, limit);
	else
		accept_taken(l, fd, &peer);
	close(fd);
	return (1);
}

/* Numeric address, port, and what counts as one address, of a connection's other end. */
static void
peer_read(struct peer *p)
{
	const struct sockaddr_in6	*sin6 = (const struct sockaddr_in6 *)&p->ss;
	const struct sockaddr_in	*sin = (const struct sockaddr_in *)&p->ss;

	if (p->ss.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		memcpy(p->key, sin6->sin6_addr.s6_addr, KEY_LEN);
		inet_ntop(AF_INET, sin6->sin6_addr.s6_addr + 12, p->text, sizeof(p->text));
		p->port = ntohs(sin6->sin6_port);
	} else if (p->ss.ss_family == AF_INET6) {
		memcpy(p->key, sin6->sin6_addr.s6_addr, 8);
		inet_ntop(AF_INET6, &sin6->sin6_addr, p->text, sizeof(p->text));
		p->port = ntohs(sin6->sin6_port);
	} else if (p->ss.ss_family == AF_INET) {
		memset(p->key + 10, 0xff, 2);
		memcpy(p->key + 12, &sin->sin_addr, 4);
		inet_ntop(AF_INET, &sin->sin_addr, p->text, sizeof(p->text));
		p->port = ntohs(sin->sin_port);
	}
}

/* Whether there are as many sessions as there may be; *limit: of what. */
static int
accept_crowded(const struct listener *l, const struct peer *peer, enum pop_limit *limit)
{
	struct client	*c;
	uint32_t	 all = 0, here = 0, same = 0;

	LIST_FOREACH(c, &clients, entry) {
		all++;
		here += c->listener == l->id;
		same += memcmp(c->key, peer->key, KEY_LEN) == 0;
	}
	*limit = same >= listener_limits.per_address ? POP_LIMIT_ADDRESS : here >= l->channels ? POP_LIMIT_LISTENER : POP_LIMIT_CHANNELS;
	return (*limit != POP_LIMIT_CHANNELS || all >= listener_limits.channels);
}

/* A session is forked, and the master gets the other end of its channel. */
static void
accept_taken(struct listener *l, int fd, const struct peer *peer)
{
	struct msg_pop_session	 m;
	struct client		*c;
	struct peer		 local;
	socklen_t		 len = sizeof(local.ss);
	int			 channel;

	memset(&local, 0, sizeof(local));
	if (getsockname(fd, (struct sockaddr *)&local.ss, &len) == 0)
		peer_read(&local);
	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal(NULL);
	listener_settle();
	session_prepare(l->context, l->tls);
	HOOK("popd.fork");
	if ((c->fork = template_fork(fd, &channel)) == 0) {
		free(c);
		accept_turned(l, fd, peer, POP_LIMIT_CHANNELS);
		return;
	}
	c->listener = l->id;
	memcpy(c->key, peer->key, KEY_LEN);
	LIST_INSERT_HEAD(&clients, c, entry);
	memset(&m, 0, sizeof(m));
	m.id = c->fork;
	m.listener = l->id;
	strlcpy(m.peer, peer->text, sizeof(m.peer));
	strlcpy(m.local, local.text, sizeof(m.local));
	m.peer_port = peer->port;
	if (link_send(&proc_master, IMSG_POP_SESSION, channel, &m, sizeof(m)) == -1)
		_exit(1);
}

/* A connection too many.  There may be very many: the master hears of some at once, and of the numbers of all others later. */
static void
accept_turned(const struct listener *l, int fd, const struct peer *peer, enum pop_limit limit)
{
	static int64_t	 since;
	static int	 told;
	int64_t		 now = clock_msec();

	if (!l->tls)
		(void)!write(fd, turned_line, sizeof(turned_line) - 1);	/* whoever does not take it hears nothing */
	turned.listener = l->id;
	turned.limit = limit;
	turned.count[limit]++;
	strlcpy(turned.peer, peer->text, sizeof(turned.peer));
	if (now - since >= TURNED_TIME) {
		since = now;
		told = 0;
	}
	if (told++ < TURNED_MAX)
		accept_tell(NULL);
	else if (!timer_armed(&turned_later)) {
		timer_init(&turned_later, accept_tell, NULL);
		timer_in(&turned_later, TURNED_TIME);
	}
}

/* The master hears of the last connection that was turned away, and of how many there were. */
static void
accept_tell(void *arg __unused)
{
	timer_stop(&turned_later);
	if (link_send(&proc_master, IMSG_POP_TURNED, -1, &turned, sizeof(turned)) == -1)
		_exit(1);
	memset(&turned, 0, sizeof(turned));
}

/* A fork has ended, and its place is free. */
void
accept_ended(uint32_t fork)
{
	struct client	*c;

	LIST_FOREACH(c, &clients, entry)
		if (c->fork == fork) {
			LIST_REMOVE(c, entry);
			free(c);
			return;
		}
}
