/* SPDX-License-Identifier: ISC */
/*
 * What the master says: the rule table of its channel and the handlers, which check a message and hand it to the file that it is for.  The
 * master is the one peer that is trusted: what it says wrongly is a bug, and fatal.  What it is told is in master.c.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/ipc/imsg.h"
#include "common/proc_main.h"
#include "common/log.h"
#include "common/ipc/rules.h"
#include "deliverer.h"

#define RECOVERING	(1u << ORDERS_RECOVERING)
#define RUNNING		(1u << ORDERS_RUNNING)

static int	 order_route_start(void *, struct imsg *);
static int	 order_route_account(void *, struct imsg *);
static int	 order_route_domain(void *, struct imsg *);
static int	 order_route_rows(void *, struct imsg *);
static int	 order_route_end(void *, struct imsg *);
static int	 order_root_identity(void *, struct imsg *);
static int	 order_root_counter(void *, struct imsg *);
static int	 order_replay_spent(void *, struct imsg *);
static int	 order_set_aside_act(void *, struct imsg *);
static int	 order_replay_row(void *, struct imsg *);
static int	 order_replay_hold(void *, struct imsg *);
static int	 order_replay_end(void *, struct imsg *);
static int	 order_session_open(void *, struct imsg *);
static int	 order_route_ask(void *, struct imsg *);
static int	 order_receipt_committed(void *, struct imsg *);
static int	 order_notice_make(void *, struct imsg *);
static int	 order_dsn_make(void *, struct imsg *);
static int	 order_dsn_rcpt(void *, struct imsg *);
static int	 order_spool_open(void *, struct imsg *);
static int	 order_spool_remove(void *, struct imsg *);
static int	 order_spool_move(void *, struct imsg *);

const struct rule	 order_rules[] = {
	{ IMSG_LOG_LEVEL,		RULES_ANY,	proc_log_level },
	{ IMSG_ROUTE_START,		RULES_ANY,	order_route_start },
	{ IMSG_ROUTE_ACCOUNT,		RULES_ANY,	order_route_account },
	{ IMSG_ROUTE_DOMAIN,		RULES_ANY,	order_route_domain },
	{ IMSG_ROUTE_ROWS,		RULES_ANY,	order_route_rows },
	{ IMSG_ROUTE_END,		RULES_ANY,	order_route_end },
	{ IMSG_REPLAY_ROW,		RECOVERING,	order_replay_row },
	{ IMSG_REPLAY_HOLD,		RECOVERING,	order_replay_hold },
	{ IMSG_REPLAY_END,		RECOVERING,	order_replay_end },
	{ IMSG_ROOT_IDENTITY,		RECOVERING,	order_root_identity },
	{ IMSG_ROOT_COUNTER,		RULES_ANY,	order_root_counter },
	{ IMSG_SET_ASIDE_ACT,		RUNNING,	order_set_aside_act },
	{ IMSG_REPLAY_SPENT,		RECOVERING,	order_replay_spent },
	{ IMSG_SESSION_OPEN,		RUNNING,	order_session_open },
	{ IMSG_DSN_MAKE,		RUNNING,	order_dsn_make },
	{ IMSG_DSN_RCPT,		RUNNING,	order_dsn_rcpt },
	{ IMSG_NOTICE_MAKE,		RUNNING,	order_notice_make },
	{ IMSG_ROUTE_ASK,		RUNNING,	order_route_ask },
	{ IMSG_RECEIPT_COMMITTED,	RUNNING,	order_receipt_committed },
	{ IMSG_SPOOL_OPEN,		RUNNING,	order_spool_open },
	{ IMSG_SPOOL_REMOVE,		RULES_ANY,	order_spool_remove },
	{ IMSG_SPOOL_MOVE,		RULES_ANY,	order_spool_move },
};

const size_t	 order_nrules = nitems(order_rules);

static int
order_route_start(void *arg, struct imsg *imsg)
{
	struct msg_route_start	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.hostname, sizeof(msg.hostname)))
		return (-1);
	return (routes_start(&msg));
}

static int
order_route_account(void *arg, struct imsg *imsg)
{
	struct msg_route_account	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.dir, sizeof(msg.dir)))
		return (-1);
	return (routes_account(&msg));
}

static int
order_route_domain(void *arg, struct imsg *imsg)
{
	struct msg_route_domain	 msg;

	(void)arg;
	return (rules_payload(imsg, &msg) == -1 ? -1 : routes_domain(&msg));
}

static int
order_route_rows(void *arg, struct imsg *imsg)
{
	(void)arg;
	return (routes_rows(imsg->data, imsg_get_len(imsg)));
}

static int
order_route_end(void *arg, struct imsg *imsg)
{
	struct msg_route_start	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.hostname, sizeof(msg.hostname)) || routes_end(&msg) == -1)
		return (-1);
	if (routes_hostname() != NULL)
		spool_host(routes_hostname());
	return (0);
}

static int
order_replay_row(void *arg, struct imsg *imsg)
{
	struct msg_rcpt	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)) || !proto_str(msg.dest, sizeof(msg.dest)))
		return (-1);
	recover_replay(&msg);
	return (0);
}

/* What the master has found out about the mail root, ahead of every row. */
static int
order_root_identity(void *arg, struct imsg *imsg)
{
	struct msg_root_identity	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1)
		return (-1);
	if (rootmark_open(maildir_root(), &msg) == -1)
		fatalx("the mail root is not the one that the master has checked");
	recover_begin(msg.life, msg.proven != 0);
	return (0);
}

static int
order_root_counter(void *arg, struct imsg *imsg)
{
	uint64_t	 counter;

	(void)arg;
	return (rules_payload(imsg, &counter) == -1 ? -1 : rootmark_counter(counter));
}

static int
order_replay_spent(void *arg, struct imsg *imsg)
{
	struct msg_link	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)))
		return (-1);
	recover_spent(msg.link);
	return (0);
}

static int
order_replay_hold(void *arg, struct imsg *imsg)
{
	struct msg_link	 msg;

	(void)arg;
	return (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)) ? -1 : queue_hold(msg.link));
}

static int
order_set_aside_act(void *arg, struct imsg *imsg)
{
	struct msg_set_aside_act	 msg;
	struct msg_set_aside_done	 done;
	struct msg_spool_opened	 opened;
	int			 fd;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.name, sizeof(msg.name)) || !proto_str(msg.dest, sizeof(msg.dest)))
		return (-1);
	if (msg.act == QUARANTINE_SHOW) {
		fd = set_aside_open(&msg, &opened);
		if (link_send(&proc_master, IMSG_SPOOL_OPENED, fd, &opened, sizeof(opened)) == -1)
			fatal("send %s", message_name(IMSG_SPOOL_OPENED));
		return (0);
	}
	memset(&done, 0, sizeof(done));
	done.id = msg.id;
	done.error = set_aside_act(&msg) == -1 ? errno : 0;
	master_send(IMSG_SET_ASIDE_DONE, &done, sizeof(done));
	return (0);
}

static int
order_replay_end(void *arg, struct imsg *imsg)
{
	uint32_t	 sure;

	(void)arg;
	if (rules_payload(imsg, &sure) == -1)
		return (-1);
	recover_end(sure != 0);
	return (0);
}

static int
order_session_open(void *arg, struct imsg *imsg)
{
	struct msg_session_open		 msg;
	struct msg_session_closed	 closed;
	int				 fd;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.special, sizeof(msg.special)) ||
	    !proto_str(msg.trusted_hop, sizeof(msg.trusted_hop)) || !proto_str(msg.strip_prefix, sizeof(msg.strip_prefix)) ||
	    !proto_str(msg.domains, sizeof(msg.domains)) ||
	    !proto_str(msg.domain, sizeof(msg.domain)) || !proto_str(msg.mailbox, sizeof(msg.mailbox)) ||
	    !proto_str(msg.host, sizeof(msg.host)) || !proto_str(msg.address, sizeof(msg.address)) ||
	    !proto_str(msg.record, sizeof(msg.record)) || msg.mode < DIST_OWNER || msg.mode > DIST_SUBMIT ||
	    msg.try > 1 || msg.received_for > 1 || ingest_find(msg.session) != NULL || (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (ingest_open(&msg, fd) != NULL)
		return (0);
	log_warn("session %" PRIu32, msg.session);
	memset(&closed, 0, sizeof(closed));
	closed.session = msg.session;
	master_send(IMSG_SESSION_CLOSED, &closed, sizeof(closed));
	return (0);
}

static int
order_route_ask(void *arg, struct imsg *imsg)
{
	struct msg_route_ask	 msg;

	(void)arg;
	return (rules_payload(imsg, &msg) == -1 ? -1 : ask_route(&msg));
}

static int
order_receipt_committed(void *arg, struct imsg *imsg)
{
	struct msg_receipt_committed	 msg;
	size_t			 len = imsg_get_len(imsg);

	(void)arg;
	memcpy(&msg, imsg->data, sizeof(msg));
	if (len - sizeof(msg) != msg.count)
		return (-1);
	return (batch_committed(msg.batch, msg.count, (const uint8_t *)imsg->data + sizeof(msg)));
}

static int
order_notice_make(void *arg, struct imsg *imsg)
{
	struct msg_notice	 msg;
	struct msg_notice_made	 answer;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.record, sizeof(msg.record)) ||
	    !proto_str(msg.subject, sizeof(msg.subject)) || !proto_str(msg.text, sizeof(msg.text)) ||
	    notice_deliver(&msg, &answer) == -1)
		return (-1);
	master_send(IMSG_NOTICE_MADE, &answer, sizeof(answer));
	return (0);
}

static int
order_dsn_make(void *arg, struct imsg *imsg)
{
	struct msg_dsn	 msg;

	(void)arg;
	return (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)) ||
	    !proto_str(msg.sender, sizeof(msg.sender)) ? -1 : dsn_begin(&msg));
}

static int
order_dsn_rcpt(void *arg, struct imsg *imsg)
{
	struct msg_dsn_rcpt	 msg;
	struct msg_dsn_made	 answer;
	int			 n;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.recipient, sizeof(msg.recipient)) ||
	    !proto_str(msg.original, sizeof(msg.original)) || !proto_str(msg.status, sizeof(msg.status)) ||
	    !proto_str(msg.remote, sizeof(msg.remote)) || !proto_str(msg.text, sizeof(msg.text)) ||
	    (n = dsn_rcpt(&msg, &answer)) == -1)
		return (-1);
	if (n == 1)
		master_send(IMSG_DSN_MADE, &answer, sizeof(answer));
	return (0);
}

static int
order_spool_open(void *arg, struct imsg *imsg)
{
	struct msg_spool_opened	 answer;
	struct msg_link		 msg;
	int			 fd;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)))
		return (-1);
	fd = queue_open(&msg, &answer);
	if (link_send(&proc_master, IMSG_SPOOL_OPENED, fd, &answer, sizeof(answer)) == -1)
		fatal("send %s", message_name(IMSG_SPOOL_OPENED));
	return (0);
}

static int
order_spool_remove(void *arg, struct imsg *imsg)
{
	struct msg_link	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)))
		return (-1);
	queue_remove(msg.link);
	return (0);
}

static int
order_spool_move(void *arg, struct imsg *imsg)
{
	struct msg_rcpt	 msg;

	(void)arg;
	if (rules_payload(imsg, &msg) == -1 || !proto_str(msg.link, sizeof(msg.link)) || !proto_str(msg.dest, sizeof(msg.dest)))
		return (-1);
	return (queue_move(&msg));
}
