/* SPDX-License-Identifier: ISC */
/*
 * Connections of the web server's: each becomes a process of its own, while there are not too many; the others wait in the socket's
 * queue.  Not an octet of them is read here.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <event.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "common/template.h"
#include "common/timer.h"
#include "web.h"

#define FORKS_MAX	64	/* requests at once */
#define ACCEPT_PAUSE	1000	/* ms without connections, when one could not be taken */

static int	 take_listen(void *, struct imsg *);
static int	 take_unlisten(void *, struct imsg *);
static void	 accept_close(void);
static void	 accept_watch(void);
static void	 accept_resume(void *);
static void	 accept_ready(int, short, void *);
static int	 accept_one(void);

const struct rule	 accept_rules[] = {
	{ IMSG_WEB_LISTEN,	RULES_ANY,	take_listen },
	{ IMSG_WEB_UNLISTEN,	RULES_ANY,	take_unlisten }
};
const size_t	 accept_nrules = nitems(accept_rules);

static int		 listening = -1;	/* the socket */
static int		 watched;
static uint32_t		 nforks;
static struct event	 ev;
static struct timer	 pause_over;

static int
take_listen(void *arg __unused, struct imsg *imsg)
{
	int	 fd;

	if ((fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == -1) {
		close(fd);
		return (-1);
	}
	accept_close();
	listening = fd;
	timer_init(&pause_over, accept_resume, NULL);
	event_set(&ev, fd, EV_READ | EV_PERSIST, accept_ready, NULL);
	accept_watch();
	log_debug("the web page listens");
	return (0);
}

static int
take_unlisten(void *arg __unused, struct imsg *imsg __unused)
{
	accept_close();
	log_debug("the web page listens no more");
	return (0);
}

static void
accept_close(void)
{
	if (listening == -1)
		return;
	if (watched)
		event_del(&ev);
	timer_stop(&pause_over);
	watched = 0;
	close(listening);
	listening = -1;
}

/* Looks at the socket unless there is a reason not to. */
static void
accept_watch(void)
{
	if (listening == -1 || watched || nforks >= FORKS_MAX || timer_armed(&pause_over))
		return;
	event_add(&ev, NULL);
	watched = 1;
}

static void
accept_resume(void *arg __unused)
{
	accept_watch();
}

static void
accept_ready(int fd __unused, short events __unused, void *arg __unused)
{
	while (watched && accept_one())
		if (nforks >= FORKS_MAX) {
			log_info("%u requests at once: further ones wait", nforks);
			event_del(&ev);
			watched = 0;
		}
}

/* Takes one connection and has a process forked for it, the other end of whose channel is the master's.  0: there is none just now. */
static int
accept_one(void)
{
	struct msg_web_request	 m;
	int			 fd, channel, pausing = 0;

	memset(&m, 0, sizeof(m));
	if ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) == -1) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return (0);
		if (errno == ECONNABORTED || errno == EINTR)
			return (1);
		log_warn("the web page: accept");
		pausing = 1;
	} else {
		HOOK("web.fork");
		if ((m.id = template_fork(fd, &channel)) == 0)
			pausing = 1;
		close(fd);
	}
	if (pausing) {
		event_del(&ev);
		watched = 0;
		timer_in(&pause_over, ACCEPT_PAUSE);
		return (0);
	}
	nforks++;
	if (link_send(&proc_master, IMSG_WEB_REQUEST, channel, &m, sizeof(m)) == -1)
		_exit(1);
	return (1);
}

/* A fork has ended, and its place is free. */
void
accept_ended(uint32_t fork __unused)
{
	nforks--;
	accept_watch();
}
