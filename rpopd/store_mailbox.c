/* SPDX-License-Identifier: ISC */
/* state.db: remote mailboxes and the records that poll them. */
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "store.h"
#include "store_sql.h"

static int	 bind_mailbox(sqlite3_stmt *, const struct record *);
static int	 prune_ids(const int64_t *, size_t, int64_t **, size_t *);
static int	 prune_orphans(enum state_sql, const int64_t *, size_t, int64_t **, size_t *);
static int	 prune_add(int64_t **, size_t *, int64_t);
static int	 id_cmp(const void *, const void *);

int64_t
state_mailbox(const struct record *r)
{
	sqlite3_stmt	*st;
	int64_t		 id = -1;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_GET)) == NULL || bind_mailbox(st, r) == -1)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		id = sqlite3_column_int64(st, 0);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		state_failed("mailbox");
		return (-1);
	}
	sqlite3_reset(st);
	if (id != -1)
		return (id);
	if (state_begin(STATE_LAZY) != 0)
		return (-1);
	if ((st = state_query(Q_MAILBOX_ADD)) != NULL && bind_mailbox(st, r) == 0 && state_step(st) == 0)
		id = sqlite3_last_insert_rowid(sqlite3_db_handle(st));
	return (state_end(id == -1) == 0 ? id : -1);
}

int
state_listed(int64_t mailbox)
{
	int64_t	 n = 0;

	return (state_number(Q_MAILBOX_LISTED, mailbox, &n) == -1 ? -1 : n != 0);
}

/* All zero if the record was never polled. */
int
state_record_get(int64_t mailbox, struct record_state *rs)
{
	sqlite3_stmt	*st;
	const char	*error;
	int		 rc;

	memset(rs, 0, sizeof(*rs));
	if ((st = state_query(Q_RECORD_GET)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		rs->last_success = sqlite3_column_int64(st, 0);
		rs->last_attempt = sqlite3_column_int64(st, 1);
		rs->failures = sqlite3_column_int64(st, 2);
		rs->messages = sqlite3_column_int64(st, 3);
		rs->octets = sqlite3_column_int64(st, 4);
		rs->polls = sqlite3_column_int64(st, 5);
		rs->failing = sqlite3_column_int64(st, 7);
		if ((error = (const char *)sqlite3_column_text(st, 6)) != NULL)
			strlcpy(rs->error, error, sizeof(rs->error));
	} else if (rc != SQLITE_DONE) {
		state_failed("record");
		return (-1);
	}
	sqlite3_reset(st);
	return (0);
}

/* After every poll, so without an fsync: a power failure costs some history. */
int
state_record_put(int64_t mailbox, const struct record_state *rs)
{
	const int64_t	 numbers[] = { mailbox, rs->last_success, rs->last_attempt, rs->failures, (int64_t)rs->messages,
	    (int64_t)rs->octets, (int64_t)rs->polls, rs->failing };
	sqlite3_stmt	*st;
	int		 rv, failed;
	size_t		 i;

	if ((rv = state_begin(STATE_LAZY)) != 0)
		return (rv);
	failed = (st = state_query(Q_RECORD_PUT)) == NULL;
	for (i = 0; i < nitems(numbers) && !failed; i++)
		failed = sqlite3_bind_int64(st, (int)i + 1, numbers[i]) != SQLITE_OK;
	return (state_end(failed || sqlite3_bind_text(st, 9, rs->error, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1));
}

int
state_unfound_get(int64_t mailbox, const struct record *r, struct unfound *u)
{
	char		 special[UNFOUND_KEY_SIZE];
	sqlite3_stmt	*st;
	int		 rc;

	memset(u, 0, sizeof(*u));
	if (r->mode != DIST_FIELD)
		return (0);
	if ((st = state_query(Q_UNFOUND_GET)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, state_unfound_key(r, special, sizeof(special)), -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		u->messages = sqlite3_column_int64(st, 0);
		u->told = sqlite3_column_int(st, 1);
	} else if (rc != SQLITE_DONE) {
		state_failed("unfound");
		return (-1);
	}
	sqlite3_reset(st);
	return (0);
}

int
state_unfound_put(int64_t mailbox, const struct record *r, const struct unfound *u)
{
	char		 special[UNFOUND_KEY_SIZE];
	sqlite3_stmt	*st;
	int		 rv;

	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	if (u->messages == 0)
		return (state_end(state_run(Q_UNFOUND_DROP, mailbox) == -1));
	return (state_end((st = state_query(Q_UNFOUND_PUT)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, state_unfound_key(r, special, sizeof(special)), -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 3, u->messages) != SQLITE_OK || sqlite3_bind_int(st, 4, u->told) != SQLITE_OK ||
	    state_step(st) == -1));
}

/* What is looked for: when that changes, counting begins anew. */
const char *
state_unfound_key(const struct record *r, char *buf, size_t size)
{
	strlcpy(buf, r->special, size);
	if (r->trusted_hop[0] != '\0') {
		strlcat(buf, " ", size);
		strlcat(buf, r->trusted_hop, size);
	}
	return (buf);
}

/*
 * Rows of mailboxes that are not among ids go, also such as a session of a removed record left behind.  Pending rows stay: what
 * was decided is delivered.
 */
int
state_prune(const int64_t *ids, size_t n)
{
	static const enum state_sql	 drops[] = { Q_SEEN_PURGE, Q_PRINT_PURGE, Q_UNPROVEN_DROP, Q_SUSPECT_PURGE,
	    Q_OVERSIZE_PURGE, Q_RENUMBER_DROP, Q_RECORD_DROP,
	    Q_UNFOUND_DROP, Q_MAILBOX_DROP };
	int64_t				*sorted, *gone = NULL;
	size_t				 ngone = 0, i, j;
	int				 rv, failed;

	if ((sorted = calloc(n + 1, sizeof(*sorted))) == NULL)
		return (-1);
	if (n > 0)
		memcpy(sorted, ids, n * sizeof(*ids));
	qsort(sorted, n, sizeof(*sorted), id_cmp);
	failed = prune_ids(sorted, n, &gone, &ngone) == -1 || prune_orphans(Q_SEEN_NEXT, sorted, n, &gone, &ngone) == -1 ||
	    prune_orphans(Q_SUSPECT_NEXT, sorted, n, &gone, &ngone) == -1;
	free(sorted);
	if (failed || ngone == 0) {
		free(gone);
		return (failed ? -1 : 0);
	}
	if ((rv = state_begin(STATE_DURABLE)) == 0) {
		for (i = 0; i < ngone && !failed; i++)
			for (j = 0; j < nitems(drops) && !failed; j++)
				failed = state_run(drops[j], gone[i]) == -1;
		rv = state_end(failed);
	}
	free(gone);
	return (rv);
}

int
state_renumber_get(int64_t mailbox)
{
	int64_t	 answer = 0;

	switch (state_number(Q_RENUMBER_GET, mailbox, &answer)) {
	case -1:
		return (-1);
	case 0:
		return (RENUMBER_NOT);
	default:
		return (answer == 0 ? RENUMBER_RETRIEVE : answer == 1 ? RENUMBER_SEEN : RENUMBER_ASKED);
	}
}

/* NOT: the pause is over; ASKED: it begins, known and unknown say why; else the administrator has decided. */
int
state_renumber_put(int64_t mailbox, enum renumber what, uint32_t known, uint32_t unknown, int64_t now)
{
	sqlite3_stmt	*st;
	int		 rv, failed = 1;

	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	if (what == RENUMBER_NOT)
		return (state_end(state_run(Q_RENUMBER_DROP, mailbox) == -1));
	if ((st = state_query(what == RENUMBER_ASKED ? Q_RENUMBER_PUT : Q_RENUMBER_ANSWER)) != NULL &&
	    sqlite3_bind_int64(st, 1, mailbox) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 2, what == RENUMBER_ASKED ? now : what == RENUMBER_SEEN) == SQLITE_OK &&
	    (what != RENUMBER_ASKED || (sqlite3_bind_int64(st, 3, known) == SQLITE_OK &&
	    sqlite3_bind_int64(st, 4, unknown) == SQLITE_OK)))
		failed = state_step(st) == -1;
	return (state_end(failed));
}

static int
bind_mailbox(sqlite3_stmt *st, const struct record *r)
{
	if (sqlite3_bind_text(st, 1, r->owner, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, r->name, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 3, r->host, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_bind_int(st, 4, r->port) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 5, r->user, (int)strlen(r->user), SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

/* Mailboxes that no record uses. */
static int
prune_ids(const int64_t *used, size_t n, int64_t **gone, size_t *ngone)
{
	sqlite3_stmt	*st;
	int64_t		 id;
	int		 rc;

	if ((st = state_query(Q_MAILBOX_LIST)) == NULL)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		id = sqlite3_column_int64(st, 0);
		if (bsearch(&id, used, n, sizeof(id), id_cmp) == NULL && prune_add(gone, ngone, id) == -1)
			break;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("prune");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* From one mailbox id to the next by the index, not row by row. */
static int
prune_orphans(enum state_sql q, const int64_t *used, size_t n, int64_t **gone, size_t *ngone)
{
	int64_t	 id = 0;

	for (;;) {
		if (state_number(q, id, &id) != 1)
			return (-1);
		if (id == 0)
			return (0);
		if (bsearch(&id, used, n, sizeof(id), id_cmp) == NULL && prune_add(gone, ngone, id) == -1)
			return (-1);
	}
}

static int
prune_add(int64_t **gone, size_t *ngone, int64_t id)
{
	int64_t	*p;

	if ((p = reallocarray(*gone, *ngone + 1, sizeof(*p))) == NULL)
		return (-1);
	*gone = p;
	p[(*ngone)++] = id;
	return (0);
}

static int
id_cmp(const void *a, const void *b)
{
	int64_t	 x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}
