/* SPDX-License-Identifier: ISC */
/*
 * state.db: what is known of remote mailboxes and their messages.
 *
 * What a function that returns enum db may return:
 *
 *	one that writes		DB_OK; DB_BUSY: nothing happened, try later; DB_FAILED: nothing happened
 *	one that reads		DB_OK; DB_FAILED: the store cannot be read, or is locked
 *	one that asks or finds	DB_OK: yes, or found; DB_NONE: no, or there is none; DB_FAILED
 *	one in slices		DB_MORE too: the next call goes on
 *
 * An error is logged when it happens first.  After corruption every call returns DB_FAILED.  Callbacks return 0 to go on and must not call
 * the store.
 */
#ifndef STATE_H
#define STATE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto_deliverer.h"
#include "rpopd/db/db.h"

struct config;
struct record;
struct relay_row;

#define STATE_SLICE	256	/* rows that a call which works in slices changes at most */
#define STATE_PAGE	2048	/* and rows that it reads at most */

#define STATE_KEY_MAX	(PROTO_UID_MAX + 10)	/* a unique-id, or "sha256:" hex ":" n for a message without one that is trusted */

enum seen_state {
	SEEN_KEPT = 0,		/* delivered, left on the server */
	SEEN_DELETING = 1,	/* delivered, to be deleted, not confirmed: delete, never retrieve */
	SEEN_DENIED = 2,	/* as DELETING, and the server refused DELE once (reported) */
	SEEN_DELETED = 3,	/* deletion confirmed by +OK to QUIT: listed again means retrieve and compare */
	SEEN_MARKED = 4,	/* counts as delivered, was never retrieved: its digest is not known and equals none */
	SEEN_WAITING = 5,	/* taken, a recipient is not final: neither retrieved nor deleted */
	SEEN_NEVER = 6		/* no seen row, only a suspect or an oversize one; never stored */
};

enum oversize {			/* what was done about a message over max_size */
	OVERSIZE_NONE = 0,
	OVERSIZE_SKIPPED = 1,
	OVERSIZE_HEADER = 2,	/* its header was delivered */
	OVERSIZE_REFUSED = 3	/* the server did not give it */
};

#define PLAN_DEATHS		3	/* of the deliverer with this message in flight: set aside */
#define PLAN_FAILURES		5	/* of sessions at this message: set aside, but tried again every */
#define PLAN_RETRY		86400	/* seconds */

struct seen_row {			/* as handed to a listing callback; uid is valid during the call */
	const uint8_t	*uid;
	size_t		 uidlen;
	enum seen_state	 state;
	int64_t		 gone;		/* epoch of the first complete listing without it, 0 = was listed */
	int64_t		 since;		/* epoch of the delivery; 0: SEEN_NEVER */
	uint32_t	 deaths, failures;	/* from suspect; 0, 0 = not a suspect */
	int64_t		 failed;	/* epoch of the last of them */
	enum oversize	 oversize;
	int		 wanted;	/* a recipient's file is missing here: it is retrieved again */
	int64_t		 listed;	/* its size by LIST; negative: only the octets are known that came; 0: nothing is */
	uint32_t	 suspect_size, oversize_size;	/* likewise, of the rows there; 0: not known */
	int64_t		 odd_gone;	/* as gone, of the rows in suspect and oversize */
};

/* A row that says SEEN_WAITING is one of a message left on the server, and its digest is known. */
#define SEEN_IS_LEFT(state)	((state) == SEEN_KEPT || (state) == SEEN_MARKED || (state) == SEEN_WAITING)
/* Its message is on the server for all that is known: left there, or to be deleted, which the server has not confirmed. */
#define SEEN_IS_THERE(state)	(SEEN_IS_LEFT(state) || (state) == SEEN_DELETING || (state) == SEEN_DENIED)
#define SEEN_HAS_DIGEST(state)	((state) < SEEN_MARKED || (state) == SEEN_WAITING)

struct receipt {			/* one message of a batch, for state_commit() */
	int64_t		 mailbox;
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	uint64_t	 octets;
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* all zero: none */
	uint8_t		 identity[PROTO_DIGEST_LEN];	/* all zero: every recipient gets it, whatever he has */
	enum seen_state	 state;		/* KEPT or DELETING: once every recipient is final */
	enum seen_state	 again;		/* likewise, if it is known already */
	int64_t		 since;		/* epoch, not before unproven */
	int64_t		 unproven;	/* epoch of the beginning of the session */
	uint32_t	 size;		/* as listed, of the whole message; 0: not known */
	uint8_t		 header;	/* 1: only the header of a message over max_size: no seen row, an oversize one */
	uint32_t	 nrcpt;
	struct msg_rcpt	*rcpts;
	struct msg_receipt_note	*note;	/* NULL: none; there is one if a recipient is no Maildir */
	/* out */
	enum commit_verdict verdict;	/* DISCARD: a row exists and has the same digest, or no recipient is without a copy */
	uint8_t		*verdicts;	/* one per recipient: enum commit_verdict */
	int64_t		 relay;		/* id of the first of its relay rows; ids follow in the order of recipients; 0: none */
	uint8_t		 waiting;	/* 1: its seen row says WAITING */
	uint32_t	 copies;	/* recipients who have had it before */
	uint8_t		 dropped;	/* 1: DISCARD, as the routing table says for every recipient */
	uint32_t	 attached;	/* links that rows got whose file was missing: their verdict is HOLD */
	uint8_t		 known;		/* 1: a row exists and has the same digest */
};

struct record_state {
	int64_t		 last_success, last_attempt;	/* epoch */
	int64_t		 failing;	/* epoch of the first failure since the last success, 0 = none */
	uint32_t	 failures;
	uint64_t	 messages, octets, polls;
	int64_t		 no_capa;	/* epoch since when it is polled without CAPA, 0 = it is not */
	int64_t		 retrieved;	/* epoch of the beginning of the last session that left new messages there, 0 = none, or seen again */
	uint32_t	 vanished;	/* such sessions in a row none of whose messages was listed again; see vanish.c */
	char		 error[PROTO_TEXT_SIZE];
};

/* How many messages in a row had none of a record's special fields; nothing is stored of 0. */
#define UNFOUND_TOLD	20	/* of that many the postmaster is told, once */

#define UNFOUND_KEY_SIZE	(PROTO_SPECIAL_SIZE + PROTO_HOST_SIZE)

struct unfound {
	uint32_t	 messages;
	int		 told;
};

/* --- state/state.c --- */

/* Opens (creates, migrates) state.db.  0, or -1 with a sentence in err. */
int	 state_open(const char *path, char *err, size_t errsize);
void	 state_close(void);
uint32_t state_next_session(void);	/* unique over restarts; reserves ranges so that it rarely writes; 0: dead store */

/* --- state/root.c --- */

enum root_joined { ROOT_NEW = 0, ROOT_JOINED = 1, ROOT_DECLARED = 2, ROOT_TAKEN = 3 };	/* as column joined of root */

struct root_state {			/* what state.db knows of the mail root that it belongs to */
	uint8_t		 identity[16];
	uint64_t	 counter, durable;	/* durable <= the mail root's <= counter */
	uint32_t	 life;			/* first session number of the last life whose start was completed */
	uint32_t	 session;		/* and of this one */
	enum root_joined joined;
};
void	 state_root(struct root_state *);		/* of the open store */
enum db	 state_root_peek(const char *path, struct root_state *, char *err, size_t errsize);	/* finds; a sentence where it failed */
enum db	 state_root_joined(enum root_joined);		/* writes durably, as the next two do */
enum db	 state_root_declare(const uint8_t identity[16], uint64_t counter);	/* counter: greater than this one, too */
enum db	 state_root_started(void);			/* every row was replayed, every spent link removed durably */
uint64_t state_counter(void);
void	 state_rooted(uint64_t);			/* durable in the mail root; remembered with the next durable transaction */
void	 state_on_count(void (*)(void));		/* called behind each durable transaction */
enum db	 state_spent(int (*cb)(void *, const char *link), void *arg);	/* reads: every link to be removed */
/*
 * The file of a pending row exists nowhere: it becomes a wanted row of table relay, with this status, so that the message is retrieved
 * again for its recipient alone; a row of something that rpopd wrote itself goes.  By id, or by link if id is 0.  DB_OK; DB_NONE: there
 * is no such row; DB_BUSY, DB_FAILED.
 */
enum db	 state_pending_missing(int64_t id, const char *link, const char *status);

/* --- state/commit.c --- */

/*
 * One transaction (WAL, FULL): settled pending ranges dropped, then for each receipt its seen row, and its pending, relay, copy
 * and handled rows.  Fills what is out, and the range of pending ids (first..last, 0..0 if none).
 */
enum db	 state_commit(struct receipt *, size_t n, int64_t *first, int64_t *last);
enum db	 state_mark(uint8_t *key);			/* reads the key of the trace mark, PROTO_DIGEST_LEN octets */
int	 state_settle(int64_t first, int64_t last);	/* queue for the next commit; 0, or -1: no memory */
enum db	 state_flush(void);				/* commit queued settles now */
/* Reads every pending row in order.  *left_out: 1 if there were rows that cannot be right; those are not handed to cb. */
enum db	 state_pending(int (*cb)(void *, int64_t id, const struct msg_rcpt *), void *arg, int *left_out);
/* Rows that have done their work go, once a day: of what was handled after 14 days, of copies after 30. */
enum db	 state_prune_old(int64_t now);

/* --- state/clamp.c --- */

enum db	 state_clamp(int64_t now);	/* times that lie further ahead than any delay become now: at the start, and once a day */

/* --- state/seen.c --- */

struct state_place {			/* where a slice has ended; all zero: at the beginning */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
};
/*
 * Every unique-id of one mailbox that has a seen, a suspect or an oversize row, once and in order, but those without a seen row come
 * behind the others of their slice.  In slices; DB_OK: these were the last.
 */
enum db	 state_seen_slice(int64_t mailbox, struct state_place *, int (*cb)(void *, const struct seen_row *), void *arg);
enum db	 state_seen_count(int64_t mailbox, int64_t limit, int64_t *n);	/* reads; no row beyond limit is counted */
enum db	 state_seen_open(int64_t mailbox);	/* asks whether a row's message may still be on the server; DB_NONE: all were deleted */
struct seen_print {
	uint64_t	 size;
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* all zero: not known */
};
enum db	 state_print(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct seen_print *);	/* reads; DB_FAILED if there is no row, too */
enum db	 state_fingerprint(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint8_t *);	/* finds */
enum db	 state_seen_state(int64_t mailbox, const uint8_t *uid, size_t uidlen, enum seen_state *);	/* reads; SEEN_NEVER: no row */
struct aside_row {			/* a message set aside, still on the server */
	int64_t		 mailbox, since;
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	char		 reason[PROTO_TEXT_SIZE];
};
enum db	 state_aside(int (*cb)(void *, const struct aside_row *), void *arg);	/* reads every one */
struct mailbox_counts { uint32_t undeleted, kept, waiting, suspects, aside, refused, quarantined; };
/* Adds what the next rows have; in slices; DB_OK: all are counted. */
enum db	 state_counts(int64_t mailbox, struct state_place *, struct mailbox_counts *);

/* --- state/told.c --- */

enum db	 state_told(const char *address, const char *about, int64_t *at);	/* finds the epoch; DB_NONE: never, or long ago */
/*
 * A notice was written about it, which tells of held deliveries in quarantine.  If row has a next hop, it is added, durably, and gets its
 * id; else id is 0.
 */
enum db	 state_noticed(const char *address, const char *about, int64_t held, struct relay_row *row);
enum db	 state_held(int64_t *fresh);		/* reads how many went into quarantine since the postmaster was told */
struct held_row {			/* what is in quarantine for one next hop, but for messages of ours */
	uint32_t	 nexthop;
	int64_t		 count, all;	/* of this one; of all */
	const char	*status;	/* of the last; valid during the call */
};
enum db	 state_held_each(int (*cb)(void *, const struct held_row *), void *arg);	/* reads */
struct held_mailbox {			/* what came by one record, likewise */
	int64_t		 mailbox, count, arrived;	/* arrived: the last */
	const char	*status;	/* likewise */
};
enum db	 state_held_mailboxes(int (*cb)(void *, const struct held_mailbox *), void *arg);	/* reads */
struct state_sums { uint32_t suspects, aside, oversize; };	/* of all mailboxes */
enum db	 state_sums(struct state_sums *);	/* reads */

/* --- state/explain.c --- */

struct explanation {			/* of one message */
	enum seen_state	 state;		/* NEVER: no seen row */
	int64_t		 since, gone;
	uint64_t	 size;
	uint32_t	 deaths, failures;
	enum oversize	 oversize;
	int64_t		 handled;	/* epoch, if note is not NULL */
	char		*sender, *note, *results;
};
enum db	 state_explain(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct explanation *);	/* finds */
void	 explanation_free(struct explanation *);

/* --- state/change.c --- */

struct listing_change {			/* what a listing or a finished session taught; one transaction */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	enum {
		CHANGE_GONE, CHANGE_BACK, CHANGE_FORGET,	/* of seen, suspect and oversize rows; GONE keeps the first time */
		CHANGE_STATE,		/* state */
		CHANGE_SINCE,		/* now */
		CHANGE_KEY,		/* to: the row's new key */
		CHANGE_MARK,		/* size: a new row, state MARKED */
		CHANGE_SIZE,		/* size: as listed */
		CHANGE_CLEAR,		/* no suspect any more */
		CHANGE_PRINT,		/* to: its fingerprint */
		CHANGE_OVERSIZE,	/* oversize and size: a new row, or another state */
		CHANGE_REFUSED,		/* RETR was: one more failure, with its reason */
		CHANGE_DOUBT,		/* known by digest only from now on, as by state_unprove_slice() */
		CHANGE_LISTED,		/* no uid: the mailbox has had a complete listing */
		CHANGE_EMPTY,		/* no uid: likewise, without a message, and a former mailbox is still to be compared */
		CHANGE_PROVEN		/* no uid: the session is over and was in step */
	}		 what;
	enum seen_state	 state;
	enum oversize	 oversize;
	uint32_t	 size;
	uint8_t		 to[PROTO_UID_MAX];
	size_t		 tolen;
	const char	*reason;	/* REFUSED; the caller's */
};
/* Changes to rows that do not exist are no error.  Without an fsync if all of them are LISTED, PROVEN or PRINT. */
enum db	 state_change(int64_t mailbox, const struct listing_change *, size_t n, int64_t now);
/*
 * The same in slices, from *done on, which moves; DB_OK: all are recorded, and durable.  What a crash leaves behind is a beginning of
 * the list, so the order of the list must make every beginning of it right.
 */
enum db	 state_change_slice(int64_t mailbox, const struct listing_change *, size_t n, int64_t now, size_t *done);
/*
 * The session is over and was not in step, or nobody knows: what it committed under unique-ids is known by digest only from now
 * on, so that it is retrieved again and compared.  In slices; the mailbox is unproven until the last one is durable, so that whoever comes
 * behind a crash goes on.  Nothing else may be committed for the mailbox meanwhile.
 */
struct unprove {			/* all zero: at the beginning */
	struct state_place at;
	uint32_t	 n;		/* rows so far */
};
enum db	 state_unprove_slice(int64_t mailbox, struct unprove *);
/* Counts a message (size: as listed, 0: not known) that was in flight when the deliverer died, or when its session failed: how many times by now. */
enum db	 state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *deaths);
enum db	 state_failure(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *failures);

/* --- state/key.c --- */

size_t	 digest_key(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t n);
/*
 * The first free key of a digest, behind those in use without a gap; taken() says 1, 0 or -1: error.  *last is where the search begins
 * and ends: with the number found last it takes two looks, with 0 some more.  0: none.
 */
size_t	 digest_key_free(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t *last,
	    int (*taken)(void *, const uint8_t *, size_t), void *);
int	 digest_parse(const uint8_t *key, size_t len, uint8_t digest[PROTO_DIGEST_LEN]);

/* --- state/mailbox.c --- */

/* The id of a remote mailbox: per account, record name, host:port and login; allocated on first use, which writes. */
enum db	 state_mailbox(const struct record *, int64_t *id);
enum db	 state_listed(int64_t mailbox);		/* asks whether it has had a complete listing */
enum db	 state_record_get(int64_t mailbox, struct record_state *);	/* reads; all zero: it was never polled */
enum db	 state_record_put(int64_t mailbox, const struct record_state *);
enum db	 state_unfound_get(int64_t mailbox, const struct record *, struct unfound *);	/* 0 where its fields are others now */
const char	*state_unfound_key(const struct record *, char *, size_t);	/* what is looked for, in UNFOUND_KEY_SIZE octets */
enum db	 state_unfound_put(int64_t mailbox, const struct record *, const struct unfound *);	/* writes durably */
/*
 * After a good load, and once a day: mailboxes that no record names are marked with the time, and dropped when state_keep() seconds
 * are over and no session runs on them.  DB_MORE: state_prune_slice() goes on, until it returns something else.
 */
enum db	 state_prune(const int64_t *used, size_t n, const int64_t *running, size_t nrunning);
enum db	 state_prune_slice(void);
void	 state_keep_set(int64_t seconds);	/* how long state is kept of which nothing says that it is needed; 0 at the start */
int64_t	 state_keep(void);

enum renumber { RENUMBER_NOT, RENUMBER_ASKED, RENUMBER_RETRIEVE, RENUMBER_SEEN };	/* paused; and the administrator's answers */
enum db	 state_renumber_get(int64_t mailbox, enum renumber *);	/* reads */
enum db	 state_renumber_since(int64_t mailbox, int64_t *since);	/* reads the epoch of the pause, 0: none */
enum db	 state_renumber_put(int64_t mailbox, enum renumber, uint32_t known, uint32_t unknown, int64_t now);

/* --- state/token.c --- */

struct token_row {			/* what has come of a refresh token */
	uint8_t		 refresh[PROTO_TOKEN_MAX];	/* in its place; refresh_len 0: it still holds */
	size_t		 refresh_len;
	uint8_t		 cause[PROTO_DIGEST_LEN];	/* grant_secret.cause that was refused for good */
	char		 suspended[PROTO_TEXT_SIZE];	/* why; empty: it was not */
	int64_t		 ends, said;	/* when the provider will take it no more, and when it said so last; 0: never */
	int		 warned;	/* the owner knows it */
};
enum db	 state_token_get(const uint8_t *origin, struct token_row *);	/* finds */
enum db	 state_token_rotate(const uint8_t *origin, const uint8_t *refresh, size_t);	/* writes durably, as the next one does */
enum db	 state_token_suspend(const uint8_t *origin, const uint8_t *cause, const char *text);
enum db	 state_token_end(const uint8_t *origin, int64_t ends, int64_t said, int warned);	/* seconds of the epoch */
enum db	 state_token_prune(uint8_t (*keep)[PROTO_DIGEST_LEN], size_t n);

/* --- state/relay.c, hop.c, body.c: recipients at next hops --- */

enum relay_state { RELAY_WAITING = 0, RELAY_QUARANTINED = 1, RELAY_FAILED = 2 };

enum relay_body {			/* of a row's file */
	BODY_WANTED = 0,	/* missing: the message is to be retrieved again, and is not final */
	BODY_HERE = 1,		/* in the spool, when it was last looked for */
	BODY_LOST = 2		/* missing, and nobody has the message any more */
};

struct relay_row {			/* a row of table relay */
	int64_t		 id;
	int64_t		 mailbox;
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	uint32_t	 nexthop;
	enum notify	 notify;
	enum seen_state	 after;
	enum relay_state state;
	enum relay_body	 body;
	int64_t		 arrived, next;		/* epoch */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* of the message, as in its seen row */
	int		 has_digest;		/* 0: a report, or of an older schema */
	int64_t		 sent;			/* epoch; 0: it is not on its way to its next hop */
	uint32_t	 tries;
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];
	char		 original[PROTO_ADDR_SIZE];
	char		 sender[PROTO_SENDER_SIZE];
	char		 client[PROTO_CLIENT_SIZE];
	char		 status[PROTO_TEXT_SIZE];
};

struct relay_change {			/* what became of a row; one transaction for many */
	int64_t		 id;
	enum {
		RELAY_DONE,		/* accepted, or dropped from the quarantine: the row goes */
		RELAY_AGAIN,		/* next, tries + 1, status */
		RELAY_HOLD,		/* quarantined, status */
		RELAY_FAIL,		/* failed for good, status; its report is due */
		RELAY_RELEASE,		/* waiting, due now, arrived now, tries 0; dest and nexthop too if dest is not empty */
		RELAY_MOVE,		/* to table pending: dest, or what the row has if that is empty, is a Maildir */
		RELAY_WANT,		/* its file is missing: wanted, and the seen row says WAITING whatever it said */
		RELAY_LOST,		/* likewise, and the message cannot be had again */
		RELAY_REHOP,		/* nexthop; arrived now, due now, tries 0 */
		RELAY_FOUND		/* its file is there again */
	}		 what;		/* DONE, HOLD, MOVE, LOST, FOUND: with the last open row the seen row becomes row.after */
	int64_t		 next;
	uint32_t	 nexthop;
	const char	*status;	/* NULL: as it was */
	const char	*dest;		/* RELEASE, MOVE */
	int		 doubt;		/* AGAIN: the reply was lost: counted */
	/* out */
	int		 last;		/* DONE, HOLD, MOVE: no row of its message is waiting or failed any more */
	int64_t		 pending;	/* MOVE: id of the pending row */
};

/* Reads every row by id, of all messages or of one. */
enum db	 state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg);
enum db	 state_relay_of(int64_t mailbox, const uint8_t *uid, size_t uidlen, int (*cb)(void *, const struct relay_row *),
	    void *arg);
enum db	 state_relay_get(int64_t id, struct relay_row *);	/* finds */
enum db	 state_relay_links(int (*cb)(void *, const char *link), void *arg);	/* reads the link of every row whose file may be there */
/*
 * Writes, durably unless every change is AGAIN.  Changes to rows that do not exist are no error.  A row
 * that is gone (DONE) has its link removed by spool_remove() afterwards, one in table pending has it moved by spool_move().
 */
enum db	 state_relay_change(struct relay_change *, size_t n);
/*
 * A report was made about these rows of one message: they go, and one for the report comes in their place (nexthop > 0), or a
 * pending row (nexthop 0, dest is a Maildir); the new row's id is in *made.  Reports are never reported: notify is NEVER, sender
 * is null; and no message on a server waits for them: uidlen is 0.  That the sender was told about it is committed with them.  DB_OK;
 * DB_NONE: there are no such rows, and the report is to be removed; DB_BUSY, DB_FAILED.
 */
struct relay_report {
	const char	*link, *dest;
	const char	*sender, *about;	/* whom it is for, in the end; for table told */
	uint32_t	 nexthop;
};
enum db	 state_relay_reported(const int64_t *ids, size_t n, const struct relay_report *, int64_t *made);

/* state/hop.c */

/*
 * The rows of a store that was loaded get ids that no other next hop ever had or will have, and everything in the config that names
 * one, too.  Next hops that are in it no longer are remembered as gone.  Writes if anything has changed.
 */
enum db	 state_hops(struct config *, int64_t now);
enum db	 state_hop_name(uint32_t id, char *name, size_t size);	/* finds */
/* Reads which next hops of this name are gone: at most max ids into list, *n of them. */
enum db	 state_hops_gone(const char *name, uint32_t *list, size_t max, size_t *n);

/* state/body.c */

/* Reads rows that are wanted, and whose server has the message no longer; some of them if they are many. */
enum db	 state_relay_orphans(int (*cb)(void *, const struct relay_row *), void *arg);
/* They are handed on now: nothing is sent unless this is written.  Writes without an fsync. */
enum db	 state_relay_sent(const int64_t *ids, size_t n, int64_t now);
/*
 * A durable write, to know that there can be one.  The first of a life also counts what was on its way when the last one ended: in
 * doubt, once.
 */
enum db	 state_relay_prove(int first, int64_t now);

/* state/rcpt.c: the row that a recipient of a committed message got, but for its id.  0, or -1: it is not one for table relay. */
int	 relay_row_make(struct relay_row *, const struct receipt *, const struct msg_rcpt *);

struct former {				/* a mailbox that no record names */
	int64_t		 id;
	char		 account[PROTO_RECORD_SIZE], record[PROTO_RECORD_SIZE], host[PROTO_HOST_SIZE];
	char		 login[PROTO_USER_SIZE];
	uint16_t	 port;
	int		 replaced;	/* it lost its record when the new mailbox appeared, or later */
};

struct former_message {			/* of a former mailbox; uid is valid during the call */
	const uint8_t	*uid;
	size_t		 uidlen;
	int64_t		 size;		/* 0: not known */
	int		 gone;		/* it was absent from its last listing */
};

/* --- state/former.c --- */

/* Reads those that no record names, the last ones first, but for one id. */
enum db	 state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg);
enum db	 state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg);	/* reads */
/* The former mailbox becomes that of the record, in place of mailbox.  doubt: what it knows is only to be compared with. */
enum db	 state_former_adopt(const struct former *, int64_t mailbox, const struct record *, int doubt, const char *origin,
	    int64_t now);
enum db	 state_origin(int64_t mailbox, char *text, size_t size);	/* reads where its state comes from; empty: it is its own */

struct forgotten {
	int64_t	 messages;		/* known, and not known to be gone from the server */
	int64_t	 waiting;		/* known still: they wait here for a next hop */
	int	 mailboxes;		/* 0: there is no such record */
};
/* Everything of a record is to come once more, copies too; its former mailboxes likewise. */
enum db	 state_forget(const char *account, const char *record, int64_t now, struct forgotten *);

#endif
