/* SPDX-License-Identifier: ISC */
/*
 * A login at popd: the session asks, an auth process takes it apart and verifies it, and what it may open is decided here; then a
 * process of its own opens that, and the session gets the channel to it.  Whatever fails on the way, the session hears of it once.
 *
 * A mailbox that somebody has no right to read, one of an account that does not exist and one that does not exist are answered
 * alike and by the same steps: for the first two a process looks for a folder that nobody has.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hex.h"
#include "common/log.h"
#include "rpopd/auth/auth.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/turn/turn.h"
#include "pop_int.h"

#define BIT(n)		(1U << (n))
#define IN_CLEAR	(BIT(AUTH_USER) | BIT(AUTH_PLAIN) | BIT(AUTH_LOGIN))	/* who listens learns the password */
#define BOX_BUFFER	16384	/* octets of a mailbox's messages to a session, and so few descriptors, that are on their way */
#define OPEN_TIMEOUT	300000	/* ms to open a mailbox: a million messages on a cold disk, nearly */

static void	 login_lost(struct pop_session *);
static int	 login_find(void *, const struct msg_auth_lookup *, char *, size_t);
static void	 login_done(void *, const struct auth_login_result *);
static void	 login_yes(struct pop_session *, const struct auth_login_result *);
static int	 login_may(struct pop_session *, const struct pop_account *);
static uint32_t	 login_where(struct pop_session *, const struct msg_auth_lookup *, const struct route_account *,
		    struct msg_box_start *);
static void	 login_nowhere(const struct route_account *, struct msg_box_start *);
static void	 login_open(struct pop_session *, struct msg_box_start *);
static int	 box_opened(void *, struct imsg *);
static int	 box_failed(void *, struct imsg *);
static int	 box_result(void *, struct imsg *);
static void	 box_died(void *);

/* What the process of a mailbox may say. */
static const struct rule	 box_rules[] = {
	{ IMSG_LOG,		RULES_ANY,	worker_log },
	{ IMSG_BOX_OPENED,	RULES_ANY,	box_opened },
	{ IMSG_BOX_FAILED,	RULES_ANY,	box_failed },
	{ IMSG_BOX_RESULT,	RULES_ANY,	box_result },
};

static uint32_t	 last_box;

/* Bit mask of the mechanisms that some account can use (1u << enum auth_mech), APOP if the session greets with a timestamp. */
uint32_t
login_mechs(const struct pop_session *s)
{
	uint32_t	 kinds = config_running->login_kinds, mechs = IN_CLEAR;

	if ((kinds & (BIT(VERIFIER_SCRAM) | BIT(VERIFIER_PLAIN))) != 0)
		mechs |= BIT(AUTH_SCRAM_SHA_256);
	if ((kinds & BIT(VERIFIER_PLAIN)) != 0)
		mechs |= BIT(AUTH_SCRAM_SHA_1) | BIT(AUTH_CRAM_MD5);
	if (s->apop[0] != '\0')
		mechs |= BIT(AUTH_APOP);
	return (mechs);
}

/* IMSG_POP_LOGIN: somebody wants to log in, and the session gets an auth process for that. */
int
login_begin(void *arg, struct imsg *imsg)
{
	static const struct auth_login_calls	 calls = { login_find, login_done };
	struct pop_session			*s = ((struct worker *)arg)->arg;
	struct auth_login_want			 want;
	uint32_t				 mech;
	int					 fd;

	if (rules_payload(imsg, &mech) == -1 || mech >= AUTH_MAX)
		return (-1);
	if (s == NULL)
		return (0);
	if ((s->mechs & BIT(mech)) == 0)
		return (-1);
	login_lost(s);
	s->alert = 0;
	s->mech = mech;
	memset(&want, 0, sizeof(want));
	want.session = s->id;
	want.mechs = s->mechs & (s->clear || s->secure ? UINT32_MAX : ~IN_CLEAR);
	want.peer = s->peer;
	want.host = config_running->settings.hostname;
	want.apop = s->apop;
	if (turn_stopping || (s->auth = auth_login(&want, &calls, s, &fd)) == NULL) {
		session_denied(s, POP_CODE_SYS_TEMP, "logins are not possible now, try again later");
		return (0);
	}
	s->state = s->worker->link.state = POP_LOGIN;
	link_send(&s->worker->link, IMSG_POP_AUTH, fd, NULL, 0);
	return (0);
}

/* The process of the mailbox that the session had died before the client heard of it: he may try again, and nobody is logged in. */
static void
login_lost(struct pop_session *s)
{
	if (s->box != NULL) {
		worker_leave(s->box);
		session_box_gone(s);
	}
	s->account = s->owner = 0;
	s->name[0] = s->mailbox[0] = '\0';
}

/*
 * The account that a login is for.  1: none; it is answered as a wrong password is, and whatever the client can see of the verifier
 * is that of the address without its detail, as it is for an account, so that it does not tell whether there is one.
 */
static int
login_find(void *arg, const struct msg_auth_lookup *who, char *address, size_t size)
{
	struct pop_session		*s = arg;
	char				 individual[PROTO_ADDR_SIZE];
	const struct route_account	*a = name_account(who->account, s->local, individual);

	if (a != NULL && config_pop(config_running, a->id).pop && route_account_address(a, address, size) == 0)
		return (0);
	if (name_address(who->account, s->local, address, size) == -1)
		*address = '\0';
	else
		name_without_detail(address);
	return (1);
}

/* What came of it. */
static void
login_done(void *arg, const struct auth_login_result *r)
{
	struct pop_session	*s = arg;

	s->auth = NULL;
	switch (r->answer) {
	case AUTH_YES:
		login_yes(s, r);
		break;
	case AUTH_NO:
		session_denied(s, POP_CODE_AUTH, "wrong name or password");
		break;
	case AUTH_MALFORMED:
		session_denied(s, POP_CODE_NONE, "%s", r->text[0] == '\0' ? "that is no login" : r->text);
		break;
	case AUTH_LATER:
		session_denied(s, POP_CODE_SYS_TEMP, "the password cannot be verified now, try again later");
		break;
	case AUTH_GONE:
		/* The session has ended, or is about to. */
		session_denied(s, POP_CODE_NONE, "the login was given up");
		break;
	}
}

/* The password is right. */
static void
login_yes(struct pop_session *s, const struct auth_login_result *r)
{
	const struct route_account	*a = route_account_by_address(config_running->routes, r->address);
	struct msg_box_start		 start;
	struct pop_account		 p;

	/* The configuration may be another one by now. */
	if (a == NULL || r->lookup == NULL || !(p = config_pop(config_running, a->id)).pop) {
		session_denied(s, POP_CODE_AUTH, "wrong name or password");
		return;
	}
	strlcpy(s->name, r->address, sizeof(s->name));
	if (alert_due(s, r->address) || !login_may(s, &p))
		return;
	memset(&start, 0, sizeof(start));
	start.session = s->id;
	start.expire = UINT32_MAX;
	s->account = a->id;
	s->owner = login_where(s, r->lookup, a, &start);
	login_open(s, &start);
}

/* 1: the account may have one more session now; 0: not, and the session has heard that. */
static int
login_may(struct pop_session *s, const struct pop_account *p)
{
	uint32_t	 left;

	if (session_of(p->account) >= p->sessions) {
		pop_log(LOG_LEVEL_PROBLEMS, "POP %u: login of %s from %s refused: it has %u sessions already", s->id, s->name,
		    s->peer, p->sessions);
		session_denied(s, POP_CODE_IN_USE, "there are %u sessions of this account already", p->sessions);
		return (0);
	}
	if ((left = last_left(p->account, p->login_delay)) > 0) {
		pop_log(LOG_LEVEL_LOW, "POP %u: login of %s from %s refused: %u s too early", s->id, s->name, s->peer, left);
		session_denied(s, POP_CODE_LOGIN_DELAY, "wait %u second%s until the next login", left, PLURAL(left));
		return (0);
	}
	return (1);
}

/*
 * The mailbox that a login asks for: its directory and the rights there go into start.  Returns the id of its owner, of the account
 * itself if there is no such mailbox for it.
 */
static uint32_t
login_where(struct pop_session *s, const struct msg_auth_lookup *who, const struct route_account *a, struct msg_box_start *start)
{
	int				 own = who->owner[0] == '\0';
	const struct route_account	*owner;
	const char			*folder = who->mailbox;
	char				 address[PROTO_ADDR_SIZE];

	owner = name_account(own ? who->account : who->owner, s->local, start->address);
	if (own && owner != a)
		owner = NULL;		/* the configuration is another one by now */
	if (*folder == '\0' || strcasecmp(folder, "INBOX") == 0)
		folder = "INBOX";
	snprintf(s->mailbox, sizeof(s->mailbox), "%s%s%s%s", own ? "" : "~", who->owner, own ? "" : "/", folder);
	if (owner == NULL || route_account_address(owner, address, sizeof(address)) == -1 ||
	    config_folder(owner, folder, start->dir, sizeof(start->dir)) == -1 ||
	    ((start->rights = config_acl(config_running, address, folder, s->name)) & POP_RIGHT_READ) == 0) {
		login_nowhere(a, start);
		return (a->id);
	}
	if (start->address[0] != '\0') {
		strlcpy(start->field, config_running->settings.unified_field, sizeof(start->field));
		start->detail = (unsigned char)config_running->settings.detail;
	}
	start->must_exist = strcmp(folder, "INBOX") != 0;
	if ((start->rights & POP_RIGHT_DELETE) != 0)
		start->expire = config_pop(config_running, owner->id).expire_days;
	return (owner->id);
}

/* A directory that nobody has: in the account's own, so that the same steps lead there. */
static void
login_nowhere(const struct route_account *a, struct msg_box_start *start)
{
	uint8_t	 nonce[16];
	char	 digits[sizeof(nonce) * 2 + 1];

	arc4random_buf(nonce, sizeof(nonce));
	hex_encode(digits, nonce, sizeof(nonce));
	digits[sizeof(digits) - 1] = '\0';
	snprintf(start->dir, sizeof(start->dir), "%s/.%s", a->dir, digits);
	start->rights = 0;
	start->must_exist = 1;
	start->address[0] = '\0';
}

/* A process opens the mailbox. */
static void
login_open(struct pop_session *s, struct msg_box_start *start)
{
	struct child	*template = mailroot_right() ? worker_template(ROLE_MAILBOX) : NULL;
	char		 label[PROTO_TEXT_SIZE], mailbox[PROTO_TEXT_SIZE];
	int		 channel[2], size = BOX_BUFFER;

	if (template == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, channel) == -1) {
		log_warnx("POP %u: no process for the mailbox: %s", s->id,
		    template == NULL ? "it is not ready, or there are too many" : "no descriptors");
		session_denied(s, POP_CODE_SYS_TEMP, "the mailbox cannot be opened now, try again later");
		return;
	}
	if (setsockopt(channel[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == -1)
		log_warn("POP %u: channel to the mailbox", s->id);
	if (++last_box == 0)
		last_box = 1;
	log_vis(mailbox, sizeof(mailbox), s->mailbox, strlen(s->mailbox));
	snprintf(label, sizeof(label), "POP %u: mailbox %.200s", s->id, mailbox);
	if ((s->box = worker_start(template, last_box, label, box_rules, nitems(box_rules), box_died, s)) == NULL) {
		log_warn("%s", label);
		close(channel[0]);
		close(channel[1]);
		session_denied(s, POP_CODE_SYS_TEMP, "the mailbox cannot be opened now, try again later");
		return;
	}
	s->rights = start->rights;
	s->expire = start->expire;
	s->state = s->worker->link.state = POP_OPENING;
	s->box_fd = channel[0];
	link_send(&s->box->link, IMSG_BOX_START, channel[1], start, sizeof(*start));
	timer_in(&s->clock, OPEN_TIMEOUT);
}

/* IMSG_BOX_OPENED: the session gets the channel to the mailbox, and somebody is logged in. */
static int
box_opened(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	struct msg_box_opened	 m;
	struct msg_pop_opened	 opened;
	struct pop_account	 p;
	int			 fd;

	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if (s == NULL || s->state == POP_ENDED)
		return (0);
	if (s->state != POP_OPENING)
		return (-1);
	timer_stop(&s->clock);
	p = config_pop(config_running, s->account);
	last_login(s->account, s->peer);
	count_add(COUNT_LOGINS, 1);
	memset(&opened, 0, sizeof(opened));
	opened.rights = s->rights;
	opened.login_delay = p.login_delay;
	opened.expire = s->expire;
	opened.submit = xmit_may(config_running, s->account);
	fd = s->box_fd;
	s->box_fd = -1;
	s->state = s->worker->link.state = POP_READING;
	link_send(&s->worker->link, IMSG_POP_OPENED, fd, &opened, sizeof(opened));
	return (0);
}

/* IMSG_BOX_FAILED: the mailbox was not opened. */
static int
box_failed(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	struct msg_box_failed	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	if (s == NULL)
		return (0);
	if (s->state != POP_OPENING && s->state != POP_ENDED)
		return (-1);
	worker_leave(s->box);
	if (m.missing)
		pop_log(LOG_LEVEL_PROBLEMS, "POP %u: %s asked for mailbox %s, which does not exist, or not for this account", s->id, s->name,
		    s->box->label);
	else
		log_warnx("%s: cannot be opened: %s", s->box->label, m.text);
	if (s->state == POP_OPENING) {
		if (m.missing)
			session_denied(s, POP_CODE_SYS_PERM, "no such mailbox");
		else if (m.temporary)
			session_denied(s, POP_CODE_SYS_TEMP, "the mailbox cannot be opened now, try again later");
		else
			session_denied(s, POP_CODE_SYS_PERM, "the mailbox cannot be opened; the log of the server says why");
	}
	session_box_gone(s);
	return (0);
}

/* IMSG_BOX_RESULT: its last message. */
static int
box_result(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	struct msg_box_result	 m;

	if (rules_payload(imsg, &m) == -1)
		return (-1);
	if (s == NULL)
		return (0);
	if (s->state == POP_OPENING)
		return (-1);
	if (m.failed > 0)
		log_warnx("%s: %u message%s could not be deleted", s->box->label, m.failed, PLURAL(m.failed));
	worker_leave(s->box);
	session_box_gone(s);
	return (0);
}

/* The process of the mailbox has died.  The session notices that by itself, once it has the channel. */
static void
box_died(void *arg)
{
	struct pop_session	*s = arg;

	if (s->state == POP_OPENING)
		session_denied(s, POP_CODE_SYS_TEMP, "the mailbox cannot be opened now, try again later");
	session_box_gone(s);
}

/* The session has ended: nobody waits for the login or the mailbox. */
void
login_end(struct pop_session *s)
{
	if (s->auth != NULL)
		auth_cancel(s->auth);
	s->auth = NULL;
	if (s->box_fd != -1)
		close(s->box_fd);
	s->box_fd = -1;
}
