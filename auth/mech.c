/* SPDX-License-Identifier: ISC */
/*
 * What a client says, mechanism by mechanism.  Those in which the password itself comes are taken apart here, so that its octets
 * are compared as they came, whatever they are, and no library keeps a copy.  A mechanism that the account's verifier cannot serve
 * goes its whole way with a secret that nobody has, and ends as a wrong password does.
 */
#include <sys/types.h>

#include <md5.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/hmac.h"
#include "common/sasl/prepare.h"
#include "auth.h"

#define PREPARED_SIZE	(VERIFIER_MAX + 1)

static enum mech_step	 user_said(struct login *, const uint8_t *, size_t, struct buf *);
static enum mech_step	 apop_said(struct login *, const uint8_t *, size_t, struct buf *);
static enum mech_step	 plain_said(struct login *, const uint8_t *, size_t, struct buf *);
static enum mech_step	 login_said(struct login *, const uint8_t *, size_t, struct buf *);
static enum mech_step	 password_said(struct login *, const uint8_t *, size_t);
static enum mech_step	 challenge(struct login *, struct buf *, const char *);
static enum auth_verdict octets_verify(const struct login *, const void *, size_t);
static enum auth_verdict password_verify(struct login *, struct buf *);
static enum auth_verdict apop_verify(struct login *, struct buf *);

static const struct mech	 mechs[AUTH_MAX] = {
	[AUTH_USER] =		{ 1, user_said,		NULL,		password_verify },
	[AUTH_APOP] =		{ 1, apop_said,		NULL,		apop_verify },
	[AUTH_PLAIN] =		{ 0, plain_said,	NULL,		password_verify },
	[AUTH_LOGIN] =		{ 0, login_said,	NULL,		password_verify },
	[AUTH_CRAM_MD5] =	{ 0, cram_said,		NULL,		cram_verify },
	[AUTH_SCRAM_SHA_1] =	{ 0, scram_said,	scram_first,	scram_verify },
	[AUTH_SCRAM_SHA_256] =	{ 0, scram_said,	scram_first,	scram_verify },
};

/* The mechanism of this number, enum auth_mech; NULL: nobody logs in here by that. */
const struct mech *
mech_find(uint32_t number)
{
	return (number < AUTH_MAX && mechs[number].said != NULL ? &mechs[number] : NULL);
}

/* What the client said is no login: why, as a sentence without an octet of it. */
enum mech_step
mech_wrong(struct login *l, const char *sentence)
{
	l->wrong = sentence;
	return (MECH_MALFORMED);
}

/* The login name is known, and with it everything that the verifier is needed for. */
enum mech_step
mech_name(struct login *l, const void *name, size_t len)
{
	if (len == 0)
		return (mech_wrong(l, "no name was given"));
	name_parse(&l->who, name, len);
	return (MECH_LOOKUP);
}

/* Keeps what the client said.  0, or -1: it is too long for anything. */
int
mech_keep(struct login *l, const void *p, size_t len)
{
	if (len > LOGIN_OCTETS)
		return (-1);
	memmove(l->said, p, len);
	l->said[len] = '\0';
	l->len = len;
	return (0);
}

static enum mech_step
challenge(struct login *l, struct buf *out, const char *text)
{
	if (buf_add(out, text, strlen(text)) == -1)
		return (mech_wrong(l, "no memory"));
	return (MECH_CHALLENGE);
}

/* A password beyond ASCII that SASLprep refuses is wrong (RFC 6856 section 2.2), and that takes as long. */
static enum mech_step
password_said(struct login *l, const uint8_t *p, size_t len)
{
	uint8_t	 prepared[PREPARED_SIZE];

	if (memchr(p, '\0', len) != NULL)
		return (mech_wrong(l, "a password has no NUL"));
	if (len > PROTO_SECRET_MAX || mech_keep(l, p, len) == -1)
		return (mech_wrong(l, "a password has 1024 octets at most"));
	if (sasl_prepare(prepared, sizeof(prepared), p, len, 0) == -1)
		l->denied = 1;
	explicit_bzero(prepared, sizeof(prepared));
	return (MECH_LOOKUP);
}

/* USER and PASS (RFC 1939 section 7): the password is everything behind the first NUL. */
static enum mech_step
user_said(struct login *l, const uint8_t *p, size_t len, struct buf *out __unused)
{
	const uint8_t	*nul;

	if ((nul = memchr(p, '\0', len)) == NULL)
		return (mech_wrong(l, "USER comes ahead of PASS"));
	if (password_said(l, nul + 1, len - (size_t)(nul + 1 - p)) == MECH_MALFORMED)
		return (MECH_MALFORMED);
	return (mech_name(l, p, (size_t)(nul - p)));
}

/* APOP (RFC 1939 section 7). */
static enum mech_step
apop_said(struct login *l, const uint8_t *p, size_t len, struct buf *out __unused)
{
	const uint8_t	*nul;
	size_t		 name;

	if (l->conf.apop[0] == '\0' || (nul = memchr(p, '\0', len)) == NULL)
		return (mech_wrong(l, "APOP takes a name and a digest, and the greeting a timestamp"));
	name = (size_t)(nul - p);
	if (len - name - 1 != 2 * MD5_DIGEST_LENGTH || hex_decode(l->said, MD5_DIGEST_LENGTH, nul + 1) == -1)
		return (mech_wrong(l, "the digest of APOP is 32 hexadecimal digits"));
	l->len = MD5_DIGEST_LENGTH;
	return (mech_name(l, p, name));
}

/* PLAIN (RFC 4616): authzid, NUL, authcid, NUL, password. */
static enum mech_step
plain_said(struct login *l, const uint8_t *p, size_t len, struct buf *out)
{
	const uint8_t	*name, *password;
	size_t		 namelen;

	if (p == NULL)
		return (challenge(l, out, ""));
	if ((name = memchr(p, '\0', len)) == NULL ||
	    (password = memchr(name + 1, '\0', len - (size_t)(name + 1 - p))) == NULL)
		return (mech_wrong(l, "PLAIN has two NULs, behind the identity to act as and behind the name"));
	name++;
	namelen = (size_t)(password++ - name);
	l->denied = name - 1 != p && ((size_t)(name - 1 - p) != namelen || memcmp(p, name, namelen) != 0);
	if (mech_name(l, name, namelen) == MECH_MALFORMED)
		return (MECH_MALFORMED);
	return (password_said(l, password, len - (size_t)(password - p)));
}

/* LOGIN, which no RFC has: the name, then the password, whatever a client makes of the challenges.  A name may come at once. */
static enum mech_step
login_said(struct login *l, const uint8_t *p, size_t len, struct buf *out)
{
	if (p == NULL)
		return (challenge(l, out, "Username:"));
	if (l->step == 0) {
		if (mech_name(l, p, len) == MECH_MALFORMED)
			return (MECH_MALFORMED);
		return (challenge(l, out, "Password:"));
	}
	return (password_said(l, p, len));
}

/* Some octets against the verifier.  What was right before is known by its proof, which costs nothing. */
static enum auth_verdict
octets_verify(const struct login *l, const void *p, size_t len)
{
	uint8_t	 proof[HMAC_LEN];
	int	 known;

	hmac_sha256(l->known.key, sizeof(l->known.key), p, len, proof);
	known = hmac_same(proof, l->known.proof, sizeof(proof)) & (l->known.has_proof == 1);
	explicit_bzero(proof, sizeof(proof));
	return (known && len > 0 ? AUTH_VERDICT_YES : verify(l->verifier, l->vlen, p, len));
}

/*
 * The password against the verifier, as it was typed, which that may have been made of, and if this is wrong, as SASLprep has it,
 * which is what was said from then on: it is what others find right, too.  A wrong one takes as long as without a proof.
 */
static enum auth_verdict
password_verify(struct login *l, struct buf *out __unused)
{
	enum auth_verdict	 verdict = octets_verify(l, l->said, l->len);
	uint8_t			 prepared[PREPARED_SIZE];
	ssize_t			 n;

	_Static_assert(sizeof(prepared) <= sizeof(l->said), "what was said has room for what is made of it");
	n = sasl_prepare(prepared, sizeof(prepared), l->said, l->len, 0);
	if (verdict == AUTH_VERDICT_NO && n > 0 && ((size_t)n != l->len || memcmp(prepared, l->said, l->len) != 0) &&
	    (verdict = octets_verify(l, prepared, (size_t)n)) == AUTH_VERDICT_YES) {
		explicit_bzero(l->said, l->len);
		memcpy(l->said, prepared, (size_t)n);
		l->len = (size_t)n;
	}
	explicit_bzero(prepared, sizeof(prepared));
	if (verdict != AUTH_VERDICT_YES)
		explicit_bzero(l->said, sizeof(l->said));
	return (verdict);
}

/* MD5 of the greeting's timestamp and of the shared secret, as SASLprep has it, which the verifier has to be. */
static enum auth_verdict
apop_verify(struct login *l, struct buf *out __unused)
{
	size_t		 head = sizeof(VERIFIER_PLAIN_NAME) - 1;
	MD5_CTX		 ctx;
	uint8_t		 digest[MD5_DIGEST_LENGTH], random[2 * MD5_DIGEST_LENGTH], word[PREPARED_SIZE];
	int		 plain = verifier_kind(l->verifier, l->vlen) == VERIFIER_PLAIN && l->vlen > head &&
			    memchr(l->verifier, '\0', l->vlen) == NULL, fits;
	ssize_t		 n = plain ? sasl_prepare(word, sizeof(word), l->verifier + head, l->vlen - head, 1) : -1;

	plain = n != -1;
	arc4random_buf(random, sizeof(random));
	MD5Init(&ctx);
	MD5Update(&ctx, (const uint8_t *)l->conf.apop, strlen(l->conf.apop));
	MD5Update(&ctx, plain ? word : random, plain ? (size_t)n : sizeof(random));
	MD5Final(digest, &ctx);
	fits = hmac_same(digest, l->said, sizeof(digest)) & plain;
	explicit_bzero(&ctx, sizeof(ctx));
	explicit_bzero(word, sizeof(word));
	explicit_bzero(digest, sizeof(digest));
	return (fits ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
}
