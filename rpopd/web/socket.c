/* SPDX-License-Identifier: ISC */
/*
 * The socket that a web server speaks FastCGI to.  Who can connect to it is believed in what it says of a browser: its address, and
 * that the connection is encrypted.  So nobody can but root and the members of one group, from the moment on that it is there.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "web_int.h"

#define BACKLOG		128
#define NOBODY_ELSE	0117		/* umask(2): it is for its owner and its group */

static int	 socket_place(const char *, char *, size_t);
static int	 socket_make(const char *, gid_t);

int
web_socket(const char *path, const char *group, char *err, size_t errsize)
{
	struct group	*gr = NULL;
	int		 fd;

	if (*group != '\0' && (gr = getgrnam(group)) == NULL) {
		snprintf(err, errsize, "web_socket %s: there is no group %s (web_group)", path, group);
		return (-1);
	}
	if (socket_place(path, err, errsize) == -1)
		return (-1);
	if ((fd = socket_make(path, gr == NULL ? 0 : gr->gr_gid)) == -1)
		snprintf(err, errsize, "web_socket %s: %s", path, strerror(errno));
	return (fd);
}

/* There is nothing at path any more, if what was there is a socket that somebody has left.  0, or -1 and a sentence. */
static int
socket_place(const char *path, char *err, size_t errsize)
{
	struct stat	 st;

	if (lstat(path, &st) == -1) {
		if (errno == ENOENT)
			return (0);		/* or its directory is missing, which bind(2) says */
	} else if (!S_ISSOCK(st.st_mode)) {
		snprintf(err, errsize, "web_socket %s: there is something else in its place", path);
		return (-1);
	} else if (unlink(path) == 0)
		return (0);
	snprintf(err, errsize, "web_socket %s: %s", path, strerror(errno));
	return (-1);
}

/* The socket, or -1 and errno. */
static int
socket_make(const char *path, gid_t group)
{
	struct sockaddr_un	 sun;
	mode_t			 before;
	int			 fd, saved;

	memset(&sun, 0, sizeof(sun));
	sun.sun_family = AF_UNIX;
	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) == -1)
		return (-1);
	before = umask(NOBODY_ELSE);
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0) {
		(void)umask(before);
		if (lchown(path, 0, group) == 0 && listen(fd, BACKLOG) == 0)
			return (fd);
		saved = errno;
		(void)unlink(path);
	} else {
		saved = errno;
		(void)umask(before);
	}
	close(fd);
	errno = saved;
	return (-1);
}
