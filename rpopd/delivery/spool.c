/* SPDX-License-Identifier: ISC */
/* What the deliverer is told about links that wait in its spool, and what it answers. */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "rpopd/child/child.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "rpopd/relay/relay.h"
#include "delivery.h"

#define SPOOL_NAME	"spool"	/* below the mail root */

struct move {				/* asked for, not answered; the deliverer answers in order */
	TAILQ_ENTRY(move)	 entry;
	int64_t			 pending;
	char			 link[PROTO_LINK_SIZE];
};

static TAILQ_HEAD(, move)	 moves = TAILQ_HEAD_INITIALIZER(moves);

/* Also to one that is only starting: it may have been told to hold it. */
void
spool_remove(const char *link)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	struct msg_link	 m;

	if (d == NULL)
		return;
	mailroot_tell();
	memset(&m, 0, sizeof(m));
	strlcpy(m.link, link, sizeof(m.link));
	link_send(&d->link, IMSG_SPOOL_REMOVE, -1, &m, sizeof(m));
}

/* A pending row that the deliverer will answer for by SPOOL_MOVED. */
void
spool_later(int64_t pending, const char *link)
{
	struct move	*mv;

	if ((mv = calloc(1, sizeof(*mv))) == NULL)
		fatal("spool_later");
	mv->pending = pending;
	strlcpy(mv->link, link, sizeof(mv->link));
	TAILQ_INSERT_TAIL(&moves, mv, entry);
}

/* Likewise; told of the pending row as well, it finds the link gone the second time. */
void
spool_move(int64_t pending, const char *link, const char *dest)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	struct msg_rcpt	 m;

	if (d == NULL)
		return;
	spool_later(pending, link);
	mailroot_tell();
	memset(&m, 0, sizeof(m));
	m.kind = RCPT_MAILDIR;
	strlcpy(m.link, link, sizeof(m.link));
	strlcpy(m.dest, dest, sizeof(m.dest));
	link_send(&d->link, IMSG_SPOOL_MOVE, -1, &m, sizeof(m));
}

int
spool_open(uint32_t id, const char *link)
{
	struct child	*d = child_of[ROLE_DELIVERER];
	struct msg_link	 m;

	if (d == NULL || !d->ready)
		return (-1);
	memset(&m, 0, sizeof(m));
	m.id = id;
	strlcpy(m.link, link, sizeof(m.link));
	return (link_send(&d->link, IMSG_SPOOL_OPEN, -1, &m, sizeof(m)));
}

/*
 * A look at the name, no more: the directory is the deliverer's.  Without the directory nothing is known: the file system that
 * has it may not be there.
 */
int
spool_has(const char *link)
{
	struct stat	 st;
	int		 root, fd, has = -1;

	if (link[0] == '\0' || strchr(link, '/') != NULL)
		return (0);
	if ((root = open(config_running->settings.mail_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (-1);
	if ((fd = openat(root, SPOOL_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		if (fstatat(fd, link, &st, AT_SYMLINK_NOFOLLOW) == 0)
			has = S_ISREG(st.st_mode) && st.st_size > 0;
		else if (errno == ENOENT)
			has = 0;
		close(fd);
	}
	close(root);
	return (has);
}

/* It is in its Maildir for good: the pending row goes with the next commit. */
int
spool_moved(const struct msg_link *m)
{
	struct move	*mv;

	TAILQ_FOREACH(mv, &moves, entry)
		if (strcmp(mv->link, m->link) == 0)
			break;
	if (mv == NULL)
		return (-1);
	TAILQ_REMOVE(&moves, mv, entry);
	commit_moved(mv->pending);
	free(mv);
	return (0);
}

void
spool_reset(void)
{
	struct move	*mv;

	while ((mv = TAILQ_FIRST(&moves)) != NULL) {
		TAILQ_REMOVE(&moves, mv, entry);
		free(mv);
	}
}
