/* SPDX-License-Identifier: ISC */
/* The routing table: what goes into it, and finding it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "route_int.h"

#define BLOCK_BITS	18
#define BLOCK_SIZE	(1U << BLOCK_BITS)
#define BLOCKS_MAX	(1U << (32 - BLOCK_BITS))

static uint32_t	 route_slots(uint32_t);
static uint32_t	 route_hash(uint32_t, const char *, size_t);
static uint32_t	 route_mix(uint32_t);
static uint32_t	*route_by_id(const struct route_table *, uint32_t);
static uint32_t	*route_by_owner(const struct route_table *, const char *local, size_t len, const char *domain, size_t domainlen);
static uint32_t	*route_by_name(const struct route_table *, const char *);
static uint32_t	*route_by_address(const struct route_table *, const char *);
static uint32_t	 route_keep(struct route_table *, const char *);
static int	 route_isdir(const char *);
static int	 route_isaddress(const char *);
static int	 route_isplain(const char *, size_t);
static int	 route_isrow(const struct route_row *);

/* Makes an empty table for so many accounts, domains and rows.  NULL: these numbers are nonsense, or there is no memory. */
struct route_table *
route_new(uint32_t accounts, uint32_t domains, uint32_t rows, int detail)
{
	struct route_table	*t;

	if (accounts > ROUTE_MAX || domains > ROUTE_MAX || rows > ROUTE_MAX || detail < 0 || detail > '~' || detail == '@' ||
	    (t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->maxaccounts = accounts;
	t->maxdomains = domains;
	t->maxrows = rows;
	t->detail = detail;
	t->accountmask = route_slots(accounts) - 1;
	t->domainmask = route_slots(domains) - 1;
	t->rowmask = route_slots(rows) - 1;
	t->accounts = calloc((size_t)accounts + 1, sizeof(*t->accounts));
	t->domains = calloc((size_t)domains + 1, sizeof(*t->domains));
	t->rows = calloc((size_t)rows + 1, sizeof(*t->rows));
	t->ids = calloc((size_t)t->accountmask + 1, sizeof(*t->ids));
	t->owners = calloc((size_t)t->accountmask + 1, sizeof(*t->owners));
	t->names = calloc((size_t)t->domainmask + 1, sizeof(*t->names));
	t->heads = calloc((size_t)t->rowmask + 1, sizeof(*t->heads));
	if (t->accounts != NULL && t->domains != NULL && t->rows != NULL && t->ids != NULL && t->owners != NULL &&
	    t->names != NULL && t->heads != NULL)
		return (t);
	route_free(t);
	return (NULL);
}

void
route_free(struct route_table *t)
{
	if (t == NULL)
		return;
	while (t->nblocks > 0)
		free(t->blocks[--t->nblocks]);
	free(t->blocks);
	free(t->accounts);
	free(t->domains);
	free(t->rows);
	free(t->ids);
	free(t->owners);
	free(t->names);
	free(t->heads);
	free(t);
}

int
route_account_add(struct route_table *t, const struct route_account *a)
{
	const char	*local;
	uint32_t	*id, *owner, text;

	if (t->naccounts == t->maxaccounts || a->id == 0 || !route_isdir(a->dir))
		return (-1);
	local = strchr(a->dir, '/') + 1;
	id = route_by_id(t, a->id);
	owner = route_by_owner(t, local, strlen(local), a->dir, local - 1 - a->dir);
	if (*id != 0 || *owner != 0 || (text = route_keep(t, a->dir)) == 0)
		return (-1);
	t->accounts[t->naccounts] = *a;
	t->accounts[t->naccounts].dir = route_text(t, text);
	*id = *owner = ++t->naccounts;
	return (0);
}

void
route_account_unified(struct route_table *t, uint32_t id, int unified)
{
	uint32_t	 n = *route_by_id(t, id);

	if (n != 0)
		t->accounts[n - 1].unified = unified;
}

int
route_domain_add(struct route_table *t, const char *name, int source_routes)
{
	uint32_t	*slot, text;

	if (t->ndomains == t->maxdomains || name[0] == '\0' || !route_isplain(name, PROTO_HOST_SIZE) || strchr(name, '@') != NULL)
		return (-1);
	slot = route_by_name(t, name);
	if (*slot != 0 || (text = route_keep(t, name)) == 0)
		return (-1);
	t->domains[t->ndomains].name = text;
	t->domains[t->ndomains].source_routes = source_routes != 0;
	*slot = ++t->ndomains;
	return (0);
}

int
route_row_add(struct route_table *t, const struct route_row *r)
{
	struct route_node	*n;
	const char		*extra = r->action == ROUTE_REJECT ? r->text : r->folder;
	uint32_t		*slot;

	if (t->nrows == t->maxrows || !route_isrow(r) || route_account_by_address(t, r->address) != NULL)
		return (-1);
	slot = route_by_address(t, r->address);
	n = &t->rows[t->nrows];
	n->action = r->action;
	n->nexthop = r->nexthop;
	n->address = *slot == 0 ? route_keep(t, r->address) : t->rows[*slot - 1].address;
	if (n->address == 0 || (r->target[0] != '\0' && (n->target = route_keep(t, r->target)) == 0) ||
	    (extra[0] != '\0' && (n->extra = route_keep(t, extra)) == 0))
		return (-1);
	if (*slot == 0)
		n->next = t->nrows;
	else {
		n->next = t->rows[*slot - 1].next;
		t->rows[*slot - 1].next = t->nrows;
	}
	*slot = ++t->nrows;
	return (0);
}

void
route_nexthops(struct route_table *t, uint32_t (*number)(void *, uint32_t), void *arg)
{
	uint32_t	 i;

	for (i = 0; i < t->naccounts; i++)
		if (t->accounts[i].nexthop != 0)
			t->accounts[i].nexthop = number(arg, t->accounts[i].nexthop);
	for (i = 0; i < t->nrows; i++)
		if (t->rows[i].nexthop != 0)
			t->rows[i].nexthop = number(arg, t->rows[i].nexthop);
}

int
route_complete(const struct route_table *t)
{
	return (t->naccounts == t->maxaccounts && t->ndomains == t->maxdomains && t->nrows == t->maxrows);
}

int
route_is_local(const struct route_table *t, const char *domain)
{
	return (*route_by_name(t, domain) != 0);
}

int
route_source_routes(const struct route_table *t, const char *domain)
{
	uint32_t	 n = *route_by_name(t, domain);

	return (n != 0 && t->domains[n - 1].source_routes != 0);
}

const struct route_account *
route_account_by_id(const struct route_table *t, uint32_t id)
{
	uint32_t	 n = *route_by_id(t, id);

	return (n == 0 ? NULL : &t->accounts[n - 1]);
}

int
route_account_address(const struct route_account *a, char *address, size_t size)
{
	const char	*slash;

	if (a == NULL || (slash = strchr(a->dir, '/')) == NULL)
		return (-1);
	snprintf(address, size, "%s@%.*s", slash + 1, (int)(slash - a->dir), a->dir);
	return (0);
}

const struct route_account *
route_account_by_address(const struct route_table *t, const char *address)
{
	const char	*at = strrchr(address, '@');
	uint32_t	 n;

	if (at == NULL)
		return (NULL);
	n = *route_by_owner(t, address, at - address, at + 1, strlen(at + 1));
	return (n == 0 ? NULL : &t->accounts[n - 1]);
}

int64_t
route_ring(const struct route_table *t, const char *address)
{
	return ((int64_t)*route_by_address(t, address) - 1);
}

size_t
route_memory(const struct route_table *t)
{
	return (sizeof(*t) + ((size_t)t->maxaccounts + 1) * sizeof(*t->accounts) + ((size_t)t->maxdomains + 1) * sizeof(*t->domains) +
	    ((size_t)t->maxrows + 1) * sizeof(*t->rows) + ((size_t)t->accountmask + 1) * (sizeof(*t->ids) + sizeof(*t->owners)) +
	    ((size_t)t->domainmask + 1) * sizeof(*t->names) + ((size_t)t->rowmask + 1) * sizeof(*t->heads) +
	    (size_t)t->nblocks * (BLOCK_SIZE + sizeof(*t->blocks)));
}

void
route_counts(const struct route_table *t, uint32_t *accounts, uint32_t *domains, uint32_t *rows)
{
	*accounts = t->naccounts;
	*domains = t->ndomains;
	*rows = t->nrows;
}

int
route_account_get(const struct route_table *t, uint32_t i, struct route_account *a)
{
	if (i >= t->naccounts)
		return (-1);
	*a = t->accounts[i];
	return (0);
}

int
route_domain_get(const struct route_table *t, uint32_t i, const char **name, int *source_routes)
{
	if (i >= t->ndomains)
		return (-1);
	*name = route_text(t, t->domains[i].name);
	*source_routes = t->domains[i].source_routes;
	return (0);
}

int
route_row_get(const struct route_table *t, uint32_t i, struct route_row *r)
{
	const struct route_node	*n;

	if (i >= t->nrows)
		return (-1);
	n = &t->rows[i];
	r->action = n->action;
	r->nexthop = n->nexthop;
	r->address = route_text(t, n->address);
	r->target = route_text(t, n->target);
	r->folder = route_text(t, n->action == ROUTE_REJECT ? 0 : n->extra);
	r->text = route_text(t, n->action == ROUTE_REJECT ? n->extra : 0);
	return (0);
}

const char *
route_text(const struct route_table *t, uint32_t handle)
{
	return (handle == 0 ? "" : t->blocks[handle >> BLOCK_BITS] + (handle & (BLOCK_SIZE - 1)));
}

/* The number of slots of a hash table for n entries: a power of two, of which a third stays free. */
static uint32_t
route_slots(uint32_t n)
{
	uint32_t	 slots = 16;

	while (slots < n + n / 2)
		slots *= 2;
	return (slots);
}

/*
 * FNV-1a, going on from h.  It needs no key: the administrator writes what is in the table, so a sender cannot make entries meet.
 */
static uint32_t
route_hash(uint32_t h, const char *s, size_t len)
{
	size_t	 i;

	for (i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619U;
	return (h);
}

static uint32_t
route_mix(uint32_t h)
{
	h ^= h >> 15;
	h *= 2246822519U;
	return (h ^ h >> 13);
}

/* These functions return the slot that names what is looked for, or the free one that is to name it. */
static uint32_t *
route_by_id(const struct route_table *t, uint32_t id)
{
	uint32_t	 i;

	for (i = route_mix(id) & t->accountmask; t->ids[i] != 0; i = (i + 1) & t->accountmask)
		if (t->accounts[t->ids[i] - 1].id == id)
			break;
	return (&t->ids[i]);
}

/* The slot of an account by its address, which the account's directory says, so that it is not kept. */
static uint32_t *
route_by_owner(const struct route_table *t, const char *local, size_t len, const char *domain, size_t domainlen)
{
	const char	*dir;
	uint32_t	 i;

	i = route_mix(route_hash(route_hash(2166136261U, domain, domainlen), local, len)) & t->accountmask;
	for (; t->owners[i] != 0; i = (i + 1) & t->accountmask) {
		dir = t->accounts[t->owners[i] - 1].dir;
		if (strncmp(dir, domain, domainlen) == 0 && dir[domainlen] == '/' && strncmp(dir + domainlen + 1, local, len) == 0 &&
		    dir[domainlen + 1 + len] == '\0')
			break;
	}
	return (&t->owners[i]);
}

static uint32_t *
route_by_name(const struct route_table *t, const char *name)
{
	uint32_t	 i = route_mix(route_hash(2166136261U, name, strlen(name))) & t->domainmask;

	for (; t->names[i] != 0; i = (i + 1) & t->domainmask)
		if (strcmp(route_text(t, t->domains[t->names[i] - 1].name), name) == 0)
			break;
	return (&t->names[i]);
}

static uint32_t *
route_by_address(const struct route_table *t, const char *address)
{
	uint32_t	 i = route_mix(route_hash(2166136261U, address, strlen(address))) & t->rowmask;

	for (; t->heads[i] != 0; i = (i + 1) & t->rowmask)
		if (strcmp(route_text(t, t->rows[t->heads[i] - 1].address), address) == 0)
			break;
	return (&t->heads[i]);
}

/* Keeps a copy of s, which is shorter than a block.  Returns its handle; 0: there is no memory. */
static uint32_t
route_keep(struct route_table *t, const char *s)
{
	size_t	 size = strlen(s) + 1;
	char	**blocks, *b;

	if (t->nblocks == 0 || size > BLOCK_SIZE - t->used) {
		if (t->nblocks == BLOCKS_MAX || (blocks = reallocarray(t->blocks, t->nblocks + 1, sizeof(*blocks))) == NULL)
			return (0);
		t->blocks = blocks;
		if ((b = malloc(BLOCK_SIZE)) == NULL)
			return (0);
		t->blocks[t->nblocks++] = b;
		t->used = t->nblocks == 1;	/* so that no handle is 0 */
	}
	memcpy(t->blocks[t->nblocks - 1] + t->used, s, size);
	t->used += size;
	return ((t->nblocks - 1) << BLOCK_BITS | (t->used - size));
}

/*
 * Whether a directory is domain/local-part: no component is empty or begins with a dot, no control character, not inside of the
 * spool.
 */
static int
route_isdir(const char *dir)
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
	return (slashes == 1 && s[-1] != '/' && s - dir < PROTO_DIR_SIZE && strncmp(dir, "spool/", 6) != 0);
}

/* Whether an address is in lower case, with something on both sides of its last '@'. */
static int
route_isaddress(const char *address)
{
	const char	*at = strrchr(address, '@');

	return (at != NULL && at != address && at[1] != '\0' && route_isplain(address, PROTO_ADDR_SIZE));
}

/* Whether a text is shorter than size, without control characters and upper case letters. */
static int
route_isplain(const char *s, size_t size)
{
	const char	*p;

	for (p = s; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || (*p >= 'A' && *p <= 'Z'))
			return (0);
	return ((size_t)(p - s) < size);
}

/* Whether a row has those columns that go together, as the schema demands. */
static int
route_isrow(const struct route_row *r)
{
	size_t	 i;

	if (!route_isaddress(r->address) || (r->target[0] != '\0' && !route_isaddress(r->target)) ||
	    strlen(r->folder) >= PROTO_MAILBOX_SIZE || strlen(r->text) >= PROTO_TEXT_SIZE)
		return (0);
	for (i = 0; r->folder[i] != '\0'; i++)
		if ((unsigned char)r->folder[i] < ' ' || r->folder[i] == 0x7f)
			return (0);
	for (i = 0; r->text[i] != '\0'; i++)
		if (r->text[i] < ' ' || r->text[i] > '~')
			return (0);
	switch (r->action) {
	case ROUTE_DELIVER:
		if (strncmp(r->target, "*@", 2) == 0 && strncmp(r->address, "*@", 2) != 0)
			return (0);
		if (r->folder[0] != '\0' && (r->target[0] == '\0' || r->nexthop != 0 || strncmp(r->target, "*@", 2) == 0))
			return (0);
		return (r->text[0] == '\0' && (r->target[0] != '\0' || r->nexthop != 0));
	case ROUTE_REJECT:
	case ROUTE_DISCARD:
		return (r->target[0] == '\0' && r->nexthop == 0 && r->folder[0] == '\0' &&
		    (r->action == ROUTE_REJECT || r->text[0] == '\0'));
	}
	return (0);
}
