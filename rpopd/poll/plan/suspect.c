/* SPDX-License-Identifier: ISC */
/*
 * Messages at which sessions fail (the connection is lost while the message comes in, or RETR is refused, see refusal.c), and
 * messages of which the deliverer may die.  Both are counted in table `suspect`.
 *
 *	deaths < SUSPECT_DEATHS, failures < SUSPECT_FAILURES	retrieved last and alone; after a death, by the holder only
 *	deaths >= SUSPECT_DEATHS				set aside: left alone
 *	failures >= SUSPECT_FAILURES				set aside: tried once in SUSPECT_RETRY seconds, last and alone
 *	its size is another one, or it was absent		another message has its unique-id now: no suspect
 *
 * One suspect of a death at most is in flight in the whole daemon, so that the next death of the deliverer has one cause: only one
 * session at a time, the holder, retrieves such messages.  It is the first session that plans to, until it ends; others leave
 * theirs for their next session.
 */
#include <stdio.h>

#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

static struct session	*suspect_holder;	/* NULL: none */

/* What a message's row in `suspect` says: how it is retrieved, if it is to be, now or when it cannot be proven. */
void
suspect_row(struct session *s, struct message *m, const struct seen_row *row)
{
	int64_t	 ago = s->plan.work.now - row->failed;

	if (row->deaths + row->failures == 0)
		return;
	if (plan_reused(m, row->suspect_size, row->irregular_gone)) {
		plan_change_message(&s->plan, m, CHANGE_CLEAR);
		return;
	}
	if (m->proof == PROOF_DELE || m->proof == PROOF_KEEP)
		s->plan.no_top = 1;
	else if (m->action == ACTION_NONE)
		return;
	if (row->deaths >= SUSPECT_DEATHS || (row->failures >= SUSPECT_FAILURES && ago >= 0 && ago < SUSPECT_RETRY)) {
		m->action = ACTION_NONE;
		m->proof = PROOF_NONE;
		s->set_aside++;
		return;
	}
	m->action = ACTION_RETR_ALONE;
	m->suspect = row->deaths > 0;
	m->failures = row->failures < UINT8_MAX ? row->failures : UINT8_MAX;
	m->ago = ago < 0 || ago > UINT32_MAX ? UINT32_MAX : ago;
}

/* 1: the session may retrieve suspects of a death, and is the holder now if there was none. */
int
suspect_take(struct session *s)
{
	if (suspect_holder == NULL)
		suspect_holder = s;
	return (suspect_holder == s);
}

/* 1: the session is the holder. */
int
suspect_holds(const struct session *s)
{
	return (suspect_holder == s);
}

/* The session has ended: if it is the holder, another one may be. */
void
suspect_leave(const struct session *s)
{
	if (suspect_holder == s)
		suspect_holder = NULL;
}

/*
 * Counts that the connection was lost, or the protocol, while this message was coming in; the owner is told when it is set aside.
 * If everything else was retrieved and the message, which has failed before, came last, the session is excused: the poll was good.
 */
void
suspect_failure(struct session *s, uint32_t msgno, const char *reason)
{
	struct plan	*p = &s->plan;
	struct message	*m = &p->msgs[msgno];
	char		 text[PROTO_UID_MAX * 4 + 1], subject[PROTO_RECORD_SIZE + 320];
	uint32_t	 i, n;

	if (m->uid_len == 0 || m->state != MESSAGE_PLANNED || m->action == ACTION_DELE ||
	    state_failure(s->mailbox, plan_uid(p, m), m->uid_len, m->size, reason, &n) != DB_OK)
		return;
	log_vis(text, sizeof(text), plan_uid(p, m), m->uid_len);
	if (n == SUSPECT_FAILURES) {
		log_warnx("%s: %s: message %s set aside: %u sessions failed at it (%s); it stays on the server and is tried again "
		    "once a day", s->label, s->where, text, n, reason);
		snprintf(subject, sizeof(subject), "%s: message %s cannot be retrieved", s->label, text);
		notice_send(s->quota.account, s->label, subject,
		    "%u sessions with %s failed while one message was being retrieved.\nIt stays there and is tried again once a "
		    "day.\n\nIts unique-id: %s\nIts size in octets: %u\nWhat happened: %s\n", n, s->where, text, m->size, reason);
	} else
		log_debug("%s: message %s: failure %u: %s", s->label, text, n, reason);
	for (i = 1; i <= p->count; i++)
		if (p->msgs[i].state == MESSAGE_PLANNED && p->msgs[i].action != ACTION_DELE &&
		    p->msgs[i].action != ACTION_RETR_ALONE)
			return;
	s->excused = m->action == ACTION_RETR_ALONE;
}

/* Counts that the deliverer died while it had this message, or was to get it. */
void
suspect_death(struct session *s, uint32_t msgno)
{
	struct plan		*p = &s->plan;
	const struct message	*m = &p->msgs[msgno];
	char			 text[PROTO_UID_MAX * 4 + 1];
	uint32_t		 deaths;

	if (m->uid_len == 0 || (m->state != MESSAGE_PLANNED && m->state != MESSAGE_RECEIVED) ||
	    state_suspect(s->mailbox, plan_uid(p, m), m->uid_len, m->size, "the deliverer died while it had this message",
	    &deaths) != DB_OK)
		return;
	log_vis(text, sizeof(text), plan_uid(p, m), m->uid_len);
	if (deaths >= SUSPECT_DEATHS)
		log_warnx("%s: message %s set aside: the deliverer died %u times on it; it stays on the server", s->label, text,
		    deaths);
	else
		log_debug("%s: message %s is a suspect, death %u", s->label, text, deaths);
}
