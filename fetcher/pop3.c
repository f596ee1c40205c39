/* SPDX-License-Identifier: ISC */
/*
 * The protocol engine: states, replies due, windows.  No I/O: the caller hands in what the server sent, takes commands out of
 * p->out and says with pop3_sent() how much of them is on its way.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "pop3.h"

#define OUT_MAX		20480	/* a login flight with the longest token, or a window of commands */

static ssize_t	 body_take(struct pop3 *, const uint8_t *, size_t);
static ssize_t	 line_take(struct pop3 *, const uint8_t *, size_t);
static int	 line_cut(struct pop3 *, const uint8_t *);
static int	 line_done(struct pop3 *, const uint8_t *, size_t);
static void	 reply_done(struct pop3 *);

/* The name of each state, and the stage that a failure in it is of. */
static const struct {
	const char		*name;
	enum fetch_stage	 stage;
} states[POP3_STATE_MAX] = {
	[POP3_GREETING] =	{ "greeting",	STAGE_GREETING },
	[POP3_CAPA] =		{ "capa",	STAGE_CAPA },
	[POP3_STLS] =		{ "stls",	STAGE_TLS },
	[POP3_HANDSHAKE] =	{ "handshake",	STAGE_TLS },
	[POP3_LOGIN] =		{ "login",	STAGE_LOGIN },
	[POP3_LIST] =		{ "list",	STAGE_LIST },
	[POP3_PLAN] =		{ "plan",	STAGE_LIST },
	[POP3_FINGERPRINT] =		{ "fingerprint", STAGE_LIST },
	[POP3_RETR] =		{ "retr",	STAGE_RETR },
	[POP3_ALONE] =		{ "alone",	STAGE_RETR },
	[POP3_DELE] =		{ "dele",	STAGE_DELE },
	[POP3_QUIT] =		{ "quit",	STAGE_QUIT },
	[POP3_DONE] =		{ "done",	STAGE_QUIT },
	[POP3_FAILED] =		{ "failed",	STAGE_QUIT }
};

/* Begins a session, in a struct of zeroes.  start must last as long as it does; the secret is copied.  0, or -1: no memory. */
int
pop3_init(struct pop3 *p, const struct pop3_ops *ops, void *arg, const struct msg_fetch_start *start, const void *secret,
    size_t len)
{
	if (len > sizeof(p->secret))
		return (-1);
	p->ops = ops;
	p->arg = arg;
	p->start = start;
	p->state = POP3_GREETING;
	p->part = PART_STATUS;
	buf_init(&p->out, OUT_MAX);
	memcpy(p->secret, secret, len);
	p->secretlen = len;
	p->due[0].cmd = CMD_GREETING;
	p->ndue = 1;
	login_init(p);
	if (auth_mask_init(&p->mask, secret, len) == -1)
		return (-1);
	return (stream_init(&p->stream, ops->data, arg));
}

void
pop3_free(struct pop3 *p)
{
	login_end(p);
	stream_free(&p->stream);
	buf_free(&p->out);
	free(p->flags);
	free(p->sizes);
}

/* The connection has a client certificate, which will do for a server that offers EXTERNAL. */
void
pop3_has_key(struct pop3 *p)
{
	p->login.has_key = 1;
}

/*
 * Verified TLS is up.  What was learned in clear counts for nothing (RFC 2595 section 4): capabilities are asked for again, and the
 * timestamp of a greeting in clear is not used.
 */
void
pop3_secured(struct pop3 *p)
{
	p->secure = 1;
	if (p->state != POP3_HANDSHAKE)
		return;
	p->caps = 0;
	offer_init(&p->offer);
	p->challenge[0] = '\0';
	(void)login_ask(p);
}

/*
 * Takes octets from the server.  An answer to a command that was not written yet, or to none, is one too many: somebody injects
 * octets, or the two sides are out of step, and each later answer would be taken for another one.  0, or -1: the session has
 * failed.
 */
int
pop3_input(struct pop3 *p, const uint8_t *data, size_t len)
{
	ssize_t	 n;

	while (len > 0 && !pop3_over(p)) {
		if (p->state == POP3_HANDSHAKE)
			return (pop3_fail(p, WHY_PROTO, "the server sent data in clear behind its answer to STLS"));
		if (p->ndue == 0 || p->written < p->due[p->due_head].end)
			return (pop3_fail(p, WHY_PROTO, "the server sent an answer to a command that was not given (state %s)",
			    states[p->state].name));
		n = p->part == PART_BODY ? body_take(p, data, len) : line_take(p, data, len);
		if (n == -1)
			return (-1);
		data += n;
		len -= (size_t)n;
	}
	return (p->state == POP3_FAILED ? -1 : 0);
}

/* The first n octets of p->out were written: they are consumed. */
void
pop3_sent(struct pop3 *p, size_t n)
{
	buf_consume(&p->out, n);
	p->written += n;
	if (p->secret_out && buf_len(&p->out) == 0) {
		buf_free(&p->out);	/* wipes */
		buf_init(&p->out, OUT_MAX);
		p->secret_out = 0;
	}
}

/* The connection is over.  Ahead of the +OK to QUIT that is a failure, and no message that is coming in counts. */
void
pop3_closed(struct pop3 *p, const char *text)
{
	if (pop3_over(p))
		return;
	if (p->login.sasl.exchange.why != WHY_NONE)
		(void)pop3_fail(p, p->login.sasl.exchange.why, "%s", p->login.sasl.exchange.text);
	else
		(void)pop3_fail(p, WHY_CLOSED, "%s", text);
}

int
pop3_over(const struct pop3 *p)
{
	return (p->state == POP3_DONE || p->state == POP3_FAILED);
}

/* Whether the server has to say something. */
int
pop3_expects(const struct pop3 *p)
{
	return (p->ndue > 0);
}

int
pop3_midreply(const struct pop3 *p)
{
	return (p->linelen > 0 || p->part != PART_STATUS);
}

/* Whether CAPA was answered in the line that ought to announce a list, and no list has begun. */
int
pop3_listless(const struct pop3 *p)
{
	return (p->state == POP3_CAPA && p->part == PART_LINES && p->lines == 0 && p->login.one_line);
}

enum fetch_stage
pop3_stage(enum pop3_state state)
{
	return (states[state].stage);
}

/* The number of the message that comes in, or comes in next; 0 = none. */
uint32_t
pop3_blame(const struct pop3 *p)
{
	const struct pop3_due	*due = &p->due[p->due_head];

	if (p->current != 0 || p->ndue == 0)
		return (p->current);
	return (due->cmd == CMD_RETR || due->cmd == CMD_TOP ? due->msgno : 0);
}

/* Whether the session has failed in a way that makes it doubtful that each message is the one that was asked for. */
int
pop3_confused(const struct pop3 *p)
{
	return (p->unproven && (p->mixed || p->doubt));
}

/* The first and the last of the messages that came in and are not proven to be those that were asked for; 0: there is none. */
void
pop3_unproven(const struct pop3 *p, uint32_t *first, uint32_t *last)
{
	*first = p->unproven ? p->base : 0;
	*last = p->unproven ? p->asked : 0;
}

void
pop3_enter(struct pop3 *p, enum pop3_state state)
{
	if (!pop3_over(p))
		p->state = state;
}

/* The session fails; its first failure stands.  Remote text in the arguments is masked and encoded already.  Always -1. */
int
pop3_fail(struct pop3 *p, enum fail_why why, const char *fmt, ...)
{
	va_list	 ap;

	if (pop3_over(p))
		return (-1);
	va_start(ap, fmt);
	(void)vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	p->why = why;
	p->stage = states[p->state].stage;
	/* What makes no sense between two messages may well be a piece of one. */
	if (why == WHY_PROTO && p->current == 0 &&
	    (p->state == POP3_FINGERPRINT || p->state == POP3_RETR || p->state == POP3_ALONE))
		p->mixed = 1;
	p->state = POP3_FAILED;
	login_end(p);
	return (-1);
}

static ssize_t
body_take(struct pop3 *p, const uint8_t *data, size_t len)
{
	ssize_t	 n;

	if ((n = stream_feed(&p->stream, data, len)) == -1) {
		if (p->stream.max < MESSAGE_MAX)
			return (pop3_fail(p, WHY_PROTO, "message %u is larger than max_size (%u octets), whatever the server's listing "
			    "says: raise max_size, or delete the message there", p->current, p->start->max_size));
		return (pop3_fail(p, WHY_PROTO, "message %u is larger than any message may be", p->current));
	}
	if (stream_done(&p->stream)) {
		if (pop3_bodyend(p) == -1)
			return (-1);
		reply_done(p);
	}
	return (n);
}

/*
 * Takes octets up to the next line end, at most; a line in one piece is parsed where it lies.  Of a line that is too long the begin
 * counts as if it were all, so that one line blocks nothing else.  Returns the number of octets taken, or -1.
 */
static ssize_t
line_take(struct pop3 *p, const uint8_t *data, size_t len)
{
	const uint8_t	*nl, *line = data;
	size_t		 n, linelen;

	n = (nl = memchr(data, '\n', len)) == NULL ? len : (size_t)(nl - data) + 1;
	if (!p->cut && n > sizeof(p->line) - p->linelen && line_cut(p, data) == -1)
		return (-1);
	if (p->cut) {
		if ((p->passed += n) > REPLY_PASS_MAX)
			return (pop3_fail(p, WHY_PROTO, "a line of the server does not end"));
		if (nl == NULL)
			return ((ssize_t)n);
		p->cut = 0;
		linelen = p->linelen;
		p->linelen = 0;
		return (line_done(p, p->line, linelen) == -1 ? -1 : (ssize_t)n);
	}
	linelen = n;
	if (nl == NULL || p->linelen > 0) {
		memcpy(p->line + p->linelen, data, n);
		p->linelen += n;
		if (nl == NULL)
			return ((ssize_t)n);
		line = p->line;
		linelen = p->linelen;
		p->linelen = 0;
	}
	linelen--;
	if (linelen > 0 && line[linelen - 1] == '\r')
		linelen--;
	if (linelen > REPLY_LINE_MAX)
		linelen = REPLY_LINE_MAX;
	return (line_done(p, line, linelen) == -1 ? -1 : (ssize_t)n);
}

/*
 * The line that comes in is too long: its begin, as much as fits, is kept.  That must be enough to tell +OK from -ERR, and a
 * challenge of a login is worth nothing if it is not whole.  0, or -1: the session has failed.
 */
static int
line_cut(struct pop3 *p, const uint8_t *data)
{
	struct reply	 r;

	if (p->linelen < REPLY_LINE_MAX)
		memcpy(p->line + p->linelen, data, REPLY_LINE_MAX - p->linelen);
	p->linelen = REPLY_LINE_MAX;
	p->cut = 1;
	p->passed = 0;
	if (p->part == PART_STATUS && pop3_reply_status(p->line, p->linelen, &r) == -1)
		return (pop3_fail(p, WHY_PROTO, "a line of the server is longer than %d octets", REPLY_LINE_MAX));
	return (0);
}

/* Takes a whole line of the reply that is due.  0, or -1: the session has failed. */
static int
line_done(struct pop3 *p, const uint8_t *line, size_t len)
{
	struct pop3_due	 due = p->due[p->due_head];

	if (p->part == PART_STATUS) {
		pop3_trace_got(p, line, len);
		if (pop3_status(p, &due, line, len) == -1)
			return (-1);
		if (p->part == PART_STATUS)
			reply_done(p);
		p->lines = 0;
		return (0);
	}
	if (len == 1 && line[0] == '.') {
		p->part = PART_STATUS;
		if (pop3_endof(p, due.cmd) == -1)
			return (-1);
		reply_done(p);
		return (0);
	}
	if (p->lines++ >= 2 * (uint64_t)p->count + LIST_SLACK)
		return (pop3_fail(p, WHY_PROTO, "the server's list does not end"));
	if (len > 0 && line[0] == '.') {
		line++;
		len--;
	}
	return (pop3_lineof(p, due.cmd, line, len));
}

/* The oldest reply is complete. */
static void
reply_done(struct pop3 *p)
{
	struct pop3_due	*due = &p->due[p->due_head];

	p->due_octets -= pop3_hint(p, due);
	p->due_head = (p->due_head + 1) % DUE_MAX;
	p->ndue--;
	p->part = PART_STATUS;
	p->replies++;
	pop3_advance(p);
}
