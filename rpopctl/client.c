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

enum { STATE_WAITING, STATE_DONE };

struct client {
	struct imsgbuf		 ibuf;
	const struct request	*req;
	struct reply		*rep;
	uint32_t		 state;
};

static int	 client_wait(struct client *, char *, size_t);
static int	 client_dispatch(struct client *, char *, size_t);
static int	 got_item(void *, struct imsg *);
static int	 got_row(void *, struct imsg *);
static int	 got_end(void *, struct imsg *);
static int	 got_ok(void *, struct imsg *);
static int	 got_fail(void *, struct imsg *);

/* How an answer ends, and rows, which go to the request's own function; got_item() takes what else comes ahead of the end. */
static const struct rule	 ends[] = {
	{ IMSG_CTL_END,		1U << STATE_WAITING,	got_end },
	{ IMSG_CTL_OK,		1U << STATE_WAITING,	got_ok },
	{ IMSG_CTL_FAIL,	1U << STATE_WAITING,	got_fail },
	{ IMSG_CTL_ROW,		1U << STATE_WAITING,	got_row }
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
		snprintf(error, size, "%s: permission denied; run rpopctl as root, or as a member of the socket's group; for records of "
		    "your own: user.sock beside it", path);
	else
		snprintf(error, size, "%s: %s", path, strerror(errno));
	close(fd);
	return (-1);
}

/* Send the request and collect the whole answer; what is in rep is the caller's.  0, or -1 with a sentence in error. */
int
client_request(int fd, const struct request *req, struct reply *rep, char *error, size_t size)
{
	struct client	 ctl = { .req = req, .rep = rep, .state = STATE_WAITING };
	const void	*payload = req->data != NULL ? req->data : &req->u;
	size_t		 i;
	int		 ret = -1;

	if (imsgbuf_init(&ctl.ibuf, fd) == -1) {
		snprintf(error, size, "imsgbuf: %s", strerror(errno));
		return (-1);
	}
	if (req->type == IMSG_CTL_QUARANTINE)
		imsgbuf_allow_fdpass(&ctl.ibuf);
	for (i = 0; i < req->nparts && imsg_compose(&ctl.ibuf, req->type, message_version(), 0, -1, req->parts[i].data,
	    req->parts[i].len) != -1; i++)
		continue;
	/* A daemon that refuses the connection closes it, but what it said first can still be read. */
	if (i < req->nparts || imsg_compose(&ctl.ibuf, req->type, message_version(), 0, -1, req->len > 0 ? payload : NULL, req->len) ==
	    -1 || (imsgbuf_flush(&ctl.ibuf) == -1 && errno != EPIPE))
		snprintf(error, size, "cannot send to rpopd: %s", strerror(errno));
	else
		ret = client_wait(&ctl, error, size);
	imsgbuf_clear(&ctl.ibuf);
	return (ret);
}

/* Read until the answer is complete.  0, or -1 with a sentence in error. */
static int
client_wait(struct client *ctl, char *error, size_t size)
{
	struct pollfd	 pfd = { .fd = ctl->ibuf.fd, .events = POLLIN };
	int		 n;

	while (ctl->state == STATE_WAITING) {
		if ((n = poll(&pfd, 1, ctl->req->patient ? INFTIM : WAIT_MSEC)) == -1 && errno == EINTR && screen_signal() == 0)
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

/*
 * Take every message that has arrived.  The version is looked at before anything else is believed.  0, or -1 with a sentence in
 * error.
 */
static int
client_dispatch(struct client *ctl, char *error, size_t size)
{
	struct rule	 item = { 0, 1U << STATE_WAITING, got_item };
	struct imsg	 imsg;
	char		 why[256];
	uint32_t	 version;
	int		 n, bad, is_item;

	while (ctl->state == STATE_WAITING && (n = imsgbuf_get(&ctl->ibuf, &imsg)) != 0) {
		if (n == -1) {
			strlcpy(error, "rpopd sent something that is no control message", size);
			return (-1);
		}
		if ((version = imsg_get_id(&imsg)) != message_version()) {
			snprintf(error, size, "rpopd speaks version %u of the control protocol, this rpopctl version %u; "
			    "restart rpopd, or use the rpopctl installed with it", version, message_version());
			imsg_free(&imsg);
			return (-1);
		}
		item.type = imsg_get_type(&imsg);
		is_item = reply_kind(item.type) != NULL;
		bad = rules_dispatch(is_item ? &item : ends, is_item ? 1 : nitems(ends), ctl->state, ctl, &imsg, why, sizeof(why));
		imsg_free(&imsg);
		if (bad) {
			snprintf(error, size, "unexpected answer from rpopd: %s", why);
			return (-1);
		}
	}
	return (0);
}

/* A message of a kind that the request asked for.  It is kept, or told as it arrives. */
static int
got_item(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 i;

	for (i = 0; i < REQUEST_ITEMS && ctl->req->items[i] != type; i++)
		;
	if (i == REQUEST_ITEMS || reply_add(ctl->rep, imsg) == -1)
		return (-1);
	if (ctl->rep->fd == -1 && ctl->req->type == IMSG_CTL_QUARANTINE)
		ctl->rep->fd = imsg_get_fd(imsg);
	if (ctl->req->arrived != NULL)
		ctl->req->arrived(ctl->req->session, reply_take(ctl->rep, type));
	return (0);
}

/* A row of rpopd.db. */
static int
got_row(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;
	uint8_t		 row[PROTO_FRAME_MAX];
	size_t		 len = imsg_get_len(imsg);

	if (ctl->req->row == NULL || imsg_get_data(imsg, row, len) == -1)
		return (-1);
	ctl->req->row(ctl->req->row_arg, row, len);
	return (0);
}

/* The end of a listing. */
static int
got_end(void *arg, struct imsg *imsg __unused)
{
	struct client	*ctl = arg;

	if (!ctl->req->listing)
		return (-1);
	ctl->rep->ok = 1;
	ctl->state = STATE_DONE;
	return (reply_complete(ctl->rep, ctl->req));
}

/* The end of any other answer, with a sentence. */
static int
got_ok(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;

	if (ctl->req->listing)
		return (-1);
	ctl->rep->ok = 1;
	return (got_fail(arg, imsg));
}

/* The end of an answer that is a refusal, with a sentence that says why. */
static int
got_fail(void *arg, struct imsg *imsg)
{
	struct client	*ctl = arg;
	struct ctl_text	*text = &ctl->rep->text;

	if (rules_payload(imsg, text) == -1 || !proto_str(text->text, sizeof(text->text)))
		return (-1);
	ctl->state = STATE_DONE;
	return (reply_complete(ctl->rep, ctl->req));
}
