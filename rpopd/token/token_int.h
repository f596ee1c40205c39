/* SPDX-License-Identifier: ISC */
/* What the files that get access tokens share. */
#ifndef TOKEN_INT_H
#define TOKEN_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/proto.h"
#include "common/ipc/proto_oauth.h"
#include "common/ipc/rules.h"
#include "common/timer.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "token.h"

struct worker;

#define TOKEN_REQUESTS	32	/* at once */
#define TOKEN_LIFETIME	300	/* s, where nobody says */

/*
 * A grant: something that access tokens are got for, by one request at a time, however many records share it.
 *
 *	IDLE		nothing runs; there may be an access token
 *	REQUEST		a request to its provider is under way, or waits for its turn
 *	COMMAND		a token_command runs
 *	STORING		there is an answer, but its new refresh token cannot be stored yet, so the access token is not used
 */
enum grant_state { GRANT_IDLE, GRANT_REQUEST, GRANT_COMMAND, GRANT_STORING };

struct dial;
struct token_request;

struct grant {
	LIST_ENTRY(grant)	 entry;
	uint8_t			 key[PROTO_DIGEST_LEN];		/* grant_secret.origin, or digest of user and command */
	uint8_t			 cause[PROTO_DIGEST_LEN];	/* grant_secret.cause */
	enum grant_state	 state;
	TAILQ_HEAD(, token_user) users;		/* sessions */
	uint32_t		 serial;	/* of the access token */
	uint8_t			*access;	/* NULL: none */
	size_t			 access_len;
	int64_t			 refresh_at, expires_at;	/* monotonic ms */
	uint8_t			*rotated;	/* not stored yet; NULL: none */
	size_t			 rotated_len;
	struct timer		 clock;
	struct token_request	*request;	/* REQUEST */
	struct command		*command;
};
LIST_HEAD(grants, grant);
extern struct grants	 grants;	/* token.c */

/* --- token.c --- */

void	 token_begin_anew(const uint8_t *origin);	/* what is in memory of this grant counts no more */

/* --- expiry.c --- */

void	 expiry_said(struct grant *, uint32_t lifetime);	/* s; by the provider, with an access token */

/* --- request.c --- */

struct request_what {			/* what is asked */
	const struct oauth_row	*client;
	enum token_ask		 ask;
	const uint8_t		*secret, *credential;	/* the client's, and what is asked with; they are copied */
	size_t			 secret_len, credential_len;
};

/*
 * What becomes of a request, each with the asker's argument.  All but rotated end it: it is freed already.  Octets live as long as
 * the call.  A message whose function is NULL breaks the rules.
 */
struct request_calls {
	void	(*rotated)(void *, const uint8_t *refresh, size_t);	/* a new refresh token; granted follows */
	void	(*granted)(void *, const struct msg_token_granted *, const uint8_t *access, size_t);
	void	(*failed)(void *, enum fail_why, const char *);		/* no answer, or a refusal */
	void	(*device)(void *, const struct msg_token_device *, const uint8_t *code, size_t);
	void	(*pending)(void *, int slow_down);			/* the person has not decided yet */
};

/*
 * A request:
 *
 *	QUEUED		waits for a dialer, oauth's template, and its turn
 *	DIALING		the dialer connects to the endpoint
 *	ASKED		an oauth process of its own has the socket and the secrets
 */
enum request_state { REQUEST_QUEUED, REQUEST_DIALING, REQUEST_ASKED };

struct token_request {
	TAILQ_ENTRY(token_request) entry;
	const struct request_calls *calls;
	void			*arg;		/* of these */
	enum request_state	 state;
	uint32_t		 id;		/* from DIALING on */
	struct dial		*dial;		/* DIALING */
	struct worker		*worker;	/* ASKED */
	struct msg_token_start	 start;
	int64_t			 begun;		/* monotonic ms, of the dial */
	struct timer		 clock;
	struct pem		 ca;
	uint8_t			 credential[PROTO_TOKEN_MAX], secret[PROTO_SECRET_MAX];
	size_t			 credential_len, secret_len;
};

struct token_request *request_make(const struct request_what *, const struct request_calls *, void *arg, enum fail_why *, char *,
	    size_t);
void	 request_free(struct token_request *);		/* it is called off, or over */
void	 request_failed(struct token_request *, enum fail_why, const char *);
struct token_request *request_of(const struct worker *, uint32_t id);	/* that this process carries out; NULL: not this one */

/* --- command.c --- */

struct command_result {
	const uint8_t	*token;			/* NULL: failed, and text says why */
	size_t		 len;
	uint32_t	 lifetime;		/* s, 0 = not said */
	const char	*text;
};
struct command *command_start(const char *line, const char *user, void (*done)(void *, const struct command_result *), void *arg,
	    char *err, size_t errsize);

/* --- oauth.c --- */

extern const struct rule	 oauth_rules[];
extern const size_t	 oauth_nrules;

#endif
