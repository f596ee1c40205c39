/* SPDX-License-Identifier: ISC */
/*
 * Messages of the daemon's own, for the owner of an account or the postmaster.  They go into his Maildir, or are held in the spool
 * for a row of the master if his mail is handed on; rpopd/delivery/notice.c has the states.
 */
#include <sys/types.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

#define NOTICE_MAX	8192	/* octets of a whole notice */
#define NOTICE_COLUMN	72
#define NOTICE_WORD	900	/* octets of a word; a longer one is cut, as a line has 998 at most (RFC 5322 section 2.1.1) */

static int	 notice_make(const struct route_account *, const struct msg_notice *, char *);
static int	 notice_printable(const char *, int);
static int	 notice_text(const struct route_account *, const struct msg_notice *, const struct spool_id *, struct buf *);

/* Makes a notice.  The answer has the link of one that is held, or an errno; why a notice was not made is logged. */
int
notice_deliver(const struct msg_notice *m, struct msg_notice_made *answer)
{
	const struct route_account	*to;

	memset(answer, 0, sizeof(*answer));
	answer->id = m->id;
	if (!notice_printable(m->record, 0) || !notice_printable(m->subject, 0) || !notice_printable(m->text, 1) || m->held > 1)
		return (-1);
	if ((to = routes_by_id(m->account)) == NULL) {
		log_warnx("notice for account %" PRIu32 ", which does not exist: %s", m->account, m->subject);
		answer->error = ESRCH;
	} else if (notice_make(to, m, answer->link) == -1) {
		answer->error = errno != 0 ? errno : EIO;
		answer->link[0] = '\0';
	} else if (!m->held)
		answer->link[0] = '\0';
	return (0);
}

/*
 * Puts a notice into its Maildir, or makes it durable in the spool under the name link.  0, or -1 and errno: nothing is left of it.
 */
static int
notice_make(const struct route_account *to, const struct msg_notice *m, char *link)
{
	static uint32_t	 serial;
	struct maildir	*md = NULL;
	struct spool_id	 id;
	struct buf	 text;
	char		 err[PROTO_TEXT_SIZE];
	int		 fd, error;

	errno = 0;
	if (!m->held && (md = maildir_get(to->dir, err, sizeof(err))) == NULL) {
		log_warn("notice for %s: %s: %s", to->dir, m->subject, err);
		return (-1);
	}
	serial = serial % PROTO_MSGS_MAX + 1;
	if ((fd = spool_create(&id, NOTICE_SESSION, serial)) == -1) {
		log_warn("notice for %s: %s: %s", to->dir, m->subject, SPOOL_DIR);
		error = -1;
	} else {
		buf_init(&text, NOTICE_MAX);
		if ((error = notice_text(to, m, &id, &text)) == -1)
			close(fd);
		else
			error = notice_write(fd, &id, &text);
		spool_name(&id, 0, link, PROTO_LINK_SIZE);
		if (error == 0)
			error = m->held ? spool_sync() : maildir_take(md, link) == 1 ? 0 : -1;
		if (error == -1) {
			log_warn("notice for %s: %s", to->dir, m->subject);
			spool_remove(&id, 1);
		}
		buf_free(&text);
	}
	if (md != NULL)
		maildir_release(md);
	return (error == 0 ? 0 : -1);
}

static int
notice_printable(const char *s, int lines)
{
	for (; *s != '\0'; s++)
		if ((*s < ' ' || *s > '~') && !(lines && *s == '\n'))
			return (0);
	return (1);
}

static int
notice_text(const struct route_account *to, const struct msg_notice *m, const struct spool_id *id, struct buf *out)
{
	const char	*local = strchr(to->dir, '/'), *p, *eol;
	char		 host[PROTO_HOST_SIZE], line[sizeof(m->text)];
	int		 rv;

	if (local == NULL)
		return (-1);
	notice_host(host, sizeof(host));
	rv = notice_add(out, "Return-Path: <>\nFrom: Mail retrieval <mailer-daemon@%s>\nTo: <%s@%.*s>\nDate: %s\n", host, local + 1,
	    (int)(local - to->dir), to->dir, prologue_date());
	rv |= notice_add(out, "Message-ID: <%" PRId64 ".%" PRIu32 ".%" PRIu32 ".rpopd@%s>\nSubject:", id->sec, id->usec, id->msgno,
	    host);
	rv |= notice_wrap(out, strlen("Subject:"), m->subject);
	rv |= notice_add(out, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n\n");
	for (p = m->text; *p != '\0'; p = *eol != '\0' ? eol + 1 : eol) {
		eol = p + strcspn(p, "\n");
		memcpy(line, p, eol - p);
		line[eol - p] = '\0';
		rv |= notice_wrap(out, 0, line);
	}
	if (m->record[0] != '\0')
		rv |= notice_add(out, "\nRecord: %s\n", m->record);
	return (rv);
}

int
notice_add(struct buf *out, const char *fmt, ...)
{
	char	 line[1024];
	va_list	 ap;
	int	 n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return (n < 0 || (size_t)n >= sizeof(line) ? -1 : buf_add(out, line, n));
}

/*
 * Appends a line of text, broken at NOTICE_COLUMN, with a line end.  column: octets that the line has already; if it has any, it is
 * a header field, and each word begins with a space, as continued lines have to.
 */
int
notice_wrap(struct buf *out, size_t column, const char *text)
{
	int	 field = column > 0, rv = 0, first = 1;
	size_t	 len;

	for (text += strspn(text, " "); *text != '\0'; text += len, text += strspn(text, " ")) {
		if ((len = strcspn(text, " ")) > NOTICE_WORD)
			len = NOTICE_WORD;
		if (!first && column + 1 + len > NOTICE_COLUMN) {
			rv |= notice_add(out, "\n");
			column = 0;
		}
		rv |= notice_add(out, "%s%.*s", column > 0 || field ? " " : "", (int)len, text);
		column += 1 + len;
		first = 0;
	}
	return (rv | notice_add(out, "\n"));
}

/* Writes the text and makes it durable; fd is closed, and the file gets its final name.  0, or -1 and errno. */
int
notice_write(int fd, struct spool_id *id, struct buf *text)
{
	uint64_t	 octets = buf_len(text), bare = spool_bare(buf_data(text), octets, '\0');
	ssize_t		 n;
	int		 rv = 0;

	for (; rv == 0 && buf_len(text) > 0; buf_consume(text, n))
		if ((n = write(fd, buf_data(text), buf_len(text))) == -1) {
			rv = -1;
			n = 0;
		}
	if (rv == 0)
		rv = fsync(fd);
	if (close(fd) == -1)
		rv = -1;
	if (rv == 0)
		rv = spool_final(id, 0, octets, bare);
	HOOK("deliverer.notice");
	return (rv);
}

/* This machine's name, as far as it can stand behind an @. */
void
notice_host(char *host, size_t size)
{
	char	*p;

	if (strlcpy(host, routes_hostname(), size) == 0)
		strlcpy(host, "localhost", size);
	for (p = host; *p != '\0'; p++)
		if ((*p < '0' || *p > '9') && (*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z') && *p != '.')
			*p = '-';
}
