/* SPDX-License-Identifier: ISC */
/*
 * rpopctl route: what becomes of an address is asked of the deliverer, which routes; its lines go to the client as they come.
 * What it calls next hop #n gets its name here.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipc/proto_ctl.h"
#include "common/ipc/proto_deliverer.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "control_int.h"

#define ASK_LINES	2000	/* of one answer; a deliverer that says more is not believed */
#define ASKS_MAX	64	/* questions without an answer; clients may leave theirs behind */
#define NEXTHOP_VIS	256
#define NEXTHOP		"next hop #"

struct ask {
	LIST_ENTRY(ask)	 entry;
	uint32_t	 id;
	uint32_t	 lines;
	struct client	*client;	/* NULL: it has left */
};

static int	 ask_request(void *, struct imsg *);
static int	 ask_route(struct client *, const char *, char *, size_t);
static void	 ask_left(struct client *);
static int	 ask_told(void *, struct imsg *);
static void	 ask_end(struct ask *, const char *);
static void	 ask_name(const char *, char *, size_t);

const struct rule	 ask_rules[] = {
	{ IMSG_CTL_ROUTE,	RULES_ANY,	ask_request },
};
const size_t		 ask_nrules = nitems(ask_rules);

static const struct rule	 answer_rules[] = {	/* of the deliverer */
	{ IMSG_ROUTE_TOLD,	RULES_ANY,	ask_told },
};

static LIST_HEAD(, ask)	 asks = LIST_HEAD_INITIALIZER(asks);
static uint32_t		 nasks;

/* Once, before the first deliverer is started. */
void
ask_start(void)
{
	child_rules(ROLE_DELIVERER, answer_rules, nitems(answer_rules));
}

/* IMSG_CTL_ROUTE */
static int
ask_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (client_allowed(c, imsg, 0))
		wait_for(c, m.name, WAIT_SESSION, ask_route, client_end);
	return (0);
}

/* Ask about an address.  0: lines and their end follow; with a sentence 1: not yet, or -1: it cannot be asked. */
static int
ask_route(struct client *client, const char *address, char *err, size_t errsize)
{
	struct msg_route_ask	 m;
	struct child		*c = child_current(ROLE_DELIVERER);
	struct ask		*a;
	static uint32_t		 last;

	memset(&m, 0, sizeof(m));
	if (strlcpy(m.address, address, sizeof(m.address)) >= sizeof(m.address)) {
		snprintf(err, errsize, "too long to be an address");
		return (-1);
	}
	if (c == NULL || nasks == ASKS_MAX || (a = calloc(1, sizeof(*a))) == NULL) {
		snprintf(err, errsize, "the deliverer is not running; see the log");
		return (1);
	}
	m.id = a->id = ++last;
	a->client = client;
	LIST_INSERT_HEAD(&asks, a, entry);
	nasks++;
	client_busy(client, NULL, ask_left);
	link_send(&c->link, IMSG_ROUTE_ASK, -1, &m, sizeof(m));
	return (0);
}

/* IMSG_ROUTE_TOLD: a line of an answer, or its end.  0, or -1: nobody asked, or it breaks the rules. */
static int
ask_told(void *arg, struct imsg *imsg)
{
	struct msg_route_told	 m;
	struct ask		*a;
	char			 line[sizeof(((struct ctl_text *)0)->text)];

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || m.last > 2 || !proto_str(m.text, sizeof(m.text)))
		return (-1);
	LIST_FOREACH(a, &asks, entry)
		if (a->id == m.id)
			break;
	if (a == NULL || ++a->lines > ASK_LINES)
		return (-1);
	if (m.last == 2) {
		ask_end(a, m.text);
		return (0);
	}
	if (a->client != NULL && m.text[0] != '\0') {
		ask_name(m.text, line, sizeof(line));
		client_line(a->client, line);
	}
	if (m.last)
		ask_end(a, NULL);
	return (0);
}

/* The client has left; what is still told is dropped. */
static void
ask_left(struct client *client)
{
	struct ask	*a;

	LIST_FOREACH(a, &asks, entry)
		if (a->client == client)
			a->client = NULL;
}

/* The deliverer has died: whoever has asked hears so. */
void
ask_died(struct child *deliverer)
{
	struct ask	*a;

	(void)deliverer;
	while ((a = LIST_FIRST(&asks)) != NULL)
		ask_end(a, "the deliverer died over it; try again");
}

static void
ask_end(struct ask *a, const char *failure)
{
	LIST_REMOVE(a, entry);
	nasks--;
	if (a->client != NULL)
		client_end(a->client, failure);
	free(a);
}

/* A line of the deliverer's, with the name of a next hop in place of its number. */
static void
ask_name(const char *text, char *line, size_t size)
{
	const struct nexthop_row	*n;
	const char			*p, *end;
	char				 number[12], name[NEXTHOP_VIS];
	size_t				 len;

	strlcpy(line, text, size);
	if ((p = strstr(text, NEXTHOP)) == NULL)
		return;
	p += sizeof(NEXTHOP) - 1;
	len = strspn(p, "0123456789");
	end = p + len;
	if (len == 0 || len >= sizeof(number))
		return;
	memcpy(number, p, len);
	number[len] = '\0';
	if ((n = config_nexthop(config_running, strtonum(number, 1, UINT32_MAX, &p))) == NULL)
		return;
	log_vis(name, sizeof(name), n->name, strlen(n->name));
	snprintf(line, size, "%.*s%s%s", (int)(end - len - 1 - text), text, name, end);
}
