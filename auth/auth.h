/* SPDX-License-Identifier: ISC */
/*
 * Passwords, verified, and logins at popd, taken apart.  One verification is a process of its own, which a template forks: it gets
 * one verifier and one password, or serves one login of one session, gives one answer, and ends.
 *
 *	auth.c		the program, and a process's channels to the master and to a session
 *	login.c		one login, from its first message to its result, whatever its mechanism
 *	mech.c		what a client says, mechanism by mechanism, and whether it fits a verifier
 *	scram.c		mechanisms that libgsasl computes: SCRAM and CRAM-MD5
 *	name.c		login names
 *	verify.c	a password against a verifier
 *	source.c	a password that somebody else verifies: Dovecot, or a program
 *	dovecot.c	what Dovecot's auth socket is told, and says
 */
#ifndef AUTH_H
#define AUTH_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/ipc/proto_auth.h"
#include "common/verifier.h"

#define LOGIN_OCTETS	(PROTO_SASL_MAX / 4 * 3)	/* of a response, without base64 */

struct Gsasl_session;
struct mech;

/*
 * A login.
 *
 *	NONE		nothing was heard of one
 *	EXPECTED	the master has said what it may be; the session begins it
 *	TALKS		the client has a challenge, and its response is waited for
 *	NAMED		the master has the name, its verifier is waited for
 *	SAID		the client has said everything, its turn is waited for: SCRAM
 *	ASKED		somebody else verifies the password, to the end, whatever the session does
 *	RIGHT		it was right, and the client has the last challenge: SCRAM
 *	OVER		the result is out, and the process is about to end
 */
enum login_state { LOGIN_NONE, LOGIN_EXPECTED, LOGIN_TALKS, LOGIN_NAMED, LOGIN_SAID, LOGIN_ASKED, LOGIN_RIGHT, LOGIN_OVER };

struct login {			/* one in a process */
	enum login_state	 state;
	const struct mech	*mech;
	struct msg_auth_login	 conf;
	struct msg_auth_lookup	 who;
	struct Gsasl_session	*session;	/* of the library, for the mechanisms it computes */
	int			 step;		/* responses so far */
	int			 denied;	/* it acts as somebody else, or is no UTF-8: wrong, whatever fits */
	const char		*wrong;		/* with MALFORMED: a sentence */
	size_t			 len;		/* of what the client said: a password, or a response */
	uint8_t			 said[LOGIN_OCTETS + 1];	/* ends in NUL */
	struct msg_auth_verifier known;		/* the head, and the octets of the account's verifier */
	size_t			 vlen;
	uint8_t			 verifier[VERIFIER_MAX + 1];
};

/* --- verify.c --- */

enum auth_verdict	 verify(const void *verifier, size_t, const void *password, size_t);
enum auth_verdict	 verify_typed(const void *verifier, size_t, const void *password, size_t);

/* --- name.c --- */

void			 name_parse(struct msg_auth_lookup *, const void *, size_t);

/* --- mech.c --- */

/* What is to be done when the client has spoken: a challenge, the master's verifier, or its turn; or it is over. */
enum mech_step { MECH_CHALLENGE, MECH_LOOKUP, MECH_TURN, MECH_RIGHT, MECH_MALFORMED };

struct mech {
	int			 raw;		/* what begins it is no base64: a command with its arguments */
	/* Takes a response, NULL: there is none yet; a challenge is appended to the buffer. */
	enum mech_step		(*said)(struct login *, const uint8_t *, size_t, struct buf *);
	/* The verifier is there: NULL, or the challenge that it is needed for is appended to the buffer; 0, or -1. */
	int			(*first)(struct login *, struct buf *);
	/* Whether what was said fits; with YES, a last challenge may be appended to the buffer. */
	enum auth_verdict	(*verify)(struct login *, struct buf *);
};

const struct mech	*mech_find(uint32_t);
enum mech_step		 mech_wrong(struct login *, const char *);
enum mech_step		 mech_name(struct login *, const void *, size_t);
int			 mech_keep(struct login *, const void *, size_t);

/* --- scram.c --- */

void			 engine_warm(void);
void			 engine_end(struct login *);
enum mech_step		 cram_said(struct login *, const uint8_t *, size_t, struct buf *);
enum auth_verdict	 cram_verify(struct login *, struct buf *);
enum mech_step		 scram_said(struct login *, const uint8_t *, size_t, struct buf *);
int			 scram_first(struct login *, struct buf *);
enum auth_verdict	 scram_verify(struct login *, struct buf *);

/* --- dovecot.c: the protocol of Dovecot's auth socket, of a client's side, version 1 --- */

#define DOVECOT_LINE	16384	/* octets of a line, and of a request */

enum dovecot_said { DOVECOT_MORE, DOVECOT_ASK, DOVECOT_YES, DOVECOT_NO, DOVECOT_LATER };

struct dovecot {
	enum { DOVECOT_VERSION, DOVECOT_SHAKE, DOVECOT_ASKED } state;
	int		 plain;		/* it knows mechanism PLAIN */
	unsigned int	 lines;
	struct buf	 in;		/* the line that is not whole yet */
	const char	*why;		/* LATER: a sentence without an octet of it */
};

void			 dovecot_begin(struct dovecot *);
void			 dovecot_end(struct dovecot *);
int			 dovecot_hello(struct buf *, pid_t);
int			 dovecot_request(struct buf *, const char *user, const char *client, const void *, size_t);
enum dovecot_said	 dovecot_heard(struct dovecot *, const void *, size_t);

/* --- source.c --- */

void			 source_ask(const struct msg_auth_source *, int fd, const void *, size_t, int denied,
			    void (*done)(enum auth_verdict));
void			 source_ready(void);
void			 source_late(void);

/* --- login.c: 0, or -1: the message breaks the rules --- */

extern struct login	 login;

int			 login_expect(const struct msg_auth_login *);
int			 login_begin(const struct msg_login_begin *, const uint8_t *, size_t);
int			 login_response(const uint8_t *, size_t);
int			 login_verifier(const struct msg_auth_verifier *, const uint8_t *, size_t);
int			 login_source(const struct msg_auth_source *, int fd);
int			 login_turn(uint32_t);
void			 login_gone(void);

/* --- auth.c: what a login says; the result is the last --- */

void			 say_challenge(const void *, size_t);
void			 say_lookup(const struct msg_auth_lookup *);
void			 say_ask(uint32_t);
void			 say_right(uint32_t);
void			 say_given(uint32_t, const void *, size_t);
void			 say_result(const struct msg_auth_result *);

#endif
