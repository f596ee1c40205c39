/* SPDX-License-Identifier: ISC */
/* From a listing to what is retrieved, deleted or left alone; plan.c and its helpers. */
#ifndef PLAN_H
#define PLAN_H

#include <sys/types.h>

#include <stdint.h>

#include "../common/proto.h"
#include "store.h"

#define UNNAMED_MAX		1000	/* messages in STAT but not in UIDL that one session tries */
#define FORGET_SECONDS		86400	/* must 20: absent from complete listings this far apart */

struct session;

/* What the master knows of one message number during a session. */
struct message {
	uint32_t	 uid_off;	/* in plan.arena */
	uint8_t		 uid_len;	/* 0: no trustworthy unique-id, a digest stands in */
	uint8_t		 action;	/* enum plan_action, 0 = leave alone */
	uint8_t		 state;		/* enum message_state */
	uint8_t		 compare;	/* a seen row exists: decide by digest */
	uint8_t		 named;		/* some line of the listing had its number */
	uint8_t		 rekey_len;
	uint32_t	 rekey;		/* offset in plan.arena + 1 of the digest key its row still has */
	uint8_t		 denied;	/* DELE refused: 1 before (reported), 2 in this session for the first time */
};

enum message_state { MESSAGE_LISTED, MESSAGE_PLANNED, MESSAGE_RECEIVED, MESSAGE_COMMITTED, MESSAGE_REFUSED, MESSAGE_SKIPPED,
	MESSAGE_DELETED };

struct orphan {
	uint8_t		 uid[PROTO_UID_MAX + 10];
	uint8_t		 uidlen, claimed;
	uint8_t		 digest[PROTO_DIGEST_LEN];
};

struct orphans {
	struct orphan	*list;
	size_t		 n, size;
};

struct plan {
	struct message	*msgs;		/* count + 1 entries, index = message number */
	uint32_t	 count;
	uint32_t	*hash;		/* unique-id -> message number */
	uint32_t	 mask;
	char		*arena;
	size_t		 arena_len, arena_size;
	uint32_t	 retrieve, delete;
	uint32_t	 untrusted;
	uint32_t	 unnamed;	/* of them, in no line of the listing at all */
	uint32_t	 postponed;	/* suspects that did not get the token */
	struct listing_change *changes;
	size_t		 nchanges;
	struct orphans	 orphans;
};

/* plan.c */
int	 plan_init(struct plan *, uint32_t count);
void	 plan_free(struct plan *);
int	 plan_add(struct plan *, uint32_t msgno, const uint8_t *uid, size_t len);
int	 plan_make(struct session *, enum listing, int has_uidl);	/* actions for every message; 0 or -1 */
int	 plan_confirm(struct session *, int quit_ok);	/* after QUIT: what was deleted; 0, 1 try plan_record() later, -1 */
int	 plan_record(struct session *);
size_t	 plan_key(struct plan *, uint32_t msgno, const uint8_t *digest, uint8_t *key);

/* orphan.c */
int	 orphan_add(struct orphans *, const uint8_t *, size_t);
int	 orphan_prepare(struct orphans *, int64_t mailbox, int untrusted);
struct orphan *orphan_claim(struct orphans *, const uint8_t *digest, int by_digest);
void	 orphan_free(struct orphans *);

#endif
