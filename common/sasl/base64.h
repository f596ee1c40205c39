/* SPDX-License-Identifier: ISC */
/* Base64 (RFC 4648 section 4). */
#ifndef BASE64_H
#define BASE64_H

#include <sys/types.h>

#include <stdint.h>

#include "common/buf.h"

int	 base64_encode(struct buf *, const uint8_t *, size_t);
ssize_t	 base64_decode(uint8_t *, size_t, const uint8_t *, size_t);

#endif
