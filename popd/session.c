/* SPDX-License-Identifier: ISC */
/*
 * A session's life.  Its loop takes lines of the client's while there is room for answers, goes on with an answer that is not
 * complete, writes when there is much to write or nothing else to do, and waits.  So answers come in order, and what a client that
 * reads nothing costs is bounded.
 */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/heap.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/template.h"
#include "popd.h"

#define START_WAIT	60000	/* ms for the master's first word */
#define LAST_WORDS	10000	/* ms for client and master to take them */
#define DRAIN_WAIT	2000	/* ms for a client that still sends to hear that it is over */
#define HOLD_WAIT	5	/* ms that answers wait for the mailbox, to be written together with its message */
#define SLACK_WAIT	1000	/* ms after which buffers go back to the system */
#define FLUSH_AT	49152	/* octets that are written, whatever else there is to do */
#define HOLD_MAX	16384	/* octets that wait for the mailbox */
#define BAD_EARLY	5	/* bad commands in a row, ahead of the login */
#define BAD_LATE	20

enum { PFD_CLIENT, PFD_MASTER, PFD_AUTH, PFD_BOX, PFD_PIPE, PFD_MAX };

static void	 session_advance(struct session *);
static int	 session_listens(struct session *);
static int	 session_input(struct session *);
static int	 session_shake(struct session *);
static int	 session_signs(struct session *);
static int	 session_flush(struct session *);
static void	 session_whole(struct session *);
static void	 session_alerted(struct session *);
static int	 session_holds(const struct session *);
static void	 session_wait(struct session *);
static short	 session_events(struct session *);
static void	 session_client(struct session *, short);
static int64_t	 session_deadline(const struct session *);
static void	 session_late(struct session *);
static void	 session_slack(struct session *);
static void	 session_cut(struct session *, enum pop_end) __dead;
static void	 session_exit(struct session *) __dead;
static void	 session_drain(struct session *);
static void	 channel_last(struct channel *);

struct lines	 session_in;

static struct tls	*inherited;	/* the listener's context */
static int		 inherited_first;
static int		 overdue;	/* the mailbox was waited for, and what was held is to go out */

/* In the listener, ahead of the fork. */
void
session_prepare(struct tls *context, int tls_first)
{
	inherited = context;
	inherited_first = tls_first;
}

/* A fork's whole life, as struct template has it. */
void
session_run(pid_t parent, int no_seccomp)
{
	static struct session	 s;

	s.conn.fd = TEMPLATE_FD;
	s.conn.reads = POLLIN;
	s.conn.writes = POLLOUT;
	s.context = inherited;
	s.tls_first = inherited_first;
	s.job.fd = -1;
	s.began = s.moved = clock_msec();
	channel_master(&s);
	sandbox_fork(SANDBOX_POP, no_seccomp);		/* arms the parent-death signal */
	if (getppid() != parent)
		_exit(1);
	if (s.tls_first)
		(void)session_signs(&s);
	for (;;) {
		session_advance(&s);
		session_wait(&s);
	}
}

/* Does all that can be done without waiting. */
static void
session_advance(struct session *s)
{
	int	 progress;

	do {
		progress = 0;
		if (s->state == POP_HANDSHAKE)
			progress = session_shake(s);
		else if (s->job.kind != JOB_NONE)
			progress = job_step(s);
		else if (session_listens(s) && out_room(&session_out) >= OUT_COMMAND)
			progress = session_input(s);
		if (out_waiting(&session_out) >= FLUSH_AT || (!progress && !session_holds(s)))
			progress |= session_flush(s);
	} while (progress);
	if (s->state == POP_ENDING && out_waiting(&session_out) == 0)
		session_exit(s);
}

/* Whether lines of the client's are read in this state.  An alert goes out first, so that the master knows ahead of the next login. */
static int
session_listens(struct session *s)
{
	if (s->alert != 0 || (s->state == POP_XMIT && xmit_full(s)))
		return (0);
	return (s->state == POP_AUTHORIZATION || s->state == POP_EXCHANGE || s->state == POP_REFUSED ||
	    s->state == POP_TRANSACTION || s->state == POP_XMIT);
}

/* Takes a line, or reads more octets.  1: something was done. */
static int
session_input(struct session *s)
{
	uint8_t	*p;
	size_t	 have;
	ssize_t	 n;

	if (s->state == POP_XMIT ? xmit_input(s) : pop3_line(s))
		return (1);
	if (s->eof) {
		session_end(s, POP_END_CLOSED);
		return (1);
	}
	if (!s->readable)
		return (0);
	p = line_space(&session_in, &have);
	if ((n = conn_read(&s->conn, p, have)) == CONN_BROKEN)
		session_cut(s, POP_END_CLOSED);
	if (n == CONN_LATER || (s->conn.tls == NULL && n > 0 && (size_t)n < have))
		s->readable = 0;
	if (n == CONN_LATER)
		return (0);
	if (n == 0) {
		s->eof = 1;
		s->readable = 0;
		return (1);
	}
	log_trace("POP %u: %zd octets read", s->start.session, n);
	s->moved = clock_msec();
	line_added(&session_in, (size_t)n);
	return (1);
}

/* Goes on with the handshake, ahead of the greeting or behind the answer to STLS, which still goes out in clear.  1: it went on. */
static int
session_shake(struct session *s)
{
	struct msg_pop_secure	 secure;
	char			 err[256], vis[256];
	int			 n = -1;

	if (s->conn.tls == NULL) {
		if (!session_signs(s) || out_waiting(&session_out) > 0)
			return (0);
		if (conn_secure(&s->conn, s->context) == -1)
			fatalx("POP %u: TLS cannot begin", s->start.session);
	}
	sign_until(session_deadline(s));
	if ((n = conn_handshake(&s->conn, err, sizeof(err))) == 0)
		return (0);
	sign_close();		/* a connection has one handshake */
	if (n == -1) {
		log_debug("POP %u: TLS failed: %s", s->start.session, log_vis(vis, sizeof(vis), err, strlen(err)));
		session_cut(s, POP_END_TLS);
	}
	s->moved = clock_msec();
	s->readable = 1;
	s->state = POP_AUTHORIZATION;
	conn_secured(&s->conn, &secure);
	channel_send(&s->master, IMSG_POP_SECURE, &secure, sizeof(secure));
	strlcpy(s->told.tls, secure.version, sizeof(s->told.tls));
	log_debug("POP %u: %s with %s", s->start.session, secure.version, secure.cipher);
	if (s->tls_first)
		session_greet(s);
	return (1);
}

/* Has the master get the signer for the handshake.  1: it is there; 0: that is waited for.  Without one the session ends. */
static int
session_signs(struct session *s)
{
	if (s->signs == SIGNS_NOT) {
		s->signs = SIGNS_ASKED;
		channel_send(&s->master, IMSG_POP_SIGN, NULL, 0);
		if (HOOK_ACTING("again"))
			channel_send(&s->master, IMSG_POP_SIGN, NULL, 0);
	}
	if (s->signs == SIGNS_DENIED) {
		log_debug("POP %u: TLS failed: there is no signer now", s->start.session);
		session_cut(s, POP_END_TLS);
	}
	return (s->signs == SIGNS_YES);
}

/* The first line, when the master has said what it is to be and TLS is there if it comes first. */
void
session_greet(struct session *s)
{
	s->state = POP_AUTHORIZATION;
	if (s->start.refusal[0] != '\0') {
		reply_err(&session_out, POP_CODE_NONE, "%s", s->start.refusal);
		session_end(s, POP_END_STOPPED);
		return;
	}
	reply_ok(&session_out, "%s POP3 server ready%s%s", s->start.host, s->start.apop[0] == '\0' ? "" : " ", s->start.apop);
}

/* Writes what waits, as far as the client takes it.  1: something was written. */
static int
session_flush(struct session *s)
{
	uint64_t	 before = session_out.sent;
	ssize_t		 n;

	while (out_waiting(&session_out) > 0) {
		n = conn_write(&s->conn, session_out.buf + session_out.off, out_waiting(&session_out));
		if (n == CONN_BROKEN)
			session_cut(s, POP_END_CLOSED);
		if (n <= 0)
			break;
		out_written(&session_out, (size_t)n);
	}
	if (session_out.sent == before)
		return (0);
	out_settle(&session_out);
	log_trace("POP %u: %llu octets written", s->start.session, (unsigned long long)(session_out.sent - before));
	s->moved = clock_msec();
	session_whole(s);
	session_alerted(s);
	return (1);
}

/* Tells the mailbox which messages have gone out whole. */
static void
session_whole(struct session *s)
{
	uint32_t	 msgno[SEEN_MAX];
	size_t		 i, n = 0;

	for (i = 0; i < s->nseen && s->seen[i].at <= session_out.sent; i++)
		if (listing_seen(&s->listing, s->seen[i].msgno))
			msgno[n++] = s->seen[i].msgno;
	s->told.retrieved += (uint32_t)i;
	memmove(s->seen, s->seen + i, (s->nseen - i) * sizeof(s->seen[0]));
	s->nseen -= i;
	if (n > 0 && (s->opened.rights & POP_RIGHT_SEEN))
		channel_send(&s->box, IMSG_BOX_SEEN, msgno, n * sizeof(msgno[0]));
}

/* Tells the master that the client's connection has taken an alert. */
static void
session_alerted(struct session *s)
{
	if (s->alert == 0 || s->alert > session_out.sent)
		return;
	s->alert = 0;
	HOOK("popd.alert");
	channel_send(&s->master, IMSG_POP_ALERTED, NULL, 0);
}

/* Whether what there is to write waits a moment for the mailbox, because one write is cheaper than two. */
static int
session_holds(const struct session *s)
{
	return (s->job.kind == JOB_FETCH && out_waiting(&session_out) < HOLD_MAX && !overdue);
}

/* Waits for client, channels and clock, and hears what they have. */
static void
session_wait(struct session *s)
{
	struct channel	*channels[PFD_MAX] = { [PFD_MASTER] = &s->master, [PFD_AUTH] = &s->auth, [PFD_BOX] = &s->box,
	    [PFD_PIPE] = &s->pipe };
	struct pollfd	 pfd[PFD_MAX];
	int64_t		 left = session_deadline(s) - clock_msec();
	int		 i, n, holds = session_holds(s) && out_waiting(&session_out) > 0;
	int		 slack = s->job.kind == JOB_NONE && out_waiting(&session_out) == 0 && session_out.high > 0 &&
			    s->secret == NULL;

	if (holds && left > HOLD_WAIT)
		left = HOLD_WAIT;
	else if (slack && left > SLACK_WAIT)
		left = SLACK_WAIT;
	pfd[PFD_CLIENT].events = session_events(s);
	pfd[PFD_CLIENT].fd = (s->state == POP_UPDATE && out_waiting(&session_out) == 0) ||
	    (s->eof && pfd[PFD_CLIENT].events == 0) ? -1 : s->conn.fd;
	for (i = PFD_MASTER; i < PFD_MAX; i++) {
		pfd[i].fd = channels[i]->open ? channels[i]->ibuf.fd : -1;
		pfd[i].events = channels[i]->open && imsgbuf_queuelen(&channels[i]->ibuf) > 0 ? POLLOUT : 0;
		if (i != PFD_PIPE)		/* nothing comes back over that */
			pfd[i].events |= POLLIN;
	}
	n = poll(pfd, PFD_MAX, left < 0 ? 0 : (int)(left < INT32_MAX ? left : INT32_MAX));
	if (n == -1 && errno != EINTR && errno != EAGAIN)
		fatal("poll");
	if (n == -1)
		return;
	if (n == 0 && holds)
		overdue = 1;
	else if (n == 0 && slack)
		session_slack(s);
	/* The auth process says its last word ahead of the master's. */
	for (i = PFD_MAX - 1; i >= PFD_MASTER; i--)
		if (pfd[i].fd != -1 && pfd[i].revents != 0)
			channel_event(s, channels[i], pfd[i].revents);
	xmit_drained(s);
	if (s->job.kind != JOB_FETCH)
		overdue = 0;
	if (pfd[PFD_CLIENT].fd != -1 && pfd[PFD_CLIENT].revents != 0)
		session_client(s, pfd[PFD_CLIENT].revents);
	if (clock_msec() >= session_deadline(s))
		session_late(s);
}

/* What is waited for from the client. */
static short
session_events(struct session *s)
{
	short	 events = 0;

	if (s->state == POP_HANDSHAKE && s->conn.tls != NULL)
		return (s->conn.reads);
	if (session_listens(s) && s->job.kind == JOB_NONE && !s->readable && !s->eof && out_room(&session_out) >= OUT_COMMAND)
		events |= s->conn.reads;
	if (out_waiting(&session_out) > 0 && !session_holds(s))
		events |= s->conn.writes;
	return (events);
}

/* The client's connection is ready for something, or broken. */
static void
session_client(struct session *s, short revents)
{
	if ((revents & (POLLERR | POLLNVAL)) != 0 || ((revents & POLLHUP) != 0 && (revents & (POLLIN | POLLOUT)) == 0))
		session_cut(s, POP_END_CLOSED);
	s->readable = 1;
}

/*
 * When the client, or whoever is waited for, has had time enough: monotonic ms.  How long a login takes that the client has
 * said all for, a large mailbox's opening among it, is the master's to limit, and not the client's time; so is what becomes of a
 * message that it has sent.
 */
static int64_t
session_deadline(const struct session *s)
{
	int64_t	 end, all = s->began + (int64_t)s->start.session_timeout;

	if (s->state == POP_ENDING)
		return (s->until);
	if (s->state == POP_STARTING)
		return (s->began + START_WAIT);
	if (s->state == POP_ASKED || s->state == POP_JUDGED || s->state == POP_XMIT_ASKED || s->state == POP_XMIT_WAIT)
		return (all);
	if (s->state < POP_LISTING)
		end = s->began + s->waited + (int64_t)s->start.login_timeout;
	else
		end = s->moved + (int64_t)s->start.idle_timeout;
	return (end < all ? end : all);
}

/* The client hears nothing of it (RFC 1939 section 3). */
static void
session_late(struct session *s)
{
	log_debug("POP %u: time is up", s->start.session);
	session_cut(s, s->state == POP_ENDING ? s->how : POP_END_TIMEOUT);
}

/* Nothing happens: what buffers have been used goes back to the system, and is wiped by that. */
static void
session_slack(struct session *s)
{
	session_out.high = 0;
	heap_release(session_out.buf, sizeof(session_out.buf));
	if (!line_waiting(&session_in)) {
		session_in.off = session_in.len = 0;
		heap_release(session_in.buf, sizeof(session_in.buf));
	}
	job_release();
	ahead_drop(&s->ahead);
	heap_trim();
}

/* 1: what the client says now is protected. */
int
session_secure(const struct session *s)
{
	return (s->conn.tls != NULL);
}

/* A command that is refused for what it is; too many of them in a row are the end. */
void
session_bad(struct session *s, const char *fmt, ...)
{
	char	 text[REPLY_MAX];
	va_list	 ap;

	s->told.bad++;
	s->bad_row++;
	if (s->bad_row >= (s->state < POP_LISTING ? BAD_EARLY : BAD_LATE)) {
		reply_err(&session_out, POP_CODE_NONE, "too many bad commands");
		log_debug("POP %u: too many bad commands", s->start.session);
		session_end(s, POP_END_ABUSE);
		return;
	}
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_err(&session_out, POP_CODE_NONE, "%s", text);
}

/*
 * The process of the mailbox has gone, and was not told to.  Ahead of the listing's end somebody may try again; an answer that has
 * all it needs is completed; then it is the end.  Nothing is deleted.
 */
void
session_lost(struct session *s)
{
	channel_close(&s->box);
	switch (s->state) {
	case POP_LISTING:
		listing_free(&s->listing);
		login_forget(s);
		s->state = POP_AUTHORIZATION;
		reply_err(&session_out, POP_CODE_SYS_TEMP, "the mailbox cannot be opened now");
		return;
	case POP_TRANSACTION:
		s->lost = 1;
		if (s->job.kind == JOB_FETCH) {
			s->job.kind = JOB_NONE;
			reply_err(&session_out, POP_CODE_SYS_TEMP, "the mailbox is gone");
		}
		if (s->job.kind == JOB_NONE)
			session_end(s, POP_END_FAILED);
		return;
	case POP_XMIT_ASKED:
	case POP_XMIT:
	case POP_XMIT_WAIT:
		s->lost = 1;		/* what the client sends has nothing to do with it */
		return;
	case POP_UPDATE:
		s->job.kind = JOB_NONE;
		reply_err(&session_out, POP_CODE_SYS_TEMP, "the mailbox is gone, messages may not have been removed");
		session_end(s, POP_END_FAILED);
		return;
	default:
		return;
	}
}

/* The session ends when the client has taken what was said to it, in good time. */
void
session_end(struct session *s, enum pop_end how)
{
	if (s->state == POP_ENDING)
		return;
	s->how = how;
	s->state = POP_ENDING;
	s->until = clock_msec() + LAST_WORDS;
	s->job.kind = JOB_NONE;
	sign_close();
	channel_close(&s->auth);
	channel_close(&s->pipe);
	login_forget(s);
}

/* It ends at once, and what was not written is not. */
static void
session_cut(struct session *s, enum pop_end how)
{
	session_out.off = session_out.len = 0;
	session_end(s, how);
	session_exit(s);
}

/* The master is told, what the mailbox was told is written, and the client, if it still sends, gets time to hear the last reply. */
static void
session_exit(struct session *s)
{
	HOOK("popd.end");
	conn_goodbye(&s->conn);
	s->told.how = s->how;
	s->told.octets_in = s->conn.in;
	s->told.octets_out = s->conn.out;
	channel_last(&s->box);
	channel_send(&s->master, IMSG_POP_END, &s->told, sizeof(s->told));
	channel_last(&s->master);
	session_drain(s);
	(void)line_clear(&session_in);
	_exit(0);
}

/* Reads what a client that was too quick still sends, since closing over it would reset the connection under the last reply. */
static void
session_drain(struct session *s)
{
	struct pollfd	 pfd = { .fd = s->conn.fd, .events = POLLIN };
	int64_t		 end = clock_msec() + DRAIN_WAIT, left;
	int		 waits = s->how == POP_END_ABUSE;
	ssize_t		 n;

	while ((left = end - clock_msec()) > 0 && poll(&pfd, 1, waits ? (int)left : 0) > 0) {
		if ((n = read(s->conn.fd, session_in.buf, sizeof(session_in.buf))) <= 0)
			break;
		waits = 1;
	}
}

/* Writes what is queued for a peer, in good time. */
static void
channel_last(struct channel *c)
{
	struct pollfd	 pfd = { .fd = c->ibuf.fd, .events = POLLOUT };
	int64_t		 end = clock_msec() + LAST_WORDS, left;

	while (c->open && imsgbuf_queuelen(&c->ibuf) > 0 && (left = end - clock_msec()) > 0)
		if (poll(&pfd, 1, (int)left) == -1 ? errno != EINTR : imsgbuf_write(&c->ibuf) == -1)
			break;
}
