/* SPDX-License-Identifier: ISC */
/* state.db: what becomes of rows of table relay; relay.c has the table of their states. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/hook.h"
#include "state_int.h"

static int	 change_one(struct relay_change *);
static int	 change_row(const struct relay_change *, enum state_sql, int64_t);
static int	 change_release(const struct relay_change *);
static int	 change_move(struct relay_change *, const char *);
static int	 change_count(const struct relay_row *, const struct relay_change *);
static int	 change_rehop(const struct relay_change *);
static int	 change_body(const struct relay_change *, const struct relay_row *);
static int	 report_result(const struct relay_row *, size_t);
static int	 report_row(const struct relay_row *, const struct relay_report *, int64_t *);

/* A retry that a power failure takes back comes early, which is no reason to wait for the disk. */
enum db
state_relay_change(struct relay_change *changes, size_t n)
{
	enum db	 result;
	size_t	 i;
	int	 failed = 0, durable = STATE_LAZY;

	for (i = 0; i < n; i++)
		if (changes[i].what != RELAY_AGAIN)
			durable = STATE_DURABLE;
	HOOK("master.queue_before");
	if ((result = state_begin(durable)) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		failed = change_one(&changes[i]) == -1;
	HOOK("master.queue_change");
	result = state_end(failed);
	HOOK("master.queue_changed");
	return (result);
}

enum db
state_relay_reported(const int64_t *ids, size_t n, const struct relay_report *r, int64_t *made)
{
	struct relay_row	 row, any;
	enum db			 result, got;
	size_t			 i, found = 0;
	int			 last, failed = 0;

	*made = 0;
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	for (i = 0; i < n && !failed; i++)
		if ((got = relay_find(ids[i], &row)) == DB_OK) {
			any = row;
			found++;
			failed = state_run(Q_RELAY_DROP, ids[i]) == -1 || root_spent(row.link) == -1;
		} else
			failed = got == DB_FAILED;
	if (!failed && found == 0)
		return ((result = state_end(0)) == DB_OK ? DB_NONE : result);
	failed = failed || report_row(&any, r, made) == -1 || report_result(&any, found) == -1 ||
	    relay_final(&any, &last) == -1 || told_put(r->sender, r->about, time(NULL)) == -1;
	HOOK("master.queue_report");
	if ((result = state_end(failed)) != DB_OK)
		*made = 0;
	HOOK("master.queue_reported");
	return (result);
}

/* One change, inside a transaction; a row that does not exist is no error.  0 or -1. */
static int
change_one(struct relay_change *c)
{
	struct relay_row	 row;
	const char		*dest;
	enum db			 result;

	c->last = 0;
	c->pending = 0;
	if ((result = relay_find(c->id, &row)) != DB_OK)
		return (result == DB_NONE ? 0 : -1);
	dest = c->dest == NULL || *c->dest == '\0' ? row.dest : c->dest;
	if (change_count(&row, c) == -1)
		return (-1);
	switch (c->what) {
	case RELAY_AGAIN:
		return (change_row(c, Q_RELAY_AGAIN, c->next));
	case RELAY_RELEASE:
		return (change_release(c) == -1 ? -1 : relay_note(&row, "released", dest, c->status));
	case RELAY_FAIL:
		return (change_row(c, Q_RELAY_STATE, RELAY_FAILED) == -1 ? -1 : relay_note(&row, "failed", dest, c->status));
	case RELAY_HOLD:
		if (change_row(c, Q_RELAY_STATE, RELAY_QUARANTINED) == -1 || (row.uidlen > 0 && held_add() == -1) ||
		    relay_note(&row, "quarantined", dest, c->status) == -1)
			return (-1);
		break;
	case RELAY_DONE:
		if (state_run(Q_RELAY_DROP, c->id) == -1 || root_spent(row.link) == -1 ||
		    relay_note(&row, row.state == RELAY_WAITING && row.body == BODY_HERE ? "accepted" : "dropped", dest, c->status) == -1)
			return (-1);
		break;
	case RELAY_MOVE:
		if (change_move(c, dest) == -1 ||
		    state_run(Q_RELAY_DROP, c->id) == -1 || relay_note(&row, "delivered", dest, c->status) == -1)
			return (-1);
		break;
	case RELAY_REHOP:
		return (change_rehop(c));
	case RELAY_WANT:
		return (change_body(c, &row));
	case RELAY_LOST:
	case RELAY_FOUND:
		if (change_body(c, &row) == -1)
			return (-1);
		break;
	default:
		return (-1);
	}
	return (relay_final(&row, &c->last));
}

/* A row is for another next hop from now on.  0 or -1. */
static int
change_rehop(const struct relay_change *c)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_REHOP)) == NULL || sqlite3_bind_int64(st, 1, c->id) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, c->nexthop) != SQLITE_OK || sqlite3_bind_int64(st, 3, c->next) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/*
 * The file of a row is missing, or there again.  While the row is wanted, its message is not final, whatever it was before.  0 or
 * -1.
 */
static int
change_body(const struct relay_change *c, const struct relay_row *row)
{
	static const char *const	 words[] = { [RELAY_WANT] = "wanted again", [RELAY_LOST] = "lost", [RELAY_FOUND] = "found" };
	sqlite3_stmt			*st;

	if (change_row(c, Q_RELAY_BODY, c->what == RELAY_WANT ? BODY_WANTED : c->what == RELAY_LOST ? BODY_LOST : BODY_HERE) == -1 ||
	    relay_note(row, words[c->what], row->dest, c->status) == -1)
		return (-1);
	/* The recipient has not got the message, and will not: a copy that comes another way is one that he gets. */
	if (c->what == RELAY_LOST)
		return (state_run(Q_COPY_FORGET, c->id));
	if (c->what != RELAY_WANT)
		return (0);
	if (state_run(Q_RELAY_AFTER, c->id) == -1 || (st = state_query(Q_SEEN_WANT)) == NULL ||
	    state_bind_uid(st, row->mailbox, row->uid, row->uidlen) == -1 || relay_bind_digest(st, 3, row) == -1)
		return (-1);
	return (state_step(st));
}

/* Runs a statement whose ?1 is the id, ?2 a value and ?3 the status.  0 or -1. */
static int
change_row(const struct relay_change *c, enum state_sql q, int64_t value)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, c->id) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, value) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, c->status, -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* Copies a row to table pending, with everything that its message is known by.  0 or -1. */
static int
change_move(struct relay_change *c, const char *dest)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_PENDING_OF)) == NULL || sqlite3_bind_int64(st, 1, c->id) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, dest, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1)
		return (-1);
	c->pending = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (0);
}

/* Releases a row: it has its whole time before it again.  0 or -1. */
static int
change_release(const struct relay_change *c)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_RELAY_RELEASE)) == NULL || sqlite3_bind_int64(st, 1, c->id) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, time(NULL)) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, c->status, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 4, c->nexthop) != SQLITE_OK ||
	    sqlite3_bind_text(st, 5, c->dest == NULL ? "" : c->dest, -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* Counts what a next hop did with a row.  0 or -1. */
static int
change_count(const struct relay_row *row, const struct relay_change *c)
{
	sqlite3_stmt	*st;

	if (row->nexthop == 0 || row->state != RELAY_WAITING || c->what == RELAY_RELEASE || c->what == RELAY_MOVE ||
	    c->what == RELAY_REHOP)
		return (0);
	if ((st = state_query(Q_RELAY_COUNTED)) == NULL || sqlite3_bind_int64(st, 1, row->nexthop) != SQLITE_OK ||
	    sqlite3_bind_int(st, 2, c->what == RELAY_DONE) != SQLITE_OK ||
	    sqlite3_bind_int(st, 3, c->what == RELAY_HOLD || c->what == RELAY_FAIL) != SQLITE_OK ||
	    sqlite3_bind_int(st, 4, c->what == RELAY_AGAIN) != SQLITE_OK ||
	    sqlite3_bind_int(st, 5, c->doubt != 0) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* A line for rpopctl explain: a report about n recipients was made.  0 or -1. */
static int
report_result(const struct relay_row *row, size_t n)
{
	char	 many[32] = "";

	if (n > 1)
		snprintf(many, sizeof(many), "%zu recipients", n);
	return (relay_note(row, "report to", row->sender, many));
}

/* The row of a report, in relay or pending, of the mailbox that the failed row is of.  0, with its id, or -1. */
static int
report_row(const struct relay_row *row, const struct relay_report *report, int64_t *made)
{
	struct relay_row	 r;

	if (report->nexthop == 0)
		return (pending_insert(row->mailbox, NULL, report->link, report->dest, NULL, made));
	memset(&r, 0, sizeof(r));
	r.mailbox = row->mailbox;
	r.nexthop = report->nexthop;
	r.notify = NOTIFY_NEVER;
	r.after = SEEN_KEPT;
	r.state = RELAY_WAITING;
	r.arrived = r.next = time(NULL);
	if (strlcpy(r.link, report->link, sizeof(r.link)) >= sizeof(r.link) ||
	    strlcpy(r.dest, report->dest, sizeof(r.dest)) >= sizeof(r.dest))
		return (-1);
	return (relay_insert(&r, made));
}
