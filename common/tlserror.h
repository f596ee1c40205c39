/* SPDX-License-Identifier: ISC */
/* TLS failures in words. */
#ifndef TLSERROR_H
#define TLSERROR_H

#include <sys/types.h>

/* What a connection's TLS was asked to be, for the explanation of a failure. */
enum tls_has { HAS_CA = 0x01, HAS_KEY = 0x02, HAS_OLD = 0x04, HAS_CIPHERS = 0x08, HAS_PINS = 0x10, HAS_13 = 0x20,
	HAS_SHAKEN = 0x40,		/* the handshake is over */
	HAS_NEXTHOP = 0x80 };		/* the server is a next hop, whose row has other columns to set */

int	 tlserror_explain(unsigned int, const char *, char *, size_t);

#endif
