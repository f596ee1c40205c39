/* SPDX-License-Identifier: ISC */
/*
 * The first listing of a mailbox that is new to the record.  It may be the one that a record had before, see former.c; and if the
 * record says first_poll = 'mark', what is there counts as delivered.
 *
 *	killed while messages are marked: the mailbox counts as not listed, and the next session marks all that is there then
 *
 * Messages whose unique-id is not to be trusted cannot be marked and are retrieved.  A listing with gaps marks nothing, and nothing
 * is retrieved.
 */
#include <stddef.h>

#include "common/hook.h"
#include "common/log.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define UNMARKED	10	/* messages without a trusted unique-id, or a hundredth, are no reason not to mark the others */

static plan_step	 first_mark, first_marked;
static enum plan_result first_former(struct session *, enum former_past *);

/* Every message is marked, and that the mailbox is listed comes last. */
static plan_step	*const marking_steps[] = { first_mark, plan_save, first_marked, NULL };

/* A step: whether this is the first listing of the mailbox, and what follows from that. */
enum plan_result
first_listing(struct session *s)
{
	struct plan		*p = &s->plan;
	enum former_past	 past = PAST_NONE;
	enum plan_result	 result;
	enum db			 listed;

	if ((listed = state_listed(s->mailbox)) == DB_FAILED)
		return (PLAN_FAILED);
	if (listed == DB_OK)
		return (PLAN_NEXT);
	if (p->work.has_uidl && p->work.listing != LISTING_CONFUSED && (result = first_former(s, &past)) != PLAN_READY)
		return (result);
	if (plan_marks(s, past))
		return (plan_branch(s, marking_steps));
	if (s->quota.mark_first)
		log_info("%s: %s: first_poll is for a record that was never polled, and this one was, perhaps under another name: "
		    "nothing is marked", s->label, s->where);
	/* An empty listing is the last word only where no former mailbox is left that a later one could be compared with. */
	if (p->complete)
		plan_change(p, NULL, 0, past == PAST_NONE || p->count > 0 ? CHANGE_LISTED : CHANGE_EMPTY);
	return (PLAN_NEXT);
}

/*
 * Whether the mailbox is a former one.  PLAN_READY: it is not; PLAN_NEXT: it is, and has been listed before; else the step's
 * result.
 */
static enum plan_result
first_former(struct session *s, enum former_past *past)
{
	switch (former_find(s, past)) {
	case FOUND_NONE:
		return (PLAN_READY);
	case FOUND_ONE:
		return (PLAN_NEXT);
	case FOUND_MORE:
		return (PLAN_MORE);
	case FOUND_BUSY:
		return (plan_pause(s, WHY_LOCAL_TEMP,
		    "a session with the mailbox that this record had before is still ending; next time"));
	default:
		return (PLAN_FAILED);
	}
}

static enum plan_result
first_mark(struct session *s)
{
	struct plan	*p = &s->plan;
	uint32_t	 i;
	int		 gaps;

	gaps = p->lines < p->count + p->beyond || (p->untrusted > UNMARKED && p->untrusted > p->count / 100);
	if (!p->work.has_uidl || p->work.listing == LISTING_CONFUSED || gaps)
		return (plan_pause(s, WHY_PROTO, "first_poll is 'mark', but the server's listing has gaps or contradicts itself: "
		    "nothing is marked or retrieved"));
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].uid_len != 0)
			plan_change_message(p, &p->msgs[i], CHANGE_MARK);
	plan_change(p, NULL, 0, CHANGE_LISTED);
	HOOK("master.marking");
	return (PLAN_NEXT);
}

static enum plan_result
first_marked(struct session *s)
{
	struct plan	*p = &s->plan;

	HOOK("master.marked");
	log_info("%s: %s: first poll: %zu message%s marked as seen and not retrieved; should it have been polled before "
	    "(state.db restored to an earlier day?): rpopctl forget %s", s->label, s->where, p->nchanges - 1,
	    PLURAL(p->nchanges - 1), s->label);
	p->nchanges = 0;
	return (PLAN_NEXT);
}
