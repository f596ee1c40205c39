/* SPDX-License-Identifier: ISC */
/* From the greeting to the end of the login: one command after the other, what its reply means, what comes next. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "pop3.h"

#define RESPONSE_MAX	16000	/* octets of base64: a token, a user and a host at their longest */

static int	 login_reads_ahead(const struct reply *);
static int	 login_begin(struct pop3 *);
static int	 login_go(struct pop3 *);
static int	 login_follow(struct pop3 *);
static int	 sasl_open(struct pop3 *);
static int	 sasl_prepare(struct pop3 *, const uint8_t *, size_t);
static int	 sasl_respond(struct pop3 *, enum pop3_cmd);
static int	 sasl_more(struct pop3 *, int, const uint8_t *, size_t);
static int	 sasl_cancel(struct pop3 *, enum fail_why, const char *);
static void	 secret_wipe(struct pop3 *);

void
login_init(struct pop3 *p)
{
	struct login	*l = &p->login;

	offer_init(&p->offer);
	l->cred.user = p->start->user;
	l->cred.host = p->start->host;
	l->cred.port = p->start->port;
	l->cred.secret = p->secret;
	l->cred.len = p->secretlen;
	buf_init(&l->response, RESPONSE_MAX);
}

/* The login is over, one way or the other: nothing of the credential stays. */
void
login_end(struct pop3 *p)
{
	sasl_end(&p->login.sasl);
	buf_free(&p->login.response);	/* wipes */
	secret_wipe(p);
	p->mask.runs = 0;
}

/* The octets of a command that has part in a login, behind the gate of pop3_queue().  0 or -1. */
int
login_write(struct pop3 *p, enum pop3_cmd cmd)
{
	struct login	*l = &p->login;
	const char	*name;
	int		 r;

	switch (cmd) {
	case CMD_USER:
		return (auth_plain(&p->out, "USER", p->start->user, strlen(p->start->user)));
	case CMD_PASS:
		r = auth_plain(&p->out, "PASS", p->secret, p->secretlen);
		secret_wipe(p);
		break;
	case CMD_APOP:
		r = auth_apop(&p->out, p->start->user, p->challenge, p->secret, p->secretlen);
		secret_wipe(p);
		break;
	case CMD_AUTH:
		name = sasl_name(l->mech);
		if (!l->on_line)
			return (auth_plain(&p->out, "AUTH", name, strlen(name)));
		r = buf_add(&p->out, "AUTH ", 5) == -1 || (buf_len(&l->response) == 0 ? auth_plain(&p->out, name, "=", 1) :
		    auth_plain(&p->out, name, buf_data(&l->response), buf_len(&l->response))) == -1 ? -1 : 0;
		break;
	case CMD_RESPONSE:
		if ((r = buf_add(&p->out, buf_data(&l->response), buf_len(&l->response))) == 0)
			r = buf_add(&p->out, "\r\n", 2);
		break;
	default:
		return (-1);
	}
	p->secret_out = 1;
	return (r);
}

/*
 * Servers that are known to answer what was sent behind a login.  Others say PIPELINING and hand the connection to another program
 * once the login is done, without what they had read of it already (Courier): there the answer is waited for.
 */
static int
login_reads_ahead(const struct reply *r)
{
	static const char *const	 names[] = { "Dovecot" };
	size_t				 i;

	for (i = 0; i < nitems(names); i++)
		if (memmem(r->text, r->len, names[i], strlen(names[i])) != NULL)
			return (1);
	return (0);
}

/* A server that is full (S60) says so here. */
int
login_greeting(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	const uint8_t	*challenge;
	char		 text[PROTO_TEXT_SIZE];
	size_t		 n;

	if (!r->ok)
		return (pop3_fail(p, pop3_reply_why(r, WHY_SERVER_TEMP), "the server takes no connection: %s",
		    pop3_text(p, text, sizeof(text), r)));
	p->login.ahead = login_reads_ahead(r);
	if ((n = pop3_reply_challenge(r->text, r->len, &challenge)) > 0) {
		memcpy(p->challenge, challenge, n);
		p->challenge[n] = '\0';
	}
	return (login_ask(p));
}

/* For capabilities; a server that is not to be asked is one without them, of which nothing is assumed. */
int
login_ask(struct pop3 *p)
{
	pop3_enter(p, POP3_CAPA);
	if (!p->start->no_capa)
		return (pop3_queue(p, CMD_CAPA, 0));
	p->caps = CAPA_NONE_AT_ALL;
	return (login_capa_end(p));
}

/* A server without CAPA is a server without capabilities. */
int
login_capa(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	p->caps = 0;
	offer_init(&p->offer);
	if (r->ok) {
		p->part = PART_LINES;
		p->login.one_line = pop3_reply_capa(r->text, r->len, &p->offer) != 0;
		offer_init(&p->offer);
		return (0);
	}
	p->caps = CAPA_NONE_AT_ALL;
	return (login_capa_end(p));
}

int
login_capa_line(struct pop3 *p, const uint8_t *line, size_t len)
{
	p->caps |= pop3_reply_capa(line, len, &p->offer);
	return (0);
}

int
login_capa_end(struct pop3 *p)
{
	if (p->start->tls == TLS_MODE_STLS && !p->secure) {
		pop3_enter(p, POP3_STLS);
		return (pop3_queue(p, CMD_STLS, 0));
	}
	if (p->caps & CAPA_NONE_AT_ALL && !p->start->no_capa && login_discovers(p))
		return (pop3_queue(p, CMD_LISTAUTH, 0));
	return (login_begin(p));
}

int
login_stls(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!r->ok)
		return (pop3_fail(p, WHY_TLS, "the server refuses STLS%s: %s (tls = 'tls' is another way, usually on port 995)",
		    p->caps & CAPA_STLS ? "" : " and does not offer it", pop3_text(p, text, sizeof(text), r)));
	pop3_enter(p, POP3_HANDSHAKE);
	return (0);
}

/* S58: AUTH alone lists mechanisms, or is refused. */
int
login_list(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	if (!r->ok)
		return (login_begin(p));
	p->caps |= CAPA_SASL;
	p->part = PART_LINES;
	return (0);
}

int
login_list_line(struct pop3 *p, const uint8_t *line, size_t len)
{
	offer_mechs(&p->offer, line, len);
	return (0);
}

int
login_list_end(struct pop3 *p)
{
	return (login_begin(p));
}

/* Refused or not, the name goes out as it is. */
int
login_utf8(struct pop3 *p, uint32_t msgno __unused, const struct reply *r __unused)
{
	return (login_go(p));
}

int
login_user(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	if (!r->ok)
		return (login_status(p, msgno, r));
	return (pop3_pipelines(p) ? 0 : pop3_queue(p, CMD_PASS, 0));
}

/* The answer that ends a login. */
int
login_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	static const char	*const words[WHY_MAX] = {
		[WHY_AUTH] = "login refused",
		[WHY_BUSY] = "login put off, mailbox busy",
		[WHY_TOO_SOON] = "login put off, too soon",
		[WHY_SERVER_TEMP] = "login put off, trouble at the server",
		[WHY_SERVER_PERM] = "login refused, trouble at the server",
		[WHY_ALERT] = "login put off, the server has a message"
	};
	struct login		*l = &p->login;
	enum fail_why		 why;
	char			 text[PROTO_TEXT_SIZE], more[PROTO_TEXT_SIZE];

	if (!r->ok) {
		why = pop3_reply_why(r, WHY_AUTH);
		pop3_text(p, text, sizeof(text), r);
		if (l->sasl.refusallen == 0 && why == WHY_AUTH && !p->start->token)
			return (pop3_fail(p, why, "%s: %.90s (as %.40s by %s: check auth_name and password; some providers want an "
			    "application password)", words[why], text, auth_mask_text(&p->mask, more, sizeof(more),
			    (const uint8_t *)p->start->user, strlen(p->start->user)), auth_mech_str(l->mech)));
		if (l->sasl.refusallen == 0)
			return (pop3_fail(p, why, "%s: %s", words[why], text));
		return (pop3_fail(p, why, "%s: %s; of the token: %s", words[why], text,
		    auth_mask_text(&p->mask, more, sizeof(more), l->sasl.refusal, l->sasl.refusallen)));
	}
	if (l->sasl.mech != NULL && !l->sasl.done)
		return (pop3_fail(p, WHY_PROTO,
		    "the server said +OK before the exchange was over; it did not prove that it knows the password"));
	log_debug("logged in (%s)", auth_mech_str(l->mech));
	login_end(p);
	pop3_enter(p, POP3_LIST);
	return (p->login.follows ? 0 : login_follow(p));
}

int
login_auth_more(struct pop3 *p, const uint8_t *text, size_t len)
{
	return (sasl_more(p, 1, text, len));
}

int
login_more(struct pop3 *p, const uint8_t *text, size_t len)
{
	return (sasl_more(p, 0, text, len));
}

/* The server has heard the "*"; whatever it says, the reason for it is what counts. */
int
login_cancelled(struct pop3 *p, uint32_t msgno __unused, const struct reply *r __unused)
{
	return (pop3_fail(p, p->login.why, "%s", p->login.text));
}

int
login_cancelled_more(struct pop3 *p, const uint8_t *text __unused, size_t len __unused)
{
	return (pop3_fail(p, p->login.why, "%s", p->login.text));
}

/* After the login LOGIN-DELAY and EXPIRE are this user's (RFC 2449 section 6.5, 6.7). */
int
login_recapa(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	if (!r->ok)
		return (login_recapa_end(p));
	offer_init(&p->offer);
	p->part = PART_LINES;
	return (0);
}

int
login_recapa_line(struct pop3 *p, const uint8_t *line, size_t len)
{
	p->caps |= pop3_reply_capa(line, len, &p->offer) & (CAPA_TOP | CAPA_UIDL);
	return (0);
}

int
login_recapa_end(struct pop3 *p)
{
	return (pop3_pipelines(p) ? 0 : pop3_survey(p));
}

/* RFC 6856: a name beyond ASCII is announced to a server that knows what that means. */
static int
login_begin(struct pop3 *p)
{
	pop3_enter(p, POP3_LOGIN);
	if (p->caps & CAPA_UTF8_USER && !auth_ascii(p->start->user))
		return (pop3_queue(p, CMD_UTF8, 0));
	return (login_go(p));
}

/* A pipelining server gets USER and PASS in one flight, and one that reads ahead everything up to the listing. */
static int
login_go(struct pop3 *p)
{
	int	 r;

	if ((p->login.mech = login_choose(p)) == AUTH_AUTO)
		return (-1);
	switch (p->login.mech) {
	case AUTH_USER:
		r = pop3_queue(p, CMD_USER, 0);
		if (r == 0 && pop3_pipelines(p))
			r = pop3_queue(p, CMD_PASS, 0);
		break;
	case AUTH_APOP:
		r = pop3_queue(p, CMD_APOP, 0);
		break;
	default:
		return (sasl_open(p));
	}
	return (r == 0 && pop3_pipelines(p) && p->login.ahead ? login_follow(p) : r);
}

/* What comes behind a login, as much as may be sent now. */
static int
login_follow(struct pop3 *p)
{
	p->login.follows = 1;
	if (!(p->caps & CAPA_BY_USER))
		return (pop3_survey(p));
	if (pop3_queue(p, CMD_RECAPA, 0) == -1)
		return (-1);
	return (pop3_pipelines(p) ? pop3_survey(p) : 0);
}

/* AUTH, with the initial response if there is one and the line is not too long for it. */
static int
sasl_open(struct pop3 *p)
{
	struct login	*l = &p->login;

	p->mask.runs = 1;
	if (sasl_begin(&l->sasl, l->mech, &l->cred) == -1)
		return (pop3_fail(p, l->sasl.why, "%s", l->sasl.text));
	if (!sasl_initial(&l->sasl))
		return (pop3_queue(p, CMD_AUTH, 0));
	if (sasl_prepare(p, (const uint8_t *)"", 0) == -1)
		return (pop3_fail(p, l->sasl.why, "%s", l->sasl.text));
	l->waiting = 1;
	l->on_line = strlen("AUTH  \r\n") + strlen(sasl_name(l->mech)) + buf_len(&l->response) <= AUTH_LINE_MAX;
	return (l->on_line ? sasl_respond(p, CMD_AUTH) : pop3_queue(p, CMD_AUTH, 0));
}

/* The next response, in base64.  0, or -1: l->sasl says why. */
static int
sasl_prepare(struct pop3 *p, const uint8_t *challenge, size_t len)
{
	struct login	*l = &p->login;
	struct buf	 raw;
	int		 r = -1;

	buf_free(&l->response);
	buf_init(&raw, RESPONSE_MAX);
	if (sasl_step(&l->sasl, challenge, len, &raw) != SASL_FAILED) {
		r = base64_encode(&l->response, buf_data(&raw), buf_len(&raw));
		if (r == 0 && buf_len(&l->response) > 0)
			auth_mask_set(&p->mask, MASK_SENT, buf_data(&l->response), buf_len(&l->response));
		if (r == -1) {
			l->sasl.why = WHY_LOCAL_TEMP;
			strlcpy(l->sasl.text, "out of memory", sizeof(l->sasl.text));
		}
	}
	buf_free(&raw);		/* wipes */
	return (r);
}

/* Sends the response that is ready.  A refused token is told in a challenge: nothing may be behind it. */
static int
sasl_respond(struct pop3 *p, enum pop3_cmd cmd)
{
	struct login	*l = &p->login;

	if (pop3_queue(p, cmd, 0) == -1)
		return (-1);
	if (l->sasl.done && !l->waiting)
		secret_wipe(p);
	return (l->sasl.done && !p->start->token && pop3_pipelines(p) && l->ahead ? login_follow(p) : 0);
}

/*
 * "+": the server asks.  What stood on the AUTH line and was passed over is said again.  When the client speaks first, the text of
 * the first challenge means nothing.
 */
static int
sasl_more(struct pop3 *p, int first, const uint8_t *text, size_t len)
{
	struct login	*l = &p->login;
	uint8_t		 challenge[REPLY_LINE_MAX];
	ssize_t		 n = 0;

	if (++l->rounds > SASL_ROUNDS)
		return (sasl_cancel(p, WHY_PROTO, "the server's questions do not end"));
	if (l->waiting && (!l->on_line || l->sasl.done || len == 0)) {
		l->waiting = 0;
		return (sasl_respond(p, CMD_RESPONSE));
	}
	l->waiting = 0;
	if ((!first || l->on_line || !sasl_speaks_first(&l->sasl)) &&
	    (n = base64_decode(challenge, sizeof(challenge), text, len)) == -1)
		return (sasl_cancel(p, WHY_PROTO, "the server's challenge is not base64"));
	if (sasl_prepare(p, challenge, (size_t)n) == -1)
		return (sasl_cancel(p, l->sasl.why, l->sasl.text));
	return (sasl_respond(p, CMD_RESPONSE));
}

/* RFC 5034: "*" takes an exchange back.  Then the session fails for the reason given. */
static int
sasl_cancel(struct pop3 *p, enum fail_why why, const char *text)
{
	p->login.why = why;
	strlcpy(p->login.text, text, sizeof(p->login.text));
	return (pop3_queue(p, CMD_CANCEL, 0));
}

static void
secret_wipe(struct pop3 *p)
{
	explicit_bzero(p->secret, p->secretlen);
}
