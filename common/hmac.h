/* SPDX-License-Identifier: ISC */
/* HMAC-SHA-256 (RFC 2104), and a comparison that takes as long wherever the difference is. */
#ifndef HMAC_H
#define HMAC_H

#include <stddef.h>
#include <stdint.h>

#define HMAC_LEN	32

void	 hmac_sha256(const void *key, size_t, const void *data, size_t, uint8_t mac[HMAC_LEN]);
int	 hmac_same(const void *, const void *, size_t);

#endif
