/* SPDX-License-Identifier: ISC */
/*
 * Messages that clients of popd send (XTND XMIT): whether the account may, and how many in an hour.  An hour begins with the first
 * message in it.  The counts are kept in memory: after a restart, and for an account that is pushed out by very many others, they
 * begin with zero.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/compat.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/turn/turn.h"
#include "pop_int.h"

#define SENDERS_MAX	4096		/* accounts */
#define HOUR		3600000		/* ms */

struct sender {
	uint32_t	 account;	/* 0: none */
	uint32_t	 n;		/* messages that were taken, or are on their way */
	int64_t		 since;		/* monotonic ms: begin of its hour */
};

static struct sender	*sender_of(uint32_t);
static void	 xmit_done(void *, const struct msg_pop_xmit_done *);
static void	 xmit_answer(struct pop_session *, int, enum pop_code, const char *);

static struct sender			 senders[SENDERS_MAX];
static const struct pop_calls		*xmit_calls;

void
xmit_start(const struct pop_calls *calls)
{
	xmit_calls = calls;
}

int
xmit_may(const struct config *c, uint32_t account)
{
	return (config_pop(c, account).submit && c->settings.submit_nexthop != 0);
}

/* IMSG_POP_XMIT: the client wants to send a message.  The session gets a pipe for it, or hears that and why it may not. */
int
xmit_begin(void *arg, struct imsg *imsg)
{
	struct pop_session	*s = ((struct worker *)arg)->arg;
	const struct settings	*set = &config_running->settings;
	struct pop_send		 send;
	struct msg_pop_pipe	 m;
	struct sender		*sender;
	char			 text[PROTO_TEXT_SIZE];
	int			 fd;

	(void)imsg;
	if (s == NULL)
		return (0);
	if (s->xmit != NULL)
		return (-1);
	sender = sender_of(s->account);
	if (!xmit_may(config_running, s->account)) {
		xmit_answer(s, 0, POP_CODE_NONE, "you may not send mail from here");
		return (0);
	}
	if (turn_stopping) {
		xmit_answer(s, 0, POP_CODE_SYS_TEMP, "the server is about to stop, try again later");
		return (0);
	}
	if (sender->n >= set->submit_limit) {
		log_info("POP %u: %s may send no more than %u messages in an hour", s->id, s->name, set->submit_limit);
		snprintf(text, sizeof(text), "you have sent %u messages within an hour, try again later", sender->n);
		xmit_answer(s, 0, POP_CODE_NONE, text);
		return (0);
	}
	memset(&send, 0, sizeof(send));
	send.account = s->account;
	send.nexthop = set->submit_nexthop;
	send.address = s->name;
	send.peer = s->peer;
	send.secure = s->secure;
	send.done = xmit_done;
	send.arg = s;
	if ((s->xmit = xmit_calls->submit(&send, &fd, text, sizeof(text))) == NULL) {
		xmit_answer(s, 0, POP_CODE_SYS_TEMP, text);
		return (0);
	}
	sender->n++;
	memset(&m, 0, sizeof(m));
	m.octets = set->submit_size;
	link_send(&s->worker->link, IMSG_POP_PIPE, fd, &m, sizeof(m));
	return (0);
}

/* What became of a message. */
static void
xmit_done(void *arg, const struct msg_pop_xmit_done *m)
{
	struct pop_session	*s = arg;
	struct sender		*sender = sender_of(s->account);

	s->xmit = NULL;
	if (!m->taken && sender->n > 0)
		sender->n--;
	log_debug("POP %u: a message of %s is %s%s%s", s->id, s->name, m->taken ? "taken" : "not taken",
	    m->taken ? "" : ": ", m->text);
	link_send(&s->worker->link, IMSG_POP_XMIT_DONE, -1, m, sizeof(*m));
}

/* The session has ended: a message that is whole is taken all the same. */
void
xmit_end(struct pop_session *s)
{
	if (s->xmit != NULL)
		xmit_calls->leave(s->xmit);
	s->xmit = NULL;
}

static void
xmit_answer(struct pop_session *s, int taken, enum pop_code code, const char *text)
{
	struct msg_pop_xmit_done	 m;

	memset(&m, 0, sizeof(m));
	m.taken = taken;
	m.code = code;
	strlcpy(m.text, text, sizeof(m.text));
	link_send(&s->worker->link, IMSG_POP_XMIT_DONE, -1, &m, sizeof(m));
}

/* What an account has sent in its hour.  The place of the oldest hour is taken if there is no other. */
static struct sender *
sender_of(uint32_t account)
{
	struct sender	*s, *place = senders;
	int64_t		 now = clock_msec();

	for (s = senders; s < senders + SENDERS_MAX; s++) {
		if (s->account == account) {
			place = s;
			break;
		}
		if (place->account != 0 && (s->account == 0 || s->since < place->since))
			place = s;
	}
	if (place->account != account || now - place->since >= HOUR)
		*place = (struct sender){ account, 0, now };
	return (place);
}
