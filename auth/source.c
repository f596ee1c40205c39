/* SPDX-License-Identifier: ISC */
/*
 * A password that somebody else verifies.  The master has connected to Dovecot's socket, or has started a program with the name in
 * its pipe: this process gets that one descriptor, and can reach nothing else.  Dovecot's answer is the verdict; what a program
 * says is its exit status, which the master sees and this process does not.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hex.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/work.h"
#include "auth.h"

#define SOURCE_TIMEOUT	30000	/* ms for Dovecot */

static int	 program_write(int, const uint8_t *, size_t);
static void	 source_over(enum auth_verdict, const char *);
static int	 source_write(void);
static int	 source_read(void);

static struct {			/* Dovecot, which is asked once in a process */
	int			 fd;
	int64_t			 until;
	struct msg_auth_source	 who;
	struct dovecot		 talk;
	struct buf		 out;
	size_t			 len;
	uint8_t			 password[PROTO_SECRET_MAX + 1];
	void			(*done)(enum auth_verdict);
} source;

/*
 * Has a password verified by whoever is behind fd, which is consumed.  done(verdict) ends the process; it comes at once or from
 * the loop.  denied: whatever the answer is, it is to be no, and takes as long, so another password is asked about.  Likewise where
 * there is none, which some sources take for right, or it has a NUL, which would end it for a program.
 */
void
source_ask(const struct msg_auth_source *m, int fd, const void *password, size_t len, int denied, void (*done)(enum auth_verdict))
{
	uint8_t	 random[PROTO_SECRET_MAX / 2 + 1];

	source.who = *m;
	source.fd = fd;
	source.done = done;
	source.len = len == 0 ? 2 : len;
	if (denied || len == 0 || len > PROTO_SECRET_MAX || memchr(password, '\0', len) != NULL) {
		if (source.len > PROTO_SECRET_MAX)
			source.len = PROTO_SECRET_MAX;
		arc4random_buf(random, sizeof(random));
		hex_encode((char *)source.password, random, (source.len + 1) / 2);
	} else
		memcpy(source.password, password, len);
	if (m->source == AUTH_SOURCE_PROGRAM) {
		if (program_write(fd, source.password, source.len) == 0)
			source_over(AUTH_VERDICT_WRITTEN, NULL);
		else
			source_over(AUTH_VERDICT_LATER, "its pipe does not take the password");
		return;
	}
	dovecot_begin(&source.talk);
	buf_init(&source.out, DOVECOT_LINE);
	source.until = clock_msec() + SOURCE_TIMEOUT;
	if (dovecot_hello(&source.out, getpid()) == -1)
		source_over(AUTH_VERDICT_LATER, "no memory");
	else
		source_ready();
}

/*
 * Password, NUL, timestamp, NUL behind the name that the master has written, in one piece, which PIPE_BUF allows.  A program that
 * does not read it has its reasons, and says by its end what it makes of that.  0, or -1: the program cannot have it.
 */
static int
program_write(int fd, const uint8_t *password, size_t len)
{
	uint8_t	 octets[PROTO_SECRET_MAX + 64];
	ssize_t	 written;
	int	 n;

	memcpy(octets, password, len);
	octets[len] = '\0';
	n = snprintf((char *)octets + len + 1, sizeof(octets) - len - 1, "Y%lld", (long long)time(NULL));
	HOOK("auth.write");
	do
		written = write(fd, octets, len + (size_t)n + 2);
	while (written == -1 && errno == EINTR);
	explicit_bzero(octets, sizeof(octets));
	return (written != -1 || errno == EPIPE ? 0 : -1);
}

/* The socket can be written to or read from, perhaps. */
void
source_ready(void)
{
	if (source_write() == 0 && source_read() == 0)
		work_wait(source.fd, (short)(POLLIN | (buf_len(&source.out) > 0 ? POLLOUT : 0)), source.until);
}

void
source_late(void)
{
	source_over(AUTH_VERDICT_LATER, "it did not answer within 30 seconds");
}

/* 0, or 1: it is over. */
static int
source_write(void)
{
	struct iovec	 iov;
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t		 n;

	while (buf_len(&source.out) > 0) {
		iov.iov_base = buf_data(&source.out);
		iov.iov_len = buf_len(&source.out);
		if ((n = sendmsg(source.fd, &msg, MSG_NOSIGNAL)) == -1) {
			if (errno == EAGAIN || errno == EINTR)
				return (0);
			/* Words ahead of the end of a connection are still to be read. */
			buf_consume(&source.out, buf_len(&source.out));
			return (0);
		}
		buf_consume(&source.out, (size_t)n);
	}
	return (0);
}

/* 0, or 1: it is over. */
static int
source_read(void)
{
	uint8_t		 octets[4096];
	struct iovec	 iov = { octets, sizeof(octets) };
	struct msghdr	 msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t		 n;

	if ((n = recvmsg(source.fd, &msg, MSG_CMSG_CLOEXEC)) == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0) {
		source_over(AUTH_VERDICT_LATER, "it has closed the connection without an answer");
		return (1);
	}
	switch (dovecot_heard(&source.talk, octets, (size_t)n)) {
	case DOVECOT_MORE:
		return (0);
	case DOVECOT_ASK:
		if (dovecot_request(&source.out, source.who.user, source.who.client, source.password, source.len) == -1)
			break;
		explicit_bzero(source.password, sizeof(source.password));
		HOOK("auth.ask");
		return (source_write());
	case DOVECOT_YES:
		source_over(AUTH_VERDICT_YES, NULL);
		return (1);
	case DOVECOT_NO:
		source_over(AUTH_VERDICT_NO, NULL);
		return (1);
	case DOVECOT_LATER:
		break;
	}
	source_over(AUTH_VERDICT_LATER, source.talk.why != NULL ? source.talk.why : "no memory");
	return (1);
}

/* The end.  Nothing of the password stays. */
static void
source_over(enum auth_verdict verdict, const char *why)
{
	if (why != NULL)
		log_warnx("pop_auth: %s: %s", source.who.source == AUTH_SOURCE_PROGRAM ? "the program was not asked" : "Dovecot gave no answer", why);
	work_wait(-1, 0, WORK_NEVER);
	close(source.fd);
	explicit_bzero(source.password, sizeof(source.password));
	if (source.who.source == AUTH_SOURCE_DOVECOT) {
		buf_free(&source.out);
		dovecot_end(&source.talk);
	}
	source.done(verdict);
}
