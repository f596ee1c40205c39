/* SPDX-License-Identifier: ISC */
/* The administrator's question what becomes of an address: rule by rule, as for the address of an envelope. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

#define TRAIL_MAX	65536
#define PLACES_MAX	200	/* told one by one */

struct question {
	uint32_t	 id;
	uint32_t	 places;
	struct buf	 told;		/* lines about the places */
};

static void	 ask_way(struct question *, struct mailaddr *);
static int	 ask_place(void *, const struct route_place *);
static void	 ask_lines(const struct question *, struct buf *);
static void	 ask_tell(const struct question *, uint32_t last, const char *, ...) __attribute__((__format__(printf, 3, 4)));

/* 0, or -1: the question breaks the rules.  The answer is a number of lines, then one that is the last. */
int
ask_route(const struct msg_route_ask *m)
{
	struct question	 q = { .id = m->id };
	struct mailaddr	 a;
	char		 before[PROTO_ADDR_SIZE * 2], after[PROTO_ADDR_SIZE * 2];
	int		 detour;

	if (!proto_str(m->address, sizeof(m->address)))
		return (-1);
	if (routes_table() == NULL || mailaddr_path((const uint8_t *)m->address, strlen(m->address), &a) != 1 || a.domain[0] == '\0' ||
	    mailaddr_format(&a, before, sizeof(before)) == -1) {
		ask_tell(&q, 2, "not an address: write local-part@domain");
		return (0);
	}
	if ((detour = recipients_source_route(&a)) == 1 && mailaddr_format(&a, after, sizeof(after)) != -1)
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

/* One message for each line. */
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
