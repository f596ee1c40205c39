/* SPDX-License-Identifier: ISC */
/* A session with a listing, and a store that holds what a test puts there and remembers what it is told: planrig.c. */
#ifndef PLANRIG_H
#define PLANRIG_H

#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan_int.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"

#define RIG_ROWS	8000
#define KEEP_SECONDS	(30 * 86400)	/* state_keep() */

extern struct seen_row		 rows[RIG_ROWS];
extern struct seen_digests	 digests[RIG_ROWS];	/* of rows[] of the same index */
extern size_t			 nrows;
extern struct listing_change	 changes[RIG_ROWS];	/* of the last state_change() */
extern size_t			 nchanges;
extern int64_t			 row_listed;		/* what row() says that a row knows of its listed size */
extern enum db			 change_result;		/* what state_change_slice() returns */
extern enum former_found	 former_rv;		/* former_find() */
extern enum former_past		 past;			/* likewise */
extern int			 listed;		/* state_listed() */
extern uint32_t			 unproven;		/* what state_unprove_slice() finds; it is told once */
extern int			 unproves;		/* calls */
extern enum renumber		 renumbered;
extern uint32_t			 failures;		/* state_failure() counts up */
extern char			 notice[2048];		/* the last one: subject, text */
extern int			 notices;

extern struct session		 elsewhere;		/* another session, without a plan */
extern size_t			 slices;		/* rows in one slice; 0: all of them */

/* A plan, or an end, through all of its slices. */
enum plan_result through(struct session *, enum plan_result);
enum plan_result answered(struct session *);	/* every fingerprint that was asked for is in, or was refused */
enum db	 recorded(struct session *, enum db);
void	 ended(struct session *);
#define plan_make(s, listing, has_uidl)	through((s), (plan_make)((s), (listing), (has_uidl)))
#define plan_confirm(s, quit_ok)	recorded((s), (plan_confirm)((s), (quit_ok)))
#define plan_end(s)			ended(s)
int	 whole_and_sliced(int (*)(void));	/* run a group of tests both ways; the sum of what it returns */

void	 begin(struct session *, uint32_t count, int leave);
void	 list(struct session *, uint32_t msgno, const char *uid);
struct seen_row	*row(const char *uid, enum seen_state, int64_t gone, uint32_t deaths, uint32_t failed);
/* Every message that is asked for shows the header that its row knows, but for message other; then answered(). */
enum plan_result prove(struct session *, uint32_t other);
const struct listing_change *changed(const char *uid, int what);	/* NULL: no such change */

#endif
