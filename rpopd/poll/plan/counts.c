/* SPDX-License-Identifier: ISC */
/*
 * How many messages of a record are in which state, for whoever looks.  A mailbox of many is counted in slices and not each time:
 * what was counted is good for a while, unless a session has ended since.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"

#define COUNTS_MSEC	10000	/* what else changes them (a next hop's answers) is seen as late as that */

struct counts {
	struct mailbox_counts	 known, partial;
	struct state_place	 at;
	int64_t			 mailbox;
	int64_t			 begun, since;	/* monotonic ms; since 0: nothing is known yet */
	int			 counting;
};

/* 1: they are in *out; 0: they are being counted, call again; -1: the store. */
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
		/* Few are counted anew each time. */
		c->since = c->known.kept + c->known.undeleted + c->known.waiting < STATE_PAGE ? 0 : c->begun;
		return (1);
	}
	*out = c->known;
	return (1);
}

void
counts_forget(struct task *t)
{
	free(t->counts);
	t->counts = NULL;
}
