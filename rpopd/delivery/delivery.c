/* SPDX-License-Identifier: ISC */
/* What the deliverer says of the mail root, its spool and notices: the form of its messages is checked here. */
#include <sys/stat.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/state/state.h"
#include "delivery_int.h"

static int	 delivery_root_durable(void *, struct imsg *);
static int	 delivery_maildir(void *, struct imsg *);
static int	 delivery_set_aside(void *, struct imsg *);
static int	 delivery_set_aside_done(void *, struct imsg *);
static int	 delivery_notice(void *, struct imsg *);
static int	 delivery_file(int, uint64_t);
static int	 delivery_opened(void *, struct imsg *);
static int	 delivery_moved(void *, struct imsg *);

static const struct rule	 rules[] = {
	{ IMSG_ROOT_DURABLE,	RULES_ANY,	delivery_root_durable },
	{ IMSG_MAILDIR_BLOCKED,	RULES_ANY,	delivery_maildir },
	{ IMSG_SET_ASIDE_FILE,	RULES_ANY,	delivery_set_aside },
	{ IMSG_SET_ASIDE_DONE,	RULES_ANY,	delivery_set_aside_done },
	{ IMSG_NOTICE_MADE,	RULES_ANY,	delivery_notice },
	{ IMSG_SPOOL_OPENED,	RULES_ANY,	delivery_opened },
	{ IMSG_SPOOL_MOVED,	RULES_ANY,	delivery_moved },
};

/* Once, before the first deliverer is started. */
void
delivery_start(const struct delivery_calls *calls)
{
	spool_start(calls->moved);
	notice_start(calls->queued);
	child_rules(ROLE_DELIVERER, rules, nitems(rules));
}

/* The part of rpopctl status that this room knows. */
void
delivery_sums(struct ctl_daemon *m)
{
	strlcpy(m->mail_root_error, mailroot_trouble(), sizeof(m->mail_root_error));
	m->blocked_maildirs = place_waiting(m->blocked_maildir, sizeof(m->blocked_maildir));
	m->unknown_files = set_aside_count();
}

/* IMSG_ROOT_DURABLE: so much of state.db is known to the mail root for good. */
static int
delivery_root_durable(void *arg, struct imsg *imsg)
{
	uint64_t	 counter;

	(void)arg;
	if (rules_payload(imsg, &counter) == -1)
		return (-1);
	state_rooted(counter);
	return (0);
}

/* IMSG_MAILDIR_BLOCKED */
static int
delivery_maildir(void *arg, struct imsg *imsg)
{
	struct msg_maildir_blocked	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_text(m.dest, sizeof(m.dest)) || m.error > INT_MAX)
		return (-1);
	place_told(&m);
	return (0);
}

/* IMSG_SET_ASIDE_FILE */
static int
delivery_set_aside(void *arg, struct imsg *imsg)
{
	struct msg_set_aside_file	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || !proto_str(m.name, sizeof(m.name)) || m.name[0] == '\0' || m.fresh > 1)
		return (-1);
	set_aside_told(&m);
	return (0);
}

/* IMSG_SET_ASIDE_DONE */
static int
delivery_set_aside_done(void *arg, struct imsg *imsg)
{
	struct msg_set_aside_done	 m;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || m.error > INT_MAX)
		return (-1);
	spool_answered(m.id, &(struct spool_answer){ .fd = -1, .error = (int)m.error });
	return (0);
}

/* IMSG_NOTICE_MADE */
static int
delivery_notice(void *arg, struct imsg *imsg)
{
	struct msg_notice_made	 m;

	(void)arg;
	return (rules_payload(imsg, &m) == -1 || !proto_text(m.link, sizeof(m.link)) || m.error > INT_MAX ? -1 : notice_made(&m));
}

/*
 * Whether fd is a regular file, open for reading only, with so many octets from its offset on: 1 or 0.  A sender will get the
 * descriptor, and is to be able to do nothing else with it.
 */
static int
delivery_file(int fd, uint64_t octets)
{
	struct stat	 st;
	off_t		 off;

	return (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY &&
	    (off = lseek(fd, 0, SEEK_CUR)) != -1 && off <= st.st_size && (uint64_t)(st.st_size - off) == octets);
}

/* IMSG_SPOOL_OPENED */
static int
delivery_opened(void *arg, struct imsg *imsg)
{
	struct msg_spool_opened	 m;
	int			 fd;

	(void)arg;
	if (rules_payload(imsg, &m) == -1 || m.error > INT_MAX)
		return (-1);
	fd = imsg_get_fd(imsg);
	if ((fd == -1) != (m.error != 0) || (fd != -1 && !delivery_file(fd, m.octets))) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	spool_answered(m.id, &(struct spool_answer){ .opened = 1, .fd = fd, .octets = m.octets, .error = (int)m.error });
	return (0);
}

/* IMSG_SPOOL_MOVED */
static int
delivery_moved(void *arg, struct imsg *imsg)
{
	struct msg_link	 m;

	(void)arg;
	return (rules_payload(imsg, &m) == -1 || !proto_str(m.link, sizeof(m.link)) ? -1 : spool_moved(&m));
}
