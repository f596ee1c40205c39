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

#include "../common/compat.h"
#include "../common/hook.h"
#include "pop3.h"

#define WINDOW_OCTETS	(1024 * 1024)	/* hinted, in flight */
#define OUT_MAX		20480	/* a login flight with the longest token, or a window of commands */

static ssize_t	 body_take(struct pop3 *, const uint8_t *, size_t);
static ssize_t	 line_take(struct pop3 *, const uint8_t *, size_t);
static int	 line_done(struct pop3 *, const uint8_t *, size_t);
static void	 reply_done(struct pop3 *);
static void	 pop3_advance(struct pop3 *);
static void	 advance_plan(struct pop3 *);
static void	 advance_retr(struct pop3 *);
static void	 advance_alone(struct pop3 *);
static void	 advance_dele(struct pop3 *);
static uint32_t	 flag_next(struct pop3 *, uint8_t);
static size_t	 window(const struct pop3 *);

/* What a state is called, the stage it is reported as, and what may be sent in it without a new reply. */
static const struct {
	const char		*name;
	enum fetch_stage	 stage;
	void			(*advance)(struct pop3 *);
} states[POP3_STATE_MAX] = {
	[POP3_GREETING] =	{ "greeting",	STAGE_GREETING,	NULL },
	[POP3_CAPA] =		{ "capa",	STAGE_CAPA,	NULL },
	[POP3_STLS] =		{ "stls",	STAGE_TLS,	NULL },
	[POP3_HANDSHAKE] =	{ "handshake",	STAGE_TLS,	NULL },
	[POP3_LOGIN] =		{ "login",	STAGE_LOGIN,	NULL },
	[POP3_LIST] =		{ "list",	STAGE_LIST,	NULL },
	[POP3_PLAN] =		{ "plan",	STAGE_LIST,	advance_plan },
	[POP3_RETR] =		{ "retr",	STAGE_RETR,	advance_retr },
	[POP3_ALONE] =		{ "alone",	STAGE_RETR,	advance_alone },
	[POP3_DELE] =		{ "dele",	STAGE_DELE,	advance_dele },
	[POP3_QUIT] =		{ "quit",	STAGE_QUIT,	NULL },
	[POP3_DONE] =		{ "done",	STAGE_QUIT,	NULL },
	[POP3_FAILED] =		{ "failed",	STAGE_QUIT,	NULL }
};

/* p must be zeroed; it keeps start, copies the secret.  0, or -1: no memory. */
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

/* The caller has a client certificate: a server that offers EXTERNAL is content with that. */
void
pop3_has_key(struct pop3 *p)
{
	p->login.has_key = 1;
}

/*
 * Verified TLS is up.  What was learned before it counts for nothing (RFC 2595 section 4): capabilities are asked for again, and
 * a timestamp that came in clear is not the server's word.
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
	if (pop3_queue(p, CMD_CAPA, 0) == 0)
		pop3_enter(p, POP3_CAPA);
}

/*
 * Octets from the server.  An answer to a command that was not written yet, or to none, is one too many: somebody is injecting
 * or the two sides are out of step, and from here on each answer would be taken for another's.  0, or -1: failed.
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

/* The first n octets of p->out were written. */
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

/* One entry of the master's plan.  -1: not now, out of range, named twice, or no such action. */
int
pop3_plan(struct pop3 *p, uint32_t msgno, uint32_t action)
{
	if (p->state != POP3_PLAN || msgno == 0 || msgno > p->count ||
	    p->flags[msgno] & (FLAG_RETR | FLAG_ALONE | FLAG_DELE))
		return (-1);
	switch (action) {
	case PLAN_RETR:
		p->flags[msgno] |= FLAG_RETR;
		p->retrs++;
		break;
	case PLAN_RETR_ALONE:
		p->flags[msgno] |= FLAG_ALONE;
		p->alones++;
		break;
	case PLAN_DELE:
		p->flags[msgno] |= FLAG_DELE;
		break;
	default:
		return (-1);
	}
	p->planned++;
	return (0);
}

/* The plan is complete: work begins.  -1: entries are missing. */
int
pop3_plan_end(struct pop3 *p, uint32_t entries)
{
	if (p->state != POP3_PLAN || entries != p->planned)
		return (-1);
	p->cursor = 1;
	pop3_enter(p, POP3_RETR);
	pop3_advance(p);
	return (0);
}

/*
 * The master's word on a message.  KEEP may come while it is still being retrieved (the deliverer refused it), DELE only for one
 * that is complete.  -1: not due.
 */
int
pop3_verdict(struct pop3 *p, uint32_t msgno, uint32_t verdict)
{
	if (p->flags == NULL || msgno == 0 || msgno > p->count || !(p->flags[msgno] & FLAG_WAIT))
		return (-1);
	if (verdict == VERDICT_DELE && p->flags[msgno] & FLAG_SENT)
		p->flags[msgno] |= FLAG_DELE;
	else if (verdict != VERDICT_KEEP)
		return (-1);
	p->flags[msgno] &= ~FLAG_WAIT;
	p->waiting--;
	HOOK("fetcher.verdict");
	pop3_advance(p);
	return (0);
}

/* No further RETR; what is in flight comes in, then verdicts, DELE, QUIT. */
void
pop3_stop(struct pop3 *p)
{
	p->stop = 1;
	pop3_advance(p);
}

/* The server is gone.  Before the +OK to QUIT that is a failure, and no message under way counts. */
void
pop3_closed(struct pop3 *p, const char *text)
{
	if (pop3_over(p))
		return;
	if (p->login.why != WHY_NONE)
		(void)pop3_fail(p, p->login.why, "%s", p->login.text);
	else
		(void)pop3_fail(p, WHY_CLOSED, "%s", text);
}

int
pop3_over(const struct pop3 *p)
{
	return (p->state == POP3_DONE || p->state == POP3_FAILED);
}

/* 1: it is the server's turn. */
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

enum fetch_stage
pop3_stage(enum pop3_state state)
{
	return (states[state].stage);
}

void
pop3_enter(struct pop3 *p, enum pop3_state state)
{
	if (!pop3_over(p))
		p->state = state;
}

/* Ends the session; the first failure stands.  Remote text in the arguments is masked and encoded already.  Returns -1. */
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
	p->state = POP3_FAILED;
	login_end(p);
	return (-1);
}

static ssize_t
body_take(struct pop3 *p, const uint8_t *data, size_t len)
{
	ssize_t	 n;

	if ((n = stream_feed(&p->stream, data, len)) == -1)
		return (pop3_fail(p, WHY_PROTO, "message %u is larger than any message may be", p->current));
	if (stream_done(&p->stream)) {
		if (pop3_bodyend(p) == -1)
			return (-1);
		reply_done(p);
	}
	return (n);
}

/* Up to the next line end, at most; a line in one piece is parsed where it lies. */
static ssize_t
line_take(struct pop3 *p, const uint8_t *data, size_t len)
{
	const uint8_t	*nl, *line = data;
	size_t		 n, linelen;

	n = (nl = memchr(data, '\n', len)) == NULL ? len : (size_t)(nl - data) + 1;
	if (n > sizeof(p->line) - p->linelen)
		return (pop3_fail(p, WHY_PROTO, "a line of the server is longer than %d octets", REPLY_LINE_MAX));
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
		return (pop3_fail(p, WHY_PROTO, "a line of the server is longer than %d octets", REPLY_LINE_MAX));
	return (line_done(p, line, linelen) == -1 ? -1 : (ssize_t)n);
}

/* One whole line of the reply that is due. */
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

	if (due->cmd == CMD_RETR)
		p->due_octets -= pop3_hint(p, due->msgno);
	p->due_head = (p->due_head + 1) % DUE_MAX;
	p->ndue--;
	p->part = PART_STATUS;
	p->replies++;
	pop3_advance(p);
}

static void
pop3_advance(struct pop3 *p)
{
	enum pop3_state	 was;

	do {
		was = p->state;
		if (states[was].advance != NULL)
			states[was].advance(p);
	} while (p->state != was);
}

/* Told to stop before there is a plan: nothing to do but leave. */
static void
advance_plan(struct pop3 *p)
{
	if (p->stop)
		pop3_enter(p, POP3_ALONE);
}

/* Keeps the window between half full and full, so that commands leave in few segments. */
static void
advance_retr(struct pop3 *p)
{
	uint32_t	 msgno;

	if (!p->stop && p->retrs > 0) {
		if (p->ndue * 2 > window(p) || (p->ndue > 0 && p->due_octets > WINDOW_OCTETS / 2))
			return;
		while (p->retrs > 0 && p->ndue < window(p)) {
			msgno = flag_next(p, FLAG_RETR);
			if (p->ndue > 0 && p->due_octets + pop3_hint(p, msgno) > WINDOW_OCTETS)
				return;
			if (pop3_queue(p, CMD_RETR, msgno) == -1)
				return;
			p->due_octets += pop3_hint(p, msgno);
			p->retrs--;
			p->cursor++;
		}
	}
	if (p->ndue == 0) {
		p->cursor = 1;
		pop3_enter(p, POP3_ALONE);
	}
}

/* Suspects, each with nothing else in flight from here to the master's verdict; then what is left of the verdicts. */
static void
advance_alone(struct pop3 *p)
{
	uint32_t	 msgno;

	if (p->ndue > 0 || p->waiting > 0)
		return;
	if (!p->stop && p->alones > 0) {
		msgno = flag_next(p, FLAG_ALONE);
		if (pop3_queue(p, CMD_RETR, msgno) == -1)
			return;
		p->due_octets += pop3_hint(p, msgno);
		p->alones--;
		p->cursor++;
		return;
	}
	p->cursor = p->count;
	pop3_enter(p, POP3_DELE);
}

/* Highest number first: a server that renumbers on DELE moves only what is done with. */
static void
advance_dele(struct pop3 *p)
{
	if (p->ndue * 2 > window(p))
		return;
	for (; p->cursor > 0 && p->ndue < window(p); p->cursor--) {
		if (!(p->flags[p->cursor] & FLAG_DELE))
			continue;
		HOOK("fetcher.dele");
		if (pop3_queue(p, CMD_DELE, p->cursor) == -1)
			return;
	}
	if (p->cursor > 0 || (p->ndue > 0 && !(p->caps & CAPA_PIPELINING)))
		return;
	HOOK("fetcher.quit");
	if (pop3_queue(p, CMD_QUIT, 0) == 0)
		pop3_enter(p, POP3_QUIT);
}

/* The message number at or above the cursor that has the flag; the caller knows that there is one. */
static uint32_t
flag_next(struct pop3 *p, uint8_t flag)
{
	while (p->cursor < p->count && !(p->flags[p->cursor] & flag))
		p->cursor++;
	return (p->cursor);
}

static size_t
window(const struct pop3 *p)
{
	return (p->caps & CAPA_PIPELINING ? WINDOW_COUNT : 1);
}
