/* SPDX-License-Identifier: ISC */
/* One command after the other: how it is written, what its reply means, what comes next. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/hook.h"
#include "pop3.h"

typedef int	 status_fn(struct pop3 *, uint32_t, const struct reply *);

static status_fn	 stat_status, list_status, uidl_status, retr_status, dele_status, quit_status;
static int	 list_line(struct pop3 *, const uint8_t *, size_t);
static int	 list_end(struct pop3 *);
static int	 uidl_line(struct pop3 *, const uint8_t *, size_t);
static int	 uidl_end(struct pop3 *);
static int	 command_add(struct pop3 *, enum pop3_cmd, uint32_t);

#define GATED	0x01	/* never ahead of TLS, if the record has TLS */
#define OWN	0x02	/* login_write() makes the line */

static const struct {
	const char	*verb;
	int		 how;
	status_fn	*status;
	int		(*line)(struct pop3 *, const uint8_t *, size_t);
	int		(*end)(struct pop3 *);
	int		(*more)(struct pop3 *, const uint8_t *, size_t);	/* "+" and a challenge */
} cmds[CMD_MAX] = {
	[CMD_GREETING] =	{ "",		0, login_greeting, NULL, NULL, NULL },
	[CMD_CAPA] =		{ "CAPA",	0, login_capa,	login_capa_line, login_capa_end, NULL },
	[CMD_STLS] =		{ "STLS",	0, login_stls,	NULL, NULL, NULL },
	[CMD_LISTAUTH] =	{ "AUTH",	GATED, login_list, login_list_line, login_list_end, NULL },
	[CMD_UTF8] =		{ "UTF8",	GATED, login_utf8, NULL, NULL, NULL },
	[CMD_USER] =		{ "USER",	GATED | OWN, login_user, NULL, NULL, NULL },
	[CMD_PASS] =		{ "PASS",	GATED | OWN, login_status, NULL, NULL, NULL },
	[CMD_APOP] =		{ "APOP",	GATED | OWN, login_status, NULL, NULL, NULL },
	[CMD_AUTH] =		{ "AUTH",	GATED | OWN, login_status, NULL, NULL, login_auth_more },
	[CMD_RESPONSE] =	{ "",		GATED | OWN, login_status, NULL, NULL, login_more },
	[CMD_CANCEL] =		{ "*",		GATED, login_cancelled, NULL, NULL, login_cancelled_more },
	[CMD_RECAPA] =		{ "CAPA",	0, login_recapa, login_recapa_line, login_recapa_end, NULL },
	[CMD_STAT] =		{ "STAT",	0, stat_status,	NULL, NULL, NULL },
	[CMD_LIST] =		{ "LIST",	0, list_status,	list_line, list_end, NULL },
	[CMD_UIDL] =		{ "UIDL",	0, uidl_status,	uidl_line, uidl_end, NULL },
	[CMD_RETR] =		{ "RETR",	0, retr_status,	NULL, NULL, NULL },
	[CMD_DELE] =		{ "DELE",	0, dele_status,	NULL, NULL, NULL },
	[CMD_QUIT] =		{ "QUIT",	0, quit_status,	NULL, NULL, NULL }
};

/* Write a command and note that its reply is due.  This is the one place where login octets come into being.  0 or -1: failed. */
int
pop3_queue(struct pop3 *p, enum pop3_cmd cmd, uint32_t msgno)
{
	struct pop3_due	*due;
	size_t		 before = buf_len(&p->out);

	if (p->ndue == DUE_MAX)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "too many commands in flight"));
	if (cmds[cmd].how & GATED && !p->secure && (p->start->tls != TLS_MODE_NONE || p->start->token))
		return (pop3_fail(p, WHY_TLS, "no login without TLS"));
	if (command_add(p, cmd, msgno) == -1)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "out of memory"));
	p->queued += buf_len(&p->out) - before;
	due = &p->due[(p->due_head + p->ndue++) % DUE_MAX];
	due->cmd = cmd;
	due->msgno = msgno;
	due->end = p->queued;
	pop3_trace_sent(cmds[cmd].verb, msgno);
	return (0);
}

/* The status line of the oldest reply.  Sets p->part if more belongs to it.  0 or -1: failed. */
int
pop3_status(struct pop3 *p, const struct pop3_due *due, const uint8_t *line, size_t len)
{
	const uint8_t	*more;
	struct reply	 r;
	char		 text[PROTO_TEXT_SIZE];
	size_t		 morelen;

	if (cmds[due->cmd].more != NULL && pop3_reply_more(line, len, &more, &morelen))
		return (cmds[due->cmd].more(p, more, morelen));
	if (pop3_reply_status(line, len, &r) == -1)
		return (pop3_fail(p, WHY_PROTO, "answer is neither +OK nor -ERR: %s",
		    auth_mask_text(&p->mask, text, sizeof(text), line, len)));
	if (p->login.astray && p->login.follows && p->state == POP3_LOGIN && cmds[due->cmd].more == NULL)
		return (login_astray(p, &r));
	return (cmds[due->cmd].status(p, due->msgno, &r));
}

int
pop3_lineof(struct pop3 *p, enum pop3_cmd cmd, const uint8_t *line, size_t len)
{
	return (cmds[cmd].line(p, line, len));
}

int
pop3_endof(struct pop3 *p, enum pop3_cmd cmd)
{
	return (cmds[cmd].end(p));
}

/* A message is complete: CRLF.CRLF was seen. */
int
pop3_bodyend(struct pop3 *p)
{
	uint8_t		 digest[PROTO_DIGEST_LEN];
	uint32_t	 msgno = p->current;

	if (stream_finish(&p->stream, digest) == -1)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "SHA-256 failed"));
	p->current = 0;
	p->retrieved++;
	p->fetched += p->stream.octets;
	p->flags[msgno] |= FLAG_SENT;
	p->ops->end(p->arg, msgno, p->stream.octets, digest);
	return (0);
}

/* Octets a message is expected to have, for the window only: the server's word, or the mean by STAT. */
uint32_t
pop3_hint(const struct pop3 *p, uint32_t msgno)
{
	uint64_t	 hint;

	hint = p->sizes != NULL && p->sizes[msgno] > 0 ? p->sizes[msgno] : p->octets / (p->count > 0 ? p->count : 1);
	return (hint > UINT32_MAX ? UINT32_MAX : hint == 0 ? 1 : (uint32_t)hint);
}

/* Logged in: what is there?  A pipelining server is asked everything at once. */
int
pop3_survey(struct pop3 *p)
{
	if (pop3_queue(p, CMD_STAT, 0) == -1)
		return (-1);
	if (!pop3_pipelines(p))
		return (0);
	if (p->start->want_sizes && pop3_queue(p, CMD_LIST, 0) == -1)
		return (-1);
	return (pop3_queue(p, CMD_UIDL, 0));
}

static int
stat_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	uint64_t	 count;
	char		 text[PROTO_TEXT_SIZE];

	if (!r->ok || pop3_reply_stat(r->text, r->len, &count, &p->octets) == -1)
		return (pop3_fail(p, pop3_reply_why(r, WHY_PROTO), "no mailbox size from STAT: %s",
		    pop3_text(p, text, sizeof(text), r)));
	if (count > PROTO_MSGS_MAX)
		return (pop3_fail(p, WHY_PROTO, "more than %u messages in the mailbox", PROTO_MSGS_MAX));
	p->count = (uint32_t)count;
	if ((p->flags = calloc(count + 1, sizeof(*p->flags))) == NULL ||
	    (p->start->want_sizes && (p->sizes = calloc(count + 1, sizeof(*p->sizes))) == NULL))
		return (pop3_fail(p, WHY_LOCAL_TEMP, "no memory for %u messages", p->count));
	if (pop3_pipelines(p))
		return (0);
	return (pop3_queue(p, p->sizes != NULL && p->count > 0 ? CMD_LIST : CMD_UIDL, 0));
}

static int
list_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	if (!r->ok)
		return (list_end(p));
	p->part = PART_LINES;
	return (0);
}

/* Sizes are hints: a bad line is let go. */
static int
list_line(struct pop3 *p, const uint8_t *line, size_t len)
{
	uint64_t	 msgno, size;

	if (pop3_reply_list(line, len, &msgno, &size) == 0 && msgno >= 1 && msgno <= p->count)
		p->sizes[msgno] = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	return (0);
}

static int
list_end(struct pop3 *p)
{
	return (pop3_pipelines(p) ? 0 : pop3_queue(p, CMD_UIDL, 0));
}

/* What to do without unique-ids is the master's business. */
static int
uidl_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	p->ops->stat(p->arg, p->count, p->octets, r->ok);
	if (r->ok) {
		p->part = PART_LINES;
		return (0);
	}
	HOOK("fetcher.listed");
	p->ops->listed(p->arg, 0, LISTING_PARTIAL);
	pop3_enter(p, POP3_PLAN);
	return (0);
}

/*
 * A bad line spoils that line (must 12).  A number named twice has no unique-id: the master drops it on hearing it twice, so a
 * malformed repetition is reported with a stand-in, and a good one behind a malformed one not at all.
 */
static int
uidl_line(struct pop3 *p, const uint8_t *line, size_t len)
{
	const uint8_t	*uid;
	uint64_t	 msgno;
	size_t		 uidlen;
	uint8_t		*flags;
	int		 r;

	r = pop3_reply_uidl(line, len, &msgno, &uid, &uidlen);
	if (r == -1)
		return (0);
	if (msgno == 0 || msgno > p->count) {
		p->confused |= msgno == 0 ? CONFUSED_FOR_SURE : CONFUSED_IF_GAPS;
		return (0);
	}
	flags = &p->flags[msgno];
	if (*flags & FLAG_LISTED)
		p->confused |= CONFUSED_FOR_SURE;
	else
		p->named++;
	if (*flags & FLAG_TOLD)
		p->ops->uid(p->arg, (uint32_t)msgno, r == 0 ? uid : (const uint8_t *)"!", r == 0 ? uidlen : 1);
	else if (r == 0 && !(*flags & FLAG_LISTED)) {
		p->ops->uid(p->arg, (uint32_t)msgno, uid, uidlen);
		*flags |= FLAG_TOLD;
		p->good++;
	}
	*flags |= FLAG_LISTED;
	return (0);
}

/*
 * Complete is only what names each message once and well: anything else must not make a unique-id "gone" (must 20).  A number
 * beyond STAT may be a message that has just arrived; with a gap elsewhere it is a list that is off by one.
 */
static int
uidl_end(struct pop3 *p)
{
	enum listing	 state = LISTING_PARTIAL;

	if ((p->confused & CONFUSED_FOR_SURE) || ((p->confused & CONFUSED_IF_GAPS) && p->named < p->count))
		state = LISTING_CONFUSED;
	else if (p->lines == p->count && p->good == p->count)
		state = LISTING_COMPLETE;
	HOOK("fetcher.listed");
	p->ops->listed(p->arg, (uint32_t)p->lines, state);
	pop3_enter(p, POP3_PLAN);
	return (0);
}

/* Vanished or refused (S62): the session goes on without it. */
static int
retr_status(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!r->ok) {
		p->ops->skipped(p->arg, msgno, pop3_text(p, text, sizeof(text), r));
		return (0);
	}
	if (stream_begin(&p->stream) == -1)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "SHA-256 failed"));
	p->current = msgno;
	p->flags[msgno] |= FLAG_WAIT;
	p->waiting++;
	p->part = PART_BODY;
	p->ops->begin(p->arg, msgno, p->sizes != NULL ? p->sizes[msgno] : 0);
	return (0);
}

static int
dele_status(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!r->ok) {
		p->ops->denied(p->arg, msgno, pop3_text(p, text, sizeof(text), r));
		return (0);
	}
	p->deleted++;
	p->ops->deleted(p->arg, msgno);
	return (0);
}

static int
quit_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	p->quit_ok = r->ok;
	if (r->ok)
		HOOK("fetcher.quit_ok");
	pop3_enter(p, POP3_DONE);
	return (0);
}

static int
command_add(struct pop3 *p, enum pop3_cmd cmd, uint32_t msgno)
{
	char	 line[32];
	int	 n;

	if (cmds[cmd].how & OWN)
		return (login_write(p, cmd));
	n = msgno == 0 ? snprintf(line, sizeof(line), "%s\r\n", cmds[cmd].verb) :
	    snprintf(line, sizeof(line), "%s %u\r\n", cmds[cmd].verb, msgno);
	return (buf_add(&p->out, line, (size_t)n));
}

char *
pop3_text(struct pop3 *p, char *dst, size_t size, const struct reply *r)
{
	return (auth_mask_text(&p->mask, dst, size, r->text, r->len));
}

int
pop3_pipelines(const struct pop3 *p)
{
	return (p->caps & CAPA_PIPELINING ? 1 : 0);
}
