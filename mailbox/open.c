/* SPDX-License-Identifier: ISC */
/* The opening of a mailbox: from a path to a locked-in process with a list of messages. */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/sandbox/sandbox.h"
#include "mailbox.h"

static int	 path_sound(const char *);
static int	 path_open(const char *, int *);
static int	 directories_open(struct box *);
static int	 box_read(struct box *, const struct msg_box_start *);
static void	 box_sizes(struct box *);
static int	 box_fail(struct msg_box_failed *, const char *, int);

/* Whether a path leads from the mail root downwards: no empty part, none of dots alone. */
static int
path_sound(const char *path)
{
	size_t	 len;

	for (;; path += len + 1) {
		len = strcspn(path, "/");
		if (len == 0 || len > NAME_LEN_MAX || strspn(path, ".") >= len)
			return (0);
		if (path[len] == '\0')
			return (1);
	}
}

/*
 * Opens a directory below the mail root, without following links.  0 and *fd, which is -1 if there is no such one; or -1 and errno.
 */
static int
path_open(const char *path, int *fd)
{
	const int	 flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char		 name[NAME_LEN_MAX + 1];
	size_t		 len;
	int		 next, saved;

	if ((*fd = open("/", flags)) == -1)
		return (-1);
	for (; *path != '\0'; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		memcpy(name, path, len);
		name[len] = '\0';
		next = openat(*fd, name, flags);
		saved = errno;
		close(*fd);
		if ((*fd = next) == -1) {
			errno = saved;
			return (saved == ENOENT ? 0 : -1);
		}
	}
	return (0);
}

/* Either of its directories may be missing: a Maildir that mail was never delivered to.  0, or -1 and errno. */
static int
directories_open(struct box *b)
{
	static const char *const	 names[BOX_DIRS] = { [BOX_NEW] = "new", [BOX_CUR] = "cur" };
	int				 i;

	for (i = 0; i < BOX_DIRS; i++) {
		b->fd[i] = openat(b->dir, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (b->fd[i] == -1 && errno != ENOENT)
			return (-1);
	}
	return (0);
}

static int
box_fail(struct msg_box_failed *failed, const char *dir, int error)
{
	char	 path[PROTO_DEST_SIZE];

	memset(failed, 0, sizeof(*failed));
	failed->missing = error == ENOENT;
	failed->temporary = error == ENOMEM || error == EIO || error == EMFILE || error == ENFILE || error == EINTR ||
	    error == ESTALE;
	log_vis(path, sizeof(path), dir, strlen(dir));
	if (error == E2BIG)
		snprintf(failed->text, sizeof(failed->text), "more than %d messages in %.200s", PROTO_MSGS_MAX, path);
	else if (error == EINVAL)
		snprintf(failed->text, sizeof(failed->text), "not a directory of the mail root: %.200s", path);
	else
		snprintf(failed->text, sizeof(failed->text), "%.120s: %.40s%s", path, strerror(error),
		    error == EACCES || error == EPERM ? "; the mail root and all below it must belong to _rpopm" : "");
	return (-1);
}

/* Opens the mailbox and locks the process into it.  0, or -1 and the message for the master; the process is to end then. */
int
box_open(struct box *b, const struct msg_box_start *start, struct msg_box_failed *failed)
{
	memset(b, 0, sizeof(*b));
	b->dir = b->fd[BOX_NEW] = b->fd[BOX_CUR] = -1;
	if (!path_sound(start->dir))
		return (box_fail(failed, start->dir, EINVAL));
	if (path_open(start->dir, &b->dir) == -1)
		return (box_fail(failed, start->dir, errno));
	HOOK_TRESPASS(-1);
	sandbox_narrow(SANDBOX_MAILBOX, b->dir, start->dir);
	HOOK_TRESPASS(b->dir);
	HOOK("mailbox.locked");
	if (b->dir != -1 && directories_open(b) == -1)
		return (box_fail(failed, start->dir, errno));
	if (start->must_exist && b->fd[BOX_NEW] == -1 && b->fd[BOX_CUR] == -1)
		return (box_fail(failed, start->dir, ENOENT));
	if (b->dir != -1 && box_read(b, start) == -1)
		return (box_fail(failed, start->dir, errno));
	HOOK("mailbox.opened");
	return (0);
}

/* The list of messages, from the index alone if that will do.  0, or -1 and errno. */
static int
box_read(struct box *b, const struct msg_box_start *start)
{
	(void)index_read(b->dir, &b->list, &b->snapshot);
	if (!scan_current(b) && scan_all(b) == -1)
		return (-1);
	if (start->expire != UINT32_MAX)
		change_expire(b, start->expire);
	box_sizes(b);
	return (start->field[0] == '\0' ? 0 : filter_box(b, start->field, start->address, (int)start->detail));
}

/*
 * The octets of all messages.  A file that is gone meanwhile, or is somebody else's, is no message.  One that cannot be read is
 * listed nevertheless, without octets, and whoever retrieves it is told.
 */
static void
box_sizes(struct box *b)
{
	struct message	*m;
	char		 name[LOG_VIS_MAX * 4 + 1];
	uint32_t	 i;

	for (i = 0; i < b->list.n; i++) {
		m = &b->list.v[i];
		if ((m->flags & MESSAGE_SIZED) || message_size(b, m) == 0)
			continue;
		if (errno == ENOENT || errno == EACCES || errno == ELOOP || errno == ENXIO)
			m->flags |= MESSAGE_GONE;
		if (errno != ENOENT)
			log_warn("message %s", log_vis(name, sizeof(name), list_name(&b->list, m), m->len));
	}
	list_keep(&b->list, MESSAGE_GONE, 0);
}

/* Writes down in the index what it does not have, if there is anything. */
void
box_note(struct box *b)
{
	if (b->learned && !b->filtered)
		(void)index_write(b->dir, &b->list, &b->snapshot);
	b->learned = 0;
}
