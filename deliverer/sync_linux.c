/* SPDX-License-Identifier: ISC */
/*
 * Many files durable at once, on Linux.  Three passes: write-back of all is started; all of it is awaited, after which the
 * metadata of every file is in the journal's running transaction; then all are fsync(2)ed at the same time, so that one journal
 * commit and a few cache flushes serve them all.  One after the other, each fsync(2) would order a flush of its own, which is
 * most of the time spent.  The kernel's asynchronous I/O runs fsync(2) on its own threads and reports the error of each file.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/syscall.h>

#include <linux/aio_abi.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/log.h"
#include "deliverer.h"

#define SYNC_PARALLEL	32		/* fsync(2) calls at the same time, for each of which the kernel takes a thread */

static size_t	 sync_submit(struct sync_item *, size_t);
static size_t	 sync_reap(size_t);

static aio_context_t	 sync_context;		/* 0: there is none, and fsync(2) is called for one file after the other */

void
sync_init(void)
{
	if (syscall(SYS_io_setup, SYNC_PARALLEL, &sync_context) == -1) {
		sync_context = 0;
		log_debug("no asynchronous fsync: %s", strerror(errno));
	}
}

/* Starts writing octets of a file back, without waiting for the disk; errors show in sync_files(). */
void
sync_start(int fd, off_t off, off_t len)
{
	(void)sync_file_range(fd, off, len, SYNC_FILE_RANGE_WRITE);
}

/* Makes files durable.  Waiting for write-back takes a write error away from fsync(2), so that error counts here. */
void
sync_files(struct sync_item *items, size_t n)
{
	size_t	 i, done, got;

	for (i = 0; i < n; i++)
		items[i].error = sync_file_range(items[i].fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == -1 &&
		    errno != ESPIPE ? errno : 0;
	for (done = 0; sync_context != 0 && done < n; done += got) {
		if ((got = sync_submit(items + done, n - done < SYNC_PARALLEL ? n - done : SYNC_PARALLEL)) == 0)
			break;
	}
	for (; done < n; done++)
		if (fsync(items[done].fd) == -1 && items[done].error == 0)
			items[done].error = errno;
}

/* Calls fsync(2) for the first of n items at the same time; returns how many the kernel has taken, which are all finished. */
static size_t
sync_submit(struct sync_item *items, size_t n)
{
	struct iocb	 cbs[SYNC_PARALLEL], *list[SYNC_PARALLEL];
	size_t		 i, taken, left;
	long		 r;

	memset(cbs, 0, sizeof(cbs));
	for (i = 0; i < n; i++) {
		cbs[i].aio_data = (uintptr_t)&items[i];
		cbs[i].aio_lio_opcode = IOCB_CMD_FSYNC;
		cbs[i].aio_fildes = items[i].fd;
		list[i] = &cbs[i];
	}
	if ((r = syscall(SYS_io_submit, sync_context, (long)n, list)) <= 0)
		return (0);
	taken = r;
	for (left = taken; left > 0; left -= sync_reap(left))
		;
	return (taken);
}

/* Takes in at most n results; returns their number. */
static size_t
sync_reap(size_t n)
{
	struct io_event		 events[SYNC_PARALLEL];
	struct sync_item	*item;
	long			 i, r;

	if ((r = syscall(SYS_io_getevents, sync_context, 1L, (long)n, events, NULL)) == -1) {
		if (errno != EINTR)
			fatal("io_getevents");
		return (0);
	}
	for (i = 0; i < r; i++) {
		item = (struct sync_item *)(uintptr_t)events[i].data;
		if (events[i].res < 0 && item->error == 0)
			item->error = (int)-events[i].res;
	}
	return (r);
}
