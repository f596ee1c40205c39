/* SPDX-License-Identifier: ISC */
/*
 * What a trial finds out about the fields that envelope recipients are in: in how many of the messages that it looked at there was
 * one of those that the record names, in how many one counted, and which others there are that may be the right ones.
 */
#include <string.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"
#include "common/ipc/proto_deliverer.h"
#include "poll.h"

static void	 envelope_send(const struct envelope_counts *, const struct try_calls *, struct client *, const char *, uint32_t special,
		    uint32_t messages, uint32_t counted);

/* Count what the deliverer says of one message.  0, or -1: no deliverer says such a thing. */
int
envelope_count(struct envelope_counts *e, const struct msg_session_tried *m)
{
	size_t	 i;

	if (m->looked > 1 || m->had > m->looked || m->counted > m->looked || m->likely >= 1U << ENVFIELD_MAX ||
	    (m->likely != 0 && !m->looked))
		return (-1);
	e->looked += m->looked;
	e->had += m->had;
	e->counted += m->counted;
	for (i = 0; i < ENVFIELD_MAX; i++)
		e->likely[i] += m->likely >> i & 1;
	return (0);
}

/* Tell the client of a trial: first the fields that the record names, then the others.  Nothing, if none was looked for. */
void
envelope_tell(const struct envelope_counts *e, const struct try_calls *calls, struct client *c)
{
	size_t	 i;

	if (e->looked == 0)
		return;
	envelope_send(e, calls, c, e->special, 1, e->had, e->counted);
	for (i = 0; i < ENVFIELD_MAX; i++)
		if (e->likely[i] > 0)
			envelope_send(e, calls, c, envfield_name(i), 0, e->likely[i], 0);
}

static void
envelope_send(const struct envelope_counts *e, const struct try_calls *calls, struct client *c, const char *name, uint32_t special,
    uint32_t messages, uint32_t counted)
{
	struct ctl_envelope	 out;

	memset(&out, 0, sizeof(out));
	strlcpy(out.name, name, sizeof(out.name));
	out.special = special;
	out.looked = e->looked;
	out.messages = messages;
	out.counted = counted;
	calls->envelope(c, &out);
}
