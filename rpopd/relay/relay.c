/* SPDX-License-Identifier: ISC */
/*
 * Recipients that are handed on to a next hop, and the quarantine.
 *
 *	state/relay.c	their rows in state.db
 *	state/hop.c	next hops, as long as something waits for them
 *	state/body.c	rows whose file is missing, and those that are on their way
 *	queue.c		the waiting rows in memory, and which is due
 *	hop.c		pauses of next hops
 *	job.c		one connection: dial, messages, results
 *	login.c		what a connection begins with
 *	sent.c		what a sender process may say
 *	result.c	what a result means for its row, and the commit of it
 *	writable.c	whether results could be written down
 *	body.c		files that are missing: wanted again, found, or lost
 *	dsn.c		delivery status notifications about what failed
 *	move.c		what waits for a next hop that is gone
 *	quarantine.c	what the administrator does about messages
 *	quarantine_note.c	what is said of the quarantine
 *	relay.c		the beginning, and what is done in each round
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define RELAY_JOBS	50		/* connections in all */

struct attached {			/* rows that were wanted and have links of a receipt now */
	const struct receipt	*receipt;
	struct relay_row	*rows;
	size_t			 n;
};

static int	 relay_dsn_made(void *, struct imsg *);
static int	 relay_look(void *, const struct relay_row *);
static int	 relay_read(void *, const struct relay_row *);
static int	 relay_attach_row(void *, const struct relay_row *);
static void	 relay_hop_run(struct relay_hop *, int64_t);

static const struct rule	 rules[] = {	/* of the deliverer */
	{ IMSG_DSN_MADE,	RULES_ANY,	relay_dsn_made },
};

static int	 full;			/* relay_full() has said so */

/*
 * At the daemon's start; state.db is open.  tried(id) is called when a row has had its first result and that is durable, or
 * when none is to be expected soon, since its next hop has a pause.  It is called for rows that nobody waits for, too, and more
 * than once.
 */
void
relay_start(void (*tried)(int64_t id))
{
	queue_start(tried);
	child_rules(ROLE_DELIVERER, rules, nitems(rules));
	if (state_relay_each(relay_look, NULL) == DB_OK) {
		body_checked();
		if (state_relay_each(relay_read, NULL) == DB_OK) {
			move_tell();
			quarantine_grew();
			turn_soon();
			return;
		}
	}
	fatalx("state.db: the queue cannot be read; nothing is lost, but rpopd cannot go on");
}

/* IMSG_DSN_MADE */
static int
relay_dsn_made(void *arg, struct imsg *imsg)
{
	struct msg_dsn_made	 m;

	(void)arg;
	return (rules_payload(imsg, &m) == -1 || !proto_text(m.link, sizeof(m.link)) || m.error > INT32_MAX ? -1 : dsn_made(&m));
}

/* A row that the last life of the daemon left, before anything of this life is on its way. */
static int
relay_look(void *arg, const struct relay_row *row)
{
	(void)arg;
	body_check(row);
	if (row->sent != 0)
		log_warnx("delivery %lld to %s: in doubt: it was on its way when rpopd ended, and its next hop's answer is not known; "
		    "it is handed on again", (long long)row->id, row->dest);
	return (0);
}

static int
relay_read(void *arg, const struct relay_row *row)
{
	(void)arg;
	relay_add(row);
	return (0);
}

/* New rows of one message, quarantined and failed ones too, are durable; somebody awaits the result of their first attempt. */
void
relay_committed(const struct relay_row *rows, size_t n)
{
	size_t			 i;

	for (i = 0; i < n; i++) {
		relay_add(&rows[i]);
		if (rows[i].state == RELAY_QUARANTINED)
			quarantine_grew();
		queue_fresh(rows[i].id);
	}
	turn_soon();
}

/* A message was retrieved again for rows that were wanted; which of its rows these are is seen by their links. */
void
relay_attached(const struct receipt *r)
{
	struct attached	 a = { r, NULL, 0 };
	size_t		 i;

	if ((a.rows = calloc(r->attached, sizeof(*a.rows))) == NULL)
		fatal("queue");
	if (state_relay_of(r->mailbox, r->uid, r->uidlen, relay_attach_row, &a) != DB_OK)
		log_warnx("state.db cannot be read: deliveries that were wanted go on at the next start");
	for (i = 0; i < a.n; i++) {
		log_info("delivery %lld: retrieved again", (long long)a.rows[i].id);
		relay_add(&a.rows[i]);
	}
	free(a.rows);
	turn_soon();
}

static int
relay_attach_row(void *arg, const struct relay_row *row)
{
	struct attached	*a = arg;
	uint32_t	 i;

	for (i = 0; i < a->receipt->nrcpt && a->n < a->receipt->attached; i++)
		if (a->receipt->verdicts[i] == COMMIT_HOLD && strcmp(a->receipt->rcpts[i].link, row->link) == 0)
			a->rows[a->n++] = *row;
	return (0);
}

/* A row as state.db has it now: it waits for its next hop, for its Maildir, for its report, or is counted as quarantined. */
void
relay_add(const struct relay_row *row)
{
	if (row->body != BODY_HERE)
		return;
	if (row->state == RELAY_WAITING && row->nexthop == 0)
		body_place(row->id);
	else if (row->state == RELAY_WAITING)
		queue_add(row);
	else if (row->state == RELAY_QUARANTINED)
		queue_hop(row->nexthop)->quarantined++;
	else if (row->state == RELAY_FAILED)
		dsn_due(row->id, row->link);
}

/* The configuration was loaded anew: the administrator may have repaired what a pause is for. */
void
relay_reload(void)
{
	struct relay_hop	*h;

	for (h = queue_next_hop(NULL); h != NULL; h = queue_next_hop(h))
		h->until = 0;
	move_tell();
	turn_soon();
}

/*
 * 1: so much waits for next hops that nothing is to be polled, until a tenth of settings.queue_limit has gone; 0: not so.  The
 * log is told when that changes.
 */
int
relay_full(void)
{
	uint32_t	 limit = config_running->settings.queue_limit, n = queue_count();

	if (full ? n > limit - limit / 10 : n > limit) {
		if (!full)
			log_warnx("the queue is full: %u deliver%s, nothing is polled meanwhile", n,
			    n == 1 ? "y waits" : "ies wait");
		full = 1;
	} else {
		if (full) {
			log_notice("the queue has shrunk to %u deliver%s: polls go on", n, n == 1 ? "y" : "ies");
			full = 0;
		}
	}
	return (full);
}

/* 1: there are connections, or results that are not committed. */
int
relay_busy(void)
{
	return (job_count() > 0 || result_blocked());
}

/* 1: no connection, no result that is not committed, and nothing that could be tried now. */
int
relay_idle(void)
{
	struct relay_hop	*h;
	int64_t			 now = clock_msec();

	if (relay_busy() || body_busy())
		return (0);
	if (writable_failed())
		return (1);
	if (dsn_busy())
		return (0);
	for (h = queue_next_hop(NULL); h != NULL; h = queue_next_hop(h))
		if (queue_due(h, now))
			return (0);
	return (1);
}

/* What waits, what is in quarantine, and what is to be reported. */
void
relay_sums(struct ctl_daemon *m)
{
	struct relay_hop	*h;

	m->waiting = queue_count();
	m->reports = dsn_count();
	m->quarantined = 0;
	for (h = queue_next_hop(NULL); h != NULL; h = queue_next_hop(h))
		m->quarantined += h->quarantined;
}

/* The daemon ends: no more mail is sent, and results that wait for state.db are tried soon. */
void
relay_stop(void)
{
	job_stop();
	result_stop();
}

/* In each round. */
void
relay_run(void)
{
	struct relay_hop	*h;
	int64_t			 now = clock_msec();

	if (!turn_stopping) {
		body_run();
		for (h = queue_next_hop(NULL); h != NULL; h = queue_next_hop(h))
			relay_hop_run(h, now);
		if (!result_blocked())
			dsn_run();
	}
	queue_tell(now);
	(void)relay_full();
	if (!turn_stopping)
		turn_at(queue_next_due(now));
}

/* Connections for what is due.  A next hop that failed is tried by one; others get as many as their row says. */
static void
relay_hop_run(struct relay_hop *h, int64_t now)
{
	const struct nexthop_row	*row = config_nexthop(config_running, h->id);

	while (!result_blocked() && queue_due(h, now)) {
		if (row == NULL)
			hop_failed(h, "it was removed from the store; insert it again, or see rpopctl queue move");
		else if (h->jobs >= (h->failures > 0 ? 1 : row->connections) || job_count() >= RELAY_JOBS ||
		    job_start(h, row) == -1)
			break;
	}
}
