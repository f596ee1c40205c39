/* SPDX-License-Identifier: ISC */
/*
 * SASL mechanisms (RFC 4422), the client's side, without I/O and without base64.  Mechanisms that concatenate are written here, so
 * that octets go out as they are in the store, and no copy of the secret stays in memory that a library frees without wiping it.
 * Mechanisms that compute are libgsasl's.  Only those in the table exist: the library knows others that nobody should meet here.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gsasl.h>

#include "common/compat.h"
#include "common/log.h"
#include "sasl.h"

#define NTLM_USER_MAX	128	/* octets; the library makes its answer in an array of fixed size */

/*
 * FIRST: the client speaks first; INITIAL: its first response may stand on the AUTH line; QUIET: a refusal comes as a challenge, so
 * that nothing may be sent behind the response.
 */
enum { SPEAKS_FIRST = 0x01, INITIAL = 0x02, QUIET = 0x04 };

struct sasl_mech {
	const char	*engine;	/* libgsasl's name, or NULL */
	int		 how;
	enum sasl_result (*step)(struct sasl *, const uint8_t *, size_t, struct buf *);
	const char	*(*check)(const uint8_t *, size_t);	/* looks at the first challenge, before the library does */
};

static enum sasl_result	 external_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 plain_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 login_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 bearer_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 xoauth2_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 oauth_refused(struct sasl *, const uint8_t *, size_t, struct buf *, const char *);
static int		 oauth_usable(struct sasl *);
static enum sasl_result	 engine_step(struct sasl *, const uint8_t *, size_t, struct buf *);
static enum sasl_result	 engine_error(struct sasl *, int);
static int		 engine_begin(struct sasl *);
static void		 engine_wipe(struct sasl *, Gsasl_property);
static enum sasl_result	 sasl_result(struct sasl *, int, enum sasl_result);
static enum sasl_result	 sasl_fail(struct sasl *, enum fail_why, const char *);

static const struct sasl_mech	 mechs[AUTH_MAX] = {
	[AUTH_EXTERNAL] =	{ NULL, SPEAKS_FIRST | INITIAL,		external_step,	NULL },
	[AUTH_OAUTHBEARER] =	{ NULL, SPEAKS_FIRST | QUIET,		bearer_step,	NULL },
	[AUTH_XOAUTH2] =	{ NULL, SPEAKS_FIRST | QUIET,		xoauth2_step,	NULL },
	[AUTH_SCRAM_SHA_256] =	{ "SCRAM-SHA-256", SPEAKS_FIRST | INITIAL, engine_step,	sasl_scram_check },
	[AUTH_SCRAM_SHA_1] =	{ "SCRAM-SHA-1", SPEAKS_FIRST | INITIAL, engine_step,	sasl_scram_check },
	[AUTH_CRAM_MD5] =	{ "CRAM-MD5", 0,			engine_step,	NULL },
	[AUTH_PLAIN] =		{ NULL, SPEAKS_FIRST | INITIAL,		plain_step,	NULL },
	[AUTH_LOGIN] =		{ NULL, 0,				login_step,	NULL },
	[AUTH_NTLM] =		{ "NTLM", SPEAKS_FIRST,			engine_step,	sasl_ntlm_check },
	[AUTH_MSN] =		{ "NTLM", SPEAKS_FIRST,			engine_step,	sasl_ntlm_check }
};

static Gsasl	*engine;	/* made in the template, where none of its sessions has a secret */

/* Sets up the library, in a template, ahead of the lock-in.  A failure is fatal. */
void
sasl_warm(void)
{
	int	 error;

	if (engine == NULL && (error = gsasl_init(&engine)) != GSASL_OK)
		fatalx("gsasl_init: %s", gsasl_strerror(error));
}

int
sasl_is(enum auth_mech mech)
{
	return (mech < AUTH_MAX && mechs[mech].step != NULL);
}

/* Whether a mechanism can be used on this machine.  That the library lacks one is no error until a record needs it. */
int
sasl_supported(enum auth_mech mech)
{
	if (!sasl_is(mech))
		return (0);
	return (mechs[mech].engine == NULL || (engine != NULL && gsasl_client_support_p(engine, mechs[mech].engine)));
}

/* Whether SCRAM can use a user name or password: it is UTF-8 that SASLprep (RFC 4013) lets through. */
int
sasl_prepared(const void *p, size_t len)
{
	char	*in, *out = NULL;
	int	 r;

	if ((in = strndup(p, len)) == NULL)
		return (0);
	r = gsasl_saslprep(in, 0, &out, NULL);
	freezero(in, strlen(in));
	if (out != NULL)
		explicit_bzero(out, strlen(out));
	gsasl_free(out);
	return (r == GSASL_OK);
}

/* The name of a mechanism as it stands behind AUTH, valid until the next call. */
const char *
sasl_name(enum auth_mech mech)
{
	static char	 name[16];
	size_t		 i;

	strlcpy(name, auth_mech_str(mech), sizeof(name));
	for (i = 0; name[i] != '\0'; i++)
		name[i] = (char)toupper((unsigned char)name[i]);
	return (name);
}

/* Begins an exchange, whose struct is all zeroes.  0, or -1: s->why and s->text say what is wrong. */
int
sasl_begin(struct sasl *s, enum auth_mech mech, const struct sasl_credential *cred)
{
	s->mech = &mechs[mech];
	s->cred = cred;
	return (s->mech->engine == NULL ? 0 : engine_begin(s));
}

int
sasl_speaks_first(const struct sasl *s)
{
	return (s->mech->how & SPEAKS_FIRST ? 1 : 0);
}

int
sasl_initial(const struct sasl *s)
{
	return (s->mech->how & INITIAL ? 1 : 0);
}

/* Takes a challenge and appends the response, which may be empty, to out.  SASL_FAILED: s->why and s->text say what is wrong. */
enum sasl_result
sasl_step(struct sasl *s, const uint8_t *challenge, size_t len, struct buf *out)
{
	enum sasl_result	 r;

	if (s->done && !(s->mech->how & QUIET))
		return (sasl_fail(s, WHY_PROTO, "the server goes on asking at the end of the exchange"));
	r = s->mech->step(s, challenge, len, out);
	s->step++;
	s->done = r == SASL_LAST;
	return (r);
}

void
sasl_end(struct sasl *s)
{
	if (s->session == NULL)
		return;
	engine_wipe(s, GSASL_PASSWORD);
	engine_wipe(s, GSASL_SCRAM_SALTED_PASSWORD);
	gsasl_finish(s->session);
	s->session = NULL;
}

/* EXTERNAL (RFC 4422 appendix A), with the user named. */
static enum sasl_result
external_step(struct sasl *s, const uint8_t *challenge __unused, size_t len __unused, struct buf *out)
{
	return (sasl_result(s, buf_add(out, s->cred->user, strlen(s->cred->user)), SASL_LAST));
}

/* PLAIN (RFC 4616). */
static enum sasl_result
plain_step(struct sasl *s, const uint8_t *challenge __unused, size_t len __unused, struct buf *out)
{
	if (buf_add(out, "", 1) == -1 || buf_add(out, s->cred->user, strlen(s->cred->user)) == -1 || buf_add(out, "", 1) == -1 ||
	    buf_add(out, s->cred->secret, s->cred->len) == -1)
		return (sasl_result(s, -1, SASL_FAILED));
	return (SASL_LAST);
}

/* LOGIN: first the user, then the password, whatever the prompts say. */
static enum sasl_result
login_step(struct sasl *s, const uint8_t *challenge __unused, size_t len __unused, struct buf *out)
{
	if (s->step == 0)
		return (sasl_result(s, buf_add(out, s->cred->user, strlen(s->cred->user)), SASL_MORE));
	return (sasl_result(s, buf_add(out, s->cred->secret, s->cred->len), SASL_LAST));
}

/* OAUTHBEARER (RFC 7628 section 3.1).  The user is a saslname (RFC 5801), with comma and equals sign escaped. */
static enum sasl_result
bearer_step(struct sasl *s, const uint8_t *challenge, size_t len, struct buf *out)
{
	const struct sasl_credential	*c = s->cred;
	char				 rest[PROTO_HOST_SIZE + 64];
	const char			*p;
	int				 r;

	if (s->step > 0)
		return (oauth_refused(s, challenge, len, out, "\001"));
	if (!oauth_usable(s))
		return (SASL_FAILED);
	r = buf_add(out, "n,a=", 4);
	for (p = c->user; r == 0 && *p != '\0'; p++)
		r = *p == ',' ? buf_add(out, "=2C", 3) : *p == '=' ? buf_add(out, "=3D", 3) : buf_add(out, p, 1);
	(void)snprintf(rest, sizeof(rest), ",\001host=%s\001port=%u\001auth=Bearer ", c->host, c->port);
	if (r == -1 || buf_add(out, rest, strlen(rest)) == -1 || buf_add(out, c->secret, c->len) == -1 ||
	    buf_add(out, "\001\001", 2) == -1)
		return (sasl_result(s, -1, SASL_FAILED));
	return (SASL_LAST);
}

/* XOAUTH2, which Google and Microsoft describe in their manuals. */
static enum sasl_result
xoauth2_step(struct sasl *s, const uint8_t *challenge, size_t len, struct buf *out)
{
	const struct sasl_credential	*c = s->cred;

	if (s->step > 0)
		return (oauth_refused(s, challenge, len, out, ""));
	if (!oauth_usable(s))
		return (SASL_FAILED);
	if (buf_add(out, "user=", 5) == -1 || buf_add(out, c->user, strlen(c->user)) == -1 ||
	    buf_add(out, "\001auth=Bearer ", 13) == -1 || buf_add(out, c->secret, c->len) == -1 ||
	    buf_add(out, "\001\001", 2) == -1)
		return (sasl_result(s, -1, SASL_FAILED));
	return (SASL_LAST);
}

/*
 * The server has refused the token, and its challenge, in JSON, says why.  It waits for an answer without meaning, then says -ERR.
 */
static enum sasl_result
oauth_refused(struct sasl *s, const uint8_t *challenge, size_t len, struct buf *out, const char *answer)
{
	if (s->step > 1)
		return (sasl_fail(s, WHY_PROTO, "the server goes on asking after it has refused the token"));
	s->refusallen = len < sizeof(s->refusal) ? len : sizeof(s->refusal);
	memcpy(s->refusal, challenge, s->refusallen);
	return (sasl_result(s, buf_add(out, answer, strlen(answer)), SASL_MORE));
}

/* Whether token and user have nothing in them that could begin another field of the message. */
static int
oauth_usable(struct sasl *s)
{
	size_t	 i;

	for (i = 0; i < s->cred->len && s->cred->secret[i] > 0x20 && s->cred->secret[i] < 0x7f; i++)
		;
	if (i < s->cred->len || i == 0)
		(void)sasl_fail(s, WHY_CONFIG, "the access token is empty or not printable ASCII");
	else if (strchr(s->cred->user, '\001') != NULL)
		(void)sasl_fail(s, WHY_CONFIG, "the user name has a control character in it");
	else
		return (1);
	return (0);
}

static int
engine_begin(struct sasl *s)
{
	const struct sasl_credential	*c = s->cred;
	int				 error;

	if (s->mech->check == sasl_ntlm_check && strlen(c->user) > NTLM_USER_MAX) {
		(void)sasl_fail(s, WHY_CONFIG, "the user name is too long for NTLM");
		return (-1);
	}
	if ((error = gsasl_client_start(engine, s->mech->engine, &s->session)) != GSASL_OK ||
	    (error = gsasl_property_set(s->session, GSASL_AUTHID, c->user)) != GSASL_OK ||
	    (error = gsasl_property_set_raw(s->session, GSASL_PASSWORD, (const char *)c->secret, c->len)) != GSASL_OK) {
		(void)engine_error(s, error);
		return (-1);
	}
	return (0);
}

/*
 * A step of a mechanism of the library.  The server's first challenge is checked before the library computes with it: an iteration
 * count could keep the processor busy, an offset could point anywhere.
 */
static enum sasl_result
engine_step(struct sasl *s, const uint8_t *challenge, size_t len, struct buf *out)
{
	const char	*wrong;
	char		*text = NULL;
	size_t		 textlen = 0;
	int		 error, r;

	if (s->mech->check != NULL && s->step == 1 && (wrong = s->mech->check(challenge, len)) != NULL)
		return (sasl_fail(s, WHY_PROTO, wrong));
	error = gsasl_step(s->session, (const char *)challenge, len, &text, &textlen);
	if (error != GSASL_OK && error != GSASL_NEEDS_MORE) {
		gsasl_free(text);
		return (engine_error(s, error));
	}
	r = buf_add(out, text, textlen);
	if (text != NULL)
		explicit_bzero(text, textlen);
	gsasl_free(text);
	return (sasl_result(s, r, error == GSASL_OK ? SASL_LAST : SASL_MORE));
}

static enum sasl_result
engine_error(struct sasl *s, int error)
{
	switch (error) {
	case GSASL_SASLPREP_ERROR:
		return (sasl_fail(s, WHY_CONFIG,
		    "user name or password is not UTF-8 that this mechanism can prepare (RFC 4013): set auth to plain"));
	case GSASL_MALLOC_ERROR:
	case GSASL_CRYPTO_ERROR:
		return (sasl_fail(s, WHY_LOCAL_TEMP, gsasl_strerror(error)));
	case GSASL_AUTHENTICATION_ERROR:
		return (sasl_fail(s, WHY_PROTO, "the server did not prove that it knows the password, or changed the exchange"));
	default:
		return (sasl_fail(s, WHY_PROTO, "the server's challenge makes no sense"));
	}
}

/* Wipes a property of a session: the library keeps what it was given until the end, and frees it without wiping it. */
static void
engine_wipe(struct sasl *s, Gsasl_property property)
{
	const char	*p = gsasl_property_fast(s->session, property);

	if (p != NULL)
		explicit_bzero((void *)(uintptr_t)p, strlen(p));
}

static enum sasl_result
sasl_result(struct sasl *s, int error, enum sasl_result r)
{
	return (error == -1 ? sasl_fail(s, WHY_LOCAL_TEMP, "out of memory") : r);
}

static enum sasl_result
sasl_fail(struct sasl *s, enum fail_why why, const char *text)
{
	s->why = why;
	strlcpy(s->text, text, sizeof(s->text));
	return (SASL_FAILED);
}
