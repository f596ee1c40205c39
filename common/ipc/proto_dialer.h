/* SPDX-License-Identifier: ISC */
/* Between the master and the dialer: connections. */
#ifndef PROTO_DIALER_H
#define PROTO_DIALER_H

#include "proto.h"

#define PROTO_SOURCES_MAX	8	/* source addresses of one connection */

enum dial_flag { DIAL_SELF = 0x01, DIAL_PUBLIC = 0x02 };	/* this machine's own addresses allowed; public ones only */

struct msg_dial {
	uint32_t	 id;
	uint32_t	 timeout;		/* ms for everything */
	uint16_t	 port;
	uint16_t	 flags;			/* enum dial_flag */
	char		 host[PROTO_HOST_SIZE];
	char		 source[PROTO_SOURCES_MAX][48];	/* numeric, to connect from, best first; none: any */
	char		 socks[64];		/* SOCKS5 server, ip:port or [v6]:port; empty: none */
};

struct msg_dialed {
	uint32_t	 id;
	char		 address[48];		/* numeric, for log and trace field */
};

struct msg_dial_failed {
	uint32_t	 id;
	uint32_t	 why;			/* enum fail_why */
	char		 text[PROTO_TEXT_SIZE];
};

#endif
