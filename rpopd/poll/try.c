/* SPDX-License-Identifier: ISC */
/*
 * A trial: a session that logs in, lists, and reads headers (TOP n 0), so that somebody at rpopctl(8) learns where the messages
 * would go.  Nothing is retrieved, deleted, delivered or stored; the deliverer decides and tells, and keeps nothing.
 *
 * It runs beside the schedule: the record is busy meanwhile and has its place in the schedule back afterwards.  What the trial
 * finds out says nothing about record or host, except how often the server wants logins.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "poll.h"

#define TRY_MESSAGES	1000	/* the newest ones are looked at */

enum known { KNOWN_NOT, KNOWN_UNNAMED, KNOWN_KEPT, KNOWN_DELE, KNOWN_DELETED, KNOWN_DOUBT, KNOWN_WAITING, KNOWN_MARKED,
	KNOWN_MARK, KNOWN_OVERSIZE, KNOWN_HEADER, KNOWN_SUSPECT, KNOWN_ASIDE, KNOWN_MAX };

struct trial {
	const struct try_calls *calls;
	struct client	*client;	/* who asked; NULL: gone */
	int64_t		 due;		/* of the task, as it was */
	uint32_t	 period;	/* likewise */
	uint32_t	 first;		/* message looked at */
	uint32_t	 asked, told, refused;	/* headers: planned, decided upon, not given by the server */
	uint32_t	 counts[KNOWN_MAX];
	int		 listed;	/* there is something to say */
	uint8_t		*known;		/* enum known, by message number; NULL before the listing */
	enum former_found	 found;		/* of the mailbox that the record had before */
	struct former_seen	 former;	/* with FOUND_ONE: its state counts, not the session's */
	struct envelope_counts	 envelope;
	char		 refusal[PROTO_TEXT_SIZE];	/* the last one */
	char		 server[PROTO_TEXT_SIZE];	/* what the login found out about it, in words */
};

static const struct {
	const char	*state, *what;
}			 words[KNOWN_MAX] = {
	[KNOWN_NOT] =		{ "new", "would be retrieved" },
	[KNOWN_UNNAMED] =	{ "unnamed", "no unique-id to trust: would be retrieved and compared with what was delivered" },
	[KNOWN_KEPT] =		{ "delivered", "delivered before, would stay on the server" },
	[KNOWN_DELE] =		{ "delivered", "delivered before, would be deleted" },
	[KNOWN_DELETED] =	{ "again", "was deleted and is listed again: would be retrieved and compared with what was delivered" },
	[KNOWN_DOUBT] =		{ "again", "may have been delivered before: would be retrieved and compared with what was delivered" },
	[KNOWN_WAITING] =	{ "waiting", "taken before; a next hop has not yet answered for all of its recipients" },
	[KNOWN_MARKED] =	{ "marked", "counts as delivered" },
	[KNOWN_MARK] =		{ "marked", "would count as delivered at the first poll" },
	[KNOWN_OVERSIZE] =	{ "oversize", "over max_size: would stay on the server" },
	[KNOWN_HEADER] =	{ "oversize", "over max_size: only its header would be delivered, once" },
	[KNOWN_SUSPECT] =	{ "suspect", "polls failed at it: would be retrieved alone, and is not looked at now" },
	[KNOWN_ASIDE] =		{ "aside", "set aside after polls failed at it, and not looked at now" },
};

static struct task	*try_task(const char *);
static plan_step	 try_walk;
static int64_t		 try_mailbox(const struct session *);
static int		 try_row(void *, const struct seen_row *);
static enum known	 try_judge(const struct session *, const struct seen_row *, enum known);
static void		 try_size(struct session *, uint32_t);
static void		 try_show(struct session *, uint32_t, const char *);
static void		 try_schedule(const struct trial *, struct task *);
static void		 try_answer(const struct session *);
static void		 try_origin(const struct session *, char *, size_t);
static void		 try_summary(const struct session *, char *, size_t);

/*
 * Begin a trial of the record account/record for a client.  0: what is found out comes by the calls, which are the caller's and
 * must last, and the last of them is ended(); with a sentence 1: not yet, it will be possible soon, or -1: it is not.
 */
int
try_start(const struct try_calls *calls, struct client *c, const char *name, char *err, size_t errsize)
{
	struct trial	*trial;
	struct task	*t;
	int		 rv;

	if ((t = try_task(name)) == NULL)
		snprintf(err, errsize, "no such record; name it as account/record");
	else if ((rv = sched_permits(t, err, errsize)) != 0)
		return (rv);
	else if (host_full(t->host)) {
		snprintf(err, errsize, "as many sessions with %s as host_sessions permits are running; try again later",
		    t->rec->host);
		return (1);
	} else {
		if ((trial = calloc(1, sizeof(*trial))) == NULL)
			fatal("trial");
		trial->calls = calls;
		trial->client = c;
		trial->due = t->due;
		trial->period = t->rec->period;
		strlcpy(trial->envelope.special, t->rec->special, sizeof(trial->envelope.special));
		if (session_try(t, trial) == 0) {
			host_join(t->run, t->host);
			sched_remove(t);
			return (0);
		}
		free(trial);
		snprintf(err, errsize, "a process that it takes is not running; see the log");
		return (1);
	}
	return (-1);
}

/* The task of the record account/record; NULL: there is none. */
static struct task *
try_task(const char *name)
{
	size_t	 i;

	for (i = 0; i < sched_ntasks && strchr(name, '/') != NULL; i++)
		if (sched_named(&sched_tasks[i], name))
			return (&sched_tasks[i]);
	return (NULL);
}

/* The client has left: trials that it asked for are stopped, and nobody hears of them any more. */
void
try_abandon(struct client *c)
{
	struct session	*s, *next;

	SESSION_FOREACH_SAFE(s, next)
		if (s->trial != NULL && s->trial->client == c) {
			s->trial->client = NULL;
			session_stop(s);
		}
}

/* The trial has logged in: how long the server wants between logins counts for polls, too.  What it can do is told at the end. */
void
try_login(struct session *s, const struct msg_fetch_stat *m)
{
	if (s->run.task != NULL)
		retry_learn(s->run.task, WHY_NONE, m->login_delay);
	snprintf(s->trial->server, sizeof(s->trial->server), "%s, login by %s (offered: %s), %s UIDL, %s TOP", m->tls[0] == '\0' ?
	    "no TLS" : m->tls, m->mech, m->offered[0] == '\0' ? "nothing" : m->offered, m->has_uidl ? "with" : "without",
	    m->has_top ? "with" : "without");
}

static plan_step	*const try_steps[] = { try_walk, NULL };

/*
 * The listing of a trial is complete.  In place of plan_make(), likewise in steps: what is known of each message is found out,
 * and TOP is planned for the newest ones.  The store is only read.
 */
enum plan_result
try_plan(struct session *s, enum listing listing)
{
	struct plan	*p = &s->plan;
	struct trial	*trial = s->trial;
	enum former_past past = PAST_NONE;
	uint32_t	 i;
	enum db		 listed;

	for (i = 1; i <= p->count && listing == LISTING_CONFUSED; i++)
		p->msgs[i].uid_len = 0;
	if (plan_index(p) == -1 || (trial->known = calloc((size_t)p->count + 1, 1)) == NULL ||
	    (listed = state_listed(s->mailbox)) == DB_FAILED)
		return (PLAN_FAILED);
	if (listed == DB_NONE && s->has_uidl && listing != LISTING_CONFUSED &&
	    (trial->found = former_look(s, &past, &trial->former)) == FOUND_FAILED)
		return (PLAN_FAILED);
	for (i = 1; i <= p->count; i++)
		trial->known[i] = p->msgs[i].uid_len == 0 ? KNOWN_UNNAMED : listed == DB_NONE && trial->found != FOUND_ONE &&
		    plan_marks(s, past) ? KNOWN_MARK : KNOWN_NOT;
	memset(&p->work, 0, sizeof(p->work));
	return (plan_run(s, try_steps));
}

/* The mailbox whose state the next poll would go by. */
static int64_t
try_mailbox(const struct session *s)
{
	return (s->trial->found == FOUND_ONE ? s->trial->former.mailbox : s->mailbox);
}

/* A step of the plan: all rows of the mailbox are looked at; then it is known what would be done with each message. */
static enum plan_result
try_walk(struct session *s)
{
	struct plan	*p = &s->plan;
	struct trial	*trial = s->trial;
	uint32_t	 i;
	enum db		 result;

	if ((result = state_seen_slice(try_mailbox(s), &p->work.at, try_row, s)) == DB_FAILED)
		return (PLAN_FAILED);
	if (result == DB_MORE)
		return (PLAN_MORE);
	trial->listed = 1;
	trial->first = p->count > TRY_MESSAGES ? p->count - TRY_MESSAGES + 1 : 1;
	for (i = 1; i <= p->count; i++) {
		try_size(s, i);
		trial->counts[trial->known[i]]++;
		if (i < trial->first)
			continue;
		if (s->has_top && trial->known[i] < KNOWN_SUSPECT) {
			p->msgs[i].action = ACTION_HEADERS;
			p->msgs[i].state = MESSAGE_PLANNED;
			trial->asked++;
		} else
			try_show(s, i, "");
	}
	return (PLAN_READY);
}

/* One row of the mailbox. */
static int
try_row(void *arg, const struct seen_row *row)
{
	struct session	*s = arg;
	uint32_t	 n = row->uidlen <= PROTO_UID_MAX ? plan_find(&s->plan, row->uid, row->uidlen) : 0;

	if (n != 0) {
		s->trial->known[n] = try_judge(s, row, s->trial->known[n]);
		s->plan.msgs[n].oversize = row->oversize;
	}
	return (0);
}

/* What a row says of its message, by the tables in plan.c; was: what is known of the message without the row. */
static enum known
try_judge(const struct session *s, const struct seen_row *row, enum known was)
{
	int	 doubt = s->trial->found == FOUND_ONE && s->trial->former.doubt;
	int	 expired = s->quota.leave_days != 0 && s->epoch - row->since >= (int64_t)s->quota.leave_days * 86400;

	if (doubt && row->state == SEEN_MARKED)
		return (was);
	if (doubt && row->state != SEEN_NEVER)
		return (KNOWN_DOUBT);
	if (row->state == SEEN_MARKED)
		return (KNOWN_MARKED);
	if (row->state == SEEN_WAITING)
		return (KNOWN_WAITING);
	if (row->state == SEEN_KEPT || ((row->state == SEEN_DELETING || row->state == SEEN_DENIED) && row->gone == 0))
		return (!s->leave || expired ? KNOWN_DELE : KNOWN_KEPT);
	if (row->deaths >= SUSPECT_DEATHS || row->failures >= SUSPECT_FAILURES)
		return (KNOWN_ASIDE);
	if (row->deaths > 0 || row->failures > 0)
		return (KNOWN_SUSPECT);
	return (row->state == SEEN_NEVER ? was : KNOWN_DELETED);
}

/* What is known of a message that is over max_size, and would be retrieved otherwise. */
static void
try_size(struct session *s, uint32_t msgno)
{
	const struct message	*m = &s->plan.msgs[msgno];
	uint8_t			*known = &s->trial->known[msgno];

	if (s->quota.max_size == 0 || m->size <= s->quota.max_size ||
	    (*known != KNOWN_NOT && *known != KNOWN_UNNAMED && *known != KNOWN_DELETED &&
	    *known != KNOWN_DOUBT))
		return;
	*known = s->quota.headers_only && *known != KNOWN_UNNAMED && m->oversize < OVERSIZE_HEADER ? KNOWN_HEADER : KNOWN_OVERSIZE;
}

/* The deliverer says where a message would go.  0, or -1: that is no text of a deliverer. */
int
try_told(struct session *s, const struct msg_session_tried *m)
{
	const char	*p;

	for (p = m->text; *p != '\0'; p++)
		if ((*p < ' ' || *p > '~') && *p != '\n')
			return (-1);
	if (envelope_count(&s->trial->envelope, m) == -1)
		return (-1);
	s->trial->told++;
	try_show(s, m->msgno, m->text);
	return (0);
}

/* The server has refused the header of a message. */
void
try_skipped(struct session *s, uint32_t msgno, const char *text)
{
	char	 line[PROTO_TEXT_SIZE + 32];

	s->trial->refused++;
	strlcpy(s->trial->refusal, text, sizeof(s->trial->refusal));
	snprintf(line, sizeof(line), "its header was refused: %s\n", text);
	try_show(s, msgno, line);
}

/* Tell the client of one message; text: where it would go, "": it was not looked at. */
static void
try_show(struct session *s, uint32_t msgno, const char *text)
{
	const struct message	*m = &s->plan.msgs[msgno];
	enum known		 known = s->trial->known[msgno];
	struct ctl_tried	 out;

	if (s->trial->client == NULL)
		return;
	memset(&out, 0, sizeof(out));
	out.number = msgno;
	out.size = m->size;
	strlcpy(out.state, words[known].state, sizeof(out.state));
	strlcpy(out.what, words[known].what, sizeof(out.what));
	memcpy(out.uid, plan_uid(&s->plan, m), m->uid_len);
	strlcpy(out.why, text, sizeof(out.why));
	s->trial->calls->told(s->trial->client, &out);
}

/*
 * The session is over: the record goes back to where it was in the schedule, and who asked gets the last word.  An access token
 * that was refused is replaced once, as for a poll.
 */
void
try_end(struct session *s)
{
	struct trial	*trial = s->trial;
	struct task	*t = s->run.task;

	host_leave(&s->run);
	if (t != NULL) {
		t->run = NULL;
		t->tried = clock_msec();
		if (s->why == WHY_TOO_SOON)
			retry_learn(t, s->why, s->login_delay);
		if (token_refused(&s->token, t, s->why, s->stopping) && trial->client != NULL && session_try(t, trial) == 0) {
			host_join(t->run, t->host);
			return;
		}
		try_schedule(trial, t);
	}
	if (trial->client != NULL)
		try_answer(s);
	free(trial->known);
	free(trial);
}

/* Put the record back into its place in the schedule, unless a reload has changed its period or poll-now has come meanwhile. */
static void
try_schedule(const struct trial *trial, struct task *t)
{
	if (t->rec->period != 0 && t->again)
		sched_add(t, clock_msec());
	else if (t->rec->period != 0 && trial->due != INT64_MAX && trial->period == t->rec->period)
		sched_add(t, trial->due);
	else
		sched_next(t);
	t->again = 0;
}

/* The last word to the client: how the trial went. */
static void
try_answer(const struct session *s)
{
	const struct trial	*trial = s->trial;
	struct ctl_text		 m;
	size_t			 n;
	int			 ok = 0;

	n = snprintf(m.text, sizeof(m.text), "%.180s: %.100s: ", s->label, s->where);
	if (s->why != WHY_NONE)
		snprintf(m.text + n, sizeof(m.text) - n, "%s: %s", fetch_stage_str(s->stage), s->error);
	else if (!trial->listed || trial->told + trial->refused < trial->asked)
		strlcat(m.text, s->orphaned ? "the deliverer died meanwhile" : "ended before everything was looked at",
		    sizeof(m.text));
	else if (s->plan.count > 0 && !s->has_top)
		strlcat(m.text, "the server has no TOP: where its messages would go cannot be told without retrieving them",
		    sizeof(m.text));
	else if (trial->asked > 0 && trial->told == 0)
		snprintf(m.text + n, sizeof(m.text) - n, "the server gives no header (TOP): %s", trial->refusal);
	else {
		ok = 1;
		try_summary(s, m.text, sizeof(m.text));
		envelope_tell(&trial->envelope, trial->calls, trial->client);
	}
	if (ok)
		log_info("%s: %s: tried: %u message%s looked at, nothing changed", s->label, s->where, trial->told,
		    PLURAL(trial->told));
	else
		log_info("%s: %s: tried: %s", s->label, s->where, m.text + n);
	trial->calls->ended(trial->client, ok, m.text);
}

/* Append to text how many messages there are of each state. */
static void
try_summary(const struct session *s, char *text, size_t size)
{
	const struct trial	*trial = s->trial;
	char			 part[64];
	enum renumber		 renumber;
	size_t			 i;
	uint32_t		 count;

	snprintf(part, sizeof(part), "%u message%s", s->plan.count, s->plan.count == 1 ? "" : "s");
	strlcat(text, part, size);
	for (i = 0; i < KNOWN_MAX; i++) {
		count = trial->counts[i];
		while (i + 1 < KNOWN_MAX && strcmp(words[i].state, words[i + 1].state) == 0)
			count += trial->counts[++i];
		snprintf(part, sizeof(part), ", %u %s", count, words[i].state);
		if (count > 0)
			strlcat(text, part, size);
	}
	snprintf(part, sizeof(part), "; only the newest %d were looked at", TRY_MESSAGES);
	if (trial->first > 1)
		strlcat(text, part, size);
	try_origin(s, text, size);
	if (state_renumber_get(try_mailbox(s), &renumber) == DB_OK && renumber != RENUMBER_NOT)
		strlcat(text, "; the record is paused, see 'renumbered' in rpopctl(8)", size);
	strlcat(text, "; nothing was changed; the server: ", size);
	strlcat(text, trial->server, size);
}

/* Append what the next poll would do about the mailbox that the record had before, and where this cannot be told yet. */
static void
try_origin(const struct session *s, char *text, size_t size)
{
	const struct trial	*trial = s->trial;
	char			 part[192];

	if (trial->found == FOUND_ONE) {
		snprintf(part, sizeof(part), "; the state of %.120s would %s", trial->former.words, trial->former.doubt ?
		    "go along to compare with" : "go along");
		strlcat(text, part, size);
	} else if (trial->found == FOUND_BUSY)
		strlcat(text, "; the mailbox that this record had before is still in use: its state cannot be told yet", size);
	if (state_unproven(try_mailbox(s)) == DB_OK)
		strlcat(text, "; its last session ended without a word: what came in it would be retrieved again and compared", size);
}
