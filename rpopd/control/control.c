/* SPDX-License-Identifier: ISC */
/*
 * The control socket, and what clients ask there.  Root may change things; members of the socket's group may look.  No process
 * of the daemon is in the group.  Everybody else has a socket of his own: user.c.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "common/timer.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "control_int.h"

#define CONTROL_GROUP	"_rpopctl"

struct listener;

static int	 control_socket(const char *, const char *, mode_t, const char *, void (*)(int, short, void *), struct listener *, char *,
		    size_t);
static void	 control_take(const struct rule *, size_t);
static void	 control_accept(int, short, void *);
static void	 control_poll_none(const char *, char *, size_t);
static void	 control_poll_text(const struct poll_answer *, char *, size_t);
static int	 control_reload(void *, struct imsg *);
static int	 control_log_level(void *, struct imsg *);
static int	 control_stop(void *, struct imsg *);
static int	 control_renumber(void *, struct imsg *);

static const struct rule	 control_rules[] = {
	{ IMSG_CTL_RELOAD,	RULES_ANY,	control_reload },
	{ IMSG_CTL_POLL,	RULES_ANY,	control_poll },
	{ IMSG_CTL_LOG_LEVEL,	RULES_ANY,	control_log_level },
	{ IMSG_CTL_STOP,	RULES_ANY,	control_stop },
	{ IMSG_CTL_RENUMBER,	RULES_ANY,	control_renumber },
};

struct listener {
	int		 fd;			/* -1: closed */
	struct event	 event;
	char		 path[PATH_MAX];
};
static struct listener		 admin = { .fd = -1 }, user = { .fd = -1 };
static struct rule		 requests[IMSG_MAX];	/* what clients may ask: the rules of every file of this room */
static size_t			 nrequests;
static struct control_calls	 daemon_calls;

/* Once, at the start, before there are children: make the sockets in rundir and answer there.  0, or -1 and a sentence. */
int
control_listen(const char *rundir, const struct control_calls *calls, char *err, size_t errsize)
{
	daemon_calls = *calls;
	ask_start();
	control_take(control_rules, nitems(control_rules));
	control_take(status_rules, status_nrules);
	control_take(password_rules, password_nrules);
	control_take(try_rules, try_nrules);
	control_take(queue_rules, queue_nrules);
	control_take(ask_rules, ask_nrules);
	control_take(forget_rules, forget_nrules);
	control_take(edit_rules, edit_nrules);
	control_take(login_rules, login_nrules);
	control_take(explain_rules, explain_nrules);
	control_take(secret_rules, secret_nrules);
	control_take(find_rules, find_nrules);
	control_take(seen_rules, seen_nrules);
	control_take(who_rules, who_nrules);
	control_take(alert_rules, alert_nrules);
	return (control_socket(rundir, "rpopd.sock", 0660, CONTROL_GROUP, control_accept, &admin, err, errsize) == -1 ||
	    control_socket(rundir, "user.sock", 0666, NULL, user_accept, &user, err, errsize) == -1 ? -1 : 0);
}

/*
 * Makes a socket in rundir, for a group if it exists, whose connections accept() gets.  0, or -1 and a sentence.
 */
static int
control_socket(const char *rundir, const char *name, mode_t mode, const char *group, void (*accept)(int, short, void *),
    struct listener *l, char *err, size_t errsize)
{
	struct sockaddr_un	 sun;
	struct group		*gr;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(l->path, sizeof(l->path), "%s/%s", rundir, name);
	if (strlcpy(sun.sun_path, l->path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		snprintf(err, errsize, "%s: name too long for a socket", l->path);
		return (-1);
	}
	unlink(l->path);
	if ((l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(l->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 || chmod(l->path, mode) == -1 || (group != NULL &&
	    (gr = getgrnam(group)) != NULL && chown(l->path, 0, gr->gr_gid) == -1) || listen(l->fd, 8) == -1) {
		snprintf(err, errsize, "%s: %s", l->path, strerror(errno));
		return (-1);
	}
	event_set(&l->event, l->fd, EV_READ | EV_PERSIST, accept, NULL);
	event_add(&l->event, NULL);
	return (0);
}

/* These rules of one file are among what clients may ask. */
static void
control_take(const struct rule *rules, size_t n)
{
	if (n > nitems(requests) - nrequests)
		fatalx("control: too many rules");
	memcpy(requests + nrequests, rules, n * sizeof(*rules));
	nrequests += n;
}

/* The rule of the control socket about requests of this type, which there is. */
const struct rule *
control_rule(uint32_t type)
{
	size_t	 i;

	for (i = 0; i < nrequests; i++)
		if (requests[i].type == type)
			return (&requests[i]);
	fatalx("control: no rule for %s", message_name(type));
}

void
control_close(void)
{
	struct listener	*all[] = { &admin, &user };
	size_t		 i;

	for (i = 0; i < nitems(all); i++) {
		if (all[i]->fd == -1)
			continue;
		event_del(&all[i]->event);
		close(all[i]->fd);
		unlink(all[i]->path);
		all[i]->fd = -1;
	}
}

static void
control_accept(int fd, short event, void *arg)
{
	struct who	 who = { 0 };
	gid_t		 gid;
	int		 s;

	(void)event;
	(void)arg;
	if ((s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) == -1)
		return;
	if (getpeereid(s, &who.uid, &gid) == -1) {
		close(s);
		return;
	}
	who.root = who.uid == 0;
	who.watcher = !who.root;
	client_new(s, &who, requests, nrequests);
}

static int
control_reload(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	char		 err[PROTO_TEXT_SIZE];

	if (!client_allowed(c, imsg, 1))
		return (0);
	if (daemon_calls.reload(err, sizeof(err)) == 0) {
		snprintf(err, sizeof(err), "configuration reloaded%s%s", *auth_trouble() == '\0' ? "" : "; logins fail: ",
		    auth_trouble());
		client_reply(c, 1, err);
	} else
		client_reply(c, 0, err);
	return (0);
}

int
control_poll(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 text[PROTO_RECORD_SIZE + 128];
	struct poll_answer a;
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (!client_allowed(c, imsg, 1) || (c->who.user && user_soon(c, m.name)))
		return (0);
	sched_poll(m.name, &a);
	if (a.matched > 0)
		control_poll_text(&a, text, sizeof(text));
	else
		control_poll_none(m.name, text, sizeof(text));
	client_reply(c, a.matched > 0, text);
	return (0);
}

/* Why nothing of that name is polled: there is no such record, or all of its records are disabled. */
static void
control_poll_none(const char *name, char *text, size_t size)
{
	size_t	 i;

	for (i = 0; i < sched_ntasks; i++)
		if (strcmp(name, "all") == 0 || sched_named(&sched_tasks[i], name)) {
			snprintf(text, size, "%s: is disabled (period NULL); rpopctl record enable has it polled again", name);
			return;
		}
	snprintf(text, size, "%s: no such record or account is loaded; rpopctl status lists them", name);
}

static void
control_poll_text(const struct poll_answer *a, char *text, size_t size)
{
	uint32_t	 n = a->matched - a->early - a->closed;
	char		 when[64] = "until the schedule changes";
	time_t		 t = a->opens;
	struct tm	 tm;
	size_t		 used = 0;

	*text = '\0';
	if (n > 0)
		used = snprintf(text, size, "%u record%s will be polled %s", n, n == 1 ? "" : "s",
		    config_running->settings.processors == 0 ? "when settings.processors is not 0 any more" :
		    *mailroot_trouble() != '\0' || *space_trouble() != '\0' || relay_full() ?
		    "when nothing holds up all polls any more, see rpopctl status" : "now");
	if (a->early > 0)
		used += snprintf(text + used, size - used, "%s%u in %lld s, when server and schedule permit the next login",
		    used > 0 ? "; " : "", a->early, (long long)a->wait);
	if (a->opens != SCHEDULE_NEVER && localtime_r(&t, &tm) != NULL)
		strftime(when, sizeof(when), "until %Y-%m-%d %H:%M", &tm);
	if (a->closed > 0)
		snprintf(text + used, size - used, "%spolling of %u is not permitted %s", used > 0 ? "; " : "", a->closed, when);
}

static int
control_log_level(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	uint32_t	 level;
	char		 text[64];

	if (rules_payload(imsg, &level) == -1 || level < LOG_LEVEL_CRASHES || level > LOG_LEVEL_ALL)
		return (-1);
	if (!client_allowed(c, imsg, 1))
		return (0);
	session_log_level(level);
	snprintf(text, sizeof(text), "the log level is %s until the next reload", log_level_str(level));
	client_reply(c, 1, text);
	return (0);
}

static int
control_stop(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;

	if (!client_allowed(c, imsg, 1))
		return (0);
	client_reply(c, 1, "stopping");
	(void)imsgbuf_write(&c->link.ibuf);	/* with nothing to finish there is no later */
	daemon_calls.stop();
	return (0);
}

/*
 * IMSG_CTL_RENUMBER: what is to be done about a mailbox whose messages have new unique-ids.  It is done at its next poll, which
 * is now.
 */
static int
control_renumber(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ctl_renumber	 m;
	struct task		*t = NULL;
	struct poll_answer	 answer;
	char			 text[PROTO_RECORD_SIZE + 96];
	enum renumber		 renumber;
	size_t			 i;
	int			 ok = 0;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)) || m.seen > 1)
		return (-1);
	if (!client_allowed(c, imsg, 1))
		return (0);
	for (i = 0; i < sched_ntasks && strchr(m.name, '/') != NULL; i++)
		if (sched_named(&sched_tasks[i], m.name))
			t = &sched_tasks[i];
	if (t == NULL)
		snprintf(text, sizeof(text), "%s: no such record; name it as account/record", m.name);
	else if (state_renumber_get(t->mailbox, &renumber) != DB_OK || renumber == RENUMBER_NOT)
		snprintf(text, sizeof(text), "%s: not paused: its messages were not renumbered", m.name);
	else if (state_renumber_put(t->mailbox, m.seen ? RENUMBER_SEEN : RENUMBER_RETRIEVE, 0, 0, time(NULL)) != DB_OK)
		snprintf(text, sizeof(text), "%s: state.db cannot be written now; try again", m.name);
	else {
		ok = 1;
		snprintf(text, sizeof(text), "%s: unknown messages %s", m.name,
		    m.seen ? "will be marked as delivered" : "will be retrieved");
		sched_poll(m.name, &answer);
	}
	client_reply(c, ok, text);
	return (0);
}
