/* SPDX-License-Identifier: ISC */
/* Numeric addresses and the syntax of host names. */
#include <arpa/inet.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "dialer.h"

#define HOST_LEN_MAX	253	/* RFC 1035 section 2.3.4, in text form */
#define LABEL_LEN_MAX	63

static int	 host_ends_in_number(const char *, size_t);

/*
 * Reads a dotted quad, IPv6, or IPv6 in brackets, in the strict form of inet_pton(3): "127.1", "0x7f.1" and "010.0.0.1" are none.
 * Returns 1, or 0: s is no address.
 */
int
address_parse(const char *s, struct address *a)
{
	struct in6_addr	 v6;
	struct in_addr	 v4;
	char		 bare[INET6_ADDRSTRLEN];
	size_t		 len = strlen(s);

	if (len > 2 && s[0] == '[' && s[len - 1] == ']') {
		if (len - 2 >= sizeof(bare))
			return (0);
		memcpy(bare, s + 1, len - 2);
		bare[len - 2] = '\0';
		if (inet_pton(AF_INET6, bare, &v6) != 1)
			return (0);
		address_set(a, FAMILY_V6, &v6);
		return (1);
	}
	if (inet_pton(AF_INET, s, &v4) == 1) {
		address_set(a, FAMILY_V4, &v4);
		return (1);
	}
	if (inet_pton(AF_INET6, s, &v6) == 1) {
		address_set(a, FAMILY_V6, &v6);
		return (1);
	}
	return (0);
}

/* Reads an address with its port, "192.0.2.1:1080" or "[2001:db8::1]:1080".  Returns 1, or 0: s is none. */
int
address_parse_port(const char *s, struct address *a)
{
	const char	*colon, *errstr;
	char		 host[ADDRESS_STRLEN + 2];
	long long	 port;

	if ((colon = strrchr(s, ':')) == NULL || (size_t)(colon - s) >= sizeof(host))
		return (0);
	memcpy(host, s, (size_t)(colon - s));
	host[colon - s] = '\0';
	if ((host[0] != '[' && strchr(host, ':') != NULL) || !address_parse(host, a))
		return (0);
	port = strtonum(colon + 1, 1, UINT16_MAX, &errstr);
	if (errstr != NULL || !isdigit((unsigned char)colon[1]))
		return (0);
	address_setport(a, (uint16_t)port);
	return (1);
}

/* Makes ::ffff:192.0.2.1 into 192.0.2.1: whoever asks what kind of address it is must be told of the one that is reached. */
void
address_unmap(struct address *a)
{
	uint8_t	 v4[4];

	if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.v6.sin6_addr))
		return;
	memcpy(v4, a->u.v6.sin6_addr.s6_addr + 12, sizeof(v4));
	address_set(a, FAMILY_V4, v4);
}

/*
 * Whether a mail server can have this address.  0.0.0.0/8 and :: would reach this machine, which blocking lists in hosts files and
 * in DNS do not mean; multicast, broadcast and an IPv4 address written as an IPv6 one are nobody's address either.
 */
int
address_usable(const struct address *a)
{
	const struct in6_addr	*v6 = &a->u.v6.sin6_addr;
	uint32_t		 v4;

	if (a->u.sa.sa_family == AF_INET6)
		return (!IN6_IS_ADDR_UNSPECIFIED(v6) && !IN6_IS_ADDR_MULTICAST(v6) && !IN6_IS_ADDR_V4MAPPED(v6));
	v4 = ntohl(a->u.v4.sin_addr.s_addr);
	return (v4 >> 24 != 0 && v4 >> 24 < 224);
}

void
address_set(struct address *a, enum family family, const void *raw)
{
	memset(a, 0, sizeof(*a));
	if (family == FAMILY_V6) {
		a->len = sizeof(a->u.v6);
		a->u.v6.sin6_family = AF_INET6;
		memcpy(&a->u.v6.sin6_addr, raw, sizeof(a->u.v6.sin6_addr));
	} else {
		a->len = sizeof(a->u.v4);
		a->u.v4.sin_family = AF_INET;
		memcpy(&a->u.v4.sin_addr, raw, sizeof(a->u.v4.sin_addr));
	}
}

const uint8_t *
address_octets(const struct address *a)
{
	return (a->u.sa.sa_family == AF_INET6 ? (const uint8_t *)&a->u.v6.sin6_addr : (const uint8_t *)&a->u.v4.sin_addr);
}

void
address_setport(struct address *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.v6.sin6_port = htons(port);
	else
		a->u.v4.sin_port = htons(port);
}

const char *
address_str(const struct address *a, char *buf, size_t size)
{
	if (inet_ntop(a->u.sa.sa_family, address_octets(a), buf, (socklen_t)size) == NULL)
		strlcpy(buf, "?", size);
	return (buf);
}

/*
 * Whether DNS can be asked for s: labels of 1 to 63 letters, digits, '-' and '_', 253 octets in all, no final dot.  A last label
 * that is a number makes it a mistyped address (RFC 1123 section 2.1), which must not be asked for.
 */
int
host_valid(const char *s)
{
	size_t	 i, len = strlen(s), label = 0;

	if (len > HOST_LEN_MAX)
		return (0);
	for (i = 0; i < len; i++) {
		if (s[i] == '.') {
			if (label == 0)
				return (0);
			label = 0;
		} else if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) && s[i] != '-' && s[i] != '_') || ++label > LABEL_LEN_MAX)
			return (0);
	}
	return (label > 0 && !host_ends_in_number(s, len));
}

static int
host_ends_in_number(const char *s, size_t len)
{
	size_t	 i, start = len;

	while (start > 0 && s[start - 1] != '.')
		start--;
	if (len - start >= 2 && s[start] == '0' && (s[start + 1] == 'x' || s[start + 1] == 'X'))
		return (1);
	for (i = start; i < len; i++)
		if (!isdigit((unsigned char)s[i]))
			return (0);
	return (1);
}
