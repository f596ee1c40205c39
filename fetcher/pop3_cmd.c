/* SPDX-License-Identifier: ISC */
/* One command after the other: how it is written, what its reply means, what comes next. */
#include <sys/types.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "pop3.h"

static pop3_status_fn	 message_status, rset_status, dele_status, quit_status;
static uint64_t	 message_max(const struct pop3 *, uint32_t);
static const char	*server_hint(const uint8_t *, size_t);
static int	 command_add(struct pop3 *, enum pop3_cmd, uint32_t);

#define GATED	0x01	/* not sent ahead of TLS, if the record has TLS */
#define OWN	0x02	/* login_write() makes the line */

static const struct {
	const char	*verb;
	int		 how;
	pop3_status_fn	*status;
	int		(*line)(struct pop3 *, const uint8_t *, size_t);
	int		(*end)(struct pop3 *);
	int		(*more)(struct pop3 *, const uint8_t *, size_t);	/* takes the challenge behind a "+" */
} cmds[CMD_MAX] = {
	[CMD_GREETING] =	{ "",		0, login_greeting, NULL, NULL, NULL },
	[CMD_CAPA] =		{ "CAPA",	0, login_capa,	login_capa_line, login_capa_end, NULL },
	[CMD_STLS] =		{ "STLS",	0, login_stls,	NULL, NULL, NULL },
	[CMD_LISTAUTH] =	{ "AUTH",	GATED, login_list, login_list_line, login_list_end, NULL },
	[CMD_UTF8] =		{ "UTF8",	GATED, login_utf8, NULL, NULL, NULL },
	[CMD_USER] =		{ "USER",	GATED | OWN, login_user, NULL, NULL, NULL },
	[CMD_PASS] =		{ "PASS",	GATED | OWN, login_status, NULL, NULL, NULL },
	[CMD_APOP] =		{ "APOP",	GATED | OWN, login_status, NULL, NULL, NULL },
	[CMD_AUTH] =		{ "AUTH",	GATED | OWN, login_status, NULL, NULL, login_more },
	[CMD_RESPONSE] =	{ "",		GATED | OWN, login_status, NULL, NULL, login_more },
	[CMD_CANCEL] =		{ "*",		GATED, login_cancelled, NULL, NULL, login_cancelled_more },
	[CMD_RECAPA] =		{ "CAPA",	0, login_recapa, login_recapa_line, login_recapa_end, NULL },
	[CMD_STAT] =		{ "STAT",	0, list_stat,	NULL, NULL, NULL },
	[CMD_LIST] =		{ "LIST",	0, list_list,	list_size, list_sizes_end, NULL },
	[CMD_UIDL] =		{ "UIDL",	0, list_uidl,	list_uid, list_uids_end, NULL },
	[CMD_PROBE] =		{ "UIDL",	0, list_probe,	NULL, NULL, NULL },
	[CMD_RETR] =		{ "RETR",	0, message_status, NULL, NULL, NULL },
	[CMD_TOP] =		{ "TOP",	0, message_status, NULL, NULL, NULL },
	[CMD_CHECK] =		{ "LIST",	0, check_list,	NULL, NULL, NULL },
	[CMD_COUNT] =		{ "STAT",	0, check_count,	NULL, NULL, NULL },
	[CMD_RSET] =		{ "RSET",	0, rset_status,	NULL, NULL, NULL },
	[CMD_DELE] =		{ "DELE",	0, dele_status,	NULL, NULL, NULL },
	[CMD_QUIT] =		{ "QUIT",	0, quit_status,	NULL, NULL, NULL }
};

/* Queue a command and note that its reply is due.  This is the one place where login octets come into being.  0 or -1. */
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

/* Takes the status line of the oldest reply, and sets p->part if more belongs to that.  0, or -1: the session has failed. */
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
		return (pop3_fail(p, WHY_PROTO, "answer is neither +OK nor -ERR: %.150s%s", len == 0 ? "an empty line" :
		    auth_mask_text(&p->mask, text, sizeof(text), line, len), server_hint(line, len)));
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

/* A message, or the header of one, is complete: its CRLF "." CRLF has come. */
int
pop3_bodyend(struct pop3 *p)
{
	uint8_t		 digest[PROTO_DIGEST_LEN], fingerprint[PROTO_DIGEST_LEN];
	uint32_t	 msgno = p->current;

	if (stream_finish(&p->stream, digest, fingerprint) == -1)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "SHA-256 failed"));
	p->current = 0;
	p->doubt = 0;
	if (p->stream.mode == STREAM_FINGERPRINT) {
		p->ops->fingerprint(p->arg, msgno, fingerprint);
		return (0);
	}
	p->retrieved++;
	p->fetched += p->stream.octets;
	p->flags[msgno] |= FLAG_SENT;
	p->ops->end(p->arg, msgno, p->stream.octets, digest, fingerprint);
	return (0);
}

/*
 * The most octets that a message may have.  A header is not measured, even with what a server sends behind it, nor is a message
 * that is wanted in any size.  One that fits by the listing may have twice as many: servers count a line end as one octet, or
 * estimate.
 */
static uint64_t
message_max(const struct pop3 *p, uint32_t msgno)
{
	uint64_t	 max = p->start->max_size;

	if (max == 0 || p->flags[msgno] & (FLAG_FINGERPRINT | FLAG_HEADERS | FLAG_ANY_SIZE))
		return (MESSAGE_MAX);
	if (p->sizes != NULL && p->sizes[msgno] > 0 && p->sizes[msgno] <= max)
		max *= 2;
	return (max < MESSAGE_MAX ? max : MESSAGE_MAX);
}

/* A RETR or TOP was refused, or the message has vanished: the session goes on without it. */
static int
message_status(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	char		 text[PROTO_TEXT_SIZE];
	uint16_t	 flags = p->flags[msgno];

	if (!r->ok) {
		pop3_text(p, text, sizeof(text), r);
		if (!(flags & FLAG_FINGERPRINT)) {
			p->ops->skipped(p->arg, msgno, pop3_reply_why(r, WHY_NONE), text);
			return (0);
		}
		strlcpy(p->refusal, text, sizeof(p->refusal));
		p->flags[msgno] |= FLAG_REFUSED;
		return (0);
	}
	if (stream_begin(&p->stream,
	    flags & FLAG_FINGERPRINT ? STREAM_FINGERPRINT : flags & FLAG_HEADERS ? STREAM_HEADER : STREAM_WHOLE) == -1)
		return (pop3_fail(p, WHY_LOCAL_TEMP, "SHA-256 failed"));
	p->stream.max = message_max(p, msgno);
	check_came(p, r);
	p->current = msgno;
	p->part = PART_BODY;
	if (flags & FLAG_FINGERPRINT)
		return (0);
	p->flags[msgno] |= FLAG_WAIT;
	p->waiting++;
	p->ops->begin(p->arg, msgno, p->sizes != NULL ? p->sizes[msgno] : 0, flags & FLAG_HEADERS ? 1 : 0);
	return (0);
}

/* The reply to RSET.  After a refusal the server's own marks stay, and its next listing shows what it has deleted. */
static int
rset_status(struct pop3 *p, uint32_t msgno __unused, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!r->ok)
		log_warnx("RSET refused: %s", pop3_text(p, text, sizeof(text), r));
	return (0);
}

static int
dele_status(struct pop3 *p, uint32_t msgno, const struct reply *r)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!r->ok) {
		p->ops->denied(p->arg, msgno, pop3_reply_why(r, WHY_NONE), pop3_text(p, text, sizeof(text), r));
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
	else
		pop3_text(p, p->quit_text, sizeof(p->quit_text), r);
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
	    snprintf(line, sizeof(line), "%s %u%s\r\n", cmds[cmd].verb, msgno, cmd == CMD_TOP ? " 0" : "");
	return (buf_add(&p->out, line, (size_t)n));
}

char *
pop3_text(struct pop3 *p, char *dst, size_t size, const struct reply *r)
{
	size_t	 len = r->len;

	while (len > 0 && (r->text[len - 1] == ' ' || r->text[len - 1] == '\t'))
		len--;
	if (len == 0)
		strlcpy(dst, "no reason given", size);
	else
		auth_mask_text(&p->mask, dst, size, r->text, len);
	return (dst);
}

/* The name of a protocol that is not POP3, if the greeting is of one that is known; or NULL. */
static const char *
server_hint(const uint8_t *line, size_t len)
{
	static const struct {
		const char	*begin, *part, *text;
	} others[] = {
		{ "* ",		"",	" (this is an IMAP server; POP3 is port 995 or 110)" },
		{ "220",	"SMTP",	" (this is an SMTP server; POP3 is port 995 or 110)" },
		{ "220",	"LMTP",	" (this is an LMTP server; POP3 is port 995 or 110)" },
		{ "220",	"",	" (this may be an SMTP or FTP server; POP3 is port 995 or 110)" },
		{ "HTTP/",	"",	" (this is an HTTP server; POP3 is port 995 or 110)" },
		{ "SSH-",	"",	" (this is an SSH server; POP3 is port 995 or 110)" },
		{ "\x15\x03",	"",	" (this port wants TLS: set tls to tls)" }
	};
	size_t	 i, n;

	for (i = 0; i < nitems(others); i++) {
		n = strlen(others[i].begin);
		if (len >= n && memcmp(line, others[i].begin, n) == 0 &&
		    memmem(line, len, others[i].part, strlen(others[i].part)) != NULL)
			return (others[i].text);
	}
	return ("");
}

int
pop3_pipelines(const struct pop3 *p)
{
	return (p->caps & CAPA_PIPELINING ? 1 : 0);
}

/*
 * Writes a command to the log, at LOG_LEVEL_LOW: its verb and the message number (0: none), and asterisks behind a verb that is not
 * known to have no secret behind it, or in place of a line without a verb, which is a response of AUTH.
 */
void
pop3_trace_sent(const char *verb, uint32_t msgno)
{
	static const char *const	 clean[] = { "CAPA", "STLS", "UTF8", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE",
	    "QUIT", "NOOP", "*" };
	char				 number[16] = "";
	size_t				 i;

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (msgno != 0)
		snprintf(number, sizeof(number), " %u", msgno);
	for (i = 0; i < nitems(clean) && strcmp(verb, clean[i]) != 0; i++)
		;
	log_debug("> %s%s%s", verb, number, i < nitems(clean) ? "" : *verb != '\0' ? " ****" : "****");
}

/*
 * Writes a status line to the log, at LOG_LEVEL_LOW, without the challenge of a login, which may have something that the password
 * can be guessed from.
 */
void
pop3_trace_got(const struct pop3 *p, const uint8_t *line, size_t len)
{
	char	 text[PROTO_TEXT_SIZE];

	if (log_getlevel() < LOG_LEVEL_LOW)
		return;
	if (len > 0 && line[0] == '+' && (len < 3 || memcmp(line, "+OK", 3) != 0))
		strlcpy(text, "+ ****", sizeof(text));
	else
		auth_mask_text(&p->mask, text, sizeof(text), line, len);
	log_debug("< %s", text);
}
