/* SPDX-License-Identifier: ISC */
/*
 * Mechanisms that compute, by the server's side of libgsasl: SCRAM-SHA-256 (RFC 7677), SCRAM-SHA-1 (RFC 5802) and CRAM-MD5 (RFC
 * 2195). The library asks for what the verifier has in a callback, and cannot wait there for the master: so the name is known
 * before it asks.
 *
 *	verifier	SCRAM-SHA-256		SCRAM-SHA-1, CRAM-MD5
 *	{PLAIN}		from the password	from the password
 *	{SCRAM-SHA-256}	as it is		keys and passwords that nobody has
 *	crypt(3)	keys that nobody has	keys and passwords that nobody has
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsasl.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/sasl/base64.h"
#include "auth.h"

#define SALT_LEN	16	/* octets, where the verifier has none */
#define TEXT_MAX	100	/* octets of a key or salt in base64 */
#define DIGEST_CHARS	32	/* hexadecimal digits behind the name in a response of CRAM-MD5 */

static int	 engine_ask(Gsasl *, Gsasl_session *, Gsasl_property);
static int	 engine_begin(struct login *);
static int	 engine_step(struct login *, const void *, size_t, struct buf *);
static int	 secret_is(const struct login *);
static int	 secret_give(Gsasl_session *, const struct login *);
static int	 scram_own(const struct login *);
static int	 scram_give(Gsasl_session *, const struct login *, Gsasl_property);
static int	 coded_give(Gsasl_session *, Gsasl_property, const void *, size_t);

static Gsasl	*engine;	/* made in the template, where none of its sessions has a secret */

/* Sets up the library, in the template.  A failure is fatal. */
void
engine_warm(void)
{
	int	 error;

	if (engine != NULL)
		return;
	if ((error = gsasl_init(&engine)) != GSASL_OK)
		fatalx("gsasl_init: %s", gsasl_strerror(error));
	gsasl_callback_set(engine, engine_ask);
}

static int
engine_begin(struct login *l)
{
	static const char *const	 names[AUTH_MAX] = {
		[AUTH_CRAM_MD5] = "CRAM-MD5", [AUTH_SCRAM_SHA_1] = "SCRAM-SHA-1", [AUTH_SCRAM_SHA_256] = "SCRAM-SHA-256"
	};

	engine_end(l);
	if (gsasl_server_start(engine, names[l->who.mech], &l->session) != GSASL_OK) {
		l->session = NULL;
		return (-1);
	}
	gsasl_session_hook_set(l->session, l);
	return (0);
}

/* The library's session ends; what it was given of the verifier is wiped, which it does not do itself. */
void
engine_end(struct login *l)
{
	static const Gsasl_property	 secrets[] = { GSASL_PASSWORD, GSASL_SCRAM_STOREDKEY, GSASL_SCRAM_SERVERKEY };
	const char			*p;
	size_t				 i;

	if (l->session == NULL)
		return;
	for (i = 0; i < nitems(secrets); i++)
		if ((p = gsasl_property_fast(l->session, secrets[i])) != NULL)
			explicit_bzero((char *)(uintptr_t)p, strlen(p));
	gsasl_finish(l->session);
	l->session = NULL;
}

/*
 * Gives the library octets of the client's, which have no NUL; what it answers is appended to out.  Returns what gsasl_step() does.
 */
static int
engine_step(struct login *l, const void *p, size_t len, struct buf *out)
{
	char	*answer = NULL;
	size_t	 n = 0;
	int	 rc;

	rc = gsasl_step(l->session, p, len, &answer, &n);
	if ((rc == GSASL_OK || rc == GSASL_NEEDS_MORE) && out != NULL && n > 0 && buf_add(out, answer, n) == -1)
		rc = GSASL_MALLOC_ERROR;
	gsasl_free(answer);
	return (rc);
}

/* The library's callback: what the verifier has; without one, nothing, which is enough to read a name. */
static int
engine_ask(Gsasl *g __unused, Gsasl_session *session, Gsasl_property what)
{
	const struct login	*l = gsasl_session_hook_get(session);

	if (l == NULL || l->vlen == 0)
		return (GSASL_NO_CALLBACK);
	switch (what) {
	case GSASL_PASSWORD:
		return (secret_give(session, l));
	case GSASL_SCRAM_ITER:
	case GSASL_SCRAM_SALT:
	case GSASL_SCRAM_STOREDKEY:
	case GSASL_SCRAM_SERVERKEY:
		return (scram_give(session, l, what));
	default:
		return (GSASL_NO_CALLBACK);
	}
}

/* Whether the verifier is the secret itself; the one that stands in for an account's is not, it has a NUL. */
static int
secret_is(const struct login *l)
{
	return (verifier_kind(l->verifier, l->vlen) == VERIFIER_PLAIN && memchr(l->verifier, '\0', l->vlen) == NULL);
}

/* The password, or one that nobody has, as long as any. */
static int
secret_give(Gsasl_session *session, const struct login *l)
{
	uint8_t	 random[16];
	char	 text[2 * sizeof(random) + 1];

	if (secret_is(l))
		return (gsasl_property_set(session, GSASL_PASSWORD, (const char *)l->verifier + sizeof(VERIFIER_PLAIN_NAME) - 1));
	arc4random_buf(random, sizeof(random));
	hex_encode(text, random, sizeof(random));
	text[sizeof(text) - 1] = '\0';
	return (gsasl_property_set(session, GSASL_PASSWORD, text));
}

/* Whether salt and keys are the verifier's own. */
static int
scram_own(const struct login *l)
{
	return (l->who.mech == AUTH_SCRAM_SHA_256 && verifier_kind(l->verifier, l->vlen) == VERIFIER_SCRAM);
}

/* Salt, iterations and keys.  With the secret itself the library computes keys, by a salt of this login's. */
static int
scram_give(Gsasl_session *session, const struct login *l, Gsasl_property what)
{
	struct verifier_scram	 s;
	char			 number[16];
	int			 rc;

	if (what == GSASL_SCRAM_STOREDKEY || what == GSASL_SCRAM_SERVERKEY)
		if (verifier_kind(l->verifier, l->vlen) == VERIFIER_PLAIN)
			return (GSASL_NO_CALLBACK);
	if (!scram_own(l) || verifier_scram(l->verifier, l->vlen, &s) == -1) {
		memset(&s, 0, sizeof(s));
		s.iterations = VERIFIER_ITERATIONS_MIN;
		s.saltlen = SALT_LEN;
		arc4random_buf(s.salt, s.saltlen);
		arc4random_buf(s.stored, sizeof(s.stored));
		arc4random_buf(s.server, sizeof(s.server));
	}
	if (what == GSASL_SCRAM_ITER) {
		snprintf(number, sizeof(number), "%u", s.iterations);
		rc = gsasl_property_set(session, what, number);
	} else if (what == GSASL_SCRAM_SALT)
		rc = coded_give(session, what, s.salt, s.saltlen);
	else
		rc = coded_give(session, what, what == GSASL_SCRAM_STOREDKEY ? s.stored : s.server, VERIFIER_KEY_LEN);
	explicit_bzero(&s, sizeof(s));
	return (rc);
}

static int
coded_give(Gsasl_session *session, Gsasl_property what, const void *p, size_t len)
{
	struct buf	 b;
	int		 rc = GSASL_MALLOC_ERROR;

	buf_init(&b, TEXT_MAX);
	if (base64_encode(&b, p, len) == 0 && buf_add(&b, "", 1) == 0)
		rc = gsasl_property_set(session, what, (const char *)buf_data(&b));
	buf_free(&b);
	return (rc);
}

/* CRAM-MD5: a challenge, then the name, a blank and a digest in hexadecimal digits. */
enum mech_step
cram_said(struct login *l, const uint8_t *p, size_t len, struct buf *out)
{
	if (p == NULL) {
		if (engine_begin(l) == -1 || engine_step(l, NULL, 0, out) != GSASL_NEEDS_MORE)
			return (mech_wrong(l, "CRAM-MD5 does not work here"));
		return (MECH_CHALLENGE);
	}
	if (l->session == NULL)
		return (mech_wrong(l, "CRAM-MD5 has no initial response"));
	if (memchr(p, '\0', len) != NULL || len < DIGEST_CHARS + 2 || p[len - DIGEST_CHARS - 1] != ' ' ||
	    mech_keep(l, p, len) == -1)
		return (mech_wrong(l, "the response of CRAM-MD5 is a name, a blank and 32 hexadecimal digits"));
	return (mech_name(l, p, len - DIGEST_CHARS - 1));
}

enum auth_verdict
cram_verify(struct login *l, struct buf *out __unused)
{
	int	 rc = engine_step(l, l->said, l->len, NULL);

	return (rc == GSASL_OK && secret_is(l) ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
}

/*
 * SCRAM: the client's first message names the account, the second one is verified, and an empty one follows the last
 * challenge.  The first one is read twice: by a session of the library's that is only to find the name, and again when the verifier
 * is there.
 */
enum mech_step
scram_said(struct login *l, const uint8_t *p, size_t len, struct buf *out __unused)
{
	const char	*name, *as;
	int		 rc;

	if (l->state == LOGIN_RIGHT)
		return (len == 0 ? MECH_RIGHT : mech_wrong(l, "the last response of SCRAM is empty"));
	if (p == NULL)
		return (MECH_CHALLENGE);
	if (memchr(p, '\0', len) != NULL || mech_keep(l, p, len) == -1)
		return (mech_wrong(l, "a message of SCRAM has no NUL"));
	if (l->vlen > 0)
		return (MECH_TURN);
	/* RFC 5802 section 6: who wants a channel binding has to ask for the mechanism that has one. */
	if (len == 0 || *p == 'p')
		return (mech_wrong(l, "SCRAM has no channel binding here"));
	if (engine_begin(l) == -1)
		return (mech_wrong(l, "SCRAM does not work here"));
	rc = engine_step(l, l->said, l->len, NULL);
	if (rc != GSASL_NEEDS_MORE || (name = gsasl_property_fast(l->session, GSASL_AUTHID)) == NULL)
		return (mech_wrong(l, "the first message of SCRAM is not as in RFC 5802"));
	as = gsasl_property_fast(l->session, GSASL_AUTHZID);
	l->denied = as != NULL && as[0] != '\0' && strcmp(as, name) != 0;
	return (mech_name(l, name, strlen(name)));
}

/* The verifier is there: the first message once more, for the challenge with salt and iterations.  0 or -1. */
int
scram_first(struct login *l, struct buf *out)
{
	if (engine_begin(l) == -1)
		return (-1);
	return (engine_step(l, l->said, l->len, out) == GSASL_NEEDS_MORE ? 0 : -1);
}

enum auth_verdict
scram_verify(struct login *l, struct buf *out)
{
	int	 rc = engine_step(l, l->said, l->len, out);

	return (rc == GSASL_OK && (scram_own(l) || secret_is(l)) ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
}
