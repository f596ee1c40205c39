/* SPDX-License-Identifier: ISC */
/* What a sender process may say: the fate of each recipient of each message it has, in order, and the end of its session. */
#include <string.h>

#include "rpopd/child/child.h"
#include "relay_int.h"

static int	 sent_rcpt(void *, struct imsg *);
static int	 sent_mail(void *, struct imsg *);
static int	 sent_end(void *, struct imsg *);
static int	 sent_printable(const char *, size_t);

const struct rule	 sent_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_SENT_RCPT,	RULES_ANY,	sent_rcpt },
	{ IMSG_SENT_MAIL,	RULES_ANY,	sent_mail },
	{ IMSG_SENT_END,	RULES_ANY,	sent_end },
};
const size_t	 sent_nrules = nitems(sent_rules);

static int
sent_rcpt(void *arg, struct imsg *imsg)
{
	struct msg_sent_rcpt	 m;

	if (rules_payload(imsg, &m) == -1 || m.result < SEND_ACCEPTED || m.result > SEND_DOUBT || m.code > 599 ||
	    !sent_printable(m.status, sizeof(m.status)) || !sent_printable(m.text, sizeof(m.text)))
		return (-1);
	return (job_sent_rcpt(arg, &m));
}

static int
sent_mail(void *arg, struct imsg *imsg)
{
	struct msg_sent_mail	 m;

	return (rules_payload(imsg, &m) == -1 ? -1 : job_sent_mail(arg, &m));
}

static int
sent_end(void *arg, struct imsg *imsg)
{
	struct msg_sent_end	 m;

	if (rules_payload(imsg, &m) == -1 || m.why >= WHY_MAX || m.temp > 1 || !sent_printable(m.text, sizeof(m.text)))
		return (-1);
	return (job_sent_end(arg, &m));
}

/* 1: s is a string within size octets that may stand in a log, a report and a terminal; 0: not so. */
static int
sent_printable(const char *s, size_t size)
{
	if (!proto_str(s, size))
		return (0);
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return (0);
	return (1);
}
