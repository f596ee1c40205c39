/* SPDX-License-Identifier: ISC */
/* The places where a message goes: Maildirs, addresses at next hops, and refusals, each once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/array.h"
#include "common/compat.h"
#include "deliverer.h"

#define PLACES_NAMES	49152	/* octets of a place's names, so that who filters by them need not read much */

static struct place *places_find(struct places *, const struct place *, int who, uint32_t *slot);
static int	 places_new(struct places *, const struct place *);
static int	 places_prefer(struct place *, const struct place *);
static int	 places_copy(char **, const char *);
static void	 places_drop(struct place *);

/*
 * Adds a place, unless its account, or its address at its next hop, is in the list already.  Of the addresses of an account its own
 * one is preferred to one with a detail, and else the first one.  0, also when there is no room: full is set then.  -1: no memory.
 */
int
places_add(struct places *ps, const struct place *new)
{
	struct place	*p;
	uint32_t	 whose, at;

	if ((p = places_find(ps, new, 1, &whose)) == NULL)
		p = places_find(ps, new, 0, &at);
	if (p == NULL) {
		if (ps->n == PROTO_RCPT_MAX) {
			ps->full = 1;
			return (0);
		}
		if (places_new(ps, new) == -1)
			return (-1);
		p = &ps->list[ps->n++];
	} else if (places_prefer(p, new) == -1)
		return (-1);
	ps->last = p - ps->list;
	/* From now on the place is found by its account and by its present address. */
	if (places_find(ps, p, 1, &whose) == NULL)
		ps->set[whose] = p - ps->list + 1;
	if (places_find(ps, p, 0, &at) == NULL)
		ps->set[at] = p - ps->list + 1;
	return (0);
}

/* Puts a copy of a place behind the last one, which is not counted yet.  0 or -1. */
static int
places_new(struct places *ps, const struct place *new)
{
	struct place	*p, *list;

	if ((list = array_grow(ps->list, ps->n, sizeof(*list))) == NULL)
		return (-1);
	ps->list = list;
	p = &ps->list[ps->n];
	memset(p, 0, sizeof(*p));
	p->kind = new->kind;
	p->nexthop = new->nexthop;
	p->notify = new->notify;
	p->plain = new->plain;
	p->unified = new->unified;
	buf_init(&p->names, PLACES_NAMES);
	if (places_copy(&p->dest, new->dest) == 0 && places_copy(&p->original, new->original) == 0 &&
	    places_copy(&p->reason, new->reason) == 0 && places_copy(&p->who, new->who) == 0)
		return (0);
	places_drop(p);
	return (-1);
}

/* The place is in the list already: its address may be a better one.  0 or -1. */
static int
places_prefer(struct place *p, const struct place *new)
{
	char	*dest = NULL, *original = NULL;

	if (new->notify == NOTIFY_FAILURE)
		p->notify = NOTIFY_FAILURE;
	if (p->who == NULL && places_copy(&p->who, new->who) == -1)
		return (-1);
	if (!new->plain || p->plain)
		return (0);
	if (places_copy(&dest, new->dest) == -1 || places_copy(&original, new->original) == -1) {
		free(dest);
		return (-1);
	}
	free(p->dest);
	free(p->original);
	p->dest = dest;
	p->original = original;
	p->plain = 1;
	return (0);
}

/*
 * Adds an account's folder, or with folder "" its normal delivery: its next hop, if it has one, or else the INBOX.  address is for
 * the next hop, NULL: the account's own.  original: as found in the message, or NULL or empty.  0 or -1, as places_add(); -1 also if the name can be no folder.
 */
int
places_account(struct places *ps, const struct route_account *a, const char *folder, const char *address, const char *original,
    enum notify notify)
{
	struct place	 p = { .kind = RCPT_MAILDIR, .notify = notify };
	char		 dir[PROTO_MAILBOX_SIZE + 1], dest[PROTO_DEST_SIZE], own[PROTO_DIR_SIZE];
	const char	*local;
	int		 n;

	if (a == NULL || (local = strchr(a->dir, '/')) == NULL)
		return (-1);
	snprintf(own, sizeof(own), "%s@%.*s", local + 1, (int)(local - a->dir), a->dir);
	if (folder[0] == '\0' && a->nexthop != 0) {
		p.kind = RCPT_RELAY;
		p.nexthop = a->nexthop;
		p.dest = (char *)(address != NULL ? address : own);
		p.plain = strcmp(p.dest, own) == 0;
		p.who = (char *)a->dir;
		p.original = original != NULL && strcmp(original, p.dest) != 0 ? (char *)original : NULL;
		return (places_add(ps, &p));
	}
	if (maildir_folder(folder, dir, sizeof(dir)) == -1)
		return (-1);
	n = snprintf(dest, sizeof(dest), "%s%s%s", a->dir, dir[0] != '\0' ? "/" : "", dir);
	if (n < 0 || (size_t)n >= sizeof(dest))
		return (-1);
	p.dest = dest;
	p.unified = a->unified;
	p.original = original != NULL && strcasecmp(original, own) != 0 ? (char *)original : NULL;
	return (places_add(ps, &p));
}

/*
 * Notes that what the last places_add() was about gets the message for this address, if that has to be said in a unified account's
 * mail.  0, also when there is no room: full is set then.  -1: no memory.
 */
int
places_name(struct places *ps, const char *address)
{
	struct place	*p;
	char		 key[PROTO_ADDR_SIZE + 16];
	int		 n;

	if (ps->full || ps->n == 0 || !(p = &ps->list[ps->last])->unified)
		return (0);
	n = snprintf(key, sizeof(key), "%zu %s", ps->last, address);
	if (n < 0 || (size_t)n >= sizeof(key) || (n = strset_add(&ps->named, key, n)) == -1)
		return (-1);
	if (n == 0)
		return (0);
	if (buf_len(&p->names) + strlen(address) + 3 > PLACES_NAMES) {
		ps->full = 1;
		return (0);
	}
	return ((buf_len(&p->names) > 0 && buf_add(&p->names, ",\n\t", 3) == -1) || buf_add(&p->names, address, strlen(address)) == -1 ?
	    -1 : 0);
}

/*
 * Puts all places into quarantine, except for refusals and discards, which are forgotten; nothing can be added afterwards.  0 or
 * -1.
 */
int
places_quarantine(struct places *ps, const char *reason)
{
	struct place	*p;
	size_t		 i, n = 0;

	for (i = 0; i < ps->n; i++) {
		p = &ps->list[i];
		if (p->kind == RCPT_REJECT || p->kind == RCPT_DISCARD) {
			places_drop(p);
			continue;
		}
		p->kind = RCPT_QUARANTINE;
		p->notify = NOTIFY_NEVER;
		if (places_copy(&p->reason, reason) == -1)
			return (-1);
		if (n != i) {
			ps->list[n] = *p;
			memset(p, 0, sizeof(*p));
		}
		n++;
	}
	ps->n = n;
	return (0);
}

void
places_clear(struct places *ps)
{
	size_t	 i;

	for (i = 0; i < ps->n; i++)
		places_drop(&ps->list[i]);
	ps->n = 0;
	ps->full = 0;
	strset_free(&ps->named);
	memset(ps->set, 0, sizeof(ps->set));
}

void
places_free(struct places *ps)
{
	places_clear(ps);
	free(ps->list);
	ps->list = NULL;
}

/*
 * Finds a place of the same account, or else of the same destination; NULL: there is none, and slot is where it is to be put.  An
 * account has one way, so its next hop need not be compared.  Senders choose addresses at a next hop for a whole domain, so the
 * hash is one that they cannot foresee.
 */
static struct place *
places_find(struct places *ps, const struct place *want, int who, uint32_t *slot)
{
	struct place	*p;
	const char	*key = who && want->who != NULL ? want->who : want->dest, *has;
	int		 account = who && want->who != NULL;
	uint32_t	 h;

	h = (strset_hash(key, strlen(key)) ^ (account ? 1 : want->nexthop << 1)) % PLACES_SLOTS;
	for (; ps->set[h] != 0; h = (h + 1) % PLACES_SLOTS) {
		p = &ps->list[ps->set[h] - 1];
		has = account ? p->who : p->dest;
		if (has != NULL && strcmp(has, key) == 0 && p->kind == want->kind && (account || p->nexthop == want->nexthop))
			break;
	}
	*slot = h;
	return (ps->set[h] != 0 ? &ps->list[ps->set[h] - 1] : NULL);
}

static int
places_copy(char **to, const char *from)
{
	return (from != NULL && (*to = strdup(from)) == NULL ? -1 : 0);
}

static void
places_drop(struct place *p)
{
	free(p->dest);
	free(p->original);
	free(p->reason);
	free(p->who);
	buf_free(&p->names);
	memset(p, 0, sizeof(*p));
}
