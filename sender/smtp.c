/* SPDX-License-Identifier: ISC */
/* The engine: replies in, matched with what was asked; commands out.  The caller does the I/O. */
#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hook.h"
#include "common/log.h"
#include "sender.h"

#define OUT_MAX		(256 * 1024)	/* a window of commands, or message octets */
#define COMMAND_MAX	8192

static int	 line_done(struct smtp *);
static int	 reply_done(struct smtp *);
static int	 reply_taken(struct smtp *, const struct smtp_reply *);
static int	 reply_unasked(struct smtp *, const struct smtp_reply *);
static void	 trace(char, const char *);
static void	 trace_reply(const struct smtp *, const struct smtp_reply *);

/* How long a state may last, as parts of the next hop's timeout, whose default is that of RFC 5321 section 4.5.3.2.1. */
static const struct {
	uint32_t	 num, den;	/* 0: for ever */
} patience[SMTP_STATE_MAX] = {
	[SMTP_HANDSHAKE] = { 1, 1 },
	[SMTP_GREETING] = { 1, 1 },
	[SMTP_HELLO] = { 1, 1 },
	[SMTP_STARTTLS] = { 1, 1 },
	[SMTP_LOGIN] = { 1, 1 },
	[SMTP_XCLIENT] = { 1, 1 },
	[SMTP_ENVELOPE] = { 1, 1 },
	[SMTP_DATA] = { 2, 5 },
	[SMTP_BODY] = { 3, 5 },
	[SMTP_DOT] = { 2, 1 },
	[SMTP_RSET] = { 1, 1 },
	[SMTP_QUIT] = { 1, 10 },
};

/* Begin a session.  start must last as long as it does.  With implicit TLS smtp_secured() comes next.  0, or -1: no memory. */
int
smtp_init(struct smtp *s, const struct smtp_ops *ops, void *arg, const struct msg_send_start *start, const void *secret,
    size_t len)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->arg = arg;
	s->start = start;
	buf_init(&s->out, OUT_MAX);
	if (auth_mask_init(&s->mask, secret, len) == -1)
		return (-1);
	login_init(s, secret, len);
	if (s->login.secret == NULL && start->auth)
		return (-1);
	s->state = start->tls == TLS_MODE_TLS ? SMTP_HANDSHAKE : SMTP_GREETING;
	return (s->state == SMTP_GREETING ? smtp_expect(s, CMD_GREETING, 0, 1) : 0);
}

void
smtp_free(struct smtp *s)
{
	login_free(s);
	buf_free(&s->out);
	explicit_bzero(s, sizeof(*s));
}

int
smtp_over(const struct smtp *s)
{
	return (s->state == SMTP_DONE || s->state == SMTP_FAILED);
}

int
smtp_lmtp(const struct smtp *s)
{
	return (s->start->protocol == SEND_LMTP);
}

/* How many ms the next hop has for what it owes in this state; 0: it owes nothing. */
uint32_t
smtp_timeout(const struct smtp *s)
{
	return (patience[s->state].den == 0 ? 0 : s->start->timeout / patience[s->state].den * patience[s->state].num);
}

/* TLS is up.  What was learned without it is forgotten (RFC 3207 section 4.2). */
void
smtp_secured(struct smtp *s)
{
	s->secure = 1;
	s->progress++;
	if (s->start->tls == TLS_MODE_TLS) {
		s->state = SMTP_GREETING;
		(void)smtp_expect(s, CMD_GREETING, 0, 1);
	} else
		(void)login_hello(s);
}

/* The session fails, for this reason and with this text, in which remote text must be encoded.  Always -1. */
int
smtp_fail(struct smtp *s, enum fail_why why, int temp, const char *fmt, ...)
{
	va_list	 ap;

	if (smtp_over(s))
		return (-1);
	va_start(ap, fmt);
	(void)vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	s->why = why;
	s->temp = temp;
	s->state = SMTP_FAILED;
	mail_settle(s);
	return (-1);
}

/* The connection is gone.  After QUIT nothing is lost by that. */
void
smtp_lost(struct smtp *s, enum fail_why why, const char *text)
{
	if (s->state == SMTP_QUIT)
		s->state = SMTP_DONE;
	else
		(void)smtp_fail(s, why, 0, "%s", text);
}

/* Takes octets of the next hop.  0, or -1: the session has failed. */
int
smtp_input(struct smtp *s, const uint8_t *p, size_t len)
{
	const uint8_t	*lf;
	size_t		 n;

	while (len > 0 && s->state != SMTP_DONE) {
		if (s->state == SMTP_FAILED)
			return (-1);
		if (s->state == SMTP_HANDSHAKE)
			return (smtp_fail(s, WHY_PROTO, 0, "the next hop says something between STARTTLS and TLS"));
		lf = memchr(p, '\n', len);
		n = lf != NULL ? (size_t)(lf - p) : len;
		if (n > sizeof(s->line) - s->linelen)
			return (smtp_fail(s, WHY_PROTO, 0, "a reply line is longer than %d octets", REPLY_LINE_MAX));
		memcpy(s->line + s->linelen, p, n);
		s->linelen += n;
		p += n;
		len -= n;
		if (lf == NULL)
			break;
		p++;
		len--;
		if (s->linelen > 0 && s->line[s->linelen - 1] == '\r')
			s->linelen--;
		if (s->linelen > REPLY_LINE_MAX)
			return (smtp_fail(s, WHY_PROTO, 0, "a reply line is longer than %d octets", REPLY_LINE_MAX));
		if (line_done(s) == -1)
			return (-1);
	}
	return (s->state == SMTP_FAILED ? -1 : 0);
}

static int
line_done(struct smtp *s)
{
	const uint8_t	*text;
	size_t		 len, linelen = s->linelen;
	char		 shown[PROTO_TEXT_SIZE];
	int		 n;

	s->linelen = 0;
	if ((n = smtp_reply_line(&s->reply, s->line, linelen, &text, &len)) == -1)
		return (smtp_fail(s, WHY_PROTO, 0, s->reply.lines > REPLY_LINES_MAX ? "a reply does not end: %.150s" :
		    "this is no reply: %.150s", auth_mask_text(&s->mask, shown, sizeof(shown), s->line, linelen)));
	if (s->reply.lines > 1 && s->ndue > 0 && s->due[s->first].cmd == CMD_EHLO)
		smtp_offer_line(&s->offer, text, len);
	return (n == 1 ? reply_done(s) : 0);
}

static int
reply_done(struct smtp *s)
{
	struct smtp_reply	 r = s->reply;

	memset(&s->reply, 0, sizeof(s->reply));
	trace_reply(s, &r);
	s->progress++;
	if (s->ndue == 0 || s->due[s->first].end > s->written)
		return (reply_unasked(s, &r));
	return (reply_taken(s, &r));
}

/* A reply to no command, as those not yet sent have none.  A next hop that is shutting down may say so (421) at any time. */
static int
reply_unasked(struct smtp *s, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	smtp_text(s, text, sizeof(text), r);
	if (r->code == 421)
		return (mail_bye(s, CMD_MAX, r));
	return (smtp_fail(s, WHY_PROTO, 0, "the next hop speaks out of turn: %.150s", text));
}

static int
reply_taken(struct smtp *s, const struct smtp_reply *r)
{
	struct smtp_due	 due = s->due[s->first];
	smtp_handler	 handler = login_handlers[due.cmd] != NULL ? login_handlers[due.cmd] : mail_handlers[due.cmd];

	if (--s->due[s->first].left == 0) {
		s->first = (s->first + 1) % SMTP_WINDOW;
		s->ndue--;
	}
	if (due.cmd == CMD_QUIT) {
		s->state = SMTP_DONE;
		return (0);
	}
	if (r->code == 421)
		return (mail_bye(s, due.cmd, r));
	return (handler(s, due.rcpt, r));
}

/* Puts a reply into text for people: "550 5.1.1 text", encoded, and without the credential. */
char *
smtp_text(const struct smtp *s, char *dst, size_t size, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	auth_mask_text(&s->mask, text, sizeof(text), r->text, r->len);
	(void)snprintf(dst, size, "%d%s%s%s%s", r->code, r->status[0] != '\0' ? " " : "", r->status, text[0] != '\0' ? " " : "",
	    text);
	return (dst);
}

/* What was queued last has a reply, or left of them, to wait for.  0, or -1: the session has failed. */
int
smtp_expect(struct smtp *s, enum smtp_cmd cmd, uint32_t rcpt, uint32_t left)
{
	struct smtp_due	*due = &s->due[(s->first + s->ndue) % SMTP_WINDOW];

	if (s->ndue == SMTP_WINDOW)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "too many commands in flight"));
	s->ndue++;
	due->cmd = cmd;
	due->rcpt = rcpt;
	due->left = left;
	due->end = s->queued;
	return (0);
}

/* Queue a command without secrets, which has one reply.  0, or -1: the session has failed. */
int
smtp_queue(struct smtp *s, enum smtp_cmd cmd, uint32_t rcpt, const char *fmt, ...)
{
	char	 line[COMMAND_MAX];
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line) - 2)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "a command is too long"));
	trace('>', line);
	memcpy(line + n, "\r\n", 3);
	if (buf_add(&s->out, line, (size_t)n + 2) == -1)
		return (smtp_fail(s, WHY_LOCAL_TEMP, 0, "out of memory"));
	s->queued += (size_t)n + 2;
	return (smtp_expect(s, cmd, rcpt, 1));
}

/* The kernel or TLS has taken the first n octets of out. */
void
smtp_sent(struct smtp *s, size_t n)
{
	int	 dot = s->dot_end != 0 && s->written < s->dot_end;

	buf_consume(&s->out, n);
	s->written += n;
	s->progress++;
	if (dot && s->written >= s->dot_end)
		HOOK("sender.dot_sent");
	if (s->secret_out && buf_len(&s->out) == 0) {
		buf_free(&s->out);	/* wipes */
		s->secret_out = 0;
	}
}

/* The session is between two messages: the next one is begun, or QUIT, or nothing.  0 or -1. */
int
smtp_ready(struct smtp *s)
{
	s->state = SMTP_READY;
	if (s->mail != NULL)
		return (mail_begin(s));
	if (!s->quitting)
		return (0);
	s->state = SMTP_QUIT;
	return (smtp_queue(s, CMD_QUIT, 0, "QUIT"));
}

/* Give the session a message, which is sent now or when the login is over; the owner gives one at a time. */
void
smtp_give(struct smtp *s, struct smtp_mail *mail)
{
	s->mail = mail;
	s->begun = 0;
	s->told = 0;
	s->dot_end = 0;
	if (s->state == SMTP_READY)
		(void)smtp_ready(s);
	else if (smtp_over(s))
		mail_settle(s);
}

/* End the session behind the message in hand. */
void
smtp_quit(struct smtp *s)
{
	s->quitting = 1;
	if (s->state == SMTP_READY)
		(void)smtp_ready(s);
}

static void
trace(char direction, const char *line)
{
	char	 text[PROTO_TEXT_SIZE];

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	log_vis(text, sizeof(text), line, strlen(line));
	log_debug("%c %s", direction, text);
}

/*
 * A reply for the log.  The challenges of a login are left out, as they may have something that the password can be guessed from.
 */
static void
trace_reply(const struct smtp *s, const struct smtp_reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (s->state == SMTP_LOGIN && r->code / 100 == 3)
		snprintf(text, sizeof(text), "%d ****", r->code);
	else
		smtp_text(s, text, sizeof(text), r);
	log_debug("< %s", text);
}
