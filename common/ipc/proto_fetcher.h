/* SPDX-License-Identifier: ISC */
/* Between the master and a fetcher: one POP3 session. */
#ifndef PROTO_FETCHER_H
#define PROTO_FETCHER_H

#include "proto.h"

#define PROTO_PROBES		8	/* message numbers asked for singly in place of a whole UIDL */

/*
 * What F does with a message.  NONE: leaves it alone (never sent).  RETR_ALONE: retrieves it with nothing else in flight until its
 * verdict.  HEADERS: sends what TOP n 0 gives to V.  FINGERPRINT: sends M a digest of that.
 */
enum action { ACTION_NONE = 0, ACTION_RETR = 1, ACTION_DELE, ACTION_RETR_ALONE, ACTION_HEADERS, ACTION_FINGERPRINT };
#define ACTION_ANY_SIZE	0x80		/* set in an action on its way to F: max_size does not count for this message */
/*
 * COMPLETE: every message named once and well.  CONFUSED: number 0, one named twice, or shifted: no unique-id can be believed.
 * PROBED: only the probes were asked for; M answers with FETCH_LIST or a plan without entries.
 */
enum listing { LISTING_PARTIAL = 0, LISTING_COMPLETE = 1, LISTING_CONFUSED = 2, LISTING_PROBED = 3 };
enum verdict { VERDICT_KEEP = 1, VERDICT_DELE };	/* on a message that was sent to V */

struct msg_fetch_start {
	uint32_t	 session;
	uint32_t	 tls;			/* enum tls_mode */
	uint32_t	 auth;			/* enum auth_mech */
	uint32_t	 apop;			/* 1: the record and the global switch allow APOP */
	uint32_t	 port;			/* that is polled, for OAUTHBEARER */
	uint32_t	 token;			/* the secret is an OAuth access token */
	uint32_t	 leave;			/* 1: UIDL is needed, else the record fails */
	uint32_t	 want_sizes;		/* 1: ask for LIST together with UIDL */
	uint32_t	 prove_each;		/* 1: prove behind each message that answers are in step, not now and then */
	uint32_t	 no_capa;		/* 1: the server is not asked for its capabilities: it does not stand that */
	uint32_t	 rset;			/* 1: RSET ahead of the first DELE, or of QUIT, once messages were asked for */
	uint32_t	 max_size;		/* octets that a message may have, twice that if LIST says that it fits; 0: any */
	uint32_t	 probes;		/* how many of probe; 0: UIDL as a whole */
	uint32_t	 probe[PROTO_PROBES];	/* message numbers, ascending */
	uint32_t	 tls_min;		/* 10, 11, 12 or 13: TLS 1.x; 0: the default, 12 */
	uint32_t	 npins;
	uint8_t		 pins[PROTO_PINS_MAX][PROTO_DIGEST_LEN];	/* SHA-256 of the certificate (DER); any of them */
	char		 ciphers[PROTO_CIPHERS_SIZE];	/* empty: the default */
	uint32_t	 idle_timeout;		/* ms without a byte from the server */
	uint32_t	 total_timeout;		/* ms for the whole session */
	char		 host[PROTO_HOST_SIZE];	/* polled host, for SASL; AUTH MSN is for hosts in msn.com only */
	char		 tls_name[PROTO_HOST_SIZE];	/* name the certificate must carry, and SNI */
	char		 user[PROTO_USER_SIZE];
	char		 record[PROTO_RECORD_SIZE];	/* for log lines */
};

struct msg_fetch_stat {
	uint32_t	 count;			/* messages */
	uint32_t	 has_uidl;
	uint64_t	 octets;		/* a hint */
	uint32_t	 has_top;
	uint32_t	 login_delay;		/* s by CAPA after login, 0 = none said */
	uint32_t	 expire;		/* days by CAPA, UINT32_MAX: never or not said; 0: what was retrieved goes */
	char		 mech[16];		/* how it logged in */
	char		 tls[16];		/* version of TLS; empty: in clear */
	char		 offered[128];		/* what the server said of mechanisms, encoded; empty: nothing */
	uint32_t	 capa_uidl;		/* CAPA says that there is UIDL */
	char		 refusal[PROTO_TEXT_SIZE];	/* without has_uidl: what the server said to UIDL */
};

struct msg_fetch_listed {
	uint32_t	 lines;			/* UIDL lines seen, bad ones included */
	uint32_t	 state;			/* enum listing */
	uint32_t	 derived;		/* unique-ids that break RFC 1939, in whose place a digest of them stands */
};

struct msg_fetch_text {
	uint32_t	 msgno;
	uint32_t	 why;			/* enum fail_why, by the reply's response code (RFC 2449); WHY_NONE: it has none */
	char		 text[PROTO_TEXT_SIZE];
};

struct msg_fetch_done {
	uint32_t	 retrieved;
	uint32_t	 deleted;
	uint64_t	 octets;
	uint32_t	 quit_ok;		/* 1: QUIT answered +OK, so deletions are done; 0: -ERR, some are not */
	char		 text[PROTO_TEXT_SIZE];	/* with -ERR, the server's words */
};

struct msg_fetch_failed {
	uint32_t	 stage;			/* enum fetch_stage */
	uint32_t	 why;			/* enum fail_why */
	uint32_t	 msgno;			/* message that was coming in or about to; 0: none */
	uint32_t	 confused;		/* 1: answers may have been mixed up: no unique-id of this session is trusted */
	uint32_t	 first, last;		/* what came in from first to last is not proven to be what was asked for */
	uint32_t	 login_delay;		/* s by CAPA, 0 = none said */
	char		 text[PROTO_TEXT_SIZE];
};

#endif
