/* SPDX-License-Identifier: ISC */
/*
 * Passwords of accounts, verified for whoever has one, by an auth process of its own, with the delays that failures bring: those
 * that rpopctl asks about, and logins at popd.  Whether the store knows them, Dovecot or a program, settings.pop_auth, is this
 * room's alone.
 */
#ifndef RPOPD_AUTH_H
#define RPOPD_AUTH_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/ipc/proto_auth.h"

/*
 * LATER: it was not verified; too many are being verified, the store is in use, or the process died.  At popd only: MALFORMED,
 * what the client said is no login; GONE, the session has closed its end ahead of an answer, and nobody waits for one.
 */
enum auth_answer { AUTH_NO, AUTH_YES, AUTH_LATER, AUTH_MALFORMED, AUTH_GONE };

struct auth;			/* a password, or a login, that is being verified */

/* --- auth.c --- */

struct auth	*auth_check(const char *account, const void *password, size_t len, void (*done)(void *, enum auth_answer), void *arg);
void		 auth_cancel(struct auth *);
void		 auth_run(void);		/* in each round: begin what waits, as far as there is room */
void		 auth_reload(void);		/* at the start, and when another configuration is in force */
int		 auth_elsewhere(void);		/* whether passwords are somebody else's, and the store's do not count */
const char	*auth_trouble(void);		/* why nobody's password can be verified, as a sentence; "": no reason is known */
int		 auth_reaped(pid_t, int status);	/* as command_reaped() has it, for programs of pop_auth */
void		 auth_shutdown(void);

/* --- attempt.c: logins at popd and at the web page --- */

struct auth_login_want {		/* need not outlive the call */
	uint32_t	 session;	/* for log lines */
	uint32_t	 mechs;		/* bit mask of 1u << enum auth_mech that the session may use for this login */
	const char	*peer;		/* numeric address of the client */
	const char	*host;		/* this server's name */
	const char	*apop;		/* the greeting's timestamp; empty: none */
	int		 web;		/* 1: at the web page, and not at popd */
};

struct auth_login_result {		/* valid during the call of done only */
	enum auth_answer		 answer;
	const struct msg_auth_lookup	*lookup;	/* what the client asked for; NULL: it did not come so far */
	const char			*address;	/* of the account that find() named; empty: none */
	const char			*text;		/* MALFORMED: why, for the client; else empty */
};

/*
 * What the caller knows: find() is told once in a login what the client typed, checked as text, and puts the address of the account
 * that it means there.  0, or 1: there is no such account, or it must not log in, and the address is that which it would have.  An
 * empty address with 0 is as good, but a name with and without its domain is two then, which those of an account are not.  The
 * login goes on as that of any other, and ends as a wrong password does.  -1: that cannot be said now, and the answer is
 * LATER.  done() is called once, from the event loop, unless auth_cancel() comes first; what it is given to is over then.  NO comes
 * when its delay is over.
 */
struct auth_login_calls {
	int	(*find)(void *arg, const struct msg_auth_lookup *, char *address, size_t size);
	void	(*done)(void *arg, const struct auth_login_result *);
};

struct auth	*auth_login(const struct auth_login_want *, const struct auth_login_calls *, void *arg, int *session_fd);
int		 auth_blocked(const char *peer);

#endif
