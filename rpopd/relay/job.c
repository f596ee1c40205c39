/* SPDX-License-Identifier: ISC */
/*
 * One connection to a next hop: dialed by the dialer, or made here if it is a socket in the file system, and handed to a sender
 * process of its own with what that needs to log in.  Then message after message: the deliverer opens it, the sender tells what
 * became of each recipient.
 *
 *	DIALING		no connection yet
 *	OPENING		connected; the deliverer is asked for the message
 *	SENDING		the sender has it
 *	QUITTING	no more mail; the end is awaited
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/ipc/proto_dialer.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define DIAL_TIMEOUT	60	/* s */
#define ANSWER_TIMEOUT	600	/* s beyond three of the next hop's own, which the sender watches */
#define LEAST_RATE	1000	/* octets in s */
#define SOUR		10	/* messages in a row of which no recipient was taken: the next hop gets a pause */

enum job_state { JOB_DIALING, JOB_OPENING, JOB_SENDING, JOB_QUITTING };

struct job {
	LIST_ENTRY(job)		 entry;
	uint32_t		 id;
	enum job_state		 state;
	struct relay_hop	*hop;
	struct child		*sender;	/* the template */
	struct dial		*dial;		/* DIALING, unless the next hop is a socket */
	struct spool_ask	*ask;		/* OPENING: for the message */
	struct worker		*worker;	/* behind DIALING */
	struct timer		 clock;
	struct relay_mail	*mail;		/* being sent; NULL: none */
	int64_t			 ids[RELAY_RCPTS];
	size_t			 n;
	int64_t			 opening;	/* the row whose link is asked for */
	struct relay_fate	 fates[RELAY_RCPTS];
	size_t			 nfates;
	uint32_t		 mails;		/* sent so far, the one on its way included */
	uint32_t		 answered;	/* recipients, by the next hop itself */
	uint32_t		 sour;		/* messages in a row of which no recipient was taken */
	uint32_t		 timeout;	/* ms */
};

static struct relay_mail *job_take(struct relay_hop *, int64_t *, size_t *);
static void	 job_dialed(void *, const struct dialed *);
static void	 job_connected(struct job *, int);
static void	 job_open(struct job *);
static void	 job_opened(void *, const struct spool_answer *);
static int	 job_mail(struct job *, const struct spool_answer *);
static void	 job_bounces(const struct job *, const struct relay_row *, struct msg_send_mail *);
static void	 job_rcpt(struct job *, uint32_t, const struct relay_row *);
static void	 job_next(struct job *);
static void	 job_quit(struct job *);
static void	 job_give_back(struct job *, enum send_result, const char *);
static void	 job_fail(struct job *, const char *);
static void	 job_free(struct job *);
static void	 job_timeout(void *);
static void	 job_died(void *);
static struct job *job_of(const struct worker *, uint32_t);

static LIST_HEAD(, job)	 jobs = LIST_HEAD_INITIALIZER(jobs);
static uint32_t		 njobs;

/* How many connections there are. */
uint32_t
job_count(void)
{
	return (njobs);
}

/*
 * A connection to the next hop, for the mail that is due first.  0, or -1: not now.  A socket that cannot be connected to is a
 * failure of the next hop.
 */
int
job_start(struct relay_hop *h, const struct nexthop_row *row)
{
	struct child	*sender;
	struct job	*j;
	char		 err[PROTO_TEXT_SIZE];
	int		 fd;

	refresh_children(0);
	sender = worker_template(ROLE_SENDER);
	if (child_current(ROLE_DIALER) == NULL || sender == NULL || child_current(ROLE_DELIVERER) == NULL)
		return (-1);
	if ((j = calloc(1, sizeof(*j))) == NULL)
		fatal("delivery");
	if ((j->id = state_next_session()) == 0 || (j->mail = job_take(h, j->ids, &j->n)) == NULL) {
		free(j);
		return (-1);
	}
	j->hop = h;
	j->timeout = row->timeout * 1000;
	j->sender = sender;
	child_use(sender);
	h->jobs++;
	njobs++;
	LIST_INSERT_HEAD(&jobs, j, entry);
	timer_init(&j->clock, job_timeout, j);
	timer_in(&j->clock, DIAL_TIMEOUT * 1000);
	if (row->path[0] != '\0') {
		if ((fd = login_socket(row->path, err, sizeof(err))) == -1)
			job_fail(j, err);
		else
			job_connected(j, fd);
	} else	/* Addresses of this machine are fine: whether mail comes back is what the trace mark finds out. */
		j->dial = dial_start(j->id, row->host, row->port, DIAL_SELF, NULL, job_dialed, j);
	return (0);
}

/*
 * The next mail of this next hop, as queue_take() gives it; NULL: none is due, or what becomes of one could not be written down
 * now.
 */
static struct relay_mail *
job_take(struct relay_hop *h, int64_t *ids, size_t *n)
{
	if (turn_stopping || result_blocked() || !queue_due(h, clock_msec()) || !writable_ready())
		return (NULL);
	return (queue_take(h, ids, n));
}

/* The dial of a connection has ended.  If the dialer has died nothing has begun, and the next hop is not to blame. */
static void
job_dialed(void *arg, const struct dialed *how)
{
	struct job	*j = arg;

	j->dial = NULL;
	if (how->fd != -1)
		job_connected(j, how->fd);
	else if (how->died) {
		job_give_back(j, 0, NULL);
		job_free(j);
		turn_soon();
	} else
		job_fail(j, how->text);
}

/*
 * Connected: the sender process gets the socket and what it needs to log in.  The row of the next hop may have changed since
 * the dial: then it is as if there had been no connection.
 */
static void
job_connected(struct job *j, int fd)
{
	const struct nexthop_row	*row = config_nexthop(config_running, j->hop->id);
	char				 label[PROTO_TEXT_SIZE], err[PROTO_TEXT_SIZE];

	if (row == NULL || !j->sender->link.open || turn_stopping) {
		close(fd);
		job_give_back(j, 0, NULL);
		job_free(j);
		return;
	}
	snprintf(label, sizeof(label), "next hop %.200s", relay_hop_name(row->id, err, sizeof(err)));
	if ((j->worker = worker_start(j->sender, j->id, label, sent_rules, sent_nrules, job_died, j)) == NULL) {
		close(fd);
		job_fail(j, "no channel for the sender process");
		return;
	}
	if (login_send(j->worker, fd, row, err, sizeof(err)) == -1) {
		job_fail(j, err);
		return;
	}
	job_open(j);
}

/* Ask the deliverer for the message; the first of its links that is left is as good as any. */
static void
job_open(struct job *j)
{
	struct relay_item	*it = NULL;
	size_t			 i;

	j->state = JOB_OPENING;
	j->nfates = 0;
	for (i = 0; i < j->n && it == NULL; i++)
		it = queue_waiting(j->ids[i]);
	if (it == NULL || (j->ask = spool_open(it->link, job_opened, j)) == NULL) {
		job_give_back(j, 0, NULL);
		job_quit(j);
		return;
	}
	j->opening = it->id;
	timer_in(&j->clock, 3LL * j->timeout + ANSWER_TIMEOUT * 1000);
}

/* The deliverer has opened the message, or not; if it has died, the mail is sent another time. */
static void
job_opened(void *arg, const struct spool_answer *a)
{
	struct job	*j = arg;
	char		 text[PROTO_TEXT_SIZE];

	j->ask = NULL;
	if (a->died || (a->fd != -1 && job_mail(j, a) == -1)) {
		job_give_back(j, 0, NULL);
		job_quit(j);
	} else if (a->error == ENOENT) {
		/* The links of other recipients of this message may be there. */
		(void)body_missing(j->opening);
		job_give_back(j, 0, NULL);
		job_next(j);
	} else if (a->fd == -1) {
		snprintf(text, sizeof(text), "4.3.0 the message cannot be read from the spool: %s", strerror(a->error));
		log_warnx("delivery %lld: %s", (long long)j->ids[0], text + 6);
		job_give_back(j, SEND_TEMP, text);
		job_next(j);
	}
}

/*
 * Message and recipients to the sender; the descriptor is consumed.  0, or -1: nothing is left to be sent, or the store cannot
 * be read, or not be told of it.
 */
static int
job_mail(struct job *j, const struct spool_answer *opened)
{
	struct msg_send_mail	 m;
	struct relay_row	*rows;
	size_t			 i, n = 0;

	if ((rows = calloc(j->n, sizeof(*rows))) == NULL)
		fatal("delivery");
	for (i = 0; i < j->n; i++)
		if (queue_waiting(j->ids[i]) != NULL && state_relay_get(j->ids[i], &rows[n]) == DB_OK) {
			j->ids[n] = rows[n].id;
			n++;
		}
	if ((j->n = n) == 0 || state_relay_sent(j->ids, n, time(NULL)) != DB_OK) {
		if (n > 0)
			writable_lost();
		free(rows);
		close(opened->fd);
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	m.id = j->id;
	m.mail = ++j->mails;
	m.octets = opened->octets;
	m.rcpts = n;
	m.notify = rows[0].notify;
	strlcpy(m.sender, rows[0].sender, sizeof(m.sender));
	job_bounces(j, &rows[0], &m);
	strlcpy(m.client, rows[0].client, sizeof(m.client));	/* one message, so it is that of all rows */
	snprintf(m.envid, sizeof(m.envid), "rpopd.%lld.%lld", (long long)rows[0].arrived, (long long)rows[0].id);
	j->state = JOB_SENDING;
	HOOK("master.send");
	link_send(&j->worker->link, IMSG_SEND_MAIL, opened->fd, &m, sizeof(m));
	for (i = 0; i < n; i++)
		job_rcpt(j, i, &rows[i]);
	free(rows);
	timer_in(&j->clock, 3LL * j->timeout + (ANSWER_TIMEOUT + (int64_t)(opened->octets / LEAST_RATE)) * 1000);
	return (0);
}

/*
 * If nobody is to be notified, nobody would hear that the next hop has taken a message and failed later.  With
 * nexthop.bounce_to somebody here does, in the sender's place; but what has no sender, or was written by the daemon, must not
 * come back, so that no notification is made about a notification.
 */
static void
job_bounces(const struct job *j, const struct relay_row *row, struct msg_send_mail *m)
{
	const struct nexthop_row	*hop = config_nexthop(config_running, j->hop->id);

	if (hop == NULL || hop->bounce_to[0] == '\0' || row->notify != NOTIFY_NEVER || row->sender[0] == '\0' || row->uidlen == 0)
		return;
	strlcpy(m->sender, hop->bounce_to, sizeof(m->sender));
	m->notify = NOTIFY_FAILURE;
}

static void
job_rcpt(struct job *j, uint32_t i, const struct relay_row *row)
{
	struct msg_send_rcpt	 m;

	memset(&m, 0, sizeof(m));
	m.id = j->id;
	m.mail = j->mails;
	m.rcpt = i;
	strlcpy(m.address, row->dest, sizeof(m.address));
	strlcpy(m.original, row->original, sizeof(m.original));
	link_send(&j->worker->link, IMSG_SEND_RCPT, -1, &m, sizeof(m));
}

/* IMSG_SENT_RCPT: the result of the next recipient, in order.  0, or -1: a lie. */
int
job_sent_rcpt(const struct worker *sender, const struct msg_sent_rcpt *m)
{
	struct job		*j = job_of(sender, m->id);
	struct relay_fate	*f;
	char			 code[8] = "";

	if (j == NULL || j->state != JOB_SENDING || m->mail != j->mails || m->rcpt != j->nfates || j->nfates == j->n)
		return (-1);
	f = &j->fates[j->nfates];
	f->id = j->ids[j->nfates++];
	f->result = m->result;
	if (m->code >= 200 && m->code <= 599)
		snprintf(code, sizeof(code), "%u ", m->code);
	snprintf(f->status, sizeof(f->status), "%s%s%s%.230s", m->status, m->status[0] != '\0' ? " " : "", code, m->text);
	j->answered += m->code != 0;
	if (m->result == SEND_ACCEPTED || m->result == SEND_PERM)
		hop_works(j->hop);
	timer_in(&j->clock, 3LL * j->timeout + ANSWER_TIMEOUT * 1000);
	return (0);
}

/* IMSG_SENT_MAIL: all recipients of the mail have their results.  0, or -1: a lie. */
int
job_sent_mail(const struct worker *sender, const struct msg_sent_mail *m)
{
	struct job	*j = job_of(sender, m->id);
	size_t		 i;

	if (j == NULL || j->state != JOB_SENDING || m->mail != j->mails || j->nfates != j->n)
		return (-1);
	for (i = 0; i < j->n && j->fates[i].result == SEND_TEMP; i++)
		continue;
	j->sour = i == j->n ? j->sour + 1 : 0;
	HOOK("master.sent");
	job_give_back(j, SEND_TEMP, "");
	if (j->sour >= SOUR) {
		hop_failed(j->hop, j->fates[0].status);
		job_quit(j);
	} else
		job_next(j);
	return (0);
}

/* One more message goes over the same connection, if one is due and nothing speaks against it; else the connection ends. */
static void
job_next(struct job *j)
{
	if (j->mails < PROTO_MAILS_MAX && !j->sender->retiring && j->hop->until <= clock_msec() &&
	    config_nexthop(config_running, j->hop->id) != NULL && (j->mail = job_take(j->hop, j->ids, &j->n)) != NULL)
		job_open(j);
	else
		job_quit(j);
}

/* The sender is to end its session; the end is awaited. */
static void
job_quit(struct job *j)
{
	if (j->ask != NULL)
		spool_cancel(j->ask);
	j->ask = NULL;
	j->state = JOB_QUITTING;
	link_send(&j->worker->link, IMSG_SEND_QUIT, -1, &j->id, sizeof(j->id));
	timer_in(&j->clock, 2LL * j->timeout + ANSWER_TIMEOUT * 1000);
}

/*
 * IMSG_SENT_END: the session is over; recipients without a result were not sent to.  A good end is one that was asked for: from
 * a process that was not told to quit it is a lie.  0, or -1: a lie.
 */
int
job_sent_end(const struct worker *sender, const struct msg_sent_end *m)
{
	struct job		*j = job_of(sender, m->id);
	struct relay_hop	*h;
	char			 text[PROTO_TEXT_SIZE];
	int			 unable;

	if (j == NULL || (m->why == WHY_NONE && j->state != JOB_QUITTING))
		return (-1);
	h = j->hop;
	unable = m->why != WHY_NONE && (m->temp || (j->answered == 0 && j->state != JOB_QUITTING));
	snprintf(text, sizeof(text), "4.4.2 %.240s", m->text[0] != '\0' ? m->text : "the session ended");
	if (j->mail != NULL && j->state == JOB_OPENING && j->answered > 0)
		job_give_back(j, 0, NULL);
	else
		job_give_back(j, SEND_TEMP, text);
	job_free(j);
	if (unable)
		hop_failed(h, text + 6);
	turn_soon();
	return (0);
}

/*
 * The job is done with its mail: the results that are in count, and for the recipients without one rest does, with text as its
 * status. rest 0: no result counts, and the rows stay due.
 */
static void
job_give_back(struct job *j, enum send_result rest, const char *text)
{
	struct relay_mail	*m = j->mail;
	struct relay_fate	*f;

	if (m == NULL)
		return;
	j->mail = NULL;
	for (; rest != 0 && j->nfates < j->n; j->nfates++) {
		f = &j->fates[j->nfates];
		f->id = j->ids[j->nfates];
		f->result = rest;
		strlcpy(f->status, text, sizeof(f->status));
	}
	if (rest != 0)
		result_settle(m, j->fates, j->nfates);
	else
		queue_back(m);
}

/* There is no connection, or none that can be used: a failure of the next hop. */
static void
job_fail(struct job *j, const char *text)
{
	struct relay_hop	*h = j->hop;
	char			 status[PROTO_TEXT_SIZE];

	snprintf(status, sizeof(status), "4.4.1 %.240s", text);
	job_give_back(j, SEND_TEMP, status);
	job_free(j);
	hop_failed(h, text);
}

static void
job_free(struct job *j)
{
	if (j->dial != NULL)
		dial_cancel(j->dial);
	if (j->ask != NULL)
		spool_cancel(j->ask);
	if (j->worker != NULL)
		worker_leave(j->worker);
	child_release(j->sender);
	timer_stop(&j->clock);
	LIST_REMOVE(j, entry);
	j->hop->jobs--;
	njobs--;
	free(j);
}

/*
 * The sender process has died: whether what it was sending arrived is not known.  A next hop at which processes die is left
 * alone for a while, as one that cannot be reached, unless it is their template that has died.
 */
static void
job_died(void *arg)
{
	struct job		*j = arg;
	struct relay_hop	*h = j->hop;
	int			 unable = j->sender->link.open && j->state != JOB_QUITTING;

	job_give_back(j, j->state == JOB_SENDING ? SEND_DOUBT : 0, "4.3.0 the sender died");
	job_free(j);
	if (unable)
		hop_failed(h, "the sender process died");
	turn_soon();
}

/* A sender's template has died: for connections without a process nothing has begun.  Its forks say themselves that they die. */
void
job_template_died(struct child *template)
{
	struct job	*j, *next;

	LIST_FOREACH_SAFE(j, &jobs, entry, next)
		if (j->sender == template && j->worker == NULL) {
			job_give_back(j, 0, NULL);
			job_free(j);
		}
	turn_soon();
}

/*
 * The daemon ends: nothing new is sent.  What is on its way is waited for, within reason, since it would be sent twice
 * otherwise.
 */
void
job_stop(void)
{
	struct job	*j, *next;

	LIST_FOREACH_SAFE(j, &jobs, entry, next)
		if (j->state == JOB_DIALING) {
			job_give_back(j, 0, NULL);
			job_free(j);
		} else if (j->state == JOB_OPENING) {
			job_give_back(j, 0, NULL);
			job_quit(j);
		}
}

static void
job_timeout(void *arg)
{
	struct job	*j = arg;

	if (j->state == JOB_DIALING)
		job_fail(j, "no connection within a minute");
	else if (j->state == JOB_OPENING) {
		job_give_back(j, SEND_TEMP, "4.3.0 the deliverer did not open the message");
		job_quit(j);
	} else {
		log_warnx("%s: its sender process does not answer and is killed", j->worker->label);
		worker_kill(j->worker);		/* its end will be noticed */
	}
}

/* The job that this sender process was forked for; NULL: none, or another one than the process says. */
static struct job *
job_of(const struct worker *sender, uint32_t id)
{
	struct job	*j = sender->arg;

	return (j != NULL && j->id == id ? j : NULL);
}
