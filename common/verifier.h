/* SPDX-License-Identifier: ISC */
/*
 * Verifiers: what column account.password holds to know a password by.  One of three forms:
 *
 *	$...				a string of crypt(3), see crypt(5)
 *	{PLAIN}octets			the password itself, which APOP and CRAM-MD5 need
 *	{SCRAM-SHA-256}n,salt,stored,server	RFC 5802: iterations, and in base64 the salt, StoredKey and ServerKey
 */
#ifndef VERIFIER_H
#define VERIFIER_H

#include <stddef.h>
#include <stdint.h>

#define VERIFIER_PLAIN_NAME	"{PLAIN}"
#define VERIFIER_SCRAM_NAME	"{SCRAM-SHA-256}"
#define VERIFIER_MAX		1031	/* octets: {PLAIN} and PROTO_SECRET_MAX */
#define VERIFIER_SALT_MAX	64	/* octets of SCRAM's salt */
#define VERIFIER_KEY_LEN	32	/* SHA-256 */
#define VERIFIER_ITERATIONS_MIN	4096	/* RFC 7677, section 4 */
#define VERIFIER_ITERATIONS_MAX	1000000

enum verifier_kind { VERIFIER_CRYPT = 1, VERIFIER_PLAIN, VERIFIER_SCRAM };

struct verifier_scram {
	uint32_t	 iterations;
	uint8_t		 salt[VERIFIER_SALT_MAX];
	size_t		 saltlen;
	uint8_t		 stored[VERIFIER_KEY_LEN], server[VERIFIER_KEY_LEN];
};

const char	*verifier_wrong(const void *, size_t);
enum verifier_kind verifier_kind(const void *, size_t);
int		 verifier_scram(const void *, size_t, struct verifier_scram *);
void		 verifier_spoil(void *, size_t, const uint8_t seed[VERIFIER_KEY_LEN]);

#endif
