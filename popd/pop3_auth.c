/* SPDX-License-Identifier: ISC */
/*
 * The commands of AUTHORIZATION, and logging in.  A session reads nothing into what a client says of itself: the octets go to an
 * auth process, which the master gives it, and whether somebody is logged in is what the master says.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "popd.h"

static void	 clear_refused(void);
static void	 login_ask(struct session *, enum auth_mech, int, uint8_t *, size_t);
static void	 login_wipe(struct session *);

void
pop3_user(struct session *s, const struct args *a)
{
	s->user_len = 0;
	if (!mech_clear(s)) {
		clear_refused();
		reply_err(&session_out, POP_CODE_NONE, s->context != NULL ? "no password in clear: use STLS first" :
		    "no password in clear on this connection");
		return;
	}
	memcpy(s->user, a->rest, a->restlen);
	s->user_len = a->restlen;
	reply_ok(&session_out, "send PASS");
}

void
pop3_pass(struct session *s, const struct args *a)
{
	if (s->user_len == 0)
		session_bad(s, "PASS: USER first");
	else
		login_ask(s, AUTH_USER, 0, a->rest, a->restlen);
}

/* The name is everything up to the last space. */
void
pop3_apop(struct session *s, const struct args *a)
{
	size_t	 n = a->restlen;

	while (n > 0 && a->rest[n - 1] != ' ')
		n--;
	if (s->start.apop[0] == '\0')
		reply_err(&session_out, POP_CODE_NONE, "APOP is not offered");
	else if (n < 2 || n == a->restlen)
		session_bad(s, "usage: APOP name digest");
	else {
		memcpy(s->user, a->rest, n - 1);
		s->user_len = n - 1;
		login_ask(s, AUTH_APOP, 0, a->rest + n, a->restlen - n);
	}
}

/* Without an argument it lists the mechanisms. */
void
pop3_auth(struct session *s, const struct args *a)
{
	const uint8_t	*space;
	const char	*name;
	enum auth_mech	 mech;
	unsigned int	 i;
	size_t		 len;
	int		 offered;

	if (a->n == 0) {
		reply_ok(&session_out, "mechanisms follow");
		for (i = 0; (name = mech_name(s, i)) != NULL; i++)
			reply_line(&session_out, "%s", name);
		reply_line(&session_out, ".");
		return;
	}
	space = memchr(a->rest, ' ', a->restlen);
	len = space == NULL ? a->restlen : (size_t)(space - a->rest);
	if ((mech = mech_find(s, a->rest, len, &offered)) == AUTH_AUTO)
		reply_err(&session_out, POP_CODE_NONE, "mechanism not offered");
	else if (!offered) {
		clear_refused();
		reply_err(&session_out, POP_CODE_NONE, "no password in clear: use STLS first");
	} else if (a->restlen - len <= 1)
		login_ask(s, mech, 0, NULL, 0);
	else
		login_ask(s, mech, 1, a->rest + len + 1, a->restlen - len - 1);
}

/* The postmaster hears, once in a session, what the client's owner will ask him about. */
static void
clear_refused(void)
{
	static int	 told;

	if (!told)
		log_info("a password in clear was refused, see settings.pop_clear: the mail program should use TLS");
	told = 1;
}

/* RFC 2595 section 4.  What came behind STLS in clear may be anybody's, and counts for nothing but abuse. */
void
pop3_stls(struct session *s, const struct args *a __unused)
{
	size_t	 n;

	if (session_secure(s)) {
		session_bad(s, "STLS: TLS is there already");
		return;
	}
	if (s->context == NULL) {
		session_bad(s, "STLS is not offered");
		return;
	}
	reply_ok(&session_out, "begin TLS");
	if ((n = line_clear(&session_in)) > 0) {
		s->told.bad++;
		log_debug("POP %u: %zu octets in clear behind STLS were dropped", s->start.session, n);
	}
	login_forget(s);
	s->utf8 = 0;
	s->state = POP_HANDSHAKE;
}

/* The secret stays where it is in the line buffer, which is not read into until login_begin() has handed it over. */
static void
login_ask(struct session *s, enum auth_mech mech, int initial, uint8_t *secret, size_t len)
{
	uint32_t	 m = mech;

	s->mech = mech;
	s->initial = initial;
	s->secret = secret;
	s->secret_len = len;
	s->state = POP_ASKED;
	s->asked = clock_msec();
	HOOK("popd.login");
	channel_send(&s->master, IMSG_POP_LOGIN, &m, sizeof(m));
}

/* The auth process is there. */
void
login_begin(struct session *s)
{
	struct msg_login_begin	 head = { .mech = s->mech, .initial = (uint32_t)s->initial };
	static uint8_t		 data[sizeof(head) + PROTO_SASL_MAX];	/* a stack of so many pages would stay */
	size_t			 n = sizeof(head);

	memcpy(data, &head, sizeof(head));
	if (s->mech == AUTH_USER || s->mech == AUTH_APOP) {
		memcpy(data + n, s->user, s->user_len);
		n += s->user_len;
		data[n++] = '\0';
	}
	if (s->secret_len > 0)
		memcpy(data + n, s->secret, s->secret_len);
	n += s->secret_len;
	login_wipe(s);
	s->state = POP_JUDGED;
	channel_send(&s->auth, IMSG_LOGIN_BEGIN, data, n);
	explicit_bzero(data, n);
}

static void
login_wipe(struct session *s)
{
	if (s->secret != NULL)
		line_wipe(s->secret, s->secret_len);
	s->secret = NULL;
	s->secret_len = 0;
}

/* What of a login is known here is wiped. */
void
login_forget(struct session *s)
{
	login_wipe(s);
	explicit_bzero(s->user, sizeof(s->user));
	s->user_len = 0;
}

/* RFC 5034 section 4: the space is there whether the challenge has octets or not. */
void
login_challenge(struct session *s, const uint8_t *p, size_t len)
{
	out_add(&session_out, "+ ", 2);
	out_add(&session_out, p, len);
	out_add(&session_out, "\r\n", 2);
	log_debug("POP %u: > + ...", s->start.session);
	s->waited += clock_msec() - s->asked;
	s->state = POP_EXCHANGE;
}

/* A line of the client's for the auth process; NULL: it was too long or had a NUL, which cancels the exchange. */
void
login_response(struct session *s, uint8_t *line, size_t len)
{
	log_debug("POP %u: < ...", s->start.session);
	if (line == NULL)
		s->told.bad++;
	s->asked = clock_msec();
	if (s->state == POP_REFUSED) {
		s->state = POP_JUDGED;
		login_denied(s, &s->denied);
	} else {
		s->state = POP_JUDGED;
		if (line == NULL)
			channel_send(&s->auth, IMSG_LOGIN_RESPONSE, "*", 1);
		else
			channel_send(&s->auth, IMSG_LOGIN_RESPONSE, line, len);
	}
	if (line != NULL)
		line_wipe(line, len);
}

/*
 * The master says no.  A client that owes a line to the auth process hears it when that line is there, lest the line be taken for a
 * command.  Where no login is under way, it is about one whose mailbox was lost, and said already.
 */
void
login_denied(struct session *s, const struct msg_pop_denied *denied)
{
	switch (s->state) {
	case POP_EXCHANGE:
		channel_close(&s->auth);
		s->denied = *denied;
		s->state = POP_REFUSED;
		return;
	case POP_LISTING:
		channel_close(&s->box);
		listing_free(&s->listing);
		break;
	case POP_ASKED:
	case POP_JUDGED:
		channel_close(&s->auth);
		s->waited += clock_msec() - s->asked;
		break;
	default:
		return;
	}
	login_forget(s);
	s->state = POP_AUTHORIZATION;
	/* Without a code it was no login at all. */
	if (denied->code == POP_CODE_NONE)
		session_bad(s, "%s", denied->text[0] == '\0' ? "login failed" : denied->text);
	else
		reply_err(&session_out, denied->code, "%s", denied->text[0] == '\0' ? "login failed" : denied->text);
	if (denied->code == POP_CODE_ALERT)
		s->alert = session_out.made;
}

/* The mailbox is listed: somebody is logged in. */
void
login_opened(struct session *s)
{
	login_forget(s);
	s->bad_row = 0;
	s->state = POP_TRANSACTION;
	reply_ok(&session_out, "%u message%s (%llu octets)", s->listing.n, PLURAL(s->listing.n),
	    (unsigned long long)s->listing.octets);
}
