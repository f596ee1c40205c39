/* SPDX-License-Identifier: ISC */
/* Requests at the control channel, one after the other, each until its answer is whole. */
#include <sys/types.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "web.h"

/* One request that is under way. */
struct asked {
	struct visit	*v;
	int		(*take)(void *, uint32_t, struct imsg *);
	void		*arg;
	int		 done;		/* the answer's last message is there, */
	int		 failed;	/* and says why it is none */
};

static int	 ask_answer(struct asked *, const char **);
static int	 ask_message(struct asked *, struct imsg *, const char **);
static int	 ask_take(void *, struct imsg *);
static int	 ask_said(struct asked *, struct imsg *);
static int	 ask_broken(struct visit *, const char *);

int
ask_queue(struct visit *v, uint32_t type, const void *data, size_t len)
{
	if (v->ctl.w == NULL)
		return (ask_broken(v, "there is no control channel"));
	if (imsg_compose(&v->ctl, type, message_version(), 0, -1, len > 0 ? data : NULL, len) == -1)
		return (ask_broken(v, "a request is too long"));
	while (imsgbuf_queuelen(&v->ctl) > 0)
		if (channel_ready(v->ctl.fd, POLLOUT) == -1)
			return (ask_broken(v, "the daemon takes no request"));
		else if (imsgbuf_write(&v->ctl) == -1)
			return (ask_broken(v, "the daemon has closed the control channel"));
	return (0);
}

int
ask(struct visit *v, uint32_t type, const void *data, size_t len, int (*take)(void *, uint32_t, struct imsg *), void *arg)
{
	struct asked	 a = { .v = v, .take = take, .arg = arg };
	const char	*why = NULL;
	int		 n;

	v->said[0] = '\0';
	if (ask_queue(v, type, data, len) == -1)
		return (-1);
	while (ask_answer(&a, &why) == 0 && !a.done) {
		if (channel_ready(v->ctl.fd, POLLIN) == -1)
			return (ask_broken(v, "the daemon did not answer in time"));
		if ((n = imsgbuf_read(&v->ctl)) == 1)
			continue;
		if (ask_answer(&a, &why) == -1 || a.done)	/* what it said ahead of that counts */
			break;
		return (ask_broken(v, "the daemon has closed the control channel"));
	}
	if (!a.done)
		return (ask_broken(v, why));
	return (a.failed ? -1 : 0);
}

/* The control channel is of no more use.  Whoever looks at the page hears no more than that. */
static int
ask_broken(struct visit *v, const char *why)
{
	log_warnx("web: %s", why);
	if (v->ctl.w != NULL) {
		imsgbuf_clear(&v->ctl);
		close(v->ctl.fd);
		v->ctl.w = NULL;
	}
	strlcpy(v->said, "The mail server does not answer just now.  Try again in a moment.", sizeof(v->said));
	return (-1);
}

/* Takes what has arrived of the answer.  0, or -1: it breaks the rules. */
static int
ask_answer(struct asked *a, const char **why)
{
	struct imsg	 imsg;
	int		 n = 0, rv;

	while (!a->done && (n = imsgbuf_get(&a->v->ctl, &imsg)) == 1) {
		rv = ask_message(a, &imsg, why);
		imsg_free(&imsg);
		if (rv == -1)
			return (-1);
	}
	if (!a->done && n == -1) {
		*why = "the daemon sent something that is no control message";
		return (-1);
	}
	return (0);
}

/* The list of messages is the same at both ends, or nothing is believed. */
static int
ask_message(struct asked *a, struct imsg *imsg, const char **why)
{
	static char	 err[256];
	struct rule	 rule = { imsg_get_type(imsg), RULES_ANY, ask_take };

	if (imsg_get_id(imsg) != message_version()) {
		*why = "the daemon speaks another version of the control protocol";
		return (-1);
	}
	if (message_kind(rule.type) == NULL) {
		*why = "the daemon sent a message of no kind";
		return (-1);
	}
	if (rules_dispatch(&rule, 1, 0, a, imsg, err, sizeof(err)) == -1) {
		*why = err;
		return (-1);
	}
	return (0);
}

static int
ask_take(void *arg, struct imsg *imsg)
{
	struct asked	*a = arg;

	switch (imsg_get_type(imsg)) {
	case IMSG_CTL_END:
		a->done = 1;
		return (0);
	case IMSG_CTL_FAIL:
		a->failed = 1;
		/* FALLTHROUGH */
	case IMSG_CTL_OK:
		a->done = 1;
		return (ask_said(a, imsg));
	default:
		return (a->take == NULL ? -1 : a->take(a->arg, imsg_get_type(imsg), imsg));
	}
}

static int
ask_said(struct asked *a, struct imsg *imsg)
{
	struct ctl_text	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.text, sizeof(m.text))) {
		a->done = 0;
		return (-1);
	}
	strlcpy(a->v->said, m.text, sizeof(a->v->said));
	return (0);
}

int
ask_name(struct visit *v, uint32_t type, const char *name)
{
	struct ctl_name	 m;

	memset(&m, 0, sizeof(m));
	if (strlcpy(m.name, name, sizeof(m.name)) >= sizeof(m.name)) {
		strlcpy(v->said, "The name is too long.", sizeof(v->said));
		return (-1);
	}
	return (ask(v, type, &m, sizeof(m), NULL, NULL));
}
