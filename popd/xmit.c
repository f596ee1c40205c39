/* SPDX-License-Identifier: ISC */
/*
 * XTND XMIT: the client sends a message.  The master is asked first, and gives the session one end of a message pipe, whose other
 * end the deliverer has; that alone reads the header.  The client hears +OK when the master says that the message is committed.  A
 * message that is not whole, or has a fault, is never ended in the pipe, and so was never there.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/ipc/proto_pipe.h"
#include "common/log.h"
#include "popd.h"

#define PIPE_QUEUE	8	/* messages to the deliverer that may wait for it */
#define PIPE_TAKEN	(PROTO_DATA_MAX - 1)	/* octets that make no more than one message of the pipe */
#define WASTE_SPARE	1048576	/* octets behind a fault, more than a message may have, and then it is the end */
#define MSGNO		1	/* of the only message in its pipe */

static void	 xmit_whole(struct session *);
static void	 xmit_tell(struct session *);

/* XTND XMIT; there is no other XTND. */
void
pop3_xtnd(struct session *s, const struct args *a)
{
	size_t	 n = a->restlen;

	while (n > 0 && a->rest[n - 1] == ' ')
		n--;
	if (n != 4 || strncasecmp((const char *)a->rest, "XMIT", 4) != 0) {
		session_bad(s, "usage: XTND XMIT");
		return;
	}
	if (!s->opened.submit) {
		reply_err(&session_out, POP_CODE_NONE, "you may not send mail from here");
		return;
	}
	s->answered = 0;
	s->state = POP_XMIT_ASKED;
	HOOK("popd.xmit");
	channel_send(&s->master, IMSG_POP_XMIT, NULL, 0);
}

/* The master permits it, and the pipe is there. */
void
xmit_begin(struct session *s, const struct msg_pop_pipe *m)
{
	struct msg_begin	 begin;

	memset(&begin, 0, sizeof(begin));
	begin.msgno = MSGNO;
	channel_send(&s->pipe, IMSG_MSG_BEGIN, &begin, sizeof(begin));
	unstuff_begin(&s->unstuff, m->octets, s->utf8);
	s->moved = clock_msec();
	s->state = POP_XMIT;
	HOOK("popd.xmit_begin");
	reply_ok(&session_out, "send the message, and a line with a dot behind it");
}

/* 1: the deliverer takes no more just now. */
int
xmit_full(struct session *s)
{
	return (s->pipe.open && imsgbuf_queuelen(&s->pipe.ibuf) >= PIPE_QUEUE);
}

/* Takes octets of the message.  0: there are none. */
int
xmit_input(struct session *s)
{
	static uint8_t	 made[PROTO_DATA_MAX];
	struct lines	*l = &session_in;
	size_t		 n = l->len - l->off, used, len;
	int		 end;

	if (n == 0)
		return (0);
	end = unstuff_take(&s->unstuff, l->buf + l->off, n < PIPE_TAKEN ? n : PIPE_TAKEN, &used, made, &len);
	l->off += used;
	if (len > 0)
		channel_send(&s->pipe, IMSG_MSG_DATA, made, len);
	if (s->unstuff.fault != UNSTUFF_GOOD)
		channel_close(&s->pipe);
	if (end)
		xmit_whole(s);
	else if (s->unstuff.wasted > s->unstuff.most + WASTE_SPARE) {
		reply_err(&session_out, POP_CODE_NONE, "%s", unstuff_why(s->unstuff.fault));
		session_end(s, POP_END_ABUSE);
	}
	return (1);
}

/* The client has sent its message to the end. */
static void
xmit_whole(struct session *s)
{
	struct msg_end	 m;

	memset(&m, 0, sizeof(m));
	m.msgno = MSGNO;
	m.octets = s->unstuff.octets;
	HOOK("popd.xmit_whole");
	if (s->unstuff.fault == UNSTUFF_GOOD)
		channel_send(&s->pipe, IMSG_MSG_END, &m, sizeof(m));
	s->state = POP_XMIT_WAIT;
	xmit_drained(s);
	if (s->answered)
		xmit_tell(s);
}

/* The pipe is closed when the message is in it. */
void
xmit_drained(struct session *s)
{
	if (s->state == POP_XMIT_WAIT && s->pipe.open && imsgbuf_queuelen(&s->pipe.ibuf) == 0)
		channel_close(&s->pipe);
}

/* The master has said what became of the message.  The client hears it when it has sent all of it. */
void
xmit_done(struct session *s, const struct msg_pop_xmit_done *m)
{
	s->sent = *m;
	s->answered = 1;
	channel_close(&s->pipe);
	if (s->state != POP_XMIT)
		xmit_tell(s);
}

/* Tells the client what became of its message. */
static void
xmit_tell(struct session *s)
{
	enum unstuff_fault	 fault = s->state == POP_XMIT_WAIT ? s->unstuff.fault : UNSTUFF_GOOD;

	HOOK("popd.xmit_done");
	if (fault != UNSTUFF_GOOD)
		reply_err(&session_out, POP_CODE_NONE, "%s", unstuff_why(fault));
	else if (s->sent.taken)
		reply_ok(&session_out, "the message is taken");
	else
		reply_err(&session_out, (enum pop_code)s->sent.code, "%s", s->sent.text);
	s->state = POP_TRANSACTION;
	s->moved = clock_msec();
	if (s->stopping)
		session_end(s, POP_END_STOPPED);
	else if (s->lost)
		session_end(s, POP_END_FAILED);
}
