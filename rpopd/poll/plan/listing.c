/* SPDX-License-Identifier: ISC */
/*
 * The messages of a listing and their keys.
 *
 * The key of a message is its unique-id, or for want of one the key of its row in `seen`.  Rows come ordered by key, and most
 * servers list their messages in that order too: then the next row is that of the next message, and a listing whose unique-ids
 * ascend strictly has none of them twice.  Only for other listings is a hash table built, keyed by a secret of this process, since
 * the server chooses the unique-ids.
 */
#include <stdlib.h>
#include <string.h>

#include "common/route/strset.h"
#include "rpopd/sched/sched.h"
#include "plan_int.h"

#define SIZE_SLACK	1024	/* octets, or a tenth of the larger size, by which sizes that are alike may differ */

struct sought {				/* by find_ascending() */
	const struct plan	*plan;
	const void		*uid;
	size_t			 len;
};

static int	 key_compare(const void *, size_t, const void *, size_t);
static uint32_t	 find_ascending(const struct plan *, const void *, size_t);
static int	 sought_order(const void *, const void *);
static uint32_t	*find_hashed(struct plan *, const void *, size_t);

/* Makes room for the listing of a mailbox with so many messages.  0, or -1: there is no memory. */
int
plan_init(struct plan *p, uint32_t count)
{
	memset(p, 0, sizeof(*p));
	if ((p->msgs = calloc((size_t)count + 1, sizeof(*p->msgs))) == NULL)
		return (-1);
	p->count = count;
	return (0);
}

/* Frees what a plan has, which may be begun anew then. */
void
plan_free(struct plan *p)
{
	free(p->msgs);
	free(p->hash);
	free(p->arena);
	free(p->changes);
	free(p->fingerprints);
	free(p->wanted);
	free(p->refused);
	free(p->orphans.list);
	memset(p, 0, sizeof(*p));
}

/*
 * Takes one line of the listing: a message number and its unique-id.  A number that is listed twice has no unique-id for the rest
 * of the session.  0, or -1: the number or the length is out of range, or there is no memory.
 */
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
 * Shortens the plan once the listing by unique-ids is in: messages behind the last one that it names are left out (p->beyond), but
 * for the first UNNAMED_MAX that it does not name.  So a number in STAT with nothing behind it costs no memory.
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

/* Gives a message its key.  0, or -1: there is no memory, and the message is as it was. */
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

/* The key of a message, m->uid_len octets, which may be none; never NULL, valid until the next plan_store(). */
const uint8_t *
plan_uid(const struct plan *p, const struct message *m)
{
	return (p->arena == NULL ? (const uint8_t *)"" : (const uint8_t *)p->arena + m->uid_off);
}

/*
 * Makes plan_find() work, once the listing is in.  Messages that are listed with the same unique-id have none, and are known by
 * their digests.  0, or -1: there is no memory.
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
			m->compare = p->msgs[*slot].compare = 2;	/* the same unique-id */
	}
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->compare == 2)
			m->uid_len = 0;
		m->compare = 0;
	}
	return (0);
}

/* The number of the message with this key, 0: there is none.  Fastest when keys are looked up in the order of the listing. */
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

/* Lets plan_find() find a message that has got the key of a row behind plan_index(). */
void
plan_hash(struct plan *p, uint32_t msgno)
{
	struct message	*m = &p->msgs[msgno];

	if (!p->ascending)
		*find_hashed(p, plan_uid(p, m), m->uid_len) = msgno;
}

/* The order of two keys, which is that of blobs in SQLite. */
static int
key_compare(const void *a, size_t alen, const void *b, size_t blen)
{
	int	 n = memcmp(a, b, alen < blen ? alen : blen);

	return (n != 0 ? n : (alen > blen) - (alen < blen));
}

/* plan_find() where keys ascend. */
static uint32_t
find_ascending(const struct plan *p, const void *uid, size_t len)
{
	const struct sought	 key = { p, uid, len };
	const struct message	*m;

	m = bsearch(&key, p->msgs + 1, p->count, sizeof(*p->msgs), sought_order);
	return (m == NULL ? 0 : m - p->msgs);
}

/* For bsearch(3): a key and a message. */
static int
sought_order(const void *k, const void *message)
{
	const struct sought	*key = k;
	const struct message	*m = message;

	return (key_compare(key->uid, key->len, plan_uid(key->plan, m), m->uid_len));
}

/* The slot of the hash table that holds this key, or the empty one where it would go. */
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

/*
 * 1: two sizes in octets are about the same (a move between servers may change line ends and fields), or one of them is not known
 * (0).
 */
int
plan_alike(uint64_t a, uint64_t b)
{
	uint64_t	 diff = a > b ? a - b : b - a, slack = (a > b ? a : b) / 10;

	return (a == 0 || b == 0 || diff <= (slack > SIZE_SLACK ? slack : SIZE_SLACK));
}

/*
 * 1: what a row remembers of a unique-id is of another message than the one listed under it now: its size (0: not known) is another
 * one, or it was absent from a complete listing meanwhile (gone, epoch; 0: it was not).
 */
int
plan_reused(const struct message *m, uint32_t size, int64_t gone)
{
	return (gone != 0 || (size != 0 && m->size != 0 && size != m->size));
}

/* 1: what is in the first listing of a mailbox counts as delivered, as the record was never polled. */
int
plan_marks(const struct session *s, enum former_past past)
{
	return (s->quota.mark_first && past != PAST_POLLED && (s->run.task == NULL || s->run.task->rs.last_success == 0));
}
