/* SPDX-License-Identifier: ISC */
/* Is a message in a Maildir already, in new/ or, with flags behind its name, in cur/?  Nothing is made, nothing followed. */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "deliverer.h"

static int	 lookup_cur(int, const char *);

/* 1, 0. */
int
lookup_place(int rootfd, const char *path, const char *name)
{
	struct stat	 st;
	char		 part[256];
	size_t		 len;
	int		 fd, next, has;

	if ((fd = openat(rootfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return (0);
	for (; *path != '\0'; path += len + (path[len] == '/')) {
		len = strcspn(path, "/");
		if (len >= sizeof(part)) {
			close(fd);
			return (0);
		}
		memcpy(part, path, len);
		part[len] = '\0';
		next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		if ((fd = next) == -1)
			return (0);
	}
	if ((next = openat(fd, "new", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		has = fstatat(next, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		close(next);
	} else
		has = 0;
	has = has || lookup_cur(fd, name);
	close(fd);
	return (has);
}

/* Readers put ":2," and flags behind a name, some of them sizes after a comma before that. */
static int
lookup_cur(int fd, const char *name)
{
	struct dirent	*de;
	size_t		 len = strlen(name);
	DIR		*dir;
	int		 cur, has = 0;

	if ((cur = openat(fd, "cur", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) == -1)
		return (0);
	if ((dir = fdopendir(cur)) == NULL) {
		close(cur);
		return (0);
	}
	while (!has && (de = readdir(dir)) != NULL)
		has = strncmp(de->d_name, name, len) == 0 && strchr(":,", de->d_name[len]) != NULL;
	closedir(dir);
	return (has);
}
