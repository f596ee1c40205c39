/* SPDX-License-Identifier: ISC */
/* Walks a rule table: the one place where a peer's message is checked for type, length, descriptor and state. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"
#include "common/log.h"
#include "proto.h"
#include "rules.h"

struct channel {
	struct imsgbuf		*imsgbuf;
	const char		*peer;
	const struct rule	*rules;
	size_t			 nrules;
	const uint32_t		*state;
	const int		*stop;
	void			*arg;
};

static int	 rules_buffered(const struct channel *, char *, size_t);
static int	 rule_in_state(const struct rule *, uint32_t);
static int	 rule_run(const struct rule *, void *, struct imsg *, char *, size_t);

/* 1: the rule holds in this state.  For a state that no bit stands for, only RULES_ANY does. */
static int
rule_in_state(const struct rule *rule, uint32_t state)
{
	if (rule->states == RULES_ANY)
		return (1);
	return (state < 32 && (rule->states & (1U << state)) != 0);
}

/* Check length and descriptor of a message that a rule allows, then call the handler.  0, or -1 with a sentence in err. */
static int
rule_run(const struct rule *rule, void *arg, struct imsg *imsg, char *err, size_t errsize)
{
	const struct message_kind	*m = message_kind(rule->type);
	size_t			 len = imsg_get_len(imsg);
	int			 has_fd = ibuf_fd_avail(imsg->buf);

	if (len < m->min || len > m->max) {
		snprintf(err, errsize, "%s: length %zu, not %zu to %zu", m->name, len, m->min, m->max);
		return (-1);
	}
	if (m->fd != MESSAGE_FD_MAYBE && has_fd != m->fd) {
		snprintf(err, errsize, "%s: %s", m->name, has_fd ? "unexpected descriptor" : "descriptor missing");
		return (-1);
	}
	if (rule->handler(arg, imsg) == -1) {
		snprintf(err, errsize, "%s: content of %zu octets breaks the rules", m->name, len);
		return (-1);
	}
	return (0);
}

int
rules_dispatch(const struct rule *rules, size_t nrules, uint32_t state, void *arg, struct imsg *imsg, char *err, size_t errsize)
{
	uint32_t	 type = imsg_get_type(imsg);
	size_t		 i;
	int		 fd, known = 0, ret = -1;

	for (i = 0; i < nrules; i++) {
		if (rules[i].type != type)
			continue;
		known = 1;
		if (rule_in_state(&rules[i], state))
			break;
	}
	if (i < nrules)
		ret = rule_run(&rules[i], arg, imsg, err, errsize);
	else if (known)
		snprintf(err, errsize, "%s: not allowed in state %u", message_name(type), state);
	else
		snprintf(err, errsize, "%s (%u): not allowed from this peer", message_name(type), type);
	if ((fd = imsg_get_fd(imsg)) != -1)
		close(fd);
	return (ret);
}

int
rules_read(struct imsgbuf *imsgbuf, const char *peer, const struct rule *rules, size_t nrules, const uint32_t *state, void *arg,
    char *err, size_t errsize)
{
	static const int	 never = 0;

	return (rules_read_until(imsgbuf, peer, rules, nrules, state, &never, arg, err, errsize));
}

int
rules_read_until(struct imsgbuf *imsgbuf, const char *peer, const struct rule *rules, size_t nrules, const uint32_t *state,
    const int *stop, void *arg, char *err, size_t errsize)
{
	struct channel	 c = { imsgbuf, peer, rules, nrules, state, stop, arg };
	int		 n;

	if (rules_buffered(&c, err, errsize) == -1)
		return (-1);
	if (*stop)
		return (1);
	if ((n = imsgbuf_read(imsgbuf)) != 1) {
		if (n == -1)
			snprintf(err, errsize, "read: %s", strerror(errno));
		return (n);
	}
	return (rules_buffered(&c, err, errsize) == -1 ? -1 : 1);
}

/*
 * Dispatch what is in the buffer, until *stop.  0, or -1 with a sentence in err.  A handler must not clear the imsgbuf that it is
 * called from; it returns -1 or sets a flag instead.
 */
static int
rules_buffered(const struct channel *c, char *err, size_t errsize)
{
	struct imsg	 imsg;
	int		 n = 0;

	while (!*c->stop && (n = imsgbuf_get(c->imsgbuf, &imsg)) == 1) {
		if (c->peer != NULL && imsg_get_type(&imsg) != IMSG_LOG)
			log_trace("from %s: %s, %zu octets%s", c->peer, message_name(imsg_get_type(&imsg)), imsg_get_len(&imsg),
			    ibuf_fd_avail(imsg.buf) ? " and a descriptor" : "");
		n = rules_dispatch(c->rules, c->nrules, *c->state, c->arg, &imsg, err, errsize);
		imsg_free(&imsg);
		if (n == -1)
			return (-1);
	}
	if (n == -1)
		snprintf(err, errsize, "broken stream: %s", strerror(errno));
	return (n == -1 ? -1 : 0);
}
