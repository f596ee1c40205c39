/* SPDX-License-Identifier: ISC */
/*
 * Servers that delete, or hide, what was retrieved although the record leaves it there: none of the messages that a session brought
 * is in the next whole listing.  If that happens once, somebody may have deleted them; of VANISHED times in a row the owner is
 * told, once for the record.
 */
#include <stdio.h>

#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define VANISHED	2	/* sessions in a row whose messages are missing */

static void	 vanish_tell(struct session *);

/*
 * Counts a row of the mailbox whose unique-id is listed or not, if the last session that brought messages brought this one.  A row
 * that is keyed by a digest is in no listing, wherever its message is.
 */
void
vanish_row(struct session *s, const struct seen_row *row, int listed)
{
	int64_t	 retrieved = s->run.task != NULL ? s->run.task->rs.retrieved : 0;

	if (retrieved == 0 || row->since < retrieved || row->uidlen > PROTO_UID_MAX ||
	    (row->state != SEEN_KEPT && row->state != SEEN_WAITING))
		return;
	if (listed)
		s->plan.stayed++;
	else if (row->gone == 0)
		s->plan.vanished++;
}

/*
 * Judges the counts when the listing is whole and every row was counted, or when nothing has changed since the last whole listing.
 */
void
vanish_judge(struct session *s)
{
	struct record_state	*rs;

	if (s->run.task == NULL || (rs = &s->run.task->rs)->retrieved == 0)
		return;
	rs->retrieved = 0;
	if (rs->vanished >= VANISHED)
		return;
	if (s->plan.stayed > 0 || s->plan.vanished == 0)
		rs->vanished = 0;
	else if (++rs->vanished == VANISHED)
		vanish_tell(s);
}

/*
 * A session has ended: the next listing is to have the messages that it left there.  Where a plan found all unique-ids new, only
 * what the session retrieved has told whether the messages were new, too; if they were, those of the session before are judged now.
 */
void
vanish_watch(struct session *s)
{
	if (s->plan.renumbered && s->discarded == 0)
		vanish_judge(s);
	if (s->run.task != NULL && s->leave && s->retrieved > 0)
		s->run.task->rs.retrieved = s->epoch;
}

static void
vanish_tell(struct session *s)
{
	char	 subject[PROTO_RECORD_SIZE + 80];

	log_warnx("%s: %s: leave is 1, but what was retrieved is gone from the server at the next poll: rset = 1 may help, or a "
	    "setting at the provider's site", s->label, s->where);
	snprintf(subject, sizeof(subject), "%s: what was retrieved does not stay on the server", s->label);
	notice_send(s->quota.account, s->label, subject,
	    "Messages are to stay at %s, but twice in a row everything that had been retrieved from there was gone at the next "
	    "poll. All of it was delivered here.\n\n"
	    "Either another program of yours deletes it.\n"
	    "Or the provider deletes or hides what a program has retrieved: look for a setting about POP3 at its site.\n"
	    "Or the server marks for deletion what it hands out: then the administrator's setting rset = 1 for this record "
	    "helps.\n",
	    s->where);
}
