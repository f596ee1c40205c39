/* SPDX-License-Identifier: ISC */
/*
 * Messages that the server does not give: RETR answered -ERR.  A message that somebody else has deleted meanwhile is refused, too
 * (RFC 1939, section 8), and is gone from the next listing; so a first refusal alarms nobody.
 *
 *	refusal					counts as a failure		the poll, if nothing else was asked for
 *	[SYS/TEMP], [IN-USE], ...		once an hour			has failed
 *	[SYS/PERM] (RFC 3206)			each				has failed
 *	any other, the first			it does				is good
 *	any other, again			each				has failed
 *	of a message that is set aside		each (once a day)		is good
 *	of a message that no listing names	no: STAT promised too much	is good
 *
 * A failure is one in table `suspect`, as when the connection breaks, see suspect.c: after SUSPECT_FAILURES of them the message is
 * set aside, its owner is told, and it is tried once a day.  A message without a trusted unique-id has no row there: the owner is
 * told when SUSPECT_FAILURES polls in a row have met a refusal of such messages.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define REFUSALS_MAX	20		/* refusals of a session whose words are kept */
#define LATER_PAUSE	3600		/* s between two refusals for now that count */
#define NAMED		5		/* messages that a notice names */
#define NAME_SIZE	(PROTO_UID_MAX * 4 + 1)

static const char *refusal_words(const struct plan *, uint32_t);
static int	 refusal_counts(const struct message *);
static void	 refusal_fails(struct session *);
static void	 refusal_set_aside(struct session *);
static void	 refusal_unnamed(struct session *);
static const char *refusal_name(const struct plan *, const struct refusal *, char *, size_t);
static void	 refusal_append(char *, size_t, size_t *, const char *, ...) __attribute__((__format__(printf, 4, 5)));

/*
 * RETR of this message was refused, for that reason by the code of the reply, in these words.  Nothing is recorded before the
 * session's answers are known to have been in step.
 */
void
refusal_note(struct session *s, uint32_t msgno, enum fail_why why, const char *text)
{
	struct plan	*p = &s->plan;
	struct message	*m = &p->msgs[msgno];
	struct refusal	*r;

	if (m->action != ACTION_RETR && m->action != ACTION_RETR_ALONE)
		return;
	p->refusals++;
	if (!m->named && s->has_uidl && m->size == 0)
		return;
	m->refused = why == WHY_SERVER_TEMP || why == WHY_BUSY || why == WHY_TOO_SOON ? REFUSED_LATER :
	    why == WHY_SERVER_PERM ? REFUSED_FOR_GOOD : REFUSED_SOMEHOW;
	s->refused++;
	if (p->nrefused == REFUSALS_MAX)
		return;
	if (p->refused == NULL && (p->refused = calloc(REFUSALS_MAX, sizeof(*p->refused))) == NULL)
		return;
	r = &p->refused[p->nrefused++];
	r->msgno = msgno;
	strlcpy(r->text, text, sizeof(r->text));
}

/*
 * At the end of a session whose answers were in step, adds the refusals that count to its changes.  Without memory p->failed is
 * set.  If nothing but refusals came of the session, it may fail of them.
 */
void
refusal_confirm(struct session *s)
{
	struct plan		*p = &s->plan;
	struct listing_change	*c;
	struct message		*m;
	uint32_t		 i;

	s->refused_counted = 0;
	for (i = 1; i <= p->count && s->refused > 0; i++) {
		m = &p->msgs[i];
		if (!refusal_counts(m))
			continue;
		s->refused_counted++;
		if (m->uid_len != 0 && (c = plan_change_message(p, m, CHANGE_REFUSED)) != NULL)
			c->reason = refusal_words(p, i);
	}
	if (s->done)
		refusal_fails(s);
}

/* The refusals are recorded: they are logged, and owners are told of messages that are set aside now. */
void
refusal_tell(struct session *s)
{
	const struct plan	*p = &s->plan;
	char			 name[NAME_SIZE];

	if (s->refused_counted > 0 && p->nrefused > 0)
		log_info("%s: %s: %u message%s refused by the server: message %s: %s%s", s->label, s->where, s->refused,
		    PLURAL(s->refused), refusal_name(p, &p->refused[0], name, sizeof(name)), p->refused[0].text,
		    s->refused > 1 ? ", ..." : "");
	refusal_set_aside(s);
	refusal_unnamed(s);
	s->refused_counted = 0;
}

/* What the server said when it refused this message, if that was kept. */
static const char *
refusal_words(const struct plan *p, uint32_t msgno)
{
	uint32_t	 i;

	for (i = 0; i < p->nrefused; i++)
		if (p->refused[i].msgno == msgno)
			return (p->refused[i].text);
	return ("refused by the server, with others");
}

/* 1: the refusal of this message counts as a failure. */
static int
refusal_counts(const struct message *m)
{
	return (m->refused != 0 && !(m->refused == REFUSED_LATER && m->failures > 0 && m->ago < LATER_PAUSE));
}

/* Lets a poll fail that asked for messages and got none, unless they may have been deleted or are known to be refused. */
static void
refusal_fails(struct session *s)
{
	const struct plan	*p = &s->plan;
	const struct message	*m;
	uint32_t		 i;

	if (s->refused == 0 || p->refusals < p->retrieve || s->why != WHY_NONE || p->nrefused == 0)
		return;
	for (i = 1; i <= p->count; i++) {
		m = &p->msgs[i];
		if (m->refused == 0 || m->failures >= SUSPECT_FAILURES || (m->refused == REFUSED_SOMEHOW && m->failures == 0))
			continue;
		s->why = WHY_SERVER_TEMP;	/* what is new there shall not wait for it */
		s->stage = STAGE_RETR;
		snprintf(s->error, sizeof(s->error), "the server refuses every message that was asked for: %.200s",
		    p->refused[0].text);
		return;
	}
}

/* Tells of all messages that were refused often enough now, in one log line and one notice to the owner. */
static void
refusal_set_aside(struct session *s)
{
	const struct plan	*p = &s->plan;
	const struct message	*m;
	char			 name[NAME_SIZE], list[3 * PROTO_TEXT_SIZE] = "", subject[PROTO_RECORD_SIZE + NAME_SIZE + 64];
	size_t			 len = 0;
	uint32_t		 i, n = 0, first = 0;

	for (i = 1; i <= p->count && s->refused_counted > 0; i++) {
		m = &p->msgs[i];
		if (!refusal_counts(m) || m->uid_len == 0 || m->failures + 1 != SUSPECT_FAILURES)
			continue;
		if (n++ == 0)
			first = i;
		if (n > NAMED)
			continue;
		log_vis(name, sizeof(name), plan_uid(p, m), m->uid_len);
		refusal_append(list, sizeof(list), &len, "Its unique-id: %s\nIts size in octets: %u\n", name, m->size);
	}
	if (n == 0)
		return;
	log_vis(name, sizeof(name), plan_uid(p, &p->msgs[first]), p->msgs[first].uid_len);
	log_warnx("%s: %s: %u message%s set aside, refused by the server %d times: message %s%s (%s); left on the server and "
	    "tried again once a day", s->label, s->where, n, PLURAL(n), SUSPECT_FAILURES, name, n > 1 ? ", ..." : "",
	    p->refused[0].text);
	if (n == 1)
		snprintf(subject, sizeof(subject), "%s: message %s cannot be retrieved", s->label, name);
	else
		snprintf(subject, sizeof(subject), "%s: %u messages cannot be retrieved", s->label, n);
	notice_send(s->quota.account, s->label, subject,
	    "%s has refused %d times to give %s.\nIt says: %s\n\nWhat is refused stays there and is tried again once a day."
	    "\n\n%s%s",
	    s->where, SUSPECT_FAILURES, n == 1 ? "one message" : "some messages", p->refused[0].text, list,
	    n > NAMED ? "and more, which \"rpopctl quarantine\" lists\n" : "");
}

/* Tells the owner of refused messages without a unique-id when so many polls in a row have met some. */
static void
refusal_unnamed(struct session *s)
{
	const struct plan	*p = &s->plan;
	char			 subject[PROTO_RECORD_SIZE + 64];
	uint32_t		 i, n = 0;

	if (s->run.task == NULL)
		return;
	for (i = 1; i <= p->count && s->refused > 0; i++)
		n += p->msgs[i].refused != 0 && p->msgs[i].uid_len == 0;
	if (n == 0 && s->done)
		s->run.task->refusals = 0;
	if (n == 0 || p->nrefused == 0 || ++s->run.task->refusals != SUSPECT_FAILURES)
		return;
	snprintf(subject, sizeof(subject), "%s: %u message%s cannot be retrieved", s->label, n, PLURAL(n));
	notice_send(s->quota.account, s->label, subject,
	    "%s has refused %u message%s in each of %d polls.\nIt says: %s\n\n"
	    "Without a unique-id, what is refused is tried at every poll.\n",
	    s->where, n, PLURAL(n), SUSPECT_FAILURES, p->refused[0].text);
}

/* A refused message's unique-id, or its number, into dst. */
static const char *
refusal_name(const struct plan *p, const struct refusal *r, char *dst, size_t size)
{
	const struct message	*m = &p->msgs[r->msgno];

	if (m->uid_len != 0)
		log_vis(dst, size, plan_uid(p, m), m->uid_len);
	else
		snprintf(dst, size, "number %u", r->msgno);
	return (dst);
}

/* Appends to the text of *len octets in dst, as much as there is room for. */
static void
refusal_append(char *dst, size_t size, size_t *len, const char *fmt, ...)
{
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(dst + *len, size - *len, fmt, ap);
	va_end(ap);
	if (n > 0)
		*len += (size_t)n < size - *len ? (size_t)n : size - *len - 1;
}
