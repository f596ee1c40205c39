/* SPDX-License-Identifier: ISC */
/* What a fork of a template does besides its work. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "common/ipc/imsg.h"
#include "log.h"
#include "proc.h"
#include "work.h"

#define LINGER	10000	/* ms for the master to take the last words */

static int	 work_wait(const struct work *, struct pollfd *);
static void	 work_master(const struct work *, short);

static struct imsgbuf	 master;

void
work_run(struct work *w, enum sandbox_role role, pid_t parent, int no_seccomp)
{
	struct pollfd	 pfd[2];

	if (imsgbuf_init(&master, PROC_FD) == -1)
		_exit(1);
	imsgbuf_allow_fdpass(&master);
	proc_log_to(&master);
	sandbox_fork(role, no_seccomp);		/* arms the parent-death signal */
	if (getppid() != parent)
		_exit(1);
	for (;;) {
		if (work_wait(w, pfd) == -1)
			continue;
		if (pfd[0].revents != 0)
			work_master(w, pfd[0].revents);
		if (pfd[1].revents != 0 && w->fd != -1)
			w->ready();
		if (clock_msec() >= w->until)
			w->late();
	}
}

/* 0, or -1: look again. */
static int
work_wait(const struct work *w, struct pollfd *pfd)
{
	int64_t	 left = -1;

	if (w->until != WORK_NEVER && (left = w->until - clock_msec()) < 0)
		left = 0;
	pfd[0].fd = master.fd;
	pfd[0].events = POLLIN | (imsgbuf_queuelen(&master) > 0 ? POLLOUT : 0);
	pfd[1].fd = w->fd;
	pfd[1].events = w->events;
	pfd[0].revents = pfd[1].revents = 0;
	if (poll(pfd, 2, (int)(left < INT32_MAX ? left : INT32_MAX)) != -1)
		return (0);
	if (errno != EINTR && errno != EAGAIN)
		fatal("poll");
	return (-1);
}

static void
work_master(const struct work *w, short revents)
{
	static const uint32_t	 state = 0;
	char			 err[256];
	int			 n;

	if ((revents & POLLOUT) && imsgbuf_write(&master) == -1)
		_exit(0);
	if ((revents & ~POLLOUT) == 0)
		return;
	if ((n = rules_read(&master, NULL, w->rules, w->nrules, &state, NULL, err, sizeof(err))) == 0)
		_exit(0);
	if (n == -1)
		fatalx("channel to the master: %s", err);
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
