/* SPDX-License-Identifier: ISC */
/* HMAC-SHA-256 by the SHA-256 of libc or libmd, which have no HMAC of their own everywhere. */
#include <sys/types.h>

#include <sha2.h>
#include <string.h>
#include <strings.h>

#include "hmac.h"

#define BLOCK	64		/* octets that SHA-256 takes at a time */

/* mac = HMAC-SHA-256 of data by a key of any length.  A key of more than a block is hashed first, as RFC 2104 section 2 has it. */
void
hmac_sha256(const void *key, size_t keylen, const void *data, size_t len, uint8_t mac[HMAC_LEN])
{
	SHA2_CTX	 ctx;
	uint8_t		 pad[BLOCK] = { 0 };
	size_t		 i;

	if (keylen > sizeof(pad)) {
		SHA256Init(&ctx);
		SHA256Update(&ctx, key, keylen);
		SHA256Final(pad, &ctx);
	} else if (keylen > 0)
		memcpy(pad, key, keylen);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	SHA256Init(&ctx);
	SHA256Update(&ctx, pad, sizeof(pad));
	SHA256Update(&ctx, data, len);
	SHA256Final(mac, &ctx);
	for (i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	SHA256Init(&ctx);
	SHA256Update(&ctx, pad, sizeof(pad));
	SHA256Update(&ctx, mac, HMAC_LEN);
	SHA256Final(mac, &ctx);
	explicit_bzero(pad, sizeof(pad));
	explicit_bzero(&ctx, sizeof(ctx));
}

/* Whether so many octets are equal: 1 or 0.  All of them are looked at, wherever the first difference is: timingsafe_bcmp(3). */
int
hmac_same(const void *a, const void *b, size_t len)
{
	const volatile uint8_t	*p = a, *q = b;
	uint8_t			 differ = 0;

	while (len-- > 0)
		differ |= *p++ ^ *q++;
	return (differ == 0);
}
