/* SPDX-License-Identifier: ISC */
/* The loop of a fork that does one piece of work. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "common/ipc/imsg.h"
#include "log.h"
#include "proc.h"
#include "template.h"
#include "work.h"

#define LINGER	10000	/* ms for master and peer to take the last words */

static void	 work_run(pid_t, int) __dead;
static int	 work_poll(struct pollfd *);
static void	 work_master(short);
static void	 work_heard(short);
static short	 work_events(struct imsgbuf *);

static const struct work	*self;
static struct imsgbuf		 master;
static int			 socket_fd = -1;	/* what is waited for, see work_wait() */
static short			 socket_events;
static int64_t			 until = WORK_NEVER;

static struct {			/* of work_peer() */
	int			 open;
	struct imsgbuf		 buf;
	const struct rule	*rules;
	size_t			 nrules;
	void			(*gone)(const char *);
} peer;

enum { POLL_MASTER, POLL_SOCKET, POLL_PEER, POLL_MAX };

void
work_main(const struct work *w, int argc, char *argv[])
{
	const struct template	 template = {
		.role = SANDBOX_TEMPLATE, .forks = w->role, .owner_ok = w->owner_ok, .warm = w->warm, .run = work_run
	};

	self = w;
	template_main(&template, argc, argv);
}

void
work_wait(int fd, short events, int64_t end)
{
	socket_fd = fd;
	socket_events = events;
	until = end;
}

/* A fork's whole life, as struct template has it. */
static void
work_run(pid_t parent, int no_seccomp)
{
	struct pollfd	 pfd[POLL_MAX];

	if (imsgbuf_init(&master, PROC_FD) == -1)
		_exit(1);
	imsgbuf_allow_fdpass(&master);
	proc_log_to(&master);
	sandbox_fork(self->role, no_seccomp);		/* arms the parent-death signal */
	if (getppid() != parent)
		_exit(1);
	for (;;) {
		if (work_poll(pfd) == -1)
			continue;
		if (pfd[POLL_MASTER].revents != 0)
			work_master(pfd[POLL_MASTER].revents);
		if (pfd[POLL_SOCKET].revents != 0 && socket_fd != -1)
			self->ready();
		if (pfd[POLL_PEER].revents != 0 && peer.open)
			work_heard(pfd[POLL_PEER].revents);
		if (clock_msec() >= until)
			self->late();
	}
}

/* Waits for the master, the socket, the peer or the clock.  0, or -1: a signal came in between. */
static int
work_poll(struct pollfd *pfd)
{
	int64_t	 left = -1;
	int	 i;

	if (until != WORK_NEVER && (left = until - clock_msec()) < 0)
		left = 0;
	pfd[POLL_MASTER].fd = master.fd;
	pfd[POLL_MASTER].events = work_events(&master);
	pfd[POLL_SOCKET].fd = socket_fd;
	pfd[POLL_SOCKET].events = socket_events;
	pfd[POLL_PEER].fd = peer.open ? peer.buf.fd : -1;
	pfd[POLL_PEER].events = peer.open ? work_events(&peer.buf) : 0;
	for (i = 0; i < POLL_MAX; i++)
		pfd[i].revents = 0;
	if (poll(pfd, POLL_MAX, (int)(left < INT32_MAX ? left : INT32_MAX)) != -1)
		return (0);
	if (errno != EINTR && errno != EAGAIN)
		fatal("poll");
	return (-1);
}

/* What is waited for on a channel. */
static short
work_events(struct imsgbuf *buf)
{
	return (POLLIN | (imsgbuf_queuelen(buf) > 0 ? POLLOUT : 0));
}

static void
work_master(short revents)
{
	static const uint32_t	 state = 0;
	char			 err[256];
	int			 n;

	if ((revents & POLLOUT) && imsgbuf_write(&master) == -1)
		_exit(0);
	if ((revents & ~POLLOUT) == 0)
		return;
	if ((n = rules_read(&master, NULL, self->rules, self->nrules, &state, NULL, err, sizeof(err))) == 0)
		_exit(0);
	if (n == -1)
		fatalx("channel to the master: %s", err);
}

void
work_peer(int fd, const struct rule *rules, size_t nrules, void (*gone)(const char *))
{
	if (imsgbuf_init(&peer.buf, fd) == -1)
		fatal("channel to the peer");
	imsgbuf_allow_fdpass(&peer.buf);
	peer.rules = rules;
	peer.nrules = nrules;
	peer.gone = gone;
	peer.open = 1;
}

/* The peer can be written to, or has said something, or is gone. */
static void
work_heard(short revents)
{
	static const uint32_t	 state = 0;
	char			 err[256];
	int			 n = 1;

	if ((revents & POLLOUT) && imsgbuf_write(&peer.buf) == -1)
		n = 0;
	else if (revents & ~POLLOUT)
		n = rules_read(&peer.buf, NULL, peer.rules, peer.nrules, &state, NULL, err, sizeof(err));
	if (n == 1)
		return;
	peer.open = 0;
	peer.gone(n == -1 ? err : NULL);
}

/* A peer that is gone is noticed where it is read from. */
void
work_peer_send(uint32_t type, int fd, const void *data, size_t len)
{
	if (!peer.open) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (imsg_compose(&peer.buf, type, 0, 0, fd, data, len) == -1)
		fatal("channel to the peer");
	(void)imsgbuf_write(&peer.buf);
}

uint32_t
work_peer_queued(void)
{
	return (peer.open ? imsgbuf_queuelen(&peer.buf) : 0);
}

int
work_part(struct imsg *imsg, size_t head, int (*take)(uint32_t, const void *, size_t))
{
	const uint8_t	*p = imsg->data;
	size_t		 len = imsg_get_len(imsg);
	uint32_t	 id;

	if (len < head || head < sizeof(id))
		return (-1);
	memcpy(&id, p, sizeof(id));
	return (take(id, p + head, len - head));
}

void
work_send(uint32_t type, const void *data, size_t len)
{
	if (imsg_compose(&master, type, 0, 0, -1, data, len) == -1)
		fatal("channel to the master");
	if (imsgbuf_write(&master) == -1)
		_exit(0);
}

void
work_end(void)
{
	struct pollfd	 pfd[2];
	int64_t		 end = clock_msec() + LINGER, left;

	pfd[0].events = pfd[1].events = POLLOUT;
	while ((imsgbuf_queuelen(&master) > 0 || work_peer_queued() > 0) && (left = end - clock_msec()) > 0) {
		pfd[0].fd = imsgbuf_queuelen(&master) > 0 ? master.fd : -1;
		pfd[1].fd = work_peer_queued() > 0 ? peer.buf.fd : -1;
		(void)poll(pfd, 2, (int)left);
		if (pfd[0].fd != -1 && imsgbuf_write(&master) == -1)
			break;
		if (pfd[1].fd != -1 && imsgbuf_write(&peer.buf) == -1)
			peer.open = 0;
	}
	_exit(0);
}
