/* SPDX-License-Identifier: ISC */
/*
 * Auth processes.  One either gets a verifier and a password from the master and gives one answer, or takes one login apart for a
 * session of popd: octets come from the session unread, the account's verifier from the master, and the result goes to the master
 * alone.  What the session hears is the mechanism's next challenge, and from the master whether it is logged in.
 */
#ifndef PROTO_AUTH_H
#define PROTO_AUTH_H

#include "proto.h"
#include "proto_popd.h"

/*
 * What came of a password, or of a login.  BROKEN: the verifier cannot be worked with, whatever the password is.  MALFORMED: what
 * the client said is no login at all.  GONE: the session has closed its channel ahead of an answer.  Of a source of passwords that
 * is not the store: LATER, it gives no answer now; WRITTEN, a program has the password, and its end tells the master what it says.
 */
enum auth_verdict {
	AUTH_VERDICT_NO, AUTH_VERDICT_YES, AUTH_VERDICT_BROKEN, AUTH_VERDICT_MALFORMED, AUTH_VERDICT_GONE, AUTH_VERDICT_LATER,
	AUTH_VERDICT_WRITTEN
};

/* Who knows passwords: the store; Dovecot, by a socket; a program, by a pipe. */
enum auth_source { AUTH_SOURCE_STORE, AUTH_SOURCE_DOVECOT, AUTH_SOURCE_PROGRAM };

struct msg_auth_part {			/* the octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 reserved;
};

/*
 * Somebody else verifies the password: with a check in the place of AUTH_START, with a login in that of AUTH_VERIFIER.  The
 * descriptor is a connection to Dovecot's socket, or the writing end of a pipe, in which the name is already.  Neither blocks.
 */
struct msg_auth_source {
	uint32_t	 id;
	uint32_t	 source;		/* enum auth_source, not the store */
	char		 user[PROTO_ADDR_SIZE];	/* whom Dovecot is asked about */
	char		 client[PROTO_CLIENT_SIZE];	/* numeric address that Dovecot is told; empty: none */
	uint16_t	 reserved;
};

struct msg_auth_done {
	uint32_t	 id;
	uint32_t	 verdict;	/* enum auth_verdict */
};

/*
 * --- a login of a session of popd ---
 *
 * A verification happens in its turn, which the master gives, so that nobody guesses faster by many logins at once.  Where the
 * client has said everything that is compared (USER, APOP, PLAIN, LOGIN, CRAM-MD5), the verifier comes in this turn.  SCRAM needs
 * it for its challenge, ahead of the client's answer, and asks for the turn when the answer is there: AUTH_ASK, AUTH_TURN.  If it
 * is right, the client hears that by the last challenge, and AUTH_RIGHT ends the turn while the client thinks.
 *
 * A password that the client gave itself, that has no proof yet and that is right goes to the master ahead of the result,
 * AUTH_GIVEN, which has another process verify it: a proof is never what a process says that a client talks with.
 */

struct msg_auth_login {			/* with the channel to the session; the first message, in place of AUTH_START */
	uint32_t	 id;			/* of this login */
	uint32_t	 mechs;			/* bit mask of 1u << enum auth_mech that may be used, USER and APOP among them */
	char		 host[PROTO_HOST_SIZE];	/* this server's name, for SASL */
	char		 apop[PROTO_APOP_SIZE];	/* the greeting's timestamp; empty: none */
};

/*
 * What LOGIN_BEGIN has behind its head.  USER: login, NUL, password.  APOP: login, NUL, the digest as it was typed.  With these,
 * initial may be either.  A SASL mechanism: the initial response as it was typed, base64, "=" for an empty one; initial 0: there is
 * none.
 */
struct msg_login_begin {
	uint32_t	 mech;			/* enum auth_mech; AUTH_USER is USER and PASS */
	uint32_t	 initial;		/* 1: with an initial response */
};

/* What the login is, as far as it was understood; which account it is for is the master's to say. */
struct msg_auth_lookup {		/* auth to master: once in a login */
	uint32_t	 id;
	uint32_t	 mech;			/* enum auth_mech */
	char		 account[PROTO_ADDR_SIZE];	/* local-part or local-part@domain, as it was typed but for case */
	char		 mailbox[PROTO_MAILBOX_SIZE];	/* of "mailbox#account"; empty: INBOX */
	char		 owner[PROTO_ADDR_SIZE];	/* of "~owner/mailbox#account"; empty: the account's own */
};

struct msg_auth_verifier {		/* master to auth: the verifier's octets follow it in the same message */
	uint32_t	 id;
	uint32_t	 has_proof;		/* 1: proof is that of a password that was verified by this verifier before */
	uint8_t		 key[PROTO_DIGEST_LEN];	/* of this account and this verifier */
	uint8_t		 proof[PROTO_DIGEST_LEN];	/* HMAC-SHA-256 by key of that password */
};

struct msg_auth_result {		/* auth to master: the last message */
	uint32_t	 id;
	uint32_t	 verdict;		/* enum auth_verdict */
	uint32_t	 mech;			/* enum auth_mech */
	uint32_t	 reserved;
	char		 text[PROTO_TEXT_SIZE];	/* with MALFORMED: why, for the client; no octet of a secret */
};

#endif
