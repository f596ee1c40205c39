/* SPDX-License-Identifier: ISC */
/*
 * How a password gets its proof (proofs.c).  The process that a client talked with may say that the password was right, and for
 * this one login that counts; but if the client has taken it over, a proof by its word would let a false password in for an hour.  So it
 * only hands the password over, and another process, that has heard no octet of the network but this password, verifies it once
 * more.  What that finds right is kept.  These wait behind all logins, one at a time; those that come while too many wait have no
 * proof, and cost the next login its time.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hmac.h"
#include "common/log.h"
#include "rpopd/turn/turn.h"
#include "auth_int.h"

#define PROVES_MAX	64	/* passwords that wait at once */

struct prove {
	TAILQ_ENTRY(prove)	 entry;
	struct worker		*worker;	/* it is being verified */
	uint32_t		 id;
	struct timer		 clock;
	uint8_t			 key[PROTO_DIGEST_LEN];
	uint8_t			 proof[PROTO_DIGEST_LEN];	/* once the process has the password */
	size_t			 vlen, len;
	uint8_t			 verifier[VERIFIER_MAX], password[PROTO_SECRET_MAX];
	char			 account[PROTO_ADDR_SIZE];
};

static void	 prove_give(struct prove *, struct child *);
static int	 prove_done(void *, struct imsg *);
static void	 prove_over(void *);
static void	 prove_late(void *);

const struct rule	 prove_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_AUTH_DONE,	RULES_ANY,	prove_done },
};
const size_t	 prove_nrules = nitems(prove_rules);

static TAILQ_HEAD(, prove)	 proves = TAILQ_HEAD_INITIALIZER(proves);
static size_t			 nproves;

/* A process says that this password, of 1 to PROTO_SECRET_MAX octets, fits this verifier of the account. */
void
prove_add(const char *account, const void *verifier, size_t vlen, const uint8_t *key, const void *password, size_t len)
{
	struct prove	*p;

	TAILQ_FOREACH(p, &proves, entry)
		if (strcmp(p->account, account) == 0)
			return;
	if (nproves >= PROVES_MAX)
		return;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal("prove");
	memcpy(p->key, key, sizeof(p->key));
	memcpy(p->verifier, verifier, vlen);
	memcpy(p->password, password, len);
	p->vlen = vlen;
	p->len = len;
	strlcpy(p->account, account, sizeof(p->account));
	timer_init(&p->clock, prove_late, p);
	TAILQ_INSERT_TAIL(&proves, p, entry);
	nproves++;
	turn_soon();
}

/* In each round: the first one that waits is given to a process. */
void
prove_run(void)
{
	struct prove	*p = TAILQ_FIRST(&proves);
	struct child	*template;

	if (p != NULL && p->worker == NULL && (template = worker_template(ROLE_AUTH)) != NULL)
		prove_give(p, template);
}

/* What is kept later is computed now: the password is wiped as soon as the process has it. */
static void
prove_give(struct prove *p, struct child *template)
{
	struct msg_auth_part	 part = { 0, 0 };

	_Static_assert(HMAC_LEN == sizeof(p->proof), "a proof is an HMAC");
	p->id = part.id = auth_number();
	p->worker = worker_start(template, p->id, "password that was right", prove_rules, prove_nrules, prove_over, p);
	if (p->worker == NULL) {
		prove_over(p);
		return;
	}
	link_send_part(&p->worker->link, IMSG_AUTH_START, &part, sizeof(part), p->verifier, p->vlen);
	link_send_part(&p->worker->link, IMSG_AUTH_PASSWORD, &part, sizeof(part), p->password, p->len);
	hmac_sha256(p->key, sizeof(p->key), p->password, p->len, p->proof);
	explicit_bzero(p->password, sizeof(p->password));
	timer_in(&p->clock, ASK_TIMEOUT);
}

/* IMSG_AUTH_DONE */
static int
prove_done(void *arg, struct imsg *imsg)
{
	struct worker		*w = arg;
	struct prove		*p = w->arg;
	struct msg_auth_done	 m;

	if (rules_payload(imsg, &m) == -1 || p == NULL || m.id != p->id || m.verdict > AUTH_VERDICT_BROKEN)
		return (-1);
	if (m.verdict == AUTH_VERDICT_YES)
		proof_keep(p->account, p->verifier, p->vlen, p->key, p->proof);
	else
		log_warnx("an auth process said of a password of %s that it is right, and it is wrong", p->account);
	worker_leave(w);
	prove_over(p);
	return (0);
}

/* It is over, or its process has died. */
static void
prove_over(void *arg)
{
	struct prove	*p = arg;

	timer_stop(&p->clock);
	TAILQ_REMOVE(&proves, p, entry);
	nproves--;
	freezero(p, sizeof(*p));
	turn_soon();
}

/* Its process takes too long, and is killed; its end will be noticed. */
static void
prove_late(void *arg)
{
	worker_kill(((struct prove *)arg)->worker);
}

/* No password stays in memory. */
void
prove_free_all(void)
{
	struct prove	*p;

	while ((p = TAILQ_FIRST(&proves)) != NULL)
		prove_over(p);
}
