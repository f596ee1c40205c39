/* SPDX-License-Identifier: ISC */
/*
 * From a listing to what is retrieved, deleted or left alone.  A session fills its plan with the listing (plan_init(), plan_add()),
 * lets it be made (plan_make()), and has it written down what came of it (plan_confirm(), plan_end()).
 */
#ifndef PLAN_H
#define PLAN_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/proto_fetcher.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

#define UNNAMED_MAX		1000	/* messages in STAT but not in UIDL that one session tries */

struct session;
struct task;

/* How far a message of the listing has come in this session. */
enum message_state {
	MESSAGE_LISTED,			/* nothing was asked of the fetcher for it */
	MESSAGE_PLANNED,		/* the fetcher was told its action */
	MESSAGE_RECEIVED,		/* the deliverer has it */
	MESSAGE_COMMITTED,		/* state.db has it */
	MESSAGE_REFUSED,		/* the deliverer did not take it */
	MESSAGE_SKIPPED,		/* RETR or TOP was refused; or a fingerprint is in; before plan_make(): listed twice */
	MESSAGE_DELETED			/* DELE was answered +OK */
};

/* What has to be proven before the row of a message counts: that the message is still the one that the row was written for. */
enum proof {
	PROOF_NONE,			/* nothing */
	PROOF_DELE,			/* it is to be deleted */
	PROOF_KEEP,			/* it is left alone, but its row was absent from a complete listing */
	PROOF_MARK			/* likewise, and its row has no fingerprint to compare: see proof_marks() */
};

/* What the server said to RETR in this session. */
enum refused {
	REFUSED_NOT,			/* it was not refused */
	REFUSED_LATER,			/* the code of the reply says that it may be had later */
	REFUSED_FOR_GOOD,		/* the code says that it is not to be had */
	REFUSED_SOMEHOW			/* refused without such a code */
};

/* What the master knows of one message number during a session. */
struct message {
	uint32_t	 uid_off;	/* of its key in plan.arena: its unique-id, or the key of its row */
	uint32_t	 size;		/* by LIST; a hint, 0 = not known */
	uint32_t	 rekey;		/* offset in plan.arena + 1 of the key that its row has until the end; 0: its own */
	uint8_t		 uid_len;	/* 0: no trustworthy unique-id, a digest stands in */
	uint8_t		 rekey_len;
	uint8_t		 action;	/* enum action, NONE: leave alone */
	uint8_t		 state;		/* enum message_state */
	uint8_t		 compare;	/* its row is found by its unique-id, and its digest decides whether it is known */
	uint8_t		 known;		/* a seen row exists */
	uint8_t		 named;		/* some line of the listing had its number */
	uint8_t		 oversize;	/* enum oversize: what earlier sessions did about its size */
	uint8_t		 suspect;	/* the deliverer may die of it, see suspect.c */
	uint8_t		 matched;	/* it was recognised as another row's: left alone, and that row gets its unique-id */
	uint8_t		 waiting;	/* it was taken, but a recipient is not final: it must not be deleted */
	uint8_t		 denied;	/* DELE was refused: 1 in an earlier session (reported), 2 in this one for the first time */
	uint8_t		 row;		/* enum seen_state of the row under its unique-id, if known or displaced; NEVER: none */
	uint8_t		 proof;		/* enum proof */
	uint8_t		 back;		/* its row was absent from a complete listing */
	uint8_t		 displaced;	/* the row under its unique-id is another message's */
	uint8_t		 expired;	/* leave_days is up: it is deleted once it is proven */
	uint8_t		 wanted;	/* it waits, and its file is missing here */
	uint8_t		 learn;		/* its row does not know the listed size yet */
	uint32_t	 fingerprint;	/* offset in plan.arena + 1 of its fingerprint, if it is to be deleted; 0: none */
	uint8_t		 failures;	/* sessions that failed at it before this one, or whose RETR was refused */
	uint8_t		 refused;	/* enum refused */
	uint32_t	 ago;		/* s since the last of its failures */
};

struct message_fingerprint {		/* the fingerprint of a message's header, as the server shows it, or as its row has it */
	uint32_t	 msgno;
	uint8_t		 digest[PROTO_DIGEST_LEN];
};

/* A seen row whose unique-id the listing does not name, see orphan.c. */
struct orphan {
	uint8_t		 uid[STATE_KEY_MAX];	/* key of the row */
	uint8_t		 uidlen, claimed;
	uint32_t	 used;		/* in the first orphan of each digest and kind: how many of these were claimed */
	struct seen_digests seen;		/* what its message may be recognised by */
};

struct orphans {
	struct orphan	*list;		/* by digest, after orphan_digests() */
	size_t		 n;
	size_t		 done, kept;	/* progress of whoever looks at all of them in slices */
};

struct refusal {			/* an answer to RETR */
	uint32_t	 msgno;
	char		 text[PROTO_TEXT_SIZE];	/* the server's words, vis-encoded */
};

enum plan_result {
	PLAN_FAILED = -1,		/* the store, or memory: there is no plan */
	PLAN_READY,			/* the plan stands and is recorded: messages' actions are to be carried out */
	PLAN_ASK,			/* actions are FINGERPRINT: plan_go_on() when all answers are in, or were refused */
	PLAN_PAUSED,			/* nothing is to be done, and the session has its reason */
	PLAN_MORE,			/* a slice was done: plan_go_on() from the event loop */
	PLAN_NEXT			/* of a step only: it is done, the next one follows */
};

/*
 * A plan is made in steps, each of them so short that the daemon does not stand still.  A step that is not done returns PLAN_MORE
 * and is called again, with work.again set.
 */
typedef enum plan_result plan_step(struct session *);

struct plan_work {			/* of plan/ itself, while a plan is made or a session's end is recorded */
	plan_step	*const *steps;	/* the next step of the list that plan_run() was given; NULL: no plan is being made */
	plan_step	*const *branch;	/* the next step of plan_branch()'s list, which comes first; NULL: none */
	int		 again;		/* the present step has returned PLAN_MORE before */
	enum listing	 listing;
	int		 has_uidl;
	struct unprove	 unprove;
	int64_t		 former;	/* the mailbox that unprove is of, if not the session's own */
	struct state_place at;		/* of a walk over the rows */
	uint32_t	 next;		/* message of a step that looks at all of them */
	size_t		 done;		/* changes that are recorded */
	enum { END_OPEN, END_RECORDING, END_UNPROVING } end;	/* what plan_end() is at */
	int64_t		 now;		/* epoch, of the walk */
	int64_t		 keep;		/* s that a row is remembered behind its last listing if the server deleted its message */
	int64_t		 recent;	/* epoch; rows that are absent since before that make no mass of missing messages */
};

struct plan {
	struct plan_work work;
	struct message	*msgs;		/* count + 1 entries, index = message number; NULL: not logged in yet */
	uint32_t	 count;
	uint32_t	 beyond;	/* messages that STAT counts behind these, see plan_trim() */
	uint32_t	 lines;		/* of the listing, bad ones too */
	uint32_t	 nnamed, nsized;	/* messages that the listing names, and whose size is known */
	/* the messages by their keys: listing.c */
	uint32_t	*hash;		/* of keys, slots hold message numbers; NULL: keys ascend */
	uint32_t	 mask;		/* slots of hash - 1 */
	uint32_t	 guess;		/* message number that the next search looks at first */
	int		 ascending;	/* every message has a unique-id, and these ascend */
	char		*arena;		/* keys and fingerprints */
	size_t		 arena_len, arena_size;
	/* what the listing and the rows have come to */
	int		 made;		/* plan_make() has seen the listing */
	int		 complete;	/* the listing named every message once and well */
	uint32_t	 retrieve, delete;	/* messages planned */
	uint32_t	 untrusted;	/* messages without a trustworthy unique-id */
	uint32_t	 unnamed;	/* of these, messages in no line of the listing at all */
	uint32_t	 derived;	/* messages whose unique-id is a digest of what the server has in its place */
	uint32_t	 postponed;	/* suspect messages that wait for another session's */
	uint32_t	 cut;		/* messages left for the next session, which follows at once */
	uint32_t	 big;		/* messages over max_size that are not retrieved */
	uint32_t	 present;	/* rows of messages left on the server: listed */
	uint32_t	 absent;	/* likewise: not listed, for a day at most, or listed with another size */
	uint32_t	 met, missed;	/* likewise, of these and of rows whose deletion the server has not confirmed */
	uint32_t	 displaced;	/* messages */
	uint32_t	 stayed, vanished;	/* messages of the last session that brought some: listed, and not; see vanish.c */
	uint32_t	 unknown;	/* messages with a trusted unique-id and no row */
	uint32_t	 renumbered;	/* 1: unknown messages are compared with missing rows by digest, see renumber.c */
	int64_t		 oldest;	/* epoch of the delivery of the oldest message that is left on the server; 0: none */
	/* what is to be recorded: changes.c */
	struct listing_change *changes;
	size_t		 nchanges;
	int		 failed;	/* there was no memory for a change */
	int		 must;		/* there are changes without which the plan must not be carried out */
	struct orphans	 orphans;
	/* fingerprints that were asked for */
	struct message_fingerprint *fingerprints;	/* as the server shows them */
	uint32_t	 nfingerprints, answers, asked;	/* answers: fingerprints and refusals */
	struct message_fingerprint *wanted;	/* as rows have them, ascending msgno: proof.c */
	uint32_t	 nwanted;
	int		 no_top;	/* a session failed at a message that is to be proven: no TOP this time */
	int		 confirmed;	/* QUIT was answered +OK */
	struct refusal	*refused;	/* the first refusals, see refusal.c */
	uint32_t	 nrefused, refusals;	/* of these; all */
};

/* What the record allows, as it was when the session began. */
struct quota {
	uint32_t	 max_size, session_messages, leave_days;
	uint64_t	 session_octets;
	uint8_t		 headers_only, mark_first;
	uint32_t	 account;	/* whom notices go to */
};

/* former.c: the mailbox that a record had before */
enum former_past {			/* of a record whose mailbox is new */
	PAST_NONE,			/* no former mailbox is its kin */
	PAST_KIN,			/* some are */
	PAST_POLLED			/* this record was polled before, whether there or here */
};

enum former_found {
	FOUND_FAILED = -1,		/* the store, or memory */
	FOUND_NONE,			/* none is the session's mailbox */
	FOUND_ONE,			/* the session and its task have that one from now on */
	FOUND_BUSY,			/* not now: a session with one of them is still ending */
	FOUND_MORE			/* a slice was done: call again */
};

struct former_seen {			/* the one that a poll would have from now on */
	int64_t		 mailbox;
	int		 doubt;		/* 1: only to compare with */
	char		 words[PROTO_ORIGIN_SIZE];	/* whose it is */
};
enum former_found former_look(struct session *, enum former_past *, struct former_seen *);

/* listing.c: the messages of a listing and their keys */
int	 plan_init(struct plan *, uint32_t count);
void	 plan_free(struct plan *);
int	 plan_add(struct plan *, uint32_t msgno, const uint8_t *uid, size_t len);
void	 plan_trim(struct plan *);
int	 plan_index(struct plan *);
uint32_t plan_find(struct plan *, const void *, size_t);
const uint8_t *plan_uid(const struct plan *, const struct message *);
int	 plan_marks(const struct session *, enum former_past);

/* step.c */
enum plan_result plan_run(struct session *, plan_step *const *steps);	/* in place of plan_make(), for a trial */
enum plan_result plan_go_on(struct session *);
int	 plan_unfinished(const struct plan *);

/* plan.c */
enum plan_result plan_make(struct session *, enum listing, int has_uidl);

/* orphan.c */
size_t	 plan_key(struct plan *, uint32_t msgno, const uint8_t *digest, int tells, uint8_t *key);

/* end.c: what a session's end writes down */
int	 plan_note(struct plan *, struct message *, const uint8_t *fingerprint);
enum db	 plan_confirm(struct session *, int quit_ok);
enum db	 plan_record(struct session *);
enum db	 plan_end(struct session *);

/* quota.c */
void	 quota_set(struct quota *, const struct record *);
void	 quota_start(struct session *, struct msg_fetch_start *);

/* suspect.c */
int	 suspect_holds(const struct session *);
void	 suspect_leave(const struct session *);
void	 suspect_failure(struct session *, uint32_t msgno, const char *reason);
void	 suspect_death(struct session *, uint32_t msgno);

/* refusal.c */
void	 refusal_note(struct session *, uint32_t msgno, enum fail_why, const char *text);

/* spot.c */
void	 spot_forget(struct task *);
uint32_t spot_start(struct task *, uint32_t *probe);
int	 spot_same(const struct session *);
void	 spot_remember(struct session *);

/* vanish.c */
void	 vanish_judge(struct session *);
void	 vanish_watch(struct session *);

#endif
