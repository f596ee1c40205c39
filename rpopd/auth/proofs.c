/* SPDX-License-Identifier: ISC */
/*
 * Proofs: passwords that were right are known again for an hour without crypt(3), for clients that log in every few minutes.  Kept
 * is the HMAC-SHA-256 of a password by a key of its own, bound to the account and to its verifier, in the master's memory
 * only.  The verifier is read from the store at each login: one that was changed has no proof.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "auth_int.h"

#define PROOFS_MAX	1000
#define PROOF_LIFE	3600000		/* ms, from the password's verification by crypt(3) on */

struct proof {
	TAILQ_ENTRY(proof)	 entry;		/* oldest first */
	int64_t			 until;		/* monotonic ms */
	uint8_t			 verifier[PROTO_DIGEST_LEN];	/* SHA-256 */
	uint8_t			 key[PROTO_DIGEST_LEN], proof[PROTO_DIGEST_LEN];
	char			 account[PROTO_ADDR_SIZE];
};

static struct proof	*proof_find(const char *);
static void		 proof_drop(struct proof *);
static void		 proof_digest(uint8_t *, const void *, size_t);

static TAILQ_HEAD(proofs, proof) proofs = TAILQ_HEAD_INITIALIZER(proofs);
static size_t			 nproofs;

/* Puts the proof there that is known for this account and this verifier, or a key for a new one. */
void
proof_get(const char *account, const void *verifier, size_t len, struct msg_auth_verifier *m)
{
	struct proof	*p = proof_find(account);
	uint8_t		 digest[PROTO_DIGEST_LEN];

	proof_digest(digest, verifier, len);
	if (p != NULL && memcmp(p->verifier, digest, sizeof(digest)) != 0) {
		proof_drop(p);
		p = NULL;
	}
	m->has_proof = p != NULL;
	if (p == NULL) {
		arc4random_buf(m->key, sizeof(m->key));
		memset(m->proof, 0, sizeof(m->proof));
		return;
	}
	memcpy(m->key, p->key, sizeof(m->key));
	memcpy(m->proof, p->proof, sizeof(m->proof));
}

/* The password with this proof, by the key that proof_get() gave out, was verified by a process that no client talks with. */
void
proof_keep(const char *account, const void *verifier, size_t len, const uint8_t *key, const uint8_t *proof)
{
	struct proof	*p;

	if ((p = proof_find(account)) != NULL)
		proof_drop(p);
	if (nproofs >= PROOFS_MAX)
		proof_drop(TAILQ_FIRST(&proofs));
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("proof");
	p->until = clock_msec() + PROOF_LIFE;
	proof_digest(p->verifier, verifier, len);
	memcpy(p->key, key, sizeof(p->key));
	memcpy(p->proof, proof, sizeof(p->proof));
	strlcpy(p->account, account, sizeof(p->account));
	TAILQ_INSERT_TAIL(&proofs, p, entry);
	nproofs++;
}

/* Nothing stays in memory. */
void
proof_free_all(void)
{
	struct proof	*p;

	while ((p = TAILQ_FIRST(&proofs)) != NULL)
		proof_drop(p);
}

/* The proof of an account, NULL: there is none.  Those whose hour is over are dropped on the way. */
static struct proof *
proof_find(const char *account)
{
	struct proof	*p;

	while ((p = TAILQ_FIRST(&proofs)) != NULL && clock_msec() >= p->until)
		proof_drop(p);
	TAILQ_FOREACH(p, &proofs, entry)
		if (strcmp(p->account, account) == 0)
			break;
	return (p);
}

static void
proof_drop(struct proof *p)
{
	TAILQ_REMOVE(&proofs, p, entry);
	nproofs--;
	freezero(p, sizeof(*p));
}

static void
proof_digest(uint8_t *digest, const void *verifier, size_t len)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, verifier, len);
	SHA256Final(digest, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
}
