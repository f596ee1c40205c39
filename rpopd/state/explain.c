/* SPDX-License-Identifier: ISC */
/* state.db: everything that is known of one message, for a person. */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "state_int.h"

static int	 explain_seen(struct explanation *, int64_t, const uint8_t *, size_t);
static int	 explain_irregular(struct explanation *, int64_t, const uint8_t *, size_t);
static int	 explain_handled(struct explanation *, int64_t, const uint8_t *, size_t);
static char	*explain_text(sqlite3_stmt *, int);

enum db
state_explain(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct explanation *e)
{
	memset(e, 0, sizeof(*e));
	e->state = SEEN_NEVER;
	if (explain_seen(e, mailbox, uid, uidlen) == -1 || explain_irregular(e, mailbox, uid, uidlen) == -1 ||
	    explain_handled(e, mailbox, uid, uidlen) == -1) {
		state_failed("explain");
		explanation_free(e);
		return (DB_FAILED);
	}
	return (e->state != SEEN_NEVER || e->oversize != OVERSIZE_NONE || e->deaths + e->failures > 0 || e->note != NULL ?
	    DB_OK : DB_NONE);
}

void
explanation_free(struct explanation *e)
{
	free(e->sender);
	free(e->note);
	free(e->results);
	free(e->msgid);
	e->sender = e->note = e->results = e->msgid = NULL;
}

/* What table seen has of the message.  0 or -1. */
static int
explain_seen(struct explanation *e, int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_SEEN_ROW)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		e->state = (enum seen_state)sqlite3_column_int(st, 0);
		e->gone = sqlite3_column_int64(st, 1);
		e->since = sqlite3_column_int64(st, 2);
		e->size = sqlite3_column_int64(st, 3);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1);
}

/* What tables suspect and oversize have of the message.  0 or -1. */
static int
explain_irregular(struct explanation *e, int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_IRREGULAR_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		e->deaths = sqlite3_column_int(st, 0);
		e->failures = sqlite3_column_int(st, 1);
		e->oversize = (enum oversize)sqlite3_column_int(st, 2);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? 0 : -1);
}

/* What became of the message, and why.  0 or -1. */
static int
explain_handled(struct explanation *e, int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_HANDLED_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (-1);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		e->handled = sqlite3_column_int64(st, 0);
		e->sender = explain_text(st, 1);
		e->note = explain_text(st, 2);
		e->results = explain_text(st, 3);
		e->msgid = explain_text(st, 4);
		if (e->sender == NULL || e->note == NULL || e->results == NULL || e->msgid == NULL)
			rc = SQLITE_NOMEM;
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1);
}

static char *
explain_text(sqlite3_stmt *st, int column)
{
	const char	*text = (const char *)sqlite3_column_text(st, column);

	return (text == NULL ? NULL : strdup(text));
}
