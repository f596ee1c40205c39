/* SPDX-License-Identifier: ISC */
/*
 * The routing table: which address belongs to which account.  The master sends it as a whole; the new one takes over when it is
 * complete, and the old one goes when the last message that was routed by it is done.
 *
 * Two hash tables with open addressing, sized once from the announced counts, and strings in blocks that never move.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "deliverer.h"

#define ROUTES_MAX	(1U << 23)	/* accounts, addresses; more is nonsense */
#define BLOCK_SIZE	65536

struct block {
	struct block	*next;
	size_t		 used;
	char		 text[BLOCK_SIZE];
};

struct address {
	const char	*key;		/* NULL: free slot */
	uint32_t	 hash;
	uint32_t	 account;	/* index in accounts */
};

struct routes {
	uint32_t	 refs;
	uint32_t	 generation;
	uint32_t	 naccounts, maxaccounts;
	uint32_t	 naddresses, maxaddresses;	/* as received, announced */
	uint32_t	 postmaster;	/* account id */
	int		 broken;	/* something was refused: this table never takes over */
	struct account	*accounts;
	uint32_t	*ids;		/* by id: index in accounts plus one, 0: free slot */
	uint32_t	 idmask;
	struct address	*addresses;
	uint32_t	 addressmask;
	struct block	*blocks;
	char		 hostname[PROTO_HOST_SIZE];
};

static struct routes	*current, *loading;

static uint32_t			 routes_slots(uint32_t);
static int			 routes_id(const struct routes *, uint32_t id, uint32_t *slot);
static struct address		*routes_slot(const struct routes *, const char *, uint32_t hash);
static uint32_t			 routes_hash(const char *);
static char			*routes_strdup(struct routes *, const char *);
static int			 routes_isdir(const char *);
static int			 routes_ishost(const char *);
static int			 routes_isaddress(const char *);
static int			 routes_refuse(void);

/* A table that was being loaded is forgotten.  One without accounts has postmaster 0: nothing can be delivered yet. */
int
routes_start(const struct msg_route_start *m)
{
	struct routes	*r;

	routes_release(loading);
	loading = NULL;
	if (m->accounts > ROUTES_MAX || m->addresses > ROUTES_MAX ||
	    !proto_str(m->hostname, sizeof(m->hostname)) || !routes_ishost(m->hostname))
		return (-1);
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	r->refs = 1;
	r->generation = m->generation;
	r->maxaccounts = m->accounts;
	r->maxaddresses = m->addresses;
	r->postmaster = m->postmaster;
	strlcpy(r->hostname, m->hostname, sizeof(r->hostname));
	r->idmask = routes_slots(m->accounts) - 1;
	r->addressmask = routes_slots(m->addresses) - 1;
	r->accounts = calloc(m->accounts + 1, sizeof(*r->accounts));
	r->ids = calloc(r->idmask + 1, sizeof(*r->ids));
	r->addresses = calloc(r->addressmask + 1, sizeof(*r->addresses));
	if (r->accounts == NULL || r->ids == NULL || r->addresses == NULL) {
		routes_release(r);
		return (-1);
	}
	loading = r;
	return (0);
}

int
routes_account(const struct msg_route_account *m)
{
	struct routes	*r = loading;
	struct account	*a;
	uint32_t	 slot;

	if (r == NULL || r->naccounts == r->maxaccounts || m->account == 0 || !proto_str(m->dir, sizeof(m->dir)) ||
	    !routes_isdir(m->dir) || routes_id(r, m->account, &slot))
		return (routes_refuse());
	a = &r->accounts[r->naccounts];
	if ((a->dir = routes_strdup(r, m->dir)) == NULL)
		return (routes_refuse());
	a->id = m->account;
	r->ids[slot] = ++r->naccounts;
	return (0);
}

/* The same address twice is fine for one account, and refused for two. */
int
routes_address(const struct msg_route_address *m)
{
	struct routes	*r = loading;
	struct address	*a;
	uint32_t	 hash, slot;

	if (r == NULL || r->naddresses == r->maxaddresses || !proto_str(m->address, sizeof(m->address)) ||
	    !routes_isaddress(m->address) || !routes_id(r, m->account, &slot))
		return (routes_refuse());
	hash = routes_hash(m->address);
	a = routes_slot(r, m->address, hash);
	if (a->key == NULL) {
		if ((a->key = routes_strdup(r, m->address)) == NULL)
			return (routes_refuse());
		a->hash = hash;
		a->account = r->ids[slot] - 1;
	} else if (r->accounts[a->account].id != m->account)
		return (routes_refuse());
	r->naddresses++;
	return (0);
}

int
routes_end(const struct msg_route_start *m)
{
	struct routes	*r = loading;
	uint32_t	 slot;

	loading = NULL;
	if (r == NULL)
		return (-1);
	if (r->broken || m->generation != r->generation || m->accounts != r->naccounts || m->addresses != r->naddresses ||
	    r->naccounts != r->maxaccounts || r->naddresses != r->maxaddresses || m->postmaster != r->postmaster ||
	    (r->postmaster != 0 && !routes_id(r, r->postmaster, &slot))) {
		routes_release(r);
		return (-1);
	}
	routes_release(current);
	current = r;
	return (0);
}

const struct account *
routes_lookup(const char *key)
{
	struct address	*a;

	if (current == NULL)
		return (NULL);
	a = routes_slot(current, key, routes_hash(key));
	return (a->key == NULL ? NULL : &current->accounts[a->account]);
}

const struct account *
routes_by_id(uint32_t id)
{
	uint32_t	 slot;

	if (current == NULL || !routes_id(current, id, &slot))
		return (NULL);
	return (&current->accounts[current->ids[slot] - 1]);
}

const struct account *
routes_postmaster(void)
{
	return (current == NULL ? NULL : routes_by_id(current->postmaster));
}

const char *
routes_hostname(void)
{
	return (current == NULL ? "" : current->hostname);
}

struct routes *
routes_hold(void)
{
	if (current != NULL)
		current->refs++;
	return (current);
}

void
routes_release(struct routes *r)
{
	struct block	*b;

	if (r == NULL || --r->refs > 0)
		return;
	while ((b = r->blocks) != NULL) {
		r->blocks = b->next;
		free(b);
	}
	free(r->accounts);
	free(r->ids);
	free(r->addresses);
	free(r);
}

/* A power of two, so large that at least a third of the slots stays free. */
static uint32_t
routes_slots(uint32_t n)
{
	uint32_t	 slots = 16;

	while (slots < n + n / 2)
		slots *= 2;
	return (slots);
}

/* 1: there is such an account, its slot in *slot; 0: not, the free slot in *slot. */
static int
routes_id(const struct routes *r, uint32_t id, uint32_t *slot)
{
	uint32_t	 i;

	for (i = (id * 2654435761U) & r->idmask; r->ids[i] != 0; i = (i + 1) & r->idmask)
		if (r->accounts[r->ids[i] - 1].id == id)
			break;
	*slot = i;
	return (r->ids[i] != 0);
}

static struct address *
routes_slot(const struct routes *r, const char *key, uint32_t hash)
{
	struct address	*a;
	uint32_t	 i;

	for (i = hash & r->addressmask;; i = (i + 1) & r->addressmask) {
		a = &r->addresses[i];
		if (a->key == NULL || (a->hash == hash && strcmp(a->key, key) == 0))
			return (a);
	}
}

/* FNV-1a, then mixed.  Unkeyed: what is in the table is the administrator's, so a sender cannot make chains. */
static uint32_t
routes_hash(const char *s)
{
	uint32_t	 h = 2166136261U;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	h ^= h >> 15;
	h *= 2246822519U;
	return (h ^ h >> 13);
}

static char *
routes_strdup(struct routes *r, const char *s)
{
	struct block	*b = r->blocks;
	size_t		 size = strlen(s) + 1;

	if (b == NULL || size > sizeof(b->text) - b->used) {
		if ((b = malloc(sizeof(*b))) == NULL)
			return (NULL);
		b->used = 0;
		b->next = r->blocks;
		r->blocks = b;
	}
	memcpy(b->text + b->used, s, size);
	b->used += size;
	return (b->text + b->used - size);
}

/* Exactly domain/local-part: no component empty or with a dot in front, no control character, and not inside of the spool. */
static int
routes_isdir(const char *dir)
{
	const char	*s;
	int		 slashes = 0;

	for (s = dir; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return (0);
		if ((s == dir || s[-1] == '/') && (*s == '.' || *s == '/'))
			return (0);
		if (*s == '/')
			slashes++;
	}
	return (slashes == 1 && s[-1] != '/' && strncmp(dir, SPOOL_DIR "/", sizeof(SPOOL_DIR)) != 0);
}

/* Letters, digits, dots, hyphens, underscores: fit for the trace field. */
static int
routes_ishost(const char *host)
{
	static const char	 legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return (host[0] != '\0' && host[0] != '.' && host[strspn(host, legal)] == '\0');
}

/* Lower case, something on both sides of the last '@'. */
static int
routes_isaddress(const char *address)
{
	const char	*s, *at = strrchr(address, '@');

	for (s = address; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || (*s >= 'A' && *s <= 'Z'))
			return (0);
	return (at != NULL && at != address && at[1] != '\0');
}

/* A table that was sent wrong does not take over, whatever its counts. */
static int
routes_refuse(void)
{
	if (loading != NULL)
		loading->broken = 1;
	return (-1);
}
