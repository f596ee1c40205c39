/* SPDX-License-Identifier: ISC */
/*
 * The routing table: what becomes of an address.  Built by the master to find loops before a store is accepted, and by the
 * deliverer, which routes by it.
 *
 * Looked up are, in this order: the address itself; the address without its detail; *@domain.  Several rows of one address are
 * several targets.  A row's target is looked up again, until an account, a next hop, a reject or a discard is found.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "proto.h"

#define ROUTE_DEPTH	16		/* rows from an address to its place; more is refused like a loop */

enum route_action { ROUTE_DELIVER = 1, ROUTE_REJECT, ROUTE_DISCARD };

/*
 * A row as it travels in IMSG_ROUTE_ROWS: this head, then four strings, each with its NUL: address, target, folder, text; "" stands
 * for NULL.  Packed one behind the other without padding, up to PROTO_FRAME_MAX.
 */
struct route_head {
	uint16_t	 len;			/* of everything, head included */
	uint16_t	 action;		/* enum route_action */
	uint32_t	 nexthop;		/* id, 0: none */
};

struct route_row {
	const char	*address, *target, *folder, *text;
	enum route_action action;
	uint32_t	 nexthop;
};

struct route_account {
	uint32_t	 id;
	uint32_t	 nexthop;		/* 0: Maildir */
	const char	*dir;			/* domain/local-part below the mail root; its address is local-part@domain */
};

/* A place that an address leads to. */
struct route_place {
	enum { PLACE_ACCOUNT = 1, PLACE_NEXTHOP, PLACE_REJECT, PLACE_DISCARD } what;
	const struct route_account *account;	/* ACCOUNT */
	const char	*folder;		/* ACCOUNT: of its Maildir; "": its normal delivery */
	uint32_t	 nexthop;		/* NEXTHOP */
	const char	*address;		/* NEXTHOP: to hand on; valid during the call */
	const char	*text;			/* REJECT: reason, may be "" */
	int		 alien;			/* NEXTHOP, REJECT, DISCARD: not for `*` mode (S48) */
};

struct route_table;

struct route_table	*route_new(uint32_t accounts, uint32_t domains, uint32_t rows, int detail);	/* NULL: memory, nonsense */
void	 route_free(struct route_table *);
/* Accounts first, then domains, then rows.  0, or -1: malformed, hostile, doubled, more than announced. */
int	 route_account_add(struct route_table *, const struct route_account *);
int	 route_domain_add(struct route_table *, const char *name, int source_routes);
int	 route_row_add(struct route_table *, const struct route_row *);
/* 0: complete as announced; every target of a row without nexthop leads to a place.  -1: a sentence about the first row that does not. */
int	 route_check(const struct route_table *, char *err, size_t errsize);
int	 route_is_local(const struct route_table *, const char *domain);	/* 1: in table domain, 0: not */
const struct route_account	*route_account_by_id(const struct route_table *, uint32_t);
/*
 * Every place that key (local@domain in lower case) leads to, each once.  cb returns 0 to go on.  trail (NULL: not wanted) gets a
 * printable line for each row that was used.  Returns the number of places, 0: the address is not known here; -1: memory, or loop.
 */
int	 route_lookup(const struct route_table *, const char *key, int (*cb)(void *, const struct route_place *), void *arg,
	    struct buf *trail);
size_t	 route_memory(const struct route_table *);	/* octets */

#endif
