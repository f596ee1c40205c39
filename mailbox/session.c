/* SPDX-License-Identifier: ISC */
/*
 * The channel to the session of popd that a mailbox was opened for.  The listing goes out first, in portions; then the session asks
 * for messages and tells what is to become of them.  Its end without BOX_QUIT deletes nothing.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/hook.h"
#include "common/ipc/imsg.h"
#include "common/ipc/proto_popd.h"
#include "common/ipc/rules.h"
#include "common/log.h"
#include "common/work.h"
#include "mailbox.h"

#define QUEUE_MAX	4		/* messages that wait for the session, above which it is not read */
#define SEEN_IDLE	10000		/* ms without a word, after which flags are written */
#define AGAIN		100		/* ms until a descriptor is sent again */
#define LINGER		10000		/* ms for the session to take the last words */
#define ENTRY_HEAD	9		/* octets of an entry ahead of its unique-id */

#define BIT(state)	(1U << (state))
#define ENTRY_MAX	(ENTRY_HEAD + PROTO_UID_MAX)

enum state { LISTING, SERVING, OVER };

static int	 box_fetch(void *, struct imsg *);
static int	 box_seen(void *, struct imsg *);
static int	 box_delete(void *, struct imsg *);
static int	 box_quit(void *, struct imsg *);
static int	 mark(struct imsg *, uint16_t);
static void	 session_tell(uint32_t, int, const void *, size_t);
static void	 session_list(void);
static size_t	 entry_put(uint8_t *, uint32_t);
static void	 session_write(void);
static int	 session_read(void);
static void	 session_wait(void);
static void	 session_over(void) __dead;

static const struct rule	 rules[] = {
	{ IMSG_BOX_FETCH,	BIT(SERVING),	box_fetch },
	{ IMSG_BOX_SEEN,	BIT(SERVING),	box_seen },
	{ IMSG_BOX_DELETE,	BIT(SERVING),	box_delete },
	{ IMSG_BOX_QUIT,	BIT(SERVING),	box_quit }
};

static struct {
	struct imsgbuf		 ibuf;
	struct box		 box;
	struct msg_box_result	 result;
	uint32_t		 id;		/* for log lines */
	uint32_t		 rights;
	uint32_t		 state;		/* enum state */
	uint32_t		 next;		/* index of the message to be listed next */
	int			 full;		/* enough waits for the session: it is not read */
	int			 deaf;		/* the session takes nothing any more */
	int64_t			 again;		/* when a descriptor may be sent again, 0: now */
	int64_t			 heard;		/* when the session said something */
} session;

/* Opens the mailbox and begins to list it, or tells the master that it cannot be opened, and ends. */
void
session_begin(const struct msg_box_start *start, int fd)
{
	struct msg_box_failed	 failed;
	struct msg_box_opened	 opened;
	uint32_t		 i;

	session.id = start->session;
	session.rights = start->rights;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1 || imsgbuf_init(&session.ibuf, fd) == -1)
		fatal("channel to the session");
	imsgbuf_allow_fdpass(&session.ibuf);
	if (box_open(&session.box, start, &failed) == -1) {
		work_send(IMSG_BOX_FAILED, &failed, sizeof(failed));
		work_end();
	}
	memset(&opened, 0, sizeof(opened));
	opened.messages = session.box.list.n;
	opened.scanned = session.box.scanned;
	for (i = 0; i < session.box.list.n; i++)
		opened.octets += session.box.list.v[i].octets;
	work_send(IMSG_BOX_OPENED, &opened, sizeof(opened));
	session.heard = clock_msec();
	session_ready();
}

/* To the session, if it takes anything; the descriptor, which may be -1, is consumed. */
static void
session_tell(uint32_t type, int fd, const void *data, size_t len)
{
	if (session.deaf) {
		if (fd != -1)
			close(fd);
	} else if (imsg_compose(&session.ibuf, type, 0, 0, fd, data, len) == -1)
		fatal("channel to the session");
	session.full = !session.deaf && imsgbuf_queuelen(&session.ibuf) >= QUEUE_MAX;
}

/* An entry of BOX_ENTRIES; returns its octets.  Messages that would have one unique-id are beside each other. */
static size_t
entry_put(uint8_t *p, uint32_t i)
{
	const struct list	*l = &session.box.list;
	const struct message	*m = &l->v[i];
	const char		*name = list_name(l, m), *before;
	size_t			 n = name_unique(name, m->len);
	int			 twin = 0;

	if (i > 0) {
		before = list_name(l, m - 1);
		twin = m[-1].len >= n && memcmp(before, name, n) == 0 && name_unique(before, m[-1].len) == n;
	}
	memcpy(p, &m->octets, sizeof(m->octets));
	p[ENTRY_HEAD - 1] = (uint8_t)name_uid(name, m->len, twin, (char *)p + ENTRY_HEAD);
	return (ENTRY_HEAD + p[ENTRY_HEAD - 1]);
}

/* More of the listing, as much as is worth having in the queue. */
static void
session_list(void)
{
	struct msg_box_listed	 listed;
	static uint8_t		 frame[PROTO_FRAME_MAX];	/* a stack of so many pages would stay */
	size_t			 len;
	uint32_t		 i;

	while (session.next < session.box.list.n && !session.full) {
		for (len = 0; session.next < session.box.list.n && len + ENTRY_MAX <= sizeof(frame); session.next++)
			len += entry_put(frame + len, session.next);
		session_tell(IMSG_BOX_ENTRIES, -1, frame, len);
	}
	if (session.next < session.box.list.n || session.full)
		return;
	memset(&listed, 0, sizeof(listed));
	listed.messages = session.box.list.n;
	for (i = 0; i < session.box.list.n; i++)
		listed.octets += session.box.list.v[i].octets;
	session_tell(IMSG_BOX_LISTED, -1, &listed, sizeof(listed));
	session.state = SERVING;
	HOOK("mailbox.listed");
}

/* The session can be written to, or has said something. */
void
session_ready(void)
{
	int	 on, full;

	/* What was read and not dispatched, because enough waited, is in no poll(2). */
	do {
		session_write();
		if (session.state == LISTING)
			session_list();
		on = session.full ? 1 : session_read();
		full = session.full;
		session_write();
	} while (on == 1 && (full || session.state == LISTING) && !session.full);
	if (on == 0 || (session.state == OVER && (session.deaf || imsgbuf_queuelen(&session.ibuf) == 0)))
		session_over();
	if (session.state == SERVING && imsgbuf_queuelen(&session.ibuf) == 0)
		box_note(&session.box);
	session_wait();
}

/*
 * Linux limits the descriptors that are on their way, of all processes of one user together: then there is nothing but to wait.  A
 * session that takes nothing may have said something before.
 */
static void
session_write(void)
{
	if (session.deaf || session.again > clock_msec())
		return;
	session.again = 0;
	if (imsgbuf_write(&session.ibuf) == -1) {
		if (errno == ETOOMANYREFS)
			session.again = clock_msec() + AGAIN;
		else if (errno == EPIPE || errno == ECONNRESET)
			session.deaf = 1;
		else
			fatal("channel to the session");
	}
	session.full = !session.deaf && imsgbuf_queuelen(&session.ibuf) >= QUEUE_MAX;
}

/* 1: go on; 0: the session is at its end, or has broken the rules, which is its end. */
static int
session_read(void)
{
	char	 err[256];
	int	 n;

	n = rules_read_until(&session.ibuf, NULL, rules, nitems(rules), &session.state, &session.full, NULL, err, sizeof(err));
	if (n == -1)
		log_warnx("session %u: %s", session.id, err);
	return (n == 1);
}

/* What comes next: something of the session's, room for what waits, or a time. */
static void
session_wait(void)
{
	int64_t	 until = WORK_NEVER;
	short	 events = session.full ? 0 : POLLIN;

	if (session.state == OVER)
		until = session.heard + LINGER;
	else if (session.box.seen > 0)
		until = session.heard + SEEN_IDLE;
	if (session.again != 0)
		until = session.again < until ? session.again : until;
	else if (!session.deaf && imsgbuf_queuelen(&session.ibuf) > 0)
		events |= POLLOUT;
	work_wait(session.ibuf.fd, events, until);
}

void
session_late(void)
{
	int64_t	 now = clock_msec();

	if (session.state == OVER && now >= session.heard + LINGER)
		session.deaf = 1;
	else if (session.state == SERVING && session.box.seen > 0 && now >= session.heard + SEEN_IDLE)
		session.result.seen += change_seen(&session.box);
	session_ready();
}

/*
 * The end of the session: what was seen is noted, the index gets what was learned, and the master hears what became of the mailbox.
 */
static void
session_over(void)
{
	HOOK("mailbox.over");
	session.result.seen += change_seen(&session.box);
	box_note(&session.box);
	work_send(IMSG_BOX_RESULT, &session.result, sizeof(session.result));
	work_end();
}

static int
box_fetch(void *arg __unused, struct imsg *imsg)
{
	struct msg_box_message	 answer;
	uint32_t		 msgno;
	int			 fd;

	if (rules_payload(imsg, &msgno) == -1 || msgno == 0 || msgno > session.box.list.n)
		return (-1);
	session.heard = clock_msec();
	fd = message_open(&session.box, msgno, &answer);
	session_tell(IMSG_BOX_MESSAGE, fd, &answer, sizeof(answer));
	return (0);
}

/* Marks the messages whose numbers were packed.  0, or -1: there are none of these numbers. */
static int
mark(struct imsg *imsg, uint16_t flag)
{
	const uint8_t	*p = imsg->data;
	size_t		 i, len = imsg_get_len(imsg);
	struct message	*m;
	uint32_t	 msgno;

	if (len % sizeof(msgno) != 0)
		return (-1);
	session.heard = clock_msec();
	for (i = 0; i < len; i += sizeof(msgno)) {
		memcpy(&msgno, p + i, sizeof(msgno));
		if (msgno == 0 || msgno > session.box.list.n)
			return (-1);
		m = &session.box.list.v[msgno - 1];
		session.box.seen += flag == MESSAGE_SEEN && (m->flags & MESSAGE_SEEN) == 0;
		m->flags |= flag;
	}
	return (0);
}

static int
box_seen(void *arg __unused, struct imsg *imsg)
{
	return (session.rights & POP_RIGHT_SEEN ? mark(imsg, MESSAGE_SEEN) : -1);
}

static int
box_delete(void *arg __unused, struct imsg *imsg)
{
	if ((session.rights & POP_RIGHT_DELETE) == 0 || mark(imsg, MESSAGE_DELETE) == -1)
		return (-1);
	HOOK("mailbox.named");
	return (0);
}

static int
box_quit(void *arg __unused, struct imsg *imsg __unused)
{
	struct msg_box_done	 done;

	session.result.seen += change_seen(&session.box);
	change_delete(&session.box, &done);
	session.result.deleted = done.deleted;
	session.result.failed = done.failed;
	session_tell(IMSG_BOX_DONE, -1, &done, sizeof(done));
	session_write();
	HOOK("mailbox.done");
	session.state = OVER;
	session.heard = clock_msec();
	return (0);
}
