/* SPDX-License-Identifier: ISC */
/* From a listing to what is retrieved, deleted or left alone; plan.c and its helpers. */
#ifndef PLAN_H
#define PLAN_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/proto_fetcher.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"

#define UNNAMED_MAX		1000	/* messages in STAT but not in UIDL that one session tries */
#define FORGET_SECONDS		86400	/* must 20: absent from complete listings this far apart */

struct session;

/* What the master knows of one message number during a session. */
struct message {
	uint32_t	 uid_off;	/* in plan.arena */
	uint32_t	 size;		/* by LIST; a hint, 0 = not known */
	uint32_t	 rekey;		/* offset in plan.arena + 1 of the key its row still has */
	uint8_t		 uid_len;	/* 0: no trustworthy unique-id, a digest stands in */
	uint8_t		 rekey_len;
	uint8_t		 action;	/* enum plan_action, 0 = leave alone */
	uint8_t		 state;		/* enum message_state */
	uint8_t		 compare;	/* a seen row exists: decide by digest */
	uint8_t		 known;		/* a seen row exists */
	uint8_t		 named;		/* some line of the listing had its number */
	uint8_t		 oversize;	/* enum oversize: what earlier sessions did about its size */
	uint8_t		 suspect;	/* retrieved only with the token: the deliverer may die of it */
	uint8_t		 matched;	/* it is the one of another row, by fingerprint: left alone, rekeyed at the end */
	uint8_t		 waiting;	/* taken, but a recipient is not final: no leave to delete it */
	uint8_t		 denied;	/* DELE refused: 1 before (reported), 2 in this session for the first time */
	uint8_t		 row;		/* enum seen_state of the row under its unique-id, NEVER: none; valid if known or displaced */
	uint8_t		 proof;		/* enum proof: what its row wants before its word counts */
	uint8_t		 back;		/* its row was absent from a complete listing */
	uint8_t		 displaced;	/* the row under its unique-id is another message's */
	uint8_t		 expired;	/* leave_days is up: deleted once it is proven */
	uint8_t		 wanted;	/* it waits, and its file is missing here */
	uint8_t		 learn;		/* its row does not know the listed size yet */
	uint32_t	 print;		/* offset in plan.arena + 1 of its fingerprint, of what is to be deleted */
	uint8_t		 failures;	/* sessions that failed at it before this one, or whose RETR was refused */
	uint8_t		 refused;	/* enum refused: RETR in this session */
	uint32_t	 ago;		/* s since the last of its failures */
};

enum message_state { MESSAGE_LISTED, MESSAGE_PLANNED, MESSAGE_RECEIVED, MESSAGE_COMMITTED, MESSAGE_REFUSED, MESSAGE_SKIPPED,
	MESSAGE_DELETED };

/* None; DELE needs one; left alone, but was absent; likewise, and has nothing to be compared with. */
enum proof { PROOF_NONE, PROOF_DELE, PROOF_KEEP, PROOF_MARK };

/* What the server said to RETR: to try later, never to try, or nothing of the kind. */
enum refused { REFUSED_NOT, REFUSED_LATER, REFUSED_FOR_GOOD, REFUSED_SOMEHOW };

#define REFUSALS_MAX	20		/* whose words are kept */
struct refusal {
	uint32_t	 msgno;
	char		 text[PROTO_TEXT_SIZE];	/* vis-encoded */
};

struct orphan {
	uint8_t		 uid[STATE_KEY_MAX];
	uint8_t		 uidlen, claimed;
	uint32_t	 used;		/* of those of its digest and kind, if it is their first: so many were claimed */
	struct seen_print print;
};

struct orphans {
	struct orphan	*list;		/* by digest, after orphan_prepare() */
	size_t		 n, size;
	size_t		 done, kept;	/* by orphan_prepare(), or whoever else looks at all of them in slices */
};

struct fingerprint {			/* of a message, as the server says, or as its row has it */
	uint32_t	 msgno;
	uint8_t		 digest[PROTO_DIGEST_LEN];
};

enum plan_result { PLAN_FAILED = -1, PLAN_READY, PLAN_ASK, PLAN_PAUSED, PLAN_MORE };

/*
 * A plan is made in steps, each so short that the daemon does not stand still: what a step leaves over is done by plan_go_on(), until
 * something else than PLAN_MORE is returned.  A step either goes on with the next one or returns its result.
 */
typedef enum plan_result plan_step(struct session *);

struct plan_work {
	plan_step	*step;		/* plan_go_on() does this; NULL: nothing is left over */
	plan_step	*then;		/* behind what is in slices now */
	enum listing	 listing;
	int		 has_uidl;
	struct unprove	 unprove;
	int64_t		 former;	/* the mailbox it is of, if not the session's own */
	struct state_place at;		/* of the walk over the rows */
	uint32_t	 next;		/* message */
	size_t		 done;		/* changes that are recorded */
	int		 (*row)(void *, const struct seen_row *);	/* of the walk that collects orphans */
	int		 all;		/* digests of all orphans are wanted */
	int		 lenient;	/* should the store be locked, what was learned is learned again */
	plan_step	*finish, *found;	/* behind plan_finish(), and behind the prints of orphans */
	enum { PLAN_OPEN, PLAN_RECORDING, PLAN_UNPROVING } end;		/* plan_end() has begun */
	int64_t		 now;		/* of the walk */
	int64_t		 keep;		/* s, what we did not delete ourselves is remembered behind its last listing */
	int64_t		 recent;	/* what has been gone for longer does not make a mass that is missing */
};

struct plan {
	struct plan_work work;
	struct message	*msgs;		/* count + 1 entries, index = message number */
	uint32_t	 count;
	uint32_t	 beyond;	/* messages that STAT counts behind these; see plan_trim() */
	uint32_t	 lines;		/* of the listing, bad ones too */
	uint32_t	 nnamed, nsized;	/* messages that it names, and whose size is known */
	uint32_t	*hash;		/* unique-id -> message number; see poll/plan/uid.c */
	uint32_t	 mask;
	uint32_t	 guess;		/* where the next look-up begins */
	int		 ascending;
	int		 made;		/* plan_make() has seen the listing */
	int		 complete;	/* and it named every message once and well */
	char		*arena;
	size_t		 arena_len, arena_size;
	uint32_t	 retrieve, delete;
	uint32_t	 untrusted;
	uint32_t	 unnamed;	/* of them, in no line of the listing at all */
	uint32_t	 derived;	/* messages whose unique-id is a digest of what the server has in its place */
	uint32_t	 postponed;	/* suspects that did not get the token */
	uint32_t	 cut;		/* left for the next session, which follows at once */
	uint32_t	 big;		/* over max_size and not retrieved */
	/* Rows of messages left on the server: listed; not, for a day at most, or listed with another size. */
	uint32_t	 present, absent;
	/* Likewise, with rows of messages that were to be deleted, which the server has not confirmed. */
	uint32_t	 met, missed;
	uint32_t	 displaced;	/* messages */
	uint32_t	 stayed, vanished;	/* messages of the last session that brought some: listed, and not */
	uint32_t	 unknown;	/* messages with a trusted unique-id and no row */
	uint32_t	 renumbered;	/* 1: retrieved, they are compared with missing rows by digest */
	int64_t		 oldest;	/* since of the oldest row left on the server */
	struct listing_change *changes;
	size_t		 nchanges, changes_size;
	int		 failed;	/* no memory for a change */
	int		 must;		/* changes without which the plan must not be carried out */
	struct orphans	 orphans;
	struct fingerprint *prints;	/* asked for: answers so far */
	uint32_t	 nprints, answers, asked;
	struct fingerprint *wanted;	/* what the answers should be, ascending msgno; NULL: they are for renumber.c */
	uint32_t	 nwanted;
	int		 no_top;	/* a session failed at a message that is to be proven: no TOP this time */
	int		 confirmed;	/* QUIT was answered +OK */
	struct refusal	*refused;	/* the first REFUSALS_MAX */
	uint32_t	 nrefused, refusals;	/* of these; answers of that kind to RETR */
};

/* What the record allows, as it was when the session began. */
struct quota {
	uint32_t	 max_size, session_messages, leave_days;
	uint64_t	 session_octets;
	uint8_t		 headers_only, mark_first;
	uint32_t	 account;	/* whom to tell */
};

/* plan.c */
enum plan_result plan_make(struct session *, enum listing, int has_uidl);	/* actions for every message */
enum plan_result plan_go_on(struct session *);	/* behind PLAN_MORE, of whatever call */
enum plan_result plan_walk(struct session *);	/* a step: over all rows */
enum plan_result plan_prove(struct session *);	/* a step: every row has had its say */
enum plan_result plan_settle(struct session *);	/* a step: every proof is in, or is not to be had */
enum db	 plan_confirm(struct session *, int quit_ok);	/* after QUIT: what was deleted; as plan_record() */
enum db	 plan_record(struct session *);		/* DB_OK; DB_BUSY: call again later; DB_MORE: call again; DB_FAILED: not recorded */
enum db	 plan_end(struct session *);		/* the session is over, every receipt is in; DB_OK, or DB_MORE: call again */
int	 plan_match(struct plan *, uint32_t msgno, const struct orphan *);
size_t	 plan_key(struct plan *, uint32_t msgno, const uint8_t *digest, int tells, uint8_t *key);
void	 plan_doubts(struct plan *);		/* changes: rows of displaced messages are known by digest only */
int	 plan_note(struct plan *, struct message *, const uint8_t *fingerprint);	/* of what is to be deleted; 0 or -1 */
struct listing_change *plan_change(struct plan *, const void *, size_t, int what);	/* NULL: memory, plan.failed is set */

/* poll/plan/step.c: what several steps need; then is the step behind it */
enum plan_result plan_more(struct session *, plan_step *);	/* call it again */
enum plan_result plan_save(struct session *, plan_step *then);	/* the changes are recorded */
enum plan_result plan_finish(struct session *, plan_step *then);	/* sizes and numbers of messages, then everything is recorded */
enum plan_result plan_collect(struct session *, int (*row)(void *, const struct seen_row *), plan_step *then);	/* orphans anew */
enum plan_result plan_orphans(struct session *, plan_step *then);	/* likewise, those whose message may be met */
enum plan_result plan_prepare(struct session *, int all, plan_step *then);	/* their digests, of all or of those keyed by one */

/* poll/plan/uid.c */
int	 plan_init(struct plan *, uint32_t count);
void	 plan_free(struct plan *);
int	 plan_add(struct plan *, uint32_t msgno, const uint8_t *uid, size_t len);
int	 plan_store(struct plan *, struct message *, const void *, size_t);
int	 plan_index(struct plan *);
void	 plan_trim(struct plan *);		/* of what UIDL does not name, so much as one session tries */
uint32_t plan_find(struct plan *, const void *, size_t);	/* message number, 0 = none */
void	 plan_hash(struct plan *, uint32_t msgno);		/* its key is new */
const uint8_t *plan_uid(const struct plan *, const struct message *);

/* quota.c */
extern struct session	*suspect_holder;	/* the one that may retrieve suspect messages; NULL: none */
void	 quota_set(struct quota *, const struct record *);
void	 quota_start(struct session *, struct msg_fetch_start *);
void	 quota_pause(struct session *, enum fail_why, const char *, ...) __attribute__((__format__(printf, 3, 4)));
void	 quota_oversize(struct session *);
void	 quota_remember(struct session *, const struct message *, enum oversize);
void	 quota_report(struct session *);
void	 quota_count(struct session *);
enum plan_result quota_first(struct session *);	/* a step: the first listing of a mailbox */
void	 quota_failure(struct session *, uint32_t msgno, const char *reason);

/* refusal.c */
void	 refusal_note(struct session *, uint32_t msgno, enum fail_why, const char *text);
void	 refusal_confirm(struct session *);
void	 refusal_report(struct session *);

/* vanish.c */
void	 vanish_row(struct session *, const struct seen_row *, int listed);
void	 vanish_judge(struct session *);
void	 vanish_watch(struct session *);

/* proof.c */
void	 proof_row(struct session *, struct message *, const struct seen_row *, int dele);
void	 proof_displace(struct plan *, struct message *);
void	 proof_want_body(struct plan *, struct message *);
void	 proof_marks(struct session *);
enum plan_result proof_ask(struct session *);	/* a step */
enum plan_result proof_decide(struct session *);
void	 proof_apply(struct session *);

/* renumber.c */
enum plan_result renumber_check(struct session *);	/* a step */
enum plan_result renumber_decide(struct session *);
int	 renumber_size(uint64_t, uint64_t);	/* one is not known, or they are about the same */

/* orphan.c */
enum { ORPHAN_BY_UID = 1, ORPHAN_BY_DIGEST = 2, ORPHAN_BY_EITHER = ORPHAN_BY_UID | ORPHAN_BY_DIGEST };
int	 orphan_derived(const uint8_t *, size_t);	/* 1: a unique-id that is the digest of what is none (fetcher/pop3_list.c) */
struct orphan *orphan_add(struct orphans *, const uint8_t *, size_t);	/* NULL: memory */
enum db	 orphan_prepare(struct orphans *, int64_t mailbox, int untrusted);	/* DB_OK, DB_MORE: call again, DB_FAILED */
struct orphan *orphan_claim(struct orphans *, const uint8_t *digest, int kinds);
void	 orphan_free(struct orphans *);

#endif
