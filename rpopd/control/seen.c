/* SPDX-License-Identifier: ISC */
/*
 * rpopctl import: what another retriever has seen of a record's mailbox counts as delivered.  The record is made afterwards, so
 * that it is never polled without that knowledge; until then no record names the mailbox, and what is known of it harms nobody.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/compat.h"
#include "common/ipc/proto_ctl.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "control_int.h"

static int	 seen_request(void *, struct imsg *);
static int	 seen_sound(const struct ctl_seen *);
static ssize_t	 seen_uids(const uint8_t *, size_t, struct state_uid *);
static int	 seen_write(const struct ctl_seen *, const struct state_uid *, size_t, char *, size_t);
static int	 seen_busy(int64_t);
static void	 seen_changed(int64_t);

const struct rule	 seen_rules[] = {
	{ IMSG_CTL_SEEN,	RULES_ANY,	seen_request },
};
const size_t		 seen_nrules = nitems(seen_rules);

/* IMSG_CTL_SEEN */
static int
seen_request(void *arg, struct imsg *imsg)
{
	struct client		*c = arg;
	struct ibuf		 ibuf;
	struct ctl_seen		 m;
	struct state_uid	 uids[PROTO_SEEN_MAX];
	char			 text[PROTO_TEXT_SIZE * 2];
	ssize_t			 n;
	int			 ok;

	if (imsg_get_ibuf(imsg, &ibuf) == -1 || ibuf_get(&ibuf, &m, sizeof(m)) == -1 || !seen_sound(&m) ||
	    (n = seen_uids(ibuf_data(&ibuf), ibuf_size(&ibuf), uids)) == -1)
		return (-1);
	if (!client_allowed(c, imsg, 1))
		return (0);
	ok = seen_write(&m, uids, (size_t)n, text, sizeof(text)) == 0;
	client_reply(c, ok, text);
	return (0);
}

/* 1: the strings end, and the numbers are some that there are. */
static int
seen_sound(const struct ctl_seen *m)
{
	return (proto_str(m->account, sizeof(m->account)) && proto_str(m->name, sizeof(m->name)) &&
	    proto_str(m->domain, sizeof(m->domain)) && proto_str(m->auth_name, sizeof(m->auth_name)) && m->last <= 1 &&
	    m->tls >= TLS_MODE_TLS && m->tls <= TLS_MODE_NONE);
}

/* Takes packed unique-ids apart, which remain where they are.  How many, or -1: they are none, or too many. */
static ssize_t
seen_uids(const uint8_t *p, size_t len, struct state_uid *uids)
{
	size_t	 n = 0, at = 0;

	for (; at < len; at += uids[n++].len) {
		if (n == PROTO_SEEN_MAX || (uids[n].len = p[at++]) == 0 || uids[n].len > PROTO_UID_MAX || uids[n].len > len - at)
			return (-1);
		uids[n].uid = p + at;
		if (!proto_visible(p + at, uids[n].len))
			return (-1);
	}
	return ((ssize_t)n);
}

/* Writes one portion.  0, or -1: nothing of it is written; text says what was done, or why it was not. */
static int
seen_write(const struct ctl_seen *m, const struct state_uid *uids, size_t n, char *text, size_t size)
{
	struct record	 r = { .owner = m->account, .name = m->name, .user = m->auth_name };
	char		 host[PROTO_HOST_SIZE];
	int64_t		 mailbox;

	r.host = host;
	if (strchr(m->account, '@') == NULL || m->name[0] == '\0' || m->auth_name[0] == '\0' ||
	    !config_where(m->domain, (enum tls_mode)m->tls, host, sizeof(host), &r.port)) {
		snprintf(text, size, "seen unique-ids are of a record with account, name, domain and auth_name; one of them is "
		    "missing, or "
		    "is none");
		return (-1);
	}
	if (state_mailbox(&r, &mailbox) != DB_OK) {
		snprintf(text, size, "%.150s: state.db cannot be written now; try again", m->account);
		return (-1);
	}
	if (seen_busy(mailbox)) {
		snprintf(text, size, "%.120s/%.120s: a session of this record is running; try again when it is over", m->account,
		    m->name);
		return (-1);
	}
	if (state_import_seen(mailbox, uids, n, time(NULL), m->last != 0) != DB_OK) {
		snprintf(text, size, "%.150s: state.db cannot be written now; try again", m->account);
		return (-1);
	}
	seen_changed(mailbox);
	snprintf(text, size, "%zu unique-ids count as delivered", n);
	return (0);
}

/* 1: a session runs on the mailbox, which nobody else may write about meanwhile. */
static int
seen_busy(int64_t mailbox)
{
	const struct session	*s;

	SESSION_FOREACH(s)
		if (s->mailbox == mailbox)
			return (1);
	return (0);
}

/* What is remembered of the mailbox from its last listing is to be found out anew. */
static void
seen_changed(int64_t mailbox)
{
	size_t	 i;

	for (i = 0; i < sched_ntasks; i++)
		if (sched_tasks[i].mailbox == mailbox) {
			spot_forget(&sched_tasks[i]);
			counts_forget(&sched_tasks[i]);
		}
}
