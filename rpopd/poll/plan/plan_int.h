/* SPDX-License-Identifier: ISC */
/* What the files of plan/ share with each other; poll/ sees plan.h only. */
#ifndef PLAN_INT_H
#define PLAN_INT_H

#include <stddef.h>
#include <stdint.h>

#include "session.h"

#define FORGET_SECONDS	86400	/* between two complete listings without a deleted message, before its row is dropped */

/* listing.c */
int	 plan_store(struct plan *, struct message *, const void *, size_t);
void	 plan_hash(struct plan *, uint32_t msgno);
int	 plan_alike(uint64_t, uint64_t);
int	 plan_reused(const struct message *, uint32_t size, int64_t gone);

/* step.c */
enum plan_result plan_branch(struct session *, plan_step *const *steps);
enum plan_result plan_pause(struct session *, enum fail_why, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* changes.c */
struct listing_change *plan_change(struct plan *, const void *, size_t, int what);
struct listing_change *plan_change_message(struct plan *, const struct message *, int what);
void	 plan_keep_missing(struct plan *);
plan_step	 plan_save, plan_learn;

/* first.c */
plan_step	 first_listing;

/* former.c */
#define FORMER_SIZES	6		/* different sizes that make a proof */

enum kinship {				/* how a former mailbox may be the record's own */
	KIN_NONE,			/* not at all */
	KIN_RECORD,			/* its record had the same account and name */
	KIN_LOGIN			/* the login is the same, and the record's name or the host's domain, or it is an address */
};

struct former_count {			/* a former mailbox beside a listing */
	uint32_t	 rows;		/* messages that should be there still */
	uint32_t	 present;	/* of them, messages whose unique-id is listed */
	uint32_t	 equal;		/* of those present, messages with the very same size */
	uint32_t	 differ;	/* of those present, messages with quite another size */
	uint32_t	 unsized;	/* of those present, messages of which one of the two sizes is not known */
	uint32_t	 nsizes;	/* different sizes among the equal ones, as far as they are counted */
	int64_t		 sizes[FORMER_SIZES];
};

enum former_proof { FORMER_OTHER, FORMER_DOUBT, FORMER_SAME };	/* it is another mailbox; perhaps the same one; the same one */

enum kinship	 former_kin(const struct former *, const struct record *);
void		 former_size(struct former_count *, int64_t known, int64_t listed);
enum former_proof former_judge(const struct former_count *, enum kinship);
enum former_found former_find(struct session *, enum former_past *);

/* proof.c */
plan_step	 proof_marks, proof_ask, proof_decide, proof_settle;
void	 proof_row(struct session *, struct message *, const struct seen_row *, int dele);
void	 proof_want_body(struct plan *, struct message *);
void	 proof_doubt(struct plan *);

/* renumber.c */
plan_step	 renumber_check;

/* orphan.c */
enum { ORPHAN_BY_UID = 1, ORPHAN_BY_DIGEST = 2, ORPHAN_BY_EITHER = ORPHAN_BY_UID | ORPHAN_BY_DIGEST };
int	 orphan_derived(const uint8_t *, size_t);
struct orphan *orphan_add(struct orphans *, const uint8_t *, size_t);
enum plan_result orphan_walk(struct session *, int (*row)(void *, const struct seen_row *));
plan_step	 orphan_collect;
enum plan_result orphan_digests(struct session *, int all);
struct orphan *orphan_claim(struct orphans *, const uint8_t *digest, int kinds);
int	 orphan_match(struct plan *, uint32_t msgno, const struct orphan *);
void	 orphan_free(struct orphans *);

/* quota.c */
plan_step	 quota_apply, quota_tell;
void	 quota_row(struct message *, const struct seen_row *);
void	 quota_remember(struct session *, const struct message *, enum oversize);

/* suspect.c */
void	 suspect_row(struct session *, struct message *, const struct seen_row *);
int	 suspect_take(struct session *);

/* refusal.c */
void	 refusal_confirm(struct session *);
void	 refusal_tell(struct session *);

/* vanish.c */
void	 vanish_row(struct session *, const struct seen_row *, int listed);

#endif
