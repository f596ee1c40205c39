/* SPDX-License-Identifier: ISC */
/*
 * state.db: what became of each message, for rpopctl find and explain: tables handled and found.
 *
 * A message is found by words: its Message-ID, its sender, its recipients.  Each is a row of table found, a number made with a secret,
 * which nobody outside can make two words have.  Such numbers are spread evenly, so that in one index of all messages each word of a
 * batch would be written to another page.  Rows are therefore gathered in buckets of HISTORY_BUCKET messages by their ids: a batch
 * writes to the few pages of the last bucket, and who looks for a word looks into one bucket behind the other, which is a page each.
 *
 *	a message's row in handled, and those in found		after a crash here
 *	are not committed					nor is anything else of it: its message comes again
 *	are committed, with its rows in seen, pending, relay	they are there
 *	gets a result, with the change of a row in relay	both are there, or neither
 *	is too old, its row in handled removed			those in found find nothing, and go with the next slices
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/siphash.h"
#include "state_int.h"

#define HISTORY_DAYS	30		/* until state_history_set() is called */
#define HISTORY_BUCKET	4096		/* messages; part of what is stored: another number needs another schema */
#define HISTORY_BUCKETS	64		/* that a slice looks into at most */

/* A number of table found: the domain, then what stands ahead of it, then an enum history_word. */
#define KEY_DOMAIN	0xffffffff00000000ULL
#define KEY_WORD	3ULL

struct range {				/* of numbers; first > last: none */
	int64_t			 first, last;
	enum history_word	 kind;	/* of those in between */
};

static uint64_t	 history_key(const char *);
static uint64_t	 history_hash(const char *, int);
static int	 history_word(int64_t, const char *, enum history_word);
static int	 history_rcpt(int64_t, const struct msg_rcpt *);
static int	 history_find_day(struct history_search *, uint32_t, void (*)(void *, const struct history_row *), void *, uint32_t *);
static int	 history_find_word(struct history_search *, int64_t, uint32_t, void (*)(void *, const struct history_row *), void *,
		    uint32_t *);
static int	 history_bind(sqlite3_stmt *, const struct history_search *);
static struct range history_range(const char *, enum history_word);
static int	 history_rows(sqlite3_stmt *, struct history_search *, void (*)(void *, const struct history_row *), void *, uint32_t *);

static int64_t	 seconds = HISTORY_DAYS * 86400LL;
static int64_t	 next_id;
static uint8_t	 secret[PROTO_DIGEST_LEN];	/* two keys of hashes */
static struct {				/* the last domain, and its hash */
	int		 known;
	char		 name[PROTO_HOST_SIZE];
	uint64_t	 hash;
}		 domain;

void
state_history_set(uint32_t days)
{
	seconds = days * 86400LL;
}

/* Learns the secret, and the id of the next message: behind all that have a row in one of the tables.  0 or -1. */
int
history_load(sqlite3 *db)
{
	sqlite3_stmt	*st = NULL;
	int		 rv = -1;

	if (sql_number(db, "SELECT max((SELECT ifnull(max(id), 0) FROM handled), (SELECT ifnull(max(id), 0) FROM found"
	    " WHERE bucket = (SELECT max(bucket) FROM found))) + 1", &next_id) == -1 ||
	    sqlite3_prepare_v2(db, "SELECT value FROM secret WHERE name = 'find'", -1, &st, NULL) != SQLITE_OK)
		return (-1);
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_bytes(st, 0) == PROTO_DIGEST_LEN) {
		memcpy(secret, sqlite3_column_blob(st, 0), sizeof(secret));
		domain.known = 0;
		rv = 0;
	}
	sqlite3_finalize(st);
	return (rv);
}

/* Writes down what became of a message, and what it is found by, inside the transaction that makes it count.  0 or -1. */
int
history_add(const struct receipt *r, const char *results)
{
	sqlite3_stmt	*st;
	uint32_t	 i;

	if (seconds == 0)
		return (0);
	if ((st = state_query(Q_HANDLED_PUT)) == NULL || state_bind_uid(st, r->mailbox, r->uid, r->uidlen) == -1 ||
	    sqlite3_bind_int64(st, 3, next_id) != SQLITE_OK || sqlite3_bind_int64(st, 4, r->since) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 5, (int64_t)r->octets) != SQLITE_OK ||
	    sqlite3_bind_text(st, 6, r->msgid, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 7, r->sender, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 8, r->note == NULL ? "" : r->note->note, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(st, 9, results, -1, SQLITE_STATIC) != SQLITE_OK || state_step(st) == -1 ||
	    (r->msgid[0] != '\0' && history_word(next_id, r->msgid, WORD_MSGID) == -1) ||
	    history_word(next_id, r->sender, WORD_SENDER) == -1)
		return (-1);
	for (i = 0; i < r->nrcpt; i++)
		if (history_rcpt(next_id, &r->rcpts[i]) == -1)
			return (-1);
	next_id++;
	return (0);
}

enum db
state_history_prune(int64_t now)
{
	int64_t		 first = 0;
	enum db		 result;
	int		 failed, rows = 0, words = 0;

	if ((result = state_begin(STATE_LAZY)) != DB_OK)
		return (result);
	if ((failed = state_run(Q_HANDLED_OLD, seconds == 0 ? INT64_MAX : now - seconds) == -1) == 0) {
		rows = state_changes();
		failed = state_number(Q_HANDLED_FIRST, 0, &first) != DB_OK ||
		    state_run(Q_FOUND_OLD, (first == 0 ? next_id : first) / HISTORY_BUCKET) == -1;
		words = failed ? 0 : state_changes();
	}
	HOOK("master.state_history_prune");
	result = state_end(failed);
	return (result != DB_OK ? result : rows >= STATE_SLICE || words >= STATE_PAGE ? DB_MORE : DB_OK);
}

enum db
state_history_find(struct history_search *s, uint32_t max, void (*cb)(void *, const struct history_row *), void *arg)
{
	int64_t		 first = 0;
	uint32_t	 n = 0;
	int		 i, words = 0;

	if (!s->begun) {
		s->begun = 1;
		s->at = INT64_MAX;
		s->id = next_id;
	}
	for (i = 0; i < WORD_MAX; i++)
		words += s->words[i] != NULL;
	if (words == 0) {
		if (history_find_day(s, max, cb, arg, &n) == -1)
			return (state_failed("find"));
		return (n < max ? DB_OK : DB_MORE);
	}
	if (state_number(Q_HANDLED_FIRST, 0, &first) != DB_OK)
		return (DB_FAILED);
	for (i = 0; first != 0 && s->id > first && i < HISTORY_BUCKETS && n < max; i++)
		if (history_find_word(s, (s->id - 1) / HISTORY_BUCKET, max - n, cb, arg, &n) == -1)
			return (state_failed("find"));
	return (first != 0 && s->id > first ? DB_MORE : DB_OK);
}

/* Finds messages by when they were handled alone: those ahead of s->at and s->id.  0 or -1. */
static int
history_find_day(struct history_search *s, uint32_t max, void (*cb)(void *, const struct history_row *), void *arg, uint32_t *n)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_HANDLED_DAY)) == NULL || sqlite3_bind_int64(st, 1, s->since) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, s->until) != SQLITE_OK || sqlite3_bind_int64(st, 3, s->at) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 4, s->id) != SQLITE_OK || sqlite3_bind_int64(st, 5, max) != SQLITE_OK)
		return (-1);
	return (history_rows(st, s, cb, arg, n));
}

/* Finds messages of one bucket by their words, those ahead of s->id; with less than max of them the bucket is done.  0 or -1. */
static int
history_find_word(struct history_search *s, int64_t bucket, uint32_t max, void (*cb)(void *, const struct history_row *), void *arg,
    uint32_t *n)
{
	const int64_t	 numbers[] = { s->since, s->until, bucket, s->id - 1, max };
	sqlite3_stmt	*st;
	uint32_t	 i, before = *n;

	if ((st = state_query(Q_HANDLED_FIND)) == NULL || sqlite3_clear_bindings(st) != SQLITE_OK)
		return (-1);
	for (i = 0; i < nitems(numbers); i++)
		if (sqlite3_bind_int64(st, i + 1, numbers[i]) != SQLITE_OK)
			return (-1);
	if (history_bind(st, s) == -1 || history_rows(st, s, cb, arg, n) == -1)
		return (-1);
	if (*n - before < max)
		s->id = bucket * HISTORY_BUCKET;
	return (0);
}

/* Binds the numbers that each word stands for.  0 or -1. */
static int
history_bind(sqlite3_stmt *st, const struct history_search *s)
{
	struct range	 r;
	int		 i, at = 6;

	for (i = 0; i < WORD_MAX; i++) {
		if (s->words[i] == NULL)
			continue;
		r = history_range(s->words[i], (enum history_word)i);
		if (sqlite3_bind_int64(st, at, r.first) != SQLITE_OK || sqlite3_bind_int64(st, at + 1, r.last) != SQLITE_OK ||
		    sqlite3_bind_int(st, at + 2, (int)r.kind) != SQLITE_OK)
			return (-1);
		at += 3;
	}
	return (0);
}

/* The numbers in table found that a word stands for: @domain for all in that domain. */
static struct range
history_range(const char *word, enum history_word kind)
{
	uint64_t	 key = history_key(word);

	if (word[0] == '@' && word[1] != '\0')
		return ((struct range){ (int64_t)(key & KEY_DOMAIN), (int64_t)(key | ~KEY_DOMAIN), kind });
	return ((struct range){ (int64_t)(key | kind), (int64_t)(key | (kind == WORD_ANY ? KEY_WORD : kind)), kind });
}

/* Calls cb for each row of a SELECT of HANDLED_COLUMNS, which s has got to then.  0 or -1. */
static int
history_rows(sqlite3_stmt *st, struct history_search *s, void (*cb)(void *, const struct history_row *), void *arg, uint32_t *n)
{
	struct history_row	 row;
	int			 rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		row.id = s->id = sqlite3_column_int64(st, 0);
		row.mailbox = sqlite3_column_int64(st, 1);
		row.uid = sqlite3_column_blob(st, 2);
		row.uidlen = row.uid == NULL ? 0 : sqlite3_column_bytes(st, 2);
		row.since = s->at = sqlite3_column_int64(st, 3);
		row.size = (uint64_t)sqlite3_column_int64(st, 4);
		row.msgid = (const char *)sqlite3_column_text(st, 5);
		row.sender = (const char *)sqlite3_column_text(st, 6);
		row.results = (const char *)sqlite3_column_text(st, 7);
		row.record = (const char *)sqlite3_column_text(st, 8);
		if (row.msgid == NULL || row.sender == NULL || row.results == NULL)
			return (-1);
		++*n;
		cb(arg, &row);
	}
	if (rc != SQLITE_DONE)
		return (-1);
	sqlite3_reset(st);
	return (0);
}

/*
 * A recipient is found by his address: the one of the account for a Maildir, or for a quarantined message that was meant for one,
 * else the one at the next hop; and by the one in the message.  0 or -1.
 */
static int
history_rcpt(int64_t id, const struct msg_rcpt *rcpt)
{
	const char	*local = strchr(rcpt->dest, '/');
	char		 address[PROTO_DEST_SIZE];

	if (rcpt->original[0] != '\0' && history_word(id, rcpt->original, WORD_RCPT) == -1)
		return (-1);
	if (local == NULL || (rcpt->kind != RCPT_MAILDIR && (rcpt->kind != RCPT_QUARANTINE || rcpt->nexthop != 0)))
		return (history_word(id, rcpt->dest, WORD_RCPT));
	snprintf(address, sizeof(address), "%.*s@%.*s", (int)strcspn(local + 1, "/"), local + 1, (int)(local - rcpt->dest), rcpt->dest);
	return (history_word(id, address, WORD_RCPT));
}

/* Adds a row of table found, if there is none of this message with that word.  0 or -1. */
static int
history_word(int64_t id, const char *word, enum history_word kind)
{
	sqlite3_stmt	*st;

	if ((st = state_query(Q_FOUND_ADD)) == NULL || sqlite3_bind_int64(st, 1, id / HISTORY_BUCKET) != SQLITE_OK ||
	    sqlite3_bind_int64(st, 2, (int64_t)(history_key(word) | kind)) != SQLITE_OK || sqlite3_bind_int64(st, 3, id) != SQLITE_OK)
		return (-1);
	return (state_step(st));
}

/* The number of a word, whose last two bits are 0: 32 bits by what is behind its last @, and 30 by the whole of it. */
static uint64_t
history_key(const char *word)
{
	const char	*at = strrchr(word, '@'), *name = at == NULL ? "" : at + 1;

	if (!domain.known || strcmp(name, domain.name) != 0) {
		domain.hash = history_hash(name, 0);
		domain.known = strlcpy(domain.name, name, sizeof(domain.name)) < sizeof(domain.name);
	}
	return ((domain.hash & KEY_DOMAIN) | (history_hash(word, 1) & ~KEY_DOMAIN & ~KEY_WORD));
}

/* A hash of a word in lower case, with one of the two keys. */
static uint64_t
history_hash(const char *word, int nth)
{
	uint8_t	 lower[PROTO_SENDER_SIZE];
	size_t	 n;

	for (n = 0; word[n] != '\0' && n < sizeof(lower); n++)
		lower[n] = word[n] >= 'A' && word[n] <= 'Z' ? word[n] - 'A' + 'a' : word[n];
	return (siphash(secret + nth * SIPHASH_KEY_LEN, lower, n));
}
