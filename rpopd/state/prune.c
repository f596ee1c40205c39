/* SPDX-License-Identifier: ISC */
/*
 * state.db: what becomes of a mailbox at a load of the configuration:
 *
 *	a record names it	removed		its row and its state
 *	yes			NULL		stay
 *	yes			a time		stay, removed becomes NULL: the record is back
 *	no			NULL		stay, removed is now
 *	no			in the future	stay, removed is now: the clock was wrong
 *	no			a time		stay until keep_state_days are over and no session runs on it, then go
 *	(rows without a mailbox)		go, unless a session runs on it
 *
 * All of it but the rows is one transaction: killed before its commit, the next load does the same.  The rows of a mailbox that has
 * gone have none any more; they go behind it in slices, those of table seen last, and what a crash leaves goes at the next load.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/compat.h"
#include "common/hook.h"
#include "state_int.h"

struct ids {				/* ids of mailboxes */
	int64_t	*list;
	size_t	 n;
};

struct prune {				/* one state_prune() */
	struct ids	 used, running;	/* mailboxes that a record names, and that a session runs on; sorted */
	struct ids	 known;		/* every mailbox, sorted */
	struct ids	 back, removed;	/* mailboxes to be marked so */
	struct ids	 gone;		/* mailboxes to be dropped */
};

static int	 prune_look(struct prune *, int64_t);
static int	 prune_row(struct prune *, int64_t, int, int64_t, int64_t);
static int	 prune_orphans(struct prune *, enum state_sql);
static enum db	 prune_write(const struct prune *, int64_t);
static enum db	 prune_rows(int64_t);
static int	 prune_mark(const struct ids *, enum state_sql, int64_t);
static int	 ids_copy(struct ids *, const int64_t *, size_t);
static int	 ids_add(struct ids *, int64_t);
static int	 ids_have(const struct ids *, int64_t);
static int	 id_cmp(const void *, const void *);

static int64_t	 keep;			/* seconds, see state_keep_set() */
static struct ids left;			/* mailboxes that have gone, and may have rows left */

void
state_keep_set(int64_t seconds)
{
	keep = seconds;
}

int64_t
state_keep(void)
{
	return (keep);
}

/* The table at the top of this file.  Pending and relay rows stay in any case: what was decided is delivered. */
enum db
state_prune(const int64_t *used, size_t n, const int64_t *running, size_t nrunning)
{
	struct prune	 p;
	int64_t		 now = time(NULL);
	enum db		 result = DB_FAILED;

	memset(&p, 0, sizeof(p));
	if (ids_copy(&p.used, used, n) == 0 && ids_copy(&p.running, running, nrunning) == 0 && prune_look(&p, now) == 0 &&
	    prune_orphans(&p, Q_SEEN_NEXT) == 0 && prune_orphans(&p, Q_SUSPECT_NEXT) == 0)
		result = p.back.n + p.removed.n + p.gone.n == 0 ? DB_OK : prune_write(&p, now);
	free(left.list);
	memset(&left, 0, sizeof(left));
	if (result == DB_OK && p.gone.n > 0) {
		left = p.gone;
		memset(&p.gone, 0, sizeof(p.gone));
		result = state_prune_slice();
	}
	free(p.used.list);
	free(p.running.list);
	free(p.known.list);
	free(p.back.list);
	free(p.removed.list);
	free(p.gone.list);
	return (result);
}

enum db
state_prune_slice(void)
{
	enum db	 result = DB_OK;

	while (left.n > 0 && result == DB_OK)
		if ((result = prune_rows(left.list[left.n - 1])) == DB_OK)
			left.n--;
	return (result);
}

/* Removes rows of a mailbox in one transaction.  DB_OK: none is left; DB_MORE, DB_BUSY, DB_FAILED. */
static enum db
prune_rows(int64_t mailbox)
{
	static const enum state_sql	 purges[] = { Q_FINGERPRINT_PURGE, Q_SUSPECT_PURGE, Q_OVERSIZE_PURGE, Q_SEEN_PURGE };
	sqlite3_stmt			*st;
	enum db				 result;
	size_t				 i;
	int				 failed = 0, n = STATE_PAGE;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	for (i = 0; i < nitems(purges) && n > 0 && !failed; i++) {
		failed = (st = state_query(purges[i])) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
		    sqlite3_bind_int(st, 2, n) != SQLITE_OK || state_step(st) == -1;
		n -= failed ? 0 : state_changes();
	}
	HOOK("master.state_purge");
	result = state_end(failed);
	return (result != DB_OK ? result : n <= 0 ? DB_MORE : DB_OK);
}

/* Reads every mailbox and sorts out what is to be done with it.  0 or -1. */
static int
prune_look(struct prune *p, int64_t now)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_LIST)) == NULL)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (prune_row(p, sqlite3_column_int64(st, 0), sqlite3_column_type(st, 1) != SQLITE_NULL, sqlite3_column_int64(st, 1),
		    now) == -1)
			break;
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("prune");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* A mailbox, as the table at the top of this file says.  0, or -1: no memory. */
static int
prune_row(struct prune *p, int64_t id, int removed, int64_t since, int64_t now)
{
	if (ids_add(&p->known, id) == -1)
		return (-1);
	if (ids_have(&p->used, id))
		return (removed ? ids_add(&p->back, id) : 0);
	if (keep == 0 && !ids_have(&p->running, id))
		return (ids_add(&p->gone, id));
	if (!removed || (since > now && clock_plausible(now)))
		return (ids_add(&p->removed, id));
	return (now - since >= keep && !ids_have(&p->running, id) ? ids_add(&p->gone, id) : 0);
}

/*
 * Finds mailboxes that have rows in a table but none in table mailbox, going from one mailbox id to the next by the index, not row
 * by row.  0 or -1.
 */
static int
prune_orphans(struct prune *p, enum state_sql q)
{
	int64_t	 id = 0;

	for (;;) {
		if (state_number(q, id, &id) != DB_OK)
			return (-1);
		if (id == 0)
			return (0);
		if (!ids_have(&p->known, id) && !ids_have(&p->running, id) && ids_add(&p->gone, id) == -1)
			return (-1);
	}
}

/* Marks and drops mailboxes in one transaction.  DB_OK, DB_BUSY, DB_FAILED. */
static enum db
prune_write(const struct prune *p, int64_t now)
{
	static const enum state_sql	 drops[] = { Q_UNPROVEN_DROP, Q_RENUMBER_DROP, Q_RECORD_DROP, Q_UNFOUND_DROP, Q_MAILBOX_DROP };
	enum db				 result;
	size_t				 i, j;
	int				 failed;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = prune_mark(&p->back, Q_MAILBOX_BACK, now) == -1 || prune_mark(&p->removed, Q_MAILBOX_REMOVED, now) == -1;
	for (i = 0; i < p->gone.n && !failed; i++)
		for (j = 0; j < nitems(drops) && !failed; j++)
			failed = state_run(drops[j], p->gone.list[i]) == -1;
	HOOK("master.state_prune");
	return (state_end(failed));
}

/* Runs a statement that marks mailboxes; ?2 is the time, if the statement has one.  0 or -1. */
static int
prune_mark(const struct ids *ids, enum state_sql q, int64_t now)
{
	sqlite3_stmt	*st;
	size_t		 i;

	for (i = 0; i < ids->n; i++)
		if ((st = state_query(q)) == NULL || sqlite3_bind_int64(st, 1, ids->list[i]) != SQLITE_OK ||
		    (sqlite3_bind_parameter_count(st) == 2 && sqlite3_bind_int64(st, 2, now) != SQLITE_OK) || state_step(st) == -1)
			return (-1);
	return (0);
}

/* A sorted copy of a list.  0, or -1: no memory. */
static int
ids_copy(struct ids *ids, const int64_t *list, size_t n)
{
	if ((ids->list = calloc(n + 1, sizeof(*list))) == NULL)
		return (-1);
	if (n > 0)
		memcpy(ids->list, list, n * sizeof(*list));
	qsort(ids->list, n, sizeof(*list), id_cmp);
	ids->n = n;
	return (0);
}

/* Adds an id at the end.  0, or -1: no memory. */
static int
ids_add(struct ids *ids, int64_t id)
{
	int64_t	*p;

	if ((p = array_grow(ids->list, ids->n, sizeof(*p))) == NULL)
		return (-1);
	ids->list = p;
	p[ids->n++] = id;
	return (0);
}

static int
ids_have(const struct ids *ids, int64_t id)
{
	return (ids->n > 0 && bsearch(&id, ids->list, ids->n, sizeof(id), id_cmp) != NULL);
}

static int
id_cmp(const void *a, const void *b)
{
	int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}
