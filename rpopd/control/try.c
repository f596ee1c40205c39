/* SPDX-License-Identifier: ISC */
/* rpopctl try: the answer comes message by message, as the session gets on. */
#include "common/ipc/proto_ctl.h"
#include "rpopd/poll/poll.h"
#include "control_int.h"

static int	 try_begin(struct client *, const char *, char *, size_t);
static void	 try_tell(struct client *, const struct ctl_tried *);
static void	 try_envelope(struct client *, const struct ctl_envelope *);
static void	 try_ended(struct client *, int, const char *);

static const struct try_calls	 calls = { try_tell, try_envelope, try_ended };

const struct rule	 try_rules[] = {
	{ IMSG_CTL_TRY,		RULES_ANY,	try_request },
};
const size_t		 try_nrules = nitems(try_rules);

/* IMSG_CTL_TRY */
int
try_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (client_allowed(c, imsg, 1) && !(c->who.user && user_soon(c, m.name)))
		wait_for(c, m.name, WAIT_SESSION, try_begin, client_end);
	return (0);
}

/* Begin the trial of this record; the result is that of wait_begin. */
static int
try_begin(struct client *c, const char *name, char *err, size_t errsize)
{
	int	 rv;

	if ((rv = try_start(&calls, c, name, err, errsize)) == 0)
		client_busy(c, NULL, try_abandon);
	return (rv);
}

/* What was found out about one message. */
static void
try_tell(struct client *c, const struct ctl_tried *m)
{
	client_send(c, IMSG_CTL_TRIED, m, sizeof(*m));
}

/* In how many messages there was a field with envelope recipients. */
static void
try_envelope(struct client *c, const struct ctl_envelope *m)
{
	client_send(c, IMSG_CTL_ENVELOPE, m, sizeof(*m));
}

/* The trial is over. */
static void
try_ended(struct client *c, int ok, const char *text)
{
	client_done(c);
	client_reply(c, ok, text);
}
