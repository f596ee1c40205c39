/* SPDX-License-Identifier: ISC */
/*
 * How many messages of a record are in which state, for "rpopctl status".  A mailbox of many messages is counted in slices and
 * not each time: a count is good for COUNTS_MSEC, unless a session of the record has ended since.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

#define COUNTS_MSEC	10000	/* how late it is seen what else changes a count (a next hop's answers) */

struct counts {
	struct mailbox_counts	 known;		/* the last count */
	struct mailbox_counts	 partial;	/* the count that is being made, as far as at */
	struct state_place	 at;
	int64_t			 mailbox;
	int64_t			 begun;		/* monotonic ms: of partial */
	int64_t			 since;		/* monotonic ms: of known; 0: nothing is known that may be shown again */
	int			 counting;	/* a count is being made */
};

/* 1: the counts are in *out; 0: messages are being counted, call again; -1: the store. */
int
counts_get(struct task *t, struct mailbox_counts *out)
{
	struct counts	*c = t->counts;
	enum db		 result;

	if (c == NULL || c->mailbox != t->mailbox) {
		counts_forget(t);
		if ((c = t->counts = calloc(1, sizeof(*c))) == NULL)
			return (-1);
		c->mailbox = t->mailbox;
	}
	if (c->since == 0 || c->since <= t->ended || clock_msec() - c->since >= COUNTS_MSEC) {
		if (!c->counting) {
			memset(&c->partial, 0, sizeof(c->partial));
			memset(&c->at, 0, sizeof(c->at));
			c->begun = clock_msec();
			c->counting = 1;
		}
		if ((result = state_counts(c->mailbox, &c->at, &c->partial)) == DB_MORE)
			return (0);
		c->counting = 0;
		if (result != DB_OK)
			return (-1);
		*out = c->known = c->partial;
		/* Few messages are counted anew each time. */
		c->since = c->known.kept + c->known.undeleted + c->known.waiting < STATE_PAGE ? 0 : c->begun;
		return (1);
	}
	*out = c->known;
	return (1);
}

/* Drops what is known of a task's mailbox. */
void
counts_forget(struct task *t)
{
	free(t->counts);
	t->counts = NULL;
}
