/* SPDX-License-Identifier: ISC */
/*
 * The one session of a process with a next hop: its socket, plain or under TLS, its clock, and the descriptor of the message in
 * hand.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/tlsclient.h"
#include "common/tlserror.h"
#include "common/work.h"
#include "sender.h"

#define READ_SIZE	16384		/* at least a TLS record, so that nothing readable stays behind unnoticed */
#define OUT_LOW		65536		/* octets queued below which more of a message is read */
#define ROUNDS		64		/* reads and writes until the master is heard again */
#define AGAIN		(-2)

static struct {
	int			 begun;
	struct msg_send_start	 start;
	int			 going;		/* smtp is in use */
	int			 shaken;	/* 0: a handshake is due */
	int			 fd;
	struct tls		*tls;		/* NULL: plain */
	short			 rwait, wwait;	/* what a read or a write that returned AGAIN waits for, of poll(2) */
	int64_t			 until;		/* monotonic ms: when the next hop has not answered in time; or WORK_NEVER */
	uint64_t		 progress;	/* of smtp, when until was set */
	struct buf		 ca;
	struct smtp		 smtp;
	struct smtp_mail	 mail;
	int			 has_mail;	/* there is a message from SEND_MAIL, whose recipients were not all answered */
	uint32_t		 got;		/* recipients of the message that the master has sent so far */
	int			 message;	/* descriptor of the message, -1: none */
	off_t			 begin;		/* offset of the message's first octet there */
	uint64_t		 sent;		/* octets of the message that were read, fields that are left out included */
	struct trace		 trace;
} job;

static int	 job_is(uint32_t);
static void	 job_wait(int);
static unsigned int job_tls_has(void);
static struct tls *job_tls_open(char *, size_t);
static int	 job_handshake(void);
static int	 job_secure(void);
static int	 job_read(void);
static int	 job_write(void);
static int	 job_fill(void);
static ssize_t	 job_result(ssize_t, short *);
static int	 job_scan(void);
static void	 job_unreadable(void);
static void	 job_rcpt_told(void *, uint32_t, const struct smtp_rcpt *);
static void	 job_mail_told(void *);
static void	 job_forget_mail(void);
static void	 job_end(enum fail_why, int, const char *) __dead;

static const struct smtp_ops	 job_ops = { job_rcpt_told, job_mail_told };

int
job_begin(const struct msg_send_start *m, int fd)
{
	if (job.begun || fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		close(fd);
		return (-1);
	}
	job.begun = 1;
	job.start = *m;
	job.fd = fd;
	job.shaken = 1;
	job.message = -1;
	job.rwait = POLLIN;
	job.wwait = POLLOUT;
	job.until = WORK_NEVER;
	buf_init(&job.ca, PROTO_PEM_MAX);
	return (0);
}

/* Whether id is that of the one session there is. */
static int
job_is(uint32_t id)
{
	return (job.begun && job.start.id == id);
}

int
job_ca(uint32_t id, const void *data, size_t len)
{
	return (job_is(id) && !job.going && job.start.own_ca ? buf_add(&job.ca, data, len) : -1);
}

/* The secret is the last part: the session begins, and the master is told its end whatever comes of it. */
int
job_go(uint32_t id, const void *secret, size_t len)
{
	char	 text[PROTO_TEXT_SIZE];

	if (!job_is(id) || job.going)
		return (-1);
	if (smtp_init(&job.smtp, &job_ops, NULL, &job.start, secret, len) == -1)
		job_end(WHY_LOCAL_TEMP, 0, "out of memory");
	job.going = 1;
	if (job.start.tls != TLS_MODE_NONE) {
		if ((job.tls = job_tls_open(text, sizeof(text))) == NULL)
			job_end(WHY_TLS, 0, text);
		buf_free(&job.ca);
		job.shaken = job.start.tls != TLS_MODE_TLS;
	}
	job_ready();
	return (0);
}

/* A message for the session, in fd, which is consumed in every case; its recipients follow. */
int
job_mail(const struct msg_send_mail *m, int fd)
{
	if (!job_is(m->id) || !job.going || job.has_mail || (job.mail.rcpts = calloc(m->rcpts, sizeof(*job.mail.rcpts))) == NULL) {
		close(fd);
		return (-1);
	}
	job.has_mail = 1;
	job.mail.m = *m;
	job.mail.n = m->rcpts;
	job.got = 0;
	job.message = fd;
	return (0);
}

/* A recipient of the message; with the last one it is begun. */
int
job_rcpt(const struct msg_send_rcpt *m)
{
	struct smtp_rcpt	*r;

	if (!job_is(m->id) || !job.has_mail || m->mail != job.mail.m.mail || job.got == job.mail.n || m->rcpt != job.got)
		return (-1);
	r = &job.mail.rcpts[job.got++];
	if ((r->address = strdup(m->address)) == NULL || (m->original[0] != '\0' && (r->original = strdup(m->original)) == NULL))
		return (-1);
	if (job.got < job.mail.n)
		return (0);
	if (job_scan() == -1) {
		job_unreadable();
		return (0);
	}
	smtp_give(&job.smtp, &job.mail);
	job_ready();
	return (0);
}

int
job_quit(uint32_t id)
{
	if (!job_is(id) || !job.going)
		return (-1);
	smtp_quit(&job.smtp);
	job_ready();
	return (0);
}

/*
 * Counts the message before it is announced: its octets on the wire, and whether some have the high bit.  0, or -1: it is no file
 * with the octets that the master has said.
 */
static int
job_scan(void)
{
	struct body	 body;
	struct trace	 trace;
	struct stat	 st;
	uint8_t		 data[READ_SIZE], left[READ_SIZE + TRACE_HELD];
	uint64_t	 octets = 0;
	ssize_t		 n;

	if (fstat(job.message, &st) == -1 || !S_ISREG(st.st_mode) || (job.begin = lseek(job.message, 0, SEEK_CUR)) == -1)
		return (-1);
	body_begin(&body);
	trace_begin(&trace, job.start.keep_trace);
	while ((n = read(job.message, data, sizeof(data))) > 0) {
		(void)body_feed(&body, left, trace_feed(&trace, data, (size_t)n, left), NULL);
		if ((octets += (uint64_t)n) > job.mail.m.octets)
			return (-1);
	}
	(void)body_feed(&body, left, trace_end(&trace, left), NULL);
	(void)body_end(&body, NULL);
	if (n == -1 || octets != job.mail.m.octets || lseek(job.message, job.begin, SEEK_SET) == -1)
		return (-1);
	job.mail.size = body.octets;
	job.mail.eight_bit = body.eight_bit;
	job.sent = 0;
	trace_begin(&job.trace, job.start.keep_trace);
	return (0);
}

/* Every recipient is answered with a temporary failure, and the session goes on without the message. */
static void
job_unreadable(void)
{
	struct smtp_rcpt	 r = { .result = SEND_TEMP, .status = "4.3.0" };
	char			 text[] = "the message in the spool cannot be read";
	uint32_t		 i;

	r.text = text;
	for (i = 0; i < job.mail.n; i++)
		job_rcpt_told(NULL, i, &r);
	job_mail_told(NULL);
}

void
job_late(void)
{
	char	 text[PROTO_TEXT_SIZE];

	snprintf(text, sizeof(text), "the next hop does not answer within %u s", smtp_timeout(&job.smtp) / 1000);
	smtp_lost(&job.smtp, WHY_TIMEOUT, text);
	job_ready();
}

/* Go on as far as that goes without waiting; what the next hop has said before it hung up is read first. */
void
job_ready(void)
{
	int	 i, n = 1;

	for (i = 0; i < ROUNDS && n > 0 && !smtp_over(&job.smtp); i++) {
		if (job.smtp.state == SMTP_HANDSHAKE && (n = job_handshake()) != 1)
			continue;
		n = job_read();
		if (!smtp_over(&job.smtp))
			n |= job_write();
	}
	if (job.smtp.state == SMTP_FAILED)
		job_end(job.smtp.why, job.smtp.temp, job.smtp.text);
	if (job.smtp.state == SMTP_DONE)
		job_end(WHY_NONE, 0, "");
	job_wait(n > 0);
}

/* Say what is waited for; soon: there is more to do at once. */
static void
job_wait(int soon)
{
	uint32_t	 timeout = smtp_timeout(&job.smtp);
	short		 wanted = job.rwait;

	if (job.shaken && (buf_len(&job.smtp.out) > 0 || job.smtp.state == SMTP_BODY || soon))
		wanted |= job.wwait;
	if (timeout == 0)
		job.until = WORK_NEVER;
	else if (job.progress != job.smtp.progress || job.until == WORK_NEVER)
		job.until = clock_msec() + timeout;
	job.progress = job.smtp.progress;
	work_wait(job.fd, wanted, job.until);
}

/* What this connection's TLS was asked to be (enum tls_has). */
static unsigned int
job_tls_has(void)
{
	return (HAS_NEXTHOP | (job.start.own_ca ? HAS_CA : 0));
}

/* The context for this connection, ahead of the handshake; NULL and a text on failure. */
static struct tls *
job_tls_open(char *text, size_t size)
{
	struct tls_config	*own = NULL;

	if (job.start.own_ca && (own = tlsclient_config(1, buf_data(&job.ca), buf_len(&job.ca), NULL)) == NULL) {
		snprintf(text, size, "TLS cannot be set up; is ca_file a file of PEM certificates?");
		return (NULL);
	}
	return (tlsclient_connect(own, job.fd, job.start.tls_name, job_tls_has(), text, size));
}

/* 1: TLS is up, 0: to be waited for, -1: the session has failed. */
static int
job_handshake(void)
{
	ssize_t	 n;

	job.shaken = 0;
	if ((n = job_result(tls_handshake(job.tls), &job.rwait)) == AGAIN)
		return (0);
	if (n == -1)
		return (-1);
	log_debug("%s %s", tls_conn_version(job.tls), tls_conn_cipher(job.tls));
	job.shaken = 1;
	job.rwait = POLLIN;
	smtp_secured(&job.smtp);
	return (1);
}

/* The result n of a call of libtls: at least 0; AGAIN, and *wait (of poll(2)); or -1 and the session has failed. */
static ssize_t
job_result(ssize_t n, short *wait)
{
	char		 text[PROTO_TEXT_SIZE];
	short		 waits;

	if (n >= 0)
		return (n);
	if ((waits = tlsclient_waits(n)) != 0) {
		*wait = waits;
		return (AGAIN);
	}
	n = tlserror_explain(job_tls_has() | (job.shaken ? HAS_SHAKEN : 0), tls_error(job.tls), text, sizeof(text));
	smtp_lost(&job.smtp, n || !job.shaken ? WHY_TLS : WHY_CLOSED, text);
	return (-1);
}

/* Whether octets go through TLS by now. */
static int
job_secure(void)
{
	return (job.tls != NULL && job.smtp.secure);
}

/* Reads what has come.  1: something; 0: nothing, or the session is over. */
static int
job_read(void)
{
	uint8_t	 data[READ_SIZE];
	ssize_t	 n;

	if (smtp_over(&job.smtp))
		return (0);
	if (job_secure()) {
		if ((n = job_result(tls_read(job.tls, data, sizeof(data)), &job.rwait)) < 0)
			return (0);
	} else if ((n = read(job.fd, data, sizeof(data))) == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			smtp_lost(&job.smtp, WHY_CLOSED, strerror(errno));
		return (0);
	}
	job.rwait = POLLIN;
	if (n == 0)
		smtp_lost(&job.smtp, WHY_CLOSED, "the next hop closed the connection");
	else
		(void)smtp_input(&job.smtp, data, (size_t)n);
	return (n > 0);
}

/* Writes what goes.  1: something; 0: nothing; -1: the session has failed. */
static int
job_write(void)
{
	struct buf	*out = &job.smtp.out;
	ssize_t		 n;

	if (job.smtp.state == SMTP_BODY && job_fill() == -1)
		return (-1);
	if (buf_len(out) == 0)
		return (0);
	if (job_secure()) {
		/* libretls returns 0 when the peer has sent an alert: nothing more can be written. */
		n = job_result(tls_write(job.tls, buf_data(out), buf_len(out)), &job.wwait);
		if (n == 0)
			smtp_lost(&job.smtp, WHY_CLOSED, "the next hop closed the connection");
		if (n <= 0)
			return (0);
	} else if ((n = write(job.fd, buf_data(out), buf_len(out))) == -1) {
		/* After these errors what the next hop has said before it hung up is to be read. */
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != EPIPE && errno != ECONNRESET)
			smtp_lost(&job.smtp, WHY_CLOSED, strerror(errno));
		return (0);
	}
	job.wwait = POLLOUT;
	smtp_sent(&job.smtp, (size_t)n);
	return (1);
}

/*
 * Queue more of the message, up to its end.  A file in the spool that has changed ends the session, so that the message gets no
 * final dot.  0 or -1.
 */
static int
job_fill(void)
{
	uint8_t	 data[READ_SIZE], left[READ_SIZE + TRACE_HELD];
	size_t	 len;
	ssize_t	 n;

	while (buf_len(&job.smtp.out) < OUT_LOW && job.smtp.state == SMTP_BODY) {
		if ((n = read(job.message, data, sizeof(data))) == -1 || (job.sent += (uint64_t)n) > job.mail.m.octets ||
		    (n == 0 && job.sent != job.mail.m.octets))
			return (smtp_fail(&job.smtp, WHY_LOCAL_TEMP, 0, "the message in the spool cannot be read"));
		len = n == 0 ? trace_end(&job.trace, left) : trace_feed(&job.trace, data, (size_t)n, left);
		if ((len > 0 && smtp_body(&job.smtp, left, len) == -1) || (n == 0 && smtp_body_end(&job.smtp) == -1))
			return (-1);
	}
	return (0);
}

static void
job_rcpt_told(void *arg __unused, uint32_t i, const struct smtp_rcpt *r)
{
	sender_rcpt(job.start.id, job.mail.m.mail, i, r);
}

static void
job_mail_told(void *arg __unused)
{
	sender_mail(job.start.id, job.mail.m.mail);
	job_forget_mail();
}

static void
job_forget_mail(void)
{
	uint32_t	 i;

	for (i = 0; job.mail.rcpts != NULL && i < job.mail.n; i++) {
		free(job.mail.rcpts[i].address);
		free(job.mail.rcpts[i].original);
		free(job.mail.rcpts[i].text);
	}
	free(job.mail.rcpts);
	memset(&job.mail, 0, sizeof(job.mail));
	if (job.message != -1)
		close(job.message);
	job.message = -1;
	job.has_mail = 0;
}

/* The session is over: the master is told, and the process ends. */
static void
job_end(enum fail_why why, int temp, const char *text)
{
	sender_end(job.start.id, why, temp, text);
	if (job.going) {
		if (job_secure())
			(void)tls_close(job.tls);	/* sends a close_notify and does not wait for the next hop's */
		smtp_free(&job.smtp);
	}
	work_end();
}
