/* SPDX-License-Identifier: ISC */
/* From the greeting to where mail can be sent: EHLO, STARTTLS, AUTH (RFC 4954). */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sasl/base64.h"
#include "common/log.h"
#include "sender.h"

#define RESPONSE_MAX	16000	/* octets of base64 */
#define AUTH_LINE_MAX	512	/* of an AUTH command with initial response, line end included */

/* PREPARED: user and password pass SASLprep (RFC 4013). */
enum need { NEEDS_CLEAR = 0x01, NEEDS_PREPARED = 0x02 };

static int	 login_greeting(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_ehlo(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_helo(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_starttls(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_auth(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_cancelled(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 login_refused(struct smtp *, enum fail_why, const char *, const struct smtp_reply *);
static int	 login_ended(struct smtp *, const struct smtp_reply *);
static int	 login_open(struct smtp *);
static int	 login_next(struct smtp *);
static enum auth_mech login_choose(const struct smtp *);
static int	 login_more(struct smtp *, const struct smtp_reply *);
static int	 login_prepare(struct smtp *, const uint8_t *, size_t);
static int	 login_respond(struct smtp *, const char *, const char *);
static int	 login_cancel(struct smtp *, enum fail_why, const char *);

const smtp_handler	 login_handlers[CMD_MAX] = {
	[CMD_GREETING] = login_greeting,
	[CMD_EHLO] = login_ehlo,
	[CMD_HELO] = login_helo,
	[CMD_STARTTLS] = login_starttls,
	[CMD_AUTH] = login_auth,
	[CMD_CANCEL] = login_cancelled,
};

/* The first that fits.  A password in the clear goes to a socket in the file system only, as the store makes sure. */
static const struct {
	enum auth_mech	 mech;
	unsigned int	 needs;
} order[] = {
	{ AUTH_SCRAM_SHA_256,	NEEDS_PREPARED },
	{ AUTH_SCRAM_SHA_1,	NEEDS_PREPARED },
	{ AUTH_CRAM_MD5,	NEEDS_PREPARED | NEEDS_CLEAR },
	{ AUTH_PLAIN,		0 },
	{ AUTH_LOGIN,		0 }
};

/* Keeps a copy of the secret until the login is over; secret stays NULL if there is no memory or none is needed. */
void
login_init(struct smtp *s, const void *secret, size_t len)
{
	struct smtp_login	*l = &s->login;

	buf_init(&l->response, RESPONSE_MAX);
	if (!s->start->auth || (l->secret = calloc(1, len + 1)) == NULL)
		return;
	memcpy(l->secret, secret, len);
	l->secret_len = len;
	l->cred.user = s->start->user;
	l->cred.host = s->start->tls_name;
	l->cred.secret = l->secret;
	l->cred.len = len;
}

/* Nothing of the credential stays. */
void
login_free(struct smtp *s)
{
	sasl_end(&s->login.sasl);
	buf_free(&s->login.response);	/* wipes */
	freezero(s->login.secret, s->login.secret_len + 1);
	s->login.secret = NULL;
}

/* Anew after TLS and after XCLIENT. */
int
login_hello(struct smtp *s)
{
	memset(&s->offer, 0, sizeof(s->offer));
	s->state = SMTP_HELLO;
	return (smtp_queue(s, CMD_EHLO, 0, "%s %s", smtp_lmtp(s) ? "LHLO" : "EHLO", s->start->helo));
}

/* A 4yz before any mail is the next hop's wish for a pause. */
static int
login_refused(struct smtp *s, enum fail_why why, const char *what, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];
	int	 temp = r->code / 100 == 4;

	return (smtp_fail(s, temp ? WHY_SERVER_TEMP : why, temp, "%s: %.180s", what, smtp_text(s, text, sizeof(text), r)));
}

static int
login_greeting(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 != 2)
		return (login_refused(s, WHY_SERVER_PERM, "the next hop takes no connection", r));
	return (login_hello(s));
}

static int
login_ehlo(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 == 5 && !smtp_lmtp(s) && s->start->tls != TLS_MODE_STLS && !s->start->auth) {
		memset(&s->offer, 0, sizeof(s->offer));
		return (smtp_queue(s, CMD_HELO, 0, "HELO %s", s->start->helo));
	}
	return (login_helo(s, 0, r));
}

static int
login_helo(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 != 2)
		return (login_refused(s, WHY_SERVER_PERM, smtp_lmtp(s) ? "LHLO refused; is it LMTP?" : "greeting refused", r));
	return (login_next(s));
}

/* What is to be done before mail, in this order. */
static int
login_next(struct smtp *s)
{
	if (s->start->tls == TLS_MODE_STLS && !s->secure) {
		if (!(s->offer.caps & CAP_STARTTLS))
			return (smtp_fail(s, WHY_TLS, 0, "the next hop does not offer STARTTLS"));
		s->state = SMTP_STARTTLS;
		return (smtp_queue(s, CMD_STARTTLS, 0, "STARTTLS"));
	}
	if (s->start->auth && !s->login.done) {
		s->state = SMTP_LOGIN;
		return (login_open(s));
	}
	return (smtp_ready(s));
}

static int
login_starttls(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 != 2)
		return (login_refused(s, WHY_TLS, "STARTTLS refused", r));
	s->state = SMTP_HANDSHAKE;
	return (0);
}

/* AUTH_AUTO: there is none. */
static enum auth_mech
login_choose(const struct smtp *s)
{
	const struct smtp_login	*l = &s->login;
	size_t			 i;

	for (i = 0; i < nitems(order); i++) {
		if (!(s->offer.mechs & 1U << order[i].mech) || !sasl_supported(order[i].mech) ||
		    (order[i].needs & NEEDS_CLEAR && s->secure))
			continue;
		if (!(order[i].needs & NEEDS_PREPARED) ||
		    (sasl_prepared(s->start->user, strlen(s->start->user)) && sasl_prepared(l->secret, l->secret_len)))
			return (order[i].mech);
	}
	return (AUTH_AUTO);
}

static int
login_open(struct smtp *s)
{
	struct smtp_login	*l = &s->login;

	if ((l->mech = login_choose(s)) == AUTH_AUTO)
		return (smtp_fail(s, WHY_CONFIG, 0, s->offer.caps & CAP_AUTH ?
		    "the next hop offers no way to log in that is known here" : "the next hop does not offer AUTH"));
	sasl_end(&l->sasl);
	memset(&l->sasl, 0, sizeof(l->sasl));
	l->rounds = l->waiting = l->on_line = 0;
	if (sasl_begin(&l->sasl, l->mech, &l->cred) == -1)
		return (smtp_fail(s, l->sasl.why, 0, "%s", l->sasl.text));
	if (!sasl_initial(&l->sasl))
		return (smtp_queue(s, CMD_AUTH, 0, "AUTH %s", sasl_name(l->mech)));
	if (login_prepare(s, (const uint8_t *)"", 0) == -1)
		return (smtp_fail(s, l->sasl.why, 0, "%s", l->sasl.text));
	l->on_line = strlen("AUTH  \r\n") + strlen(sasl_name(l->mech)) + buf_len(&l->response) <= AUTH_LINE_MAX;
	if (l->on_line)
		return (login_respond(s, "AUTH ", sasl_name(l->mech)));
	l->waiting = 1;
	return (smtp_queue(s, CMD_AUTH, 0, "AUTH %s", sasl_name(l->mech)));
}

/* The next response, in base64.  0, or -1: sasl says why. */
static int
login_prepare(struct smtp *s, const uint8_t *challenge, size_t len)
{
	struct smtp_login	*l = &s->login;
	struct buf		 raw;
	int			 r = -1;

	buf_free(&l->response);
	buf_init(&raw, RESPONSE_MAX);
	if (sasl_step(&l->sasl, challenge, len, &raw) != SASL_FAILED) {
		if ((r = base64_encode(&l->response, buf_data(&raw), buf_len(&raw))) == -1) {
			l->sasl.why = WHY_LOCAL_TEMP;
			strlcpy(l->sasl.text, "out of memory", sizeof(l->sasl.text));
		} else if (buf_len(&l->response) > 0)
			auth_mask_set(&s->mask, MASK_SENT, buf_data(&l->response), buf_len(&l->response));
	}
	buf_free(&raw);		/* wipes */
	return (r);
}

/* Sends what is in response; behind a mechanism's name an empty one is "=". */
static int
login_respond(struct smtp *s, const char *verb, const char *mech)
{
	struct buf	*b = &s->login.response, *out = &s->out;
	size_t		 before = buf_len(out);

	if (log_getlevel() >= LOG_LEVEL_LOW)
		log_debug("> %s%s%s****", verb, mech, mech[0] != '\0' ? " " : "");
	s->secret_out = 1;
	if (buf_add(out, verb, strlen(verb)) == -1 || buf_add(out, mech, strlen(mech)) == -1 ||
	    (mech[0] != '\0' && buf_add(out, buf_len(b) > 0 ? " " : " =", buf_len(b) > 0 ? 1 : 2) == -1) ||
	    buf_add(out, buf_data(b), buf_len(b)) == -1 || buf_add(out, "\r\n", 2) == -1)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "out of memory"));
	s->queued += buf_len(out) - before;
	return (smtp_expect(s, CMD_AUTH, 0, 1));
}

static int
login_auth(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 == 3)
		return (login_more(s, r));
	return (login_ended(s, r));
}

/* 334: the next hop asks. */
static int
login_more(struct smtp *s, const struct smtp_reply *r)
{
	struct smtp_login	*l = &s->login;
	uint8_t			 challenge[REPLY_TEXT_MAX];
	ssize_t			 n;

	if (++l->rounds > SASL_ROUNDS)
		return (login_cancel(s, WHY_PROTO, "the next hop's questions do not end"));
	if (l->waiting) {
		l->waiting = 0;
		return (login_respond(s, "", ""));
	}
	if (r->lines != 1 || r->len == sizeof(r->text) || (n = base64_decode(challenge, sizeof(challenge), r->text, r->len)) == -1)
		return (login_cancel(s, WHY_PROTO, "the next hop's challenge is not base64"));
	if (login_prepare(s, challenge, (size_t)n) == -1)
		return (login_cancel(s, l->sasl.why, l->sasl.text));
	return (login_respond(s, "", ""));
}

static int
login_cancel(struct smtp *s, enum fail_why why, const char *text)
{
	s->login.why = why;
	strlcpy(s->login.text, text, sizeof(s->login.text));
	return (smtp_queue(s, CMD_CANCEL, 0, "*"));
}

/* Whatever it says, the reason for it is what counts. */
static int
login_cancelled(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r __unused)
{
	return (smtp_fail(s, s->login.why, 0, "%s", s->login.text));
}

/* 503 is for who is logged in already: some keep that over XCLIENT. */
static int
login_ended(struct smtp *s, const struct smtp_reply *r)
{
	struct smtp_login	*l = &s->login;
	int			 kept = r->code == 503 && l->again;

	if (r->code / 100 != 2 && !kept)
		return (login_refused(s, WHY_AUTH, "login refused", r));
	if (!kept && !l->sasl.done)
		return (smtp_fail(s, WHY_PROTO, 0,
		    "the next hop ended the login before its turn; it did not prove that it knows the password"));
	l->done = l->again = 1;
	if (s->start->xclient)
		buf_free(&l->response);
	else
		login_free(s);
	return (smtp_ready(s));
}
