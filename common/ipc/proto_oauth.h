/* SPDX-License-Identifier: ISC */
/* Between the master and an oauth process: one request to a token endpoint. */
#ifndef PROTO_OAUTH_H
#define PROTO_OAUTH_H

#include "proto.h"

#define PROTO_URL_SIZE		1024	/* path of an endpoint, or a scope */

struct msg_token_start {
	uint32_t	 id;
	uint32_t	 client_credentials;	/* 1: grant_type client_credentials; 0: refresh_token (RFC 6749) */
	uint32_t	 own_ca;		/* IMSG_TOKEN_CA follow: nothing but these is trusted */
	uint16_t	 port;
	uint16_t	 reserved;
	char		 host[PROTO_HOST_SIZE];
	char		 path[PROTO_URL_SIZE];
	char		 client_id[PROTO_USER_SIZE];
	char		 scope[PROTO_URL_SIZE];	/* empty: none */
};

struct msg_token_part {			/* the octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 reserved;
};

struct msg_token_granted {		/* the access token follows it in the same message */
	uint32_t	 id;
	uint32_t	 lifetime;		/* s, 0 = not said */
	uint32_t	 refresh_lifetime;	/* of the refresh token that holds now; likewise */
	uint32_t	 reserved;
};

struct msg_token_failed {
	uint32_t	 id;
	uint32_t	 why;			/* WHY_TOKEN_TEMP, WHY_TOKEN_PERM */
	char		 text[PROTO_TEXT_SIZE];
};

#endif
