/* SPDX-License-Identifier: ISC */
/*
 * One POP3 session, in a process of its own: a poll(2) loop over the channel to the master, the server and the message pipe.  Every
 * wait has an idle clock, a least rate and a deadline.  The process exits at the end, so nothing is freed.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"
#include "fetcher.h"

#define READ_SIZE	32768		/* at least a TLS record */
#define READ_ROUNDS	8		/* reads until the queues are served again */
#define RATE_WINDOW	60000		/* ms in which the rate is measured */
#define RATE_OCTETS	6000		/* octets that a reply must bring in such a window */
#define PROGRESS_TIME	2000		/* ms between two messages to the master that the session gets on */
#define PROGRESS_OCTETS	8192		/* octets that have to come ahead of such a message, if no reply is complete */
#define MASTER_WAIT	60000		/* ms for the master to send what a session needs */
#define GREETING_WAIT	30000		/* ms for a greeting in clear: a server that waits for TLS says nothing */
#define LISTLESS	10000		/* ms for a list of capabilities to begin, where its first line names some */
#define LINGER		10000		/* ms to write the queues at the end */
#define WATCHDOG	30		/* s after the deadline when the kernel ends the session */

enum { PFD_MASTER, PFD_PIPE, PFD_SERVER, PFD_MAX };

static void	 session_step(struct session *);
static void	 session_server(struct session *);
static void	 session_shake(struct session *);
static void	 session_receive(struct session *);
static void	 session_progress(struct session *, size_t);
static void	 session_tell(struct session *, int64_t);
static void	 session_transmit(struct session *);
static void	 session_lost(struct session *);
static short	 session_events(const struct session *);
static int	 session_throttled(const struct session *);
static int	 session_clock(struct session *);
static int	 session_silent(const struct session *);
static int64_t	 session_rate(struct session *, int64_t);
static void	 session_over(struct session *) __dead;
static void	 session_linger(struct session *);

/* A fork's whole life, which ends with that of its parent, the template. */
void
session_run(pid_t parent, int no_seccomp)
{
	static struct session	 ses;
	struct session		*s = &ses;

	s->socket = s->pipe.fd = -1;
	if (outq_init(&s->master, PROC_FD) == -1)
		_exit(1);
	imsgbuf_allow_fdpass(&s->master.ibuf);
	proc_log_to(&s->master.ibuf);
	sandbox_fork(SANDBOX_SESSION, no_seccomp);	/* arms the parent-death signal */
	if (getppid() != parent)
		_exit(1);
	s->deadline = clock_msec() + MASTER_WAIT;
	while (s->why == WHY_NONE && s->state != SESSION_OVER)
		session_step(s);
	session_over(s);
}

/* The secret is the last thing that was missing: begin.  Returns 0; what cannot work is a failure of the session. */
int
session_begin(struct session *s, const void *secret, size_t len)
{
	const char	*user = s->start.user;

	s->heard = s->rate_start = s->told = clock_msec();
	s->deadline = s->heard + s->start.total_timeout;
	alarm(s->start.total_timeout / 1000 + WATCHDOG);
	if (user[0] == '\0' || !login_clean(user, strlen(user)))
		return (session_fail(s, STAGE_LOGIN, WHY_CONFIG, "the user name is empty or has a line end in it"));
	if (!login_clean(secret, len))
		return (session_fail(s, STAGE_LOGIN, WHY_CONFIG, "the password has a line end or a NUL in it"));
	if (pop3_init(&s->pop3, &events_ops, s, &s->start, secret, len) == -1)
		return (session_fail(s, STAGE_CONNECT, WHY_LOCAL_TEMP, "out of memory"));
	if (s->pem[PEM_KEY].len > 0)
		pop3_has_key(&s->pop3);
	conn_init(&s->conn, s->socket);
	s->running = 1;
	if (s->start.tls == TLS_MODE_TLS && conn_upgrade(&s->conn, &s->start, s->pem) == -1)
		return (session_fail(s, STAGE_TLS, s->conn.why, "%s", s->conn.text));
	return (0);
}

/* The session fails; its first failure stands.  Returns 0, for handlers of messages: the master has done nothing wrong. */
int
session_fail(struct session *s, enum fetch_stage stage, enum fail_why why, const char *fmt, ...)
{
	va_list	 ap;

	if (s->why != WHY_NONE)
		return (0);
	va_start(ap, fmt);
	(void)vsnprintf(s->text, sizeof(s->text), fmt, ap);
	va_end(ap);
	s->stage = stage;
	s->why = why;
	return (0);
}

/* Wait, then serve what is ready: the server ahead of the queues, so that what it has brought goes out in one write. */
static void
session_step(struct session *s)
{
	struct pollfd	 pfd[PFD_MAX];
	char		 err[PROTO_TEXT_SIZE];
	int		 n, timeout;

	if ((timeout = session_clock(s)) == -1)
		return;
	memset(pfd, 0, sizeof(pfd));
	pfd[PFD_MASTER].fd = s->master.fd;
	pfd[PFD_MASTER].events = POLLIN | (outq_empty(&s->master) ? 0 : POLLOUT);
	pfd[PFD_PIPE].fd = s->pipe.fd;
	pfd[PFD_PIPE].events = outq_empty(&s->pipe) ? 0 : POLLOUT;
	pfd[PFD_SERVER].events = session_events(s);
	pfd[PFD_SERVER].fd = pfd[PFD_SERVER].events == 0 ? -1 : s->conn.fd;
	if (poll(pfd, PFD_MAX, timeout) == -1)
		return;		/* a signal came in between */
	if (pfd[PFD_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) {
		if ((n = session_read(s, err, sizeof(err))) == 0)
			_exit(0);
		if (n == -1) {
			log_warnx("master: %s", err);
			_exit(1);
		}
	}
	session_server(s);
	outq_write(&s->pipe);
	outq_write(&s->master);
	if (s->master.broken)
		_exit(0);
	if (s->pipe.fd != -1 && (s->pipe.broken || pfd[PFD_PIPE].revents & (POLLHUP | POLLERR)))
		s->pipe.broken = 1;
	if (s->pipe.broken && s->why == WHY_NONE && s->state != SESSION_OVER)
		(void)session_fail(s, STAGE_DELIVER, WHY_LOCAL_TEMP, "the deliverer went away");
}

/* Go on with the server as far as that goes without waiting: the handshake, reading, writing. */
static void
session_server(struct session *s)
{
	if (!s->running || s->why != WHY_NONE)
		return;
	if (!s->conn.shaken)
		session_shake(s);
	if (!s->conn.shaken || s->why != WHY_NONE)
		return;
	if (!session_throttled(s))
		session_receive(s);
	if (s->pop3.state == POP3_HANDSHAKE) {
		if (conn_upgrade(&s->conn, &s->start, s->pem) == -1)
			(void)session_fail(s, STAGE_TLS, s->conn.why, "%s", s->conn.text);
		else
			session_server(s);	/* only once, as a connection is not upgraded twice */
		return;
	}
	if (s->why == WHY_NONE)
		session_transmit(s);
	if (s->pop3.state == POP3_FAILED)
		(void)session_fail(s, s->pop3.stage, s->pop3.why, "%s", s->pop3.text);
	else if (s->pop3.state == POP3_DONE)
		s->state = SESSION_OVER;
}

static void
session_shake(struct session *s)
{
	switch (conn_handshake(&s->conn)) {
	case 0:
		pop3_secured(&s->pop3);
		s->heard = clock_msec();
		break;
	case -1:
		(void)session_fail(s, STAGE_TLS, s->conn.why, "%s", s->conn.text);
		break;
	}
}

/*
 * Reads all that is there before anything is written: an answer that has come ahead of its command must be seen as such.
 */
static void
session_receive(struct session *s)
{
	static uint8_t	 data[READ_SIZE];
	ssize_t		 n;
	int		 i;

	for (i = 0; i < READ_ROUNDS && !session_throttled(s) && !pop3_over(&s->pop3); i++) {
		if ((n = conn_read(&s->conn, data, sizeof(data))) == CONN_AGAIN)
			return;
		if (n == -1) {
			session_lost(s);
			return;
		}
		s->heard = clock_msec();
		s->rate_octets += (uint64_t)n;
		if (pop3_input(&s->pop3, data, (size_t)n) == -1 || s->pop3.state == POP3_HANDSHAKE)
			return;
		session_progress(s, (size_t)n);
		outq_write(&s->pipe);
	}
}

/*
 * So many octets came in.  The master is told now and then that the session gets on, as it may end one that does not when others
 * wait.
 */
static void
session_progress(struct session *s, size_t octets)
{
	s->told_octets += octets;
	if (s->pop3.replies != s->told_reply || s->told_octets >= PROGRESS_OCTETS)
		session_tell(s, s->heard);
}

static void
session_tell(struct session *s, int64_t now)
{
	if (now - s->told < PROGRESS_TIME)
		return;
	outq_send(&s->master, IMSG_FETCH_PROGRESS, NULL, 0);
	s->told = now;
	s->told_octets = 0;
	s->told_reply = s->pop3.replies;
}

static void
session_transmit(struct session *s)
{
	ssize_t	 n;

	while (!pop3_over(&s->pop3) && buf_len(&s->pop3.out) > 0) {
		if ((n = conn_write(&s->conn, buf_data(&s->pop3.out), buf_len(&s->pop3.out))) == CONN_AGAIN)
			return;
		if (n == -1) {
			session_lost(s);
			return;
		}
		pop3_sent(&s->pop3, (size_t)n);
	}
}

/*
 * With TLS 1.3 a server refuses a client certificate, or its absence, after the handshake as this side sees it: no lost connection.
 */
static void
session_lost(struct session *s)
{
	if (s->conn.why == WHY_TLS && pop3_stage(s->pop3.state) < STAGE_LOGIN)
		(void)session_fail(s, STAGE_TLS, WHY_TLS, "%s", s->conn.text);
	else
		pop3_closed(&s->pop3, s->conn.text);
}

static short
session_events(const struct session *s)
{
	short	 events = 0;

	if (!s->running)
		return (0);
	if (!s->conn.shaken)
		return (s->conn.rpoll);
	if (!session_throttled(s))
		events |= s->conn.rpoll;
	if (buf_len(&s->pop3.out) > 0)
		events |= s->conn.wpoll;
	return (events);
}

/* Whether a reader is behind, so that the server's octets are to stay in the network. */
static int
session_throttled(const struct session *s)
{
	return (s->pipe.full || s->master.full);
}

/* The ms until the next clock runs out, or -1: one has. */
static int
session_clock(struct session *s)
{
	int64_t	 now = clock_msec(), left = s->deadline - now, idle, most = s->start.idle_timeout;
	int	 silent;

	if (left <= 0) {
		(void)session_fail(s, session_stage(s), WHY_TIMEOUT, s->running ? "the session took too long" : "nothing to do");
		return (-1);
	}
	if (!s->running)
		return ((int)left);
	if (session_throttled(s) || (s->conn.shaken && !pop3_expects(&s->pop3))) {
		s->heard = s->rate_start = now;
		s->rate_octets = 0;
		session_tell(s, now);		/* the master or the deliverer is slow, not the server */
		return ((int)(left < PROGRESS_TIME ? left : PROGRESS_TIME));
	}
	if (pop3_listless(&s->pop3) && most > LISTLESS)
		most = LISTLESS;
	if ((silent = session_silent(s)) && most > GREETING_WAIT)
		most = GREETING_WAIT;
	if ((idle = s->heard + most - now) <= 0) {
		(void)session_fail(s, session_stage(s), WHY_TIMEOUT,
		    silent ? "no greeting for %u seconds (a TLS port? set tls to tls)" : "no answer for %u seconds", (unsigned int)(most / 1000));
		return (-1);
	}
	if (idle < left)
		left = idle;
	if ((idle = session_rate(s, now)) == -1) {
		(void)session_fail(s, session_stage(s), WHY_TIMEOUT, "the server sends less than %d octets per second",
		    RATE_OCTETS / (RATE_WINDOW / 1000));
		return (-1);
	}
	if (idle < left)
		left = idle;
	return ((int)(left < INT32_MAX ? left : INT32_MAX));
}

/* Whether a server that is spoken to in clear has sent nothing so far. */
static int
session_silent(const struct session *s)
{
	return (s->pop3.state == POP3_GREETING && s->conn.tls == NULL && !pop3_midreply(&s->pop3));
}

/*
 * The least rate, measured inside a reply, as the idle clock measures pauses between replies.  Returns the ms that are left in the
 * window, or -1: the server is too slow.
 */
static int64_t
session_rate(struct session *s, int64_t now)
{
	if (!pop3_midreply(&s->pop3) || s->pop3.replies != s->rate_reply) {
		s->rate_reply = s->pop3.replies;
		s->rate_start = now;
		s->rate_octets = 0;
	} else if (now - s->rate_start >= RATE_WINDOW) {
		if (s->rate_octets < RATE_OCTETS)
			return (-1);
		s->rate_start = now;
		s->rate_octets = 0;
	}
	return (s->rate_start + RATE_WINDOW - now);
}

/* The stage that a failure now would be of. */
enum fetch_stage
session_stage(const struct session *s)
{
	if (!s->running)
		return (STAGE_CONNECT);
	return (s->conn.shaken ? pop3_stage(s->pop3.state) : STAGE_TLS);
}

/* Tells the master the end, and the deliverer if it waits for the rest of a message. */
static void
session_over(struct session *s)
{
	struct msg_fetch_done	 done;
	struct msg_fetch_failed	 failed;

	events_flush(s);
	if (s->begun != 0)
		outq_send(&s->pipe, IMSG_MSG_ABORT, &s->begun, sizeof(s->begun));
	if (s->why == WHY_NONE) {
		memset(&done, 0, sizeof(done));
		done.retrieved = s->pop3.retrieved;
		done.deleted = s->pop3.deleted;
		done.octets = s->pop3.fetched;
		done.quit_ok = (uint32_t)s->pop3.quit_ok;
		strlcpy(done.text, s->pop3.quit_text, sizeof(done.text));
		outq_send(&s->master, IMSG_FETCH_DONE, &done, sizeof(done));
		conn_bye(&s->conn);
	} else {
		memset(&failed, 0, sizeof(failed));
		failed.stage = s->stage;
		failed.why = s->why;
		failed.login_delay = s->pop3.offer.login_delay;
		failed.msgno = pop3_blame(&s->pop3);
		failed.confused = (uint32_t)pop3_confused(&s->pop3);
		pop3_unproven(&s->pop3, &failed.first, &failed.last);
		strlcpy(failed.text, s->text, sizeof(failed.text));
		outq_send(&s->master, IMSG_FETCH_FAILED, &failed, sizeof(failed));
	}
	session_linger(s);
	_exit(0);
}

/* Writes what is queued, for some time: complete messages may still be delivered, if their reader takes them. */
static void
session_linger(struct session *s)
{
	struct pollfd	 pfd[2];
	int64_t		 end = clock_msec() + LINGER, now;

	for (;;) {
		outq_write(&s->pipe);
		outq_write(&s->master);
		if (outq_empty(&s->pipe))
			outq_close(&s->pipe);
		if (outq_empty(&s->pipe) && outq_empty(&s->master))
			return;
		if ((now = clock_msec()) >= end)
			return;
		pfd[0].fd = s->pipe.fd;
		pfd[1].fd = outq_empty(&s->master) ? -1 : s->master.fd;
		pfd[0].events = pfd[1].events = POLLOUT;
		(void)poll(pfd, 2, (int)(end - now));
	}
}
