/* SPDX-License-Identifier: ISC */
/* rpopctl alert: what users are told at their next logins is made, listed in portions as the channel drains, and removed. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/state/state.h"
#include "control_int.h"

#define ALERT_PORTION	32	/* alerts in the channel at once */

static void	 alert_add(struct client *, const struct ctl_alert *, char *);
static void	 alert_remove(struct client *, const struct ctl_alert *, char *);
static const char *alert_wrong(const char *);
static void	 alert_log(const struct client *, const char *, const char *);
static void	 alert_portion(void *);
static void	 alert_go_on(void *);
static void	 alert_row(void *, const struct alert_row *);

const struct rule	 alert_rules[] = {
	{ IMSG_CTL_ALERT,	RULES_ANY,	alert_request },
	{ IMSG_CTL_ALERTS,	RULES_ANY,	alert_list },
};
const size_t		 alert_nrules = nitems(alert_rules);

/* IMSG_CTL_ALERT */
int
alert_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_alert m;
	char		 err[PROTO_TEXT_SIZE], account[PROTO_ADDR_SIZE], *p;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.account, sizeof(m.account)) || !proto_str(m.text, sizeof(m.text)) ||
	    m.remove > 1 || m.id < 0 || (!m.remove && (m.id != 0 || m.account[0] == '\0')))
		return (-1);
	if (!client_allowed(c, imsg, 1))
		return (0);
	if (c->who.user && user_change(c, err, sizeof(err)) == -1) {
		client_reply(c, 0, err);
		return (0);
	}
	strlcpy(account, m.account, sizeof(account));
	for (p = account; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (m.remove)
		alert_remove(c, &m, account);
	else
		alert_add(c, &m, account);
	return (0);
}

/* An account that is not his looks like one that does not exist. */
static void
alert_add(struct client *c, const struct ctl_alert *m, char *account)
{
	char		 text[PROTO_TEXT_SIZE * 2], shown[PROTO_ADDR_SIZE], what[64];
	const char	*wrong = alert_wrong(m->text);
	int64_t		 id;
	int		 ok = 0;

	log_vis(shown, sizeof(shown), account, strlen(account));
	if (wrong != NULL)
		strlcpy(text, wrong, sizeof(text));
	else if (!who_keeps(&c->who, account) || route_account_by_address(config_running->routes, account) == NULL)
		snprintf(text, sizeof(text), "%s: no such account%s", shown, c->who.root ? "" : ", or none of yours");
	else
		switch (state_alert_add(account, m->text, time(NULL), &id)) {
		case DB_OK:
			ok = 1;
			snprintf(what, sizeof(what), "alert %lld added", (long long)id);
			alert_log(c, shown, what);
			snprintf(text, sizeof(text), "%s: is told at the next login (alert %lld)", shown, (long long)id);
			break;
		case DB_NONE:
			snprintf(text, sizeof(text), "%s: has %d alerts that are not told yet, which is the most", shown,
			    ALERTS_MAX);
			break;
		default:
			strlcpy(text, "state.db cannot be written now; try again", sizeof(text));
		}
	client_reply(c, ok, text);
}

/* One that does not exist looks like one that is not his. */
static void
alert_remove(struct client *c, const struct ctl_alert *m, char *account)
{
	char	 text[PROTO_TEXT_SIZE * 2], shown[PROTO_ADDR_SIZE], what[64];
	enum db	 found = DB_OK;
	int	 n = 0;

	if (account[0] == '\0')
		found = state_alert_get(m->id, account);
	if (found == DB_OK && who_keeps(&c->who, account))
		found = state_alert_remove(m->id, account, &n);
	if (found != DB_OK && found != DB_NONE) {
		client_reply(c, 0, "state.db cannot be written now; try again");
		return;
	}
	log_vis(shown, sizeof(shown), account, strlen(account));
	snprintf(what, sizeof(what), "%d alert%s removed", n, PLURAL(n));
	if (n > 0) {
		alert_log(c, shown, what);
		snprintf(text, sizeof(text), "%s: %s", shown, what);
	} else if (m->id != 0)
		snprintf(text, sizeof(text), "%lld: no such alert%s", (long long)m->id, c->who.root ? "" : ", or none of yours");
	else
		snprintf(text, sizeof(text), "%s: no alerts%s", shown, c->who.root ? "" : ", or no account of yours");
	client_reply(c, n > 0, text);
}

/* Why a text cannot be told; NULL: it can.  A reply is one line of ASCII (RFC 1939 section 3). */
static const char *
alert_wrong(const char *text)
{
	const char	*p;

	for (p = text; *p >= ' ' && *p <= '~'; p++)
		;
	if (*text == '\0')
		return ("the alert has no text");
	if (iscntrl((unsigned char)*p) && *p != '\0')
		return ("an alert is one line: its text has a control character, such as a line end or a tab");
	return (*p == '\0' ? NULL : "an alert is printable ASCII, as replies of POP3 are; its text has something else");
}

static void
alert_log(const struct client *c, const char *account, const char *what)
{
	char	 name[PROTO_ADDR_SIZE + 32];

	log_notice("change by %s: account %s: %s", who_named(&c->who, name, sizeof(name)), account, what);
}

/* IMSG_CTL_ALERTS */
int
alert_list(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		*p;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)))
		return (-1);
	if (!client_allowed(c, imsg, 0))
		return (0);
	if (c->who.user)
		who_again(&c->who);
	for (p = m.name; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	memset(&c->alerts, 0, sizeof(c->alerts));
	c->alerts.only = m;
	timer_init(&c->listing.go_on, alert_go_on, c);
	client_busy(c, alert_portion, NULL);
	alert_portion(c);
	return (0);
}

/* The next portion.  Of one that has nothing for this client, the next comes from the event loop. */
static void
alert_portion(void *arg)
{
	struct client	*c = arg;
	struct alert_row last = { .id = c->alerts.id };
	enum db		 result;

	if (timer_armed(&c->listing.go_on))
		return;
	strlcpy(last.account, c->alerts.account, sizeof(last.account));
	c->alerts.told = 0;
	result = state_alert_page(c->alerts.only.name, &last, ALERT_PORTION, alert_row, c);
	if (result != DB_MORE) {
		client_end(c, result == DB_OK ? NULL : "state.db cannot be read now; try again");
		return;
	}
	c->alerts.id = last.id;
	strlcpy(c->alerts.account, last.account, sizeof(c->alerts.account));
	if (c->alerts.told == 0)
		timer_in(&c->listing.go_on, 0);
}

static void
alert_go_on(void *arg)
{
	alert_portion(arg);
}

/* One of them, if it is his to see: rows of an account come together, and whether they are is looked up once. */
static void
alert_row(void *arg, const struct alert_row *row)
{
	struct client		*c = arg;
	struct ctl_alerted	 m;

	if (strcmp(c->alerts.looked, row->account) != 0) {
		strlcpy(c->alerts.looked, row->account, sizeof(c->alerts.looked));
		c->alerts.sees = !c->who.user || (c->who.account[0] != '\0' && who_sees(&c->who, row->account));
	}
	if (!c->alerts.sees)
		return;
	memset(&m, 0, sizeof(m));
	m.id = row->id;
	m.made = row->made;
	m.told = row->told;
	strlcpy(m.account, row->account, sizeof(m.account));
	strlcpy(m.text, row->text, sizeof(m.text));
	c->alerts.told++;
	client_send(c, IMSG_CTL_ALERTED, &m, sizeof(m));
}
