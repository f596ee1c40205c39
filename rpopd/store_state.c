/* SPDX-License-Identifier: ISC */
/*
 * state.db: its life, its transactions, and the decision about a batch.  store_seen.c has the rest.
 *
 * What must survive a power failure is committed with synchronous=FULL; the rest (status of records, ids of mailboxes) with
 * NORMAL, which costs no fsync, and becomes durable with the next FULL commit: the write-ahead log keeps the order.
 */
#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/hook.h"
#include "../common/log.h"
#include "store.h"
#include "store_sql.h"

#define APPLICATION_ID	0x72706f73	/* "rpos" */
#define USER_VERSION	1
#define BUSY_STATE	250		/* ms: the daemon must not stand still for somebody's open transaction */
#define SESSION_RANGE	1000		/* session numbers reserved in one write */
#define SESSION_UNRESERVED	16	/* handed out until the next attempt while that fails */
#ifndef WAL_PAGES
#define WAL_PAGES	"4000"		/* written back when the log is that long */
#endif

struct range {
	int64_t	 first, last;
};

static int	 state_exists(const char *, char *, size_t);
static int	 state_verify(char *, size_t);
static int	 state_prepare(void);
static int	 session_reserve(void);
static int	 commit_one(struct receipt *, int64_t *, int64_t *);
static int	 commit_seen(struct receipt *);
static int	 commit_known(struct receipt *);
static int	 commit_write(enum state_sql, const struct receipt *);
static int	 commit_settled(void);
static int	 commit_suspects(void);

static sqlite3		*db;
static char		 name[PATH_MAX];
static int		 dead;		/* corrupt: nothing is read or written any more */
static int		 complained;	/* the error last logged, 0 after a success */
static int		 full;		/* synchronous is FULL now */
static sqlite3_stmt	*queries[Q_MAX];
static int		 any_suspects;	/* in this transaction */
static struct range	*settled;
static size_t		 nsettled, settled_size;
static uint32_t		 next_session, sessions_left;

int
state_open(const char *path, char *err, size_t errsize)
{
	int64_t	 id;

	if (strlcpy(name, path, sizeof(name)) >= sizeof(name)) {
		snprintf(err, errsize, "%s: path too long", path);
		return (-1);
	}
	dead = 0;
	switch (state_exists(path, err, errsize)) {
	case -1:
		return (-1);
	case 0:
		if (sql_create(path, state_schema, err, errsize) == -1)
			return (-1);
	}
	if ((db = sql_open(path, 0, BUSY_STATE, err, errsize)) == NULL)
		return (-1);
	if (state_verify(err, errsize) == -1) {
		state_close();
		return (-1);
	}
	full = 1;
	if (sql_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = " WAL_PAGES
	    "; PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -2048; PRAGMA secure_delete = OFF") == -1 ||
	    seen_register(db) == -1 || state_prepare() == -1 ||
	    sql_number(db, "SELECT value FROM meta WHERE key = 'session'", &id) == -1) {
		sql_reason(db, path, err, errsize);
		state_close();
		return (-1);
	}
	next_session = (uint32_t)id;
	return (0);
}

void
state_close(void)
{
	size_t	 i;

	for (i = 0; i < Q_MAX; i++) {
		sqlite3_finalize(queries[i]);
		queries[i] = NULL;
	}
	if (db != NULL && sqlite3_close(db) != SQLITE_OK)
		log_warnx("%s: not closed", name);
	db = NULL;
	free(settled);
	settled = NULL;
	nsettled = settled_size = 0;
	sessions_left = 0;
}

uint32_t
state_next_session(void)
{
	if (db == NULL || dead)
		return (0);
	if (sessions_left == 0)
		sessions_left = session_reserve() == 0 ? SESSION_RANGE : SESSION_UNRESERVED;
	sessions_left--;
	return (next_session++);
}

int
state_commit(struct receipt *receipts, size_t n, int64_t *first, int64_t *last)
{
	size_t	 i;
	int	 rv, failed;

	*first = *last = 0;
	HOOK("commit-before");
	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	failed = commit_suspects() == -1 || commit_settled() == -1;
	for (i = 0; i < n && !failed; i++)
		failed = commit_one(&receipts[i], first, last) == -1;
	HOOK("commit-open");
	if ((rv = state_end(failed)) != 0) {
		*first = *last = 0;
		return (rv);
	}
	HOOK("commit-done");
	nsettled = 0;
	return (0);
}

int
state_settle(int64_t first, int64_t last)
{
	struct range	*p;
	size_t		 size;

	if (nsettled > 0 && settled[nsettled - 1].last < first && settled[nsettled - 1].last == first - 1) {
		settled[nsettled - 1].last = last;
		return (0);
	}
	if (nsettled == settled_size) {
		size = settled_size == 0 ? 16 : settled_size * 2;
		if ((p = reallocarray(settled, size, sizeof(*p))) == NULL)
			return (-1);
		settled = p;
		settled_size = size;
	}
	settled[nsettled].first = first;
	settled[nsettled++].last = last;
	return (0);
}

/* Not durable by itself: a replayed row whose link is gone does no harm. */
int
state_flush(void)
{
	int	 rv;

	if (nsettled == 0)
		return (0);
	if ((rv = state_begin(STATE_LAZY)) != 0)
		return (rv);
	if ((rv = state_end(commit_settled() == -1)) == 0)
		nsettled = 0;
	return (rv);
}

int
state_pending(int (*cb)(void *, int64_t, const struct msg_rcpt *), void *arg)
{
	struct msg_rcpt	 rcpt;
	sqlite3_stmt	*st;
	const char	*link, *dest;
	int		 rc = SQLITE_ERROR, stop = 0;

	if ((st = state_query(Q_PENDING_LIST)) == NULL)
		return (-1);
	while (!stop && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		link = (const char *)sqlite3_column_text(st, 1);
		dest = (const char *)sqlite3_column_text(st, 2);
		memset(&rcpt, 0, sizeof(rcpt));
		if (link == NULL || dest == NULL || strlcpy(rcpt.link, link, sizeof(rcpt.link)) >= sizeof(rcpt.link) ||
		    strlcpy(rcpt.dest, dest, sizeof(rcpt.dest)) >= sizeof(rcpt.dest)) {
			log_warnx("%s: pending row %lld cannot be right", name, (long long)sqlite3_column_int64(st, 0));
			sqlite3_reset(st);
			return (-1);
		}
		stop = cb(arg, sqlite3_column_int64(st, 0), &rcpt);
	}
	if (!stop && rc != SQLITE_DONE) {
		state_failed("pending");
		return (-1);
	}
	sqlite3_reset(st);
	return (0);
}

int64_t
state_pending_count(void)
{
	sqlite3_stmt	*st;
	int64_t		 n;

	if ((st = state_query(Q_PENDING_COUNT)) == NULL)
		return (-1);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("pending");
		return (-1);
	}
	n = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return (n);
}

/*
 * 1, or 0 for a first start, or -1: there are remains of a store that was lost.  Beginning with an empty one would retrieve
 * everything left on the servers again, so that takes an administrator's decision.
 */
static int
state_exists(const char *path, char *err, size_t errsize)
{
	struct stat	 st;
	char		 wal[PATH_MAX];

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode) || st.st_size > 0)
			return (1);
		snprintf(err, errsize, "%s: is empty, its contents are lost; restore a backup, or remove it to start afresh: "
		    "then every message left on a server is retrieved again", path);
		return (-1);
	}
	if (errno != ENOENT) {
		snprintf(err, errsize, "%s: %s", path, strerror(errno));
		return (-1);
	}
	snprintf(wal, sizeof(wal), "%s-wal", path);
	if (lstat(wal, &st) == -1)
		return (0);
	snprintf(err, errsize, "%s: is missing, but %s exists; restore both, or remove the latter to start afresh: then every "
	    "message left on a server is retrieved again", path, wal);
	return (-1);
}

static int
state_verify(char *err, size_t errsize)
{
	sqlite3_stmt	*st = NULL;
	const char	*text;
	int64_t		 id, version;
	int		 rv = -1;

	if (sql_number(db, "PRAGMA application_id", &id) == -1 || sql_number(db, "PRAGMA user_version", &version) == -1)
		sql_reason(db, name, err, errsize);
	else if (id != APPLICATION_ID)
		snprintf(err, errsize, "%s: is not rpopd's state", name);
	else if (version != USER_VERSION)
		snprintf(err, errsize, "%s: has schema version %lld, this rpopd knows version %d", name, (long long)version,
		    USER_VERSION);
	else if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW ||
	    (text = (const char *)sqlite3_column_text(st, 0)) == NULL)
		sql_reason(db, name, err, errsize);
	else if (strcmp(text, "ok") != 0)
		snprintf(err, errsize, "%s: damaged (%s); restore a backup, or try sqlite3's .recover", name, text);
	else
		rv = 0;
	sqlite3_finalize(st);
	return (rv);
}

static int
state_prepare(void)
{
	size_t	 i;

	for (i = 0; i < Q_MAX; i++)
		if (sqlite3_prepare_v3(db, state_texts[i], -1, SQLITE_PREPARE_PERSISTENT, &queries[i], NULL) != SQLITE_OK)
			return (-1);
	return (0);
}

sqlite3_stmt *
state_query(enum state_sql q)
{
	if (dead || queries[q] == NULL)
		return (NULL);
	sqlite3_reset(queries[q]);
	return (queries[q]);
}

int
state_step(sqlite3_stmt *st)
{
	int	 rc;

	do
		rc = sqlite3_step(st);
	while (rc == SQLITE_ROW);
	if (rc != SQLITE_DONE)
		return (-1);
	sqlite3_reset(st);
	return (0);
}

int
state_begin(int durable)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_BEGIN)) == NULL)
		return (-1);
	if (full != durable) {
		if (sql_exec(db, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL") == -1)
			return (state_failed("begin"));
		full = durable;
	}
	return (state_step(st) == -1 ? state_failed("begin") : 0);
}

int
state_end(int failed)
{
	sqlite3_stmt	*st;

	if (failed || (st = state_query(Q_COMMIT)) == NULL || state_step(st) == -1)
		return (state_failed("commit"));
	complained = 0;
	return (0);
}

/* The error is still the connection's last one. */
int
state_failed(const char *doing)
{
	char	 err[1024];
	int	 rc = sqlite3_errcode(db) & 0xff;
	size_t	 i;

	sql_reason(db, name, err, sizeof(err));
	for (i = 0; i < Q_MAX; i++)
		sqlite3_reset(queries[i]);
	if (!sqlite3_get_autocommit(db) && state_step(queries[Q_ROLLBACK]) == -1)
		log_warnx("%s: rollback failed", name);
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		dead = 1;
	if (rc != complained)
		log_warnx("%s (%s)%s", err, doing,
		    dead ? "; nothing is retrieved until this is repaired and rpopd restarted" : "");
	complained = rc;
	return (rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? 1 : -1);
}

int
state_bind_uid(sqlite3_stmt *st, int64_t mailbox, const uint8_t *uid, size_t uidlen)
{
	if (sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 2, uid, (int)uidlen, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

/* From next_session on; also before the numbers run out, back to 1. */
static int
session_reserve(void)
{
	sqlite3_stmt	*st;
	int		 rv;

	if (next_session == 0 || next_session > UINT32_MAX - 2 * SESSION_RANGE)
		next_session = 1;
	if ((rv = state_begin(STATE_DURABLE)) != 0)
		return (rv);
	st = state_query(Q_SESSION_PUT);
	return (state_end(st == NULL || sqlite3_bind_int64(st, 1, (int64_t)next_session + SESSION_RANGE) != SQLITE_OK ||
	    state_step(st) == -1));
}

/* One message: its seen row says whether it is new; what is new gets pending rows. */
static int
commit_one(struct receipt *r, int64_t *first, int64_t *last)
{
	sqlite3_stmt	*st;
	uint32_t	 i;

	if (commit_seen(r) == -1)
		return (-1);
	if (r->verdict == COMMIT_DISCARD)
		return (0);
	for (i = 0; i < r->nrcpt; i++) {
		if ((st = state_query(Q_PENDING_INSERT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
		    sqlite3_bind_text(st, 3, r->rcpts[i].link, -1, SQLITE_STATIC) != SQLITE_OK ||
		    sqlite3_bind_text(st, 4, r->rcpts[i].dest, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1)
			return (-1);
		*last = sqlite3_last_insert_rowid(db);
		if (*first == 0)
			*first = *last;
	}
	return (0);
}

static int
commit_seen(struct receipt *r)
{
	sqlite3_stmt	*st;

	r->verdict = COMMIT_DELIVER;
	if (commit_write(Q_SEEN_INSERT, r) == -1 || (sqlite3_changes(db) == 0 && commit_known(r) == -1))
		return (-1);
	/* It went through the deliverer, so it was not what killed it. */
	if (!any_suspects)
		return (0);
	if ((st = state_query(Q_SUSPECT_CLEAR)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1)
		return (-1);
	return (state_step(st));
}

/*
 * The unique-id has a row.  The same message: the server ignored DELE, or it was retrieved twice; nothing is delivered.  Another
 * one: the server gave the unique-id again, which RFC 1939 section 7 allows after a deletion.
 */
static int
commit_known(struct receipt *r)
{
	sqlite3_stmt	*st;
	const void	*digest;

	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	digest = sqlite3_column_blob(st, 1);
	if (digest != NULL && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN &&
	    memcmp(digest, r->digest, PROTO_DIGEST_LEN) == 0)
		r->verdict = COMMIT_DISCARD;
	sqlite3_reset(st);
	return (commit_write(Q_SEEN_REPLACE, r));
}

static int
commit_write(enum state_sql q, const struct receipt *r)
{
	sqlite3_stmt	*st;

	if ((st = state_query(q)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, r->state) != SQLITE_OK || sqlite3_bind_int64(st, 4, (int64_t)r->octets) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 5, r->digest, PROTO_DIGEST_LEN, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

static int
commit_settled(void)
{
	sqlite3_stmt	*st;
	size_t		 i;

	for (i = 0; i < nsettled; i++)
		if ((st = state_query(Q_PENDING_DROP)) == NULL || sqlite3_bind_int64(st, 1, settled[i].first) != SQLITE_OK ||
		    sqlite3_bind_int64(st, 2, settled[i].last) != SQLITE_OK || state_step(st) == -1)
			return (-1);
	return (0);
}

static int
commit_suspects(void)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_SUSPECT_ANY)) == NULL || sqlite3_step(st) != SQLITE_ROW)
		return (-1);
	any_suspects = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return (0);
}
