/* SPDX-License-Identifier: ISC */
/*
 * The control socket.  Root may change things; members of the socket's group may look.  A client that sends garbage is closed,
 * never more (CVE-2025-62875).  It is not heard while answers are queued for it, and closed when it neither asks nor takes its
 * answers.  No process of the daemon's is in the group, and some places are root's.
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
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/token/token.h"
#include "rpopd/turn/turn.h"
#include "control.h"

#define CONTROL_GROUP	"_rpopctl"
#define CONTROL_CLIENTS	16
#define CONTROL_OTHERS	10	/* of them for others than root */
#define CONTROL_IDLE	20000	/* ms without a request, or without taking anything of an answer */
#define CONTROL_PORTION	64	/* records in the queue at once */
#define CONTROL_MSEC	5	/* that a portion takes, about */

struct client {
	LIST_ENTRY(client)	 entry;
	struct link		 link;
	int			 root;
	int			 gone;
	/* the listing under way, sent in portions as the channel drains: it would be tens of megabytes at once */
	int			 listing;	/* or another answer of several messages */
	size_t			 next;
	struct ctl_name		 name;		/* empty: every record */
	struct timer		 clock;
	uint32_t		 requests, queued;	/* when the clock was looked at last */
	uint32_t		 asked;		/* requests so far */
	struct timer		 go_on;		/* the next portion, if the channel does not ask for it */
};

static void	 control_accept(int, short, void *);
static void	 control_clock(void *);
static void	 control_down(void *, const char *);
static void	 control_sweep(void *);
static void	 control_poll_none(const char *, char *, size_t);
static void	 control_poll_text(const struct poll_answer *, char *, size_t);
static int	 control_status(void *, struct imsg *);
static int	 control_account(void *, struct imsg *);
static int	 control_reload(void *, struct imsg *);
static int	 control_poll(void *, struct imsg *);
static int	 control_log_level(void *, struct imsg *);
static int	 control_stop(void *, struct imsg *);
static int	 control_renumber(void *, struct imsg *);
static void	 control_list(struct client *, const char *);
static void	 control_portion(void *);
static void	 control_go_on(void *);
static void	 control_record(struct client *, const struct task *, const struct mailbox_counts *);
static int	 control_name(struct imsg *, struct ctl_name *);

static const struct rule	 control_rules[] = {
	{ IMSG_CTL_STATUS,	RULES_ANY,	control_status },
	{ IMSG_CTL_ACCOUNT,	RULES_ANY,	control_account },
	{ IMSG_CTL_RELOAD,	RULES_ANY,	control_reload },
	{ IMSG_CTL_POLL,	RULES_ANY,	control_poll },
	{ IMSG_CTL_LOG_LEVEL,	RULES_ANY,	control_log_level },
	{ IMSG_CTL_STOP,	RULES_ANY,	control_stop },
	{ IMSG_CTL_TRY,		RULES_ANY,	control_try },
	{ IMSG_CTL_QUEUE,	RULES_ANY,	control_queue },
	{ IMSG_CTL_RETRY,	RULES_ANY,	control_retry },
	{ IMSG_CTL_MOVE,	RULES_ANY,	control_move },
	{ IMSG_CTL_QUARANTINE,	RULES_ANY,	control_quarantine },
	{ IMSG_CTL_ROUTE,	RULES_ANY,	control_route },
	{ IMSG_CTL_RENUMBER,	RULES_ANY,	control_renumber },
	{ IMSG_CTL_FORGET,	RULES_ANY,	control_forget },
	{ IMSG_CTL_EXPLAIN,	RULES_ANY,	control_explain },
};

static LIST_HEAD(, client)	 clients = LIST_HEAD_INITIALIZER(clients);
static int			 nclients, nothers, listener = -1;
static struct event		 accept_event;
static struct timer		 sweep;
static char			 socket_path[PATH_MAX];
static struct control_calls	 daemon_calls;

/* Once, at the start, before there are children: make the socket in rundir and answer there.  0, or -1 and a sentence. */
int
control_listen(const char *rundir, const struct control_calls *calls, char *err, size_t errsize)
{
	struct sockaddr_un	 sun;
	struct group		*gr;

	daemon_calls = *calls;
	ask_start();
	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	snprintf(socket_path, sizeof(socket_path), "%s/rpopd.sock", rundir);
	if (strlcpy(sun.sun_path, socket_path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		snprintf(err, errsize, "%s: name too long for a socket", socket_path);
		return (-1);
	}
	unlink(socket_path);
	if ((listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1 ||
	    bind(listener, (struct sockaddr *)&sun, sizeof(sun)) == -1 || chmod(socket_path, 0660) == -1 ||
	    ((gr = getgrnam(CONTROL_GROUP)) != NULL && chown(socket_path, 0, gr->gr_gid) == -1) || listen(listener, 8) == -1) {
		snprintf(err, errsize, "%s: %s", socket_path, strerror(errno));
		return (-1);
	}
	event_set(&accept_event, listener, EV_READ | EV_PERSIST, control_accept, NULL);
	event_add(&accept_event, NULL);
	timer_init(&sweep, control_sweep, NULL);
	return (0);
}

void
control_close(void)
{
	if (listener == -1)
		return;
	event_del(&accept_event);
	close(listener);
	unlink(socket_path);
	listener = -1;
}

static void
control_accept(int fd, short event, void *arg)
{
	struct client	*c;
	uid_t		 uid;
	gid_t		 gid;
	int		 s;

	(void)event;
	(void)arg;
	if ((s = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) == -1)
		return;
	if (getpeereid(s, &uid, &gid) == -1 || nclients >= CONTROL_CLIENTS || (uid != 0 && nothers >= CONTROL_OTHERS) ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	c->root = uid == 0;
	timer_init(&c->go_on, control_go_on, c);
	if (link_open(&c->link, s, control_rules, nitems(control_rules), c, control_down) == -1) {
		free(c);
		return;
	}
	c->link.polite = 1;
	timer_init(&c->clock, control_clock, c);
	timer_in(&c->clock, CONTROL_IDLE);
	LIST_INSERT_HEAD(&clients, c, entry);
	nclients++;
	nothers += !c->root;
}

/* Whose turn is it?  A client that waits for the daemon, for a trial for example, may do so. */
static void
control_clock(void *arg)
{
	struct client	*c = arg;
	uint32_t	 queued = link_queued(&c->link);

	if (c->gone)
		return;
	if (c->asked == c->requests && queued == c->queued && (queued > 0 || !c->listing)) {
		link_close(&c->link);
		control_down(c, queued > 0 ? "it does not take its answers" : "it asks for nothing");
		return;
	}
	c->requests = c->asked;
	c->queued = queued;
	timer_in(&c->clock, CONTROL_IDLE);
}

/* Freed from the event loop: a handler of this link may be on the stack. */
static void
control_down(void *arg, const char *why)
{
	struct client	*c = arg;

	if (why != NULL)
		log_debug("control client closed: %s", why);
	control_queue_gone(c);
	c->gone = 1;
	control_wait_gone(c);
	try_abandon(c);
	ask_abandon(c);
	timer_in(&sweep, 0);
}

static void
control_sweep(void *arg)
{
	struct client	*c, *next;

	(void)arg;
	LIST_FOREACH_SAFE(c, &clients, entry, next) {
		if (!c->gone)
			continue;
		LIST_REMOVE(c, entry);
		timer_stop(&c->go_on);
		timer_stop(&c->clock);
		nothers -= !c->root;
		link_close(&c->link);
		nclients--;
		free(c);
	}
}

/* Same protocol version, and root where something changes.  Otherwise the reply is out. */
int
control_allowed(void *client, struct imsg *imsg, int root)
{
	struct client	*c = client;

	c->asked++;
	if (c->listing) {
		control_reply(c, 0, "one request at a time");
		return (0);
	}
	if (imsg_get_id(imsg) != PROTO_VERSION) {
		control_reply(c, 0, "rpopctl and rpopd are of different versions: restart rpopd after an upgrade");
		return (0);
	}
	if (root && !c->root) {
		control_reply(c, 0, "only root may do that");
		return (0);
	}
	return (1);
}

void
control_reply(void *client, int ok, const char *text)
{
	struct client	*c = client;
	struct ctl_text	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, text, sizeof(m.text));
	link_send_id(&c->link, ok ? IMSG_CTL_OK : IMSG_CTL_FAIL, PROTO_VERSION, &m, sizeof(m));
}

struct link *
control_link(void *client)
{
	return (&((struct client *)client)->link);
}

void
control_busy(void *client, void (*drained)(void *))
{
	struct client	*c = client;

	c->listing = drained != NULL;
	c->link.drained = drained;
}

static int
control_status(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ctl_daemon	 m;
	struct state_sums	 sums;
	size_t			 i;

	if (!control_allowed(c, imsg, 0))
		return (0);
	memset(&m, 0, sizeof(m));
	m.started = turn_started;
	m.loaded = config_loaded;
	m.records = sched_ntasks;
	for (i = 0; i < sched_ntasks; i++)
		m.enabled += sched_tasks[i].rec->period != 0;
	m.sessions = session_count;
	m.processors = config_running->settings.processors;
	m.config_changed = config_version(options.store) != config_loaded_version;
	m.log_level = log_getlevel();
	m.pending = commit_pending();
	relay_sums(&m);
	if (state_sums(&sums) == DB_OK) {
		m.suspects = sums.suspects;
		m.aside = sums.set_aside;
		m.oversize = sums.oversize;
	}
	strlcpy(m.version, RPOPD_VERSION, sizeof(m.version));
	strlcpy(m.load_error, config_load_error, sizeof(m.load_error));
	strlcpy(m.mail_root_error, *mailroot_trouble() != '\0' ? mailroot_trouble() : space_trouble(), sizeof(m.mail_root_error));
	m.blocked_maildirs = place_waiting(m.blocked_maildir, sizeof(m.blocked_maildir));
	m.unknown_files = set_aside_count();
	link_send_id(&c->link, IMSG_CTL_DAEMON, PROTO_VERSION, &m, sizeof(m));
	control_list(c, "");
	return (0);
}

static int
control_account(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;

	if (control_name(imsg, &m) == -1)
		return (-1);
	if (!control_allowed(c, imsg, 0))
		return (0);
	control_list(c, m.name);
	return (0);
}

static int
control_reload(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	char		 err[PROTO_TEXT_SIZE];

	if (!control_allowed(c, imsg, 1))
		return (0);
	if (daemon_calls.reload(err, sizeof(err)) == 0)
		control_reply(c, 1, "configuration reloaded");
	else
		control_reply(c, 0, err);
	return (0);
}

static int
control_poll(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 text[PROTO_RECORD_SIZE + 128];
	struct poll_answer a;

	if (control_name(imsg, &m) == -1)
		return (-1);
	if (!control_allowed(c, imsg, 1))
		return (0);
	sched_poll(m.name, &a);
	if (a.matched > 0)
		control_poll_text(&a, text, sizeof(text));
	else
		control_poll_none(m.name, text, sizeof(text));
	control_reply(c, a.matched > 0, text);
	return (0);
}

/* Nothing of that name is polled: there is none, or all of it is disabled. */
static void
control_poll_none(const char *name, char *text, size_t size)
{
	size_t	 i;

	for (i = 0; i < sched_ntasks; i++)
		if (strcmp(name, "all") == 0 || sched_named(&sched_tasks[i], name)) {
			snprintf(text, size, "%s: is disabled (period NULL); set the period in rpopd.db, then: rpopctl reload", name);
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
	if (!control_allowed(c, imsg, 1))
		return (0);
	session_log_level(level);
	snprintf(text, sizeof(text), "the log level is %s until the next reload", log_level_str(level));
	control_reply(c, 1, text);
	return (0);
}

static int
control_stop(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;

	if (!control_allowed(c, imsg, 1))
		return (0);
	control_reply(c, 1, "stopping");
	(void)imsgbuf_write(&c->link.ibuf);	/* with nothing to finish there is no later */
	daemon_calls.stop();
	return (0);
}

/* What to do about a mailbox whose messages have new unique-ids: done at its next poll, which is now. */
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
	if (!control_allowed(c, imsg, 1))
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
	control_reply(c, ok, text);
	return (0);
}

/* Begin a listing of every record, or of those of one account ("account" or "account/record"). */
static void
control_list(struct client *c, const char *name)
{
	c->listing = 1;
	c->next = 0;
	strlcpy(c->name.name, name, sizeof(c->name.name));
	c->link.drained = control_portion;
	control_portion(c);
}

/*
 * A reload between two portions may show a record twice or not at all; a listing is a snapshot of nothing.  A portion ends early
 * when it takes long: then the event loop comes first.
 */
static void
control_portion(void *arg)
{
	struct client		*c = arg;
	struct mailbox_counts	 counts;
	int64_t			 begun = clock_msec();
	int			 n, known;

	for (n = 0; n < CONTROL_PORTION && c->next < sched_ntasks; c->next++) {
		if (c->name.name[0] != '\0' && !sched_named(&sched_tasks[c->next], c->name.name))
			continue;
		/* One record at least, or a page of its rows. */
		if ((n > 0 && clock_msec() - begun > CONTROL_MSEC) || (known = counts_get(&sched_tasks[c->next], &counts)) == 0) {
			timer_in(&c->go_on, 0);
			return;
		}
		control_record(c, &sched_tasks[c->next], known == 1 ? &counts : NULL);
		n++;
	}
	if (n == CONTROL_PORTION)
		return;
	link_send_id(&c->link, IMSG_CTL_END, PROTO_VERSION, NULL, 0);
	c->listing = 0;
	c->link.drained = NULL;
}

static void
control_go_on(void *arg)
{
	struct client	*c = arg;

	if (c->link.open && c->link.drained == control_portion)
		control_portion(c);
}

static void
control_record(struct client *c, const struct task *t, const struct mailbox_counts *counts)
{
	static const char *const	 modes[] = { "?", "owner", NULL, "*" };
	const struct record		*r = t->rec;
	struct ctl_record		 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.account, r->owner, sizeof(m.account));
	strlcpy(m.name, r->name, sizeof(m.name));
	strlcpy(m.host, r->host, sizeof(m.host));
	strlcpy(m.user, r->user, sizeof(m.user));
	strlcpy(m.mode, r->mode == DIST_FIELD ? r->special : modes[r->mode], sizeof(m.mode));
	strlcpy(m.state, sched_state(t, &m.next_poll), sizeof(m.state));
	strlcpy(m.last_error, t->rs.error, sizeof(m.last_error));
	m.port = r->port;
	m.tls = r->tls;
	m.leave = r->leave;
	m.enabled = r->period != 0;
	m.period = r->period;
	m.failures = t->rs.failures;
	m.last_success = t->rs.last_success;
	m.last_attempt = t->rs.last_attempt;
	m.login_delay = t->login_delay;
	m.expire = t->expire;
	m.messages = t->rs.messages;
	m.octets = t->rs.octets;
	m.polls = t->rs.polls;
	m.unfound = t->unfound.messages;
	if (counts != NULL) {
		m.undeleted = counts->undeleted;
		m.kept = counts->kept;
		m.waiting = counts->waiting;
		m.suspects = counts->suspects;
		m.aside = counts->set_aside;
		m.refused = counts->refused;
		m.quarantined = counts->quarantined;
	}
	(void)state_origin(t->mailbox, m.origin, sizeof(m.origin));
	link_send_id(&c->link, IMSG_CTL_RECORD, PROTO_VERSION, &m, sizeof(m));
}

static int
control_name(struct imsg *imsg, struct ctl_name *m)
{
	return (rules_payload(imsg, m) == -1 || !proto_str(m->name, sizeof(m->name)) ? -1 : 0);
}
