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

#define LINGER	10000	/* ms for the master to take the last words */

static void	 work_run(pid_t, int) __dead;
static int	 work_poll(struct pollfd *);
static void	 work_master(short);

static const struct work	*self;
static struct imsgbuf		 master;
static int			 socket_fd = -1;	/* what is waited for, see work_wait() */
static short			 socket_events;
static int64_t			 until = WORK_NEVER;

void
work_main(const struct work *w, int argc, char *argv[])
{
	const struct template	 template = { w->role, w->warm, work_run };

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
	struct pollfd	 pfd[2];

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
		if (pfd[0].revents != 0)
			work_master(pfd[0].revents);
		if (pfd[1].revents != 0 && socket_fd != -1)
			self->ready();
		if (clock_msec() >= until)
			self->late();
	}
}

/* Waits for the master, the socket or the clock.  0, or -1: a signal came in between. */
static int
work_poll(struct pollfd *pfd)
{
	int64_t	 left = -1;

	if (until != WORK_NEVER && (left = until - clock_msec()) < 0)
		left = 0;
	pfd[0].fd = master.fd;
	pfd[0].events = POLLIN | (imsgbuf_queuelen(&master) > 0 ? POLLOUT : 0);
	pfd[1].fd = socket_fd;
	pfd[1].events = socket_events;
	pfd[0].revents = pfd[1].revents = 0;
	if (poll(pfd, 2, (int)(left < INT32_MAX ? left : INT32_MAX)) != -1)
		return (0);
	if (errno != EINTR && errno != EAGAIN)
		fatal("poll");
	return (-1);
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
	struct pollfd	 pfd;
	int64_t		 end = clock_msec() + LINGER, left;

	pfd.fd = master.fd;
	pfd.events = POLLOUT;
	while (imsgbuf_queuelen(&master) > 0 && (left = end - clock_msec()) > 0) {
		(void)poll(&pfd, 1, (int)left);
		if (imsgbuf_write(&master) == -1)
			break;
	}
	_exit(0);
}
