/* SPDX-License-Identifier: ISC */
/* Keeping a credential out of every text that a server sends. */
#ifndef AUTH_MASK_H
#define AUTH_MASK_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/proto.h"

#define MASK_LINE_MAX	2048		/* octets of one line of a server */
#define MASK_TEXT	200		/* octets of a line that are shown */

/* The secret as it is; the secret in base64; the last response, in base64. */
enum auth_masked { MASK_SECRET, MASK_CODED, MASK_SENT, MASK_MAX };

struct auth_mask {		/* it knows a secret when it sees it, but has no copy of it */
	uint8_t		 salt[16];
	int		 runs;		/* long runs that look like base64 are hidden, too */
	struct {
		uint8_t	 digest[PROTO_DIGEST_LEN];
		uint32_t sum;		/* of the secret's octets, for a cheap first look */
		size_t	 len;		/* octets of the secret; 0: there is none */
	} of[MASK_MAX];
};

int	 auth_mask_init(struct auth_mask *, const void *, size_t);
void	 auth_mask_set(struct auth_mask *, enum auth_masked, const void *, size_t);
char	*auth_mask_text(const struct auth_mask *, char *, size_t, const uint8_t *, size_t);

#endif
