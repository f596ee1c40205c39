/* SPDX-License-Identifier: ISC */
/* What the fetcher template and its sessions may say. */
#include <signal.h>
#include <string.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/poll/plan/plan.h"
#include "poll.h"

#define IN(state)	(1u << SESSION_##state)

static int	 template_exit(void *, struct imsg *);
static int	 fetch_log(void *, struct imsg *);
static int	 fetch_stat(void *, struct imsg *);
static void	 fetch_no_uidl(struct session *, const struct msg_fetch_stat *);
static int	 fetch_uids(void *, struct imsg *);
static int	 fetch_sizes(void *, struct imsg *);
static int	 fetch_listed(void *, struct imsg *);
static int	 fetch_progress(void *, struct imsg *);
static int	 fetch_fingerprints(void *, struct imsg *);
static int	 fetch_skipped(void *, struct imsg *);
static int	 fetch_denied(void *, struct imsg *);
static int	 fetch_deleted(void *, struct imsg *);
static int	 fetch_done(void *, struct imsg *);
static int	 fetch_failed(void *, struct imsg *);
static int	 fetch_probed(struct session *);
static void	 fetch_counted(struct session *, uint32_t);
static void	 fetch_answered(struct session *);
static int	 fetch_go_on(struct session *, enum plan_result);
static void	 fetch_send_plan(struct session *);
static struct message *fetch_message(struct session *, uint32_t, uint32_t);

static const struct rule	 template_rules[] = {
	{ IMSG_FORK_EXIT,	RULES_ANY,	template_exit },
};

const struct rule	 fetch_rules[] = {
	{ IMSG_LOG,			RULES_ANY,					fetch_log },
	{ IMSG_FETCH_STAT,		IN(STARTING) | IN(CLOSING),			fetch_stat },
	{ IMSG_FETCH_UIDS,		IN(LISTING) | IN(CLOSING),			fetch_uids },
	{ IMSG_FETCH_SIZES,		IN(LISTING) | IN(CLOSING),			fetch_sizes },
	{ IMSG_FETCH_LISTED,		IN(LISTING) | IN(CLOSING),			fetch_listed },
	{ IMSG_FETCH_PROGRESS,		RULES_ANY,					fetch_progress },
	{ IMSG_FETCH_FINGERPRINTS,	IN(MATCHING) | IN(CLOSING),			fetch_fingerprints },
	{ IMSG_FETCH_SKIPPED,		IN(MATCHING) | IN(FETCHING) | IN(CLOSING),	fetch_skipped },
	{ IMSG_FETCH_DENIED,		IN(FETCHING) | IN(CLOSING),			fetch_denied },
	{ IMSG_FETCH_DELETED,		IN(FETCHING) | IN(CLOSING),			fetch_deleted },
	{ IMSG_FETCH_DONE,		IN(MATCHING) | IN(FETCHING) | IN(CLOSING),	fetch_done },
	{ IMSG_FETCH_FAILED,		RULES_ANY,					fetch_failed },
};
const size_t	 fetch_nrules = nitems(fetch_rules);

/* Once, before the first fetcher template is started. */
void
fetch_start(void)
{
	child_rules(ROLE_TEMPLATE, template_rules, nitems(template_rules));
}

static int
template_exit(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct session		*s;
	struct msg_fork_exit	 m;

	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if ((s = session_by_id(m.id)) == NULL || s->template != c || s->exited)
		return (0);
	if (m.signaled && s->state != SESSION_CLOSING)
		log_warnx("%s: fetcher session %u died: signal %u (%s)", s->label, s->id, m.code,
		    m.code < NSIG ? strsignal(m.code) : "?");
	session_exited(s);
	return (0);
}

static int
fetch_log(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;

	return (childlog(s->label, log_getlevel(), LOG_PEER_SESSION, &s->log, imsg));
}

/* IMSG_FETCH_STAT: the session has logged in. */
static int
fetch_stat(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_stat	 m;

	if (rules_payload(imsg, &m) == -1 || m.count > PROTO_MSGS_MAX || !proto_str(m.mech, sizeof(m.mech)) ||
	    !proto_str(m.tls, sizeof(m.tls)) || !proto_str(m.offered, sizeof(m.offered)) ||
	    !proto_str(m.refusal, sizeof(m.refusal)) || s->plan.msgs != NULL)
		return (-1);
	if (s->state == SESSION_CLOSING)
		return (0);
	if (s->run.task != NULL && (m.has_uidl || m.capa_uidl))
		s->run.task->uidl_refused = 0;
	if (!m.has_uidl && s->leave) {
		fetch_no_uidl(s, &m);
		return (0);
	}
	if (plan_init(&s->plan, m.count) == -1) {
		session_fail(s, STAGE_LIST, WHY_LOCAL_TEMP, "no memory for the listing");
		session_kill(s);
		return (0);
	}
	s->has_uidl = m.has_uidl;
	s->has_top = m.has_top;
	s->stat_octets = m.octets;
	if (s->trial != NULL)
		try_login(s, &m);
	else
		outcome_login(s, &m);
	session_state(s, SESSION_LISTING);
	return (0);
}

/*
 * Without unique-ids nothing can be left on the server.  A refusal may pass; that leave must be given up, by which the server
 * loses its copies, is said only of a server that names no UIDL among its capabilities and refuses it twice in a row.
 */
static void
fetch_no_uidl(struct session *s, const struct msg_fetch_stat *m)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!m->capa_uidl && s->run.task != NULL && (s->trial == NULL ? ++s->run.task->uidl_refused : s->run.task->uidl_refused) > 1) {
		snprintf(text, sizeof(text), "the server has no UIDL (%.90s), so messages cannot be left on it: ask the provider, or set "
		    "leave = 0, by which they are deleted there", m->refusal);
		session_fail(s, STAGE_LIST, WHY_CONFIG, text);
	} else {
		snprintf(text, sizeof(text), "UIDL refused, which is needed to leave messages on the server: %.150s", m->refusal);
		session_fail(s, STAGE_LIST, WHY_SERVER_TEMP, text);
	}
	session_kill(s);
}

static int
fetch_uids(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	struct ibuf	 ibuf;
	uint32_t	 msgno;
	uint8_t		 len, uid[PROTO_UID_MAX];

	if (s->state == SESSION_CLOSING)
		return (0);
	if (imsg_get_ibuf(imsg, &ibuf) == -1)
		return (-1);
	while (ibuf_size(&ibuf) > 0) {
		if (ibuf_get(&ibuf, &msgno, sizeof(msgno)) == -1 || ibuf_get(&ibuf, &len, 1) == -1 || len == 0 ||
		    len > sizeof(uid) || ibuf_get(&ibuf, uid, len) == -1 || plan_add(&s->plan, msgno, uid, len) == -1)
			return (-1);
	}
	fetch_counted(s, s->plan.nnamed);
	return (0);
}

static int
fetch_sizes(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	struct ibuf	 ibuf;
	uint32_t	 msgno, size;

	if (s->state == SESSION_CLOSING)
		return (0);
	if (imsg_get_ibuf(imsg, &ibuf) == -1)
		return (-1);
	while (ibuf_size(&ibuf) > 0) {
		if (ibuf_get(&ibuf, &msgno, sizeof(msgno)) == -1 || ibuf_get(&ibuf, &size, sizeof(size)) == -1 || msgno == 0 ||
		    msgno > s->plan.count)
			return (-1);
		s->plan.nsized += s->plan.msgs[msgno].size == 0 && size != 0;
		s->plan.msgs[msgno].size = size;
	}
	fetch_counted(s, s->plan.nsized);
	return (0);
}

/* So many messages are listed for the session.  Too many, beside those of other sessions, end it. */
static void
fetch_counted(struct session *s, uint32_t messages)
{
	char	 text[PROTO_TEXT_SIZE];

	if (budget_take(s, messages))
		return;
	budget_reason(s, text, sizeof(text));
	session_fail(s, STAGE_LIST, WHY_BUDGET, text);
	session_kill(s);
}

/* IMSG_FETCH_LISTED: the listing is over, and what is to be done about it is decided. */
static int
fetch_listed(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_listed	 m;

	if (rules_payload(imsg, &m) == -1 || m.state > LISTING_PROBED || (m.state == LISTING_PROBED && s->probes == 0))
		return (-1);
	if (s->state == SESSION_CLOSING)
		return (0);
	if (m.state == LISTING_PROBED)
		return (fetch_probed(s));
	s->plan.lines = m.lines;
	outcome_derived(s, m.derived);
	if (s->has_uidl)
		plan_trim(&s->plan);
	fetch_counted(s, s->plan.count);
	if (s->state == SESSION_CLOSING)
		return (0);
	budget_listed(s);
	return (fetch_go_on(s, s->trial != NULL ? try_plan(s, m.state) : plan_make(s, m.state, s->has_uidl)));
}

/* The probes are in: they are enough, or everything is listed after all.  Returns 0. */
static int
fetch_probed(struct session *s)
{
	uint32_t	 count = s->plan.count;

	s->probes = 0;
	if (spot_same(s)) {
		s->probed = 1;
		vanish_judge(s);
		return (fetch_go_on(s, PLAN_READY));
	}
	plan_free(&s->plan);
	if (plan_init(&s->plan, count) == -1)
		return (fetch_go_on(s, PLAN_FAILED));
	link_send(&s->link, IMSG_FETCH_LIST, -1, NULL, 0);
	return (0);
}

/*
 * IMSG_FETCH_PROGRESS: the server works.  A fetcher in bad hands that lies about this keeps what it has: its own processor,
 * until the session's deadline.
 */
static int
fetch_progress(void *arg, struct imsg *imsg)
{
	(void)imsg;
	((struct session *)arg)->run.progress = clock_msec();
	return (0);
}

/*
 * IMSG_FETCH_FINGERPRINTS: what messages look like that nobody knows, or that must be proven.  All of a session are asked for
 * at once.
 */
static int
fetch_fingerprints(void *arg, struct imsg *imsg)
{
	static const uint8_t	 none[PROTO_DIGEST_LEN];
	struct session		*s = arg;
	struct plan		*p = &s->plan;
	struct message_fingerprint f;
	struct message		*msg;
	struct ibuf		 ibuf;

	if (imsg_get_ibuf(imsg, &ibuf) == -1)
		return (-1);
	while (ibuf_size(&ibuf) > 0) {
		if (ibuf_get(&ibuf, &f.msgno, sizeof(f.msgno)) == -1 || ibuf_get(&ibuf, f.digest, sizeof(f.digest)) == -1 ||
		    (msg = fetch_message(s, f.msgno, MESSAGE_PLANNED)) == NULL || msg->action != ACTION_FINGERPRINT)
			return (-1);
		msg->state = MESSAGE_SKIPPED;
		p->answers++;
		if (memcmp(f.digest, none, sizeof(none)) != 0)
			p->fingerprints[p->nfingerprints++] = f;
	}
	fetch_answered(s);
	return (0);
}

/* A fingerprint, or a refusal of one, has come in; the last one decides. */
static void
fetch_answered(struct session *s)
{
	if (s->state == SESSION_MATCHING && s->plan.answers == s->plan.asked)
		fetch_go_on(s, plan_go_on(s));
}

/*
 * A slice of making the session's plan.  A plan that is not to be carried out any more ends here: nothing that was recorded for
 * it is wrong without it.
 */
void
fetch_slice(struct session *s)
{
	enum plan_result	 result;

	if (s->state == SESSION_CLOSING || !plan_unfinished(&s->plan))
		session_worked(s);
	else if ((result = plan_go_on(s)) != PLAN_MORE) {
		session_worked(s);
		fetch_go_on(s, result);
	}
}

/* Tell the fetcher what to do now.  Returns 0. */
static int
fetch_go_on(struct session *s, enum plan_result result)
{
	uint32_t	 i;

	if (result == PLAN_MORE) {
		session_work(s);
		return (0);
	}
	if (result == PLAN_FAILED) {
		session_fail(s, STAGE_LIST, WHY_LOCAL_TEMP, "state.db cannot be read or written");
		session_kill(s);
		return (0);
	}
	for (i = 1; i <= s->plan.count && result == PLAN_PAUSED; i++)
		s->plan.msgs[i].action = s->plan.msgs[i].matched = s->plan.msgs[i].rekey = 0;
	session_state(s, result == PLAN_ASK ? SESSION_MATCHING : SESSION_FETCHING);
	if (result == PLAN_READY && !s->probed && s->trial == NULL)
		progress_planned(s);
	fetch_send_plan(s);
	HOOK("master.planned");
	return (0);
}

static void
fetch_send_plan(struct session *s)
{
	uint8_t		 frame[PROTO_FRAME_MAX];
	size_t		 len = 0;
	uint32_t	 i, entries = 0;

	for (i = 1; i <= s->plan.count && !s->probed; i++) {
		if (s->plan.msgs[i].action == ACTION_NONE ||
		    (s->state == SESSION_MATCHING && s->plan.msgs[i].action != ACTION_FINGERPRINT))
			continue;
		if (len + 5 > sizeof(frame)) {
			link_send(&s->link, IMSG_FETCH_PLAN, -1, frame, len);
			len = 0;
		}
		memcpy(frame + len, &i, 4);
		frame[len + 4] = s->plan.msgs[i].action | (s->plan.msgs[i].wanted ? ACTION_ANY_SIZE : 0);
		len += 5;
		entries++;
	}
	if (len > 0)
		link_send(&s->link, IMSG_FETCH_PLAN, -1, frame, len);
	link_send(&s->link, IMSG_FETCH_PLAN_END, -1, &entries, sizeof(entries));
}

/*
 * IMSG_FETCH_SKIPPED: RETR or TOP was refused, since the message has vanished or is not to be had.  The session goes on; see
 * refusal.c.
 */
static int
fetch_skipped(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_text	 m;
	struct message		*msg;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.why >= WHY_MAX ||
	    (msg = fetch_message(s, m.msgno, MESSAGE_PLANNED)) == NULL)
		return (-1);
	msg->state = MESSAGE_SKIPPED;
	log_debug("%s: message %u: %s refused: %s", s->label, m.msgno,
	    msg->action == ACTION_RETR || msg->action == ACTION_RETR_ALONE ? "RETR" : "TOP", m.text);
	if (s->trial != NULL)
		try_skipped(s, m.msgno, m.text);
	else
		refusal_note(s, m.msgno, m.why, m.text);
	if (msg->action != ACTION_FINGERPRINT)
		progress_answered(s, msg);
	if (msg->action == ACTION_FINGERPRINT) {
		s->plan.answers++;
		fetch_answered(s);
	}
	return (0);
}

/*
 * IMSG_FETCH_DENIED: DELE was refused.  The log hears of it once for each message, of all of a session in one line; it is tried
 * again in the next session.
 */
static int
fetch_denied(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_text	 m;
	struct message		*msg;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.why >= WHY_MAX || m.msgno == 0 ||
	    m.msgno > s->plan.count)
		return (-1);
	msg = &s->plan.msgs[m.msgno];
	if (msg->denied != 0)
		return (0);
	msg->denied = 2;
	log_debug("%s: message %u: DELE refused: %s", s->label, m.msgno, m.text);
	if (s->denied++ == 0) {
		s->denied_first = m.msgno;
		strlcpy(s->denied_text, m.text, sizeof(s->denied_text));
	}
	return (0);
}

static int
fetch_deleted(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	struct ibuf	 ibuf;
	struct message	*msg;
	uint32_t	 msgno;

	if (imsg_get_ibuf(imsg, &ibuf) == -1)
		return (-1);
	while (ibuf_size(&ibuf) > 0) {
		if (ibuf_get(&ibuf, &msgno, sizeof(msgno)) == -1 || msgno == 0 || msgno > s->plan.count)
			return (-1);
		msg = &s->plan.msgs[msgno];
		/* Only what had leave: it was in the plan for deletion, or is committed and not to be kept. */
		if (!(msg->state == MESSAGE_PLANNED && msg->action == ACTION_DELE) &&
		    !(msg->state == MESSAGE_COMMITTED && msg->action != ACTION_HEADERS && (!s->leave || msg->expired) &&
		    !msg->waiting))
			return (-1);
		msg->state = MESSAGE_DELETED;
		s->deleted++;
	}
	return (0);
}

static int
fetch_done(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_done	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || s->done)
		return (-1);
	s->done = 1;
	strlcpy(s->quit_text, m.text, sizeof(s->quit_text));
	s->sync = SYNC_KEPT;
	session_confirm(s, m.quit_ok == 1);
	HOOK("master.done");
	session_state(s, SESSION_CLOSING);
	return (0);
}

static int
fetch_failed(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_fetch_failed	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || m.why == WHY_NONE || m.why >= WHY_MAX ||
	    m.stage >= STAGE_MAX)
		return (-1);
	if (s->done || s->sync != SYNC_UNKNOWN)
		return (-1);
	s->sync = m.confused ? SYNC_LOST : SYNC_KEPT;
	s->doubt_first = m.first;
	s->doubt_last = m.last;
	session_confirm(s, 0);
	s->login_delay = m.login_delay;
	if (s->trial == NULL && m.msgno != 0 && m.msgno <= s->plan.count && !m.confused && s->why == WHY_NONE &&
	    (m.why == WHY_CLOSED || m.why == WHY_TIMEOUT || m.why == WHY_PROTO))
		suspect_failure(s, m.msgno, m.text);
	if (!s->excused)
		session_fail(s, m.stage, m.why, m.text);
	else if (s->state != SESSION_CLOSING)
		session_state(s, SESSION_CLOSING);
	return (0);
}

static struct message *
fetch_message(struct session *s, uint32_t msgno, uint32_t state)
{
	if (msgno == 0 || msgno > s->plan.count || s->plan.msgs[msgno].state != state)
		return (NULL);
	return (&s->plan.msgs[msgno]);
}
