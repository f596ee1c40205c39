/* SPDX-License-Identifier: ISC */
/*
 * The routing table in use (common/route/route.h) and what came with it.  The master sends it as a whole; the new one takes over
 * when it is complete, and the old one goes: what was decided by it has been copied.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "deliverer.h"

struct routes {
	int			 broken;	/* 1: something was refused, and this table never takes over */
	struct route_table	*table;
	struct msg_route_start	 start;
};

static struct routes	*current, *loading;

static int	 routes_take(int);
static void	 routes_release(struct routes *);
static int	 routes_ishost(const char *);
static int	 routes_isfield(const char *);

/* Begins a table; one that was not complete is forgotten.  Postmaster 0 is one without accounts: nothing can be delivered yet. */
int
routes_start(const struct msg_route_start *m)
{
	struct routes	*r;

	routes_release(loading);
	loading = NULL;
	if (!proto_str(m->hostname, sizeof(m->hostname)) || !routes_ishost(m->hostname) ||
	    !proto_str(m->archive, sizeof(m->archive)) || m->detail > '~' || !routes_isfield(m->unified_field))
		return (-1);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	r->start = *m;
	if ((r->table = route_new(m->accounts, m->domains, m->rows, m->detail)) == NULL) {
		routes_release(r);
		return (-1);
	}
	loading = r;
	return (0);
}

int
routes_account(const struct msg_route_account *m)
{
	struct route_account	 a = { m->account, m->nexthop, m->dir, m->unified != 0 };

	return (routes_take(loading == NULL || !proto_str(m->dir, sizeof(m->dir)) || m->unified > 1 ||
	    (m->unified && loading->start.unified_field[0] == '\0') ? -1 : route_account_add(loading->table, &a)));
}

int
routes_domain(const struct msg_route_domain *m)
{
	return (routes_take(loading == NULL || !proto_str(m->name, sizeof(m->name)) ? -1 :
	    route_domain_add(loading->table, m->name, m->source_routes != 0)));
}

int
routes_rows(const void *frame, size_t len)
{
	return (routes_take(loading == NULL ? -1 : route_rows_unpack(loading->table, frame, len)));
}

int
routes_end(const struct msg_route_start *m)
{
	struct routes	*r = loading;

	loading = NULL;
	if (r == NULL)
		return (-1);
	if (r->broken || memcmp(m, &r->start, sizeof(*m)) != 0 || !route_complete(r->table) ||
	    (m->postmaster != 0 && route_account_by_id(r->table, m->postmaster) == NULL)) {
		routes_release(r);
		return (-1);
	}
	routes_release(current);
	current = r;
	return (0);
}

const struct route_table *
routes_table(void)
{
	return (current == NULL ? NULL : current->table);
}

const struct route_account *
routes_by_id(uint32_t id)
{
	return (current == NULL ? NULL : route_account_by_id(current->table, id));
}

const struct route_account *
routes_postmaster(void)
{
	return (current == NULL ? NULL : route_account_by_id(current->table, current->start.postmaster));
}

const char *
routes_hostname(void)
{
	return (current == NULL ? "" : current->start.hostname);
}

const char *
routes_archive(void)
{
	return (current == NULL ? "" : current->start.archive);
}

uint32_t
routes_hop_limit(void)
{
	return (current == NULL ? 0 : current->start.hop_limit);
}

const char *
routes_unified_field(void)
{
	return (current == NULL ? "" : current->start.unified_field);
}

const uint8_t *
routes_mark(void)
{
	return (current == NULL ? NULL : current->start.mark);
}

static void
routes_release(struct routes *r)
{
	if (r == NULL)
		return;
	route_free(r->table);
	freezero(r, sizeof(*r));
}

/* Takes note of the result of an addition: a table with an error does not take over, whatever its counts.  Returns the result. */
static int
routes_take(int result)
{
	if (result == -1 && loading != NULL)
		loading->broken = 1;
	return (result);
}

/* Whether a host's name has letters, digits, dots, hyphens and underscores only, and fits the trace field. */
static int
routes_ishost(const char *host)
{
	static const char	 legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return (host[0] != '\0' && host[0] != '.' && host[strspn(host, legal)] == '\0');
}

/* Whether this can be a header field's name (RFC 5322 section 3.6.8), or is empty: then no account is unified. */
static int
routes_isfield(const char *field)
{
	const char	*p;

	if (!proto_str(field, PROTO_FIELD_SIZE))
		return (0);
	for (p = field; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			return (0);
	return (1);
}
