/* SPDX-License-Identifier: ISC */
/* Channels inside a libevent loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/compat.h"
#include "link.h"
#include "common/log.h"
#include "proto.h"

#define CROWDED	100	/* ms until a descriptor is sent again */

static int	 draining;	/* 1: a drained() of some link is running */

static void	 link_lost(const struct link *);
static void	 link_resume(struct link *);
static void	 link_queue(struct link *);
static void	 link_unhold(struct link *);
static void	 link_soon(struct link *, int);
static void	 link_later(int, short, void *);
static void	 link_readable(int, short, void *);
static void	 link_writable(int, short, void *);
static void	 link_fail(struct link *, const char *);

int
link_open(struct link *l, int fd, const struct rule *rules, size_t nrules, void *arg, void (*down)(void *, const char *))
{
	int	 flags, saved;

	memset(l, 0, sizeof(*l));
	if ((flags = fcntl(fd, F_GETFL)) == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    imsgbuf_init(&l->ibuf, fd) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return (-1);
	}
	imsgbuf_allow_fdpass(&l->ibuf);
	l->rules = rules;
	l->nrules = nrules;
	l->arg = arg;
	l->down = down;
	l->open = 1;
	event_set(&l->rev, fd, EV_READ | EV_PERSIST, link_readable, l);
	event_set(&l->wev, fd, EV_WRITE, link_writable, l);
	evtimer_set(&l->later, link_later, l);
	event_add(&l->rev, NULL);
	return (0);
}

void
link_close(struct link *l)
{
	if (!l->open)
		return;
	l->open = 0;
	event_del(&l->rev);
	event_del(&l->wev);
	event_del(&l->later);
	imsgbuf_clear(&l->ibuf);
	close(l->ibuf.fd);
	l->ibuf.fd = -1;
}

/*
 * A message could not be queued.  Without memory that is the end of this process, as any other allocation that fails in a
 * long-lived one: the peer would wait for the message for ever, and a fresh process begins anew.
 */
static void
link_lost(const struct link *l)
{
	if (l->open && errno == ENOMEM)
		fatal("message for %s", l->name == NULL ? "the other side" : l->name);
}

int
link_send(struct link *l, uint32_t type, int fd, const void *data, size_t len)
{
	if (!l->open || imsg_compose(&l->ibuf, type, 0, 0, fd, data, len) == -1) {
		link_lost(l);
		if (fd != -1)
			close(fd);
		return (-1);
	}
	if (l->name != NULL)
		log_trace("to %s: %s, %zu octets%s", l->name, message_name(type), len, fd != -1 ? " and a descriptor" : "");
	link_queue(l);
	return (0);
}

int
link_send_id(struct link *l, uint32_t type, uint32_t id, const void *data, size_t len)
{
	if (!l->open || imsg_compose(&l->ibuf, type, id, 0, -1, data, len) == -1) {
		link_lost(l);
		return (-1);
	}
	link_queue(l);
	return (0);
}

void
link_flush(struct link *l, int msec)
{
	int64_t		 end = clock_msec() + msec, left;
	struct pollfd	 p = { .fd = l->ibuf.fd, .events = POLLOUT };

	while (l->open && imsgbuf_queuelen(&l->ibuf) > 0 && (left = end - clock_msec()) > 0)
		if (poll(&p, 1, (int)left) == -1 ? errno != EINTR : imsgbuf_write(&l->ibuf) == -1)
			return;
}

uint32_t
link_queued(struct link *l)
{
	return (l->open ? imsgbuf_queuelen(&l->ibuf) : 0);
}

void
link_pause(struct link *l, int paused)
{
	if (!l->open || l->paused == paused)
		return;
	l->paused = paused;
	if (paused)
		event_del(&l->rev);
	else
		link_resume(l);
}

/* Read again; what was read before the pause and not dispatched comes first. */
static void
link_resume(struct link *l)
{
	event_add(&l->rev, NULL);
	event_active(&l->rev, EV_READ, 1);
}

/*
 * A message was queued: it is written, with others, when the running callback has returned; if the socket does not take it, when it
 * does.  Who queues what because something else was written waits for the socket, and for other events.  Until then a polite link
 * reads nothing.
 */
static void
link_queue(struct link *l)
{
	if (draining)
		event_add(&l->wev, NULL);
	else if (!event_pending(&l->wev, EV_WRITE, NULL))
		event_active(&l->wev, EV_WRITE, 1);
	event_del(&l->later);
	if (l->polite && !l->paused) {
		l->held = 1;
		link_pause(l, 1);
	}
}

/*
 * A polite link reads again: what was queued is written, or cannot be written any more, and then the reader reports the end.  What
 * it has in its buffer comes behind a wait for all sockets: a peer that asks without end would be answered at once, without end, and
 * nobody else would be heard.
 */
static void
link_unhold(struct link *l)
{
	if (l->held)
		link_soon(l, 0);
}

static void
link_soon(struct link *l, int msec)
{
	const struct timeval	 tv = { 0, msec * 1000 };

	event_add(&l->later, &tv);
}

static void
link_later(int fd, short event, void *arg)
{
	struct link	*l = arg;

	if (l->crowded) {
		link_writable(fd, event, l);
		return;
	}
	l->held = 0;
	link_pause(l, 0);
}

static void
link_readable(int fd, short event, void *arg)
{
	struct link	*l = arg;
	char		 err[256];
	int		 n;

	(void)fd;
	(void)event;
	n = rules_read_until(&l->ibuf, l->name, l->rules, l->nrules, &l->state, &l->paused, l->arg, err, sizeof(err));
	if (n != 1 && l->open)
		link_fail(l, n == 0 ? NULL : err);
}

static void
link_writable(int fd, short event, void *arg)
{
	struct link	*l = arg;

	(void)fd;
	(void)event;
	l->crowded = 0;
	if (imsgbuf_write(&l->ibuf) == -1) {
		/* Linux limits the descriptors that are on their way, of all processes of one user together. */
		if (errno == ETOOMANYREFS) {
			l->crowded = 1;
			link_soon(l, CROWDED);
			return;
		}
		/* What the peer still said before it died is worth reading: the reader reports the end. */
		if (errno != EPIPE && errno != ECONNRESET)
			link_fail(l, strerror(errno));
		else
			link_unhold(l);
		return;
	}
	if (imsgbuf_queuelen(&l->ibuf) > 0)
		event_add(&l->wev, NULL);
	else {
		link_unhold(l);
		if (l->drained != NULL) {
			draining = 1;
			l->drained(l->arg);		/* which may be the end of the link */
			draining = 0;
		}
	}
}

/* Close a link whose peer is gone (why NULL) or broke the rules, and tell its owner. */
static void
link_fail(struct link *l, const char *why)
{
	link_close(l);
	l->down(l->arg, why);
}
