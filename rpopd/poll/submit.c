/* SPDX-License-Identifier: ISC */
/*
 * Messages that clients of popd send.  Each has a pipe of its own to the deliverer, as a fetcher's session has, and goes the way of
 * every message from there on: spool, receipt, commit, places.  It is on no server, so that nobody retrieves it again: who sends it
 * hears +OK when it is committed, and -ERR only when it never will be.
 *
 *	state of a message		after a crash here		what the client hears otherwise
 *	in the pipe, not whole		nothing of it is kept		-ERR, or nothing if it is the client who is gone
 *	whole, in the spool, no receipt	its file is removed		-ERR if the deliverer refuses it or dies
 *	receipt here, not committed	likewise			-ERR if the deliverer dies
 *	likewise, state.db is locked	likewise			-ERR, and the receipt is VOID from then on
 *	VOID, committed as nobody's	likewise			nothing more
 *	committed, not told		as below: once			+OK
 *	told				pending rows are replayed, rows of relay tried: as commit.c and state/relay.c have it
 *
 * A client whose session ends between the commit and the answer has heard nothing, and cannot know; that is the one window that
 * has no cure.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/ipc/proto_popd.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/delivery/delivery.h"
#include "rpopd/pop/pop.h"
#include "rpopd/relay/relay.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "rpopd/turn/turn.h"
#include "poll.h"

#define PIPE_BUFFER	(512 * 1024)	/* kernel buffer of the message pipe, as a fetcher's session has it */
#define MSGNO		1		/* of the only message in its pipe */
#define SUBMIT_MOST	200		/* at once: each takes two descriptors of the deliverer */

/*
 *	OPEN	no receipt is here
 *	HERE	the receipt is, and its commit is waited for
 *	TAKEN	it is committed
 *	FAILED	it is not, and will not be
 *
 * A submission is freed in TAKEN or FAILED, when the deliverer has closed its pipe; that is also when its owner is told.
 */
enum submit_state { SUBMIT_OPEN, SUBMIT_HERE, SUBMIT_TAKEN, SUBMIT_FAILED };

struct submission {
	LIST_ENTRY(submission)	 entry;
	uint32_t		 id;		/* a session's number */
	enum submit_state	 state;
	int			 closed;	/* 1: the deliverer has nothing more to say of it */
	struct origin		 origin;
	struct routing		*routing;
	enum pop_code		 code;		/* FAILED: why, */
	char			 text[PROTO_TEXT_SIZE];	/* in words */
	char			 label[PROTO_RECORD_SIZE];
	void			(*done)(void *, const struct msg_pop_xmit_done *);	/* NULL: nobody waits for it */
	void			*arg;
};

static int	 submit_channel(int *, int *);
static void	 submit_tell_deliverer(const struct submission *, const struct pop_send *, int);
static void	 submit_fail(struct submission *, enum pop_code, const char *);
static void	 submit_over(struct submission *);

static LIST_HEAD(, submission)	 submissions = LIST_HEAD_INITIALIZER(submissions);
static uint32_t			 nsubmissions;

/* A client is about to send a message; *fd is the end of the pipe for its session.  NULL: not now, and text says why. */
struct submission *
submit_begin(const struct pop_send *send, int *fd, char *text, size_t size)
{
	struct submission	*sub;
	uint32_t		 id;
	int			 theirs;

	strlcpy(text, "the message cannot be taken now, try again later", size);
	if (nsubmissions >= SUBMIT_MOST || child_current(ROLE_DELIVERER) == NULL || commit_blocked() || relay_full() ||
	    !mailroot_right() || !space_enough() || (id = state_next_session()) == 0)
		return (NULL);
	if (submit_channel(fd, &theirs) == -1) {
		log_warn("%s: message pipe", send->address);
		return (NULL);
	}
	if ((sub = calloc(1, sizeof(*sub))) == NULL)
		fatal("submission");
	sub->id = id;
	sub->done = send->done;
	sub->arg = send->arg;
	sub->origin = (struct origin){ .account = send->account, .nexthop = send->nexthop };
	sub->routing = routing_hold(config_routing);
	snprintf(sub->label, sizeof(sub->label), "%s by XTND XMIT", send->address);
	LIST_INSERT_HEAD(&submissions, sub, entry);
	nsubmissions++;
	submit_tell_deliverer(sub, send, theirs);
	HOOK("master.submit");
	return (sub);
}

/* A one-way pipe: *ours is written to, *theirs read.  0, or -1 and errno. */
static int
submit_channel(int *ours, int *theirs)
{
	int	 pipe[2], size = PIPE_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, PF_UNSPEC, pipe) == -1)
		return (-1);
	setsockopt(pipe[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	shutdown(pipe[0], SHUT_RD);	/* who parses headers cannot talk back to who has the client */
	*ours = pipe[0];
	*theirs = pipe[1];
	return (0);
}

/* The deliverer gets its end of the pipe, and hears who sends, and where mail to others goes. */
static void
submit_tell_deliverer(const struct submission *sub, const struct pop_send *send, int fd)
{
	const struct settings	*set = &config_running->settings;
	struct msg_session_open	 m;

	memset(&m, 0, sizeof(m));
	m.session = sub->id;
	m.mode = DIST_SUBMIT;
	m.account = send->account;
	m.tls = send->secure ? TLS_MODE_TLS : TLS_MODE_NONE;
	m.nexthop = send->nexthop;
	m.recipients = set->submit_recipients;
	m.octets = set->submit_size;
	strlcpy(m.address, send->peer, sizeof(m.address));
	strlcpy(m.record, sub->label, sizeof(m.record));
	link_send(&child_of[ROLE_DELIVERER]->link, IMSG_SESSION_OPEN, fd, &m, sizeof(m));
}

/* Nobody waits for it any more.  What is whole is taken. */
void
submit_leave(struct submission *sub)
{
	sub->done = NULL;
}

/* The submission that has this number; NULL: there is none. */
struct submission *
submit_by_id(uint32_t session)
{
	struct submission	*sub;

	LIST_FOREACH(sub, &submissions, entry)
		if (sub->id == session)
			return (sub);
	return (NULL);
}

const struct origin *
submit_origin(const struct submission *sub, struct routing **routing)
{
	*routing = sub->routing;
	return (&sub->origin);
}

const char *
submit_label(const struct submission *sub)
{
	return (sub->label);
}

/* Its message is durable in the spool: the receipt gets what the store needs.  Its key is unlike any that a server could give. */
int
submit_receipt(struct submission *sub, const struct msg_receipt *m, struct receipt *r)
{
	int	 len;

	if (sub->state != SUBMIT_OPEN || m->msgno != MSGNO)
		return (-1);
	len = snprintf((char *)r->uid, sizeof(r->uid), "sent: %u", sub->id);
	r->uidlen = (size_t)len;
	r->octets = m->octets;
	r->state = r->again = SEEN_KEPT;
	r->since = time(NULL);
	strlcpy(r->msgid, m->msgid, sizeof(r->msgid));
	strlcpy(r->sender, m->sender, sizeof(r->sender));
	sub->state = SUBMIT_HERE;
	return (0);
}

void
submit_committed(struct submission *sub)
{
	sub->state = SUBMIT_TAKEN;
	HOOK("master.submit_taken");
	submit_over(sub);
}

void
submit_excuse(struct submission *sub, const char *trouble)
{
	if (sub == NULL)
		return;
	log_debug("%s: not taken: %s", sub->label, *trouble != '\0' ? trouble : "state.db cannot be written");
	submit_fail(sub, POP_CODE_SYS_TEMP, "the message cannot be taken now, try again later");
}

/* IMSG_RECEIPT_REFUSED: the deliverer does not take it.  What is wrong with the message is told its sender; with us, the log. */
int
submit_refused(struct submission *sub, const struct msg_receipt_refused *m)
{
	if (sub->state != SUBMIT_OPEN || m->msgno != MSGNO || !proto_text(m->text, sizeof(m->text)) || m->why == WHY_NONE ||
	    m->why >= WHY_MAX)
		return (-1);
	if (m->why == WHY_LOCAL_TEMP) {
		log_warnx("%s: not taken: %s", sub->label, m->text);
		submit_fail(sub, POP_CODE_SYS_TEMP, "the message cannot be taken now, try again later");
	} else {
		log_info("%s: refused: %s", sub->label, m->text);
		submit_fail(sub, POP_CODE_NONE, m->text);
	}
	return (0);
}

/* IMSG_SESSION_CLOSED: the pipe is at its end, and receipt or refusal came ahead of this if there is one. */
int
submit_closed(struct submission *sub, int broken)
{
	if (sub->closed)
		return (-1);
	sub->closed = 1;
	if (broken)
		log_warnx("%s: the session of popd broke the rules of the message pipe", sub->label);
	if (sub->state == SUBMIT_OPEN)
		submit_fail(sub, POP_CODE_SYS_TEMP, "the message was not whole");
	else
		submit_over(sub);
	return (0);
}

/* The deliverer has died: what is not committed will not be, since commit_died() came ahead of this. */
void
submit_died(struct child *deliverer)
{
	struct submission	*sub, *next;

	(void)deliverer;
	LIST_FOREACH_SAFE(sub, &submissions, entry, next) {
		sub->closed = 1;
		if (sub->state == SUBMIT_OPEN || sub->state == SUBMIT_HERE)
			submit_fail(sub, POP_CODE_SYS_TEMP, "the message cannot be taken now, try again later");
		else
			submit_over(sub);
	}
}

static void
submit_fail(struct submission *sub, enum pop_code code, const char *text)
{
	sub->state = SUBMIT_FAILED;
	sub->code = code;
	strlcpy(sub->text, text, sizeof(sub->text));
	submit_over(sub);
}

/* If all is known, its owner is told, and it is freed. */
static void
submit_over(struct submission *sub)
{
	struct msg_pop_xmit_done	 m;

	if (!sub->closed || sub->state == SUBMIT_OPEN || sub->state == SUBMIT_HERE)
		return;
	memset(&m, 0, sizeof(m));
	m.taken = sub->state == SUBMIT_TAKEN;
	if (!m.taken) {
		m.code = sub->code;
		strlcpy(m.text, sub->text, sizeof(m.text));
	}
	LIST_REMOVE(sub, entry);
	nsubmissions--;
	if (sub->done != NULL)
		sub->done(sub->arg, &m);
	routing_release(sub->routing);
	free(sub);
	turn_soon();
}
