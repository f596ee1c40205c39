/* SPDX-License-Identifier: ISC */
/*
 * state.db: when accounts were last logged in to with POP3.  The master has that in memory, and writes it some seconds later and
 * without an fsync, so that no login waits for the store.
 *
 *	killed when			the row says		then
 *	a login is not written yet	the one before, or	that login was never there: it is not shown, and
 *					is not there		LOGIN-DELAY counts from the one before
 *	before COMMIT			likewise		likewise
 *	behind it			that login		it is known again at the next start
 *
 * A power failure may bring back the rows of some moment before.
 */
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/ipc/proto.h"
#include "state_int.h"

static void	 login_string(sqlite3_str *, const char *);

enum db
state_login_put(const struct login_row *rows, size_t n)
{
	sqlite3_str	*text;
	sqlite3_stmt	*st;
	enum db		 result;
	char		*json;
	size_t		 i;
	int		 failed;

	if (n > STATE_SLICE)
		return (DB_FAILED);
	text = sqlite3_str_new(NULL);
	sqlite3_str_appendall(text, "[");
	for (i = 0; i < n; i++) {
		sqlite3_str_appendall(text, i == 0 ? "[" : ",[");
		login_string(text, rows[i].account);
		sqlite3_str_appendf(text, ",%lld,", (long long)rows[i].at);
		login_string(text, rows[i].client);
		sqlite3_str_appendall(text, "]");
	}
	sqlite3_str_appendall(text, "]");
	if ((json = sqlite3_str_finish(text)) == NULL)
		return (DB_FAILED);
	if ((result = state_begin(STATE_LAZY)) == DB_OK) {
		failed = (st = state_query(Q_LOGIN_PUT)) == NULL || sqlite3_bind_text(st, 1, json, -1, SQLITE_STATIC) != SQLITE_OK ||
		    state_step(st) == -1;
		HOOK("master.login_put");
		result = state_end(failed);
		HOOK("master.login_written");
	}
	sqlite3_free(json);
	return (result);
}

enum db
state_login_all(void (*cb)(void *, const struct login_row *), void *arg)
{
	struct login_row row;
	sqlite3_stmt	*st;
	const char	*account, *client;
	char		 address[PROTO_CLIENT_SIZE];
	int		 rc;

	if ((st = state_query(Q_LOGIN_ALL)) == NULL)
		return (DB_FAILED);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		account = (const char *)sqlite3_column_text(st, 0);
		client = (const char *)sqlite3_column_text(st, 2);
		memset(address, 0, sizeof(address));
		strlcpy(address, client == NULL ? "" : client, sizeof(address));
		row.account = account == NULL ? "" : account;
		row.at = sqlite3_column_int64(st, 1);
		row.client = proto_client(address, sizeof(address)) ? address : "";
		cb(arg, &row);
	}
	if (rc != SQLITE_DONE) {
		state_failed("last_login");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (DB_OK);
}

enum db
state_login_prune(int (*account)(const char *))
{
	return (alert_keep(Q_LOGIN_PRUNE, account));
}

/* A string of JSON (RFC 8259 section 7). */
static void
login_string(sqlite3_str *text, const char *s)
{
	sqlite3_str_appendchar(text, 1, '"');
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ') {
			sqlite3_str_appendf(text, "\\u%04x", (unsigned int)(unsigned char)*s);
			continue;
		}
		if (*s == '"' || *s == '\\')
			sqlite3_str_appendchar(text, 1, '\\');
		sqlite3_str_appendchar(text, 1, *s);
	}
	sqlite3_str_appendchar(text, 1, '"');
}
