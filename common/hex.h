/* SPDX-License-Identifier: ISC */
/* Octets as hexadecimal digits. */
#ifndef HEX_H
#define HEX_H

#include <stddef.h>

int	 hex_digit(int);
void	 hex_encode(void *, const void *, size_t);
int	 hex_decode(void *, size_t, const void *);

#endif
