/* SPDX-License-Identifier: ISC */
/*
 * The messages of a listing and their keys.
 *
 * Rows of `seen` come ordered by unique-id, and most servers list them in that order too: then the next row is the next message, and
 * a listing that ascends strictly has no unique-id twice.  Only for others is a hash table built, keyed by a secret of this process:
 * the server chooses the unique-ids.
 */
#include <stdlib.h>
#include <string.h>

#include "common/route/strset.h"
#include "plan.h"

static int	 key_compare(const void *, size_t, const void *, size_t);
static uint32_t	 find_ascending(const struct plan *, const void *, size_t);
static uint32_t	*find_hashed(struct plan *, const void *, size_t);

/* Room for count messages.  0, or -1 on memory shortage. */
int
plan_init(struct plan *p, uint32_t count)
{
	memset(p, 0, sizeof(*p));
	if ((p->msgs = calloc((size_t)count + 1, sizeof(*p->msgs))) == NULL)
		return (-1);
	p->count = count;
	return (0);
}

void
plan_free(struct plan *p)
{
	free(p->msgs);
	free(p->hash);
	free(p->arena);
	free(p->changes);
	free(p->prints);
	free(p->wanted);
	free(p->refused);
	orphan_free(&p->orphans);
	memset(p, 0, sizeof(*p));
}

/* One line of the listing.  A number listed twice loses its unique-id for good.  -1: out of range, or memory. */
int
plan_add(struct plan *p, uint32_t msgno, const uint8_t *uid, size_t len)
{
	struct message	*m;

	if (msgno == 0 || msgno > p->count || len == 0 || len > PROTO_UID_MAX)
		return (-1);
	m = &p->msgs[msgno];
	p->nnamed += !m->named;
	m->named = 1;
	if (m->state == MESSAGE_SKIPPED || m->uid_len != 0) {
		m->uid_len = 0;
		m->state = MESSAGE_SKIPPED;	/* until plan_make() */
		return (0);
	}
	return (plan_store(p, m, uid, len));
}

/*
 * The listing is in, by unique-ids: messages behind the last one that it names are left out, but for those that one session tries
 * without a name, so that a number in STAT with nothing behind it costs nothing.
 */
void
plan_trim(struct plan *p)
{
	struct message	*msgs;
	uint32_t	 i, last = 0, unnamed = 0;

	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].named || ++unnamed <= UNNAMED_MAX)
			last = i;
	if (last == p->count)
		return;
	p->beyond = p->count - last;
	p->count = last;
	if ((msgs = reallocarray(p->msgs, (size_t)last + 1, sizeof(*msgs))) != NULL)
		p->msgs = msgs;
}

/* Give a message its key. */
int
plan_store(struct plan *p, struct message *m, const void *key, size_t len)
{
	size_t	 size;
	char	*arena;

	if (p->arena_len + len > p->arena_size) {
		size = p->arena_size == 0 ? 4096 : p->arena_size * 2;
		if (size > UINT32_MAX || (arena = realloc(p->arena, size)) == NULL)
			return (-1);
		p->arena = arena;
		p->arena_size = size;
	}
	memcpy(p->arena + p->arena_len, key, len);
	m->uid_off = p->arena_len;
	m->uid_len = len;
	p->arena_len += len;
	return (0);
}

const uint8_t *
plan_uid(const struct plan *p, const struct message *m)
{
	return ((const uint8_t *)p->arena + m->uid_off);
}

/*
 * The listing is in: make plan_find() work.  Unique-ids listed twice are no keys: both messages are known by digest.  0, or -1 on
 * memory shortage.
 */
int
plan_index(struct plan *p)
{
	struct message	*m, *last = NULL;
	uint32_t	*slot, slots = 16, i;

	p->guess = 1;
	p->ascending = 1;
	for (i = 1; i <= p->count && p->ascending; i++) {
		m = &p->msgs[i];
		p->ascending = m->uid_len != 0 &&
		    (last == NULL || key_compare(plan_uid(p, last), last->uid_len, plan_uid(p, m), m->uid_len) < 0);
		last = m;
	}
	if (p->ascending)
		return (0);
	while (slots < 2 * (uint64_t)p->count)
		slots *= 2;
	if ((p->hash = calloc(slots, sizeof(*p->hash))) == NULL)
		return (-1);
	p->mask = slots - 1;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->uid_len == 0)
			continue;
		slot = find_hashed(p, plan_uid(p, m), m->uid_len);
		if (*slot == 0)
			*slot = i;
		else
			m->compare = p->msgs[*slot].compare = 2;	/* twins */
	}
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->compare == 2)
			m->uid_len = 0;
		m->compare = 0;
	}
	return (0);
}

uint32_t
plan_find(struct plan *p, const void *uid, size_t len)
{
	struct message	*m;
	uint32_t	 n = p->guess;

	if (n > p->count || (m = &p->msgs[n])->uid_len != len || memcmp(plan_uid(p, m), uid, len) != 0) {
		n = p->ascending ? find_ascending(p, uid, len) : *find_hashed(p, uid, len);
		if (n == 0 || p->msgs[n].uid_len == 0)
			return (0);
	}
	p->guess = n + 1;
	return (n);
}

/* A digest key joins: of it there may be many. */
void
plan_hash(struct plan *p, uint32_t msgno)
{
	struct message	*m = &p->msgs[msgno];

	if (!p->ascending)
		*find_hashed(p, plan_uid(p, m), m->uid_len) = msgno;
}

/* As SQLite orders blobs. */
static int
key_compare(const void *a, size_t alen, const void *b, size_t blen)
{
	int	 n = memcmp(a, b, alen < blen ? alen : blen);

	return (n != 0 ? n : (alen > blen) - (alen < blen));
}

static uint32_t
find_ascending(const struct plan *p, const void *uid, size_t len)
{
	const struct message	*m;
	uint32_t		 low = 1, high = p->count + 1, mid;
	int			 cmp;

	while (low < high) {
		mid = low + (high - low) / 2;
		m = &p->msgs[mid];
		if ((cmp = key_compare(plan_uid(p, m), m->uid_len, uid, len)) == 0)
			return (mid);
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return (0);
}

/* The slot that holds this key, or the empty one where it would go. */
static uint32_t *
find_hashed(struct plan *p, const void *uid, size_t len)
{
	const struct message	*m;
	uint32_t		 at;

	for (at = strset_hash(uid, len) & p->mask; p->hash[at] != 0; at = (at + 1) & p->mask) {
		m = &p->msgs[p->hash[at]];
		if (m->uid_len == len && memcmp(plan_uid(p, m), uid, len) == 0)
			break;
	}
	return (&p->hash[at]);
}
