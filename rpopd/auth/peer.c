/* SPDX-License-Identifier: ISC */
/*
 * Clients that guess, by their addresses: failures of one address, whatever the accounts, are answered after delays that grow as
 * those of an account do, and one login of an address is verified at a time.  Very many failures of one network block it for a
 * while.  An IPv6 address counts as its /64, which is one customer's.  A login that succeeds takes nothing back: whoever guesses
 * may have an account of his own here.
 *
 * Two kinds of clients are behind one address without knowing of each other: those of a network that translates addresses, and
 * those of a program on this host that logs in for others.  So an address that some account is known from (known.c) is not refused
 * for its network's failures, and this host's own have neither delays nor failures: what counts there is the account.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "auth_int.h"

#define PEERS_MAX	4096		/* addresses, and networks, that are remembered */
#define FORGET		600000		/* ms without a failure, after which an address begins anew */
#define FAILURES	20		/* of a network within WINDOW, and it is blocked for BLOCKED */
#define WINDOW		600000		/* ms */
#define BLOCKED		600000		/* ms */
#define NET_SIZE	(INET6_ADDRSTRLEN + 4)

struct peer {
	LIST_ENTRY(peer)	 entry;
	uint32_t		 users;
	uint32_t		 failures;	/* each within FORGET of the one before */
	int			 busy;		/* a login from there is being verified */
	int64_t			 until;		/* monotonic ms: none is verified before */
	uint8_t			 key[PEER_KEY_LEN];
};

struct network {
	LIST_ENTRY(network)	 entry;
	int64_t			 failed[FAILURES];	/* monotonic ms, as a ring; 0: none */
	size_t			 next;
	int64_t			 blocked;		/* monotonic ms: until then */
	uint8_t			 key[PEER_KEY_LEN];
};

static void		 key_network(uint8_t *);
static struct peer	*peer_new(void);
static struct network	*network_find(const uint8_t *);
static struct network	*network_new(const uint8_t *);
static void		 network_failed(const uint8_t *);
static const char	*network_name(const uint8_t *, char *, size_t);

static LIST_HEAD(, peer)	 peers = LIST_HEAD_INITIALIZER(peers);
static LIST_HEAD(, network)	 networks = LIST_HEAD_INITIALIZER(networks);
static size_t			 npeers, nnetworks;

/* What is known of this numeric address, whose user the caller is until peer_release().  NULL: of too many others. */
struct peer *
peer_use(const char *address)
{
	uint8_t		 key[PEER_KEY_LEN];
	struct peer	*p;

	peer_key(key, address);
	LIST_FOREACH(p, &peers, entry)
		if (memcmp(p->key, key, sizeof(key)) == 0)
			break;
	if (p == NULL) {
		if ((p = peer_new()) == NULL)
			return (NULL);
		memcpy(p->key, key, sizeof(p->key));
		LIST_INSERT_HEAD(&peers, p, entry);
	}
	p->users++;
	return (p);
}

/* Room for one more, if need be that of the one without a user whose delay was over first.  NULL: all have users. */
static struct peer *
peer_new(void)
{
	struct peer	*p, *found = NULL;

	if (npeers < PEERS_MAX) {
		if ((found = calloc(1, sizeof(*found))) == NULL)
			fatal("peer");
		npeers++;
		return (found);
	}
	LIST_FOREACH(p, &peers, entry)
		if (p->users == 0 && (found == NULL || p->until < found->until))
			found = p;
	if (found != NULL) {
		LIST_REMOVE(found, entry);
		memset(found, 0, sizeof(*found));
	}
	return (found);
}

void
peer_release(struct peer *p)
{
	if (--p->users > 0 || p->failures > 0)
		return;
	LIST_REMOVE(p, entry);
	npeers--;
	free(p);
}

/* When the next login from there may be verified, monotonic ms; INT64_MAX: when the one that is being verified is done. */
int64_t
peer_due(const struct peer *p)
{
	return (p->busy ? INT64_MAX : p->until);
}

/* A login is being verified: peer_done() follows. */
void
peer_begin(struct peer *p)
{
	if (p->failures > 0 && clock_msec() >= p->until + FORGET)
		p->failures = 0;
	p->busy = 1;
}

/* It was verified; failed: it was wrong.  Returns the ms after which that is answered. */
int64_t
peer_done(struct peer *p, int failed)
{
	int64_t	 delay;

	p->busy = 0;
	if (!failed)
		return (0);
	delay = guard_delay(p->failures++);
	p->until = clock_msec() + delay;
	network_failed(p->key);
	return (delay);
}

/*
 * A login of an account that is known from there was wrong, which did not wait for the address: it counts all the same.  Returns
 * the ms after which it would have been answered if it had waited.
 */
int64_t
peer_failed_known(struct peer *p)
{
	int64_t	 now = clock_msec(), wait = p->until > now ? p->until - now : 0, delay;

	if (p->failures > 0 && now >= p->until + FORGET)
		p->failures = 0;
	delay = guard_delay(p->failures++);
	if (p->until < now + delay)
		p->until = now + delay;
	network_failed(p->key);
	return (wait + delay);
}

/* Whether connections from this numeric address are refused now, for too many failures of its network. */
int
auth_blocked(const char *address)
{
	struct network	*n;
	uint8_t		 key[PEER_KEY_LEN], place[PEER_KEY_LEN];

	peer_key(place, address);
	memcpy(key, place, sizeof(key));
	key_network(key);
	return ((n = network_find(key)) != NULL && clock_msec() < n->blocked && !known_any(place));
}

/* Whether a numeric address is one by which programs of this host come, and nobody from outside: of 127.0.0.0/24, or ::1. */
int
peer_is_here(const char *address)
{
	static const uint8_t	 loopback[] = { 4, 127, 0, 0 }, loopback6[PEER_KEY_LEN] = { 6 };
	uint8_t			 key[PEER_KEY_LEN];

	peer_key(key, address);
	return (memcmp(key, loopback, sizeof(loopback)) == 0 || memcmp(key, loopback6, sizeof(key)) == 0);
}

/* A login of the address with this key failed: that counts for its network. */
static void
network_failed(const uint8_t *address)
{
	uint8_t		 key[PEER_KEY_LEN];
	char		 name[NET_SIZE];
	struct network	*n;
	int64_t		 now = clock_msec();

	memcpy(key, address, sizeof(key));
	key_network(key);
	if ((n = network_find(key)) == NULL && (n = network_new(key)) == NULL)
		return;
	n->failed[n->next] = now;
	n->next = (n->next + 1) % FAILURES;
	/* The oldest of as many as are remembered is where the next one goes. */
	if (now < n->blocked || n->failed[n->next] == 0 || now - n->failed[n->next] > WINDOW)
		return;
	n->blocked = now + BLOCKED;
	memset(n->failed, 0, sizeof(n->failed));
	log_warnx("logins from %s: %d failed within %d minutes; connections from there are refused for %d minutes",
	    network_name(key, name, sizeof(name)), FAILURES, WINDOW / 60000, BLOCKED / 60000);
}

static struct network *
network_find(const uint8_t *key)
{
	struct network	*n;

	LIST_FOREACH(n, &networks, entry)
		if (memcmp(n->key, key, sizeof(n->key)) == 0)
			break;
	return (n);
}

/* One more network, if need be in the place of the one that failed longest ago and is not blocked.  NULL: all are. */
static struct network *
network_new(const uint8_t *key)
{
	struct network	*n, *found = NULL;
	int64_t		 now = clock_msec(), last, oldest = INT64_MAX;

	if (nnetworks < PEERS_MAX) {
		if ((found = malloc(sizeof(*found))) == NULL)
			fatal("network");
		nnetworks++;
	} else {
		LIST_FOREACH(n, &networks, entry) {
			last = n->failed[(n->next + FAILURES - 1) % FAILURES];
			if (now >= n->blocked && last < oldest) {
				oldest = last;
				found = n;
			}
		}
		if (found == NULL)
			return (NULL);
		LIST_REMOVE(found, entry);
	}
	memset(found, 0, sizeof(*found));
	memcpy(found->key, key, sizeof(found->key));
	LIST_INSERT_HEAD(&networks, found, entry);
	return (found);
}

/*
 * The key of a numeric address: IPv4, mapped into IPv6 too, or the first 64 bits of IPv6.  What is no address has a key of its own.
 */
void
peer_key(uint8_t key[PEER_KEY_LEN], const char *address)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in_addr	 in;
	struct in6_addr	 in6;

	memset(key, 0, PEER_KEY_LEN);
	strlcpy(text, address, sizeof(text));
	text[strcspn(text, "%")] = '\0';		/* the interface of a link-local address */
	if (inet_pton(AF_INET, text, &in) == 1) {
		key[0] = 4;
		memcpy(key + 1, &in, sizeof(in));
	} else if (inet_pton(AF_INET6, text, &in6) == 1) {
		key[0] = IN6_IS_ADDR_V4MAPPED(&in6) ? 4 : 6;
		memcpy(key + 1, key[0] == 4 ? &in6.s6_addr[12] : in6.s6_addr, key[0] == 4 ? 4 : 8);
	}
}

/* Makes the key of an address that of its network: the /24 of IPv4. */
static void
key_network(uint8_t *key)
{
	if (key[0] == 4)
		key[4] = 0;
}

static const char *
network_name(const uint8_t *key, char *name, size_t size)
{
	struct in6_addr	 in6;
	char		 text[INET6_ADDRSTRLEN];

	memset(&in6, 0, sizeof(in6));
	memcpy(&in6, key + 1, PEER_KEY_LEN - 1);
	if (key[0] == 0 || inet_ntop(key[0] == 4 ? AF_INET : AF_INET6, &in6, text, sizeof(text)) == NULL)
		strlcpy(text, "?", sizeof(text));
	snprintf(name, size, "%s/%d", text, key[0] == 4 ? 24 : 64);
	return (name);
}

/* Everything is forgotten; nobody uses an address any more. */
void
peer_free_all(void)
{
	struct network	*n;
	struct peer	*p;

	while ((p = LIST_FIRST(&peers)) != NULL) {
		LIST_REMOVE(p, entry);
		free(p);
	}
	while ((n = LIST_FIRST(&networks)) != NULL) {
		LIST_REMOVE(n, entry);
		free(n);
	}
	npeers = nnetworks = 0;
}
