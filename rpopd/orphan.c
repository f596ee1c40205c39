/* SPDX-License-Identifier: ISC */
/*
 * Orphans: seen rows that no line of this listing names, kept with their digests so that a message whose unique-id is bad, missing or
 * new can be recognised when it has been retrieved.  A server that lists badly once and well the next time, or the other way
 * round, then costs a retrieval, never a second delivery.
 *
 *	message			looks for an orphan whose key is	found: the master commits under
 *	no trusted unique-id	a unique-id				that unique-id: same digest, discarded
 *	unique-id without row	a digest				that digest, discarded; the row gets the unique-id
 *	the same, the server	either					likewise
 *	has renumbered
 *
 * The row of a message that was only marked has no digest and is never one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "rpopd.h"

static int	 orphan_compare(const void *, const void *);

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
 * Learn the digests of those that can matter: all of them if there are untrusted messages, else only those whose key is one.
 * 0, or -1: the store.
 */
int
orphan_prepare(struct orphans *o, int64_t mailbox, int untrusted)
{
	static const uint8_t	 unknown[PROTO_DIGEST_LEN];
	struct orphan		*e;
	size_t			 i, kept = 0;

	for (i = 0; i < o->n; i++) {
		e = &o->list[i];
		if (e->uidlen > PROTO_UID_MAX) {
			if (digest_parse(e->uid, e->uidlen, e->print.digest) == -1)
				continue;
		} else if (!untrusted)
			continue;
		else if (state_print(mailbox, e->uid, e->uidlen, &e->print) == -1)
			return (-1);
		else if (memcmp(e->print.digest, unknown, sizeof(unknown)) == 0)
			continue;
		o->list[kept++] = *e;
	}
	o->n = kept;
	if (o->n > 1)
		qsort(o->list, o->n, sizeof(*o->list), orphan_compare);
	return (0);
}

/* An orphan with this digest, of one of these kinds, that nobody claimed before; it is claimed now. */
struct orphan *
orphan_claim(struct orphans *o, const uint8_t *digest, int kinds)
{
	size_t	 low = 0, high = o->n, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (memcmp(o->list[mid].print.digest, digest, PROTO_DIGEST_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < o->n && memcmp(o->list[low].print.digest, digest, PROTO_DIGEST_LEN) == 0; low++) {
		if (o->list[low].claimed ||
		    !(kinds & (o->list[low].uidlen > PROTO_UID_MAX ? ORPHAN_BY_DIGEST : ORPHAN_BY_UID)))
			continue;
		o->list[low].claimed = 1;
		return (&o->list[low]);
	}
	return (NULL);
}

void
orphan_free(struct orphans *o)
{
	free(o->list);
	memset(o, 0, sizeof(*o));
}

static int
orphan_compare(const void *a, const void *b)
{
	return (memcmp(((const struct orphan *)a)->print.digest, ((const struct orphan *)b)->print.digest, PROTO_DIGEST_LEN));
}
