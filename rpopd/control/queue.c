/* SPDX-License-Identifier: ISC */
/* Requests about the queue and the quarantine: listings in portions, a message to look at, and what is to be done about one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/array.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

#define QUEUE_PORTION	32	/* rows in the channel at once */

struct view {				/* an answer that takes a while */
	LIST_ENTRY(view)	 entry;
	struct client		*client;
	struct spool_ask	*ask;		/* for a message to look at, or a file set aside; NULL: a listing */
	int			 quarantine;	/* 1: a listing of the quarantine, 0: of the queue */
	int64_t			*ids;		/* rows to be listed */
	struct set_aside_row	*set_aside;	/* messages to be listed behind them */
	size_t			 n, nset_aside;	/* how many of each */
	size_t			 next, file;	/* the next of these; the next file set aside */
	char			 name[PROTO_LINK_SIZE];	/* of the file set aside that something is done to */
};

static int	 queue_request(void *, struct imsg *);
static int	 queue_move(void *, struct imsg *);
static int	 queue_retry(void *, struct imsg *);
static int	 queue_quarantine(void *, struct imsg *);
static struct view *view_new(struct client *);
static struct view *view_of(const struct client *);
static void	 view_end(struct view *);
static int	 view_row(void *, const struct relay_row *);
static int	 view_set_aside(void *, const struct set_aside_row *);
static void	 view_portion(void *);
static void	 view_send_row(struct view *, const struct relay_row *);
static void	 view_send_set_aside(struct view *, const struct set_aside_row *);
static void	 view_answered(void *, const struct spool_answer *);
static void	 queue_list(struct client *, int);
static void	 queue_show(struct client *, int64_t);
static void	 queue_file(struct client *, const struct ctl_quarantine *);
static void	 view_left(struct client *);
static void	 view_send_file(struct view *, const struct set_aside *);
static void	 queue_record(int64_t, char *, size_t);

const struct rule	 queue_rules[] = {
	{ IMSG_CTL_QUEUE,	RULES_ANY,	queue_request },
	{ IMSG_CTL_MOVE,	RULES_ANY,	queue_move },
	{ IMSG_CTL_RETRY,	RULES_ANY,	queue_retry },
	{ IMSG_CTL_QUARANTINE,	RULES_ANY,	queue_quarantine },
};
const size_t		 queue_nrules = nitems(queue_rules);

static LIST_HEAD(, view)	 views = LIST_HEAD_INITIALIZER(views);

/* IMSG_CTL_QUEUE */
static int
queue_request(void *arg, struct imsg *imsg)
{
	struct client	*client = arg;

	if (client_allowed(client, imsg, 0))
		queue_list(client, 0);
	return (0);
}

/* IMSG_CTL_MOVE */
static int
queue_move(void *arg, struct imsg *imsg)
{
	struct client	*client = arg;
	struct ctl_move	 m;
	char		 text[PROTO_TEXT_SIZE * 2];
	int		 ok;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.from, sizeof(m.from)) || !proto_str(m.to, sizeof(m.to)))
		return (-1);
	if (!client_allowed(client, imsg, 1))
		return (0);
	ok = move_all(&m, text, sizeof(text)) == 0;
	client_reply(client, ok, text);
	return (0);
}

/* IMSG_CTL_RETRY */
static int
queue_retry(void *arg, struct imsg *imsg)
{
	struct client	*client = arg;
	struct ctl_name	 m;
	char		 text[PROTO_TEXT_SIZE * 2];
	int		 ok;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (!client_allowed(client, imsg, 1))
		return (0);
	ok = move_retry(m.name, text, sizeof(text)) == 0;
	client_reply(client, ok, text);
	return (0);
}

/* IMSG_CTL_QUARANTINE */
static int
queue_quarantine(void *arg, struct imsg *imsg)
{
	struct client		*client = arg;
	struct ctl_quarantine	 m;
	char			 text[PROTO_TEXT_SIZE * 2];
	int			 ok;

	if (rules_payload(imsg, &m) == -1 || m.act < QUARANTINE_LIST || m.act > QUARANTINE_DROP || m.id < 0 || m.mailbox < 0 ||
	    !proto_str(m.to, sizeof(m.to)) || !proto_str(m.uid, sizeof(m.uid)) || !proto_str(m.file, sizeof(m.file)) ||
	    (m.file[0] != '\0' && (m.id != 0 || m.mailbox != 0 || m.act == QUARANTINE_LIST)) || (m.mailbox != 0) != (m.uid[0] != '\0'))
		return (-1);
	if (!client_allowed(client, imsg, m.act != QUARANTINE_LIST))
		return (0);
	if (m.act == QUARANTINE_LIST)
		queue_list(client, 1);
	else if (m.file[0] != '\0')
		queue_file(client, &m);
	else if (m.act == QUARANTINE_SHOW)
		queue_show(client, m.id);
	else {
		ok = quarantine_act(&m, text, sizeof(text)) == 0;
		client_reply(client, ok, text);
	}
	return (0);
}

/* A listing of the queue, or of the quarantine: which rows there are is found out now, what is in them when their turn comes. */
static void
queue_list(struct client *client, int quarantine)
{
	struct view	*v = view_new(client);

	v->quarantine = quarantine;
	if (state_relay_each(view_row, v) != DB_OK || (quarantine && state_set_aside(view_set_aside, v) != DB_OK)) {
		view_end(v);
		client_reply(client, 0, "state.db cannot be read now; try again");
		return;
	}
	client_busy(client, view_portion, view_left);
	view_portion(client);
}

/* The message of a row is to be looked at: the deliverer opens it. */
static void
queue_show(struct client *client, int64_t id)
{
	struct relay_row	 row;
	struct view		*v;
	char			 text[96];

	snprintf(text, sizeof(text), "%lld: no such message in the queue or the quarantine", (long long)id);
	if (state_relay_get(id, &row) != DB_OK) {
		client_reply(client, 0, text);
		return;
	}
	v = view_new(client);
	if ((v->ask = spool_open(row.link, view_answered, v)) == NULL) {
		view_end(v);
		client_reply(client, 0, "the message cannot be opened now; try again");
		return;
	}
	client_busy(client, NULL, view_left);
}

/* Something is to be done to a file that no row knows: the deliverer does it. */
static void
queue_file(struct client *client, const struct ctl_quarantine *m)
{
	struct view	*v = view_new(client);
	char		 text[PROTO_TEXT_SIZE * 2];

	if ((v->ask = quarantine_file(m, view_answered, v, text, sizeof(text))) == NULL) {
		view_end(v);
		client_reply(client, 0, text);
		return;
	}
	strlcpy(v->name, m->file, sizeof(v->name));
	client_busy(client, NULL, view_left);
}

/*
 * The deliverer's answer about a message or a file set aside; a descriptor goes on to the client, who reads it to its end.  A
 * client that has gone meanwhile does not hear whether a file was released or dropped; the next start says whether it is there
 * yet.
 */
static void
view_answered(void *arg, const struct spool_answer *a)
{
	struct view	*v = arg;
	struct ctl_text	 line;
	struct client	*client = v->client;
	char		 text[PROTO_TEXT_SIZE] = "the deliverer died; try again";

	if (!a->died && a->opened)
		snprintf(text, sizeof(text), "the message cannot be opened: %s", strerror(a->error));
	else if (!a->died)
		snprintf(text, sizeof(text), "aside/%s: %s", v->name, a->error == 0 ? "done" : strerror(a->error));
	v->ask = NULL;
	view_end(v);
	client_done(client);
	if (a->fd == -1) {
		client_reply(client, !a->died && !a->opened && a->error == 0, text);
		return;
	}
	memset(&line, 0, sizeof(line));
	if (imsg_compose(&client->link.ibuf, IMSG_CTL_LINE, message_version(), 0, a->fd, &line, sizeof(line)) == -1)
		close(a->fd);
	client_send(client, IMSG_CTL_END, NULL, 0);
}

/* The client has left. */
static void
view_left(struct client *client)
{
	struct view	*v = view_of(client);

	if (v != NULL)
		view_end(v);
}

/* An answer to this client has begun. */
static struct view *
view_new(struct client *client)
{
	struct view	*v;

	if ((v = calloc(1, sizeof(*v))) == NULL)
		fatal("queue");
	v->client = client;
	LIST_INSERT_HEAD(&views, v, entry);
	return (v);
}

/* The answer to this client; NULL: there is none. */
static struct view *
view_of(const struct client *client)
{
	struct view	*v;

	LIST_FOREACH(v, &views, entry)
		if (v->client == client)
			return (v);
	return (NULL);
}

/* The answer is over, and freed. */
static void
view_end(struct view *v)
{
	if (v->ask != NULL)
		spool_cancel(v->ask);
	LIST_REMOVE(v, entry);
	free(v->ids);
	free(v->set_aside);
	free(v);
}

static int
view_row(void *arg, const struct relay_row *row)
{
	struct view	*v = arg;

	if (v->quarantine && (row->state != RELAY_QUARANTINED || row->body != BODY_HERE))
		return (0);
	if ((v->ids = array_grow(v->ids, v->n, sizeof(*v->ids))) == NULL)
		fatal("queue");
	v->ids[v->n++] = row->id;
	return (0);
}

static int
view_set_aside(void *arg, const struct set_aside_row *row)
{
	struct view	*v = arg;

	if ((v->set_aside = array_grow(v->set_aside, v->nset_aside, sizeof(*v->set_aside))) == NULL)
		fatal("queue");
	v->set_aside[v->nset_aside++] = *row;
	return (0);
}

/* The next portion of a listing, whenever the channel has drained. */
static void
view_portion(void *arg)
{
	struct client		*client = arg;
	struct view		*v = view_of(client);
	struct relay_row	 row;
	int			 n;

	if (v == NULL)
		return;
	for (n = 0; n < QUEUE_PORTION && v->next < v->n + v->nset_aside; n++, v->next++) {
		if (v->next >= v->n)
			view_send_set_aside(v, &v->set_aside[v->next - v->n]);
		else if (state_relay_get(v->ids[v->next], &row) == DB_OK)
			view_send_row(v, &row);
	}
	for (; v->quarantine && n < QUEUE_PORTION && set_aside_nth(v->file) != NULL; n++)
		view_send_file(v, set_aside_nth(v->file++));
	if (n == QUEUE_PORTION)
		return;
	view_end(v);
	client_end(client, NULL);
}

static void
view_send_row(struct view *v, const struct relay_row *row)
{
	struct ctl_queued	 m;

	memset(&m, 0, sizeof(m));
	m.id = row->id;
	m.mailbox = row->mailbox;
	m.arrived = row->arrived;
	m.next = row->next;
	m.state = row->body == BODY_HERE ? (uint32_t)row->state : row->body == BODY_WANTED ? QUEUE_WANTED : QUEUE_LOST;
	m.tries = row->tries;
	queue_record(row->mailbox, m.record, sizeof(m.record));
	log_vis(m.uid, sizeof(m.uid), row->uid, row->uidlen);
	if (row->nexthop != 0)
		relay_hop_name(row->nexthop, m.nexthop, sizeof(m.nexthop));
	strlcpy(m.recipient, row->dest, sizeof(m.recipient));
	strlcpy(m.sender, row->sender, sizeof(m.sender));
	relay_status(row->status[0] == '\0' && row->state == RELAY_WAITING ? relay_hop_text(row->nexthop) : row->status, m.status,
	    sizeof(m.status));
	client_send(v->client, IMSG_CTL_QUEUED, &m, sizeof(m));
}

static void
view_send_set_aside(struct view *v, const struct set_aside_row *row)
{
	struct ctl_queued	 m;

	memset(&m, 0, sizeof(m));
	m.mailbox = row->mailbox;
	m.arrived = row->since;
	m.state = QUEUE_QUARANTINED;
	queue_record(row->mailbox, m.record, sizeof(m.record));
	log_vis(m.uid, sizeof(m.uid), row->uid, row->uidlen);
	strlcpy(m.status, row->reason, sizeof(m.status));
	client_send(v->client, IMSG_CTL_QUEUED, &m, sizeof(m));
}

static void
view_send_file(struct view *v, const struct set_aside *f)
{
	struct ctl_queued	 m;

	memset(&m, 0, sizeof(m));
	m.arrived = f->since;
	m.state = QUEUE_QUARANTINED;
	strlcpy(m.file, f->name, sizeof(m.file));
	client_send(v->client, IMSG_CTL_QUEUED, &m, sizeof(m));
}

/* The record of a remote mailbox as "account/record"; empty: there is no such record any more, or (0) it was sent here. */
static void
queue_record(int64_t mailbox, char *name, size_t size)
{
	size_t	 i;

	*name = '\0';
	for (i = 0; i < sched_ntasks && mailbox != 0; i++)
		if (sched_tasks[i].mailbox == mailbox) {
			snprintf(name, size, "%s/%s", sched_tasks[i].rec->owner, sched_tasks[i].rec->name);
			return;
		}
}
