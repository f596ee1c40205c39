/* SPDX-License-Identifier: ISC */
/* Keeping a credential out of every text that a server sends back. */
#ifndef AUTH_MASK_H
#define AUTH_MASK_H

#include <sys/types.h>

#include <stdint.h>

#include "common/ipc/proto.h"

#define MASK_LINE_MAX	2048		/* octets of one line of a server */
#define MASK_TEXT	200		/* of it that are shown */

enum auth_masked { MASK_SECRET, MASK_CODED, MASK_SENT, MASK_MAX };	/* as it is; in base64; the last response, in base64 */

struct auth_mask {		/* knows a secret when it sees it, but not what it is */
	uint8_t		 salt[16];
	int		 runs;		/* long runs that look like base64 are hidden, too */
	struct {
		uint8_t	 digest[PROTO_DIGEST_LEN];
		uint32_t sum;		/* of its octets: cheap first look */
		size_t	 len;		/* 0: none */
	} of[MASK_MAX];
};

int	 auth_mask_init(struct auth_mask *, const void *, size_t);
void	 auth_mask_set(struct auth_mask *, enum auth_masked, const void *, size_t);
char	*auth_mask_text(const struct auth_mask *, char *, size_t, const uint8_t *, size_t);

#endif
