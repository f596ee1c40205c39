/* SPDX-License-Identifier: ISC */
/*
 * Delivery status notifications (RFC 3464, RFC 6522; RFC 6533 for addresses beyond ASCII): for whom a message has failed and why,
 * in words and for programs, and the header of the message.  Each is written to the spool, and durable before the master hears of
 * it.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

#define DSN_HEADER	65536	/* octets of the original's header that are shown */
#define DSN_GROUP	2048	/* octets about one recipient, at most */
#define DSN_MAX	(4 * DSN_HEADER + PROTO_RCPT_MAX * DSN_GROUP)
#define DSN_NAMED	20	/* recipients in the words for people */
#define DSN_LINE	998	/* octets of a line (RFC 5322 section 2.1.1) */
#define QP_COLUMN	75	/* octets of a line in quoted-printable (RFC 2045 section 6.7) */

static void	 dsn_make(struct msg_dsn_made *);
static int	 dsn_read(const char *, struct buf *);
static size_t	 dsn_header_len(const uint8_t *, size_t);
static int	 dsn_plain(const uint8_t *, size_t);
static int	 dsn_top(const struct spool_id *, const char *, const char *, struct buf *);
static int	 dsn_words(struct buf *);
static int	 dsn_named(const struct msg_dsn_rcpt *);
static int	 dsn_status(const char *, struct buf *);
static int	 dsn_group(const struct msg_dsn_rcpt *, struct buf *);
static int	 dsn_address(struct buf *, const char *, const char *);
static int	 dsn_quoted(struct buf *, const uint8_t *, size_t);
static int	 dsn_text(const struct spool_id *, struct buf *, struct buf *);
static int	 dsn_date(int64_t, char *, size_t);

static struct {				/* the notification that recipients are still told for */
	struct msg_dsn		 m;	/* rcpts 0: there is none */
	uint32_t		 got;	/* recipients that were told so far */
	struct buf		 named, groups;	/* what is said of recipients, for people and for programs */
	int			 failed;
}			 dsn;

int
dsn_begin(const struct msg_dsn *m)
{
	if (dsn.m.rcpts != 0 || m->rcpts == 0 || m->rcpts > PROTO_RCPT_MAX)
		return (-1);
	dsn.m = *m;
	dsn.got = 0;
	dsn.failed = 0;
	buf_init(&dsn.named, DSN_NAMED * DSN_GROUP);
	buf_init(&dsn.groups, PROTO_RCPT_MAX * DSN_GROUP);
	return (0);
}

int
dsn_rcpt(const struct msg_dsn_rcpt *r, struct msg_dsn_made *answer)
{
	if (dsn.m.rcpts == 0 || r->id != dsn.m.id)
		return (-1);
	dsn.failed |= dsn_named(r) != 0 || dsn_group(r, &dsn.groups) != 0;
	if (++dsn.got < dsn.m.rcpts)
		return (0);
	dsn_make(answer);
	buf_free(&dsn.named);
	buf_free(&dsn.groups);
	dsn.m.rcpts = 0;
	return (1);
}

/* Makes the notification.  The answer has its link, or an errno, ENOENT if the original is not in the spool. */
static void
dsn_make(struct msg_dsn_made *answer)
{
	struct buf	 header, text;
	struct spool_id	 id;
	static uint32_t	 serial;
	int		 fd, made = 0;

	memset(answer, 0, sizeof(*answer));
	answer->id = dsn.m.id;
	buf_init(&header, DSN_HEADER);
	buf_init(&text, DSN_MAX);
	serial = serial % PROTO_MSGS_MAX + 1;
	errno = 0;
	if (dsn_read(dsn.m.link, &header) == 0 && (fd = spool_create(&id, NOTICE_SESSION, serial)) != -1) {
		if (dsn.failed || dsn_text(&id, &header, &text) == -1) {
			errno = ENOMEM;
			close(fd);
		} else
			made = notice_write(fd, &id, &text) == 0 && spool_sync() == 0;
		spool_name(&id, 0, answer->link, sizeof(answer->link));
		if (!made) {
			answer->error = errno != 0 ? errno : EIO;
			spool_remove(&id, 1);
		}
	} else
		answer->error = errno != 0 ? errno : EIO;
	if (answer->error != 0)
		answer->link[0] = '\0';
	HOOK("deliverer.report");
	buf_free(&header);
	buf_free(&text);
}

/* Reads the original's header, without the Return-Path that the deliverer has put on top.  0, or -1 and errno. */
static int
dsn_read(const char *link, struct buf *header)
{
	struct spool_id	 id;
	uint32_t	 rcpt;
	uint8_t		*data, *eol;
	ssize_t		 n = -1;
	size_t		 len;
	int		 fd, error;

	if (spool_parse(link, &id, &rcpt) == -1) {
		errno = EINVAL;
		return (-1);
	}
	if ((fd = openat(spool_fd(), link, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (-1);
	if ((data = malloc(DSN_HEADER)) != NULL && (n = read(fd, data, DSN_HEADER)) != -1) {
		len = (size_t)n;
		eol = memchr(data, '\n', len);
		if (eol != NULL && len >= 12 && strncasecmp((char *)data, "Return-Path:", 12) == 0) {
			len -= eol + 1 - data;
			memmove(data, eol + 1, len);
		}
		if (buf_add(header, data, dsn_header_len(data, len)) == -1) {
			errno = ENOMEM;
			n = -1;
		}
	}
	error = errno;
	free(data);
	close(fd);
	errno = error;
	return (n == -1 ? -1 : 0);
}

/* The length of the header in these octets, as far as they have whole lines. */
static size_t
dsn_header_len(const uint8_t *data, size_t len)
{
	const uint8_t	*p = data, *eol;

	while ((eol = memchr(p, '\n', len - (p - data))) != NULL) {
		if (eol == p || (*p != ' ' && *p != '\t' && memchr(p, ':', eol - p) == NULL))
			break;
		p = eol + 1;
	}
	return (p - data);
}

/* Whether octets can be sent anywhere as they are. */
static int
dsn_plain(const uint8_t *data, size_t len)
{
	size_t	 i, column = 0;

	for (i = 0; i < len; i++) {
		column = data[i] == '\n' ? 0 : column + 1;
		if (column > DSN_LINE || ((data[i] < ' ' || data[i] > '~') && data[i] != '\n' && data[i] != '\t'))
			return (0);
	}
	return (1);
}

static int
dsn_text(const struct spool_id *id, struct buf *header, struct buf *out)
{
	char		 host[PROTO_HOST_SIZE], boundary[64];
	const uint8_t	*data = buf_data(header);
	size_t		 len = buf_len(header);
	int		 rv, plain = dsn_plain(data, len);

	notice_host(host, sizeof(host));
	snprintf(boundary, sizeof(boundary), "=_%08" PRIx32 "%08" PRIx32 ".%" PRIu32, arc4random(), arc4random(), id->msgno);
	rv = dsn_top(id, host, boundary, out);
	rv |= notice_add(out, "--%s\nContent-Type: text/plain; charset=us-ascii\n\n", boundary);
	rv |= dsn_words(out);
	rv |= notice_add(out, "\n--%s\nContent-Type: message/delivery-status\n\n", boundary);
	rv |= dsn_status(host, out);
	rv |= notice_add(out, "\n--%s\nContent-Type: text/rfc822-headers\nContent-Transfer-Encoding: %s\n\n", boundary,
	    plain ? "7bit" : "quoted-printable");
	rv |= plain ? buf_add(out, data, len) : dsn_quoted(out, data, len);
	rv |= notice_add(out, "\n--%s--\n", boundary);
	return (rv == 0 ? 0 : -1);
}

static int
dsn_top(const struct spool_id *id, const char *host, const char *boundary, struct buf *out)
{
	int	 rv;

	rv = notice_add(out, "Return-Path: <>\nFrom: Mail delivery <mailer-daemon@%s>\nTo: <%s>\nDate: %s\n", host, dsn.m.sender,
	    prologue_date());
	rv |= notice_add(out, "Message-ID: <%" PRId64 ".%" PRIu32 ".%" PRIu32 ".report.rpopd@%s>\n", id->sec, id->usec,
	    id->msgno, host);
	rv |= notice_add(out, "Subject: Your message could not be delivered\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n");
	rv |= notice_add(out, "Content-Type: multipart/report; report-type=delivery-status;\n boundary=\"%s\"\n\n", boundary);
	return (rv);
}

/* Appends the part for people. */
static int
dsn_words(struct buf *out)
{
	int	 rv = 0;

	if (dsn.m.postmaster)
		rv |= notice_add(out, "This report is for the sender below; no next hop for reports is configured\n"
		    "(settings.report_nexthop), so that you get it.\n\n");
	if (dsn.m.rcpts == 1)
		rv |= notice_add(out, "Your message could not be delivered to\n\n");
	else
		rv |= notice_add(out, "Your message could not be delivered to %" PRIu32 " recipients:\n\n", dsn.m.rcpts);
	rv |= buf_add(out, buf_data(&dsn.named), buf_len(&dsn.named));
	if (dsn.m.rcpts > DSN_NAMED)
		rv |= notice_add(out, "and %" PRIu32 " more, who are named below\n\n", dsn.m.rcpts - DSN_NAMED);
	return (rv | notice_add(out, "It will not be tried again.\n"));
}

/* Appends a recipient, and why it failed, to the part for people, where an address that is not ASCII is left out.  0 or -1. */
static int
dsn_named(const struct msg_dsn_rcpt *r)
{
	const char	*to = r->original[0] != '\0' ? r->original : r->recipient;
	struct buf	*out = &dsn.named;
	int		 rv = 0;

	if (dsn.got >= DSN_NAMED)
		return (0);
	rv |= notice_add(out, "    %s\n\n", dsn_plain((const uint8_t *)to, strlen(to)) ? to : "(see below)");
	if (r->code != 0 && r->remote[0] != '\0')
		rv |= notice_add(out, "%s said:\n\n    ", r->remote);
	else
		rv |= notice_add(out, "The reason:\n\n    ");
	if (r->code != 0)
		rv |= notice_add(out, "%" PRIu32 " ", r->code);
	return (rv | notice_add(out, "%s\n\n", r->text[0] != '\0' ? r->text : r->status));
}

/* Appends the part for programs: the fields about the message (RFC 3464 section 2.2), and those of each recipient. */
static int
dsn_status(const char *host, struct buf *out)
{
	char	 date[64];
	int	 rv;

	rv = notice_add(out, "Reporting-MTA: dns; %s\n", host);
	if (dsn_date(dsn.m.arrived, date, sizeof(date)) == 0)
		rv |= notice_add(out, "Arrival-Date: %s\n", date);
	return (rv | buf_add(out, buf_data(&dsn.groups), buf_len(&dsn.groups)));
}

/* Appends the fields about a recipient (RFC 3464 section 2.3), with the empty line ahead of them. */
static int
dsn_group(const struct msg_dsn_rcpt *r, struct buf *out)
{
	char	 diagnosis[PROTO_TEXT_SIZE + 32];
	int	 rv;

	rv = notice_add(out, "\n");
	if (r->original[0] != '\0')
		rv |= dsn_address(out, "Original-Recipient", r->original);
	rv |= dsn_address(out, "Final-Recipient", r->recipient);
	rv |= notice_add(out, "Action: failed\nStatus: %s\n", r->status);
	if (r->remote[0] != '\0')
		rv |= notice_add(out, "Remote-MTA: dns; %s\n", r->remote);
	if (r->code != 0)
		snprintf(diagnosis, sizeof(diagnosis), "%" PRIu32 " %s %s", r->code, r->status, r->text);
	else
		strlcpy(diagnosis, r->text, sizeof(diagnosis));
	if (diagnosis[0] != '\0') {
		rv |= notice_add(out, "Diagnostic-Code: %s;", r->code != 0 ? "smtp" : "x-rpopd");
		rv |= notice_wrap(out, strlen("Diagnostic-Code: smtp;"), diagnosis);
	}
	return (rv | notice_add(out, "Last-Attempt-Date: %s\n", prologue_date()));
}

/* Writes an address that is not ASCII in the form that needs no 8-bit transport (RFC 6533 section 3). */
static int
dsn_address(struct buf *out, const char *field, const char *address)
{
	const uint8_t	*p = (const uint8_t *)address;
	uint32_t	 c;
	int		 rv, more;

	if (dsn_plain(p, strlen(address)))
		return (notice_add(out, "%s: rfc822; %s\n", field, address));
	rv = notice_add(out, "%s: utf-8; ", field);
	while (*p != '\0') {
		if ((c = *p++) < 0x80 && c > ' ' && c != '\\' && c != '+' && c != '=' && c != 0x7f) {
			rv |= notice_add(out, "%c", (int)c);
			continue;
		}
		more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		c &= more > 0 ? 0x3f >> more : 0xff;
		for (; more > 0 && (*p & 0xc0) == 0x80; more--)
			c = c << 6 | (*p++ & 0x3f);
		rv |= notice_add(out, "\\x{%02" PRIX32 "}", c);
	}
	return (rv | notice_add(out, "\n"));
}

static int
dsn_quoted(struct buf *out, const uint8_t *data, size_t len)
{
	size_t	 i, column = 0, n;
	int	 rv = 0, plain;

	for (i = 0; i < len; i++) {
		if (data[i] == '\n') {
			rv |= buf_add(out, "\n", 1);
			column = 0;
			continue;
		}
		plain = data[i] > ' ' ? data[i] != '=' && data[i] <= '~' : data[i] == ' ' && i + 1 < len && data[i + 1] != '\n';
		n = plain ? 1 : 3;
		if (column + n > QP_COLUMN) {
			rv |= buf_add(out, "=\n", 2);
			column = 0;
		}
		rv |= plain ? buf_add(out, &data[i], 1) : notice_add(out, "=%02X", data[i]);
		column += n;
	}
	return (rv);
}

/* Writes a time as RFC 5322 has it.  0, or -1: there is no such time. */
static int
dsn_date(int64_t when, char *date, size_t size)
{
	time_t		 t = when;
	struct tm	 tm;

	return (localtime_r(&t, &tm) == NULL || strftime(date, size, "%a, %d %b %Y %H:%M:%S %z", &tm) == 0 ? -1 : 0);
}
