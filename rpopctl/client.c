/* SPDX-License-Identifier: ISC */
/* The client's side of the control protocol: one request, one answer. */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/imsg.h"
#include "common/ipc/rules.h"
#include "rpopctl.h"

#define WAIT_MSEC	60000		/* for the daemon's next octet */
#define RECORDS_MAX	1000000
#define TRIED_MAX	10000

enum { STATE_WAITING, STATE_DONE };

struct client {
	struct imsgbuf		 ibuf;
	const struct request	*req;
	struct reply		*rep;
	uint32_t		 state;
};

static int		 client_wait(struct client *, char *, size_t);
static int		 client_dispatch(struct client *, char *, size_t);
static int		 got_status(void *, struct imsg *);
static int		 got_record(void *, struct imsg *);
static int		 got_tried(void *, struct imsg *);
static int		 got_line(void *, struct imsg *);
static int		 got_queued(void *, struct imsg *);
static int		 got_end(void *, struct imsg *);
static int		 got_ok(void *, struct imsg *);
static int		 got_fail(void *, struct imsg *);
static int		 record_check(const struct ctl_record *);

static const struct rule rules[] = {
	{ IMSG_CTL_DAEMON,	1u << STATE_WAITING,	got_status },
	{ IMSG_CTL_RECORD,	1u << STATE_WAITING,	got_record },
	{ IMSG_CTL_TRIED,	1u << STATE_WAITING,	got_tried },
	{ IMSG_CTL_LINE,	1u << STATE_WAITING,	got_line },
	{ IMSG_CTL_QUEUED,	1u << STATE_WAITING,	got_queued },
	{ IMSG_CTL_END,		1u << STATE_WAITING,	got_end },
	{ IMSG_CTL_OK,		1u << STATE_WAITING,	got_ok },
	{ IMSG_CTL_FAIL,	1u << STATE_WAITING,	got_fail },
};

/* A connection to the daemon, or -1 with a sentence in error. */
int
client_connect(const char *path, char *error, size_t size)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	int			 fd;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		snprintf(error, size, "%s: name of the socket is too long", path);
		return (-1);
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1) {
		snprintf(error, size, "socket: %s", strerror(errno));
		return (-1);
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	if (errno == ENOENT || errno == ECONNREFUSED)
		snprintf(error, size, "rpopd is not running, or has its control socket elsewhere: %s: %s; start rpopd, or name the "
		    "socket with -s", path, strerror(errno));
	else if (errno == EACCES || errno == EPERM)
		snprintf(error, size, "%s: permission denied; run rpopctl as root, or as a member of the socket's group", path);
	else
		snprintf(error, size, "%s: %s", path, strerror(errno));
	close(fd);
	return (-1);
}

/* Send the request and collect the whole answer; the records are the caller's.  Returns 0, or -1 with a sentence in error. */
int
client_request(int fd, const struct request *req, struct reply *rep, char *error, size_t size)
{
	struct client	 ctl = { .req = req, .rep = rep, .state = STATE_WAITING };
	int		 ret = -1;

	if (imsgbuf_init(&ctl.ibuf, fd) == -1) {
		snprintf(error, size, "imsgbuf: %s", strerror(errno));
		return (-1);
	}
	if (req->type == IMSG_CTL_QUARANTINE)
		imsgbuf_allow_fdpass(&ctl.ibuf);
	/* a daemon that refuses the connection closes it, but what it said first can still be read */
	if (imsg_compose(&ctl.ibuf, req->type, PROTO_VERSION, 0, -1, req->len > 0 ? &req->u : NULL, req->len) == -1 ||
	    (imsgbuf_flush(&ctl.ibuf) == -1 && errno != EPIPE))
		snprintf(error, size, "cannot send to rpopd: %s", strerror(errno));
	else
		ret = client_wait(&ctl, error, size);
	imsgbuf_clear(&ctl.ibuf);
	return (ret);
}

static int
client_wait(struct client *ctl, char *error, size_t size)
{
	struct pollfd	 pfd = { .fd = ctl->ibuf.fd, .events = POLLIN };
	int		 n;

	while (ctl->state == STATE_WAITING) {
		if ((n = poll(&pfd, 1, ctl->req->patient ? INFTIM : WAIT_MSEC)) == -1 && errno == EINTR)
			continue;
		if (n == 0) {
			strlcpy(error, "rpopd does not answer; its log may say why", size);
			return (-1);
		}
		if (n == -1 || (n = imsgbuf_read(&ctl->ibuf)) == -1) {
			snprintf(error, size, "cannot read from rpopd: %s", strerror(errno));
			return (-1);
		}
		if (client_dispatch(ctl, error, size) == -1)
			return (-1);
		if (n == 0 && ctl->state == STATE_WAITING) {
			strlcpy(error, "rpopd closed the connection before its answer was complete", size);
			return (-1);
		}
	}
	return (0);
}

/* Everything that has arrived.  The version is looked at before anything else is believed. */
static int
client_dispatch(struct client *ctl, char *error, size_t size)
{
	struct imsg	 imsg;
	char		 why[256];
	uint32_t	 version;
	int		 n, bad;

	while (ctl->state == STATE_WAITING && (n = imsgbuf_get(&ctl->ibuf, &imsg)) != 0) {
		if (n == -1) {
			strlcpy(error, "rpopd sent something that is no control message", size);
			return (-1);
		}
		if ((version = imsg_get_id(&imsg)) != PROTO_VERSION) {
			snprintf(error, size, "rpopd speaks version %u of the control protocol, this rpopctl version %u; "
			    "restart rpopd, or use the rpopctl installed with it", version, PROTO_VERSION);
			imsg_free(&imsg);
			return (-1);
		}
		bad = rules_dispatch(rules, nitems(rules), ctl->state, ctl, &imsg, why, sizeof(why));
		imsg_free(&imsg);
		if (bad) {
			snprintf(error, size, "unexpected answer from rpopd: %s", why);
			return (-1);
		}
	}
	return (0);
}

static int
got_status(void *arg, struct imsg *imsg)
{
	struct client		*ctl = arg;
	struct ctl_daemon	*st = &ctl->rep->status;

	if (ctl->req->type != IMSG_CTL_STATUS || ctl->rep->has_status || rules_payload(imsg, st) == -1)
		return (-1);
	ctl->rep->has_status = 1;
	return (proto_str(st->version, sizeof(st->version)) && proto_str(st->load_error, sizeof(st->load_error)) &&
	    proto_str(st->root_error, sizeof(st->root_error)) && proto_str(st->place, sizeof(st->place)) ? 0 : -1);
}

static int
got_record(void *arg, struct imsg *imsg)
{
	struct client		*ctl = arg;
	struct reply		*rep = ctl->rep;
	struct ctl_record	*grown;
	size_t			 size;

	if (!ctl->req->listing || rep->nrecords >= RECORDS_MAX)
		return (-1);
	if (rep->nrecords == rep->size) {
		size = rep->size == 0 ? 64 : rep->size * 2;
		if ((grown = reallocarray(rep->records, size, sizeof(*grown))) == NULL)
			return (-1);
		rep->records = grown;
		rep->size = size;
	}
	if (rules_payload(imsg, &rep->records[rep->nrecords]) == -1 || !record_check(&rep->records[rep->nrecords]))
		return (-1);
	rep->nrecords++;
	return (0);
}

/* 1 if every string ends inside its array. */
static int
record_check(const struct ctl_record *r)
{
	return (proto_str(r->account, sizeof(r->account)) && proto_str(r->name, sizeof(r->name)) &&
	    proto_str(r->host, sizeof(r->host)) && proto_str(r->user, sizeof(r->user)) && proto_str(r->mode, sizeof(r->mode)) &&
	    proto_str(r->state, sizeof(r->state)) && proto_str(r->error, sizeof(r->error)) &&
	    proto_str(r->origin, sizeof(r->origin)));
}

static int
got_tried(void *arg, struct imsg *imsg)
{
	struct client		*ctl = arg;
	struct reply		*rep = ctl->rep;
	struct ctl_tried	*m;
	size_t			 size;

	if (ctl->req->type != IMSG_CTL_TRY || rep->ntried >= TRIED_MAX)
		return (-1);
	if (rep->ntried == rep->tried_size) {
		size = rep->tried_size == 0 ? 64 : rep->tried_size * 2;
		if ((m = reallocarray(rep->tried, size, sizeof(*m))) == NULL)
			return (-1);
		rep->tried = m;
		rep->tried_size = size;
	}
	m = &rep->tried[rep->ntried];
	if (rules_payload(imsg, m) == -1 || !proto_str(m->state, sizeof(m->state)) || !proto_str(m->what, sizeof(m->what)) ||
	    !proto_str(m->uid, sizeof(m->uid)) || !proto_str(m->text, sizeof(m->text)))
		return (-1);
	rep->ntried++;
	return (0);
}

static int
got_line(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;
	struct ctl_text	 m;

	if (!ctl->req->lines || rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text)))
		return (-1);
	if (ctl->rep->fd == -1 && ctl->req->type == IMSG_CTL_QUARANTINE)
		ctl->rep->fd = imsg_get_fd(imsg);
	return (lines_add(ctl->rep, &m));
}

static int
got_queued(void *arg, struct imsg *imsg)
{
	struct client		*ctl = arg;
	struct ctl_queued	 m;

	return (!ctl->req->queue || rules_payload(imsg, &m) == -1 ? -1 : queue_add(ctl->rep, &m));
}

static int
got_end(void *arg, struct imsg *imsg __unused)
{
	struct client	*ctl = arg;

	if ((!ctl->req->listing && !ctl->req->lines && !ctl->req->queue) ||
	    (ctl->req->type == IMSG_CTL_STATUS && !ctl->rep->has_status))
		return (-1);
	ctl->rep->ok = 1;
	ctl->state = STATE_DONE;
	return (0);
}

static int
got_ok(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;

	if (ctl->req->listing || ctl->req->lines || ctl->req->queue)
		return (-1);
	ctl->rep->ok = 1;
	return (got_fail(arg, imsg));
}

static int
got_fail(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;
	struct ctl_text	*text = &ctl->rep->text;

	if (rules_payload(imsg, text) == -1 || !proto_str(text->text, sizeof(text->text)))
		return (-1);
	ctl->state = STATE_DONE;
	return (0);
}

