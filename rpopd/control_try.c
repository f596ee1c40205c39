/* SPDX-License-Identifier: ISC */
/* rpopctl try: the answer comes message by message, as the session gets on. */
#include <stdio.h>

#include "rpopd.h"

static void	 control_try_waits(void *);

int
control_try(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 err[PROTO_TEXT_SIZE], text[PROTO_RECORD_SIZE + PROTO_TEXT_SIZE + 2];

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (!control_allowed(c, imsg, 1))
		return (0);
	control_busy(c, control_try_waits);
	if (try_start(c, m.name, err, sizeof(err)) == 0)
		return (0);
	snprintf(text, sizeof(text), "%s: %s", m.name, err);
	control_tried_end(c, 0, text);
	return (0);
}

/* More comes when the session has more. */
static void
control_try_waits(void *arg)
{
	(void)arg;
}

void
control_tried(struct client *c, const struct ctl_tried *m)
{
	link_send_id(control_link(c), IMSG_CTL_TRIED, PROTO_VERSION, m, sizeof(*m));
}

void
control_tried_end(struct client *c, int ok, const char *text)
{
	control_busy(c, NULL);
	control_reply(c, ok, text);
}
