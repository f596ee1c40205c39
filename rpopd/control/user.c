/* SPDX-License-Identifier: ISC */
/*
 * The users' socket, which everybody may connect to.  Who somebody is the system says, and nothing that he sends: the account whose
 * unix_user he is.  He may ask for less than at the control socket, and about accounts that are his to look at only.
 */
#include <sys/socket.h>

#include <unistd.h>

#include "common/compat.h"
#include "control_int.h"

static int	 user_elsewhere(void *, struct imsg *);

static const struct rule	 user_rules[] = {
	{ IMSG_CTL_ACCOUNT,	RULES_ANY,	status_account },
	{ IMSG_CTL_POLL,	RULES_ANY,	control_poll },
	{ IMSG_CTL_TRY,		RULES_ANY,	try_request },
	{ IMSG_CTL_ROWS,	RULES_ANY,	edit_rows_request },
	{ IMSG_CTL_CHANGE,	RULES_ANY,	edit_change_request },
	{ IMSG_CTL_PASSWORD,	RULES_ANY,	password_request },
	{ IMSG_CTL_ALERT,	RULES_ANY,	alert_request },
	{ IMSG_CTL_ALERTS,	RULES_ANY,	alert_list },
	{ IMSG_CTL_STATUS,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_WORK,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_RELOAD,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_LOG_LEVEL,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_STOP,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_RENUMBER,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_FORGET,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_ROUTE,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_EXPLAIN,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_FIND,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_QUEUE,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_RETRY,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_MOVE,	RULES_ANY,	user_elsewhere },
	{ IMSG_CTL_QUARANTINE,	RULES_ANY,	user_elsewhere },
};

void
user_accept(int fd, short event, void *arg)
{
	struct who	 who = { .user = 1 };	/* whose account, each request looks up */
	gid_t		 gid;
	int		 s;

	(void)event;
	(void)arg;
	if ((s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) == -1)
		return;
	if (getpeereid(s, &who.uid, &gid) == -1)
		close(s);
	else
		client_new(s, &who, user_rules, nitems(user_rules));
}

/* What is asked for at the control socket only. */
static int
user_elsewhere(void *arg, struct imsg *imsg)
{
	if (client_allowed(arg, imsg, 0))
		client_reply(arg, 0, "only root and members of the control socket's group may ask for that, at the control socket");
	return (0);
}
