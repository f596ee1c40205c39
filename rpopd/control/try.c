/* SPDX-License-Identifier: ISC */
/* rpopctl try: the answer comes message by message, as the session gets on. */
#include "common/ipc/proto_ctl.h"
#include "rpopd/poll/poll.h"
#include "control.h"

static void	 control_try_refused(struct client *, const char *);

int
control_try(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (control_allowed(c, imsg, 1))
		control_wait(c, m.name, try_start, control_try_refused);
	return (0);
}

static void
control_try_refused(struct client *c, const char *text)
{
	control_tried_end(c, 0, text);
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
