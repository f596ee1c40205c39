/* SPDX-License-Identifier: ISC */
/*
 * spool/aside: files of the spool that no row of the master's knows and that were not in flight for certain.  They are mail until
 * somebody has looked: nothing here is removed but by an administrator's word.
 *
 *	step				spool/		aside/		dies right after: the next start	hook
 *	found				the link	-		finds it again				-
 *	linked				the link	the link	finds it again, already linked		deliverer.aside
 *	unlinked			-		the link	lists it				deliverer.asided
 *
 * Links of one message for several recipients are one file: it is kept once, under the name of link 0.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/compat.h"
#include "common/hook.h"
#include "common/log.h"
#include "deliverer.h"

#define ASIDE_TRIES	1000	/* names for different files of one name */

static int	 aside_dir(int);
static void	 aside_name(const char *, int, char *, size_t);
static int	 aside_rename(const char *, int, const char *);
static void	 aside_tell(int, const char *, int);

static int	 dirfd_aside = -1;

/* Its descriptor, or -1 and errno. */
static int
aside_dir(int make)
{
	if (dirfd_aside != -1)
		return (dirfd_aside);
	if (make && mkdirat(spool_fd(), ASIDE_DIR, 0700) == -1 && errno != EEXIST)
		return (-1);
	dirfd_aside = openat(spool_fd(), ASIDE_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (dirfd_aside);
}

void
aside_close(void)
{
	if (dirfd_aside != -1)
		close(dirfd_aside);
	dirfd_aside = -1;
}

/* The name that a link gets: of link 0 of its message; with a number in front from the second try on. */
static void
aside_name(const char *link, int n, char *name, size_t size)
{
	struct spool_id	 id;
	uint32_t	 rcpt;
	const char	*r;
	char		 prefix[16] = "";

	if (n > 0)
		snprintf(prefix, sizeof(prefix), "%d_", n);
	if (spool_parse(link, &id, &rcpt) == 0 && (r = strchr(link, 'R')) != NULL)
		snprintf(name, size, "%s%.*sR0%s", prefix, (int)(r - link), link, r + 1 + strspn(r + 1, "0123456789"));
	else
		snprintf(name, size, "%s%s", prefix, link);
}

/* Out of the spool, never lost.  0, or -1 and errno: it stays where it is. */
int
aside_put(const char *link)
{
	struct stat	 a, b;
	char		 name[PROTO_LINK_SIZE * 3];
	int		 dir, n;

	if ((dir = aside_dir(1)) == -1 || fstatat(spool_fd(), link, &a, AT_SYMLINK_NOFOLLOW) == -1)
		return (-1);
	for (n = 0; n < ASIDE_TRIES; n++) {
		aside_name(link, n, name, sizeof(name));
		if (linkat(spool_fd(), link, dir, name, 0) == 0)
			break;
		if (errno != EEXIST)
			return (aside_rename(link, dir, name));
		if (fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
			break;
	}
	if (n == ASIDE_TRIES)
		return (-1);
	HOOK("deliverer.aside");
	if (fsync(dir) == -1 || unlinkat(spool_fd(), link, 0) == -1)
		return (-1);
	HOOK("deliverer.asided");
	aside_tell(dir, name, 1);
	return (0);
}

/* What is no file, or not ours to link, moves as it is; only we make names there. */
static int
aside_rename(const char *link, int dir, const char *name)
{
	struct stat	 st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || renameat(spool_fd(), link, dir, name) == -1 || fsync(dir) == -1)
		return (-1);
	aside_tell(dir, name, 1);
	return (0);
}

/* To the master: everything that is there. */
void
aside_list(void)
{
	struct dirent	*de;
	DIR		*dir;
	int		 fd, at;

	if ((at = aside_dir(0)) == -1)
		return;
	if ((fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 || (dir = fdopendir(fd)) == NULL) {
		log_warn("%s/%s", SPOOL_DIR, ASIDE_DIR);
		if (fd != -1)
			close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			aside_tell(at, de->d_name, 0);
	closedir(dir);
}

static void
aside_tell(int dir, const char *name, int fresh)
{
	struct msg_set_aside_file	 m;
	struct stat		 st;

	memset(&m, 0, sizeof(m));
	if (strlcpy(m.name, name, sizeof(m.name)) >= sizeof(m.name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		log_warnx("%s/%s/%.64s: cannot be listed", SPOOL_DIR, ASIDE_DIR, name);
		return;
	}
	m.fresh = fresh;
	m.since = st.st_mtime;
	m.octets = st.st_size;
	master_send(IMSG_SET_ASIDE_FILE, &m, sizeof(m));
}

int
aside_open(const struct msg_set_aside_act *m, struct msg_spool_opened *answer)
{
	int	 dir;

	if ((dir = aside_dir(0)) != -1)
		return (queue_open_at(dir, m->name, m->id, answer));
	memset(answer, 0, sizeof(*answer));
	answer->id = m->id;
	answer->error = errno;
	return (-1);
}

/* One rename or one removal: whenever everything dies, the file is in one place. */
int
aside_act(const struct msg_set_aside_act *m)
{
	struct maildir	*md;
	char		 err[PROTO_TEXT_SIZE];
	int		 dir, rv, saved;

	if ((dir = aside_dir(0)) == -1)
		return (-1);
	errno = EINVAL;
	if (*m->name == '\0' || strchr(m->name, '/') != NULL)
		return (-1);
	HOOK("deliverer.act");
	if (m->act == QUARANTINE_DROP)
		rv = unlinkat(dir, m->name, 0);
	else if ((md = maildir_get(m->dest, err, sizeof(err))) == NULL)
		return (-1);
	else {
		rv = maildir_put(md, dir, m->name);
		saved = errno;
		maildir_release(md);
		errno = saved;
	}
	HOOK("deliverer.acted");
	return (rv == -1 ? -1 : fsync(dir));
}
