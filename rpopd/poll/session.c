/* SPDX-License-Identifier: ISC */
/*
 * The master's view of one poll, from the dial to the last receipt.
 *
 *	TOKEN		waits for an access token, if the record logs in with one
 *	DIALING		the dialer resolves and connects
 *	STARTING	a fetcher was forked and has socket, pipe, parameters and secret; it logs in
 *	LISTING		STAT is known, unique-ids come in
 *	MATCHING	fingerprints were asked for: messages are to be deleted, or the server has renumbered them
 *	FETCHING	the plan is out; receipts and verdicts
 *	CLOSING		DONE or FAILED, or killed; waiting for the process to be gone and for the deliverer's last receipt
 *
 * A record is busy until both are in: otherwise a second session could retrieve what the first one's pipe still holds.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/relay/relay.h"
#include "rpopd/turn/turn.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "poll.h"

#define PIPE_BUFFER	(512 * 1024)	/* kernel buffer of the message pipe: what one durability step of the deliverer spans */
#define GRACE		30		/* s past the session's own limit before it is killed */
#define TRIALS		0x80000000u	/* ids of sessions that try: they leave no trace, so the store need not know them */
#define LAST_WORD	10		/* s for a fetcher that lost its deliverer, or is cut, to say that the server was in step */

static int	 session_start(struct task *);
static int	 session_begin(struct task *, struct trial *);
static void	 session_stop_run(struct run *);
static void	 session_crowded(struct run *, const char *);
static enum run_phase session_phase(const struct run *);
static const char *session_word(const struct run *);
static const char *session_state_str(enum session_state);
static void	 session_go(struct session *);
static int	 session_channels(struct session *, int);
static void	 session_down(void *, const char *);
static void	 session_timeout(void *);
static void	 session_clock(struct session *, uint32_t);
static void	 session_judge(struct session *);
static int	 session_over(const struct session *);
static void	 session_maybe_end(struct session *);
static void	 session_recorded(struct session *, enum db);
static void	 session_slice(void *);
static int	 session_ended(struct session *);
static void	 session_end(struct session *);

const struct sched_calls session_calls = {
	.start = session_start,
	.stop = session_stop_run,
	.cut = session_crowded,
	.phase = session_phase,
	.state = session_word
};
static struct timer	 slice;
static uint32_t		 trials;

static const char *const state_names[] = { "token", "dialing", "starting", "listing", "matching", "fetching", "closing" };

static const char *
session_state_str(enum session_state state)
{
	return (state < nitems(state_names) ? state_names[state] : "unknown");
}

/* Begin a poll of a record that is due.  0, or -1: not now (a child is not ready), nothing changed. */
static int
session_start(struct task *t)
{
	return (session_begin(t, NULL));
}

/* Begin a session that only tries.  0, trial is the session's now, and try_end() is called at its end; or -1 as session_start(). */
int
session_try(struct task *t, struct trial *trial)
{
	return (session_begin(t, trial));
}

/* Begin a session of the task; a trial, unless trial is NULL.  Results as session_start() has them. */
static int
session_begin(struct task *t, struct trial *trial)
{
	const struct record	*rec = t->rec;
	struct child		*template;
	struct session		*s;
	uint32_t		 id;

	refresh_children(t->why == WHY_TLS);
	template = child_current(ROLE_TEMPLATE);
	if (template != NULL && template->served >= TEMPLATE_SESSIONS)
		child_retire(ROLE_TEMPLATE);
	if (child_current(ROLE_DIALER) == NULL || (template = child_current(ROLE_TEMPLATE)) == NULL ||
	    child_current(ROLE_DELIVERER) == NULL)
		return (-1);
	if ((id = trial != NULL ? TRIALS | trials++ : state_next_session()) == 0)
		return (-1);		/* the store is dead, and has said so */
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal("session");
	s->id = id;
	s->fd = -1;
	s->mailbox = t->mailbox;
	s->trial = trial;
	s->epoch = time(NULL);
	s->leave = rec->leave;
	s->no_capa = capa_skipped(t);
	quota_set(&s->quota, rec);
	s->mode = rec->mode;
	snprintf(s->label, sizeof(s->label), "%s/%s", rec->owner, rec->name);
	snprintf(s->where, sizeof(s->where), "%s:%u", rec->host, rec->port);
	s->template = template;
	child_use(template);
	s->run.label = s->label;
	s->run.trial = trial != NULL;
	sched_begin(&s->run, t);
	session_clock(s, config_running->settings.session_timeout + GRACE);
	if (token_wanted(rec) && token_get(&s->token, &s->run) != 1)
		return (0);
	open_dial(s);
	return (0);
}

/* The dial of a session has ended: the session goes on with the connection, or fails. */
void
session_dialed(void *arg, const struct dialed *how)
{
	struct session	*s = arg;

	s->dial = NULL;
	if (how->fd == -1) {
		session_fail(s, STAGE_CONNECT, how->why, how->text);
		return;
	}
	HOOK("master.dialed");
	if (s->state != SESSION_DIALING || s->run.task == NULL || s->stopping) {
		close(how->fd);
		session_fail(s, STAGE_CONNECT, WHY_STOPPED, "stopped");
		return;
	}
	strlcat(s->where, " (", sizeof(s->where));
	strlcat(s->where, how->address, sizeof(s->where));
	strlcat(s->where, ")", sizeof(s->where));
	strlcpy(s->address, how->address, sizeof(s->address));
	s->fd = how->fd;
	session_go(s);
}

/*
 * The session has its connection: it goes on, unless the deliverer takes no work just now, and then session_run() calls this
 * again.
 */
static void
session_go(struct session *s)
{
	int	 fd = s->fd;

	if (child_current(ROLE_DELIVERER) == NULL)
		return;
	s->fd = -1;
	session_state(s, SESSION_STARTING);
	if (session_channels(s, fd) == -1) {
		session_fail(s, STAGE_CONNECT, WHY_LOCAL_TEMP, strerror(errno));
		session_kill(s);
	}
}

/*
 * Have a fetcher forked, and give it its channel to the master, the connection, and a pipe to the deliverer.  fd is consumed.
 *  0, or -1 with errno, and the caller kills the session.
 */
static int
session_channels(struct session *s, int fd)
{
	uint32_t	 id = s->id;
	int		 channel[2], pipe[2], size = PIPE_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, channel) == -1) {
		close(fd);
		return (-1);
	}
	if (link_open(&s->link, channel[0], fetch_rules, fetch_nrules, s, session_down) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, pipe) == -1) {
		close(fd);
		close(channel[1]);
		return (-1);
	}
	s->link.state = s->state;
	s->link.name = s->label;
	setsockopt(pipe[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	shutdown(pipe[0], SHUT_RD);	/* one way: who parses headers cannot talk back to who holds a password */
	link_send(&s->template->link, IMSG_FORK, channel[1], &id, sizeof(id));
	s->forked = 1;
	s->template->served++;
	open_deliverer(s, pipe[1]);
	link_send(&s->link, IMSG_FETCH_SOCKET, fd, NULL, 0);
	link_send(&s->link, IMSG_FETCH_PIPE, pipe[0], NULL, 0);
	open_parameters(s);
	return (0);
}

/* The session is in this state from now on: the rules of its channel are those of the state, and it has got somewhere. */
void
session_state(struct session *s, enum session_state state)
{
	log_debug("%s: session %u %s -> %s", s->label, s->id, session_state_str(s->state), session_state_str(state));
	s->state = state;
	s->link.state = state;
	s->token.waits = 0;
	s->run.progress = clock_msec();
}

/* The session of this number; NULL: there is none, or there is none any more. */
struct session *
session_by_id(uint32_t id)
{
	struct session	*s;

	SESSION_FOREACH(s)
		if (s->id == id)
			return (s);
	return (NULL);
}

/* There is no access token for a session. */
void
session_no_token(struct run *r, enum fail_why why, const char *text)
{
	session_fail(session_of(r), STAGE_TOKEN, why, text);
}

/*
 * The session has failed; the first reason is the one that counts, and none counts behind a DONE.  The session ends when its
 * fetcher, if there is one, does.
 */
void
session_fail(struct session *s, enum fetch_stage stage, enum fail_why why, const char *text)
{
	if (s->why == WHY_NONE && !s->done) {
		s->why = why;
		s->stage = stage;
		strlcpy(s->error, text, sizeof(s->error));
	}
	if (s->state != SESSION_CLOSING)
		session_state(s, SESSION_CLOSING);
	session_maybe_end(s);
}

/*
 * The session is not waited for any more: its fetcher is killed, or its dial cancelled.  What the deliverer already has is
 * still taken.
 */
void
session_kill(struct session *s)
{
	uint32_t	 id = s->id;

	if (s->state != SESSION_CLOSING)
		session_state(s, SESSION_CLOSING);
	if (s->dial != NULL)
		dial_cancel(s->dial);
	s->dial = NULL;
	if (s->forked && !s->exited && s->template != NULL)
		link_send(&s->template->link, IMSG_FORK_KILL, -1, &id, sizeof(id));
	session_maybe_end(s);
}

/*
 * Others wait for the session's processor: it fails, text says why.  Its fetcher ends at once, but says first whether the
 * server's answers were in step: of a fetcher that is killed that is not known, and all that it had brought would be retrieved
 * again.  It is killed if it does not say so within LAST_WORD.
 */
static void
session_crowded(struct run *r, const char *text)
{
	static const enum fetch_stage	 stages[] = { STAGE_TOKEN, STAGE_CONNECT, STAGE_LOGIN, STAGE_LIST, STAGE_LIST, STAGE_RETR };
	struct session			*s = session_of(r);

	session_fail(s, stages[s->state], WHY_CROWDED, text);
	if (!s->forked || s->exited) {
		session_kill(s);
		return;
	}
	link_send(&s->link, IMSG_FETCH_CUT, -1, NULL, 0);
	session_clock(s, LAST_WORD);
}

/* As session_stop(), for the schedule. */
static void
session_stop_run(struct run *r)
{
	session_stop(session_of(r));
}

/* How far a session is, for the schedule. */
static enum run_phase
session_phase(const struct run *r)
{
	const struct session	*s = heap_of(r, const struct session, run);

	if (s->state == SESSION_CLOSING || s->stopping)
		return (RUN_ENDING);
	if (s->working)
		return (RUN_HELD);
	if (s->state <= SESSION_DIALING)
		return (RUN_WAITING);
	return (session_leaving(s) ? RUN_LEAVING : RUN_ACTIVE);
}

/* A session's state in one word, for the status. */
static const char *
session_word(const struct run *r)
{
	return (session_state_str(heap_of(r, const struct session, run)->state));
}

/*
 * The session is to finish its current message, delete what was delivered, and QUIT; its fetcher is killed if that takes longer
 * than TURN_STOP_SECONDS.  Without a connection the session ends at once.
 */
void
session_stop(struct session *s)
{
	if (s->stopping)
		return;
	s->stopping = 1;
	if (s->state <= SESSION_DIALING) {
		session_fail(s, STAGE_CONNECT, WHY_STOPPED, "stopped");
		session_kill(s);
		return;
	}
	defer_end(s);
	link_send(&s->link, IMSG_FETCH_STOP, -1, NULL, 0);
	session_clock(s, TURN_STOP_SECONDS);
}

/* The deliverer could not take a message: the record has failed, but what was delivered is still deleted properly. */
void
session_refused(struct session *s, enum fail_why why, const char *text)
{
	if (s->why == WHY_NONE) {
		s->why = why;
		s->stage = STAGE_DELIVER;
		strlcpy(s->error, text, sizeof(s->error));
	}
	session_stop(s);
}

/* Tell the fetcher whether it has leave to delete a message: queued until session_flush() or a full frame. */
void
session_verdict(struct session *s, uint32_t msgno, enum verdict verdict)
{
	if (s->frame_len + 5 > sizeof(s->frame))
		session_flush(s);
	memcpy(s->frame + s->frame_len, &msgno, 4);
	s->frame[s->frame_len + 4] = verdict;
	if (s->frame_len == 0)
		turn_soon();
	s->frame_len += 5;
}

/* Send the verdicts that are queued. */
void
session_flush(struct session *s)
{
	if (s->frame_len > 0)
		link_send(&s->link, IMSG_FETCH_VERDICT, -1, s->frame, s->frame_len);
	s->frame_len = 0;
}

/* The session's fetcher is gone: its template says so, or is gone itself and took it along. */
void
session_exited(struct session *s)
{
	if (s->exited)
		return;
	s->exited = 1;
	session_judge(s);
}

/* If the fetcher is gone and its channel was read to the end, it is known now that it has not said DONE. */
static void
session_judge(struct session *s)
{
	if (s->exited && !s->link.open && !s->done && !s->excused && s->why == WHY_NONE)
		session_fail(s, STAGE_RETR, WHY_LOCAL_TEMP, "the fetcher session died");
	session_maybe_end(s);
}

/* The deliverer has sent the last receipt of the session, or nothing is to be expected of it any more. */
void
session_closed(struct session *s)
{
	s->closed = 1;
	session_maybe_end(s);
}

/*
 * The deliverer has died: every session that had a pipe to it fails, and its fetcher has LAST_WORD to say so, too.  These
 * sessions end when the next deliverer has named its suspects, and session_close_orphans() is called, so that a message can
 * still be found by session and number.
 */
void
session_deliverer_died(struct child *deliverer)
{
	struct session	*s, *next;

	(void)deliverer;
	SESSION_FOREACH_SAFE(s, next) {
		if (!s->opened || s->closed)
			continue;
		s->orphaned = 1;
		session_fail(s, STAGE_DELIVER, WHY_LOCAL_TEMP, "the deliverer died; messages in flight stay on the server");
		session_clock(s, LAST_WORD);
	}
	if (turn_stopping)
		session_close_orphans();	/* the deliverer is not started again */
}

/* A fetcher template died, and took its sessions' processes along. */
void
session_template_died(struct child *template)
{
	struct session	*s, *next;

	SESSION_FOREACH_SAFE(s, next)
		if (s->template == template && !s->exited)
			session_exited(s);
}

/* From now on the master, its children and their sessions log what this level permits. */
void
session_log_level(enum log_level level)
{
	struct session	*s;
	uint32_t	 number = level;

	child_log_level(level);
	SESSION_FOREACH(s)
		link_send(&s->link, IMSG_LOG_LEVEL, -1, &number, sizeof(number));
}

/*
 * Sessions whose deliverer died end: the next one has named its suspects, or there will be none, so nothing more is to be
 * learned of what it held.
 */
void
session_close_orphans(void)
{
	struct session	*s, *next;

	SESSION_FOREACH_SAFE(s, next)
		if (s->orphaned && !s->closed)
			session_closed(s);
}

/* The fetcher's channel is at its end, or the fetcher broke the rules: then it is killed. */
static void
session_down(void *arg, const char *why)
{
	struct session	*s = arg;

	if (why != NULL) {
		log_warnx("%s: session %u broke the rules: %s", s->label, s->id, why);
		session_fail(s, STAGE_RETR, WHY_LOCAL_TEMP, "the fetcher session broke the rules");
		session_kill(s);
	}
	session_judge(s);
}

/* The master's clock on the session: what is to be recorded is tried again, or the session has taken too long. */
static void
session_timeout(void *arg)
{
	struct session	*s = arg;

	if (s->unrecorded) {
		session_recorded(s, plan_record(s));
		return;
	}
	session_fail(s, s->state == SESSION_TOKEN ? STAGE_TOKEN : s->state == SESSION_DIALING ? STAGE_CONNECT : STAGE_RETR,
	    s->stopping ? WHY_STOPPED : s->state == SESSION_TOKEN ? WHY_TOKEN_TEMP : WHY_TIMEOUT,
	    s->stopping ? "stopped, did not end in time" : "the session took too long");
	session_kill(s);
}

/* The session has so many seconds for what it does now. */
static void
session_clock(struct session *s, uint32_t seconds)
{
	timer_init(&s->timer, session_timeout, s);
	timer_in(&s->timer, seconds * 1000LL);
}

/* 1: nothing is to be waited for any more, neither of the dialer, the fetcher and the deliverer nor of the store. */
static int
session_over(const struct session *s)
{
	return (s->state == SESSION_CLOSING && s->dial == NULL && !s->unrecorded && !s->working &&
	    (!s->forked || (s->exited && !s->link.open)) && (!s->opened || s->closed));
}

/*
 * The fetcher has said its last word; quit_ok: QUIT was answered with +OK.  If it had logged in, what became of the messages is
 * recorded, and while the store is locked the record stays busy.
 */
void
session_confirm(struct session *s, int quit_ok)
{
	if (s->plan.msgs != NULL)
		session_recorded(s, plan_confirm(s, quit_ok));
}

/* What plan_record() returned: the session is recorded, or is to be later, or in slices. */
static void
session_recorded(struct session *s, enum db result)
{
	if (result == DB_BUSY)
		session_clock(s, 1);
	if (result == DB_MORE)
		session_work(s);
	else if (s->working)
		session_worked(s);
	else
		session_maybe_end(s);
}

/*
 * The session has work left over, which is done in slices from the event loop.  Its fetcher is not heard meanwhile: it waits
 * for the plan, or has said its last word.
 */
void
session_work(struct session *s)
{
	s->working = 1;
	link_pause(&s->link, 1);
	if (!timer_armed(&slice)) {
		timer_init(&slice, session_slice, NULL);
		timer_in(&slice, 0);
	}
}

/* The session has no work left over: its fetcher is heard again. */
void
session_worked(struct session *s)
{
	s->working = 0;
	link_pause(&s->link, 0);
	session_maybe_end(s);
}

/* Do one slice of the work of one session, in turn; other events are handled before the next one. */
static void
session_slice(void *arg)
{
	static uint32_t	 last;
	struct session	*s, *first = NULL, *next = NULL;

	(void)arg;
	SESSION_FOREACH(s) {
		if (!s->working)
			continue;
		if (first == NULL || s->id < first->id)
			first = s;
		if (s->id > last && (next == NULL || s->id < next->id))
			next = s;
	}
	if (first == NULL)
		return;
	timer_in(&slice, 0);		/* the last one finds nothing */
	s = next != NULL ? next : first;
	last = s->id;
	if (s->ending == SESSION_ENDING) {
		if (plan_end(s) != DB_MORE) {
			s->ending = SESSION_ENDED;
			session_worked(s);
		}
	} else if (s->unrecorded)
		session_recorded(s, plan_record(s));
	else
		fetch_slice(s);
}

/*
 * If the session is over, the next round frees it, and not the caller, since a handler of the session's channel may be on the
 * stack.
 */
static void
session_maybe_end(struct session *s)
{
	if (session_over(s))
		turn_soon();
}

/*
 * In each round: verdicts that have come together are sent, sessions that waited for a child go on, and those that have ended
 * are freed.
 */
void
session_run(void)
{
	struct session	*s, *next;

	SESSION_FOREACH_SAFE(s, next) {
		session_flush(s);
		if (s->state == SESSION_TOKEN && !s->token.waits && s->run.task != NULL)
			open_dial(s);
		if (s->state == SESSION_DIALING && s->fd != -1)
			session_go(s);
		if (session_over(s) && session_ended(s))
			session_end(s);
	}
}

/* 1: what the session has to say about its messages is recorded, so that it can be freed; 0: that is done in slices. */
static int
session_ended(struct session *s)
{
	if (s->trial != NULL || s->ending == SESSION_ENDED)
		return (1);
	s->ending = SESSION_ENDING;
	if (plan_end(s) == DB_MORE) {
		session_work(s);
		return (0);
	}
	s->ending = SESSION_ENDED;
	return (1);
}

/* Free a session that is over; its record's next poll is scheduled. */
static void
session_end(struct session *s)
{
	link_close(&s->link);
	if (s->fd != -1)
		close(s->fd);
	timer_stop(&s->timer);
	suspect_leave(s);
	if (s->template != NULL)
		child_release(s->template);
	sched_end(&s->run);
	if (s->trial != NULL)
		try_end(s);
	else {
		body_sweep();		/* what its listing did not name may have been wanted */
		spot_remember(s);
		outcome_poll(s);
	}
	token_leave(&s->token);
	routing_release(s->routing);
	plan_free(&s->plan);
	freezero(s, sizeof(*s));
}
