/* SPDX-License-Identifier: ISC */
/* What the files that get access tokens share. */
#ifndef TOKEN_INT_H
#define TOKEN_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "common/ipc/proto.h"
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
 *	QUEUED		waits for a dialer, oauth's template, and its turn
 *	DIALING		the dialer connects to the token endpoint
 *	ASKED		an oauth process of its own has the socket and the secrets
 *	COMMAND		a token_command runs
 *	STORING		there is an answer, but its new refresh token cannot be stored yet, so the access token is not used
 */
enum grant_state { GRANT_IDLE, GRANT_QUEUED, GRANT_DIALING, GRANT_ASKED, GRANT_COMMAND, GRANT_STORING };

struct passwd;
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
	struct token_request	*request;	/* QUEUED to ASKED */
	struct command		*command;
};
LIST_HEAD(grants, grant);
extern struct grants	 grants;	/* token.c */

/* --- token.c: what becomes of a grant's request, or of its command --- */

void	 token_clock(struct grant *, uint32_t seconds);	/* 0: off */
void	 token_rotated(struct grant *, const uint8_t *, size_t);
void	 token_granted(struct grant *, const uint8_t *, size_t, uint32_t lifetime);
void	 token_failed(struct grant *, enum fail_why, const char *);

/* --- expiry.c --- */

void	 expiry_said(struct grant *, uint32_t lifetime);	/* s; by the provider, with an access token */

/* --- request.c --- */

int	 request_make(struct grant *, const struct record *, const struct grant_secret *, const struct token_row *, enum fail_why *,
	    char *, size_t);
void	 request_failed(struct grant *, enum fail_why, const char *);
void	 request_timeout(struct grant *);
void	 request_free(struct grant *);
struct grant *request_grant(const struct worker *, uint32_t id);	/* whose request this process carries out */
int	 request_refreshes(const struct grant *);	/* 1: with a refresh token */

/* --- command.c --- */

struct command_result {
	const uint8_t	*token;			/* NULL: failed, and text says why */
	size_t		 len;
	uint32_t	 lifetime;		/* s, 0 = not said */
	const char	*text;
};
struct command *command_start(const char *line, const char *user, void (*done)(void *, const struct command_result *), void *arg,
	    char *err, size_t errsize);

/* --- keeper.c --- */

#define COMMAND_USER	"_rpopc"	/* unless the record names another */

pid_t	 keeper_start(char **, const struct passwd *, int out, int err);

/* --- oauth.c --- */

extern const struct rule	 oauth_rules[];
extern const size_t	 oauth_nrules;

#endif
