/* SPDX-License-Identifier: ISC */
/*
 * Requests at the web page, each a process that web's listener has forked.  A request says which session its browser claims to have,
 * and is told whose that is; then it has a channel at which it may ask on behalf of that account, or may log somebody in.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/control/control.h"
#include "rpopd/edit/edit.h"
#include "web_int.h"

#define BIT(n)		(1U << (n))
#define REQUESTS_MAX	200		/* at once; the listener has fewer */
#define LONGEST		60000		/* ms; a request has a shorter clock itself */

static int	 request_enter(void *, struct imsg *);
static int	 request_entered(struct web_request *, const struct browser *, struct msg_web_entered *);
static int	 request_logout(void *, struct imsg *);
static void	 request_died(void *);
static void	 request_overdue(void *);

static const struct rule	 rules[] = {		/* what a request may say */
	{ IMSG_LOG,		RULES_ANY,		worker_log },
	{ IMSG_WEB_ENTER,	BIT(WEB_CAME),		request_enter },
	{ IMSG_WEB_BEGIN,	BIT(WEB_KNOWN),		web_login },
	{ IMSG_WEB_LOGOUT,	BIT(WEB_KNOWN),		request_logout },
};

static LIST_HEAD(, web_request)	 requests = LIST_HEAD_INITIALIZER(requests);
static size_t			 nrequests;
static uint32_t			 last_id;

/* IMSG_WEB_REQUEST: the listener has taken a connection and forked a process for its request. */
int
web_request_new(void *arg, struct imsg *imsg)
{
	struct child		*c = arg;
	struct msg_web_request	 m;
	struct web_request	*r;
	char			 label[32];
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (rules_payload(imsg, &m) == -1) {
		close(fd);
		return (-1);
	}
	if (nrequests >= REQUESTS_MAX) {
		close(fd);
		return (0);
	}
	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal("request");
	if (++last_id == 0)
		last_id = 1;
	r->id = last_id;
	timer_init(&r->clock, request_overdue, r);
	snprintf(label, sizeof(label), "web %u", r->id);
	if ((r->worker = worker_adopt(c, m.id, fd, label, rules, nitems(rules), request_died, r)) == NULL) {
		if (errno != EEXIST)
			log_warn("%s", label);
		fd = errno == EEXIST ? -1 : 0;
		free(r);
		return (fd);
	}
	r->worker->may_end = 1;
	web_request_state(r, WEB_CAME);
	timer_in(&r->clock, LONGEST);
	LIST_INSERT_HEAD(&requests, r, entry);
	nrequests++;
	/* A listener that has forked this often is replaced; its requests go on. */
	if (c->served >= TEMPLATE_SESSIONS && child_current(ROLE_WEB) == c)
		child_retire(ROLE_WEB);
	return (0);
}

void
web_request_state(struct web_request *r, enum web_state state)
{
	r->worker->link.state = state;
}

/* IMSG_WEB_ENTER: whose request it is, by the session that its browser has. */
static int
request_enter(void *arg, struct imsg *imsg)
{
	struct web_request	*r = ((struct worker *)arg)->arg;
	const struct browser	*b;
	struct msg_web_enter	 m;
	struct msg_web_entered	 told;
	int			 fd = -1;

	if (rules_payload(imsg, &m) == -1 || m.tokens > 1 || m.change > 1 || !proto_client(m.client, sizeof(m.client)))
		return (-1);
	if (r == NULL)
		return (0);
	web_request_state(r, WEB_KNOWN);
	memset(&told, 0, sizeof(told));
	strlcpy(told.host, config_running->settings.hostname, sizeof(told.host));
	told.entry = WEB_NOBODY;
	if (m.tokens && (b = browser_find(m.token)) != NULL) {
		if (m.change && !browser_form_is(b, m.form))
			told.entry = WEB_FORGED;
		else {
			r->change = (int)m.change;
			browser_name(b, r->browser);
			fd = request_entered(r, b, &told);
		}
	}
	link_send(&r->worker->link, IMSG_WEB_ENTERED, fd, &told, sizeof(told));
	explicit_bzero(&m, sizeof(m));
	explicit_bzero(&told, sizeof(told));
	return (0);
}

/* What the request is told of the account, and its end of the channel to ask at; -1: there is none, and entry says so. */
static int
request_entered(struct web_request *r, const struct browser *b, struct msg_web_entered *told)
{
	const struct route_account	*a;
	const char			*account = browser_account(b);
	struct who_rights		 rights;
	int				 channel[2];

	if (who_rights(account, &rights) == -1 || (a = route_account_by_address(config_running->routes, account)) == NULL)
		return (-1);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, channel) == -1) {
		log_warn("web %u", r->id);
		return (-1);
	}
	control_web(channel[0], account, r->change);
	told->entry = WEB_ENTERED;
	told->rights = (rights.server_admin ? WEB_SERVER_ADMIN : 0) | (rights.domain_admin ? WEB_DOMAIN_ADMIN : 0) |
	    (rights.modify ? WEB_MODIFY : 0) | (auth_elsewhere() ? 0 : WEB_PASSWORD);
	told->min_period = rights.min_period;
	told->max_records = rights.max_records;
	told->unified = config_running->settings.postmaster == a->id;
	browser_form(b, told->form);
	strlcpy(told->account, account, sizeof(told->account));
	return (channel[1]);
}

/* IMSG_WEB_LOGOUT: the session of its browser ends. */
static int
request_logout(void *arg, struct imsg *imsg)
{
	struct web_request	*r = ((struct worker *)arg)->arg;

	(void)imsg;
	if (r == NULL)
		return (0);
	if (!r->change)
		return (-1);
	browser_end(r->browser);
	return (0);
}

/* The request's process has ended, or broken the rules. */
static void
request_died(void *arg)
{
	struct web_request	*r = arg;

	LIST_REMOVE(r, entry);
	nrequests--;
	timer_stop(&r->clock);
	if (r->auth != NULL)
		auth_cancel(r->auth);
	freezero(r, sizeof(*r));
}

/* The request's process takes too long. */
static void
request_overdue(void *arg)
{
	struct web_request	*r = arg;

	log_warnx("web %u: takes too long and is killed", r->id);
	worker_kill(r->worker);
}
