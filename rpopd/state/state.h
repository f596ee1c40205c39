/* SPDX-License-Identifier: ISC */
/*
 * state.db: what is known of remote mailboxes and their messages, and of the mail that waits here.  etc/state.sql has its tables.
 *
 * What a function that returns enum db may return:
 *
 *	one that writes		DB_OK; DB_BUSY: nothing happened, try later; DB_FAILED: nothing happened
 *	one that reads		DB_OK; DB_FAILED: the store cannot be read, or is locked
 *	one that asks or finds	DB_OK: yes, or found; DB_NONE: no, or there is none; DB_FAILED
 *	one in slices		DB_MORE too: the next call goes on
 *
 * A function that writes is durable when it returns DB_OK, unless its comment says that it does not wait for the disk: then a
 * power failure may take the change back, but none before it.  An error is logged when it happens first.  After corruption every
 * call returns DB_FAILED.  Callbacks return 0 to go on and must not call the store.  Times are seconds of the epoch.
 */
#ifndef STATE_H
#define STATE_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto_deliverer.h"
#include "common/ipc/proto_popd.h"
#include "rpopd/db/db.h"

struct config;
struct record;

#define STATE_SLICE	256	/* rows that a call which works in slices changes at most */
#define STATE_PAGE	2048	/* and rows that it reads at most */

/* A message's key: its unique-id, or "sha256:<hexadecimal digest>:<n>" for a message without a unique-id that can be trusted. */
#define STATE_KEY_MAX	(PROTO_UID_MAX + 10)

enum seen_state {		/* of a message, as in column state of table seen */
	SEEN_KEPT = 0,		/* delivered, left on the server */
	SEEN_DELETING = 1,	/* delivered, to be deleted, not confirmed: delete, never retrieve */
	SEEN_DENIED = 2,	/* as DELETING, and the server refused DELE once (reported) */
	SEEN_DELETED = 3,	/* deletion confirmed by +OK to QUIT: listed again means retrieve and compare */
	SEEN_MARKED = 4,	/* counts as delivered, was never retrieved: its digest is not known and equals none */
	SEEN_WAITING = 5,	/* taken, a recipient is not final: neither retrieved nor deleted */
	SEEN_NEVER = 6		/* no row in seen, only one in suspect or oversize; never stored */
};

enum oversize {			/* what was done about a message over max_size, as in column state of table oversize */
	OVERSIZE_NONE = 0,	/* it is not over max_size; never stored */
	OVERSIZE_SKIPPED = 1,
	OVERSIZE_HEADER = 2,	/* its header was delivered */
	OVERSIZE_REFUSED = 3	/* the server did not give it */
};

/* A message is set aside after so many deaths of the deliverer with it in flight, or so many sessions that failed at it. */
#define SUSPECT_DEATHS		3
#define SUSPECT_FAILURES	5
#define SUSPECT_RETRY		86400	/* seconds; one that is set aside for failures is tried again that often */

/* What is known of a message, as handed to a listing callback; uid is valid during the call. */
struct seen_row {
	const uint8_t	*uid;
	size_t		 uidlen;
	enum seen_state	 state;
	int64_t		 gone;		/* time of the first complete listing without it, 0: it was listed */
	int64_t		 since;		/* time of the delivery; 0: SEEN_NEVER */
	uint32_t	 deaths, failures;	/* from suspect; 0 and 0: it is no suspect */
	int64_t		 failed;	/* time of the last of them */
	enum oversize	 oversize;
	int		 wanted;	/* a recipient's file is missing here: the message is to be retrieved again */
	int64_t		 listed;	/* its size by LIST; negative: only the octets are known that came; 0: no size is known */
	uint32_t	 suspect_size, oversize_size;	/* its size by LIST as those tables have it; 0: not known */
	int64_t		 irregular_gone;	/* as gone, of its rows in suspect and oversize */
};

/* Whether a state says that the message was left on its server. */
#define SEEN_IS_LEFT(state)	((state) == SEEN_KEPT || (state) == SEEN_MARKED || (state) == SEEN_WAITING)
/* Whether it is on the server for all that is known: left there, or to be deleted, which the server has not confirmed. */
#define SEEN_IS_THERE(state)	(SEEN_IS_LEFT(state) || (state) == SEEN_DELETING || (state) == SEEN_DENIED)
/* Whether a row with this state has the digest of its message. */
#define SEEN_HAS_DIGEST(state)	((state) < SEEN_MARKED || (state) == SEEN_WAITING)

struct receipt {			/* one message of a batch, for state_commit() */
	int64_t		 mailbox;	/* 0: it was sent here: no row in seen, and its key is none of a server's */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	uint64_t	 octets;
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* of its header; all zero: none */
	uint8_t		 identity[PROTO_DIGEST_LEN];	/* all zero: every recipient gets it, whatever he has */
	enum seen_state	 state;		/* KEPT or DELETING: once every recipient is final */
	enum seen_state	 again;		/* likewise, if it is known already */
	int64_t		 since;		/* not before unproven */
	int64_t		 unproven;	/* when the session began */
	uint32_t	 size;		/* as listed, of the whole message; 0: not known */
	uint8_t		 header;	/* 1: only the header of a message over max_size: no row in seen, one in oversize */
	uint8_t		 is_void;	/* 1: who sent it heard that it is not taken: all verdicts are DISCARD */
	uint32_t	 nrcpt;
	struct msg_rcpt	*rcpts;
	struct msg_receipt_note	*note;	/* NULL: none; there is one if a recipient is no Maildir */
	char		 msgid[PROTO_MSGID_SIZE], sender[PROTO_SENDER_SIZE];	/* as in struct msg_receipt */
	/* out */
	enum commit_verdict verdict;	/* DISCARD: a row exists and has the same digest, or no recipient is without a copy */
	uint8_t		*verdicts;	/* one for each recipient: enum commit_verdict */
	int64_t		 relay;		/* id of the first of its relay rows; ids follow in the order of recipients; 0: none */
	uint8_t		 waiting;	/* 1: its row in seen says WAITING */
	uint32_t	 copies;	/* recipients who have had it before */
	uint8_t		 dropped;	/* 1: DISCARD, as the routing table says for every recipient */
	uint32_t	 attached;	/* links that rows got whose file was missing: their verdict is HOLD */
	uint8_t		 known;		/* 1: a row exists and has the same digest */
};

struct record_state {			/* how a record's polls went */
	int64_t		 last_success, last_attempt;
	int64_t		 failing;	/* time of the first failure since the last success, 0: none */
	uint32_t	 failures;
	uint64_t	 messages, octets, polls;
	int64_t		 no_capa;	/* since when it is polled without CAPA, 0: it is polled with it */
	/* Beginning of the last session that left new messages there, 0: none, or they were seen again. */
	int64_t		 retrieved;
	uint32_t	 vanished;	/* such sessions in a row none of whose messages was listed again */
	char		 error[PROTO_TEXT_SIZE];
};

/* The last messages in a row that had none of a record's special fields; of 0 messages nothing is stored. */
struct unfound {
	uint32_t	 messages;
	int		 told;		/* the postmaster was told, which he is once, of UNFOUND_TOLD messages */
};
#define UNFOUND_TOLD		20
#define UNFOUND_KEY_SIZE	(PROTO_SPECIAL_SIZE + PROTO_HOST_SIZE)

/* --- state.c --- */

/* Opens state.db, after it was created, or brought up to date from an older schema.  0, or -1 with a sentence in err. */
int	 state_open(const char *path, char *err, size_t errsize);
void	 state_close(void);
/*
 * A number that no session of this or another life of the daemon has; 0: the store is dead.  Ranges are reserved, so that it
 * rarely writes.
 */
uint32_t state_next_session(void);
/* Reads the key of the trace mark, PROTO_DIGEST_LEN octets. */
enum db	 state_mark(uint8_t *key);

/* --- root.c: the mail root that state.db belongs to --- */

enum root_joined { ROOT_NEW = 0, ROOT_JOINED = 1, ROOT_DECLARED = 2, ROOT_TAKEN = 3 };	/* as in column joined of table root */

struct root_state {			/* what state.db knows of its mail root */
	uint8_t		 identity[16];
	uint64_t	 counter, durable;	/* durable <= the counter in the mail root <= counter */
	uint32_t	 life;			/* first session number of the last life whose start was completed */
	uint32_t	 session;		/* first session number of this life */
	enum root_joined joined;
};
void	 state_root(struct root_state *);		/* of the open store */
/* Finds it in a store that is not open; DB_NONE: there is no such store; DB_FAILED: with a sentence in err. */
enum db	 state_root_peek(const char *path, struct root_state *, char *err, size_t errsize);
enum db	 state_root_joined(enum root_joined);		/* writes */
/* Writes that another mail root belongs to this store from now on; counter: the mail root's, which the new one exceeds. */
enum db	 state_root_declare(const uint8_t identity[16], uint64_t counter);
/* Writes that the start is complete: every pending row was replayed, every spent link removed.  Does not wait for the disk. */
enum db	 state_root_started(void);
uint64_t state_counter(void);
void	 state_rooted(uint64_t counter);	/* so far the mail root is durable; remembered with the next durable transaction */
void	 state_on_count(void (*)(void));	/* to be called behind each durable transaction */
enum db	 state_spent(int (*cb)(void *, const char *link), void *arg);	/* reads every link that is to be removed */

/* --- commit.c, pending.c --- */

/*
 * Writes in one transaction: settled pending rows are dropped, then each receipt gets its row in seen and its rows in pending,
 * relay, copy, handled and found.  Fills what is out, and the range of pending ids (first..last, 0..0: none).
 */
enum db	 state_commit(struct receipt *, size_t n, int64_t *first, int64_t *last);
/* Files of these pending rows are in place, durably: the rows go with the next commit.  0, or -1: no memory. */
int	 state_settle(int64_t first, int64_t last);
/* Writes that settled rows are gone.  Does not wait for the disk. */
enum db	 state_flush(void);
/* Reads every pending row in order.  *left_out: 1 if there were rows that cannot be right; those are not handed to cb. */
enum db	 state_pending(int (*cb)(void *, int64_t id, const struct msg_rcpt *), void *arg, int *left_out);

/* --- upkeep.c --- */

/* Writes that times which lie further ahead than any delay are now; does not wait for the disk. */
enum db	 state_clamp(int64_t now);
/* Writes that rows which have done their work are gone, once a day; does not wait for the disk. */
enum db	 state_prune_old(int64_t now);

/* --- seen.c --- */

struct state_place {			/* where a slice has ended; all zero: at the beginning */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
};
/*
 * Reads, in slices, every unique-id of a mailbox that has a row in seen, suspect or oversize, once and in order, but those without
 * a row in seen come behind the others of their slice.
 */
enum db	 state_seen_slice(int64_t mailbox, struct state_place *, int (*cb)(void *, const struct seen_row *), void *arg);
enum db	 state_seen_count(int64_t mailbox, int64_t limit, int64_t *n);	/* reads; no row beyond limit is counted */
enum db	 state_seen_open(int64_t mailbox);	/* asks whether a message may still be on the server; DB_NONE: all were deleted */
struct seen_digests {			/* what a message is recognised by */
	uint64_t	 size;		/* octets that came */
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint8_t		 fingerprint[PROTO_DIGEST_LEN];	/* of its header; all zero: not known */
};
/* Reads; DB_FAILED: no row, too. */
enum db	 state_seen_digests(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct seen_digests *);
enum db	 state_fingerprint(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint8_t *);	/* finds */
/* Reads; SEEN_NEVER: no row. */
enum db	 state_seen_state(int64_t mailbox, const uint8_t *uid, size_t uidlen, enum seen_state *);
struct mailbox_counts { uint32_t undeleted, kept, waiting, suspects, set_aside, refused, quarantined; };	/* of messages */
/* Reads in slices: adds what the next rows have. */
enum db	 state_counts(int64_t mailbox, struct state_place *, struct mailbox_counts *);

/* --- suspect.c --- */

/* Writes that a message (size: as listed, 0: not known) was in flight when the deliverer died; *deaths: how many times by now. */
enum db	 state_suspect(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *deaths);
/* Writes that a session failed at the message; *failures: how many times by now. */
enum db	 state_failure(int64_t mailbox, const uint8_t *uid, size_t uidlen, uint32_t size, const char *reason, uint32_t *failures);
struct set_aside_row {			/* a message set aside, still on the server */
	int64_t		 mailbox, since;
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	char		 reason[PROTO_TEXT_SIZE];
};
enum db	 state_set_aside(int (*cb)(void *, const struct set_aside_row *), void *arg);	/* reads every one */
struct state_sums { uint32_t suspects, set_aside, oversize; };	/* of messages of all mailboxes */
enum db	 state_sums(struct state_sums *);	/* reads */

/* --- told.c --- */

enum db	 state_told(const char *address, const char *about, int64_t *at);	/* finds the time; DB_NONE: never, or long ago */
struct relay_row;
/*
 * Writes that a notice went to address about something; held: how many deliveries in quarantine it tells of.  If row has a next
 * hop, it is added to table relay and gets its id; else id is 0, and the call does not wait for the disk.
 */
enum db	 state_noticed(const char *address, const char *about, int64_t held, struct relay_row *row);
enum db	 state_held(int64_t *fresh);	/* reads how many went into quarantine since the postmaster was told */
struct held_row {			/* what is in quarantine for one next hop, or of one mailbox, but for reports and notices */
	int64_t		 id;		/* of the next hop, 0: a Maildir; or of the mailbox */
	int64_t		 count, all;	/* of these; of all */
	const char	*status;	/* of the last of these; valid during the call */
};
enum held_by { HELD_BY_NEXTHOP, HELD_BY_MAILBOX };	/* the one with the last delivery first; ascending by id */
enum db	 state_held_each(enum held_by, int (*cb)(void *, const struct held_row *), void *arg);	/* reads */

/* --- explain.c --- */

struct explanation {			/* everything that is known of one message, for a person */
	enum seen_state	 state;
	int64_t		 since, gone;
	uint64_t	 size;
	uint32_t	 deaths, failures;
	enum oversize	 oversize;
	int64_t		 handled;	/* when, if there are texts */
	char		*sender, *note, *results, *msgid;	/* as in table handled; NULL: it has no row there */
};
/* Finds; explanation_free() follows. */
enum db	 state_explain(int64_t mailbox, const uint8_t *uid, size_t uidlen, struct explanation *);
void	 explanation_free(struct explanation *);

/* --- history.c: what became of each message --- */

void	 state_history_set(uint32_t days);	/* how long it is kept, 0: not at all; 30 at the start */
/* Writes that what is older has gone, in slices; does not wait for the disk. */
enum db	 state_history_prune(int64_t now);

enum history_word { WORD_ANY = 0, WORD_MSGID, WORD_SENDER, WORD_RCPT, WORD_MAX };	/* what a message is found by; ANY: one of the others */
struct history_search {				/* for messages that have all of these */
	const char	*words[WORD_MAX];	/* NULL: it need not have one; @domain: one in that domain */
	int64_t		 since, until;	/* handled from since on, and before until */
	/* where it has got to; all zero at the beginning */
	int64_t		 id, at;
	int		 begun;
};
struct history_row {		/* a message that was found; strings are valid during the call */
	int64_t		 id, mailbox, since;
	uint64_t	 size;
	const uint8_t	*uid;
	size_t		 uidlen;
	const char	*msgid, *sender, *results;
	const char	*record;	/* account/record; NULL: its mailbox is not known any more */
};
/* Reads in slices: the next messages that are found, at most max of them, the last one first. */
enum db	 state_history_find(struct history_search *, uint32_t max, void (*cb)(void *, const struct history_row *), void *arg);

/* --- change.c, doubt.c --- */

struct listing_change {			/* what a listing or a finished session taught */
	uint8_t		 uid[STATE_KEY_MAX];
	size_t		 uidlen;
	enum {
		/* Its rows in seen, suspect and oversize; GONE keeps the first time. */
		CHANGE_GONE, CHANGE_BACK, CHANGE_FORGET,
		CHANGE_STATE,		/* state */
		CHANGE_SINCE,		/* now */
		CHANGE_KEY,		/* to: the message's new key */
		CHANGE_MARK,		/* size: a new row, state MARKED */
		CHANGE_SIZE,		/* size: as listed */
		CHANGE_CLEAR,		/* it is no suspect any more */
		CHANGE_FINGERPRINT,	/* to: the fingerprint of its header */
		CHANGE_OVERSIZE,	/* oversize and size: a new row, or another state */
		CHANGE_REFUSED,		/* the server refused RETR: one more failure, with its reason */
		CHANGE_DOUBT,		/* it is known by digest only from now on, as by state_unprove_slice() */
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
/*
 * Writes all of them in one transaction.  Changes to rows that do not exist are no error.  Does not wait for the disk if all of
 * them are LISTED, PROVEN or FINGERPRINT.
 */
enum db	 state_change(int64_t mailbox, const struct listing_change *, size_t n, int64_t now);
/*
 * The same in slices, from *done on, which moves; DB_OK: all are written.  What a crash leaves behind is a beginning of the list,
 * so the order of the list must make every beginning of it right.
 */
enum db	 state_change_slice(int64_t mailbox, const struct listing_change *, size_t n, int64_t now, size_t *done);

struct unprove {			/* all zero: at the beginning */
	struct state_place at;
	uint32_t	 n;		/* rows so far */
};
/*
 * The session is over and was not in step, or nobody knows: writes, in slices, that what it committed under unique-ids is known by
 * digest only from now on, so that it is retrieved again and compared.  The mailbox is unproven until the last slice is durable,
 * so that whoever comes behind a crash goes on.  Nothing else may be committed for the mailbox meanwhile.
 */
enum db	 state_unprove_slice(int64_t mailbox, struct unprove *);
enum db	 state_unproven(int64_t mailbox);	/* DB_OK: there is something to do for it; reads */

/* --- key.c --- */

/* The key of a digest; n tells messages of the same digest apart.  Returns its length, 0: n is too large. */
size_t	 digest_key(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t n);
/*
 * The first free key of a digest, behind those in use without a gap; taken() says 1, 0 or -1: error.  *last is where the search
 * begins and ends: with the number found last it takes two looks, with 0 some more.  Returns its length, 0: none.
 */
size_t	 digest_key_free(uint8_t key[STATE_KEY_MAX], const uint8_t *digest, uint32_t *last,
	    int (*taken)(void *, const uint8_t *, size_t), void *);
/* The digest in a key.  0, or -1: the key is a unique-id. */
int	 digest_parse(const uint8_t *key, size_t len, uint8_t digest[PROTO_DIGEST_LEN]);

/* --- mailbox.c --- */

/* The id of a record's mailbox, by account, record name, host, port and login; allocated on first use, which writes. */
enum db	 state_mailbox(const struct record *, int64_t *id);
enum db	 state_listed(int64_t mailbox);		/* asks whether it has had a complete listing */
enum db	 state_record_get(int64_t mailbox, struct record_state *);	/* reads; all zero: it was never polled */
enum db	 state_record_put(int64_t mailbox, const struct record_state *);	/* writes; does not wait for the disk */
/* Reads; 0 messages if its fields are others now. */
enum db	 state_unfound_get(int64_t mailbox, const struct record *, struct unfound *);
enum db	 state_unfound_put(int64_t mailbox, const struct record *, const struct unfound *);	/* writes */
/* What a record looks for, in a buffer of UNFOUND_KEY_SIZE octets: when that changes, counting begins anew.  Returns the buffer. */
const char	*state_unfound_key(const struct record *, char *, size_t);
enum db	 state_origin(int64_t mailbox, char *text, size_t size);	/* reads where its state comes from; empty: it is its own */

/* A mailbox whose server has renumbered its messages is paused until the administrator answers. */
enum renumber { RENUMBER_NOT, RENUMBER_ASKED, RENUMBER_RETRIEVE, RENUMBER_SEEN };	/* not paused; paused; and his answers */
enum db	 state_renumber_get(int64_t mailbox, enum renumber *);		/* reads */
enum db	 state_renumber_since(int64_t mailbox, int64_t *since);		/* reads when the pause began, 0: there is none */
/* Writes NOT: the pause is over; ASKED: it begins, and known and unknown say why; or the administrator's answer. */
enum db	 state_renumber_put(int64_t mailbox, enum renumber, uint32_t known, uint32_t unknown, int64_t now);

/* --- prune.c --- */

/*
 * After a good load, and once a day: writes, in slices, that mailboxes which no record names (used) were removed now, and that
 * those which were removed state_keep() seconds ago are gone, unless a session runs on them.  state_prune_slice() goes on.
 */
enum db	 state_prune(const int64_t *used, size_t n, const int64_t *running, size_t nrunning);
enum db	 state_prune_slice(void);
void	 state_keep_set(int64_t seconds);	/* how long state is kept of which nothing says that it is needed; 0 at the start */
int64_t	 state_keep(void);

/* --- import.c --- */

struct state_uid {			/* a unique-id */
	const uint8_t	*uid;
	size_t		 len;
};
/*
 * Writes that another retriever has seen these messages, STATE_SLICE of them at most, and does not wait for the disk unless durable
 * is 1: then what was written ahead of it is durable, too.  Nothing else may be committed for the mailbox meanwhile.
 */
enum db	 state_import_seen(int64_t mailbox, const struct state_uid *, size_t n, int64_t now, int durable);

/* --- former.c --- */

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

/* Reads all but one, the last removed first. */
enum db	 state_formers(int64_t mailbox, int (*cb)(void *, const struct former *), void *arg);
enum db	 state_former_rows(int64_t mailbox, void (*cb)(void *, const struct former_message *), void *arg);	/* reads */
/*
 * Writes that a former mailbox is the record's from now on, in place of mailbox.  doubt: what the former one knows is only to be
 * compared with.  origin: where it comes from, for people.
 */
enum db	 state_former_adopt(const struct former *, int64_t mailbox, const struct record *, int doubt, const char *origin,
	    int64_t now);

struct forgotten {
	int64_t	 messages;		/* known, and not known to be gone from the server */
	int64_t	 waiting;		/* still known, because they wait here for a next hop */
	int	 mailboxes;		/* 0: there is no such record */
};
/* Writes that everything of a record is to come once more, copies too, from its former mailboxes likewise. */
enum db	 state_forget(const char *account, const char *record, int64_t now, struct forgotten *);

/* --- token.c --- */

struct token_row {			/* what has come of a refresh token that the administrator entered */
	/* What the provider has put in its place; refresh_len 0: nothing, it still holds. */
	uint8_t		 refresh[PROTO_TOKEN_MAX];
	size_t		 refresh_len;
	uint8_t		 cause[PROTO_DIGEST_LEN];	/* grant_secret.cause that was refused for good */
	char		 suspended[PROTO_TEXT_SIZE];	/* why no more requests are made; empty: they are */
	int64_t		 ends, said;	/* when the provider will take it no more, and when the provider said so last; 0: never */
	int		 warned;	/* the owner knows that it ends */
};
/* A row by its origin, the digest of what the administrator entered; the caller wipes it. */
enum db	 state_token_get(const uint8_t *origin, struct token_row *);	/* finds */
enum db	 state_token_rotate(const uint8_t *origin, const uint8_t *refresh, size_t);	/* writes */
enum db	 state_token_suspend(const uint8_t *origin, const uint8_t *cause, const char *text);	/* writes */
enum db	 state_token_forget(const uint8_t *origin);	/* writes that nothing has come of it */
/* Writes; does not wait for the disk. */
enum db	 state_token_end(const uint8_t *origin, int64_t ends, int64_t said, int warned);
/* Writes that all rows are gone but those of n origins, which are sorted on the way.  Does not wait for the disk. */
enum db	 state_token_prune(uint8_t (*keep)[PROTO_DIGEST_LEN], size_t n);

/* --- alert.c: what users are told at their next logins --- */

#define ALERTS_MAX	100	/* of one account that are not told yet, and rows of it in all */

struct alert_row {			/* a row of table alert */
	int64_t		 id;
	int64_t		 made, told;		/* told 0: not yet */
	char		 account[PROTO_ADDR_SIZE];
	char		 text[PROTO_ALERT_SIZE];
};
/* Writes an alert; DB_NONE: the account has as many as may be. */
enum db	 state_alert_add(const char *account, const char *text, int64_t now, int64_t *id);
/* Finds the oldest alert of an account that was not told yet, but for those that skip() says 1 of. */
enum db	 state_alert_next(const char *account, int (*skip)(int64_t id), int64_t *id, char text[PROTO_ALERT_SIZE]);
/* Writes that alerts were told, STATE_SLICE of them at most; does not wait for the disk. */
enum db	 state_alert_told(const int64_t *ids, size_t n, int64_t now);
enum db	 state_alert_get(int64_t id, char account[PROTO_ADDR_SIZE]);	/* finds whose it is */
/* Writes that an alert of an account is gone, or with id 0 all of them; *n: how many. */
enum db	 state_alert_remove(int64_t id, const char *account, int *n);
/*
 * Reads up to max alerts behind *last, which becomes the last of them, by account and age; only: of this account, empty: of all.
 * DB_MORE: there may be more.
 */
enum db	 state_alert_page(const char *only, struct alert_row *last, size_t max, void (*cb)(void *, const struct alert_row *),
	    void *arg);
/* Writes that alerts are gone of accounts that kept() says 0 of; does not wait for the disk. */
enum db	 state_alert_prune(int (*kept)(const char *account));

/* --- login.c: when accounts were last logged in to with POP3 --- */

struct login_row {
	int64_t		 at;
	const char	*account;		/* its address */
	const char	*client;		/* the numeric address that the login came from; "": what is stored is none */
};
/* Writes the last logins of STATE_SLICE accounts at most, none of them twice; does not wait for the disk. */
enum db	 state_login_put(const struct login_row *, size_t n);
/* Reads the last login of every account. */
enum db	 state_login_all(void (*cb)(void *, const struct login_row *), void *arg);
/* Writes that accounts which kept() says 0 of have none; does not wait for the disk. */
enum db	 state_login_prune(int (*kept)(const char *account));

/* --- relay.c, relay_change.c: recipients at next hops, and in quarantine --- */

enum relay_state { RELAY_WAITING = 0, RELAY_QUARANTINED = 1, RELAY_FAILED = 2 };	/* as in column state of table relay */

enum relay_body {			/* of a row's file, as in column body */
	BODY_WANTED = 0,	/* missing: the message is to be retrieved again, and is not final */
	BODY_HERE = 1,		/* in the spool, when it was last looked for */
	BODY_LOST = 2		/* missing, and nobody has the message any more */
};

struct relay_row {			/* a row of table relay */
	int64_t		 id;
	int64_t		 mailbox;
	uint8_t		 uid[STATE_KEY_MAX];	/* uidlen 0: of a report or a notice, for which no message on a server waits */
	size_t		 uidlen;
	uint32_t	 nexthop;	/* id of table hop; 0: dest is the Maildir that it was meant for */
	enum notify	 notify;
	enum seen_state	 after;		/* what the message becomes when its last recipient is final */
	enum relay_state state;
	enum relay_body	 body;
	int64_t		 arrived, next;		/* when it was taken, when it is due */
	uint8_t		 digest[PROTO_DIGEST_LEN];	/* of the message, as in its row of seen */
	int		 has_digest;		/* 0: a report, a notice, or of an older schema */
	int64_t		 sent;			/* since when it is on its way to its next hop; 0: it is not */
	uint32_t	 tries;
	char		 link[PROTO_LINK_SIZE];
	char		 dest[PROTO_DEST_SIZE];
	char		 original[PROTO_ADDR_SIZE];
	char		 sender[PROTO_SENDER_SIZE];
	char		 client[PROTO_CLIENT_SIZE];
	char		 status[PROTO_TEXT_SIZE];
};

struct relay_change {			/* what became of a row */
	int64_t		 id;
	enum {
		RELAY_DONE,		/* accepted, or dropped from the quarantine: the row goes */
		RELAY_AGAIN,		/* next, tries + 1, status */
		RELAY_HOLD,		/* quarantined, status */
		RELAY_FAIL,		/* failed for good, status; its report is due */
		RELAY_RELEASE,		/* waiting, due now, arrived now, tries 0; dest and nexthop too if dest is not empty */
		RELAY_MOVE,		/* to table pending: dest, or what the row has if that is empty, is a Maildir */
		RELAY_WANT,		/* its file is missing: wanted, and the message is WAITING whatever it was */
		RELAY_LOST,		/* its file is missing, and the message cannot be had again */
		RELAY_REHOP,		/* nexthop; arrived now, due now, tries 0 */
		RELAY_FOUND		/* its file is there again */
	/* With the last open row the message becomes row.after, by DONE, HOLD, MOVE, LOST or FOUND. */
	}		 what;
	int64_t		 next;
	uint32_t	 nexthop;
	const char	*status;	/* NULL: as it was */
	const char	*dest;		/* RELEASE, MOVE */
	int		 doubt;		/* AGAIN: the reply was lost, which is counted */
	/* out */
	int		 last;		/* DONE, HOLD, MOVE, LOST, FOUND: no row of its message is open any more */
	int64_t		 pending;	/* MOVE: id of the pending row */
};

enum db	 state_relay_each(int (*cb)(void *, const struct relay_row *), void *arg);	/* reads every row, by id */
enum db	 state_relay_of(int64_t mailbox, const uint8_t *uid, size_t uidlen, int (*cb)(void *, const struct relay_row *),
	    void *arg);			/* reads every row of a message, by id */
enum db	 state_relay_get(int64_t id, struct relay_row *);	/* finds */
/* Reads the link of every row whose file may be there. */
enum db	 state_relay_links(int (*cb)(void *, const char *link), void *arg);
/*
 * Writes all of them in one transaction; does not wait for the disk if every one is AGAIN.  Changes to rows that do not exist are
 * no error.  A row that is gone (DONE) has its link removed by spool_remove() afterwards, one in table pending has it moved by
 * spool_move().
 */
enum db	 state_relay_change(struct relay_change *, size_t n);
struct relay_report {
	const char	*link, *dest;
	const char	*sender, *about;	/* whom it is for, in the end, and the message that it is about; for table told */
	uint32_t	 nexthop;
};
/*
 * Writes that a report was made about these rows of one message: they go, and one for the report comes in their place, in relay
 * (nexthop > 0), or in pending (nexthop 0, dest is a Maildir); its id is in *made.  Reports are never reported: notify is NEVER,
 * sender is null; and no message on a server waits for them.  That the sender was told about it is written with them.  DB_NONE:
 * there are no such rows, and the report is to be removed.
 */
enum db	 state_relay_reported(const int64_t *ids, size_t n, const struct relay_report *, int64_t *made);

/* --- body.c --- */

/* Reads wanted rows whose server has the message no longer; some of them if they are many. */
enum db	 state_relay_orphans(int (*cb)(void *, const struct relay_row *), void *arg);
/* Writes that rows are on their way to their next hop: nothing is sent before.  Does not wait for the disk. */
enum db	 state_relay_sent(const int64_t *ids, size_t n, int64_t now);
/*
 * Writes something, to know that it can be done.  The first of a life also counts what was on its way when the last one ended: in
 * doubt, once.
 */
enum db	 state_relay_prove(int first, int64_t now);
/*
 * Writes that the file of a pending row exists nowhere: the row becomes a wanted one of table relay, with this status, so that the
 * message is retrieved again for its recipient alone; a row of something that rpopd wrote itself goes.  By id, or by link if id is
 * 0.  DB_NONE: there is no such row.
 */
enum db	 state_pending_missing(int64_t id, const char *link, const char *status);

/* --- rcpt.c --- */

/*
 * The row of relay that a recipient of a committed message got, but for its id.  0, or -1: a recipient that is none for table
 * relay.
 */
int	 rcpt_relay_row(struct relay_row *, const struct receipt *, const struct msg_rcpt *);
/* Says in a line what a commit made of a recipient, with this verdict. */
void	 state_rcpt_result(const struct msg_rcpt *, enum commit_verdict, char *line, size_t size);

/* --- hop.c --- */

/*
 * The next hops of a store that was loaded get ids that no other next hop ever had or will have, and everything in the config that
 * names one, too.  Next hops that are in it no longer are remembered as gone.  Writes if anything has changed.
 */
enum db	 state_hops(struct config *, int64_t now);
enum db	 state_hop_name(uint32_t id, char *name, size_t size);	/* finds */
/* Reads which next hops of this name are gone: at most max ids into list, *n of them. */
enum db	 state_hops_gone(const char *name, uint32_t *list, size_t max, size_t *n);

#endif
