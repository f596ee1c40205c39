/* SPDX-License-Identifier: ISC */
/*
 * The lines that are put on top of a message.  Of what the sender wrote only the address of Return-Path reaches them, written anew.
 * What is sent gets Date and Message-ID there, too, if it has none.
 */
#include <sys/socket.h>

#include <arpa/inet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "deliverer.h"

static int	 prologue_trace(const struct msg_session_open *, char *, size_t);
static int	 prologue_ishost(const char *);
static void	 prologue_literal(const char *, char *, size_t);

int
prologue_write(const struct msg_session_open *open, uint32_t msgno, const struct recipients *to, int missed, const char *names,
    struct buf *out)
{
	static const char *const	 protocols[] = {
		"POP3", [TLS_MODE_TLS] = "POP3S", [TLS_MODE_STLS] = "POP3S", [TLS_MODE_NONE] = "POP3"
	};
	char		 line[sizeof(to->sender) + PROTO_HOST_SIZE * 3 + 256], from[PROTO_HOST_SIZE * 2 + 128];
	const char	*with = protocols[open->tls < nitems(protocols) ? open->tls : 0];
	int		 n;

	if (prologue_trace(open, from, sizeof(from)) == -1)
		return (-1);
	n = snprintf(line, sizeof(line), "Return-Path: <%s>\n", to->sender);
	if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1 || prologue_names(names, out) == -1)
		return (-1);
	n = snprintf(line, sizeof(line), "Received: from %s\n\tby %s (rpopd) with %s id S%uN%u;\n\t%s\n", from, routes_hostname(), with,
	    open->session, msgno, prologue_date());
	if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1)
		return (-1);
	if (to->date[0] != '\0' && (buf_add(out, "Date: ", 6) == -1 || buf_add(out, to->date, strlen(to->date)) == -1 ||
	    buf_add(out, "\n", 1) == -1))
		return (-1);
	if (to->msgid[0] != '\0') {
		n = snprintf(line, sizeof(line), "Message-ID: <%s>\n", to->msgid);
		if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1)
			return (-1);
	}
	if (to->mark[0] != '\0') {
		n = snprintf(line, sizeof(line), MARK_FIELD ": %s\n", to->mark);
		if (buf_add(out, line, n) == -1)
			return (-1);
	}
	if (to->reason[0] == '\0')
		return (0);
	n = snprintf(line, sizeof(line), "X-Rpopd-Reason: %s", to->reason);
	if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1 ||
	    (missed && missed_write(&to->missed, out) == -1))
		return (-1);
	return (buf_add(out, "\n", 1));
}

/* Appends the field of a unified account's mail that names the addresses which it came for; NULL: it is no such mail.  0 or -1. */
int
prologue_names(const char *names, struct buf *out)
{
	const char	*field = routes_unified_field();

	if (names == NULL)
		return (0);
	return (buf_add(out, field, strlen(field)) == -1 || buf_add(out, ": ", 2) == -1 || buf_add(out, names, strlen(names)) == -1 ||
	    buf_add(out, "\n", 1) == -1 ? -1 : 0);
}

/*
 * Appends the line about a header whose message was not retrieved; size is that of the message as listed, 0: not known.  0 or -1.
 */
int
prologue_header_only(uint32_t size, struct buf *out)
{
	char	 octets[32] = "", line[128];
	int	 n;

	if (size > 0)
		snprintf(octets, sizeof(octets), " of %u octets", size);
	n = snprintf(line, sizeof(line), "X-Rpopd-Reason: header only, the message%s was left on the server\n", octets);
	return (buf_add(out, line, n));
}

/* Writes what follows "from" (RFC 5321 section 4.4): name and address of the polled server, as far as they are sound. */
static int
prologue_trace(const struct msg_session_open *open, char *buf, size_t size)
{
	char		 name[INET6_ADDRSTRLEN + 16], address[INET6_ADDRSTRLEN + 16];
	const char	*host = name;
	int		 n;

	prologue_literal(open->host, name, sizeof(name));
	prologue_literal(open->address, address, sizeof(address));
	if (name[0] == '\0')
		host = prologue_ishost(open->host) ? open->host : address;
	if (host[0] == '\0')
		n = snprintf(buf, size, "unknown");
	else if (address[0] == '\0' || open->host[0] == '\0')
		n = snprintf(buf, size, "%s", host);
	else if (host[0] == '[')
		n = snprintf(buf, size, "%s (%s)", host, address);
	else
		n = snprintf(buf, size, "%s (%s %s)", host, host, address);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

static int
prologue_ishost(const char *host)
{
	static const char	 legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return (host[0] != '\0' && host[strspn(host, legal)] == '\0');
}

/* Writes the address literal of a numeric address, or an empty string if it is none. */
static void
prologue_literal(const char *numeric, char *buf, size_t size)
{
	char		 text[INET6_ADDRSTRLEN];
	struct in6_addr	 in6;
	struct in_addr	 in;

	buf[0] = '\0';
	if (inet_pton(AF_INET, numeric, &in) == 1 && inet_ntop(AF_INET, &in, text, sizeof(text)) != NULL)
		snprintf(buf, size, "[%s]", text);
	else if (inet_pton(AF_INET6, numeric, &in6) == 1 && inet_ntop(AF_INET6, &in6, text, sizeof(text)) != NULL)
		snprintf(buf, size, "[IPv6:%s]", text);
}

/*
 * The present time as RFC 5322 section 3.3 writes it, made once a second.  localtime_r(3) does not read the zone file again, so
 * tzset(3) has to have been called ahead of chroot(2).
 */
const char *
prologue_date(void)
{
	static const char	 days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char	 months[][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	static char		 date[64];
	static time_t		 last = -1;
	time_t			 now = time(NULL);
	struct tm		 tm;
	long			 zone;

	if (now == last)
		return (date);
	if (localtime_r(&now, &tm) == NULL)
		return ("Thu, 1 Jan 1970 00:00:00 -0000");
	zone = tm.tm_gmtoff / 60;
	snprintf(date, sizeof(date), "%s, %d %s %04d %02d:%02d:%02d %c%02ld%02ld", days[tm.tm_wday], tm.tm_mday,
	    months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, zone < 0 ? '-' : '+', labs(zone) / 60,
	    labs(zone) % 60);
	last = now;
	return (date);
}
