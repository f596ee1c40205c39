/* SPDX-License-Identifier: ISC */
/*
 * rpopctl status: figures of the daemon, and a listing of records, sent in portions as the channel drains, since it would be
 * tens of megabytes at once.  A reload between two portions may show a record twice or not at all; a listing is a snapshot of
 * nothing.
 */
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/poll/poll.h"
#include "rpopd/pop/pop.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "control_int.h"

#define STATUS_PORTION	64	/* records in the channel at once */
#define STATUS_MSEC	5	/* that a portion takes, about */

static int	 status_request(void *, struct imsg *);
static int	 status_work(void *, struct imsg *);
static void	 status_daemon(struct client *);
static void	 status_list(struct client *, const char *, int);
static int	 status_wanted(const struct client *, const struct task *);
static void	 status_portion(void *);
static void	 status_go_on(void *);
static void	 status_record(struct client *, const struct task *, const struct mailbox_counts *);

const struct rule	 status_rules[] = {
	{ IMSG_CTL_STATUS,	RULES_ANY,	status_request },
	{ IMSG_CTL_ACCOUNT,	RULES_ANY,	status_account },
	{ IMSG_CTL_WORK,	RULES_ANY,	status_work },
};
const size_t		 status_nrules = nitems(status_rules);

/* IMSG_CTL_STATUS: everything. */
static int
status_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;

	if (!client_allowed(c, imsg, 0))
		return (0);
	status_daemon(c);
	status_list(c, "", 0);
	return (0);
}

/* IMSG_CTL_WORK: the daemon, and what it is at. */
static int
status_work(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;

	if (!client_allowed(c, imsg, 0))
		return (0);
	status_daemon(c);
	status_list(c, "", 1);
	return (0);
}

/* The figures of the daemon go out. */
static void
status_daemon(struct client *c)
{
	struct ctl_daemon	 m;
	struct state_sums	 sums;
	size_t			 i;

	memset(&m, 0, sizeof(m));
	m.started = turn_started;
	m.loaded = config_loaded;
	m.records = sched_ntasks;
	for (i = 0; i < sched_ntasks; i++)
		m.enabled += sched_tasks[i].rec->period != 0;
	m.sessions = sched_nruns;
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
	delivery_sums(&m);
	pop_sums(&m);
	strlcpy(m.password_error, auth_trouble(), sizeof(m.password_error));
	if (m.mail_root_error[0] == '\0')
		strlcpy(m.mail_root_error, space_trouble(), sizeof(m.mail_root_error));
	client_send(c, IMSG_CTL_DAEMON, &m, sizeof(m));
}

/* IMSG_CTL_ACCOUNT: the records of one account, or one record. */
int
status_account(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (!client_allowed(c, imsg, 0))
		return (0);
	status_list(c, m.name, 0);
	return (0);
}

/*
 * Begin a listing of every record (name empty), or of those of one account ("account" or "account/record"); work: of those among
 * them that have some.
 */
static void
status_list(struct client *c, const char *name, int work)
{
	c->listing.next = 0;
	c->listing.work = work;
	strlcpy(c->listing.name.name, name, sizeof(c->listing.name.name));
	timer_init(&c->listing.go_on, status_go_on, c);
	client_busy(c, status_portion, NULL);
	status_portion(c);
}

/* A portion of the listing.  It ends early when it takes long: then the event loop comes first. */
static void
status_portion(void *arg)
{
	struct client		*c = arg;
	struct mailbox_counts	 counts;
	int64_t			 begun = clock_msec();
	int			 n, known;

	for (n = 0; n < STATUS_PORTION && c->listing.next < sched_ntasks; c->listing.next++) {
		if (!status_wanted(c, &sched_tasks[c->listing.next]))
			continue;
		/* One record at least, or a page of its rows. */
		if ((n > 0 && clock_msec() - begun > STATUS_MSEC) ||
		    (known = c->listing.work ? -1 : counts_get(&sched_tasks[c->listing.next], &counts)) == 0) {
			timer_in(&c->listing.go_on, 0);
			return;
		}
		status_record(c, &sched_tasks[c->listing.next], known == 1 ? &counts : NULL);
		n++;
	}
	if (n == STATUS_PORTION)
		return;
	client_end(c, NULL);
}

/* 1: the record belongs into the listing. */
static int
status_wanted(const struct client *c, const struct task *t)
{
	if (c->listing.work && !sched_busy(t))
		return (0);
	return (c->listing.name.name[0] == '\0' || sched_named(t, c->listing.name.name));
}

static void
status_go_on(void *arg)
{
	struct client	*c = arg;

	if (c->link.open && c->link.drained == status_portion)
		status_portion(c);
}

static void
status_record(struct client *c, const struct task *t, const struct mailbox_counts *counts)
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
	m.failing_since = t->rs.failing;
	m.login_delay = t->login_delay;
	m.expire = t->expire;
	m.messages = t->rs.messages;
	m.octets = t->rs.octets;
	m.polls = t->rs.polls;
	m.asked = t->asked;
	m.answered = t->answered;
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
	if (!c->listing.work)
		(void)state_origin(t->mailbox, m.origin, sizeof(m.origin));
	progress_tell(t->run, &m);
	client_send(c, IMSG_CTL_RECORD, &m, sizeof(m));
}
