/* SPDX-License-Identifier: ISC */
/*
 * Orphans: seen rows that no line of this listing names, kept with their digests so that a message whose unique-id is bad, missing
 * or new can be recognised when it has been retrieved.  A server that lists badly once and well the next time, or the other way
 * round, then costs a retrieval, never a second delivery.
 *
 *	message				looks for an orphan whose key is	found: the master commits under
 *	no trusted unique-id		a unique-id				that unique-id: same digest, discarded
 *	unique-id without row		a digest				that digest, discarded; the row gets the unique-id
 *	likewise, and the server has	either					likewise
 *	renumbered its messages
 *
 * A derived unique-id, that is, a digest of what the server has in a unique-id's place (fetcher/pop3_list.c), counts on both sides
 * as no unique-id would: the server may list a good one the next time.
 *
 * The row of a message that was only marked (first_poll) has no digest and is never an orphan.
 */
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hook.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

struct orphan_key {
	const uint8_t	*digest;
	int		 kind;
};

static int	 orphan_row(void *, const struct seen_row *);
static enum db	 orphan_prepare(struct orphans *, int64_t, int);
static struct orphan *orphan_next(struct orphans *, const uint8_t *, int);
static int	 orphan_kind(const struct orphan *);
static int	 orphan_order(const struct orphan *, const uint8_t *, int);
static int	 orphan_key_order(const void *, const void *);
static int	 orphan_compare(const void *, const void *);
static int	 orphan_key_taken(void *, const uint8_t *, size_t);
static size_t	 orphan_adopt(struct plan *, struct message *, const struct orphan *, uint8_t *);

/* 1: this unique-id is a derived one. */
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

/* Makes an orphan of the row with this key.  NULL: there is no memory, or no such key. */
struct orphan *
orphan_add(struct orphans *o, const uint8_t *uid, size_t len)
{
	struct orphan	*list;

	if (len > sizeof(list->uid))
		return (NULL);
	if ((list = array_grow(o->list, o->n, sizeof(*list))) == NULL)
		return (NULL);
	o->list = list;
	list = &o->list[o->n++];
	memset(list, 0, sizeof(*list));
	memcpy(list->uid, uid, len);
	list->uidlen = len;
	return (list);
}

/* Collects the plan's orphans anew, in a step of their own: row() is called with every row and adds those that it wants. */
enum plan_result
orphan_walk(struct session *s, int (*row)(void *, const struct seen_row *))
{
	struct plan_work	*w = &s->plan.work;
	enum db			 result;

	if (!w->again) {
		orphan_free(&s->plan.orphans);
		memset(&w->at, 0, sizeof(w->at));
	}
	if ((result = state_seen_slice(s->mailbox, &w->at, row, s)) == DB_FAILED || s->plan.failed)
		return (PLAN_FAILED);
	return (result == DB_MORE ? PLAN_MORE : PLAN_NEXT);
}

/* A step: orphans are the rows whose message may be met in this session. */
enum plan_result
orphan_collect(struct session *s)
{
	return (orphan_walk(s, orphan_row));
}

static int
orphan_row(void *arg, const struct seen_row *row)
{
	struct session	*s = arg;
	struct plan	*p = &s->plan;

	if (row->uidlen <= PROTO_UID_MAX &&
	    ((p->untrusted + p->derived + p->renumbered == 0 && !orphan_derived(row->uid, row->uidlen)) ||
	    plan_find(p, row->uid, row->uidlen) != 0))
		return (0);
	if (SEEN_HAS_DIGEST(row->state) && orphan_add(&p->orphans, row->uid, row->uidlen) == NULL)
		p->failed = 1;
	return (p->failed);
}

/*
 * Looks up the orphans' digests, in a step of its own: of all of them if all is set (there are messages whose unique-id is
 * untrusted or derived), else only of those whose key is a digest or a derived unique-id.  The others, and those without a digest,
 * are dropped.
 */
enum plan_result
orphan_digests(struct session *s, int all)
{
	struct orphans	*o = &s->plan.orphans;

	if (!s->plan.work.again)
		o->done = o->kept = 0;
	switch (orphan_prepare(o, s->mailbox, all)) {
	case DB_OK:
		return (PLAN_NEXT);
	case DB_MORE:
		return (PLAN_MORE);
	default:
		return (PLAN_FAILED);
	}
}

/* One slice of orphan_digests().  DB_OK: orphan_claim() works; DB_MORE; DB_FAILED. */
static enum db
orphan_prepare(struct orphans *o, int64_t mailbox, int all)
{
	static const uint8_t	 unknown[PROTO_DIGEST_LEN];
	struct orphan		*e;
	size_t			 end = o->n - o->done > STATE_PAGE ? o->done + STATE_PAGE : o->n;

	for (; o->done < end; o->done++) {
		e = &o->list[o->done];
		if (e->claimed)
			continue;
		if (e->uidlen > PROTO_UID_MAX) {
			if (digest_parse(e->uid, e->uidlen, e->seen.digest) == -1)
				continue;
		} else if (!all && !orphan_derived(e->uid, e->uidlen))
			continue;
		else if (state_seen_digests(mailbox, e->uid, e->uidlen, &e->seen) != DB_OK)
			return (DB_FAILED);
		else if (memcmp(e->seen.digest, unknown, sizeof(unknown)) == 0)
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

/* Claims an orphan with this digest, of one of these kinds, that was not claimed before.  NULL: there is none. */
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

/*
 * Claims the next orphan of one digest and kind.  They stand together in the list, and the first of them counts the claimed ones.
 */
static struct orphan *
orphan_next(struct orphans *o, const uint8_t *digest, int kind)
{
	const struct orphan_key	 key = { digest, kind };
	struct orphan		*e;
	size_t			 first = array_search(&key, o->list, o->n, sizeof(*o->list), orphan_key_order);

	if (first == o->n)
		return (NULL);
	e = &o->list[first];
	if (e->used >= o->n - first || orphan_order(e + e->used, digest, kind) != 0)
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

/* What the key of an orphan is: a unique-id, a digest, or a derived unique-id, which is found as either. */
static int
orphan_kind(const struct orphan *e)
{
	if (e->uidlen > PROTO_UID_MAX)
		return (ORPHAN_BY_DIGEST);
	return (orphan_derived(e->uid, e->uidlen) ? ORPHAN_BY_EITHER : ORPHAN_BY_UID);
}

static int
orphan_order(const struct orphan *e, const uint8_t *digest, int kind)
{
	int	 n = memcmp(e->seen.digest, digest, PROTO_DIGEST_LEN);

	return (n != 0 ? n : orphan_kind(e) - kind);
}

/* For array_search(): a key and an orphan. */
static int
orphan_key_order(const void *k, const void *orphan)
{
	const struct orphan_key	*key = k;

	HOOK_WORK(1);
	return (-orphan_order(orphan, key->digest, key->kind));
}

static int
orphan_compare(const void *a, const void *b)
{
	const struct orphan	*y = b;

	return (orphan_order(a, y->seen.digest, orphan_kind(y)));
}

/*
 * The key in `seen` under which a retrieved message with this digest is committed.  That is the key of an orphan that it is
 * recognised as (the table at the top), else its unique-id, else "sha256:<hex>:<n>" for the n-th message with this digest.  tells:
 * the message's header tells it from all other messages.  The key goes into key, which has room for STATE_KEY_MAX octets.  Returns
 * its length, or 0: there is no memory.
 */
size_t
plan_key(struct plan *p, uint32_t msgno, const uint8_t *digest, int tells, uint8_t *key)
{
	struct message	*m = &p->msgs[msgno];
	struct orphan	*o;
	uint32_t	 last = 0;
	size_t		 len = m->uid_len;
	int		 kinds;

	if (len == 0)
		kinds = ORPHAN_BY_UID;
	else if (p->asked > 0 || (p->renumbered && tells) || orphan_derived(plan_uid(p, m), len))
		kinds = ORPHAN_BY_UID | ORPHAN_BY_DIGEST;
	else
		kinds = ORPHAN_BY_DIGEST;
	if (p->orphans.n > 0 && (len == 0 || !m->compare) && (o = orphan_claim(&p->orphans, digest, kinds)) != NULL)
		return (orphan_adopt(p, m, o, key));
	if (len == 0) {
		if ((len = digest_key_free(key, digest, &last, orphan_key_taken, p)) == 0 || plan_store(p, m, key, len) == -1)
			return (0);
		plan_hash(p, msgno);
	}
	memcpy(key, plan_uid(p, m), len);
	return (len);
}

static int
orphan_key_taken(void *p, const uint8_t *key, size_t len)
{
	return (plan_find(p, key, len) != 0);
}

/*
 * A message is that of an orphan, and is committed under the orphan's key, which is also copied to key unless that is NULL.  The
 * message has that key from now on; if it has a unique-id, it keeps that, and the orphan's row gets it at the end of the session,
 * see plan_rekey().  As plan_key().
 */
static size_t
orphan_adopt(struct plan *p, struct message *m, const struct orphan *o, uint8_t *key)
{
	struct message	 was = *m;

	if (plan_store(p, m, o->uid, o->uidlen) == -1)
		return (0);
	if (was.uid_len != 0) {
		m->rekey = m->uid_off + 1;
		m->rekey_len = m->uid_len;
		m->uid_off = was.uid_off;
		m->uid_len = was.uid_len;
	}
	if (key != NULL)
		memcpy(key, o->uid, o->uidlen);
	return (o->uidlen);
}

/*
 * A message is that of an orphan and need not be retrieved: it is left alone, and the orphan's row gets its unique-id.  0, or -1:
 * memory.
 */
int
orphan_match(struct plan *p, uint32_t msgno, const struct orphan *o)
{
	struct message	*m = &p->msgs[msgno];

	m->action = ACTION_NONE;
	m->matched = 1;
	return (orphan_adopt(p, m, o, NULL) == 0 ? -1 : 0);
}
