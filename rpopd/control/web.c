/* SPDX-License-Identifier: ISC */
/*
 * Clients of the web page: a request there has a channel of its own, on which it asks what rpopctl asks, with the rights of the account
 * whose session its browser has.  What an account is and may do is looked up for each question anew, and nothing of it comes from the
 * process of the request: whoever took that over has what the account has that is logged in, for as long as the request lasts, and may
 * change something only if the browser has brought back what its form had.
 */
#include <stdlib.h>
#include <string.h>

#include "common/compat.h"
#include "control_int.h"

static const struct web_right	*web_right(uint32_t);
static void	 web_rules(void);
static int	 web_look(void *, struct imsg *);
static int	 web_change(void *, struct imsg *);
static int	 web_request(struct client *, struct imsg *);

/* What may be asked: to look, or only where something may be changed; by everybody for himself, or by administrators of the server. */
static const struct web_right {
	uint32_t	 type;
	int		 change;
	int		 admin;
} rights[] = {
	{ IMSG_CTL_ACCOUNT,	0,	0 },
	{ IMSG_CTL_ROWS,	0,	0 },
	{ IMSG_CTL_ALERTS,	0,	0 },
	{ IMSG_CTL_POLL,	1,	0 },
	{ IMSG_CTL_TRY,		1,	0 },
	{ IMSG_CTL_CHANGE,	1,	0 },
	{ IMSG_CTL_PASSWORD,	1,	0 },
	{ IMSG_CTL_ALERT,	1,	0 },
	{ IMSG_CTL_STATUS,	0,	1 },
	{ IMSG_CTL_WORK,	0,	1 },
	{ IMSG_CTL_WHO,		0,	1 },
	{ IMSG_CTL_ROUTE,	0,	1 },
	{ IMSG_CTL_EXPLAIN,	0,	1 },
	{ IMSG_CTL_FIND,	0,	1 },
	{ IMSG_CTL_QUEUE,	0,	1 },
	{ IMSG_CTL_QUARANTINE,	0,	1 },		/* to look: LIST and SHOW */
	{ IMSG_CTL_RETRY,	1,	1 },
	{ IMSG_CTL_MOVE,	1,	1 },
};
static struct rule	 looking[nitems(rights)], changing[nitems(rights)];
static size_t		 nlooking, nchanging;

void
control_web(int fd, const char *account, int change)
{
	struct who	 who;

	if (nchanging == 0)
		web_rules();
	who_web(&who, account);
	if (change)
		client_new(fd, &who, changing, nchanging);
	else
		client_new(fd, &who, looking, nlooking);
}

/* The rules of both kinds of channels. */
static void
web_rules(void)
{
	size_t	 i;

	for (i = 0; i < nitems(rights); i++) {
		changing[nchanging++] = (struct rule){ rights[i].type, RULES_ANY, web_change };
		if (!rights[i].change)
			looking[nlooking++] = (struct rule){ rights[i].type, RULES_ANY, web_look };
	}
}

/* A request where nothing may be changed. */
static int
web_look(void *arg, struct imsg *imsg)
{
	struct ctl_quarantine	 m;

	if (imsg_get_type(imsg) == IMSG_CTL_QUARANTINE) {
		memcpy(&m, imsg->data, sizeof(m));
		if (m.act != QUARANTINE_LIST && m.act != QUARANTINE_SHOW)
			return (-1);
	}
	return (web_request(arg, imsg));
}

static int
web_change(void *arg, struct imsg *imsg)
{
	return (web_request(arg, imsg));
}

/* The request, if this account may ask that at this moment, is answered as at the control socket. */
static int
web_request(struct client *c, struct imsg *imsg)
{
	uint32_t	 type = imsg_get_type(imsg);

	if (!c->busy)
		who_again(&c->who);
	if (!web_right(type)->admin || c->who.server_admin)
		return (control_rule(type)->handler(c, imsg));
	if (client_allowed(c, imsg, 0))
		client_reply(c, 0, "only an administrator of the server may ask for that");
	return (0);
}

/* What is said of requests of this type, which there is. */
static const struct web_right *
web_right(uint32_t type)
{
	const struct web_right	*r = rights;

	while (r->type != type)
		r++;
	return (r);
}
