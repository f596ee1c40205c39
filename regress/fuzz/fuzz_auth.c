/* SPDX-License-Identifier: ISC */
/* links: auth/verify.c */
/* libs: -lgsasl -lcrypt */
/*
 * Whatever a process for a password is given as a verifier, and as a password: what is judged good can be spoilt and is good then,
 * what was spoilt fits no password, and what is no verifier does not, either.  Input: length of the verifier (2 octets), verifier,
 * password.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth.h"
#include "common/verifier.h"

#define ITERATIONS	5000	/* more take time and find nothing */

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const uint8_t	 seed[VERIFIER_KEY_LEN];
	struct verifier_scram	 s;
	enum verifier_kind	 kind;
	enum auth_verdict	 verdict;
	uint8_t			*copy;
	size_t			 n;
	int			 good;

	if (len < 2)
		return (0);
	n = p[0] | (size_t)p[1] << 8;
	p += 2;
	len -= 2;
	if (n > len)
		n = len;
	good = verifier_wrong(p, n) == NULL;
	kind = verifier_kind(p, n);
	if ((copy = malloc(n + 1)) == NULL)
		abort();
	memcpy(copy, p, n);
	verifier_spoil(copy, n, seed);
	if (good && (kind == 0 || (kind != VERIFIER_PLAIN && verifier_wrong(copy, n) != NULL) || verifier_kind(copy, n) != kind))
		abort();
	/* What crypt(3) computes may take hours; the process has a limit for that. */
	if ((!good && kind != VERIFIER_CRYPT) || kind == VERIFIER_PLAIN || (kind == VERIFIER_SCRAM && verifier_scram(p, n, &s) == 0 && s.iterations <= ITERATIONS)) {
		verdict = verify(p, n, p + n, len - n);
		if (!good && kind != VERIFIER_PLAIN && verdict == AUTH_VERDICT_YES)
			abort();
		if (kind == VERIFIER_PLAIN && (verdict == AUTH_VERDICT_YES) != (n - 7 == len - n && n > 7 && n <= VERIFIER_MAX &&
		    memchr(p + 7, '\0', n - 7) == NULL && memcmp(p + 7, p + n, n - 7) == 0))
			abort();
		if (verify(copy, n, p + n, len - n) == AUTH_VERDICT_YES)
			abort();
	}
	free(copy);
	return (0);
}
