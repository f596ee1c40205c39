/* SPDX-License-Identifier: ISC */
/*
 * What is said of failures.  A report (RFC 3464) to the sender of a message whose recipient wants failures reported: made by the
 * deliverer, handed on through settings.report_nexthop, or to the postmaster without one.  Never to the null sender, never about a
 * report.
 *
 *	state of a failed row			after a crash here
 *	FAILED, report asked for		asked for again; what the deliverer made is removed from the spool, no row holds it
 *	report durable, row not replaced	the same
 *	the original's file is missing		the row is wanted, and its report due again when it is here: store_body.c
 *	row replaced				the report's row is tried, or its pending row replayed; the old link is removed
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/clock.h"
#include "../common/hook.h"
#include "../common/log.h"
#include "rpopd.h"

#define DSN_DEATHS	3	/* then there is no report */
#define DSN_RETRY	60000	/* ms until a report that could not be made is tried again */

struct due {
	TAILQ_ENTRY(due)	 entry;
	int64_t			 id;
	int64_t			 at;		/* monotonic ms */
	int			 deaths;	/* of the deliverer while it made the report */
};

static int	 dsn_ask(int64_t);
static int	 dsn_hold(const struct relay_row *, const char *);
static int	 dsn_replace(const struct relay_row *, const struct msg_reported *);
static void	 dsn_request(const struct relay_row *, struct msg_report *);
static void	 dsn_status(const char *, char *, size_t, const char **);
static void	 dsn_later(struct due *);
static void	 dsn_timer(int, short, void *);

static TAILQ_HEAD(, due)	 dues = TAILQ_HEAD_INITIALIZER(dues);
static uint32_t			 asked;		/* number of the report being made, 0: none */
static uint32_t			 serial;
static uint32_t			 through;	/* its next hop */
static struct event		 timer;

void
dsn_due(int64_t id)
{
	struct due	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal("report");
	d->id = id;
	TAILQ_INSERT_TAIL(&dues, d, entry);
	relay_kick();
}

int
dsn_busy(void)
{
	struct due	*d = TAILQ_FIRST(&dues);

	return (d != NULL && d->at <= clock_msec());
}

uint32_t
dsn_count(void)
{
	struct due	*d;
	uint32_t	 n = 0;

	TAILQ_FOREACH(d, &dues, entry)
		n++;
	return (n);
}

/* One at a time: failures are rare. */
void
dsn_run(void)
{
	struct due	*d;
	int		 error;

	while (asked == 0 && !result_blocked() && child_current(ROLE_DELIVERER) != NULL && (d = TAILQ_FIRST(&dues)) != NULL &&
	    d->at <= clock_msec()) {
		if ((error = dsn_ask(d->id)) == -1)
			dsn_later(d);
		else if (error == 0) {
			TAILQ_REMOVE(&dues, d, entry);
			free(d);
		}
	}
}

/* 1: the deliverer is at it; 0: nothing is left to be done about this row; -1: later. */
static int
dsn_ask(int64_t id)
{
	struct child		*v = child_current(ROLE_DELIVERER);
	struct relay_row	 row;
	struct msg_report	 m;
	int			 n;

	if ((n = state_relay_get(id, &row)) != 1 || row.state != RELAY_FAILED || row.body != BODY_HERE)
		return (n == -1 ? -1 : 0);
	dsn_request(&row, &m);
	if (row.notify != NOTIFY_FAILURE || row.sender[0] == '\0' ||
	    (m.nexthop != 0 && strlen(row.sender) >= PROTO_ADDR_SIZE))	/* no command of SMTP takes it */
		return (dsn_hold(&row, row.status));
	asked = m.id = ++serial;
	through = m.nexthop;
	link_send(&v->link, IMSG_REPORT, -1, &m, sizeof(m));
	return (1);
}

static void
dsn_request(const struct relay_row *row, struct msg_report *m)
{
	const struct nexthop_row	*hop = config_nexthop(master.config, row->nexthop);
	const char			*text;

	memset(m, 0, sizeof(*m));
	m->nexthop = master.config->settings.report_nexthop;
	m->arrived = row->arrived;
	strlcpy(m->link, row->link, sizeof(m->link));
	strlcpy(m->sender, row->sender, sizeof(m->sender));
	strlcpy(m->recipient, row->dest, sizeof(m->recipient));
	strlcpy(m->original, row->original, sizeof(m->original));
	dsn_status(row->status, m->status, sizeof(m->status), &text);
	if (hop != NULL)
		strlcpy(m->remote, hop->host, sizeof(m->remote));
	strlcpy(m->text, text, sizeof(m->text));
}

/* The code that a row's status begins with, if it does (RFC 3463), and what follows.  A reject of ours has none. */
static void
dsn_status(const char *status, char *code, size_t size, const char **text)
{
	size_t	 a, b, len;

	*text = status;
	strlcpy(code, "5.7.1", size);
	if ((status[0] != '4' && status[0] != '5') || status[1] != '.')
		return;
	a = strspn(status + 2, "0123456789");
	if (a < 1 || a > 3 || status[2 + a] != '.')
		return;
	b = strspn(status + 3 + a, "0123456789");
	len = 3 + a + b;
	if (b < 1 || b > 3 || (status[len] != ' ' && status[len] != '\0') || len >= size)
		return;
	memcpy(code, status, len);
	code[len] = '\0';
	*text = status + len + (status[len] == ' ');
}

/* Nobody is to be told: kept for the postmaster.  0, or -1: later. */
static int
dsn_hold(const struct relay_row *row, const char *status)
{
	struct relay_change	 c = { .id = row->id, .what = RELAY_HOLD, .status = status };

	if (spool_has(row->link) == 0)
		return (body_missing(row->id));
	if (state_relay_change(&c, 1) != 0)
		return (-1);
	commit_relay_tried(row->id);
	relay_hop(row->nexthop)->quarantined++;
	quarantine_grew();
	return (0);
}

/* The report is durable in the spool, or could not be made: the original cannot be read, or the disk is full. */
int
dsn_made(const struct msg_reported *m)
{
	struct due		*d = TAILQ_FIRST(&dues);
	struct relay_row	 row;
	int			 n;

	if (asked == 0 || m->id != asked || d == NULL)
		return (-1);
	asked = 0;
	HOOK("master.reported");
	if ((n = state_relay_get(d->id, &row)) == 1) {
		if (m->error == ENOENT)
			n = body_missing(row.id);
		else if (m->error != 0) {
			log_warnx("delivery %lld: report not made: %s", (long long)row.id, strerror((int)m->error));
			n = -1;
		} else
			n = dsn_replace(&row, m);
	}
	if (n != 0 && m->error == 0)
		spool_remove(m->link);		/* made again later */
	if (n == -1) {
		commit_relay_tried(d->id);
		dsn_later(d);
	} else {
		TAILQ_REMOVE(&dues, d, entry);
		free(d);
	}
	relay_kick();
	return (0);
}

/* The report takes the row's place.  0; 1: the row is gone; -1: later. */
static int
dsn_replace(const struct relay_row *row, const struct msg_reported *m)
{
	struct relay_row	 report;
	int64_t			 made;
	int			 error;

	if ((error = state_relay_reported(row->id, m, through, row->sender, &made)) == 2)
		return (1);
	if (error != 0)
		return (-1);
	HOOK("master.report_after");
	log_info("delivery %lld: failed, reported %s", (long long)row->id, through != 0 ? "to the sender" : "to the postmaster");
	spool_remove(row->link);
	commit_relay_tried(row->id);
	if (through == 0)
		spool_move(made, m->link, m->dest);
	else if (state_relay_get(made, &report) == 1)
		relay_add(&report);
	return (0);
}

/* A header that kills whoever looks at it does so three times at most. */
void
dsn_reset(void)
{
	struct due		*d = TAILQ_FIRST(&dues);
	struct relay_row	 row;

	if (asked == 0 || d == NULL)
		return;
	asked = 0;
	if (++d->deaths >= DSN_DEATHS && state_relay_get(d->id, &row) == 1 && dsn_hold(&row, row.status) == 0) {
		log_warnx("delivery %lld: quarantined: the deliverer died %d times on its report", (long long)d->id, d->deaths);
		TAILQ_REMOVE(&dues, d, entry);
		free(d);
	} else
		dsn_later(d);
}

/* Others go first. */
static void
dsn_later(struct due *d)
{
	struct timeval	 tv = { DSN_RETRY / 1000, 0 };

	d->at = clock_msec() + DSN_RETRY;
	TAILQ_REMOVE(&dues, d, entry);
	TAILQ_INSERT_TAIL(&dues, d, entry);
	if (!event_initialized(&timer))
		evtimer_set(&timer, dsn_timer, NULL);
	evtimer_add(&timer, &tv);
}

static void
dsn_timer(int fd, short event, void *arg)
{
	(void)fd;
	(void)event;
	(void)arg;
	relay_run();
}
