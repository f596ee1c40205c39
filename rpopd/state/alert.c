/* SPDX-License-Identifier: ISC */
/*
 * state.db: alerts, texts that users are told at their next logins in place of their mailboxes, one at each.  An alert is told once
 * at least: its row says so only after the client's connection has taken the text.
 *
 *	killed when				the row says	then
 *	before COMMIT of the insert		is not there	rpopctl heard nothing
 *	behind it				not told	rpopctl heard nothing, and the next login is told
 *	the session was sent the text		not told	the next login is told
 *	the client has the text			not told	the next login is told once more
 *	before COMMIT of the update		not told	likewise
 *	behind it				told		the next login is told the next alert, or gets the mailbox
 *
 * A power failure may bring the last state but one back, since an alert that was told does not wait for the disk.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

#define IDS_SIZE	(STATE_SLICE * 21 + 3)	/* of so many numbers as a JSON array */

static void	 alert_text(char *, sqlite3_stmt *, int);
static void	 alert_kept(sqlite3_context *, int, sqlite3_value **);

static int	(*kept)(const char *);	/* of the statement that asks for it */

/* The function of Q_ALERT_PRUNE and Q_LOGIN_PRUNE, on a connection, before statements are prepared.  0 or -1. */
int
alert_register(sqlite3 *db)
{
	return (sqlite3_create_function_v2(db, "kept", 1, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, alert_kept, NULL, NULL, NULL) ==
	    SQLITE_OK ? 0 : -1);
}

enum db
state_alert_add(const char *account, const char *text, int64_t now, int64_t *id)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed, rc = SQLITE_ERROR;

	*id = 0;
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	if ((st = state_query(Q_ALERT_ADD)) != NULL && sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_bind_int64(st, 3, now) == SQLITE_OK &&
	    (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		rc = sqlite3_step(st);
	}
	failed = rc != SQLITE_DONE;
	if (!failed) {
		sqlite3_reset(st);
		failed = (st = state_query(Q_ALERT_TRIM)) == NULL ||
		    sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1;
	}
	HOOK("master.alert_add");
	result = state_end(failed);
	HOOK("master.alert_added");
	return (result == DB_OK && *id == 0 ? DB_NONE : result);
}

enum db
state_alert_next(const char *account, int (*skip)(int64_t), int64_t *id, char text[PROTO_ALERT_SIZE])
{
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_ALERT_NEXT)) == NULL || sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC) != SQLITE_OK)
		return (DB_FAILED);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		if (!skip(*id))
			break;
	}
	if (rc == SQLITE_ROW)
		alert_text(text, st, 1);
	else if (rc != SQLITE_DONE) {
		state_failed("alert");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : DB_NONE);
}

enum db
state_alert_told(const int64_t *ids, size_t n, int64_t now)
{
	sqlite3_stmt	*st;
	enum db		 result;
	char		 list[IDS_SIZE] = "[";
	size_t		 i, len = 1;
	int		 failed;

	if (n > STATE_SLICE)
		return (DB_FAILED);
	for (i = 0; i < n; i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%lld", i == 0 ? "" : ",", (long long)ids[i]);
	strlcat(list, "]", sizeof(list));
	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_ALERT_TOLD)) == NULL || sqlite3_bind_text(st, 1, list, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, now) != SQLITE_OK || state_step(st) == -1;
	HOOK("master.alert_tell");
	result = state_end(failed);
	HOOK("master.alert_told");
	return (result);
}

enum db
state_alert_get(int64_t id, char account[PROTO_ADDR_SIZE])
{
	sqlite3_stmt	*st;
	const char	*text;
	int		 rc;

	if ((st = state_query(Q_ALERT_GET)) == NULL || sqlite3_bind_int64(st, 1, id) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(st, 0);
		strlcpy(account, text == NULL ? "" : text, PROTO_ADDR_SIZE);
	} else if (rc != SQLITE_DONE) {
		state_failed("alert");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : DB_NONE);
}

enum db
state_alert_remove(int64_t id, const char *account, int *n)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed;

	*n = 0;
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_ALERT_REMOVE)) == NULL || sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, id) != SQLITE_OK || state_step(st) == -1;
	if (!failed)
		*n = state_changes();
	HOOK("master.alert_remove");
	return (state_end(failed));
}

enum db
state_alert_page(const char *only, struct alert_row *last, size_t max, void (*cb)(void *, const struct alert_row *), void *arg)
{
	struct alert_row	 row;
	sqlite3_stmt		*st;
	const char		*text;
	size_t			 n = 0;
	int			 rc;

	if ((st = state_query(Q_ALERT_PAGE)) == NULL || sqlite3_bind_text(st, 1, last->account, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, last->id) != SQLITE_OK || sqlite3_bind_text(st, 3, only, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 4, (int64_t)max) != SQLITE_OK)
		return (DB_FAILED);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		memset(&row, 0, sizeof(row));
		row.id = sqlite3_column_int64(st, 0);
		text = (const char *)sqlite3_column_text(st, 1);
		strlcpy(row.account, text == NULL ? "" : text, sizeof(row.account));
		alert_text(row.text, st, 2);
		row.made = sqlite3_column_int64(st, 3);
		row.told = sqlite3_column_int64(st, 4);
		cb(arg, &row);
		n++;
	}
	if (rc != SQLITE_DONE) {
		state_failed("alert");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	if (n > 0)
		*last = row;
	return (n == max ? DB_MORE : DB_OK);
}

enum db
state_alert_prune(int (*account)(const char *))
{
	enum db	 result;
	int64_t	 any = 0;

	if ((result = state_number(Q_ALERT_ANY, 0, &any)) != DB_OK || !any)
		return (result);
	return (alert_keep(Q_ALERT_PRUNE, account));
}

/* Runs a statement that asks kept() which accounts there are; its ?1 is 0. */
enum db
alert_keep(enum state_sql q, int (*account)(const char *))
{
	enum db	 result;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	kept = account;
	result = state_end(state_run(q, 0) == -1);
	kept = NULL;
	return (result);
}

/* A column as the text of a reply, whoever has put it there. */
static void
alert_text(char *text, sqlite3_stmt *st, int column)
{
	const char	*p = (const char *)sqlite3_column_text(st, column);

	strlcpy(text, p == NULL ? "" : p, PROTO_ALERT_SIZE);
	if (!proto_text(text, PROTO_ALERT_SIZE))
		log_vis(text, PROTO_ALERT_SIZE, p, strlen(p));
}

/* kept(account): whether there is such an account. */
static void
alert_kept(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	const char	*account = n == 1 ? (const char *)sqlite3_value_text(v[0]) : NULL;

	sqlite3_result_int(ctx, kept == NULL || (account != NULL && kept(account)));
}
