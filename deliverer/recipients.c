/* SPDX-License-Identifier: ISC */
/*
 * Who gets a message, and the lines put on top of it.  Nothing the sender wrote reaches these lines but the Return-Path address,
 * parsed and written anew.
 */
#include <sys/socket.h>

#include <arpa/inet.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/compat.h"
#include "deliverer.h"

#define SET_SLOTS	4096	/* power of two, well over PROTO_RCPT_MAX */

/* The search for recipients in header fields. */
struct search {
	struct recipients	*to;
	const char		*domain;	/* completes bare local parts */
	size_t			 room;		/* of to->list */
	uint32_t		 fields;	/* looked at */
	uint32_t		 unknown;	/* addresses not in the table */
	uint32_t		 found;		/* accounts of the address looked at */
	uint32_t		 doubtful;	/* list elements that are no address */
	int			 full;		/* more than PROTO_RCPT_MAX accounts */
	int			 error;
	const struct route_account *set[SET_SLOTS];	/* what is in to->list, hashed */
};

static int	 recipients_envelope(const struct msg_session_open *, const struct header *, struct search *);
static int	 recipients_star(const struct header *, struct search *);
static void	 recipients_scan(const struct header *, enum field_kind, enum field_kind, int, struct search *);
static int	 recipients_found(void *, const struct mailaddr *);
static int	 recipients_place(void *, const struct route_place *);
static int	 recipients_add(struct search *, const struct route_account *);
static int	 recipients_only(struct recipients *, const struct route_account *);
static int	 recipients_postmaster(struct recipients *);
static void	 recipients_reason(struct recipients *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
static void	 recipients_sender(const struct header *, struct recipients *);
static const uint8_t	*recipients_body(const struct header *, const struct field *);
static int	 recipients_trace(const struct msg_session_open *, char *, size_t);
static int	 recipients_ishost(const char *);
static void	 recipients_literal(const char *, char *, size_t);

int
recipients_decide(const struct msg_session_open *open, const struct header *h, struct recipients *to)
{
	struct search	 s;

	memset(to, 0, sizeof(*to));
	if ((to->table = routes_hold()) == NULL)
		return (-1);
	recipients_sender(h, to);
	if (open->mode == DIST_OWNER)
		return (recipients_only(to, routes_by_id(open->account)));
	if (h->toobig) {
		recipients_reason(to, "the header is too large to find the recipients in it");
		return (recipients_postmaster(to));
	}
	memset(&s, 0, sizeof(s));
	s.to = to;
	s.domain = open->domain;
	return (open->mode == DIST_FIELD ? recipients_envelope(open, h, &s) : recipients_star(h, &s));
}

void
recipients_free(struct recipients *to)
{
	free(to->list);
	routes_release(to->table);
	memset(to, 0, sizeof(*to));
}

int
recipients_prologue(const struct msg_session_open *open, uint32_t msgno, const struct recipients *to, struct buf *out)
{
	static const char *const	 protocols[] = {
		"POP3", [TLS_MODE_TLS] = "POP3S", [TLS_MODE_STLS] = "POP3S", [TLS_MODE_NONE] = "POP3"
	};
	char		 line[sizeof(to->sender) + PROTO_HOST_SIZE * 3 + 256], from[PROTO_HOST_SIZE * 2 + 128];
	const char	*with = protocols[open->tls < nitems(protocols) ? open->tls : 0];
	int		 n;

	if (recipients_trace(open, from, sizeof(from)) == -1)
		return (-1);
	n = snprintf(line, sizeof(line), "Return-Path: <%s>\nReceived: from %s\n\tby %s (rpopd) with %s id S%uN%u;\n\t%s\n",
	    to->sender, from, routes_hostname(), with, open->session, msgno, recipients_date());
	if (n < 0 || (size_t)n >= sizeof(line) || buf_add(out, line, n) == -1)
		return (-1);
	if (!to->fallback)
		return (0);
	n = snprintf(line, sizeof(line), "X-Rpopd-Reason: %s\n", to->reason);
	return (n < 0 || (size_t)n >= sizeof(line) ? -1 : buf_add(out, line, n));
}

/* size: of the whole message, as listed; 0: unknown. */
int
recipients_header_only(uint32_t size, struct buf *out)
{
	char	 octets[32] = "", line[128];
	int	 n;

	if (size > 0)
		snprintf(octets, sizeof(octets), " of %u octets", size);
	n = snprintf(line, sizeof(line), "X-Rpopd-Reason: header only, the message%s was left on the server\n", octets);
	return (buf_add(out, line, n));
}

/* S43, S46, H3, H4: every address of every special field; what cannot be placed goes to the postmaster as well. */
static int
recipients_envelope(const struct msg_session_open *open, const struct header *h, struct search *s)
{
	struct recipients	*to = s->to;

	recipients_scan(h, FIELD_SPECIAL, FIELD_SPECIAL, MAILADDR_BARE, s);
	if (s->error)
		return (-1);
	if (s->full) {
		recipients_reason(to, "more than %d recipients", PROTO_RCPT_MAX);
		return (recipients_postmaster(to));
	}
	if (s->fields == 0)
		recipients_reason(to, "there is no %s field", open->special);
	else if (s->unknown > 0)
		recipients_reason(to, "an envelope recipient in the %s field is unknown here", open->special);
	else if (s->doubtful > 0)
		recipients_reason(to, "an address in the %s field cannot be understood", open->special);
	else if (to->n == 0)
		recipients_reason(to, "there is no address in the %s field", open->special);
	else
		return (0);
	if (recipients_add(s, routes_postmaster()) == -1)
		return (-1);
	return (s->full ? recipients_postmaster(to) : 0);
}

/* S47, S48, S49, S51: local addresses in To, Cc and Bcc; the others are of no concern. */
static int
recipients_star(const struct header *h, struct search *s)
{
	recipients_scan(h, FIELD_TO, FIELD_BCC, 0, s);
	if (s->error)
		return (-1);
	if (s->full)
		recipients_reason(s->to, "more than %d recipients", PROTO_RCPT_MAX);
	else if (s->fields == 0)
		recipients_reason(s->to, "there is no To, Cc or Bcc field");
	else if (s->to->n == 0)
		recipients_reason(s->to, "no address in To, Cc or Bcc belongs to an account here");
	else
		return (0);
	return (recipients_postmaster(s->to));
}

/* Addresses in fields of the kinds first to last, in the order of the message. */
static void
recipients_scan(const struct header *h, enum field_kind first, enum field_kind last, int flags, struct search *s)
{
	const struct field	*f;
	size_t			 i;
	int			 bad;

	for (i = 0; i < h->nfields && !s->full && !s->error; i++) {
		f = &h->fields[i];
		if (f->kind < first || f->kind > last)
			continue;
		s->fields++;
		mailaddr_list(recipients_body(h, f), f->len, flags, recipients_found, s, &bad);
		s->doubtful += bad;
	}
}

static int
recipients_found(void *arg, const struct mailaddr *a)
{
	struct search	*s = arg;
	char		 key[PROTO_ADDR_SIZE];

	s->found = 0;
	if (mailaddr_key(a, s->domain, key, sizeof(key)) != -1 &&
	    route_lookup(routes_table(), key, recipients_place, s, NULL) == -1)
		s->error = 1;
	s->unknown += s->found == 0;
	return (s->full || s->error);
}

static int
recipients_place(void *arg, const struct route_place *p)
{
	struct search	*s = arg;

	if (p->what != PLACE_ACCOUNT)
		return (0);
	s->found++;
	if (recipients_add(s, p->account) == -1)
		s->error = 1;
	return (s->full || s->error);
}

/* Each account once; over the cap nothing is added and full is set. */
static int
recipients_add(struct search *s, const struct route_account *account)
{
	struct recipients	*to = s->to;
	const struct route_account **list;
	size_t			 i;

	if (account == NULL)
		return (-1);
	for (i = account->id % SET_SLOTS; s->set[i] != NULL; i = (i + 1) % SET_SLOTS)
		if (s->set[i] == account)
			return (0);
	if (to->n == PROTO_RCPT_MAX) {
		s->full = 1;
		return (0);
	}
	if (to->n == s->room) {
		if ((list = reallocarray(to->list, s->room * 2 + 4, sizeof(*list))) == NULL)
			return (-1);
		to->list = list;
		s->room = s->room * 2 + 4;
	}
	s->set[i] = account;
	to->list[to->n++] = account;
	return (0);
}

static int
recipients_only(struct recipients *to, const struct route_account *account)
{
	if (account == NULL)
		return (-1);
	free(to->list);
	to->n = 0;
	if ((to->list = calloc(1, sizeof(*to->list))) == NULL)
		return (-1);
	to->list[to->n++] = account;
	return (0);
}

static int
recipients_postmaster(struct recipients *to)
{
	return (recipients_only(to, routes_postmaster()));
}

/* The field's name is the administrator's, and still nothing but printable ASCII gets through. */
static void
recipients_reason(struct recipients *to, const char *fmt, ...)
{
	va_list	 ap;
	char	*p;

	va_start(ap, fmt);
	vsnprintf(to->reason, sizeof(to->reason), fmt, ap);
	va_end(ap);
	for (p = to->reason; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	to->fallback = 1;
}

/* S41, H5: the first Return-Path that can be understood; "<>" is one that can. */
static void
recipients_sender(const struct header *h, struct recipients *to)
{
	struct mailaddr	 a;
	size_t		 i;
	int		 what = -1;

	for (i = 0; i < h->nfields && what == -1; i++)
		if (h->fields[i].kind == FIELD_RETURN_PATH)
			what = mailaddr_path(recipients_body(h, &h->fields[i]), h->fields[i].len, &a);
	if (what != 1 || mailaddr_format(&a, to->sender, sizeof(to->sender)) == -1)
		to->sender[0] = '\0';
}

static const uint8_t *
recipients_body(const struct header *h, const struct field *f)
{
	return (f->len == 0 ? (const uint8_t *)"" : h->bodies.base + h->bodies.off + f->off);
}

/* What stands behind "from" (RFC 5321 4.4): name and address of the polled server, as far as they are what they should be. */
static int
recipients_trace(const struct msg_session_open *open, char *buf, size_t size)
{
	char		 name[INET6_ADDRSTRLEN + 16], address[INET6_ADDRSTRLEN + 16];
	const char	*host = name;
	int		 n;

	recipients_literal(open->host, name, sizeof(name));
	recipients_literal(open->address, address, sizeof(address));
	if (name[0] == '\0')
		host = recipients_ishost(open->host) ? open->host : address;
	if (host[0] == '\0')
		n = snprintf(buf, size, "unknown");
	else if (address[0] == '\0')
		n = snprintf(buf, size, "%s", host);
	else if (host[0] == '[')
		n = snprintf(buf, size, "%s (%s)", host, address);
	else
		n = snprintf(buf, size, "%s (%s %s)", host, host, address);
	return (n < 0 || (size_t)n >= size ? -1 : 0);
}

static int
recipients_ishost(const char *host)
{
	static const char	 legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

	return (host[0] != '\0' && host[strspn(host, legal)] == '\0');
}

/* The address literal of a numeric address, written anew; empty if it is none. */
static void
recipients_literal(const char *numeric, char *buf, size_t size)
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
 * Now, as RFC 5322 3.3 writes it, made once per second.  localtime_r(3) does not look for the zone file again, so tzset(3) has to
 * have been called before chroot(2).
 */
const char *
recipients_date(void)
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
