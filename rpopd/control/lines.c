/* SPDX-License-Identifier: ISC */
/* Questions that are answered in lines: what is known of a message, what becomes of an address. */
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "control.h"

/* Where a message went, and why. */
int
control_explain(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ctl_explain	 m;
	char			 err[PROTO_TEXT_SIZE * 2];

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)) || !proto_str(m.uid, sizeof(m.uid)))
		return (-1);
	if (!control_allowed(c, imsg, 0))
		return (0);
	if (explain(c, &m, err, sizeof(err)) == -1)
		control_reply(c, 0, err);
	else
		link_send_id(control_link(c), IMSG_CTL_END, PROTO_VERSION, NULL, 0);
	return (0);
}

/* What becomes of an address; the deliverer knows. */
int
control_route(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (control_allowed(c, imsg, 0))
		control_wait(c, m.name, ask_route, control_lines_end);
	return (0);
}

void
control_line(struct client *c, const char *text)
{
	struct ctl_text	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, text, sizeof(m.text));
	link_send_id(control_link(c), IMSG_CTL_LINE, PROTO_VERSION, &m, sizeof(m));
}

void
control_lines_end(struct client *c, const char *failure)
{
	control_busy(c, NULL);
	if (failure != NULL)
		control_reply(c, 0, failure);
	else
		link_send_id(control_link(c), IMSG_CTL_END, PROTO_VERSION, NULL, 0);
}
