/* SPDX-License-Identifier: ISC */
/* state.db: what is known of the messages of a mailbox. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "state_int.h"

struct walk_key {
	const uint8_t	*uid;
	size_t		 len;
};

struct irregular {			/* a message that is a suspect, over max_size, or wanted */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	uint32_t	 deaths, failures;
	int64_t		 failed, gone;
	enum oversize	 oversize;
	int		 wanted;
	uint32_t	 size, oversize_size;
	int		 met;		/* it has a row in seen, too */
};

static struct walk {			/* one seen_visit() */
	int		(*cb)(void *, const struct seen_row *);
	void		*arg;
	struct irregular	*irregular;	/* ordered by unique-id */
	size_t		 nirregular;
	int		 stop;
}	 walk;

static const struct state_place	 behind = { { 0xff }, 1 };	/* behind every key: see Q_SEEN_END */

static int	 seen_visit(int64_t, const struct state_place *, const struct state_place *,
		    int (*)(void *, const struct seen_row *), void *);
static int	 seen_bind(sqlite3_stmt *, int64_t, const struct state_place *, const struct state_place *);
static int	 counts_irregular(int64_t, struct mailbox_counts *);
static int	 walk_irregular(int64_t, const struct state_place *, const struct state_place *);
static void	 walk_row(sqlite3_context *, int, sqlite3_value **);
static void	 walk_end(sqlite3_context *);
static struct irregular *walk_find(const uint8_t *, size_t);
static int	 walk_order(const void *, const void *);
static void	 walk_call(struct seen_row *, const struct irregular *);

/* A slice has so many rows that none of the tables has more than STATE_PAGE of them. */
enum db
state_seen_slice(int64_t mailbox, struct state_place *at, int (*cb)(void *, const struct seen_row *), void *arg)
{
	struct state_place	 end;
	sqlite3_stmt		*st;

	if ((st = state_query(Q_SEEN_END)) == NULL || state_bind_uid(st, mailbox, at->uid, at->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, STATE_PAGE - 1) != SQLITE_OK)
		return (DB_FAILED);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("seen");
		return (DB_FAILED);
	}
	if ((end.uidlen = sqlite3_column_bytes(st, 0)) == 0 || end.uidlen > sizeof(end.uid))
		end = behind;
	else
		memcpy(end.uid, sqlite3_column_blob(st, 0), end.uidlen);
	sqlite3_reset(st);
	if (seen_visit(mailbox, at, &end, cb, arg) == -1)
		return (DB_FAILED);
	*at = end;
	return (end.uid[0] == behind.uid[0] ? DB_OK : DB_MORE);
}

/*
 * Calls back for the messages behind from, to included.  Rows of seen are visited by an aggregate function of the program's own
 * inside the statement, which costs two thirds of stepping from row to row; suspects and oversize messages are few and are met
 * from memory.  0 or -1.
 */
static int
seen_visit(int64_t mailbox, const struct state_place *from, const struct state_place *to,
    int (*cb)(void *, const struct seen_row *), void *arg)
{
	struct seen_row	 row;
	sqlite3_stmt	*st;
	size_t		 i;
	int		 rv = -1;

	memset(&walk, 0, sizeof(walk));
	walk.cb = cb;
	walk.arg = arg;
	if (walk_irregular(mailbox, from, to) == 0 && (st = state_query(Q_SEEN_VISIT)) != NULL && seen_bind(st, mailbox, from, to) == 0) {
		if ((rv = state_step(st)) == -1)
			state_failed("seen");
		for (i = 0; i < walk.nirregular && rv == 0; i++)
			/* A message that is wanted and nothing else, and has no row in seen, is no longer on its server. */
			if (!walk.irregular[i].met && (walk.irregular[i].deaths | walk.irregular[i].failures | walk.irregular[i].oversize) != 0) {
				memset(&row, 0, sizeof(row));
				row.uid = walk.irregular[i].uid;
				row.uidlen = walk.irregular[i].uidlen;
				row.state = SEEN_NEVER;
				row.gone = walk.irregular[i].gone;
				walk_call(&row, &walk.irregular[i]);
			}
	}
	free(walk.irregular);
	walk.irregular = NULL;
	return (rv);
}

static int
seen_bind(sqlite3_stmt *st, int64_t mailbox, const struct state_place *from, const struct state_place *to)
{
	/* A place without octets is bound as an empty blob, since its pointer is not NULL. */
	if (sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 2, from->uid, (int)from->uidlen, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_blob(st, 3, to->uid, (int)to->uidlen, SQLITE_STATIC) != SQLITE_OK)
		return (-1);
	return (0);
}

/* Makes the function of Q_SEEN_VISIT known to a connection.  0 or -1. */
int
seen_register(sqlite3 *db)
{
	return (sqlite3_create_function_v2(db, "visit", 5, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, NULL, walk_row, walk_end,
	    NULL) == SQLITE_OK ? 0 : -1);
}

enum db
state_seen_count(int64_t mailbox, int64_t limit, int64_t *n)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_SEEN_COUNT)) == NULL || sqlite3_bind_int64(st, 2, limit) != SQLITE_OK)
		return (DB_FAILED);
	return (state_number(Q_SEEN_COUNT, mailbox, n));
}

/* Rows of deleted messages are many in a mailbox that is emptied at each poll, and need no proof. */
enum db
state_seen_open(int64_t mailbox)
{
	int64_t	 any = 0;

	return (state_number(Q_SEEN_OPEN, mailbox, &any) != DB_OK ? DB_FAILED : any ? DB_OK : DB_NONE);
}

enum db
state_fingerprint(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint8_t *fingerprint)
{
	sqlite3_stmt	*st;
	int		 rc, found;

	if ((st = state_query(Q_FINGERPRINT_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (DB_FAILED);
	rc = sqlite3_step(st);
	if ((found = rc == SQLITE_ROW && sqlite3_column_bytes(st, 0) == PROTO_DIGEST_LEN))
		memcpy(fingerprint, sqlite3_column_blob(st, 0), PROTO_DIGEST_LEN);
	sqlite3_reset(st);
	return (rc != SQLITE_ROW && rc != SQLITE_DONE ? DB_FAILED : found ? DB_OK : DB_NONE);
}

enum db
state_seen_digests(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct seen_digests *p)
{
	sqlite3_stmt	*st;
	int		 found;

	memset(p, 0, sizeof(*p));
	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (DB_FAILED);
	if ((found = sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 1) == PROTO_DIGEST_LEN)) {
		p->size = sqlite3_column_int64(st, 0);
		memcpy(p->digest, sqlite3_column_blob(st, 1), PROTO_DIGEST_LEN);
	}
	sqlite3_reset(st);
	return (!found || state_fingerprint(mailbox, uid, uidlen, p->fingerprint) == DB_FAILED ? DB_FAILED : DB_OK);
}

enum db
state_seen_state(int64_t mailbox, const uint8_t *uid, size_t uidlen, enum seen_state *state)
{
	sqlite3_stmt	*st;
	int		 rc;

	*state = SEEN_NEVER;
	if ((st = state_query(Q_SEEN_GET)) == NULL || state_bind_uid(st, mailbox, uid, uidlen) == -1)
		return (DB_FAILED);
	if ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*state = (enum seen_state)sqlite3_column_int(st, 2);
	sqlite3_reset(st);
	return (rc == SQLITE_ROW || rc == SQLITE_DONE ? DB_OK : DB_FAILED);
}

enum db
state_counts(int64_t mailbox, struct state_place *at, struct mailbox_counts *c)
{
	sqlite3_stmt	*st;
	int		 n, len;

	if ((st = state_query(Q_SEEN_COUNTS)) == NULL || state_bind_uid(st, mailbox, at->uid, at->uidlen) == -1 ||
	    sqlite3_bind_int(st, 3, STATE_PAGE) != SQLITE_OK)
		return (DB_FAILED);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("counts");
		return (DB_FAILED);
	}
	c->undeleted += sqlite3_column_int64(st, 0);
	c->kept += sqlite3_column_int64(st, 1);
	c->waiting += sqlite3_column_int64(st, 2);
	n = sqlite3_column_int(st, 3);
	if ((len = sqlite3_column_bytes(st, 4)) > 0 && (size_t)len <= sizeof(at->uid)) {
		memcpy(at->uid, sqlite3_column_blob(st, 4), len);
		at->uidlen = len;
	}
	sqlite3_reset(st);
	if (n == STATE_PAGE)
		return (DB_MORE);
	return (counts_irregular(mailbox, c) == -1 ? DB_FAILED : DB_OK);
}

/* Adds what tables suspect and relay have of a mailbox.  0 or -1. */
static int
counts_irregular(int64_t mailbox, struct mailbox_counts *c)
{
	sqlite3_stmt	*st;
	int64_t		 n = 0;

	if ((st = state_query(Q_SUSPECT_COUNTS)) == NULL || sqlite3_bind_int64(st, 1, mailbox) != SQLITE_OK)
		return (-1);
	if (sqlite3_step(st) != SQLITE_ROW) {
		state_failed("counts");
		return (-1);
	}
	c->suspects = sqlite3_column_int64(st, 0);
	c->set_aside = sqlite3_column_int64(st, 1);
	c->refused = sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	if (state_number(Q_HELD_OF, mailbox, &n) != DB_OK)
		return (-1);
	c->quarantined = n;
	return (0);
}

/* Reads the irregular messages behind from, to included, into walk.  0 or -1. */
static int
walk_irregular(int64_t mailbox, const struct state_place *from, const struct state_place *to)
{
	struct irregular	*p;
	sqlite3_stmt	*st;
	int		 rc;

	if ((st = state_query(Q_IRREGULAR_LIST)) == NULL || seen_bind(st, mailbox, from, to) == -1)
		return (-1);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if ((p = array_grow(walk.irregular, walk.nirregular, sizeof(*p))) == NULL)
			break;
		walk.irregular = p;
		p += walk.nirregular;
		memset(p, 0, sizeof(*p));
		if ((p->uidlen = sqlite3_column_bytes(st, 0)) == 0 || p->uidlen > sizeof(p->uid))
			continue;
		memcpy(p->uid, sqlite3_column_blob(st, 0), p->uidlen);
		p->deaths = sqlite3_column_int64(st, 1);
		p->failures = sqlite3_column_int64(st, 2);
		p->failed = sqlite3_column_int64(st, 3);
		p->oversize = (enum oversize)sqlite3_column_int(st, 4);
		p->gone = sqlite3_column_int64(st, 5);
		p->size = sqlite3_column_int64(st, 6);
		p->oversize_size = sqlite3_column_int64(st, 7);
		p->wanted = sqlite3_column_int(st, 8);
		walk.nirregular++;
	}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		state_failed("suspects");
	sqlite3_reset(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

/* The SQL function visit(uid, state, gone, since, listed). */
static void
walk_row(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct seen_row	 row;
	struct irregular	*irregular = NULL;

	(void)ctx;
	(void)argc;
	HOOK_WORK(1);
	if (walk.stop || (row.uid = sqlite3_value_blob(argv[0])) == NULL)
		return;
	row.uidlen = sqlite3_value_bytes(argv[0]);
	row.state = (enum seen_state)sqlite3_value_int(argv[1]);
	row.gone = sqlite3_value_int64(argv[2]);
	row.since = sqlite3_value_int64(argv[3]);
	row.listed = sqlite3_value_int64(argv[4]);
	if (walk.nirregular > 0 && (irregular = walk_find(row.uid, row.uidlen)) != NULL)
		irregular->met = 1;
	walk_call(&row, irregular);
}

static void
walk_end(sqlite3_context *ctx)
{
	sqlite3_result_null(ctx);
}

static struct irregular *
walk_find(const uint8_t *uid, size_t len)
{
	const struct walk_key	 key = { uid, len };

	return (bsearch(&key, walk.irregular, walk.nirregular, sizeof(*walk.irregular), walk_order));
}

/* For bsearch(3): a key and a row, in SQLite's order of blobs. */
static int
walk_order(const void *k, const void *row)
{
	const struct walk_key	*key = k;
	const struct irregular	*r = row;
	int			 cmp = memcmp(key->uid, r->uid, key->len < r->uidlen ? key->len : r->uidlen);

	return (cmp != 0 ? cmp : (key->len > r->uidlen) - (key->len < r->uidlen));
}

/* Hands a row to the callback, with what is irregular about its message, if anything is. */
static void
walk_call(struct seen_row *row, const struct irregular *irregular)
{
	row->deaths = irregular == NULL ? 0 : irregular->deaths;
	row->failures = irregular == NULL ? 0 : irregular->failures;
	row->failed = irregular == NULL ? 0 : irregular->failed;
	row->oversize = irregular == NULL ? OVERSIZE_NONE : irregular->oversize;
	row->wanted = irregular != NULL && irregular->wanted;
	row->suspect_size = irregular == NULL ? 0 : irregular->size;
	row->oversize_size = irregular == NULL ? 0 : irregular->oversize_size;
	row->irregular_gone = irregular == NULL ? 0 : irregular->gone;
	if (!walk.stop)
		walk.stop = walk.cb(walk.arg, row);
}
