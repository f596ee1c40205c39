/* SPDX-License-Identifier: ISC */
/* Names of the header fields in which providers are known to keep a message's envelope recipients. */
#ifndef ENVFIELD_H
#define ENVFIELD_H

#include <stddef.h>
#include <stdint.h>

#define ENVFIELD_MAX	12	/* names, numbered from 0; a set of them is bits of a uint32_t */
#define ENVFIELD_FOR	(ENVFIELD_MAX - 1)	/* no name of a field: "for" in a Received field */

int		 envfield_find(const uint8_t *, size_t);	/* the number of a field's name, whatever its case; -1: it has none */
const char	*envfield_name(size_t);

#endif
