/* SPDX-License-Identifier: ISC */
/* Where a message goes: a list of Maildirs, addresses at next hops, and refusals, each once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "deliverer.h"

static uint32_t	 places_slot(const struct places *, enum rcpt_kind, uint32_t, const char *);
static int	 places_copy(char **, const char *);
static void	 places_drop(struct place *);

/* 0, also when it is there already, or when there is no room for it: full is set then.  -1: memory. */
int
places_add(struct places *ps, const struct place *new)
{
	struct place	*p, *list;
	uint32_t	 slot = places_slot(ps, new->kind, new->nexthop, new->dest);

	if (ps->set[slot] != 0) {
		p = &ps->list[ps->set[slot] - 1];
		if (new->notify == NOTIFY_FAILURE)
			p->notify = NOTIFY_FAILURE;
		return (0);
	}
	if (ps->n == PROTO_RCPT_MAX) {
		ps->full = 1;
		return (0);
	}
	if (ps->n == ps->room) {
		if ((list = reallocarray(ps->list, ps->room * 2 + 4, sizeof(*list))) == NULL)
			return (-1);
		ps->list = list;
		ps->room = ps->room * 2 + 4;
	}
	p = &ps->list[ps->n];
	memset(p, 0, sizeof(*p));
	p->kind = new->kind;
	p->nexthop = new->nexthop;
	p->notify = new->notify;
	if (places_copy(&p->dest, new->dest) == -1 || places_copy(&p->original, new->original) == -1 ||
	    places_copy(&p->reason, new->reason) == -1) {
		places_drop(p);
		return (-1);
	}
	ps->set[slot] = ++ps->n;
	return (0);
}

/*
 * An account's folder, or with folder "" its normal delivery: the next hop, if it has one, else the INBOX.  address is for the
 * next hop, NULL: the account's own.  As places_add(); -1 too for a name that cannot be a folder.
 */
int
places_account(struct places *ps, const struct route_account *a, const char *folder, const char *address, const char *original,
    enum notify notify)
{
	struct place	 p = { .kind = RCPT_MAILDIR, .notify = notify };
	char		 dir[PROTO_MAILBOX_SIZE + 1], dest[PROTO_DEST_SIZE];
	const char	*local;
	int		 n;

	if (a == NULL || (local = strchr(a->dir, '/')) == NULL)
		return (-1);
	if (folder[0] == '\0' && a->nexthop != 0) {
		p.kind = RCPT_RELAY;
		p.nexthop = a->nexthop;
		snprintf(dest, sizeof(dest), "%s@%.*s", local + 1, (int)(local - a->dir), a->dir);
		p.dest = (char *)(address != NULL ? address : dest);
		p.original = original != NULL && strcmp(original, p.dest) != 0 ? (char *)original : NULL;
		return (places_add(ps, &p));
	}
	if (maildir_folder(folder, dir, sizeof(dir)) == -1)
		return (-1);
	n = snprintf(dest, sizeof(dest), "%s%s%s", a->dir, dir[0] != '\0' ? "/" : "", dir);
	if (n < 0 || (size_t)n >= sizeof(dest))
		return (-1);
	p.dest = dest;
	return (places_add(ps, &p));
}

/* Everything goes into quarantine; what was refused anyway is forgotten, and nothing can be added afterwards.  0/-1. */
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
	memset(ps->set, 0, sizeof(ps->set));
}

void
places_free(struct places *ps)
{
	places_clear(ps);
	free(ps->list);
	ps->list = NULL;
	ps->room = 0;
}

/* Where it is, or where it has to be put.  FNV-1a: senders do not choose what becomes of an address. */
static uint32_t
places_slot(const struct places *ps, enum rcpt_kind kind, uint32_t nexthop, const char *dest)
{
	const struct place	*p;
	const char		*s;
	uint32_t		 h = 2166136261U ^ nexthop;

	for (s = dest; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	h ^= h >> 15;
	for (h %= PLACES_SLOTS; ps->set[h] != 0; h = (h + 1) % PLACES_SLOTS) {
		p = &ps->list[ps->set[h] - 1];
		if (p->kind == kind && p->nexthop == nexthop && strcmp(p->dest, dest) == 0)
			break;
	}
	return (h);
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
	memset(p, 0, sizeof(*p));
}
