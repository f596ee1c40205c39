/* SPDX-License-Identifier: ISC */
/*
 * The routing table: what becomes of an address.  Built by the master to find loops before a store is accepted, and by the
 * deliverer, which routes by it.
 *
 * Looked up are, in this order: the address itself; the address without its detail, the shortest detail first; *@domain.  Several
 * rows of one address are several targets.  A row's target is looked up again, until an account, a next hop, a reject or a discard
 * is found.  A row without a target hands on the address that led to it, detail included.
 *
 *	route.c		the table and what goes into it
 *	route_walk.c	the way from an address to its places; loops
 *	route_wire.c	rows as they travel
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/ipc/proto.h"

#define ROUTE_DEPTH	16		/* rows from an address to its place; more is refused like a loop */
#define ROUTE_WIDTH	PROTO_RCPT_MAX	/* rows that one address may use in all; more is refused like a loop */
#define ROUTE_MAX	(1U << 23)	/* accounts, domains, rows; more is nonsense */

enum route_action { ROUTE_DELIVER = 1, ROUTE_REJECT, ROUTE_DISCARD };

struct route_row {
	const char	*address, *target, *folder, *text;
	enum route_action action;
	uint32_t	 nexthop;
};

struct route_account {
	uint32_t	 id;
	uint32_t	 nexthop;		/* 0: Maildir */
	const char	*dir;			/* domain/local-part below the mail root; its address is local-part@domain */
	int		 unified;		/* 1: its mail says which addresses it came for */
};

/* A place that an address leads to. */
struct route_place {
	enum { PLACE_ACCOUNT = 1, PLACE_NEXTHOP, PLACE_REJECT, PLACE_DISCARD } what;
	const struct route_account *account;	/* ACCOUNT */
	const char	*folder;		/* ACCOUNT: a folder of its Maildir; "": its normal delivery */
	uint32_t	 nexthop;		/* NEXTHOP */
	/* NEXTHOP: to hand on; ACCOUNT: its own, with the detail that led to it; valid during the call. */
	const char	*address;
	/* ACCOUNT: the address that a row leads from to the account, else its own with its detail; valid during the call. */
	const char	*individual;
	const char	*text;			/* REJECT: reason, may be "" */
	int		 alien;			/* NEXTHOP, REJECT, DISCARD: `*` mode does not use it */
};

struct route_table;

/* NULL: no memory, or nonsense. */
struct route_table	*route_new(uint32_t accounts, uint32_t domains, uint32_t rows, int detail);
void	 route_free(struct route_table *);
/* Add accounts first, then domains, then rows.  0, or -1: malformed, hostile, there already, more than announced, or no memory. */
int	 route_account_add(struct route_table *, const struct route_account *);
void	 route_account_unified(struct route_table *, uint32_t id, int unified);	/* of an account that was added */
int	 route_domain_add(struct route_table *, const char *name, int source_routes);
int	 route_row_add(struct route_table *, const struct route_row *);
/* Gives all next hops that the table names other numbers. */
void	 route_nexthops(struct route_table *, uint32_t (*number)(void *, uint32_t), void *);
int	 route_complete(const struct route_table *);	/* whether all that was announced was added */
/*
 * Looks whether every target of a row without nexthop leads to a place.  complain gets a sentence about each row of which that is
 * not so, and about each loop.  Returns the number of sentences, 0: the table is sound; -1: no memory.
 */
int	 route_check(const struct route_table *, void (*complain)(void *, const char *), void *arg);
/* Whether an address, as it is or without its detail, is an account's or has rows of its own: not those of *@domain. */
int	 route_is_named(const struct route_table *, const char *key);
int	 route_is_local(const struct route_table *, const char *domain);	/* whether table domain has it */
/* Whether table domain has the domain, with percent and bang forms. */
int	 route_source_routes(const struct route_table *, const char *domain);
const struct route_account	*route_account_by_id(const struct route_table *, uint32_t);	/* NULL: none */
/* The account's address, of which dir is made.  0, or -1: there is no account (NULL). */
int	 route_account_address(const struct route_account *, char *, size_t);
const struct route_account	*route_account_by_address(const struct route_table *, const char *);	/* by its own; NULL: none */
/*
 * Calls cb with every place that key (local@domain in lower case) leads to, each once, a unified account once for each individual
 * address, as long as it returns 0.  trail (NULL: not
 * wanted) gets a printable line for each step, as many as fit.  Returns the number of places, 0: the address is not known here; -1:
 * no memory, a loop, or an address that a row makes too long; cb may have been called then.
 */
int	 route_lookup(const struct route_table *, const char *key, int (*cb)(void *, const struct route_place *), void *arg,
	    struct buf *trail);
/*
 * The same, for one of several addresses that share a number of rows: *rows is what is left of it, and becomes less by those that
 * were used.  -1 too when there were not enough.
 */
int	 route_lookup_within(const struct route_table *, const char *key, int (*cb)(void *, const struct route_place *), void *arg,
	    struct buf *trail, uint32_t *rows);
size_t	 route_memory(const struct route_table *);	/* octets */

void	 route_counts(const struct route_table *, uint32_t *accounts, uint32_t *domains, uint32_t *rows);
/* What the table has, in the order of arrival.  0, or -1: it has not so many. */
int	 route_account_get(const struct route_table *, uint32_t, struct route_account *);
int	 route_domain_get(const struct route_table *, uint32_t, const char **name, int *source_routes);
int	 route_row_get(const struct route_table *, uint32_t, struct route_row *);
/*
 * Packs as many rows from *next on as fit into size octets, which is enough for any row, and moves *next.  Returns the octets; 0:
 * no row is left.
 */
size_t	 route_rows_pack(const struct route_table *, uint32_t *next, void *frame, size_t size);
/* Adds the rows of a frame.  0 or -1, as route_row_add(). */
int	 route_rows_unpack(struct route_table *, const void *frame, size_t len);

#endif
