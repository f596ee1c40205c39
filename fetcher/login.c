/* SPDX-License-Identifier: ISC */
/* From the greeting to the end of the login: one command after the other, what its reply means, and what comes next. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <md5.h>

#include "common/compat.h"
#include "common/hex.h"
#include "common/log.h"
#include "pop3.h"

#define AUTH_LINE_MAX	255	/* octets of an AUTH command with initial response (RFC 5034 section 4), line end included */

static int	 login_reads_ahead(const struct reply *);
static int	 login_begin(struct pop3 *);
static int	 login_waits(const struct pop3 *);
static int	 login_go(struct pop3 *);
static int	 login_follow(struct pop3 *);
static int	 login_sasl(struct pop3 *);
static int	 login_respond(struct pop3 *, enum pop3_cmd);
static int	 login_ascii(const char *);
static int	 line_add(struct buf *, const char *, const void *, size_t);
static int	 apop_add(struct buf *, const char *, const char *, const void *, size_t);
static void	 secret_wipe(struct pop3 *);

void
login_init(struct pop3 *p)
{
	struct login	*l = &p->login;

	offer_init(&p->offer);
	sasl_line_init(&l->sasl, &p->mask, "server");
	l->sasl.lenient = 1;
	l->sasl.cred.user = p->start->user;
	l->sasl.cred.host = p->start->host;
	l->sasl.cred.port = p->start->port;
	l->sasl.cred.secret = p->secret;
	l->sasl.cred.len = p->secretlen;
}

/* The login is over, whatever its result: everything of the credential is wiped. */
void
login_end(struct pop3 *p)
{
	sasl_line_end(&p->login.sasl);
	secret_wipe(p);
	p->mask.runs = 0;
}

/* Appends a command of a login to p->out; pop3_queue() has made sure that it may go.  0 or -1. */
int
login_write(struct pop3 *p, enum pop3_cmd cmd)
{
	struct sasl_line	*x = &p->login.sasl;
	int			 r;

	switch (cmd) {
	case CMD_USER:
		return (line_add(&p->out, "USER", p->start->user, strlen(p->start->user)));
	case CMD_PASS:
		r = line_add(&p->out, "PASS", p->secret, p->secretlen);
		secret_wipe(p);
		break;
	case CMD_APOP:
		r = apop_add(&p->out, p->start->user, p->challenge, p->secret, p->secretlen);
		secret_wipe(p);
		break;
	case CMD_AUTH:
		if ((r = sasl_line_auth(x, &p->out)) == -1 || !x->on_line)
			return (r);
		break;
	case CMD_RESPONSE:
		r = sasl_line_response(x, &p->out);
		break;
	default:
		return (-1);
	}
	p->secret_out = 1;
	return (r);
}

/*
 * Whether the greeting is of a server that is known to answer what is sent behind a login.  Others offer PIPELINING and hand the
 * connection to another program after the login, without what they have read of it already (Courier): there the answer is waited
 * for.
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

/* The greeting; a server that is full refuses the connection here. */
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

/* Ask for capabilities.  A server that is not to be asked is taken for one without CAPA, of which nothing is assumed. */
int
login_ask(struct pop3 *p)
{
	pop3_enter(p, POP3_CAPA);
	if (!p->start->no_capa)
		return (pop3_queue(p, CMD_CAPA, 0));
	p->caps = CAPA_NONE_AT_ALL;
	return (login_capa_end(p));
}

/* The reply to CAPA.  A server without CAPA is one without capabilities. */
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

/* The reply to AUTH alone, which lists mechanisms or is a refusal. */
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

/* The reply to UTF8.  After a refusal, headers may come otherwise than they lie there, and the name goes out as it is. */
int
login_utf8(struct pop3 *p, uint32_t msgno __unused, const struct reply *r __unused)
{
	return (login_waits(p) ? login_go(p) : 0);
}

int
login_user(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	if (!r->ok)
		return (login_status(p, msgno, r));
	return (pop3_pipelines(p) ? 0 : pop3_queue(p, CMD_PASS, 0));
}

/* The status line that ends a login. */
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
		if (l->sasl.exchange.refusallen == 0 && why == WHY_AUTH && !p->start->token)
			return (pop3_fail(p, why, "%s: %.90s (as %.40s by %s: check auth_name and password; some providers want an "
			    "application password)", words[why], text, auth_mask_text(&p->mask, more, sizeof(more),
			    (const uint8_t *)p->start->user, strlen(p->start->user)), auth_mech_str(l->mech)));
		if (l->sasl.exchange.refusallen == 0)
			return (pop3_fail(p, why, "%s: %s", words[why], text));
		return (pop3_fail(p, why, "%s: %s; of the token: %s", words[why], text,
		    auth_mask_text(&p->mask, more, sizeof(more), l->sasl.exchange.refusal, l->sasl.exchange.refusallen)));
	}
	if (l->sasl.exchange.mech != NULL && !l->sasl.exchange.done)
		return (pop3_fail(p, WHY_PROTO,
		    "the server said +OK before the exchange was over; it did not prove that it knows the password"));
	log_debug("logged in (%s)", auth_mech_str(l->mech));
	login_end(p);
	pop3_enter(p, POP3_LIST);
	return (p->login.follows ? 0 : login_follow(p));
}

int
login_more(struct pop3 *p, const uint8_t *text, size_t len)
{
	if (sasl_line_challenge(&p->login.sasl, text, len) == -1)
		return (pop3_queue(p, CMD_CANCEL, 0));
	return (login_respond(p, CMD_RESPONSE));
}

/* The server has answered the "*": whatever it says, the session fails for the reason why that was sent. */
int
login_cancelled(struct pop3 *p, uint32_t msgno __unused, const struct reply *r __unused)
{
	return (pop3_fail(p, p->login.sasl.exchange.why, "%s", p->login.sasl.exchange.text));
}

int
login_cancelled_more(struct pop3 *p, const uint8_t *text __unused, size_t len __unused)
{
	return (pop3_fail(p, p->login.sasl.exchange.why, "%s", p->login.sasl.exchange.text));
}

/* The reply to CAPA after the login, when LOGIN-DELAY and EXPIRE are this user's (RFC 2449 sections 6.5 and 6.7). */
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

/*
 * Begin to log in.  A server that knows UTF8 is told so, ahead of which it hands out messages with headers in UTF-8 as surrogates
 * (RFC 6856 section 2.1), and need not take a name beyond ASCII.
 */
static int
login_begin(struct pop3 *p)
{
	pop3_enter(p, POP3_LOGIN);
	if (!(p->caps & CAPA_UTF8))
		return (login_go(p));
	if (pop3_queue(p, CMD_UTF8, 0) == -1)
		return (-1);
	return (login_waits(p) ? 0 : login_go(p));
}

/* Whether the reply to UTF8 is waited for: there is no PIPELINING, or the name is nothing to a server that refuses. */
static int
login_waits(const struct pop3 *p)
{
	return (!pop3_pipelines(p) || !login_ascii(p->start->user));
}

/*
 * Log in by the chosen way.  A server that pipelines gets USER and PASS at once, and one that reads ahead everything up to the
 * listing.
 */
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
		return (login_sasl(p));
	}
	return (r == 0 && pop3_pipelines(p) && p->login.ahead ? login_follow(p) : r);
}

/* Send what comes behind a login, as much as may be sent now. */
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

/* Send AUTH, with the initial response if there is one and the line is not too long for it. */
static int
login_sasl(struct pop3 *p)
{
	struct sasl_line	*x = &p->login.sasl;

	p->mask.runs = 1;
	if (sasl_line_begin(x, p->login.mech, AUTH_LINE_MAX) == -1)
		return (pop3_fail(p, x->exchange.why, "%s", x->exchange.text));
	return (x->on_line ? login_respond(p, CMD_AUTH) : pop3_queue(p, CMD_AUTH, 0));
}

/*
 * Send the command or the line that has the next response.  A refusal of a token comes as a challenge, which has to be answered:
 * behind the response with a token nothing is sent ahead.
 */
static int
login_respond(struct pop3 *p, enum pop3_cmd cmd)
{
	struct login	*l = &p->login;

	if (pop3_queue(p, cmd, 0) == -1)
		return (-1);
	if (l->sasl.exchange.done && !l->sasl.waiting)
		secret_wipe(p);
	return (l->sasl.exchange.done && !p->start->token && pop3_pipelines(p) && l->ahead ? login_follow(p) : 0);
}

static void
secret_wipe(struct pop3 *p)
{
	explicit_bzero(p->secret, p->secretlen);
}

/* Whether octets may stand in a command's argument: CR, LF and NUL could begin another command. */
int
login_clean(const void *p, size_t len)
{
	return (memchr(p, '\r', len) == NULL && memchr(p, '\n', len) == NULL && memchr(p, '\0', len) == NULL);
}

static int
login_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7e)
			return (0);
	return (1);
}

/* Appends the command "verb argument".  0, or -1: it does not fit, or there is no memory. */
static int
line_add(struct buf *out, const char *verb, const void *arg, size_t len)
{
	return (buf_add(out, verb, strlen(verb)) == -1 || buf_add(out, " ", 1) == -1 || buf_add(out, arg, len) == -1 ||
	    buf_add(out, "\r\n", 2) == -1 ? -1 : 0);
}

/* Appends "APOP user md5(challenge secret)" (RFC 1939 section 7); the challenge has its brackets.  0 or -1, as line_add(). */
static int
apop_add(struct buf *out, const char *user, const char *challenge, const void *secret, size_t len)
{
	MD5_CTX	 ctx;
	uint8_t	 digest[MD5_DIGEST_LENGTH];
	char	 text[2 * MD5_DIGEST_LENGTH];

	MD5Init(&ctx);
	MD5Update(&ctx, (const uint8_t *)challenge, strlen(challenge));
	MD5Update(&ctx, secret, len);
	MD5Final(digest, &ctx);
	explicit_bzero(&ctx, sizeof(ctx));
	hex_encode(text, digest, sizeof(digest));
	return (buf_add(out, "APOP ", 5) == -1 ? -1 : line_add(out, user, text, sizeof(text)));
}
