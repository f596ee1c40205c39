/* SPDX-License-Identifier: ISC */
/* Verifiers of new passwords, made where the password is typed. */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __OpenBSD__
#include <crypt.h>
#endif
#include <gsasl.h>

#include "common/buf.h"
#include "common/compat.h"
#include "common/ipc/proto.h"
#include "base64.h"
#include "password.h"
#include "prepare.h"

#define SCRAM_ITERATIONS	10000
#define SCRAM_SALT		16	/* octets */

#define NOT_PREPARED	"the password has octets that SASLprep (RFC 4013) does not take; it must be UTF-8 without control characters"

const char	 password_too_long[] = "crypt(3) takes 511 octets at most; --scram takes 1024";

static const char	*make_crypt(const char *, char *, size_t);
static const char	*make_scram(const char *, char *, size_t);

/*
 * The verifier of a password as SASLprep (RFC 4013) has it, in a form, with a salt of its own: NULL with a string of fewer than size
 * octets in out, or a sentence.  A login takes what was typed as SASLprep has it, too, and is wrong with what that refuses.
 */
const char *
password_verifier(enum verifier_kind kind, const char *password, char *out, size_t size)
{
	char		 prepared[PROTO_SECRET_MAX + 1];
	const char	*wrong = NULL;

	if (sasl_prepare(prepared, sizeof(prepared), password, strlen(password), 0) <= 0)
		wrong = NOT_PREPARED;
	else if (kind == VERIFIER_PLAIN)
		snprintf(out, size, VERIFIER_PLAIN_NAME "%s", prepared);
	else if (kind == VERIFIER_SCRAM)
		wrong = make_scram(prepared, out, size);
	else
		wrong = make_crypt(prepared, out, size);
	explicit_bzero(prepared, sizeof(prepared));
	return (wrong);
}

/* yescrypt with the costs that the library thinks right. */
static const char *
make_crypt(const char *password, char *out, size_t size)
{
#ifdef __OpenBSD__
	if (crypt_newhash(password, "bcrypt,a", out, size) == 0)
		return (NULL);
	return ("the password cannot be hashed; is it longer than 72 octets?");
#else
	char		 setting[CRYPT_GENSALT_OUTPUT_SIZE];
	void		*data = NULL;
	const char	*hash;
	int		 datalen = 0, whole = 0;

	if (strlen(password) >= CRYPT_MAX_PASSPHRASE_SIZE)
		return (password_too_long);
	if (crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof(setting)) != NULL &&
	    (hash = crypt_ra(password, setting, &data, &datalen)) != NULL)
		whole = strlcpy(out, hash, size) < size;
	if (data != NULL)
		freezero(data, (size_t)datalen);
	return (whole ? NULL : "this system's crypt(3) has no yescrypt; use --scram");
#endif
}

/* RFC 5802 section 3. */
static const char *
make_scram(const char *password, char *out, size_t size)
{
	char		 salt[SCRAM_SALT], salted[VERIFIER_KEY_LEN], client[VERIFIER_KEY_LEN], server[VERIFIER_KEY_LEN];
	char		 stored[VERIFIER_KEY_LEN];
	struct buf	 b;
	int		 n, bad;

	arc4random_buf(salt, sizeof(salt));
	if (gsasl_scram_secrets_from_password(GSASL_HASH_SHA256, password, SCRAM_ITERATIONS, salt, sizeof(salt), salted, client, server,
	    stored) != GSASL_OK)
		return (NOT_PREPARED);
	buf_init(&b, VERIFIER_MAX);
	n = snprintf(out, size, VERIFIER_SCRAM_NAME "%d,", SCRAM_ITERATIONS);
	bad = buf_add(&b, out, (size_t)n) == -1 || base64_encode(&b, (const uint8_t *)salt, sizeof(salt)) == -1 ||
	    buf_add(&b, ",", 1) == -1 || base64_encode(&b, (const uint8_t *)stored, sizeof(stored)) == -1 ||
	    buf_add(&b, ",", 1) == -1 || base64_encode(&b, (const uint8_t *)server, sizeof(server)) == -1 || buf_add(&b, "", 1) == -1 ||
	    strlcpy(out, (const char *)buf_data(&b), size) >= size;
	buf_free(&b);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(client, sizeof(client));
	return (bad ? "out of memory" : NULL);
}
