/* SPDX-License-Identifier: ISC */
/* What the files of this room share; nobody else includes this. */
#ifndef STATE_INT_H
#define STATE_INT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "rpopd/db/db.h"
#include "rpopd/config/config.h"
#include "state.h"

/* state/state.c: for the other files of state.db. */
enum state_sql {
	Q_BEGIN, Q_COMMIT, Q_ROLLBACK,
	Q_ASIDE_LIST,
	Q_SEEN_INSERT, Q_SEEN_GET, Q_SEEN_REPLACE, Q_SEEN_AGAIN, Q_SEEN_MARK, Q_SEEN_VISIT, Q_SEEN_END, Q_SEEN_COUNT, Q_SEEN_GONE, Q_SEEN_BACK,
	Q_SEEN_OPEN, Q_SEEN_SIZE, Q_SEEN_FORGET, Q_SEEN_STATE, Q_SEEN_FINAL, Q_SEEN_SINCE, Q_SEEN_KEY, Q_SEEN_COUNTS, Q_SEEN_PURGE, Q_SEEN_NEXT, Q_SEEN_ROW,
	Q_PRINT_GET, Q_PRINT_PUT, Q_PRINT_FORGET, Q_PRINT_KEY, Q_PRINT_PURGE,
	Q_UNPROVEN_GET, Q_UNPROVEN_PUT, Q_UNPROVEN_DROP, Q_UNPROVEN_ROWS,
	Q_PENDING_INSERT, Q_PENDING_DROP, Q_PENDING_LIST, Q_PENDING_ROW, Q_PENDING_OF, Q_RELAY_MISSED, Q_SEEN_MISSED,
	Q_RELAY_INSERT, Q_RELAY_LIST, Q_RELAY_GET, Q_RELAY_OF, Q_RELAY_OPEN, Q_RELAY_DROP, Q_RELAY_AGAIN,
	Q_RELAY_STATE, Q_RELAY_RELEASE, Q_RELAY_KEY, Q_RELAY_COUNTED, Q_RELAY_LINKS,
	Q_RELAY_BODY, Q_RELAY_AFTER, Q_SEEN_WANT, Q_RELAY_WANTED, Q_RELAY_ATTACH, Q_RELAY_ORPHANS,
	Q_RELAY_REHOP, Q_HOP_LIST, Q_HOP_NAME, Q_HOP_ADD, Q_HOP_PUT, Q_HOP_GONE,
	Q_RELAY_SENT, Q_DOUBT_COUNT, Q_DOUBT_CLEAR, Q_PROOF_PUT,
	Q_COPY_GET, Q_COPY_ADD, Q_COPY_FORGET, Q_COPY_PRUNE, Q_HANDLED_PUT, Q_HANDLED_GET, Q_HANDLED_RESULT, Q_HANDLED_KEY,
	Q_HANDLED_PRUNE,
	Q_PRUNED_GET, Q_PRUNED_PUT,
	Q_TOLD_GET, Q_TOLD_PUT, Q_TOLD_PRUNE, Q_HELD_GET, Q_HELD_ADD, Q_HELD_LIST, Q_HELD_OF, Q_HELD_MAILBOXES, Q_ODD_SUMS,
	Q_ODD_ANY, Q_ODD_LIST, Q_ODD_GET,
	Q_SUSPECT_ADD, Q_FAILURE_ADD, Q_REFUSAL_ADD, Q_SUSPECT_CLEAR, Q_SUSPECT_GONE, Q_SUSPECT_BACK, Q_SUSPECT_COUNTS, Q_SUSPECT_PURGE,
	Q_SUSPECT_NEXT,
	Q_OVERSIZE_GET, Q_OVERSIZE_PUT, Q_OVERSIZE_CLEAR, Q_OVERSIZE_GONE, Q_OVERSIZE_BACK, Q_OVERSIZE_PURGE,
	Q_MAILBOX_GET, Q_MAILBOX_ADD, Q_MAILBOX_LIST, Q_MAILBOX_DROP, Q_MAILBOX_LISTED, Q_MAILBOX_LIST_IT,
	Q_MAILBOX_EMPTY, Q_SEEN_ABSENT, Q_SUSPECT_ABSENT, Q_OVERSIZE_ABSENT,
	Q_MAILBOX_BACK, Q_MAILBOX_REMOVED, Q_MAILBOX_ORIGIN, Q_MAILBOX_FORGET,
	Q_FORMER_LIST, Q_FORMER_ROWS, Q_FORMER_UNMARK, Q_FORMER_COMPARE, Q_FORMER_WAITING, Q_FORMER_NAME,
	Q_SEEN_MOVE, Q_PRINT_MOVE, Q_SUSPECT_MOVE, Q_OVERSIZE_MOVE, Q_HANDLED_MOVE, Q_PENDING_KEY, Q_PENDING_MOVE, Q_RELAY_MOVE, Q_COPY_MOVE,
	Q_FORGET_COUNT, Q_FORGET_WAITING, Q_FORGET_PRINT, Q_FORGET_SEEN, Q_FORGET_SUSPECT, Q_FORGET_OVERSIZE, Q_FORGET_RENUMBERED,
	Q_FORGET_MAILBOX,
	Q_RENUMBER_GET, Q_RENUMBER_SINCE, Q_RENUMBER_PUT, Q_RENUMBER_ANSWER, Q_RENUMBER_DROP,
	Q_RECORD_GET, Q_RECORD_PUT, Q_RECORD_DROP, Q_UNFOUND_GET, Q_UNFOUND_PUT, Q_UNFOUND_DROP,
	Q_CLAMP_RELAY, Q_CLAMP_COPY, Q_CLAMP_HANDLED, Q_CLAMP_SUSPECT, Q_CLAMP_OVERSIZE, Q_CLAMP_MAILBOX, Q_CLAMP_RENUMBERED,
	Q_CLAMP_UNPROVEN, Q_CLAMP_RECORD, Q_CLAMP_TOKEN, Q_CLAMP_META,
	Q_ROOT_COUNT, Q_ROOT_JOINED, Q_ROOT_DECLARED, Q_ROOT_STARTED, Q_SPENT_ADD, Q_SPENT_LIST, Q_SPENT_DROP,
	Q_SESSION_PUT, Q_MARK_GET,
	Q_TOKEN_GET, Q_TOKEN_ROTATE, Q_TOKEN_SUSPEND, Q_TOKEN_END, Q_TOKEN_LIST, Q_TOKEN_DROP,
	Q_MAX
};
extern const char *const state_texts[Q_MAX];		/* state/queries.c */
enum { STATE_DURABLE = 1, STATE_LAZY = 0 };
sqlite3_stmt	*state_query(enum state_sql);		/* reset; NULL: the store is not open, or dead */
int	 state_step(sqlite3_stmt *);			/* SQLITE_DONE wanted; 0 or -1, the statement is reset */
int	 state_changes(void);
enum db	 state_begin(int durable);			/* DB_OK, DB_BUSY or DB_FAILED */
enum db	 state_end(int failed);				/* commits, or rolls back; the same */
enum db	 state_failed(const char *doing);		/* logs the connection's last error, rolls back; DB_BUSY or DB_FAILED */
int	 state_bind_uid(sqlite3_stmt *, int64_t mailbox, const uint8_t *uid, size_t uidlen);	/* ?1 and ?2 */
int	 state_run(enum state_sql, int64_t mailbox);	/* ?1 only; 0 or -1 */
enum db	 state_number(enum state_sql, int64_t mailbox, int64_t *);	/* ?1 only; the row's first column; DB_OK, DB_NONE, DB_FAILED */

int	 seen_register(sqlite3 *);			/* state/seen.c */
/* state/doubt.c, in a transaction: as CHANGE_DOUBT; and everything that is known of a message by its key gets another one */
int	 change_doubted(int64_t mailbox, const uint8_t *uid, size_t uidlen);
int	 change_keys(int64_t mailbox, const uint8_t *uid, size_t uidlen, const uint8_t *to, size_t tolen);
int	 mailbox_bind(sqlite3_stmt *, const struct record *);	/* state/mailbox.c: its name, ?1 to ?5 */
void	 commit_forget(void);				/* state/commit.c */

/* state/root.c */
int	 root_load(sqlite3 *);				/* the store is open; 0 or -1 */
int	 root_count(void);				/* before the COMMIT of a durable transaction; 0 or -1 */
void	 root_counted(void);				/* and after it */
int	 root_spent(const char *link);			/* in a transaction that drops the link's row; 0 or -1 */

/* state/rcpt.c: inside a transaction; 0 or -1. */
int	 rcpt_commit(struct receipt *, int64_t *first, int64_t *last);
/* Of a receipt's message, or of a report of ours if that is NULL; copy: 16 octets, the key of its row in table copy, or NULL. */
int	 rcpt_pending(int64_t mailbox, const struct receipt *, const char *link, const char *dest, const uint8_t *copy, int64_t *id);
int	 told_put(const char *address, const char *about, int64_t now);	/* state/told.c; likewise */
int	 held_add(void);
int	 relay_insert(const struct relay_row *, int64_t *id);	/* state/relay.c; likewise */
int	 relay_attach(struct receipt *);		/* state/body.c; likewise */
int	 relay_bind_digest(sqlite3_stmt *, int, const struct relay_row *);	/* state/relay.c */
enum db	 relay_rows(sqlite3_stmt *, int (*cb)(void *, const struct relay_row *), void *);	/* state/relay.c: of a SELECT */
int	 relay_note(const struct relay_row *, const char *word, const char *dest, const char *status);	/* for rpopctl explain */
int	 relay_final(const struct relay_row *, int *last);	/* a row became final, or nothing is missing any more */

extern const char	 state_schema[];		/* etc/state.sql */
/* state/migrate.c: what brings a state.db of an older schema up to date; the index is that schema's version. */
#define STATE_VERSION	3
struct migration {
	const char	*before, *after;	/* statements to run before the present schema is loaded, and after it */
};
extern const struct migration	 state_migrations[STATE_VERSION];

#endif
