/* SPDX-License-Identifier: ISC */
/* From the greeting to where mail can be sent: EHLO, STARTTLS, AUTH (RFC 4954). */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "sender.h"

#define AUTH_LINE_MAX	512	/* octets of an AUTH command with initial response (RFC 4954 section 4), line end included */

/* CLEAR: the session is not under TLS; PREPARED: user and password pass SASLprep (RFC 4013). */
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
static int	 login_respond(struct smtp *, int (*)(struct sasl_line *, struct buf *));

const smtp_handler	 login_handlers[CMD_MAX] = {
	[CMD_GREETING] = login_greeting,
	[CMD_EHLO] = login_ehlo,
	[CMD_HELO] = login_helo,
	[CMD_STARTTLS] = login_starttls,
	[CMD_AUTH] = login_auth,
	[CMD_CANCEL] = login_cancelled,
};

/*
 * The first mechanism that fits is used.  A password goes in the clear to a socket in the file system only: the store takes no
 * other row.
 */
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

/* Copies the secret for the time of the login; s->login.secret stays NULL if there is no memory, or no login. */
void
login_init(struct smtp *s, const void *secret, size_t len)
{
	struct smtp_login	*l = &s->login;

	sasl_line_init(&l->sasl, &s->mask, "next hop");
	if (!s->start->auth || (l->secret = calloc(1, len + 1)) == NULL)
		return;
	memcpy(l->secret, secret, len);
	l->secret_len = len;
	l->sasl.cred.user = s->start->user;
	l->sasl.cred.host = s->start->tls_name;
	l->sasl.cred.secret = l->secret;
	l->sasl.cred.len = len;
}

/* Wipes everything of the credential. */
void
login_free(struct smtp *s)
{
	sasl_line_end(&s->login.sasl);
	freezero(s->login.secret, s->login.secret_len + 1);
	s->login.secret = NULL;
}

/* Say EHLO or LHLO, also anew after TLS and after XCLIENT: what was offered before is forgotten.  0 or -1. */
int
login_hello(struct smtp *s)
{
	memset(&s->offer, 0, sizeof(s->offer));
	s->state = SMTP_HELLO;
	return (smtp_queue(s, CMD_EHLO, 0, "%s %s", smtp_lmtp(s) ? "LHLO" : "EHLO", s->start->helo));
}

/* The session fails at a refusal.  A reply of 4yz ahead of any mail is the next hop's wish for a pause.  Always -1. */
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

/* Go on with what comes ahead of mail: STARTTLS, then AUTH.  0 or -1. */
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

/* The mechanism to log in with; AUTH_AUTO: none fits. */
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

/* Begin to log in.  0 or -1. */
static int
login_open(struct smtp *s)
{
	struct sasl_line	*x = &s->login.sasl;
	enum auth_mech		 mech;

	if ((mech = login_choose(s)) == AUTH_AUTO)
		return (smtp_fail(s, WHY_CONFIG, 0, s->offer.caps & CAP_AUTH ?
		    "the next hop offers no way to log in that is known here" : "the next hop does not offer AUTH"));
	if (sasl_line_begin(x, mech, AUTH_LINE_MAX) == -1)
		return (smtp_fail(s, x->exchange.why, 0, "%s", x->exchange.text));
	if (!x->on_line)
		return (smtp_queue(s, CMD_AUTH, 0, "AUTH %s", sasl_name(mech)));
	return (login_respond(s, sasl_line_auth));
}

/* Send the line that add() appends, which has a response in it; the log shows it without. */
static int
login_respond(struct smtp *s, int (*add)(struct sasl_line *, struct buf *))
{
	struct sasl_line	*x = &s->login.sasl;
	size_t			 before = buf_len(&s->out);

	if (log_getlevel() >= LOG_LEVEL_LOW) {
		if (add == sasl_line_auth)
			log_debug("> AUTH %s ****", sasl_name(x->mech));
		else
			log_debug("> ****");
	}
	s->secret_out = 1;
	if (add(x, &s->out) == -1)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "out of memory"));
	s->queued += buf_len(&s->out) - before;
	return (smtp_expect(s, CMD_AUTH, 0, 1));
}

static int
login_auth(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 == 3)
		return (login_more(s, r));
	return (login_ended(s, r));
}

/* The next hop asks (334).  A challenge that was cut or has several lines is none. */
static int
login_more(struct smtp *s, const struct smtp_reply *r)
{
	int	 whole = r->lines == 1 && r->len < sizeof(r->text);

	if (sasl_line_challenge(&s->login.sasl, whole ? r->text : NULL, r->len) == -1)
		return (smtp_queue(s, CMD_CANCEL, 0, "*"));
	return (login_respond(s, sasl_line_response));
}

/* The next hop has answered the "*": whatever it says, the session fails for the reason why that was sent. */
static int
login_cancelled(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r __unused)
{
	return (smtp_fail(s, s->login.sasl.exchange.why, 0, "%s", s->login.sasl.exchange.text));
}

/* The reply that ends a login.  A 503 after XCLIENT means that the next hop has kept the login that was made before. */
static int
login_ended(struct smtp *s, const struct smtp_reply *r)
{
	struct smtp_login	*l = &s->login;
	int			 kept = r->code == 503 && l->again;

	if (r->code / 100 != 2 && !kept)
		return (login_refused(s, WHY_AUTH, "login refused", r));
	if (!kept && !l->sasl.exchange.done)
		return (smtp_fail(s, WHY_PROTO, 0,
		    "the next hop ended the login before its turn; it did not prove that it knows the password"));
	l->done = l->again = 1;
	if (s->start->xclient)
		buf_free(&l->sasl.response);
	else
		login_free(s);
	return (smtp_ready(s));
}
