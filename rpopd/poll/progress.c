/* SPDX-License-Identifier: ISC */
/*
 * How far a session's retrieval is, for the status, and how long the rest may take at the session's own rate.  That is measured from
 * a mark in the past up to now, so that a server that stands still lets the time grow.
 */
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/ipc/proto_ctl.h"
#include "poll.h"

#define MARK_MSEC	2000	/* between two marks, at least: the oldest one is half a minute old where messages keep coming */
#define BASIS_MSEC	5000	/* that have to be measured ahead of an estimate */

static void	 progress_mark(struct progress *, int64_t);
static uint32_t	 progress_size(const struct message *);

/* So many messages are to be retrieved from now on, with so many octets in all, by LIST; 0: that is not known of every one. */
void
progress_begin(struct progress *p, int64_t now, uint32_t messages, uint64_t octets)
{
	memset(p, 0, sizeof(*p));
	p->planned = messages;
	p->planned_octets = octets;
	progress_mark(p, now);
}

/* One more of these messages, with so many octets by LIST, is answered for. */
void
progress_add(struct progress *p, int64_t now, uint64_t octets)
{
	if (p->done >= p->planned)
		return;
	p->done++;
	p->octets += octets;
	if (now - p->marks[(p->nmarks - 1) % PROGRESS_MARKS].msec >= MARK_MSEC)
		progress_mark(p, now);
}

/*
 * The seconds that the rest takes at the rate since the oldest mark: by octets where they are known, else by messages.  UINT32_MAX:
 * there is no rest, or too little was seen yet to tell.
 */
uint32_t
progress_left(const struct progress *p, int64_t now)
{
	const struct progress_mark	*since;
	double				 rest, gained, left;

	if (p->nmarks == 0 || p->done >= p->planned)
		return (UINT32_MAX);
	since = &p->marks[p->nmarks > PROGRESS_MARKS ? p->nmarks % PROGRESS_MARKS : 0];
	if (now - since->msec < BASIS_MSEC || p->done == since->done)
		return (UINT32_MAX);
	if (p->octets < p->planned_octets && p->octets > since->octets) {
		rest = p->planned_octets - p->octets;
		gained = p->octets - since->octets;
	} else {
		rest = p->planned - p->done;
		gained = p->done - since->done;
	}
	left = rest / gained * (now - since->msec) / 1000;
	return (left + 1 >= UINT32_MAX ? UINT32_MAX : (uint32_t)left + 1);
}

/* What is done by now is remembered, in the place of the oldest mark. */
static void
progress_mark(struct progress *p, int64_t now)
{
	p->marks[p->nmarks++ % PROGRESS_MARKS] = (struct progress_mark){ now, p->done, p->octets };
}

/* The session's plan stands, and is carried out from now on. */
void
progress_planned(struct session *s)
{
	const struct message	*m;
	uint64_t		 octets = 0;
	uint32_t		 i, n = 0;
	int			 known = 1;

	for (i = 1; i <= s->plan.count; i++) {
		m = &s->plan.msgs[i];
		if (m->state != MESSAGE_PLANNED || m->action == ACTION_DELE || m->action == ACTION_FINGERPRINT)
			continue;
		n++;
		octets += progress_size(m);
		known = known && (m->size != 0 || m->action == ACTION_HEADERS);
	}
	progress_begin(&s->progress, clock_msec(), n, known ? octets : 0);
}

/* A message of the plan was committed, or the server does not give it. */
void
progress_answered(struct session *s, const struct message *m)
{
	progress_add(&s->progress, clock_msec(), progress_size(m));
}

/* The octets that are expected of a message; of one whose header alone is retrieved none are. */
static uint32_t
progress_size(const struct message *m)
{
	return (m->action == ACTION_HEADERS ? 0 : m->size);
}

/* What is told of the progress of a run; nothing, if nothing is being retrieved. */
void
progress_tell(struct run *r, struct ctl_record *m)
{
	const struct session	*s = session_of(r);

	m->seconds_left = UINT32_MAX;
	if (s == NULL || s->progress.planned == 0)
		return;
	m->planned = s->progress.planned;
	m->fetched = s->progress.done;
	m->planned_octets = s->progress.planned_octets;
	m->fetched_octets = m->planned_octets != 0 ? s->progress.octets : s->octets;
	m->seconds_left = progress_left(&s->progress, clock_msec());
}
