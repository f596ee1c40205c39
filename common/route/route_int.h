/* SPDX-License-Identifier: ISC */
/* What the files route*.c share. */
#ifndef ROUTE_INT_H
#define ROUTE_INT_H

#include "route.h"

/*
 * Texts stand in blocks that never move and are named by 32-bit handles; 0 is none.  A hash table's slot holds an index plus one, 0
 * is free.  The rows of one address form a ring: the slot names the last one, its next is the first.
 */
struct route_node {
	uint32_t	 address, target;	/* texts */
	uint32_t	 extra;			/* text: folder, or reason of a reject */
	uint32_t	 nexthop;
	uint32_t	 next;			/* index */
	uint8_t		 action;
};

struct route_domain {
	uint32_t	 name;
	uint32_t	 source_routes;
};

struct route_table {
	uint32_t		 naccounts, ndomains, nrows;
	uint32_t		 maxaccounts, maxdomains, maxrows;	/* announced */
	char			 detail;		/* the character ahead of a detail; NUL: there are no details */
	struct route_account	*accounts;
	struct route_domain	*domains;
	struct route_node	*rows;
	uint32_t		*ids, *owners, *names, *heads;	/* hash tables: accounts by id and address, domains, rows */
	uint32_t		 accountmask, domainmask, rowmask;
	char			**blocks;
	uint32_t		 nblocks, used;		/* used: octets of the last block */
};

/* What stands in the table for an address. */
struct route_found {
	const struct route_account *account;	/* NULL: it is no account's own address */
	int64_t		 ring;			/* index of the last row of the ring of its rows; -1: it has none */
	int		 detail;		/* 1: found without its detail */
	int		 wild;			/* 1: found as *@domain */
};

int		 route_find(const struct route_table *, const char *key, struct route_found *);	/* 1: found, 0: not */
/*
 * Writes where a row sends key: the row's target, with key's local part for an asterisk.  0, or -1: that is too long for an
 * address.
 */
int		 route_target(const struct route_table *, const struct route_node *, const char *key, char *to, size_t size);
const char	*route_text(const struct route_table *, uint32_t handle);	/* the text of a handle, "" for 0 */
/* The ring of an address, as the index of its last row; -1: it has none. */
int64_t		 route_ring(const struct route_table *, const char *address);

#endif
