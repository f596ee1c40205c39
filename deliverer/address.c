/* SPDX-License-Identifier: ISC */
/* Addresses of recipients: the detours that one may name, the domains that a record takes, and how one is written. */
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "deliverer.h"

#define SOURCE_ROUTES_MAX	8	/* hosts in one address */

/*
 * Rewrites local%host@domain and host!local@domain, which stand for local@host where the domain's row allows it.  1: rewritten; 0:
 * there was nothing to do; -1: it is no address then.
 */
int
address_source_route(struct mailaddr *a)
{
	char	*p, *host;
	int	 i;

	for (i = 0; strpbrk(a->local, "%!") != NULL && route_source_routes(routes_table(), a->domain); i++) {
		if (i == SOURCE_ROUTES_MAX)
			return (-1);
		if ((p = strrchr(a->local, '%')) != NULL) {
			host = p + 1;
			*p = '\0';
		} else {
			host = a->local;
			p = strchr(a->local, '!');
			*p++ = '\0';
		}
		if (*host == '\0' || strlcpy(a->domain, host, sizeof(a->domain)) >= sizeof(a->domain))
			return (-1);
		if (host == a->local)
			memmove(a->local, p, strlen(p) + 1);
		if (a->local[0] == '\0')
			return (-1);
		for (p = a->domain; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
		if (a->domain[0] != '[' && mailaddr_ascii(a->domain) == -1)
			return (-1);
	}
	return (i > 0);
}

/* Whether the record takes mail for this domain. */
int
address_permitted(const struct msg_session_open *open, const char *domain)
{
	const char	*word;
	size_t		 n, len = strlen(domain);

	if (open->domains[0] == '\0')
		return (1);
	for (word = open->domains; *word != '\0'; word += n + (word[n] == ' ')) {
		n = strcspn(word, " ");
		if (n == len && strncasecmp(word, domain, n) == 0)
			return (1);
	}
	return (0);
}

/* Writes an address of the routing table as a header and SMTP have it.  0, or -1: it is none, or too long in quotes. */
int
address_wire(const char *address, char *wire, size_t size)
{
	const char	*at = strrchr(address, '@');
	struct mailaddr	 a;

	if (at == NULL || (size_t)(at - address) >= sizeof(a.local))
		return (-1);
	memcpy(a.local, address, at - address);
	a.local[at - address] = '\0';
	return (strlcpy(a.domain, at + 1, sizeof(a.domain)) >= sizeof(a.domain) || mailaddr_format(&a, wire, size) == -1 ? -1 : 0);
}
