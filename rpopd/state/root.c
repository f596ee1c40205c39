/* SPDX-License-Identifier: ISC */
/*
 * state.db: which mail root it belongs to, and how far each of them has come.
 *
 * counter grows with every durable transaction.  The mail root's file is told of it before anything in the mail root changes on
 * the strength of a transaction, so counter >= the file's, and state.db learns what is durable there, so the file's >= durable.  A
 * copy of either that is older breaks one of the two.
 *
 *	step of a transaction that drops a relay row		dies right after: the next start		hook
 *	row dropped, its link in table spent			removes the link				relay.changed
 *	the link is removed, perhaps not durably		removes it again, or finds it gone		deliverer.queue_remove,
 *													deliverer.spent
 *	the removal is durable, spent row not dropped		finds it gone					root.durable
 *	spent row dropped					knows nothing of it				-
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "rpopd/db/db.h"
#include "state_int.h"

static int	 root_read(sqlite3 *, struct root_state *);
static int	 root_old(sqlite3 *, struct root_state *);

static struct root_state	 root;
static uint64_t			 counting;	/* what counter will be when the transaction under way is committed */
static uint64_t			 dropped;	/* spent rows of transactions before this one were dropped */
static void			(*on_count)(void);

/* Reads what the store knows of its mail root, on a connection that was just opened.  0 or -1. */
int
root_load(sqlite3 *db)
{
	counting = dropped = 0;
	return (root_read(db, &root));
}

static int
root_read(sqlite3 *db, struct root_state *r)
{
	sqlite3_stmt	*st = NULL;
	int64_t		 session;
	int		 rv = -1;

	memset(r, 0, sizeof(*r));
	if (sql_number(db, "SELECT value FROM meta WHERE key = 'session'", &session) == -1)
		return (-1);
	r->session = (uint32_t)session;
	if (sqlite3_prepare_v2(db, "SELECT identity, counter, durable, life, joined FROM root", -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == sizeof(r->identity)) {
		memcpy(r->identity, sqlite3_column_blob(st, 0), sizeof(r->identity));
		r->counter = (uint64_t)sqlite3_column_int64(st, 1);
		r->durable = (uint64_t)sqlite3_column_int64(st, 2);
		r->life = (uint32_t)sqlite3_column_int64(st, 3);
		r->joined = (enum root_joined)sqlite3_column_int(st, 4);
		rv = 0;
	}
	sqlite3_finalize(st);
	return (rv);
}

/* Whether a store is of an older schema, which knows no mail root. */
static int
root_old(sqlite3 *db, struct root_state *r)
{
	int64_t	 version, session;

	if (sql_number(db, "PRAGMA user_version", &version) == -1 || version < 1 || version >= STATE_SCHEMA ||
	    sql_number(db, "SELECT value FROM meta WHERE key = 'session'", &session) == -1)
		return (0);
	r->session = (uint32_t)session;
	return (1);
}

void
state_root(struct root_state *r)
{
	*r = root;
}

enum db
state_root_peek(const char *path, struct root_state *r, char *err, size_t errsize)
{
	struct stat	 st;
	sqlite3		*db;
	enum db		 result = DB_OK;

	memset(r, 0, sizeof(*r));
	if (lstat(path, &st) == -1 && errno == ENOENT)
		return (DB_NONE);
	if ((db = sql_open(path, SQL_READONLY, 1000, err, errsize)) == NULL)
		return (DB_FAILED);
	if (!root_old(db, r) && root_read(db, r) == -1) {
		sql_reason(db, path, err, errsize);
		result = DB_FAILED;
	}
	sqlite3_close(db);
	return (result);
}

/* Counts a durable transaction, inside it, and drops spent links that are durably removed.  0 or -1. */
int
root_count(void)
{
	sqlite3_stmt	*st;
	int		 rc;

	if (root.durable > dropped && ((st = state_query(Q_SPENT_DROP)) == NULL ||
	    sqlite3_bind_int64(st, 1, (int64_t)root.durable) != SQLITE_OK || state_step(st) == -1))
		return (-1);
	if ((st = state_query(Q_ROOT_COUNT)) == NULL || sqlite3_bind_int64(st, 1, (int64_t)root.durable) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	counting = (uint64_t)sqlite3_column_int64(st, 0);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		;
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* The counted transaction is committed. */
void
root_counted(void)
{
	root.counter = counting;
	dropped = root.durable;
	if (on_count != NULL)
		on_count();
}

uint64_t
state_counter(void)
{
	return (root.counter);
}

void
state_on_count(void (*fn)(void))
{
	on_count = fn;
}

/* The mail root cannot be ahead of what it was told: a greater number is the deliverer's lie and counts nothing. */
void
state_rooted(uint64_t counter)
{
	if (counter > root.durable && counter <= root.counter)
		root.durable = counter;
	HOOK("master.root_durable");
}

enum db
state_root_joined(enum root_joined joined)
{
	sqlite3_stmt	*st;
	enum db		 result;

	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	st = state_query(Q_ROOT_JOINED);
	if ((result = state_end(st == NULL || sqlite3_bind_int(st, 1, joined) != SQLITE_OK || state_step(st) == -1)) == DB_OK)
		root.joined = joined;
	return (result);
}

enum db
state_root_declare(const uint8_t identity[16], uint64_t counter)
{
	sqlite3_stmt	*st;
	enum db		 result;

	root.durable = 0;
	if ((result = state_begin(STATE_DURABLE)) != DB_OK)
		return (result);
	st = state_query(Q_ROOT_DECLARED);
	result = state_end(st == NULL || sqlite3_bind_blob(st, 1, identity, sizeof(root.identity), SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, (int64_t)counter) != SQLITE_OK || state_step(st) == -1);
	if (result == DB_OK) {
		memcpy(root.identity, identity, sizeof(root.identity));
		root.joined = ROOT_DECLARED;
	}
	return (result);
}

/* Without an fsync: a start that is repeated finds less to do. */
enum db
state_root_started(void)
{
	sqlite3_stmt	*st;
	enum db		 result;
	int		 failed;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	failed = (st = state_query(Q_ROOT_STARTED)) == NULL || sqlite3_bind_int64(st, 1, root.session) != SQLITE_OK ||
	    state_step(st) == -1 || (st = state_query(Q_SPENT_DROP)) == NULL ||
	    sqlite3_bind_int64(st, 1, (int64_t)root.durable) != SQLITE_OK || state_step(st) == -1;
	if ((result = state_end(failed)) == DB_OK && root.joined != ROOT_NEW)
		root.joined = ROOT_JOINED;
	return (result);
}

/* Notes inside a transaction that a link has no row any more, and is to be removed.  0 or -1. */
int
root_spent(const char *link)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_SPENT_ADD)) == NULL || sqlite3_bind_text(st, 1, link, -1, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

enum db
state_spent(int (*cb)(void *, const char *), void *arg)
{
	return (state_links(Q_SPENT_LIST, cb, arg));
}
