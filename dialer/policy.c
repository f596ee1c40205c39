/* SPDX-License-Identifier: ISC */
/* Kinds of addresses: those of this machine, and those that somebody who is not trusted may name. */
#include <sys/socket.h>
#include <arpa/inet.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "dialer.h"

struct prefix {
	const char	*address;
	unsigned int	 bits;
};

static int	 policy_within(const struct prefix *, size_t, const struct address *);
static int	 policy_embedded(const struct prefix *, size_t, const struct address *, struct address *);
static int	 policy_bindable(const struct address *);
static int	 policy_talks_to_itself(const struct address *);
static int	 policy_same(const struct address *, const struct address *);

/* IPv4 addresses that are never a stranger's mail server (RFC 6890 and the registries that it began). */
static const struct prefix not_public[] = {
	{ "0.0.0.0", 8 },	/* this network */
	{ "10.0.0.0", 8 },	/* private */
	{ "100.64.0.0", 10 },	/* shared behind a provider's translator */
	{ "127.0.0.0", 8 },	/* loopback */
	{ "169.254.0.0", 16 },	/* link-local */
	{ "172.16.0.0", 12 },	/* private */
	{ "192.0.0.0", 24 },	/* protocol assignments */
	{ "192.0.2.0", 24 },	/* documentation */
	{ "192.88.99.0", 24 },	/* 6to4 relays */
	{ "192.168.0.0", 16 },	/* private */
	{ "198.18.0.0", 15 },	/* benchmarks */
	{ "198.51.100.0", 24 },	/* documentation */
	{ "203.0.113.0", 24 },	/* documentation */
	{ "224.0.0.0", 4 },	/* multicast */
	{ "240.0.0.0", 4 }	/* reserved, and broadcast */
};

/* The IPv6 addresses that are handed out, besides those with an IPv4 address in them. */
static const struct prefix global[] = {
	{ "2000::", 3 }
};

/* Parts of global[] that are never a stranger's mail server. */
static const struct prefix not_global[] = {
	{ "2001::", 23 },	/* protocol assignments: Teredo, benchmarks, ORCHID */
	{ "2001:db8::", 32 },	/* documentation */
	{ "3fff::", 20 }	/* documentation */
};

/* IPv6 addresses with an IPv4 address in them, whose 32 bits begin behind the prefix. */
static const struct prefix embedding[] = {
	{ "::ffff:0:0", 96 },	/* mapped */
	{ "64:ff9b::", 96 },	/* NAT64 */
	{ "2002::", 16 }	/* 6to4 */
};

static const struct prefix loopback[] = {
	{ "0.0.0.0", 8 },
	{ "127.0.0.0", 8 },
	{ "::", 128 },
	{ "::1", 128 }
};

/* Addresses for documentation belong to nobody: a system that lets a socket be bound to them lets it be bound to any address. */
static const char *const	 nobodys[] = { "192.0.2.1", "2001:db8::1" };

/* Whether an address may be connected to for a record that its owner writes himself, as far as its kind goes; see policy_own(). */
int
policy_public(const struct address *a)
{
	struct address	 v4;

	if (policy_embedded(embedding, nitems(embedding), a, &v4))
		return (!policy_within(not_public, nitems(not_public), &v4));
	if (a->u.sa.sa_family == AF_INET6)
		return (policy_within(global, nitems(global), a) && !policy_within(not_global, nitems(not_global), a));
	return (!policy_within(not_public, nitems(not_public), a));
}

/* Whether a connection to an address would end on this machine; -1 and errno: that cannot be told now. */
int
policy_own(const struct address *a)
{
	struct address	 nobody, plain = *a;
	int		 rv;

	address_unmap(&plain);
	if (policy_within(loopback, nitems(loopback), &plain))
		return (1);
	if ((rv = policy_bindable(&plain)) != 1)
		return (rv);
	/* An address to bind to is an own one, unless the system allows any (net.ipv4.ip_nonlocal_bind). */
	address_parse(nobodys[plain.u.sa.sa_family == AF_INET6], &nobody);
	if ((rv = policy_bindable(&nobody)) != 1)
		return (rv == -1 ? -1 : 1);
	return (policy_talks_to_itself(&plain));
}

static int
policy_within(const struct prefix *p, size_t n, const struct address *a)
{
	struct address	 base;
	const uint8_t	*x, *y;
	size_t		 i;
	unsigned int	 bytes, rest;

	for (i = 0; i < n; i++) {
		if (!address_parse(p[i].address, &base) || base.u.sa.sa_family != a->u.sa.sa_family)
			continue;
		x = address_octets(&base);
		y = address_octets(a);
		bytes = p[i].bits / 8;
		rest = p[i].bits % 8;
		if (memcmp(x, y, bytes) == 0 && (rest == 0 || (x[bytes] ^ y[bytes]) >> (8 - rest) == 0))
			return (1);
	}
	return (0);
}

/* Whether an address has an IPv4 address in it, which is put into *v4. */
static int
policy_embedded(const struct prefix *p, size_t n, const struct address *a, struct address *v4)
{
	size_t	 i;

	if (a->u.sa.sa_family != AF_INET6)
		return (0);
	for (i = 0; i < n; i++)
		if (policy_within(&p[i], 1, a)) {
			address_set(v4, FAMILY_V4, address_octets(a) + p[i].bits / 8);
			return (1);
		}
	return (0);
}

static int
policy_bindable(const struct address *a)
{
	struct address	 name = *a;
	int		 fd, rv;

	address_setport(&name, 0);
	if ((fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (errno == EAFNOSUPPORT ? 0 : -1);
	/* EINVAL is for a link-local address without an interface. */
	rv = bind(fd, &name.u.sa, name.len) == 0 || (errno != EADDRNOTAVAIL && errno != EINVAL);
	close(fd);
	return (rv);
}

/* Whether the source address of packets to an address is that address, which is so of own ones.  No packet is sent. */
static int
policy_talks_to_itself(const struct address *a)
{
	struct address	 name = *a;
	socklen_t	 len = sizeof(name.u);
	int		 fd, rv;

	address_setport(&name, 9);
	if ((fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	rv = connect(fd, &name.u.sa, name.len) == 0 && getsockname(fd, &name.u.sa, &len) == 0 && policy_same(&name, a);
	close(fd);
	return (rv);
}

static int
policy_same(const struct address *a, const struct address *b)
{
	return (a->u.sa.sa_family == b->u.sa.sa_family && memcmp(address_octets(a), address_octets(b),
	    a->u.sa.sa_family == AF_INET6 ? sizeof(a->u.v6.sin6_addr) : sizeof(a->u.v4.sin_addr)) == 0);
}
