/* SPDX-License-Identifier: ISC */
/*
 * A password against a verifier, each form by a library.  How long it takes depends on the verifier's form, method and settings and
 * on what was typed, never on how much of it is right.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef __OpenBSD__
#include <crypt.h>
#endif
#include <gsasl.h>

#include "common/compat.h"
#include "common/hmac.h"
#include "common/sasl/prepare.h"
#include "common/verifier.h"
#include "auth.h"

static enum auth_verdict	 verify_crypt(const char *, size_t, const char *);
static enum auth_verdict	 verify_plain(const uint8_t *, size_t, const uint8_t *, size_t);
static enum auth_verdict	 verify_scram(const void *, size_t, const char *);

/*
 * A password as somebody typed it, who is not logging in: right and wrong as at a login, as it was typed or as SASLprep has it, and
 * wrong if SASLprep refuses it.
 */
enum auth_verdict
verify_typed(const void *verifier, size_t vlen, const void *password, size_t len)
{
	enum auth_verdict	 verdict = verify(verifier, vlen, password, len);
	uint8_t			 prepared[PROTO_SECRET_MAX * 4 + 1];
	ssize_t			 n = sasl_prepare(prepared, sizeof(prepared), password, len, 0);

	if (n == -1 && verdict == AUTH_VERDICT_YES)
		verdict = AUTH_VERDICT_NO;
	else if (n > 0 && verdict == AUTH_VERDICT_NO && ((size_t)n != len || memcmp(prepared, password, len) != 0))
		verdict = verify(verifier, vlen, prepared, (size_t)n);
	explicit_bzero(prepared, sizeof(prepared));
	return (verdict);
}

/* A password of 1 to PROTO_SECRET_MAX octets against a verifier that was made of these octets. */
enum auth_verdict
verify(const void *verifier, size_t vlen, const void *password, size_t len)
{
	char			 text[PROTO_SECRET_MAX + 1], string[VERIFIER_MAX + 1];
	enum auth_verdict	 verdict;

	if (vlen == 0 || vlen > VERIFIER_MAX)
		return (AUTH_VERDICT_BROKEN);
	/* A NUL would end the password where a C string does; none is stored with one. */
	if (len == 0 || len > PROTO_SECRET_MAX || memchr(password, '\0', len) != NULL)
		return (AUTH_VERDICT_NO);
	if (verifier_kind(verifier, vlen) == VERIFIER_PLAIN)
		return (verify_plain(verifier, vlen, password, len));
	memcpy(text, password, len);
	text[len] = '\0';
	memcpy(string, verifier, vlen);
	string[vlen] = '\0';
	if (verifier_wrong(verifier, vlen) != NULL)
		verdict = AUTH_VERDICT_BROKEN;
	else if (verifier_kind(verifier, vlen) == VERIFIER_SCRAM)
		verdict = verify_scram(verifier, vlen, text);
	else
		verdict = verify_crypt(string, vlen, text);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(string, sizeof(string));
	return (verdict);
}

/*
 * BROKEN: this system's crypt(3) does not know the method or its settings, or they need more memory than the process may have.  A
 * password that is longer than crypt(3) takes has no hash, and is wrong.
 */
static enum auth_verdict
verify_crypt(const char *verifier, size_t len, const char *password)
{
#ifdef __OpenBSD__
	(void)len;
	if (strncmp(verifier, "$2", 2) != 0)
		return (AUTH_VERDICT_BROKEN);
	return (crypt_checkpass(password, verifier) == 0 ? AUTH_VERDICT_YES : AUTH_VERDICT_NO);
#else
	void			*data = NULL;
	const char		*hash;
	enum auth_verdict	 verdict;
	int			 size = 0;

	if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
		return (AUTH_VERDICT_NO);
	if ((hash = crypt_ra(password, verifier, &data, &size)) == NULL || strlen(hash) != len)
		verdict = AUTH_VERDICT_BROKEN;
	else
		verdict = hmac_same(hash, verifier, len) ? AUTH_VERDICT_YES : AUTH_VERDICT_NO;
	if (data != NULL)
		freezero(data, (size_t)size);
	return (verdict);
#endif
}

/* As many octets are compared whatever there is of either, and their numbers besides. */
static enum auth_verdict
verify_plain(const uint8_t *verifier, size_t vlen, const uint8_t *password, size_t len)
{
	uint8_t	 stored[PROTO_SECRET_MAX + 1], typed[PROTO_SECRET_MAX + 1];
	size_t	 head = sizeof(VERIFIER_PLAIN_NAME) - 1;
	int	 differ;

	if (vlen - head > PROTO_SECRET_MAX)
		return (AUTH_VERDICT_BROKEN);
	memset(stored, 0, sizeof(stored));
	memset(typed, 0, sizeof(typed));
	memcpy(stored, verifier + head, vlen - head);
	memcpy(typed, password, len);
	differ = !hmac_same(stored, typed, sizeof(stored));
	differ |= vlen - head != len;
	explicit_bzero(stored, sizeof(stored));
	explicit_bzero(typed, sizeof(typed));
	return (differ ? AUTH_VERDICT_NO : AUTH_VERDICT_YES);
}

/* RFC 5802 section 3, the server's side of a password that it was given.  A password that SASLprep refuses is wrong. */
static enum auth_verdict
verify_scram(const void *verifier, size_t len, const char *password)
{
	struct verifier_scram	 s;
	char			 salted[VERIFIER_KEY_LEN], client[VERIFIER_KEY_LEN], server[VERIFIER_KEY_LEN], stored[VERIFIER_KEY_LEN];
	int			 rc, differ;

	if (verifier_scram(verifier, len, &s) == -1)
		return (AUTH_VERDICT_BROKEN);
	rc = gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, s.iterations, (const char *)s.salt, s.saltlen, salted,
	    client, server, stored);
	differ = rc != GSASL_OK || !hmac_same(stored, s.stored, sizeof(stored)) ||
	    !hmac_same(server, s.server, sizeof(server));
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	explicit_bzero(server, sizeof(server));
	explicit_bzero(stored, sizeof(stored));
	explicit_bzero(&s, sizeof(s));
	return (differ ? AUTH_VERDICT_NO : AUTH_VERDICT_YES);
}
