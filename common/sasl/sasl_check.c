/* SPDX-License-Identifier: ISC */
/* Checks of challenges, whatever these are, ahead of the library that works with them. */
#include <sys/types.h>

#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "sasl.h"

#define SCRAM_MIN	4096	/* iterations (RFC 7677) */
#define SCRAM_MAX	200000	/* iterations, which take a quarter of a second */
#define NTLM_FIXED	32	/* octets up to the end of the server's nonce */
#define NTLM_MAX	1024	/* octets of a challenge, for which the library has an array */
#define NTLM_TARGET_INFO 0x00800000	/* flag: there is a list, described at 40 */
#define NTLM_INFO_END	48
#define NTLM_NAME_MAX	256	/* octets of the domain in a challenge */

static uint32_t	 le16(const uint8_t *);
static uint32_t	 le32(const uint8_t *);

/*
 * A SCRAM challenge, "r=nonce,s=salt,i=count" and extensions (RFC 5802 section 7): the count has to be neither too low nor too
 * high.
 */
const char *
sasl_scram_check(const uint8_t *p, size_t len)
{
	const uint8_t	*end = p + len, *q;
	uint32_t	 count = 0;

	if (memchr(p, '\0', len) != NULL)
		return ("the server's SCRAM challenge has a NUL in it");
	if (len < 2 || memcmp(p, "r=", 2) != 0 || (q = memchr(p, ',', len)) == NULL || end - q < 3 || memcmp(q, ",s=", 3) != 0 ||
	    (q = memchr(q + 1, ',', (size_t)(end - q - 1))) == NULL || end - q < 3 || memcmp(q, ",i=", 3) != 0)
		return ("the server's SCRAM challenge makes no sense");
	for (q += 3; q < end && *q >= '0' && *q <= '9' && count <= SCRAM_MAX; q++)
		count = count * 10 + (uint32_t)(*q - '0');
	if (count > SCRAM_MAX)
		return ("the server wants more than 200000 SCRAM iterations");
	if (q < end && *q != ',')
		return ("the server's SCRAM iteration count is no number");
	if (count < SCRAM_MIN)
		return ("the server wants fewer than 4096 SCRAM iterations");
	return (NULL);
}

/*
 * A message of type 2 of NTLM: signature and type have to be right, the target's name and list have to lie inside of it
 * (CVE-2012-3482 was a client that believed their offsets).
 */
const char *
sasl_ntlm_check(const uint8_t *p, size_t len)
{
	static const char	 nonsense[] = "the server's NTLM challenge makes no sense";
	uint32_t		 n, off;

	if (len < NTLM_FIXED || len > NTLM_MAX || memcmp(p, "NTLMSSP", 8) != 0 || le32(p + 8) != 2)
		return (nonsense);
	n = le16(p + 12);
	off = le32(p + 16);
	if (n > NTLM_NAME_MAX || n > len || off > len - n || (n > 0 && off < NTLM_FIXED))
		return (nonsense);
	if (le32(p + 20) & NTLM_TARGET_INFO) {
		if (len < NTLM_INFO_END)
			return (nonsense);
		n = le16(p + 40);
		off = le32(p + 44);
		if (n > 0 && (n > len || off > len - n || off < NTLM_FIXED))
			return (nonsense);
	}
	return (NULL);
}

static uint32_t
le16(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8);
}

static uint32_t
le32(const uint8_t *p)
{
	return (le16(p) | le16(p + 2) << 16);
}
