/* SPDX-License-Identifier: ISC */
/*
 * A request's channels: to the master, which it was born with, and to an auth process while somebody logs in.  A request waits for
 * one thing at a time, and for no longer than its own time.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "common/proc.h"
#include "web.h"

#define IN(state)	(1U << (state))

enum { CHANNEL_NEW, CHANNEL_ENTERING, CHANNEL_ENTERED, CHANNEL_BEGUN, CHANNEL_JUDGED, CHANNEL_OVER };

struct login {
	const char	*address, *password;
	uint8_t		*token;
	int		 in;		/* there is a session */
};

struct talk {
	struct visit	*v;
	struct login	*login;		/* while somebody logs in */
};

static int	 take_entered(void *, struct imsg *);
static int	 take_auth(void *, struct imsg *);
static int	 take_session(void *, struct imsg *);
static int	 take_denied(void *, struct imsg *);
static int	 channel_talk(struct talk *, uint32_t type, const void *, size_t, uint32_t next);
static int	 channel_flush(struct imsgbuf *);
static int	 login_give(const struct login *, int);

static const struct rule	 master_rules[] = {
	{ IMSG_WEB_ENTERED,	IN(CHANNEL_ENTERING),			take_entered },
	{ IMSG_WEB_AUTH,	IN(CHANNEL_BEGUN),			take_auth },
	{ IMSG_WEB_SESSION,	IN(CHANNEL_JUDGED),			take_session },
	{ IMSG_WEB_DENIED,	IN(CHANNEL_BEGUN) | IN(CHANNEL_JUDGED),	take_denied },
	{ IMSG_LOG_LEVEL,	RULES_ANY,				proc_log_level }
};

static struct imsgbuf	 master;
static uint32_t		 state;
static int64_t		 until;		/* when the request's time is over */

void
channel_begin(void)
{
	until = clock_msec() + WAIT_TIME * 1000;
	state = CHANNEL_NEW;
	if (fcntl(PROC_FD, F_SETFL, O_RDWR | O_NONBLOCK) == -1 || imsgbuf_init(&master, PROC_FD) == -1)
		fatal("channel to the master");
	imsgbuf_allow_fdpass(&master);
	proc_log_to(&master);
}

int
channel_ready(int fd, short events)
{
	struct pollfd	 pfd = { .fd = fd, .events = events };
	int64_t		 left;
	int		 n;

	if (until == 0)
		until = clock_msec() + WAIT_TIME * 1000;
	do {
		left = until - clock_msec();
		n = left <= 0 ? 0 : poll(&pfd, 1, (int)left);
	} while (n == -1 && errno == EINTR);
	return (n > 0 ? 0 : -1);
}

/* Says something, and reads until the answer has come, which changes the state.  0 or -1: v->said. */
static int
channel_talk(struct talk *t, uint32_t type, const void *data, size_t len, uint32_t next)
{
	char	 err[256];
	int	 n;

	if (imsg_compose(&master, type, 0, 0, -1, data, len) == -1)
		fatal("channel to the master");
	state = next;
	if (channel_flush(&master) == 0)
		while (state == next || state == CHANNEL_JUDGED) {
			if (channel_ready(master.fd, POLLIN) == -1)
				break;
			n = rules_read(&master, "the master", master_rules, nitems(master_rules), &state, t, err, sizeof(err));
			if (n == 1)
				continue;
			if (n == -1)
				log_warnx("web: channel to the master: %s", err);
			break;
		}
	if (state == CHANNEL_ENTERED)
		return (0);
	state = CHANNEL_OVER;
	strlcpy(t->v->said, "The mail server does not answer just now.  Try again in a moment.", sizeof(t->v->said));
	return (-1);
}

static int
channel_flush(struct imsgbuf *ibuf)
{
	while (imsgbuf_queuelen(ibuf) > 0)
		if (channel_ready(ibuf->fd, POLLOUT) == -1 || imsgbuf_write(ibuf) == -1)
			return (-1);
	return (0);
}

int
channel_enter(struct visit *v, const struct msg_web_enter *m)
{
	struct talk	 t = { .v = v };

	return (channel_talk(&t, IMSG_WEB_ENTER, m, sizeof(*m), CHANNEL_ENTERING));
}

/* The control channel is there exactly if somebody has entered. */
static int
take_entered(void *arg, struct imsg *imsg)
{
	struct talk	*t = arg;
	struct visit	*v = t->v;
	int		 fd = imsg_get_fd(imsg);

	if (rules_payload(imsg, &v->me) == -1 || v->me.entry >= WEB_ENTRY_MAX || (v->me.entry == WEB_ENTERED) != (fd != -1) ||
	    !proto_text(v->me.account, sizeof(v->me.account)) || !proto_text(v->me.host, sizeof(v->me.host))) {
		if (fd != -1)
			close(fd);
		memset(&v->me, 0, sizeof(v->me));
		return (-1);
	}
	if (fd != -1) {
		if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1 || imsgbuf_init(&v->ctl, fd) == -1)
			fatal("the control channel");
		imsgbuf_allow_fdpass(&v->ctl);
	}
	state = CHANNEL_ENTERED;
	return (0);
}

/* Logs in.  0: token is a session's; -1: v->said is why not. */
int
channel_login(struct visit *v, const char *address, const char *password, uint8_t token[PROTO_TOKEN_LEN])
{
	struct msg_web_begin	 m;
	struct login		 login = { .address = address, .password = password, .token = token };
	struct talk		 t = { .v = v, .login = &login };

	if (strlen(address) >= PROTO_ADDR_SIZE || strlen(password) > PROTO_SECRET_MAX) {
		strlcpy(v->said, "Address or password is wrong.", sizeof(v->said));
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	strlcpy(m.client, v->req.client, sizeof(m.client));
	if (channel_talk(&t, IMSG_WEB_BEGIN, &m, sizeof(m), CHANNEL_BEGUN) == -1)
		return (-1);
	return (login.in ? 0 : -1);
}

/* The auth process hears what was typed; what came of it the master says. */
static int
take_auth(void *arg, struct imsg *imsg)
{
	struct talk	*t = arg;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (login_give(t->login, fd) == -1)
		log_debug("web: the auth process is gone");	/* the master says so, too */
	state = CHANNEL_JUDGED;
	return (0);
}

/* Sends address and password as USER and PASS of POP3 are sent.  The channel stays open as long as this process lives. */
static int
login_give(const struct login *l, int fd)
{
	struct msg_login_begin	 head = { .mech = AUTH_USER, .initial = 1 };
	static uint8_t		 data[sizeof(head) + PROTO_ADDR_SIZE + PROTO_SECRET_MAX];
	static struct imsgbuf	 auth;
	size_t			 n = sizeof(head), len;
	int			 rv;

	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1 || imsgbuf_init(&auth, fd) == -1)
		fatal("channel to the auth process");
	memcpy(data, &head, sizeof(head));
	len = strlen(l->address) + 1;
	memcpy(data + n, l->address, len);
	n += len;
	len = strlen(l->password);
	memcpy(data + n, l->password, len);
	n += len;
	rv = imsg_compose(&auth, IMSG_LOGIN_BEGIN, 0, 0, -1, data, n) == -1 ? -1 : channel_flush(&auth);
	explicit_bzero(data, n);
	return (rv);
}

static int
take_session(void *arg, struct imsg *imsg)
{
	struct talk		*t = arg;
	struct msg_web_session	 m;

	if (rules_payload(imsg, &m) == -1)
		return (-1);
	memcpy(t->login->token, m.token, sizeof(m.token));
	explicit_bzero(&m, sizeof(m));
	t->login->in = 1;
	state = CHANNEL_ENTERED;
	return (0);
}

static int
take_denied(void *arg, struct imsg *imsg)
{
	struct talk		*t = arg;
	struct msg_web_denied	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	strlcpy(t->v->said, m.text, sizeof(t->v->said));
	state = CHANNEL_ENTERED;
	return (0);
}

/* The session that has entered is to end.  0, or -1: the master is not there to hear it. */
int
channel_logout(void)
{
	if (imsg_compose(&master, IMSG_WEB_LOGOUT, 0, 0, -1, NULL, 0) == -1)
		fatal("channel to the master");
	return (channel_flush(&master));
}
