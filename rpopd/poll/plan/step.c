/* SPDX-License-Identifier: ISC */
/*
 * A plan is made in steps.  plan.c has their list; a step that finds that things are otherwise (the server has renumbered its
 * messages, say) puts a list of its own, a branch, before the rest of it.
 *
 *	a step returns		what follows
 *	PLAN_NEXT		the next step, at once
 *	PLAN_MORE		the event loop; then the same step again, with work.again set
 *	PLAN_ASK		the fetcher is asked; when all answers are in, the next step
 *	anything else		nothing: that is the result, and no step is left
 */
#include <stdarg.h>
#include <stdio.h>

#include "plan_int.h"

/* Carries out a list of steps, which ends with NULL; one of them, the last at the latest, must return the plan's result. */
enum plan_result
plan_run(struct session *s, plan_step *const *steps)
{
	struct plan_work	*w = &s->plan.work;

	w->steps = steps;
	w->branch = NULL;
	w->again = 0;
	return (plan_go_on(s));
}

/* Goes on with the steps that are left, behind PLAN_MORE or PLAN_ASK; PLAN_FAILED if there are none. */
enum plan_result
plan_go_on(struct session *s)
{
	struct plan_work	*w = &s->plan.work;
	plan_step		*const **at, *const *step;
	enum plan_result	 result = PLAN_NEXT;

	while (result == PLAN_NEXT && w->steps != NULL) {
		if (w->branch != NULL && *w->branch == NULL)
			w->branch = NULL;
		at = w->branch != NULL ? &w->branch : &w->steps;
		step = (*at)++;
		if ((result = (*step)(s)) == PLAN_MORE)
			*at = step;
		w->again = result == PLAN_MORE;
	}
	if (result == PLAN_NEXT)
		return (PLAN_FAILED);
	if (result != PLAN_MORE && result != PLAN_ASK)
		w->steps = NULL;
	return (result);
}

/* 1: the last result was PLAN_MORE, and the plan was not abandoned since. */
int
plan_unfinished(const struct plan *p)
{
	return (p->work.steps != NULL && p->work.again);
}

/*
 * The result of a step: these steps come next, in place of what is left of the branch that the step is in; then the plan's own
 * list.
 */
enum plan_result
plan_branch(struct session *s, plan_step *const *steps)
{
	s->plan.work.branch = steps;
	return (PLAN_NEXT);
}

/* The result of a step: nothing is to be done in this session, which ends in good order with this failure if it has none yet. */
enum plan_result
plan_pause(struct session *s, enum fail_why why, const char *fmt, ...)
{
	va_list	 ap;

	if (s->why != WHY_NONE)
		return (PLAN_PAUSED);
	s->why = why;
	s->stage = STAGE_LIST;
	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return (PLAN_PAUSED);
}
