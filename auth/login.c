/* SPDX-License-Identifier: ISC */
/*
 * One login, whatever its mechanism: from its first message to its result.  auth.h has its states, proto_auth.h who says what to
 * whom.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/sasl/base64.h"
#include "common/verifier.h"
#include "auth.h"

#define CHALLENGE_MAX	1024	/* octets without base64; those of SCRAM are the longest */
#define RESPONSES_MAX	4	/* of one login */

static void	 login_decode(const uint8_t *, size_t);
static void	 login_said(const uint8_t *, size_t);
static void	 login_verify(void);
static int	 challenge_send(struct buf *);
static void	 login_answered(enum auth_verdict);
static void	 login_malformed(const char *);
static void	 login_result(enum auth_verdict, const char *);

struct login	 login;		/* the only one of this process */

/* The master has said what the login may be. */
int
login_expect(const struct msg_auth_login *conf)
{
	if (login.state != LOGIN_NONE || conf->id == 0 || !proto_str(conf->host, sizeof(conf->host)) ||
	    !proto_str(conf->apop, sizeof(conf->apop)))
		return (-1);
	login.conf = *conf;
	login.who.id = conf->id;
	login.state = LOGIN_EXPECTED;
	return (0);
}

/* The session begins it, with so many octets of the client's. */
int
login_begin(const struct msg_login_begin *m, const uint8_t *p, size_t len)
{
	if (login.state != LOGIN_EXPECTED || m->initial > 1 || len > PROTO_SASL_MAX)
		return (-1);
	login.state = LOGIN_TALKS;
	if (m->mech >= AUTH_MAX || (login.conf.mechs & 1U << m->mech) == 0 || (login.mech = mech_find(m->mech)) == NULL) {
		login_malformed("this way to log in is not offered");
		return (0);
	}
	login.who.mech = m->mech;
	if (!login.mech->raw && !m->initial && len > 0)
		return (-1);
	if (login.mech->raw)
		login_said(len > 0 ? p : (const uint8_t *)"", len);
	else if (!m->initial)
		login_said(NULL, 0);
	else if (len == 1 && *p == '=')		/* RFC 5034 section 4: an initial response of no octets */
		login_said((const uint8_t *)"", 0);
	else
		login_decode(p, len);
	return (0);
}

/* A line of the client's in answer to a challenge. */
int
login_response(const uint8_t *p, size_t len)
{
	if ((login.state != LOGIN_TALKS && login.state != LOGIN_RIGHT) || len > PROTO_SASL_MAX)
		return (-1);
	login_decode(p, len);
	return (0);
}

/* Base64 as it was typed, and what it stands for. */
static void
login_decode(const uint8_t *p, size_t len)
{
	uint8_t	 octets[LOGIN_OCTETS];
	ssize_t	 n;

	if ((n = base64_decode(octets, sizeof(octets), p, len)) == -1)
		login_malformed("this is no base64");
	else
		login_said(octets, (size_t)n);
	explicit_bzero(octets, sizeof(octets));
}

/* The client has said this; NULL: nothing yet. */
static void
login_said(const uint8_t *p, size_t len)
{
	struct buf	 out;

	if (login.step > RESPONSES_MAX) {
		login_malformed("this login has too many responses");
		return;
	}
	buf_init(&out, CHALLENGE_MAX);
	switch (login.mech->said(&login, p, len, &out)) {
	case MECH_CHALLENGE:
		if (challenge_send(&out) == -1)
			login_malformed("no memory");
		break;
	case MECH_LOOKUP:
		login.state = LOGIN_NAMED;
		say_lookup(&login.who);
		break;
	case MECH_TURN:
		login.state = LOGIN_SAID;
		say_ask(login.conf.id);
		break;
	case MECH_RIGHT:
		login_result(AUTH_VERDICT_YES, "");
		break;
	case MECH_MALFORMED:
		login_malformed(login.wrong);
		break;
	}
	login.step += p != NULL;
	buf_free(&out);
}

/* The verifier is there, which also is the login's turn, but with SCRAM. */
int
login_verifier(const struct msg_auth_verifier *m, const uint8_t *p, size_t len)
{
	struct buf	 out;
	int		 good;

	if (login.state != LOGIN_NAMED || m->id != login.conf.id || m->has_proof > 1 || len == 0 || len > VERIFIER_MAX)
		return (-1);
	login.known = *m;
	memcpy(login.verifier, p, len);
	login.verifier[len] = '\0';
	login.vlen = len;
	if (login.mech->first == NULL) {
		login_verify();
		return (0);
	}
	buf_init(&out, CHALLENGE_MAX);
	login.state = LOGIN_TALKS;
	good = login.mech->first(&login, &out) == 0 && challenge_send(&out) == 0;
	buf_free(&out);
	if (!good)
		login_malformed("no challenge can be made");
	return (0);
}

/*
 * Somebody else knows the password, which also is the login's turn.  Where the client does not give the password, nobody else can
 * be asked.
 */
int
login_source(const struct msg_auth_source *m, int fd)
{
	uint32_t	 mech = login.who.mech;

	if (login.state != LOGIN_NAMED || m->id != login.conf.id || (mech != AUTH_USER && mech != AUTH_PLAIN && mech != AUTH_LOGIN))
		return (-1);
	login.state = LOGIN_ASKED;
	source_ask(m, fd, login.said, login.len, login.denied, login_answered);
	return (0);
}

static void
login_answered(enum auth_verdict verdict)
{
	login_result(verdict, "");
}

/* What the client has said may be verified now. */
int
login_turn(uint32_t id)
{
	if (login.state != LOGIN_SAID || id != login.conf.id)
		return (-1);
	login_verify();
	return (0);
}

/* Somebody who wants to act as somebody else is wrong; that takes as long. */
static void
login_verify(void)
{
	struct buf		 out;
	enum auth_verdict	 verdict;

	buf_init(&out, CHALLENGE_MAX);
	verdict = login.mech->verify(&login, &out);
	if (login.denied && verdict == AUTH_VERDICT_YES)
		verdict = AUTH_VERDICT_NO;
	if (verdict == AUTH_VERDICT_YES && buf_len(&out) > 0) {
		/* While the client thinks, nothing is needed of what was verified. */
		engine_end(&login);
		explicit_bzero(login.verifier, sizeof(login.verifier));
		explicit_bzero(login.said, sizeof(login.said));
		login.state = LOGIN_RIGHT;
		say_right(login.conf.id);
		if (challenge_send(&out) == -1)
			login_malformed("no memory");
	} else
		login_result(verdict, "");
	buf_free(&out);
}

/* 0 or -1. */
static int
challenge_send(struct buf *b)
{
	struct buf	 coded;
	int		 rc;

	buf_init(&coded, CHALLENGE_MAX * 2);
	if ((rc = base64_encode(&coded, buf_data(b), buf_len(b))) == 0)
		say_challenge(buf_data(&coded), buf_len(&coded));
	buf_free(&coded);
	return (rc);
}

static void
login_malformed(const char *sentence)
{
	login_result(AUTH_VERDICT_MALFORMED, sentence);
}

/*
 * The session has closed its channel, or broke the rules: there is nobody to log in.  A password that somebody has been asked about
 * counts all the same, so that to hang up saves nobody the delays.
 */
void
login_gone(void)
{
	if (login.state != LOGIN_OVER && login.state != LOGIN_ASKED)
		login_result(AUTH_VERDICT_GONE, "");
}

/* The last word of this process.  Ahead of it goes a password that is right, if its verification costs time. */
static void
login_result(enum auth_verdict verdict, const char *sentence)
{
	struct msg_auth_result	 m;
	uint32_t		 mech = login.who.mech;

	if (verdict == AUTH_VERDICT_YES && login.vlen > 0 && (mech == AUTH_USER || mech == AUTH_PLAIN || mech == AUTH_LOGIN) &&
	    !login.known.has_proof && verifier_kind(login.verifier, login.vlen) != VERIFIER_PLAIN)
		say_given(login.conf.id, login.said, login.len);
	memset(&m, 0, sizeof(m));
	m.id = login.conf.id;
	m.verdict = verdict;
	m.mech = mech;
	strlcpy(m.text, sentence, sizeof(m.text));
	engine_end(&login);
	explicit_bzero(&login, sizeof(login));
	login.state = LOGIN_OVER;
	say_result(&m);
}
