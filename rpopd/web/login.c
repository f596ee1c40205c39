/* SPDX-License-Identifier: ISC */
/*
 * A login at the web page: the request gets a channel to an auth process, which takes apart what was typed and verifies it, with the
 * delays and the words that a login over POP3 has; failures there and here count together.  Each account with a password may log in.
 */
#include <sys/types.h>

#include <string.h>

#include "common/compat.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/pop/pop.h"
#include "rpopd/turn/turn.h"
#include "web_int.h"

static int	 login_find(void *, const struct msg_auth_lookup *, char *, size_t);
static void	 login_done(void *, const struct auth_login_result *);
static void	 login_yes(struct web_request *, const struct auth_login_result *);
static void	 login_denied(struct web_request *, const char *);

static const char	 wrong[] = "wrong name or password";

/* IMSG_WEB_BEGIN: somebody wants to log in. */
int
web_login(void *arg, struct imsg *imsg)
{
	static const struct auth_login_calls	 calls = { login_find, login_done };
	struct web_request			*r = ((struct worker *)arg)->arg;
	struct msg_web_begin			 m;
	struct auth_login_want			 want;
	int					 fd;

	if (rules_payload(imsg, &m) == -1 || !proto_client(m.client, sizeof(m.client)))
		return (-1);
	if (r == NULL)
		return (0);
	strlcpy(r->client, m.client, sizeof(r->client));
	r->account[0] = '\0';
	if (auth_blocked(r->client)) {
		login_denied(r, "too many failed logins from your network, try again later");
		return (0);
	}
	memset(&want, 0, sizeof(want));
	want.session = r->id;
	want.web = 1;
	want.mechs = 1U << AUTH_USER;
	want.peer = r->client;
	want.host = config_running->settings.hostname;
	want.apop = "";
	if (turn_stopping || (r->auth = auth_login(&want, &calls, r, &fd)) == NULL) {
		login_denied(r, "logins are not possible now, try again later");
		return (0);
	}
	web_request_state(r, WEB_LOGIN);
	link_send(&r->worker->link, IMSG_WEB_AUTH, fd, NULL, 0);
	return (0);
}

/*
 * The account that a login is for, and what its password is like ahead of the login, so that a session never stands on one that was
 * changed meanwhile.  1: none; it is answered as a wrong password is.
 */
static int
login_find(void *arg, const struct msg_auth_lookup *who, char *address, size_t size)
{
	struct web_request		*r = arg;
	char				 individual[PROTO_ADDR_SIZE];
	const struct route_account	*a = NULL;

	if (who->mailbox[0] == '\0' && who->owner[0] == '\0')
		a = name_account(who->account, "", individual);
	if (a == NULL || route_account_address(a, address, size) == -1) {
		a = NULL;
		if (name_address(who->account, "", address, size) == -1)
			*address = '\0';
		else
			name_without_detail(address);
	}
	if (browser_proof(address, r->proof) == -1 || a == NULL)
		return (1);
	strlcpy(r->account, address, sizeof(r->account));
	return (0);
}

/* What came of it. */
static void
login_done(void *arg, const struct auth_login_result *result)
{
	struct web_request	*r = arg;

	r->auth = NULL;
	if (result->answer == AUTH_YES)
		login_yes(r, result);
	else if (result->answer == AUTH_NO)
		login_denied(r, wrong);
	else if (result->answer == AUTH_MALFORMED)
		login_denied(r, result->text[0] == '\0' ? "that is no login" : result->text);
	else if (result->answer == AUTH_GONE)
		login_denied(r, "the login was given up");
	else
		login_denied(r, "the password cannot be verified now, try again later");
}

/* The password is right: there is a session, and its token goes to the browser. */
static void
login_yes(struct web_request *r, const struct auth_login_result *result)
{
	struct msg_web_session	 m;
	char			 name[PROTO_ADDR_SIZE * 2];

	/* The configuration may be another one by now. */
	if (r->account[0] == '\0' || strcmp(r->account, result->address) != 0 ||
	    route_account_by_address(config_running->routes, r->account) == NULL) {
		login_denied(r, wrong);
		return;
	}
	memset(&m, 0, sizeof(m));
	browser_new(r->account, r->proof, m.token);
	log_at(child_level(ROLE_WEB), LOG_LEVEL_MAJOR, "web %u: %s logs in from %s", r->id,
	    log_vis(name, sizeof(name), r->account, strlen(r->account)), r->client[0] == '\0' ? "an unknown address" : r->client);
	web_request_state(r, WEB_KNOWN);
	link_send(&r->worker->link, IMSG_WEB_SESSION, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
}

/* The request hears that nobody has logged in, and why. */
static void
login_denied(struct web_request *r, const char *why)
{
	struct msg_web_denied	 m;

	memset(&m, 0, sizeof(m));
	strlcpy(m.text, why, sizeof(m.text));
	web_request_state(r, WEB_KNOWN);
	link_send(&r->worker->link, IMSG_WEB_DENIED, -1, &m, sizeof(m));
}
