/* SPDX-License-Identifier: ISC */
/*
 * Between the master and web: the listener, which forks a process for each request of the web server's, and these.  A request tells the
 * master the token that its browser sent, and gets a channel at which the account that is logged in by it may ask what rpopctl asks at
 * the control sockets (proto_ctl.h), each within its rights.  While somebody logs in, the request has a channel to an auth process
 * (proto_auth.h): no password goes through the master.
 */
#ifndef PROTO_WEB_H
#define PROTO_WEB_H

#include "proto.h"

#define PROTO_TOKEN_LEN		32	/* octets: of a session's token, and of the one that a form must bring back */

/* What of a session's account a page has to know; what may be done the master decides for each request anew. */
#define WEB_SERVER_ADMIN	0x1
#define WEB_DOMAIN_ADMIN	0x2
#define WEB_MODIFY		0x4	/* it may change its own records (account.can_modify_rpop) */
#define WEB_PASSWORD		0x8	/* its password is kept here, and can be changed */

/* NOBODY: there is no such session, or no more; FORGED: the form is not of this session, and nothing may be changed by it. */
enum web_entry { WEB_NOBODY, WEB_FORGED, WEB_ENTERED, WEB_ENTRY_MAX };

struct msg_web_request {		/* with the request's channel; a fork has this id */
	uint32_t	 id;
};

struct msg_web_enter {			/* once, the first message */
	uint32_t	 tokens;		/* 1: the browser has sent the token of a session */
	uint32_t	 change;		/* 1: something is to be changed, and form has what the form brought back */
	uint8_t		 token[PROTO_TOKEN_LEN];
	uint8_t		 form[PROTO_TOKEN_LEN];
	char		 client[PROTO_CLIENT_SIZE];	/* numeric address of the browser, as the web server says; empty: it does not */
};

struct msg_web_entered {		/* with the control channel if entry is ENTERED; without change it is for looking only */
	uint32_t	 entry;			/* enum web_entry */
	uint32_t	 rights;		/* ENTERED: WEB_*, and what follows */
	uint32_t	 min_period;		/* s: of a record that the account makes itself */
	uint32_t	 max_records;		/* that it may make itself */
	uint32_t	 unified;		/* 1: records for a whole domain are this account's: the main domain's postmaster */
	uint8_t		 form[PROTO_TOKEN_LEN];	/* what forms have to bring back */
	char		 account[PROTO_ADDR_SIZE];
	char		 host[PROTO_HOST_SIZE];	/* of this server, always */
};

struct msg_web_begin {			/* a login begins: AUTH follows, or DENIED */
	char		 client[PROTO_CLIENT_SIZE];
};

struct msg_web_session {		/* somebody has logged in */
	uint8_t		 token[PROTO_TOKEN_LEN];	/* for the browser; nobody else has it */
};

struct msg_web_denied {			/* nobody has, and why, in words for him */
	char		 text[PROTO_TEXT_SIZE];
};

#endif
