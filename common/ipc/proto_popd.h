/* SPDX-License-Identifier: ISC */
/*
 * Between the master and popd: the listener, which forks a session for each connection, and the sessions.  A session speaks POP3
 * (RFC 1939) with one client, and has channels to four processes: to the master, during the handshake of TLS to the signer
 * (proto_signer.h), while somebody logs in to an auth process (proto_auth.h), and then to the process of one mailbox
 * (proto_mailbox.h).
 */
#ifndef PROTO_POPD_H
#define PROTO_POPD_H

#include "proto.h"
#include "proto_signer.h"

#define PROTO_APOP_SIZE		128	/* the greeting's timestamp with its brackets (RFC 1939 section 7) */
#define PROTO_ALERT_SIZE	499	/* of an alert, NUL included: behind "-ERR ALERT: " it fits into a reply line (RFC 2449 section 4) */
#define PROTO_SASL_MAX		12288	/* octets of a line of a SASL exchange (RFC 4954 section 4) */

/* What stands in brackets ahead of a reply's text (RFC 2449 section 8, RFC 3206).  ALERT: "ALERT: " in front, without brackets. */
enum pop_code { POP_CODE_NONE, POP_CODE_AUTH, POP_CODE_IN_USE, POP_CODE_LOGIN_DELAY, POP_CODE_SYS_TEMP, POP_CODE_SYS_PERM,
	POP_CODE_ALERT, POP_CODE_MAX };

/* How a session ended: by QUIT; the client was gone; a clock; it misbehaved; the master's wish; its mailbox or the like died. */
enum pop_end { POP_END_QUIT, POP_END_CLOSED, POP_END_TIMEOUT, POP_END_ABUSE, POP_END_STOPPED, POP_END_FAILED, POP_END_TLS,
	POP_END_MAX };

/* What a login may do in a mailbox, the letters of RFC 4314: r opens it, s sets \Seen, t deletes messages. */
#define POP_RIGHT_READ		0x1
#define POP_RIGHT_SEEN		0x2
#define POP_RIGHT_DELETE	0x4

struct msg_pop_listen {			/* with the listening socket; the certificate came ahead of it */
	uint32_t	 id;			/* not 0 */
	uint32_t	 tls;			/* 1: TLS from the first octet; 0: in clear, with STLS if it has a certificate */
	uint32_t	 channels;		/* sessions over it at once */
	uint32_t	 pem;			/* octets of the chain; 0: no TLS here */
	uint8_t		 keyid[PROTO_KEYID_LEN];	/* with that: of the key that the signer has for it */
};

struct msg_pop_certificate {		/* a further certificate of a listener; it came ahead of this, as that of a listener does */
	uint32_t	 id;			/* of the certificate, not 0, and no listener's */
	uint32_t	 listener;		/* id, of one that popd has taken */
	uint32_t	 pem;			/* octets of the chain */
	uint8_t		 keyid[PROTO_KEYID_LEN];
};

struct msg_pop_listening {		/* what came of POP_LISTEN or POP_CERTIFICATE */
	uint32_t	 id;
	uint32_t	 refused;		/* 1: the certificate does not do, or the key is not its own, and all is as it was before */
	int64_t		 until;			/* epoch: when a certificate that was taken expires; INT64_MAX: there is none */
	char		 text[PROTO_TEXT_SIZE];	/* with refused: why */
};

struct msg_pop_part {			/* octets of a PEM file follow it in the same message */
	uint32_t	 id;			/* of the listener, or of the further certificate */
	uint32_t	 reserved;
};

struct msg_pop_limits {
	uint32_t	 channels;		/* sessions in all */
	uint32_t	 per_address;		/* sessions of one address; of one /64 with IPv6 */
};

struct msg_pop_session {		/* with the master's end of the session's channel */
	uint32_t	 id;			/* of the fork, not 0: FORK_KILL and FORK_EXIT name it */
	uint32_t	 listener;
	char		 peer[PROTO_CLIENT_SIZE];	/* numeric address of the client */
	char		 local[PROTO_CLIENT_SIZE];	/* that the client connected to */
	uint32_t	 peer_port;
};

/* What there are too many sessions of: the server, a listener, an address. */
enum pop_limit { POP_LIMIT_CHANNELS, POP_LIMIT_LISTENER, POP_LIMIT_ADDRESS, POP_LIMIT_MAX };

struct msg_pop_turned {			/* a connection was answered with -ERR and closed */
	uint32_t	 listener;
	uint32_t	 limit;			/* enum pop_limit */
	uint32_t	 count[POP_LIMIT_MAX];	/* connections since the last such message, this one included, by enum pop_limit */
	char		 peer[PROTO_CLIENT_SIZE];
};

struct msg_pop_start {			/* the session greets */
	uint32_t	 session;		/* for log lines */
	uint32_t	 clear;			/* 1: a password may come in clear on this connection; 0: only under TLS */
	uint32_t	 mechs;			/* bit mask of 1u << enum auth_mech: SASL mechanisms that some account can use */
	uint32_t	 login_delay;		/* s for CAPA (RFC 2449 section 6.5), the largest of any account; 0: none */
	uint32_t	 login_delay_user;	/* 1: accounts differ */
	uint32_t	 expire;		/* days for CAPA (RFC 2449 section 6.7), the least there is; UINT32_MAX: NEVER */
	uint32_t	 expire_user;		/* 1: accounts differ */
	uint32_t	 idle_timeout;		/* ms without an octet of the client, in TRANSACTION */
	uint32_t	 login_timeout;		/* ms for the whole of AUTHORIZATION, handshake included */
	uint32_t	 session_timeout;	/* ms in all */
	char		 refusal[PROTO_TEXT_SIZE];	/* not empty: greet with -ERR and this, and end; pop_code in front */
	char		 host[PROTO_HOST_SIZE];	/* who greets */
	char		 apop[PROTO_APOP_SIZE];	/* timestamp of the greeting; empty: no APOP */
};

struct msg_pop_secure {			/* what the handshake came to */
	char		 version[16];		/* "TLSv1.3" */
	char		 cipher[PROTO_CIPHER_SIZE];
};

struct msg_pop_denied {			/* no login; the session stays in AUTHORIZATION */
	uint32_t	 code;			/* enum pop_code; ALERT: POP_ALERTED follows when the client's connection has taken it */
	char		 text[PROTO_ALERT_SIZE];
};

struct msg_pop_opened {			/* with the channel to the process of the mailbox, which sends its listing */
	uint32_t	 rights;		/* POP_RIGHT_* */
	uint32_t	 login_delay;		/* s, of this account; 0: none */
	uint32_t	 expire;		/* days; UINT32_MAX: NEVER */
	uint32_t	 submit;		/* 1: XTND XMIT is permitted */
};

struct msg_pop_pipe {			/* with the session's end of a message pipe */
	uint64_t	 octets;		/* that the message may have */
};

struct msg_pop_xmit_done {
	uint32_t	 taken;			/* 1: the message is committed; 0: nothing of it is */
	uint32_t	 code;			/* enum pop_code, with 0 */
	char		 text[PROTO_TEXT_SIZE];	/* likewise: why */
};

struct msg_pop_end {			/* the last message of a session */
	uint32_t	 how;			/* enum pop_end */
	uint32_t	 retrieved, topped, deleted;
	uint32_t	 bad;			/* commands that were refused for what they are */
	char		 tls[16];		/* version; empty: in clear */
	uint64_t	 octets_in, octets_out;	/* of the client's, ahead of TLS */
};

#endif
