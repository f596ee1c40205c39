/* SPDX-License-Identifier: ISC */
/*
 * A session's channels: what the master, an auth process and the process of the mailbox may say, and when.  A master that breaks
 * the rules ends the session; an auth process or a mailbox that does is as good as dead.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/proc.h"
#include "popd.h"

#define IN(state)	(1u << (state))
#define ANY_LOGIN	(IN(POP_AUTHORIZATION) | IN(POP_ASKED) | IN(POP_JUDGED) | IN(POP_EXCHANGE) | IN(POP_REFUSED) | \
			    IN(POP_LISTING))
#define ANY_XMIT	(IN(POP_XMIT_ASKED) | IN(POP_XMIT) | IN(POP_XMIT_WAIT))
/* Who talks to the session does not know yet that it has ended. */
#define OVER		IN(POP_ENDING)

static void	 channel_open(struct channel *, int, const char *, const struct rule *, size_t);
static int	 take_start(void *, struct imsg *);
static int	 take_auth(void *, struct imsg *);
static int	 take_denied(void *, struct imsg *);
static int	 take_opened(void *, struct imsg *);
static int	 take_signer(void *, struct imsg *);
static int	 take_pipe(void *, struct imsg *);
static int	 take_xmit_done(void *, struct imsg *);
static int	 take_stop(void *, struct imsg *);
static int	 take_challenge(void *, struct imsg *);
static int	 take_entries(void *, struct imsg *);
static int	 take_listed(void *, struct imsg *);
static int	 take_message(void *, struct imsg *);
static int	 take_done(void *, struct imsg *);

static const struct rule	 master_rules[] = {
	{ IMSG_POP_START,	IN(POP_STARTING),			take_start },
	{ IMSG_POP_AUTH,	IN(POP_ASKED) | OVER,			take_auth },
	{ IMSG_POP_DENIED,	ANY_LOGIN | IN(POP_TRANSACTION) | ANY_XMIT | OVER, take_denied },
	{ IMSG_POP_OPENED,	IN(POP_JUDGED) | OVER,			take_opened },
	{ IMSG_POP_SIGNER,	IN(POP_STARTING) | IN(POP_HANDSHAKE) | OVER, take_signer },
	{ IMSG_POP_PIPE,	IN(POP_XMIT_ASKED) | OVER,		take_pipe },
	{ IMSG_POP_XMIT_DONE,	ANY_XMIT | OVER,			take_xmit_done },
	{ IMSG_POP_STOP,	RULES_ANY,				take_stop },
	{ IMSG_LOG_LEVEL,	RULES_ANY,				proc_log_level }
};

static const struct rule	 auth_rules[] = {
	{ IMSG_LOGIN_CHALLENGE,	IN(POP_JUDGED) | OVER,			take_challenge }
};

static const struct rule	 box_rules[] = {
	{ IMSG_BOX_ENTRIES,	IN(POP_LISTING) | OVER,			take_entries },
	{ IMSG_BOX_LISTED,	IN(POP_LISTING) | OVER,			take_listed },
	{ IMSG_BOX_MESSAGE,	IN(POP_TRANSACTION) | ANY_XMIT | IN(POP_UPDATE) | OVER, take_message },
	{ IMSG_BOX_DONE,	IN(POP_UPDATE) | OVER,			take_done }
};

static void
channel_open(struct channel *c, int fd, const char *name, const struct rule *rules, size_t nrules)
{
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1 || imsgbuf_init(&c->ibuf, fd) == -1)
		fatal("channel to %s", name);
	imsgbuf_allow_fdpass(&c->ibuf);
	c->name = name;
	c->rules = rules;
	c->nrules = nrules;
	c->open = 1;
}

/* The channel that the session was born with; log lines go there from now on. */
void
channel_master(struct session *s)
{
	channel_open(&s->master, PROC_FD, "the master", master_rules, nitems(master_rules));
	proc_log_to(&s->master.ibuf);
}

void
channel_close(struct channel *c)
{
	if (!c->open)
		return;
	c->open = 0;
	imsgbuf_clear(&c->ibuf);
	close(c->ibuf.fd);
}

/* Queues a message; one to a peer that is gone is nothing.  What is sent may be of a secret, and its copy is wiped. */
void
channel_put(struct channel *c, uint32_t type, const void *data, size_t len)
{
	if (!c->open)
		return;
	log_trace("to %s: %s, %zu octets", c->name, message_name(type), len);
	if (imsg_compose(&c->ibuf, type, 0, 0, -1, data, len) == -1)
		fatal("channel to %s", c->name);
}

/* Sends at once what can be sent. */
void
channel_flush(struct channel *c)
{
	if (c->open && imsgbuf_queuelen(&c->ibuf) > 0)
		(void)imsgbuf_write(&c->ibuf);	/* the reader sees that the peer is gone */
}

void
channel_send(struct channel *c, uint32_t type, const void *data, size_t len)
{
	channel_put(c, type, data, len);
	channel_flush(c);
}

/* A channel is ready to be written to or read from. */
void
channel_event(struct session *s, struct channel *c, short revents)
{
	char	 err[256];
	int	 n;

	if (!c->open)
		return;
	if (revents & POLLOUT)
		(void)imsgbuf_write(&c->ibuf);
	if ((revents & ~POLLOUT) == 0)
		return;
	if ((n = rules_read(&c->ibuf, c->name, c->rules, c->nrules, &s->state, s, err, sizeof(err))) == 1)
		return;
	if (n == -1)
		log_warnx("POP %u: channel to %s: %s", s->start.session, c->name, err);
	if (c == &s->master)
		_exit(n == 0 ? 0 : 1);
	else if (c == &s->box)
		session_lost(s);
	else
		channel_close(c);	/* whether the login failed, the master says */
}

/* IMSG_POP_SIGNER: the channel to the signer; without one there is no signer now. */
static int
take_signer(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	int		 fd = imsg_get_fd(imsg);

	if (s->signs != SIGNS_ASKED || s->state == POP_ENDING) {
		if (fd != -1)
			close(fd);
		return (s->state == POP_ENDING ? 0 : -1);
	}
	s->signs = fd == -1 ? SIGNS_DENIED : SIGNS_YES;
	if (fd != -1)
		sign_open(fd);
	return (0);
}

static int
take_start(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_pop_start	*m = &s->start;

	if (rules_payload(imsg, m) == -1 || !proto_text(m->refusal, sizeof(m->refusal)) || !proto_text(m->host, sizeof(m->host)) ||
	    !proto_text(m->apop, sizeof(m->apop)))
		return (-1);
	session_out.session = m->session;
	s->moved = clock_msec();
	if (s->tls_first) {
		s->state = POP_HANDSHAKE;
		return (0);
	}
	s->readable = 1;
	session_greet(s);
	return (0);
}

static int
take_auth(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (s->state == POP_ENDING) {
		close(fd);
		return (0);
	}
	channel_open(&s->auth, fd, "the auth process", auth_rules, nitems(auth_rules));
	HOOK("popd.auth");
	login_begin(s);
	return (0);
}

static int
take_denied(void *arg, struct imsg *imsg)
{
	struct msg_pop_denied	 m;

	if (rules_payload(imsg, &m) == -1 || m.code >= POP_CODE_MAX || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	login_denied(arg, &m);
	return (0);
}

static int
take_opened(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	int		 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (s->state == POP_ENDING || rules_payload(imsg, &s->opened) == -1) {
		close(fd);
		return (s->state == POP_ENDING ? 0 : -1);
	}
	channel_close(&s->auth);
	channel_open(&s->box, fd, "the mailbox", box_rules, nitems(box_rules));
	s->moved = clock_msec();
	s->state = POP_LISTING;
	return (0);
}

static int
take_pipe(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_pop_pipe	 m;
	int			 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (s->state == POP_ENDING || rules_payload(imsg, &m) == -1) {
		close(fd);
		return (s->state == POP_ENDING ? 0 : -1);
	}
	channel_open(&s->pipe, fd, "the deliverer", NULL, 0);
	xmit_begin(s, &m);
	return (0);
}

static int
take_xmit_done(void *arg, struct imsg *imsg)
{
	struct session			*s = arg;
	struct msg_pop_xmit_done	 m;

	if (rules_payload(imsg, &m) == -1 || m.taken > 1 || m.code >= POP_CODE_ALERT || !proto_text(m.text, sizeof(m.text)))
		return (-1);
	if (s->state != POP_ENDING)
		xmit_done(s, &m);
	return (0);
}

/* An end that has begun goes on, and the client hears what became of a message that it has sent. */
static int
take_stop(void *arg, struct imsg *imsg __unused)
{
	struct session	*s = arg;

	if (s->state == POP_XMIT_WAIT)
		s->stopping = 1;
	else if (s->state != POP_UPDATE)
		session_end(s, POP_END_STOPPED);
	return (0);
}

static int
take_challenge(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;
	size_t		 len = imsg_get_len(imsg);

	if (s->state == POP_ENDING)
		return (0);
	if (!proto_visible(imsg->data, len))
		return (-1);
	login_challenge(s, imsg->data, len);
	return (0);
}

static int
take_entries(void *arg, struct imsg *imsg)
{
	struct session	*s = arg;

	s->moved = clock_msec();
	return (s->state == POP_ENDING ? 0 : listing_add(&s->listing, imsg->data, imsg_get_len(imsg)));
}

static int
take_listed(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_box_listed	 m;

	if (s->state == POP_ENDING)
		return (0);
	if (rules_payload(imsg, &m) == -1 || listing_end(&s->listing, &m) == -1)
		return (-1);
	HOOK("popd.listed");
	login_opened(s);
	return (0);
}

static int
take_message(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_box_message	 m;
	int			 fd = imsg_get_fd(imsg);

	if (s->state == POP_ENDING || rules_payload(imsg, &m) == -1 || (fd == -1) != (m.error != 0) ||
	    ahead_take(&s->ahead, &m, fd) == -1) {
		if (fd != -1)
			close(fd);
		return (s->state == POP_ENDING ? 0 : -1);
	}
	job_arrived(s);
	return (0);
}

static int
take_done(void *arg, struct imsg *imsg)
{
	struct session		*s = arg;
	struct msg_box_done	 m;

	if (s->state == POP_ENDING)
		return (0);
	if (rules_payload(imsg, &m) == -1 || s->job.kind != JOB_NONE)
		return (-1);
	s->told.deleted = m.deleted;
	if (m.failed > 0)
		reply_err(&session_out, POP_CODE_SYS_TEMP, "%u message%s not removed", m.failed, PLURAL(m.failed));
	else
		reply_ok(&session_out, "bye");
	session_end(s, POP_END_QUIT);
	return (0);
}
