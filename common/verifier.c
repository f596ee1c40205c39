/* SPDX-License-Identifier: ISC */
/* Verifiers taken apart, and judged without the password. */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/hmac.h"
#include "common/sasl/base64.h"
#include "verifier.h"

#define PLAIN_LEN	(sizeof(VERIFIER_PLAIN_NAME) - 1)
#define SCRAM_LEN	(sizeof(VERIFIER_SCRAM_NAME) - 1)

/* Characters of crypt(5): none that passwd(5) gives a meaning, no blank, no backslash. */
#define CRYPT_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./$=,"

struct method {			/* of crypt(3) */
	const char	*prefix;
	size_t		 hash;		/* characters at the end that are the hash */
	size_t		 least;		/* length of the shortest string: prefix, settings, salt and hash */
};

static const struct method	 methods[] = {
	{ "$y$",	43,	53 },	/* yescrypt */
	{ "$gy$",	43,	54 },	/* gost-yescrypt */
	{ "$7$",	43,	58 },	/* scrypt */
	{ "$2b$",	31,	60 },	/* bcrypt, as the two that follow */
	{ "$2y$",	31,	60 },
	{ "$2a$",	31,	60 },
	{ "$6$",	86,	91 },	/* SHA-512 */
	{ "$5$",	43,	48 },	/* SHA-256 */
};

static const struct method	*method_find(const char *, size_t);
static void			 scram_salt(char *, size_t, const uint8_t *);
static int			 scram_key(const char *, size_t, uint8_t *, size_t);

/* The method of a string of crypt(3); NULL: none that counts here. */
static const struct method *
method_find(const char *p, size_t len)
{
	size_t	 i;

	for (i = 0; i < nitems(methods); i++)
		if (len > strlen(methods[i].prefix) && memcmp(p, methods[i].prefix, strlen(methods[i].prefix)) == 0)
			return (&methods[i]);
	return (NULL);
}

/* NULL, or what a password in the store must be, which this one is not.  The sentence shows nothing of it. */
const char *
verifier_wrong(const void *verifier, size_t len)
{
	const char		*p = verifier;
	const struct method	*m;
	struct verifier_scram	 scram;
	size_t			 i;

	if (len == 0 || len > VERIFIER_MAX || memchr(p, '\0', len) != NULL || memchr(p, '\r', len) != NULL || memchr(p, '\n', len) != NULL)
		return ("must be 1 to 1031 octets without NUL, CR and LF");
	switch (verifier_kind(p, len)) {
	case VERIFIER_PLAIN:
		return (len > PLAIN_LEN ? NULL : "must have the password behind {PLAIN}");
	case VERIFIER_SCRAM:
		if (verifier_scram(p, len, &scram) == 0)
			return (NULL);
		return ("must be {SCRAM-SHA-256} and, by commas, 4096 to 1000000 iterations, salt, StoredKey and ServerKey in base64");
	case VERIFIER_CRYPT:
		break;
	default:
		return ("must be a string of crypt(3), {PLAIN} and the password, or {SCRAM-SHA-256} and its verifier, or NULL");
	}
	if ((m = method_find(p, len)) == NULL)
		return ("must be yescrypt ($y$), gost-yescrypt ($gy$), scrypt ($7$), bcrypt ($2b$), SHA-512 ($6$) or SHA-256 ($5$); "
		    "other methods of crypt(3), MD5 and DES among them, are too weak");
	for (i = 0; i < len; i++)
		if (strchr(CRYPT_CHARS, p[i]) == NULL)
			return ("must be a string of crypt(3) as it is in crypt(5)");
	if (len < m->least || memchr(p + len - m->hash, '$', m->hash) != NULL || p[strlen(m->prefix)] == '$')
		return ("must be a whole string of crypt(3): this one was cut, or has no salt");
	return (NULL);
}

/* The form of a verifier; 0: none. */
enum verifier_kind
verifier_kind(const void *verifier, size_t len)
{
	const char	*p = verifier;

	if (len > 0 && *p == '$')
		return (VERIFIER_CRYPT);
	if (len >= PLAIN_LEN && memcmp(p, VERIFIER_PLAIN_NAME, PLAIN_LEN) == 0)
		return (VERIFIER_PLAIN);
	if (len >= SCRAM_LEN && memcmp(p, VERIFIER_SCRAM_NAME, SCRAM_LEN) == 0)
		return (VERIFIER_SCRAM);
	return (0);
}

/* Takes a verifier of that form apart.  0, or -1: it is none. */
int
verifier_scram(const void *verifier, size_t len, struct verifier_scram *s)
{
	const char	*p = verifier, *end = p + len, *field[4];
	char		 number[12];
	const char	*wrong;
	size_t		 n, length[4];
	ssize_t		 saltlen;

	memset(s, 0, sizeof(*s));
	if (verifier_kind(p, len) != VERIFIER_SCRAM)
		return (-1);
	p += SCRAM_LEN;
	for (n = 0; n < nitems(field); n++) {
		field[n] = p;
		while (p < end && *p != ',')
			p++;
		length[n] = (size_t)(p - field[n]);
		if (p < end)
			p++;
		else if (n < nitems(field) - 1)
			return (-1);
	}
	if (field[3] + length[3] != end || length[0] == 0 || length[0] >= sizeof(number) ||
	    (saltlen = base64_decode(s->salt, sizeof(s->salt), (const uint8_t *)field[1], length[1])) <= 0 ||
	    scram_key(field[2], length[2], s->stored, sizeof(s->stored)) == -1 ||
	    scram_key(field[3], length[3], s->server, sizeof(s->server)) == -1)
		return (-1);
	s->saltlen = (size_t)saltlen;
	memcpy(number, field[0], length[0]);
	number[length[0]] = '\0';
	s->iterations = (uint32_t)strtonum(number, VERIFIER_ITERATIONS_MIN, VERIFIER_ITERATIONS_MAX, &wrong);
	return (wrong == NULL && number[0] >= '1' && number[0] <= '9' ? 0 : -1);
}

/* A key in base64.  0, or -1: it is not, or has another length. */
static int
scram_key(const char *p, size_t len, uint8_t *key, size_t size)
{
	return (base64_decode(key, size, (const uint8_t *)p, len) == (ssize_t)size ? 0 : -1);
}

/* Gives a good verifier another salt of the same length. */
static void
scram_salt(char *verifier, size_t len, const uint8_t *seed)
{
	struct verifier_scram	 s;
	struct buf		 b;
	uint8_t			 salt[2 * HMAC_LEN];
	char			*p = memchr(verifier, ',', len);

	if (verifier_scram(verifier, len, &s) == -1 || s.saltlen > sizeof(salt))
		return;
	hmac_sha256(seed, VERIFIER_KEY_LEN, "1", 1, salt);
	hmac_sha256(seed, VERIFIER_KEY_LEN, "2", 1, salt + HMAC_LEN);
	buf_init(&b, 2 * sizeof(salt));
	if (base64_encode(&b, salt, s.saltlen) == 0)
		memcpy(p + 1, buf_data(&b), buf_len(&b));
	buf_free(&b);
	explicit_bzero(&s, sizeof(s));
}

/*
 * Makes a good verifier one of the same form, method, settings and length, which takes as long to compare with, and which no
 * password has: it stands in for the verifier of an account that has none.  The salt of SCRAM, which everybody is shown, becomes
 * one that the seed gives.
 */
void
verifier_spoil(void *verifier, size_t len, const uint8_t seed[VERIFIER_KEY_LEN])
{
	char			*p = verifier;
	const struct method	*m;
	size_t			 i, commas = 0;

	switch (verifier_kind(p, len)) {
	case VERIFIER_CRYPT:
		if ((m = method_find(p, len)) != NULL && len > m->hash)
			memset(p + len - m->hash, '.', m->hash);
		break;
	case VERIFIER_PLAIN:
		/* No password has a NUL in it. */
		memset(p + PLAIN_LEN, '\0', len - PLAIN_LEN);
		break;
	case VERIFIER_SCRAM:
		scram_salt(p, len, seed);
		for (i = SCRAM_LEN; i < len; i++) {
			commas += p[i] == ',';
			if (commas >= 2 && p[i] != ',' && p[i] != '=')
				p[i] = 'A';
		}
		break;
	}
}
