/* SPDX-License-Identifier: ISC */
/*
 * One message: MAIL, RCPT for each recipient, DATA, and what the next hop says of each of them.  A message's results are told in
 * the order of its recipients, each once, whatever happens:
 *
 *	ACCEPTED, TEMP, PERM	the next hop said so, or we know that it never had the whole message
 *	DOUBT			it had the whole message, and its answer was lost
 *
 * DATA waits for the replies to RCPT even if commands may be pipelined: a next hop that has refused every recipient and takes
 * DATA nevertheless would have to be sent an empty message (RFC 2920 section 3.1).
 */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hook.h"
#include "common/log.h"
#include "sender.h"

#define PARAMS_SIZE	2048
#define ORCPT_MAX	500	/* octets, RFC 3461 section 4.2 */

static int	 mail_xclient(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_mail(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_rcpt(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_data(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_dot(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_rset(struct smtp *, uint32_t, const struct smtp_reply *);
static int	 mail_needs_xclient(struct smtp *, char *, size_t);
static int	 mail_null_sender(const struct smtp *);
static int	 mail_check(struct smtp *);
static uint32_t	 mail_check_rcpts(struct smtp *);
static int	 mail_envelope(struct smtp *);
static int	 mail_pump(struct smtp *);
static int	 mail_rcpt_command(struct smtp *, uint32_t);
static int	 mail_finish(struct smtp *, int);
static void	 mail_tell(struct smtp *);
static void	 mail_own(struct smtp *, uint32_t, enum send_result, const char *, const char *);
static void	 mail_own_all(struct smtp *, enum send_result, const char *, const char *);
static void	 mail_reply(struct smtp *, uint32_t, const struct smtp_reply *);
static void	 mail_reply_open(struct smtp *, int, const struct smtp_reply *);

const smtp_handler	 mail_handlers[CMD_MAX] = {
	[CMD_XCLIENT] = mail_xclient,
	[CMD_MAIL] = mail_mail,
	[CMD_RCPT] = mail_rcpt,
	[CMD_DATA] = mail_data,
	[CMD_DOT] = mail_dot,
	[CMD_RSET] = mail_rset,
};

/* Begin with s->mail; done once more after XCLIENT, when the next hop may offer other things. */
int
mail_begin(struct smtp *s)
{
	char	 value[sizeof(s->client)];

	s->next = s->accepted = 0;
	s->refused = 0;
	if (mail_needs_xclient(s, value, sizeof(value))) {
		strlcpy(s->client, value, sizeof(s->client));
		s->state = SMTP_XCLIENT;
		return (smtp_queue(s, CMD_XCLIENT, 0, "XCLIENT ADDR=%s", value));
	}
	if (mail_check(s) == -1)
		return (mail_finish(s, 0));
	return (mail_envelope(s));
}

/*
 * Whether XCLIENT is to go ahead of the message, so that the next hop judges by the host that gave it to the provider, not by this
 * one.
 */
static int
mail_needs_xclient(struct smtp *s, char *value, size_t size)
{
	const char	*client = s->mail->m.client;

	if (!s->start->xclient || s->no_xclient || !(s->offer.caps & CAP_XCLIENT) || (client[0] == '\0' && s->client[0] == '\0') ||
	    smtp_client(client, value, size) == -1)
		return (0);
	return (strcmp(value, s->client) != 0);
}

/* The reply to XCLIENT: after a 220 everything begins anew with EHLO. */
static int
mail_xclient(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (r->code / 100 == 2) {
		s->login.done = 0;
		return (login_hello(s));
	}
	log_info("XCLIENT refused: %s", smtp_text(s, text, sizeof(text), r));
	s->no_xclient = 1;
	return (mail_begin(s));
}

/*
 * Whether the message goes out with the null sender: its failures are to be told to nobody, and a next hop without DSN would tell
 * its sender.
 */
static int
mail_null_sender(const struct smtp *s)
{
	if (s->mail->m.sender[0] == '\0' || s->start->null_sender == NULL_SENDER_ALWAYS)
		return (1);
	return (s->start->null_sender == NULL_SENDER_AUTO && s->mail->m.notify == NOTIFY_NEVER && !smtp_lmtp(s) &&
	    !(s->offer.caps & CAP_DSN));
}

/* Refuses what this next hop cannot be given.  0, or -1: nothing is left to be sent. */
static int
mail_check(struct smtp *s)
{
	struct smtp_mail	*mail = s->mail;
	char			 path[PATH_SIZE];
	enum smtp_path		 kind = PATH_ASCII;

	s->utf8 = 0;
	s->null_sender = mail_null_sender(s);
	if (!s->null_sender)
		kind = smtp_path(mail->m.sender, path, sizeof(path));
	if (s->offer.size > 0 && mail->size > s->offer.size)
		mail_own_all(s, SEND_PERM, "5.3.4", "the message is larger than the next hop takes");
	else if (mail->eight_bit && !(s->offer.caps & CAP_8BITMIME))
		mail_own_all(s, SEND_PERM, "5.6.3", "the message has 8-bit octets, and the next hop does not take 8-bit");
	else if (kind == PATH_BAD)
		mail_own_all(s, SEND_PERM, "5.1.7", "the sender's address cannot be written in SMTP");
	else if (kind == PATH_UTF8 && !(s->offer.caps & CAP_SMTPUTF8))
		mail_own_all(s, SEND_PERM, "5.6.7", "the sender's address is not ASCII, and the next hop does not take that");
	else
		s->utf8 = kind == PATH_UTF8;
	return (mail_check_rcpts(s) == 0 ? -1 : 0);
}

/* The number of recipients that have no result yet. */
static uint32_t
mail_check_rcpts(struct smtp *s)
{
	char		 path[PATH_SIZE];
	enum smtp_path	 kind;
	uint32_t	 i, left = 0;

	for (i = 0; i < s->mail->n; i++) {
		if (s->mail->rcpts[i].result != 0)
			continue;
		kind = smtp_path(s->mail->rcpts[i].address, path, sizeof(path));
		if (kind == PATH_BAD)
			mail_own(s, i, SEND_PERM, "5.1.3", "the address cannot be written in SMTP");
		else if (kind == PATH_UTF8 && !(s->offer.caps & CAP_SMTPUTF8))
			mail_own(s, i, SEND_PERM, "5.6.7", "the address is not ASCII, and the next hop does not take that");
		else {
			s->utf8 |= kind == PATH_UTF8;
			left++;
		}
	}
	return (left);
}

static int
mail_envelope(struct smtp *s)
{
	const struct smtp_mail	*mail = s->mail;
	char			 path[PATH_SIZE] = "", size[40] = "", dsn[PARAMS_SIZE] = "", envid[sizeof(mail->m.envid) * 3 + 1];

	if (!s->null_sender)
		(void)smtp_path(mail->m.sender, path, sizeof(path));
	if (s->offer.caps & CAP_SIZE)
		snprintf(size, sizeof(size), " SIZE=%llu", (unsigned long long)mail->size);
	if (s->offer.caps & CAP_DSN && mail->m.notify != NOTIFY_NEVER && !s->null_sender) {
		if (mail->m.envid[0] != '\0' && smtp_xtext(mail->m.envid, envid, sizeof(envid)) == 0)
			snprintf(dsn, sizeof(dsn), " RET=HDRS ENVID=%s", envid);
		else
			strlcpy(dsn, " RET=HDRS", sizeof(dsn));
	}
	s->state = SMTP_ENVELOPE;
	s->begun = 1;
	if (smtp_queue(s, CMD_MAIL, 0, "MAIL FROM:<%s>%s%s%s%s", path, size, mail->eight_bit ? " BODY=8BITMIME" : "",
	    s->utf8 ? " SMTPUTF8" : "", dsn) == -1)
		return (-1);
	return (mail_pump(s));
}

/* Send as many RCPT as may be under way; when the last reply is there, DATA, or nothing if no recipient was accepted. */
static int
mail_pump(struct smtp *s)
{
	uint32_t	 i, window = s->offer.caps & CAP_PIPELINING ? SMTP_WINDOW : 1;

	while (s->next < s->mail->n && s->ndue < window) {
		i = s->next++;
		if (s->mail->rcpts[i].result == 0 && mail_rcpt_command(s, i) == -1)
			return (-1);
	}
	if (s->ndue > 0)
		return (0);
	if (s->accepted == 0)
		return (mail_finish(s, 1));
	s->state = SMTP_DATA;
	return (smtp_queue(s, CMD_DATA, 0, "DATA"));
}

static int
mail_rcpt_command(struct smtp *s, uint32_t i)
{
	const struct smtp_rcpt	*r = &s->mail->rcpts[i];
	const char		*notify = "", *original = r->original != NULL ? r->original : r->address;
	char			 path[PATH_SIZE], xtext[ORCPT_MAX], orcpt[ORCPT_MAX + 16] = "";

	(void)smtp_path(r->address, path, sizeof(path));
	if (s->offer.caps & CAP_DSN) {
		notify = s->mail->m.notify == NOTIFY_NEVER ? " NOTIFY=NEVER" : " NOTIFY=FAILURE";
		if (smtp_xtext(original, xtext, sizeof(xtext) - strlen("rfc822;")) == 0)
			snprintf(orcpt, sizeof(orcpt), " ORCPT=rfc822;%s", xtext);
	}
	return (smtp_queue(s, CMD_RCPT, i, "RCPT TO:<%s>%s%s", path, notify, orcpt));
}

/*
 * The reply to MAIL.  530 is about the login and not about the message: the session ends, and the message waits until somebody has
 * mended that.  After another refusal the replies to RCPT that are on their way mean nothing.
 */
static int
mail_mail(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (r->code == 530)
		return (smtp_fail(s, WHY_AUTH, 0, "the next hop takes no mail: %.180s", smtp_text(s, text, sizeof(text), r)));
	if (r->code / 100 == 3)
		return (smtp_fail(s, WHY_PROTO, 0, "MAIL is answered with %d", r->code));
	if (r->code / 100 == 2)
		return (mail_pump(s));
	s->refused = 1;
	s->next = s->mail->n;
	mail_reply_open(s, 0, r);
	return (s->ndue == 0 ? mail_finish(s, 0) : 0);
}

/*
 * The result that a reply to RCPT means.  A 552 behind recipients that were accepted means "too many recipients", unless its status
 * says something else, and is taken for a 452 (RFC 5321 section 4.5.3.1.10).
 */
static int
mail_rcpt(struct smtp *s, uint32_t i, const struct smtp_reply *r)
{
	struct smtp_rcpt	*rcpt = &s->mail->rcpts[i];
	struct smtp_reply	 many = *r;

	if (s->refused)
		return (s->ndue == 0 ? mail_finish(s, 1) : 0);
	if (r->code / 100 == 3)
		return (smtp_fail(s, WHY_PROTO, 0, "RCPT is answered with %d", r->code));
	if (r->code / 100 == 2) {
		rcpt->accepted = 1;
		s->accepted++;
	} else if (r->code == 552 && s->accepted > 0 && (r->status[0] == '\0' || strcmp(r->status, "5.5.3") == 0)) {
		many.code = 452;
		strlcpy(many.status, "4.5.3", sizeof(many.status));
		mail_reply(s, i, &many);
	} else
		mail_reply(s, i, r);
	return (mail_pump(s));
}

static int
mail_data(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 == 2)
		return (smtp_fail(s, WHY_PROTO, 0, "DATA is answered with %d", r->code));
	if (r->code / 100 == 3) {
		body_begin(&s->body);
		s->state = SMTP_BODY;
		return (0);
	}
	mail_reply_open(s, 1, r);
	return (mail_finish(s, 1));
}

/* Give octets of the message to the session.  0, or -1: it has failed. */
int
smtp_body(struct smtp *s, const uint8_t *p, size_t len)
{
	size_t	 before = buf_len(&s->out);

	if (s->state != SMTP_BODY)
		return (-1);
	if (body_feed(&s->body, p, len, &s->out) == -1)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "out of memory"));
	s->queued += buf_len(&s->out) - before;
	return (0);
}

/* The message is over: the final dot is queued.  0, or -1: the session has failed. */
int
smtp_body_end(struct smtp *s)
{
	size_t	 before = buf_len(&s->out);

	if (s->state != SMTP_BODY)
		return (-1);
	HOOK("sender.dot");
	if (body_end(&s->body, &s->out) == -1)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "out of memory"));
	s->queued += buf_len(&s->out) - before;
	s->dot_end = s->queued;
	s->next = 0;
	s->state = SMTP_DOT;
	return (smtp_expect(s, CMD_DOT, 0, smtp_lmtp(s) ? s->accepted : 1));
}

/* A reply to the message.  LMTP has one for each recipient that was accepted, in their order (RFC 2033 section 4.2). */
static int
mail_dot(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	if (r->code / 100 == 3)
		return (smtp_fail(s, WHY_PROTO, 0, "the message's end is answered with %d", r->code));
	if (!smtp_lmtp(s)) {
		mail_reply_open(s, 1, r);
		return (mail_finish(s, 0));
	}
	while (!s->mail->rcpts[s->next].accepted)
		s->next++;
	mail_reply(s, s->next++, r);
	mail_tell(s);
	return (s->ndue == 0 ? mail_finish(s, 0) : 0);
}

static int
mail_rset(struct smtp *s, uint32_t rcpt __unused, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (r->code / 100 != 2)
		return (smtp_fail(s, WHY_PROTO, 0, "RSET refused: %.180s", smtp_text(s, text, sizeof(text), r)));
	return (mail_finish(s, 0));
}

/* Every recipient has its result: a transaction that was begun is taken back, then the owner is told. */
static int
mail_finish(struct smtp *s, int rset)
{
	mail_tell(s);
	if (rset) {
		s->state = SMTP_RSET;
		return (smtp_queue(s, CMD_RSET, 0, "RSET"));
	}
	s->mail = NULL;
	s->ops->mail(s->arg);
	return (smtp_ready(s));
}

/*
 * A reply of 421: the next hop ends the session.  It is an answer to the command, too; at the end of a message in LMTP, for one
 * recipient only.  cmd CMD_MAX: no command was waiting for a reply.
 */
int
mail_bye(struct smtp *s, enum smtp_cmd cmd, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (cmd == CMD_DOT && smtp_lmtp(s))
		(void)mail_dot(s, 0, r);
	else if (s->mail != NULL && s->begun && (cmd == CMD_DOT || s->dot_end == 0))
		mail_reply_open(s, cmd == CMD_DOT, r);
	return (smtp_fail(s, WHY_SERVER_TEMP, 1, "the next hop is leaving: %.180s", smtp_text(s, text, sizeof(text), r)));
}

/*
 * The session has failed: each recipient without a result gets one, DOUBT if the next hop may have taken the message.  A message
 * that was not begun stays without answer.
 */
void
mail_settle(struct smtp *s)
{
	struct smtp_mail	*mail = s->mail;
	uint32_t		 i;
	int			 doubt = s->dot_end != 0 && s->written >= s->dot_end;

	for (i = 0; mail != NULL && s->begun && i < mail->n; i++)
		if (doubt && mail->rcpts[i].accepted)
			mail_own(s, i, SEND_DOUBT, "4.4.2", s->text);
		else
			mail_own(s, i, SEND_TEMP, "4.4.2", s->text);
	if (mail != NULL && s->begun)
		mail_tell(s);
	s->mail = NULL;
}

/* Tell the owner the results that are known, up to the first recipient that has none. */
static void
mail_tell(struct smtp *s)
{
	struct smtp_mail	*mail = s->mail;

	for (; s->told < mail->n && mail->rcpts[s->told].result != 0; s->told++) {
		s->ops->rcpt(s->arg, s->told, &mail->rcpts[s->told]);
		HOOK("sender.told");
	}
}

/* Gives a recipient without a result one of this program's own. */
static void
mail_own(struct smtp *s, uint32_t i, enum send_result result, const char *status, const char *text)
{
	struct smtp_rcpt	*rcpt = &s->mail->rcpts[i];

	if (rcpt->result != 0)
		return;
	rcpt->result = result;
	rcpt->code = 0;
	strlcpy(rcpt->status, status, sizeof(rcpt->status));
	rcpt->text = strdup(text);
}

static void
mail_own_all(struct smtp *s, enum send_result result, const char *status, const char *text)
{
	uint32_t	 i;

	for (i = 0; i < s->mail->n; i++)
		mail_own(s, i, result, status, text);
}

/* Gives a recipient the result that the next hop has said. */
static void
mail_reply(struct smtp *s, uint32_t i, const struct smtp_reply *r)
{
	static const enum send_result	 results[] = { [2] = SEND_ACCEPTED, [4] = SEND_TEMP, [5] = SEND_PERM };
	struct smtp_rcpt		*rcpt = &s->mail->rcpts[i];
	char				 text[PROTO_TEXT_SIZE];

	rcpt->result = results[r->code / 100];
	rcpt->code = (uint32_t)r->code;
	smtp_reply_status(r, rcpt->status, sizeof(rcpt->status));
	rcpt->text = strdup(auth_mask_text(&s->mask, text, sizeof(text), r->text, r->len));
}

/* Gives every recipient without a result one; accepted: only those that the next hop has accepted. */
static void
mail_reply_open(struct smtp *s, int accepted, const struct smtp_reply *r)
{
	uint32_t	 i;

	for (i = 0; i < s->mail->n; i++)
		if (s->mail->rcpts[i].result == 0 && (!accepted || s->mail->rcpts[i].accepted))
			mail_reply(s, i, r);
}
