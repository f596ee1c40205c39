/* SPDX-License-Identifier: ISC */
/*
 * Orphans: seen rows that no line of this listing names, kept with their digests so that a message whose unique-id is bad,
 * missing or new can be recognised when it has been retrieved.  A server that lists badly once and well the next time, or the
 * other way round, then costs a retrieval, never a second delivery.
 *
 *	message			looks for an orphan whose key is	found: the master commits under
 *	no trusted unique-id	a unique-id				that unique-id: same digest, discarded
 *	unique-id without row	a digest				that digest, discarded; the row gets the unique-id
 *	the same, the server	either					likewise
 *	has renumbered
 *
 * A unique-id that is a digest of what the server has in its place counts on both sides as no unique-id would: the server may
 * list it well the next time.
 *
 * The row of a message that was only marked has no digest and is never one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/hook.h"
#include "rpopd/state/state.h"
#include "plan.h"

static struct orphan *orphan_next(struct orphans *, const uint8_t *, int);
static int	 orphan_kind(const struct orphan *);
static int	 orphan_order(const struct orphan *, const uint8_t *, int);
static int	 orphan_compare(const void *, const void *);

int
orphan_derived(const uint8_t *uid, size_t len)
{
	size_t	 i, n = strlen(PROTO_UID_DERIVED);

	if (len != n + 2 * PROTO_DIGEST_LEN || memcmp(uid, PROTO_UID_DERIVED, n) != 0)
		return (0);
	for (i = n; i < len && ((uid[i] >= '0' && uid[i] <= '9') || (uid[i] >= 'a' && uid[i] <= 'f')); i++)
		;
	return (i == len);
}

/* Remember a row.  NULL on memory shortage. */
struct orphan *
orphan_add(struct orphans *o, const uint8_t *uid, size_t len)
{
	struct orphan	*list;
	size_t		 size;

	if (len > sizeof(list->uid))
		return (NULL);
	if (o->n == o->size) {
		size = o->size == 0 ? 64 : o->size * 2;
		if ((list = reallocarray(o->list, size, sizeof(*list))) == NULL)
			return (NULL);
		o->list = list;
		o->size = size;
	}
	list = &o->list[o->n++];
	memset(list, 0, sizeof(*list));
	memcpy(list->uid, uid, len);
	list->uidlen = len;
	return (list);
}

/*
 * Learn the digests of those that can matter: all of them if there are messages whose unique-id is untrusted or derived, else
 * only those whose key is a digest or whose own unique-id is derived; in slices.  DB_OK, DB_MORE or DB_FAILED.
 */
enum db
orphan_prepare(struct orphans *o, int64_t mailbox, int untrusted)
{
	static const uint8_t	 unknown[PROTO_DIGEST_LEN];
	struct orphan		*e;
	size_t			 end = o->n - o->done > STATE_PAGE ? o->done + STATE_PAGE : o->n;

	for (; o->done < end; o->done++) {
		e = &o->list[o->done];
		if (e->claimed)
			continue;
		if (e->uidlen > PROTO_UID_MAX) {
			if (digest_parse(e->uid, e->uidlen, e->print.digest) == -1)
				continue;
		} else if (!untrusted && !orphan_derived(e->uid, e->uidlen))
			continue;
		else if (state_print(mailbox, e->uid, e->uidlen, &e->print) != DB_OK)
			return (DB_FAILED);
		else if (memcmp(e->print.digest, unknown, sizeof(unknown)) == 0)
			continue;
		o->list[o->kept++] = *e;
	}
	if (o->done < o->n)
		return (DB_MORE);
	o->n = o->done = o->kept;
	o->kept = 0;
	if (o->n > 1)
		qsort(o->list, o->n, sizeof(*o->list), orphan_compare);
	return (DB_OK);
}

/* An orphan with this digest, of one of these kinds, that nobody claimed before; it is claimed now. */
struct orphan *
orphan_claim(struct orphans *o, const uint8_t *digest, int kinds)
{
	struct orphan	*e = NULL;

	if (kinds & ORPHAN_BY_UID)
		e = orphan_next(o, digest, ORPHAN_BY_UID);
	if (e == NULL && (kinds & ORPHAN_BY_DIGEST))
		e = orphan_next(o, digest, ORPHAN_BY_DIGEST);
	if (e == NULL)
		e = orphan_next(o, digest, ORPHAN_BY_EITHER);
	return (e);
}

/* Those of one digest and kind stand together and are claimed in their order: the first of them knows how many were. */
static struct orphan *
orphan_next(struct orphans *o, const uint8_t *digest, int kind)
{
	struct orphan	*e;
	size_t		 low = 0, high = o->n, mid;

	while (low < high) {
		HOOK_WORK(1);
		mid = low + (high - low) / 2;
		if (orphan_order(&o->list[mid], digest, kind) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == o->n)
		return (NULL);
	e = &o->list[low];
	if (e->used >= o->n - low || orphan_order(e + e->used, digest, kind) != 0)
		return (NULL);
	e += e->used++;
	e->claimed = 1;
	return (e);
}

void
orphan_free(struct orphans *o)
{
	free(o->list);
	memset(o, 0, sizeof(*o));
}

/* One of those that orphan_claim() may be asked for, or both: the unique-id is derived. */
static int
orphan_kind(const struct orphan *e)
{
	return (e->uidlen > PROTO_UID_MAX ? ORPHAN_BY_DIGEST : orphan_derived(e->uid, e->uidlen) ? ORPHAN_BY_EITHER : ORPHAN_BY_UID);
}

static int
orphan_order(const struct orphan *e, const uint8_t *digest, int kind)
{
	int	 n = memcmp(e->print.digest, digest, PROTO_DIGEST_LEN);

	return (n != 0 ? n : orphan_kind(e) - kind);
}

static int
orphan_compare(const void *a, const void *b)
{
	const struct orphan	*y = b;

	return (orphan_order(a, y->print.digest, orphan_kind(y)));
}
