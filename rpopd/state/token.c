/* SPDX-License-Identifier: ISC */
/*
 * state.db: what has come of the administrator's refresh tokens.  A row stands for one of them (its digest, the origin): the token
 * that the provider has put in its place, or the reason why no more requests are made.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/array.h"
#include "common/compat.h"
#include "state_int.h"

static enum db	 token_write(enum state_sql, const uint8_t *, const void *, size_t, const void *, size_t);
static int	 token_cmp(const void *, const void *);

enum db
state_token_get(const uint8_t *origin, struct token_row *row)
{
	sqlite3_stmt	*st;
	const void	*p;
	const char	*text;
	int		 rc, len;

	memset(row, 0, sizeof(*row));
	if ((st = state_query(Q_TOKEN_GET)) == NULL ||
	    sqlite3_bind_blob(st, 1, origin, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((p = sqlite3_column_blob(st, 0)) != NULL && (len = sqlite3_column_bytes(st, 0)) <= PROTO_TOKEN_MAX) {
			memcpy(row->refresh, p, (size_t)len);
			row->refresh_len = (size_t)len;
		}
		if ((p = sqlite3_column_blob(st, 1)) != NULL && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN &&
		    (text = (const char *)sqlite3_column_text(st, 2)) != NULL) {
			memcpy(row->cause, p, PROTO_DIGEST_LEN);
			strlcpy(row->suspended, text, sizeof(row->suspended));
		}
		row->ends = sqlite3_column_int64(st, 3);
		row->said = sqlite3_column_int64(st, 4);
		row->warned = sqlite3_column_int(st, 5) != 0;
	} else if (rc != SQLITE_DONE) {
		state_failed("token");
		return (DB_FAILED);
	}
	sqlite3_reset(st);
	return (rc == SQLITE_ROW ? DB_OK : DB_NONE);
}

/* Durable, since the provider may have ended the old token by now. */
enum db
state_token_rotate(const uint8_t *origin, const uint8_t *refresh, size_t len)
{
	return (token_write(Q_TOKEN_ROTATE, origin, refresh, len, "", 0));
}

enum db
state_token_suspend(const uint8_t *origin, const uint8_t *cause, const char *text)
{
	return (token_write(Q_TOKEN_SUSPEND, origin, cause, PROTO_DIGEST_LEN, text, strlen(text)));
}

enum db
state_token_forget(const uint8_t *origin)
{
	sqlite3_stmt	*st;
	enum db		 result;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	return (state_end((st = state_query(Q_TOKEN_DROP)) == NULL ||
	    sqlite3_bind_blob(st, 1, origin, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1));
}

/* Without an fsync: the provider says when the token ends with the next access token again. */
enum db
state_token_end(const uint8_t *origin, int64_t ends, int64_t said, int warned)
{
	sqlite3_stmt	*st;
	enum db		 result;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	return (state_end((st = state_query(Q_TOKEN_END)) == NULL ||
	    sqlite3_bind_blob(st, 1, origin, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, ends) != SQLITE_OK || sqlite3_bind_int64(st, 3, said) != SQLITE_OK ||
	    sqlite3_bind_int(st, 4, warned) != SQLITE_OK || state_step(st) == -1));
}

/*
 * Writes a blob, and a text if the statement has one, for an origin; the token is not kept in the statement.  DB_OK, DB_BUSY,
 * DB_FAILED.
 */
static enum db
token_write(enum state_sql q, const uint8_t *origin, const void *blob, size_t len, const void *text, size_t textlen)
{
	sqlite3_stmt	*st;
	enum db		 result;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	result = state_end((st = state_query(q)) == NULL ||
	    sqlite3_bind_blob(st, 1, origin, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 2, blob, (int)len, SQLITE_STATIC) != SQLITE_OK ||
	    (q == Q_TOKEN_SUSPEND && sqlite3_bind_text(st, 4, text, (int)textlen, SQLITE_STATIC) != SQLITE_OK) ||
	    sqlite3_bind_int64(st, 3, time(NULL)) != SQLITE_OK || state_step(st) == -1);
	if (st != NULL)
		sqlite3_clear_bindings(st);
	return (result);
}

static int
token_cmp(const void *a, const void *b)
{
	return (memcmp(a, b, PROTO_DIGEST_LEN));
}

enum db
state_token_prune(uint8_t (*keep)[PROTO_DIGEST_LEN], size_t n)
{
	sqlite3_stmt	*st;
	uint8_t		(*drop)[PROTO_DIGEST_LEN] = NULL, (*p)[PROTO_DIGEST_LEN];
	const void	*origin;
	enum db		 result;
	size_t		 i, ndrop = 0;
	int		 rc = SQLITE_ERROR, failed = 0;

	if (n > 1)
		qsort(keep, n, sizeof(*keep), token_cmp);
	if ((st = state_query(Q_TOKEN_LIST)) == NULL)
		return (DB_FAILED);
	while (!failed && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((origin = sqlite3_column_blob(st, 0)) == NULL ||
		    (n > 0 && bsearch(origin, keep, n, sizeof(*keep), token_cmp) != NULL))
			continue;
		if ((p = array_grow(drop, ndrop, sizeof(*drop))) == NULL)
			failed = 1;
		else {
			drop = p;
			memcpy(drop[ndrop++], origin, PROTO_DIGEST_LEN);
		}
	}
	sqlite3_reset(st);
	if (failed || rc != SQLITE_DONE)
		result = DB_FAILED;
	else if (ndrop == 0)
		result = DB_OK;
	else if ((result = state_begin(STATE_LAZY)) == DB_OK) {
		for (i = 0; i < ndrop && !failed; i++)
			failed = (st = state_query(Q_TOKEN_DROP)) == NULL ||
			    sqlite3_bind_blob(st, 1, drop[i], PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1;
		result = state_end(failed);
	}
	free(drop);
	return (result);
}
