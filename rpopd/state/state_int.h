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

/* The statements of queries.c. */
enum state_sql {
	Q_BEGIN, Q_COMMIT, Q_ROLLBACK,
	Q_SET_ASIDE_LIST,
	Q_SEEN_INSERT, Q_SEEN_GET, Q_SEEN_REPLACE, Q_SEEN_AGAIN, Q_SEEN_MARK, Q_SEEN_IMPORT, Q_SEEN_VISIT, Q_SEEN_END, Q_SEEN_COUNT,
	Q_SEEN_GONE, Q_SEEN_BACK,
	Q_SEEN_OPEN, Q_SEEN_SIZE, Q_SEEN_FORGET, Q_SEEN_STATE, Q_SEEN_FINAL, Q_SEEN_SINCE, Q_SEEN_KEY, Q_SEEN_COUNTS,
	Q_SEEN_PURGE, Q_SEEN_NEXT, Q_SEEN_ROW,
	Q_FINGERPRINT_GET, Q_FINGERPRINT_PUT, Q_FINGERPRINT_FORGET, Q_FINGERPRINT_KEY, Q_FINGERPRINT_PURGE,
	Q_UNPROVEN_GET, Q_UNPROVEN_PUT, Q_UNPROVEN_DROP, Q_UNPROVEN_ROWS,
	Q_PENDING_INSERT, Q_PENDING_DROP, Q_PENDING_LIST, Q_PENDING_ROW, Q_PENDING_OF, Q_RELAY_MISSED, Q_SEEN_MISSED,
	Q_RELAY_INSERT, Q_RELAY_LIST, Q_RELAY_GET, Q_RELAY_OF, Q_RELAY_OPEN, Q_RELAY_DROP, Q_RELAY_AGAIN,
	Q_RELAY_STATE, Q_RELAY_RELEASE, Q_RELAY_KEY, Q_RELAY_COUNTED, Q_RELAY_LINKS,
	Q_RELAY_BODY, Q_RELAY_AFTER, Q_SEEN_WANT, Q_RELAY_WANTED, Q_RELAY_ATTACH, Q_RELAY_ORPHANS,
	Q_RELAY_REHOP, Q_HOP_LIST, Q_HOP_NAME, Q_HOP_ADD, Q_HOP_PUT, Q_HOP_GONE,
	Q_RELAY_SENT, Q_DOUBT_COUNT, Q_DOUBT_CLEAR, Q_PROOF_PUT,
	Q_COPY_GET, Q_COPY_ADD, Q_COPY_FORGET, Q_COPY_PRUNE, Q_HANDLED_PUT, Q_HANDLED_GET, Q_HANDLED_RESULT, Q_HANDLED_KEY,
	Q_HANDLED_OLD, Q_HANDLED_FIRST, Q_HANDLED_DAY, Q_HANDLED_FIND, Q_FOUND_ADD, Q_FOUND_OLD,
	Q_PRUNED_GET, Q_PRUNED_PUT,
	Q_TOLD_GET, Q_TOLD_PUT, Q_TOLD_PRUNE, Q_HELD_GET, Q_HELD_ADD, Q_HELD_NEXTHOPS, Q_HELD_OF, Q_HELD_MAILBOXES, Q_IRREGULAR_SUMS,
	Q_IRREGULAR_ANY, Q_IRREGULAR_LIST, Q_IRREGULAR_GET,
	Q_SUSPECT_ADD, Q_FAILURE_ADD, Q_REFUSAL_ADD, Q_SUSPECT_CLEAR, Q_SUSPECT_GONE, Q_SUSPECT_BACK, Q_SUSPECT_COUNTS,
	Q_SUSPECT_PURGE,
	Q_SUSPECT_NEXT,
	Q_OVERSIZE_GET, Q_OVERSIZE_PUT, Q_OVERSIZE_CLEAR, Q_OVERSIZE_GONE, Q_OVERSIZE_BACK, Q_OVERSIZE_PURGE,
	Q_MAILBOX_GET, Q_MAILBOX_ADD, Q_MAILBOX_LIST, Q_MAILBOX_DROP, Q_MAILBOX_LISTED, Q_MAILBOX_LIST_IT,
	Q_MAILBOX_EMPTY, Q_SEEN_ABSENT, Q_SUSPECT_ABSENT, Q_OVERSIZE_ABSENT,
	Q_MAILBOX_BACK, Q_MAILBOX_REMOVED, Q_MAILBOX_ORIGIN, Q_MAILBOX_FORGET,
	Q_FORMER_LIST, Q_FORMER_ROWS, Q_FORMER_UNMARK, Q_FORMER_COMPARE, Q_FORMER_WAITING, Q_FORMER_NAME,
	Q_MARKS_KNOWN, Q_SEEN_MOVE, Q_FINGERPRINT_MOVE, Q_SUSPECT_MOVE, Q_OVERSIZE_MOVE, Q_HANDLED_MOVE, Q_PENDING_KEY, Q_PENDING_MOVE,
	Q_RELAY_MOVE, Q_COPY_MOVE,
	Q_FORGET_COUNT, Q_FORGET_WAITING, Q_FORGET_FINGERPRINT, Q_FORGET_SEEN, Q_FORGET_SUSPECT, Q_FORGET_OVERSIZE,
	Q_FORGET_RENUMBERED,
	Q_FORGET_MAILBOX,
	Q_RENUMBER_GET, Q_RENUMBER_SINCE, Q_RENUMBER_PUT, Q_RENUMBER_ANSWER, Q_RENUMBER_DROP,
	Q_RECORD_GET, Q_RECORD_PUT, Q_RECORD_DROP, Q_UNFOUND_GET, Q_UNFOUND_PUT, Q_UNFOUND_DROP,
	Q_CLAMP_RELAY, Q_CLAMP_COPY, Q_CLAMP_HANDLED, Q_CLAMP_SUSPECT, Q_CLAMP_OVERSIZE, Q_CLAMP_MAILBOX, Q_CLAMP_RENUMBERED,
	Q_CLAMP_UNPROVEN, Q_CLAMP_RECORD, Q_CLAMP_TOKEN, Q_CLAMP_META, Q_CLAMP_ALERT, Q_CLAMP_LOGIN,
	Q_ROOT_COUNT, Q_ROOT_JOINED, Q_ROOT_DECLARED, Q_ROOT_STARTED, Q_SPENT_ADD, Q_SPENT_LIST, Q_SPENT_DROP,
	Q_SESSION_PUT, Q_MARK_GET,
	Q_ALERT_ADD, Q_ALERT_TRIM, Q_ALERT_NEXT, Q_ALERT_TOLD, Q_ALERT_GET, Q_ALERT_REMOVE, Q_ALERT_PAGE, Q_ALERT_ANY, Q_ALERT_PRUNE,
	Q_ALERT_OLD, Q_LOGIN_PUT, Q_LOGIN_ALL, Q_LOGIN_PRUNE,
	Q_TOKEN_GET, Q_TOKEN_ROTATE, Q_TOKEN_SUSPEND, Q_TOKEN_END, Q_TOKEN_LIST, Q_TOKEN_DROP,
	Q_MAX
};
void	 query_text(enum state_sql, char *text, size_t size);

/* transaction.c */
enum { STATE_DURABLE = 1, STATE_LAZY = 0 };
int	 transaction_open(sqlite3 *, const char *path);
void	 transaction_close(void);
int	 transaction_possible(void);
sqlite3_stmt	*state_query(enum state_sql);
int	 state_step(sqlite3_stmt *);
int	 state_changes(void);
enum db	 state_begin(int durable);
enum db	 state_end(int failed);
enum db	 state_failed(const char *doing);
int	 state_bind_uid(sqlite3_stmt *, int64_t mailbox, const uint8_t *uid, size_t uidlen);
int	 state_run(enum state_sql, int64_t);
int	 state_run_pair(enum state_sql, int64_t, int64_t);
enum db	 state_links(enum state_sql, int (*)(void *, const char *), void *);
enum db	 state_number(enum state_sql, int64_t mailbox, int64_t *);

/* migrate.c, and etc/state.sql as build/state_schema.c has it */
#define STATE_SCHEMA	5		/* of etc/state.sql */
extern const char	 state_schema[];
int	 migrate(sqlite3 *, const char *name, int64_t version);

/*
 * What follows is called inside a transaction, unless it is said otherwise; 0, or -1: the transaction has failed, and state_end()
 * must be told so.
 */

/* root.c */
int	 root_load(sqlite3 *);			/* of a connection, before there are transactions */
int	 root_count(void);			/* before the COMMIT of a durable transaction */
void	 root_counted(void);			/* and after it */
int	 root_spent(const char *link);		/* whose row is dropped */

/* seen.c */
int	 seen_register(sqlite3 *);		/* of a connection, before statements are prepared */

/* alert.c */
int	 alert_register(sqlite3 *);		/* of a connection, before statements are prepared */
enum db	 alert_keep(enum state_sql, int (*account)(const char *));	/* outside a transaction, which it is; does not wait for the disk */

/* suspect.c */
int	 oversize_put(int64_t mailbox, const uint8_t *uid, size_t uidlen, enum oversize, uint32_t size, int64_t since,
	    const uint8_t *digest);

/* doubt.c */
int	 doubt_message(int64_t mailbox, const uint8_t *uid, size_t uidlen);	/* as CHANGE_DOUBT */
int	 doubt_rekey(int64_t mailbox, const uint8_t *uid, size_t uidlen, const uint8_t *to, size_t tolen);

/* mailbox.c */
int	 mailbox_bind(sqlite3_stmt *, const struct record *);

/* pending.c */
int	 pending_insert(int64_t mailbox, const struct receipt *, const char *link, const char *dest, const uint8_t *copy, int64_t *id);
int	 pending_drop_settled(void);
void	 pending_dropped(void);			/* after the COMMIT */
void	 pending_forget(void);

/* hop.c */
void	 hop_at(uint32_t id, const char *how, char *text, size_t size);

/* history.c */
int	 history_load(sqlite3 *);		/* of a connection, before there are transactions */
int	 history_add(const struct receipt *, const char *results);

/* rcpt.c */
int	 rcpt_commit(struct receipt *, int64_t *first, int64_t *last);

/* told.c */
int	 told_put(const char *address, const char *about, int64_t now);
int	 held_add(void);

/* relay.c */
enum db	 relay_find(int64_t, struct relay_row *);
int	 relay_insert(const struct relay_row *, int64_t *id);
int	 relay_bind_digest(sqlite3_stmt *, int, const struct relay_row *);
enum db	 relay_rows(sqlite3_stmt *, int (*cb)(void *, const struct relay_row *), void *);
int	 relay_note(const struct relay_row *, const char *word, const char *dest, const char *status);
int	 relay_final(const struct relay_row *, int *last);

/* body.c */
int	 body_attach(struct receipt *);

#endif
