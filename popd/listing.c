/* SPDX-License-Identifier: ISC */
/* The messages of a mailbox, in little memory: a million of them take their unique-ids and ten octets each. */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "popd.h"

#define ENTRY_HEAD	9	/* octets of an entry ahead of its unique-id: uint64_t size, uint8_t length */
#define PLACES		16	/* one place for so many unique-ids */
#define FLAG_DELETED	0x1
#define FLAG_SEEN	0x2

static int	 listing_room(struct listing *, size_t);
static int	 resize(void *, size_t, size_t);

/*
 * Adds what one BOX_ENTRIES holds.  0, or -1: it is not what proto_mailbox.h says, there are too many messages, or there is no
 * memory for them.
 */
int
listing_add(struct listing *l, const uint8_t *p, size_t len)
{
	uint64_t	 size;
	size_t		 uid;

	while (len > 0) {
		if (len < ENTRY_HEAD + 1 || (uid = p[8]) == 0 || uid > PROTO_UID_MAX || len < ENTRY_HEAD + uid ||
		    !proto_visible(p + ENTRY_HEAD, uid))
			return (-1);
		memcpy(&size, p, sizeof(size));
		if (l->n == PROTO_MSGS_MAX || size > UINT64_MAX / PROTO_MSGS_MAX || listing_room(l, uid + 1) == -1)
			return (-1);
		if (l->n % PLACES == 0)
			l->places[l->n / PLACES] = (uint32_t)l->uids_len;
		memcpy(l->uids + l->uids_len, p + 8, uid + 1);
		l->uids_len += uid + 1;
		l->sizes[l->n] = size;
		l->flags[l->n++] = 0;
		l->left++;
		l->octets += size;
		p += ENTRY_HEAD + uid;
		len -= ENTRY_HEAD + uid;
	}
	return (0);
}

/* Makes room for one message more, with so many octets of unique-id.  0 or -1. */
static int
listing_room(struct listing *l, size_t octets)
{
	size_t	 size = l->size == 0 ? 32 : (size_t)l->size * 2, uids = l->uids_size == 0 ? 1024 : l->uids_size * 2;

	if (l->n == l->size) {
		if (resize(&l->sizes, size, sizeof(*l->sizes)) == -1 || resize(&l->flags, size, 1) == -1 ||
		    resize(&l->places, size / PLACES, sizeof(*l->places)) == -1)
			return (-1);
		l->size = (uint32_t)size;
	}
	if (l->uids_len + octets > l->uids_size) {
		if (resize(&l->uids, uids, 1) == -1)
			return (-1);
		l->uids_size = uids;
	}
	return (0);
}

/* Changes the array that *array points to.  0, or -1: it is as it was. */
static int
resize(void *array, size_t n, size_t size)
{
	void	*p, *old;

	memcpy(&old, array, sizeof(old));
	if ((p = reallocarray(old, n, size)) == NULL)
		return (-1);
	memcpy(array, &p, sizeof(p));
	return (0);
}

/* The listing is complete: what there is too much of the memory is given back.  0, or -1: it is not what the mailbox says it is. */
int
listing_end(struct listing *l, const struct msg_box_listed *listed)
{
	if (listed->messages != l->n || listed->octets != l->octets)
		return (-1);
	if (l->n == 0)
		return (0);
	(void)resize(&l->sizes, l->n, sizeof(*l->sizes));
	(void)resize(&l->flags, l->n, 1);
	(void)resize(&l->places, (l->n + PLACES - 1) / PLACES, sizeof(*l->places));
	(void)resize(&l->uids, l->uids_len, 1);
	return (0);
}

void
listing_free(struct listing *l)
{
	free(l->sizes);
	free(l->flags);
	free(l->places);
	free(l->uids);
	memset(l, 0, sizeof(*l));
}

/* 1: there is a message of this number, deleted or not. */
int
listing_has(const struct listing *l, uint64_t msgno)
{
	return (msgno >= 1 && msgno <= l->n);
}

int
listing_deleted(const struct listing *l, uint32_t msgno)
{
	return ((l->flags[msgno - 1] & FLAG_DELETED) != 0);
}

/* Octets of a message on the wire, without the dots that are stuffed. */
uint64_t
listing_size(const struct listing *l, uint32_t msgno)
{
	return (l->sizes[msgno - 1]);
}

const uint8_t *
listing_uid(const struct listing *l, uint32_t msgno, size_t *len)
{
	const uint8_t	*p = l->uids + l->places[(msgno - 1) / PLACES];
	uint32_t	 i;

	for (i = (msgno - 1) % PLACES; i > 0; i--)
		p += 1 + *p;
	*len = *p;
	return (p + 1);
}

/* The same, for who has the unique-id of the message ahead of it; NULL: he does not. */
const uint8_t *
listing_next(const struct listing *l, uint32_t msgno, const uint8_t *before, size_t *len)
{
	if (before == NULL)
		return (listing_uid(l, msgno, len));
	before += *len;
	*len = *before;
	return (before + 1);
}

/* Marks a message that is not marked. */
void
listing_delete(struct listing *l, uint32_t msgno)
{
	l->flags[msgno - 1] |= FLAG_DELETED;
	l->left--;
	l->octets -= l->sizes[msgno - 1];
}

/* No message is marked as deleted any more. */
void
listing_reset(struct listing *l)
{
	uint32_t	 i;

	for (i = 0; i < l->n; i++) {
		if ((l->flags[i] & FLAG_DELETED) == 0)
			continue;
		l->flags[i] &= (uint8_t)~FLAG_DELETED;
		l->left++;
		l->octets += l->sizes[i];
	}
}

/* Notes that a message was retrieved.  1: for the first time. */
int
listing_seen(struct listing *l, uint32_t msgno)
{
	if (l->flags[msgno - 1] & FLAG_SEEN)
		return (0);
	l->flags[msgno - 1] |= FLAG_SEEN;
	return (1);
}
