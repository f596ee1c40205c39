/* SPDX-License-Identifier: ISC */
/* One session with a next hop: its socket, plain or under TLS, its clock, and the descriptor of the message in hand. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tls.h>

#include "../common/log.h"
#include "../common/tlserror.h"
#include "sender.h"

#define READ_SIZE	16384		/* at least a TLS record, so that nothing readable stays behind unnoticed */
#define OUT_LOW		65536		/* octets queued below which more of a message is read */
#define ROUNDS		64		/* reads and writes until the others have their turn */
#define AGAIN		(-2)

struct job {
	LIST_ENTRY(job)		 entry;
	struct msg_send_start	 start;
	int			 going;		/* smtp is in use */
	int			 shaken;	/* no handshake is due */
	int			 fd;
	struct tls		*tls;		/* NULL: plain */
	short			 rwait, wwait;	/* what a read or a write that came back with AGAIN waits for */
	struct event		 io, clock;
	uint64_t		 progress;	/* of smtp when the clock was wound */
	struct buf		 ca;
	struct smtp		 smtp;
	struct smtp_mail	 mail;
	int			 has_mail;	/* SEND_MAIL came, ops.mail has not */
	uint32_t		 got;		/* of its recipients */
	int			 message;	/* descriptor, -1: none */
	off_t			 begin;		/* of the message in it */
	uint64_t		 sent;		/* octets of it, with those that do not go */
	struct trace		 trace;
};

static void	 job_io(int, short, void *);
static void	 job_clock(int, short, void *);
static void	 job_run(struct job *);
static void	 job_wait(struct job *, int);
static int	 job_handshake(struct job *);
static int	 job_secure(const struct job *);
static int	 job_read(struct job *);
static int	 job_write(struct job *);
static int	 job_fill(struct job *);
static ssize_t	 job_result(struct job *, ssize_t, short *);
static int	 job_scan(struct job *);
static void	 job_unreadable(struct job *);
static void	 job_rcpt_told(void *, uint32_t, const struct smtp_rcpt *);
static void	 job_mail_told(void *);
static void	 job_forget_mail(struct job *);
static void	 job_end(struct job *, enum fail_why, int, const char *);
static void	 job_free(struct job *);

static const struct smtp_ops	 job_ops = { job_rcpt_told, job_mail_told };
static LIST_HEAD(, job)		 jobs = LIST_HEAD_INITIALIZER(jobs);
static size_t			 njobs;

struct job *
job_find(uint32_t id)
{
	struct job	*j;

	LIST_FOREACH(j, &jobs, entry)
		if (j->start.id == id)
			return (j);
	return (NULL);
}

/* Too many are answered at once. */
struct job *
job_new(const struct msg_send_start *m, int fd)
{
	struct job	*j;

	if (job_find(m->id) != NULL || (j = calloc(1, sizeof(*j))) == NULL) {
		close(fd);
		return (NULL);
	}
	j->start = *m;
	j->fd = fd;
	j->shaken = 1;
	j->message = -1;
	j->rwait = EV_READ;
	j->wwait = EV_WRITE;
	buf_init(&j->ca, PROTO_PEM_MAX);
	evtimer_set(&j->clock, job_clock, j);
	LIST_INSERT_HEAD(&jobs, j, entry);
	njobs++;
	return (j);
}

int
job_ca(struct job *j, const void *data, size_t len)
{
	return (!j->going && j->start.own_ca ? buf_add(&j->ca, data, len) : -1);
}

/* Everything is there: work begins.  Whatever comes of it, an end is told. */
int
job_go(struct job *j, const void *secret, size_t len)
{
	char	 text[PROTO_TEXT_SIZE];

	if (j->going)
		return (-1);
	if (njobs > SENDER_JOBS || fcntl(j->fd, F_SETFL, O_NONBLOCK) == -1) {
		job_end(j, WHY_LOCAL_TEMP, 0, "too many connections at once");
		return (0);
	}
	j->going = 1;
	if (smtp_init(&j->smtp, &job_ops, j, &j->start, secret, len) == -1) {
		job_end(j, WHY_LOCAL_TEMP, 0, "out of memory");
		return (0);
	}
	if (j->start.tls != TLS_MODE_NONE) {
		if ((j->tls = jobtls_open(&j->start, &j->ca, j->fd, text, sizeof(text))) == NULL) {
			job_end(j, WHY_TLS, 0, text);
			return (0);
		}
		buf_free(&j->ca);
		j->shaken = j->start.tls != TLS_MODE_TLS;
	}
	job_run(j);
	return (0);
}

/* The descriptor is taken in every case. */
int
job_mail(struct job *j, const struct msg_send_mail *m, int fd)
{
	if (!j->going || j->has_mail || (j->mail.rcpts = calloc(m->rcpts, sizeof(*j->mail.rcpts))) == NULL) {
		close(fd);
		return (-1);
	}
	j->has_mail = 1;
	j->mail.m = *m;
	j->mail.n = m->rcpts;
	j->got = 0;
	j->message = fd;
	return (0);
}

/* The last one starts the message. */
int
job_rcpt(struct job *j, const struct msg_send_rcpt *m)
{
	struct smtp_rcpt	*r;

	if (!j->has_mail || m->mail != j->mail.m.mail || j->got == j->mail.n || m->rcpt != j->got)
		return (-1);
	r = &j->mail.rcpts[j->got++];
	if ((r->address = strdup(m->address)) == NULL || (m->original[0] != '\0' && (r->original = strdup(m->original)) == NULL))
		return (-1);
	if (j->got < j->mail.n)
		return (0);
	if (job_scan(j) == -1) {
		job_unreadable(j);
		return (0);
	}
	smtp_give(&j->smtp, &j->mail);
	job_run(j);
	return (0);
}

int
job_quit(struct job *j)
{
	if (!j->going)
		return (-1);
	smtp_quit(&j->smtp);
	job_run(j);
	return (0);
}

/* Its size and what is in it, before it is announced.  Nothing but a file that has what was said can be waited for. */
static int
job_scan(struct job *j)
{
	struct body	 body;
	struct trace	 trace;
	struct stat	 st;
	uint8_t		 data[READ_SIZE], left[READ_SIZE + TRACE_HELD];
	uint64_t	 octets = 0;
	ssize_t		 n;

	if (fstat(j->message, &st) == -1 || !S_ISREG(st.st_mode) || (j->begin = lseek(j->message, 0, SEEK_CUR)) == -1)
		return (-1);
	body_begin(&body);
	trace_begin(&trace, j->start.keep_trace);
	while ((n = read(j->message, data, sizeof(data))) > 0) {
		(void)body_feed(&body, left, trace_feed(&trace, data, (size_t)n, left), NULL);
		if ((octets += (uint64_t)n) > j->mail.m.octets)
			return (-1);
	}
	(void)body_feed(&body, left, trace_end(&trace, left), NULL);
	(void)body_end(&body, NULL);
	if (n == -1 || octets != j->mail.m.octets || lseek(j->message, j->begin, SEEK_SET) == -1)
		return (-1);
	j->mail.size = body.octets;
	j->mail.eight_bit = body.eight_bit;
	j->sent = 0;
	trace_begin(&j->trace, j->start.keep_trace);
	return (0);
}

/* The session goes on without this message. */
static void
job_unreadable(struct job *j)
{
	struct smtp_rcpt	 r = { .result = SEND_TEMP, .status = "4.3.0" };
	char			 text[] = "the message in the spool cannot be read";
	uint32_t		 i;

	r.text = text;
	for (i = 0; i < j->mail.n; i++)
		job_rcpt_told(j, i, &r);
	job_mail_told(j);
}

static void
job_io(int fd __unused, short event __unused, void *arg)
{
	job_run(arg);
}

static void
job_clock(int fd __unused, short event __unused, void *arg)
{
	struct job	*j = arg;
	char		 text[PROTO_TEXT_SIZE];

	snprintf(text, sizeof(text), "the next hop does not answer within %u s", smtp_timeout(&j->smtp) / 1000);
	smtp_lost(&j->smtp, WHY_TIMEOUT, text);
	job_run(j);
}

/* As far as it goes without waiting; what the next hop said before it hung up comes first.  The job may be gone afterwards. */
static void
job_run(struct job *j)
{
	int	 i, n = 1;

	for (i = 0; i < ROUNDS && n > 0 && !smtp_over(&j->smtp); i++) {
		if (j->smtp.state == SMTP_HANDSHAKE && (n = job_handshake(j)) != 1)
			continue;
		n = job_read(j);
		if (!smtp_over(&j->smtp))
			n |= job_write(j);
	}
	if (j->smtp.state == SMTP_FAILED)
		job_end(j, j->smtp.why, j->smtp.temp, j->smtp.text);
	else if (j->smtp.state == SMTP_DONE)
		job_end(j, WHY_NONE, 0, "");
	else
		job_wait(j, n > 0);
}

/* soon: there is more to do than was done. */
static void
job_wait(struct job *j, int soon)
{
	struct timeval	 tv;
	uint32_t	 timeout = smtp_timeout(&j->smtp);
	short		 wanted = j->rwait;

	if (j->shaken && (buf_len(&j->smtp.out) > 0 || j->smtp.state == SMTP_BODY || soon))
		wanted |= j->wwait;
	if (event_initialized(&j->io))
		event_del(&j->io);
	event_set(&j->io, j->fd, wanted, job_io, j);
	event_add(&j->io, NULL);
	if (timeout == 0)
		evtimer_del(&j->clock);
	else if (j->progress != j->smtp.progress || !evtimer_pending(&j->clock, NULL)) {
		tv.tv_sec = timeout / 1000;
		tv.tv_usec = (timeout % 1000) * 1000;
		evtimer_add(&j->clock, &tv);
	}
	j->progress = j->smtp.progress;
}

/* 1: TLS is up, 0: to be waited for, -1: the session has failed. */
static int
job_handshake(struct job *j)
{
	ssize_t	 n;

	j->shaken = 0;
	if ((n = job_result(j, tls_handshake(j->tls), &j->rwait)) == AGAIN)
		return (0);
	if (n == -1)
		return (-1);
	log_debug("%s: %s %s", j->start.name, tls_conn_version(j->tls), tls_conn_cipher(j->tls));
	j->shaken = 1;
	j->rwait = EV_READ;
	smtp_secured(&j->smtp);
	return (1);
}

/* A result of libtls: at least 0, AGAIN, or -1 and the session has failed. */
static ssize_t
job_result(struct job *j, ssize_t n, short *wait)
{
	char		 text[PROTO_TEXT_SIZE];
	unsigned int	 has = HAS_NEXTHOP | (j->start.own_ca ? HAS_CA : 0) | (j->shaken ? HAS_SHAKEN : 0);

	if (n >= 0)
		return (n);
	if (n == TLS_WANT_POLLIN || n == TLS_WANT_POLLOUT) {
		*wait = n == TLS_WANT_POLLIN ? EV_READ : EV_WRITE;
		return (AGAIN);
	}
	n = tlserror_explain(has, tls_error(j->tls), text, sizeof(text));
	smtp_lost(&j->smtp, n || !j->shaken ? WHY_TLS : WHY_CLOSED, text);
	return (-1);
}

/* TLS that is not up yet is not used. */
static int
job_secure(const struct job *j)
{
	return (j->tls != NULL && j->smtp.secure);
}

/* 1: something came, 0: nothing, or it is over. */
static int
job_read(struct job *j)
{
	uint8_t	 data[READ_SIZE];
	ssize_t	 n;

	if (smtp_over(&j->smtp))
		return (0);
	if (job_secure(j)) {
		if ((n = job_result(j, tls_read(j->tls, data, sizeof(data)), &j->rwait)) < 0)
			return (0);
	} else if ((n = read(j->fd, data, sizeof(data))) == -1) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			smtp_lost(&j->smtp, WHY_CLOSED, strerror(errno));
		return (0);
	}
	j->rwait = EV_READ;
	if (n == 0)
		smtp_lost(&j->smtp, WHY_CLOSED, "the next hop closed the connection");
	else
		(void)smtp_input(&j->smtp, data, (size_t)n);
	return (n > 0);
}

/* 1: something went out, 0: nothing. */
static int
job_write(struct job *j)
{
	struct buf	*out = &j->smtp.out;
	ssize_t		 n;

	if (j->smtp.state == SMTP_BODY && job_fill(j) == -1)
		return (-1);
	if (buf_len(out) == 0)
		return (0);
	if (job_secure(j)) {
		/* libretls says 0 when the peer has sent an alert: nothing more can be written. */
		n = job_result(j, tls_write(j->tls, buf_data(out), buf_len(out)), &j->wwait);
		if (n == 0)
			smtp_lost(&j->smtp, WHY_CLOSED, "the next hop closed the connection");
		if (n <= 0)
			return (0);
	} else if ((n = write(j->fd, buf_data(out), buf_len(out))) == -1) {
		/* What it said before it hung up is read first. */
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && errno != EPIPE && errno != ECONNRESET)
			smtp_lost(&j->smtp, WHY_CLOSED, strerror(errno));
		return (0);
	}
	j->wwait = EV_WRITE;
	smtp_sent(&j->smtp, (size_t)n);
	return (1);
}

/* More of the message, up to its end.  A spool file that is not what it was leaves the message without its final dot. */
static int
job_fill(struct job *j)
{
	uint8_t	 data[READ_SIZE], left[READ_SIZE + TRACE_HELD];
	size_t	 len;
	ssize_t	 n;

	while (buf_len(&j->smtp.out) < OUT_LOW && j->smtp.state == SMTP_BODY) {
		if ((n = read(j->message, data, sizeof(data))) == -1 || (j->sent += (uint64_t)n) > j->mail.m.octets ||
		    (n == 0 && j->sent != j->mail.m.octets))
			return (smtp_fail(&j->smtp, WHY_LOCAL_TEMP, 0, "the message in the spool cannot be read"));
		len = n == 0 ? trace_end(&j->trace, left) : trace_feed(&j->trace, data, (size_t)n, left);
		if ((len > 0 && smtp_body(&j->smtp, left, len) == -1) || (n == 0 && smtp_body_end(&j->smtp) == -1))
			return (-1);
	}
	return (0);
}

static void
job_rcpt_told(void *arg, uint32_t i, const struct smtp_rcpt *r)
{
	struct job	*j = arg;

	sender_rcpt(j->start.id, j->mail.m.mail, i, r);
}

static void
job_mail_told(void *arg)
{
	struct job	*j = arg;

	sender_mail(j->start.id, j->mail.m.mail);
	job_forget_mail(j);
}

static void
job_forget_mail(struct job *j)
{
	uint32_t	 i;

	for (i = 0; j->mail.rcpts != NULL && i < j->mail.n; i++) {
		free(j->mail.rcpts[i].address);
		free(j->mail.rcpts[i].original);
		free(j->mail.rcpts[i].text);
	}
	free(j->mail.rcpts);
	memset(&j->mail, 0, sizeof(j->mail));
	if (j->message != -1)
		close(j->message);
	j->message = -1;
	j->has_mail = 0;
}

static void
job_end(struct job *j, enum fail_why why, int temp, const char *text)
{
	sender_end(j->start.id, why, temp, text);
	job_free(j);
}

static void
job_free(struct job *j)
{
	LIST_REMOVE(j, entry);
	njobs--;
	evtimer_del(&j->clock);
	if (event_initialized(&j->io))
		event_del(&j->io);
	if (j->tls != NULL) {
		if (job_secure(j))
			(void)tls_close(j->tls);	/* says goodbye, does not wait for an answer */
		tls_free(j->tls);
	}
	close(j->fd);
	job_forget_mail(j);
	buf_free(&j->ca);
	smtp_free(&j->smtp);
	freezero(j, sizeof(*j));
}
