/* SPDX-License-Identifier: ISC */
/*
 * What a plan, or a session's end, changes in state.db: collected first, recorded in slices then.  A crash leaves a beginning of
 * the list recorded, so each change is right without those behind it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

static enum db	 plan_record_slice(struct session *);
static void	 plan_keep_digests(struct plan *);

/* Adds a change to the row with this key.  NULL: there is no memory, or no such key; then p->failed is set. */
struct listing_change *
plan_change(struct plan *p, const void *uid, size_t len, int what)
{
	struct listing_change	*c;

	if ((c = array_grow(p->changes, p->nchanges, sizeof(*c))) == NULL) {
		p->failed = 1;
		return (NULL);
	}
	p->changes = c;
	c = &p->changes[p->nchanges];
	if (len > sizeof(c->uid)) {
		p->failed = 1;
		return (NULL);
	}
	memset(c, 0, sizeof(*c));
	if (len > 0)
		memcpy(c->uid, uid, len);
	c->uidlen = len;
	c->what = what;
	p->nchanges++;
	return (c);
}

/* Adds a change to the row of a message, with the message's size as listed. */
struct listing_change *
plan_change_message(struct plan *p, const struct message *m, int what)
{
	struct listing_change	*c;

	if ((c = plan_change(p, plan_uid(p, m), m->uid_len, what)) != NULL)
		c->size = m->size;
	return (c);
}

/* Takes back that rows are gone or forgotten: what is missing from the listing may only have another unique-id now. */
void
plan_keep_missing(struct plan *p)
{
	size_t	 i, kept = 0;

	for (i = 0; i < p->nchanges; i++)
		if (p->changes[i].what != CHANGE_GONE && p->changes[i].what != CHANGE_FORGET)
			p->changes[kept++] = p->changes[i];
	p->nchanges = kept;
}

/*
 * Some messages have no row, and the messages of rows keyed by a digest may be among them.  So no such row is gone, unless its
 * message was deleted.
 */
static void
plan_keep_digests(struct plan *p)
{
	const struct listing_change	*c;
	size_t				 i, kept = 0;

	for (i = 0; i < p->nchanges; i++) {
		c = &p->changes[i];
		if (c->uidlen <= PROTO_UID_MAX || c->state == SEEN_DELETED || (c->what != CHANGE_GONE && c->what != CHANGE_FORGET))
			p->changes[kept++] = *c;
	}
	p->nchanges = kept;
}

/* A step: every change is recorded. */
enum plan_result
plan_save(struct session *s)
{
	if (s->plan.failed)
		return (PLAN_FAILED);
	switch (plan_record_slice(s)) {
	case DB_OK:
		return (PLAN_NEXT);
	case DB_MORE:
		return (PLAN_MORE);
	default:
		return (PLAN_FAILED);
	}
}

/*
 * A step: what the listing taught is recorded.  If the store is locked, it is learned again by the next session; but nothing is
 * done that had to be recorded before.
 */
enum plan_result
plan_learn(struct session *s)
{
	struct plan	*p = &s->plan;

	if (!p->work.again && p->retrieve + p->cut + p->postponed + p->big + s->set_aside > 0)
		plan_keep_digests(p);
	if (p->failed)
		return (PLAN_FAILED);
	switch (plan_record_slice(s)) {
	case DB_OK:
		return (PLAN_NEXT);
	case DB_MORE:
		return (PLAN_MORE);
	case DB_BUSY:
		return (p->must ? PLAN_FAILED : PLAN_NEXT);
	default:
		return (PLAN_FAILED);
	}
}

/* The next slice of the changes, in a step that records all of them.  As state_change_slice(). */
static enum db
plan_record_slice(struct session *s)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;

	if (!w->again)
		w->done = 0;
	return (w->done < p->nchanges ? state_change_slice(s->mailbox, p->changes, p->nchanges, time(NULL), &w->done) : DB_OK);
}
