/* SPDX-License-Identifier: ISC */
/* UTF-8 (RFC 3629). */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

size_t	 utf8_length(const void *, size_t);
int	 utf8_valid(const void *, size_t);

#endif
