/* SPDX-License-Identifier: ISC */
/* Between the master and a sender: one session with a next hop. */
#ifndef PROTO_SENDER_H
#define PROTO_SENDER_H

#include "proto.h"

#define PROTO_MAILS_MAX		100	/* messages in one session */

enum send_protocol { SEND_LMTP = 1, SEND_SMTP };
enum null_sender { NULL_SENDER_AUTO = 0, NULL_SENDER_NEVER, NULL_SENDER_ALWAYS };
enum send_result { SEND_ACCEPTED = 1, SEND_TEMP, SEND_PERM, SEND_DOUBT };	/* DOUBT: the reply to the message's end was lost */

struct msg_send_start {
	uint32_t	 id;
	uint32_t	 protocol;		/* enum send_protocol */
	uint32_t	 tls;			/* enum tls_mode */
	uint32_t	 own_ca;		/* IMSG_SEND_CA follow: nothing but these is trusted */
	uint32_t	 auth;			/* 1: log in as user */
	uint32_t	 xclient;		/* 1: use XCLIENT where it is offered and msg_send_mail has a client */
	uint32_t	 null_sender;		/* enum null_sender */
	uint32_t	 keep_trace;		/* 1: Delivered-To fields go along */
	uint32_t	 timeout;		/* ms without an answer */
	char		 helo[PROTO_HOST_SIZE];
	char		 tls_name[PROTO_HOST_SIZE];
	char		 user[PROTO_USER_SIZE];
};

struct msg_send_part {			/* the octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 reserved;
};

struct msg_send_mail {
	uint32_t	 id;
	uint32_t	 mail;			/* number in the session, from 1 */
	uint64_t	 octets;
	uint32_t	 rcpts;			/* 1..PROTO_RCPT_MAX */
	uint32_t	 notify;		/* enum notify, of all of them */
	char		 sender[PROTO_SENDER_SIZE];
	char		 envid[64];		/* for DSN; printable ASCII */
	char		 client[PROTO_CLIENT_SIZE];	/* as in struct msg_receipt_note, for XCLIENT */
};

struct msg_send_rcpt {
	uint32_t	 id, mail, rcpt;	/* rcpt from 0 */
	uint32_t	 reserved;
	char		 address[PROTO_ADDR_SIZE];
	char		 original[PROTO_ADDR_SIZE];	/* empty: the same */
};

struct msg_sent_rcpt {
	uint32_t	 id, mail, rcpt;
	uint32_t	 result;		/* enum send_result */
	uint32_t	 code;			/* of the reply; 0: there was none, the status is the sender's own */
	char		 status[12];		/* enhanced status code, or made from the reply code */
	char		 text[PROTO_TEXT_SIZE];	/* vis-encoded */
};

struct msg_sent_mail {
	uint32_t	 id, mail;
};

struct msg_sent_end {
	uint32_t	 id;
	uint32_t	 why;			/* enum fail_why; WHY_NONE after QUIT */
	uint32_t	 temp;			/* 1: the next hop asked for a pause (421, 4xx before any mail) */
	uint32_t	 reserved;
	char		 text[PROTO_TEXT_SIZE];
};

#endif
