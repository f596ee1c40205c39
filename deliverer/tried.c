/* SPDX-License-Identifier: ISC */
/* What the master is told of a message in a session that only tries: why it would go where, and where. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

#define TRIED_NAMED	20	/* recipients that are named one by one */

static void	 tried_place(struct msg_session_tried *, const struct place *);
static void	 tried_line(struct msg_session_tried *, const char *, ...) __attribute__((__format__(printf, 2, 3)));

/* One message, whatever becomes of it later in its session: the note that a delivery would leave behind, then its places. */
void
tried_tell(const struct msg_session_open *open, uint32_t msgno, struct recipients *to)
{
	struct msg_session_tried	 m;
	size_t			 i, n = buf_len(&to->note);

	memset(&m, 0, sizeof(m));
	m.session = open->session;
	m.msgno = msgno;
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

/* A line that does not fit is cut, and is the last. */
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
