/* SPDX-License-Identifier: ISC */
/*
 * The verifier of an account's password, read when somebody logs in: a password that was changed counts at once.  The one that
 * stands in for an account that has none is made of another account's, so that it takes as long; which one depends on the name
 * alone, as long as the store stays the same.
 */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hmac.h"
#include "rpopd/db/db.h"
#include "config_int.h"

static int	 login_read(const char *, const char *, int, struct login *, char *, size_t);
static void	 login_spoil(const char *, struct login *);
static void	 login_digest(const char *, const char *, uint8_t *);
static int	 login_step(const char *, sqlite3_stmt *, struct login *, char *, size_t);
static int64_t	 login_place(const char *);

static uint8_t	 names_key[PROTO_DIGEST_LEN];

/*
 * A secret that is the same over restarts: which verifier stands in for a name, and by which salt, is made with it, so that a name
 * that is no account's looks the same for ever, as those of accounts do.
 */
void
config_login_key(const uint8_t key[PROTO_DIGEST_LEN])
{
	memcpy(names_key, key, sizeof(names_key));
}

/*
 * What a password for this address, which need not be an account's, is to be compared with.  len 0: no account has a password.  0,
 * or -1 with a sentence.
 */
int
config_login(const char *path, const char *address, struct login *login, char *err, size_t errsize)
{
	return (login_read(path, address, 1, login, err, errsize));
}

/* Likewise for a name that no account has, or that nobody may log in by. */
int
config_stand_in(const char *path, const char *name, struct login *login, char *err, size_t errsize)
{
	return (login_read(path, name, 0, login, err, errsize));
}

/* Both questions are asked whatever the answers are, as the time they take must not tell. */
static int
login_read(const char *path, const char *address, int own, struct login *login, char *err, size_t errsize)
{
	struct login	 other;
	sqlite3_stmt	*st;
	int		 rc = -1;

	memset(login, 0, sizeof(*login));
	memset(&other, 0, sizeof(other));
	if ((st = secret_query(path, SECRET_STAND_IN, err, errsize)) != NULL) {
		sqlite3_bind_int64(st, 1, login_place(address));
		rc = login_step(path, st, &other, err, errsize);
	}
	if (rc == 0 && (st = secret_query(path, SECRET_LOGIN, err, errsize)) != NULL) {
		sqlite3_bind_text(st, 1, address, -1, SQLITE_STATIC);
		rc = login_step(path, st, login, err, errsize);
	}
	secret_release();
	if (rc == 0 && (login->len == 0 || !own)) {
		explicit_bzero(login, sizeof(*login));
		*login = other;
		login->stand_in = 1;
		login_spoil(address, login);
	}
	explicit_bzero(&other, sizeof(other));
	return (rc);
}

/*
 * The lent verifier becomes one that no password fits, with a salt of the name's own: SCRAM shows it, and one that two names have
 * would tell which of them is no account's.
 */
static void
login_spoil(const char *address, struct login *login)
{
	uint8_t	 salt[SHA256_DIGEST_LENGTH];

	login_digest("salt", address, salt);
	verifier_spoil(login->verifier, login->len, salt);
}

/* The verifier of the one row there is; NULL, and no row, are a verifier of no octets.  0, or -1 with a sentence. */
static int
login_step(const char *path, sqlite3_stmt *st, struct login *login, char *err, size_t errsize)
{
	const void	*p;
	int		 rc = sqlite3_step(st), len;

	if (rc == SQLITE_DONE)
		return (0);
	if (rc != SQLITE_ROW) {
		sql_reason(sqlite3_db_handle(st), path, err, errsize);
		return (-1);
	}
	if ((p = sqlite3_column_blob(st, 0)) == NULL)
		return (0);
	if ((len = sqlite3_column_bytes(st, 0)) > VERIFIER_MAX) {
		snprintf(err, errsize, "no usable password in the store");
		return (-1);
	}
	memcpy(login->verifier, p, (size_t)len);
	login->len = (size_t)len;
	return (0);
}

/* Where among all accounts the one is looked for that lends its verifier: nobody outside can tell from the name. */
static int64_t
login_place(const char *address)
{
	uint8_t	 digest[SHA256_DIGEST_LENGTH];
	int64_t	 place;

	login_digest("place", address, digest);
	memcpy(&place, digest, sizeof(place));
	return (place & INT64_MAX);
}

/* Octets that depend on a name and on what they are for, and that nobody can guess. */
static void
login_digest(const char *what, const char *address, uint8_t *digest)
{
	uint8_t	 purpose[HMAC_LEN];

	hmac_sha256(names_key, sizeof(names_key), what, strlen(what), purpose);
	hmac_sha256(purpose, sizeof(purpose), address, strlen(address), digest);
	explicit_bzero(purpose, sizeof(purpose));
}
