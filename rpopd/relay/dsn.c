/* SPDX-License-Identifier: ISC */
/*
 * What is said of failures.  A report (RFC 3464) to the sender of a message whose recipients want failures reported: made by the
 * deliverer, handed on through settings.report_nexthop, or the way the postmaster's mail goes without one; of a message that an
 * account has sent here, the way that account's mail goes.  Never to the null sender, never about a report.
 *
 * A message and its sender get one report about all that failed by the time that every recipient has had a first result, or
 * DSN_TOGETHER after the message came; what fails later is reported together a day after the last report.
 *
 *	state of the failed rows of a message	after a crash here
 *	FAILED, others not tried yet		as it is; they wait for these again, no longer than before
 *	FAILED, reported within the day		table told knows it: they wait for the rest of the day
 *	FAILED, report asked for		asked for again; what the deliverer made is removed from the spool, no row holds it
 *	report durable, rows not replaced	the same
 *	a row's file is missing			the row is wanted, and its report due again when it is here: state/body.c
 *	rows replaced				the report's row is tried, or its pending row replayed; the old links are removed
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define DSN_DEATHS	3	/* of the deliverer over one report: then there is none */
#define DSN_RETRY	60000	/* ms until a report that could not be made is tried again */
#define DSN_TOGETHER	600	/* s that recipients of one message wait for each other */
#define DSN_PAUSE	86400	/* s between two reports about one message */

struct failed {				/* a row that is being reported */
	int64_t			 id;
	uint32_t		 nexthop;
	char			 link[PROTO_LINK_SIZE], dest[PROTO_DEST_SIZE], original[PROTO_ADDR_SIZE], status[PROTO_TEXT_SIZE];
};

struct due {				/* a message some of whose recipients have failed */
	RB_ENTRY(due)		 entry;
	struct heap_item	 item;		/* in the heap by the time of the next look at the message: monotonic ms */
	int64_t			 id;		/* of one of the rows */
	uint32_t		 rows;
	int64_t			 next;		/* the first of those that failed while the report was being made, 0: none */
	uint32_t		 nnext;
	int			 deaths;	/* of the deliverer while it made the report */
	char			 stem[PROTO_LINK_SIZE];
};

struct batch {				/* of one message, from the store */
	const char		*stem;
	struct failed		*list;
	size_t			 n;
	int			 open;		/* a row has not had its first result yet */
	int			 full;		/* no memory */
};

RB_HEAD(due_tree, due);

static int	 due_cmp(struct due *, struct due *);
static struct due *due_find(const char *);
static void	 due_at(struct due *, int64_t msec);
static void	 due_done(struct due *);
static int	 dsn_ask(struct due *);
static int64_t	 dsn_wait(const struct batch *, const struct relay_row *);
static int	 dsn_collect(void *, const struct relay_row *);
static int	 dsn_way(const struct relay_row *, struct msg_dsn *);
static void	 dsn_request(struct child *, const struct relay_row *, struct msg_dsn *);
static void	 dsn_rcpt(const struct failed *, struct msg_dsn_rcpt *);
static const char *dsn_status(const char *, struct msg_dsn_rcpt *);
static int	 dsn_hold(const struct failed *, size_t);
static int	 dsn_missing(const struct failed *, size_t);
static int	 dsn_replace(const struct due *, const struct msg_dsn_made *);

RB_PROTOTYPE_STATIC(due_tree, due, entry, due_cmp)
RB_GENERATE_STATIC(due_tree, due, entry, due_cmp)

static struct due_tree	 dues = RB_INITIALIZER(&dues);
static struct heap	 waiting;
static uint32_t		 nrows;
static uint32_t		 serial;
static struct {				/* the report being made */
	uint32_t	 id;		/* 0: none */
	struct due	*due;
	struct failed	*list;
	size_t		 n;
	uint32_t	 nexthop;	/* 0: into a Maildir */
	int		 postmaster;	/* 1: it goes to him */
	char		 dest[PROTO_DEST_SIZE];	/* address, or Maildir */
	char		 sender[PROTO_SENDER_SIZE];
}			 asked;

static int
due_cmp(struct due *a, struct due *b)
{
	return (strcmp(a->stem, b->stem));
}

static struct due *
due_find(const char *stem)
{
	struct due	 key;

	strlcpy(key.stem, stem, sizeof(key.stem));
	return (RB_FIND(due_tree, &dues, &key));
}

static void
due_at(struct due *d, int64_t msec)
{
	heap_take(&waiting, &d->item);
	heap_put(&waiting, &d->item, clock_msec() + msec);
}

/* A message's failed rows are done with, but for those that failed while its report was being made. */
static void
due_done(struct due *d)
{
	nrows -= d->rows - d->nnext;
	if (d->next != 0) {
		d->id = d->next;
		d->rows = d->nnext;
		d->next = d->nnext = 0;
		due_at(d, 0);
		return;
	}
	heap_take(&waiting, &d->item);
	RB_REMOVE(due_tree, &dues, d);
	free(d);
}

/* A row has failed, and its sender wants to hear of that. */
void
dsn_due(int64_t id, const char *link)
{
	struct due	*d;
	char		 stem[PROTO_LINK_SIZE];

	queue_stem(link, stem, sizeof(stem));
	if ((d = due_find(stem)) == NULL) {
		if ((d = calloc(1, sizeof(*d))) == NULL)
			fatal("report");
		d->id = id;
		strlcpy(d->stem, stem, sizeof(d->stem));
		RB_INSERT(due_tree, &dues, d);
		heap_put(&waiting, &d->item, 0);
	}
	d->rows++;
	nrows++;
	if (asked.due == d) {
		d->next = d->next != 0 ? d->next : id;
		d->nnext++;
	}
	due_at(d, 0);
	turn_soon();
}

/* Something was settled about another recipient of the message with that stem: its report may be due now. */
void
dsn_look(const char *stem)
{
	struct due	*d = due_find(stem);

	if (d != NULL && d->deaths == 0)
		due_at(d, 0);
}

/* 1: a report is being made or due; 0: not so. */
int
dsn_busy(void)
{
	struct heap_item	*top = heap_top(&waiting);

	return (asked.id != 0 || (top != NULL && top->key <= clock_msec()));
}

/* How many failed rows are to be reported. */
uint32_t
dsn_count(void)
{
	return (nrows);
}

/* In each round in which results can be committed: reports that are due are asked for, one at a time, since failures are rare. */
void
dsn_run(void)
{
	struct heap_item	*top;
	int64_t			 now = clock_msec();

	while (asked.id == 0 && child_current(ROLE_DELIVERER) != NULL && (top = heap_top(&waiting)) != NULL &&
	    top->key <= now && dsn_ask(heap_of(top, struct due, item)) == 0)
		continue;
	if ((top = heap_top(&waiting)) != NULL && top->key > now)
		turn_at(top->key);
}

/*
 * Ask the deliverer for the report about a message.  1: the deliverer is at it; 0: not now, or nothing is left to be done about
 * it.
 */
static int
dsn_ask(struct due *d)
{
	struct batch		 b = { .stem = d->stem };
	struct relay_row	 row;
	struct msg_dsn	 m;
	int64_t			 wait;
	enum db			 found;
	int			 n;

	found = state_relay_get(d->id, &row);
	if (found == DB_OK && (state_relay_of(row.mailbox, row.uid, row.uidlen, dsn_collect, &b) != DB_OK || b.full))
		found = DB_FAILED;
	n = found == DB_OK ? 1 : found == DB_NONE ? 0 : -1;
	if (n == 1 && b.n == 0)
		n = 0;			/* all of them are wanted */
	if (n == 1 && (wait = dsn_wait(&b, &row)) > 0) {
		due_at(d, wait * 1000);
		free(b.list);
		return (0);
	}
	if (n == 1) {
		memset(&m, 0, sizeof(m));
		if (row.notify == NOTIFY_FAILURE && row.sender[0] != '\0' && (n = dsn_way(&row, &m)) == 1) {
			asked.due = d;
			asked.list = b.list;
			asked.n = m.rcpts = b.n;
			dsn_request(child_current(ROLE_DELIVERER), &row, &m);
			return (1);
		}
		if (n != -1)
			n = dsn_hold(b.list, b.n);
	}
	free(b.list);
	if (n == -1)
		due_at(d, DSN_RETRY);
	else
		due_done(d);
	return (0);
}

/* Seconds until the report about a message is to be made; 0: now. */
static int64_t
dsn_wait(const struct batch *b, const struct relay_row *row)
{
	int64_t	 now = time(NULL), at, wait = 0;

	if (b->open && row->arrived <= now && now - row->arrived < DSN_TOGETHER)
		wait = row->arrived + DSN_TOGETHER - now;
	if (state_told(row->sender, b->stem, &at) == DB_OK && at <= now && now - at < DSN_PAUSE && at + DSN_PAUSE - now > wait)
		wait = at + DSN_PAUSE - now;
	return (wait);
}

/* Collect the failed rows of a message.  This row has the same unique-id, which may have been another message's before. */
static int
dsn_collect(void *arg, const struct relay_row *row)
{
	struct batch	*b = arg;
	struct failed	*f;
	char		 stem[PROTO_LINK_SIZE];

	queue_stem(row->link, stem, sizeof(stem));
	if (strcmp(stem, b->stem) != 0)
		return (0);
	if (row->state == RELAY_WAITING && row->notify == NOTIFY_FAILURE && row->tries == 0)
		b->open = 1;
	if (row->state != RELAY_FAILED || row->body != BODY_HERE || b->n == PROTO_RCPT_MAX)
		return (0);
	if ((f = array_grow(b->list, b->n, sizeof(*f))) == NULL) {
		b->full = 1;
		return (1);
	}
	b->list = f;
	f = &b->list[b->n++];
	f->id = row->id;
	f->nexthop = row->nexthop;
	strlcpy(f->link, row->link, sizeof(f->link));
	strlcpy(f->dest, row->dest, sizeof(f->dest));
	strlcpy(f->original, row->original, sizeof(f->original));
	strlcpy(f->status, row->status, sizeof(f->status));
	return (0);
}

/*
 * Where the report goes: into asked.  1; 0: nowhere, since no command of SMTP takes the address; -1: not now, there is no
 * postmaster.
 */
static int
dsn_way(const struct relay_row *row, struct msg_dsn *m)
{
	const struct settings		*set = &config_running->settings;
	const struct route_account	*pm;

	asked.postmaster = 0;
	/* Who sent it here gets it. */
	if (row->mailbox == 0 && (pm = route_account_by_address(config_running->routes, row->sender)) != NULL) {
		asked.nexthop = pm->nexthop;
		strlcpy(asked.dest, asked.nexthop == 0 ? pm->dir : row->sender, sizeof(asked.dest));
		return (1);
	}
	if ((asked.nexthop = set->report_nexthop) != 0) {
		strlcpy(asked.dest, row->sender, sizeof(asked.dest));
		return (strlen(row->sender) < PROTO_ADDR_SIZE);
	}
	m->postmaster = asked.postmaster = 1;
	pm = route_account_by_id(config_running->routes, set->postmaster);
	if (route_account_address(pm, asked.dest, sizeof(asked.dest)) == -1)
		return (-1);
	if ((asked.nexthop = pm->nexthop) == 0)
		strlcpy(asked.dest, pm->dir, sizeof(asked.dest));
	return (1);
}

/* The report about the rows of asked is to be made by the deliverer v. */
static void
dsn_request(struct child *v, const struct relay_row *row, struct msg_dsn *m)
{
	struct msg_dsn_rcpt	 r;
	size_t			 i;

	asked.id = m->id = ++serial;
	m->arrived = row->arrived;
	strlcpy(m->link, asked.list[0].link, sizeof(m->link));
	strlcpy(m->sender, row->sender, sizeof(m->sender));
	strlcpy(asked.sender, row->sender, sizeof(asked.sender));
	link_send(&v->link, IMSG_DSN_MAKE, -1, m, sizeof(*m));
	for (i = 0; i < asked.n; i++) {
		dsn_rcpt(&asked.list[i], &r);
		r.id = m->id;
		link_send(&v->link, IMSG_DSN_RCPT, -1, &r, sizeof(r));
	}
}

static void
dsn_rcpt(const struct failed *f, struct msg_dsn_rcpt *r)
{
	const struct nexthop_row	*hop = config_nexthop(config_running, f->nexthop);

	memset(r, 0, sizeof(*r));
	strlcpy(r->recipient, f->dest, sizeof(r->recipient));
	strlcpy(r->original, f->original, sizeof(r->original));
	strlcpy(r->text, dsn_status(f->status, r), sizeof(r->text));
	if (hop != NULL)
		strlcpy(r->remote, hop->host, sizeof(r->remote));
}

/*
 * The codes that a row's status begins with go into r: the enhanced one (RFC 3463), and that of the next hop's reply.  Returns
 * what follows them.  A status of rpopd's own has no codes, and counts as 5.7.1.
 */
static const char *
dsn_status(const char *status, struct msg_dsn_rcpt *r)
{
	size_t	 a, b, len;

	strlcpy(r->status, "5.7.1", sizeof(r->status));
	if ((status[0] != '4' && status[0] != '5') || status[1] != '.')
		return (status);
	a = strspn(status + 2, "0123456789");
	if (a < 1 || a > 3 || status[2 + a] != '.')
		return (status);
	b = strspn(status + 3 + a, "0123456789");
	len = 3 + a + b;
	if (b < 1 || b > 3 || (status[len] != ' ' && status[len] != '\0') || len >= sizeof(r->status))
		return (status);
	memcpy(r->status, status, len);
	r->status[len] = '\0';
	status += len + (status[len] == ' ');
	if (strspn(status, "0123456789") != 3 || (status[3] != ' ' && status[3] != '\0') || status[0] < '4' || status[0] > '5')
		return (status);
	r->code = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
	return (status + 3 + (status[3] == ' '));
}

/*
 * Nobody is to be told of the failed rows: they are kept in quarantine, or wanted if their files are missing.  0, or -1: later.
 */
static int
dsn_hold(const struct failed *list, size_t n)
{
	struct relay_change	*c;
	size_t			 i, k, held = 0;
	int			 error = 0;

	if ((c = calloc(n, sizeof(*c))) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		if (spool_has(list[i].link) == 0)
			error |= body_missing(list[i].id);
		else
			c[held++] = (struct relay_change){ .id = list[i].id, .what = RELAY_HOLD, .status = list[i].status };
	if (held > 0 && state_relay_change(c, held) != DB_OK)
		error = -1;
	else if (held > 0)
		for (i = k = 0; k < held; i++)
			if (list[i].id == c[k].id) {
				queue_tried(list[i].id);
				queue_hop(list[i].nexthop)->quarantined++;
				k++;
			}
	free(c);
	if (held > 0 && error == 0)
		quarantine_grew();
	return (error);
}

/*
 * The spool lacks the link of the first of the failed rows, and perhaps those of others: such rows are wanted.  0, or -1:
 * later.
 */
static int
dsn_missing(const struct failed *list, size_t n)
{
	size_t	 i, missing = 0;
	int	 error = 0;

	for (i = 0; i < n; i++)
		if (i == 0 || spool_has(list[i].link) == 0) {
			error |= body_missing(list[i].id);
			missing++;
		}
	return (error != 0 || missing < n ? -1 : 0);
}

/*
 * IMSG_DSN_MADE: the notification is durable in the spool, or could not be made, since the original cannot be read or the disk
 * is full. 0, or -1: none was asked for.
 */
int
dsn_made(const struct msg_dsn_made *m)
{
	struct due	*d = asked.due;
	size_t		 i;
	int		 n;

	if (asked.id == 0 || m->id != asked.id || (m->error == 0 && !notice_link_sane(m->link)))
		return (-1);
	asked.id = 0;
	HOOK("master.reported");
	if (m->error == ENOENT)
		n = dsn_missing(asked.list, asked.n);
	else if (m->error != 0) {
		log_warnx("delivery %lld: report not made: %s", (long long)asked.list[0].id, strerror((int)m->error));
		n = -1;
	} else
		n = dsn_replace(d, m);
	if (n != 0 && m->error == 0)
		spool_remove(m->link);		/* made again later, or about nothing */
	if (n == -1) {
		for (i = 0; i < asked.n; i++)
			queue_tried(asked.list[i].id);
		due_at(d, DSN_RETRY);
	} else
		due_done(d);
	free(asked.list);
	memset(&asked, 0, sizeof(asked));
	turn_soon();
	return (0);
}

/* The report takes the place of the rows.  0; 1: the rows are gone; -1: later. */
static int
dsn_replace(const struct due *d, const struct msg_dsn_made *m)
{
	struct relay_report	 r = { .link = m->link, .nexthop = asked.nexthop, .dest = asked.dest, .sender = asked.sender,
				    .about = d->stem };
	struct relay_row	 row;
	int64_t			*ids, made;
	size_t			 i;
	enum db			 result;

	if ((ids = calloc(asked.n, sizeof(*ids))) == NULL)
		return (-1);
	for (i = 0; i < asked.n; i++)
		ids[i] = asked.list[i].id;
	result = state_relay_reported(ids, asked.n, &r, &made);
	free(ids);
	if (result == DB_NONE)
		return (1);
	if (result != DB_OK)
		return (-1);
	HOOK("master.report_after");
	log_info("delivery %lld: failed for %zu recipient%s, reported to the %s", (long long)asked.list[0].id, asked.n,
	    asked.n == 1 ? "" : "s", asked.postmaster ? "postmaster" : "sender");
	for (i = 0; i < asked.n; i++) {
		spool_remove(asked.list[i].link);
		queue_tried(asked.list[i].id);
	}
	if (asked.nexthop == 0)
		spool_move(made, m->link, asked.dest);
	else if (state_relay_get(made, &row) == DB_OK)
		queue_add(&row);
	return (0);
}

/* The deliverer has died.  A header that kills whoever looks at it does so DSN_DEATHS times at most. */
void
dsn_died(struct child *deliverer)
{
	struct due	*d = asked.due;

	(void)deliverer;
	if (asked.id == 0)
		return;
	if (++d->deaths >= DSN_DEATHS && dsn_hold(asked.list, asked.n) == 0) {
		log_warnx("delivery %lld: quarantined: the deliverer died %d times on its report", (long long)asked.list[0].id, d->deaths);
		due_done(d);
	} else
		due_at(d, DSN_RETRY);
	free(asked.list);
	memset(&asked, 0, sizeof(asked));
	turn_soon();
}
