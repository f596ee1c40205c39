/* SPDX-License-Identifier: ISC */
/*
 * The mail root's file .rpopd, which says to which state.db the mail root belongs, and how much of that it knows.  The counter is
 * written before anything in the mail root changes because of a commit, and becomes durable with the next durability step.  An
 * error costs no mail: the counter stays behind, and a later start goes by what it finds.  The file is open for writing only while
 * it is written to, so that its file system can be made read-only.
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/rootfile.h"
#include "deliverer.h"

static struct {
	int		 fd;		/* -1: the file is not open, or has failed */
	int		 started;	/* 1: the start is complete, the master may be told */
	int		 rootfd;
	int		 complained;	/* the error that was logged last */
	uint64_t	 written, durable, told;
} mark = { .fd = -1 };

/* Opens the file.  0, or -1 with the reason logged: this is not the mail root that the master means. */
int
rootmark_open(int rootfd, const struct msg_root_identity *m)
{
	struct rootfile	 f;

	rootmark_close();
	if ((mark.fd = openat(rootfd, ROOTFILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1 ||
	    rootfile_read(mark.fd, &f) == -1) {
		log_warn("mail root: %s", ROOTFILE_NAME);
		rootmark_close();
		return (-1);
	}
	if (memcmp(f.identity, m->identity, sizeof(f.identity)) != 0) {
		log_warnx("mail root: belongs to another state.db");
		rootmark_close();
		return (-1);
	}
	mark.rootfd = rootfd;
	mark.written = f.counter;
	return (rootmark_counter(m->counter));
}

void
rootmark_close(void)
{
	if (mark.fd != -1)
		close(mark.fd);
	memset(&mark, 0, sizeof(mark));
	mark.fd = -1;
}

int
rootmark_counter(uint64_t counter)
{
	int	 fd, error = 0;

	if (mark.fd == -1 || counter == mark.written)
		return (0);
	if ((fd = openat(mark.rootfd, ROOTFILE_NAME, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) == -1 ||
	    rootfile_counter(fd, counter) == -1)
		error = errno;
	if (fd != -1)
		close(fd);
	if (error != 0) {
		if (error != mark.complained)
			log_warnx("mail root: %s: write: %s", ROOTFILE_NAME, strerror(error));
		mark.complained = error;
		return (0);
	}
	mark.complained = 0;
	mark.written = counter;
	HOOK("deliverer.root");
	batch_settle_by(ROOTMARK_SECONDS);
	return (0);
}

/* Whether the file is to be made durable with the files of a batch; item is it then. */
int
rootmark_item(struct sync_item *item)
{
	if (mark.fd == -1 || mark.written == mark.durable)
		return (0);
	item->fd = mark.fd;
	return (1);
}

/* The file was made durable, or error says why not; a descriptor that has failed is not used again. */
void
rootmark_synced(int error)
{
	if (error == 0) {
		mark.durable = mark.written;
		return;
	}
	errno = error;
	log_warn("mail root: %s: fsync", ROOTFILE_NAME);
	close(mark.fd);
	mark.fd = -1;
}

/* A durability step has included the spool's directory: the master is told the counter that is durable. */
void
rootmark_settle(void)
{
	if (mark.fd != -1 && mark.written != mark.durable)
		rootmark_synced(fsync(mark.fd) == -1 ? errno : 0);
	if (!mark.started || mark.durable == mark.told)
		return;
	HOOK("deliverer.rooted");
	mark.told = mark.durable;
	master_send(IMSG_ROOT_DURABLE, &mark.told, sizeof(mark.told));
}

void
rootmark_started(void)
{
	mark.started = 1;
}
