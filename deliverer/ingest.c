/* SPDX-License-Identifier: ISC */
/*
 * Message pipes.  Each fetcher session writes its messages into a pipe of its own, and they become files in the spool.  A session
 * that lies (a message type out of place, a count that is wrong) ends, and no other: what it has finished before stays good.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/ipc/imsg.h"
#include "common/ipc/link.h"
#include "common/log.h"
#include "common/ipc/rules.h"
#include "deliverer.h"

#define INGEST_BUFFER		65536			/* octets per write(2) */
#define INGEST_WRITEBACK	(4 * 1048576)		/* write-back of a large message starts every so many octets */
#define INGEST_MESSAGE_MAX	((uint64_t)1 << 31)	/* octets of one message; a longer one is refused */

enum { PIPE_IDLE, PIPE_MESSAGE, PIPE_DRAIN };	/* DRAIN: the message is refused, its rest is thrown away */
#define IDLE	(1u << PIPE_IDLE)
#define INSIDE	(1u << PIPE_MESSAGE | 1u << PIPE_DRAIN)

struct session {
	TAILQ_ENTRY(session)	 entry;
	struct link		 link;
	struct msg_session_open	 open;
	uint32_t		 unreported;	/* finished messages whose receipt was not sent */
	int			 ended, broken;
	/* the message being received */
	uint32_t		 msgno;
	uint32_t		 size, headers;	/* octets as listed; 1: only the header comes */
	uint64_t		 octets;
	struct message		*message;	/* NULL while draining, and in a session that only tries */
	struct header		 header;
	int			 decided;	/* 1: recipients are known, and the prologue is written */
	int			 identify;	/* 1: its identity is wanted */
	int			 stripping;	/* 1: the file is of unified accounts only: */
	struct strip		 strip;
	int			 cr;		/* 1: a CR of the body is held back, as an LF may follow */
	uint32_t		 why;		/* of the refusal */
	char			 text[PROTO_TEXT_SIZE];
	size_t			 used;
	uint8_t			 buffer[INGEST_BUFFER];
};
TAILQ_HEAD(session_list, session);

static int	 ingest_begin(void *, struct imsg *);
static int	 ingest_data(void *, struct imsg *);
static int	 ingest_end(void *, struct imsg *);
static int	 ingest_abort(void *, struct imsg *);
static void	 ingest_down(void *, const char *);
static void	 ingest_close(struct session *);
static uint64_t	 ingest_most(const struct session *);
static int	 ingest_looks(const struct session *);
static size_t	 ingest_header(struct session *, const uint8_t *, size_t);
static void	 ingest_body(struct session *, const uint8_t *, size_t);
static void	 ingest_decide(struct session *);
static void	 ingest_tops(struct session *, struct recipients *);
static int	 ingest_top(struct session *, struct recipients *, const struct rcpt *, struct buf *);
static void	 ingest_kept(struct session *);
static void	 ingest_finish(struct session *);
static void	 ingest_text(struct session *, struct buf *);
static void	 ingest_put(struct session *, const void *, size_t);
static void	 ingest_flush(struct session *);
static void	 ingest_write(struct session *, const uint8_t *, size_t);
static int	 ingest_out(struct session *, int, const uint8_t *, size_t);
static void	 ingest_forget(struct session *);
static void	 ingest_disk(struct session *, const char *);
static void	 ingest_refuse(struct session *, uint32_t, const char *, ...) __attribute__((__format__(printf, 3, 4)));

static const struct rule	 ingest_rules[] = {
	{ IMSG_MSG_BEGIN,	IDLE,	ingest_begin },
	{ IMSG_MSG_DATA,	INSIDE,	ingest_data },
	{ IMSG_MSG_END,		INSIDE,	ingest_end },
	{ IMSG_MSG_ABORT,	INSIDE,	ingest_abort },
};

static struct session_list	 sessions = TAILQ_HEAD_INITIALIZER(sessions);
static int			 ingest_paused;

/* Test builds: die as a parser bug would, on a message that asks for it. */
#ifdef RPOPD_HOOKS
#define INGEST_POISON(b) do {											\
	if (memmem(buf_data(b), buf_len(b), "X-Poison-Test: abort", 20) != NULL)				\
		abort();											\
} while (0)
#else
#define INGEST_POISON(b)
#endif

/* --- sessions --- */

struct session *
ingest_open(const struct msg_session_open *msg, int fd)
{
	struct session	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL) {
		close(fd);
		return (NULL);
	}
	s->open = *msg;
	if (link_open(&s->link, fd, ingest_rules, nitems(ingest_rules), s, ingest_down) == -1) {
		free(s);
		return (NULL);
	}
	s->link.state = PIPE_IDLE;
	TAILQ_INSERT_TAIL(&sessions, s, entry);
	if (ingest_paused)
		link_pause(&s->link, 1);
	return (s);
}

struct session *
ingest_find(uint32_t id)
{
	struct session	*s;

	TAILQ_FOREACH(s, &sessions, entry)
		if (s->open.session == id)
			return (s);
	return (NULL);
}

void
ingest_pause(int paused)
{
	struct session	*s;

	if (ingest_paused == paused)
		return;
	ingest_paused = paused;
	TAILQ_FOREACH(s, &sessions, entry)
		link_pause(&s->link, paused);
}

void
ingest_receipt(struct session *s, struct message *m)
{
	m->session = NULL;
	if (s == NULL)
		return;
	s->unreported--;
	if (s->ended && s->unreported == 0)
		ingest_close(s);
}

void
ingest_exit(void)
{
	struct session	*s;

	while ((s = TAILQ_FIRST(&sessions)) != NULL) {
		ingest_forget(s);
		link_close(&s->link);
		TAILQ_REMOVE(&sessions, s, entry);
		free(s);
	}
}

/* The pipe is at its end, or broken: a message that was not finished counts as never begun. */
static void
ingest_down(void *arg, const char *why)
{
	struct session	*s = arg;

	if (why != NULL)
		log_warnx("session %" PRIu32 ": message pipe: %s", s->open.session, why);
	ingest_forget(s);
	s->ended = 1;
	s->broken = why != NULL;
	if (s->unreported == 0)
		ingest_close(s);
}

static void
ingest_close(struct session *s)
{
	struct msg_session_closed	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = s->open.session;
	msg.broken = s->broken;
	master_send(IMSG_SESSION_CLOSED, &msg, sizeof(msg));
	TAILQ_REMOVE(&sessions, s, entry);
	free(s);
}

/* --- handlers of the rule table.  0, or -1: the session lies --- */

static int
ingest_begin(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_begin	 msg;

	if (rules_payload(imsg, &msg) == -1 || msg.msgno == 0 || msg.msgno > PROTO_MSGS_MAX || msg.headers > 1)
		return (-1);
	s->msgno = msg.msgno;
	s->size = msg.size;
	s->headers = msg.headers;
	s->octets = 0;
	s->used = 0;
	s->decided = s->identify = s->cr = s->stripping = 0;
	s->link.state = PIPE_MESSAGE;
	header_init(&s->header, s->open.mode, s->open.special);
	if (!s->open.try && (s->message = message_new(s, s->open.session, s->msgno)) == NULL)
		ingest_disk(s, "create");
	HOOK("deliverer.begin");
	return (0);
}

static int
ingest_data(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	const uint8_t	*p = imsg->data;
	size_t		 n, len = imsg_get_len(imsg);

	s->octets += len;
	if (s->octets > ingest_most(s) && s->message != NULL)
		ingest_refuse(s, WHY_PROTO, "message longer than %" PRIu64 " octets", ingest_most(s));
	if (ingest_looks(s)) {
		n = ingest_header(s, p, len);
		p += n;
		len -= n;
	}
	if (s->message != NULL && len > 0) {
		if (s->identify)
			identity_body(&s->header.identity, p, len);
		ingest_body(s, p, len);
	}
	return (0);
}

static int
ingest_end(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct spool_id		 id = { .session = s->open.session, .msgno = s->msgno };
	struct msg_end		 msg;

	if (rules_payload(imsg, &msg) == -1 || msg.msgno != s->msgno || msg.octets != s->octets)
		return (-1);
	if (s->message != NULL) {
		memcpy(s->message->digest, msg.digest, sizeof(s->message->digest));
		memcpy(s->message->fingerprint, msg.fingerprint, sizeof(s->message->fingerprint));
	}
	ingest_finish(s);
	if (s->link.state == PIPE_DRAIN)
		master_refuse(&id, s->why, s->text);
	s->link.state = PIPE_IDLE;
	return (0);
}

static int
ingest_abort(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	uint32_t	 msgno;

	if (rules_payload(imsg, &msgno) == -1 || msgno != s->msgno)
		return (-1);
	ingest_forget(s);
	return (0);
}

/* Octets that a message of this session may have. */
static uint64_t
ingest_most(const struct session *s)
{
	return (s->open.octets > 0 && s->open.octets < INGEST_MESSAGE_MAX ? s->open.octets : INGEST_MESSAGE_MAX);
}

/* --- from octets to a file --- */

/* Whether octets of the header are still looked at; in a trial only up to the decision. */
static int
ingest_looks(const struct session *s)
{
	return (s->link.state == PIPE_MESSAGE && !s->header.done && !(s->open.try && s->decided));
}

/* Takes the header's octets of p.  Nothing is written until recipients are decided, as the prologue comes first. */
static size_t
ingest_header(struct session *s, const uint8_t *p, size_t len)
{
	ssize_t	 n;

	if ((n = header_feed(&s->header, p, len)) == -1) {
		ingest_refuse(s, WHY_LOCAL_TEMP, "header: %s", strerror(ENOMEM));
		return (len);
	}
	if (!s->decided && (s->header.done || s->header.toobig))
		ingest_decide(s);
	if (s->decided)
		ingest_kept(s);
	return (n);
}

/*
 * Writes octets of the body, with CRLF as LF; every other octet stays, also a CR alone.  Frames may part CR from LF.  An LF counts
 * as bare unless CR CR LF was sent, of which CR LF is written.
 */
static void
ingest_body(struct session *s, const uint8_t *p, size_t len)
{
	const uint8_t	*lf, *from = p, *end = p + len;

	if (s->cr && *p != '\n')
		ingest_put(s, "\r", 1);
	for (; s->message != NULL && (lf = memchr(p, '\n', end - p)) != NULL; p = lf + 1) {
		if (lf > from && lf[-1] == '\r') {
			ingest_put(s, from, lf - 1 - from);
			from = lf;
		}
		if (s->message != NULL && (lf > from || s->message->last != '\r'))
			s->message->bare++;
	}
	s->cr = end > from && end[-1] == '\r';
	ingest_put(s, from, end - from - s->cr);
}

/* Decides who gets the message, and where; then writes the lines on top. */
static void
ingest_decide(struct session *s)
{
	struct recipients	 r;
	char			 err[PROTO_TEXT_SIZE], folder[PROTO_MAILBOX_SIZE + 1];

	INGEST_POISON(&s->header.kept);
	s->decided = 1;
	memset(&r, 0, sizeof(r));
	if (s->open.mode == DIST_OWNER && maildir_folder(s->open.mailbox, folder, sizeof(folder)) == -1)
		ingest_refuse(s, WHY_CONFIG, "mailbox name cannot be a folder");
	else if (recipients_decide(&s->open, &s->header, &r) == -1)
		ingest_refuse(s, WHY_LOCAL_TEMP, "recipients: no account, or no memory");
	else if (r.refusal[0] != '\0')
		ingest_refuse(s, WHY_CONFIG, "%s", r.refusal);
	else if (s->open.try)
		tried_tell(&s->open, s->msgno, &s->header, &r);
	else if (message_decided(s->message, &r, s->open.mode != DIST_OWNER, err, sizeof(err)) == -1)
		ingest_refuse(s, WHY_LOCAL_TEMP, "%s", err);
	else {
		s->identify = s->open.suppress && s->open.mode != DIST_OWNER && !r.loop;
		ingest_tops(s, &r);
	}
	recipients_free(&r);
	HOOK("deliverer.header");
}

/* Writes the lines on top of the message's file, and keeps those of further ones for its end. */
static void
ingest_tops(struct session *s, struct recipients *r)
{
	struct message	*m = s->message;
	struct buf	 top;
	uint32_t	 i;
	int		 error;

	buf_init(&top, SIZE_MAX);
	error = ingest_top(s, r, &m->rcpts[0], &top);
	for (i = 0; i < m->nfurther && error == 0; i++)
		error = ingest_top(s, r, &m->rcpts[m->further[i].rcpt], &m->further[i].top);
	if (error == -1)
		ingest_refuse(s, WHY_LOCAL_TEMP, "header: %s", strerror(ENOMEM));
	else {
		m->top = buf_len(&top);
		ingest_text(s, &top);
		if ((s->stripping = m->rcpts[0].names != NULL))
			strip_init(&s->strip, m->field);
	}
	buf_free(&top);
}

/* Appends the lines on top for a recipient.  0, or -1: no memory. */
static int
ingest_top(struct session *s, struct recipients *r, const struct rcpt *rcpt, struct buf *top)
{
	return (prologue_write(&s->open, s->msgno, r, rcpt->missed, rcpt->names, top) == -1 ||
	    (s->headers && prologue_header_only(s->size, top) == -1) ? -1 : 0);
}

/* Writes the header lines that the parser lets through, as they come, and notes where they end. */
static void
ingest_kept(struct session *s)
{
	struct buf	 kept, *header = &s->header.kept;

	buf_init(&kept, SIZE_MAX);
	if (s->message != NULL && s->stripping) {
		if (strip_feed(&s->strip, buf_data(header), buf_len(header), &kept) == -1 ||
		    (s->header.done && strip_finish(&s->strip, &kept) == -1))
			ingest_refuse(s, WHY_LOCAL_TEMP, "header: %s", strerror(ENOMEM));
		ingest_text(s, &kept);
	} else
		ingest_text(s, header);
	if (s->message != NULL && s->header.done)
		s->message->head = s->message->written + s->used;
	buf_free(&kept);
	buf_consume(header, buf_len(header));
}

/*
 * The message is complete: everything is written, its files have their final names, all links are made, and it goes to the batch;
 * unless it was refused before.
 */
static void
ingest_finish(struct session *s)
{
	struct message	*m;
	const char	*step = "rename";

	if (ingest_looks(s)) {
		if (header_finish(&s->header) == -1)
			ingest_refuse(s, WHY_LOCAL_TEMP, "header: %s", strerror(ENOMEM));
		else if (!s->decided)
			ingest_decide(s);
		ingest_kept(s);
	}
	if (s->cr)
		ingest_put(s, "\r", 1);
	ingest_flush(s);
	if (s->message != NULL && (message_final(s->message) == -1 || message_links(s->message, &step) == -1))
		ingest_disk(s, step);
	m = s->message;
	s->message = NULL;
	if (m != NULL && m->msgid[0] == '\0')
		identity_msgid(&s->header.identity, m->msgid, sizeof(m->msgid));
	if (m != NULL && s->identify)
		proof_identity(&s->open, &s->header, s->headers, m->identity);
	header_free(&s->header);
	buf_free(&s->strip.held);
	if (m == NULL)
		return;
	HOOK("deliverer.written");
	m->octets = s->octets;
	s->unreported++;
	batch_add(m);
}

/* Writes lines of a header, as they are. */
static void
ingest_text(struct session *s, struct buf *lines)
{
	if (s->message == NULL)
		return;
	s->message->bare += spool_bare(buf_data(lines), buf_len(lines), s->message->last);
	ingest_put(s, buf_data(lines), buf_len(lines));
}

/* Buffers octets for the file; those of a message that was refused are dropped. */
static void
ingest_put(struct session *s, const void *p, size_t len)
{
	if (s->message == NULL || len == 0)
		return;
	s->message->last = ((const uint8_t *)p)[len - 1];
	if (len > INGEST_BUFFER - s->used)
		ingest_flush(s);
	if (len > INGEST_BUFFER)
		ingest_write(s, p, len);
	else {
		memcpy(s->buffer + s->used, p, len);
		s->used += len;
	}
}

static void
ingest_flush(struct session *s)
{
	if (s->message != NULL && s->used > 0)
		ingest_write(s, s->buffer, s->used);
	s->used = 0;
}

static void
ingest_write(struct session *s, const uint8_t *p, size_t len)
{
	struct message	*m = s->message;

	if (m == NULL || ingest_out(s, m->fd, p, len) == -1)
		return;
	m->written += len;
	if (m->written - m->started >= INGEST_WRITEBACK)
		message_writeback(m);
}

/* Writes what is buffered.  0, or -1: the message is refused. */
static int
ingest_out(struct session *s, int fd, const uint8_t *p, size_t len)
{
	ssize_t	 n;

	while (len > 0) {
		if ((n = write(fd, p, len)) == -1) {
			if (errno == EINTR)
				continue;
			ingest_disk(s, "write");
			return (-1);
		}
		p += n;
		len -= n;
	}
	return (0);
}

/* Drops the message and removes its file. */
static void
ingest_forget(struct session *s)
{
	if (s->link.state == PIPE_IDLE)
		return;
	if (s->message != NULL)
		message_drop(s->message);
	s->message = NULL;
	header_free(&s->header);
	buf_free(&s->strip.held);
	s->link.state = PIPE_IDLE;
}

/* Refuses the message because the spool cannot be written to, as errno says. */
static void
ingest_disk(struct session *s, const char *step)
{
	char	 text[PROTO_TEXT_SIZE];

	spool_explain(SPOOL_DIR, step, errno, text, sizeof(text));
	ingest_refuse(s, WHY_LOCAL_TEMP, "%s", text);
}

/* Refuses the message; the master gets the reason when the end of the message has come. */
static void
ingest_refuse(struct session *s, uint32_t why, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	s->why = why;
	if (s->message != NULL)
		message_drop(s->message);
	s->message = NULL;
	s->used = 0;
	s->link.state = PIPE_DRAIN;
}
