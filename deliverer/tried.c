/* SPDX-License-Identifier: ISC */
/* What the master is told of a message in a session that only tries: why it would go where, and where. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../common/compat.h"
#include "../common/log.h"
#include "deliverer.h"

#define TRIED_NAMED	20	/* recipients that are named one by one */

static void	 tried_line(struct msg_tried *, const char *, ...) __attribute__((__format__(printf, 2, 3)));

/* One message, whatever becomes of it later in its session. */
void
tried_tell(const struct msg_session_open *open, uint32_t msgno, const struct recipients *to)
{
	struct msg_tried	 m;
	char			 folder[PROTO_MAILBOX_SIZE + 1] = "";
	size_t			 i;

	memset(&m, 0, sizeof(m));
	m.session = open->session;
	m.msgno = msgno;
	if (open->mode == DIST_OWNER && maildir_folder(open->mailbox, folder, sizeof(folder)) == -1)
		tried_line(&m, "refused: the name of the mailbox cannot be a folder");
	if (to->fallback)
		tried_line(&m, "to the postmaster: %s", to->reason);
	else if (open->mode == DIST_OWNER)
		tried_line(&m, "to the owner of the record");
	for (i = 0; i < to->n && i < TRIED_NAMED; i++)
		tried_line(&m, "to %s%s%s", to->list[i]->dir, folder[0] != '\0' ? "/" : "", folder);
	if (to->n > TRIED_NAMED)
		tried_line(&m, "and to %zu others", to->n - TRIED_NAMED);
	master_send(IMSG_TRIED, &m, sizeof(m));
}

/* A line that does not fit is cut, and is the last. */
static void
tried_line(struct msg_tried *m, const char *fmt, ...)
{
	char	 raw[PROTO_DEST_SIZE + 64], line[sizeof(raw) * 4];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	log_vis(line, sizeof(line), raw, strlen(raw));
	strlcat(m->text, line, sizeof(m->text) - 1);
	strlcat(m->text, "\n", sizeof(m->text));
}
