/* SPDX-License-Identifier: ISC */
/*
 * state.db: a record that was changed gets its former mailbox back, and a record that is to begin anew.
 *
 * Adoption: the former mailbox keeps its id, and with it everything that is keyed by it, and gets the name of the record's new one,
 * whose few rows move to it.
 *
 *	killed			what is there at the next start
 *	before the commit	both mailboxes, as before: the next session compares again
 *	after the commit	one mailbox with the former's state, which the record names: nothing is left to be done
 *
 * Forgetting: likewise one transaction; before its commit nothing is forgotten, after it everything is.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hook.h"
#include "rpopd/config/config.h"
#include "state_int.h"

static int	 former_row(sqlite3_stmt *, struct former *);
static int	 adopt_doubt(int64_t);
static int	 adopt_waiting(int64_t);
static int	 adopt_name(const struct former *, const struct record *, const char *, int64_t);
static int	 forget_run(enum state_sql, const char *, const char *, int64_t, int64_t *);

enum db
state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg)
{
	struct former	 f;
	sqlite3_stmt	*st;
	int		 rc = SQLITE_ERROR, stop = 0;

	if ((st = state_query(Q_FORMER_LIST)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (DB_FAILED);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW)
		stop = former_row(st, &f) == 0 && cb(arg, &f) != 0;
	sqlite3_reset(st);
	if (!stop && rc != SQLITE_DONE) {
		state_failed("former mailboxes");
		return (DB_FAILED);
	}
	return (DB_OK);
}

/* Takes a former mailbox out of a row.  0, or -1: the row cannot be right, or is none of a record that could be loaded. */
static int
former_row(sqlite3_stmt *st, struct former *f)
{
	const char	*account = (const char *)sqlite3_column_text(st, 1), *record = (const char *)sqlite3_column_text(st, 2);
	const char	*host = (const char *)sqlite3_column_text(st, 3);
	int		 len = sqlite3_column_bytes(st, 5);

	memset(f, 0, sizeof(*f));
	if (account == NULL || record == NULL || host == NULL || len < 0 || (size_t)len >= sizeof(f->login) ||
	    strlcpy(f->account, account, sizeof(f->account)) >= sizeof(f->account) ||
	    strlcpy(f->record, record, sizeof(f->record)) >= sizeof(f->record) ||
	    strlcpy(f->host, host, sizeof(f->host)) >= sizeof(f->host))
		return (-1);
	if (len > 0)
		memcpy(f->login, sqlite3_column_blob(st, 5), len);
	f->id = sqlite3_column_int64(st, 0);
	f->port = sqlite3_column_int(st, 4);
	f->replaced = sqlite3_column_int(st, 6);
	return (0);
}

enum db
state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg)
{
	struct former_message	 m;
	sqlite3_stmt		*st;
	int			 rc;

	if ((st = state_query(Q_FORMER_ROWS)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (DB_FAILED);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((m.uid = sqlite3_column_blob(st, 0)) == NULL)
			continue;
		m.uidlen = sqlite3_column_bytes(st, 0);
		m.size = sqlite3_column_int64(st, 1);
		m.gone = sqlite3_column_int(st, 2);
		cb(arg, &m);
	}
	if (rc != SQLITE_DONE)
		state_failed("former messages");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? DB_OK : DB_FAILED);
}

enum db
state_former_adopt(const struct former *f, int64_t mailbox, const struct record *rec, int doubt, const char *origin, int64_t now)
{
	static const enum state_sql	 moves[] = { Q_SEEN_ABSENT, Q_SUSPECT_ABSENT, Q_OVERSIZE_ABSENT, Q_MARKS_KNOWN,
	    Q_SEEN_MOVE, Q_FINGERPRINT_MOVE, Q_SUSPECT_MOVE, Q_OVERSIZE_MOVE, Q_HANDLED_MOVE, Q_PENDING_MOVE, Q_RELAY_MOVE,
	    Q_COPY_MOVE };
	static const enum state_sql	 drops[] = { Q_UNPROVEN_DROP, Q_RENUMBER_DROP, Q_RECORD_DROP, Q_UNFOUND_DROP,
	    Q_MAILBOX_DROP };
	enum db				 result;
	size_t				 i;
	int				 failed;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = doubt && adopt_doubt(f->id) == -1;
	for (i = 0; i < nitems(moves) && !failed; i++)
		failed = state_run_pair(moves[i], f->id, mailbox) == -1;
	for (i = 0; i < nitems(drops) && !failed; i++)
		failed = state_run(drops[i], mailbox) == -1;
	failed = failed || adopt_name(f, rec, origin, now) == -1;
	HOOK("master.state_adopt");
	if ((result = state_end(failed)) == DB_OK)
		HOOK("master.state_adopted");
	return (result);
}

/*
 * Whether a former mailbox is the record's is not proven: what was delivered is retrieved again and compared, and what was only
 * marked is retrieved.  0 or -1.
 */
static int
adopt_doubt(int64_t id)
{
	return (adopt_waiting(id) == -1 || state_run(Q_FORMER_UNMARK, id) == -1 || state_run(Q_FORMER_COMPARE, id) == -1 ? -1 : 0);
}

/*
 * Messages of a former mailbox that wait for a next hop must not be hidden by their unique-ids: they are known by digest only.  0
 * or -1.
 */
static int
adopt_waiting(int64_t id)
{
	struct uid {
		uint8_t	 octets[PROTO_UID_MAX], len;
	}		*uids = NULL, *p;
	sqlite3_stmt	*st;
	size_t		 n = 0, i;
	int		 rc = SQLITE_ERROR, failed, len;

	if ((st = state_query(Q_FORMER_WAITING)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK)
		return (-1);
	/* The changes follow when the search is over, since they move its rows. */
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((len = sqlite3_column_bytes(st, 0)) < 1 || (size_t)len > sizeof(p->octets) ||
		    (p = array_grow(uids, n, sizeof(*uids))) == NULL)
			break;
		uids = p;
		memcpy(uids[n].octets, sqlite3_column_blob(st, 0), len);
		uids[n++].len = len;
	}
	sqlite3_reset(st);
	failed = rc != SQLITE_DONE;
	for (i = 0; i < n && !failed; i++)
		failed = doubt_message(id, uids[i].octets, uids[i].len) == -1;
	free(uids);
	return (failed ? -1 : 0);
}

/* The former mailbox gets the name of the record's.  0 or -1. */
static int
adopt_name(const struct former *f, const struct record *rec, const char *origin, int64_t now)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_FORMER_NAME)) == NULL || mailbox_bind(st, rec) == -1 ||
	    sqlite3_bind_int64(st, 6, f->id) != SQLITE_OK || sqlite3_bind_text(st, 7, origin, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 8, now) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

enum db
state_origin(int64_t mailbox, char *text, size_t size)
{
	sqlite3_stmt	*st;
	const char	*origin;
	int		 rc;

	*text = '\0';
	if ((st = state_query(Q_MAILBOX_ORIGIN)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW && (origin = (const char *)sqlite3_column_text(st, 0)) != NULL)
		strlcpy(text, origin, size);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? DB_OK : DB_FAILED);
}

enum db
state_forget(const char *account, const char *record, int64_t now, struct forgotten *n)
{
	static const enum state_sql	 drops[] = { Q_FORGET_FINGERPRINT, Q_FORGET_SEEN, Q_FORGET_SUSPECT, Q_FORGET_OVERSIZE,
	    Q_FORGET_RENUMBERED, Q_FORGET_MAILBOX };
	int64_t				 value;
	enum db				 result;
	size_t				 i;
	int				 failed;

	memset(n, 0, sizeof(*n));
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = forget_run(Q_FORGET_COUNT, account, record, now, &n->messages) == -1 ||
	    forget_run(Q_FORGET_WAITING, account, record, now, &n->waiting) == -1;
	for (i = 0; i < nitems(drops) && !failed; i++)
		failed = forget_run(drops[i], account, record, now, &value) == -1;
	n->mailboxes = state_changes();		/* by Q_FORGET_MAILBOX */
	HOOK("master.state_forget");
	if ((result = state_end(failed)) == DB_OK)
		HOOK("master.state_forgotten");
	return (result);
}

/* Runs a statement about a record; *value is the first column of its row, if it has one.  0 or -1. */
static int
forget_run(enum state_sql q, const char *account, const char *record, int64_t now, int64_t *value)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(q)) == NULL || sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 2, record, -1, SQLITE_STATIC) != SQLITE_OK ||
	    (sqlite3_bind_parameter_count(st) == 3 && sqlite3_bind_int64(st, 3, now) != SQLITE_OK))
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*value = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1);
}
