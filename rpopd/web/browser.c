/* SPDX-License-Identifier: ISC */
/*
 * Sessions of browsers.  All of it is in memory: a restart ends them.  A session is known by the digest of its token, and forms by a
 * digest of that with a key of this process, so that nothing here is of use to log in with.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/hmac.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/config/config.h"
#include "web_int.h"

#define BROWSERS_MAX	5000
#define BROWSERS_EACH	10			/* of one account */
#define IDLE		INT64_C(1800000)	/* ms without a request */
#define LIFE		INT64_C(28800000)	/* ms behind the login */

struct browser {
	TAILQ_ENTRY(browser)	 entry;		/* the longest unused first */
	char			*account;
	int64_t			 since, used;	/* monotonic ms: the login, the last request */
	uint8_t			 name[PROTO_DIGEST_LEN];	/* SHA-256 of its token */
	uint8_t			 proof[PROTO_DIGEST_LEN];	/* of the password that the account had */
};

static void	 browser_room(const char *);
static void	 browser_age(void);
static void	 browser_drop(struct browser *);
static void	 browser_digest(const uint8_t *, uint8_t *);
static const uint8_t *browser_key(void);

static TAILQ_HEAD(, browser)	 browsers = TAILQ_HEAD_INITIALIZER(browsers);
static size_t			 nbrowsers;

/*
 * Something that an account's password, as it is kept here now, makes, and another one does not; where passwords are kept elsewhere it
 * is the same for all of them.  0, or -1: the account has none, or does not exist, or the store cannot be read.  The first two take
 * as long as 0 does.
 */
int
browser_proof(const char *account, uint8_t proof[PROTO_DIGEST_LEN])
{
	struct login	 login;
	uint8_t		 key[HMAC_LEN];
	char		 err[PROTO_TEXT_SIZE];
	int		 rv = -1;

	memset(proof, 0, PROTO_DIGEST_LEN);
	hmac_sha256(browser_key(), HMAC_LEN, account, strlen(account), key);
	if (auth_elsewhere()) {
		hmac_sha256(key, sizeof(key), "", 0, proof);
		rv = 0;
	} else if (config_login(options.store, account, &login, err, sizeof(err)) == -1)
		log_warnx("web: %s", err);
	else if (login.len > 0 && !login.stand_in) {
		hmac_sha256(key, sizeof(key), login.verifier, login.len, proof);
		rv = 0;
	}
	explicit_bzero(&login, sizeof(login));
	explicit_bzero(key, sizeof(key));
	return (route_account_by_address(config_running->routes, account) == NULL ? -1 : rv);
}

/* A session of the account, whose token goes to the browser; with too many the one makes way that was not used for longest. */
void
browser_new(const char *account, const uint8_t proof[PROTO_DIGEST_LEN], uint8_t token[PROTO_TOKEN_LEN])
{
	struct browser	*b;

	browser_age();
	browser_room(account);
	if ((b = calloc(1, sizeof(*b))) == NULL || (b->account = strdup(account)) == NULL)
		fatal("browser");
	arc4random_buf(token, PROTO_TOKEN_LEN);
	browser_digest(token, b->name);
	memcpy(b->proof, proof, sizeof(b->proof));
	b->since = b->used = clock_msec();
	TAILQ_INSERT_TAIL(&browsers, b, entry);
	nbrowsers++;
}

/* Room for one session more, of this account. */
static void
browser_room(const char *account)
{
	struct browser	*b, *oldest = NULL;
	size_t		 n = 0;

	TAILQ_FOREACH(b, &browsers, entry)
		if (strcmp(b->account, account) == 0) {
			n++;
			oldest = oldest == NULL ? b : oldest;
		}
	if (n >= BROWSERS_EACH)
		browser_drop(oldest);
	else if (nbrowsers >= BROWSERS_MAX)
		browser_drop(TAILQ_FIRST(&browsers));
}

/* The session that has this token, which is used now; NULL: there is none, or no more. */
struct browser *
browser_find(const uint8_t token[PROTO_TOKEN_LEN])
{
	struct browser	*b;
	uint8_t		 name[PROTO_DIGEST_LEN], proof[PROTO_DIGEST_LEN];

	browser_age();
	browser_digest(token, name);
	TAILQ_FOREACH(b, &browsers, entry)
		if (memcmp(b->name, name, sizeof(name)) == 0)
			break;
	if (b == NULL)
		return (NULL);
	if (clock_msec() - b->since >= LIFE || browser_proof(b->account, proof) == -1 || !hmac_same(proof, b->proof, sizeof(proof))) {
		browser_drop(b);
		return (NULL);
	}
	b->used = clock_msec();
	TAILQ_REMOVE(&browsers, b, entry);
	TAILQ_INSERT_TAIL(&browsers, b, entry);
	return (b);
}

const char *
browser_account(const struct browser *b)
{
	return (b->account);
}

void
browser_name(const struct browser *b, uint8_t name[PROTO_DIGEST_LEN])
{
	memcpy(name, b->name, PROTO_DIGEST_LEN);
}

/* What forms of the session have, and bring back. */
void
browser_form(const struct browser *b, uint8_t form[PROTO_TOKEN_LEN])
{
	_Static_assert(PROTO_TOKEN_LEN == HMAC_LEN, "a form's token is a MAC");
	hmac_sha256(browser_key(), HMAC_LEN, b->name, sizeof(b->name), form);
}

int
browser_form_is(const struct browser *b, const uint8_t form[PROTO_TOKEN_LEN])
{
	uint8_t	 right[PROTO_TOKEN_LEN];

	browser_form(b, right);
	return (hmac_same(right, form, sizeof(right)));
}

/* The session with this name ends, if it is there still. */
void
browser_end(const uint8_t name[PROTO_DIGEST_LEN])
{
	struct browser	*b;

	TAILQ_FOREACH(b, &browsers, entry)
		if (memcmp(b->name, name, PROTO_DIGEST_LEN) == 0) {
			browser_drop(b);
			return;
		}
}

void
browser_end_all(void)
{
	while (!TAILQ_EMPTY(&browsers))
		browser_drop(TAILQ_FIRST(&browsers));
}

/* Those that were not used for too long end. */
static void
browser_age(void)
{
	struct browser	*b;
	int64_t		 now = clock_msec();

	while ((b = TAILQ_FIRST(&browsers)) != NULL && now - b->used >= IDLE)
		browser_drop(b);
}

static void
browser_drop(struct browser *b)
{
	TAILQ_REMOVE(&browsers, b, entry);
	nbrowsers--;
	free(b->account);
	freezero(b, sizeof(*b));
}

static void
browser_digest(const uint8_t *token, uint8_t *name)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, token, PROTO_TOKEN_LEN);
	SHA256Final(name, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
}

/* A key of this process alone. */
static const uint8_t *
browser_key(void)
{
	static uint8_t	 key[HMAC_LEN];
	static int	 made;

	if (!made)
		arc4random_buf(key, sizeof(key));
	made = 1;
	return (key);
}
