/* SPDX-License-Identifier: ISC */
/*
 * The long-lived children: dialer, fetcher template, deliverer; oauth's template if the store has a client for it, the sender's
 * if it has a next hop, auth's if an account has a password, popd, the template of mailboxes and the signer if it has a listener, web if settings.web_socket is set.
 * Started by fork+exec, restarted with back-off when they die, replaced on reload: the old one takes no new work and goes when its last
 * session ends.
 */
#include <sys/wait.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/timer.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "child_int.h"

#define STEADY		60000	/* ms a child must have lived to be restarted at once */
#define BACKOFF_MAX	60	/* s */
#define LINGER		5000	/* ms in which a listener tells of what it took ahead of being told to take no more */
#define FLUSH		1000	/* ms for what is queued at the daemon's end, so that a notice is not lost */
#define START_TRIES	3	/* a child that never becomes ready is a broken installation, not bad luck */

#define RULES_MAX	40	/* of a role */
#define WATCHES_MAX	20	/* of all roles */

struct role_conf {
	const char		*name;
	const char		*user;
	int			 optional;	/* the store may have no use for it */
	int			 apart;		/* its program may not be installed where there is no use for it */
	struct child_owner	 owner;
	struct rule		 rules[RULES_MAX];
	size_t			 nrules;
	int			 ever_ready;	/* a process of the role has been ready once */
	int			 died;		/* the last one has, and its successor is not ready yet */
	int			 tries;		/* that died before the first one was ready */
	int			 failed;	/* starts in a row that did not become ready */
	int			 backoff;	/* s until the next start after a death */
	int64_t			 started;	/* monotonic ms: the last one was */
	struct timer		 timer;
};

static int	 child_ready(void *, struct imsg *);
static int	 child_log(void *, struct imsg *);
static int	 child_needed(enum role);
static int	 child_signs(void);
static void	 child_start(enum role);
static void	 child_root(enum role, char *, size_t);
static void	 child_down(void *, const char *);
static void	 child_died(struct child *);
static void	 child_restart(enum role);
static void	 child_later(enum role);
static void	 child_timer(void *);
static void	 child_lingered(void *);
static void	 child_sweep_soon(void);
static void	 child_sweep(void *);
static void	 child_let_go(struct child *);
static void	 child_free(struct child *);

static enum log_level		 pop_level;	/* 0: that of everything else */
static LIST_HEAD(, child)	 child_list = LIST_HEAD_INITIALIZER(child_list);	/* those that are let go, too */
struct child		*child_of[ROLE_MAX];
static struct timer	 sweep;
static struct role_conf	 conf[ROLE_MAX] = {
	[ROLE_DIALER] =		{ .name = "dialer", .user = "_rpopd" },
	[ROLE_TEMPLATE] =	{ .name = "fetcher", .user = "_rpopf" },
	[ROLE_DELIVERER] =	{ .name = "deliverer", .user = "_rpopm" },
	[ROLE_OAUTH] =		{ .name = "oauth", .user = "_rpopo", .optional = 1 },
	[ROLE_SENDER] =		{ .name = "sender", .user = "_rpops", .optional = 1 },
	[ROLE_AUTH] =		{ .name = "auth", .user = "_rpopa", .optional = 1 },
	[ROLE_POPD] =		{ .name = "popd", .user = "_rpopl", .optional = 1 },
	[ROLE_MAILBOX] =	{ .name = "mailbox", .user = "_rpopm", .optional = 1 },
	[ROLE_SIGNER] =		{ .name = "signer", .user = "_rpopk", .optional = 1 },
	[ROLE_WEB] =		{ .name = "web", .user = "_rpopw", .optional = 1, .apart = 1 },
};
static struct child_watch	 watches[WATCHES_MAX];
static size_t			 nwatches;

/*
 * What processes of the role may say besides IMSG_READY and IMSG_LOG, and who hears it; the handlers' argument is the struct
 * child.  Called before the first start, by each room that hears something.
 */
void
child_rules(enum role role, const struct rule *rules, size_t n)
{
	struct role_conf	*rc = &conf[role];

	if (n > RULES_MAX - rc->nrules)
		fatalx("%s: too many rules", rc->name);
	memcpy(rc->rules + rc->nrules, rules, n * sizeof(*rules));
	rc->nrules += n;
}

/* Called before the first start, by the one room that starts the conversation with processes of the role. */
void
child_own(enum role role, const struct child_owner *owner)
{
	conf[role].owner = *owner;
}

/* Called before the first start.  Those who watch one role hear of it in the order in which they were given here. */
void
child_watch(const struct child_watch *list, size_t n)
{
	if (n > WATCHES_MAX - nwatches)
		fatalx("too many watches");
	memcpy(watches + nwatches, list, n * sizeof(*list));
	nwatches += n;
}

const char *
child_name(enum role role)
{
	return (conf[role].name);
}

/* Whether all programs are where they are looked for: 1, or 0 with a sentence about the first that is not. */
int
child_installed(char *err, size_t errsize)
{
	char		 path[PATH_MAX];
	enum role	 role;

	for (role = 0; role < ROLE_MAX; role++) {
		if (conf[role].apart && (config_running == NULL || !child_needed(role)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", options.libexec, conf[role].name);
		if (access(path, X_OK) == 0)
			continue;
		snprintf(err, errsize, "%s: %s; run make install with the paths that rpopd was made with, or name the directory with -l",
		    path, strerror(errno));
		return (0);
	}
	return (1);
}

/* At the daemon's start: every process that the store needs. */
void
child_start_all(void)
{
	static const struct rule	 every[] = {
		{ IMSG_READY,	RULES_ANY,	child_ready },
		{ IMSG_LOG,	RULES_ANY,	child_log },
	};
	enum role			 role;

	child_rules(ROLE_DIALER, dialer_rules, dialer_nrules);
	child_rules(ROLE_OAUTH, worker_rules, worker_nrules);
	child_rules(ROLE_SENDER, worker_rules, worker_nrules);
	child_rules(ROLE_AUTH, worker_rules, worker_nrules);
	child_rules(ROLE_POPD, worker_rules, worker_nrules);
	child_rules(ROLE_MAILBOX, worker_rules, worker_nrules);
	child_rules(ROLE_WEB, worker_rules, worker_nrules);
	for (role = 0; role < ROLE_MAX; role++) {
		child_rules(role, every, nitems(every));
		if (child_needed(role))
			child_start(role);
	}
}

/* Whether the store has a use for processes of the role: 1 or 0. */
static int
child_needed(enum role role)
{
	if (role == ROLE_OAUTH)
		return (config_running->nclients > 0);
	if (role == ROLE_SENDER)
		return (config_running->nnexthops > 0);
	if (role == ROLE_AUTH)
		return (config_running->nlogins > 0);
	if (role == ROLE_POPD || role == ROLE_MAILBOX)
		return (config_running->nlisteners > 0 && config_running->settings.pop_channels > 0 && !options.once);
	if (role == ROLE_SIGNER)
		return (child_signs() && config_running->settings.pop_channels > 0 && !options.once);
	if (role == ROLE_WEB)
		return (config_running->settings.web_socket[0] != '\0' && !options.once);
	return (1);
}

/* Whether a listener has TLS, whose key the signer has. */
static int
child_signs(void)
{
	size_t	 i;

	for (i = 0; i < config_running->nlisteners; i++)
		if (config_running->listeners[i].tls != TLS_MODE_NONE)
			return (1);
	return (0);
}

/*
 * After a reload: the processes that the store needs now and did not need before are started, and those that it needs no longer
 * are let go.  These roles read no file of the administrator's at their start, so that running ones go on.
 */
void
child_optional(void)
{
	enum role	 role;

	for (role = 0; role < ROLE_MAX; role++) {
		if (!conf[role].optional)
			continue;
		if (!child_needed(role))
			child_retire(role);
		else if (child_of[role] == NULL && !timer_armed(&conf[role].timer))
			child_start(role);
	}
}

/* The process of the role that takes new work; NULL: none is ready. */
struct child *
child_current(enum role role)
{
	struct child	*c = child_of[role];

	return (c == NULL || !c->ready || c->feeding ? NULL : c);
}

/* Somebody depends on the process from now on: it is not let go before child_release(). */
void
child_use(struct child *c)
{
	c->users++;
}

/*
 * Somebody depends on the process no longer.  It is let go from the event loop, since a handler of its channel may be on the
 * stack.
 */
void
child_release(struct child *c)
{
	if (--c->users == 0 && (c->retiring || !c->link.open))
		child_sweep_soon();
}

/*
 * Likewise of a listener that was told to take nothing more: it is heard for a moment yet, since what it took ahead of that may be on
 * its way, and would be lost with it.
 */
void
child_linger(struct child *c)
{
	timer_init(&c->linger, child_lingered, c);
	timer_in(&c->linger, LINGER);
}

static void
child_lingered(void *arg)
{
	struct child	*c = arg;

	timer_stop(&c->linger);
	child_release(c);
}

static void
child_sweep_soon(void)
{
	timer_init(&sweep, child_sweep, NULL);
	timer_in(&sweep, 0);
}

static void
child_sweep(void *arg)
{
	struct child	*c, *next;

	(void)arg;
	LIST_FOREACH_SAFE(c, &child_list, entry, next)
		if (c->users == 0 && (c->retiring || !c->link.open))
			child_let_go(c);
}

/* A fresh process of the role takes over; the old one goes on with what it has begun, and is let go when that is done. */
void
child_retire(enum role role)
{
	struct child	*c = child_of[role];

	if (c == NULL)
		return;
	c->retiring = 1;
	child_of[role] = NULL;
	if (c->users == 0)
		child_sweep_soon();
	if (child_needed(role))
		child_start(role);
}

/*
 * Start a process of the role, which takes work when it is ready.  It is started later if its owner says that it must not be
 * started now.  That a program cannot be executed shows as a process that died at once.
 */
static void
child_start(enum role role)
{
	struct role_conf	*rc = &conf[role];
	struct child		*c;
	char			 path[PATH_MAX], root[PATH_MAX];
	const char		*argv[20];
	int			 n = 0, fd;

	if (rc->owner.may_start != NULL && !rc->owner.may_start()) {
		child_later(role);
		return;
	}
	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal("child");
	c->role = role;
	snprintf(path, sizeof(path), "%s/%s", options.libexec, rc->name);
	child_root(role, root, sizeof(root));
	argv[n++] = rc->name;
	argv[n++] = "-c";
	argv[n++] = root;
	argv[n++] = "-u";
	argv[n++] = rc->user;
	argv[n++] = "-v";
	argv[n++] = log_level_str(child_level(role));
	if (options.no_seccomp)
		argv[n++] = "-S";
	if (role == ROLE_DIALER && config_running->settings.nameservers[0] != '\0') {
		argv[n++] = "-a";
		argv[n++] = config_running->settings.nameservers;
	}
	if (options.hook != NULL && strcmp(options.hook_process, rc->name) == 0) {
		argv[n++] = "-K";
		argv[n++] = options.hook;
	}
	if (options.probe != NULL && strcmp(options.probe_process, rc->name) == 0) {
		argv[n++] = "-P";
		argv[n++] = options.probe;
	}
	if (options.fault != NULL && strcmp(options.fault_process, rc->name) == 0) {
		argv[n++] = "-F";
		argv[n++] = options.fault;
		options.fault = NULL;
	}
	argv[n] = NULL;
	if (role == ROLE_DIALER)
		refresh_dialer_starts();
	rc->started = clock_msec();
	if ((c->pid = proc_start(path, (char *const *)argv, options.debug, &fd)) == -1)
		fatal("%s", path);
	if (link_open(&c->link, fd, rc->rules, rc->nrules, c, child_down) == -1)
		fatal("%s", rc->name);
	c->link.name = rc->name;
	LIST_INSERT_HEAD(&child_list, c, entry);
	child_of[role] = c;
}

/* The directory that a process of the role is shut into. */
static void
child_root(enum role role, char *root, size_t size)
{
	if (role == ROLE_DELIVERER || role == ROLE_MAILBOX)
		snprintf(root, size, "%s", config_running->settings.mail_root);
	else
		snprintf(root, size, "%s/%s", options.rundir, conf[role].name);
}

/* IMSG_READY: the process is locked in. */
static int
child_ready(void *arg, struct imsg *imsg)
{
	struct child	*c = arg;
	uint32_t	 version;

	if (rules_payload(imsg, &version) == -1 || version != message_version() || c->ready)
		return (-1);
	log_debug("%s ready", conf[c->role].name);
	if (conf[c->role].owner.greet != NULL)
		conf[c->role].owner.greet(c);
	else
		child_set_ready(c);
	return (0);
}

/* The process takes work from now on; whoever watches its role hears of it. */
void
child_set_ready(struct child *c)
{
	size_t	 i;

	c->ready = 1;
	conf[c->role].ever_ready = 1;
	conf[c->role].failed = 0;
	if (conf[c->role].died)
		log_notice("%s[%d] was started in its place", conf[c->role].name, (int)c->pid);
	conf[c->role].died = 0;
	turn_soon();
	for (i = 0; i < nwatches; i++)
		if (watches[i].role == c->role && watches[i].ready != NULL)
			watches[i].ready(c);
}

/* IMSG_LOG */
static int
child_log(void *arg, struct imsg *imsg)
{
	struct child	*c = arg;

	return (childlog(conf[c->role].name, child_level(c->role), LOG_PEER_CHILD, &c->log, imsg));
}

/*
 * The master, its children and their workers write lines of this level and those that matter more from now on, but for those that
 * have child_pop_level().
 */
void
child_log_level(enum log_level level)
{
	struct child	*c;
	uint32_t	 number;

	log_setlevel(level);
	LIST_FOREACH(c, &child_list, entry) {
		number = child_level(c->role);
		link_send(&c->link, IMSG_LOG_LEVEL, -1, &number, sizeof(number));
	}
	worker_log_level();
}

/* The level of everything that serves mail programs, from now on; 0: that of all others. */
void
child_pop_level(enum log_level level)
{
	if (level == pop_level)
		return;
	pop_level = level;
	child_log_level(log_getlevel());
}

/* The level of a child, of its workers, and of what the master says of them. */
enum log_level
child_level(enum role role)
{
	int	 pop = role == ROLE_AUTH || role == ROLE_POPD || role == ROLE_MAILBOX;

	return (pop && pop_level != 0 ? pop_level : log_getlevel());
}

/* waitpid(2) has told the end of a process, which may be none of the children. */
void
child_exited(pid_t pid, int status)
{
	struct child	*c;
	char		 text[64];

	LIST_FOREACH(c, &child_list, entry)
		if (c->pid == pid)
			break;
	if (c == NULL)
		return;
	c->reaped = 1;
	if (!turn_stopping && !(c->retiring && c->users == 0))
		log_warnx("%s[%d] died: %s", conf[c->role].name, (int)pid, proc_status_str(status, text, sizeof(text)));
	if (!c->link.open)
		child_free(c);
}

/* The channel of the process is at its end, or the process broke the rules: why says which. */
static void
child_down(void *arg, const char *why)
{
	struct child	*c = arg;

	if (why != NULL)
		log_warnx("%s broke the rules: %s", conf[c->role].name, why);
	if (!c->reaped)
		kill(c->pid, SIGKILL);
	child_died(c);
}

/*
 * The process is dead.  First whoever waits for a connection that it was making and the workers that it has forked hear of it,
 * then those who watch its role, in their order.  The one that took new work is started again.  A round follows, since what the
 * master waited for may have gone with the process.
 */
static void
child_died(struct child *c)
{
	int	 current = child_of[c->role] == c;
	size_t	 i;

	c->ready = 0;
	if (current)
		child_of[c->role] = NULL;
	dial_died(c);
	worker_template_died(c);
	for (i = 0; i < nwatches; i++)
		if (watches[i].role == c->role && watches[i].died != NULL)
			watches[i].died(c);
	if (current && !turn_stopping) {
		conf[c->role].died = 1;
		child_restart(c->role);
	}
	if (timer_armed(&c->linger))
		child_lingered(c);
	if (c->reaped && c->users == 0)
		child_free(c);
	turn_soon();
}

/* 1: processes of the role have died START_TRIES times, and none has ever been ready; 0: not so. */
int
child_hopeless(enum role role)
{
	return (!conf[role].ever_ready && conf[role].tries >= START_TRIES);
}

/*
 * The process of the role that took new work has died: another one is started after a pause, or the daemon ends with a
 * sentence.
 */
static void
child_restart(enum role role)
{
	struct role_conf	*rc = &conf[role];

	rc->tries += !rc->ever_ready;
	/* A daemon may wait for somebody who repairs what it dies of; a single run ends, and its exit status tells. */
	if (options.once && rc->ever_ready && rc->failed++ >= START_TRIES && !rc->optional)
		fatalx("%s has died %d times in a row before it was ready; see the lines above, then try again; what was retrieved is safe",
		    rc->name, START_TRIES);
	if (child_hopeless(role)) {
		if (!rc->optional)
			fatalx("%s cannot start; see the lines above, then try again", rc->name);
		else if (rc->tries == START_TRIES)
			log_warnx("%s cannot start; see the lines above; it is tried on", rc->name);
	}
	if (clock_msec() - rc->started >= STEADY)
		rc->backoff = 0;
	child_later(role);
}

/* The next start is after a pause, which grows from try to try; the first one after a long life has none. */
static void
child_later(enum role role)
{
	struct role_conf	*rc = &conf[role];

	timer_init(&rc->timer, child_timer, rc);
	timer_in(&rc->timer, rc->backoff * 1000);
	rc->backoff = rc->backoff == 0 ? 1 : rc->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : rc->backoff * 2;
}

/* What the start of the role's process waited for is there: it is started now, and not at the end of its pause. */
void
child_soon(enum role role)
{
	struct role_conf	*rc = &conf[role];

	if (!timer_armed(&rc->timer))
		return;
	rc->backoff = 0;
	child_later(role);
}

static void
child_timer(void *arg)
{
	struct role_conf	*rc = arg;

	if (!turn_stopping && child_needed(rc - conf) && child_of[rc - conf] == NULL)
		child_start(rc - conf);
}

/* The process is retired and nobody depends on it: the end of its channel makes it exit. */
static void
child_let_go(struct child *c)
{
	link_close(&c->link);
	c->ready = 0;
	if (c->reaped)
		child_free(c);
}

static void
child_free(struct child *c)
{
	if (c->users > 0)
		return;
	childlog_lost(conf[c->role].name, &c->log);
	LIST_REMOVE(c, entry);
	free(c);
}

/* The daemon ends: channels first, and whoever is still there after two seconds is killed. */
void
child_shutdown(void)
{
	struct child	*c;
	int		 tries, left;

	LIST_FOREACH(c, &child_list, entry) {
		childlog_lost(conf[c->role].name, &c->log);
		link_flush(&c->link, FLUSH);
		link_close(&c->link);
	}
	for (tries = 0; tries < 200; tries++) {
		left = 0;
		LIST_FOREACH(c, &child_list, entry) {
			if (!c->reaped && waitpid(c->pid, NULL, WNOHANG) != 0)
				c->reaped = 1;
			left += !c->reaped;
		}
		if (left == 0)
			return;
		usleep(10000);
	}
	LIST_FOREACH(c, &child_list, entry)
		if (!c->reaped && kill(c->pid, SIGKILL) == 0)
			waitpid(c->pid, NULL, 0);
}
