/* SPDX-License-Identifier: ISC */
/* The account that a login name means: looked up as an address is that mail comes for. */
#include <stdio.h>
#include <string.h>

#include "rpopd/config/config.h"
#include "pop_int.h"

struct found {
	const struct route_account	*account;
	int				 others;	/* it leads elsewhere, too */
	char				*individual;	/* the address of which a row leads there */
};

static int	 name_place(void *, const struct route_place *);

/*
 * The address that a login name stands for: local-part@domain itself; a local part alone is in the domain that has the address
 * local, which the client connected to, or else in the main domain.  0, or -1: it is none.
 */
int
name_address(const char *name, const char *local, char *address, size_t size)
{
	int	 n;

	if (strchr(name, '@') != NULL)
		n = snprintf(address, size, "%s", name);
	else
		n = snprintf(address, size, "%s@%s", name, config_home(config_running, local));
	return (*name == '\0' || n < 0 || (size_t)n >= size || strncmp(address, "*@", 2) == 0 ? -1 : 0);
}

/* Takes the longest detail out of an address, if addresses have details. */
void
name_without_detail(char *address)
{
	char	*at = strrchr(address, '@'), *detail;

	if (config_running->settings.detail == '\0' || at == NULL || at == address ||
	    (detail = memchr(address + 1, config_running->settings.detail, (size_t)(at - address - 1))) == NULL)
		return;
	memmove(detail, at, strlen(at) + 1);
}

/*
 * The account that a login name means, in lower case.  An address of table route, or with a detail, means the one account that it
 * leads to, and if that is a unified one, the individual whose mail there is meant: the address that the deliverer writes into that
 * mail, "" for all of it.  An address that only a row of *@domain knows is no name to log in by, but for a unified account:
 * everything in the domain would be one.  NULL: there is no such one.
 */
const struct route_account *
name_account(const char *name, const char *local, char individual[PROTO_ADDR_SIZE])
{
	const struct route_table	*routes = config_running->routes;
	const struct route_account	*a;
	struct found			 found = { NULL, 0, individual };
	char				 address[PROTO_ADDR_SIZE];

	*individual = '\0';
	if (name_address(name, local, address, sizeof(address)) == -1)
		return (NULL);
	if ((a = route_account_by_address(routes, address)) != NULL)
		return (a);
	if (route_lookup(routes, address, name_place, &found, NULL) <= 0 || found.others)
		return (NULL);
	return (found.account->unified || route_is_named(routes, address) ? found.account : NULL);
}

/* A place that the address leads to: with more than one account or individual, or anything else, it is nobody's login. */
static int
name_place(void *arg, const struct route_place *p)
{
	struct found	*found = arg;

	if (p->what != PLACE_ACCOUNT || (found->account != NULL && (found->account->id != p->account->id ||
	    (p->account->unified && strcmp(p->individual, found->individual) != 0)))) {
		found->others = 1;
		return (0);
	}
	found->account = p->account;
	if (p->account->unified)
		strlcpy(found->individual, p->individual, PROTO_ADDR_SIZE);
	return (0);
}
