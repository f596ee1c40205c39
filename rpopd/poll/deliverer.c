/* SPDX-License-Identifier: ISC */
/* What the deliverer may say, and what it is told when it starts: the routing table and the deliveries to replay. */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/plan/plan.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "poll.h"

#define FEED_PORTION	256	/* accounts and domains in the queue at once */
#define FEED_FRAMES	16	/* frames of rows in the queue at once */

struct suspect {
	uint32_t	 session, msgno;
};

static int	 deliverer_replayed(void *, struct imsg *);
static int	 deliverer_suspect(void *, struct imsg *);
static int	 deliverer_recovered(void *, struct imsg *);
static int	 deliverer_receipt(void *, struct imsg *);
static int	 deliverer_note(void *, struct imsg *);
static int	 deliverer_rcpt(void *, struct imsg *);
static int	 deliverer_batch(void *, struct imsg *);
static int	 deliverer_settled(void *, struct imsg *);
static int	 deliverer_refused(void *, struct imsg *);
static int	 deliverer_closed(void *, struct imsg *);
static int	 deliverer_tried(void *, struct imsg *);
static void	 deliverer_greet(struct child *);
static void	 deliverer_routes(struct child *);
static void	 deliverer_feed(void *);
static int	 deliverer_feed_names(struct child *);
static int	 deliverer_feed_rows(struct child *);
static void	 deliverer_recover(struct child *);
static void	 deliverer_suspects(void);
static void	 deliverer_blame(const struct suspect *);

static const struct rule	 deliverer_rules[] = {
	{ IMSG_REPLAY_SUSPECT,	RULES_ANY,	deliverer_suspect },
	{ IMSG_REPLAY_DONE,	RULES_ANY,	deliverer_recovered },
	{ IMSG_REPLAY_RESULT,	RULES_ANY,	deliverer_replayed },
	{ IMSG_RECEIPT,		RULES_ANY,	deliverer_receipt },
	{ IMSG_RECEIPT_NOTE,	RULES_ANY,	deliverer_note },
	{ IMSG_RECEIPT_RCPT,	RULES_ANY,	deliverer_rcpt },
	{ IMSG_RECEIPT_BATCH,	RULES_ANY,	deliverer_batch },
	{ IMSG_RECEIPT_SETTLED,	RULES_ANY,	deliverer_settled },
	{ IMSG_RECEIPT_REFUSED,	RULES_ANY,	deliverer_refused },
	{ IMSG_SESSION_CLOSED,	RULES_ANY,	deliverer_closed },
	{ IMSG_SESSION_TRIED,	RULES_ANY,	deliverer_tried },
};

static struct {
	struct msg_route_start	 start;
	uint32_t		 account, domain, row;
}			 feed;		/* the snapshot under way */
static struct suspect	 suspects[4096];	/* of the recovery under way; more are not blamed */
static size_t		 nsuspects;
static uint32_t		 generation;	/* of the routing table that was sent last */
static int		 stale;		/* 1: the routing table has changed since it was sent to a deliverer that is still recovering */

/* Once, before the first deliverer is started. */
void
deliverer_start(void)
{
	static const struct child_owner	 owner = { deliverer_greet, mailroot_right };

	child_rules(ROLE_DELIVERER, deliverer_rules, nitems(deliverer_rules));
	child_own(ROLE_DELIVERER, &owner);
}

/* A deliverer is locked in: it has to know whose mail root it is in ahead of everything else, and then the routing table. */
static void
deliverer_greet(struct child *c)
{
	mailroot_greet(c);
	deliverer_routes(c);
}

/*
 * The configuration has changed: the deliverer is sent the routing table, and one that was under way starts anew.  A deliverer that
 * is recovering gets it when it has recovered, before it takes any work.
 */
void
deliverer_reload(void)
{
	struct child	*c = child_of[ROLE_DELIVERER];

	if (c != NULL && (c->ready || c->feeding))
		deliverer_routes(c);
	else
		stale = 1;
}

/*
 * The routing table as it is now: START ... END; the deliverer swaps at END.  Sent in portions as the channel drains, so that a
 * large table does not stand in memory twice; no session is opened meanwhile.
 */
static void
deliverer_routes(struct child *c)
{
	const struct config	*cf = config_running;
	const struct settings	*set = &cf->settings;

	stale = 0;
	memset(&feed, 0, sizeof(feed));
	feed.start.generation = ++generation;
	route_counts(cf->routes, &feed.start.accounts, &feed.start.domains, &feed.start.rows);
	feed.start.postmaster = set->postmaster;
	feed.start.hop_limit = set->hop_limit;
	feed.start.detail = set->detail;
	if (state_mark(feed.start.mark) != DB_OK)
		fatalx("state.db: the key of the trace mark cannot be read");
	strlcpy(feed.start.archive, set->archive, sizeof(feed.start.archive));
	strlcpy(feed.start.hostname, set->hostname, sizeof(feed.start.hostname));
	strlcpy(feed.start.unified_field, set->unified_field, sizeof(feed.start.unified_field));
	c->feeding = 1;
	c->link.drained = deliverer_feed;
	link_send(&c->link, IMSG_ROUTE_START, -1, &feed.start, sizeof(feed.start));
}

/* The channel has drained: the next portion of the snapshot follows, or its end. */
static void
deliverer_feed(void *arg)
{
	struct child	*c = arg;

	if (deliverer_feed_names(c) || deliverer_feed_rows(c))
		return;
	link_send(&c->link, IMSG_ROUTE_END, -1, &feed.start, sizeof(feed.start));
	explicit_bzero(feed.start.mark, sizeof(feed.start.mark));
	c->link.drained = NULL;
	c->feeding = 0;
	if (c->ready)
		turn_soon();
	else
		deliverer_recover(c);
}

/* Accounts and domains of the snapshot.  1: a portion is on its way, 0: there are no more. */
static int
deliverer_feed_names(struct child *c)
{
	const struct route_table	*t = config_running->routes;
	struct msg_route_account	 a;
	struct msg_route_domain		 d;
	struct route_account		 account;
	const char			*name;
	int				 portion, source_routes;

	for (portion = 0; portion < FEED_PORTION && route_account_get(t, feed.account, &account) == 0; portion++, feed.account++) {
		memset(&a, 0, sizeof(a));
		a.account = account.id;
		a.nexthop = account.nexthop;
		a.unified = account.unified != 0;
		strlcpy(a.dir, account.dir, sizeof(a.dir));
		link_send(&c->link, IMSG_ROUTE_ACCOUNT, -1, &a, sizeof(a));
	}
	for (; portion < FEED_PORTION && route_domain_get(t, feed.domain, &name, &source_routes) == 0; portion++, feed.domain++) {
		memset(&d, 0, sizeof(d));
		d.source_routes = source_routes;
		strlcpy(d.name, name, sizeof(d.name));
		link_send(&c->link, IMSG_ROUTE_DOMAIN, -1, &d, sizeof(d));
	}
	return (portion == FEED_PORTION);
}

/* Rows of the snapshot.  1: a portion is on its way, 0: there are no more. */
static int
deliverer_feed_rows(struct child *c)
{
	uint8_t	 frame[PROTO_FRAME_MAX];
	size_t	 len;
	int	 n;

	for (n = 0; n < FEED_FRAMES; n++) {
		if ((len = route_rows_pack(config_running->routes, &feed.row, frame, sizeof(frame))) == 0)
			return (0);
		link_send(&c->link, IMSG_ROUTE_ROWS, -1, frame, len);
	}
	return (1);
}

/* A fresh deliverer has its routes: now it is told everything that was committed but may not be in place. */
static void
deliverer_recover(struct child *c)
{
	nsuspects = 0;
	place_reset();
	set_aside_reset();
	replay_begin(c);
}

static int
deliverer_replayed(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct msg_replay_result	 m;

	return (rules_payload(imsg, &m) == -1 || !proto_text(m.link, sizeof(m.link)) ? -1 : replay_told(&m, c->ready));
}

static int
deliverer_suspect(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct msg_replay_suspect	 m;

	if (rules_payload(imsg, &m) == -1 || c->ready)
		return (-1);
	if (nsuspects < nitems(suspects))
		suspects[nsuspects++] = (struct suspect){ m.session, m.msgno };
	return (0);
}

/* IMSG_REPLAY_DONE: what could be replayed is in place.  Its rows may go, and the deliverer takes work. */
static int
deliverer_recovered(void *arg, struct imsg *imsg)
{
	struct child	*c = arg;
	uint32_t	 durable;

	if (rules_payload(imsg, &durable) == -1 || c->ready)
		return (-1);
	replay_end(durable != 0);
	deliverer_suspects();
	if (stale)
		deliverer_routes(c);
	child_set_ready(c);
	return (0);
}

/*
 * Messages that were in flight when the deliverer died.  If one of them travelled alone as a known suspect, it is the one;
 * otherwise all of them are suspects from now on.  Sessions the daemon does not know were cut off by a restart of everything:
 * no blame.
 */
static void
deliverer_suspects(void)
{
	struct session	*s;
	size_t		 i, culprit = nsuspects;

	for (i = 0; i < nsuspects; i++)
		if ((s = session_by_id(suspects[i].session)) != NULL && s->orphaned && suspects[i].msgno <= s->plan.count &&
		    s->plan.msgs != NULL && suspect_holds(s) && s->plan.msgs[suspects[i].msgno].action == ACTION_RETR_ALONE)
			culprit = i;
	for (i = 0; i < nsuspects; i++)
		if (culprit == nsuspects || culprit == i)
			deliverer_blame(&suspects[i]);
	nsuspects = 0;
	session_close_orphans();
}

static void
deliverer_blame(const struct suspect *su)
{
	struct session	*s = session_by_id(su->session);

	if (s != NULL && s->orphaned && su->msgno != 0 && su->msgno <= s->plan.count)
		suspect_death(s, su->msgno);
}

static int
deliverer_receipt(void *arg, struct imsg *imsg)
{
	struct msg_receipt	 m;
	struct session		*s;
	const char		*p;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_text(m.sender, sizeof(m.sender)) || !proto_str(m.msgid, sizeof(m.msgid)) ||
	    ((s = session_by_id(m.session)) != NULL && s->trial != NULL))
		return (-1);
	for (p = m.msgid; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return (-1);
	return (commit_receipt(&m));
}

static int
deliverer_note(void *arg, struct imsg *imsg)
{
	struct msg_receipt_note	 m;
	const char	*p;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_str(m.note, sizeof(m.note)) ||
	    !proto_client(m.client, sizeof(m.client)))
		return (-1);
	for (p = m.note; *p != '\0'; p++)
		if ((*p < ' ' || *p > '~') && *p != '\n')
			return (-1);
	return (commit_note(&m));
}

static int
deliverer_rcpt(void *arg, struct imsg *imsg)
{
	struct msg_rcpt	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_text(m.link, sizeof(m.link)) || !proto_text(m.dest, sizeof(m.dest)) ||
	    !proto_text(m.original, sizeof(m.original)) || !proto_text(m.reason, sizeof(m.reason)))
		return (-1);
	return (commit_rcpt(&m));
}

static int
deliverer_batch(void *arg, struct imsg *imsg)
{
	struct msg_receipt_batch	 m;

	(void)arg;
	return (rules_payload(imsg, &m) == -1 ? -1 : commit_batch(&m));
}

static int
deliverer_settled(void *arg, struct imsg *imsg)
{
	uint32_t	 batch;

	(void)arg;
	return (rules_payload(imsg, &batch) == -1 ? -1 : commit_settled(batch));
}

/* IMSG_RECEIPT_REFUSED: a message was not taken.  It stays on the server, and its session takes no more. */
static int
deliverer_refused(void *arg, struct imsg *imsg)
{
	struct session			*s;
	struct submission		*sub;
	struct msg_receipt_refused	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if ((sub = submit_by_id(m.session)) != NULL)
		return (submit_refused(sub, &m));
	if (!proto_str(m.text, sizeof(m.text)) || m.why == WHY_NONE || m.why >= WHY_MAX ||
	    (s = session_by_id(m.session)) == NULL || m.msgno == 0 || m.msgno > s->plan.count ||
	    s->plan.msgs[m.msgno].state != MESSAGE_PLANNED)
		return (-1);
	s->plan.msgs[m.msgno].state = MESSAGE_REFUSED;
	session_verdict(s, m.msgno, VERDICT_KEEP);
	session_refused(s, m.why, m.text);
	return (0);
}

static int
deliverer_closed(void *arg, struct imsg *imsg)
{
	struct session			*s;
	struct submission		*sub;
	struct msg_session_closed	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if ((sub = submit_by_id(m.session)) != NULL)
		return (submit_closed(sub, m.broken != 0));
	if ((s = session_by_id(m.session)) == NULL || !s->opened || s->closed)
		return (-1);
	if (m.broken) {
		log_warnx("%s: fetcher session %u broke the rules of the message pipe", s->label, s->id);
		session_fail(s, STAGE_RETR, WHY_LOCAL_TEMP, "the fetcher session broke the rules");
		session_kill(s);
	}
	session_closed(s);
	return (0);
}

/* IMSG_SESSION_TRIED: where a message of a trial would go. */
static int
deliverer_tried(void *arg, struct imsg *imsg)
{
	struct session		*s;
	struct msg_session_tried	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)) || (s = session_by_id(m.session)) == NULL ||
	    s->trial == NULL || m.msgno == 0 || m.msgno > s->plan.count || s->plan.msgs[m.msgno].state != MESSAGE_PLANNED)
		return (-1);
	s->plan.msgs[m.msgno].state = MESSAGE_RECEIVED;
	session_verdict(s, m.msgno, VERDICT_KEEP);
	return (try_told(s, &m));
}
