/* SPDX-License-Identifier: ISC */
/* Many files durable, with nothing but fsync(2). */
#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <unistd.h>

#include "deliverer.h"

void
sync_init(void)
{
}

void
sync_start(int fd, off_t off, off_t len)
{
	(void)fd;
	(void)off;
	(void)len;
}

void
sync_files(struct sync_item *items, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i++)
		items[i].error = fsync(items[i].fd) == -1 ? errno : 0;
}
