/* SPDX-License-Identifier: ISC */
/*
 * Files that are missing from the spool.  What misses them: the look at all of them at the start, a connection that wants to send
 * one, and the look before a row becomes final.  Such a row is wanted: state/body.c has its states.  A row that nobody can bring
 * any more, since its server has deleted the message, is lost, and the owner is told.  A row whose destination is a Maildir, and
 * whose file is here again, goes to table pending.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "relay_int.h"

#define BODY_PORTION	256		/* rows in one transaction, and told of in one note */

static const char	 missing[] = "its file is missing from the spool: it is retrieved again, if its server still has it";
static const char	 lost[] = "its file is missing from the spool, and its server has the message no longer";

struct bodies {				/* files that are not as their rows say */
	struct relay_change	*changes;
	size_t			 n;
	uint32_t		 wanted, found;
};

struct orphans_found {
	struct relay_row	*rows;
	size_t			 n;
};

static void	 body_change(int64_t, int, const char *);
static int	 body_orphan(void *, const struct relay_row *);
static void	 body_tell(const struct relay_row *, size_t);
static const struct task *body_task(int64_t);
static void	 body_move(void);

static struct bodies	 bodies;
static struct {				/* rows of Maildirs, to be moved there */
	int64_t	*ids;
	size_t	 n;
	int	 due;
}			 places;
static int		 sweep;			/* due */

/*
 * The file of a row is missing: the row waits no longer, and is wanted.  0, or -1: it cannot be written down now, and nothing has
 * happened.
 */
int
body_missing(int64_t id)
{
	struct relay_change	 c = { .id = id, .what = RELAY_WANT, .status = missing };
	struct relay_item	*it = queue_waiting(id);

	HOOK("master.relay_want");
	if (state_relay_change(&c, 1) != DB_OK) {
		writable_lost();
		return (-1);
	}
	HOOK("master.relay_wanted");
	log_warnx("delivery %lld: %s", (long long)id, missing);
	if (it != NULL)
		queue_forget(it);
	queue_tried(id);
	body_sweep();
	return (0);
}

/* At the start: a row is compared with what is in the spool. */
void
body_check(const struct relay_row *row)
{
	int	 has = spool_has(row->link);

	if (has == 0 && row->body == BODY_HERE) {
		log_warnx("delivery %lld to %s: %s", (long long)row->id, row->dest, missing);
		body_change(row->id, RELAY_WANT, missing);
		bodies.wanted++;
	} else if (has == 1 && row->body != BODY_HERE) {
		body_change(row->id, RELAY_FOUND, "");
		bodies.found++;
	}
}

/* At the start: body_check() has seen all rows, and what it has found is written down. */
void
body_checked(void)
{
	size_t	 i, n;

	for (i = 0; i < bodies.n; i += n) {
		n = bodies.n - i < BODY_PORTION ? bodies.n - i : BODY_PORTION;
		if (state_relay_change(bodies.changes + i, n) != DB_OK) {
			/* A connection will miss these files, too, and so will the look before a row becomes final. */
			log_warnx("state.db cannot be written: files that are missing are not wanted yet");
			writable_lost();
			break;
		}
		HOOK("master.relay_checked");
	}
	if (bodies.wanted > 0)
		log_warnx("%u file%s missing from the spool: what was in them is wanted again", bodies.wanted,
		    bodies.wanted == 1 ? " is" : "s are");
	if (bodies.found > 0)
		log_notice("%u file%s missing and in the spool again", bodies.found, bodies.found == 1 ? " was" : "s were");
	free(bodies.changes);
	memset(&bodies, 0, sizeof(bodies));
	body_sweep();
}

static void
body_change(int64_t id, int what, const char *status)
{
	struct relay_change	*c;

	if ((bodies.changes = array_grow(bodies.changes, bodies.n, sizeof(*bodies.changes))) == NULL)
		fatal("queue");
	c = &bodies.changes[bodies.n++];
	memset(c, 0, sizeof(*c));
	c->id = id;
	c->what = what;
	c->status = status;
}

/* Soon, rows are looked for that nobody can bring any more. */
void
body_sweep(void)
{
	sweep = 1;
	turn_soon();
}

/* 1: something is left to be done in the next rounds; 0: nothing. */
int
body_busy(void)
{
	return (sweep || places.due);
}

/* The file of a row that is meant for a Maildir is here: it is moved there soon. */
void
body_place(int64_t id)
{
	if ((places.ids = array_grow(places.ids, places.n, sizeof(*places.ids))) == NULL)
		fatal("queue");
	places.ids[places.n++] = id;
	places.due = 1;
	turn_soon();
}

/*
 * A portion of the rows that are meant for Maildirs becomes pending.  What cannot be written down is tried again with the next
 * such row.
 */
static void
body_move(void)
{
	struct relay_change	*changes;
	struct relay_row	*rows;
	size_t			 i, n = 0, last = places.n > BODY_PORTION ? places.n - BODY_PORTION : 0;

	if ((rows = calloc(BODY_PORTION, sizeof(*rows))) == NULL || (changes = calloc(BODY_PORTION, sizeof(*changes))) == NULL)
		fatal("queue");
	for (i = last; i < places.n; i++) {
		if (state_relay_get(places.ids[i], &rows[n]) != DB_OK || rows[n].body != BODY_HERE || rows[n].state != RELAY_WAITING ||
		    rows[n].nexthop != 0)
			continue;
		changes[n].id = rows[n].id;
		changes[n++].what = RELAY_MOVE;
	}
	HOOK("master.relay_move");
	places.due = 0;
	if (n > 0 && state_relay_change(changes, n) != DB_OK)
		writable_lost();
	else {
		HOOK("master.relay_moved");
		for (i = 0; i < n; i++)
			spool_move(changes[i].pending, rows[i].link, rows[i].dest);
		places.n = last;
		if ((places.due = last > 0))
			turn_soon();
	}
	free(rows);
	free(changes);
}

/* In each round, once a deliverer is there that can move files and write to those who are concerned. */
void
body_run(void)
{
	struct orphans_found	 o = { NULL, 0 };
	struct relay_change	*changes;
	size_t			 i;

	if ((!sweep && !places.due) || child_current(ROLE_DELIVERER) == NULL)
		return;
	if (places.n > 0)
		body_move();
	if (!sweep)
		return;
	sweep = 0;
	if ((o.rows = calloc(BODY_PORTION, sizeof(*o.rows))) == NULL || (changes = calloc(BODY_PORTION, sizeof(*changes))) == NULL)
		fatal("queue");
	if (state_relay_orphans(body_orphan, &o) == DB_OK && o.n > 0) {
		for (i = 0; i < o.n; i++) {
			changes[i].id = o.rows[i].id;
			changes[i].what = RELAY_LOST;
			changes[i].status = lost;
		}
		if (state_relay_change(changes, o.n) == DB_OK) {
			HOOK("master.relay_lost");
			body_tell(o.rows, o.n);
			sweep = o.n == BODY_PORTION;
		} else
			writable_lost();		/* the next sweep will find them */
	}
	free(o.rows);
	free(changes);
	if (sweep)
		turn_soon();
}

static int
body_orphan(void *arg, const struct relay_row *row)
{
	struct orphans_found	*o = arg;

	o->rows[o->n++] = *row;
	return (o->n == BODY_PORTION);
}

/* Rows are lost: one notice is written for those of one remote mailbox, which are neighbours in the list. */
static void
body_tell(const struct relay_row *rows, size_t n)
{
	const struct task	*t;
	char			 label[PROTO_RECORD_SIZE] = "", who[PROTO_DEST_SIZE * 2], sender[PROTO_TEXT_SIZE];
	size_t			 i, first = 0;

	for (i = 0; i < n; i++) {
		log_vis(who, sizeof(who), rows[i].dest, strlen(rows[i].dest));
		log_vis(sender, sizeof(sender), rows[i].sender, strlen(rows[i].sender));
		log_warnx("delivery %lld to %s, from <%s>: lost: %s", (long long)rows[i].id, who, sender, lost);
		queue_tried(rows[i].id);
		if (i + 1 < n && rows[i + 1].mailbox == rows[i].mailbox)
			continue;
		if ((t = body_task(rows[i].mailbox)) != NULL)
			snprintf(label, sizeof(label), "%s/%s", t->rec->owner, t->rec->name);
		notice_send(t != NULL ? t->rec->account : config_running->settings.postmaster, t != NULL ? label : NULL,
		    "Mail was lost", "%zu deliveries waited here or were in quarantine, and are lost: the files are missing from the "
		    "spool (a disk that was replaced, a backup that was restored), and the provider has the messages no longer.  One of them, "
		    "number %lld:\n\n    from <%.200s>\n    to %.300s\n\nrpopctl queue lists all of them as lost.  If the files come back into "
		    "the spool, restart rpopd and they are delivered; rpopctl quarantine drop forgets one.\n", i + 1 - first,
		    (long long)rows[i].id, sender, who);
		first = i + 1;
	}
}

static const struct task *
body_task(int64_t mailbox)
{
	size_t	 i;

	for (i = 0; i < sched_ntasks && mailbox != 0; i++)
		if (sched_tasks[i].mailbox == mailbox)
			return (&sched_tasks[i]);
	return (NULL);
}
