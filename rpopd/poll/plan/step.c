/* SPDX-License-Identifier: ISC */
/* What several steps of a plan need; each goes on with the step that it is told, see struct plan_work. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpopd/poll/poll.h"
#include "rpopd/state/state.h"
#include "plan.h"

static plan_step	 plan_saving, plan_finished, plan_collecting, plan_preparing;
static int	 plan_orphan(void *, const struct seen_row *);
static void	 plan_keep_digests(struct plan *);

enum plan_result
plan_go_on(struct session *s)
{
	plan_step	*step = s->plan.work.step;

	s->plan.work.step = NULL;
	return (step == NULL ? PLAN_FAILED : step(s));
}

enum plan_result
plan_more(struct session *s, plan_step *step)
{
	s->plan.work.step = step;
	return (PLAN_MORE);
}

/* What a crash leaves behind is a beginning of the changes: each of them is right without those behind it. */
enum plan_result
plan_save(struct session *s, plan_step *then)
{
	struct plan_work	*w = &s->plan.work;

	if (s->plan.failed)
		return (PLAN_FAILED);
	w->then = then;
	w->lenient = 0;
	w->done = 0;
	return (plan_saving(s));
}

static enum plan_result
plan_saving(struct session *s)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;
	enum db			 result = DB_OK;

	if (w->done < p->nchanges)
		result = state_change_slice(s->mailbox, p->changes, p->nchanges, time(NULL), &w->done);
	if (result == DB_MORE)
		return (plan_more(s, plan_saving));
	return (result == DB_OK || (result == DB_BUSY && w->lenient) ? w->then(s) : PLAN_FAILED);
}

enum plan_result
plan_finish(struct session *s, plan_step *then)
{
	struct plan		*p = &s->plan;
	struct plan_work	*w = &p->work;

	quota_oversize(s);
	quota_count(s);
	if (p->retrieve + p->cut + p->postponed + p->big + s->aside > 0)
		plan_keep_digests(p);
	if (p->failed)
		return (PLAN_FAILED);
	w->finish = then;
	w->then = plan_finished;
	/* Locked: what is gone or back is learned next time, but nothing is done that had to be recorded before. */
	w->lenient = !p->must;
	w->done = 0;
	return (plan_saving(s));
}

static enum plan_result
plan_finished(struct session *s)
{
	quota_report(s);
	return (s->plan.work.finish(s));
}

enum plan_result
plan_collect(struct session *s, int (*row)(void *, const struct seen_row *), plan_step *then)
{
	struct plan_work	*w = &s->plan.work;

	orphan_free(&s->plan.orphans);
	memset(&w->at, 0, sizeof(w->at));
	w->row = row;
	w->then = then;
	return (plan_collecting(s));
}

static enum plan_result
plan_collecting(struct session *s)
{
	struct plan_work	*w = &s->plan.work;
	enum db			 result;

	if ((result = state_seen_slice(s->mailbox, &w->at, w->row, s)) == DB_FAILED || s->plan.failed)
		return (PLAN_FAILED);
	return (result == DB_MORE ? plan_more(s, plan_collecting) : w->then(s));
}

enum plan_result
plan_orphans(struct session *s, plan_step *then)
{
	return (plan_collect(s, plan_orphan, then));
}

static int
plan_orphan(void *arg, const struct seen_row *row)
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

enum plan_result
plan_prepare(struct session *s, int all, plan_step *then)
{
	struct plan_work	*w = &s->plan.work;

	s->plan.orphans.done = s->plan.orphans.kept = 0;
	w->all = all;
	w->then = then;
	return (plan_preparing(s));
}

static enum plan_result
plan_preparing(struct session *s)
{
	struct plan_work	*w = &s->plan.work;

	switch (orphan_prepare(&s->plan.orphans, s->mailbox, w->all)) {
	case DB_MORE:
		return (plan_more(s, plan_preparing));
	case DB_OK:
		return (w->then(s));
	default:
		return (PLAN_FAILED);
	}
}

/* Remember one change to be recorded with the others. */
struct listing_change *
plan_change(struct plan *p, const void *uid, size_t len, int what)
{
	struct listing_change	*c;
	size_t			 size;

	if (p->nchanges == p->changes_size) {
		size = p->changes_size == 0 ? 64 : p->changes_size * 2;
		if ((c = reallocarray(p->changes, size, sizeof(*c))) == NULL) {
			p->failed = 1;
			return (NULL);
		}
		p->changes = c;
		p->changes_size = size;
	}
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

/*
 * Some messages have no row: those of rows keyed by digest may be among them, so no such row is gone, unless it was deleted.
 */
static void
plan_keep_digests(struct plan *p)
{
	size_t	 i, kept = 0;

	for (i = 0; i < p->nchanges; i++)
		if (p->changes[i].uidlen <= PROTO_UID_MAX || p->changes[i].state == SEEN_DELETED ||
		    (p->changes[i].what != CHANGE_GONE && p->changes[i].what != CHANGE_FORGET))
			p->changes[kept++] = p->changes[i];
	p->nchanges = kept;
}
