/* SPDX-License-Identifier: ISC */
/*
 * The end of a poll: one log line if there was work or the record's health changed, the record's state in the store, and the
 * next poll.  Idle polls are silent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"
#include "poll.h"

#define PORTION		200	/* messages; a server that shows a part of the mailbox at a time shows about that many */
#define ALARM		86400	/* s of failures, or three periods: the owner is told */
#define POSTPONED	2000	/* ms until the next poll of a record whose suspects found another one in flight */

static void	 outcome_work(struct session *);
static void	 outcome_denied(const struct session *);
static void	 outcome_quarantined(const struct session *, const struct task *);
static void	 outcome_unnamed(const struct session *, struct task *);
static void	 outcome_health(struct session *, struct task *, int);
static void	 outcome_unfound(const struct session *, struct task *);
static int	 outcome_alarming(const struct record_state *, const struct task *);
static void	 outcome_alarm(const struct session *, const struct task *, int);
static void	 outcome_alert(const struct session *, const struct task *);
static void	 outcome_next(const struct session *, struct task *, int);

/* The session has logged in: how often the server may be asked, and how long it keeps messages (RFC 2449 sections 6.5 and 6.7). */
void
outcome_login(struct session *s, const struct msg_fetch_stat *m)
{
	struct task	*t = s->run.task;

	host_login(&s->run);
	if (t == NULL)
		return;
	retry_learn(t, WHY_NONE, m->login_delay);
	if (t->expire == m->expire)
		return;
	t->expire = m->expire;
	if (!s->leave || t->expire == UINT32_MAX)
		return;
	if (t->expire == 0)
		log_info("%s: %s: the server deletes what was retrieved (EXPIRE 0): nothing stays there", s->label, s->where);
	else
		log_info("%s: %s: the server keeps messages for %u day%s only (EXPIRE)", s->label, s->where, t->expire,
		    PLURAL(t->expire));
}

/* So many unique-ids of the server break RFC 1939 section 7, which is said once in a life of the daemon. */
void
outcome_derived(struct session *s, uint32_t n)
{
	if (n == 0 || s->run.task == NULL || s->trial != NULL || s->run.task->derived)
		return;
	s->run.task->derived = 1;
	log_info("%s: %s: %u unique-id%s of the server %s no unique-id%s by RFC 1939 (over 70 octets, or with a blank, control or "
	    "8-bit octet in it): known here by a digest", s->label, s->where, n, PLURAL(n), n == 1 ? "is" : "are", PLURAL(n));
}

/*
 * The poll is over, and the session is about to be freed: what it did is logged, what became of the record is stored and told
 * to those whom it concerns, and the next poll is scheduled.
 */
void
outcome_poll(struct session *s)
{
	struct task	*t = s->run.task;
	int		 again = capa_again(s), hosts = host_result(&s->run, s->stage, s->why);

	outcome_work(s);
	outcome_denied(s);
	childlog_lost(s->label, &s->log);
	if (t == NULL)
		return;
	t->run = NULL;
	if (again) {
		sched_add(t, clock_msec());
		return;
	}
	if (token_refused(&s->token, t, s->why, s->stopping)) {
		log_debug("%s: the access token was refused: %s; once more with a new one", s->label, s->error);
		sched_add(t, clock_msec());
		return;
	}
	t->polled = 1;
	t->ended = clock_msec();
	t->tries = s->why == WHY_NONE || hosts ? 0 : s->why == t->why ? t->tries + 1 : 1;
	t->why = s->why;
	if (s->why == WHY_TIMEOUT || s->why == WHY_CROWDED)
		t->slow = 1;
	else if (s->why == WHY_NONE && !s->excused)
		t->slow = 0;
	if (s->why == WHY_TOO_SOON)
		retry_learn(t, s->why, s->login_delay);
	outcome_quarantined(s, t);
	outcome_unnamed(s, t);
	if (s->why != WHY_STOPPED) {
		outcome_unfound(s, t);
		outcome_health(s, t, !hosts && retry_counts(s->why));
		vanish_watch(s);
		if (state_record_put(t->mailbox, &t->rs) == DB_FAILED)
			log_debug("%s: status not stored", s->label);
	}
	if (s->why != WHY_NONE && s->why != WHY_STOPPED && s->why != WHY_CROWDED && s->why != WHY_BUDGET)
		turn_failed = 1;
	/* More than one session may do is there, or more than the server shows: it follows at once, unless the server minds. */
	if (s->why == WHY_NONE && (s->plan.cut > 0 || s->retrieved >= PORTION))
		t->again = 1;
	else if (s->why != WHY_STOPPED)
		t->answered = s->run.asked;
	outcome_next(s, t, hosts);
	t->again = 0;
}

/*
 * Schedule the next poll.  hosts: the record waits for its host, with the others of that host.  With -1 a session that was
 * ended for others has one more turn, in the slow lane.
 */
static void
outcome_next(const struct session *s, struct task *t, int hosts)
{
	int64_t	 now = clock_msec();
	int	 waits = hosts || (s->why == WHY_STOPPED && !turn_stopping);

	sched_next(t);
	if (t->rec->period == 0)
		return;
	if (t->again || (options.once ? s->why == WHY_CROWDED : waits))
		sched_add(t, now);
	else if (s->why == WHY_BUDGET && options.once)
		sched_add(t, now + retry_delay(t) * 1000);
	else if (s->plan.postponed > 0)
		sched_add(t, now + POSTPONED);
}

/* The log line of a poll in which there was something to do. */
static void
outcome_work(struct session *s)
{
	char	 extra[256] = "";
	int	 n = 0;

	if (s->retrieved == 0 && s->deleted == 0 && s->discarded == 0 && s->copies == 0 && s->dropped == 0)
		return;
	if (s->fallback > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u to the postmaster", s->fallback);
	if (s->discarded > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u known already", s->discarded);
	if (s->copies > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u %s suppressed", s->copies, s->copies == 1 ? "copy" : "copies");
	if (s->dropped > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u discarded", s->dropped);
	if (s->quarantined > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u to quarantine", s->quarantined);
	if (s->refused > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u refused by the server", s->refused);
	if (s->set_aside > 0)
		n += snprintf(extra + n, sizeof(extra) - n, ", %u set aside", s->set_aside);
	log_info("%s: %s: %u message%s (%llu octets) retrieved, %u deleted%s%s, %.1f s", s->label, s->where, s->retrieved,
	    PLURAL(s->retrieved), (unsigned long long)s->octets, s->deleted,
	    s->deleted > 0 && !s->plan.confirmed ? " (not confirmed)" : "", extra, (clock_msec() - s->run.begun) / 1000.0);
	if (s->done && s->deleted > 0 && !s->plan.confirmed)
		log_warnx("%s: %s: QUIT was refused: %s: %u message%s may still be on the server; the next poll deletes what is "
		    "still there", s->label, s->where, s->quit_text[0] != '\0' ? s->quit_text : "no reason given", s->deleted,
		    PLURAL(s->deleted));
}

/* Messages that the server keeps although it was told to delete them are logged, in one line. */
static void
outcome_denied(const struct session *s)
{
	if (s->denied == 0)
		return;
	log_warnx("%s: %s: %u message%s delivered but may not be deleted, and %s tried again at each poll: message %u: %s%s",
	    s->label, s->where, s->denied, s->denied == 1 ? " was" : "s were", s->denied == 1 ? "is" : "are", s->denied_first, s->denied_text,
	    s->denied == 1 ? "" : ", ...");
}

/*
 * The owner of a personal record hears that mail of his is kept back.  What is in quarantine is otherwise the postmaster's
 * business, and without one the owner's, see quarantine_note.c.
 */
static void
outcome_quarantined(const struct session *s, const struct task *t)
{
	char	 subject[PROTO_RECORD_SIZE + 64];

	if (s->quarantined == 0 || t->rec->mode != DIST_OWNER || config_running->settings.postmaster == 0 ||
	    t->rec->account == config_running->settings.postmaster)
		return;
	snprintf(subject, sizeof(subject), "%s: mail in quarantine", s->label);
	notice_send(t->rec->account, s->label, subject,
	    "%u message%s from %s %s not delivered to you and %s kept in quarantine:\n\n%s\n\nThe postmaster can deliver or drop %s.  "
	    "This is written once a day at most.\n", s->quarantined, PLURAL(s->quarantined), t->rec->host,
	    s->quarantined == 1 ? "was" : "were", s->quarantined == 1 ? "is" : "are", s->quarantine_text,
	    s->quarantined == 1 ? "it" : "them");
}

/*
 * Special fields that no message has are most often misspelt, and all mail goes to the postmaster: he is told once for each
 * value that the column has had.  Stored first, told then: a death in between costs the notice, not the count in the record's
 * status.
 */
static void
outcome_unfound(const struct session *s, struct task *t)
{
	const struct record	*rec = t->rec;
	struct unfound		 u = t->unfound;
	char			 subject[PROTO_TEXT_SIZE], now[UNFOUND_KEY_SIZE];
	int			 tell;

	/* A reload may have changed the record meanwhile: then this session looked for other fields. */
	if (strcmp(state_unfound_key(rec, now, sizeof(now)), s->looked_for) != 0 || rec->mode != DIST_FIELD ||
	    (s->unfound == 0 && (!s->found || u.messages == 0)))
		return;
	if (s->found)
		memset(&u, 0, sizeof(u));
	u.messages += s->unfound < UINT32_MAX - u.messages ? s->unfound : 0;
	tell = u.messages >= UNFOUND_TOLD && !u.told;
	u.told |= tell;
	if (state_unfound_put(t->mailbox, rec, &u) != DB_OK) {
		log_debug("%s: not stored that special fields are missing", s->label);
		return;
	}
	t->unfound = u;
	if (!tell)
		return;
	HOOK("master.unfound");
	snprintf(subject, sizeof(subject), "No message from %.100s has the field %.100s", rec->host, rec->special);
	log_warnx("%s: none of the last %u messages has a field %s%s%s", s->label, u.messages, rec->special,
	    rec->trusted_hop[0] != '\0' ? " above Received by " : "", rec->trusted_hop);
	notice_send(rec->account, s->label, subject, "None of the last %u messages that came by the record %s has a field\n\n%s\n\n%s%s%s"
	    "so nobody knows for whom they are, and they went to you.  Look at one of them for the name of the field in which the provider\n"
	    "keeps the envelope recipient, and put it into column special of the record; `rpopctl try` shows what comes of it.\n",
	    u.messages, s->label, rec->special, rec->trusted_hop[0] != '\0' ? "above the Received field by " : "", rec->trusted_hop,
	    rec->trusted_hop[0] != '\0' ? ",\n" : "");
}

/*
 * STAT counts more messages than UIDL names.  A session tries some of those, and where nothing is deleted it tries the same
 * each time: how many are left out is logged when that changes, and the owner hears of it.
 */
static void
outcome_unnamed(const struct session *s, struct task *t)
{
	uint32_t	 n = s->plan.unnamed > UNNAMED_MAX ? s->plan.unnamed - UNNAMED_MAX : 0;
	char		 subject[PROTO_RECORD_SIZE + 80];

	if (n == t->unnamed || s->plan.count == 0)
		return;
	t->unnamed = n;
	if (n == 0)
		return;
	log_warnx("%s: %s: the server counts %u messages and names %u less in its listing (UIDL): %u of those are not retrieved%s",
	    s->label, s->where, s->plan.count + s->plan.beyond, s->plan.unnamed, n,
	    s->leave ? "; with leave = 0 all of them would be, in turn" : " yet");
	if (!s->leave)
		return;
	snprintf(subject, sizeof(subject), "%s: %u messages are not in the server's listing", s->label, n);
	notice_send(t->rec->account, s->label, subject,
	    "%s counts %u messages and names %u less in its listing.\n%u of those were retrieved, the others stay there: without their "
	    "unique-ids it cannot be known which of them are here already.\n", s->where, s->plan.count + s->plan.beyond, s->plan.unnamed,
	    UNNAMED_MAX);
}

/*
 * The poll has succeeded or failed: the record's state is brought up to date, and there is a log line when that is news.
 *  counts: a failure is one of the record's own.
 */
static void
outcome_health(struct session *s, struct task *t, int counts)
{
	struct record_state	*rs = &t->rs;
	char			 text[PROTO_TEXT_SIZE + 16];
	int			 alarming = outcome_alarming(rs, t);

	rs->polls++;
	rs->messages += s->retrieved;
	rs->octets += s->octets;
	rs->last_attempt = time(NULL);
	if (s->why == WHY_NONE) {
		if (rs->failures > 0)
			log_info("%s: %s: works again after %u failure%s", s->label, s->where, rs->failures, PLURAL(rs->failures));
		else if (rs->error[0] != '\0')
			log_info("%s: %s: works again", s->label, s->where);
		if (alarming)
			outcome_alarm(s, t, 0);
		rs->failing = 0;
		rs->failures = 0;
		rs->error[0] = '\0';
		rs->last_success = rs->last_attempt;
		return;
	}
	rs->failures += counts != 0;
	if (rs->failing == 0 || rs->failing > rs->last_attempt)
		rs->failing = rs->last_attempt;
	snprintf(text, sizeof(text), "%s: %s", fetch_stage_str(s->stage), s->error);
	text[PROTO_TEXT_SIZE - 1] = '\0';
	if (options.once || strcmp(text, rs->error) != 0) {
		log_warnx("%s: %s: %s", s->label, s->where, text);
		if (s->why == WHY_ALERT)
			outcome_alert(s, t);
	}
	strlcpy(rs->error, text, sizeof(rs->error));
	if (!alarming && outcome_alarming(rs, t))
		outcome_alarm(s, t, 1);
}

/* 1: when the record was last tried, it had been failing for so long that its owner is told. */
static int
outcome_alarming(const struct record_state *rs, const struct task *t)
{
	int64_t	 patience = 3 * (int64_t)t->rec->period;

	return (rs->failing != 0 && rs->last_attempt - rs->failing >= (patience > ALARM ? patience : ALARM));
}

/* The owner of the mail hears once when it has not come for long (failing), and once when it comes again. */
static void
outcome_alarm(const struct session *s, const struct task *t, int failing)
{
	char		 subject[PROTO_TEXT_SIZE], since[32] = "";
	time_t		 when = t->rs.failing;
	struct tm	 tm;

	if (localtime_r(&when, &tm) != NULL)
		strftime(since, sizeof(since), "%Y-%m-%d %H:%M", &tm);
	snprintf(subject, sizeof(subject), failing ? "No mail from %.100s since %s" : "Mail from %.100s again, none since %s",
	    t->rec->host, since);
	if (failing)
		notice_send(t->rec->account, s->label, subject, "Since %s every attempt to fetch your mail from %s has failed, the "
		    "last time with:\n\n%s\n\nIt is tried further on.  What is on the server stays there.\n", since,
		    t->rec->host, t->rs.error);
	else
		notice_send(t->rec->account, s->label, subject, "Your mail is fetched from %s again, after failures since %s.\n",
		    t->rec->host, since);
}

/*
 * The owner reads what the server has to say in an alert, with which it refuses a login once.  Each of its texts is a notice of
 * its own.
 */
static void
outcome_alert(const struct session *s, const struct task *t)
{
	char	 subject[PROTO_TEXT_SIZE];

	snprintf(subject, sizeof(subject), "%.100s: %.150s", t->rec->host, s->error);
	notice_send(t->rec->account, s->label, subject,
	    "The server %s, from which your mail is fetched, refused a login once in order to tell you this:\n\n%s\n\n"
	    "The name and the password are accepted.  Fetching goes on by itself.\n", t->rec->host, s->error);
}
