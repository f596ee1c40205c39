/* SPDX-License-Identifier: ISC */
/*
 * The end of a poll: one log line if there was work or the record's health changed, the record's state in the store (S33), and the
 * next poll.  Idle polls are silent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/clock.h"
#include "../common/log.h"
#include "rpopd.h"

#define POSTPONED	2000	/* ms until the next poll of a record whose suspects found another one in flight */

static void	 report_work(struct session *);
static void	 report_health(struct session *, struct task *);

void
report_session(struct session *s)
{
	struct task	*t = s->task;

	report_work(s);
	if (t == NULL)
		return;
	t->session = NULL;
	t->polled = 1;
	t->why = s->why;
	if (s->why != WHY_STOPPED) {
		report_health(s, t);
		if (state_record_put(t->mailbox, &t->rs) == -1)
			log_debug("%s: status not stored", s->label);
	}
	if (s->why != WHY_NONE && s->why != WHY_STOPPED)
		master.failed = 1;
	sched_next(t);
	if (t->rec->period != 0 && (t->again || s->plan.postponed > 0))
		sched_add(t, clock_msec() + (t->again ? 0 : POSTPONED));
	t->again = 0;
}

static void
report_work(struct session *s)
{
	char	 extra[160] = "";
	int	 n = 0;

	if (s->retrieved == 0 && s->deleted == 0 && s->discarded == 0)
		return;
	if (s->fallback > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u to the postmaster", s->fallback);
	if (s->discarded > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u known already", s->discarded);
	if (s->aside > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u set aside", s->aside);
	log_info("%s: %s: %u messages (%llu octets) retrieved, %u deleted%s%s, %.1f s", s->label, s->where, s->retrieved,
	    (unsigned long long)s->octets, s->deleted, s->deleted > 0 && !s->done ? " (not confirmed)" : "", extra,
	    (clock_msec() - s->begun) / 1000.0);
}

/* Success or failure; a line only when that is news. */
static void
report_health(struct session *s, struct task *t)
{
	struct record_state	*rs = &t->rs;
	char			 text[PROTO_TEXT_SIZE + 16];

	rs->polls++;
	rs->messages += s->retrieved;
	rs->octets += s->octets;
	rs->last_attempt = time(NULL);
	if (s->why == WHY_NONE) {
		if (rs->failures > 0)
			log_info("%s: %s: works again after %u failures", s->label, s->where, rs->failures);
		rs->failures = 0;
		rs->error[0] = '\0';
		rs->last_success = rs->last_attempt;
		return;
	}
	rs->failures++;
	snprintf(text, sizeof(text), "%s: %s", fetch_stage_str(s->stage), s->error);
	text[PROTO_TEXT_SIZE - 1] = '\0';
	if (strcmp(text, rs->error) != 0)
		log_warnx("%s: %s: %s", s->label, s->where, text);
	strlcpy(rs->error, text, sizeof(rs->error));
}
