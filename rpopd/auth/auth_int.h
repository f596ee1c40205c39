/* SPDX-License-Identifier: ISC */
/* What the files of this room share. */
#ifndef RPOPD_AUTH_INT_H
#define RPOPD_AUTH_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/proto_auth.h"
#include "common/ipc/rules.h"
#include "common/timer.h"
#include "common/verifier.h"
#include "rpopd/child/child.h"
#include "auth.h"

/*
 * A password that is being verified: one that was given with its account (a check), or a login at popd.
 *
 *	WAITS		a login without a process yet; what its session says waits in the channel
 *	TALKS		a login: its process and the client talk, and nothing is verified
 *	QUEUED		waits for its account's and its client's turn, for a process, and for the store
 *	ASKED		in its turn: an auth process of its own verifies it
 *	ANSWERED	it is known what the owner is told, and when
 *
 * The password is wiped when the process has it, and with the end.
 */
enum auth_state { AUTH_WAITS, AUTH_TALKS, AUTH_QUEUED, AUTH_ASKED, AUTH_ANSWERED };

struct guard;
struct login;
struct peer;
struct program;

struct attempt {			/* what is known of a login at popd */
	const struct auth_login_calls *calls;	/* NULL: the owner has left */
	struct msg_auth_login	 conf;
	uint32_t		 session;	/* for log lines */
	int			 web;		/* it is one of the web page */
	int			 fd;		/* WAITS: the end of the session's channel that the process will have, else -1 */
	int			 early;		/* SCRAM: the process has the verifier, and asks for its turn */
	int			 asked;		/* it did */
	int			 right;		/* it was right, and the client is hearing that */
	int			 named;		/* lookup is filled */
	int			 at_home;	/* its account is known from this client */
	struct msg_auth_lookup	 lookup;
	char			 address[PROTO_ADDR_SIZE];	/* of the account; empty: there is none */
	char			 known_as[PROTO_ADDR_SIZE];	/* the address whose turn it waits for */
	struct msg_auth_verifier known;		/* key and proof that the process got with the verifier */
	size_t			 vlen;
	uint8_t			 verifier[VERIFIER_MAX];
	char			 text[PROTO_TEXT_SIZE];		/* MALFORMED: why */
	char			 client[PROTO_CLIENT_SIZE];	/* numeric address */
};

struct auth {
	TAILQ_ENTRY(auth)	 entry;		/* as they came, and as they began to wait for their turn */
	enum auth_state		 state;
	enum auth_answer	 answer;	/* ANSWERED */
	struct guard		*guard;		/* its account's; NULL: it has no turn to wait for */
	struct peer		*peer;		/* its client's; NULL: rpopctl asks, or a client on this host */
	struct worker		*worker;	/* TALKS, ASKED, QUEUED of a login */
	uint32_t		 id;		/* what the process knows it by */
	int			 stand_in;	/* the verifier is none of the account's: whatever comes of it, the answer is no */
	int64_t			 until;		/* monotonic ms: WAITS or QUEUED no longer than that */
	struct timer		 clock;		/* ASKED, TALKS: too late; ANSWERED: now */
	enum auth_source	 source;	/* who verifies it; not the store: */
	struct program		*program;	/* it has the name, and has not ended */
	int			 written;	/* and the password, by the word of the auth process */
	int			 ended;		/* and has ended, with: */
	enum auth_verdict	 end;
	int64_t			 asked;		/* monotonic ms: its turn began */
	char			 label[PROTO_TEXT_SIZE];
	struct attempt		*login;		/* NULL: a check */
	void			(*done)(void *, enum auth_answer);	/* of a check */
	void			*arg;
	size_t			 len;
	uint8_t			 password[PROTO_SECRET_MAX];
};

/* --- auth.c --- */

#define QUEUE_TIMEOUT	60000	/* ms without a process, or without a turn */
#define ASK_TIMEOUT	60000	/* ms; the process has a limit of its computing time, too */

struct auth	*auth_new(struct attempt *);
struct auth	*auth_next(struct auth *);
uint32_t	 auth_number(void);
int		 auth_store(const char *address, int none, struct login *, const char *label);
void		 auth_queue(struct auth *);
void		 auth_asked(struct auth *);
int		 auth_verdict(struct auth *, uint32_t);
void		 auth_passed(struct auth *);
void		 auth_talks(struct auth *);
void		 auth_unused(struct auth *);
void		 auth_answer(struct auth *, enum auth_answer, int64_t ms);
const char	*auth_label(const struct auth *);
void		 auth_died(void *);
int		 auth_process(struct child **);
extern const struct rule	 auth_rules[];
extern const size_t		 auth_nrules;

/* --- attempt.c: logins at popd --- */

void		 attempt_fork(struct auth *, struct child *);
void		 attempt_turn(struct auth *);
void		 attempt_tell(struct auth *);
void		 attempt_free(struct auth *);
extern const struct rule	 attempt_rules[];
extern const size_t		 attempt_nrules;

/* --- elsewhere.c: passwords that somebody else verifies --- */

int		 elsewhere_ask(struct auth *, const char *name);
int		 elsewhere_said(struct auth *, uint32_t verdict);
void		 elsewhere_silent(struct auth *);

/* --- source.c: whether somebody else does, and who --- */

typedef void	 program_ended(void *, enum auth_verdict, const char *why);	/* a program's verdict; why: the sentence about LATER */

enum auth_source source_now(void);
int		 source_open(const char *name, struct program **, program_ended *, void *arg);
void		 source_fails(const char *sentence);
void		 source_works(void);

/* --- program.c: programs of pop_auth --- */

int		 program_check(const char *line, const char *user, char *err, size_t errsize);
struct program	*program_start(const char *line, const char *user, const char *name, program_ended *, void *arg, int *fd, char *err,
		    size_t errsize);
void		 program_leave(struct program *);
void		 program_free_all(void);

/* --- guard.c: accounts that passwords were tried for, whether they exist or not --- */

struct guard	*guard_use(const char *account, const char *client);
void		 guard_release(struct guard *);
const char	*guard_account(const struct guard *);
int64_t		 guard_due(const struct guard *);
void		 guard_begin(struct guard *);
int64_t		 guard_delay(uint32_t failures);
int64_t		 guard_failed(struct guard *);
int64_t		 guard_failed_elsewhere(const char *account);
void		 guard_unused(struct guard *);
void		 guard_passed(struct guard *);
void		 guard_free_all(void);

/* --- peer.c: client addresses that logins came from, and their networks --- */

#define PEER_KEY_LEN	9	/* octets: the family, and an IPv4 address, or the first half of an IPv6 address */

void		 peer_key(uint8_t [PEER_KEY_LEN], const char *address);
int		 peer_is_here(const char *address);
struct peer	*peer_use(const char *address);
void		 peer_release(struct peer *);
int64_t		 peer_due(const struct peer *);
void		 peer_begin(struct peer *);
int64_t		 peer_done(struct peer *, int failed);
int64_t		 peer_failed_known(struct peer *);
void		 peer_free_all(void);

/* --- known.c: clients that an account has logged in from --- */

void		 known_add(const char *account, const char *client);
int		 known_has(const char *account, const char *client);
int		 known_any(const uint8_t *place);
void		 known_free_all(void);

/* --- proofs.c: passwords that were right --- */

void		 proof_get(const char *account, const void *verifier, size_t, struct msg_auth_verifier *);
void		 proof_keep(const char *account, const void *verifier, size_t, const uint8_t *key, const uint8_t *proof);
void		 proof_free_all(void);

/* --- prove.c: how they are found to be right --- */

void		 prove_add(const char *account, const void *verifier, size_t, const uint8_t *key, const void *password, size_t);
void		 prove_run(void);
void		 prove_free_all(void);
extern const struct rule	 prove_rules[];
extern const size_t		 prove_nrules;

#endif
