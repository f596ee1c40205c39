/* SPDX-License-Identifier: ISC */
/* Files and directories get their final names when they are complete: durably, and never in the place of another one. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "db.h"

static int	 file_exclusive(const char *, const char *);

/*
 * Gives what is durable already the name to, which nothing may have, and makes that durable.  0, or -1 with a sentence in err; then
 * it has its old name, unless it is the directory that could not be written.
 */
int
file_name(const char *from, const char *to, char *err, size_t errsize)
{
	if (file_exclusive(from, to) == 0)
		return (file_directory(to, err, errsize));
	if (errno == EEXIST || errno == ENOTEMPTY)
		snprintf(err, errsize, "%s: exists already; it stays as it is", to);
	else
		snprintf(err, errsize, "%s: cannot be created: %s", to, strerror(errno));
	return (-1);
}

/* Makes the entries of the directory that this file is in durable.  0, or -1 with a sentence in err. */
int
file_directory(const char *path, char *err, size_t errsize)
{
	char	 dir[PATH_MAX];
	int	 fd, rv = -1;

	if (strlcpy(dir, path, sizeof(dir)) >= sizeof(dir))
		errno = ENAMETOOLONG;
	else if ((fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) != -1) {
		rv = fsync(fd);
		close(fd);
	}
	if (rv == -1)
		snprintf(err, errsize, "%s: its directory cannot be written: %s", path, strerror(errno));
	return (rv);
}

/* rename(2) that fails if the new name is somebody's; where the system has no such call, only a race is left. */
static int
file_exclusive(const char *from, const char *to)
{
#ifdef RENAME_NOREPLACE
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return (0);
	if (errno != EINVAL && errno != ENOSYS)
		return (-1);
#endif
	if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return (-1);
	}
	return (errno == ENOENT ? rename(from, to) : -1);
}
