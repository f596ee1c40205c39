/* SPDX-License-Identifier: ISC */
/*
 * What an administrator is told: what becomes of an address, rule by rule, as for the address of an envelope; and what would become
 * of a message that a session only tries.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "common/mail/envfield.h"
#include "deliverer.h"

#define TRAIL_MAX	65536
#define TRIED_NAMED	20	/* recipients of a message that are named one by one */
#define PLACES_MAX	200	/* places of an address that are told one by one */

struct question {
	uint32_t	 id;
	uint32_t	 places;
	struct buf	 told;		/* lines about the places */
};

static void	 tried_fields(struct msg_session_tried *, const struct header *, const struct recipients *);
static void	 tried_place(struct msg_session_tried *, const struct place *);
static void	 tried_line(struct msg_session_tried *, const char *, ...) __attribute__((__format__(printf, 2, 3)));
static void	 ask_way(struct question *, struct mailaddr *);
static int	 ask_place(void *, const struct route_place *);
static void	 ask_lines(const struct question *, struct buf *);
static void	 ask_tell(const struct question *, uint32_t last, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* Answers a question about an address by lines, one of which is marked as the last.  0, or -1: the question breaks the rules. */
int
ask_route(const struct msg_route_ask *m)
{
	struct question	 q = { .id = m->id };
	struct mailaddr	 a;
	char		 before[PROTO_ADDR_SIZE * 2], after[PROTO_ADDR_SIZE * 2];
	int		 detour;

	if (!proto_str(m->address, sizeof(m->address)))
		return (-1);
	if (routes_table() == NULL || mailaddr_path((const uint8_t *)m->address, strlen(m->address), &a) != 1 ||
	    a.domain[0] == '\0' || mailaddr_format(&a, before, sizeof(before)) == -1) {
		ask_tell(&q, 2, "not an address: write local-part@domain");
		return (0);
	}
	if ((detour = address_source_route(&a)) == 1 && mailaddr_format(&a, after, sizeof(after)) != -1)
		ask_tell(&q, 0, "%s: stands for %s, as source_routes of its domain allows", before, after);
	if (detour == -1)
		ask_tell(&q, 1, "%s: not known here: no address is left behind its detours", before);
	else
		ask_way(&q, &a);
	return (0);
}

static void
ask_way(struct question *q, struct mailaddr *a)
{
	struct buf	 trail;
	char		 key[PROTO_ADDR_SIZE];
	int		 n = 0;

	buf_init(&trail, TRAIL_MAX);
	buf_init(&q->told, TRAIL_MAX);
	if (mailaddr_key(a, "", key, sizeof(key)) == -1)
		ask_tell(q, 0, "too long to be an address");
	else
		n = route_lookup(routes_table(), key, ask_place, q, &trail);
	ask_lines(q, &trail);
	ask_lines(q, &q->told);
	if (n > PLACES_MAX)
		ask_tell(q, 0, "and %d more", n - PLACES_MAX);
	if (n == 0)
		ask_tell(q, 1, "=> nowhere; from a special header it goes to the postmaster, from To, Cc and Bcc it is ignored");
	else
		ask_tell(q, 1, "%s", n == -1 ? "=> and, from a special header, to the postmaster: an address becomes too long, "
		    "the rows lead on without end, or memory is short" : "");
	buf_free(&trail);
	buf_free(&q->told);
}

static int
ask_place(void *arg, const struct route_place *p)
{
	struct question		*q = arg;
	const struct route_account *a = p->account;
	char			 line[PROTO_TEXT_SIZE * 2], vis[PROTO_ADDR_SIZE], dir[PROTO_MAILBOX_SIZE + 1] = "";
	int			 n = 0;

	if (++q->places > PLACES_MAX)
		return (0);
	log_vis(vis, sizeof(vis), p->address, strlen(p->address));
	switch (p->what) {
	case PLACE_ACCOUNT:
		if (p->folder[0] == '\0' && a->nexthop != 0)
			n = snprintf(line, sizeof(line), "=> account %s: next hop #%u as %s\n", a->dir, a->nexthop, vis);
		else if (maildir_folder(p->folder, dir, sizeof(dir)) == -1)
			n = snprintf(line, sizeof(line), "=> account %s: a folder that cannot be\n", a->dir);
		else
			n = snprintf(line, sizeof(line), "=> account %s: Maildir %s%s%s\n", a->dir, a->dir,
			    dir[0] != '\0' ? "/" : "", dir);
		break;
	case PLACE_NEXTHOP:
		n = snprintf(line, sizeof(line), "=> next hop #%u as %s\n", p->nexthop, vis);
		break;
	case PLACE_REJECT:
		n = snprintf(line, sizeof(line), "=> rejected%s%s\n", p->text[0] != '\0' ? ": " : "", p->text);
		break;
	case PLACE_DISCARD:
		n = snprintf(line, sizeof(line), "=> discarded\n");
		break;
	}
	if (p->alien && n > 0 && (size_t)n < sizeof(line))
		n += snprintf(line + n - 1, sizeof(line) - n + 1, "; ignored where special is '*'\n") - 1;
	if (n > 0 && (size_t)n < sizeof(line))
		(void)buf_add(&q->told, line, n);
	return (0);
}

/* Sends each line of the trail as a message of its own. */
static void
ask_lines(const struct question *q, struct buf *b)
{
	uint8_t	*line;
	size_t	 len;

	while (buf_line(b, &line, &len) == 1)
		ask_tell(q, 0, "%.*s", (int)len, (const char *)line);
}

static void
ask_tell(const struct question *q, uint32_t last, const char *fmt, ...)
{
	struct msg_route_told	 m;
	va_list		 ap;
	char		*p;

	memset(&m, 0, sizeof(m));
	m.id = q->id;
	m.last = last;
	va_start(ap, fmt);
	vsnprintf(m.text, sizeof(m.text), fmt, ap);
	va_end(ap);
	for (p = m.text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	master_send(IMSG_ROUTE_TOLD, &m, sizeof(m));
}

/*
 * Tells the master of a message in a session that only tries: the note that its delivery would leave, then the places where it
 * would go.
 */
void
tried_tell(const struct msg_session_open *open, uint32_t msgno, const struct header *h, struct recipients *to)
{
	struct msg_session_tried	 m;
	size_t			 i, n = buf_len(&to->note);

	memset(&m, 0, sizeof(m));
	m.session = open->session;
	m.msgno = msgno;
	if (open->mode == DIST_FIELD && !h->toobig)
		tried_fields(&m, h, to);
	if (n > 0 && n < sizeof(m.text)) {
		memcpy(m.text, buf_data(&to->note), n);
		if (m.text[n - 1] != '\n')
			strlcat(m.text, "\n", sizeof(m.text));
	}
	for (i = 0; i < to->places.n && i < TRIED_NAMED; i++)
		tried_place(&m, &to->places.list[i]);
	if (to->places.n > TRIED_NAMED)
		tried_line(&m, "and %zu others", to->places.n - TRIED_NAMED);
	master_send(IMSG_SESSION_TRIED, &m, sizeof(m));
}

/* What the header has of envelope fields. */
static void
tried_fields(struct msg_session_tried *m, const struct header *h, const struct recipients *to)
{
	size_t	 i;

	m->looked = 1;
	for (i = 0; i < h->nfields; i++)
		m->had |= h->fields[i].kind == FIELD_SPECIAL;
	m->counted = !to->unfound;
	m->likely = h->likely | (envelope_has_for(h) ? 1U << ENVFIELD_FOR : 0);
}

static void
tried_place(struct msg_session_tried *m, const struct place *p)
{
	const char	*dest = p->dest != NULL ? p->dest : "", *reason = p->reason != NULL ? p->reason : "";

	switch (p->kind) {
	case RCPT_MAILDIR:
		tried_line(m, "=> Maildir %s", dest);
		break;
	case RCPT_RELAY:
		tried_line(m, "=> next hop %u, as %s%s", p->nexthop, dest,
		    p->notify == NOTIFY_FAILURE ? ", failure would be reported" : "");
		break;
	case RCPT_QUARANTINE:
		tried_line(m, "=> quarantine, meant for %s: %s", dest, reason);
		break;
	case RCPT_REJECT:
		tried_line(m, "=> refused, %s: %s", dest, reason);
		break;
	case RCPT_DISCARD:
		tried_line(m, "=> discarded, %s", dest);
		break;
	}
}

/* Adds a line to the text; one that does not fit is cut, and is the last. */
static void
tried_line(struct msg_session_tried *m, const char *fmt, ...)
{
	char	 raw[PROTO_DEST_SIZE + PROTO_TEXT_SIZE], line[sizeof(raw) * 4];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	log_vis(line, sizeof(line), raw, strlen(raw));
	strlcat(m->text, line, sizeof(m->text) - 1);
	strlcat(m->text, "\n", sizeof(m->text));
}
