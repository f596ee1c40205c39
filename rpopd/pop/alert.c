/* SPDX-License-Identifier: ISC */
/*
 * Alerts: a login with the right password is answered with a text that the account's user is to read, in place of his mailbox, and
 * the next login with the next one.  rpopd/state/alert.c has what becomes of an alert whoever is killed.
 *
 *	an alert is		and a login of its account
 *	not told		is told it, the oldest first
 *	on its way		is told the next one: an earlier login's session has this one, and will say that its client has it
 *	told, not written	likewise: state.db could not be written, and this is tried again
 *	told			likewise
 *
 * A session that ends, or goes on to another login, without having said it leaves its alert not told.
 */
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "pop_int.h"

#define AGAIN	30000	/* ms until state.db is tried again */

static void	 alert_write(void *);
static int	 alert_taken(int64_t);
static int	 alert_kept(const char *);

static int64_t		 unwritten[STATE_SLICE];	/* ids of alerts that were told */
static size_t		 nunwritten;
static struct timer	 again;

/* What pop_start() and each reload bring: alerts of accounts that are gone go. */
void
alert_reload(void)
{
	if (state_alert_prune(alert_kept) != DB_OK)
		log_warnx("state.db: alerts of removed accounts stay until the next load");
}

/*
 * The password of the account at this address is right.  1: the session has an alert for its client, and this is no login; 0: there
 * is none, or state.db cannot say, which keeps nobody from his mail.
 */
int
alert_due(struct pop_session *s, const char *address)
{
	char	 text[PROTO_ALERT_SIZE], shown[PROTO_ADDR_SIZE * 2];
	int64_t	 id;

	if (state_alert_next(address, alert_taken, &id, text) != DB_OK)
		return (0);
	log_vis(shown, sizeof(shown), address, strlen(address));
	pop_log(LOG_LEVEL_PROBLEMS, "POP %u: login of %s from %s answered with alert %lld", s->id, shown, s->peer, (long long)id);
	session_denied(s, POP_CODE_ALERT, "%s", text);
	s->alert = id;
	return (1);
}

/* IMSG_POP_ALERTED: the client's connection has taken the alert. */
int
alert_told(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;

	(void)imsg;
	if (s == NULL)
		return (0);
	if (s->alert == 0)
		return (-1);
	/* One that finds no room is told once more. */
	if (nunwritten < nitems(unwritten))
		unwritten[nunwritten++] = s->alert;
	s->alert = 0;
	alert_write(NULL);
	return (0);
}

/* Alerts that were told are written, now or later. */
static void
alert_write(void *arg)
{
	(void)arg;
	timer_stop(&again);
	if (nunwritten == 0)
		return;
	if (state_alert_told(unwritten, nunwritten, time(NULL)) == DB_OK) {
		nunwritten = 0;
		return;
	}
	timer_init(&again, alert_write, NULL);
	timer_in(&again, AGAIN);
}

/* 1: some session has this alert, or has told it. */
static int
alert_taken(int64_t id)
{
	size_t	 i;

	for (i = 0; i < nunwritten; i++)
		if (unwritten[i] == id)
			return (1);
	return (session_alerting(id));
}

/* 1: there is such an account. */
static int
alert_kept(const char *account)
{
	return (route_account_by_address(config_running->routes, account) != NULL);
}
