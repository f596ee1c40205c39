/* SPDX-License-Identifier: ISC */
/* Between the master and an oauth process: one request to an identity provider. */
#ifndef PROTO_OAUTH_H
#define PROTO_OAUTH_H

#include "proto.h"

#define PROTO_URL_SIZE		1024	/* path of an endpoint, a scope, or an address for people */
#define PROTO_USER_CODE_SIZE	65	/* what a person types at a provider's page */

/* What is asked for, and with what: the grant types of RFC 6749 and RFC 8628. */
enum token_ask {
	TOKEN_BY_REFRESH,		/* an access token, with a refresh token */
	TOKEN_BY_CLIENT,		/* likewise, with nothing but the client's own credentials */
	TOKEN_DEVICE,			/* a device code, RFC 8628 section 3.1 */
	TOKEN_BY_DEVICE,		/* a refresh token and an access token, with a device code */
	TOKEN_ASK_MAX
};

struct msg_token_start {
	uint32_t	 id;
	uint32_t	 ask;			/* enum token_ask */
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

struct msg_token_device {		/* the device code follows it in the same message; strings are printable ASCII */
	uint32_t	 id;
	uint32_t	 lifetime;		/* s, of the device code; not 0 */
	uint32_t	 interval;		/* s between two questions about it; not 0 */
	uint32_t	 reserved;
	char		 user_code[PROTO_USER_CODE_SIZE];
	char		 uri[PROTO_URL_SIZE];	/* where a person enters it */
	char		 uri_complete[PROTO_URL_SIZE];	/* likewise, with the code in it; empty: none */
};

struct msg_token_pending {		/* the person has not decided yet */
	uint32_t	 id;
	uint32_t	 slow_down;		/* 1: it is asked too often */
};

struct msg_token_failed {
	uint32_t	 id;
	uint32_t	 why;			/* WHY_TOKEN_TEMP, WHY_TOKEN_PERM */
	char		 text[PROTO_TEXT_SIZE];
};

#endif
