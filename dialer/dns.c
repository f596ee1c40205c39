/* SPDX-License-Identifier: ISC */
/* c-ares inside the event loop.  Nothing outside this file knows which resolver library answers. */
#include <sys/queue.h>
#include <sys/time.h>

#include <ares.h>
#include <event.h>
#include <stdlib.h>
#include <string.h>

#include "dialer.h"
#include "common/log.h"

#define DNS_TRIES	2

struct dns_query {
	enum family	 family;
	dns_cb		 cb;
	void		*arg;
};

struct dns_socket {
	TAILQ_ENTRY(dns_socket)	 entry;
	struct event		 ev;
	ares_socket_t		 fd;
};

static void	 dns_answer(void *, int, int, struct ares_addrinfo *);
static size_t	 dns_addresses(const struct ares_addrinfo *, enum family, struct address *, size_t);
static void	 dns_socket_state(void *, ares_socket_t, int, int);
static void	 dns_socket_event(int, short, void *);
static void	 dns_timer(void *);
static void	 dns_rearm(void);

static const struct {
	int		 status;
	enum fail_why	 why;
	const char	*text;
} dns_statuses[] = {
	{ ARES_ENOTFOUND,	WHY_DNS_PERM,	"no such host" },
	{ ARES_ENODATA,		WHY_DNS_PERM,	"the name has no address" },
	{ ARES_EBADNAME,	WHY_DNS_PERM,	"not a host name" },
	{ ARES_ETIMEOUT,	WHY_DNS_TEMP,	"no name server answered" },
	{ ARES_ECONNREFUSED,	WHY_DNS_TEMP,	"no name server gave a usable answer" },
	{ ARES_ESERVFAIL,	WHY_DNS_TEMP,	"the name server failed" },
	{ ARES_EREFUSED,	WHY_DNS_TEMP,	"the name server refused to answer" },
	{ ARES_EBADRESP,	WHY_DNS_TEMP,	"the name server's answer made no sense" },
	{ ARES_ENOMEM,		WHY_LOCAL_TEMP,	"out of memory" },
	{ ARES_ECANCELLED,	WHY_STOPPED,	"stopped" },
	{ ARES_EDESTRUCTION,	WHY_STOPPED,	"stopped" }
};

static ares_channel	 channel;
static struct timer	 timer;
static TAILQ_HEAD(, dns_socket)	 sockets = TAILQ_HEAD_INITIALIZER(sockets);

/*
 * Open the channel; reads resolv.conf(5), so it must come before the root is changed.  nameservers ("ip[:port],...") overrides
 * the servers found there, timeout is in ms for the first try.  Search domains, aliases and the hosts file are never used:
 * names are complete, and the chroot has no files.
 */
void
dns_init(const char *nameservers, int timeout)
{
	struct ares_options	 o;
	char			 lookups[] = "b";
	int			 status;

	memset(&o, 0, sizeof(o));
	o.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
	o.timeout = timeout;
	o.tries = DNS_TRIES;
	o.ndots = 0;
	o.lookups = lookups;
	o.sock_state_cb = dns_socket_state;
	if ((status = ares_library_init(ARES_LIB_INIT_ALL)) != ARES_SUCCESS ||
	    (status = ares_init_options(&channel, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
	    ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB)) != ARES_SUCCESS)
		fatalx("c-ares: %s", ares_strerror(status));
	if (nameservers != NULL && (status = ares_set_servers_ports_csv(channel, nameservers)) != ARES_SUCCESS)
		fatalx("name servers \"%s\": %s", nameservers, ares_strerror(status));
	timer_init(&timer, dns_timer, NULL);
}

/* Close the channel; the callback of every open query is called with WHY_STOPPED. */
void
dns_fini(void)
{
	timer_stop(&timer);
	ares_destroy(channel);
	ares_library_cleanup();
	channel = NULL;
}

/* Ask for the addresses of one family.  cb is called exactly once, possibly before this returns. */
void
dns_query(const char *name, enum family family, dns_cb cb, void *arg)
{
	struct ares_addrinfo_hints	 hints;
	struct dns_query		*q;

	if ((q = calloc(1, sizeof(*q))) == NULL)
		fatal("dns");
	q->family = family;
	q->cb = cb;
	q->arg = arg;
	memset(&hints, 0, sizeof(hints));
	/* One family per query: with both, a literal of either is sent to DNS, and the slower answer delays the faster. */
	hints.ai_family = family == FAMILY_V6 ? AF_INET6 : AF_INET;
	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = ARES_AI_NOSORT;
	ares_getaddrinfo(channel, name, NULL, &hints, dns_answer, q);
	dns_rearm();
}

static void
dns_answer(void *arg, int status, int timeouts, struct ares_addrinfo *res)
{
	struct dns_query	*q = arg;
	struct address		 addr[RESOLVE_ADDRS_MAX];
	enum fail_why		 why = WHY_NONE;
	const char		*text = NULL;
	size_t			 i, n = 0;

	(void)timeouts;
	if (status != ARES_SUCCESS) {
		why = WHY_DNS_TEMP;
		text = ares_strerror(status);
		for (i = 0; i < nitems(dns_statuses); i++)
			if (dns_statuses[i].status == status) {
				why = dns_statuses[i].why;
				text = dns_statuses[i].text;
			}
	} else if ((n = dns_addresses(res, q->family, addr, nitems(addr))) == 0) {
		why = WHY_DNS_PERM;
		text = "the name has no usable address";
	}
	if (res != NULL)
		ares_freeaddrinfo(res);
	q->cb(q->arg, q->family, why, text, addr, n);
	free(q);
}

static size_t
dns_addresses(const struct ares_addrinfo *res, enum family family, struct address *addr, size_t max)
{
	const struct ares_addrinfo_node	*node;
	size_t				 n = 0;

	if (res == NULL)
		return (0);
	for (node = res->nodes; node != NULL && n < max; node = node->ai_next) {
		if (family == FAMILY_V6 && node->ai_family == AF_INET6)
			address_set(&addr[n], family, &((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr);
		else if (family == FAMILY_V4 && node->ai_family == AF_INET)
			address_set(&addr[n], family, &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr);
		else
			continue;
		if (address_usable(&addr[n]))
			n++;
	}
	return (n);
}

/* c-ares tells what it waits for on a socket: neither to read nor to write when it is about to close it. */
static void
dns_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_socket	*s;
	short			 what = EV_PERSIST;

	(void)data;
	TAILQ_FOREACH(s, &sockets, entry)
		if (s->fd == fd)
			break;
	if (s != NULL)
		event_del(&s->ev);
	if (!readable && !writable) {
		if (s != NULL) {
			TAILQ_REMOVE(&sockets, s, entry);
			free(s);
		}
		return;
	}
	if (s == NULL) {
		if ((s = calloc(1, sizeof(*s))) == NULL)
			fatal("dns");
		s->fd = fd;
		TAILQ_INSERT_TAIL(&sockets, s, entry);
	}
	if (readable)
		what |= EV_READ;
	if (writable)
		what |= EV_WRITE;
	event_set(&s->ev, fd, what, dns_socket_event, NULL);
	if (event_add(&s->ev, NULL) == -1)
		fatal("event_add");
}

static void
dns_socket_event(int fd, short what, void *arg)
{
	(void)arg;
	ares_process_fd(channel, what & EV_READ ? fd : ARES_SOCKET_BAD, what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	dns_rearm();
}

static void
dns_timer(void *arg)
{
	(void)arg;
	ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	dns_rearm();
}

static void
dns_rearm(void)
{
	struct timeval	 tv;

	if (ares_timeout(channel, NULL, &tv) == NULL)
		timer_stop(&timer);
	else
		timer_in(&timer, (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000);
}
